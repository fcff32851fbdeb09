"""Pictures: one door in (`open_picture`), and regions of them (crop, red box, marks, masks)."""

from emoscene.images.picture import Limits, OpenedPicture, open_base64, open_picture

__all__ = ["Limits", "OpenedPicture", "open_base64", "open_picture"]
