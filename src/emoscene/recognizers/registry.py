"""Names of recognizers and how each is made. One line here registers one; other packages register theirs
through the entry-point group `emoscene.recognizers` (name -> a factory of the same signature)."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any, cast, get_type_hints

from pydantic import TypeAdapter, ValidationError

from emoscene.errors import OptionError, UnknownModelError
from emoscene.labels import LabelSpace
from emoscene.recognizers.base import Recognizer

__all__ = ["Factory", "check_options", "create", "factory", "names", "unknown"]

#: `factory(labels, **options)` makes a recognizer. Its keyword parameters are the options that `-o` sets.
Factory = Callable[..., Recognizer]

_BUILT_IN = {
    "all_labels": "emoscene.recognizers.priors:make_all_labels",
    "dual_encoder": "emoscene.recognizers.dual_encoder:make",
    "embedded": "emoscene.recognizers.embedded:make",
    "endpoint": "emoscene.recognizers.endpoint:make",
    "face": "emoscene.recognizers.face:make",
    "head": "emoscene.recognizers.head:make",
    "language": "emoscene.recognizers.language:make",
    "majority": "emoscene.recognizers.priors:make_majority",
    "narrated": "emoscene.recognizers.narrated:make",
    "network": "emoscene.recognizers.network:make",
    "none": "emoscene.recognizers.priors:make_none",
    "rand6": "emoscene.recognizers.priors:make_rand6",
    "rand6_weighted": "emoscene.recognizers.priors:make_rand6_weighted",
    "text": "emoscene.recognizers.text:make",
    "vlm": "emoscene.recognizers.vlm:make",
}
_GROUP = "emoscene.recognizers"


def names() -> list[str]:
    """All registered names: built in first, then those of other installed packages."""
    others = [e.name for e in entry_points(group=_GROUP) if e.name not in _BUILT_IN]
    return [*_BUILT_IN, *sorted(others)]


def factory(name: str) -> Factory:
    """The factory registered under `name`; its module is imported now, not before.

    Raises:
        UnknownModelError: with the nearest registered name in the remedy.
    """
    if name in _BUILT_IN:
        module, _, attribute = _BUILT_IN[name].partition(":")
        return cast(Factory, getattr(import_module(module), attribute))
    for entry in entry_points(group=_GROUP):
        if entry.name == name:
            return cast(Factory, entry.load())
    raise unknown(name, names())


def unknown(name: str, known: Sequence[str]) -> UnknownModelError:
    """The error of a name that nothing has, with the nearest of `known` in the remedy."""
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"Did you mean {near[0]!r}? " if near else ""
    return UnknownModelError(
        "no recognizer, folder or file has this name",
        value=name,
        remedy=f"{hint}`emoscene models list` shows the known ones.",
    )


def create(name: str, labels: LabelSpace, options: Mapping[str, Any]) -> Recognizer:
    """Make the recognizer registered under `name`.

    Raises:
        UnknownModelError: if nothing is registered under that name.
        OptionError: if an option is not one of that recognizer's, or its value cannot be used.
    """
    make = factory(name)
    check_options(f"the model {name!r}", make, options)
    return make(labels, **options)


def check_options(owner: str, make: Callable[..., object], options: Mapping[str, Any]) -> None:
    """Check options against the keyword-only parameters of `make` and their types.

    Raises:
        OptionError: with what `owner` (such as "the model 'vlm'") takes in the remedy.
    """
    known = [p.name for p in inspect.signature(make).parameters.values() if p.kind is p.KEYWORD_ONLY]
    for option in options:
        if option not in known:
            near = difflib.get_close_matches(option, known, n=1)
            hint = f"Did you mean {near[0]!r}? " if near else ""
            raise OptionError(
                f"{owner} has no option of this name",
                value=option,
                remedy=f"{hint}Its options: {', '.join(known) or 'none'}.",
            )
    for option, value in options.items():
        _check_type(owner, option, value, get_type_hints(make).get(option))


def _check_type(owner: str, option: str, value: object, wanted: Any) -> None:
    if wanted is None:
        return
    try:
        TypeAdapter(wanted).validate_python(value, strict=True)
    except ValidationError as error:
        raise OptionError(
            f"the option {option!r} of {owner} cannot be this",
            value=value,
            remedy=f"{error.errors()[0]['msg']}.",
        ) from None
