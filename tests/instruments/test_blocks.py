"""Rows lie in blocks that the data fix; sums over them are the same to the last bit, whoever computes them."""

import os
import pickle
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import numpy as np
import pandas
import pyarrow
import pytest

from spec.engines.keras.versions import keras
from spec.fit import fit
from spec.fit.blocks import in_blocks
from spec.fit.cluster import workers_of
from spec.fit.rows import FEW, of_arrays, of_pieces
from spec.fit.sources import source
from spec.fit.sums import Sums, add_up, tree
from spec.fit.workers import CORES, Pool, Shared, threads

RNG = np.random.default_rng(3)
N = 300_000
X = RNG.normal(size=(N, 3))
Y = (RNG.random(N) < 1 / (1 + np.exp(-X @ [1.0, -0.5, 0.2]))).astype(float)
WEIGHTS = RNG.integers(1, 4, N).astype(float)


def sigmoid(units=1, p=3):
    model = keras.Sequential([keras.Input((p,)), keras.layers.Dense(units, activation="sigmoid" if units == 1 else "softmax")])
    model.compile(loss="binary_crossentropy" if units == 1 else "sparse_categorical_crossentropy")
    return model


def bits(fitted):
    """All bytes of a fit's coefficients and standard errors."""
    assert fitted.converged, fitted.reason
    return fitted.params.matrix.tobytes() + fitted.standard_errors.tobytes()


def one_number(batch):
    """A contribution whose sum depends on the order of the additions."""
    return Sums(len(batch), float(batch.y.sum()), np.zeros((1, 1)), None, float((batch.y[:, 0] * batch.weights).sum()))


def parquet(folder, rows=10_000):
    path = folder / "rows.parquet"
    frame = pandas.DataFrame(X, columns=list("abc")).assign(y=Y, w=WEIGHTS)
    frame.to_parquet(path, row_group_size=rows)
    return path


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return parquet(tmp_path_factory.mktemp("blocks"))


class TestBlocks:
    @pytest.mark.parametrize("width", [0, 1, 8, 64, 1000, 20_000])
    @pytest.mark.parametrize("total", [1, 255, 257, 20_000, 5_000_000, 40_000_000])
    def test_each_row_is_in_one_block_of_whole_batches(self, total, width):
        """None is above 64 MB, none but the last has a number of rows that a batch does not divide."""
        slices = list(in_blocks(total, width))
        sizes = [rows.stop - rows.start for rows in slices]

        assert sum(sizes) == total
        assert [rows.start for rows in slices] == list(np.cumsum([0, *sizes[:-1]]))
        assert all(size == sizes[0] and size & (size - 1) == 0 for size in sizes[:-1])
        assert max(sizes) * 8 * width <= max(2**26, 256 * 8 * width)

    def test_a_large_array_has_blocks_for_many_workers(self):
        """At least 64 of 40 million rows, but not thousands."""
        assert 64 <= len(list(in_blocks(40_000_000, 8))) <= 160

    def test_a_range_of_an_array_is_sent_with_its_own_rows_alone(self):
        """Not with the whole array."""
        block = of_arrays(X, Y).blocks[2]
        sent = pickle.dumps(block)
        (one,) = pickle.loads(sent).read(10**9)

        assert len(sent) < 1.1 * len(one) * 4 * 8
        assert np.array_equal(one.X, X[block.rows])
        assert pickle.loads(sent).first == block.first

    def test_a_range_of_a_memory_map_is_sent_as_its_path(self, tmp_path):
        """A worker reads the file itself."""
        mapped = np.memmap(tmp_path / "X", dtype=np.float32, mode="w+", shape=(N, 3))
        mapped[:] = X
        mapped.flush()
        for given in (mapped, mapped[1000:]):
            block = of_arrays(given, Y[: len(given)]).blocks[3]
            sent = pickle.dumps(replace(block, columns=(block.columns[0], None, None, None)))
            (one,) = pickle.loads(sent).read(10**9)

            assert np.array_equal(one.X, np.asarray(given)[block.rows])
        assert len(pickle.dumps(replace(of_arrays(mapped, Y).blocks[3], columns=(mapped, None, None, None)))) < 1000

    def test_a_row_group_is_a_block(self, path):
        """It is named by its file, and another process is sent the path."""
        rows = source(path, "y", "w")
        sent = pickle.dumps(rows.blocks[7])

        assert len(rows.blocks) == N // 10_000
        assert rows.blocks[7].name == f"row group 7 of {path}"
        assert len(sent) < 2000
        assert np.array_equal(np.concatenate([batch.X for batch in pickle.loads(sent).read(1024)]), X[70_000:80_000])

    def test_an_array_beside_a_file_is_sent_with_the_rows_of_the_group(self, path):
        """Each group has its own."""
        block = source(pyarrow.dataset.dataset(path), Y, WEIGHTS).blocks[7]
        sent = pickle.dumps(block)

        assert len(sent) < 3 * 8 * 10_000
        assert np.array_equal(np.concatenate([batch.weights for batch in pickle.loads(sent).read(1024)]), WEIGHTS[70_000:80_000])

    def test_files_of_other_types_are_read_in_those_of_the_first(self, tmp_path):
        """A folder of Parquet files is one data set: of integers in one file and fractions in another."""
        for number, part in enumerate([X[:500].round(), X[500:1000]]):
            kind = "int64" if number else "float64"
            frame = pandas.DataFrame(part, columns=list("abc")).assign(y=Y[number * 500 : number * 500 + 500].astype(kind))
            frame.to_parquet(tmp_path / f"{number}.parquet")
        rows = source(tmp_path, "y")
        y = np.concatenate([batch.y for batch in map(pickle.loads, map(pickle.dumps, rows.blocks)) for batch in batch.read(100)])

        assert np.array_equal(y[:, 0], Y[:1000])


class TestSums:
    @pytest.mark.parametrize("number", [1, 2, 3, 7, 64, 100])
    def test_a_tree_adds_neighbours(self, number):
        """Two, then two of these sums, and so on: here strings show the order."""

        def added(parts):
            while len(parts) > 1:
                pairs = [f"({one}{other})" for one, other in zip(parts[::2], parts[1::2], strict=False)]
                parts = pairs + parts[len(pairs) * 2 :]
            return parts[0]

        class Shown(str):
            def __add__(self, other):
                return Shown(f"({self!s}{other!s})")

        parts = [Shown(chr(65 + i)) for i in range(number)]
        if number & (number - 1) == 0:
            assert tree(parts) == added(list(map(str, parts)))
        assert tree(parts).replace("(", "").replace(")", "") == "".join(parts)

    @pytest.mark.parametrize("rows", [N, 3 * 2**14 + 5, 100], ids=["many blocks", "few blocks", "one batch"])
    def test_sums_are_the_same_whoever_is_at_work_and_is_ready_first(self, rows):
        """One thread, five, each slow at times, and an executor that shares nothing: blocks, or batches of few blocks."""
        given = of_arrays(X[:rows], Y[:rows] + X[:rows, 0] * 1e8, WEIGHTS[:rows])
        expected = add_up(one_number, given, 2**12)

        def slow(batch):
            time.sleep(0.0005 * (int(batch.weights[:3].sum()) % 3))
            return one_number(batch)

        with ThreadPoolExecutor(5) as executor:
            for workers, contribution in ((workers_of(executor), slow), (Pool(executor, 5), one_number)):
                heard = []
                found = add_up(contribution, replace(given, workers=workers), 2**12, on_rows=heard.append)

                assert (found.value, found.pearson, found.rows) == (expected.value, expected.pearson, rows)
                assert heard == sorted(heard)
                assert heard[-1] == rows

    def test_batches_of_few_blocks_have_the_sum_of_the_blocks(self):
        """The shape of the sum is the same where a block's batches are shared out."""
        given = of_arrays(X, Y + X[:, 0] * 1e8, WEIGHTS)
        few = replace(given, blocks=given.blocks[: FEW - 1])
        with threads() as workers, ThreadPoolExecutor(2) as executor:
            shared = add_up(one_number, replace(few, workers=workers), 2**12)
            apart = add_up(one_number, replace(few, workers=Pool(executor, 2)), 2**12)

        assert replace(few, workers=workers).are_few
        assert not replace(few, workers=Pool(executor, 2)).are_few
        assert shared.value == apart.value == add_up(one_number, few, 2**12).value

    def test_no_more_batches_are_read_than_are_at_work_or_next(self):
        """Data need not fit in memory."""
        read, done = [], []

        def pieces(size):
            for number in range(100):
                read.append(number)
                assert len(read) - len(done) <= 4 * CORES + 2
                yield number

        def contribution(batch):
            return one_number(batch)

        rows = of_pieces(pieces, lambda piece, first: of_arrays(X[:64], Y[:64]).blocks[0].read(64).__next__())
        with threads() as workers:
            add_up(contribution, replace(rows, workers=workers), 64, lambda rows: done.append(rows))

        assert done == [64 * (i + 1) for i in range(100)]

    def test_no_rows_are_an_error(self):
        """A sum of nothing has no shape."""
        with pytest.raises(ValueError, match="there are no rows"):
            add_up(one_number, of_pieces(lambda size: [], lambda piece, first: piece), 64)

    def test_what_is_asked_after_the_executor_was_shut_down_is_computed_here(self):
        """As the deviance of a fit, which is made when it is asked for."""
        executor = ThreadPoolExecutor(1)
        fitted = fit(sigmoid(), X, Y, executor=executor)
        executor.shutdown()

        assert fitted.deviance == fit(sigmoid(), X, Y).deviance


class TestFits:
    """Whole fits, in threads; in processes and on a cluster they are those of `test_cluster`."""

    @pytest.mark.parametrize("form", ["arrays", "file", "softmax"])
    def test_the_bits_are_the_same_with_any_number_of_threads(self, form, path):
        """Coefficients and standard errors; of a softmax too, whose information is summed in parts."""
        data = (str(path), "y", "w") if form == "file" else (X, Y, WEIGHTS)
        make = partial(sigmoid, 2 if form == "softmax" else 1)
        found = set()
        for number in (1, 2, 5):
            with ThreadPoolExecutor(number) as executor:
                found.add(bits(fit(make(), *data[:2], weights=data[2], executor=executor)))

        assert found == {bits(fit(make(), *data[:2], weights=data[2]))}

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (os.remove, "row group 0 of .* cannot be read any more"),
            (lambda path: os.truncate(path, 1000), "row group 0 of .* cannot be read any more"),
            (lambda path: parquet(path.parent, 7000), "had 10000 rows, and has 7000 now: the file was changed during the fit"),
        ],
        ids=["vanishes", "truncated", "changed"],
    )
    def test_a_file_that_changes_between_passes_is_named(self, change, message, tmp_path):
        """With the row group, whichever thread reads it; and the model stays as it was."""
        path, model = parquet(tmp_path), sigmoid()
        before = model.get_weights()

        with pytest.raises(OSError, match=message):
            fit(model, path, "y", weights="w", progress=lambda state: change(path) if state.number == 1 else None)
        assert all(np.array_equal(one, other) for one, other in zip(before, model.get_weights(), strict=True))

    def test_what_is_no_executor_is_named(self):
        """It needs submit."""
        with pytest.raises(TypeError, match="executor is a int, which has no submit"):
            fit(sigmoid(), X[:100], Y[:100], executor=3)

    def test_a_model_with_layers_before_the_dense_layer_can_be_sent(self):
        """The features of another process are those of this one, to the last bit."""
        normalise = keras.layers.Normalization()
        normalise.adapt(X[:1000])
        model = keras.Sequential([keras.Input((3,)), normalise, keras.layers.Dense(1, activation="sigmoid")])
        model.compile(loss="binary_crossentropy")
        with ThreadPoolExecutor(2) as executor:
            found = bits(fit(model, X, Y, executor=_Sending(executor)))

        assert found == bits(fit(model, X, Y))


class _Sending:
    """An executor that sends what it is given, and the answers, as bytes, as one of processes does."""

    def __init__(self, executor):
        self.executor = executor

    def submit(self, function, item):
        sent = pickle.dumps((function, item))
        return self.executor.submit(self._computed, sent)

    @staticmethod
    def _computed(sent):
        function, item = pickle.loads(sent)
        return pickle.loads(pickle.dumps(function(item)))


class TestSent:
    @pytest.mark.parametrize("units", [1, 3], ids=["sigmoid", "softmax"])
    def test_what_goes_to_another_process_comes_back_with_the_same_bits(self, units, path):
        """Contributions, checks, row groups: all of them can be pickled."""
        y = Y if units == 1 else RNG.integers(3, size=N)
        with ThreadPoolExecutor(2) as executor:
            sent = fit(sigmoid(units), X, y, executor=_Sending(executor))

        assert bits(sent) == bits(fit(sigmoid(units), X, y))

    def test_what_cannot_be_sent_is_said_before_anything_is(self):
        """And what to do."""
        rows = replace(of_arrays(X, Y), workers=Pool(_Sending(None), 2))

        with pytest.raises(TypeError, match=r"cannot be sent to another process .*: give no executor, or one of threads"):
            add_up(lambda batch: one_number(batch), rows, 4096)


def test_a_shared_context_lasts_from_the_first_to_the_last():
    """However the threads overlap."""
    events, inside = [], threading.Barrier(3)

    class Context:
        def __enter__(self):
            events.append("made")

        def __exit__(self, *raised):
            events.append("ended")

    shared = Shared(Context)

    def user():
        with shared:
            inside.wait(5)
            events.append("used")

    users = [threading.Thread(target=user) for _ in range(3)]
    for one in users:
        one.start()
    for one in users:
        one.join()

    assert events == ["made", "used", "used", "used", "ended"]
