"""Whatever people have gives the same rows, for a model of one input or of several; what is wrong is said in one sentence."""

import decimal
import gzip
import importlib
import itertools
import re

import h5py
import numpy as np
import pandas as pd
import pyarrow
import pytest
from pyarrow import csv, dataset, feather, parquet
from scipy import sparse

from spec.fit.inputs import Input
from spec.fit.sources import inputs_only, source

RNG = np.random.default_rng(6)
N = 1000
X = np.round(64 * RNG.normal(size=(N, 3))) / 64 * (RNG.random((N, 3)) < 0.7)  # exact in float32, and with zeros
Y, WEIGHTS, OFFSET = RNG.integers(5, size=N).astype(float), RNG.uniform(size=N), RNG.normal(size=N)
NAMES = ["age", "height", "mass"]
FRAME = pd.DataFrame(X, columns=NAMES)
WHOLE = FRAME.assign(y=Y, w=WEIGHTS, o=OFFSET)[["age", "y", "height", "w", "o", "mass"]]
DESIGN, LOG_EXPOSURE = Input("design", (3,)), Input("log_exposure", (1,))
BY_NAME = {"y": "y", "weights": "w", "offset": "o"}


def assert_rows(rows, names=(), X=X, offset=OFFSET, y=Y, weights=WEIGHTS):
    """The rows are those of the arrays, each once and in order, in batches of the size asked for, in each pass."""
    expected = [X, y[:, None], weights, None if offset is None else offset[:, None]]
    for size in (2, 300):
        batches = list(rows.batches(size)) if size > 2 else [rows.sample(2)]
        assert size == 2 or [len(batch) for batch in batches] == [300, 300, 300, 100]
        if size > 2:
            for number, part in enumerate(expected):
                found = [batch.parts[number] for batch in batches]
                assert all(piece is None for piece in found) if part is None else np.array_equal(np.concatenate(found), part)
        assert all(batch.X.dtype == batch.y.dtype == np.float64 and batch.X.flags.c_contiguous for batch in batches)
    assert rows.columns == tuple(names)
    sample = rows.sample(100)
    assert 80 <= len(sample) <= 100
    known = {tuple(row) for row in np.column_stack([part for part in expected if part is not None])}
    assert {tuple(row) for row in np.column_stack([part for part in sample.parts if part is not None])} <= known


class OnlySlices:
    """An array on disk of which slices can be read, and nothing else: it counts the rows that were read at once."""

    shape, dtype, most = X.shape, X.dtype, 0

    def __len__(self):
        return N

    def __getitem__(self, rows):
        if not isinstance(rows, slice):
            raise TypeError("slices only")
        self.most = max(self.most, len(range(N)[rows]))
        return X[rows]


def in_hdf5(folder):
    with h5py.File(folder / "rows.h5", "w") as file:
        file["X"] = X
    return h5py.File(folder / "rows.h5")["X"]


def mapped(folder):
    array = np.memmap(folder / "X", dtype=float, mode="w+", shape=X.shape)
    array[:] = X
    return array


def tensor(library):
    """The function of a library that makes a tensor of an array."""
    made = {"tensorflow": "constant", "torch": "tensor", "jax.numpy": "array", "polars": "DataFrame", "zarr": "array"}
    return getattr(optional(library), made[library])


def optional(library):
    """A library that is imported; only those that the developer's packages lack may be missing."""
    return pytest.importorskip(library) if library in ("torch", "jax.numpy", "zarr") else importlib.import_module(library)


def tensor_with_gradient():
    return tensor("torch")(X, requires_grad=True)


ARRAYS = {
    "an array": lambda folder: X,
    "Fortran order": lambda folder: np.asfortranarray(X),
    "every other column": lambda folder: np.repeat(X, 2, axis=1)[:, ::2],
    "a list of lists": lambda folder: X.tolist(),
    "a tuple of arrays": lambda folder: tuple(X),
    "decimals": lambda folder: [[decimal.Decimal(str(value)) for value in row] for row in X],
    "objects": lambda folder: X.astype(object),
    "a masked array without a mask": lambda folder: np.ma.array(X),
    "a memory map": mapped,
    "HDF5": in_hdf5,
    "slices only": lambda folder: OnlySlices(),
    "zarr": lambda folder: tensor("zarr")(X, chunks=(64, 3)),
    "csr_matrix": lambda folder: sparse.csr_matrix(X),
    "csr_array": lambda folder: sparse.csr_array(X),
    "csc_array": lambda folder: sparse.csc_array(X),
    "coo_matrix": lambda folder: sparse.coo_matrix(X),
    "coo_array": lambda folder: sparse.coo_array(X),
    "lil_array": lambda folder: sparse.lil_array(X),
    "tensorflow": lambda folder: tensor("tensorflow")(X),
    "tensorflow's sparse": lambda folder: pytest.importorskip("tensorflow").sparse.from_dense(X),
    "jax": lambda folder: tensor("jax.numpy")(X),
    "torch": lambda folder: tensor("torch")(X),
    "torch with gradient": lambda folder: tensor_with_gradient(),
}
TABLES = {
    "pandas": lambda: FRAME,
    "another index": lambda: FRAME.set_index(np.arange(N)[::-1] * 7),
    "nullable": lambda: FRAME.astype("Float64"),
    "backed by Arrow": lambda: FRAME.astype("double[pyarrow]"),
    "sparse pandas": lambda: FRAME.astype(pd.SparseDtype(float, 0.0)),
    "polars": lambda: tensor("polars")(X, schema=NAMES, orient="row"),
    "lazy polars": lambda: tensor("polars")(X, schema=NAMES, orient="row").lazy(),
    "records": lambda: FRAME.to_records(index=False),
    "an Arrow table": lambda: pyarrow.Table.from_pandas(FRAME),
    "an Arrow batch": lambda: pyarrow.RecordBatch.from_pandas(FRAME),
    "an Arrow data set": lambda: dataset.dataset(pyarrow.Table.from_pandas(FRAME)),
}
NAMED = {
    "pandas": lambda folder: WHOLE,
    "polars": lambda folder: tensor("polars")(WHOLE.to_dict("list")),
    "lazy polars": lambda folder: tensor("polars")(WHOLE.to_dict("list")).lazy(),
    "records": lambda folder: WHOLE.to_records(index=False),
    "an Arrow table": lambda folder: pyarrow.Table.from_pandas(WHOLE),
    "Parquet": lambda folder: written(parquet.write_table, folder / "rows.parquet", row_group_size=300),
    "Parquet, by a string": lambda folder: str(written(parquet.write_table, folder / "rows.parquet")),
    "Feather": lambda folder: written(feather.write_feather, folder / "rows.feather"),
    "CSV": lambda folder: written(csv.write_csv, folder / "rows.csv"),
    "CSV, compressed": lambda folder: compressed(written(csv.write_csv, folder / "rows.csv")),
    "a folder of Parquet": lambda folder: parts_of(folder),
}
VECTORS = {
    "column vectors": lambda values: values[:, None],
    "lists": lambda values: values.tolist(),
    "series": lambda values: pd.Series(values, index=np.arange(N)[::-1]),
    "nullable series": lambda values: pd.Series(values, dtype="Float64"),
    "frames": lambda values: pd.DataFrame({"v": values}),
    "Arrow arrays": lambda values: pyarrow.array(values),
    "Arrow's chunks": lambda values: pyarrow.chunked_array([values[:7], values[7:]]),
    "objects": lambda values: values.astype(object),
    "polars": lambda values: importlib.import_module("polars").Series(values),
    "tensorflow": lambda values: tensor("tensorflow")(values),
    "torch": lambda values: tensor("torch")(values),
}


def written(write, path, **options):
    write(pyarrow.Table.from_pandas(WHOLE), path, **options)
    return path


def stored(write, path):
    write(path, index=False)
    return path


def iter_again(batches):
    """A stream that can be read again, and is no list."""
    return type("Stream", (), {"__iter__": lambda self: iter(batches)})()


def compressed(path):
    packed = path.with_suffix(".csv.gz")
    packed.write_bytes(gzip.compress(path.read_bytes()))
    return packed


def parts_of(folder):
    for number, rows in enumerate((slice(0, 300), slice(300, N))):
        parquet.write_table(pyarrow.Table.from_pandas(WHOLE[rows]), folder / f"{number}.parquet")
    return folder


class TestOneInput:
    @pytest.mark.parametrize("make", ARRAYS.values(), ids=ARRAYS.keys())
    def test_arrays(self, make, tmp_path):
        assert_rows(source(make(tmp_path), Y, WEIGHTS, OFFSET, inputs=[DESIGN]))

    @pytest.mark.parametrize("make", TABLES.values(), ids=TABLES.keys())
    def test_tables(self, make):
        """They bring names."""
        assert_rows(source(make(), Y, WEIGHTS, OFFSET), NAMES)

    @pytest.mark.parametrize("make", VECTORS.values(), ids=VECTORS.keys())
    def test_vectors(self, make):
        assert_rows(source(X, make(Y), make(WEIGHTS), make(OFFSET)))

    @pytest.mark.parametrize("make", NAMED.values(), ids=NAMED.keys())
    def test_columns_by_name(self, make, tmp_path):
        """They leave X."""
        assert_rows(source(make(tmp_path), **BY_NAME, inputs=[DESIGN]), NAMES)

    def test_columns_and_arrays_go_together(self, tmp_path):
        table = pyarrow.Table.from_pandas(WHOLE[[*NAMES, "w"]])
        parquet.write_table(table, tmp_path / "rows.parquet", row_group_size=300)
        for data in (WHOLE[[*NAMES, "w"]], table, tmp_path / "rows.parquet"):
            assert_rows(source(data, Y, "w", OFFSET), NAMES)

    @pytest.mark.parametrize("dtype", [np.float32, np.float16, np.int64, np.int8, np.uint8, bool])
    def test_dtypes(self, dtype):
        """Each number as it is in float64, bools as 0 and 1."""
        values = np.abs(100 * X).astype(np.uint8).astype(dtype)
        for data in (
            values,
            values.tolist(),
            pd.DataFrame(values),
            pyarrow.table({name: values[:, j] for j, name in enumerate(NAMES)}),
        ):
            assert np.array_equal(source(data, values[:, 0]).sample(N).X, values.astype(float))
            assert np.array_equal(source(data, values[:, 0]).sample(N).y, values[:, :1].astype(float))

    def test_tensors_without_a_numpy_type(self):
        """bfloat16 has 8 bits."""
        values = np.arange(6.0).reshape(3, 2)
        for library in ("tensorflow", "jax.numpy"):
            made = tensor(library)(values, dtype="bfloat16")
            assert source(made, np.ones(3)).sample(3).X.tolist() == values.tolist()

    def test_kinds_of_arrow_columns(self):
        """Decimals, bools and columns in which all is missing are numbers too."""
        columns = {"a": pyarrow.array([decimal.Decimal("1.5"), None]), "b": pyarrow.array([True, None]), "c": pyarrow.nulls(2)}
        for made in (pyarrow.table(columns), pyarrow.RecordBatch.from_pydict(columns)):
            found = source(made, [0, 1]).sample(2).X
            assert np.array_equal(found, [[1.5, 1, np.nan], [np.nan] * 3], equal_nan=True)

    def test_the_index_of_pandas_in_a_file_is_no_column(self, tmp_path):
        """A filtered frame writes one."""
        FRAME.assign(y=Y)[Y > 1].to_parquet(tmp_path / "rows.parquet")
        rows = source(tmp_path / "rows.parquet", "y")

        assert rows.columns == tuple(NAMES)
        assert np.array_equal(rows.sample(N).X, X[Y > 1])

    def test_an_input_called_as_one_column_of_many_takes_all(self):
        """If it is as wide as they are together."""
        assert_rows(source(FRAME, Y, WEIGHTS, OFFSET, inputs=[Input("age", (3,))]), NAMES)

    def test_a_dict_by_the_name_of_the_input(self):
        assert_rows(source({"design": X}, Y, WEIGHTS, OFFSET, inputs=[DESIGN]))

    @pytest.mark.parametrize(
        "pair", [[X, OFFSET], (X, OFFSET[:, None]), [FRAME, pd.Series(OFFSET)], (X.tolist(), OFFSET.tolist())]
    )
    def test_a_pair_is_x_and_an_offset(self, pair):
        for inputs in ([DESIGN], ()):
            assert_rows(source(pair, Y, WEIGHTS, inputs=inputs), NAMES if isinstance(pair[0], pd.DataFrame) else ())

    def test_two_rows_are_no_pair(self):
        """Each has one dimension."""
        for rows in ([[1.0, 2.0], [3.0, 4.0]], [np.array([1.0, 2.0]), np.array([3.0, 4.0])]):
            assert source(rows, [0, 1]).sample(2).X.tolist() == [[1, 2], [3, 4]]

    def test_images_are_flattened(self):
        images = X[:, :, None] * np.array([1.0, 2.0])
        rows = source(images, Y, inputs=[Input("image", (3, 2))])

        assert np.array_equal(rows.sample(N).X, images.reshape(N, 6))
        assert rows.columns[:3] == ("image[0, 0]", "image[0, 1]", "image[1, 0]")
        assert np.array_equal(source([images, OFFSET], Y, inputs=[Input("image", (3, 2))]).sample(N).offset[:, 0], OFFSET)

    def test_what_is_missing_is_nan(self):
        """None, NA and a masked value alike: whether the row counts is for `spec.fit.checks` to say."""
        masked = np.ma.masked_array(X, mask=np.arange(3 * N).reshape(N, 3) == 52)
        holed = X.copy()
        holed[17, 1] = np.nan
        objects = holed.astype(object)
        objects[17, 1] = None
        nullable = FRAME.astype(object)
        nullable.iloc[17, 1] = pd.NA
        arrow = pyarrow.table({name: [None if np.isnan(v) else v for v in holed[:, j]] for j, name in enumerate(NAMES)})
        for data in (masked, objects, objects.tolist(), nullable, nullable.astype("Float64"), arrow, arrow.to_pandas()):
            assert np.array_equal(source(data, Y).sample(N).X, holed, equal_nan=True)

    def test_a_csv_may_begin_with_whole_numbers(self, tmp_path):
        """And turn to others after the rows that its types are read from."""
        with open(tmp_path / "rows.csv", "w") as file:
            file.write("a,y\n" + "7,1\n" * 600_000 + "0.5,0\n")

        last = list(source(tmp_path / "rows.csv", "y").batches(2**16))[-1]
        assert (last.X[-1, 0], last.y[-1, 0]) == (0.5, 0)

    def test_numbers_in_memory_are_not_copied_and_those_on_disk_not_read_whole(self):
        on_disk = OnlySlices()
        list(source(on_disk, Y).batches(100))

        assert on_disk.most == 100
        assert all(np.shares_memory(batch.X, X) for batch in source(X, Y).batches(100))

    @pytest.mark.parametrize("form", ["frame", "polars", "Parquet", "CSV", "dict", "list", "pair", "batches", "offset"])
    def test_columns_are_taken_by_the_names_that_the_fit_had(self, form, tmp_path):
        """In whatever order and beside whatever others they come, for several inputs too."""
        ages, more = FRAME[["age", "height"]], FRAME["mass"]
        inputs, offset = [Input("x", (2,)), Input("mass", (1,))], None
        fitted = source({"x": ages, "mass": more}, Y, inputs=inputs)
        other = WHOLE[["mass", "o", "height", "y", "age"]]
        turned = other[["height", "age"]]
        given = {
            "frame": lambda: other,
            "polars": lambda: tensor("polars")(other.to_dict("list")),
            "Parquet": lambda: stored(other.to_parquet, tmp_path / "rows.parquet"),
            "CSV": lambda: stored(other.to_csv, tmp_path / "rows.csv"),
            "dict": lambda: {"mass": more, "x": turned},
            "list": lambda: [turned, more],
            "pair": lambda: [turned, more],
            "batches": lambda: iter_again([other[:300], other[["age", "mass", "height"]][300:]]),
            "offset": lambda: turned,
        }[form]()
        if form == "offset":
            offset = more
        if form == "pair":
            inputs = inputs[:1]
            fitted = source([ages, more], Y, inputs=inputs)
        found = inputs_only(given, offset, inputs=inputs, columns=fitted.columns)
        one, same = found.sample(N), fitted.sample(N)
        assert one.X.tolist() == same.X.tolist()
        assert (one.offset is None) == (same.offset is None) == (form != "pair")
        assert one.offset is None or one.offset.tolist() == same.offset.tolist()

        absent = {"x": turned[["height"]].assign(other=1.0), "mass": more}
        with pytest.raises(ValueError, match="X has no column age, which the fit had: its columns are height, other"):
            inputs_only(absent if len(inputs) > 1 else absent["x"], inputs=inputs, columns=fitted.columns)

    def test_a_column_that_is_called_as_the_only_input_is_taken_by_its_name(self):
        inputs, fitted = [Input("age", (1,))], source(FRAME[["age"]], Y, inputs=[Input("age", (1,))])
        found = inputs_only(WHOLE, inputs=inputs, columns=fitted.columns)
        assert found.sample(N).X.tolist() == X[:, :1].tolist()
        with pytest.raises(ValueError, match="X has no column age, which the fit had: its columns are mass"):
            inputs_only(FRAME[["mass"]], inputs=inputs, columns=fitted.columns)

    def test_batches_follow_the_columns_of_the_first(self):
        turned = FRAME[["mass", "age", "height"]]
        rows = source([(FRAME[:300], Y[:300]), (turned[300:], Y[300:])], inputs=[DESIGN])
        assert rows.columns == tuple(NAMES)
        assert np.concatenate([batch.X for batch in rows.batches(N)]).tolist() == X.tolist()
        with pytest.raises(ValueError, match="batch 1: X has no column age, which the fit had"):
            list(source([(FRAME[:300], Y[:300]), (turned[["mass", "height"]][300:].assign(z=0.0), Y[300:])]).batches(N))

    def test_of_no_rows_there_are_no_predictions(self, tmp_path):
        parquet.write_table(pyarrow.Table.from_pandas(WHOLE[:0]), tmp_path / "rows.parquet")
        for data in (X[:0], FRAME[:0], WHOLE[:0], tmp_path / "rows.parquet"):
            assert inputs_only(data, inputs=[DESIGN], columns=NAMES).total == 0

    def test_no_columns(self):
        """A model of an intercept only."""
        for data in (np.zeros((N, 0)), FRAME[[]]):
            assert source(data, Y).sample(N).X.shape == (N, 0)
        assert source(pyarrow.table({"y": Y}), "y").sample(N).X.shape == (N, 0)


TWO = [DESIGN, LOG_EXPOSURE]
SIDE_BY_SIDE = np.column_stack([X, OFFSET])
PLAIN = ("design[0]", "design[1]", "design[2]", "log_exposure")
CALLED = (*NAMES, "log_exposure")


class TestSeveralInputs:
    @pytest.mark.parametrize(
        ("data", "more", "names"),
        [
            ([X, OFFSET], {}, PLAIN),
            ((X, OFFSET[:, None]), {}, PLAIN),
            ([FRAME, OFFSET], {}, CALLED),
            ([sparse.csr_array(X), OFFSET.tolist()], {}, PLAIN),
            ({"log_exposure": OFFSET, "design": X}, {}, PLAIN),
            ({"design": X}, {"offset": OFFSET}, PLAIN),
            (X, {"offset": OFFSET}, PLAIN),
            ([X], {"offset": OFFSET}, PLAIN),
            (FRAME, {"offset": pd.Series(OFFSET)}, CALLED),
            (FRAME.assign(log_exposure=OFFSET), {}, CALLED),
            (FRAME.assign(o=OFFSET), {"offset": "o"}, CALLED),
            (pyarrow.Table.from_pandas(FRAME.assign(log_exposure=OFFSET)[["age", "log_exposure", "height", "mass"]]), {}, CALLED),
            (pyarrow.Table.from_pandas(FRAME.assign(o=OFFSET)), {"offset": "o"}, CALLED),
        ],
    )
    def test_their_columns_stand_side_by_side(self, data, more, names):
        assert_rows(source(data, Y, WEIGHTS, inputs=TWO, **more), names, X=SIDE_BY_SIDE, offset=None)

    def test_an_offset_beside_all_inputs_stays_an_offset(self):
        assert_rows(source([X, OFFSET], Y, WEIGHTS, 2 * OFFSET, inputs=TWO), PLAIN, X=SIDE_BY_SIDE, offset=2 * OFFSET)

    def test_a_list_of_as_many_rows_as_inputs(self):
        """They are rows, since they are not as long as y."""
        rows = source([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], [0, 1], offset=[7.0, 8.0], inputs=TWO)
        assert rows.sample(2).X.tolist() == [[1, 2, 3, 7], [4, 5, 6, 8]]

    def test_a_table_by_the_names_of_the_inputs(self):
        """In the order of the inputs, and no other column."""
        inputs = [Input("mass", (1,)), Input("age", (1,))]
        for data in (WHOLE.drop(columns="w"), pyarrow.Table.from_pandas(WHOLE)):
            rows = source(data, "y", offset="o", inputs=inputs)
            assert_rows(rows, ("mass", "age"), X=X[:, [2, 0]], weights=np.ones(N))

    def test_a_dict_without_a_model(self):
        """Its entries are side by side."""
        assert_rows(source({"a": X, "b": OFFSET}, Y, WEIGHTS), ("a[0]", "a[1]", "a[2]", "b"), X=SIDE_BY_SIDE, offset=None)


class Counted:
    """Batches by their number, as a PyDataset has them: without an end of its own."""

    def __init__(self, batches):
        self.batches = batches
        self.num_batches = len(batches)

    def __getitem__(self, number):
        return self.batches[number % self.num_batches]


class Older(Counted):
    """As Keras 2 has them."""

    def __init__(self, batches):
        self.batches = batches
        self.num = len(batches)

    def __len__(self):
        return self.num

    def __getitem__(self, number):
        return self.batches[number % self.num]


class Loader:
    """A DataLoader: it has a length and begins anew each time."""

    def __init__(self, batches):
        self.batches = batches

    def __len__(self):
        return len(self.batches)

    def __iter__(self):
        return iter([list(batch) for batch in self.batches])


CUTS = [slice(0, 1), slice(1, 300), slice(300, 800), slice(800, N)]


def batches(make):
    return [make(rows) for rows in CUTS]


STREAMS = {"a list": list, "a tuple": tuple, "PyDataset": Counted, "Sequence": Older, "DataLoader": Loader}


class TestStreams:
    @pytest.mark.parametrize("stream", STREAMS.values(), ids=STREAMS.keys())
    @pytest.mark.parametrize(
        "x",
        [
            lambda rows: (X[rows], OFFSET[rows]),
            lambda rows: [X[rows], OFFSET[rows, None]],
            lambda rows: (sparse.csr_array(X[rows]), OFFSET[rows].tolist()),
            lambda rows: (FRAME[rows], pd.Series(OFFSET[rows])),
            lambda rows: [tensor("tensorflow")(X[rows]), tensor("tensorflow")(OFFSET[rows])],
        ],
        ids=["tuple", "list", "sparse", "pandas", "tensorflow"],
    )
    def test_an_offset(self, stream, x):
        made = stream(batches(lambda rows: (x(rows), Y[rows], WEIGHTS[rows])))
        names = NAMES if isinstance(made, (list, tuple)) and isinstance(x(slice(1))[0], pd.DataFrame) else ()
        assert_rows(source(made, inputs=[DESIGN]), names)

    @pytest.mark.parametrize(
        "x",
        [
            lambda rows: (X[rows], OFFSET[rows]),
            lambda rows: {"log_exposure": OFFSET[rows], "design": X[rows]},
            lambda rows: FRAME[rows].assign(log_exposure=OFFSET[rows]),
        ],
        ids=["tuple", "dict", "frame"],
    )
    def test_several_inputs(self, x):
        rows = source(batches(lambda rows: (x(rows), Y[rows], WEIGHTS[rows])), inputs=TWO)
        assert_rows(rows, CALLED if isinstance(x(slice(1)), pd.DataFrame) else PLAIN, X=SIDE_BY_SIDE, offset=None)

    @pytest.mark.parametrize(
        "x", [lambda rows: X[rows], lambda rows: {"design": X[rows]}, lambda rows: (X[rows],)], ids=["array", "dict", "tuple"]
    )
    def test_one_input(self, x):
        rows = source(batches(lambda rows: (x(rows), Y[rows])), inputs=[DESIGN])
        assert_rows(rows, offset=None, weights=np.ones(N))

    def test_tf_data(self):
        """Its elements are tuples, with arrays or dicts in them."""
        data = importlib.import_module("tensorflow").data.Dataset
        both = {"design": X, "log_exposure": OFFSET}
        assert_rows(source(data.from_tensor_slices((X, Y, WEIGHTS)).batch(128)), offset=None)
        rows = source(data.from_tensor_slices((both, Y, WEIGHTS)).batch(128), inputs=TWO)
        assert_rows(rows, PLAIN, X=SIDE_BY_SIDE, offset=None)

    def test_a_torch_loader(self):
        torch = pytest.importorskip("torch")
        loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(*map(torch.tensor, (X, Y, WEIGHTS))), batch_size=64)
        assert_rows(source(loader), offset=None)

    def test_a_keras_dataset(self):
        keras = importlib.import_module("keras")

        class Batches(getattr(keras.utils, "PyDataset", None) or keras.utils.Sequence):
            def __len__(self):
                return len(CUTS)

            def __getitem__(self, number):
                return X[CUTS[number]], Y[CUTS[number]], WEIGHTS[CUTS[number]]

        assert_rows(source(Batches()), offset=None)


class TestPredictions:
    @pytest.mark.parametrize("make", [*ARRAYS.values()], ids=[*ARRAYS.keys()])
    def test_of_arrays(self, make, tmp_path):
        assert_rows(inputs_only(make(tmp_path), OFFSET, inputs=[DESIGN]), y=np.zeros(N), weights=np.ones(N))

    def test_of_tables(self, tmp_path):
        for data in (WHOLE[[*NAMES, "o"]], pyarrow.Table.from_pandas(WHOLE[[*NAMES, "o"]])):
            assert_rows(inputs_only(data, "o", inputs=[DESIGN]), NAMES, y=np.zeros(N), weights=np.ones(N))
        path = written(parquet.write_table, tmp_path / "rows.parquet")
        inputs = [Input(name, (1,)) for name in NAMES]
        assert_rows(inputs_only(path, inputs=inputs), NAMES, y=np.zeros(N), weights=np.ones(N), offset=None)

    @pytest.mark.parametrize("data", [[X, OFFSET], {"design": X, "log_exposure": OFFSET}])
    def test_of_several_inputs(self, data):
        assert_rows(inputs_only(data, inputs=TWO), PLAIN, X=SIDE_BY_SIDE, offset=None, y=np.zeros(N), weights=np.ones(N))

    def test_of_a_pair(self):
        assert_rows(inputs_only([X, OFFSET], inputs=[DESIGN]), y=np.zeros(N), weights=np.ones(N))

    @pytest.mark.parametrize(
        "item",
        [lambda rows: X[rows], lambda rows: (X[rows], Y[rows]), lambda rows: ({"design": X[rows]},)],
        ids=["x", "x and y", "a tuple"],
    )
    def test_of_streams(self, item):
        """With or without their y."""
        rows = inputs_only(
            Loader(batches(lambda rows: item(rows) if isinstance(item(rows), tuple) else [item(rows)])), inputs=[DESIGN]
        )
        assert_rows(rows, y=np.zeros(N), weights=np.ones(N), offset=None)
        rows = inputs_only(Counted(batches(item)), inputs=[DESIGN])
        assert_rows(rows, y=np.zeros(N), weights=np.ones(N), offset=None)


class Cycled:
    """Batches that come again, a number of times, as in the streams that `keras.Model.fit` takes with steps_per_epoch."""

    def __init__(self, batches, times):
        self.batches, self.times = batches, times

    def __iter__(self):
        times = itertools.count() if self.times is None else range(self.times)
        return (batch for _ in times for batch in self.batches)


@pytest.mark.parametrize(("parts", "says"), [(1, "the same batch again"), (3, "the same 3 batches again")])
def test_a_stream_without_an_end_is_refused(parts, says):
    """Not only where tf.data says so: after some cycles of the same batches."""
    batches = list(zip(np.split(X[:996], parts), np.split(Y[:996], parts), strict=True))

    with pytest.raises(ValueError, match=says):
        list(source(Cycled(batches, None), inputs=[DESIGN]).batches(300))


def test_an_endless_dataset_of_unknown_length_is_refused():
    """A filter hides from tf.data that the rows repeat."""
    data = tf_slices().batch(250).repeat().filter(lambda x, y: True)

    with pytest.raises(ValueError, match="the same 4 batches again"):
        list(source(data, inputs=[DESIGN]).batches(300))


@pytest.mark.parametrize(
    "batches",
    [
        pytest.param([(X[:100], Y[:100]), (X[100:], Y[100:])] * 3, id="three times the same"),
        pytest.param([(np.ones((5, 3)), np.zeros(5))] * 40, id="rows that are all alike"),
        pytest.param([(X[:100], Y[:100])] * 6 + [(X, Y)] * 6, id="the same six times, and then others"),
    ],
)
def test_a_stream_that_ends_may_repeat_itself(batches):
    """Rows may be given again, and sorted data have many batches that are the same."""
    assert sum(len(batch) for batch in source(Cycled(batches, 1), inputs=[DESIGN]).batches(300)) == sum(
        len(y) for _, y in batches
    )


def spoiled(row, column, value):
    """A frame of 60 000 rows with one value that is not like the others."""
    frame = pd.DataFrame(np.zeros((60_000, 3)), columns=NAMES).astype({NAMES[column]: object})
    frame.iloc[row, column] = value
    return frame


LONG = np.zeros(60_000)
LABELS = np.where(np.arange(N) % 2, "yes", "no")
TEXT = "column height of X is text, since 'red' in row 59999 is no number: mend or drop such rows"
DATES = pd.date_range("2020-02-01", periods=N)
INFINITE = "the stream repeats for ever: leave .repeat\\(\\) out"
TWO_IN_WORDS = re.escape("the model has the inputs design (3 columns) and log_exposure (1 column), but X brings ")
GIVE = re.escape(": give [X, log_exposure], or a dict by their names.")


def tf_slices():
    return importlib.import_module("tensorflow").data.Dataset.from_tensor_slices((X, Y))


WRONG = [
    (lambda: source(FRAME.assign(age=LABELS), Y), r"column age of X is text \('no' in row 0\): encode"),
    (
        lambda: source(pyarrow.table({"age": pyarrow.array([1, 2, 1]).dictionary_encode()}), [0, 1, 1]),
        r"column age of X is a category \(1 in row 0\): encode",
    ),
    # text, categories and dates
    (lambda: source(spoiled(59_999, 1, "red"), LONG), TEXT),
    (
        lambda: source(pyarrow.table({**dict.fromkeys(NAMES, LONG), "height": [*["0"] * 9, "red"] * 6000}), LONG),
        "column height of X is text",
    ),
    (lambda: source(spoiled(59_999, 1, "red").to_numpy(), LONG), "column x2 of X is text, since 'red' in row 59999 is no number"),
    (lambda: source(np.array([["1"], ["red"]]), [0, 1]), "X is text, since 'red' in row 1 is no number"),
    (lambda: source(np.array([["1"], ["2"]]), [0, 1]), "X holds numbers that are text, such as '1'"),
    (lambda: source([[1.0, 2.0], [3.0, "red"]], [0, 1]), "column x2 of X is text, since 'red' in row 1 is no number"),
    (
        lambda: source([[1.0, "blue"], [3.0, "red"]], [0, 1]),
        r"column x2 of X is text \('blue' in row 0\): .*get_dummies.*drop_first.*formula=",
    ),
    (lambda: source(X, ["?", *map(str, range(1, N))]), "y is text, since '\\?' in row 0 is no number"),
    (
        lambda: source(FRAME.assign(age=pd.Categorical([1, 2] * 500)), Y),
        r"column age of X is a category \(1 in row 0\): encode",
    ),
    (lambda: source(FRAME.assign(age=DATES), Y), r"column age of X is a date \(2020-02-01.* in row 0\): give a number"),
    (lambda: source(FRAME.assign(age=DATES - DATES[0]), Y), "column age of X is a span of time"),
    (lambda: source(pyarrow.table({"age": DATES.to_numpy(), "y": Y}), "y"), "column age of X is a date"),
    (
        lambda: source(FRAME.assign(age=LABELS).to_dict("list"), Y, inputs=[Input(name, (1,)) for name in NAMES]),
        "age is text",
    ),
    (
        lambda: source(X * 1j, Y),
        r"column x1 of X is a complex number \(.*j in row 0\): give its real and its imaginary part",
    ),
    (lambda: source(X, Y, LABELS), r"weights is text \('no' in row 0\)"),
    (lambda: source(X, Y, offset=DATES), "offset is a date"),
    (lambda: source(X, object()), "y is no array of numbers, but: <object"),
    # labels
    (lambda: source(X, LABELS), r"y has the labels 'no' and 'yes': give numbers, such as \(y == 'yes'\)\.$"),
    (lambda: source(X, LABELS.tolist()), r"'no' and 'yes': give numbers, such as \(y == 'yes'\)\.$"),
    (lambda: source(X, pd.Series(LABELS, dtype="category")), r"'no' and 'yes': give numbers, such as \(y == 'yes'\)\.$"),
    (lambda: source(FRAME.assign(y=pd.Categorical(Y % 2)), "y"), r"y has the labels 0.0 and 1.0: .*\(y == 1.0\)\.$"),
    (lambda: source(pyarrow.table({"a": Y, "y": LABELS}), "y"), r"'no' and 'yes': give numbers, such as \(y == 'yes'\)\.$"),
    (
        lambda: source(X, ["b", "a", None, "c"] * 250),
        r"y has the labels 'a', 'b' and 'c': give codes, such as pandas.factorize\(y, sort=True\)\[0\]\.$",
    ),
    (
        lambda: source(X, np.arange(N).astype(str)),
        "y holds numbers that are text, such as '0': convert it, as by pandas.to_numeric",
    ),
    # lengths
    (lambda: source(X, Y[:-1]), "^X has 1000 rows, but y has 999"),
    (lambda: source(X, Y, WEIGHTS[:7]), "^weights has 7 rows, but y has 1000"),
    (lambda: source([X, OFFSET[:-1]], Y, inputs=TWO), "^log_exposure has 999 rows, but y has 1000"),
    (lambda: source([X, OFFSET[:-1]], Y, inputs=[DESIGN]), "^offset has 999 rows, but y has 1000"),
    (lambda: source(pyarrow.table({"a": Y}), Y[:-1]), "^y has 999 rows, but X has 1000"),
    (lambda: source(pyarrow.table({"a": Y}), Y, WEIGHTS[:7]), "^weights has 7 rows, but X has 1000"),
    (lambda: source([[1.0, 2.0], [3.0, 4.0], [5.0]], [0, 1, 2]), "row 2 has 1 numbers, but row 0 has 2"),
    (lambda: source(X, Y, np.ones((N, 2))), "weights is one number for each row, but it has 2 columns"),
    (lambda: source(np.zeros((0, 3)), []), "there are no rows"),
    (lambda: source(WHOLE[:0], "y"), "there are no rows"),
    (lambda: source(pyarrow.Table.from_pandas(WHOLE[:0]), "y"), "there are no rows"),
    # names
    (lambda: source(WHOLE, "claims"), "there is no column claims: the columns are age, y, height, w, o, mass"),
    (lambda: source(pyarrow.Table.from_pandas(WHOLE), "y", "v"), "there is no column v: the columns are age, y"),
    (lambda: source(X, "y"), "y is the name 'y', but X is a ndarray, whose columns have no names"),
    (lambda: source(X, Y, "w", "o"), "weights is the name 'w' and offset is the name 'o', but X is a ndarray"),
    (lambda: source(pd.DataFrame(X, columns=["a", "b", "a"]), Y), "two columns are called a"),
    (lambda: source(X), "^y is missing: give the responses"),
    (lambda: source(WHOLE), "^y is missing: give the responses, or the name of their column"),
    # inputs
    (lambda: source(X, Y, inputs=TWO), TWO_IN_WORDS + "only 3 columns" + GIVE),
    (lambda: source([X], Y, inputs=TWO), TWO_IN_WORDS + "only 3 columns" + GIVE),
    (lambda: source(FRAME, Y, inputs=TWO), TWO_IN_WORDS + r"only 3 columns \(age, height, mass\)" + GIVE),
    (lambda: source(SIDE_BY_SIDE, Y, inputs=TWO), TWO_IN_WORDS + "4 columns" + GIVE),
    (lambda: source([SIDE_BY_SIDE, OFFSET], Y, inputs=TWO), TWO_IN_WORDS + "4 and 1 columns" + GIVE),
    (lambda: source(X, Y, offset=X, inputs=TWO), TWO_IN_WORDS + "3 and 3 columns" + GIVE),
    (lambda: source([X, OFFSET], Y, offset=OFFSET, inputs=[DESIGN]), "the offset is given twice"),
    (
        lambda: source({"design": X, "exposure": OFFSET}, Y, inputs=TWO),
        "inputs of the model are design and log_exposure, but X brings the names design and exposure",
    ),
    (lambda: source({"design": X}, Y, inputs=TWO), "are design and log_exposure, but X brings the names design"),
    (lambda: source({"X": X}, Y, inputs=[DESIGN]), "inputs of the model are design, but X brings the names X"),
    (lambda: source(X[:, :2], Y, inputs=[DESIGN]), "^the model takes 3 columns of X, but X has 2"),
    (lambda: source(WHOLE, Y, inputs=[DESIGN]), r"^the model takes 3 columns of X, but X has 6 \(age, y, height"),
    (
        lambda: source(pyarrow.Table.from_pandas(WHOLE), "y", inputs=[DESIGN]),
        r"takes 3 columns of X, but X has 5 \(age, height",
    ),
    # streams
    (lambda: source((X, Y) for _ in range(2)), "X is a generator, but a fit needs several passes"),
    (lambda: source(lambda: iter([(X, Y)])), "X is a function, but a fit needs several passes"),
    (lambda: source(iter([(X, Y)])), "X is a list_iterator, but a fit needs several passes"),
    (lambda: source(X, (value for value in Y)), "y is a generator"),
    (
        lambda: source(pyarrow.Table.from_pandas(WHOLE).to_reader(), "y"),
        "X is a RecordBatchReader, but a fit needs several passes",
    ),
    (lambda: source([(X, Y)], weights=WEIGHTS), "a stream brings its y, weights and offset itself"),
    (lambda: source(Loader([(X, Y)]), Y), "a stream brings its y, weights and offset itself"),
    (lambda: source(tf_slices().batch(32).repeat()), INFINITE),
    (lambda: inputs_only(tf_slices().batch(32).repeat()), INFINITE),
    (lambda: source(tf_slices().repeat(3).batch(32).repeat(2).prefetch(1)), "the stream gives its rows 6 times"),
    (
        lambda: source(type("Endless", (), {"num_batches": None, "__getitem__": 0})()),
        "does not say how many batches .* __len__",
    ),
    (lambda: source(tf_slices(), inputs=[DESIGN]).sample(4), r"single rows, not batches: add \.batch\(1024\)"),
    (
        lambda: source([*zip(X, np.eye(3)[:1].repeat(N, 0), strict=True)], inputs=[Input("x", (3,))]).sample(4),
        "single rows, not batches",
    ),
    (lambda: source([*zip(X, Y[:, None], strict=True)]).sample(4), "single rows, not batches"),
    (lambda: source([]).sample(4), "there are no rows"),
    (
        lambda: source([X, Y]).sample(4),
        r"batch 0: expected a pair \(x, y\), .* found one ndarray. If it is no batch, give y too",
    ),
    (lambda: source([(X, Y, Y, Y)]).sample(4), r"batch 0: expected a pair .* found a tuple of 4"),
    (lambda: source([(X, Y), (X, Y[:-1])]).sample(N + 1), "batch 1: X has 1000 rows, but y has 999"),
    (lambda: source([(X, Y), (X, Y, WEIGHTS[1:])]).sample(N + 1), "batch 1: .*differ: X 1000, y 1000, weights 999"),
    (
        lambda: source([(X, Y), (X[:, :2], Y)]).sample(N + 1),
        r"batch 1: X, y and offset have \[2, 1, 0\] columns, but \[3, 1, 0\]",
    ),
    (
        lambda: source([(X, Y), (X[:, :2], Y)], inputs=[DESIGN]).sample(N + 1),
        "batch 1: the model takes 3 columns of X, but X has 2",
    ),
    (lambda: source([(X, Y)], inputs=TWO).sample(1), "batch 0: " + TWO_IN_WORDS + "only 3 columns"),
    (lambda: source([({"design": X}, Y)], inputs=TWO).sample(1), "batch 0: the inputs of the model are design and log_exp"),
    (
        lambda: source([(X, Y), (spoiled(59_999, 1, "red"), LONG)]).sample(N + 1),
        "batch 1: column height of X is text, since 'red' in row 60999 is no number",
    ),
]


@pytest.mark.parametrize(("wrong", "message"), WRONG, ids=[str(number) for number in range(len(WRONG))])
def test_what_is_wrong_is_said(wrong, message):
    """One reason, the part and the row in the data, and what to do."""
    with pytest.raises(ValueError, match=message):
        wrong()


def test_a_stream_that_changes_is_found():
    """A second pass that gives other rows would never end in an optimum."""
    given = [(X, Y), (X, Y)]
    rows = source(Loader(given))
    list(rows.batches(512))
    given.pop()

    with pytest.raises(ValueError, match="the rows were 2000 in one pass and 1000 in another"):
        list(rows.batches(512))
