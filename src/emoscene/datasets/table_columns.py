"""Which column of a table is what: those that were named, and the others by their usual names."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from emoscene.datasets.table_layout import TableLayout
from emoscene.errors import InputError, OptionError
from emoscene.labels import LabelSpace, normal_form

__all__ = ["Columns", "find_columns"]

#: role -> names under which its column is found, in normal form.
_USUAL: Mapping[str, tuple[str, ...]] = {
    "image": (
        *("image", "picture", "img", "imagepath", "picturepath", "imagefile", "imagename", "imagefilename"),
        *("filename", "filepath", "file", "path"),
    ),
    "text": ("text", "caption", "essay", "sentence", "story"),
    "labels": (
        "labels",
        "label",
        "emotions",
        "emotion",
        "categories",
        "category",
        "categoricallabels",
        "target",
    ),
    "id": ("id", "annotationid", "sampleid", "key"),
    "group": ("group",),
    "split": ("split", "subset", "partition", "usage"),
    "valence": ("valence",),
    "arousal": ("arousal",),
    "dominance": ("dominance",),
}
_BOXES: tuple[tuple[tuple[str, ...], bool], ...] = (
    (("box",), False),
    (("bbox",), False),
    (("boundingbox",), False),
    (("bodybbox",), False),
    (("x1", "y1", "x2", "y2"), False),
    (("xmin", "ymin", "xmax", "ymax"), False),
    (("left", "top", "right", "bottom"), False),
    (("x", "y", "w", "h"), True),
    (("x", "y", "width", "height"), True),
    (("left", "top", "width", "height"), True),
)
#: Where two columns could be meant, asking is better than guessing.
_ASKED = ("image", "text", "labels")
_NONE = "none"


@dataclass(frozen=True)
class Columns:
    """The columns of a table. `label_columns` and `vote_columns` map a column to the id of its label."""

    image: str | None = None
    text: str | None = None
    labels: str | None = None
    id: str | None = None
    group: str | None = None
    split: str | None = None
    valence: str | None = None
    arousal: str | None = None
    dominance: str | None = None
    box: tuple[str, ...] = ()
    sized: bool = False
    label_columns: Mapping[str, str] | None = None
    vote_columns: Mapping[str, str] | None = None
    ignored_votes: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ()

    @property
    def has_vad(self) -> bool:
        return any((self.valence, self.arousal, self.dominance))


def find_columns(names: Sequence[str], layout: TableLayout, space: LabelSpace, where: str) -> Columns:
    """Which of the columns `names` is what.

    Raises:
        OptionError: if a named column is not there.
        InputError: if two columns could be meant, or no column holds labels or valence.
    """
    table = _Names(tuple(names), where)
    found = {role: _role(role, table, layout) for role in _USUAL}
    box, sized = _box(table, layout)
    label_columns = table.labelled(layout.label_columns, layout, space)
    vote_columns = table.labelled(layout.vote_columns, layout, space)
    if label_columns or vote_columns:
        found["labels"] = table.named("labels", layout.labels) if layout.labels else None
    elif found["labels"] is None:
        label_columns = _one_a_label(table, space)
    if sum(map(bool, (found["labels"], label_columns, vote_columns))) > 1:
        raise OptionError(
            f"{where}: labels are to be read in several ways",
            value="labels, label_columns, vote_columns",
            remedy="Name one of the three.",
        )
    columns = Columns(
        **found,
        box=box,
        sized=sized,
        label_columns=label_columns,
        vote_columns=vote_columns,
        ignored_votes=tuple(
            table.named("vote_columns", name) for name in layout.vote_columns if name in layout.ignore
        ),
        attributes=tuple(table.named("attributes", name) for name in layout.attributes),
    )
    _check_use(columns, table)
    return columns


def _check_use(columns: Columns, table: _Names) -> None:
    if (
        columns.labels is None
        and not columns.label_columns
        and not columns.vote_columns
        and not columns.has_vad
    ):
        raise InputError(
            f"{table.where}: no column holds labels",
            value=", ".join(table.names),
            remedy="Name it: labels=COLUMN, label_columns=A,B,C or vote_columns=A,B,C.",
        )
    if columns.image is None and columns.text is None:
        raise InputError(
            f"{table.where}: no column holds pictures or texts",
            value=", ".join(table.names),
            remedy="Name one: image=COLUMN or text=COLUMN.",
        )


@dataclass(frozen=True)
class _Names:
    names: tuple[str, ...]
    where: str

    def named(self, option: str, name: str) -> str:
        """The column that an option names, exactly or but for case, spaces and punctuation.

        Raises:
            OptionError: with the columns that are there.
        """
        if name in self.names:
            return name
        alike = [each for each in self.names if normal_form(each) == normal_form(name)]
        if len(alike) == 1:
            return alike[0]
        near = difflib.get_close_matches(name, self.names, n=1)
        hint = f"Did you mean {near[0]!r}? " if near else ""
        raise OptionError(
            f"{self.where}: there is no column of the name that {option} gives",
            value=name,
            remedy=f"{hint}There are: {', '.join(self.names[:30])}.",
        )

    def labelled(
        self, wanted: Sequence[str], layout: TableLayout, space: LabelSpace
    ) -> dict[str, str] | None:
        """column -> label id, for the columns that an option names; those to be ignored are left out.

        Raises:
            OptionError: if a column is not there, names no label, or two name the same.
        """
        if not wanted:
            return None
        columns: dict[str, str] = {}
        for name in wanted:
            column = self.named("label_columns", name)
            if name in layout.ignore:
                continue
            label = space.find(layout.codes.get(name, name))
            if label is None or label.id in columns.values():
                what = "names no label of" if label is None else "names a label a second time of"
                raise OptionError(
                    f"{self.where}: this column {what} {space.name}",
                    value=name,
                    remedy=f"Say which label it is: codes={name}:LABEL. Labels: {', '.join(space.ids)}.",
                )
            columns[column] = label.id
        return columns


def _role(role: str, table: _Names, layout: TableLayout) -> str | None:
    wanted = getattr(layout, role)
    if role == "split":
        return _split(table, wanted)
    if wanted is not None:
        return None if wanted == _NONE and _NONE not in table.names else table.named(role, wanted)
    found = [name for usual in _USUAL[role] for name in table.names if normal_form(name) == usual]
    if len(found) > 1 and role in _ASKED:
        raise InputError(
            f"{table.where}: several columns could be the {role}",
            value=", ".join(found),
            remedy=f"Say which: {role}={found[0]}.",
        )
    return found[0] if found else None


def _split(table: _Names, wanted: str | None) -> str | None:
    """The split's column; a name that is no column is the name of the one split."""
    if wanted is not None:
        return wanted if wanted in table.names else None
    found = [name for usual in _USUAL["split"] for name in table.names if normal_form(name) == usual]
    return found[0] if found else None


def _box(table: _Names, layout: TableLayout) -> tuple[tuple[str, ...], bool]:
    if layout.box == (_NONE,):
        return (), False
    if layout.box:
        return tuple(table.named("box", name) for name in layout.box), layout.box_format == "xywh"
    by_form = {normal_form(name): name for name in table.names}
    for usual, sized in _BOXES:
        if all(name in by_form for name in usual):
            given = layout.box_format is not None
            return tuple(by_form[name] for name in usual), layout.box_format == "xywh" if given else sized
    return (), False


def _one_a_label(table: _Names, space: LabelSpace) -> dict[str, str] | None:
    """Where every label of the space has a column of its name, those columns."""
    exact = {normal_form(term): each.id for each in space for term in (each.id, each.name, *each.variants)}
    found = {name: exact[normal_form(name)] for name in table.names if normal_form(name) in exact}
    return found if sorted(found.values()) == sorted(space.ids) else None
