"""
Offsets, weights and counts: what a row stands for (S6).

A row may carry an exposure, stand for several others, or be known better than they are. The statistician says so with an
offset, a weight or a number of trials; the network has a second input and a sample weight. The same coefficients come out
of very different statements, and the standard errors and the likelihood are where the difference shows.
"""
