"""Laws of what joins edges to networks: components, scores without a threshold, and blocks of network pairs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any, get_args, get_type_hints

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from connect.inference.accumulator import Accumulator
from connect.inference.networks import SIZES
from connect.methods import METHODS
from connect.settings.model import Components
from tests.contracts.methods import CASES, JOINED, answer, ask, example, families, joined, networks, noise

PARCELS = 7
EDGES = PARCELS * (PARCELS - 1) // 2
THRESHOLDS = (0.2, 0.05, 0.01)
"""Uncorrected p of edges that form components: coarse, as there are few of them."""

ONE_OF_EACH = ("mean", "unequal arms, covariate", "two arms, covariate", "labels, covariate", "value before",
               "sessions, slope", "sessions, within participants")  # fmt: skip
"""A design of each method, and one with values before, for what takes long."""

P = (
    "nbs: p_threshold",
    "nbs: p_fwe",
    "nbs: p_edge",
    "tfnbs: p",
    "tfnbs: p_fwe",
    "cnbs: p",
    "cnbs: p_fwe",
    "cnbs: q_fdr",
)
SIGNED = ("nbs: sign", "tfnbs: score", "cnbs: t", "cnbs: z")

every = pytest.mark.parametrize("name", JOINED)
both_sizes = pytest.mark.parametrize("size", SIZES)


def result(
    name: str, y: np.ndarray | None = None, size: str = "extent", n_parcels: int = PARCELS, **options: Any
) -> dict[str, np.ndarray]:
    """Return all numbers of the networks of a design, of the example if there is no other."""
    settings = {"components": Components(THRESHOLDS, size), "permutations": 199, **options}  # type: ignore[arg-type]
    return joined(ask(name, **settings), families(name, example(name, EDGES) if y is None else y)[0], n_parcels)


def same(name: str, found: Mapping[str, np.ndarray], expected: Mapping[str, np.ndarray], *but: str) -> None:
    """Sizes, scores and means are the same but for single precision, and no p differs at all."""
    for key in set(expected) - set(but):
        rtol = 0 if key in P else 1e-4
        np.testing.assert_allclose(found[key], expected[key], rtol=rtol, atol=rtol, err_msg=key)


def test_all_that_joins_edges_is_tried_with_every_method() -> None:
    asked = ask("mean")
    assert {type(one) for one in networks(asked, PARCELS).listeners} == set(Accumulator.__subclasses__())
    assert {CASES[name].method for name in JOINED} == {CASES[name].method for name in ONE_OF_EACH} == set(METHODS)
    assert set(get_args(get_type_hints(Components)["size"])) == set(SIZES)


@every
@both_sizes
def test_p_is_a_share_of_the_arrangements_and_never_zero(name: str, size: str) -> None:
    y = example(name, EDGES)
    effect = ask(name).design.effect[:, :1]
    effect = effect / np.sqrt(np.mean(np.square(effect)))
    for values in (y, y + 0.5 * effect, y + 100 * effect):
        found = result(name, values, size)
        n = len(found["tfnbs: largest"])
        assert n == ask(name, permutations=199).arrangements.count
        for key in set(P) - {"cnbs: q_fdr"}:
            assert np.all((found[key] >= 1 / n) & (found[key] <= 1)), key
            np.testing.assert_allclose(found[key] * n, np.round(found[key] * n), err_msg=key)
        assert np.all(found["nbs: p_fwe"] >= found["nbs: p_threshold"].min(axis=1))
        for of in ("tfnbs", "cnbs"):
            assert np.all(found[f"{of}: p_fwe"] >= found[f"{of}: p"])


@pytest.mark.parametrize("name", [name for name in JOINED if CASES[name].exact])
def test_all_arrangements_give_one_p_whatever_the_order_of_participants(name: str) -> None:
    asked, family = ask(name), families(name, example(name, EDGES))[0]
    order = np.random.default_rng(5).permutation(len(family.outcome))
    before = None if family.before is None else family.before[order]
    moved = ask(name, asked.rows.iloc[order].reset_index(drop=True))
    found = joined(moved, replace(family, outcome=family.outcome[order], before=before), PARCELS)
    expected = joined(asked, family, PARCELS)
    for key in expected:
        one, other = (np.sort(each[key], axis=0) if "largest" in key else each[key] for each in (found, expected))
        rtol = 0 if key in P else 1e-4
        np.testing.assert_allclose(one, other, rtol=rtol, atol=rtol, err_msg=key)


@every
@both_sizes
def test_the_order_of_parcels_does_not_matter(name: str, size: str) -> None:
    """Even parcels change places with even ones and odd with odd, so that pairs of networks stay what they are."""
    place = np.array([4, 5, 0, 1, 6, 3, 2])
    number = np.zeros((PARCELS, PARCELS), dtype=int)
    first, second = np.triu_indices(PARCELS, 1)
    number[first, second] = number[second, first] = np.arange(EDGES)
    order = number[place[first], place[second]]
    family, settings = families(name, example(name, EDGES))[0], {"components": Components(THRESHOLDS, size)}
    asked = ask(name, permutations=199, **settings)
    before = None if family.before is None else family.before[:, order]
    found = joined(asked, replace(family, outcome=family.outcome[:, order], before=before), PARCELS)
    expected = joined(asked, family, PARCELS)
    for key in ("tfnbs: score", "tfnbs: p", "tfnbs: p_fwe", "nbs: p_edge"):
        np.testing.assert_allclose(found[key], expected[key][order], rtol=1e-4, err_msg=key)
    for key in ("cnbs: z", "cnbs: p", "cnbs: p_fwe", "nbs: largest"):
        np.testing.assert_allclose(found[key], expected[key], rtol=1e-4, atol=1e-4, err_msg=key)
    for key in ("nbs: extent", "nbs: p_fwe"):
        np.testing.assert_allclose(np.sort(found[key]), np.sort(expected[key]), err_msg=key)


@every
@both_sizes
def test_the_other_way_round_changes_signs_and_no_p(name: str, size: str) -> None:
    here, there = result(name, size=size), result(name, -example(name, EDGES), size)
    order = np.lexsort([there["nbs: sign"], there["nbs: threshold"]])
    for key in ("nbs: threshold", "nbs: extent", "nbs: intensity", "nbs: p_fwe", "nbs: p_threshold", "nbs: parcels"):
        np.testing.assert_allclose(there[key][order], here[key], rtol=1e-4, err_msg=key)
    np.testing.assert_array_equal(there["nbs: sign"][order], -here["nbs: sign"])
    for key in set(P) | {"nbs: largest", "tfnbs: largest", "cnbs: largest"}:
        if key not in ("nbs: p_fwe", "nbs: p_threshold"):
            np.testing.assert_allclose(there[key], here[key], rtol=1e-4, atol=1e-4, err_msg=key)
    for key in ("tfnbs: score", "cnbs: t", "cnbs: z"):
        np.testing.assert_allclose(there[key], -here[key], rtol=1e-4, atol=1e-6, err_msg=key)


@every
def test_the_unit_of_the_measure_does_not_matter(name: str) -> None:
    family, asked = families(name, example(name, EDGES))[0], ask(name, permutations=199)
    before = None if family.before is None else 1e6 * family.before
    same(name, joined(asked, replace(family, outcome=1e6 * family.outcome, before=before), PARCELS),
         joined(asked, family, PARCELS))  # fmt: skip


@every
def test_the_seed_decides_and_is_all_that_does(name: str) -> None:
    found = result(name)
    for key, values in result(name).items():
        np.testing.assert_array_equal(values, found[key], err_msg=key)
    enumerated = ask(name, permutations=199).arrangements.enumerated
    assert np.array_equal(result(name, seed=2)["tfnbs: largest"], found["tfnbs: largest"]) == enumerated


@pytest.mark.parametrize("size", [3, 1000])
@every
def test_the_size_of_blocks_does_not_matter(name: str, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = result(name)
    for module, constant in (("permutation", "FEW"), ("ancova", "FEW"), ("unequal", "MOVES"), ("rows", "TILE")):
        monkeypatch.setattr(f"connect.inference.{module}.{constant}", size)
    same(name, result(name), expected)


@every
def test_a_parcel_without_values_is_as_if_it_were_not_there(name: str) -> None:
    y = example(name, EDGES)
    second = np.triu_indices(PARCELS, 1)[1]
    there = second < PARCELS - 1
    asked, family = ask(name, permutations=199), families(name, y)[0]
    found = joined(asked, replace(family, outcome=np.where(there, y, np.nan)), PARCELS)
    before = None if family.before is None else family.before[:, there]
    expected = joined(asked, replace(family, outcome=y[:, there], before=before), PARCELS - 1)
    for key in ("nbs: p_edge", "tfnbs: score", "tfnbs: p", "tfnbs: p_fwe"):
        assert np.all(np.isnan(found[key][~there])), key
        np.testing.assert_allclose(found[key][there], expected[key], rtol=1e-4, err_msg=key)
    for key in set(expected) - {
        "nbs: p_edge",
        "nbs: parcels",
        "nbs: label",
        "tfnbs: score",
        "tfnbs: p",
        "tfnbs: p_fwe",
    }:
        np.testing.assert_allclose(found[key], expected[key], rtol=1e-4, atol=1e-4, err_msg=key)
    assert not found["nbs: parcels"][:, -1].any()


@every
def test_an_edge_in_no_component_has_no_evidence_from_components(name: str) -> None:
    found = result(name)
    alone = (found["nbs: label"] == -1).all(axis=0)
    np.testing.assert_array_equal(found["nbs: p_edge"][alone], 1)


@every
def test_listening_changes_no_p_of_the_edges(name: str) -> None:
    asked, family = ask(name, permutations=199), families(name, example(name, EDGES))[0]
    alone, heard = answer(asked, family), answer(asked, family, networks(asked, PARCELS).listeners)
    for key in ("p", "p_fwe", "q_fdr"):
        np.testing.assert_array_equal(heard[key], alone[key], err_msg=key)


@pytest.mark.parametrize("name", [name for name in CASES if name not in JOINED])
def test_edges_without_a_sign_are_not_joined(name: str) -> None:
    made, table = networks(ask(name), PARCELS), pd.DataFrame({"p": [0.5], "family": ["edges"]})
    assert made.listeners == ()
    assert made.of_edges(table) is table
    assert made.of_blocks(table) is table
    assert made.components([]).empty


# Data without an effect

N_SETS = 400
UNLIKELY = 0.001
"""Probability with which a law that holds may fail; seeds are fixed."""

EVIDENCE = ("extent", "intensity", "score", "score of one edge", "blocks", "one block")


@cache
def null(name: str) -> dict[str, np.ndarray]:
    """Return p-values ``(n_sets,)`` of normal, independent edges without an effect, their ties broken at random."""
    rng, found = np.random.default_rng([8, list(CASES).index(name)]), np.empty((N_SETS, len(EVIDENCE)))
    asked = ask(name, permutations=199)
    wide, deep = (replace(asked.model, components=Components(THRESHOLDS, size)) for size in SIZES)
    for number in range(N_SETS):
        family, u = families(name, noise(name, EDGES, rng), seed=number)[0], rng.uniform(size=len(EVIDENCE))
        one, other = (networks(replace(asked, model=replace(each, seed=number)), PARCELS) for each in (wide, deep))
        one.asked.tested([family], [*one.listeners, other.nbs])
        scores, blocks = one.scores.result(), one.blocks.result()
        counted = np.array([scores.p_fwe.min(), scores.p[0], blocks.p_fwe.min(), blocks.p[0]])
        found[number, :2] = [_smallest(each.nbs.result().largest, u[at]) for at, each in enumerate((one, other))]
        found[number, 2:] = counted - u[2:] / len(scores.largest)
    return dict(zip(EVIDENCE, found.T, strict=True))


def _smallest(largest: np.ndarray, u: float) -> float:
    """Return the p of the surest component from the largest ones ``(n_moves, n_thresholds, 1)``, ties broken by u."""
    ranks = stats.rankdata(-np.round(largest[:, :, 0], 4), method="max", axis=0).min(axis=1)
    return float((ranks < ranks[0]).mean() + u * (ranks == ranks[0]).mean())


@pytest.mark.parametrize("evidence", EVIDENCE)
@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_p_is_uniform_without_an_effect(name: str, evidence: str) -> None:
    p = null(name)[evidence]
    assert stats.kstest(p, "uniform").pvalue > UNLIKELY
    assert stats.binomtest(int((p <= 0.05).sum()), N_SETS, 0.05).pvalue > UNLIKELY


@both_sizes
@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_the_surest_component_is_the_smallest_rank_over_thresholds(name: str, size: str) -> None:
    """What the law of uniform p above takes p for."""
    found = result(name, size=size)
    expected = _smallest(found["nbs: largest"], 1.0)
    assert found["nbs: p_fwe"].min(initial=1) == pytest.approx(expected, abs=1e-12)
