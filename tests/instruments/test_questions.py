"""What a reader asks is one question, however it is put: as arrays, as a file, with trials, weights of 0 or clusters."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
import statsmodels.formula.api as smf

from spec import existence, families, likelihood, links
from spec.diagnosis import diagnose
from spec.diagnosis.brought import asked
from spec.diagnosis.causes import named
from spec.diagnosis.explain import explain
from spec.diagnosis.result import FOUND, NO_OPTIMUM
from spec.fit import optimise
from spec.fit.rows import of_arrays
from spec.model import Model, Params
from spec.problems import Problem

RNG = np.random.default_rng(71)
N = 160
X = RNG.normal(size=(N, 2))
ETA = 0.4 + X @ [0.8, -0.5]
TRIALS = RNG.integers(2, 9, size=N).astype(float)
HITS = RNG.binomial(TRIALS.astype(int), 1 / (1 + np.exp(-ETA))).astype(float)
COUNTS = RNG.poisson(np.exp(ETA)).astype(float)


def newton(y, design, weights, of_eta, steps=60):
    """The optimum of a model with a canonical link, by Newton's own steps: the ruler of what a diagnosis says."""
    coef = np.zeros(design.shape[1])
    for _ in range(steps):
        mu, variance = of_eta(design @ coef)
        coef = coef + np.linalg.solve((design * (weights * variance)[:, None]).T @ design, design.T @ (weights * (y - mu)))
    return coef


def poisson(eta):
    return np.exp(eta), np.exp(eta)


def logit(eta):
    mu = 1 / (1 + np.exp(-eta))
    return mu, mu * (1 - mu)


DESIGN = np.column_stack([np.ones(N), X])


# -- a column may be called anything -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["age", "dependents", "zeros", "dependent"])
def test_the_name_of_a_column_does_not_make_the_data_collinear(name):
    data = pd.DataFrame({name: [-2.0, -1.0, 1.0, 2.0], "y": [0, 0, 1, 1]})
    found = diagnose({"const": 0.0, name: 2.0}, data=data, formula=f"y ~ {name}", family="binomial")

    assert found.verdict == NO_OPTIMUM
    assert found.found[0].code == "separated"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ({"X": np.column_stack([X, X[:, 0]]), "y": COUNTS}, "collinear"),
        ({"X": np.column_stack([X, np.zeros(N)]), "y": COUNTS}, "collinear"),
        ({"X": X[:2], "y": COUNTS[:2]}, "collinear"),
        ({"X": X, "y": np.zeros(N)}, "separated"),
    ],
)
def test_a_reason_has_the_code_of_its_cause(data, code):
    problem = Problem.of("the data", Model(families.Poisson(), links.Log()), data["X"], data["y"][:, None])
    why = existence.no_optimum(problem, ())

    assert why.code == code
    assert named(code)


def test_an_optimum_at_the_edge_of_the_domain_is_not_called_separated():
    """A risk that would be above 1: the likelihood rises to the edge, and no row is decided for ever."""
    x = np.linspace(0, 1, 12)
    y = np.array([0, 0, 0, 1, 0, 1, 0, 1, 1, 1, 1, 1.0])
    found = diagnose([0.0, 1.0], x[:, None], y, family="binomial", link="identity")

    assert "separated" not in {one.code for one in found.found}


# -- weights -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("left_out", [False, True], ids=["counted", "left out"])
def test_forgotten_weights_of_zero_count_again_or_are_left_out(left_out):
    weights = np.where(RNG.random(N) < 0.2, 0.0, RNG.uniform(0.5, 3.0, N))
    used = (weights > 0).astype(float) if left_out else np.ones(N)
    found = diagnose(newton(COUNTS, DESIGN, used, poisson), X, COUNTS, family="poisson", weights=weights)

    assert [one.code for one in found.found] == ["weights-forgotten"]
    assert found.mended.proven
    assert ("so are the rows whose weight is 0" in found.found[0].says) == left_out


@pytest.mark.parametrize("prior", [np.ones(N), np.where(np.arange(N) % 3 == 0, 2.0, 1.0)], ids=["trials", "weights too"])
def test_missing_rows_and_forgotten_trials_are_both_found(prior):
    data = pd.DataFrame({"a": X[:, 0], "b": X[:, 1], "share": HITS / TRIALS, "trials": TRIALS, "w": prior, "other": 1.0})
    data.loc[::8, "other"] = np.nan
    kept = data["other"].notna().to_numpy().astype(float)
    coef = newton(HITS / TRIALS, DESIGN, kept * prior, logit)
    found = diagnose(
        coef, data=data, formula="share ~ a + b", family="binomial", trials="trials", weights="w" if prior.max() > 1 else None
    )

    assert found.verdict == FOUND
    assert {one.code for one in found.found} == {"rows-missing", "trials-forgotten"}


# -- trials, as arrays and as columns ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("y", "said"),
    [
        (np.arange(N) % 2, "y is 0 or 1 in every row"),
        (np.where(np.arange(N) == 7, 1.5, 2.0), "in row 7 it is no whole number from 0 to trials: it is 1.5 of"),
        (np.where(np.arange(N) == 3, 99.0, 2.0), "in row 3 it is no whole number from 0 to trials: it is 99 of"),
    ],
)
def test_counts_and_shares_are_told_apart_alike_in_arrays_and_frames(y, said):
    frame = pd.DataFrame({"a": X[:, 0], "b": X[:, 1], "y": np.asarray(y, dtype=float), "trials": TRIALS})
    for asked_as in ({"X": X, "y": frame["y"], "trials": TRIALS}, {"data": frame, "formula": "y ~ a + b", "trials": "trials"}):
        with pytest.raises(ValueError, match=said):
            diagnose([0.0, 0.0, 0.0], family="binomial", **asked_as)


# -- other ways to ask ---------------------------------------------------------------------------------------------------------


def test_rates_are_the_same_question_to_the_option_and_to_the_function():
    frame = pd.DataFrame({"a": X[:, 0], "b": X[:, 1], "rate": COUNTS / 2.5})
    coef = {"Intercept": 0.1, "a": 0.8, "b": -0.5}
    question, answer = asked(frame, coef, "poisson", formula="rate ~ a + b")

    assert question.quasi
    other = diagnose(coef, data=frame, formula="rate ~ a + b", family="poisson")
    assert explain(question, answer).stated.distance == pytest.approx(other.stated.distance)


def test_a_response_may_have_a_parenthesis_in_its_name():
    frame = pd.DataFrame({"x": X[:, 0], "rating (1-3)": RNG.choice(["low", "mid", "high"], N)})
    found = diagnose(np.zeros((2, 3)), data=frame, y="rating (1-3)", family="multinomial")

    assert found.stated.distance > 0


def test_clusters_of_a_column_that_a_pipeline_takes():
    sklearn = pytest.importorskip("sklearn")
    from sklearn.compose import ColumnTransformer
    from sklearn.linear_model import LinearRegression
    from sklearn.pipeline import make_pipeline

    assert sklearn
    frame = pd.DataFrame({"a": X[:, 0], "person": np.arange(N) // 4})
    y = frame["a"] + RNG.normal(size=N)
    fitted = make_pipeline(ColumnTransformer([("keep", "passthrough", ["a"])]), LinearRegression()).fit(frame, y)

    assert diagnose(fitted, frame, y, family="gaussian", clusters="person").verdict == "none"
    with pytest.raises(ValueError, match="'person' is the name of a column, but X has no names"):
        diagnose([0.0, 1.0], X[:, :1], y.to_numpy(), family="gaussian", clusters="person")


def test_many_classes_are_searched():
    k = 70
    y = np.concatenate([np.arange(k), RNG.integers(k, size=3 * k)])
    x = RNG.normal(size=(4 * k, 1))
    weights = np.vstack([np.zeros(k), RNG.normal(size=k) * 0.01])

    assert diagnose(weights, x, y, family="multinomial").verdict


def test_files_whose_types_differ_are_read_as_fit_reads_them(tmp_path):
    pytest.importorskip("pyarrow")
    whole = pd.DataFrame({"x": [1, 2, 3, 4], "y": [1.0, 2.5, 2.0, 4.0]})
    whole.to_parquet(tmp_path / "a.parquet")
    whole.assign(x=whole["x"] + 0.5).to_parquet(tmp_path / "b.parquet")
    both = pd.concat([whole, whole.assign(x=whole["x"] + 0.5)])
    coef = np.linalg.lstsq(np.column_stack([np.ones(8), both["x"]]), both["y"], rcond=None)[0]

    assert diagnose(coef, data=tmp_path, formula="y ~ x", family="gaussian").verdict == "none"


def test_a_name_that_is_there_twice_is_said_as_it_is(tmp_path):
    (tmp_path / "twice.csv").write_text("x,x,y\n1,2,3\n2,3,5\n4,4,4\n")
    with pytest.raises(ValueError, match=r"^two columns are called x: give each a name of its own"):
        diagnose([0.0, 1.0], data=tmp_path / "twice.csv", formula="y ~ x", family="gaussian")


# -- means that underflow ------------------------------------------------------------------------------------------------------


def test_a_mean_that_underflows_leaves_pearsons_statistic_finite():
    """One count of 0 whose mean is exp(-800), 0 in float64, says nothing: 0 / 0 is 0."""
    x = np.concatenate([X[:, 0], [-1000.0]])
    y = np.concatenate([COUNTS, [0.0]])
    problem = Problem.of("far", Model(families.Poisson(), links.Log()), x[:, None], y[:, None])
    params = problem.params(np.array([[0.0], [0.8]]))
    mu = problem.model.link.inverse(problem.eta(params))
    by_row = (y[:-1] - np.exp(0.8 * x[:-1])) ** 2 / np.exp(0.8 * x[:-1])
    assert mu.min() == 0.0
    assert float(problem.model.pearson(problem.y, mu).sum()) == pytest.approx(by_row.sum())


def test_a_dispersion_is_named_where_a_mean_underflows():
    x = np.concatenate([X[:, 0], [-1000.0]])
    y = np.concatenate([COUNTS, [0.0]])
    design = np.column_stack([np.ones(N + 1), x])
    coef = newton(y, design, np.ones(N + 1), poisson)
    mu = np.exp(design @ coef)
    phi = float(((y - mu)[:-1] ** 2 / mu[:-1]).sum()) / (N + 1 - 2)
    errors = np.sqrt(phi * np.diag(np.linalg.inv((design * mu[:, None]).T @ design)))
    table = pd.DataFrame({"term": ["const", "x1"], "estimate": coef, "se": errors})

    assert mu.min() == 0.0
    assert [one.code for one in diagnose(table, x[:, None], y, family="poisson").errors] == ["errors-dispersion"]


# -- offsets -------------------------------------------------------------------------------------------------------------------

EXPOSURE = RNG.uniform(10, 500, N)
CLAIMS = RNG.poisson(EXPOSURE * np.exp(-3 + X @ [0.3, -0.2])).astype(float)
OFFSETS = {  # what the answer adds, and what the question has
    "the exposure where it is to be the logarithm": (EXPOSURE / 500, np.log(EXPOSURE / 500), "itself, not its logarithm"),
    "the logarithm where the question has the exposure": (
        np.log(EXPOSURE / 10),
        EXPOSURE / 10,
        "the logarithm of yours",
    ),
    "logged twice by the answer": (np.log(np.log(EXPOSURE)), np.log(EXPOSURE), "the logarithm of yours"),
    "in hundreds": (EXPOSURE / 100, np.log(EXPOSURE), "0.01 times the exposure itself"),
    "1 + the exposure": (np.log1p(EXPOSURE), np.log(EXPOSURE), "the logarithm of 1 + the exposure"),
}


@pytest.mark.parametrize(("theirs", "ours", "said"), OFFSETS.values(), ids=OFFSETS)
def test_each_way_to_miss_the_logarithm_is_said_as_it_is(theirs, ours, said):
    coef = sm.GLM(CLAIMS, DESIGN, family=sm.families.Poisson(), offset=theirs).fit(tol=1e-14, maxiter=200).params
    found = diagnose(coef, X, CLAIMS, family="poisson", offset=ours)

    assert found.codes == ("exposure-not-logged",)
    assert said in found.found[0].says


def test_an_exposure_as_a_column_whose_coefficient_is_lost():
    coef = sm.GLM(CLAIMS, np.column_stack([DESIGN, EXPOSURE]), family=sm.families.Poisson()).fit(tol=1e-14).params
    found = diagnose(coef[:3], X, CLAIMS, family="poisson", offset=np.log(EXPOSURE))

    assert found.codes == ("exposure-not-logged",)
    assert f"{coef[3]:.6g} times the exposure itself" in found.found[0].says


# -- estimators and ratios -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("strength", [1e6, 1e12])
@pytest.mark.parametrize("weights", ["balanced", {0: 3, 1: 1}])
def test_a_penalty_that_moves_nothing_is_no_cause(strength, weights):
    pytest.importorskip("sklearn")
    from sklearn.linear_model import LogisticRegression

    y = (HITS / TRIALS > 0.5).astype(int)
    fitted = LogisticRegression(C=strength, class_weight=weights, tol=1e-12, solver="newton-cholesky").fit(X, y)

    assert diagnose(fitted, X, y).codes == ("class-weights",)


def test_a_regularized_result_of_statsmodels_has_names_and_no_errors():
    data = pd.DataFrame({"a": X[:, 0], "b": X[:, 1], "n": COUNTS})
    fitted = smf.glm("n ~ a + b", data, family=sm.families.Poisson()).fit_regularized(alpha=0.05, L1_wt=0.0)
    found = diagnose(fitted, data=data, formula="n ~ a + b", family="poisson")

    assert found.answer.standard_errors is None
    assert found.codes[0].startswith("ridge")


def test_ratios_of_relative_risks_are_exponentials_of_each_class():
    eta = np.column_stack([np.zeros(N), X @ [1, -0.5] + 0.3, X @ [-0.4, 0.6] - 0.2])
    shares = np.exp(eta) / np.exp(eta).sum(axis=1, keepdims=True)
    y = np.array([RNG.choice(3, p=one) for one in shares])
    coef = sm.MNLogit(y, DESIGN).fit(disp=0, method="newton", tol=1e-14).params

    assert diagnose(np.exp(coef), X, y, family="multinomial").codes == ("exponentiated",)


@pytest.mark.parametrize("share", [0.8, 0.7])
def test_a_scaler_of_the_training_part_beside_a_fit_of_it(share):
    wide = X * [2, 5] + [10, 50]
    y = (RNG.random(N) < 1 / (1 + np.exp(-ETA))).astype(float)
    part = slice(0, int(N * share))
    scaled = (wide[part] - wide[part].mean(axis=0)) / wide[part].std(axis=0)
    coef = sm.GLM(y[part], sm.add_constant(scaled), family=sm.families.Binomial()).fit(tol=1e-14).params
    found = diagnose(coef, wide, y, family="binomial")

    assert set(found.codes) == {"standardised", "rows-first"}
    assert found.proven


@pytest.mark.parametrize("kind", [list, np.asarray, pd.Series])
def test_an_offset_may_be_an_array_beside_a_frame(kind):
    data = pd.DataFrame(X, columns=["a", "b"]).assign(y=COUNTS)
    coef = newton(COUNTS, DESIGN, np.ones(N), lambda eta: poisson(eta + ETA))
    table = dict(zip(("Intercept", "a", "b"), coef.tolist(), strict=True))

    assert diagnose(table, data=data, formula="y ~ a + b", family="poisson", offset=kind(ETA)).verdict == "none"


def test_a_quasi_likelihood_of_classes_has_a_dispersion():
    """The distance of an answer is in standard errors with Pearson's dispersion, summed over the classes."""
    shares = RNG.dirichlet([4.0, 3.0, 2.0], size=N)
    model = Model(families.Multinomial(), links.Softmax())
    found = optimise(model, of_arrays(X, shares), quasi=True)
    problem = Problem.of("shares", found.model, X, shares)
    information = likelihood.expected_information(problem, found.params)
    phi = likelihood.dispersion(replace(problem, quasi=True), found.model.link.inverse(problem.eta(found.params)))
    moved = np.zeros((3, 3))
    moved[1, 2] = 0.01
    answer = Params.from_matrix(found.params.matrix + moved)
    away = moved[:, 1:].T.ravel()

    distance = diagnose(answer, X, shares, family="multinomial", quasi=True).stated.distance

    assert 0.05 < phi < 0.2
    assert distance == pytest.approx(np.sqrt(away @ information @ away / phi), rel=1e-2)
