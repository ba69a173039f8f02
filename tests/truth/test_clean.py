"""Cleaning agrees with nilearn where nilearn is right, and with a reference written by hand where it is not."""

from __future__ import annotations

import dataclasses
import sys
import warnings
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from nilearn import signal as nilearn_signal
from scipy.interpolate import CubicSpline
from scipy.signal import butter, lfilter, sosfiltfilt

from connect.config import read
from connect.denoise.clean import clean
from connect.denoise.confounds import read_confounds
from connect.errors import UnusableScan, UserError
from connect.settings.strategy import Strategy

TR = 2.0
BAND = Strategy(title="band", high_pass=0.008, low_pass=0.1)
LOW, HIGH = Strategy("", high_pass=None, low_pass=0.1), Strategy("", high_pass=0.01, low_pass=None)
PLAIN = Strategy(title="plain", detrend=False, high_pass=None, low_pass=None, standardize=False)
FILTERS = [(None, None), (0.01, None), (None, 0.1), (0.008, 0.1)]


def walks(n_volumes: int, n_columns: int, seed: int = 0) -> np.ndarray:
    """Return series with drifts and means far from 0, as parcels and confounds have."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n_volumes, n_columns)).cumsum(axis=0) * 0.3 + rng.normal(size=n_columns) * 1000


def mask(n_volumes: int, *censored: int) -> np.ndarray:
    kept = np.ones(n_volumes, dtype=bool)
    kept[list(censored)] = False
    return kept


def nilearn_clean(series: np.ndarray, confounds: np.ndarray, kept: np.ndarray, strategy: Strategy) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cleaned: np.ndarray = nilearn_signal.clean(
            series.copy(),
            detrend=strategy.detrend,
            standardize="zscore_sample" if strategy.standardize else None,
            confounds=confounds.copy() if confounds.shape[1] else None,
            sample_mask=None if kept.all() else np.flatnonzero(kept),
            filter="butterworth",
            low_pass=strategy.low_pass,
            high_pass=strategy.high_pass,
            t_r=TR,
        )
    return cleaned


def by_hand(series: np.ndarray, confounds: np.ndarray, kept: np.ndarray, strategy: Strategy) -> np.ndarray:
    """Return band-passed, censored, regressed and standardised series, column by column and by least squares."""
    volumes = np.flatnonzero(kept)
    times = np.arange(volumes[0], volumes[-1] + 1)
    sos = butter(5, [strategy.high_pass, strategy.low_pass], "bandpass", output="sos", fs=1 / TR)
    line = np.column_stack([np.ones(times.size), times])

    def tempered(column: np.ndarray) -> np.ndarray:
        whole = np.interp(times * TR, volumes * TR, column[volumes])
        whole -= line @ np.linalg.lstsq(line, whole)[0]
        return sosfiltfilt(sos, whole)[volumes - volumes[0]]

    nuisance = np.column_stack([tempered(column) for column in confounds.T])
    design = np.column_stack([(nuisance - nuisance.mean(0)) / nuisance.std(0), np.ones(volumes.size)])
    parcels = np.column_stack([tempered(column) for column in series.T])
    rest = parcels - design @ np.linalg.lstsq(design, parcels)[0]
    return rest / rest.std(axis=0, ddof=1)


@pytest.fixture
def spline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fill gaps as nilearn does, so that all else can be compared with it."""
    module = sys.modules["connect.denoise.clean"]
    monkeypatch.setattr(module, "make_interp_spline", lambda volumes, values, k: CubicSpline(volumes, values))


def difference(a: np.ndarray, b: np.ndarray) -> float:
    """Return the largest difference relative to the scale of each column."""
    return float((np.abs(a - b).max(axis=0) / b.std(axis=0)).max())


def tolerance(strategy: Strategy) -> float:
    """Return how near nilearn is to be: unless a trend is removed it regresses about 0 what lies far from 0."""
    return 1e-9 if strategy.detrend else 1e-7


@pytest.mark.parametrize(
    ("edges", "detrend", "standardize", "n_confounds"), list(product(FILTERS, [True, False], [True, False], [0, 8]))
)
def test_equals_nilearn(edges: tuple[Any, Any], detrend: bool, standardize: bool, n_confounds: int) -> None:
    strategy = Strategy("", detrend=detrend, high_pass=edges[0], low_pass=edges[1], standardize=standardize)
    series, confounds, kept = walks(150, 6), walks(150, n_confounds, seed=1), mask(150)
    ours = clean(series, confounds, kept, TR, strategy)
    assert difference(ours.series, nilearn_clean(series, confounds, kept, strategy)) < tolerance(strategy)
    assert ours.n_confounds == n_confounds


@pytest.mark.usefixtures("spline")
@pytest.mark.parametrize("edges", FILTERS[1:])
@pytest.mark.parametrize("detrend", [True, False])
@pytest.mark.parametrize("censored", [(0, 1, 2), (0, 1, 30, 31, 80), (147, 148, 149), (20, 21, 22, 60, 100)])
def test_equals_nilearn_with_censoring(edges: tuple[Any, Any], detrend: bool, censored: tuple[int, ...]) -> None:
    strategy = Strategy("", detrend=detrend, high_pass=edges[0], low_pass=edges[1])
    series, confounds, kept = walks(150, 6), walks(150, 8, seed=1), mask(150, *censored)
    assert not set(censored) & {149 - volume for volume in censored}
    ours = clean(series, confounds, kept, TR, strategy).series
    assert difference(ours, nilearn_clean(series, confounds, kept, strategy)) < tolerance(strategy)


@pytest.mark.parametrize("detrend", [True, False])
def test_equals_nilearn_with_steady_state_and_without_filter(detrend: bool) -> None:
    strategy = Strategy("", detrend=detrend, high_pass=None, low_pass=None)
    series, confounds, kept = walks(150, 6), walks(150, 8, seed=1), mask(150, 0, 1, 2, 3)
    ours = clean(series, confounds, kept, TR, strategy).series
    assert difference(ours, nilearn_clean(series, confounds, kept, strategy)) < tolerance(strategy)


@pytest.mark.usefixtures("spline")
@pytest.mark.parametrize("name", ["24p", "36p", "acompcor", "simple"])
def test_equals_nilearn_with_real_confounds(root: Path, shared_data: Path, name: str) -> None:
    strategy = read(Strategy, root / "config" / "strategies" / f"{name}.yaml")
    tables = sorted((shared_data / "confounds" / "fmriprep-1.5" / "sub-303").glob("*.tsv"))
    assert tables
    for table in tables:
        found = read_confounds(table, strategy)
        series = walks(len(found.kept), 10)
        ours = clean(series, found.matrix, found.kept, TR, strategy)
        assert difference(ours.series, nilearn_clean(series, found.matrix, found.kept, strategy)) < 1e-9


@pytest.mark.parametrize("censored", [(40, 109), (75, 76, 73, 74), (0, 149), (0, 1, 60, 149)])
def test_censored_volumes_with_a_censored_mirror_leave(censored: tuple[int, ...]) -> None:
    """Censor volumes whose mirror in time is censored too: nilearn 0.13.1 inverts an integer mask with ``~``.

    It then lets those volumes into the filter.
    """
    series, confounds, kept = walks(150, 6), walks(150, 8, seed=1), mask(150, *censored)
    series[list(censored)] += 50
    reference = by_hand(series, confounds, kept, BAND)
    assert difference(clean(series, confounds, kept, TR, BAND).series, reference) < 1e-9
    theirs = nilearn_clean(series, confounds, kept, BAND)
    assert theirs.shape != reference.shape or difference(theirs, reference) > 0.01, (
        "This nilearn no longer lets censored volumes into the filter. Add these patterns to "
        "test_equals_nilearn_with_censoring, remove this assertion, and remove the remarks about it in "
        "connect.denoise.clean and docs/stages/denoise.md."
    )


@st.composite
def patterns(draw: st.DrawFn) -> np.ndarray:
    """Draw which of 100 volumes are kept: any pattern, one that mirrors itself in time, or blocks."""
    censored = draw(st.sets(st.integers(0, 99), max_size=30))
    kind = draw(st.sampled_from(["any", "mirrored", "blocks"]))
    if kind == "mirrored":
        censored |= {99 - volume for volume in censored}
    elif kind == "blocks":
        censored = {volume + step for volume in sorted(censored)[:8] for step in range(6) if volume + step < 100}
    return mask(100, *censored)


@given(kept=patterns(), seed=st.integers(0, 2**16), size=st.floats(1, 1e9), parcel=st.integers(0, 3))
@settings(max_examples=150, deadline=None)
def test_a_spike_in_a_censored_volume_changes_no_kept_one(
    kept: np.ndarray, seed: int, size: float, parcel: int
) -> None:
    series, confounds = walks(100, 4, seed), walks(100, 5, seed + 1)
    try:
        clear = clean(series, confounds, kept, TR, BAND)
    except UnusableScan:
        assume(False)
    spiky = series.copy()
    spiky[~kept, parcel] += size
    confounds[~kept, 0] -= size
    np.testing.assert_allclose(clean(spiky, confounds, kept, TR, BAND).series, clear.series, rtol=0, atol=1e-9)


def at_once(series: np.ndarray, confounds: np.ndarray, kept: np.ndarray, strategy: Strategy) -> np.ndarray:
    """Return series after one projection on confounds, trend and the frequencies outside the band, of kept volumes."""
    times = np.arange(len(series))
    waves = np.fft.rfftfreq(len(series), TR)
    outside = waves[(waves < float(strategy.high_pass or 0)) | (waves > float(strategy.low_pass or 1))]
    angles = 2 * np.pi * np.outer(times * TR, outside)
    design = np.column_stack([times, confounds, np.cos(angles), np.sin(angles)])[kept]
    spread = design.std(axis=0)
    basis, lengths, _ = np.linalg.svd((design - design.mean(axis=0))[:, spread > 1e-9] / spread[spread > 1e-9], False)
    basis = np.column_stack([basis[:, lengths > 1e-9 * lengths[0]], np.ones(len(basis))])
    basis = np.linalg.qr(basis)[0]
    left: np.ndarray = series[kept] - basis @ (basis.T @ series[kept])
    return left


@pytest.mark.parametrize(
    ("n_volumes", "n_confounds", "n_censored", "low", "high"),
    [(600, 6, 0, 0.95, 1.0), (150, 36, 0, 0.8, 0.95), (150, 12, 30, 0.3, 0.8)],
)
def test_regression_and_filter_in_one_projection_are_another_estimator(
    n_volumes: int, n_confounds: int, n_censored: int, low: float, high: float
) -> None:
    """The median r between the cleaned series of both: near 1 where 214 tDOF are left, far below where some 20 are.

    A projection may not replace the two steps in silence: it would change every result of short or censored scans.
    """
    rng = np.random.default_rng(5)
    series, confounds = rng.normal(size=(n_volumes, 40)), rng.normal(size=(n_volumes, n_confounds))
    kept = mask(n_volumes, *rng.choice(n_volumes, n_censored, replace=False))
    ours = clean(series, confounds, kept, TR, BAND).series
    theirs = at_once(series, confounds, kept, BAND)
    r = np.median([np.corrcoef(ours[:, n], theirs[:, n])[0, 1] for n in range(40)])
    assert low < r < high


@pytest.mark.parametrize("strategy", [BAND, Strategy("", high_pass=None, low_pass=None)])
def test_a_drift_leaves_wherever_volumes_are_censored(strategy: Strategy) -> None:
    """Removing a drift is exact in time; nilearn counts kept volumes without a filter, which leaves some of it."""
    series, none, kept = walks(150, 4), np.empty((150, 0)), mask(150, *range(20, 45), 100)
    drift = np.arange(150)[:, None] * 3.0
    ours = [clean(values, none, kept, TR, strategy).series for values in (series, series + drift)]
    assert difference(ours[1], ours[0]) < 1e-9


@pytest.mark.parametrize("strategy", [BAND, PLAIN, Strategy("", high_pass=None), Strategy("", low_pass=None)])
@pytest.mark.parametrize("value", [1e6, np.nan])
def test_censored_spikes_do_not_leak(strategy: Strategy, value: float) -> None:
    series, confounds = walks(150, 6), walks(150, 8, seed=1)
    kept = mask(150, 0, 1, 50, 51, 98, 99, 149)
    clear = clean(series, confounds, kept, TR, strategy)
    series[~kept], confounds[~kept] = value, value
    spiky = clean(series, confounds, kept, TR, strategy)
    np.testing.assert_array_equal(spiky.series, clear.series)
    assert spiky.tdof == clear.tdof


def test_what_it_was_given_stays_as_it_was() -> None:
    series, confounds, kept = walks(150, 6), walks(150, 8, seed=1), mask(150, 50)
    before = series.copy(), confounds.copy(), kept.copy()
    clean(series, confounds, kept, TR, BAND)
    for now, then in zip((series, confounds, kept), before, strict=True):
        np.testing.assert_array_equal(now, then)


@given(seed=st.integers(0, 2**32 - 1), n_censored=st.integers(0, 40))
@settings(max_examples=25, deadline=None)
def test_laws(seed: int, n_censored: int) -> None:
    """Order, scale and offset of parcels do not matter, and nothing is left along the filtered confounds."""
    rng = np.random.default_rng(seed)
    series, confounds = walks(120, 5, seed), walks(120, 6, seed + 1)
    kept = mask(120, *rng.choice(120, n_censored, replace=False))
    cleaned = clean(series, confounds, kept, TR, BAND).series
    order = rng.permutation(5)
    np.testing.assert_allclose(clean(series[:, order], confounds, kept, TR, BAND).series, cleaned[:, order], atol=1e-9)
    other = series * rng.uniform(0.1, 10, 5) + rng.normal(size=5) * 100
    np.testing.assert_allclose(clean(other, confounds, kept, TR, BAND).series, cleaned, atol=1e-7)
    none = np.empty((120, 0))
    tempered = clean(confounds, none, kept, TR, dataclasses.replace(BAND, standardize=False)).series
    tempered = (tempered - tempered.mean(axis=0)) / tempered.std(axis=0)
    assert np.abs(tempered.T @ cleaned).max() / len(cleaned) < 1e-9
    np.testing.assert_allclose(cleaned.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(cleaned.std(axis=0, ddof=1), 1)


@pytest.mark.parametrize("strategy", [BAND, PLAIN, Strategy("", high_pass=None, low_pass=None)])
def test_a_parcel_without_signal_is_missing(strategy: Strategy) -> None:
    """Missing, constant, constant but for rounding, zero, and explained by the confounds."""
    series, confounds, kept = walks(150, 7), walks(150, 8, seed=1), mask(150, 0, 30, 31)
    series[:, 0] = np.nan
    series[7, 1] = np.nan
    series[:, 2] = 1234.567
    series[:, 3] = 1234.567 * (1 + 1e-9 * np.random.default_rng(0).normal(size=150))
    series[:, 4] = 0
    series[:, 5] = 10 + confounds @ np.arange(8)
    cleaned = clean(series, confounds, kept, TR, strategy).series
    assert np.isnan(cleaned[:, :6]).all()
    others = clean(series[:, 6:], confounds, kept, TR, strategy).series
    np.testing.assert_allclose(cleaned[:, 6:], others, rtol=1e-9, atol=1e-9)


def test_dependent_and_constant_confounds_count_once() -> None:
    series, confounds, kept = walks(150, 5), walks(150, 4, seed=1), mask(150)
    doubled = np.column_stack([confounds, confounds[:, 0] - 2 * confounds[:, 1], np.full(150, 7.7), np.zeros(150)])
    once, twice = (clean(series, values, kept, TR, BAND) for values in (confounds, doubled))
    np.testing.assert_allclose(twice.series, once.series, atol=1e-9)
    assert twice.tdof == pytest.approx(once.tdof, rel=1e-9)
    assert (once.n_confounds, twice.n_confounds) == (4, 7)


def blocks(n_volumes: int, censored: float, length: int) -> np.ndarray:
    """Return which volumes are kept if a share of them is censored in evenly spaced blocks.

    None has a censored mirror in time, which nilearn would let into the filter.
    """
    kept, n_blocks = np.ones(n_volumes, dtype=bool), round(n_volumes * censored / length)
    for start in ((np.arange(n_blocks) + 0.25) * n_volumes / max(n_blocks, 1) - length / 2).astype(int):
        kept[start : start + length] = False
    return kept


def ratio(strategy: Strategy, n_volumes: int, n_confounds: int, censored: float, length: int) -> float:
    """Return tDOF by what the spread of correlations says: 2 + 1 / variance of Fisher's z of independent noise.

    Without cleaning the variance is 1 / (n - 3), which makes it n - 1, and tDOF is that too.
    """
    rng, kept, squares = np.random.default_rng(3), blocks(n_volumes, censored, length), []
    for _ in range(6):
        arrays = rng.normal(size=(n_volumes, 60)), rng.normal(size=(n_volumes, n_confounds))
        cleaned = clean(*arrays, kept, TR, strategy)
        squares.append(np.arctanh(np.corrcoef(cleaned.series.T)[np.triu_indices(60, 1)]) ** 2)
    return cleaned.tdof / (2 + 1 / float(np.mean(squares)))


NO_FILTER = Strategy("", high_pass=None, low_pass=None)
NOTHING, SHORT, APART, BLOCKS = (0.0, 1), (0.4, 5), (0.2, 10), (0.4, 12)


@pytest.mark.parametrize(
    ("strategy", "n_volumes", "n_confounds", "censored"),
    [
        *product([NO_FILTER, LOW], [150, 600], [0, 24], [NOTHING, SHORT, APART, BLOCKS]),
        *product([BAND, HIGH], [150], [24], [NOTHING, SHORT, APART, BLOCKS]),
        *product([BAND, HIGH], [300, 600], [24, 36], [NOTHING, SHORT, APART, BLOCKS]),
    ],
)
def test_degrees_left_predict_the_spread_of_correlations(
    strategy: Strategy, n_volumes: int, n_confounds: int, censored: tuple[float, int]
) -> None:
    assert ratio(strategy, n_volumes, n_confounds, *censored) == pytest.approx(1, abs=0.08)


@pytest.mark.parametrize(("n_confounds", "censored"), [(36, BLOCKS), (60, NOTHING), (60, APART)])
def test_few_degrees_left_are_told_as_few(n_confounds: int, censored: tuple[float, int]) -> None:
    """With less than ten left, Fisher's z is a rough yardstick; what counts is that the limit of the screen sees it."""
    assert 0.5 < ratio(BAND, 150, n_confounds, *censored) < 1


@pytest.mark.parametrize(("n_volumes", "low"), [(150, 0.8), (300, 0.9), (600, 0.94)])
def test_degrees_left_of_slow_waves_are_rather_too_few(n_volumes: int, low: float) -> None:
    """Without confounds, waves as long as the scan stay; the few that there are share unequally."""
    assert low < ratio(BAND, n_volumes, 0, *NOTHING) < 1


@pytest.mark.parametrize(
    ("strategy", "rank", "left"),
    [(PLAIN, 0, 199), (NO_FILTER, 0, 198), (PLAIN, 10, 189), (NO_FILTER, 10, 188)],
)
def test_each_confound_the_trend_and_the_mean_take_one_degree(strategy: Strategy, rank: int, left: int) -> None:
    cleaned = clean(walks(200, 3), walks(200, rank, seed=1), mask(200), TR, strategy)
    assert cleaned.tdof == pytest.approx(left, rel=1e-9)


def test_degrees_left_are_those_of_the_steps_as_a_matrix() -> None:
    """Against an operator that is made by hand: lines, trend, filter, censoring, regression, mean."""
    kept, confounds = mask(150, *range(40, 52), 80), walks(150, 6, seed=1)
    columns = np.zeros((150, 137))
    columns[kept] = np.eye(137)
    raw = clean(columns, confounds, kept, TR, dataclasses.replace(BAND, standardize=False)).series
    weights = np.linalg.svd(raw - raw.mean(axis=0), compute_uv=False) ** 2
    expected = weights.sum() ** 2 / (weights**2).sum()
    assert clean(walks(150, 3), confounds, kept, TR, BAND).tdof == pytest.approx(expected, rel=1e-6)


def noise(n_volumes: int, autocorrelation: float, seed: int) -> np.ndarray:
    """Return 30 correlated series of a mixture of 5 sources, white or autoregressive."""
    rng = np.random.default_rng(seed)
    white = rng.normal(size=(n_volumes + 50, 30)) + rng.normal(size=(n_volumes + 50, 5)) @ rng.normal(size=(5, 30)) / 2
    return np.asarray(lfilter([1], [1, -autocorrelation], white, axis=0)[50:])


@pytest.mark.parametrize("autocorrelation", [0.0, 0.8])
@pytest.mark.parametrize(("length", "n_gaps"), [(3, 20), (5, 12), (10, 6), (20, 3), (40, 2)])
def test_gaps_invent_no_signal(autocorrelation: float, length: int, n_gaps: int) -> None:
    """Compare what is kept with the same volumes of the scan without gaps: SD beside the gaps, and correlations."""
    kept = blocks(300, n_gaps * length / 300, length)
    beside = kept & (np.convolve(~kept, np.ones(7), "same") > 0.5)
    spreads, errors, strategy = [], {"ours": 0.0, "theirs": 0.0}, dataclasses.replace(BAND, standardize=False)
    for seed in range(8):
        series, none = noise(300, autocorrelation, seed), np.empty((300, 0))
        whole = clean(series, none, mask(300), TR, strategy).series
        ours = clean(series, none, kept, TR, strategy).series
        spreads.append(np.mean(ours[beside[kept]] ** 2) / np.mean(whole[beside] ** 2))
        true = np.corrcoef(whole[kept].T)
        errors["ours"] += np.mean((np.corrcoef(ours.T) - true) ** 2)
        errors["theirs"] += np.mean((np.corrcoef(nilearn_clean(series, none, kept, strategy).T) - true) ** 2)
    assert 0.6 < np.sqrt(np.mean(spreads)) < 1.1
    assert errors["ours"] < (0.6 if length > 5 or not autocorrelation else 1) * errors["theirs"]


@pytest.mark.parametrize("kept", [(0, 99), (3, 60, 61)])
def test_two_points_are_enough_to_fill_a_gap(kept: tuple[int, ...]) -> None:
    strategy = dataclasses.replace(BAND, detrend=False)
    cleaned = clean(walks(100, 3), np.empty((100, 0)), np.isin(np.arange(100), kept), TR, strategy)
    assert np.isfinite(cleaned.series).all()


@pytest.mark.parametrize(
    ("strategy", "n_volumes", "n_confounds", "kept", "words"),
    [
        (BAND, 33, 0, 33, "more than 33, by which the filter extends"),
        (BAND, 100, 0, 30, "more than 33, by which the filter extends"),
        (Strategy("", high_pass=None), 18, 0, 18, "more than 18"),
        (BAND, 100, 0, 3, "more than 33, by which the filter extends"),
        (BAND, 100, 40, 42, "more than the 42 regressors"),
        (PLAIN, 100, 0, 0, "more than the 1 regressors"),
        (PLAIN, 100, 0, 1, "more than the 1 regressors"),
    ],
)
def test_too_few_volumes(strategy: Strategy, n_volumes: int, n_confounds: int, kept: int, words: str) -> None:
    arrays = walks(n_volumes, 3), walks(n_volumes, n_confounds, seed=1)
    with pytest.raises(UnusableScan) as caught:
        clean(*arrays, np.arange(n_volumes) < kept, TR, strategy)
    assert words in caught.value.must


@pytest.mark.parametrize(("strategy", "kept"), [(BAND, 34), (Strategy("", high_pass=None), 19), (PLAIN, 2)])
def test_just_enough_volumes(strategy: Strategy, kept: int) -> None:
    cleaned = clean(walks(100, 3), np.empty((100, 0)), np.arange(100) < kept, TR, strategy)
    assert np.isfinite(cleaned.series).all()


@pytest.mark.parametrize(
    ("strategy", "tr", "where"),
    [
        (BAND, 5.0, "key low_pass"),
        (BAND, 6.0, "key low_pass"),
        (Strategy("", high_pass=0.3, low_pass=None), 2.0, "key high_pass"),
        (Strategy("", high_pass=None, low_pass=1e-12), 2.0, "key low_pass"),
        (Strategy("", high_pass=1e-12), 2.0, "key high_pass"),
        (Strategy("", high_pass=0.05, low_pass=0.05 + 1e-12), 2.0, "key high_pass"),
    ],
)
def test_a_filter_that_does_not_fit_the_repetition_time(strategy: Strategy, tr: float, where: str) -> None:
    with pytest.raises(UserError) as caught:
        clean(walks(100, 3), np.empty((100, 0)), mask(100), tr, strategy)
    assert caught.value.where == where
    assert not isinstance(caught.value, UnusableScan)


def test_a_confound_without_value_is_an_error_of_the_caller() -> None:
    confounds = walks(100, 3, seed=1)
    confounds[4, 1] = np.nan
    with pytest.raises(ValueError, match="finite"):
        clean(walks(100, 3), confounds, mask(100), TR, BAND)
    assert np.isfinite(clean(walks(100, 3), confounds, mask(100, 4), TR, BAND).series).all()
