"""
Proofs for all weights: the program that Keras traces, read into expressions, is the claim.

`spec.proof.prove.prove` is the door. The program (`programs`, and a reader for each backend) becomes expressions with one normal
form (`field`, `functions`) in the symbols of one row (`rows`), case by case where it selects (`cases`); beside it stands what is
claimed, the same formulas of `spec.links` and `spec.families` over the same namespace (`namespace`, `claimed`).

`spec.proof.floats.Floats` reads the same program in numbers that are rounded (`rounding`): what float64 may lose of a row.
"""
