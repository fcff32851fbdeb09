"""Drawn scenes as files, laid out like EMOTIC: pictures, one JSON line a person, a manifest, a data card.

    out/images/<picture>.jpg            out/<split>.jsonl, one a split        out/readers.npz
    out/manifest.json (written last)    out/README.md

The same request gives the same files for any number of worker processes. A run that was cut off is taken up
again by the same call; a folder that holds anything else is refused.
"""

from __future__ import annotations

import json
import math
import multiprocessing
import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any, Literal

import numpy as np

from emoscene.datasets.scenes.annotators import annotators
from emoscene.datasets.scenes.appraisal import CONTROLLED, SPLITS, VERSION_NAME, tables
from emoscene.datasets.scenes.captions import caption, reason, words
from emoscene.datasets.scenes.controlled import PAIRED, Person, people_of, scene_by_id
from emoscene.datasets.scenes.draw import draw_scene
from emoscene.datasets.scenes.gates import measure
from emoscene.datasets.scenes.readers import read, tables_digest
from emoscene.datasets.scenes.scene import Box
from emoscene.datasets.scenes.split_gates import figure_of, measured, read_person, readers_of
from emoscene.errors import OptionError

DEFAULT_SPLITS: Mapping[str, float] = {"train": 0.8, "val": 0.1, "test": 0.1}
# The share of a split that is named without one
SHARES: Mapping[str, float] = {**DEFAULT_SPLITS, **dict.fromkeys(CONTROLLED, 0.1), "bias_train": 0.8}
ANNOTATORS = 5
_PENDING = ".pending.json"
_CHUNK = 64
_QUALITY = 92


@dataclass(frozen=True)
class Manifest:
    """What a folder of drawn scenes is: `request` and `version` decide every byte of the data files.

    `readers` holds for each split what every exact reader reaches in the split's `figures` (mean AP, or what
    `split_gates` says)."""

    version: str
    tables: str
    request: dict[str, Any]
    people: dict[str, int]
    pictures: dict[str, int]
    labels: tuple[str, ...]
    held_out: tuple[str, ...]
    figures: dict[str, str]
    readers: dict[str, dict[str, float | None]]
    gates: dict[str, Any] = field(repr=False)


# The index of somebody, and of those in pairs what the pair shares and which side this is
_Row = tuple[int, str | None, Literal["a", "b"] | None]


@dataclass(frozen=True)
class _Task:
    out: Path
    split: str
    size: int
    pictures: tuple[tuple[str, tuple[_Row, ...]], ...]  # the id of each scene and who of it gets a row


def make_dataset(
    out: Path,
    *,
    people: int,
    seed: int,
    workers: int = 0,
    size: int = 448,
    splits: Mapping[str, float] = DEFAULT_SPLITS,
    gate_people: int = 5_000,
) -> Manifest:
    """Writes a dataset of exactly `people` people.

    Args:
        out: A folder that is new, empty, or holds this very dataset, finished or not.
        people: How many people (JSON lines) over all splits.
        seed: The stream of scenes, 0 or more.
        workers: Processes; 0 takes one a core.
        size: The pictures' side in pixels.
        splits: The share of the people in each split; controlled ones too. Pairs come whole.
        gate_people: The fresh people on whom the gates of the manifest are measured.

    Raises:
        OptionError: if a number is impossible, or the folder holds something else.
    """
    request = _request(people, seed, size, splits, gate_people)
    done = _open_folder(out, request)
    if done is not None:
        return done
    tasks = {split: _tasks(out, split, seed, size, count) for split, count in request["people"].items()}
    found: dict[str, dict[str, float | None]] = {}
    figures: dict[str, str] = {}
    arrays: dict[str, Any] = {"labels": np.array(tables().labels)}
    for split, results in _run(tasks, workers or os.cpu_count() or 1):
        rows = [row for lines, _ in results for row in lines]
        _write(out / f"{split}.jsonl", "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
        targets = np.array([[label in row["labels"] for label in tables().labels] for row in rows])
        figures[split] = figure_of(split)
        arrays[f"{split}/id"] = np.array([row["id"] for row in rows])
        found[split] = {}
        for i, reader in enumerate(readers_of(split)):
            scores = np.concatenate([scores[:, i] for _, scores in results])
            arrays[f"{split}/{reader}"] = scores
            found[split][reader] = _rounded(measured(split, targets, scores))
    _write_arrays(out / "readers.npz", arrays)
    manifest = Manifest(
        VERSION_NAME,
        tables_digest(),
        request,
        request["people"],
        {split: sum(len(task.pictures) for task in of_split) for split, of_split in tasks.items()},
        tables().labels,
        tuple(sorted(f"{event} {setting}" for event, setting in tables().held_out)),
        figures,
        found,
        measure(gate_people).to_json(),
    )
    _write(out / "README.md", _card(manifest))
    _write(out / "manifest.json", json.dumps(asdict(manifest), indent=1) + "\n")
    (out / _PENDING).unlink()
    return manifest


def read_manifest(out: Path) -> Manifest:
    """The manifest of a finished folder."""
    plain = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    plain["labels"], plain["held_out"] = tuple(plain["labels"]), tuple(plain["held_out"])
    return Manifest(**plain)


def _request(
    people: int, seed: int, size: int, splits: Mapping[str, float], gate_people: int
) -> dict[str, Any]:
    if people < 1 or gate_people < 1:
        raise OptionError(
            "at least one person is needed", value=min(people, gate_people), remedy="Ask for more."
        )
    if not 32 <= size <= 4096:
        raise OptionError("a picture must be 32 to 4096 pixels wide", value=size, remedy="Try 448.")
    if seed < 0:
        raise OptionError("a seed is 0 or more", value=seed, remedy="Give another.")
    shares = {split: float(share) for split, share in splits.items() if share > 0}
    if not shares or not set(shares) <= {*SPLITS, *CONTROLLED} or min(splits.values()) < 0:
        raise OptionError(
            "splits must give shares above 0",
            value=dict(splits),
            remedy=f"Choose of {', '.join(SPLITS + CONTROLLED)}.",
        )
    total = sum(shares.values())
    counts = {split: round(people * share / total) for split, share in shares.items()}
    for split in PAIRED:
        counts[split] = counts.get(split, 0) // 2 * 2
    single = {split: count for split, count in counts.items() if split not in PAIRED}
    rest = people - sum(counts.values())
    if not single and rest % 2:
        raise OptionError(
            "only pairs were asked for", value=people, remedy="Ask for an even number of people."
        )
    largest = max(single or shares, key=lambda split: counts[split])
    counts[largest] += rest
    counts = {split: counts[split] for split in shares if counts[split] > 0}
    return {"people": counts, "seed": seed, "size": size, "gate_people": gate_people}


def _open_folder(out: Path, request: dict[str, Any]) -> Manifest | None:
    """The manifest if this dataset is there already; else the folder is made ready for writing."""
    identity = {"version": VERSION_NAME, "tables": tables_digest(), "request": request}
    if (out / "manifest.json").is_file():
        there = read_manifest(out)
        if {"version": there.version, "tables": there.tables, "request": there.request} == identity:
            return there
        raise OptionError("the folder holds a different dataset", value=out, remedy="Choose another folder.")
    if out.exists() and not out.is_dir():
        raise OptionError("there is a file in the way", value=out, remedy="Choose another folder.")
    pending = out / _PENDING
    if pending.is_file():
        if json.loads(pending.read_text(encoding="utf-8")) != identity:
            raise OptionError(
                "the folder holds an unfinished different dataset", value=out, remedy="Choose another folder."
            )
    elif out.exists() and any(out.iterdir()):
        raise OptionError("the folder is not empty", value=out, remedy="Choose an empty or a new folder.")
    (out / "images").mkdir(parents=True, exist_ok=True)
    _write(pending, json.dumps(identity))
    return None


def _tasks(out: Path, split: str, seed: int, size: int, people: int) -> list[_Task]:
    by_picture = groupby(people_of(split, seed, people), key=lambda person: person.scene.id)
    pictures = [
        (scene, tuple((person.subject, person.pair, person.side) for person in found))
        for scene, found in by_picture
    ]
    return [_Task(out, split, size, tuple(pictures[i : i + _CHUNK])) for i in range(0, len(pictures), _CHUNK)]


_Result = tuple[list[dict[str, Any]], Any]


def _run(tasks: Mapping[str, Sequence[_Task]], workers: int) -> Iterator[tuple[str, list[_Result]]]:
    if workers == 1:
        yield from ((split, [_do(task) for task in of_split]) for split, of_split in tasks.items())
        return
    # Spawned, not forked: forking a process that has threads can hang
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), initializer=_leave_interrupts)
    try:
        started = {split: [pool.submit(_do, task) for task in of_split] for split, of_split in tasks.items()}
        for split, futures in started.items():
            yield split, [future.result() for future in futures]
    finally:
        # After an interrupt nothing that still waits is drawn; what is being drawn ends in a moment.
        pool.shutdown(cancel_futures=True)


def _leave_interrupts() -> None:
    """Ctrl-C reaches the whole group of processes; the one that was started by the user answers it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _do(task: _Task) -> _Result:
    """Draws a chunk of pictures; gives its rows and the readers' scores (n, readers, 26)."""
    rows: list[dict[str, Any]] = []
    scores = []
    readers = readers_of(task.split)
    for scene_id, people in task.pictures:
        scene = scene_by_id(scene_id)
        path = task.out / "images" / f"{scene.id}.jpg"
        if not path.is_file():
            unfinished = path.with_suffix(f".{os.getpid()}.part")
            draw_scene(scene, task.size).save(unfinished, "JPEG", quality=_QUALITY, subsampling=0)
            unfinished.replace(path)
        for subject, pair, side in people:
            person = Person(scene, subject, pair, side)
            rows.append(_row(person, task.size))
            scores.append([read_person(person, reader) for reader in readers])
    return rows, np.array(scores, np.float32)


def _rounded(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 4)


def _row(person: Person, size: int) -> dict[str, Any]:
    scene, subject = person.scene, person.subject
    actor = scene.people[subject]
    told = caption(scene, subject)
    return {
        "id": f"{scene.id}-{subject}",
        "image": f"images/{scene.id}.jpg",
        "width": size,
        "height": size,
        "box": _pixels(actor.box, size),
        "head": _pixels(actor.head, size),
        "labels": sorted(actor.labels),
        "vad": _vad(actor.vad),
        "caption": told.text,
        "slots": asdict(told),
        "reason": reason(scene, subject),
        "words": words(scene, subject),
        "annotators": [
            {"annotator": vote.annotator, "labels": sorted(vote.labels), "vad": _vad(vote.vad)}
            for vote in annotators(scene, subject, ANNOTATORS)
        ],
        "pair": person.pair,
        "side": person.side,
        "causes": {
            "setting": scene.setting, "event": scene.event, "climate": scene.climate, "role": actor.role,
            "mark": actor.mark, "age": actor.age, "reaction": actor.reaction, "expression": actor.expression,
            "pose": actor.pose, "others": len(scene.people) - 1,
            "ironic": actor.ironic,
        },
        "held_out_pair": (scene.event, scene.setting) in tables().held_out,
        "probabilities": {
            reader: dict(zip(tables().labels, np.round(read(scene, subject, reader), 5).tolist(), strict=True))
            for reader in ("latent", "picture")
        },
    }  # fmt: skip


def _vad(values: tuple[float, float, float]) -> dict[str, float]:
    return dict(zip(("valence", "arousal", "dominance"), values, strict=True))


def _pixels(box: Box, size: int) -> list[float]:
    return [round(value * size, 2) for value in box]


def _write(path: Path, text: str) -> None:
    unfinished = path.with_name(f"{path.name}.part")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(path)


def _write_arrays(path: Path, arrays: dict[str, Any]) -> None:
    unfinished = path.with_name(f"{path.name}.part")
    with unfinished.open("wb") as file:
        np.savez_compressed(file, **arrays)
    unfinished.replace(path)


def _card(manifest: Manifest) -> str:
    lines = [
        f"# Drawn scenes ({manifest.version}, tables {manifest.tables})",
        "",
        "Drawn pictures of one to four people; one JSON line a person. Labels are EMOTIC's 26 apparent emotions,",
        "drawn from a written appraisal table: nobody real is shown, and nothing here says how people truly feel.",
        "",
        "| split | people | pictures |",
        "|---|---|---|",
        *(f"| {s} | {n} | {manifest.pictures[s]} |" for s, n in manifest.people.items()),
        "",
        "What the exact readers reach on these people (`readers.npz` holds their scores, columns as in `labels`):",
        "mean AP, on `rare` of the rare labels and on `bias_` splits of one; on pairs the share ranked rightly.",
        "",
        f"| reader | {' | '.join(manifest.readers)} |",
        f"|---|{'---|' * len(manifest.readers)}",
        *(
            f"| {reader} | {' | '.join(_shown(values.get(reader)) for values in manifest.readers.values())} |"
            for reader in max(map(readers_of, manifest.readers), key=len)
        ),
        "",
        f"Pairs of event and setting that never occur in train: {', '.join(manifest.held_out)}.",
        "",
        "Fields of a line: `box` and `head` in pixels (x1, y1, x2, y2); `causes` are the latent causes;",
        "`probabilities.latent` is what the labels were drawn from, `probabilities.picture` the oracle of the picture;",
        "`annotators` are simulated; people of a pair share `pair`, and `side` tells them apart.",
    ]
    return "\n".join(lines) + "\n"


def _shown(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
