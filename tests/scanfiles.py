"""Small files of one scan: BOLD run, brain mask, confounds and atlas, as a test needs them."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np

from connect.layout import coverage_name, series_name
from connect.parcellate import parcellate
from connect.tables import read_matrix

SCAN = "sub-01_task-rest_space-MNI152NLin6Asym_res-2"
COLUMNS = ("index", "name", "network", "region", "x", "y", "z")


def affine(size: float | Sequence[float] = 2.0, origin: Sequence[float] = (-8.0, -12.0, -6.0)) -> np.ndarray:
    """Return an affine without rotation; a negative size flips the axis."""
    matrix = np.diag([*np.broadcast_to(size, 3), 1.0]).astype(float)
    matrix[:3, 3] = origin
    return matrix


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

    @property
    def bold(self) -> Path:
        return self.folder / f"{SCAN}_desc-preproc_bold.nii.gz"

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

    def write_confounds(self, fd: Sequence[object], column: str = "framewise_displacement") -> None:
        lines = [f"csf\t{column}", *(f"1.0\t{value}" for value in fd)]
        self.confounds.write_text("\n".join(lines) + "\n", encoding="utf-8")

    def write_atlas(self, kind: str, rows: Sequence[Sequence[object]], image: str = "", name: str = "atlas") -> None:
        lines = [f"title: {name}", f"kind: {kind}", f"parcels: {name}.tsv", "spaces: [MNI152NLin6Asym]"]
        lines += [f"image: {image}"] if image else []
        self.atlas(name).write_text("\n".join(lines) + "\n", encoding="utf-8")
        columns = (*COLUMNS, "radius") if kind == "spheres" else COLUMNS
        with self.atlas(name).with_suffix(".tsv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, delimiter="\t", lineterminator="\n").writerows([columns, *rows])

    def run(self, *names: str) -> None:
        atlases = [self.atlas(name) for name in names or ("atlas",)]
        parcellate(self.bold, self.mask, self.confounds, atlases, self.series)

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
