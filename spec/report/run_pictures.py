"""The pictures of one run, drawn of its cells: how many digits, how far from the proven optimum, over families and links."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from spec.report.pictures import HUES, INK, Picture, has_pairs, over_pairs
from spec.report.record import PERFECT, fits_perfectly

Cells = list[dict[str, Any]]
SCALE = (1e-30, 1e3)  # of the distances: what is beyond stands at its end


def of(cells: Cells, chapters: dict[str, str]) -> Iterator[Picture]:
    """Those for which the run has something to show; ``chapters`` has of each claim the name of its chapter."""
    if measured := [cell for cell in cells if "digits" in cell]:
        yield _digits(measured, chapters)
    fitted = [cell for cell in cells if "standard_errors" in cell and "radius" in cell]
    if imperfect := [cell for cell in fitted if not fits_perfectly(cell)]:
        yield _distances(imperfect, len(fitted) - len(imperfect))
    if has_pairs(cells):
        yield over_pairs(lambda: cells)


def _digits(cells: Cells, chapters: dict[str, str]) -> Picture:
    names = list(dict.fromkeys(chapters[cell["claim"]] for cell in cells))
    height = 1.2 + 0.34 * len(names)

    def draw(figure: Any) -> None:
        axes = figure.add_subplot()
        rng = np.random.default_rng(0)  # spreads the dots of a row, and says nothing
        for hue, held in ((HUES["blue"], True), (HUES["red"], False)):
            found = [cell for cell in cells if (cell["outcome"] == "holds") is held]
            rows = np.array([names.index(chapters[cell["claim"]]) for cell in found])
            axes.plot([c["digits"] for c in found], rows + rng.uniform(-0.3, 0.3, len(rows)), "o" if held else "X",
                      ms=4 if held else 8, mew=0, color=hue, alpha=0.45 if held else 1)  # fmt: skip
        axes.set_yticks(range(len(names)), names, fontsize=9)
        axes.set(xlim=(-0.4, 16.6), ylim=(len(names) - 0.4, -0.6), xlabel="correct digits of each case")
        axes.grid(axis="x", color=INK, alpha=0.25, lw=0.6)

    def alt() -> str:
        worst = min(cells, key=lambda cell: cell["digits"])
        others = sum(cell["outcome"] != "holds" for cell in cells)
        return (
            f"A dot for each of {len(cells)} measurements, by chapter: from {worst['digits']} digits "
            f"({worst['claim']}{', ' + worst['case'] if worst['case'] else ''}) to "
            f"{max(cell['digits'] for cell in cells)}. Crosses are of cases that do not hold: {others}."
        )

    return Picture("run-digits", "Digits of every case, by chapter", alt, (8.6, height), draw)


def _distances(cells: Cells, left_out: int) -> Picture:
    engines = list(dict.fromkeys(cell["engine"] for cell in cells))
    hues = dict(zip(engines, ("blue", "purple", "red", "grey")))

    def draw(figure: Any) -> None:
        axes = figure.add_subplot()
        for engine in engines:
            found = sorted((cell for cell in cells if cell["engine"] == engine), key=lambda cell: cell["standard_errors"])
            places = np.linspace(0, 1, len(found)) if len(found) > 1 else [0.5]
            hue = HUES[hues.get(engine, "grey")]
            distances, radii = (np.clip([c[key] for c in found], *SCALE) for key in ("standard_errors", "radius"))
            axes.plot(places, distances, "o", ms=4, color=hue, label=f"{engine}: its distance")
            axes.plot(places, radii, "_", ms=6, color=hue, alpha=0.7, label=f"{engine}: left open by proof")
        axes.set(yscale="log", xticks=[], xlabel="fits, the nearest first", ylabel="standard errors")
        figure.legend(loc="outside upper center", ncols=2, frameon=False, fontsize=9)

    def alt() -> str:
        furthest = max(cells, key=lambda cell: cell["standard_errors"])
        return (
            f"The distance of {len(cells)} fits from the proven optimum, in standard errors, on a logarithmic scale; the "
            f"furthest is {furthest['standard_errors']:.0e} ({furthest['engine']}, {furthest['case'] or furthest['claim']}). "
            f"Below each the radius of the ball that encloses the optimum, {max(cell['radius'] for cell in cells):.0e} at most. "
            f"What is beyond the scale stands at its end.{f' Left out, {PERFECT}: {left_out} answers.' if left_out else ''}"
        )

    return Picture("run-distances", "How far from the proven optimum", alt, (8.6, 4.4), draw)
