"""
The data of the published answers.

Real data come with statsmodels and are loaded from it when first asked for; NIST's Wampler and NoInt are formulas.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import numpy as np

from spec.model import Params
from spec.problems.problem import Data, NotInstalled


def dataset(name: str) -> Any:
    """The data set of that name in `statsmodels.datasets`: ``endog`` and ``exog`` are its response and its columns."""
    if find_spec("statsmodels") is None:
        raise NotInstalled(f"the data of {name} come with statsmodels, which is not installed: pip install statsmodels")
    from statsmodels import datasets

    return getattr(datasets, name).load_pandas()


def plain(name: str, columns: tuple[str, ...] = ()) -> Data:
    """The response against the columns as they are, or against those named."""
    data = dataset(name)
    X = data.exog[list(columns)] if columns else data.exog
    return Data(X, data.endog.to_numpy()[:, None], columns=tuple(X.columns))


def star98() -> Data:
    """The share of a district's pupils above the national median; eight of the columns are interactions."""
    data = dataset("star98")
    trials = data.endog.to_numpy().sum(axis=1)
    return Data(data.exog, data.endog[["NABOVE"]].to_numpy() / trials[:, None], trials=trials, columns=tuple(data.exog.columns))


def anes96() -> Data:
    """Party identification, strong Democrat (0) to strong Republican (6), as a one-hot row."""
    data = dataset("anes96")
    return Data(data.exog, np.eye(7)[data.endog.astype(int)], columns=tuple(data.exog.columns))


def cpunish(exposure: float | None = None, frequencies: tuple[int, ...] = ()) -> Data:
    """Executions in 17 states, the rate of violent crime in logs; a state may count several times, over."""
    data = dataset("cpunish")
    X = data.exog.assign(VC100k96=np.log(data.exog["VC100k96"])).rename(columns={"VC100k96": "log(VC100k96)"})
    n = len(X)
    return Data(
        X,
        data.endog.to_numpy()[:, None],
        offset=None if exposure is None else np.full((n, 1), np.log(exposure)),
        weights=np.resize(frequencies, n) if frequencies else None,
        columns=tuple(X.columns),
    )


def committee() -> Data:
    """Bills assigned to 20 committees of the House, the staff in logs, and its product with the number of subcommittees."""
    data = dataset("committee")
    X = data.exog.assign(STAFF=np.log(data.exog["STAFF"])).rename(columns={"STAFF": "log(STAFF)"})
    X["SUBS:log(STAFF)"] = X["SUBS"] * X["log(STAFF)"]
    return Data(X, data.endog.to_numpy()[:, None], columns=tuple(X.columns))


def modechoice() -> Data:
    """Which of four ways 210 travellers took: six columns of each way, the first way's before the second's."""
    data = dataset("modechoice").data
    way = np.eye(4)[data["mode"].astype(int) - 1]
    columns = [data["gc"], data["ttme"], data["hinc"] * way[:, 0], *way[:, :3].T]
    names = ("gc", "ttme", "hinc:air", "air", "train", "bus")
    return Data(
        np.column_stack(columns).reshape(-1, 24),
        data["choice"].to_numpy().reshape(-1, 4),
        columns=tuple(f"{name} of {mode}" for mode in ("air", "train", "bus", "car") for name in names),
    )


# Wampler's disturbance: orthogonal to 1, x, ..., x^5 on x = 0, ..., 20, so that it moves no coefficient
HALF = (759, -2048, 2048, -2048, 2523, -2048, 2048, -2048, 1838, -2048)


DELTA: tuple[int, ...] = (*HALF, 2048, *reversed(HALF))


def wampler(base: int = 1, disturbance: int = 0) -> Data:
    """y = sum of (x / base)^k, k = 0 to 5, and so many times DELTA; the optimum is base^-k (in base 10 but for y's rounding)."""
    x, k = np.arange(21), np.arange(6)
    powers = x[:, None] ** k
    y = (powers @ base ** k[::-1] + base**5 * disturbance * np.array(DELTA)) / base**5
    exact = Params.from_matrix([[1 / base**j] for j in range(6)])
    return Data(powers[:, 1:], y[:, None], columns=("x", "x^2", "x^3", "x^4", "x^5"), exact=exact)


def through_origin(x: tuple[int, ...], y: tuple[int, ...]) -> Data:
    """A line through the origin: the slope is sum(x y) / sum(x^2)."""
    slope = np.dot(x, y) / np.dot(x, x)
    return Data(np.array(x)[:, None], np.array(y)[:, None], columns=("x",), exact=Params.from_matrix([[0.0], [slope]]))
