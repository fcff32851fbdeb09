"""The faults that EMOTIC's files are known to have, and what is done about each."""

from __future__ import annotations

from emoscene.datasets.base import Defect

__all__ = ["DEFECTS"]

DEFECTS = {
    "labels_only": Defect(
        "split without pictures: no folder of pictures was found",
        "samples have labels and no picture; name the folder with --data pictures=FOLDER",
        "warning",
    ),
    "missing_picture": Defect(
        "person whose picture is not in the folder of pictures",
        "kept: the path stays, and the person's row will say that it is unreadable",
        "warning",
    ),
    "unreadable_picture": Defect(
        "picture whose header cannot be read",
        "its people are kept, and their rows will say that it is unreadable",
        "warning",
    ),
    "other_size": Defect(
        "picture of another size than the annotations say",
        "the picture's own size is taken; boxes may be off if it was scaled or cropped",
        "warning",
    ),
    "no_box": Defect("person without a box in this format", "kept: the whole picture stands for the person"),
    "head_box": Defect(
        "person whose box is that of the head in this format",
        "taken as the person's box; figures do not compare with those on boxes of bodies",
        "warning",
    ),
    "box_clamped": Defect("box that reaches beyond the picture", "cut to the picture"),
    "box_unusable": Defect(
        "box that is empty, turned round, not finite, or outside the picture",
        "the person is kept without a box: the whole picture stands for them",
        "warning",
    ),
    "unlabelled": Defect(
        "person without a category",
        "left out; --data unlabelled=keep gives them without a target",
    ),
    "unlabelled_kept": Defect("person without a category", "kept without a target, as asked"),
    "vad_missing": Defect(
        "person without valence, arousal and dominance", "target_vad is None; labels are kept"
    ),
    "vad_out_of_range": Defect(
        "person or annotator whose valence, arousal or dominance is not from 1 to 10",
        "taken as missing",
        "warning",
    ),
    "union_differs": Defect(
        "person whose combined labels are not the union of the annotators'", "the combined ones are taken"
    ),
    "respelled": Defect("label in another spelling than EMOTIC's", "taken for the label it names"),
    "positional": Defect(
        "person from a table whose label columns have no names",
        "columns taken in alphabetical order",
        "warning",
    ),
    "same_person_twice": Defect(
        "person whose picture and box stand twice in a split", "both are kept", "warning"
    ),
    "leaked_picture": Defect(
        "picture of val that is in train too",
        "kept; rules and early stopping of a model fitted on train will look too good; "
        "--data leaked=leave_out takes these pictures out of train",
        "warning",
    ),
    "leaked_person": Defect(
        "person of val whose picture is in train too", "kept in val, in any case", "warning"
    ),
    "leaked_left_out": Defect("person of train whose picture is in val", "left out of train, as asked"),
    "other_count": Defect(
        "test split with a number of people that none of the known versions of EMOTIC has for this format",
        "read as it is; say so beside the figures, which compare with no published table",
        "warning",
    ),
    "other_files": Defect(
        "other annotation file in the same folder",
        "not read; --data layout=NAME, or the file as --root, takes it",
    ),
}
