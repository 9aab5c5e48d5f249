"""
The table of the digits that float64 keeps, for the book: ``python -m spec.proof.digits`` writes docs/digits.md.

Each number is a proven bound: the fewest digits of a quantity, near 0 and far out, whatever the response.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator

from spec import problems
from spec.engines.keras.backend import BACKEND
from spec.engines.keras.network import KerasNetwork, use_float64
from spec.engines.keras.versions import VERSION
from spec.files import ROOT, replace
from spec.problems import Problem
from spec.proof.floats import QUANTITIES, Floats, one_row

PAGE = ROOT / "docs" / "digits.md"
NEAR = [(0.3, 0.3001), (-0.3001, -0.3), (2.0, 2.001), (-2.001, -2.0)]
FAR = [(20.0, 20.001), (-20.001, -20.0)]
TINY = 1e-290  # of less a float64 has fewer digits
CLASSES = ("softmax-3-to-3", "softmax-8-to-5", "softmax-32-to-16")
RESPONSES = (0.0, 1.0, 0.4, 3.0)  # those of them that a family has
HEAD = """# What float64 keeps of a row

A proof [over the real numbers](for_all_weights.md) says nothing of rounding. This table does. The same program is read
again, in balls, with the rounding of each of its operations. Each number is proven: at least so many digits are right, of
the mean, of the loss, and of the loss's first and second derivative in $\\eta$. It holds for every $\\eta$ in small boxes
near 0 ($\\pm 0.3$ and $\\pm 2$) and far out ($\\pm 20$), and for the responses 0, 0.4, 1 and 3, those of them that the
family has. For a softmax the first $\\eta$ lies in the box; each further $\\eta$ is minus half of the one before it. The
response is one class, another, or a share of both, and the fewest digits of all classes count. A float64 has 15.9 digits.

*Exact* says that nothing is lost. A blank says that the quantity is 0, or so small that floats have fewer digits there, or
that the model has no such $\\eta$. Few digits of a gradient need not be a program's fault: where $y - \\mu$ is small beside
$y$, its digits are lost whoever computes it.

**What is assumed.** An operation is rounded to the nearest float. A function of the backend (exp, log, ...) is off by no
more than `spec/proof/rounding.py` lists; the tests measure it. $\\eta$ itself is given. The sum over $n$ rows, which comes
after, loses at most $n$ units in the last place of the sum of the rows' sizes.

**How far the bounds are from what is lost.** Near 0 the median bound is at most 10 times the largest loss at some tens of
points, and at most 40 times for the probit and for the negative binomial with log link: their erfc and logistic function lose
less in most places than is assumed of them (`tests/instruments/test_floats.py`). Far out the curvature
of the negative binomial with log link keeps all its digits, but only few of them are proven: the slopes of a correction cancel
exactly, and each is bounded for itself.
`python -m spec.proof.digits` makes this page.
"""


def digits(floats: Floats, places: list[tuple[float, float]]) -> dict[str, float]:
    """The fewest proven digits of each quantity in some boxes of eta: infinite if it is exact, NaN if it is 0 in all of them."""
    found = dict.fromkeys(QUANTITIES, math.nan)
    for box in (box for ends in places for box in floats.boxes(ends)):
        for y in floats.responses(RESPONSES):
            for name, bound in floats.bounds(box, y).items():
                size, quantity = max(abs(bound.least), abs(bound.greatest)), name.rstrip("0123456789")
                if size > TINY:
                    kept = math.log10(size) - math.log10(bound.error) if bound.error > TINY else math.inf
                    found[quantity] = min(kept, found[quantity])  # in this order: of NaN and another that is the other
    return found


def row(problem: Problem) -> str:
    """The problem's line of the table."""
    floats = Floats(KerasNetwork(one_row(problem)))
    found = [digits(floats, places)[name] for places in (NEAR, FAR) for name in QUANTITIES]
    return f"| {problem} | {' | '.join(map(_shown, found))} |"


def _shown(digits: float) -> str:
    """Rounded down."""
    if math.isnan(digits):
        return ""
    return "exact" if math.isinf(digits) else f"{math.floor(10 * digits) / 10:.1f}"


def page() -> Iterator[str]:
    """The page, line by line."""
    yield HEAD
    yield f"## {BACKEND.name} {BACKEND.version}, Keras {VERSION}\n"
    names = ("mean", "loss", "gradient", "curvature")
    yield f"| network | {' | '.join([*(f'{name}, near' for name in names), *(f'{name}, far' for name in names)])} |"
    yield "|---|" + "---|" * (2 * len(names))
    yield from map(row, [*problems.where(tag="pair"), *map(problems.get, CLASSES)])


def main() -> None:
    """Find how many digits float64 keeps of a row of each model on this backend, print the page, and write it."""
    argparse.ArgumentParser("python -m spec.proof.digits", description=f"{main.__doc__} It is {PAGE}.").parse_args()
    use_float64()
    found = "\n".join(page()) + "\n"
    replace(PAGE, found)
    print(found)


if __name__ == "__main__":
    main()
