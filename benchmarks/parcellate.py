"""Time the parcellate stage against nilearn on the same scan: whole processes in turn, imports and all.

Prints for each the median CPU time and the peak memory over several rounds, and their ratio round by round. It makes
its own scan (61 x 73 x 61 voxels of 3 mm, 200 volumes, int16, gzip) in a temporary folder. Run it with `make bench`.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
from pathlib import Path

import nibabel as nib
import numpy as np

ROOT = Path(__file__).parents[1]
ATLAS = ROOT / "config" / "atlases" / "seitzman2018.yaml"
NILEARN = """
import sys
import pandas as pd
from nilearn.maskers import NiftiSpheresMasker
bold, mask, table, out = sys.argv[1:]
parcels = pd.read_csv(table, sep="\\t")
seeds = list(map(tuple, parcels[["x", "y", "z"]].to_numpy()))
masker = NiftiSpheresMasker(seeds, radius=5.0, mask_img=mask, allow_overlap=True, standardize=None)
pd.DataFrame(masker.fit_transform(bold)).to_csv(out, sep="\\t", index=False)
"""


def make_scan(folder: Path, n_volumes: int) -> dict[str, Path]:
    """Write a scan of smooth noise on a brain-like background."""
    rng = np.random.default_rng(1)
    shape, affine = (61, 73, 61), nib.affines.from_matvec(np.diag([3, 3, 3]), [-90, -126, -72])
    centre = np.indices(shape).T - (np.array(shape) - 1) / 2
    brain = (np.square(centre / (np.array(shape) * 0.5)).sum(axis=-1) < 1).T
    data = np.zeros((*shape, n_volumes), np.int16)
    data[brain] = rng.normal(8000, 300, (brain.sum(), n_volumes)).astype(np.int16)
    stem = folder / "sub-01_task-rest"
    files = {
        "bold": Path(f"{stem}_space-MNI152NLin2009cAsym_desc-preproc_bold.nii.gz"),
        "mask": Path(f"{stem}_space-MNI152NLin2009cAsym_desc-brain_mask.nii.gz"),
        "confounds": Path(f"{stem}_desc-confounds_timeseries.tsv"),
    }
    nib.Nifti1Image(data, affine).to_filename(files["bold"])
    nib.Nifti1Image(brain.astype(np.uint8), affine).to_filename(files["mask"])
    files["confounds"].write_text("framewise_displacement\n" + "n/a\n" + "0.1\n" * (n_volumes - 1))
    return files


def cost(command: list[str]) -> tuple[float, float]:
    """Run a command on one core; return its CPU seconds and its peak memory in MB."""
    one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    child = os.spawnve(os.P_NOWAIT, command[0], command, {**os.environ, **one})
    _, status, usage = os.wait4(child, 0)
    if status:
        raise SystemExit(f"failed: {' '.join(command)}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main() -> None:
    """Make the scan, run both in turn, print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--volumes", type=int, default=200)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = make_scan(folder, options.volumes)
        ours = [str(Path(sys.executable).with_name("connect")), "parcellate"]
        ours += [word for key, path in files.items() for word in (f"--{key}", str(path))]
        ours += ["--atlases", str(ATLAS), "--series"]
        peer = [sys.executable, "-c", NILEARN, str(files["bold"]), str(files["mask"])]
        peer += [str(ATLAS.with_suffix(".tsv")), str(folder / "peer.tsv")]
        rounds = [(cost([*ours, str(folder / f"round{n}")]), cost(peer)) for n in range(options.rounds)]
    for label, index in (("connect", 0), ("nilearn", 1)):
        seconds, memory = (statistics.median(one[index][part] for one in rounds) for part in (0, 1))
        print(f"{label}: {seconds:.2f} s of CPU, {memory:.0f} MB at most (median of {options.rounds})")
    ratios = sorted(peer[0] / mine[0] for mine, peer in rounds)
    print(f"nilearn / connect: {statistics.median(ratios):.2f} (from {ratios[0]:.2f} to {ratios[-1]:.2f})")


if __name__ == "__main__":
    main()
