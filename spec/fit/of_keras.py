"""Settings that a fit refuses: those of Keras's own fit, each with what to do, and switches that are neither on nor off."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

import numpy as np

FEWER_ROWS = "Keras holds these rows out. Leave them out of X and y, which the fit takes all of"
NO_STEPS = "no number of steps decides where this fit ends: leave it out. max_passes bounds the passes over the data"

INSTEAD = {
    "epochs": NO_STEPS,
    "initial_epoch": NO_STEPS,
    "steps_per_epoch": NO_STEPS,
    "batch_size": "the sums over all rows do not depend on it: leave it out",
    "shuffle": "the sums over all rows do not depend on their order: leave it out",
    "verbose": "progress=True shows each pass",
    "callbacks": "progress takes a function, which is called after each pass",
    "validation_split": FEWER_ROWS,
    "validation_data": "nothing is chosen by it: leave it out, and hold the fitted model to it with its evaluate",
    "validation_steps": "there is no validation: leave it out",
    "validation_batch_size": "there is no validation: leave it out",
    "validation_freq": "there is no validation: leave it out",
    "x": "X is spelled with a capital letter",
}


def refuse_others(given: Iterable[str], known: Iterable[str]) -> None:
    """Raise TypeError for settings that a fit does not know: with what to do for one of Keras, else with the nearest name."""
    for name in given:
        near = get_close_matches(name, list(known), 1)
        cure = INSTEAD.get(name) or (f"did you mean {near[0]}?" if near else f"it has {', '.join(known)}.")
        raise TypeError(f"fit has no setting {name}: {cure}" + ("" if cure[-1] in "?." else "."))


def refuse_odd_switches(**switches: Any) -> None:
    """Raise ValueError for a setting that is neither on nor off: text, such as "no", would be on."""
    for name, value in switches.items():
        if not isinstance(value, (bool, np.bool_, int, type(None))):
            robust = ' Robust ones are those of fitted.robust("HC1").' if name == "standard_errors" else ""
            raise ValueError(f"{name} is {value!r:.60}: it is True or False.{robust}")
