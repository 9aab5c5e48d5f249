"""Claims about data that come with a library: where it is not installed they are declined, whoever asks for the data."""

from __future__ import annotations

from collections.abc import Generator

import pytest


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, object, object]:
    """Skip a claim whose fixtures ask for such data."""
    return (yield from _declining())


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """Skip a claim that asks for them itself."""
    return (yield from _declining())


def _declining() -> Generator[None, object, object]:
    from spec.problems import NotInstalled

    try:
        return (yield)
    except NotInstalled as absent:
        pytest.skip(str(absent))
