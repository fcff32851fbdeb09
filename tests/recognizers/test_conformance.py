"""`check_recognizer` passes a recognizer that keeps its promises, and catches each way of breaking one."""

from __future__ import annotations

import io
import itertools
import math
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from emoscene.errors import AnswerError, EmosceneError
from emoscene.labels import LabelSpace, label_space
from emoscene.recognizers.base import Answer, BatchRecognizer, Card, Subject
from emoscene.recognizers.conformance import Outcome, Report, check_recognizer
from emoscene.recognizers.conformance_samples import bad_samples, drawn_samples
from emoscene.types import VAD, ErrorInfo, Prediction, Sample, ScoreKind, Status
from tests import stand_in

CARD = Card(name="tiny", summary="Hashes pictures.", licence="Apache-2.0", limits="Knows nothing.")


class Tiny(BatchRecognizer[bytes]):
    """Scores from a hash of the picture's pixels and each label's id: it knows nothing, and keeps every promise."""

    def __init__(self, labels: LabelSpace, card: Card = CARD, batch_size: int = 3) -> None:
        super().__init__("tiny", card, labels, batch_size=batch_size)

    def prepare(self, subject: Subject) -> bytes:
        if subject.picture is None:
            return (subject.sample.text or "").encode("utf-8", "replace")
        return subject.picture.array.tobytes() + str(subject.box).encode()

    def answer(self, batch: Sequence[bytes]) -> Sequence[Answer | EmosceneError]:
        return [Answer(self._scores(content), ScoreKind.YES_SHARE) for content in batch]

    def _scores(self, content: bytes) -> dict[str, float]:
        return {label: zlib.crc32(content + label.encode()) / 2**32 for label in self.labels.ids}


class Wrapped:
    """A recognizer whose stream of predictions is passed through a function that breaks a promise."""

    def __init__(
        self,
        change: Callable[[Iterator[Prediction]], Iterable[Prediction]],
        before: Callable[[Iterable[Sample]], Iterable[Sample]] = lambda samples: samples,
        card: Card = CARD,
    ) -> None:
        self.inner = Tiny(label_space("ekman"))
        self.change, self.before, self.card = change, before, card
        self.name, self.labels = self.inner.name, self.inner.labels

    def predict(self, samples: Iterable[Sample]) -> Iterator[Prediction]:
        yield from self.change(self.inner.predict(self.before(samples)))


def _failed(report: Report) -> set[str]:
    return {check.name for check in report.checks if check.outcome is Outcome.FAILED}


def _scored(change: Callable[[dict[str, float]], dict[str, float]]) -> Callable[..., Iterator[Prediction]]:
    """A stream in which `change` was applied to the scores of every answered row, unchecked."""

    def changed(rows: Iterator[Prediction]) -> Iterator[Prediction]:
        for row in rows:
            yield row.model_copy(update={"scores": change(dict(row.scores))}) if row.ok else row

    return changed


@pytest.mark.parametrize("space", ["emotic", "ekman"])
@pytest.mark.parametrize("uses_text", [False, True])
def test_a_good_recognizer_passes_every_check(space: str, uses_text: bool) -> None:
    card = replace(CARD, uses_text=uses_text)

    class Fitting(Tiny):
        default_top = 6 if label_space(space).multi_label else 1

    report = check_recognizer(lambda labels: Fitting(labels, card), labels=label_space(space))
    report.raise_if_failed()
    assert report.ok
    assert {check.outcome for check in report.checks} == {Outcome.PASSED}
    assert len(report.checks) >= 15


def test_a_recognizer_in_place_of_a_factory_skips_only_the_label_order() -> None:
    report = check_recognizer(Tiny(label_space("emotic")))
    report.raise_if_failed()
    skipped = [check for check in report.checks if check.outcome is Outcome.SKIPPED]
    assert [check.name for check in skipped] == ["the order of labels does not matter"]
    assert "factory" in skipped[0].detail


def test_what_the_card_admits_is_not_checked() -> None:
    card = replace(CARD, label_order_invariant=False)
    report = check_recognizer(lambda labels: Tiny(labels, card))
    assert [c.detail for c in report.checks if c.outcome is Outcome.SKIPPED] == [
        "the card says that it matters"
    ]


def _drop_third(rows: Iterator[Prediction]) -> Iterator[Prediction]:
    return (row for number, row in enumerate(rows) if number != 2)


def _swap_pairs(rows: Iterator[Prediction]) -> Iterator[Prediction]:
    while pair := list(itertools.islice(rows, 2)):
        yield from reversed(pair)


def _twice(rows: Iterator[Prediction]) -> Iterator[Prediction]:
    for row in rows:
        yield row
        yield row


def _lose_source(rows: Iterator[Prediction]) -> Iterator[Prediction]:
    return (row.model_copy(update={"source": ""}) for row in rows)


def _guess_for_bad(rows: Iterator[Prediction]) -> Iterator[Prediction]:
    """Answers what it could not read, as if nothing had happened."""
    scores = dict.fromkeys(label_space("ekman").ids, 0.5)
    for row in rows:
        guess: dict[str, Any] = {"status": Status.OK, "scores": scores, "score_kind": ScoreKind.YES_SHARE}
        yield row if row.ok else row.model_copy(update={**guess, "dominant": "neutral", "error": None})


def _hide_errors(rows: Iterator[Prediction]) -> Iterator[Prediction]:
    return (row.model_copy(update={"error": None}) for row in rows)


def _everything_failed(rows: Iterator[Prediction]) -> Iterator[Prediction]:
    error = ErrorInfo(code="answer", message="no")
    for row in rows:
        empty: dict[str, Any] = {"status": Status.FAILED, "scores": {}, "labels": (), "dominant": None}
        yield row.model_copy(update={**empty, "error": error}) if row.ok else row


def _crash_on_bad(rows: Iterator[Prediction]) -> Iterator[Prediction]:
    for row in rows:
        if not row.ok:
            raise RuntimeError("cannot read this")
        yield row


@pytest.mark.parametrize(
    ("change", "caught"),
    [
        (_drop_third, "one for one, in order"),
        (_swap_pairs, "one for one, in order"),
        (_twice, "one for one, in order"),
        (_lose_source, "one for one, in order"),
        (list, "lazy"),
        (_guess_for_bad, "bad samples get the right status"),
        (_hide_errors, "rows are complete and finite"),
        (_crash_on_bad, "one for one, in order"),
        (_crash_on_bad, "a bad sample harms no other"),
        (_everything_failed, "answers samples"),
        (_scored(lambda scores: scores | {"joyousness": 0.1}), "rows are complete and finite"),
        (_scored(lambda scores: {**scores, "fear": 1.5}), "rows are complete and finite"),
        (_scored(lambda scores: {**scores, "fear": math.nan}), "rows are complete and finite"),
        (_scored(lambda scores: {**scores, "fear": math.nan}), "rows survive JSON"),
        (_scored(lambda scores: {**scores, "fear": math.nan}), "the batch does not matter"),
        (_scored(lambda scores: {k: 1 - v for k, v in scores.items()}), "rows are complete and finite"),
        (
            _scored(lambda scores: {k: v for k, v in scores.items() if k != "fear"}),
            "rows are complete and finite",
        ),
    ],
)
def test_a_broken_stream_is_caught(
    change: Callable[[Iterator[Prediction]], Iterable[Prediction]], caught: str
) -> None:
    report = check_recognizer(Wrapped(change))
    assert caught in _failed(report)
    with pytest.raises(AssertionError, match=caught):
        report.raise_if_failed()


def test_the_wrapper_itself_is_sound() -> None:
    class OneLabel(Wrapped):
        def __init__(self) -> None:
            super().__init__(lambda rows: rows)
            self.inner.default_top = 1

    OneLabel()
    report = check_recognizer(OneLabel())
    report.raise_if_failed()


class LeaksState(Tiny):
    """Mixes a little of the answer before into each answer."""

    _before: dict[str, float] | None = None

    def _scores(self, content: bytes) -> dict[str, float]:
        own = super()._scores(content)
        before, self._before = self._before or own, own
        return {label: 0.9 * score + 0.1 * before[label] for label, score in own.items()}


class DependsOnBatch(Tiny):
    """Scales every score by the highest one of the batch."""

    def answer(self, batch: Sequence[bytes]) -> Sequence[Answer | EmosceneError]:
        scored = [self._scores(content) for content in batch]
        top = max(max(scores.values()) for scores in scored)
        return [
            Answer({label: score / top for label, score in scores.items()}, ScoreKind.YES_SHARE)
            for scores in scored
        ]


class Noisy(Tiny):
    """Adds a little chance to every answer."""

    _chance = np.random.default_rng(0)

    def _scores(self, content: bytes) -> dict[str, float]:
        return {
            label: 0.99 * s + 0.01 * self._chance.random() for label, s in super()._scores(content).items()
        }


class DependsOnLabelOrder(Tiny):
    """Prefers labels that stand early, and does not say so in its card."""

    def _scores(self, content: bytes) -> dict[str, float]:
        scores = super()._scores(content)
        return {label: score / (place + 1) for place, (label, score) in enumerate(scores.items())}


class OneBadSpoilsAll(Tiny):
    """Gives up on a whole batch when one of its samples is odd."""

    def prepare(self, subject: Subject) -> bytes:
        if subject.sample.text and len(subject.sample.text) > 1000:
            return b"odd"
        return super().prepare(subject)

    def answer(self, batch: Sequence[bytes]) -> Sequence[Answer | EmosceneError]:
        if b"odd" in batch:
            return [AnswerError("out of memory")] * len(batch)
        return super().answer(batch)


class Paints(Tiny):
    """Draws into the caller's picture."""

    def prepare(self, subject: Subject) -> bytes:
        ready = super().prepare(subject)
        picture = subject.sample.picture
        if isinstance(picture, Image.Image):
            picture.putpixel((0, 0), tuple(255 - value for value in picture.getpixel((0, 0))))  # type: ignore[union-attr]
        return ready


class Fails(Tiny):
    def answer(self, batch: Sequence[bytes]) -> Sequence[Answer | EmosceneError]:
        raise MemoryError("too large")


@pytest.mark.parametrize(
    ("kind", "caught"),
    [
        (LeaksState, "the order of samples does not matter"),
        (LeaksState, "asked twice, answers the same"),
        (DependsOnBatch, "the batch does not matter"),
        (Noisy, "asked twice, answers the same"),
        (DependsOnLabelOrder, "the order of labels does not matter"),
        (OneBadSpoilsAll, "a bad sample harms no other"),
        (Paints, "samples are left as they were"),
        (Fails, "answers samples"),
    ],
)
def test_a_bad_recognizer_is_caught(kind: type[Tiny], caught: str) -> None:
    card = replace(CARD, uses_text=True)
    report = check_recognizer(lambda labels: kind(labels, card))
    assert caught in _failed(report)
    assert not report.ok


def test_a_label_order_that_matters_is_caught_alone() -> None:
    assert _failed(check_recognizer(DependsOnLabelOrder)) == {"the order of labels does not matter"}


def test_a_shared_iterator_is_caught() -> None:
    class SharesCursor(Tiny):
        """Keeps the stream in itself, so that a second call steals from the first."""

        def predict(self, samples: Iterable[Sample]) -> Iterator[Prediction]:
            self._stream = iter(samples)
            while (sample := next(self._stream, None)) is not None:
                yield from super().predict([sample])

    assert _failed(check_recognizer(SharesCursor)) == {"two streams do not mix"}


def test_an_empty_card_is_caught() -> None:
    silent = Card(name="tiny", summary=" ", licence="")
    assert "the card is complete" in _failed(check_recognizer(Tiny(label_space("ekman"), silent)))


def test_a_list_in_place_of_a_stream_is_caught() -> None:
    class Eager(Tiny):
        def predict(self, samples: Iterable[Sample]) -> Iterator[Prediction]:
            return list(super().predict(itertools.islice(samples, 40)))  # type: ignore[return-value]

    assert "lazy" in _failed(check_recognizer(Eager))


def test_the_tolerance_is_the_callers() -> None:
    class Rounds(Tiny):
        """Moves by 0.001 when it is asked alone."""

        def answer(self, batch: Sequence[bytes]) -> Sequence[Answer | EmosceneError]:
            moved = 0.001 if len(batch) == 1 else 0.0
            return [
                Answer({k: 0.9 * v + moved for k, v in self._scores(content).items()}, ScoreKind.YES_SHARE)
                for content in batch
            ]

    assert "the batch does not matter" in _failed(check_recognizer(Rounds))
    assert check_recognizer(Rounds, tolerance=0.01).ok


def test_own_samples_are_used_and_checked() -> None:
    own = drawn_samples()[:2]
    assert check_recognizer(Tiny, own).ok
    with pytest.raises(ValueError, match="at least two"):
        check_recognizer(Tiny, own[:1])
    with pytest.raises(ValueError, match="distinct ids"):
        check_recognizer(Tiny, [own[0], own[0]])


def test_the_table_shows_every_check() -> None:
    report = check_recognizer(Wrapped(_drop_third))
    console = Console(width=160, record=True, file=io.StringIO())
    report.show(console)
    shown = console.export_text()
    assert all(check.name in shown for check in report.checks)
    assert "failed" in shown


def test_drawn_samples_differ_and_lie_in_their_pictures() -> None:
    samples = drawn_samples()
    assert len({sample.picture.tobytes() for sample in samples}) == len(samples)
    for sample in samples:
        assert sample.box is not None
        assert sample.box == sample.box.clamp(*sample.picture.size)
        assert sample.text


def test_bad_samples_follow_what_the_card_says() -> None:
    words_only = replace(CARD, uses_picture=False, uses_text=True)
    assert all(bad.sample.picture is None for bad in bad_samples(words_only))
    assert all(bad.sample.text is None for bad in bad_samples(CARD))
    assert len({bad.sample.id for bad in bad_samples(words_only)}) == len(bad_samples(words_only))


@pytest.mark.parametrize("part", ["vad", "reason"])
def test_what_changes_beside_the_scores_is_found(part: str) -> None:
    """A recognizer whose levels or reasons depend on how often it was asked."""

    class Moody(stand_in.Brightness):
        asked = 0

        def _one(self, brightness: float) -> Answer:
            self.asked += 1
            answer = super()._one(brightness)
            if part == "reason":
                return replace(answer, reason=f"It is answer {self.asked}.")
            return replace(answer, vad=VAD(valence=1 + self.asked % 7, arousal=5, dominance=5))

    report = check_recognizer(Moody(label_space("ekman")))
    assert any("asked" in check.name for check in report.failed)
