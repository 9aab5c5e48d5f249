"""Newton's steps by torch's derivatives: `torch.autograd.functional` and `torch.linalg`."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from spec.engines.torch.losses import loss, shift
from spec.model import Params
from spec.problems import Problem

SHORTEST = 20  # halvings of a step


def flat(problem: Problem, params: Params) -> Any:
    """The free parameters, column after column."""
    return torch.tensor(problem.free(params).ravel("F"))


def derivatives(problem: Problem, free: Any, both: bool = True) -> tuple[Any, Any]:
    """The gradient and the Hessian of the loss in the free parameters."""
    first = problem.k - problem.free_outputs

    def of(free: Any) -> Any:
        columns = _eta(problem, free)
        return loss(problem, torch.hstack([torch.zeros(problem.n, first, dtype=columns.dtype), columns]) + shift(problem))

    derive = torch.autograd.functional
    return derive.jacobian(of, free), derive.hessian(of, free) if both else None


def polish(problem: Problem, params: Params, most: int) -> tuple[Params, int, float]:
    """
    The parameters after Newton's steps, their number, and how far the next would move eta, as a share of the largest.

    A step is halved until the next one, by the same Hessian, is shorter; where none is, this ends. An eta
    below 1 counts as 1. The share is infinite where the Hessian is not positive definite.
    """
    free, taken = flat(problem, params), 0
    while True:
        gradient, hessian = derivatives(problem, free)
        root, info = torch.linalg.cholesky_ex(hessian)
        if info or not torch.isfinite(root).all():
            left = np.inf
            break
        step = torch.cholesky_solve(gradient[:, None], root)[:, 0]
        left = (_eta(problem, step).abs().max() / _eta(problem, free).abs().max().clamp(min=1)).item()
        shorter = _shorter(problem, free, step, root, (gradient @ step).item()) if taken < most else None
        if shorter is None:
            break
        free, taken = shorter, taken + 1
    return (problem.params(free.numpy().reshape(problem.free_outputs, problem.q).T) if taken else params), taken, left


def _shorter(problem: Problem, free: Any, step: Any, root: Any, size: float) -> Any:
    """The parameters after the step, or a part of it, from which the next step is shorter; None if there are none."""
    for part in 0.5 ** np.arange(SHORTEST):  # a whole step halves the length, or rounding is all that is left
        slope = derivatives(problem, free - part * step, both=False)[0]
        if (slope @ torch.cholesky_solve(slope[:, None], root)[:, 0]).item() < size * (0.25 if part == 1 else 1):
            return free - part * step
    return None


def _eta(problem: Problem, free: Any) -> Any:
    return torch.tensor(problem.design) @ free.reshape(problem.free_outputs, problem.q).T
