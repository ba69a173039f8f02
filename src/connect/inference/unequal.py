"""Contrasts in models of arms whose variances differ: residuals are permuted in units of their arm's spread.

Permuting residuals takes every arm to vary alike. Where a small arm varies more, the test finds what is not there;
where a large arm does, it misses what is. Here the residuals of each arm are divided by its relative spread, permuted
among all participants, and given the spread of the arm into which they come. The statistic has a variance for each arm
as Welch's has (Welch 1947, doi:10.1093/biomet/34.1-2.28; of several rows together Welch 1951,
doi:10.1093/biomet/38.3-4.330), but a small arm knows its variance badly. Its ratio to the
others is much the same in all edges, so that each edge's ratio is shrunk towards the mean over edges by the share of
their scatter that sampling explains (Efron and Morris 1975, doi:10.1080/01621459.1975.10479864; Smyth 2004,
doi:10.2202/1544-6115.1027, for variances). With few columns nothing is shrunk, and the statistic is Welch's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numba import njit
from scipy import stats

from connect.columns import Columns, Values, mapped, per_column, side_by_side, taken
from connect.design import Design
from connect.inference.accumulator import count_reaching
from connect.inference.arm_variances import LEAST, Arms, Moved, arms_of, log_ratios, moments, shrunk_ratios
from connect.inference.arrangements import Arrangements
from connect.inference.estimates import Fit, fit, fit_together
from connect.inference.permutation import Listener, Tested, fdr
from connect.inference.rows import Space, space

MOVES, MANY = 32, 256
"""Rearrangements that are worked on at once: of an array, and of columns that are made again for each block."""

FITTED = 1e-6
"""Share of a participant's variance that the nuisance leaves, below which their residual is rounding and no more."""

TOLERANCE = 1e-5
"""Relative difference below which two statistics count as equal."""


def unequal_test(
    families: Sequence[Values],
    design: Design,
    arms: np.ndarray,
    n_permutations: int,
    seed: int,
    listeners: Sequence[Listener] = (),
    first: Sequence[Listener] = (),
) -> list[Tested]:
    """Test a contrast in families of columns, each corrected by its own largest |t|, or F of several rows.

    The ratios of variances of all columns are shrunk towards their mean over the columns of the last family, as much
    as those scatter.

    Parameters
    ----------
    families
        Outcome of every participant: an array ``(n, n_columns)`` for each family.
    design
        The contrast.
    arms
        Arm of every participant ``(n,)``; those that the contrast does not compare tell about the common variance.
    n_permutations
        Number of random permutations, unless all are fewer.
    seed
        Seed of the random ones.
    listeners
        Are given the signed t, or F, of the last family's columns, NaN for those that are not tested.
    first
        Are given those of the first family's columns.
    """
    made, values = arms_of(design, arms), side_by_side(families)
    ends = np.cumsum([family.shape[1] for family in families])
    raw, use = _raw(values, design, made)
    family = np.searchsorted(ends, np.arange(len(use)), side="right")[use]
    prior, heard = family == len(families) - 1, ((first, 0), (listeners, len(families) - 1))
    observed = _statistic(*moments(raw, made, np.arange(design.n)[None]), made, prior)[0]
    null, growth = _null(raw, space(design), made, prior)
    bars, counts = np.abs(observed) * (1 - TOLERANCE), np.ones(len(observed))
    maxima = [_largest(np.abs(observed)[None], family, len(families))]
    _tell(heard, observed[None], family, np.split(use, ends[:-1]))
    for moves in _others(design, n_permutations, seed, MANY if isinstance(values, Columns) else MOVES):
        effect, variances = moments(null, made, moves)
        statistic = _statistic((growth[:, :, None] * effect).sum(axis=1), variances, made, prior)
        counts += (np.abs(statistic) >= bars).sum(axis=0)
        maxima.append(_largest(np.abs(statistic), family, len(families)))
        _tell(heard, statistic, family, np.split(use, ends[:-1]))
    tops, tests = np.concatenate(maxima), []
    for number, (start, end) in enumerate(zip([0, *ends], ends, strict=False)):
        p, p_fwe = np.full(end - start, np.nan), np.full(end - start, np.nan)
        p[use[start:end]] = counts[family == number] / len(tops)
        p_fwe[use[start:end]] = count_reaching(tops[:, number], bars[family == number]) / len(tops)
        tests.append(Tested(p, p_fwe, fdr(p), tops[:, number]))
    return tests


def unequal_fit(families: Sequence[Values], design: Design, arms: np.ndarray, confidence: float) -> list[Fit]:
    """Estimate a contrast in families of columns, with the standard error, or F, of :func:`unequal_test`.

    The degrees of freedom are those of Welch (1947), from the variances of the arms in that column; of several rows
    they are combined from those of the principal components of the contrast (Fai and Cornelius 1996,
    doi:10.1080/00949659608811740). Hedges' g, or Cohen's f, and its interval are those of
    :mod:`connect.inference.estimates`, in standard deviations of all arms together.
    """
    made, values = arms_of(design, arms), side_by_side(families)
    ends = np.cumsum([family.shape[1] for family in families])
    raw, use = _raw(values, design, made)
    prior = (np.arange(len(use)) >= ends[-1] - families[-1].shape[1])[use]
    statistic, df, together = np.full(len(use), np.nan), np.full(len(use), np.nan), design.effect.shape[1] > 1
    variances = moments(raw, made, np.arange(design.n)[None])[1]
    directions = made.full[:, : design.effect.shape[1]].T
    effect = per_column(raw.residuals, lambda residuals: directions @ residuals)
    statistic[use] = _statistic(effect[:, None], variances, made, prior)[0]
    df[use] = _degrees_of_freedom(variances[:, 0].astype(np.float64), made)
    found = (fit_together if together else fit)(values, design, confidence)
    error = np.abs(found.estimate / statistic)
    half = stats.t.ppf((1 + confidence) / 2, df) * error
    low, high = found.estimate - half, found.estimate + half
    columns = (found.estimate, low, high, statistic, found.g, found.g_low, found.g_high, error, df)
    whole = [np.where(use, column, np.nan) for column in columns]
    return [
        Fit(*(column[end - own.shape[1] : end] for column in whole)) for own, end in zip(families, ends, strict=True)
    ]


def variance_ratios(values: Values, design: Design, arms: np.ndarray) -> dict[str, float]:
    """Return the variance of each arm relative to the weighted geometric mean of all, averaged over columns."""
    made = arms_of(design, arms)
    variances = moments(_raw(values, design, made)[0], made, np.arange(design.n)[None])[1]
    mean = log_ratios(variances, made).mean(axis=2)[:, 0]
    return {str(name): float(np.exp(ratio)) for name, ratio in zip(np.unique(arms), mean, strict=True)}


def _raw(values: Values, design: Design, made: Arms) -> tuple[Moved, np.ndarray]:
    """Return the residuals of the columns that can be tested, each of length 1, and which columns these are.

    A column can be tested if it is complete and varies around the model in every arm.
    """
    found = space(design)

    def left(some: np.ndarray, _: Any = None) -> np.ndarray:
        return found.residuals(np.where(np.isfinite(some).all(axis=0), some, 0.0))

    def lengths(some: np.ndarray) -> np.ndarray:
        residuals = left(some)
        total = np.square(residuals).sum(axis=0)
        around = made.members @ np.square(residuals - made.full @ (made.full.T @ residuals))
        use = np.isfinite(some).all(axis=0) & (around > LEAST * total).all(axis=0)
        return np.where(use, np.sqrt(total), np.nan)

    length = per_column(values, lengths)
    use = np.isfinite(length)
    length = length[use]
    residuals = mapped(taken(mapped(values, design.n, left), use), design.n, lambda some, at: some / length[at])
    return Moved(residuals, np.ones((len(made.members), len(length)))), use


def _null(raw: Moved, found: Space, made: Arms, prior: np.ndarray) -> tuple[Moved, np.ndarray]:
    """Return residuals in units of their arm's spread, and what permuted effects are multiplied with.

    That is ``(q, q, n_columns)`` and makes up for their being too small.

    Ratios that are shrunk scatter less over columns than those they stand for; shrunk by the root of the share they
    scatter as much (Louis 1984, doi:10.1080/01621459.1984.10478062). Residuals that are drawn without replacement tie
    the means of the arms to each other, which takes from the variance of their difference.
    """
    n, q = made.members.shape[1], made.load.shape[1]
    variances = moments(raw, made, np.arange(n)[None])[1]
    spread = np.sqrt(shrunk_ratios(variances, made, prior, power=0.5)[:, 0])
    inner = np.maximum(1 - np.square(found.nuisance).sum(axis=1), FITTED)

    def in_units(residuals: np.ndarray, at: Any) -> np.ndarray:
        scaled = residuals / np.sqrt(inner)[:, None] / (made.members.T @ spread[:, at])
        centred: np.ndarray = scaled - scaled.mean(axis=0)
        return centred

    weight = np.einsum("gqr,ge->eqr", made.load, np.square(spread))
    sums = np.einsum("gi,iq,ge->eq", made.members, made.full[:, :q], spread, optimize=True)
    growth = _growth(weight, weight - sums[:, :, None] * sums[:, None] / n).transpose(1, 2, 0).astype(np.float32)
    return Moved(mapped(raw.residuals, n, in_units), spread), growth


def _growth(free: np.ndarray, tied: np.ndarray) -> np.ndarray:
    """Return the root of ``free tied^-1``: what has the variance ``tied`` gets ``free`` by it ``(n_columns, q, q)``."""
    factor = np.linalg.cholesky(tied)
    inverse = np.linalg.inv(factor)
    lengths, directions = np.linalg.eigh(inverse @ free @ inverse.transpose(0, 2, 1))
    root = (directions * np.sqrt(lengths)[:, None]) @ directions.transpose(0, 2, 1)
    found: np.ndarray = factor @ root @ inverse
    return found


def _statistic(effect: np.ndarray, variances: np.ndarray, made: Arms, prior: np.ndarray) -> np.ndarray:
    """Return the signed t, or F of several rows, of rearranged residuals ``(n_moves, n_columns)``.

    Parameters are what :func:`connect.inference.arm_variances.moments` returns, the design, and which columns are of
    the family whose ratios are shrunk towards their mean.
    """
    ratios, load = shrunk_ratios(variances, made, prior), made.load.astype(np.float32)
    common = np.einsum("g,gme->me", (made.df / made.df.sum()).astype(np.float32), variances / ratios)
    if len(effect) == 1:
        t: np.ndarray = effect[0] / np.sqrt(common * np.einsum("g,gme->me", load[:, 0, 0], ratios))
        return t
    f = np.empty(common.shape, np.float32)
    _f_ratios(effect, ratios, load, f)
    f /= common
    return f


@njit(cache=True)
def _f_ratios(effect: np.ndarray, ratios: np.ndarray, load: np.ndarray, f: np.ndarray) -> None:
    """Fill in b' V^-1 b / q for effects b and V the sum of load times ratio, by Cholesky's factors."""
    q, n_moves, n_columns = effect.shape
    factor, solved = np.empty((q, q)), np.empty(q)
    for move in range(n_moves):
        for e in range(n_columns):
            total = 0.0
            for i in range(q):
                for j in range(i + 1):
                    value = 0.0
                    for g in range(len(load)):
                        value += load[g, i, j] * ratios[g, move, e]
                    for k in range(j):
                        value -= factor[i, k] * factor[j, k]
                    factor[i, j] = np.sqrt(value) if i == j else value / factor[j, j]
                left = effect[i, move, e]
                for k in range(i):
                    left -= factor[i, k] * solved[k]
                solved[i] = left / factor[i, i]
                total += solved[i] * solved[i]
            f[move, e] = total / q


def _degrees_of_freedom(variances: np.ndarray, made: Arms) -> np.ndarray:
    """Return the degrees of freedom ``(n_columns,)`` behind the variance of the effect, from those of the arms."""
    directions = np.linalg.eigh(np.einsum("gqr,ge->eqr", made.load, variances))[1]
    parts = np.einsum("eqm,gqr,erm->gme", directions, made.load, directions, optimize=True) * variances[:, None]
    each = np.square(parts.sum(axis=0)) / (np.square(parts) / made.df[:, None, None]).sum(axis=0)
    if len(each) == 1:
        return np.asarray(each[0])
    mean = (each / np.maximum(each - 2, 1e-9)).sum(axis=0)
    return np.asarray(2 * mean / (mean - len(each)))


def _others(design: Design, n_permutations: int, seed: int, n_moves: int) -> Iterator[np.ndarray]:
    """Give the arrangements but the observed one, which comes first."""
    first = 1
    for block in Arrangements(design, n_permutations, seed).blocks(n_moves):
        yield block[first:]
        first = 0


def _largest(strength: np.ndarray, family: np.ndarray, n_families: int) -> np.ndarray:
    """Return the largest |t|, or F, of each family ``(n_moves, n_families)``."""
    tops = [strength[:, family == number].max(axis=1, initial=0) for number in range(n_families)]
    largest: np.ndarray = np.stack(tops, axis=1)
    return largest


def _tell(
    heard: Sequence[tuple[Sequence[Listener], int]],
    statistic: np.ndarray,
    family: np.ndarray,
    use: Sequence[np.ndarray],
) -> None:
    """Give listeners the statistics of the family that they hear ``(n_moves, n_columns)``."""
    for listeners, number in heard:
        if listeners:
            full = np.full((len(statistic), len(use[number])), np.nan, np.float32)
            full[:, use[number]] = statistic[:, family == number]
            for listener in listeners:
                listener.add(full)
