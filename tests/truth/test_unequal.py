"""Arms of unequal variance: against Welch, against a slow loop of the same algorithm, and against what it is for."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from scipy import linalg, special, stats
from statsmodels.stats.oneway import anova_oneway

from connect.design import Design, partition
from connect.inference import arm_variances, fit_together, permutation_test, unequal
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


# Several rows, interactions and slopes


def several_arms(counts: tuple[int, ...], kind: str = "F", n_covariates: int = 0) -> tuple[Design, np.ndarray]:
    """A contrast in a model of arms a, b, ...: F of all, how they moderate a slope, or that slope.

    Covariates are normal; the first of them has the slope.
    """
    arm = np.repeat(np.arange(len(counts)), counts)
    dummies = (arm[:, None] == np.arange(1, len(counts))).astype(float)
    covariates = np.random.default_rng(0).normal(size=(len(arm), n_covariates))
    columns = [np.ones(len(arm)), dummies, covariates]
    if kind == "interaction":
        columns.append(dummies * covariates[:, :1])
    matrix, k = np.column_stack(columns), len(counts)
    unit = np.eye(matrix.shape[1])
    contrast = {"F": unit[1:k], "interaction": unit[1 - k :], "slope": unit[k : k + 1]}[kind]
    effect, nuisance = partition(matrix, contrast)
    return Design(effect, nuisance, (), flips=False, arms="arm"), np.array(list("cab"))[arm]


@pytest.mark.parametrize("counts", [(15, 8, 6), (9, 9, 9), (12, 7)])
def test_few_columns_give_the_f_of_welch(counts: tuple[int, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """Without his correction of it, which permutations do not need, and without that of the bias of logarithms.

    Nothing is shrunk in four columns.
    """
    monkeypatch.setattr(arm_variances, "special", SimpleNamespace(digamma=np.log))
    design, arms = several_arms(counts)
    y = simulated(arms, 2, 4, 11)
    ours = unequal_fit([y], design, arms, 0.95)[0].statistic
    for column in range(4):
        theirs = anova_oneway(y[:, column], arms, use_var="unequal", welch_correction=False).statistic
        assert (ours[column] if len(counts) > 2 else ours[column] ** 2) == pytest.approx(theirs, rel=1e-4)


def _f(y: np.ndarray, design: Design, arms: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return F with shrunk ratios ``(n_columns,)``, the arms' variances and the degrees of freedom, by sandwiches."""
    x = np.column_stack([design.effect, design.nuisance])
    q, names = design.effect.shape[1], np.unique(arms)
    members = np.stack([arms == name for name in names])
    solved = np.linalg.pinv(x)
    df = members @ (1 - np.einsum("ij,ji->i", x, solved))
    variances = members @ np.square(y - x @ solved @ y) / df[:, None]
    ratio = ratios(variances, df, 1)
    common = (df / df.sum()) @ (variances / ratio)
    f, freedom, beta = np.empty(y.shape[1]), np.empty(y.shape[1]), solved[:q] @ y
    metric = np.linalg.inv(np.linalg.cholesky(solved[:q] @ solved[:q].T))
    for column in range(y.shape[1]):
        spread = (ratio[:, column] * common[column]) @ members
        f[column] = beta[:, column] @ np.linalg.solve(solved[:q] * spread @ solved[:q].T, beta[:, column]) / q
        parts = [metric @ (solved[:q] * (one * var)) @ solved[:q].T @ metric.T
                 for one, var in zip(members, variances[:, column], strict=True)]  # fmt: skip
        directions = np.linalg.eigh(sum(parts))[1]
        shares = np.array([np.diag(directions.T @ part @ directions) for part in parts])
        each = shares.sum(axis=0) ** 2 / (shares**2 / df[:, None]).sum(axis=0)
        mean = (each / (each - 2)).sum()
        freedom[column] = 2 * mean / (mean - q) if q > 1 else each[0]
    return f, variances, freedom


KINDS = [("F", (9, 7, 6), 0), ("F", (9, 7, 6), 2), ("interaction", (9, 7, 6), 1), ("interaction", (12, 8), 1),
         ("slope", (12, 8), 1)]  # fmt: skip


@pytest.mark.parametrize(("kind", "counts", "n_covariates"), KINDS)
def test_a_loop_of_sandwiches_gives_the_same_f(kind: str, counts: tuple[int, ...], n_covariates: int) -> None:
    design, arms = several_arms(counts, kind, n_covariates)
    y, q, names = simulated(arms, 2, 20, 12), design.effect.shape[1], np.unique(arms)
    observed, variances, freedom = _f(y, design, arms)
    fitted = unequal_fit([y], design, arms, 0.95)[0]
    np.testing.assert_allclose(fitted.statistic if q > 1 else fitted.statistic**2, observed, rtol=1e-4)
    np.testing.assert_allclose(fitted.df, freedom, rtol=1e-3)
    inner, members = np.linalg.qr(design.nuisance)[0], np.stack([arms == name for name in names])
    df = members @ (1 - np.square(np.linalg.qr(np.column_stack([design.effect, inner]))[0]).sum(axis=1))
    spread = np.sqrt(ratios(variances, df, 0.5))[np.searchsorted(names, arms)]
    reduced = (y - inner @ (inner.T @ y)) / np.sqrt(1 - np.square(inner).sum(axis=1))[:, None] / spread
    reduced -= reduced.mean(axis=0)
    effect = design.effect - inner @ (inner.T @ design.effect)
    effect = np.linalg.qr(effect)[0]
    moves = np.concatenate(list(Arrangements(design, 30, 4).blocks(7)))
    expected = [observed]
    for move in moves[1:]:
        data = reduced[move] * spread
        grown = np.empty_like(data)
        for column in range(data.shape[1]):
            weights = effect * spread[:, [column]]
            free, tied = (each.T @ each for each in (weights, weights - weights.mean(axis=0)))
            found = effect.T @ data[:, column]
            grown[:, column] = data[:, column] + effect @ (linalg.sqrtm(free @ np.linalg.inv(tied)) @ found - found)
        expected.append(_moved_f(data, grown, design, arms))
    heard = Heard()
    unequal_test([y], design, arms, 30, 4, [heard])
    t = np.concatenate(heard.rows)
    np.testing.assert_allclose(t if q > 1 else t**2, expected, rtol=5e-3, atol=1e-4)  # single precision


def _moved_f(data: np.ndarray, grown: np.ndarray, design: Design, arms: np.ndarray) -> np.ndarray:
    """Return F of effects that make up for being drawn without replacement, over variances of what was drawn.

    The two differ in the effect alone, which takes no part in the residuals.
    """
    found, variances, _ = _f(grown, design, arms)
    np.testing.assert_allclose(variances, _f(data, design, arms)[1])
    return found


def test_which_rows_say_that_arms_do_not_differ_does_not_matter() -> None:
    design, arms = several_arms((9, 7, 6), "F", 1)
    y, turn = simulated(arms, 2, 12, 13), np.array([[1.0, 0.4], [-0.3, 2.0]])
    turned = Design(design.effect @ turn, design.nuisance, (), flips=False, arms="arm")
    for one, other in zip(unequal_fit([y], design, arms, 0.9), unequal_fit([y], turned, arms, 0.9), strict=True):
        np.testing.assert_allclose(one.statistic, other.statistic, rtol=1e-5)
        np.testing.assert_allclose(one.df, other.df, rtol=1e-4)
    first, second = (unequal_test([y], each, arms, 199, 1)[0] for each in (design, turned))
    np.testing.assert_allclose(first.p_fwe, second.p_fwe, atol=0.011)
    np.testing.assert_allclose(first.maxima, second.maxima, rtol=1e-3)


def test_several_rows_have_no_single_estimate() -> None:
    design, arms = several_arms((11, 6, 5))
    y = simulated(arms, 2, 12, 14)
    found, plain = unequal_fit([y], design, arms, 0.95)[0], fit_together(y, design, 0.95)
    assert np.isnan([found.estimate, found.low, found.high, found.error]).all()
    for name in ("g", "g_low", "g_high"):
        np.testing.assert_array_equal(getattr(found, name), getattr(plain, name))
    np.testing.assert_allclose(found.statistic.max(), unequal_test([y], design, arms, 99, 1)[0].maxima[0], rtol=1e-5)


@pytest.mark.parametrize(
    ("kind", "counts", "varies", "n_covariates"),
    [("F", (15, 8, 6), "b", 0), ("F", (15, 8, 6), "b", 2), ("interaction", (28, 10), "a", 1),
     ("interaction", (28, 10), "c", 1), ("slope", (28, 10), "a", 1)],
)  # fmt: skip
def test_errors_hold_for_several_arms_interactions_and_slopes(
    kind: str, counts: tuple[int, ...], varies: str, n_covariates: int
) -> None:
    """Of 300 sets, 5 % with a binomial 99.9 % interval of 0.013 to 0.097; permuted residuals do not hold it."""
    design, arms = several_arms(counts, kind, n_covariates)
    found = []
    for seed in range(300):
        y = simulated(np.where(arms == varies, "b", "a"), 2, 80, 500 + seed)
        block, edges = unequal_test([y[:, :30].mean(axis=1, keepdims=True), y], design, arms, 199, seed)
        other = permutation_test(y, design, 199, seed)
        found.append([edges.p_fwe.min() <= 0.05, block.p[0] <= 0.05, other.p_fwe.min() <= 0.05])
    family_wise, block, freedman_lane = np.mean(found, axis=0)
    assert 0.013 < family_wise < 0.097
    assert 0.013 < block < 0.097
    assert freedman_lane > 0.15 or freedman_lane < 0.013
