# What engine.py asks of R: a line on stdin names a folder and a call, the numbers lie there in float64, and so do the
# answers after a line on stdout. R knows here no more than glm, multinom and negative.binomial do.
suppressPackageStartupMessages({ library(MASS); library(nnet) })

# the formula of the problem; it looks for d where it was made, which is here
shape <- function(d, offset = NULL) {
  terms <- c(if (d$intercept) "1" else "0", if (ncol(d$X)) "d$X", if (!is.null(offset)) sprintf("offset(d$%s)", offset))
  as.formula(paste("d$y ~", paste(terms, collapse = " + ")))
}

# binomial shares of trials are counts of two columns: so the prior weights do not count as trials
response <- function(d) if (is.null(d$trials)) d$y[, 1] else round(c(d$trials) * cbind(d$y, 1 - d$y))

glm_at <- function(d, family) {  # a model without columns, whose offset is eta
  y <- response(d)
  model <- glm(y ~ 0, family, weights = c(d$weights), offset = d$eta, etastart = c(d$eta))
  design <- if (d$intercept) cbind(1, d$X) else d$X
  list(mean = fitted(model), deviance = deviance(model), log_likelihood = as.numeric(logLik(model)),
       score = crossprod(design, weights(model, "working") * residuals(model, "working")))
}

glm_fit <- function(d, family, control = list(), again = 0, phi = NULL) {
  d$y <- response(d)
  run <- function(start, control) glm(shape(d), family, weights = c(d$weights), offset = d$offset, start = start, control = control)
  model <- tryCatch(run(NULL, control), error = function(e) run(d$start, control))
  converged <- model$converged && !model$boundary
  iterations <- model$iter
  for (i in seq_len(again)) {  # the rule compares deviances, which leaves half the digits of the coefficients: go on from there
    further <- tryCatch(suppressWarnings(run(coef(model), list(epsilon = 1e-300, maxit = 10))), error = function(e) model)
    iterations <- iterations + further$iter
    moved <- max(abs(coef(further) / coef(model) - 1), na.rm = TRUE)
    model <- further
    if (moved < 1e-15) break
  }
  said <- summary(model, dispersion = phi)
  z <- qnorm(0.975)
  t <- if (is.null(phi)) qt(0.975, model$df.residual) else z
  link <- tryCatch(predict(model, se.fit = TRUE, dispersion = phi), error = function(e) list(fit = NA, se.fit = NA))  # singular
  slopes <- names(coef(model)) != "(Intercept)"
  wald <- function(b, v) if (length(b)) tryCatch(sum(b * solve(v, b, tol = 0)), error = function(e) NA) else 0
  list(coef = coef(model), errors = unname(said$coefficients[, 2])[match(names(coef(model)), rownames(said$coefficients))],
       converged = converged && !model$boundary, iterations = iterations, deviance = deviance(model), log_likelihood = as.numeric(logLik(model)),
       statistics = said$coefficients[, 3], p_values = said$coefficients[, 4], dispersion = said$dispersion,
       aic = AIC(model), bic = BIC(model), null_deviance = model$null.deviance,
       wald = wald(coef(model)[slopes], vcov(said)[slopes, slopes, drop = FALSE]),
       response = residuals(model, "response"), pearson = residuals(model, "pearson"), of_deviance = residuals(model, "deviance"),
       leverage = hatvalues(model),
       interval = c(model$family$linkinv(link$fit - t * link$se.fit), model$family$linkinv(link$fit + t * link$se.fit)))
}

# multinom takes a column for each class, counts or shares
classes <- function(d) if (is.null(d$trials)) d$y else d$y * c(d$trials)

multinom_at <- function(d) {  # its coefficients stay zero, and eta is the offset
  d$y <- classes(d)
  model <- multinom(shape(d, "eta"), weights = c(d$weights), maxit = 0, trace = FALSE, MaxNWts = 1e6)
  list(mean = fitted(model), value = model$value)
}

multinom_information <- function(d) {  # the weights of a class are a bias, which stays zero, and its coefficients
  d$y <- classes(d)
  at <- rbind(0, cbind(0, d$free))
  model <- multinom(shape(d), weights = c(d$weights), Wts = c(at), maxit = 0, Hess = TRUE, trace = FALSE, MaxNWts = 1e6)
  list(information = model$Hessian)
}

multinom_fit <- function(d, ...) {
  d$y <- classes(d)
  model <- multinom(shape(d, if (!is.null(d$offset)) "offset"), weights = c(d$weights), trace = FALSE, MaxNWts = 1e6, ...)
  said <- summary(model)
  list(coef = coef(model), errors = said$standard.errors, converged = model$convergence == 0, deviance = deviance(model),
       log_likelihood = as.numeric(logLik(model)))
}

read <- function(folder) {
  size <- scan(file.path(folder, "sizes"), what = list("", 0L, 0L), quiet = TRUE)
  one <- function(name, rows, columns) matrix(readBin(file.path(folder, name), "double", rows * columns), rows, columns)
  setNames(Map(one, size[[1]], size[[2]], size[[3]]), size[[1]])
}

asked <- file("stdin", "r")
cat(paste(getRversion()), paste(packageVersion("nnet")), paste(packageVersion("MASS")), "\n")
while (length(line <- readLines(asked, 1))) {
  parts <- strsplit(line, "\t", fixed = TRUE)[[1]]
  folder <- parts[1]
  warned <- ""
  said <- tryCatch(withCallingHandlers({
    d <- read(folder)
    answer <- eval(parse(text = parts[2]))
    for (name in names(answer)) writeBin(as.double(answer[[name]]), file.path(folder, paste0("its_", name)))
    "done"
  }, warning = function(w) { warned <<- conditionMessage(w); invokeRestart("muffleWarning") }),
  error = function(e) paste("failed", conditionMessage(e)))
  cat(gsub("\n", " ", paste(said, warned)), "\n")
  flush(stdout())
}
