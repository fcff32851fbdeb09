"""Whatever is wrong with a request: one line that says what and how to mend it, exit code 2, no traceback."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Outcome, Run

MODEL = ("-m", "brightness")


def assert_explained(done: Outcome, *words: str) -> None:
    assert done.code == 2
    assert done.out == ""
    (line,) = done.err.splitlines()
    assert line.startswith("error: ")
    assert len(line) < 400
    for word in words:
        assert word in line


@pytest.mark.parametrize(
    ("box", "words"),
    [
        ("1,2,3", "a box is four numbers"),
        ("a,b,c,d", "a box is four numbers"),
        ("1,2,3,4,5", "a box is four numbers"),
        ("", "a box is four numbers"),
        ("60,10,20,70", "x1 < x2"),
        ("10,70,60,10", "x1 < x2"),
        ("10,10,10,10", "x1 < x2"),
        ("nan,0,50,50", "four finite numbers"),
        ("0,0,inf,50", "four finite numbers"),
        ("0,0,1e999,50", "four finite numbers"),
        ("500,500,600,600", "wholly outside the picture of 120 x 80 pixels"),
        ("-50,-50,-1,-1", "wholly outside"),
        ("10,10,11,11", "less than two pixels"),
        ("119,10,400,60", "less than two pixels"),
    ],
)
def test_boxes(run: Run, grey: Path, box: str, words: str) -> None:
    assert_explained(
        run("analyze", grey, "--box", box, *MODEL), words, "x1" if "<" not in words else "corner"
    )


def test_missing_file(run: Run, tmp_path: Path, grey: Path) -> None:
    assert_explained(run("analyze", grey, tmp_path / "none.jpg", *MODEL), "no such file", "none.jpg", "Check")


def test_folder(run: Run, tmp_path: Path) -> None:
    assert_explained(run("analyze", tmp_path, *MODEL), "a folder, not a picture", "*.jpg")


def test_address(run: Run) -> None:
    assert_explained(run("analyze", "https://example.org/a.jpg", *MODEL), "emoscene fetches none", "Download")


def test_path_too_long(run: Run) -> None:
    assert_explained(run("analyze", "x" * 5000, *MODEL))


def test_nothing_to_look_at(run: Run) -> None:
    assert_explained(run("analyze"), "nothing to look at", "--text")


def test_empty_text(run: Run) -> None:
    assert_explained(run("analyze", "--text", "  "), "--text is empty")


@pytest.mark.parametrize("count", [0, 2])
def test_box_needs_exactly_one_image(run: Run, grey: Path, count: int) -> None:
    done = run("analyze", *[grey] * count, "--text", "words", "--box", "1,1,9,9", *MODEL)
    assert_explained(done, "--box needs exactly one IMAGE", f"{count} given")


def test_unknown_model(run: Run, grey: Path) -> None:
    assert_explained(run("analyze", grey, "-m", "brightnes"), "brightnes", "Did you mean 'brightness'?")
    assert_explained(run("analyze", grey, "-m", "qwen2.5-vl-3"), "Did you mean 'qwen2.5-vl-3b'?")


def test_model_that_nothing_asks_yet(run: Run, grey: Path) -> None:
    assert_explained(run("analyze", grey, "-m", "hsemotion-b0"), "cannot ask it yet", "models list")


def test_model_that_is_not_here(
    run: Run, grey: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    for spec in ("llava-1.5-7b", "someone/some-model"):
        assert_explained(run("analyze", grey, "-m", spec), "not on this machine", "emoscene models pull")


def test_folder_without_a_model(run: Run, grey: Path, tmp_path: Path) -> None:
    assert_explained(run("analyze", grey, "-m", tmp_path), "no config.json")


@pytest.mark.parametrize(
    "content",
    ["just words", "- a\n- b", "model: [1]", "modell: x", "model: x\noptions: 3", ": [", "model: a.yaml"],
)
def test_faulty_model_file(run: Run, grey: Path, tmp_path: Path, content: str) -> None:
    spec = tmp_path / "spec.yaml"
    spec.write_text(content)
    assert_explained(run("analyze", grey, "-m", spec), "model:" if "a.yaml" not in content else "model")


def test_unknown_label_space(run: Run, grey: Path) -> None:
    assert_explained(run("analyze", grey, *MODEL, "--labels", "ekmann"), "ekmann", "ekman")


def test_missing_label_file(run: Run, grey: Path, tmp_path: Path) -> None:
    assert_explained(run("analyze", grey, *MODEL, "--labels", tmp_path / "none.yaml"), "none.yaml")


def test_unknown_option_of_the_model(run: Run, grey: Path) -> None:
    assert_explained(run("analyze", grey, *MODEL, "-o", "gloo=1"), "gloo", "Did you mean 'gloom'?")


@pytest.mark.parametrize("pair", ["gloom", "=1", "reason=true"])
def test_malformed_options(run: Run, grey: Path, pair: str) -> None:
    assert_explained(run("analyze", grey, *MODEL, "-o", pair))


def test_reason_from_a_model_without_reasons(run: Run, grey: Path) -> None:
    assert_explained(run("analyze", grey, "-m", "brightness-fixed", "--reason"), "reason")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["analyze", "--frobnicate"], "--frobnicate"),
        (["analyze", "--box"], "--box"),
        (["frobnicate"], "frobnicate"),
        (["models", "frobnicate"], "frobnicate"),
        (["scenes", "make", "--people", "0", "--out", "x"], "people"),
        (["scenes", "make", "--out", "x"], "--people"),
        (["models", "card"], "NAME"),
    ],
)
def test_wrong_usage(run: Run, words: list[str], said: str) -> None:
    assert_explained(run(*words), said, "--help")


@pytest.mark.parametrize("people", ["some", ""])
def test_people_words(run: Run, grey: Path, people: str) -> None:
    assert_explained(run("analyze", grey, "--people", people, *MODEL), "--people is `all` or `largest`")


def test_people_need_a_detector_and_no_box(run: Run, grey: Path) -> None:
    assert_explained(run("analyze", grey, "--people", "all", *MODEL), "EMOSCENE_PERSON_DETECTOR")
    both = run("analyze", grey, "--people", "all", "--box", "1,1,9,9", *MODEL)
    assert_explained(both, "exclude each other")
    assert_explained(run("analyze", "--text", "a", "--people", "all", *MODEL), "needs a picture")


def test_save_targets(run: Run, grey: Path, tmp_path: Path) -> None:
    assert_explained(run("analyze", grey, *MODEL, "--save", tmp_path / "a.gif"), ".png or .html")
    assert_explained(run("analyze", grey, grey, *MODEL, "--save", tmp_path / "a.png"), "exactly one IMAGE")
    assert_explained(run("analyze", grey, *MODEL, "--save", tmp_path / "no/a.png"), "no folder to write to")


def test_scenes_do_not_overwrite(run: Run, grey: Path) -> None:
    done = run("scenes", "make", "--people", "2", "--out", grey.parent)
    done = replace(done, err=done.err.partition("\n")[2])
    assert_explained(done, str(grey.parent))


def test_text_alone_without_the_extra_names_it(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "torch", None)
    assert_explained(run("analyze", "--text", "they cry"), 'pip install "emoscene[text]"')


def test_the_picture_itself_is_not_overwritten(run: Run, tmp_path: Path) -> None:
    from PIL import Image

    picture = tmp_path / "in.png"
    Image.new("RGB", (60, 60), "grey").save(picture)
    before = picture.read_bytes()
    done = run("analyze", picture, "--model", "embedded", "--save", picture)
    assert (done.code, "overwrite" in done.err) == (2, True)
    assert picture.read_bytes() == before


@pytest.fixture
def folders(tmp_path: Path) -> dict[str, Path]:
    """Folders that look like models to those who read only their small files."""
    made = {}

    def folder(name: str, config: dict[str, Any], weights: str | None) -> None:
        made[name] = tmp_path / name
        made[name].mkdir()
        (made[name] / "config.json").write_text(json.dumps(config), "utf-8")
        if weights:
            (made[name] / weights).write_bytes(b"")

    llava = {"model_type": "llava", "vision_config": {}, "architectures": ["LlavaForConditionalGeneration"]}
    language = {"model_type": "llama", "architectures": ["LlamaForCausalLM"]}
    folder("no-weights", llava, None)
    folder("pickles", llava, "pytorch_model.bin")
    folder("words", language, "model.safetensors")
    folder("sound", {"model_type": "whisper", "architectures": ["WhisperModel"]}, "model.safetensors")
    folder("broken", llava, "model.safetensors")
    (made["broken"] / "config.json").write_text("{")
    (tmp_path / "empty").mkdir()
    return made | {"empty": tmp_path / "empty", "nowhere": tmp_path / "nowhere"}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("no-weights", ("no weights", "models pull")),
        ("pickles", ("pickles", "emoscene models convert")),
        ("words", ("looks at no pictures", "--model narrated")),
        ("sound", ("'whisper'", "no kind")),
        ("broken", ("config.json", "again")),
        ("empty", ("no config.json", "Hugging Face layout")),
        ("nowhere", ("no model folder", "models pull")),
    ],
)
def test_a_folder_that_cannot_answer_is_one_line_at_once(
    run: Run, grey: Path, folders: dict[str, Path], name: str, words: tuple[str, ...]
) -> None:
    assert_explained(run("analyze", grey, "-m", folders[name]), *words)


@pytest.mark.parametrize("name", ["pickles", "words", "no-weights"])
def test_nothing_heavy_is_imported_to_say_so(grey: Path, folders: dict[str, Path], name: str) -> None:
    code = (
        "import sys; from emoscene.cli import main;"
        f"code = main(['analyze', {str(grey)!r}, '-m', {str(folders[name])!r}]);"
        "heavy = {'torch', 'transformers', 'onnxruntime', 'openai'} & set(sys.modules);"
        "sys.exit(f'imported {heavy}' if heavy else code)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("error: ")
