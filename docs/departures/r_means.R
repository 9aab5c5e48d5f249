# R 4.2: inverse links keep a mean 2.2e-16 away from the ends of its range; plogis, pnorm and exp do not.
cat("logit, eta -40:  ", binomial()$linkinv(-40), plogis(-40), "\n")
cat("probit, eta -9:  ", binomial("probit")$linkinv(-9), pnorm(-9), "\n")
cat("log, eta -40:    ", poisson()$linkinv(-40), exp(-40), "\n")
