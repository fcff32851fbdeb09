"""The miniature of EMOTIC: what was drawn is what the readers of EMOTIC's formats read."""

from __future__ import annotations

import math
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from emoscene.datasets.emotic.emotic import Emotic, open_emotic
from emoscene.datasets.emotic_mini import LAYOUTS, Layout, Splits, main, sample_pictures, write_emotic
from emoscene.errors import OptionError
from emoscene.labels import label_space
from emoscene.types import Sample


def ids(names: tuple[str, ...]) -> frozenset[str]:
    found = [label_space("emotic").find(name) for name in names]
    return frozenset(label.id for label in found if label is not None)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Splits]:
    root = tmp_path_factory.mktemp("mini") / "EMOTIC"
    return root, write_emotic(root, people=60, seed=4, size=64)


def opened(root: Path, **options: str) -> Emotic:
    return cast(Emotic, open_emotic(root, **options))  # type: ignore[arg-type]


def test_the_mat_holds_what_was_drawn(drawn: tuple[Path, Splits]) -> None:
    root, splits = drawn
    dataset = opened(root, unlabelled="keep")
    assert (dataset.layout, dataset.variant, dataset.splits) == ("mat", "PAMI mat", ("train", "val", "test"))
    for split, pictures in splits.items():
        told = [(picture, person) for picture in pictures for person in picture.people]
        people = dataset.people(split)
        assert len(people) == len(told)
        for read, (picture, person) in zip(people, told, strict=True):
            assert (read.database, read.filename) == (picture.database, picture.filename)
            assert read.box == person.box
            assert read.labels == ids(person.labels)
            assert [each.labels for each in read.annotations] == [ids(names) for names, _ in person.said]
            assert read.attributes == {"gender": person.gender, "age": person.age}
            if math.isnan(person.vad[0]):
                assert read.vad is None
            else:
                assert read.vad is not None
                told_vad = (read.vad.valence, read.vad.arousal, read.vad.dominance)
                assert told_vad == pytest.approx(person.vad)


def test_every_picture_is_there_and_has_its_size(drawn: tuple[Path, Splits]) -> None:
    dataset = opened(drawn[0])
    for split in dataset.splits:
        samples: list[Sample] = list(dataset.samples(split))
        assert samples
        assert all(Path(sample.picture).is_file() and sample.box is not None for sample in samples)
        assert all(dataset.pictures.size(Path(sample.picture)) == (64, 64) for sample in samples)


def test_it_has_the_faults_of_emotic_and_no_others(drawn: tuple[Path, Splits]) -> None:
    dataset = opened(drawn[0])
    ledger = dataset.ledger()
    for split in dataset.splits:
        list(dataset.samples(split, ledger))
    found = {finding.defect: finding.count for finding in ledger.findings()}
    leaked = found.pop("leaked_picture"), found.pop("leaked_person")
    assert min(leaked) >= 1
    assert found == {"unlabelled": 1, "vad_missing": 1, "box_clamped": 1}


def test_annotators_are_as_many_as_in_emotic_and_the_leaked_are_the_first_alone(
    drawn: tuple[Path, Splits],
) -> None:
    dataset = opened(drawn[0])
    counts = {s: {len(p.annotations) for p in dataset.people(s)} for s in dataset.splits}
    assert counts == {"train": {1}, "val": {5}, "test": {3}}
    train = {person.annotation_id: person for person in dataset.people("train")}
    both = [(train[p.annotation_id], p) for p in dataset.people("val") if p.annotation_id in train]
    assert both
    assert all(first.annotations[0].labels == all_.annotations[0].labels for first, all_ in both)
    assert len(list(opened(drawn[0], leaked="leave_out").samples("train"))) == len(train) - len(both)


@pytest.mark.parametrize("layout", ["csv", "arrays"])
def test_the_other_layouts_tell_the_same_people(
    drawn: tuple[Path, Splits], tmp_path: Path, layout: Layout
) -> None:
    write_emotic(tmp_path / "EMOTIC", people=60, seed=4, size=64, layout=layout)
    dataset, of_mat = opened(tmp_path / "EMOTIC"), opened(drawn[0])
    assert dataset.layout == {"csv": "tandon-csv", "arrays": "arrays"}[layout]
    for split in dataset.splits:
        samples = list(dataset.samples(split))
        expected = [sample for sample in of_mat.samples(split) if sample.target_vad is not None]
        assert [sample.target for sample in samples] == [sample.target for sample in expected]
        for sample, other in zip(samples, expected, strict=True):
            assert sample.target_vad is not None
            assert other.target_vad is not None
            assert sample.target_vad.valence == pytest.approx(other.target_vad.valence)
        if layout == "csv":
            assert [sample.box for sample in samples] == [sample.box for sample in expected]


def test_the_same_seed_writes_the_same_bytes(drawn: tuple[Path, Splits], tmp_path: Path) -> None:
    again = tmp_path / "again"
    write_emotic(again, people=60, seed=4, size=64)
    files = sorted(path.relative_to(again) for path in again.rglob("*") if path.is_file())
    assert files == sorted(p.relative_to(drawn[0]) for p in drawn[0].rglob("*") if p.is_file())
    assert all((again / file).read_bytes() == (drawn[0] / file).read_bytes() for file in files)


def test_splits_have_emotics_shares() -> None:
    splits = sample_pictures(400, seed=1)
    people = {split: sum(len(each.people) for each in pictures) for split, pictures in splits.items()}
    leaked = people["train"] + people["val"] + people["test"] - 400
    assert (people["val"], people["test"]) == (39, 85)
    assert 11 <= leaked <= 14
    cardinality = {
        split: np.mean([len(p.labels) for each in pictures for p in each.people])
        for split, pictures in splits.items()
    }
    assert cardinality["train"] < cardinality["test"] < cardinality["val"]


def test_a_folder_that_holds_something_is_refused(
    drawn: tuple[Path, Splits], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--out", str(drawn[0])]) == 2
    assert "not empty" in capsys.readouterr().err


def test_impossible_wishes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="too few people"):
        sample_pictures(29)
    with pytest.raises(OptionError, match="pixels wide"):
        sample_pictures(60, size=5000)
    with pytest.raises(OptionError, match="no such layout"):
        write_emotic(tmp_path / "x", layout=cast(Layout, "hdf5"))
    assert not (tmp_path / "x").exists()
    assert LAYOUTS == ("mat", "csv", "arrays")
