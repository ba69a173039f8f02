"""The stage `relate` on a small cohort, against pingouin and statsmodels, and what it says of mistakes."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pingouin as pg
import pytest
import statsmodels.api as sm
import statsmodels.formula.api as smf
from scipy import stats

from connect.cli import main
from connect.inference.slopes import Region
from connect.relate import SLOPE_COLUMNS, described_region
from tests.studies import BETWEEN, EDGES, PARCELS, TABLES, TESTS, Results, Study, cohort, lose, told

PHASES = {"pre": {"phase": "pre"}, "post": {"phase": "post"}}
CROSSED = {f"{name}{phase}": {"phase": phase, "condition": name} for name in ("drug", "placebo") for phase in PHASES}
CHANGE: dict[str, Any] = {
    "formula": "~ oxytocin_change",
    "contrast": "oxytocin_change",
    "phenotypes": ["oxytocin"],
    "motion_covariate": False,
    "permutations": 199,
}
ARMS = "arm[training] - arm[waiting]"
MODERATED = {**CHANGE, "formula": "~ arm * oxytocin_pre", "contrast": f"{ARMS} : oxytocin_pre"}
REPEATED = {**CHANGE, "formula": "~ oxytocin", "contrast": "oxytocin", "outcome": "sessions", "correlation": "repeated"}
NETWORK = {name: network for name, network, _ in PARCELS}


def drawn(folder: Path, labels: dict[str, dict[str, Any]], n: int, seed: int = 5) -> Study:
    """Return a cohort whose emotion × cognition block goes along with oxytocin, session by session."""
    made = cohort(folder, labels, n)
    rng = np.random.default_rng(seed)
    keys = [(row.participant_id, row.session_id.removeprefix("ses-")) for row in made.kept.itertuples()]
    values = rng.normal(20, 4, len(keys)).round(2)
    made.measure("oxytocin", dict(zip(keys, values.tolist(), strict=True)))
    made.connectomes += (0.01 * (values - 20) + rng.normal(0, 0.04, len(keys)))[:, None] * BETWEEN
    return made


@pytest.fixture
def study(tmp_path: Path) -> Study:
    """Return 24 participants in two arms, before and after."""
    return drawn(tmp_path, PHASES, 24)


@pytest.fixture
def crossed(tmp_path: Path) -> Study:
    """Return 14 participants with drug and placebo, each before and after."""
    return drawn(tmp_path, CROSSED, 14)


def relate(study: Study, **model: Any) -> Results:
    return study.run("relate", **model)


def wide(study: Study, name: str = "oxytocin") -> pd.DataFrame:
    """Return a phenotype with a column for each session, over the participants of the table."""
    table = study.phenotypes[name].pivot_table(index="participant_id", columns="session_id", values="value")
    return table.rename(columns=lambda label: label.removeprefix("ses-")).reindex(study.participants["participant_id"])


def changes(study: Study) -> np.ndarray:
    """Return the change of every participant in every edge."""
    return np.array([study.change(name) for name in study.participants["participant_id"]])


def rising(study: Study) -> np.ndarray:
    """Return the change of every participant in oxytocin."""
    found: np.ndarray = (wide(study)["post"] - wide(study)["pre"]).to_numpy()
    return found


def levels(study: Study, found: Results) -> list[tuple[pd.Series, np.ndarray]]:
    """Return rows of all levels with the values of the participants: the primary, network pairs, and edges."""
    values = changes(study)
    pairs = []
    for _, row in found.network_tests.iterrows():
        inside = [{NETWORK[end] for end in edge.split("-")} == {row["a"], row["b"]} for edge in EDGES]
        pairs.append((row, values[:, inside].mean(axis=1)))
    edges = [(row, values[:, number]) for number, row in found.edge_tests.iterrows()]
    return [(found.primary, values[:, BETWEEN].mean(axis=1)), *pairs, *edges[::5]]


def correlated(method: str, **columns: np.ndarray) -> pd.Series:
    """Return pingouin's correlation of x and y, given z if there is one, its interval not rounded."""
    with warnings.catch_warnings(), pytest.MonkeyPatch.context() as patch:
        warnings.simplefilter("ignore")
        patch.setitem(pg.options, "round.column.CI95", None)
        if "z" in columns:
            return pg.partial_corr(pd.DataFrame(columns), "x", "y", "z", method=method).iloc[0]
        return pg.corr(columns["x"], columns["y"], method=method).iloc[0]


def ranks(values: np.ndarray) -> np.ndarray:
    found: np.ndarray = stats.rankdata(values)
    return found


# Association


def test_a_correlation_is_that_of_pingouin_and_its_slope_that_of_statsmodels_at_every_level(study: Study) -> None:
    found, x = relate(study, **CHANGE), rising(study)
    for row, y in levels(study, found):
        theirs, fitted = correlated("pearson", x=x, y=y), sm.OLS(y, sm.add_constant(x)).fit()
        np.testing.assert_allclose(row["r"], theirs["r"], rtol=1e-6)
        np.testing.assert_allclose([row["r_low"], row["r_high"]], theirs["CI95"], atol=2e-6)
        np.testing.assert_allclose(row["estimate"], fitted.params[1], rtol=1e-6)
        np.testing.assert_allclose([row["ci_low"], row["ci_high"]], fitted.conf_int()[1], rtol=1e-5)
        np.testing.assert_allclose(row["statistic"], fitted.tvalues[1], rtol=1e-6)
        assert (row["n"], row["df"]) == (24, fitted.df_resid)
    assert found.primary["r"] > 0.4


@pytest.mark.parametrize("method", ["pearson", "spearman"])
def test_with_covariates_it_is_the_partial_correlation_of_pingouin(study: Study, method: str) -> None:
    found, x = relate(study, **{**CHANGE, "formula": "~ oxytocin_change + age"}, correlation=method), rising(study)
    age = study.participants["age"].to_numpy(dtype=float)
    change = ranks if method == "spearman" else np.asarray
    for row, y in levels(study, found):
        theirs = correlated(method, x=x, y=y, z=age)
        fitted = sm.OLS(change(y), sm.add_constant(np.column_stack([change(x), change(age)]))).fit()
        np.testing.assert_allclose(row["r"], theirs["r"], rtol=1e-6)
        np.testing.assert_allclose([row["statistic"], row["df"]], [fitted.tvalues[1], 21], rtol=1e-6)
        if method == "pearson":
            np.testing.assert_allclose([row["r_low"], row["r_high"]], theirs["CI95"], atol=2e-6)


def test_ranks_with_ties_are_those_of_scipy(study: Study) -> None:
    table = study.phenotypes["oxytocin"]
    table["value"] = (table["value"] / 4).round()
    found, x = relate(study, **CHANGE, correlation="spearman"), rising(study)
    assert len(set(x)) < 10
    for row, y in levels(study, found):
        r = stats.spearmanr(x, y).statistic
        half = stats.norm.ppf(0.975) * np.sqrt((1 + r**2 / 2) / (24 - 3))
        np.testing.assert_allclose(row["r"], r, rtol=1e-6)
        np.testing.assert_allclose(
            [row["r_low"], row["r_high"]], np.tanh(np.arctanh(r) + np.array([-half, half])), rtol=1e-6
        )
    assert found.primary["estimate"] == found.primary["r"]
    assert found.domain_tests[["g", "g_low", "g_high", "detectable"]].isna().all(axis=None)


def test_bent_values_give_the_correlation_of_pingouin(study: Study) -> None:
    """Wilcox does not centre bent values, a model does: see the docstring of connect.inference.correlation."""
    study.phenotypes["oxytocin"].loc[3, "value"] = 900
    found, x = relate(study, **CHANGE, correlation="percentage-bend"), rising(study)
    for row, y in levels(study, found):
        np.testing.assert_allclose(row["r"], correlated("percbend", x=x, y=y)["r"], atol=0.003)
    assert found.primary["r"] > relate(study, **CHANGE).primary["r"] + 0.2


@pytest.mark.parametrize("method", ["pearson", "spearman", "percentage-bend"])
def test_p_is_near_the_parametric_one_in_normal_data(study: Study, method: str) -> None:
    found = relate(study, **{**CHANGE, "permutations": 1999}, correlation=method)
    table = pd.concat([found.domain_tests, found.edge_tests])
    parametric = 2 * stats.t.sf(table["statistic"].abs(), table["df"])
    np.testing.assert_allclose(table["p"], parametric, atol=0.05)
    assert np.abs(table["p"] - parametric).mean() < 0.01
    assert (found.edge_tests["p_fwe"] >= found.edge_tests["p"]).all()


def test_ranks_do_not_feel_the_scale_and_signs_turn_with_the_measure(study: Study) -> None:
    """Oxytocin before, since the change of a logarithm is another one."""
    model = {**CHANGE, "formula": "~ oxytocin_pre", "contrast": "oxytocin_pre", "correlation": "spearman"}
    found, value = relate(study, **model), study.phenotypes["oxytocin"]["value"].copy()
    study.phenotypes["oxytocin"]["value"] = np.exp(value)
    pd.testing.assert_frame_equal(relate(study, **model).edge_tests, found.edge_tests)
    study.phenotypes["oxytocin"]["value"] = -value
    turned = relate(study, **model)
    np.testing.assert_allclose(turned.edge_tests["r"], -found.edge_tests["r"])
    assert turned.edge_tests["p"].tolist() == found.edge_tests["p"].tolist()


def test_arms_beside_the_slope_may_vary_differently(study: Study) -> None:
    found = relate(study, **{**CHANGE, "formula": "~ arm + oxytocin_change"})
    y, x = changes(study)[:, BETWEEN].mean(axis=1), rising(study)
    fitted = smf.ols("y ~ arm + x", study.participants.assign(y=y, x=x)).fit()
    assert found.summary["method"] == "unequal"
    assert found.primary["estimate"] == pytest.approx(fitted.params["x"], rel=1e-6)
    t = fitted.tvalues["x"]
    assert found.primary["r"] == pytest.approx(t / np.sqrt(t**2 + fitted.df_resid), rel=1e-6)
    other = relate(study, **{**CHANGE, "formula": "~ arm + oxytocin_change", "test": "residuals"})
    assert other.primary["statistic"] == pytest.approx(t, rel=1e-6)


def test_motion_is_a_covariate_unless_it_is_not_wanted(study: Study) -> None:
    found = relate(study, **{**CHANGE, "motion_covariate": True})
    fd = study.kept.pivot_table(index="participant_id", columns="session_id", values="mean_fd")
    columns = {"x": rising(study), "y": changes(study)[:, BETWEEN].mean(axis=1)}
    theirs = correlated("pearson", **columns, z=(fd["ses-post"] - fd["ses-pre"]).to_numpy())
    assert found.primary["r"] == pytest.approx(theirs["r"], rel=1e-6)
    assert found.summary["motion"]["n"] == 24


def test_of_the_value_after_given_the_one_before_ranks_have_their_own_interval(study: Study) -> None:
    """By hand on ranks: partial correlation given the rank of the value before, and the interval of ranks."""
    model = {**CHANGE, "formula": "~ pre + oxytocin_change", "outcome": "post", "correlation": "spearman"}
    found = relate(study, **model)
    session = {
        label: study.connectomes[(study.kept["session_id"] == f"ses-{label}").to_numpy()].astype(np.float32)
        for label in PHASES
    }
    pre, post = (session[label].astype(float)[:, BETWEEN].mean(axis=1) for label in ("pre", "post"))
    r = correlated("spearman", x=rising(study), y=post, z=pre)["r"]
    half = stats.norm.ppf(0.975) * np.sqrt((1 + r**2 / 2) / (24 - 4))
    expected = [r, *np.tanh(np.arctanh(r) + np.array([-half, half]))]
    np.testing.assert_allclose([found.primary[name] for name in ("r", "r_low", "r_high")], expected, rtol=1e-6)


# What the columns of a phenotype mean


def people(found: Results) -> pd.DataFrame:
    return found.people.set_index("participant_id")


def test_columns_of_before_after_change_and_rate_by_hand(study: Study) -> None:
    study.sessions["post"]["weeks"] = "end"
    study.sessions["pre"]["weeks"] = 1
    study.participants["end"] = np.linspace(3, 9, 24)
    values = wide(study)
    weeks = study.participants["end"].to_numpy() - 1
    expected = {
        "pre": values["pre"], "post": values["post"], "change": values["post"] - values["pre"],
        "rate": (values["post"] - values["pre"]) / weeks,
    }  # fmt: skip
    y = changes(study)[:, BETWEEN].mean(axis=1)
    for outcome, divisor in (("change", 1.0), ("rate", weeks)):
        for moment, x in expected.items():
            name = f"oxytocin_{moment}"
            found = relate(study, **{**CHANGE, "formula": f"~ {name}", "contrast": name}, outcome=outcome)
            np.testing.assert_allclose(people(found)[name], x, rtol=1e-7)
            slope = stats.linregress(x, y / divisor).slope
            assert found.primary["estimate"] == pytest.approx(slope, rel=1e-6), (outcome, moment)
            assert found.session_values.groupby("participant_id")[name].first().to_numpy() == pytest.approx(x, rel=1e-7)


@pytest.mark.parametrize(
    ("condition", "weights"),
    [("drug", (1, 0)), ("drug - placebo", (1, -1)), ("drug + placebo", (0.5, 0.5)), ("placebo - drug", (-1, 1))],
)
def test_columns_under_conditions_are_weighted_as_the_changes_are(
    crossed: Study, condition: str, weights: tuple[float, float]
) -> None:
    values = wide(crossed)
    pre, post = (weights[0] * values[f"drug{phase}"] + weights[1] * values[f"placebo{phase}"] for phase in PHASES)
    names = crossed.participants["participant_id"]
    drug, placebo = (
        np.array([crossed.change(name, f"{one}post", f"{one}pre")[BETWEEN].mean() for name in names])
        for one in ("drug", "placebo")
    )
    model = {**CHANGE, "formula": "~ oxytocin_change + oxytocin_pre", "condition": condition}
    found = relate(crossed, **model)
    np.testing.assert_allclose(people(found)["oxytocin_change"], post - pre, rtol=1e-9)
    np.testing.assert_allclose(people(found)["oxytocin_pre"], pre, rtol=1e-9)
    design = sm.add_constant(np.column_stack([post - pre, pre]))
    fitted = sm.OLS(weights[0] * drug + weights[1] * placebo, design).fit()
    assert found.primary["estimate"] == pytest.approx(fitted.params[1], rel=1e-5)
    assert found.primary["statistic"] == pytest.approx(fitted.tvalues[1], rel=1e-5)


def test_a_session_has_its_own_value_and_a_participant_the_mean_over_conditions(crossed: Study) -> None:
    formula = "~ oxytocin + oxytocin_pre"
    found = relate(crossed, **{**REPEATED, "formula": formula, "correlation": "pearson"}, condition="drug, placebo")
    sessions = found.session_values.merge(
        crossed.phenotypes["oxytocin"], on=["participant_id", "session_id"], validate="1:1"
    )
    assert len(sessions) == 56
    np.testing.assert_allclose(sessions["oxytocin"], sessions["value"])
    values = wide(crossed)
    np.testing.assert_allclose(people(found)["oxytocin_pre"], (values["drugpre"] + values["placebopre"]) / 2)
    assert found.summary["n_sessions"] == 56


def test_of_one_session_a_phenotype_needs_that_session_alone(study: Study) -> None:
    study.phenotypes["oxytocin"].loc[[1, 3], "value"] = np.nan
    found = relate(study, **{**CHANGE, "formula": "~ oxytocin_pre", "contrast": "oxytocin_pre"}, outcome="pre")
    y = study.connectomes[(study.kept["session_id"] == "ses-pre").to_numpy()].astype(np.float32).astype(float)
    slope = stats.linregress(wide(study)["pre"], y[:, BETWEEN].mean(axis=1)).slope
    assert found.primary["estimate"] == pytest.approx(slope, rel=1e-6)
    assert found.summary["n"] == 24


# Moderation


def fitted_arms(study: Study, y: np.ndarray) -> Any:
    rows = study.participants.assign(y=y, x=wide(study)["pre"].to_numpy())
    return smf.ols("y ~ C(arm, Treatment('waiting')) * x", rows).fit()


def respond(study: Study, slope: float) -> np.ndarray:
    """Let the trained change with oxytocin before, and return the change of all in the primary quantity."""
    arm = study.kept["participant_id"].map(dict(study.participants[["participant_id", "arm"]].to_numpy()))
    level = study.kept["participant_id"].map(wide(study)["pre"])
    late = (arm == "training") & (study.kept["session_id"] == "ses-post")
    study.connectomes += (slope * late * (level - 20)).to_numpy()[:, None] * BETWEEN
    found: np.ndarray = changes(study)[:, BETWEEN].mean(axis=1)
    return found


def test_slopes_in_each_arm_are_contrasts_of_statsmodels(study: Study) -> None:
    fitted = fitted_arms(study, respond(study, 0.02))
    found = relate(study, **MODERATED)
    theirs = fitted.t_test([[0, 0, 1, 1], [0, 0, 1, 0]])
    table = found.slopes[found.slopes["quantity"] == "between"]
    assert table["at"].tolist() == ["training", "waiting"]
    for ours, name in (("slope", "effect"), ("error", "sd"), ("t", "tvalue"), ("p", "pvalue")):
        np.testing.assert_allclose(table[ours], np.ravel(getattr(theirs, name)), rtol=1e-4)
    np.testing.assert_allclose(table[["ci_low", "ci_high"]], theirs.conf_int(), rtol=1e-4)
    assert (table["df"] == 20).all()
    assert found.primary["estimate"] == pytest.approx(fitted.params.iloc[3], rel=1e-5)
    assert table["slope"].iloc[0] - table["slope"].iloc[1] == pytest.approx(found.primary["estimate"], rel=1e-9)
    assert found.slopes["quantity"].nunique() == 4


def test_the_region_ends_where_the_difference_of_arms_is_just_significant(study: Study) -> None:
    fitted = fitted_arms(study, respond(study, 0.05))
    region = relate(study, **MODERATED).summary["region"]
    x, critical = wide(study)["pre"].to_numpy(), stats.t.ppf(0.975, 20)
    assert region["moderator"] == "oxytocin_pre"
    ends = [end for pair in region["ranges"] for end in pair if end is not None]
    assert len(ends) == 2
    for end in ends:
        assert abs(fitted.t_test([0, 1, 0, end]).tvalue.item()) == pytest.approx(critical, rel=1e-5)
    passed = [abs(fitted.t_test([0, 1, 0, one]).tvalue.item()) >= critical for one in x]
    assert region["share"] == pytest.approx(np.mean(passed))
    assert region["ranges"][0][0] is None
    assert region["ranges"][1][1] is None


def test_without_an_interaction_there_are_no_slopes(study: Study) -> None:
    found = relate(study, **CHANGE)
    assert found.summary["region"] is None
    assert found.slopes.empty
    header = (study.folder / "out" / "slopes.tsv").read_text().strip().split("\t")
    assert header == list(json.loads((study.folder / "out" / "slopes.json").read_text()))


def test_three_arms_have_three_slopes_and_no_region(study: Study) -> None:
    study.participants["arm"] = ["a", "b", "c"] * 8
    found = relate(study, **{**MODERATED, "contrast": "arm : oxytocin_pre"})
    y, x = changes(study)[:, BETWEEN].mean(axis=1), wide(study)["pre"].to_numpy()
    expected = [stats.linregress(x[start::3], y[start::3]).slope for start in range(3)]
    np.testing.assert_allclose(found.slopes["slope"][:3], expected, rtol=1e-5)
    assert found.slopes["at"].tolist()[:3] == ["a", "b", "c"]
    assert found.summary["region"] is None


def test_two_measures_may_moderate_each_other(study: Study) -> None:
    model = {**CHANGE, "formula": "~ oxytocin_pre * age", "contrast": "oxytocin_pre : age"}
    found = relate(study, **model)
    rows = study.participants.assign(y=changes(study)[:, BETWEEN].mean(axis=1), x=wide(study)["pre"].to_numpy())
    fitted = smf.ols("y ~ x * age", rows).fit()
    mean, sd = rows["age"].mean(), rows["age"].std()
    theirs = fitted.t_test([[0, 1, 0, mean + by * sd] for by in (-1, 0, 1)])
    np.testing.assert_allclose(found.slopes["slope"][:3], theirs.effect, rtol=1e-4)
    np.testing.assert_allclose(found.slopes["p"][:3], np.ravel(theirs.pvalue), rtol=1e-3)
    assert found.slopes["at"].tolist()[:3] == ["mean - 1 SD of age", "mean of age", "mean + 1 SD of age"]
    assert found.summary["region"]["moderator"] == "age"


@pytest.mark.parametrize(
    ("kind", "low", "high", "reach", "ranges"),
    [
        ("outside", 8, 12, (5, 20), [[None, 8], [12, None]]),
        ("outside", 2, 12, (5, 20), [[12, None]]),
        ("outside", 2, 30, (5, 20), []),
        ("outside", 22, 30, (5, 20), [[None, None]]),
        ("inside", 8, 12, (5, 20), [[8, 12]]),
        ("inside", 2, 12, (5, 20), [[None, 12]]),
        ("inside", 2, 30, (5, 20), [[None, None]]),
        ("inside", 22, 30, (5, 20), []),
        ("none", np.nan, np.nan, (5, 20), []),
    ],
)
def test_a_region_is_told_as_far_as_the_compared_participants_reach(
    kind: str, low: float, high: float, reach: tuple[float, float], ranges: list[Any]
) -> None:
    four = [np.repeat(value, 4) for value in (low, high, kind, 0.5)]
    found = described_region(Region("x", *four, reach))
    assert found == {"moderator": "x", "ranges": ranges, "share": 0.5}


def test_participants_of_another_arm_do_not_widen_the_region(study: Study) -> None:
    """Arm c, which the contrast does not compare, has far higher values."""
    study.participants["arm"] = ["a", "b", "c"] * 8
    far = study.participants.loc[study.participants["arm"] == "c", "participant_id"]
    table = study.phenotypes["oxytocin"]
    table.loc[table["participant_id"].isin(far), "value"] += 500
    region = relate(study, **{**MODERATED, "contrast": "arm[a] - arm[b] : oxytocin_pre"}).summary["region"]
    assert all(end is None or end < 60 for pair in region["ranges"] for end in pair)


# Within participants


@pytest.mark.parametrize("lost", [(), ((0, "pre"), (3, "post"), (4, "pre"))])
def test_a_correlation_over_sessions_is_that_of_pingouin(tmp_path: Path, lost: tuple[tuple[int, str], ...]) -> None:
    study = drawn(tmp_path, {**PHASES, "late": {"phase": "other"}}, 14)
    for number, label in lost:
        lose(study, study.participants["participant_id"][number], label, "moved")
    found = relate(study, **{**REPEATED, "permutations": 1999})
    rows = found.session_values.merge(study.phenotypes["oxytocin"], on=["participant_id", "session_id"])
    with warnings.catch_warnings(), pytest.MonkeyPatch.context() as patch:
        warnings.simplefilter("ignore")
        patch.setitem(pg.options, "round.column.CI95", None)
        theirs = pg.rm_corr(rows, "value", "between", "participant_id").iloc[0]
    assert found.primary["r"] == pytest.approx(theirs["r"], rel=1e-5)
    assert (found.primary["df"], found.summary["n_sessions"]) == (theirs["dof"], 42 - len(lost))
    np.testing.assert_allclose([found.primary["r_low"], found.primary["r_high"]], theirs["CI95"], atol=0.005)
    assert found.primary["p"] < 0.01
    fitted = smf.ols("between ~ value + C(participant_id)", rows).fit()
    assert found.primary["estimate"] == pytest.approx(fitted.params["value"], rel=1e-5)


def test_with_motion_it_is_the_slope_of_statsmodels(study: Study) -> None:
    found = relate(study, **{**REPEATED, "motion_covariate": True})
    rows = found.session_values.assign(who=found.session_values["participant_id"])
    fitted = smf.ols("between ~ oxytocin + mean_fd + C(who)", rows).fit()
    assert found.primary["estimate"] == pytest.approx(fitted.params["oxytocin"], rel=1e-5)
    assert (found.primary["df"], found.summary["columns"]) == (22, ["oxytocin", "mean_fd"])


def test_families_flip_as_wholes(study: Study) -> None:
    study.participants["family"] = [f"f{row // 3}" for row in range(24)]
    found = relate(study, **{**REPEATED, "permutations": 999}, whole_block="family")
    assert (found.summary["arrangements"], found.summary["enumerated"]) == (2**8, True)
    assert found.primary["r"] == relate(study, **REPEATED).primary["r"]


# Who is left out


def test_who_lacks_a_value_is_left_out_with_the_reason_and_the_note(study: Study) -> None:
    table = study.phenotypes["oxytocin"].set_index(["participant_id", "session_id"])
    table.loc[("sub-02", "ses-pre"), ["value", "note"]] = [np.nan, "haemolysed"]
    table.loc[("sub-03", "ses-post"), "value"] = np.nan
    table.loc[("sub-04", slice(None)), "value"] = np.nan
    table.loc[("sub-05", "ses-pre"), "note"] = "below the limit of detection"
    study.phenotypes["oxytocin"] = table.drop(index=("sub-06", "ses-pre")).reset_index()
    lose(study, "sub-07", "post", "moved")
    found = relate(study, **CHANGE)
    assert found.reasons == {
        "sub-02": "no oxytocin before (haemolysed)",
        "sub-03": "no oxytocin after",
        "sub-04": "no oxytocin before; no oxytocin after",
        "sub-06": "no oxytocin before",
        "sub-07": "ses-post excluded: moved",
    }
    assert (found.summary["n"], found.summary["n_not_analysed"]) == (19, 5)
    used = study.participants["participant_id"].isin(people(found).query("analysed == 'yes'").index).to_numpy()
    theirs = correlated("pearson", x=rising(study)[used], y=changes_of(study, used))
    assert found.primary["r"] == pytest.approx(theirs["r"], rel=1e-6)


def changes_of(study: Study, used: np.ndarray) -> np.ndarray:
    names = study.participants["participant_id"][used]
    return np.array([study.change(name)[BETWEEN].mean() for name in names])


def test_under_conditions_the_reason_is_of_those_that_count(crossed: Study) -> None:
    table = crossed.phenotypes["oxytocin"]
    table.loc[(table["participant_id"] == "sub-03") & (table["session_id"] == "ses-placebopost"), "value"] = np.nan
    assert relate(crossed, **CHANGE, condition="drug").reasons == {}
    reasons = {"sub-03": "no oxytocin after under placebo"}
    assert relate(crossed, **CHANGE, condition="drug - placebo").reasons == reasons


def test_over_sessions_who_has_one_value_is_left_out_with_the_note(study: Study) -> None:
    table = study.phenotypes["oxytocin"].set_index(["participant_id", "session_id"])
    table.loc[("sub-02", "ses-pre"), ["value", "note"]] = [np.nan, "haemolysed"]
    table.loc[("sub-03", slice(None)), "value"] = np.nan
    study.phenotypes["oxytocin"] = table.reset_index()
    repeated, mixed = relate(study, **REPEATED), relate(study, **{**REPEATED, "correlation": "pearson"})
    few = "fewer than two sessions with oxytocin"
    assert repeated.reasons == {"sub-02": f"{few} (haemolysed)", "sub-03": few}
    assert mixed.reasons == {"sub-03": "no session with oxytocin"}
    assert (repeated.summary["n_sessions"], mixed.summary["n_sessions"]) == (44, 45)
    own = {**REPEATED, "formula": "~ oxytocin_pre", "contrast": "oxytocin_pre", "correlation": "pearson"}
    reasons = {"sub-02": "no oxytocin before (haemolysed)", "sub-03": "no oxytocin before"}
    assert relate(study, **own).reasons == reasons


# Phenotypes in models of the intervention


def test_a_phenotype_may_be_a_covariate_of_the_comparison(study: Study) -> None:
    model = {**CHANGE, "formula": "~ arm + oxytocin_pre", "contrast": ARMS, "test": "residuals"}
    found = study.run("compare", **model)
    rows = study.participants.assign(y=changes(study)[:, BETWEEN].mean(axis=1), x=wide(study)["pre"].to_numpy())
    fitted = smf.ols("y ~ C(arm, Treatment('waiting')) + x", rows).fit()
    assert found.primary["estimate"] == pytest.approx(fitted.params.iloc[1], rel=1e-6)
    assert found.primary["statistic"] == pytest.approx(fitted.tvalues.iloc[1], rel=1e-6)
    assert found.summary["relation"] == ""
    assert list(found.summary["phenotypes"]) == ["oxytocin_pre"]


def test_a_condition_that_is_called_like_a_phenotype_is_no_relation(tmp_path: Path) -> None:
    """Oxytocin against placebo, with oxytocin in plasma as a covariate."""
    names = ("oxytocin", "placebo")
    labels = {f"{name}{phase}": {"phase": phase, "condition": name} for name in names for phase in PHASES}
    study = drawn(tmp_path, labels, 12)
    model = {**REPEATED, "formula": "~ condition + oxytocin", "contrast": "condition[oxytocin] - condition[placebo]",
             "correlation": "pearson", "condition": "oxytocin, placebo"}  # fmt: skip
    found = study.run("compare", **model)
    assert found.summary["relation"] == ""
    assert found.summary["method"] == "mixed"


# What is written


def test_the_record_says_what_was_related(study: Study) -> None:
    found = relate(study, **{**MODERATED, "formula": "~ arm * oxytocin_pre + oxytocin_change"}).summary
    assert (found["relation"], found["correlation"]) == ("oxytocin_pre", "pearson")
    assert list(found["phenotypes"]) == ["oxytocin_change", "oxytocin_pre"]
    told = {"title": "Oxytocin", "unit": "pg/mL", "higher": "more oxytocin", "words": "as measured"}
    told["source"] = "Nobody 2020"
    assert found["phenotypes"]["oxytocin_pre"] == {"phenotype": "oxytocin", "moment": "pre", **told}
    assert set(found["region"]) == {"moderator", "ranges", "share"}


def test_every_column_is_described(study: Study) -> None:
    found = relate(study, **MODERATED)
    for name in (*TESTS, "slopes"):
        sidecar = json.loads((study.folder / "out" / f"{name}.json").read_text())
        assert list(sidecar) == list(getattr(found, name).columns)


@pytest.mark.parametrize("model", [{**CHANGE, "correlation": "spearman"}, MODERATED, REPEATED])
def test_running_again_gives_the_same_bytes(study: Study, model: dict[str, Any]) -> None:
    relate(study, **model)
    before = {path.name: path.read_bytes() for path in (study.folder / "out").iterdir()}
    relate(study, **model)
    assert {path.name: path.read_bytes() for path in (study.folder / "out").iterdir()} == before
    assert {f"{name}.tsv" for name in (*TABLES, "slopes")} < set(before)


@pytest.mark.parametrize("model", [{**CHANGE, "correlation": "percentage-bend"}, MODERATED, REPEATED])
def test_edges_that_are_read_tile_by_tile_give_the_same_numbers(
    study: Study, monkeypatch: pytest.MonkeyPatch, model: dict[str, Any]
) -> None:
    study.connectomes[0, 3] = np.nan
    whole = relate(study, **model)
    monkeypatch.setattr("connect.columns.KEPT", 0)
    monkeypatch.setattr("connect.columns.TILE", 5)
    tiled = relate(study, **model)
    for name in (*TESTS, "slopes", "session_values", "people"):
        pd.testing.assert_frame_equal(getattr(tiled, name), getattr(whole, name), rtol=1e-7, atol=1e-12)


def test_an_edge_that_is_missing_is_not_tested_and_in_no_mean(study: Study) -> None:
    study.connectomes[0, 3] = np.nan
    found = relate(study, **CHANGE, correlation="spearman")
    row = found.edge_tests.iloc[3]
    assert row["reason"] == "missing or undefined in an analysed session"
    assert row[["r", "r_low", "estimate", "p"]].isna().all()
    assert found.edge_tests["r"].notna().sum() == len(EDGES) - 1


# Mistakes


def constant(study: Study) -> None:
    study.phenotypes["oxytocin"]["value"] = 12.0


def nothing(study: Study) -> None:
    study.phenotypes["oxytocin"]["value"] = np.nan


def renamed(study: Study) -> None:
    study.phenotypes["fd"] = study.phenotypes.pop("oxytocin")


def as_it_is(study: Study) -> None:
    """Change nothing."""


@pytest.mark.parametrize(
    ("change", "model", "where", "must", "got", "todo"),
    [
        (as_it_is, {"formula": "~ arm + oxytocin_pre", "contrast": ARMS}, "model.yaml", "the slope of a phenotype",
         ARMS, "connect compare"),
        (as_it_is, {"phenotypes": []}, "model.yaml", "columns of the participants", "oxytocin_change", "`phenotypes`"),
        (as_it_is, {"formula": "~ oxytocin_change + oxytocin_pree"}, "model.yaml", "columns of the participants",
         "oxytocin_pree", "did you mean `oxytocin_pre`?"),
        (as_it_is, {"contrast": "oxytocin_chang"}, "model.yaml", "the slope of a phenotype", "oxytocin_chang", "name"),
        (as_it_is, {"formula": "~ age"}, "key phenotypes", "formula names (`oxytocin_change`", "`~ age`", "name it"),
        (as_it_is, {"phenotypes": ["oxytocin", "cortisol"], "formula": "~ oxytocin_change + cortisol_pre"},
         "flag --phenotypes", "a table of cortisol", "oxytocin", "add it"),
        (as_it_is, {"correlation": "spearmann"}, "key correlation", "one of: pearson", "spearmann", "`spearman`"),
        (as_it_is, {"correlation": "repeated"}, "key correlation", "a model of all sessions", "change", "sessions"),
        (as_it_is, {**MODERATED, "correlation": "spearman"}, "key correlation", "one column", "arm[", "take"),
        (as_it_is, {"formula": "~ oxytocin_rate", "contrast": "oxytocin_rate"}, "model.yaml", "every session",
         "24 x times of the sessions are not known", "loosen"),
        (as_it_is, {"formula": "~ oxytocin_rate", "contrast": "oxytocin_rate", "outcome": "post"}, "key formula",
         "a model of a change", "`oxytocin_rate`", "outcome: change"),
        (constant, {}, "model.yaml", "columns that differ", "`oxytocin_change` is a combination", "take one"),
        (constant, {"formula": "~ oxytocin_pre", "contrast": "oxytocin_pre", "correlation": "spearman"}, "model.yaml",
         "columns that differ", "`oxytocin_pre` is a combination", "take one"),
        (constant, {"formula": "~ oxytocin_pre", "contrast": "oxytocin_pre", "correlation": "percentage-bend"},
         "model.yaml", "columns that differ", "`oxytocin_pre` is a combination", "take one"),
        (constant, REPEATED, "model.yaml", "columns that differ", "`oxytocin` is a combination", "take one"),
        (nothing, {}, "model.yaml", "every session", "24 x no oxytocin before; no oxytocin after", "loosen"),
        (nothing, REPEATED, "model.yaml", "every session", "24 x fewer than two sessions with oxytocin", "loosen"),
        (renamed, {"phenotypes": ["fd"], "formula": "~ fd_change", "contrast": "fd_change"}, "key phenotypes",
         "other names than those that connect writes", "`fd_change`", "rename"),
        (as_it_is, {**REPEATED, "formula": "~ oxytocin + arm"}, "model.yaml", "differs between sessions",
         "the same in all sessions", "take it out"),
    ],
)  # fmt: skip
def test_mistakes_are_told_in_four_parts(
    study: Study, capsys: pytest.CaptureFixture[str], change: Callable[[Study], None], model: dict[str, Any],
    where: str, must: str, got: str, todo: str,
) -> None:  # fmt: skip
    change(study)
    parts = told(study, capsys, {**CHANGE, **model}, "relate")
    for key, text in (("where", where), ("must be", must), ("got", got), ("to do", todo)):
        assert text in parts[key]


@pytest.mark.parametrize(
    ("model", "got"),
    [
        ({"formula": "~ arm + oxytocin_change", "contrast": "arm"}, "`arm`"),
        ({"condition": "drug, placebo, low"}, "`oxytocin_change`, condition `drug, placebo, low`"),
    ],
)
def test_only_a_slope_can_be_ranked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], model: dict[str, Any], got: str
) -> None:
    labels = {
        **CROSSED,
        "lowpre": {"phase": "pre", "condition": "low"},
        "lowpost": {"phase": "post", "condition": "low"},
    }
    study = drawn(tmp_path, labels if "condition" in model else PHASES, 16)
    parts = told(study, capsys, {**CHANGE, **model, "correlation": "spearman"}, "compare")
    assert parts["got"] == got
    assert parts["to do"].startswith("take `correlation` out")


def test_the_flag_of_phenotypes_is_needed(study: Study, capsys: pytest.CaptureFixture[str]) -> None:
    words = study.write(CHANGE, "relate")
    assert main(["relate", *words[: words.index("--phenotypes")]]) == 2
    assert "--phenotypes" in capsys.readouterr().err


def test_too_few_participants_are_a_result_of_the_workflow(study: Study) -> None:
    for name in study.participants["participant_id"][:-6]:
        lose(study, name, "post", "mean FD 0.9 mm is above 0.5 mm")
    assert main(["relate", *study.write(MODERATED, "relate"), "--on-too-few", "record"]) == 0
    out = study.folder / "out"
    found = json.loads((out / "summary.json").read_text())
    assert found["untested"]
    assert found["primary"]["r"] is None
    assert (found["relation"], found["region"]) == ("oxytocin_pre", None)
    assert found["phenotypes"]["oxytocin_pre"]["unit"] == "pg/mL"
    assert list(pd.read_csv(out / "slopes.tsv", sep="\t")) == list(SLOPE_COLUMNS)
    assert set(pd.read_csv(out / "domain_tests.tsv", sep="\t")["reason"]) == {
        f"{found['untested']['must']}; {found['untested']['got']}"
    }
