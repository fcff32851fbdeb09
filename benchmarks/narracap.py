"""What does a narrative caption cost, beside the flow of the paper's code?

    python -m benchmarks.narracap                                    CLIP ViT-B/32's shape, a few pictures
    python -m benchmarks.narracap --pictures 1000 --reference FOLDER  the figures of the documentation (20 minutes)
    python -m benchmarks.narracap --shape tiny                       a trial in seconds

The same random weights, vocabularies of the paper's sizes (8 + 224 + 843 + 889), pictures and rules; the captions must
be equal, word for word.

    paper's flow   four picture encodings a person, and all the texts encoded anew for each
    texts kept     four picture encodings a person, the texts encoded once
    ours           two picture encodings a person (people of a picture share the whole one), the texts encoded once

All three encode with the same class, and the four encodings of the plain flows run as one batch, so that the ratios
show what is shared and nothing else. `first` is ours with the vocabularies read from the cache on disk, `next` with
them in memory. The many pictures run in blocks, ours and the plain flow in turns, one person a picture.

`--reference` names the folder with CLIP's own vocabulary (weights/clip-reference); without it, a byte-pair vocabulary
is learnt from the prompts, which makes the texts a little shorter and the paper's flow a little faster.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from rich.console import Console
from rich.table import Table

from emoscene.images import open_picture, regions
from emoscene.narration import SLOTS, ChoiceRules, NarraCap, Narrative, View, Vocabularies, load_vocabulary
from emoscene.narration.narracap import prompts_of, shares, standing_out, told
from emoscene.narration.vocabulary import Slot
from emoscene.recognizers.encoders import DualEncoder, load_encoder
from emoscene.types import BoundingBox

#: Candidates of the paper's code.
SIZES: dict[Slot, int] = {"who": 8, "where": 224, "what": 843, "how": 889}
#: What lengthens our lists to them.
MORE = ("", " with somebody else", " for a long time")
#: CLIP's scale after its training.
SCALE = 100.0
BLOCK = 10
RULES = ChoiceRules()
Vectors = npt.NDArray[np.float32]


def vocabularies() -> Vocabularies:
    """Our lists, cut or lengthened to the sizes of the paper's."""
    shipped = load_vocabulary()
    lists = {}
    for slot, size in SIZES.items():
        entries = list(dict.fromkeys(f"{entry}{more}" for more in MORE for entry in shipped[slot]))
        assert len(entries) >= size, slot
        lists[slot] = tuple(entries[:size])
    return Vocabularies(**lists)


def build(folder: Path, shape: str, reference: Path | None) -> DualEncoder:
    """A CLIP of the shape with random weights, saved and loaded as a user's."""
    from transformers import (
        CLIPConfig,
        CLIPImageProcessorPil,
        CLIPModel,
        CLIPTextConfig,
        CLIPTokenizer,
        CLIPVisionConfig,
    )

    vocabulary, merges = _clips_own(reference) if reference else _learnt()
    tokenizer = CLIPTokenizer(vocab=vocabulary, merges=merges, model_max_length=77)
    small = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4}
    size = small if shape == "tiny" else {}
    text = CLIPTextConfig(
        vocab_size=49408, bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id, **size
    )
    vision = CLIPVisionConfig(patch_size=32, image_size=224, **size)
    torch.manual_seed(0)
    model = CLIPModel(CLIPConfig(text_config=text.to_dict(), vision_config=vision.to_dict()))
    model.logit_scale.data.fill_(float(np.log(SCALE)))
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    CLIPImageProcessorPil().save_pretrained(folder)
    return load_encoder(folder)


def _clips_own(reference: Path) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """CLIP's published vocabulary: bytes, bytes at the end of a word, then what each merge makes."""
    from tokenizers import pre_tokenizers

    with gzip.open(reference / "bpe_simple_vocab_16e6.txt.gz", "rt", encoding="utf-8") as file:
        lines = file.read().split("\n")[1 : 49152 - 256 - 2 + 1]
    merges = [(left, right) for left, right in (line.split() for line in lines)]
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    words = [*letters, *(f"{c}</w>" for c in letters), *(a + b for a, b in merges)]
    return {word: i for i, word in enumerate([*words, "<|startoftext|>", "<|endoftext|>"])}, merges


def _learnt() -> tuple[dict[str, int], list[tuple[str, str]]]:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

    bpe = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    bpe.normalizer = normalizers.Lowercase()
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Whitespace(), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=4000, initial_alphabet=letters, end_of_word_suffix="</w>", show_progress=False,
        special_tokens=["<|startoftext|>", "<|endoftext|>", *(f"{c}</w>" for c in letters)],
    )  # fmt: skip
    lists = vocabularies()
    bpe.train_from_iterator([prompt for slot in SLOTS for prompt in prompts_of(slot, lists)], trainer)
    learnt = json.loads(bpe.to_str())["model"]
    return learnt["vocab"], [(left, right) for left, right in learnt["merges"]]


class PlainFlow:
    """Each slot is a classification of its own: a picture is encoded for it, and, without `kept`, its candidates."""

    def __init__(self, encoder: DualEncoder, lists: Vocabularies, kept: bool) -> None:
        self.encoder, self.lists = encoder, lists
        self.prompts = {slot: prompts_of(slot, lists) for slot in SLOTS}
        self.kept = {slot: self.texts(slot) for slot in SLOTS} if kept else None

    def texts(self, slot: Slot) -> Vectors:
        return self.encoder._encoded(self.prompts[slot])

    def __call__(self, view: View) -> str:
        shown = {
            slot: regions.crop(view.picture, view.box) if slot in ("who", "how") else view.picture.image
            for slot in SLOTS
        }
        pictures = self.encoder.encode_pictures(list(shown.values()))
        chosen = {}
        for slot, picture in zip(shown, pictures, strict=True):
            share = shares(self.kept[slot] if self.kept else self.texts(slot), picture, self.encoder.scale)
            picks = standing_out(share, RULES) if slot == "how" else (int(share.argmax()),)
            chosen[slot] = [self.lists[slot][i] for i in picks]
        return told(chosen)


def ours(narrator: NarraCap, view: View) -> str:
    (found,) = narrator.caption([view])
    if not isinstance(found, Narrative):
        raise found
    return found.text


def views(count: int) -> Iterator[View]:
    """Pictures of 640 x 480 with coloured patches, and a box in each; the same in every run."""
    rng = np.random.default_rng(7)
    for _ in range(count):
        patches = Image.fromarray(rng.integers(0, 255, (9, 12, 3), dtype=np.uint8))
        left, top, wide, high = (
            int(rng.integers(*span)) for span in ((0, 320), (0, 160), (120, 320), (160, 320))
        )
        box = BoundingBox(x1=left, y1=top, x2=left + wide, y2=top + high)
        yield View(open_picture(patches.resize((640, 480), Image.Resampling.BICUBIC)), box)


def timed(call: Callable[[], str]) -> tuple[float, str]:
    begin = time.perf_counter()
    said = call()
    return time.perf_counter() - begin, said


def resident() -> float:
    """Megabytes of this process in memory now."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def one_picture(encoder: DualEncoder, lists: Vocabularies, repeat: int) -> dict[str, Any]:
    """Seconds for one picture: ours with the lists from disk, then from memory, and the paper's flow."""
    plain = PlainFlow(encoder, lists, kept=False)
    warm, *seen = list(views(1 + repeat))
    NarraCap(encoder, lists, RULES).caption([warm])
    first, later, paper = [], [], []
    for view in seen:
        narrator = NarraCap(encoder, lists, RULES)
        seconds, said = timed(lambda n=narrator, v=view: ours(n, v))  # type: ignore[misc]
        first.append(seconds)
        narrator._recent.clear()
        later.append(timed(lambda n=narrator, v=view: ours(n, v))[0])  # type: ignore[misc]
        seconds, expected = timed(lambda v=view: plain(v))  # type: ignore[misc]
        paper.append(seconds)
        if said != expected:
            raise AssertionError(f"captions differ: {said!r}, {expected!r}")
    found = {"first": first, "next": later, "paper": paper}
    return {name: statistics.median(seconds) for name, seconds in found.items()}


def many_pictures(encoder: DualEncoder, lists: Vocabularies, count: int) -> dict[str, Any]:
    """Seconds a picture of ours and of the plain flow with its texts kept, and memory on the way."""
    narrator, plain = NarraCap(encoder, lists, RULES), PlainFlow(encoder, lists, kept=True)
    spent = {"ours": 0.0, "texts kept": 0.0}
    memory, captions, signals = [], set(), 0
    stream, done = views(count), 0
    while block := [view for _, view in zip(range(BLOCK), stream, strict=False)]:
        flows: list[tuple[str, Callable[[View], str]]] = [
            ("ours", lambda view: ours(narrator, view)), ("texts kept", plain),
        ]  # fmt: skip
        said: dict[str, list[str]] = {}
        for name, flow in flows if done // BLOCK % 2 else flows[::-1]:
            runs = [timed(lambda f=flow, v=view: f(v)) for view in block]  # type: ignore[misc]
            spent[name] += sum(seconds for seconds, _ in runs)
            said[name] = [text for _, text in runs]
        if said["ours"] != said["texts kept"]:
            raise AssertionError(f"captions differ between pictures {done} and {done + len(block)}")
        captions |= set(said["ours"])
        signals += sum(text.count(". The person") for text in said["ours"])
        done += len(block)
        memory.append(resident())
        print(f"... {done} of {count}", file=sys.stderr, end="\r")
    print(file=sys.stderr)
    return {
        "pictures": done, "captions": len(captions), "signals": signals,
        "seconds": {name: seconds / done for name, seconds in spent.items()},
        "megabytes": {"start": memory[0], "middle": memory[len(memory) // 2], "end": memory[-1]},
    }  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    asked = _options(arguments)
    torch.set_num_threads(asked.threads)
    lists = vocabularies()
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["EMOSCENE_CACHE"] = f"{scratch}/cache"
        encoder = build(Path(scratch) / "clip", asked.shape, asked.reference)
        one = one_picture(encoder, lists, asked.repeat)
        many = many_pictures(encoder, lists, asked.pictures)
    ratios = {
        "one picture, first": one["paper"] / one["first"],
        "one picture, next": one["paper"] / one["next"],
        "many pictures": many["seconds"]["texts kept"] / many["seconds"]["ours"],
    }
    if asked.json:
        print(
            json.dumps(
                {"shape": asked.shape, "threads": asked.threads, "one": one, "many": many, "ratios": ratios}
            )
        )
    else:
        _show(asked, one, many, ratios)
    return 0


def _show(
    asked: argparse.Namespace, one: dict[str, Any], many: dict[str, Any], ratios: dict[str, float]
) -> None:
    table = Table(title=f"{asked.shape}, float32, {asked.threads} threads; {sum(SIZES.values())} texts")
    for heading in ("one person", "seconds", "the plain flow takes"):
        table.add_column(heading, justify="left" if heading == "one person" else "right")
    table.add_row("paper's flow", f"{one['paper']:.3f}", "")
    table.add_row("ours, first", f"{one['first']:.3f}", f"{ratios['one picture, first']:.1f} x")
    table.add_row("ours, next", f"{one['next']:.3f}", f"{ratios['one picture, next']:.1f} x")
    table.add_section()
    table.add_row("texts kept", f"{many['seconds']['texts kept']:.4f}", "")
    name = f"ours, over {many['pictures']} pictures"
    table.add_row(name, f"{many['seconds']['ours']:.4f}", f"{ratios['many pictures']:.2f} x")
    Console(width=100).print(table)
    memory = ", ".join(f"{value:.0f} MB at the {name}" for name, value in many["megabytes"].items())
    print(f"memory: {memory}")
    print(
        f"captions: equal in all flows, {many['captions']} different ones, {many['signals']} signals in them"
    )


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--shape", default="clip-vit-base-patch32", choices=("clip-vit-base-patch32", "tiny"))
    parser.add_argument("--pictures", type=int, default=40)
    parser.add_argument("--repeat", type=int, default=3, help="runs of one picture; their median is shown")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--reference", type=Path, help="the folder with bpe_simple_vocab_16e6.txt.gz")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    raise SystemExit(main())
