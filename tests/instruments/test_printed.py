"""What a program printed for people is a table: the texts have the form of each program, the numbers are those of one model."""

import json
import re

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from statsmodels.discrete.discrete_model import MNLogit
from statsmodels.genmod import families

from spec.diagnosis import diagnose
from spec.diagnosis.tables.printed import grid

COLUMNS = {"age": "age", "sexm": "C(sex)[T.m]", "grpb": "C(grp)[T.b]", "grpc": "C(grp)[T.c]", "1": "Intercept"}


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(2)
    n = 300
    made = pd.DataFrame({"age": rng.normal(5, 1, n), "sex": rng.choice(["m", "f"], n), "grp": rng.choice(list("abc"), n)})
    eta = -2 + 0.4 * made["age"] + 0.5 * (made["sex"] == "m") - 0.3 * (made["grp"] == "b")
    return made.assign(y=(rng.random(n) < 1 / (1 + np.exp(-eta))).astype(int))


@pytest.fixture(scope="module")
def fitted(frame):
    return smf.glm("y ~ age + C(sex) + C(grp)", frame, family=families.Binomial()).fit()


def held(frame, printed):
    return diagnose(printed, data=frame, formula="y ~ age + C(sex) + C(grp)", family="binomial")


def filled(text, fitted):
    """A text whose {sexm} and {sexm.se} are estimates and standard errors; those after : are formats."""

    def number(found):
        term, error, form = found[1], found[2], found[3]
        return format((fitted.bse if error else fitted.params)[COLUMNS[term]], form or ".6f")

    return re.sub(r"(?<![a-z])\{(age|sexm|grpb|grpc|1)(\.se)?(?::([^}]+))?\}", number, text)


PRINTED = {
    "R": """
Call:
glm(formula = y ~ age + sex + grp, family = binomial, data = df)

Coefficients:
            Estimate Std. Error z value Pr(>|z|)
(Intercept) {1}    {1.se}  -2.586  0.00972 **
age          {age}    {age.se}   2.562  0.01040 *
sexm         {sexm}    {sexm.se}   3.306  < 2e-16 ***
grpb         {grpb}    {grpb.se}  -1.245  0.21312
grpc         {grpc}    {grpc.se}   0.058  0.95388
---
Signif. codes:  0 '***' 0.001 '**' 0.01 '*' 0.05 '.' 0.1 ' ' 1

(Dispersion parameter for binomial family taken to be 1)

    Null deviance: 415.03  on 299  degrees of freedom
Residual deviance: 396.94  on 295  degrees of freedom
""",
    "R, in two blocks": """
                 Estimate       Std. Error           z value
(Intercept) {1:.14f} {1.se:.14f} -2.95253850000000
age          {age:.14f} {age.se:.14f}  3.01958710000000
sexm         {sexm:.14f} {sexm.se:.14f}  0.34241210000000
grpb         {grpb:.14f} {grpb.se:.14f}  0.53696610000000
grpc         {grpc:.14f} {grpc.se:.14f}  0.47381650000000
                   Pr(>|z|)
(Intercept) 0.0031517270000
age         0.0025311950000
sexm        0.7320407800000
grpb        0.5912910580000
grpc        0.6356307830000
""",
    "R, the vector": """
(Intercept)          age         sexm
  {1}     {age}     {sexm}
       grpb         grpc
  {grpb}     {grpc}
""",
    "R, the model": """
Call:  glm(formula = y ~ age + sex + grp, family = binomial, data = df)

Coefficients:
(Intercept)          age         sexm         grpb         grpc
  {1}     {age}     {sexm}     {grpb}     {grpc}

Degrees of Freedom: 299 Total (i.e. Null);  295 Residual
""",
    "Stata": """
Logistic regression                                     Number of obs =    300

------------------------------------------------------------------------------
           y | Coefficient  Std. err.      z    P>|z|     [95% conf. interval]
-------------+----------------------------------------------------------------
         age |   {age}   {age.se}     2.56   0.010     .0073118    .0549346
             |
         sex |
          m  |   {sexm}   {sexm.se}     3.31   0.001     .3237554    1.266504
             |
         grp |
          b  |   {grpb}   {grpb.se}    -1.25   0.213    -.9439174    .2105113
          c  |   {grpc}   {grpc.se}     0.06   0.954      -.55217    .5857502
             |
       _cons |   {1}   {1.se}    -2.59   0.010    -2.950466   -.4061163
------------------------------------------------------------------------------
""",
    "SAS": """
              Analysis Of Maximum Likelihood Parameter Estimates

                                 Standard     Wald 95% Confidence       Wald
Parameter      DF    Estimate       Error           Limits        Chi-Square    Pr > ChiSq

Intercept       1     {1}      {1.se}     -2.9505    -0.4061          6.69        0.0097
age             1     {age}      {age.se}      0.0073     0.0549          6.56        0.0104
sex       m     1     {sexm}      {sexm.se}      0.3238     1.2665         10.93        0.0009
sex       f     0     0.0000      0.0000      0.0000     0.0000           .           .
grp       b     1     {grpb}      {grpb.se}      0.3238     1.2665         10.93        0.0009
grp       c     1     {grpc}      {grpc.se}      0.3238     1.2665         10.93        0.0009
grp       a     0     0.0000      0.0000      0.0000     0.0000           .           .
Scale           0     1.0000      0.0000      1.0000     1.0000
""",
    "Julia": """
───────────────────────────────────────────────────────────────────────
                 Coef.  Std. Error      z  Pr(>|z|)   Lower 95%   Upper 95%
───────────────────────────────────────────────────────────────────────
(Intercept)  {1}   {1.se}   -2.59    0.0097  -2.95047    -0.406116
age          {age}   {age.se}    2.56    0.0104   0.00731    0.0549
sex: m       {sexm}   {sexm.se}    3.31    0.0009   0.323755    1.2665
grp: b       {grpb}   {grpb.se}    3.31    0.0009   0.323755    1.2665
grp: c       {grpc}   {grpc.se}    3.31    0.0009   0.323755    1.2665
───────────────────────────────────────────────────────────────────────
""",
    "Markdown": """
| term        | estimate | std.error |
|:------------|---------:|----------:|
| (Intercept) | {1} | {1.se} |
| age         | {age} | {age.se} |
| `sex\\_m`    | {sexm} | {sexm.se} |
| grpb        | {grpb} | {grpb.se} |
| grpc        | {grpc} | {grpc.se} |
""",
    "LaTeX": r"""
\begin{tabular}{lrr}
 & Estimate & Std. Error \\ \hline
(Intercept) & {1} & {1.se} \\
age & {age} & {age.se} \\
sexm & {sexm} & {sexm.se} \\
grpb & {grpb} & {grpb.se} \\
grpc & {grpc} & {grpc.se} \\
\hline
\end{tabular}
""",
    "LaTeX of statsmodels": r"""
\begin{tabular}{lclc}
\toprule
\textbf{Dep. Variable:}   &        y         & \textbf{  No. Observations:  } &      300    \\
\textbf{No. Iterations:}  &        4         & \textbf{  Pseudo R-squ. (CS):} &   0.1605    \\
\bottomrule
\end{tabular}
\begin{tabular}{lcccccc}
                   & \textbf{coef} & \textbf{std err} & \textbf{z} & \textbf{P$> |$z$|$} & \textbf{[0.025} & \textbf{0.975]}  \\
\midrule
\textbf{Intercept} &  {1}  &  {1.se}     &    -5.111  &         0.000        &       -6.899    &       -3.075     \\
\textbf{age}  &  {age}  &  {age.se}     &    -0.824  &         0.410        &       -0.865    &        0.353     \\
\textbf{sex[T.m]}  &  {sexm}  &  {sexm.se}     &    -0.824  &         0.410        &       -0.865    &        0.353     \\
\textbf{grp[T.b]}       &  {grpb}  & {grpb.se}     &     5.220  &         0.000        &        0.061    &        0.134     \\
\textbf{grp[T.c]}       &  {grpc}  & {grpc.se}     &     5.220  &         0.000        &        0.061    &        0.134     \\
\bottomrule
\end{tabular}
%\caption{Logit & Regression Results} \\
""",
    "HTML of statsmodels": """
<table class="simpletable">
<caption>Logit Regression Results</caption>
<tr>
  <th>Dep. Variable:</th>           <td>y</td>        <th>  No. Observations:  </th>  <td>   300</td>
</tr>
</table>
<table class="simpletable">
<tr>
      <td></td>         <th>coef</th>     <th>std err</th>      <th>z</th>      <th>P>|z|</th>  <th>[0.025</th>    <th>0.975]</th>
</tr>
<tr>
  <th>Intercept</th> <td>{1}</td> <td>{1.se}</td> <td>   -5.111</td> <td> 0.000</td> <td>   -6.899</td> <td>   -3.075</td>
</tr>
<tr>
  <th>age</th> <td>{age}</td> <td>{age.se}</td> <td>   -5.111</td> <td> 0.000</td> <td>   -6.899</td> <td>   -3.075</td>
</tr>
<tr>
  <th>sex[T.m]</th>  <td>{sexm}</td> <td>{sexm.se}</td> <td>   -0.824</td> <td> 0.410</td> <td>   -0.865</td> <td>    0.353</td>
</tr>
<tr><th>grp[T.b]</th><td>{grpb}</td><td>{grpb.se}</td><td>-0.824</td><td>0.410</td><td>-0.865</td><td>0.353</td></tr>
<tr><th>grp[T.c]</th><td>{grpc}</td><td>{grpc.se}</td><td>-0.824</td><td>0.410</td><td>-0.865</td><td>0.353</td></tr>
</table><br/>
""",
    "LaTeX for a paper": r"""
\begin{tabular}{@{\extracolsep{5pt}}lc}
\\[-1.8ex]\hline
\hline \\[-1.8ex]
 & \multicolumn{1}{c}{\textit{Dependent variable:}} \\
\cline{2-2}
\\[-1.8ex] & y \\
\hline \\[-1.8ex]
 age & {age}$^{**}$ \\
  & ({age.se}) \\
  & \\
 sexm & {sexm}$^{***}$ \\
  & ({sexm.se}) \\
 grpb & {grpb} \\
 grpc & {grpc} \\
 Constant & {1}$^{***}$ \\
  & ({1.se}) \\
\hline \\[-1.8ex]
Observations & 300 \\
Log Likelihood & $-$198.472 \\
\hline
\textit{Note:}  & \multicolumn{1}{r}{$^{*}$p$<$0.1; $^{**}$p$<$0.05; $^{***}$p$<$0.01} \\
\end{tabular}
""",
    "HTML for a paper": """
<table style="text-align:center"><tr><td colspan="2" style="border-bottom: 1px solid black"></td></tr>
<tr><td style="text-align:left"></td><td><em>Dependent variable:</em></td></tr>
<tr><td style="text-align:left"></td><td>y</td></tr>
<tr><td style="text-align:left">age</td><td>{age}<sup>**</sup></td></tr>
<tr><td style="text-align:left"></td><td>({age.se})</td></tr>
<tr><td style="text-align:left">sexm</td><td>{sexm}<sup>***</sup></td></tr>
<tr><td style="text-align:left">grpb</td><td>{grpb}</td></tr>
<tr><td style="text-align:left">grpc</td><td>{grpc}</td></tr>
<tr><td style="text-align:left">Constant</td><td>{1}<sup>***</sup></td></tr>
<tr><td style="text-align:left">Observations</td><td>300</td></tr>
</table>
""",
    "for a paper": """
===============================================
                        Dependent variable:
                    ---------------------------
                                 y
-----------------------------------------------
age                       {age}**
                         ({age.se})

sexm                      {sexm}***
                         ({sexm.se})

grpb                      {grpb}
grpc                      {grpc}
Constant                  {1}***
                         ({1.se})
-----------------------------------------------
Observations                    300
Log Likelihood               -198.472
Akaike Inf. Crit.             406.944
===============================================
Note:               *p<0.1; **p<0.05; ***p<0.01
""",
    "esttab": """
----------------------------
                      (1)
                        y
----------------------------
age              {age}*
                   (2.56)
sexm             {sexm}***
                   (3.31)
grpb             {grpb}
                   (0.31)
grpc             {grpc}
_cons            {1}**
                  (-2.59)
----------------------------
N                     300
----------------------------
t statistics in parentheses
""",
}
WITHOUT_ERRORS = ("R, the vector", "R, the model", "LaTeX for a paper", "HTML for a paper", "for a paper", "esttab")


@pytest.mark.parametrize("program", PRINTED)
def test_what_a_program_printed_is_read(program, frame, fitted, tmp_path):
    """As a text, and as a file that holds it: the coefficients are the optimum in all digits that were printed."""
    text = filled(PRINTED[program], fitted)
    (tmp_path / "printed.txt").write_text(text, encoding="utf-8")

    for printed in (text, tmp_path / "printed.txt"):
        found = held(frame, printed)
        assert (found.verdict, found.codes) == ("none", ())
        assert found.stated.distance < 1e-4
        assert (found.answer.standard_errors is None) == (program in WITHOUT_ERRORS)


def test_a_summary_of_statsmodels_is_read(frame, fitted):
    """The object, its text and its comma-separated form; of classes, one block each."""
    one, two = fitted.summary(), fitted.summary2()
    written = [each for made in (one, two) for each in (made, str(made), made.as_text(), made.as_html(), made.as_latex())]
    for printed in (*written, one.as_csv()):
        found = held(frame, printed)
        assert (found.verdict, found.codes) == ("none", ())
        assert found.answer.standard_errors is not None
    frame = frame.assign(k=(7 * frame["age"]).astype(int) % 3)
    classes = smf.mnlogit("k ~ age", frame).fit(disp=0)
    found = diagnose(str(classes.summary()), data=frame, formula="C(k) ~ age", family="multinomial")

    assert (found.verdict, found.codes) == ("none", ())


GERMAN = """Größe;Schätzwert;Standardfehler;p-Wert
Konstante;{1};{1.se};0,01
age;{age};{age.se};0,01
sex=m;{sexm};{sexm.se};0,01
grp=b;{grpb};{grpb.se};0,01
grp=c;{grpc};{grpc.se};0,01
"""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_a_table_of_another_language_and_another_code_is_read(encoding, frame, fitted, tmp_path):
    """With commas for points, and the codes that spreadsheets write."""
    text = re.sub(r"(?<=\d)\.(?=\d)", ",", filled(GERMAN, fitted))
    (tmp_path / "german.csv").write_text(text, encoding=encoding)

    assert held(frame, tmp_path / "german.csv").verdict == "none"


SPSS = """Parameter,B,Std. Error,Lower,Upper,Wald Chi-Square,df,Sig.
(Intercept),{1},{1.se},,,,1,.01
[sex=m],{sexm},{sexm.se},,,,1,.01
[sex=f],0a,,,,,,
[grp=b],{grpb},{grpb.se},,,,1,.01
[grp=c],{grpc},{grpc.se},,,,1,.01
[grp=a],0a,,,,,,
age,{age},{age.se},,,,1,.01
(Scale),1b,,,,,,
Dependent Variable: y
a. Set to zero because this parameter is redundant.
b. Fixed at the displayed value.
"""
SAS = """Parameter,,DF,Estimate,Standard Error,Chi-Square,Pr>ChiSq
Intercept,,1,{1},{1.se},1,.1
age,,1,{age},{age.se},1,.1
sex,m,1,{sexm},{sexm.se},1,.1
sex,f,0,0.0000,0.0000,.,.
grp,b,1,{grpb},{grpb.se},1,.1
grp,c,1,{grpc},{grpc.se},1,.1
grp,a,0,0.0000,0.0000,.,.
Scale,,0,1.0000,0.0000,,
"""
ESTTAB = """"","(1)",""
"","y",""
"age","{age}***","({age.se})"
"sexm","{sexm}*","({sexm.se})"
"grpb","{grpb}","({grpb.se})"
"grpc","{grpc}","({grpc.se})"
"_cons","{1}**","({1.se})"
"N","300",""
"""


@pytest.mark.parametrize("text", [SPSS, SAS, ESTTAB], ids=["SPSS", "SAS", "esttab"])
def test_the_files_of_programs_are_read(text, frame, fitted, tmp_path):
    """With their levels, their footnotes and what they print beside."""
    (tmp_path / "table.csv").write_text(filled(text, fitted), encoding="utf-8")

    assert held(frame, tmp_path / "table.csv").verdict == "none"


def test_odds_ratios_are_said_to_be_exponentiated(frame, fitted, tmp_path):
    """Under the headings that programs give them; their standard errors are not those of coefficients."""
    rows = "\n".join(f"{term},{np.exp(fitted.params[name]):.8f},0.3,1,2" for term, name in COLUMNS.items() if term != "1")
    constant = f"(Intercept),{np.exp(fitted.params['Intercept']):.8f},0.3,1,2"
    (tmp_path / "odds.csv").write_text(f"term,Odds Ratio,Std. Err.,lower,upper\n{constant}\n{rows}\n")

    printed = "\n".join(f"{term} {np.exp(fitted.params[name]):.8f} 0.5 2.1" for term, name in COLUMNS.items() if term != "1")
    (tmp_path / "odds.txt").write_text(f"                OR  2.5 % 97.5 %\n{constant.replace(',', ' ')}\n{printed}\n")
    for name in ("odds.csv", "odds.txt"):
        found = held(frame, tmp_path / name)
        assert found.codes == ("exponentiated",)
        assert found.answer.standard_errors is None


def test_json_is_read(frame, fitted, tmp_path):
    """Names and numbers, rows of a table, or scikit-learn's arrays."""
    order = ["age", "sexm", "grpb", "grpc"]
    named = {"(Intercept)": fitted.params["Intercept"], **{term: fitted.params[COLUMNS[term]] for term in order}}
    forms = (
        {name: float(value) for name, value in named.items()},
        [{"term": name, "estimate": float(value)} for name, value in named.items()],
        {"coef": [float(named[term]) for term in order], "intercept": float(named["(Intercept)"])},
    )
    for form in forms:
        (tmp_path / "fit.json").write_text(json.dumps(form))
        assert held(frame, tmp_path / "fit.json").verdict == "none"
    (tmp_path / "fit.json").write_text("{")
    with pytest.raises(ValueError, match=r"fit.json is no JSON"):
        held(frame, tmp_path / "fit.json")


def test_models_side_by_side_are_refused(frame):
    """One of them is meant."""
    with pytest.raises(ValueError, match="has 2 models side by side: keep the one that is meant"):
        held(frame, "\n         (1)   (2)\n           y     y\nage       0.3*  0.4\nsexm      0.8   0.9\n")


@pytest.mark.parametrize(
    "text", ["term,estimate\nage,1\n", "", "a sentence\nof two lines", "Coefficients:\n", "x  y  z\n1  2\n", "b\n1\n2\n"]
)
def test_what_was_printed_by_none_is_left_to_the_other_forms(text):
    """A file with commas, or no table at all."""
    assert grid(text) is None


LINES = {
    "a colon": "(Intercept): {1}\nage: {age}\nsexm: {sexm}\ngrpb: {grpb}\ngrpc: {grpc}\n",
    "an equals sign": "Intercept = {1}\nage = {age}\nsex_m = {sexm}\ngrp_b = {grpb}\ngrp_c = {grpc}\n",
    "dput of R": "c(`(Intercept)` = {1}, age = {age}, sexm = {sexm}, grpb = {grpb}, grpc = {grpc})",
    "JSON": '{{"(Intercept)": {1}, "age": {age}, "sexm": {sexm}, "grpb": {grpb}, "grpc": {grpc}}}',
    "a dict of Python": "{{'Intercept': {1}, 'age': {age}, 'sex[T.m]': {sexm}, 'grp[T.b]': {grpb}, 'grp[T.c]': {grpc}}}",
    "a data frame of R": (
        "         term  estimate\n1 (Intercept) {1}\n2         age  {age}\n3 sexm {sexm}\n4 grpb {grpb}\n5 grpc {grpc}\n"
    ),
    "a tibble": (
        "# A tibble: 5 x 5\n  term  estimate std.error statistic p.value\n  <chr>  <dbl>  <dbl>  <dbl>  <dbl>\n"
        "1 (Intercept) {1} {1.se} -4.9 0.000001\n2 age {age} {age.se} 7.8 6e-15\n3 sexm {sexm} {sexm.se} 1.2 0.2\n"
        "4 grpb {grpb} {grpb.se} -1 0.3\n5 grpc {grpc} {grpc.se} 0.1 0.9\n"
    ),
    "SPSS, with a line for each factor": (
        "                     B     S.E.   Wald   df  Sig.  Exp(B)\nStep 1a  age   {age} {age.se} 60.1 1 .000 1.031\n"
        "   sex(m)  {sexm} {sexm.se} 3.8 1 .05 1.3\n   grp     12.3 2 .006\n   grp(b)  {grpb} {grpb.se} 3.8 1 .05 .662\n"
        "         grp(c)  {grpc} {grpc.se} 3.8 1 .05 1.649\n         Constant  {1} {1.se} 24.3 1 .000 .291\n"
    ),
}


@pytest.mark.parametrize("text", LINES.values(), ids=LINES)
def test_names_and_numbers_are_read_as_people_paste_them(text, frame, fitted):
    printed = filled(text, fitted).replace("{{", "{").replace("}}", "}")

    assert held(frame, printed).verdict == "none"


def test_a_line_for_each_class_is_read_as_r_prints_it(frame):
    """As nnet's multinom does, which breaks a wide table; the standard errors follow with the same headings."""
    classes = pd.Categorical(frame["grp"]).codes
    fitted = MNLogit(classes, np.column_stack([np.ones(len(frame)), frame[["age", "y"]]])).fit(disp=0)

    def table(numbers, *blocks):
        heads = ["(Intercept)", "age", "y"]
        return "\n".join(
            "  " + "  ".join(heads[j] for j in block) + "".join(
                f"\n{label} " + " ".join(f"{numbers[j, place]:.7f}" for j in block) for place, label in enumerate("bc")
            )
            for block in blocks
        )  # fmt: skip

    for blocks in (([0, 1, 2],), ([0, 1], [2])):
        text = (
            f"Call:\nmultinom(formula = grp ~ age + y, data = df)\n\nCoefficients:\n{table(fitted.params, *blocks)}\n\n"
            f"Std. Errors:\n{table(fitted.bse, *blocks)}\n\nResidual Deviance: 650.12 \nAIC: 662.12 \n"
        )
        found = diagnose(text, data=frame, formula="grp ~ age + y", family="multinomial")

        assert found.verdict == "none"
        assert np.allclose(found.answer.standard_errors, fitted.bse, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "formula"),
    [
        ("I(age^2)", "y ~ age + {age**2}"),
        ("I(age^2)", "y ~ age + I(age**2)"),
        ("I(age ** 2.0)", "y ~ age + I(age**2)"),
        ("np.power(age, 2)", "y ~ age + {age**2}"),
        ("pow(age, 2)", "y ~ age + I(age**2)"),
        ("np.square(age)", "y ~ age + {age**2}"),
    ],
)
def test_a_square_is_read_as_each_program_writes_it(name, formula, frame):
    fitted = smf.glm("y ~ age + I(age**2)", frame, family=families.Binomial()).fit()
    found = diagnose({"(Intercept)": fitted.params.iloc[0], "age": fitted.params.iloc[1], name: fitted.params.iloc[2]},
                     data=frame, formula=formula, family="binomial")  # fmt: skip

    assert found.verdict == "none"


@pytest.mark.parametrize(
    ("name", "formula", "code"),
    [
        ("scale(age)", "I((age - age.mean()) / age.std())", "standardised"),
        ("standardize(age)", "I((age - age.mean()) / age.std(ddof=0))", "standardised"),
        ("scale(age, scale = FALSE)", "I(age - age.mean())", "centred"),
        ("center(age)", "I(age - age.mean())", "centred"),
    ],
)
def test_a_column_in_a_function_that_scales_it_is_that_column(name, formula, code, frame):
    """That its coefficient is of other units is the cause."""
    fitted = smf.glm(f"y ~ {formula}", frame, family=families.Binomial()).fit()
    found = diagnose(
        {"(Intercept)": fitted.params.iloc[0], name: fitted.params.iloc[1]}, data=frame, formula="y ~ age", family="binomial"
    )

    assert found.codes == (code,)
    assert found.proven


def test_a_series_that_pandas_prints(frame, fitted):
    assert held(frame, str(fitted.params)).verdict == "none"
    assert held(frame, repr(fitted.params.rename("coef"))).verdict == "none"


def test_decimal_commas_of_a_summary(frame, fitted):
    lines = [
        f"{name} {value:.6f} {se:.6f} 1.0 0.5"
        for name, value, se in zip(fitted.params.index, fitted.params, fitted.bse, strict=True)
    ]
    text = (
        "Coefficients:\n             Estimate Std. Error z value Pr(>|z|)\n"
        + "\n".join(lines).replace(".", ",").replace("T,", "T.")
        + "\n"
    )

    assert held(frame, text).verdict == "none"


ALONE = """Coefficients:
(Intercept)
   {:.6f}

Degrees of Freedom: 299 Total (i.e. Null);  299 Residual
Null Deviance:      82.58
"""
SPACED = """Coefficients:
 (Intercept)  log(age + 1)
{:12.6f}  {:12.6f}

Degrees of Freedom: 299 Total (i.e. Null);  298 Residual
"""
ONE_VECTOR = """ (Intercept) log(age + 1)
{:12.6f} {:12.6f}
"""


@pytest.mark.parametrize(
    ("formula", "text"), [("y ~ 1", ALONE), ("y ~ np.log(age + 1)", SPACED), ("y ~ np.log(age + 1)", ONE_VECTOR)]
)
def test_names_of_a_vector_end_where_its_numbers_end(formula, text, frame):
    """A name may have spaces, and there may be one coefficient alone."""
    coef = smf.glm(formula, frame, family=families.Binomial()).fit(tol=1e-13).params

    assert diagnose(text.format(*coef), data=frame, formula=formula, family="binomial").verdict == "none"
