"""Time the statistics against peers from the package index: the same work in processes of their own, in turn.

Every row is CPU time on one core without imports; each process first does a small problem, which compiles what numba
compiles and is not counted. Printed are the cost of a unit (a permutation, an edge), CPU time and peak memory, then
ratios (median, lowest to highest of the rounds) with their aims, and the largest difference where two compute the same
number. Peers do fewer permutations and edges, as a unit costs the same however many there are. All have one thread;
what else runs on the machine shows in the spread, so compare ratios, not times. A round takes a minute, and the
Freedman-Lane test, which runs once, three more.

dfc-kit is installed without its dependencies into a temporary folder; without a network its rows are left out. MRtrix
is not on the index: what it takes was measured elsewhere, and its ratio is rough.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rows import Task, tasks

DFC_KIT = "dfc-kit==1.0.3"


class Cost(NamedTuple):
    """Of one process: CPU seconds of the work, its units, peak memory in MB, and other numbers it gives."""

    work: float
    units: int
    memory: float
    notes: dict[str, float]

    @property
    def unit(self) -> float:
        """Microseconds of a unit."""
        return self.work / self.units * 1e6


Found = tuple[Cost, dict[str, np.ndarray]]
"""What a process cost, and what it found."""


def perform(folder: Path, command: str) -> None:
    """Do a command in this process and write what it cost and found."""
    module, function, *sizes = command.split()
    job = getattr(importlib.import_module(module), function)(*sizes)
    start = time.process_time()
    result = job.work()
    seconds = time.process_time() - start
    found = job.found(result)
    notes = {name: value for name, value in found.items() if not isinstance(value, np.ndarray)}
    (folder / "cost.json").write_text(json.dumps([seconds, job.units, notes]))
    np.savez(folder / "found.npz", **{name: value for name, value in found.items() if name not in notes})


def cost(folder: Path, command: str) -> Found:
    """Run a command in a process of its own on one core."""
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
    path = os.pathsep.join([str(folder / "peers"), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    environment = {**os.environ, **threads, "PYTHONPATH": path}
    child = subprocess.Popen([sys.executable, __file__, "--folder", str(folder), "--task", command], env=environment)
    _, status, usage = os.wait4(child.pid, 0)
    if status:
        raise SystemExit(f"failed: {command}")
    seconds, units, notes = json.loads((folder / "cost.json").read_text())
    with np.load(folder / "found.npz") as arrays:
        return Cost(seconds, units, usage.ru_maxrss / 1024, notes), dict(arrays)


def differences(ours: Found, theirs: Found) -> list[str]:
    """Return the largest difference of each number that both have; of p in standard errors of the permutations."""
    lines = []
    for name in sorted(ours[1].keys() & theirs[1].keys()):
        shared = min(len(found[name]) for _, found in (ours, theirs))
        a, b = (found[name][:shared].astype(float) for _, found in (ours, theirs))
        if name.startswith("p_"):
            apart, text = monte_carlo(a, ours[0].notes["count"], b, theirs[0].notes["count"]), " Monte Carlo errors"
        else:
            apart, text = np.abs(a - b), ""
        lines.append(f"{name} {apart.max():.1e}{text} of {shared:,}")
    return lines


def monte_carlo(a: np.ndarray, n_a: float, b: np.ndarray, n_b: float) -> np.ndarray:
    """Return how many standard errors p-values (reached + 1) / (permutations + 1) are apart, as two proportions are."""
    reached_a, reached_b = a * (n_a + 1) - 1, b * (n_b + 1) - 1
    pooled = np.clip((reached_a + reached_b) / (n_a + n_b), 0, 1)
    error = np.sqrt(pooled * (1 - pooled) * (1 / n_a + 1 / n_b))
    apart = np.abs(reached_a / n_a - reached_b / n_b)
    return np.divide(apart, error, out=np.zeros(len(apart)), where=error > 1e-9)


def digits(value: float) -> str:
    """Return a number with three digits, or all before the point."""
    return f"{value:,.{max(0, 2 - int(np.floor(np.log10(value))))}f}"


def spread(values: Sequence[float]) -> str:
    """Return the median, and the lowest and highest."""
    return f"{digits(statistics.median(values)):>10} ({digits(min(values))} to {digits(max(values))})"


def compare(folder: Path, task: Task, rounds: int) -> None:
    """Run all in turn; print costs, ratios and the differences of the results."""
    costs: dict[str, list[Cost]] = {label: [] for label in task.commands}
    results: dict[str, Found] = {}
    for _ in range(min(rounds, task.rounds)):
        for label, command in task.commands.items():
            results[label] = cost(folder, command)
            costs[label].append(results[label][0])
    print(f"\n{task.name} (load {os.getloadavg()[0]:.1f})")
    for label, runs in costs.items():
        seconds, memory = (statistics.median(getattr(one, part) for one in runs) for part in ("work", "memory"))
        print(f"  {label:<12}{spread([one.unit for one in runs])} us {task.unit}; {seconds:.2f} s, {memory:.0f} MB")
    units = {label: [one.unit for one in runs] for label, runs in costs.items()}
    for label, value in task.known.items():
        units[label] = [value] * len(units["connect"])
        print(f"  {label:<12}{digits(value):>10} us {task.unit}, measured elsewhere")
    ratios(task, units)
    limits(task, costs["connect"])
    for label in [label for label in results if label != "connect"]:
        print(f"  largest difference from {label}: {', '.join(differences(results['connect'], results[label]))}")


def ratios(task: Task, units: dict[str, list[float]]) -> None:
    """Print how many times what connect takes the others take, round by round."""
    ours = units["connect"]
    for label in [label for label in units if label != "connect"]:
        found = [theirs / own for theirs, own in zip(units[label], ours, strict=True)]
        aim = f", aim {task.aims[label]:,}" if label in task.aims else ""
        print(f"  {f'{label} / connect':<24}{spread(found)}{aim}")
        if task.inside > 1:
            print(f"  {f'one / all {task.inside}':<24}{spread([ratio / task.inside for ratio in found])}")


def limits(task: Task, runs: Sequence[Cost]) -> None:
    """Print what a row without a peer must keep to, and how fast it is beside plain matrix products."""
    if task.limit:
        print(f"  aim: under {task.limit[0]:.0f} s and {task.limit[1]:,.0f} MB")
    for one in runs:
        if "gflop" in one.notes:
            rates = f"float32 {one.notes['float32']:.0f}, float64 {one.notes['float64']:.0f}"
            print(f"  {one.notes['gflop'] / one.work:.0f} GFLOP/s; this machine's matrix products: {rates}")


def install(folder: Path) -> bool:
    """Put dfc-kit into a folder of its own and return whether that worked."""
    target = str(folder / "peers")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", target, DFC_KIT]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def main(arguments: Sequence[str] | None = None) -> None:
    """Run every row and print it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="", help="rows whose name contains this")
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that it runs")
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--task", default="", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.task:
        perform(options.folder, options.task)
        return
    chosen = [task for task in tasks(quick=options.quick) if options.only in task.name]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if options.quick:
            print("small sizes: the names of the rows and their aims are those of the full ones")
        if any("dfc-kit" in task.commands for task in chosen) and not install(folder):
            print(f"{DFC_KIT} could not be installed: its rows are left out")
            for task in chosen:
                task.commands.pop("dfc-kit", None)
        for task in chosen:
            compare(folder, task, options.rounds)


if __name__ == "__main__":
    main()
