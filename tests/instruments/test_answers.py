"""Answers that readers bring: the weights of a network, and tables that other programs printed, in the units of the data."""

import json
import zipfile

import keras
import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from keras import layers as L

from spec import families, links
from spec.diagnosis import diagnose
from spec.diagnosis.network import answer_of_model
from spec.diagnosis.network_file import is_network_name, load_network
from spec.diagnosis.network_opened import meant_model
from spec.diagnosis.tables import answer_of_table
from spec.diagnosis.tables.grid import half_units
from spec.engines.keras.backend import BACKEND
from spec.engines.keras.network import InverseLink, NegativeLogLikelihood
from spec.fit.reading import NotRead
from spec.fit.rows import of_arrays
from spec.model import Model, Params

RNG = np.random.default_rng(16)
N = 120
X = RNG.normal(size=(N, 3)) * [1.0, 4.0, 0.5] + [0.0, 20.0, 1.0]
ETA = 0.2 + (X - [0.0, 20.0, 1.0]) @ [0.5, -0.1, 0.3]
BINARY = (RNG.random(N) < 1 / (1 + np.exp(-ETA))).astype(float)[:, None]
CLASSES = np.eye(3)[RNG.integers(3, size=N)]
COUNTS = RNG.poisson(np.exp(ETA / 2)).astype(float)[:, None]
COLUMNS = ("age", "income", "size")
ROWS = of_arrays(X, BINARY)
LOGIT, LOG = Model(families.Binomial(), links.Logit()), Model(families.Poisson(), links.Log())
MULTINOMIAL = Model(families.Multinomial(), links.Softmax())

# -- tables: names ---------------------------------------------------------------------------------------------------------------

DESIGN = ("age", "C(region)[T.north]", "C(region)[T.west]")
R = """"","Estimate","Std. Error","z value","Pr(>|z|)"
"(Intercept)",-1.234567890123456,0.25,-4.9,1e-06
"age",0.0312,0.004,7.8,6e-15
"regionnorth",0.51,0.1,5.1,3e-07
"regionwest",-0.25,0.1,-2.5,0.012
"""
SPELLED = {
    "R": ("(Intercept)", "age", "regionnorth", "regionwest"),
    "R, factor in the formula": ("(Intercept)", "age", "factor(region)north", "factor(region)west"),
    "formulaic": ("Intercept", "age", "C(region)[T.north]", "C(region)[T.west]"),
    "statsmodels": ("const", "age", "region[T.north]", "region[T.west]"),
    "Stata": ("_cons", "age", "north.region", "west.region"),
    "SAS": ("Intercept", "age", "region north", "region west"),
    "dummies": ("intercept", "age", "region_north", "region_west"),
    "Julia": ("(Intercept)", "age", "region: north", "region: west"),
    "a ColumnTransformer": ("intercept", "num__age", "cat__region_north", "cat__region_west"),
    "capitals": ("INTERCEPT", "AGE", "REGION NORTH", "REGION WEST"),
}


def table(text, columns=DESIGN, outputs=("n",), tmp=None, intercept=True):
    path = tmp / "coefficients.csv"
    path.write_text(text)
    return answer_of_table(path, columns, intercept, outputs)


def coefficients(answer):
    return answer.params.matrix.ravel().tolist()


@pytest.mark.parametrize("names", SPELLED.values(), ids=SPELLED)
def test_names_match_however_a_program_spells_them(names):
    values = [-1.5, 0.03, 0.5, -0.25]
    found = answer_of_table(dict(zip(names[::-1], values[::-1], strict=True)), DESIGN, True, ("n",))

    assert coefficients(found) == values
    assert found.program == {}


def test_levels_that_are_numbers_match():
    columns = ("C(year)[T.1991]", "C(year)[T.1992]", "C(year)[T.1991]:age")
    stata = answer_of_table({"_cons": 1, "1991.year": 2, "1992.year": 3, "1991.year#c.age": 4}, columns, True, ("n",))
    r = answer_of_table(
        {"(Intercept)": 1, "factor(year)1991": 2, "factor(year)1992": 3, "age:factor(year)1991": 4}, columns, True, "n"
    )
    floats = answer_of_table({"const": 1, "year1991.0": 2, "year1992.0": 3, "year1991.0:age": 4}, columns, True, ("n",))

    assert coefficients(stata) == coefficients(r) == coefficients(floats) == [1, 2, 3, 4]


@pytest.mark.parametrize("name", ["age:regionnorth", "regionnorth:age", "age*region north", "c.age#north.region"])
def test_an_interaction_matches_in_either_order(name):
    columns = ("age", "C(region)[T.north]", "age:C(region)[T.north]")
    found = answer_of_table({"(Intercept)": 1, "age": 2, "regionnorth": 3, name: 4}, columns, True, ("n",))

    assert coefficients(found) == [1, 2, 3, 4]


def test_functions_of_columns_match():
    columns = ("np.log(income)", "I(age ** 2)", "C(region, contr.treatment(base='south'))[T.north]")
    found = answer_of_table({"const": 1, "I(age^2)": 3, "regionnorth": 4, "np.log(income)": 2}, columns, True, ("n",))

    assert coefficients(found) == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"(Intercept)": 1, "age": 2, "regionnorth": 3, "height": 4}, "height, which matches no column"),
        (
            {"const": 1, "age": 2, "regionnorth": 3, "region_north": 3, "regionwest": 4},
            "regionnorth and region_north, which are one",
        ),
        ({"const": 1, "age": 2, "regioneast": 3, "regionsouth": 4}, "the level east, south of region"),
        ({"const": 1, "age": "two", "regionnorth": 3, "regionwest": 4}, "age in the reference is no number"),
        ({}, "has no coefficients"),
        ({"const": 1, "age": 2, "region1": 3, "region4": 4}, "the level 1, 4 of region"),
    ],
)
def test_what_does_not_match_is_refused(given, said):
    with pytest.raises(ValueError, match=said):
        answer_of_table(given, DESIGN, True, ("n",))


def test_a_mismatch_lists_both_sides():
    with pytest.raises(ValueError, match=r"Its names are: a, b\. Those of the design are: the intercept, age, income\."):
        answer_of_table({"a": 1, "b": 2}, ("age", "income"), True, ("n",))


def test_a_table_without_an_intercept_has_zero_there():
    found = answer_of_table({"age": 2.0, "income": 3.0}, ("age", "income"), True, ("n",))

    assert coefficients(found) == [0, 2, 3]
    assert found.notes == ("The reference has no intercept: it is taken as 0.",)


def test_an_intercept_that_the_model_has_not_is_kept_and_said():
    found = answer_of_table({"const": 1.0, "age": 2.0}, ("age",), False, ("n",))

    assert coefficients(found) == [1, 2]
    assert list(found.program) == ["extra-intercept"]


def test_a_parameter_of_the_family_is_no_coefficient():
    found = answer_of_table({"const": 1.0, "age": 2.0, "lnalpha": -0.3}, ("age",), True, ("n",))

    assert coefficients(found) == [1, 2]
    assert "lnalpha" in found.notes[0]


# -- tables: forms ---------------------------------------------------------------------------------------------------------------


def test_a_table_of_r(tmp_path):
    found = table(R, tmp=tmp_path)

    assert coefficients(found) == [-1.234567890123456, 0.0312, 0.51, -0.25]
    assert found.standard_errors.ravel().tolist() == [0.25, 0.004, 0.1, 0.1]
    assert found.rounding.shape == (4, 1)
    assert found.rounding.max() < 1e-14  # R drops zeros at the end: 0.51 has as many digits as the others


FORMS = {
    "coef(fit) of R": '"","x"\n"(Intercept)",1.25\n"age",2.5\n',
    "params.to_csv() of statsmodels": ",0\nconst,1.25\nage,2.5\n",
    "summary().tables[1].as_csv()": (
        "        , coef    , std err ,   z   ,P>|z| ,[0.025 ,0.975] \nconst   , 1.25 , 0.1 ,1,0,1,2\nage , 2.50 , 0.2 ,1,0,1,2\n"
    ),
    "summary2().tables[1].to_csv()": ",Coef.,Std.Err.,z,P>|z|,[0.025,0.975]\nconst,1.25,0.1,1,0,1,2\nage,2.5,0.2,1,0,1,2\n",
    "broom": "term,estimate,std.error,statistic,p.value\n(Intercept),1.25,0.1,1,0\nage,2.5,0.2,1,0\n",
    "SAS": "Parameter,Level1,DF,Estimate,StdErr\nIntercept,,1,1.25,0.1\nage,,1,2.5,0.2\nScale,,0,1.0000,0.0000\n",
    "Stata, e(b)": ",n:age,n:_cons\ny1,2.5,1.25\n",
    "semicolons": "name;value\nconst;1,25\nage;2,50\n",
    "tabs": "name\tB\tSE\nconst\t1.25\t0.1\nage\t2.50\t0.2\n",
    "no headings": "const,1.25\nage,2.5\n",
    "esttab": ',="b"\nage,="2.5***"\n_cons,="1.25"\n',
    "esttab with N": ',="b"\nage,="2.5***"\n_cons,="1.25"\nN,="400"\n',
    "write.table of R": '"Estimate"\t"Std. Error"\n"(Intercept)"\t1.25\t0.1\n"age"\t2.5\t0.2\n',
    "a title above": "Results\nterm,coef\nconst,1.25\nage,2.5\n",
}


@pytest.mark.parametrize("text", FORMS.values(), ids=FORMS)
def test_a_table_is_read_in_many_forms(text, tmp_path):
    assert coefficients(table(text, ("age",), tmp=tmp_path)) == [1.25, 2.5]


def test_sas_has_a_row_for_the_level_that_it_compares_with(tmp_path):
    text = (
        "Parameter,Level1,DF,Estimate,StdErr\nIntercept,,1,1.5,.1\nage,,1,2.5,.1\nregion,north,1,3.5,.1\n"
        "region,west,1,4.5,.1\nregion,south,0,0.0,0.0\nage*region,north,1,5.5,.1\nage*region,west,1,6.5,.1\nage*region,south,0,0,.\n"
    )
    columns = (*DESIGN, "age:C(region)[T.north]", "age:C(region)[T.west]")

    assert coefficients(table(text, columns, tmp=tmp_path)) == [1.5, 2.5, 3.5, 4.5, 5.5, 6.5]


def test_a_path_of_penalties_has_no_coefficients_of_one(tmp_path):
    """As glmnet writes it: which of them is meant nobody can know."""
    with pytest.raises(ValueError, match=r"has a column for each of 3 penalties \(s0 to s2\): keep the one that is meant"):
        table('"","s0","s1","s2"\n"(Intercept)",1,2,3\n"age",0,1,2\n', ("age",), tmp=tmp_path)
    assert coefficients(table('"","s0"\n"(Intercept)",1.25\n"age",2.5\n', ("age",), tmp=tmp_path)) == [1.25, 2.5]


def test_a_column_that_r_left_out_is_zero(tmp_path):
    found = table("term,estimate\n(Intercept),1\nage,2\nincome,NA\n", ("age", "income"), tmp=tmp_path)

    assert coefficients(found) == [1, 2, 0]
    assert "no number for income" in found.notes[0]


def test_results_of_statsmodels_are_taken_as_they_are():
    frame = pd.DataFrame(X, columns=COLUMNS).assign(const=1.0)[["const", *COLUMNS]]
    results = sm.GLM(BINARY[:, 0], frame, family=sm.families.Binomial()).fit()
    bare = sm.GLM(BINARY[:, 0], frame.to_numpy(), family=sm.families.Binomial()).fit()

    for given in (results, results.params, results.params.to_frame("coef"), bare.params):
        assert coefficients(answer_of_table(given, COLUMNS, True, ("y",))) == results.params.tolist()
    found = answer_of_table(results, COLUMNS, True, ("y",))
    assert found.standard_errors.ravel().tolist() == results.bse.tolist()
    assert (found.rounding <= 1e-15 * np.abs(found.params.matrix)).all()


def test_arrays_of_scikit_learn(tmp_path):
    class Estimator:
        coef_, intercept_ = np.array([[2.0, 3.0]]), np.array([1.0])

    np.savez(tmp_path / "fit.npz", coef_=[[2.0, 3.0]], intercept_=[1.0])
    mapping = {"coef_": [[2.0, 3.0]], "intercept_": 1.0}
    for given in (Estimator(), mapping, tmp_path / "fit.npz", [1.0, 2.0, 3.0], Params([1.0], [[2.0], [3.0]]), ([2.0, 3.0], 1.0)):
        found = answer_of_table(given, ("age", "income"), True, ("n",))
        assert coefficients(found) == [1, 2, 3]
        assert found.rounding.ravel().tolist() == [2.0**-53, 2.0**-52, 3 * 2.0**-53]


def test_arrays_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"of the shape \(4,\), but the design has 2 columns and an intercept: age, income"):
        answer_of_table(np.ones(4), ("age", "income"), True, ("n",))


def test_a_missing_file_and_a_file_that_is_no_table_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"there is no file .*nowhere.csv"):
        answer_of_table(tmp_path / "nowhere.csv", ("age",), True, ("n",))
    with pytest.raises(ValueError, match="no column of names"):
        table("first,second\nc,d\n", ("age",), tmp=tmp_path)
    with pytest.raises(ValueError, match="is empty"):
        table("\n", ("age",), tmp=tmp_path)


# -- tables: classes -------------------------------------------------------------------------------------------------------------

CLASSED = {
    "multinom of R": '"","(Intercept)","age"\n"b",1,2\n"c",3,4\n',
    "MNLogit": ",0,1\nconst,1,3\nage,2,4\n",
    "columns with names": ",b,c\nconst,1,3\nage,2,4\n",
    "broom": "y.level,term,estimate,std.error\nb,(Intercept),1,.1\nb,age,2,.2\nc,(Intercept),3,.3\nc,age,4,.4\n",
    "Stata": ",coef\nb:_cons,1\nb:age,2\nc:_cons,3\nc:age,4\n",
    "summary of MNLogit": "y=b,coef,std err\nconst,1,.1\nage,2,.2\ny=c,coef,std err\nconst,3,.3\nage,4,.4\n",
}


@pytest.mark.parametrize("text", CLASSED.values(), ids=CLASSED)
def test_a_class_has_a_row_or_a_column(text, tmp_path):
    found = table(text, ("age",), ("a", "b", "c"), tmp=tmp_path)

    assert found.params.matrix.tolist() == [[0, 1, 3], [0, 2, 4]]


def test_a_table_keeps_its_gauge(tmp_path):
    last = table(",coef\n(Intercept):1,1\nage:1,2\n(Intercept):2,3\nage:2,4\n", ("age",), ("a", "b", "c"), tmp=tmp_path)
    every = answer_of_table({"coef_": [[2.0], [4.0], [6.0]], "intercept_": [1.0, 3.0, 5.0]}, ("age",), True, ("a", "b", "c"))

    assert last.params.matrix.tolist() == [[1, 3, 0], [2, 4, 0]]  # VGAM compares with the last class
    assert last.standard_errors is None
    assert every.params.matrix.tolist() == [[1, 3, 5], [2, 4, 6]]


def test_results_of_mnlogit():
    design = sm.add_constant(pd.DataFrame(X, columns=COLUMNS))
    results = sm.MNLogit(CLASSES.argmax(axis=1), design).fit(disp=0)
    found = answer_of_table(results, COLUMNS, True, ("1", "2", "3"))

    assert found.params.matrix[:, 1:].tolist() == results.params.to_numpy().tolist()
    assert found.params.matrix[:, 0].tolist() == [0, 0, 0, 0]
    assert found.standard_errors.tolist() == results.bse.to_numpy().tolist()


# -- tables: another baseline ----------------------------------------------------------------------------------------------------


def test_another_baseline_is_converted():
    """South is the design's baseline, and north the table's."""
    given = pd.DataFrame({"term": ["(Intercept)", "age", "regionsouth", "regionwest"], "estimate": [1.0, 2.0, 0.5, 0.75]})
    found = answer_of_table(given.assign(se=[0.1, 0.2, 0.3, 0.4]), DESIGN, True, ("n",))

    assert coefficients(found) == [1.5, 2, -0.5, 0.25]
    assert found.program == {
        "baseline": "In the reference the levels of region are compared with north, and in the model with south."
    }
    assert found.standard_errors[1:3].ravel().tolist() == [0.2, 0.3]
    assert np.isnan(found.standard_errors[[0, 3]]).all()


def test_another_baseline_of_an_interaction_is_converted():
    columns = ("age", "C(region)[T.north]", "C(region)[T.west]", "age:C(region)[T.north]", "age:C(region)[T.west]")
    given = {"const": 1, "age": 2, "regionsouth": 3, "regionwest": 4, "age:regionsouth": 5, "age:regionwest": 6}

    assert coefficients(answer_of_table(given, columns, True, ("n",))) == [4, 7, -3, 1, -5, 1]


def test_a_column_for_each_level_is_converted():
    found = answer_of_table({"age": 2, "regionsouth": 1, "regionnorth": 3, "regionwest": 4}, DESIGN, True, ("n",))

    assert coefficients(found) == [1, 2, 2, 3]
    assert list(found.program) == ["coding"]


# -- tables: digits --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("texts", "half"),
    [
        (["1.23", "0.10"], [0.005, 0.005]),
        (["1.2346", "0.5", "12"], [0.00005, 0.00005, 0.0005]),
        (["1.234e-05", "2.5"], [0.5e-8, 0.5e-3]),
        (["1.96e-03", "0.1145", "-0.0712", "4.27e-04"], [0.5e-5, 0.00005, 0.00005, 0.5e-6]),
        (["0.0312", "0.0000"], [0.00005, 0.00005]),
        (["1.234567890123456789"], [1.234567890123456789 * 2.0**-53]),
        (["-3", "100"], [0.5, 0.5]),
    ],
)
def test_a_number_is_known_to_half_a_unit_of_its_last_digit(texts, half):
    assert half_units(texts).tolist() == pytest.approx(half, rel=1e-12)


# -- networks: files -------------------------------------------------------------------------------------------------------------


def network(*layers, loss="binary_crossentropy", optimizer="adam", width=3, y=BINARY, trained=True):
    model = keras.Sequential([keras.Input((width,)), *layers])
    if loss is not None:
        model.compile(optimizer=optimizer, loss=loss)
        if trained:
            model.fit(X[:, :width], y, epochs=2, batch_size=60, verbose=0)
    return model


def sigmoid(**kwargs):
    return L.Dense(1, activation="sigmoid", name="out", **kwargs)


def weights(model):
    kernel, bias = model.get_layer("out").get_weights()
    return np.vstack([bias, kernel]).astype(float)


def answer(model, stated=LOGIT, rows=ROWS, columns=COLUMNS):
    return answer_of_model(model, rows, columns, stated=stated)


def means(found):
    """The means of the logit model with the coefficients that were found."""
    return 1 / (1 + np.exp(-found.params.linear_predictor(X)))


SAVED = ("model.keras", "model.h5")


@pytest.mark.parametrize("file", SAVED)
def test_a_saved_network_is_the_network(file, tmp_path, in_float32, recwarn):
    model = network(sigmoid(), optimizer=keras.optimizers.AdamW(0.02, weight_decay=0.1))
    model.save(tmp_path / file)
    found = answer(load_network(tmp_path / file))

    assert (found.params.matrix == weights(model)).all()
    assert (found.rounding == np.abs(weights(model)) * 2.0**-24).all()
    assert (found.program, found.notes) == ({}, ())
    record = found.record
    assert (record.optimizer, record.steps, record.weight_decay) == ("AdamW", 4, pytest.approx(0.1))
    assert record.learning_rate == pytest.approx(0.02)
    assert record.init == pytest.approx(np.sqrt(6 / 4))
    kept = [BACKEND.numpy(one) for one in (*model.optimizer._momentums, *model.optimizer._velocities)]
    assert (record.mean == np.vstack([kept[1], kept[0]])).all()
    assert (record.square == np.vstack([kept[3], kept[2]])).all()


@pytest.mark.parametrize("file", SAVED)
def test_parts_of_the_specification_load(file, tmp_path, in_float32):
    probit = Model(families.Binomial(), links.Probit())
    model = network(L.Dense(1, InverseLink(probit.link), name="out"), loss=NegativeLogLikelihood(probit.family), trained=False)
    model.save(tmp_path / file)
    loaded = load_network(tmp_path / file)

    assert isinstance(loaded.loss, NegativeLogLikelihood)
    assert answer(loaded, probit).program == {}
    assert list(answer(loaded).program) == ["link"]


@pytest.mark.parametrize("file", SAVED)
def test_a_lambda_of_a_file_is_refused_by_its_name(file, tmp_path, in_float32):
    ran = []
    model = network(L.Lambda(lambda x: ran.append(1) or 2.0 * x, name="doubled"), sigmoid(), loss=None)
    model.save(tmp_path / file)
    ran.clear()

    with pytest.raises(ValueError, match=r"the layer doubled, a Lambda, .* write it with layers or keras.ops"):
        load_network(tmp_path / file)
    assert not ran


@keras.utils.register_keras_serializable("elsewhere")
class Doubled(L.Layer):
    def call(self, inputs):
        return 2.0 * inputs


@pytest.mark.parametrize("file", SAVED)
def test_a_class_that_is_not_there_is_named(file, tmp_path, in_float32):
    network(Doubled(), sigmoid(), loss=None).save(tmp_path / file)
    removed = keras.utils.get_custom_objects().pop("elsewhere>Doubled")
    try:
        with pytest.raises(ValueError, match=r"Doubled .*which the file does not hold .*package.module:model"):
            load_network(tmp_path / file)
    finally:
        keras.utils.get_custom_objects()["elsewhere>Doubled"] = removed
    assert answer(load_network(tmp_path / file)).params.coef.shape == (3, 1)


def own_loss(y, p):
    return keras.losses.binary_crossentropy(y, p)


@pytest.mark.parametrize("file", SAVED)
def test_a_loss_that_the_file_does_not_hold_leaves_the_weights(file, tmp_path, in_float32):
    model = network(sigmoid(), loss=own_loss)
    model.save(tmp_path / file)
    found = answer(load_network(tmp_path / file))

    assert (found.params.matrix == weights(model)).all()
    assert found.record is None
    assert "is not compiled, or its loss is of code that the file does not hold" in found.notes[0]


def test_a_module_of_a_file_is_not_imported(tmp_path, in_float32):
    """A file that names a module of its own is refused before Keras could import it."""
    network(sigmoid(), loss=None).save(tmp_path / "model.keras")
    with zipfile.ZipFile(tmp_path / "model.keras") as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(parts["config.json"])
    config["config"]["layers"][1].update(module="this", class_name="Zen", registered_name=None)
    with zipfile.ZipFile(tmp_path / "model.keras", "w") as archive:
        for name, content in {**parts, "config.json": json.dumps(config)}.items():
            archive.writestr(name, content)

    with pytest.raises(ValueError, match="has Zen of this, which the file does not hold"):
        load_network(tmp_path / "model.keras")


def test_what_is_no_network_is_refused(tmp_path, in_float32):
    (tmp_path / "text.keras").write_text("no model")
    (tmp_path / "text.h5").write_text("no model")
    network(sigmoid(), loss=None).save_weights(tmp_path / "only.weights.h5")
    for name, said in {
        "nowhere.keras": "there is no file",
        "text.keras": "is no Keras file of a network",
        "text.h5": "is no HDF5 file of a network",
        "only.weights.h5": "holds weights alone",
        "model.pt": "is no network: give a file",
    }.items():
        with pytest.raises(ValueError, match=said):
            load_network(tmp_path / name)


def made():
    """The network of a module, for the test below."""
    return network(sigmoid(), loss=None)


def test_a_network_of_a_module_is_loaded(in_float32):
    assert isinstance(load_network(f"{__name__}:made"), keras.Model)
    with pytest.raises(ValueError, match="is a int, no Keras model"):
        load_network(f"{__name__}:N")
    with pytest.raises(ValueError, match=r"nothing_like_it.* Give package.module:model"):
        load_network("nothing_like_it:model")
    assert [is_network_name(one) for one in ("m.keras", "m.h5", "a.b:c", "m.csv", "C:/m.csv", 3)] == [True] * 3 + [False] * 3


# -- networks: weights in the units of the data ----------------------------------------------------------------------------------


def normalization():
    layer = L.Normalization(name="normal")
    layer.adapt(X)
    return layer


AFFINE = {
    "normalization": ("standardised", lambda: [normalization(), sigmoid()]),
    "rescaling": ("standardised", lambda: [L.Rescaling(0.1, offset=-1.0), sigmoid()]),
    "batch normalisation before": ("batch-normalization", lambda: [L.BatchNormalization(), sigmoid()]),
    "batch normalisation behind": (
        "batch-normalization",
        lambda: [L.Dense(1, name="out"), L.BatchNormalization(), L.Activation("sigmoid")],
    ),
    "hidden": ("hidden-layer", lambda: [L.Dense(4), sigmoid()]),
    "dropout": ("dropout", lambda: [L.Dropout(0.25), sigmoid()]),
}


@pytest.mark.parametrize(("code", "layers"), AFFINE.values(), ids=AFFINE)
def test_what_stands_before_the_layer_is_undone(code, layers, in_float32):
    model = network(*layers())
    found = answer(model)

    assert list(found.program) == [code]
    assert means(found) == pytest.approx(BACKEND.numpy(model(X.astype("float32"), training=False)), rel=1e-4)
    assert (found.rounding > 0).all()


def test_a_normalization_is_told_by_its_first_column(in_float32):
    found = answer(network(normalization(), sigmoid()))

    assert f"takes {X[:, 0].mean():.5f}"[:-2] in found.program["standardised"]
    assert f"divides it by {X[:, 0].std():.4f}"[:-2] in found.program["standardised"]
    assert found.record.mean is None  # the optimizer's means are in other units


def test_a_bottleneck_is_told(in_float32):
    rows = of_arrays(X, CLASSES)
    model = network(L.Dense(1), L.Dense(3, activation="softmax", name="out"), loss="categorical_crossentropy", y=CLASSES)
    found = answer(model, MULTINOMIAL, rows)

    assert "a rank of at most 1, where that of the model is 2" in found.program["hidden-layer"]
    assert np.linalg.matrix_rank(found.params.coef) == 1


def test_a_hidden_layer_that_bends_has_no_coefficients(in_float32):
    found = answer(network(L.Dense(4, activation="relu"), sigmoid()))

    assert np.isnan(found.params.matrix).all()
    assert "4 units, relu" in found.program["hidden-layer"]


def test_an_offset_is_an_input_beside_the_columns(in_float32):
    exposure = RNG.uniform(0.5, 2, size=(N, 1))
    rows = of_arrays(X, COUNTS, None, np.log(exposure))
    x, offset = keras.Input((3,)), keras.Input((1,))
    added = keras.Model([x, offset], L.Activation("exponential")(L.Add()([L.Dense(1, name="out")(x), offset])))
    free = keras.Model([x, offset], L.Dense(1, activation="exponential", name="out")(L.Concatenate()([x, offset])))
    for model in (added, free):
        model.compile(loss=NegativeLogLikelihood(families.Poisson()))

    assert (answer(added, LOG, rows).params.matrix == weights(added)).all()
    assert answer(added, LOG, rows).program == {}
    assert (answer(free, LOG, rows).params.matrix == weights(free)).all()  # with a row for the offset
    assert list(answer(free, LOG, rows).program) == ["offset-free"]


def test_two_classes_are_one_probability(in_float32):
    softmax = network(L.Dense(2, activation="softmax", name="out"), loss="sparse_categorical_crossentropy")
    found = answer(softmax)
    two = answer(
        network(sigmoid()), Model(families.Multinomial(), links.Softmax()), of_arrays(X, np.hstack([1 - BINARY, BINARY]))
    )

    assert found.program == two.program == {}
    assert (found.params.matrix[:, 0] == weights(softmax)[:, 1] - weights(softmax)[:, 0]).all()
    assert (two.params.matrix[:, 0] == 0).all()


def test_codes_of_classes_are_read_as_indicators(in_float32):
    for loss, y in (("sparse_categorical_crossentropy", CLASSES.argmax(axis=1)), ("categorical_crossentropy", CLASSES)):
        found = answer(network(L.Dense(3, activation="softmax"), loss=loss, y=y), MULTINOMIAL, of_arrays(X, CLASSES))
        assert found.program == {}


def test_a_rate_that_falls_is_that_of_the_last_step(in_float32):
    schedule = keras.optimizers.schedules.PiecewiseConstantDecay([2], [0.5, 0.25])
    found = answer(network(sigmoid(kernel_initializer="zeros"), optimizer=keras.optimizers.SGD(schedule)))

    assert (found.record.learning_rate, found.record.steps, found.record.init) == (0.25, 4, 0.0)
    assert found.record.mean is None


# -- networks: causes that stand in them -----------------------------------------------------------------------------------------


def entropy(**settings):
    return keras.losses.BinaryCrossentropy(**settings)


def flipped():
    x = keras.Input((3,))
    model = keras.Model(x, 1.0 - sigmoid()(x))
    model.compile(loss="binary_crossentropy")
    return model


CAUSES = {
    "squared-error": lambda: network(sigmoid(), loss="mse"),
    "loss": lambda: network(sigmoid(), loss="mae"),
    "link": lambda: network(
        L.Dense(1, InverseLink(links.CLogLog())), loss=NegativeLogLikelihood(families.Binomial()), trained=False
    ),
    "label-smoothing": lambda: network(sigmoid(), loss=entropy(label_smoothing=0.1)),
    "activation-twice": lambda: network(sigmoid(), L.Activation("sigmoid")),
    "labels-flipped": flipped,
    "ridge": lambda: network(sigmoid(kernel_regularizer=keras.regularizers.L2(0.02))),
    "lasso": lambda: network(sigmoid(kernel_regularizer=keras.regularizers.L1(0.02))),
    "ridge-bias": lambda: network(sigmoid(bias_regularizer=keras.regularizers.L2(0.02))),
    "nonnegative": lambda: network(sigmoid(kernel_constraint="non_neg")),
}


@pytest.mark.parametrize("code", CAUSES)
def test_a_cause_is_read_in_the_network(code, in_float32):
    model = CAUSES[code]()
    found = answer(model)

    assert list(found.program) == [code]
    assert found.program[code].endswith(".")
    assert np.isfinite(found.params.matrix).all()


def test_the_strength_of_a_penalty_is_told(in_float32):
    assert "l2=0.02 of kernel_regularizer" in answer(CAUSES["ridge"]()).program["ridge"]


def test_one_sigmoid_a_class_is_told(in_float32):
    model = network(L.Dense(3, activation="sigmoid"), y=CLASSES)

    assert list(answer(model, MULTINOMIAL, of_arrays(X, CLASSES)).program) == ["one-vs-rest"]


def test_from_logits_where_the_outputs_are_logits_is_no_cause(in_float32):
    model = network(L.Dense(1, name="out"), loss=entropy(from_logits=True))

    assert answer(model).program == {}
    assert meant_model(model, ROWS) == LOGIT


@pytest.mark.parametrize(
    ("layer", "loss", "meant"),
    [
        (sigmoid, "mse", LOGIT),
        (lambda: L.Dense(1, activation="exponential"), "mse", LOG),
        (lambda: L.Dense(1, activation="softplus"), "mse", Model(families.Poisson(), links.Softplus())),
        (lambda: L.Dense(3, activation="softmax"), "categorical_crossentropy", MULTINOMIAL),
        (lambda: L.Dense(1), "mae", Model(families.Gaussian(), links.Identity())),
        (lambda: L.Dense(1, activation=InverseLink(links.Probit())), "mse", Model(families.Binomial(), links.Probit())),
    ],
)
def test_the_model_that_is_meant_is_that_of_the_activation(layer, loss, meant, in_float32):
    assert meant_model(network(layer(), loss=loss, trained=False), ROWS) == meant


def test_what_is_no_cause_is_refused_in_the_words_of_the_reading(in_float32):
    for model, said in (
        (network(L.Dense(1, activation="tanh"), loss="mse", trained=False), "the inverse of no link"),
        (network(sigmoid(kernel_constraint="max_norm"), trained=False), "has a kernel_constraint"),
        (network(L.Activation("relu"), sigmoid(), trained=False), "no affine map of the columns"),
        (network(L.Activation("relu"), loss="mse", trained=False), "nothing in this model is trained"),
    ):
        with pytest.raises(NotRead, match=said):
            answer(model)


def test_weights_that_diverged_are_no_answer(in_float32):
    model = network(sigmoid(), loss=None)
    model.get_layer("out").set_weights([np.full((3, 1), np.nan), np.zeros(1)])

    with pytest.raises(ValueError, match="the training diverged"):
        answer(model)


def test_columns_that_do_not_fit_are_refused(in_float32):
    with pytest.raises(ValueError, match="the network takes 2 columns, but the design has 3"):
        answer(network(sigmoid(), loss=None, width=2))
    with pytest.raises(ValueError, match="the network gives 3 outputs, but y has 1"):
        answer(network(L.Dense(3, activation="softmax"), loss=None), None)


def test_no_link_is_supposed_but_that_of_the_network(in_float32):
    """A linear output under a loss of probabilities, and an exponential one under a squared logarithmic error."""
    rng = np.random.default_rng(3)
    y = (rng.random(len(X)) < 0.5).astype(float)
    for activation, loss, family, given in (
        (None, "binary_crossentropy", "binomial", y),
        ("exponential", "mean_squared_logarithmic_error", "poisson", np.round(3 * y + 1)),
    ):
        model = keras.Sequential([keras.Input((X.shape[1],)), L.Dense(1, activation=activation)])
        model.compile(keras.optimizers.SGD(0.01), loss)
        model.fit(X, given, epochs=3, verbose=0)
        found = diagnose(model, X, given, family=family)

        assert not any("probit" in one.says or "softplus" in one.says or "sqrt" in one.says for one in found.found)


# -- what is no coefficient of a column ------------------------------------------------------------------------------------------

LOG_YEARS = RNG.uniform(-1.0, 1.0, size=N)
FREE = sm.GLM(COUNTS[:, 0], sm.add_constant(np.column_stack([X, LOG_YEARS])), family=sm.families.Poisson()).fit(tol=1e-14)
OF_OFFSET = {
    "its column": ("log_years", "log_years"),
    "its expression": ("np.log(years)", "log(years)"),
    "of Stata": ("ln(years)", "np.log(years)"),
    "offset": ("offset", "log_years"),
    "of R": ("offset(log(years))", "log(years)"),
}


def asked_with_offset(coefficients, offset="log_years"):
    frame = pd.DataFrame(X, columns=COLUMNS).assign(n=COUNTS[:, 0], log_years=LOG_YEARS, years=np.exp(LOG_YEARS))
    return diagnose(coefficients, formula="n ~ age + income + size", data=frame, family="poisson", offset=offset)


@pytest.mark.parametrize(("name", "offset"), OF_OFFSET.values(), ids=OF_OFFSET)
def test_a_row_of_the_offset_is_its_coefficient(name, offset):
    """A table of a regression that has the offset as a column, by whatever name the program prints for it."""
    found = asked_with_offset(dict(zip(("const", *COLUMNS, name), FREE.params.tolist(), strict=True)), offset)

    assert found.codes == ("offset-free",)
    assert found.mended.proven
    assert f"{FREE.params[-1]:.6g} in place of 1" in found.found[0].says


def test_arrays_with_the_coefficient_of_the_offset():
    """It is the last of them."""
    for given in (FREE.params, (FREE.params[1:], FREE.params[:1])):
        found = diagnose(given, X, COUNTS, family="poisson", offset=LOG_YEARS)
        assert found.codes == ("offset-free",)


def test_a_row_of_the_offset_is_said_to_be_one():
    found = asked_with_offset(dict(zip(("const", *COLUMNS, "log_years"), FREE.params, strict=True)))

    assert "The row log_years of your table is read as the coefficient of the offset." in found.answer.notes


@pytest.mark.parametrize("name", ["n", "alpha"])
def test_an_offset_may_be_called_like_a_statistic(name):
    found = answer_of_table({"const": 1, "age": 0.2, name: 0.3}, ("age",), True, ("y",), offset=name)

    assert coefficients(found) == [1, 0.2, 0.3]


def test_an_estimate_of_one_is_no_fixed_offset():
    """It has a standard error, in parentheses too."""
    table = pd.DataFrame(
        {"term": ["const", "age", "e"], "estimate": ["1", "0.2", "1.00"], "std.error": ["(0.1)", "(0.1)", "(0.02)"]}
    )
    assert coefficients(answer_of_table(table, ("age",), True, ("y",), offset="e")) == [1, 0.2, 1.0]


def test_an_offset_has_one_coefficient():
    """One output has one, classes have none; and a column may be called as cut points are."""
    with pytest.raises(ValueError, match=r"has 2 coefficients of the offset \(offset, e\): a model has one"):
        answer_of_table({"const": 1, "age": 0.2, "offset": 0.3, "e": 0.4}, ("age",), True, ("y",), offset="e")
    rows = {"term": ["age", "offset", "age", "offset"], "class": ["b", "b", "c", "c"], "estimate": [0.1, 0.2, 0.3, 0.4]}
    with pytest.raises(ValueError, match="and none of classes"):
        answer_of_table(pd.DataFrame(rows), ("age",), True, ("a", "b", "c"), offset="offset")
    assert coefficients(answer_of_table({"const": 1, "yes/no": 2}, ("yes/no",), True, ("no", "yes"))) == [0, 1, 0, 2]


def test_the_offset_itself_is_left_out():
    """Stata prints it with a coefficient of 1."""
    fixed = sm.GLM(COUNTS[:, 0], sm.add_constant(X), family=sm.families.Poisson(), offset=LOG_YEARS).fit(tol=1e-14)
    found = asked_with_offset(dict(zip(("const", *COLUMNS, "log_years"), [*fixed.params.tolist(), 1.0], strict=True)))

    assert found.verdict == "none"


CUT_POINTS = {
    "statsmodels": {"age": 1.0, "income": 0.5, "size": 0.1, "a/b": -1.2, "b/c": 0.4},
    "R": "Coefficients:\n   Value Std. Error t value\nage 1.1 0.2 5.5\nincome 0.5 0.1 5.0\nsize 0.1 0.1 1.0\n\n"
    "Intercepts:\n    Value Std. Error t value\na|b -1.2 0.2 -6.0\nb|c 0.4 0.2 2.0\n",
}


@pytest.mark.parametrize("given", CUT_POINTS.values(), ids=CUT_POINTS)
def test_cut_points_are_those_of_an_ordinal_model(given):
    with pytest.raises(ValueError, match=r"has cut points between classes \(a.b, b.c\): it is an ordinal model"):
        answer_of_table(given, COLUMNS, True, ("a", "b", "c"))
