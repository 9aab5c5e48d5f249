# R 4.2: glm keeps the root of its working weights, and squares it: twice the prior weight is not quite twice the working weight. And
# the square of the slope overflows where a mean is beyond 1e154.
weights_of <- function(prior) glm(c(1, 3) ~ 1, poisson, weights = rep(prior, 2))$weights
print(weights_of(2) / weights_of(1) / 2 - 1)
print(suppressWarnings(glm(c(1, 1) ~ 0, poisson, offset = c(1, 400))$weights))
