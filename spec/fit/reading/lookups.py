"""Layers that look up codes of a vocabulary, and take no others. Of text `spec.fit.vocabulary` knows them."""

from __future__ import annotations

from typing import Any

import numpy as np

from spec.engines.keras.versions import keras


def is_strict(layer: Any) -> bool:
    """Whether a layer looks codes up, and takes no others."""
    return isinstance(layer, keras.layers.IntegerLookup) and layer.num_oov_indices == 0


def refuse_unknown(lookup: Any, codes: np.ndarray) -> None:
    """Raise ValueError for a code that the vocabulary of a layer lacks."""
    known = [*lookup.get_vocabulary(include_special_tokens=False), lookup.mask_token]
    if len(unknown := np.setdiff1d(codes, [code for code in known if code is not None])):
        raise ValueError(
            f"a row has the code {unknown[0]}, which the vocabulary of the layer {lookup.name} lacks: add it, or give the layer "
            "num_oov_indices=1."
        )
