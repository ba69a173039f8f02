"""A study folder of its own for a test: its config, its results, and Snakemake run in it for real."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
SAMPLE_PLAN = {
    "cohorts": {
        "sample": [
            *("training-by-time", "change-in-training", "change-in-waiting"),
            *("oxytocin-and-change", "response-by-attachment"),
        ]
    },
    "atlases": ["seitzman2018"],
    "strategies": ["36p", "acompcor", "none", "scrubbing-gsr"],
    "measures": ["correlation"],
    "figures": [
        "slopegraph",
        "change-matrix",
        "pre-post-matrices",
        "glass-brain",
        "relation",
        "motion",
        "denoising",
        "qc-fc",
        "carpet",
    ],
}


SCAN = "sub-11_ses-post_task-rest_space-MNI152NLin2009cAsym_res-7"
"""The scan whose picture is a figure of the sample study."""


@dataclass(frozen=True)
class Study:
    """A folder with `config/`, run with the project's Snakefile."""

    folder: Path

    def file(self, *parts: str) -> Path:
        return self.folder.joinpath(*parts)

    def edit(self, path: str, old: str, new: str) -> None:
        text = self.file(path).read_text()
        assert old in text, f"{old!r} is not in {path}"
        self.file(path).write_text(text.replace(old, new))

    def plan(self, **changes: object) -> None:
        path = self.file("config", "config.yaml")
        path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), **changes}))

    def process(self, *arguments: str, package: Path | None = None, profile: str = "default") -> dict[str, Any]:
        """Return what starts Snakemake here with a profile of the project: arguments of :class:`subprocess.Popen`."""
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        environment = {**os.environ, "PATH": path, **({"PYTHONPATH": str(package)} if package else {})}
        folder = str(ROOT / "profiles" / profile)
        command = ["snakemake", "--snakefile", str(ROOT / "Snakefile"), "--workflow-profile", folder, *arguments]
        return {"args": command, "cwd": self.folder, "env": environment, "text": True}

    def snakemake(
        self, *arguments: str, package: Path | None = None, profile: str = "default"
    ) -> subprocess.CompletedProcess[str]:
        process = self.process(*arguments, package=package, profile=profile)
        return subprocess.run(**process, capture_output=True, check=False)

    def run(self, *arguments: str) -> None:
        done = self.snakemake(*arguments)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]

    def planned(self, *arguments: str, package: Path | None = None, profile: str = "default") -> dict[str, int]:
        """Return how many jobs of each rule would run now."""
        done = self.snakemake("--dry-run", *arguments, package=package, profile=profile)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return counted(done.stdout)

    def digests(self) -> dict[str, str]:
        """Return a digest of every result; what a killed job was writing aside, in a name with a dot, is none."""
        results = self.file("results")
        names = sorted(path.relative_to(results) for path in results.rglob("*") if path.is_file())
        names = [name for name in names if not any(part.startswith(".") for part in name.parts)]
        return {str(name): hashlib.sha256((results / name).read_bytes()).hexdigest() for name in names}


def counted(told: str) -> dict[str, int]:
    """Return how many jobs of each rule Snakemake said it would run."""
    table = re.search(r"^job +count\n[- ]+\n(.*?)^total", told, re.MULTILINE | re.DOTALL)
    return {name: int(count) for name, count in (line.split() for line in table[1].splitlines())} if table else {}


def sample_study(folder: Path) -> Study:
    """Return a study with the shipped choices and the sample's plan, whose scans stay where they are.

    To save time, models take fewer bootstrap resamples, and relations fewer permutations; nothing here is about them.
    """
    shutil.copytree(ROOT / "config", folder / "config")
    (folder / "config" / "config.yaml").write_text(
        yaml.safe_dump(SAMPLE_PLAN, default_flow_style=None, sort_keys=False)
    )
    cohort = folder / "config" / "cohorts" / "sample.yaml"
    cohort.write_text(cohort.read_text().replace("../../data_sample", str(ROOT / "data_sample")))
    for model in (folder / "config" / "models").glob("*.yaml"):
        text = model.read_text()
        fewer = text.replace("permutations: 2000", "permutations: 500") if "phenotypes:" in text else text
        model.write_text(f"{fewer}resamples: 200\n")
    carpet = folder / "config" / "figures" / "carpet.yaml"
    carpet.write_text(f"{carpet.read_text()}scan: {SCAN}\n")
    return Study(folder)
