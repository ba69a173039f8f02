"""How the values of a phenotype were made, in the words of a methods text; what is cited stands as author and year."""

from __future__ import annotations

from itertools import pairwise

from connect.phenotypes.limits import limit_words
from connect.phenotypes.units import same_unit
from connect.settings.phenotype import HeartOf, Phenotype, ScoreOf
from connect.settings.score import Score

SUMMARIES = {
    "mean": "the mean of the samples of a session",
    "first": "the first sample of a session",
    "peak": "the largest of the samples of a session",
    "auc_g": "the area under the curve with respect to ground (Pruessner et al. 2003)",
    "auc_i": "the area under the curve with respect to increase (Pruessner et al. 2003)",
}
"""What is made of several samples."""

HEART = {
    "rmssd": "RMSSD, the root mean square of successive differences of normal beats (Task Force 1996)",
    "sdnn": "SDNN, the standard deviation of intervals between normal beats (Task Force 1996)",
    "hf": "the power of the intervals between 0.15 and 0.40 Hz (Task Force 1996)",
    "rate": "the mean heart rate",
}
"""Measures of the heart."""

BEATS = (
    "NeuroKit2 (Makowski et al. 2021) found the peaks; each was put where its wave is most like the median wave; with "
    "rules of connect's own, of the kinds of Lipponen and Tarvainen (2019), extra beats were deleted, missed ones "
    "inserted and misplaced ones moved to where their neighbours expect them"
)
LEFT_OUT = (
    "intervals beside such a beat, or one whose wave is unlike the others (Orphanidou et al. 2015), were left out"
)
SPLINE = "corrected beats kept their place in a cubic spline at 4 Hz, the power of which is Welch's"


def in_words(settings: Phenotype, measured_in: str, key: Score | None = None, n_below: int = 0) -> str:
    """Return in words what was done to come to the values.

    Parameters
    ----------
    settings
        The phenotype.
    measured_in
        Unit in which values stand in the table.
    key
        Scoring key of a questionnaire, if the phenotype is a scale of one.
    n_below
        How many values lie below the limit of detection.
    """
    parts = [f"`{settings.column}` of {settings.file}"]
    if settings.score:
        parts = [_of_score(settings.score, key)]
    elif settings.heart:
        parts = _of_heart(settings.heart)
    if not same_unit(measured_in, settings.measured_unit):
        how = f" (with {settings.conversion})" if settings.conversion else ""
        parts.append(f"converted from {measured_in} to {settings.measured_unit}{how}")
    if settings.limit_of_detection is not None:
        parts.append(f"{limit_words(settings)} ({n_below} value{'s' * (n_below != 1)})")
    parts += [SUMMARIES[settings.samples.summary]] if settings.samples else []
    parts += ["the natural logarithm"] if settings.transform == "log" else []
    return "; ".join(parts)


def _of_heart(settings: HeartOf) -> list[str]:
    recordings = {"ecg": "electrocardiograms", "pulse": "pulse recordings"}[settings.signal]
    first = f"{HEART[settings.measure]}, from {recordings} of a quality of {settings.quality:g} or more"
    return [first, BEATS, SPLINE if settings.measure == "hf" else LEFT_OUT]


def _of_score(settings: ScoreOf, key: Score | None) -> str:
    """Return which items make the scale, and how."""
    name = f"the scale `{settings.scale}` of the key {settings.key}"
    if key is None:
        return name
    items = key.scales[settings.scale]
    keyed = [item for item in items if item in key.reverse]
    turned = f" ({_numbered(keyed)} keyed in reverse)" if keyed else ""
    fewest = key.answered.get(settings.scale, len(items))
    rule = "all of which must be answered"
    if fewest < len(items):
        rule = f"of which {fewest} must be answered; those missing count as the mean of the others"
    return f"{name}, {key.title}: the {key.made_by} of {_numbered(items)}{turned}, {rule}"


def _numbered(items: tuple[int, ...] | list[int]) -> str:
    """Return the numbers of items in words, such as `items 1 to 18` or `items 2, 5 and 9`."""
    ordered = sorted(items)
    if len(ordered) > 2 and all(after - before == 1 for before, after in pairwise(ordered)):
        return f"items {ordered[0]} to {ordered[-1]}"
    *others, last = map(str, ordered)
    return f"items {', '.join(others)} and {last}" if others else f"item {last}"
