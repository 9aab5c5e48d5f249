"""The suite is a pytest plug-in, `spec.plugin`, and tests: the fixtures that claims use are in tests/claims/conftest.py."""

import os

# One thread for BLAS: NumPy, SciPy and TensorFlow bring a pool each, and on few cores they wait for one another
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

pytest_plugins = ["spec.plugin.options", "spec.plugin.outcomes"]
