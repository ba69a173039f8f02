"""Intraclass correlations, errors and detectable changes against pingouin, statsmodels, a textbook and simulation."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pingouin as pg
import pytest
import statsmodels.formula.api as smf
from scipy import stats
from statsmodels.stats.anova import anova_lm

from connect.inference.reliability import (
    Bounded,
    Form,
    MeanSquares,
    icc,
    mean_squares,
    measurement_error,
    minimal_detectable_change,
)

pytestmark = pytest.mark.filterwarnings("error")

FORMS: tuple[Form, ...] = ("agreement", "consistency")

SHROUT_FLEISS = np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7.0]])
"""Six targets and four judges: table 2 of Shrout and Fleiss (1979)."""


def draw(n: int, k: int, n_columns: int, spread: tuple[float, float, float] = (1, 0.4, 0.7), seed: int = 0):
    """Return values with the given standard deviations of participants, sessions and error."""
    rng = np.random.default_rng(seed)
    people, sessions = rng.normal(0, spread[0], (n, 1, n_columns)), rng.normal(0, spread[1], (1, k, n_columns))
    return people + sessions + rng.normal(0, spread[2], (n, k, n_columns))


def every(values: np.ndarray, confidence: float = 0.95) -> np.ndarray:
    """Return all that the module computes, ``(n_results, n_columns)``."""
    squares = mean_squares(values)
    results = []
    for form in FORMS:
        sem = measurement_error(squares, form, confidence)
        for bounded in (icc(squares, form, confidence), sem, minimal_detectable_change(sem)):
            results += [bounded.estimate, bounded.low, bounded.high]
    return np.array(results)


def long(values: np.ndarray) -> pd.DataFrame:
    person, session = np.meshgrid(np.arange(values.shape[0]), np.arange(values.shape[1]), indexing="ij")
    return pd.DataFrame({"person": person.ravel(), "session": session.ravel(), "value": values.ravel()})


def by_pingouin(values: np.ndarray) -> dict[str, tuple[float, float, float]]:
    with warnings.catch_warnings(), pytest.MonkeyPatch.context() as patch:
        # pingouin calls pandas in a way that pandas will drop, and rounds.
        warnings.simplefilter("ignore", DeprecationWarning)
        patch.setitem(pg.options, "round.column.CI95", None)
        table = pg.intraclass_corr(long(values), "person", "session", "value").set_index("Type")
    names = {"agreement": "ICC(A,1)", "consistency": "ICC(C,1)"}
    return {form: (table.loc[name, "ICC"], *table.loc[name, "CI95"]) for form, name in names.items()}


@pytest.mark.parametrize(("n", "k"), [(4, 2), (12, 2), (12, 3), (40, 2), (7, 5)])
@pytest.mark.parametrize("spread", [(1, 0.4, 0.7), (0.5, 0, 1), (3, 2, 0.2)])
def test_intraclass_correlations_equal_pingouin(n: int, k: int, spread: tuple[float, float, float]) -> None:
    """1e-8: estimates are closed forms; the interpolated F quantile is good to 1e-9."""
    values = draw(n, k, 4, spread)
    squares = mean_squares(values)
    for column in range(4):
        theirs = by_pingouin(values[:, :, column])
        for form in FORMS:
            ours = icc(squares, form, 0.95)
            got = [ours.estimate[column], ours.low[column], ours.high[column]]
            same = 3 if form == "consistency" or ours.estimate[column] >= 0 else 1
            np.testing.assert_allclose(got[:same], theirs[form][:same], rtol=1e-8, atol=1e-8)


def test_the_interval_of_a_negative_agreement_contains_it() -> None:
    """That of pingouin does not always: its degrees of freedom can be near 0. Ours covers as often as it says."""
    values = draw(5, 3, 20_000, (0, 0, 1), seed=2)
    squares = mean_squares(values)
    ours = icc(squares, "agreement", 0.95)
    assert ((ours.low <= ours.estimate) & (ours.estimate <= ours.high)).all()
    assert ((ours.low <= 0) & (ours.high >= 0)).mean() == pytest.approx(0.95, abs=0.006)
    rho = ours.estimate
    sessions, error = 3 * rho * squares.sessions, (5 * (1 + 2 * rho) - 3 * rho) * squares.error
    worst = np.argmin(np.abs(sessions + error) / np.abs(sessions))
    estimate, low, high = by_pingouin(values[:, :, worst])["agreement"]
    assert rho[worst] == pytest.approx(estimate, rel=1e-8)
    assert rho[worst] < 0
    assert not low <= estimate <= high


def test_the_table_of_shrout_and_fleiss() -> None:
    """Their table 4, and the intervals that McGraw and Wong's formulas give for these data (two decimals)."""
    squares = mean_squares(SHROUT_FLEISS[:, :, None])
    assert squares.participants[0] == pytest.approx(11.24, abs=0.005)
    assert squares.sessions[0] == pytest.approx(32.49, abs=0.005)
    assert squares.error[0] == pytest.approx(1.02, abs=0.005)
    agreement, consistency = (icc(squares, form, 0.95) for form in FORMS)
    found = [agreement.estimate[0], agreement.low[0], agreement.high[0]]
    np.testing.assert_allclose(found, [0.29, 0.02, 0.76], atol=0.005)
    found = [consistency.estimate[0], consistency.low[0], consistency.high[0]]
    np.testing.assert_allclose(found, [0.71, 0.34, 0.95], atol=0.005)


def test_mean_squares_equal_a_two_way_analysis_of_variance() -> None:
    values = draw(9, 3, 3)
    squares = mean_squares(values)
    for column in range(3):
        table = anova_lm(smf.ols("value ~ C(person) + C(session)", long(values[:, :, column])).fit())
        got = [squares.participants[column], squares.sessions[column], squares.error[column]]
        np.testing.assert_allclose(got, table["mean_sq"], rtol=1e-10)
        assert squares.df_error == table["df"].iloc[-1]


def test_two_sessions_give_what_the_changes_give() -> None:
    """SEM of consistency is the standard deviation of changes over sqrt(2), MDC half of Bland and Altman's limits."""
    values = draw(15, 2, 6)
    changes = values[:, 1] - values[:, 0]
    squares = mean_squares(values)
    sem = measurement_error(squares, "consistency", 0.95)
    np.testing.assert_allclose(sem.estimate, changes.std(axis=0, ddof=1) / np.sqrt(2), rtol=1e-12)
    mdc = minimal_detectable_change(sem)
    np.testing.assert_allclose(mdc.estimate, stats.norm.ppf(0.975) * changes.std(axis=0, ddof=1), rtol=1e-12)
    chi2 = stats.chi2.ppf([0.975, 0.025], 14)
    np.testing.assert_allclose([sem.low, sem.high], sem.estimate * np.sqrt(14 / chi2)[:, None], rtol=1e-12)


def test_the_error_of_agreement_adds_the_variance_between_sessions() -> None:
    values = draw(10, 4, 200, (1, 0.3, 1))
    squares = mean_squares(values)
    between = (squares.sessions - squares.error) / 10
    expected = np.sqrt(squares.error + np.maximum(between, 0))
    np.testing.assert_allclose(measurement_error(squares, "agreement", 0.9).estimate, expected, rtol=1e-12)
    assert (between < 0).any()


@pytest.mark.parametrize("sessions", [0.0, 0.5, 2.0])
def test_intervals_cover_what_they_estimate(sessions: float) -> None:
    """20,000 studies: 0.95 +- 0.006 is four standard errors. The error of agreement is covered at least as often."""
    values = draw(15, 3, 20_000, (1, sessions, 1), seed=8)
    squares = mean_squares(values)
    truth = {"agreement": np.sqrt(1 + sessions**2), "consistency": 1.0}
    for form in FORMS:
        sem = measurement_error(squares, form, 0.95)
        covered = ((sem.low <= truth[form]) & (truth[form] <= sem.high)).mean()
        assert 0.944 <= covered <= (0.956 if form == "consistency" else 0.975)
        assert ((sem.low <= sem.estimate) & (sem.estimate <= sem.high)).all()
    ours = icc(squares, "consistency", 0.95)
    assert ((ours.low <= 0.5) & (ours.high >= 0.5)).mean() == pytest.approx(0.95, abs=0.006)


def test_the_interval_of_agreement_covers_less_when_sessions_differ_much() -> None:
    """What the documentation warns of: 60 participants, two sessions, shifts as large as the error."""
    values = draw(60, 2, 20_000, (np.sqrt(3), 1, 1), seed=9)
    ours = icc(mean_squares(values), "agreement", 0.95)
    assert ((ours.low <= 0.6) & (ours.high >= 0.6)).mean() == pytest.approx(0.83, abs=0.01)


def test_a_change_without_a_cause_is_rarely_above_the_minimal_detectable_one() -> None:
    exact = Bounded(np.ones(1), np.ones(1), np.ones(1))
    rng = np.random.default_rng(10)
    changes = rng.normal(size=100_000) - rng.normal(size=100_000)
    for level in (0.8, 0.95):
        mdc = minimal_detectable_change(exact, level).estimate
        assert (np.abs(changes) < mdc).mean() == pytest.approx(level, abs=0.004)


def test_results_do_not_depend_on_order_sign_or_company() -> None:
    values = draw(11, 3, 9)
    expected = every(values)
    np.testing.assert_array_equal(every(values[:, :, ::-1]), expected[:, ::-1])
    np.testing.assert_array_equal(every(values[:, :, [4]]), expected[:, [4]])
    np.testing.assert_array_equal(every(np.asfortranarray(values)), expected)
    np.testing.assert_allclose(every(-values), expected, rtol=1e-12)
    # Sums in another order: rounding only.
    np.testing.assert_allclose(every(values[::-1]), expected, rtol=1e-9)
    np.testing.assert_allclose(every(values[:, ::-1]), expected, rtol=1e-9)


def test_an_offset_and_a_unit_change_nothing_but_the_unit() -> None:
    values = draw(11, 3, 9)
    expected = every(values)
    # 1e8 beside 1 leaves 8 digits of the values.
    np.testing.assert_allclose(every(values + 1e8), expected, rtol=1e-5)
    scaled = every(values * 1e-6)
    unit = np.tile(np.repeat([1, 1e-6, 1e-6], 3), 2)[:, None]
    np.testing.assert_allclose(scaled, expected * unit, rtol=1e-9)


def test_single_precision_loses_only_what_the_values_lost() -> None:
    values = draw(11, 3, 9).astype(np.float32)
    np.testing.assert_array_equal(every(values), every(values.astype(np.float64)))


def test_columns_without_values_or_variance_are_nan_and_leave_the_others() -> None:
    values = draw(8, 2, 5)
    expected = every(values)
    broken = values.copy()
    broken[3, 1, 0] = np.nan
    broken[:, :, 2] = 0.1
    broken[:, :, 3] = np.array([0.1, 0.3]) + 1e6
    found = every(broken)
    assert np.isnan(found[:, [0, 2, 3]]).all()
    np.testing.assert_array_equal(found[:, [1, 4]], expected[:, [1, 4]])


def test_sessions_that_agree_without_error_have_correlation_one() -> None:
    values = np.repeat(draw(8, 1, 3), 3, axis=1) * 1.1 + 0.3
    squares = mean_squares(values)
    for form in FORMS:
        ours, sem = icc(squares, form, 0.95), measurement_error(squares, form, 0.95)
        np.testing.assert_array_equal([ours.estimate, ours.low, ours.high], 1)
        np.testing.assert_array_equal([sem.estimate, sem.low, sem.high], 0)


def test_the_smallest_studies() -> None:
    squares = mean_squares(draw(2, 2, 50))
    for form in FORMS:
        ours = icc(squares, form, 0.95)
        assert (ours.low <= ours.high).all()
    # Both rows and both columns have the same mean: agreement is 0 / 0.
    even = mean_squares(np.array([[1.0, 2], [2, 1]])[:, :, None])
    assert np.isnan(icc(even, "agreement", 0.95).estimate).all()
    assert icc(even, "consistency", 0.95).estimate[0] == -1


@pytest.mark.parametrize("shape", [(1, 2, 3), (5, 1, 3)])
def test_one_participant_or_session_is_refused(shape: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="at least two"):
        mean_squares(np.zeros(shape))


def test_the_other_levels_of_confidence_are_quantiles_too() -> None:
    """By the formulas of McGraw and Wong, with scipy's own quantiles."""
    values = draw(12, 3, 20)
    s: MeanSquares = mean_squares(values)
    n, k = 12, 3
    r, c, e = s.participants, s.sessions, s.error
    for confidence in (0.8, 0.99):
        ours = icc(s, "agreement", confidence)
        rho = np.maximum(ours.estimate, 0)
        a, b = k * rho / (n * (1 - rho)), 1 + k * rho * (n - 1) / (n * (1 - rho))
        v = (a * c + b * e) ** 2 / ((a * c) ** 2 / (k - 1) + (b * e) ** 2 / ((n - 1) * (k - 1)))
        f = stats.f.ppf((1 + confidence) / 2, n - 1, v)
        low = n * (r - f * e) / (f * (k * c + (k * n - k - n) * e) + n * r)
        f = stats.f.ppf((1 + confidence) / 2, v, n - 1)
        high = n * (f * r - e) / (k * c + (k * n - k - n) * e + n * f * r)
        np.testing.assert_allclose([ours.low, ours.high], [low, high], rtol=1e-8)
