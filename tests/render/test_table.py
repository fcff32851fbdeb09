from __future__ import annotations

import io

import pytest
from rich.cells import cell_len
from rich.console import Console

from emoscene.labels import Label, LabelSpace
from emoscene.render.table import Look, show
from emoscene.types import Prediction, ScoreKind, Status
from tests.render.conftest import failed, prediction

WIDTHS = (24, 40, 60, 80, 120)


class Terminal(io.StringIO):
    """A stream with an encoding of its own."""

    def __init__(self, encoding: str) -> None:
        super().__init__()
        self._encoding = encoding

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._encoding


def shown(
    row: Prediction, width: int = 80, labels: LabelSpace | None = None, *, encoding: str = "utf-8"
) -> str:
    stream = Terminal(encoding)
    console = Console(file=stream, width=width, highlight=False, markup=False, emoji=False)
    show(row, console, labels, Look(index=3))
    return stream.getvalue()


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(
    "row", [prediction(), failed(), failed(Status.OUT_OF_DOMAIN)], ids=lambda r: r.status
)
def test_no_line_is_wider_than_the_terminal(row: Prediction, width: int, emotic: LabelSpace) -> None:
    lines = shown(row, width, emotic).splitlines()
    assert max(cell_len(line) for line in lines) <= width


@pytest.mark.parametrize("width", [60, 80, 120])
def test_everything_of_an_answer_is_there(width: int, emotic: LabelSpace) -> None:
    said = " ".join(shown(prediction(), width, emotic).split())
    for words in (
        "3. photo.png",
        "box 20,30,90,140",
        "a-model, share of yes among yes and no",
        "Yearning",
        "0.52",
        "valence",
        "7.2",
        "her brother waits for her.",
        "reason: The open arms suggest joy.",
        "note: the box reached beyond the picture and was clamped",
    ):
        assert words in said


def test_bars_are_as_long_as_their_scores(emotic: LabelSpace) -> None:
    scores = dict.fromkeys(emotic.ids, 0.0) | {"fear": 1.0, "anger": 0.5}
    lines = shown(prediction(scores=scores, labels=()), 80, emotic).splitlines()
    full, half, empty = (
        next(line for line in lines if name in line) for name in ("Fear", "Anger", "Affection")
    )
    assert full.count("█") == 2 * half.count("█") == 40
    assert empty.count("█") == 0


def test_scores_outside_0_to_1_get_relative_bars(emotic: LabelSpace) -> None:
    scores = dict.fromkeys(emotic.ids, -9.0) | {"fear": -1.0, "anger": -5.0}
    row = prediction(scores=scores, labels=(), score_kind=ScoreKind.LABEL_LIKELIHOOD)
    said = shown(row, 80, emotic)
    assert "bars relative" in said
    assert next(line for line in said.splitlines() if "Anger" in line).count("█") == 20


def test_a_parsed_set_lists_its_members_only(emotic: LabelSpace) -> None:
    scores = dict.fromkeys(emotic.ids, 0.0) | {"fear": 1.0}
    row = prediction(scores=scores, labels=("fear",), score_kind=ScoreKind.MEMBERSHIP)
    said = shown(row, 80, emotic)
    assert "Fear" in said
    assert "Anger" not in said


def test_pipes_get_no_colour(emotic: LabelSpace) -> None:
    assert "\x1b" not in shown(prediction(), 80, emotic)


def test_terminals_without_unicode_get_ascii(emotic: LabelSpace) -> None:
    assert shown(prediction(), 80, emotic, encoding="ascii").isascii()


def test_hostile_words_do_not_steer_the_terminal() -> None:
    evil = "\x1b[2J[red]\u202e"
    labels = LabelSpace("own", "own", (Label("fear", f"F{evil}", ""),))
    row = prediction(
        source=evil,
        caption=evil,
        reason=evil,
        warnings=(evil,),
        model=evil,
        scores={"fear": 0.5},
        labels=(),
        dominant="fear",
    )
    said = shown(row, 80, labels)
    assert not set(said) & set("\x1b\u202e")
    assert "[red]" in said


def test_problem_and_remedy_of_a_failed_row() -> None:
    said = shown(failed())
    assert "unreadable: this is no picture: notes.jpg" in said
    assert "Save it as PNG." in said
