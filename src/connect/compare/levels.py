"""The rows of one level: estimates with intervals, effect sizes, evidence, tests, and how they were corrected."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from connect.columns import Values, parts, per_column, rows_of
from connect.formulas import has_baseline
from connect.inference import Fit, Tested
from connect.inference.bootstrap import Bootstrap
from connect.inference.correlation import fisher_interval
from connect.inference.effects import Effect, arm_effects, group_effects, paired_effects
from connect.inference.evidence import equivalence, log10_bayes_factor
from connect.inference.power import critical_t, detectable_effect
from connect.inference.reliability import Form, icc, mean_squares, measurement_error, minimal_detectable_change
from connect.outcome import Outcome
from connect.question import Question
from connect.settings.model import RANKED
from connect.tables import WORDS, Column

POWER = 0.8
"""Probability with which the smallest detectable effect is found."""

BASE: Mapping[str, Column] = {
    "n": Column("participants analysed", "participants"),
    "estimate": Column(
        "contrast, per week for a rate or a slope on weeks, per unit of the column for a slope; n/a of several; the "
        "partial correlation where values are ranked or bent",
        "that of the measure; segregation: ratio",
    ),
    "ci_low": Column("lower bound of the estimate's interval", "that of estimate"),
    "ci_high": Column("upper bound of the estimate's interval", "that of estimate"),
    "g": Column(
        "Hedges' g: estimate in residual standard deviations, corrected for small samples; Cohen's f if several are "
        "tested together; estimate in total standard deviations in a mixed model",
        "SD",
    ),
    "g_low": Column("lower bound of g", "SD"),
    "g_high": Column("upper bound of g", "SD"),
    "statistic": Column("Student's t of the contrast, or F of several", "t or F"),
    "df": Column("residual degrees of freedom; Satterthwaite's in a mixed model", "degrees of freedom"),
    "p": Column("two-sided p-value by rearrangement, uncorrected", "0 to 1"),
    "p_fwe": Column("p-value corrected for the family by the largest |t|, or F", "0 to 1"),
    "q_fdr": Column("false discovery rate within the family (Benjamini-Hochberg)", "0 to 1"),
}
ONE_CONTRAST = "one contrast, no mixed model"
MEAN_CHANGE = "models of a mean change"
SIGNED = "one contrast"
EXTRA: Mapping[str, Column] = {
    "r": Column(
        "partial correlation with the column whose slope the contrast is, as `correlation` of the model says",
        "-1 to 1",
        "contrasts that are a slope",
    ),
    "log10_bf": Column(
        "log10 of the JZS Bayes factor for an effect (Cauchy prior, scale 0.707 residual standard deviations)",
        "powers of 10",
        ONE_CONTRAST,
    ),
    "p_equivalence": Column(
        "p-value of the test that the effect is smaller than the smallest effect of interest (TOST)",
        "0 to 1",
        "models with `smallest_effect`",
    ),
    "detectable": Column(
        f"smallest effect found with {100 * POWER:g} % power, uncorrected", "that of estimate", ONE_CONTRAST
    ),
    "detectable_fwe": Column(
        f"the same for one given row under the correction for the family, {100 * POWER:g} % power",
        "that of estimate",
        ONE_CONTRAST,
    ),
    "g_av": Column(
        "Hedges' g_av: mean change in standard deviations of a session, root mean square of both", "SD", MEAN_CHANGE
    ),
    "g_rm": Column(
        "Hedges' g_rm: mean change in standard deviations of the change, scaled to those of a session",
        "SD",
        MEAN_CHANGE,
    ),
    "g_ppc": Column(
        "Hedges' g_ppc: difference in mean change in pooled standard deviations before (Morris 2008)",
        "SD",
        "two arms compared in their change",
    ),
    "g_groups": Column(
        "Hedges' g of two groups, not adjusted for covariates", "SD", "two arms compared in one session"
    ),
    "icc_agreement": Column(
        "ICC(2,1) of the sessions before and after; a reliability only where nothing intervened",
        "up to 1",
        MEAN_CHANGE,
    ),
    "icc_consistency": Column("ICC(3,1), which does not count a shift of all as error", "up to 1", MEAN_CHANGE),
    "mdc": Column(
        "minimal detectable change of one participant (95 %), from consistency", "that of the measure", MEAN_CHANGE
    ),
}
JOINED: Mapping[str, Mapping[str, Column]] = {
    "domain": {},
    "network": {
        "z_cnbs": Column(
            "mean t of the edges over its root mean square over rearrangements (constrained network-based statistic)",
            "z",
            SIGNED,
        ),
        "p_cnbs": Column("its p-value, corrected for all network pairs", "0 to 1", SIGNED),
        "q_cnbs": Column("its false discovery rate over network pairs", "0 to 1", SIGNED),
    },
    "edge": {
        "p_nbs": Column(
            "smallest corrected p of the edge's components (network-based statistic); it speaks for the component",
            "0 to 1",
            SIGNED,
        ),
        "score_tfnbs": Column("threshold-free network-based score, with the sign of t", "score", SIGNED),
        "p_tfnbs": Column("its p-value, corrected for all edges by the largest score", "0 to 1", SIGNED),
    },
}
"""What networks of edges say, at the level that has it."""
LAST: Mapping[str, Column] = {
    "family": Column("tests that are corrected together", WORDS),
    "correction": Column("how p and p_fwe were counted", WORDS),
    "reason": Column("why a row was not tested", WORDS),
}
CORRELATION = ("r", "r_low", "r_high")
FORMS: tuple[Form, ...] = ("agreement", "consistency")
BOOTSTRAPPED = ("g_av", "g_rm", "g_ppc", "g_groups")


def all_columns(name: str) -> dict[str, Column]:
    """Return what every column means that a level can have beside those that name its rows.

    Parameters
    ----------
    name
        `domain`, `network` or `edge`.
    """
    known = dict(BASE)
    for column, about in EXTRA.items():
        known[column] = about
        if column in ("r", *BOOTSTRAPPED):
            way = " (BCa bootstrap)" if column in BOOTSTRAPPED else ""
            for side, word in (("low", "lower"), ("high", "upper")):
                known[f"{column}_{side}"] = Column(f"{word} bound of {column}{way}", about.unit, about.only)
    return {**known, **JOINED[name], **LAST}


def level(
    question: Question,
    outcome: Outcome,
    sessions: Values,
    labels: pd.DataFrame,
    family: str,
    result: tuple[Fit, Tested],
) -> pd.DataFrame:
    """Return one row per column, corrected as one family.

    Parameters
    ----------
    question
        The model.
    outcome
        Its rows as weights of sessions.
    sessions
        Values of the sessions ``(n_sessions, n_columns)``.
    labels
        What the rows are ``(n_columns rows)``.
    family
        Name of the family.
    result
        What :meth:`connect.question.Question.evaluate` found.
    """
    values, before = outcome.of(sessions), outcome.before(sessions)
    found, tested = result
    correlated = _correlation(question, values, found) if question.slope else {}
    if question.model.correlation in RANKED:
        found = _only_correlated(found, correlated)
    complete = _complete(values) & (before is None or _complete(before))
    reasons = np.where(complete, "no variance", "missing or undefined in an analysed session").astype(object)
    columns: dict[str, Any] = {
        "n": question.n, "estimate": found.estimate, "ci_low": found.low, "ci_high": found.high,
        "g": found.g, "g_low": found.g_low, "g_high": found.g_high, "statistic": found.statistic, "df": found.df,
        "p": tested.p, "p_fwe": tested.p_fwe, "q_fdr": tested.q_fdr, **correlated,
        **_evidence(question, found, tested), **_effects(question, outcome, sessions),
        "family": family, "correction": question.counted(len(tested.maxima)),
        "reason": pd.Series(reasons).where(np.isnan(found.statistic), None),
    }  # fmt: skip
    return labels.reset_index(drop=True).assign(**columns)


def _correlation(question: Question, values: Values, found: Fit) -> dict[str, np.ndarray]:
    """Return the partial correlation with its interval; with a value before of each column, from t."""
    if has_baseline(question.model):
        r = found.statistic / np.sqrt(np.square(found.statistic) + question.df)
        ranked = question.model.correlation in RANKED
        bounds = fisher_interval(r, question.df, question.model.confidence, ranked=ranked)
        return dict(zip(CORRELATION, (r, *bounds), strict=True))
    made = question.correlation(values)
    return dict(zip(CORRELATION, (made.r, made.low, made.high), strict=True))


def _only_correlated(found: Fit, correlated: Mapping[str, np.ndarray]) -> Fit:
    """Return estimates of which the correlation is the only one with a meaning: slopes of ranks have no unit."""
    blank, (r, low, high) = np.full(found.statistic.shape, np.nan), correlated.values()
    return replace(found, estimate=r, low=low, high=high, g=blank, g_low=blank, g_high=blank, error=blank)


def _evidence(question: Question, found: Fit, tested: Tested) -> dict[str, np.ndarray]:
    """Return what there is for one contrast with the same degrees of freedom in all columns."""
    if question.together or question.method in ("mixed", "repeated"):
        return {}
    model, df, n_effective = question.model, question.df, question.n_effective
    columns = {"log10_bf": log10_bayes_factor(found.statistic, df, n_effective)}
    if model.smallest_effect is not None:
        columns["p_equivalence"] = equivalence(found.estimate, found.error, df, model.smallest_effect)
    corrected = tested.critical(model.alpha) if np.isfinite(found.error).any() else np.inf
    for name, critical in (("", critical_t(df, model.alpha)), ("_fwe", corrected)):
        columns[f"detectable{name}"] = detectable_effect(found.error, df, n_effective, critical, POWER).raw
    return columns


def _complete(values: Values) -> np.ndarray:
    """Return which columns miss no value ``(n_columns,)``."""
    return per_column(values, lambda some: ~np.isnan(some).any(axis=0))


def _effects(question: Question, outcome: Outcome, sessions: Values) -> dict[str, np.ndarray]:
    """Return the effect sizes and reliabilities that a model of change, or of one session, has."""
    pair, arm = outcome.pair(sessions), question.arm
    settings = Bootstrap(question.model.resamples, question.model.confidence, question.model.seed)
    columns: dict[str, np.ndarray] = {}
    if pair is not None and arm is None and question.model.contrast == "mean":
        effects = paired_effects(*pair, settings)
        columns |= _bounded("g_av", effects["g_av"]) | _bounded("g_rm", effects["g_rm"])
        columns |= _reliabilities(*pair, question.model.confidence)
    elif pair is not None and arm is not None:
        chosen = np.concatenate([np.flatnonzero(arm == 1), np.flatnonzero(arm == -1)])
        pre, post = (rows_of(values, chosen) for values in pair)
        columns |= _bounded("g_ppc", arm_effects(pre, post, arm[chosen] == 1, settings)["g_ppc"])
    elif arm is not None and question.model.outcome in ("pre", "post"):
        chosen = arm != 0
        values = rows_of(outcome.of(sessions), chosen)
        columns |= _bounded("g_groups", group_effects(values, arm[chosen] == 1, settings)["g"])
    return columns


def _reliabilities(pre: Values, post: Values, confidence: float) -> dict[str, np.ndarray]:
    """Return ICCs and the minimal detectable change, part by part."""
    rows: list[np.ndarray] = []
    for at in parts(pre):
        squares = mean_squares(np.stack([pre[:, at], post[:, at]], axis=1))
        iccs = [icc(squares, form, confidence).estimate for form in FORMS]
        error = measurement_error(squares, "consistency", confidence)
        rows.append(np.stack([*iccs, minimal_detectable_change(error).estimate]))
    names = (*(f"icc_{form}" for form in FORMS), "mdc")
    return dict(zip(names, np.concatenate([np.empty((len(names), 0)), *rows], axis=1), strict=True))


def _bounded(name: str, effect: Effect) -> dict[str, np.ndarray]:
    return {name: effect.estimate, f"{name}_low": effect.low, f"{name}_high": effect.high}
