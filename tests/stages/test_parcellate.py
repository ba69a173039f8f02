"""The stage ``parcellate``: its files, its errors, and what becomes of a scan that cannot be used."""

from __future__ import annotations

import gzip
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from connect.cli import main
from connect.errors import UnusableScan, UserError
from connect.parcellate import images
from connect.parcellate.images import blamed
from tests.scanfiles import SCAN, Files, affine, row, save

SHAPE = (5, 4, 6)
N_VOLUMES = 40
BOLD = affine(2.0)
QC = f"{SCAN}_desc-qc_bold.json"


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """Return a scan of 40 volumes and an atlas of three labels in slabs, all of them in the mask."""
    found = Files(tmp_path)
    save(found.bold, np.random.default_rng(1).normal(1000, 100, (*SHAPE, N_VOLUMES)), BOLD)
    save(found.mask, np.ones(SHAPE), BOLD, "uint8")
    found.write_confounds(["n/a", 0.3, *([0.1] * (N_VOLUMES - 2))])
    save(tmp_path / "labels.nii.gz", slabs(), BOLD, "uint8")
    found.write_atlas("labels", [row(1, "left"), row(2, "middle"), row(7, "right")], "labels.nii.gz")
    return found


def slabs() -> np.ndarray:
    return np.broadcast_to(np.array([1, 1, 2, 2, 7])[:, None, None], SHAPE).copy()


def command(files: Files, *more: str) -> list[str]:
    paths = {"bold": files.bold, "mask": files.mask, "confounds": files.confounds, "atlases": files.atlas()}
    flags = [word for name, path in paths.items() for word in (f"--{name}", str(path))]
    return ["parcellate", *flags, "--series", str(files.series), *more]


def quality(files: Files) -> dict[str, object]:
    found: dict[str, object] = json.loads((files.series / QC).read_text(encoding="utf-8"))
    return found


def test_the_files_of_a_scan(files: Files) -> None:
    assert main(command(files)) == 0
    stem = f"{SCAN}_atlas-atlas_stat"
    assert sorted(path.name for path in files.series.iterdir()) == sorted(
        [f"{stem}-mean_timeseries.tsv", f"{stem}-mean_timeseries.json", f"{stem}-coverage_bold.tsv", QC]
    )
    names, series, coverage = files.result()
    assert names == ["left", "middle", "right"]
    assert series.shape == (N_VOLUMES, 3)
    values = nib.load(files.bold).get_fdata()
    np.testing.assert_allclose(series[:, 1], values[2:4].mean(axis=(0, 1, 2)), rtol=1e-12)
    assert coverage == [
        {"index": "1", "name": "left", "coverage": "1.0", "n_voxels": "48"},
        {"index": "2", "name": "middle", "coverage": "1.0", "n_voxels": "48"},
        {"index": "7", "name": "right", "coverage": "1.0", "n_voxels": "24"},
    ]
    sidecar = json.loads((files.series / f"{stem}-mean_timeseries.json").read_text(encoding="utf-8"))
    assert sidecar["Sources"] == [files.bold.name]
    assert sidecar["Atlas"] == "atlas"
    assert sidecar["Method"].startswith("mean over the voxels of the label")


def test_the_quality_record(files: Files) -> None:
    files.run()
    record = quality(files)
    assert record == {
        "n_volumes": N_VOLUMES,
        "mean_fd": pytest.approx((0.3 + 38 * 0.1) / 39),
        "max_fd": 0.3,
        "voxel_size": [2.0, 2.0, 2.0],
        "unusable": None,
    }


def test_motion_that_is_missing_throughout_is_null(files: Files) -> None:
    files.write_confounds(["n/a"] * N_VOLUMES)
    files.run()
    assert quality(files)["mean_fd"] is None
    assert quality(files)["max_fd"] is None


def test_names_go_by_the_table_whatever_its_order(files: Files) -> None:
    files.run()
    names, series, _ = files.result()
    files.write_atlas("labels", [row(7, "right"), row(1, "left"), row(2, "middle")], "labels.nii.gz", name="turned")
    files.run("turned")
    turned_names, turned, coverage = files.result("turned")
    assert turned_names == ["right", "left", "middle"] == [line["name"] for line in coverage]
    np.testing.assert_array_equal(turned, series[:, [names.index(name) for name in turned_names]])


def test_a_parcel_that_drops_out_keeps_its_column(files: Files) -> None:
    mask = np.ones(SHAPE)
    mask[2:4] = 0
    mask[0] = 0
    save(files.mask, mask, BOLD, "uint8")
    files.write_atlas("labels", [row(n, f"p{n}") for n in (1, 2, 3, 7)], "labels.nii.gz")
    files.run()
    names, series, coverage = files.result()
    assert names == ["p1", "p2", "p3", "p7"]
    np.testing.assert_array_equal(np.isnan(series).all(axis=0), [False, True, True, False])
    assert not np.isnan(series[:, [0, 3]]).any()
    assert [(line["coverage"], line["n_voxels"]) for line in coverage] == [
        ("0.5", "48"),
        ("0.0", "48"),
        ("0.0", "0"),
        ("1.0", "24"),
    ]
    text = next(files.series.glob("*timeseries.tsv")).read_text(encoding="utf-8")
    assert text.splitlines()[1].split("\t")[1:3] == ["n/a", "n/a"]
    assert "nan" not in text


def test_all_atlases_take_one_pass(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    passes = count_passes(monkeypatch)
    files.write_atlas("spheres", [row(1, "s", -4, -8, 0, 3)], name="balls")
    files.run("atlas", "balls")
    assert len(passes) == 1
    assert files.result("atlas")[1].shape == (N_VOLUMES, 3)
    assert files.result("balls")[1].shape == (N_VOLUMES, 1)


def test_only_voxels_that_are_missing_at_times_take_a_second_pass(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    passes = count_passes(monkeypatch)
    values = nib.load(files.bold).get_fdata()
    values[0, 0, 0] = np.nan
    save(files.bold, values, BOLD)
    files.run()
    assert len(passes) == 1
    values[0, 0, 1, 30] = np.nan
    save(files.bold, values, BOLD)
    files.run()
    assert len(passes) == 3
    assert float(files.result()[2][0]["coverage"]) == pytest.approx(46 / 48)


def count_passes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    passes: list[int] = []
    read = images.Bold.blocks

    def counted(self: images.Bold, voxels: np.ndarray) -> object:
        passes.append(1)
        return read(self, voxels)

    monkeypatch.setattr(images.Bold, "blocks", counted)
    return passes


def test_the_size_of_the_blocks_does_not_show(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    files.run()
    before = {path.name: path.read_bytes() for path in files.series.iterdir()}
    monkeypatch.setattr(images, "BLOCK", 7)
    (files.series / "old.txt").write_text("", encoding="utf-8")
    files.run()
    assert {path.name: path.read_bytes() for path in files.series.iterdir()} == before


def test_an_uncompressed_image_gives_the_same(files: Files) -> None:
    files.run()
    _, series, _ = files.result()
    plain = files.bold.with_suffix("")
    plain.write_bytes(gzip.decompress(files.bold.read_bytes()))
    words = [word if word != str(files.bold) else str(plain) for word in command(files)]
    assert main(words) == 0
    np.testing.assert_array_equal(files.result()[1], series)


# Mistakes of the user: exit code 2 with four parts, also when scans are to be recorded.


def rewrite(name: str, pattern: str, text: str) -> Callable[[Files], None]:
    def change(files: Files) -> None:
        path = files.folder / name
        before = path.read_text(encoding="utf-8")
        after = re.sub(pattern, text, before)
        assert after != before
        path.write_text(after, encoding="utf-8")

    return change


def remove(name: str) -> Callable[[Files], None]:
    return lambda files: next(files.folder.glob(name)).unlink()


def image(values: object, dtype: str = "int16", slope: float = np.nan) -> Callable[[Files], object]:
    return lambda files: save(files.folder / "labels.nii.gz", np.array(values), BOLD, dtype, slope)


def atlas(kind: str, *rows: tuple[object, ...], picture: str = "") -> Callable[[Files], None]:
    return lambda files: files.write_atlas(kind, rows, picture)


def maps(*indices: int) -> Callable[[Files], None]:
    def change(files: Files) -> None:
        save(files.folder / "maps.nii.gz", np.ones((*SHAPE, 2)), BOLD)
        files.write_atlas("maps", [row(index, f"m{index}") for index in indices], "maps.nii.gz")

    return change


MISTAKES = {
    "no image": (remove("*bold.nii.gz"), "desc-preproc_bold.nii.gz", "no such file"),
    "no mask": (remove("*mask.nii.gz"), "desc-brain_mask.nii.gz", "no such file"),
    "no confounds": (remove("*timeseries.tsv"), "desc-confounds_timeseries.tsv", "no such file"),
    "no atlas": (remove("atlas.yaml"), "atlas.yaml", "No such file"),
    "no image of the atlas": (remove("labels.nii.gz"), "labels.nii.gz", "no such file"),
    "no parcels table": (remove("atlas.tsv"), "atlas.tsv", "no such file"),
    "other space": (
        rewrite("atlas.yaml", "MNI152NLin6Asym", "MNI152NLin2009cAsym"),
        "atlas.yaml, key spaces",
        "MNI152NLin6Asym",
    ),
    "no displacement": (
        lambda files: files.write_confounds([0.1] * N_VOLUMES, "framewise_displacment"),
        "confounds_timeseries.tsv",
        "did you mean `framewise_displacment`",
    ),
    "missing column": (rewrite("atlas.tsv", "network", "networks"), "atlas.tsv", "the column `network`"),
    "missing radius": (atlas("spheres", (1, "s", "net", "cortex", 0, 0, 0)), "line 2", "z `0`, radius ``"),
    "a radius below 0": (atlas("spheres", row(1, "s", 0, 0, 0, -4)), "line 2", "-4.0"),
    "a coordinate of NaN": (atlas("spheres", row(1, "s", 0, float("nan"), 0, 4)), "line 2", "nan"),
    "an index twice": (rewrite("atlas.tsv", "\n7\t", "\n2\t"), "column index", "2 twice"),
    "a name twice": (rewrite("atlas.tsv", "right", "left"), "column name", "left twice"),
    "an index that is no number": (rewrite("atlas.tsv", "\n7\t", "\nseven\t"), "atlas.tsv, line 4", "index `seven`"),
    "the index of the background": (rewrite("atlas.tsv", "\n7\t", "\n0\t"), "atlas.tsv, line 4", "index 0"),
    "no name": (rewrite("atlas.tsv", "right", ""), "atlas.tsv, line 4", "an empty cell"),
    "no rows": (atlas("labels", picture="labels.nii.gz"), "atlas.tsv", "no rows"),
    "labels without a row": (
        image(slabs() + np.arange(6)),
        "labels.nii.gz",
        "9 without a row: 3, 4, 5, 6, 8, ...",
    ),
    "labels that wrapped": (image(slabs() - 9, "int8"), "labels.nii.gz", "store the labels as int16"),
    "labels that are not whole": (image(slabs() + 0.5, "float32"), "labels.nii.gz", "1.5"),
    "scaled labels that are not whole": (image(slabs(), slope=0.3), "labels.nii.gz", "0.3"),
    "labels in 4-D": (image(np.ones((*SHAPE, 2))), "labels.nii.gz", "a 3-D NIfTI image"),
    "maps in 2-D": (image(np.ones((5, 4))), "labels.nii.gz", "a 3-D NIfTI image"),
    "an atlas that is no image": (
        lambda files: (files.folder / "labels.nii.gz").write_text("no image", encoding="utf-8"),
        "labels.nii.gz",
        "fetch or copy the file again",
    ),
    "an atlas that is cut short": (
        lambda files: cut(files.folder / "labels.nii.gz", 0.9),
        "labels.nii.gz",
        "fetch or copy the file again",
    ),
    "a map without a row": (maps(1), "maps.nii.gz", "1 without a row: 2"),
    "a row without a map": (maps(1, 2, 3), "atlas.tsv", "index 3, but 2 maps"),
}


@pytest.mark.parametrize("mode", ["stop", "record"])
@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told_in_four_parts(
    files: Files, capsys: pytest.CaptureFixture[str], mistake: str, mode: str
) -> None:
    change, where, text = MISTAKES[mistake]
    change(files)
    assert main(command(files, "--on-unusable", mode)) == 2
    told = capsys.readouterr().err
    head, *parts = told.splitlines()
    assert head == "connect parcellate: wrong input"
    assert [part.partition(":")[0] for part in parts] == ["where", "must be", "got", "to do"]
    assert all(part.partition(":")[2].strip() for part in parts)
    assert where in parts[0]
    assert text in told
    assert left_behind(files) == []


def test_a_scan_without_a_space(files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    plain = files.bold.rename(files.folder / "sub-01_task-rest_desc-preproc_bold.nii.gz")
    words = [word if word != str(files.bold) else str(plain) for word in command(files)]
    assert main(words) == 2
    assert "a scan without `space-` in its file name" in capsys.readouterr().err


def test_two_atlases_with_one_label(files: Files) -> None:
    files.write_atlas("spheres", [row(1, "s", 0, 0, 0, 3)], name="at-las")
    with pytest.raises(UserError, match="differ in letters and digits"):
        files.run("atlas", "at-las")


def left_behind(files: Files) -> list[Path]:
    """Return whatever a failed run left of its output."""
    return list(files.series.parent.glob("*")) if files.series.parent.exists() else []


# Scans that cannot be used.


def cut(path: Path, share: float) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])


def flip(path: Path, part: slice) -> None:
    """Change bytes of a file."""
    content = bytearray(path.read_bytes())
    content[part] = bytes(byte ^ 0xFF for byte in content[part])
    path.write_bytes(content)


def stored(files: Files, n_volumes: float) -> None:
    """Write the run as a gzip stream without compression that ends after some volumes, so that the place is known."""
    content = gzip.compress(gzip.decompress(files.bold.read_bytes()), compresslevel=0)
    files.bold.write_bytes(content[: int(352 + n_volumes * np.prod(SHAPE) * 4)])


def bold(values: np.ndarray, grid: np.ndarray = BOLD) -> Callable[[Files], object]:
    return lambda files: save(files.bold, values, grid)


def mask(values: np.ndarray, grid: np.ndarray = BOLD) -> Callable[[Files], object]:
    return lambda files: save(files.mask, values, grid, "float32")


def rgb(files: Files) -> None:
    dtype = np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")])
    nib.save(nib.Nifti1Image(np.zeros((*SHAPE, N_VOLUMES), dtype), BOLD), files.bold)


UNUSABLE = {
    "cut short": (lambda files: stored(files, 25.5), "preproc_bold", "in volume 26: "),
    "cut near the start": (lambda files: stored(files, 1.5), "preproc_bold", "in volume 2: "),
    "cut in the header": (lambda files: cut(files.bold, 0.001), "preproc_bold", ""),
    "empty": (lambda files: files.bold.write_bytes(b""), "preproc_bold", ""),
    "cut before the check sum": (lambda files: cut(files.bold, 0.9999), "preproc_bold", ""),
    "a wrong check sum": (lambda files: flip(files.bold, slice(-8, -4)), "preproc_bold", "after the last volume: CRC"),
    "corrupt in the middle": (lambda files: flip(files.bold, slice(8000, 8040)), "preproc_bold", ""),
    "no image": (lambda files: files.bold.write_bytes(gzip.compress(b"x" * 5000)), "preproc_bold", ""),
    "3-D": (bold(np.ones(SHAPE)), "preproc_bold", "shape (5, 4, 6)"),
    "one volume": (bold(np.ones((*SHAPE, 1))), "preproc_bold", "shape (5, 4, 6, 1)"),
    "colours": (rgb, "preproc_bold", "'R'"),
    "all NaN": (bold(np.full((*SHAPE, N_VOLUMES), np.nan)), "preproc_bold", "none of 120"),
    "all zero": (bold(np.zeros((*SHAPE, N_VOLUMES))), "preproc_bold", "none of 120"),
    "an empty mask": (mask(np.zeros(SHAPE)), "brain_mask", "an empty mask"),
    "a mask of NaN": (mask(np.full(SHAPE, np.nan)), "brain_mask", "an empty mask"),
    "a mask of another shape": (mask(np.ones((5, 4, 7))), "brain_mask", "5 x 4 x 7 voxels"),
    "a mask in another place": (mask(np.ones(SHAPE), affine(2.0, (-7, -12, -6))), "brain_mask", "from (-7, -12, -6)"),
    "a mask of other voxels": (mask(np.ones(SHAPE), affine(2.01)), "brain_mask", "2.01 x 2.01 x 2.01 mm"),
    "a mask in 4-D": (mask(np.ones((*SHAPE, 2))), "brain_mask", "a 3-D NIfTI image"),
    "a mask cut short": (lambda files: cut(files.mask, 0.8), "brain_mask", ""),
    "short confounds": (lambda files: files.write_confounds([0.1] * 39), "confounds", "39 rows"),
    "long confounds": (lambda files: files.write_confounds([0.1] * 41), "confounds", "41 rows"),
    "confounds that are no numbers": (lambda files: files.write_confounds(["low"] * 40), "confounds", "'low'"),
}


@pytest.mark.parametrize("case", UNUSABLE)
def test_an_unusable_scan_stops(files: Files, case: str) -> None:
    change, where, text = UNUSABLE[case]
    change(files)
    with pytest.raises(UnusableScan) as told:
        files.run()
    assert where in told.value.where
    assert text in str(told.value)
    assert all(told.value.parts().values())
    assert "leave the scan out" in told.value.todo or "report of fMRIPrep" in told.value.todo
    assert left_behind(files) == []


@pytest.mark.parametrize("case", UNUSABLE)
def test_an_unusable_scan_is_recorded(files: Files, case: str) -> None:
    change, where, text = UNUSABLE[case]
    change(files)
    assert main(command(files, "--on-unusable", "record")) == 0
    assert [path.name for path in files.series.iterdir()] == [QC]
    record = quality(files)
    assert list(record) == ["n_volumes", "mean_fd", "max_fd", "voxel_size", "unusable"]
    assert [record[key] for key in ("n_volumes", "mean_fd", "max_fd", "voxel_size")] == [None] * 4
    assert list(record["unusable"]) == ["where", "must", "got", "todo"]
    assert where in record["unusable"]["where"]
    assert text in " ".join(record["unusable"].values())


def test_an_unusable_scan_is_exit_code_2_by_default(files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    stored(files, 3.5)
    assert main(command(files)) == 2
    told = capsys.readouterr().err
    assert f"must be: a complete image of {N_VOLUMES} volumes" in told
    assert "got:     in volume 4: " in told


def test_an_uncompressed_image_that_is_cut_short(files: Files) -> None:
    plain = files.bold.with_suffix("")
    content = gzip.decompress(files.bold.read_bytes())
    plain.write_bytes(content[: int(352 + 10.5 * np.prod(SHAPE) * 4)])
    words = [word if word != str(files.bold) else str(plain) for word in command(files, "--on-unusable", "record")]
    assert main(words) == 0
    assert "in volume 11: the file ends" in quality(files)["unusable"]["got"]


def test_a_failing_disk_is_no_property_of_the_scan(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="Input/output") as told, blamed(tmp_path, "an image", UnusableScan):
        raise OSError(5, "Input/output error")
    assert not isinstance(told.value, UserError)


def test_headers_may_differ_by_rounding(files: Files) -> None:
    rounded = BOLD.copy()
    rounded[:3] += 1e-5
    save(files.mask, np.ones(SHAPE), rounded, "uint8")
    save(files.folder / "labels.nii.gz", slabs(), rounded, "uint8")
    files.run()
    assert [line["n_voxels"] for line in files.result()[2]] == ["48", "48", "24"]


HEAVY = ("nilearn", "pandas", "sklearn", "matplotlib", "scipy.ndimage", "scipy.linalg", "scipy.sparse")


def test_the_module_imports_nothing_heavy() -> None:
    """The top of scipy, which nibabel looks for by itself, holds no code of weight."""
    code = (
        "import sys, nibabel; before = set(sys.modules); import connect.parcellate;"
        f"heavy = [name for name in {HEAVY!r} if name in sys.modules];"
        "new = [name for name in set(sys.modules) - before if name.startswith('scipy')];"
        "print(heavy + new)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_run_with_labels_and_spheres_loads_nothing_heavy(files: Files) -> None:
    save(files.folder / "labels.nii.gz", slabs(), affine(2.0, (-9, -12, -6)), "uint8")
    files.write_atlas("spheres", [row(1, "s", -4, -8, 0, 3)], name="balls")
    words = [*command(files), "--atlases", str(files.atlas()), str(files.atlas("balls"))]
    code = (
        f"import sys; from connect.cli import main; assert main({words!r}) == 0;"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert len(list(files.series.glob("*timeseries.tsv"))) == 2
