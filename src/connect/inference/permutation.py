"""Tests of one contrast in many columns at once, by rearranging participants.

The statistic is Student's t of the contrast, or F of several rows. Its null distribution comes from the residuals of
the reduced model (Freedman and Lane 1983; Winkler et al. 2014, NeuroImage 92:381): signs are flipped when the question
is a mean change, participants are permuted when it is a difference or a slope. Every participant moves as a whole, so
that the dependence among columns is kept. Where groups were assigned at random the labels are permuted instead. When
there are no more rearrangements than the model asks for, all are enumerated, and without covariates the p-values are
exact; else p = (b + 1) / (m + 1) (Phipson and Smyth 2010). The observed arrangement is always among them, so no p is 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy import stats

from connect.columns import KEPT, Values
from connect.design import Design
from connect.inference.arrangements import Arrangements
from connect.inference.flips import lines_of, tally_flips
from connect.inference.rows import Space, places, rearranged, relabelled, space
from connect.inference.tally import Target, tally, target

TOLERANCE = 1e-9
"""Difference below which two partial correlations count as equal: rounding must not break ties."""

MANY, FEW = 2048, 128
"""Rearrangements that are worked on at once, without and with a listener to each."""

PRODUCTS = 1024
"""Rows of a matrix product."""


class Listener(Protocol):
    """What wants to see the statistic of every column in every arrangement, the observed one first."""

    def add(self, statistic: np.ndarray, /) -> None:
        """Take the statistics of a block of arrangements ``(n_moves, n_columns)``: t, or F of several rows."""


@dataclass(frozen=True)
class Tested:
    """P-values of each column ``(n_columns,)``, two-sided.

    Parameters
    ----------
    p
        Uncorrected.
    p_fwe
        Corrected for all columns by the largest |t|, or F (Westfall and Young 1993).
    q_fdr
        Benjamini and Hochberg 1995, from ``p``.
    maxima
        Largest |t|, or F, of each arrangement ``(n_arrangements,)``, the observed one first.
    """

    p: np.ndarray
    p_fwe: np.ndarray
    q_fdr: np.ndarray
    maxima: np.ndarray

    def critical(self, alpha: float) -> float:
        """Return the |t|, or F, that a column must exceed for a corrected p of at most ``alpha``."""
        n = len(self.maxima)
        allowed = int(np.floor(alpha * n + 1e-9))
        return float(np.sort(self.maxima)[n - allowed]) if allowed > 0 else np.inf


@dataclass(frozen=True)
class Group:
    """Columns that share a design.

    Parameters
    ----------
    values
        Outcome of every participant ``(n, n_columns)``.
    design
        The contrast.
    columns
        Places of the columns in the whole family ``(n_columns,)``.
    """

    values: Values
    design: Design
    columns: np.ndarray


def permutation_test(
    values: Values,
    design: Design,
    n_permutations: int,
    seed: int,
    *,
    labels: bool = False,
    listeners: Sequence[Listener] = (),
) -> Tested:
    """Test the contrast in every column; the correction is over all of them.

    Parameters
    ----------
    values
        Outcome of every participant ``(n, n_columns)``; columns with NaN or without variance are not tested.
    design
        The contrast.
    n_permutations
        Number of random rearrangements, unless all are fewer.
    seed
        Seed of the random ones.
    labels
        Permute the effect and not the residuals: exact where participants were assigned at random.
    listeners
        Are given the statistics of all columns, NaN for those that are not tested.
    """
    group = Group(values, design, np.arange(values.shape[1]))
    return permutation_test_of_groups([group], n_permutations, seed, labels=labels, listeners=listeners)


def permutation_test_of_groups(
    groups: Sequence[Group],
    n_permutations: int,
    seed: int,
    *,
    labels: bool = False,
    listeners: Sequence[Listener] = (),
) -> Tested:
    """Test columns of which not all have the same design, in one family.

    The designs must have the same rows, degrees of freedom, blocks and number of rows of the contrast. Parameters are
    those of :func:`permutation_test`.
    """
    first = groups[0].design
    q, n_columns = first.effect.shape[1], sum(len(group.columns) for group in groups)
    works = [_Work(group, labels=labels) for group in groups]
    moves, maxima = Arrangements(first, n_permutations, seed), []
    for block in moves.blocks(FEW if listeners else MANY):
        best, heard = np.zeros(len(block)), np.full((len(block) if listeners else 0, n_columns), np.nan, np.float32)
        for work in works:
            work.take(block, best, heard)
        maxima.append(best)
        for listener in listeners:
            listener.add(statistic(heard, first))
    counts, bars, use = np.zeros(n_columns), np.zeros(n_columns), np.zeros(n_columns, dtype=bool)
    for work in works:
        counts[work.columns], bars[work.columns], use[work.columns] = work.counts, work.bars, True
    return tested(counts[use], np.concatenate(maxima), bars[use], use, q, first.df)


def tested(counts: np.ndarray, maxima: np.ndarray, bars: np.ndarray, use: np.ndarray, q: int, df: int) -> Tested:
    """Return the p-values from counts.

    Parameters
    ----------
    counts
        How many arrangements reach the bar of each used column ``(n_used,)``.
    maxima
        Largest R² of each arrangement ``(n_arrangements,)``.
    bars
        R² to reach of each used column ``(n_used,)``.
    use
        Which columns are used ``(n_columns,)``.
    q
        Rows of the contrast.
    df
        Residual degrees of freedom.
    """
    p, p_fwe = (_spread(each, use) for each in (counts / len(maxima), _share_at_least(maxima, bars)))
    return Tested(p, p_fwe, fdr(p), _t_or_f(maxima, q, df))


def testable(values: Values, design: Design) -> np.ndarray:
    """Return which columns ``(n_columns,)`` are complete and vary around the model."""
    found = space(design)
    use = np.empty(values.shape[1], dtype=bool)
    for at in places(len(use)):
        tile = np.asarray(values[:, at], dtype=np.float64)
        complete = np.isfinite(tile).all(axis=0)
        residuals = found.residuals(np.where(complete, tile, 0.0))
        total = np.square(residuals).sum(axis=0)
        explained = np.square(found.effect.T @ residuals).sum(axis=0)
        use[at] = complete & (total - explained > 1e-12 * total)
    return use


def statistic(partial: np.ndarray, design: Design) -> np.ndarray:
    """Return t of partial correlations, or F of shares of variance if the effect has several rows; same shape."""
    if design.effect.shape[1] == 1:
        left = np.maximum(1 - np.square(partial), np.finfo(partial.dtype).tiny)
        t: np.ndarray = partial * np.sqrt(design.df / left)
        return t
    q = design.effect.shape[1]
    f: np.ndarray = partial / np.maximum(1 - partial, np.finfo(partial.dtype).tiny) * (design.df / q)
    return f


def fdr(p: np.ndarray) -> np.ndarray:
    """Return Benjamini and Hochberg's q-values of the finite p-values."""
    finite = np.isfinite(p)
    return _spread(stats.false_discovery_control(p[finite]), finite) if finite.any() else np.full(p.shape, np.nan)


class _Work:
    """The counting of a group of columns."""

    def __init__(self, group: Group, *, labels: bool) -> None:
        self.design, self.labels, self.space = group.design, labels, space(group.design)
        use = testable(group.values, group.design)
        self.columns, self.tiles = group.columns[use], _Tiles(group.values, self.space, use)
        observed = np.concatenate([np.empty(0), *(_strength(self.space, tile) for tile in self.tiles)])
        self.bars = np.square(np.maximum(np.sqrt(observed) - TOLERANCE, 0))
        self.counts = np.zeros(len(self.bars), np.int32)

    def take(self, moves: np.ndarray, best: np.ndarray, heard: np.ndarray) -> None:
        """Count a block of arrangements; ``best`` grows, and unless it is empty the columns of ``heard`` are filled."""
        if self.labels:
            rows = relabelled(self.space, self.design, moves)
        else:
            rows = rearranged(self.space, moves, flips=self.design.flips)
        alone = self.design.flips and rows.shape[1] == 1
        block = _Block(rows, self.space.effect, lines_of(moves) if alone else None)
        out = np.empty((len(heard), len(self.bars)), np.float32)
        for tile, at in zip(self.tiles, self.tiles.places, strict=True):
            block.tally(target(tile, self.bars[at]), self.counts[at], best, out[:, at])
        if out.size:
            heard[:, self.columns] = out


class _Tiles:
    """Residuals ``(n_tile, n)`` of the used columns, each of length 1, tile by tile; few are kept in memory."""

    def __init__(self, values: Values, found: Space, use: np.ndarray) -> None:
        self.values, self.found = values, found
        self.columns = np.flatnonzero(use)
        self.places = list(places(len(self.columns)))
        self.kept = [self._tile(at) for at in self.places] if len(self.columns) * len(values) <= KEPT else None

    def __iter__(self) -> Iterator[np.ndarray]:
        return iter(self.kept) if self.kept is not None else (self._tile(at) for at in self.places)

    def _tile(self, at: slice) -> np.ndarray:
        residuals = self.found.residuals(np.asarray(self.values[:, self.columns[at]], dtype=np.float64))
        return np.ascontiguousarray((residuals / np.linalg.norm(residuals, axis=0)).T)


def _strength(found: Space, tile: np.ndarray) -> np.ndarray:
    """Return the observed R² ``(n_tile,)``."""
    strength: np.ndarray = np.minimum(np.square(tile @ found.effect).sum(axis=1), 1)
    return strength


@dataclass(frozen=True)
class _Block:
    """A block of arrangements.

    Its rows ``(n_moves, n_rows, n)``, the observed ones of the effect ``(n, q)``, and, where signs are all there is,
    what :func:`connect.inference.flips.lines_of` makes of them.
    """

    rows: np.ndarray
    effect: np.ndarray
    lines: np.ndarray | None

    def tally(self, tile: Target, counts: np.ndarray, best: np.ndarray, out: np.ndarray) -> None:
        """Count the block in a tile; see :func:`connect.inference.tally.tally` for what changes."""
        n_moves, n_rows, n = self.rows.shape
        if self.lines is not None:
            tally_flips(self.lines, self.effect[:, 0], self.rows, tile, counts, best, out)
            return
        step = max(PRODUCTS // n_rows, 1)
        columns = np.ascontiguousarray(tile.columns.T, dtype=np.float32)
        for start in range(0, n_moves, step):
            part = self.rows[start : start + step]
            products = part.reshape(-1, n).astype(np.float32) @ columns
            these = slice(start, start + len(part))
            tally(products, part, self.effect.shape[1], tile, counts, best[these], out[these])


def _t_or_f(strength: np.ndarray, q: int, df: int) -> np.ndarray:
    """Return |t|, or F, of R² in double precision; infinite where the model fits perfectly."""
    left = 1 - strength
    ratio = np.divide(strength, left, out=np.full(strength.shape, np.inf), where=left > 0) * (df / q)
    found: np.ndarray = np.sqrt(ratio) if q == 1 else ratio
    return found


def _share_at_least(maxima: np.ndarray, bars: np.ndarray) -> np.ndarray:
    """Return the share of maxima ``(n_arrangements,)`` that reach each bar ``(n_columns,)``."""
    below = np.searchsorted(np.sort(maxima), bars, side="left")
    share: np.ndarray = (len(maxima) - below) / len(maxima)
    return share


def _spread(values: np.ndarray, where: np.ndarray) -> np.ndarray:
    full = np.full(where.shape, np.nan)
    full[where] = values
    return full
