"""The stage `estimate` on small files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from connect.cli import main
from connect.estimate import connect
from connect.settings.measure import Measure
from connect.tables import read_array, read_table

PARCELS = ["L a", "R a", "1", "007", "b:c", "z"]
FIRST, SECOND = np.triu_indices(len(PARCELS), 1)


class Study:
    """Inputs of the stage in a folder: four scans of which the second is not kept."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lengths = [40, 0, 50, 45]
        stops = np.cumsum(self.lengths)
        self.series = np.random.default_rng(0).normal(size=(stops[-1], len(PARCELS))).astype(np.float32)
        self.kept = pd.DataFrame(
            {
                "participant_id": ["sub-01", "sub-01", "sub-02", "sub-02"],
                "session_id": ["ses-pre", "ses-post", "ses-pre", "ses-post"],
                "run": ["01", "n/a", "01", "01"],
                "scan": ["one", "two", "three", "four"],
                "start": stops - self.lengths,
                "stop": stops,
                "mean_fd": [0.1, 0.9, 0.2, 0.15],
                "unusable": "n/a",
                "kept": ["yes", "no", "yes", "yes"],
                "reason": ["n/a", "moved", "n/a", "n/a"],
            }
        )
        self.lost = pd.DataFrame({"scan": [], "parcel": [], "coverage": []})
        self.measure = "title: t\nkind: correlation\n"

    def run(self) -> int:
        np.save(self.folder / "series.npy", self.series)
        self.kept.to_csv(self.folder / "kept.tsv", sep="\t", index=False)
        self.lost.to_csv(self.folder / "lost.tsv", sep="\t", index=False)
        pd.DataFrame([[1.0] * len(PARCELS)], columns=PARCELS).to_csv(
            self.folder / "coverage.tsv", sep="\t", index=False
        )
        (self.folder / "measure.yaml").write_text(self.measure)
        files = {"series": "npy", "kept": "tsv", "lost": "tsv", "coverage": "tsv", "measure": "yaml"}
        files |= {"connectomes": "npy", "scans": "tsv", "edges": "tsv"}
        words = [word for name, end in files.items() for word in (f"--{name}", str(self.folder / f"{name}.{end}"))]
        return main(["estimate", *words])

    def scan(self, row: int) -> np.ndarray:
        start, stop = self.kept.loc[row, ["start", "stop"]]
        return self.series[start:stop].astype(float)


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return Study(tmp_path)


def test_each_kept_scan_becomes_a_row(study: Study) -> None:
    assert study.run() == 0
    found = read_array(study.folder / "connectomes.npy")
    assert found.dtype == np.float32
    for row, scan in zip(found, (0, 2, 3), strict=True):
        np.testing.assert_allclose(row, np.arctanh(np.corrcoef(study.scan(scan).T)[FIRST, SECOND]), rtol=1e-5)


def test_rows_and_columns_are_named(study: Study) -> None:
    assert study.run() == 0
    scans = read_table(study.folder / "scans.tsv")
    assert list(scans["scan"]) == ["one", "three", "four"]
    assert list(scans["run"]) == ["01", "01", "01"]
    assert not {"start", "stop", "kept", "reason", "unusable"} & set(scans.columns)
    edges = pd.read_csv(study.folder / "edges.tsv", sep="\t", dtype=str)
    assert list(edges["a"]) == [PARCELS[n] for n in FIRST]
    assert list(edges["b"]) == [PARCELS[n] for n in SECOND]
    assert list(edges["edge"]) == [str(n) for n in range(len(FIRST))]


@pytest.mark.parametrize("parcel", PARCELS)
def test_a_lost_parcel_is_missing_in_its_scan_only_whatever_its_name(study: Study, parcel: str) -> None:
    study.lost = pd.DataFrame({"scan": ["three"], "parcel": [parcel], "coverage": [0.2]})
    assert study.run() == 0
    found = read_array(study.folder / "connectomes.npy")
    touched = np.array([parcel in (PARCELS[a], PARCELS[b]) for a, b in zip(FIRST, SECOND, strict=True)])
    np.testing.assert_array_equal(np.isnan(found), (np.arange(3) == 1)[:, None] & touched)
    expected = np.arctanh(np.corrcoef(study.scan(2).T)[FIRST, SECOND])
    np.testing.assert_allclose(found[1, ~touched], expected[~touched], rtol=1e-5)


def test_a_scan_whose_name_looks_like_a_number_is_found(study: Study) -> None:
    study.kept["scan"] = ["001", "002", "003", "004"]
    study.lost = pd.DataFrame({"scan": ["003"], "parcel": ["z"], "coverage": [0.2]})
    assert study.run() == 0
    assert np.isnan(read_array(study.folder / "connectomes.npy")).any(axis=1).tolist() == [False, True, False]


def test_a_parcel_without_variance_is_missing(study: Study) -> None:
    study.series[40:90, 4] = 0.1
    assert study.run() == 0
    missing = np.isnan(read_array(study.folder / "connectomes.npy"))
    np.testing.assert_array_equal(missing[1], (FIRST == 4) | (SECOND == 4))
    assert not missing[[0, 2]].any()


def test_a_measure_of_all_scans_sees_the_kept_ones_only(study: Study) -> None:
    study.measure = "title: t\nkind: tangent\nfisher_z: false\nunit: u\n"
    study.lost = pd.DataFrame({"scan": ["three"], "parcel": ["b:c"], "coverage": [0.2]})
    assert study.run() == 0
    series = [study.scan(row) for row in (0, 2, 3)]
    series[1][:, 4] = np.nan
    expected = connect(series, Measure(title="t", kind="tangent", fisher_z=False, unit="u"))
    np.testing.assert_allclose(read_array(study.folder / "connectomes.npy"), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("measure", "where", "must", "got", "todo"),
    [
        (
            "title: t\nkind: correlatoin\n",
            "key kind",
            "one of: correlation",
            "correlatoin",
            "did you mean `correlation`",
        ),
        ("title: t\nkind: covariance\n", "key fisher_z", "false for `covariance`", "true", "write `fisher_z: false`"),
        (
            "title: t\nkind: tangent\nfisher_z: false\nunit: u\n",
            "key kind",
            "two scans",
            "1 scans",
            "measure of one scan",
        ),
        (
            "title: t\nkinds: tangent\n",
            "measure.yaml, line 2, key kinds",
            "one of",
            "unknown key",
            "did you mean `kind`",
        ),
    ],
)
def test_mistakes_are_told_in_four_parts(
    study: Study, capsys: pytest.CaptureFixture[str], measure: str, where: str, must: str, got: str, todo: str
) -> None:
    study.measure = measure
    study.kept.loc[[2, 3], "kept"] = "no"
    assert study.run() == 2
    head, *lines = capsys.readouterr().err.splitlines()
    assert head == "connect estimate: wrong input"
    for line, start, part in zip(
        lines, ("where:", "must be:", "got:", "to do:"), (where, must, got, todo), strict=True
    ):
        assert line.startswith(start)
        assert part in line
    assert not (study.folder / "connectomes.npy").exists()


def test_running_again_gives_the_same_bytes(study: Study) -> None:
    outputs = ("connectomes.npy", "scans.tsv", "edges.tsv")
    assert study.run() == 0
    before = [(study.folder / name).read_bytes() for name in outputs]
    assert study.run() == 0
    assert [(study.folder / name).read_bytes() for name in outputs] == before
