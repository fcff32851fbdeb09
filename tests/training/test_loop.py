"""The loop: the same weights whatever the parts of a step, and after a kill; early stopping; the folder's promises."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from emoscene.errors import AnswerError, ModelFilesError, OptionError
from emoscene.training.folder import RunFolder

torch = pytest.importorskip("torch")

from emoscene.training.checkpoints import Checkpoints  # noqa: E402
from emoscene.training.loop import Event, Fitted, Progress, fit  # noqa: E402
from emoscene.training.schedule import Schedule  # noqa: E402
from emoscene.training.task import Draw, Task  # noqa: E402


class Plane(Task[Any]):
    """A small network with dropout that learns the sign of a sum; noise is drawn for each use of a point."""

    def __init__(self, points: int = 50, broken: bool = False) -> None:
        torch.manual_seed(0)
        nn = torch.nn
        self._module = nn.Sequential(nn.Linear(6, 16), nn.Dropout(0.2), nn.Tanh(), nn.Linear(16, 1))
        self._points = torch.randn(points + 100, 6)
        self._size, self._broken = points, broken

    @property
    def module(self) -> Any:
        return self._module

    @property
    def size(self) -> int:
        return self._size

    def example(self, draw: Draw) -> Any:
        point = self._points[draw.index]
        return point + 0.01 * random.Random(draw.key).random(), (point.sum() > 0).float()

    def loss(self, batch: Sequence[Any]) -> tuple[Any, dict[str, float]]:
        points, truth = (torch.stack(part) for part in zip(*batch, strict=True))
        logits = self._module(points)[:, 0]
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, truth)
        right = float(((logits > 0) == (truth > 0)).float().mean())
        return loss * (float("nan") if self._broken else 1.0), {"right": right}

    def validate(self) -> dict[str, float]:
        points = self._points[self._size :]
        return {"right": float(((self._module(points)[:, 0] > 0) == (points.sum(1) > 0)).float().mean())}


class Settings(BaseModel):
    seed: int = 5


def schedule(**changes: Any) -> Schedule:
    given = {"epochs": 4, "batch": 8, "at_once": 8, "rate": 0.01, "watch": "right", "log_every": 1}
    return Schedule(**{**given, "checkpoint_every": 3, **changes})


def trained(
    out: Path, plan: Schedule, progress: Progress | None = None, task: Plane | None = None
) -> tuple[Plane, Fitted, list[dict[str, Any]]]:
    work = task or Plane()
    with RunFolder.claim(out, Settings(), {}) as folder:
        fitted = fit(work, plan, folder, seed=5, progress=progress)
        return work, fitted, folder.logged()


def weights(task: Plane) -> Any:
    return torch.cat([p.detach().flatten() for p in task.module.parameters()])


def without_seconds(log: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{k: v for k, v in line.items() if k != "seconds"} for line in log]


def test_the_loss_falls_and_the_best_weights_are_kept(tmp_path: Path) -> None:
    task, fitted, log = trained(tmp_path, schedule(epochs=20))
    losses = [line["loss"] for line in log if "loss" in line]
    assert sum(losses[-20:]) < 0.6 * sum(losses[:20])
    assert fitted.best["right"] > fitted.first["right"] + 0.2
    assert task.validate() == fitted.best
    assert fitted.steps == 20 * 7


def test_the_parts_of_a_step_change_nothing(tmp_path: Path) -> None:
    plan = {"keep": "last", "workers": 0}
    whole, _, log = trained(tmp_path / "a", schedule(**plan), task=without_dropout())
    parts, _, others = trained(tmp_path / "b", schedule(**plan, at_once=3), task=without_dropout())
    ahead, _, _ = trained(tmp_path / "c", schedule(**plan | {"workers": 3}), task=without_dropout())
    assert torch.allclose(weights(whole), weights(parts), atol=1e-6)
    assert torch.equal(weights(whole), weights(ahead))
    assert [line["loss"] for line in others if "loss" in line] == pytest.approx(
        [line["loss"] for line in log if "loss" in line], abs=1e-6
    )


def without_dropout() -> Plane:
    task = Plane()
    task.module[1].p = 0.0
    return task


@pytest.mark.parametrize("at", [1, 6, 7, 8, 20])
def test_a_run_that_broke_off_goes_on_to_the_same_weights_and_log(tmp_path: Path, at: int) -> None:
    straight, fitted, log = trained(tmp_path / "a", schedule(log_every=2))

    def stop(event: Event) -> None:
        if event.step == at:
            raise RuntimeError("cut")

    with pytest.raises(RuntimeError, match="cut"):
        trained(tmp_path / "b", schedule(log_every=2), stop)
    again, refitted, relog = trained(tmp_path / "b", schedule(log_every=2))
    assert torch.equal(weights(straight), weights(again))
    assert fitted == refitted
    assert without_seconds(log) == without_seconds(relog)


def test_patience_ends_a_run_and_it_stays_ended(tmp_path: Path) -> None:
    plan = schedule(epochs=200, patience=2)
    task, fitted, _ = trained(tmp_path, plan)
    assert fitted.stopped_early
    assert fitted.best_step is not None
    assert fitted.steps == fitted.best_step + 2 * 7
    again, refitted, _ = trained(tmp_path, plan)
    assert refitted == fitted
    assert torch.equal(weights(task), weights(again))


def test_ctrl_c_ends_the_step_and_leaves_a_checkpoint(tmp_path: Path) -> None:
    def press(event: Event) -> None:
        if event.step == 5 and event.loss is not None:
            os.kill(os.getpid(), signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            trained(tmp_path, schedule(), press)
    finally:
        signal.signal(signal.SIGINT, before)
    assert (tmp_path / "checkpoints" / "last-000005").is_dir()


def test_only_the_last_and_the_best_checkpoint_stay(tmp_path: Path) -> None:
    _, fitted, _ = trained(tmp_path, schedule())
    names = {p.name for p in (tmp_path / "checkpoints").iterdir()}
    assert names == {"last-000028", f"best-{fitted.best_step:06d}"}


def test_a_damaged_checkpoint_is_refused(tmp_path: Path) -> None:
    trained(tmp_path, schedule())
    (tmp_path / "checkpoints" / "last-000028" / "weights.safetensors").write_bytes(b"torn")
    with pytest.raises(ModelFilesError, match="damaged"):
        trained(tmp_path, schedule())


def test_a_checkpoint_runs_no_code(tmp_path: Path) -> None:
    trained(tmp_path, schedule())
    file = tmp_path / "checkpoints" / "last-000028" / "optimiser.pt"
    torch.save({"code": os.system}, file)
    with pytest.raises(ModelFilesError, match="damaged"):
        trained(tmp_path, schedule())


def test_a_loss_that_is_no_number_and_a_figure_that_is_not_there_are_refused(tmp_path: Path) -> None:
    with pytest.raises(AnswerError, match="step 1 is no number"):
        trained(tmp_path / "a", schedule(), task=Plane(broken=True))
    with pytest.raises(OptionError, match="no figure of this name: mean_ap"):
        trained(tmp_path / "b", schedule(watch="mean_ap"))


def test_the_folder_holds_one_run(tmp_path: Path) -> None:
    trained(tmp_path / "a", schedule())
    with (
        pytest.raises(OptionError, match="recipe seed: 5 there, 6 now"),
        RunFolder.claim(tmp_path / "a", Settings(seed=6), {}),
    ):
        pass
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "mine.txt").write_text("x")
    with pytest.raises(OptionError, match="not empty"), RunFolder.claim(tmp_path / "b", Settings(), {}):
        pass
    with (
        RunFolder.claim(tmp_path / "a", Settings(), {}),
        pytest.raises(OptionError, match="another process"),
        RunFolder.claim(tmp_path / "a", Settings(), {}),
    ):
        pass


def test_the_course_of_the_rate() -> None:
    plan = Schedule(warm_up=0.1, course="cosine")
    shares = [plan.share_of_rate(step, 100) for step in range(100)]
    assert shares[0] == pytest.approx(1 / 11)
    assert max(shares) == shares[10] == 1.0
    assert shares[-1] < 0.001
    assert Schedule(course="constant", warm_up=0).share_of_rate(99, 100) == 1.0
    assert Schedule(course="linear", warm_up=0).share_of_rate(50, 100) == 0.5


_KILLED = """
import sys, time
from pathlib import Path
from tests.training.test_loop import schedule, trained
def slow(event):
    print(event.step, flush=True)
    time.sleep(0.01)
trained(Path(sys.argv[1]), schedule(), slow)
"""


@pytest.mark.slow
def test_a_killed_process_goes_on_to_the_same_weights(tmp_path: Path) -> None:
    straight, fitted, log = trained(tmp_path / "a", schedule())
    for seconds in (0.02, 0.11):
        process = subprocess.Popen(
            [sys.executable, "-c", _KILLED, str(tmp_path / "b")], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        assert process.stdout.readline()
        time.sleep(seconds)
        process.kill()
        process.communicate()
    again, refitted, relog = trained(tmp_path / "b", schedule())
    assert torch.allclose(weights(straight), weights(again), atol=1e-6)
    assert fitted == refitted
    assert without_seconds(log) == without_seconds(relog)


def test_what_is_not_trained_is_in_no_checkpoint(tmp_path: Path) -> None:
    from safetensors.torch import load_file

    task = Plane()
    task.module[0].requires_grad_(False)
    frozen = task.module[0].weight.clone()
    trained(tmp_path, schedule(), task=task)
    held = load_file(tmp_path / "checkpoints" / "last-000028" / "weights.safetensors")
    assert set(held) == {"3.weight", "3.bias"}
    assert torch.equal(frozen, task.module[0].weight)


def test_nothing_of_a_torn_checkpoint_is_taken(tmp_path: Path) -> None:
    torn = tmp_path / "checkpoints" / ".part"
    torn.mkdir(parents=True)
    (torn / "weights.safetensors").write_bytes(b"half")
    assert Checkpoints(tmp_path / "checkpoints").load_last(Plane().module, None) is None


_TOGETHER = """
import sys
from pathlib import Path
from tests.training.test_loop import schedule, trained, without_dropout
trained(Path(sys.argv[1]), schedule(keep="last", at_once=3, epochs=2), task=without_dropout())
"""


@pytest.mark.slow
def test_two_processes_train_what_one_does(tmp_path: Path) -> None:
    pytest.importorskip("accelerate")
    alone, _, log = trained(
        tmp_path / "a", schedule(keep="last", at_once=3, epochs=2), task=without_dropout()
    )
    script = tmp_path / "together.py"
    script.write_text(_TOGETHER, "utf-8")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    done = subprocess.run(
        [*command, str(script), str(tmp_path / "b")], capture_output=True, text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.getcwd()},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    together = Plane()
    with RunFolder.claim(tmp_path / "b", Settings(), {}) as folder:
        optimiser = torch.optim.AdamW(together.groups(0.0), lr=0.01)
        state = Checkpoints(folder.path / "checkpoints").load_last(together.module, optimiser)
        assert state is not None
        assert state["step"] == 14
        relog = folder.logged()
    assert torch.allclose(weights(alone), weights(together), atol=1e-5)
    losses = [[line["loss"] for line in lines if "loss" in line] for lines in (log, relog)]
    assert losses[0] == pytest.approx(losses[1], abs=1e-5)
