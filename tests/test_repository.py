"""The repository around the package: the README runs, what is shipped is complete, pages are in step."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

from emoscene.images import open_picture
from emoscene.labels import label_space, label_space_names
from emoscene.types import BoundingBox, Prediction, ScoreKind, Status

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
BLOCK = re.compile(
    r"(?P<skip><!-- not run: .+? -->\n+)?^```(?P<kind>console|python)\n(?P<code>.*?)^```", re.M | re.S
)
HEAVY = ("torch", "transformers", "matplotlib", "pandas", "onnxruntime", "scipy", "sklearn")


def blocks(page: Path, kind: str) -> list[str]:
    """The code blocks of a page that are not marked `<!-- not run: reason -->`."""
    found = BLOCK.finditer(page.read_text(encoding="utf-8"))
    return [match["code"] for match in found if match["kind"] == kind and not match["skip"]]


def run(*command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", "")))
    environment = os.environ | {"PATH": path, "PYTHONUTF8": "1"}
    options: dict[str, Any] = {
        "stdin": subprocess.DEVNULL,
        "capture_output": True,
        "text": True,
        "timeout": 120,
    }
    return subprocess.run(command, cwd=cwd, env=environment, **options)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder that looks to commands like the repository root, but may be written to."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    shutil.copy(ROOT / "README.md", tmp_path)
    return tmp_path


RUN = (
    "README.md",
    "docs/getting-started.md",
    "docs/python.md",
    "docs/models.md",
    "docs/adding-a-recognizer.md",
)


@pytest.mark.slow
@pytest.mark.parametrize("page", RUN)
def test_code_blocks_run(page: str, clone: Path) -> None:
    consoles, scripts = blocks(ROOT / page, "console"), blocks(ROOT / page, "python")
    assert consoles or scripts
    for block in consoles:
        for line in block.splitlines():
            if line.startswith("$ "):
                done = run("sh", "-c", line.removeprefix("$ "), cwd=clone)
                assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
    if scripts:  # the blocks of a page are read, and run, from top to bottom
        done = run(sys.executable, "-W", "error", "-c", "\n".join(scripts), cwd=clone)
        assert done.returncode == 0, done.stdout + done.stderr


def test_examples_are_small_and_their_boxes_lie_inside() -> None:
    pictures = json.loads((ROOT / "examples" / "people.json").read_text(encoding="utf-8"))["pictures"]
    assert len(pictures) == 3
    for entry in pictures:
        file = ROOT / "examples" / entry["file"]
        assert file.stat().st_size <= 60 * 1024
        picture = open_picture(file)
        assert entry["people"]
        for person in entry["people"]:
            box = BoundingBox.model_validate(person["box"])
            assert box.clamp(picture.width, picture.height) == box
            assert person["note"]


@pytest.mark.parametrize("heavy", [HEAVY])
@pytest.mark.parametrize("code", ["import emoscene", "import emoscene.cli"])
def test_import_is_light(code: str, heavy: tuple[str, ...]) -> None:
    script = f"import sys; {code}; print([name for name in {heavy!r} if name in sys.modules])"
    done = run(sys.executable, "-c", script, cwd=ROOT)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


def first_column(page: str, heading: str) -> list[str]:
    """The code words in the first column of the first table under a heading of a page."""
    section = (
        (DOCS / page).read_text(encoding="utf-8").partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    )
    return re.findall(r"^\| `([^`]+)` \|", section, re.M)


def test_documented_fields_are_those_of_a_row() -> None:
    assert first_column("rows.md", "Fields") == list(Prediction.model_fields)


def test_documented_statuses_and_score_kinds_are_all_there_are() -> None:
    assert first_column("rows.md", "Status") == [status.value for status in Status]
    assert first_column("rows.md", "Score kinds") == [kind.value for kind in ScoreKind]


def test_documented_label_spaces_are_those_that_ship() -> None:
    table = re.findall(r"^\| `([a-z-]+)` \| (\d+) \|", (DOCS / "label-spaces.md").read_text("utf-8"), re.M)
    assert [(name, int(size)) for name, size in table] == [
        (name, len(label_space(name))) for name in label_space_names()
    ]


def test_environment_variables_are_documented() -> None:
    sources = (path.read_text(encoding="utf-8") for path in (ROOT / "src").rglob("*.py"))
    used = {name for source in sources for name in re.findall(r"\bEMOSCENE_[A-Z_]+\b", source)}
    pages = "".join(page.read_text(encoding="utf-8") for page in DOCS.glob("*.md"))
    assert used
    assert {name for name in used if name not in pages} == set()


def test_documented_label_file_loads(tmp_path: Path) -> None:
    text = (DOCS / "label-spaces.md").read_text(encoding="utf-8")
    block = re.search(r"^```yaml\n(.*?)^```", text, re.M | re.S)
    assert block
    file = tmp_path / "mine.yaml"
    file.write_text(block[1], encoding="utf-8")
    assert label_space(file).ids == ("content", "ruffled")


@pytest.mark.slow
def test_wheel_and_sdist_hold_every_file(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    shutil.copytree(ROOT / "src", source / "src", ignore=ignored)
    # The environment's own setuptools builds it: an isolated build would ask the package index.
    command = ("-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--quiet", "-w", str(tmp_path), ".")
    done = run(sys.executable, *command, cwd=source)
    assert done.returncode == 0, done.stdout + done.stderr
    wheel = next(tmp_path.glob("emoscene-*.whl"))
    shipped = set(zipfile.ZipFile(wheel).namelist())
    build = "import sys, setuptools.build_meta as backend; print(backend.build_sdist(sys.argv[1]))"
    done = run(sys.executable, "-c", build, str(tmp_path), cwd=source)
    assert done.returncode == 0, done.stdout + done.stderr
    with tarfile.open(next(tmp_path.glob("emoscene-*.tar.gz"))) as sdist:
        in_sdist = {name.partition("/src/")[2] for name in sdist.getnames()}
    package = ROOT / "src" / "emoscene"
    wanted = {
        f"emoscene/{path.relative_to(package).as_posix()}"
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert sorted(wanted - shipped) == []
    assert sorted(wanted - in_sdist) == []
    assert any(name.endswith("licenses/LICENSE") for name in shipped)


def test_weights_stay_within_their_limits() -> None:
    weights = [p for kind in ("safetensors", "onnx") for p in (ROOT / "src").rglob(f"*.{kind}")]
    sizes = {path.name: path.stat().st_size for path in weights}
    assert all(size <= 6 * 2**20 for size in sizes.values()), sizes
    assert sum(sizes.values()) <= 12 * 2**20, sizes
    assert not [path for kind in ("bin", "pt", "pth", "pkl") for path in (ROOT / "src").rglob(f"*.{kind}")]


@pytest.mark.slow
@pytest.mark.parametrize(
    "check",
    [
        "check_versions",
        "import_contract --check",
        "help_texts --check",
        "check_commands",
        "make_examples --check",
    ],
)
def test_repository_check_passes(check: str) -> None:
    done = run(sys.executable, "-m", *f"scripts.{check}".split(), cwd=ROOT)
    assert done.returncode == 0, done.stderr


def test_no_file_names_a_machine() -> None:
    """No path of somebody's machine and no address of a private server in what is kept."""
    listed = run("git", "ls-files", cwd=ROOT)
    if listed.returncode != 0:
        pytest.skip("not a git clone")
    suspicious = re.compile(r"/(?:home|Users|root|work|workspace)/\w|\b(?!127\.)\d+\.\d+\.\d+\.\d+:\d+")
    text = {".py", ".md", ".toml", ".yml", ".yaml", ".txt", ".sh", ".json", ".cff"}
    for path in (ROOT / name for name in listed.stdout.splitlines()):
        if path.suffix in text and path.exists():
            found = suspicious.search(path.read_text(encoding="utf-8"))
            assert found is None, f"{path}: {found and found[0]!r}"


def test_modules_stay_readable() -> None:
    """A module tells its story in about 400 lines."""
    lengths = {
        path: len(path.read_text(encoding="utf-8").splitlines()) for path in (ROOT / "src").rglob("*.py")
    }
    assert {path.name: length for path, length in lengths.items() if length > 440} == {}


@pytest.mark.slow
def test_documentation_needs_no_network(tmp_path: Path) -> None:
    build = ("-m", "mkdocs", "build", "--quiet", "--site-dir", str(tmp_path))
    done = run(sys.executable, *build, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    loaded = re.compile(
        r"<(?:script|img|iframe|link rel=.(?:stylesheet|preconnect).)[^>]*(?:src|href)=.(?:https?:)?//"
    )
    pages = list(tmp_path.rglob("*.html"))
    assert pages
    assert [page.name for page in pages if loaded.search(page.read_text(encoding="utf-8"))] == []
