"""Bayes factors and equivalence tests against quadrature, pingouin, statsmodels and simulation."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pingouin as pg
import pytest
import statsmodels.formula.api as smf
from scipy import special, stats
from scipy.integrate import quad
from statsmodels.stats.weightstats import ttost_ind

from connect.inference.evidence import MEDIUM, equivalence, log10_bayes_factor, standardised_equivalence

pytestmark = pytest.mark.filterwarnings("error")

DESIGNS = [(1, 2.0), (9, 10.0), (19, 20.0), (38, 10.0), (38, 9.6), (120, 30.0), (998, 250.0)]
"""Degrees of freedom and effective n: two participants, mean changes, two arms, a covariate, a large cohort."""


def by_quadrature(t: float, df: int, n_effective: float, scale: float) -> float:
    """Return ln BF10 by adaptive quadrature over ln g around the peak of the integrand, in logarithms."""

    def log_integrand(x: float) -> float:
        g = np.exp(x)
        ratio = np.log1p(t**2 / df) - np.log1p(t**2 / ((1 + n_effective * g) * df))
        return (df + 1) / 2 * ratio - np.log1p(n_effective * g) / 2 - x / 2 - scale**2 / (2 * g)

    grid = np.linspace(-12, 60, 2001)
    values = [log_integrand(x) for x in grid]
    peak, top = grid[np.argmax(values)], max(values)
    edges = peak + np.array([-40, -8, -4, -2, 0, 2, 4, 8, 16, 40])
    parts = [
        quad(lambda x: np.exp(log_integrand(x) - top), low, high, epsabs=0, epsrel=1e-12)[0]
        for low, high in pairwise(edges)
    ]
    return top + np.log(sum(parts) * scale / np.sqrt(2 * np.pi))


@pytest.mark.parametrize(("df", "n_effective"), DESIGNS)
@pytest.mark.parametrize("scale", [0.1, MEDIUM, 2.0])
def test_the_bayes_factor_is_the_integral_of_rouder(df: int, n_effective: float, scale: float) -> None:
    """Relative error of the Bayes factor below 1e-9, as documented: what the interpolation is built for."""
    t = np.array([0, 0.01, 0.5, 1.3, 2.1, 3.3, 5.7, 9, 14, 25, 40, 150, 1e4])
    expected = [by_quadrature(value, df, n_effective, scale) for value in t]
    np.testing.assert_allclose(log10_bayes_factor(t, df, n_effective, scale) * np.log(10), expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize(("df", "n_effective"), DESIGNS[1:-1])
def test_the_bayes_factor_averages_noncentral_t_over_the_cauchy_prior(df: int, n_effective: float) -> None:
    """The other way to write it; 1e-7 is what scipy's density of noncentral t gives in the tails."""
    for t in (0.3, 2.0, 4.5):

        def likelihood(delta: float, t: float = t) -> float:
            return stats.nct.pdf(t, df, delta * np.sqrt(n_effective)) * stats.cauchy.pdf(delta, scale=MEDIUM)

        # Beyond 30 standard errors the likelihood is 0 to all digits, and scipy's density NaN.
        limit = 30 / np.sqrt(n_effective)
        marginal = quad(likelihood, -limit, limit, points=[0, t / np.sqrt(n_effective)], epsabs=0, limit=200)[0]
        ours = 10 ** log10_bayes_factor(np.array([t]), df, n_effective)[0]
        assert ours == pytest.approx(marginal / stats.t.pdf(t, df), rel=1e-7)


def test_the_bayes_factor_equals_pingouin() -> None:
    """2e-4: its quadrature over g, with an absolute tolerance, is off by so much at t = 0 (against our own above)."""
    for t in (0.0, 0.8, 2.0, 3.5, 7.0):
        paired, groups = pg.bayesfactor_ttest(t, 20, 20, paired=True), pg.bayesfactor_ttest(t, 14, 26, r=0.5)
        assert 10 ** log10_bayes_factor(np.array([t]), 19, 20)[0] == pytest.approx(paired, rel=2e-4)
        assert 10 ** log10_bayes_factor(np.array([t]), 38, 14 * 26 / 40, 0.5)[0] == pytest.approx(groups, rel=2e-4)


def test_the_bayes_factor_has_the_published_values() -> None:
    """The examples of pingouin's manual, checked there against JASP and BayesFactor; 1e-3 for the reason above."""
    assert 10 ** log10_bayes_factor(np.array([3.5]), 38, 10)[0] == pytest.approx(26.743, abs=1e-3)
    assert 10 ** log10_bayes_factor(np.array([3.5]), 19, 20)[0] == pytest.approx(17.185, abs=1e-3)


def test_no_column_depends_on_the_others() -> None:
    t = np.random.default_rng(0).standard_t(5, 500) * 4
    together = log10_bayes_factor(t, 19, 20)
    np.testing.assert_array_equal(together, [log10_bayes_factor(t[[column]], 19, 20)[0] for column in range(500)])
    np.testing.assert_array_equal(together, log10_bayes_factor(-t, 19, 20))
    np.testing.assert_array_equal(together[::-1], log10_bayes_factor(t[::-1], 19, 20))


def test_evidence_grows_with_t_without_steps() -> None:
    t = np.linspace(0, 60, 60001)
    for df, n_effective in DESIGNS:
        values = log10_bayes_factor(t, df, n_effective)
        assert (np.diff(values) > 0).all()
        assert values[0] < 0


def test_bayes_factors_of_nothing() -> None:
    t = np.array([np.nan, np.inf, -np.inf, 1e15, 1.0])
    values = log10_bayes_factor(t, 19, 20)
    np.testing.assert_array_equal(np.isnan(values), [True, False, False, False, False])
    assert np.isposinf(values[1:3]).all()
    # Far out, the factor grows as t to the power df - 1.
    step = log10_bayes_factor(np.array([1e16]), 19, 20)[0] - values[3]
    assert step == pytest.approx(18, abs=1e-6)
    assert values[4] == log10_bayes_factor(t[4:], 19, 20)[0]
    assert log10_bayes_factor(np.array([]), 19, 20).shape == (0,)
    assert np.isnan(log10_bayes_factor(np.full(3, np.nan), 19, 20)).all()


def test_the_prior_scale_and_the_unit_of_the_effect_are_one_number() -> None:
    """A prior twice as wide on an effect half as large: only scale^2 n_effective matters."""
    t = np.linspace(-6, 6, 25)
    np.testing.assert_allclose(log10_bayes_factor(t, 19, 20, 0.5), log10_bayes_factor(t, 19, 5, 1.0), rtol=0, atol=1e-9)


# Equivalence


def sample(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.1, 1, (n, 6)) * np.array([1, 0.2, 3, 1, 1, 0.05])


def test_equivalence_equals_pingouin() -> None:
    """1e-10: both are closed forms in Student's t."""
    x, y = sample(14), sample(22, 1)
    error = np.sqrt((x.var(axis=0, ddof=1) * 13 + y.var(axis=0, ddof=1) * 21) / 34 * (1 / 14 + 1 / 22))
    groups = equivalence(x.mean(axis=0) - y.mean(axis=0), error, 34, 0.4)
    mean = equivalence(x.mean(axis=0), stats.sem(x), 13, 0.4)
    for column in range(6):
        theirs = pg.tost(x[:, column], y[:, column], bound=0.4, correction=False)["pval"].item()
        assert groups[column] == pytest.approx(theirs, rel=1e-10)
        theirs = ttost_ind(x[:, column], y[:, column], -0.4, 0.4)[0]
        assert groups[column] == pytest.approx(theirs, rel=1e-10)
        assert mean[column] == pytest.approx(pg.tost(x[:, column], 0, bound=0.4)["pval"].item(), rel=1e-10)


def test_equivalence_of_arms_with_a_covariate_equals_two_one_sided_tests_of_statsmodels() -> None:
    y = sample(30)[:, 0]
    table = pd.DataFrame({"y": y, "arm": np.arange(30) % 2, "age": np.random.default_rng(3).normal(40, 9, 30)})
    fitted = smf.ols("y ~ arm + age", table).fit()
    one_sided = []
    for sign in (1, -1):
        t = fitted.t_test(f"arm = {-sign * 0.8}").tvalue.item()
        one_sided.append(stats.t.sf(sign * t, fitted.df_resid))
    ours = equivalence(fitted.params[["arm"]].to_numpy(), fitted.bse[["arm"]].to_numpy(), int(fitted.df_resid), 0.8)
    assert ours[0] == pytest.approx(max(one_sided), rel=1e-9)


def test_equivalence_is_the_interval_within_the_bounds() -> None:
    rng = np.random.default_rng(4)
    estimate, error, bound = rng.normal(0, 0.3, 2000), rng.uniform(0.1, 0.4, 2000), rng.uniform(0.3, 0.8, 2000)
    half = stats.t.ppf(0.95, 11) * error
    within = (estimate - half >= -bound) & (estimate + half <= bound)
    np.testing.assert_array_equal(equivalence(estimate, error, 11, bound) <= 0.05, within)
    assert 0.1 < within.mean() < 0.9


def test_equivalence_does_not_depend_on_sign_or_unit() -> None:
    estimate, error = np.array([-0.2, 0.1, 0.5]), np.array([0.1, 0.2, 0.1])
    expected = equivalence(estimate, error, 9, 0.3)
    np.testing.assert_array_equal(equivalence(-estimate, error, 9, 0.3), expected)
    np.testing.assert_allclose(equivalence(estimate * 1e9, error * 1e9, 9, 0.3e9), expected, rtol=1e-12)
    t, n = np.array([-2.0, 0.4]), 10
    np.testing.assert_array_equal(standardised_equivalence(t, 9, n, 0.5), standardised_equivalence(-t, 9, n, 0.5))


def test_equivalence_of_nothing_is_nan() -> None:
    estimate, error = np.array([np.nan, 0.1, 0.1, 0.1]), np.array([0.1, np.nan, 0.0, 0.1])
    np.testing.assert_array_equal(np.isnan(equivalence(estimate, error, 9, 0.3)), [True, True, True, False])
    p = standardised_equivalence(np.array([np.nan, 1.0]), 9, 10, 0.5)
    np.testing.assert_array_equal(np.isnan(p), [True, False])


def test_a_standardised_bound_is_compared_with_noncentral_t() -> None:
    """Against the mixture of normal tails over the chi distribution that defines it; 1e-9 is that of the quadrature."""

    def upper(t: float, df: int, noncentrality: float) -> float:
        def weighted(u: float) -> float:
            return special.ndtr(t * np.sqrt(u / df) - noncentrality) * stats.chi2.pdf(u, df)

        return quad(weighted, 0, 4 * df + 60, points=[df], epsabs=1e-13, limit=200)[0]

    for df, n, bound in ((9, 10.0, 0.5), (38, 9.6, 0.8), (99, 100.0, 0.3)):
        for t in (0.0, 0.7, -1.9, 6.0):
            noncentrality = bound * np.sqrt(n)
            expected = max(upper(t, df, noncentrality), 1 - upper(t, df, -noncentrality))
            assert standardised_equivalence(np.array([t]), df, n, bound)[0] == pytest.approx(expected, abs=1e-9)


def test_a_standardised_bound_agrees_with_the_interval_of_the_effect_size() -> None:
    df, n, bound = 38, 40, 0.5
    for t in np.linspace(-3, 3, 31):
        limits = special.nctdtrinc(float(df), np.array([0.95, 0.05]), t)
        within = np.abs(limits).max() / np.sqrt(n) <= bound
        assert (standardised_equivalence(np.array([t]), df, n, bound)[0] <= 0.05) == within


def test_a_standardised_bound_keeps_the_level_where_a_plugged_in_one_does_not() -> None:
    """100,000 studies at the bound: 3 standard errors of a share of 0.05 are 0.002."""
    rng = np.random.default_rng(5)
    for n, bound, exact, plugged_in in ((20, 0.5, 0.0475, 0.039), (100, 1.0, 0.05, 0.074)):
        mean = rng.normal(bound, 1 / np.sqrt(n), 100_000)
        sd = np.sqrt(rng.chisquare(n - 1, 100_000) / (n - 1))
        error = sd / np.sqrt(n)
        share = (standardised_equivalence(mean / error, n - 1, n, bound) <= 0.05).mean()
        assert share == pytest.approx(exact, abs=0.002)
        assert (equivalence(mean, error, n - 1, bound * sd) <= 0.05).mean() == pytest.approx(plugged_in, abs=0.003)


def test_a_standardised_bound_far_away_is_no_nan() -> None:
    np.testing.assert_allclose(standardised_equivalence(np.array([0.0, 2.3]), 100, 1500, 1.0), 0, atol=1e-12)
