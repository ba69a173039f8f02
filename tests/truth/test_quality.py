"""The quality of voxels and volumes against plain numpy, and DVARS against nipype's formula."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from connect.parcellate.grids import labels
from connect.parcellate.images import Grid
from connect.parcellate.quality import CARPET, Scale, Voxels
from connect.parcellate.reduction import Reduced, extract
from connect.tables import read_matrix
from tests.scanfiles import SCAN, Files, affine, row, save

SHAPE = (8, 7, 9)
N_VOLUMES = 150
GRID = Grid(SHAPE, affine(2.0))


def described(
    stored: np.ndarray, scale: Scale | None = None, steady: np.ndarray | None = None
) -> tuple[Reduced, Voxels]:
    """Describe stored values ``(n_volumes, n_voxels)`` and reduce them to two halves of the brain."""
    halves = np.repeat([1, 2], SHAPE[0] // 2)[:, None, None] * np.ones(SHAPE, dtype=int)
    weights = labels(halves, GRID, np.array([1, 2]), GRID).inside(np.ones(SHAPE, dtype=bool))
    counted = np.ones(len(stored), dtype=bool) if steady is None else steady
    (found,), voxels = extract(lambda: iter(stored), np.arange(np.prod(SHAPE)), [weights], scale or Scale(), counted)
    return found, voxels


def halves_of(values: np.ndarray) -> np.ndarray:
    """Return the means of a map of voxels over the two halves."""
    flat = values.reshape(SHAPE, order="F")
    return np.array([np.nanmean(flat[:4]), np.nanmean(flat[4:])])


def noise(mean: float, sd: float, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(mean, sd, (N_VOLUMES, int(np.prod(SHAPE))))


def tsnr(values: np.ndarray) -> np.ndarray:
    return values.mean(axis=0) / values.std(axis=0, ddof=1)


def dvars(values: np.ndarray) -> np.ndarray:
    return np.sqrt((np.diff(values, axis=0) ** 2).mean(axis=1))


SCALES = [(1.0, 0.0), (0.37, 812.5), (2.5, -40.0), (-0.5, 30000.0)]


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "int32", "float32", "float64", ">i2", ">f4"])
@pytest.mark.parametrize(("slope", "inter"), SCALES)
def test_voxels_and_volumes_equal_numpy(dtype: str, slope: float, inter: float) -> None:
    """Values of up to 2 bytes and float32 are summed in single precision."""
    stored = noise(120, 20).clip(1, 250).astype(dtype)
    values = stored.astype(np.float64) * slope + inter
    found, voxels = described(stored, Scale(slope, inter, np.dtype(dtype).kind in "iu"))
    assert voxels.data.all()
    np.testing.assert_allclose(voxels.tsnr, tsnr(values), rtol=1e-5)
    np.testing.assert_allclose(found.tsnr, halves_of(tsnr(values)), rtol=1e-5)
    assert np.isnan(voxels.dvars[0])
    np.testing.assert_allclose(voxels.dvars[1:], dvars(values), rtol=1e-5)


def test_single_precision_loses_nothing_to_a_high_mean() -> None:
    stored = noise(1e4, 10).astype(np.float32)
    single, double = described(stored), described(stored.astype(np.float64))
    exact = tsnr(stored.astype(np.float64))
    np.testing.assert_allclose(double[1].tsnr, exact, rtol=1e-9)
    np.testing.assert_allclose(single[1].tsnr, exact, rtol=1e-4)
    np.testing.assert_allclose(single[0].tsnr, double[0].tsnr, rtol=1e-4)
    np.testing.assert_allclose(single[1].dvars, double[1].dvars, rtol=1e-4)
    np.testing.assert_allclose(single[1].std_dvars, double[1].std_dvars, rtol=1e-4)
    np.testing.assert_allclose(single[1].carpet, double[1].carpet, atol=1e-4)


@pytest.mark.parametrize("n_unsteady", [1, 3, 16, 20])
@pytest.mark.parametrize("dtype", ["float32", "int16", "float64"])
def test_volumes_before_the_steady_state_do_not_count(dtype: str, n_unsteady: int) -> None:
    """They are brighter by far, which must not cost the others precision either."""
    stored = noise(1e4, 10)
    stored[:n_unsteady] += 8000
    stored = stored.astype(dtype)
    steady = np.arange(N_VOLUMES) >= n_unsteady
    found, voxels = described(stored, steady=steady)
    exact = tsnr(stored[n_unsteady:].astype(np.float64))
    np.testing.assert_allclose(voxels.tsnr, exact, rtol=1e-4)
    np.testing.assert_allclose(found.tsnr, halves_of(exact), rtol=1e-4)
    np.testing.assert_allclose(voxels.dvars[1:], dvars(stored.astype(np.float64)), rtol=1e-4)


def test_unsteady_volumes_in_the_middle_do_not_count() -> None:
    stored = noise(1000, 50)
    steady = np.random.default_rng(1).random(N_VOLUMES) < 0.7
    stored[~steady] *= 3
    np.testing.assert_allclose(described(stored, steady=steady)[1].tsnr, tsnr(stored[steady]), rtol=1e-9)


@pytest.mark.parametrize("n_steady", [0, 1])
def test_without_two_steady_volumes_there_is_no_tsnr(n_steady: int) -> None:
    found, voxels = described(noise(1000, 50), steady=np.arange(N_VOLUMES) < n_steady)
    assert np.isnan(voxels.tsnr).all()
    assert np.isnan(found.tsnr).all()
    assert np.isfinite(found.series).all()


def test_voxels_without_data_do_not_count() -> None:
    stored = noise(1000, 50)
    stored[:, 5], stored[7, 30], stored[:, 60] = 0, np.nan, 500  # outside the field of view, missing, constant
    found, voxels = described(stored)
    np.testing.assert_array_equal(np.flatnonzero(~voxels.data), [5, 30])
    np.testing.assert_array_equal(np.flatnonzero(np.isnan(voxels.tsnr)), [5, 30, 60])
    kept = np.delete(stored, [5, 30], axis=1)
    np.testing.assert_allclose(voxels.dvars[1:], dvars(kept), rtol=1e-9)
    expected = np.full(stored.shape[1], np.nan)
    alive = np.delete(np.arange(stored.shape[1]), [5, 30, 60])
    expected[alive] = tsnr(stored[:, alive])
    np.testing.assert_allclose(found.tsnr, halves_of(expected), rtol=1e-9)
    assert np.isfinite(voxels.dvars[1:]).all()
    assert np.isfinite(voxels.std_dvars[1:]).all()


def test_standardised_dvars_is_dvars_over_its_expectation() -> None:
    """By our definition: the mean over voxels of the root mean square of their changes."""
    values = noise(1000, 50) * np.linspace(0.2, 3, int(np.prod(SHAPE)))
    values[40] += 300
    expected = dvars(values) / np.sqrt((np.diff(values, axis=0) ** 2).mean(axis=0)).mean()
    found = described(values)[1].std_dvars
    assert np.isnan(found[0])
    np.testing.assert_allclose(found[1:], expected, rtol=1e-9)
    assert found[1:].argmax() in (39, 40)


def by_nipype(values: np.ndarray) -> np.ndarray:
    """Return standardised DVARS as nipype.algorithms.confounds.compute_dvars: robust SD, AR(1) by Yule-Walker."""
    low, high = np.percentile(values, [25, 75], axis=0, method="lower")
    sd = (high - low) / 1.349
    centred = values - values.mean(axis=0)
    ar1 = (centred[1:] * centred[:-1]).sum(axis=0) / (centred**2).sum(axis=0)
    return dvars(values) / (np.sqrt(2 * (1 - ar1)) * sd).mean()


@pytest.mark.parametrize("ar1", [0.0, 0.4, 0.8])
def test_standardised_dvars_is_near_that_of_nipype(ar1: float) -> None:
    """On Gaussian noise, where the robust SD and the moments estimate the same."""
    values = noise(0, 1, seed=2)
    for n in range(1, N_VOLUMES):
        values[n] = ar1 * values[n - 1] + np.sqrt(1 - ar1**2) * values[n]
    values = 1000 + values * np.random.default_rng(3).uniform(5, 60, values.shape[1])
    np.testing.assert_allclose(described(values)[1].std_dvars[1:], by_nipype(values), rtol=0.05)


def test_the_carpet_is_some_voxels_with_mean_0_and_sd_1() -> None:
    stored = noise(1000, 50)
    stored[:, 0] = 0
    found = described(stored)[1].carpet
    chosen = np.linspace(0, stored.shape[1] - 1, CARPET).astype(int)[1:]
    values = stored[:, chosen]
    np.testing.assert_allclose(found, (values - values.mean(axis=0)) / values.std(axis=0), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("slope", [1.0, -0.37])
def test_the_carpet_has_mean_0_and_sd_1_in_the_steady_volumes(slope: float) -> None:
    """The bright volumes at the start stay in it and do not move the others; a voxel without change has no SD."""
    stored = noise(1000, 50)
    stored[:5] += 4000
    stored[:, 0] = 0.1
    steady = np.arange(N_VOLUMES) >= 5
    steady[70] = False
    found = described(stored, Scale(slope, 20.0), steady)[1].carpet
    values = slope * stored[:, np.linspace(0, stored.shape[1] - 1, CARPET).astype(int)]
    assert np.isnan(found[:, 0]).all()
    np.testing.assert_allclose(found[steady].mean(axis=0)[1:], 0, atol=1e-12)
    np.testing.assert_allclose(found[steady].std(axis=0)[1:], 1, rtol=1e-12)
    expected = (values - values[steady].mean(axis=0)) / values[steady].std(axis=0)
    np.testing.assert_allclose(found[:, 1:], expected[:, 1:], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("n_steady", [0, 1])
def test_without_two_steady_volumes_there_is_no_carpet(n_steady: int) -> None:
    found = described(noise(1000, 50), steady=np.arange(N_VOLUMES) < n_steady)[1].carpet
    assert found.shape == (N_VOLUMES, CARPET)
    assert np.isnan(found).all()


BALLS = [(-4.0, -8.0, 0.0, 4.0), (2.0, -4.0, 6.0, 3.0)]
TWICE = [BALLS[0], (-2.0, -8.0, 0.0, 4.0)]
FIRST = {"labels": True, "balls": True, "overlap": False, "smooth": False, "maps": False}


@pytest.mark.parametrize("first", FIRST)
def test_the_order_of_the_carpet(tmp_path: Path, first: str) -> None:
    """Parcel by parcel in the order of the table, then the rest, if the first atlas allows it; else as stored."""
    files, rng = Files(tmp_path), np.random.default_rng(7)
    stored, mask = noise(1000, 50).T.reshape((*SHAPE, N_VOLUMES)), rng.random(SHAPE) < 0.9
    parcels = rng.integers(0, 4, SHAPE)
    save(files.bold, stored, GRID.affine, "float64")
    save(files.mask, mask, GRID.affine, "uint8")
    save(tmp_path / "labels.nii.gz", parcels, GRID.affine, "uint8")
    save(tmp_path / "maps.nii.gz", rng.random((*SHAPE, 3)), GRID.affine, "float64")
    rows = [row(n, f"p{n}") for n in (2, 3, 1)]
    files.write_atlas("labels", rows, "labels.nii.gz", name="labels")
    files.write_atlas("labels", rows, "labels.nii.gz", name="smooth", smoothing=4)
    files.write_atlas("maps", rows, "maps.nii.gz", name="maps")
    for name, balls in (("balls", BALLS), ("overlap", TWICE)):
        files.write_atlas("spheres", [row(n, f"s{n}", *ball) for n, ball in enumerate(balls, 1)], name=name)
    files.write_confounds([0.1] * N_VOLUMES)
    files.run(first, *(name for name in FIRST if name != first))
    where = [np.flatnonzero((mask & (parcels == n)).ravel(order="F")) for n in (2, 3, 1)] if first == "labels" else []
    if first == "balls":  # the voxels of a sphere with the last axis fastest
        places = np.argwhere(mask)
        centres = nib.affines.apply_affine(GRID.affine, places)
        near = [((centres - ball[:3]) ** 2).sum(axis=1) <= ball[3] ** 2 for ball in BALLS]
        where = [np.ravel_multi_index(tuple(places[ball].T), SHAPE, order="F") for ball in near]
        assert not (near[0] & near[1]).any()
    stored_order = np.flatnonzero(mask.ravel(order="F"))
    listed = np.concatenate([np.empty(0, dtype=int), *where])
    order = np.concatenate([listed, np.setdiff1d(stored_order, listed)])
    chosen = order[np.linspace(0, order.size - 1, CARPET).astype(int)]
    assert (not np.array_equal(order, stored_order)) == FIRST[first]
    values = stored.reshape(-1, N_VOLUMES, order="F")[chosen].T
    expected = (values - values.mean(axis=0)) / values.std(axis=0)
    found = read_matrix(files.series / f"{SCAN}_desc-carpet_bold.tsv")
    np.testing.assert_allclose(found, expected, atol=0.00501)


def test_a_zero_comes_back_as_up_to_half_a_step() -> None:
    """With slope 0.37 and intercept 812.5 the integer nearest to zero, -2196, reads as -0.02."""
    stored = np.array([-2198, -2197, -2196, -2195, -2194, 0])
    np.testing.assert_array_equal(Scale(0.37, 812.5, True).is_zero(stored), [False, False, True, False, False, False])
    np.testing.assert_array_equal(Scale(-0.37, -812.5, True).is_zero(stored), Scale(0.37, 812.5, True).is_zero(stored))
    np.testing.assert_array_equal(Scale(2.0, 0.0, True).is_zero(np.array([-1, 0, 1])), [False, True, False])
    np.testing.assert_array_equal(Scale(2.0, 3.0).is_zero(np.array([-1.6, -1.5, -1.4])), [False, True, False])


def test_the_tables_of_a_scan(tmp_path: Path) -> None:
    """Through the files: big-endian integers with a slope, three volumes before the steady state, a mask."""
    files = Files(tmp_path)
    stored = noise(8000, 300).T.reshape((*SHAPE, N_VOLUMES)).round()
    stored[..., :3] *= 1.5
    mask = np.random.default_rng(4).random(SHAPE) < 0.7
    save(files.bold, stored, GRID.affine, ">i2", 0.37, 812.5)
    save(files.mask, mask, GRID.affine, "uint8")
    parcels = np.random.default_rng(5).integers(1, 4, SHAPE)
    save(tmp_path / "labels.nii.gz", parcels, GRID.affine, "uint8")
    files.write_atlas("labels", [row(n, f"p{n}") for n in (1, 2, 3)], "labels.nii.gz")
    fd = np.random.default_rng(6).gamma(2, 0.15, N_VOLUMES - 1)
    files.write_confounds(["n/a", *fd], n_unsteady=3)
    files.run()
    values = stored * np.float64(np.float32(0.37)) + 812.5
    voxels = values[..., 3:].mean(axis=-1) / values[..., 3:].std(axis=-1, ddof=1)
    record = files.quality()
    assert record["tsnr"] == pytest.approx(np.median(voxels[mask]), rel=1e-4)
    expected = [voxels[mask & (parcels == n)].mean() for n in (1, 2, 3)]
    np.testing.assert_allclose([float(line["tsnr"]) for line in files.result()[2]], expected, rtol=1e-4)
    table = read_matrix(files.series / f"{SCAN}_desc-qc_timeseries.tsv")
    np.testing.assert_allclose(table[1:, 0], fd, rtol=1e-15)
    np.testing.assert_allclose(table[1:, 1], dvars(values[mask].T), rtol=1e-4)
    steady = dvars(values[mask].T)[3:]
    assert record["mean_dvars"] == pytest.approx(steady.mean(), rel=1e-4)
    assert record["fd_above_02"] == pytest.approx((fd > 0.2).mean())
    assert record["fd_above_05"] == pytest.approx((fd > 0.5).mean())
    assert 0 < record["fd_above_05"] < record["fd_above_02"] < 1
    assert record["max_std_dvars"] == pytest.approx(table[4:, 2].max(), rel=1e-12)
    change = np.diff(values[mask][:, 3:], axis=1)
    assert record["max_std_dvars"] == pytest.approx(steady.max() / np.sqrt((change**2).mean(axis=1)).mean(), rel=1e-4)
