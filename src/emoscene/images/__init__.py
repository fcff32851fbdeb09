"""Pictures: one door in (`open_picture`), and regions of them (crop, red box, marks, masks)."""

from emoscene.images.picture import Limits, OpenedPicture, open_base64, open_picture
from emoscene.images.regions import crop, mask, numbered_marks, red_box

__all__ = [
    "Limits",
    "OpenedPicture",
    "crop",
    "mask",
    "numbered_marks",
    "open_base64",
    "open_picture",
    "red_box",
]
