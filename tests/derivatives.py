"""A small tree as fMRIPrep writes it: images of a few voxels with their sidecars, masks and confounds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import nibabel
import numpy as np

MNI = "space-MNI152NLin2009cAsym"


def image(path: Path, n_volumes: int = 4, tr: float = 2.0, unit: str = "sec", shape: Sequence[int] = (2, 2, 2)) -> None:
    """Write a tiny NIfTI image whose header holds a repetition time."""
    made = nibabel.Nifti1Image(np.zeros((*shape, n_volumes), np.uint8), np.eye(4))
    made.header["pixdim"][4] = tr
    made.header.set_xyzt_units("mm", unit)
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(made, path)


def run(
    folder: Path,
    stem: str,
    space: str = f"{MNI}_res-2",
    tr: float | None = 2.0,
    header: float = 2.0,
    unit: str = "sec",
    n_volumes: int = 4,
    extension: str = ".nii.gz",
    mask: str = ".nii.gz",
    confounds: str = "timeseries",
) -> str:
    """Write the files of one run as fMRIPrep names them; return the path of its image relative to the folder."""
    sub, ses = stem.split("_")[0], [part for part in stem.split("_") if part.startswith("ses-")]
    place = folder.joinpath(sub, *ses, "func")
    full = f"{stem}_{space}" if space else stem
    image(place / f"{full}_desc-preproc_bold{extension}", n_volumes, header, unit)
    (place / f"{full}_desc-brain_mask{mask}").touch()
    if tr is not None:
        (place / f"{full}_desc-preproc_bold.json").write_text(json.dumps({"RepetitionTime": tr}))
    (place / f"{stem}_desc-confounds_{confounds}.tsv").touch()
    return str((place / f"{full}_desc-preproc_bold{extension}").relative_to(folder))
