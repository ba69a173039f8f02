"""Laws that the test keeps in every design: what must not matter does not, what must turn round turns round."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import settings as bounded
from hypothesis import strategies as st

from connect import inference
from connect.design import Design, design
from connect.inference import Arrangements, Fit, fit, permutation, rows
from connect.inference import Tested as Result
from connect.settings.model import Model

N = 12
PEOPLE = pd.DataFrame(
    {
        "participant_id": [f"sub-{row:02d}" for row in range(N)],
        "arm": ["training", "waiting"] * 6,
        "group": ["a", "b", "c"] * 4,
        "age": np.random.default_rng(0).integers(20, 60, N),
        "fd_change": np.random.default_rng(1).normal(0, 0.05, N),
    }
)
MODELS = {
    "mean": ("~ 1", "mean", None),
    "mean, covariate": ("~ age", "mean", None),
    "two arms": ("~ arm", "arm[training] - arm[waiting]", "arm[waiting] - arm[training]"),
    "two arms, covariate": ("~ arm + age", "arm[training] - arm[waiting]", "arm[waiting] - arm[training]"),
    "two of three": ("~ group", "group[c] - group[a]", "group[a] - group[c]"),
    "slope": ("~ age + arm", "age", None),
}
Result.__test__ = False  # type: ignore[attr-defined]
EXACT = {"mean": 2**12, "two arms": 924}
Y = np.random.default_rng(2).normal(0.1, 0.3, (N, 4))


def made(name: str, people: pd.DataFrame = PEOPLE, motion: bool = False, contrast: str = "") -> Design:
    formula, own, _ = MODELS[name]
    return design(people, Model(question="?", formula=formula, contrast=contrast or own, motion_covariate=motion), "m")


def result(y: np.ndarray, name: str, people: pd.DataFrame = PEOPLE, seed: int = 1, n: int = 199) -> Result:
    return inference.permutation_test(y, made(name, people), 5000 if name in EXACT else n, seed)


def shown(found: Fit | Result) -> dict[str, np.ndarray]:
    """What there is of each column."""
    return {key: values for key, values in vars(found).items() if key != "maxima"}


def same(found: Fit | Result, expected: Fit | Result, **options) -> None:
    for key, values in shown(expected).items():
        np.testing.assert_allclose(getattr(found, key), values, **{"rtol": 1e-8, "atol": 1e-10, **options}, err_msg=key)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("motion", [False, True])
def test_a_design_is_a_partition(name: str, motion: bool) -> None:
    """The effect is orthogonal to the nuisance, and the two span as much as the model has columns."""
    found = made(name, motion=motion)
    np.testing.assert_allclose(found.nuisance.T @ found.effect, 0, atol=1e-9)
    assert np.linalg.matrix_rank(np.column_stack([found.effect, found.nuisance])) == len(found.columns)
    assert (found.n, found.df) == (N, N - len(found.columns))
    assert found.flips == (MODELS[name][1] == "mean")


@pytest.mark.parametrize("name", MODELS)
def test_p_is_a_share_of_the_arrangements_and_never_zero(name: str) -> None:
    effect = made(name).effect
    for y in (Y, Y + 100 * effect, Y + 1e4 * effect):
        found, moves = result(y, name), Arrangements(made(name), 5000 if name in EXACT else 199, 1)
        assert moves.enumerated == (name in EXACT)
        assert moves.count == EXACT.get(name, 200)
        for p in (found.p, found.p_fwe):
            assert np.all((p >= 1 / moves.count) & (p <= 1))
            np.testing.assert_allclose(p * moves.count, np.round(p * moves.count))
        assert np.all(found.p_fwe >= found.p)
        assert np.all(found.q_fdr >= found.p)


@pytest.mark.parametrize("name", EXACT)
def test_exact_p_does_not_depend_on_the_order_of_participants(name: str) -> None:
    order = np.random.default_rng(5).permutation(N)
    people = PEOPLE.iloc[order].reset_index(drop=True)
    same(result(Y[order], name, people), result(Y, name), rtol=0, atol=0)


@pytest.mark.parametrize("name", MODELS)
def test_estimates_do_not_depend_on_the_order_of_participants(name: str) -> None:
    order = np.random.default_rng(5).permutation(N)
    moved = made(name, PEOPLE.iloc[order].reset_index(drop=True), motion=True)
    same(fit(Y[order], moved, 0.95), fit(Y, made(name, motion=True), 0.95))


@pytest.mark.parametrize("name", MODELS)
def test_names_of_groups_do_not_matter(name: str) -> None:
    """Neither spaces nor what a regular expression or a formula would read as a command."""
    names = {"training": "z (MBSR) + x|y", "waiting": "usual care: [n", "a": "1", "b": "b.*", "c": "\\d - c"}
    people = PEOPLE.replace(names)
    contrast = MODELS[name][1]
    for old, new in names.items():
        contrast = contrast.replace(f"[{old}]", f"[{new}]")
    found = made(name, people, contrast=contrast)
    same(fit(Y, found, 0.95), fit(Y, made(name), 0.95))


@pytest.mark.parametrize("name", MODELS)
def test_the_other_way_round_changes_signs_and_no_p(name: str) -> None:
    backwards = MODELS[name][2]
    here, there = fit(Y, made(name), 0.95), fit(-Y, made(name), 0.95)
    moved = result(-Y, name)
    if backwards:
        other = made(name, contrast=backwards)
        same(fit(Y, other, 0.95), there)
        moved = inference.permutation_test(Y, other, 5000 if name in EXACT else 199, 1)
    for key, low, high in (
        ("estimate", "low", "high"),
        ("g", "g_low", "g_high"),
        ("statistic", "statistic", "statistic"),
    ):
        np.testing.assert_allclose(getattr(there, key), -getattr(here, key))
        np.testing.assert_allclose(getattr(there, low), -getattr(here, high), rtol=1e-5, atol=1e-6)
    same(moved, result(Y, name))


@pytest.mark.parametrize("name", MODELS)
def test_the_unit_of_the_measure_does_not_matter(name: str) -> None:
    for factor in (1e-6, 1e6):
        same(result(Y * factor, name), result(Y, name))
        found = fit(Y * factor, made(name), 0.95)
        np.testing.assert_allclose(found.g, fit(Y, made(name), 0.95).g)
        np.testing.assert_allclose(found.estimate, factor * fit(Y, made(name), 0.95).estimate)


@pytest.mark.parametrize("name", [name for name in MODELS if "mean" not in name])
def test_a_change_common_to_all_does_not_matter_between_people(name: str) -> None:
    same(result(Y + 3.0, name), result(Y, name), rtol=0, atol=0)


@pytest.mark.parametrize("name", MODELS)
def test_a_nuisance_effect_does_not_matter(name: str) -> None:
    found = made(name)
    moved = Y + found.nuisance @ np.ones((found.nuisance.shape[1], Y.shape[1]))
    same(fit(moved, found, 0.95), fit(Y, found, 0.95), rtol=1e-6)
    same(result(moved, name), result(Y, name))


@pytest.mark.parametrize("name", MODELS)
def test_the_seed_decides_and_is_all_that_does(name: str) -> None:
    same(result(Y, name), result(Y, name), rtol=0, atol=0)
    if name in EXACT:
        same(result(Y, name, seed=2), result(Y, name), rtol=0, atol=0)
    else:
        assert not np.array_equal(result(Y, name, seed=2).p, result(Y, name).p)


@pytest.mark.parametrize(("many", "tile"), [(1, 1), (7, 3), (1000, 1000)])
@pytest.mark.parametrize("name", MODELS)
def test_the_size_of_blocks_does_not_matter(name: str, many: int, tile: int, monkeypatch: pytest.MonkeyPatch) -> None:
    y = np.random.default_rng(3).normal(0.1, 0.3, (N, 30))
    expected = result(y, name)
    for module, constant, size in (
        (permutation, "MANY", many),
        (permutation, "PRODUCTS", many),
        (permutation, "KEPT", 0),
        (rows, "TILE", tile),
    ):
        monkeypatch.setattr(module, constant, size)
    same(result(y, name), expected, rtol=0, atol=0)


@pytest.mark.parametrize("name", MODELS)
def test_columns_only_meet_in_the_correction(name: str) -> None:
    found = result(Y, name)
    alone = [result(Y[:, [column]], name) for column in range(Y.shape[1])]
    np.testing.assert_array_equal(found.p, [one.p[0] for one in alone])
    for one in alone:
        np.testing.assert_array_equal(one.p_fwe, one.p)
    order = np.array([2, 0, 3, 1])
    np.testing.assert_array_equal(result(Y[:, order], name).p_fwe, found.p_fwe[order])
    np.testing.assert_array_equal(result(np.repeat(Y, 2, axis=1), name).p_fwe, np.repeat(found.p_fwe, 2))


@pytest.mark.parametrize("name", MODELS)
def test_missing_columns_stay_missing_and_correct_nothing(name: str) -> None:
    y = np.insert(Y, 2, np.nan, axis=1)
    y = np.insert(y, 0, Y[:, 0], axis=1)
    y[3, 0] = np.nan
    found, expected = result(y, name), result(Y, name)
    fitted = fit(y, made(name), 0.95)
    present = np.array([False, True, True, False, True, True])
    for key, values in shown(found).items():
        np.testing.assert_array_equal(np.isnan(values), ~present)
        np.testing.assert_array_equal(values[present], getattr(expected, key))
    for values in vars(fitted).values():
        np.testing.assert_array_equal(np.isnan(values), ~present)


@pytest.mark.parametrize("name", MODELS)
def test_more_effect_never_has_a_larger_p(name: str) -> None:
    found = [result(Y[:, :1] + size * made(name).effect, name).p[0] for size in (0.5, 1, 2, 4)]
    assert found == sorted(found, reverse=True)


@pytest.mark.parametrize("name", MODELS)
def test_a_higher_level_has_wider_intervals_that_hold_the_estimate(name: str) -> None:
    narrow, wide = fit(Y, made(name), 0.8), fit(Y, made(name), 0.99)
    for low, middle, high in (("low", "estimate", "high"), ("g_low", "g", "g_high")):
        parts = [getattr(wide, low), getattr(narrow, low), getattr(narrow, middle)]
        parts += [getattr(narrow, high), getattr(wide, high)]
        assert np.all(np.diff(parts, axis=0) > 0)


@bounded(max_examples=40, deadline=None)
@given(
    values=st.lists(st.integers(-3, 3), min_size=N, max_size=N),
    offset=st.sampled_from([0.0, 0.1, 1e3]),
    name=st.sampled_from(sorted(MODELS)),
)
def test_no_data_break_it(values: list[int], offset: float, name: str) -> None:
    """Ties, constants and zeros: either a proper p or a missing one, the same in the fit and in the test."""
    y = (np.array(values) / 3 + offset)[:, None] * [1.0, -1.0, 0.1]
    found, fitted = result(y, name, n=99), fit(y, made(name), 0.95)
    np.testing.assert_array_equal(np.isnan(found.p), np.isnan(fitted.statistic))
    assert np.isnan(found.p[0]) or 0 < found.p[0] <= 1
    np.testing.assert_array_equal(found.p, np.repeat(found.p[:1], 3))
    np.testing.assert_array_equal(found.p_fwe, found.p)


def test_a_design_is_not_changed_by_testing() -> None:
    found = made("two arms")
    copy = replace(found, effect=found.effect.copy(), nuisance=found.nuisance.copy())
    y = Y.copy()
    inference.permutation_test(y, found, 99, 1)
    fit(y, found, 0.95)
    np.testing.assert_array_equal(y, Y)
    np.testing.assert_array_equal(found.effect, copy.effect)
    np.testing.assert_array_equal(found.nuisance, copy.nuisance)
