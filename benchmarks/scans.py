"""A scan and atlases to time the reading of scans with: a head in air, as dense in the file as real ones.

97 x 115 x 97 voxels of 2 mm take 1.3 MB a volume as int16 and 2.5 MB as float32; scans of ds003007 of OpenNeuro on the
same grid take 1.4 and 3.1.
"""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np

SHAPE, SIZE, TR, N_CONFOUNDS, FWHM, N_MAPS = (97, 115, 97), 2.0, 2.0, 36, 6.0, 64
PARCELS = (100, 200, 300, 400, 500, 600)
SPACE = "MNI152NLin2009cAsym"


def make(folder: Path, n_volumes: int) -> None:
    """Write the scan in both types, its mask and confounds, and the atlases."""
    # Imported here, since every process that is timed imports this module for its names.
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
