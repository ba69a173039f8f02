"""What a rearrangement is multiplied with: orthonormal rows whose products with residuals give the statistic.

The residuals are those of the model without the effect. Rearranging residuals and refitting the whole model (Freedman
and Lane 1983) needs the products of the effect and of the nuisance with the rearranged residuals, which are those of
rearranged rows with the residuals as they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from connect.columns import TILE
from connect.design import Design
from connect.inference.arrangements import Arrangements


@dataclass(frozen=True)
class Space:
    """A design as orthonormal bases.

    Parameters
    ----------
    nuisance
        Basis of the nuisance ``(n, k - q)``.
    effect
        Basis of the effect with the nuisance regressed out ``(n, q)``.
    moved
        Basis of the part of the nuisance that rearrangements change ``(n, m)``, m at most k - q. Of the rest, such as
        an intercept under permutations, or a column of one participant whose sessions flip together, the product with
        rearranged residuals stays 0.
    """

    nuisance: np.ndarray
    effect: np.ndarray
    moved: np.ndarray

    def residuals(self, values: np.ndarray) -> np.ndarray:
        """Return values ``(n, n_columns)`` with the nuisance regressed out; residuals of rounding are 0."""
        if not self.nuisance.shape[1]:
            return np.ascontiguousarray(values)
        residuals = values - self.nuisance @ (self.nuisance.T @ values)
        rounding = np.square(residuals).sum(axis=0) <= 1e-24 * np.square(values).sum(axis=0)
        cleaned: np.ndarray = np.where(rounding, 0.0, residuals)
        return cleaned


def places(n_columns: int) -> Iterator[slice]:
    """Give the columns tile by tile, so that no more than a few are in double precision at once."""
    return (slice(start, min(start + TILE, n_columns)) for start in range(0, n_columns, TILE))


def space(design: Design) -> Space:
    """Return the bases of a design."""
    nuisance = basis(design.nuisance)
    effect = basis(design.effect - nuisance @ (nuisance.T @ design.effect))
    moves = Arrangements(design, 1, 0)
    return Space(nuisance, effect, _flipped(nuisance, moves) if design.flips else _moved(nuisance, moves))


def basis(columns: np.ndarray) -> np.ndarray:
    """Return an orthonormal basis of columns ``(n, k)`` of full rank; the first has the sign of the first column."""
    if not columns.shape[1]:
        return np.zeros(columns.shape)
    found, triangle = np.linalg.qr(columns)
    signed: np.ndarray = found * np.where(np.diag(triangle) < 0, -1.0, 1.0)
    return signed


def rearranged(found: Space, moves: np.ndarray, *, flips: bool) -> np.ndarray:
    """Return the rows ``(n_moves, q + m, n)`` whose product with residuals is that of rearranged residuals.

    Parameters
    ----------
    found
        Bases of the design.
    moves
        Signs ``(n_moves, n)`` if ``flips``, else row numbers: the residual of row ``moves[i]`` takes the place of
        row i.
    flips
        Whether signs are flipped.
    """
    rows = np.concatenate([found.effect, found.moved], axis=1).T
    moved = np.empty((len(moves), *rows.shape))
    if flips:
        np.multiply(rows, moves[:, None], out=moved)
        return moved
    np.put_along_axis(moved, np.broadcast_to(moves[:, None], moved.shape), np.broadcast_to(rows, moved.shape), axis=2)
    return moved


def relabelled(found: Space, design: Design, moves: np.ndarray) -> np.ndarray:
    """Return the rows ``(n_moves, q, n)`` of an effect that changes places while residuals and nuisance stay.

    This is the test of labels that were assigned at random (Draper and Stoneman 1966): exact under randomisation
    whatever the nuisance, and with one product for each row of the effect.
    """
    q = design.effect.shape[1]
    rows = np.empty((len(moves), q, design.n))
    target = np.broadcast_to(moves[:, None], rows.shape)
    np.put_along_axis(rows, target, np.broadcast_to(design.effect.T, rows.shape), axis=2)
    rows -= (rows @ found.nuisance) @ found.nuisance.T
    orthonormal, triangle = np.linalg.qr(rows.transpose(0, 2, 1))
    signs = np.where(np.diagonal(triangle, axis1=1, axis2=2) < 0, -1.0, 1.0)
    return np.ascontiguousarray((orthonormal * signs[:, None]).transpose(0, 2, 1))


def _moved(nuisance: np.ndarray, moves: Arrangements) -> np.ndarray:
    """Return the part of a basis that is not the same for all units that may change places."""
    average = np.zeros((len(nuisance), len(nuisance)))
    for members in moves.classes:
        rows = np.stack([moves.units[unit] for unit in members])
        for place in rows.T:
            average[np.ix_(place, place)] = 1 / len(place)
    share, directions = np.linalg.eigh(nuisance.T @ average @ nuisance)
    found: np.ndarray = nuisance @ directions[:, share < 1 - 1e-9]
    return found


def _flipped(nuisance: np.ndarray, moves: Arrangements) -> np.ndarray:
    """Return the part of a basis that sign flips change: what is not of one unit, or of several, each by itself."""
    own = np.empty(nuisance.shape)
    for unit in moves.units:
        own[unit] = (nuisance[unit] @ nuisance[unit].T) @ nuisance[unit]
    kept, directions = np.linalg.eigh(nuisance.T @ own)
    moved = kept < 1 - 1e-9
    found: np.ndarray = nuisance if moved.all() else nuisance @ directions[:, moved]
    return found
