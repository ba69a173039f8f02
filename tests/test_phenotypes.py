"""`connect phenotypes`: tables of every layout, units, limits, samples, scores, the heart; how mistakes are told."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

import connect.phenotypes.heart
from connect.config import Place, parse
from connect.errors import UserError
from connect.phenotypes import phenotypes
from connect.phenotypes.words import in_words
from connect.settings.phenotype import Phenotype, ScoreOf, variable
from connect.settings.score import Score
from connect.tables import read_table

ROOT = Path(__file__).parents[1]
HORMONE = {"title": "Cortisol", "unit": "ug/dL", "higher": "more cortisol", "column": "cortisol"}
SCALE = {"title": "Scale", "unit": "score", "higher": "more", "column": "scale"}
IN_NMOL = {"conversion": "1 ug/dL = 27.59 nmol/L"}
NAN = float("nan")


def table(path: Path, text: str) -> Path:
    """Write a table whose columns are parted by `|` and rows by lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join("\t".join(line.strip(" ").split("|")) + "\n" for line in text.strip().splitlines()))
    return path


class Study:
    """A folder with two sessions and three participants."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        table(folder / "participants.tsv", "participant_id|group\nsub-01|a\nsub-02|a\nsub-03|b")
        sessions = {"pre": {"phase": "pre"}, "post": {"phase": "post"}}
        cohort = {"title": "C", "derivatives": ".", "participants": "participants.tsv", "sessions": sessions}
        (folder / "cohort.yaml").write_text(yaml.safe_dump(cohort, sort_keys=False))

    def table(self, text: str, name: str = "h.tsv", **sidecar: dict[str, str]) -> Path:
        path = table(self.folder / name, text)
        if sidecar:
            path.with_suffix(".json").write_text(json.dumps(sidecar))
        return path

    def run(self, settings: dict[str, Any], score: str = "") -> pd.DataFrame:
        """Return what the command writes, by participant and session."""
        file = self.folder / "measure.yaml"
        file.write_text(yaml.safe_dump({"file": "h.tsv", **settings}))
        values, record = self.folder / "out" / "measure.tsv", self.folder / "out" / "measure.json"
        key = [ROOT / "config" / "scores" / f"{score}.yaml"] if score else []
        phenotypes(self.folder / "cohort.yaml", file, self.folder / "participants.tsv", values, record, key)
        self.record = json.loads(record.read_text())
        made = read_table(values)
        assert list(made) == ["participant_id", "session_id", "value", "measured", "note"]
        return made.set_index(["participant_id", "session_id"])

    def refused(self, settings: dict[str, Any], score: str = "") -> UserError:
        with pytest.raises(UserError) as caught:
            self.run(settings, score)
        return caught.value


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return Study(tmp_path)


def column(made: pd.DataFrame, name: str = "value") -> list[Any]:
    return [None if pd.isna(cell) else cell for cell in made[name]]


# --- layouts --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("session", ["ses-{}", "{}"])
@pytest.mark.parametrize("person", ["sub-{}", "{}"])
def test_a_long_table(study: Study, session: str, person: str) -> None:
    pre, post = session.format("pre"), session.format("post")
    one, two, three = (person.format(n) for n in ("01", "02", "03"))
    rows = [f"{one}|{pre}|10", f"{one}|{post}|12,5", f"{two}|{pre}| 11 ", f"{two}|{post}|NA", f"{three}|{pre}|"]
    study.table("\n".join(["participant_id|session_id|cortisol", *rows]))
    made = study.run(HORMONE)
    assert list(made.index) == [(f"sub-0{n}", f"ses-{label}") for n in (1, 2, 3) for label in ("pre", "post")]
    assert column(made) == [10, 12.5, 11, None, None, None]
    assert column(made, "note") == [None, None, None, "n/a in the table", "an empty cell", "no row in the table"]


@pytest.mark.parametrize("names", [("BDI_ses-pre", "BDI_ses-post"), ("BDI_pre", "BDI_post")])
def test_a_wide_table(study: Study, names: tuple[str, str]) -> None:
    study.table(f"participant_id|{names[0]}|{names[1]}\n01|10|12\n02|n/a|7")
    made = study.run({**SCALE, "column": "BDI_{session}"})
    assert column(made) == [10, 12, None, 7, None, None]


def test_sessions_under_other_names(study: Study) -> None:
    names = {"sessions": {"pre": "T1", "post": "T2"}}
    study.table("participant_id|BDI_T1|BDI_T2\n01|10|12\n02|n/a|7")
    assert column(study.run({**SCALE, "column": "BDI_{session}", **names})) == [10, 12, None, 7, None, None]
    study.table("participant_id|session_id|scale\n01|T1|10\n01|T2|12\n02|T2|7")
    assert column(study.run({**SCALE, **names})) == [10, 12, None, 7, None, None]


def test_a_table_without_sessions_is_the_baseline(study: Study) -> None:
    study.table("participant_id|scale\nsub-01|3\nsub-02|4\nsub-03|5")
    made = study.run(SCALE)
    assert column(made) == [3, None, 4, None, 5, None]
    assert set(made.loc[(slice(None), "ses-post"), "note"]) == {"measured at baseline only"}


def test_the_participants_table_is_the_default_whatever_it_is_called(study: Study) -> None:
    study.table("participant_id|scale\nsub-01|3\nsub-02|4\nsub-03|5", "participants.tsv")
    assert column(study.run({**SCALE, "file": "participants.tsv"}))[::2] == [3, 4, 5]


def test_a_wide_table_without_one_of_the_sessions(study: Study) -> None:
    study.table("participant_id|BDI_ses-pre\n01|10\n02|3\n03|4")
    made = study.run({**SCALE, "column": "BDI_{session}"})
    assert column(made) == [10, None, 3, None, 4, None]
    assert made["note"].dropna().unique().tolist() == ["no column for this session"]


def test_a_file_for_each_participant(study: Study) -> None:
    study.table("session_id|scale\npre|1\npost|2", "sub-01/x.tsv")
    study.table("participant_id|session_id|scale\n02|pre|3", "sub-02/x.tsv")
    made = study.run({**SCALE, "file": "{participant}/x.tsv"})
    assert column(made) == [1, 2, 3, None, None, None]
    assert column(made, "note") == [None, None, None, "no row in the table", "no file", "no file"]


def test_a_file_for_each_participant_and_session(study: Study) -> None:
    study.table("scale\n1", "sub-01/ses-pre/x.tsv")
    study.table("scale\n2", "sub-01/post/x.tsv")
    made = study.run({**SCALE, "file": "{participant}/{session}/x.tsv"})
    assert column(made) == [1, 2, None, None, None, None]
    assert made["note"].dropna().unique().tolist() == ["no file"]


def test_who_and_what_does_not_count_is_told(study: Study, capsys: pytest.CaptureFixture[str]) -> None:
    study.table("participant_id|session_id|scale|other\n01|pre|1,5|NA\n01|week4|2|1\n99|pre|3|NaN\n02|pre|NaN|1")
    assert column(study.run(SCALE)) == [1.5, None, None, None, None, None]
    told = capsys.readouterr().err
    assert "participants.tsv, left out: sub-99" in told
    assert "no session of the cohort, left out: week4" in told
    assert "column scale: NaN read as n/a; decimal commas read" in told
    assert "column other" not in told
    assert told.splitlines()[-1].endswith("values of 3 participants: ses-pre 1, ses-post 0")


@pytest.mark.parametrize(
    ("text", "settings", "got", "todo"),
    [
        ("participant_id|session_id|scale\n01|pre|5\n01|pre|7", {}, "sub-01 ses-pre: 5, sub-01 ses-pre: 7", "samples"),
        ("participant_id|scale\n01|5\nsub-01|5", {}, "sub-01 ses-pre: 5, sub-01", "session_id"),
        ("participant_id|scael\n01|5", {}, "`scale`", "did you mean `scael`?"),
        ("participant_id|BDI_ses-pr\n01|5", {"column": "BDI_{session}"}, "`BDI_ses-pre`", "did you mean `BDI_ses-pr`?"),
        ("participant_id|session_id|a_pre\n01|pre|5", {"column": "a_{session}"}, "`session_id`", "take `{session}`"),
        ("participant_id|scale\n77|5", {}, "rows for sub-77", "correct participant_id"),
        ("participant_id|session_id|scale\n01|T1|5", {}, "T1", "sessions: {pre: T1, post: T2}"),
        ("participant_id|session_id|scale\n01|n/a|5", {}, "none for sub-01", "write it"),
        ("subject|scale\n01|5", {}, "columns subject, scale", "add the column"),
        ("participant_id|scale\n01|5", {"file": "hh.tsv"}, "no ", "did you mean `h.tsv`?"),
        ("participant_id|scale\n01|5", {"file": "{participant}_h.tsv"}, "sub-01_h.tsv", "correct the path"),
        ("participant_id|scale\n01|high\n02|3", {}, "sub-01 ses-pre: high", "write `<`"),
        ("participant_id|scale\n01|1,250\n02|3", {}, "three digits after every comma", "decimal points"),
        ("participant_id|scale\n01|1,25\n02|1.5", {}, "commas and points", "decimal points"),
        ("participant_id|scale\n01|inf\n02|1.5", {}, "sub-01 ses-pre: inf", "correct the cells"),
    ],
)
def test_mistakes_in_tables(study: Study, text: str, settings: dict[str, Any], got: str, todo: str) -> None:
    study.table(text)
    error = study.refused({**SCALE, **settings})
    assert got in error.got
    assert todo in error.todo


def test_a_file_of_one_participant_has_rows_of_that_one(study: Study) -> None:
    study.table("participant_id|scale\n02|1", "sub-01/x.tsv")
    assert study.refused({**SCALE, "file": "{participant}/x.tsv"}).got == "sub-02"


def test_at_most_five_rows_are_shown(tmp_path: Path) -> None:
    study = Study(tmp_path)
    people = [f"sub-{n:02}" for n in range(1, 9)]
    table(tmp_path / "participants.tsv", "\n".join(["participant_id", *people]))
    study.table("\n".join(["participant_id|scale", *(f"{name}|many" for name in people)]))
    assert study.refused(SCALE).got.endswith("sub-05 ses-pre: many and 3 more")


# --- units ----------------------------------------------------------------------------------------------------------

LONG = "participant_id|session_id|cortisol\n01|pre|275.9\n01|post|551.8\n02|pre|n/a"


@pytest.mark.parametrize("unit", ["nmol/L", "nM", "nmol/l"])
def test_values_are_told_in_the_unit_of_the_phenotype(study: Study, unit: str) -> None:
    study.table(LONG)
    made = study.run({**HORMONE, **IN_NMOL, "measured_in": unit})
    assert column(made) == [pytest.approx(10), pytest.approx(20), None, None, None, None]
    assert study.record["words"] == (
        f"`cortisol` of h.tsv; converted from {unit} to ug/dL (with 1 ug/dL = 27.59 nmol/L)"
    )


def test_the_unit_of_the_sidecar_and_of_a_column_of_the_table(study: Study) -> None:
    study.table(LONG, cortisol={"Units": "nmol/L"})
    assert column(study.run({**HORMONE, **IN_NMOL}))[:2] == [pytest.approx(10), pytest.approx(20)]
    (study.folder / "h.json").unlink()
    study.table("participant_id|cortisol|Unit\n01|100|\u03bcg/L\n02|200|ug/l\n03|n/a|n/a")
    assert column(study.run(HORMONE))[::2] == [pytest.approx(10), pytest.approx(20), None]


@pytest.mark.parametrize("words", ["scores", "points", "Score"])
def test_words_for_the_unit_of_questionnaires(study: Study, words: str) -> None:
    study.table("participant_id|scale\n01|3\n02|4", scale={"Units": words})
    assert column(study.run(SCALE))[::2] == [3, 4, None]


@pytest.mark.parametrize(
    ("text", "sidecar", "settings", "must", "got"),
    [
        (LONG, "nmol/L", {"measured_in": "ug/dL"}, "one unit, ug/dL", "nmol/L in the table or its JSON sidecar"),
        (LONG, "ng/mL", {"measured_in": "ug/dL"}, "one unit, ug/dL", "ng/mL in the table"),
        (LONG, "nmol/L", {"conversion": ""}, "a unit in which nmol/L can be told", "ug/dL"),
        (LONG, "foo", {}, "a unit such as", "`foo`"),
        (LONG, "", {"measured_in": "foo"}, "a unit such as", "`foo`"),
        (LONG, "", {"unit": "PG/ML"}, "a unit such as", "`PG/ML`"),
        (LONG, "", {"measured_in": "ms"}, "a unit that can be told in ug/dL", "ms"),
        (LONG, "", {"conversion": "1 ms = 2 nmol/L"}, "a side that can be told in ug/dL", "ms"),
        (LONG, "", {"conversion": "1 ug/dL = 10 ng/mL"}, "units of different kinds", "measure the same"),
        ("participant_id|cortisol\n01|14 nmol/L\n02|3", "", {}, "numbers alone", "sub-01 ses-pre: 14 nmol/L"),
        ("participant_id|cortisol\n01|0.5\u00b5g/dL\n02|3", "", {}, "numbers alone", "0.5\u00b5g/dL"),
        ("participant_id|cortisol|unit\n01|14|nmol/L\n02|3|ug/dL", "", {}, "one unit", "sub-02 ses-pre: 3"),
        ("participant_id|cortisol|units\n01|14|nmol/L", "", {"measured_in": "ug/dL"}, "one unit, ug/dL", "nmol/L"),
    ],
)
def test_units_that_contradict_each_other(
    study: Study, text: str, sidecar: str, settings: dict[str, Any], must: str, got: str
) -> None:
    study.table(text, **({"cortisol": {"Units": sidecar}} if sidecar else {}))
    error = study.refused({**HORMONE, **IN_NMOL, **settings})
    assert must in error.must
    assert got in error.got


def test_a_score_has_no_other_unit(study: Study) -> None:
    study.table("participant_id|scale\n01|3", scale={"Units": "pg/mL"})
    assert "pg/mL" in study.refused(SCALE).got


@pytest.mark.parametrize(
    ("cells", "settings", "hint"),
    [
        (("400", "12"), IN_NMOL, "400 is plausible as nmol/L, which is 14.5 ug/dL"),
        (("120", "12"), {}, "120 is plausible as ng/mL, which is 12 ug/dL"),
        (("400", "300"), {**IN_NMOL, "measured_in": "ng/mL", "plausible": [3, 25]}, "as nmol/L, which is 14.5 ug/dL"),
        (("0.00001", "12"), {"plausible": [0.5, 50]}, "as mg/mL, which is 1 ug/dL"),
    ],
)
def test_values_that_cannot_be(study: Study, cells: tuple[str, str], settings: dict[str, Any], hint: str) -> None:
    study.table(f"participant_id|cortisol\n01|{cells[0]}\n02|{cells[1]}")
    error = study.refused({**HORMONE, "plausible": [0.5, 50], **settings})
    assert error.must.endswith(" ug/dL")
    assert f"sub-01 ses-pre: {float(cells[0]):g}" in error.got
    assert hint in error.todo


def test_a_value_that_no_unit_makes_plausible_has_no_hint(study: Study) -> None:
    study.table("participant_id|scale\n01|70\n02|3")
    error = study.refused({**SCALE, "plausible": [0, 63]})
    assert error.got == "sub-01 ses-pre: 70 (score)"
    assert "plausible as" not in error.todo


# --- limits and transform -------------------------------------------------------------------------------------------

LIMIT = {"limit_of_detection": 5.0, "plausible": [0, 100]}
NOTE = "below the limit of detection (5 ug/dL): "


@pytest.mark.parametrize(
    ("rule", "value", "words"),
    [
        ("half", 2.5, "half of it"),
        ("root-half", 5 / math.sqrt(2), "it divided by the square root of 2"),
        ("limit", 5, "the limit itself"),
        ("missing", None, "missing"),
    ],
)
@pytest.mark.parametrize("cell", ["<5", "< 5", "<5.0", "< 3", "<LOD", "< lod"])
def test_below_the_limit_of_detection(study: Study, cell: str, rule: str, value: float | None, words: str) -> None:
    study.table(f"participant_id|session_id|cortisol\n01|pre|{cell}\n01|post|4.9\n02|pre|5\n02|post|6")
    made = study.run({**HORMONE, **LIMIT, "below_limit": rule})
    expected = None if value is None else pytest.approx(value)
    assert column(made) == [expected, expected, 5, 6, None, None]
    assert column(made, "measured") == [None, 4.9, 5, 6, None, None]
    assert column(made, "note")[:4] == [NOTE + words, NOTE + words, None, None]
    assert study.record["n_below_limit"] == 2
    assert study.record["words"] == (f"`cortisol` of h.tsv; below the limit of detection (5 ug/dL): {words} (2 values)")
    assert study.record["n"] == (1 if value is None else 2)


def test_limits_are_told_in_the_unit_of_the_column(study: Study) -> None:
    study.table("participant_id|cortisol\n01|<137,95\n02|275,9")
    made = study.run({**HORMONE, **IN_NMOL, **LIMIT, "measured_in": "nmol/L", "below_limit": "half"})
    assert column(made)[::2] == [2.5, pytest.approx(10), None]


def test_cells_below_a_limit_need_one_that_is_not_lower(study: Study) -> None:
    study.table("participant_id|cortisol\n01|<7\n02|8")
    assert "sub-01 ses-pre: <7" in study.refused(HORMONE).got
    study.table("participant_id|cortisol\n01|<LOD\n02|8")
    assert "sub-01 ses-pre: <LOD" in study.refused(HORMONE).got
    study.table("participant_id|cortisol\n01|<7\n02|8")
    error = study.refused({**HORMONE, **LIMIT, "below_limit": "half"})
    assert "sub-01 ses-pre: <7" in error.got
    assert "5 ug/dL" in error.must


def test_the_natural_logarithm(study: Study) -> None:
    study.table("participant_id|cortisol\n01|<5\n02|10")
    made = study.run({**HORMONE, **LIMIT, "below_limit": "half", "transform": "log"})
    assert column(made)[::2] == [pytest.approx(math.log(2.5)), pytest.approx(math.log(10)), None]
    assert column(made, "measured")[::2] == [None, 10, None]
    assert study.record["unit"] == "ln ug/dL"
    study.table("participant_id|cortisol\n01|0\n02|10")
    assert study.refused({**HORMONE, "transform": "log"}).got == "sub-01 ses-pre: 0"


# --- samples --------------------------------------------------------------------------------------------------------

SAMPLES = """participant_id|session_id|minutes|cortisol
01|pre|30|14
01|pre|0|8
01|pre|60|10
01|post|0|8
01|post|30|n/a
01|post|60|12
02|pre|0|6
02|pre|60|6
"""


@pytest.mark.parametrize(
    ("summary", "values", "notes", "unit"),
    [
        ("auc_g", [690, None, None], [None, "2 of 3 samples: no area", "2 of 3 samples: no area"], "ug/dL*min"),
        ("auc_i", [210, None, None], [None, "2 of 3 samples: no area", "2 of 3 samples: no area"], "ug/dL*min"),
        ("mean", [32 / 3, 10, 6], [None, "mean of 2 of 3 samples", "mean of 2 of 3 samples"], "ug/dL"),
        ("peak", [14, 12, 6], [None, "largest of 2 of 3 samples", "largest of 2 of 3 samples"], "ug/dL"),
        ("first", [8, 8, 6], [None, None, None], "ug/dL"),
    ],
)
def test_samples_of_a_long_table(
    study: Study, summary: str, values: list[float | None], notes: list[str | None], unit: str
) -> None:
    study.table(SAMPLES)
    made = study.run({**HORMONE, "samples": {"time": "minutes", "summary": summary}})
    assert column(made)[:3] == [None if value is None else pytest.approx(value) for value in values]
    assert column(made, "note")[:3] == notes
    assert study.record["unit"] == unit


def test_samples_of_a_wide_table(study: Study) -> None:
    study.table("participant_id|c_s1_pre|c_s2_pre|c_s1_post|c_s2_post\n01|10|20|5|5\n02|8|n/a|4|6")
    samples = {"minutes": {"s1": 0, "s2": 30}, "summary": "auc_g"}
    made = study.run({**HORMONE, "column": "c_{sample}_{session}", "samples": samples})
    assert column(made) == [450, 150, None, 150, None, None]


def test_samples_below_the_limit(study: Study) -> None:
    study.table(SAMPLES.replace("|0|8", "|0|<5"))
    settings = {**HORMONE, **LIMIT, "below_limit": "half", "samples": {"time": "minutes", "summary": "auc_g"}}
    made = study.run(settings)
    assert made.loc[("sub-01", "ses-pre"), "value"] == pytest.approx(30 * (2.5 + 14) / 2 + 30 * 12)
    assert np.isnan(made.loc[("sub-01", "ses-pre"), "measured"])
    assert made.loc[("sub-01", "ses-pre"), "note"] == f"1 of 3 samples {NOTE}half of it"


def test_spans_that_differ_are_told(study: Study, capsys: pytest.CaptureFixture[str]) -> None:
    study.table("participant_id|t|cortisol\n01|0|1\n01|60|2\n02|0|1\n02|75|2")
    made = study.run({**HORMONE, "samples": {"time": "t", "summary": "auc_g"}})
    assert column(made)[::2] == [90, 112.5, None]
    assert "samples span 60 to 75 min" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "samples", "got"),
    [
        (SAMPLES + "02|pre|0|9", {"time": "minutes"}, "sub-02 ses-pre at 0 min: 6, sub-02 ses-pre at 0 min: 9"),
        (SAMPLES + "02|pre|soon|9", {"time": "minutes"}, "sub-02 ses-pre: soon"),
        (SAMPLES + "02|pre|n/a|9", {"time": "minutes"}, "sub-02 ses-pre: n/a"),
        (SAMPLES, {"time": "minute"}, "`minute`"),
        (SAMPLES, {"time": "minutes", "number": 2}, "sub-01 ses-pre at 0 min: 8"),
    ],
)
def test_mistakes_in_samples(study: Study, text: str, samples: dict[str, Any], got: str) -> None:
    study.table(text)
    assert got in study.refused({**HORMONE, "samples": {"summary": "auc_g", **samples}}).got


# --- scores and the heart -------------------------------------------------------------------------------------------

ANXIETY = {
    "title": "Stress",
    "higher": "more stress",
    "score": {"key": "pss-10", "scale": "stress", "items": "p{item}"},
}


def answers(template: str, *sets: tuple[str, list[str]]) -> str:
    head = "|".join(["participant_id|session_id", *(template.format(item=n) for n in range(1, 11))])
    return "\n".join([head, *("|".join([who, *cells]) for who, cells in sets)])


@pytest.mark.parametrize("template", ["p{item}", "p{item:02}"])
def test_the_scale_of_a_questionnaire(study: Study, template: str) -> None:
    """PSS-10: items 4, 5, 7 and 8 of 10 are keyed in reverse, 0 to 4; all 3 is 6 * 3 + 4 * 1."""
    key = yaml.safe_load((ROOT / "config" / "scores" / "pss-10.yaml").read_text())
    scale = next(iter(key["scales"]))
    study.table(answers(template, ("01|pre", ["3"] * 10), ("01|post", ["0"] * 10), ("02|pre", ["3"] * 9 + [""])))
    settings = {**ANXIETY, "score": {"key": "pss-10", "scale": scale, "items": template}, "plausible": [0, 40]}
    made = study.run(settings, "pss-10")
    assert column(made)[:2] == [22, 16]
    assert "9 of 10 items answered" in str(made.loc[("sub-02", "ses-pre"), "note"])
    assert study.record["unit"] == "score"
    assert study.record["words"] == (
        f"the scale `{scale}` of the key pss-10, Perceived Stress Scale (PSS-10): the sum of items 1 to 10 "
        "(items 4, 5, 7 and 8 keyed in reverse), of which 8 must be answered; those missing count as the mean of the "
        "others"
    )
    assert study.record["source"] == key["source"]


def test_mistakes_in_scores(study: Study) -> None:
    key = yaml.safe_load((ROOT / "config" / "scores" / "pss-10.yaml").read_text())
    settings = {**ANXIETY, "score": {"key": "pss-10", "scale": next(iter(key["scales"])), "items": "q{item}"}}
    study.table(answers("p{item}", ("01|pre", ["3"] * 10)))
    assert study.refused(settings, "pss-10").got == "`q1`"
    assert study.refused(settings, "bdi-ii").got == "bdi-ii"
    assert study.refused(settings).got == "none"


def test_a_measure_of_the_heart(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    recordings = {("01", "pre"): (40, 0.9, 0), ("01", "post"): (55, 0.5, 0), ("02", "pre"): (NAN, 0.8, 0)}
    recordings[("03", "post")] = (30, 0.95, 2)
    for person, session in recordings:
        folder = study.folder / f"sub-{person}" / f"ses-{session}"
        folder.mkdir(parents=True)
        (folder / "physio.tsv.gz").touch()
    found = {f"sub-{person}/ses-{session}": about for (person, session), about in recordings.items()}

    def read(path: Path, channel: str) -> tuple[str, float]:
        assert channel == "cardiac"
        return "/".join(path.parts[-3:-1]), 50.0

    def measured(signal: str, frequency: float, kind: str, where: object) -> connect.phenotypes.heart.Heart:
        assert (frequency, kind) == (50.0, "pulse")
        value, quality, corrected = found[signal]
        known = {"quality": quality, "n_beats": 312, "n_corrected": corrected, "minutes": 5.0}
        return connect.phenotypes.heart.Heart(rmssd=value, sdnn=NAN, hf=NAN, rate=70.0, **known)

    monkeypatch.setattr(connect.phenotypes.heart, "read_physio", read)
    monkeypatch.setattr(connect.phenotypes.heart, "heart", measured)
    settings = {"title": "RMSSD", "higher": "more vagal tone", "file": "{participant}/{session}/physio.tsv.gz"}
    made = study.run({**settings, "heart": {"measure": "rmssd", "signal": "pulse"}})
    assert column(made) == [40, None, None, None, None, 30]
    assert column(made, "note") == [
        None,
        "quality 0.50, below 0.7",
        "too few beats, or too short a recording (312 in 5.0 min)",
        "no file",
        "no file",
        "2 of 312 beats corrected",
    ]
    assert study.record["unit"] == "ms"
    said = study.record["words"]
    assert said.startswith("RMSSD, the root mean square of successive differences of normal beats (Task Force 1996), ")
    for part in (
        "from pulse recordings of a quality of 0.7 or more; ",
        "NeuroKit2 (Makowski et al. 2021) found the peaks; ",
        "rules of connect's own, of the kinds of Lipponen and Tarvainen (2019), extra beats were deleted",
        "unlike the others (Orphanidou et al. 2015), were left out",
    ):
        assert part in said


@pytest.mark.parametrize(
    ("items", "words"),
    [((3,), "item 3"), ((2, 9), "items 2 and 9"), ((4, 2, 3), "items 2 to 4"), ((1, 2, 9), "items 1, 2 and 9")],
)
def test_items_of_a_scale_are_told_by_their_numbers(items: tuple[int, ...], words: str) -> None:
    key = Score("K", 9, (1, 5), {"all": items}, "mean")
    asked = Phenotype("t", "more", score=ScoreOf("k", "all", "q{item}"))
    expected = f"the scale `all` of the key k, K: the mean of {words}, all of which must be answered"
    assert in_words(asked, "score", key) == expected


# --- settings -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"column": ""}, ""),
        ({"score": {"key": "k", "scale": "s", "items": "i{item}"}}, ""),
        ({"heart": {"measure": "rmssd", "signal": "ecg"}}, ""),
        ({"column": "", "samples": {"summary": "mean", "time": "t"}}, ""),
        ({"unit": ""}, "key unit"),
        ({"higher": " "}, "key higher"),
        ({"plausible": [5, 5]}, "key plausible"),
        ({"plausible": [5]}, "key plausible"),
        ({"limit_of_detection": 5}, "key limit_of_detection"),
        ({"below_limit": "half"}, "key limit_of_detection"),
        ({"limit_of_detection": 0, "below_limit": "half"}, "key limit_of_detection"),
        ({"conversion": "1 ug/dL is 27.59 nmol/L"}, "key conversion"),
        ({"conversion": "0 ug/dL = 27.59 nmol/L"}, "key conversion"),
        ({"unit": "score", "measured_in": "ms"}, "key measured_in"),
        ({"unit": "score", "limit_of_detection": 1, "below_limit": "half"}, "key limit_of_detection"),
        ({"column": "a_{sesion}"}, "key column"),
        ({"column": "a_{"}, "key column"),
        ({"file": "{session}.tsv"}, "key file"),
        ({"samples": {"summary": "mean"}}, "key samples"),
        ({"samples": {"summary": "mean", "time": "t", "minutes": {"a": 0}}}, "key samples"),
        ({"samples": {"summary": "mean", "minutes": {"a": 0, "b": 0}}}, "key samples.minutes"),
        ({"samples": {"summary": "mean", "minutes": {"a": 0, "b": 9}}}, "key column"),
        ({"samples": {"summary": "auc_g", "time": "t", "number": 1}}, "key samples"),
        ({"samples": {"summary": "auc_i", "time": "t"}, "transform": "log"}, "key transform"),
        ({"column": "", "unit": "ms", "heart": {"measure": "hf", "signal": "ecg"}}, "key unit"),
        ({"column": "", "unit": "", "heart": {"measure": "hf", "signal": "ecg"}, "file": "x.tsv.gz"}, "key file"),
        ({"column": "", "unit": "", "score": {"key": "k", "scale": "s", "items": "item"}}, "key items"),
        ({"column": "", "unit": "", "score": {"key": "k", "scale": "s", "items": "i{item:x2x}"}}, "key items"),
    ],
)
def test_settings_that_cannot_be(changes: dict[str, Any], where: str) -> None:
    with pytest.raises(UserError) as caught:
        parse(Phenotype, {**HORMONE, **changes}, Place("measure.yaml", Path()))
    assert where in caught.value.where


@pytest.mark.parametrize(("measure", "unit"), [("rmssd", "ms"), ("sdnn", "ms"), ("hf", "ms^2"), ("rate", "1/min")])
def test_the_unit_of_the_heart_is_that_of_the_measure(measure: str, unit: str) -> None:
    values = {"title": "H", "higher": "more", "file": "{participant}.tsv.gz", "heart": {"measure": measure}}
    values["heart"]["signal"] = "ecg"  # type: ignore[index]
    made = parse(Phenotype, values, Place("heart.yaml", Path()))
    assert (made.measured_unit, made.result_unit) == (unit, unit)


def test_names_that_a_formula_can_hold() -> None:
    assert [variable(name) for name in ("ecr-anxiety", "bdi", "a_b")] == ["ecr_anxiety", "bdi", "a_b"]
    for name in ("5-ht", "ecr anxiety", "-a", "a.b", ""):
        with pytest.raises(UserError):
            variable(name)


# --- real data ------------------------------------------------------------------------------------------------------


def test_attachment_of_a_real_cohort(shared_data: Path, tmp_path: Path) -> None:
    """24 participants of ds003007 have both scales in both sessions: 13 untreated, 5 with therapy, 6 with feedback."""
    participants = shared_data / "openneuro" / "ds003007" / "participants.tsv"
    if not participants.is_file():
        pytest.skip("needs the participants of ds003007 in the folder of real data")
    made, raw = {}, read_table(participants).set_index("participant_id")
    for name in ("ecr-anxiety", "ecr-avoidance", "bdi", "madrs"):
        file = ROOT / "config" / "phenotypes" / f"{name}.yaml"
        values, record = tmp_path / f"{name}.tsv", tmp_path / f"{name}.json"
        phenotypes(ROOT / "config" / "cohorts" / "ds003007.yaml", file, participants, values, record)
        made[name] = read_table(values).pivot_table(index="participant_id", columns="session_id", values="value")
        assert json.loads(record.read_text())["variable"] == name.replace("-", "_")
    pairs = pd.concat([made["ecr-anxiety"], made["ecr-avoidance"]], axis=1).dropna()
    assert len(pairs) == 24
    arms = raw.loc[pairs.index, "group"].value_counts().to_dict()
    assert arms == {"depr_no_treatment": 13, "depr_cbt": 5, "depr_nfb": 6}
    for name, column in (
        ("ecr-anxiety", "ECR-anx"),
        ("ecr-avoidance", "ECR-avoid"),
        ("bdi", "BDI"),
        ("madrs", "MADRS"),
    ):
        for session in ("ses-pre", "ses-post"):
            expected = raw[f"{column}_{session}"].astype(float).reindex(made[name].index)
            pd.testing.assert_series_equal(made[name][session], expected, check_names=False)
