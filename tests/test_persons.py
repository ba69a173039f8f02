"""Measures of the person in a model: values of columns worked out by hand, and why a participant has none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from connect.errors import UserError
from connect.persons import Persons, described, persons, read_measured
from connect.settings.cohort import Cohort, Session
from connect.settings.model import Model

CROSSED = {f"{name}{phase}": Session(phase, name) for name in ("drug", "placebo") for phase in ("pre", "post")}
PLAIN = {"pre": Session("pre"), "post": Session("post"), "late": Session("other")}
DRUG, DIFFERENCE, MEAN = {"drug": 1.0}, {"drug": 1.0, "placebo": -1.0}, {"drug": 0.5, "placebo": 0.5}


def model(formula: str, contrast: str = "mean", **options: Any) -> Model:
    return Model("?", formula, contrast, phenotypes=("oxytocin",), **options)


def table(rows: list[tuple[str, str, float, str | None]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["participant_id", "session_id", "value", "note"])


def crossed(formula: str, part: dict[str, float], **options: Any) -> Persons:
    """Return one participant with 10 and 16 pg/mL under drug and 8 and 9 under placebo, and one who lacks two."""
    values = (10.0, 16.0, 8.0, 9.0)
    rows = [("sub-1", f"ses-{label}", value, None) for label, value in zip(CROSSED, values, strict=True)]
    rows += [("sub-2", "ses-drugpre", 5.0, "below the limit"), ("sub-2", "ses-drugpost", np.nan, "haemolysed")]
    rows += [("sub-2", "ses-placebopre", np.nan, None)]
    cohort = Cohort("t", Path(), Path(), CROSSED)
    return persons({"oxytocin": table(rows)}, model(formula, **options), cohort, part)


def plain(formula: str, rows: list[tuple[str, str, float, str | None]], **options: Any) -> Persons:
    return persons({"oxytocin": table(rows)}, model(formula, **options), Cohort("t", Path(), Path(), PLAIN), {"": 1.0})


@pytest.mark.parametrize(
    ("part", "pre", "post", "change"),
    [(DRUG, 10, 16, 6), ({"placebo": 1.0}, 8, 9, 1), (DIFFERENCE, 2, 7, 5), (MEAN, 9, 12.5, 3.5)],
)
def test_columns_of_a_weighting_by_hand(part: dict[str, float], pre: float, post: float, change: float) -> None:
    columns = [f"oxytocin_{moment}" for moment in ("change", "rate", "pre", "post")]
    found = crossed(f"~ {' + '.join(columns)}", part).of_part("sub-1", part, weeks=4.0)
    expected = {"oxytocin_change": change, "oxytocin_rate": change / 4, "oxytocin_pre": pre, "oxytocin_post": post}
    assert found == pytest.approx(expected)


def test_only_columns_that_the_formula_names_are_made() -> None:
    assert list(crossed("~ bs(oxytocin_post, df=3) + age", DRUG).of_part("sub-1", DRUG)) == ["oxytocin_post"]


def test_a_rate_without_times_is_missing() -> None:
    assert np.isnan(crossed("~ oxytocin_rate", DRUG).of_part("sub-1", DRUG)["oxytocin_rate"])


def test_what_is_missing_is_carried_and_never_0() -> None:
    found = crossed("~ oxytocin_change + oxytocin_pre", DRUG)
    values = found.of_part("sub-2", DRUG)
    assert np.isnan(values["oxytocin_change"])
    assert values["oxytocin_pre"] == 5
    assert np.isnan(found.of_part("sub-3", DRUG)["oxytocin_pre"])


def test_a_session_has_its_own_value_beside_those_of_the_participant() -> None:
    found = plain("~ oxytocin * oxytocin_pre", [("sub-1", "ses-pre", 10, None), ("sub-1", "ses-late", 30, None)],
                  outcome="sessions")  # fmt: skip
    assert found.of_session("sub-1", "late") == {"oxytocin": 30, "oxytocin_pre": 10}
    assert np.isnan(found.of_session("sub-1", "post")["oxytocin"])


def test_session_labels_may_lack_their_prefix() -> None:
    assert plain("~ oxytocin_pre", [("sub-1", "pre", 10, None)]).of_part("sub-1", {"": 1.0}) == {"oxytocin_pre": 10}


@pytest.mark.parametrize(
    ("formula", "part", "reason"),
    [
        ("~ oxytocin_pre", DRUG, ""),
        ("~ oxytocin_post", DRUG, "no oxytocin after (haemolysed)"),
        ("~ oxytocin_change + oxytocin_post", DRUG, "no oxytocin after (haemolysed)"),
        ("~ oxytocin_pre", DIFFERENCE, "no oxytocin before under placebo"),
        (
            "~ oxytocin_change",
            DIFFERENCE,
            "no oxytocin before under placebo; no oxytocin after under drug (haemolysed); "
            "no oxytocin after under placebo",
        ),
    ],
)
def test_reasons_name_the_phase_and_the_note(formula: str, part: dict[str, float], reason: str) -> None:
    found = crossed(formula, part)
    assert found.reason("sub-2") == reason
    assert found.reason("sub-1") == ""


def test_reasons_of_sessions_tell_the_notes_of_those_without_a_value() -> None:
    rows = [("sub-1", "ses-pre", np.nan, "haemolysed"), ("sub-1", "ses-post", 4.0, "below the limit"),
            ("sub-1", "ses-late", np.nan, "lost"), ("sub-2", "ses-pre", np.nan, "late")]  # fmt: skip
    found = plain("~ oxytocin", rows, outcome="sessions")
    assert found.of_sessions("sub-1") == "oxytocin (haemolysed; lost)"
    assert found.of_sessions("sub-3") == "oxytocin"
    assert found.reason("sub-1") == ""


def test_notes_that_are_all_missing_are_read(tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    path = tmp_path / "oxytocin.tsv"
    path.write_text("participant_id\tsession_id\tvalue\tmeasured\tnote\nsub-1\tses-pre\tn/a\tn/a\tn/a\n")
    found = persons(read_measured([path]), model("~ oxytocin_pre"), Cohort("t", Path(), Path(), PLAIN), {"": 1.0})
    assert found.reason("sub-1") == "no oxytocin before"
    assert not recwarn.list


def test_hyphens_of_a_name_are_underlines_in_columns_and_not_in_words() -> None:
    named = Model("?", "~ ecr_anxiety_pre", "ecr_anxiety_pre", phenotypes=("ecr-anxiety",))
    rows = table([("sub-1", "ses-pre", 3.0, None)])
    found = persons({"ecr-anxiety": rows}, named, Cohort("t", Path(), Path(), PLAIN), {"": 1.0})
    assert found.of_part("sub-1", {"": 1.0}) == {"ecr_anxiety_pre": 3.0}
    assert found.reason("sub-2") == "no ecr-anxiety before"


def test_a_phenotype_needs_its_table() -> None:
    with pytest.raises(UserError, match="a table of oxytocin") as caught:
        persons({"cortisol": table([])}, model("~ oxytocin_pre"), Cohort("t", Path(), Path(), PLAIN), {"": 1.0})
    assert (caught.value.where, caught.value.got) == ("flag --phenotypes", "cortisol")


@pytest.mark.parametrize(
    ("name", "formula", "outcome"),
    [("fd", "~ fd_change", "change"), ("weeks", "~ weeks", "sessions"), ("between", "~ between", "sessions"),
     ("mean-fd", "~ mean_fd", "sessions")],
)  # fmt: skip
def test_a_phenotype_cannot_be_called_like_what_connect_writes(name: str, formula: str, outcome: Any) -> None:
    named = Model("?", formula, formula[2:], phenotypes=(name,), outcome=outcome)
    with pytest.raises(UserError, match="other names than those that connect writes"):
        persons({name: table([])}, named, Cohort("t", Path(), Path(), PLAIN), {"": 1.0})


def test_a_table_needs_its_columns(tmp_path: Path) -> None:
    path = tmp_path / "oxytocin.tsv"
    path.write_text("participant_id\tsession_id\tvalue\nsub-1\tses-pre\t1\n")
    with pytest.raises(UserError, match="note"):
        read_measured([path])


def test_each_column_of_the_formula_is_described(tmp_path: Path) -> None:
    path = tmp_path / "oxytocin.tsv"
    record = {"title": "Oxytocin in plasma", "unit": "ln pg/mL", "higher": "more oxytocin", "words": "logarithm"}
    record["source"] = "Nobody 2020"
    path.with_suffix(".json").write_text(json.dumps({**record, "n": 3, "columns": {}}))
    found = described([path], model("~ oxytocin_change * oxytocin_pre", "oxytocin_change"))
    assert found == {
        f"oxytocin_{moment}": {"phenotype": "oxytocin", "moment": moment, **record} for moment in ("change", "pre")
    }
    assert described([path], model("~ oxytocin_rate", "mean")).keys() == {"oxytocin_rate"}
