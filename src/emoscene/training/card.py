"""The model card of a run: what was trained, on whom, how it does, and what it must not be used for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from emoscene.training.folder import RunFolder

__all__ = ["CLOSING", "write_card"]

#: How every card of a fine-tuned model ends.
CLOSING = """## Limits

- It says what people would *read into* the scene, which is not what the person feels. Annotators disagree with each
  other; so would you with it.
- It inherits what the base model and the data hold of prejudice. Compare groups before using it on people.
- It was judged on one dataset. Other pictures, cultures, ages and situations may go worse, unnoticed.
- In the European Union, inferring emotions of people at work and in education is prohibited by the AI Act (Article 5),
  and elsewhere it is a high-risk use that people must be told of (Article 50). It is no basis for decisions about
  anybody.

## Repeat it

`emoscene train recipe.yaml --out ANOTHER` with the recipe, versions and hashes of the data that `manifest.json` keeps.
"""

_CARD = """\
# {name}

{what}, fine-tuned with emoscene to say how a person in a scene *apparently* feels.

| | |
|---|---|
| base model | `{base}` |
| trained | {trained:,} of {parameters:,} numbers ({kind}), {steps:,} steps{early} |
| people trained on | {train:,} of `{dataset}`, split `{split}`{variant} |
| people who judged | {val:,} of split `{val_split}` ({leaked} whose pictures were trained on left out) |
| labels | `{labels}` |
| answers with | {answers} |
| seed | {seed} |

## Figures

On the people who judged during training, which chose the weights: they flatter. Judge it on people it never met:
`emoscene eval run --dataset {dataset} --root ROOT --split test --model RUN --out OUT`, then `emoscene eval score OUT`.

{figures}

`mean_ap` is the mean average precision over the labels that somebody has, `macro_f1` that of the sets chosen by
default, `answered` the share of people who got an answer.

## Ask it

`emoscene analyze PICTURE --box X1,Y1,X2,Y2 --model RUN`. `{asked}` says how it is asked; options given by hand win.

## Licence

The weights are derived from `{base}`, whose licence goes on for them. The data: {licence}

"""


def write_card(folder: RunFolder, recipe: Any, about: Mapping[str, Any]) -> None:
    """Write MODEL_CARD.md of a finished run.

    Args:
        folder: The run.
        recipe: Its recipe.
        about: `what`, `base`, `licence`, `rehearsal`, `data` and `fitted` as the manifest has them.
    """
    rehearsal, data, fitted = about["rehearsal"], about["data"], about["fitted"]
    variant = data["dataset"]["variant"]
    text = (_CARD + CLOSING).format(
        name=recipe.name, what=about["what"], base=about["base"], kind=recipe.kind,
        trained=rehearsal["trained"], parameters=rehearsal["parameters"], steps=fitted["steps"],
        early=" (ended early)" if fitted["stopped_early"] else "", train=rehearsal["train"], val=rehearsal["val"],
        dataset=data["dataset"]["name"], split=recipe.data.train, val_split=recipe.data.val or "none",
        variant=f" ({variant})" if variant else "", leaked=data["val"]["leaked_and_left_out"],
        labels=data["dataset"]["label_space"], answers=_ANSWERS[recipe.target.answer], seed=recipe.seed,
        figures=_figures(fitted), licence=about["licence"], asked="model/emoscene-run.json",
    )  # fmt: skip
    (folder.path / "MODEL_CARD.md").write_text(text, "utf-8")


_ANSWERS = {
    "label_list": "a list of labels, written after the paper's prompt (scores are 0 and 1)",
    "yes_no": "the share of yes to one question a label (no probability until rules are fitted)",
}


def _figures(fitted: Mapping[str, Any]) -> str:
    if not fitted["first"]:
        return "Nobody judged."
    lines = [f"| | before training | after {fitted['best_step']} steps |", "|---|---|---|"]
    for name, before in fitted["first"].items():
        lines.append(f"| {name} | {before:.3f} | {fitted['best'][name]:.3f} |")
    return "\n".join(lines)
