"""BCa bootstrap intervals of many columns at once, for statistics that are functions of sums over participants.

A resample is a row of counts, one per participant, so that the sums of all resamples are one matrix product per column.
Participants are drawn as wholes and the same draws serve every column, so that the results are joint: they depend
neither on the other columns nor on their order. The draws are those of ``scipy.stats.bootstrap`` with the same seed,
and the intervals agree with it to rounding.

The interval is bias-corrected and accelerated (Efron 1987, Journal of the American Statistical Association 82:171;
DiCiccio and Efron 1996, Statistical Science 11:189). Its bounds are the quantiles of the resampled statistic at the
levels Phi(z0 + (z0 + z) / (1 - a (z0 + z))), where z is the normal quantile of the tail. z0 comes from the share of
resamples below the estimate, and the acceleration a from the skewness of the jackknife values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit
from scipy import special

TIE = 1e-9
"""Distance from the estimate, in standard errors, within which a resample ties with it: rounding must not decide."""

FLAT = 1e-12
"""Standard error, relative to the estimate, below which a statistic does not vary but for rounding."""

USABLE = 0.95
"""Least share of the resamples in which the statistic must be defined."""


@dataclass(frozen=True)
class Bootstrap:
    """How to resample: number of resamples, level of the intervals, seed of the draws."""

    n_resamples: int = 2000
    confidence: float = 0.95
    seed: int = 1


@dataclass(frozen=True)
class Resamples:
    """Everyone, then everyone without one participant, for each, then the resamples.

    Parameters
    ----------
    weights
        How often a participant counts: an array ``(n_sample, 1 + n + n_resamples)`` per sample, where n is the number
        of participants in all samples together.
    totals
        How many participants there are: their sums ``(1 + n + n_resamples,)``.
    """

    weights: tuple[np.ndarray, ...]
    totals: tuple[np.ndarray, ...]

    @property
    def sizes(self) -> tuple[int, ...]:
        """Participants of each sample."""
        return tuple(len(sample) for sample in self.weights)

    def sums(self, sample: int, moments: np.ndarray) -> np.ndarray:
        """Return sums over the participants of a sample.

        Each column has a product of its own. One for all columns is hardly faster, and BLAS cuts matrices by their
        shape, so that the last digits of a column would depend on how many others there are.

        Parameters
        ----------
        sample
            Number of the sample.
        moments
            What to add up ``(n_columns, n_moments, n_sample)``. It should be centred: sums of large values lose digits.

        Returns
        -------
        numpy.ndarray
            ``(n_columns, n_moments, 1 + n + n_resamples)``.
        """
        sums: np.ndarray = np.matmul(moments, self.weights[sample])
        return sums


def resamples(sizes: Sequence[int], settings: Bootstrap) -> Resamples:
    """Return the resamples of one or more samples of the given numbers of participants.

    Raises
    ------
    ValueError
        If a sample is empty.
    """
    if min(sizes) < 1:
        raise ValueError(f"every sample must hold a participant, got samples of {sizes}")
    n = sum(sizes)
    weights = np.ones((n, 1 + n + settings.n_resamples))
    weights[np.arange(n), 1 + np.arange(n)] = 0
    weights[:, 1 + n :] = bootstrap_counts(sizes, settings.n_resamples, settings.seed).T
    samples = tuple(np.split(weights, np.cumsum(sizes)[:-1]))
    return Resamples(samples, tuple(sample.sum(axis=0) for sample in samples))


def bootstrap_counts(sizes: Sequence[int], n_resamples: int, seed: int) -> np.ndarray:
    """Draw participants with replacement, each sample from itself.

    Parameters
    ----------
    sizes
        Participants of each sample.
    n_resamples
        Number of resamples.
    seed
        Seed; ``scipy.stats.bootstrap`` makes the same draws with ``rng=numpy.random.default_rng(seed)``.

    Returns
    -------
    numpy.ndarray
        How often each participant was drawn ``(n_resamples, n)``, participants of the first sample first.
    """
    rng, rows = np.random.default_rng(seed), np.arange(n_resamples)[:, None]
    cells = [rng.integers(0, size, (n_resamples, size)) + rows * size for size in sizes]
    return np.concatenate([np.bincount(c.ravel(), minlength=c.size).reshape(c.shape) for c in cells], axis=1)


def bca(values: np.ndarray, sizes: Sequence[int], confidence: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the bounds of the BCa interval of a statistic in every column.

    Quantiles are interpolated between order statistics (type 7 of Hyndman and Fan 1996), as in scipy. Resamples in
    which the statistic is not finite are left out, as in ``boot.ci`` of R's package boot. There is no interval, and the
    bounds are NaN, where more than 5 % of the resamples are left out, where the statistic is not finite for everyone
    or without one of the participants, where it does not vary, where all resamples lie on one side of the estimate (z0
    is infinite), and where 1 - a (z0 + z) is not positive.

    Parameters
    ----------
    values
        The statistic for everyone, without each participant, and in the resamples
        ``(n_columns, 1 + n + n_resamples)``, as `Resamples` orders them.
    sizes
        Participants of each sample.
    confidence
        Level of the interval.

    Returns
    -------
    tuple of numpy.ndarray
        Lower and upper bounds ``(n_columns,)``.
    """
    first = 1 + sum(sizes)
    estimate, n_resamples = values[:, 0], values.shape[1] - first
    acceleration, error = _acceleration(values[:, 1:first], sizes)
    error = np.where(error > FLAT * np.abs(estimate), error, np.nan)
    below, upto, usable = _tally(values, first, estimate - TIE * error, estimate + TIE * error)
    z0 = special.ndtri((below + upto) / (2 * np.maximum(usable, 1)))
    z0 = np.where(np.isfinite(z0 + error) & (usable >= USABLE * n_resamples), z0, np.nan)
    shifted = z0 + special.ndtri([[(1 - confidence) / 2], [(1 + confidence) / 2]])
    slope = 1 - acceleration * shifted
    levels = special.ndtr(z0 + shifted / np.where(slope > 0, slope, np.nan))
    low, high = _quantiles(values, first, levels)
    return low, high


def _acceleration(jackknife: np.ndarray, sizes: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Return the acceleration and the standard error ``(n_columns,)`` from jackknife values ``(n_columns, n)``.

    A participant's influence on the statistic is n_j - 1 times the jackknife deviation within the own sample j. The
    acceleration is 1/6 of the skewness of the sum, over samples, of mean influences. Divided by n_j, their second and
    third powers therefore add up over samples (Davison and Hinkley 1997, section 5.3), as in scipy.
    """
    influences = []
    for sample in np.split(np.where(np.isfinite(jackknife), jackknife, np.nan), np.cumsum(sizes)[:-1], axis=1):
        share = (sample.shape[1] - 1) / sample.shape[1]
        influences.append(share * (sample.mean(axis=1, keepdims=True) - sample))
    influence = np.concatenate(influences, axis=1)
    error = np.sqrt(np.square(influence).sum(axis=1))
    standard = influence / np.where(error > 0, error, np.nan)[:, None]
    return (standard * standard * standard).sum(axis=1) / 6, error


@njit(cache=True)
def _tally(values: np.ndarray, first: int, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Count the finite values of each row from ``first`` on: those below ``low``, those up to ``high``, and all."""
    found = np.zeros((3, len(values)))
    for row in range(len(values)):
        below, upto, n = 0, 0, 0
        for value in values[row, first:]:
            finite = np.isfinite(value)
            below += finite & (value < low[row])
            upto += finite & (value <= high[row])
            n += finite
        found[0, row], found[1, row], found[2, row] = below, upto, n
    return found


@njit(cache=True)
def _quantiles(values: np.ndarray, first: int, levels: np.ndarray) -> np.ndarray:
    """Return quantiles ``(n_levels, n_rows)`` of the finite values of each row from ``first`` on; NaN at level NaN."""
    found = np.full(levels.shape, np.nan)
    finite = np.empty(values.shape[1])
    for row in range(len(values)):
        n = 0
        for value in values[row, first:]:
            if np.isfinite(value):
                finite[n] = value
                n += 1
        for i in range(len(levels)):
            if n and not np.isnan(levels[i, row]):
                rank = levels[i, row] * (n - 1)
                k = int(rank)
                lower = _ordered(finite, k, n)
                upper = finite[k + 1 : n].min() if k + 1 < n else lower
                found[i, row] = lower + (upper - lower) * (rank - k)
    return found


@njit(cache=True)
def _ordered(values: np.ndarray, k: int, n: int) -> float:
    """Return the k-th smallest of the first n values; they are rearranged so that no later one is smaller.

    Quickselect (Hoare 1961). Values equal to the pivot are set apart, so that ties do not slow it down.
    """
    start, stop = 0, n
    while stop - start > 1:
        a, b, c = values[start], values[(start + stop) // 2], values[stop - 1]
        pivot = max(min(a, b), min(max(a, b), c))
        middle = _split(values, start, stop, pivot)
        if k < middle:
            stop = middle
            continue
        start = _split(values, middle, stop, np.nextafter(pivot, np.inf))
        if k < start:
            break
    found: float = values[k]
    return found


@njit(cache=True)
def _split(values: np.ndarray, start: int, stop: int, bar: float) -> int:
    """Move the values below a bar to the front of a range and return where the others begin; it has no branches."""
    middle = start
    for i in range(start, stop):
        value = values[i]
        values[i] = values[middle]
        values[middle] = value
        middle += value < bar
    return middle
