"""R behind the contract: its fits, what it says of them, and where it departs, also in R's own code."""

import shutil
import subprocess

import numpy as np
import pytest

from spec import problems
from spec.engines.checked import load
from spec.engines.contract import Declined, EngineError
from spec.engines.formulas import Formulas
from spec.engines.r.session import ABSENT, Session, is_there
from spec.evidence.rungs import assert_same_inference, assert_same_optimum, proven_optimum, relative_errors, standard_errors_away

with_r = pytest.mark.skipif(not is_there(), reason=ABSENT)
ROWS = 1000  # of a planted problem


def varied(name, rng, *parts):
    """A problem with random offsets, weights or trials."""
    data = {
        "offset": rng.normal(size=(ROWS, problems.get(name).k)),
        "weights": rng.uniform(0.5, 2, ROWS),
        "trials": rng.integers(1, 6, ROWS).astype(float),
    }
    made = {part: data[part] for part in parts}
    if "trials" in made:
        made["y"] = (rng.binomial(made["trials"].astype(int), 0.4) / made["trials"])[:, None]
    return problems.get(name).with_data(" and ".join(parts), **made)


@pytest.fixture(scope="module")
def r():
    return load("spec.engines.r:R")


def said_by_r(code):
    """What R prints."""
    return subprocess.run(["Rscript", "--vanilla", "-e", code], capture_output=True, text=True, check=True).stdout


def test_without_r_the_engine_says_what_to_install(monkeypatch):
    """One sentence when the engine is loaded, and no traceback later."""
    monkeypatch.setattr(shutil, "which", lambda name: None)

    with pytest.raises(ValueError, match="R is not installed, or lacks MASS or nnet: apt-get install r-base-core"):
        load("spec.engines.r:R")


@with_r
@pytest.mark.parametrize(
    "name", ["binomial-cauchit", "binomial-identity", "gamma-log", "inverse-gaussian-identity", "star98", "longley"]
)
def test_glm_reaches_the_proven_optimum(name, r):
    """Canonical links and others, whose iteration converges slowly."""
    assert_same_optimum(problems.get(name), r.fit(problems.get(name)))


@with_r
@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("binomial-logit", ("weights", "trials")),
        ("binomial-probit", ("offset",)),
        ("poisson-log", ("offset", "weights")),
        ("gamma-log", ("weights",)),
        ("negative-binomial(0.5)-power(0.5)", ("weights",)),
    ],
)
def test_every_field_is_the_textbooks(name, parts, r, rng):
    """Offsets, weights and trials mean to glm what they mean here, in each field that it fills."""
    problem = varied(name, rng, *parts)
    mine, other = r.fit(problem), Formulas().fit(problem)
    here, there = (engine.evaluate(problem, other.params) for engine in (r, Formulas()))

    assert mine.converged
    np.testing.assert_allclose(mine.standard_errors, other.standard_errors, rtol=1e-11)
    np.testing.assert_allclose(mine.deviance, other.deviance, rtol=1e-12)
    np.testing.assert_allclose(here.score, there.score, atol=1e-10 * ROWS)
    np.testing.assert_allclose(here.mean, there.mean, rtol=1e-14)
    if not problem.has_dispersion:
        np.testing.assert_allclose(mine.log_likelihood, other.log_likelihood, rtol=1e-12)


@with_r
@pytest.mark.parametrize("name", ["binomial-logit", "poisson-log", "gaussian-identity", "cpunish-exposure", "cpunish-weights"])
def test_the_inference_of_r_is_that_of_the_formulas(name, r):
    """Canonical links, where R's conventions are the same: every entry agrees, the null deviance with an offset too."""
    problem = problems.get(name)

    assert_same_inference(problem, r.infer(problem), load("spec.engines.formulas:Formulas").infer(problem))


@with_r
def test_r_declines_what_it_states_otherwise(r):
    """Where R has another convention or no such number, the field is declined with the reason."""
    with pytest.raises(Declined, match="glm computes the expected information only"):
        r.evaluate(problems.get("poisson-log"), proven_optimum(problems.get("poisson-log")).params).information  # noqa: B018
    with pytest.raises(Declined, match="at the dispersion deviance / n"):
        r.infer(problems.get("gamma-inverse"))
    with pytest.raises(Declined, match="expected information"):
        r.infer(problems.get("binomial-probit"))
    assert r.declines(problems.get("tweedie(1.5)-log")) == "R has no tweedie(1.5) family (package statmod has)"
    assert r.declines(problems.get("binomial-loglog")) == "R has no loglog link"


@with_r
def test_an_interrupted_call_leaves_no_answer_for_the_next(monkeypatch):
    """After an interruption another process answers, and what it answers belongs to the question."""
    session, line = Session(), Session._line
    assert "R" in session.versions
    monkeypatch.setattr(Session, "_line", lambda self: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        session.ask("list(a = 1)", {})
    monkeypatch.setattr(Session, "_line", line)

    assert session.ask("list(a = 2)", {})["a"].tolist() == [2.0]
    with pytest.raises(EngineError, match="R: object 'nothing' not found"):
        session.ask("nothing", {})


# -- findings ----------------------------------------------------------------------------------------------------------
@with_r
def test_the_default_control_stops_early():
    """glm compares deviances: with epsilon = 1e-8 a coefficient may have four digits, and is a thousandth of its error off."""
    problem = problems.get("binomial-identity")
    fit, optimum = load("spec.engines.r:ByDefault").fit(problem), proven_optimum(problem)

    assert fit.converged
    assert 1e-5 < relative_errors(optimum, fit.params).max() < 1e-4
    assert standard_errors_away(optimum, fit.params) < 1e-3


@with_r
def test_multinom_stops_where_its_value_no_longer_falls(r):
    """multinom ends at half of float64's digits, whatever reltol: it takes no step that does not lower the rounded value."""
    problem = problems.get("softmax-3-to-3")
    optimum = proven_optimum(problem)

    assert r.fit(problem).converged
    assert 1e-10 < relative_errors(optimum, r.fit(problem).params).max() < 1e-6
    assert relative_errors(optimum, load("spec.engines.r:ByDefault").fit(problem).params).max() > 1e-6


@with_r
def test_multinom_in_r_alone():
    """In R: the gradient that is left, X'(y - p), is far above rounding, and a Newton step from there ends below it."""
    code = """
        library(nnet); y <- rep(1:3, c(7, 2, 5)); x <- c(0,1,1,0,1,0,0,1,0,1,1,1,0,1)
        m <- multinom(factor(y) ~ x, trace = FALSE, maxit = 1e4, reltol = 0, abstol = 0, Hess = TRUE)
        left <- function(b) { e <- exp(cbind(0, cbind(1, x) %*% b)); p <- e / rowSums(e)
          crossprod(cbind(1, x), (diag(3)[y, ] - p)[, -1]) }
        b <- t(coef(m)); newton <- b + matrix(solve(m$Hessian, c(left(b))), 2)
        cat(m$convergence, max(abs(left(b))), max(abs(left(newton))))
    """
    convergence, left, after = map(float, said_by_r(code).split())

    assert convergence == 0
    assert left > 1e-10
    assert after < 1e-14


@with_r
def test_the_log_likelihood_of_a_binomial_rounds_its_weights(r, rng):
    """glm takes prior weights of a 0/1 response for trials and rounds them: logLik is another model's; the fit is right."""
    problem = varied("binomial-logit", rng, "weights")
    mine, other = r.fit(problem), Formulas().fit(problem)
    alone = said_by_r("cat(logLik(suppressWarnings(glm(c(0, 1) ~ 1, binomial, weights = c(1.4, 1.4)))), 2.8 * log(0.5))")

    assert mine.reason == "non-integer #successes in a binomial glm!"
    np.testing.assert_allclose(mine.params.matrix, other.params.matrix, rtol=1e-11)
    assert abs(mine.log_likelihood - other.log_likelihood) > 1
    assert alone == "-1.386294 -1.940812"


@with_r
def test_hess_fails_with_an_offset():
    """multinom(Hess = TRUE) of nnet 7.3-18 counts the columns of the offset among those of the design."""
    code = """
        library(nnet); y <- diag(3)[c(1,2,3,1,2,3,2,1), ]; x <- c(0,1,0,1,1,0,0,1); o <- matrix(0, 8, 3)
        for (hess in c(FALSE, TRUE)) cat(class(try(suppressWarnings(
          multinom(y ~ x + offset(o), Hess = hess, trace = FALSE)), silent = TRUE))[1], "")
    """
    assert said_by_r(code) == "multinom try-error "


@with_r
def test_a_mean_never_falls_below_epsilon(r):
    """R's inverse links keep means 2.2e-16 away from 0 and 1: beyond eta = 30 the logit's mean no longer falls."""
    problem = problems.get("logistic-1-column")
    params = problem.params(np.array([[-40.0], [0.0]]))

    np.testing.assert_allclose(r.evaluate(problem, params).mean, 2.0**-52, rtol=1e-15)
    assert said_by_r("cat(binomial()$linkinv(-40), plogis(-40))") == "2.220446e-16 4.248354e-18"
