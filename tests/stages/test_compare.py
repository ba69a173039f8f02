"""The stage `compare` on a small cohort, against values worked out by hand, and what it says of mistakes."""

from __future__ import annotations

import json
from itertools import combinations, product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from scipy import special, stats
from statsmodels.formula.api import ols

from connect.changes import conditions_of
from connect.cli import main
from connect.confounded import association
from connect.errors import UserError
from connect.question import question
from connect.settings.cohort import Cohort, Session
from connect.settings.model import Model
from tests.studies import BETWEEN, COGNITION, EDGES, EMOTION, NAMES, PARCELS, TESTS, Study, cohort, lose, told

GROUPS = {
    "formula": "~ arm",
    "contrast": "arm[training] - arm[waiting]",
    "motion_covariate": False,
    "test": "residuals",
}
MEAN = {"formula": "~ 1", "contrast": "mean", "motion_covariate": False}


@pytest.fixture
def study(tmp_path: Path) -> Study:
    """Return a cohort of ten in two arms with an effect on the emotion × cognition block in one."""
    made = cohort(tmp_path, {"pre": {"phase": "pre"}, "post": {"phase": "post"}}, 10)
    trained = made.kept["participant_id"].map(dict(made.participants[["participant_id", "arm"]].to_numpy()))
    late = ((trained == "training") & (made.kept["session_id"] == "ses-post")).to_numpy()
    made.connectomes += 0.2 * late[:, None] * BETWEEN
    return made


@pytest.fixture
def within(tmp_path: Path) -> Study:
    """Return a cohort of nine with drug and placebo, each before and after."""
    labels = [("drug", "pre"), ("drug", "post"), ("placebo", "pre"), ("placebo", "post")]
    return cohort(tmp_path, {f"{c}{p}": {"phase": p, "condition": c} for c, p in labels}, 9)


# Statistics of the user's own


def own_statistic(study: Study, name: str, body: str) -> list[str]:
    (study.folder / "mine.py").write_text(f"def own(matrix, parcels):\n    return {body}\n")
    path = study.folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump({"title": "Own", "function": "mine.py:own", "unit": "u", "words": "w"}))
    return ["--statistics", str(path)]


def test_a_statistic_is_one_more_domain_level_quantity(study: Study) -> None:
    """One that gives the primary quantity has its rows in all tables, and is corrected with the others."""
    plain = study.run(**GROUPS)
    rows = "[parcels['domain'] == 'emotion'][:, parcels['domain'] == 'cognition'].mean()"
    words = study.write(GROUPS) + own_statistic(study, "my-mean", f"matrix{rows}")
    assert main(["compare", *words]) == 0
    table = pd.read_csv(study.folder / "out" / "domain_tests.tsv", sep="\t", na_values=["n/a"]).set_index("quantity")
    assert list(table.index) == [*plain.domain_tests["quantity"], "my-mean"]
    own, primary = table.loc["my-mean"], table.loc["between"]
    for column in ("n", "estimate", "ci_low", "g", "statistic", "df", "p"):
        assert own[column] == pytest.approx(primary[column], rel=1e-6), column
    assert own["n_edges"] == len(EDGES)
    assert own["p_fwe"] >= own["p"] == primary["p_fwe"]
    assert own["family"] == table.loc["segregation", "family"]
    values = pd.read_csv(study.folder / "out" / "values.tsv", sep="\t")
    np.testing.assert_allclose(values["my-mean"], values["between"], rtol=1e-6)
    summary = json.loads((study.folder / "out" / "summary.json").read_text())
    assert summary["statistics"][0]["title"] == "Own"
    assert summary["tested"]["domain"] == plain.summary["tested"]["domain"] + 1
    assert summary["primary"] == plain.summary["primary"]


def test_a_statistic_without_a_value_is_not_tested(study: Study) -> None:
    words = study.write(GROUPS) + own_statistic(study, "none", "float('nan')")
    assert main(["compare", *words]) == 0
    row = pd.read_csv(study.folder / "out" / "domain_tests.tsv", sep="\t", na_values=["n/a"]).iloc[-1]
    assert np.isnan(row["p"])
    assert row["reason"] == "missing or undefined in an analysed session"


def test_a_statistic_with_the_name_of_a_column_is_refused(study: Study, capsys: pytest.CaptureFixture[str]) -> None:
    words = study.write(GROUPS) + own_statistic(study, "segregation", "1.0")
    assert main(["compare", *words]) == 2
    assert "a name that no other column has" in capsys.readouterr().err


# Values by hand


def test_two_arms_by_hand(study: Study) -> None:
    found = study.run(**GROUPS)
    arms = {
        arm: np.array([study.change(name) for name in rows["participant_id"]])
        for arm, rows in study.participants.groupby("arm")
    }
    theirs = stats.ttest_ind(*(arms[arm][:, BETWEEN].mean(axis=1) for arm in ("training", "waiting")))
    interval = theirs.confidence_interval(0.95)
    expected = {
        "statistic": theirs.statistic,
        "df": 8,
        "n": 10,
        "n_edges": 16,
        "ci_low": interval.low,
        "ci_high": interval.high,
    }
    for key, value in expected.items():
        assert found.primary[key] == pytest.approx(value, rel=1e-6)
    assert found.primary["p"] == pytest.approx(2 / 252)
    edges = stats.ttest_ind(arms["training"], arms["waiting"])
    np.testing.assert_allclose(found.edge_tests["statistic"], edges.statistic, rtol=1e-6)
    assert list(found.edge_tests["a"] + "-" + found.edge_tests["b"]) == EDGES
    np.testing.assert_array_equal(found.edge_tests["block"] == "between", BETWEEN)
    assert (found.summary["arrangements"], found.summary["enumerated"], found.summary["gate"]) == (252, True, "open")
    means = {arm["arm"]: arm["mean_change"] for arm in found.summary["arms"]}
    for arm, values in arms.items():
        assert means[arm] == pytest.approx(values[:, BETWEEN].mean(), rel=1e-6)


def test_two_arms_may_vary_differently_unless_the_model_says_otherwise(study: Study) -> None:
    found, other = (study.run(**{**GROUPS, "test": test}) for test in ("auto", "residuals"))
    arms = {
        arm: np.array([study.change(name) for name in rows["participant_id"]])
        for arm, rows in study.participants.groupby("arm")
    }
    theirs = stats.ttest_ind(arms["training"], arms["waiting"], equal_var=False)
    np.testing.assert_allclose(found.edge_tests["df"], theirs.df, rtol=1e-4)
    np.testing.assert_allclose(found.edge_tests["estimate"], other.edge_tests["estimate"], rtol=1e-9)
    assert not np.allclose(found.edge_tests["statistic"], other.edge_tests["statistic"])
    assert (found.summary["method"], other.summary["method"]) == ("unequal", "residuals")
    assert found.summary["primary"]["p"] < 0.05
    assert set(found.summary["variances"]) == {"training", "waiting"}
    assert other.summary["variances"] is None
    assert "fewer than 6 (5 in training, 5 in waiting)" in found.summary["cautions"][0]


def test_network_pairs_are_means_over_their_edges(study: Study) -> None:
    found = study.run(**GROUPS).network_tests
    network = {name: network for name, network, _ in PARCELS}
    changes = {name: study.change(name) for name in study.participants["participant_id"]}
    trained = study.participants["arm"].to_numpy() == "training"
    for row in found.itertuples():
        inside = [{network[end] for end in edge.split("-")} == {row.a, row.b} for edge in EDGES]
        values = np.array([change[inside].mean() for change in changes.values()])
        assert row.n_edges == sum(inside)
        assert row.estimate == pytest.approx(values[trained].mean() - values[~trained].mean(), rel=1e-6)
    assert len(found) == 10
    assert found["family"].unique() == ["network pairs"]


def test_families_are_corrected_apart(study: Study) -> None:
    found = study.run(**GROUPS)
    primary, others = found.domain_tests.iloc[0], found.domain_tests.iloc[1:]
    assert primary["p_fwe"] == primary["q_fdr"] == primary["p"]
    assert list(found.domain_tests["quantity"]) == ["between", "within_emotion", "within_cognition", "segregation"]
    np.testing.assert_allclose(others["q_fdr"], stats.false_discovery_control(others["p"]))
    for table in (found.network_tests, found.edge_tests):
        np.testing.assert_allclose(table["q_fdr"], stats.false_discovery_control(table["p"]), rtol=1e-6)
        assert (table["p_fwe"] >= table["p"]).all()


def test_the_change_in_motion_is_a_covariate_unless_it_is_not_wanted(study: Study) -> None:
    found = study.run(**{**GROUPS, "motion_covariate": True})
    assert found.summary["columns"] == ["Intercept", "arm[T.waiting]", "fd_change"]
    fd = study.kept.pivot_table(index="participant_id", columns="session_id", values="mean_fd")
    np.testing.assert_allclose(found.people["fd_change"], fd["ses-post"] - fd["ses-pre"])
    assert found.primary["df"] == 7
    assert study.run(**GROUPS).primary["df"] == 8


def test_a_drug_against_placebo_within_people_by_hand(within: Study) -> None:
    found = within.run(**MEAN, condition="drug - placebo")
    names = within.participants["participant_id"]
    changes = np.array(
        [within.change(n, "drugpost", "drugpre") - within.change(n, "placebopost", "placebopre") for n in names]
    )
    values = changes[:, BETWEEN].mean(axis=1)
    theirs = stats.ttest_1samp(values, 0)
    assert found.primary["estimate"] == pytest.approx(values.mean(), rel=1e-6)
    assert found.primary["statistic"] == pytest.approx(theirs.statistic, rel=1e-6)
    t = np.array([stats.ttest_1samp(values * flips, 0).statistic for flips in product((1, -1), repeat=9)])
    assert found.primary["p"] == pytest.approx(np.mean(np.abs(t) >= abs(theirs.statistic) - 1e-9))
    assert (found.summary["arrangements"], found.summary["enumerated"]) == (512, True)
    fd = within.kept.pivot_table(index="participant_id", columns="session_id", values="mean_fd")
    expected = fd["ses-drugpost"] - fd["ses-drugpre"] - fd["ses-placebopost"] + fd["ses-placebopre"]
    np.testing.assert_allclose(found.people["fd_change"], expected, atol=1e-9)
    turned = within.run(**MEAN, condition="placebo - drug")
    assert turned.primary["estimate"] == pytest.approx(-found.primary["estimate"])
    assert turned.primary["p"] == found.primary["p"]


def test_one_condition_is_compared_alone(within: Study) -> None:
    lose(within, "sub-03", "placebopost")
    found = within.run(**MEAN, condition="drug")
    values = [
        within.change(name, "drugpost", "drugpre")[BETWEEN].mean() for name in within.participants["participant_id"]
    ]
    assert found.primary["estimate"] == pytest.approx(np.mean(values), rel=1e-6)
    assert found.summary["n"] == 9


def test_runs_of_a_session_are_averaged(study: Study) -> None:
    extra = study.kept[study.kept["participant_id"] == "sub-02"].assign(run="02")
    extra["mean_fd"] += 0.1
    third = extra.iloc[:1].assign(run="03", kept="no", reason="moved", mean_fd=0.9)
    more = np.random.default_rng(1).normal(0.3, 0.1, (3, len(EDGES)))
    more[0, 5] = np.nan
    study.kept = pd.concat([study.kept, extra, third], ignore_index=True)
    study.connectomes = np.concatenate([study.connectomes, more])
    found = study.run(**GROUPS)
    rows = found.session_values[found.session_values["participant_id"] == "sub-02"].set_index("phase")
    assert list(rows["n_runs"]) == [2, 2]
    assert list(rows.index) == ["pre", "post"]
    own = study.kept[(study.kept["participant_id"] == "sub-02") & (study.kept["kept"] == "yes")]
    for phase in ("pre", "post"):
        runs = own[own["session_id"] == f"ses-{phase}"]
        expected = study.connectomes[runs.index][:, BETWEEN].astype(np.float32)
        assert rows.loc[phase, "mean_fd"] == pytest.approx(runs["mean_fd"].mean())
        assert rows.loc[phase, "between"] == pytest.approx(np.nanmean(expected, axis=0).mean(), rel=1e-6)
    assert found.edge_tests["statistic"].notna().all()


# The change of head motion


def moved(study: Study) -> pd.DataFrame:
    """Return the participants with their change in mean FD (mm), from the table of scans."""
    fd = study.kept.pivot_table(index="participant_id", columns="session_id", values="mean_fd")
    return study.participants.set_index("participant_id").assign(fd=fd["ses-post"] - fd["ses-pre"])


def shake(study: Study, arms: tuple[str, ...], fd: float) -> None:
    """Let people of some arms move more after than before, by this (mm)."""
    arm = study.kept["participant_id"].map(dict(study.participants[["participant_id", "arm"]].to_numpy()))
    study.kept.loc[arm.isin(arms) & (study.kept["session_id"] == "ses-post"), "mean_fd"] += fd


def hedges(df: float) -> float:
    return float(special.gamma(df / 2) / (np.sqrt(df / 2) * special.gamma((df - 1) / 2)))


def test_motion_of_two_arms_by_hand(study: Study) -> None:
    found = study.run(**GROUPS).summary
    people = moved(study)
    trained, waiting = (people.loc[people["arm"] == arm, "fd"] for arm in ("training", "waiting"))
    theirs = stats.ttest_ind(trained, waiting)
    interval = theirs.confidence_interval(0.95)
    expected = {"estimate": trained.mean() - waiting.mean(), "ci_low": interval.low, "ci_high": interval.high}
    expected["g"] = hedges(8) * expected["estimate"] / np.sqrt((trained.var() + waiting.var()) / 2)
    for key, value in expected.items():
        assert found["motion"][key] == pytest.approx(value, rel=1e-9)
    every = [np.isin(np.arange(10), chosen) for chosen in combinations(range(10), 5)]
    t = np.array([stats.ttest_ind(people["fd"][first], people["fd"][~first]).statistic for first in every])
    assert found["motion"]["p"] == pytest.approx(np.mean(np.abs(t) >= abs(theirs.statistic) - 1e-9))
    assert (found["motion"]["n"], found["motion"]["unit"]) == (10, "mm")
    keys = ["estimate", "ci_low", "ci_high", "g", "g_low", "g_high", "p", "n", "unit", "flag"]
    assert list(found["motion"]) == keys


def test_motion_of_each_arm(study: Study) -> None:
    people = moved(study)
    for arm in study.run(**GROUPS).summary["arms"]:
        own = people.loc[people["arm"] == arm["arm"], "fd"]
        interval = stats.ttest_1samp(own, 0).confidence_interval(0.95)
        found = [arm[key] for key in ("mean_fd_change", "mean_fd_change_low", "mean_fd_change_high")]
        assert found == pytest.approx([own.mean(), interval.low, interval.high], rel=1e-9)
    (everyone,) = study.run(**MEAN).summary["arms"]
    assert everyone["mean_fd_change"] == pytest.approx(people["fd"].mean())


@pytest.mark.parametrize(
    ("formula", "contrast", "theirs", "term"),
    [
        ("~ arm + age", "arm[training] - arm[waiting]", "fd ~ C(arm, Treatment('waiting')) + age", 1),
        ("~ 0 + arm + age", "arm[training] - arm[waiting]", "fd ~ C(arm, Treatment('waiting')) + age", 1),
        ("~ arm * fd_change", "arm[training] - arm[waiting]", "fd ~ C(arm, Treatment('waiting'))", 1),
        ("~ age + bs(fd_change, df=3)", "age", "fd ~ age", 1),
        ("~ age", "mean", "fd ~ I(age - age.mean())", 0),
        ("~ fd_change", "mean", "fd ~ 1", 0),
        ("~ 1", "mean", "fd ~ 1", 0),
    ],
)
@pytest.mark.parametrize("covariate", [True, False])
def test_motion_agrees_with_statsmodels(
    study: Study, formula: str, contrast: str, theirs: str, term: int, covariate: bool
) -> None:
    """Whether or not, and however, the model has the change in motion as a covariate."""
    test = "auto" if contrast == "mean" else "residuals"
    found = study.run(formula=formula, contrast=contrast, motion_covariate=covariate, permutations=999, test=test)
    fitted = ols(theirs, moved(study)).fit()
    low, high = fitted.conf_int().iloc[term]
    g = hedges(fitted.df_resid) * fitted.params.iloc[term] / np.sqrt(fitted.mse_resid)
    expected = {"estimate": fitted.params.iloc[term], "ci_low": low, "ci_high": high, "g": g}
    for key, value in expected.items():
        assert found.summary["motion"][key] == pytest.approx(value, rel=1e-6)
    assert found.summary["motion"]["n"] == fitted.nobs
    assert found.summary["motion"]["p"] == pytest.approx(fitted.pvalues.iloc[term], abs=0.1)


def test_motion_is_tested_the_same_with_and_without_its_covariate(study: Study) -> None:
    shake(study, ("training",), 0.2)
    one, other = (study.run(**{**GROUPS, "motion_covariate": wanted}).summary for wanted in (True, False))
    assert one["motion"] == other["motion"]
    assert [arm["mean_fd_change"] for arm in one["arms"]] == [arm["mean_fd_change"] for arm in other["arms"]]
    assert one["primary"] != other["primary"]


def test_motion_of_the_people_who_are_analysed(study: Study) -> None:
    lose(study, "sub-01", "post", "moved")
    chosen = moved(study).drop(index="sub-01").query("arm == 'training'")["fd"]
    found = study.run(**MEAN, where={"arm": ["training"]}).summary["motion"]
    assert found["n"] == 4
    assert found["estimate"] == pytest.approx(chosen.mean())


def test_motion_between_conditions(within: Study) -> None:
    late = within.kept["session_id"] == "ses-drugpost"
    within.kept.loc[late, "mean_fd"] += 0.3
    found = within.run(**MEAN, condition="drug - placebo")
    change = found.people["fd_change"]
    assert found.summary["motion"]["estimate"] == pytest.approx(change.mean())
    assert found.summary["motion"]["p"] == pytest.approx(2 / 512)
    flag = found.summary["motion"]["flag"]
    assert flag.startswith("the change of head motion differs between conditions (drug minus placebo): ")
    alone = within.run(**MEAN, condition="drug").summary["motion"]
    assert alone["flag"].startswith("head motion changed from before to after under drug: ")


def test_the_flag_of_two_arms(study: Study) -> None:
    shake(study, ("training",), 0.3)
    found = study.run(**GROUPS).summary["motion"]
    size = f"{found['estimate']:.2g} mm (95 % CI {found['ci_low']:.2g} to {found['ci_high']:.2g}), g {found['g']:.2g}"
    assert found["flag"] == (
        f"the arms differ in the change of head motion (training minus waiting): {size}; connectivity changes with"
        " motion, so read the effect with the covariate and look at the figure of motion"
    )
    assert found["p"] < 0.05
    turned = study.run(**{**GROUPS, "contrast": "arm[waiting] - arm[training]", "confidence": 0.9}).summary["motion"]
    assert "(waiting minus training): -0." in turned["flag"]
    assert "(90 % CI -" in turned["flag"]


@pytest.mark.parametrize(
    ("added", "words"),
    [
        (0.0, None),
        (0.07, "head motion may have changed from before to after: 0."),
        (0.3, "head motion changed from before to after: 0."),
    ],
)
def test_the_flag_goes_with_size_and_with_p(study: Study, added: float, words: str | None) -> None:
    """Changes of FD with mean 0 and SD 0.1 mm, to which a constant is added; five people, so that p is never small."""
    study.kept["mean_fd"] = 0.2
    shape = np.array([-1.0, -0.5, 0, 0.5, 1.0, -1.0, -0.5, 0, 0.5, 1.0]) * 0.1 / 0.7454
    study.kept.loc[study.kept["session_id"] == "ses-post", "mean_fd"] += shape + added
    where = {"arm": ["training"]} if added == 0.07 else {}
    found = study.run(**MEAN, where=where).summary["motion"]
    assert (found["flag"] is None) == (words is None)
    if words:
        assert found["flag"].startswith(words)
        assert abs(found["g"]) >= 0.5
        assert (found["p"] < 0.05) == (added == 0.3)


def test_the_flag_of_a_slope(study: Study) -> None:
    age = dict(study.participants[["participant_id", "age"]].to_numpy())
    late = study.kept["session_id"] == "ses-post"
    study.kept.loc[late, "mean_fd"] += 0.01 * study.kept.loc[late, "participant_id"].map(age).astype(float)
    flag = study.run(formula="~ age", contrast="age").summary["motion"]["flag"]
    assert flag.startswith("the change of head motion differs with `age`: 0.0")


def test_the_unit_of_a_slope_raises_no_flag(study: Study) -> None:
    study.participants["age"] = study.participants["age"].sort_values().to_numpy() / 1e6
    found = study.run(formula="~ age", contrast="age").summary["motion"]
    assert abs(found["g"]) > 0.5
    assert found["p"] > 0.05
    assert found["flag"] is None


@pytest.mark.parametrize("how", ["the contrast", "no variance", "not known"])
def test_motion_that_cannot_be_tested(study: Study, how: str) -> None:
    model = {**MEAN, "formula": "~ fd_change", "contrast": "fd_change"} if how == "the contrast" else MEAN
    if how == "no variance":
        study.kept["mean_fd"] = 0.2
    elif how == "not known":
        study.kept.loc[3, "mean_fd"] = np.nan
    found = study.run(**model).summary["motion"]
    assert found == {**dict.fromkeys(found), "n": 10, "unit": "mm"}


# Who is left out


def test_everyone_left_out_is_listed_with_the_reason(study: Study) -> None:
    lose(study, "sub-01", "post", "mean FD 0.81 mm is above 0.5 mm")
    lose(study, "sub-02", "pre")
    study.participants.loc[4, "age"] = None
    study.participants = pd.concat(
        [study.participants, pd.DataFrame({"participant_id": ["sub-99"], "arm": ["waiting"], "age": [30]})]
    )
    found = study.run(**{**GROUPS, "formula": "~ arm + age"})
    assert found.reasons == {
        "sub-01": "ses-post excluded: mean FD 0.81 mm is above 0.5 mm",
        "sub-02": "ses-pre is missing",
        "sub-05": "no value of age",
        "sub-99": "no scans",
    }
    assert list(found.people["participant_id"]) == list(study.participants["participant_id"])
    assert (found.summary["n"], found.summary["n_not_analysed"]) == (7, 4)
    assert set(found.session_values.loc[found.session_values["analysed"] == "yes", "participant_id"]) == {
        f"sub-{number:02d}" for number in (3, 4, 6, 7, 8, 9, 10)
    }


def test_the_reason_is_that_of_the_session_that_is_needed(within: Study) -> None:
    lose(within, "sub-01", "placebopost", "moved")
    lose(within, "sub-01", "drugpre")
    lose(within, "sub-02", "placebopre", "moved")
    assert within.run(**MEAN, condition="drug").reasons == {"sub-01": "ses-drugpre is missing"}
    assert within.run(**MEAN, condition="drug - placebo").reasons == {
        "sub-01": "ses-drugpre is missing; ses-placebopost excluded: moved",
        "sub-02": "ses-placebopre excluded: moved",
    }


def test_a_lost_run_is_no_lost_session(study: Study) -> None:
    study.kept.loc[len(study.kept)] = study.kept.iloc[0].to_dict() | {"run": "02", "kept": "no", "reason": "moved"}
    study.connectomes = np.concatenate([study.connectomes, study.connectomes[:1]])
    lose(study, "sub-01", "post")
    assert study.run(**GROUPS).reasons == {"sub-01": "ses-post is missing"}


def test_where_keeps_the_named_values(study: Study) -> None:
    study.participants.loc[0, "arm"] = None
    found = study.run(**MEAN, where={"arm": ["training"]})
    assert found.reasons == {"sub-01": "no value of arm"} | {f"sub-{n:02d}": "arm is waiting" for n in (2, 4, 6, 8, 10)}
    changes = [study.change(f"sub-{n:02d}")[BETWEEN].mean() for n in (3, 5, 7, 9)]
    assert found.primary["estimate"] == pytest.approx(np.mean(changes), rel=1e-6)
    assert found.summary["arrangements"] == 16


def test_the_order_of_the_participants_table_does_not_matter(study: Study) -> None:
    lose(study, "sub-03", "pre")
    expected = study.run(**{**GROUPS, "formula": "~ arm + age"})
    study.participants = study.participants.sample(frac=1, random_state=1)
    order = np.random.default_rng(1).permutation(len(study.kept))
    study.kept, study.connectomes = study.kept.iloc[order].reset_index(drop=True), study.connectomes[order]
    found = study.run(**{**GROUPS, "formula": "~ arm + age"})
    for name in TESTS:
        columns = ["estimate", "ci_low", "ci_high", "statistic", "g"]
        np.testing.assert_allclose(getattr(found, name)[columns], getattr(expected, name)[columns], rtol=1e-6)
    pd.testing.assert_frame_equal(found.session_values, expected.session_values)


# Missing edges


def test_an_edge_missing_in_an_analysed_scan_is_untested_and_in_no_mean(study: Study) -> None:
    edge = EDGES.index("s1-c1")
    study.connectomes[0, edge] = np.nan
    found = study.run(**GROUPS)
    row = found.edge_tests.loc[edge]
    assert row["reason"] == "missing or undefined in an analysed session"
    assert row[["estimate", "ci_low", "g", "statistic", "p", "p_fwe", "q_fdr"]].isna().all()
    assert found.edge_tests["reason"].notna().sum() == 1
    use = BETWEEN & (np.arange(len(EDGES)) != edge)
    trained = study.participants["arm"].to_numpy() == "training"
    changes = np.array([study.change(name)[use].mean() for name in study.participants["participant_id"]])
    assert found.primary["estimate"] == pytest.approx(changes[trained].mean() - changes[~trained].mean(), rel=1e-6)
    assert found.primary["n_edges"] == 15
    block = found.network_tests.set_index(["a", "b"]).loc[("Sal", "Cont")]
    assert block["n_edges"] == 11
    expected = study.connectomes[:, use].astype(np.float32).mean(axis=1)
    np.testing.assert_allclose(
        found.session_values.sort_values(["participant_id", "phase"], ascending=[True, False])["between"],
        expected,
        rtol=1e-6,
    )
    assert found.summary["tested"]["edge"] == len(EDGES) - 1


@pytest.mark.parametrize("how", ["where", "other session lost", "no value"])
def test_what_is_missing_in_scans_of_people_left_out_does_not_matter(study: Study, how: str) -> None:
    """Weights of zero times missing would be missing."""
    model = {**GROUPS, "formula": "~ arm + age"}
    if how == "where":
        study.participants.loc[9, "arm"] = "dropped"
        model["where"] = {"arm": ["training", "waiting"]}
    elif how == "no value":
        study.participants.loc[9, "age"] = None
    else:
        lose(study, "sub-10", "post", "moved")
    expected = study.run(**model)
    chosen = (study.kept["participant_id"] == "sub-10").to_numpy()
    study.connectomes[chosen] = np.nan
    study.kept.loc[chosen & (study.kept["kept"] == "yes").to_numpy(), "mean_fd"] = np.nan
    found = study.run(**model)
    for name in TESTS:
        pd.testing.assert_frame_equal(getattr(found, name), getattr(expected, name))
    pd.testing.assert_frame_equal(*(one.people[one.people["analysed"] == "yes"] for one in (found, expected)))
    assert found.domain_tests["statistic"].notna().all()
    assert found.summary == expected.summary


def test_a_domain_without_a_common_edge_closes_the_gate(study: Study) -> None:
    study.connectomes[3, BETWEEN] = np.nan
    found = study.run(**GROUPS)
    assert found.primary["n_edges"] == 0
    assert pd.isna(found.primary["p"])
    assert found.summary["gate"] == "closed"
    assert found.summary["primary"]["p"] is None
    assert found.summary["arms"][0]["mean_change"] is None
    assert found.domain_tests["reason"].notna().tolist() == [True, False, False, True]


def test_segregation_that_is_undefined_in_one_scan_is_not_tested(study: Study) -> None:
    inside = np.array(
        [
            (a in EMOTION and b in EMOTION) or (a in COGNITION and b in COGNITION)
            for a, b in (e.split("-") for e in EDGES)
        ]
    )
    study.connectomes[4, inside] = -0.1
    found = study.run(**GROUPS)
    assert found.domain_tests["reason"].notna().tolist() == [False, False, False, True]
    assert pd.isna(found.session_values.loc[found.session_values["segregation"].isna(), "segregation"]).sum() == 1


# Tables as people write them


def test_groups_may_have_any_name(study: Study) -> None:
    expected = study.run(**GROUPS)
    names = {"training": "mindfulness (MBSR) + yoga|x", "waiting": "usual care: ~.*"}
    study.participants["arm"] = study.participants["arm"].map(names)
    contrast = " - ".join(f"arm[{names[name]}]" for name in ("training", "waiting"))
    found = study.run(**{**GROUPS, "contrast": contrast})
    pd.testing.assert_frame_equal(found.domain_tests, expected.domain_tests)
    assert {arm["arm"] for arm in found.summary["arms"]} == set(names.values())


@pytest.mark.parametrize(
    ("values", "formula", "contrast"),
    [
        ((True, False), "~ treated", "treated[True] - treated[False]"),
        ((1, 2), "~ C(treated)", "treated[1] - treated[2]"),
        ((1.0, 2.0), "~ 0 + C(treated)", "treated[1] - treated[2]"),
        ((1, 0), "~ treated", "treated"),
        (("1", "x2"), "~ treated", "treated[1] - treated[x2]"),
    ],
)
@pytest.mark.parametrize("incomplete", [False, True])
def test_groups_may_be_numbers_or_true_and_false(
    study: Study, values: tuple[Any, Any], formula: str, contrast: str, incomplete: bool
) -> None:
    """Also where a missing value makes pandas read whole numbers as 1.0."""
    if incomplete:
        study.participants = pd.concat(
            [study.participants, pd.DataFrame({"participant_id": ["sub-99"], "arm": [None]})], ignore_index=True
        )
    expected = study.run(**GROUPS)
    coded = study.participants["arm"].map(dict(zip(("training", "waiting"), values, strict=True)))
    study.participants["treated"] = coded.astype(object)
    found = study.run(**{**GROUPS, "formula": formula, "contrast": contrast})
    slope = contrast == "treated" and 0 in values
    differing = ("g_ppc", "log10_bf", "r", "r_low", "r_high")
    shared = [name for name in found.edge_tests if not (slope and name.startswith(differing) and name != "reason")]
    pd.testing.assert_frame_equal(found.edge_tests[shared], expected.edge_tests[shared])
    if "[" in contrast:
        assert [arm["n"] for arm in found.summary["arms"]] == [5, 5]
        where = {"treated": [contrast.partition("[")[2].partition("]")[0]]}
        assert study.run(**MEAN, where=where).summary["n"] == 5


def test_columns_that_the_model_does_not_name_may_hold_anything(study: Study) -> None:
    expected = study.run(**GROUPS)
    study.participants = study.participants.assign(
        **{"BDI_ses-pre": 3, "hand side": "left", "condition": "x", "mean_fd": 7, "reason": "", "between": 1, "arm2": 0}
    )
    found = study.run(**GROUPS)
    for name in (*TESTS, "session_values", "people"):
        pd.testing.assert_frame_equal(getattr(found, name), getattr(expected, name))


def test_a_column_may_share_part_of_its_name_with_another(study: Study) -> None:
    """`where` on `ar`, a constant part of the analysed, is no group of the formula `~ arm`."""
    study.participants["ar"] = "yes"
    assert study.run(**GROUPS, where={"ar": ["yes"]}).summary["n"] == 10


def test_a_spline_takes_its_options(study: Study) -> None:
    found = study.run(**{**GROUPS, "formula": "~ arm + bs(age, df=3, include_intercept=False)"})
    assert found.primary["df"] == 5


def test_an_atlas_without_networks_and_with_numbers_for_names(study: Study) -> None:
    expected = study.run(**GROUPS)
    numbers = {name: f"{n:03d}" for n, name in enumerate(NAMES, start=1)}
    study.parcels = [(numbers[name], None, region) for name, _, region in PARCELS]
    study.domains = {
        "emotion": {"parcels": [numbers[name] for name in EMOTION]},
        "cognition": {"parcels": [numbers[name] for name in COGNITION]},
    }
    found = study.run(**GROUPS)
    pd.testing.assert_frame_equal(found.domain_tests, expected.domain_tests)
    assert len(found.network_tests) == 0
    header = (study.folder / "out" / "network_tests.tsv").read_text().splitlines()
    assert header == ["\t".join(expected.network_tests.columns)]


def test_every_column_is_described(study: Study) -> None:
    found = study.run(**GROUPS)
    for name in TESTS:
        sidecar = json.loads((study.folder / "out" / f"{name}.json").read_text())
        assert list(sidecar) == list(getattr(found, name).columns)


@pytest.mark.parametrize(
    "model",
    [MEAN, {**MEAN, "formula": "~ 1 + age", "motion_covariate": True}, {**GROUPS, "test": "residuals"},
     {**GROUPS, "test": "labels"}, {"formula": "~ arm", "contrast": "arm[training] - arm[waiting]"},
     {**GROUPS, "formula": "~ arm + pre", "outcome": "post"}, {**GROUPS, "outcome": "post"}],
)  # fmt: skip
def test_edges_that_are_read_tile_by_tile_give_the_same_numbers(
    study: Study, monkeypatch: pytest.MonkeyPatch, model: dict[str, Any]
) -> None:
    """A large cohort's edges never stand in memory together; here they are cut into tiles of five."""
    study.connectomes[0, 3] = np.nan
    whole = study.run(**model)
    monkeypatch.setattr("connect.columns.KEPT", 0)
    monkeypatch.setattr("connect.columns.TILE", 5)
    tiled = study.run(**model)
    for name in (*TESTS, "components", "nulls", "session_values", "people"):
        pd.testing.assert_frame_equal(getattr(tiled, name), getattr(whole, name), rtol=1e-7, atol=1e-12)
    assert tiled.summary["method"] == whole.summary["method"]
    assert tiled.summary["significant"] == whole.summary["significant"]
    assert tiled.summary["cautions"] == whole.summary["cautions"]


def test_running_again_gives_the_same_bytes(study: Study) -> None:
    model = {**GROUPS, "formula": "~ arm + age", "permutations": 299}
    study.run(**model)
    before = {path.name: path.read_bytes() for path in (study.folder / "out").iterdir()}
    study.run(**model)
    assert {path.name: path.read_bytes() for path in (study.folder / "out").iterdir()} == before
    assert len(before) == 13


# Mistakes


OTHER = "GE MR750 3T"


@pytest.mark.parametrize(("key", "name", "other"), [("scanner", "scanner", OTHER), ("tr", "TR", 2.2)])
@pytest.mark.parametrize(
    ("model", "where", "must"),
    [
        (MEAN, "session_id == 'ses-post'", "a {} that was used before and after"),
        (GROUPS, "session_id == 'ses-post' and arm == 'training'", "a change of {} that is not that of the arm"),
        ({**GROUPS, "outcome": "pre"}, "arm == 'training'", "arms that share a {}"),
    ],
)
def test_what_cannot_be_told_from_the_effect_is_refused_and_what_hardly_can_is_told(
    study: Study, capsys: pytest.CaptureFixture[str], model: dict[str, Any], where: str, must: str,
    key: str, name: str, other: Any,
) -> None:  # fmt: skip
    table = study.kept.merge(study.participants, on="participant_id")
    moved, usual = table.eval(where).to_numpy(), study.kept[key].iloc[0]
    study.kept.loc[moved, key] = other
    message = told(study, capsys, model)
    assert message["must be"] == must.format(name)
    assert f"that of the {name} cannot be told apart" in message["to do"]
    study.kept.loc[np.flatnonzero(moved)[0], key] = usual
    caution = study.run(**model).summary["cautions"][0]
    assert f"{name} goes along with (Cramér's V 0." in caution
    assert ("the session (post: " if model == MEAN else "the arm (training: ") in caution
    study.kept.loc[moved, key] = None
    assert not any(name in one for one in study.run(**model).summary["cautions"])


def test_arms_without_a_common_site_are_refused(study: Study, capsys: pytest.CaptureFixture[str]) -> None:
    study.participants["site"] = [1, 2] * 5
    message = told(study, capsys, GROUPS)
    assert message["must be"] == "arms that share a site"
    assert message["got"] == "training: 1; waiting: 2"
    assert "whole_block: site" in message["to do"]
    study.participants["site"] = [1, 2, 3, 4, 5, 2, 1, 4, 3, 2]
    assert study.run(**GROUPS, whole_block="site").summary["cautions"] == []
    study.participants["site"] = [1, 2, 1, 2, 1, 2, 1, 2, 1, 1]
    assert "the site goes along with" in study.run(**GROUPS).summary["cautions"][0]
    assert study.run(**GROUPS, within_block="site").summary["cautions"] == []
    study.participants["site"] = [1, 2, 2, 1, 1, 2, 2, 1, 1, 1]
    assert study.run(**GROUPS).summary["cautions"] == []


@pytest.mark.parametrize("columns", [("site_pre", "site_post"), ("site", "site_ses-post")])
def test_a_site_of_sessions_is_that_of_the_change(
    study: Study, capsys: pytest.CaptureFixture[str], columns: tuple[str, str]
) -> None:
    study.participants[columns[0]], study.participants[columns[1]] = "north", "south"
    message = told(study, capsys, MEAN)
    assert message["must be"] == "a site that was used before and after"
    assert message["got"] == "pre: north; post: south"


def test_the_change_of_arms_on_scanners_of_their_own_is_told_with_a_caution(study: Study) -> None:
    arms = study.kept.merge(study.participants, on="participant_id")["arm"]
    study.kept["scanner"] = arms.map({"training": OTHER, "waiting": "Siemens Prisma 3T"})
    caution = study.run(**GROUPS).summary["cautions"][0]
    assert caution.startswith(f"the scanner is that of the arm (training: 5 {OTHER}; waiting: 5 Siemens")


def test_a_slope_is_told_with_a_caution_where_everyone_changed_the_scanner(study: Study) -> None:
    study.kept.loc[study.kept["session_id"] == "ses-post", "scanner"] = OTHER
    found = study.run(formula="~ age", contrast="age", motion_covariate=False)
    assert "the scanner goes along with (Cramér's V 1.00) the session" in found.summary["cautions"][0]


def test_association_is_corrected_for_chance() -> None:
    """By hand: chi squared of 12 and 3 against 2 and 13 is 13.393, over n 0.4464, less 1 / 29; sides 2 - 1 / 29."""
    v = np.sqrt((13.392857142857 / 30 - 1 / 29) / (1 - 1 / 29))
    assert association(np.array([[12, 3], [2, 13]])) == pytest.approx(v)
    assert association(np.array([[10, 0, 0], [0, 10, 0]])) == pytest.approx(1, abs=1e-9)
    assert association(np.array([[5, 5], [5, 5]])) == association(np.array([[5, 5]])) == 0
    several = np.array([[8, 2, 1], [1, 9, 2], [0, 3, 7]])
    plain = stats.contingency.association(several, method="cramer")
    assert 0.9 * plain < association(several) < plain


def test_an_arm_too_small_to_tell_its_variance_is_refused(study: Study, capsys: pytest.CaptureFixture[str]) -> None:
    study.participants["arm"] = ["training"] * 7 + ["waiting"] * 3
    message = told(study, capsys, {**GROUPS, "test": "auto"})
    assert message["got"] == "3 in waiting"
    assert "test: residuals" in message["to do"]
    assert study.run(**GROUPS).summary["n"] == 10


def test_everyone_may_change_the_scanner_where_arms_are_compared(study: Study) -> None:
    study.kept.loc[study.kept["session_id"] == "ses-post", "scanner"] = OTHER
    assert study.run(**GROUPS).summary["n"] == 10


@pytest.mark.parametrize(
    ("model", "where", "must", "got", "todo"),
    [
        ({"formula": "~ arm + agee"}, "model.yaml", "participant_id, arm, age", "agee", "did you mean `age`"),
        ({"where": {"sexx": ["F"]}}, "model.yaml", "columns of the participants table", "sexx", "correct"),
        ({"formula": "~ np.exp(age)"}, "key formula", "operators, C() and bs()", "np.exp", "compute"),
        ({"formula": "~ arm + open('x')"}, "key formula", "operators, C() and bs()", "open", "compute"),
        ({"formula": "~ Q('hand side')"}, "key formula", "operators, C() and bs()", "Q(", "compute"),
        ({"formula": "~ `hand side`"}, "key formula", "operators, C() and bs()", "`hand side`", "compute"),
        ({"formula": "~ {age + 1}"}, "key formula", "operators, C() and bs()", "{age", "compute"),
        ({"formula": "~ ."}, "key formula", "operators, C() and bs()", "~ .", "compute"),
        ({"formula": "arm"}, "key formula", "starts with `~`", "arm", "write"),
        ({"formula": "~ arm +"}, "key formula", "a formula over", "~ arm +", "correct it"),
        ({"formula": "~ arm | age"}, "key formula", "a formula over", "more than one part", "correct it"),
        ({"formula": "~ arm + bs(age,,3)"}, "key formula", "a formula over", "invalid syntax", "correct it"),
        ({"formula": "~ 0 + age", "contrast": "age"}, "key formula", "with an intercept", "~ 0 + age", "without `0 +`"),
        ({"contrast": "arm[training] - arm[wating]"}, "key contrast", "(training, waiting)", "wating", "`waiting`"),
        ({"contrast": "arm[training] - arm[training]"}, "key contrast", "two levels of `arm`", "twice", "other arm"),
        ({"contrast": "ar"}, "key contrast", "`mean`, `column[a] - column[b]`", "ar", "`arm`"),
        ({"contrast": "aeg", "formula": "~ age"}, "key contrast", "one of age", "aeg", "did you mean `age`"),
        ({"contrast": "mean", "test": "auto"}, "key contrast", "without groups", "arm[T.waiting]", "leave the groups"),
        ({"contrast": "amr[a] - amr[b]"}, "key contrast", "`amr` as a group", "`arm`", "did you mean `arm`"),
        ({"contrast": "age[30] - age[40]", "formula": "~ age"}, "key contrast", "`age` as a", "no groups", "C(age)"),
        ({"formula": "~ arm + age + twice"}, "model.yaml", "columns that differ", "`twice` is a", "take one of them"),
        ({"formula": "~ arm + C(arm2)"}, "model.yaml", "columns that differ", "is a combination", "take one of them"),
        ({"formula": "~ arm + lone"}, "model.yaml", "at least two groups in `lone`", "a: 9, b: 1", "loosen"),
        ({"formula": "~ arm + C(one)"}, "model.yaml", "at least two groups in `one`", "1: 9, 2: 1", "loosen"),
        ({"where": {"arm": ["training"]}}, "model.yaml", "at least two groups in `arm`", "training: 5", "where"),
        ({"where": {"arm": ["trainin"]}}, "model.yaml", "every session", "nobody: 5 x arm is", "correct `where`"),
        ({"formula": "~ arm + bs(age, df=8)"}, "model.yaml", "at least 12", "10 participants", "fewer covariates"),
        ({"formula": "~ blank"}, "model.yaml", "n/a in every cell of the column `blank`", "sub-03", "write n/a"),
        ({"formula": "~ condition"}, "model.yaml", "other names than those that connect writes", "condition", "rename"),
        ({"formula": "~ between"}, "model.yaml", "other names than those that connect writes", "between", "rename"),
        ({"condition": "drug"}, "key condition", "conditions out of ``", "drug", "name a condition"),
        ({"permutations": 5}, "key permutations", "at least 99", "5", "range"),
        ({"where": {"arm": "training"}}, "key where.arm", "a list", "training", "[a, b]"),
    ],
)  # fmt: skip
def test_mistakes_in_a_model_are_told_in_four_parts(
    study: Study, capsys: pytest.CaptureFixture[str], model: dict, where: str, must: str, got: str, todo: str
) -> None:
    study.participants = study.participants.assign(
        twice=2 * study.participants["age"] + 1,
        arm2=study.participants["arm"].map({"training": 7, "waiting": 9}),
        lone=["a"] * 9 + ["b"],
        one=[1] * 9 + [2],
        blank=["x", "y", ""] + ["x", "y"] * 3 + ["x"],
        condition=["x", "y"] * 5,
        between=np.arange(10),
    )
    parts = told(study, capsys, {**GROUPS, **model})
    for key, text in (("where", where), ("must be", must), ("got", got), ("to do", todo)):
        assert text in parts[key]


def test_who_has_scans_and_no_row_is_left_out_with_the_reason(study: Study, capsys: pytest.CaptureFixture[str]) -> None:
    """Also if none of the scans is kept: nobody is lost without a word."""
    lose(study, "sub-04", "pre", "moved")
    lose(study, "sub-04", "post", "moved")
    study.participants = study.participants.drop(index=[3, 6])
    found = study.run(**MEAN)
    assert found.reasons == {"sub-04": "no row in participants.tsv", "sub-07": "no row in participants.tsv"}
    assert (found.summary["n"], found.summary["n_not_analysed"]) == (8, 2)
    assert "participants.tsv: no row for sub-04, sub-07, who cannot be analysed" in capsys.readouterr().err
    assert found.session_values.set_index("participant_id").loc["sub-07", "analysed"].tolist() == ["no", "no"]
    changes = [study.change(name)[BETWEEN].mean() for name in study.participants["participant_id"]]
    assert found.primary["estimate"] == pytest.approx(np.mean(changes), rel=1e-6)


def test_a_table_of_other_participants_is_refused(study: Study, capsys: pytest.CaptureFixture[str]) -> None:
    study.participants["participant_id"] = study.participants["participant_id"].str.replace("sub-", "sub-x")
    parts = told(study, capsys, MEAN)
    assert parts["got"].startswith("rows for sub-x01")
    assert "name the right table" in parts["to do"]


def test_columns_of_other_tables_are_covariates(study: Study) -> None:
    """A long phenotype with a decimal comma, named in the cohort file, is what a column of the table would be."""
    before = study.participants["age"].to_numpy() / 4
    study.participants["wellbeing"] = before
    expected = study.run(**{**GROUPS, "formula": "~ arm + wellbeing"})
    study.participants = study.participants.drop(columns="wellbeing")
    rows = [f"{name}\tses-{label}\t{str(value + 5 * (label == 'post')).replace('.', ',')}"
            for name, value in zip(study.participants["participant_id"], before, strict=True)
            for label in ("post", "pre")]  # fmt: skip
    (study.folder / "who5.tsv").write_text("participant_id\tsession_id\tscore\n" + "\n".join(rows) + "\n")
    study.more = {"columns": {"wellbeing": {"file": "who5.tsv", "column": "score", "session": "pre"}}}
    found = study.run(**{**GROUPS, "formula": "~ arm + wellbeing"})
    assert found.people["wellbeing"].tolist() == before.tolist()
    pd.testing.assert_frame_equal(found.domain_tests, expected.domain_tests)


def test_a_participant_has_one_row(study: Study, capsys: pytest.CaptureFixture[str]) -> None:
    study.participants = pd.concat([study.participants, study.participants.iloc[[4]]])
    parts = told(study, capsys, GROUPS)
    assert parts["got"] == "sub-05 twice"


def test_a_participants_table_needs_its_first_column(study: Study, capsys: pytest.CaptureFixture[str]) -> None:
    study.participants = study.participants.rename(columns={"participant_id": "participant"})
    assert "participant_id" in told(study, capsys, GROUPS)["must be"]


def test_a_group_with_one_analysed_member_is_refused(study: Study, capsys: pytest.CaptureFixture[str]) -> None:
    for number in (2, 4, 6, 8):
        lose(study, f"sub-{number:02d}", "post", "moved")
    parts = told(study, capsys, GROUPS)
    assert parts["must be"] == "at least two groups in `arm` with at least two analysed participants each"
    assert parts["got"] == "training: 5, waiting: 1"


def test_a_model_needs_participants(study: Study, capsys: pytest.CaptureFixture[str]) -> None:
    lose(study, "sub-01", "post", "moved")
    for number in range(2, 11):
        lose(study, f"sub-{number:02d}", "post")
    parts = told(study, capsys, GROUPS)
    assert parts["got"] == "nobody: 9 x ses-post is missing; 1 x ses-post excluded: moved"


def test_too_few_participants_are_refused(study: Study, capsys: pytest.CaptureFixture[str]) -> None:
    study.participants.loc[2:, "arm"] = None
    parts = told(study, capsys, {**MEAN, "where": {"arm": ["training", "waiting"]}})
    assert parts["must be"] == "at least 3 participants for 1 columns (Intercept)"
    assert parts["got"] == "2 participants"


def test_motion_that_never_changes_is_no_covariate(study: Study, capsys: pytest.CaptureFixture[str]) -> None:
    study.kept["mean_fd"] = 0.2
    parts = told(study, capsys, {**GROUPS, "motion_covariate": True})
    assert parts["got"] == "`fd_change` is a combination of the columns before it"
    assert parts["to do"] == "set `motion_covariate: false`"


@pytest.mark.parametrize(
    ("condition", "must", "got"),
    [
        ("", "conditions out of `drug`, `placebo`", "nothing"),
        ("drugs - placebo", "conditions out of `drug`, `placebo`", "drugs - placebo"),
        ("drug-placebo", "conditions out of `drug`, `placebo`", "drug-placebo"),
        ("drug - drug", "`a`, `a - b`, `a + b` or `a, b, c`", "drug - drug"),
        ("drug - placebo - drug", "`a`, `a - b`, `a + b` or `a, b, c`", "drug - placebo - drug"),
    ],
)
def test_conditions_must_be_named(
    within: Study, capsys: pytest.CaptureFixture[str], condition: str, must: str, got: str
) -> None:
    parts = told(within, capsys, {**MEAN, "condition": condition})
    assert parts["where"].endswith("key condition")
    assert must in parts["must be"]
    assert parts["got"] == got


def test_a_condition_has_a_session_before_and_one_after(within: Study, capsys: pytest.CaptureFixture[str]) -> None:
    del within.sessions["placebopost"]
    within.connectomes = within.connectomes[(within.kept["session_id"] != "ses-placebopost").to_numpy()]
    within.kept = within.kept[within.kept["session_id"] != "ses-placebopost"].reset_index(drop=True)
    parts = told(within, capsys, {**MEAN, "condition": "drug - placebo"})
    assert parts["must be"] == "a session before and one after under `placebo` in the cohort file"
    assert parts["got"] == "only `pre`"


@pytest.mark.parametrize(
    ("key", "domain", "must", "got", "todo"),
    [
        ("emotion", {"networks": ["Sall"]}, "a network of the atlas (Cont, Sal, Sub, Vis)", "Sall", "`Sal`"),
        ("emotion", {"regions": ["amigdala"]}, "a region of the atlas", "amigdala", "did you mean `amygdala`"),
        ("cognition", {"parcels": ["c1", "c5"]}, "a name of the atlas", "c5", "correct"),
        ("cognition", {"networks": ["Cont"], "parcels": ["s2"]}, "one domain at most", "s2 in both", "take it out"),
        ("emotion", {"regions": ["amygdala"]}, "at least two parcels", "1", "widen"),
        ("emotion", {}, "networks, regions or parcels", "an empty domain", "name what"),
    ],
)  # fmt: skip
def test_mistakes_in_domains_are_told_in_four_parts(
    study: Study, capsys: pytest.CaptureFixture[str], key: str, domain: dict, must: str, got: str, todo: str
) -> None:
    study.domains[key] = domain
    parts = told(study, capsys, GROUPS)
    assert "domains.yaml" in parts["where"]
    assert must in parts["must be"]
    assert parts["got"] == got
    assert todo in parts["to do"]


def test_a_difference_of_conditions_without_spaces_is_told_how_to_be_written() -> None:
    sessions = {f"{name}{phase}": Session(phase, name) for name in ("drug", "placebo") for phase in ("pre", "post")}
    cohort = Cohort("c", Path(), Path(), sessions)
    assert conditions_of("drug - placebo", cohort, "model.yaml") == ("drug", "placebo")
    with pytest.raises(UserError, match="did you mean `drug - placebo`"):
        conditions_of("drug-placebo", cohort, "model.yaml")


def test_someone_whom_a_covariate_fits_exactly_makes_nothing_significant(tmp_path: Path) -> None:
    """Their residual is 0, and so is what is left of their leverage: without care every p is the smallest possible."""
    made = cohort(tmp_path, {"pre": {"phase": "pre"}, "post": {"phase": "post"}}, 24)
    made.participants["medicated"] = [1] + [0] * 23
    model = {**GROUPS, "formula": "~ arm + medicated", "permutations": 199}
    found, plain = made.run(**{**model, "test": "unequal"}), made.run(**model)
    assert found.primary["p"] > 0.05
    assert found.primary["p"] == pytest.approx(plain.primary["p"], abs=0.12)
    assert np.median(found.edge_tests["p"]) > 0.3
    assert found.edge_tests["p_fwe"].min() > 0.01


def test_families_with_members_in_both_arms_cannot_move_as_wholes(tmp_path: Path) -> None:
    made = cohort(tmp_path, {"pre": {"phase": "pre"}, "post": {"phase": "post"}}, 16)
    made.participants["family"] = [f"f{row // 2}" for row in range(16)]
    with pytest.raises(UserError) as caught:
        question(made.participants.assign(fd_change=0.0), Model("?", **{**GROUPS, "whole_block": "family"}), "m")
    assert caught.value.where.endswith("key whole_block")
    assert caught.value.todo.startswith("set `within_block: family`")


def test_a_column_of_the_design_is_a_contrast_of_its_arms(study: Study) -> None:
    """`arm[T.waiting]` asks what `arm[waiting] - arm[training]` asks, and is tested alike."""
    one = study.run(formula="~ arm", contrast="arm[T.waiting]", motion_covariate=False)
    other = study.run(formula="~ arm", contrast="arm[waiting] - arm[training]", motion_covariate=False)
    assert one.summary["method"] == other.summary["method"] == "unequal"
    assert one.primary["p"] == other.primary["p"]
    assert one.summary["arm_column"] == "arm"


def test_arms_that_differ_before_vary_alike_given_the_value_before(tmp_path: Path) -> None:
    """The caution looks at what the test permutes: residuals given the value before."""
    made = cohort(tmp_path, {"pre": {"phase": "pre"}, "post": {"phase": "post"}}, 40)
    rng = np.random.default_rng(5)
    wide = (made.participants["arm"] == "training").to_numpy()
    person = rng.normal(0, np.where(wide, 0.8, 0.1)[:, None], (40, made.connectomes.shape[1]))
    made.connectomes += np.repeat(person, 2, axis=0)
    model = {"formula": "~ pre + arm", "contrast": "arm[training] - arm[waiting]", "outcome": "post",
             "motion_covariate": False, "permutations": 99}  # fmt: skip
    assert made.run(**model).summary["cautions"] == []
    assert "vary differently" in made.run(**{**model, "formula": "~ arm", "test": "residuals"}).summary["cautions"][0]


# Too few participants


UNEQUAL = {**GROUPS, "formula": "~ arm + age", "test": "unequal"}


@pytest.fixture
def depleted(study: Study) -> Study:
    """Return the cohort with three of the five who trained left."""
    trained = study.participants.loc[study.participants["arm"] == "training", "participant_id"]
    for name in trained[:-3]:
        lose(study, name, "post", "mean FD 0.9 mm is above 0.5 mm")
    return study


def test_too_few_participants_are_a_mistake_by_hand(depleted: Study, capsys: pytest.CaptureFixture[str]) -> None:
    assert told(depleted, capsys, UNEQUAL)["got"] == "3 in training"


def test_too_few_participants_are_a_result_of_the_workflow(depleted: Study) -> None:
    """Every file is there with the columns and keys that it always has, and the reason instead of a test."""
    assert main(["compare", *depleted.write(UNEQUAL), "--on-too-few", "record"]) == 0
    out = depleted.folder / "out"
    why = "at least 4 participants in every arm; 3 in training"
    rows = {"domain_tests": 4, "network_tests": None, "edge_tests": len(EDGES)}
    for name, count in rows.items():
        table = pd.read_csv(out / f"{name}.tsv", sep="\t", na_values=["n/a"])
        assert count in (None, len(table))
        assert table[["estimate", "g", "statistic", "p", "p_fwe", "q_fdr"]].isna().all(axis=None)
        assert set(table["reason"]) == {why}
        assert set(table["n"]) == {8}
        described = json.loads((out / f"{name}.json").read_text())
        assert set(described) >= set(table)
    for name in ("components", "nulls"):
        assert len(pd.read_csv(out / f"{name}.tsv", sep="\t")) == 0
    assert len(pd.read_csv(out / "values.tsv", sep="\t")) == 18
    assert (pd.read_csv(out / "people.tsv", sep="\t")["analysed"] == "yes").sum() == 8
    found = json.loads((out / "summary.json").read_text())
    assert found["untested"]["got"] == "3 in training"
    assert found["untested"]["where"].endswith("model.yaml, key test")
    assert set(found["primary"].values()) == {None}
    assert (found["gate"], found["n"], found["n_not_analysed"]) == ("closed", 8, 2)
    tested = depleted.run(**{**UNEQUAL, "test": "residuals"}).summary
    assert set(found) == set(tested)
    assert tested["untested"] is None


def test_other_mistakes_stop_whatever_is_recorded(depleted: Study) -> None:
    words = depleted.write({**UNEQUAL, "formula": "~ arm + shoe_size"})
    assert main(["compare", *words, "--on-too-few", "record"]) == 2
