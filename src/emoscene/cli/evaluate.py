"""`emoscene eval`: a dataset through a model, rules fitted on validation, figures, reports, comparisons."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import typer

from emoscene.cli.completion import datasets, label_spaces, model_specs

if TYPE_CHECKING:
    from emoscene.evaluation.score import Scores, Settings

__all__ = ["app"]

app = typer.Typer(
    help="Judge models on datasets with known labels.", no_args_is_help=True, rich_markup_mode=None
)

_JSON = typer.Option(False, "--json", help="Print one JSON object.")
_BOOTSTRAP = typer.Option(
    0, "--bootstrap", metavar="N", min=0, help="Rounds for intervals; 0 leaves them out."
)
_UNIT = typer.Option(
    "group",
    "--by",
    metavar="group|person",
    help="Draw pictures with all their people, or people (the paper).",
)
_METHOD = typer.Option("percentile", "--interval", metavar="percentile|bca", help="How intervals are made.")
_SEED = typer.Option(0, "--seed", min=0, help="The same seed draws the same people.")
_MISSING = typer.Option(
    "error",
    "--missing",
    metavar="error|empty",
    help="People without an answer: an error, or an empty answer.",
)


@app.callback()
def _evaluate() -> None:
    pass


@app.command("run")
def run(
    dataset: str = typer.Option(
        ..., "--dataset", metavar="NAME", help="Which dataset.", autocompletion=datasets
    ),
    root: str = typer.Option(..., "--root", metavar="PATH", help="Its file or folder."),
    split: str = typer.Option(..., "--split", metavar="S", help="Whom to ask about."),
    out: str = typer.Option(
        ..., "--out", metavar="RUN", help="A new folder, or this run's to go on with it."
    ),
    model: str = typer.Option(
        "auto",
        "--model",
        "-m",
        metavar="SPEC",
        help="A model's name, a folder, a hub id or a YAML file.",
        autocompletion=model_specs,
    ),
    option: list[str] = typer.Option(
        None, "-o", metavar="KEY=VALUE", help="An option of the model. Repeatable."
    ),
    data: list[str] = typer.Option(
        None, "--data", metavar="KEY=VALUE", help="An option of the dataset. Repeatable."
    ),
    fit_split: str = typer.Option("train", "--fit-split", metavar="S", help="Where priors count labels."),
    limit: int = typer.Option(None, "--limit", min=1, metavar="N", help="Only the first N people."),
    as_json: bool = typer.Option(False, "--json", help="Print the manifest as one JSON object."),
) -> int:
    """Ask a model about a split and keep its answers in a folder.

    A run that was cut off goes on with the same command. Exit code: 0 all rows ok, 1 some are not.
    """
    import json

    from emoscene import api
    from emoscene.cli.asked import read_data_options, read_options
    from emoscene.cli.interrupts import remembered_interrupt
    from emoscene.cli.progress import people_bar
    from emoscene.cli.streams import say, write_line
    from emoscene.datasets.registry import open_dataset
    from emoscene.evaluation.run import Asked
    from emoscene.evaluation.run import run as ask

    opened = open_dataset(dataset, root, **read_data_options(data or []))
    opened.check_split(split)
    options = read_options(option or [])
    choice = api.resolve(model, **options)
    recognizer = api.load(choice, opened.labels)
    if choice.auto:
        say(f"model: {choice.name}, because {choice.why}")
    spec = {"spec": choice.name, "recognizer": choice.recognizer, "options": dict(choice.options) | options}
    asked = Asked(split, spec, fit_split, limit)
    try:
        with remembered_interrupt() as check, people_bar() as show:

            def progress(done: int, people: int) -> None:
                show(done, people)
                check()

            files = ask(opened, recognizer, asked, out, progress)
    except KeyboardInterrupt:
        say(f"the answers so far are in {out}; the same command goes on with it")
        raise
    for line in api.closing_words(recognizer):
        say(f"note: {line}")
    manifest = dict(files.manifest)
    for finding in manifest.get("findings", []):
        say(f"note: {finding['count']:,} x {finding['what']}: {finding['action']}")
    if as_json:
        write_line(json.dumps(manifest, ensure_ascii=False))
    else:
        counts = ", ".join(f"{count:,} {status}" for status, count in manifest["statuses"].items())
        write_line(f"{manifest['rows']:,} of {manifest['people']:,} people: {counts}")
        say(f"next: emoscene eval score {out}")
    return 0 if set(manifest["statuses"]) <= {"ok"} else 1


@app.command("fit")
def fit(
    run: str = typer.Argument(..., metavar="RUN_VAL", help="A run on a validation split."),
    out: str = typer.Option(..., "--out", metavar="RULES.json", help="Where the rules go."),
    decision: str = typer.Option(
        "best_f1", "--decision", metavar="RULE", help="best_f1, equal_pr, prior_matched or top_k."
    ),
    calibration: str = typer.Option(
        "none", "--calibration", metavar="KIND", help="none, platt, isotonic or temperature."
    ),
    k: int = typer.Option(None, "--k", min=1, help="How many labels top_k names."),
    shrinkage: float = typer.Option(
        None, "--shrinkage", min=0, help="How many positives a label's own best F1 needs to count half."
    ),
    missing: str = _MISSING,
    as_json: bool = typer.Option(False, "--json", help="Print the rules as one JSON object."),
) -> int:
    """Fit thresholds and calibration on validation people. A test split is refused."""
    from emoscene.cli.streams import say, write_line
    from emoscene.evaluation.fit import fit_run
    from emoscene.runs.record import RunFiles
    from emoscene.scoring.rules import FitOptions

    options = FitOptions(k=k) if shrinkage is None else FitOptions(k=k, shrinkage=shrinkage)
    _one_of("--missing", missing, ("error", "empty"))
    files = RunFiles.open(run)
    rules = fit_run(files, calibration=calibration, decision=decision, options=options, missing=missing)  # type: ignore[arg-type]
    left_out = int(files.manifest.get("people", 0)) - rules.fitted_on.people
    if left_out:
        say(f"warning: {left_out:,} people were not answered and are left out of the fit")
    rules.save(out)
    if as_json:
        write_line(rules.to_json())
    else:
        for line in rules.describe():
            write_line(line)
    say(f"saved: {out} ({rules.id})")
    return 0


@app.command("score")
def score(
    run: str = typer.Argument(None, metavar="RUN", help="A run's folder; or give two files:"),
    truth: str = typer.Option(None, "--truth", metavar="FILE", help="Known labels."),
    predictions: str = typer.Option(None, "--predictions", metavar="FILE", help="Answers, from anywhere."),
    split: str = typer.Option(
        None, "--split", metavar="S", help="The split of --truth, where it holds several."
    ),
    labels: str = typer.Option(
        None,
        "--labels",
        metavar="SPACE",
        help="The label space of the files; emotic without it.",
        autocompletion=label_spaces,
    ),
    unknown_labels: str = typer.Option(
        None,
        "--unknown-labels",
        metavar="unparsed|leave_out",
        help="An answer with a label outside the space is wrong as a whole, or without it.",
    ),
    parser: str = typer.Option(
        None,
        "--parser",
        metavar="strict|substring",
        help="How texts are read, strict without it; substring is the paper's.",
    ),
    rules: str = typer.Option(
        None, "--rules", metavar="RULES.json", help="Decide by these rules (RUN only)."
    ),
    missing: str = _MISSING,
    bootstrap: int = _BOOTSTRAP,
    unit: str = _UNIT,
    method: str = _METHOD,
    seed: int = _SEED,
    as_json: bool = _JSON,
) -> int:
    """Figures of a run, or of answers in a file of any known layout."""
    import json

    from emoscene.cli.scores_table import print_scores
    from emoscene.cli.streams import say, write_line

    settings = _settings(bootstrap, unit, method, seed)
    _one_of("--missing", missing, ("error", "empty"))
    if run is not None and truth is None and predictions is None:
        of_files = {"split": split, "labels": labels, "unknown-labels": unknown_labels, "parser": parser}
        _only_of_files(of_files)
        scores = _of_run(run, settings, rules, missing)
    else:
        truth, predictions = _check_files(run, truth, predictions, rules)
        reading = {
            "missing": missing,
            "unknown_labels": unknown_labels or "unparsed",
            "parser": parser or "strict",
        }
        scores = _of_files(
            truth, predictions, settings, labels=labels or "emotic", split=split, reading=reading
        )
    for warning in scores.warnings:
        say(f"warning: {warning}")
    if as_json:
        write_line(json.dumps(scores.to_json(), ensure_ascii=False, allow_nan=False))
    else:
        print_scores(scores)
    return 0


@app.command("report")
def report(
    runs: list[str] = typer.Argument(..., metavar="RUN...", help="Runs on the same people."),
    out: str = typer.Option(..., "--out", metavar="DIR", help="Where report.html and report.md go."),
    rules: str = typer.Option(None, "--rules", metavar="RULES.json", help="Decide by these rules."),
    people: int = typer.Option(
        None,
        "--people",
        min=0,
        metavar="N",
        help="How many of the best and worst to show; 0 shows no pictures.",
    ),
    missing: str = _MISSING,
    bootstrap: int = typer.Option(1000, "--bootstrap", metavar="N", min=0, help="Rounds for intervals."),
    unit: str = _UNIT,
    method: str = _METHOD,
    seed: int = _SEED,
) -> int:
    """A page with the paper's table, plots, examples and the manifest; and the same as Markdown."""
    from pathlib import Path

    from emoscene.cli.streams import say, write_line
    from emoscene.evaluation.report import write_report

    settings = _settings(bootstrap, unit, method, seed)
    _one_of("--missing", missing, ("error", "empty"))
    inputs = [_report_input(run, settings, rules, missing) for run in runs]
    page = write_report(inputs, Path(out), people=people)
    say(f"saved: {page} and {page.with_suffix('.md')}")
    write_line(str(page))
    return 0


@app.command("compare")
def compare(
    first: str = typer.Argument(..., metavar="RUN_A", help="A run."),
    second: str = typer.Argument(..., metavar="RUN_B", help="Another run on the same people."),
    missing: str = _MISSING,
    rounds: int = typer.Option(
        1000, "--bootstrap", metavar="N", min=2, help="Rounds, of the interval and of the permutation test."
    ),
    unit: str = _UNIT,
    method: str = _METHOD,
    seed: int = _SEED,
    as_json: bool = _JSON,
) -> int:
    """Is A better than B? Paired intervals, permutation tests, and how many people it takes to tell."""
    import json

    from emoscene.cli.scores_table import print_comparison
    from emoscene.cli.streams import say, write_line
    from emoscene.evaluation.compare import compare_runs
    from emoscene.runs.record import RunFiles

    settings = _settings(rounds, unit, method, seed)
    _one_of("--missing", missing, ("error", "empty"))
    compared = compare_runs(RunFiles.open(first), RunFiles.open(second), settings, missing=missing)  # type: ignore[arg-type]
    for warning in compared.warnings:
        say(f"warning: {warning}")
    if as_json:
        write_line(json.dumps(compared.to_json(), ensure_ascii=False, allow_nan=False))
    else:
        print_comparison(compared)
    return 0


def _settings(rounds: int, unit: str, method: str, seed: int) -> Settings:
    from emoscene.evaluation.score import Settings

    _one_of("--by", unit, ("group", "person"))
    _one_of("--interval", method, ("percentile", "bca"))
    return Settings(rounds=rounds, unit=unit, method=method, seed=seed)  # type: ignore[arg-type]


def _of_run(run: str, settings: Settings, rules: str | None, missing: str) -> Scores:
    from emoscene.evaluation.score import run_table
    from emoscene.evaluation.score import score as figures
    from emoscene.runs.record import RunFiles
    from emoscene.scoring.rules import Rules

    files = RunFiles.open(run)
    loaded = None if rules is None else Rules.load(rules)
    table = run_table(files, rules=loaded, missing=missing)  # type: ignore[arg-type]
    return figures(table, settings, about=files.request, rules=loaded)


def _of_files(
    truth: str,
    predictions: str,
    settings: Settings,
    *,
    labels: str,
    split: str | None,
    reading: Mapping[str, str],
) -> Scores:
    from emoscene.evaluation.score_files import score_files
    from emoscene.labels import label_space

    _one_of("--unknown-labels", reading["unknown_labels"], ("unparsed", "leave_out"))
    _one_of("--parser", reading["parser"], ("strict", "substring"))
    return score_files(
        truth,
        predictions,
        label_space(labels),
        split=split,
        settings=settings,
        **reading,  # type: ignore[arg-type]
    )


def _report_input(run: str, settings: Settings, rules: str | None, missing: str) -> Any:
    from emoscene.evaluation.report import ReportInput
    from emoscene.runs.record import RunFiles

    return ReportInput(RunFiles.open(run), _of_run(run, settings, rules, missing))


def _only_of_files(options: Mapping[str, str | None]) -> None:
    from emoscene.errors import OptionError

    for name, value in options.items():
        if value is not None:
            raise OptionError(
                f"--{name} goes with --truth and --predictions", value=value, remedy="A RUN knows its own."
            )


def _check_files(
    run: str | None, truth: str | None, predictions: str | None, rules: str | None
) -> tuple[str, str]:
    from emoscene.errors import OptionError

    if run is not None:
        raise OptionError(
            "RUN and files exclude each other", value=run, remedy="Give a run, or --truth and --predictions."
        )
    if truth is None or predictions is None:
        raise OptionError(
            "there is nothing to score", remedy="Give a run's folder, or --truth FILE and --predictions FILE."
        )
    if rules is not None:
        raise OptionError("--rules goes with RUN", value=rules, remedy="Score the run's folder.")
    return truth, predictions


def _one_of(option: str, value: str, known: tuple[str, ...]) -> None:
    from emoscene.errors import OptionError

    if value not in known:
        raise OptionError(f"{option} is {' or '.join(known)}", value=value, remedy="Give one of the two.")
