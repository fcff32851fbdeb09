"""EMOTIC (Kosti et al., PAMI 2019), in every format in which people have it. One file a format; see `open_emotic`."""

from emoscene.datasets.emotic.emotic import FACTS, open_emotic
from emoscene.datasets.emotic.people import EmoticPerson

__all__ = ["FACTS", "EmoticPerson", "open_emotic"]
