"""Rows come in batches of the size asked for, each once and in order, from every source."""

import itertools
from dataclasses import replace

import numpy as np
import pyarrow
import pytest
from pyarrow import parquet

from spec.fit.rows import Batch, of_arrays, of_pieces
from spec.fit.sources import source

RNG = np.random.default_rng(5)
X, Y, WEIGHTS, OFFSET = RNG.normal(size=(1000, 3)), RNG.normal(size=1000), RNG.uniform(size=1000), RNG.normal(size=1000)


def on_disk(folder):
    mapped = np.memmap(folder / "X", dtype=float, mode="w+", shape=X.shape)
    mapped[:] = X
    return of_arrays(mapped, Y, WEIGHTS, OFFSET)


def table(folder):
    columns = {"a": X[:, 0], "y": Y, "b": X[:, 1], "w": WEIGHTS, "c": X[:, 2], "o": OFFSET}
    return pyarrow.table(columns)


def file(folder):
    parquet.write_table(table(folder), folder / "rows.parquet", row_group_size=300)
    return source(folder / "rows.parquet", "y", "w", "o")


def uneven(folder):
    cuts = [0, 1, 300, 301, 800, 1000]
    parts = [slice(a, b) for a, b in itertools.pairwise(cuts)]
    return source([((X[rows], OFFSET[rows]), Y[rows], WEIGHTS[rows]) for rows in parts])


SOURCES = {
    "arrays": lambda folder: of_arrays(X, Y, WEIGHTS, OFFSET),
    "a memory map": on_disk,
    "an Arrow table": lambda folder: source(table(folder), "y", "w", "o"),
    "a Parquet file": file,
    "a stream": uneven,
}


@pytest.fixture(params=SOURCES.values(), ids=SOURCES.keys())
def rows(request, tmp_path):
    return request.param(tmp_path)


def test_every_source_gives_the_same_batches_again_and_again(rows):
    """In order, each row once, of exactly the size that was asked for but for the last."""
    for _ in range(2):
        batches = list(rows.batches(128))

        assert [len(batch) for batch in batches] == [128] * 7 + [104]
        for number, expected in enumerate((X, Y[:, None], WEIGHTS, OFFSET[:, None])):
            assert np.array_equal(np.concatenate([batch.parts[number] for batch in batches]), expected)


def test_a_sample_has_the_size_that_was_asked_for_or_all_there_is(rows):
    """A little less where rows were drawn twice."""
    assert 85 <= len(rows.sample(100)) <= 100
    assert len(rows.sample(5000)) == 1000


def test_the_number_of_rows_is_known_before_they_are_read_but_of_a_stream(rows):
    """Arrays and files have a length."""
    assert rows.total in (1000, None)


def test_a_sample_of_arrays_is_not_their_beginning():
    """They may be sorted."""
    sample = of_arrays(np.arange(1e4)[:, None], np.arange(1e4)).sample(1000)

    assert 4500 < sample.y.mean() < 5500


def test_a_padded_batch_repeats_its_last_row_at_no_weight():
    """So that every batch has the shape that was compiled for."""
    padded = Batch.of(X[:5], Y[:5], offset=OFFSET[:5]).padded(8)

    assert np.array_equal(padded.X[4:], np.tile(X[4], (4, 1)))
    assert padded.weights.tolist() == [1] * 5 + [0] * 3


def test_a_check_sees_every_piece_with_the_number_of_its_first_row(rows):
    """So that what is wrong can be named by its row."""
    seen = {}
    list(rows.checked(lambda batch, first: seen.update({first: len(batch)})).batches(250))

    assert list(seen) == [0, *np.cumsum(list(seen.values()))[:-1]]
    assert sum(seen.values()) == 1000


def halved(batch, first):
    """The batch with half its y, if there is none above 9 in it."""
    if (batch.y > 9).any():
        raise ValueError(f"y is above 9 in row {first + int(np.argmax(batch.y > 9))}")
    return replace(batch, y=batch.y / 2)


def test_a_function_that_is_given_the_number_of_the_first_row_names_a_row_of_the_data(rows):
    """In a sample too, whose own rows have other numbers."""
    assert np.array_equal(np.concatenate([batch.y for batch in rows.map_numbered(halved).batches(64)]), Y[:, None] / 2)
    y = np.zeros(60_000)
    y[59_000:] = 10
    wrong = of_arrays(y[:, None], y).map_numbered(halved)

    with pytest.raises(ValueError, match="y is above 9 in row 59000"):
        wrong.sample(30_000)
    with pytest.raises(ValueError, match="y is above 9 in row 59000"):
        list(wrong.batches(4096))


def test_rows_without_responses_have_zeros():
    """They are for predictions."""
    rows = of_arrays(X, None, None, OFFSET)

    assert rows.total == 1000
    assert rows.sample(2000).y.tolist() == [[0.0]] * 1000


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: of_arrays(X, Y[:-1]), "X has 1000 rows, but y has 999"),
        (lambda: of_arrays(X, Y, WEIGHTS[:7]), "weights has 7 rows, but y has 1000"),
        (lambda: of_arrays(X, None, offset=OFFSET[:7]), "offset has 7 rows, but X has 1000"),
        (lambda: Batch.of(X, Y[:-1]), "rows differ: X 1000, y 999"),
        (lambda: of_pieces(lambda size: [], lambda piece, first: piece).sample(4), "there are no rows"),
    ],
    ids=["X", "weights", "offset", "a batch", "none"],
)
def test_rows_that_cannot_be_are_named(wrong, message):
    """What is wrong, and where."""
    with pytest.raises(ValueError, match=message):
        wrong()
