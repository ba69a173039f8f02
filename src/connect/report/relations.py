"""Wording of relations: what goes along with a measure of the person, and where on it an effect is significant."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connect.report.numbers import number
from connect.settings.model import OUTCOMES
from connect.words import Contrast, effect_label, in_words, more_of, uncapitalised


def relation_claim(summary: Mapping[str, Any], estimate: float) -> str:
    """Return what an estimate of that sign says about connectivity and the measure."""
    higher, more, less = ("higher", "rose", "fell") if estimate > 0 else ("lower", "fell", "rose")
    if " : " in summary["contrast"]:
        return _compared(summary, "larger" if estimate > 0 else "smaller")
    one, who = summary["phenotypes"][summary["relation"]], more_of(summary["relation"], summary)
    if summary["correlation"] == "repeated":
        who = f"sessions in which a participant’s {uncapitalised(one['title'])} is higher"
    if summary["outcome"] not in ("change", "rate"):
        return f"{OUTCOMES[summary['outcome']]} is {higher} in {who}"
    first, _, second = summary["condition"].partition(" - ")
    under = f" under {first}" + (f" than under {second}" if second else "") if first else ""
    return f"connectivity {more} more, or {less} less,{under} in {who}"


def _compared(summary: Mapping[str, Any], larger: str) -> str:
    """Return which of two slopes is larger."""
    contrast = Contrast.of(summary)
    if len(contrast.pairs) != 1 or len(contrast.slopes) != 1:
        return f"the {uncapitalised(effect_label(summary))} is {larger} than 0"
    (_, first, second), (name,) = contrast.pairs[0], contrast.slopes
    what = f"the slope of {OUTCOMES[summary['outcome']]} on {in_words(name, summary)}"
    return f"{what} is {larger} in {first} than in {second}"


def region_in_words(summary: Mapping[str, Any]) -> str:
    """Return at which values of the moderator the effect on the primary quantity is significant (Johnson-Neyman)."""
    region = summary["region"]
    if region is None:
        return ""
    name, alpha = in_words(region["moderator"], summary), f"{summary['alpha']:g}"
    if not region["ranges"]:
        return f"At no value of {name} is the effect on emotion × cognition connectivity significant at {alpha}."
    texts = [_between(low, high) for low, high in region["ranges"]]
    share = f"{100 * region['share']:.0f} % of the participants"
    return (
        f"The effect on emotion × cognition connectivity is significant at {alpha} where {name} is "
        f"{' or '.join(texts)} "
        f"({share} are there; Johnson-Neyman). This holds at each value by itself, not over all together."
    )


def _between(low: float | None, high: float | None) -> str:
    """Return a range in words; None is no bound among the participants."""
    if low is None or high is None:
        return "anywhere" if low == high else f"below {number(high)}" if low is None else f"above {number(low)}"
    return f"from {number(low)} to {number(high)}"
