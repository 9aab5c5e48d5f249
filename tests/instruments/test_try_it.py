"""Each chapter has an example to try, and each example runs."""

import runpy

import keras
import pytest

from spec.report.source import ROOT, chapters

EXAMPLES = {path.stem: path for path in sorted((ROOT / "docs" / "try_it").glob("*.py"))}


def test_every_chapter_has_an_example():
    """An example has its chapter's name."""
    assert list(EXAMPLES) == [chapter.name.removeprefix("test_") for chapter in chapters()]


@pytest.mark.filterwarnings("ignore")  # as a reader's Python would show or not
@pytest.mark.parametrize("path", EXAMPLES.values(), ids=EXAMPLES.keys())
def test_an_example_runs(path, capsys):
    """It asserts what it says, and prints it."""
    keras.utils.clear_session()  # as in a new process: a layer made before keeps Keras from seeing another floatx
    keras.utils.set_random_seed(0)
    runpy.run_path(str(path), run_name="__main__")

    assert capsys.readouterr().out.strip()
