"""Put a trained run into the package: weights, graph, figures and the model card.

python -m benchmarks.embedded --run runs/embedded --reference DATA --json figures.json
python scripts/ship_embedded.py runs/embedded figures.json
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import yaml

from emoscene import embedded
from emoscene.recognizers.notes import NOTES_FILE, ModelNotes, read_notes

_FILES = (
    "config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "processor_config.json",
    "chat_template.jinja", "generation_config.json", "domain.npz", NOTES_FILE,
)  # fmt: skip


def main(run: Path, figures_file: Path) -> None:
    """Copy the run's files and write its figures into the notes and the card."""
    figures: list[dict[str, Any]] = json.loads(figures_file.read_text("utf-8"))
    target = embedded.model_folder()
    target.mkdir(parents=True, exist_ok=True)
    for name in _FILES:
        shutil.copyfile(run / "model" / name, target / name)
    shutil.copyfile(run / "graph.onnx", embedded.graph_file())
    notes = read_notes(target)
    if notes is None:
        raise SystemExit(f"{run} has no {NOTES_FILE}: let the training finish first")
    with_figures = notes.model_copy(update={"figures": {f["name"]: shown(f) for f in figures}})
    (target / NOTES_FILE).write_text(with_figures.model_dump_json(indent=2) + "\n", "utf-8")
    recipe = yaml.safe_load((run / "recipe.yaml").read_text("utf-8"))
    embedded.card_file().write_text(card(with_figures, recipe, figures), "utf-8")


def shown(figure: dict[str, Any]) -> str:
    """A figure with its interval, as in `0.512 (0.489 to 0.534)`."""
    value = f"{figure['value']:.3f}"
    return value if figure["low"] is None else f"{value} ({figure['low']:.3f} to {figure['high']:.3f})"


def card(notes: ModelNotes, recipe: dict[str, Any], figures: list[dict[str, Any]]) -> str:
    """The model card, Markdown."""
    tower, language = recipe["tower_stage"], recipe["language_stage"]
    rows = "\n".join(
        f"| {f['name']} | {shown(f)} | {f['bar']} | {'' if f['held'] is None else 'met' if f['held'] else 'missed'} |"
        for f in figures
    )
    return f"""# {notes.name}

{notes.summary}
It answers, for the person in the box of a drawn scene, a share of yes for each of EMOTIC's 26 categories, valence,
arousal and dominance, a caption and a reason. Emotion is *apparent*: what the picture suggests
to an observer, not what anybody feels.

It ships so that every path of emoscene can be run, tested and understood without a download. **It knows drawn scenes
only.** Photographs and other drawings get `out_of_domain`; for them, pull a model for photographs.

## Data

{notes.data}
Labels follow a written appraisal table (`docs/scenes.md`); the training targets are the exact chances
that a label holds given what the picture shows (as the votes of very many annotators would give them), or given what
the person feels where words go along. {tower["painted_share"]:.0%} of the pictures have their context or their person
painted over, and {tower["moved_share"]:.0%} of the scenes are moved to a setting where their event never happens (in no
split), which is not one of the new combinations.

## Training

`emoscene train embedded --out runs/embedded`, seed {recipe["seed"]}:
{tower["people"]:,} people for the tower with throw-away heads on dense targets, then {language["people"]:,} people for
the whole on packed questions, captions and reasons. On two CPU cores. Weights are stored in half precision, once as
safetensors and once as ONNX; both runtimes compute in single precision and agree to 1e-4.

## Figures

On held-out people of a seed that training never used, split `test`, at events in settings that training saw together;
`new_combinations` and the other names before a colon are controlled splits (`docs/scenes.md`). 95 % bootstrap intervals
over pictures or pairs; AP is the step-wise definition over classes with a positive. Thresholds of the model and of the
oracle are fitted in the same way on split `val`.
Command: `python -m benchmarks.embedded --reference DATA`.

| figure | value | asked for | |
|---|---|---|---|
{rows}

The readers are exact posteriors of the generator given a part of the picture; `reader: picture` is the oracle of all
that the picture shows. Labels are single draws, so the oracle itself does not rank every pair rightly.
A share of yes is no calibrated probability.

## Limits and use

{notes.limits}
The scenes are a cartoon of human feeling: an appraisal table written by the authors, eight faces,
eight poses. Good figures here say that the method works, not that it reads people. Do not use it, or anything built
on it, to judge people at work or in education (prohibited in the EU by Article 5(1)(f) of the AI Act), nor for
hiring, policing or lie detection.

## The domain rule

A picture is refused if the Mahalanobis distance of the tower's features from those of training pictures is above
{notes.domain.limit if notes.domain else 0:.3f} (divided by the root of the dimension), the value that 99.5 % of fresh
training pictures stay below. `-o check_domain=false` switches the rule off.

Licence: {notes.licence}.
"""


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
