"""Answers as one HTML file that needs nothing else; what keeps it so is in `document`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from emoscene.labels import LabelSpace
from emoscene.render import words
from emoscene.render.document import document, escaped, frame_style, outline, thumbnail
from emoscene.types import Picture, Prediction, ScoreKind

__all__ = ["Shown", "page"]

_MOST_LABELS = 6
_PEOPLE = ("#ffd640", "#5ad1ff", "#ff80ab", "#9ce25c", "#ff9e5e", "#bea0ff")


@dataclass(frozen=True)
class Shown:
    """A picture (None where there is none, or none that can be read) and the answers about it."""

    picture: Picture | None
    predictions: tuple[Prediction, ...]


def page(shown: Iterable[Shown], labels: LabelSpace | None = None, *, model: str = "", why: str = "") -> str:
    """The page as a string; write it as UTF-8.

    Args:
        shown: Pictures with their answers, in the order of the page.
        labels: Where display names, definitions and colours come from; without it ids are shown.
        model: Which model answered.
        why: Why that one.
    """
    scenes = "\n".join(_scene(each, labels) for each in shown)
    about = f"answered by {model}, {why}" if why else model
    return document("Apparent emotion", about, scenes)


def _scene(shown: Shown, labels: LabelSpace | None) -> str:
    people = shown.predictions
    source = people[0].source or people[0].id if people else ""
    several = len(people) > 1
    answers = "\n".join(_person(row, index if several else None, labels) for index, row in enumerate(people))
    if shown.picture is None:
        return f'<section class="scene"><h2>{escaped(source)}</h2>{answers}</section>'
    boxes = "".join(
        outline(row.box, shown.picture, _who(index), _badge(index) if several else "")
        for index, row in enumerate(people)
        if row.box is not None
    )
    return (
        f'<section class="scene pictured"><h2>{escaped(source)}</h2>'
        f'<div class="shot"><div class="frame" style="{frame_style(shown.picture)}">'
        f"{thumbnail(shown.picture, source)}{boxes}</div></div>"
        f"<div>{answers}</div></section>"
    )


def _badge(index: int) -> str:
    return f'<span class="badge">{index + 1}</span>'


def _who(index: int) -> str:
    return f"--who:{_PEOPLE[index % len(_PEOPLE)]}"


def _person(row: Prediction, index: int | None, labels: LabelSpace | None) -> str:
    badge = "" if index is None else f"{_badge(index)} "
    style = "" if index is None else f' style="{_who(index)}"'
    parts = [f'<article class="person"{style}>']
    if row.ok:
        title = words.label_name(row.dominant, labels) if row.dominant else "no label"
        parts.append(f"<h3>{badge}{escaped(title)}</h3>")
    else:
        what, remedy = words.problem(row)
        parts.append(f"<h3>{badge}{escaped(str(row.status).replace('_', ' '))}</h3>")
        parts.append(f'<p class="problem">{escaped(what)}.{" " + escaped(remedy) if remedy else ""}</p>')
    about = [words.box_words(row.box) if row.source != "text" else "words alone", row.model]
    if row.ok:
        about.append(words.kind_words(row.score_kind))
        parts.insert(2, f'<p class="faint">{escaped(" · ".join(about))}</p>')
        parts += _scores(row, labels)
    for name, said in (("caption", row.caption), ("reason", row.reason)):
        if said:
            parts.append(f'<p class="said"><b>{name}</b>{escaped(said)}</p>')
    if row.warnings:
        notes = "".join(f"<li>{escaped(warning)}</li>" for warning in row.warnings)
        parts.append(f'<ul class="notes">{notes}</ul>')
    return "\n".join([*parts, "</article>"])


def _scores(row: Prediction, labels: LabelSpace | None) -> Iterator[str]:
    shown = words.shown_scores(row, _MOST_LABELS)
    yield f'<div class="bars">{"".join(_label_bar(row, label, score, labels) for label, score in shown)}</div>'
    if row.vad is not None:
        lines = (_vad_bar(name, getattr(row.vad, name)) for name in words.VAD_ENDS)
        yield f'<div class="bars small">{"".join(lines)}</div>'
    rest = [item for item in row.top(len(row.scores)) if item not in shown]
    if rest and row.score_kind is not ScoreKind.MEMBERSHIP:
        yield f"<details><summary>the other {len(rest)} labels</summary><ul>{_rest(rest, labels)}</ul></details>"


def _label_bar(row: Prediction, label: str, score: float, labels: LabelSpace | None) -> str:
    name = words.label_name(label, labels)
    meaning = labels[label].definition if labels is not None and label in labels.ids else ""
    number = "" if row.score_kind is ScoreKind.MEMBERSHIP else words.score_words(score)
    filled = 100 * words.bar_fraction(row, score)
    return (
        f'<div title="{escaped(meaning)}"><span>{escaped(name)}</span>'
        f'<span class="track"><span class="fill {words.tone(label, labels)}" style="width:{filled:.1f}%"></span></span>'
        f'<span class="number">{number}</span></div>'
    )


def _vad_bar(name: str, value: float) -> str:
    low, high = words.VAD_ENDS[name]
    filled = 100 * words.vad_fraction(value)
    return (
        f'<div title="1 {low} to 10 {high}"><span>{name}</span>'
        f'<span class="track"><span class="fill vad" style="width:{filled:.1f}%"></span></span>'
        f'<span class="number">{value:.1f} <span class="ends">of 10</span></span></div>'
    )


def _rest(scores: Sequence[tuple[str, float]], labels: LabelSpace | None) -> str:
    return "".join(
        f"<li><span>{escaped(words.label_name(label, labels))}</span>"
        f'<span class="number">{words.score_words(score)}</span></li>'
        for label, score in scores
    )
