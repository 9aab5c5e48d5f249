# MASS 7.3-58: the log-likelihood is a difference of log-gammas, and the deviance takes a response between 0 and 1 for 1 in its logarithm.
library(MASS)
y <- 1e15
mu <- 2e15
cat("log-likelihood", logLik(glm(y ~ 0, negative.binomial(2), offset = log(mu))), " dnbinom", dnbinom(y, 2, mu = mu, log = TRUE), "\n")
cat("deviance of 0.5 at a mean of 0.5:", negative.binomial(2)$dev.resids(0.5, 0.5, 1), "\n")
