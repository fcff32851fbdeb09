"""Losses against plain transcriptions of their formulas, and against what they promise."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
import torch
from pydantic import TypeAdapter, ValidationError
from torch import Tensor

from emoscene.errors import OptionError
from emoscene.training.losses import (
    Asymmetric,
    Bce,
    ClassBalanced,
    LabelCounts,
    LogitAdjusted,
    Loss,
    WeightedEuclidean,
    asymmetric,
    check_parts,
    effective_weights,
    euclidean_weights,
    label_loss,
    level_loss,
)

Array = npt.NDArray[np.float64]
COUNTS = LabelCounts(np.array([900.0, 40.0, 3.0, 0.0]), 1000)
ALL: list[Loss] = [
    Bce(), Asymmetric(), Asymmetric(gamma_positive=0, gamma_negative=2, margin=0), ClassBalanced(),
    ClassBalanced(weighs="positives"), WeightedEuclidean(), WeightedEuclidean(weights="batch"), LogitAdjusted(),
]  # fmt: skip


def drawn(soft: bool = True) -> tuple[Tensor, Tensor]:
    rng = np.random.default_rng(4)
    logits = torch.tensor(rng.normal(0, 3, (6, 4)), dtype=torch.float64, requires_grad=True)
    targets = rng.random((6, 4))
    return logits, torch.tensor(targets if soft else targets > 0.6, dtype=torch.float64)


def by_hand(cell: Callable[[float, float, int], float]) -> Array:
    """Loops in place of tensors: the mean over labels of a formula of one probability, target and label."""
    logits, targets = drawn()
    rows = [
        [
            cell(1 / (1 + math.exp(-z)), y, k)
            for k, (z, y) in enumerate(zip(logit.tolist(), target.tolist(), strict=True))
        ]
        for logit, target in zip(logits, targets, strict=True)
    ]
    return np.array([sum(row) / len(row) for row in rows])


def found(loss: Loss, counts: LabelCounts = COUNTS) -> Array:
    logits, targets = drawn()
    return label_loss(loss, counts)(logits, targets).detach().numpy()


def cross_entropy(p: float, y: float) -> float:
    return -(y * math.log(p) + (1 - y) * math.log(1 - p))


def test_binary_cross_entropy() -> None:
    assert found(Bce()) == pytest.approx(by_hand(lambda p, y, k: cross_entropy(p, y)))


@pytest.mark.parametrize(("plus", "minus", "margin"), [(0, 4, 0.05), (1, 4, 0.05), (2, 1, 0), (1.5, 2, 0.2)])
def test_asymmetric_loss(plus: float, minus: float, margin: float) -> None:
    def cell(p: float, y: float, k: int) -> float:
        q = max(p - margin, 0)
        return float(-y * (1 - p) ** plus * math.log(p) - (1 - y) * q**minus * math.log(1 - q))

    loss = Asymmetric(gamma_positive=plus, gamma_negative=minus, margin=margin)
    assert found(loss) == pytest.approx(by_hand(cell))


def test_without_focus_and_margin_the_asymmetric_loss_is_cross_entropy() -> None:
    assert found(Asymmetric(gamma_positive=0, gamma_negative=0, margin=0)) == pytest.approx(found(Bce()))


def test_what_is_plainly_absent_costs_nothing() -> None:
    logits = torch.tensor([[-3.0, -2.0]], requires_grad=True)
    cost = asymmetric(logits, torch.zeros(1, 2), margin=0.05)
    cost.sum().backward()  # type: ignore[no-untyped-call]
    assert cost[0, 0] == 0 < cost[0, 1]
    assert logits.grad is not None
    assert logits.grad[0, 0] == 0 < logits.grad[0, 1]


def test_class_balanced_loss() -> None:
    weights = [(1 - 0.999) / (1 - 0.999**n) for n in (900, 40, 3, 1)]
    weights = [w * 4 / sum(weights) for w in weights]
    assert effective_weights(COUNTS.counts, 0.999) == pytest.approx(weights)
    assert found(ClassBalanced()) == pytest.approx(by_hand(lambda p, y, k: weights[k] * cross_entropy(p, y)))
    assert found(ClassBalanced(weighs="positives")) == pytest.approx(
        by_hand(lambda p, y, k: -weights[k] * y * math.log(p) - (1 - y) * math.log(1 - p))
    )


def test_effective_numbers_lie_between_no_weights_and_inverse_counts() -> None:
    assert effective_weights([900, 40, 3], 0) == pytest.approx([1, 1, 1])
    inverse = np.array([1 / 900, 1 / 40, 1 / 3])
    assert effective_weights([900, 40, 3], 1 - 1e-9) == pytest.approx(inverse * 3 / inverse.sum(), rel=1e-4)


def test_weighted_euclidean_loss() -> None:
    weights = [1 / math.log(1.2 + n / 1000) for n in (900, 40, 3, 0)]
    assert euclidean_weights(COUNTS.prior) == pytest.approx(weights)
    assert found(WeightedEuclidean()) == pytest.approx(by_hand(lambda p, y, k: weights[k] * (p - y) ** 2))
    own = [1 / math.log(1.2 + p) for p in drawn()[1].mean(dim=0).tolist()]
    assert found(WeightedEuclidean(weights="batch")) == pytest.approx(
        by_hand(lambda p, y, k: own[k] * (p - y) ** 2)
    )


def test_logit_adjusted_loss() -> None:
    shifts = [2 * math.log((n + 0.5) / (1000 - n + 0.5)) for n in (900, 40, 3, 0)]

    def cell(p: float, y: float, k: int) -> float:
        z = math.log(p / (1 - p)) + shifts[k]
        return cross_entropy(1 / (1 + math.exp(-z)), y)

    assert found(LogitAdjusted(tau=2)) == pytest.approx(by_hand(cell))


def test_an_adjusted_model_scores_as_if_labels_were_equally_frequent() -> None:
    """Without anything to see, the best output is the log-odds of one half."""
    targets = torch.tensor([[1.0]] * 3 + [[0.0]] * 97)
    logit = torch.zeros(1, requires_grad=True)
    loss = label_loss(LogitAdjusted(), LabelCounts.of(targets))
    for _ in range(300):
        (slope,) = torch.autograd.grad(loss(logit.expand(100, 1), targets).mean(), logit)
        logit = (logit - 5 * slope).detach().requires_grad_()
    assert logit.detach() == pytest.approx(0.0, abs=0.15)


@pytest.mark.parametrize("loss", ALL, ids=repr)
def test_soft_targets_lie_between_hard_ones(loss: Loss) -> None:
    """Linear in the target where the formula is: halfway between yes and no is the mean of both. A squared error is
    smallest at its target instead."""
    logits, _ = drawn()
    function = label_loss(loss, COUNTS)
    no, half, yes = (function(logits, torch.full_like(logits, y)).detach() for y in (0.0, 0.5, 1.0))
    if isinstance(loss, WeightedEuclidean):
        right = torch.tensor([[0.3, 0.7, 0.5, 0.1]], dtype=torch.float64)
        assert function(right.logit(), right).item() == pytest.approx(0, abs=1e-12)
    else:
        assert half.numpy() == pytest.approx(((no + yes) / 2).numpy())


@pytest.mark.parametrize("loss", ALL, ids=repr)
@pytest.mark.parametrize("size", [80.0, 300.0])
def test_extreme_logits_have_finite_losses_and_gradients(loss: Loss, size: float) -> None:
    logits = torch.tensor([[size, -size, size, -size]], requires_grad=True)
    cost = label_loss(loss, COUNTS)(logits, torch.tensor([[0.0, 1.0, 1.0, 0.0]]))
    cost.sum().backward()  # type: ignore[no-untyped-call]
    assert torch.isfinite(cost).all()
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()


@pytest.mark.parametrize("loss", [one for one in ALL if one != WeightedEuclidean(weights="batch")], ids=repr)
def test_a_persons_loss_does_not_depend_on_the_others(loss: Loss) -> None:
    logits, targets = drawn()
    function = label_loss(loss, COUNTS)
    alone = torch.cat([function(logits[i : i + 1], targets[i : i + 1]) for i in range(6)])
    assert torch.equal(alone, function(logits, targets))


@pytest.mark.parametrize("loss", ALL, ids=repr)
def test_gradients_are_those_of_the_loss(loss: Loss) -> None:
    logits, targets = drawn()
    assert torch.autograd.gradcheck(lambda z: label_loss(loss, COUNTS)(z, targets), logits)


def test_weights_of_a_batch_need_the_batch_as_a_whole() -> None:
    check_parts(WeightedEuclidean(weights="batch"), batch=8, at_once=8)
    check_parts(WeightedEuclidean(), batch=8, at_once=2)
    with pytest.raises(OptionError, match="at_once 2, batch 8"):
        check_parts(WeightedEuclidean(weights="batch"), batch=8, at_once=2)


def test_recipes_name_a_loss_and_its_fields() -> None:
    read: TypeAdapter[Loss] = TypeAdapter(Loss)
    assert read.validate_python({"kind": "asymmetric", "margin": 0.1}) == Asymmetric(margin=0.1)
    for wrong in (
        {"kind": "bce", "margin": 0.1},
        {"kind": "focal"},
        {"kind": "asymmetric", "gamma_negative": 0.5},
    ):
        with pytest.raises(ValidationError):
            read.validate_python(wrong)


def test_levels_that_nobody_gave_cost_nothing() -> None:
    nan = float("nan")
    targets = torch.tensor([[0.5, 0.5, 0.5], [nan, nan, nan], [nan, 0.2, nan]])
    outputs = torch.tensor([[0.5, 0.9, 0.55], [0.1, 0.9, 0.3], [0.0, 0.25, 0.9]], requires_grad=True)
    cost = level_loss(outputs, targets)
    small = 0.05**2 / 0.2  # Below 0.1 the square over twice 0.1, above it the error less half of 0.1.
    assert cost.detach().numpy() == pytest.approx([(0.35 + small) / 3, 0, small], abs=1e-6)
    cost.sum().backward()  # type: ignore[no-untyped-call]
    assert outputs.grad is not None
    assert torch.isfinite(outputs.grad).all()
    assert not outputs.grad[1].any()
