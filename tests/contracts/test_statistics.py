"""Laws that every test keeps in every design: what must not matter does not, what must turn round turns round."""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any, get_args, get_type_hints

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import settings as bounded
from hypothesis import strategies as st

import connect.inference
from connect.methods import METHODS
from connect.question import Question
from connect.settings.model import Model
from tests.contracts.methods import CASES, answer, ask, digests, example, families

P = ("p", "p_fwe", "q_fdr")
SIGNED = (("estimate", "estimate"), ("low", "high"), ("statistic", "statistic"), ("g", "g"), ("g_low", "g_high"))
"""What changes its sign with the contrast, and what it then becomes."""

BLOCKS = ("MANY", "FEW", "PRODUCTS", "TILE", "MOVES", "BLOCK")
"""Names of the sizes of blocks, wherever in the package they stand."""

every = pytest.mark.parametrize("name", CASES)
with_sign = pytest.mark.parametrize("name", [name for name, case in CASES.items() if not case.together])
by_rearrangement = pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.random_p])


def result(name: str, y: np.ndarray | None = None, **options: Any) -> dict[str, np.ndarray]:
    """Return all numbers of a design's columns; of the example if there are no others."""
    return answer(ask(name, **options), families(name, example(name) if y is None else y)[0])


def same(name: str, found: Mapping[str, np.ndarray], expected: Mapping[str, np.ndarray], *but: str) -> None:
    """Numbers are the same within the precision of the method, and every p, whatever the order of arrangements."""
    for key in set(expected) - set(but):
        one, other = (np.sort(each[key]) if key == "maxima" else each[key] for each in (found, expected))
        rtol = 1e-6 if key in P else CASES[name].precision
        size = np.abs(other[np.isfinite(other)]).max(initial=0)
        np.testing.assert_allclose(one, other, rtol=rtol, atol=rtol * size, err_msg=key)


def same_bytes(found: Mapping[str, np.ndarray], expected: Mapping[str, np.ndarray]) -> None:
    for key, values in expected.items():
        np.testing.assert_array_equal(found[key], values, err_msg=key)


def shuffled(name: str) -> np.ndarray:
    """Return rows in another order ``(n_rows,)``: the conditions of participants below each other, as they must be.

    Members of a family stay in their order, as one of them takes the place of one member of another family.
    """
    rng, table = np.random.default_rng(5), CASES[name].rows
    if CASES[name].options.get("whole_block") and CASES[name].method in ("residuals", "unequal"):
        order = rng.permutation(table["family"].unique())
        return np.concatenate([np.flatnonzero(table["family"] == family) for family in order])
    order = rng.permutation(len(table))
    return order[np.argsort(table["part"].to_numpy()[order], kind="stable")] if "part" in table else order


def effect(asked: Question) -> np.ndarray:
    """Return what the first row of the contrast adds to values ``(n_rows,)``, of size 0.3."""
    column = asked.design.effect[:, 0]
    return 0.3 * column / np.sqrt(np.mean(np.square(column)))


class Heard:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.blocks: list[np.ndarray] = []

    def add(self, statistic: np.ndarray, /) -> None:
        self.blocks.append(statistic.copy())


def test_every_way_to_test_has_a_design() -> None:
    assert {case.method for case in CASES.values()} == set(METHODS)
    assert {ask(name).model.test for name in CASES} == set(get_args(get_type_hints(Model)["test"]))


@every
def test_a_design_comes_to_its_method(name: str) -> None:
    asked, case = ask(name), CASES[name]
    assert (asked.method, asked.together) == (case.method, case.together)


@every
@pytest.mark.parametrize("motion", [False, True])
def test_a_design_is_a_partition(name: str, motion: bool) -> None:
    """The effect is orthogonal to the nuisance, and the two span as much as the model has columns."""
    rng, table = np.random.default_rng(1), CASES[name].rows
    moved = {each: rng.normal(0.1, 0.05, len(table)) for each in ("fd_change", "mean_fd")}
    found = ask(name, table.assign(**moved), motion_covariate=motion).design
    np.testing.assert_allclose(found.nuisance.T @ found.effect, 0, atol=1e-8)
    assert np.linalg.matrix_rank(np.column_stack([found.effect, found.nuisance])) == len(found.columns)
    assert (found.n, found.df) == (len(table), len(table) - len(found.columns))


@every
def test_p_is_a_share_of_the_arrangements_and_never_zero(name: str) -> None:
    case, asked = CASES[name], ask(name)
    for size in (0, 100, 1e4):
        found = vars(asked.tested(families(name, example(name) + size * effect(asked)[:, None]))[0])
        n = len(found["maxima"])
        assert n == asked.arrangements.count == (case.exact or 200)
        for key in ("p", "p_fwe") if case.random_p else ("p_fwe",):
            assert np.all((found[key] >= 1 / n) & (found[key] <= 1))
            np.testing.assert_allclose(found[key] * n, np.round(found[key] * n))
        assert np.all((found["p"] > 0) & (found["p"] <= 1))
        assert np.all(found["q_fdr"] >= found["p"])
        assert np.all(found["p_fwe"] >= found["p"]) or not case.random_p


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.exact])
def test_all_arrangements_give_one_p_whatever_the_order_of_participants(name: str) -> None:
    order = shuffled(name)
    asked = ask(name, CASES[name].rows.iloc[order].reset_index(drop=True))
    same(name, answer(asked, _in_order(name, order)), result(name))


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if not case.exact])
def test_random_arrangements_give_nearly_one_p_whatever_the_order_of_participants(name: str) -> None:
    order, n = shuffled(name), 2000
    asked = ask(name, CASES[name].rows.iloc[order].reset_index(drop=True), permutations=n - 1)
    found, expected = answer(asked, _in_order(name, order)), result(name, permutations=n - 1)
    same(name, found, expected, "maxima", *P)
    for key in ("p", "p_fwe"):
        mean = (found[key] + expected[key]) / 2
        assert np.all(np.abs(found[key] - expected[key]) <= 5 * np.sqrt(2 * mean * (1 - mean) / n))


def _in_order(name: str, order: np.ndarray) -> Any:
    family = families(name, example(name))[0]
    return replace(
        family, outcome=family.outcome[order], before=None if family.before is None else family.before[order]
    )


@pytest.mark.parametrize(
    "name", [name for name in CASES if ask(name).asked.arms or ask(name).design.blocks is not None]
)
def test_names_do_not_matter(name: str) -> None:
    """Neither spaces nor what a regular expression or a formula would read as a command, nor their alphabet."""
    names = {"training": "z (MBSR) + x|y", "waiting": "usual care: [n", "a": "x7", "b": "b.*", "c": "\\d - c"}
    names |= {"north": "zero", "south": "one"}
    table, contrast = CASES[name].rows, CASES[name].contrast
    for column in ("arm", "group", "site"):
        table = table.assign(**{column: table[column].map(names)}) if column in table else table
    table = table.assign(family=table["family"].map(lambda letter: -ord(letter)))
    for old, new in names.items():
        contrast = contrast.replace(f"[{old}]", f"[{new}]")
    same(name, result(name, rows=table, contrast=contrast), result(name))


@every
def test_the_other_way_round_changes_signs_and_no_p(name: str) -> None:
    """Values with their sign changed, the other contrast, or the other direction of what has a slope."""
    case, here = CASES[name], result(name)
    turned = [result(name, -example(name))]
    if case.backwards:
        turned.append(result(name, contrast=case.backwards))
    if case.contrast in case.rows and not case.together:
        turned.append(result(name, rows=case.rows.assign(**{case.contrast: -case.rows[case.contrast]})))
    for there in turned:
        same(name, there, here, *(each for pair in SIGNED for each in pair))
        for one, other in SIGNED:
            sign, key = (1, one) if case.together else (-1, other)
            np.testing.assert_allclose(there[one], sign * here[key], rtol=1e-5, atol=1e-6, err_msg=one)


@every
@pytest.mark.parametrize("factor", [1e-6, 1e6])
def test_the_unit_of_the_measure_does_not_matter(name: str, factor: float) -> None:
    family = families(name, example(name))[0]
    before = None if family.before is None else factor * family.before
    found = answer(ask(name), replace(family, outcome=factor * family.outcome, before=before))
    expected = answer(ask(name), family)
    for key in ("estimate", "low", "high", "error"):
        np.testing.assert_allclose(found[key], factor * expected[key], rtol=CASES[name].precision, err_msg=key)
    same(name, found, expected, "estimate", "low", "high", "error")


@every
def test_what_the_nuisance_explains_does_not_matter(name: str) -> None:
    """Something common to all among it where arms are compared, and the value before where it is a covariate."""
    asked, family = ask(name), families(name, example(name))[0]
    moved = family.outcome + asked.design.nuisance @ np.ones((asked.design.nuisance.shape[1], 4))
    moved = moved if family.before is None else moved + 0.7 * family.before
    same(name, answer(asked, replace(family, outcome=moved)), answer(asked, family))


@every
def test_the_seed_decides_and_is_all_that_does(name: str) -> None:
    found = result(name)
    same_bytes(result(name), found)
    if CASES[name].exact:
        same_bytes(result(name, seed=2), found)
    else:
        assert not np.array_equal(result(name, seed=2)["maxima"], found["maxima"])


@pytest.mark.parametrize("size", [1, 7, 1000])
@every
def test_the_size_of_blocks_does_not_matter(name: str, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    y, asked = example(name, 9), ask(name, permutations=99)
    expected = answer(asked, families(name, y)[0])
    places = list(_block_sizes())
    assert {constant for _, constant in places} == set(BLOCKS)
    for module, constant in places:
        monkeypatch.setattr(module, constant, size)
    monkeypatch.setattr("connect.inference.permutation.KEPT", 0)
    monkeypatch.setattr("connect.inference.ancova.KEPT", 0)
    for listeners in ([], [Heard()]):
        found = answer(asked, families(name, y)[0], listeners)
        same(name, found, expected)
        np.testing.assert_array_equal(found["p_fwe"], expected["p_fwe"])


def _block_sizes() -> Iterator[tuple[ModuleType, str]]:
    """Give the modules that work in blocks, and the constant that is their size."""
    for found in pkgutil.iter_modules(connect.inference.__path__, "connect.inference."):
        module = importlib.import_module(found.name)
        names = [name for name in BLOCKS if hasattr(module, name)]
        yield from (
            (module, name) for name in names if (found.name, name) != ("connect.inference.arm_variances", "FEW")
        )


def test_the_number_of_threads_does_not_matter(root: Path) -> None:
    """Neither in the tests nor in the networks of edges that listen, to the last byte."""
    found = []
    for threads in ("1", "2"):
        names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
        done = subprocess.run(
            [sys.executable, "-m", "tests.contracts.methods"],
            env={**os.environ, **dict.fromkeys(names, threads)}, cwd=root, capture_output=True, text=True, check=True,
        )  # fmt: skip
        found.append(json.loads(done.stdout))
    assert set(found[0]) == set(CASES)
    assert found[0] == found[1]
    assert digests(["mean"])["mean"] == found[0]["mean"]


@every
def test_columns_only_meet_in_the_correction(name: str) -> None:
    """And where arms may vary differently, in the last family, which tells how their variances scatter."""
    asked, y, last = ask(name, permutations=199), example(name, 400), example(name, 6, seed=4)

    def first(columns: np.ndarray) -> dict[str, np.ndarray]:
        pair = families(name, columns, last)
        pair[0] = replace(pair[0], before=None if pair[0].before is None else before[:, numbers(columns)])
        fit, tested = asked.evaluate(pair)[0]
        return {**vars(fit), **vars(tested)}

    def numbers(columns: np.ndarray) -> np.ndarray:
        return np.array([int(np.flatnonzero(np.all(y == column[:, None], axis=0))[0]) for column in columns.T])

    before = families(name, y)[0].before
    found, few = first(y[:, :4]), first(y[:, [2, 0, 3, 1]])
    for key in ("estimate", "statistic", "p", "p_fwe"):
        np.testing.assert_allclose(few[key], found[key][[2, 0, 3, 1]], rtol=CASES[name].precision)
    np.testing.assert_allclose(first(y)["p"][:4], found["p"], rtol=1e-7)
    np.testing.assert_array_equal(first(np.repeat(y[:, :4], 2, axis=1))["p_fwe"], np.repeat(found["p_fwe"], 2))
    for column in range(4):
        alone = first(y[:, [column]])
        np.testing.assert_allclose(alone["p"][0], found["p"][column], rtol=1e-7)
        assert alone["p_fwe"][0] == alone["p"][0] or not CASES[name].random_p


@every
def test_missing_columns_stay_missing_and_correct_nothing(name: str) -> None:
    """A column is missing if a value is, or a value before."""
    family = families(name, example(name))[0]
    places = [0, 0, 1, 1, 2, 3]
    y, before = family.outcome[:, places], None if family.before is None else family.before[:, places]
    y[3, 0], y[:, 3] = np.nan, np.nan
    present = np.array([False, True, True, False, True, True])
    if before is not None:
        y[:, 3], before[5, 3] = 1.0, np.nan
    found, expected = answer(ask(name), replace(family, outcome=y, before=before)), answer(ask(name), family)
    for key in expected:
        if key == "maxima":
            np.testing.assert_allclose(found[key], expected[key], rtol=CASES[name].precision)
            continue
        assert np.all(np.isnan(found[key][~present])), key
        np.testing.assert_allclose(found[key][present], expected[key], rtol=CASES[name].precision, err_msg=key)


@every
def test_listeners_hear_what_is_tested(name: str) -> None:
    """Signed t, or F, of every arrangement, the observed one first; it is that of the estimate but in mixed models.

    There, all columns are heard at the nearest of a few ratios of variances.
    """
    heard, asked = Heard(), ask(name)
    found = answer(asked, families(name, np.insert(example(name), 1, np.nan, axis=1))[0], [heard])
    statistic = np.concatenate(heard.blocks)
    assert statistic.shape == (len(found["maxima"]), 5)
    assert np.all(np.isnan(statistic[:, 1]))
    assert np.all(statistic >= 0) == asked.together or np.isnan(statistic).any()
    np.testing.assert_allclose(np.nanmax(np.abs(statistic), axis=1), found["maxima"], rtol=1e-4)
    if CASES[name].random_p:
        np.testing.assert_allclose(statistic[0], found["statistic"], rtol=1e-4)
        rounding = 1e-4 if CASES[name].method == "unequal" else 1e-5
        share = (np.abs(statistic) >= np.abs(statistic[0]) * (1 - rounding)).mean(axis=0)
        np.testing.assert_allclose(share[[0, 2, 3, 4]], found["p"][[0, 2, 3, 4]], atol=1.5 / len(statistic))


@every
def test_more_effect_never_has_a_larger_p(name: str) -> None:
    asked = ask(name)
    columns = [example(name, 1) + size * effect(asked)[:, None] for size in (0.5, 1, 2, 4)]
    found = [answer(asked, families(name, y)[0])["p"][0] for y in columns]
    assert found == sorted(found, reverse=True)


@every
def test_a_higher_level_has_wider_intervals_that_hold_the_estimate(name: str) -> None:
    """What is tested together is no single number, and has no standardised size in a mixed model."""
    narrow, wide = result(name, confidence=0.8), result(name, confidence=0.99)
    for low, middle, high in (("low", "estimate", "high"), ("g_low", "g", "g_high")):
        parts = np.array([wide[low], narrow[low], narrow[middle], narrow[high], wide[high]])
        if not CASES[name].together:
            assert np.all(np.diff(parts, axis=0) > 0)
        elif low == "low" or CASES[name].method == "mixed":
            assert np.all(np.isnan(parts))
        else:
            assert np.all(np.diff(parts, axis=0) >= 0)
            assert np.all(wide[high] > narrow[high])


@bounded(max_examples=120, deadline=None)
@given(data=st.data(), offset=st.sampled_from([0.0, 0.1, 1e3]), name=st.sampled_from(sorted(CASES)))
def test_no_data_break_it(data: st.DataObject, offset: float, name: str) -> None:
    """Ties, constants and zeros: either a proper p or a missing one, the same in the fit and in the test."""
    n = len(CASES[name].rows)
    values = np.array(data.draw(st.lists(st.integers(-3, 3), min_size=n, max_size=n)))
    y = (values / 3 + offset)[:, None] * [1.0, -1.0, 0.1]
    family = families(name, y)[0]
    before = None if family.before is None else family.before[:, :1].repeat(3, axis=1)
    found = answer(ask(name, permutations=99), replace(family, before=before))
    np.testing.assert_array_equal(np.isnan(found["p"]), np.isnan(found["statistic"]))
    assert np.isnan(found["p"][0]) or 0 < found["p"][0] <= 1
    np.testing.assert_allclose(found["p"], np.repeat(found["p"][:1], 3), rtol=1e-6)
    np.testing.assert_array_equal(found["p_fwe"], np.repeat(found["p_fwe"][:1], 3))
    if CASES[name].random_p:
        np.testing.assert_array_equal(found["p_fwe"], found["p"])


@every
def test_nothing_is_changed_by_testing(name: str) -> None:
    asked, family = ask(name), families(name, example(name))[0]
    arrays = [asked.design.effect, asked.design.nuisance, asked.asked.matrix, family.outcome, family.before]
    copies, table = [None if one is None else one.copy() for one in arrays], asked.rows.copy()
    answer(asked, family)
    for one, copy in zip(arrays, copies, strict=True):
        np.testing.assert_array_equal(one, copy)
    pd.testing.assert_frame_equal(asked.rows, table)
