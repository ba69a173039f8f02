"""Analysis of covariance with own covariates against statsmodels, least squares by hand, and slow explicit loops."""

from __future__ import annotations

import math
from itertools import permutations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
import statsmodels.formula.api as smf
from scipy import stats

from connect.design import Design, design
from connect.inference import (
    Arrangements,
    Fit,
    ancova,
    fit,
    fit_together,
    own_covariates,
    permutation,
    permutation_test,
)
from connect.inference.ancova import ancova_test, fit_ancova, with_own
from connect.settings.model import Model

ARMS, SLOPE, MEAN, THREE = (
    ("~ arm + age", "arm[training] - arm[waiting]"),
    ("~ arm + age", "age"),
    ("~ age", "mean"),
    ("~ group + age", "group"),
)
"""Formula and contrast: labels or permutations, permutations, flips, and F of two rows."""


def people(n: int = 24, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "arm": np.array(["waiting", "training"])[np.arange(n) % 2],
            "group": np.array(["b", "c", "a"])[np.arange(n) % 3],
            "age": rng.integers(20, 60, n),
            "site": np.array(["x", "y"])[np.arange(n) // 4 % 2],
            "family": np.arange(n) // 2,
        }
    )


def plain(formula: str, contrast: str, rows: pd.DataFrame, **options) -> Design:
    made = Model(question="?", formula=formula, contrast=contrast, motion_covariate=False, **options)
    return design(rows, made, "model.yaml")


def sessions(n: int, n_columns: int = 5, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Return values before and after ``(n, n_columns)`` that go along."""
    rng = np.random.default_rng(seed)
    pre = rng.normal(0.2, 0.3, (n, n_columns))
    return pre, 0.5 * pre + rng.normal(0.1, 0.3, (n, n_columns))


def with_column(made: Design, own: np.ndarray) -> Design:
    """Return a design with one more nuisance column, shared by all."""
    return Design(made.effect, np.column_stack([made.nuisance, own]), (), flips=made.flips, arms="")


def assert_equal_fits(ours: Fit, theirs: Fit, rtol: float = 1e-8) -> None:
    for name, value in vars(ours).items():
        np.testing.assert_allclose(value, getattr(theirs, name), rtol=rtol, atol=1e-12, err_msg=name)


def assert_equal_tests(ours: permutation.Tested, theirs: permutation.Tested) -> None:
    """P-values are ratios of counts, which must be the same; the largest statistics differ by rounding."""
    for name in ("p", "p_fwe", "q_fdr"):
        np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name), err_msg=name)
    np.testing.assert_allclose(ours.maxima, theirs.maxima, rtol=1e-9)


# Least squares


@pytest.mark.parametrize(
    ("formula", "contrast", "theirs"),
    [
        ("~ arm", "arm[training] - arm[waiting]", "-arm[T.waiting]"),
        (*ARMS, "-arm[T.waiting]"),
        ("~ group + age", "group[b] - group[c]", "group[T.b]-group[T.c]"),
        (*SLOPE, "age"),
        ("~ 1", "mean", "Intercept"),
    ],
)
def test_a_contrast_equals_statsmodels(formula: str, contrast: str, theirs: str) -> None:
    """1e-8: both solve by least squares, which loses some digits where the covariates go along."""
    table, (pre, post) = people(), sessions(24)
    ours = fit_ancova(post, pre, plain(formula, contrast, table), 0.9)
    for column in range(pre.shape[1]):
        fitted = smf.ols(f"y {formula} + x", table.assign(y=post[:, column], x=pre[:, column])).fit()
        names, weights = list(fitted.params.index), np.zeros(len(fitted.params))
        for term in theirs.replace("-", "+-").split("+"):
            if term:
                weights[names.index(term.lstrip("-"))] = -1 if term.startswith("-") else 1
        expected = fitted.t_test(weights)
        assert ours.df[column] == fitted.df_resid
        np.testing.assert_allclose(ours.estimate[column], expected.effect.item(), rtol=1e-8)
        np.testing.assert_allclose(ours.error[column], expected.sd.item(), rtol=1e-8)
        np.testing.assert_allclose(ours.statistic[column], expected.tvalue.item(), rtol=1e-8)
        np.testing.assert_allclose([ours.low[column], ours.high[column]], expected.conf_int(0.1)[0], rtol=1e-8)


def test_three_arms_equal_the_comparison_of_models_by_statsmodels() -> None:
    table, (pre, post) = people(), sessions(24)
    ours = fit_ancova(post, pre, plain(*THREE, table), 0.9)
    for column in range(pre.shape[1]):
        data = table.assign(y=post[:, column], x=pre[:, column])
        small, large = (smf.ols(f"y ~ {terms}", data).fit() for terms in ("age + x", "group + age + x"))
        f, _, difference = large.compare_f_test(small)
        assert (difference, ours.df[column]) == (2, large.df_resid)
        np.testing.assert_allclose(ours.statistic[column], f, rtol=1e-8)
        np.testing.assert_allclose(ours.g[column], np.sqrt(max(2 * (f - 1) / 24, 0)), rtol=1e-8)
    assert all(np.isnan(values).all() for values in (ours.estimate, ours.low, ours.high, ours.error))


@pytest.mark.parametrize("question", [ARMS, SLOPE, MEAN, THREE])
def test_a_covariate_that_all_columns_share_is_a_column_of_the_nuisance(question: tuple[str, str]) -> None:
    """Also Hedges' g and Cohen's f, with their intervals."""
    made, (pre, post) = plain(*question, people()), sessions(24)
    shared = with_column(made, pre[:, 0])
    theirs = (fit_together if question == THREE else fit)(post, shared, 0.95)
    same = np.repeat(pre[:, :1], 5, axis=1)
    assert_equal_fits(fit_ancova(post, same, made, 0.95), theirs)
    assert_equal_tests(ancova_test(post, same, made, 299, 1), permutation_test(post, shared, 299, 1))


def test_g_is_the_adjusted_difference_in_residual_standard_deviations() -> None:
    """Although arms differed before, which makes the adjusted difference less certain and not smaller."""
    table, (pre, post) = people(), sessions(24)
    pre += 0.5 * (table["arm"] == "training").to_numpy()[:, None]
    ours = fit_ancova(post, pre, plain(*ARMS, table), 0.95)
    for column in range(pre.shape[1]):
        fitted = smf.ols("y ~ arm + age + x", table.assign(y=post[:, column], x=pre[:, column])).fit()
        d = -fitted.params["arm[T.waiting]"] / np.sqrt(fitted.mse_resid)
        j = math.gamma(10) / (math.sqrt(10) * math.gamma(9.5))
        assert ours.g[column] == pytest.approx(j * d, rel=1e-8)
        assert ours.g_low[column] < d < ours.g_high[column]


@pytest.mark.parametrize("question", [ARMS, THREE])
def test_the_change_and_the_value_after_have_the_same_effect(question: tuple[str, str]) -> None:
    """The change is the value after minus a multiple of the covariate, so that the other coefficients are the same."""
    made, (pre, post) = plain(*question, people()), sessions(24)
    assert_equal_fits(fit_ancova(post - pre, pre, made, 0.95), fit_ancova(post, pre, made, 0.95))
    assert_equal_tests(ancova_test(post - pre, pre, made, 299, 1), ancova_test(post, pre, made, 299, 1))


def test_the_mean_is_that_expected_where_the_own_covariate_is_0() -> None:
    pre, post = sessions(24)
    change, made = post - pre, plain("~ 1", "mean", people())
    at_zero, centred = (fit_ancova(change, own, made, 0.95).estimate for own in (pre, pre - pre.mean(axis=0)))
    slopes = [np.polyfit(pre[:, column], change[:, column], 1) for column in range(5)]
    np.testing.assert_allclose(at_zero, [intercept for _, intercept in slopes], rtol=1e-8)
    np.testing.assert_allclose(centred, change.mean(axis=0), rtol=1e-8)


# Rearrangements


def _r2(y: np.ndarray, effect: np.ndarray, nuisance: np.ndarray) -> float:
    """Return the share of the variance left by the nuisance that the effect explains, by two fits."""
    left, all_left = (
        np.square(y - x @ np.linalg.lstsq(x, y, rcond=None)[0]).sum()
        for x in (nuisance, np.column_stack([effect, nuisance]))
    )
    return 1 - all_left / left


def slowly(
    values: np.ndarray, before: np.ndarray, made: Design, moves: np.ndarray, *, labels: bool = False
) -> np.ndarray:
    """Return the R² of each arrangement and column, with the whole model fitted again each time."""
    found = np.empty((len(moves), values.shape[1]))
    for column, (y, own) in enumerate(zip(values.T, before.T, strict=True)):
        nuisance = np.column_stack([made.nuisance, own])
        fitted = nuisance @ np.linalg.lstsq(nuisance, y, rcond=None)[0]
        for row, move in enumerate(moves):
            if labels:
                effect = np.empty_like(made.effect)
                effect[move] = made.effect
                found[row, column] = _r2(y, effect, nuisance)
            else:
                moved = move * (y - fitted) if made.flips else (y - fitted)[move]
                found[row, column] = _r2(fitted + moved, made.effect, nuisance)
    return found


def counted(r2: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return p and corrected p; partial correlations that differ by less than 1e-9 are the same one."""
    r = np.sqrt(r2)
    return (r >= r[0] - 1e-9).mean(axis=0), (r.max(axis=1)[:, None] >= r[0] - 1e-9).mean(axis=0)


def drawn(made: Design, n_permutations: int, seed: int, *, labels: bool = False) -> np.ndarray:
    return np.concatenate(list(Arrangements(made if labels else with_own(made), n_permutations, seed).blocks(64)))


@pytest.mark.parametrize(
    ("question", "options", "labels"),
    [
        (ARMS, {}, False),
        (SLOPE, {}, False),
        (MEAN, {}, False),
        (THREE, {}, False),
        (ARMS, {}, True),
        (THREE, {}, True),
        (("~ arm", ARMS[1]), {}, False),
        (("~ arm", ARMS[1]), {}, True),
        (ARMS, {"within_block": "site"}, False),
        (SLOPE, {"whole_block": "family"}, False),
        (MEAN, {"whole_block": "family"}, False),
    ],
)
def test_a_test_equals_a_loop_that_fits_the_whole_model_again(
    question: tuple[str, str], options: dict, labels: bool
) -> None:
    """The same p-values to the last bit: they are counts."""
    n, n_permutations = 14, 199
    made, (pre, post) = plain(*question, people(n), **options), sessions(n, seed=3)
    post += 0.02 * people(n)[["age"]].to_numpy()
    post[:, 0] += 0.4 * (people(n)["arm"] == "training")
    r2 = slowly(post, pre, made, drawn(made, n_permutations, 3, labels=labels), labels=labels)
    ours, (p, p_fwe) = ancova_test(post, pre, made, n_permutations, 3, labels=labels), counted(r2)
    np.testing.assert_array_equal(ours.p, p)
    np.testing.assert_array_equal(ours.p_fwe, p_fwe)
    q, df, top = made.effect.shape[1], made.df - 1, r2.max(axis=1)
    f = top / (1 - top) * df / q
    np.testing.assert_allclose(ours.maxima, f if q > 1 else np.sqrt(f), rtol=1e-7)
    observed = r2[0] / (1 - r2[0]) * df / q
    found = fit_ancova(post, pre, made, 0.95).statistic
    np.testing.assert_allclose(found if q > 1 else np.square(found), observed, rtol=1e-7)


def test_participants_of_one_arm_are_not_interchangeable() -> None:
    """Their own covariates differ, so that all 120 orders of five people count, not the 10 ways to form the arms."""
    table, (pre, post) = pd.DataFrame({"arm": ["a", "a", "b", "b", "b"]}), sessions(5, 3)
    made = plain("~ arm", "arm[a] - arm[b]", table)
    ours = ancova_test(post, pre, made, 150, 1)
    orders = np.array(list(permutations(range(5))))
    np.testing.assert_array_equal(ours.p, counted(slowly(post, pre, made, orders))[0])
    assert len(ours.maxima) == 120
    assert len(ancova_test(post, pre, made, 150, 1, labels=True).maxima) == 10


@pytest.mark.parametrize("labels", [False, True])
def test_the_order_of_participants_is_without_meaning(labels: bool) -> None:
    table, (pre, post) = pd.DataFrame({"arm": ["a", "a", "b", "b", "b", "a"]}), sessions(6, 4)
    order = np.random.default_rng(5).permutation(6)
    found = []
    for rows in (np.arange(6), order):
        made = plain("~ arm", "arm[a] - arm[b]", table.iloc[rows].reset_index(drop=True))
        found.append(ancova_test(post[rows], pre[rows], made, 719, 1, labels=labels))
    np.testing.assert_array_equal(found[0].p, found[1].p)
    np.testing.assert_array_equal(found[0].p_fwe, found[1].p_fwe)


class Heard:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.blocks: list[np.ndarray] = []

    def add(self, statistic: np.ndarray, /) -> None:
        self.blocks.append(statistic.copy())


@pytest.mark.parametrize(
    ("question", "labels"), [(ARMS, False), (ARMS, True), (SLOPE, False), (MEAN, False), (THREE, False), (THREE, True)]
)
def test_listeners_are_given_what_the_loop_finds(question: tuple[str, str], labels: bool) -> None:
    """In single precision; the sign is that of the effect, and columns that are not tested are NaN."""
    made, (pre, post) = plain(*question, people(14)), sessions(14, seed=3)
    post[3, 2] = np.nan
    heard, use = Heard(), np.arange(5) != 2
    ours = ancova_test(post, pre, made, 299, 3, labels=labels, listeners=[heard])
    t = np.concatenate(heard.blocks)
    assert t.shape == (300, 5)
    np.testing.assert_array_equal(np.isnan(t), np.broadcast_to(~use, t.shape))
    r2 = slowly(post[:, use], pre[:, use], made, drawn(made, 299, 3, labels=labels), labels=labels)
    q, df = made.effect.shape[1], made.df - 1
    f = r2 / (1 - r2) * df / q
    np.testing.assert_allclose(t[:, use] if q > 1 else np.square(t[:, use]), f, rtol=2e-5, atol=1e-6)
    observed = fit_ancova(post, pre, made, 0.95).statistic
    np.testing.assert_allclose(t[0, use], observed[use], rtol=1e-5)
    assert_equal_tests(ours, ancova_test(post, pre, made, 299, 3, labels=labels))


@pytest.mark.parametrize("labels", [False, True])
def test_a_listener_hears_the_sign_of_each_arrangement(labels: bool) -> None:
    made, (pre, post) = plain(*ARMS, people(14)), sessions(14, 1, seed=3)
    heard = Heard()
    ancova_test(post, pre, made, 99, 3, labels=labels, listeners=[heard])
    full = np.column_stack([made.effect, made.nuisance, pre])
    fitted = full[:, 1:] @ np.linalg.lstsq(full[:, 1:], post[:, 0], rcond=None)[0]
    for move, t in zip(drawn(made, 99, 3, labels=labels), np.concatenate(heard.blocks)[:, 0], strict=True):
        x, y = full.copy(), fitted + (post[:, 0] - fitted)[move]
        if labels:
            x[move, 0], y = made.effect[:, 0], post[:, 0]
        assert t == pytest.approx(sm.OLS(y, x).fit().tvalues[0], rel=1e-5, abs=1e-5)


@pytest.mark.parametrize(("question", "labels"), [(ARMS, False), (ARMS, True), (MEAN, False), (THREE, False)])
def test_blocks_tiles_and_memory_change_nothing(
    question: tuple[str, str], labels: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, (pre, post) = plain(*question, people()), sessions(24, 40)
    pre[2, 7] = np.nan
    whole = ancova_test(post, pre, made, 299, 1, labels=labels)
    fitted = fit_ancova(post, pre, made, 0.95)
    for name, value in (("TILE", 7), ("PRODUCTS", 11), ("MANY", 50), ("FEW", 13), ("KEPT", 0)):
        monkeypatch.setattr(own_covariates if name == "TILE" else ancova, name, value)
        assert_equal_tests(ancova_test(post, pre, made, 299, 1, labels=labels), whole)
        assert_equal_tests(ancova_test(post, pre, made, 299, 1, labels=labels, listeners=[Heard()]), whole)
    assert_equal_fits(fit_ancova(post, pre, made, 0.95), fitted)


def test_the_seed_decides() -> None:
    made, (pre, post) = plain(*ARMS, people()), sessions(24)
    first, again, other = (ancova_test(post, pre, made, 299, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.maxima, again.maxima)
    np.testing.assert_array_equal(first.p, again.p)
    assert not np.array_equal(first.maxima, other.maxima)


# Scales and columns


@pytest.mark.parametrize("question", [ARMS, SLOPE, MEAN, THREE])
@pytest.mark.parametrize("unit", [1e-9, -1.0, 1e9])
def test_units_of_outcome_and_covariate_are_without_meaning(question: tuple[str, str], unit: float) -> None:
    made, (pre, post) = plain(*question, people()), sessions(24)
    plainly = fit_ancova(post, pre, made, 0.95)
    for values, before, factor in ((unit * post, pre, unit), (post, unit * pre, 1.0)):
        scaled = fit_ancova(values, before, made, 0.95)
        np.testing.assert_allclose(scaled.estimate, factor * plainly.estimate, rtol=1e-9)
        sign = 1.0 if question == THREE else np.sign(factor)
        np.testing.assert_allclose(scaled.statistic, sign * plainly.statistic, rtol=1e-9)
        assert_equal_tests(ancova_test(values, before, made, 199, 1), ancova_test(post, pre, made, 199, 1))


def test_the_order_of_columns_is_without_meaning() -> None:
    made, (pre, post) = plain(*ARMS, people()), sessions(24, 30)
    order = np.random.default_rng(2).permutation(30)
    whole, turned = ancova_test(post, pre, made, 199, 1), ancova_test(post[:, order], pre[:, order], made, 199, 1)
    np.testing.assert_array_equal(turned.p, whole.p[order])
    np.testing.assert_array_equal(turned.p_fwe, whole.p_fwe[order])


def test_large_offsets_lose_no_more_digits_than_they_must() -> None:
    """At an offset of 1e6 standard deviations ten digits of the covariate are left."""
    made, (pre, post) = plain(*ARMS, people()), sessions(24)
    moved = fit_ancova(post + 1e6, pre + 1e6, made, 0.95)
    np.testing.assert_allclose(moved.statistic, fit_ancova(post, pre, made, 0.95).statistic, rtol=1e-7)


def test_single_precision_is_read_as_it_is() -> None:
    made, (pre, post) = plain(*ARMS, people()), (values.astype(np.float32) for values in sessions(24))
    ours, theirs = fit_ancova(post, pre, made, 0.95), fit_ancova(post.astype(float), pre.astype(float), made, 0.95)
    np.testing.assert_array_equal(ours.statistic, theirs.statistic)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("question", "labels"), [(ARMS, False), (ARMS, True), (SLOPE, False), (MEAN, False), (THREE, False), (THREE, True)]
)
def test_a_column_that_cannot_be_tested_harms_no_other(question: tuple[str, str], labels: bool) -> None:
    """Missing before or after, or infinite; nothing left of the outcome, of its own covariate, or of the effect."""
    made, (pre, post) = plain(*question, people()), sessions(24, 9)
    effect, nuisance = made.effect[:, -1], made.nuisance[:, -1]
    pre[3, 0], post[5, 1], post[2, 2] = np.nan, np.nan, np.inf
    post[:, 3] = 0.3 * nuisance
    post[:, 4] = 2 * pre[:, 4] - 5 * nuisance
    post[:, 5] = effect + pre[:, 5]
    pre[:, 6] = 3 * nuisance
    pre[:, 7] = 7 * effect - 2 * nuisance
    fitted, tested = fit_ancova(post, pre, made, 0.95), ancova_test(post, pre, made, 199, 1, labels=labels)
    for values in (fitted.statistic, fitted.g, fitted.g_low, fitted.df, tested.p, tested.p_fwe, tested.q_fdr):
        np.testing.assert_array_equal(np.isnan(values), np.arange(9) < 8)
    alone = ancova_test(post[:, 8:], pre[:, 8:], made, 199, 1, labels=labels)
    assert_equal_tests(permutation.Tested(tested.p[8:], tested.p_fwe[8:], tested.q_fdr[8:], tested.maxima), alone)
    assert fitted.statistic[8] == pytest.approx(fit_ancova(post[:, 8:], pre[:, 8:], made, 0.95).statistic[0])


@pytest.mark.filterwarnings("error")
def test_nothing_to_test_gives_nothing() -> None:
    made = plain(*ARMS, people())
    for post in (np.empty((24, 0)), np.full((24, 3), np.nan)):
        heard = Heard()
        found = ancova_test(post, np.zeros(post.shape), made, 199, 1, listeners=[heard])
        fitted = fit_ancova(post, np.zeros(post.shape), made, 0.95)
        assert found.p.shape == found.p_fwe.shape == fitted.statistic.shape == post.shape[1:]
        assert all(np.isnan(values).all() for values in (found.p, found.p_fwe, found.q_fdr, fitted.statistic))
        assert np.concatenate(heard.blocks).shape == (200, post.shape[1])


def test_no_effect_at_all_has_p_one() -> None:
    """Arms of the same values: the observed statistic is 0, and every other is at least as large."""
    pre, post = (np.repeat(values, 2, axis=0) for values in sessions(6, 2))
    table = pd.DataFrame({"arm": ["a", "b"] * 6})
    made = plain("~ arm", "arm[a] - arm[b]", table)
    for labels in (False, True):
        found = ancova_test(post, pre, made, 199, 1, labels=labels)
        np.testing.assert_array_equal([found.p, found.p_fwe], 1)
    np.testing.assert_allclose(fit_ancova(post, pre, made, 0.95).estimate, 0, atol=1e-12)


def test_an_arrangement_that_leaves_nothing_of_the_effect_counts_against_it() -> None:
    """Labels that move until the arms are what the own covariate says have no t; zero over zero is no evidence."""
    table = pd.DataFrame({"arm": list("aabbab")})
    pre = np.array([[0.0, 1.0, 0.0, 1.0, 1.0, 0.0]]).T
    post = np.random.default_rng(8).normal(size=(6, 1))
    made = plain("~ arm", "arm[a] - arm[b]", table)
    moves = drawn(made, 199, 1, labels=True)
    lost = [abs(np.corrcoef((table["arm"] == "a")[np.argsort(move)], pre[:, 0])[0, 1]) > 0.99 for move in moves]
    with np.errstate(all="ignore"):
        r2 = np.where(np.array(lost)[:, None], 1, slowly(post, pre, made, moves, labels=True))
    assert (len(moves), sum(lost)) == (20, 2)
    np.testing.assert_array_equal(ancova_test(post, pre, made, 199, 1, labels=True).p, counted(r2)[0])


# Calibration


@pytest.mark.parametrize(("question", "labels"), [(("~ arm", ARMS[1]), False), (ARMS, True), (MEAN, False)])
def test_false_positives_are_as_frequent_as_the_level_says(question: tuple[str, str], labels: bool) -> None:
    """Four columns that go along, and with their own covariates: counts in the central 99.9 % of a binomial."""
    n, n_studies, rng = 20, 600, np.random.default_rng(21)
    made, first, family = plain(*question, people(n)), 0, 0
    for seed in range(n_studies):
        common = rng.normal(0, 1, (n, 1))
        pre, post = (common + rng.normal(0, 1, (n, 4)) for _ in range(2))
        found = ancova_test(post, pre, made, 99, seed, labels=labels)
        first, family = first + (found.p[0] <= 0.05), family + (found.p_fwe.min() <= 0.05)
    for count in (first, family):
        assert stats.binom.ppf(0.0005, n_studies, 0.05) <= count <= stats.binom.ppf(0.9995, n_studies, 0.05)
