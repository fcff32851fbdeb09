"""Label spaces: which emotions there are to name. Keyed by slug id, never by position."""

from emoscene.labels.space import Label, LabelSpace, label_space, label_space_names

__all__ = ["Label", "LabelSpace", "label_space", "label_space_names"]
