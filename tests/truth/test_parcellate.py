"""Parcel series against nilearn's maskers, an independent implementation, and against values worked out by hand."""

from __future__ import annotations

import contextlib
import csv
from collections.abc import Sequence
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from nilearn.image import resample_img
from nilearn.maskers import NiftiLabelsMasker, NiftiMapsMasker, NiftiSpheresMasker
from nilearn.maskers.nifti_spheres_masker import apply_mask_and_get_affinity

from connect.layout import series_name
from connect.parcellate import parcellate
from connect.parcellate.grids import labels, maps, spheres
from connect.parcellate.images import Grid
from connect.parcellate.quality import Scale, Voxels
from connect.parcellate.reduction import Reduced, extract
from connect.parcellate.weights import Weights
from connect.tables import read_matrix
from tests.scanfiles import Files, affine, row, save

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.usefixtures("quick_nilearn")]

SHAPE = (9, 10, 8)
N_VOLUMES = 20
BOLD = affine(2.0)


def rotation(degrees: float) -> np.ndarray:
    """Return an affine that is turned about all three axes and flipped in one."""
    a = np.deg2rad(degrees)
    x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    z = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    matrix = affine(1.0, (6.0, -13.0, -7.0))
    matrix[:3, :3] = x @ z @ np.diag([-1.7, 2.2, 1.9])
    return matrix


PERMUTED = np.array([[0, 0, 2.0, -8], [2, 0, 0, -12], [0, -2, 0, 8], [0, 0, 0, 1]])

GRIDS = {
    "same": (SHAPE, BOLD),
    "1 mm, centres of the BOLD voxels between two of its own": ((18, 20, 16), affine(1.0, (-8.5, -12.5, -6.5))),
    "3 mm": ((7, 8, 7), affine(3.0, (-9.0, -13.0, -7.0))),
    "flipped, 2 mm": (SHAPE, affine((-2.0, 2.0, 2.0), (8.0, -12.0, -6.0))),
    "flipped, 1 mm, on ties": ((18, 20, 16), affine((-1.0, 1.0, -1.0), (8.5, -12.5, 8.5))),
    "turned": ((11, 10, 9), rotation(20)),
    "axes exchanged": ((10, 8, 9), PERMUTED),
    "beside the run": (SHAPE, affine(2.0, (0.0, 0.0, 0.0))),
}

STORAGE = {
    "float32": {"dtype": "float32"},
    "int16 scaled": {"dtype": "int16", "slope": 0.37, "inter": 812.5},
    "int16 unscaled": {"dtype": "int16"},
    "big-endian": {"dtype": ">f4"},
}


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """Return a random run in a mask with holes."""
    found = Files(tmp_path)
    write_run(found)
    found.write_confounds(["n/a", *([0.1] * (N_VOLUMES - 1))])
    return found


def write_run(files: Files, dtype: str = "float32", slope: float = np.nan, inter: float = 0.0) -> None:
    rng = np.random.default_rng(1)
    save(files.bold, rng.normal(1000, 200, (*SHAPE, N_VOLUMES)), BOLD, dtype, slope, inter)
    mask = rng.random(SHAPE) < 0.8
    mask[0] = False
    save(files.mask, mask, BOLD, "uint8")


def blobs(shape: Sequence[int], values: Sequence[int]) -> np.ndarray:
    """Return a label image with background, in lumps of a few voxels."""
    rng = np.random.default_rng(2)
    coarse = rng.choice([0, *values], size=[length // 2 + 1 for length in shape])
    fine = coarse.repeat(2, 0).repeat(2, 1).repeat(2, 2)
    return fine[: shape[0], : shape[1], : shape[2]]


def by_label(files: Files, image: Path) -> dict[str, np.ndarray]:
    masker = NiftiLabelsMasker(image, mask_img=files.mask, resampling_target="data", standardize=None, reports=False)
    series = masker.fit_transform(files.bold)
    ids = {column: label for column, label in masker.region_ids_.items() if column != "background"}
    return {f"p{round(float(label))}": series[:, column] for column, label in ids.items()}


def assert_same(files: Files, expected: dict[str, np.ndarray]) -> None:
    """Check every column by its name; a parcel that nilearn drops is missing here."""
    names, series, coverage = files.result()
    for name, column, line in zip(names, series.T, coverage, strict=True):
        if name in expected:
            np.testing.assert_allclose(column, expected[name], rtol=1e-6, err_msg=name)
            assert 0 < float(line["coverage"]) <= 1
        else:
            assert np.isnan(column).all(), name
            assert float(line["coverage"]) == 0
    assert set(expected) <= set(names)


@pytest.mark.parametrize("storage", STORAGE)
@pytest.mark.parametrize("grid", GRIDS)
def test_labels_equal_nilearn(files: Files, grid: str, storage: str) -> None:
    write_run(files, **STORAGE[storage])
    values = [1, 2, 5, 130, 200, 255]
    image = save(files.folder / "labels.nii.gz", blobs(GRIDS[grid][0], values), GRIDS[grid][1], "uint8")
    files.write_atlas("labels", [row(value, f"p{value}") for value in values], "labels.nii.gz")
    files.run()
    assert_same(files, by_label(files, image))


@pytest.mark.parametrize("dtype", ["uint8", "int16", "int32", "float32"])
def test_labels_above_127_keep_their_names(files: Files, dtype: str) -> None:
    values = [3, 127, 128, 129, 254, 255]
    image = save(files.folder / "labels.nii.gz", blobs(SHAPE, values), BOLD, dtype)
    files.write_atlas("labels", [row(value, f"p{value}") for value in reversed(values)], "labels.nii.gz")
    files.run()
    expected = by_label(files, image)
    assert set(expected) == {f"p{value}" for value in values}
    assert_same(files, expected)


def test_labels_stored_with_a_slope(files: Files) -> None:
    stored = blobs(SHAPE, [1, 2, 300])
    plain = save(files.folder / "plain.nii.gz", stored * 2, BOLD, "int16")
    save(files.folder / "labels.nii.gz", stored, BOLD, "int16", slope=2.0)
    files.write_atlas("labels", [row(value, f"p{value}") for value in (2, 4, 600)], "labels.nii.gz")
    files.run()
    assert_same(files, by_label(files, plain))


SPHERES = [(0, 0, 0, 4), (1.3, -4.7, 2.2, 3.1), (-8, -12, -6, 5), (3, 3, 3, 0.5), (-2.9, 1.1, 0.4, 2), (6, 4, 6, 4)]


@pytest.mark.parametrize("grid", [BOLD, affine((-2.0, 2.0, 2.0), (8, -12, -6)), rotation(20), PERMUTED])
def test_spheres_equal_nilearn(files: Files, grid: np.ndarray) -> None:
    rng = np.random.default_rng(3)
    save(files.bold, rng.normal(1000, 200, (*SHAPE, N_VOLUMES)), grid)
    save(files.mask, rng.random(SHAPE) < 0.8, grid, "uint8")
    files.write_atlas("spheres", [row(n, f"s{n}", *sphere) for n, sphere in enumerate(SPHERES, start=1)])
    files.run()
    expected = {}
    for n, (*centre, radius) in enumerate(SPHERES, start=1):
        masker = NiftiSpheresMasker(
            [centre], radius, mask_img=files.mask, allow_overlap=True, standardize=None, reports=False
        )
        with contextlib.suppress(ValueError):  # no voxel in the mask
            expected[f"s{n}"] = masker.fit_transform(files.bold)[:, 0]
    assert len(expected) >= 4
    assert_same(files, expected)


sizes = st.sampled_from([1.0, 1.5, 2.0, 2.4, 3.0, -2.0, -3.3])
corners = st.sampled_from([-12.0, -9.5, -8.25, -6.0, -4.5])
mm = st.one_of(st.integers(-12, 12).map(float), st.floats(-12, 12).map(lambda value: round(value, 2)))
small_grids = st.builds(
    lambda size, origin, turn: Grid((6, 5, 7), np.float64(np.float32(affine(size, origin) @ turn))),
    st.tuples(sizes, sizes, sizes),
    st.tuples(corners, corners, corners),
    st.sampled_from([np.eye(4), PERMUTED @ np.diag([0.5, 0.5, 0.5, 1.0]), rotation(33)]),
)
fast = settings(max_examples=60)


@fast
@given(small_grids, mm, mm, mm, st.sampled_from([0.1, 1.0, 2.0, 3.0, 4.0, 5.0]), st.integers(0, 99))
@example(Grid((3, 3, 3), affine(1.5, (-0.9, -0.9, -0.9))), 0.9, 0.9, 0.9, 0.5, 7)  # the first voxel by truncation alone
def test_the_voxels_of_a_sphere_are_those_of_nilearn(
    grid: Grid, x: float, y: float, z: float, radius: float, seed: int
) -> None:
    mask = np.random.default_rng(seed).random(grid.shape) < 0.7
    image = nib.Nifti1Image(mask.astype("uint8"), grid.affine)
    run = nib.Nifti1Image(np.ones((*grid.shape, 1), dtype="float32"), grid.affine)
    found = spheres([(x, y, z, radius)], grid, mask)
    flat = np.zeros(mask.size, dtype=bool)
    flat[found.voxels] = True
    flat &= mask.ravel(order="F")
    inside = (np.cumsum(mask.ravel(order="F")) - 1)[flat]
    assert sorted(found.inside(mask).voxels) == inside.tolist()
    try:
        _, expected = apply_mask_and_get_affinity([(x, y, z)], run, radius, True, image)
    except ValueError:
        assert not flat.any()
        return
    np.testing.assert_array_equal(flat.reshape(grid.shape, order="F")[mask], expected.toarray()[0] > 0)


@fast
@given(small_grids, small_grids)
def test_the_nearest_label_is_that_of_nilearn(source: Grid, grid: Grid) -> None:
    image = np.arange(1, np.prod(source.shape) + 1).reshape(source.shape)
    indices = np.unique(image)
    found = labels(image, source, indices, grid)
    flat = np.zeros(np.prod(grid.shape), dtype=int)
    flat[found.voxels] = indices[found.parcels]
    expected = nearest_of_nilearn(image, source, grid)
    np.testing.assert_array_equal(flat.reshape(grid.shape, order="F"), expected)


def nearest_of_nilearn(image: np.ndarray, source: Grid, grid: Grid) -> np.ndarray:
    picture = nib.Nifti1Image(image.astype("int32"), source.affine)
    try:
        resampled = resample_img(picture, grid.affine, grid.shape, interpolation="nearest")
    except ValueError:  # no overlap
        return np.zeros(grid.shape)
    return np.asarray(resampled.dataobj)


blobs_of_maps = st.tuples(*[st.tuples(st.integers(0, 6), st.integers(1, 3))] * 3)


@fast
@given(small_grids, small_grids, blobs_of_maps, st.integers(0, 99))
def test_the_weights_of_a_map_are_those_of_nilearn(
    source: Grid, grid: Grid, blob: Sequence[tuple[int, int]], seed: int
) -> None:
    """The map is a box somewhere in its image, at its border or nowhere."""
    image, part = np.zeros(source.shape), tuple(slice(start, start + length) for start, length in blob)
    image[part] = np.random.default_rng(seed).normal(size=image[part].shape)
    found = maps([(source, image)], np.array([0]), grid, np.ones(grid.shape, dtype=bool))
    weights = found.weights if isinstance(found.weights, np.ndarray) else found.weights.toarray()
    picture = nib.Nifti1Image(image, source.affine)
    try:
        resampled = resample_img(picture, grid.affine, grid.shape, interpolation="linear")
    except ValueError:  # no overlap
        assert not weights.any()
        return
    expected = np.asarray(resampled.dataobj)
    np.testing.assert_allclose(weights[0].reshape(grid.shape, order="F"), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("storage", ["float32", "int16 scaled"])
@pytest.mark.parametrize("grid", [name for name in GRIDS if name != "beside the run"])
def test_maps_equal_nilearn(files: Files, grid: str, storage: str) -> None:
    write_run(files, **STORAGE[storage])
    shape, where = GRIDS[grid]
    weights = np.random.default_rng(4).random((*shape, 4)) ** 3 * [1, 10, 0.1, 1]
    weights[weights < 0.01] = 0
    image = save(files.folder / "maps.nii.gz", weights, where)
    files.write_atlas("maps", [row(n, f"m{n}") for n in (3, 1, 4, 2)], "maps.nii.gz")
    files.run()
    masker = NiftiMapsMasker(
        image, mask_img=files.mask, resampling_target="data", standardize=None, reports=False, dtype=np.float64
    )
    assert_same(files, {f"m{n + 1}": column for n, column in enumerate(masker.fit_transform(files.bold).T)})


def test_maps_with_negative_weights(files: Files) -> None:
    """nilearn 0.13 leaves out the voxels in which no map is above 0; the least-squares fit needs them."""
    weights = np.random.default_rng(5).normal(size=(*SHAPE, 3))
    weights[3:] *= -np.sign(weights[3:])
    save(files.folder / "maps.nii.gz", weights, BOLD, "float64")
    files.write_atlas("maps", [row(n, f"m{n}") for n in (1, 2, 3)], "maps.nii.gz")
    files.run()
    inside = np.asarray(nib.load(files.mask).dataobj) > 0
    values = nib.load(files.bold).get_fdata()[inside]
    expected = np.linalg.lstsq(weights[inside], values, rcond=None)[0].T
    assert_same(files, {f"m{n + 1}": column for n, column in enumerate(expected.T)})


def test_a_map_outside_the_mask_is_missing_and_leaves_the_others_alone() -> None:
    grid = Grid(SHAPE, BOLD)
    rng = np.random.default_rng(6)
    weights = rng.random((*SHAPE, 3))
    weights[..., 1] = 0
    weights[0, ..., 1] = 1
    mask = np.ones(SHAPE, dtype=bool)
    mask[0] = False
    values = rng.normal(size=(5, mask.size))
    three, two = ([(grid, weights[..., n]) for n in chosen] for chosen in ([0, 1, 2], [0, 2]))
    found, _ = reduced(values, mask, maps(three, np.arange(3), grid, mask))
    pair, _ = reduced(values, mask, maps(two, np.arange(2), grid, mask))
    assert np.isnan(found.series[:, 1]).all()
    np.testing.assert_allclose(found.series[:, [0, 2]], pair.series, rtol=1e-12)
    share = weights[1:].sum(axis=(0, 1, 2)) / weights.sum(axis=(0, 1, 2))
    np.testing.assert_allclose(found.coverage, share, rtol=1e-12)
    assert found.coverage[1] == 0


def test_maps_that_are_all_outside_the_mask_are_missing() -> None:
    grid = Grid(SHAPE, BOLD)
    weights, mask = np.zeros(SHAPE), np.ones(SHAPE, dtype=bool)
    weights[0], mask[0] = 1, False
    values = np.random.default_rng(6).normal(size=(5, mask.size))
    found, _ = reduced(values, mask, maps([(grid, weights)] * 2, np.arange(2), grid, mask))
    assert np.isnan(found.series).all()
    np.testing.assert_array_equal(found.coverage, [0, 0])


def reduced(
    values: np.ndarray, mask: np.ndarray, weights: Weights, scale: Scale | None = None
) -> tuple[Reduced, Voxels]:
    """Reduce stored values ``(n_volumes, n_voxels_of_the_grid)`` to the parcels of an atlas."""
    voxels = np.flatnonzero(mask.ravel(order="F"))
    steady = np.ones(len(values), dtype=bool)
    (found,), described = extract(lambda: iter(values), voxels, [weights], scale or Scale(), steady)
    return found, described


def line_of_voxels(kind: str) -> tuple[np.ndarray, Weights]:
    """Return a mask of six voxels in a row, the fifth outside, and a parcel of all of them."""
    grid = Grid((6, 1, 1), affine(2.0))
    mask = np.array([1, 1, 1, 1, 0, 1], dtype=bool).reshape(grid.shape)
    if kind == "maps":
        return mask, maps([(grid, np.ones(grid.shape))], np.array([0]), grid, mask)
    if kind == "spheres":
        return mask, spheres([(-3, -12, -6, 50)], grid, mask).inside(mask)
    return mask, labels(np.full(grid.shape, 7), grid, np.array([7]), grid).inside(mask)


@pytest.mark.parametrize("outside", [1e6, 0, np.nan])
@pytest.mark.parametrize("kind", ["labels", "spheres", "maps"])
def test_voxels_without_data_count_in_no_mean(kind: str, outside: float) -> None:
    """nilearn 0.13 reads NaN as 0 and averages the zeros outside the field of view."""
    mask, weights = line_of_voxels(kind)
    run = np.array([[1.0, 10, np.nan, 0, outside, 4], [3, 20, np.nan, 0, outside, 8], [5, 30, np.nan, 0, outside, 0]])
    found, described = reduced(run, mask, weights)
    np.testing.assert_array_equal(described.data, [True, True, False, False, True])
    np.testing.assert_allclose(found.series[:, 0], [15 / 3, 31 / 3, 35 / 3])
    np.testing.assert_allclose(found.coverage, [3 / 6])
    assert found.n_voxels.tolist() == [6]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("volume", [0, 1, 2])
@pytest.mark.parametrize("kind", ["labels", "spheres", "maps"])
def test_a_voxel_missing_in_one_volume_is_left_out_of_all(kind: str, volume: int, bad: float) -> None:
    mask, weights = line_of_voxels(kind)
    run = np.array([[1.0, 10, 2, 3, 1e6, 4], [3, 20, 7, 5, 1e6, 8], [5, 30, 2, 2, 1e6, 6]])
    run[volume, 2] = bad
    found, _ = reduced(run, mask, weights)
    np.testing.assert_allclose(found.series[:, 0], run[:, [0, 1, 3, 5]].mean(axis=1))
    np.testing.assert_allclose(found.coverage, [4 / 6])


def test_a_real_cohort_equals_nilearn(shared_data: Path, tmp_path: Path) -> None:
    func = shared_data / "psilocybin" / "sub-01" / "ses-pcbpre" / "func"
    scan = "sub-01_ses-pcbpre_task-rest_space-MNI152NLin6Asym_res-3"
    bold, mask = func / f"{scan}_desc-preproc_bold.nii.gz", func / f"{scan}_desc-brain_mask.nii.gz"
    image = shared_data / "atlases" / "aal90" / "AAL90_3mm.nii.gz"
    with image.with_name("AAL90_labels.tsv").open(encoding="utf-8", newline="") as file:
        names = {int(line["index"]): line["name"] for line in csv.DictReader(file, delimiter="\t")}
    files = Files(tmp_path)
    files.write_atlas("labels", [row(index, name) for index, name in names.items()], str(image))
    confounds = func / "sub-01_ses-pcbpre_task-rest_desc-confounds_timeseries.tsv"
    parcellate(bold, mask, confounds, [files.atlas()], tmp_path / scan)
    masker = NiftiLabelsMasker(image, mask_img=mask, resampling_target="data", standardize=None, reports=False)
    expected = masker.fit_transform(bold)
    path = tmp_path / scan / series_name(scan, "atlas")
    assert path.read_text(encoding="utf-8").splitlines()[0].split("\t") == list(names.values())
    np.testing.assert_allclose(read_matrix(path), expected, rtol=1e-6)
