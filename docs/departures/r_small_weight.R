# R 4.2: glm solves for the coefficients anew in each step, so the rounding of eta stays in them; Newton's step solves for the change.
x <- cbind(1, c(-3:4, -1, 0, 2, 3), c(rep(0, 8), 1, 2, 1, 3))
y <- c(1, 0, 2, 0, 3, 1, 4, 2, 1, 0, 0, 0)
w <- c(rep(1, 8), 2^-20, 1, 1, 1)
b <- coef(glm(y ~ 0 + x, poisson, weights = w, control = list(epsilon = 1e-14, maxit = 100)))
for (i in 1:5) b <- coef(glm(y ~ 0 + x, poisson, weights = w, start = b, control = list(epsilon = 1e-300, maxit = 10)))
newton <- b
for (i in 1:5) {
  mu <- exp(c(x %*% newton))
  newton <- newton + solve(crossprod(x, w * mu * x), crossprod(x, w * (y - mu)), tol = 0)
}
print(c(glm = b[3], newton = newton[3], proven = -14.548883519683109), digits = 17)
