"""Series and matrices as the text of a table, with nine significant digits, which is all that float32 has."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from connect.scans import MISSING


def series_text(series: np.ndarray, parcels: Sequence[str]) -> str:
    """Return series ``(n_volumes, n_parcels)`` as a table with a column per parcel; NaN is n/a."""
    lines = ["\t".join(parcels), *("\t".join(_written(row, MISSING)) for row in series)]
    return "\n".join(lines) + "\n"


def matrix_text(matrix: np.ndarray, parcels: Sequence[str], missing: str, *, named: bool) -> str:
    """Return a symmetric matrix ``(n_parcels, n_parcels)`` as a table with a column per parcel.

    Parameters
    ----------
    matrix
        The values; NaN where there is none.
    parcels
        Names of the parcels.
    missing
        How NaN is written.
    named
        Whether a first column, `Node`, has the names of the parcels too.
    """
    first, second = np.triu_indices(len(parcels))
    cells = np.empty(matrix.shape, dtype=object)
    cells[first, second] = cells[second, first] = _written(matrix[first, second], missing)
    heads = [["Node", *parcels], *([name, *row] for name, row in zip(parcels, cells.tolist(), strict=True))]
    return "".join("\t".join(line if named else line[1:]) + "\n" for line in heads)


def square(edges: np.ndarray, n_parcels: int, *, correlation: bool, fisher_z: bool) -> np.ndarray:
    """Return the matrix of a connectome.

    Parameters
    ----------
    edges
        Upper triangle, row by row ``(n_parcels * (n_parcels - 1) / 2,)``; NaN where there is no value.
    n_parcels
        Number of parcels.
    correlation
        Whether the values are correlations, so that the diagonal is 1 of parcels that are not missing.
    fisher_z
        Whether they are z = artanh(r), and r is wanted.

    Returns
    -------
    numpy.ndarray
        ``(n_parcels, n_parcels)``, float64. The diagonal of what is no correlation is NaN.
    """
    values = np.asarray(edges, dtype=np.float64)
    matrix = np.full((n_parcels, n_parcels), np.nan)
    first, second = np.triu_indices(n_parcels, 1)
    matrix[first, second] = matrix[second, first] = np.tanh(values) if fisher_z else values
    present = np.isfinite(matrix).any(axis=0)
    matrix[present, present] = 1.0 if correlation else np.nan
    return matrix


def _written(values: np.ndarray, missing: str) -> list[str]:
    return [missing if value != value else f"{value:.9g}" for value in values.tolist()]
