"""The sample on a real Slurm with faults: whatever is killed, the results are the bytes of an undisturbed local run."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.workflow.study import ROOT, Study, sample_study

from .loopback import SCRIPTS, Job, Slurm, wait_for

pytestmark = pytest.mark.cluster

HERE = ("--slurm-no-account", "--slurm-status-command", "squeue", "--slurm-init-seconds-before-status-checks", "2")
"""What this Slurm needs: it has no accounting, and jobs are short."""
SCARCE = (
    *("--group-components", "parcellate=4", "tests=4", "--resources", "together=4", "--set-resources"),
    *("parcellate:mem_mb=250", "parcellate:runtime=attempt", "estimate:mem_mb=250 * attempt ** 2"),
)
"""A minute for four scans, and for connectomes less memory than Snakemake and they take together."""
N_SCANS = 12
CANCEL = r"""grep -ohP 'SLURM jobid \K\d+' "$(ls -t .snakemake/log/*.log | head -1)" | xargs scancel"""


def small_study(folder: Path) -> Study:
    """Return the sample with its first twelve scans, a quarter of the parcels, one model and one figure."""
    study = sample_study(folder)
    study.plan(cohorts={"sample": ["change"]}, strategies=["36p"], figures=["motion"])
    for name, kept in (("atlases/seitzman2018.tsv", slice(0, None, 4)), ("cohorts/sample.scans.tsv", slice(N_SCANS))):
        path = study.file("config", name)
        head, *rows = path.read_text().splitlines(keepends=True)
        path.write_text("".join([head, *rows[kept]]))
    return study


@dataclass(frozen=True)
class Disturbed:
    """A run on Slurm that was disturbed, with the jobs that were and all jobs as they ended."""

    study: Study
    lost: list[str]
    hung: str
    jobs: list[Job]


@dataclass(frozen=True)
class Runs:
    """The same study three times: here, through cluster-generic, and disturbed on Slurm."""

    local: Study
    generic: Study
    disturbed: Disturbed


@pytest.fixture(scope="module")
def runs(slurm: Slurm, tmp_path_factory: pytest.TempPathFactory) -> Runs:
    local, generic, study = (small_study(tmp_path_factory.mktemp(name)) for name in ("local", "generic", "slurm"))
    started: list[subprocess.Popen[str]] = []

    def start(study: Study, *arguments: str, profile: str) -> subprocess.Popen[str]:
        log = study.file("said.txt").open("w")
        process = study.process(*arguments, profile=profile)
        started.append(subprocess.Popen(**process, stdout=log, stderr=subprocess.STDOUT))
        return started[-1]

    def finish(study: Study, process: subprocess.Popen[str]) -> None:
        assert process.wait(timeout=900) == 0, study.file("said.txt").read_text()[-5000:]

    try:
        # Snakemake itself is killed: its jobs go on, are cancelled, and the run is started again.
        first = start(study, *HERE, *SCARCE, profile="slurm")
        wait_for("job at work", lambda: slurm.busy("parcellate"))
        first.kill()
        first.wait()
        subprocess.run(CANCEL, shell=True, cwd=study.folder, check=True)
        wait_for("empty queue", lambda: not {"RUNNING", "COMPLETING"} & {job.state for job in slurm.jobs()})
        slurm.clear()
        study.run("--unlock")
        second = start(study, *HERE, *SCARCE, profile="slurm")
        # A node goes down with its jobs, and a job on the other one hangs.
        nodes = wait_for(
            "job at work on either node, of which one hangs",
            lambda: len(busy := slurm.busy("parcellate")) == 2 and slurm.hang(busy["n1"]) and busy,
        )
        hung = nodes["n1"]
        lost = slurm.kill_node("n2")
        wait_for("lost node", lambda: "DOWN" in slurm.state("n2"))
        slurm.start_node("n2")
        # While the hanging job runs out of time, there is time for the others.
        others = [(generic, start(generic, "--seconds-between-status-checks", "2", profile="cluster-generic"))]
        others.append((local, start(local, "--cores", "1", profile="default")))
        for other, process in others:
            finish(other, process)
        finish(study, second)
        return Runs(local, generic, Disturbed(study, lost, hung, slurm.jobs()))
    finally:
        for process in started:
            process.kill()
            process.wait()


def test_after_kills_of_snakemake_and_of_a_node_the_bytes_are_those_of_a_local_run(runs: Runs) -> None:
    assert len(runs.local.digests()) > 50
    assert runs.disturbed.study.digests() == runs.local.digests()


def test_what_slurm_made_is_up_to_date_here(runs: Runs) -> None:
    assert runs.disturbed.study.planned() == {}


def test_jobs_of_a_node_that_went_down_ran_again(runs: Runs) -> None:
    jobs = [job for job in runs.disturbed.jobs if job.id in runs.disturbed.lost]
    assert jobs
    assert all(job.restarts == 1 and job.state == "COMPLETED" for job in jobs)


def test_a_job_that_ran_out_of_time_was_given_more(runs: Runs) -> None:
    (hung,) = (job for job in runs.disturbed.jobs if job.id == runs.disturbed.hung)
    assert (hung.state, hung.limit) == ("TIMEOUT", "1:00")
    again = [job for job in runs.disturbed.jobs if job.about == hung.about and job.limit != hung.limit]
    assert "COMPLETED" in {job.state for job in again}


def test_a_job_that_ran_out_of_memory_was_given_more(runs: Runs, slurm: Slurm) -> None:
    jobs = [job for job in runs.disturbed.jobs if job.about.startswith("rule_estimate")]
    first, second = sorted(jobs, key=lambda job: int(job.id))
    assert (first.state, first.memory) == ("FAILED", 250)
    assert f"StepId={first.id}.0 exceeded memory limit" in slurm.log(f"slurmd-{first.node}")
    assert (second.state, second.memory) == ("COMPLETED", 1000)


def test_many_scans_share_a_submission(runs: Runs) -> None:
    jobs = [job for job in runs.disturbed.jobs if "parcellate" in job.about and job.state == "COMPLETED"]
    assert N_SCANS / 4 <= len(jobs) < N_SCANS / 2


def test_cluster_generic_gives_the_same_bytes(runs: Runs) -> None:
    assert runs.generic.digests() == runs.local.digests()


@pytest.mark.parametrize(("command", "status"), [("true", "success"), ("false", "failed")])
def test_the_status_script_says_how_a_job_ended(slurm: Slurm, command: str, status: str, tmp_path: Path) -> None:
    script = ROOT / "profiles" / "cluster-generic" / "status.sh"
    submit = ["sbatch", "--parsable", f"--chdir={tmp_path}", "--hold", f"--wrap=sleep 1; {command}"]
    job = subprocess.run(submit, capture_output=True, text=True, check=True).stdout.strip()

    def told() -> str:
        return subprocess.run([script, job], capture_output=True, text=True, check=True).stdout.strip()

    assert told() == "running"
    subprocess.run(["scontrol", "release", job], check=True)
    assert wait_for("end of the job", lambda: told() if told() != "running" else "") == status


def test_a_job_that_nobody_knows_counts_as_failed(slurm: Slurm) -> None:
    script = ROOT / "profiles" / "cluster-generic" / "status.sh"
    assert subprocess.run([script, "999999"], capture_output=True, text=True, check=True).stdout == "failed\n"


def test_a_slurm_that_is_there_is_left_alone(slurm: Slurm, tmp_path: Path) -> None:
    done = subprocess.run([SCRIPTS / "start.sh", tmp_path / "other"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "there is a Slurm here already" in done.stderr
    assert not (tmp_path / "other").exists()
    assert "DOWN" not in slurm.state("n1")


def test_the_page_says_how_to_cancel_what_a_killed_run_left() -> None:
    assert CANCEL in (ROOT / "docs" / "how-to" / "run-on-a-cluster.md").read_text()
