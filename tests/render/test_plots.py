"""Plots stand inside a page: well-formed, in the page's colours, with words as text, and the same every time."""

from __future__ import annotations

import math
import re
import subprocess
import sys
import xml.etree.ElementTree as ET

import matplotlib
import numpy as np
import pytest

from emoscene.errors import MissingExtraError
from emoscene.render import plots
from emoscene.render.plots import (
    Bar,
    Bars,
    Curve,
    Reliability,
    class_bars,
    heat_map,
    recall_curves,
    reliability,
)

EVIL = "<b>&\"' $x_{1}$ \\frac 日本 --> \x07"


def drawn(svg: str) -> ET.Element:
    """The element, read as XML; the prefix that HTML knows by itself is declared first."""
    return ET.fromstring(svg.replace("<svg ", '<svg xmlns:xlink="http://www.w3.org/1999/xlink" ', 1))


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in drawn(svg).iter("text")]


def every_plot(name: str = "Anger") -> list[str]:
    bars = [
        Bars(name, 0.2, (Bar(0.5, 0.4, 0.6), Bar(math.nan))),
        Bars("Fear", math.nan, (Bar(0.1), Bar(0.0, 0, 0))),
    ]
    line = Curve(np.array([0.0, 0.5, 1.0]), np.array([1.0, 0.8, 0.3]))
    shares = np.array([[0.5, math.nan], [0.0, 1.0]])
    bins = Reliability(np.array([0.1, 0.6]), np.array([0.2, 0.5]), np.arange(20.0))
    return [
        class_bars(bars, [0, 2], axis=name, says=name),
        recall_curves([line, None], 0.3, says=name),
        heat_map(shares, [name, "Fear"], [name, "Fear"], framed=[0, -1], says=name),
        reliability([None, bins], says=name),
    ]


def test_words_are_text_and_colours_are_the_pages() -> None:
    for svg in every_plot():
        drawn(svg)
        assert "var(--" in svg
        assert not re.search(r"#[0-9a-f]{6}\b", re.sub(r'"(url\()?#[mp][0-9a-f]{10}\)?"', "", svg)), (
            "a colour of its own"
        )
        assert "font-family" not in svg
        assert "<script" not in svg
        assert "http" not in svg
        assert "<image" not in svg
    assert {"Anger", "Fear", "undefined", "F1, %"} <= set(
        texts(
            class_bars(
                [Bars("Anger", 0.1, (Bar(0.5),)), Bars("Fear", 0.1, (Bar(math.nan),))],
                [0],
                axis="F1, %",
                says="",
            )
        )
    )


def test_hostile_names_stay_words() -> None:
    for svg in every_plot(EVIL):
        assert "b" not in {element.tag for element in drawn(svg).iter()}
        assert '<b>&"' not in svg
    found = [text for text in texts(every_plot(EVIL)[2]) if "x_{1}" in text]
    assert found
    assert all(text.startswith('<b>&"') and len(text) <= 24 for text in found)


def test_the_same_plot_is_the_same_text_and_matplotlibs_settings_stay() -> None:
    before = dict(matplotlib.rcParams)
    assert every_plot() == every_plot()
    assert dict(matplotlib.rcParams) == before


def test_bars_are_as_long_as_the_figures() -> None:
    svg = class_bars([Bars("a", 0.5, (Bar(0.25), Bar(0.75)))], [0, 1], axis="F1", says="")
    ends = {}
    for path in drawn(svg).iter("path"):
        colour = re.search(r"fill: var\((--run-\d)\)", path.get("style", ""))
        if colour:
            xs = [float(x) for x in re.findall(r"[ML] ([\d.]+) ", path.get("d", ""))]
            ends[colour[1]] = (max(xs) - min(xs)) / (520 - 138 - 12)
    assert ends["--run-1"] == pytest.approx(0.25, abs=0.01)
    assert ends["--run-2"] == pytest.approx(0.75, abs=0.01)


def test_a_cell_is_as_full_as_its_share() -> None:
    svg = heat_map(np.array([[0.0, 0.5, 1.0, math.nan]]), ["a"], list("abcd"), framed=[-1], says="")
    shown = [text for text in texts(svg) if text.isdigit()]
    assert shown == ["0", "50", "100"]
    opacity = [float(found) for found in re.findall(r"fill: var\(--heat\); fill-opacity: ([\d.]+)", svg)]
    assert len(re.findall(r"fill: var\(--heat\)", svg)) == 2
    assert opacity == pytest.approx([0.53])


def test_without_matplotlib_the_remedy_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtraError, match=r"emoscene\[report\]"):
        recall_curves([], 0.5, says="")


def test_importing_plots_imports_no_matplotlib() -> None:
    code = f"import sys; import {plots.__name__}; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
