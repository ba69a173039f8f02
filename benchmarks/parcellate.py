"""Time the reading of a scan against nilearn: the same work in processes of their own, in turn, on one core.

It makes its own scan (`scans.py`, 300 volumes) in a temporary folder of 2.5 GB. Of each task it prints the CPU time
without imports, that of the whole process, and its peak memory, for nilearn, for connect, and for unpacking the file
alone, below which nobody gets; then ratios (median, lowest to highest of the rounds), the aim of each, and the largest
difference of the results in standard deviations. Run it with `make bench`; a round takes some six minutes, nearly all
of them nilearn's.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scans import FWHM, PARCELS, SPACE, TR, bold, make

CLEANING = {"high_pass": 0.01, "low_pass": 0.1, "t_r": TR}


class Cost(NamedTuple):
    """CPU seconds without imports and of the whole process, and peak memory in MB."""

    work: float
    process: float
    memory: float


class Task(NamedTuple):
    """A command for each of those who are compared, and what is aimed at."""

    name: str
    commands: Mapping[str, str]
    aim: str


NILEARN, CONNECT, FLOOR, ONE = "nilearn", "connect", "unpacking alone", "one strategy"
SIX = ",".join(f"labels{n}" for n in PARCELS)
TASKS = (
    Task(
        "400 labels, int16, one strategy",
        {NILEARN: "nilearn_labels int16", CONNECT: "connect int16 labels400", FLOOR: "unpack int16"},
        "nilearn / connect 12, connect / unpacking 1.3",
    ),
    Task(
        "400 labels, float32, one strategy",
        {NILEARN: "nilearn_labels float32", CONNECT: "connect float32 labels400", FLOOR: "unpack float32"},
        "nilearn / connect 6, connect / unpacking 1.1",
    ),
    Task(
        "400 labels, int16, ten strategies",
        {
            NILEARN: "nilearn_labels int16 10",
            CONNECT: "connect int16 labels400 10",
            ONE: "connect int16 labels400",
        },
        "connect / one strategy 1.1",
    ),
    Task("six atlases, int16", {NILEARN: "nilearn_six int16", CONNECT: f"connect int16 {SIX}"}, "nilearn / connect 25"),
    Task(
        "smoothing 6 mm, int16",
        {NILEARN: "nilearn_smooth int16", CONNECT: "connect int16 smooth", FLOOR: "unpack int16"},
        "nilearn / connect 12, 500 MB; the results differ at the rim of the brain, where nilearn smooths across it",
    ),
    Task(
        "smoothing 6 mm, int16, smoothed atlas kept",
        {CONNECT: "connect int16 smooth 1 kept", FLOOR: "unpack int16"},
        "faster than without",
    ),
    Task(
        "64 maps on another grid, int16",
        {NILEARN: "nilearn_maps int16", CONNECT: "connect int16 maps", FLOOR: "unpack int16"},
        "nilearn / connect 20",
    ),
    Task(
        "the command `connect parcellate`, int16, which writes its tables; nilearn only extracts",
        {NILEARN: "nilearn_labels int16 0", CONNECT: "stage int16 labels400", FLOOR: "unpack int16"},
        "whole process 2 s, 150 MB",
    ),
    Task(
        "the same, twice as many volumes",
        {CONNECT: "stage long labels400", FLOOR: "unpack long"},
        "no more memory",
    ),
)


def unpack(folder: Path, name: str) -> Callable[[], None]:
    """Unpack the scan and do nothing with it."""
    from isal import igzip

    def work() -> None:
        with igzip.open(bold(folder, name)) as file:
            while file.read(1 << 17):
                pass

    return work


def connect(folder: Path, name: str, atlases: str, n_strategies: str = "1", kept: str = "") -> Callable[[], np.ndarray]:
    """Reduce and clean the scan as the stages do."""
    from connect.denoise.clean import clean
    from connect.errors import UnusableScan
    from connect.parcellate.atlases import read_parcellation
    from connect.parcellate.grids import put_on_grid
    from connect.parcellate.images import open_run, read_image
    from connect.parcellate.quality import Scale
    from connect.parcellate.reduction import extract
    from connect.parcellate.weights import in_order
    from connect.settings.strategy import Strategy

    strategy = Strategy(title="as nilearn", high_pass=CLEANING["high_pass"], low_pass=CLEANING["low_pass"])

    def work() -> np.ndarray:
        run = open_run(bold(folder, name), UnusableScan)
        _, mask = read_image(folder / "mask.nii.gz", 3, UnusableScan)
        chosen = [read_parcellation(folder / f"{atlas}.yaml", SPACE) for atlas in atlases.split(",")]
        cache = folder / "cache" if kept else None
        weights = [put_on_grid(parcellation, run.grid, mask != 0, cache) for parcellation in chosen]
        everything = np.ones(run.n_volumes, dtype=bool)
        scale = Scale(run.slope, run.inter, run.stored.kind in "iu")
        voxels, weights = in_order(np.flatnonzero(mask.ravel(order="F")), weights)
        found, _ = extract(run.volumes, voxels, weights, scale, everything)
        confounds = np.load(folder / "confounds.npy")
        cleaned = []
        for n in range(int(n_strategies)):
            used = confounds[:, : confounds.shape[1] - n]
            cleaned = [clean(result.series, used, everything, TR, strategy).series for result in found]
        return np.hstack(cleaned)

    return work


def stage(folder: Path, name: str, atlas: str) -> Callable[[], None]:
    """Run the stage, which writes its tables."""
    from connect.parcellate import parcellate

    def work() -> None:
        confounds = folder / ("long.tsv" if name == "long" else "short.tsv")
        parcellate(bold(folder, name), folder / "mask.nii.gz", confounds, [folder / f"{atlas}.yaml"], folder / "stage")

    return work


def nilearn_labels(folder: Path, name: str, n_strategies: str = "1", **options: Any) -> Callable[[], np.ndarray]:
    """Reduce and clean the scan with NiftiLabelsMasker."""
    from nilearn.maskers import NiftiLabelsMasker
    from nilearn.signal import clean

    def work() -> np.ndarray:
        masker = NiftiLabelsMasker(folder / "labels400.nii.gz", mask_img=folder / "mask.nii.gz", **options)
        series, confounds = masker.fit_transform(bold(folder, name)), np.load(folder / "confounds.npy")
        cleaned = series
        for n in range(int(n_strategies)):
            used = confounds[:, : confounds.shape[1] - n]
            cleaned = clean(series, confounds=used, standardize="zscore_sample", **CLEANING)
        return cleaned

    return work


def nilearn_smooth(folder: Path, name: str) -> Callable[[], np.ndarray]:
    """Reduce and clean the smoothed scan."""
    return nilearn_labels(folder, name, smoothing_fwhm=FWHM)


def nilearn_six(folder: Path, name: str) -> Callable[[], np.ndarray]:
    """Reduce and clean the scan with six atlases."""
    from nilearn.maskers import NiftiLabelsMasker

    def work() -> np.ndarray:
        confounds = np.load(folder / "confounds.npy")
        found = []
        for n in PARCELS:
            image, mask = folder / f"labels{n}.nii.gz", folder / "mask.nii.gz"
            masker = NiftiLabelsMasker(image, mask_img=mask, standardize="zscore_sample", detrend=True, **CLEANING)
            found.append(masker.fit_transform(bold(folder, name), confounds=confounds))
        return np.hstack(found)

    return work


def nilearn_maps(folder: Path, name: str) -> Callable[[], np.ndarray]:
    """Reduce and clean the scan with NiftiMapsMasker."""
    from nilearn.maskers import NiftiMapsMasker

    def work() -> np.ndarray:
        confounds = np.load(folder / "confounds.npy")
        image, mask = folder / "maps.nii.gz", folder / "mask.nii.gz"
        masker = NiftiMapsMasker(image, mask_img=mask, standardize="zscore_sample", detrend=True, **CLEANING)
        return masker.fit_transform(bold(folder, name), confounds=confounds)

    return work


def cost(folder: Path, task: str) -> tuple[Cost, np.ndarray | None]:
    """Run a task in a process of its own on one core."""
    result = folder / "result.npy"
    result.unlink(missing_ok=True)
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    command = [sys.executable, __file__, "--folder", str(folder), "--task", task]
    with (folder / "work.json").open("wb") as out:
        child = subprocess.Popen(command, stdout=out, env={**os.environ, **threads})
        _, status, usage = os.wait4(child.pid, 0)
    if status:
        raise SystemExit(f"failed: {task}")
    work = json.loads((folder / "work.json").read_text())
    found = Cost(work, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)
    return found, np.load(result) if result.is_file() else None


def perform(folder: Path, task: str) -> None:
    """Do a task in this process: import, then work."""
    name, *words = task.split()
    work = globals()[name](folder, *words)
    start = time.process_time()
    result = work()
    print(time.process_time() - start)
    if result is not None:
        np.save(folder / "result.npy", result)


def compare(folder: Path, task: Task, rounds: int) -> None:
    """Run all in turn; print costs, ratios and the difference of the results."""
    costs: dict[str, list[Cost]] = {label: [] for label in task.commands}
    results = {}
    for _ in range(rounds):
        for label, command in task.commands.items():
            found, results[label] = cost(folder, command)
            costs[label].append(found)
    print(f"\n{task.name}\n  aim: {task.aim}")
    for label, found in costs.items():
        work, process, memory = (statistics.median(column) for column in zip(*found, strict=True))
        print(f"  {label:<16}{work:8.2f} s   whole process {process:7.2f} s  {memory:7.0f} MB")
    for above, below in ((NILEARN, CONNECT), (CONNECT, FLOOR), (CONNECT, ONE)):
        if above in costs and below in costs:
            for part, text in (("work", "without imports"), ("process", "whole process")):
                pairs = zip(costs[above], costs[below], strict=True)
                ratios = sorted(getattr(a, part) / getattr(b, part) for a, b in pairs)
                spread = f"({ratios[0]:.2f} to {ratios[-1]:.2f})"
                print(f"  {f'{above} / {below}, {text}':<44}{statistics.median(ratios):6.2f} {spread}")
    if results.get(NILEARN) is not None and results[CONNECT] is not None:
        print(f"  largest difference: {np.nanmax(np.abs(results[NILEARN] - results[CONNECT])):.1e} SD")


def main(arguments: Sequence[str] | None = None) -> None:
    """Make the scan, run every task, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--volumes", type=int, default=300)
    parser.add_argument("--only", default="", help="tasks whose name contains this")
    parser.add_argument("--folder", type=Path, help="keep the scan here")
    parser.add_argument("--task", default="", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.task == "make":
        make(options.folder, options.volumes)
        return
    if options.task:
        perform(options.folder, options.task)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = options.folder or Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / "confounds.npy").is_file():
            # In a process of its own, since children are charged with the memory of the one that starts them.
            command = [sys.executable, __file__, "--folder", str(folder), "--task", "make"]
            subprocess.run([*command, "--volumes", str(options.volumes)], check=True)
        for task in TASKS:
            if options.only in task.name:
                compare(folder, task, options.rounds)


if __name__ == "__main__":
    main()
