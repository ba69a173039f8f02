"""Difference of arms whose variances differ: residuals are permuted in units of their arm's spread.

Permuting residuals takes every arm to vary alike. Where a small arm varies more, the test finds what is not there;
where a large arm does, it misses what is. Here the residuals of each arm are divided by its relative spread, permuted
among all participants, and given the spread of the arm into which they come. The statistic has a variance for each arm
as Welch's has (Welch 1947, doi:10.1093/biomet/34.1-2.28), but a small arm knows its variance badly. Its ratio to the
others is much the same in all edges, so that each edge's ratio is shrunk towards the mean over edges by the share of
their scatter that sampling explains (Efron and Morris 1975, doi:10.1080/01621459.1975.10479864; Smyth 2004,
doi:10.2202/1544-6115.1027, for variances). With few columns nothing is shrunk, and the statistic is Welch's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from scipy import stats

from connect.design import Design
from connect.inference.accumulator import count_reaching
from connect.inference.arm_variances import LEAST, Arms, Moved, arms_of, log_ratios, moments, shrunk_ratios
from connect.inference.arrangements import Arrangements
from connect.inference.estimates import Fit, fit
from connect.inference.permutation import Listener, Tested, fdr
from connect.inference.rows import Space, space

MOVES = 32
"""Rearrangements that are worked on at once."""

TOLERANCE = 1e-5
"""Relative difference below which two statistics count as equal."""


def unequal_test(
    families: Sequence[np.ndarray],
    design: Design,
    arms: np.ndarray,
    n_permutations: int,
    seed: int,
    listeners: Sequence[Listener] = (),
) -> list[Tested]:
    """Test the difference of two arms in families of columns, each corrected by its own largest |t|.

    The ratios of variances of all columns are shrunk towards their mean over the columns of the last family, as much
    as those scatter.

    Parameters
    ----------
    families
        Outcome of every participant: an array ``(n, n_columns)`` for each family.
    design
        The contrast, of one row.
    arms
        Arm of every participant ``(n,)``; those that the contrast does not compare tell about the common variance.
    n_permutations
        Number of random permutations, unless all are fewer.
    seed
        Seed of the random ones.
    listeners
        Are given the signed t of the last family's columns, NaN for those that are not tested.
    """
    made, values = arms_of(design, arms), np.concatenate(families, axis=1)
    ends = np.cumsum([family.shape[1] for family in families])
    raw, use = _raw(values, design, made)
    family = np.searchsorted(ends, np.arange(len(use)), side="right")[use]
    prior = family == len(families) - 1
    observed = _statistic(raw, made, np.arange(design.n)[None], prior)[0]
    null, inflation = _null(raw, space(design), made, prior)
    bars, counts = np.square(observed) * (1 - TOLERANCE), np.ones(len(observed))
    maxima = [_largest(np.square(observed)[None], family, len(families))]
    _tell(listeners, observed[None, prior], use[len(use) - families[-1].shape[1] :])
    for moves in _others(design, n_permutations, seed):
        t = _statistic(null, made, moves, prior) * inflation
        counts += (np.square(t) >= bars).sum(axis=0)
        maxima.append(_largest(np.square(t), family, len(families)))
        _tell(listeners, t[:, prior], use[len(use) - families[-1].shape[1] :])
    tops, tests = np.concatenate(maxima), []
    for number, (start, end) in enumerate(zip([0, *ends], ends, strict=False)):
        p, p_fwe = np.full(end - start, np.nan), np.full(end - start, np.nan)
        p[use[start:end]] = counts[family == number] / len(tops)
        p_fwe[use[start:end]] = count_reaching(tops[:, number], bars[family == number]) / len(tops)
        tests.append(Tested(p, p_fwe, fdr(p), np.sqrt(tops[:, number])))
    return tests


def unequal_fit(families: Sequence[np.ndarray], design: Design, arms: np.ndarray, confidence: float) -> list[Fit]:
    """Estimate the difference of two arms in families of columns, with the standard error of :func:`unequal_test`.

    Its degrees of freedom are Welch's (1947), from the variances of the arms in that column. Hedges' g and its interval
    are those of :func:`connect.inference.fit`, in standard deviations of all arms together.
    """
    made, values = arms_of(design, arms), np.concatenate(families, axis=1)
    ends = np.cumsum([family.shape[1] for family in families])
    raw, use = _raw(values, design, made)
    prior = (np.arange(len(use)) >= ends[-1] - families[-1].shape[1])[use]
    t, df = np.full(len(use), np.nan), np.full(len(use), np.nan)
    t[use] = _statistic(raw, made, np.arange(design.n)[None], prior)[0]
    parts = made.load[:, None] * moments(raw, made, np.arange(design.n)[None])[1][:, 0]
    df[use] = np.square(parts.sum(axis=0)) / (np.square(parts) / made.df[:, None]).sum(axis=0)
    found = fit(values, design, confidence)
    error = np.abs(found.estimate / t)
    half = stats.t.ppf((1 + confidence) / 2, df) * error
    blank = np.where(use, 1.0, np.nan)
    columns = (found.estimate, found.estimate - half, found.estimate + half, t, found.g, found.g_low, found.g_high)
    whole = [column * blank for column in (*columns, error, df)]
    return [
        Fit(*(column[end - own.shape[1] : end] for column in whole)) for own, end in zip(families, ends, strict=True)
    ]


def variance_ratios(values: np.ndarray, design: Design, arms: np.ndarray) -> dict[str, float]:
    """Return the variance of each arm relative to the weighted geometric mean of all, averaged over columns."""
    made = arms_of(design, arms)
    variances = moments(_raw(values, design, made)[0], made, np.arange(design.n)[None])[1]
    mean = log_ratios(variances, made).mean(axis=2)[:, 0]
    return {str(name): float(np.exp(ratio)) for name, ratio in zip(np.unique(arms), mean, strict=True)}


def _raw(values: np.ndarray, design: Design, made: Arms) -> tuple[Moved, np.ndarray]:
    """Return the residuals of the columns that can be tested, each of length 1, and which columns these are.

    A column can be tested if it is complete and varies around the model in every arm.
    """
    complete = np.isfinite(values).all(axis=0)
    residuals = space(design).residuals(np.where(complete, values, 0.0))
    total = np.square(residuals).sum(axis=0)
    left = made.members @ np.square(residuals - made.full @ (made.full.T @ residuals))
    use: np.ndarray = complete & (left > LEAST * total).all(axis=0)
    return Moved(residuals[:, use] / np.sqrt(total[use]), np.ones((len(made.members), int(use.sum())))), use


def _null(raw: Moved, found: Space, made: Arms, prior: np.ndarray) -> tuple[Moved, np.ndarray]:
    """Return residuals in units of their arm's spread, and by what the permuted t are too small ``(n_columns,)``.

    Ratios that are shrunk scatter less over columns than those they stand for; shrunk by the root of the share they
    scatter as much (Louis 1984, doi:10.1080/01621459.1984.10478062). Residuals that are drawn without replacement tie
    the means of the arms to each other, which takes from the variance of their difference.
    """
    n = len(raw.residuals)
    variances = moments(raw, made, np.arange(n)[None])[1]
    spread = np.sqrt(shrunk_ratios(variances, made, prior, power=0.5)[:, 0])
    inner = 1 - np.square(found.nuisance).sum(axis=1)
    residuals = raw.residuals / np.sqrt(inner)[:, None] / (made.members.T @ spread)
    weight = made.load @ np.square(spread)
    tied = np.square((made.members @ made.full[:, 0]) @ spread) / n
    inflation = np.sqrt(weight / (weight - tied)).astype(np.float32)
    return Moved(residuals - residuals.mean(axis=0), spread), inflation


def _statistic(moved: Moved, made: Arms, moves: np.ndarray, prior: np.ndarray) -> np.ndarray:
    """Return the signed t of rearranged residuals ``(n_moves, n_columns)``."""
    estimate, variances = moments(moved, made, moves)
    ratios = shrunk_ratios(variances, made, prior)
    share, load = (made.df / made.df.sum()).astype(np.float32), made.load.astype(np.float32)
    common = np.einsum("g,gme->me", share, variances / ratios)
    t: np.ndarray = estimate / np.sqrt(common * np.einsum("g,gme->me", load, ratios))
    return t


def _others(design: Design, n_permutations: int, seed: int) -> Iterator[np.ndarray]:
    """Give the arrangements but the observed one, which comes first."""
    first = 1
    for block in Arrangements(design, n_permutations, seed).blocks(MOVES):
        yield block[first:]
        first = 0


def _largest(strength: np.ndarray, family: np.ndarray, n_families: int) -> np.ndarray:
    """Return the largest t² of each family ``(n_moves, n_families)``."""
    tops = [strength[:, family == number].max(axis=1, initial=0) for number in range(n_families)]
    largest: np.ndarray = np.stack(tops, axis=1)
    return largest


def _tell(listeners: Sequence[Listener], t: np.ndarray, use: np.ndarray) -> None:
    if listeners:
        full = np.full((len(t), len(use)), np.nan, np.float32)
        full[:, use] = t
        for listener in listeners:
            listener.add(full)
