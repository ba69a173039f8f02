"""Designs and tests against independent implementations: statsmodels, scipy, nilearn, and slow explicit loops."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from nilearn.mass_univariate import permuted_ols
from scipy import stats
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.special import ndtr
from statsmodels.stats.multitest import multipletests

from connect.design import Design, design
from connect.inference import Arrangements, fdr, fit, hedges_correction, interval, noncentrality, permutation_test
from connect.inference.estimates import HUGE, noncentrality_f
from connect.settings.model import Model


def model(formula: str, contrast: str, **options) -> Model:
    return Model(question="?", formula=formula, contrast=contrast, **options)


def plain(formula: str, contrast: str, people: pd.DataFrame) -> Design:
    return design(people, model(formula, contrast, motion_covariate=False), "model.yaml")


def people(n: int = 24, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "arm": np.array(["waiting", "training"])[np.arange(n) % 2],
            "group": np.array(["b", "c", "a"])[np.arange(n) % 3],
            "site": 1 + np.arange(n) // 5 % 2,
            "age": rng.integers(20, 60, n),
            "year": rng.integers(1960, 2000, n),
            "iq": rng.normal(100, 15, n),
            "fd_change": rng.normal(0.02, 0.05, n),
        }
    )


def changes(n: int, n_columns: int = 5, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.1, 0.3, (n, n_columns))


def one_group(n: int) -> Design:
    return plain("~ 1", "mean", pd.DataFrame({"participant_id": [f"sub-{row:02d}" for row in range(n)]}))


def two_arms(first: int, second: int) -> Design:
    return plain("~ arm", "arm[a] - arm[b]", pd.DataFrame({"arm": ["a"] * first + ["b"] * second}))


# Least squares


@pytest.mark.parametrize(
    ("formula", "contrast", "theirs"),
    [
        ("~ arm", "arm[training] - arm[waiting]", "-C(arm)[T.waiting]"),
        ("~ 0 + arm", "arm[training] - arm[waiting]", "-C(arm)[T.waiting]"),
        ("~ arm + age + iq", "arm[waiting] - arm[training]", "C(arm)[T.waiting]"),
        ("~ group", "group[b] - group[c]", "C(group)[T.b] - C(group)[T.c]"),
        ("~ group + age", "group[a] - group[c]", "-C(group)[T.c]"),
        ("~ C(site) + age", "site[2] - site[1]", "C(site)[T.2]"),
        ("~ age", "age", "age"),
        ("~ arm + year", "year", "year"),
        ("~ arm + year", "arm[waiting] - arm[training]", "C(arm)[T.waiting]"),
        ("~ fd_change", "fd_change", "fd_change"),
    ],
)
def test_a_contrast_equals_statsmodels(formula: str, contrast: str, theirs: str) -> None:
    table, y = people(), changes(24)
    ours = fit(y, design(table, model(formula, contrast), "m"), 0.9)
    made = formula.replace("0 + ", "").replace("arm", "C(arm)").replace("group", "C(group)")
    for column in range(y.shape[1]):
        fitted = smf.ols(f"y {made} + fd_change", table.assign(y=y[:, column])).fit()
        expected = fitted.t_test(_vector(fitted, theirs))
        assert design(table, model(formula, contrast), "m").df == fitted.df_resid
        np.testing.assert_allclose(ours.estimate[column], expected.effect.item(), rtol=1e-8)
        np.testing.assert_allclose(ours.statistic[column], expected.tvalue.item(), rtol=1e-8)
        np.testing.assert_allclose([ours.low[column], ours.high[column]], expected.conf_int(0.1)[0], rtol=1e-8)


def _vector(fitted, text: str) -> np.ndarray:
    """Return the weights of a sum of coefficients written with + and - (names as statsmodels gives them)."""
    names = list(fitted.model.exog_names)
    weights = np.zeros(len(names))
    for term in text.replace("-", "+-").replace(" ", "").split("+"):
        if term:
            weights[names.index(term.lstrip("-"))] += -1 if term.startswith("-") else 1
    return weights


def test_the_mean_change_is_that_of_average_covariates_and_no_change_in_motion() -> None:
    table, y = people(), changes(24, 1)
    ours = fit(y, design(table, model("~ age + year", "mean"), "m"), 0.95)
    centred = table.assign(y=y[:, 0], age=table["age"] - table["age"].mean(), year=table["year"] - table["year"].mean())
    theirs = smf.ols("y ~ age + year + fd_change", centred).fit()
    np.testing.assert_allclose(ours.estimate[0], theirs.params["Intercept"], rtol=1e-8)
    np.testing.assert_allclose(ours.statistic[0], theirs.tvalues["Intercept"], rtol=1e-8)
    np.testing.assert_allclose([ours.low[0], ours.high[0]], theirs.conf_int().loc["Intercept"], rtol=1e-8)


def test_the_mean_change_is_one_prediction_however_the_covariates_enter() -> None:
    """Averaged over the participants with no change in motion, for splines and interactions as well."""
    table, y = people(), changes(24, 1)
    spline = fit(y, design(table, model("~ bs(age, df=4)", "mean"), "m"), 0.95).estimate[0]
    theirs = smf.ols("y ~ bs(age, df=4) + fd_change", table.assign(y=y[:, 0])).fit()
    assert spline == pytest.approx(theirs.predict(table.assign(fd_change=0.0)).mean())
    product_ = fit(y, design(table, model("~ age * iq", "mean"), "m"), 0.95).estimate[0]
    theirs = smf.ols("y ~ age * iq + fd_change", table.assign(y=y[:, 0])).fit()
    assert product_ == pytest.approx(theirs.predict(table.assign(fd_change=0.0)).mean())


def test_arms_are_compared_over_the_same_covariates_in_a_model_with_an_interaction() -> None:
    table, y = people(), changes(24, 1)
    ours = fit(y, design(table, model("~ arm * age", "arm[training] - arm[waiting]"), "m"), 0.95).estimate[0]
    theirs = smf.ols("y ~ arm * age + fd_change", table.assign(y=y[:, 0])).fit()
    means = [theirs.predict(table.assign(arm=name)).mean() for name in ("training", "waiting")]
    assert ours == pytest.approx(means[0] - means[1])


def test_motion_is_added_once_and_only_if_asked() -> None:
    table = people().assign(fd_change_z=np.arange(24.0))
    assert design(table, model("~ age", "mean"), "m").columns == ("Intercept", "age", "fd_change")
    assert design(table, model("~ fd_change", "mean"), "m").columns == ("Intercept", "fd_change")
    assert design(table, model("~ fd_change_z", "mean"), "m").columns == ("Intercept", "fd_change_z", "fd_change")
    assert plain("~ age", "mean", table).columns == ("Intercept", "age")


def test_large_covariates_lose_no_precision() -> None:
    """Dates such as 20240115 beside an intercept: the normal equations would lose all digits."""
    table, y = people(), changes(24, 1)
    shifted = table.assign(date=20240000.0 + table["age"])
    exact = fit(y, plain("~ arm + age", "arm[training] - arm[waiting]", table), 0.95)
    ours = fit(y, plain("~ arm + date", "arm[training] - arm[waiting]", shifted), 0.95)
    np.testing.assert_allclose(ours.statistic, exact.statistic, rtol=1e-7)


def test_a_mean_change_without_covariates_is_the_paired_t_test() -> None:
    pre, post = changes(9, seed=3), changes(9, seed=4)
    ours = fit(post - pre, one_group(9), 0.95)
    theirs = stats.ttest_rel(post, pre)
    np.testing.assert_allclose(ours.statistic, theirs.statistic)
    np.testing.assert_allclose(ours.statistic, stats.ttest_1samp(post - pre, 0).statistic)
    np.testing.assert_allclose([ours.low, ours.high], list(theirs.confidence_interval(0.95)))
    np.testing.assert_allclose(interval((post - pre)[:, 0], 0.95), [ours.estimate[0], ours.low[0], ours.high[0]])


def test_two_arms_without_covariates_are_the_two_sample_t_test() -> None:
    y = changes(17)
    ours, theirs = fit(y, two_arms(10, 7), 0.95), stats.ttest_ind(y[:10], y[10:])
    np.testing.assert_allclose(ours.statistic, theirs.statistic)
    np.testing.assert_allclose(ours.estimate, y[:10].mean(axis=0) - y[10:].mean(axis=0))
    np.testing.assert_allclose([ours.low, ours.high], list(theirs.confidence_interval(0.95)))


# Permutations


def _t_paired(sample: np.ndarray, axis: int = -1) -> np.ndarray:
    return np.abs(stats.ttest_1samp(sample, 0, axis=axis).statistic)


def test_exact_sign_flips_equal_brute_force_and_scipy() -> None:
    n = 8
    y = changes(n, seed=5)
    ours = permutation_test(y, one_group(n), 5000, 1)
    flips = np.array(list(product((1, -1), repeat=n)))
    t = _t_paired(flips[:, :, None] * y[None], axis=1)
    observed = _t_paired(y, axis=0)
    np.testing.assert_array_equal(ours.p, (t >= observed - 1e-9).mean(axis=0))
    np.testing.assert_array_equal(ours.p_fwe, (t.max(axis=1)[:, None] >= observed - 1e-9).mean(axis=0))
    np.testing.assert_array_equal(ours.p * 2**n, np.round(ours.p * 2**n))
    assert ours.p.min() >= 2 / 2**n
    for column in range(y.shape[1]):
        theirs = stats.permutation_test(
            (y[:, column],), _t_paired, permutation_type="samples", vectorized=True, alternative="greater"
        )
        assert ours.p[column] == theirs.pvalue


def test_exact_two_arms_equal_scipy() -> None:
    y = changes(11, seed=6)
    ours = permutation_test(y, two_arms(6, 5), 5000, 1)

    def statistic(a: np.ndarray, b: np.ndarray, axis: int) -> np.ndarray:
        return np.abs(stats.ttest_ind(a, b, axis=axis).statistic)

    for column in range(y.shape[1]):
        parts = (y[:6, column], y[6:, column])
        theirs = stats.permutation_test(parts, statistic, vectorized=True, alternative="greater")
        assert ours.p[column] == theirs.pvalue
        assert ours.p[column] * math.comb(11, 5) == pytest.approx(round(ours.p[column] * math.comb(11, 5)))


@pytest.mark.parametrize(
    ("formula", "contrast", "options", "count", "exact"),
    [
        ("~ 1", "mean", {}, 2**8, True),
        ("~ arm", "arm[waiting] - arm[training]", {"motion_covariate": False}, math.comb(8, 4), True),
        ("~ C(site)", "site[1] - site[2]", {"motion_covariate": False}, math.comb(8, 5), True),
        ("~ arm", "arm[waiting] - arm[training]", {}, 1001, False),
        ("~ age", "age", {"motion_covariate": False}, 1001, False),
        ("~ age", "age", {"motion_covariate": False, "permutations": 40319}, 40320, True),
    ],
)
def test_all_arrangements_are_enumerated_when_they_are_few(
    formula: str, contrast: str, options: dict, count: int, exact: bool
) -> None:
    options = {"permutations": 1000, **options}
    made = design(people(8), model(formula, contrast, **options), "m")
    moves = Arrangements(made, options["permutations"], 1)
    rows = np.concatenate(list(moves.blocks(64)))
    assert (moves.count, moves.enumerated, len(rows)) == (count, exact, count)
    if exact:
        assert len(np.unique(rows, axis=0)) == count
    identity = np.ones(8) if made.flips else np.arange(8)
    np.testing.assert_array_equal(rows[0], identity)


def test_a_slope_on_two_values_is_two_groups_at_any_scale() -> None:
    for unit in (1e-12, 1.0, 1e12):
        table = pd.DataFrame({"dose": np.array([0, 1, 0, 0, 1, 1, 0, 1]) * unit})
        assert Arrangements(plain("~ dose", "dose", table), 5000, 1).count == math.comb(8, 4)
    table = pd.DataFrame({"dose": np.append(np.arange(7) * 1e-6, 1.0)})
    assert Arrangements(plain("~ dose", "dose", table), 100, 1).possible == math.factorial(8)


@pytest.mark.parametrize(
    ("formula", "contrast"), [("~ arm + age", "arm[training] - arm[waiting]"), ("~ age", "mean"), ("~ iq + age", "iq")]
)
def test_freedman_lane_equals_a_loop_that_permutes_residuals_and_refits(formula: str, contrast: str) -> None:
    n, n_permutations = 14, 199
    made, y = design(people(n), model(formula, contrast), "m"), changes(n, seed=7) + people(n)[["fd_change"]].to_numpy()
    full = np.column_stack([made.effect, made.nuisance])
    coefficients = np.linalg.lstsq(made.nuisance, y, rcond=None)[0]
    fitted = made.nuisance @ coefficients
    residuals = y - fitted
    t = []
    for move in np.concatenate(list(Arrangements(made, n_permutations, 3).blocks(64))):
        again = fitted + (move[:, None] * residuals if made.flips else residuals[move])
        beta, rss = np.linalg.lstsq(full, again, rcond=None)[:2]
        t.append(np.abs(beta[0]) / np.sqrt(rss / (n - full.shape[1]) * np.linalg.inv(full.T @ full)[0, 0]))
    t = np.array(t)
    ours = permutation_test(y, made, n_permutations, 3)
    np.testing.assert_allclose(np.abs(fit(y, made, 0.95).statistic), t[0])
    np.testing.assert_array_equal(ours.p, (t >= t[0] - 1e-9).mean(axis=0))
    np.testing.assert_array_equal(ours.p_fwe, (t.max(axis=1)[:, None] >= t[0] - 1e-9).mean(axis=0))


def test_freedman_lane_agrees_with_nilearn() -> None:
    n, n_permutations = 24, 2000
    table, y = people(n), changes(n, 6, seed=8) + 4 * people(n)[["fd_change"]].to_numpy()
    y[:, 0] += 0.7 * (table["arm"] == "training")
    y[:, 1] += 0.3 * (table["arm"] == "training")
    made = design(table, model("~ arm + age", "arm[training] - arm[waiting]"), "m")
    theirs = permuted_ols(
        (table["arm"] == "training").to_numpy(float)[:, None],
        y,
        table[["age", "fd_change"]].to_numpy(float),
        n_perm=n_permutations,
        random_state=1,
    )
    ours = permutation_test(y, made, n_permutations, 1)
    np.testing.assert_allclose(fit(y, made, 0.95).statistic, theirs["t"][0])
    p = 10 ** -theirs["logp_max_t"][0]
    error = np.sqrt(2 * np.maximum(p * (1 - p), 0.001) / n_permutations)
    assert np.all(np.abs(ours.p_fwe - p) < 4.5 * error)
    assert ours.p_fwe[0] < 0.05 < ours.p_fwe[-1]


@pytest.mark.parametrize("n", [5, 61, 130])
def test_tabulated_sums_of_signs_equal_products(n: int) -> None:
    """More people than one pass over the tables adds, and a number that no group divides."""
    made, y = one_group(n), changes(n, 40, seed=n)
    moves = np.concatenate(list(Arrangements(made, 400, 2).blocks(64)))
    r2 = np.square(moves @ (y / np.linalg.norm(y, axis=0))) / n
    found = permutation_test(y, made, 400, 2)
    np.testing.assert_array_equal(found.p, (r2 >= r2[0] * (1 - 1e-9)).mean(axis=0))
    np.testing.assert_array_equal(found.p_fwe, (r2.max(axis=1)[:, None] >= r2[0] * (1 - 1e-9)).mean(axis=0))
    np.testing.assert_allclose(found.maxima, np.sqrt((n - 1) * r2.max(axis=1) / (1 - r2.max(axis=1))), rtol=1e-9)


# Ties, constants, missing values


def test_ties_count_as_equal_despite_rounding() -> None:
    y = np.array([0.1, 0.2, 0.3, -0.1, -0.2, 0.7, 0.1, 0.4])[:, None] * [1, 1 / 3, 1e-7]
    t = _t_paired(np.array(list(product((1, -1), repeat=8)))[:, :, None] * y[None], axis=1)
    expected = (t >= t[0] * (1 - 1e-6)).mean(axis=0)
    np.testing.assert_array_equal(permutation_test(y, one_group(8), 5000, 1).p, expected)


def test_no_mean_change_at_all_has_p_one() -> None:
    y = np.array([[0.1, -0.1, 0.3, -0.3, 0.7, -0.7]]).T
    found = permutation_test(y, one_group(6), 5000, 1)
    assert found.p[0] == found.p_fwe[0] == 1
    assert fit(y, one_group(6), 0.95).estimate[0] == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("value", [0.0, 0.1, -3.3, 1e6])
def test_a_column_without_variance_is_not_tested(value: float) -> None:
    y = changes(12)
    y[:, 2] = value
    for made in (one_group(12), two_arms(6, 6), plain("~ age", "age", people(12)), plain("~ age", "mean", people(12))):
        fitted, tested = fit(y, made, 0.95), permutation_test(y, made, 199, 1)
        alone = permutation_test(np.delete(y, 2, axis=1), made, 199, 1)
        for values in (*vars(fitted).values(), tested.p, tested.p_fwe, tested.q_fdr):
            np.testing.assert_array_equal(np.isnan(values), np.arange(5) == 2)
        np.testing.assert_array_equal(np.delete(tested.p_fwe, 2), alone.p_fwe)


def test_an_arrangement_that_fits_perfectly_counts_as_the_most_extreme() -> None:
    """Flipping the last two signs makes the second column constant, so that its t is infinite there."""
    y = np.column_stack([changes(6, 1, seed=2)[:, 0], [1.0, 1.0, 1.0, 1.0, -1.0, -1.0]])
    found = permutation_test(y, one_group(6), 5000, 1)
    flips = np.array(list(product((1, -1), repeat=6)))[:, :, None] * y[None]
    with np.errstate(divide="ignore"):
        t = np.abs(flips.mean(axis=1) / (flips.std(axis=1, ddof=1) / math.sqrt(6)))
    np.testing.assert_array_equal(found.p, (t >= t[0] - 1e-9).mean(axis=0))
    np.testing.assert_array_equal(found.p_fwe, (t.max(axis=1)[:, None] >= t[0] - 1e-9).mean(axis=0))


def test_an_arrangement_that_leaves_no_variance_counts_against_an_effect() -> None:
    """Some flips turn the changes into the covariate, and zero over zero is no t."""
    x = np.array([1.0, -1.0] * 4)
    made = plain("~ x", "mean", pd.DataFrame({"x": x}))
    y = np.array([1.0, 1.0, 1.0, 1.0, 1.0, 1.0, -1.0, -1.0])
    flips = np.array(list(product((1, -1), repeat=8)))
    moved = flips * y
    left = 8 - (moved @ x) ** 2 / 8
    r2 = np.where(left > 1e-9, moved.sum(axis=1) ** 2 / 8 / np.maximum(left, 1e-9), 1)
    assert permutation_test(y[:, None], made, 5000, 1).p[0] == np.mean(r2 >= r2[0] - 1e-9)
    assert (left < 1e-9).sum() == 2


def test_nothing_to_test_gives_nothing() -> None:
    for y in (np.empty((8, 0)), np.full((8, 3), np.nan)):
        found = permutation_test(y, one_group(8), 199, 1)
        assert np.isnan(fit(y, one_group(8), 0.95).statistic).all()
        assert found.p.shape == found.p_fwe.shape == found.q_fdr.shape == y.shape[1:]
        assert all(np.isnan(values).all() for values in (found.p, found.p_fwe, found.q_fdr))


# False discovery rate, effect size


def test_fdr_equals_statsmodels() -> None:
    p = np.random.default_rng(0).uniform(0, 1, 200) ** 3
    p[::7] = np.nan
    finite = np.isfinite(p)
    np.testing.assert_allclose(fdr(p)[finite], multipletests(p[finite], method="fdr_bh")[1], rtol=1e-12)
    np.testing.assert_array_equal(np.isnan(fdr(p)), ~finite)


def test_the_correction_of_g_is_the_gamma_formula() -> None:
    for df in (2, 3, 7, 8, 29, 100, 300):
        expected = math.gamma(df / 2) / (math.sqrt(df / 2) * math.gamma((df - 1) / 2))
        assert hedges_correction(df) == pytest.approx(expected, rel=1e-10)
    assert hedges_correction(8) == pytest.approx(1 - 3 / (4 * 8 - 1), abs=1e-3)
    assert hedges_correction(100_000) == pytest.approx(1, abs=1e-4)


def test_g_is_the_corrected_difference_in_standard_deviations() -> None:
    y = changes(17)
    d = (y[:10].mean(axis=0) - y[10:].mean(axis=0)) / np.sqrt(
        (9 * y[:10].var(axis=0, ddof=1) + 6 * y[10:].var(axis=0, ddof=1)) / 15
    )
    np.testing.assert_allclose(fit(y, two_arms(10, 7), 0.95).g, hedges_correction(15) * d)
    dz = y.mean(axis=0) / y.std(axis=0, ddof=1)
    np.testing.assert_allclose(fit(y, one_group(17), 0.95).g, hedges_correction(16) * dz)


NODES, NODE_WEIGHTS = np.polynomial.legendre.leggauss(300)
SPAN = {df: (stats.chi.ppf(1e-18, df), stats.chi.isf(1e-18, df)) for df in (3, 7, 20, 60, 200)}


def _probability(t: float, df: int, shift: float) -> float:
    """Return P(T <= t) of the noncentral t distribution by integration over the standard deviation."""
    low, high = SPAN[df]
    chi = (high - low) / 2 * NODES + (high + low) / 2
    density = np.exp((df - 1) * np.log(chi) - chi**2 / 2 - (df / 2 - 1) * math.log(2) - math.lgamma(df / 2))
    return float((NODE_WEIGHTS * density * ndtr(t * chi / math.sqrt(df) - shift)).sum() * (high - low) / 2)


@pytest.mark.parametrize("df", SPAN)
@pytest.mark.parametrize("confidence", [0.9, 0.95])
def test_the_noncentral_interval_equals_root_finding(df: int, confidence: float) -> None:
    grid = np.array([-20, -8, -3, -1, -1e-9, 0, 1e-9, 0.3, 2, 5, 12, 20])
    low, high = noncentrality(grid, df, confidence)
    for t, found in zip(grid, zip(low, high, strict=True), strict=True):
        for p, bound in zip(((1 + confidence) / 2, (1 - confidence) / 2), found, strict=True):
            expected = brentq(lambda shift, t=t, p=p: _probability(t, df, shift) - p, -3 * abs(t) - 5, 3 * abs(t) + 5)
            assert bound == pytest.approx(expected, rel=1e-5, abs=1e-6)
            if t > 0:
                assert stats.nct.cdf(t, df, bound) == pytest.approx(p, abs=1e-5)
    np.testing.assert_allclose(noncentrality(-grid, df, confidence), [-high, -low], rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("effect", [0.0, 0.8, 2.0])
def test_the_interval_of_g_covers_and_g_has_no_bias(effect: float) -> None:
    """With n = 9 the bounds times J would cover 92 % at an effect of 2 standard deviations."""
    n_studies, rng = 10_000, np.random.default_rng(11)
    paired = fit(rng.normal(effect, 1, (9, n_studies)), one_group(9), 0.95)
    arms = fit(rng.normal(0, 1, (12, n_studies)) + effect * (np.arange(12) < 7)[:, None], two_arms(7, 5), 0.95)
    for found in (paired, arms):
        covered = np.count_nonzero((found.g_low <= effect) & (effect <= found.g_high))
        assert _inside(covered, n_studies, 0.95)
        assert abs(found.g.mean() - effect) < 4 * found.g.std() / math.sqrt(n_studies)
        assert np.all((found.g_low < found.g) & (found.g < found.g_high))


# Calibration


def _inside(count: int, n: int, p: float) -> bool:
    """Return whether a count lies in the central 99.9 % of a binomial distribution."""
    low, high = stats.binom.interval(0.999, n, p)
    return bool(low <= count <= high)


def _false_positives(made: Design, n_studies: int) -> tuple[int, int]:
    """Return how often the first of four columns is significant without an effect, and how often any is."""
    first, family, rng = 0, 0, np.random.default_rng(21)
    for seed in range(n_studies):
        found = permutation_test(rng.normal(0, 1, (made.n, 4)) + rng.normal(0, 1, (made.n, 1)), made, 99, seed)
        first, family = first + (found.p[0] <= 0.05), family + (found.p_fwe.min() <= 0.05)
    return first, family


@pytest.mark.parametrize(("formula", "contrast"), [("~ age", "mean"), ("~ arm + age", "arm[training] - arm[waiting]")])
def test_false_positives_are_as_frequent_as_the_level_says(formula: str, contrast: str) -> None:
    first, family = _false_positives(design(people(30), model(formula, contrast), "m"), 1000)
    assert _inside(first, 1000, 0.05)
    assert _inside(family, 1000, 0.05)


def test_sign_flips_with_covariates_are_not_liberal_in_a_small_group() -> None:
    """Freedman and Lane's test is approximate: for a dozen people it finds 3 to 5 % where 5 % are allowed."""
    for count in _false_positives(design(people(12), model("~ age", "mean"), "m"), 1000):
        assert count <= stats.binom.ppf(0.9995, 1000, 0.05)


def test_motion_that_differs_between_arms_deceives_unless_it_is_a_covariate() -> None:
    n, n_studies = 30, 400
    table = people(n).assign(fd_change=lambda frame: frame["fd_change"] + 0.08 * (frame["arm"] == "training"))
    question, rng = ("~ arm", "arm[training] - arm[waiting]"), np.random.default_rng(22)
    blind, aware = plain(*question, table), design(table, model(*question), "m")
    wrong, right = 0, 0
    for seed in range(n_studies):
        y = 3 * table["fd_change"].to_numpy()[:, None] + rng.normal(0, 0.2, (n, 1))
        wrong, right = (
            wrong + (permutation_test(y, blind, 99, seed).p[0] <= 0.05),
            right + (permutation_test(y, aware, 99, seed).p[0] <= 0.05),
        )
    assert wrong / n_studies > 0.3
    assert _inside(right, n_studies, 0.05)


@pytest.mark.parametrize("df", [5, 10, 40])
def test_bounds_of_huge_statistics_go_on_where_the_noncentral_distributions_end(df: int) -> None:
    """scipy's inverse does not come back from t = 5e5, and stops at a noncentrality of 10,000 for F."""
    t = np.array([HUGE * (1 - 1e-9), HUGE * (1 + 1e-9), 3e5, 1e8])
    bounds = noncentrality(t, df, 0.95)
    np.testing.assert_allclose(bounds[:, 0], bounds[:, 1], rtol=3e-4)
    for bound, p in zip(bounds[:, 1], (0.975, 0.025), strict=True):
        share = quad(lambda v, at=bound: ndtr(HUGE * np.sqrt(v / df) - at) * stats.chi2.pdf(v, df), 0, 40 + 4 * df,
                     points=[df * (bound / HUGE) ** 2], limit=500)[0]  # fmt: skip
        assert share == pytest.approx(p, abs=2e-4)
    np.testing.assert_allclose(bounds[:, 1:] / t[1:], np.broadcast_to(bounds[:, 1:2] / t[1], (2, 3)), rtol=1e-9)
    np.testing.assert_allclose(noncentrality(-t, df, 0.95), -bounds[::-1], rtol=3e-4)
    for p in (0.025, 0.975):
        low, high, far = noncentrality_f(np.array([HUGE * (1 - 1e-9), HUGE * (1 + 1e-9), 1e7]), 3, df, p)
        assert low == pytest.approx(high, rel=0.02)
        assert far / 1e7 == pytest.approx(high / HUGE, rel=0.01)
