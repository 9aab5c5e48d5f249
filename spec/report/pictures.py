"""
The pictures of the book, as SVG: ``python -m spec.report pictures [FOLDER]``.

Drawn of formulas, of the evidence, of the table in docs/cluster.md, and of docs/pictures/measured.json, which ``python -m
spec.report measure`` writes. Ink is the text's own colour, so that a picture is read in light and in dark; hues are readable
on both.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from spec.links import LINKS
from spec.report import matrix, page
from spec.report.matrix import Matrix
from spec.report.source import ROOT, chapters

MEASURED = ROOT / "docs" / "pictures" / "measured.json"
INK = "#808080"  # stands for currentColor while matplotlib draws
HUES = {"blue": "#3d7fd9", "red": "#d9483b", "purple": "#9457c9", "grey": "#8a8f98", "pink": "#d9609b"}
STYLE = "svg{color:#1f2328}@media(prefers-color-scheme:dark){svg{color:#d7dbe0}}"


@dataclass(frozen=True)
class Picture:
    """Its name, its title, what is seen on it for those who do not see it, and a function that draws it on a figure."""

    name: str
    title: str
    alt: Callable[[], str]
    size: tuple[float, float]
    draw: Callable[[Any], None]

    def inline(self) -> str:
        """An element ``<svg>`` whose ink is that of the page it stands in."""
        return self.svg().replace(f'<style type="text/css">{STYLE}</style>', "")

    def svg(self) -> str:
        """An element ``<svg>`` that stands in a page or alone."""
        with _look() as pyplot:
            figure = pyplot.figure(figsize=self.size, layout="constrained")
            self.draw(figure)
            file = io.StringIO()
            figure.savefig(file, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
            pyplot.close(figure)
        text = file.getvalue()
        text = text[text.index("<svg") :].replace(INK, "currentColor")
        text = re.sub(r'\b(id="|xlink:href="#|url\(#)', rf"\g<1>{self.name}-", text)
        text = re.sub(r'(<svg [^>]*?)width="[\d.]+pt" height="[\d.]+pt"', r"\1", text)
        head = f'<title>{escape(self.title)}</title><desc>{escape(self.alt())}</desc><style type="text/css">{STYLE}</style>'
        return re.sub(r"(<svg [^>]*)>", rf'\1 role="img" aria-label="{escape(self.alt())}">{head}', text, count=1)


@contextmanager
def _look() -> Any:
    """Text as text, the same file each time."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    ink = dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), INK)
    look = {
        **ink,
        "svg.hashsalt": "glm",
        "svg.fonttype": "none",
        "font.family": "sans-serif",
        "font.sans-serif": ["DejaVu Sans"],
        "font.size": 10,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.linewidth": 0.8,
    }
    settings: Any = look
    with pyplot.rc_context(settings):
        yield pyplot


def measured() -> dict[str, Any]:
    """What the engines answered."""
    return json.loads(MEASURED.read_text(encoding="utf-8"))


# -- the network of the answer ------------------------------------------------------------------------------------------------


def _network(figure: Any) -> None:
    found = measured()["four-colours"]
    axes = figure.add_subplot()
    axes.set(xlim=(-0.6, 10.4), ylim=(-1.5, 5.6), aspect="equal")
    axes.axis("off")
    inputs = [(1.2, 4.6 - 1.15 * place) for place in range(4)]
    output, bias = (7.0, 2.3), (4.6, 5.0)
    terms = [*zip(("blue", "red", "purple", "grey"), inputs, found["coefficients"]), ("", bias, found["intercept"])]
    for name, (x, y), (value, error) in terms:
        hue = HUES.get(name, INK)
        axes.annotate(
            "", output, (x, y), arrowprops={"arrowstyle": "-|>", "color": hue, "lw": 2.2, "shrinkA": 17, "shrinkB": 21}, zorder=1
        )
        axes.plot(x, y, "o", ms=31, mfc=hue if name else "none", mec=hue, mew=2)
        axes.text(
            x,
            y,
            "1" if not name else f"$x_{{{inputs.index((x, y)) + 1}}}$",
            ha="center",
            va="center",
            color="white" if name else INK,
        )
        angle = np.degrees(np.arctan2(output[1] - y, output[0] - x))
        at = 0.36 if name else 0.5
        label = axes.text(
            x + at * (output[0] - x), y + at * (output[1] - y) + 0.08, f"{value:+.2f} ± {error:.2f}", color=hue,
            ha="center", va="bottom", rotation=angle, rotation_mode="anchor",
        )  # fmt: skip
        label.set_fontweight("bold")
        axes.text(x - 0.5, y, name, ha="right", va="center", color=hue) if name else axes.text(x + 0.5, y, "bias", va="center")
    axes.plot(*output, "o", ms=38, mfc=HUES["pink"], mec=HUES["pink"])
    axes.text(*output, "σ", ha="center", va="center", color="white", fontsize=15)
    axes.annotate("", (8.7, 2.3), output, arrowprops={"arrowstyle": "-|>", "color": HUES["pink"], "lw": 2.2, "shrinkA": 21})
    axes.text(8.85, 2.3, "p", va="center", color=HUES["pink"], fontsize=14, fontweight="bold")
    x = 0.2
    axes.text(x, -1.2, "log p / (1 − p)  =", va="center")
    x += 2.65
    for name, _, (value, _) in [terms[-1], *terms[:-1]]:
        text = f"{value:+.2f}" + (f" {name}" if name else "")
        axes.text(x, -1.2, text.replace("-", "− ").replace("+", "+ "), va="center", color=HUES.get(name, INK), fontweight="bold")
        x += 0.185 * len(text) + 0.42


def _network_alt() -> str:
    found = measured()["four-colours"]
    said = ", ".join(f"{name} {value:+.2f}" for name, (value, _) in zip(HUES, found["coefficients"]))
    return (
        "Four input neurons, blue, red, purple and grey, each with an arrow of its colour to one pink output neuron with a "
        "sigmoid; a bias in the colour of the text. On the arrows the fitted coefficients with their standard errors: "
        f"{said}, bias {found['intercept'][0]:+.2f}. "
        "Below, the same as an equation: the log-odds are the bias plus the coefficients times the colours."
    )


# -- activations --------------------------------------------------------------------------------------------------------------

RANGES = {
    "inverse": (0.2, 4),
    "inverse-squared": (0.1, 4),
    "sqrt": (0, 3),
    "log-complement": (-3, -0.02),
    "power(0.5)": (0, 3),
    "power(-0.5)": (0.3, 4),
}


def _activations(figure: Any) -> None:
    shown = [link for link in LINKS if str(link) != "softmax"]
    panels = figure.subplots(3, -(-len(shown) // 3)).ravel()
    for panel, link in zip(panels, shown):
        low, high = RANGES.get(str(link), (-4, 4))
        eta = np.linspace(low, high, 201)
        inside = link.eta_domain.contains(eta)
        with np.errstate(all="ignore"):
            mu = np.where(inside, link.inverse(np.where(inside, eta, np.nan)), np.nan)
        panel.plot(eta, mu, color=HUES["blue"], lw=2)
        panel.set_title(str(link), fontsize=9)
        panel.set_ylim(*((-0.05, 1.05) if np.nanmax(mu) <= 1 and np.nanmin(mu) >= 0 else (None, min(np.nanmax(mu), 8))))
        panel.tick_params(labelsize=8)
    for panel in panels[len(shown) :]:
        panel.axis("off")
    figure.supxlabel("linear predictor η")
    figure.supylabel("mean μ = h(η), the activation")


# -- heat maps of digits ------------------------------------------------------------------------------------------------------


def _heat(figure: Any, values: np.ndarray, rows: list[str], columns: list[str], label: str, written: bool = True) -> None:
    from matplotlib.colors import LinearSegmentedColormap

    axes = figure.add_subplot()
    scale = LinearSegmentedColormap.from_list("digits", ["#b3502e", "#c79a3a", "#4f8f5b", "#1f6f78"])
    image = axes.imshow(np.ma.masked_invalid(values), cmap=scale, vmin=4, vmax=16, aspect="auto")
    axes.set_xticks(range(len(columns)), columns, rotation=60, ha="right", fontsize=8)
    axes.set_yticks(range(len(rows)), rows, fontsize=8)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    if written:
        for (row, column), value in np.ndenumerate(values):
            if np.isfinite(value):
                axes.text(column, row, f"{value:.0f}", ha="center", va="center", fontsize=7.5, color="white")
    figure.colorbar(image, ax=axes, label=label, shrink=0.6, pad=0.015).outline.set_visible(False)


RUNGS = ("mean", "objective", "gradient", "curvature", "optimum")


def over_pairs(cells: Callable[[], list[dict[str, Any]]]) -> Picture:
    """Families and links by rungs of the ladder, of the cells of a run."""

    def draw(figure: Any) -> None:
        rows, values = _pairs(cells())
        _heat(figure, values, rows, list(RUNGS), "correct digits (worst case)")

    def alt() -> str:
        names, values = _pairs(cells())
        row, column = np.unravel_index(np.nanargmin(values), values.shape)
        return (
            f"A heat map: {len(names)} pairs of family and link by five rungs of the ladder, each with its correct digits, from "
            f"{np.nanmin(values):.0f} ({names[row]}, {RUNGS[column]}) to {np.nanmax(values):.0f}."
        )

    return Picture("digits-over-pairs", "Digits, over families and links", alt, (6.4, 7.6), draw)


def has_pairs(cells: list[dict[str, Any]]) -> bool:
    """Whether any of these cells has a place on it."""
    return bool(np.isfinite(_pairs(cells)[1]).any())


def _pairs(cells: list[dict[str, Any]]) -> tuple[list[str], np.ndarray]:
    from spec.model import PAIRS

    names = [str(pair) for pair in PAIRS]
    found = {
        (cell["case"], rung): cell["digits"]
        for rung in RUNGS
        for cell in cells
        if cell["claim"] == f"glm-{rung}" and "digits" in cell
    }
    return names, np.array([[found.get((name, rung), np.nan) for rung in RUNGS] for name in names])


@cache
def _versions() -> tuple[list[str], list[str], np.ndarray]:
    merged = _evidence()
    files = [chapter.name for chapter in chapters()]
    where = {claim["claim"]: claim["chapter"] for claim in merged.claims}
    worst = np.full((len(files), len(merged.environments)), np.nan)
    for column, environment in enumerate(merged.environments):
        for cell in environment.record["cells"]:
            if cell["outcome"] == "holds" and "digits" in cell:
                row = files.index(where[cell["claim"]])
                worst[row, column] = np.nanmin([worst[row, column], cell["digits"]])
    return (
        [f"{c.number} {c.name[8:].replace('_', ' ')}"[:42] for c in chapters()],
        [e.name for e in merged.environments],
        worst,
    )


def _over_versions(figure: Any) -> None:
    rows, columns, values = _versions()
    _heat(figure, values, rows, columns, "digits of the worst case that holds", written=False)


def _versions_alt() -> str:
    rows, columns, values = _versions()
    return (
        f"A heat map of {len(rows)} chapters by {len(columns)} environments, from the oldest to the newest: the digits of the "
        f"worst case of each that holds, {np.nanmin(values):.0f} to {np.nanmax(values):.0f}. Rows are of nearly one colour: "
        "digits hang on the problem, not on the version."
    )


@cache
def _evidence() -> Matrix:
    return matrix.load(page.evidence(ROOT))


# -- what was measured --------------------------------------------------------------------------------------------------------


def _agreement(figure: Any) -> None:
    found = measured()["agreement"]
    network, model, errors = (np.array([row[key] for row in found]) for key in ("network", "model", "error"))
    above, below = figure.subplots(2, 1, height_ratios=(3, 1.4))
    ends = [min(model), max(model)]
    above.plot(ends, ends, color=INK, lw=1)
    above.errorbar(model, network, yerr=errors, fmt="o", ms=4, color=HUES["blue"], ecolor=HUES["blue"], elinewidth=0.8, alpha=0.8)
    above.set(xlabel="coefficient by statsmodels", ylabel="weight of the network, ± its standard error")
    below.plot(model, np.maximum(np.abs(network - model) / errors, 1e-17), "o", ms=4, color=HUES["purple"])
    below.set(yscale="log", xlabel="coefficient by statsmodels", ylabel="difference\nin standard errors")


def _agreement_alt() -> str:
    found = measured()["agreement"]
    far = max(abs(row["network"] - row["model"]) / row["error"] for row in found)
    return (
        f"{len(found)} weights of networks against the coefficients of statsmodels, with standard errors: all lie on the "
        f"diagonal. Below, their differences in standard errors, on a logarithmic scale: none is larger than {far:.0e}."
    )


PATHS = {"Adam, float32": ("red", "-"), "Adam, float64": ("purple", "--"), "gradient and information": ("blue", "-")}


def _path(figure: Any) -> None:
    found = measured()["training"]
    axes = figure.add_subplot()
    for name, (hue, line) in PATHS.items():
        steps, distances = zip(*found["paths"][name])
        axes.plot(np.maximum(steps, 0.8), distances, line, color=HUES[hue], lw=2, marker="o" if len(steps) < 30 else None, ms=4)
        axes.annotate(
            name, (max(steps[-1], 0.8), distances[-1]), (6, 0), textcoords="offset points", color=HUES[hue], va="center"
        )
    axes.axhline(found["radius"], color=INK, lw=1, ls=":")
    axes.text(1, found["radius"] * 2, "radius of the proof", fontsize=9)
    axes.set(
        xscale="log",
        yscale="log",
        xlabel="epochs or passes over the data",
        ylabel="distance from the proven optimum,\nin standard errors",
    )
    axes.set_xlim(0.8, 3e4)


def _path_alt() -> str:
    found = measured()["training"]
    ends = ", ".join(f"{name} at {path[-1][1]:.0e} after {path[-1][0]}" for name, path in found["paths"].items())
    return (
        f"Distance from the proven optimum in standard errors against passes over the data, both logarithmic. "
        f"Training ends: {ends}. A dotted line at {found['radius']:.0e} is what the proof leaves open."
    )


def _softmax(figure: Any) -> None:
    found = {name: np.array(values) for name, values in measured()["softmax"].items()}
    panels = figure.subplots(1, 3, sharey=True)
    limit = max(np.abs(values).max() for values in found.values())
    for panel, (name, values) in zip(panels, found.items()):
        image = panel.imshow(values, cmap="coolwarm", vmin=-limit, vmax=limit, aspect="auto")
        panel.set_title(name, fontsize=10)
        panel.set_xlabel("class")
        panel.spines[:].set_visible(False)
    panels[0].set_ylabel("input")
    figure.colorbar(image, ax=panels, shrink=0.8).outline.set_visible(False)


def _softmax_alt() -> str:
    found = [np.array(values) for values in measured()["softmax"].values()]
    apart = np.abs(found[1] - found[2]).max()
    return (
        "Three heat maps of 32 inputs by 16 classes: the weights that training from zero ends at, the same less those of class "
        f"0, and the coefficients of statsmodels' MNLogit. The first differs, the second and third are alike, to {apart:.0e}."
    )


LENGTHS = {
    "box": ("the box in which it is the only one", "grey"),
    "image": ("what Newton's map makes of the box", "purple"),
    "answer": ("the network's distance from the optimum", "red"),
    "rounding": ("from a double to the next", "blue"),
    "radius": ("what the proof leaves open", "pink"),
}


def _enclosure(figure: Any) -> None:
    found = measured()["enclosure"]
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.25))
    steps = np.array(found["steps"])
    contours = left.contour(
        steps, steps, found["lost"], levels=[-4.5, -2, -0.5], colors=HUES["blue"], linewidths=1.5, linestyles="solid"
    )
    left.clabel(contours, fmt={-4.5: "3", -2: "2", -0.5: "1"}, fontsize=9)
    left.plot(0, 0, "o", color=HUES["pink"], ms=7)
    left.set(xlabel="intercept, in standard errors", ylabel="coefficient, in standard errors", aspect="equal")
    left.set_title("Where the optimum is", fontsize=10)
    for name, (text, hue) in LENGTHS.items():
        length = found["lengths"][name]
        right.plot([0, 1], [length, length], color=HUES[hue], lw=3)
        beside = {"rounding": "bottom", "answer": "top"}.get(name, "center")  # the two lie next to each other
        right.text(1.1, length, f"{length:.0e}  {text}", va=beside, color=HUES[hue])
    right.set(yscale="log", ylim=(1e-25, 1), xlim=(0, 8), xticks=[], ylabel="standard errors")
    right.spines["bottom"].set_visible(False)
    right.set_title("How exactly that is known", fontsize=10)


def _enclosure_alt() -> str:
    lengths = measured()["enclosure"]["lengths"]
    return (
        "Left, the contours of a log-likelihood in intercept and coefficient, 1, 2 and 3 standard errors about its optimum. "
        "Right, lengths on a logarithmic scale, in standard errors: "
        + ", ".join(f"{text} {lengths[name]:.0e}" for name, (text, _) in LENGTHS.items())
        + "."
    )


@cache
def _growth_table() -> np.ndarray:
    """Rows, seconds and MB of the fits in the table of docs/cluster.md."""
    text = (ROOT / "docs" / "cluster.md").read_text(encoding="utf-8").partition("| rows | passes |")[2].partition("\n\n")[0]
    lines = [[cell.replace(",", "") for cell in line.strip("|").split("|")] for line in text.splitlines()[2:]]
    return np.array([[float(line[number]) for number in (0, 2, 4)] for line in lines])


COLUMN = 8e-6  # MB of a number


def _growth(figure: Any) -> None:
    rows, seconds, megabytes = _growth_table().T
    left, right = figure.subplots(1, 2)
    left.plot(rows, seconds, "o-", color=HUES["blue"])
    left.plot(rows, seconds[-1] * rows / rows[-1], color=HUES["grey"], lw=1)
    left.text(rows[1], seconds[-1] * rows[1] / rows[-1] / 1.3, "  in proportion to the rows", color=HUES["grey"], va="top")
    left.set(ylabel="seconds of a fit")
    right.plot(rows, megabytes, "o-", color=HUES["blue"])
    right.text(rows[1], megabytes[1] / 1.5, "the fit", color=HUES["blue"], va="top")
    right.plot(rows, rows * 9 * COLUMN, color=HUES["grey"], lw=1)
    right.text(rows[1], rows[1] * 9 * COLUMN * 1.2, "the data", color=HUES["grey"], ha="right")
    right.set(ylabel="MB of memory")
    for axes in (left, right):
        axes.set(xscale="log", yscale="log", xlabel="rows")


def _growth_alt() -> str:
    rows, seconds, megabytes = _growth_table()[[0, -1]].T
    return (
        f"From {rows[0]:,.0f} to {rows[1]:,.0f} rows a fit goes from {seconds[0]:.1f} to {seconds[1]:.1f} seconds, its memory "
        f"from {megabytes[0]:.0f} to {megabytes[1]:.0f} MB; the data go from {rows[0] * 9 * COLUMN:.0f} to "
        f"{rows[1] * 9 * COLUMN:,.0f} MB."
    )


PICTURES = {
    picture.name: picture
    for picture in (
        Picture("network-of-the-answer", "The network of the answer", _network_alt, (8.2, 5.4), _network),
        Picture(
            "activations-and-links",
            "Activations are inverse links",
            lambda: (
                "Small graphs of the activation of each link: of the identity a line, of the log an exponential; of logit, "
                "probit, cauchit, cloglog and loglog curves shaped like an S between 0 and 1."
            ),
            (9, 6),
            _activations,
        ),
        over_pairs(lambda: _evidence().newest.record["cells"]),
        Picture("digits-over-versions", "Digits, over versions", _versions_alt, (10.5, 5.6), _over_versions),
        Picture("agreement", "Networks and models agree", _agreement_alt, (6.6, 6.4), _agreement),
        Picture("training-path", "The way to the optimum", _path_alt, (8.2, 4.6), _path),
        Picture("enclosure", "A proof by enclosure, of one column", _enclosure_alt, (9.4, 4.4), _enclosure),
        Picture("softmax-beside-mnlogit", "Softmax beside MNLogit", _softmax_alt, (9, 4.8), _softmax),
        Picture("growth", "Time and memory as rows grow", _growth_alt, (8.2, 3.6), _growth),
    )
}


def write(folder: Path) -> list[str]:
    """Each as a file; a line for each that changed."""
    folder.mkdir(parents=True, exist_ok=True)
    told = []
    for picture in PICTURES.values():
        path, text = folder / f"{picture.name}.svg", picture.svg() + "\n"
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            told.append(f"wrote {path}")
    return told or ["all pictures are up to date"]
