"""Plasticity rates against statsmodels participant by participant, and reliabilities against known ones."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats

from connect.columns import Columns
from connect.inference.rates import AT_ONCE, NO_RESIDUAL, ONE, rate_weights, rates
from connect.inference.reliability import mean_squares, measurement_error, minimal_detectable_change

pytestmark = pytest.mark.filterwarnings("error")


def schedule(counts: list[int], seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return weeks and labels of sessions about four weeks apart, in mixed order."""
    rng = np.random.default_rng(seed)
    place = np.repeat(np.arange(len(counts)), counts)
    weeks = np.concatenate([4.0 * np.arange(k) + rng.uniform(-1, 1, k) for k in counts])
    order = rng.permutation(len(place))
    return weeks[order], np.array([f"sub-{one:02d}" for one in place])[order]


def sessions(weeks: np.ndarray, people: np.ndarray, reliability: float, n_columns: int, seed: int = 1) -> np.ndarray:
    """Return values with errors of variance 1, of which rates have a known reliability."""
    rng = np.random.default_rng(seed)
    labels, place = np.unique(people, return_inverse=True)
    squares = [np.square(weeks[place == one] - weeks[place == one].mean()).sum() for one in range(len(labels))]
    spread = np.sqrt(reliability / (1 - reliability) * np.mean([1 / one for one in squares if one > 0]))
    slope, level = (
        0.1 + spread * rng.standard_normal((len(labels), n_columns)),
        rng.normal(0, 2, (len(labels), n_columns)),
    )
    return level[place] + slope[place] * weeks[:, None] + rng.standard_normal((len(weeks), n_columns))


def test_rates_are_those_of_statsmodels_and_their_errors_have_the_pooled_variance() -> None:
    weeks, people = schedule([2, 3, 4, 2, 5, 3, 1])
    y = sessions(weeks, people, 0.5, 3)
    found = rates(y, weeks, people, 0.9)
    assert list(found.participants) == list(dict.fromkeys(people))
    for column, values in enumerate(y.T):
        fits = {}
        for one in found.participants:
            own = people == one
            if own.sum() > 1:
                fits[one] = sm.OLS(values[own], sm.add_constant(weeks[own])).fit()
        df = sum(fit.df_resid for fit in fits.values())
        s2 = sum(fit.ssr for fit in fits.values()) / df
        assert found.df == df == 7
        for row, one in enumerate(found.participants):
            if one not in fits:
                assert np.isnan(
                    [found.rate[row, column], found.error[row, column], found.detectable[row, column]]
                ).all()
                assert found.reasons[row] == ONE
                continue
            error = np.sqrt(s2 * fits[one].normalized_cov_params[1, 1])
            np.testing.assert_allclose(found.rate[row, column], fits[one].params[1], rtol=1e-9)
            np.testing.assert_allclose(found.error[row, column], error, rtol=1e-9)
            np.testing.assert_allclose(found.detectable[row, column], stats.t.ppf(0.95, df) * error, rtol=1e-9)
            bounds = stats.t.interval(0.9, df, fits[one].params[1], error)
            np.testing.assert_allclose([found.low[row, column], found.high[row, column]], bounds, rtol=1e-9)
            assert found.reasons[row] == ""


def test_rates_are_a_weighting_of_sessions() -> None:
    weeks, people = schedule([2, 3, 4, 1])
    y = sessions(weeks, people, 0.5, 3)
    np.testing.assert_allclose(rate_weights(weeks, people) @ y, rates(y, weeks, people, 0.95).rate)


def test_two_sessions_each_give_rates_without_errors() -> None:
    weeks, people = schedule([2] * 6 + [1])
    y = sessions(weeks, people, 0.5, 2)
    found = rates(y, weeks, people, 0.95)
    first = found.participants[0]
    (before, a), (after, b) = sorted(zip(weeks[people == first], y[people == first, 0], strict=True))
    np.testing.assert_allclose(found.rate[0, 0], (b - a) / (after - before))
    assert found.df == 0
    assert set(found.reasons) == {NO_RESIDUAL, ONE}
    for missing in (found.error, found.low, found.high, found.detectable, found.reliability.estimate):
        assert np.isnan(missing).all()


def test_sessions_at_one_time_have_no_rate() -> None:
    weeks, people = schedule([3, 3, 3])
    weeks[people == "sub-01"] = 8.7
    found = rates(sessions(np.arange(9.0), people, 0.5, 2), weeks, people, 0.95)
    row = list(found.participants).index("sub-01")
    assert found.reasons[row] == AT_ONCE
    assert np.isnan(found.rate[row]).all()
    assert found.df == 2


def test_for_two_sessions_of_equal_distance_the_detectable_rate_is_the_detectable_change_per_week() -> None:
    """With the same error variance: the root of 2 is inside the error of a slope."""
    rng = np.random.default_rng(0)
    pairs = rng.normal(0, 1, (40, 2, 3))
    sem = measurement_error(mean_squares(pairs), "consistency", 0.95)
    s2, gap = sem.estimate**2, 6.0
    error = np.sqrt(s2 / (gap**2 / 2))
    np.testing.assert_allclose(stats.norm.ppf(0.975) * error * gap, minimal_detectable_change(sem).estimate)


@pytest.mark.parametrize("counts", [[3] * 30, [2, 3, 4, 5, 6] * 8], ids=["equal", "unequal"])
@pytest.mark.parametrize("reliability", [0.0, 0.3, 0.6, 0.9])
def test_a_known_reliability_is_found_and_covered(counts: list[int], reliability: float) -> None:
    """2,000 columns; the estimate is not unbiased but near, where it is not cut at 0."""
    weeks, people = schedule(counts)
    found = rates(sessions(weeks, people, reliability, 2000), weeks, people, 0.95).reliability
    np.testing.assert_allclose(np.median(found.estimate), reliability, atol=0.06)
    covered = np.mean((found.low <= reliability) & (reliability <= found.high))
    assert 0.93 < covered < 0.99
    assert (found.estimate >= 0).all()
    assert (found.low <= found.estimate).all()


def test_the_interval_of_balanced_rates_is_that_of_f() -> None:
    people, weeks = np.repeat(np.arange(25), 4), np.tile([0.0, 2.0, 5.0, 9.0], 25)
    found = rates(sessions(weeks, people.astype(str), 0.6, 5), weeks, people, 0.9)
    ratio = found.rate.var(axis=0, ddof=1) / np.square(found.error[0])
    np.testing.assert_allclose(found.reliability.low, np.maximum(1 - stats.f.ppf(0.95, 24, 50) / ratio, 0))
    np.testing.assert_allclose(found.reliability.high, np.maximum(1 - stats.f.ppf(0.05, 24, 50) / ratio, 0))


def test_a_rate_beyond_the_detectable_one_is_rare_without_change() -> None:
    weeks, people = schedule([2, 3, 4, 5, 6] * 2)
    y = np.random.default_rng(0).normal(0, 1, (len(weeks), 3000))
    found = rates(y, weeks, people, 0.95)
    np.testing.assert_allclose((np.abs(found.rate) > found.detectable).mean(), 0.05, atol=0.004)


def test_missing_values_are_carried_and_tiles_are_the_same() -> None:
    weeks, people = schedule([3, 3, 4, 1])
    y = sessions(weeks, people, 0.5, 4)
    y[np.flatnonzero(people == "sub-00")[0], 1] = np.nan
    y[people == "sub-03", 2], y[:, 3] = np.nan, 0.0
    whole = rates(y, weeks, people, 0.95)
    tiled = rates(Columns(y.shape, lambda at: y[:, at]), weeks, people, 0.95)
    np.testing.assert_allclose(tiled.rate, whole.rate)
    np.testing.assert_allclose(tiled.reliability.low, whole.reliability.low)
    assert list(np.isnan(whole.reliability.estimate)) == [False, True, False, True]
    assert list(np.isnan(whole.error).all(axis=0)) == [False, True, False, False]
    assert np.isfinite(whole.rate[list(whole.participants).index("sub-01"), 1])


def test_unknown_times_are_refused() -> None:
    with pytest.raises(ValueError, match="time of every session"):
        rates(np.zeros((2, 1)), np.array([0, np.nan]), np.array(["a", "a"]), 0.95)
