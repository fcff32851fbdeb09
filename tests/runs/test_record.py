"""A run's folder: rows survive a kill, a torn line is dropped, and a folder holds one run only."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from emoscene.errors import InputError, MissingFileError, OptionError
from emoscene.labels import label_space
from emoscene.runs.local import answer
from emoscene.runs.record import MANIFEST, ROWS, Record, RunFiles, read_rows
from emoscene.runs.truth import read_truth_rows, truth_line
from emoscene.types import VAD, Annotation, BoundingBox, Prediction, Sample, Status
from tests.recognizers.test_conformance import Tiny

SPACE = label_space("emotic")
REQUEST = {"model": {"name": "tiny"}, "split": "test"}


def _people(n: int = 5) -> list[Sample]:
    return [
        Sample(id=f"d/test/{i}", text=f"person {i}", target=frozenset({"anger"}), group=f"p{i // 2}")
        for i in range(n)
    ]


def _words() -> Tiny:
    card = Tiny(SPACE).card
    return Tiny(SPACE, card.__class__(**{**card.__dict__, "uses_text": True}))


def _run(folder: Path, people: list[Sample], request: dict[str, Any] | None = None) -> RunFiles:
    with Record(folder, request or REQUEST, people, SPACE) as record:
        answer(_words(), people, record)
    return RunFiles.open(folder)


def test_a_run_holds_its_rows_truth_labels_and_manifest(tmp_path: Path) -> None:
    run = _run(tmp_path / "run", _people())
    assert [row.id for row in run.rows()] == [f"d/test/{i}" for i in range(5)]
    assert [person.group for person in run.truth()] == ["p0", "p0", "p1", "p1", "p2"]
    assert run.labels == SPACE
    assert run.manifest["finished"] is True
    assert run.manifest["statuses"] == {"ok": 5}
    assert run.manifest["sessions"][0]["rows"] == 5
    assert len(run.request["truth_sha256"]) == 64


def test_what_is_there_is_not_asked_again(tmp_path: Path) -> None:
    people = _people()
    whole = _run(tmp_path / "whole", people)
    rows = list(whole.rows())
    part = tmp_path / "part"
    with Record(part, REQUEST, people, SPACE) as record:
        record.append(rows[1])
    assert RunFiles.open(part).manifest["finished"] is False
    asked: list[str] = []

    class Noting(Tiny):
        def prepare(self, subject: Any) -> bytes:
            asked.append(subject.sample.id)
            return super().prepare(subject)

    with Record(part, REQUEST, people, SPACE) as record:
        answer(Noting(SPACE, _words().card), people, record)
    assert asked == ["d/test/0", "d/test/2", "d/test/3", "d/test/4"]
    assert {row.id: row for row in RunFiles.open(part).rows()} == {row.id: row for row in rows}
    assert len(RunFiles.open(part).manifest["sessions"]) == 2


def test_a_torn_last_line_is_dropped_and_asked_again(tmp_path: Path) -> None:
    people = _people()
    whole = list(_run(tmp_path / "run", people).rows())
    file = tmp_path / "run" / ROWS
    file.write_bytes(file.read_bytes()[:-40])
    assert len(list(read_rows(file))) == 4
    assert list(_run(tmp_path / "run", people).rows()) == whole


def test_a_line_that_is_no_row_is_named(tmp_path: Path) -> None:
    _run(tmp_path / "run", _people())
    file = tmp_path / "run" / ROWS
    lines = file.read_text().splitlines()
    file.write_text("\n".join([*lines[:2], '{"id": 3}', *lines[3:]]) + "\n")
    with pytest.raises(InputError, match=r"rows\.jsonl, line 3: this is no row"):
        list(read_rows(file))


@pytest.mark.parametrize(
    ("request_", "people", "what"),
    [
        ({**REQUEST, "split": "val"}, 5, "split test and not val"),
        (REQUEST, 4, "other people or known labels"),
    ],
)
def test_a_folder_of_another_run_is_refused(
    tmp_path: Path, request_: dict[str, Any], people: int, what: str
) -> None:
    before = _run(tmp_path / "run", _people())
    rows = (tmp_path / "run" / ROWS).read_bytes()
    with pytest.raises(OptionError, match=what):
        _run(tmp_path / "run", _people(people), request_)
    assert (tmp_path / "run" / ROWS).read_bytes() == rows
    assert not list((tmp_path / "run").glob("*.part"))
    assert list(RunFiles.open(tmp_path / "run").truth()) == list(before.truth())


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").write_bytes(b"")
    with pytest.raises(OptionError, match="not empty and holds no run"):
        _run(tmp_path, _people())
    with pytest.raises(OptionError, match="a file is in the way"):
        _run(tmp_path / "holiday.jpg", _people())
    with pytest.raises(MissingFileError, match="no run in this folder"):
        RunFiles.open(tmp_path)
    (tmp_path / "r").mkdir()
    (tmp_path / "r" / MANIFEST).write_text("[]")
    with pytest.raises(InputError, match="not that of a run"):
        RunFiles.open(tmp_path / "r")


def test_a_start_that_was_cut_off_is_no_reason_to_refuse(tmp_path: Path) -> None:
    """A kill while the known labels are written, and a dataset that is mended afterwards."""
    folder = tmp_path / "run"
    with pytest.raises(InputError, match="one id"):
        _run(folder, [*_people(), _people()[0]])
    (folder / "truth.jsonl.part").write_text("half a li")
    assert _run(folder, _people()).manifest["finished"] is True


def test_known_labels_that_were_changed_are_not_scored(tmp_path: Path) -> None:
    run = _run(tmp_path / "run", _people())
    file = tmp_path / "run" / "truth.jsonl"
    whole = file.read_text()
    file.write_text(whole.replace("anger", "peace"))
    with pytest.raises(InputError, match=r"truth\.jsonl of this run was changed"):
        run.truth()
    file.unlink()
    with pytest.raises(InputError, match=r"this run has no truth\.jsonl"):
        run.truth()
    labels = tmp_path / "run" / "labels.yaml"
    labels.write_text(labels.read_text().replace("Anger", "Rage"))
    with pytest.raises(InputError, match=r"labels\.yaml of this run was changed"):
        _ = run.labels
    assert list(_run(tmp_path / "run", _people()).truth())


def test_rows_of_nobody_are_named(tmp_path: Path) -> None:
    _run(tmp_path / "run", _people())
    file = tmp_path / "run" / ROWS
    file.write_text(file.read_text().replace("d/test/3", "d/test/three"))
    with pytest.raises(InputError, match="about nobody of this run: d/test/three"):
        _run(tmp_path / "run", _people())


def test_file_names_that_are_no_utf8_stay_readable(tmp_path: Path) -> None:
    people = [Sample(id="a\udcff", text="x", source="b\udcff", target=frozenset({"anger"}))]
    run = _run(tmp_path / "run", people)
    assert [row.id for row in run.rows()] == ["a\\udcff"]
    assert [row.id for row in run.truth()] == ["a\\udcff"]


def test_one_id_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="two people of the dataset have one id: d/test/0"):
        _run(tmp_path / "run", [*_people(), _people()[0]])


def test_a_run_is_written_by_one_process(tmp_path: Path) -> None:
    with (
        Record(tmp_path / "run", REQUEST, _people(), SPACE),
        pytest.raises(OptionError, match="another process is writing"),
        Record(tmp_path / "run", REQUEST, _people(), SPACE),
    ):
        raise AssertionError("two records were open")


def test_a_recognizer_that_answers_out_of_order_is_caught(tmp_path: Path) -> None:
    class Backwards(Tiny):
        def predict(self, samples: Any) -> Iterator[Prediction]:
            return iter(list(super().predict(samples))[::-1])

    people = _people()
    with (
        pytest.raises(AssertionError, match="where 'd/test/0' was asked"),
        Record(tmp_path / "run", REQUEST, people, SPACE) as record,
    ):
        answer(Backwards(SPACE, _words().card), people, record)


def test_known_labels_come_back_from_their_file(tmp_path: Path) -> None:
    sample = Sample(
        id="é",
        picture=Path("a b.jpg"),
        box=BoundingBox(x1=1, y1=2, x2=3, y2=4.5),
        target=frozenset({"anger", "fear"}),
        target_vad=VAD(valence=1, arousal=5.5, dominance=10),
        annotations=(Annotation(labels=frozenset({"anger"})), Annotation()),
        attributes={"age": "adult"},
        split="val",
    )
    file = tmp_path / "truth.jsonl"
    file.write_text(truth_line(sample) + "\n" + truth_line(Sample(id="b")) + "\n", encoding="utf-8")
    first, second = read_truth_rows(file)
    assert first.group == "é"
    assert (first.labels, first.vad) == (frozenset({"anger", "fear"}), (1, 5.5, 10))
    assert first.annotations == (frozenset({"anger"}), frozenset())
    assert Path(first.picture) == Path("a b.jpg").absolute()
    assert (first.box, first.attributes) == ((1, 2, 3, 4.5), {"age": "adult"})
    assert second.labels is None
    file.write_text('{"id": "a"}\n')
    with pytest.raises(InputError, match=r"truth\.jsonl, line 1"):
        list(read_truth_rows(file))


def test_where_the_pictures_lie_does_not_matter(tmp_path: Path) -> None:
    """The same people on another disk are the same people."""
    hashes = set()
    for place in ("here", "there"):
        people = [Sample(id="a", text="x", target=frozenset({"anger"}), picture=tmp_path / place / "a.jpg")]
        with Record(tmp_path / place, REQUEST, people, SPACE):
            pass
        hashes.add(RunFiles.open(tmp_path / place).request["truth_sha256"])
    assert len(hashes) == 1


_CHILD = """
    import sys, time
    from pathlib import Path
    from emoscene.labels import label_space
    from emoscene.runs.local import answer
    from emoscene.runs.record import Record
    from tests.runs.test_record import REQUEST, SPACE, Slow, _people

    people = _people(300)
    with Record(sys.argv[1], REQUEST, people, SPACE) as record:
        answer(Slow(), people, record, lambda done, total: print(done, flush=True))
"""


class Slow(Tiny):
    """Takes a moment for each batch, so that a kill falls between or into rows."""

    def __init__(self) -> None:
        super().__init__(SPACE, _words().card, batch_size=7)

    def answer(self, batch: Any) -> Any:
        time.sleep(0.002)
        return super().answer(batch)


@pytest.mark.slow
def test_ten_kills_leave_the_rows_of_an_undisturbed_run(tmp_path: Path) -> None:
    people = _people(300)
    with Record(tmp_path / "whole", REQUEST, people, SPACE) as record:
        answer(Slow(), people, record)
    undisturbed = {row.id: row for row in RunFiles.open(tmp_path / "whole").rows()}
    folder = tmp_path / "killed"
    killed = 0
    for stop in (3, 17, 41, 58, 90, 121, 160, 199, 230, 281):
        child = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(_CHILD), str(folder)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        assert child.stdout is not None
        for line in child.stdout:
            if int(line) >= stop:
                break
        killed += child.poll() is None
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        child.stdout.close()
        ids = [row.id for row in read_rows(folder / ROWS)]
        assert len(ids) == len(set(ids)) >= stop
    assert killed == 10
    with Record(folder, REQUEST, people, SPACE) as record:
        answer(Slow(), people, record)
    rows = {row.id: row for row in RunFiles.open(folder).rows()}
    assert rows.keys() == undisturbed.keys()
    for row_id, row in rows.items():
        expected = undisturbed[row_id]
        assert (row.status, row.labels) == (expected.status, expected.labels)
        assert row.status is Status.OK
        assert row.scores == pytest.approx(expected.scores, abs=1e-5)
    assert json.loads((folder / MANIFEST).read_text())["finished"] is True
