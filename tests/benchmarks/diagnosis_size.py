"""
What a diagnosis costs where the data are large: seconds and memory, each in a process of its own.

``python -m tests.benchmarks.diagnosis_size`` writes Parquet files of 100,000 x 32, and of 2 and 10 million rows x 4, with counts
and an exposure; fits them without the exposure; and has ``python -m spec.diagnose`` say so. Memory is the most that the process
had at any time, its imports included.
"""

from __future__ import annotations

import csv
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

SIZES = ((100_000, 32), (2_000_000, 4), (10_000_000, 4))
PIECE = 10**6  # rows of a row group


def write(path: Path, rows: int, columns: int) -> None:
    """A Parquet file with columns x0, x1, ..., an exposure, and counts n."""
    import pyarrow as pa
    from pyarrow import parquet

    rng = np.random.default_rng(0)
    coef = rng.normal(size=columns) / np.sqrt(columns) / 3
    schema = pa.schema([(name, pa.float64()) for name in (*(f"x{j}" for j in range(columns)), "exposure", "n")])
    with parquet.ParquetWriter(path, schema) as file:
        for first in range(0, rows, PIECE):
            X = rng.normal(size=(min(PIECE, rows - first), columns))
            exposure = rng.uniform(0.3, 4, size=len(X))
            counts = rng.poisson(exposure * np.exp(0.3 + X @ coef)).astype(float)
            file.write_table(pa.table([*X.T, exposure, counts], schema=schema), row_group_size=PIECE)


def write_fit(path: Path, data: Path, formula: str) -> None:
    """The coefficients of a fit of the file without its exposure, to the last digit."""
    from spec.fit import fit

    fitted = fit(formula=formula, data=data, family="poisson", tolerance=1e-12)
    with path.open("w", newline="", encoding="utf-8") as file:
        lines = csv.writer(file)
        lines.writerow(("name", "coefficient"))
        lines.writerow(("Intercept", repr(float(fitted.params.intercept[0]))))
        lines.writerows((f"x{j}", repr(float(value))) for j, value in enumerate(fitted.params.coef[:, 0]))


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        data, table = Path(folder, "data.parquet"), Path(folder, "coefficients.csv")
        for rows, columns in SIZES:
            write(data, rows, columns)
            formula = "n ~ " + " + ".join(f"x{j}" for j in range(columns))
            write_fit(table, data, formula)
            asked = ["--formula", formula, "--family", "poisson", "--offset", "log(exposure)", "--coefficients", str(table)]
            since = time.perf_counter()
            process = subprocess.Popen(
                [sys.executable, "-m", "spec.diagnose", str(data), *asked],
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
            assert process.stdout is not None
            said = process.stdout.read()
            _, _, used = os.wait4(process.pid, 0)
            verdict = next(line for line in said.splitlines() if line.startswith("verdict"))
            print(
                f"{rows:>12,} x {columns:<3} {time.perf_counter() - since:6.1f} s {used.ru_maxrss / 2**20:6.2f} GiB   {verdict}"
            )


if __name__ == "__main__":
    main()
