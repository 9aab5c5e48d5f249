"""
How many units in the last place (ulp) each formula of a likelihood is off: ``python -m spec.report accuracy``.

An error is |computed - exact| / (the distance from the exact value to the next float64), and a formula's is the largest over
a grid of eta, wherever the exact value is a float64 above `SMALLEST`. The exact value is enclosed by ball arithmetic: a curve
by its own value, a slope as the derivative of that value, the expected information as the product of two such derivatives.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import flint
import numpy as np

from spec.compat import strict_zip
from spec.domains import Domain, Interval
from spec.elementary import FLOAT64, Number
from spec.evidence.balls import Balls, working_precision
from spec.families import Binomial, Gamma, Gaussian, InverseGaussian, Multinomial, NegativeBinomial, Poisson, Tweedie
from spec.files import replace
from spec.links import Curve, Formula, Softmax
from spec.model import PAIRS, Model

# A value near the smallest normal float64 may be made of a subnormal number, for which TensorFlow and JAX take 0
LARGEST, SMALLEST = np.finfo(float).max, 64 * np.finfo(float).tiny
BITS = 256  # of the first try

SOFTMAX = Model(Multinomial(), Softmax())
NAMES = {  # of the curves in the terms of a family, in their order
    Binomial: ("log mu", "log(1 - mu)"),
    Poisson: ("log mu", "mu"),
    Gamma: ("1/mu", "log mu"),
    InverseGaussian: ("1/mu^2", "1/mu"),
    NegativeBinomial: ("log s", "log r"),
    Tweedie: ("mu^(1-p)", "mu^(2-p)"),
}


SLOPE, BACK, INFORMATION = "slope of {}", "slope of {}, back-propagated", "information"
SHARES, LOG_SHARES = "shares", "log shares"
BOUND = 8.0  # ulp


@dataclass(frozen=True)
class Reason:
    """
    Why some formulas of some pairs, both named by patterns, may be off by more than others.

    They are held to ``bound`` ulp where |eta| is from ``low`` to ``high``.
    """

    pairs: str
    formulas: str
    why: str
    bound: float = BOUND
    low: float = 0.0
    high: float = np.inf


EXP_OF_EXP = (
    "t = exp(eta), of the log-log exp(-eta), is rounded, and exp(-t) makes up to 512 ulp of half an ulp of t, which may be 700. "
    "Only more digits of t would help. The information is a product of two such slopes."
)
BEYOND_FLOAT64 = "mu = eta^2 is made first, and is no float64 where eta is below 1.5e-154 or above 1.3e154."
REASONS = (
    Reason("binomial-cloglog", r"(slope of )?log mu.*|information", EXP_OF_EXP, 1024),
    Reason("binomial-loglog", r"mu|(slope of )?log\(1 - mu\).*|information", EXP_OF_EXP, 1024),
    Reason("negative-binomial.*-cloglog", "slope of .*|information", EXP_OF_EXP, 1024),
    Reason(
        "binomial-cauchit",
        ".*back-propagated",
        "Libraries differentiate arctan2(y, x) as y / (x^2 + y^2), which is 0 where |eta| is above 1.3e154. The formula of the "
        "slope itself is good there.",
        high=1e150,
    ),
    Reason(
        r"negative-binomial\(.*\)-log",
        "log .*|.*back-propagated",
        "What eta + log(alpha) lost by rounding is given back by a correction. It is subnormal where |eta| is above 670: "
        "TensorFlow and JAX take 0, and there a value near 0 is up to 512 ulp off, and its slope.",
        high=660,
    ),
    Reason(
        r"negative-binomial\(.*\)-power.*",
        "slope of .*back-propagated",
        f"{BEYOND_FLOAT64} The derivative of a quotient by mu squares it again, which ends at 1e77.",
        low=1e-150,
        high=1e75,
    ),
    Reason(r"negative-binomial\(.*\)-power.*", "log .*|slope of .*|information", BEYOND_FLOAT64, low=1e-150, high=1e150),
    Reason(
        "poisson-softplus",
        "log mu",
        "log mu is 0 where mu is 1. There mu, which is made first, is rounded to units of 1e-16, which are many ulp of log mu. A "
        "sum of such terms loses nothing by it.",
        64,
    ),
    Reason(
        "multinomial-softmax",
        ".*",
        "eta less the largest eta of its row is rounded, and exp makes up to 512 ulp of half an ulp of the difference, which may "
        "be 700.",
        600,
    ),
)
USUAL = Reason(".*", ".*", "")


def reason(pair: str, formula: str) -> Reason:
    """The first reason that is about a formula of a pair; `USUAL` if none is."""
    found = (r for r in REASONS if re.fullmatch(r.pairs, pair) and re.fullmatch(r.formulas, formula))
    return next(found, USUAL)


class Exact(Balls):
    """Balls and their series, far out too, where those of `Balls` have no bound on what they lose."""

    def sigmoid(self, x: Number) -> Number:
        return super().sigmoid(x) if not _value(x) < 0 else x.exp() / (1 + x.exp())

    def log_ndtr(self, x: Number) -> Number:
        """By erfc(z) = exp(-z^2) U(1/2, 1/2, z^2) / sqrt(pi) in the tail, with Tricomi's function U."""
        at = _value(x)
        if not at < -1000:
            return super().log_ndtr(x)
        u = (at * at / 2).hypgeom_u(flint.arb(0.5), flint.arb(0.5))
        return _curve(x, u.log() - at * at / 2 - (4 * self.pi).log() / 2, flint.arb(2).sqrt() / u)

    def log_softplus(self, x: Number) -> Number:
        """With t = exp(x), the logarithm of log(1 + t) lies between x - t and x, and its slope between 1 - t and 1."""
        return super().log_softplus(x) if _value(x) > -FAR else _near_the_line(x)

    def log1mexpexp(self, x: Number) -> Number:
        """With t = exp(x), the logarithm of 1 - exp(-t) lies between x - t and x, and its slope between 1 - t and 1."""
        return super().log1mexpexp(x) if _value(x) > -FAR else _near_the_line(x)


FAR = 10**4  # beyond -FAR, exp(x) is 0 to all digits


def _near_the_line(x: Number) -> Number:
    """A logarithm of nearly exp(x), x < -FAR: x itself and the slope 1, to within exp(-FAR)."""
    t = flint.arb(0, flint.arb(-FAR).exp())
    return _curve(x, _value(x) + t, 1 + t)


def _value(x: Number) -> Number:
    return x if isinstance(x, flint.arb) else x[0]


def _curve(x: Number, value: Number, slope: Number) -> Number:
    """A function's value at a ball, or its value and its slope at a series."""
    return value if isinstance(x, flint.arb) else flint.arb_series([value, slope * x[1]], 2)


EXACT: Any = Exact()


def grid(domain: Domain) -> np.ndarray:
    """About 400 eta: dense near 0, near the ends of the domain and where exp ends, and geometric far out."""
    assert isinstance(domain, Interval)
    if (domain.low, domain.high) == (0, 1):
        return np.concatenate([np.geomspace(1e-307, 0.5, 200), 1 - np.geomspace(0.5, 2.0**-53, 200)[1:]])
    parts = np.geomspace(1e-300, 1e-3, 20), np.geomspace(1e-3, 1e3, 140), np.linspace(680, 746, 20), np.geomspace(1e3, 1e300, 20)
    sizes = np.sort(np.concatenate(parts))
    if np.isinf([domain.low, domain.high]).all():
        return np.concatenate([-sizes[::-1], sizes])
    sizes = np.sort(np.concatenate([sizes, np.geomspace(1e-307, 1e307, 200)]))
    return sizes if domain.low == 0 else -sizes


def narrow(ball: Callable[[], Number]) -> Number | None:
    """A ball whose radius is below 2^-60 of it, in as many bits as that takes; None if it is no normal float64."""
    for bits in (BITS * 2**k for k in range(8)):
        with working_precision(bits):
            found = ball()
            if found.is_finite() and (found.abs_upper() < SMALLEST or found.abs_lower() > LARGEST):
                return None
            if found.is_finite() and found.rad() < abs(found) * flint.arb(2) ** -60:
                return found
    raise ArithmeticError(f"{found} in {bits} bits")


def worst(computed: np.ndarray, exact: list[Number | None]) -> float:
    """The largest error in ulp; infinite where a number is none."""
    errors = [0.0]
    for number, ball in zip(computed.tolist(), exact):
        if ball is not None:
            error = abs(flint.arb(number) - ball) / float(np.spacing(abs(float(ball.mid()))))
            errors.append(float(error.mid()) if np.isfinite(number) else np.inf)
    return max(errors)


def curves(model: Model) -> dict[str, Curve]:
    """The mean, and the curves that the kernel is made of, by name."""
    named = {"mu": model.link.mean}
    if not isinstance(model.family, Gaussian):  # its only term is that of a residual
        named.update(strict_zip(NAMES[type(model.family)], (curve for _, curve in model.family.terms(1.0, model.link))))
    return named


class NumPy:
    """Formulas on arrays of NumPy."""

    name, version, differentiates = "numpy", np.__version__, False

    def evaluate(self, formula: Formula, eta: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):
            return formula(eta, FLOAT64)

    def differentiate(self, value: Formula, eta: np.ndarray) -> np.ndarray:
        raise NotImplementedError("NumPy differentiates nothing")


class Backend(NumPy):
    """Formulas on tensors of the backend of Keras, which `KERAS_BACKEND` names, and what back-propagation makes of them."""

    differentiates = True

    def __init__(self) -> None:
        from spec.engines.keras.backend import BACKEND

        self.xp, self.name, self.version = BACKEND, BACKEND.name, BACKEND.version
        BACKEND.enable_float64()

    def evaluate(self, formula: Formula, eta: np.ndarray) -> np.ndarray:
        return self.xp.numpy(formula(self.xp.tensor(eta, "float64"), self.xp))

    def differentiate(self, value: Formula, eta: np.ndarray) -> np.ndarray:
        from spec.engines.keras.versions import keras

        layer = keras.layers.Layer(dtype="float64")
        variable = layer.add_weight(name="eta", shape=eta.shape, initializer="zeros", dtype="float64")
        variable.assign(eta)
        total = self.xp.derivatives(lambda: self.xp.row_sums(value(1.0 * variable, self.xp)), [variable], [])
        return total.gradient()[1][0]


class Accuracy:
    """
    The errors of all formulas on every ``step``-th eta of the grid.

    Models with the same link have curves in common: each is enclosed once, and computed once on a machine.
    """

    def __init__(self, step: int = 1) -> None:
        self.step = step
        self._enclosed: dict[tuple[str, ...], list[Number | None]] = {}

    def eta(self, model: Model) -> np.ndarray:
        return grid(model.eta_domain)[:: self.step]

    def exact(self, model: Model, name: str, order: int) -> list[Number | None]:
        """A curve's value, or its slope for ``order`` 1, at each eta."""
        key = str(model.eta_domain), str(model.link), name, str(order)
        if key not in self._enclosed:
            value = curves(model)[name].value
            self._enclosed[key] = [narrow(partial(_coefficient, value, eta, order)) for eta in self.eta(model)]
        return self._enclosed[key]

    def information(self, model: Model) -> list[Number | None]:
        """The expected information at each eta."""
        factor, *pair = model.family.information(model.link)

        def ball(eta: float) -> Number:
            one, other = (_coefficient(curve.value, eta, 1) for curve in pair)
            return factor * one * other

        return [narrow(partial(ball, eta)) for eta in self.eta(model)]

    def errors(self, model: Model, machine: NumPy) -> Iterator[tuple[str, float]]:
        """(formula, the largest error in ulp) for each formula of a model."""
        if model.has_classes:
            yield from self._errors_of_classes(model, machine)
            return
        eta = self.eta(model)

        def worst_within(formula: str, computed: np.ndarray, exact: list[Number | None]) -> tuple[str, float]:
            ends = reason(str(model), formula)
            within = (ends.low <= np.abs(eta)) & (np.abs(eta) <= ends.high)
            return formula, worst(computed[within], [ball for ball, inside in strict_zip(exact, within) if inside])

        for name, curve in curves(model).items():
            yield worst_within(name, machine.evaluate(curve.value, eta), self.exact(model, name, 0))
            if name == "mu" and name not in NAMES.get(type(model.family), ("mu",)):
                continue  # no likelihood is made of its slope
            slopes = self.exact(model, name, 1)
            yield worst_within(SLOPE.format(name), machine.evaluate(curve.slope, eta), slopes)
            if machine.differentiates:
                yield worst_within(BACK.format(name), machine.differentiate(curve.value, eta), slopes)
        weights = machine.evaluate(lambda x, xp: model.working_weight(x, 1, xp), eta)
        yield worst_within(INFORMATION, weights, self.information(model))

    def _errors_of_classes(self, model: Model, machine: NumPy) -> Iterator[tuple[str, float]]:
        sizes = np.concatenate([np.geomspace(1e-3, 800, 60), np.linspace(600, 800, 40)])[:: self.step]
        t = np.concatenate([-sizes, sizes])
        eta = np.concatenate([np.stack([0 * t, t, -t / 3, t * 0.999], 1), np.stack([t, -t / 3, -t / 7, -t / 2], 1)])
        link = model.link

        def others(row: list[float], k: int) -> Number:
            """The sum of exp(eta_j - eta_k) over the other classes."""
            return sum(((flint.arb(x) - row[k]).exp() for j, x in enumerate(row) if j != k), flint.arb(0))

        def share(row: list[float], k: int) -> Number:
            return 1 / (1 + others(row, k))

        def log_share(row: list[float], k: int) -> Number:
            return -others(row, k).log1p()

        for name, formula, ball in ((SHARES, link.mean.value, share), (LOG_SHARES, link.log_mean.value, log_share)):
            exact = [narrow(partial(ball, row, k)) for row in eta.tolist() for k in range(eta.shape[1])]
            yield name, worst(machine.evaluate(formula, eta).ravel(), exact)


def _coefficient(value: Formula, eta: float, order: int) -> Number:
    """The value of a formula, or its slope for ``order`` 1, as a ball."""
    return value(flint.arb_series([eta, 1], 2), EXACT)[order]


# -- the table -----------------------------------------------------------------------------------------------------------------
PAGE = Path("docs", "accuracy.md")
HEAD = """# Accuracy: how many digits does a formula keep?

*`python -m spec.report accuracy --write` makes this page. It measures NumPy and the backend of Keras that `KERAS_BACKEND` names,
and keeps the columns of the backends that it does not measure.*

Each likelihood is written as a function of the linear predictor eta. Here each of its formulas is compared with ball
arithmetic, which encloses the exact value. The table has the largest error in units in the last place (ulp): an error of 1
is the distance from the exact value to the next float64, and the best that a program can do is 0.5.

The largest is taken over about 400 eta, from one end of the domain to the other: dense near 0 and near the ends, geometric
far out. It is not proven to be the largest of all. Eta count where the exact value is a float64, and at least 64 times the
smallest normal one: below, a part of a formula may be a subnormal number, for which TensorFlow and JAX take 0.

The mean is mu, its slope is in eta, s = alpha mu / (1 + alpha mu) and r = 1 - s are the shares of the negative binomial, and p
is the power of the Tweedie family. The information is that of a row, h'^2 / V. A slope is given twice: by its own formula, and
as back-propagation makes it from the value. `tests/instruments/test_accuracy.py` holds every error to at most 8 ulp, or to the
bound of the reason that the last column numbers.
"""
Table = dict[tuple[str, str], dict[str, str]]  # (pair, formula) -> machine -> the largest error


def measure(machines: list[NumPy]) -> Table:
    """The table of these machines."""
    table: Table = {}
    accuracy = Accuracy()
    for machine in machines:
        for model in (*PAIRS, SOFTMAX):
            for formula, error in accuracy.errors(model, machine):
                column = f"{machine.name} {machine.version}"
                table.setdefault((str(model), formula), {})[column] = f"{error:.1f}" if error < 10 else f"{error:.0f}"
    return table


def read(page: str) -> Table:
    """The table of a page."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in page.splitlines() if line.startswith("| ")]
    if not rows:
        return {}
    columns = rows[0][2:-1]
    return {(pair, formula): dict(zip(columns, cells)) for pair, formula, *cells in rows[1:]}


def text(table: Table) -> str:
    """The page as Markdown."""
    columns = sorted({column for cells in table.values() for column in cells}, key=lambda column: (column[:5] != "numpy", column))
    whys = list(dict.fromkeys((r.why, r.bound, r.low, r.high) for r in REASONS))
    lines = [HEAD, _row("pair", "formula", *columns, "reason"), f"|---|---|{'--:|' * len(columns)}--:|"]
    models = [str(model) for model in (*PAIRS, SOFTMAX)]
    for pair, formula in sorted(table, key=lambda row: models.index(row[0])):
        r = reason(pair, formula)
        number = "" if r is USUAL else str(whys.index((r.why, r.bound, r.low, r.high)) + 1)
        lines.append(_row(pair, formula, *(table[pair, formula].get(column, "") for column in columns), number))
    lines += ["", "## Reasons", ""]
    for place, (why, bound, low, high) in enumerate(whys, 1):
        ends = f" for |eta| from {low:g} to {high:g}" if low else f" for |eta| up to {high:g}" if high < np.inf else ""
        lines.append(textwrap.fill(f"{place}. {why} Held to {bound:g} ulp{ends}.", 120, subsequent_indent="   "))
    return "\n".join(lines) + "\n"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def report(root: Path, write: bool) -> str:
    """Measure NumPy and the backend of Keras. The page, or a line that says that it was written."""
    table = measure([Backend(), NumPy()])
    path = root / PAGE
    if not write:
        return text(table)
    names = {column.partition(" ")[0] for cells in table.values() for column in cells}
    old = read(path.read_text(encoding="utf-8")) if path.exists() else {}
    for row, cells in old.items():
        kept = {column: cell for column, cell in cells.items() if cell and column.partition(" ")[0] not in names}
        if row in table:
            table[row].update(kept)
    replace(path, text(table))
    return f"wrote {PAGE}"
