# nnet 7.3-18: multinom(Hess = TRUE) fails with an offset, whose columns it counts among those of the design.
library(nnet)
y <- diag(3)[c(1, 2, 3, 1, 2, 3, 2, 1), ]
x <- c(0, 1, 0, 1, 1, 0, 0, 1)
offset <- matrix(0, 8, 3)
for (hess in c(FALSE, TRUE)) print(try(coef(multinom(y ~ x + offset(offset), Hess = hess, trace = FALSE))))
