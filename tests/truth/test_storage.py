"""Ways to store a run: whatever its type, byte order, compression and scaling, its series are those it means."""

from __future__ import annotations

import gzip
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from nilearn.maskers import NiftiLabelsMasker, NiftiMapsMasker, NiftiSpheresMasker

from tests.scanfiles import Files, affine, row, save

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.usefixtures("quick_nilearn")]

SHAPE = (6, 5, 7)
N_VOLUMES = 12
BOLD = affine((2.0, 2.5, 3.0))
LARGEST = {"u1": 250, "i2": 9000, "u2": 60000, "i4": 2_000_000, "f4": 2000, "f8": 2000}
SPHERES = [(0, -6, 3, 5), (1, -4, 9, 6), (-3, -8, 0, 4)]
KINDS = ("labels", "spheres", "maps")

SCALES = {
    "none": (np.nan, 7.0),
    "slope 0": (0.0, 7.0),
    "slope": (2.5, 0.0),
    "slope and intercept": (0.37, 812.5),
    "intercept alone": (1.0, -130.0),
    "negative slope": (-0.37, 45.0),
}
"""Slope and intercept as the header has them; a slope of NaN or 0 means that nothing is scaled."""


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """Return a mask with holes, and atlases of labels, spheres and maps."""
    files, rng = Files(tmp_path), np.random.default_rng(1)
    save(files.mask, rng.random(SHAPE) < 0.8, BOLD, "uint8")
    save(tmp_path / "labels.nii.gz", rng.integers(0, 4, SHAPE), BOLD, "uint8")
    save(tmp_path / "maps.nii.gz", rng.random((*SHAPE, 3)) ** 3, BOLD, "float64")
    rows = [row(n, f"p{n}") for n in (1, 2, 3)]
    files.write_atlas("labels", rows, "labels.nii.gz", name="labels")
    files.write_atlas("maps", rows, "maps.nii.gz", name="maps")
    files.write_atlas("spheres", [row(n, f"s{n}", *sphere) for n, sphere in enumerate(SPHERES, 1)], name="spheres")
    files.write_confounds([0.1] * N_VOLUMES)
    return files


def write(path: Path, stored: np.ndarray, dtype: str, slope: float, inter: float) -> None:
    """Write a run with a slope and an intercept that nibabel does not touch, those of NaN and 0 too."""
    aside = save(path.with_name("aside.nii"), stored, BOLD, dtype)
    content = bytearray(aside.read_bytes())
    content[112:120] = np.array([slope, inter], dtype=dtype[0] + "f4").tobytes()
    path.write_bytes(gzip.compress(content, 1) if path.suffix == ".gz" else content)


def intensities(stored: np.ndarray, slope: float, inter: float) -> np.ndarray:
    if np.isnan(slope) or slope == 0:
        return stored.astype(np.float64)
    return stored.astype(np.float64) * np.float64(np.float32(slope)) + inter


def by_nilearn(files: Files, run: nib.Nifti1Image | Path, inside: np.ndarray) -> dict[str, np.ndarray]:
    """Return the series of labels, spheres and maps over the voxels in a mask."""
    mask = nib.Nifti1Image(inside.astype("uint8"), BOLD)
    options = {"mask_img": mask, "standardize": None, "reports": False, "dtype": np.float64}
    labels = NiftiLabelsMasker(files.folder / "labels.nii.gz", resampling_target="data", **options)
    maps = NiftiMapsMasker(files.folder / "maps.nii.gz", resampling_target="data", **options)
    spheres = [NiftiSpheresMasker([centre], radius, allow_overlap=True, **options) for *centre, radius in SPHERES]
    columns = [masker.fit_transform(run) for masker in spheres]
    return {"labels": labels.fit_transform(run), "spheres": np.hstack(columns), "maps": maps.fit_transform(run)}


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("dtype", LARGEST)
def test_every_storage_equals_nilearn(files: Files, dtype: str, scale: str) -> None:
    """A plane whose voxels are zero throughout, whatever the number that stores it, is outside the field of view."""
    slope, inter = SCALES[scale]
    rng = np.random.default_rng(2)
    stored = rng.integers(2, LARGEST[dtype], (*SHAPE, N_VOLUMES)).astype(dtype)
    if dtype[0] == "f":
        stored += rng.random(stored.shape)
    inside = np.asarray(nib.load(files.mask).dataobj) > 0
    zero = 0 if np.isnan(slope) or slope == 0 else round(-inter / slope)
    possible = np.iinfo(dtype).min <= zero <= np.iinfo(dtype).max if dtype[0] != "f" else zero * slope + inter == 0
    if possible:
        stored[0] = zero
        inside[0] = False
    expected = by_nilearn(files, nib.Nifti1Image(intensities(stored, slope, inter), BOLD), inside)
    for order in "<>":
        for suffix in (".nii", ".nii.gz"):
            found = Files(files.folder, suffix)
            write(found.bold, stored, order + dtype, slope, inter)
            found.run(*KINDS)
            for kind in KINDS:
                np.testing.assert_allclose(
                    found.result(kind)[1], expected[kind], rtol=1e-9, err_msg=f"{order} {suffix}"
                )


@pytest.mark.parametrize("dtype", LARGEST)
def test_nilearn_reads_the_same_from_the_file(files: Files, dtype: str) -> None:
    """The file is read by nilearn too, which keeps float32 as it is."""
    stored = np.random.default_rng(3).integers(2, LARGEST[dtype], (*SHAPE, N_VOLUMES))
    write(files.bold, stored, "<" + dtype, 0.37, 812.5)
    files.run(*KINDS)
    expected = by_nilearn(files, files.bold, np.asarray(nib.load(files.mask).dataobj) > 0)
    for kind in KINDS:
        np.testing.assert_allclose(files.result(kind)[1], expected[kind], rtol=1e-5 if dtype == "f4" else 1e-9)


def test_a_zero_that_is_stored_as_another_number_is_a_zero(files: Files) -> None:
    """With slope 0.37 and intercept 812.5 the integer nearest to zero, -2196, reads as -0.02."""
    stored = np.random.default_rng(7).integers(500, 900, (*SHAPE, N_VOLUMES))
    stored[2:4] = -2196
    stored[4, 0, 0] = -2196
    stored[4, 0, 0, 5] = -2195
    stored[5, 0, 0], stored[5, 0, 1] = -2195, -2197  # always 0.35 and -0.39: small, but no zero
    save(files.bold, stored, BOLD, "int16", 0.37, 812.5)
    save(files.mask, np.ones(SHAPE), BOLD, "uint8")
    whole = np.ones(SHAPE)
    whole[:1] = 0
    save(files.folder / "labels.nii.gz", whole, BOLD, "uint8")
    files.write_atlas("labels", [row(1, "p1")], "labels.nii.gz")
    files.run()
    _, series, coverage = files.result()
    assert float(coverage[0]["coverage"]) == pytest.approx(3 / 5)
    inside = np.concatenate([stored[1:2], stored[4:]]) * np.float64(np.float32(0.37)) + 812.5
    np.testing.assert_allclose(series[:, 0], inside.mean(axis=(0, 1, 2)), rtol=1e-12)


def test_sums_are_taken_in_float64(files: Files) -> None:
    values = 1e7 + np.random.default_rng(9).normal(0, 3, (*SHAPE, N_VOLUMES))
    save(files.bold, values, BOLD)
    save(files.mask, np.ones(SHAPE), BOLD, "uint8")
    save(files.folder / "labels.nii.gz", np.ones(SHAPE), BOLD, "uint8")
    files.write_atlas("labels", [row(1, "p1")], "labels.nii.gz")
    files.run()
    expected = values.astype(np.float32).astype(np.float64).mean(axis=(0, 1, 2))
    np.testing.assert_allclose(files.result()[1][:, 0], expected, rtol=1e-14)


@pytest.mark.parametrize("dtype", ["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8"])
def test_sums_of_the_largest_integers_do_not_overflow(files: Files, dtype: str) -> None:
    limits = np.iinfo(dtype)
    stored = np.full((*SHAPE, 2), limits.max, dtype=dtype)
    stored[..., 1] = limits.min
    save(files.bold, stored, BOLD, dtype)
    files.write_confounds([0.1] * 2)
    files.run(*KINDS)
    for kind in KINDS:
        series = files.result(kind)[1]
        if kind != "maps":
            np.testing.assert_allclose(series, [[limits.max] * 3, [limits.min] * 3], rtol=1e-15)
        assert np.isfinite(series).all()
