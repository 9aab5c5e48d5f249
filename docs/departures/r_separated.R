# R 4.2: glm converges when the deviance stays, which it does on separated data too, as it nears 0. The coefficients have no limit.
y <- c(0, 0, 0, 1, 1, 1)
for (epsilon in c(1e-8, 1e-14)) {
  model <- suppressWarnings(glm(y ~ seq_along(y), binomial, control = list(epsilon = epsilon, maxit = 100)))
  cat("converged", model$converged, " coefficients", coef(model), "\n")
}
