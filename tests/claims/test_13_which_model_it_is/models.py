"""The problems of this chapter, a problem under another model, and an engine that answers for one problem by another."""

from dataclasses import replace

from spec import problems
from spec.families import Gamma, Gaussian, InverseGaussian, NegativeBinomial, Poisson, Tweedie
from spec.links import Cauchit, CLogLog, Logit, LogLog, Probit
from spec.model import Model, Params


def as_model(problem, family=None, link=None):
    """The same data under another family or another link."""
    model = Model(family or problem.model.family, link or problem.model.link)
    return replace(problem, name=f"{problem} as {model}", model=model, published=None)


class Instead:
    """An engine that answers for every problem by the one given; ``sign`` is -1 where that one's weights have the other sign."""

    def __init__(self, engine, problem, sign=1):
        self.engine, self.problem, self.sign = engine, problem, sign

    def evaluate(self, problem, params):
        answer = self.engine.evaluate(self.problem, Params.from_matrix(self.sign * params.matrix))
        return replace(answer, score=self.sign * answer.score)

    def fit(self, problem):
        answer = self.engine.fit(self.problem)
        return replace(answer, params=Params.from_matrix(self.sign * answer.params.matrix))


EXECUTIONS = problems.get("cpunish")  # counts in 17 states, none of them zero: six families admit them
LOSSES = (Gaussian(), Poisson(), NegativeBinomial(0.5), Tweedie(1.5), Gamma(), InverseGaussian())
SIX = [as_model(EXECUTIONS, family) for family in LOSSES]
STACKED = [problems.get(name) for name in ("gaussian-identity", "binomial-logit", "poisson-log", "softmax-3-to-3")]


def on_a_grid(weights, rng):
    """Random sixteenths up to one half in the shapes of ``weights``: float64 carries such data through three layers exactly."""
    return [rng.choice([-1, 1], size=w.shape) * rng.integers(1, 9, size=w.shape) / 16 for w in weights]


# each link of a share, and the link that failures have in its place
MIRROR = {Logit(): Logit(), Probit(): Probit(), Cauchit(): Cauchit(), CLogLog(): LogLog(), LogLog(): CLogLog()}
SHARES = [problems.get(f"binomial-{link}") for link in MIRROR]
