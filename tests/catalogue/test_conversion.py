"""Conversion: the same tensors under the right names, nothing of a pickle but tensors, all or nothing."""

from __future__ import annotations

import contextlib
import io
import json
import os
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest

from emoscene.catalogue import here, known
from emoscene.catalogue.conversion import convert
from emoscene.catalogue.pickles import read_tensors
from emoscene.errors import ModelError, ModelFilesError, ModelNotHereError, OptionError
from emoscene.recognizers.adapters import apply_adapter
from emoscene.recognizers.folders import Kind, look_into
from emoscene.recognizers.loading import Placement, load_model
from tests.tiny_llava import save_tiny_llava

torch = pytest.importorskip("torch")

COMMIT = "89abcdef01" * 4
RANK, ALPHA = 4, 8
MODULES = ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj", "mlp.gate_proj",
           "mlp.up_proj", "mlp.down_proj")  # fmt: skip
#: As the original code of LLaVA writes it (bare names of modules, its own name of the base).
ORIGINAL_CONFIG = {
    "auto_mapping": None,
    "base_model_name_or_path": "liuhaotian/llava-v1.5-13b",
    "bias": "none",
    "fan_in_fan_out": False,
    "inference_mode": True,
    "init_lora_weights": True,
    "layers_pattern": None,
    "layers_to_transform": None,
    "lora_alpha": ALPHA,
    "lora_dropout": 0.05,
    "modules_to_save": None,
    "peft_type": "LORA",
    "r": RANK,
    "revision": None,
    "target_modules": [module.partition(".")[2] for module in MODULES],
    "task_type": "CAUSAL_LM",
}


@pytest.fixture(scope="module")
def llava(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_llava(tmp_path_factory.mktemp("base") / "llava-1.5-13b-hf")


def base(folder: Path) -> Any:
    return load_model(folder, "AutoModelForImageTextToText", Placement("cpu", "float32"))


def logits(model: Any) -> Any:
    with torch.inference_mode():
        pixels = torch.linspace(-1, 1, 3 * 28 * 28).reshape(1, 3, 28, 28)
        return model(input_ids=torch.tensor([[1, 10, 3, 3, 3, 3, 11, 12]]), pixel_values=pixels).logits


def write_original(llava: Path, folder: Path) -> Any:
    """An adapter as the original LLaVA leaves it; returns the base model with the same changes made by hand."""
    generator = torch.Generator().manual_seed(11)
    model = base(llava)
    lora: dict[str, Any] = {}
    others: dict[str, Any] = {}
    with torch.no_grad():
        for number, layer in enumerate(model.model.language_model.layers):
            for module in MODULES:
                weight = layer.get_submodule(module).weight
                down = torch.randn(RANK, weight.shape[1], generator=generator) / 4
                up = torch.randn(weight.shape[0], RANK, generator=generator) / 4
                weight += ALPHA / RANK * up @ down
                lora[f"base_model.model.model.layers.{number}.{module}.lora_A.weight"] = down
                lora[f"base_model.model.model.layers.{number}.{module}.lora_B.weight"] = up
        for original, own in (("0", "linear_1"), ("2", "linear_2")):
            linear = model.model.multi_modal_projector.get_submodule(own)
            for part in ("weight", "bias"):
                new = torch.randn(getattr(linear, part).shape, generator=generator)
                getattr(linear, part).copy_(new)
                others[f"base_model.model.model.mm_projector.{original}.{part}"] = new
    folder.mkdir()
    torch.save(lora, folder / "adapter_model.bin")
    torch.save(others, folder / "non_lora_trainables.bin")
    (folder / "adapter_config.json").write_text(json.dumps(ORIGINAL_CONFIG))
    config = {"model_type": "llava", "mm_projector_type": "mlp2x_gelu", "mm_vision_tower": "openai/clip"}
    (folder / "config.json").write_text(json.dumps(config))
    return model


def test_original_llava_adapters_give_the_same_logits(llava: Path, tmp_path: Path) -> None:
    by_hand = write_original(llava, tmp_path / "original")
    wanted, plain = logits(by_hand), logits(base(llava))
    assert (wanted - plain).abs().max() > 0.1
    done = convert(tmp_path / "original")
    assert done.folder == tmp_path / "original-safetensors"
    assert (done.renamed, done.kept, done.unused) == (2 * 2 * len(MODULES) + 4, 0, ())
    assert done.base == "llava-hf/llava-1.5-13b-hf"
    assert look_into(done.folder).kind is Kind.ADAPTER
    assert look_into(done.folder).base == done.base
    beside = apply_adapter(base(llava), done.folder, merge=False)
    merged = apply_adapter(base(llava), done.folder, merge=True)
    assert (logits(beside) - wanted).abs().max() <= 1e-5
    assert (logits(merged) - wanted).abs().max() <= 1e-5


def test_every_weight_is_where_it_belongs(llava: Path, tmp_path: Path) -> None:
    """Equal logits could hide a swap that cancels; the merged weights themselves are compared too."""
    by_hand = write_original(llava, tmp_path / "original").state_dict()
    merged = apply_adapter(base(llava), convert(tmp_path / "original").folder, merge=True).state_dict()
    assert merged.keys() == by_hand.keys()
    assert all((merged[name] - by_hand[name]).abs().max() <= 1e-6 for name in by_hand)


def test_adapters_in_safetensors_with_original_names(llava: Path, tmp_path: Path) -> None:
    from safetensors.torch import save_file

    wanted = logits(write_original(llava, tmp_path / "original"))
    named = torch.load(tmp_path / "original" / "adapter_model.bin", weights_only=True)
    save_file(
        {name.replace(".weight", ".default.weight"): t for name, t in named.items()},
        tmp_path / "original" / "adapter_model.safetensors",
    )
    (tmp_path / "original" / "adapter_model.bin").unlink()
    adapted = apply_adapter(base(llava), convert(tmp_path / "original").folder, merge=True)
    assert (logits(adapted) - wanted).abs().max() <= 1e-5


def edit(folder: Path, **changes: Any) -> None:
    file = folder / "adapter_config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


def test_the_base_of_a_moved_or_unknown_adapter(llava: Path, tmp_path: Path) -> None:
    folder = tmp_path / "original"
    write_original(llava, folder)
    edit(folder, base_model_name_or_path="/somewhere/checkpoints/llava-v1.5-7b/")
    assert convert(folder, tmp_path / "moved").base == "llava-hf/llava-1.5-7b-hf"
    edit(folder, base_model_name_or_path="lmsys/vicuna-13b-v1.5")
    with pytest.raises(ModelFilesError, match="--base"):
        convert(folder, tmp_path / "unknown")
    assert convert(folder, tmp_path / "named", base="someone/llava-hf").base == "someone/llava-hf"


def resave(file: Path, change: Any) -> None:
    tensors = torch.load(file, weights_only=True)
    change(tensors)
    torch.save(tensors, file)


@pytest.mark.parametrize(
    ("file", "added", "said"),
    [
        ("non_lora_trainables", "base_model.model.model.vision_tower.vision_tower.x.weight", "no place"),
        ("non_lora_trainables", "base_model.model.model.embed_tokens.weight", "no place"),
        ("non_lora_trainables", "base_model.model.model.mm_projector.weight", "no place"),
        ("adapter_model", "base_model.model.lm_head.lora_A.weight", "no place"),
    ],
)
def test_nothing_that_was_trained_is_lost(
    llava: Path, tmp_path: Path, file: str, added: str, said: str
) -> None:
    write_original(llava, tmp_path / "original")
    resave(tmp_path / "original" / f"{file}.bin", lambda t: t.update({added: torch.ones(2, 2)}))
    with pytest.raises(ModelFilesError, match=said):
        convert(tmp_path / "original")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["original"], "nothing half done stays"


def test_buffers_that_are_computed_are_left_out_and_named(llava: Path, tmp_path: Path) -> None:
    write_original(llava, tmp_path / "original")
    buffer = "base_model.model.model.layers.0.self_attn.rotary_emb.inv_freq"
    resave(tmp_path / "original" / "non_lora_trainables.bin", lambda t: t.update({buffer: torch.ones(4)}))
    assert convert(tmp_path / "original").unused == (buffer,)


def test_adapters_that_were_not_saved_whole(llava: Path, tmp_path: Path) -> None:
    folder = tmp_path / "original"
    write_original(llava, folder)
    (folder / "non_lora_trainables.bin").rename(tmp_path / "kept.bin")
    with pytest.raises(ModelFilesError, match=r"non_lora_trainables.bin is missing"):
        convert(folder)
    (tmp_path / "kept.bin").rename(folder / "non_lora_trainables.bin")
    name = "base_model.model.model.layers.0.mlp.up_proj.lora_B.weight"
    resave(folder / "adapter_model.bin", lambda t: t.update({name: torch.empty(0)}))
    with pytest.raises(ModelFilesError, match="not saved whole"):
        convert(folder)


def test_conversion_is_done_once(llava: Path, tmp_path: Path) -> None:
    write_original(llava, tmp_path / "original")
    before = {p.name: p.read_bytes() for p in (tmp_path / "original").iterdir()}
    first = convert(tmp_path / "original")
    made = {p.name: p.stat().st_mtime_ns for p in first.folder.iterdir()}
    again = convert(tmp_path / "original")
    assert again.already
    assert not first.already
    assert (again.renamed, again.base) == (first.renamed, first.base)
    assert {p.name: p.stat().st_mtime_ns for p in first.folder.iterdir()} == made
    assert {p.name: p.read_bytes() for p in (tmp_path / "original").iterdir()} == before
    resave(tmp_path / "original" / "adapter_model.bin", lambda t: t.popitem())
    with pytest.raises(OptionError, match="nothing is written over"):
        convert(tmp_path / "original")


def test_ordinary_adapters_keep_their_names(llava: Path, tmp_path: Path) -> None:
    folder = tmp_path / "peft"
    folder.mkdir()
    name = "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight"
    torch.save({name: torch.ones(4, 32)}, folder / "adapter_model.bin")
    config = {
        **ORIGINAL_CONFIG,
        "base_model_name_or_path": "Qwen/Qwen2.5-0.5B",
        "megatron_core": "megatron.core",
    }
    (folder / "adapter_config.json").write_text(json.dumps(config))
    done = convert(folder)
    assert (done.renamed, done.kept, done.base) == (0, 1, "Qwen/Qwen2.5-0.5B")
    made = json.loads((done.folder / "adapter_config.json").read_text())
    assert made["target_modules"] == ORIGINAL_CONFIG["target_modules"]
    assert "megatron_core" not in made
    assert list(_names(done.folder / "adapter_model.safetensors")) == [name]
    with pytest.raises(ModelFilesError, match="needs no conversion"):
        convert(done.folder)


def _names(file: Path) -> list[str]:
    from safetensors import safe_open

    with safe_open(file, "pt") as stream:
        return list(stream.keys())


def save_pickled_model(llava: Path, folder: Path, *, shards: int = 1) -> dict[str, Any]:
    """The tiny LLaVA as older releases published it."""
    import shutil

    from safetensors.torch import load_file

    folder.mkdir()
    for file in llava.iterdir():
        if file.suffix != ".safetensors":
            shutil.copyfile(file, folder / file.name)
    tensors: dict[str, Any] = load_file(llava / "model.safetensors")
    names = sorted(tensors)
    if shards == 1:
        torch.save(tensors, folder / "pytorch_model.bin")
        return tensors
    placed: dict[str, str] = {}
    for shard in range(shards):
        own = names[shard::shards]
        file_name = f"pytorch_model-{shard + 1:05}-of-{shards:05}.bin"
        torch.save({name: tensors[name] for name in own}, folder / file_name)
        placed |= dict.fromkeys(own, file_name)
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps({"metadata": {}, "weight_map": placed}))
    return tensors


@pytest.mark.parametrize("shards", [1, 3])
def test_models_in_pickles(llava: Path, tmp_path: Path, shards: int) -> None:
    tensors = save_pickled_model(llava, tmp_path / "model", shards=shards)
    (tmp_path / "model" / "modeling_own.py").write_text("raise SystemExit")
    (tmp_path / "model" / "training_args.bin").write_bytes(b"x")
    with pytest.raises(ModelFilesError, match="models convert"):
        look_into(tmp_path / "model")
    done = convert(tmp_path / "model")
    assert done.kept == len(tensors)
    assert set(done.unused) == {"modeling_own.py", "training_args.bin"}
    assert look_into(done.folder).kind is Kind.VLM
    assert torch.equal(logits(base(done.folder)), logits(base(llava)))
    assert not list(done.folder.glob("*.bin*"))


def test_tensors_that_share_their_memory(llava: Path, tmp_path: Path) -> None:
    save_pickled_model(llava, tmp_path / "model")
    big = torch.arange(12.0).reshape(3, 4)
    shared = {"whole": big, "same": big, "row": big[1], "across": big.t(), "one": torch.ones(1).expand(5)}
    torch.save(shared, tmp_path / "model" / "pytorch_model.bin")
    from safetensors.torch import load_file

    made = load_file(convert(tmp_path / "model").folder / "model.safetensors")
    assert all(torch.equal(made[name], tensor) for name, tensor in shared.items())


class Trap:
    """A pickle that makes a file when it is read by anything that runs it."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.file}",)


def traps(folder: Path, sprung: Path) -> dict[str, Any]:
    """Ways to write a pickle with a program in it."""

    def torch_archive(file: Path) -> None:
        torch.save({"a": torch.ones(2), "b": Trap(sprung)}, file)

    def torch_legacy(file: Path) -> None:
        torch.save({"a": torch.ones(2), "b": Trap(sprung)}, file, _use_new_zipfile_serialization=False)

    def plain(file: Path) -> None:
        file.write_bytes(pickle.dumps(Trap(sprung)))

    def in_an_ordered_dict(file: Path) -> None:
        torch.save(OrderedDict([("a", Trap(sprung))]), file)

    return {"archive": torch_archive, "legacy": torch_legacy, "plain": plain, "ordered": in_an_ordered_dict}


@pytest.mark.parametrize("kind", ["archive", "legacy", "plain", "ordered"])
def test_no_pickle_runs(llava: Path, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    save_pickled_model(llava, tmp_path / "model")
    sprung = tmp_path / "sprung"
    file = tmp_path / "model" / "pytorch_model.bin"
    traps(tmp_path, sprung)[kind](file)
    with pytest.raises(ModelFilesError, match="could run code"):
        convert(tmp_path / "model")
    assert not sprung.exists()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["model"]
    with contextlib.suppress(RuntimeError):
        torch.load(file, weights_only=False)
    assert sprung.exists(), "the trap does spring where pickles are run"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ([1, 2], "no list of named tensors"),
        ({}, "no list of named tensors"),
        ({"a": 1.0}, "a is a float"),
        ({"state": {"a": 1}}, "state is a dict"),
        ({3: "x"}, "the name 3"),
        ({"a\n": "x"}, "the name"),
    ],
)
def test_what_is_no_list_of_tensors(tmp_path: Path, content: Any, said: str) -> None:
    torch.save(content, tmp_path / "x.bin")
    with pytest.raises(ModelFilesError, match=said):
        read_tensors(tmp_path / "x.bin")


def test_tensors_larger_than_their_file(tmp_path: Path) -> None:
    torch.save({"a": torch.ones(1).expand(10**12)}, tmp_path / "x.bin")
    with pytest.raises(ModelFilesError, match="larger than the file"):
        read_tensors(tmp_path / "x.bin")


def test_odd_tensors(tmp_path: Path) -> None:
    torch.save({"a": torch.ones(2, dtype=torch.complex64)}, tmp_path / "x.bin")
    with pytest.raises(ModelFilesError, match="complex64"):
        read_tensors(tmp_path / "x.bin")
    torch.save({"a": torch.eye(3).to_sparse()}, tmp_path / "x.bin")
    with pytest.raises(ModelFilesError):
        read_tensors(tmp_path / "x.bin")


def test_archives_that_are_compressed_or_cut(tmp_path: Path) -> None:
    whole = io.BytesIO()
    torch.save({"a": torch.zeros(1000)}, whole)
    (tmp_path / "cut.bin").write_bytes(whole.getvalue()[:-200])
    with (
        zipfile.ZipFile(whole) as stored,
        zipfile.ZipFile(tmp_path / "small.bin", "w", zipfile.ZIP_DEFLATED) as small,
    ):
        for part in stored.infolist():
            small.writestr(part.filename, stored.read(part))
    with pytest.raises(ModelFilesError, match="not as torch writes it"):
        read_tensors(tmp_path / "small.bin")
    with pytest.raises(ModelFilesError):
        read_tensors(tmp_path / "cut.bin")
    (tmp_path / "empty.bin").write_bytes(b"")
    with pytest.raises(ModelFilesError, match=r"cannot be read|could run code"):
        read_tensors(tmp_path / "empty.bin")


def test_folders_with_nothing_to_convert(llava: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelNotHereError, match="no folder here"):
        convert(tmp_path / "nowhere")
    with pytest.raises(ModelFilesError, match=r"no config\.json"):
        convert(tmp_path)
    with pytest.raises(ModelFilesError, match="in safetensors already"):
        convert(llava)
    (tmp_path / "config.json").write_text('{"architectures": ["LlavaLlamaForCausalLM"]}')
    with pytest.raises(ModelFilesError, match="original LLaVA code"):
        convert(tmp_path)
    (tmp_path / "config.json").write_text('{"architectures": ["BertModel"]}')
    with pytest.raises(ModelFilesError, match=r"no pytorch_model\.bin"):
        convert(tmp_path)
    index = {"weight_map": {"a": "../../pytorch_model.bin"}}
    (tmp_path / "pytorch_model.bin.index.json").write_text(json.dumps(index))
    with pytest.raises(ModelFilesError, match="a part of it is missing"):
        convert(tmp_path)


def test_the_new_folder_stands_outside(llava: Path, tmp_path: Path) -> None:
    save_pickled_model(llava, tmp_path / "model")
    for out in (tmp_path / "model", tmp_path / "model" / "new"):
        with pytest.raises(OptionError, match="outside"):
            convert(tmp_path / "model", out)
    (tmp_path / "taken").mkdir()
    with pytest.raises(OptionError, match="nothing is written over"):
        convert(tmp_path / "model", tmp_path / "taken")


def test_models_of_the_catalogue(llava: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("EMOSCENE_CACHE", str(tmp_path / "own"))
    entry = known("llava-13b-emotic")
    with pytest.raises(ModelNotHereError, match="models pull llava-13b-emotic"):
        convert(entry.name)
    repository = here.repository_folder(entry.hub)
    snapshot = repository / "snapshots" / COMMIT
    snapshot.mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(COMMIT)
    wanted = logits(write_original(llava, snapshot / entry.subfolder))
    assert not here.is_here(entry)
    with pytest.raises(OptionError, match="--out"):
        convert(snapshot / entry.subfolder)
    done = convert(entry.name)
    assert done.folder == tmp_path / "own" / "converted" / entry.name / COMMIT
    assert here.is_here(entry)
    assert here.folder_of(entry) == done.folder
    other = known("llava-13b-emotic-aug")
    assert not here.is_here(other)
    assert (logits(apply_adapter(base(llava), done.folder, merge=True)) - wanted).abs().max() <= 1e-5
    with pytest.raises(ModelError, match="needs no conversion"):
        convert("smolvlm-256m")
