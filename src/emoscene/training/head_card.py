"""The model card of a trained head."""

from __future__ import annotations

from emoscene.networks.head import About
from emoscene.training.card import CLOSING
from emoscene.training.data import People
from emoscene.training.folder import RunFolder
from emoscene.training.head_recipe import Recipe
from emoscene.training.head_task import Gathered
from emoscene.training.loop import Fitted

__all__ = ["write_card"]

_CARD = """\
# {name}

A head on frozen features of a model, trained with emoscene to say how a person in a scene *apparently* feels.

| | |
|---|---|
| base model | `{base}`, unchanged |
| features | {width:,} numbers a person: `{features}` |
| head | {shape}, loss `{loss}`, {steps:,} steps{early} |
| people trained on | {train:,} of `{dataset}`, split `{split}`{variant}{balanced} |
| people who judged | {val:,} of split `{val_split}` ({leaked} whose pictures were trained on left out) |
| labels | `{labels}` |
| seed | {seed} |

## Figures

On the people who judged during training, which chose the weights: they flatter. Judge it on people it never met:
`emoscene eval run --dataset {dataset} --root ROOT --split test --model RUN --out OUT`, then `emoscene eval score OUT`.

{figures}

`mean_ap` is the mean average precision over the labels that somebody has, `macro_f1` that of the six highest scores (of
the highest, where one label holds), `vad_mae` the mean absolute error of valence, arousal and dominance, in levels of 1
to 10.

## Ask it

`emoscene analyze PICTURE --box X1,Y1,X2,Y2 --model RUN`. Scores are sigmoids of the head's outputs: they rank people,
and are no probabilities before `emoscene eval fit` on people whom the head was not trained on.

## Licence

Features come from `{base}`, whose licence goes on for what is made with it. The data: {licence}

"""


def write_card(
    folder: RunFolder, recipe: Recipe, people: People, gathered: Gathered, about: About, fitted: Fitted
) -> None:
    """Write MODEL_CARD.md of a finished run."""
    dataset = people.dataset
    text = (_CARD + CLOSING).format(
        name=recipe.name, base=about.base, width=about.width, features=about.features, loss=recipe.loss.kind,
        shape=f"one hidden layer of {recipe.hidden}" if recipe.hidden else "linear", steps=fitted.steps,
        early=" (ended early)" if fitted.stopped_early else "", train=len(gathered.people.train),
        dataset=dataset.facts.name, split=recipe.data.train, variant=f" ({dataset.variant})" if dataset.variant else "",
        balanced=", those with rare labels several times" if people.balanced else "", val=len(gathered.people.val),
        val_split=recipe.data.val or "none", leaked=people.leaked, labels=people.labels.name, seed=recipe.seed,
        figures=_figures(fitted), licence=dataset.facts.licence,
    )  # fmt: skip
    (folder.path / "MODEL_CARD.md").write_text(text, "utf-8")


def _figures(fitted: Fitted) -> str:
    if not fitted.first:
        return "Nobody judged."
    lines = [f"| | before training | after {fitted.best_step} steps |", "|---|---|---|"]
    for name, before in fitted.first.items():
        lines.append(f"| {name} | {before:.3f} | {fitted.best.get(name, float('nan')):.3f} |")
    return "\n".join(lines)
