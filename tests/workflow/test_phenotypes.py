"""The rule `phenotypes`: its inputs are the phenotype's own files and key, and edits of these run it again."""

from __future__ import annotations

from pathlib import Path

import pytest

from .study import ROOT, Study, sample_study

pytestmark = pytest.mark.slow

VALUES = "results/sample/phenotypes/{}.tsv"
STRESS = "title: Stress\nhigher: more stress\nfile: pss.tsv\n"
SCORE = STRESS + 'score: {key: pss-10, scale: total, items: "p{item}_{session}"}\n'
RATES = "title: Rate\nunit: 1/min\nhigher: faster\nfile: '{participant}/{session}/rate.tsv'\ncolumn: rate\n"


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """Return a study whose participants table stands in the study, beside a questionnaire and files of participants."""
    made = sample_study(tmp_path_factory.mktemp("people"))
    made.edit("config/cohorts/sample.yaml", f"participants: {ROOT / 'data_sample'}", "participants: ../../people")
    folder = made.file("people")
    folder.mkdir()
    (folder / "participants.tsv").write_text((ROOT / "data_sample" / "participants.tsv").read_text())
    names = [f"p{item}_{session}" for session in ("pre", "post") for item in range(1, 11)]
    answers = "\n".join("\t".join([f"sub-{n:02}", *["1"] * 20]) for n in range(1, 17))
    (folder / "pss.tsv").write_text("\t".join(["participant_id", *names]) + f"\n{answers}\n")
    for name, session in (("sub-01", "ses-pre"), ("sub-01", "ses-post"), ("sub-02", "ses-pre")):
        (folder / name / session).mkdir(parents=True)
        (folder / name / session / "rate.tsv").write_text("rate\n70\n")
    for name, text in (("stress", SCORE), ("rate", RATES)):
        made.file("config", "phenotypes", f"{name}.yaml").write_text(text)
    made.run("--cores", "2", *targets())
    return made


def targets() -> list[str]:
    return [VALUES.format(name) for name in ("stress", "rate")]


def test_a_run_makes_values(study: Study) -> None:
    stress, rate = (study.file(target).read_text().splitlines() for target in targets())
    assert len(stress) == len(rate) == 1 + 2 * 16
    assert stress[1] == "sub-01\tses-pre\t18\t18\tn/a"
    assert sorted(line for line in rate[1:] if "no file" not in line)[-1] == "sub-02\tses-pre\t70\t70\tn/a"
    assert study.planned(*targets()) == {}


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("people/pss.tsv", "sub-03\t1", "sub-03\t2"),
        ("people/sub-02/ses-pre/rate.tsv", "70", "80"),
        ("config/scores/pss-10.yaml", "title: ", "title: The "),
        ("config/phenotypes/stress.yaml", "more stress", "more stressed"),
    ],
)
def test_an_edit_runs_what_reads_the_file(study: Study, path: str, old: str, new: str) -> None:
    before = study.file(*Path(path).parts).read_text()
    study.edit(path, old, new)
    assert study.planned(*targets()) == {"phenotypes": 1}
    study.file(*Path(path).parts).write_text(before)


def test_a_new_file_of_a_participant_runs_the_rule_again(study: Study) -> None:
    folder = study.file("people", "sub-04", "ses-pre")
    folder.mkdir(parents=True)
    (folder / "rate.tsv").write_text("rate\n60\n")
    assert study.planned(*targets()) == {"phenotypes": 1}
