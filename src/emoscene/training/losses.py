"""Losses of k labels that may hold together, and of valence, arousal and dominance.

    bce                 binary cross-entropy
    asymmetric          Ridnik et al., "Asymmetric Loss For Multi-Label Classification", ICCV 2021
    class_balanced      Cui et al., "Class-Balanced Loss Based on Effective Number of Samples", CVPR 2019
    weighted_euclidean  Kosti et al., "Context Based Emotion Recognition Using EMOTIC Dataset", PAMI 2019
    logit_adjusted      Menon et al., "Long-tail learning via logit adjustment", ICLR 2021

All take soft targets, from 0 to 1: a term for "yes" counts by the target, one for "no" by the rest. All give one
number a person, the mean over the labels, so that a step's loss does not depend on how it is divided.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from emoscene.errors import OptionError
from emoscene.training.recipe import Part

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "Asymmetric", "Bce", "ClassBalanced", "LabelCounts", "LabelLoss", "LogitAdjusted", "Loss", "WeightedEuclidean",
    "asymmetric", "bce", "check_parts", "effective_weights", "euclidean_weights", "label_loss", "level_loss",
    "weighted_euclidean",
]  # fmt: skip

Floats = npt.NDArray[np.float64]
#: (logits (n, k), targets (n, k)) -> (n,)
LabelLoss = Callable[["Tensor", "Tensor"], "Tensor"]


class Bce(Part):
    """Binary cross-entropy."""

    kind: Literal["bce"] = "bce"


class Asymmetric(Part):
    """Fewer worries about what is plainly absent.

    Attributes:
        gamma_positive, gamma_negative: How much an easy yes, and an easy no, is played down; 0, or from 1 on.
        margin: A label that is absent and scored below this costs nothing.
    """

    kind: Literal["asymmetric"] = "asymmetric"
    gamma_positive: float = Field(default=1.0, ge=0)
    gamma_negative: float = Field(default=4.0, ge=0)
    margin: float = Field(default=0.05, ge=0, lt=1)

    @model_validator(mode="after")
    def _has_gradients(self) -> Asymmetric:
        if any(0 < gamma < 1 for gamma in (self.gamma_positive, self.gamma_negative)):
            raise ValueError("between 0 and 1 a gamma has no gradient at 0: use 0, or 1 and more")
        return self


class ClassBalanced(Part):
    """Binary cross-entropy with a weight a label, by how many different examples of it there effectively are.

    Attributes:
        beta: The nearer to 1, the nearer the weights come to the inverse of the counts; 0: none.
        weighs: `label`: both terms of a label, as in the paper. `positives`: only those for "yes".
    """

    kind: Literal["class_balanced"] = "class_balanced"
    beta: float = Field(default=0.999, ge=0, lt=1)
    weighs: Literal["label", "positives"] = "label"


class WeightedEuclidean(Part):
    """Squared error of sigmoids, weighted with 1 / ln(c + p) where p is how often a label comes.

    Attributes:
        c: Bounds the weights: the rarest label gets about 1 / ln(c).
        weights: Whether p is that of the training data, or of the people whose loss is taken together. The authors
            found `batch` better; the parts of a step are then different from the whole, so that `at_once` must be
            `batch` in the schedule.
    """

    kind: Literal["weighted_euclidean"] = "weighted_euclidean"
    c: float = Field(default=1.2, gt=1)
    weights: Literal["data", "batch"] = "data"


class LogitAdjusted(Part):
    """Binary cross-entropy of logits plus `tau` times the log-odds of the label's frequency.

    What the model itself puts out is then as if all labels were equally frequent: the level of each label moves, the
    order in which a label ranks people hardly does.
    """

    kind: Literal["logit_adjusted"] = "logit_adjusted"
    tau: float = Field(default=1.0, ge=0)


#: The field `loss` of a recipe.
Loss = Annotated[
    Bce | Asymmetric | ClassBalanced | WeightedEuclidean | LogitAdjusted, Field(discriminator="kind")
]


@dataclass(frozen=True)
class LabelCounts:
    """How often each of k labels is named (soft ones by their share) among `people` of the training data."""

    counts: Floats
    people: int

    @classmethod
    def of(cls, targets: npt.ArrayLike) -> LabelCounts:
        """Those of targets, shape (n, k)."""
        rows = np.asarray(targets, np.float64)
        return cls(rows.sum(axis=0), len(rows))

    @property
    def prior(self) -> Floats:
        """Shares, shape (k,); 0 without people."""
        return self.counts / max(1, self.people)


def label_loss(loss: Loss, counts: LabelCounts) -> LabelLoss:
    """The function of a recipe's loss, from logits and targets (n, k) to one number a person (n,)."""
    if isinstance(loss, Asymmetric):
        return lambda logits, targets: asymmetric(
            logits, targets, loss.gamma_positive, loss.gamma_negative, loss.margin
        ).mean(dim=1)
    if isinstance(loss, ClassBalanced):
        return _class_balanced(loss, counts)
    if isinstance(loss, WeightedEuclidean):
        return _euclidean(loss, counts)
    if isinstance(loss, LogitAdjusted):
        return _adjusted(loss, counts)
    return lambda logits, targets: bce(logits, targets).mean(dim=1)


def check_parts(loss: Loss, *, batch: int, at_once: int) -> None:
    """Refuse a division into parts that would change the loss.

    Raises:
        OptionError: if weights are taken of a batch that is not seen as a whole.
    """
    if isinstance(loss, WeightedEuclidean) and loss.weights == "batch" and at_once < batch:
        raise OptionError(
            "the loss takes its weights from a whole batch, and the batch is divided",
            value=f"at_once {at_once}, batch {batch}",
            remedy="Let at_once be as large as batch, or use weights: data.",
        )


def bce(logits: Tensor, targets: Tensor) -> Tensor:
    """Binary cross-entropy, elementwise."""
    from torch.nn.functional import binary_cross_entropy_with_logits

    return binary_cross_entropy_with_logits(logits, targets, reduction="none")


def asymmetric(
    logits: Tensor,
    targets: Tensor,
    gamma_positive: float = 1.0,
    gamma_negative: float = 4.0,
    margin: float = 0.05,
) -> Tensor:
    """The asymmetric loss, elementwise, with gradients through the focusing terms too.

    -y (1-p)^g+ log p - (1-y) q^g- log(1-q), where q = max(p - margin, 0).
    """
    from torch.nn.functional import logsigmoid

    p, rest = logits.sigmoid(), (-logits).sigmoid()
    shifted = (p - margin).clamp(min=0)
    log_no = logsigmoid(-logits) if margin == 0 else (-shifted).log1p()
    yes = rest.pow(gamma_positive) * logsigmoid(logits)
    no = shifted.pow(gamma_negative) * log_no
    return -(targets * yes + (1 - targets) * no)


def effective_weights(counts: npt.ArrayLike, beta: float) -> Floats:
    """One weight a label, their mean 1 (Cui et al. 2019): (1 - beta) / (1 - beta^n).

    A label of which there is not one example weighs as one with a single example.
    """
    n = np.maximum(1.0, np.asarray(counts, np.float64))
    weights = (1 - beta) / (1 - beta**n)
    return np.asarray(weights * (len(weights) / weights.sum()))


def euclidean_weights(prior: npt.ArrayLike, c: float = 1.2) -> Floats:
    """One weight a label: 1 / ln(c + p) (Kosti et al. 2019)."""
    return np.asarray(1 / np.log(c + np.asarray(prior, np.float64)))


def weighted_euclidean(outputs: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """Weighted squared error, elementwise; `outputs` as they are, `weights` (k,)."""
    return weights * (outputs - targets).square()


def level_loss(outputs: Tensor, targets: Tensor, beta: float = 0.1) -> Tensor:
    """The smooth L1 loss of levels from 0 to 1, (n, 3) to (n,), mean over what is known; 0 where nothing is.

    Kosti et al. 2019 use it for valence, arousal and dominance. Errors up to `beta`, about a level of ten, count as
    their square.
    """
    from torch.nn.functional import smooth_l1_loss

    known = ~targets.isnan()
    errors = smooth_l1_loss(outputs, targets.nan_to_num().to(outputs.dtype), reduction="none", beta=beta)
    return (errors * known).sum(dim=1) / known.sum(dim=1).clamp(min=1)


def _class_balanced(loss: ClassBalanced, counts: LabelCounts) -> LabelLoss:
    weights = effective_weights(counts.counts, loss.beta)

    def balanced(logits: Tensor, targets: Tensor) -> Tensor:
        weight = logits.new_tensor(weights)
        if loss.weighs == "label":
            return (weight * bce(logits, targets)).mean(dim=1)
        from torch.nn.functional import binary_cross_entropy_with_logits

        return binary_cross_entropy_with_logits(logits, targets, pos_weight=weight, reduction="none").mean(
            dim=1
        )

    return balanced


def _euclidean(loss: WeightedEuclidean, counts: LabelCounts) -> LabelLoss:
    of_data = euclidean_weights(counts.prior, loss.c)

    def euclidean(logits: Tensor, targets: Tensor) -> Tensor:
        if loss.weights == "batch":
            weights = 1 / (loss.c + targets.mean(dim=0)).log()
        else:
            weights = logits.new_tensor(of_data)
        return weighted_euclidean(logits.sigmoid(), targets, weights).mean(dim=1)

    return euclidean


def _adjusted(loss: LogitAdjusted, counts: LabelCounts) -> LabelLoss:
    people = max(1, counts.people)
    # A label that nobody or everybody has would have no finite odds: half a person is added on both sides.
    prior = (counts.counts + 0.5) / (people + 1)
    shift = loss.tau * np.array([math.log(p / (1 - p)) for p in prior])

    return lambda logits, targets: bce(logits + logits.new_tensor(shift), targets).mean(dim=1)
