"""
Beyond one linear predictor: where generalized linear models end (S6).

One layer does more than a GLM: ordered thresholds on its output, one neuron shared by several alternatives, a second
output for the dispersion. Each keeps a likelihood and a score. The claims say which identities tie it to ordinary GLMs,
with their proven optima, and at what point it is none of them.
"""
