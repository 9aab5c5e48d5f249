"""Departures of libraries that docs/findings.md tells: each seen here, so that a release which mends one is noticed."""

import os
import subprocess
import sys
import warnings

import numpy as np
import pytest
from scipy import stats

from spec import problems
from spec.engines.contract import Recipe
from spec.engines.keras.backend import BACKEND
from spec.engines.keras.engine import KerasEngine
from spec.engines.keras.network import use_float64
from spec.engines.keras.versions import RELEASE, keras
from spec.engines.statsmodels import engine, versions
from spec.engines.statsmodels.inference import wald
from spec.evidence.exact import exact_inference
from spec.evidence.rungs import proven_optimum
from spec.families import Gamma
from spec.links import Inverse
from spec.model import Model, Params
from spec.problems import Problem

RAISES = pytest.mark.skipif(versions.RELEASE < (0, 14), reason="statsmodels raises PerfectSeparationError before 0.14")
ON_TENSORFLOW = BACKEND.name == "tensorflow"
GLM, MNLogit, OLS = engine.GLM, engine.MNLogit, engine.OLS
families, links = versions.families, versions.links


@pytest.fixture(autouse=True)
def quiet():
    """What the libraries say of these fits is not the finding."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield


def digits(found, exact):
    return float(-np.log10(np.max(np.abs(np.asarray(found) / np.asarray(exact) - 1)) + 1e-17))


def test_glm_calls_collinear_fits_converged_that_are_nowhere_near():
    """With a column that is the sum of two others, some default fits report convergence at a deviance ten times too large."""
    rng, wrong = np.random.default_rng(0), 0
    for _ in range(40):
        X = rng.normal(size=(200, 2))
        y = (rng.random(200) < 1 / (1 + np.exp(-X @ [1, -1]))).astype(float)
        right = GLM(y, np.c_[np.ones(200), X], family=families.Binomial()).fit()
        collinear = GLM(y, np.c_[np.ones(200), X, X.sum(axis=1)], family=families.Binomial()).fit()
        wrong += bool(collinear.converged and collinear.deviance > 10 * right.deviance)

    assert wrong > 0


@RAISES
def test_glm_calls_separated_fits_converged():
    """On separated data the default rule is met, since the deviance has no more to lose: no weights are an optimum there."""
    x = np.repeat([-1.0, 1.0], 10)
    fit = GLM((x > 0).astype(float), x[:, None], family=families.Binomial()).fit()

    assert fit.converged
    assert fit.bse[0] > 1000


@RAISES
def test_get_prediction_refuses_as_many_rows_as_columns():
    """The check of the weights' shape compares with the number of columns: a saturated model has no prediction intervals."""
    fit = GLM(np.array([3.0, 5.0]), np.array([[1.0, 0.0], [1.0, 1.0]]), family=families.Poisson()).fit()

    with pytest.raises(ValueError, match="weights has wrong shape"):
        fit.get_prediction()


def test_an_interval_may_leave_the_domain():
    """In a Gamma model with the inverse link an end of eta below zero comes out as a negative mean."""
    problem = problems.get("by-hand-gamma-inverse-two-groups")
    assert problem.model == Model(Gamma(), Inverse())
    fit = GLM(problem.y[:, 0], problem.design, family=engine.family(problem.model)).fit(use_t=True)

    assert fit.get_prediction().conf_int().min() < 0


def test_mnlogit_stops_its_null_model_early():
    """The log-likelihood of the null model, a closed form, is right to some nine digits."""
    problem = problems.get("softmax-32-to-16")
    share = problem.y.mean(axis=0)
    exact = float((problem.y * np.log(share)).sum())

    assert 8 < digits(MNLogit(problem.y.argmax(axis=1), problem.design).fit(disp=0).llnull, exact) < 12


def test_ols_by_qr_has_half_the_digits_of_a_standard_error():
    """OLS(method="qr") inverts R'R, which squares the condition number: 8 digits on Longley's data, 12 by the default."""
    problem = problems.get("longley")
    exact = [float(row[0]) for row in exact_inference(problem, proven_optimum(problem)).standard_errors]
    qr, pinv = (OLS(problem.y[:, 0], problem.design).fit(method=method).bse for method in ("qr", "pinv"))

    assert digits(qr, exact) < 9
    assert digits(pinv, exact) > 11


@pytest.mark.skipif(versions.RELEASE < (0, 14), reason="statsmodels has no likelihood of Tweedie before 0.14")
def test_tweedie_has_an_infinite_likelihood_near_power_1():
    """The argument of Wright's function overflows before its logarithm is taken."""
    family = families.Tweedie(links.Log(), var_power=1.005)

    assert np.isinf(family.loglike_obs(np.array([15.0]), np.array([15.0]))).all()


@pytest.mark.skipif(RELEASE < (3, 14) or not ON_TENSORFLOW, reason="Keras before 3.14, JAX and torch keep the factor in floatx")
def test_keras_rounds_a_penalty_to_single_precision():
    """From 3.14 on L2(0.1) has the factor float32(0.1) in a float64 network: eight digits."""
    problem = problems.get("gaussian-identity")
    network = KerasEngine().network(problem, Recipe(l2=0.1))
    network.weights = [np.ones((3, 1)), np.zeros(1)]
    plain = KerasEngine().network(problem)
    plain.params = Params(np.zeros(1), np.ones((3, 1)))
    factor = (network.objective() - plain.objective()) / 3

    assert digits(factor, float(np.float32(0.1))) > 12
    assert digits(factor, 0.1) < 9


def test_the_weights_of_shares_make_a_third_likelihood():
    """Shares with their trials as var_weights: neither the likelihood of the counts nor that of the rows."""
    trials, successes = np.array([8.0, 16.0]), np.array([3.0, 5.0])
    fit = GLM(successes / trials, np.ones((2, 1)), family=families.Binomial(), var_weights=trials).fit()
    counts = stats.binom(trials, fit.mu).logpmf(successes).sum()
    rows = (successes * np.log(fit.mu) + (trials - successes) * np.log(1 - fit.mu)).sum()

    assert abs(fit.llf - counts) > 1
    assert abs(fit.llf - rows) > 1


@pytest.mark.skipif(RELEASE >= (2, 10), reason="Keras averages in the losses' own precision from 2.10 on")
def test_the_reduction_of_keras_is_in_single_precision():
    """Before 2.10 a float64 loss is rounded to float32 before it is averaged: eight digits."""
    rows = np.array([[0.1], [0.2], [0.4]])
    loss = keras.losses.MeanSquaredError()(0 * rows, rows).numpy()

    assert loss.dtype == "float64"
    assert 6 < digits(loss, 0.07) < 9


@pytest.mark.skipif(versions.RELEASE >= (0, 14, 1), reason="statsmodels reads both column by column from 0.14.1 on")
def test_the_wald_test_of_mnlogit_mixes_its_coefficients():
    """Before 0.14.1 the coefficients are read row by row and their covariance column by column: no digit is right."""
    problem = problems.get("softmax-3-to-3")
    fit = MNLogit(problem.y.argmax(axis=1), problem.design).fit(disp=0)
    slopes = np.asarray(fit.params).ravel(order="F")[np.tile(np.arange(problem.q) > 0, 2)]
    tested = np.eye(2 * problem.q)[np.tile(np.arange(problem.q) > 0, 2)]
    right = slopes @ np.linalg.solve(tested @ fit.cov_params() @ tested.T, slopes)

    assert digits(wald(fit, tested), right) < 1


@pytest.mark.skipif(versions.RELEASE >= (0, 14), reason="statsmodels warns of it from 0.14 on")
def test_glm_refuses_a_saturated_table():
    """Before 0.14 fitted means that are the responses raise, separated or not."""
    with pytest.raises(Exception, match="Perfect separation detected"):
        GLM(np.array([3.0, 5.0]), np.array([[1.0, 0.0], [1.0, 1.0]]), family=families.Poisson()).fit()


def test_glm_has_no_log_likelihood_of_rows_of_weight_zero():
    """It takes the logarithm of each weight where the family has a dispersion."""
    rng = np.random.default_rng(0)
    X, y = np.column_stack([np.ones(50), rng.normal(size=50)]), rng.gamma(2, 1, 50)
    weights = np.where(np.arange(50) % 3 == 0, 0.0, 1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        of_gamma, of_gaussian = (
            GLM(y, X, family=family, var_weights=weights).fit()
            for family in (versions.family("Gamma", versions.link_class("Log")()), families.Gaussian())
        )
        found = of_gamma.llf, of_gaussian.llf
    left = GLM(y[weights > 0], X[weights > 0], family=families.Gaussian()).fit()

    assert np.isnan(found[0])
    assert found[1] == -np.inf
    assert of_gaussian.params == pytest.approx(left.params, rel=1e-9)
    assert of_gaussian.scale * 48 == pytest.approx(left.scale * (weights.sum() - 2), rel=1e-9)  # it counts among the rows


# -- what is beneath Keras ------------------------------------------------------------------------------------------------


@pytest.mark.skipif(ON_TENSORFLOW, reason="On TensorFlow Keras keeps float64")
def test_keras_computes_in_float32_whatever_it_is_told():
    """A squared error in float64, floatx and all, has the digits of float32; in this process the engine has undone that."""
    told = "import keras, numpy as np; keras.config.set_floatx('float64'); x = np.array([[0.1]])"
    squared_error = f"{told}; print(repr(float(keras.losses.MeanSquaredError()(x, 0 * x))))"
    environment = {**os.environ, "KERAS_BACKEND": BACKEND.name, "JAX_ENABLE_X64": "1"}
    answer = subprocess.run([sys.executable, "-c", squared_error], env=environment, capture_output=True, text=True, check=True)
    x = keras.ops.convert_to_tensor(np.array([[0.1]]))

    assert 6 < digits(float(answer.stdout), 0.1**2) < 9
    assert digits(float(keras.losses.MeanSquaredError()(x, 0 * x)), 0.1**2) > 15


def test_a_cross_entropy_clips_probabilities_unless_it_finds_their_logits():
    """A row that is predicted for certain and wrongly costs 30; on JAX and torch no more than 16.118, and has no slope."""
    wrong = Problem.of("wrong", problems.get("binomial-logit").model, [[30.0]], [[0.0]], intercept=False)
    here, theirs = (KerasEngine().network(wrong, Recipe(built_in_loss=built_in)) for built_in in (False, True))
    for network in (here, theirs):
        network.weights = [np.ones((1, 1))]

    assert here.objective() == pytest.approx(30, rel=1e-12)
    assert here.gradient()[0][0, 0] == pytest.approx(30, rel=1e-12)
    if BACKEND.finds_logits:
        assert theirs.objective() == pytest.approx(30, rel=1e-12)
    else:
        assert theirs.objective() == pytest.approx(7 * np.log(10), rel=1e-8)
        assert theirs.gradient()[0][0, 0] == 0


@pytest.mark.skipif(ON_TENSORFLOW, reason="On TensorFlow xlogy has a slope of 0 there")
def test_the_slope_of_zero_times_a_logarithm_is_undefined():
    """xlogy(0, y) is 0 at y = 0 too, but its slope there is computed as 0 / 0."""
    if BACKEND.name == "jax":
        slope = float(BACKEND.jax.grad(lambda y: BACKEND.jax.scipy.special.xlogy(0.0, y))(0.0))
    else:
        y = BACKEND.torch.zeros((), requires_grad=True)
        slope = float(BACKEND.torch.autograd.grad(BACKEND.torch.xlogy(BACKEND.torch.zeros(()), y), y)[0])

    assert np.isnan(slope)


@pytest.mark.skipif(BACKEND.name != "torch", reason="a finding about torch")
def test_ndtr_of_torch_has_no_lower_tail():
    """It is one plus erf: at -5 nine digits are right, at -13 none."""
    x = BACKEND.tensor(np.array([-5.0, -13.0]), "float64")
    ndtr = BACKEND.numpy(BACKEND.torch.special.ndtr(x))

    assert digits(ndtr[0], stats.norm.cdf(-5)) < 11
    assert ndtr[1] == 0
    assert digits(BACKEND.numpy(BACKEND.ndtr(x))[1], stats.norm.cdf(-13)) > 13


def test_a_penalty_pulls_at_zero_on_jax_alone():
    """JAX's slope of |w| at 0 is 1, elsewhere it is 0: an l1 penalty pushes a weight away from the zero that it put it to."""
    network = KerasEngine().network(
        Problem.of("zero", problems.get("gaussian-identity").model, [[1.0]], [[0.0]]), Recipe(l1=0.25)
    )

    assert network.gradient()[0][0, 0] == (0.25 if BACKEND.name == "jax" else 0)


def test_float64_reaches_what_is_made_after_the_first_layer():
    """Keras fixes its dtype policy then, and set_floatx no longer reaches it."""
    keras.backend.set_floatx("float32")
    set_policy = getattr(getattr(keras, "config", None), "set_dtype_policy", None) or keras.mixed_precision.set_global_policy
    set_policy("float32")
    use_float64()

    assert keras.layers.Dense(1).dtype == keras.backend.floatx() == "float64"


@pytest.mark.skipif(RELEASE < (3,), reason="Keras 2 has other cross-entropies")
def test_keras_trains_a_softmax_under_binary_cross_entropy_on_sigmoids():
    """On TensorFlow the loss in training is not that of the model's own outputs; elsewhere it is."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(64, 3)), np.eye(2)[rng.integers(2, size=64)]
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, activation="softmax")])
    model.compile(loss="binary_crossentropy", jit_compile=False)
    p = np.asarray(model.predict(X, verbose=0), dtype=float)

    trained = model.fit(X, y, batch_size=64, epochs=1, verbose=0).history["loss"][0]
    of_outputs = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))

    assert bool(abs(trained / of_outputs - 1) > 1e-3) == ON_TENSORFLOW
