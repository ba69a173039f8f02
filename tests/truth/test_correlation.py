"""Correlations against pingouin, scipy and statsmodels, and false positives of their tests in simulation."""

from __future__ import annotations

import warnings
from typing import Any, get_args

import numpy as np
import pandas as pd
import pingouin as pg
import pytest
import statsmodels.api as sm
from scipy import stats

from connect.columns import Columns
from connect.design import Design, design
from connect.errors import UserError
from connect.inference import permutation_test
from connect.inference.correlation import Kind, partial_correlation, transformed, transformed_rows
from connect.settings.model import Model

KINDS: tuple[Kind, ...] = get_args(Kind)
COVARIATES = ["age", "sex", "fd_change"]


def people(n: int = 37, seed: int = 0) -> pd.DataFrame:
    """Return skewed variables with ties that go along with each other, and a group."""
    rng = np.random.default_rng(seed)
    age = rng.normal(40, 10, n)
    return pd.DataFrame(
        {
            "participant_id": [f"sub-{number:03d}" for number in range(n)],
            "oxytocin": np.round(np.exp(rng.normal(0, 1, n) + 0.03 * age), 1),
            "age": age,
            "sex": np.where(rng.permutation(n) % 2, "f", "m"),
            "fd_change": rng.standard_t(3, n) / 50 + age / 1000,
        }
    )


def outcome(rows: pd.DataFrame, n_columns: int = 4, seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    common = 0.4 * np.log(rows["oxytocin"]) + 0.03 * rows["age"] + 0.5 * (rows["sex"] == "f")
    return np.round(common.to_numpy()[:, None] + rng.exponential(1, (len(rows), n_columns)), 1)


def slope(rows: pd.DataFrame, kind: Kind, covariates: bool) -> Design:
    formula = " + ".join(["~ oxytocin", *(COVARIATES if covariates else [])])
    model = Model("?", formula, "oxytocin", motion_covariate=False)
    return design(transformed_rows(rows, ["oxytocin", *COVARIATES], kind), model, "model.yaml")


def by_pingouin(table: pd.DataFrame, **options: Any) -> tuple[float, tuple[float, float]]:
    with warnings.catch_warnings(), pytest.MonkeyPatch.context() as patch:
        warnings.simplefilter("ignore")
        patch.setitem(pg.options, "round.column.CI95", None)
        if "covar" in options:
            found = pg.partial_corr(table, "y", "x", **options)
        else:
            found = pg.corr(table["y"], table["x"], **options)
    return found["r"].iloc[0], tuple(found["CI95"].iloc[0])


@pytest.mark.parametrize("n", [20, 37, 41])
@pytest.mark.parametrize(("kind", "method"), [*zip(KINDS, ("pearson", "spearman", "percbend"), strict=True)])
def test_a_correlation_equals_pingouin(kind: Kind, method: str, n: int) -> None:
    rows = people(n)
    y, bend = outcome(rows), kind == "percentage-bend"
    ours = partial_correlation(y, slope(rows, kind, covariates=False), kind, 0.95)
    assert ours.df == n - 2
    for column, values in enumerate(y.T):
        r, bounds = by_pingouin(pd.DataFrame({"y": values, "x": rows["oxytocin"]}), method=method)
        np.testing.assert_allclose(ours.r[column], r, **({"atol": 1e-3} if bend else {"rtol": 1e-10}))
        if kind == "pearson":
            np.testing.assert_allclose([ours.low[column], ours.high[column]], bounds, atol=1e-6)
            np.testing.assert_allclose(ours.p[column], stats.pearsonr(values, rows["oxytocin"]).pvalue, rtol=1e-9)
        elif kind == "spearman":
            np.testing.assert_allclose(ours.p[column], stats.spearmanr(values, rows["oxytocin"]).pvalue, rtol=1e-9)


def test_bent_values_are_those_whose_products_pingouin_sums() -> None:
    rows = people(41)
    x, y = (np.asarray(transformed(some, "percentage-bend")) for some in (rows[["oxytocin"]].to_numpy(), outcome(rows)))
    ours = (x * y).sum(axis=0) / np.sqrt((x**2).sum() * (y**2).sum(axis=0))
    theirs = [pg.corr(values, rows["oxytocin"], method="percbend")["r"].iloc[0] for values in outcome(rows).T]
    np.testing.assert_allclose(ours, theirs, rtol=1e-10)


@pytest.mark.parametrize("kind", ["pearson", "spearman"])
def test_a_partial_correlation_equals_pingouin(kind: Kind) -> None:
    rows = people()
    y = outcome(rows)
    ours = partial_correlation(y, slope(rows, kind, covariates=True), kind, 0.95)
    assert ours.df == len(rows) - 2 - len(COVARIATES)
    coded = rows.assign(x=rows["oxytocin"], sex=(rows["sex"] == "f").astype(float))
    for column, values in enumerate(y.T):
        r, bounds = by_pingouin(coded.assign(y=values), covar=COVARIATES, method=kind)
        np.testing.assert_allclose(ours.r[column], r, rtol=1e-8)
        if kind == "pearson":
            np.testing.assert_allclose([ours.low[column], ours.high[column]], bounds, atol=1e-6)


def test_a_partial_percentage_bend_is_that_of_residuals_of_bent_values() -> None:
    """No other program has it; the parts are those of pingouin's correlation, the residuals those of statsmodels."""

    def bent(values: np.ndarray) -> np.ndarray:
        values = np.asarray(values, float)
        median = np.median(values)
        omega = np.sort(np.abs(values - median))[int(0.8 * len(values)) - 1]
        low, high = (values - median) / omega < -1, (values - median) / omega > 1
        inside = values[~low & ~high]
        return np.clip((values - (inside.sum() + omega * (high.sum() - low.sum())) / len(inside)) / omega, -1, 1)

    rows = people()
    y = outcome(rows)
    ours = partial_correlation(y, slope(rows, "percentage-bend", covariates=True), "percentage-bend", 0.95)
    nuisance = sm.add_constant(
        np.column_stack([bent(rows["age"]), rows["sex"] == "f", bent(rows["fd_change"])]).astype(float)
    )
    left = sm.OLS(bent(rows["oxytocin"]), nuisance).fit().resid
    for column, values in enumerate(y.T):
        r = stats.pearsonr(left, sm.OLS(bent(values), nuisance).fit().resid).statistic
        np.testing.assert_allclose(ours.r[column], r, rtol=1e-9)


@pytest.mark.parametrize("kind", ["spearman", "percentage-bend"])
def test_the_interval_is_that_of_bonett_and_wright(kind: Kind) -> None:
    rows = people()
    found = partial_correlation(outcome(rows), slope(rows, kind, covariates=True), kind, 0.9)
    half = stats.norm.ppf(0.95) * np.sqrt((1 + found.r**2 / 2) / (len(rows) - 3 - 3))
    np.testing.assert_allclose(np.arctanh(found.high) - np.arctanh(found.r), half, rtol=1e-9)
    np.testing.assert_allclose(np.arctanh(found.r) - np.arctanh(found.low), half, rtol=1e-9)


def test_the_order_of_participants_and_the_units_do_not_matter_and_signs_turn() -> None:
    rows = people()
    y, order = outcome(rows), np.random.default_rng(3).permutation(len(rows))
    for kind in KINDS:
        found = partial_correlation(y, slope(rows, kind, covariates=True), kind, 0.95)
        shuffled = rows.iloc[order].reset_index(drop=True)
        again = partial_correlation(3 - 2 * y[order], slope(shuffled, kind, covariates=True), kind, 0.95)
        np.testing.assert_allclose(again.r, -found.r, rtol=1e-7)
        np.testing.assert_allclose(again.low, -found.high, rtol=1e-7)


@pytest.mark.parametrize("kind", KINDS)
def test_missing_and_constant_columns_are_nan_and_tiles_are_the_same(kind: Kind) -> None:
    rows = people()
    y = outcome(rows, 5)
    y[3, 1], y[:, 2] = np.nan, 0.3
    made = slope(rows, kind, covariates=True)
    whole = partial_correlation(y, made, kind, 0.95)
    tiled = partial_correlation(Columns(y.shape, lambda at: y[:, at]), made, kind, 0.95)
    np.testing.assert_array_equal(np.isnan(whole.r), [False, True, True, False, False])
    for part in ("r", "low", "high", "p"):
        np.testing.assert_allclose(getattr(whole, part), getattr(tiled, part), rtol=1e-13)


def test_a_perfect_correlation_has_bounds_of_its_own() -> None:
    rows = people()
    made = slope(rows, "spearman", covariates=False)
    found = partial_correlation(np.log(rows[["oxytocin"]].to_numpy()), made, "spearman", 0.95)
    np.testing.assert_allclose([found.r, found.low, found.high], 1, rtol=1e-6)


def test_groups_and_numbers_of_two_values_stay_in_rows() -> None:
    rows = people().assign(smoker=([1.0] + [0.0] * 9) * 3 + [0.0] * 7)
    for kind in KINDS:
        made = transformed_rows(rows, ["age", "sex", "smoker"], kind)
        pd.testing.assert_frame_equal(made.drop(columns="age"), rows.drop(columns="age"))
    np.testing.assert_array_equal(transformed_rows(rows, ["age"], "spearman")["age"], stats.rankdata(rows["age"]))


def test_a_variable_without_spread_around_its_median_cannot_be_bent() -> None:
    rows = people().assign(drinks=[0.0] * 31 + [1, 2, 3, 4, 5, 6])
    with pytest.raises(UserError) as error:
        transformed_rows(rows, ["drinks"], "percentage-bend")
    assert "drinks" in error.value.where
    transformed_rows(rows, ["drinks"], "spearman")
    flat = transformed(rows[["drinks"]].to_numpy(), "percentage-bend")
    assert np.isnan(np.asarray(flat)).all()


# The test


@pytest.mark.parametrize("kind", KINDS)
def test_p_by_permutation_is_near_that_of_student(kind: Kind) -> None:
    rows = people(60)
    y, made = outcome(rows, 6), slope(rows, kind, covariates=True)
    tested = permutation_test(transformed(y, kind), made, 4999, seed=1)
    expected = partial_correlation(y, made, kind, 0.95).p
    error = np.sqrt(expected * (1 - expected) / 4999)
    assert (np.abs(tested.p - expected) < 4 * error + 0.02).all()
    assert (tested.p_fwe >= tested.p).all()
    assert tested.p.min() >= 1 / 5000


@pytest.mark.parametrize("kind", KINDS)
def test_false_positives_with_skewed_data_and_correlated_covariates(kind: Kind) -> None:
    """40 studies of 100 skewed edges that follow covariates, which go along with the measure, and not the measure."""
    found, n_studies, n_edges = [], 40, 100
    for seed in range(n_studies):
        rng = np.random.default_rng(seed)
        rows = people(40, seed)
        covariates = 0.05 * rows["age"] + 5 * rows["fd_change"] + 0.5 * (rows["sex"] == "f")
        y = covariates.to_numpy()[:, None] + rng.exponential(1, (len(rows), n_edges))
        made = slope(rows, kind, covariates=True)
        tested = permutation_test(transformed(y, kind), made, 399, seed)
        found.append((tested.p <= 0.05, tested.p_fwe.min() <= 0.05))
    edges, families = (np.concatenate([np.atleast_1d(one[part]) for one in found]) for part in (0, 1))
    for passed in (edges, families):
        low, high = stats.binom.interval(0.999, len(passed), 0.05)
        assert low <= passed.sum() <= high
