"""Smoothed parcels against nilearn, which smooths the images, against scipy's filter inside a mask, and their cache."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from nilearn.maskers import NiftiLabelsMasker, NiftiSpheresMasker
from scipy.ndimage import gaussian_filter
from scipy.sparse import load_npz

from connect.parcellate import smoothing
from tests.scanfiles import Files, affine, row, save

RTOL = 1e-5
"""Single precision, in which nilearn smooths and connect sums, and the smallest weights that connect leaves out."""

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.usefixtures("quick_nilearn")]

SHAPE = (9, 7, 8)
N_VOLUMES = 6
TURNED = affine(1.0, (4.0, -13.0, -7.0))
TURNED[:3, :3] = [[-1.5, -0.6, 0.2], [0.8, -2.4, 0.5], [0.1, 0.7, 3.0]]
GRIDS = {
    "2 mm": affine(2.0),
    "anisotropic": affine((1.5, 3.0, 4.0)),
    "flipped": affine((-2.0, 2.5, 2.0), (8, -12, -6)),
    "turned": TURNED,
}
CENTRES = [(4, 3, 4), (2.3, 4.6, 3.2), (7.1, 0.9, 6.6)]


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """Return a run on a 2 mm grid in a mask of the whole grid."""
    files = Files(tmp_path)
    files.write_confounds([0.1] * N_VOLUMES)
    write_run(files, affine(2.0))
    write_labels(files, affine(2.0))
    return files


def write_run(files: Files, grid: np.ndarray, inside: np.ndarray | None = None) -> np.ndarray:
    values = np.random.default_rng(1).normal(1000, 200, (*SHAPE, N_VOLUMES))
    save(files.bold, values, grid, "float64")
    save(files.mask, np.ones(SHAPE) if inside is None else inside, grid, "uint8")
    return values


def write_labels(files: Files, grid: np.ndarray, fwhm: float | None = 6.0, name: str = "atlas") -> np.ndarray:
    """Write labels that touch every face of the grid."""
    image = np.random.default_rng(2).integers(0, 4, (5, 4, 4)).repeat(2, 0).repeat(2, 1).repeat(2, 2)[:9, :7, :8]
    save(files.folder / "labels.nii.gz", image, grid, "uint8")
    files.write_atlas("labels", [row(n, f"p{n}") for n in (1, 2, 3)], "labels.nii.gz", name, fwhm)
    return image


@pytest.mark.parametrize("fwhm", [0.5, 4.0, 6.5, 30.0])
@pytest.mark.parametrize("grid", GRIDS)
def test_labels_equal_nilearn(files: Files, grid: str, fwhm: float) -> None:
    """The widest filter reaches over the grid more than once; both reflect what is beyond its border."""
    write_run(files, GRIDS[grid])
    write_labels(files, GRIDS[grid], fwhm)
    files.run()
    masker = NiftiLabelsMasker(
        files.folder / "labels.nii.gz", smoothing_fwhm=fwhm, standardize=None, reports=False, dtype=np.float64
    )
    np.testing.assert_allclose(files.result()[1], masker.fit_transform(files.bold), rtol=RTOL)


@pytest.mark.parametrize("grid", GRIDS)
def test_spheres_equal_nilearn(files: Files, grid: str) -> None:
    write_run(files, GRIDS[grid])
    centres = [GRIDS[grid][:3, :3] @ place + GRIDS[grid][:3, 3] for place in CENTRES]
    files.write_atlas("spheres", [row(n, f"s{n}", *centre, 5) for n, centre in enumerate(centres, 1)], smoothing=4.5)
    files.run()
    expected = [
        NiftiSpheresMasker([centre], 5, smoothing_fwhm=4.5, allow_overlap=True, standardize=None, reports=False)
        for centre in centres
    ]
    columns = [masker.fit_transform(files.bold) for masker in expected]
    np.testing.assert_allclose(files.result()[1], np.hstack(columns), rtol=RTOL)


def by_scipy(values: np.ndarray, data: np.ndarray, image: np.ndarray, fwhm: float, size: np.ndarray) -> np.ndarray:
    """Return means over labels of images smoothed inside a mask: filter(image * mask) over filter(mask)."""
    sigma = fwhm / 2.3548200450309493 / size
    inside = np.moveaxis(np.where(data[..., None], values, 0), -1, 0)
    smooth = np.array([gaussian_filter(volume, sigma) for volume in inside])
    weight = gaussian_filter(data.astype(float), sigma)
    return np.array([smooth[:, image == n].sum(axis=1) / weight[image == n].sum() for n in (1, 2, 3)]).T


@pytest.mark.parametrize("fwhm", [3.0, 8.0])
@pytest.mark.parametrize("grid", GRIDS)
def test_inside_a_mask_nothing_comes_from_outside(files: Files, grid: str, fwhm: float) -> None:
    where = GRIDS[grid]
    inside = np.random.default_rng(3).random(SHAPE) < 0.8
    inside[:2], inside[:, -1] = False, False
    values = write_run(files, where, inside)
    image = write_labels(files, where, fwhm)
    values[~inside] = 1e6
    bad = [tuple(place) for place in np.argwhere(inside)[10::30][:5]]
    values[*bad[0], 0], values[*bad[1], 4], values[*bad[2], :] = np.nan, np.inf, np.nan
    values[bad[3]] = values[bad[4]] = 0
    save(files.bold, values, where, "float64")
    files.run()
    data = inside & np.isfinite(values).all(axis=-1) & (values != 0).any(axis=-1)
    assert data.sum() == inside.sum() - 5
    size = np.sqrt((where[:3, :3] ** 2).sum(axis=0))
    _, series, coverage = files.result()
    np.testing.assert_allclose(series, by_scipy(values, data, image, fwhm, size), rtol=RTOL)
    share = [data[image == n].mean() for n in (1, 2, 3)]
    np.testing.assert_allclose([float(line["coverage"]) for line in coverage], share, rtol=1e-12)


def test_stored_integers_with_an_intercept(files: Files) -> None:
    """Zeros are stored as -2196 and lie outside the field of view."""
    image = write_labels(files, affine(2.0))
    stored = np.random.default_rng(4).integers(100, 900, (*SHAPE, N_VOLUMES))
    stored[:3] = -2196
    save(files.bold, stored, affine(2.0), "int16", 0.37, 812.5)
    files.run()
    data = np.ones(SHAPE, dtype=bool)
    data[:3] = False
    expected = by_scipy(stored * np.float64(np.float32(0.37)) + 812.5, data, image, 6.0, np.full(3, 2.0))
    np.testing.assert_allclose(files.result()[1], expected, rtol=RTOL)


def test_a_parcel_without_data_has_no_series_whatever_is_near(files: Files) -> None:
    image = write_labels(files, affine(2.0))
    write_run(files, affine(2.0), image != 2)
    files.run()
    _, series, coverage = files.result()
    np.testing.assert_array_equal(np.isnan(series).all(axis=0), [False, True, False])
    assert [float(line["coverage"]) for line in coverage] == [1, 0, 1]


# The cache: the same numbers, whatever is in its folder.


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list that grows with each time that parcels are smoothed."""
    times: list[int] = []
    smooth = smoothing._smooth

    def counted(*args: object) -> object:
        times.append(1)
        return smooth(*args)

    monkeypatch.setattr(smoothing, "_smooth", counted)
    return times


def test_the_next_scan_reads_what_the_first_has_made(files: Files, made: list[int]) -> None:
    files.run(cache=files.folder / "cache")
    _, before, _ = files.result()
    assert len(list((files.folder / "cache").iterdir())) == len(made) == 1
    write_run(files, affine(2.0), np.random.default_rng(5).random(SHAPE) < 0.9)
    files.run(cache=files.folder / "cache")
    assert len(made) == 1
    _, after, _ = files.result()
    files.run()
    assert len(made) == 2
    np.testing.assert_array_equal(files.result()[1], after)
    assert not np.array_equal(before, after)


def other_labels(files: Files) -> None:
    save(files.folder / "labels.nii.gz", write_labels(files, affine(2.0))[::-1], affine(2.0), "uint8")


def other_order(files: Files) -> None:
    files.write_atlas("labels", [row(n, f"p{n}") for n in (3, 1, 2)], "labels.nii.gz", smoothing=6)


def one_parcel_more(files: Files) -> None:
    """A label that is not in the image, so that the voxels of the parcels are the same as before."""
    files.write_atlas("labels", [row(n, f"p{n}") for n in (1, 2, 3, 4)], "labels.nii.gz", smoothing=6)


def other_grid(files: Files) -> None:
    """The same voxels, but of another size."""
    write_run(files, GRIDS["anisotropic"])
    write_labels(files, GRIDS["anisotropic"])


def other_shape(files: Files) -> None:
    values = write_run(files, affine(2.0))
    save(files.bold, values[:, :, :-1], affine(2.0), "float64")
    save(files.mask, np.ones((9, 7, 7)), affine(2.0), "uint8")


def spheres_instead(files: Files) -> None:
    files.write_atlas("spheres", [row(1, "s1", -0.6, -0.6, -0.6, 5)], smoothing=6)


CHANGES: dict[str, Callable[[Files], object]] = {
    "FWHM": lambda files: write_labels(files, affine(2.0), 5.0),
    "labels": other_labels,
    "order": other_order,
    "number of parcels": one_parcel_more,
    "size of the voxels": other_grid,
    "shape of the grid": other_shape,
    "mask": lambda files: write_run(files, affine(2.0), np.random.default_rng(6).random(SHAPE) < 0.7),
    "kind": spheres_instead,
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_is_kept_is_not_taken_for_something_else(files: Files, change: str) -> None:
    files.run(cache=files.folder / "cache")
    before = files.result()[1]
    CHANGES[change](files)
    files.run(cache=files.folder / "cache")
    _, with_cache, coverage = files.result()
    files.run()
    np.testing.assert_array_equal(files.result()[1], with_cache)
    assert files.result()[2] == coverage
    assert not np.array_equal(before, with_cache)


def test_two_masks_with_the_same_spheres(files: Files) -> None:
    """A sphere also takes the first voxel of the mask within its millimetre, and with it another one is kept."""
    files.write_atlas("spheres", [row(1, "s1", 0.9, 0.9, 0.9, 0.5)], smoothing=2)
    grid, smaller = affine(1.5, (-0.9, -0.9, -0.9)), np.ones(SHAPE)
    smaller[0, 0, 0] = 0
    found = []
    for inside in (np.ones(SHAPE), smaller):
        write_run(files, grid, inside)
        files.run(cache=files.folder / "cache")
        found.append(files.result()[1])
        files.run()
        np.testing.assert_array_equal(files.result()[1], found[-1])
    assert len(list((files.folder / "cache").iterdir())) == 2
    assert not np.allclose(*found, rtol=1e-3)


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "words": lambda _: b"no array",
    "cut in the middle": lambda content: content[: len(content) // 2],
    "cut at the end": lambda content: content[:-1],
    "a byte flipped early": lambda content: flipped(content, 0.2),
    "a byte flipped in the middle": lambda content: flipped(content, 0.5),
    "a byte flipped late": lambda content: flipped(content, 0.8),
    "zeros": lambda content: bytes(len(content)),
}


def flipped(content: bytes, share: float) -> bytes:
    place = int(len(content) * share)
    return content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_made_anew(files: Files, made: list[int], damage: str) -> None:
    files.run(cache=files.folder / "cache")
    (kept,) = (files.folder / "cache").iterdir()
    expected, content = files.result()[1], kept.read_bytes()
    kept.write_bytes(DAMAGES[damage](content))
    files.run(cache=files.folder / "cache")
    assert len(made) == 2
    np.testing.assert_array_equal(files.result()[1], expected)
    assert [path.name for path in kept.parent.iterdir()] == [kept.name]
    assert abs(load_npz(kept)).sum() == pytest.approx((write_labels(files, affine(2.0)) > 0).sum())
    files.run(cache=files.folder / "cache")
    assert len(made) == 2


def test_processes_at_once_leave_one_good_file(files: Files) -> None:
    files.run()
    expected = files.result()[1]
    cache = files.folder / "cache"
    code = "import sys; from connect.cli import main; sys.exit(main(sys.argv[1:]))"
    runs = []
    for n in range(3):
        words = [*files.command("--cache", str(cache)), "--series", str(files.folder / str(n) / files.series.name)]
        runs.append(subprocess.Popen([sys.executable, "-c", code, *words]))
    assert [run.wait() for run in runs] == [0, 0, 0]
    for n in range(3):
        (path,) = (files.folder / str(n)).glob("*/*mean_timeseries.tsv")
        assert path.read_bytes() == next(files.series.glob("*mean_timeseries.tsv")).read_bytes()
    (kept,) = cache.iterdir()
    assert load_npz(kept).shape == (3, np.prod(SHAPE))
    np.testing.assert_array_equal(files.result()[1], expected)
