"""Variances of arms in many columns, for rearranged residuals, and their ratios, shrunk towards their mean.

Single precision is enough here: a variance is a sum of squares, and no two arrangements tie but by the same sums.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from scipy import special

from connect.columns import Values
from connect.design import Design
from connect.inference.rows import places, space

LEAST = np.float32(1e-10)
"""Share of a column's sum of squares below which that of an arm is none."""

FEW = 5
"""Columns below which the scatter of ratios over columns is not known and nothing is shrunk."""


@dataclass(frozen=True)
class Arms:
    """A design with a variance for each arm.

    Parameters
    ----------
    full
        Orthonormal basis of the model ``(n, k)``; its first q columns are the effect with the nuisance regressed out.
    members
        Which participants an arm has ``(n_arms, n)``, 1 or 0.
    df
        Degrees of freedom of each arm ``(n_arms,)``: participants less their leverages.
    products
        Products of the basis within each arm ``(n_arms, k, k)``.
    load
        Products of the effect within each arm ``(n_arms, q, q)``: its estimates vary by the sum of load times variance.
    """

    full: np.ndarray
    members: np.ndarray
    df: np.ndarray
    products: np.ndarray
    load: np.ndarray


@dataclass(frozen=True)
class Moved:
    """What is rearranged.

    Parameters
    ----------
    residuals
        In units of their arm's spread ``(n, n_columns)``.
    spread
        Relative spread of each arm, which residuals are given when they come into it ``(n_arms, n_columns)``.
    """

    residuals: Values
    spread: np.ndarray


def arms_of(design: Design, arms: np.ndarray) -> Arms:
    """Return the design with the arm of every participant ``(n,)``."""
    found, q = space(design), design.effect.shape[1]
    full = np.concatenate([found.effect, found.nuisance], axis=1)
    members = np.stack([(arms == name).astype(np.float64) for name in np.unique(arms)])
    leverage = np.square(full).sum(axis=1)
    products = np.stack([(full * one[:, None]).T @ full for one in members])
    return Arms(full, members, members @ (1 - leverage), products, products[:, :q, :q])


def moments(moved: Moved, made: Arms, moves: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the effect ``(q, n_moves, n_columns)`` and the variance of each arm ``(n_arms, n_moves, n_columns)``."""
    (n_arms, n), k = made.members.shape, made.full.shape[1]
    rows = np.einsum("gi,ik->gki", made.members, made.full).reshape(-1, n)
    sums, squares = _scattered(rows, moves), _scattered(made.members, moves)
    products, df = made.products.astype(np.float32), made.df.astype(np.float32)
    n_columns = moved.residuals.shape[1]
    effect = np.empty((made.load.shape[1], len(moves), n_columns), np.float32)
    variances = np.empty((n_arms, len(moves), n_columns), np.float32)
    for at in places(n_columns):
        tile = np.ascontiguousarray(moved.residuals[:, at], np.float32)
        spread = np.ascontiguousarray(moved.spread[:, at], np.float32)
        found = (sums.reshape(-1, n) @ tile).reshape(len(moves), n_arms, k, tile.shape[1])
        left = (squares.reshape(-1, n) @ np.square(tile)).reshape(len(moves), n_arms, tile.shape[1])
        _of_arms(found, left, spread, products, df, effect[:, :, at], variances[:, :, at])
    return effect, variances


def log_ratios(variances: np.ndarray, made: Arms) -> np.ndarray:
    """Return the logarithm of each arm's variance, without its bias, less the weighted mean of all arms."""
    bias = (special.digamma(made.df / 2) - np.log(made.df / 2)).astype(np.float32)
    logs = np.log(variances) - bias[:, None, None]
    found: np.ndarray = logs - np.einsum("g,gme->me", (made.df / made.df.sum()).astype(np.float32), logs)
    return found


def shrunk_ratios(variances: np.ndarray, made: Arms, prior: np.ndarray, power: float = 1.0) -> np.ndarray:
    """Return the arms' relative variances, shrunk towards their mean over the columns of ``prior``; same shape."""
    logs = log_ratios(variances, made)
    if prior.sum() < FEW:
        np.exp(logs, out=logs)
        return logs
    share, chance = made.df / made.df.sum(), special.polygamma(1, made.df / 2)
    expected = (1 - 2 * share) * chance + np.square(share) @ chance
    known = logs if prior.all() else logs[:, :, prior]
    mean, scatter = known.mean(axis=2, keepdims=True), known.var(axis=2, ddof=1, keepdims=True)
    kept = (np.maximum(0, 1 - expected[:, None, None] / np.maximum(scatter, LEAST)) ** power).astype(np.float32)
    logs -= mean
    logs *= kept
    logs += mean
    np.exp(logs, out=logs)
    return logs


def _scattered(rows: np.ndarray, moves: np.ndarray) -> np.ndarray:
    """Return rows ``(n_moves, n_rows, n)`` whose product with residuals is that of ``rows`` with rearranged ones."""
    moved = np.empty((len(moves), *rows.shape), np.float32)
    np.put_along_axis(moved, np.broadcast_to(moves[:, None], moved.shape), np.broadcast_to(rows, moved.shape), axis=2)
    return moved


@njit(cache=True)
def _of_arms(
    sums: np.ndarray,
    squares: np.ndarray,
    spread: np.ndarray,
    products: np.ndarray,
    df: np.ndarray,
    effect: np.ndarray,
    variances: np.ndarray,
) -> None:
    """Fill in the effect and the arms' variances of residuals y times spread: (y'y - 2 z_g'z + z'A_g z) / df."""
    n_moves, n_arms, k, width = sums.shape
    total, left = np.zeros((k, width), np.float32), np.empty(width, np.float32)
    for move in range(n_moves):
        total[:] = 0
        for arm in range(n_arms):
            _spread(sums[move, arm], spread[arm], total)
        effect[:, move] = total[: len(effect)]
        for arm in range(n_arms):
            square, factor = squares[move, arm], spread[arm]
            for e in range(width):
                left[e] = square[e] * factor[e] * factor[e]
            _less_model(left, sums[move, arm], total, products[arm])
            for e in range(width):
                variances[arm, move, e] = max(left[e] / df[arm], LEAST)


@njit(cache=True)
def _spread(sums: np.ndarray, factor: np.ndarray, total: np.ndarray) -> None:
    """Give an arm's sums their spread, and add them to those of all arms."""
    for j in range(len(sums)):
        line, whole = sums[j], total[j]
        for e in range(factor.size):
            value = line[e] * factor[e]
            line[e] = value
            whole[e] += value


@njit(cache=True)
def _less_model(left: np.ndarray, sums: np.ndarray, total: np.ndarray, products: np.ndarray) -> None:
    """Take from an arm's sums of squares what the model explains; ``products`` are symmetric."""
    for i in range(len(total)):
        line, one, own = sums[i], total[i], products[i, i]
        for e in range(left.size):
            left[e] += one[e] * (own * one[e] - line[e] - line[e])
        for j in range(i):
            twice, other = products[i, j] + products[j, i], total[j]
            for e in range(left.size):
                left[e] += twice * one[e] * other[e]
