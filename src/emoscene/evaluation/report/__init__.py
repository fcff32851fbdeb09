"""A report of one run or of several on the same people: one HTML file that needs nothing else, and Markdown.

runs + Scores --> sections (words, tables, plots, people) --> report.html, report.md
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path

from emoscene import __version__
from emoscene.errors import OptionError
from emoscene.evaluation.report.blocks import Section, as_markdown
from emoscene.evaluation.report.examples import examples
from emoscene.evaluation.report.inputs import ReportInput, check_runs, dataset_of, run_names
from emoscene.evaluation.report.plots import bars, calibration, confusion, curves
from emoscene.evaluation.report.tables import all_figures, differences, main_table
from emoscene.evaluation.report.words import coverage, made_with, measured
from emoscene.render import words
from emoscene.render.document import document

__all__ = ["HTML", "MARKDOWN", "ReportInput", "write_report"]

HTML, MARKDOWN = "report.html", "report.md"
#: People shown at each end: of one run, and of each of several.
_PEOPLE_OF_ONE, _PEOPLE_OF_SEVERAL = 6, 3


def write_report(runs: Sequence[ReportInput], out: Path, *, people: int | None = None) -> Path:
    """Write `report.html` and `report.md` into a folder.

    Args:
        runs: The runs, the one that others are compared with first. At most eight.
        out: The folder; made where it is missing, older reports in it are replaced.
        people: How many people to show at each end, with their pictures; 0 leaves people out. By default 6, and 3
            of each run where there are several.

    Returns:
        The HTML file.

    Raises:
        OptionError: if two runs are about other people, there are too many, or the folder cannot be written.
        MissingExtraError: if matplotlib is not installed.
    """
    check_runs(runs)
    names = run_names(runs)
    most = people if people is not None else _PEOPLE_OF_ONE if len(runs) == 1 else _PEOPLE_OF_SEVERAL
    sections = list(_sections(runs, names, most))
    title, about = _title(runs), ", ".join(names)
    style = files("emoscene.evaluation.report").joinpath("report.css").read_text(encoding="utf-8")
    page = document(title, about, "\n".join(section.html() for section in sections), style=style)
    plain = [f"# {as_markdown(title)}", as_markdown(about), *(section.markdown() for section in sections)]
    plain += [f"Plots and pictures: `{HTML}`.", f"{words.USE_NOTICE}\n\nemoscene {__version__}"]
    try:
        out.mkdir(parents=True, exist_ok=True)
        _replace(out / MARKDOWN, "\n\n".join(plain) + "\n")
        _replace(out / HTML, page)
    except OSError as error:
        raise OptionError(
            f"the report cannot be written ({error.strerror})", value=out, remedy="Name another folder."
        ) from error
    return out / HTML


def _sections(runs: Sequence[ReportInput], names: Sequence[str], most: int) -> Iterator[Section]:
    yield measured(runs, names)
    yield main_table(runs, names)
    differing = differences(runs, names)
    if differing is not None:
        yield differing
    yield bars(runs, names)
    yield curves(runs, names)
    yield confusion(runs, names)
    yield calibration(runs, names)
    yield coverage(runs, names)
    if most:
        yield examples(runs, names, most)
    yield all_figures(runs, names)
    yield made_with(runs, names)


def _title(runs: Sequence[ReportInput]) -> str:
    name = dataset_of(runs[0]).get("name")
    split = runs[0].run.request.get("split")
    return f"Apparent emotion: {name}, {split}" if name else "Apparent emotion: report"


def _replace(file: Path, text: str) -> None:
    """Write whole or not at all."""
    part = file.with_name(f"{file.name}.part")
    part.write_text(text, encoding="utf-8", errors="backslashreplace")
    part.replace(file)
