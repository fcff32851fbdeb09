"""A report holds everything that was promised, needs nothing from outside, and believes nobody's words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from emoscene.datasets.base import Ledger
from emoscene.errors import OptionError
from emoscene.evaluation.report import ReportInput, write_report
from emoscene.evaluation.report.blocks import Code, Grid, Line, Paragraph, as_markdown
from emoscene.evaluation.report.examples import person_f1, ranked_people
from emoscene.evaluation.report.tables import published
from emoscene.evaluation.run import Asked, run
from emoscene.evaluation.score import Settings, run_table, score
from emoscene.labels import Label, LabelSpace
from emoscene.recognizers.priors import make_majority
from emoscene.render.words import NOTICE, USE_NOTICE
from emoscene.runs.record import RunFiles
from emoscene.types import BoundingBox, Sample
from tests.evaluation.people import EKMAN, EMOTIC, Guesser, MadeUp, made_run
from tests.render.test_page import Reader

EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>|`*[a](javascript:b)\n# x"
SOME = Settings(rounds=20)


def given(files: RunFiles, settings: Settings = SOME) -> ReportInput:
    return ReportInput(files, score(run_table(files), settings, about=files.request))


def majority(folder: Path, **people: Any) -> RunFiles:
    return run(
        MadeUp(folder.parent, **people), make_majority(EMOTIC), Asked("test", {"spec": "majority"}), folder
    )


def written(*runs: ReportInput, out: Path, **options: Any) -> tuple[str, str]:
    page = write_report(runs, out, **options)
    return page.read_text("utf-8"), page.with_suffix(".md").read_text("utf-8")


def spoken(page: str) -> str:
    return " ".join(" ".join(Reader(page).words).split())


@pytest.fixture(scope="module")
def one_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    folder = tmp_path_factory.mktemp("one")
    return written(given(made_run(folder / "run", refuse=True)), out=folder / "report")


def test_everything_that_was_promised_is_there(one_run: tuple[str, str]) -> None:
    page, plain = one_run
    said = spoken(page)
    for heading in ("What was measured", "The main figures", "Label by label", "Precision and recall",
                    "What is named instead", "Calibration", "Who was answered", "People answered best and worst",
                    "Every figure", "How to get the same again"):  # fmt: skip
        assert heading in said
        assert f"## {heading}" in plain
    for text in (NOTICE, USE_NOTICE, "made up", "36 (90.0%)", "4 (10.0%)", "share of yes among yes and no",
                 "as wrongly as can be", "emoscene eval run --dataset made_up", "emoscene eval report run",
                 "--bootstrap 20 --by group", "draw groups",
                 "40 × person is made up: is kept", "no answer: 4 × ", "truth_sha256"):  # fmt: skip
        assert text in said, text
    for label in EMOTIC:
        assert label.name in said
    # Two plots of bars, a curve for each label, a heat map, a calibration plot.
    assert page.count("<svg ") == 2 + len(EMOTIC) + 2


def test_it_needs_nothing_from_outside(one_run: tuple[str, str]) -> None:
    page, _ = one_run
    read = Reader(page)
    assert not {"script", "link", "iframe", "object", "image", "foreignObject"} & set(read.tags)
    assert all(value.startswith("#") for name, value in read.attributes if name.endswith("href"))
    assert not [value for name, value in read.attributes if name in {"src", "srcset", "action"}]
    assert not re.search(r"https?:|@import|url\((?!#)", page)
    assert "default-src 'none'" in page


def test_the_figures_are_those_of_the_scores(tmp_path: Path) -> None:
    shown = given(made_run(tmp_path / "run"))
    page, plain = written(shown, out=tmp_path / "report")
    for key in ("macro_f1", "micro_f1", "samples_f1", "hamming", "subset_accuracy", "mean_ap"):
        interval = shown.scores.intervals[key]
        figure = f"{100 * shown.scores.figures[key].value:.2f}"
        ends = f"{100 * interval.low:.2f}–{100 * interval.high:.2f}"
        assert f'>{figure}<span class="note">{ends}</span>' in page
        assert f"**{figure}** ({ends})" in plain
    baseline = shown.scores.baselines["all_labels_macro_f1"]
    assert f"macro F1 of {100 * baseline:.2f}" in plain


def test_a_report_is_the_same_every_time(tmp_path: Path) -> None:
    shown = given(made_run(tmp_path / "run"))
    assert written(shown, out=tmp_path / "a") == written(shown, out=tmp_path / "a")


def test_sets_get_a_sentence_instead_of_curves(tmp_path: Path) -> None:
    page, plain = written(given(majority(tmp_path / "run"), Settings()), out=tmp_path / "report")
    assert "majority: no curves, because its answers are sets" in plain
    assert "majority: no plot, because its answers are sets" in plain
    assert page.count("<svg ") == 2
    assert "none were asked for" in plain


def test_several_runs_stand_side_by_side(tmp_path: Path) -> None:
    runs = [given(made_run(tmp_path / "good", noise=0.2)), given(made_run(tmp_path / "bad", noise=0.9)),
            given(majority(tmp_path / "prior"))]  # fmt: skip
    page, plain = written(*runs, out=tmp_path / "report")
    assert "## Differences" in plain
    assert "guesser (bad) minus guesser (good)" in plain
    assert "majority minus guesser (good)" in plain
    assert page.count("<svg ") == 2 + len(EMOTIC) + 3 + 1
    assert {"var(--run-1)", "var(--run-2)", "var(--run-3)"} <= set(re.findall(r"var\(--run-\d\)", page))


def test_runs_about_others_are_refused(tmp_path: Path) -> None:
    first = given(made_run(tmp_path / "first"))
    for other, why in (
        (made_run(tmp_path / "val", split="val"), "split test and val"),
        (made_run(tmp_path / "few", people=30), "40 and 30 people, of whom they share 30"),
        (made_run(tmp_path / "ekman", labels=EKMAN), "label space emotic and ekman"),
    ):
        with pytest.raises(OptionError, match=why):
            write_report([first, given(other)], tmp_path / "report")
    table = first.table
    changed = replace(first, scores=replace(first.scores, table=replace(table, truth=~table.truth)))
    with pytest.raises(OptionError, match="what is known about the same people"):
        write_report([first, changed], tmp_path / "report")
    with pytest.raises(OptionError, match="scored in one way"):
        write_report([first, given(first.run, Settings(rounds=30))], tmp_path / "report")
    with pytest.raises(OptionError, match="at most 8 runs"):
        write_report([first] * 9, tmp_path / "report")
    with pytest.raises(OptionError, match="needs a run"):
        write_report([], tmp_path / "report")
    assert not (tmp_path / "report").exists()


def test_a_file_in_the_way_is_said(tmp_path: Path) -> None:
    (tmp_path / "report").write_text("x")
    with pytest.raises(OptionError, match="cannot be written"):
        write_report([given(made_run(tmp_path / "run"), SOME)], tmp_path / "report", people=0)


class Pictured(MadeUp):
    """One person a picture; some pictures are missing, broken, or smaller than their box; all words are hostile."""

    def samples(self, split: str, ledger: Ledger | None = None) -> Iterator[Sample]:
        whole, broken = self.root / "a <b>.png", self.root / "broken.png"
        Image.new("RGB", (400, 300), (90, 140, 90)).save(whole)
        broken.write_bytes(b"no picture")
        pictures = [whole, broken, self.root / "missing.png", whole]
        for at, sample in enumerate(super().samples(split, ledger)):
            box = (1000, 1000, 1100, 1100) if at % 4 == 3 else (40, 30, 140, 280)
            yield sample.model_copy(update={
                "id": f"{sample.id}{EVIL}", "group": str(at), "picture": pictures[at % 4],
                "text": f"{sample.text} {EVIL}", "box": BoundingBox.model_validate(box),
            })  # fmt: skip


class Hostile(Guesser):
    def prepare(self, subject: Any) -> tuple[str, str]:
        return "x/1", subject.sample.text or ""


def test_people_are_shown_and_their_words_believed_nowhere(tmp_path: Path) -> None:
    space = LabelSpace(
        "own", "own", (Label("fear", EVIL.partition("\n")[0], "x"), Label("joy", "$joy$", "x"))
    )
    asked = Asked("test", {"spec": EVIL, "options": {EVIL: EVIL}})
    files = run(Pictured(tmp_path, space, 8), Hostile(space, name=EVIL), asked, tmp_path / "run")
    page, plain = written(given(files), out=tmp_path / "report", people=4)
    read = Reader(page)
    assert not {"script", "a"} & set(read.tags)
    assert not [name for name, _ in read.attributes if name.startswith("on")]
    images = [value for name, value in read.attributes if name == "src"]
    assert len(images) == 2
    assert all(value.startswith("data:image/jpeg;base64,") for value in images)
    said = spoken(page)
    for why in (
        "no picture: no such file",
        "no picture: not a picture format that emoscene reads",
        "no picture: the box lies wholly outside",
    ):
        assert why in said, why
    assert "left:10.000%;top:10.000%" in page
    assert "hand it on only as the terms of the dataset allow" in said
    assert str(tmp_path) not in page
    prose = re.sub(r"```.*?```", "", plain, flags=re.DOTALL)
    assert "<script" not in prose.replace("\\<script", "")
    assert not re.search(r"(?<!\\)\[a", prose)
    assert not re.search(r"^# x", prose, flags=re.MULTILINE)


def test_best_and_worst_are_other_people_of_other_pictures(tmp_path: Path) -> None:
    table = run_table(made_run(tmp_path / "run", refuse=True))
    f1 = person_f1(table)
    best, worst = ranked_people(table, 5)
    assert not set(best) & set(worst)
    groups = [table.groups[at] for at in [*best, *worst]]
    assert len(groups) == len(set(groups)) == 10
    assert [f1[at] for at in best] == sorted((f1[at] for at in best), reverse=True)
    assert [f1[at] for at in worst] == sorted(f1[at] for at in worst)
    assert f1[best[0]] == f1[table.ok].max()
    assert f1[worst[0]] == f1[table.ok].min()
    assert table.ok[[*best, *worst]].all()
    both = (table.truth[best[0]] & table.chosen[best[0]]).sum()
    assert f1[best[0]] == pytest.approx(2 * both / (table.truth[best[0]].sum() + table.chosen[best[0]].sum()))


def test_people_can_be_left_out(tmp_path: Path) -> None:
    page, plain = written(given(made_run(tmp_path / "run")), out=tmp_path / "report", people=0)
    assert "People answered" not in page + plain
    assert 'class="example"' not in page
    shown, _ = written(given(made_run(tmp_path / "run")), out=tmp_path / "report")
    assert shown.count('class="example"') == 12
    assert "hand it on" not in shown


def test_the_published_table_is_the_papers() -> None:
    known = published()
    rows = {row[0]: row[1:] for group in known["table_1"]["groups"] for row in group["rows"]}
    assert len(rows) == 17
    assert rows["Majority"] == [11.41, 23.08, 15.01, 17.24, 0.76]
    assert rows["LLaVA-F (val aug)"] == [38.71, 39.52, 36.83, 14.13, 2.90]
    assert len(known["table_1"]["columns"]) == 5
    for row in known["mean_ap"]["rows"]:
        assert {"model", "value", "source", "ap_definition", "ground_truth", "stated"} <= set(row)
        assert 15 < row["value"] < 45


def test_emotic_stands_beside_the_paper_only_on_its_test_people(tmp_path: Path) -> None:
    class Emotic(MadeUp):
        def describe(self) -> dict[str, Any]:
            return {**super().describe(), "name": "emotic", "variant": "PAMI mat"}

    pages = {}
    for split in ("test", "val"):
        files = run(Emotic(tmp_path), Guesser(), Asked(split), tmp_path / split)
        _, pages[split] = written(given(files), out=tmp_path / f"report {split}")
    assert (
        "| LLaVA-F (val aug) | 38.71 | 39.52 | 36.83 | 14.13 | 2.90 | – | – | – | PAMI mat (inferred) | published |"
        in pages["test"]
    )
    assert "arXiv 2405.08992" in pages["test"]
    assert "38.71" not in pages["val"]
    assert "cannot be compared" in pages["val"]


def test_the_paper_s_majority_row(reference_data: Path, tmp_path: Path) -> None:
    from emoscene.datasets.registry import open_dataset

    dataset = open_dataset("emotic", reference_data / "emotic-labels" / "gt_all.csv")
    files = run(dataset, make_majority(dataset.labels), Asked("test", {"spec": "majority"}), tmp_path / "run")
    _, plain = written(given(files, Settings()), out=tmp_path / "report")
    row = next(line for line in plain.splitlines() if line.startswith("| **majority**"))
    ours = [float(cell.strip("* ")) for cell in row.split("|")[2:7]]
    assert ours == pytest.approx(published()["table_1"]["groups"][0]["rows"][0][1:], abs=0.02)


@pytest.mark.slow
def test_a_hundred_thousand_people_make_no_giant_page(tmp_path: Path) -> None:
    shown = given(made_run(tmp_path / "run", people=2_000), Settings())
    table, times = shown.table, 50
    many = replace(
        table,
        ids=tuple(f"{each}/{at}" for at in range(times) for each in table.ids),
        groups=tuple(f"{each}/{at}" for at in range(times) for each in table.groups),
        statuses=table.statuses * times,
        truth=np.tile(table.truth, (times, 1)),
        chosen=np.tile(table.chosen, (times, 1)),
        scores=np.tile(table.scores, (times, 1)),
        vad_truth=np.tile(table.vad_truth, (times, 1)),
        vad=np.tile(table.vad, (times, 1)),
        dominant=np.tile(table.dominant, times),
    )
    page = write_report(
        [ReportInput(shown.run, score(many, about=shown.run.request))], tmp_path / "report", people=0
    )
    assert page.stat().st_size < 1_000_000


def test_markdown_and_code_hold_what_they_are_given() -> None:
    assert as_markdown("a|b <i> *c* `d` & [e](f)") == r"a\|b \<i\> \*c\* \`d\` &amp; \[e\](f)"
    assert Paragraph("x\ny\u202e").markdown() == r"x y\\u202e"
    fenced = Code("a\n```\n</code><b>").markdown().split("\n")
    assert fenced[0] == fenced[-1] == "````"
    assert "<b>" not in Code("a\n</code><b>").html()
    table = Grid(["a|", "b"], [Line(["x\n|", "1"])]).markdown().split("\n")
    assert [len(re.findall(r"(?<!\\)\|", line)) for line in table] == [3, 3, 3]
