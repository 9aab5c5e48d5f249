"""A reader's own data: the problem that is made of them, what is refused in a sentence, and the claims that are run on them."""

import os
from importlib import import_module
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from spec import problems
from spec.diagnosis import given as module
from spec.diagnosis.given import MISSING, given, given_question
from spec.evidence.rungs import proven_optimum
from spec.existence import rank_deficiency, separating
from spec.problems import ProblemError, Said

ROOT = Path(__file__).parents[2]
RNG = np.random.default_rng(0)
N = 120
FRAME = pd.DataFrame(
    {
        "age": RNG.integers(20, 60, N).astype(float),
        "region": RNG.choice(["north", "south", "west"], N),
        "exposure": RNG.uniform(0.5, 2, N),
        "w": RNG.integers(1, 4, N),
        "m": RNG.integers(2, 9, N),
    }
).assign(
    n=lambda d: RNG.poisson(d.exposure * np.exp(0.02 * d.age - 0.5)),
    k=lambda d: RNG.binomial(d.m, 0.4),
    lapsed=lambda d: np.where(RNG.random(N) < 0.4, "yes", "no"),
    choice=lambda d: RNG.choice(["a", "b", "c"], N),
    amount=lambda d: RNG.gamma(2, 1 + d.age / 40),
)
HOLED = FRAME.assign(note=np.where(np.arange(N) % 10 == 0, np.nan, 1.0))


@pytest.fixture(scope="module")
def smf():
    return import_module("statsmodels.formula.api")


@pytest.fixture(scope="module")
def families():
    return import_module("statsmodels.api").families


def optimum(problem):
    """The proven optimum, a column for each free output."""
    found = proven_optimum(problem)
    return found.centre + found.shift


# -- the problem is the one that was asked ---------------------------------------------------------------------------------


def test_a_text_response_and_categories_are_those_of_a_formula(smf, families):
    problem = given(FRAME, formula="lapsed ~ age + C(region)", family="binomial", link="probit")
    link = families.links.Probit()
    other = smf.glm(
        "yes ~ age + C(region)", FRAME.assign(yes=FRAME.lapsed == "yes").astype({"yes": int}), family=families.Binomial(link)
    )

    assert problem.kind == "given"
    assert problem.data.columns == ("age", "C(region)[T.south]", "C(region)[T.west]")
    assert "the event is that lapsed is yes" in problem.about
    params = other.fit(tol=1e-14).params[["Intercept", "age", "C(region)[T.south]", "C(region)[T.west]"]]
    np.testing.assert_allclose(optimum(problem)[:, 0], params, rtol=1e-6)


def test_counts_with_an_offset_and_weights(smf, families):
    problem = given(FRAME, formula="n ~ age", family="poisson", offset="log(exposure)", weights="w")
    other = smf.glm("n ~ age", FRAME, family=families.Poisson(), offset=np.log(FRAME.exposure), freq_weights=FRAME.w)

    assert problem.data.weights.tolist() == FRAME.w.tolist()
    np.testing.assert_allclose(optimum(problem)[:, 0], other.fit(tol=1e-14).params, rtol=1e-8)


@pytest.mark.parametrize("response", ["k", "I(k / m)"])
def test_a_count_of_successes_or_their_share_of_the_trials(response, smf, families):
    """Both say the same, and weights are kept apart from the trials."""
    problem = given(FRAME, formula=f"{response} ~ age", family="binomial", trials="m", weights="w / 2")
    other = smf.glm("k + I(m - k) ~ age", FRAME, family=families.Binomial(), freq_weights=FRAME.w)

    assert problem.trials[:, 0].tolist() == FRAME.m.tolist()
    assert problem.data.weights.tolist() == (FRAME.w / 2).tolist()
    assert np.array_equal(problem.y[:, 0], FRAME.k / FRAME.m)
    np.testing.assert_allclose(optimum(problem)[:, 0], other.fit(tol=1e-14).params, rtol=1e-8)


def test_classes_are_those_of_the_multinomial_logit(smf):
    problem = given(FRAME, formula="choice ~ age", family="multinomial")
    other = smf.mnlogit("code ~ age", FRAME.assign(code=FRAME.choice.astype("category").cat.codes))

    assert problem.k == 3
    np.testing.assert_allclose(optimum(problem), other.fit(disp=0, tol=1e-14).params, rtol=1e-6)


@pytest.mark.parametrize("suffix", ["csv", "parquet", "feather"])
def test_a_response_is_explained_by_all_other_columns(tmp_path, suffix):
    """Numbers as they are, text as categories; without those that stand beside it. The problem bears the name of its file."""
    path = tmp_path / f"claims.{suffix}"
    table = FRAME[["n", "age", "region", "exposure", "w"]]
    {"csv": lambda p: table.to_csv(p, index=False), "parquet": table.to_parquet, "feather": table.to_feather}[suffix](path)
    problem = given(path, response="n", family="poisson", offset="log(exposure)", weights="w")

    assert str(problem) == "claims"
    assert problem.data.columns == ("age", "C(region)[T.south]", "C(region)[T.west]")
    assert problem.intercept
    assert not given(path, formula="n ~ age - 1", family="poisson").intercept


def test_names_that_are_no_identifiers():
    frame = FRAME[["n", "age", "region"]].rename(columns={"n": "number of claims", "age": "age (years)", "region": "the region"})
    problem = given(frame.assign(**{"no-claims": 1}), response="number of claims", family="poisson", weights="no-claims")

    assert problem.data.columns == ("age (years)", "C(`the region`)[T.south]", "C(`the region`)[T.west]")


# -- what is refused -------------------------------------------------------------------------------------------------------

POISSON, BINOMIAL = {"family": "poisson"}, {"family": "binomial"}


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"formula": "n ~ note", **POISSON}, "column note has 12 missing values, the first in row 0: drop such rows"),
        ({"formula": "n ~ aeg", **POISSON}, "there is no column aeg: the columns are age, region"),
        ({"response": "nn", **POISSON}, "there is no column nn: the columns are"),
        ({"formula": "n ~ age", "offset": "log(exposed)", **POISSON}, "there is no column exposed"),
        ({"formula": "n ~ age", "family": "poison"}, "unknown family 'poison'; the families are gaussian, binomial, poisson"),
        ({"formula": "n ~ age", "link": "lgo", **POISSON}, "unknown link 'lgo'; the links are identity, log"),
        (
            {"formula": "n ~ age", "link": "softmax", **POISSON},
            "the multinomial family and the softmax link go with each other",
        ),
        ({"formula": "n ~ age", "response": "n", **POISSON}, "give a formula or a response, and not both"),
        ({**POISSON}, "give a formula such as"),
        ({"formula": "n ~ age", "trials": "m", **POISSON}, "trials are those of a binomial response, and the family is poisson"),
        ({"formula": "choice ~ age", "offset": "age", "family": "multinomial"}, "leave it out of a multinomial model"),
        ({"formula": "k ~ age", "trials": "w - 1", **BINOMIAL}, r"trials are whole numbers of at least 1, but w - 1 is 0 in row"),
        ({"formula": "k ~ age", "trials": "w", **BINOMIAL}, r"in rows? .* it is no whole number from 0 to w: it is \d of \d"),
        ({"formula": "I(1 * (k > 3)) ~ age", "trials": "m", **BINOMIAL}, "a share, or a count of successes"),
        ({"formula": "region ~ age", **BINOMIAL}, "numbers, or two levels, but region has the levels north, south, west"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_wrong_is_said_in_a_sentence(asked, message):
    with pytest.raises(ValueError, match=message):
        given(HOLED, **asked)


def test_a_column_that_names_rows_is_no_category():
    frame = FRAME[["n", "age"]].assign(policy=[f"no. {number}" for number in range(N)])

    with pytest.raises(ValueError, match="column policy has 120 different texts in 120 rows, so it names rows"):
        given(frame, response="n", family="poisson")


def test_a_file_that_is_none(tmp_path):
    (tmp_path / "text.parquet").write_text("a,b\n1,2\n")

    with pytest.raises(ValueError, match=r"there is no file .*claims\.csv"):
        given(tmp_path / "claims.csv", response="n", family="poisson")
    with pytest.raises(ValueError, match=r"text\.parquet is no parquet file"):
        given(tmp_path / "text.parquet", response="n", family="poisson")


def test_data_outside_the_domain_are_no_problem():
    with pytest.raises(ProblemError, match=r"outside the domain .* in 1 row \(the first: 7\)"):
        _ = given(FRAME.assign(n=np.where(np.arange(N) == 7, -1, FRAME.n)), formula="n ~ age", family="poisson").data


def test_separated_and_collinear_data_are_problems_without_an_optimum():
    decided = given(FRAME.assign(old=1 * (FRAME.age > 40)), formula="old ~ age", family="binomial")
    twice = given(FRAME.assign(months=12 * FRAME.age), formula="n ~ age + months", family="poisson")

    assert separating(decided).complete
    assert "age, months are linearly dependent" in rank_deficiency(twice)


# -- the question ----------------------------------------------------------------------------------------------------------


def test_the_question_has_the_rows_that_are_complete():
    """A program that drops rows with a missing value anywhere leaves these, though the formula does not use that column."""
    question = given_question(HOLED, formula="n ~ age", family="poisson")

    assert question.subsets[MISSING].tolist() == HOLED.note.notna().tolist()
    assert given_question(FRAME, formula="n ~ age", family="poisson").subsets == {}


def test_the_question_of_a_large_file_is_read_in_batches(tmp_path, monkeypatch):
    """The same rows as those of the problem, with the trials in their weights."""
    FRAME.to_parquet(tmp_path / "claims.parquet")
    asked = {"formula": "k ~ age + C(region)", "family": "binomial", "trials": "m", "weights": "w"}
    problem = given(tmp_path / "claims.parquet", **asked)
    monkeypatch.setattr(module, "IN_MEMORY", N - 1)
    question = given_question(tmp_path / "claims.parquet", **asked)
    (batch,) = question.rows.read(2**16)

    assert question.columns == problem.data.columns
    assert question.subsets == {}
    assert np.array_equal(question.trials, problem.data.trials)
    assert np.array_equal(batch.weights, problem.row_weights[:, 0])
    assert np.array_equal(batch.X, problem.X)
    assert np.array_equal(batch.y, problem.y)


# -- the claims ------------------------------------------------------------------------------------------------------------


def test_a_claim_says_of_what_it_is_true():
    counts = Said([1, 2], lambda problem: problem.p > 2, lambda problem: [(problem, rung) for rung in "ab"])
    three, none = problems.get("poisson-log"), problems.get("by-hand-poisson-log-intercept-only")

    assert counts == [1, 2]
    assert counts.of(three) == [(three, "a"), (three, "b")]
    assert counts.of(none) == []


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("own")
    tables = {
        "good": FRAME.assign(y=(FRAME.lapsed == "yes").astype(int))[["y", "age"]],
        "decided": FRAME.assign(y=1 * (FRAME.age > 40))[["y", "age"]],
        "outside": FRAME.assign(y=np.where(np.arange(N) == 7, 2, 0))[["y", "age"]],
    }
    for name, table in tables.items():
        table.to_csv(folder / f"{name}.csv", index=False)
    return {name: str(folder / f"{name}.csv") for name in tables}


OWN = ("--response", "y", "--family", "binomial")
CHAPTER = '''
"""A chapter (S1)."""
import pytest
from spec import problems
from spec.evidence.rungs import assert_same_mean, assert_same_optimum
from spec.problems import Said

TWO = [problems.get("binomial-logit"), problems.get("poisson-log")]


@pytest.mark.claim("means", source="S1")
@pytest.mark.parametrize("problem", Said(TWO), ids=str)
def test_means(problem, params, subject):
    """Means are means."""
    assert_same_mean(problem, params, subject.evaluate(problem, params))


@pytest.mark.claim("fits", source="S1")
@pytest.mark.parametrize("problem", Said(TWO, lambda problem: problem.model == TWO[0].model), ids=str)
def test_fits(problem, subject):
    """A fit is the optimum."""
    assert_same_optimum(problem, subject.fit(problem))


@pytest.mark.control("fits")
@pytest.mark.parametrize("how", Said(["refused", "accepted", "broken"], cases=lambda problem: ["refused", "accepted", "broken"]))
def test_refused(how):
    if how == "broken":
        raise FloatingPointError("overflow")
    with pytest.raises(AssertionError):
        assert how == "accepted"


@pytest.mark.claim("counts", source="S1")
@pytest.mark.parametrize("problem", Said(TWO, lambda problem: problem.model == TWO[1].model), ids=str)
def test_counts(problem):
    """Counts alone."""


@pytest.mark.claim("special", source="S1")
@pytest.mark.parametrize("problem", TWO, ids=str)
def test_special(problem, reference):
    """Planted data alone."""
'''


def test_claims_are_run_on_own_data_alone(project, files, tmp_path):
    """The others are deselected; a control that tells nothing on these data does not make the run fail."""
    page = tmp_path / "page.html"
    status, said = project("--data", files["good"], *OWN, "-rs", "--report", str(page), chapter=CHAPTER)

    assert status == 0, said
    assert "3 passed, 2 skipped, 4 deselected" in said
    assert "your data: binomial-logit, 120 rows, 1 columns: y ~ age" in said
    assert "on these data what is wrong on purpose is right, or too near to be told from it" in said
    assert "what is wrong on purpose cannot be computed on these data: FloatingPointError: overflow" in said
    assert "2 of 2 claims hold" in said
    assert page.exists()


def test_data_without_an_optimum_are_an_outcome(project, files):
    """What needs none is judged; the rest says once why not, by rows and columns."""
    status, said = project("--data", files["decided"], *OWN, "-k", "means or fits", chapter=CHAPTER)

    assert status == 1
    assert "1 passed, 7 deselected, 1 precondition failed" in said
    assert "precondition failed: separated: decided: the data are completely separated" in said
    assert "(the intercept down, age up)" in said
    assert "--response y --family binomial" in said


def test_data_that_are_no_problem_are_one_outcome(project, files):
    status, said = project("--data", files["outside"], *OWN, chapter=CHAPTER)

    assert status == 1
    assert "1 precondition failed" in said
    assert "passed" not in said.splitlines()[-1]
    assert said.count("precondition failed: data: outside: the response is outside the domain") == 1
    assert "(the first: 7)" in said


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--data", "none.csv", *OWN, "-n", "2"), "ERROR: --data none.csv: there is no file"),
        (("--family", "poisson"), "ERROR: --family is about your own data: name them with --data FILE."),
        (("--data", "none.csv", "--response", "y"), "ERROR: --data needs --family: gaussian"),
    ],
    ids=["no file", "no data", "no family"],
)
def test_a_wrong_word_ends_the_run_with_a_sentence(project, options, sentence):
    status, said = project(*options)

    assert status == 4
    assert [line for line in said.splitlines() if line.startswith("ERROR")] == [
        line for line in said.splitlines() if sentence in line
    ]
    assert said.count(sentence) == 1
    assert "Traceback" not in said


class Collected:
    """A plug-in that keeps the names of the tests that a run would run."""

    def pytest_collection_finish(self, session):
        self.names = [item.nodeid for item in session.items]


def test_the_claims_of_each_theme_are_said_of_any_data(files, monkeypatch):
    """Rungs, inference, identification, weights, units and precision: of the chapters that say something of any problem."""
    monkeypatch.setenv("SPEC_SEED", os.environ.get("SPEC_SEED", "0"))  # which the run sets
    found = Collected()
    options = [
        "--collect-only",
        "-q",
        "-n0",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(ROOT),
        "-c",
        str(ROOT / "pyproject.toml"),
    ]
    status = pytest.main([str(ROOT / "tests" / "claims"), *options, "--data", files["good"], *OWN], plugins=[found])

    assert status == 0
    chapters = {name.removeprefix("tests/claims/test_")[:2] for name in found.names}
    assert chapters >= {"01", "02", "04", "05", "06", "08", "09", "10", "12", "13", "14"}
    assert not chapters & {"03", "07", "15", "16"}  # softmax, least squares, and what rests on data of its own
    assert all("good" in name for name in found.names)
    assert len(found.names) > 120


@pytest.mark.parametrize(
    ("brought", "sentence"),
    [
        (("--network", "none.keras"), "none.keras: there is no file none.keras."),
        (("--coefficients", "none.csv"), "none.csv: there is no file none.csv."),
        (("--coefficients", "none.csv", "--network", "none.keras"), "give --network or --coefficients, and not both"),
    ],
    ids=["no network", "no table", "both"],
)
def test_what_is_brought_is_read_before_the_claims(project, files, brought, sentence):
    status, said = project("--data", files["good"], *OWN, *brought, chapter=CHAPTER)

    assert status == 4
    assert f"ERROR: {sentence}" in said
    assert "passed" not in said


def test_a_word_among_numbers_is_no_level(tmp_path):
    """A slip of the pen would make a factor of a column of numbers, where all other columns explain the response."""
    FRAME[["age"]].astype({"age": str}).replace({"age": {str(FRAME.age[3]): "x"}}).assign(y=0).to_csv(
        tmp_path / "slip.csv", index=False
    )
    with pytest.raises(ValueError, match="column age is text, since 'x' in row 3 is no number: mend or drop such rows"):
        given(tmp_path / "slip.csv", response="y", family="binomial")


def test_levels_that_begin_like_numbers_are_levels():
    """A word in many rows is a level, and so is text that was made a categorical."""
    frame = pd.DataFrame({"y": np.arange(40) % 3, "kids": ["0", "1", "2", "3+"] * 10, "x": np.arange(40.0)})
    months = frame.assign(month=pd.Categorical([f"{1 + row % 12:02}" for row in range(40)]))

    assert given(frame, response="y", family="poisson").p == 4
    assert given(months, formula="y ~ month", family="poisson").p == 11
