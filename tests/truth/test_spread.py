"""The test of equal variance of arms: against a loop of least squares, and against what it is for."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations

import numpy as np
import pytest
from scipy import special, stats

from connect.design import Design, partition
from connect.inference.spread import spread_test


def arms_of(*counts: int, n_covariates: int = 0) -> tuple[Design, np.ndarray]:
    """Any difference among arms a, b, ..., with covariates."""
    arms = np.repeat(np.arange(len(counts)), counts)
    dummies = (arms[:, None] == np.arange(1, len(counts))).astype(float)
    covariates = np.random.default_rng(0).normal(size=(len(arms), n_covariates))
    matrix = np.column_stack([np.ones(len(arms)), dummies, covariates])
    effect, nuisance = partition(matrix, np.eye(matrix.shape[1])[1 : len(counts)])
    return Design(effect, nuisance, (), flips=False, arms="arm"), np.array(list("abcdef"))[arms]


Draw = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]
DRAWS: dict[str, Draw] = {
    "normal": lambda rng, size: rng.normal(size=size),
    "heavy tails": lambda rng, size: rng.standard_t(3, size=size),
    "skewed": lambda rng, size: rng.exponential(size=size),
    "participants who vary more": lambda rng, size: rng.normal(size=size) * np.exp(0.7 * _people(rng, size[0])),
}


def _people(rng: np.random.Generator, n: int) -> np.ndarray:
    return rng.normal(size=(n, 1))


def edges(draw: str, n: int, n_columns: int, rng: np.random.Generator) -> np.ndarray:
    """Columns of which a part is shared."""
    sources = 0.3 * np.random.default_rng(9).normal(size=(12, n_columns))
    both = DRAWS[draw](rng, (n, 12 + n_columns))
    return both[:, :12] @ sources + both[:, 12:]


def shares(design: Design, arms: np.ndarray, draw: str, sd: dict[str, float], n_sets: int) -> float:
    rng, scale = np.random.default_rng(2), np.array([sd.get(arm, 1.0) for arm in arms])[:, None]
    found = [spread_test(scale * edges(draw, len(arms), 80, rng), design, arms, 99, seed) for seed in range(n_sets)]
    return float(np.mean([one is not None and one.p <= 0.05 for one in found]))


def test_a_loop_that_fits_every_order_gives_the_same_p() -> None:
    """Of every direction of the model, as much is taken out beforehand as scatters over columns beyond chance."""
    design, arms = arms_of(3, 4, n_covariates=1)
    rng = np.random.default_rng(3)
    x = np.column_stack([np.ones(7), design.effect, design.nuisance])
    y = rng.normal(size=(7, 5)) * np.where(arms == "b", 2, 1)[:, None]
    full = np.linalg.qr(x[:, [1, 2, 3]])[0]
    y -= y.mean(axis=0)
    basis, lengths, _ = np.linalg.svd(full - full.mean(axis=0), full_matrices=False)
    basis, left = basis[:, lengths > 1e-6], np.square(y - full @ (full.T @ y)).sum(axis=0)
    assert design.df == 4
    y -= sum(max(0, 1 - 4 / 2 / np.mean((one @ y) ** 2 / left * 4)) * np.outer(one, one @ y) for one in basis.T)
    members = np.stack([arms == "a", arms == "b"])
    df = members @ (1 - np.square(full).sum(axis=1))
    bias = special.digamma(df / 2) - np.log(df / 2)
    found = []
    for order in permutations(range(7)):
        residuals = y[list(order)] - full @ (full.T @ y[list(order)])
        logs = np.log(members @ np.square(residuals) / df[:, None]) - bias[:, None]
        found.append(df @ (logs - (df / df.sum()) @ logs).mean(axis=1) ** 2)
    ours = spread_test(y, design, arms, 5039)
    assert ours is not None
    assert ours.p == pytest.approx(np.mean(np.array(found) >= found[0] * (1 - 1e-5)), abs=3 / 5040)


def test_ratios_are_those_of_the_variances_without_the_bias_of_their_logarithm() -> None:
    design, arms = arms_of(9, 5)
    y = edges("normal", 14, 20, np.random.default_rng(4)) * np.where(arms == "b", 3, 1)[:, None]
    found = spread_test(y, design, arms, 19)
    logs = [np.log(y[arms == arm].var(axis=0, ddof=1)).mean() for arm in "ab"]
    bias = [special.digamma(df / 2) - np.log(df / 2) for df in (8, 4)]
    assert found is not None
    theirs = np.exp(logs[1] - bias[1] - logs[0] + bias[0])
    assert found.ratios["b"] / found.ratios["a"] == pytest.approx(theirs, rel=1e-5)
    assert found.ratios["b"] ** 4 * found.ratios["a"] ** 8 == pytest.approx(1, rel=1e-4)


@pytest.mark.parametrize("draw", DRAWS)
@pytest.mark.parametrize(("counts", "n_covariates"), [((15, 8, 6), 0), ((28, 10), 2)])
def test_arms_that_vary_alike_pass_whatever_the_distribution(
    counts: tuple[int, ...], n_covariates: int, draw: str
) -> None:
    """Of 400 sets, 5 % with a binomial 99.9 % interval of 0.018 to 0.09."""
    design, arms = arms_of(*counts, n_covariates=n_covariates)
    assert 0.01 < shares(design, arms, draw, {}, 400) < 0.09


def test_an_arm_with_four_times_the_variance_is_found() -> None:
    design, arms = arms_of(15, 8, 6)
    assert shares(design, arms, "normal", {"c": 2}, 40) > 0.9
    assert shares(design, arms, "heavy tails", {"c": 2}, 40) > 0.5


def test_many_edges_tell_more_than_levenes_test_of_one() -> None:
    design, arms = arms_of(15, 8)
    scale, rng, levene = np.where(arms == "b", 1.6, 1.0)[:, None], np.random.default_rng(5), []
    for _ in range(40):
        y = scale * rng.normal(size=(23, 1))
        levene.append(stats.levene(y[:15, 0], y[15:, 0]).pvalue <= 0.05)
    assert shares(design, arms, "normal", {"b": 1.6}, 40) > np.mean(levene) + 0.3


def test_a_difference_of_means_is_not_taken_for_one_of_variances() -> None:
    design, arms = arms_of(15, 8, 6)
    rng, found = np.random.default_rng(6), []
    for seed in range(200):
        y = edges("normal", 29, 80, rng) + 2 * (arms == "c")[:, None] + 50
        spread = spread_test(y, design, arms, 99, seed)
        assert spread is not None
        found.append(spread.p <= 0.05)
    assert np.mean(found) < 0.11


def test_what_tells_nothing_gives_nothing() -> None:
    design, arms = arms_of(8, 2, n_covariates=3)
    rng = np.random.default_rng(7)
    assert spread_test(rng.normal(size=(10, 4)), design, np.where(np.arange(10) == 9, "b", "a"), 9) is None
    assert spread_test(np.zeros((10, 4)), design, arms, 9) is None
    design, arms = arms_of(8, 5)
    y = rng.normal(size=(13, 6))
    spoilt = np.insert(y, [0, 3], np.nan, axis=1)
    assert spread_test(spoilt, design, arms, 99) == spread_test(y, design, arms, 99)
