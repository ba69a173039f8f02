"""Statistics of the user's own: one number of each session's connectome, tested beside the domain-level quantities."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from connect.columns import Values
from connect.errors import UserError
from connect.functions import numbers
from connect.settings.statistic import Statistic

MUST = "one finite number for each session, or NaN"


def statistic_values(
    connectomes: Values,
    sessions: pd.DataFrame,
    parcels: pd.DataFrame,
    use: np.ndarray,
    statistics: Mapping[str, Statistic],
) -> dict[str, np.ndarray]:
    """Return the statistics of connectomes.

    A function gets the matrix of the parcels that every analysed session has, with 0 on the diagonal, and their rows of
    the parcels table. A session that lacks some of them has NaN.

    Parameters
    ----------
    connectomes
        Edges ``(n_sessions, n_edges)``, upper triangles row by row. Statistics read all of them at once.
    sessions
        One row per session: participant_id, session_id.
    parcels
        Parcels table with the ``domain`` of each parcel.
    use
        Which edges every analysed session has ``(n_edges,)``.
    statistics
        Statistics by name.

    Returns
    -------
    dict
        One array ``(n_sessions,)`` per name.

    Raises
    ------
    UserError
        If a function cannot be loaded, fails, or returns something else than a number.
    """
    first, second = np.triu_indices(len(parcels), 1)
    inside = np.zeros(len(parcels), dtype=bool)
    inside[first[use]] = inside[second[use]] = True
    table = parcels[inside].reset_index(drop=True)
    every = np.asarray(connectomes) if statistics else np.empty((0, 0))
    found = {}
    for name, statistic in statistics.items():
        function, values = statistic.own.load(), np.full(len(every), np.nan)
        for row, edges in enumerate(every):
            if np.isfinite(edges[use]).all():
                matrix = np.zeros((len(parcels), len(parcels)))
                matrix[first, second] = matrix[second, first] = np.where(use, edges, np.nan)
                given = (matrix[np.ix_(inside, inside)], table.copy())
                what = f"{sessions['participant_id'].iloc[row]} {sessions['session_id'].iloc[row]}"
                values[row] = _number(statistic, statistic.own.call(function, MUST, what, *given), what)
        found[name] = values
    return found


def described(statistics: Mapping[str, Statistic]) -> list[dict[str, Any]]:
    """Return what each statistic is, for the summary: its name, title, unit, words, source, function and its digest."""
    return [
        {
            "name": name, "title": one.title, "unit": one.unit, "words": one.words, "source": one.source,
            "function": one.own.name, "file": one.own.file.name,
            "sha256": hashlib.sha256(one.own.file.read_bytes()).hexdigest()[:16],
        }
        for name, one in statistics.items()
    ]  # fmt: skip


def _number(statistic: Statistic, found: Any, what: str) -> float:
    """Return what a function gave as a number; a UserError says that it is none."""
    value = numbers(found)
    if value is None or value.shape != () or np.isinf(value):
        got = f"{type(found).__name__} {str(found)[:40]}, for {what}"
        raise UserError(statistic.own, MUST, " ".join(got.split()), "return a number, such as `float(...)`")
    return float(value)
