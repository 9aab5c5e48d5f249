"""Each engine with one fault is refused by a claim, and the right one by none."""

import inspect
import warnings
from itertools import chain

import numpy as np
import pytest

from spec import problems
from spec.engines.checked import Checked, load
from spec.engines.contract import Declined
from spec.engines.formulas import Formulas
from spec.evidence.preconditions import PreconditionFailed
from tests.claims import test_05_any_number_of_inputs as sizes
from tests.claims import test_06_every_inverse_link_is_a_glm as ladder
from tests.claims import test_09_inference as inference
from tests.claims import test_16_searched_problems as searched
from tests.claims.points import anywhere
from tests.claims.test_11_whether_an_optimum_exists import test_1_separated_data as separated
from tests.claims.test_12_offsets_weights_and_counts import test_6_together as together
from tests.instruments.wrong_engines import FAULTS, OTHER_UNITS, Faulty

CLAIMS = [  # what of the claims sees the faults, each with its cases
    (together.test_with_offsets_weights_and_trials_the_network_is_still_the_model, problems.COMBINED),
    (together.test_trained_beside_all_of_them_the_network_holds_the_optimum, problems.COMBINED),
    (together.test_inference_keeps_offsets_weights_and_trials, problems.COMBINED),
    (separated.test_no_fit_of_separated_data_says_that_it_converged, separated.RUNAWAY),
    (inference.test_a_fit_has_the_deviance_likelihood_and_errors_of_its_optimum, inference.PLANTED),
    (inference.test_a_log_likelihood_has_its_constants, inference.PLANTED),
    (inference.test_inference_comes_out_of_the_network_alone, [*inference.FEW, problems.get("noint1")]),
    (ladder.test_the_back_propagated_gradient_is_the_score_of_the_model, [problems.get("noint1")]),
    (sizes.test_a_network_of_any_size_is_its_model, problems.SIZED),
    (searched.test_the_network_has_its_digits_to_the_ends_of_float64, [each.values[0] for each in searched.ENDS]),
]
REFERENCE = load("spec.engines.statsmodels:StatsmodelsEngine")


def problem_of(case):
    """The problem that a case is about."""
    if isinstance(case, searched.Case):
        return case.drawn[0]
    return getattr(case, "problem", case)


def refusal(engine, where):
    """What the first claim says that refuses the engine, of the cases about problems ``where``; None if none does."""
    engine = Checked(engine)
    for claim, case in chain.from_iterable(((claim, case) for case in cases) for claim, cases in CLAIMS):
        problem = problem_of(case)
        if not where(problem):
            continue
        fixtures = {"problem": problem, "case": case, "subject": engine, "reference": REFERENCE}
        wanted = inspect.signature(claim).parameters
        if "params" in wanted:
            fixtures["params"] = anywhere(problem, np.random.default_rng(0))
        try:
            claim(**{name: fixtures[name] for name in wanted})
        except AssertionError as refused:
            return str(refused)
        except (Declined, PreconditionFailed):
            continue
    return None


@pytest.mark.parametrize("name", FAULTS)
def test_an_engine_with_one_fault_is_refused(name):
    """By a claim about a problem of the kind that the fault is about."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # far out a fault may divide by zero
        found = refusal(Faulty(name, FAULTS[name]), FAULTS[name].where)

    assert found is not None, f"no claim refuses {name}"
    assert found.startswith(("not the same", "the fit says that it converged"))


@pytest.mark.parametrize("engine", [Formulas, lambda: Faulty("in other units", OTHER_UNITS)], ids=["right", "other-units"])
def test_a_right_engine_is_accepted(engine):
    """The same claims, all their cases: also of an engine whose loss has another scale, and a term free of the parameters."""
    assert refusal(engine(), lambda problem: problem.n < 5000) is None
