"""Repeated-measures correlation against pingouin and statsmodels, and false positives of its test in simulation."""

from __future__ import annotations

import warnings
from itertools import product

import numpy as np
import pandas as pd
import pingouin as pg
import pytest
import statsmodels.formula.api as smf
from scipy import stats

from connect.errors import UserError
from connect.inference import permutation, permutation_test
from connect.inference.repeated import repeated_correlation, repeated_design
from connect.inference.rows import space


def sessions(counts: list[int], seed: int = 0) -> pd.DataFrame:
    """Return a measure and motion of sessions, in mixed order, that differ between participants much more."""
    rng = np.random.default_rng(seed)
    who = np.repeat(np.arange(len(counts)), counts)
    level = rng.normal(0, 3, len(counts))[who]
    fd = rng.exponential(0.1, len(who))
    rows = pd.DataFrame(
        {"who": [f"sub-{one:02d}" for one in who], "x": level + rng.normal(0, 1, len(who)) + 3 * fd, "fd": fd}
    )
    return rows.sample(frac=1, random_state=seed).reset_index(drop=True)


def outcome(rows: pd.DataFrame, n_columns: int = 3, slope: float = 0.4, seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    level = dict(zip(sorted(set(rows["who"])), rng.normal(0, 3, (rows["who"].nunique(), n_columns)), strict=True))
    signal = slope * rows[["x"]].to_numpy() + 2 * rows[["fd"]].to_numpy()
    return np.stack([level[who] for who in rows["who"]]) + signal + rng.normal(0, 1, (len(rows), n_columns))


def made(rows: pd.DataFrame, *covariates: str):
    names = ["x", *covariates]
    return repeated_design(rows["x"].to_numpy(), rows["who"].to_numpy(), rows[[*covariates]].to_numpy(), names, "model")


@pytest.mark.parametrize("counts", [[2] * 12, [3] * 9, [2, 3, 4, 2, 5, 2, 3, 1, 1, 6]])
def test_it_equals_pingouin(counts: list[int]) -> None:
    rows = sessions(counts)
    y = outcome(rows)
    found = repeated_correlation(y, made(rows), 0.95)
    for column, values in enumerate(y.T):
        with warnings.catch_warnings(), pytest.MonkeyPatch.context() as patch:
            warnings.simplefilter("ignore")
            patch.setitem(pg.options, "round.column.CI95", None)
            theirs = pg.rm_corr(rows.assign(y=values), "x", "y", "who").iloc[0]
        assert found.df == theirs["dof"] == len(rows) - len(counts) - 1
        np.testing.assert_allclose(found.r[column], theirs["r"], rtol=1e-9)
        np.testing.assert_allclose(found.p[column], theirs["pval"], rtol=1e-7)
        np.testing.assert_allclose([found.low[column], found.high[column]], theirs["CI95"], atol=0.005)


def test_with_covariates_it_is_the_partial_correlation_of_statsmodels() -> None:
    rows = sessions([2, 3, 4, 2, 5, 2, 3, 1])
    y = outcome(rows)
    found = repeated_correlation(y, made(rows, "fd"), 0.95)
    for column, values in enumerate(y.T):
        fitted = smf.ols("y ~ x + fd + C(who)", rows.assign(y=values)).fit()
        t = fitted.tvalues["x"]
        assert found.df == fitted.df_resid
        np.testing.assert_allclose(found.r[column], t / np.sqrt(t**2 + fitted.df_resid), rtol=1e-9)
        np.testing.assert_allclose(found.p[column], fitted.pvalues["x"], rtol=1e-7)


@pytest.mark.parametrize("covariates", [(), ("fd",)])
def test_all_flips_of_participants_are_those_of_an_explicit_loop(covariates: tuple[str, ...]) -> None:
    rows = sessions([2, 3, 4, 2, 1, 3, 2])
    y, design = outcome(rows, 4), made(rows, *covariates)
    tested = permutation_test(y, design, 999, seed=1)
    nuisance, effect = design.nuisance, design.effect
    residuals = y - nuisance @ np.linalg.lstsq(nuisance, y)[0]
    labels, place = np.unique(rows["who"], return_inverse=True)

    def sizes(values: np.ndarray) -> np.ndarray:
        full = np.column_stack([effect, nuisance])
        beta, rss = np.linalg.lstsq(full, values)[:2]
        return np.abs(beta[0]) / np.sqrt(rss / design.df * np.linalg.inv(full.T @ full)[0, 0])

    null = np.array(
        [sizes(np.array(signs)[place][:, None] * residuals) for signs in product((1, -1), repeat=len(labels))]
    )
    observed = null[0] - 1e-9
    np.testing.assert_allclose(tested.p, (null >= observed).mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(tested.p_fwe, (null.max(axis=1)[:, None] >= observed).mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(tested.maxima.max(), null.max(), rtol=1e-6)


def test_columns_of_participants_cost_no_products() -> None:
    rows = sessions([2, 3, 4, 2, 1, 3, 2])
    assert space(made(rows)).moved.shape[1] == 0
    assert space(made(rows, "fd")).moved.shape[1] == 1


def studies(counts: list[int], n_studies: int, seed: int, **errors: float) -> list[permutation.Tested]:
    """Test studies of 50 columns without an effect, with skewed or unequal errors."""
    found = []
    for study in range(n_studies):
        rng = np.random.default_rng([seed, study])
        rows = sessions(counts, seed=study)
        y = outcome(rows, 50, slope=0, seed=study + 1000) - 2 * rows[["fd"]].to_numpy()
        spread = np.exp(errors.get("unequal", 0) * rng.normal(0, 1, len(counts)))
        size = rows["who"].map(dict(zip(sorted(set(rows["who"])), spread, strict=True))).to_numpy()
        y = y + size[:, None] * rng.exponential(2, y.shape)
        found.append(permutation_test(y, made(rows, "fd"), 299, study))
    return found


@pytest.mark.parametrize(
    "counts", [[2] * 20, [3] * 15, [2] * 8 + [3] * 6 + [5] * 4 + [1] * 3], ids=["2", "3", "unequal"]
)
@pytest.mark.parametrize("unequal", [0, 0.5])
def test_false_positives(counts: list[int], unequal: float) -> None:
    """40 studies of 50 columns; columns of a study share the measure, which is given."""
    found = studies(counts, 40, seed=7, unequal=unequal)
    edges = np.concatenate([one.p <= 0.05 for one in found])
    families = np.array([one.p_fwe.min() <= 0.05 for one in found])
    for passed in (edges, families):
        low, high = stats.binom.interval(0.999, len(passed), 0.05)
        assert low <= passed.sum() <= high


@pytest.mark.parametrize(
    ("change", "must"),
    [
        ({"x": 1.0}, "differs between sessions"),
        ({"fd": 0.1}, "differs between sessions"),
        ({"fd": "x"}, "differs from other columns"),
    ],
)
def test_what_tells_nothing_within_participants_is_refused(change: dict[str, object], must: str) -> None:
    rows = sessions([2, 3, 4, 2])
    rows = rows.assign(**{name: rows[value] + 1 if value == "x" else value for name, value in change.items()})
    with pytest.raises(UserError, match=must):
        made(rows, "fd")


def test_too_few_sessions_are_refused() -> None:
    with pytest.raises(UserError, match="at least 7 sessions"):
        made(sessions([2, 2, 1]), "fd")
    assert (
        made(
            sessions([2, 2, 2]),
        ).df
        == 2
    )
