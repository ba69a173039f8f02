"""Power and detectable effects against statsmodels, G*Power, quadrature and simulated studies."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from scipy.integrate import quad
from scipy.special import ndtr
from statsmodels.stats.power import FTestAnovaPower, TTestIndPower, TTestPower

from connect.inference.power import (
    achieved_power,
    achieved_power_f,
    critical_f,
    critical_t,
    detectable_effect,
    detectable_effect_f,
    noncentral_t,
)

pytestmark = pytest.mark.filterwarnings("error")

ONE = np.ones(1)


def standardised(effect: float, df: int, n_effective: float, alpha: float = 0.05) -> float:
    """Return the power for an effect in residual standard deviations."""
    return achieved_power(effect, ONE / np.sqrt(n_effective), df, critical_t(df, alpha))[0]


def below(t: float, df: int, noncentrality: float) -> float:
    """Return P(T <= t) by quadrature over ln(chi-square / df)."""

    def weighted(x: float) -> float:
        density = np.exp(stats.chi2.logpdf(df * np.exp(x), df) + np.log(df) + x)
        return float(density * ndtr(t * np.exp(x / 2) - noncentrality))

    return quad(weighted, -60, 8, points=[-20, -5, -2, -1, -0.4, 0, 0.4, 1], epsabs=1e-13, limit=500)[0]


@pytest.mark.parametrize("n", [3, 6, 20, 45, 150])
def test_power_equals_statsmodels(n: int) -> None:
    """1e-9: both are scipy's noncentral distributions."""
    for effect in (0.1, 0.5, 1.1):
        theirs = TTestPower().power(effect, n, 0.05)
        assert standardised(effect, n - 1, n) == pytest.approx(theirs, abs=1e-9)
        theirs = TTestIndPower().power(effect, n, 0.01, ratio=2)
        assert standardised(effect, 3 * n - 2, n * 2 / 3, 0.01) == pytest.approx(theirs, abs=1e-9)
        ours = achieved_power_f(effect, 4 * n, 3, 4 * n - 4, critical_f(3, 4 * n - 4, 0.05))
        assert ours == pytest.approx(FTestAnovaPower().power(effect, 4 * n, 0.05, k_groups=4), abs=1e-9)


@pytest.mark.parametrize("n", [5, 20, 45, 150])
def test_detectable_effects_equal_statsmodels(n: int) -> None:
    """1e-5: the tolerance of their solver. Ours gives back the power it was asked for."""
    for power in (0.5, 0.8, 0.95):
        ours = detectable_effect(ONE, n - 1, n, critical_t(n - 1, 0.05), power).standardised
        assert ours == pytest.approx(TTestPower().solve_power(None, n, 0.05, power), abs=1e-5)
        assert standardised(ours, n - 1, n) == pytest.approx(power, abs=1e-10)
        ours = detectable_effect(ONE, 2 * n - 2, n / 2, critical_t(2 * n - 2, 0.05), power).standardised
        assert ours == pytest.approx(TTestIndPower().solve_power(None, n, 0.05, power), abs=1e-5)
        critical = critical_f(2, 3 * n - 3, 0.05)
        ours = detectable_effect_f(3 * n, 2, 3 * n - 3, critical, power)
        assert FTestAnovaPower().power(ours, 3 * n, 0.05, k_groups=3) == pytest.approx(power, abs=1e-9)
        assert achieved_power_f(ours, 3 * n, 2, 3 * n - 3, critical) == pytest.approx(power, abs=1e-10)


def test_the_sample_sizes_of_the_g_power_manual() -> None:
    """The first n with power 0.80 at Cohen's medium effects, two-sided 0.05: 34, 64 a group, 53 in each of three."""
    assert standardised(0.5, 33, 34) == pytest.approx(0.8077775, abs=1e-7)
    assert standardised(0.5, 32, 33) < 0.8
    assert standardised(0.5, 126, 32) == pytest.approx(0.8014596, abs=1e-7)
    assert standardised(0.5, 124, 31.5) < 0.8
    assert achieved_power_f(0.25, 159, 2, 156, critical_f(2, 156, 0.05)) == pytest.approx(0.8048873, abs=1e-7)
    assert achieved_power_f(0.25, 156, 2, 153, critical_f(2, 153, 0.05)) < 0.8


def test_simulated_studies_are_detected_as_often_as_said() -> None:
    """An arm contrast with a covariate; 20,000 studies: 0.8 +- 0.012 is four standard errors."""
    rng = np.random.default_rng(0)
    n = 24
    design = np.column_stack([np.ones(n), np.arange(n) % 3 == 0, rng.normal(size=n)])
    inverse = np.linalg.inv(design.T @ design)
    n_effective, df = 1 / inverse[1, 1], n - 3
    for critical in (critical_t(df, 0.05), 4.2):
        effect = detectable_effect(ONE, df, n_effective, critical).standardised
        y = rng.normal(size=(n, 20_000)) + effect * design[:, [1]]
        beta = inverse @ design.T @ y
        s = np.sqrt(np.square(y - design @ beta).sum(axis=0) / df)
        found = np.abs(beta[1] / (s * np.sqrt(inverse[1, 1]))) > critical
        assert found.mean() == pytest.approx(0.8, abs=0.012)


def test_a_higher_threshold_needs_a_larger_effect() -> None:
    """The threshold of the largest |t| of many edges in place of that of one."""
    effects = [detectable_effect(ONE, 19, 20, critical) for critical in (critical_t(19, 0.05), 4.0, 6.5)]
    sizes = [effect.standardised for effect in effects]
    assert sizes == sorted(sizes)
    for effect, critical in zip(effects, (critical_t(19, 0.05), 4.0, 6.5), strict=True):
        other = below(-critical, 19, effect.noncentrality)
        assert 1 - below(critical, 19, effect.noncentrality) + other == pytest.approx(0.8, abs=1e-9)


def test_units() -> None:
    error = np.array([0.02, 0.05, np.nan, 0.0])
    found = detectable_effect(error, 19, 20, critical_t(19, 0.05))
    np.testing.assert_allclose(found.raw[:2], found.standardised * error[:2] * np.sqrt(20), rtol=1e-12)
    assert np.isnan(found.raw[2:]).all()
    power = achieved_power(found.raw, error, 19, critical_t(19, 0.05))
    np.testing.assert_allclose(power[:2], 0.8, atol=1e-10)
    assert np.isnan(power[2:]).all()
    np.testing.assert_array_equal(achieved_power(-found.raw, error, 19, 2.1), achieved_power(found.raw, error, 19, 2.1))


def test_power_begins_at_the_level_and_ends_at_one() -> None:
    for df in (1, 4, 19, 300):
        error = np.full(60, 1.0)
        power = achieved_power(np.linspace(0, 30, 60), error, df, critical_t(df, 0.05))
        assert power[0] == pytest.approx(0.05, abs=1e-12)
        assert (np.diff(power) >= -1e-12).all()
        assert power[-1] > 0.9
        f = achieved_power_f(np.linspace(0, 20, 60), 10 * df, 2, df, critical_f(2, df, 0.05))
        assert f[0] == pytest.approx(0.05, abs=1e-12)
        assert (np.diff(f) >= -1e-12).all()


def test_noncentral_t_is_a_number_where_scipy_gives_none() -> None:
    """scipy loses tails that are 0 or 1 to all digits; elsewhere it agrees with quadrature to 1e-10."""
    lost = noncentral_t(np.array([-20.0, -10.0, 4.4e-1, 202.5]), 19, np.array([8.0, 64.0, 37.65, 5e-3]))
    np.testing.assert_allclose(lost, [0, 0, 0, 1], atol=1e-12)
    for df in (2, 5, 19, 100):
        for noncentrality in (0.0, 0.5, 3.0, 12.0):
            for t in (-4.0, 0.0, 0.1, 2.0, 15.0):
                ours = noncentral_t(t, df, noncentrality)
                assert ours == pytest.approx(below(t, df, noncentrality), abs=1e-10)
    t, noncentrality = np.meshgrid(np.linspace(-300, 300, 301), np.linspace(0, 100, 101))
    for df in (1, 3, 19, 500):
        values = noncentral_t(t, df, noncentrality)
        assert ((values >= 0) & (values <= 1)).all()
        assert (np.diff(values, axis=1) >= -1e-9).all()


def test_critical_values() -> None:
    assert critical_t(19, 0.05) == pytest.approx(stats.t.ppf(0.975, 19), rel=1e-12)
    assert critical_f(3, 40, 0.01) == pytest.approx(stats.f.ppf(0.99, 3, 40), rel=1e-12)
    assert critical_f(1, 19, 0.05) == pytest.approx(critical_t(19, 0.05) ** 2, rel=1e-12)


def test_an_f_test_with_one_row_is_a_t_test() -> None:
    power = achieved_power_f(0.4, 30, 1, 28, critical_f(1, 28, 0.05))
    assert power == pytest.approx(standardised(0.4, 28, 30), abs=1e-10)


def test_nothing_in_nothing_out() -> None:
    assert np.isnan(achieved_power(np.array([np.nan, 1]), np.array([1, np.nan]), 19, 2.0)).all()
    assert np.isnan(achieved_power(1.0, ONE, 19, np.nan)).all()
    assert np.isnan(detectable_effect(ONE, 19, 20, np.nan).standardised)
    assert np.isnan(detectable_effect_f(20, 2, 17, np.nan))
    assert achieved_power(1.0, np.array([]), 19, 2.0).shape == (0,)


@pytest.mark.parametrize("power", [0.04, 1.0, np.nan])
def test_a_power_below_the_level_or_of_one_is_refused(power: float) -> None:
    with pytest.raises(ValueError, match="power must be between"):
        detectable_effect(ONE, 19, 20, critical_t(19, 0.05), power)
