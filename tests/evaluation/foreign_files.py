"""People with known labels, one set of answers about them, and that set written in every layout that is read."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from emoscene.labels import label_space
from emoscene.runs.truth import TruthRow
from emoscene.types import Prediction, ScoreKind, Status

EMOTIC = label_space("emotic")
PEACE_FIRST = ("peace", "affection", *(name for name in EMOTIC.ids if name not in ("peace", "affection")))

ANSWERS: dict[str, tuple[str, ...]] = {
    "mscoco/COCO_val2014_000000000042_0": ("anger", "fear"),
    "mscoco/COCO_val2014_000000000042_1": ("doubt_confusion",),
    "framesdb/frame_0cs63q843g5bdvq5_0": (),
    "ade20k/labelmequsnkjf_0": ("engagement", "happiness", "peace"),
}
TRUTH = [
    TruthRow(
        id=f"emotic/test/{person}",
        group=f"{person.rpartition('_')[0]}.jpg",
        split="test",
        labels=frozenset({"anger"}),
    )
    for person in ANSWERS
]
IDS = [row.id for row in TRUTH]

Answers = Mapping[str, Sequence[str]]
Layout = Callable[[Answers], str]


def table(rows: Sequence[Sequence[object]], separator: str = ",", end: str = "\n") -> str:
    text = io.StringIO()
    csv.writer(text, delimiter=separator, lineterminator=end).writerows(rows)
    return text.getvalue()


def jsonl(rows: Sequence[object]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def one_hot(
    answers: Answers, order: Sequence[str] = EMOTIC.ids, name: Callable[[str], str] | None = None
) -> str:
    """A column a label, in the order and spelling that are asked for."""
    spelled = name or (lambda label: EMOTIC[label].name)
    return table(
        [
            ["id", *map(spelled, order)],
            *([person, *(int(label in said) for label in order)] for person, said in answers.items()),
        ]
    )


def scores_of(said: Sequence[str]) -> dict[str, float]:
    """Scores that rank the labels that were said first, in their order."""
    low = {label: 0.01 + 0.001 * at for at, label in enumerate(EMOTIC.ids)}
    return low | {label: 0.9 - 0.1 * at for at, label in enumerate(said)}


def our_rows(answers: Answers) -> str:
    return "".join(
        Prediction(
            id=f"emotic/test/{person}",
            status=Status.OK,
            scores=dict.fromkeys(EMOTIC.ids, 0.0) | dict.fromkeys(said, 1.0),
            score_kind=ScoreKind.MEMBERSHIP,
            labels=tuple(said),
            label_space="emotic",
        ).to_json()
        + "\n"
        for person, said in answers.items()
    )


def names(said: Sequence[str]) -> list[str]:
    return [EMOTIC[label].name for label in said]


Row = Callable[[str, Sequence[str]], object]


def _csv(
    header: Sequence[object] | None,
    row: Callable[[str, Sequence[str]], Sequence[object]],
    separator: str = ",",
) -> Layout:
    """A table with a row a person."""

    def written(answers: Answers) -> str:
        rows = [row(person, said) for person, said in answers.items()]
        return table(rows if header is None else [header, *rows], separator)

    return written


def _jsonl(row: Row) -> Layout:
    return lambda answers: jsonl([row(person, said) for person, said in answers.items()])


def _told(said: Sequence[str]) -> str:
    """As a model says it."""
    return ", ".join(names(said)) or "None of these labels."


def _numbered(answers: Answers) -> str:
    """The authors' files, with running numbers and the picture."""
    told = enumerate(answers.items())
    return jsonl([{"question_id": n, "image": f"{p}.jpg", "text": _told(said)} for n, (p, said) in told])


def _tandon_row(person: str, said: Sequence[str]) -> list[object]:
    folder, _, name = person.rpartition("_")[0].partition("/")
    return [7, f"{folder}/images", f"{name}.jpg", "[1, 2, 3, 4]", repr(names(said)), "[5, 6, 7]"]


_TANDON = ["Index", "Folder", "Filename", "BBox", "Categorical_Labels", "Continuous_Labels"]

#: One set of answers, in every layout.
LAYOUTS: dict[str, Layout] = {
    "rows.jsonl": our_rows,
    "labels.csv": _csv(["id", "labels"], lambda p, said: [p, ";".join(said)]),
    "swapped.csv": _csv(["labels", "id"], lambda p, said: [";".join(said), p]),
    "full-ids.csv": _csv(["ID", "Labels"], lambda p, said: [f"emotic/test/{p}", "; ".join(names(said))]),
    "bom-crlf.csv": lambda answers: "\ufeff" + LAYOUTS["labels.csv"](answers).replace("\n", "\r\n"),
    "tabs.tsv": _csv(["image", "emotions"], lambda p, said: [f"{p}.jpg", ", ".join(names(said))], "\t"),
    "semicolons.csv": _csv(["id", "labels"], lambda p, said: [p, ";".join(said)], ";"),
    "lists.csv": _csv(
        ["path", "Categories"], lambda p, said: [p.replace("/", "/images/") + ".jpg", repr(names(said))]
    ),
    "one-hot.csv": one_hot,
    "peace-first.csv": lambda answers: one_hot(answers, PEACE_FIRST, str.upper),
    "spelled.csv": lambda answers: one_hot(
        answers, PEACE_FIRST, lambda label: EMOTIC[label].name.replace("/", " / ")
    ),
    "labels.jsonl": _jsonl(lambda p, said: {"id": p, "labels": list(said)}),
    "scores01.jsonl": _jsonl(
        lambda p, said: {"id": p, "scores": {each: int(each in said) for each in EMOTIC.ids}}
    ),
    "labels-scores.jsonl": _jsonl(lambda p, said: {"id": p, "labels": list(said), "scores": scores_of(said)}),
    "object.json": lambda answers: json.dumps({p: list(said) for p, said in answers.items()}, indent=2),
    "object-line.json": lambda answers: json.dumps(
        {f"{p}.jpg": ";".join(said) for p, said in answers.items()}
    ),
    "list.json": lambda answers: json.dumps(
        [{"id": p, "labels": names(s)} for p, s in answers.items()], indent=1
    ),
    "llava.jsonl": _jsonl(lambda p, said: {"question_id": f"{p}.jpg", "text": _told(said)}),
    "llava-numbers.jsonl": _numbered,
    "text.csv": _csv(["question_id", "text"], lambda p, said: [p, _told(said)]),
    "gt-all-like.csv": _csv(None, lambda p, said: [f"{p}.jpg", repr([name.lower() for name in names(said)])]),
    "no-header.csv": _csv(None, lambda p, said: [p, ";".join(said)]),
    "tandon.csv": _csv(_TANDON, _tandon_row),
}


def write(folder: Path, name: str, text: str) -> Path:
    file = folder / name
    file.write_bytes(text.encode("utf-8"))
    return file
