"""
Why do my network and my GLM disagree: ``python -m spec.diagnose``.

    python -m spec.diagnose claims.parquet --formula "n ~ age + C(region)" --family poisson --offset "log(exposure)" \\
        --network model.keras --reference coefficients.csv

The exit status is 0 where the answer is the optimum of the model that is meant, 1 where it is not, and 2 where that cannot be
asked.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from spec.compat import first_line


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="python -m spec.diagnose",
        description="Name the cause why a network, or a table of coefficients, is not the optimum of your model on your data.",
        epilog="Exit status: 0, the answer is the optimum; 1, it is not; 2, that cannot be asked.",
    )
    made.add_argument("data", help="the rows: a CSV, Parquet or Feather file")
    made.add_argument("--formula", metavar="F", help="the model's columns, such as 'n ~ age + C(region)'")
    made.add_argument("--response", metavar="COLUMN", help="in place of a formula: the response, explained by all other columns")
    made.add_argument(
        "--family", metavar="NAME", help="gaussian, binomial, poisson, ... (default: that of the network's activation)"
    )
    made.add_argument(
        "--link", metavar="NAME", help="the link (default: the canonical one; log for gamma, negative binomial and Tweedie)"
    )
    made.add_argument("--offset", metavar="E", help="a column or an expression such as 'log(exposure)', added to the predictor")
    made.add_argument("--weights", metavar="E", help="a column or an expression: how much each row counts")
    made.add_argument("--trials", metavar="E", help="a column: of how many trials a binomial response is the share or the count")
    brought = made.add_mutually_exclusive_group(required=True)
    brought.add_argument("--network", metavar="MODEL", help="model.keras, model.h5 or package.module:model")
    brought.add_argument(
        "--coefficients", metavar="TABLE", help="a CSV file of R, SAS, Stata or statsmodels, or coef_ in an .npz"
    )
    made.add_argument("--reference", metavar="TABLE", help="what another program found: a table of coefficients, or a network")
    made.add_argument("--report", metavar="PAGE", type=Path, help="write the diagnosis as a page of HTML too")
    made.add_argument("--quiet", action="store_true", help="show no progress")
    return made


def main(arguments: list[str] | None = None) -> int:
    """The exit status: 0 where nothing is wrong, 1 for a diagnosis, 2 for what cannot be diagnosed."""
    command = parser()
    options = command.parse_args(arguments)
    if options.formula is None and options.response is None:
        command.error("say what is explained: give --formula 'y ~ x + C(group)', or --response COLUMN for all other columns.")
    if options.formula is not None and options.response is not None:
        command.error("give --formula or --response, and not both: the formula begins with its response.")
    if options.coefficients is not None and options.family is None:
        command.error("--coefficients needs --family: a table does not say which model is meant.")
    sys.path[:0] = [] if os.getcwd() in sys.path or "" in sys.path else [os.getcwd()]  # for package.module:model
    try:
        return _diagnosed(options)
    except (ValueError, TypeError, ImportError, OSError) as error:
        print(f"{command.prog}: {first_line(error)}", file=sys.stderr)
        return 2


def _diagnosed(options: argparse.Namespace) -> int:
    if options.report is not None:  # before the work
        from spec.diagnosis import page

        page.check(options.report)
    for path in filter(None, (options.data, options.coefficients)):  # before Keras is imported, which takes seconds
        if not Path(path).exists():
            raise ValueError(f"there is no file {path}.")
    from spec.diagnosis import diagnose, terminal
    from spec.diagnosis.network_file import load_network

    network = options.network is not None
    found = diagnose(
        load_network(options.network) if network else options.coefficients,
        None,
        options.response,
        data=options.data,
        formula=options.formula,
        family=options.family,
        link=options.link,
        offset=options.offset,
        weights=options.weights,
        trials=options.trials,
        reference=options.reference,
        progress=not options.quiet and sys.stderr.isatty(),
    )
    colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    width = min(os.get_terminal_size().columns, 130) if sys.stdout.isatty() else 100
    for line in terminal.render(found, width, colour):
        print(line)
    if options.report is not None:
        page.write(options.report, found)
        print(f"\nThe page is {options.report}.")
    return 0 if found.verdict == "none" else 1


if __name__ == "__main__":
    sys.exit(main())
