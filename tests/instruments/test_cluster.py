"""
Fits on a cluster of processes: the same bits as in one thread, also after workers were killed; what goes wrong is named.

The cluster is Dask's own, on this machine: a scheduler and two workers, each a process.
"""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas
import pytest

from spec.engines.keras.versions import keras
from spec.fit import fit
from tests.instruments.test_blocks import WEIGHTS, X, Y, bits, parquet, sigmoid

dask = pytest.importorskip("dask")
distributed = pytest.importorskip("distributed")
pytestmark = pytest.mark.filterwarnings("ignore:Sending large graph", "ignore::DeprecationWarning", "ignore::ResourceWarning")

N = 60_000
FRAME = pandas.DataFrame(X[:N], columns=list("abc")).assign(
    y=Y[:N], w=WEIGHTS[:N], kind=np.array(["u", "v", "w"])[np.arange(N) % 3]
)
NUMBERS = FRAME.drop(columns="kind")


@pytest.fixture(scope="module")
def cluster():
    settings = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": ":0"}
    with dask.config.set({"distributed.scheduler.allowed-failures": 5}), distributed.LocalCluster(**settings) as made:
        yield made


@pytest.fixture
def client(cluster):
    with distributed.Client(cluster) as made:
        yield made


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return parquet(tmp_path_factory.mktemp("cluster"))


def partitioned(parts):
    """A data frame of Dask that has these partitions, whatever they are."""
    frame = pytest.importorskip("dask.dataframe")
    return frame.from_delayed([dask.delayed(part) for part in parts], meta=parts[-1].iloc[:0], verify_meta=False)


def cut(frame, number=6):
    return [frame.iloc[start : start + len(frame) // number] for start in range(0, len(frame), len(frame) // number)]


class TestTheSameBits:
    def test_of_a_file(self, client, path):
        """By threads, by Dask's client, and by its executor: of weights too."""
        here = bits(fit(sigmoid(), path, "y", weights="w"))

        assert bits(fit(sigmoid(), path, "y", weights="w", executor=client)) == here
        assert bits(fit(sigmoid(), path, "y", weights="w", executor=client.get_executor())) == here

    def test_of_arrays_and_a_softmax(self, client):
        """Whose products TensorFlow shares among threads: the workers have as many as this process."""
        y = np.random.default_rng(1).integers(3, size=len(X))

        assert bits(fit(sigmoid(3), X, y, executor=client)) == bits(fit(sigmoid(3), X, y))

    def test_of_a_data_frame_of_dask(self, client):
        """Lazy, and persisted on the workers; and without a client in this process, too."""
        lazy = partitioned(cut(NUMBERS))
        found = {bits(fit(sigmoid(), data, "y", weights="w")) for data in (lazy, lazy.persist())}
        client.close()

        assert found == {bits(fit(sigmoid(), lazy, "y", weights="w"))}

    def test_of_arrays_of_dask(self, client):
        """Chunks of rows are partitions, chunks of columns are put together; y may be an array of NumPy."""
        array = pytest.importorskip("dask.array")
        chunked, y = array.from_array(X[:N], chunks=(10_000, 2)), array.from_array(Y[:N], chunks=7_000)
        found = {bits(fit(sigmoid(), chunked, one)) for one in (y, Y[:N], pandas.Series(Y[:N]))}

        with pytest.raises(ValueError, match="y has 59000 rows, but X has 60000"):
            fit(sigmoid(), chunked, y[:59_000])
        with pytest.raises(ValueError, match="y has 59000 rows, but X has 60000"):
            fit(sigmoid(), chunked, Y[:59_000])
        client.close()
        assert found == {bits(fit(sigmoid(), chunked, y))}

    def test_of_a_formula(self, client):
        """Its design is made where the data lie: the levels are those of all partitions, and predictions come back in order."""
        data = partitioned(cut(FRAME))
        fitted = fit(formula="y ~ a + kind", data=data, family="binomial", weights="w")
        whole = fit(formula="y ~ a + kind", data=FRAME, family="binomial", weights="w")

        assert fitted.terms == whole.terms
        assert np.abs((fitted.params.matrix - whole.params.matrix) / whole.standard_errors).max() < 1e-5
        assert np.allclose(fitted.predict(data), whole.predict(FRAME), rtol=1e-8)

    def test_after_workers_were_killed_in_the_middle_of_a_pass(self, cluster, client, path):
        """Twice, by SIGKILL: Dask starts another, and computes again what was lost."""
        client.wait_for_workers(2)
        workers, killed = [worker.pid for worker in cluster.workers.values()], []

        def murder(pid):
            os.kill(pid, signal.SIGKILL)
            killed.append(pid)

        def kill(state):
            if workers:
                threading.Timer(0.02, murder, [workers.pop()]).start()

        found = bits(fit(sigmoid(), path, "y", weights="w", executor=client, progress=kill))

        assert found == bits(fit(sigmoid(), path, "y", weights="w"))
        assert len(killed) == 2

    def test_of_robust_standard_errors(self, client, path):
        """The workers sum the scores' products, too, and HC3's leverages."""
        here, there = (fit(sigmoid(), path, "y", weights="w", executor=one) for one in (None, client))

        for kind in ("HC1", "HC3"):
            assert there.robust(kind).standard_errors.tobytes() == here.robust(kind).standard_errors.tobytes()

    def test_of_the_reason_for_no_optimum(self, client):
        """Workers hold a direction that separates a part of the rows to all rows."""
        separated = NUMBERS.assign(y=(NUMBERS.a > 0.5) * 1.0)
        found = fit(sigmoid(), partitioned(cut(separated)), "y", weights="w")

        assert not found.converged
        assert "separated" in found.reason
        assert found.reason == fit(sigmoid(), separated, "y", weights="w").reason

    def test_of_other_processes(self, path):
        """Any executor of the standard library; one of whose processes dies in a pass is named, as nothing computes again."""
        with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as processes:
            found = bits(fit(sigmoid(), path, "y", weights="w", executor=processes))
            assert found == bits(fit(sigmoid(), path, "y", weights="w"))

            with pytest.raises(RuntimeError, match="a process of the executor died in the middle of a pass") as raised:
                fit(sigmoid(), path, "y", weights="w", executor=processes, progress=lambda state: _kill_one(processes))
        assert isinstance(raised.value.__cause__, BrokenProcessPool)

    def test_of_the_processes_of_mpi(self, path, tmp_path):
        """As a cluster starts them: one process that fits, and two that compute. ``tox -e mpi`` installs MPI."""
        pytest.importorskip("mpi4py")
        script = tmp_path / "script.py"
        script.write_text(OVER_MPI)
        mpiexec = shutil.which("mpiexec", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
        command = [mpiexec, "-n", "3", sys.executable, "-m", "mpi4py.futures", str(script), str(path)]
        root = str(Path(__file__).parents[2])
        done = subprocess.run(
            command, cwd=root, env={**os.environ, "PYTHONPATH": root}, stdin=subprocess.DEVNULL, capture_output=True, text=True
        )

        assert done.returncode == 0, done.stderr
        assert done.stdout.split() == ["2", bits(fit(sigmoid(), path, "y", weights="w")).hex()]


OVER_MPI = """
if __name__ == "__main__":
    import sys
    from mpi4py.futures import MPIPoolExecutor
    from spec.fit import fit
    from tests.instruments.test_blocks import bits, sigmoid
    with MPIPoolExecutor() as pool:
        print(pool.num_workers, bits(fit(sigmoid(), sys.argv[1], "y", weights="w", executor=pool)).hex())
"""


def _kill_one(processes):
    os.kill(next(iter(processes._processes)), signal.SIGKILL)
    time.sleep(0.5)


def but(number, **columns):
    """The partitions, one of them with other columns."""
    parts = cut(NUMBERS)
    parts[number] = parts[number].assign(**columns)
    return parts


def with_one(values, at, value):
    changed = values.copy()
    changed.iloc[at] = value
    return changed


PARTS = cut(NUMBERS)
WRONG = {
    "NaN": (but(3, b=with_one(PARTS[3].b, 17, np.nan)), "partition 3: X is missing .* in column b, row 17"),
    "a response": (but(2, y=with_one(PARTS[2].y, 5, 7.0)), "partition 2: y is 7 in row 5: a sigmoid takes 0 and 1"),
    "text": (but(4, a=PARTS[4].a.astype(str)), "partition 4: column a of X holds numbers that are text"),
    "columns": ([*PARTS[:1], PARTS[1].rename(columns={"b": "z"}), *PARTS[2:]], "partition 1: it has the columns a, z, c"),
    "empty": ([part.iloc[:0] for part in PARTS], "there are no rows"),
}


class TestWhatIsWrong:
    @pytest.mark.parametrize("name", WRONG)
    def test_is_named_with_its_partition_and_row(self, name, client):
        """As the reader would look for it: df.partitions[3].compute().iloc[17]."""
        parts, message = WRONG[name]

        with pytest.raises(ValueError, match=message):
            fit(sigmoid(), partitioned(parts), "y", weights="w")

    def test_empty_partitions_among_others_are_no_rows(self, client):
        """As a filter leaves them."""
        parts = [PARTS[0].iloc[:0], *PARTS[1:3], PARTS[3].iloc[:0], *PARTS[4:]]

        assert bits(fit(sigmoid(), partitioned(parts), "y", weights="w")) == bits(
            fit(sigmoid(), partitioned([part for part in parts if len(part)]), "y", weights="w")
        )

    @pytest.mark.parametrize(
        ("y", "message"),
        [
            ("z", "there is no column z"),
            (Y[:N], "y is a ndarray, but the partitions of X do not say how many rows they have: make y a column"),
            (partitioned(PARTS[:4]).y, "y has 4 partitions, but X has 6"),
        ],
        ids=["no column", "an array", "other partitions"],
    )
    def test_parts_that_are_divided_otherwise_are_named(self, y, message, client):
        """With what to do."""
        with pytest.raises(ValueError, match=message):
            fit(sigmoid(), partitioned(PARTS)[["a", "b", "c"]], y)

    def test_a_file_that_vanishes_is_named(self, client, tmp_path):
        """By the worker that missed it."""
        path = parquet(tmp_path)

        with pytest.raises(OSError, match=r"row group 0 of .* cannot be read any more"):
            fit(sigmoid(), path, "y", weights="w", executor=client, progress=lambda state: path.unlink(missing_ok=True))

    def test_ctrl_c_ends_at_the_best_parameters_so_far_and_the_fit_goes_on(self, client, path):
        """From there, with start=."""

        def interrupt(state):
            if state.number == 2:
                raise KeyboardInterrupt

        try:
            stopped = fit(sigmoid(), path, "y", weights="w", executor=client, progress=interrupt)
        except KeyboardInterrupt:
            pytest.fail("the best parameters so far were lost")
        assert "interrupted" in stopped.reason
        assert fit(sigmoid(), path, "y", weights="w", executor=client, start=stopped.params).converged

    def test_no_worker_keeps_memory_of_a_fit(self, client):
        """Neither sums nor partitions."""
        fit(sigmoid(), partitioned(PARTS), "y", weights="w")
        end = time.monotonic() + 20
        while time.monotonic() < end:
            kept = client.run(lambda dask_worker: len(dask_worker.data))
            if not any(kept.values()):
                break
            time.sleep(0.2)

        assert not any(kept.values())

    def test_workers_that_stand_still_are_not_waited_for_without_end(self, path, monkeypatch):
        """Dask pauses those that are short of memory, and may wait for ever; here there are none."""
        monkeypatch.setattr("spec.fit.cluster.PATIENCE", 3.0)
        settings = {"n_workers": 0, "processes": False, "dashboard_address": ":0"}
        no_worker = pytest.raises(RuntimeError, match=r"for 3 s no worker of Dask has run \(there are none\)")
        with distributed.LocalCluster(**settings) as none, distributed.Client(none) as client, no_worker:
            fit(sigmoid(), path, "y", weights="w", executor=client)

    def test_a_worker_without_memory_is_named(self):
        """The partition is larger than the worker, whom Dask kills."""
        frame = pytest.importorskip("dask.dataframe")

        def huge():
            """2 GB; a worker is sent the code, as of any function in a function, and imports neither this file nor Keras."""
            held = np.ones((50_000_000, 5))
            time.sleep(5)
            return pandas.DataFrame(held, columns=list("abcyw"))

        parts = frame.from_delayed([dask.delayed(huge)(), dask.delayed(huge)()], meta=NUMBERS.iloc[:0], verify_meta=False)
        settings = {"n_workers": 1, "threads_per_worker": 1, "memory_limit": "1GB", "dashboard_address": ":0"}
        no_memory = pytest.raises(RuntimeError, match=r"Was it out of memory.* or make smaller partitions")
        never = dask.config.set({"distributed.scheduler.allowed-failures": 0})
        with never, distributed.LocalCluster(**settings) as small, distributed.Client(small), no_memory:
            fit(sigmoid(), parts, "y", weights="w")

    def test_a_scheduler_that_is_gone_is_named_and_nothing_hangs(self, path):
        """A cluster of one's own, killed in the middle of a fit."""
        start = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--port", "0", "--no-dashboard"]
        scheduler = subprocess.Popen(start, stderr=subprocess.PIPE, text=True)
        address = next(line.rpartition(" ")[2].strip() for line in scheduler.stderr if "Scheduler at:" in line)
        command = [sys.executable, "-m", "distributed.cli.dask_worker", address, "--no-dashboard", "--death-timeout", "20"]
        worker = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        client = distributed.Client(address)
        try:
            with pytest.raises(RuntimeError, match="Dask's scheduler is gone in the middle of a pass"):
                fit(sigmoid(), path, "y", weights="w", executor=client, progress=lambda state: scheduler.kill())
        finally:
            for process in (worker, scheduler):
                process.kill()
                process.wait()
            scheduler.stderr.close()
            client.close(timeout=1)


def test_layers_before_the_dense_layer_are_computed_by_the_workers(client, path):
    """With the constants of a Normalization."""
    normalise = keras.layers.Normalization()
    normalise.adapt(X[:1000])
    model = keras.Sequential([keras.Input((3,)), normalise, keras.layers.Dense(1, activation="sigmoid")])
    model.compile(loss="binary_crossentropy")

    assert bits(fit(model, path, "y", weights="w", executor=client)) == bits(fit(model, path, "y", weights="w"))
