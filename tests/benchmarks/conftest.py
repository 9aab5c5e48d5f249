"""A run of the benchmarks says on what it was made."""

import shutil
import subprocess
from importlib import metadata

from spec.fit.workers import CORES

LIBRARIES = (
    *("keras", "tensorflow-cpu", "tensorflow", "jax", "statsmodels", "scikit-learn", "glum", "pyfixest", "glmax", "nemos"),
    *("numpy", "scipy"),
)


def pytest_benchmark_update_machine_info(config, machine_info):
    installed = {found.metadata["Name"]: found.version for found in metadata.distributions()}
    machine_info["libraries"] = {name: installed[name] for name in LIBRARIES if name in installed}
    if shutil.which("Rscript"):
        told = subprocess.run(["Rscript", "--version"], capture_output=True, text=True, check=True)
        machine_info["libraries"]["R"] = (told.stdout + told.stderr).split("version ")[-1].split()[0]
    machine_info["cores"] = CORES


def pytest_ignore_collect(collection_path, config):
    """The fits of a million rows are made for their times alone: with --benchmark-enable, as `tox -e bench` does."""
    return True if collection_path.name == "test_fits.py" and not config.getoption("benchmark_enable") else None
