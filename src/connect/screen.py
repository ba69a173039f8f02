"""Screen: which scans are good enough to be analysed, which parcels are missing in them, and why, in words.

The limits are those of the cohort file: motion, time and degrees of freedom left, and coverage. A parcel is missing in
a scan if too little of it is covered or cleaning leaves no signal of it.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from connect.acquisition import changed_settings, told
from connect.config import read, suggest
from connect.errors import UserError
from connect.limits import BY_HAND, LIMITS, severe
from connect.settings.cohort import Cohort, Limits
from connect.tables import WORDS, Column, read_table, write_table

NEEDED = ("participant_id", "session_id", "scan", "minutes", "tdof", "mean_fd", "tr", "scanner", "unusable")
"""Columns that the table of rows must have."""

COLUMNS: Mapping[str, Column] = {
    "participant_id": Column("participant", WORDS),
    "session_id": Column("session", WORDS),
    "run": Column("run of the session", WORDS),
    "scan": Column("name of the scan in file names", WORDS),
    "start": Column("first row of the scan in the stacked series of denoise, counted from 0", "rows"),
    "stop": Column("row after its last one there; equal to start if the scan has no series", "rows"),
    "n_volumes": Column("volumes of the image", "volumes"),
    "n_kept": Column("volumes left after censoring", "volumes"),
    "minutes": Column("time left after censoring", "min"),
    "tdof": Column("temporal degrees of freedom left after denoising", "degrees of freedom"),
    "n_confounds": Column("columns that were regressed out", "confounds"),
    "mean_fd": Column("mean framewise displacement (Power et al. 2012), over all volumes that have one", "mm"),
    "max_fd": Column("largest framewise displacement", "mm"),
    "fd_above_02": Column("share of those volumes with a framewise displacement above 0.2 mm", "0 to 1"),
    "fd_above_05": Column("share of those volumes with a framewise displacement above 0.5 mm", "0 to 1"),
    "mean_dvars": Column("mean DVARS of the image before denoising", "units of the image"),
    "max_std_dvars": Column(
        "largest standardised DVARS, measured in the image by parcellate; not on the scale of the column std_dvars of "
        "the confounds, by which scrub.std_dvars censors",
        "1 is expected of noise alone",
    ),
    "tsnr": Column("temporal signal-to-noise ratio, median over the voxels of the brain", "ratio"),
    "coverage": Column("covered share of a parcel, mean over all parcels", "0 to 1"),
    "fd_dvars": Column(
        "Pearson correlation of framewise displacement and the change of the cleaned series, over the pairs of "
        "adjacent kept volumes with a framewise displacement (at most n_kept - 1)",
        "-1 to 1",
    ),
    "tr": Column("repetition time", "s"),
    "scanner": Column(
        "maker, model, field strength (T) and serial number or station of the scanner, as far as known", WORDS
    ),
    "unusable": Column("why the scan has no series", WORDS),
    "kept": Column("whether the scan is analysed (yes or no)", WORDS),
    "reason": Column("why it is not, in words", WORDS),
}
"""What the columns of the table of kept scans mean."""

NOBODY: Mapping[str, str] = {}
"""Nothing excluded by hand."""


@dataclass(frozen=True)
class Screened:
    """What screening decides.

    Attributes
    ----------
    kept
        The table of rows with the columns `kept` (yes or no) and `reason`.
    lost
        Missing parcels of the kept scans: scan, parcel, coverage.
    causes
        Which scan is excluded by what, a boolean column per cause: `unusable`, `session`, `exclude` (by hand), then
        :data:`connect.limits.LIMITS`.
    """

    kept: pd.DataFrame
    lost: pd.DataFrame
    causes: pd.DataFrame


def screen(rows: Path, coverage: Path, cohort: Path, kept: Path, lost: Path) -> None:
    """Decide which scans of a cohort are kept.

    Parameters
    ----------
    rows
        Table of scans from the denoise stage.
    coverage
        Table of covered shares from the denoise stage, scans by parcels.
    cohort
        Cohort (YAML) with the sessions and the limits.
    kept
        Output: the table of scans with `kept` (yes or no) and the reason in words; its columns are described in a JSON
        file beside it.
    lost
        Output: table of the missing parcels of kept scans.
    """
    settings = read(Cohort, cohort)
    table, shares = read_table(rows, NEEDED), read_table(coverage)
    if len(table) != len(shares):
        raise UserError(coverage, f"one row per scan ({len(table)})", f"{len(shares)} rows", "run denoise again")
    check_sessions(table, settings, cohort)
    check_excluded(table, settings, cohort)
    result = screen_scans(table, shares, settings.limits, settings.sessions, settings.exclude)
    check_any(result, settings.limits, cohort)
    write_table(kept, result.kept, COLUMNS)
    write_table(lost, result.lost)
    for line in notes(result, settings.limits):
        sys.stderr.write(f"connect screen: {line}\n")


def screen_scans(
    rows: pd.DataFrame,
    coverage: pd.DataFrame,
    limits: Limits,
    sessions: Collection[str],
    exclude: Mapping[str, str] = NOBODY,
) -> Screened:
    """Judge scans by limits.

    Parameters
    ----------
    rows
        One row per scan with the columns :data:`NEEDED`: `minutes` left after censoring, `tdof` left after denoising,
        `mean_fd` in mm, `unusable` the reason why a scan has no series, or missing.
    coverage
        Covered share of each parcel, scans by parcels; NaN counts as missing.
    limits
        The limits. Values on a limit pass; a value that is not known does not.
    sessions
        Session labels (without ``ses-``) that the cohort file lists.
    exclude
        Entities of the names of scans that are excluded by hand, such as ``sub-05_run-2``: the reason.

    Returns
    -------
    Screened
        An unusable scan has its own reason only, one of an unlisted session or excluded by hand that reason only, and
        the others one for each limit that they break.
    """
    missing = ~(coverage.to_numpy(dtype=np.float64) >= limits.coverage)
    share = pd.Series(missing.mean(axis=1), index=rows.index)
    unusable, unlisted = rows["unusable"].notna(), ~_labels(rows).isin(list(sessions))
    by_hand = pd.Series([_by_hand(scan, exclude) for scan in rows["scan"]], index=rows.index, dtype=object)
    named = ~unusable & ~unlisted & (by_hand != "")
    judged = ~unusable & ~unlisted & ~named
    causes = pd.DataFrame(
        {
            "unusable": unusable,
            "session": ~unusable & unlisted,
            "exclude": named,
            "mean_fd": judged & ~(rows["mean_fd"] <= limits.mean_fd),
            "minutes": judged & ~(rows["minutes"] >= limits.minutes),
            "tdof": judged & ~(rows["tdof"] >= limits.tdof),
            "parcels_missing": judged & ~(share <= limits.parcels_missing),
        }
    )
    good = ~causes.any(axis=1)
    kept = rows.assign(kept=np.where(good, "yes", "no"), reason=_reasons(rows, share, by_hand, causes, limits))
    scan, parcel = np.nonzero(missing & good.to_numpy()[:, None])
    lost = {"scan": rows["scan"].to_numpy()[scan], "parcel": coverage.columns.to_numpy()[parcel]}
    lost_table = pd.DataFrame({**lost, "coverage": coverage.to_numpy(dtype=np.float64)[scan, parcel]})
    return Screened(kept, lost_table, causes)


def notes(result: Screened, limits: Limits) -> list[str]:
    """Return what the user should hear.

    Sessions that are left out, limits that exclude more than half of the scans, and for whom TR or scanner changed.
    """
    unlisted = _labels(result.kept[result.causes["session"]]).map(_unlisted).value_counts(sort=False)
    left_out = [f"scans left out because {reason}: {count}" for reason, count in unlisted.items()]
    changed = changed_settings(result.kept).itertuples(index=False, name=None)
    return [*left_out, *severe(result.kept, limits), *told(list(changed), "kept scans")]


def check_sessions(rows: pd.DataFrame, cohort: Cohort, where: object) -> None:
    """Raise a UserError unless scans have a session of the cohort file; ``rows`` have a `session_id` each."""
    found = sorted(set(_labels(rows)))
    if not set(found) & set(cohort.sessions):
        got = f"none of them; the file lists {', '.join(cohort.sessions)}"
        todo = f"correct the labels{suggest(next(iter(cohort.sessions)), found)}"
        raise UserError(f"{where}, key sessions", f"sessions of the scans table ({', '.join(found)})", got, todo)


def check_excluded(rows: pd.DataFrame, cohort: Cohort, where: object) -> None:
    """Raise a UserError if the cohort file excludes a scan that there is not; ``rows`` have the name `scan` each."""
    for key in cohort.exclude:
        if not any(_by_hand(scan, {key: "named"}) for scan in rows["scan"]):
            todo = f"correct it{suggest(key, rows['scan'])}"
            raise UserError(f"{where}, key exclude", "entities of the names of scans", f"`{key}`, no scan", todo)


def check_any(result: Screened, limits: Limits, where: object) -> None:
    """Raise a UserError if no scan is kept."""
    if (result.kept["kept"] == "yes").any():
        return
    counts = {str(key): int(count) for key, count in result.causes.sum().items() if count}
    worst = max(LIMITS, key=lambda key: counts.get(key, 0))
    if worst in counts:
        todo = f"loosen the limit `{worst}` ({getattr(limits, worst):g}), which excludes {counts[worst]} scans"
    else:
        todo = f"mend the scans; of the first, {result.kept['reason'].iloc[0]}"
    first = result.kept.iloc[0]
    shown = ", ".join(f"{key} {count}" for key, count in counts.items())
    got = f"all {len(result.kept)} excluded: {shown}; {first['scan']}, for one: {first['reason']}"
    raise UserError(f"{where}, key limits", "limits that at least one scan meets", got, todo)


def _reasons(
    rows: pd.DataFrame, share: pd.Series[float], by_hand: pd.Series[str], causes: pd.DataFrame, limits: Limits
) -> np.ndarray:
    """Return for each scan the reasons in words, joined by semicolons, or None ``(n_scans,)``."""
    texts = {
        "unusable": list(rows["unusable"].astype(str)),
        "session": [_unlisted(label) for label in _labels(rows)],
        "exclude": [f"{BY_HAND}: {reason}" for reason in by_hand],
        "mean_fd": _beyond(LIMITS["mean_fd"], rows["mean_fd"], "above", limits.mean_fd, " mm"),
        "minutes": _beyond(LIMITS["minutes"], rows["minutes"], "below", limits.minutes, " min"),
        "tdof": _beyond(LIMITS["tdof"], rows["tdof"], "below", limits.tdof),
        "parcels_missing": _beyond(LIMITS["parcels_missing"], share, "above", limits.parcels_missing),
    }
    broken = [np.where(causes[key], text, "") for key, text in texts.items()]
    return np.array(["; ".join(filter(None, row)) or None for row in zip(*broken, strict=True)], dtype=object)


def _beyond(name: str, values: Iterable[float], relation: str, limit: float, unit: str = "") -> list[str]:
    """Return for each value the words that it is beyond a limit, with as many digits as it takes to see that."""
    shown = [next((near for digits in range(2, 12) if (near := round(v, digits)) != limit), v) for v in values]
    return [
        f"{name} is not known" if np.isnan(v) else f"{name} {v:.12g}{unit} is {relation} {limit:g}{unit}" for v in shown
    ]


def _unlisted(label: str) -> str:
    return f"session `{label}` is not in the cohort file" if label else "it has no session"


def _by_hand(scan: str, exclude: Mapping[str, str]) -> str:
    """Return why a scan is excluded by hand, or nothing."""
    own = set(scan.split("_"))
    return next((reason for key, reason in exclude.items() if set(key.split("_")) <= own), "")


def _labels(rows: pd.DataFrame) -> pd.Series[str]:
    return rows["session_id"].fillna("").astype(str).str.removeprefix("ses-")
