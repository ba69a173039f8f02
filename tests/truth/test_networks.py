"""Network-based inference against brctools' NBS, components of scipy, explicit loops, and simulated null data."""

from __future__ import annotations

from itertools import pairwise, product

import bct
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse, stats
from scipy.sparse.csgraph import connected_components

from connect.inference.kernels import CAP
from connect.inference.networks import CNBS, NBS, TFNBS, Accumulator, Graph

# 64-bit sums of a few hundred terms of one sign, taken in another order.
EXACT = 1e-11


def full_graph(n_parcels: int) -> Graph:
    return Graph(*np.triu_indices(n_parcels, 1), n_parcels)


def random_t(n_moves: int, n_edges: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_t(10, (n_moves, n_edges)).astype(np.float32)


def fed(accumulator: Accumulator, t: np.ndarray, sizes: tuple[int, ...] = ()) -> Accumulator:
    for block in np.split(t, np.cumsum(sizes)) if sizes else [t]:
        accumulator.add(block)
    return accumulator


def flipped_t(data: np.ndarray, signs: np.ndarray) -> np.ndarray:
    """One-sample t of data ``(n, n_columns)`` under sign flips ``(n_moves, n)``."""
    n = len(data)
    mean = signs @ data / n
    variance = (np.square(data).sum(axis=0) - n * np.square(mean)) / (n - 1)
    return (mean / np.sqrt(variance / n)).astype(np.float32)


def random_flips(n_moves: int, n: int, rng: np.random.Generator) -> np.ndarray:
    signs = rng.choice((-1.0, 1.0), (n_moves, n))
    signs[0] = 1
    return signs


def edge_extents(chosen: np.ndarray, graph: Graph) -> np.ndarray:
    """Number of edges of the component of each chosen edge, 0 for the others; by scipy."""
    first, second = graph.first[chosen], graph.second[chosen]
    matrix = sparse.coo_array((np.ones(first.size), (first, second)), shape=(graph.n_parcels, graph.n_parcels))
    piece = connected_components(matrix, directed=False)[1]
    extent = np.zeros(chosen.size, int)
    extent[chosen] = np.bincount(piece[first], minlength=graph.n_parcels)[piece[first]]
    return extent


def largest_sizes(t: np.ndarray, graph: Graph, threshold: float) -> tuple[int, float]:
    """Largest extent and intensity of a row by walking from edge to edge."""
    sizes = [(0, 0.0)]
    for sign in (1, -1):
        left = {edge for edge in range(t.size) if sign * t[edge] > threshold}
        while left:
            front, members = [left.pop()], []
            while front:
                edge = front.pop()
                members.append(edge)
                ends = {graph.first[edge], graph.second[edge]}
                touching = {other for other in left if ends & {graph.first[other], graph.second[other]}}
                left -= touching
                front += touching
            sizes.append((len(members), sum(abs(float(t[edge])) - threshold for edge in members)))
    return max(size[0] for size in sizes), max(size[1] for size in sizes)


def scores_by_levels(t: np.ndarray, graph: Graph, e: float, h: float) -> np.ndarray:
    """Threshold-free scores: for every pair of successive |t|, the components between them."""
    score = np.zeros(t.size)
    for sign in (1, -1):
        side = np.where(sign * t > 0, np.abs(t.astype(float)), 0)
        levels = np.unique(np.append(side, 0))
        for below, above in pairwise(levels):
            extent = edge_extents(side >= above, graph)
            score += (extent > 0) * extent.astype(float) ** e * (above ** (h + 1) - below ** (h + 1)) / (h + 1)
    return score


# Network-based statistic: components and their sizes


@pytest.mark.parametrize("thresholds", [(3.1,), (0.3, 1.0, 1.5, 2.0, 2.5, 6.0)])
def test_largest_components_equal_a_walk_from_edge_to_edge(thresholds: tuple[float, ...]) -> None:
    graph, t = full_graph(14), random_t(30, 91)
    largest = fed(NBS(graph, thresholds, ("extent", "intensity")), t).result().largest
    for row, level in product(range(len(t)), range(len(thresholds))):
        extent, intensity = largest_sizes(t[row], graph, thresholds[level])
        assert largest[row, level, 0] == extent
        assert largest[row, level, 1] == pytest.approx(intensity, rel=EXACT)


@st.composite
def graphs(draw: st.DrawFn) -> tuple[Graph, np.ndarray, list[float]]:
    """Any subset of edges; statistics on a coarse grid, so that many are equal and many lie at a threshold."""
    n = draw(st.integers(2, 9))
    first, second = np.triu_indices(n, 1)
    use = np.array(draw(st.lists(st.booleans(), min_size=first.size, max_size=first.size)))
    rows = draw(st.integers(1, 4))
    values = st.integers(-8, 8).map(lambda value: value / 2)
    t = np.array([[draw(values) for _ in range(int(use.sum()))] for _ in range(rows)], np.float32)
    thresholds = draw(st.lists(st.sampled_from([0.25, 0.5, 1.0, 1.75, 2.0, 3.5]), min_size=1, max_size=4, unique=True))
    return Graph(first[use], second[use], n), t.reshape(rows, -1), thresholds


@settings(max_examples=60, deadline=None)
@given(graphs())
def test_any_graph_has_the_components_that_scipy_finds(case: tuple[Graph, np.ndarray, list[float]]) -> None:
    graph, t, thresholds = case
    found = fed(NBS(graph, thresholds), t).result()
    for level, threshold in enumerate(sorted(thresholds)):
        sides = [[edge_extents(sign * row > threshold, graph) for sign in (1, -1)] for row in t]
        np.testing.assert_array_equal(found.largest[:, level, 0], [np.max(side, initial=0) for side in sides])
        inside = found.label[level] >= 0
        np.testing.assert_array_equal(inside, np.abs(t[0]) > threshold)
        extents = np.add(*sides[0])[inside]
        np.testing.assert_array_equal(found.extent[found.label[level][inside]], extents)


@settings(max_examples=60, deadline=None)
@given(graphs(), st.sampled_from([(0.4, 3.0), (0.5, 2.25), (1.0, 0.5), (0.0, 1.0), (0.7, 1.6)]))
def test_any_graph_has_the_scores_of_explicit_levels(
    case: tuple[Graph, np.ndarray, list[float]], powers: tuple[float, float]
) -> None:
    graph, t, _ = case
    found = fed(TFNBS(graph, *powers), t).result()
    expected = np.array([scores_by_levels(row, graph, *powers) for row in t]).reshape(t.shape)
    np.testing.assert_allclose(found.score, np.sign(t[0]) * expected[0], rtol=EXACT)
    np.testing.assert_allclose(found.largest, expected.max(axis=1, initial=0), rtol=EXACT)
    np.testing.assert_array_equal(found.p, (expected >= expected[0] * (1 - 1e-6)).mean(axis=0))


def test_observed_components_are_described() -> None:
    # Parcels 0-1-2 rise in a triangle, 3-4 rise alone, 2-3-4-5 fall in a path that touches both.
    graph = full_graph(6)
    t = np.zeros((1, 15), np.float32)
    place = {pair: at for at, pair in enumerate(zip(graph.first.tolist(), graph.second.tolist(), strict=True))}
    values = {(0, 1): 3, (0, 2): 4, (1, 2): 5, (3, 4): 4, (2, 3): -3, (2, 4): -4, (4, 5): -6, (0, 5): 2}
    for pair, value in values.items():
        t[0, place[pair]] = value
    found = fed(NBS(graph, [2.5, 3.5], ("extent", "intensity")), t).result()
    described = list(zip(found.threshold, found.sign, found.extent, found.intensity, strict=True))
    assert described == [
        (2.5, 1, 3, 4.5), (2.5, 1, 1, 1.5), (2.5, -1, 3, 5.5),
        (3.5, 1, 2, 2.0), (3.5, 1, 1, 0.5), (3.5, -1, 2, 3.0),
    ]  # fmt: skip
    assert [np.flatnonzero(row).tolist() for row in found.parcels] == [
        [0, 1, 2], [3, 4], [2, 3, 4, 5], [0, 1, 2], [3, 4], [2, 4, 5],
    ]  # fmt: skip
    assert found.label[0, place[2, 4]] == 2
    assert found.label[1, place[2, 3]] == -1
    assert found.label[0, place[0, 5]] == -1


def test_no_edge_above_the_threshold_is_no_component() -> None:
    found = fed(NBS(full_graph(5), [50.0]), random_t(4, 10)).result()
    assert found.extent.size == found.p_fwe.size == 0
    assert found.parcels.shape == (0, 5)
    np.testing.assert_array_equal(found.p_edge, 1)
    np.testing.assert_array_equal(found.largest, 0)


# Network-based statistic: bctpy


def bct_case(seed: int, effect: float) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(2, 8, 8, 10))
    x[:4, :4] += effect
    return x + x.transpose(1, 0, 2), y + y.transpose(1, 0, 2)


def bct_rows(x: np.ndarray, y: np.ndarray, n_moves: int, seed: int) -> np.ndarray:
    """Two-sample t of the arrangements that bctpy draws from its seed, the observed one first."""
    edges = np.triu_indices(len(x), 1)
    data = np.concatenate([x[edges], y[edges]], axis=1)
    rng = np.random.RandomState(seed)
    orders = [np.arange(data.shape[1]), *(rng.permutation(data.shape[1]) for _ in range(n_moves))]
    return np.array([stats.ttest_ind(data[:, order[:10]], data[:, order[-10:]], axis=1).statistic for order in orders])


@pytest.mark.parametrize(("tail", "side"), [("right", 1), ("left", -1), ("both", 0)])
def test_components_and_their_null_distribution_equal_bctpy(tail: str, side: int) -> None:
    x, y = bct_case(1, 0.4)
    p, adjacency, null = bct.nbs_bct(x, y, 1.3, k=150, tail=tail, seed=3)
    t = bct_rows(x, y, 150, 3)
    # bctpy knows one side at a time; for both it takes |t| and lets components mix increases and decreases.
    found = fed(NBS(full_graph(8), [1.3]), np.abs(t) if side == 0 else np.maximum(side * t, 0)).result()
    np.testing.assert_array_equal(found.largest[1:, 0, 0], null)
    edges = np.triu_indices(8, 1)
    np.testing.assert_array_equal(adjacency[edges] > 0, found.label[0] >= 0)
    theirs = [(adjacency[edges] == piece + 1).sum() for piece in range(p.size)]
    assert sorted(found.extent) == sorted(theirs)
    # They leave the observed arrangement out: p = b / k, where (b + 1) / (k + 1) is right (Phipson and Smyth 2010).
    np.testing.assert_allclose(np.sort(found.p_fwe), np.sort((p * 150 + 1) / 151), rtol=1e-12)


def test_p_is_never_0_where_that_of_bctpy_is() -> None:
    x, y = bct_case(2, 2.0)
    p = bct.nbs_bct(x, y, 3.0, k=60, tail="right", seed=1)[0]
    found = fed(NBS(full_graph(8), [3.0]), np.maximum(bct_rows(x, y, 60, 1), 0)).result()
    assert p.min() == 0
    assert found.p_fwe.min() == 1 / 61


def test_components_do_not_mix_signs() -> None:
    graph = full_graph(3)
    mixed = fed(NBS(graph, [2.0]), np.array([[3, -3, 3]])).result()
    assert sorted(mixed.extent) == [1, 2]
    assert mixed.largest[0, 0, 0] == 2


# Correction over thresholds


def test_p_over_thresholds_and_sizes_equals_an_explicit_minimum() -> None:
    graph, thresholds = full_graph(8), (1.0, 1.5, 2.0, 2.5)
    t = random_t(120, 28, seed=4)
    t[0, :9] += 1.2
    found = fed(NBS(graph, thresholds, ("intensity", "extent")), t).result()
    null = np.array([[largest_sizes(row, graph, threshold)[::-1] for threshold in thresholds] for row in t])
    p_null = np.array(
        [[[(null[:, k, s] >= row[k, s] - 1e-9).mean() for s in (0, 1)] for k in range(4)] for row in null]
    )
    smallest = p_null.min(axis=(1, 2))
    for at in range(len(found.extent)):
        level = thresholds.index(found.threshold[at])
        own = [
            (null[:, level, s] >= size - 1e-9).mean() for s, size in enumerate((found.intensity[at], found.extent[at]))
        ]
        np.testing.assert_allclose(found.p_threshold[at], own, rtol=1e-12)
        assert found.p_fwe[at] == pytest.approx((smallest <= min(own) + 1e-9).mean(), rel=1e-12)
    assert (found.p_fwe >= found.p_threshold.min(axis=1)).all()


def test_one_threshold_and_size_needs_no_further_correction() -> None:
    found = fed(NBS(full_graph(9), [1.2], ["intensity"]), random_t(99, 36, seed=5)).result()
    np.testing.assert_array_equal(found.p_fwe, found.p_threshold[:, 0])


def test_p_of_an_edge_is_the_smallest_of_its_components() -> None:
    found = fed(NBS(full_graph(9), [1.0, 2.0]), random_t(50, 36, seed=6)).result()
    for edge in range(36):
        its = [found.p_fwe[component] for component in found.label[:, edge] if component >= 0]
        assert found.p_edge[edge] == min(its, default=1.0)


# Threshold-free scores


@pytest.mark.parametrize(("e", "h"), [(0.4, 3.0), (0.5, 2.25), (0.3, 3.1)])
def test_scores_equal_an_integral_in_thin_steps(e: float, h: float) -> None:
    graph, t, step = full_graph(10), random_t(1, 45, seed=7), 1e-3
    total = np.zeros(45)
    for height in np.arange(step / 2, np.abs(t).max(), step):
        extent = edge_extents(t[0] > height, graph) + edge_extents(t[0] < -height, graph)
        total += (extent > 0) * extent.astype(float) ** e * height**h * step
    score = np.abs(fed(TFNBS(graph, e, h), t).result().score)
    # At each of at most 45 jumps of the integrand a step is wrong by at most its whole width.
    np.testing.assert_allclose(score, total, atol=0.5 * step * 45**e * np.abs(t).max() ** h, rtol=0)
    strong = score > np.median(score)
    np.testing.assert_allclose(score[strong], total[strong], rtol=5e-3)


def test_scores_equal_the_steps_of_mrtrix_times_their_width() -> None:
    """MRtrix3's nbse adds extent^E h^H at h = dh, 2 dh ... up to the largest, edges at h included, without dh."""
    graph, t = full_graph(10), np.abs(random_t(1, 45, seed=8))
    score = fed(TFNBS(graph), t).result().score
    errors = []
    for step in (0.02, 0.002):
        total = np.zeros(45)
        for height in np.arange(step, t.max() + step, step):
            extent = edge_extents(t[0] >= height, graph)
            total += (extent > 0) * extent.astype(float) ** 0.4 * height**3.0
        errors.append(np.abs(total * step - score).max() / score.max())
    assert errors[0] < 0.02
    assert errors[1] < 0.002


def test_without_extent_the_score_is_that_of_the_edge_alone() -> None:
    t = random_t(60, 45, seed=9)
    found = fed(TFNBS(full_graph(10), 0.0, 1.0), t).result()
    np.testing.assert_allclose(np.abs(found.score), np.square(t[0].astype(float)) / 2, rtol=EXACT)
    np.testing.assert_array_equal(found.p, (np.abs(t) >= np.abs(t[0])).mean(axis=0))
    largest = np.abs(t).max(axis=1)
    np.testing.assert_array_equal(found.p_fwe, (largest[:, None] >= np.abs(t[0])).mean(axis=0))


def test_a_larger_graph_has_the_scores_of_explicit_levels() -> None:
    graph, t = full_graph(40), random_t(2, 780, seed=10)
    # Parcels 0 and 7 only rise and parcel 3 only falls, so that neither graph ever connects all parcels.
    for parcel, sign in ((0, 1), (7, 1), (3, -1)):
        touching = (graph.first == parcel) | (graph.second == parcel)
        t[:, touching] = sign * np.abs(t[:, touching])
    found = fed(TFNBS(graph), t).result()
    expected = np.array([scores_by_levels(row, graph, 0.4, 3.0) for row in t])
    np.testing.assert_allclose(np.abs(found.score), expected[0], rtol=EXACT)
    np.testing.assert_allclose(found.largest, expected.max(axis=1), rtol=EXACT)


# Blocks known beforehand


def test_blocks_equal_explicit_means() -> None:
    rng = np.random.default_rng(11)
    t, block = random_t(80, 60, seed=11), rng.integers(-1, 5, 60)
    found = fed(CNBS(block), t).result()
    means = np.stack([t[:, block == at].astype(float).mean(axis=1) for at in range(5)], axis=1)
    z = np.abs(means) / np.sqrt(np.square(means).mean(axis=0))
    np.testing.assert_array_equal(found.n_edges, np.bincount(block[block >= 0]))
    np.testing.assert_allclose(found.t, means[0], rtol=EXACT)
    np.testing.assert_allclose(np.abs(found.z), z[0], rtol=EXACT)
    np.testing.assert_array_equal(found.p, (z >= z[0] - 1e-6).mean(axis=0))
    np.testing.assert_array_equal(found.p_fwe, (z.max(axis=1)[:, None] >= z[0] - 1e-6).mean(axis=0))
    np.testing.assert_allclose(found.q_fdr, stats.false_discovery_control(found.p), rtol=1e-12)


def test_no_block_dominates_the_largest_statistic() -> None:
    """Blocks of 1 to 2000 independent edges: each must be the largest about as often as any other."""
    sizes = np.array([1, 5, 30, 300, 2000])
    block, rng = np.repeat(np.arange(5), sizes), np.random.default_rng(12)
    t = flipped_t(rng.normal(size=(20, sizes.sum())), random_flips(1000, 20, rng))
    means = np.add.reduceat(t.astype(float), np.cumsum(sizes) - sizes, axis=1) / sizes
    z = np.abs(means) / np.sqrt(np.square(means).mean(axis=0))
    np.testing.assert_allclose(fed(CNBS(block), t).result().largest, z.max(axis=1), rtol=1e-9)

    def shares(statistic: np.ndarray) -> np.ndarray:
        return np.bincount(np.abs(statistic).argmax(axis=1), minlength=5) / len(t)

    # A share of 0.2 has a standard error of 0.013 here; tails of t of single edges are heavier than those of means.
    assert shares(z).min() > 0.12
    assert shares(z).max() < 0.3
    assert shares(means)[0] > 0.6
    assert shares(means * sizes)[4] > 0.5


def test_enumerated_flips_give_the_exact_p_of_a_block() -> None:
    data = np.random.default_rng(13).normal(0.3, 1, (7, 6))
    signs = np.array(list(product((1.0, -1.0), repeat=7)))
    found = fed(CNBS(np.array([0, 0, 0, 1, 1, -1])), flipped_t(data, signs)).result()
    t = np.array([stats.ttest_1samp(row[:, None] * data, 0).statistic for row in signs])
    for at, edges in enumerate(([0, 1, 2], [3, 4])):
        size = np.abs(t[:, edges].mean(axis=1))
        assert found.p[at] == (size >= size[0] * (1 - 1e-6)).mean()
    assert found.p.min() >= 2 / 128


# What must not matter


def everything(graph: Graph, block: np.ndarray) -> list[Accumulator]:
    return [NBS(graph, [0.8, 1.5, 2.2], ["extent", "intensity"]), TFNBS(graph), CNBS(block)]


def same(one: object, other: object) -> None:
    for name, value in vars(one).items():
        np.testing.assert_array_equal(value, getattr(other, name), err_msg=name)


@pytest.mark.parametrize("sizes", [(1,) * 39, (1, 0, 20), (7, 13, 2), (39,)])
def test_blocks_of_rows_change_no_bit(sizes: tuple[int, ...]) -> None:
    graph, t = full_graph(11), random_t(40, 55, seed=14)
    block = np.random.default_rng(0).integers(-1, 4, 55)
    for whole, cut in zip(everything(graph, block), everything(graph, block), strict=True):
        same(fed(whole, t).result(), fed(cut, t, sizes).result())


def test_order_of_parcels_and_edges_changes_nothing() -> None:
    rng = np.random.default_rng(15)
    graph, t, block = full_graph(11), random_t(60, 55, seed=15), rng.integers(-1, 4, 55)
    name, order, swap = rng.permutation(11), rng.permutation(55), rng.random(55) < 0.5
    first, second = name[graph.first[order]], name[graph.second[order]]
    moved = Graph(np.where(swap, first, second), np.where(swap, second, first), 11)
    components, scores, blocks = (fed(each, t).result() for each in everything(graph, block))
    others = [fed(each, t[:, order]).result() for each in everything(moved, block[order])]
    np.testing.assert_allclose(others[0].largest, components.largest, rtol=EXACT)
    np.testing.assert_array_equal(others[0].p_edge, components.p_edge[order])
    assert sorted(zip(others[0].extent, others[0].p_fwe, strict=True)) == sorted(
        zip(components.extent, components.p_fwe, strict=True)
    )
    np.testing.assert_array_equal(others[0].parcels[:, name].sum(axis=0), components.parcels.sum(axis=0))
    np.testing.assert_allclose(others[1].score, scores.score[order], rtol=EXACT)
    np.testing.assert_array_equal(others[1].p_fwe, scores.p_fwe[order])
    np.testing.assert_allclose(others[2].z, blocks.z, rtol=1e-9)
    np.testing.assert_array_equal(others[2].p_fwe, blocks.p_fwe)


def test_the_opposite_contrast_changes_signs_only() -> None:
    graph, t, block = full_graph(11), random_t(60, 55, seed=16), np.arange(55) % 4
    for here, there in zip(everything(graph, block), everything(graph, block), strict=True):
        one, other = fed(here, t).result(), fed(there, -t).result()
        for name in ("score", "z", "t"):
            if hasattr(one, name):
                np.testing.assert_array_equal(getattr(one, name), -getattr(other, name))
        for name in ("p", "p_edge", "largest"):
            if hasattr(one, name):
                np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


@pytest.mark.parametrize("noise", [-4e-7, 4e-7])
def test_the_mirrored_arrangement_counts_whatever_the_rounding(noise: float) -> None:
    graph, n = full_graph(8), 28
    observed = np.abs(random_t(1, n, seed=17))
    t = np.concatenate([observed, -observed * (1 + noise), 0.01 * random_t(18, n)])
    components, scores, blocks = (fed(each, t).result() for each in everything(graph, np.arange(n) % 3))
    top = components.extent == components.extent.max()
    assert components.p_fwe[top].min() == 2 / 20
    assert components.p_threshold[np.argmax(components.intensity), 1] == 2 / 20
    np.testing.assert_array_equal(scores.p[observed[0] > 0.2], 2 / 20)
    assert np.nanmin(scores.p_fwe) == 2 / 20
    np.testing.assert_array_equal(blocks.p, 2 / 20)
    assert blocks.p_fwe.min() == 2 / 20


# What may be missing


def test_an_edge_without_an_observed_statistic_is_as_if_it_were_not_there() -> None:
    graph, t, block = full_graph(9), random_t(30, 36, seed=18), np.arange(36) % 3
    gone = np.isin(np.arange(36), [0, 11, 35])
    with_gaps = t.copy()
    with_gaps[0, gone] = np.nan
    left = Graph(graph.first[~gone], graph.second[~gone], 9)
    for full, reduced in zip(everything(graph, block), everything(left, block[~gone]), strict=True):
        one, other = fed(full, with_gaps).result(), fed(reduced, t[:, ~gone]).result()
        for name, value in vars(one).items():
            if value.shape[-1:] == (36,):
                np.testing.assert_array_equal(value[..., ~gone], getattr(other, name), err_msg=name)
                assert np.all(np.isnan(value[..., gone]) if value.dtype.kind == "f" else value[..., gone] == -1)
            else:
                np.testing.assert_array_equal(value, getattr(other, name), err_msg=name)


def test_an_edge_that_is_missing_later_has_no_result_and_disturbs_no_other() -> None:
    graph, t = full_graph(9), random_t(30, 36, seed=19)
    t[17, 4] = np.nan
    t[0, 4] = 5.0
    components, scores, blocks = (fed(each, t).result() for each in everything(graph, np.arange(36) % 3))
    others = np.arange(36) != 4
    assert (components.label[:, 4] == -1).all()
    for values in (components.p_edge, scores.score, scores.p, scores.p_fwe):
        assert np.isnan(values[4])
        assert np.isfinite(values[others]).all()
    assert np.isnan([blocks.t[1], blocks.z[1], blocks.p[1], blocks.p_fwe[1], blocks.q_fdr[1]]).all()
    assert np.isfinite(blocks.p_fwe[[0, 2]]).all()


@pytest.mark.filterwarnings("error")
def test_nothing_to_test_is_nan_without_a_warning() -> None:
    graph, t = full_graph(4), np.full((5, 6), np.nan, np.float32)
    components, scores, blocks = (fed(each, t).result() for each in everything(graph, np.array([0, 0, 2, 2, 2, -1])))
    for values in (components.p_edge, scores.score, scores.p, scores.p_fwe, blocks.t, blocks.p, blocks.p_fwe):
        assert np.isnan(values).all()
    none = Graph(np.array([], int), np.array([], int), 4)
    for each in everything(none, np.array([], int)):
        assert fed(each, np.empty((3, 0))).result().largest.sum() == 0


@pytest.mark.filterwarnings("error")
def test_statistics_of_zero_are_no_evidence() -> None:
    components, scores, blocks = (
        fed(each, np.zeros((5, 6))).result() for each in everything(full_graph(4), np.arange(6) % 2)
    )
    np.testing.assert_array_equal(components.p_edge, 1)
    np.testing.assert_array_equal(scores.p, 1)
    np.testing.assert_array_equal(scores.p_fwe, 1)
    assert np.isnan(blocks.p).all()


@pytest.mark.filterwarnings("error")
def test_infinite_statistics_stay_comparable() -> None:
    t = random_t(20, 10, seed=20)
    t[0, :3] = [np.inf, -np.inf, np.inf]
    t[5, :3] = [-np.inf, np.inf, -1e30]
    components, scores, blocks = (fed(each, t).result() for each in everything(full_graph(5), np.arange(10) % 2))
    assert np.isfinite(components.largest).all()
    assert components.largest[0, 0, 1] > CAP - 1
    assert (scores.p[:3] == 2 / 20).all()
    assert np.isfinite(scores.largest).all()
    assert np.isfinite(blocks.p).all()


def test_misuse_is_told() -> None:
    graph = full_graph(4)
    for thresholds in ([], [0.0], [-1.0], [np.nan], [1e5]):
        with pytest.raises(ValueError, match="thresholds"):
            NBS(graph, thresholds)
    for sizes in ([], ["mass"]):
        with pytest.raises(ValueError, match="sizes"):
            NBS(graph, [2.0], sizes)
    for powers in ((-0.1, 3.0), (0.4, -1.0), (np.nan, 3.0)):
        with pytest.raises(ValueError, match="powers"):
            TFNBS(graph, *powers)
    for each in everything(graph, np.arange(6)):
        with pytest.raises(ValueError, match="no statistics"):
            each.result()
        for wrong in (np.zeros(6), np.zeros((2, 5))):
            with pytest.raises(ValueError, match="shape"):
                each.add(wrong)


# Data without any effect

N_SETS = 300


@pytest.fixture(scope="module")
def null_p() -> dict[str, np.ndarray]:
    """Smallest p of 300 sets of normal data of 12 participants without an effect, in a graph of 10 parcels."""
    rng = np.random.default_rng(21)
    graph, thresholds = full_graph(10), np.arange(0.5, 4.1, 0.5)
    found: dict[str, list[float]] = {name: [] for name in ("one", "corrected", "best", "TFNBS", "CNBS", "block")}
    for _ in range(N_SETS):
        t = flipped_t(rng.normal(size=(12, 45)), random_flips(200, 12, rng))
        one = fed(NBS(graph, [1.0], ["intensity"]), t).result()
        many = fed(NBS(graph, thresholds, ["extent", "intensity"]), t).result()
        blocks = fed(CNBS(np.repeat([0, 1, 2, 3], [2, 8, 15, 20])), t).result()
        found["one"].append(one.p_fwe.min(initial=1))
        found["corrected"].append(many.p_fwe.min(initial=1))
        found["best"].append(many.p_threshold.min(initial=1))
        found["TFNBS"].append(fed(TFNBS(graph), t).result().p_fwe.min())
        found["CNBS"].append(blocks.p_fwe.min())
        found["block"].append(blocks.p[0])
    return {name: np.array(values) for name, values in found.items()}


@pytest.mark.parametrize("name", ["one", "corrected", "TFNBS", "CNBS", "block"])
def test_p_is_uniform_without_an_effect(null_p: dict[str, np.ndarray], name: str) -> None:
    for level in (0.05, 0.2, 0.5):
        hits = int((null_p[name] <= level).sum())
        assert stats.binomtest(hits, N_SETS, level).pvalue > 0.001, (name, level, hits)
    assert stats.kstest(null_p[name], "uniform").pvalue > 0.001


def test_the_best_of_several_thresholds_is_no_valid_test(null_p: dict[str, np.ndarray]) -> None:
    hits = int((null_p["best"] <= 0.05).sum())
    assert stats.binomtest(hits, N_SETS, 0.05, alternative="greater").pvalue < 1e-6
