"""Small files of one scan: BOLD run, brain mask, confounds and atlas, as a test needs them."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from connect.layout import coverage_name, qc_name, series_name
from connect.parcellate import parcellate
from connect.tables import read_matrix, read_record

SCAN = "sub-01_task-rest_space-MNI152NLin6Asym_res-2"
SHAPE = (5, 4, 6)
N_VOLUMES = 40
COLUMNS = ("index", "name", "network", "region", "x", "y", "z")


def affine(size: float | Sequence[float] = 2.0, origin: Sequence[float] = (-8.0, -12.0, -6.0)) -> np.ndarray:
    """Return an affine without rotation; a negative size flips the axis."""
    matrix = np.diag([*np.broadcast_to(size, 3), 1.0]).astype(float)
    matrix[:3, 3] = origin
    return matrix


BOLD = affine(2.0)


def save(
    path: Path, values: np.ndarray, grid: np.ndarray, dtype: str = "float32", slope: float = np.nan, inter: float = 0.0
) -> Path:
    """Write what a file stores (before scaling) as NIfTI, exactly as given."""
    path.parent.mkdir(parents=True, exist_ok=True)
    header = nib.Nifti1Header(endianness=">" if dtype.startswith(">") else "<")
    header.set_data_dtype(dtype)
    image = nib.Nifti1Image(values.astype(dtype), grid, header)
    image.header.set_slope_inter(slope, np.nan if np.isnan(slope) else inter)
    nib.save(image, path)
    return path


@dataclass(frozen=True)
class Files:
    """The inputs of ``parcellate`` in a folder."""

    folder: Path
    suffix: str = ".nii.gz"

    @property
    def bold(self) -> Path:
        return self.folder / f"{SCAN}_desc-preproc_bold{self.suffix}"

    @property
    def mask(self) -> Path:
        return self.folder / f"{SCAN}_desc-brain_mask.nii.gz"

    @property
    def confounds(self) -> Path:
        return self.folder / "sub-01_task-rest_desc-confounds_timeseries.tsv"

    @property
    def series(self) -> Path:
        return self.folder / "out" / SCAN

    def atlas(self, name: str = "atlas") -> Path:
        return self.folder / f"{name}.yaml"

    def write_confounds(
        self, fd: Sequence[object], column: str = "framewise_displacement", n_unsteady: int = 0
    ) -> None:
        """Write a confounds table with a column, as of fMRIPrep, for each volume before the steady state."""
        rows = [["csf", column, *(f"non_steady_state_outlier{n:02}" for n in range(n_unsteady))]]
        rows += [["1.0", str(value), *(str(int(n == row)) for n in range(n_unsteady))] for row, value in enumerate(fd)]
        self.confounds.write_text("".join("\t".join(cells) + "\n" for cells in rows), encoding="utf-8")

    def write_atlas(
        self,
        kind: str,
        rows: Sequence[Sequence[object]],
        image: str = "",
        name: str = "atlas",
        smoothing: float | None = None,
    ) -> None:
        lines = [f"title: {name}", f"kind: {kind}", f"parcels: {name}.tsv", "spaces: [MNI152NLin6Asym]"]
        lines += [f"image: {image}"] if image else []
        lines += [f"smoothing: {smoothing}"] if smoothing is not None else []
        self.atlas(name).write_text("\n".join(lines) + "\n", encoding="utf-8")
        columns = (*COLUMNS, "radius") if kind == "spheres" else COLUMNS
        with self.atlas(name).with_suffix(".tsv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, delimiter="\t", lineterminator="\n").writerows([columns, *rows])

    def run(self, *names: str, cache: Path | None = None) -> None:
        atlases = [self.atlas(name) for name in names or ("atlas",)]
        parcellate(self.bold, self.mask, self.confounds, atlases, self.series, cache=cache)

    def command(self, *more: str) -> list[str]:
        """Return the words of the command that does the same."""
        paths = {"bold": self.bold, "mask": self.mask, "confounds": self.confounds, "atlases": self.atlas()}
        flags = [word for name, path in paths.items() for word in (f"--{name}", str(path))]
        return ["parcellate", *flags, "--series", str(self.series), *more]

    def left_behind(self) -> list[Path]:
        """Return whatever a failed run left of its output."""
        return list(self.series.parent.glob("*")) if self.series.parent.exists() else []

    def quality(self) -> dict[str, Any]:
        """Return the quality record."""
        return read_record(self.series / qc_name(SCAN))

    def result(self, name: str = "atlas") -> tuple[list[str], np.ndarray, list[dict[str, str]]]:
        """Return the column names, the series and the rows of the coverage table."""
        path = self.series / series_name(SCAN, name)
        names = path.read_text(encoding="utf-8").splitlines()[0].split("\t")
        with (self.series / coverage_name(SCAN, name)).open(encoding="utf-8", newline="") as file:
            coverage = list(csv.DictReader(file, delimiter="\t"))
        return names, read_matrix(path), coverage


def row(index: int, name: str, *geometry: float) -> tuple[object, ...]:
    """Return a row of a parcels table; ``geometry`` is ``x, y, z`` and, for a sphere, the radius."""
    return (index, name, "net", "cortex", *(geometry or (0, 0, 0)))


def slabs() -> np.ndarray:
    """Return an image of the labels 1, 2 and 7, of two, two and one planes."""
    return np.broadcast_to(np.array([1, 1, 2, 2, 7])[:, None, None], SHAPE).copy()


def small_scan(folder: Path, suffix: str = ".nii.gz") -> Files:
    """Write a random run, a mask of the whole grid and an atlas of the labels of :func:`slabs`."""
    files = Files(folder, suffix)
    save(files.bold, np.random.default_rng(1).normal(1000, 100, (*SHAPE, N_VOLUMES)), BOLD)
    save(files.mask, np.ones(SHAPE), BOLD, "uint8")
    files.write_confounds(["n/a", 0.3, *([0.1] * (N_VOLUMES - 2))])
    save(folder / "labels.nii.gz", slabs(), BOLD, "uint8")
    files.write_atlas("labels", [row(1, "left"), row(2, "middle"), row(7, "right")], "labels.nii.gz")
    return files


def cut(path: Path, share: float) -> None:
    """Keep the first part of a file."""
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
