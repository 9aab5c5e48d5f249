"""
Problems whose answer is in print: real data sets with the coefficients that other programs or institutes published.

The data come with statsmodels and are loaded from it when first asked for; NIST's Wampler and NoInt are formulas. The
answers are decimal strings with the digits that the source shows, also where the last of them are not those of the
optimum: `Published.departures` lists each number that a computation with 60 digits does not reproduce, and why.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from spec.compat import strict_zip
from spec.families import Binomial, Gamma, Gaussian, Multinomial, NegativeBinomial, Poisson, Tweedie
from spec.links import Identity, Inverse, Log, Logit, Probit, Softmax
from spec.model import Model, Params
from spec.problems.problem import Data, Problem, Published


def dataset(name: str) -> Any:
    """The data set of that name in `statsmodels.datasets`: ``endog`` and ``exog`` are its response and its columns."""
    from statsmodels import datasets

    return getattr(datasets, name).load_pandas()


def plain(name: str, columns: tuple[str, ...] = ()) -> Data:
    """The response against the columns as they are, or against those named."""
    data = dataset(name)
    X = data.exog[list(columns)] if columns else data.exog
    return Data(X, data.endog.to_numpy()[:, None], columns=tuple(X.columns))


def star98() -> Data:
    """Of the pupils of a district, the share above the national median; eight of the columns are interactions."""
    data = dataset("star98")
    trials = data.endog.to_numpy().sum(axis=1)
    return Data(data.exog, data.endog[["NABOVE"]].to_numpy() / trials[:, None], trials=trials, columns=tuple(data.exog.columns))


def anes96() -> Data:
    """Party identification, strong Democrat (0) to strong Republican (6), as a one-hot row."""
    data = dataset("anes96")
    return Data(data.exog, np.eye(7)[data.endog.astype(int)], columns=tuple(data.exog.columns))


def cpunish(exposure: float | None = None, frequencies: tuple[int, ...] = ()) -> Data:
    """Executions in 17 states, the rate of violent crime in logs; a state may count several times, over."""
    data = dataset("cpunish")
    X = data.exog.assign(VC100k96=np.log(data.exog["VC100k96"])).rename(columns={"VC100k96": "log(VC100k96)"})
    n = len(X)
    return Data(
        X,
        data.endog.to_numpy()[:, None],
        offset=None if exposure is None else np.full((n, 1), np.log(exposure)),
        weights=np.resize(frequencies, n) if frequencies else None,
        columns=tuple(X.columns),
    )


def committee() -> Data:
    """Bills assigned to 20 committees of the House, the staff in logs, and its product with the number of subcommittees."""
    data = dataset("committee")
    X = data.exog.assign(STAFF=np.log(data.exog["STAFF"])).rename(columns={"STAFF": "log(STAFF)"})
    X["SUBS:log(STAFF)"] = X["SUBS"] * X["log(STAFF)"]
    return Data(X, data.endog.to_numpy()[:, None], columns=tuple(X.columns))


def modechoice() -> Data:
    """Which of four ways 210 travellers took: six columns of each way, the first way's before the second's."""
    data = dataset("modechoice").data
    way = np.eye(4)[data["mode"].astype(int) - 1]
    columns = [data["gc"], data["ttme"], data["hinc"] * way[:, 0], *way[:, :3].T]
    names = ("gc", "ttme", "hinc:air", "air", "train", "bus")
    return Data(
        np.column_stack(columns).reshape(-1, 24),
        data["choice"].to_numpy().reshape(-1, 4),
        columns=tuple(f"{name} of {mode}" for mode in ("air", "train", "bus", "car") for name in names),
    )


# Wampler's disturbance: orthogonal to 1, x, ..., x^5 on x = 0, ..., 20, so that it moves no coefficient
HALF = (759, -2048, 2048, -2048, 2523, -2048, 2048, -2048, 1838, -2048)
DELTA: tuple[int, ...] = (*HALF, 2048, *reversed(HALF))


def wampler(base: int = 1, disturbance: int = 0) -> Data:
    """y = sum of (x / base)^k, k = 0 to 5, and so many times DELTA; the optimum is base^-k (in base 10 but for y's rounding)."""
    x, k = np.arange(21), np.arange(6)
    powers = x[:, None] ** k
    y = (powers @ base ** k[::-1] + base**5 * disturbance * np.array(DELTA)) / base**5
    exact = Params.from_matrix([[1 / base**j] for j in range(6)])
    return Data(powers[:, 1:], y[:, None], columns=("x", "x^2", "x^3", "x^4", "x^5"), exact=exact)


def through_origin(x: tuple[int, ...], y: tuple[int, ...]) -> Data:
    """A line through the origin: the slope is sum(x y) / sum(x^2)."""
    slope = np.dot(x, y) / np.dot(x, x)
    return Data(np.array(x)[:, None], np.array(y)[:, None], columns=("x",), exact=Params.from_matrix([[0.0], [slope]]))


def answer(rows: Mapping[str, str], source: str, cause: str = "", **statistics: str) -> Published:
    """
    From a row for each parameter: its coefficients, one for each free output, and then as many standard errors.

    Other numbers follow by name. Behind a bar stands what the optimum has in place of each number printed, and = where it
    has the same digits.
    """
    printed, true, departures, true_statistics = [], [], [], {}
    for name, row in rows.items():
        numbers, _, exact = (part.split() for part in row.partition("|"))
        outputs = len(numbers) // 2
        printed.append((tuple(numbers[:outputs]), tuple(numbers[outputs:])))
        exact = exact or ["="] * len(numbers)
        corrected = [n if e == "=" else e for n, e in strict_zip(numbers, exact)]
        true.append((tuple(corrected[:outputs]), tuple(corrected[outputs:])))
        for j, (number, optimum) in enumerate(strict_zip(numbers, exact)):
            if optimum != "=":
                what = f"{'coefficient' if j < outputs else 'standard error'} of {name}"
                where = f" in class {j % outputs + 1}" if outputs > 1 else ""
                departures.append(f"{what}{where}: printed {number}, the optimum has {optimum}; {cause}")
    for name, both in statistics.items():
        number, _, optimum = both.partition(" | ")
        true_statistics[name] = optimum or number
        if optimum:
            departures.append(f"{name}: printed {number}, the optimum has {optimum}; {cause}")
    coefficients, standard_errors = strict_zip(*printed)
    true_coefficients, true_standard_errors = strict_zip(*true)
    return Published(
        coefficients, standard_errors, source, tuple(departures), true_coefficients, true_standard_errors, true_statistics
    )


def _published(name: str, model: Model, load: Callable[[], Data], about: str, tags: str, published: Published) -> Problem:
    found = frozenset(tags.split())
    return Problem(
        name,
        model,
        load,
        kind="published",
        intercept="no-intercept" not in found,
        quasi="quasi" in found,
        published=published,
        about=about,
        tags=found,
    )


def _wampler(number: int, base: int, disturbance: int, rows: Mapping[str, str], **statistics: str) -> Problem:
    about = f"NIST Wampler{number}: a polynomial of degree 5 on x = 0 to 20, condition number 6e6"
    source = f"NIST StRD, certified values, https://www.itl.nist.gov/div898/strd/lls/data/Wampler{number}.shtml; {RESIDUAL}"
    published = answer(rows, source, DECIMAL, **statistics)
    return _published(f"wampler{number}", OLS, partial(wampler, base, disturbance), about, "nist", published)


def _noint(number: int, x: tuple[int, ...], y: tuple[int, ...], row: str, deviance: str) -> Problem:
    about = f"NIST NoInt{number}: a line through the origin, slope = sum(x y) / sum(x^2)"
    source = f"NIST StRD, certified values, https://www.itl.nist.gov/div898/strd/lls/data/NoInt{number}.shtml; {RESIDUAL}"
    published = answer({"x": row}, source, deviance=deviance)
    return _published(f"noint{number}", OLS, partial(through_origin, x, y), about, "nist no-intercept", published)


OLS, LOGISTIC, POISSON = Model(Gaussian(), Identity()), Model(Binomial(), Logit()), Model(Poisson(), Log())
GLM_RESULTS = "statsmodels/genmod/tests/results/results_glm.py"
CPUNISH_RESULTS = "statsmodels/genmod/tests/results/results_glm_poisson_weights.py"
DISCRETE_RESULTS = "statsmodels/discrete/tests/results/results_discrete.py"

# what the standard errors are the square roots of the diagonal of
RESIDUAL = "standard errors: inverse information at the residual variance RSS / (n - q)"
INFORMATION = "standard errors: inverse information (expected and observed are one for the canonical link)"
OBSERVED = "standard errors: inverse observed information"
PEARSON = "standard errors: inverse expected information at Pearson's dispersion X^2 / (n - q)"
QUASI = f"{PEARSON}, though the family's own is 1"

# why a printed number is not that of the optimum of the data in float64: each cause was tried, and gives what is printed
DECIMAL = "the data are decimal fractions, whose own optimum has the digits printed; in float64 they are rounded"
R_STOPS = "R's glm stops where an iteration changes the deviance by less than 1e-8 of it, with the errors of the iteration before"
STATA_FLOAT = "the data rounded to 24 bits, as Stata's float, have the printed optimum, within the 1e-8 at which Stata stops"

PUBLISHED: tuple[Problem, ...] = (
    _published(
        "longley",
        OLS,
        partial(plain, "longley"),
        "NIST Longley: employment in the USA 1947 to 1962, columns nearly collinear",
        "nist",
        answer(
            {
                "const": "-3482258.63459582 890420.383607373",
                "GNPDEFL": "15.0618722713733 84.9149257747669 | = 84.914925774766962",
                "GNP": "-0.358191792925910E-01 0.334910077722432E-01",
                "UNEMP": "-2.02022980381683 0.488399681651699",
                "ARMED": "-1.03322686717359 0.214274163161675",
                "POP": "-0.511041056535807E-01 0.226073200069370",
                "YEAR": "1829.15146461355 455.478499142212",
            },
            "NIST StRD, certified values, https://www.itl.nist.gov/div898/strd/lls/data/Longley.shtml, as recorded in "
            f"statsmodels/regression/tests/results/results_regression.py, class Longley; {RESIDUAL}",
            DECIMAL,
            deviance="836424.055505915",
            dispersion="92936.0061673238",
            log_likelihood="-109.6174",
            aic="233.2349",
            bic="238.643",
        ),
    ),
    _published(
        "spector-logit",
        LOGISTIC,
        partial(plain, "spector"),
        "Spector and Mazzeo 1980: whether a grade improved under a new way of teaching",
        "one-trial",
        answer(
            {
                "const": "-13.0213483201 4.93132462871 | -13.0213468581 4.93132421360",
                "GPA": "2.82611297201 1.26294114526 | 2.82611259489 1.26294107563",
                "TUCE": ".0951576702557 .141554207662 | 0.0951576613179 0.141554205674",
                "PSI": "2.37868772835 1.06456430165 | 2.37868765509 1.06456425450",
            },
            f"Stata 11 logit, as recorded in {DISCRETE_RESULTS}, class Spector, logit; {INFORMATION}",
            STATA_FLOAT,
            log_likelihood="-12.8896334653335 | -12.8896342221",
            likelihood_ratio="15.4041924625676 | 15.4041909490",
            aic="33.779266930667 | 33.7792684443",
            bic="39.642210541866 | 39.6422120555",
        ),
    ),
    _published(
        "spector-probit",
        Model(Binomial(), Probit()),
        partial(plain, "spector"),
        "Spector and Mazzeo 1980, with the normal distribution in place of the logistic",
        "one-trial observed-information",
        answer(
            {
                "const": "-7.45232041607 2.54247249731 | -7.45231964822 2.54247232148",
                "GPA": "1.62581025407 .693882522754 | 1.62581003945 0.693882488441",
                "TUCE": ".051728948442 .083890261293 | 0.0517289455076 0.0838902614265",
                "PSI": "1.42633236818 .595037920474 | 1.42633234201 0.595037902350",
            },
            f"Stata 11 probit, as recorded in {DISCRETE_RESULTS}, class Spector, probit; {OBSERVED}",
            STATA_FLOAT,
            log_likelihood="-12.8188033249334 | -12.8188040689",
            aic="33.637606649867 | 33.6376081378",
            bic="39.500550261066 | 39.5005517490",
        ),
    ),
    _published(
        "star98",
        LOGISTIC,
        star98,
        "Gill 2001: pupils above the national median in mathematics, 303 districts of California",
        "trials",
        answer(
            {
                "const": "2.9588779262 1.546712e+00",
                "LOWINC": "-0.0168150366 4.339467e-04",
                "PERASIAN": "0.0099254766 6.013714e-04",
                "PERBLACK": "-0.0187242148 7.435499e-04",
                "PERHISP": "-0.0142385609 4.338655e-04",
                "PERMINTE": "0.2544871730 2.994576e-02",
                "AVYRSEXP": "0.2406936644 5.713824e-02",
                "AVSALK": "0.0804086739 1.392359e-02",
                "PERSPENK": "-1.9521605027 3.168109e-01",
                "PTRATIO": "-0.3340864748 6.126411e-02",
                "PCTAF": "-0.1690221685 3.270139e-02",
                "PCTCHRT": "0.0049167021 1.253877e-03",
                "PCTYRRND": "-0.0035799644 2.254633e-04",
                "PERMINTE_AVYRSEXP": "-0.0140765648 1.904573e-03",
                "PERMINTE_AVSAL": "-0.0040049918 4.739838e-04",
                "AVYRSEXP_AVSAL": "-0.0039063958 9.623650e-04",
                "PERSPEN_PTRATIO": "0.0917143006 1.450923e-02",
                "PERSPEN_PCTAF": "0.0489898381 7.451666e-03",
                "PTRATIO_PCTAF": "0.0080407389 1.499497e-03",
                "PERMINTE_AVYRSEXP_AVSAL": "0.0002220095 2.988794e-05",
                "PERSPEN_PTRATIO_PCTAF": "-0.0022492486 3.489838e-04",
            },
            f"R glm, as recorded in {GLM_RESULTS}, class Star98; {INFORMATION}",
            null_deviance="34345.3688931",
            deviance="4078.76541772",
            aic="6039.22511799",
        ),
    ),
    _published(
        "anes96",
        Model(Multinomial(), Softmax()),
        anes96,
        "American National Election Study 1996: party identification, seven classes",
        "",
        answer(
            {
                "const": "-.37340167 -2.2509132 -3.6655835 -7.6138431 -7.0604782 -12.105751 "
                ".6298376313 .7631899491 1.156541492 .9575809602 .8443638283 1.059954821 "
                "| -0.373401677358 = = = = = 0.629837631011 0.763189948950 = = = =",
                "logpopul": "-.01153598 -.08875065 -.1059667 -.0915567 -.0932846 -.14088069 "
                ".0342823657 .0391615553 .0570382292 .0437902764 .0393516553 .042138047 "
                "| -0.0115359745667 = = = = = 0.0342823658111 0.0391615554388 0.0570382294849 0.0437902765994 0.0393516554470 =",
                "selfLR": ".29771435 .39166864 .57345051 1.2787718 1.3469616 2.0700801 "
                ".093626795 .1082386919 .1585481337 .1288965854 .1171860107 .1434089089 "
                "| = = = = = = = = = = = 0.143408909043",
                "age": "-.024945 -.02289784 -.01485121 -.00868135 -.01790407 -.00943265 "
                ".0065248584 .0079144618 .0113313133 .0084187486 .0076110152 .0081338625",
                "educ": ".08249144 .18104276 -.00715242 .19982796 .21693885 .3219257 "
                ".0735865799 .0852893563 .1262913234 .0941250559 .0850070091 .0910979921",
                "income": ".00519655 .04787398 .05757516 .08449838 .08095841 .10889408 "
                ".0176336937 .0222809297 .0336142088 .0261963632 .0229760791 .025300888",
            },
            f"Stata 11 mlogit, checked against R nnet, as recorded in {DISCRETE_RESULTS}, class Anes, mnlogit_basezero; "
            f"{INFORMATION}",
            STATA_FLOAT,
            log_likelihood="-1461.922747312 | -1461.92274725",
            likelihood_ratio="576.8479253554 | 576.847925483",
            aic="2995.84549462 | 2995.84549450",
            bic="3170.45003661 | 3170.45003648",
        ),
    ),
    _published(
        "scotland",
        Model(Gamma(), Inverse()),
        partial(plain, "scotland"),
        "Gill 2001: the vote of 1997 on taxation powers for the Scottish parliament, 32 districts",
        "",
        answer(
            {
                "const": "-1.776527e-02 1.147922e-02",
                "COUTAX": "4.961768e-05 1.621577e-05",
                "UNEMPF": "2.034423e-03 5.320802e-04",
                "MOR": "-7.181429e-05 2.711664e-05",
                "ACT": "1.118520e-04 4.057691e-05",
                "GDP": "-1.467515e-07 1.236569e-07",
                "AGE": "-5.186831e-04 2.402534e-04",
                "COUTAX_FEMALEUNEMP": "-2.42717498e-06 7.460253e-07",
            },
            f"R glm(family = Gamma), as recorded in {GLM_RESULTS}, class Scotvote; {PEARSON}",
            null_deviance="0.536072",
            deviance="0.087388516417",
            dispersion="0.003584283",
        ),
    ),
    _published(
        "cpunish",
        POISSON,
        cpunish,
        "Gill 2001: executions in 17 states of the USA, 1997",
        "",
        answer(
            {
                "const": "-6.801480e+00 4.146850e+00 | = 4.14687308258",
                "INCOME": "2.611017e-04 5.187132e-05 | = 0.0000518714883788",
                "PERPOVERTY": "7.781801e-02 7.940193e-02 | 0.0778180150427 0.0794026042445",
                "PERBLACK": "-9.493111e-02 2.291926e-02 | = 0.0229193016732",
                "log(VC100k96)": "2.969349e-01 4.375164e-01 | = 0.437517569075",
                "SOUTH": "2.301183e+00 4.283826e-01 | = 0.428383796644",
                "DEGREE": "-1.872207e+01 4.283961e+00 | = 4.28397930348",
            },
            f"R glm(family = poisson), as recorded in {GLM_RESULTS}, class Cpunish; {INFORMATION}",
            R_STOPS,
            null_deviance="136.57281747225",
            deviance="18.591641759528944",
            log_likelihood="-31.92732869482515",
            aic="77.8546573896503",
        ),
    ),
    _published(
        "cpunish-weights",
        POISSON,
        partial(cpunish, frequencies=(1, 1, 1, 2, 2, 2, 3, 3, 3)),
        "Gill 2001: executions, each state counted once, twice or three times",
        "weights",
        answer(
            {
                "const": "-6.5630017977416 3.2352486362722 | -6.56300281451 3.23524860107",
                "INCOME": ".00025343868829 .00004015414514 | 0.000253438672573 0.0000401541470863",
                "PERPOVERTY": ".09081422305585 .06472607217881 | 0.0908141817617 0.0647260680121",
                "PERBLACK": "-.09416451429381 .01795769655821 | -0.0941645245169 0.0179576948079",
                "log(VC100k96)": ".27652273809506 .38626128010796 | 0.276523109033 0.386261237912",
                "SOUTH": "2.239890838384 .36339399714255 | 2.23989099892 0.363393991230",
                "DEGREE": "-18.842583191417 3.736940161486 | -18.8425836915 3.73694039439",
            },
            f"Stata glm, family(poisson), fweight, as recorded in {CPUNISH_RESULTS}, results_poisson_fweight_nonrobust; "
            f"{INFORMATION}",
            STATA_FLOAT,
            deviance="23.34969514421719 | 23.3496963639",
            log_likelihood="-52.96941847346162 | -52.9694190833",
            wald="183.6836771894393 | 183.683674603",
        ),
    ),
    _published(
        "cpunish-exposure",
        POISSON,
        partial(cpunish, exposure=100),
        "Gill 2001: executions, with an exposure of 100 for each state, which moves the intercept by log 100",
        "offset",
        answer(
            {
                "const": "-1.140665e+01 4.147e+00",
                "INCOME": "2.611017e-04 5.187e-05",
                "PERPOVERTY": "7.781801e-02 7.940e-02 | 0.0778180150427 =",
                "PERBLACK": "-9.493111e-02 2.292e-02",
                "log(VC100k96)": "2.969349e-01 4.375e-01",
                "SOUTH": "2.301183e+00 4.284e-01",
                "DEGREE": "-1.872207e+01 4.284e+00",
            },
            f"R glm, as recorded in {GLM_RESULTS}, class Cpunish_offset; {INFORMATION}",
            R_STOPS,
        ),
    ),
    _published(
        "committee",
        Model(NegativeBinomial(1.0), Log()),
        committee,
        "Gill 2001: bills assigned to 20 committees of the House of Representatives, 1995",
        "quasi",
        answer(
            {
                "const": "-6.44847076 1.99557656e+00 | -6.44869980877 1.99551392184",
                "SIZE": "-0.0268147 1.99956263e-02 | -0.0268181505758 0.0199952692767",
                "SUBS": "1.25103364 4.76820254e-01 | 1.25109695120 0.476809234682",
                "log(STAFF)": "2.91070663 6.48362654e-01 | 2.91079900404 0.648344375240",
                "PRESTIGE": "-0.34799563 4.17956107e-01 | -0.347917996728 0.417948821135",
                "BILLS103": "0.00659808 1.41512690e-03 | 0.00659793106800 0.00141510441602",
                "SUBS:log(STAFF)": "-0.31303026 1.07770186e-01 | -0.313044950338 0.107767607544",
            },
            f"R glm, MASS negative.binomial(1), as recorded in {GLM_RESULTS}, class Committee; {QUASI}",
            R_STOPS,
            null_deviance="27.81104693643434",
            deviance="5.615520158267981 | 5.61552011576",
            dispersion="0.38528595746569905 | 0.385273293068",
            log_likelihood="-101.33286676188968 | -101.332866741",
        ),
    ),
    _published(
        "randhie",
        POISSON,
        partial(plain, "randhie"),
        "RAND health insurance experiment: visits to a doctor, 20190 rows",
        "",
        answer(
            {
                "const": ".700352877227 .01116266712362 | 0.700352878601 0.0111626671263",
                "lncoins": "-.052535114675 .00288398915279 | -0.0525351153545 0.00288398919786",
                "idp": "-.247086797633 .01061725196728 | -0.247086794132 0.0106172518960",
                "lpi": ".035290201794 .00182833684966 | 0.0352902016962 0.00182833684413",
                "fmde": "-.03457750643 .00161284852954 | -0.0345775067176 0.00161284852578",
                "physlm": ".271713973711 .01223913844387 | 0.271713978822 0.0122391384380",
                "disea": ".033941474461 .00056476496963 | 0.0339414744818 0.000564764974437",
                "hlthg": "-.012635035534 .00925061122826 | -0.0126350344025 0.00925061122620",
                "hlthf": ".054056326828 .01530987068312 | 0.0540563298944 0.0153098706751",
                "hlthp": ".206115121809 .02627928267502 | 0.206115118440 0.0262792827176",
            },
            f"Stata 11 poisson, as recorded in {DISCRETE_RESULTS}, class RandHIE, poisson; {INFORMATION}",
            STATA_FLOAT,
            log_likelihood="-62419.588535018 | -62419.5885644",
            likelihood_ratio="8455.186305881856 | 8455.18624702",
            aic="124859.17707 | 124859.177129",
            bic="124938.306497 | 124938.306556",
        ),
    ),
    _published(
        "fair",
        Model(Tweedie(1.5), Log()),
        partial(plain, "fair", ("rate_marriage", "age", "yrs_married")),
        "Fair 1978: time spent in affairs, mostly none, 6366 rows, no intercept",
        "no-intercept",
        answer(
            {
                "rate_marriage": "-0.389168171340452 0.0323435784513691 | -0.389173972168 0.0323425583288",
                "age": "0.0670222370664611 0.0063805300018014 | 0.0670229456841 0.00638028177895",
                "yrs_married": "-0.0970852004566712 0.00893580175352525 | -0.0970849951485 0.00893552139963",
            },
            f"R glm, statmod tweedie(var.power = 1.5, link.power = 0), as recorded in {GLM_RESULTS}, class FairTweedieLog15; "
            f"{PEARSON}",
            R_STOPS,
            deviance="20741.82",
        ),
    ),
    _wampler(
        1,
        1,
        0,
        {
            "const": "1.00000000000000 0.000000000000000",
            "x": "1.00000000000000 0.000000000000000",
            "x^2": "1.00000000000000 0.000000000000000",
            "x^3": "1.00000000000000 0.000000000000000",
            "x^4": "1.00000000000000 0.000000000000000",
            "x^5": "1.00000000000000 0.000000000000000",
        },
    ),
    _wampler(
        2,
        10,
        0,
        {
            "const": "1.00000000000000 0.000000000000000 | = 6.39E-16",
            "x": "0.100000000000000 0.000000000000000 | 0.10000000000000081 7.01E-16",
            "x^2": "0.100000000000000E-01 0.000000000000000 | 0.0099999999999996162 =",
            "x^3": "0.100000000000000E-02 0.000000000000000 | 0.0010000000000000630 =",
            "x^4": "0.100000000000000E-03 0.000000000000000 | 0.000099999999999995883 =",
            "x^5": "0.100000000000000E-04 0.000000000000000 | 0.000010000000000000091 =",
        },
    ),
    _wampler(
        3,
        1,
        1,
        {
            "const": "1.00000000000000 2152.32624678170",
            "x": "1.00000000000000 2363.55173469681",
            "x^2": "1.00000000000000 779.343524331583",
            "x^3": "1.00000000000000 101.475507550350",
            "x^4": "1.00000000000000 5.64566512170752",
            "x^5": "1.00000000000000 0.112324854679312",
        },
        deviance="83554268.0000000",
    ),
    _wampler(
        4,
        1,
        100,
        {
            "const": "1.00000000000000 215232.624678170",
            "x": "1.00000000000000 236355.173469681",
            "x^2": "1.00000000000000 77934.3524331583",
            "x^3": "1.00000000000000 10147.5507550350",
            "x^4": "1.00000000000000 564.566512170752",
            "x^5": "1.00000000000000 11.2324854679312",
        },
        deviance="835542680000.000",
    ),
    _wampler(
        5,
        1,
        10000,
        {
            "const": "1.00000000000000 21523262.4678170",
            "x": "1.00000000000000 23635517.3469681",
            "x^2": "1.00000000000000 7793435.24331583",
            "x^3": "1.00000000000000 1014755.07550350",
            "x^4": "1.00000000000000 56456.6512170752",
            "x^5": "1.00000000000000 1123.24854679312",
        },
        deviance="8355426800000000",
    ),
    _noint(1, tuple(range(60, 71)), tuple(range(130, 141)), "2.07438016528926 0.165289256198347E-01", "127.272727272727"),
    _noint(2, (4, 5, 6), (3, 4, 4), "0.727272727272727 0.420827318078432E-01", "0.272727272727273"),
)

# A conditional logit: the weights printed are shared by the ways, which a network says and a `Model` does not
MODECHOICE = _published(
    "modechoice",
    Model(Multinomial(), Softmax()),
    modechoice,
    "Greene and Hensher 1997: travel by air, train, bus or car between Sydney, Canberra and Melbourne",
    "alternatives no-intercept",
    answer(
        {
            "gc": "-.0155015 .004408",
            "ttme": "-.0961248 .0104398",
            "hinc:air": ".013287 .0102624",
            "air": "5.207443 .7790551",
            "train": "3.869043 .4431269",
            "bus": "3.163194 .4502659",
        },
        "Stata clogit, as printed in Park, Categorical Dependent Variable Models, Indiana University, section 7.1, "
        f"https://www.indiana.edu/~statmath/stat/all/cdvm/cdvm7.html; {INFORMATION}",
        log_likelihood="-199.12837",
    ),
)
