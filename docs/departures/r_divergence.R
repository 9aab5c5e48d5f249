# R 4.2, MASS 7.3: glm halves a step only where the deviance is infinite or a mean is outside its domain. Here the optimum exists, is
# unique, and is not reached.
library(MASS)
x1 <- c(-3:4, -1, 0, 2, 3)
x2 <- c(rep(0, 8), 1, 2, 1, 3)
y <- c(1e6, 4e5, 3e6, 2e6, 5e6, 0, 9e6, 4e6, 1, 0, 0, 0)
print(coef(glm(y ~ x1 + x2, negative.binomial(2), control = list(maxit = 200, epsilon = 1e-14))))
