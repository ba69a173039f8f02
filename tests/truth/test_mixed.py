"""Mixed models against lmerTest (stored), statsmodels, paired and two-sample t tests, and least squares by hand.

``references/lmer.R`` makes the stored rows and results; the tests need no R.
"""

from __future__ import annotations

import warnings
from dataclasses import fields
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.special import ndtr
from statsmodels.regression.mixed_linear_model import MixedLM

from connect.inference import reml
from connect.inference.mixed import Mixed, f_test_mixed, fit_mixed, whiten

REFERENCES = Path(__file__).parent / "references"
ROWS = pd.read_csv(REFERENCES / "lmer_rows.tsv", sep="\t", na_values="n/a")
RESULTS = pd.read_csv(REFERENCES / "lmer_results.tsv", sep="\t", na_values="n/a")
CASES = list(RESULTS[["design", "contrast"]].drop_duplicates().itertuples(index=False, name=None))


def stored(name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return values, fixed effects and participants of a stored design."""
    rows = ROWS[ROWS["design"] == name]
    fixed = rows.filter(regex="^x").dropna(axis=1).to_numpy()
    return rows.filter(regex="^y").to_numpy(), fixed, rows["participant"].to_numpy()


def weights(text: str) -> np.ndarray:
    return np.array([[float(word) for word in row.split()] for row in text.split(";")])


def expected(name: str, contrast: str) -> pd.DataFrame:
    return RESULTS[(RESULTS["design"] == name) & (RESULTS["contrast"] == contrast)]


def unbalanced(n_columns: int, icc: float, seed: int = 3) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return null values, fixed effects (intercept, group, time, group x time), participants with 1 to 3 sessions."""
    participants = np.repeat(np.arange(10), [3, 3, 3, 2, 2, 2, 3, 1, 1, 3])
    time = np.concatenate([[0, 1, 2], [0, 1, 2], [0, 1, 2], [0, 1], [0, 2], [1, 2], [0, 1, 2], [0], [1], [0, 1, 2]])
    group = participants % 2
    fixed = np.column_stack([np.ones(len(time)), group, time, group * time]).astype(float)
    rng = np.random.default_rng(seed)
    between = np.sqrt(icc) * rng.normal(size=(10, n_columns))
    return between[participants] + np.sqrt(1 - icc) * rng.normal(size=(len(time), n_columns)), fixed, participants


def balanced(n: int, n_columns: int, icc: float, seed: int = 4) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return null values of pre and of post ``(n, n_columns)``, and the participants of all rows (pre, then post)."""
    rng = np.random.default_rng(seed)
    between = np.sqrt(icc) * rng.normal(size=(n, n_columns))
    pre, post = (between + np.sqrt(1 - icc) * rng.normal(size=(n, n_columns)) for _ in range(2))
    return pre, post, np.tile(np.arange(n), 2)


def assert_equal_fits(ours: Mixed, theirs: Mixed, rtol: float = 1e-9) -> None:
    for field in fields(Mixed):
        found, wanted = getattr(ours, field.name), getattr(theirs, field.name)
        np.testing.assert_allclose(found, wanted, rtol=rtol, atol=rtol, err_msg=field.name)


# lmerTest


@pytest.mark.parametrize(("name", "contrast"), [case for case in CASES if ";" not in case[1]])
def test_a_contrast_equals_lmertest(name: str, contrast: str) -> None:
    """1e-7 is what lmer's deviance leaves of t at a variance ratio of 10,000; elsewhere the two differ by 1e-10.

    The degrees of freedom of lmerTest come from numerical derivatives, good to some 1e-6.
    """
    values, fixed, participants = stored(name)
    ours, theirs = fit_mixed(values, fixed, participants, weights(contrast)[0], 0.9), expected(name, contrast)
    for column in ("estimate", "se", "t", "low", "high"):
        np.testing.assert_allclose(getattr(ours, column), theirs[column], rtol=1e-6, atol=1e-7, err_msg=column)
    np.testing.assert_allclose(ours.df, theirs["df"], rtol=1e-5)
    np.testing.assert_allclose(ours.p, theirs["p"], rtol=1e-5)
    np.testing.assert_allclose(ours.variance_within, theirs["within"], rtol=1e-7)
    np.testing.assert_allclose(ours.variance_between, theirs["between"], rtol=1e-7)
    np.testing.assert_allclose(ours.icc, theirs["between"] / (theirs["between"] + theirs["within"]), rtol=1e-7)
    np.testing.assert_array_equal(ours.boundary, theirs["between"] == 0)


@pytest.mark.parametrize(("name", "contrast"), CASES)
def test_joint_contrasts_equal_lmertest(name: str, contrast: str) -> None:
    values, fixed, participants = stored(name)
    ours, theirs = f_test_mixed(values, fixed, participants, weights(contrast)), expected(name, contrast)
    np.testing.assert_allclose(ours.statistic, theirs["f"], rtol=1e-6)
    np.testing.assert_array_equal(ours.df_num, theirs["df_num"])
    np.testing.assert_allclose(ours.df_den, theirs["df_den"], rtol=1e-5)
    np.testing.assert_allclose(ours.p, theirs["p"], rtol=1e-4)


def test_the_stored_designs_cover_what_they_should() -> None:
    boundary = RESULTS[RESULTS["between"] == 0]["design"].unique()
    assert {"boundary", "covariates", "tiny"} == set(boundary)
    assert stored("large")[1].shape == (148, 8)
    ratio = RESULTS[RESULTS["design"] == "icc"]
    assert (ratio["between"] / (ratio["between"] + ratio["within"])).min() > 0.9999
    tiny = RESULTS[(RESULTS["design"] == "tiny") & (RESULTS["df_num"] == 3)]
    assert (tiny["df_den"] == 2).any()


# Other references


def test_estimates_and_variances_equal_statsmodels() -> None:
    """Its optimiser stops early, at some 1e-5 of the variances. Its standard errors are not compared: they differ by up
    to half a per cent from those of generalised least squares at its own variances.
    """
    for name in ("sessions", "weeks", "large"):
        values, fixed, participants = stored(name)
        contrast = np.eye(fixed.shape[1])[-1]
        ours = fit_mixed(values, fixed, participants, contrast, 0.95)
        for column in range(values.shape[1]):
            theirs = MixedLM(values[:, column], fixed, participants).fit(reml=True)
            np.testing.assert_allclose(ours.estimate[column], theirs.fe_params[-1], rtol=1e-4, atol=1e-5)
            np.testing.assert_allclose(ours.variance_within[column], theirs.scale, rtol=1e-4)
            np.testing.assert_allclose(ours.variance_between[column], theirs.cov_re[0, 0], rtol=1e-4)


def _deviance(y: np.ndarray, fixed: np.ndarray, participants: np.ndarray, ratio: float) -> float:
    """Return the REML criterion, profiled over s2, from the dense covariance matrix (Harville 1977)."""
    covariance = np.eye(len(y)) + ratio * (participants[:, None] == participants)
    inverse = np.linalg.inv(covariance)
    information = fixed.T @ inverse @ fixed
    residuals = y - fixed @ np.linalg.solve(information, fixed.T @ inverse @ y)
    logs = np.linalg.slogdet(covariance)[1] + np.linalg.slogdet(information)[1]
    return float(logs + (len(y) - fixed.shape[1]) * np.log(residuals @ inverse @ residuals))


@pytest.mark.parametrize("icc", [0.0, 0.3, 0.95])
def test_no_other_ratio_has_a_lower_deviance(icc: float) -> None:
    """The criterion is exact to some 1e-12, so it cannot be lower anywhere by more than 1e-9, near or far."""
    values, fixed, participants = unbalanced(40, icc)
    ours = fit_mixed(values, fixed, participants, np.eye(4)[3], 0.95)
    for column, ratio in enumerate(ours.ratio):
        best = _deviance(values[:, column], fixed, participants, ratio)
        others = np.concatenate([[0.0], np.geomspace(1e-5, 1e5, 60), ratio * (1 + np.array([-1e-3, 1e-3]))])
        assert min(_deviance(values[:, column], fixed, participants, other) for other in others) > best - 1e-9


def test_within_participant_effects_in_balanced_data_are_t_tests_of_the_changes() -> None:
    """Exact wherever the variance between participants is not 0: the paired test, and the two-sample test of arms."""
    pre, post, participants = balanced(16, 200, 0.5)
    time, group = np.repeat([0.0, 1.0], 16), np.tile(np.arange(16) % 2, 2).astype(float)
    cases = (
        (np.column_stack([np.ones(32), time]), stats.ttest_rel(post, pre)),
        (
            np.column_stack([np.ones(32), group, time, group * time]),
            stats.ttest_ind((post - pre)[1::2], (post - pre)[::2]),
        ),
    )
    for fixed, theirs in cases:
        ours = fit_mixed(np.concatenate([pre, post]), fixed, participants, np.eye(fixed.shape[1])[-1], 0.9)
        inside = ~ours.boundary
        assert 150 < inside.sum() < 200
        interval = theirs.confidence_interval(0.9)
        np.testing.assert_allclose(ours.t[inside], theirs.statistic[inside], rtol=1e-8)
        np.testing.assert_allclose(ours.df[inside], np.broadcast_to(theirs.df, 200)[inside], rtol=1e-8)
        np.testing.assert_allclose(ours.p[inside], theirs.pvalue[inside], rtol=1e-8)
        np.testing.assert_allclose(ours.low[inside], interval.low[inside], rtol=1e-8, atol=1e-10)
        np.testing.assert_allclose(ours.high[inside], interval.high[inside], rtol=1e-8, atol=1e-10)
        assert not np.allclose(ours.t[~inside], theirs.statistic[~inside], rtol=1e-3)


def test_between_participant_effects_in_balanced_data_are_t_tests_of_the_means() -> None:
    pre, post, participants = balanced(16, 200, 0.5)
    time, group = np.repeat([-0.5, 0.5], 16), np.tile(np.arange(16) % 2, 2).astype(float)
    fixed = np.column_stack([np.ones(32), group, time])
    ours = fit_mixed(np.concatenate([pre, post]), fixed, participants, np.array([0.0, 1, 0]), 0.95)
    theirs, inside = stats.ttest_ind((pre + post)[1::2], (pre + post)[::2]), ~ours.boundary
    np.testing.assert_allclose(ours.t[inside], theirs.statistic[inside], rtol=1e-8)
    np.testing.assert_allclose(ours.df[inside], 14, rtol=1e-8)


def test_at_the_boundary_a_test_is_ordinary_least_squares() -> None:
    pre, post, participants = balanced(12, 300, 0.0)
    time = np.repeat([0.0, 1.0], 12)
    values, fixed = np.concatenate([pre, post]), np.column_stack([np.ones(24), time])
    ours = fit_mixed(values, fixed, participants, np.array([0.0, 1]), 0.95)
    theirs = stats.ttest_ind(post, pre)
    assert 100 < ours.boundary.sum() < 200
    np.testing.assert_array_equal(ours.df[ours.boundary], 22)
    np.testing.assert_allclose(ours.t[ours.boundary], theirs.statistic[ours.boundary], rtol=1e-10)
    for zero in (ours.variance_between, ours.icc, ours.ratio):
        np.testing.assert_array_equal(zero == 0, ours.boundary)


# Whitened rows


@pytest.mark.parametrize("name", ["sessions", "weeks", "boundary", "covariates", "large", "icc"])
def test_least_squares_on_whitened_rows_is_the_mixed_model(name: str) -> None:
    values, fixed, participants = stored(name)
    n, k = fixed.shape
    for weight in np.eye(k):
        ours = fit_mixed(values, fixed, participants, weight, 0.95)
        together = whiten(values, participants, ours.ratio)
        for column, ratio in enumerate(ours.ratio):
            y, x = together[:, column], whiten(fixed, participants, ratio)
            beta, rss = np.linalg.lstsq(x, y)[:2]
            se = np.sqrt(rss[0] / (n - k) * weight @ np.linalg.inv(x.T @ x) @ weight)
            np.testing.assert_allclose(weight @ beta, ours.estimate[column], rtol=1e-8, atol=1e-10)
            np.testing.assert_allclose(se, ours.se[column], rtol=1e-8)
            np.testing.assert_allclose(weight @ beta / se, ours.t[column], rtol=1e-8, atol=1e-9)
            np.testing.assert_allclose(rss[0] / (n - k), ours.variance_within[column], rtol=1e-8)


def test_whitening_is_the_inverse_square_root_of_the_covariance() -> None:
    participants = np.array([7, 3, 7, 3, 7, 1])
    for ratio in (0.0, 0.4, 50.0):
        covariance = np.eye(6) + ratio * (participants[:, None] == participants)
        root = whiten(np.eye(6), participants, ratio)
        np.testing.assert_allclose(root, root.T, atol=1e-14)
        np.testing.assert_allclose(root @ covariance @ root, np.eye(6), atol=1e-13)


# Calibration


@pytest.mark.parametrize("contrast", [0, 1, 2, 3])
def test_p_is_uniform_without_an_effect_and_normal_theory_is_not(contrast: int) -> None:
    """Ten participants with one to three sessions: against the normal distribution too many would be significant."""
    values, fixed, participants = unbalanced(2000, 0.7, seed=12)
    ours = fit_mixed(values, fixed, participants, np.eye(4)[contrast], 0.95)
    assert stats.kstest(ours.p, "uniform").pvalue > 0.01
    low, high = stats.binom.interval(0.999, 2000, 0.05)
    assert low <= np.count_nonzero(ours.p < 0.05) <= high
    assert low <= np.count_nonzero((ours.low > 0) | (ours.high < 0)) <= high
    more, *_ = unbalanced(20_000, 0.7, seed=12)
    many = fit_mixed(more, fixed, participants, np.eye(4)[contrast], 0.95)
    normal = 2 * ndtr(-np.abs(many.t))
    assert stats.kstest(normal, "uniform").pvalue < 1e-10
    assert np.mean(normal < 0.05) > 0.07


def test_the_test_is_a_little_liberal_where_few_participants_bear_an_interaction() -> None:
    """Satterthwaite's df do not count that the standard error uses an estimated ratio: 5.6 % here instead of 5 %."""
    values, fixed, participants = unbalanced(20_000, 0.7, seed=12)
    rates = [np.mean(fit_mixed(values, fixed, participants, weight, 0.95).p < 0.05) for weight in np.eye(4)]
    np.testing.assert_allclose(rates, [0.052, 0.052, 0.05, 0.056], atol=0.002)


def test_joint_p_is_uniform_without_an_effect() -> None:
    values, fixed, participants = unbalanced(2000, 0.7, seed=13)
    p = f_test_mixed(values, fixed, participants, np.eye(4)[2:]).p
    assert stats.kstest(p, "uniform").pvalue > 0.01


# Participants with one session


def test_participants_with_one_session_inform_about_arms_more_than_about_time() -> None:
    """With nearly all variance between participants, one session says nothing about a change, much about an arm."""
    pre, post, participants = balanced(12, 50, 0.999)
    more = np.random.default_rng(5).normal(size=(12, 50))
    values = np.concatenate([pre, post, more])
    people = np.concatenate([participants, np.arange(12, 24)])
    fixed = np.column_stack([np.ones(36), people % 2, np.repeat([0.0, 1.0, 0.0], 12)])
    group, time = np.array([0.0, 1, 0]), np.array([0.0, 0, 1])
    short = fit_mixed(values[:24], fixed[:24], participants, time, 0.95)
    both = fit_mixed(values, fixed, people, time, 0.95)
    np.testing.assert_allclose(both.estimate, short.estimate, atol=1e-2)
    np.testing.assert_allclose(both.df, 11, atol=0.05)
    arms = fit_mixed(values, fixed, people, group, 0.95).df
    np.testing.assert_allclose(fit_mixed(values[:24], fixed[:24], participants, group, 0.95).df, 10, atol=0.05)
    np.testing.assert_allclose(arms, 22, atol=0.1)


# Missing and constant values, extremes


def test_columns_that_cannot_be_fitted_are_nan_and_leave_the_others_alone() -> None:
    values, fixed, participants = unbalanced(8, 0.5)
    values[3, 1] = np.nan
    values[0, 2] = np.inf
    values[:, 3] = 0.1
    values[:, 4] = 0
    values[:, 5] = np.random.default_rng(1).normal(size=10)[participants]
    values[:, 6] = fixed @ [0.1, 3, -2, 0.7]
    bad = np.isin(np.arange(8), [1, 2, 3, 4, 5, 6])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ours = fit_mixed(values, fixed, participants, np.eye(4)[2], 0.95)
        joint = f_test_mixed(values, fixed, participants, np.eye(4)[2:])
    for field in fields(Mixed):
        if field.name != "boundary":
            np.testing.assert_array_equal(np.isnan(getattr(ours, field.name)), bad, err_msg=field.name)
    assert not ours.boundary[bad].any()
    for found in vars(joint).values():
        np.testing.assert_array_equal(np.isnan(found), bad)
    alone = fit_mixed(values[:, ~bad], fixed, participants, np.eye(4)[2], 0.95)
    np.testing.assert_allclose(ours.t[~bad], alone.t, rtol=1e-10)


def test_nothing_to_fit_gives_nothing() -> None:
    _, fixed, participants = unbalanced(1, 0.5)
    for values in (np.empty((len(fixed), 0)), np.full((len(fixed), 3), np.nan)):
        ours = fit_mixed(values, fixed, participants, np.eye(4)[2], 0.95)
        joint = f_test_mixed(values, fixed, participants, np.eye(4)[2:])
        assert all(np.shape(found) == values.shape[1:] for found in (*vars(ours).values(), *vars(joint).values()))
        assert np.isnan(ours.t).all()
        assert np.isnan(joint.p).all()


@pytest.mark.parametrize("within", [1e-3, 1e-6, 1e-9])
def test_almost_all_variance_between_participants_loses_no_precision(within: float) -> None:
    """The ratio is up to 1e18; what can be lost is the rounding of the values, some 1e-16 / within of a deviation."""
    pre, post, participants = balanced(14, 20, 0.0)
    people = np.random.default_rng(8).normal(size=(14, 20))
    pre, post = people + within * pre, people + within * post
    fixed = np.column_stack([np.ones(28), np.repeat([0.0, 1.0], 14)])
    ours = fit_mixed(np.concatenate([pre, post]), fixed, participants, np.array([0.0, 1]), 0.95)
    np.testing.assert_allclose(ours.t, stats.ttest_rel(post, pre).statistic, rtol=1e-14 / within + 1e-9, atol=1e-6)
    np.testing.assert_allclose(ours.df, 13, rtol=1e-8)
    changes = (post - pre).var(axis=0, ddof=1) / 2
    np.testing.assert_allclose(ours.variance_within, changes, rtol=1e-13 / within + 1e-9)
    means = ((pre + post) / 2).var(axis=0, ddof=1)
    np.testing.assert_allclose(ours.variance_between, means - changes / 2, rtol=1e-8)


def test_large_offsets_and_covariates_lose_little() -> None:
    """An offset of 1e6 leaves ten digits of a value, and a date beside an intercept about as many of a slope."""
    values, fixed, participants = unbalanced(30, 0.5)
    exact = fit_mixed(values, fixed, participants, np.eye(4)[3], 0.95)
    shifted = fixed + np.array([0, 0, 20240000.0, 0])
    for ours in (
        fit_mixed(values + 1e6, fixed, participants, np.eye(4)[3], 0.95),
        fit_mixed(values, shifted, participants, np.eye(4)[3], 0.95),
    ):
        np.testing.assert_allclose(ours.t, exact.t, rtol=1e-6, atol=1e-7)
        np.testing.assert_allclose(ours.df, exact.df, rtol=1e-6)


@pytest.mark.parametrize(
    ("what", "match"),
    [
        ("collinear", "full rank"),
        ("missing", "full rank"),
        ("saturated", "more rows"),
        ("no weights", "not all 0"),
        ("one session each", "cannot tell"),
        ("one participant", "cannot tell"),
    ],
)
def test_designs_that_cannot_be_fitted_are_errors(what: str, match: str) -> None:
    values, fixed, participants = unbalanced(2, 0.5)
    contrast = np.zeros(4) if what == "no weights" else np.eye(4)[2]
    if what == "collinear":
        fixed = np.column_stack([fixed[:, :3], fixed[:, 1] + 2])
    if what == "missing":
        fixed = np.where(np.arange(4) == 2, np.nan, fixed)
    if what == "saturated":
        fixed, values, participants = np.eye(4), values[:4], participants[:4]
    if what == "one session each":
        participants = np.arange(len(values))
    if what == "one participant":
        participants = np.zeros(len(values))
    with pytest.raises(ValueError, match=match):
        fit_mixed(values, fixed, participants, contrast, 0.95)


# Invariances


def test_fits_do_not_depend_on_labels_order_or_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Equal to rounding, 1e-9 after the optimiser: sums are taken in another order."""
    values, fixed, participants = unbalanced(60, 0.4)
    ours = fit_mixed(values, fixed, participants, np.eye(4)[3], 0.95)
    assert 0 < ours.boundary.sum() < 60
    rows = np.random.default_rng(2).permutation(len(values))
    labels = np.random.default_rng(3).permutation(1000)[participants]
    assert_equal_fits(fit_mixed(values[rows], fixed[rows], labels[rows], np.eye(4)[3], 0.95), ours)
    backwards = fit_mixed(values[:, ::-1], fixed, participants, np.eye(4)[3], 0.95)
    assert_equal_fits(Mixed(*(getattr(backwards, field.name)[::-1] for field in fields(Mixed))), ours)
    joint = f_test_mixed(values, fixed, participants, np.eye(4)[2:])
    for block in (1, 7):
        monkeypatch.setattr(reml, "BLOCK", block)
        assert_equal_fits(fit_mixed(values, fixed, participants, np.eye(4)[3], 0.95), ours)
        again = f_test_mixed(values, fixed, participants, np.eye(4)[2:])
        for name, found in vars(again).items():
            np.testing.assert_allclose(found, getattr(joint, name), rtol=1e-9)


def test_the_same_values_give_the_same_bytes() -> None:
    values, fixed, participants = unbalanced(60, 0.4)
    first, second = (fit_mixed(values, fixed, participants, np.eye(4)[3], 0.95) for _ in range(2))
    for field in fields(Mixed):
        assert getattr(first, field.name).tobytes() == getattr(second, field.name).tobytes()


@pytest.mark.parametrize("factor", [1e-9, -1.0, 1e7])
def test_fits_scale_with_the_values(factor: float) -> None:
    values, fixed, participants = unbalanced(30, 0.4)
    ours = fit_mixed(values, fixed, participants, np.eye(4)[3], 0.95)
    scaled = fit_mixed(factor * values, fixed, participants, np.eye(4)[3], 0.95)
    for name in ("df", "p", "icc", "boundary"):
        np.testing.assert_allclose(getattr(scaled, name), getattr(ours, name), rtol=1e-8)
    np.testing.assert_allclose(scaled.t, np.sign(factor) * ours.t, rtol=1e-8)
    np.testing.assert_allclose(scaled.estimate, factor * ours.estimate, rtol=1e-8)
    np.testing.assert_allclose(scaled.variance_within, factor**2 * ours.variance_within, rtol=1e-8)
    np.testing.assert_allclose(scaled.low, factor * (ours.low if factor > 0 else ours.high), rtol=1e-8)


def test_fits_do_not_depend_on_how_the_design_is_written() -> None:
    values, fixed, participants = unbalanced(30, 0.4)
    turn = np.random.default_rng(6).normal(size=(4, 4))
    ours = fit_mixed(values, fixed, participants, np.eye(4)[3], 0.95)
    assert_equal_fits(fit_mixed(values, fixed @ turn, participants, turn.T @ np.zeros(4) + turn[3], 0.95), ours, 1e-8)
    moved = fit_mixed(values + fixed @ np.arange(4.0)[:, None], fixed, participants, np.eye(4)[3], 0.95)
    np.testing.assert_allclose(moved.estimate, ours.estimate + 3, rtol=1e-9)
    np.testing.assert_allclose(moved.se, ours.se, rtol=1e-9)


def test_single_precision_is_read_as_it_is() -> None:
    values, fixed, participants = unbalanced(30, 0.4)
    single = values.astype(np.float32)
    ours = fit_mixed(single, fixed, participants, np.eye(4)[3], 0.95)
    assert_equal_fits(fit_mixed(single.astype(np.float64), fixed, participants, np.eye(4)[3], 0.95), ours, 1e-12)
    assert ours.t.dtype == np.float64


def test_a_joint_test_of_one_contrast_is_its_t_test() -> None:
    values, fixed, participants = unbalanced(30, 0.4)
    ours = fit_mixed(values, fixed, participants, np.eye(4)[3], 0.95)
    for rows in (np.eye(4)[3:], -3 * np.eye(4)[3:], np.eye(4)[[3, 3]]):
        joint = f_test_mixed(values, fixed, participants, rows)
        np.testing.assert_allclose(joint.statistic, ours.t**2, rtol=1e-9)
        np.testing.assert_allclose(joint.df_den, ours.df, rtol=1e-8)
        np.testing.assert_allclose(joint.p, ours.p, rtol=1e-8)
        np.testing.assert_array_equal(joint.df_num, 1)


def test_f_does_not_depend_on_the_rows_that_span_the_hypothesis() -> None:
    values, fixed, participants = unbalanced(30, 0.4)
    ours = f_test_mixed(values, fixed, participants, np.eye(4)[2:])
    rows = np.array([[0, 0, 1, 1], [0, 0, -2, 0.5], [0, 0, -1, 1.5]])
    again = f_test_mixed(values, fixed, participants, rows)
    np.testing.assert_allclose(again.statistic, ours.statistic, rtol=1e-9)
    np.testing.assert_array_equal(again.df_num, 2)
    np.testing.assert_allclose(again.df_den, ours.df_den, rtol=0.2)
