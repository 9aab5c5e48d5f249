"""What cannot be fitted is named by its row in the data, wherever it stands, with its one cause and the way out."""

import importlib

import numpy as np
import pytest

from spec.families import Binomial, Gamma, Gaussian, InverseGaussian, Multinomial, NegativeBinomial, Poisson, Tweedie
from spec.fit.checks import check, codes, find_wrong, normalised, without_weightless
from spec.fit.rows import Batch, of_arrays
from spec.fit.sources import source
from spec.links import Identity, Log, Logit, Probit, Softmax
from spec.model import Model

N = 60_000
RNG = np.random.default_rng(7)
X = RNG.normal(size=(N, 2))
SIGMOID, PROBIT, SOFTMAX = Model(Binomial(), Logit()), Model(Binomial(), Probit()), Model(Multinomial(), Softmax())
LINEAR, POISSON, GAMMA = Model(Gaussian(), Identity()), Model(Poisson(), Log()), Model(Gamma(), Log())
ZEROS, ONES, COIN = np.zeros(N), np.ones(N), np.arange(N) % 2.0
SHARES = np.full((N, 4), 0.25)


def but(values, *changes):
    """A copy of the values with others in some rows."""
    values = np.array(values, dtype=float)
    for rows, value in changes:
        values[rows] = value
    return values


LAST = N - 1
LABELS = "y has the two values {} and {}: a sigmoid takes 0 and 1, such as y == {}."
SIGMOID_TAKES = "a sigmoid takes 0 and 1, or shares between them (successes / trials, with weights=trials)."
WHOLE = (
    "a count of the {} family is a whole number. For rates give the counts, with offset=log(exposure); or fit rates and amounts "
    "as they are, as a quasi-likelihood: quasi=True."
)
ALONE = "whether it is 0 at all is for a model of its own to say, or a tweedie response."
MISSING = "drop or impute such rows first."
WRONG = {
    "1 and 2": (SIGMOID, (X, COIN + 1), LABELS.format(1, 2, 2)),
    "-1 and 1": (SIGMOID, (X, 2 * COIN - 1), LABELS.format(-1, 1, 1)),
    "0 and 255": (SIGMOID, (X, 255 * COIN), LABELS.format(0, 255, 255)),
    "1 and 2, sorted": (SIGMOID, (X, np.sort(COIN + 1)), LABELS.format(1, 2, 2)),
    "0 and 0.5 and 1.5": (SIGMOID, (X, but(COIN / 2, (LAST, 1.5))), f"y is 1.5 in row 59999: {SIGMOID_TAKES}"),
    "labels of 2 at the end": (SIGMOID, (X, but(COIN, (slice(59_700, N), 2))), f"y is 2 in row 59700: {SIGMOID_TAKES}"),
    "one label of 2": (SIGMOID, (X, but(COIN, (LAST, 2))), f"y is 2 in row 59999: {SIGMOID_TAKES}"),
    "1 and 2, then 0": (SIGMOID, (X, but(COIN + 1, (LAST, 0))), f"y is 2 in row 1: {SIGMOID_TAKES}"),
    "1 and 2, then 0 at weight 0": (
        SIGMOID,
        (X, but(COIN + 1, (LAST, 0)), but(ONES, (LAST, 0))),
        LABELS.format(1, 2, 2),
    ),
    "probit": (PROBIT, (X, but(COIN, (LAST, 3))), SIGMOID_TAKES.replace("a sigmoid", "y is 3 in row 59999: the binomial family")),
    "halves of counts": (
        POISSON,
        (X, but(ZEROS, (slice(40_000, 40_050), 0.5))),
        f"y is 0.5 in row 40000: {WHOLE.format('poisson')}",
    ),
    "negative binomial": (
        Model(NegativeBinomial(0.5), Log()),
        (X, but(ZEROS, (LAST, 1.25))),
        f"y is 1.25 in row 59999: {WHOLE.format('negative-binomial(0.5)')}",
    ),
    "negative counts": (
        POISSON,
        (X, but(ZEROS, (LAST, -1))),
        "y is -1 in row 59999: a response of the poisson family is at least 0.",
    ),
    "gamma": (GAMMA, (X, but(ONES, (LAST, 0))), f"y is 0 in row 59999, but a response of the gamma family is above 0: {ALONE}"),
    "negative gamma": (GAMMA, (X, but(ONES, (LAST, -2))), "y is -2 in row 59999, but a response of the gamma family is above 0."),
    "inverse Gaussian": (
        Model(InverseGaussian(), Log()),
        (X, but(ONES, (LAST, 0))),
        f"y is 0 in row 59999, but a response of the inverse-gaussian family is above 0: {ALONE}",
    ),
    "tweedie": (
        Model(Tweedie(1.5), Log()),
        (X, but(ONES, (LAST, -1))),
        "y is -1 in row 59999, outside the domain [0, inf) of the",
    ),
    "shares": (
        SOFTMAX,
        (X, but(SHARES, (LAST, [0.25, 0.25, 0.25, 0.2]))),
        "y sums to 0.95 in row 59999: a softmax takes shares that sum to 1, such as y / y.sum(axis=1, keepdims=True).",
    ),
    "negative shares": (
        SOFTMAX,
        (X, but(SHARES, (LAST, [1.5, -0.5, 0, 0]))),
        "y has -0.5 in row 59999: a softmax takes shares, which",
    ),
    "several outputs": (
        SIGMOID,
        (X, but(np.column_stack([COIN, COIN]), (LAST, [0, 3]))),
        f"column 2 of y is 3 in row 59999: {SIGMOID_TAKES}",
    ),
    "NaN in y": (LINEAR, (X, but(COIN, (LAST, np.nan))), f"y is missing (NaN or NA) in row 59999: {MISSING}"),
    "infinite y": (LINEAR, (X, but(COIN, (LAST, np.inf))), "y is infinite in row 59999: drop or mend such rows first."),
    "NaN in X": (LINEAR, (but(X, ((LAST, 1), np.nan)), COIN), f"X is missing (NaN or NA) in column x2, row 59999: {MISSING}"),
    "infinite X": (
        LINEAR,
        (but(X, ((LAST, 1), -np.inf)), COIN),
        "X is infinite in column x2, row 59999: drop or mend such rows first.",
    ),
    "NaN in the offset": (LINEAR, (X, COIN, None, but(ZEROS, (LAST, np.nan))), "offset is missing (NaN or NA) in row 59999"),
    "log of 0": (
        LINEAR,
        (X, COIN, None, but(ZEROS, (LAST, -np.inf))),
        "offset is infinite in row 59999: is it the log of an exposure",
    ),
    "negative weights": (
        LINEAR,
        (X, COIN, but(ONES, (slice(59_800, N), -1))),
        "the weight in row 59800 is -1: a weight is finite and",
    ),
    "NaN in weights": (
        LINEAR,
        (X, COIN, but(ONES, (LAST, np.nan))),
        "the weight in row 59999 is nan: a weight is finite and at least 0.",
    ),
    "infinite weights": (LINEAR, (X, COIN, but(ONES, (LAST, np.inf))), "the weight in row 59999 is inf: a weight is finite and"),
    "the first of several": (
        POISSON,
        (but(X, (50_001, np.nan)), but(ZEROS, (50_000, -1)), but(ONES, (50_002, -1))),
        "y is -1 in row 50000",
    ),
}


@pytest.mark.parametrize(("model", "data", "message"), WRONG.values(), ids=WRONG.keys())
def test_the_first_wrong_row_of_all_is_named(model, data, message):
    with pytest.raises(ValueError) as caught:
        find_wrong(model, of_arrays(*data))

    assert str(caught.value).startswith(message)
    assert len(str(caught.value)) == len(message) or not message.endswith(".")


@pytest.mark.parametrize(
    ("model", "data", "quasi"),
    [
        (SIGMOID, (X, COIN), False),
        (SIGMOID, (X, COIN / 3), False),
        (POISSON, (X, COIN * 3), False),
        (POISSON, (X, COIN / 3), True),
        (GAMMA, (X, COIN + 0.1), False),
        (LINEAR, (X, COIN, COIN, -COIN), False),
        (SOFTMAX, (X, SHARES), False),
    ],
    ids=["labels", "shares", "counts", "rates as a quasi-likelihood", "positive", "weights and offset", "softmax"],
)
def test_what_can_be_fitted_is_taken(model, data, quasi):
    find_wrong(model, of_arrays(*data), quasi)
    check(model, Batch.of(*data), 0, quasi=quasi)


def test_a_quasi_likelihood_still_needs_means_of_its_sign():
    with pytest.raises(ValueError, match=r"y is -0\.5 in row 59999: a response of the poisson family is at least 0"):
        find_wrong(POISSON, of_arrays(X, but(COIN, (LAST, -0.5))), quasi=True)


def test_no_row_counts():
    """Whatever the rows are."""
    with pytest.raises(ValueError, match=r"^all weights are zero: no row counts"):
        find_wrong(SIGMOID, of_arrays(X, COIN + 7, ZEROS))


def test_a_batch_is_checked_by_itself():
    """Its rows have their numbers in the data, its columns their names."""
    batch = Batch.of(but(X[:9], ((5, 1), np.nan)), COIN[:9])

    with pytest.raises(ValueError, match=r"X is missing \(NaN or NA\) in column age, row 1005"):
        check(LINEAR, batch, 1000, ("height", "age"))
    check(LINEAR, batch, 1000, X_too=False)
    with pytest.raises(ValueError, match="y is 2 in row 1004"):
        check(SIGMOID, Batch.of(X[:9], [0, 1, 0, 1, 2, 1, 0, 1, 1]), 1000)


def test_missing_values_of_a_frame_are_named_by_their_column():
    """NA, None and a masked value alike; they are no text."""
    pd = importlib.import_module("pandas")
    frame = pd.DataFrame({"age": [1.0] * 17 + [None] + [2.0] * 9, "height": np.arange(27.0)})
    for data in (frame, frame.astype("Int64"), frame.astype(object).where(frame.notna(), pd.NA)):
        with pytest.raises(
            ValueError, match=r"^X is missing \(NaN or NA\) in column age, row 17: drop or impute such rows first"
        ):
            find_wrong(LINEAR, source(data, np.ones(27)))
    masked = np.ma.masked_greater(np.arange(60_000.0)[:, None], 59_998.5)
    with pytest.raises(ValueError, match=r"^X is missing \(NaN or NA\) in column x1, row 59999"):
        find_wrong(LINEAR, source(masked, ZEROS))


class TestWeightless:
    """A row of weight 0 is gone, whatever it holds."""

    @pytest.mark.parametrize("value", [np.nan, np.inf, -1])
    def test_it_may_hold_anything(self, value):
        weights = but(ONES, (LAST, 0), (7, 0))
        data = but(X, (LAST, np.nan)), but(COIN, (LAST, value), (7, value)), weights, but(ZEROS, (LAST, np.nan))
        find_wrong(SIGMOID, of_arrays(*data))
        with pytest.raises(ValueError, match=r"in row 7\b|in column x1, row 7\b|in row 59999"):
            find_wrong(SIGMOID, of_arrays(data[0], data[1], ONES, data[3]))

    def test_it_is_made_harmless(self):
        """The rows that count stay as they are; weights too."""
        weights = but(ONES[:9], (0, 0), (8, 0))
        batch = Batch.of(but(X[:9], (0, np.nan)), but(COIN[:9], (8, -9)), weights, but(ZEROS[:9], (0, np.inf)))
        made = without_weightless(batch)

        assert all(np.isfinite(part).all() for part in made.parts)
        assert np.array_equal(made.weights, weights)
        assert all(np.array_equal(a[1:8], b[1:8]) for a, b in zip(made.parts, batch.parts, strict=True))
        check(SIGMOID, Batch(made.X, made.y, np.ones(9), made.offset), 0)

    @pytest.mark.parametrize("model", [SIGMOID, POISSON, GAMMA, LINEAR, SOFTMAX], ids=str)
    def test_a_batch_of_nothing_else(self, model):
        """Its responses are legal."""
        y = np.full((9, 3 if model is SOFTMAX else 1), np.nan)
        made = without_weightless(Batch.of(but(X[:9], (2, np.nan)), y, np.zeros(9), np.full(9, np.nan)))

        check(model, Batch(made.X, made.y, np.ones(9), made.offset), 0)
        assert not made.weights.any()

    def test_a_batch_without_any_is_itself(self):
        batch = Batch.of(X[:9], COIN[:9])
        assert without_weightless(batch) is batch


class TestShares:
    def test_those_of_float32_are_taken_and_normalised(self):
        """A softmax in float32 gives rows that sum to 1 up to some 1e-7."""
        logits = RNG.normal(size=(N, 5)).astype(np.float32)
        y = (np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)).astype(float)
        assert 1e-8 < np.abs(y.sum(axis=1) - 1).max() < 1e-6
        find_wrong(SOFTMAX, of_arrays(X, y))
        made = normalised(y)

        assert SOFTMAX.family.response_domain.contains(made).all()
        assert np.abs(made - y).max() < 1e-6

    def test_those_of_four_digits_are_not(self):
        """Thirds as 0.3333 are 1e-4 short."""
        y = np.full((9, 3), 0.3333)
        assert np.array_equal(normalised(y), y)
        with pytest.raises(ValueError, match=r"y sums to 0\.999\d* in row 0"):
            check(SOFTMAX, Batch.of(X[:9], y), 0)

    def test_exact_ones_stay_as_they_are(self):
        y = np.eye(3)[RNG.integers(3, size=99)]
        assert normalised(y) is y


class TestCodes:
    def test_they_become_indicators(self):
        """One column for each class."""
        found = codes(np.array([[2.0], [0.0], [1.0], [2.0]]), 4)
        assert found.tolist() == [[0, 0, 1, 0], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]]

    @pytest.mark.parametrize(
        ("y", "k", "message"),
        [
            (
                [1, 2, 3],
                3,
                "y has the code 3 in row 102, but 3 units take the codes 0 to 2: if the codes are 1 to 3, subtract 1.",
            ),
            ([0, 2, 3], 3, "y has the code 3 in row 102, but 3 units take the codes 0 to 2."),
            ([0, -1, 2], 3, "y has the code -1 in row 101, but 3 units take the codes 0 to 2."),
            ([0, 1.5, 2], 3, "y has the code 1.5 in row 101, but 3 units take the codes 0 to 2."),
            ([0, np.nan, 2], 3, "y is missing (NaN or NA) in row 101: drop such rows first."),
            ([0, 1, 1], 1, "a softmax of one unit is always 1: take activation='sigmoid' with one unit, or two units."),
            (
                np.eye(3),
                3,
                "a sparse loss takes one column of codes for y, but y has 3: take the loss categorical_crossentropy, or ",
            ),
        ],
        ids=["from 1 on", "too large", "negative", "no whole number", "missing", "one unit", "indicators"],
    )
    def test_others_are_named(self, y, k, message):
        """By the code and its row in the data."""
        with pytest.raises(ValueError) as caught:
            codes(np.reshape(y, (3, -1)).astype(float), k, 100)

        assert str(caught.value).startswith(message)

    def test_in_all_rows(self):
        """Beyond the sample."""
        y = but(COIN, (LAST, 5))
        rows = of_arrays(X, y).map_numbered(lambda batch, first: Batch(batch.X, codes(batch.y, 3, first), batch.weights))
        with pytest.raises(ValueError, match="y has the code 5 in row 59999"):
            list(rows.batches(4096))
        with pytest.raises(ValueError, match="y has the code 5 in row 59999"):
            rows.sample(N)
