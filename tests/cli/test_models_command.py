"""`emoscene models` and `emoscene doctor`."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.catalogue.stand_in_hub import COMMIT
from tests.cli.conftest import Run


@pytest.fixture
def caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Empty caches."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("EMOSCENE_CACHE", str(tmp_path / "own"))
    return tmp_path


def put_in_cache(hub: Path, hub_id: str, config: str = '{"model_type": "clip"}') -> Path:
    repository = hub / f"models--{hub_id.replace('/', '--')}"
    folder = repository / "snapshots" / COMMIT
    folder.mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(COMMIT)
    (folder / "config.json").write_text(config)
    (folder / "model.safetensors").write_bytes(b"x" * 2_000_000)
    return folder


def test_list_shows_what_is_here_and_what_it_takes(run: Run, caches: Path) -> None:
    put_in_cache(caches / "hub", "HuggingFaceTB/SmolVLM-500M-Instruct")
    put_in_cache(caches / "hub", "someone/clip")
    done = run("models", "list")
    assert done.code == 0
    cells = {line.split()[0]: re.split("  +", line) for line in done.out.splitlines() if line.strip()}
    assert cells["model"] == ["model", "family", "size", "memory", "here", "asked by"]
    assert cells["smolvlm-500m"] == ["smolvlm-500m", "SmolVLM", "1.0 GB", "1.2 GB", "cache", "vlm"]
    assert cells["smolvlm-256m"][4] == "-"
    assert cells["clip-vit-base"][5] == "dual_encoder"
    assert cells["embedded"][4] == "shipped"
    assert cells["hsemotion-b0"][5] == "-"
    assert cells["someone/clip"] == ["someone/clip", "dual-encoder", "2 MB", "dual_encoder"]
    assert all(len(line) <= 80 for line in done.out.splitlines())


def test_list_as_json(run: Run, caches: Path) -> None:
    folder = put_in_cache(caches / "hub", "someone/clip")
    rows = {row["name"]: row for row in run("models", "list", "--json").rows}
    assert set(rows) >= {"embedded", "llava-1.5-7b", "minilm"}
    assert all(isinstance(row["here"], bool) for row in rows.values())
    assert rows["llava-1.5-7b"]["memory_gb"] == pytest.approx(16.95)
    assert rows["llava-1.5-7b"]["in_catalogue"] is True
    assert (rows["someone/clip"]["folder"], rows["someone/clip"]["in_catalogue"]) == (str(folder), False)


def test_list_without_torch_says_what_to_install(
    run: Run, caches: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("emoscene.catalogue.here.find_spec", lambda name: None)
    assert "needs [models]" in run("models", "list").out


def test_card(run: Run, caches: Path) -> None:
    said = run("models", "card", "llava-13b-emotic").out
    assert said.startswith("# llava-13b-emotic\n")
    assert "none stated" in said
    assert "- answers now: yes: --model llava-13b-emotic" in said
    assert "- on this machine: no: emoscene models pull llava-13b-emotic" in said


def test_card_of_an_unknown_model(run: Run) -> None:
    done = run("models", "card", "smolvlm-255m")
    assert done.code == 2
    assert "Did you mean 'smolvlm-256m'" in done.err


def test_pull_without_a_network_is_clear_at_once(run: Run, caches: Path) -> None:
    begin = time.monotonic()
    done = run("models", "pull", "smolvlm-256m")
    assert time.monotonic() - begin < 1
    assert done.code == 2
    (line,) = done.err.splitlines()
    assert "HF_HUB_OFFLINE forbids" in line
    assert "--model" in line


def test_nothing_heavy_is_imported_for_what_needs_it_not() -> None:
    """In a process of its own: lists, cards, and what cannot be done answer before torch would be there."""
    commands = [
        ["models", "list"],
        ["models", "card", "clip-vit-base"],
        ["models", "pull", "smolvlm-256m"],
        ["models", "pull", "smolvlm-255m"],
        ["models", "verify", "smolvlm-256m"],
        ["models", "convert", "/nowhere"],
    ]
    code = (
        "import sys\nfrom emoscene.cli import main\n"
        f"for command in {commands}: main(command)\n"
        "print(sorted({'torch', 'transformers', 'peft', 'huggingface_hub'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.fixture
def pickled(tmp_path: Path) -> Path:
    """A tiny LLaVA in `tmp_path / "model"`, its tensors in a pickle."""
    torch = pytest.importorskip("torch")
    from safetensors.torch import load_file

    from tests.tiny_llava import save_tiny_llava

    folder = save_tiny_llava(tmp_path / "model")
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    return folder


def test_convert_and_verify(run: Run, tmp_path: Path, pickled: Path) -> None:
    refused = run("models", "verify", tmp_path / "model")
    assert refused.code == 1
    assert "models convert" in refused.out
    done = run("models", "convert", tmp_path / "model", "--out", tmp_path / "new")
    assert (done.code, done.out) == (0, f"{tmp_path / 'new'}\n")
    assert "tensors" in done.err
    again = run("models", "convert", tmp_path / "model", "--out", tmp_path / "new", "--json")
    assert again.rows[0]["already"] is True
    checked = run("models", "verify", tmp_path / "new")
    assert checked.code == 0
    assert re.search(r"^ok +model\.safetensors: sha256", checked.out, re.MULTILINE)
    assert checked.out.splitlines()[-1] == "new: ok"
    as_json = run("models", "verify", tmp_path / "new", "--files-only", "--json").rows[0]
    assert as_json["ok"] is True
    (tmp_path / "new" / "config.json").write_text("{}")
    assert run("models", "verify", tmp_path / "new").code == 1


def test_verify_what_is_not_here(run: Run, caches: Path) -> None:
    done = run("models", "verify", "smolvlm-256m")
    assert done.code == 2
    assert "emoscene models pull smolvlm-256m" in done.err


def test_pull_of_single_files_says_where_they_are(run: Run) -> None:
    done = run("models", "pull", "yunet")
    assert done.code == 2
    assert "https://github.com/opencv/opencv_zoo" in done.err
    assert "EMOSCENE_FACE_DETECTOR" in done.err


def test_doctor_names_versions_extras_and_checks(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from emoscene.cli import doctor

    monkeypatch.setattr(doctor, "_embedded", lambda: "ok")
    done = run("doctor", "--json")
    said = json.loads(done.out)
    assert done.code == 0
    assert said["checks"] == {"pictures": "ok", "label spaces": "ok", "embedded model": "ok"}
    assert set(said["extras"]) == {"models", "text", "train", "report", "pandas", "emotic"}
    assert "check pictures: ok" in run("doctor").out


def test_doctor_reports_a_fault(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from emoscene.cli import doctor

    monkeypatch.setattr(doctor, "_embedded", lambda: "it is broken")
    done = run("doctor")
    assert done.code == 1
    assert "check embedded model: it is broken" in done.out
