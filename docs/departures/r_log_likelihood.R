# R 4.2: logLik of a binomial glm takes prior weights for trials: it rounds them, and counts the orders of successes.
rounded <- suppressWarnings(glm(c(0, 1) ~ 1, binomial, weights = c(1.4, 1.4)))
cat("weights 1.4:           ", logLik(rounded), " sum of weights times log p:", 2.8 * log(0.5), "\n")
shares <- glm(c(0.25, 0.75) ~ 1, binomial, weights = c(4, 4))
cat("shares of weight 4:    ", logLik(shares), " sum of weights times log p:", 8 * log(0.5), "\n")
one_trial <- suppressWarnings(glm(c(0.3, 0.8) ~ 1, binomial))
cat("shares of one trial:   ", logLik(one_trial), " sum of y log p + (1 - y) log(1 - p):", 1.1 * log(0.55) + 0.9 * log(0.45), "\n")
