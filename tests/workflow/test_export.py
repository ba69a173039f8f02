"""`connect export` on the finished sample: the validator accepts it, other readers load it, numbers are the same."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from nilearn.connectome import ConnectivityMeasure, sym_matrix_to_vec
from sklearn.covariance import EmpiricalCovariance

from connect.cli import main

from .study import ROOT, SAMPLE_PLAN, Study

pytestmark = pytest.mark.slow

SPACE = "task-rest_space-MNI152NLin2009cAsym"
ATLAS = "atlas-seitzman2018_res-7"
STRATEGIES = {"36p": "36p", "scrubbing-gsr": "scrubbinggsr"}
"""Exported strategies, and what file names call them."""

RELATIONS = ("oxytocin-and-change", "response-by-attachment")


def export(folder: Path, *arguments: str) -> int:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        return main(["export", "config/config.yaml", "--cohort", "sample", *arguments])


def validate(folder: Path) -> list[tuple[str, str]]:
    """Return the errors of the BIDS validator, each with its file."""
    command = [str(Path(sys.executable).with_name("bids-validator-deno")), "--format", "json", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    issues = json.loads(done.stdout)["issues"]["issues"]
    errors = [(issue["code"], issue.get("location", "")) for issue in issues if issue["severity"] == "error"]
    assert (done.returncode == 0) == (not errors)
    return errors


def of_scan(folder: Path, participant: str, session: str, ending: str) -> Path:
    return folder / participant / session / "func" / f"{participant}_{session}_{SPACE}_{ending}"


def read(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, sep="\t")


@pytest.fixture(scope="module")
def related(finished: Study, tmp_path_factory: pytest.TempPathFactory) -> Study:
    """Return a copy of the finished study with models of measures of the person."""
    folder = tmp_path_factory.mktemp("related") / "study"
    study = Study(shutil.copytree(finished.folder, folder, symlinks=True))
    study.plan(cohorts={"sample": [*SAMPLE_PLAN["cohorts"]["sample"], *RELATIONS]})
    universes = [f"results/sample/relate/seitzman2018/{strategy}/correlation" for strategy in STRATEGIES]
    study.run("--cores", "2", *(f"{universe}/{model}/summary.json" for universe in universes for model in RELATIONS))
    return study


@pytest.fixture(scope="module")
def exported(related: Study, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("export") / "exported"
    assert export(related.folder, "--to", str(folder), "--strategies", *STRATEGIES) == 0
    return folder


@pytest.fixture(scope="module")
def for_wonkyconn(finished: Study, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("export") / "wonkyconn"
    assert export(finished.folder, "--to", str(folder), "--strategies", "36p", "--style", "wonkyconn") == 0
    return folder


@pytest.fixture
def linked(finished: Study, tmp_path: Path) -> Study:
    """Return a study whose results are links to those of the finished one, so that one can be exchanged."""
    shutil.copytree(finished.file("config"), tmp_path / "config")
    shutil.copytree(finished.file("results"), tmp_path / "results", copy_function=os.symlink)
    return Study(tmp_path)


# --- the validator ---------------------------------------------------------------------------------------------------


def test_the_validator_finds_no_error(exported: Path, for_wonkyconn: Path) -> None:
    assert validate(exported) == []
    assert validate(for_wonkyconn) == []


def test_the_validator_would_find_one(exported: Path, tmp_path: Path) -> None:
    """What is ignored is only what BIDS has no name for: anything else in a broken tree is found."""
    broken = shutil.copytree(exported, tmp_path / "broken", copy_function=os.symlink)
    for name, old, new in (
        ("participants.tsv", "sub-01\t", "sub-99\t"),
        ("atlas-seitzman2018_dseg.tsv", "index\t", "number\t"),
        ("dataset_description.json", '"DatasetLinks": {', '"DatasetLinks": {"other": 3,'),
    ):
        text = (broken / name).read_text()
        assert old in text
        (broken / name).unlink()
        (broken / name).write_text(text.replace(old, new))
    (broken / "sub-02" / "notes.txt").write_text("lost")
    codes = {code for code, _ in validate(broken)}
    assert codes == {
        "PARTICIPANT_ID_MISMATCH",
        "TSV_COLUMN_MISSING",
        "JSON_SCHEMA_VALIDATION_ERROR",
        "NOT_INCLUDED",
    }
    (broken / ".bidsignore").unlink()
    missed = {path.name for path in exported.rglob("*_relmat.tsv")} | {path.name for path in exported.rglob("group/*")}
    assert missed <= {Path(location).name for _, location in validate(broken)}


# --- numbers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("strategy", "desc"), STRATEGIES.items())
def test_matrices_hold_the_connectomes(finished: Study, exported: Path, strategy: str, desc: str) -> None:
    made = finished.file("results", "sample", "estimate", "seitzman2018", strategy, "correlation")
    connectomes, scans = np.load(made / "connectomes.npy"), read(made / "scans.tsv")
    files = sorted(exported.rglob(f"*_desc-{desc}_relmat.tsv"))
    assert len(files) == len(scans) == len(connectomes)
    for row in (0, len(scans) - 1):
        path = of_scan(
            exported,
            scans["participant_id"][row],
            scans["session_id"][row],
            f"{ATLAS}_stat-pearsoncorrelation_desc-{desc}_relmat.tsv",
        )
        matrix = pd.read_csv(path, sep="\t", index_col="Node")
        assert list(matrix.index) == list(matrix.columns)
        values = matrix.to_numpy()
        np.testing.assert_array_equal(values, values.T)
        upper = values[np.triu_indices(len(values), 1)]
        np.testing.assert_allclose(upper, np.tanh(connectomes[row].astype(float)), rtol=1e-8, atol=1e-9)
        np.testing.assert_allclose(np.arctanh(upper), connectomes[row], rtol=2e-7, atol=1e-8)
        assert set(np.diag(values)[np.isfinite(np.diag(values))]) == {1.0}


@pytest.mark.parametrize("desc", STRATEGIES.values())
def test_nilearn_makes_the_same_matrices_of_the_series(exported: Path, desc: str) -> None:
    """For every scan, the ones with a missing parcel too."""
    measure = ConnectivityMeasure(
        kind="correlation", cov_estimator=EmpiricalCovariance(store_precision=False), standardize=False
    )
    gaps = 0
    for path in sorted(exported.rglob(f"*_desc-{desc}_timeseries.tsv")):
        series = read(path)
        present = series.notna().all().to_numpy()
        gaps += (~present).sum()
        made = measure.fit_transform([series.loc[:, present].to_numpy()])[0]
        name = path.name.replace("stat-mean", "stat-pearsoncorrelation").replace("timeseries", "relmat")
        matrix = pd.read_csv(path.with_name(name), sep="\t", index_col=0)
        assert list(matrix.columns) == list(series.columns)
        assert matrix.loc[~present].isna().all(axis=None)
        inside = matrix.to_numpy()[np.ix_(present, present)]
        np.testing.assert_allclose(sym_matrix_to_vec(inside), sym_matrix_to_vec(made), rtol=0, atol=2e-6)
    assert gaps > 0


def test_a_parcel_that_is_missing_has_no_series(linked: Study, exported: Path) -> None:
    """Also where some of it has data, but less than the limit."""
    scan = f"sub-04_ses-post_{SPACE}_res-7"
    table = linked.file("results", "sample", "screen", "seitzman2018", "36p", "missing_parcels.tsv")
    text = table.read_text()
    table.unlink()
    ending = f"{ATLAS}_stat-mean_desc-36p_timeseries"
    before = read(of_scan(exported, "sub-04", "ses-post", f"{ending}.tsv"))
    parcel = before.columns[before.notna().all()][7]
    table.write_text(f"{text}{scan}\t{parcel}\t0.4\n")
    assert export(linked.folder, "--to", "exported", "--strategies", "36p") == 0
    path = of_scan(linked.file("exported"), "sub-04", "ses-post", f"{ending}.tsv")
    after = read(path)
    assert after[parcel].isna().all()
    pd.testing.assert_frame_equal(after.drop(columns=parcel), before.drop(columns=parcel))
    assert parcel in json.loads(path.with_suffix(".json").read_text())["MissingParcels"]


def test_series_are_those_of_the_stages(finished: Study, exported: Path) -> None:
    made = finished.file("results", "sample")
    scans = read(made / "denoise" / "seitzman2018" / "scrubbing-gsr" / "scans.tsv")
    row = scans.iloc[3]
    stacked = np.load(made / "denoise" / "seitzman2018" / "scrubbing-gsr" / "series.npy", mmap_mode="r")
    where = (exported, row["participant_id"], row["session_id"])
    cleaned = read(of_scan(*where, f"{ATLAS}_stat-mean_desc-scrubbinggsr_timeseries.tsv"))
    present = cleaned.notna().all().to_numpy()
    assert present.sum() >= len(present) - 1
    np.testing.assert_array_equal(
        cleaned.to_numpy(np.float32)[:, present], stacked[row["start"] : row["stop"]][:, present]
    )
    raw = made / "parcellate" / "seitzman2018" / row["scan"]
    for name, ending in {
        f"{row['scan']}_atlas-seitzman2018_stat-mean_timeseries.tsv": f"{ATLAS}_stat-mean_desc-preproc_timeseries.tsv",
        f"{row['scan']}_atlas-seitzman2018_stat-coverage_bold.tsv": f"{ATLAS}_stat-coverage_bold.tsv",
        f"{row['scan']}_desc-qc_timeseries.tsv": "res-7_desc-qc_timeseries.tsv",
    }.items():
        assert of_scan(*where, ending).read_bytes() == (raw / name).read_bytes()


def test_only_scans_that_were_kept_have_connectomes_and_the_others_a_reason(exported: Path) -> None:
    screened = pd.read_csv(exported / "group" / "atlas-seitzman2018_desc-36p_scans.tsv", sep="\t").set_index("scan")
    left_out = screened.index[screened["kept"] == "no"]
    assert len(left_out) == 1
    assert screened.loc[left_out, "reason"].notna().all()
    for scan, row in screened.iterrows():
        folder = exported / row["participant_id"] / row["session_id"] / "func"
        assert len(list(folder.glob("*_desc-preproc_timeseries.tsv"))) == 1
        assert len(list(folder.glob("*_desc-36p_*.tsv"))) == (0 if scan in left_out else 2)


# --- what is told ----------------------------------------------------------------------------------------------------


def test_every_source_leads_to_a_file(exported: Path) -> None:
    """BIDS URIs are resolved as BIDS says, relative links from the folder of the dataset."""
    links = json.loads((exported / "dataset_description.json").read_text())["DatasetLinks"]
    roots = {"": exported, **{name: exported / link for name, link in links.items()}}
    uris = []
    for path in exported.rglob("*.json"):
        record = json.loads(path.read_text())
        uris += [uri for key in ("Sources", "NodeFiles") for uri in record.get(key, ())]
    assert len(uris) > 100
    for uri in set(uris):
        scheme, name, path = uri.split(":", 2)
        assert scheme == "bids"
        assert (roots[name] / path).is_file(), uri
    assert roots["preprocessed"].resolve() == ROOT / "data_sample"


def test_sidecars_say_how_a_matrix_was_made(exported: Path) -> None:
    (path,) = exported.glob("sub-01/ses-pre/func/*_desc-36p_relmat.json")
    told = json.loads(path.read_text())
    assert told["RelationshipMeasure"] == "Pearson correlation"
    assert (told["Units"], told["StorageFormat"]) == ("r", "Full")
    assert (told["Weighted"], told["Directed"], told["ValidDiagonal"]) == (True, False, False)
    assert "artanh" in told["Description"]
    (path,) = exported.glob("sub-01/ses-pre/func/*_desc-scrubbinggsr_timeseries.json")
    told = json.loads(path.read_text())
    assert told["Denoising"]["scrub"]["fd"] == 0.5
    assert told["NumberOfVolumesKept"] == len(read(path.with_suffix(".tsv"))) <= told["NumberOfVolumes"] == 144
    assert told["RepetitionTime"] == 2.5


def test_the_parcels_are_those_of_the_matrices(exported: Path) -> None:
    nodes = read(exported / "atlas-seitzman2018_dseg.tsv")
    assert {"index", "name", "network", "region"} <= set(nodes.columns)
    assert list(nodes["name"]) == list(read(next(exported.rglob("*_relmat.tsv"))).columns[1:])


def test_results_of_every_model_are_there(finished: Study, exported: Path) -> None:
    made = finished.file("results", "sample", "compare", "seitzman2018", "36p", "correlation", "training-by-time")
    start = "atlas-seitzman2018_stat-pearsoncorrelation_desc-36p_model-trainingbytime"
    for name in ("domains.tsv", "domains.json", "networks.tsv", "values.tsv", "participants.tsv", "summary.json"):
        assert (exported / "group" / f"{start}_{name}").read_bytes() == (made / name).read_bytes()
    assert len(list(exported.glob("group/*_summary.json"))) == (3 + len(RELATIONS)) * len(STRATEGIES)


def test_results_of_relations_are_there(related: Study, exported: Path) -> None:
    made = related.file("results", "sample", "relate", "seitzman2018", "36p", "correlation", "response-by-attachment")
    start = "atlas-seitzman2018_stat-pearsoncorrelation_desc-36p_model-responsebyattachment"
    for name in ("domains.tsv", "networks.tsv", "participants.tsv", "summary.json", "slopes.tsv", "slopes.json"):
        assert (exported / "group" / f"{start}_{name}").read_bytes() == (made / name).read_bytes()


def test_measures_of_the_person_are_tables_of_bids(related: Study, exported: Path) -> None:
    made = read(related.file("results", "sample", "phenotypes", "oxytocin.tsv"))
    table = read(exported / "phenotype" / "oxytocin.tsv").set_index("participant_id")
    assert list(table.index) == list(read(exported / "participants.tsv")["participant_id"])
    for row in made.to_dict("records"):
        value = table.loc[row["participant_id"], f"oxytocin_{row['session_id']}"]
        assert value == row["value"] or np.isnan(value) == np.isnan(row["value"]) == 1
    about = json.loads((exported / "phenotype" / "oxytocin.json").read_text())
    assert set(table.columns) <= set(about)
    assert about["oxytocin_ses-pre"]["Units"] == "pg/mL"
    assert {path.stem for path in (exported / "phenotype").iterdir()} >= {"oxytocin", "attachment-anxiety"}


def test_participants_are_copied(exported: Path) -> None:
    assert (exported / "participants.tsv").read_text() == (ROOT / "data_sample" / "participants.tsv").read_text()
    assert (exported / "participants.json").read_bytes() == (ROOT / "data_sample" / "participants.json").read_bytes()


# --- wonkyconn -------------------------------------------------------------------------------------------------------


def tags(path: Path) -> dict[str, str]:
    """Return the parts of a name, as wonkyconn's index holds them."""
    *parts, suffix = path.name.partition(".")[0].split("_")
    pairs = dict(part.split("-", 1) for part in parts if "-" in part)
    return {**pairs, "suffix": suffix, "extension": "." + path.name.partition(".")[2]}


def test_wonkyconn_finds_matrices_and_what_it_needs_of_them(for_wonkyconn: Path) -> None:
    """By its rules.

    A series has the metadata of all JSON files that say nothing else of it; its matrices have all its tags, and are
    grouped by `seg`; a matrix is all numbers after a header.
    """
    index = {path: tags(path) for path in for_wonkyconn.rglob("*") if path.is_file() and not path.name.startswith(".")}
    found = defaultdict(list)
    for own in index.values():
        if (own["suffix"], own["extension"]) != ("timeseries", ".tsv"):
            continue
        beside = [
            path
            for path, its in index.items()
            if its["extension"] == ".json"
            and all(its.get(key, own[key]) == own[key] for key in own.keys() - {"extension"})
        ]
        about = {key: value for path in beside for key, value in json.loads(path.read_text()).items()}
        wanted = {**own, "suffix": "relmat"}
        for path, its in index.items():
            if wanted.items() <= its.items():
                found[its["seg"]].append((path, about))
    assert {seg: len(matrices) for seg, matrices in found.items()} == {"seitzman2018": 30}
    for path, about in found["seitzman2018"][:5]:
        matrix = np.loadtxt(path, delimiter="\t", skiprows=1)
        assert matrix.shape == (300, 300)
        assert isinstance(about["MeanFramewiseDisplacement"], float)
        assert about["NumberOfVolumes"] == 144


# --- what a folder may be --------------------------------------------------------------------------------------------


def test_an_export_is_replaced_as_a_whole_and_the_same_again(
    finished: Study, for_wonkyconn: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(for_wonkyconn, tmp_path / "exported")
    (folder / "sub-01" / "stale.tsv").write_text("old")
    before = {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*.tsv")}
    arguments = ("--to", str(folder), "--strategies", "36p", "--style", "wonkyconn")
    assert export(finished.folder, *arguments) == 0
    after = {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*.tsv")}
    assert after == {path: content for path, content in before.items() if path.name != "stale.tsv"}
    assert [path.name for path in tmp_path.iterdir()] == ["exported"]


@pytest.mark.parametrize("renamed", [True, False])
def test_a_failed_export_leaves_the_old_one(
    linked: Study, for_wonkyconn: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], renamed: bool
) -> None:
    """Tables that do not fit, after the new folder was begun."""
    folder = shutil.copytree(for_wonkyconn, tmp_path / "exported", copy_function=os.symlink)
    table = linked.file("results", "sample", "estimate", "seitzman2018", "36p", "correlation", "scans.tsv")
    text = table.read_text()
    table.unlink()
    start = text.rindex("\nsub-16")
    table.write_text(text[:start] + (text[start:].replace("sub-16", "sub-61") if renamed else "\n"))
    before = sorted(folder.rglob("*"))
    assert export(linked.folder, "--to", str(folder), "--strategies", "36p", "--style", "wonkyconn") == 2
    told = capsys.readouterr().err
    assert "the 30 scans that were kept" in told
    assert "sub-16_ses-pre_task-rest" in told
    assert "run `snakemake`" in told
    assert sorted(folder.rglob("*")) == before
    assert not list(tmp_path.glob(".*"))


def test_a_missing_result_is_told_with_what_to_run(linked: Study, capsys: pytest.CaptureFixture[str]) -> None:
    path = "results/sample/compare/seitzman2018/36p/correlation/change-in-waiting/domains.tsv"
    linked.file(path).unlink()
    assert export(linked.folder, "--to", "exported", "--strategies", "36p") == 2
    told = capsys.readouterr().err
    assert f"where:   {path}" in told
    assert f"`snakemake {path}`" in told
    assert not linked.file("exported").exists()
    assert export(linked.folder, "--to", "exported", "--strategies", "acompcor") == 0
