"""Heads on tiny frozen models: they learn, are gone on with, find their features again, and answer as they learned."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from safetensors.torch import load_file

from emoscene import load
from emoscene.errors import InputError, OptionError
from emoscene.labels import label_space
from emoscene.metrics.ranking import mean_ap
from emoscene.networks.head import load_head
from emoscene.recognizers.head_features import Features, open_features
from emoscene.training import head as training
from emoscene.training import head_task
from emoscene.training.data import load_people
from emoscene.training.head_cache import FeatureStore, person_key
from emoscene.training.head_recipe import Recipe
from emoscene.training.loop import Event
from emoscene.training.recipe import dry_run, read_recipe, run_recipe
from emoscene.types import BoundingBox, Sample, ScoreKind
from tests.tiny_clip import save_tiny_clip
from tests.tiny_languages import save_tiny_language
from tests.tiny_llava import save_tiny_llava
from tests.training.people import coloured_people, told_people

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

EMOTIC = label_space("emotic")


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("bases")
    return {
        "clip": save_tiny_clip(folder / "clip"),
        "llava": save_tiny_llava(folder / "llava"),
        "language": save_tiny_language(folder / "language"),
    }


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("people")
    return {"seen": str(coloured_people(folder / "seen")), "told": str(told_people(folder / "told"))}


def recipe(base: Path, root: str, **changes: Any) -> Recipe:
    data = {"dataset": "table", "root": root, **changes.pop("data", {})}
    schedule = {
        "epochs": 12,
        "batch": 8,
        "at_once": 8,
        "rate": 0.03,
        "workers": 0,
        **changes.pop("schedule", {}),
    }
    fields = {"kind": "head", "name": "tiny head", "model": str(base), "data": data, "schedule": schedule}
    return Recipe.model_validate({**fields, **changes})


def manifest(run: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run / "manifest.json").read_text("utf-8"))
    return found


def weights(run: Path) -> dict[str, torch.Tensor]:
    return dict(load_file(run / "model" / "model.safetensors"))


@pytest.mark.parametrize(
    ("base", "root", "changes"),
    [
        ("clip", "seen", {}),
        ("clip", "seen", {"hidden": 16, "dropout": 0.1, "loss": {"kind": "asymmetric"}}),
        ("llava", "seen", {"features": {"kind": "prompt", "pool": "mean"}}),
        ("language", "told", {"loss": {"kind": "class_balanced"}}),
    ],
)
def test_a_head_learns_and_its_folder_answers_as_it_learned(
    bases: dict[str, Path],
    people: dict[str, str],
    tmp_path: Path,
    base: str,
    root: str,
    changes: dict[str, Any],
) -> None:
    run = tmp_path / "run"
    asked = recipe(bases[base], people[root], **changes)
    training.train(asked, run)
    fitted = manifest(run)["fitted"]
    assert fitted["best"]["mean_ap"] > 0.9 > fitted["first"]["mean_ap"] + 0.2
    assert fitted["best"]["vad_mae"] < 0.7 * fitted["first"]["vad_mae"]
    judges = load_people(asked.data, 0).val
    rows = list(load(run).predict(judges))
    assert {row.model for row in rows} == {"tiny head"}
    assert {row.score_kind for row in rows} == {ScoreKind.ACTIVATION}
    truth = np.array([[label in (s.target or ()) for label in EMOTIC.ids] for s in judges])
    scores = np.array([list(row.scores.values()) for row in rows])
    assert mean_ap(truth, scores).value == pytest.approx(fitted["best"]["mean_ap"], abs=1e-6)
    levels = [
        abs(said - known)
        for row, sample in zip(rows, judges, strict=True)
        for (_, said), (_, known) in zip(row.vad or (), sample.target_vad or (), strict=True)
    ]
    assert len(levels) == 3 * len(judges)
    assert np.mean(levels) == pytest.approx(fitted["best"]["vad_mae"], abs=1e-4)
    card = (run / "MODEL_CARD.md").read_text("utf-8")
    assert "apparently" in card
    assert f"{fitted['best']['mean_ap']:.3f}" in card


def test_a_run_that_was_cut_off_goes_on_to_the_same_weights(
    bases: dict[str, Path], people: dict[str, str], tmp_path: Path
) -> None:
    asked = recipe(
        bases["clip"],
        people["seen"],
        hidden=8,
        dropout=0.2,
        schedule={"epochs": 4, "checkpoint_every": 3, "keep": "last"},
    )
    training.train(asked, tmp_path / "whole")

    def cut(event: Event) -> None:
        if event.step == 8 and event.validation is None:
            raise RuntimeError("the power went")

    with pytest.raises(RuntimeError, match="the power went"):
        training.train(asked, tmp_path / "cut", progress=cut)
    assert not (tmp_path / "cut" / "model").exists()
    training.train(asked, tmp_path / "cut")
    whole, gone_on = weights(tmp_path / "whole"), weights(tmp_path / "cut")
    assert whole.keys() == gone_on.keys()
    assert max(float((whole[name] - gone_on[name]).nan_to_num().abs().max()) for name in whole) < 1e-6
    assert manifest(tmp_path / "cut")["features"]["computed"] == 0, "features were found again"


@pytest.mark.slow
def test_a_killed_run_goes_on_to_the_same_weights(
    bases: dict[str, Path], people: dict[str, str], tmp_path: Path
) -> None:
    """`kill -9` between two checkpoints, and the same command again."""
    schedule = {"epochs": 60, "checkpoint_every": 17, "keep": "last", "log_every": 1, "validate_every": 240}
    asked = recipe(bases["clip"], people["seen"], hidden=8, dropout=0.2, schedule=schedule)
    file = tmp_path / "recipe.yaml"
    file.write_text(yaml.safe_dump(asked.model_dump(mode="json")), "utf-8")
    command = [
        sys.executable,
        "-c",
        "from emoscene.cli import main; main()",
        "train",
        str(file),
        "--out",
        str(tmp_path / "killed"),
    ]
    log = tmp_path / "killed" / "log.jsonl"
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        until = time.monotonic() + 120
        while (not log.is_file() or log.read_text("utf-8").count("\n") < 20) and time.monotonic() < until:
            assert process.poll() is None, "it ended by itself"
            time.sleep(0.02)
        process.kill()
    assert not (tmp_path / "killed" / "model").exists()
    training.train(asked, tmp_path / "killed")
    training.train(asked, tmp_path / "whole")
    whole, gone_on = weights(tmp_path / "whole"), weights(tmp_path / "killed")
    assert max(float((whole[name] - gone_on[name]).nan_to_num().abs().max()) for name in whole) < 1e-6
    assert len(manifest(tmp_path / "killed")["sessions"]) == 2


def test_features_that_are_kept_are_not_computed_again(
    bases: dict[str, Path], people: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kill in the midst of looking costs what was not yet written, and nothing of it is torn."""
    asked = recipe(bases["clip"], people["seen"], cache=str(tmp_path / "cache"), features_batch=4)
    looks: list[int] = []
    opened = open_features

    def watched(*arguments: Any) -> Features:
        features = opened(*arguments)
        vectors = features.vectors

        def seen(batch: Any) -> Any:
            if len(looks) == 5:
                raise KeyboardInterrupt
            looks.append(len(batch))
            return vectors(batch)

        features.vectors = seen  # type: ignore[method-assign]
        return features

    monkeypatch.setattr(training, "open_features", watched)
    with pytest.raises(KeyboardInterrupt):
        training.train(asked, tmp_path / "run")
    monkeypatch.undo()
    lines: list[Any] = []
    training.train(asked, tmp_path / "run", progress=lambda event: lines.append(event.line))
    assert lines[0]["features"]["found"] == 20, "it is said before the first step"
    assert manifest(tmp_path / "run")["features"] == {
        "found": 20, "computed": 36, "damaged_files": 0, "width": 48, "faulty": [],
    }  # fmt: skip
    training.train(asked.model_copy(update={"loss": asked.loss, "seed": 1}), tmp_path / "other")
    assert manifest(tmp_path / "other")["features"]["found"] == 56
    for file in (tmp_path / "cache").rglob("*.npz"):
        file.write_bytes(file.read_bytes()[:100])
    training.train(asked.model_copy(update={"seed": 2}), tmp_path / "third")
    told = manifest(tmp_path / "third")["features"]
    assert (told["found"], told["computed"]) == (0, 56)
    assert told["damaged_files"] >= 1


def test_kept_and_computed_features_give_the_same_head(
    bases: dict[str, Path], people: dict[str, str], tmp_path: Path
) -> None:
    first = recipe(bases["clip"], people["seen"], schedule={"epochs": 2}, cache=str(tmp_path / "c"))
    training.train(first, tmp_path / "a")
    training.train(first.model_copy(update={"features_batch": 5}), tmp_path / "b")
    training.train(
        first.model_copy(update={"features_batch": 5, "cache": str(tmp_path / "d")}), tmp_path / "c2"
    )
    a, b, c = (weights(tmp_path / name) for name in ("a", "b", "c2"))
    assert all(torch.equal(a[name], b[name]) for name in a)
    assert all(torch.allclose(a[name], c[name], atol=1e-4) for name in a), "batches differ by float noise"


def test_what_a_feature_depends_on_is_in_its_key(tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    Image.new("RGB", (20, 20), (9, 9, 9)).save(file)
    box = BoundingBox(x1=1, y1=1, x2=9, y2=9)
    one = Sample(id="a", picture=str(file), box=box, text="Words.")
    renamed = one.model_copy(update={"id": "b", "target": frozenset({"fear"})})
    assert person_key(one) == person_key(renamed)
    others = [
        one.model_copy(update={"box": None}),
        one.model_copy(update={"text": "Other words."}),
        one.model_copy(update={"picture": Image.new("RGB", (20, 20), (9, 9, 8))}),
        one.model_copy(update={"picture": None}),
    ]
    keys = {person_key(one), person_key(one, "turned"), *map(person_key, others)}
    Image.new("RGB", (20, 20), (9, 8, 9)).save(file)
    assert len({*keys, person_key(one)}) == 7


def test_a_store_keeps_and_finds(tmp_path: Path) -> None:
    store = FeatureStore("f", tmp_path)
    assert store.get("a") is None
    store.put("a", np.arange(3, dtype=np.float32))
    FeatureStore("f", tmp_path).flush()
    assert FeatureStore("f", tmp_path).get("a") is None, "not yet written"
    store.flush()
    again = FeatureStore("f", tmp_path)
    found = again.get("a")
    assert found is not None
    assert found.tolist() == [0, 1, 2]
    assert (again.hits, again.misses) == (1, 0)
    assert FeatureStore("other", tmp_path).get("a") is None
    assert not list(tmp_path.rglob("*.part"))


def test_a_store_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder", "utf-8")
    store = FeatureStore("f", tmp_path / "file")
    store.put("a", np.zeros(2, np.float32))
    with pytest.raises(OptionError, match="features cannot be kept"):
        store.flush()


def test_augmented_looks_are_made_once_and_seen_in_turn(
    bases: dict[str, Path], people: dict[str, str], tmp_path: Path
) -> None:
    asked = recipe(
        bases["clip"],
        people["seen"],
        copies=3,
        schedule={"epochs": 3},
        data={"augment": {}, "balance": {"share": 0.3}},
    )
    found = load_people(asked.data, 0)
    assert found.balanced is not None
    features, _ = training._features(asked, found)
    store = training._store(asked, features)
    gathered = head_task.gather(found, features, store, asked)
    assert gathered.train.shape == (len(found.train), 3, 48)
    assert np.abs(gathered.train[:, 0] - gathered.train[:, 1]).max(axis=1).min() > 0
    plain = head_task.gather(
        load_people(asked.data.model_copy(update={"augment": None}), 0), features, store, asked
    )
    once = len(found.balanced.times)
    assert np.array_equal(plain.train[:once, 0], gathered.train[:once, 0]), (
        "the first look is the picture itself"
    )
    assert np.array_equal(plain.val, gathered.val), "those who judge are never changed"
    training.train(asked, tmp_path / "run")
    assert manifest(tmp_path / "run")["features"]["computed"] <= plain.train.shape[0]


def test_labels_can_be_drawn_equally_often(
    bases: dict[str, Path], people: dict[str, str], tmp_path: Path
) -> None:
    training.train(recipe(bases["clip"], people["seen"], class_aware=True), tmp_path / "run")
    assert manifest(tmp_path / "run")["fitted"]["best"]["mean_ap"] > 0.9


def test_people_who_cannot_be_looked_at_stop_the_run_or_are_left_out(
    bases: dict[str, Path], tmp_path: Path
) -> None:
    table = coloured_people(tmp_path / "seen")
    (table.parent / "3.png").write_bytes(b"no picture")
    (table.parent / "40.png").write_bytes(b"no picture")
    asked = recipe(bases["clip"], str(table), schedule={"epochs": 1})
    with pytest.raises(InputError, match="2 people cannot be looked at"):
        training.train(asked, tmp_path / "run")
    training.train(asked.model_copy(update={"unreadable": "skip"}), tmp_path / "left out")
    assert len(manifest(tmp_path / "left out")["features"]["faulty"]) == 2


def test_early_stopping_and_no_judges(bases: dict[str, Path], people: dict[str, str], tmp_path: Path) -> None:
    training.train(
        recipe(bases["clip"], people["seen"], schedule={"epochs": 200, "patience": 2, "rate": 0.05}),
        tmp_path / "early",
    )
    assert manifest(tmp_path / "early")["fitted"]["stopped_early"]
    nobody = recipe(bases["clip"], people["seen"], data={"val": None}, schedule={"epochs": 1})
    training.train(nobody, tmp_path / "nobody")
    assert "Nobody judged" in (tmp_path / "nobody" / "MODEL_CARD.md").read_text("utf-8")
    with pytest.raises(OptionError, match="needs people who judge"):
        training.train(
            recipe(bases["clip"], people["seen"], data={"val": None}, schedule={"patience": 1}),
            tmp_path / "x",
        )


@pytest.mark.parametrize(
    "kind", ["bce", "asymmetric", "class_balanced", "weighted_euclidean", "logit_adjusted"]
)
def test_every_loss_trains_a_head_from_votes_too(
    bases: dict[str, Path], people: dict[str, str], tmp_path: Path, kind: str
) -> None:
    asked = recipe(
        bases["clip"],
        people["seen"],
        loss={"kind": kind},
        teaching={"smoothing": 0.1},
        schedule={"epochs": 6},
    )
    training.train(asked, tmp_path / "run")
    found = manifest(tmp_path / "run")["fitted"]
    assert found["best"]["mean_ap"] > found["first"]["mean_ap"] + 0.1


def test_a_recipe_file_runs_and_rehearses(
    bases: dict[str, Path], people: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "head.yaml"
    file.write_text(
        f"kind: head\nmodel: {bases['clip']}\ndata: {{dataset: table, root: {people['seen']}}}\n"
        "features: {kind: encoder, views: [crop, whole], words: true}\nschedule: {epochs: 1}\n",
        "utf-8",
    )
    read = read_recipe(file, ["schedule.epochs=2"])
    counted: list[Callable[..., None] | tuple[int, int]] = []
    told = dry_run(read, lambda done, all_: counted.append((done, all_)))
    assert told["features"] == {"found": 0, "computed": 56, "damaged_files": 0, "width": 72, "faulty": []}
    assert counted[-1] == (56, 56)
    assert told["trained"] == (72 + 1) * (26 + 3)
    run_recipe(read, tmp_path / "run")
    head, about = load_head(tmp_path / "run" / "model")
    assert about.features == {"kind": "encoder", "views": ["crop", "whole"], "words": True}
    assert sum(p.numel() for p in head.parameters()) == told["trained"]


def test_only_whole_models_have_features(people: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="heads are trained on features"):
        training.train(recipe(Path("majority"), people["seen"]), tmp_path / "run")
