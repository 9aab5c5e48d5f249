# The data as doubles, column after column: X with its intercept, y, and the offset if there is one. Prints seconds, coefficients, errors.
args <- commandArgs(TRUE)
n <- as.integer(args[2]); q <- as.integer(args[3]); family <- args[4]; K <- as.integer(args[5])
from <- file(args[1], "rb")
X <- matrix(readBin(from, "double", n * q), n, q)
y <- readBin(from, "double", n)
offset <- readBin(from, "double", n)
close(from)
if (length(offset) == 0) offset <- NULL
families <- list(gaussian = gaussian(), logit = binomial("logit"), probit = binomial("probit"), poisson = poisson(), gamma = Gamma("log"))
se <- NULL
if (K > 1) {
  suppressMessages(library(nnet))
  Y <- class.ind(factor(y, levels = 0:(K - 1)))
  seconds <- system.time({
    fit <- multinom(Y ~ X - 1, trace = FALSE, MaxNWts = 1e6, maxit = 10000, reltol = 1e-12, abstol = 0)
    beta <- t(matrix(coef(fit), K - 1))
  })[["elapsed"]]
} else {
  seconds <- system.time({
    fit <- glm.fit(X, y, offset = offset, family = families[[family]], control = list(epsilon = 1e-10, maxit = 100))
    class(fit) <- "glm"
    table <- summary(fit)$coefficients
  })[["elapsed"]]
  beta <- table[, 1]
  se <- table[, 2]
}
cat(seconds, "\n")
cat(format(c(beta), digits = 17), "\n")
cat(if (is.null(se)) "" else format(se, digits = 17), "\n")
