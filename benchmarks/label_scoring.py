"""What does a score for every label cost, beside one plain pass over picture and prompt?

    python -m benchmarks.label_scoring                                       SmolVLM-256M's shape, this machine's CPU
    python -m benchmarks.label_scoring --shape tiny                          a trial in seconds
    python -m benchmarks.label_scoring --shape llava-1.5-7b --device cuda --dtype bfloat16 --peak 989

Side by side, on the same random weights, picture and questions:

    prefill       picture and one question, once: what nobody can do without
    names         ours, read=name: the 26 labels as continuations of one question
    yes/no        ours, read=yes_no: 26 questions (and, apart, with the 3 levels)
    plain names   one full pass a label, as lm-evaluation-harness scores choices
    plain yes/no  one full pass a question
    decision      transformers' pipeline("decision") with 26 yes/no questions

Every line runs in a process of its own, whose highest memory is the line's. Ratios are printed against `prefill` and
against the plain way; the scores of ours and of the plain way are compared. `--peak` is the machine's peak in TFLOP/s
at that dtype: with it, the share of it that is reached is printed too.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from benchmarks.shapes import SHAPES, Shape, build
from PIL import Image
from rich.console import Console
from rich.table import Table

from emoscene.labels import label_space
from emoscene.recognizers.questions import ZERO_SHOT, Questions
from emoscene.recognizers.shared_prefix import Row, SharedPrefix
from emoscene.recognizers.tokens import chat_frame, plain_encoder
from emoscene.scoring.branches import Segment

LINES = ("prefill", "names", "yes/no", "yes/no + levels", "plain names", "plain yes/no", "decision")


@dataclass
class Bench:
    """A built shape and what is asked of it."""

    shape: Shape
    questions: Questions
    head: str
    picture: Image.Image

    @classmethod
    def of(cls, shape: Shape) -> Bench:
        frame = chat_frame(shape.processor)
        tokens = shape.processor.tokenizer
        tail = tokens(frame.tail, add_special_tokens=False).input_ids
        questions = Questions(
            label_space("emotic"), plain_encoder(tokens), tail, wording=ZERO_SHOT, glue=frame.glue,
            answer_glue=frame.answer_glue,
        )  # fmt: skip
        noise = np.random.default_rng(0).integers(0, 255, (480, 640, 3), dtype=np.uint8)
        return cls(shape, questions, frame.head, Image.fromarray(noise))

    def row(self, segments: tuple[Segment, ...], reads: tuple[int, ...]) -> Row:
        return Row(self.head, (self.picture,), segments, reads)

    def task(self, line: str) -> Callable[[], Any]:
        shape = self.shape
        ours = SharedPrefix(shape.model, shape.processor)
        names = self.questions.names(())
        # Without the three levels, which the plain way does not ask either.
        only_names = self.row(names.segments[:-3], names.reads[:-3])
        tree = self.questions.tree(())
        yes_no = self.row(tree.segments[: tree.dimensions[0]], tree.labels)
        whole = self.row(tree.segments, tree.reads)
        stem = names.segments[0].tokens
        plain_names = [(*stem, *(token for _, token in label)) for label in names.labels]
        plain = SharedPrefix(shape.model, shape.processor, share=False)
        if line == "prefill":
            return lambda: self.forward(stem)
        if line == "names":
            return lambda: self.read_names(ours.logits([only_names])[0], names)
        if line == "yes/no":
            return lambda: self.read_yes_no(ours.logits([yes_no])[0])
        if line == "yes/no + levels":
            return lambda: ours.logits([whole])[0]
        if line == "plain names":
            return lambda: [self.likelihood(text, len(text) - len(stem)) for text in plain_names]
        if line == "plain yes/no":
            return lambda: self.read_yes_no(plain.logits([yes_no])[0])
        return self.decision()

    def forward(self, tail: tuple[int, ...], keep: int = 1) -> torch.Tensor:
        plain = SharedPrefix(self.shape.model, self.shape.processor, share=False)
        inputs = plain.inputs([self.row((), ())], [tail])
        with torch.inference_mode():
            output = self.shape.model(**inputs, use_cache=False, logits_to_keep=keep)
        logits: torch.Tensor = output.logits[0].float()
        return logits

    def likelihood(self, text: tuple[int, ...], length: int) -> float:
        """The log-likelihood of the last `length` tokens, from one full pass with logits at those places alone."""
        logs = self.forward(text, length + 1)[:-1].log_softmax(-1)
        wanted = torch.tensor(text[-length:], device=logs.device)
        return float(logs.gather(1, wanted[:, None]).mean())

    def read_names(self, logits: torch.Tensor, names: Any) -> list[float]:
        logs = logits.log_softmax(-1)
        return [float(sum(logs[p, t] for p, t in label) / len(label)) for label in names.labels]

    def read_yes_no(self, logits: torch.Tensor) -> list[float]:
        yes, no = list(self.questions.yes), list(self.questions.no)
        return (logits[:, yes].logsumexp(-1) - logits[:, no].logsumexp(-1)).tolist()

    def decision(self) -> Callable[[], Any]:
        from transformers import pipeline
        from transformers.decision import DecisionConfig

        decide = pipeline(
            "decision", model=self.shape.model, tokenizer=self.shape.processor.tokenizer,
            processor=self.shape.processor, decision_config=DecisionConfig(sanitize_control_tokens=False),
        )  # fmt: skip
        asked = {
            label.id: {
                "type": "noul",
                "instructions": f"Does the person in the red box seem to feel {label.name.lower()}?",
            }
            for label in self.questions.labels
        }
        request = {"state": "<<IMG>>", "questions": asked, "assets": {"<<IMG>>": self.picture}}
        return lambda: decide(request)


def run_line(options: argparse.Namespace) -> dict[str, Any]:
    """One line, measured in this process."""
    torch.set_num_threads(options.threads)
    dtype = getattr(torch, options.dtype)
    bench = Bench.of(build(options.shape, options.device, dtype))
    task = bench.task(options.line)
    sync: Callable[[], object] = torch.cuda.synchronize if options.device == "cuda" else list
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    value = task()
    sync()
    times = []
    for _ in range(options.repeat):
        start = time.perf_counter()
        task()
        sync()
        times.append(time.perf_counter() - start)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    if options.device == "cuda":
        memory = torch.cuda.max_memory_allocated() / 2**20
    names = bench.questions.names(())
    prefix = bench.forward(names.segments[0].tokens, 0).shape[0]
    scores = value if isinstance(value, list) else None
    return {
        "seconds": statistics.median(times), "megabytes": memory, "loaded": before, "scores": scores,
        "prefix": prefix, "label_tokens": sum(len(n) for n in names.labels) / len(names.labels),
        "flop": bench.shape.vision_flop + 2.0 * bench.shape.language_weights * prefix,
    }  # fmt: skip


def main() -> int:
    options = _options()
    if options.line:
        print(json.dumps(run_line(options)))
        return 0
    found: dict[str, dict[str, Any]] = {}
    for line in options.lines.split(","):
        print(f"... {line}", file=sys.stderr)
        command = [sys.executable, "-m", "benchmarks.label_scoring", *sys.argv[1:], "--line", line]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            print(done.stderr[-2000:], file=sys.stderr)
            return 1
        found[line] = json.loads(done.stdout.strip().splitlines()[-1])
    if options.json:
        print(json.dumps(found))
        return 0
    _show(found, options)
    return 0


def _show(found: dict[str, dict[str, Any]], options: argparse.Namespace) -> None:
    base = found["prefill"]
    table = Table(
        title=f"{options.shape}, {options.dtype} on {options.device}, {options.threads} threads; prefix "
        f"{base['prefix']} tokens, {base['label_tokens']:.1f} tokens a label"
    )
    for heading in (
        "line",
        "seconds",
        "x prefill",
        "faster than plain",
        "peak MB",
        "x prefill's",
        "share of peak",
    ):
        table.add_column(heading, justify="left" if heading == "line" else "right")
    plain = {"names": "plain names", "yes/no": "plain yes/no", "decision": "plain yes/no"}
    for line, got in found.items():
        against = found.get(plain.get(line, ""))
        share = (
            f"{got['flop'] / got['seconds'] / options.peak / 1e12:.0%}"
            if options.peak and line == "prefill"
            else ""
        )
        table.add_row(
            line, f"{got['seconds']:.3f}", f"{got['seconds'] / base['seconds']:.2f}",
            f"{against['seconds'] / got['seconds']:.1f}" if against else "", f"{got['megabytes']:.0f}",
            f"{got['megabytes'] / base['megabytes']:.2f}", share,
        )  # fmt: skip
    Console(width=120).print(table)
    for ours in ("names", "yes/no"):
        if ours in found and plain[ours] in found:
            gap = np.abs(np.array(found[ours]["scores"]) - np.array(found[plain[ours]]["scores"])).max()
            print(f"{ours}: differs from the plain way by at most {gap:.1e}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--shape", default="smolvlm-256m", choices=sorted(SHAPES))
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--lines", default=",".join(LINES), help="which lines, separated by commas")
    parser.add_argument("--peak", type=float, default=0.0, help="the machine's peak in TFLOP/s")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--line", default="", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
