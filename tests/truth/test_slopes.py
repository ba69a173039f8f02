"""Simple slopes and regions of significance against statsmodels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from patsy import build_design_matrices
from scipy import stats

from connect.columns import Columns
from connect.errors import UserError
from connect.inference.slopes import johnson_neyman, simple_slopes
from connect.question import Family, question
from connect.settings.model import Model

pytestmark = pytest.mark.filterwarnings("error")

ARMS = "arm[training] - arm[waiting]"


def people(n: int = 46, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "participant_id": [f"sub-{number:02d}" for number in range(n)],
            "arm": np.array(["waiting", "training"])[(rng.permutation(n) % 5 > 1).astype(int)],
            "group": np.array(["b", "c", "a"])[rng.permutation(n) % 3],
            "sex": np.array(["f", "m"])[rng.permutation(n) % 2],
            "site": rng.permutation(n) % 3 + 1,
            "age": rng.normal(40, 10, n),
            "bond": rng.normal(3, 1, n),
            "fd_change": rng.normal(0.02, 0.05, n),
        }
    )


def outcome(rows: pd.DataFrame, n_columns: int = 40, seed: int = 1) -> np.ndarray:
    """Return columns with an interaction that grows from one to the next."""
    rng = np.random.default_rng(seed)
    centred = (rows["arm"] == "training") * (rows["bond"] - 3) + 0.05 * rows["bond"] * (rows["age"] - 40)
    size = np.linspace(0, 1.5, n_columns)
    return (
        rng.normal(0, 1, (len(rows), n_columns)) + size * centred.to_numpy()[:, None] - 0.02 * rows[["age"]].to_numpy()
    )


def model(formula: str, contrast: str, **options: Any) -> Model:
    return Model("?", formula, contrast, motion_covariate=False, **options)


def row(fitted: Any, rows: pd.DataFrame, **values: Any) -> np.ndarray:
    """Return the mean row of statsmodels' design matrix if columns had other values in all rows."""
    return np.asarray(build_design_matrices([fitted.model.data.model_spec], rows.assign(**values))[0]).mean(axis=0)


def slope(fitted: Any, rows: pd.DataFrame, name: str, **values: Any) -> np.ndarray:
    shifted = {name: rows[name] + 0.1}
    return (row(fitted, rows, **shifted, **values) - row(fitted, rows, **values)) / 0.1


def fits(formula: str, rows: pd.DataFrame, y: np.ndarray) -> list[Any]:
    return [smf.ols(f"y {formula}", rows.assign(y=column)).fit() for column in y.T]


@pytest.mark.parametrize(
    ("formula", "contrast", "name", "places"),
    [
        ("~ arm * bond", f"{ARMS} : bond", "bond", [{"arm": "training"}, {"arm": "waiting"}]),
        ("~ arm * bond + age", f"bond : {ARMS}", "bond", [{"arm": "training"}, {"arm": "waiting"}]),
        ("~ arm * bond * sex + age", f"{ARMS} : bond", "bond", [{"arm": "training"}, {"arm": "waiting"}]),
        ("~ group * bond + sex", "group : bond", "bond", [{"group": name} for name in "abc"]),
        ("~ group * age + sex", "group[c] - group[a] : age", "age", [{"group": "c"}, {"group": "a"}]),
        ("~ C(site) * age", "site[3] - site[1] : age", "age", [{"site": 3}, {"site": 1}]),
        ("~ bond * age + sex", "bond : age", "bond", ["low", "mean", "high"]),
    ],
)
def test_simple_slopes_are_contrasts_of_statsmodels(formula: str, contrast: str, name: str, places: list[Any]) -> None:
    """1e-7: products of uncentred covariates cost both some digits."""
    rows = people()
    y = outcome(rows, 5)
    found = simple_slopes(y, rows, model(formula, contrast, confidence=0.9), "model.yaml")
    mean, sd = rows["age"].mean(), rows["age"].std()
    values = {"low": {"age": mean - sd}, "mean": {"age": mean}, "high": {"age": mean + sd}}
    assert found.variable == name
    assert len(found.at) == len(places)
    for column, fitted in enumerate(fits(formula, rows, y)):
        weights = [slope(fitted, rows, name, **(values[at] if isinstance(at, str) else at)) for at in places]
        theirs = fitted.t_test(np.array(weights))
        assert found.df == fitted.df_resid
        np.testing.assert_allclose(found.estimate[:, column], theirs.effect, rtol=1e-7)
        np.testing.assert_allclose(found.error[:, column], theirs.sd, rtol=1e-7)
        np.testing.assert_allclose(found.t[:, column], theirs.tvalue, rtol=1e-7)
        np.testing.assert_allclose(found.p[:, column], theirs.pvalue, rtol=1e-6)
        bounds = np.stack([found.low[:, column], found.high[:, column]], axis=1)
        np.testing.assert_allclose(bounds, theirs.conf_int(0.1), rtol=1e-6)


def test_the_difference_of_two_slopes_is_the_interaction() -> None:
    rows = people()
    y, asked = outcome(rows), model("~ arm * bond + age", f"{ARMS} : bond", test="residuals")
    found = simple_slopes(y, rows, asked, "model.yaml")
    fit = question(rows, asked, "model.yaml").estimated([Family(y)])[0]
    np.testing.assert_allclose(found.estimate[0] - found.estimate[1], fit.estimate, rtol=1e-9)
    assert found.at == ("training", "waiting")


@pytest.mark.parametrize(
    ("formula", "contrast", "moderator", "effect"),
    [
        ("~ arm * bond + age", f"{ARMS} : bond", "bond",
         lambda f, r, m: row(f, r, arm="training", bond=m) - row(f, r, arm="waiting", bond=m)),
        ("~ arm * bond * sex", f"{ARMS} : bond", "bond",
         lambda f, r, m: row(f, r, arm="training", bond=m) - row(f, r, arm="waiting", bond=m)),
        ("~ bond * age + sex", "bond : age", "age", lambda f, r, m: slope(f, r, "bond", age=m)),
    ],
)  # fmt: skip
def test_at_the_bounds_t_is_critical_and_within_the_region_it_is_larger(
    formula: str, contrast: str, moderator: str, effect: Any
) -> None:
    rows = people()
    y, shown = outcome(rows, 24), rows[moderator].to_numpy()
    region = johnson_neyman(y, rows, model(formula, contrast, alpha=0.1), "model.yaml")
    grid, seen = np.linspace(rows[moderator].min(), rows[moderator].max(), 7), set()
    assert region.moderator == moderator
    for column, fitted in enumerate(fits(formula, rows, y)):
        critical = stats.t.ppf(0.95, fitted.df_resid)
        kind, low, high = region.where[column], region.low[column], region.high[column]
        seen.add(kind)

        def size(at: np.ndarray, fitted: Any = fitted) -> np.ndarray:
            return np.abs(fitted.t_test(np.array([effect(fitted, rows, one) for one in at])).tvalue)

        if kind == "none":
            assert np.isnan([low, high]).all()
        else:
            np.testing.assert_allclose(size([low, high]), critical, rtol=1e-5)
        within = {
            "none": grid < -np.inf,
            "inside": (grid >= low) & (grid <= high),
            "outside": (grid < low) | (grid > high),
        }
        significant = size(np.concatenate([grid, shown])) > critical
        np.testing.assert_array_equal(significant[: len(grid)], within[kind])
        np.testing.assert_allclose(region.share[column], significant[len(grid) :].mean())
    assert seen == {"none", "inside", "outside"}


def test_three_arms_need_two_of_them_and_only_their_members_count() -> None:
    rows = people()
    y = outcome(rows, 3)
    with pytest.raises(UserError, match="two arms"):
        johnson_neyman(y, rows, model("~ group * bond", "group : bond"), "model.yaml")
    region = johnson_neyman(y, rows, model("~ group * bond", "group[a] - group[b] : bond"), "model.yaml")
    n = (rows["group"] != "c").sum()
    np.testing.assert_allclose(region.share * n, np.round(region.share * n), atol=1e-9)


def test_missing_and_constant_columns_are_nan_and_tiles_are_the_same() -> None:
    rows = people()
    y, asked = outcome(rows, 4), model("~ arm * bond", f"{ARMS} : bond")
    y[0, 1], y[:, 2] = np.nan, 0.3
    lazy = Columns(y.shape, lambda at: y[:, at])
    whole, region = simple_slopes(y, rows, asked, ""), johnson_neyman(y, rows, asked, "")
    np.testing.assert_array_equal(np.isnan(whole.p), [[False, True, True, False]] * 2)
    assert list(region.where == "") == [False, True, True, False]
    assert list(np.isnan(region.share)) == [False, True, True, False]
    np.testing.assert_allclose(simple_slopes(lazy, rows, asked, "").p, whole.p)
    np.testing.assert_allclose(johnson_neyman(lazy, rows, asked, "").share, region.share)


@pytest.mark.parametrize(
    ("formula", "contrast", "options"),
    [
        ("~ arm + bond", "bond", {}),
        ("~ arm * sex", f"{ARMS} : sex[f] - sex[m]", {}),
        ("~ arm * sex * bond", f"{ARMS} : sex[f] - sex[m] : bond", {}),
        ("~ arm * bond", f"{ARMS} : bond", {"outcome": "sessions"}),
        ("~ arm * bond + pre", f"{ARMS} : bond", {"outcome": "post"}),
    ],
)
def test_what_has_no_simple_slopes_is_refused(formula: str, contrast: str, options: dict[str, Any]) -> None:
    rows = people()
    for function in (simple_slopes, johnson_neyman):
        with pytest.raises(UserError, match=r"interaction|one value for each participant"):
            function(outcome(rows, 2), rows, model(formula, contrast, **options), "model.yaml")
