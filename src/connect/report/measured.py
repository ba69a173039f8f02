"""Phrases of the methods text about measures of the person: how they were made, and how connectivity was related."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connect.formulas import BASELINE
from connect.words import Contrast, covariates, in_words, is_correlated, listed, uncapitalised

_FISHER = "tanh(artanh(r) ± z/√(df − 1)), df being {} (Fisher 1924)"
_OF_RANKS = "tanh(artanh(r) ± z√((1 + r²/2)/(n − 3 − k))), k being the number of covariates (Bonett and Wright 2000)"
_REPLACED = (
    "before the model was fitted and tested, the outcome, the measure and every numeric covariate were replaced by"
)
_KINDS = {
    "pearson": "Pearson’s correlation",
    "spearman": f"Spearman’s rank correlation ({_REPLACED} their ranks, ties by the mean rank)",
    "percentage-bend": "the percentage bend correlation (Wilcox 1994; β = 0.2), in which outliers of a variable count "
    f"less ({_REPLACED} their distance from the percentage bend location, no further than 1, in units of ω, the "
    "distance from the median that 80 % of the values do not exceed)",
    "repeated": "the correlation within participants (repeated-measures correlation; Bland and Altman 1995; Bakdash "
    "and Marusich 2017): one slope for all and a level of its own for each, so that differences between participants "
    "do not count",
}
_INTERVALS = {
    "pearson": f"{_FISHER.format('the residual degrees of freedom')}, which holds for normal data",
    "spearman": _OF_RANKS,
    "percentage-bend": f"that of ranks, {_OF_RANKS}",
    "repeated": _FISHER.format("the sessions less the participants, the covariates and 1"),
}
_FROM_T = "taken from t, r = t/√(t² + df), as each quantity has its own value before as a covariate"


def measures(summaries: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return what is known of each measure of the person that a model names, once each."""
    found = {one["phenotype"]: one for summary in summaries for one in summary["phenotypes"].values()}
    return list(found.values())


def related(summary: Mapping[str, Any]) -> str:
    """Say which correlation was taken, on what, what it is adjusted for, and how its interval was made."""
    start = f"Connectivity was related to {_columns(summary)} by"
    if not is_correlated(summary):
        if summary["method"] == "mixed":
            more = "to which differences between participants add as well as those between sessions of one"
            return f"{start} the slope of the mixed model, {more}"
        return f"{start} any difference among several slopes, tested together by F"
    baseline, kind = BASELINE in summary["columns"], summary["correlation"]
    adjusted = covariates(summary) or "not adjusted for covariates"
    if " : " in summary["contrast"]:
        others = adjusted.removeprefix("adjusted for ") if covariates(summary) else ""
        adjusted = f"adjusted for each of the two by itself{f', {others}' if others else ''}"
    interval = _INTERVALS["pearson" if baseline else kind]
    from_t = f"; r is {_FROM_T}" if baseline else ""
    return f"{start} {_KINDS[kind]}, {adjusted}{from_t}; its interval is {interval}"


def moments(summary: Mapping[str, Any]) -> str:
    """Say what the columns of phenotypes are, if a model has any."""
    about = {
        "change": "post minus pre", "rate": "post minus pre, per week", "pre": "the value before",
        "post": "the value after", "session": "the value of each session",
    }  # fmt: skip
    return listed([f"`{name}` is {_title(one)}, {about[one['moment']]}" for name, one in summary["phenotypes"].items()])


def _columns(summary: Mapping[str, Any]) -> str:
    """Return what the contrast is about, in words."""
    contrast = Contrast.of(summary)
    names = [in_words(name, summary) for name in contrast.slopes]
    levels = [f"{first} against {second}" for _, first, second in contrast.pairs]
    return " × ".join([*names, *levels, *contrast.groups])


def _title(one: Mapping[str, Any]) -> str:
    return uncapitalised(one["title"])
