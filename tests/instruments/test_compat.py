"""What stands in for Python 3.10 on Python 3.9 does the same; a dictionary of recent entries stays small."""

import pytest

from spec.compat import Recent, strict_zip, zip_or_raise

EITHER = pytest.mark.parametrize("zipped", [strict_zip, zip_or_raise], ids=["here", "on-3.9"])


@EITHER
def test_rows_are_those_of_zip(zipped):
    """No column, one, and several."""
    assert list(zipped()) == []
    assert list(zipped([1, 2])) == [(1,), (2,)]
    assert list(zipped([1, 2], "ab", iter([None, ...]))) == [(1, "a", None), (2, "b", ...)]


@EITHER
@pytest.mark.parametrize("columns", [([1], []), ([], [1]), ([1, 2], [1, 2], [1]), ([1], [1, None])])
def test_a_column_too_short_is_an_error(zipped, columns):
    """Wherever it stands, and however long the others are."""
    with pytest.raises(ValueError, match=r"zip\(\)"):
        list(zipped(*columns))


def test_a_dictionary_of_recent_entries_drops_the_oldest():
    """The compiled networks and programs of the last few models are kept, and no more."""
    recent = Recent(2)
    for key in "abc":
        recent[key] = key.upper()

    assert dict(recent) == {"b": "B", "c": "C"}
