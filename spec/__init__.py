r"""
A network without a hidden layer, trained with the right loss, is a generalized linear model.

That sentence, and what it leaves unsaid, is stated in `tests/claims` as claims that run. This package is what the claims
speak of. Notation: a row of data has inputs :math:`x` (p numbers), an optional offset, and a response :math:`y`;

.. math:: \eta = b + x \cdot w + \text{offset}, \qquad \mu = h(\eta) = g^{-1}(\eta), \qquad
          \ell = \sum_i \frac{w_i}{\phi}\, k(y_i, \mu_i) + \text{terms free of } b, w .

A network calls b its bias, w its kernel, h its activation and minus the kernel k its loss. A statistician calls b the
intercept, w the coefficients, g the link, and k what a family's log-likelihood knows of the mean.

The layout follows. A room imports only those above it; `likelihood`, `scoring` and `inference` know of `problems`, too::

    spec/                links families domains elementary model existence likelihood scoring inference compat files: vocabulary
        problems/        data and a model, with an answer by hand, by construction or in print
        engines/         the contract of an engine, a file or a folder for each library, and engines that are wrong on purpose
        evidence/        the proof of where an optimum is, inside or on the edge, the rungs of the ladder, the tolerances
        fit/             a reader's own Keras model, read by computing (reading/) and brought to its optimum
        diagnosis/       why an answer is not the optimum: the causes, the search, their proof, and how each is planted
        proof/           proofs for all weights: the programs that Keras traces, read into expressions of one normal form
        report/          the closing table, the evidence files, the pages and pictures
        plugin/          the plug-in of pytest: options, engines, outcomes
    tests/claims/        the specification, chapters 1 to 18
    tests/instruments/   tests of the ruler: links, proof, engines, reports
    tests/benchmarks/    the fit's time and distance beside other libraries, batteries of random problems and models
    tests/book/          tests of the book, in a browser too
    docs/                the book, its decisions, and an example to try for each chapter
    evidence/            the outcome of each case in each environment
"""

__version__ = "0.3.2"  # of the claims: evidence of an earlier version shows newer claims as "not run yet"
