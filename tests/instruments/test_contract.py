"""
The contract of an engine is enforced: what breaks it is said to be broken, and what is wrong on purpose is wrong there only.
"""

import gc
import math
import os
import re
import signal
import sys
import time
import warnings
import weakref
from dataclasses import FrozenInstanceError, fields, replace
from operator import attrgetter
from pathlib import Path

import numpy as np
import pytest

from spec import inference, likelihood, problems
from spec.engines import wrong
from spec.engines.checked import MAY_BE_ABSENT, Checked, load
from spec.engines.contract import Declined, Description, EngineError, Evaluation, Fit
from spec.engines.wrong import CONTROLS, RUNGS, Control, controls, scoring_steps
from spec.families import Binomial, Gamma, Gaussian, Multinomial, NegativeBinomial, Poisson
from spec.links import Identity, Inverse, Log, Logit, NegativeBinomialLink, Probit, Softmax, Sqrt
from spec.model import Model, Params
from spec.problems import Problem

OLS, COUNTS, LOGISTIC = Model(Gaussian(), Identity()), Model(Poisson(), Log()), Model(Binomial(), Logit())
SOFTMAX = Model(Multinomial(), Softmax())

X = np.array([[-0.75, 0.5], [0.25, -1.0], [1.0, 0.75], [-0.5, -0.25], [0.5, 1.0], [-1.0, -0.5], [0.125, 0.25], [0.625, -0.5]])
COUNTED = np.array([[1.0], [5.0], [0.0], [4.0], [3.0], [1.0], [2.0], [0.0]])
EYE = np.eye(3)[[0, 1, 1, 2, 2, 1, 1, 0]]
POISSON, LINE = Problem.of("tiny poisson", COUNTS, X, COUNTED), Problem.of("tiny least squares", OLS, X / 3, COUNTED)
GROUPS, THREE = Problem.of("tiny softmax", SOFTMAX, X, EYE), Params([0.3, 0.1, -0.3], [[0.3, -0.7, 0.9], [-0.7, 0.1, 0.6]])
SHARES = Problem.of("tiny logistic", LOGISTIC, X, COUNTED[::-1] > 1)
ORIGIN = Problem.of("through the origin", COUNTS, X, COUNTED, intercept=False)
ONE = Params([0.3], [[0.1], [-0.7]])


ROOT = Path(__file__).parents[2]


class Engine:
    """Answers ones in the right shapes, but for what it is told to answer instead; counts what it is asked."""

    def __init__(self, problem: Problem = POISSON, **instead):
        self.instead, self.asked, self.outputs = instead, [], problem.k
        n, p, k, q, m = problem.n, problem.p, problem.k, problem.q, problem.free_outputs
        information = instead.pop("information", np.ones((q * m, q * m)))

        def curvature():
            self.asked.append("information")
            if isinstance(information, Exception):
                raise information
            return information

        self.evaluation = Evaluation(np.ones((n, k)), 1.0, 1.0, -1.0, np.ones((1 + p, k)), curvature)
        self.answer = Fit(Params(np.ones(k), np.ones((p, k))), True, 3, "done", np.ones((q, m)), 1.0, -1.0)

    def describe(self):
        return Description("Test", {"test": "1.0"})

    def declines(self, problem):
        return None if problem.k == self.outputs else f"not {problem}"

    def evaluate(self, problem, params):
        self.asked.append("evaluate")
        return self._answer("evaluate", self.evaluation)

    def fit(self, problem):
        self.asked.append("fit")
        return self._answer("fit", self.answer)

    def _answer(self, method, right):
        instead = self.instead.get(method, right)
        if isinstance(instead, Exception):
            raise instead
        fields = {name: value for name, value in self.instead.items() if name in vars(right)}
        return replace(instead, **fields) if fields else instead


def broken(message: str):
    return pytest.raises(EngineError, match=f"^{re.escape(message)}$")


class NoMethods:
    pass


class Exits:
    def __init__(self):
        sys.exit(0)


class NoFitNorWords:
    declines = evaluate = staticmethod(lambda *args: None)


class NoFit:
    describe = declines = evaluate = staticmethod(lambda *args: None)
    fit = "not callable"


class TestLoad:
    @pytest.mark.parametrize("path", ["", "spec.engines.contract", "spec.engines.contract:", ":Engine", ":"])
    def test_a_path_without_module_or_name_says_how_to_write_it(self, path):
        message = f"engine {path!r}: write package.module:Engine, as in spec.engines.keras:KerasEngine."
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            load(path)

    def test_a_module_that_is_not_there_is_named(self):
        """With the folders that were searched, and what to do."""
        message = "engine 'no_such.module:Engine': cannot import no_such.module: No module named 'no_such'. It is not in "
        with pytest.raises(ValueError, match=f"^{re.escape(message)}.*PYTHONPATH=FOLDER.*that no_such is in") as caught:
            load("no_such.module:Engine")
        assert str(ROOT) in str(caught.value)

    @pytest.mark.parametrize(
        ("source", "message"),
        [
            (
                "import no_such.library",
                "No module named 'no_such'. Install no_such, which adapter imports, in this environment: ",
            ),
            ("def", "SyntaxError: "),
            ("raise SystemExit(0)", "SystemExit: 0."),
            ("import pytest; pytest.skip('not today', allow_module_level=True)", "Skipped: not today."),
        ],
    )
    def test_a_module_that_breaks_when_it_is_imported_says_how(self, tmp_path, monkeypatch, source, message):
        (tmp_path / "adapter.py").write_text(source)
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, "adapter", raising=False)
        with pytest.raises(ValueError, match="^" + re.escape(f"engine 'adapter:Engine': cannot import adapter: {message}")):
            load("adapter:Engine")

    def test_an_engine_that_cannot_be_made_says_why(self):
        message = f"engine '{__name__}:Exits': Exits() cannot be made without arguments: SystemExit: 0."
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            load(f"{__name__}:Exits")

    def test_a_name_that_is_not_there_is_named(self):
        with pytest.raises(
            ValueError, match=r"^engine 'spec\.engines\.contract:Nothing': spec\.engines\.contract has no Nothing\.$"
        ):
            load("spec.engines.contract:Nothing")

    def test_methods_that_are_missing_are_named(self):
        for name, lacks in (
            ("NoMethods", "methods describe, declines, evaluate, fit"),
            ("NoFitNorWords", "methods describe, fit"),
            ("NoFit", "method fit"),
        ):
            path = f"{__name__}:{name}"
            message = f"engine {path!r}: lacks the {lacks} of spec.engines.contract.Engine."
            with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
                load(path)

    def test_an_engine_is_made_without_arguments_and_checked(self):
        engine = load(f"{__name__}:Engine")

        assert isinstance(engine, Checked)
        assert isinstance(engine.engine, Engine)
        assert engine.fit(POISSON).reason == "done"


class TestChecked:
    def test_a_right_answer_passes_as_it_is(self):
        for problem in (POISSON, GROUPS, ORIGIN):
            engine = Engine(problem)
            params = ONE if problem.k == 1 else THREE

            evaluation, fit = Checked(engine).evaluate(problem, params), Checked(engine).fit(problem)

            assert (fit.engine, evaluation.engine) == ("Test", "Test")  # who answered, which an engine need not say
            for name in {field.name for field in fields(Fit)} - {"engine", "params"}:
                assert same(getattr(fit, name), getattr(engine.answer, name))
            assert same(fit.params.matrix, engine.answer.params.matrix)
            for name in ("mean", "loss", "loss_scale", "log_likelihood", "score", "information"):
                assert same(getattr(evaluation, name), getattr(engine.evaluation, name))

    def test_what_an_engine_does_to_its_answer_later_changes_nothing(self):
        """Many return the same array each time."""
        engine = Engine()
        checked = Checked(engine)
        evaluation, fit = checked.evaluate(POISSON, ONE), checked.fit(POISSON)
        for array in (engine.evaluation.mean, engine.evaluation.score, engine.answer.standard_errors):
            array[:] = 7.0

        assert 7.0 not in np.concatenate([evaluation.mean, evaluation.score, fit.standard_errors])

    def test_a_description_and_a_refusal_are_passed_on(self):
        checked = Checked(Engine())

        assert checked.describe() == Description("Test", {"test": "1.0"})
        assert str(checked) == "Test (test 1.0, float64)"
        assert checked.declines(POISSON) is None
        assert checked.declines(GROUPS) == "not tiny softmax"

    def test_each_problem_is_fitted_once_and_evaluated_once_at_each_parameters(self):
        engine = Engine()
        checked, other, twin = Checked(engine), replace(POISSON, name="other"), Params(ONE.intercept, ONE.coef)

        assert checked.fit(POISSON) is checked.fit(POISSON)
        checked.fit(other)
        assert engine.asked == ["fit", "fit"]
        engine.asked.clear()
        assert checked.evaluate(POISSON, ONE) is checked.evaluate(POISSON, ONE)
        checked.evaluate(POISSON, twin)
        checked.evaluate(other, ONE)
        assert engine.asked == ["evaluate"] * 3

    def test_the_information_is_computed_when_first_asked_for_and_once(self):
        engine = Engine()
        evaluation = Checked(engine).evaluate(POISSON, ONE)

        assert engine.asked == ["evaluate"]
        assert evaluation.information is evaluation.information
        assert engine.asked == ["evaluate", "information"]

    def test_fits_are_let_go_with_their_problem(self):
        checked, problem = Checked(Engine()), Problem.of("gone", COUNTS, X, COUNTED)
        checked.fit(problem)
        gone = weakref.ref(problem)
        del problem
        gc.collect()

        assert gone() is None

    def test_inference_is_the_engine_s_own_if_it_has_one_and_is_made_once(self):
        class Infers(Engine):
            def infer(self, problem):
                self.asked.append("infer")
                return self.instead["infer"]

        made = inference.infer(Checked(INSIDE), POISSON)
        engine = Infers(infer=made)
        checked = Checked(engine)

        assert checked.infer(POISSON) is checked.infer(POISSON) is made
        assert engine.asked == ["infer"]
        with broken("Test.infer(tiny poisson) answered with NoneType, the contract says Inference."):
            Checked(Infers(infer=None)).infer(POISSON)
        with broken("Test.infer(tiny poisson) raised KeyError: 'infer'"):
            Checked(Infers()).infer(POISSON)

    def test_without_one_inference_is_made_of_fits_and_evaluations_that_are_checked(self):
        fit = INSIDE.fit(POISSON)

        class Plain:
            describe, declines, fit = INSIDE.describe, INSIDE.declines, INSIDE.fit

            def evaluate(self, problem, params):
                return INSIDE.evaluate(problem, params)

        checked, theirs = Checked(Plain()), INSIDE.infer(POISSON)

        assert checked.infer(POISSON) is checked.infer(POISSON)
        assert np.allclose(checked.infer(POISSON).standard_errors, fit.standard_errors, rtol=1e-9, atol=0)
        assert checked.infer(POISSON).deviance == pytest.approx(theirs.deviance, rel=1e-10)

        class Flat(Plain):
            def evaluate(self, problem, params):
                return replace(super().evaluate(problem, params), curvature=lambda: np.zeros((3, 3)))

        with pytest.raises(np.linalg.LinAlgError):
            Checked(Flat()).infer(POISSON)
        with broken("Test.fit(tiny poisson) raised ValueError: no"):
            Checked(Engine(fit=ValueError("no"))).infer(POISSON)

    def test_standard_errors_of_a_fit_that_did_not_converge_may_be_infinite_but_are_there(self):
        unknown = np.array([[np.inf], [np.nan], [1.0]])

        assert np.array_equal(self.ask("fit", converged=False, standard_errors=unknown).standard_errors, unknown, equal_nan=True)
        with broken("Test.fit(tiny poisson): standard_errors is NaN or infinite in 2 of 3 places."):
            self.ask("fit", converged=True, standard_errors=unknown)
        with broken("Test.fit(tiny poisson): standard_errors has shape (2, 1), the contract says (3, 1)."):
            self.ask("fit", converged=False, standard_errors=unknown[1:])

    @pytest.mark.parametrize("error", [ValueError("no such thing"), ZeroDivisionError("by zero"), AssertionError("surely")])
    def test_an_engine_that_raises_is_broken(self, error):
        said = f"raised {type(error).__name__}: {error}"
        with broken(f"Test.evaluate(tiny poisson) {said}") as caught:
            Checked(Engine(evaluate=error)).evaluate(POISSON, ONE)
        assert caught.value.__cause__ is error
        with broken(f"Test.fit(tiny poisson) {said}"):
            Checked(Engine(fit=error)).fit(POISSON)
        with broken(f"Test.evaluate(tiny poisson) {said}"):
            _ = Checked(Engine(information=error)).evaluate(POISSON, ONE).information

    def test_what_it_declines_it_is_not_asked(self):
        checked = Checked(engine := Engine())
        for ask in (checked.fit, checked.infer, lambda problem: checked.evaluate(problem, THREE)):
            with pytest.raises(Declined, match=r"^declined by Test: not tiny softmax$"):
                ask(GROUPS)
        assert not engine.asked

    def test_what_an_engine_inside_it_declines_is_declined(self):
        with pytest.raises(Declined, match=r"^by another$"):
            Checked(Engine(fit=Declined("by another"))).fit(POISSON)

    def test_an_answer_of_another_kind_is_broken(self):
        with broken("Test.evaluate(tiny poisson) answered with NoneType, the contract says Evaluation."):
            Checked(Engine(evaluate=None)).evaluate(POISSON, ONE)
        with broken("Test.fit(tiny poisson) answered with ndarray, the contract says Fit."):
            Checked(Engine(fit=np.ones(3))).fit(POISSON)

    SHAPES = (
        ("evaluate", "mean", (8, 1)),
        ("evaluate", "score", (3, 1)),
        ("evaluate", "loss", ()),
        ("evaluate", "loss_scale", ()),
        ("evaluate", "log_likelihood", ()),
        ("evaluate", "information", (3, 3)),
        ("fit", "standard_errors", (3, 1)),
        ("fit", "deviance", ()),
        ("fit", "log_likelihood", ()),
    )

    def ask(self, method, problem=POISSON, **instead):
        checked = Checked(Engine(problem, **instead))
        return checked.fit(problem) if method == "fit" else checked.evaluate(problem, ONE).information

    @pytest.mark.parametrize(("method", "what", "shape"), SHAPES)
    def test_each_field_of_another_shape_is_broken(self, method, what, shape):
        for other in ((*shape, 1), shape[:-1] if shape else (2,), tuple(s + 1 for s in shape) or (0,)):
            with broken(f"Test.{method}(tiny poisson): {what} has shape {other}, the contract says {shape}."):
                self.ask(method, **{what: np.ones(other)})

    @pytest.mark.parametrize(("method", "what", "shape"), SHAPES)
    @pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
    def test_each_field_that_is_nan_or_infinite_anywhere_is_broken(self, method, what, shape, bad):
        for place in np.ndindex(shape):
            values = np.ones(shape)
            values[place] = bad
            count = f"1 of {values.size} places."
            with broken(f"Test.{method}(tiny poisson): {what} is NaN or infinite in {count}"):
                self.ask(method, **{what: values})

    @pytest.mark.parametrize(("method", "what", "shape"), SHAPES)
    def test_each_field_that_is_no_number_is_broken(self, method, what, shape):
        for value in ("one", True, 1j, [[1.0], [1.0, 2.0]]):
            with broken(f"Test.{method}(tiny poisson): {what} is {type(value).__name__}, not numbers."):
                self.ask(method, **{what: value})

    @pytest.mark.parametrize(("method", "what", "shape"), SHAPES)
    def test_a_field_that_is_none_is_declined_where_it_is_read_and_nowhere_else(self, method, what, shape):
        """With the engine's reason, if it gives one; the other fields are there."""
        what = "curvature" if what == "information" else what
        engine = Engine(POISSON, **{what: None})
        for told, why in (({}, f"it gives no {what}"), ({what: "it is private"}, "it is private")):
            engine.describe = lambda told=told: Description("Test", {}, declines=told)
            checked = Checked(engine)
            answer = checked.fit(POISSON) if method == "fit" else checked.evaluate(POISSON, ONE)
            for one, name, _ in self.SHAPES:
                if one == method and name != what and (name, what) != ("information", "curvature"):
                    assert getattr(answer, name) is not None
            with pytest.raises(Declined, match=f"^declined by Test: {why}$"):
                getattr(answer, what)

    @pytest.mark.parametrize(("method", "what", "shape"), SHAPES)
    def test_whole_numbers_are_numbers(self, method, what, shape):
        self.ask(method, **{what: np.ones(shape, dtype=int)})
        self.ask(method, **{what: np.ones(shape, dtype=np.uint8)})

    def test_parameters_are_checked_too(self):
        for params, message in (
            (Params(np.ones(2), np.ones((2, 2))), "params.intercept has shape (2,), the contract says (1,)."),
            (Params(np.ones(1), np.ones((3, 1))), "params.coef has shape (3, 1), the contract says (2, 1)."),
            (Params(np.full(1, np.nan), np.ones((2, 1))), "params.intercept is NaN or infinite in 1 of 1 places."),
            (Params(np.ones(1), np.full((2, 1), np.inf)), "params.coef is NaN or infinite in 2 of 2 places."),
        ):
            with broken(f"Test.fit(tiny poisson): {message}"):
                self.ask("fit", params=params)

    @pytest.mark.parametrize(
        ("problem", "shapes"),
        [
            (GROUPS, {"mean": (8, 3), "score": (3, 3), "information": (6, 6), "standard_errors": (3, 2), "params.coef": (2, 3)}),
            (ORIGIN, {"mean": (8, 1), "score": (3, 1), "information": (2, 2), "standard_errors": (2, 1), "params.coef": (2, 1)}),
        ],
        ids=str,
    )
    def test_shapes_are_those_of_the_problem(self, problem, shapes):
        for what, shape in shapes.items():
            method = "fit" if what in ("standard_errors", "params.coef") else "evaluate"
            params = Params(np.ones(problem.k), np.ones((7, problem.k)))
            wrong = {"params": params} if what == "params.coef" else {what: np.ones((7, 7))}
            size = (7, problem.k) if what == "params.coef" else (7, 7)
            with broken(f"Test.{method}({problem}): {what} has shape {size}, the contract says {shape}."):
                self.ask(method, problem, **wrong)

    def test_an_engine_error_is_no_verdict(self):
        assert issubclass(EngineError, RuntimeError)
        assert not issubclass(EngineError, AssertionError)


class Does(Engine):
    """Does something, then answers rightly."""

    def __init__(self, do, problem=POISSON):
        super().__init__(problem)
        self.do = do

    def declines(self, problem):
        return None

    def evaluate(self, problem, params):
        self.do(problem, params)
        return super().evaluate(problem, params)

    def fit(self, problem):
        self.do(problem, self.answer.params)
        return super().fit(problem)


def raises(error):
    def do(problem, params):
        raise error

    return do


def alters(find):
    """Adds to an array, which it makes writable first."""

    def do(problem, params):
        array = find(problem, params)
        array.flags.writeable = True
        array += 1.0

    return do


WEIGHTED = Problem.of("all kinds", COUNTS, X, COUNTED, offset=0.1 * COUNTED, weights=COUNTED[:, 0] + 1)


class TestAnEngineThatBreaksOut:
    """Whatever an engine does in a call, it is broken, by name; the next call is asked as if nothing had been."""

    @pytest.mark.parametrize(
        "error",
        [
            SystemExit(0),
            SystemExit("no"),
            KeyboardInterrupt("by itself"),
            GeneratorExit(),
            pytest.skip.Exception("not today"),
            pytest.xfail.Exception("known"),
            pytest.fail.Exception("my own verdict"),
            pytest.exit.Exception("enough"),
        ],
        ids=lambda error: f"{type(error).__name__}({error})",
    )
    def test_what_it_raises_is_no_outcome_of_the_test(self, error):
        said = f"raised {type(error).__name__}: {error}"
        checked = Checked(Does(raises(error)))
        with broken(f"Test.fit(tiny poisson) {said}"):
            checked.fit(POISSON)
        with broken(f"Test.evaluate(tiny poisson) {said}"):
            checked.evaluate(POISSON, ONE)

    @pytest.fixture
    def listening(self):
        """Ctrl-C is heard: a process that a shell starts in its background ignores it."""
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        yield
        signal.signal(signal.SIGINT, before)

    def test_the_reader_s_ctrl_c_is_the_reader_s(self, listening):
        """An engine cannot swallow it either."""

        def press(problem, params):
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(signal.SIGINT)

        for do in (press, lambda problem, params: signal.raise_signal(signal.SIGINT)):
            with pytest.raises(KeyboardInterrupt):
                Checked(Does(do)).fit(POISSON)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler

    @pytest.mark.parametrize("swallows", [False, True])
    def test_a_call_that_hangs_is_broken_after_its_time(self, swallows):
        def hang(problem, params):
            end = time.monotonic() + 30
            while time.monotonic() < end:
                try:
                    time.sleep(30)
                except BaseException:
                    if not swallows:
                        raise
                    return

        checked, began = Checked(Does(hang)), time.monotonic()
        checked.timeout = 0.2
        with broken("Test.fit(tiny poisson) did not answer within 0.2 s."):
            checked.fit(POISSON)
        assert time.monotonic() - began < 10
        assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)

    def test_a_timer_that_was_set_around_a_call_goes_on(self):
        rung = []
        before = signal.signal(signal.SIGALRM, lambda *_: rung.append(True))
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        checked = Checked(Does(lambda problem, params: time.sleep(0.1)))
        checked.timeout = 60
        checked.fit(POISSON)
        end = time.monotonic() + 10
        while not rung and time.monotonic() < end:
            time.sleep(0.01)
        signal.signal(signal.SIGALRM, before)

        assert rung

    def test_one_that_forks_and_returns_twice_is_broken_and_the_second_process_ends(self):
        here = os.getpid()
        with broken("Test.fit(tiny poisson) forked the process and returned in both."):
            Checked(Does(lambda problem, params: os.fork())).fit(POISSON)
        assert os.getpid() == here

    def test_a_process_that_comes_back_later_is_told_in_the_next_call(self):
        def fork(problem, params):
            if os.fork() == 0:
                time.sleep(1)

        checked = Checked(Does(fork))
        checked.fit(POISSON)
        time.sleep(1.5)
        with broken("Test.fit(tiny poisson) forked the process and returned in both."):
            checked.evaluate(POISSON, ONE)

    def test_a_process_that_ends_by_itself_is_the_engine_s_own_business(self):
        def fork(problem, params):
            if os.fork() == 0:
                os._exit(3)
            os.wait()

        assert Checked(Does(fork)).fit(POISSON).converged

    @pytest.mark.parametrize(
        ("name", "find"),
        [
            ("X", lambda problem, params: problem.data.X),
            ("y", lambda problem, params: problem.data.y),
            ("offset and free_offset", lambda problem, params: problem.data.offset),
            ("weights", lambda problem, params: problem.data.weights),
            ("design", lambda problem, params: problem.design),
            ("row_weights", lambda problem, params: problem.row_weights),
        ],
    )
    def test_one_that_alters_its_problem_is_broken_and_the_problem_is_put_back(self, name, find):
        before = find(WEIGHTED, ONE).copy()
        message = f"Test.fit(all kinds) altered {name}, which it was given to read."
        with broken(message):
            Checked(Does(alters(find), WEIGHTED)).fit(WEIGHTED)

        assert same(find(WEIGHTED, ONE), before)
        assert not WEIGHTED.X.flags.writeable
        with broken(message):  # whatever else it does
            Checked(Does(lambda *given: (alters(find)(*given), pytest.skip("not today")), WEIGHTED)).fit(WEIGHTED)

    def test_one_that_alters_its_parameters_is_broken(self):
        params = Params([0.3], [[0.1], [-0.7]])
        with broken("Test.evaluate(tiny poisson) altered params.coef, which it was given to read."):
            Checked(Does(alters(lambda problem, params: params.coef))).evaluate(POISSON, params)
        assert same(params.matrix, ONE.matrix)
        for array in (params.coef, params.intercept):
            with pytest.raises(ValueError, match="read-only"):
                array[:] = 0.0

    def test_its_warnings_are_no_errors_and_are_kept_once(self):
        def warn(problem, params):
            warnings.warn("overflow in exp", RuntimeWarning, stacklevel=1)

        checked = Checked(Does(warn))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            checked.fit(POISSON)
            checked.evaluate(POISSON, ONE)

        assert checked.warned == {"RuntimeWarning: overflow in exp": "Test.fit(tiny poisson)"}

    def test_how_numpy_is_to_treat_overflow_is_as_it_was(self):
        before = np.geterr()
        Checked(Does(lambda problem, params: np.seterr(all="raise"))).fit(POISSON)

        assert np.geterr() == before

    @pytest.mark.parametrize(
        ("what", "value", "expected"),
        [
            ("iterations", -1, "a whole number from 0"),
            ("iterations", 2.5, "a whole number from 0"),
            ("iterations", np.inf, "a whole number from 0"),
            ("iterations", True, "a whole number from 0"),
            ("iterations", "3", "a whole number from 0"),
            ("converged", 1, "True or False"),
            ("converged", "yes", "True or False"),
            ("converged", None, "True or False"),
            ("reason", None, "words"),
            ("loss_scale", -1.0, "a positive number"),
            ("loss_scale", 0.0, "a positive number"),
        ],
    )
    def test_a_field_out_of_its_range_is_broken(self, what, value, expected):
        method = "evaluate" if what == "loss_scale" else "fit"
        with broken(f"Test.{method}(tiny poisson): {what} is {value!r}, the contract says {expected}."):
            TestChecked().ask(method, **{what: value})

    def test_numbers_of_numpy_are_numbers(self):
        fit = Checked(Engine(iterations=np.int32(4), converged=np.bool_(True))).fit(POISSON)

        assert fit.iterations == 4
        assert fit.converged

    def test_parameters_of_another_kind_are_broken(self):
        with broken("Test.fit(tiny poisson): params is ndarray, the contract says Params."):
            TestChecked().ask("fit", params=np.ones((3, 1)))

    @pytest.mark.parametrize("why", ["", "  ", True, 3, ["a"]])
    def test_a_reason_to_decline_that_is_none_is_broken(self, why):
        engine = Engine()
        engine.declines = lambda problem: why
        with broken(f"Test.declines(tiny poisson) answered with {why!r}, the contract says None or a reason in words."):
            Checked(engine).declines(POISSON)

    def test_one_that_raises_when_it_is_to_decline_is_broken(self):
        engine = Engine()
        engine.declines = lambda problem: pytest.skip("no")
        with broken("Test.declines(tiny poisson) raised Skipped: no"):
            Checked(engine).fit(POISSON)

    @pytest.mark.parametrize(
        ("told", "why"),
        [
            (None, " answered with NoneType, the contract says Description."),
            ({"name": "Test"}, " answered with dict, the contract says Description."),
            (Description("", {}), ": name is '', the contract says a text."),
            (Description(None, {}), ": name is None, the contract says a text."),
            (Description("Test", {}, dtype=np.float64), ": dtype is <class 'numpy.float64'>, the contract says a text."),
            (Description("Test", {"test": 1.0}), ": versions is {'test': 1.0}, the contract says a dictionary of texts."),
            (Description("Test", "1.0"), ": versions is '1.0', the contract says a dictionary of texts."),
            (
                Description("Test", {}, declines={"score": ""}),
                ": declines is {'score': ''}, the contract says a dictionary of texts.",
            ),
        ],
    )
    def test_one_whose_description_is_none_is_broken_in_all_it_answers(self, told, why):
        engine = Engine()
        engine.describe = lambda: told
        checked = Checked(engine)

        assert checked.describe() == Description("Engine", {})
        for ask in (checked.declines, checked.fit, checked.infer, lambda problem: checked.evaluate(problem, ONE)):
            with broken(f"Engine.describe(){why}"):
                ask(POISSON)
        assert not engine.asked

    def test_one_that_cannot_describe_itself_is_broken_in_all_it_answers(self):
        engine = Engine()
        engine.describe = lambda: sys.exit(0)
        with broken("Engine.describe() raised SystemExit: 0"):
            Checked(engine).fit(POISSON)

    def test_fields_that_it_declines_are_those_that_may_be_absent(self):
        engine = Engine()
        engine.describe = lambda: Description("Test", {}, declines={"standard_error": "none"})
        with pytest.raises(
            EngineError, match=r"^Engine.describe\(\): declines names standard_error; the fields .* standard_errors\.$"
        ):
            Checked(engine).fit(POISSON)

    def test_data_that_cannot_be_loaded_are_no_fault_of_the_engine(self):
        """Data sets come with libraries that may not be there."""

        def load():
            raise ModuleNotFoundError("No module named 'statsmodels'", name="statsmodels")

        absent = Problem("absent", COUNTS, load)
        for ask in (Checked(Engine()).fit, Checked(Engine()).declines):
            with pytest.raises(ModuleNotFoundError):
                ask(absent)


class TestRecords:
    def test_a_description_says_its_versions_and_its_precision(self):
        assert str(Description("keras", {"keras": "3.1", "tensorflow": "2.16"}, "cpu", "float32", "https://keras.io")) == (
            "keras (keras 3.1, tensorflow 2.16, float32)"
        )
        assert str(Description("mine", {})) == "mine"
        assert Description("mine", {}) == Description("mine", {}, "", "float64", "")

    def test_answers_do_not_change(self):
        engine = Engine()
        for record in (engine.evaluation, engine.answer, engine.describe()):
            with pytest.raises(FrozenInstanceError):
                record.name = record.loss = 0
        for record in (engine.evaluation, engine.answer):  # arrays have no equality that is a truth value
            assert len({record, replace(record)}) == 2


# -- controls ------------------------------------------------------------------------------------------------------------

INSIDE = load("spec.engines.statsmodels:StatsmodelsEngine")
WHERE = ((POISSON, ONE), (SHARES, ONE), (LINE, ONE), (GROUPS, THREE), (ORIGIN, Params([0.0], [[0.1], [-0.7]])))
FIELDS = {
    "mean": ("mean",),
    "objective": ("loss", "loss_scale", "log_likelihood"),
    "gradient": ("score",),
    "curvature": ("information",),
}
APPLICABLE = [
    pytest.param(wrong, problem, params, id=f"{wrong.__name__}-{problem}")
    for wrong in CONTROLS
    for problem, params in WHERE
    if wrong.applies(problem) is None
]
FAMILIES = {
    "Zeros": RUNGS,
    "WrongLink": (*RUNGS, "inference"),
    "WrongLoss": ("objective", "gradient", "curvature", "optimum", "inference"),
    "NoBias": RUNGS,
    "Ridge": ("objective", "gradient", "curvature", "optimum", "inference"),
    "StoppedEarly": ("optimum", "inference"),
    "Nudged": ("optimum", "inference"),
    "ClassesPermuted": (*RUNGS, "inference"),
    "Float32": (*RUNGS, "inference"),
}


def same(one: object, other: object) -> bool:
    return bool(np.array_equal(np.asarray(one), np.asarray(other)))


class TestControls:
    def test_the_rungs_and_what_each_control_spoils(self):
        assert RUNGS == ("mean", "objective", "gradient", "curvature", "optimum")
        assert {wrong.__name__: wrong.spoils for wrong in CONTROLS} == FAMILIES
        assert Control.spoils == ()

    @pytest.mark.parametrize(("wrong", "problem", "params"), APPLICABLE)
    def test_a_control_spoils_the_rungs_it_says_and_no_other(self, wrong, problem, params):
        engine = wrong(INSIDE)
        null = likelihood.null_params(problem)
        right, other = INSIDE.evaluate(problem, params), engine.evaluate(problem, params)
        right_null, other_null = INSIDE.evaluate(problem, null), engine.evaluate(problem, null)

        for rung, names in FIELDS.items():
            if rung not in wrong.spoils:
                assert all(same(getattr(right, name), getattr(other, name)) for name in names)
            elif rung == "objective":
                gained = right_null.log_likelihood - right.log_likelihood
                found = -(other_null.loss - other.loss) * problem.n / other.loss_scale
                assert abs(found - gained) > 1e-9 * abs(gained)
            else:
                (name,) = names
                size = np.abs(getattr(right, name)).max()
                assert np.abs(getattr(other, name) - getattr(right, name)).max() > 1e-10 * size
        away = np.abs(problem.free(engine.fit(problem).params) - problem.free(INSIDE.fit(problem).params))
        away = (away / INSIDE.fit(problem).standard_errors).max()
        assert away > 1e-9 if "optimum" in wrong.spoils else away == 0

    def test_a_control_that_spoils_nothing_answers_what_is_inside(self):
        plain = Control(INSIDE)

        assert plain.evaluate(POISSON, ONE) is INSIDE.evaluate(POISSON, ONE)
        assert plain.fit(POISSON) is INSIDE.fit(POISSON)
        assert plain.declines(POISSON) is None
        assert Control.applies(POISSON) is None

    def test_a_control_wraps_statsmodels_unless_told_otherwise(self):
        assert Control().inside.describe().name == "statsmodels"
        assert Control(INSIDE).inside is INSIDE

    def test_a_control_says_that_it_is_one(self):
        said = wrong.Nudged(Engine()).describe()

        assert said == Description("Nudged (a control: wrong on purpose) around Test", {"test": "1.0"})

    def test_a_control_declines_where_it_cannot_be_wrong_and_where_its_inside_declines(self):
        assert wrong.ClassesPermuted(Engine()).declines(POISSON) == "there are no classes to permute"
        assert wrong.WrongLink(Engine()).declines(GROUPS) == "no other link is known for the multinomial family"
        assert wrong.Nudged(Engine()).declines(GROUPS) == "not tiny softmax"
        assert wrong.Nudged(Engine()).declines(POISSON) is None

    def test_where_a_control_cannot_be_wrong_it_says_why(self):
        no_bias = "there is no bias, or without it the means leave the family's domain"
        no_loss = "squared error is right for the Gaussian, and for softmax the engine inside has none"
        inverse = Problem.of("inverse", Model(Gamma(), Inverse()), X, COUNTED + 1)
        identity = Problem.of("identity", Model(Poisson(), Identity()), X, COUNTED)
        expected = {
            wrong.WrongLink: {GROUPS: "no other link is known for the multinomial family"},
            wrong.WrongLoss: {LINE: no_loss, GROUPS: no_loss},
            wrong.NoBias: {ORIGIN: no_bias, inverse: no_bias, identity: no_bias},
            wrong.ClassesPermuted: dict.fromkeys(
                (POISSON, SHARES, LINE, ORIGIN, inverse, identity), "there are no classes to permute"
            ),
        }
        for control in CONTROLS:
            for problem in (POISSON, SHARES, LINE, GROUPS, ORIGIN, inverse, identity):
                assert control.applies(problem) == expected.get(control, {}).get(problem)

    @pytest.mark.parametrize(
        ("rung", "problem", "names"),
        [
            ("mean", POISSON, "Zeros WrongLink NoBias Float32"),
            ("objective", POISSON, "Zeros WrongLink WrongLoss NoBias Ridge Float32"),
            ("gradient", LINE, "Zeros WrongLink NoBias Ridge Float32"),
            ("curvature", GROUPS, "Zeros NoBias Ridge ClassesPermuted Float32"),
            ("optimum", ORIGIN, "Zeros WrongLink WrongLoss Ridge StoppedEarly Nudged Float32"),
            ("optimum", GROUPS, "Zeros NoBias Ridge StoppedEarly Nudged ClassesPermuted Float32"),
        ],
        ids=str,
    )
    def test_controls_of_a_rung_are_those_that_spoil_it_for_the_problem(self, rung, problem, names):
        assert " ".join(wrong.__name__ for wrong in controls(rung, problem)) == names

    @pytest.mark.parametrize(
        ("model", "link"),
        [
            (LOGISTIC, Probit()),
            (Model(Binomial(), Probit()), Logit()),
            (Model(Binomial(), Log()), Logit()),
            (COUNTS, Sqrt()),
            (OLS, Sqrt()),
            (Model(Gamma(), Inverse()), Log()),
            (Model(Poisson(), Sqrt()), Log()),
            (Model(NegativeBinomial(0.5), NegativeBinomialLink(0.5)), Log()),
        ],
        ids=str,
    )
    def test_a_wrong_link_is_another_of_the_family(self, model, link):
        assert wrong.WrongLink._wrong(model) == Model(model.family, link)

    def test_answers_that_are_wrong_are_wrong_in_the_way_they_say(self):
        right, zeros = INSIDE.evaluate(POISSON, ONE), wrong.Zeros(INSIDE)
        answer = zeros.evaluate(POISSON, ONE)
        assert (answer.loss, answer.log_likelihood, answer.loss_scale) == (0, 0, right.loss_scale)
        for values in (answer.mean, answer.score, answer.information, zeros.fit(POISSON).params.matrix):
            assert (values == 0).all()
        assert zeros.fit(GROUPS).params.matrix.shape == (3, 3)

        sqrt = replace(POISSON, model=Model(Poisson(), Sqrt()))
        assert same(wrong.WrongLink(INSIDE).evaluate(POISSON, ONE).mean, INSIDE.evaluate(sqrt, ONE).mean)
        squared = replace(POISSON, model=Model(Gaussian(), Log()))
        assert same(wrong.WrongLoss(INSIDE).evaluate(POISSON, ONE).score, INSIDE.evaluate(squared, ONE).score)

    def test_a_wrong_link_is_fitted_to_the_right_means(self):
        mu = POISSON.model.link.inverse(POISSON.eta(INSIDE.fit(POISSON).params))
        expected, *_ = np.linalg.lstsq(POISSON.design, np.sqrt(mu), rcond=None)

        assert np.allclose(wrong.WrongLink(INSIDE).fit(POISSON).params.matrix, expected)

    def test_a_wrong_loss_is_fitted_by_three_steps(self):
        squared = replace(POISSON, model=Model(Gaussian(), Log()))
        expected = scoring_steps(squared, INSIDE.fit(POISSON).params, 3)

        assert np.array_equal(wrong.WrongLoss(INSIDE).fit(POISSON).params.matrix, expected.matrix)

    def test_a_forgotten_bias_is_zero_and_has_neither_score_nor_information(self):
        no_bias = wrong.NoBias(INSIDE)
        for problem, params in ((POISSON, ONE), (GROUPS, THREE)):
            right = INSIDE.evaluate(problem, Params(0 * params.intercept, params.coef))
            answer = no_bias.evaluate(problem, params)
            assert same(answer.mean, right.mean)
            assert (answer.score[0] == 0).all()
            assert same(answer.score[1:], right.score[1:])
            bias = np.arange(problem.q * problem.free_outputs) % problem.q == 0
            assert (answer.information[bias] == 0).all()
            assert (answer.information[:, bias] == 0).all()
            assert same(answer.information[np.ix_(~bias, ~bias)], right.information[np.ix_(~bias, ~bias)])
        fit = no_bias.fit(POISSON)
        assert (fit.params.intercept == 0).all()
        assert np.abs(likelihood.score(replace(POISSON, intercept=False), fit.params)).max() < 1e-6

    def test_a_ridge_is_a_millionth_of_half_the_square(self):
        ridge = wrong.Ridge(INSIDE)
        for problem, params in ((POISSON, ONE), (GROUPS, THREE), (ORIGIN, Params([0.0], ONE.coef))):
            right, answer = INSIDE.evaluate(problem, params), ridge.evaluate(problem, params)
            penalty = 1e-6 * (params.matrix**2).sum() / 2
            assert right.log_likelihood - answer.log_likelihood == pytest.approx(penalty, rel=1e-6)
            assert answer.loss - right.loss == pytest.approx(penalty / problem.n, rel=1e-6)
            assert np.allclose(right.score - answer.score, 1e-6 * params.matrix, rtol=0, atol=1e-13)
            size = problem.q * problem.free_outputs
            assert np.allclose(answer.information - right.information, 1e-6 * np.eye(size), rtol=0, atol=1e-13)
            free = problem.free(ridge.fit(problem).params)
            assert np.allclose(likelihood.score(problem, ridge.fit(problem).params), 1e-6 * free, rtol=1e-3, atol=1e-12)

    def test_a_ridge_leaves_the_score_of_a_bias_that_is_not_there(self):
        answer = wrong.Ridge(INSIDE).evaluate(ORIGIN, ONE)

        assert answer.score[0, 0] == 0

    def test_a_ridge_counts_in_the_loss_by_its_scale(self):
        engine = Engine(loss_scale=2.0)

        assert wrong.Ridge(engine).evaluate(POISSON, ONE).loss - 1 == pytest.approx(2 * 1e-6 * 0.59 / 2 / 8, rel=1e-6)

    def test_an_early_stop_is_two_half_steps_that_are_called_enough(self):
        fit = wrong.StoppedEarly(INSIDE).fit(POISSON)

        assert (fit.converged, fit.reason) == (True, "two steps seemed enough")
        assert np.array_equal(fit.params.matrix, scoring_steps(POISSON, likelihood.null_params(POISSON), 2, 0.5).matrix)

    def test_a_nudge_is_a_millionth_of_a_standard_error_of_the_last_coefficient(self):
        for problem in (POISSON, GROUPS):
            right, fit = INSIDE.fit(problem), wrong.Nudged(INSIDE).fit(problem)
            away = (problem.free(fit.params) - problem.free(right.params)) / right.standard_errors
            assert away[-1, -1] == pytest.approx(1e-6, rel=1e-6)
            away[-1, -1] = 0
            assert (away == 0).all()

    def test_classes_that_are_permuted_are_the_last_two(self):
        permuted = wrong.ClassesPermuted(INSIDE)
        swapped = Params(THREE.intercept[[0, 2, 1]], THREE.coef[:, [0, 2, 1]])

        assert same(permuted.evaluate(GROUPS, THREE).mean, INSIDE.evaluate(GROUPS, swapped).mean)
        assert same(permuted.fit(GROUPS).params.matrix[:, [0, 2, 1]], INSIDE.fit(GROUPS).params.matrix)

    def test_single_precision_is_that_of_every_number(self):
        single = wrong.Float32(INSIDE)
        for problem, params in ((POISSON, ONE), (GROUPS, THREE)):
            right, answer = INSIDE.evaluate(problem, params), single.evaluate(problem, params)
            pairs = [(getattr(right, f), getattr(answer, f)) for f in ("mean", "loss", "log_likelihood", "score", "information")]
            pairs.append((INSIDE.fit(problem).params.matrix, single.fit(problem).params.matrix))
            for exact, found in pairs:
                assert np.asarray(found).dtype == float
                assert same(np.asarray(exact).astype(np.float32), found)
            assert type(answer.loss) is type(answer.log_likelihood) is float

    @pytest.mark.parametrize(
        "problem", [problems.get("spector-logit"), problems.get("scotland"), problems.get("anes96")], ids=str
    )
    def test_controls_spoil_published_problems_too(self, problem):
        for control in controls("optimum", problem):
            away = np.abs(problem.free(control(INSIDE).fit(problem).params) - problem.free(INSIDE.fit(problem).params))
            assert (away / INSIDE.fit(problem).standard_errors).max() > 1e-10


class TestSteps:
    def test_a_step_solves_the_information_for_the_score(self):
        for problem, params in ((POISSON, ONE), (GROUPS, THREE)):
            free = problem.free(params)
            step = np.linalg.solve(likelihood.expected_information(problem, params), likelihood.score(problem, params).T.ravel())
            step = step.reshape(problem.free_outputs, problem.q).T
            assert np.allclose(problem.free(scoring_steps(problem, params, 1)), free + step, rtol=1e-12, atol=0)
            assert np.allclose(problem.free(scoring_steps(problem, params, 1, 0.25)), free + step / 4, rtol=1e-12, atol=0)
            assert scoring_steps(problem, params, 0) is params

    def test_a_penalty_is_in_the_score_and_in_the_information(self):
        free = POISSON.free(ONE)
        information = likelihood.expected_information(POISSON, ONE) + 3 * np.eye(3)
        step = np.linalg.solve(information, (likelihood.score(POISSON, ONE) - 3 * free).ravel())[:, None]

        assert np.allclose(POISSON.free(scoring_steps(POISSON, ONE, 1, penalty=3.0)), free + step, rtol=1e-12, atol=0)

    def test_steps_end_at_the_optimum_by_default(self):
        params = scoring_steps(POISSON, ONE, 20)

        assert np.abs(likelihood.score(POISSON, params)).max() < 1e-12

    def test_a_step_that_leaves_the_domain_is_halved(self):
        problem = Problem.of("identity", Model(Poisson(), Identity()), [[0.0], [1.0]], [[1.0], [0.0]])
        params = Params([1.0], [[-0.75]])
        free = problem.free(params)
        step = np.linalg.solve(likelihood.expected_information(problem, params), likelihood.score(problem, params).ravel())[
            :, None
        ]
        assert not likelihood.in_domain(problem, problem.params(free + step))

        halved = problem.free(scoring_steps(problem, params, 1)) - free
        ratio = math.log2(step[1, 0] / halved[1, 0])

        assert ratio == pytest.approx(round(ratio))
        assert ratio > 0.5
        assert np.allclose(halved, step / 2**ratio)
        assert not likelihood.in_domain(problem, problem.params(free + 2 * halved))


def test_the_page_of_your_own_engine_names_what_there_is():
    """Each attribute of a problem in its table, and each field that may be None."""
    page = (Path(__file__).parents[2] / "docs" / "your_engine.md").read_text(encoding="utf-8")
    named = re.findall(r"^\| `problem\.([a-z_.A-Z]+)` \|", page, re.MULTILINE)
    absent = re.search(r"These may be None:(.*?)The\s+claims", page, re.DOTALL)

    assert len(named) > 8
    for name in named:
        attrgetter(name)(POISSON)
    assert set(re.findall(r"`([a-z_]+)`", absent[1])) == MAY_BE_ABSENT  # of an `Evaluation` and a `Fit`, without their capitals
