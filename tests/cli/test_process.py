"""The command line as a process of its own: what it imports, closed pipes, interrupts, completion."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from emoscene import __version__

ROOT = Path(__file__).resolve().parents[2]
HEAVY = (
    "torch",
    "transformers",
    "matplotlib",
    "pandas",
    "numpy",
    "PIL",
    "onnxruntime",
    "pydantic",
    "rich.table",
)

STAND_IN = """
import sys, time, pytest
from tests import stand_in
stand_in.register(pytest.MonkeyPatch())
{before}
from emoscene.cli import main
sys.exit(main(sys.argv[1:]))
"""


def python(code: str, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *words],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom emoscene.cli import main\ncode = main(['--help'])\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])\nsys.exit(code)"
    )
    done = python(code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"
    assert all(command in done.stdout for command in ("analyze", "models", "scenes", "doctor"))


def test_import_emoscene_is_light() -> None:
    done = python(f"import sys, emoscene; print([n for n in {HEAVY!r} if n in sys.modules])")
    assert done.stdout.strip() == "[]"


def test_analyze_imports_no_torch(tmp_path: Path) -> None:
    from PIL import Image

    Image.new("RGB", (40, 40), "grey").save(tmp_path / "a.png")
    code = STAND_IN.format(before="").replace(
        "sys.exit(main(sys.argv[1:]))",
        "code = main(sys.argv[1:]); assert 'torch' not in sys.modules; sys.exit(code)",
    )
    done = python(code, "analyze", str(tmp_path / "a.png"), "-m", "brightness", "--json")
    assert done.returncode == 0, done.stderr


def test_version() -> None:
    done = python("import sys; from emoscene.cli import main; sys.exit(main(['--version']))")
    assert (done.returncode, done.stdout) == (0, f"emoscene {__version__}\n")


def test_no_words_give_the_help_and_exit_2() -> None:
    done = python("import sys; from emoscene.cli import main; sys.exit(main([]))")
    assert done.returncode == 2
    assert "Usage:" in done.stderr


def test_a_reader_that_goes_away_ends_it_quietly() -> None:
    code = "import sys; from emoscene.cli import main; sys.exit(main(['models', 'list', '--json']))"
    command = f'{sys.executable} -c "{code}" | head -c 1; echo ${{PIPESTATUS[0]}}'
    done = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    # A fast writer may be done before its reader leaves.
    assert done.stdout in ("{141\n", "{0\n")


def test_an_interrupt_ends_with_130(tmp_path: Path) -> None:
    from PIL import Image

    Image.new("RGB", (40, 40), "grey").save(tmp_path / "a.png")
    # A test run in the background inherits an ignored SIGINT; a user's terminal does not.
    slow = """
import os
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
def slow(self, batch):
    print("ready", file=sys.stderr, flush=True)
    time.sleep(50)
stand_in.Brightness.answer = slow
"""
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            STAND_IN.format(before=slow),
            "analyze",
            tmp_path / "a.png",
            "-m",
            "brightness",
        ],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    assert process.stderr.readline() == "ready\n"
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=20) == 130
    assert process.stderr.read() == "interrupted\n"
    process.stderr.close()


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("emoscene analyze --labels ", {"emotic", "ekman", "plutchik"}),
        ("emoscene analyze --labels ek", {"ekman"}),
        ("emoscene analyze --model ", {"auto", "embedded", "text", "llava-1.5-7b"}),
        ("emoscene analyze --people ", {"all", "largest"}),
        ("emoscene models card yu", {"yunet"}),
    ],
)
def test_completion(words: str, offered: set[str]) -> None:
    parts = words.split(" ")
    done = python(
        "import sys; sys.argv = ['emoscene']; from emoscene.cli import main; sys.exit(main())",
        _EMOSCENE_COMPLETE="complete_bash",
        COMP_WORDS=words,
        COMP_CWORD=str(len(parts) - 1),
    )
    assert offered <= set(done.stdout.split()), done.stderr


def test_completion_script_is_for_emoscene() -> None:
    code = "import sys; sys.argv = ['emoscene', '--show-completion', 'bash']"
    done = python(
        f"{code}\nfrom emoscene.cli import main; sys.exit(main())",
        _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1",
    )
    assert re.search(r"complete .*-F \S+ emoscene", done.stdout), done.stderr


@pytest.mark.slow
def test_an_interrupt_ends_the_drawing_by_several_processes(tmp_path: Path) -> None:
    code = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from emoscene.cli import main
if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
"""
    (tmp_path / "draw.py").write_text(code)
    words = ["scenes", "make", "--people", "20000", "--workers", "2", "--out", str(tmp_path / "out")]
    process = subprocess.Popen(
        [sys.executable, str(tmp_path / "draw.py"), *words],
        cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        begun = time.monotonic()
        while not list((tmp_path / "out").glob("images/*.jpg")) and time.monotonic() - begun < 60:
            time.sleep(0.1)
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(timeout=30) == 130
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
