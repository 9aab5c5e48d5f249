"""Generated Keras models are served or refused as their construction says: a few of those of `tox -e fuzz`."""

import warnings

from tests.benchmarks.fuzz import fuzz


def test_generated_models_are_served_or_refused_rightly():
    """Layers, activations, losses, options and forms of data by chance, with the truth known from how each was made."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what Keras says of odd models is not what is asked here
        tally = fuzz(range(24), 1)

    assert not tally.failures, "\n".join(tally.failures)
