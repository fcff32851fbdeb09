"""Adapters: the same answers as PEFT's own, merged or not, and nothing that does not fit tensor by tensor."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import pytest

from emoscene.errors import ModelFilesError
from emoscene.recognizers.adapters import apply_adapter, base_remark
from emoscene.recognizers.loading import Placement, load_model
from tests.tiny_llava import save_tiny_llava

torch = pytest.importorskip("torch")
peft = pytest.importorskip("peft")

LANGUAGE = r".*language_model.*\.(q_proj|v_proj|down_proj)"
KINDS: dict[str, dict[str, Any]] = {
    "lora": {"target_modules": LANGUAGE},
    "names": {"target_modules": ["q_proj", "v_proj"], "rank_pattern": {"layers.1.self_attn.q_proj": 2}},
    "dora": {"target_modules": LANGUAGE, "use_dora": True},
    "rslora": {"target_modules": LANGUAGE, "use_rslora": True, "lora_alpha": 16},
    "bias": {"target_modules": ["q_proj"], "bias": "lora_only"},
    "everything": {"target_modules": "all-linear", "modules_to_save": ["linear_1"]},
}
IDS = [[1, 10, 11, 12, 13]]


@pytest.fixture(scope="module")
def llava(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_llava(tmp_path_factory.mktemp("llava"))


def base(folder: Path) -> Any:
    return load_model(folder, "AutoModelForImageTextToText", Placement("cpu", "float32"))


def logits(model: Any) -> Any:
    with torch.inference_mode():
        pixels = torch.linspace(-1, 1, 3 * 28 * 28).reshape(1, 3, 28, 28)
        ids = torch.tensor([[*IDS[0], 3, 3, 3, 3, 14]])
        return model(input_ids=ids, pixel_values=pixels).logits


def save_adapter(llava: Path, folder: Path, **settings: Any) -> Any:
    """An adapter of random numbers as PEFT saves it, and the logits that PEFT's own model gives with it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = peft.get_peft_model(
            base(llava), peft.LoraConfig(r=4, init_lora_weights=False, **settings)
        ).eval()
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                if parameter.requires_grad and ".lora_" not in name:
                    parameter.add_(0.1 * torch.randn_like(parameter))
        model.save_pretrained(folder)
    return logits(model)


@pytest.mark.parametrize("merge", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_answers_are_those_of_peft(llava: Path, tmp_path: Path, kind: str, merge: bool) -> None:
    wanted = save_adapter(llava, tmp_path, **KINDS[kind])
    plain = base(llava)
    assert (logits(plain) - wanted).abs().max() > 1e-3
    adapted = apply_adapter(plain, tmp_path, merge=merge)
    assert type(adapted) is type(base(llava))
    assert not adapted.training
    assert (logits(adapted) - wanted).abs().max() <= 1e-5
    layers = [name for name, _ in adapted.named_modules() if "lora_" in name]
    assert bool(layers) is not merge


def edit(folder: Path, **changes: Any) -> None:
    file = folder / "adapter_config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


def rewrite(folder: Path, change: Any) -> None:
    from safetensors.torch import load_file, save_file

    tensors = load_file(folder / "adapter_model.safetensors")
    change(tensors)
    save_file(tensors, folder / "adapter_model.safetensors")


def drop(tensors: dict[str, Any]) -> None:
    del tensors[sorted(tensors)[0]]


def rename(tensors: dict[str, Any]) -> None:
    tensors["base_model.model.model.other.layers.0.q_proj.lora_A.weight"] = torch.ones(4, 32)


def widen(tensors: dict[str, Any]) -> None:
    name = next(n for n in tensors if "q_proj.lora_A" in n)
    tensors[name] = torch.ones(4, 48)


def spoil(tensors: dict[str, Any]) -> None:
    tensors[sorted(tensors)[0]].fill_(float("nan"))


@pytest.mark.parametrize(
    ("change", "said"),
    [(drop, "are missing"), (rename, "have no place"), (widen, "does not fit"), (spoil, "are no numbers")],
)
def test_tensors_that_do_not_fit(llava: Path, tmp_path: Path, change: Any, said: str) -> None:
    save_adapter(llava, tmp_path, **KINDS["lora"])
    rewrite(tmp_path, change)
    with pytest.raises(ModelFilesError, match=said) as caught:
        apply_adapter(base(llava), tmp_path, merge=False)
    assert "base model" in caught.value.remedy


def test_a_layer_that_the_configuration_names_and_the_file_lacks(llava: Path, tmp_path: Path) -> None:
    save_adapter(llava, tmp_path, **KINDS["lora"])
    edit(tmp_path, target_modules=LANGUAGE.replace("q_proj", "q_proj|k_proj"))
    with pytest.raises(ModelFilesError, match=r"4 tensors are missing.*k_proj"):
        apply_adapter(base(llava), tmp_path, merge=False)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"peft_type": "LOKR"}, "type LORA"),
        ({"alora_invocation_tokens": [1]}, "alora_invocation_tokens"),
        ({"init_lora_weights": "pissa_niter_4"}, "base model's own weights"),
        ({"r": 10**12}, "no rank"),
        ({"r": "8"}, "no rank"),
        ({"target_modules": None}, "no modules"),
        ({"target_modules": ["nowhere"]}, "does not fit"),
        ({"layers_pattern": 3, "layers_to_transform": "x"}, "."),
    ],
)
def test_configurations_that_are_refused(
    llava: Path, tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    save_adapter(llava, tmp_path, **KINDS["names"])
    edit(tmp_path, **changes)
    with pytest.raises(ModelFilesError, match=said):
        apply_adapter(base(llava), tmp_path, merge=False)


def test_nothing_that_the_configuration_names_is_imported(llava: Path, tmp_path: Path) -> None:
    wanted = save_adapter(llava, tmp_path, **KINDS["lora"])
    edit(
        tmp_path,
        auto_mapping={"base_model_class": "system", "parent_library": "a_module_that_is_nowhere"},
        megatron_core="a_module_that_is_nowhere",
        megatron_config={"x": 1},
        corda_config={"covariance_file": "/nowhere.pt"},
        base_model_name_or_path="someone/who-is-nowhere",
    )
    assert (logits(apply_adapter(base(llava), tmp_path, merge=False)) - wanted).abs().max() <= 1e-5


def test_pickles_are_not_read(llava: Path, tmp_path: Path) -> None:
    save_adapter(llava, tmp_path, **KINDS["lora"])
    (tmp_path / "adapter_model.safetensors").rename(tmp_path / "adapter_model.bin")
    with pytest.raises(ModelFilesError, match="models convert"):
        apply_adapter(base(llava), tmp_path, merge=False)


def test_loading_shifts_no_random_numbers(llava: Path, tmp_path: Path) -> None:
    save_adapter(llava, tmp_path, **KINDS["lora"])
    model = base(llava)
    torch.manual_seed(5)
    wanted = torch.rand(3)
    torch.manual_seed(5)
    apply_adapter(model, tmp_path, merge=True)
    assert torch.equal(torch.rand(3), wanted)


def test_names_of_older_transformers(llava: Path, tmp_path: Path) -> None:
    pytest.importorskip("peft.utils.transformers_weight_conversion")
    wanted = save_adapter(llava, tmp_path, **KINDS["lora"])

    def older(tensors: dict[str, Any]) -> None:
        for name in list(tensors):
            old = name.replace("model.model.language_model.layers", "model.language_model.model.layers")
            assert old != name
            tensors[old] = tensors.pop(name)

    rewrite(tmp_path, older)
    assert (logits(apply_adapter(base(llava), tmp_path, merge=True)) - wanted).abs().max() <= 1e-5


@pytest.mark.parametrize(
    ("named", "where", "same"),
    [
        ("llava-hf/llava-1.5-7b-hf", "cache/models--llava-hf--llava-1.5-7b-hf/snapshots/abc", True),
        ("llava-hf/llava-1.5-7b-hf", "llava-1.5-7b-hf", True),
        ("/elsewhere/llava-1.5-7b-hf", "models/llava-1.5-7b-hf", True),
        ("llava-hf/llava-1.5-13b-hf", "models/llava-1.5-7b-hf", False),
        ("", "models/x", True),
        (None, "models/x", True),
    ],
)
def test_remark_about_another_base(tmp_path: Path, named: str | None, where: str, same: bool) -> None:
    (tmp_path / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": named}))
    remark = base_remark(tmp_path, Path(where))
    assert (not remark) is same
    if remark:
        assert "llava-1.5-13b-hf" in remark
        assert "llava-1.5-7b-hf" in remark
