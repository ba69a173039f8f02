"""What the Snakemake workflow catalogue asks of a workflow for its standardised usage."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from .study import ROOT, Study, sample_study


def jobs(study: Study, *arguments: str) -> list[str]:
    """Return rule, input, output and log of every job that would run."""
    told = study.snakemake("--dry-run", *arguments)
    assert told.returncode == 0, told.stdout[-3000:] + told.stderr[-3000:]
    blocks = re.findall(r"^(?:local)?rule \w+:\n(?: +\w+: .*\n)+", told.stdout, re.MULTILINE)
    return sorted(re.sub(r"^ +(jobid|reason): .*\n", "", block, flags=re.MULTILINE) for block in blocks)


@pytest.mark.slow
def test_both_snakefiles_run_the_same_jobs(tmp_path: Path) -> None:
    study = sample_study(tmp_path)
    found = jobs(study)
    assert len(found) > 50
    assert jobs(study, "--snakefile", str(ROOT / "workflow" / "Snakefile")) == found


def test_the_files_of_the_catalogue_are_there(root: Path) -> None:
    usage = yaml.safe_load((root / ".snakemake-workflow-catalog.yml").read_text())["usage"]
    assert set(usage) == {"mandatory-flags", "software-stack-deployment", "report"}
    assert set(usage["software-stack-deployment"]) == {"conda", "apptainer", "apptainer+conda"}
    container = re.search(r'^container: "(.+)"$', (root / "workflow" / "Snakefile").read_text(), re.MULTILINE)
    assert usage["software-stack-deployment"]["apptainer"] == bool(container)
    assert (root / "config" / "README.md").is_file()
    assert {"snakemake", "workflow"} <= set((root / "README.md").read_text().lower().split())
    assert list(root.glob("workflow/rules/*.smk"))
