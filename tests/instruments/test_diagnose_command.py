"""The doors to the diagnosis: `diagnose` from Python, and ``python -m spec.diagnose``."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from keras import layers as L

from spec import families, links
from spec.diagnose import main
from spec.diagnosis import Diagnosis, diagnose
from spec.model import Model, Params

ROOT = Path(__file__).parents[2]
RNG = np.random.default_rng(17)
N = 300
FRAME = pd.DataFrame(
    {
        "age": RNG.normal(size=N),
        "income": RNG.normal(size=N),
        "region": RNG.choice(["north", "south", "west"], size=N),
        "exposure": RNG.uniform(0.5, 2.0, size=N),
        "trials": RNG.integers(1, 9, size=N),
    }
)
ETA = 0.3 + FRAME[["age", "income"]].to_numpy() @ [0.5, -0.25] + 0.4 * (FRAME.region == "west")
FRAME = FRAME.assign(
    claims=RNG.poisson(FRAME.exposure * np.exp(ETA)),
    sold=(RNG.random(N) < 1 / (1 + np.exp(-ETA))).astype(int),
    hits=RNG.binomial(FRAME.trials, 1 / (1 + np.exp(-ETA))),
    kind=RNG.choice(["a", "b", "c"], size=N),
)
X = FRAME[["age", "income"]]
WITH_ONE = sm.add_constant(X)
BINARY = sm.GLM(FRAME.sold, WITH_ONE, family=sm.families.Binomial()).fit()
POISSON = sm.GLM(FRAME.claims, WITH_ONE, family=sm.families.Poisson(), offset=np.log(FRAME.exposure)).fit(tol=1e-13)
FORGOTTEN = sm.GLM(FRAME.claims, WITH_ONE, family=sm.families.Poisson()).fit(tol=1e-13)  # without the offset
BARE = sm.GLM(FRAME.sold.to_numpy(), WITH_ONE.to_numpy(), family=sm.families.Binomial()).fit()
RATES = ["--formula", "claims ~ age + income", "--family", "poisson", "--offset", "log(exposure)"]


def network(params, activation="sigmoid", units=1):
    """A network with the weights of some parameters."""
    model = keras.Sequential([keras.Input((len(params.coef),)), L.Dense(units, activation=activation)])
    model.compile(loss={"sigmoid": "binary_crossentropy", "exponential": "poisson"}[activation])
    model.layers[-1].set_weights([params.coef, params.intercept])
    return model


def params(results):
    return Params.from_matrix(np.asarray(results.params).reshape(len(results.params), -1))


# -- from Python -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "given",
    [BINARY, BINARY.params, params(BINARY), dict(BINARY.params), np.asarray(BINARY.params), BINARY.params.to_frame("coef")],
    ids=["results", "series", "Params", "mapping", "array", "frame"],
)
def test_the_optimum_has_nothing_wrong_in_whichever_form_it_comes(given):
    found = diagnose(given, X, FRAME.sold, family="binomial")

    assert isinstance(found, Diagnosis)
    assert (found.verdict, found.answer.name, found.rows) == ("none", "your coefficients", N)


def test_the_model_that_is_meant_is_that_of_the_network(in_float32):
    found = diagnose(network(params(BINARY)), X.to_numpy(), FRAME.sold)

    assert (found.verdict, found.model, found.answer.name) == ("none", "binomial-logit", "your network")
    assert "binomial-logit is meant, by the network's last activation" in found.answer.notes[0]


def test_a_cause_is_named(in_float32):
    """The offset was forgotten in the network's fit, and not in the reference's."""
    model = network(params(FORGOTTEN), "exponential")
    found = diagnose(model, X, FRAME.claims, offset=np.log(FRAME.exposure), family="poisson", reference=POISSON)

    assert (found.verdict, found.codes) == ("found", ("offset-forgotten",))
    assert (found.reference.verdict, found.reference.answer.name) == ("none", "the reference")


def test_a_formula_makes_the_question():
    found = diagnose(POISSON, data=FRAME, formula="claims ~ age + income", family="poisson", offset="log(exposure)")
    whole = diagnose(
        FORGOTTEN, data=FRAME[["claims", "age", "income"]], y="claims", family=Model(families.Poisson(), links.Log())
    )

    assert found.verdict == whole.verdict == "none"


def test_trials_are_weights_and_counts_are_shares():
    share = FRAME.hits / FRAME.trials
    fit = sm.GLM(share, WITH_ONE, family=sm.families.Binomial(), freq_weights=FRAME.trials).fit(tol=1e-13)
    for y in (share, FRAME.hits):
        assert diagnose(fit.params, X, y, trials=FRAME.trials, family="binomial").verdict == "none"
    assert diagnose(fit.params, data=FRAME, formula="hits ~ age + income", trials="trials", family="binomial").verdict == "none"


def test_classes_are_codes_indicators_or_text():
    codes = FRAME.kind.map({"a": 0, "b": 1, "c": 2})
    fit = sm.MNLogit(codes, WITH_ONE).fit(disp=0, tol=1e-13, method="newton", maxiter=50)
    table = pd.DataFrame(np.asarray(fit.params), index=WITH_ONE.columns, columns=["b", "c"])

    assert diagnose(fit, X, codes, family="multinomial").verdict == "none"
    assert diagnose(table, X, pd.get_dummies(FRAME.kind, dtype=float), family="multinomial").verdict == "none"
    with pytest.raises(ValueError, match="the codes of y run from 1 to 3, and those of classes begin at 0: give y - 1"):
        diagnose(table, X, codes + 1, family="multinomial")
    assert diagnose(table, data=FRAME, formula="kind ~ age + income", family="multinomial").verdict == "none"


def test_a_constant_column_is_the_intercept(in_float32):
    model = network(Params([0.0], np.asarray(BINARY.params)[:, None]))
    model.layers[-1].set_weights([np.asarray(BINARY.params)[:, None] - [[1.0], [0.0], [0.0]], np.ones(1)])

    assert diagnose(BINARY, WITH_ONE, FRAME.sold, family="binomial").verdict == "none"
    assert diagnose(BARE, WITH_ONE.to_numpy(), FRAME.sold, family="binomial").verdict == "none"
    found = diagnose(model, WITH_ONE, FRAME.sold)
    assert found.verdict == "none"
    assert "The column const is constant" in found.answer.notes[-1]


def test_a_network_without_a_bias_is_told(in_float32):
    model = keras.Sequential([keras.Input((2,)), L.Dense(1, activation="sigmoid", use_bias=False)])
    model.compile(loss="binary_crossentropy")

    assert "no-intercept" in diagnose(model, X, FRAME.sold).answer.program


def test_progress_is_heard():
    heard = []
    diagnose(BINARY, X, FRAME.sold, family="binomial", progress=heard.append)

    assert sum(heard) >= N


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"family": "binomial", "weights": 1, "sample_weight": 1}, "two names of one thing"),
        ({"family": "binomial", "formula": "sold ~ age"}, "needs data="),
        ({"family": "binomial", "y": None}, "y is missing"),
        ({"family": "binomial", "X": None}, "give the data"),
        ({"family": "logit"}, "unknown family 'logit'"),
        ({"family": "binomial", "y": FRAME.claims}, r"claims is \d+ in row 0: a sigmoid takes 0 and 1"),
        ({"family": "binomial", "trials": [1, 2]}, "trials has 2 rows"),
        ({"family": "binomial", "X": None, "y": None, "data": FRAME}, "data need a formula"),
    ],
)
def test_what_cannot_be_asked_is_refused(arguments, said):
    with pytest.raises(ValueError, match=said):
        diagnose(BINARY, **{"X": X, "y": FRAME.sold, **arguments})


def test_numbers_alone_do_not_say_which_model_is_meant():
    """A result of statsmodels does."""
    with pytest.raises(ValueError, match="say which model is meant"):
        diagnose(BINARY.params, X, FRAME.sold)

    assert diagnose(BINARY, X, FRAME.sold).verdict == "none"


# -- from the command line -------------------------------------------------------------------------------------------------------


@pytest.fixture
def files(tmp_path):
    FRAME.to_csv(tmp_path / "claims.csv", index=False)
    FRAME.to_parquet(tmp_path / "claims.parquet")
    POISSON.params.to_csv(tmp_path / "right.csv")
    FORGOTTEN.params.to_csv(tmp_path / "wrong.csv")
    return tmp_path


@pytest.mark.parametrize("data", ["claims.csv", "claims.parquet"])
def test_the_status_says_whether_something_is_wrong(data, files, capsys):
    right = main([str(files / data), *RATES, "--coefficients", str(files / "right.csv")])
    said = capsys.readouterr().out
    wrong = main([str(files / data), *RATES, "--coefficients", str(files / "wrong.csv"), "--reference", str(files / "right.csv")])

    assert (right, wrong) == (0, 1)
    assert "your coefficients is the maximum-likelihood estimate" in said.splitlines()[0]
    assert "The reference" in capsys.readouterr().out


@pytest.mark.parametrize("file", ["model.keras", "model.h5"])
def test_a_saved_network_is_diagnosed(file, files, capsys, in_float32):
    network(params(BINARY)).save(files / file)
    status = main([str(files / "claims.csv"), "--formula", "sold ~ age + income", "--network", str(files / file)])

    assert status == 0
    assert "binomial-logit" in capsys.readouterr().out


def test_a_page_is_written(files, capsys):
    asked = [str(files / "claims.csv"), *RATES, "--coefficients", str(files / "right.csv"), "--report", str(files / "page.html")]

    assert main(asked) == 0
    assert (files / "page.html").read_text().lstrip().lower().startswith("<!doctype html>")
    assert "The page is" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "the following arguments are required"),
        (["{}/claims.csv", "--coefficients", "{}/right.csv", "--family", "poisson"], "give --formula 'y ~ x"),
        (["{}/claims.csv", *RATES, "--response", "y", "--coefficients", "{}/right.csv"], "and not both: the formula begins"),
        (["{}/claims.csv", "--formula", "claims ~ age", "--coefficients", "{}/right.csv"], "--coefficients needs --family"),
        (["{}/claims.csv", *RATES], "one of the arguments --network --coefficients is required"),
    ],
)
def test_a_wrong_usage_ends_with_two(arguments, said, files, capsys):
    with pytest.raises(SystemExit) as ended:
        main([part.replace("{}", str(files)) for part in arguments])

    assert ended.value.code == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["{}/nowhere.csv", *RATES, "--coefficients", "{}/right.csv"], "there is no file"),
        (
            ["{}/nowhere.csv", *RATES, "--coefficients", "a", "--report", "{}/page.txt"],
            "page.txt: name a file that ends in .html",
        ),
        (["{}/claims.csv", *RATES, "--coefficients", "{}/nowhere.csv"], "there is no file"),
        (["{}/claims.csv", *RATES, "--network", "{}/nowhere.keras"], "there is no file"),
        (["{}/claims.csv", *RATES, "--network", "{}/claims.csv"], "is no network"),
        (
            ["{}/claims.csv", "--formula", "claims ~ height", "--family", "poisson", "--coefficients", "{}/right.csv"],
            "no column height",
        ),
        (
            ["{}/claims.csv", "--formula", "claims ~ age", "--family", "poisson", "--coefficients", "{}/right.csv"],
            "income, which matches",
        ),
        (
            ["{}/claims.csv", "--formula", "claims ~ age", "--family", "logit", "--coefficients", "{}/right.csv"],
            "unknown family 'logit'",
        ),
    ],
)
def test_what_cannot_be_diagnosed_ends_with_two_and_one_sentence(arguments, said, files, capsys):
    status = main([part.replace("{}", str(files)) for part in arguments])
    shown = capsys.readouterr()

    assert (status, shown.out) == (2, "")
    assert said in shown.err
    assert len(shown.err.splitlines()) == 1


def test_help_imports_nothing_heavy():
    code = (
        "import sys\nfrom spec.diagnose import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit as ended:\n    assert ended.code == 0\n"
        "heavy = {'keras', 'tensorflow', 'pandas', 'scipy', 'statsmodels'} & set(sys.modules)\nassert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")
    assert "--network" in done.stdout


def test_the_book_shows_what_is_said(tmp_path, monkeypatch, capsys):
    """Word for word; the digits of numbers may be another processor's. After a change, write it by the command in it."""
    page = ROOT / "docs" / "disagree"
    command, _, shown = (page / "shown.txt").read_text().partition("\n")
    sm.datasets.spector.load_pandas().data.to_csv(tmp_path / "spector.csv", index=False)
    shutil.copy(page / "sklearn.csv", tmp_path)
    monkeypatch.chdir(tmp_path)

    main(shlex.split(command)[4:])

    assert without_numbers(capsys.readouterr().out) == without_numbers(shown)


def without_numbers(text):
    return re.sub(r"-?\d[\d.]*(?:e-?\d+)?|\s+", " ", text).split()
