"""What re-runs after an edit: exactly what depends on it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from .study import ROOT, SAMPLE_PLAN, Study, sample_study

pytestmark = pytest.mark.slow

N_RELATIONS, N_STRATEGIES = len({"oxytocin-and-change", "response-by-attachment"}), len(SAMPLE_PLAN["strategies"])
N_MODELS = len(SAMPLE_PLAN["cohorts"]["sample"]) - N_RELATIONS
N_OF_COHORT, N_OF_RELATION = len({"denoising", "qc-fc"}), len({"relation"})
N_OF_SCANS = len({"carpet"})
N_OF_MODEL = len(SAMPLE_PLAN["figures"]) - N_OF_COHORT - N_OF_RELATION - N_OF_SCANS
N_DRAWN = N_MODELS * N_OF_MODEL + N_RELATIONS * N_OF_RELATION + N_OF_COHORT


def test_a_second_run_does_nothing(copy: Study) -> None:
    assert copy.planned() == {}


def test_touching_a_strategy_runs_nothing(copy: Study) -> None:
    os.utime(copy.file("config", "strategies", "36p.yaml"))
    assert copy.planned() == {}


def test_editing_a_strategy_runs_its_jobs_and_those_after(copy: Study) -> None:
    copy.edit("config/strategies/acompcor.yaml", "n_compcor: 5", "n_compcor: 4")
    assert copy.planned() == {
        "all": 1, "denoise": 1, "screen": 1, "estimate": 1, "assess": 1, "compare": N_MODELS,
        "relate": N_RELATIONS, "draw": N_OF_COHORT, "report": 1,
    }  # fmt: skip


def test_editing_the_primary_strategy_redraws_too(copy: Study) -> None:
    copy.edit("config/strategies/36p.yaml", "global_signal: full", "global_signal: basic")
    assert copy.planned() == {
        "all": 1, "denoise": 1, "screen": 1, "estimate": 1, "assess": 1, "compare": N_MODELS,
        "relate": N_RELATIONS, "draw": N_DRAWN, "carpets": N_OF_SCANS, "report": 1,
    }  # fmt: skip


def test_editing_domains_reads_no_image_again(copy: Study) -> None:
    copy.edit("config/domains/seitzman2018.yaml", "DorsalAttention]", "DorsalAttention, DefaultMode]")
    assert copy.planned() == {
        "all": 1, "compare": N_STRATEGIES * N_MODELS, "relate": N_STRATEGIES * N_RELATIONS,
        "draw": N_DRAWN, "carpets": N_OF_SCANS, "report": 1,
    }  # fmt: skip


def test_editing_a_figure_draws_it_alone(copy: Study) -> None:
    copy.edit("config/figures/motion.yaml", "title: Head motion", "title: Movement")
    assert copy.planned() == {"all": 1, "draw": N_MODELS, "report": 1}


def test_editing_the_figure_of_scans_draws_them_alone(copy: Study) -> None:
    copy.edit("config/figures/carpet.yaml", "height: 110", "height: 90")
    assert copy.planned() == {"all": 1, "carpets": N_OF_SCANS, "report": 1}
    assert copy.planned("results/sample/draw/scans") == {"carpets": N_OF_SCANS}


def test_a_forest_plot_needs_the_model_in_every_universe_and_other_figures_do_not(copy: Study) -> None:
    copy.edit("config/strategies/acompcor.yaml", "n_compcor: 5", "n_compcor: 4")
    drawn = copy.planned("results/sample/draw/training-by-time/forest.svg")
    assert drawn == {"denoise": 1, "screen": 1, "estimate": 1, "compare": 1, "draw": 1}
    assert copy.planned("results/sample/draw/training-by-time/raincloud.svg") == {"draw": 1}


def test_editing_a_model_compares_it_alone(copy: Study) -> None:
    copy.edit("config/models/change-in-waiting.yaml", "formula: ~ 1", "formula: ~ 1 + age")
    assert copy.planned() == {"all": 1, "compare": N_STRATEGIES, "draw": N_OF_MODEL, "report": 1}


def test_editing_a_phenotype_measures_and_relates_again(copy: Study) -> None:
    copy.edit("config/phenotypes/oxytocin.yaml", "below_limit: half", "below_limit: limit")
    assert copy.planned() == {
        "all": 1, "phenotypes": 1, "relate": N_STRATEGIES, "draw": N_OF_RELATION, "report": 1,
    }  # fmt: skip


def test_adding_an_atlas_runs_no_old_job(copy: Study) -> None:
    """Motion left is assessed in the primary atlas only, and figures show that one: neither assess nor draw runs."""
    table = copy.file("config", "atlases", "seitzman2018.tsv")
    table.with_name("cortex.tsv").write_text(
        "\n".join(line for line in table.read_text().splitlines() if "\tcortex\t" in line or "index" in line)
    )
    copy.file("config", "atlases", "cortex.yaml").write_text(
        copy.file("config", "atlases", "seitzman2018.yaml").read_text().replace("seitzman2018.tsv", "cortex.tsv")
    )
    copy.file("config", "domains", "cortex.yaml").write_text(
        "emotion: {networks: [Salience]}\ncognition: {networks: [FrontoParietal]}\n"
    )
    copy.plan(atlases=["seitzman2018", "cortex"])
    n_scans = len(copy.file("config", "cohorts", "sample.scans.tsv").read_text().splitlines()) - 1
    assert copy.planned() == {
        "all": 1, "parcellate": n_scans, "gather": 1, "denoise": N_STRATEGIES, "screen": N_STRATEGIES,
        "estimate": N_STRATEGIES, "compare": N_STRATEGIES * N_MODELS, "relate": N_STRATEGIES * N_RELATIONS, "report": 1,
    }  # fmt: skip


def test_removing_a_scan_runs_everything_after_and_no_image(copy: Study) -> None:
    path = copy.file("config", "cohorts", "sample.scans.tsv")
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    assert copy.planned() == {
        "all": 1, "gather": 1, "denoise": N_STRATEGIES, "screen": N_STRATEGIES, "estimate": N_STRATEGIES,
        "assess": N_STRATEGIES, "compare": N_STRATEGIES * N_MODELS, "relate": N_STRATEGIES * N_RELATIONS,
        "draw": N_DRAWN, "carpets": N_OF_SCANS, "report": 1,
    }  # fmt: skip


def _edited_package(folder: Path, module: str, code: str) -> Path:
    shutil.copytree(ROOT / "src", folder)
    path = folder / "connect" / module
    path.write_text(path.read_text() + code)
    return folder


@pytest.mark.parametrize(
    ("module", "stages"),
    [
        ("screen.py", {"screen", "estimate", "assess", "compare", "relate", "draw", "carpets", "report"}),
        ("report/__init__.py", {"report"}),
        (
            "denoise/clean.py",
            {"denoise", "screen", "estimate", "assess", "compare", "relate", "draw", "carpets", "report"},
        ),
    ],
)
def test_editing_a_module_runs_its_stage_and_after(copy: Study, tmp_path: Path, module: str, stages: set[str]) -> None:
    package = _edited_package(tmp_path / "src", module, "\n\nEDITED = True\n")
    assert set(copy.planned(package=package)) == stages | {"all"}


def test_editing_a_comment_runs_nothing(copy: Study, tmp_path: Path) -> None:
    assert copy.planned(package=_edited_package(tmp_path / "src", "screen.py", "\n# A word more.\n")) == {}


def test_tables_of_further_columns_are_inputs_of_what_reads_participants(tmp_path: Path) -> None:
    study = sample_study(tmp_path)
    study.edit("config/cohorts/sample.yaml", "source:", "columns: {ecr: {file: ecr.tsv, column: anxiety}}\nsource:")
    done = study.snakemake("--dry-run")
    assert done.returncode == 1
    assert "MissingInputException in rule compare" in done.stdout + done.stderr
    assert "config/cohorts/ecr.tsv" in done.stdout + done.stderr
    table = study.file("config", "cohorts", "ecr.tsv")
    table.write_text("participant_id\tanxiety\nsub-01\t1\n")
    assert study.planned()["compare"] == N_STRATEGIES * N_MODELS
    phenotype = "columns: {ecr: {file: ../../data/ds003007/dataset/phenotype/ecr.tsv, column: anxiety}}"
    study.edit("config/cohorts/ds003007.yaml", "limits:", phenotype + "\nlimits:")
    study.plan(cohorts=["ds003007"], strategies=["36p"])
    assert study.planned()["fetch_tables"] == 1
