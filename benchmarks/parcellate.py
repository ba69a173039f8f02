"""Time the reading of a scan against nilearn: the same work in processes of their own, in turn, on one core.

It makes its own scan (97 x 115 x 97 voxels of 2 mm, 300 volumes) in a temporary folder of 2.5 GB: a head in air, as
dense in the file as real ones (1.3 MB a volume as int16, 2.5 MB as float32; scans of ds003007 on the same grid have 1.4
and 3.1). Of each task it prints the CPU time without imports, that of the whole process, and its peak memory, for
nilearn, for connect, and for unpacking the file alone, below which nobody gets; then ratios (median, lowest to highest
of the rounds) and the largest difference of the results. Run it with `make bench`; a round takes some six minutes,
nearly all of them nilearn's.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

SHAPE, SIZE, TR, N_CONFOUNDS, FWHM, N_MAPS = (97, 115, 97), 2.0, 2.0, 36, 6.0, 64
PARCELS = (100, 200, 300, 400, 500, 600)
SPACE = "MNI152NLin2009cAsym"
CLEANING = {"high_pass": 0.01, "low_pass": 0.1, "t_r": TR}


class Cost(NamedTuple):
    """CPU seconds without imports and of the whole process, and peak memory in MB."""

    work: float
    process: float
    memory: float


class Task(NamedTuple):
    """What is compared: a name, and the commands of the peer, of connect and of the floor."""

    name: str
    peer: str
    ours: str
    floor: str


TASKS = (
    Task("labels, int16", "nilearn_labels int16", "connect int16 labels400", "unpack int16"),
    Task("labels, float32", "nilearn_labels float32", "connect float32 labels400", "unpack float32"),
    Task("labels, int16, ten strategies", "nilearn_strategies int16", "connect int16 labels400 10", "unpack int16"),
    Task("six atlases, int16", "nilearn_six int16", f"connect int16 {','.join(f'labels{n}' for n in PARCELS)}", ""),
    Task("smoothing 6 mm, int16", "nilearn_smooth int16", "connect int16 smooth", "unpack int16"),
    Task("smoothing 6 mm, int16, atlas kept", "", "connect int16 smooth 1 kept", "unpack int16"),
    Task("64 maps on another grid, int16", "nilearn_maps int16", "connect int16 maps", "unpack int16"),
    Task("labels, int16, as the command writes them", "nilearn_labels int16", "stage int16 labels400", "unpack int16"),
    Task("the same, twice as many volumes", "", "stage long labels400", "unpack long"),
)


def make(folder: Path, n_volumes: int) -> None:
    """Write the scan in both types, its mask and confounds, and the atlases."""
    import nibabel as nib
    from scipy.ndimage import gaussian_filter
    from scipy.spatial import cKDTree

    rng = np.random.default_rng(1)
    affine = nib.affines.from_matvec(np.diag([SIZE] * 3), [-96.5, -132.5, -78.5])
    place = np.indices(SHAPE).T - (np.array(SHAPE) - 1) / 2
    radius = np.sqrt(np.square(place / (np.array(SHAPE) * 0.5)).sum(axis=-1)).T
    brain, head = radius < 0.75, radius < 0.95
    base = gaussian_filter(rng.standard_normal(SHAPE), 3)
    level = np.where(brain, 9000, np.where(head, 2500, 10)) + np.where(head, 1000, 0) * base / base.std()
    spread = np.where(brain, 90, np.where(head, 30, 3))
    files = {}
    for name, dtype in (("int16", "<i2"), ("float32", "<f4")):
        header = nib.Nifti1Header()
        header.set_data_shape((*SHAPE, n_volumes))
        header.set_data_dtype(dtype)
        header.set_zooms((SIZE, SIZE, SIZE, TR))
        header.set_sform(affine, 4)
        header["vox_offset"], header["magic"] = 352, b"n+1"
        if name == "int16":
            header["scl_slope"], header["scl_inter"] = 0.5, 0
        files[name] = gzip.open(bold(folder, name), "wb", compresslevel=1)  # noqa: SIM115 - both are written in turn
        files[name].write(header.binaryblock + b"\0\0\0\0")
    for _ in range(n_volumes):
        noise = gaussian_filter(rng.standard_normal(SHAPE, dtype=np.float32), 1)
        volume = (level + spread * noise / noise.std()).clip(0)
        files["int16"].write(np.rint(volume).astype("<i2").tobytes(order="F"))
        files["float32"].write((np.rint(volume * 16) / 16).astype("<f4").tobytes(order="F"))
    for file in files.values():
        file.close()
    with gzip.open(bold(folder, "int16")) as short, gzip.open(bold(folder, "long"), "wb", compresslevel=1) as long:
        header.set_data_dtype("<i2")
        header.set_data_shape((*SHAPE, 2 * n_volumes))
        long.write(header.binaryblock + b"\0\0\0\0")
        for _ in range(2):
            short.seek(352)
            while piece := short.read(1 << 20):
                long.write(piece)
    nib.Nifti1Image(brain.astype(np.uint8), affine).to_filename(folder / "mask.nii.gz")
    voxels = np.argwhere(brain)
    for n in PARCELS:
        _, nearest = cKDTree(rng.permutation(voxels)[:n]).query(voxels)
        image = np.zeros(SHAPE, np.int16)
        image[tuple(voxels.T)] = nearest + 1
        nib.Nifti1Image(image, affine).to_filename(folder / f"labels{n}.nii.gz")
        write_atlas(folder, f"labels{n}", "labels", n, f"labels{n}.nii.gz")
    write_atlas(folder, "smooth", "labels", 400, "labels400.nii.gz", f"smoothing: {FWHM}\n")
    own, own_affine = (91, 109, 91), nib.affines.from_matvec(np.diag([SIZE] * 3), [-90.0, -126.0, -72.0])
    maps = np.zeros((*own, N_MAPS), np.float32)
    for n, centre in enumerate(nib.affines.apply_affine(affine, voxels[rng.choice(len(voxels), N_MAPS)])):
        distance = np.square(nib.affines.apply_affine(own_affine, np.indices(own).T) - centre).sum(axis=-1).T
        maps[..., n] = np.where(distance < 30**2, np.exp(-distance / (2 * 10**2)), 0)
    nib.Nifti1Image(maps, own_affine).to_filename(folder / "maps.nii.gz")
    write_atlas(folder, "maps", "maps", N_MAPS, "maps.nii.gz")
    for name, n in (("short", n_volumes), ("long", 2 * n_volumes)):
        (folder / f"{name}.tsv").write_text("framewise_displacement\nn/a\n" + "0.1\n" * (n - 1), encoding="utf-8")
    np.save(folder / "confounds.npy", rng.standard_normal((n_volumes, N_CONFOUNDS)))


def bold(folder: Path, name: str) -> Path:
    """Return the path of the scan in a type."""
    return folder / f"sub-01_task-rest_space-{SPACE}_desc-{name}_bold.nii.gz"


def write_atlas(folder: Path, name: str, kind: str, n: int, image: str, more: str = "") -> None:
    """Write an atlas and its parcels table."""
    text = f"title: {name}\nkind: {kind}\nimage: {image}\nparcels: {name}.tsv\nspaces: [{SPACE}]\n{more}"
    (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    rows = [f"{index}\tparcel{index}\tnetwork\tregion\t0\t0\t0" for index in range(1, n + 1)]
    table = "\n".join(["index\tname\tnetwork\tregion\tx\ty\tz", *rows]) + "\n"
    (folder / f"{name}.tsv").write_text(table, encoding="utf-8")


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


def nilearn_labels(folder: Path, name: str, n_strategies: int = 1, **options: Any) -> Callable[[], np.ndarray]:
    """Reduce and clean the scan with NiftiLabelsMasker."""
    from nilearn.maskers import NiftiLabelsMasker
    from nilearn.signal import clean

    def work() -> np.ndarray:
        masker = NiftiLabelsMasker(folder / "labels400.nii.gz", mask_img=folder / "mask.nii.gz", **options)
        series, confounds = masker.fit_transform(bold(folder, name)), np.load(folder / "confounds.npy")
        for n in range(n_strategies):
            used = confounds[:, : confounds.shape[1] - n]
            cleaned = clean(series, confounds=used, standardize="zscore_sample", **CLEANING)
        return cleaned

    return work


def nilearn_strategies(folder: Path, name: str) -> Callable[[], np.ndarray]:
    """Reduce the scan once, and clean it ten times."""
    return nilearn_labels(folder, name, 10)


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
    """Run both and the floor in turn; print costs, ratios and the difference of the results."""
    labels = {"nilearn": task.peer, "connect": task.ours, "unpacking alone": task.floor}
    costs: dict[str, list[Cost]] = {label: [] for label, command in labels.items() if command}
    results = {}
    for _ in range(rounds):
        for label in costs:
            found, results[label] = cost(folder, labels[label])
            costs[label].append(found)
    print(f"\n{task.name}")
    for label, found in costs.items():
        work, process, memory = (statistics.median(column) for column in zip(*found, strict=True))
        print(f"  {label:<16}{work:8.2f} s   whole process {process:7.2f} s  {memory:7.0f} MB")
    for other, text in (("nilearn", "nilearn / connect"), ("unpacking alone", "connect / unpacking")):
        if other in costs:
            for part in ("work", "process"):
                pairs = [
                    (getattr(a, part), getattr(b, part)) for a, b in zip(costs[other], costs["connect"], strict=True)
                ]
                ratios = sorted(a / b if other == "nilearn" else b / a for a, b in pairs)
                label = f"{text}, {'without imports' if part == 'work' else 'whole process'}"
                print(f"  {label:<40}{statistics.median(ratios):6.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})")
    if results.get("nilearn") is not None and results["connect"] is not None:
        print(f"  largest difference, in SD: {np.nanmax(np.abs(results['nilearn'] - results['connect'])):.1e}")


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
