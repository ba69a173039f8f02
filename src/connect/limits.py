"""The limits by which scans are judged: how the reasons begin that they give, and which exclude most scans."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from connect.settings.cohort import Limits

LIMITS: Mapping[str, str] = {
    "mean_fd": "mean FD",
    "minutes": "time left",
    "tdof": "tDOF left",
    "parcels_missing": "share of missing parcels",
}
"""The limits by which a whole scan is judged, and how a reason that one gives begins."""

BY_HAND = "by hand"
"""How the reason begins of a scan that the cohort file excludes."""


def severe(kept: pd.DataFrame, limits: Limits) -> list[str]:
    """Return which limits exclude more than half of the scans, from their reasons."""
    found = [str(reason) for reason in kept["reason"].dropna()]
    reasons = [reason.split("; ") for reason in found if not reason.startswith(BY_HAND)]
    counts = {
        key: sum(any(one.startswith(f"{word} ") for one in own) for own in reasons) for key, word in LIMITS.items()
    }
    return [
        f"limit {key} {getattr(limits, key):g} excludes {count} of {len(kept)} scans"
        for key, count in counts.items()
        if 2 * count > len(kept)
    ]
