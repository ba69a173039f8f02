"""The denoise stage: a cohort's raw series in, stacked cleaned series out, with a row per scan whatever happens."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from connect.cli import main
from connect.denoise.clean import clean, fd_dvars
from connect.denoise.confounds import read_confounds
from connect.denoise.stack import QUALITY, ROWS
from connect.layout import coverage_name, qc_name, series_name
from connect.scans import Scan, read_scans, write_scans
from connect.settings.strategy import Strategy
from connect.tables import read_matrix, read_record, read_table, write_matrix, write_record, write_table

PARCELS = ("Vis_1", "Amy_L", "DMN_3", "Cont_2")
N_VOLUMES, TR = 90, 2.0
MOTION = ("trans_x", "trans_y", "trans_z", "rot_x", "rot_y", "rot_z")
MEASURED = {"mean_fd": 0.125, "max_fd": 1.5, "fd_above_02": 0.25, "fd_above_05": 0.0625}
MEASURED |= {"mean_dvars": 21.5, "max_std_dvars": 3.25, "tsnr": 62.5}


class Tree:
    """A cohort of four scans on disk, as index and parcellate leave it."""

    def __init__(self, root: Path) -> None:
        self.root, self.raw, self.derivatives = root, root / "raw", root / "fmriprep"
        self.scans = [self._scan(sub, ses) for sub in ("01", "02") for ses in ("pre", "post")]
        write_scans(root / "scans.tsv", self.scans)
        for seed, scan in enumerate(self.scans):
            self.add(scan, np.random.default_rng(seed))
        (root / "atlas-x.yaml").write_text("")
        self.strategy("motion: basic")

    def _scan(self, sub: str, ses: str) -> Scan:
        stem = f"sub-{sub}/ses-{ses}/func/sub-{sub}_ses-{ses}_task-rest_run-01"
        image = f"{stem}_space-MNI_desc-preproc_bold.nii.gz"
        table = f"{stem}_desc-confounds_timeseries.tsv"
        return Scan(
            *(f"sub-{sub}", f"ses-{ses}", "rest", "", "01", "MNI", "", TR, f"Maker {ses}", N_VOLUMES),
            *(image, "mask", table),
        )

    def add(self, scan: Scan, rng: np.random.Generator) -> None:
        folder = self.raw / scan.name
        write_matrix(folder / series_name(scan.name, "atlas-x"), 100 + rng.normal(size=(N_VOLUMES, 4)), PARCELS)
        self.coverage(scan, [1.0, 0.9, 0.4, 0.0])
        self.quality(scan)
        self.confounds(scan, pd.DataFrame(rng.normal(size=(N_VOLUMES, 6)), columns=list(MOTION)))

    def coverage(self, scan: Scan, shares: list[float]) -> None:
        frame = pd.DataFrame({"index": range(1, 5), "name": PARCELS, "coverage": shares, "n_voxels": 9, "tsnr": 60.0})
        write_table(self.raw / scan.name / coverage_name(scan.name, "atlas-x"), frame)

    def quality(self, scan: Scan, unusable: dict[str, str] | None = None) -> None:
        numbers: dict[str, Any] = {"n_volumes": N_VOLUMES, **MEASURED, "voxel_size": [3, 3, 3]}
        numbers = dict.fromkeys(numbers) if unusable else numbers
        write_record(self.raw / scan.name / qc_name(scan.name), {**numbers, "unusable": unusable})

    def confounds(self, scan: Scan, frame: pd.DataFrame, fd: Any = 0.1) -> Path:
        frame = frame.assign(framewise_displacement=fd, std_dvars=1.0, non_steady_state_outlier00=0)
        frame.loc[0, "non_steady_state_outlier00"] = 1
        write_table(self.derivatives / scan.confounds, frame)
        return self.derivatives / scan.confounds

    def series(self, scan: Scan) -> Path:
        return self.raw / scan.name / series_name(scan.name, "atlas-x")

    def strategy(self, text: str, name: str = "s") -> None:
        (self.root / f"{name}.yaml").write_text(f"title: {name}\n{text}\n")

    def run(self, out: str = "out", **other: Path) -> int:
        paths = {
            "scans": self.root / "scans.tsv",
            "raw": self.raw,
            "derivatives": self.derivatives,
            "atlas": self.root / "atlas-x.yaml",
            "strategy": self.root / "s.yaml",
            "series": self.root / out / "series.npy",
            "volumes": self.root / out / "volumes.tsv",
            "rows": self.root / out / "rows.tsv",
            "coverage": self.root / out / "coverage.tsv",
        }
        return main(["denoise", *(word for key, path in (paths | other).items() for word in (f"--{key}", str(path)))])

    def outputs(self, out: str = "out") -> tuple[np.ndarray, pd.DataFrame, pd.DataFrame]:
        folder = self.root / out
        return np.load(folder / "series.npy"), read_table(folder / "rows.tsv"), read_table(folder / "coverage.tsv")


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


def test_shapes_and_rows(tree: Tree) -> None:
    assert tree.run() == 0
    series, rows, coverage = tree.outputs()
    assert series.dtype == np.float32
    assert series.shape == (4 * 89, 4)
    assert tuple(rows.columns) == ROWS
    assert rows["scan"].tolist() == [scan.name for scan in read_scans(tree.root / "scans.tsv")]
    assert rows["start"].tolist() == [0, 89, 178, 267]
    assert rows["stop"].tolist() == [89, 178, 267, 356]
    assert (rows[["n_volumes", "n_kept", "n_confounds"]] == [90, 89, 6]).all(axis=None)
    assert rows["minutes"].to_numpy() == pytest.approx(89 * TR / 60)
    assert rows["tdof"].between(15, 0.45 * 89 - 6).all()
    assert tuple(MEASURED) == QUALITY
    assert (rows[list(QUALITY)] == list(MEASURED.values())).all(axis=None)
    assert rows["coverage"].to_numpy() == pytest.approx((1.0 + 0.9 + 0.4 + 0.0) / 4)
    assert (rows["tr"] == TR).all()
    assert rows["scanner"].tolist() == ["Maker pre", "Maker post"] * 2
    assert rows["unusable"].isna().all()
    assert rows["run"].tolist() == ["01"] * 4
    assert tuple(coverage.columns) == PARCELS
    np.testing.assert_allclose(coverage, [[1.0, 0.9, 0.4, 0.0]] * 4)


def test_each_scan_is_cleaned_by_itself(tree: Tree) -> None:
    tree.run()
    series, rows, _ = tree.outputs()
    settings = Strategy("s", motion="basic")
    for scan, start, stop in zip(tree.scans, rows["start"], rows["stop"], strict=True):
        found = read_confounds(tree.derivatives / scan.confounds, settings)
        alone = clean(read_matrix(tree.series(scan)), found.matrix, found.kept, TR, settings)
        np.testing.assert_array_equal(series[start:stop], alone.series.astype(np.float32))


def test_the_order_is_that_of_the_table(tree: Tree) -> None:
    tree.run("first")
    write_scans(tree.root / "scans.tsv", tree.scans[::-1])
    tree.run("second")
    (first, _, _), (second, rows, _) = tree.outputs("first"), tree.outputs("second")
    assert rows["scan"].tolist() == [scan.name for scan in tree.scans[::-1]]
    np.testing.assert_array_equal(first[:89], second[-89:])


def test_a_second_run_gives_the_same_bytes(tree: Tree) -> None:
    tree.run("first")
    tree.run("second")
    names = ["coverage.tsv", "rows.tsv", "series.npy", "volumes.tsv"]
    for name in names:
        assert (tree.root / "first" / name).read_bytes() == (tree.root / "second" / name).read_bytes()
    assert sorted(path.name for path in (tree.root / "first").iterdir()) == names


def test_an_unusable_scan_keeps_its_row(tree: Tree) -> None:
    tree.quality(tree.scans[1], {"where": "mask.nii.gz", "must": "a voxel", "got": "an empty mask", "todo": "look"})
    for path in (tree.series(tree.scans[1]), tree.derivatives / tree.scans[1].confounds):
        path.unlink()
    assert tree.run() == 0
    series, rows, coverage = tree.outputs()
    assert len(series) == 3 * 89
    assert rows["start"].tolist() == [0, 89, 89, 178]
    assert rows["stop"].tolist() == [89, 89, 178, 267]
    assert rows["unusable"].tolist()[1] == "unusable: mask.nii.gz: an empty mask (must be a voxel): look"
    assert rows["session_id"].tolist()[1] == "ses-post"
    numbers = ["n_volumes", "n_kept", "minutes", "tdof", "n_confounds", *QUALITY, "coverage", "fd_dvars"]
    assert rows.loc[1, numbers].isna().all()
    assert rows.loc[1, ["tr", "scanner"]].tolist() == [TR, "Maker post"]
    assert coverage.loc[1].isna().all()
    assert "\tn/a\t" in (tree.root / "out" / "rows.tsv").read_text()
    assert rows["unusable"].notna().sum() == 1


def test_an_image_of_another_length_than_the_scans_table_says_is_a_result(tree: Tree) -> None:
    scan = tree.scans[2]
    path = tree.raw / scan.name / qc_name(scan.name)
    write_record(path, {**read_record(path), "n_volumes": 80})
    assert tree.run() == 0
    _, rows, coverage = tree.outputs()
    told = f"unusable: {scan.bold}: 80 volumes (must be 90 volumes, as the scans table says): check that the image is "
    assert rows["unusable"][2] == told + "whole, and index the folder again"
    assert rows["n_volumes"].tolist() == [90, 90, 80, 90]
    assert rows["start"][2] == rows["stop"][2]
    assert coverage.loc[2].isna().all()


def test_motion_left_is_that_of_the_cleaned_series(tree: Tree) -> None:
    """One scan moves with its FD, one has no FD that varies; the first row of a table has no FD."""
    rng = np.random.default_rng(8)
    fd = np.r_[np.nan, rng.exponential(0.2, N_VOLUMES - 1)]
    jumps = np.cumsum(fd[1:, None] * rng.choice([-1, 1], size=(N_VOLUMES - 1, 1)), axis=0)
    moved = np.r_[np.zeros((1, 1)), jumps] * [[5, -3, 4, 2]] + rng.normal(size=(N_VOLUMES, 4)) * 0.1
    write_matrix(tree.series(tree.scans[0]), moved, PARCELS)
    frame = pd.DataFrame(rng.normal(size=(N_VOLUMES, 6)), columns=list(MOTION))
    tree.confounds(tree.scans[0], frame, fd=fd)
    tree.strategy("motion: basic\nhigh_pass: null\nlow_pass: null\nscrub: {fd: 0.6, min_segment: 0}")
    assert tree.run() == 0
    _, rows, _ = tree.outputs()
    series, start, stop = np.load(tree.root / "out" / "series.npy"), rows["start"][0], rows["stop"][0]
    kept = ~(fd > 0.6) & (np.arange(N_VOLUMES) > 0)
    pairs = [n for n in range(1, N_VOLUMES) if kept[n] and kept[n - 1]]
    place = np.cumsum(kept) - 1
    change = [np.sqrt(np.mean((series[start:stop][place[n]] - series[start:stop][place[n - 1]]) ** 2)) for n in pairs]
    assert rows["fd_dvars"][0] == pytest.approx(np.corrcoef(fd[pairs], change)[0, 1], abs=1e-6)
    assert rows["fd_dvars"][0] > 0.5
    assert rows["fd_dvars"][1:].isna().all()


def test_rows_of_the_series_say_which_volumes_they_are(tree: Tree) -> None:
    """Censored are 20 and 60; 61 and 62 are a short run between 60 and 63, and volume 0 is not steady."""
    fd = np.full(N_VOLUMES, 0.1)
    fd[[20, 60, 63]] = 0.9
    rng = np.random.default_rng(8)
    for scan in tree.scans[:2]:
        tree.confounds(scan, pd.DataFrame(rng.normal(size=(N_VOLUMES, 6)), columns=list(MOTION)), fd=fd)
    tree.quality(tree.scans[1], {"where": "mask.nii.gz", "must": "a voxel", "got": "an empty mask", "todo": "look"})
    tree.strategy("motion: basic\nhigh_pass: null\nlow_pass: null\nscrub: {fd: 0.5, min_segment: 3}")
    assert tree.run() == 0
    series, rows, _ = tree.outputs()
    volumes = read_table(tree.root / "out" / "volumes.tsv")["volume"].to_numpy()
    assert len(volumes) == len(series)
    kept = [volumes[start:stop].tolist() for start, stop in rows[["start", "stop"]].to_numpy()]
    assert kept[0] == [n for n in range(1, N_VOLUMES) if n not in (20, 60, 61, 62, 63)]
    assert kept[1] == []
    assert kept[2] == kept[3] == list(range(1, N_VOLUMES))
    assert (tree.root / "out" / "volumes.tsv").read_text().startswith("volume\n1\n2\n")


@pytest.mark.parametrize("n_kept", [10, 11])
def test_motion_left_needs_ten_pairs(n_kept: int) -> None:
    rng = np.random.default_rng(0)
    kept, fd = np.arange(40) < n_kept, rng.uniform(size=40)
    assert np.isnan(fd_dvars(rng.normal(size=(n_kept, 3)), kept, fd)) == (n_kept == 10)


def test_motion_left_where_nothing_varies() -> None:
    rng = np.random.default_rng(0)
    series, kept, fd = rng.normal(size=(40, 3)), np.ones(40, dtype=bool), rng.uniform(size=40)
    stairs = np.arange(40.0)[:, None] * [1.0, 2.0]
    assert np.isfinite(fd_dvars(series, kept, fd))
    assert np.isnan(fd_dvars(series, kept, np.full(40, np.nan)))
    assert np.isnan(fd_dvars(series, kept, np.full(40, 0.1)))
    assert np.isnan(fd_dvars(stairs, kept, fd))
    assert np.isnan(fd_dvars(np.full((40, 3), np.nan), kept, fd))
    assert fd_dvars(series * [1, 5, 100] + 7, kept, fd) == pytest.approx(fd_dvars(series, kept, fd))


def test_everything_that_is_dropped_enters_the_degrees_left(tree: Tree) -> None:
    """Dummy scans 0 to 3; 30, 60 and 66 with one volume before and two after; 63 and 64, a short run."""
    tree.strategy("motion: basic\ndummy_scans: 4\nscrub: {fd: 0.5, before: 1, after: 2, min_segment: 3}")
    fd = np.full(N_VOLUMES, 0.1)
    fd[[30, 60, 66]] = 0.9
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(N_VOLUMES, 6)), columns=list(MOTION))
    tree.confounds(tree.scans[0], frame, fd=fd)
    assert tree.run() == 0
    rows = tree.outputs()[1]
    assert rows["n_kept"].tolist() == [90 - 4 - 4 - 4 - 2 - 4, 86, 86, 86]
    assert 10 < rows["tdof"][0] < 0.85 * rows["tdof"][1]
    assert rows["minutes"].to_numpy() == pytest.approx(rows["n_kept"].to_numpy() * TR / 60)


def test_a_scan_with_a_gap_in_its_confounds_is_a_result(tree: Tree) -> None:
    tree.strategy("motion: basic")
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(N_VOLUMES, 6)), columns=list(MOTION))
    frame.loc[40, "rot_x"] = np.nan
    tree.confounds(tree.scans[1], frame)
    assert tree.run() == 0
    rows = tree.outputs()[1]
    assert rows["unusable"].notna().tolist() == [False, True, False, False]
    assert "missing values in rot_x" in rows["unusable"][1]


def test_a_scan_with_a_broken_confounds_table_is_a_result(tree: Tree) -> None:
    """Too short, and of no byte at all."""
    first, second = (tree.derivatives / scan.confounds for scan in tree.scans[1:3])
    write_table(first, read_table(first).head(80))
    second.write_bytes(b"")
    assert tree.run() == 0
    rows = tree.outputs()[1]
    assert rows["unusable"].notna().tolist() == [False, True, True, False]
    assert "80 rows (must be as many rows as the image has volumes (90))" in rows["unusable"][1]
    assert "an empty file (must be a confounds table)" in rows["unusable"][2]


def test_a_scan_with_too_few_volumes_left_is_a_result(tree: Tree) -> None:
    tree.strategy("motion: basic\nscrub: {fd: 0.5, min_segment: 0}")
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(N_VOLUMES, 6)), columns=list(MOTION))
    tree.confounds(tree.scans[0], frame, fd=np.where(np.arange(N_VOLUMES) < 21, 0.1, 0.9))
    tree.confounds(tree.scans[2], frame, fd=0.9)
    assert tree.run() == 0
    _, rows, coverage = tree.outputs()
    assert rows["unusable"].notna().tolist() == [True, False, True, False]
    assert "20 (must be more than 33, by which the filter extends" in rows["unusable"][0]
    must = "(must be more than the 8 regressors, counting mean and trend)"
    todo = "censor less or regress fewer confounds out"
    assert rows["unusable"][2] == f"unusable: kept volumes: 0 of 90 {must}: {todo}"
    assert (rows["start"] == rows["stop"]).tolist() == [True, False, True, False]
    assert rows["n_kept"].tolist() == [20, 89, 0, 89]
    assert rows["mean_fd"].notna().all()
    assert rows["tdof"].isna().tolist() == [True, False, True, False]
    assert coverage.isna().all(axis=1).tolist() == [True, False, True, False]


def test_a_missing_and_a_constant_parcel(tree: Tree) -> None:
    """A missing one keeps its coverage of 0; one that is covered but has no signal has no known coverage."""
    path = tree.series(tree.scans[3])
    values = read_matrix(path)
    values[:, 1], values[:, 3] = 55.5, np.nan
    write_matrix(path, values, PARCELS)
    assert tree.run() == 0
    series, rows, coverage = tree.outputs()
    last = series[rows["start"][3] :]
    assert np.isnan(last).all(axis=0).tolist() == [False, True, False, True]
    assert np.isfinite(series[: rows["start"][3]]).all()
    assert coverage.loc[3].isna().tolist() == [False, True, False, False]
    assert coverage.loc[3, "Cont_2"] == 0


def test_scans_without_session_or_run(tree: Tree) -> None:
    table = "sub-03/func/sub-03_task-rest_desc-confounds_regressors.tsv"
    scan = Scan("sub-03", "", "rest", "", "", "MNI", "", TR, "", N_VOLUMES, "bold", "mask", table)
    tree.add(scan, np.random.default_rng(5))
    write_scans(tree.root / "scans.tsv", [*tree.scans, scan])
    assert tree.run() == 0
    assert tree.outputs()[1].loc[4, ["session_id", "run", "scanner"]].isna().all()


def test_no_denoising_leaves_the_signal(tree: Tree) -> None:
    tree.strategy("detrend: false\nhigh_pass: null\nlow_pass: null\nstandardize: false")
    assert tree.run() == 0
    series, rows, _ = tree.outputs()
    np.testing.assert_array_equal(series[:89], read_matrix(tree.series(tree.scans[0]))[1:].astype(np.float32))
    assert (rows["tdof"] == 88).all()
    assert (rows["n_confounds"] == 0).all()


def drop_series(tree: Tree) -> None:
    tree.series(tree.scans[2]).unlink()


def drop_quality(tree: Tree) -> None:
    (tree.raw / tree.scans[2].name / qc_name(tree.scans[2].name)).unlink()


def drop_a_number(tree: Tree) -> None:
    path = tree.raw / tree.scans[2].name / qc_name(tree.scans[2].name)
    write_record(path, {key: value for key, value in read_record(path).items() if key != "tsnr"})


def drop_coverage(tree: Tree) -> None:
    (tree.raw / tree.scans[2].name / coverage_name(tree.scans[2].name, "atlas-x")).unlink()


def shorten_coverage(tree: Tree) -> None:
    path = tree.raw / tree.scans[2].name / coverage_name(tree.scans[2].name, "atlas-x")
    write_table(path, read_table(path).head(3))


def rename_a_parcel(tree: Tree) -> None:
    path = tree.series(tree.scans[2])
    write_matrix(path, read_matrix(path), ("Vis_1", "Amy_R", "DMN_3", "Cont_2"))


def drop_confounds(tree: Tree) -> None:
    (tree.derivatives / tree.scans[2].confounds).unlink()


def drop_a_confound(tree: Tree) -> None:
    path = tree.derivatives / tree.scans[2].confounds
    write_table(path, read_table(path).drop(columns="rot_y"))


def ask_for_compcor(tree: Tree) -> None:
    tree.strategy("compcor: anat_combined\ncosines: true\nhigh_pass: null")


def filter_too_fast(tree: Tree) -> None:
    tree.strategy("low_pass: 0.3")


def spoil_a_reason(tree: Tree) -> None:
    tree.quality(tree.scans[2], {"where": "mask", "why": "empty"})


def stop_the_filter(tree: Tree) -> None:
    tree.strategy("low_pass: 0")


def filter_too_slow(tree: Tree) -> None:
    tree.strategy("high_pass: null\nlow_pass: 1.0e-12")


def censor_without_end(tree: Tree) -> None:
    tree.strategy("scrub: {fd: .inf}")


def regress_all(tree: Tree) -> None:
    tree.strategy("motion: basic\ndummy_scans: 85")


def spoil_one_and_regress_all(tree: Tree) -> None:
    tree.quality(tree.scans[0], {"where": "mask", "must": "a voxel", "got": "an empty mask", "todo": "look"})
    regress_all(tree)


def misspell(tree: Tree) -> None:
    tree.strategy("motoin: basic")


def spoil_all(tree: Tree) -> None:
    for scan in tree.scans:
        tree.quality(scan, {"where": "mask", "must": "a voxel", "got": "an empty mask", "todo": "look"})


SCAN = "scan sub-02_ses-pre_task-rest_run-01_space-MNI, strategy s: "


@pytest.mark.parametrize(
    ("spoil", "where", "words"),
    [
        (drop_series, SCAN, "atlas-x"),
        (drop_quality, SCAN, "a JSON file"),
        (drop_a_number, SCAN, "no tsnr"),
        (drop_coverage, SCAN, "a table"),
        (shorten_coverage, SCAN, "3 rows"),
        (rename_a_parcel, "sub-02_ses-pre", "the parcels of sub-01_ses-pre"),
        (drop_confounds, SCAN, "desc-confounds"),
        (drop_a_confound, SCAN, "no motion `basic` (rot_y)"),
        (spoil_a_reason, SCAN, '{"where": "mask", "why": "empty"}'),
        (stop_the_filter, "s.yaml: key low_pass", "above 0 Hz"),
        (filter_too_slow, "key low_pass", "a filter that can be computed"),
        (censor_without_end, "key scrub.fd", "a finite number"),
        (regress_all, "strategy s", "leave the strategy out"),
        (regress_all, "strategy s", "all 4 unusable; the first is unusable: kept volumes: 5 of 90"),
        (spoil_one_and_regress_all, "strategy s", "the first is unusable: kept volumes: 5 of 90"),
        (ask_for_compcor, "scan sub-01_ses-pre", "no cosines (cosine00, ...); no compcor `anat_combined`"),
        (filter_too_fast, "scan sub-01_ses-pre", "the Nyquist frequency of a repetition time of 2 s"),
        (misspell, "s.yaml", "did you mean `motion`?"),
        (spoil_all, "scans table", "all 4 unusable; the first is unusable: mask: an empty mask"),
    ],
)
def test_mistakes(
    tree: Tree, capsys: pytest.CaptureFixture[str], spoil: Callable[[Tree], None], where: str, words: str
) -> None:
    spoil(tree)
    assert tree.run() == 2
    told = capsys.readouterr().err
    lines = told.splitlines()
    assert [line.partition(":")[0] for line in lines[1:]] == ["where", "must be", "got", "to do"]
    assert all(line.partition(":")[2].strip() for line in lines[1:])
    assert where in lines[1]
    assert words in told
    assert not list((tree.root / "out").glob("*"))


def test_nothing_is_said_when_all_is_well(tree: Tree, capfd: pytest.CaptureFixture[str]) -> None:
    tree.strategy("high_pass: null\nlow_pass: null")
    assert tree.run() == 0
    assert capfd.readouterr() == ("", "")


def test_the_sidecar_of_compcor_is_used(tree: Tree) -> None:
    ask_for_compcor(tree)
    for seed, scan in enumerate(tree.scans):
        rng = np.random.default_rng(seed)
        names = [*MOTION, "cosine00", "a_comp_cor_00", "a_comp_cor_01"]
        path = tree.confounds(scan, pd.DataFrame(rng.normal(size=(N_VOLUMES, 9)), columns=names))
        masks = {"a_comp_cor_00": {"Mask": "WM"}, "a_comp_cor_01": {"Mask": "combined"}}
        path.with_suffix(".json").write_text(json.dumps(masks))
    assert tree.run() == 0
    assert (tree.outputs()[1]["n_confounds"] == 2).all()


def test_the_stage_starts_without_heavy_packages(tree: Tree) -> None:
    """It runs once per cohort, atlas and strategy: nilearn and scikit-learn would cost more than cleaning ten scans."""
    tree.strategy("motion: basic\nscrub: {fd: 0.5}")
    words = ["denoise"]
    for key, name in {"scans": "scans.tsv", "raw": "raw", "derivatives": "fmriprep", "atlas": "atlas-x.yaml"}.items():
        words += [f"--{key}", str(tree.root / name)]
    for key, name in {
        "strategy": "s.yaml",
        "series": "o.npy",
        "volumes": "v.tsv",
        "rows": "o.tsv",
        "coverage": "c.tsv",
    }.items():
        words += [f"--{key}", str(tree.root / name)]
    heavy = ("nilearn", "sklearn", "matplotlib", "nibabel")
    code = f"import sys; from connect.cli import main; done = main({words!r})"
    code += f"; print(done, *[name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["0"]
    assert (tree.root / "o.npy").is_file()
