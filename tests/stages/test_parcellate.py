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
from connect.errors import UserError
from connect.parcellate import QUALITY, images, reduction
from connect.tables import read_matrix
from tests.scanfiles import BOLD, N_VOLUMES, SCAN, SHAPE, Files, affine, cut, row, save, slabs, small_scan

QC = f"{SCAN}_desc-qc_bold.json"


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """Return a scan of 40 volumes and an atlas of three labels in slabs, all of them in the mask."""
    return small_scan(tmp_path)


def test_the_files_of_a_scan(files: Files) -> None:
    assert main(files.command()) == 0
    stem = f"{SCAN}_atlas-atlas_stat"
    assert sorted(path.name for path in files.series.iterdir()) == sorted(
        [
            *(f"{stem}-mean_timeseries.tsv", f"{stem}-mean_timeseries.json", f"{stem}-coverage_bold.tsv"),
            *(QC, f"{SCAN}_desc-qc_timeseries.tsv", f"{SCAN}_desc-carpet_bold.tsv"),
        ]
    )
    names, series, coverage = files.result()
    assert names == ["left", "middle", "right"]
    assert series.shape == (N_VOLUMES, 3)
    values = nib.load(files.bold).get_fdata()
    np.testing.assert_allclose(series[:, 1], values[2:4].mean(axis=(0, 1, 2)), rtol=1e-12)
    tsnr = values.mean(axis=-1) / values.std(axis=-1, ddof=1)
    assert [list(line.values())[:-1] for line in coverage] == [
        ["1", "left", "1.0", "48"],
        ["2", "middle", "1.0", "48"],
        ["7", "right", "1.0", "24"],
    ]
    assert list(coverage[0]) == ["index", "name", "coverage", "n_voxels", "tsnr"]
    found = [float(line["tsnr"]) for line in coverage]
    np.testing.assert_allclose(found, [tsnr[:2].mean(), tsnr[2:4].mean(), tsnr[4].mean()], rtol=1e-4)
    sidecar = json.loads((files.series / f"{stem}-mean_timeseries.json").read_text(encoding="utf-8"))
    assert sidecar["Sources"] == [files.bold.name]
    assert sidecar["Atlas"] == "atlas"
    assert sidecar["Method"].startswith("mean over the voxels of the label")


def test_the_quality_record(files: Files) -> None:
    files.run()
    record = files.quality()
    values = nib.load(files.bold).get_fdata()
    change = np.diff(values, axis=-1)
    dvars = np.sqrt((change**2).mean(axis=(0, 1, 2)))
    assert record == {
        "n_volumes": N_VOLUMES,
        "mean_fd": pytest.approx((0.3 + 38 * 0.1) / 39),
        "max_fd": 0.3,
        "fd_above_02": pytest.approx(1 / 39),
        "fd_above_05": 0.0,
        "mean_dvars": pytest.approx(dvars.mean(), rel=1e-4),
        "max_std_dvars": pytest.approx(dvars.max() / np.sqrt((change**2).mean(axis=-1)).mean(), rel=1e-4),
        "tsnr": pytest.approx(np.median(values.mean(axis=-1) / values.std(axis=-1, ddof=1)), rel=1e-4),
        "voxel_size": [2.0, 2.0, 2.0],
        "unusable": None,
    }
    assert list(record) == [*QUALITY, "unusable"]


def test_quality_volume_by_volume(files: Files) -> None:
    files.run()
    path = files.series / f"{SCAN}_desc-qc_timeseries.tsv"
    assert path.read_text(encoding="utf-8").splitlines()[:2] == [
        "framewise_displacement\tdvars\tstd_dvars",
        "n/a\tn/a\tn/a",
    ]
    found = read_matrix(path)
    assert found.shape == (N_VOLUMES, 3)
    assert np.isfinite(found[1:]).all()
    np.testing.assert_array_equal(found[1:, 0], [0.3, *([0.1] * 38)])
    assert found[1:, 1].mean() == pytest.approx(files.quality()["mean_dvars"], rel=1e-12)
    assert found[1:, 2].max() == pytest.approx(files.quality()["max_std_dvars"], rel=1e-12)


def test_the_carpet(files: Files) -> None:
    """All 120 voxels of so small a brain are in it, each once."""
    files.run()
    values = nib.load(files.bold).get_fdata().reshape(-1, N_VOLUMES).T
    expected = (values - values.mean(axis=0)) / values.std(axis=0)
    found = read_matrix(files.series / f"{SCAN}_desc-carpet_bold.tsv")
    place = np.argmax(expected.T @ found, axis=0)
    assert sorted(place) == list(range(120))
    np.testing.assert_allclose(found, expected[:, place], atol=0.00501)


def test_motion_that_is_missing_throughout_is_null(files: Files) -> None:
    files.write_confounds(["n/a"] * N_VOLUMES)
    files.run()
    record = files.quality()
    assert [record[key] for key in QUALITY if "fd" in key] == [None] * 4
    assert all(record[key] is not None for key in QUALITY if "fd" not in key)


def test_a_run_of_one_volume(files: Files) -> None:
    values = nib.load(files.bold).get_fdata()[..., :1]
    save(files.bold, values, BOLD)
    files.write_confounds(["n/a"])
    files.run()
    _, series, coverage = files.result()
    np.testing.assert_allclose(series, [[values[:2].mean(), values[2:4].mean(), values[4].mean()]], rtol=1e-12)
    assert [line["tsnr"] for line in coverage] == ["n/a"] * 3
    record = files.quality()
    assert record["n_volumes"] == 1
    assert [record[key] for key in QUALITY[1:-1]] == [None] * 7


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
    values = nib.load(files.bold).get_fdata()
    expected = np.column_stack([values[1].mean(axis=(0, 1)), values[4].mean(axis=(0, 1))])
    np.testing.assert_allclose(series[:, [0, 3]], expected, rtol=1e-12)
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
    values[0, 1, 0, 0] = np.inf
    save(files.bold, values, BOLD)
    files.run()
    assert len(passes) == 1
    assert float(files.result()[2][0]["coverage"]) == pytest.approx(46 / 48)
    values[0, 0, 1, 30] = np.nan
    save(files.bold, values, BOLD)
    files.run()
    assert len(passes) == 3
    _, series, coverage = files.result()
    assert float(coverage[0]["coverage"]) == pytest.approx(45 / 48)
    left = values[:2].reshape(-1, N_VOLUMES)
    expected = left[np.isfinite(left).all(axis=1)].mean(axis=0)
    np.testing.assert_allclose(series[:, 0], expected, rtol=1e-6)


def count_passes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    passes: list[int] = []
    read = images.Run.volumes

    def counted(self: images.Run) -> object:
        passes.append(1)
        return read(self)

    monkeypatch.setattr(images.Run, "volumes", counted)
    return passes


@pytest.mark.parametrize("size", [1, 7, N_VOLUMES, 64])
def test_the_size_of_the_blocks_does_not_show(files: Files, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    files.run()
    (files.series / "old.txt").write_text("", encoding="utf-8")
    before, record = files.result(), files.quality()
    series = next(files.series.glob("*mean_timeseries.tsv")).read_bytes()
    monkeypatch.setattr(reduction, "BLOCK", size)
    files.run()
    assert next(files.series.glob("*mean_timeseries.tsv")).read_bytes() == series
    after = files.result()
    for old, new in zip(before[2], after[2], strict=True):
        assert new == old | {"tsnr": new["tsnr"]}
        assert float(new["tsnr"]) == pytest.approx(float(old["tsnr"]), rel=1e-5)
    after_record = files.quality()
    assert after_record.pop("voxel_size") == record.pop("voxel_size")
    assert after_record.pop("unusable") is record.pop("unusable") is None
    assert after_record == pytest.approx(record, rel=1e-5)
    assert not (files.series / "old.txt").exists()


def test_an_uncompressed_image_gives_the_same(files: Files) -> None:
    files.run()
    _, series, _ = files.result()
    plain = files.bold.with_suffix("")
    plain.write_bytes(gzip.decompress(files.bold.read_bytes()))
    words = [word if word != str(files.bold) else str(plain) for word in files.command()]
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
    "smoothed maps": (
        lambda files: files.write_atlas("maps", [row(1, "m1")], "labels.nii.gz", smoothing=6),
        "key smoothing",
        "6 mm, kind `maps`",
    ),
    "smoothing by nothing": (
        lambda files: files.write_atlas("labels", [row(1, "left")], "labels.nii.gz", smoothing=0),
        "key smoothing",
        "0 mm, kind `labels`",
    ),
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
    "no spaces": (rewrite("atlas.yaml", "spaces: .*", "spaces: []"), "key spaces", "at least one BIDS name of a space"),
    "an endless cell": (rewrite("atlas.tsv", "right", "r" * 140_000), "atlas.tsv", "131072"),
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
    assert main(files.command("--on-unusable", mode)) == 2
    told = capsys.readouterr().err
    head, *parts = told.splitlines()
    assert head == "connect parcellate: wrong input"
    assert [part.partition(":")[0] for part in parts] == ["where", "must be", "got", "to do"]
    assert all(part.partition(":")[2].strip() for part in parts)
    assert where in parts[0]
    assert text in told
    assert files.left_behind() == []


@pytest.mark.parametrize("below", ["", "cache", "a/cache"])
def test_a_cache_that_is_a_file(files: Files, capsys: pytest.CaptureFixture[str], below: str) -> None:
    files.write_atlas("labels", [row(1, "a"), row(2, "b"), row(7, "c")], "labels.nii.gz", smoothing=4)
    (files.folder / "taken").write_text("text", encoding="utf-8")
    cache = files.folder / "taken" / below
    assert main(files.command("--cache", str(cache), "--on-unusable", "record")) == 2
    told = capsys.readouterr().err
    assert f"where:   {cache}\nmust be: a folder\n" in told
    assert files.left_behind() == []


@pytest.mark.parametrize("part", ["out", f"out/{SCAN}"])
def test_an_output_that_is_a_file(files: Files, capsys: pytest.CaptureFixture[str], part: str) -> None:
    taken = files.folder / part
    taken.parent.mkdir(exist_ok=True)
    taken.write_text("text", encoding="utf-8")
    assert main(files.command("--on-unusable", "record")) == 2
    assert f"where:   {taken}\nmust be: a folder\n" in capsys.readouterr().err
    assert taken.read_text(encoding="utf-8") == "text"
    assert [path for path in files.left_behind() if path != taken] == []


def test_a_mark_of_unsteadiness_that_is_missing_counts_as_steady(files: Files) -> None:
    files.run()
    expected = files.quality()
    files.write_confounds(["n/a", 0.3, *([0.1] * (N_VOLUMES - 2))], n_unsteady=2)
    text = files.confounds.read_text(encoding="utf-8")
    files.confounds.write_text(re.sub("\t[01]\t[01]\n", "\tn/a\t\n", text), encoding="utf-8")
    files.run()
    assert files.quality() == expected


def test_every_value_of_a_mask_but_0_is_brain(files: Files) -> None:
    mask = np.random.default_rng(2).uniform(0.01, 1, SHAPE)
    mask[0], mask[1] = 0, np.nan
    save(files.mask, mask, BOLD)
    files.run()
    assert [line["coverage"] for line in files.result()[2]] == ["0.0", "1.0", "1.0"]


def test_a_scan_without_a_space(files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    plain = files.bold.rename(files.folder / "sub-01_task-rest_desc-preproc_bold.nii.gz")
    words = [word if word != str(files.bold) else str(plain) for word in files.command()]
    assert main(words) == 2
    assert "a scan without `space-` in its file name" in capsys.readouterr().err


def test_two_atlases_with_one_label(files: Files) -> None:
    files.write_atlas("spheres", [row(1, "s", 0, 0, 0, 3)], name="at-las")
    with pytest.raises(UserError, match="differ in letters and digits"):
        files.run("atlas", "at-las")


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
    words = [*files.command(), "--atlases", str(files.atlas()), str(files.atlas("balls"))]
    code = (
        f"import sys; from connect.cli import main; assert main({words!r}) == 0;"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert len(list(files.series.glob("*mean_timeseries.tsv"))) == 2
