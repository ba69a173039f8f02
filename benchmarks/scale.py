"""Measure how the workflow grows with the number of scans: planning, running, memory of the stages of a whole cohort.

`graph`     CPU time and memory of `snakemake --dry-run` of a study of 3 atlases, 4 strategies and 2 measures.
`overhead`  CPU time per scan of `snakemake --until parcellate` on copies of the sample's scans, beside the same work in
            one process, and where it goes.
`memory`    peak memory and CPU time per scan of each stage of a whole cohort, on made-up series of few parcels.

Each prints a table; `make scale` runs all three, which takes some ten minutes of CPU.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import large

ROOT = large.ROOT
SNAKEMAKE = [
    "snakemake",
    "--snakefile",
    str(ROOT / "Snakefile"),
    "--workflow-profile",
    str(ROOT / "profiles" / "default"),
]
TOGETHER, APART = ("one+two+three",), ("one", "two", "three")
STUDIES = {"one pass": (TOGETHER, False), "three passes": (APART, False), "fetched": (TOGETHER, True)}
N_PARCELS = 60
WHOLE = ("gather", "denoise", "screen", "estimate", "assess", "compare")


class Cost(NamedTuple):
    """CPU seconds of a process and all that it started, and the memory of the largest of them in MB."""

    seconds: float
    memory: float


def cost(folder: Path, command: Sequence[str]) -> Cost:
    """Run a command in a folder."""
    environment = {**os.environ, **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    with (folder / "out.txt").open("wb") as out:
        child = subprocess.Popen(list(command), cwd=folder, stdout=out, stderr=out, env=environment)
        _, status, usage = os.wait4(child.pid, 0)
    if status:
        raise SystemExit(f"failed: {' '.join(command[:3])}\n{(folder / 'out.txt').read_text()[-2000:]}")
    return Cost(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def graph(sizes: Sequence[int]) -> None:
    """Print what planning costs."""
    print("planning: snakemake --dry-run, nothing done yet; aim at 10,000 scans: 60 s, 1,024 MB")
    for name, (passes, fetched) in STUDIES.items():
        last = (0, Cost(0, 0))
        for n_scans in sizes:
            with tempfile.TemporaryDirectory() as made:
                large.make(Path(made), n_scans, passes, fetched=fetched)
                found = cost(Path(made), [*SNAKEMAKE, "--dry-run", "--quiet"])
            line = f"  {name:<13}{n_scans:>7,} scans {found.seconds:8.1f} s {found.memory:7.0f} MB"
            if last[0]:
                seconds, memory = ((b - a) / (n_scans - last[0]) for a, b in zip(last[1], found, strict=True))
                line += f"; each further scan {1e3 * seconds:.1f} ms, {1e3 * memory:.0f} kB"
            print(line)
            last = (n_scans, found)


def overhead(n_scans: int) -> None:
    """Print what the workflow costs per scan beside the engine."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        large.make(folder, n_scans, (large.ATLAS,))
        scans = large.use_sample(folder)
        engine = cost(folder, [sys.executable, __file__, "--engine", *scans]).seconds
        start = cost(folder, [sys.executable, "-c", ""]).seconds
        imported = cost(folder, [sys.executable, "-c", "import connect.cli, connect.parcellate"]).seconds
        idle = cost(folder, [*SNAKEMAKE, "--dry-run", "--quiet", "--until", "parcellate"]).seconds
        whole = cost(folder, [*SNAKEMAKE, "--quiet", "rules", "--until", "parcellate"]).seconds
    engine -= imported
    each = {"engine": engine / n_scans, "Python starts": start, "imports": imported - start}
    each["planning"] = idle / n_scans
    each["Snakemake runs the job"] = whole / n_scans - sum(each.values())
    print(f"\nrunning: CPU s per scan, parcellate of {n_scans} scans; aim: under 1 s besides the engine")
    for name, seconds in each.items():
        print(f"  {name:<24}{seconds:7.3f}")
    print(f"  {'all but the engine':<24}{whole / n_scans - each['engine']:7.3f}")


def engine(names: Sequence[str]) -> None:
    """Reduce scans in one process."""
    from connect.parcellate import parcellate

    atlas = Path("config") / "atlases" / f"{large.ATLAS}.yaml"
    for name in names:
        bold, mask, confounds = map(Path, name.split(","))
        parcellate(bold, mask, confounds, [atlas], Path("engine") / bold.stem, cache=Path("cache"))


def memory(sizes: Sequence[int]) -> None:
    """Print the memory and CPU time of stages of a whole cohort."""
    print(f"\nstages of a whole cohort: {N_PARCELS} parcels, {large.N_VOLUMES} volumes; peak MB (CPU ms per scan)")
    print(f"  {'scans':>7}" + "".join(f"{stage:>16}" for stage in WHOLE))
    for n_scans in sizes:
        with tempfile.TemporaryDirectory() as made:
            folder = Path(made)
            large.make(folder, n_scans, ("few",))
            commands = large.fill(folder, N_PARCELS)
            found = [cost(folder, ["connect", stage, *flags(commands[stage])]) for stage in WHOLE]
        cells = [f"{one.memory:.0f} ({1e3 * one.seconds / n_scans:.1f})" for one in found]
        print(f"  {n_scans:>7,}" + "".join(f"{cell:>16}" for cell in cells))


def flags(paths: Mapping[str, str]) -> list[str]:
    """Return the flags of a command."""
    return [word for name, path in paths.items() for word in (f"--{name.replace('_', '-')}", path)]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", default=["graph", "overhead", "memory"])
    parser.add_argument("--sizes", type=int, nargs="+", default=[100, 1000, 10000], help="scans of `graph`")
    parser.add_argument("--scans", type=int, default=60, help="scans of `overhead`")
    parser.add_argument("--cohorts", type=int, nargs="+", default=[100, 1000, 4000], help="scans of `memory`")
    parser.add_argument("--engine", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.engine:
        engine(options.engine)
        return
    if "graph" in options.parts:
        graph(options.sizes)
    if "overhead" in options.parts:
        overhead(options.scans)
    if "memory" in options.parts:
        memory(options.cohorts)


if __name__ == "__main__":
    main()
