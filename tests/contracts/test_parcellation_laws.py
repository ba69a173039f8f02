"""Laws that parcels of every kind keep: order, orientation, unit and block size do not change what a series says."""

from __future__ import annotations

from collections.abc import Sequence
from unittest import mock

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from connect.parcellate import reduction
from connect.parcellate.grids import labels, maps, spheres
from connect.parcellate.images import Grid
from connect.parcellate.quality import Scale, Voxels
from connect.parcellate.reduction import Reduced, extract
from connect.parcellate.smoothing import smoothed
from connect.parcellate.weights import Smooth, Weights, in_order
from tests.scanfiles import affine

SHAPE = (6, 5, 7)
N_VOLUMES = 19
LABELS = np.array([3, 1, 7, 250, 4])  # the last one is in no voxel
KINDS = ("labels", "spheres", "maps", "smoothed")

quick = settings(max_examples=50)
every_kind = pytest.mark.parametrize("kind", KINDS)
seeds = st.integers(0, 10_000)
sizes = st.tuples(*[st.floats(0.8, 5)] * 3)
signs = st.tuples(*[st.sampled_from([1, -1])] * 3)
origins = st.tuples(*[st.floats(-100, 100)] * 3)
angles = st.tuples(*[st.floats(-np.pi, np.pi)] * 3)
slopes = st.builds(lambda power, sign: sign * 10**power, st.floats(-4, 4), st.sampled_from([1, -1]))
inters = st.floats(-1e5, 1e5)
dtypes = st.sampled_from(["uint8", "int16", ">i2", "int32", "float32", ">f4", "float64"])


@st.composite
def grids(draw: st.DrawFn) -> Grid:
    """Draw a grid of voxels of any size that lies anywhere, turned by any angles and flipped or not."""
    where = affine(np.multiply(draw(sizes), draw(signs)), draw(origins))
    where[:3, :3] = Rotation.from_euler("xyz", draw(angles)).as_matrix() @ where[:3, :3]
    return Grid(SHAPE, where)


def run(seed: int, dtype: str = "int16") -> np.ndarray:
    """Return stored values ``(n_x, n_y, n_z, n_volumes)``, none of them zero."""
    return np.random.default_rng(seed).integers(1, 251, (*SHAPE, N_VOLUMES)).astype(dtype)


def mask_of(seed: int) -> np.ndarray:
    mask = np.random.default_rng(seed + 1).random(SHAPE) < 0.7
    mask[2, 2, 2] = True
    return mask


def image_of(seed: int) -> np.ndarray:
    """Return labels that do not touch the border of the grid, where rounding decides who is inside."""
    image = np.zeros(SHAPE, dtype=int)
    image[1:-1, 1:-1, 1:-1] = np.random.default_rng(seed + 2).choice([0, *LABELS[:-1]], np.subtract(SHAPE, 2))
    return image


def parcels(kind: str, seed: int, grid: Grid, mask: np.ndarray, order: Sequence[int] = range(5)) -> Weights:
    """Return five parcels in some order."""
    rng = np.random.default_rng(seed + 3)
    if kind == "maps":
        images = [(grid, weights) for weights in rng.normal(size=(5, *SHAPE))]
        return maps(images, np.array(order), grid, mask)
    if kind == "spheres":
        centres = rng.uniform(0, np.array(SHAPE) - 1, (5, 3)) @ grid.affine[:3, :3].T + grid.affine[:3, 3]
        balls = [(*centre, radius) for centre, radius in zip(centres, rng.uniform(0, 8, 5), strict=True)]
        return spheres([balls[n] for n in order], grid, mask).inside(mask)
    members = labels(image_of(seed), grid, LABELS[list(order)], grid)
    if kind == "labels":
        return members.inside(mask)
    weights = smoothed(members.voxels, members.parcels, members.n_parcels, grid, 5.0)
    return Smooth(members.inside(mask), weights[:, np.flatnonzero(mask.ravel(order="F"))])


def reduced(
    stored: np.ndarray, mask: np.ndarray, weights: Weights, scale: Scale | None = None, ordered: bool = False
) -> tuple[Reduced, Voxels]:
    voxels, atlases = np.flatnonzero(mask.ravel(order="F")), [weights]
    if ordered:
        voxels, atlases = in_order(voxels, atlases)
    volumes = [volume.ravel(order="F") for volume in np.moveaxis(stored, -1, 0)]
    (found,), described = extract(lambda: volumes, voxels, atlases, scale or Scale(), np.ones(len(volumes), dtype=bool))
    return found, described


@every_kind
@quick
@given(seeds, grids(), st.permutations(range(5)), dtypes)
def test_the_order_of_the_parcels_is_that_of_the_columns(
    kind: str, seed: int, grid: Grid, order: list[int], dtype: str
) -> None:
    mask, stored = mask_of(seed), run(seed, dtype)
    before, _ = reduced(stored, mask, parcels(kind, seed, grid, mask))
    after, _ = reduced(stored, mask, parcels(kind, seed, grid, mask, order))
    if kind == "maps":
        np.testing.assert_allclose(after.series, before.series[:, order], rtol=1e-7, atol=1e-7)
    else:
        np.testing.assert_array_equal(after.series, before.series[:, order])
    np.testing.assert_allclose(after.coverage, before.coverage[order], rtol=1e-12)
    np.testing.assert_array_equal(after.n_voxels, before.n_voxels[order])
    np.testing.assert_allclose(after.tsnr, before.tsnr[order], rtol=1e-12)


@quick
@given(seeds, grids(), st.permutations(range(3)), signs, st.booleans())
def test_the_orientation_of_the_grid_does_not_matter(
    seed: int, old: Grid, axes: list[int], flips: tuple[int, ...], atlas_too: bool
) -> None:
    """The run is stored with its axes exchanged and flipped, and with the affine that says so; the atlas is, or not."""
    turn = np.column_stack([axes, flips])
    turned = old.affine @ nib.orientations.inv_ornt_aff(turn, SHAPE)
    stored, mask, image = run(seed), mask_of(seed), image_of(seed)
    after_run, after_mask, after_image = (
        nib.orientations.apply_orientation(values, turn) for values in (stored, mask, image)
    )
    new = Grid(after_mask.shape, turned)
    before, _ = reduced(stored, mask, labels(image, old, LABELS, old).inside(mask))
    source, picture = (new, after_image) if atlas_too else (old, image)
    after, _ = reduced(after_run, after_mask, labels(picture, source, LABELS, new).inside(after_mask))
    np.testing.assert_array_equal(after.series, before.series)
    np.testing.assert_array_equal(after.coverage, before.coverage)
    np.testing.assert_array_equal(after.n_voxels, before.n_voxels)


@every_kind
@quick
@given(seeds, grids(), dtypes, slopes, inters)
def test_slope_and_intercept_rescale_the_series(
    kind: str, seed: int, grid: Grid, dtype: str, slope: float, inter: float
) -> None:
    """A map's fit to an intercept is the fit to an image of ones, so that all kinds follow from their definition."""
    mask, stored = mask_of(seed), run(seed, dtype)
    weights = parcels(kind, seed, grid, mask)
    plain, voxels = reduced(stored, mask, weights)
    ones, _ = reduced(np.ones((*SHAPE, 1)), mask, weights)
    scaled, found = reduced(stored, mask, weights, Scale(slope, inter, np.dtype(dtype).kind in "iu"))
    if not found.data.all():  # some value of a voxel means zero throughout
        return
    size = np.nanmax(np.abs(plain.series * slope) + np.abs(ones.series * inter))
    np.testing.assert_allclose(scaled.series, slope * plain.series + inter * ones.series, rtol=1e-6, atol=1e-9 * size)
    np.testing.assert_allclose(found.dvars, abs(slope) * voxels.dvars, rtol=1e-9)
    np.testing.assert_allclose(found.std_dvars, voxels.std_dvars, rtol=1e-9)
    np.testing.assert_array_equal(scaled.coverage, plain.coverage)


@every_kind
@quick
@given(seeds, grids(), dtypes, st.integers(1, 25))
def test_the_size_of_a_block_does_not_show(kind: str, seed: int, grid: Grid, dtype: str, size: int) -> None:
    mask, stored = mask_of(seed), run(seed, dtype)
    weights = parcels(kind, seed, grid, mask)
    before, voxels = reduced(stored, mask, weights)
    with mock.patch.object(reduction, "BLOCK", size):
        after, found = reduced(stored, mask, weights)
    if kind in ("labels", "spheres"):
        assert after.series.tobytes() == before.series.tobytes()
    else:
        rtol = 1e-6 if kind == "smoothed" else 1e-12
        np.testing.assert_allclose(after.series, before.series, rtol=rtol, atol=rtol * np.nanmax(np.abs(before.series)))
    np.testing.assert_array_equal(found.data, voxels.data)
    np.testing.assert_allclose(found.tsnr, voxels.tsnr, rtol=1e-5)
    np.testing.assert_allclose(found.dvars, voxels.dvars, rtol=1e-5)


@every_kind
@quick
@given(seeds, grids(), st.booleans())
def test_the_order_in_which_voxels_are_read_does_not_show(kind: str, seed: int, grid: Grid, missing: bool) -> None:
    mask, stored = mask_of(seed), run(seed, "float64")
    if missing:
        stored[2, 2, 2, 11] = np.nan
        stored[1, 1] = 0
    weights = parcels(kind, seed, grid, mask)
    before, voxels = reduced(stored, mask, weights)
    after, found = reduced(stored, mask, weights, ordered=True)
    if kind == "maps":
        np.testing.assert_allclose(after.series, before.series, rtol=1e-9, atol=1e-9)
    else:
        assert after.series.tobytes() == before.series.tobytes()
    np.testing.assert_allclose(after.coverage, before.coverage, rtol=1e-12)
    np.testing.assert_allclose(after.tsnr, before.tsnr, rtol=1e-12)
    np.testing.assert_allclose(found.dvars, voxels.dvars, rtol=1e-12)
    assert found.data.sum() == voxels.data.sum()


@every_kind
@quick
@given(seeds, grids(), st.lists(st.integers(0, N_VOLUMES - 1), min_size=1, max_size=4))
def test_a_voxel_that_is_missing_at_times_is_as_if_outside_the_mask(
    kind: str, seed: int, grid: Grid, volumes: list[int]
) -> None:
    mask, stored = mask_of(seed), run(seed, "float64")
    smaller = mask.copy()
    for n, volume in enumerate(volumes):
        stored[2, 2, 1 + n, volume] = np.nan
        smaller[2, 2, 1 + n] = False
    if kind == "spheres":  # which voxel stands in for an empty sphere depends on the mask
        centres = nib.affines.apply_affine(grid.affine, [(2, 2, 3), (4, 2, 4)])
        members = spheres([(*centres[0], 5), (*centres[1], 4)], grid, mask)
        before, after = members.inside(smaller), members.inside(mask)
    else:
        before, after = parcels(kind, seed, grid, smaller), parcels(kind, seed, grid, mask)
    expected, _ = reduced(stored, smaller, before)
    found, _ = reduced(stored, mask, after)
    np.testing.assert_allclose(found.series, expected.series, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(found.coverage, expected.coverage, rtol=1e-12)
    np.testing.assert_allclose(found.tsnr, expected.tsnr, rtol=1e-12)
