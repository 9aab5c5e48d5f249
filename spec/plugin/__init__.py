"""
The pytest plug-in of the specification: its options and engines, and the outcomes of claims.

In the repository conftest.py loads it; from a wheel the command ``glm-spec`` does, or ``pytest -p spec.plugin``.
"""

import os

# One thread for BLAS: NumPy, SciPy and TensorFlow bring a pool each, and on few cores they wait for one another
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

pytest_plugins = [
    "spec.plugin.own_data",  # before what imports it, so that pytest may rewrite its assertions
    "spec.plugin.options",
    "spec.plugin.absent",
    "spec.plugin.outcomes",
    "spec.plugin.quick",
]
