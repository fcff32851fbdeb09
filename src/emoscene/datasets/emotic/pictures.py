"""Where EMOTIC's pictures lie, whatever the archive was unpacked into, and how large each is by its header."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from emoscene.errors import MissingFileError, PictureError
from emoscene.images import Limits
from emoscene.images.headers import read_header

__all__ = ["DATABASES", "Pictures", "find_pictures", "folders_below"]

#: The collections that EMOTIC is made of; each is a folder of its own.
DATABASES = ("mscoco", "framesdb", "emodb_small", "ade20k")

_FIRST_BYTES = 64 * 1024
_DEEPEST = 4
_MOST_FOLDERS = 2_000


class Pictures:
    """The folder that holds the databases' folders, or none. Sizes are kept, so that no header is read twice."""

    def __init__(self, root: Path | None) -> None:
        self.root = root
        self._sizes: dict[Path, tuple[int, int] | None] = {}

    def path(self, database: str, filename: str) -> Path | None:
        """Where a picture lies or should lie; None if there is no folder of pictures."""
        if self.root is None:
            return None
        usual = self.root / database / "images" / filename
        if usual.is_file():
            return usual
        flat = self.root / database / filename
        return flat if flat.is_file() else usual

    def size(self, path: Path) -> tuple[int, int] | None:
        """Width and height by the picture's header; None if it has no readable one.

        Raises:
            MissingFileError: if there is no such file.
        """
        if path not in self._sizes:
            self._sizes[path] = _size(path)
        return self._sizes[path]


def _size(path: Path) -> tuple[int, int] | None:
    """From the first bytes, which hold the size of nearly every picture, else from the whole file."""
    try:
        with path.open("rb") as file:
            data = file.read(_FIRST_BYTES)
            found = _header(data)
            if found is None and len(data) == _FIRST_BYTES:
                found = _header(data + file.read(Limits().file_bytes))
    except OSError:
        raise MissingFileError(
            "no such picture", value=path, remedy="Check the folder of pictures."
        ) from None
    return found


def _header(data: bytes) -> tuple[int, int] | None:
    try:
        header = read_header(data)
    except PictureError:
        return None
    return (header.width, header.height) if min(header.width, header.height) > 0 else None


def find_pictures(start: Path) -> Path | None:
    """The folder that holds the databases' folders, the nearest to the top; None if there is none.

    Looks in and below the folder (or a file's folder), then beside it: the archives of annotations and of pictures
    are often unpacked next to each other, and twice nested.
    """
    here = start if start.is_dir() else start.parent
    for folder in folders_below(here):
        if _holds_databases(folder):
            return folder
    above = here.resolve().parent
    near = (above, above / "emotic", above / "emotic" / "emotic", above / "images", above / "cvpr_emotic")
    return next((folder for folder in near if _holds_databases(folder)), None)


def folders_below(top: Path) -> Iterator[Path]:
    """A folder and those below it, nearest first, in the order of their names; folders of pictures are not entered."""
    level, seen = [top], 0
    for _ in range(_DEEPEST + 1):
        below: list[Path] = []
        for folder in level:
            seen += 1
            if seen > _MOST_FOLDERS:
                return
            yield folder
            if not _is_picture_folder(folder):
                below += sorted(
                    child for child in folder.iterdir() if child.is_dir() and not child.is_symlink()
                )
        level = below


def _is_picture_folder(folder: Path) -> bool:
    return folder.name in DATABASES or (folder.name == "images" and folder.parent.name in DATABASES)


def _holds_databases(folder: Path) -> bool:
    return any((folder / database).is_dir() for database in DATABASES)
