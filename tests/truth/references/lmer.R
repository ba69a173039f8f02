# Reference fits of random-intercept mixed models by lmerTest, for tests/truth/test_mixed.py.
# Run: Rscript tests/truth/references/lmer.R
# Writes lmer_rows.tsv (simulated rows: design, participant, fixed effects x1.., values y1..) and lmer_results.tsv (one
# row per design, value and contrast) beside this script. Contrasts have their rows separated by ";".
# lmer stops where its criterion hardly falls any more, so here the variance ratio is refined to rounding.

suppressMessages(library(lmerTest))
RNGversion("4.0.0")
set.seed(20)
here <- dirname(sub("--file=", "", grep("--file=", commandArgs(FALSE), value = TRUE)))
N_VALUES <- 4

simulate <- function(participant, x, icc, y = NULL) {
  x <- round(x, 4)
  n <- length(participant)
  people <- max(participant)
  if (is.null(y)) {
    y <- sapply(seq_len(N_VALUES), function(i) {
      0.3 * drop(x %*% rnorm(ncol(x))) + sqrt(icc) * rnorm(people)[participant] + sqrt(1 - icc) * rnorm(n)
    })
  }
  list(participant = participant, x = x, y = signif(y, 8))
}

dropout <- function(people, sessions, share) {
  rows <- expand.grid(session = seq_len(sessions) - 1, participant = seq_len(people))
  rows[rows$session == 0 | runif(nrow(rows)) > share, ]
}

balanced_design <- function(people, icc) {
  rows <- dropout(people, 2, 0)
  group <- rows$participant %% 2
  simulate(rows$participant, cbind(1, group, rows$session, group * rows$session), icc)
}

sessions_design <- function() {
  rows <- dropout(22, 4, 0.3)
  group <- rows$participant %% 2
  late <- outer(rows$session, 1:3, "==") * 1
  simulate(rows$participant, cbind(1, group, late, group * late), 0.4)
}

weeks_design <- function() {
  rows <- dropout(18, 4, 0.35)
  week <- c(0, 4, 9, 26)[rows$session + 1] + round(runif(nrow(rows), -1, 1), 1) * (rows$session > 0)
  group <- rows$participant %% 2
  simulate(rows$participant, cbind(1, group, week, group * week), 0.6)
}

# Within each participant deviations are large and means equal, so that no variance between participants is left.
boundary_design <- function() {
  rows <- dropout(16, 3, 0.2)
  group <- rows$participant %% 2
  made <- simulate(rows$participant, cbind(1, group, rows$session, group * rows$session), 0)
  shrunk <- apply(made$y, 2, function(y) y - 0.9 * ave(y, rows$participant) + 0.1 * rnorm(nrow(rows)))
  simulate(rows$participant, made$x, 0, shrunk)
}

# Covariates between and within participants; a third of the participants have one session only.
covariates_design <- function() {
  rows <- dropout(24, 2, 0.35)
  people <- rows$participant
  x <- cbind(1, rows$session, rnorm(24, 40, 9)[people], rbinom(24, 1, 0.5)[people], rgamma(nrow(rows), 4, 20))
  simulate(people, x, 0.5)
}

large_design <- function() {
  rows <- expand.grid(session = 0:2, participant = 1:60)
  rows <- rows[rows$session < 2 | rows$participant <= 28, ]
  people <- rows$participant
  group <- people %% 2
  x <- cbind(1, group, rows$session == 1, rows$session == 2, group * (rows$session == 1), group * (rows$session == 2),
             rnorm(60)[people], rgamma(nrow(rows), 4, 20))
  stopifnot(nrow(x) == 148, ncol(x) == 8)
  simulate(people, x, 0.45)
}

# The fit of lmer with the ratio of standard deviations at the criterion's lowest minimum, to rounding.
fit <- function(y, data) {
  columns <- grep("^x", names(data), value = TRUE)
  formula <- as.formula(paste("y ~ 0 +", paste(columns, collapse = " + "), "+ (1 | participant)"))
  parts <- lme4::lFormula(formula, cbind(y = y, data), REML = TRUE)
  devfun <- do.call(lme4::mkLmerDevfun, parts)
  starts <- c(0, 10^seq(-3, 3, 0.05))
  best <- which.min(sapply(starts, devfun))
  theta <- if (best == 1) 0 else polish(devfun, starts[pmin(best + c(-1, 1), length(starts))])
  deviance <- devfun(theta)
  found <- list(par = theta, fval = deviance, conv = 0, message = "")
  model <- lme4::mkMerMod(environment(devfun), found, parts$reTrms, fr = parts$fr)
  lmerTest:::as_lmerModLT(model, devfun)
}

# Zero of the derivative, which Richardson extrapolation gives to about 1e-10: comparing values of the criterion itself
# would leave half of the digits.
polish <- function(devfun, bounds) {
  slope <- function(theta) numDeriv::grad(devfun, theta, method.args = list(d = 1e-2, r = 6))
  uniroot(slope, pmax(bounds, 1e-4), tol = 1e-14)$root
}

test <- function(model, weights) {
  variances <- as.data.frame(VarCorr(model))$vcov
  joint <- contestMD(model, weights)
  one <- rep(NA, 6)
  if (nrow(weights) == 1) one <- unlist(contest1D(model, drop(weights), confint = TRUE, level = 0.9))
  data.frame(
    contrast = paste(apply(weights, 1, paste, collapse = " "), collapse = ";"),
    estimate = one[1], se = one[2], df = one[3], t = one[4], low = one[5], high = one[6],
    p = joint[["Pr(>F)"]], f = joint[["F value"]], df_num = joint$NumDF, df_den = joint$DenDF,
    between = variances[1], within = variances[2]
  )
}

unit <- function(k, rows) diag(k)[rows, , drop = FALSE]

designs <- list(
  balanced = list(balanced_design(20, 0.5), list(unit(4, 4), unit(4, 3), unit(4, 2), unit(4, 3:4))),
  sessions = list(sessions_design(), list(unit(8, 8), unit(8, 2), unit(8, 6:8), unit(8, 3:8))),
  weeks = list(weeks_design(), list(unit(4, 4), unit(4, 3) + unit(4, 4) / 2, unit(4, 3:4))),
  boundary = list(boundary_design(), list(unit(4, 4), unit(4, 2), unit(4, 2:4))),
  covariates = list(covariates_design(), list(unit(5, 2), unit(5, 3), unit(5, 5), unit(5, 3:5))),
  large = list(large_design(), list(unit(8, 6), unit(8, 2), unit(8, 8), unit(8, 5:6))),
  tiny = list(balanced_design(3, 0.9), list(unit(4, 4), unit(4, 2), unit(4, 2:4))),
  icc = list(balanced_design(14, 0.9999), list(unit(4, 4), unit(4, 2), unit(4, 2:4)))
)

rows <- results <- NULL
for (name in names(designs)) {
  made <- designs[[name]][[1]]
  x <- matrix(NA, length(made$participant), 8, dimnames = list(NULL, paste0("x", 1:8)))
  x[, seq_len(ncol(made$x))] <- made$x
  y <- made$y
  colnames(y) <- paste0("y", seq_len(ncol(y)))
  rows <- rbind(rows, data.frame(design = name, participant = made$participant, x, y))
  data <- data.frame(participant = factor(made$participant), x[, seq_len(ncol(made$x))])
  for (value in colnames(y)) {
    model <- fit(y[, value], data)
    for (weights in designs[[name]][[2]]) {
      results <- rbind(results, data.frame(design = name, value = value, test(model, weights)))
    }
  }
}
write.table(rows, file.path(here, "lmer_rows.tsv"), sep = "\t", quote = FALSE, row.names = FALSE, na = "n/a")
results[-(1:3)] <- lapply(results[-(1:3)], function(column) sprintf("%.12g", column))
results[results == "NA"] <- "n/a"
write.table(results, file.path(here, "lmer_results.tsv"), sep = "\t", quote = FALSE, row.names = FALSE, na = "n/a")
