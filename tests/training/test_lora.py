"""Fine-tuning: what is trained is what is asked, it is learned, and every form of the result answers alike."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from emoscene import load
from emoscene.datasets.registry import open_dataset
from emoscene.errors import InputError, OptionError
from emoscene.metrics.bootstrap import mean_ap_ci
from emoscene.training.recipe import dry_run, read_recipe, run_recipe
from emoscene.types import Prediction, Sample
from tests.training.people import coloured_people, save_base, told_people

torch = pytest.importorskip("torch")
pytest.importorskip("peft")

from emoscene.training.data import load_people  # noqa: E402
from emoscene.training.lora import start_tuning  # noqa: E402
from emoscene.training.task import Draw  # noqa: E402

FAMILIES = ["llava", "qwen2_5_vl", "smolvlm", "language"]


def fields(base: Path, table: Path, **changes: Any) -> dict[str, Any]:
    """A recipe for a tiny model; `changes` replace whole fields."""
    given = {
        "kind": "lora",
        "name": "tuned",
        "model": str(base),
        "data": {"dataset": "table", "root": str(table), "options": {"space": "ekman"}},
        "target": {"answer": "yes_no"},
        "lora": {"rank": 8, "alpha": 16, "dropout": 0.0},
        "schedule": {
            "steps": 28,
            "batch": 8,
            "at_once": 8,
            "rate": 0.01,
            "log_every": 1,
            "validate_every": 28,
        },
    }
    return given | changes


def write_recipe(file: Path, content: dict[str, Any]) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(yaml.safe_dump(content), "utf-8")
    return file


def logged(run: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text("utf-8").splitlines()]
    return [{key: value for key, value in line.items() if key != "seconds"} for line in lines]


def answers(spec: Path, people: list[Sample], **options: Any) -> list[Prediction]:
    return list(load(str(spec), labels="ekman", **options).predict(people))


def scores(rows: list[Prediction]) -> Any:
    assert all(row.ok for row in rows)
    return np.array([list(row.scores.values()) for row in rows])


@dataclass
class Trained:
    base: Path
    run: Path
    people: list[Sample]


@pytest.fixture(scope="module", params=FAMILIES)
def trained(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """A tiny model of each family, taught yes and no, with the merged model beside."""
    place = tmp_path_factory.mktemp(request.param)
    base = save_base(place / "base", request.param)
    table = (told_people if request.param == "language" else coloured_people)(place / "data")
    lora = {"rank": 8, "alpha": 16, "dropout": 0.0, "projector": request.param == "smolvlm"}
    recipe = write_recipe(place / "recipe.yaml", fields(base, table, lora=lora, merge=True))
    run_recipe(read_recipe(recipe), place / "run")
    people = list(open_dataset("table", table, space="ekman").samples("val"))
    return Trained(base, place / "run", people)


@pytest.mark.slow
def test_the_loss_falls_and_the_ranking_rises_above_the_untrained_interval(trained: Trained) -> None:
    losses = [line["loss"] for line in logged(trained.run) if "loss" in line]
    assert np.mean(losses[-4:]) < 0.5 * np.mean(losses[:4])
    ids = load(str(trained.run), labels="ekman").labels.ids
    truth = np.array([[label in (person.target or ()) for label in ids] for person in trained.people])
    before = scores(answers(trained.base, trained.people))
    after = scores(answers(trained.run, trained.people))
    untrained = mean_ap_ci(truth, before)
    learned = mean_ap_ci(truth, after)
    assert learned.low > untrained.high


@pytest.mark.slow
def test_run_adapter_and_merged_model_answer_alike(trained: Trained) -> None:
    people = trained.people[:5]
    run = answers(trained.run, people)
    assert {row.model for row in run} == {"tuned"}
    for spec, options in (
        (trained.run / "model", {}),
        (trained.run / "merged", {}),
        (trained.base, {"adapter": str(trained.run / "model")}),
    ):
        np.testing.assert_allclose(scores(answers(spec, people, **options)), scores(run), atol=1e-5)
    assert np.abs(scores(run) - scores(answers(trained.base, people))).max() > 0.01


@pytest.mark.slow
def test_the_run_says_what_it_is(trained: Trained) -> None:
    manifest = json.loads((trained.run / "manifest.json").read_text("utf-8"))
    assert manifest["finished"]
    assert manifest["data"]["train"]["people"] == 32
    assert manifest["fitted"]["best"]["mean_ap"] > manifest["fitted"]["first"]["mean_ap"]
    card = (trained.run / "MODEL_CARD.md").read_text("utf-8")
    assert "apparently" in card
    assert "AI Act" in card
    names = {p.name for p in (trained.run / "model").iterdir()}
    assert names == {"adapter_config.json", "adapter_model.safetensors", "emoscene-run.json"}
    assert not (trained.run / "checkpoints").exists()
    before = (trained.run / "model" / "adapter_model.safetensors").stat().st_mtime_ns
    run_recipe(read_recipe(trained.run.parent / "recipe.yaml"), trained.run)
    assert (trained.run / "model" / "adapter_model.safetensors").stat().st_mtime_ns == before


@pytest.mark.parametrize("family", FAMILIES)
def test_what_is_trained_is_what_is_asked(
    tmp_path: Path, family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tokens that a label list is taught behind are those that the model is later asked to write behind."""
    base = save_base(tmp_path / "base", family)
    table = (told_people if family == "language" else coloured_people)(tmp_path / "data", train=4, val=2)
    recipe: Any = read_recipe(
        write_recipe(tmp_path / "r.yaml", fields(base, table, target={"answer": "label_list"}))
    )
    start = start_tuning(recipe, load_people(recipe.data, 0))
    task = start.task
    person = task.people.train[0]
    seen: list[dict[str, Any]] = []
    forward = type(start.model).forward
    generate = type(start.model).generate

    def noted_forward(self: Any, **inputs: Any) -> Any:
        seen.append(inputs)
        return forward(self, **inputs)

    def noted_generate(self: Any, **inputs: Any) -> Any:
        seen.append(inputs)
        return generate(self, **inputs)

    with monkeypatch.context() as patched:
        patched.setattr(type(start.model), "forward", noted_forward)
        task.loss([task.example(Draw(0, 0, 0))])
    with monkeypatch.context() as patched:
        patched.setattr(type(start.model), "generate", noted_generate)
        list(load(str(base), labels="ekman", mode="answer").predict([person]))
    taught, asked = seen
    answer = list(task.answer(0))
    ids = taught["input_ids"][0].tolist()
    assert ids == [*asked["input_ids"][0].tolist(), *answer]
    assert answer[-1] == task.asker.shared.tokenizer.eos_token_id
    assert task.asker.shared.tokenizer.decode(answer[:-1]).strip() == "anger"
    for name in {*taught} & {*asked} - {"input_ids", "attention_mask", "mm_token_type_ids"}:
        if isinstance(taught[name], torch.Tensor) and taught[name].is_floating_point():
            assert torch.equal(taught[name], asked[name])


def test_questions_are_trained_with_the_logits_that_answer_them(tmp_path: Path) -> None:
    base = save_base(tmp_path / "base", "qwen2_5_vl")
    table = coloured_people(tmp_path / "data", train=4, val=2)
    recipe: Any = read_recipe(write_recipe(tmp_path / "r.yaml", fields(base, table)))
    task = start_tuning(recipe, load_people(recipe.data, 0)).task
    asker = task.asker
    rows = [asker.scoring_row(asker.prepare(asker.settle(person))) for person in task.people.train[:2]]
    with_gradients = torch.stack(asker.shared.logits_to_train(rows))
    assert with_gradients.requires_grad
    read = asker.questions.read(with_gradients[0].detach().numpy())
    (row,) = load(str(base), labels="ekman").predict(task.people.train[:1])
    assert dict(read.scores) == pytest.approx(row.scores, abs=1e-6)


@pytest.mark.slow
def test_a_label_list_is_learned(tmp_path: Path) -> None:
    base = save_base(tmp_path / "base", "language")
    table = told_people(tmp_path / "data", val=8)
    plan = {"steps": 60, "batch": 8, "at_once": 4, "rate": 0.01, "validate_every": 60, "watch": "macro_f1"}
    content = fields(base, table, target={"answer": "label_list"}, schedule=plan)
    run_recipe(read_recipe(write_recipe(tmp_path / "r.yaml", content)), tmp_path / "run")
    people = list(open_dataset("table", table, space="ekman").samples("val"))
    rows = answers(tmp_path / "run", people)
    assert [set(row.labels) for row in rows] == [set(person.target or ()) for person in people]
    assert rows[0].score_kind == "membership"


@pytest.mark.slow
def test_a_whole_decoder_is_trained_and_loads_as_a_plain_model(tmp_path: Path) -> None:
    base = save_base(tmp_path / "base", "llava")
    table = coloured_people(tmp_path / "data", train=8, val=4)
    plan = {"steps": 2, "batch": 4, "at_once": 2, "rate": 0.001}
    content = fields(base, table, kind="full", schedule=plan)
    del content["lora"]
    run_recipe(read_recipe(write_recipe(tmp_path / "r.yaml", content)), tmp_path / "run")
    people = list(open_dataset("table", table, space="ekman").samples("val"))
    run = scores(answers(tmp_path / "run", people))
    plain = scores(answers(tmp_path / "run" / "model", people))
    np.testing.assert_array_equal(run, plain)
    assert np.abs(run - scores(answers(base, people))).max() > 1e-5


_TRAIN = "import sys; from emoscene.cli import main; sys.exit(main(sys.argv[1:]))"


def process(recipe: Path, out: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", _TRAIN, "train", str(recipe), "--out", str(out)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def wait_for_step(running: subprocess.Popen[str], step: int) -> None:
    assert running.stdout is not None
    for line in running.stdout:
        if json.loads(line)["step"] >= step:
            return
    pytest.fail(f"the process ended before step {step}: {running.communicate()[1]}")


@pytest.mark.slow
def test_killed_and_interrupted_a_run_goes_on_to_the_same_weights(tmp_path: Path) -> None:
    from safetensors.torch import load_file

    base = save_base(tmp_path / "base", "llava")
    table = coloured_people(tmp_path / "data", train=12, val=4)
    plan = {"steps": 10, "batch": 4, "at_once": 2, "rate": 0.01, "log_every": 1, "checkpoint_every": 3}
    lora = {"rank": 4, "alpha": 8, "dropout": 0.1}
    recipe = write_recipe(tmp_path / "r.yaml", fields(base, table, schedule=plan, lora=lora))
    run_recipe(read_recipe(recipe), tmp_path / "straight")

    killed = process(recipe, tmp_path / "broken")
    wait_for_step(killed, 4)
    killed.kill()
    killed.communicate()
    interrupted = process(recipe, tmp_path / "broken")
    wait_for_step(interrupted, 7)
    interrupted.send_signal(signal.SIGINT)
    interrupted.communicate()
    assert interrupted.returncode == 130
    assert not (tmp_path / "broken" / "model").exists()
    run_recipe(read_recipe(recipe), tmp_path / "broken")

    straight, again = (
        load_file(tmp_path / name / "model" / "adapter_model.safetensors") for name in ("straight", "broken")
    )
    assert straight.keys() == again.keys()
    for name, tensor in straight.items():
        assert torch.allclose(tensor, again[name], atol=1e-6), name
    losses = [
        [line["loss"] for line in logged(tmp_path / n) if "loss" in line] for n in ("straight", "broken")
    ]
    assert losses[0] == pytest.approx(losses[1], abs=1e-6)
    sessions = json.loads((tmp_path / "broken" / "manifest.json").read_text("utf-8"))["sessions"]
    assert len(sessions) == 3


def test_a_dry_run_counts_everybody_and_trains_nobody(tmp_path: Path) -> None:
    base = save_base(tmp_path / "base", "llava")
    table = coloured_people(tmp_path / "data", train=6, val=3)
    found = dry_run(read_recipe(write_recipe(tmp_path / "r.yaml", fields(base, table))))
    assert found["rehearsal"]["train"] == 6
    assert found["rehearsal"]["val"] == 3
    assert found["rehearsal"]["context"] == 2048
    assert 0 < found["rehearsal"]["longest"] < 2048
    assert found["rehearsal"]["trained"] < 0.2 * found["rehearsal"]["parameters"]
    assert found["labels"]["anger"] == 2


def test_who_cannot_be_trained_on_is_named_before_the_first_step(tmp_path: Path) -> None:
    base = save_base(tmp_path / "base", "llava")
    table = coloured_people(tmp_path / "data", train=6, val=3)
    (table.parent / "2.png").write_bytes(b"no picture")
    recipe = write_recipe(tmp_path / "r.yaml", fields(base, table))
    with pytest.raises(
        InputError, match=r"1 of 9 people cannot be trained on, the first being table/train/2.png"
    ):
        run_recipe(read_recipe(recipe), tmp_path / "run")
    found = dry_run(read_recipe(recipe, ["unreadable=skip"]))
    assert found["rehearsal"]["train"] == 5
    assert len(found["rehearsal"]["faulty"]) == 1


def test_a_sequence_longer_than_the_context_is_refused_and_never_cut(tmp_path: Path) -> None:
    base = save_base(tmp_path / "base", "llava")
    config = json.loads((base / "config.json").read_text("utf-8"))
    config["text_config"]["max_position_embeddings"] = 40
    (base / "config.json").write_text(json.dumps(config), "utf-8")
    table = coloured_people(tmp_path / "data", train=3, val=1)
    with pytest.raises(InputError, match=r"tokens do not fit the model's context of 40"):
        dry_run(read_recipe(write_recipe(tmp_path / "r.yaml", fields(base, table))))


def test_impossible_recipes_are_refused_with_the_field(tmp_path: Path) -> None:
    base, table = tmp_path / "base", coloured_people(tmp_path / "data", train=2, val=1)
    save_base(base, "llava")

    def refused(match: str, **changes: Any) -> None:
        with pytest.raises(OptionError, match=match):
            dry_run(read_recipe(write_recipe(tmp_path / "r.yaml", fields(base, table, **changes))))

    refused("field schedule.rate", schedule={"rate": -1})
    refused("gradient_checkpointing does without", gradient_checkpointing=True)
    refused(r"no layers of these names: nope", lora={"modules": ["nope"]})
    refused("field target.answer", target={"answer": "guess"})
    refused("early stopping needs people", schedule={"patience": 2}, data={
        "dataset": "table", "root": str(table), "options": {"space": "ekman"}, "val": None,
    })  # fmt: skip


def test_the_vision_tower_gets_no_adapter(tmp_path: Path) -> None:
    for family in ("llava", "smolvlm"):
        base = save_base(tmp_path / family, family)
        table = coloured_people(tmp_path / "data", train=2, val=1)
        recipe: Any = read_recipe(write_recipe(tmp_path / "r.yaml", fields(base, table)))
        start = start_tuning(recipe, load_people(recipe.data, 0))
        trained = [name for name, p in start.model.named_parameters() if p.requires_grad]
        assert trained
        assert all("lora_" in name and "vision" not in name for name in trained)


def step_of(content: dict[str, Any], file: Path) -> tuple[float, dict[str, Any]]:
    """Loss and gradients of one part of a step."""
    recipe: Any = read_recipe(write_recipe(file, content))
    task = start_tuning(recipe, load_people(recipe.data, 0)).task
    task.module.train()
    loss, _ = task.loss([task.example(Draw(0, 0, index)) for index in range(2)])
    loss.backward()  # type: ignore[no-untyped-call]
    gradients = {name: p.grad for name, p in task.module.named_parameters() if p.grad is not None}
    return float(loss.detach()), gradients


def test_recomputing_activations_changes_no_gradient(tmp_path: Path) -> None:
    base = save_base(tmp_path / "base", "qwen2_5_vl")
    content = fields(
        base, coloured_people(tmp_path / "data", train=2, val=1), target={"answer": "label_list"}
    )
    loss, gradients = step_of(content, tmp_path / "r.yaml")
    again, recomputed = step_of(content | {"gradient_checkpointing": True}, tmp_path / "r.yaml")
    assert loss == pytest.approx(again, abs=1e-6)
    assert gradients.keys() == recomputed.keys()
    assert any(float(gradient.abs().max()) > 0.01 for gradient in gradients.values())
    for name, gradient in gradients.items():
        assert torch.allclose(gradient, recomputed[name], atol=1e-5), name


def test_people_seen_together_weigh_alike(tmp_path: Path) -> None:
    """Answers of different lengths, padded side by side: the loss is the mean of those alone."""
    base = save_base(tmp_path / "base", "llava")
    table = coloured_people(tmp_path / "data", train=4, val=1)
    for answer in ("label_list", "yes_no"):
        recipe: Any = read_recipe(
            write_recipe(tmp_path / "r.yaml", fields(base, table, target={"answer": answer}))
        )
        task = start_tuning(recipe, load_people(recipe.data, 0)).task
        lessons = [task.example(Draw(0, 0, index)) for index in range(4)]
        with torch.no_grad():
            together = float(task.loss(lessons)[0])
            alone = [float(task.loss([lesson])[0]) for lesson in lessons]
        assert max(alone) - min(alone) > 0.01
        assert together == pytest.approx(np.mean(alone), abs=1e-5)


def test_pictures_of_people_trained_on_judge_nobody(tmp_path: Path) -> None:
    table = coloured_people(tmp_path / "data", train=4, val=2)
    lines = table.read_text("utf-8").splitlines()
    lines.append(lines[1].replace(",train,", ",val,"))
    table.write_text("\n".join(lines) + "\n", "utf-8")
    recipe: Any = read_recipe(write_recipe(tmp_path / "r.yaml", fields(tmp_path, table)))
    people = load_people(recipe.data, 0)
    assert len(people.train) == 4
    assert len(people.val) == 2
    assert people.leaked == 1


def test_a_hundred_people_are_drawn_by_the_seed(tmp_path: Path) -> None:
    table = coloured_people(tmp_path / "data", train=20, val=2)
    data = {"dataset": "table", "root": str(table), "options": {"space": "ekman"}, "samples": 5}
    recipe: Any = read_recipe(write_recipe(tmp_path / "r.yaml", fields(tmp_path, table, data=data)))
    drawn = [[s.id for s in load_people(recipe.data, seed).train] for seed in (0, 0, 1)]
    assert len(drawn[0]) == 5
    assert drawn[0] == drawn[1] != drawn[2]


def test_texts_from_a_run_take_the_place_of_words(tmp_path: Path) -> None:
    table = told_people(tmp_path / "data", train=2, val=1)
    (tmp_path / "rows.jsonl").write_text(json.dumps({"id": "table/train/p0", "caption": "She waits."}) + "\n")
    data = {
        "dataset": "table", "root": str(table), "options": {"space": "ekman"},
        "texts": [str(tmp_path / "rows.jsonl")],
    }  # fmt: skip
    recipe: Any = read_recipe(write_recipe(tmp_path / "r.yaml", fields(tmp_path, table, data=data)))
    first, second = load_people(recipe.data, 0).train
    assert first.text == "She waits."
    assert second.text != "She waits."
