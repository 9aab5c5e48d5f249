"""What the claims cost: a fit by each engine, an evaluation, a proof. `pytest tests/benchmarks --benchmark-enable`."""

import pytest

from spec import problems
from spec.engines.checked import load
from spec.evidence.enclosure import enclose

PROBLEMS = [problems.get(name) for name in ("binomial-probit", "longley", "softmax-8-to-5", "logistic-32-columns", "randhie")]
ENGINES = ("spec.engines.keras:KerasEngine", "spec.engines.statsmodels:StatsmodelsEngine")


@pytest.fixture(scope="module", params=ENGINES, ids=["Keras", "statsmodels"])
def engine(request):
    """An engine without the cache of `Checked`."""
    return load(request.param).engine


@pytest.mark.benchmark(group="fit")
@pytest.mark.parametrize("problem", PROBLEMS, ids=str)
def test_fit(benchmark, engine, problem):
    """To the optimum, from the null model."""
    assert benchmark(engine.fit, problem).converged


@pytest.mark.benchmark(group="evaluate, with curvature")
@pytest.mark.parametrize("problem", PROBLEMS, ids=str)
def test_evaluate(benchmark, engine, problem):
    """Mean, loss, score and information."""
    params = problem.data.planted or load(ENGINES[1]).fit(problem).params
    assert benchmark(lambda: engine.evaluate(problem, params).information).shape == (problem.q * problem.free_outputs,) * 2


@pytest.mark.benchmark(group="proof")
@pytest.mark.parametrize("problem", PROBLEMS, ids=str)
def test_enclose(benchmark, problem):
    """The proof of the optimum."""
    assert benchmark(enclose, problem).contraction < 1
