"""Every exception emoscene raises, in one tree.

    EmosceneError                     what went wrong, the offending value, the remedy
    ├── InputError                    the caller's input cannot be used                 exit 2
    │   ├── BoxError                  a bounding box that names no part of the picture
    │   ├── LabelSpaceError           an unknown label space, or a faulty label file
    │   ├── OptionError               an unknown option or an impossible value
    │   └── MissingFileError          a path that does not exist or is not a file
    ├── PictureError                  a file that exists but is no picture we decode    row: unreadable
    │   └── PictureLimitError         bytes, pixels or sides above the limits           row: unreadable
    ├── PersonNotFoundError           nobody there where a person was looked for        row: no_person
    ├── ModelError                    a model that cannot be used
    │   ├── UnknownModelError         no recognizer, folder or file of that name        exit 2
    │   ├── ModelNotHereError         known, but its files are not on this machine      exit 2
    │   ├── ModelFilesError           files missing, unsafe, or not what their hash says
    │   └── AnswerError               the model ran but its answer cannot be used       row: failed
    └── MissingExtraError             an optional dependency is not installed           exit 2

Each error carries `what` (one sentence), `value` (the offending value, shortened), `remedy` (one sentence
that says how to mend it) and `retryable` (whether the same call may succeed later). `str(error)` is one line.
Messages never carry a decoder's own text, an object's address, or a stack.
"""

from __future__ import annotations

from typing import ClassVar

__all__ = [
    "AnswerError",
    "BoxError",
    "EmosceneError",
    "InputError",
    "LabelSpaceError",
    "MissingExtraError",
    "MissingFileError",
    "ModelError",
    "ModelFilesError",
    "ModelNotHereError",
    "OptionError",
    "PersonNotFoundError",
    "PictureError",
    "PictureLimitError",
    "UnknownModelError",
]

_LONGEST_VALUE = 120


class EmosceneError(Exception):
    """The root of all errors raised on purpose by emoscene.

    Args:
        what: One sentence, without a full stop, that says what is wrong.
        value: The offending value; shown shortened and on one line.
        remedy: One sentence that says how to mend it.
        retryable: Whether the same call may succeed later without a change.
    """

    code: ClassVar[str] = "error"

    def __init__(self, what: str, *, value: object = None, remedy: str = "", retryable: bool = False) -> None:
        self.what = what
        self.value = None if value is None else shorten(value)
        self.remedy = remedy
        self.retryable = retryable
        super().__init__(str(self))

    def __str__(self) -> str:
        line = self.what if self.value is None else f"{self.what}: {self.value}"
        return f"{line}. {self.remedy}" if self.remedy else line

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.what, self.value, self.remedy, self.retryable)


def _rebuild(
    kind: type[EmosceneError], what: str, value: str | None, remedy: str, retryable: bool
) -> EmosceneError:
    return kind(what, value=value, remedy=remedy, retryable=retryable)


def shorten(value: object, longest: int = _LONGEST_VALUE) -> str:
    """The value as one printable line of at most `longest` characters (control characters escaped)."""
    text = value if isinstance(value, str) else str(value)
    line = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text[: longest + 1])
    return line if len(line) <= longest else line[: longest - 1] + "…"


class InputError(EmosceneError):
    code = "input"


class BoxError(InputError):
    code = "box"


class LabelSpaceError(InputError):
    code = "label_space"


class OptionError(InputError):
    code = "option"


class MissingFileError(InputError):
    code = "missing_file"


class PictureError(EmosceneError):
    code = "picture"


class PictureLimitError(PictureError):
    code = "picture_limit"


class PersonNotFoundError(EmosceneError):
    code = "person_not_found"


class ModelError(EmosceneError):
    code = "model"


class UnknownModelError(ModelError):
    code = "unknown_model"


class ModelNotHereError(ModelError):
    code = "model_not_here"


class ModelFilesError(ModelError):
    code = "model_files"


class AnswerError(ModelError):
    code = "answer"


class MissingExtraError(EmosceneError):
    """An optional dependency is missing; build it with `MissingExtraError.of("models", "torch")`."""

    code = "missing_extra"

    @classmethod
    def of(cls, extra: str, package: str) -> MissingExtraError:
        return cls(
            f"this needs the package {package!r}, which is not installed",
            remedy=f'Install it with: pip install "emoscene[{extra}]"',
        )
