"""Domains, blocks and their means against values worked out by hand."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from connect.errors import UserError
from connect.parcels import PRIMARY, QUANTITIES, block_means, domain_edges, domain_of, domain_values, network_blocks
from connect.settings.domains import Domain, Domains

PARCELS = pd.DataFrame(
    {
        "name": ["e1", "c1", "x1", "e2", "c2", "amy"],
        "network": ["Sal", "Cont", "Vis", "Sal", "Cont", None],
        "region": ["cortex", "cortex", "cortex", "cortex", "cortex", "amygdala"],
    }
)
DOMAINS = Domains(emotion=Domain(networks=("Sal",), regions=("amygdala",)), cognition=Domain(networks=("Cont",)))
EDGES = list(combinations(PARCELS["name"], 2))
VALUES = np.random.default_rng(0).normal(0.3, 0.1, (4, len(EDGES)))
EVERY = np.ones(len(EDGES), dtype=bool)


def mean(row: np.ndarray, *pairs: str) -> float:
    """Return the mean over edges written such as `e1-c1`, in either direction."""
    return float(np.mean([row[next(n for n, e in enumerate(EDGES) if set(e) == set(p.split("-")))] for p in pairs]))


def test_the_order_of_edges_is_that_of_the_upper_triangle() -> None:
    matrix = np.arange(36).reshape(6, 6)
    first, second = np.triu_indices(6, 1)
    names = PARCELS["name"].to_numpy()
    assert list(zip(names[first], names[second], strict=True)) == EDGES
    np.testing.assert_array_equal(matrix[first, second], [matrix[a, b] for a, b in combinations(range(6), 2)])


def test_domains_are_networks_regions_and_single_parcels() -> None:
    assert list(domain_of(PARCELS, DOMAINS, "d")) == ["emotion", "cognition", "", "emotion", "cognition", "emotion"]
    named = Domains(emotion=Domain(parcels=("e1", "x1")), cognition=Domain(networks=("Cont",)))
    assert list(domain_of(PARCELS, named, "d")) == ["emotion", "cognition", "emotion", "", "cognition", ""]


def test_domain_values_are_means_over_their_edges() -> None:
    found = domain_values(VALUES, domain_of(PARCELS, DOMAINS, "d"), EVERY)
    assert list(found) == list(QUANTITIES)
    for n, row in enumerate(VALUES):
        between = mean(row, "e1-c1", "e1-c2", "e2-c1", "e2-c2", "amy-c1", "amy-c2")
        within = mean(row, "e1-e2", "e1-amy", "e2-amy", "c1-c2")
        assert found[PRIMARY][n] == pytest.approx(between)
        assert found["within_emotion"][n] == pytest.approx(mean(row, "e1-e2", "e1-amy", "e2-amy"))
        assert found["within_cognition"][n] == pytest.approx(mean(row, "c1-c2"))
        assert found["segregation"][n] == pytest.approx((within - between) / within)


def test_edges_that_do_not_count_are_left_out_for_everyone() -> None:
    use = np.array([set(edge) != {"e1", "c1"} for edge in EDGES])
    values = np.where(use, VALUES, np.nan)
    found = domain_values(values, domain_of(PARCELS, DOMAINS, "d"), use)
    expected = [mean(row, "e1-c2", "e2-c1", "e2-c2", "amy-c1", "amy-c2") for row in VALUES]
    np.testing.assert_allclose(found[PRIMARY], expected)
    none = domain_values(VALUES, domain_of(PARCELS, DOMAINS, "d"), ~EVERY)
    assert all(np.isnan(values).all() for values in none.values())


def test_segregation_is_missing_where_within_is_not_positive() -> None:
    values = VALUES.copy()
    values[1] = -values[1]
    found = domain_values(values, domain_of(PARCELS, DOMAINS, "d"), EVERY)
    np.testing.assert_array_equal(np.isnan(found["segregation"]), [False, True, False, False])
    assert np.isfinite(found[PRIMARY]).all()


def test_the_order_of_parcels_does_not_matter() -> None:
    order = np.random.default_rng(1).permutation(6)
    matrices = np.zeros((4, 6, 6))
    matrices[:, *np.triu_indices(6, 1)] = VALUES
    shuffled = (matrices + matrices.transpose(0, 2, 1))[:, order][:, :, order][:, *np.triu_indices(6, 1)]
    here, there = (
        domain_values(values, domain_of(parcels, DOMAINS, "d"), EVERY)
        for values, parcels in ((VALUES, PARCELS), (shuffled, PARCELS.iloc[order].reset_index(drop=True)))
    )
    for name in QUANTITIES:
        np.testing.assert_allclose(here[name], there[name])


def test_blocks_are_the_pairs_of_networks_and_a_parcel_without_network_is_in_none() -> None:
    blocks = network_blocks(list(PARCELS["network"]))
    members = {(block.a, block.b): [EDGES[edge] for edge in block.edges] for block in blocks}
    assert members == {
        ("Sal", "Sal"): [("e1", "e2")],
        ("Sal", "Cont"): [("e1", "c1"), ("e1", "c2"), ("c1", "e2"), ("e2", "c2")],
        ("Sal", "Vis"): [("e1", "x1"), ("x1", "e2")],
        ("Cont", "Cont"): [("c1", "c2")],
        ("Cont", "Vis"): [("c1", "x1"), ("x1", "c2")],
    }
    means = block_means(VALUES, blocks, EVERY)
    np.testing.assert_allclose(means[:, 1], [mean(row, "e1-c1", "e1-c2", "e2-c1", "e2-c2") for row in VALUES])
    use = np.array([set(edge) != {"e1", "e2"} for edge in EDGES])
    assert np.isnan(block_means(VALUES, blocks, use)[:, 0]).all()


@pytest.mark.parametrize("missing", [None, np.nan])
def test_an_atlas_without_networks_has_no_blocks(missing: object) -> None:
    assert network_blocks([missing] * 6) == []
    assert block_means(VALUES, [], EVERY).shape == (4, 0)


def test_domain_edges_do_not_overlap() -> None:
    chosen = np.stack(list(domain_edges(domain_of(PARCELS, DOMAINS, "d")).values()))
    assert chosen.sum(axis=0).max() == 1
    np.testing.assert_array_equal(chosen.sum(axis=1), [3 * 2, 3, 1])


@pytest.mark.parametrize(
    ("emotion", "cognition", "where", "got"),
    [
        ({"networks": ("Sall",)}, {"networks": ("Cont",)}, "key emotion", "Sall"),
        ({"networks": ("Sal",)}, {"regions": ("cortez",)}, "key cognition", "cortez"),
        ({"parcels": ("e1", "e9")}, {"networks": ("Cont",)}, "key emotion", "e9"),
        ({"networks": ("Sal",)}, {"parcels": ("c1", "e2")}, "d", "e2 in both"),
        ({"networks": ("Sal",)}, {"networks": ("Vis",)}, "key cognition", "1"),
    ],
)
def test_wrong_domains_are_told(emotion: dict, cognition: dict, where: str, got: str) -> None:
    with pytest.raises(UserError) as caught:
        domain_of(PARCELS, Domains(emotion=Domain(**emotion), cognition=Domain(**cognition)), "d")
    assert where in caught.value.where
    assert caught.value.got == got
    assert caught.value.must
    assert caught.value.todo
