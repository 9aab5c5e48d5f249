"""
The tables and the plot of a run of the benchmarks: ``python -m tests.benchmarks.report build/bench.json [docs]``.

Prints the tables; writes speed.md and speed.svg, beside the run or to a folder that is named.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from math import log10
from pathlib import Path
from typing import Any

from tests.benchmarks.cases import GROUPS

OURS = "Keras (TensorFlow)"
GOOD = 1e-3  # standard errors: who is further away has not found the optimum, however fast
AXES = {"rows": ("n", "rows"), "columns": ("p", "columns"), "classes": ("classes", "classes")}
STYLES = {  # a colour and a marker of its own for each peer
    OURS: ("#d1495b", "o"),
    "Keras (JAX)": ("#d1495b", "D"),
    "statsmodels": ("#00798c", "s"),
    "statsmodels Logit, Probit": ("#00798c", "^"),
    "scikit-learn LinearRegression": ("#b8860b", "P"),
    "scikit-learn lbfgs": ("#b8860b", "v"),
    "scikit-learn newton-cholesky": ("#b8860b", "X"),
    "glum": ("#5b8c3a", "d"),
    "pyfixest": ("#8a5a44", "<"),
    "glmax": ("#e07a1f", "h"),
    "NeMoS": ("#4a4e69", ">"),
    "R": ("#7768ae", "*"),
}
INK = "#737b84"  # to be read on white and on black
COMMAND = "tox -e bench -- docs"

Fit = dict[str, Any]


def read(path: Path) -> tuple[list[Fit], str]:
    """What `test_fits` noted of each fit, in its order; and on what they were made."""
    try:
        run = json.loads(path.read_text(encoding="utf-8"))
        fits = [benchmark["extra_info"] for benchmark in run["benchmarks"] if "case" in benchmark["extra_info"]]
        machine = run["machine_info"]
        libraries = ", ".join(f"{name} {version}" for name, version in machine["libraries"].items())
        made = f"{machine['cores']} cores ({machine['machine']}), Python {machine['python_version']}, {libraries}"
    except (OSError, ValueError, KeyError) as error:
        raise ValueError(f"{path} is no run of the benchmarks: {error!r}. Make one: tox -e bench") from error
    if not fits:
        raise ValueError(f"{path} has no fit in it: was tests/benchmarks/test_fits.py run?")
    return fits, made


def joined(paths: list[Path]) -> tuple[list[Fit], str]:
    """The fits of several runs on one machine, in their order; a fit that was made again counts as it was made last."""
    runs = [read(path) for path in paths]
    if len(others := {made for _, made in runs}) > 1:
        raise ValueError(f"the runs were made on different machines or libraries: {'; '.join(sorted(others))}.")
    found = {(fit["group"], fit["case"], fit["peer"]): fit for fits, _ in runs for fit in fits}
    made = runs[0][1] + (f"; joined of {len(runs)} runs" if len(runs) > 1 else "")
    order = [(group, str(case)) for group, cases in GROUPS.items() for case in cases]
    return sorted(found.values(), key=lambda fit: order.index((fit["group"], fit["case"]))), made


def by_case(fits: list[Fit], *groups: str) -> dict[str, list[Fit]]:
    """The fits of each case in some groups, the fastest first."""
    cases: dict[str, list[Fit]] = {}
    for fit in sorted(fits, key=lambda fit: fit["seconds"]):
        if fit["group"] in groups:
            cases.setdefault(fit["case"], []).append(fit)
    order = [fit["case"] for fit in fits]
    return dict(sorted(cases.items(), key=lambda item: order.index(item[0])))


def ratios(fits: list[Fit]) -> dict[str, float | None]:
    """Our time divided by that of the fastest other that found the optimum, of statsmodels, and of the floor, for one case."""
    ours = next(fit for fit in fits if fit["peer"] == OURS)
    others = [fit for fit in fits if not fit["peer"].startswith("Keras")]

    def to_the_fastest(of: list[Fit]) -> float | None:
        return ours["seconds"] / min(fit["seconds"] for fit in of) if of else None

    return {
        "fastest": to_the_fastest([fit for fit in others if fit["distance"] <= GOOD]),
        "statsmodels": to_the_fastest([fit for fit in others if fit["peer"].startswith("statsmodels")]),
        "floor": ours["seconds"] / (ours["iterations"] * ours["floor"]) if ours["group"] != "small" else None,
    }


# -- as Markdown, and in the terminal ------------------------------------------------------------------------------------------


def seconds(fit: Fit) -> str:
    value = fit["seconds"]
    shown = f"{value:.1f} s" if value >= 10 else f"{value:.2f} s" if value >= 0.1 else f"{1e3 * value:.1f} ms"
    return shown if fit["share"] == 1 else f"~ {shown}"


def memory(fit: Fit) -> str:
    return "" if fit["grown"] is None or fit["share"] < 1 else f"{fit['grown'] / 2**20:,.0f} MB"


def table(fits: list[Fit]) -> Iterator[tuple[str, ...]]:
    """The table of one case: a header, and a row for each peer."""
    yield "engine", "time", "times ours", "from optimum", "standard errors", "passes", "times the floor", "memory"
    ours = next(fit["seconds"] for fit in fits if fit["peer"] == OURS)
    for fit in fits:
        floor = fit["group"] != "small" and fit["iterations"] and f"{fit['seconds'] / (fit['iterations'] * fit['floor']):.1f}"
        yield (
            fit["peer"],
            seconds(fit),
            f"{fit['seconds'] / ours:.1f}",
            f"{fit['distance']:.0e} SE",
            "yes" if fit["standard_errors"] else "no",
            str(fit["iterations"] or ""),
            floor or "",
            memory(fit),
        )


def summary(fits: list[Fit]) -> Iterator[tuple[str, ...]]:
    """A row for each case."""
    yield "case", "our time", "of the fastest other's", "of statsmodels'", "times the floor"
    for case, of_case in by_case(fits, "cases", "small").items():
        found = ratios(of_case)
        ours = next(fit for fit in of_case if fit["peer"] == OURS)
        yield (case, seconds(ours), *("" if value is None else f"{value:.2f}" for value in found.values()))


def profile(fits: list[Fit]) -> Iterator[tuple[str, ...]]:
    """Lines that say where our time goes in each case."""
    yield "case", "gradient alone", "with information", "the rest: sample, start, threads"
    for case, of_case in by_case(fits, "cases").items():
        ours = next(fit for fit in of_case if fit["peer"] == OURS)
        parts = [[seconds for seconds, information in ours["passes"] if information == with_it] for with_it in (False, True)]
        rest = ours["seconds"] - sum(map(sum, parts))
        yield (case, *(f"{len(part)} x {sum(part) / len(part):.3f} s" if part else "" for part in parts), f"{max(rest, 0):.3f} s")


def growth(fits: list[Fit]) -> Iterator[tuple[str, ...]]:
    """How our time grows with each."""
    yield "what grows", "from", "to", "our time", "to", "times as much for ten times as many", "memory", "to"
    for group, (axis, name) in AXES.items():
        ours = [fit for fit in fits if fit["group"] == group and fit["peer"] == OURS]
        for small, large in zip(ours, ours[1:]):
            factor = (large["seconds"] / small["seconds"]) ** (1 / log10(large[axis] / small[axis]))
            times = seconds(small), seconds(large), f"{factor:.1f}"
            yield name, f"{small[axis]:,}", f"{large[axis]:,}", *times, memory(small), memory(large)


def markdown(rows: Iterator[tuple[str, ...]]) -> str:
    header, *body = rows
    marks = ["---", *["--:"] * (len(header) - 1)]
    return "\n".join(f"| {' | '.join(row)} |" for row in [header, marks, *body])


def page(fits: list[Fit], made: str) -> str:
    """docs/speed.md"""
    details = "\n\n".join(
        f"### {case[:1].upper() + case[1:]}\n\n{markdown(table(of_case))}"
        for case, of_case in by_case(fits, "cases", "small").items()
    )
    return f"""# Speed: how long is the way to the optimum?

*Generated by `{COMMAND}`, on {made}.*

A network without a hidden layer is a generalized linear model, so it may use what the likelihood of one offers:
`spec.fit.fit` brings a compiled Keras model to its optimum in a handful of passes over the data
([how to use it](fit.md)). Here it stands beside what else would be used, on the same data, in the same process, on all cores.

*From the optimum* says how far the worst coefficient of an answer is from it, in standard errors. An answer further away than
{GOOD:.0e} is not counted as found, however fast it is. *The floor* is what the passes of a fit would take if each were nothing
but one product X'WX by BLAS. *Memory* is by how much the process grew at most, beyond the data. `~` was measured on a tenth of
the rows, and multiplied by ten. The first fit of a model and a shape takes longer, since it is traced, and of many rows
compiled by XLA. It is not counted, and nor is a first call of any other but those that take seconds.

## In short

{markdown(summary(fits))}

## Where the time goes

A pass computes the loss and its gradient by the network, and Pearson's X^2; some sum the information, too.

{markdown(profile(fits))}

A fit cannot be faster than its passes. Those with a link that is not canonical (gamma-log, probit) need more of them: the
expected information is not the Hessian, so a step leaves a share of the distance and not its square. `Logit` and `Probit` of
statsmodels do Newton's steps in NumPy, and are the fastest that statsmodels has. With hundreds of columns and few rows one
information costs as much as dozens of gradients, which `lbfgs`, without standard errors, does not need. Fits of a few rows
cost milliseconds that are spent in Python: the calls of TensorFlow, and the threads.

## As data grow

![Seconds against rows, columns and classes, for each engine](speed.svg)

{markdown(growth(fits))}

## Each case

{details}
"""


def plot(fits: list[Fit], path: Path) -> None:
    """Log-log: seconds against rows, columns and classes."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot, ticker

    look = {"svg.hashsalt": "speed", "svg.fonttype": "none", "text.color": INK, "axes.labelcolor": INK, "axes.edgecolor": INK}
    look = {**look, "xtick.color": INK, "ytick.color": INK, "font.size": 10.5, "font.family": "sans-serif"}
    titles = {"rows": "logistic, 32 columns", "columns": "logistic, 50,000 rows", "classes": "softmax, 20,000 rows, 8 columns"}
    with pyplot.rc_context(look):
        figure, panels = pyplot.subplots(1, 3, figsize=(13, 5), sharey=True, layout="constrained")
        for panel, (group, (axis, name)) in zip(panels, AXES.items()):
            for peer, (colour, marker) in STYLES.items():
                points = [(fit[axis], fit["seconds"]) for fit in fits if fit["group"] == group and fit["peer"] == peer]
                if points:
                    ours = peer == OURS
                    panel.plot(
                        *zip(*points),
                        marker=marker,
                        color=colour,
                        label=peer,
                        linewidth=2.5 if ours else 1.2,
                        markersize=7,
                        zorder=2 + ours,
                    )
            ticks = sorted({fit[axis] for fit in fits if fit["group"] == group})
            panel.set(xscale="log", yscale="log", xlabel=name, title=titles[group])
            panel.set_xticks(ticks, [f"{tick:,}".replace(",000,000", "M").replace(",000", "k") for tick in ticks])
            panel.xaxis.set_minor_locator(ticker.NullLocator())
            panel.grid(color=INK, alpha=0.25, linewidth=0.6)
            panel.spines[["top", "right"]].set_visible(False)
        panels[0].set_ylabel("seconds")
        panels[0].yaxis.set_major_formatter(ticker.FuncFormatter(lambda value, _: f"{value:g}"))
        named = {label: line for panel in panels for line, label in zip(*panel.get_legend_handles_labels())}
        figure.legend(named.values(), named.keys(), loc="outside lower center", ncols=len(named), frameon=False)
        figure.savefig(path, transparent=True, metadata={"Date": None})
        pyplot.close(figure)


def main(arguments: list[str] | None = None) -> int:
    """The exit status: 0, or 2 for a file that is no run."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.report", description="The tables and the plot of a run.")
    parser.add_argument("run", type=Path, help="what pytest --benchmark-json wrote")
    parser.add_argument("folder", type=Path, nargs="?", help="where speed.md and speed.svg go (default: beside the run)")
    parser.add_argument(
        "--and", dest="more", type=Path, action="append", default=[], metavar="RUN", help="another run, such as of other cases"
    )
    options = parser.parse_args(arguments)
    try:
        fits, made = joined([options.run, *options.more])
    except ValueError as error:
        print(f"python -m tests.benchmarks.report: {error}", file=sys.stderr)
        return 2
    show(fits)
    folder = options.folder or options.run.parent
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "speed.md").write_text(page(fits, made), encoding="utf-8")
    plot(fits, folder / "speed.svg")
    print(f"wrote {folder / 'speed.md'} and {folder / 'speed.svg'}")
    return 0


def show(fits: list[Fit]) -> None:
    """The tables, in the terminal."""
    from rich.console import Console
    from rich.table import Table

    console = Console(width=max(Console().width, 120))
    titled = {"in short": summary(fits), "where our time goes": profile(fits), "as data grow": growth(fits)}
    titled = {**{case: table(of_case) for case, of_case in by_case(fits, "cases", "small").items()}, **titled}
    for title, (header, *body) in titled.items():
        shown = Table(title=title, title_justify="left", title_style="bold", box=None)
        for number, name in enumerate(header):
            shown.add_column(name, justify="right" if number else "left")
        for row in body:
            shown.add_row(*row)
        console.print(shown, "")


if __name__ == "__main__":
    sys.exit(main())
