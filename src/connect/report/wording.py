"""Wording of results: what an estimate is, what it says, and how sure it is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from connect.parcels import QUANTITIES
from connect.report.numbers import MISSING, bounded, missing, number, p_value
from connect.report.relations import relation_claim
from connect.settings.model import OUTCOMES, RANKED
from connect.words import (
    FLIPPED,
    degrees_between,
    effect_label,
    effect_size,
    effect_unit,
    is_approximate,
    is_correlated,
    more_of,
    uncapitalised,
)


def effect(summary: Mapping[str, Any]) -> str:
    """Return in words what the estimate of a summary is."""
    arms, condition, noun = _arms(summary), summary["condition"].replace(" - ", " minus "), outcome(summary)
    if " : " in summary["contrast"] or summary["relation"]:
        return effect_label(summary).replace(" − ", " minus ")
    if arms:
        text = f"Difference in {noun}, {arms[0]} minus {arms[1]}"
    elif summary["contrast"] == "mean":
        text = f"Any difference in {noun} between conditions" if together(summary) else f"Mean {noun}"
    elif together(summary):
        text = f"Any difference in {noun} with {summary['contrast']}"
    else:
        text = f"Slope of the {noun} on {summary['contrast']}"
    return text + (f", {condition}" if condition else "")


def outcome(summary: Mapping[str, Any]) -> str:
    """Return in words what a model is about."""
    return OUTCOMES[summary["outcome"]]


def together(summary: Mapping[str, Any]) -> bool:
    """Whether several contrasts are tested together, so that there is no single estimate."""
    return summary["primary"]["estimate"] is None and not missing(summary["primary"].get("statistic"))


def claim(summary: Mapping[str, Any], estimate: float | None) -> str:
    """Return what an estimate of that sign says about connectivity; None stands for several tested together."""
    if estimate is None and summary["relation"]:
        return f"there is {uncapitalised(effect_label(summary)).replace('any difference', 'a difference', 1)}"
    if estimate is None:
        what = "between conditions" if summary["contrast"] == "mean" else f"with {summary['contrast']}"
        return f"{outcome(summary)} of connectivity differs {what}"
    if summary["relation"]:
        return relation_claim(summary, estimate)
    if summary["outcome"] not in ("change", "rate") or " : " in summary["contrast"]:
        size = "larger" if estimate > 0 else "smaller"
        arms = _arms(summary)
        return (
            f"connectivity is {size} in {arms[0]}" if arms else f"the contrast {summary['contrast']} is {size} than 0"
        )
    more, less = ("rose", "fell") if estimate > 0 else ("fell", "rose")
    arms, (first, _, second) = _arms(summary), summary["condition"].partition(" - ")
    under = f" under {first}" + (f" than under {second}" if second else "") if first else ""
    if arms:
        return f"connectivity {more} more, or {less} less, in {arms[0]} than in {arms[1]}" + (under and f",{under}")
    if summary["contrast"] != "mean":
        return f"connectivity {more} more, or {less} less, in {more_of(summary['contrast'], summary)}{under}"
    return f"connectivity {more} more, or {less} less,{under}" if second else f"connectivity {more}{under}"


class Headline(NamedTuple):
    """The number that stands first, its unit or name, and its interval, as text."""

    value: str
    unit: str
    interval: str


def headline(summary: Mapping[str, Any]) -> Headline:
    """Return the estimate, or the effect size where there is none, as in tests of any difference among arms."""
    found = summary["primary"]
    if together(summary):
        shown, name = bounded(*sized(summary).values()), effect_size(summary)
    else:
        shown, name = bounded(found["estimate"], found["ci_low"], found["ci_high"]), unit(summary)
    value, _, interval = shown.partition(" ")
    return Headline(value, name, interval or MISSING)


def degrees(summary: Mapping[str, Any]) -> str:
    """Return the degrees of freedom of an F, between and within."""
    return f"{degrees_between(summary)}, {number(summary['primary']['df'])}"


def sizes(summary: Mapping[str, Any]) -> str:
    """Return the estimate with its unit and interval if there is one, and the effect size with its own."""
    found, level_ = summary["primary"], f"({level(summary)} CI)"
    standardised = f"{effect_size(summary)} {bounded(*sized(summary).values())}"
    if together(summary):
        return f"{standardised} {level_}"
    if summary["correlation"] in RANKED:
        return f"{effect_unit(summary)} {bounded(*sized(summary).values())} {level_}"
    return f"{bounded(found['estimate'], found['ci_low'], found['ci_high'])} {unit(summary)} {level_}, {standardised}"


def unit(summary: Mapping[str, Any], quantity: str = "") -> str:
    """Return the unit of an estimate; segregation is a ratio whatever the measure, and statistics have their own."""
    units = {"segregation": "ratio"} | {one["name"]: one["unit"] for one in summary["statistics"]}
    return effect_unit({**summary, "unit": units.get(quantity, summary["unit"])})


def quantity(name: str, summary: Mapping[str, Any]) -> str:
    """Return what readers call a domain-level quantity or a statistic."""
    titles = {one["name"]: one["title"] for one in summary["statistics"]}
    return titles.get(name) or QUANTITIES[name]


def size_key(summary: Mapping[str, Any]) -> str:
    """Return the column of the effect size: a correlation if the question is about a phenotype, else Hedges' g."""
    return "r" if is_correlated(summary) else "g"


def sized(summary: Mapping[str, Any]) -> dict[str, float | None]:
    """Return the effect size of the primary quantity with its bounds."""
    key, found = size_key(summary), summary["primary"]
    return {"value": found[key], "low": found[f"{key}_low"], "high": found[f"{key}_high"]}


def rates_in_words(summary: Mapping[str, Any]) -> str:
    """Return what is known of the plasticity rates of single participants, in a sentence or two."""
    found, per_week = summary["rates"], f"{summary['unit']} per week"
    text = (
        f"The rates of {found['n']} participants have a mean of {number(found['mean'])} and a standard deviation of "
        f"{number(found['sd'])} {per_week}."
    )
    if found["reason"]:
        return f"{text} How reliable they are is not known: {found['reason']}."
    shown = bounded(found["reliability"], found["reliability_low"], found["reliability_high"])
    return (
        f"{text} Their reliability, the share of that variance that is no error, is {shown} ({level(summary)} CI; "
        f"{found['df']} residual degrees of freedom). The rate of one participant is told from 0 if it is beyond "
        f"{number(found['detectable'])} {per_week}."
    )


def level(summary: Mapping[str, Any]) -> str:
    """Return the level of the intervals of a summary."""
    return f"{100 * summary['confidence']:g} %"


def verdict(summary: Mapping[str, Any]) -> str:
    """Return in a sentence or two what the primary test says and what follows for the finer levels."""
    found, alpha, least = summary["primary"], summary["alpha"], smallest_p(summary)
    p = p_value(found["p"], alpha)
    if missing(found["p"]):
        return "The primary quantity could not be tested, so the gate is closed: the finer levels are exploratory."
    if together(summary) and summary["gate"] != "open":
        return (
            f"The primary test does not pass (p = {p} > {alpha:g}), so the gate is closed: no evidence of an effect, "
            "and the finer levels are exploratory. This is no proof of its absence."
        )
    if summary["gate"] == "open":
        return (
            f"The primary test passes (p = {p} ≤ {alpha:g}), so the gate is open: evidence that "
            f"{claim(summary, found['estimate'])}. The finer levels are tests too, each corrected within its level."
        )
    if least > alpha:
        return (
            f"The primary test could not have passed: with n = {summary['n']} no p below {p_value(least)} is possible, "
            f"and the level is {alpha:g}. The gate is closed, and the finer levels are exploratory."
        )
    low, high = bounded(found["ci_low"], found["ci_low"], found["ci_high"]).partition("[")[2].rstrip("]").split(", ")
    return (
        f"The primary test does not pass (p = {p} > {alpha:g}), so the gate is closed: no evidence of an effect, and "
        f"the finer levels are exploratory. "
        f"This is no proof of its absence: the {level(summary)} interval reaches from {low} to {high} "
        f"{unit(summary)}."
    )


def evidence(summary: Mapping[str, Any]) -> str:
    """Return the Bayes factor, the test of equivalence if there is one, and what the design could have found."""
    found = summary["primary"]
    odds = found["log10_bf"]
    factor = number(10 ** min(abs(odds), 6), 2) if abs(odds) < 6 else "more than a million"
    text = f"The data are {factor} times as likely {'with' if odds > 0 else 'without'} an effect (JZS Bayes factor)."
    if not missing(found.get("p_equivalence")):
        text += f" Test of equivalence: p = {p_value(found['p_equivalence'], summary['alpha'])}."
    if not missing(found.get("detectable")):
        text += (
            f" With this scatter, an effect of {number(found['detectable'])} {unit(summary)} is found 8 times in 10."
        )
    return text


def smallest_p(summary: Mapping[str, Any]) -> float:
    """Return a bound below which no p-value lies: flipped signs, or two equal arms exchanged, give the same |t|."""
    arms = [arm["n"] for arm in summary["arms"]]
    if summary["method"] == "mixed":
        return 0.0
    mirrored = summary["method"] in FLIPPED or (len(arms) == 2 and arms[0] == arms[1])
    ties = 2 if summary["enumerated"] and mirrored and (len(arms) < 2 or not is_approximate(summary)) else 1
    return float(ties / summary["arrangements"])


def _arms(summary: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return the two arms that a contrast compares, or None."""
    found = re.fullmatch(r"\s*[\w.]+\[([^]]+)\]\s*-\s*[\w.]+\[([^]]+)\]\s*", summary["contrast"])
    return (found[1], found[2]) if found else None
