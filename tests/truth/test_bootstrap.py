"""BCa intervals against scipy.stats.bootstrap on the same draws, and the rules where there is no interval."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import numpy as np
import pytest
from scipy import stats
from scipy.stats._resampling import BootstrapResult

from connect.inference import bootstrap
from connect.inference.bootstrap import Bootstrap, bca, bootstrap_counts, resamples

CLOSE = {"rtol": 1e-10, "atol": 1e-11}
"""Both add the same numbers in another order: 14 digits agree; scipy's statistic is rounded to 12 decimals."""


@pytest.fixture(autouse=True)
def no_warnings() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def skewed(*shape: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).exponential(1, shape) + 0.2


def ratios(samples: list[tuple[np.ndarray, np.ndarray]], settings: Bootstrap) -> np.ndarray:
    """Return the sum over samples of sum(y) / sum(x), with rising weights, in every resample of each column."""
    drawn = resamples([x.shape[1] for x, _ in samples], settings)
    total = 0.0
    for i, pair in enumerate(samples):
        sums = drawn.sums(i, np.stack(pair, axis=1))
        total = total + (i + 1) * sums[:, 1] / sums[:, 0]
    return np.asarray(total)


def scipy_ratios(samples: list[tuple[np.ndarray, np.ndarray]], settings: Bootstrap, **more) -> BootstrapResult:
    def statistic(*indices: np.ndarray, axis: int = -1) -> np.ndarray:
        pairs = zip(samples, indices, strict=True)
        # Rounded, so that resamples that draw everyone once tie with the estimate, as they do in exact arithmetic.
        return np.round(sum((i + 1) * y[at].sum(axis) / x[at].sum(axis) for i, ((x, y), at) in enumerate(pairs)), 12)

    given = {"n_resamples": settings.n_resamples, "confidence_level": settings.confidence, "vectorized": True}
    rng = np.random.default_rng(settings.seed)
    return stats.bootstrap([np.arange(len(x)) for x, _ in samples], statistic, rng=rng, **(given | more))


def column(samples: list[tuple[np.ndarray, np.ndarray]], i: int) -> list[tuple[np.ndarray, np.ndarray]]:
    return [(x[i], y[i]) for x, y in samples]


# Draws


@pytest.mark.parametrize("sizes", [(7,), (1,), (5, 12), (4, 9, 3)])
def test_draws_are_those_of_scipy(sizes: tuple[int, ...]) -> None:
    seen: list[np.ndarray] = []

    def statistic(*draws: np.ndarray, axis: int = -1) -> np.ndarray:
        seen.append(
            np.concatenate(
                [
                    np.stack([np.bincount(row, minlength=n) for row in draw])
                    for draw, n in zip(draws, sizes, strict=True)
                ],
                axis=1,
            )
        )
        return np.arange(float(len(draws[0])))

    if min(sizes) > 1:
        data = [np.arange(n) for n in sizes]
        stats.bootstrap(data, statistic, n_resamples=50, method="percentile", rng=np.random.default_rng(4))
        np.testing.assert_array_equal(bootstrap_counts(sizes, 50, 4), seen[0])
    for part, size in zip(np.split(bootstrap_counts(sizes, 50, 4), np.cumsum(sizes)[:-1], axis=1), sizes, strict=True):
        assert part.shape == (50, size)
        np.testing.assert_array_equal(part.sum(axis=1), size)


def test_draws_are_uniform_and_seeded() -> None:
    counts = bootstrap_counts((10, 20), 20_000, 1)
    expected = stats.binom.pmf(np.arange(5), 10, 0.1) * 20_000
    for participant in range(10):
        observed = np.bincount(counts[:, participant], minlength=5)[:5]
        assert np.all(np.abs(observed - expected) < 5 * np.sqrt(expected))
    np.testing.assert_array_equal(counts, bootstrap_counts((10, 20), 20_000, 1))
    assert (counts != bootstrap_counts((10, 20), 20_000, 2)).any()


def test_an_empty_sample_is_refused() -> None:
    with pytest.raises(ValueError, match="must hold a participant"):
        resamples((4, 0), Bootstrap())


def test_resamples_begin_with_everyone_and_everyone_but_one() -> None:
    drawn = resamples((3, 2), Bootstrap(n_resamples=4))
    assert drawn.sizes == (3, 2)
    weights = np.concatenate(drawn.weights)
    np.testing.assert_array_equal(weights[:, 0], 1)
    np.testing.assert_array_equal(weights[:, 1:6], 1 - np.eye(5))
    np.testing.assert_array_equal(weights[:, 6:].T, bootstrap_counts((3, 2), 4, 1))
    for i, total in enumerate(drawn.totals):
        np.testing.assert_array_equal(total, drawn.weights[i].sum(axis=0))


@pytest.mark.parametrize("n", [1, 2, 13, 60])
@pytest.mark.parametrize("n_moments", [1, 3, 5])
def test_sums_are_exact_and_do_not_depend_on_other_columns(n: int, n_moments: int) -> None:
    drawn, moments = resamples((n,), Bootstrap(n_resamples=300)), skewed(23, n_moments, n)
    sums = drawn.sums(0, moments)
    np.testing.assert_allclose(sums, np.einsum("ckn,nr->ckr", moments, drawn.weights[0]), rtol=1e-13)
    for start, stop in ((0, 1), (5, 6), (3, 10), (0, 22)):
        np.testing.assert_array_equal(drawn.sums(0, moments[start:stop]), sums[start:stop])
    order = np.random.default_rng(1).permutation(23)
    np.testing.assert_array_equal(drawn.sums(0, moments[order]), sums[order])


# The interval


@pytest.mark.parametrize("sizes", [(5,), (12,), (60,), (8, 8), (6, 25), (5, 9, 30)])
@pytest.mark.parametrize("settings", [Bootstrap(seed=3), Bootstrap(n_resamples=999, confidence=0.8, seed=5)])
def test_intervals_equal_scipy(sizes: tuple[int, ...], settings: Bootstrap) -> None:
    samples = [(skewed(6, n, seed=n), skewed(6, n, seed=n + 1) ** 2) for n in sizes]
    low, high = bca(ratios(samples, settings), sizes, settings.confidence)
    for i in range(6):
        expected = scipy_ratios(column(samples, i), settings).confidence_interval
        np.testing.assert_allclose((low[i], high[i]), expected, **CLOSE)


def test_ties_count_half_despite_rounding() -> None:
    """A resample that draws everyone once, in any order, is the estimate; so is one whose sum is the same."""
    values = np.random.default_rng(2).integers(0, 4, (40, 8)) / 1.0
    ours = resamples((8,), Bootstrap()).sums(0, (values / 3 - 0.1)[:, None])[:, 0]
    ours /= resamples((8,), Bootstrap()).totals[0]
    low, high = bca(ours, (8,), 0.95)
    n_ties = 0
    for i, row in enumerate(values):
        found = stats.bootstrap((row,), np.mean, n_resamples=2000, rng=np.random.default_rng(1))
        n_ties += np.count_nonzero(found.bootstrap_distribution == row.mean())
        np.testing.assert_allclose((low[i] + 0.1, high[i] + 0.1), np.array(found.confidence_interval) / 3, **CLOSE)
    assert n_ties > 4000


def test_resamples_without_a_value_are_left_out() -> None:
    """scipy is given the defined part of the same distribution."""
    settings, samples = Bootstrap(seed=2), [(skewed(20, 15), skewed(20, 15, seed=9))]
    values = ratios(samples, settings)
    holes = np.random.default_rng(1).uniform(size=(20, 2000)) < 0.04
    values[:, 16:][holes] = np.random.default_rng(2).choice([np.nan, np.inf, -np.inf], holes.sum())
    low, high = bca(values, (15,), 0.95)
    for i in range(20):
        kept = BootstrapResult(None, values[i, 16:][~holes[i]], None)
        expected = scipy_ratios(column(samples, i), settings, n_resamples=0, bootstrap_result=kept)
        np.testing.assert_allclose((low[i], high[i]), expected.confidence_interval, **CLOSE)


def test_there_is_no_interval_where_it_is_undefined() -> None:
    settings = Bootstrap(n_resamples=400)
    good = ratios([(skewed(1, 10), skewed(1, 10, seed=5))], settings)[0]
    spoilt = np.tile(good, (10, 1))
    spoilt[1, 11 : 11 + 21] = np.nan
    spoilt[2, 0] = np.nan
    spoilt[3, 0] = np.inf
    spoilt[4, 7] = np.nan
    spoilt[5] = 0.3
    spoilt[6, 11:] = np.abs(spoilt[6, 11:]) + spoilt[6, 0] + 1
    spoilt[7, 11:] = -np.inf
    spoilt[8, 1:11] = spoilt[8, 0]
    spoilt[9, 11 : 11 + 20] = np.nan
    low, high = bca(spoilt, (10,), 0.95)
    np.testing.assert_array_equal(np.isfinite(low), [True] + 8 * [False] + [True])
    np.testing.assert_array_equal(np.isfinite(high), np.isfinite(low))
    alone = bca(good[None], (10,), 0.95)
    assert (low[0], high[0]) == (alone[0][0], alone[1][0])


def test_there_is_no_interval_past_the_pole_of_the_acceleration() -> None:
    """One outlier among many gives a = 1/6; with z0 = 2.9 and z = 3.3 the denominator 1 - a (z0 + z) is negative."""
    jackknife = np.zeros(1000)
    jackknife[0] = -1.0
    resampled = np.linspace(0, 1, 1000)
    values = np.concatenate([[0.9985], jackknife, resampled])[None]
    low, high = bca(values, (1000,), 0.999)
    assert np.isfinite(low[0])
    assert np.isnan(high[0])
    assert np.isfinite(bca(values, (1000,), 0.9)).all()


def test_bounds_move_with_the_statistic() -> None:
    """The interval of a rising function of the statistic is that function of the bounds, but for the acceleration."""
    settings, samples = Bootstrap(), [(skewed(4, 30), skewed(4, 30, seed=6))]
    values = ratios(samples, settings)
    low, high = bca(values, (30,), 0.95)
    for factor, offset in ((2.0, 0.0), (1e-9, 0.0), (1e9, 3.0), (1.0, 1e3)):
        moved = bca(values * factor + offset, (30,), 0.95)
        np.testing.assert_allclose(moved, np.stack([low, high]) * factor + offset, rtol=1e-9)
    mirrored = bca(-values, (30,), 0.95)
    np.testing.assert_allclose(mirrored, [-high, -low], rtol=1e-12)


# Order statistics


@pytest.mark.parametrize("n", [1, 2, 3, 4, 7, 100, 2000])
@pytest.mark.parametrize("kind", ["random", "ties", "rising", "falling", "constant", "outlier"])
def test_quantiles_equal_numpy(n: int, kind: str) -> None:
    rng = np.random.default_rng(n)
    values = rng.normal(size=(12, n)) if kind != "ties" else rng.integers(0, 4, (12, n)) - 1.5
    if kind in ("rising", "falling"):
        values = np.sort(values, axis=1)[:, :: 1 if kind == "rising" else -1].copy()
    elif kind == "constant":
        values[:] = 0.7
    elif kind == "outlier":
        values[:, n // 2] = 1e300
    levels = np.stack([rng.uniform(0, 0.1, 12), rng.uniform(0.9, 1, 12)])
    levels[:, :3] = [[0, 1, 0.5], [1, 0, 0.5]]
    padded = np.concatenate([np.full((12, 3), -1e9), values], axis=1)
    found = bootstrap._quantiles(padded, 3, levels)
    expected = [[np.quantile(row, level) for row, level in zip(values, side, strict=True)] for side in levels]
    np.testing.assert_allclose(found, expected, rtol=1e-13)
