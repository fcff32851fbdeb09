"""The cost model counts weights as the libraries do, and its hours as they were derived by hand elsewhere."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from benchmarks.finetuning_cost import PEOPLE, Plan, cost, main, others, plan_of, recipes
from benchmarks.finetuning_shapes import MODELS, RESNET_50, Language

from emoscene.catalogue.entry import known
from emoscene.datasets.registry import open_dataset
from emoscene.errors import OptionError
from emoscene.training.recipe import read_recipe
from emoscene.training.sampling import balance
from emoscene.training.tuning_recipe import Recipe


@pytest.mark.parametrize("name", MODELS)
def test_a_whole_model_has_the_weights_that_the_catalogue_states(name: str) -> None:
    assert MODELS[name].weights / 1e6 == pytest.approx(known(name).parameters, rel=0.006)


@pytest.mark.slow  # for the import of transformers
@pytest.mark.parametrize(("tied", "bias"), [(True, True), (False, False)])
def test_a_language_model_is_counted_as_transformers_builds_it(tied: bool, bias: bool) -> None:
    from transformers import LlamaConfig, LlamaForCausalLM

    shape = Language(3, 32, 88, 4, 2, 8, 100, tied=tied, attention_bias=bias)
    config = LlamaConfig(
        hidden_size=32, intermediate_size=88, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2,
        head_dim=8, vocab_size=100, tie_word_embeddings=tied,
    )  # fmt: skip
    with torch.device("meta"):
        model = LlamaForCausalLM(config)
    biases = 3 * (4 + 2 * 2) * 8 if bias else 0  # Llama has none; Qwen2 has those of queries, keys and values
    assert shape.weights == model.num_parameters() + biases


@pytest.mark.slow
def test_lora_is_counted_as_peft_builds_it() -> None:
    from peft import LoraConfig, inject_adapter_in_model
    from transformers import LlamaConfig, LlamaForCausalLM

    shape = Language(3, 32, 88, 4, 2, 8, 100)
    config = LlamaConfig(
        hidden_size=32, intermediate_size=88, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2,
        head_dim=8, vocab_size=100,
    )  # fmt: skip
    model = LlamaForCausalLM(config)
    names = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    inject_adapter_in_model(LoraConfig(r=5, target_modules=names), model)
    trained = sum(p.numel() for name, p in model.named_parameters() if "lora_" in name)
    assert shape.lora(5) == trained


PLAN = Plan("x", "llava-1.5-7b", "label_list", rank=16, people=10_000, rounds=3, at_once=2)


def test_hours_are_six_flop_a_weight_and_token() -> None:
    found = cost(PLAN, gpu="h200", share=0.35)
    assert found.tokens == 761
    by_hand = 6 * 6.476e9 * 761 * 10_000 * 3
    assert by_hand < found.petaflop * 1e15 < 1.1 * by_hand
    assert found.hours == pytest.approx(found.petaflop * 1e15 / (0.35 * 989e12) / 3600, abs=0.01)


def test_what_costs_more_is_said_to() -> None:
    base = cost(PLAN)
    kept = cost(replace(PLAN, checkpointing=False))
    assert kept.hours < base.hours
    assert kept.activations_gb > 5 * base.activations_gb
    assert cost(replace(PLAN, at_once=8)).activations_gb == pytest.approx(4 * base.activations_gb, abs=0.25)
    assert cost(replace(PLAN, rank=128)).trained_gb > 7 * base.trained_gb
    assert cost(replace(PLAN, watched=5_000)).hours > base.hours
    assert cost(replace(PLAN, answer="yes_no")).tokens == 576 + 60 + 29 * 20
    assert cost(PLAN, gpu="t4").fits is False


def test_plans_are_those_of_the_recipes() -> None:
    plan = plan_of("emotic-llava-1.5-7b-train")
    assert (plan.model, plan.answer, plan.people) == ("llava-1.5-7b", "label_list", 22_752)
    assert {each.removeprefix("emotic-llava-1.5-7b-") for each in recipes() if "llava-1.5-7b" in each} <= set(
        PEOPLE
    )
    with pytest.raises(OptionError, match="only recipes of the kind lora"):
        plan_of("embedded")


def test_a_head_and_the_cnn_cost_little() -> None:
    head, cnn = others()
    assert max(head.hours, cnn.hours) < 0.1
    assert max(head.memory_gb, cnn.memory_gb) < 16
    assert RESNET_50.at(112).flop == RESNET_50.flop / 4


def tuned(name: str) -> Recipe:
    recipe = read_recipe(name)
    assert isinstance(recipe, Recipe)
    return recipe


@pytest.mark.slow
def test_people_are_counted_on_the_real_labels(reference_data: Path) -> None:
    file = str(reference_data / "emotic-labels" / "gt_all.csv")
    whole = open_dataset("emotic", file)
    val = [sample.target or frozenset() for sample in whole.samples("val")]
    assert len(val) == PEOPLE["val"]
    augmented = tuned("emotic-llava-1.5-13b-val-aug").data.balance
    assert augmented is not None
    assert sum(balance(val, whole.labels.ids, augmented).times) == PEOPLE["val-aug"]
    without = open_dataset("emotic", file, leaked="leave_out")
    assert sum(1 for _ in without.samples("train")) == PEOPLE["train"]


def test_the_command_prints_every_recipe(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["derived"] is True
    assert [each["plan"] for each in found["costs"]] == [*recipes(), "emotic-clip-head", "emotic-cnn-train"]
    assert main(["--gpu", "rtx-4090", "--at-once", "1"]) == 0
    assert "derived, not measured: one rtx-4090" in capsys.readouterr().out
