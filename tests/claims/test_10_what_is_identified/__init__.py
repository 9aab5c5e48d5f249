"""
What is identified (S6).

The same function can be written with different weights: a vector added to every class of a softmax, a coefficient shared
between two copies of a column, a factor in another coding, a column of ones in place of a bias. The likelihood sees the
function only. What the weights then are is a matter of the labels, of the start, and of the way downhill.
"""
