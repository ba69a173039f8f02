"""QC-FC against scipy and plain loops over permutations, its false positives, and a leak that is planted."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from connect.assess import mean_of_participants
from connect.assess.qcfc import QcFc, critical_r, distances, qcfc

N_PARCELS = 9
N_EDGES = N_PARCELS * (N_PARCELS - 1) // 2
CENTRES = np.random.default_rng(5).uniform(-60, 60, (N_PARCELS, 3))
DISTANCE = distances(CENTRES)


def data(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return connectivity ``(n, N_EDGES)`` with dependence among edges, and skewed motion ``(n,)``."""
    rng = np.random.default_rng(seed)
    return 0.3 + 0.1 * rng.normal(size=(n, 1)) + 0.2 * rng.normal(size=(n, N_EDGES)), rng.gamma(2, 0.1, n)


def by_scipy(connectivity: np.ndarray, motion: np.ndarray, distance: np.ndarray) -> list[float]:
    found = stats.pearsonr(connectivity, motion[:, None], axis=0)
    correlation = stats.spearmanr(found.statistic, distance).statistic
    return [np.median(np.abs(found.statistic)), (found.pvalue < 0.05).mean(), correlation]


def p_by_counting(chance: np.ndarray, observed: np.ndarray) -> np.ndarray:
    return (np.abs(chance) >= np.abs(observed) - 1e-9).mean(axis=0)


# Against scipy


@pytest.mark.parametrize("n", [6, 7, 14, 60])
def test_correlations_and_their_summaries_equal_scipy(n: int) -> None:
    connectivity, motion = data(n)
    found = qcfc(connectivity, motion, DISTANCE, n_permutations=9)
    np.testing.assert_allclose(found.r, [stats.pearsonr(edge, motion)[0] for edge in connectivity.T], atol=1e-11)
    np.testing.assert_allclose(found.observed, by_scipy(connectivity, motion, DISTANCE), atol=1e-11)


@pytest.mark.parametrize("n_edges", [1, 2, 3, 28, 29])
def test_medians_of_an_even_and_an_odd_number_of_edges(n_edges: int) -> None:
    connectivity, motion = data(12, seed=n_edges)
    found = qcfc(connectivity[:, :n_edges], motion, DISTANCE[:n_edges], n_permutations=9)
    expected = np.median(np.abs(stats.pearsonr(connectivity[:, :n_edges], motion[:, None], axis=0).statistic))
    assert found.observed[0] == pytest.approx(expected, abs=1e-11)
    assert np.isnan(found.observed[2]) == (n_edges == 1)


def test_ties_among_edges_and_distances_have_their_mean_rank() -> None:
    connectivity, motion = data(10)
    connectivity[:, 4] = connectivity[:, 1]
    connectivity[:, 20:24] = connectivity[:, [19]]
    rounded = np.round(DISTANCE, -1)
    assert np.unique(rounded).size < N_EDGES
    found = qcfc(connectivity, motion, rounded, n_permutations=9)
    assert np.unique(found.r).size == N_EDGES - 5
    np.testing.assert_allclose(found.observed, by_scipy(connectivity, motion, rounded), atol=1e-11)


@pytest.mark.parametrize("n", [3, 6, 14, 200])
def test_the_bar_is_where_the_p_value_of_scipy_is_a_twentieth(n: int) -> None:
    connectivity, motion = data(n, seed=3)
    for edge in connectivity.T:
        r, p = stats.pearsonr(edge, motion)
        assert (abs(r) > critical_r(n)) == (p < 0.05)


def test_distances_are_those_between_centres() -> None:
    first, second = np.triu_indices(N_PARCELS, 1)
    expected = [np.sqrt(((CENTRES[a] - CENTRES[b]) ** 2).sum()) for a, b in zip(first, second, strict=True)]
    np.testing.assert_allclose(DISTANCE, expected)


def test_means_of_participants_have_the_interval_of_scipy() -> None:
    people = pd.Series(["c", "a", "a", "b", "b", "b", "d"])
    values = pd.Series([4.0, 1.0, 3.0, 5.0, 6.0, 10.0, np.nan])
    found = mean_of_participants(values, people)
    theirs = stats.ttest_1samp([4.0, 2.0, 7.0], 0).confidence_interval(0.95)
    assert found == pytest.approx({"mean": 13 / 3, "ci_low": theirs.low, "ci_high": theirs.high, "n": 3})


# Against plain loops over permutations


def test_six_participants_have_all_their_permutations() -> None:
    connectivity, motion = data(6, seed=2)
    found = qcfc(connectivity, motion, DISTANCE)
    loop = np.array([by_scipy(connectivity, np.array(moved), DISTANCE) for moved in permutations(motion)])
    assert len(found.chance) == 720
    np.testing.assert_allclose(np.sort(found.chance, axis=0), np.sort(loop, axis=0), atol=1e-11)
    np.testing.assert_array_equal(found.p, p_by_counting(loop, loop[0]))
    assert found.p.min() >= 1 / 720


def test_random_permutations_equal_a_loop_and_count_the_observed_one() -> None:
    connectivity, motion = data(11, seed=4)
    found = qcfc(connectivity, motion, DISTANCE, n_permutations=150, seed=8)
    rng = np.random.default_rng(8)
    moves = [np.arange(11), *(np.argsort(rng.permutation(11)) for _ in range(150))]
    loop = np.array([by_scipy(connectivity, motion[move], DISTANCE) for move in moves])
    np.testing.assert_allclose(found.chance, loop, atol=1e-11)
    exceed = (np.abs(loop[1:]) >= np.abs(loop[0]) - 1e-9).sum(axis=0)
    np.testing.assert_allclose(found.p, (exceed + 1) / 151)


def test_motion_of_two_values_equals_all_permutations() -> None:
    """There are 35 ways to give three of seven people the larger value; all 5,040 permutations give the same p."""
    connectivity = data(7)[0]
    motion = np.array([0.1, 0.4, 0.1, 0.1, 0.4, 0.4, 0.1])
    found = qcfc(connectivity, motion, DISTANCE)
    assert len(found.chance) == 35
    everyone = np.array(list(permutations(range(7))))
    labels, counts = np.unique(motion[everyone], axis=0, return_counts=True)
    assert set(counts) == {144}
    loop = np.array([by_scipy(connectivity, moved, DISTANCE) for moved in labels])
    np.testing.assert_allclose(np.sort(found.chance, axis=0), np.sort(loop, axis=0), atol=1e-11)
    np.testing.assert_allclose(found.p, p_by_counting(loop, found.observed))


# Laws


def test_units_and_order_do_not_matter_and_the_sign_of_motion_turns_the_sign() -> None:
    connectivity, motion = data(6, seed=6)
    found = qcfc(connectivity, motion, DISTANCE)
    order = np.random.default_rng(0).permutation(6)
    for same in (
        qcfc(connectivity[order], motion[order], DISTANCE),
        qcfc(1e6 * connectivity - 3, motion, DISTANCE / 10),
        qcfc(connectivity, 1e-3 * motion + 1, DISTANCE),
    ):
        np.testing.assert_allclose(same.r, found.r, atol=1e-9)
        np.testing.assert_allclose(same.observed, found.observed, atol=1e-9)
        np.testing.assert_array_equal(same.p, found.p)
    turned = qcfc(connectivity, -motion, DISTANCE)
    np.testing.assert_allclose(turned.r, -found.r)
    np.testing.assert_allclose(turned.observed, found.observed * [1, 1, -1], atol=1e-9)


def test_edges_that_somebody_lacks_or_that_are_constant_do_not_count() -> None:
    connectivity, motion = data(9, seed=7)
    connectivity[3, 5], connectivity[:, 11], connectivity[:, 20] = np.nan, 0.1, 0.0
    rest = np.setdiff1d(np.arange(N_EDGES), [5, 11, 20])
    found, alone = qcfc(connectivity, motion, DISTANCE), qcfc(connectivity[:, rest], motion, DISTANCE[rest])
    np.testing.assert_array_equal(np.flatnonzero(np.isnan(found.r)), [5, 11, 20])
    np.testing.assert_allclose(found.r[rest], alone.r)
    np.testing.assert_allclose(found.chance, alone.chance)
    np.testing.assert_array_equal(found.p, alone.p)


def test_edges_without_a_distance_count_for_the_size_only() -> None:
    connectivity, motion = data(9, seed=7)
    partly = np.where(np.arange(N_EDGES) < 8, np.nan, DISTANCE)
    found, full = qcfc(connectivity, motion, partly), qcfc(connectivity, motion, DISTANCE)
    np.testing.assert_array_equal(found.chance[:, :2], full.chance[:, :2])
    assert found.observed[2] == pytest.approx(stats.spearmanr(found.r[8:], DISTANCE[8:]).statistic)
    for useless in (np.full(N_EDGES, np.nan), np.full(N_EDGES, 0.1)):
        lost = qcfc(connectivity, motion, useless)
        assert np.isnan(lost.observed[2])
        assert np.isnan(lost.p).tolist() == [False, False, True]


@pytest.mark.parametrize("value", [np.nan, 0.1])
def test_no_edge_gives_nothing(value: float) -> None:
    found = qcfc(np.full((7, N_EDGES), value), data(7)[1], DISTANCE)
    for values in (found.r, found.observed, found.p):
        assert np.isnan(values).all()


# What it finds


def test_without_a_leak_false_positives_are_as_frequent_as_the_level_says() -> None:
    n_studies = 400
    found = np.array([qcfc(*data(12, seed), DISTANCE, n_permutations=99).p <= 0.05 for seed in range(n_studies)])
    low, high = stats.binom.interval(0.999, n_studies, 0.05)
    assert ((found.sum(axis=0) >= low) & (found.sum(axis=0) <= high)).all()


def leaking(strength: float, seed: int) -> QcFc:
    """Return the QC-FC of 40 people in whom motion raises connectivity, that of near parcels more."""
    rng = np.random.default_rng(seed)
    centres = rng.uniform(-60, 60, (40, 3))
    distance = distances(centres)
    motion = rng.gamma(4, 0.05, 40)
    slope = strength * np.exp(-distance / 40)
    noise = rng.normal(0, 0.15, (40, distance.size)) + rng.normal(0, 0.05, (40, 1))
    return qcfc(0.2 + motion[:, None] * slope + noise, motion, distance)


def test_a_leak_that_fades_with_distance_is_found() -> None:
    """Slopes of 2 z per mm of FD at distance 0 give near edges r = 0.5 or so beside noise of 0.16."""
    for seed in range(5):
        found = leaking(2.0, seed)
        assert (found.p[[0, 2]] <= 0.005).all()
        assert found.p[1] <= 0.01
        assert found.observed[2] < np.percentile(found.chance[:, 2], 2.5)
        assert (found.observed[:2] > np.percentile(found.chance[:, :2], 97.5, axis=0)).all()


def test_a_stronger_leak_leaves_more() -> None:
    some, more = (leaking(strength, 1).observed for strength in (1.0, 3.0))
    assert more[0] > some[0]
    assert more[1] > some[1]
    assert more[2] < some[2] < 0


@pytest.mark.parametrize(("n", "expected"), [(6, 0.35), (14, 0.20), (30, 0.13), (60, 0.09)])
def test_chance_alone_gives_few_participants_a_large_median(n: int, expected: float) -> None:
    """These numbers stand in docs/stages/assess.md."""
    t = stats.t.ppf(0.75, n - 2)
    assert t / np.sqrt(n - 2 + t**2) == pytest.approx(expected, abs=0.006)
    rng = np.random.default_rng(n)
    found = qcfc(rng.normal(size=(n, 2000)), rng.gamma(2, 0.1, n), rng.uniform(10, 100, 2000), n_permutations=99)
    assert np.median(found.chance[:, 0]) == pytest.approx(expected, abs=0.01)
