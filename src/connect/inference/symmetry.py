"""Whether changes are symmetric, as flips of their signs take them to be: a test over many columns at once.

Where changes are skewed, flipped changes are not what chance would have given, and tests by sign flips find what is not
there. The skewness of one column says little in few participants; that of many columns does. Two statistics are
combined by the smaller of their p: the mean of the squared skewness, which finds columns skewed in different
directions, and the squared mean, which finds a common direction and has more power for that.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from connect.columns import Values, per_column
from connect.design import Design
from connect.inference.arrangements import Arrangements
from connect.inference.rows import space

COLUMNS = 1024
"""Columns that are looked at, evenly spaced: more cost time and say little more, as columns are correlated."""

LEAST = 1e-12
"""Share of a column's sum of squares below which what the model leaves is rounding."""

MOVES, VALUES = 16, 1 << 22
"""Flips that are worked on at once, at most: fewer where they have more values."""


@dataclass(frozen=True)
class Skewness:
    """How skewed changes are.

    Parameters
    ----------
    skewness
        Root mean square over columns of the skewness, corrected for small samples as scipy's and Fisher's is, without
        what flips give; 0 if that is all. Few participants show only a part: of exponential
        changes (2) 12 show 1.0, 40 show 1.3.
    p
        Share of flips with at least as much skewness.
    """

    skewness: float
    p: float


def symmetry_test(values: Values, design: Design, n_flips: int = 999, seed: int = 0) -> Skewness:
    """Test whether what the model leaves of a change is symmetric.

    Signs of whole participants are flipped as in the test of the mean change, and the model is fitted again each time.
    What is flipped are changes less what the model explains, shrunk by as much as that is chance (James and Stein
    1961): where there is no effect, flips of changes as they are hold the level exactly, whatever the tails. Flips
    about the estimates do not: an outlier pulls those, and all others then lie to one side.

    Parameters
    ----------
    values
        Outcome of every participant ``(n, n_columns)``; columns with NaN are not looked at.
    design
        The contrast, whose null is a symmetric outcome (``flips``).
    n_flips
        Number of random flips, unless all are fewer.
    seed
        Seed of the random ones.
    """
    changes, found = sample(values), space(design)
    full = np.concatenate([found.effect, found.nuisance], axis=1)
    left = np.square(changes - full @ (full.T @ changes)).sum(axis=0)
    varies = left > LEAST * np.square(changes).sum(axis=0)
    if not varies.any():
        return Skewness(np.nan, np.nan)
    centred = less_model(changes[:, varies], full, design.df)
    blocks = Arrangements(design, n_flips, seed).blocks(max(1, min(MOVES, VALUES // centred.size)))
    squared, common = np.concatenate([_pooled(signs[:, :, None] * centred, full) for signs in blocks]).T
    smaller = np.minimum(_p(squared), _p(common))
    excess = max(squared[0] - squared[1:].mean(), 0)
    return Skewness(float(np.sqrt(excess)), float((smaller <= smaller[0]).mean()))


def sample(values: Values) -> np.ndarray:
    """Return complete columns of values ``(n, n_columns)``, of many an evenly spaced part."""
    complete = np.flatnonzero(per_column(values, lambda some: np.isfinite(some).all(axis=0)))
    return np.asarray(values[:, complete[:: max(1, -(-len(complete) // COLUMNS))]], dtype=np.float64)


def less_model(changes: np.ndarray, basis: np.ndarray, df: int) -> np.ndarray:
    """Return changes ``(n, n_columns)`` less what a model explains, each of its directions shrunk by itself.

    Kept of a direction is the share of its scatter over columns that is not chance, F being df / (df - 2) by chance.

    Parameters
    ----------
    changes
        Columns that vary around the model.
    basis
        Orthonormal basis of the model ``(n, k)``.
    df
        Residual degrees of freedom.
    """
    explained = np.square(basis.T @ changes)
    f = (explained / (np.square(changes).sum(axis=0) - explained.sum(axis=0))).mean(axis=1) * df
    kept = np.maximum(0, 1 - df / max(df - 2, 1) / np.maximum(f, LEAST))
    centred: np.ndarray = changes - (basis * kept) @ (basis.T @ changes)
    return centred


def _pooled(flipped: np.ndarray, full: np.ndarray) -> np.ndarray:
    """Return the mean squared skewness and the squared mean skewness of flipped columns ``(n_moves, 2)``.

    Parameters
    ----------
    flipped
        Columns ``(n_moves, n, n_columns)``; the model is fitted again.
    full
        Orthonormal basis of the model ``(n, k)``.
    """
    n = len(full)
    flipped = flipped - full @ (full.T @ flipped)
    squares = np.square(flipped)
    second, third = squares.mean(axis=1), (squares * flipped).mean(axis=1)
    skewness = third / second**1.5 * (np.sqrt(n * (n - 1)) / (n - 2))
    return np.stack([np.square(skewness).mean(axis=1), np.square(skewness.mean(axis=1))], axis=1)


def _p(statistic: np.ndarray) -> np.ndarray:
    """Return the share of arrangements with a statistic at least as large as that of each ``(n_arrangements,)``."""
    share: np.ndarray = stats.rankdata(-np.round(statistic / statistic.max(), 9), method="max") / len(statistic)
    return share
