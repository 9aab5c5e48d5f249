"""
Activation and loss together make the model; how models meet (S6).

The source names an activation and no loss, one layer and no second, and each link as if it stood alone. Which model a
network is depends on all three: the loss completes it, linear layers add nothing to it, and many models are one another's
special cases, limits or mirror images.
"""
