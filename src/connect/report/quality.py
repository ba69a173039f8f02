"""Quality of a cohort: what must be looked at first, denoising strategies side by side, and every scan.

QC-FC stands beside the range that chance gives: with few participants that range is wide, and a number means nothing
without it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from connect.acquisition import changed_settings, told
from connect.limits import severe
from connect.report import numbers
from connect.report.pictures import Picture
from connect.report.sections import Result
from connect.settings.cohort import Limits

VARIANTS: Mapping[str, str] = {"level": "mean FD, connectivity", "change": "change in both"}
"""The two kinds of QC-FC: what is correlated over participants."""

SCAN_COLUMNS: Mapping[str, str] = {
    "mean_fd": "Mean FD, mm",
    "max_fd": "Max FD, mm",
    "fd_above_02": "FD > 0.2 mm, % of volumes",
    "fd_above_05": "FD > 0.5 mm, % of volumes",
    "max_std_dvars": "Max std DVARS",
    "tsnr": "tSNR",
    "coverage": "Mean coverage, %",
    "fd_dvars": "FD with signal change, r",
    "minutes": "Minutes left",
    "tdof": "tDOF left",
    "n_kept": "Volumes left",
    "n_volumes": "Volumes",
    "tr": "TR, s",
}
"""Columns of the table of scans that are numbers, and their headings."""

_SHARES = ("fd_above_02", "fd_above_05", "coverage")
_COUNTS = ("n_kept", "n_volumes")
_SETTINGS = {"tr": "TR", "scanner": "Scanner"}


@dataclass(frozen=True)
class Quality:
    """What the page says about the data.

    Parameters
    ----------
    scans
        Table of scans from the screen stage.
    lost
        Table of missing parcels from the screen stage.
    assessments
        Records of the assess stage in the primary atlas and measure, one per denoising strategy in the plan's order.
    pictures
        Figures about the cohort.
    carpets
        Pictures of scans as data URIs, by scan.
    """

    scans: pd.DataFrame
    lost: pd.DataFrame
    assessments: Sequence[Mapping[str, Any]]
    pictures: tuple[Picture, ...]
    carpets: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Flag:
    """Something to look at first: what it is, its numbers or participants, and the same as one line of text."""

    title: str
    details: tuple[str, ...]
    line: str


def arranged(scans: pd.DataFrame, sessions: Iterable[str]) -> pd.DataFrame:
    """Return the table of scans by participant, and by session in the order in which ``sessions`` has the labels."""
    labels = list(sessions)
    place = (
        scans["session_id"].fillna("").str.removeprefix("ses-").map({label: labels.index(label) for label in labels})
    )
    ordered = scans.assign(place=place).sort_values(["participant_id", "place", "scan"], ignore_index=True)
    return ordered.drop(columns="place")


def flags(results: Sequence[Result], scans: pd.DataFrame, limits: Limits) -> list[Flag]:
    """Return what must be looked at first.

    Limits that exclude most scans, motion that changed with the intervention, and scans that differ in kind.
    """
    found = [Flag(line[0].upper() + line[1:], (), line) for line in severe(scans, limits)]
    found += [_moved(result.name, result.summary["motion"]) for result in results if result.summary["motion"]["flag"]]
    found += [_careful(result.name, one) for result in results for one in result.summary["cautions"]]
    changed = changed_settings(scans)
    lines = told(list(changed.itertuples(index=False, name=None)), "kept scans")
    whats = [what for what in _SETTINGS if (changed["what"] == what).any()]
    return found + [
        _differ(changed[changed["what"] == what], what, line) for what, line in zip(whats, lines, strict=True)
    ]


def _careful(model: str, caution: str) -> Flag:
    return Flag("A test that is less sure than it says", (f"{model}: {caution}.",), f"{model}: {caution}")


def beside_chance(record: Mapping[str, Any], key: str, scale: float = 1.0) -> dict[str, Any]:
    """Return a number of QC-FC as text, the range that chance gives, and whether it lies outside of it.

    Parameters
    ----------
    record
        `level` or `change` of an assessment.
    key
        `median_abs_r`, `share` or `distance`.
    scale
        Factor of all numbers; 100 for percent.
    """
    value, middle, low, high = (record[key + part] for part in ("", "_chance", "_low", "_high"))
    if value is None:
        return {"value": numbers.MISSING, "chance": "", "middle": "", "outside": False, "p": None}
    shown = [numbers.MISSING if one is None else numbers.fixed(scale * one, 3 if scale == 1 else 1)
             for one in (value, middle, low, high)]  # fmt: skip
    outside = low is not None and high is not None and not low <= value <= high
    return {"value": shown[0], "middle": shown[1], "chance": f"{shown[2]} to {shown[3]}", "outside": outside,
            "p": record[f"{key}_p"]}  # fmt: skip


def without(assessments: Iterable[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Return which QC-FC could not be computed, and why."""
    return [
        {"strategy": record["strategy"], "variant": variant, "reason": record[variant]["reason"]}
        for record in assessments
        for variant in VARIANTS
        if record[variant]["reason"]
    ]


def scan_value(row: Mapping[str, Any], column: str) -> str:
    """Return a number of the table of scans as text; shares in percent."""
    value = row[column]
    if value is None:
        return numbers.MISSING
    if column in _COUNTS:
        return f"{value:.0f}"
    return numbers.fixed(100 * value, 1) if column in _SHARES else numbers.number(value)


def _moved(model: str, motion: Mapping[str, Any]) -> Flag:
    text = f"{model}: {motion['flag']}"
    detail = (
        f"Hedges' g {numbers.bounded(motion['g'], motion['g_low'], motion['g_high'])}, "
        f"p = {numbers.p_value(motion['p'])}, {numbers.people(motion['n'])}."
    )
    return Flag(text, (detail,), text)


def _differ(people: pd.DataFrame, what: str, line: str) -> Flag:
    title = (
        f"{_SETTINGS[what]} differs between the kept scans of {numbers.people(len(people))}; if it changed with the "
        "session, that cannot be told from an effect of the intervention"
    )
    details = tuple(f"{row['participant_id']}: {row['values']}" for row in people.to_dict("records"))
    return Flag(title, details, line)
