r"""
A network without a hidden layer, trained with the right loss, is a generalized linear model.

That sentence, and what it leaves unsaid, is stated in `tests/claims` as claims that run. This package is what the claims
speak of. Notation: a row of data has inputs :math:`x` (p numbers), an optional offset, and a response :math:`y`;

.. math:: \eta = b + x \cdot w + \text{offset}, \qquad \mu = h(\eta) = g^{-1}(\eta), \qquad
          \ell = \sum_i \frac{w_i}{\phi}\, k(y_i, \mu_i) + \text{terms free of } b, w .

A network calls b its bias, w its kernel, h its activation and minus the kernel k its loss. A statistician calls b the
intercept, w the coefficients, g the link, and k what a family's log-likelihood knows of the mean.

Reading order, each stage knowing only those before it:

* `spec.links`, `spec.families`, `spec.model`, `spec.scoring`: the vocabulary, each formula written once.
* `spec.problems`: about what. Data and a model, with answers by hand, by construction, or in print.
* `spec.engines`: by whom. One file for each library, all behind the contract in `spec.engines.contract`.
* `spec.evidence`: judged how. A proof of where the optimum is, and assertions in digits.
* `spec.report`: told where. The table that ends a run, its evidence as a file, and the known gaps.
"""

__version__ = "0.2.0"  # of the claims: evidence of different versions is not compared
