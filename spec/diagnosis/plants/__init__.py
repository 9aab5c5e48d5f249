"""
Plants: answers that were made wrong on purpose, one mistake for each code, to see whether a diagnosis names it.

`PLANTS` has a plant for each code of a cause, `PAIRS` are codes that are planted together, `RIGHT` are answers without a
mistake, and `moved` is an answer moved at random. Each is called with a problem and a generator, and gives a `Planted`, or None
where it cannot be planted. The numbers are those of Keras networks, or of statsmodels; nothing here asks the diagnosis.
"""

from __future__ import annotations

import numpy as np

from spec.diagnosis.plants import changes, errors, networks, right, stated, training
from spec.diagnosis.plants.mistake import Mistake, Plant, Planted, both

__all__ = ["PAIRS", "PLANTS", "RIGHT", "Mistake", "Plant", "Planted", "both", "moved", "pair"]

MISTAKES: dict[str, Mistake] = {
    "separated": Mistake(state=stated.separated, fit=training.stopped_short, exists=False),
    "class-without-rows": Mistake(state=stated.with_an_empty_class, fit=training.stopped_short, exists=False),
    "collinear": Mistake(changes.collinear, changes.with_a_repeated_column, exists=False),
    "softmax-gauge": Mistake(changes.softmax_gauge, far=-1.0),
    "labels-flipped": Mistake(changes.labels_flipped),
    "labels-recoded": Mistake(changes.labels_recoded, stated.with_two_values),
    "label-smoothing": Mistake(fit=networks.label_smoothing),
    "link": Mistake(changes.link),
    "loss": Mistake(changes.loss),
    "squared-error": Mistake(changes.squared_error),
    "activation-twice": Mistake(fit=networks.activation_twice, tries=1),
    "flat-targets": Mistake(fit=networks.flat_targets),
    "one-vs-rest": Mistake(fit=networks.one_vs_rest),
    "hidden-layer": Mistake(fit=training.hidden_layer, far=-1.0, tries=2),
    "no-intercept": Mistake(changes.no_intercept),
    "extra-intercept": Mistake(changes.extra_intercept, stated.without_intercept),
    "column-left-out": Mistake(changes.column_left_out),
    "column-transformed": Mistake(changes.column_transformed),
    "columns-permuted": Mistake(changes.columns_permuted),
    "baseline": Mistake(changes.baseline, stated.with_factor),
    "coding": Mistake(changes.coding, stated.with_factor),
    "classes-permuted": Mistake(changes.classes_permuted),
    "offset-forgotten": Mistake(changes.offset_forgotten, stated.with_offset),
    "offset-free": Mistake(changes.offset_free, stated.with_offset),
    "exposure-not-logged": Mistake(changes.exposure_not_logged, stated.with_offset),
    "offset-reversed": Mistake(changes.offset_reversed, stated.with_offset),
    "exposure-as-weight": Mistake(changes.exposure_as_weight, stated.with_offset),
    "rates-unweighted": Mistake(changes.rates_unweighted, stated.with_offset),
    "weights-forgotten": Mistake(changes.weights_forgotten, stated.with_weights),
    "weights-squared": Mistake(changes.weights_squared, stated.with_weights),
    "trials-forgotten": Mistake(changes.trials_forgotten, stated.with_trials),
    "class-weights": Mistake(changes.class_weights),
    "undersampled": Mistake(changes.undersampled),
    "rows-missing": Mistake(changes.rows_missing),
    "row-left-out": Mistake(changes.row_left_out),
    "rows-first": Mistake(changes.rows_first),
    "rows-last": Mistake(changes.rows_last),
    "rows-twice": Mistake(changes.rows_twice),
    "duplicates-dropped": Mistake(changes.duplicates_dropped, stated.with_equal_rows),
    "standardised": Mistake(changes.standardised),
    "centred": Mistake(changes.centred),
    "another-intercept": Mistake(changes.another_intercept),
    "min-max": Mistake(changes.min_max),
    "middle-half": Mistake(changes.middle_half),
    "units": Mistake(changes.units),
    "exponentiated": Mistake(changes.exponentiated),
    "response-units": Mistake(changes.response_units),
    "response-transformed": Mistake(changes.response_transformed),
    "float32-inputs": Mistake(changes.float32_inputs, stated.with_late_column),
    "ridge": Mistake(fit=networks.ridge),
    "ridge-bias": Mistake(fit=networks.ridge_bias),
    "lasso": Mistake(fit=networks.lasso),
    "weight-decay": Mistake(fit=training.weight_decay),
    "firth": Mistake(fit=networks.firth),
    "nonnegative": Mistake(fit=networks.nonnegative),
    "stopped": Mistake(fit=training.stopped),
    "descent-path": Mistake(fit=training.descent_path),
    "solver-tolerance": Mistake(fit=training.solver_tolerance),
    "newton-steps": Mistake(fit=training.newton_steps),
    "local-optimum": Mistake(state=training.with_two_optima, fit=training.local_optimum, tries=2),
    "dropout": Mistake(fit=training.dropout, tries=2),
    "batch-normalization": Mistake(fit=training.batch_normalization, tries=2),
    "rate-too-large": Mistake(fit=training.rate_too_large),
    "minibatch-noise": Mistake(fit=training.minibatch_noise),
    "float32": Mistake(fit=training.in_float32, far=1e-5),
    "clip": Mistake(state=networks.with_an_outlier, fit=networks.clip),
    "poisson-epsilon": Mistake(state=stated.with_rare_events, fit=networks.poisson_epsilon, far=2e-6),
    "errors-observed": Mistake(fit=errors.with_errors(errors.observed), far=-1.0),
    "errors-n": Mistake(fit=errors.with_errors(errors.by_n), far=-1.0),
    "errors-frequency": Mistake(state=stated.with_weights, fit=errors.with_errors(errors.by_frequency), far=-1.0),
    "errors-deviance": Mistake(fit=errors.with_errors(errors.by_deviance), far=-1.0),
    "errors-ml": Mistake(fit=errors.with_errors(errors.of_likelihood), far=-1.0),
    "errors-no-dispersion": Mistake(fit=errors.with_errors(errors.no_dispersion), far=-1.0),
    "errors-robust": Mistake(fit=errors.with_errors(errors.hc0), far=-1.0),
    "errors-clustered": Mistake(errors.in_clusters, fit=errors.with_errors(errors.clustered), far=-1.0),
    "errors-scaled": Mistake(fit=errors.with_errors(errors.of_doubled_rows), far=-1.0),
}
FURTHER: dict[str, tuple[Mistake, ...]] = {  # other mistakes of the same code, one of which is made by chance
    "squared-error": (Mistake(fit=networks.squared_shares),),
    "offset-free": (Mistake(changes.offset_free_by_name, stated.with_offset),),
    "labels-recoded": (Mistake(fit=networks.labels_recoded, tries=1),),
    "activation-twice": (Mistake(fit=training.activation_twice, tries=1),),
    "errors-robust": (Mistake(fit=errors.with_errors(errors.hc1), far=-1.0),),
}


def _any(first: Mistake, *others: Mistake) -> Plant:
    """One of several mistakes by chance, or the next where that cannot be made."""

    def plant(problem: right.Problem, rng: np.random.Generator) -> Planted | None:
        mistakes = (first, *others)
        for place in rng.permutation(len(mistakes)):
            if (planted := mistakes[place](problem, rng)) is not None:
                return planted
        return None

    return plant


PLANTS: dict[str, Plant] = {code: _any(one, *FURTHER.get(code, ())) for code, one in MISTAKES.items()}
PAIRS: tuple[tuple[str, str], ...] = (  # the second mistake is made in what the first left
    ("offset-forgotten", "ridge"),
    ("offset-forgotten", "standardised"),
    ("offset-forgotten", "rows-first"),
    ("offset-forgotten", "weights-forgotten"),
    ("offset-free", "no-intercept"),
    ("exposure-not-logged", "standardised"),
    ("weights-forgotten", "ridge"),
    ("weights-forgotten", "link"),
    ("weights-forgotten", "rows-first"),
    ("weights-forgotten", "columns-permuted"),
    ("trials-forgotten", "ridge"),
    ("trials-forgotten", "standardised"),
    ("standardised", "ridge"),
    ("standardised", "lasso"),
    ("standardised", "rows-first"),
    ("standardised", "no-intercept"),
    ("min-max", "ridge"),
    ("min-max", "link"),
    ("centred", "ridge"),
    ("units", "weights-squared"),
    ("columns-permuted", "ridge"),
    ("columns-permuted", "no-intercept"),
    ("labels-flipped", "ridge"),
    ("labels-flipped", "standardised"),
    ("labels-flipped", "rows-last"),
    ("labels-flipped", "weights-forgotten"),
    ("classes-permuted", "ridge"),
    ("classes-permuted", "class-weights"),
    ("class-weights", "ridge"),
    ("class-weights", "standardised"),
    ("rows-first", "ridge"),
    ("rows-missing", "ridge"),
    ("rows-missing", "no-intercept"),
    ("baseline", "weights-forgotten"),
    ("no-intercept", "ridge"),
    ("standardised", "label-smoothing"),
)


def pair(first: str, second: str) -> Mistake:
    """Both mistakes at once."""
    return both(MISTAKES[first], MISTAKES[second])


RIGHT: dict[str, Plant] = right.RIGHT
moved: Plant = right.moved
