"""Charts of benchmarks for docs, the same bytes for the same numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Dark ink on its own light ground: readable on a white page and on a dark one.
_GROUND, _INK, _LINE = "#f6f8fa", "#1f2328", "#b42318"
_COLOURS = ("#2f6fb3", "#2a8c6a", "#8a63b8")
_ROW_IN, _EDGES_IN, _WIDTH_IN = 0.2, 1.2, 9.0
_STYLE: Any = {
    "svg.hashsalt": "scanhub",
    # Text stays text: small, and it can be searched.
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9,
    "text.color": _INK,
    "axes.labelcolor": _INK,
    "axes.edgecolor": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
}


@dataclass(frozen=True)
class Bar:
    """One row of a chart.

    Attributes
    ----------
    name
        What stands at its left.
    kind
        Bars of a kind have one colour.
    values
        Its length in each panel, in units of the reference.
    """

    name: str
    kind: str
    values: tuple[float, ...]


def draw_bars(path: Path, bars: Sequence[Bar], titles: Sequence[str], label: str) -> None:
    """Write horizontal bars as an SVG, with a line at 1.

    Parameters
    ----------
    path
        The file; its folder is made.
    bars
        From top to bottom.
    titles
        Of the panels, one for each value of a bar.
    label
        What 1 is.
    """
    kinds = list(dict.fromkeys(bar.kind for bar in bars))
    with mpl.rc_context(_STYLE):
        height_in = _EDGES_IN + _ROW_IN * len(bars)
        figure = Figure((_WIDTH_IN, height_in), facecolor=_GROUND, layout="constrained")
        panels = figure.subplots(1, len(titles), sharey=True, squeeze=False)[0]
        for i, (panel, title) in enumerate(zip(panels, titles, strict=True)):
            for kind, colour in zip(kinds, _COLOURS, strict=False):
                _draw_kind(panel, bars, i, kind, colour)
            panel.set_title(title, fontsize=10)
            _dress(panel)
        panels[0].set_yticks(range(len(bars)), [bar.name for bar in bars])
        panels[0].set_ylim(len(bars) - 0.4, -0.6)
        named = panels[0].get_legend_handles_labels()
        figure.legend(*named, loc="outside lower right", ncols=len(kinds), frameon=False)
        figure.supxlabel(label, x=0.02, ha="left", fontsize=9)
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})


def _draw_kind(panel: Axes, bars: Sequence[Bar], i: int, kind: str, colour: str) -> None:
    rows = [row for row, bar in enumerate(bars) if bar.kind == kind]
    lengths = [bars[row].values[i] for row in rows]
    drawn = panel.barh(rows, lengths, height=0.7, color=colour, label=kind)
    panel.bar_label(drawn, [f"{length:.2f}" for length in lengths], padding=2, fontsize=7)


def _dress(panel: Axes) -> None:
    panel.set_facecolor(_GROUND)
    panel.axvline(1, color=_LINE, linewidth=1)
    panel.set_xlim(0, max(1.15, panel.get_xlim()[1]))
    panel.tick_params(length=0)
    panel.spines[["top", "right", "left"]].set_visible(False)
