# nnet 7.3-18: multinom ends where its rounded value no longer falls. The gradient left is far above rounding; a Newton step ends it.
library(nnet)
y <- rep(1:3, c(7, 2, 5))
X <- cbind(1, c(0, 1, 1, 0, 1, 0, 0, 1, 0, 1, 1, 1, 0, 1))
model <- multinom(factor(y) ~ 0 + X, trace = FALSE, maxit = 1e4, reltol = 0, abstol = 0, Hess = TRUE)
gradient <- function(b) {
  e <- exp(cbind(0, X %*% b))
  crossprod(X, (diag(3)[y, ] - e / rowSums(e))[, -1])
}
b <- t(coef(model))
newton <- b + matrix(solve(model$Hessian, c(gradient(b))), 2)
cat("convergence", model$convergence, " gradient left", max(abs(gradient(b))), " after a Newton step", max(abs(gradient(newton))), "\n")
cat("the step, relative to the coefficients:", max(abs(newton / b - 1)), "\n")
