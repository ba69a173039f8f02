"""From an accession to a report: a replica of OpenNeuro on loopback, and a run that is killed again and again."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from connect.files import File, read_files
from connect.index import index

from ..bucket import Server, replicate, serving
from .study import ROOT, Study

PEOPLE = 6
COHORT = """
title: Six of them
derivatives: ../../data/ds003007
participants: ../../data/ds003007/dataset/participants.tsv
keep_images: false
sessions:
  pre: {phase: pre, weeks: 0}
  post: {phase: post, weeks: 8.7}
limits: {minutes: 2.5, mean_fd: 5}
models: [change]
"""
PLAN = {
    "cohorts": {"sample": ["change"]},
    "atlases": ["seitzman2018"],
    "strategies": ["24p"],
    "measures": ["correlation"],
    "figures": ["motion"],
}


@pytest.fixture(scope="module")
def server(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("buckets")
    replicate(shared_data / "openneuro", ROOT / "data_sample", folder, PEOPLE)
    with serving(folder) as served, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", served.url)
        yield served


def study(folder: Path) -> Study:
    """Return a study whose cohort was indexed from the bucket."""
    shutil.copytree(ROOT / "config", folder / "config")
    made = Study(folder)
    made.file("config", "config.yaml").write_text(yaml.safe_dump(PLAN))
    made.file("config", "cohorts", "ds003007.yaml").write_text(COHORT)
    model = made.file("config", "models", "change.yaml")
    model.write_text(model.read_text() + "resamples: 200\npermutations: 99\n")
    index("openneuro:ds003007", cohort="ds003007", choices=folder / "config")
    return made


def run(made: Study) -> subprocess.Popen[str]:
    """Start the run as a process group of its own."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    command = [
        "snakemake",
        "--snakefile",
        str(ROOT / "Snakefile"),
        "--workflow-profile",
        str(ROOT / "profiles" / "default"),
    ]
    command += ["--cores", "2", "--quiet", "all", "--config", "cohorts=[ds003007]"]
    return subprocess.Popen(
        command, cwd=made.folder, env={**os.environ, "PATH": path}, start_new_session=True, text=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip


def verified(made: Study, files: list[File]) -> set[str]:
    """Return the keys of the files that are there whole, in their place or among the parts."""
    data = made.file("data", "ds003007")
    places = {file: (data / ".parts" / (file.scan or "tables") / file.checksum, data / file.path) for file in files}
    return {file.uri.removeprefix("s3://") for file, paths in places.items() if any(map(Path.exists, paths))}


@pytest.mark.slow
def test_a_run_that_is_killed_three_times_ends_with_the_same_bytes(server: Server, tmp_path: Path) -> None:
    undisturbed = study(tmp_path / "undisturbed")
    server.sent.clear()
    process = run(undisturbed)
    assert process.wait() == 0, process.stderr and process.stderr.read()[-3000:]
    files = read_files(undisturbed.file("config", "cohorts", "ds003007.files.tsv"))
    listed = {file.uri.removeprefix("s3://"): file.size for file in files}
    assert dict(server.sent) == {key: size for key, size in listed.items() if size}
    assert not list(undisturbed.file("data").rglob("*_bold.nii.gz"))
    assert len(list(undisturbed.file("data").rglob("*_timeseries.tsv"))) == 2 * PEOPLE

    killed = study(tmp_path / "killed")
    server.sent.clear()
    for n_whole, whole_group in ((3, False), (20, True), (45, False)):
        process = run(killed)
        while len(verified(killed, files)) < n_whole and process.poll() is None:
            time.sleep(0.02)
        if whole_group:
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
        process.wait()
        before, sent = verified(killed, files), dict(server.sent)
        killed.run("--unlock")
        restarted = {key: server.sent[key] - sent.get(key, 0) for key in before}
        assert not any(restarted.values())
    process = run(killed)
    assert process.wait() == 0, process.stderr and process.stderr.read()[-3000:]
    assert {key: server.sent[key] for key in before} == {key: sent[key] for key in before}
    assert killed.digests() == undisturbed.digests()
