"""The suite is a pytest plug-in, `spec.plugin`, and tests: the fixtures that claims use are in tests/claims/conftest.py."""

import pytest

pytest_plugins = ["spec.plugin"]


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Time nothing without --benchmark-enable. pytest-benchmark need not be installed, so this is no option in pyproject.toml."""
    if hasattr(config.option, "benchmark_disable"):
        config.option.benchmark_disable = not config.option.benchmark_enable
