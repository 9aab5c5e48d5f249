"""Tables whose factors have other columns than the model's: every contrast of patsy and R, SAS's effects, Stata's numbers."""

import numpy as np
import pandas as pd
import pytest
from formulaic import model_matrix
from formulaic.transforms import contrasts as known

from spec.diagnosis import diagnose
from spec.diagnosis.contrasts import CONTRASTS
from spec.diagnosis.result import FOUND, NONE
from spec.diagnosis.tables import answer_of_table

RNG = np.random.default_rng(20)
LEVELS = ("east", "north", "south", "west")
N = 240
FRAME = pd.DataFrame({"region": RNG.choice(LEVELS, N), "sex": RNG.choice(["f", "m"], N), "age": RNG.normal(size=N)})
FRAME["y"] = FRAME["region"].map(dict(zip(LEVELS, [0.5, -1.0, 2.0, 0.3], strict=True))) + 0.7 * FRAME["age"]
FRAME["y"] += RNG.normal(size=N) * 0.5 + (FRAME["sex"] == "m")
ROWS = np.array([LEVELS.index(one) for one in FRAME["region"]])
REST = np.column_stack([FRAME["age"], FRAME["sex"] == "m"])


def fitted(matrix, names, order=(0, 1, 2, 3)):
    """The least-squares coefficients by name, of a coding with a row for each level; ``order`` gives the row of each level."""
    design = np.column_stack([np.ones(N), np.asarray(matrix, dtype=float)[np.array(order)[ROWS]], REST])
    coef = np.linalg.lstsq(design, FRAME["y"].to_numpy(), rcond=None)[0]
    return dict(zip(["(Intercept)", *names, "age", "sexm"], coef.tolist(), strict=True))


def diagnosed(table):
    return diagnose(table, data=FRAME, formula="y ~ C(region) + age + C(sex)", family="gaussian")


@pytest.mark.parametrize(
    ("kind", "contrast"),
    [
        ("S", known.SumContrasts()),
        ("D", known.DiffContrasts()),
        ("H", known.HelmertContrasts()),
        ("P", known.PolyContrasts()),
        ("T", known.TreatmentContrasts()),
    ],
)
@pytest.mark.parametrize("m", [2, 3, 6])
def test_contrasts_are_those_of_formulaic(kind, contrast, m):
    theirs = contrast.get_coding_matrix(list(range(m)), sparse=False)

    np.testing.assert_allclose(CONTRASTS[kind][1](m), np.asarray(theirs, dtype=float), atol=1e-12)


NAMED = {
    "sum of patsy": ("S", [f"C(region, Sum)[S.{one}]" for one in LEVELS[:-1]]),
    "sum of formulaic": ("S", [f"C(region, contr.sum)[S.{one}]" for one in LEVELS[:-1]]),
    "sum of R": ("S", ["region1", "region2", "region3"]),
    "effects of SAS": ("S", ["region east", "region north", "region south"]),
    "effects of SAS, the first left out": ("S, first", ["region north", "region south", "region west"]),
    "Helmert of patsy": ("H", [f"C(region, Helmert)[H.{one}]" for one in LEVELS[1:]]),
    "Helmert of R": ("H", ["region1", "region2", "region3"]),
    "differences of patsy": ("D", [f"C(region, Diff)[D.{one}]" for one in LEVELS[:-1]]),
    "differences of formulaic": ("D", [f"C(region, contr.diff)[D.{one}]" for one in LEVELS[1:]]),
    "contr.sdif of R": ("D", ["region2-1", "region3-2", "region4-3"]),
    "polynomials of R": ("P", ["region.L", "region.Q", "region.C"]),
    "polynomials of patsy": ("P", [f"C(region, Poly).{one}" for one in ("Linear", "Quadratic", "Cubic")]),
    "polynomials of formulaic": ("P", [f"C(region, contr.poly)[{one}]" for one in (".L", ".Q", ".C")]),
}


@pytest.mark.parametrize(("kind", "names"), NAMED.values(), ids=NAMED)
def test_every_contrast_is_the_same_model(kind, names):
    found = diagnosed(fitted(CONTRASTS[kind][1](4), names))

    assert found.verdict == FOUND
    assert [one.code for one in found.found] == ["coding"]
    assert found.mended.proven
    assert found.mended.digits > 10


@pytest.mark.parametrize("names", [["region.L", "region.Q", "region.C"], ["region1", "region2", "region3"]])
@pytest.mark.parametrize("order", [(0, 1, 2, 3), (1, 0, 2, 3), (3, 1, 0, 2)])
def test_the_order_of_levels_is_found(names, order):
    """An ordered factor of R has an order of its own: low, medium, high."""
    kind = "P" if "." in names[0] else "H"
    found = diagnosed(fitted(CONTRASTS[kind][1](4), names, order))

    assert [one.code for one in found.found] == ["coding"]
    assert found.mended.digits > 10
    ordered = [one for _, one in sorted(zip(order, ("its baseline", *LEVELS[1:]), strict=True))]
    shown = f"({', '.join(ordered)})"
    mirrored = f"({', '.join(reversed(ordered))})"  # no column of a polynomial but its sign tells these apart
    assert shown in found.found[0].says or mirrored in found.found[0].says


def test_levels_that_stata_numbers():
    same = fitted(np.eye(4)[:, 1:], ["2.region", "3.region", "4.region"])
    last = fitted(np.eye(4)[:, :3], ["1.region", "2.region", "3.region"])

    assert diagnosed(same).verdict == NONE
    assert [one.code for one in diagnosed(last).found] == ["baseline"]
    assert "compared with west, and in the model with its baseline" in diagnosed(last).found[0].says


@pytest.mark.parametrize("names", [["region1", "region2", "region3"], ["region east", "region north", "region south"]])
def test_a_mistake_beside_a_contrast_is_not_read_away(names):
    """The names of R and of SAS, which those of another baseline have too."""
    table = fitted(CONTRASTS["S"][1](4), names)
    table["age"] *= 10
    found = diagnosed(table)

    assert found.verdict == FOUND
    assert "units" in {one.code for one in found.found}


def test_a_contrast_of_an_interaction_is_converted():
    columns = model_matrix("y ~ C(region) * age", FRAME).rhs.columns[1:]
    design = model_matrix("y ~ C(region, contr.helmert) * age", FRAME).rhs
    coef = np.linalg.lstsq(np.asarray(design), FRAME["y"].to_numpy(), rcond=None)[0]
    plain = np.linalg.lstsq(np.asarray(model_matrix("y ~ C(region) * age", FRAME).rhs), FRAME["y"].to_numpy(), rcond=None)[0]
    found = answer_of_table(dict(zip(design.columns, coef, strict=True)), columns, True, ("y",))

    np.testing.assert_allclose(found.params.matrix[:, 0], plain, atol=1e-12)


def test_a_table_with_a_baseline_meets_a_model_of_sums():
    columns = model_matrix("y ~ C(region, contr.sum)", FRAME).rhs.columns[1:]
    found = answer_of_table({"(Intercept)": 1, "regionnorth": 2, "regionsouth": 3, "regionwest": 6}, columns, True, ("y",))

    np.testing.assert_allclose(found.params.matrix[:, 0], [3.75, -2.75, -0.75, 0.25])
    assert list(found.program) == ["baseline"]


def test_a_level_that_begins_like_a_contrast_is_a_level():
    frame = FRAME.assign(region=FRAME["region"].replace({"south": "S.Korea", "west": "H.Land"}))
    for names, base in (
        (("region[north]", "region[S.Korea]", "region[H.Land]"), 0),
        (("regionH.Land", "regionS.Korea", "regioneast"), 1),
    ):
        order = {0: [1, 2, 3], 1: [3, 2, 0]}[base]
        table = fitted(np.eye(4)[:, order], names)
        found = diagnose(table, data=frame, formula="y ~ C(region) + age + C(sex)", family="gaussian")

        assert found.answer.program.keys() <= {"baseline"}
        assert found.proven


def test_standard_errors_of_what_did_not_change_are_kept():
    table = pd.DataFrame(
        {"term": ["(Intercept)", "region1", "region2", "age"], "estimate": [1.0, 2, 3, 4], "se": [0.1, 0.2, 0.3, 0.4]}
    )
    found = answer_of_table(table, ("C(region)[T.b]", "C(region)[T.c]", "age"), True, ("y",))

    assert found.standard_errors.ravel().tolist()[3] == 0.4
    assert np.isnan(found.standard_errors.ravel()[:3]).all()


@pytest.mark.parametrize(("kind", "contrast"), [("S", "contr.sum"), ("H", "contr.helmert")])
def test_the_same_contrast_in_the_formula_and_in_the_table_is_no_cause(kind, contrast):
    """R numbers the columns, formulaic names them by levels."""
    table = fitted(CONTRASTS[kind][1](4), ["region1", "region2", "region3"])
    found = diagnose(table, data=FRAME, formula=f"y ~ C(region, {contrast}) + age + C(sex)", family="gaussian")

    assert (found.verdict, found.codes) == (NONE, ())
