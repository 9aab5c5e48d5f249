"""
torch behind the contract: an `nn.Linear`, torch's own loss of the family, its derivatives, and its LBFGS.

What the adapter translates:

- *Loss.* MSELoss of the mean is twice -log p of a Gaussian (``loss_scale`` 2). BCEWithLogitsLoss and CrossEntropyLoss take eta,
  as PoissonNLLLoss does with a log link; with another link it takes the mean, and adds 1e-8 to it unless told not to (``eps=0``).
  BCELoss takes the mean of the other links of a binomial. Of the gamma and the negative binomial torch has no loss: it is minus
  the log-density of `torch.distributions`. All are means over the rows.
- *Log-likelihood.* That of `torch.distributions`: the losses leave out constants, and ``full=True`` approximates log y!.
- *Weights.* Prior weights times trials multiply a row's loss, before the mean. An offset is added to the layer's output.
- *Intercept.* The bias of the layer.
- *Softmax.* Each class has weights; they are identified less those of class 0.
- *Start and end.* The fit starts at the null model. torch's LBFGS with its line search leaves half of the digits, since losses
  tell no more; Newton's steps give the rest, by torch's gradient, its Hessian and its Cholesky factor, each halved until it
  shortens the next. `LineSearch` takes none.
- *Converged.* torch has no word for it. Here it is that Newton's next step moves no eta by more than `ENOUGH`, or that share of
  the largest eta, and that the Hessian is positive definite. On separated data a step moves it by about 1.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from spec import likelihood
from spec.engines.contract import DECLINED, Description, Evaluation, Fit
from spec.engines.torch import newton
from spec.engines.torch.losses import ACTIVATIONS, FAMILIES, log_likelihood, loss, mean, shift
from spec.families import Gaussian
from spec.links import Probit, Softmax
from spec.model import Params
from spec.problems import Problem

ENOUGH = 1e-8


class Torch:
    """torch in float64: its LBFGS at its tightest, then Newton's steps."""

    further = 50  # of Newton's steps at most

    def describe(self) -> Description:
        declines = {
            "standard_errors": "torch has no standard errors",
            "deviance": "torch has no deviances",
            "log_likelihood": "a weight that divides the dispersion is no multiple of a log-density",
        }
        return Description("torch", {"torch": str(torch.__version__)}, "torch", "float64", "https://pytorch.org", declines)

    def declines(self, problem: Problem) -> str | None:
        if not isinstance(problem.model.family, FAMILIES):
            return f"torch has neither a loss nor a distribution of the {problem.model.family} family"
        if type(problem.model.link) not in (*ACTIVATIONS, Probit, Softmax):
            return f"torch has no activation that inverts the {problem.model.link} link"
        return "nn.Linear warns of an input without columns" if problem.p == 0 else None

    def evaluate(self, problem: Problem, params: Params) -> Evaluation:
        scale = 2.0 if isinstance(problem.model.family, Gaussian) else 1.0
        layer = self._layer(problem, params)
        value = loss(problem, self._eta(problem, layer))
        value.backward()
        bias = np.zeros((1, problem.k)) if layer.bias is None else layer.bias.grad.numpy()[None, :]
        gradient = np.vstack([bias, layer.weight.grad.numpy().T])

        def information() -> np.ndarray:
            return problem.n / scale * newton.derivatives(problem, newton.flat(problem, params))[1].numpy()

        return Evaluation(
            mean=mean(problem, self._eta(problem, layer)).detach().numpy(),
            loss=value.item(),
            loss_scale=scale,
            log_likelihood=log_likelihood(problem, self._eta(problem, layer)),
            score=-problem.n / scale * gradient,
            curvature=information,
        )

    def fit(self, problem: Problem) -> Fit:
        layer = self._layer(problem, likelihood.start_params(problem))
        optimizer = torch.optim.LBFGS(
            layer.parameters(),
            max_iter=2000,
            tolerance_grad=1e-15,
            tolerance_change=0.0,
            history_size=50,
            line_search_fn="strong_wolfe",
        )

        def closure() -> Any:
            optimizer.zero_grad()
            value = loss(problem, self._eta(problem, layer))
            value.backward()
            return value

        optimizer.step(closure)
        steps = optimizer.state[next(layer.parameters())]["n_iter"]
        intercept = np.zeros(problem.k) if layer.bias is None else layer.bias.detach().numpy()
        params = Params(intercept, layer.weight.detach().numpy().T)
        params, more, left = newton.polish(problem, params, self.further)
        return Fit(
            params=params,
            converged=left <= ENOUGH,
            iterations=steps + more,
            reason=f"Newton's next step moves eta by a share of {left:.1e}" if left < np.inf else "the Hessian is singular",
            standard_errors=DECLINED,
            deviance=DECLINED,
            log_likelihood=log_likelihood(problem, self._eta(problem, self._layer(problem, params))),
        )

    @staticmethod
    def _layer(problem: Problem, params: Params) -> Any:
        layer = torch.nn.Linear(problem.p, problem.k, bias=problem.intercept, dtype=torch.float64)
        with torch.no_grad():
            layer.weight.copy_(torch.tensor(params.coef.T))
            if problem.intercept:
                layer.bias.copy_(torch.tensor(params.intercept))
        return layer

    def _eta(self, problem: Problem, layer: Any) -> Any:
        return layer(torch.tensor(problem.X)) + shift(problem)


class LineSearch(Torch):
    """LBFGS with torch's line search alone."""

    further = 0
