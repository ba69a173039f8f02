"""Figures of a paper: drawn from the config alone, put together, and verified."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from .study import SCAN, Study

pytestmark = pytest.mark.slow

PANELS = {"title": "Figure 1", "caption": "All of it.", "panels": [["lines", "edges"]]}
LINES = {"title": "Lines", "caption": "l", "kind": "slopegraph", "model": "change-in-training", "width": 120}
EDGES = {"title": "Edges", "caption": "e", "kind": "motion", "width": 85, "strategy": "acompcor", "font_size": 6}


def verify(study: Study, figure: str) -> tuple[int, str]:
    command = [str(Path(sys.executable).with_name("connect")), "verify", figure]
    done = subprocess.run(command, cwd=study.folder, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def figure(study: Study, name: str, **keys: object) -> None:
    study.file("config", "figures", f"{name}.yaml").write_text(yaml.safe_dump(keys))


@pytest.fixture
def drawn(copy: Study) -> Study:
    """Return the finished study with a figure of two panels, which takes three jobs."""
    for name, keys in (("figure-1", PANELS), ("lines", LINES), ("edges", EDGES)):
        figure(copy, name, **keys)
    assert copy.planned("figures/figure-1.pdf") == {"draw": 2, "compose": 1}
    copy.run("figures/figure-1.pdf", "--cores", "2")
    return copy


def test_a_figure_of_a_paper_is_verified_until_something_changes(drawn: Study) -> None:
    for kind in ("svg", "pdf", "png"):
        assert verify(drawn, f"figures/figure-1.{kind}")[0] == 0
    drawn.edit("config/figures/lines.yaml", "width: 120", "width: 110")
    drawn.edit("config/models/change-in-training.yaml", "formula", "# a comment changes nothing\nformula")
    drawn.edit("config/strategies/acompcor.yaml", "title: ", "title: My ")
    code, told = verify(drawn, "figures/figure-1.svg")
    assert code == 2
    assert "config/figures/lines.yaml, key width: 120.0 -> 110.0" in told
    assert "config/strategies/acompcor.yaml, key title" in told
    assert "change-in-training" not in told
    assert "snakemake figures/figure-1.svg" in told


def test_verify_knows_scans_versions_plan_and_edited_files(drawn: Study) -> None:
    scans = drawn.file("results", "sample", "parcellate", "seitzman2018", "scans.tsv")
    first = scans.read_text().splitlines()[1].split("\t")
    scans.write_text(scans.read_text().replace(first[1], first[1][::-1], 1))
    assert f"{first[0]}: its parcel series and confounds" in verify(drawn, "figures/figure-1.svg")[1]
    scans.unlink()
    assert "the scans: as they were read -> unknown" in verify(drawn, "figures/figure-1.svg")[1]
    drawn.run("figures/lines.svg", "--cores", "2", "--rerun-triggers", "mtime")
    drawn.plan(strategies=["none", "36p"])
    told = verify(drawn, "figures/lines.svg")[1]
    assert "lines, strategy: 36p -> none" in told
    drawn.edit("figures/lines.svg", "<title>Lines", "<title>Limes")
    told = verify(drawn, "figures/lines.svg")[1]
    assert "the file itself" in told
    assert "--forceall" in told


def test_the_picture_of_a_scan_that_the_recipe_names(copy: Study) -> None:
    copy.run("figures/carpet.svg", "--cores", "2")
    drawn = copy.file("results", "sample", "draw", "scans", f"{SCAN}.pdf")
    assert copy.file("figures", "carpet.pdf").read_bytes() == drawn.read_bytes()
    for kind in ("svg", "pdf", "png"):
        assert verify(copy, f"figures/carpet.{kind}")[0] == 0
    copy.plan(strategies=["none", "36p"])
    assert "carpet, strategy: 36p -> none" in verify(copy, "figures/carpet.svg")[1]
    copy.plan(strategies=["36p", "none"])
    copy.edit("config/figures/carpet.yaml", "sub-11", "sub-99")
    assert f"carpet, scan: {SCAN} -> {SCAN.replace('11', '99')}" in verify(copy, "figures/carpet.svg")[1]
    done = copy.snakemake("--dry-run", "figures/carpet.svg")
    assert done.returncode
    assert "a scan of sample under `scan`" in done.stdout + done.stderr


def test_a_figure_of_panels_is_refused_in_the_plan(copy: Study) -> None:
    figure(copy, "figure-1", **PANELS)
    copy.plan(figures=["figure-1"])
    done = copy.snakemake("--dry-run")
    assert done.returncode == 2
    assert "figures/figure-1.svg" in done.stderr
