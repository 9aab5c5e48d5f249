"""
The picture of a diagnosis: how far each coefficient lies from the optimum, before and after the causes are applied, as SVG.

The unit is the standard error of each coefficient, so that any scale reads. Ink is the text's own colour, so that the picture
is read in light and in dark.
"""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np

from spec.diagnosis.result import EITHER, NONE
from spec.diagnosis.words import Reading, Row, errors, short

INK = "#808080"  # stands for currentColor while matplotlib draws
BEFORE, AFTER = "#d9483b", "#3d7fd9"
MOST, LETTERS = 20, 16  # coefficients, and letters of the name of each
LINEAR, FARTHEST = 8.0, 1e15  # standard errors: where the scale becomes logarithmic, and where what is beyond is drawn


def svg(reading: Reading) -> str:
    """An element ``<svg>`` whose ink is that of the page it stands in; empty where there is nothing to draw."""
    rows = [row for row in reading.farthest(MOST) if not np.isnan([row.before, row.after]).all()]
    if not rows:
        return ""
    text = _drawn(rows, reading)
    mark = hashlib.sha256(f"{reading}{text}".encode()).hexdigest()[:8]  # ids are unique among the pictures of a page
    text = re.sub(r'\b(id="|xlink:href="#|url\(#)', rf"\g<1>d{mark}-", text[text.index("<svg") :].replace(INK, "currentColor"))
    text = re.sub(r'(<svg [^>]*?)width="[\d.]+pt" height="[\d.]+pt"', r"\1", text)
    said = escape(_alt(rows))
    return re.sub(r"(<svg [^>]*)>", rf'\1 role="img" aria-label="{said}"><title>{said}</title>', text, count=1)


def _alt(rows: Sequence[Row]) -> str:
    """What is seen, for those who do not see it."""
    said = [f"{len(rows)} coefficient{'s' * (len(rows) != 1)}, each as its distance from the optimum in standard errors."]
    for known, where in (("before", "As your model is stated"), ("after", "With the cause applied")):
        found = [row for row in rows if not np.isnan(getattr(row, known))]
        if found:
            worst = max(found, key=lambda row: abs(getattr(row, known)))
            said.append(f"{where} the farthest is {worst.name}, {errors(abs(getattr(worst, known)))} away.")
    return " ".join(said)


def _drawn(rows: Sequence[Row], reading: Reading) -> str:
    """The file that matplotlib writes; the same for the same rows."""
    import matplotlib
    from matplotlib.figure import Figure

    ink = dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), INK)
    look: Any = {
        **ink,
        "svg.hashsalt": "glm",
        "svg.fonttype": "none",
        "font.family": "sans-serif",
        "font.sans-serif": ["DejaVu Sans"],
        "font.size": 10,
        "axes.linewidth": 0.8,
        "text.parse_math": False,
    }
    with matplotlib.rc_context(look):
        figure = Figure(figsize=(4.6, 1.35 + 0.27 * len(rows)), layout="constrained")
        _draw(figure, rows, reading)
        file = io.StringIO()
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return file.getvalue()


def _draw(figure: Any, rows: Sequence[Row], reading: Reading) -> None:
    """A line for each coefficient: a bar of one standard error about the optimum, and the answer before and after."""
    axes = figure.add_subplot()
    places = np.arange(len(rows))
    axes.axvline(0, color=INK, lw=0.8)
    bars = {"lw": 5, "color": INK, "alpha": 0.35, "capstyle": "butt"}
    axes.hlines(places, -1, 1, label="optimum, ± its standard error", **bars)
    for known, hue, mark, size, label in _marks(reading):
        far = np.array([getattr(row, known) for row in rows])
        if not np.isnan(far).all():
            axes.plot(np.clip(far, -FARTHEST, FARTHEST), places, mark, ms=size, mew=0, color=hue, label=label, zorder=3)
    every = np.array([[row.before, row.after] for row in rows])
    reach = max(1.5, float(np.nanmax(np.abs(np.clip(every, -FARTHEST, FARTHEST)))))
    if reach > LINEAR:
        axes.set_xscale("symlog", linthresh=1, linscale=1)
        axes.set_xticks(_ticks(every), minor=False)
        axes.xaxis.set_major_formatter(lambda value, place: short(value))
    axes.set(xlim=_ends(every, reach), ylim=(len(rows) - 0.4, -0.6), xlabel="standard errors from the optimum")
    axes.set_yticks(places, [_cut(row.name) for row in rows])
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color=INK, alpha=0.25, lw=0.6)
    axes.spines[["top", "right", "left"]].set_visible(False)
    figure.legend(loc="outside upper left", ncols=2, frameon=False, fontsize=9, handletextpad=0.4, columnspacing=1.0)


def _marks(reading: Reading) -> tuple[tuple[str, str, str, int, str], ...]:
    """(attribute of a row, hue, marker, its size, label) of the dots before the causes are applied, and after."""
    if not reading.applied:
        right = reading.verdict == NONE
        return (("before", AFTER if right else BEFORE, "o" if right else "X", 6 if right else 8, "given"),)
    cause = f"with the cause{'s' * (len(reading.advice) > 1 and reading.verdict != EITHER)} applied"
    return ("before", BEFORE, "X", 8, "as your model is stated"), ("after", AFTER, "o", 6, cause)


def _ticks(every: np.ndarray) -> list[float]:
    """Powers of ten on each side that has coefficients, seven at most, and 0."""
    known = np.clip(every[~np.isnan(every)], -FARTHEST, FARTHEST)
    powers = [int(np.log10(max(reach, 1.0))) for reach in (-known.min(), known.max())]
    step = 1 + sum(powers) // 6
    low, high = (range(0, power + 1, step) for power in powers)
    return [*(-(10.0**power) for power in reversed(low)), 0.0, *(10.0**power for power in high)]


def _ends(every: np.ndarray, reach: float) -> tuple[float, float]:
    """The ends of the axis: all numbers and the bars, with some air."""
    known = np.clip(every[~np.isnan(every)], -FARTHEST, FARTHEST)
    more = 1.6 if reach > LINEAR else 1.08
    low, high = min(known.min(), -1.25), max(known.max(), 1.25)
    return low * more, high * more


def _cut(name: str) -> str:
    return name if len(name) <= LETTERS else f"{name[: LETTERS - 1]}…"
