# R 4.2, nnet 7.3: glm converges when the deviance stays, and multinom when its value does: so it does on separated data too, as it
# nears 0. The coefficients have no limit.
y <- c(0, 0, 0, 1, 1, 1)
for (epsilon in c(1e-8, 1e-14)) {
  model <- suppressWarnings(glm(y ~ seq_along(y), binomial, control = list(epsilon = epsilon, maxit = 100)))
  cat("converged", model$converged, " coefficients", coef(model), "\n")
}
x <- seq(-1.5, 1, 0.5)
model <- nnet::multinom(factor(c(1, 1, 2, 2, 3, 3)) ~ x, trace = FALSE, maxit = 10000, reltol = 0, abstol = 0)
cat("multinom: convergence", model$convergence, "(0 is converged) coefficients", coef(model), "\n")
