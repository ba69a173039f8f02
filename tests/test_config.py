"""Choices: what a YAML file may hold, and how a mistake in it is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from connect.config import read, suggest
from connect.errors import UserError
from connect.settings.atlas import Atlas
from connect.settings.cohort import Cohort
from connect.settings.domains import Domains
from connect.settings.model import Model
from connect.settings.plan import Plan
from connect.settings.strategy import Strategy

COHORT = "title: C\nderivatives: data\nparticipants: data/participants.tsv\nsessions:\n  pre: {phase: pre}\n"
PLAN = "cohorts: {c: [m]}\natlases: [a]\nstrategies: [s]\nmeasures: [k]\nfigures: []\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "choice.yaml"


def refused(kind: type[Any], file: Path, text: str) -> UserError:
    file.write_text(text, encoding="utf-8")
    with pytest.raises(UserError) as caught:
        read(kind, file)
    assert str(file) in caught.value.where
    return caught.value


# --- keys ----------------------------------------------------------------------------------------------------------


def test_unknown_key_names_its_neighbour_and_line(file: Path) -> None:
    error = refused(Strategy, file, "title: S\nmotion: full\nlow_pas: 0.1\n")
    assert error.where == f"{file}, line 3, key low_pas"
    assert error.got == "unknown key `low_pas`"
    assert "did you mean `low_pass`?" in error.todo


def test_unknown_key_without_a_neighbour(file: Path) -> None:
    assert "did you mean" not in refused(Strategy, file, "title: S\nxyzzy: 1\n").todo


def test_unknown_key_inside_a_key(file: Path) -> None:
    error = refused(Cohort, file, COHORT + "limits:\n  minutes: 4\n  mean_df: 0.5\n")
    assert error.where == f"{file}, line 8, key limits.mean_df"
    assert "did you mean `mean_fd`?" in error.todo


def test_missing_key(file: Path) -> None:
    error = refused(Strategy, file, "motion: full\n")
    assert error.must.startswith("a file with the key `title`: ")
    assert error.todo == "add `title:`"


def test_missing_key_inside_a_key_has_the_line_of_that_key(file: Path) -> None:
    error = refused(Strategy, file, "title: S\nscrub:\n  min_segment: 3\n")
    assert error.where == f"{file}, line 2, key scrub"
    assert error.must.startswith("a mapping with the key `fd`: ")


def test_key_twice(file: Path) -> None:
    error = refused(Cohort, file, COHORT + "  pre: {phase: post}\n")
    assert "key `pre` twice" in error.got
    assert "line 6" in error.got


def test_merged_keys_may_be_overridden(file: Path) -> None:
    file.write_text(COHORT + "  a: &a {phase: pre, condition: x, weeks: 1}\n  b: {<<: *a, phase: post}\n")
    session = read(Cohort, file).sessions["b"]
    assert (session.phase, session.condition, session.weeks) == ("post", "x", 1)


def test_names_stay_as_they_are_written(file: Path) -> None:
    file.write_text(COHORT.replace("pre:", "01:") + "  no: {phase: post}\n")
    assert list(read(Cohort, file).sessions) == ["01", "no"]


# --- types ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "text", "must"),
    [
        (Strategy, "title: 36\n", "text"),
        (Strategy, "title: [a]\n", "text"),
        (Strategy, "title: S\ndetrend: 1\n", "true or false"),
        (Strategy, "title: S\nlow_pass: true\n", "a number"),
        (Strategy, "title: S\nlow_pass: fast\n", "a number"),
        (Strategy, "title: S\nlow_pass: [0.1]\n", "a number"),
        (Strategy, "title: S\nn_compcor: 2.5\n", "a whole number or one of: all"),
        (Strategy, "title: S\nn_compcor: true\n", "a whole number or one of: all"),
        (Strategy, "title: S\ndetrend: null\n", "true or false"),
        (Strategy, "title: S\nmotion: ful\n", "one of: basic, power2, derivatives, full"),
        (Strategy, "title: S\nmotion: true\n", "one of: basic, power2, derivatives, full"),
        (Strategy, "title: S\nscrub: 0.5\n", "keys with values"),
        (Model, "question: q\nformula: ~ 1\ncontrast: mean\nseed: 1.5\n", "a whole number"),
        (Model, "question: q\nformula: ~ 1\ncontrast: mean\nseed: false\n", "a whole number"),
        (Cohort, COHORT.replace("derivatives: data", "derivatives: 3"), "a path"),
        (Cohort, COHORT.replace("{phase: pre}", "pre"), "keys with values"),
        (Plan, PLAN.replace("[s]", "s"), "a list"),
        (Plan, PLAN.replace("[s]", "{s: 1}"), "a list"),
        (Plan, PLAN.replace("[s]", "[1]"), "text"),
        (Plan, PLAN.replace("{c: [m]}", "c"), "keys with values or a list"),
        (Plan, PLAN.replace("{c: [m]}", "[1]"), "keys with values or text"),
        (Plan, PLAN.replace("[m]", "m"), "a list"),
    ],
)
def test_wrong_type(file: Path, kind: type[Any], text: str, must: str) -> None:
    assert refused(kind, file, text).must == must


def test_a_single_word_is_no_list(file: Path) -> None:
    error = refused(Plan, file, PLAN.replace("[s]", "36p"))
    assert error.where == f"{file}, line 3, key strategies"
    assert error.todo == "write it as `[a, b]`"


def test_an_item_of_a_list_has_its_line(file: Path) -> None:
    error = refused(Plan, file, PLAN.replace("[s]", "\n  - s\n  - 4"))
    assert error.where == f"{file}, line 5, key strategies.1"


def test_wrong_word_names_its_neighbour(file: Path) -> None:
    assert "did you mean `full`?" in refused(Strategy, file, "title: S\nmotion: ful\n").todo


def test_whole_numbers_are_numbers(file: Path) -> None:
    file.write_text("title: S\nlow_pass: 1\nhigh_pass: null\n")
    strategy = read(Strategy, file)
    assert strategy.low_pass == 1.0
    assert isinstance(strategy.low_pass, float)
    assert strategy.high_pass is None


@pytest.mark.parametrize(("written", "expected"), [("all", "all"), ("3", 3)])
def test_one_of_two_types(file: Path, written: str, expected: object) -> None:
    file.write_text(f"title: S\nn_compcor: {written}\n")
    assert read(Strategy, file).n_compcor == expected


# --- ranges and fields together ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "text", "must"),
    [
        (Strategy, "title: S\nscrub: {fd: -0.1}\n", "a number of at least 0 mm"),
        (Strategy, "title: S\nn_compcor: 0\n", "a number of at least 1"),
        (Strategy, "title: S\nlow_pass: .nan\n", "a finite number"),
        (Strategy, "title: S\nlow_pass: .inf\n", "a finite number"),
        (Strategy, "title: S\nhigh_pass: -.inf\n", "a finite number"),
        (Strategy, "title: S\nscrub: {fd: .inf}\n", "a finite number"),
        (Atlas, "title: A\nkind: spheres\nparcels: a.tsv\nspaces: [T]\nsmoothing: .inf\n", "a finite number"),
        (Cohort, COHORT + "limits: {mean_fd: .inf}\n", "a finite number"),
        (Cohort, COHORT.replace("{phase: pre}", "{phase: pre, weeks: .inf}"), "a finite number or text"),
        (Cohort, COHORT + "limits: {coverage: 1.5}\n", "a number of at least 0 and of at most 1"),
        (Model, "question: q\nformula: ~ 1\ncontrast: mean\npermutations: 10\n", "a number of at least 99"),
    ],
)
def test_out_of_range(file: Path, kind: type[Any], text: str, must: str) -> None:
    assert refused(kind, file, text).must == must


@pytest.mark.parametrize(
    ("kind", "text", "where"),
    [
        (Strategy, "title: S\ncompcor: temporal\n", "key compcor"),
        (Strategy, "title: S\ncosines: true\n", "key high_pass"),
        (Strategy, "title: S\nhigh_pass: 0.2\n", "key high_pass"),
        (Atlas, "title: A\nkind: labels\nparcels: a.tsv\nspaces: [T]\n", "key image"),
        (Atlas, "title: A\nkind: spheres\nparcels: a.tsv\nspaces: []\n", "key spaces"),
        (Atlas, "title: A\nkind: spheres\nparcels: a.tsv\nspaces: [T]\nimage: a.nii\n", "key image"),
        (Cohort, COHORT + "  one: {phase: pre}\n", "key sessions"),
        (Model, "question: q\nformula: y ~ 1\ncontrast: mean\n", "key formula"),
        (Model, "question: q\nformula: ~ exit()\ncontrast: mean\n", "key formula"),
        (Domains, "emotion: {}\ncognition: {networks: [C]}\n", "key emotion"),
        (Plan, PLAN.replace("[s]", "[]"), "key strategies"),
        (Plan, PLAN.replace("[s]", "[s, s]"), "key strategies"),
        (Plan, PLAN.replace("[a]", "[a, a+b]"), "key atlas_names"),
        (Plan, PLAN.replace("[m]", "[]"), "cohort c"),
        (Plan, PLAN.replace("{c: [m]}", "{}"), "key cohorts"),
    ],
)
def test_keys_that_do_not_fit_together(file: Path, kind: type[Any], text: str, where: str) -> None:
    assert where in refused(kind, file, text).where


def test_conditions_of_a_cohort(file: Path) -> None:
    more = "  post: {phase: post}\n  b1: {phase: pre, condition: drug}\n  b2: {phase: post, condition: drug}\n"
    file.write_text(COHORT + more)
    assert read(Cohort, file).conditions == ("", "drug")


def test_atlases_that_are_read_together(file: Path) -> None:
    file.write_text(PLAN.replace("[a]", "[a+b, c]"))
    plan = read(Plan, file)
    assert plan.atlas_names == ("a", "b", "c")
    assert [plan.pass_of(atlas) for atlas in plan.atlas_names] == ["a+b", "a+b", "c"]


# --- measures of the person in models ------------------------------------------------------------------------------


def related(formula: str, contrast: str, **keys: str) -> str:
    named = {"phenotypes": "[oxytocin, ecr-anxiety]", **keys}
    return f"question: q\nformula: {formula}\ncontrast: '{contrast}'\n" + "".join(
        f"{key}: {value}\n" for key, value in named.items()
    )


BOTH = "~ group * ecr_anxiety_pre + oxytocin_change"


@pytest.mark.parametrize(
    ("contrast", "outcome", "relation"),
    [
        ("oxytocin_change", "change", "oxytocin_change"),
        ("group[a] - group[b] : ecr_anxiety_pre", "change", "ecr_anxiety_pre"),
        ("ecr_anxiety_pre : group", "change", "ecr_anxiety_pre"),
        ("group[T.b]:ecr_anxiety_pre", "change", "ecr_anxiety_pre"),
        ("mean", "change", ""),
        ("group[a] - group[b]", "change", ""),
        ("group[oxytocin] - group[placebo]", "sessions", ""),
        ("group[oxytocin] - group[placebo] : oxytocin", "sessions", "oxytocin"),
        ("oxytocin", "sessions", "oxytocin"),
    ],
)
def test_a_relation_is_a_model_whose_contrast_names_a_phenotype(
    file: Path, contrast: str, outcome: str, relation: str
) -> None:
    """A level in brackets is no column."""
    file.write_text(related(f"{BOTH}{' + oxytocin' if outcome == 'sessions' else ''}", contrast, outcome=outcome))
    assert read(Model, file).relation == relation


def test_columns_of_phenotypes(file: Path) -> None:
    file.write_text(related(BOTH, "mean"))
    moments = ("change", "rate", "pre", "post")
    measured = read(Model, file).measured
    assert measured == {
        **{f"oxytocin_{moment}": ("oxytocin", moment) for moment in moments},
        **{f"ecr_anxiety_{moment}": ("ecr-anxiety", moment) for moment in moments},
    }
    file.write_text(related(BOTH, "mean", outcome="sessions"))
    each = {"oxytocin": ("oxytocin", "session"), "ecr_anxiety": ("ecr-anxiety", "session")}
    assert read(Model, file).measured == {**each, **measured}


@pytest.mark.parametrize(
    ("formula", "contrast", "keys", "where", "must"),
    [
        ("~ oxytocin_change", "oxytocin_change", {}, "key phenotypes", "that the formula names (`ecr_anxiety_"),
        (f"{BOTH} + oxytocin_rate", "mean", {"outcome": "post"}, "key formula", "`_rate` in a model of a change"),
        (BOTH, "oxytocin_change", {"correlation": "repeated"}, "key correlation", "in a model of all sessions"),
        (BOTH, "oxytocin_pre", {"correlation": "spearman", "outcome": "sessions"}, "key correlation", "one column and"),
        (BOTH, "mean", {"correlation": "spearman"}, "key correlation", "where the contrast is one column"),
        (BOTH, "group : ecr_anxiety_pre", {"correlation": "percentage-bend"}, "key correlation", "one column"),
        (BOTH, "mean", {"correlation": "kendall"}, "key correlation", "one of: pearson, spearman, percentage-bend"),
        (BOTH, "mean", {"phenotypes": "oxytocin"}, "key phenotypes", "a list"),
        (BOTH, "mean", {"phenotypes": "[2nd]"}, "phenotype 2nd", "a name that a formula can hold"),
    ],
)  # fmt: skip
def test_mistakes_with_phenotypes(
    file: Path, formula: str, contrast: str, keys: dict[str, str], where: str, must: str
) -> None:
    error = refused(Model, file, related(formula, contrast, **keys))
    assert where in error.where
    assert must in error.must


# --- paths and files -----------------------------------------------------------------------------------------------


def test_paths_are_relative_to_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "config" / "cohorts"
    folder.mkdir(parents=True)
    (folder / "c.yaml").write_text(COHORT.replace("derivatives: data", "derivatives: /data/fmriprep"))
    monkeypatch.chdir(tmp_path)
    cohort = read(Cohort, "config/cohorts/c.yaml")
    assert cohort.derivatives == Path("/data/fmriprep")
    assert cohort.participants == Path("config/cohorts/data/participants.tsv")


def test_missing_file_names_its_neighbour(tmp_path: Path) -> None:
    (tmp_path / "36p.yaml").write_text("title: S\n")
    with pytest.raises(UserError) as caught:
        read(Strategy, tmp_path / "36pp.yaml")
    assert caught.value.where == str(tmp_path / "36pp.yaml")
    assert "did you mean `36p.yaml`?" in caught.value.todo


def test_file_in_a_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="No such file"):
        read(Strategy, tmp_path / "nowhere" / "36p.yaml")


@pytest.mark.parametrize("text", ["", "- a\n", "words\n"])
def test_a_file_without_keys(file: Path, text: str) -> None:
    assert refused(Strategy, file, text).must == "keys with values"


@pytest.mark.parametrize("text", ["title: [a\n", "title: S\n\tmotion: full\n", "a: 1\n---\nb: 2\n"])
def test_broken_yaml(file: Path, text: str) -> None:
    error = refused(Strategy, file, text)
    assert error.must == "valid YAML"
    assert "line" in error.got


def test_other_encoding(file: Path) -> None:
    file.write_bytes("title: Müller\n".encode("latin-1"))
    with pytest.raises(UserError, match="UTF-8"):
        read(Strategy, file)


def test_suggestions() -> None:
    assert suggest("colour", ["color", "shape"]) == "; did you mean `color`?"
    assert suggest("colour", []) == ""


def test_a_plan_that_lists_cohorts_takes_the_models_that_their_files_name(file: Path) -> None:
    file.write_text(PLAN.replace("{c: [m]}", "[c, d]"))
    plan = read(Plan, file)
    assert plan.models == {}
    assert plan.completed({"c": ("m", "k"), "d": ("m",)}, file).named["models"] == ("m", "k")
    with pytest.raises(UserError, match="the models of d"):
        plan.completed({"c": ("m",), "d": ()}, file)


def test_a_plan_with_models_of_its_own_keeps_them(file: Path) -> None:
    file.write_text(PLAN)
    assert read(Plan, file).completed({"c": ("other",)}, file).models == {"c": ("m",)}
