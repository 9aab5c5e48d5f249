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
- *Start and end.* The fit starts at the null model. torch's LBFGS never says whether it converged: here it did if the gradient,
  at its largest, is below `ENOUGH`. Its line search compares losses, which leaves half the digits; it goes on without one.
  `LineSearch` does not go on.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from spec import likelihood
from spec.engines.contract import DECLINED, Description, Evaluation, Fit
from spec.engines.torch.losses import ACTIVATIONS, FAMILIES, log_likelihood, loss, mean
from spec.families import Gaussian
from spec.links import Probit, Softmax
from spec.model import Params
from spec.problems import Problem

ENOUGH = 1e-12  # of the gradient of a mean loss


class Torch:
    """torch in float64, with LBFGS at its tightest."""

    searches: tuple[tuple[str | None, int], ...] = (("strong_wolfe", 2000), (None, 500))  # and steps at most

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
            first = problem.k - problem.free_outputs
            design, offset = torch.tensor(problem.design), self._offset(problem)

            def of(free: Any) -> Any:  # the free parameters, column after column
                columns = design @ free.reshape(problem.free_outputs, problem.q).T
                return loss(problem, torch.hstack([torch.zeros(problem.n, first, dtype=columns.dtype), columns]) + offset)

            hessian = torch.autograd.functional.hessian(of, torch.tensor(problem.free(params).ravel("F")))
            return problem.n / scale * np.asarray(hessian)

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
        steps = 0
        for search, most in self.searches:
            optimizer = torch.optim.LBFGS(
                layer.parameters(),
                max_iter=most,
                max_eval=10 * most,
                tolerance_grad=1e-15,
                tolerance_change=0.0,
                history_size=50,
                line_search_fn=search,
            )

            def closure(optimizer: Any = optimizer) -> Any:
                optimizer.zero_grad()
                value = loss(problem, self._eta(problem, layer))
                value.backward()
                return value

            optimizer.step(closure)
            steps += optimizer.state[next(layer.parameters())]["n_iter"]
        closure()
        left = max(float(each.grad.abs().max()) for each in layer.parameters())
        intercept = np.zeros(problem.k) if layer.bias is None else layer.bias.detach().numpy()
        return Fit(
            params=Params(intercept, layer.weight.detach().numpy().T),
            converged=left <= ENOUGH,
            iterations=steps,
            reason=f"LBFGS stopped with a gradient of {left:.1e}",
            standard_errors=DECLINED,
            deviance=DECLINED,
            log_likelihood=log_likelihood(problem, self._eta(problem, layer)),
        )

    @staticmethod
    def _layer(problem: Problem, params: Params) -> Any:
        layer = torch.nn.Linear(problem.p, problem.k, bias=problem.intercept, dtype=torch.float64)
        with torch.no_grad():
            layer.weight.copy_(torch.tensor(params.coef.T))
            if problem.intercept:
                layer.bias.copy_(torch.tensor(params.intercept))
        return layer

    @staticmethod
    def _offset(problem: Problem) -> Any:
        return torch.zeros(1, dtype=torch.float64) if problem.offset is None else torch.tensor(problem.offset)

    def _eta(self, problem: Problem, layer: Any) -> Any:
        return layer(torch.tensor(problem.X)) + self._offset(problem)


class LineSearch(Torch):
    """LBFGS with torch's line search alone."""

    searches: tuple[tuple[str | None, int], ...] = (("strong_wolfe", 2000),)
