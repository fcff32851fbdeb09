"""From what a row says to a `Prediction`: labels by name, sets or scores, free text; what cannot be an answer is said.

Whether a file holds sets (0 and 1) or scores is decided for the file as a whole, after its last row.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from typing import Any, Literal

from emoscene.errors import InputError, shorten
from emoscene.evaluation.foreign.entries import Entry, Reading
from emoscene.recognizers.base import Refusal
from emoscene.recognizers.free_answers import Parser, answer_from_text
from emoscene.types import ErrorInfo, Prediction, ScoreKind, Status

__all__ = ["Judge", "UnknownLabels"]

UnknownLabels = Literal["unparsed", "leave_out"]

#: How many of the highest scores are named where a file has scores alone; one in a space of single labels.
_TOP = 6
_WORDS = {status.value for status in Status}
_KINDS = {kind.value for kind in ScoreKind}


class Judge:
    """Takes what was said of each person, and makes rows of it once everything is there."""

    def __init__(self, reading: Reading, unknown: UnknownLabels, parser: Parser, name: str) -> None:
        self._reading = reading
        self._space = reading.space
        self._unknown = unknown
        self._parser: Parser = parser
        self._name = name
        self._said: dict[str, Entry] = {}
        self._spoiled: list[str] = []
        self._several = 0
        #: Whether all scores of the file are 0 or 1; known once there are rows.
        self.sets = True
        self.unknown_labels: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._said)

    def add(self, person: str, entry: Entry) -> None:
        """Raises InputError for a status or kind of score that there is not."""
        for value, known, what in (
            (entry.status, _WORDS, "status"),
            (entry.score_kind, _KINDS, "score_kind"),
        ):
            if value is not None and value not in known:
                raise entry.place.error(
                    f"there is no such {what}", value, f"One of: {', '.join(sorted(known))}."
                )
        self._said[person] = entry

    def rows(self, no_labels: Collection[str] = ()) -> dict[str, Prediction]:
        """The rows by person; `no_labels` are the columns that turned out to be no labels at all."""
        self.sets = all(
            score in (0.0, 1.0)
            for entry in self._said.values()
            if entry.scores is not None
            for score in entry.scores.values()
        )
        return {person: self._row(person, entry, no_labels) for person, entry in self._said.items()}

    def warnings(self) -> Iterator[str]:
        if self.unknown_labels:
            shown = ", ".join(f"{name[:40]!r} {n:,}x" for name, n in self.unknown_labels.most_common(5))
            done = (
                "they count as unparsed, which is an empty answer"
                if self._unknown == "unparsed"
                else "these labels are left out of them"
            )
            yield (
                f"{self._name}: {len(self._spoiled):,} answers name labels that are none of {self._space.name} "
                f"({shown}; first in {self._spoiled[0]}): {done}. Mend the spelling, or name their space (--labels)."
            )
        if self._several:
            yield (
                f"{self._name}: {self._several:,} answers name several labels, of which a person of "
                f"{self._space.name} has one; the one named first counts"
            )

    # --- one row ---

    def _row(self, person: str, entry: Entry, no_labels: Collection[str]) -> Prediction:
        if entry.row is not None:
            return self._ours(person, entry, entry.row)
        if entry.status is not None and entry.status != "ok":
            return self._not_ok(
                person,
                entry,
                Status(entry.status),
                entry.place.error(shorten(entry.said or entry.status), None, ""),
            )
        if entry.text is not None and entry.labels is None and entry.scores is None:
            return self._from_text(person, entry, entry.text)
        strange = [name for name in entry.labels or () if self._reading.find(name) is None]
        strange += entry.strangers
        if self.sets:
            strange += [name for name in entry.ones if name not in no_labels]
        if strange and self._refused(entry, strange):
            return self._not_ok(
                person, entry, Status.UNPARSED, self._reading.stranger(strange[0], entry.place)
            )
        if entry.scores is None:
            return self._from_set(person, entry, self._named(entry.labels or ()))
        return self._from_scores(person, entry, entry.scores)

    def _ours(self, person: str, entry: Entry, row: Prediction) -> Prediction:
        named = dict.fromkeys((*row.scores, *row.labels))
        strange = [name for name in named if name not in self._space]
        common = {"id": person}
        if not strange:
            return row if row.id == person else row.model_copy(update=common)
        if self._refused(entry, strange):
            error = self._reading.stranger(strange[0], entry.place)
            return self._not_ok(person, entry, Status.UNPARSED, error, model=row.model)
        labels = tuple(name for name in row.labels if name in self._space)
        scores = {name: score for name, score in row.scores.items() if name in self._space}
        dominant = row.dominant if row.dominant in scores else next(iter(labels), None)
        return row.model_copy(update={**common, "labels": labels, "scores": scores, "dominant": dominant})

    def _refused(self, entry: Entry, strange: Sequence[str]) -> bool:
        """Counts labels that are none of the space; whether the answer is thereby none."""
        self.unknown_labels.update({shorten(name, 100) for name in strange})
        self._spoiled.append(f"{entry.place.unit} {entry.place.row}")
        return self._unknown == "unparsed"

    def _named(self, names: Sequence[str]) -> tuple[str, ...]:
        found = (self._reading.find(name) for name in names)
        labels = tuple(dict.fromkeys(label for label in found if label is not None))
        return self._single(labels)

    def _single(self, labels: tuple[str, ...]) -> tuple[str, ...]:
        if self._space.multi_label or len(labels) < 2:
            return labels
        self._several += 1
        return labels[:1]

    def _from_set(self, person: str, entry: Entry, labels: tuple[str, ...], **more: Any) -> Prediction:
        return Prediction(
            status=Status.OK,
            scores=dict.fromkeys(self._space.ids, 0.0) | dict.fromkeys(labels, 1.0),
            score_kind=ScoreKind.MEMBERSHIP,
            labels=labels,
            dominant=labels[0] if labels else None,
            vad=entry.vad,
            **self._common(person) | more,
        )

    def _from_scores(self, person: str, entry: Entry, scores: dict[str, float]) -> Prediction:
        absent = [label for label in self._space.ids if label not in scores]
        if absent:
            raise entry.place.error(
                f"{len(absent)} of the {len(self._space)} labels of {self._space.name} have no score",
                ", ".join(absent),
                "Write a score for every label: people are ranked by them.",
            )
        if self.sets and entry.score_kind in (None, ScoreKind.MEMBERSHIP.value):
            held = [label for label, score in scores.items() if score]
            return self._from_set(person, entry, self._named(held if entry.labels is None else entry.labels))
        ranked = sorted(scores, key=lambda label: -scores[label])
        top = ranked[: _TOP if self._space.multi_label else 1]
        return Prediction(
            status=Status.OK,
            scores=scores,
            score_kind=ScoreKind(entry.score_kind or ScoreKind.SIMILARITY),
            labels=tuple(top) if entry.labels is None else self._named(entry.labels),
            dominant=ranked[0],
            vad=entry.vad,
            **self._common(person),
        )

    def _from_text(self, person: str, entry: Entry, text: str) -> Prediction:
        answer = answer_from_text(text, self._space, self._parser)
        if isinstance(answer, Refusal):
            error = entry.place.error(answer.what, text, "See raw_text.")
            return self._not_ok(person, entry, answer.status, error, raw_text=text)
        if isinstance(answer, Exception):
            raise answer
        return self._from_set(person, entry, answer.labels or (), raw_text=text, warnings=answer.warnings)

    def _not_ok(
        self, person: str, entry: Entry, status: Status, error: InputError, **more: Any
    ) -> Prediction:
        info = ErrorInfo.of(error).model_copy(update={"code": status.value})
        return Prediction(status=status, error=info, **self._common(person) | more)

    def _common(self, person: str) -> dict[str, Any]:
        return {"id": person, "model": self._name, "label_space": self._space.name}
