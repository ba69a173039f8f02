"""Arms of unequal variance: against Welch, against a slow loop of the same algorithm, and against what it is for."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special, stats

from connect.design import Design, partition
from connect.inference import permutation_test, unequal
from connect.inference.arrangements import Arrangements
from connect.inference.unequal import unequal_fit, unequal_test, variance_ratios


def two_arms(first: int, second: int, n_covariates: int = 0, seed: int = 0) -> tuple[Design, np.ndarray]:
    arm = np.repeat([0.5, -0.5], [first, second])
    covariates = np.random.default_rng(seed).normal(size=(first + second, n_covariates))
    matrix = np.column_stack([np.ones(len(arm)), arm, covariates])
    effect, nuisance = partition(matrix, np.eye(matrix.shape[1])[1:2])
    return Design(effect, nuisance, (), flips=False, arms="arm"), np.where(arm > 0, "a", "b")


def simulated(arms: np.ndarray, sd: float, n_columns: int, seed: int) -> np.ndarray:
    """Columns that share 12 sources; arm b has ``sd`` times the standard deviation."""
    rng = np.random.default_rng(seed)
    shared = rng.normal(size=(len(arms), 12)) @ (0.3 * np.random.default_rng(9).normal(size=(12, n_columns)))
    return (shared + rng.normal(size=(len(arms), n_columns))) * np.where(arms == "b", sd, 1.0)[:, None]


class Heard:
    """Keeps what it hears."""

    def __init__(self) -> None:
        self.rows: list[np.ndarray] = []

    def add(self, statistic: np.ndarray, /) -> None:
        self.rows.append(statistic.copy())


def test_equal_numbers_and_one_column_give_welchs_t() -> None:
    design, arms = two_arms(9, 9)
    y = simulated(arms, 2, 1, 1)
    theirs = stats.ttest_ind(y[arms == "a"], y[arms == "b"], equal_var=False)
    ours = unequal_fit([y], design, arms, 0.95)[0]
    interval = theirs.confidence_interval(0.95)
    np.testing.assert_allclose(ours.statistic, theirs.statistic, rtol=1e-5)  # single precision
    np.testing.assert_allclose(ours.df, theirs.df, rtol=1e-5)
    np.testing.assert_allclose([ours.low, ours.high], [interval.low, interval.high], rtol=1e-4)


def test_degrees_of_freedom_are_welchs_in_many_columns_and_unequal_arms() -> None:
    design, arms = two_arms(15, 6)
    y = simulated(arms, 2, 40, 2)
    theirs = stats.ttest_ind(y[arms == "a"], y[arms == "b"], equal_var=False)
    np.testing.assert_allclose(unequal_fit([y], design, arms, 0.9)[0].df, theirs.df, rtol=1e-4)
    np.testing.assert_allclose(
        unequal_fit([y], design, arms, 0.9)[0].estimate, y[:15].mean(axis=0) - y[15:].mean(axis=0)
    )


def ratios(variances: np.ndarray, df: np.ndarray, power: float) -> np.ndarray:
    """Shrink ratios of variances ``(n_arms, n_columns)`` as the module's docstring says."""
    logs = np.log(variances) - (special.digamma(df / 2) - np.log(df / 2))[:, None]
    logs -= (df / df.sum()) @ logs
    share, chance = df / df.sum(), special.polygamma(1, df / 2)
    expected = (1 - 2 * share) * chance + share**2 @ chance
    kept = np.maximum(0, 1 - expected / logs.var(axis=1, ddof=1)) ** power
    mean = logs.mean(axis=1)
    return np.exp(mean[:, None] + kept[:, None] * (logs - mean[:, None]))


@pytest.mark.parametrize("n_covariates", [0, 2])
def test_a_loop_that_fits_every_permutation_gives_the_same_t(n_covariates: int) -> None:
    design, arms = two_arms(11, 6, n_covariates)
    y, n = simulated(arms, 2, 20, 3), 17
    full = np.linalg.qr(np.column_stack([design.nuisance, design.effect]))[0]
    inner = full[:, : design.nuisance.shape[1]]
    members = np.stack([arms == "a", arms == "b"])
    df = members @ (1 - np.square(full).sum(axis=1))
    effect = full[:, -1] * np.sign(full[:, -1] @ design.effect[:, 0])

    def t(data: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        residuals = data - full @ (full.T @ data)
        variances = members @ np.square(residuals) / df[:, None]
        ratio = ratios(variances, df, 1)
        common = (df / df.sum()) @ (variances / ratio)
        return effect @ data / np.sqrt(common * (members @ effect**2 @ ratio)), variances

    observed, variances = t(y)
    spread = np.sqrt(ratios(variances, df, 0.5))
    reduced = (y - inner @ (inner.T @ y)) / np.sqrt(1 - np.square(inner).sum(axis=1))[:, None]
    standard = reduced / spread[np.where(arms == "a", 0, 1)]
    standard -= standard.mean(axis=0)
    weights = effect[:, None] * spread[np.where(arms == "a", 0, 1)]
    inflation = np.sqrt(np.square(weights).sum(axis=0) / np.square(weights - weights.mean(axis=0)).sum(axis=0))
    moves = np.concatenate(list(Arrangements(design, 60, 4).blocks(7)))
    expected = [
        observed,
        *(t(standard[move] * spread[np.where(arms == "a", 0, 1)])[0] * inflation for move in moves[1:]),
    ]
    heard = Heard()
    unequal_test([y], design, arms, 60, 4, [heard])
    np.testing.assert_allclose(np.concatenate(heard.rows), expected, rtol=2e-3, atol=1e-4)  # single precision
    assert moves.shape == (61, n)


def rates(first: int, second: int, sd: float, n_covariates: int = 0, n_sets: int = 400) -> tuple[float, float, float]:
    """Family-wise errors of the test and of Freedman and Lane's, and errors of the test of a block mean."""
    design, arms = two_arms(first, second, n_covariates)
    found = []
    for seed in range(n_sets):
        y = simulated(arms, sd, 80, 100 + seed)
        block, edges = unequal_test([y[:, :30].mean(axis=1, keepdims=True), y], design, arms, 199, seed)
        other = permutation_test(y, design, 199, seed)
        found.append([edges.p_fwe.min() <= 0.05, other.p_fwe.min() <= 0.05, block.p[0] <= 0.05])
    return tuple(np.mean(found, axis=0))


@pytest.mark.parametrize(
    ("arms", "sd", "n_covariates"),
    [((28, 10), 2, 0), ((28, 10), 2, 4), ((10, 28), 2, 0), ((15, 8), 1, 0), ((8, 6), 2, 0)],
)
def test_errors_hold_whichever_arm_varies_more(arms: tuple[int, int], sd: float, n_covariates: int) -> None:
    """Of 400 sets, 5 % with a binomial 99.9 % interval of 0.018 to 0.09."""
    family_wise, freedman_lane, block = rates(*arms, sd, n_covariates)
    assert 0.018 < family_wise < 0.09
    assert 0.018 < block < 0.09
    if sd > 1:
        assert freedman_lane > 0.15 or freedman_lane < 0.01


def test_a_planted_difference_is_found_where_the_large_arm_varies_more() -> None:
    """There permuted residuals have hardly any power."""
    design, arms = two_arms(10, 28)
    found = np.zeros(2)
    for seed in range(40):
        y = simulated(arms, 3, 60, seed)
        y[arms == "a", 0] += 2.8
        found += (
            unequal_test([y], design, arms, 199, 1)[0].p_fwe[0] <= 0.05,
            permutation_test(y, design, 199, 1).p_fwe[0] <= 0.05,
        )
    assert found[0] >= found[1] + 8


def test_ratios_of_variances_are_told() -> None:
    _, arms = two_arms(200, 100)
    design = two_arms(200, 100)[0]
    found = variance_ratios(simulated(arms, 2, 50, 5), design, arms)
    assert found["b"] / found["a"] == pytest.approx(4, rel=0.15)
    assert list(found) == ["a", "b"]


def test_units_columns_and_blocks_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    design, arms = two_arms(12, 8, 1)
    y = simulated(arms, 2, 30, 6)
    expected = unequal_test([y[:, :3], y], design, arms, 199, 1)
    monkeypatch.setattr(unequal, "MOVES", 7)
    order = np.random.default_rng(0).permutation(30)
    scale = np.random.default_rng(1).uniform(0.1, 1e4, 30)
    found = unequal_test([y[:, :3] * 1e5, (y * scale)[:, order]], design, arms, 199, 1)
    np.testing.assert_allclose(found[0].p, expected[0].p, atol=0.011)  # a tie of single precision moves a count by one
    np.testing.assert_allclose(found[1].p, expected[1].p[order], atol=0.011)
    np.testing.assert_allclose(found[1].maxima, expected[1].maxima, rtol=1e-3)
    again = unequal_test([y[:, :3], y], design, arms, 199, 1)
    monkeypatch.undo()
    np.testing.assert_array_equal(unequal_test([y[:, :3], y], design, arms, 199, 1)[1].p_fwe, expected[1].p_fwe)
    np.testing.assert_allclose(again[1].p_fwe, expected[1].p_fwe, atol=0.011)


def test_what_cannot_be_tested_is_missing_and_changes_nothing() -> None:
    design, arms = two_arms(12, 8)
    y = simulated(arms, 2, 30, 7)
    spoilt = np.insert(y, [0, 5, 30], 0.0, axis=1)
    spoilt[3, 0] = np.nan
    spoilt[arms == "a", 6] = np.arange(12)
    expected, found = unequal_test([y], design, arms, 99, 1)[0], unequal_test([spoilt], design, arms, 99, 1)[0]
    fitted = unequal_fit([spoilt], design, arms, 0.95)[0]
    missing = np.isin(np.arange(33), [0, 6, 32])
    np.testing.assert_array_equal(np.isnan(found.p_fwe), missing)
    for values in vars(fitted).values():
        np.testing.assert_array_equal(np.isnan(values), missing)
    np.testing.assert_array_equal(found.p[~missing], expected.p)
    assert 0 < np.nanmin(found.p) <= np.nanmax(found.p) <= 1
