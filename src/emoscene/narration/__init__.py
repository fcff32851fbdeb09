"""From a picture to a narrative caption: who the person is, what they do, where, and how they carry themselves."""

from emoscene.narration.base import Narrative, Narrator, View
from emoscene.narration.narracap import ChoiceRules, NarraCap, PictureTextEncoder
from emoscene.narration.vocabulary import SLOTS, Vocabularies, load_vocabulary, read_entries

__all__ = [
    "SLOTS",
    "ChoiceRules",
    "NarraCap",
    "Narrative",
    "Narrator",
    "PictureTextEncoder",
    "View",
    "Vocabularies",
    "load_vocabulary",
    "read_entries",
]
