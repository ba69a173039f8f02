"""A Slurm of two nodes on loopback: its jobs, and the processes of their tasks, to be watched and killed."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import psutil

SCRIPTS = Path(__file__).parent / "slurm"
FIELDS = ",".join(
    f"{name}:|" for name in ("JobID", "Comment", "State", "NodeList", "MinMemory", "TimeLimit", "RestartCnt")
)
Found = TypeVar("Found")


def wait_for(what: str, found: Callable[[], Found], seconds: float = 300) -> Found:
    """Return the first true value that a function gives; the time is generous, since other work shares the machine."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if value := found():
            return value
        time.sleep(0.5)
    raise TimeoutError(f"no {what} within {seconds:.0f} s")


@dataclass(frozen=True)
class Job:
    """What Slurm says of a job: memory in MB, limit in minutes, how often it was requeued."""

    id: str
    about: str
    state: str
    node: str
    memory: int
    limit: str
    restarts: int


@dataclass(frozen=True)
class Slurm:
    """A Slurm whose files are in a folder. Nodes are called n1 and n2."""

    folder: Path

    def start(self) -> None:
        subprocess.run([SCRIPTS / "start.sh", self.folder], check=True)

    def stop(self) -> None:
        subprocess.run([SCRIPTS / "stop.sh", self.folder], check=True)

    def clear(self) -> None:
        """End what cancelled jobs left; no other job may run."""
        subprocess.run([SCRIPTS / "clear.sh", self.folder], check=True)

    def jobs(self, about: str = "", state: str = "") -> list[Job]:
        """Return the jobs whose comment has a text and that are in a state; ended ones too."""
        lines = _said("squeue", "--noheader", "--states=all", f"--Format={FIELDS}")
        jobs = [_job(*line.split("|")[:7]) for line in lines]
        return [job for job in jobs if about in job.about and state in ("", job.state)]

    def state(self, node: str) -> set[str]:
        """Return the state of a node in words: IDLE, MIXED, DOWN, COMPLETING, NOT_RESPONDING..."""
        (told,) = _said("scontrol", "--oneliner", "show", "node", node)
        state = next(word for word in told.split() if word.startswith("State="))
        return set(state.removeprefix("State=").replace("*", "").split("+"))

    def log(self, daemon: str) -> str:
        return (self.folder / "log" / daemon).read_text()

    def tasks(self, job: str) -> list[psutil.Process]:
        """Return the processes of the tasks of a running job, without Slurm's own."""
        return [process for keeper in _keepers(job) for process in _children(keeper)]

    def busy(self, about: str) -> dict[str, str]:
        """Return for each node a job on it, whose comment has a text, that is at work: one of its steps runs."""
        jobs = self.jobs(about, "RUNNING")
        return {job.node: job.id for job in jobs if any(".batch]" not in _title(keeper) for keeper in _keepers(job.id))}

    def hang(self, job: str) -> bool:
        """Stop all processes of a job, those of its step too; return whether it hangs, or had ended meanwhile."""
        stopped: set[psutil.Process] = set()
        while new := [process for process in self.tasks(job) if process not in stopped]:
            for process in new:
                with suppress(psutil.NoSuchProcess):
                    process.suspend()
            stopped |= set(new)
        steps = [keeper for keeper in _keepers(job) if ".batch]" not in _title(keeper)]
        return any(process in stopped for keeper in steps for process in _children(keeper))

    def kill_node(self, node: str) -> list[str]:
        """Kill a node with all that runs on it, as a power cut would, and return its jobs."""
        jobs = [job.id for job in self.jobs(state="RUNNING") if job.node == node]
        psutil.Process(int((self.folder / "pid" / f"slurmd-{node}").read_text())).kill()
        for job in jobs:
            for process in [*_keepers(job), *self.tasks(job)]:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
        return jobs

    def start_node(self, node: str) -> None:
        subprocess.run(["slurmd", "-N", node], check=True)


def _said(*command: str) -> list[str]:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


def _job(job: str, about: str, state: str, node: str, memory: str, limit: str, restarts: str) -> Job:
    return Job(job, about, state, node, int(memory.rstrip("M")), limit, int(restarts))


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _title(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline()[:1])
    except psutil.NoSuchProcess:
        return ""


def _keepers(job: str) -> list[psutil.Process]:
    """Return the slurmstepd processes of a job: one for its script, one for each step; their children are its tasks."""
    return [process for process in psutil.process_iter() if _title(process).startswith(f"slurmstepd: [{job}.")]
