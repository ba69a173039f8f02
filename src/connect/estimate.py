"""Estimate connectivity: from cleaned series of the kept scans to one row of edges per scan.

An edge is a pair of parcels; a connectome is the upper triangle of the matrix, row by row. A parcel that is missing in
a scan has NaN edges there. Fisher's z = artanh(r) makes correlations comparable and nearly normal (Fisher 1915).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from connect.config import read
from connect.errors import UserError
from connect.functions import Own
from connect.measures import own_measure, registered
from connect.settings.measure import Measure
from connect.tables import array_written, read_header, read_rows, read_table, write_table


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
    parcels = read_header(coverage)
    absent = _absent(read_table(lost, ["scan", "parcel"]), parcels)
    ranges = zip(table["scan"], table["start"], table["stop"], strict=True)
    pieces = (_piece(read_rows(series, start, stop), absent.get(name, [])) for name, start, stop in ranges)
    with array_written(connectomes) as array:
        for values in connected(pieces, settings, list(table["scan"])):
            array.append(values)
    write_table(scans, table.drop(columns=["start", "stop", "kept", "reason", "unusable"]))
    first, second = np.triu_indices(len(parcels), 1)
    names = np.array(parcels)
    write_table(edges, pd.DataFrame({"edge": np.arange(first.size), "a": names[first], "b": names[second]}))


def connect(series: Iterable[np.ndarray], settings: Measure, scans: Sequence[str] = ()) -> np.ndarray:
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
    return np.concatenate(list(connected(series, settings, scans)))


def connected(series: Iterable[np.ndarray], settings: Measure, scans: Sequence[str] = ()) -> Iterator[np.ndarray]:
    """Give what :func:`connect` returns scan by scan, reading a scan when it is asked for.

    A measure that needs all scans together reads them all first and gives one array.
    """
    own = settings.own
    for values in _own(series, own, settings.fisher_z, scans) if own else _registered(series, settings):
        yield fisher_z(values) if settings.fisher_z else values


def fisher_z(r: np.ndarray) -> np.ndarray:
    """Return artanh(r); NaN where two series are the same up to float32 precision, so that r has no finite z."""
    usable = np.abs(r) < 1 - np.finfo(np.float32).eps
    return np.arctanh(np.where(usable, r, np.nan))


def _own(series: Iterable[np.ndarray], own: Own, correlation: bool, scans: Sequence[str]) -> Iterator[np.ndarray]:
    """Give the upper triangles of a function of the user's own, scan by scan."""
    matrix = own_measure(own, correlation=correlation)
    for number, one in enumerate(series):
        keep = _present(one)
        yield _scatter(matrix(one[:, keep], scans[number] if scans else f"scan {number + 1}")[None], keep[None])


def _registered(series: Iterable[np.ndarray], settings: Measure) -> Iterator[np.ndarray]:
    """Give the upper triangles of a registered measure, scan by scan or of all together."""
    made = registered(settings.kind)
    if settings.fisher_z and not made.correlation:
        todo = "write `fisher_z: false`"
        raise UserError("key fisher_z of the measure", f"false for `{settings.kind}`", "true", todo)
    for several in [list(series)] if made.together else ([one] for one in series):
        present = np.stack([_present(one) for one in several])
        if made.together:
            present[:] = present.all(axis=0)
            _check_common(present, settings)
        shared = [one[:, keep] for one, keep in zip(several, present, strict=True)]
        yield _scatter(made.matrices(shared), present)


def _present(one: np.ndarray) -> np.ndarray:
    """Return which parcels of a scan have a series that varies ``(n_parcels,)``."""
    found: np.ndarray = np.isfinite(one).all(axis=0) & (np.ptp(one, axis=0) > 0)
    return found


def _absent(lost: pd.DataFrame, parcels: Sequence[str]) -> dict[str, list[int]]:
    """Return for each scan the places of its missing parcels."""
    places = {name: place for place, name in enumerate(parcels)}
    found: dict[str, list[int]] = {}
    for scan, parcel in zip(lost["scan"], lost["parcel"], strict=True):
        found.setdefault(scan, []).append(places[parcel])
    return found


def _piece(series: np.ndarray, absent: Sequence[int]) -> np.ndarray:
    """Return the series of a scan in double precision, NaN in missing parcels."""
    piece: np.ndarray = series.astype(np.float64)
    piece[:, list(absent)] = np.nan
    return piece


def _check_common(present: np.ndarray, settings: Measure) -> None:
    n_scans, n_parcels = len(present), present[0].sum()
    if n_scans < 2 or n_parcels < 2:
        got = f"{n_scans} scans with {n_parcels} parcels in common"
        must = f"at least two scans and two parcels that all scans have, for `{settings.kind}`"
        raise UserError("key kind of the measure", must, got, "choose a measure of one scan, such as `correlation`")


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
