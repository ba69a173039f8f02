"""Analysis of covariance with a covariate that every column has of its own, such as its value before.

Residuals are rearranged as everywhere (Freedman and Lane 1983; Winkler et al. 2014, NeuroImage 92:381), with the own
covariate in the reduced model; where labels are permuted, rows of the effect move and the own covariate stays. What
is computed of each column is in :mod:`connect.inference.own_covariates`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from scipy import stats

from connect.columns import KEPT, Values
from connect.design import Design
from connect.inference.arrangements import Arrangements
from connect.inference.estimates import Fit, hedges_correction, noncentrality, noncentrality_f
from connect.inference.own_covariates import Moves, Tile, tiles
from connect.inference.permutation import FEW, MANY, PRODUCTS, TOLERANCE, Listener, Tested, statistic, tested
from connect.inference.rows import Space, rearranged, relabelled, space


def fit_ancova(values: Values, before: Values, design: Design, confidence: float) -> Fit:
    """Estimate a contrast in every column, adjusted for the column's own covariate.

    Numbers are those of :func:`connect.inference.fit`, or of :func:`connect.inference.fit_together` for a contrast of
    several rows, with the own covariate among the nuisance. A column whose own covariate is a combination of the shared
    nuisance, or explains the whole contrast or the whole outcome, has none.

    Parameters
    ----------
    values
        Outcome ``(n, n_columns)``.
    before
        Own covariate of each column ``(n, n_columns)``. A mean is that expected where it is 0.
    design
        The contrast and the shared nuisance.
    confidence
        Level of the intervals.
    """
    found, df, q = space(design), with_own(design).df, design.effect.shape[1]
    whole = np.linalg.norm(found.residuals(design.effect)[:, 0])
    full = np.full((4, values.shape[1]), np.nan)
    for tile in tiles(found, values, before):
        r2 = tile.explained
        t = np.copysign(np.sqrt(r2 / (1 - r2) * df), tile.products[0])
        length = whole * np.sqrt(tile.free)
        full[:, tile.columns] = t, tile.length * np.sqrt((1 - r2) / df) / length, length, np.full(t.shape, df)
    t, error, length, dfs = full
    if q > 1:
        return _together(np.square(t) / q, dfs, (design.n, q, df), confidence)
    estimate, half = t * error, stats.t.ppf((1 + confidence) / 2, df) * error
    low, high = noncentrality(t, df, confidence) / length
    return Fit(estimate, estimate - half, estimate + half, t, hedges_correction(df) * t / length, low, high, error, dfs)


def ancova_test(
    values: Values,
    before: Values,
    design: Design,
    n_permutations: int,
    seed: int,
    *,
    labels: bool = False,
    listeners: Sequence[Listener] = (),
) -> Tested:
    """Test a contrast in every column, adjusted for the column's own covariate; the correction is over all columns.

    Parameters are those of :func:`connect.inference.permutation_test`, and ``before`` the own covariates
    ``(n, n_columns)``. Columns that :func:`fit_ancova` has no numbers for are not tested.
    """
    found, full, columns = space(design), with_own(design), _Columns(space(design), values, before)
    counts, maxima = np.zeros(values.shape[1]), []
    for block in Arrangements(design if labels else full, n_permutations, seed).blocks(FEW if listeners else MANY):
        best, heard = np.zeros(len(block)), np.full((len(block) if listeners else 0, counts.size), np.nan, np.float32)
        rows = relabelled(found, design, block) if labels else rearranged(found, block, flips=design.flips)
        for start in range(0, len(block), PRODUCTS):
            part = slice(start, start + PRODUCTS)
            moves = Moves(rows[part], block[part], labels=labels, flips=design.flips)
            for tile in columns:
                counts[tile.columns] += moves.tally(tile, columns.bars[tile.columns], best[part], heard[part])
        maxima.append(best)
        for listener in listeners:
            listener.add(statistic(heard, full))
    use, q = columns.use, design.effect.shape[1]
    return tested(counts[use], np.concatenate(maxima), columns.bars[use], use, q, full.df)


def with_own(design: Design) -> Design:
    """Return a design with one more nuisance column, which stands for the covariate that every column has of its own.

    It has the degrees of freedom of the model, and as the stand-in differs among all participants, none of them are
    interchangeable.
    """
    scale = np.abs(design.nuisance).max(initial=1.0)
    return replace(design, nuisance=np.column_stack([design.nuisance, scale * np.arange(design.n)]))


class _Columns:
    """All columns tile by tile; few are kept in memory. ``use (n_columns,)`` says which can be tested.

    ``bars (n_columns,)`` are the R² to reach, 0 for those that cannot be tested.
    """

    def __init__(self, found: Space, values: Values, before: Values) -> None:
        self.found, self.values, self.before, self.kept = found, values, before, list[Tile]()
        self.use, self.bars = np.zeros(values.shape[1], dtype=bool), np.zeros(values.shape[1])
        for tile in tiles(found, values, before):
            self.use[tile.columns] = True
            self.bars[tile.columns] = np.square(np.maximum(np.sqrt(tile.explained) - TOLERANCE, 0))
            self.kept += [tile] if values.size <= KEPT else []

    def __iter__(self) -> Iterator[Tile]:
        return iter(self.kept) if self.kept else tiles(self.found, self.values, self.before)


def _together(f: np.ndarray, dfs: np.ndarray, sizes: tuple[int, int, int], confidence: float) -> Fit:
    """Return F of several rows with Cohen's f and its interval, as :func:`connect.inference.fit_together` has them."""
    n, q, df = sizes
    blank, tail = np.full(f.shape, np.nan), (1 - confidence) / 2
    low, high = (np.sqrt(noncentrality_f(f, q, df, p) / n) for p in (1 - tail, tail))
    return Fit(blank, blank, blank, f, np.sqrt(np.maximum(q * (f - 1) / n, 0)), low, high, blank, dfs)
