"""Words of figures and of the report: what a contrast compares, in which unit, and what it is adjusted for."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan, prod
from typing import TYPE_CHECKING, Any

from connect.contrasts import PAIR
from connect.formulas import BASELINE, MOTION, MOTION_LEVEL
from connect.settings.model import OUTCOMES, RANKED

if TYPE_CHECKING:
    import pandas as pd

PHASES = ("pre", "post")

CORRELATIONS: Mapping[str, str] = {"spearman": "rank correlation", "percentage-bend": "percentage bend correlation"}
"""What correlations of transformed values are called."""

COEFFICIENTS: Mapping[str, str] = {
    "pearson": "r",
    "spearman": "rank r",
    "percentage-bend": "bend r",
    "repeated": "r within participants",
}
"""Correlations as effect sizes."""

SIZES = {"g": "Cohen’s f", "statistic": "F"}
"""What tells how large a difference among several is, by the column of the tests; a mixed model has F alone."""

MOMENT: Mapping[str, str] = {
    "change": "change in {}",
    "rate": "change per week in {}",
    "pre": "{} before",
    "post": "{} after",
    "session": "{}",
}
"""What a column of a phenotype is, in words."""

MORE: Mapping[str, str] = {
    "change": "participants whose {} rose more",
    "rate": "participants whose {} rose more per week",
    "pre": "participants with higher {} before",
    "post": "participants with higher {} after",
    "session": "sessions with higher {}",
}
"""Where a column of a phenotype is higher, in words."""

FLIPPED = ("flips", "repeated")
"""Methods whose p is counted over flipped signs of participants."""


@dataclass(frozen=True)
class Contrast:
    """What stands in a contrast, joined by `` : ``.

    Parameters
    ----------
    pairs
        Column and the two levels of it whose difference is taken.
    groups
        Columns of which any difference among levels counts.
    slopes
        Columns of numbers.
    others
        Single columns of the design matrix.
    """

    pairs: tuple[tuple[str, str, str], ...]
    groups: tuple[str, ...]
    slopes: tuple[str, ...]
    others: tuple[str, ...]

    @classmethod
    def of(cls, summary: Mapping[str, Any]) -> Contrast:
        """Return the contrast of a summary; a column of two levels is their difference."""
        pairs, groups, slopes, others = [], [], [], []
        for text in (part.strip() for part in str(summary["contrast"]).split(" : ")):
            pair, levels = PAIR.fullmatch(text), _two_levels(text, summary)
            if pair or levels:
                pairs.append((pair[1], pair[2], pair[4]) if pair else (text, levels[1], levels[0]))
            elif _columns_of(text, summary):
                groups.append(text)
            elif not re.fullmatch(r"[\w.]+", text):
                others.append(text)
            elif text != "mean":
                slopes.append(text)
        return cls(tuple(pairs), tuple(groups), tuple(slopes), tuple(others))

    @property
    def names(self) -> set[str]:
        """Columns that the contrast is about."""
        return {*(name for name, _, _ in self.pairs), *self.groups, *self.slopes}


def effect_label(summary: Mapping[str, Any]) -> str:
    """Return in words what the estimates of a model are."""
    contrast, text = Contrast.of(summary), OUTCOMES[summary["outcome"]]
    named, levels = [*contrast.slopes, *contrast.others], [f"{first} − {second}" for _, first, second in contrast.pairs]
    if summary["correlation"] in RANKED and named:
        text = f"{_correlation(summary)} of {text} with {in_words(named[0], summary)}"
    elif named:
        kind = "slope" if contrast.slopes else "coefficient"
        text = f"{kind} of {text} on {' × '.join(in_words(name, summary) for name in named)}"
    if levels:
        text += ", " + (levels[0] if len(levels) == 1 else " × ".join(f"({pair})" for pair in levels))
    if contrast.groups:
        text = f"any difference in {text} with {' × '.join(contrast.groups)}"
    if _between_conditions(summary):
        text = f"any difference between {listed(conditions_in(summary))} in {text.removeprefix('any difference in ')}"
    elif summary["contrast"] == "mean":
        text = f"mean {text}"
    return with_condition(capitalised(text), summary)


def with_condition(text: str, summary: Mapping[str, Any]) -> str:
    """Return a text with the condition of the model, or how two are compared, after it."""
    condition, names = str(summary["condition"]), conditions_in(summary)
    if _between_conditions(summary) or "condition" in Contrast.of(summary).names:
        return text
    if " + " in condition:
        condition = f"mean of {listed(names)}"
    elif "," in condition:
        condition = listed(names) if summary["outcome"] == "sessions" else f"({names[0]} − {names[1]}) / √2"
    return ", ".join(filter(None, (text, condition.replace(" - ", " − "))))


def conditions_in(summary: Mapping[str, Any]) -> list[str]:
    """Return the conditions that a model names, in its order."""
    return [name.strip() for name in re.split(r" - | \+ |,", str(summary["condition"])) if name.strip()]


def tested_together(summary: Mapping[str, Any]) -> bool:
    """Return whether several contrasts are tested together, so that there is no single estimate."""
    return summary["primary"]["estimate"] is None and summary["primary"]["statistic"] is not None


def size_column(summary: Mapping[str, Any], tests: pd.DataFrame) -> str:
    """Return the column of a table of tests that says how large an effect is; of one contrast, its estimate."""
    if not tested_together(summary):
        return "estimate"
    return "g" if tests["g"].notna().any() else "statistic"


def statistic_name(summary: Mapping[str, Any]) -> str:
    """Return what the largest of is taken: |t|, or F where several contrasts are tested together."""
    return "F" if tested_together(summary) else "|t|"


def effect_unit(summary: Mapping[str, Any]) -> str:
    """Return the unit of the estimates of a model, or what they are if they have none."""
    if summary["correlation"] in RANKED:
        return _correlation(summary)
    base = f"{summary['unit']} per week" if summary["outcome"] == "rate" else str(summary["unit"])
    return " ".join((base, *filter(None, (per_slope(summary),))))


def effect_size(summary: Mapping[str, Any]) -> str:
    """Return the name of the effect size of a model."""
    if tested_together(summary):
        return "Cohen’s f"
    if is_correlated(summary):
        name = COEFFICIENTS[summary["correlation"]]
        given = summary["correlation"] != "repeated" and (covariates(summary) or " : " in summary["contrast"])
        return f"partial {name}" if given else name
    return "Estimate in total SDs" if summary["method"] == "mixed" else "Hedges’ g"


def is_correlated(summary: Mapping[str, Any]) -> bool:
    """Return whether the effect size is a correlation: the question is about a phenotype, and has one answer."""
    return bool(summary["relation"]) and "r" in summary["primary"]


def per_slope(summary: Mapping[str, Any]) -> str:
    """Return what the estimates of a model are divided by: the units of the columns whose slope they are."""
    units = {MOTION: "mm", MOTION_LEVEL: "mm"} | ({"weeks": "week"} if summary["outcome"] == "sessions" else {})
    units |= {name: _unit(one).replace("score", "point") for name, one in summary["phenotypes"].items()}
    return " ".join(f"per {units.get(name, f'unit of {name}')}" for name in Contrast.of(summary).slopes)


def counted(summary: Mapping[str, Any]) -> str:
    """Return what the primary p-value of a summary was counted from, such as `exact, 2 of 128 sign flips`."""
    p = summary["primary"]["p"]
    if summary["method"] == "mixed":
        return "t with Satterthwaite’s degrees of freedom"
    return counted_over(summary, None if p is None or isnan(p) else round(p * summary["arrangements"]))


def counted_over(summary: Mapping[str, Any], n_reaching: int | None) -> str:
    """Return how many of the arrangements of a model reach the observed one, in words."""
    n, flipped = summary["arrangements"], summary["method"] in (*FLIPPED, "mixed")
    kind = "sign flips" if flipped else "permutations"
    share = "" if n_reaching is None else f"{n_reaching:,} of "
    if not summary["enumerated"]:
        return f"{share}{n:,} random {kind}"
    approximate = summary["method"] == "mixed" or is_approximate(summary)
    return f"{share}all {n:,} {kind}" if approximate else f"exact, {share}{n:,} {kind}"


def is_approximate(summary: Mapping[str, Any]) -> bool:
    """Whether the model has more than its effect and an intercept; if so, enumerated p-values are not exact.

    Permuted labels are exact with covariates as well, residuals between arms of unequal variance never.
    """
    if summary["method"] in ("labels", "unequal"):
        return bool(summary["method"] == "unequal")
    return len(summary["columns"]) > (1 if summary["contrast"] == "mean" or summary["method"] == "repeated" else 2)


def covariates(summary: Mapping[str, Any]) -> str:
    """Return in words what the estimates of a model are adjusted for, or nothing."""
    about = {"Intercept", *Contrast.of(summary).names, *Contrast.of(summary).others}
    names = [name for column in summary["columns"] if column not in about for name in _factors(column)]
    found = listed([in_words(name, summary) for name in dict.fromkeys(names) if name not in about])
    return f"adjusted for {found}" if found else ""


def in_words(name: str, summary: Mapping[str, Any]) -> str:
    """Return a column of a model in words: what connect adds has a name that is none."""
    if name in summary["phenotypes"]:
        one = summary["phenotypes"][name]
        return MOMENT[one["moment"]].format(uncapitalised(one["title"]))
    return {MOTION: "change in mean FD", MOTION_LEVEL: "mean FD", BASELINE: "connectivity before"}.get(name, name)


def more_of(name: str, summary: Mapping[str, Any]) -> str:
    """Return where a column of a model is higher: `participants whose oxytocin rose more`."""
    if name not in summary["phenotypes"]:
        return f"participants with more {in_words(name, summary)}"
    one = summary["phenotypes"][name]
    return MORE[one["moment"]].format(uncapitalised(one["title"]))


def capitalised(text: str) -> str:
    """Return a text that begins with a capital letter."""
    return text[:1].upper() + text[1:]


def uncapitalised(text: str) -> str:
    """Return a text that begins with a small letter, unless with an acronym.

    Examples
    --------
    >>> uncapitalised("Heart rate"), uncapitalised("HRV")
    ('heart rate', 'HRV')
    """
    return text if text[1:2].isupper() else text[:1].lower() + text[1:]


def with_unit(name: str, summary: Mapping[str, Any]) -> str:
    """Return a column of a model in words, with its unit if that is known, as the label of an axis."""
    units = {MOTION: "mm", MOTION_LEVEL: "mm", **{one: _unit(of) for one, of in summary["phenotypes"].items()}}
    text = in_words(name, summary) + (f" ({units[name]})" if name in units else "")
    return capitalised(text)


def _unit(phenotype: Mapping[str, Any]) -> str:
    """Return the unit of a column of a phenotype."""
    return f"{phenotype['unit']}{'/week' if phenotype['moment'] == 'rate' else ''}"


def degrees_between(summary: Mapping[str, Any]) -> int:
    """Return how many contrasts a model tests together: the numerator degrees of freedom of its F."""
    parts = {found[0] for column in summary["columns"] if (found := re.search(r", part \d+$", column))}
    each = [len(_columns_of(name, summary)) for name in Contrast.of(summary).groups]
    return prod((max(1, len(parts)), *each))


def listed(names: Sequence[str]) -> str:
    """Return names as a list in words: `a`, `a and b`, `a, b and c`."""
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


def untried(record: Mapping[str, Any]) -> list[str]:
    """Return which scenarios were not tried, and which tests in which scenario, with the reasons."""
    found = [f"{scenario} was not tried: {reason}" for scenario, reason in record["skipped"].items()]
    by_reason: dict[tuple[str, str], list[str]] = {}
    for scenario, refused in record["refused"].items():
        for test, reason in refused.items():
            by_reason.setdefault((test, reason), []).append(scenario)
    return found + [f"{test} was not tried in {listed(names)}: {why}" for (test, why), names in by_reason.items()]


def _correlation(summary: Mapping[str, Any]) -> str:
    """Return what the correlation of transformed values is called."""
    return f"{'partial ' if covariates(summary) else ''}{CORRELATIONS[summary['correlation']]}"


def _between_conditions(summary: Mapping[str, Any]) -> bool:
    """Return whether differences among three conditions or more are tested together."""
    together = "," in str(summary["condition"]) and summary["outcome"] != "sessions"
    return together and len(conditions_in(summary)) > 2


def _factors(column: str) -> list[str]:
    """Return the columns of a table that a column of the design matrix is made of."""
    bare = re.sub(r", part \d+$", "", column)
    return [re.sub(r"^(?:C|bs)\(([\w.]+).*\)", r"\1", re.sub(r"\[[^]]*\]", "", part)) for part in bare.split(":")]


def _columns_of(name: str, summary: Mapping[str, Any]) -> set[str]:
    """Return the columns of the design matrix that tell the levels of a group from its first."""
    own = (re.sub(r", part \d+$", "", column) for column in summary["columns"])
    return {column for column in own if "[" in column and "bs(" not in column and _factors(column) == [name]}


def _two_levels(name: str, summary: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the levels of a column that has two, of arms, phases or conditions, in the order of the alphabet."""
    if name not in ("phase", "condition", summary["arm_column"]) or len(_columns_of(name, summary)) != 1:
        return ()
    known = {"phase": PHASES, "condition": conditions_in(summary)}
    names = known.get(name, [arm["arm"] for arm in summary["arms"]])
    return tuple(sorted(names)) if len(names) == 2 else ()
