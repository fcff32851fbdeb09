"""Decision rules as they are kept and applied: from raw scores to probabilities and a chosen set.

A row says which rules were applied (`rules_id`) and keeps its scores from before (`raw_scores`). The id is a hash of
the rules' content, so a file that was changed by hand is found out.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal, Self

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError, model_validator

from emoscene.errors import InputError, MissingFileError
from emoscene.scoring.calibrators import Bools, Floats
from emoscene.scoring.ruleset_parts import Calibration, Decision, Fitted, FittedOn, Frozen, why_not_fitted_on
from emoscene.types import Prediction, ScoreKind

__all__ = ["MEMBERSHIP_REASON", "Rules", "check_scores", "choose"]

_LARGEST_FILE: Final = 32 * 2**20
_REMEDY_FIT: Final = "Fit rules anew with: emoscene eval fit RUN --out RULES.json"
_BOUNDS: Final = dict.fromkeys((ScoreKind.PROBABILITY, ScoreKind.YES_SHARE, ScoreKind.ACTIVATION), (0.0, 1.0))
MEMBERSHIP_REASON: Final = (
    "scores of kind membership say 0 or 1, whether the model named a label: "
    "nothing lies between to calibrate or to cut"
)


class _Content(Frozen):
    schema_version: Literal["1"] = "1"
    fitted_on: FittedOn
    labels: tuple[str, ...]
    multi_label: bool
    calibration: Calibration
    decision: Decision
    fitted: dict[str, Fitted]

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        names = set(self.labels)
        if not names or len(names) != len(self.labels):
            raise ValueError("labels must be a list of different ids")
        cut = self.decision.kind != "top_k"
        for key, found, wanted in (
            ("calibration.maps", self.calibration.maps, self.calibration.kind != "none"),
            ("decision.thresholds", self.decision.thresholds, cut),
            ("fitted", self.fitted, True),
        ):
            if set(found) != (names if wanted else set()):
                raise ValueError(f"{key} must name {'every label' if wanted else 'no label'}")
        if (self.decision.k is None) != cut or (self.decision.k or 1) > len(names):
            raise ValueError(
                "decision.k must be a number from 1 to the number of labels with top_k, else null"
            )
        if not self.multi_label and (
            (self.decision.k or 1) != 1 or "always" in self.decision.thresholds.values()
        ):
            raise ValueError("rules of a space of single labels choose one label")
        if why := why_not_fitted_on(self.fitted_on.split):
            raise ValueError(f"fitted_on.split is {self.fitted_on.split!r}: {why}")
        if self.fitted_on.score_kind is ScoreKind.MEMBERSHIP:
            raise ValueError(f"fitted_on.score_kind: {MEMBERSHIP_REASON}")
        return self

    def content_id(self) -> str:
        """The first 12 hexadecimal digits of the content's SHA-256."""
        content = self.model_dump(mode="json", exclude={"id"})
        text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()[:12]


class Rules(_Content):
    """Calibration and decision for one model's scores in one label space. Made by `rules.fit_rules` or `Rules.load`.

    Attributes:
        id: A short hash of everything below.
        fitted_on: What they were fitted on.
        labels: The label ids, in the order of the columns of a score matrix.
        multi_label: Whether a person may get several labels, or none; otherwise everyone gets exactly one.
        calibration: What becomes of the scores.
        decision: What is chosen.
        fitted: What fitting saw of each label.
    """

    id: str

    @model_validator(mode="after")
    def _is_as_fitted(self) -> Self:
        if self.id != self.content_id():
            raise ValueError(
                f"id is {self.id!r} but the content hashes to {self.content_id()!r}: "
                "the rules were changed since they were fitted"
            )
        return self

    @classmethod
    def of(cls, **content: Any) -> Rules:
        """Rules with their id computed."""
        checked = _Content(**content)
        return cls(id=checked.content_id(), **dict(checked))

    # --- applying ---

    def apply(self, prediction: Prediction) -> Prediction:
        """The row with calibrated scores and the chosen labels, highest first. A row that is not `ok` is unchanged.

        `dominant` is the label with the highest score; in a space of single labels, the chosen one.

        Raises:
            InputError: if the row was decided already, or its label space, kind of score or labels are not those
                that the rules were fitted on.
        """
        return self.apply_many([prediction])[0]

    def apply_many(self, predictions: Iterable[Prediction]) -> list[Prediction]:
        """The same rows as `apply` one by one, in the same order, faster.

        Raises:
            InputError: for the first row that `apply` refuses; then no row is decided.
        """
        rows = list(predictions)
        answered = [row for row in rows if row.ok]
        for row in answered:
            self._check_row(row)
        raw = np.array([[row.scores[label] for label in self.labels] for row in answered], dtype=np.float64)
        calibrated, chosen = self.apply_to_matrix(raw.reshape(len(answered), len(self.labels)))
        decided = iter(map(self._decided, answered, calibrated.tolist(), chosen.tolist()))
        return [next(decided) if row.ok else row for row in rows]

    def _decided(self, row: Prediction, calibrated: list[float], chosen: list[bool]) -> Prediction:
        scores = dict(zip(self.labels, calibrated, strict=True))
        taken = dict(zip(self.labels, chosen, strict=True))
        ranked = sorted(self.labels, key=lambda label: -scores[label])
        labels = tuple(label for label in ranked if taken[label])
        return row.model_copy(
            update={
                "scores": scores,
                "score_kind": self.score_kind,
                "labels": labels,
                "dominant": ranked[0] if self.multi_label else labels[0],
                "rules_id": self.id,
                "raw_scores": dict(row.scores),
                "warnings": row.warnings + self._remarks(row),
            }
        )

    def apply_to_matrix(self, scores: npt.ArrayLike) -> tuple[Floats, Bools]:
        """Raw scores (n, k), columns in the order of `labels`, to calibrated scores and what is chosen, both (n, k).

        Raises:
            InputError: if the shape is another one, or a score is not finite or outside what its kind allows.
        """
        raw = check_scores(scores, self.labels, self.fitted_on.score_kind)
        calibrated = raw
        if self.calibration.kind != "none":
            feature = self.calibration.feature
            columns = [
                self.calibration.maps[label](raw[:, k], feature) for k, label in enumerate(self.labels)
            ]
            calibrated = np.stack(columns, axis=1)
        return calibrated, choose(calibrated, self.labels, self.decision, self.multi_label)

    @property
    def score_kind(self) -> ScoreKind:
        """What scores are after these rules: `probability` if they calibrate, else what they were."""
        return self.fitted_on.score_kind if self.calibration.kind == "none" else ScoreKind.PROBABILITY

    def _check_row(self, row: Prediction) -> None:
        if row.rules_id is not None:
            raise InputError(
                f"row {row.id!r} was decided already, by the rules {row.rules_id}",
                remedy="Apply rules to the rows of the run itself, which are never changed.",
            )
        if row.label_space != self.fitted_on.label_space:
            raise InputError(
                f"row {row.id!r} is of another label space than the rules {self.id} ({self.fitted_on.label_space})",
                value=row.label_space or "none",
                remedy=_REMEDY_FIT,
            )
        if row.score_kind is ScoreKind.MEMBERSHIP:
            raise InputError(
                f"row {row.id!r} cannot be decided by rules: {MEMBERSHIP_REASON}",
                remedy="Score this run without rules: its chosen labels stand in the rows.",
            )
        if row.score_kind is not None and row.score_kind is not self.fitted_on.score_kind:
            raise InputError(
                f"row {row.id!r} has another kind of score than the rules {self.id} ({self.fitted_on.score_kind})",
                value=row.score_kind,
                remedy=_REMEDY_FIT,
            )
        if set(row.scores) != set(self.labels):
            odd = sorted(set(row.scores) ^ set(self.labels))
            raise InputError(
                f"row {row.id!r} does not have a score for each of the {len(self.labels)} labels and no other",
                value=", ".join(odd),
                remedy="Rules need a score for every label of the space.",
            )

    def _remarks(self, row: Prediction) -> tuple[str, ...]:
        if row.model == self.fitted_on.model:
            return ()
        return (f"the rules {self.id} were fitted on scores of another model: {self.fitted_on.model}",)

    # --- keeping ---

    def to_json(self) -> str:
        """Indented JSON, the id first."""
        content = self.model_dump(mode="json")
        return json.dumps({"id": content.pop("id"), **content}, indent=2, allow_nan=False) + "\n"

    def save(self, path: str | Path) -> None:
        """Write a JSON file, whole or not at all.

        Raises:
            InputError: if it cannot be written.
        """
        file = Path(path)
        try:
            part = file.with_name(f".{file.name}.{secrets.token_hex(8)}.part")
            try:
                with part.open("x", encoding="utf-8") as stream:
                    stream.write(self.to_json())
                    stream.flush()
                    os.fsync(stream.fileno())
                os.replace(part, file)
            finally:
                part.unlink(missing_ok=True)
        except OSError as error:
            raise InputError(
                f"the rules cannot be written ({(error.strerror or 'unknown reason').lower()})",
                value=path,
                remedy="Name a file in a folder that exists and can be written to.",
            ) from None

    @classmethod
    def load(cls, path: str | Path) -> Rules:
        """Read a file that `save` wrote.

        Raises:
            MissingFileError: if there is no such file.
            InputError: if it is no rules file, names the key; or was changed since it was fitted.
        """
        data = _bytes(Path(path))
        try:
            text = data.decode("utf-8-sig")
            json.loads(text, object_pairs_hook=_once, parse_constant=_no_constant)
        except _FaultyKey as fault:
            raise _no_rules(path, str(fault)) from None
        except (ValueError, RecursionError):
            raise _no_rules(path, "it is not JSON") from None
        try:
            return cls.model_validate_json(text, strict=True)
        except ValidationError as error:
            raise _no_rules(path, _first(error)) from None

    # --- reading ---

    def describe(self) -> list[str]:
        """Lines for people: what the rules are, what they were fitted on, and a table of the labels."""
        on, decision = self.fitted_on, self.decision
        how: str = decision.kind
        if decision.k is not None:
            how += f", k = {decision.k}"
        if decision.shrinkage is not None:
            how += f", shrinkage {decision.shrinkage:g}"
        width = max(len("label"), *(len(label) for label in self.labels))
        lines = [
            f"rules {self.id}: calibration {self.calibration.kind}, decision {how}",
            f"fitted on {on.dataset}/{on.split}, {on.people} people, {on.score_kind} scores of {on.model}, "
            f"label space {on.label_space}",
            f"{'label':<{width}}  {'threshold':>10}  {'positives':>9}  {'chosen':>7}  {'hits':>7}  notes",
        ]
        for label in self.labels:
            seen = self.fitted[label]
            cut = decision.thresholds.get(label, "-")
            shown = cut if isinstance(cut, str) else f"{cut:.4g}"
            lines.append(
                f"{label:<{width}}  {shown:>10}  {seen.positives:>9}  {seen.chosen:>7}  {seen.hits:>7}  "
                f"{'; '.join(seen.notes)}".rstrip()
            )
        return lines


def choose(scores: Floats, labels: Sequence[str], decision: Decision, multi_label: bool) -> Bools:
    """What a decision chooses from (calibrated) scores (n, k), shape (n, k). Equal scores: the earlier label first.

    In a space of single labels, thresholds choose the label whose score lies highest above its own; a label that is
    never chosen is taken only where all are such.
    """
    chosen = np.zeros(scores.shape, dtype=np.bool_)
    if decision.k is not None:
        first = np.argsort(-scores, axis=1, kind="stable")[:, : decision.k]
        np.put_along_axis(chosen, first, True, axis=1)
        return chosen
    cuts = np.array([_cut(decision.thresholds[label]) for label in labels])
    if multi_label:
        return scores >= cuts
    margins = scores - cuts if np.isfinite(cuts).any() else scores
    chosen[np.arange(len(scores)), margins.argmax(axis=1)] = True
    return chosen


def _cut(threshold: float | Literal["always", "never"]) -> float:
    if isinstance(threshold, str):
        return -np.inf if threshold == "always" else np.inf
    return threshold


def check_scores(scores: npt.ArrayLike, labels: Sequence[str], kind: ScoreKind) -> Floats:
    """The scores as float64 of shape (n, k), if they are that, finite, and what their kind allows."""
    values = np.ascontiguousarray(scores, dtype=np.float64)
    if values.ndim != 2 or values.shape[1] != len(labels):
        raise InputError(
            f"scores need the shape (people, {len(labels)})",
            value=values.shape,
            remedy="One row a person, one column a label, in the order of the label space.",
        )
    low, high = _BOUNDS.get(kind, (-np.inf, np.inf))
    bad = ~np.isfinite(values) | (values < low) | (values > high)
    if bad.any():
        row, column = np.argwhere(bad)[0]
        raise InputError(
            f"row {row}, label {labels[column]!r}: not a score of kind {kind}",
            value=values[row, column],
            remedy="Leave out people without an answer; "
            + ("scores lie from 0 to 1." if np.isfinite(low) else "scores are finite numbers."),
        )
    return values


def _bytes(file: Path) -> bytes:
    try:
        if not file.is_file():
            raise MissingFileError("there is no such rules file", value=file, remedy=_REMEDY_FIT)
        with file.open("rb") as stream:
            data = stream.read(_LARGEST_FILE + 1)
    except OSError as error:
        raise InputError(
            f"the rules cannot be read ({(error.strerror or 'unknown reason').lower()})",
            value=file,
            remedy="Check the path and its permissions.",
        ) from None
    if len(data) > _LARGEST_FILE:
        raise InputError(
            "the file is too large to hold rules", value=file, remedy=f"The limit is {_LARGEST_FILE} bytes."
        )
    return data


class _FaultyKey(Exception):
    pass


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise _FaultyKey(f"the key {key[:60]!r} stands twice")
        found[key] = value
    return found


def _no_constant(text: str) -> float:
    raise _FaultyKey(f"{text} is no number")


def _first(error: ValidationError) -> str:
    first: Mapping[str, Any] = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    message = str(first["msg"]).removeprefix("Value error, ")
    return f"{where}: {message}" if where else message


def _no_rules(path: str | Path, why: str) -> InputError:
    return InputError(f"this is no usable rules file ({why})", value=path, remedy=_REMEDY_FIT)
