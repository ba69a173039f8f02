"""The test of symmetric changes: against a loop with scipy's skewness, and against what it is for."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np
import pytest
from scipy import stats

from connect.design import Design, partition
from connect.inference import symmetry
from connect.inference.symmetry import symmetry_test


def mean_change(n: int, n_covariates: int = 0, blocks: np.ndarray | None = None) -> Design:
    """A mean change with one covariate that is not centred, as motion is not, and others that are."""
    covariates = np.random.default_rng(0).normal(0.3, 1, (n, n_covariates))
    covariates[:, 1:] -= covariates[:, 1:].mean(axis=0)
    matrix = np.column_stack([np.ones(n), covariates])
    effect, nuisance = partition(matrix, np.eye(matrix.shape[1])[:1])
    return Design(effect, nuisance, (), flips=True, arms="", blocks=blocks, whole=blocks is not None)


Draw = Callable[[tuple[int, int]], np.ndarray]


def normal(rng: np.random.Generator) -> Draw:
    return lambda size: np.asarray(rng.normal(size=size))


def exponential(rng: np.random.Generator) -> Draw:
    return lambda size: np.asarray(rng.exponential(size=size)) - 1


DRAWS: dict[str, Callable[[np.random.Generator], Draw]] = {
    "normal": normal,
    "heavy tails": lambda rng: lambda size: np.asarray(rng.standard_t(3, size=size)),
    "double exponential": lambda rng: lambda size: np.asarray(rng.laplace(size=size)),
}


def edges(draw: Draw, n: int, n_columns: int) -> np.ndarray:
    """Columns that share 12 sources."""
    return draw((n, 12)) @ (0.3 * np.random.default_rng(9).normal(size=(12, n_columns))) + draw((n, n_columns))


def _shrunk(changes: np.ndarray, full: np.ndarray, df: int) -> np.ndarray:
    """Take out what each direction of the model explains, as much of it as scatters over columns beyond chance."""
    left, found = changes.copy(), np.square(changes - full @ (full.T @ changes)).sum(axis=0) / df
    for direction in full.T:
        scores = direction @ changes
        left -= max(0, 1 - df / (df - 2) / np.mean(scores**2 / found)) * np.outer(direction, scores)
    return left


@pytest.mark.parametrize(("n_covariates", "shift"), [(0, 0.0), (0, 2.0), (2, 1.0)])
def test_a_loop_over_all_flips_gives_the_same_p_and_skewness(n_covariates: int, shift: float) -> None:
    design, rng = mean_change(9, n_covariates), np.random.default_rng(1)
    y = rng.gamma(2, size=(9, 6)) * np.array([1, 1, 1, -1, 1, -1]) + shift
    inner = np.linalg.qr(design.nuisance)[0]
    effect = design.effect - inner @ (inner.T @ design.effect)
    full = np.column_stack([effect / np.linalg.norm(effect), inner])
    centred, found = _shrunk(y, full, design.df), []
    for signs in product((1, -1), repeat=9):
        flipped = centred * np.array(signs)[:, None]
        skewness = stats.skew(flipped - full @ (full.T @ flipped), bias=False)
        found.append([np.mean(skewness**2), np.mean(skewness) ** 2])
    squared, common = np.round(found, 9).T
    p = [np.mean(each[:, None] >= each, axis=0) for each in (squared, common)]
    smaller = np.min(p, axis=0)
    ours = symmetry_test(y, design)
    assert ours.p == np.mean(smaller <= smaller[0])
    assert ours.skewness == pytest.approx(np.sqrt(max(0, squared[0] - squared[1:].mean())), rel=1e-6)


def shares(design: Design, draw: Callable[[np.random.Generator], Draw], n_sets: int) -> float:
    rng = np.random.default_rng(2)
    p = [symmetry_test(edges(draw(rng), design.n, 100), design, 99, seed).p for seed in range(n_sets)]
    return float(np.mean(np.array(p) <= 0.05))


@pytest.mark.parametrize("draw", DRAWS)
@pytest.mark.parametrize(("n", "n_covariates"), [(12, 0), (20, 3), (40, 0)])
def test_symmetric_changes_pass_whatever_their_tails(n: int, n_covariates: int, draw: str) -> None:
    """Of 400 sets, 5 % with a binomial 99.9 % interval of 0.018 to 0.09."""
    assert 0.01 < shares(mean_change(n, n_covariates), DRAWS[draw], 400) < 0.09


@pytest.mark.parametrize(("n", "n_covariates"), [(12, 0), (20, 2)])
def test_exponential_changes_are_found(n: int, n_covariates: int) -> None:
    assert shares(mean_change(n, n_covariates), exponential, 40) > 0.9


def test_changes_that_are_skewed_to_both_sides_are_found() -> None:
    """Their mean skewness is 0, which a signed statistic would miss."""
    rng, found = np.random.default_rng(3), 0
    for seed in range(40):
        y = edges(exponential(rng), 20, 100) * np.where(np.arange(100) % 2, 1, -1)
        found += symmetry_test(y, mean_change(20), 99, seed).p <= 0.05
    assert found > 20


def test_a_mean_change_is_not_taken_for_skewness() -> None:
    """Of 200 sets with an effect of half a standard deviation in every edge: 99.9 % interval of 0.01 to 0.11."""
    rng, size, design = np.random.default_rng(4), 0.7 * np.random.default_rng(5).normal(size=100), mean_change(20)
    p = [symmetry_test(edges(normal(rng), 20, 100) + size, design, 99, seed).p for seed in range(200)]
    assert np.mean(np.array(p) <= 0.05) < 0.11


def test_skewness_grows_to_that_of_the_distribution() -> None:
    """That of exponential changes is 2; few participants cannot show it."""
    rng = np.random.default_rng(6)
    found = [symmetry_test(rng.exponential(size=(n, 200)), mean_change(n), 49, 1).skewness for n in (12, 40, 1000)]
    assert 0.3 < found[0] < found[1] < found[2] == pytest.approx(2, abs=0.25)


def test_units_order_and_edges_that_are_not_looked_at_do_not_matter() -> None:
    rng, design = np.random.default_rng(7), mean_change(15, 1)
    y = edges(exponential(rng), 15, 30)
    expected = symmetry_test(y, design, 199, 1)
    spoilt = np.insert(y[:, ::-1] * rng.uniform(1, 1e4, 30), [0, 30], 0.0, axis=1)
    spoilt = np.insert(spoilt, 4, np.nan, axis=1)
    found = symmetry_test(spoilt, design, 199, 1)
    assert found.p == expected.p
    assert found.skewness == pytest.approx(expected.skewness, rel=1e-9)
    blank = symmetry_test(np.zeros((15, 3)), design, 199, 1)
    assert np.isnan([blank.p, blank.skewness]).all()


def test_many_edges_are_sampled_evenly(monkeypatch: pytest.MonkeyPatch) -> None:
    rng, design = np.random.default_rng(8), mean_change(15)
    y = rng.normal(size=(15, 95))
    monkeypatch.setattr(symmetry, "COLUMNS", 10)
    assert symmetry_test(y, design, 99, 1) == symmetry_test(y[:, ::10], design, 99, 1)


def test_families_flip_together() -> None:
    """Of 6 families there are 64 flips, and each p is a share of those."""
    rng = np.random.default_rng(9)
    design = mean_change(12, blocks=np.arange(12) // 2)
    p = symmetry_test(edges(exponential(rng), 12, 40), design).p
    assert p * 64 == pytest.approx(round(p * 64), abs=1e-9)
