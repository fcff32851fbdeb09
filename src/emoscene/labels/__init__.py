"""Label spaces: which emotions there are to name. Keyed by slug id, never by position."""

from emoscene.labels.loader import label_space, label_space_names
from emoscene.labels.space import Label, LabelSpace, normal_form

__all__ = ["Label", "LabelSpace", "label_space", "label_space_names", "normal_form"]
