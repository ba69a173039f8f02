"""The stage `assess` on a small cohort, against values worked out by hand, and what it says of mistakes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from scipy import stats

from connect.cli import main

PARCELS = ("1", "L a", "R a", "b:c", "007", "z")
FIRST, SECOND = np.triu_indices(len(PARCELS), 1)
N_EDGES = len(FIRST)
PLAIN = {"pre": {"phase": "pre"}, "post": {"phase": "post"}}
DRUG = {f"{c}{p}": {"phase": p, "condition": c} for c in ("drug", "placebo") for p in ("pre", "post")}
STATISTICS = ("median_abs_r", "share", "distance")
PART = ["n", "n_edges", "reason", *(f"{s}{end}" for s in STATISTICS for end in ("", "_chance", "_low", "_high", "_p"))]


@dataclass
class Study:
    """Inputs of the stage in a folder; tests change them before they run it."""

    folder: Path
    sessions: dict[str, Any]
    kept: pd.DataFrame
    connectomes: np.ndarray
    centres: pd.DataFrame
    scans: pd.DataFrame | None = None

    @property
    def good(self) -> np.ndarray:
        return (self.kept["kept"] == "yes").to_numpy()

    def run(self) -> int:
        """Write the inputs and run the stage."""
        scans = self.kept[self.good].drop(columns=["kept", "reason"]) if self.scans is None else self.scans
        for name, table in {"kept": self.kept, "scans": scans, "parcels": self.centres}.items():
            table.to_csv(self.folder / f"{name}.tsv", sep="\t", index=False, na_rep="n/a")
        values = self.connectomes[self.good] if len(self.connectomes) == len(self.kept) else self.connectomes
        np.save(self.folder / "connectomes.npy", values.astype(np.float32))
        choices = {
            "atlas": {"title": "t", "kind": "spheres", "parcels": "parcels.tsv", "spaces": ["MNI152NLin6Asym"]},
            "cohort": {"title": "t", "derivatives": ".", "participants": "p.tsv", "sessions": self.sessions},
            "measure": {"title": "t", "kind": "correlation"},
            "strategy": {"title": "36 parameters"},
        }
        for name, keys in choices.items():
            (self.folder / f"{name}.yaml").write_text(yaml.safe_dump(keys))
        files = {"connectomes": "connectomes.npy", "scans": "scans.tsv", "kept": "kept.tsv"}
        files |= {name: f"{name}.yaml" for name in choices}
        files |= {"edge-table": "out/edges.tsv", "summary": "out/summary.json"}
        return main(
            ["assess", *(word for name, file in files.items() for word in (f"--{name}", f"{self.folder}/{file}"))]
        )

    def found(self) -> tuple[dict[str, Any], pd.DataFrame]:
        """Run the stage and read what it wrote."""
        assert self.run() == 0
        text = (self.folder / "out" / "summary.json").read_text()
        table = pd.read_csv(self.folder / "out" / "edges.tsv", sep="\t", na_values=["n/a"], keep_default_na=False,
                            dtype={"a": str, "b": str})  # fmt: skip
        return json.loads(text, parse_constant=_no_constant), table

    def means(self, participant: str) -> dict[str, np.ndarray]:
        """Return mean FD and connectivity of each session of a participant, in one array."""
        own = self.kept[(self.kept["participant_id"] == participant) & self.good]
        stored = self.connectomes.astype(np.float32).astype(float)
        both = np.column_stack([self.kept["mean_fd"], stored])
        return {label[4:]: both[rows.index].mean(axis=0) for label, rows in own.groupby("session_id")}

    def lose(self, participant: str, session: str) -> None:
        """Exclude the scans of a session."""
        chosen = (self.kept["participant_id"] == participant) & (self.kept["session_id"] == f"ses-{session}")
        self.kept.loc[chosen, ["kept", "reason"]] = ["no", "moved"]


def _no_constant(text: str) -> None:
    raise AssertionError(f"{text} is no JSON")


def cohort(folder: Path, sessions: dict[str, Any], n: int) -> Study:
    """Return n participants with one scan per session, and a second run before in the first three."""
    rng = np.random.default_rng(0)
    names = [f"sub-{number:02d}" for number in range(1, n + 1)]
    rows = [(name, f"ses-{label}", "01") for name in names for label in sessions]
    rows += [(name, f"ses-{next(iter(sessions))}", "02") for name in names[:3]]
    kept = pd.DataFrame(rows, columns=["participant_id", "session_id", "run"])
    kept["scan"] = kept["participant_id"] + "_" + kept["session_id"] + "_run-" + kept["run"]
    kept["minutes"], kept["tdof"] = rng.uniform(5, 8, len(kept)).round(2), rng.integers(50, 90, len(kept))
    kept["mean_fd"], kept["fd_dvars"] = rng.gamma(4, 0.05, len(kept)).round(4), rng.uniform(0, 0.4, len(kept)).round(3)
    centres = pd.DataFrame({"name": PARCELS, **dict(zip("xyz", rng.uniform(-60, 60, (3, 6)).round(1), strict=True))})
    values = rng.normal(0.3, 0.2, (len(kept), N_EDGES))
    return Study(folder, dict(sessions), kept.assign(kept="yes", reason=None), values, centres)


@pytest.fixture
def study(tmp_path: Path) -> Study:
    """Return ten participants before and after."""
    return cohort(tmp_path, PLAIN, 10)


def by_hand(rows: list[np.ndarray]) -> np.ndarray:
    """Return the correlation of the first column with each of the others."""
    table = np.array(rows)
    return stats.pearsonr(table[:, 1:], table[:, :1], axis=0).statistic


def names(study: Study) -> list[str]:
    return sorted(set(study.kept["participant_id"]))


# Values by hand


def test_runs_then_sessions_are_averaged(study: Study) -> None:
    study.lose("sub-04", "post")
    summary, edges = study.found()
    level = by_hand([np.mean(list(study.means(name).values()), axis=0) for name in names(study)])
    pairs = [study.means(name) for name in names(study) if name != "sub-04"]
    np.testing.assert_allclose(edges["level"], level, rtol=1e-8)
    np.testing.assert_allclose(edges["change"], by_hand([one["post"] - one["pre"] for one in pairs]), rtol=1e-8)
    assert (summary["level"]["n"], summary["change"]["n"]) == (10, 9)
    for part in ("level", "change"):
        assert summary[part]["n_edges"] == N_EDGES
        assert summary[part]["median_abs_r"] == pytest.approx(edges[part].abs().median())
        assert summary[part]["distance"] == pytest.approx(stats.spearmanr(edges[part], edges["distance"]).statistic)
        bar = stats.t.isf(0.025, summary[part]["n"] - 2)
        t = edges[part].abs() * np.sqrt((summary[part]["n"] - 2) / (1 - edges[part] ** 2))
        assert summary[part]["share"] == pytest.approx((t > bar).mean())


def test_a_change_is_the_mean_over_the_conditions_that_have_both_sessions(tmp_path: Path) -> None:
    study = cohort(tmp_path, DRUG, 9)
    study.lose("sub-02", "drugpost")
    study.lose("sub-05", "placebopre")
    for label in ("drugpre", "placebopost"):
        study.lose("sub-07", label)
    summary, edges = study.found()
    rows = []
    for name in names(study):
        own = study.means(name)
        both = [c for c in ("drug", "placebo") if {f"{c}pre", f"{c}post"} <= set(own)]
        rows += [np.mean([own[f"{c}post"] - own[f"{c}pre"] for c in both], axis=0)] if both else []
    assert summary["change"]["n"] == len(rows) == 8
    np.testing.assert_allclose(edges["change"], by_hand(rows), rtol=1e-8)
    level = by_hand([np.mean(list(study.means(name).values()), axis=0) for name in names(study)])
    np.testing.assert_allclose(edges["level"], level, rtol=1e-8)


def test_edges_are_named_and_measured(study: Study) -> None:
    edges = study.found()[1]
    assert list(edges.columns) == ["a", "b", "distance", "level", "change"]
    assert list(edges["a"]) == [PARCELS[n] for n in FIRST]
    assert list(edges["b"]) == [PARCELS[n] for n in SECOND]
    centres = study.centres[["x", "y", "z"]].to_numpy()
    np.testing.assert_allclose(edges["distance"], np.linalg.norm(centres[FIRST] - centres[SECOND], axis=1))
    sidecar = json.loads((study.folder / "out" / "edges.json").read_text())
    assert list(sidecar) == list(edges.columns)
    assert sidecar["distance"]["Units"] == "mm"


def test_the_summary_says_what_is_left_and_of_whom(study: Study) -> None:
    study.lose("sub-04", "pre")
    study.lose("sub-04", "post")
    study.kept.loc[study.kept["participant_id"] == "sub-05", "fd_dvars"] = None
    study.kept.loc[1, "fd_dvars"] = None
    summary, _ = study.found()
    head = [
        "atlas",
        "strategy",
        "measure",
        "title",
        "n_scans",
        "n_kept",
        "n_participants",
        "minutes",
        "tdof",
        "fd_dvars",
    ]
    assert list(summary) == [*head, "level", "change"]
    assert [summary[key] for key in head[:7]] == ["atlas", "strategy", "measure", "36 parameters", 23, 21, 9]
    own = study.kept[study.good].groupby("participant_id")[["minutes", "tdof", "fd_dvars"]].mean()
    for column, n in (("minutes", 9), ("tdof", 9), ("fd_dvars", 8)):
        values = own[column].dropna()
        interval = stats.ttest_1samp(values, 0).confidence_interval(0.95)
        expected = {"mean": values.mean(), "ci_low": interval.low, "ci_high": interval.high, "n": n}
        assert summary[column] == pytest.approx(expected)
    for part in ("level", "change"):
        assert list(summary[part]) == PART
        for name in STATISTICS:
            assert summary[part][f"{name}_low"] <= summary[part][f"{name}_chance"] <= summary[part][f"{name}_high"]
            assert 1 / 1001 <= summary[part][f"{name}_p"] <= 1


def test_what_is_known_of_one_participant_or_none_has_no_interval(study: Study) -> None:
    study.kept["fd_dvars"] = None
    study.kept.loc[[0, 1], "fd_dvars"] = [0.2, 0.4]
    assert study.found()[0]["fd_dvars"] == {"mean": pytest.approx(0.3), "ci_low": None, "ci_high": None, "n": 1}
    study.kept["fd_dvars"] = None
    assert study.found()[0]["fd_dvars"] == {"mean": None, "ci_low": None, "ci_high": None, "n": 0}


def test_an_edge_that_a_used_session_lacks_is_not_used(study: Study) -> None:
    """The second run of sub-01 stands in for the first; sub-04 has no change, so their gap leaves the change alone."""
    study.lose("sub-04", "pre")
    rows = study.kept.set_index(["participant_id", "session_id", "run"]).index
    gaps = {3: ("sub-04", "ses-post", "01"), 7: ("sub-06", "ses-post", "01"), 9: ("sub-01", "ses-pre", "01")}
    for edge, scan in gaps.items():
        study.connectomes[rows.get_loc(scan), edge] = np.nan
    study.connectomes[:, 11] = 0.25
    summary, edges = study.found()
    assert list(np.flatnonzero(edges["level"].isna())) == [3, 7, 11]
    assert list(np.flatnonzero(edges["change"].isna())) == [7, 11]
    assert (summary["level"]["n_edges"], summary["change"]["n_edges"]) == (12, 13)
    assert summary["level"]["median_abs_r"] == pytest.approx(edges["level"].abs().median())


def test_parcels_without_coordinates_have_edges_without_a_distance(study: Study) -> None:
    study.centres.loc[2, ["x", "y", "z"]] = None
    summary, edges = study.found()
    np.testing.assert_array_equal(edges["distance"].isna(), (FIRST == 2) | (SECOND == 2))
    known = edges.dropna()
    assert summary["level"]["distance"] == pytest.approx(stats.spearmanr(known["level"], known["distance"]).statistic)
    assert summary["level"]["n_edges"] == N_EDGES
    study.centres[["x", "y", "z"]] = 0.0
    level = study.found()[0]["level"]
    assert [level[key] for key in PART if key.startswith("distance")] == [None] * 5
    assert level["reason"] is None
    assert level["share_p"] is not None


# What cannot be related


def _is_empty(part: dict[str, Any], edges: pd.Series) -> bool:
    return edges.isna().all() and part["n_edges"] == 0 and all(part[key] is None for key in PART[3:])


def test_few_participants_are_told_and_give_no_numbers(tmp_path: Path) -> None:
    study = cohort(tmp_path, PLAIN, 6)
    assert study.found()[0]["change"]["reason"] is None
    study.lose("sub-03", "post")
    summary, edges = study.found()
    must = "it takes 6 participants with kept scans before and after and a known displacement; there are 5"
    assert summary["change"]["reason"] == must
    assert _is_empty(summary["change"], edges["change"])
    assert (summary["change"]["n"], summary["level"]["n"], summary["level"]["reason"]) == (5, 6, None)


def test_a_cohort_without_pairs_has_a_level(study: Study) -> None:
    for name in names(study):
        study.lose(name, "post" if name < "sub-06" else "pre")
    summary, edges = study.found()
    assert (summary["level"]["n"], summary["change"]["n"]) == (10, 0)
    assert "there are 0" in summary["change"]["reason"]
    assert _is_empty(summary["change"], edges["change"])
    assert edges["level"].notna().all()


@pytest.mark.parametrize("fd", [0.0, 0.1, None])
def test_motion_that_is_the_same_in_all_or_unknown_relates_to_nothing(study: Study, fd: float | None) -> None:
    study.kept["mean_fd"] = fd
    summary, edges = study.found()
    for part in ("level", "change"):
        expected = (
            "motion is the same in all 10 participants" if fd is not None else "a known displacement; there are 0"
        )
        assert expected in summary[part]["reason"]
        assert _is_empty(summary[part], edges[part])


def test_who_has_no_displacement_is_left_out(study: Study) -> None:
    study.kept.loc[study.kept["scan"] == "sub-09_ses-post_run-01", "mean_fd"] = None
    summary, edges = study.found()
    assert (summary["level"]["n"], summary["change"]["n"]) == (9, 9)
    rest = [study.means(name) for name in names(study) if name != "sub-09"]
    np.testing.assert_allclose(edges["change"], by_hand([one["post"] - one["pre"] for one in rest]), rtol=1e-8)


def test_edges_that_nobody_has_are_told(study: Study) -> None:
    study.connectomes[:] = np.nan
    summary, edges = study.found()
    for part in ("level", "change"):
        assert "no edge is present" in summary[part]["reason"]
        assert _is_empty(summary[part], edges[part])


# Order and repetition


def test_the_order_of_scans_does_not_matter(study: Study) -> None:
    before = _bytes(study)
    order = np.random.default_rng(1).permutation(len(study.kept))
    study.kept, study.connectomes = study.kept.iloc[order].reset_index(drop=True), study.connectomes[order]
    assert _bytes(study) == before


def test_running_again_gives_the_same_bytes(study: Study) -> None:
    assert _bytes(study) == _bytes(study)


def _bytes(study: Study) -> list[bytes]:
    assert study.run() == 0
    return [(study.folder / "out" / name).read_bytes() for name in ("edges.tsv", "edges.json", "summary.json")]


# Mistakes


def _unknown_scan(study: Study) -> None:
    study.scans = study.kept.drop(columns=["kept", "reason"]).replace("sub-01_ses-pre_run-01", "sub-77_ses-pre_run-01")


def _lost_scan(study: Study) -> None:
    study.lose("sub-10", "post")
    study.scans = study.kept.drop(columns=["kept", "reason"])


def _twice(study: Study) -> None:
    scans = study.kept.drop(columns=["kept", "reason"])
    study.scans = pd.concat([scans, scans[:1]])


def _none_kept(study: Study) -> None:
    study.kept["kept"] = "no"


def _old_screen(study: Study) -> None:
    study.kept = study.kept.drop(columns="fd_dvars")


def _other_rows(study: Study) -> None:
    study.connectomes = study.connectomes[1:]


def _other_parcels(study: Study) -> None:
    study.centres = study.centres[:5]


def _no_coordinates(study: Study) -> None:
    study.centres = study.centres.drop(columns="y")


def _words_as_coordinates(study: Study) -> None:
    study.centres["y"] = ["12", "n/a", "left", "1", "2", "3"]


def _other_session(study: Study) -> None:
    study.sessions = {"pre": {"phase": "pre"}, "pst": {"phase": "post"}}


@pytest.mark.parametrize(
    ("change", "where", "must", "got", "todo"),
    [
        (_unknown_scan, "scans.tsv", "that", "23 rows for 23 kept scans; sub-01_ses-pre_run-01", "run estimate again"),
        (_lost_scan, "scans.tsv", "kept.tsv keeps", "23 rows for 22 kept scans; sub-10_ses-post", "run estimate again"),
        (_twice, "scans.tsv", "a row for each scan", "24 rows for 23 kept scans", "run estimate again"),
        (_none_kept, "kept.tsv", "at least one scan", "none", "loosen the limits"),
        (_old_screen, "scans.tsv", "the column `fd_dvars`", "columns participant_id", "add the column"),
        (_other_rows, "connectomes.npy", "23 kept scans by 15 edges", "22 by 15", "run estimate again"),
        (_other_parcels, "connectomes.npy", "by 10 edges between the parcels of", "23 by 15", "name the atlas"),
        (_no_coordinates, "parcels.tsv", "the column `y`", "columns name, x, z", "add the column"),
        (_words_as_coordinates, "parcels.tsv, column y", "coordinates in mm", "left for R a", "correct the table"),
        (_other_session, "cohort.yaml, key sessions", "kept scans (post, pre)", "pre, pst", "did you mean `pst`"),
    ],
)
def test_mistakes_are_told_in_four_parts(
    study: Study, capsys: pytest.CaptureFixture[str], change: Any, where: str, must: str, got: str, todo: str
) -> None:
    change(study)
    assert study.run() == 2
    head, *lines = capsys.readouterr().err.splitlines()
    assert head == "connect assess: wrong input"
    starts = ("where:", "must be:", "got:", "to do:")
    for line, start, part in zip(lines, starts, (where, must, got, todo), strict=True):
        assert line.startswith(start)
        assert part in line
    assert not (study.folder / "out").exists()
