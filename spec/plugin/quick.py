"""A first taste: the mark ``quick`` is on one case of each claim, and on one answer that it refuses."""

from __future__ import annotations

import pytest

from spec.plugin.outcomes import slug


@pytest.hookimpl(tryfirst=True)  # before pytest asks for the mark
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the first of each claim, and the first of what is held to it; of a claim for each rung, the first of each rung."""
    seen = set()
    for item in items:
        for kind in ("claim", "control"):
            marker = item.get_closest_marker(kind)
            if marker is not None and (key := (kind, slug(item, marker))) not in seen:
                seen.add(key)
                item.add_marker(pytest.mark.quick)
