r"""
For all weights (S2, S8).

The chapters before this one measure the network at points. Here its program is read, the one that Keras traces, and proven equal
to the model at every weight, input and response, over the real numbers. The sum b + x w (+ offset), the only place where inputs
and weights meet, is given the name eta. What follows is a formula in eta and y: of the mean, of a row's loss, of what is
back-propagated, and of that differentiated again. It is the model's formula or it is not, and if not, what remains is shown.

Two expressions are compared in a normal form: quotients of polynomials in eta, y, exp, log, erfc and atan, so that equality is
decided and not sampled. Where a program selects, each case is proven by itself. Far out some programs approximate a function, by
a series or a continued fraction: nothing is proven there, and `APPROXIMATE` says where that is.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from spec import problems
from spec.engines.contract import Recipe
from spec.families import Multinomial
from spec.links import Softmax
from spec.model import Model
from spec.problems import Data, Problem
from spec.problems.published import MODECHOICE

PAIRS = problems.where(tag="pair")
RUNGS = ("mean", "objective", "gradient", "curvature")
OFFSETS = [
    problems.get(f"{name}-offset-weights")
    for name in ("gaussian-identity", "poisson-log", "gamma-inverse", "inverse-gaussian-log")
]
# where a program approximates: by a continued fraction, by a series, by a constant where the value is 0 to all digits; and JAX by
# the bits of a number, wherever it takes the slope of erfc
BITS = "a number is made from the bits of another, for a polynomial near a function"
APPROXIMATE = {
    "binomial-probit": {"eta < -4", "eta > 4", BITS},
    "binomial-cloglog": {"eta < -0.7", "eta >= 80"},
    "binomial-loglog": {"eta > 0.7", "eta <= -80"},
    "poisson-softplus": {"eta < -2"},
    "negative-binomial(0.5)-cloglog": {"eta < -0.7", "eta >= 80"},
}


def classes(k):
    """A softmax of k classes on two inputs."""
    X, y = np.array([[i, i * i % 5] for i in range(2 * k)]), np.eye(k)[[i % k for i in range(2 * k)]]
    return Problem(f"softmax-2-to-{k}", Model(Multinomial(), Softmax()), lambda: Data(X, y), kind="by-hand", about="classes")


def choices(count, **own):
    """A choice among some alternatives, each with five columns of its own."""
    X, y = np.random.default_rng(count).normal(size=(20, 5 * count)), np.eye(count)[[i % count for i in range(20)]]
    name = f"choices-of-{count}"
    return Problem(name, Model(Multinomial(), Softmax()), lambda: Data(X, y), kind="by-hand", about="alternatives", **own)


COUNTS, SHARES = problems.get("poisson-log"), problems.get("binomial-cloglog")
LINE, LOGIT, THREE = (problems.get(name) for name in ("gaussian-identity", "binomial-logit", "softmax-3-to-3"))
CLASSES = [classes(k) for k in range(2, 17)]

EDITED = [problems.get("gaussian-identity"), problems.get("binomial-logit"), CLASSES[0]]


def assert_proven(proof, rungs=RUNGS, clipped=()):
    """Nothing remains of the rungs, but where the program approximates, or ``clipped``. Declined where it does so everywhere."""
    known = APPROXIMATE.get(proof.name, set()) | {*clipped}
    left = [r for r in proof.remainders if r.rung in ("", *rungs) and not known & {*r.where, r.formula.partition(": ")[2]}]
    lines = [f"{r.rung} where {', '.join(r.where) or 'anywhere'}: {r.formula[:300]} ({r.size})" for r in left]

    assert not left, f"{proof.name}: not the same for all weights; what remains is\n" + "\n".join(lines)
    unmet = [where for where in proof.unmet if not {*clipped} & {*where}]
    assert not unmet, f"{proof.name}: not decided where {unmet}"
    if known and not proof.conditions:
        pytest.skip(f"nothing can be proven of {proof.name}: {proof.remainders[0].formula}")


@pytest.mark.claim("for-all-mean", source="S2", level="proven for all")
@pytest.mark.parametrize("problem", PAIRS + CLASSES, ids=str)
def test_the_prediction_is_the_inverse_link_at_every_weight(problem, proven):
    r"""
    At all weights and inputs where it approximates no function, the program of the prediction computes the inverse link.

    .. math:: \forall\, b, w, x: \quad \mu = h(b + x \cdot w)
    """
    assert_proven(proven(problem), ["mean"])


@pytest.mark.claim("for-all-objective", source="S8", level="proven for all")
@pytest.mark.parametrize("problem", PAIRS + CLASSES, ids=str)
def test_the_loss_is_minus_the_log_likelihood_at_every_weight(problem, proven):
    r"""
    At all weights and responses where it approximates no function, the program of the loss is minus the log-likelihood, by n.

    .. math:: \forall\, b, w, X, y: \quad L = -\frac{c}{n} \sum_i w_i\, k(y_i, \mu_i) + \text{const}
    """
    assert_proven(proven(problem), ["objective"])


@pytest.mark.claim("for-all-gradient", source="S8", level="proven for all")
@pytest.mark.parametrize("problem", PAIRS + CLASSES, ids=str)
def test_what_is_back_propagated_is_the_score_at_every_weight(problem, proven):
    r"""
    At all weights and responses where it approximates no function, the program of back-propagation computes the score.

    .. math:: \forall\, b, w, X, y: \quad
              -\frac{n}{c}\,\frac{\partial L}{\partial w_j} = \sum_i w_i\, x_{ij}\,\frac{y_i - \mu_i}{V(\mu_i)}\,h'(\eta_i)
    """
    assert_proven(proven(problem), ["gradient"])


@pytest.mark.claim("for-all-curvature", source="S8", level="proven for all")
@pytest.mark.parametrize("problem", PAIRS + CLASSES, ids=str)
def test_back_propagation_twice_is_the_observed_information_at_every_weight(problem, proven):
    r"""
    At all weights and responses where it approximates no function, back-propagation twice is the observed information.

    .. math:: \forall\, b, w, X, y, v: \quad \frac{n}{c}\,\nabla^2 L\; v
              = -\sum_i w_i\, x_i\,(x_i \cdot v)\,\frac{d}{d\eta} \left( \frac{y_i - \mu_i}{V(\mu_i)}\,h'(\eta_i) \right)
    """
    assert_proven(proven(problem), ["curvature"])


OTHERS = {"link": RUNGS, "bias": RUNGS, "twice": RUNGS, "exchanged": ("objective", "gradient")}  # and the rungs that break


@pytest.mark.control("for-all-*")
@pytest.mark.parametrize(("rung", "other"), [(rung, other) for other, broken in OTHERS.items() for rung in broken])
def test_another_network_is_not_proven(rung, other, proven, network):
    """The network of another link, one without a bias, one with two softmaxes, and one that takes each class for the other."""
    shares = CLASSES[0]
    problem, made = {
        "link": (COUNTS, lambda: network(problems.get("poisson-sqrt"))),
        "bias": (COUNTS, lambda: network(replace(COUNTS, intercept=False))),
        "twice": (shares, lambda: network(shares, Recipe(mistake="softmax twice"))),
        "exchanged": (shares, lambda: with_loss(network(shares), lambda loss, y, *rest: loss(1 - y, *rest))),
    }[other]

    with pytest.raises(AssertionError, match=rf"what remains is\s+{rung}"):
        assert_proven(proven(problem, made()), [rung])


def with_loss(network, altered):
    """The network with another loss: ``altered`` of its own, y, the outputs and the rows' weights."""
    own = network.loss
    network.loss = lambda y, outputs, sample_weight: altered(own, y, outputs, sample_weight)
    return network


# -- what comes with the rows and the layer -------------------------------------------------------------------------------------


@pytest.mark.claim("for-all-offsets", source="S8", level="proven for all")
@pytest.mark.parametrize("problem", OFFSETS, ids=str)
def test_offsets_and_weights_are_those_of_the_model_at_every_value(problem, proven):
    r"""
    Whatever the offsets and the weights of the rows are, the four rungs hold with them.

    .. math:: \forall\, b, w, x, o: \quad \mu = h(b + x \cdot w + o)
    """
    assert_proven(proven(problem))


@pytest.mark.control("for-all-offsets")
@pytest.mark.parametrize("problem", OFFSETS, ids=str)
def test_forgotten_weights_are_not_proven(problem, proven, network):
    """The same network, which takes each row once."""
    forgetful = with_loss(network(problem), lambda loss, y, outputs, weights: loss(y, outputs))

    with pytest.raises(AssertionError, match=r"what remains is\s+(objective|gradient)"):
        assert_proven(proven(problem, forgetful))


@pytest.mark.claim("for-all-penalties", source="S8", level="proven for all")
@pytest.mark.parametrize("recipe", [Recipe(l2=0.25), Recipe(l1=0.5), Recipe(l1=0.5, l2=0.25)], ids=["l2", "l1", "both"])
def test_a_penalty_adds_its_own_formula_and_nothing_else(recipe, proven, network):
    r"""
    A regularizer of the layer adds its penalty of the weights to the loss, and its slope to what is back-propagated.

    .. math:: \forall\, b, w, X, y: \quad L = -\frac{1}{n}\,\ell + \lambda_1 \sum_j |w_j| + \lambda_2 \sum_j w_j^2
    """
    assert_proven(proven(COUNTS, network(COUNTS, recipe)))


@pytest.mark.control("for-all-penalties")
def test_a_penalty_that_is_not_said_is_not_proven(proven, network):
    """The network with a penalty, held to a recipe without."""
    penalised = network(COUNTS, Recipe(l2=0.25))
    penalised.recipe = Recipe()

    with pytest.raises(AssertionError, match=r"what remains is\s+objective where .*: 1/4 w\^2"):
        assert_proven(proven(COUNTS, penalised))


HEADS = Recipe(head="location-scale")


@pytest.mark.claim(
    "for-all-two-heads",
    source="S6",
    level="proven for all",
    symptom="My network predicts a variance too: is its loss the likelihood wherever it goes?",
)
def test_a_second_output_is_the_log_of_the_dispersion_at_every_weight(proven, network):
    r"""
    With a second output for the log of the dispersion, loss, gradient and curvature are those of the normal likelihood.

    .. math:: \forall\, b, w, X, y: \quad
              L = \frac{1}{2n} \sum_i w_i \Bigl( \log\varphi_i + \frac{(y_i - \mu_i)^2}{\varphi_i} \Bigr), \qquad
              \mu_i = \eta_{i1}, \quad \varphi_i = e^{\eta_{i2}}

    Neither output is held fixed: the curvature has what couples them.
    """
    assert_proven(proven(LINE, network(LINE, HEADS)))


@pytest.mark.control("for-all-two-heads")
def test_a_second_output_that_is_the_log_of_the_deviation_is_not_proven(proven, network):
    """The same loss, of twice the second output: that output is the log of the standard deviation."""
    other = with_loss(network(LINE, HEADS), lambda loss, y, outputs, weights: loss(y, outputs * np.array([1.0, 2.0]), weights))

    with pytest.raises(AssertionError, match=r"what remains is\s+objective"):
        assert_proven(proven(LINE, other))


FAR = {f"eta {side} {cut} {far} 4" for side, far in ("<-", ">+") for cut in ("theta1", "exp(delta2) + theta1")}
ORDERED = [  # the classes, the link, and where the program approximates
    pytest.param(CLASSES[1], "logit", set(), id="logit-3"),
    pytest.param(CLASSES[2], "logit", set(), id="logit-4"),
    pytest.param(CLASSES[1], "probit", FAR | {BITS}, id="probit-3"),
]
OTHER_THRESHOLDS = [("plus", RUNGS), ("link", RUNGS), ("unordered", RUNGS), ("exchanged", RUNGS[1:3])]


@pytest.mark.claim(
    "for-all-thresholds",
    source="S6",
    level="proven for all",
    symptom="Is the loss of my ordered network that of the cumulative model wherever training takes it?",
)
@pytest.mark.parametrize(("problem", "link", "approximate"), ORDERED)
def test_ordered_thresholds_are_the_cumulative_model_at_every_weight(problem, link, approximate, proven, network):
    r"""
    Under ordered thresholds, mean, loss, gradient and curvature are those of the cumulative model where nothing is approximated.

    .. math:: \forall\, w, \theta_1, \delta, X, y: \quad
              \mu_j = F(\theta_j - x \cdot w) - F(\theta_{j-1} - x \cdot w), \quad \theta_j = \theta_{j-1} + e^{\delta_j}, \qquad
              L = -\frac{1}{n} \sum_i w_i \sum_j y_{ij} \log \mu_{ij}

    The logit approximates nowhere; the probit does where a threshold is further than 4 from eta.
    """
    assert_proven(proven(problem, network(problem, Recipe(head=f"cumulative-{link}"))), clipped=approximate)


@pytest.mark.control("for-all-thresholds")
@pytest.mark.parametrize(("other", "rungs"), OTHER_THRESHOLDS, ids=[other for other, _ in OTHER_THRESHOLDS])
def test_other_thresholds_are_not_proven(other, rungs, proven, network, monkeypatch):
    """Thresholds plus eta, those of the other link, increments that may be negative, and each class taken for the others."""
    ordered = network(CLASSES[1], Recipe(head="cumulative-logit"))
    if other == "plus":
        ordered.model.layers[1].activation = lambda eta: -eta
    elif other == "link":
        ordered.recipe = Recipe(head="cumulative-probit")
    elif other == "unordered":
        from spec.engines.keras.heads import BACKEND

        monkeypatch.setattr(BACKEND, "exp", lambda delta: delta)
    else:
        with_loss(ordered, lambda loss, y, *rest: loss(1 - y, *rest))

    found = proven(CLASSES[1], ordered, everywhere=False)
    for rung in rungs:
        with pytest.raises(AssertionError, match=rf"what remains is\s+{rung}"):
            assert_proven(found, [rung])


CHOICES = [choices(2, intercept=False), choices(3), MODECHOICE]  # of three there is a bias, too, which cancels


@pytest.mark.claim(
    "for-all-alternatives",
    source="S6",
    level="proven for all",
    symptom="Is a network that scores each alternative by one neuron the conditional logit wherever training takes it?",
)
@pytest.mark.parametrize("problem", CHOICES, ids=str)
def test_a_shared_neuron_is_the_conditional_logit_at_every_weight(problem, proven, network):
    r"""
    With one neuron for all alternatives under a softmax, the four rungs are those of the conditional logit.

    .. math:: \forall\, w, X, y: \quad
              L = -\frac{1}{n} \sum_i w_i \sum_k y_{ik} \log \frac{e^{x_{ik} \cdot w}}{\sum_j e^{x_{ij} \cdot w}}, \qquad
              -n \nabla L = \sum_i w_i \sum_k x_{ik} (y_{ik} - \mu_{ik})
    """
    assert_proven(proven(problem, network(problem, Recipe(alternatives=problem.k))))


@pytest.mark.control("for-all-alternatives")
@pytest.mark.parametrize("problem", CHOICES, ids=str)
def test_the_alternatives_that_were_not_chosen_are_not_proven(problem, proven, network):
    """The same neuron, which is told each alternative that was not chosen."""
    other = with_loss(network(problem, Recipe(alternatives=problem.k)), lambda loss, y, *rest: loss(1 - y, *rest))

    for rung in ("objective", "gradient"):
        with pytest.raises(AssertionError, match=rf"what remains is\s+{rung}"):
            assert_proven(proven(problem, other), [rung])


@pytest.mark.control("for-all-alternatives")
def test_neurons_that_are_not_shared_have_no_proof(proven, network):
    """A neuron for each alternative, which sees the columns of all."""
    apart = network(MODECHOICE)
    apart.recipe = Recipe(alternatives=4)

    with pytest.raises(ValueError, match="the inputs meet something that is not the kernel"):
        proven(MODECHOICE, apart)


@pytest.mark.claim("rows-meet-in-one-sum", source="S2", level="proven for all")
def test_rows_meet_in_one_sum_so_one_row_stands_for_all(proven, network):
    r"""
    Inputs and weights meet in one product, and rows in one sum: so what is proven of one row is proven for all n and p.

    .. math:: L = \frac{1}{n} \sum_i f(\eta_i, y_i, w_i), \qquad \nabla L = \frac{1}{n} \sum_i x_i\, f'(\eta_i, y_i, w_i)
    """
    for columns in (1, 2, 7):
        assert_proven(proven(COUNTS.with_data(f"p = {columns}", X=lambda data, p=columns: np.resize(data.X, (len(data.X), p)))))


@pytest.mark.control("rows-meet-in-one-sum")
@pytest.mark.parametrize("recipe", [Recipe(mistake="flat targets"), Recipe(hidden=(2,))], ids=["flat-targets", "hidden-layer"])
def test_a_program_in_which_rows_or_weights_meet_elsewhere_has_no_proof(recipe, proven, network):
    """Targets that are compared with every row, and a layer between the inputs and the output."""
    with pytest.raises(ValueError, match="meet"):
        proven(COUNTS, network(COUNTS, recipe))


# -- the technicalities are the remainders -------------------------------------------------------------------------------------


@pytest.mark.claim(
    "poisson-remainder",
    source="S6",
    level="proven for all",
    symptom="Keras's own Poisson loss gives other coefficients than the GLM.",
)
def test_what_keras_adds_to_the_mean_is_what_remains(proven, network):
    r"""
    The library's own Poisson loss is not the likelihood: what remains is a term of the constant in its logarithm.

    .. math:: L - \left(-\tfrac{1}{n}\ell\right) = \frac{1}{n} \sum_i w_i\, y_i \log \frac{\mu_i}{\mu_i + 10^{-7}}
    """
    (left,) = proven(COUNTS, network(COUNTS, Recipe(built_in_loss=True))).of("objective")

    assert left.formula == "(eta y weight - y weight log(exp(eta) + 1e-07)) / (n)"


@pytest.mark.control("poisson-remainder")
def test_the_likelihood_leaves_nothing(proven):
    """The project's own loss has no such term."""
    assert not proven(COUNTS).of("objective")


@pytest.mark.claim(
    "a-clip-is-a-condition",
    source="S6",
    level="proven for all",
    symptom="For which predictions is Keras's cross-entropy the likelihood?",
)
def test_a_loss_that_clips_is_the_likelihood_between_its_bounds_and_beyond_them_has_no_slope(proven, network):
    r"""
    A cross-entropy that clips shares is the likelihood between two bounds of eta; beyond, nothing is back-propagated.

    .. math:: \forall\, \eta: \quad 10^{-7} \le h(\eta) \le 1 - 10^{-7} \implies L = -\tfrac{1}{n}\,\ell
    """
    proof = proven(SHARES, network(SHARES, Recipe(built_in_loss=True)))
    low, high = f"{np.log(-np.log1p(-1e-7)):.6g}", f"{np.log(-np.log(1e-7)):.6g}"
    beyond = {f"eta < {low}", f"eta > {high}", f"eta >= {high}"}

    assert proof.conditions
    assert all(beyond & set(left.where) for left in proof.remainders)
    assert {left.rung for left in proof.remainders} == {"objective", "gradient", "curvature"}


@pytest.mark.control("a-clip-is-a-condition")
def test_a_loss_that_clips_elsewhere_has_other_bounds(proven, network):
    """Its own loss, with a response that is doubled: it is the likelihood nowhere."""
    other = with_loss(network(SHARES, Recipe(built_in_loss=True)), lambda loss, y, *rest: loss(2 * y, *rest))

    with pytest.raises(AssertionError, match="not the same for all weights"):
        assert_proven(proven(SHARES, other))


FURTHEST = f"{np.log(1e7 - 1):.6g}"  # the eta of the largest share that is not clipped
CLIPPED = {f"eta {sign} -{FURTHEST}" for sign in ("<", "<=", "=")} | {f"eta {sign} {FURTHEST}" for sign in (">", ">=", "=")}
OWN = [  # a loss of the library's own, and whether it is given shares, which it may clip
    pytest.param(LINE, Recipe(built_in_loss=True), False, id="squared-error"),
    pytest.param(LOGIT, Recipe(built_in_loss=True, loss_of_eta=True), False, id="binary-of-eta"),
    pytest.param(LOGIT, Recipe(built_in_loss=True), True, id="binary-of-shares"),
    pytest.param(THREE, Recipe(built_in_loss=True, loss_of_eta=True), False, id="categorical-of-eta"),
    pytest.param(THREE, Recipe(built_in_loss=True), True, id="categorical-of-shares"),
    pytest.param(THREE, Recipe(built_in_loss=True, loss_of_eta=True, sparse=True), False, id="sparse-of-eta"),
    pytest.param(THREE, Recipe(built_in_loss=True, sparse=True), True, id="sparse-of-shares"),
]


@pytest.mark.claim("built-in-losses", source="S6", level="proven for all", symptom="Is Keras's own loss the likelihood?")
@pytest.mark.parametrize(("problem", "recipe", "of_shares"), OWN)
def test_squared_error_and_the_cross_entropies_of_keras_are_the_likelihood(problem, recipe, of_shares, proven, network):
    r"""
    The library's own squared error and cross-entropies are the likelihood, on all rungs, wherever they clip no share.

    .. math:: \forall\, b, w, X, y: \quad L = -\frac{c}{n}\,\ell + \text{const}

    Of eta (``from_logits``) they never clip. Of the shares of many classes the one case is decided in which no share is clipped.
    """
    proof = proven(problem, network(problem, recipe), everywhere=not (of_shares and problem.model.has_classes))

    assert_proven(proof, clipped=CLIPPED if of_shares else ())


@pytest.mark.control("built-in-losses")
@pytest.mark.parametrize(("problem", "recipe", "of_shares"), OWN[1:5])
def test_a_loss_with_label_smoothing_is_not_the_likelihood(problem, recipe, of_shares, proven, network):
    """The same cross-entropies, with a hundredth of each response spread over the classes."""
    smoothed = network(problem, replace(recipe, label_smoothing=0.01))

    with pytest.raises(AssertionError, match=r"what remains is\s+objective"):
        assert_proven(proven(problem, smoothed, everywhere=False))


@pytest.mark.claim(
    "a-constant-off-by-1e-12", source="S6", level="proven for all", symptom="How small a mistake in a loss would be noticed?"
)
@pytest.mark.parametrize("problem", EDITED, ids=str)
def test_a_loss_with_one_constant_off_by_1e_12_is_no_likelihood(problem, proven, network):
    r"""
    A loss with a constant that is off by 1e-12 is refused, and what remains is that much of the likelihood.

    .. math:: L' = (1 + 10^{-12})\, L \implies L' + \tfrac{c}{n}\ell = 10^{-12}\, L
    """
    edited = with_loss(network(problem), lambda loss, *data: (1 + 1e-12) * loss(*data))

    assert {left.rung for left in proven(problem, edited).remainders} == {"objective", "gradient", "curvature"}


@pytest.mark.control("a-constant-off-by-1e-12")
def test_a_constant_off_by_nothing_leaves_nothing(proven, network):
    """The same edit, by zero."""
    edited = with_loss(network(COUNTS), lambda loss, *data: (1 + 1e-17) * loss(*data))

    assert_proven(proven(COUNTS, edited))


# -- what float64 loses ---------------------------------------------------------------------------------------------------------

SOFTMAX = [problems.get("softmax-3-to-3"), problems.get("softmax-32-to-16")]
NEAR_AND_FAR = [(sign * least, sign * greatest) for least, greatest in ((0.3, 0.301), (2, 2.01), (20, 20.1)) for sign in (1, -1)]


@pytest.mark.claim(
    "float-bound",
    source="S6",
    level="proven for this problem",
    symptom="How many digits of a prediction or a gradient can float64 lose?",
)
@pytest.mark.parametrize("problem", [*PAIRS, *SOFTMAX], ids=str)
def test_what_float64_loses_of_a_row_is_within_a_proven_bound(problem, floats, rng):
    r"""
    Near and far out, what the network computes of a row is the model's number but for a bound that its program proves.

    .. math:: |\operatorname{fl}(g) - g| \le B(\eta, y) \quad \text{for } g = \mu, L, \frac{dL}{d\eta}, \frac{d^2L}{d\eta^2}
    """
    assert_within(floats(problem), floats(problem), problem, rng)


@pytest.mark.control("float-bound")
@pytest.mark.parametrize("problem", [LINE, LOGIT, COUNTS, SHARES, *SOFTMAX], ids=str)
def test_a_loss_that_is_off_by_1e_12_is_beyond_the_bound(problem, floats, rng):
    """What the network computes, held to the bounds of the right one."""
    edited = floats(problem, lambda network: with_loss(network, lambda loss, *data: (1 + 1e-12) * loss(*data)))

    with pytest.raises(AssertionError, match="beyond the bound"):
        assert_within(floats(problem), edited, problem, rng)


def assert_within(bounded, computing, problem, rng):
    """At random points of some boxes, what is computed is as near to the model's numbers as the bounds say."""
    tried = 0
    for box in (box for ends in NEAR_AND_FAR for box in bounded.boxes(ends)):
        for y in bounded.responses((0.0, 1.0, 3.0))[:2]:
            bounds = bounded.bounds(box, y)
            for eta in rng.uniform(*np.transpose(box), size=(2, problem.k)):
                found, exact = computing.computed(eta, y), bounded.exact(eta, y)
                beyond = {name: found[name] for name, bound in bounds.items() if not bound.holds(found[name], exact[name])}
                assert not beyond, f"beyond the bound at eta = {eta}, y = {y}: {beyond} of {bounds}"
            tried += 1
    assert tried
