"""A long fit shows its passes, its distance from the optimum, and the time that is left."""

import io

import pytest
from rich.console import Console

from spec.fit.maximise import Pass
from spec.fit.progress import ending, line, shown


@pytest.mark.parametrize(
    ("state", "shown", "end"),
    [
        (Pass(1, -9.0, 34.0, False, 0, None, 1.5), "pass 1, 1.5 s: 34 standard errors from the optimum", ""),
        (
            Pass(2, -8.0, 0.5, True, 0, 3, 20.0),
            "pass 2, 20.0 s with information: 0.5 standard errors",
            "about 3 more passes, 60 s",
        ),
        (Pass(3, -8.0, 1e-3, False, 0, 1, 2.0), "0.001 standard errors", "about 1 more pass, 2 s"),
        (Pass(4, -8.0, 1e-9, True, 0, 0, 2.0), "1e-09 standard errors", "there"),
        (Pass(2, -99.0, float("inf"), False, 1), "too far: the step is halved", ""),
    ],
)
def test_a_pass_is_a_line(state, shown, end):
    assert shown in line(state)
    assert ending(state) == end


def test_lines_stay_and_the_bar_goes():
    """The bar shows the rows of the present pass; each pass that is done leaves a line."""
    console = Console(file=io.StringIO(), force_terminal=True, width=100)
    with shown(1000, console) as (on_pass, on_rows):
        on_rows(500)
        on_pass(Pass(1, -9.0, 34.0, False, 0, 2, 1.5))

    text = console.file.getvalue()
    assert "34 standard errors from the optimum" in text
    assert "about 2 more passes" in text
