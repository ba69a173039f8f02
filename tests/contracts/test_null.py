"""Without an effect, every p-value is uniform and every corrected one holds its level, whatever else the data have."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import pytest
from scipy import stats

from connect.inference import permutation
from connect.question import Question
from tests.contracts.methods import CASES, ask, families, noise

N_SETS = 400
N_COLUMNS = 5
"""Columns of a family: as many as let arms of unequal variance learn from each other."""

UNLIKELY = 0.001
"""Probability with which a law that holds may fail; seeds are fixed."""


@dataclass(frozen=True)
class Null:
    """What data without an effect gave: of one column, and of the surest column of a family ``(n_sets,)``."""

    p: np.ndarray
    p_fwe: np.ndarray


@cache
def null(name: str) -> Null:
    """Return p-values of normal, independent columns without an effect; every set has permutations of its own.

    Ties, of which a p counted over m arrangements has 1 in m, are broken at random, so that p has no steps.
    """
    rng, asked = np.random.default_rng([7, list(CASES).index(name)]), ask(name, permutations=199)
    p, p_fwe = np.empty(N_SETS), np.empty(N_SETS)
    for number in range(N_SETS):
        found = _tested(asked, name, number, rng)
        p[number], p_fwe[number] = found.p[0], found.p_fwe.min()
    step = 1 / asked.arrangements.count if CASES[name].random_p else 0
    return Null(p - step * rng.uniform(size=N_SETS), p_fwe)


def _tested(asked: Question, name: str, seed: int, rng: np.random.Generator) -> permutation.Tested:
    family = families(name, noise(name, N_COLUMNS, rng), seed=seed)[0]
    return replace(asked, model=replace(asked.model, seed=seed)).tested([family])[0]


@pytest.mark.parametrize("name", CASES)
def test_p_is_uniform_without_an_effect(name: str) -> None:
    assert stats.kstest(null(name).p, "uniform").pvalue > UNLIKELY


@pytest.mark.parametrize("name", CASES)
def test_corrected_p_holds_its_level_without_an_effect(name: str) -> None:
    for level in (0.05, 0.2):
        hits = int((null(name).p_fwe <= level).sum())
        assert stats.binomtest(hits, N_SETS, level).pvalue > UNLIKELY, f"{hits} of {N_SETS} at {level}"
