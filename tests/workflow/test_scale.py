"""Ten thousand scans: planning grows in a line with them, commands do not grow, and nor does memory."""

from __future__ import annotations

import os
import re
import resource
import runpy
import shutil
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest

from connect import STAGES
from connect.cli import main
from connect.layout import unbraced

from .study import ROOT, Study

LARGE = runpy.run_path(str(ROOT / "benchmarks" / "large.py"))
PER_SCAN = 10_000
"""Bytes that a scan may cost: its row in a table, not its series."""


def used() -> float:
    """Return the CPU seconds of all processes that this one has waited for."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def planned(folder: Path, n_scans: int) -> tuple[dict[str, int], float]:
    """Return the jobs of each rule in a study of some scans, and the CPU seconds that it took to plan them."""
    LARGE["make"](folder, n_scans)
    start = used()
    jobs = Study(folder).planned()
    return jobs, used() - start


def test_planning_grows_in_a_line_with_the_scans(tmp_path: Path) -> None:
    """10,000 scans must take less than 60 CPU seconds; 1,000 take 3 and a further thousand 1.5 on a usual machine."""
    few, start = planned(tmp_path / "few", 100)
    many, seconds = planned(tmp_path / "many", 1000)
    universes = len(LARGE["STRATEGIES"]) * 3
    assert few | {"parcellate": 1000} == many
    assert few["parcellate"] == 100
    assert (few["gather"], few["denoise"], few["estimate"]) == (1, universes, universes * len(LARGE["MEASURES"]))
    assert seconds < 15
    assert (seconds - start) / 900 < 0.005


def test_no_command_grows_with_scans_or_universes(tmp_path: Path) -> None:
    """Linux takes 131 kB as one word, which a command is; the names of 240 summaries would be a sixth of that."""
    LARGE["make"](tmp_path, 40)
    config, study = tmp_path / "config", Study(tmp_path)
    atlases = [f"atlas-{number}" for number in range(8)]
    for name, kind in product(atlases, ("atlases", "domains")):
        shutil.copy(config / kind / "one.yaml", config / kind / f"{name}.yaml")
    measures = sorted(path.stem for path in (config / "measures").glob("*.yaml"))[:3]
    strategies = sorted(path.stem for path in (config / "strategies").glob("*.yaml"))[:5]
    models = ["training-by-time", "change-in-training"]
    study.plan(cohorts={"large": models}, atlases=["+".join(atlases)], strategies=strategies, measures=measures)
    done = study.snakemake("--dry-run", "--printshellcmds")
    assert done.returncode == 0
    commands = re.findall(r"^Shell command: (?:rm -rf \S+ && )?(connect .*)$", done.stdout, re.MULTILINE)
    counts = Counter(command.split()[1] for command in commands)
    assert set(counts) == {*STAGES, "gather"} - {"fetch", "relate", "challenge"}
    assert counts["compare"] == 8 * 5 * 3 * 2
    assert max(map(len, commands)) < 4000
    report = next(command for command in commands if command.startswith("connect report"))
    summaries = unbraced(re.search(r"--summaries '([^']+)' --", report)[1])
    written = re.findall(r"--summary (\S+/compare/\S+)", "\n".join(commands))
    assert len(summaries) == counts["compare"]
    assert set(summaries) <= set(written)


@pytest.fixture(scope="module")
def cohorts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[int, dict[str, dict[str, str]]]]:
    """Return the flags of the stages for cohorts, made in folders of the number of their scans."""
    folder, before = tmp_path_factory.mktemp("cohorts"), Path.cwd()
    os.chdir(folder)
    made = {}
    for n_scans in (20, 20, 80):  # what is imported and cached at first is no growth
        shutil.rmtree(str(n_scans), ignore_errors=True)
        LARGE["make"](Path(str(n_scans)), n_scans, ("few",))
        made[n_scans] = LARGE["fill"](Path(str(n_scans)), 60)
    yield made
    os.chdir(before)


@pytest.mark.parametrize("stage", ["gather", "denoise", "screen", "estimate"])
def test_memory_does_not_grow_with_scans(cohorts: dict[int, dict[str, dict[str, str]]], stage: str) -> None:
    """Between 20 and 80 scans of 60 parcels, a stage that held their series would need 35 kB more for each."""
    peaks: dict[int, list[int]] = {20: [], 80: []}
    home = Path.cwd()
    for n_scans in (20, 20, 80, 80):  # the least of two: other threads of the process may need memory in one of them
        os.chdir(home / str(n_scans))
        words = [
            word for name, path in cohorts[n_scans][stage].items() for word in (f"--{name.replace('_', '-')}", path)
        ]
        tracemalloc.start()
        try:
            assert main([stage, *words]) == 0
            peaks[n_scans].append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
            os.chdir(home)
    assert (min(peaks[80]) - min(peaks[20])) / 60 < PER_SCAN
