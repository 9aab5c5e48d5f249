"""
The fixtures that a claim asks for, by naming them as arguments.

`rng`, random numbers of a test's own, is in the plug-in (`spec.plugin.options`), since other tests use it too.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from spec.diagnosis.answer import Answer
from spec.engines.checked import Checked
from spec.engines.contract import Fit, Likelihood, Network, Recipe
from spec.model import Params
from spec.plugin.brought import asked
from spec.plugin.options import engine
from spec.plugin.own_data import keras_is_installed
from spec.problems import Problem


@pytest.fixture
def subject(request: pytest.FixtureRequest) -> Checked:
    """The engine under the claims: Keras, or what --subject names."""
    return _willing(engine(request.config, "--subject"), request)


@pytest.fixture
def reference(request: pytest.FixtureRequest) -> Checked:
    """The engine that the subject is compared with: statsmodels, or what --reference names."""
    return _willing(engine(request.config, "--reference"), request)


@pytest.fixture
def params(request: pytest.FixtureRequest, _points: dict[Problem, Params]) -> Params:
    """Parameters away from the optimum of the test's ``problem``, the same for all claims about it."""
    from .points import anywhere

    problem = request.node.callspec.params["problem"]
    if problem not in _points:
        seed = [request.config.getoption("--seed"), zlib.crc32(str(problem).encode())]
        _points[problem] = anywhere(problem, np.random.default_rng(seed))
    return _points[problem]


@pytest.fixture
def network(subject: Checked) -> Callable[..., Network]:
    """``network(problem, recipe)`` makes a network of the subject's, for claims about training."""
    return _method(subject, "network", "it has no networks to train")


@pytest.fixture
def by_default(reference: Checked) -> Callable[[Problem], Fit]:
    """``by_default(problem)`` is the fit that the reference gives a user who sets no option."""
    return _method(reference, "fit_by_default", "it has no stopping rule of its own")


@pytest.fixture
def beyond(reference: Checked) -> Callable[[Problem, Recipe], Likelihood]:
    """``beyond(problem, recipe)`` is the reference's model for a network that is no generalized linear model."""
    return _method(reference, "beyond", "it has no models beyond the generalized linear ones")


@pytest.fixture
def brought(request: pytest.FixtureRequest, subject: Checked) -> Callable[[Problem], Answer]:
    """``brought(problem)`` is the answer of --network or --coefficients, else of the subject."""
    given = asked(request.config)
    return lambda problem: Answer(subject.fit(problem).params) if given is None else given[1]


@pytest.fixture
def diagnosing() -> None:
    """For tests that make a diagnosis: they are declined where Keras, with which it reads the data, is not installed."""
    if not keras_is_installed():
        pytest.skip("a diagnosis reads the data with Keras, which is not installed: pip install 'glm-spec[keras]'")


@pytest.fixture
def proven(subject: Checked, _proofs: dict[Problem, Any]) -> Callable[..., Any]:
    """
    ``proven(problem)`` is the proof of rungs 1 to 4 read from the program of the subject's network.

    ``proven(problem, network)`` holds another network to the problem, and if not ``everywhere`` in the case alone in which eta
    lies near 0. Declined where there is no reader of the programs.
    """
    network = _readable(subject)
    from spec.proof.prove import prove

    def decide(problem: Problem, other: Any = None, everywhere: bool = True) -> Any:
        if other is not None:
            return prove(problem, other, everywhere)
        if problem not in _proofs:
            _proofs[problem] = prove(problem, network(problem))
        return _proofs[problem]

    return decide


@pytest.fixture
def floats(subject: Checked, _floats: dict[Problem, Any]) -> Callable[..., Any]:
    """
    ``floats(problem)`` is the float64 arithmetic of the subject's network on one row of the problem's model.

    ``floats(problem, altered)`` is that of an altered network. Declined where there is no reader of the programs, or of this one.
    """
    network = _readable(subject)
    from spec.proof.field import Approximation
    from spec.proof.floats import Floats, one_row

    def read(problem: Problem, altered: Callable[[Any], Any] | None = None) -> Any:
        if altered is not None:
            return Floats(altered(network(one_row(problem))))
        if problem not in _floats:
            try:
                _floats[problem] = Floats(network(one_row(problem)))
            except Approximation as unread:
                pytest.skip(f"declined by {subject.describe().name}: {unread}")
        return _floats[problem]

    return read


def _readable(subject: Checked) -> Callable[..., Any]:
    """What makes the subject's networks; declined where there is no reader of their programs."""
    network = _method(subject, "network", "it has no networks whose program could be read")
    if not keras_is_installed():
        pytest.skip(f"declined by {subject.describe().name}: only the programs of Keras's networks can be read")
    from spec.proof.programs import NoReader, readable

    try:
        readable(subject.engine)
    except NoReader as absent:
        pytest.skip(f"declined by {subject.describe().name}: {absent}")
    return network


@pytest.fixture(scope="session")
def _proofs() -> dict[Problem, Any]:
    return {}


@pytest.fixture(scope="session")
def _floats() -> dict[Problem, Any]:
    return {}


@pytest.fixture(scope="session")
def _points() -> dict[Problem, Params]:
    return {}


def _willing(engine: Checked, request: pytest.FixtureRequest) -> Checked:
    """The engine; the test is skipped as declined where the engine declines its problem."""
    problem = getattr(request.node, "callspec", None) and request.node.callspec.params.get("problem")
    if problem is not None and (why := engine.declines(problem)) is not None:
        pytest.skip(f"declined by {engine.describe().name}: {why}")
    return engine


def _method(engine: Checked, name: str, what: str) -> Any:
    """A method beyond the contract; the test is skipped as declined where the engine has none."""
    if not callable(method := getattr(engine.engine, name, None)):
        pytest.skip(f"declined by {engine.describe().name}: {what}")
    return method
