"""
What training and rounding leave (S6).

A likelihood has its optimum; a program reports where it stopped. Between the two lie the units of the inputs, the
information that steers the steps, the rule that stops them, the batches, and the bits of a number. Each leaves a distance,
which follows from its cause, and is measured here in standard errors or in digits.
"""
