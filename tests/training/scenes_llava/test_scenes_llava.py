"""The training code: recipes, what examples hold, what a sequence asks, and that a tiny run learns and repeats."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from emoscene.datasets.scenes import EMOTIONS, read, sample_scene
from emoscene.datasets.scenes.appraisal import tables
from emoscene.errors import MissingFileError, OptionError
from emoscene.labels import label_space
from emoscene.training.recipe import read_recipe
from emoscene.training.scenes_llava.build import build_model, build_processor, build_tokenizer, cells
from emoscene.training.scenes_llava.language import language_loss, sequence
from emoscene.training.scenes_llava.people import Shape, batches, example, moved
from emoscene.training.scenes_llava.run import scene_texts, texts_of, train
from emoscene.training.scenes_llava.shape import Recipe
from emoscene.training.scenes_llava.tower import build_heads, heads_loss

TINY = {
    "kind": "scenes-llava", "name": "tiny", "seed": 1, "vocabulary_scenes": 40, "domain": {"fit": 40, "limit": 20},
    "tower": {"size": 56, "patch": 4, "embed": 8, "depths": [1, 1], "heads": [1, 2], "window": 7},
    "decoder": {"hidden": 16, "intermediate": 32, "layers": 1, "heads": 2, "context": 640},
    "tower_stage": {"people": 8, "batch": 4, "rate": 1e-3, "warm_up": 1},
    "language_stage": {"people": 8, "batch": 4, "rate": 1e-3, "warm_up": 1},
}  # fmt: skip


@pytest.fixture(scope="module")
def tiny() -> Recipe:
    return Recipe.model_validate(TINY)


def test_the_recipe_that_ships_can_be_read() -> None:
    recipe = read_recipe("embedded")
    assert isinstance(recipe, Recipe)
    assert recipe.name == "emoscene-embedded"
    assert cells(recipe) == 7


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"seed": "soon"}, "seed"),
        ({"sede": 1}, "sede"),
        ({"kind": "magic"}, "kind"),
        ({"tower": {}}, r"tower\.size"),
    ],
)
def test_a_faulty_recipe_names_the_field(tmp_path: Path, change: dict[str, object], said: str) -> None:
    file = tmp_path / "r.yaml"
    file.write_text(yaml.safe_dump(TINY | change))
    with pytest.raises(OptionError, match=said):
        read_recipe(file)


def test_fields_can_be_changed_by_name() -> None:
    recipe = read_recipe("embedded", ["seed=5", "tower_stage.people=9"])
    assert isinstance(recipe, Recipe)
    assert (recipe.seed, recipe.tower_stage.people) == (5, 9)
    for wrong in ("seed", "no_stage.people=9", "seed.more=1"):
        with pytest.raises(OptionError):
            read_recipe("embedded", [wrong])
    with pytest.raises(OptionError, match="sede"):
        read_recipe("embedded", ["sede=1"])


def test_no_recipe_and_no_yaml(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError):
        read_recipe(tmp_path / "none.yaml")
    (tmp_path / "bad.yaml").write_text("a: [")
    with pytest.raises(OptionError, match="not YAML"):
        read_recipe(tmp_path / "bad.yaml")


def test_an_example_holds_what_the_picture_tells(tiny: Recipe) -> None:
    scene = sample_scene(4, 2)
    one = example(scene, 0, Shape(56, 7, 0.0), random.Random(0))
    assert one.pixels.shape == (56, 56, 3)
    assert ((one.pixels[..., 0] > 180) & (one.pixels[..., 1] < 90)).any(), "the red box shows"
    expected = read(scene, 0, "picture_words" if one.words else "picture")
    np.testing.assert_allclose(one.targets, expected, rtol=1e-6)
    assert one.dense["subject_head"].sum() >= 1


def test_a_sequence_asks_for_what_the_example_says(tiny: Recipe) -> None:
    tokenizer = build_tokenizer(scene_texts(1, 30))
    texts = texts_of(build_processor(tiny, tokenizer))
    one = example(sample_scene(1, 3), 0, Shape(56, 7, 0.0), random.Random(0))
    made = sequence(texts, one, random.Random(2))
    yes = texts.questions.yes[0]
    asked = {round(shares[0], 5) for _, ids, shares in made.ask if ids[0] == yes}
    assert len([1 for _, ids, _ in made.ask if ids[0] == yes]) == len(EMOTIONS) // 2
    assert asked <= {round(float(p), 5) for p in one.targets}
    written = [token for _, token in made.write]
    end = written.index(texts.end)
    assert tokenizer.decode(written[:end]).lower() == one.caption.lower()
    assert all(made.mask[place, place] for place, _ in made.write)


def test_a_perfect_answer_costs_nothing_but_the_entropy(tiny: Recipe) -> None:
    tokenizer = build_tokenizer(scene_texts(1, 30))
    texts = texts_of(build_processor(tiny, tokenizer))
    one = example(sample_scene(1, 3), 0, Shape(56, 7, 0.0), random.Random(0))
    made = sequence(texts, one, random.Random(2))
    logits = torch.full((1, len(made.tokens), len(tokenizer)), -50.0)
    entropy = []
    for place, ids, shares in made.ask:
        for token, share in zip(ids, shares, strict=True):
            logits[0, place, token] = float(np.log(max(share, 1e-12)))
        entropy.append(-sum(s * np.log(s) for s in shares if s > 0))
    for place, token in made.write:
        logits[0, place, token] = 50.0
    loss, figures = language_loss(logits, [made])
    assert figures["ask"] == pytest.approx(float(np.mean(entropy)), abs=1e-4)
    assert figures["token"] == 1.0
    assert float(loss) == pytest.approx(8 * float(np.mean(entropy)), abs=1e-3)


def test_the_stream_of_people_repeats_and_counts(tiny: Recipe) -> None:
    first = [e for b in batches(3, 0, 12, batch=4, shape=Shape(56, 7, 0.2)) for e in b]
    second = [e for b in batches(3, 0, 12, batch=4, shape=Shape(56, 7, 0.2)) for e in b]
    assert len(first) == 12
    for a, b in zip(first, second, strict=True):
        assert (a.pixels == b.pixels).all()
        assert a.caption == b.caption


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_tiny_run_repeats_and_its_folder_loads(tiny: Recipe, tmp_path: Path) -> None:
    from emoscene.recognizers.vlm import make

    one = train(tiny, tmp_path / "a")
    other = train(tiny, tmp_path / "b")
    for (name, a), (_, b) in zip(one.named_parameters(), other.named_parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6, msg=name)
    assert make(label_space("emotic"), model=str(tmp_path / "a" / "model")).labels.name == "emotic"
    with pytest.raises(OptionError, match="another recipe"):
        train(tiny.model_copy(update={"seed": 2}), tmp_path / "a")


@pytest.mark.slow
def test_the_tower_learns(tiny: Recipe) -> None:
    from emoscene.training.scenes_llava.tower import train_tower

    stage = tiny.tower_stage.model_copy(update={"people": 320, "batch": 16, "rate": 3e-3})
    recipe = tiny.model_copy(update={"tower_stage": stage})
    tower = build_model(recipe, build_tokenizer(scene_texts(1, 5))).model.vision_tower
    losses: list[float] = []
    train_tower(tower, recipe, grid=7, first=0, progress=lambda _s, _n, f: losses.append(f["loss"]))
    assert len(losses) == 20
    assert np.mean(losses[-4:]) < 0.93 * np.mean(losses[:4])


class _Cut(Exception):
    pass


@pytest.mark.slow
def test_a_stage_that_was_cut_off_ends_as_it_would_have(
    tiny: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from emoscene.training.scenes_llava import stages
    from emoscene.training.scenes_llava.tower import train_tower

    monkeypatch.setattr(stages, "_KEEP_EVERY", 2)
    stage = tiny.tower_stage.model_copy(update={"people": 28, "batch": 4, "moved_share": 0.3})
    recipe = tiny.model_copy(update={"tower_stage": stage})
    tokenizer = build_tokenizer(scene_texts(1, 5))

    def run(kept: Path | None, stop: int = 99) -> tuple[torch.nn.Module, list[float]]:
        tower = build_model(recipe, tokenizer).model.vision_tower
        losses: list[float] = []

        def progress(step: int, _steps: int, figures: dict[str, float]) -> None:
            losses.append(figures["loss"])
            if step == stop:
                raise _Cut

        train_tower(tower, recipe, grid=7, first=0, progress=progress, kept=kept)
        return tower, losses

    whole, undisturbed = run(None)
    with pytest.raises(_Cut):
        run(tmp_path / "kept", stop=5)
    resumed, later = run(tmp_path / "kept")
    assert later == pytest.approx(undisturbed[4:], abs=1e-6)
    for (name, a), (_, b) in zip(whole.named_parameters(), resumed.named_parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-6, msg=name)


def test_moved_scenes_stand_where_their_event_never_happens() -> None:
    rng = random.Random(0)
    for index in range(20):
        scene = sample_scene(1, index)
        other = moved(scene, rng)
        t = tables()
        assert t.setting_full[t.events.index(other.event), t.settings.index(other.setting)] == 0
        assert (other.event, other.setting) not in t.held_out
        assert read(other, 0, "picture").shape == (26,)


def test_without_emotions_no_label_is_taught(tiny: Recipe) -> None:
    examples = [example(sample_scene(3, i), 0, Shape(56, 7, 0.0), random.Random(0)) for i in range(4)]
    torch.manual_seed(0)
    heads = build_heads(16, len(EMOTIONS))
    loss, _ = heads_loss(heads(torch.randn(4, 49, 16)), examples, emotions=False)
    loss.backward()  # type: ignore[no-untyped-call]
    assert all(
        p.grad is None
        for name, p in heads.named_parameters()
        if name.startswith(("emotion", "feeling", "vad"))
    )
    assert heads.dense["pose"].weight.grad is not None
