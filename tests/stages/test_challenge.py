"""The stage `challenge`: data without an effect hold none, and tests fail where they are known to."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from scipy.sparse import csr_array

from connect.challenge import spread_parcels
from connect.challenge.cohorts import SCENARIOS, Base
from connect.challenge.own import own_data
from connect.challenge.rates import CORRECTIONS, tests_of, verdict
from connect.cli import main
from connect.compare.families import Regions
from connect.outcome import Outcome
from connect.question import Family
from connect.settings.calibration import Calibration
from connect.settings.model import Model
from tests.studies import Study, cohort

PHASES = {"pre": {"phase": "pre"}, "post": {"phase": "post"}}
ARMS = {"formula": "~ arm", "contrast": "arm[training] - arm[waiting]"}
MEAN = {"formula": "~ 1", "contrast": "mean"}
tests_of.__test__ = False  # type: ignore[attr-defined]


def run(study: Study, model: dict[str, Any], threads: int = 1, **calibration: Any) -> tuple[pd.DataFrame, dict, str]:
    """Run the stage and read its table, record and text."""
    words = study.write(model)
    flags = dict(zip(words[::2], words[1::2], strict=True))
    kept = ("connectomes", "scans", "kept", "atlas", "domains", "cohort", "participants", "model")
    (study.folder / "calibration.yaml").write_text(yaml.safe_dump({"sets": 50, "parcels": 12, **calibration}))
    files = {name: study.folder / f"{name}.out" for name in ("table", "summary", "answer")}
    given = [word for name in kept for word in (f"--{name}", flags[f"--{name}"])]
    given += ["--calibration", str(study.folder / "calibration.yaml"), "--threads", str(threads)]
    assert (
        main(["challenge", *given, *(word for name, path in files.items() for word in (f"--{name}", str(path)))]) == 0
    )
    table = pd.read_csv(files["table"], sep="\t")
    return table, json.loads(files["summary"].read_text()), files["answer"].read_text()


@pytest.fixture
def arms(tmp_path: Path) -> Study:
    """Return twenty participants in two arms with a huge effect in one."""
    made = cohort(tmp_path, PHASES, 20)
    trained = made.kept["participant_id"].map(dict(made.participants[["participant_id", "arm"]].to_numpy()))
    late = ((trained == "training") & (made.kept["session_id"] == "ses-post")).to_numpy()
    made.connectomes += 5.0 * late[:, None]
    return made


def of(table: pd.DataFrame, scenario: str, test: str, correction: str = "edges") -> float:
    chosen = (table["scenario"] == scenario) & (table["test"] == test) & (table["correction"] == correction)
    return float(table.loc[chosen, "rate"].iloc[0])


def test_every_test_and_correction_has_a_rate_in_every_scenario(arms: Study) -> None:
    table, record, text = run(arms, ARMS)
    assert list(table["scenario"].unique()) == list(Calibration().scenarios)
    assert set(table["test"]) == {"unequal", "residuals", "labels"}
    assert set(table["correction"]) == set(CORRECTIONS) - {"fdr"}
    counts = table.groupby("scenario").size()
    assert dict(counts) == {name: 21 * (1 + (name == "motion")) for name in Calibration().scenarios}
    assert record["skipped"] == record["refused"] == {}
    assert ((table["rate_low"] <= table["rate"]) & (table["rate"] <= table["rate_high"])).all()
    np.testing.assert_allclose(table["rate"] * 50, np.round(table["rate"] * 50))
    assert (record["method"], record["n"], record["sets"], record["parcels"]) == ("unequal", 20, 50, 12)
    for row in record["trusted"]:
        own = table[(table["test"] == row["test"]) & (table["correction"] == row["correction"])]
        assert row["rate"] == own.loc[own["motion_covariate"], "rate"].max()
        assert f"{row['rate']:.3f}" in text


def test_an_effect_in_the_cohort_is_none_in_data_made_from_it(arms: Study) -> None:
    table, _, _ = run(arms, ARMS, scenarios=["own-flipped", "own-exchanged"], sets=100)
    assert (table["verdict"] != "fails").all()
    assert table["rate"].max() < 0.14


def test_flipped_signs_show_unequal_variance_and_exchanged_participants_hide_it(tmp_path: Path) -> None:
    made = cohort(tmp_path, PHASES, 24)
    made.participants["arm"] = ["training"] * 18 + ["waiting"] * 6
    spread = made.kept["participant_id"].isin(made.participants["participant_id"][18:]).to_numpy()
    made.connectomes[spread] += np.random.default_rng(3).normal(0, 0.3, (int(spread.sum()), made.connectomes.shape[1]))
    table, record, _ = run(made, ARMS, scenarios=["own-flipped", "own-exchanged"], sets=100)
    assert of(table, "own-flipped", "residuals") > 0.3
    assert of(table, "own-flipped", "labels") > 0.3
    assert of(table, "own-flipped", "unequal") < 0.14
    assert of(table, "own-exchanged", "residuals") < 0.14
    worst = {row["test"]: row for row in record["trusted"] if row["correction"] == "edges"}
    assert (worst["residuals"]["verdict"], worst["residuals"]["scenario"]) == ("fails", "own-flipped")
    assert worst["unequal"]["verdict"] == "holds"


def test_arms_of_three_to_one_break_the_tests_that_take_them_to_vary_alike(arms: Study) -> None:
    table, _, _ = run(arms, ARMS, scenarios=["unequal-arms", "normal"], sets=100)
    assert of(table, "unequal-arms", "residuals") > 0.25
    assert of(table, "unequal-arms", "unequal") < 0.14
    assert table[table["scenario"] == "normal"]["rate"].max() < 0.14


@pytest.mark.parametrize("model", [ARMS, MEAN, {"formula": "~ age", "contrast": "age"}])
def test_motion_that_goes_along_with_what_is_compared_needs_its_covariate(tmp_path: Path, model: dict) -> None:
    table, record, _ = run(cohort(tmp_path, PHASES, 40), model, scenarios=["motion"], sets=100)
    primary = table[(table["correction"] == "primary") & (table["test"] == record["method"])]
    rate = primary.set_index("motion_covariate")["rate"]
    assert rate[True] < 0.14
    assert rate[False] > 0.2
    own = next(row for row in record["trusted"] if row["correction"] == "primary")
    assert own["rate"] == rate[True]


def test_what_a_design_does_not_have_is_skipped_with_the_reason(tmp_path: Path) -> None:
    scenarios = ["unequal-arms", "larger-varies", "own-exchanged", "smaller-varies"]
    table, record, text = run(cohort(tmp_path, PHASES, 12), MEAN, scenarios=scenarios)
    assert set(record["skipped"]) == set(scenarios[:3])
    assert "a contrast of arms" in record["skipped"]["unequal-arms"]
    assert "keep their mean of 0" in record["skipped"]["own-exchanged"]
    assert "unequal-arms was not tried" in text
    assert set(table["about"]) == {"a quarter of the participants varies more (four times the variance)"}
    _, record, _ = run(
        cohort(tmp_path, PHASES, 12), {"formula": "~ weeks", "contrast": "phase[post] - phase[pre]",
                                       "outcome": "sessions"} | {"formula": "~ phase"},
        scenarios=["own-exchanged", "own-flipped"],
    )  # fmt: skip
    assert list(record["skipped"]) == ["own-exchanged"]
    assert record["method"] == "mixed"


def test_a_test_that_the_design_refuses_is_named(tmp_path: Path) -> None:
    made = cohort(tmp_path, PHASES, 12)
    made.participants["arm"] = ["training"] * 9 + ["waiting"] * 3
    table, record, text = run(made, {**ARMS, "test": "residuals"}, scenarios=["own-flipped"])
    assert set(table["test"]) == {"residuals", "labels"}
    assert "3 in waiting" in record["refused"]["own-flipped"]["unequal"]
    assert "unequal was not tried in own-flipped" in text


def test_the_number_of_cores_does_not_matter(arms: Study) -> None:
    scenarios = ["own-flipped", "skew", "missing-sessions"]
    one = run(arms, ARMS, threads=1, scenarios=scenarios)
    two = run(arms, ARMS, threads=2, scenarios=scenarios)
    pd.testing.assert_frame_equal(one[0], two[0], check_exact=True)
    assert one[1:] == two[1:]


def test_another_seed_gives_other_data_and_the_same_seed_the_same(arms: Study) -> None:
    first, again, other = (run(arms, ARMS, scenarios=["normal"], seed=seed)[0] for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(first, again, check_exact=True)
    assert not np.array_equal(first["rate"], other["rate"])


@pytest.mark.parametrize(
    ("model", "n_rows"),
    [
        (MEAN, 1),
        ({**ARMS, "outcome": "post", "formula": "~ pre + arm"}, 1),
        ({"formula": "~ arm", "contrast": "arm", "outcome": "pre"}, 1),
    ],
)
def test_every_kind_of_model_can_be_tried(tmp_path: Path, model: dict, n_rows: int) -> None:
    table, record, _ = run(cohort(tmp_path, PHASES, 16), model, sets=50, scenarios=["own-flipped", "normal", "skew"])
    assert record["skipped"] == {}
    assert table["rate"].max() <= 0.2
    assert len(table) >= 3 * n_rows


def test_a_wrong_scenario_is_told(arms: Study, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(AssertionError):
        run(arms, ARMS, scenarios=["heavy-tail"])
    told = capsys.readouterr().err
    assert "calibration.yaml" in told
    assert "did you mean `heavy-tails`?" in told


@pytest.mark.parametrize(
    ("model", "scenarios", "reason"),
    [
        ({**MEAN, "outcome": "pre"}, ["normal", "skew"], "a contrast that is 0 without an effect"),
        ({**MEAN, "outcome": "sessions"}, ["normal"], "a contrast that is 0 without an effect"),
        ({"formula": "~ fd_change", "contrast": "fd_change"}, ["motion"], "not on motion itself"),
        ({**ARMS, "outcome": "pre"}, ["missing-sessions"], "a model of sessions after"),
        (
            {"formula": "~ phase", "contrast": "phase[post] - phase[pre]", "outcome": "sessions"},
            ["unequal-arms"],
            "a contrast of arms",
        ),
    ],
)
def test_a_scenario_that_holds_an_effect_or_makes_no_sense_is_not_tried(
    tmp_path: Path, model: dict, scenarios: list[str], reason: str
) -> None:
    table, record, text = run(cohort(tmp_path, PHASES, 12), model, scenarios=scenarios)
    assert table.empty
    assert record["trusted"] == []
    assert set(record["skipped"]) == set(scenarios)
    assert all(reason in why for why in record["skipped"].values())
    assert "nothing could be tried" in text


def test_arms_that_are_not_compared_are_left_as_they_are(tmp_path: Path) -> None:
    """Arms of 10, 10 and 4, of which the first two are compared: 3 to 1 is made of these."""
    made = cohort(tmp_path, PHASES, 24)
    made.participants["arm"] = ["a"] * 10 + ["b"] * 10 + ["c"] * 4
    model = {"formula": "~ arm", "contrast": "arm[a] - arm[b]"}
    table, _, _ = run(made, model, scenarios=["unequal-arms"], sets=100)
    assert of(table, "unequal-arms", "residuals") > 0.25
    assert of(table, "unequal-arms", "unequal") < 0.14


def test_what_cannot_be_tested_has_no_row(tmp_path: Path) -> None:
    made = cohort(tmp_path, PHASES, 16)
    made.parcels = [(name, None, region) for name, _, region in made.parcels]
    made.domains = {"emotion": {"parcels": ["s1", "s2", "s3"]}, "cognition": {"parcels": ["c1", "c2", "c3"]}}
    table, _, _ = run(made, ARMS, scenarios=["own-flipped", "normal"])
    assert set(table["correction"]) == {"primary", "domains", "edges", "nbs", "tfnbs"}


def test_parcels_of_both_domains_are_always_among_them() -> None:
    domain = np.array([""] * 200 + ["cognition"] * 2 + ["emotion"] * 3 + [""] * 95)
    parcels = pd.DataFrame({"network": np.repeat([f"n{i}" for i in range(30)], 10)})
    use = np.ones(300 * 299 // 2, bool)
    chosen = spread_parcels(parcels, domain, use, 40, "m")
    assert len(chosen) == len(set(chosen)) == 40
    assert (domain[chosen] == "cognition").sum() >= 2
    assert (domain[chosen] == "emotion").sum() >= 3
    assert parcels["network"].iloc[chosen].nunique() > 25


def test_a_cohort_without_common_edges_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = cohort(tmp_path, PHASES, 12)
    made.connectomes[0] = np.nan
    with pytest.raises(AssertionError):
        run(made, ARMS, scenarios=["normal"])
    assert "edges that every session of the analysed participants has" in capsys.readouterr().err


def test_skewed_changes_are_skewed(tmp_path: Path) -> None:
    """A change has a skewness of about 1 in every edge; families are what the tests are given."""
    rng = np.random.default_rng(0)
    n = 4000
    sessions = pd.DataFrame({"participant_id": np.repeat([f"s{i}" for i in range(n)], 2), "phase": ["pre", "post"] * n})
    rows = pd.DataFrame({"participant_id": sessions["participant_id"][::2].to_numpy(), "fd_change": rng.normal(size=n)})
    weights = np.kron(np.eye(n), [[-1.0, 1.0]])
    outcome = Outcome(rows, rows, csr_array(weights), None, np.ones(15, bool), True)
    domain = np.array(["emotion"] * 3 + ["cognition"] * 3)
    base = Base(outcome, sessions, Model("?", "~ 1", "mean"), "", (), Regions(domain, (), np.ones(15, bool)), 1, "m")
    edges = SCENARIOS["skew"](base).draw(rng)[3].outcome
    skewness = ((edges - edges.mean(axis=0)) ** 3).mean(axis=0) / edges.std(axis=0) ** 3
    assert 0.7 < skewness.mean() < 1.3
    np.testing.assert_allclose(edges.mean(axis=0), 0, atol=0.02)


# The core


def rows_of(n: int = 8) -> pd.DataFrame:
    return pd.DataFrame(
        {"participant_id": [f"sub-{i}" for i in range(n)], "arm": ["a", "b"] * (n // 2), "site": ["x"] * 4 + ["y"] * 4,
         "fd_change": np.random.default_rng(0).normal(size=n)}
    )  # fmt: skip


MODEL = Model(question="?", formula="~ arm", contrast="arm[a] - arm[b]")


def test_flipping_changes_signs_of_participants_and_nothing_else() -> None:
    asked = tests_of(MODEL, rows_of(), 99, "m")[0][0]
    family = Family(np.random.default_rng(1).normal(size=(8, 5)))
    source = own_data(asked, [family], "own-flipped", "m")
    drawn = source.draw(np.random.default_rng(2))[0].outcome
    np.testing.assert_allclose(np.abs(drawn), np.abs(source.residuals[0]))
    ratio = drawn / source.residuals[0]
    np.testing.assert_allclose(ratio, np.broadcast_to(ratio[:, :1], ratio.shape))
    assert set(np.round(ratio[:, 0])) == {-1.0, 1.0}


def test_exchanging_stays_inside_a_block() -> None:
    asked = tests_of(replace(MODEL, within_block="site"), rows_of(), 99, "m")[0][0]
    family = Family(np.random.default_rng(1).normal(size=(8, 1)))
    source = own_data(asked, [family], "own-exchanged", "m")
    drawn = source.draw(np.random.default_rng(2))[0].outcome[:, 0]
    for block in (slice(0, 4), slice(4, 8)):
        np.testing.assert_allclose(np.sort(drawn[block]), np.sort(source.residuals[0][block, 0]))
    assert not np.array_equal(drawn, source.residuals[0][:, 0])


def test_residuals_vary_as_errors_do() -> None:
    """Divided by the root of 1 less the leverage, they have the variance of the errors in every row."""
    asked = tests_of(MODEL, rows_of(), 99, "m")[0][0]
    errors = np.random.default_rng(3).normal(size=(8, 20000))
    values = asked.asked.matrix @ np.full((asked.asked.matrix.shape[1], 1), 7.0) + errors
    found = own_data(asked, [Family(values)], "own-flipped", "m").residuals[0]
    np.testing.assert_allclose(found.var(axis=1), 1, rtol=0.05)


@pytest.mark.parametrize(
    ("count", "sets", "expected"),
    [
        (50, 1000, "holds"),
        (70, 1000, "holds"),
        (74, 1000, "nearly holds"),
        (80, 1000, "fails"),
        (28, 1000, "conservative"),
        (8, 50, "holds"),
        (11, 50, "fails"),
        (0, 50, "holds"),
    ],
)
def test_a_verdict_needs_more_than_chance(count: int, sets: int, expected: str) -> None:
    assert verdict(count, sets, 0.05) == expected
