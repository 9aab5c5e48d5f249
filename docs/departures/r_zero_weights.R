# R 4.2: a row of weight zero does not count among the degrees of freedom (by design: ?glm), so that it changes the dispersion.
y <- c(1, 4, 2, 7, 3)
print(summary(glm(y ~ 1, quasipoisson))$df.residual)
print(summary(glm(c(y, 9) ~ 1, quasipoisson, weights = c(1, 1, 1, 1, 1, 0)))$df.residual)
