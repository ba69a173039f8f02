"""Estimate connectivity: from cleaned series of the kept scans to one row of edges per scan.

An edge is a pair of parcels; a connectome is the upper triangle of the matrix, row by row. A parcel that is missing in
a scan has NaN edges there. Fisher's z = artanh(r) makes correlations comparable and nearly normal (Fisher 1915).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from connect.config import read
from connect.errors import UserError
from connect.measures import own_measure, registered
from connect.settings.measure import Measure
from connect.tables import read_array, read_table, write_array, write_table


def estimate(
    series: Path, kept: Path, lost: Path, coverage: Path, measure: Path, connectomes: Path, scans: Path, edges: Path
) -> None:
    """Write the connectomes of the kept scans of a cohort.

    Parameters
    ----------
    series
        Cleaned series of all scans, one below the other (.npy).
    kept
        Table of scans from the screen stage.
    lost
        Table of missing parcels from the screen stage.
    coverage
        Table whose columns name the parcels.
    measure
        Measure of connectivity (YAML).
    connectomes
        Output: connectomes, one row per kept scan (.npy).
    scans
        Output: table that names the rows of the connectomes.
    edges
        Output: table that names the columns of the connectomes.
    """
    settings = read(Measure, measure)
    table = read_table(kept, ["scan", "start", "stop", "kept"])
    table = table[table["kept"] == "yes"].reset_index(drop=True)
    parcels = list(read_table(coverage).columns)
    stacked = read_array(series)
    pieces = [np.asarray(stacked[start:stop], dtype=np.float64) for start, stop in table[["start", "stop"]].to_numpy()]
    missing = read_table(lost, ["scan", "parcel"])
    for name, parcel in missing[["scan", "parcel"]].to_numpy():
        for piece in (pieces[row] for row in table.index[table["scan"] == name]):
            piece[:, parcels.index(parcel)] = np.nan
    write_array(connectomes, connect(pieces, settings, list(table["scan"])))
    write_table(scans, table.drop(columns=["start", "stop", "kept", "reason", "unusable"]))
    first, second = np.triu_indices(len(parcels), 1)
    names = np.array(parcels)
    write_table(edges, pd.DataFrame({"edge": np.arange(first.size), "a": names[first], "b": names[second]}))


def connect(series: Sequence[np.ndarray], settings: Measure, scans: Sequence[str] = ()) -> np.ndarray:
    """Return the connectomes of several scans.

    Parameters
    ----------
    series
        One array ``(n_volumes, n_parcels)`` per scan; a parcel with NaN or without variance is missing in that scan.
    settings
        The measure.
    scans
        Names of the scans, for error messages.

    Returns
    -------
    numpy.ndarray
        Upper triangles ``(n_scans, n_parcels * (n_parcels - 1) / 2)``, row by row; NaN where a parcel is missing, and
        where |r| = 1 has no finite z.

    Raises
    ------
    UserError
        If the measure is not registered, Fisher's z is asked of values that are no correlations, or a measure that
        needs several scans has too few scans or parcels in common; if a function of the user's own fails, or returns
        something else than a symmetric matrix.
    """
    present = np.stack([np.isfinite(one).all(axis=0) & (np.ptp(one, axis=0) > 0) for one in series])
    if settings.own:
        matrix = own_measure(settings.own, correlation=settings.fisher_z)
        named = scans or [f"scan {number}" for number in range(1, len(series) + 1)]
        parts = [
            _scatter(matrix(one[:, keep], name)[None], keep[None])
            for one, keep, name in zip(series, present, named, strict=True)
        ]
        values = np.concatenate(parts)
    else:
        values = _registered(series, present, settings)
    return fisher_z(values) if settings.fisher_z else values


def fisher_z(r: np.ndarray) -> np.ndarray:
    """Return artanh(r); NaN where two series are the same up to float32 precision, so that r has no finite z."""
    usable = np.abs(r) < 1 - np.finfo(np.float32).eps
    return np.arctanh(np.where(usable, r, np.nan))


def _registered(series: Sequence[np.ndarray], present: np.ndarray, settings: Measure) -> np.ndarray:
    """Return the upper triangles that a registered measure gives."""
    made = registered(settings.kind)
    if settings.fisher_z and not made.correlation:
        todo = "write `fisher_z: false`"
        raise UserError("key fisher_z of the measure", f"false for `{settings.kind}`", "true", todo)
    if made.together:
        present[:] = present.all(axis=0)
        if len(series) < 2 or present[0].sum() < 2:
            got = f"{len(series)} scans with {present[0].sum()} parcels in common"
            must = f"at least two scans and two parcels that all scans have, for `{settings.kind}`"
            raise UserError("key kind of the measure", must, got, "choose a measure of one scan, such as `correlation`")
        return _scatter(made.matrices([one[:, keep] for one, keep in zip(series, present, strict=True)]), present)
    parts = [_scatter(made.matrices([one[:, keep]]), keep[None]) for one, keep in zip(series, present, strict=True)]
    return np.concatenate(parts)


def _scatter(matrices: np.ndarray, present: np.ndarray) -> np.ndarray:
    """Return upper triangles of matrices over the present parcels, with NaN for the others."""
    n_parcels = present.shape[1]
    upper = np.triu_indices(n_parcels, 1)
    triangles = np.empty((len(matrices), upper[0].size))
    for row, (matrix, keep) in enumerate(zip(matrices, present, strict=True)):
        full = np.full((n_parcels, n_parcels), np.nan)
        full[np.ix_(keep, keep)] = matrix
        triangles[row] = full[upper]
    return triangles
