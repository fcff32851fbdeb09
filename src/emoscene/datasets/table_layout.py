"""How a table is to be read: every option of `--dataset table`, checked once, before a row is read."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator

from emoscene.errors import OptionError

__all__ = ["TableLayout", "VoteRule", "layout_of", "listed"]


def listed(value: Any) -> Any:
    """A list as the command line writes it: `a,b,c` or `["a", "b"]`; other values as they are."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    if text.startswith("["):
        try:
            return json.loads(text)
        except json.JSONDecodeError:
            raise ValueError("write the list as a,b,c or as JSON") from None
    return [part.strip() for part in text.split(",") if part.strip()]


def _mapped(value: Any) -> Any:
    """A mapping as the command line writes it: `0:anger,1:fear` or `{"0": "anger"}`."""
    if isinstance(value, str):
        if value.lstrip().startswith("{"):
            try:
                value = json.loads(value)
            except json.JSONDecodeError:
                raise ValueError('write the mapping as 0:anger,1:fear or as JSON, {"0": "anger"}') from None
        else:
            pairs = [part.partition(":") for part in value.split(",") if part.strip()]
            if not all(colon for _, colon, _ in pairs):
                raise ValueError('write the mapping as 0:anger,1:fear or as JSON, {"0": "anger"}')
            value = {key.strip(): to.strip() for key, _, to in pairs}
    return {str(key): to for key, to in value.items()} if isinstance(value, Mapping) else value


def _alternatives(value: Any) -> Any:
    """One list of column names, or several of different lengths."""
    value = listed(value)
    if isinstance(value, list) and value and all(isinstance(each, str) for each in value):
        return [value]
    return value


_List = Annotated[tuple[str, ...], BeforeValidator(listed)]
_Numbers = Annotated[tuple[float, ...], BeforeValidator(listed)]
_Map = Annotated[dict[str, str], BeforeValidator(_mapped)]
_OnFault = Literal["error", "leave_out"]
_VOTES = re.compile(r"majority|plurality|any|share:(0?\.\d+|1(\.0+)?)")


class VoteRule(BaseModel):
    """How many votes make a label hold: `majority`, `plurality`, `any`, or a share of the votes."""

    model_config = ConfigDict(frozen=True)
    kind: str
    share: float = 0.0

    @classmethod
    def parse(cls, text: str) -> VoteRule:
        if not _VOTES.fullmatch(text):
            raise ValueError("votes is majority, plurality, any, or share:0.3 (a number up to 1)")
        kind, _, share = text.partition(":")
        if kind == "share" and float(share) <= 0:
            raise ValueError("the share of votes must be above 0")
        return cls(kind=kind, share=float(share or 0))


class TableLayout(BaseModel):
    """The options of a table. Column names that are left out are looked for under their usual names.

    Attributes:
        called: What the dataset is called in the ids of its samples.
        space: Label space of the targets: a name or a YAML file.
        files: Files of the splits below the root, where the root is a folder: split -> names to try.
        separator: Between columns; by default found out from the first line.
        columns: Names of the columns of a file without a header line; several lists for rows of different lengths.
        image, text, id, group: Names of columns; `none` for a column that is not to be used.
        split: Name of the column, or of the one split where there is no such column.
        box: One column (`x1,y1,x2,y2`) or four.
        box_format: `xyxy` (corners) or `xywh` (corner, width, height).
        labels: The column of labels: one, several separated by `label_separator`, a JSON or a Python list.
        label_columns: One column a label: 1 and 0, or a share between that holds from `threshold` on.
        vote_columns: One column a label with numbers of votes.
        votes: Which labels the votes make hold: `majority` (over half), `plurality` (the most), `any`, `share:0.3`.
        least_votes: Fewer votes than this for a label count as none.
        valence, arousal, dominance: Columns of numbers from `vad_range[0]` to `vad_range[1]`, told on 1 to 10.
        vad_missing: Numbers that mean that nothing was said.
        pictures: The folder of the pictures: names to try, relative to the table.
        picture_name: How a file name is made of the column: `{image}`, `{stem}`, `{suffix}`, `{split_folder}`.
        split_folders: split -> what stands for `{split_folder}`.
        outside: Whether pictures may lie outside of their folder.
        codes: What stands in the table -> the label it means.
        ignore: Labels in the table that are none: their rows are left out. As vote columns: their votes
            count in the total, and for no label.
        unknown: What to do about a label that the space does not have.
        faulty: What to do about a row with a faulty box or number.
        attributes: Columns that are kept as attributes.
        split_names: What stands in the split column -> the name of the split.
        split_match: A regular expression; its first group, found in the image's name, is the split.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    called: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]*$", max_length=60)] = "table"
    space: str = "emotic"
    files: dict[str, _List] = Field(default_factory=dict)
    separator: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    columns: Annotated[tuple[tuple[str, ...], ...], BeforeValidator(_alternatives)] = ()
    image: str | None = None
    text: str | None = None
    id: str | None = None
    group: str | None = None
    split: str | None = None
    box: _List = ()
    box_format: Literal["xyxy", "xywh"] | None = None
    labels: str | None = None
    label_separator: Annotated[str, Field(min_length=1, max_length=5)] = ";"
    label_columns: _List = ()
    threshold: float = 0.5
    vote_columns: _List = ()
    votes: Annotated[VoteRule, BeforeValidator(lambda v: VoteRule.parse(v) if isinstance(v, str) else v)] = (
        VoteRule(kind="majority")
    )
    least_votes: Annotated[float, Field(ge=0)] = 0
    valence: str | None = None
    arousal: str | None = None
    dominance: str | None = None
    vad_range: _Numbers = (1, 10)
    vad_missing: _Numbers = ()
    pictures: _List = (".",)
    picture_name: str = "{image}"
    split_folders: _Map = Field(default_factory=dict)
    outside: bool = False
    codes: _Map = Field(default_factory=dict)
    ignore: _List = ()
    unknown: _OnFault = "error"
    faulty: _OnFault = "error"
    attributes: _List = ()
    split_names: _Map = Field(default_factory=dict)
    split_match: str | None = None

    @field_validator("separator", mode="before")
    @classmethod
    def _tab(cls, value: Any) -> Any:
        return {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "space": " "}.get(value, value)

    @field_validator("columns")
    @classmethod
    def _each_once(cls, value: tuple[tuple[str, ...], ...]) -> tuple[tuple[str, ...], ...]:
        for names in value:
            twice = [name for name in names if names.count(name) > 1]
            if twice:
                raise ValueError(f"columns names {twice[0]!r} twice")
        return value

    @field_validator("vad_range")
    @classmethod
    def _is_a_range(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if len(value) != 2 or not value[0] < value[1]:
            raise ValueError("vad_range is the lowest and the highest number, for example -3,3")
        return value

    @field_validator("box")
    @classmethod
    def _one_or_four(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(value) not in (0, 1, 4):
            raise ValueError("box is one column or four, for example box=x1,y1,x2,y2")
        return value

    @field_validator("split_match")
    @classmethod
    def _is_an_expression(cls, value: str | None) -> str | None:
        try:
            groups = 1 if value is None else re.compile(value).groups
        except re.error:
            groups = 0
        if groups < 1:
            raise ValueError("split_match is a regular expression with a group, for example ^(train|test)_")
        return value


def layout_of(options: Mapping[str, Any]) -> TableLayout:
    """The layout that these options ask for.

    Raises:
        OptionError: with the first option that cannot be used.
    """
    try:
        return TableLayout.model_validate(dict(options))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        option = str(first["loc"][0]) if first["loc"] else ""
        raise OptionError(
            f"the option {option!r} of a table cannot be this",
            value=options.get(option),
            remedy=f"{first['msg'].removeprefix('Value error, ')}.",
        ) from None
