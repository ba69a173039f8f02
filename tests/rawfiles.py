"""Raw BIDS as small files."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path

import nibabel
import numpy as np


def volumes(n_volumes: int = 20, tr: float = 2.0) -> bytes:
    """Return a tiny image whose header holds a repetition time (s)."""
    made = nibabel.Nifti1Image(np.zeros((2, 2, 2, n_volumes), np.uint8), np.eye(4))
    made.header["pixdim"][4] = tr
    made.header.set_xyzt_units("mm", "sec")
    return made.to_bytes()


def raw(folder: Path, *bolds: str, n_volumes: int = 20, header: float = 2.0, tr: float | None = 2.0) -> Path:
    """Write raw images at their paths without extension, with a T1w image of each participant."""
    for bold in bolds:
        path = folder / f"{bold}.nii.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(volumes(n_volumes, header)))
        if tr is not None:
            (folder / f"{bold}.json").write_text(json.dumps({"RepetitionTime": tr}))
        person = bold.split("/")[0]
        (folder / person / "anat").mkdir(exist_ok=True)
        (folder / person / "anat" / f"{person}_T1w.nii.gz").touch()
    (folder / "dataset_description.json").write_text("{}")
    return folder


def replicate(source: Path, folder: Path) -> None:
    """Write a dataset of which only the list of files and its tables are known: small images, their names and times."""
    with (source / "manifest.tsv").open(encoding="utf-8", newline="") as file:
        paths = [row["path"] for row in csv.DictReader(file, delimiter="\t")]
    image = volumes()
    packed = gzip.compress(image)
    for path in paths:
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if (source / path).is_file():
            target.write_bytes((source / path).read_bytes())
        elif path.endswith((".nii", ".nii.gz")):
            target.write_bytes(image if path.endswith(".nii") else packed)
        elif path.endswith(".json"):
            target.write_text('{"RepetitionTime": 2.0}')
