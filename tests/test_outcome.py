"""What is tested, and on whom: weights of sessions worked out by hand, who is left out and why, and mistakes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from connect.changes import Sessions, by_session, parts_of
from connect.errors import UserError
from connect.estimable import check_sessions
from connect.outcome import Outcome, select
from connect.question import Question, question
from connect.rows import phases_of
from connect.settings.cohort import Cohort, Session
from connect.settings.model import Model

PLAIN = {"before": Session("pre"), "after": Session("post")}
TIMED = {"base": Session("pre", weeks=0.0), "end": Session("post", weeks="end_week"),
         "later": Session("other", weeks="later_week")}  # fmt: skip
CROSSED = {f"{name}{number}": Session(phase, name) for name in ("drug", "low", "placebo")
           for number, phase in ((1, "pre"), (2, "post"))}  # fmt: skip
ARMS: dict[str, Any] = {"formula": "~ arm", "contrast": "arm[x] - arm[y]"}


def model(**options: Any) -> Model:
    known = {"question": "?", "formula": "~ 1", "contrast": "mean", "motion_covariate": False, **options}
    flips = known["contrast"] == "mean" or known.get("outcome") == "sessions"
    return Model(**{"test": "auto" if flips else "residuals", **known})


def cohort(sessions: dict[str, Session]) -> Cohort:
    return Cohort("t", Path(), Path(), sessions)


class Study:
    """Eight people with one scan in every session, whose values and motion are all different.

    Parameters
    ----------
    sessions
        What the cohort file says of them.
    lost
        Participant and session of scans that never were.
    bad
        The same of scans that the screen stage excluded.
    columns
        Columns of the participants table.
    """

    def __init__(
        self,
        sessions: dict[str, Session],
        lost: Sequence[tuple[str, str]] = (),
        bad: Sequence[tuple[str, str]] = (),
        **columns: Any,
    ) -> None:
        rng, names = np.random.default_rng(0), [f"sub-{number}" for number in range(1, 9)]
        basic = {"participant_id": names[::-1], "arm": ["x", "y"] * 4, "age": np.arange(30, 38)}
        self.people = pd.DataFrame({**basic, **columns})
        rows = [(name, label) for name in names for label in sessions if (name, label) not in lost]
        kept = ["no" if row in bad else "yes" for row in rows]
        self.kept = pd.DataFrame(
            {
                "participant_id": [name for name, _ in rows],
                "session_id": [f"ses-{label}" for _, label in rows],
                "mean_fd": rng.uniform(0.05, 0.3, len(rows)),
                "kept": kept,
                "reason": ["moved" if one == "no" else None for one in kept],
            }
        )
        self.cohort, self.connectomes = cohort(sessions), rng.normal(size=(len(rows), 3))

    @property
    def sessions(self) -> Sessions:
        chosen = (self.kept["kept"] == "yes").to_numpy()
        return by_session(self.connectomes[chosen], self.kept[chosen], self.cohort)

    def select(self, **options: Any) -> Outcome:
        asked = model(**options)
        parts = parts_of(asked.condition, self.cohort, "model.yaml", phases_of(asked))
        return select(self.sessions, self.people, self.kept, asked, parts, self.cohort, "model.yaml")

    def question(self, **options: Any) -> Question:
        return question(self.select(**options).rows, model(**options), "model.yaml")

    def value(self, name: str, label: str) -> np.ndarray:
        return self.connectomes[self._row(name, label)]

    def fd(self, name: str, label: str) -> float:
        return float(self.kept["mean_fd"][self._row(name, label)])

    def _row(self, name: str, label: str) -> int:
        found = (self.kept["participant_id"] == name) & (self.kept["session_id"] == f"ses-{label}")
        return int(np.flatnonzero(found)[0])


def lost(outcome: Outcome) -> dict[str, str]:
    """Return why people are not analysed."""
    people = outcome.people[outcome.people["analysed"] == "no"]
    return dict(zip(people["participant_id"], people["reason"], strict=True))


def close(found: Any, expected: Any) -> None:
    """Sums of a few numbers of order 1, so that nothing but rounding may differ."""
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


# Conditions


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("drug", {"drug": 1.0}),
        (" drug ", {"drug": 1.0}),
        ("drug - placebo", {"drug": 1.0, "placebo": -1.0}),
        ("placebo - drug", {"drug": -1.0, "placebo": 1.0}),
        ("drug + placebo", {"drug": 0.5, "placebo": 0.5}),
        ("drug + low + placebo", {"drug": 1 / 3, "low": 1 / 3, "placebo": 1 / 3}),
    ],
)
def test_conditions_are_weighted_as_they_are_written(text: str, expected: dict[str, float]) -> None:
    assert parts_of(text.strip(), cohort(CROSSED), "m") == (expected,)


@pytest.mark.parametrize("text", ["drug, placebo", "drug, low, placebo", "placebo,drug,low"])
def test_several_conditions_are_orthonormal_contrasts_among_them(text: str) -> None:
    parts = parts_of(text, cohort(CROSSED), "m")
    names = [name.strip() for name in text.split(",")]
    matrix = np.array([[part[name] for name in names] for part in parts])
    assert matrix.shape == (len(names) - 1, len(names))
    close(matrix @ matrix.T, np.eye(len(parts)))
    close(matrix.sum(axis=1), 0)


def test_a_cohort_without_conditions_has_one_without_a_name() -> None:
    assert parts_of("", cohort(PLAIN), "m") == ({"": 1.0},)


HALVES = {"low1": Session("pre", "low"), "drug2": Session("post", "drug"), "rest": Session("other", "rest"),
          "all1": Session("pre", "all"), "all2": Session("post", "all")}  # fmt: skip
"""Sessions before and after, of which some conditions have only one."""


@pytest.mark.parametrize(
    ("options", "possible"),
    [
        ({}, {"all"}),
        ({"outcome": "rate"}, {"all"}),
        ({"outcome": "pre"}, {"all", "low"}),
        ({"outcome": "post"}, {"all", "drug"}),
        ({"outcome": "post", "formula": "~ arm + pre", "contrast": "arm[x] - arm[y]"}, {"all"}),
        ({"outcome": "sessions"}, {"all", "low", "drug", "rest"}),
    ],
)
def test_a_condition_has_the_sessions_that_the_outcome_needs(options: dict[str, str], possible: set[str]) -> None:
    phases = phases_of(model(**options))
    for name in ("low", "drug", "rest", "all"):
        if name in possible:
            assert parts_of(name, cohort(HALVES), "m", phases) == ({name: 1.0},)
        else:
            with pytest.raises(UserError) as caught:
                parts_of(name, cohort(HALVES), "m", phases)
            assert caught.value.must.startswith("a session ")


@pytest.mark.parametrize(
    ("outcome", "must"),
    [
        ("change", "a session before and one after under `rest` in the cohort file"),
        ("pre", "a session before under `rest` in the cohort file"),
        ("post", "a session after under `rest` in the cohort file"),
    ],
)
def test_the_session_that_a_condition_lacks_is_told(outcome: str, must: str) -> None:
    with pytest.raises(UserError) as caught:
        Study(HALVES).select(outcome=outcome, condition="all - rest")
    assert caught.value.where == "model.yaml, key condition"
    assert (caught.value.must, caught.value.got) == (must, "only `other`")


def test_one_session_is_analysed_in_a_cohort_without_the_other() -> None:
    study = Study({"after": PLAIN["after"]})
    names = list(study.people["participant_id"])
    close(study.select(outcome="post").of(study.connectomes), [study.value(name, "after") for name in names])
    assert study.question(**ARMS, outcome="post").n == 8
    crossed = Study(HALVES)
    after = crossed.select(outcome="post", condition="all - drug")
    expected = [crossed.value(name, "all2") - crossed.value(name, "drug2") for name in names]
    close(after.of(crossed.sessions.connectomes), expected)
    assert len(crossed.select(outcome="sessions", condition="low, drug").rows) == 16


# A change


def test_a_change_by_hand_in_the_order_of_the_participants_table() -> None:
    study = Study(PLAIN, lost=[("sub-3", "after")])
    found, names = study.select(), ["sub-8", "sub-7", "sub-6", "sub-5", "sub-4", "sub-2", "sub-1"]
    assert list(found.rows["participant_id"]) == list(found.analysed["participant_id"]) == names
    close(found.of(study.sessions.connectomes),
          [study.value(name, "after") - study.value(name, "before") for name in names])  # fmt: skip
    close(found.rows["fd_change"], [study.fd(name, "after") - study.fd(name, "before") for name in names])
    assert lost(found) == {"sub-3": "ses-after is missing"}
    assert set(found.rows["part"]) == {0}


def test_weights_stand_in_the_order_of_the_sessions() -> None:
    study = Study(PLAIN)
    table, kernel = study.sessions.table, study.select().weights.toarray()
    assert list(table["phase"][:2]) == ["pre", "post"]
    own = table["participant_id"].to_numpy() == study.people["participant_id"].to_numpy()[:, None]
    np.testing.assert_array_equal(kernel, own * np.where(table["phase"] == "post", 1.0, -1.0))


@pytest.mark.parametrize(
    ("condition", "weight"),
    [
        ("drug", {"drug": 1}),
        ("drug - placebo", {"drug": 1, "placebo": -1}),
        ("low + placebo", {"low": 0.5, "placebo": 0.5}),
    ],
)
def test_conditions_by_hand(condition: str, weight: dict[str, float]) -> None:
    """Only the sessions of the conditions are needed, by whatever weight."""
    study = Study(CROSSED, lost=[("sub-2", "low1"), ("sub-5", "placebo2")])
    found = study.select(condition=condition)
    dropped = {"sub-2" if "low" in weight else "", "sub-5" if "placebo" in weight else ""} - {""}
    names = [name for name in study.people["participant_id"] if name not in dropped]
    assert list(found.rows["participant_id"]) == names
    expected = [
        sum(factor * (study.value(name, f"{one}2") - study.value(name, f"{one}1")) for one, factor in weight.items())
        for name in names
    ]
    moved = [sum(factor * (study.fd(name, f"{one}2") - study.fd(name, f"{one}1")) for one, factor in weight.items())
             for name in names]  # fmt: skip
    close(found.of(study.sessions.connectomes), expected)
    close(found.rows["fd_change"], moved)
    assert set(lost(found)) == dropped


def test_conditions_that_are_tested_together_give_a_row_each() -> None:
    study = Study(CROSSED, lost=[("sub-5", "placebo2")])
    found, parts = study.select(condition="drug, low, placebo"), parts_of("drug, low, placebo", study.cohort, "m")
    names = [name for name in study.people["participant_id"] if name != "sub-5"]
    assert list(found.rows["participant_id"]) == [name for name in names for _ in range(2)]
    assert list(found.rows["part"]) == [0, 1] * 7
    expected = [
        sum(factor * (study.value(name, f"{one}2") - study.value(name, f"{one}1")) for one, factor in part.items())
        for name in names
        for part in parts
    ]
    close(found.of(study.sessions.connectomes), expected)
    assert not found.paired
    assert found.pair(study.connectomes) is None


# A rate


def test_a_rate_is_the_change_over_the_weeks_of_the_cohort() -> None:
    """The change in motion stays what it is: motion does not build up over weeks."""
    study = Study({"before": Session("pre", weeks=1), "after": Session("post", weeks=9.5)})
    rate, change = study.select(outcome="rate"), study.select()
    close(rate.of(study.connectomes), change.of(study.connectomes) / 8.5)
    close(rate.rows["fd_change"], change.rows["fd_change"])
    assert rate.pair(study.connectomes) is None


def test_a_rate_is_over_each_participants_own_weeks() -> None:
    weeks = np.array([4.0, 8.0, 2.5, 10.0, 1.5, 7.0, 8.7, 3.0])
    study = Study({"before": Session("pre", weeks=1.0), "after": Session("post", weeks="until")}, until=weeks)
    rate, change = study.select(outcome="rate"), study.select()
    close(rate.of(study.connectomes), change.of(study.connectomes) / (weeks - 1)[:, None])
    close(rate.people["until"], weeks)


def test_who_has_no_weeks_has_no_rate() -> None:
    weeks = [4.0, np.nan, 2.5, 10.0, np.nan, 7.0, 8.7, 3.0]
    study = Study(TIMED, end_week=weeks, later_week=20.0)
    found = study.select(outcome="rate")
    assert lost(found) == {"sub-7": "no value of end_week", "sub-4": "no value of end_week"}
    assert len(study.select().rows) == 8


def test_a_rate_needs_the_weeks_of_its_own_sessions_only() -> None:
    study = Study(TIMED, end_week=8.0, later_week=[20.0] * 7 + [np.nan])
    assert lost(study.select(outcome="rate")) == {}
    del study.people["later_week"]
    assert lost(study.select(outcome="rate")) == {}


def test_weeks_that_the_cohort_does_not_know_are_named() -> None:
    with pytest.raises(UserError) as caught:
        Study(PLAIN).select(outcome="rate")
    assert caught.value.got == "nobody: 8 x times of the sessions are not known"


def test_a_rate_of_a_difference_needs_the_weeks_of_both_conditions() -> None:
    known = {"drug1": Session("pre", "drug", 0.0), "drug2": Session("post", "drug", 4.0)}
    study = Study({**CROSSED, **known})
    assert len(study.select(outcome="rate", condition="drug").rows) == 8
    for condition in ("drug - placebo", "placebo - drug", "placebo + drug", "low, drug, placebo"):
        with pytest.raises(UserError, match="times of the sessions are not known"):
            study.select(outcome="rate", condition=condition)


def test_a_rate_of_a_difference_needs_as_many_weeks_under_both() -> None:
    """As many but for rounding: 0.3 - 0.2 is not 0.1."""
    weeks = {"drug1": 0.2, "drug2": 0.3, "placebo1": 0.0, "placebo2": 0.1}
    sessions = {label: Session(CROSSED[label].phase, CROSSED[label].condition, week) for label, week in weeks.items()}
    study = Study(sessions)
    rate, change = (study.select(condition="drug - placebo", outcome=outcome) for outcome in ("rate", "change"))
    close(rate.of(study.connectomes), change.of(study.connectomes) / 0.1)
    study.cohort = cohort({**sessions, "drug2": Session("post", "drug", 4.2)})
    with pytest.raises(UserError) as caught:
        study.select(condition="drug - placebo", outcome="rate")
    assert caught.value.must == "as many weeks from pre to post under every condition"
    assert caught.value.got == "0.1 and 4"


@pytest.mark.parametrize("week", [0.0, -2.0])
def test_weeks_must_grow(week: float) -> None:
    study = Study(TIMED, end_week=[8.0] * 5 + [week] + [8.0] * 2, later_week=20.0)
    with pytest.raises(UserError) as caught:
        study.select(outcome="rate")
    assert caught.value.must == "a session after that is later than the one before"
    assert caught.value.got == f"{week:g} weeks for sub-3"
    assert len(study.select(outcome="change").rows) == 8


def test_the_weeks_of_those_who_are_not_asked_may_be_wrong() -> None:
    study = Study(TIMED, end_week=[8.0] * 5 + [-1.0] + [8.0] * 2, later_week=20.0)
    assert len(study.select(outcome="rate", where={"arm": ("x",)}).rows) == 4


def test_weeks_are_numbers() -> None:
    study = Study(TIMED, end_week=["8", "8 weeks", "8", "8", "8", "8", "8", "8"], later_week=20.0)
    with pytest.raises(UserError) as caught:
        study.select(outcome="rate")
    assert "end_week" in caught.value.must + caught.value.where
    assert "8 weeks" in caught.value.got


# One session


@pytest.mark.parametrize(("outcome", "label", "other"), [("pre", "before", "after"), ("post", "after", "before")])
def test_one_session_needs_no_other(outcome: str, label: str, other: str) -> None:
    study = Study(PLAIN, lost=[("sub-3", other), ("sub-5", label)], bad=[("sub-6", other)])
    found = study.select(outcome=outcome)
    names = [name for name in study.people["participant_id"] if name != "sub-5"]
    close(found.of(study.sessions.connectomes), [study.value(name, label) for name in names])
    close(found.rows["mean_fd"], [study.fd(name, label) for name in names])
    assert lost(found) == {"sub-5": f"ses-{label} is missing"}
    assert found.pair(study.connectomes) is None
    assert "fd_change" not in found.rows


def test_one_session_is_compared_between_conditions() -> None:
    study = Study(CROSSED, lost=[("sub-2", "drug1")])
    found = study.select(outcome="post", condition="drug - low")
    names = list(study.people["participant_id"])
    expected = [study.value(name, "drug2") - study.value(name, "low2") for name in names]
    close(found.of(study.sessions.connectomes), expected)
    close(found.rows["mean_fd"], [study.fd(name, "drug2") - study.fd(name, "low2") for name in names])


# The value before


@pytest.mark.parametrize("outcome", ["change", "post"])
def test_a_value_before_needs_both_sessions(outcome: str) -> None:
    study = Study(PLAIN, lost=[("sub-3", "before"), ("sub-4", "after")])
    found = study.select(**{**ARMS, "formula": "~ arm + pre"}, outcome=outcome)
    names = [name for name in study.people["participant_id"] if name not in ("sub-3", "sub-4")]
    after, before = (np.array([study.value(name, label) for name in names]) for label in ("after", "before"))
    values = study.sessions.connectomes
    close(found.of(values), after - before if outcome == "change" else after)
    close(found.before(values), before)
    close(found.rows["fd_change"], [study.fd(name, "after") - study.fd(name, "before") for name in names])
    assert lost(found) == {"sub-3": "ses-before is missing", "sub-4": "ses-after is missing"}


def test_the_value_before_of_a_difference_is_a_difference() -> None:
    study = Study(CROSSED)
    found = study.select(formula="~ pre", condition="drug - placebo")
    names = study.people["participant_id"]
    close(found.before(study.sessions.connectomes),
          [study.value(name, "drug1") - study.value(name, "placebo1") for name in names])  # fmt: skip


def test_a_model_without_it_has_no_value_before() -> None:
    study = Study(PLAIN)
    assert study.select().before(study.connectomes) is None
    assert study.select(formula="~ age").baseline is None


# All sessions


def test_all_sessions_are_used_of_everybody_who_has_one() -> None:
    missing = [("sub-2", "end"), ("sub-3", "base"), ("sub-3", "later"), *(("sub-5", label) for label in TIMED)]
    study = Study(TIMED, lost=missing, bad=[("sub-4", "end")], end_week=8.0, later_week=20.0)
    found, table = study.select(**ARMS, outcome="sessions"), study.sessions.table
    expected = [
        (name, label)
        for name in study.people["participant_id"]
        for label in TIMED
        if (name, label) not in [*missing, ("sub-4", "end")]
    ]
    close(found.of(study.sessions.connectomes), [study.value(*row) for row in expected])
    close(found.rows["mean_fd"], [study.fd(*row) for row in expected])
    assert list(found.rows["phase"]) == [TIMED[label].phase for _, label in expected]
    assert list(found.rows["participant_id"]) == [name for name, _ in expected]
    np.testing.assert_array_equal(found.weights.sum(axis=1), 1)
    assert found.weights.shape == (len(expected), len(table))
    assert lost(found) == {"sub-5": "no scans"}
    assert found.pair(study.connectomes) is None


def test_motion_of_a_participant_is_the_mean_over_the_sessions_in_use() -> None:
    """Not over one that is excluded, of another condition, or without weeks in a model that has them."""
    study = Study(TIMED, lost=[("sub-3", "base")], bad=[("sub-4", "end")], end_week=8.0, later_week=[20.0] * 7 + [None])
    people = study.select(formula="~ weeks", contrast="weeks", outcome="sessions").people.set_index("participant_id")
    in_use = {name: list(TIMED) for name in people.index}
    in_use |= {"sub-3": ["end", "later"], "sub-4": ["base", "later"], "sub-1": ["base", "end"]}
    close(people["mean_fd"], [np.mean([study.fd(name, label) for label in in_use[name]]) for name in people.index])
    crossed = Study(CROSSED)
    low = crossed.select(outcome="sessions", condition="low").people
    means = [(crossed.fd(name, "low1") + crossed.fd(name, "low2")) / 2 for name in low["participant_id"]]
    close(low["mean_fd"], means)


def test_who_has_no_session_in_use_has_no_motion() -> None:
    study = Study(PLAIN, lost=[("sub-2", "after")], bad=[("sub-2", "before")])
    people = study.select(outcome="sessions").people.set_index("participant_id")
    np.testing.assert_array_equal(np.isnan(people["mean_fd"]), people.index == "sub-2")


def test_who_has_no_kept_session_is_named_with_the_reasons() -> None:
    study = Study(PLAIN, lost=[("sub-2", "after")], bad=[("sub-2", "before")])
    assert lost(study.select(outcome="sessions")) == {"sub-2": "ses-before excluded: moved; ses-after is missing"}


def test_sessions_that_are_neither_before_nor_after_count_only_there() -> None:
    study = Study(TIMED, lost=[("sub-2", "later")], end_week=8.0, later_week=20.0)
    assert len(study.select(outcome="sessions").rows) == 23
    for outcome in ("change", "rate", "pre", "post"):
        found = study.select(outcome=outcome)
        assert len(found.rows) == 8
        assert not found.weights[:, (study.sessions.table["phase"] == "other").to_numpy()].nnz


def test_a_session_has_its_weeks() -> None:
    weeks = np.arange(4.0, 12.0)
    study = Study(TIMED, lost=[("sub-8", "end")], end_week=weeks, later_week=2 * weeks)
    found = study.select(formula="~ weeks", contrast="weeks", outcome="sessions")
    expected = [week for own in weeks for week in (0, own, 2 * own)]
    close(found.rows["weeks"], [expected[0], *expected[2:]])


def test_a_session_whose_weeks_are_not_known_is_left_out_and_no_other() -> None:
    """Who dropped out has no date of a session that never was."""
    end, later = [8.0] * 6 + [np.nan, 8.0], [20.0] * 7 + [np.nan]
    study = Study(TIMED, lost=[("sub-1", "later")], end_week=end, later_week=later)
    found = study.select(formula="~ weeks", contrast="weeks", outcome="sessions")
    assert lost(found) == {}
    assert found.rows["participant_id"].value_counts().to_dict() == {
        **{f"sub-{number}": 3 for number in range(3, 9)}, "sub-2": 2, "sub-1": 2,
    }  # fmt: skip
    close(found.rows.loc[found.rows["participant_id"] == "sub-2", "weeks"], [0.0, 20.0])


def test_weeks_are_needed_only_by_a_formula_that_has_them() -> None:
    study = Study(TIMED, end_week="soon")
    found = study.select(formula="~ phase", contrast="phase[post] - phase[pre]", outcome="sessions")
    assert len(found.rows) == 24


def test_conditions_choose_sessions() -> None:
    study = Study(CROSSED)
    one, two = (study.select(outcome="sessions", condition=text) for text in ("low", "drug, placebo"))
    assert (set(one.rows["condition"]), len(one.rows)) == ({"low"}, 16)
    assert (set(two.rows["condition"]), len(two.rows)) == ({"drug", "placebo"}, 32)


def test_sessions_have_no_sign() -> None:
    """A difference of conditions is a contrast of a mixed model, not a choice of sessions."""
    with pytest.raises(UserError) as caught:
        Study(CROSSED).select(outcome="sessions", condition="drug - placebo")
    assert "condition" in caught.value.where


# Who is left out


def test_every_reason_is_given() -> None:
    ages = [30.0, np.nan, 32.0, 33.0, 34.0, 35.0, 36.0, 37.0]
    study = Study(
        PLAIN, lost=[("sub-6", "after"), ("sub-4", "before"), ("sub-4", "after")],
        bad=[("sub-3", "before"), ("sub-3", "after")], age=ages, hand=["r"] * 4 + ["l", None] + ["r"] * 2,
    )  # fmt: skip
    found = study.select(formula="~ age", where={"hand": ("r",)})
    assert lost(found) == {
        "sub-7": "no value of age",
        "sub-6": "ses-after is missing",
        "sub-4": "hand is l",
        "sub-3": "no value of hand",
    }
    study.people["hand"] = "r"
    assert lost(study.select(where={"hand": ("r",)})) == {
        "sub-6": "ses-after is missing",
        "sub-4": "no scans",
        "sub-3": "ses-before excluded: moved; ses-after excluded: moved",
    }
    assert list(found.people["participant_id"]) == list(study.people["participant_id"])


def test_a_block_must_be_known_of_everybody() -> None:
    study = Study(PLAIN, site=["a", "b", None, "a", "b", "a", "b", "a"])
    assert lost(study.select(**ARMS, within_block="site")) == {"sub-6": "no value of site"}
    assert lost(study.select(**ARMS, whole_block="site")) == {"sub-6": "no value of site"}


# Values


def test_before_and_after_of_a_change() -> None:
    study = Study(PLAIN, lost=[("sub-3", "after")])
    found, values = study.select(), study.sessions.connectomes
    pair = found.pair(values)
    assert pair is not None
    names = found.rows["participant_id"]
    close(pair[0], [study.value(name, "before") for name in names])
    close(pair[1], [study.value(name, "after") for name in names])
    np.testing.assert_array_equal(pair[1] - pair[0], found.of(values))


@pytest.mark.parametrize(
    "options", [{"condition": "drug - low"}, {"condition": "drug + low"}, {"condition": "drug, low"},
                {"condition": "drug", "outcome": "post"}, {"condition": "drug", "outcome": "sessions"}],
)  # fmt: skip
def test_nothing_else_has_a_before_and_after(options: dict[str, str]) -> None:
    study = Study(CROSSED)
    assert study.select(**options).pair(study.connectomes) is None


def test_before_and_after_under_one_of_several_conditions() -> None:
    study = Study(CROSSED)
    pair = study.select(condition="low").pair(study.connectomes)
    assert pair is not None
    close(pair[0], [study.value(name, "low1") for name in study.people["participant_id"]])


def test_what_is_missing_in_a_session_that_is_not_in_use_does_no_harm() -> None:
    study = Study(CROSSED, lost=[("sub-2", "drug2")])
    rows = study.kept["session_id"].isin(["ses-low1", "ses-low2"]).to_numpy()
    study.connectomes[rows, 1] = np.nan
    study.connectomes[study._row("sub-2", "drug1"), 2] = np.nan
    found = study.select(condition="drug - placebo")
    np.testing.assert_array_equal(found.use, [True, True, True])
    assert np.isfinite(found.of(study.sessions.connectomes)).all()
    used = study.select(condition="drug - low")
    np.testing.assert_array_equal(used.use, [True, False, True])
    np.testing.assert_array_equal(np.isnan(used.of(study.sessions.connectomes)).any(axis=0), ~used.use)


def test_what_is_missing_before_is_missing_if_it_is_a_covariate() -> None:
    study = Study(PLAIN)
    study.connectomes[study._row("sub-4", "before"), 0] = np.nan
    np.testing.assert_array_equal(study.select(outcome="post").use, [True, True, True])
    adjusted = study.select(**{**ARMS, "formula": "~ arm + pre"}, outcome="post")
    np.testing.assert_array_equal(adjusted.use, [False, True, True])


# Mistakes


@pytest.mark.parametrize(
    ("condition", "must", "got", "todo"),
    [
        ("durg", "conditions out of `drug`, `low`, `placebo`", "durg", "did you mean `drug`"),
        ("", "conditions out of `drug`, `low`, `placebo`", "nothing", "name a condition"),
        ("drug - low + placebo", "`a`, `a - b`, `a + b` or `a, b, c`", "drug - low + placebo", "two at most"),
        ("drug + low, placebo", "`a`, `a - b`, `a + b` or `a, b, c`", "drug + low, placebo", "once"),
        ("drug - low, placebo", "`a`, `a - b`, `a + b` or `a, b, c`", "drug - low, placebo", "once"),
        ("drug - low - placebo", "`a`, `a - b`, `a + b` or `a, b, c`", "drug - low - placebo", "two at most"),
        ("drug, low, drug", "`a`, `a - b`, `a + b` or `a, b, c`", "drug, low, drug", "once"),
        ("drug-low", "conditions out of", "drug-low", "did you mean `drug - low`"),
    ],
)
def test_mistakes_in_conditions_are_told_in_four_parts(condition: str, must: str, got: str, todo: str) -> None:
    with pytest.raises(UserError) as caught:
        Study(CROSSED).select(condition=condition)
    assert caught.value.where == "model.yaml, key condition"
    assert must in caught.value.must
    assert caught.value.got == got
    assert todo in caught.value.todo


@pytest.mark.parametrize(
    ("options", "where", "must", "got", "todo"),
    [
        ({**ARMS, "formula": "~ arm + pre", "outcome": "rate"}, "key formula", "`pre` in a model of `post` or of the",
         "outcome `rate`", "set `outcome: post`"),
        ({**ARMS, "formula": "~ arm + pre", "outcome": "pre"}, "key formula", "`pre` in a model of `post` or of the",
         "outcome `pre`", "set `outcome: post`"),
        ({**ARMS, "formula": "~ arm + pre", "outcome": "sessions"}, "key formula", "`pre` in a model of `post`",
         "outcome `sessions`", "take `pre` out"),
        ({**ARMS, "formula": "~ arm * pre"}, "key formula", "`pre` as a term of its own", "`arm:pre`",
         "take the interaction out"),
        ({**ARMS, "formula": "~ arm + bs(pre, df=3)"}, "key formula", "`pre` as a term of its own", "`bs(pre, df=3)`",
         "take"),
        ({**ARMS, "contrast": "arm[x] - arm[y] : age", "formula": "~ arm + age"}, "key contrast",
         "a contrast that the formula can show", "`arm[x] - arm[y] : age`", "put its interaction"),
        ({**ARMS, "contrast": "arm : age", "formula": "~ arm + age"}, "key contrast",
         "a contrast that the formula can show", "does not tell apart", "put its interaction"),
        ({"contrast": "age", "formula": "~ bs(age, df=3)"}, "key contrast", "a column with one slope",
         "`age`, a spline", "without `bs()`"),
        ({**ARMS, "contrast": "arm[x] - arm[y] : age", "formula": "~ arm + bs(age, df=3)"}, "key contrast",
         "a column with one slope", "`age`, a spline", "without `bs()`"),
        ({**ARMS, "where": {"arm": ("x",)}}, "model.yaml", "at least two groups in `arm`", "x: 4", "leave the group"),
        ({**ARMS, "formula": "~ arm + wave"}, "model.yaml", "columns that differ", "`wave` is a combination",
         "take one of them out"),
        ({**ARMS, "formula": "~ arm + site"}, "model.yaml", "columns that differ", "is a combination",
         "take one of them out"),
        ({**ARMS, "formula": "~ arm + age + ill + bs(iq, df=4)"}, "model.yaml", "at least 10 participants for 8",
         "8 participants", "use fewer covariates"),
        ({**ARMS, "formula": "~ 0 + arm + agee"}, "model.yaml", "columns of the participants table", "agee",
         "did you mean `age`"),
        ({**ARMS, "within_block": "sites"}, "model.yaml", "columns of the participants table", "sites", "`site`"),
    ],
)  # fmt: skip
def test_mistakes_in_a_model_are_told_in_four_parts(
    options: dict[str, Any], where: str, must: str, got: str, todo: str
) -> None:
    rng = np.random.default_rng(4)
    timed = {"before": Session("pre", weeks=0.0), "after": Session("post", weeks=8.0)}
    study = Study(timed, wave=[2.0, 5.0] * 4, site=["b", "a"] * 4, ill=rng.normal(size=8), iq=rng.normal(size=8))
    with pytest.raises(UserError) as caught:
        study.question(**options)
    assert where in caught.value.where
    assert must in caught.value.must
    assert got in caught.value.got
    assert todo in caught.value.todo


def longitudinal(n_participants: int, n_sessions: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return participants, weeks and arm of every session, all at the same weeks."""
    participants = np.repeat(np.arange(n_participants), n_sessions)
    return participants, np.tile(np.arange(n_sessions, dtype=float), n_participants), participants % 2 * 1.0


def by_arm(n_participants: int, n_sessions: int) -> tuple[np.ndarray, np.ndarray]:
    """Return `~ arm * weeks` and its participants."""
    participants, weeks, arm = longitudinal(n_participants, n_sessions)
    return np.column_stack([np.ones(len(weeks)), arm, weeks, arm * weeks]), participants


def by_slope(n_participants: int, n_sessions: int) -> tuple[np.ndarray, np.ndarray]:
    """Return `~ weeks + arm:weeks`, with one intercept, and its participants."""
    values, participants = by_arm(n_participants, n_sessions)
    return values[:, [0, 2, 3]], participants


def by_phase(n_participants: int, n_sessions: int) -> tuple[np.ndarray, np.ndarray]:
    """Return `~ phase`, a phase for each session, and its participants."""
    participants, weeks, _ = longitudinal(n_participants, n_sessions)
    later = weeks[:, None] == np.arange(1, n_sessions)
    return np.column_stack([np.ones(len(weeks)), later]), participants


def by_age(n_participants: int, n_sessions: int) -> tuple[np.ndarray, np.ndarray]:
    """Return `~ age + iq`, both constant within participants, and the participants."""
    participants, weeks, _ = longitudinal(n_participants, n_sessions)
    constant = np.random.default_rng(1).normal(40, 9, (n_participants, 2))[participants]
    return np.column_stack([np.ones(len(weeks)), constant]), participants


def with_motion(n_participants: int, n_sessions: int) -> tuple[np.ndarray, np.ndarray]:
    """Return `~ arm * weeks + mean_fd`, with the motion of each session, and its participants."""
    values, participants = by_arm(n_participants, n_sessions)
    return np.column_stack([values, np.random.default_rng(2).uniform(0.1, 0.3, len(values))]), participants


@pytest.mark.parametrize(
    ("made", "enough", "must"),
    [
        (by_arm, (4, 2), "at least 4 sessions besides the first of each participant"),
        (by_arm, (4, 30), "at least 4 participants"),
        (by_slope, (4, 30), "at least 4 participants with several sessions"),
        (with_motion, (5, 2), "at least 5 sessions besides the first of each participant"),
        (with_motion, (4, 3), "at least 4 participants"),
        (by_phase, (3, 6), "at least 3 participants"),
        (by_phase, (3, 2), "at least 3 sessions besides the first of each participant"),
        (by_age, (5, 2), "at least 5 participants"),
        (by_age, (5, 30), "at least 5 participants"),
    ],
)  # fmt: skip
def test_sessions_do_not_stand_in_for_participants(made: Any, enough: tuple[int, int], must: str) -> None:
    """What is enough for a model of sessions is not with a participant less, however many sessions there are."""
    n_participants, n_sessions = enough
    values, participants = made(n_participants, n_sessions)
    columns = tuple(f"x{number}" for number in range(values.shape[1]))
    check_sessions(values, columns, participants, "m")
    with pytest.raises(UserError) as caught:
        check_sessions(
            *(made(n_participants - 1, n_sessions)[0], columns, made(n_participants - 1, n_sessions)[1]), "m"
        )
    assert caught.value.must.startswith(must + " for ")
    told = f"({(n_participants - 1) * n_sessions} sessions of {n_participants - 1} participants)"
    assert caught.value.got.endswith(told)


def test_two_sessions_of_everyone_are_enough_where_their_changes_are() -> None:
    """`~ arm * phase + mean_fd` in sessions asks for as many people as `~ arm + fd_change` in changes: k + 2 = 5."""
    study = Study(PLAIN)
    options = {"formula": "~ arm * phase", "contrast": "phase[post] - phase[pre] : arm[x] - arm[y]"}
    for n in (4, 5):
        names = study.people["participant_id"][:n]
        for asked, rows in (
            (model(**ARMS, motion_covariate=True), study.select(**ARMS, motion_covariate=True).rows),
            (model(**options, outcome="sessions", motion_covariate=True),
             study.select(**options, outcome="sessions", motion_covariate=True).rows),
        ):  # fmt: skip
            chosen = rows[rows["participant_id"].isin(names)].reset_index(drop=True)
            if n == 5:
                assert question(chosen, asked, "model.yaml").n == 5
            else:
                with pytest.raises(UserError, match="at least 5"):
                    question(chosen, asked, "model.yaml")


@pytest.mark.parametrize(
    ("missing", "must", "got"),
    [
        (range(1, 9), "at least 2 sessions besides the first of each participant for 2 columns (Intercept, weeks), of "
         "which 0 vary within participants", "0 (8 sessions of 8 participants)"),
        (range(1, 7), "at least 3 sessions besides", "2 (10 sessions of 8 participants)"),
    ],
)  # fmt: skip
def test_a_model_of_sessions_needs_people_with_several(missing: range, must: str, got: str) -> None:
    timed = {"before": Session("pre", weeks="first"), "after": Session("post", weeks=8.0)}
    study = Study(timed, lost=[(f"sub-{number}", "after") for number in missing], first=np.arange(8.0) / 2)
    with pytest.raises(UserError) as caught:
        study.question(formula="~ weeks", contrast="weeks", outcome="sessions")
    assert caught.value.where == "model.yaml"
    assert caught.value.must.startswith(must)
    assert caught.value.got == got
    assert caught.value.todo == "use fewer columns, or loosen what excluded participants and sessions"


def test_many_sessions_of_one_person_are_no_replication() -> None:
    """One person with ten sessions and eight with one: a slope per week would be that of one person."""
    participants = np.concatenate([np.zeros(10, dtype=int), np.arange(1, 9)])
    values = np.column_stack([np.ones(18), np.concatenate([np.arange(10.0), np.zeros(8)])])
    with pytest.raises(UserError) as caught:
        check_sessions(values, ("Intercept", "weeks"), participants, "m")
    assert caught.value.must.startswith("at least 3 participants with several sessions")
    assert caught.value.got == "1 (18 sessions of 9 participants)"


def test_a_column_that_varies_only_by_rounding_is_constant() -> None:
    values, participants = by_age(5, 4)
    assert values.shape == (20, 3)
    noise = 1 + 1e-14 * np.random.default_rng(3).normal(size=values.shape)
    check_sessions(1e6 * values * noise, ("a", "b", "c"), participants, "m")
    fewer = participants < 4
    with pytest.raises(UserError, match=r"at least 5 participants .*of which 0 vary"):
        check_sessions((1e6 * values * noise)[fewer], ("a", "b", "c"), participants[fewer], "m")


def test_motion_of_one_session_that_is_another_column_is_told() -> None:
    study = Study(PLAIN)
    rows = study.select(**ARMS, outcome="post", motion_covariate=True).rows
    same = rows.assign(age=2 * rows["mean_fd"])
    with pytest.raises(UserError) as caught:
        question(same, model(**{**ARMS, "formula": "~ arm + age"}, outcome="post", motion_covariate=True), "m")
    assert caught.value.todo == "set `motion_covariate: false`"


def test_a_mean_change_is_not_adjusted_for_the_value_before() -> None:
    """Its average would count as known: 9 % false positives where before and after go along by 0.5."""
    with pytest.raises(UserError) as caught:
        Study(PLAIN).question(formula="~ pre")
    assert caught.value.where == "model.yaml, key contrast"
    assert caught.value.got == "`mean`"
    assert Study(CROSSED).question(formula="~ pre", condition="drug - placebo").method == "flips"


def test_conditions_that_are_tested_together_have_no_blocks_to_stay_in() -> None:
    study = Study(CROSSED, site=["a", "b"] * 4)
    with pytest.raises(UserError) as caught:
        study.question(**{**ARMS, "condition": "drug, low, placebo", "within_block": "site"})
    assert caught.value.where == "model.yaml, key within_block"
    assert caught.value.must == "one change for each participant"
    assert study.question(condition="drug, low, placebo", whole_block="site").design.whole


def test_an_arm_that_nobody_is_left_in_is_told() -> None:
    study = Study(PLAIN, lost=[(f"sub-{number}", "after") for number in (1, 3, 5, 7)])
    with pytest.raises(UserError) as caught:
        study.question(**ARMS)
    assert caught.value.got == "x: 4"


def test_an_arm_out_of_three_that_nobody_is_left_in_is_no_level() -> None:
    study = Study(PLAIN, lost=[("sub-8", "after"), ("sub-7", "after")], arm=["z", "z"] + ["x", "y"] * 3)
    assert study.question(**ARMS).asked.levels == ("x", "y")
    with pytest.raises(UserError) as caught:
        study.question(formula="~ arm", contrast="arm[z] - arm[y]")
    assert caught.value.must == "a level of `arm` among the analysed participants (x, y)"
