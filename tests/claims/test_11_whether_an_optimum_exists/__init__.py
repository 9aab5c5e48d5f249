"""
Whether an optimum exists, and how many (S6).

The answer's "statistical technicalities" begin here: a network minimises its loss, and a loss need not have a minimum. On
separated data there is none, a penalty makes one, a column without data makes infinitely many, and a loss that is not
convex may have two that compete.
"""
