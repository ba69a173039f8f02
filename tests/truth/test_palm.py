"""Statistics and p-values against PALM (Winkler et al. 2014), stored in references/palm (see its README)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from connect.design import Design, partition
from connect.inference.estimates import fit, fit_together
from connect.inference.permutation import permutation_test

FOLDER = Path(__file__).parent / "references" / "palm"
DESIGNS = pd.read_csv(FOLDER / "designs.tsv", sep="\t", index_col="design", keep_default_na=False)
RESULTS = pd.read_csv(FOLDER / "results.tsv", sep="\t")

# What a Design can say: no variance groups, one level of blocks.
SAYABLE = DESIGNS[(DESIGNS["vg"] == "-") & DESIGNS["blocks"].isin(["-", "within", "whole"])].index
EXACT = [name for name in SAYABLE if DESIGNS.loc[name, "n_requested"] == 0]
# PALM takes one arrangement for each way to form the groups, also where covariates tell arrangements apart.
SAMPLED = [name for name in SAYABLE if name not in (*EXACT, "two_groups_covariates_few")]


@dataclass(frozen=True)
class Case:
    """Changes and design, and what PALM found.

    PALM compares without tolerance: arrangements that equal the observed one but for rounding, which it listed apart,
    belong to its p-values.
    """

    changes: np.ndarray
    design: Design
    palm: pd.DataFrame

    @property
    def p(self) -> np.ndarray:
        return (self.palm["p"] + self.palm["ties"] / self.palm["n"]).to_numpy()

    @property
    def p_fwe(self) -> np.ndarray:
        return (self.palm["p_fwe"] + self.palm["ties_fwe"] / self.palm["n"]).to_numpy()


def case(name: str) -> Case:
    table, row = pd.read_csv(FOLDER / "inputs" / f"{name}.tsv", sep="\t"), DESIGNS.loc[name]
    changes, matrix = (table.filter(regex=f"^{start}").to_numpy(float) for start in ("y", "m_"))
    contrast = np.array([line.split() for line in row["contrast"].split(";")], dtype=float)
    blocks = table["b1"].to_numpy() if row["blocks"] != "-" else None
    effect, nuisance = partition(matrix, contrast)
    flips, whole = row["shuffle"] == "flips", row["blocks"] == "whole"
    palm = RESULTS[RESULTS["design"] == name]
    return Case(changes, Design(effect, nuisance, (), flips=flips, arms="", blocks=blocks, whole=whole), palm)


def test_the_references_are_complete() -> None:
    assert RESULTS.groupby("design").size().eq(6).all()
    assert set(RESULTS["design"]) == set(DESIGNS.index)
    assert len(EXACT) == 14
    assert len(SAMPLED) == 5


@pytest.mark.parametrize("name", SAYABLE)
def test_t_or_f_equals_palm(name: str) -> None:
    """Twelve digits are stored; a column with an offset of 100 loses two."""
    one = case(name)
    ours = (fit if one.design.effect.shape[1] == 1 else fit_together)(one.changes, one.design, 0.95)
    np.testing.assert_allclose(ours.statistic, one.palm["value"], rtol=1e-9)
    np.testing.assert_array_equal(one.design.df, one.palm["df2"])


@pytest.mark.parametrize("name", EXACT)
def test_p_values_of_all_arrangements_equal_palm(name: str) -> None:
    """Both count the same arrangements, in Freedman and Lane's way where there are covariates: the counts are equal."""
    one = case(name)
    ours = permutation_test(one.changes, one.design, 10_000, seed=1)
    assert len(ours.maxima) == one.palm["n"].iloc[0]
    np.testing.assert_allclose(ours.p, one.p, rtol=0, atol=1e-9)
    np.testing.assert_allclose(ours.p_fwe, one.p_fwe, rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", SAMPLED)
def test_p_values_of_random_arrangements_equal_palm_within_their_error(name: str) -> None:
    """Independent samples of 10,000 and 40,000: 4.5 standard errors, which 1 of 147,000 differences exceeds."""
    one, m = case(name), 40_000
    ours = permutation_test(one.changes, one.design, m, seed=1)
    for got, expected in ((ours.p, one.p), (ours.p_fwe, one.p_fwe)):
        common = (10_000 * expected + m * got) / (10_000 + m)
        error = np.sqrt(common * (1 - common) * (1 / 10_000 + 1 / m))
        np.testing.assert_array_less(np.abs(got - expected), 4.5 * error + 1e-12)
