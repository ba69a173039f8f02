"""The null distributions that are kept are those that p-values were counted over, whatever the design."""

from __future__ import annotations

from itertools import combinations, product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from connect.compare.nulls import NULL_COLUMNS, Signs, null_distributions
from connect.inference import Fit
from connect.inference import Tested as Inferred
from connect.tables import read_table, write_table
from tests.contracts.methods import CASES, PEOPLE, N, ask, example, families

SIZES = (1, 3, 5, 20)
"""Columns of the families: the primary quantity, other quantities, network pairs, edges."""


def kept(name: str, folder: Path, options: dict[str, object]) -> tuple[pd.DataFrame, list[Fit], list[Inferred]]:
    """Return the null distributions of a design as a file gives them back, with what was estimated and tested."""
    asked, signs = ask(name, **options), Signs()
    given = families(name, *(example(name, size, seed) for seed, size in enumerate(SIZES, start=10)))
    tested = asked.tested(given, first=[signs])
    write_table(folder / "nulls.tsv", null_distributions(tested, signs.all), NULL_COLUMNS)
    return read_table(folder / "nulls.tsv"), asked.estimated(given), tested


@pytest.mark.parametrize("permutations", [{}, {"permutations": 99}], ids=["as it is", "drawn"])
@pytest.mark.parametrize("name", CASES)
def test_p_is_the_share_of_its_null_distribution(name: str, permutations: dict[str, int], tmp_path: Path) -> None:
    case = CASES[name]
    nulls, estimated, tested = kept(name, tmp_path, permutations)
    assert list(nulls) == list(NULL_COLUMNS)
    drawn = 100 if permutations else 200
    assert len(nulls) == (min(case.exact, drawn) if permutations else case.exact) if case.exact else drawn
    for column, fit, found in zip(nulls.to_numpy().T, estimated, tested, strict=True):
        size = np.abs(column)
        assert (size >= size[0]).mean() == found.p_fwe.min()
        if case.random_p:
            bars = np.abs(fit.statistic) * (1 - 2 * case.precision - 1e-6)
            np.testing.assert_allclose((size >= bars[:, None]).mean(axis=1), found.p_fwe, rtol=1e-12)
    if case.random_p:
        assert tested[0].p_fwe == tested[0].p
        assert nulls["primary"][0] == pytest.approx(estimated[0].statistic[0], rel=1e-4)
    assert (nulls["primary"] >= 0).all() == case.together
    assert (nulls[["domains", "networks", "edges"]] > 0).all(axis=None)


@pytest.mark.parametrize("name", ["mean", "two arms"])
def test_all_arrangements_with_their_signs_are_those_of_a_loop(name: str, tmp_path: Path) -> None:
    nulls = kept(name, tmp_path, {})[0]["primary"]
    y = example(name, 1, 10)[:, 0]
    if name == "mean":
        theirs = [stats.ttest_1samp(y * signs, 0).statistic for signs in product((1, -1), repeat=N)]
        observed = stats.ttest_1samp(y, 0).statistic
    else:
        arm = np.flatnonzero(PEOPLE["arm"] == "training")
        places = [list(chosen) for chosen in combinations(range(N), len(arm))]
        theirs = [stats.ttest_ind(y[chosen], np.delete(y, chosen)).statistic for chosen in places]
        observed = stats.ttest_ind(y[arm], np.delete(y, arm)).statistic
    assert nulls[0] == pytest.approx(observed, rel=1e-6)
    np.testing.assert_allclose(np.sort(nulls), np.sort(theirs), rtol=2e-6, atol=1e-6)


def test_what_cannot_be_tested_has_no_null_distribution() -> None:
    asked, signs = ask("mean", permutations=99), Signs()
    blank = np.full((N, 2), np.nan)
    tested = asked.tested(families("mean", blank[:, :1], example("mean", 2), blank, example("mean", 3)), first=[signs])
    nulls = null_distributions(tested, signs.all)
    assert nulls[["primary", "networks"]].isna().all(axis=None)
    assert nulls[["domains", "edges"]].notna().all(axis=None)
    assert len(nulls) == 100


def test_what_reaches_the_observed_value_but_for_rounding_is_written_as_reaching_it() -> None:
    """And what lies below by less than single precision can tell stays below."""
    observed = 2.0
    maxima = np.array([observed, observed * (1 - 1e-12), observed * (1 - 1e-8), 1.0, 3.0])
    tested = Inferred(np.array([0.4]), np.array([0.6, 0.8]), np.array([0.4]), maxima)
    column = null_distributions([tested] * 4, np.ones(5))["primary"].to_numpy()
    assert column[1] == column[0] == observed > column[2]
    assert (column >= column[0]).mean() == 0.6


def test_an_arrangement_that_is_as_large_but_for_rounding_still_counts() -> None:
    """In single precision the observed statistic becomes larger, and its equal smaller, than either is."""
    low, high = np.float32(2), np.nextafter(np.float32(2), np.float32(3))
    middle = (float(low) + float(high)) / 2
    maxima = np.array([middle * (1 + 1e-12), middle * (1 - 1e-12), 1.0, 0.5])
    assert list(maxima.astype(np.float32)[:2]) == [high, low]
    family = Inferred(p=np.array([0.5]), p_fwe=np.array([0.5]), q_fdr=np.array([0.5]), maxima=maxima)
    nulls = null_distributions([family] * 4, np.ones(4))
    assert ((nulls >= nulls.iloc[0]).mean() == 0.5).all()
