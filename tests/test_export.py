"""`connect export`: names, numbers, addresses and wrong input; tests/workflow/test_export.py exports a real study."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from connect.cli import main
from connect.config import read
from connect.errors import UserError
from connect.export.chosen import Chosen
from connect.export.dataset import write_dataset
from connect.export.names import RESERVED, STYLES, Names, check_labels, measure_label
from connect.export.numbers import matrix_text, series_text, square
from connect.export.persons import write_phenotypes
from connect.export.results import OUTPUTS, of_model
from connect.export.sources import find_source
from connect.files import File, write_files
from connect.scans import Scan, read_scans
from connect.settings.cohort import Cohort, Session
from connect.settings.measure import Measure
from connect.settings.model import Model

from .persons import write_phenotype

MEAN = Model("q", "~ 1", "mean")
RELATION = Model("q", "~ my_oxytocin_change", "my_oxytocin_change", phenotypes=("my-oxytocin",))
COLUMNS = {
    "value": {"Description": "values", "Units": "pg/mL"},
    "measured": {"Description": "before", "Units": "ng/mL"},
    "note": {"Description": "why"},
}
SCAN = "sub-01_ses-pre_task-rest_space-MNI152NLin6Asym_res-2"


def test_results_are_read_where_the_rules_write_them(root: Path) -> None:
    rules = "".join(path.read_text() for path in (root / "workflow" / "rules").glob("*.smk"))
    for path in OUTPUTS.values():
        assert f'"{path}"' in rules
    names = {name: f"{{{name}}}" for name in ("cohort", "atlas", "strategy", "measure", "model")}
    for model in (MEAN, RELATION):
        for path in of_model(model, **names).values():
            assert f'"{path}"' in rules


def test_a_relation_has_slopes_beside_the_rest() -> None:
    names = {"cohort": "c", "atlas": "a", "strategy": "s", "measure": "m", "model": "x"}
    assert of_model(MEAN, **names)["domains"] == Path("results/c/compare/a/s/m/x/domains.tsv")
    assert of_model(RELATION, **names)["slopes"] == Path("results/c/relate/a/s/m/x/slopes.tsv")
    assert set(of_model(RELATION, **names)) - set(of_model(MEAN, **names)) == {"slopes"}


# --- measures of the person ------------------------------------------------------------------------------------------


def test_a_measure_has_a_row_per_participant_and_columns_per_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    cohort, scans, table = fetched(tmp_path, "s3://b/{sub}/{name}", 2)
    values = {("sub-01", "pre"): 5.5, ("sub-01", "post"): 7.0, ("sub-02", "pre"): np.nan, ("sub-03", "pre"): 9.0}
    about = {"variable": "my_oxytocin", "source": "Nobody 2020", "columns": COLUMNS}
    write_phenotype(Path("results/c/phenotypes/my-oxytocin.tsv"), values, **about)
    models = {"relation": RELATION, "mean": MEAN, "again": RELATION}
    chosen = Chosen("c", cohort, scans, table, models, {}, {}, {}, {}, STYLES["xcp-d"])
    assert chosen.phenotypes == ["my-oxytocin"]
    write_phenotypes(chosen, tmp_path / "out")
    path = tmp_path / "out" / "phenotype" / "my-oxytocin.tsv"
    found = pd.read_csv(path, sep="\t").set_index("participant_id")
    assert list(found.index) == ["sub-01", "sub-02"]
    assert list(found.columns) == [
        f"my_oxytocin{kind}_ses-{session}" for kind in ("", "_measured", "_note") for session in ("pre", "post")
    ]
    assert list(found.loc["sub-01"].iloc[:4]) == [5.5, 7.0, 5.5, 7.0]
    assert found.loc["sub-02", "my_oxytocin_ses-pre":"my_oxytocin_measured_ses-post"].isna().all()  # type: ignore[misc]
    assert found.loc["sub-02", "my_oxytocin_note_ses-pre"] == "the sample was lost"
    told = json.loads(path.with_suffix(".json").read_text())
    assert set(told) == {"Description", "MeasurementToolMetadata", *found.columns}
    assert told["MeasurementToolMetadata"] == {
        "Description": "Oxytocin in plasma: as in the table", "Reference": "Nobody 2020"
    }  # fmt: skip
    assert told["my_oxytocin_ses-pre"] == {
        "LongName": "Oxytocin in plasma, ses-pre", "Description": "values; a higher value means more oxytocin",
        "Units": "pg/mL",
    }  # fmt: skip
    assert told["my_oxytocin_measured_ses-post"]["Units"] == "ng/mL"


def test_without_measures_there_is_no_folder_of_them(tmp_path: Path) -> None:
    cohort, scans, table = fetched(tmp_path, "s3://b/{sub}/{name}", 2)
    write_phenotypes(Chosen("c", cohort, scans, table, {"m": MEAN}, {}, {}, {}, {}, STYLES["xcp-d"]), tmp_path / "out")
    assert not (tmp_path / "out").exists()


# --- names -----------------------------------------------------------------------------------------------------------


def test_names_of_both_styles() -> None:
    start = "sub-01/ses-pre/func/sub-01_ses-pre_task-rest_space-MNI152NLin6Asym"
    names = Names(SCAN, STYLES["xcp-d"])
    assert names.series("tian-s1", "36p") == f"{start}_atlas-tians1_res-2_stat-mean_desc-36p_timeseries.tsv"
    assert names.matrix("a", "x", "y") == f"{start}_atlas-a_res-2_stat-y_desc-x_relmat.tsv"
    assert names.coverage("a") == f"{start}_atlas-a_res-2_stat-coverage_bold.tsv"
    names = Names(SCAN, STYLES["wonkyconn"])
    assert names.series("tian-s1", "36p") == f"{start}_seg-tians1_res-2_desc-36p_timeseries.tsv"
    assert names.matrix("a", "x", "y") == f"{start}_seg-a_res-2_meas-y_desc-x_relmat.tsv"


def test_a_scan_without_a_session_has_no_folder_of_one() -> None:
    assert Names("sub-01_task-rest", STYLES["xcp-d"]).motion() == "sub-01/func/sub-01_task-rest_desc-qc_timeseries.tsv"


def test_the_plain_correlation_has_the_name_that_readers_know() -> None:
    style = STYLES["xcp-d"]
    assert measure_label("correlation-r", Measure("r", "correlation", fisher_z=False, unit="r"), style) == style.pearson
    assert measure_label("shrunk-correlation", Measure("s", "shrunk_correlation"), style) == "shrunkcorrelation"


@pytest.mark.parametrize(
    ("labels", "part"), [({"a-b": "ab", "ab": "ab"}, "a-b and ab"), ({"pre-proc": "preproc"}, "pre-proc")]
)
def test_two_things_with_one_name_are_refused(labels: dict[str, str], part: str) -> None:
    with pytest.raises(UserError) as told:
        check_labels("strategies", labels, RESERVED)
    assert told.value.got == part


# --- numbers ---------------------------------------------------------------------------------------------------------


def test_a_matrix_of_correlations() -> None:
    z = np.arctanh(np.array([0.5, np.nan, -0.25, np.nan, 0.1, np.nan])).astype(np.float32)
    matrix = square(z, 4, correlation=True, fisher_z=True)
    expected = np.array([[1, 0.5, np.nan, -0.25], [0.5, 1, np.nan, 0.1], [np.nan] * 4, [-0.25, 0.1, np.nan, 1]])
    np.testing.assert_allclose(matrix, expected, rtol=1e-7)


def test_the_diagonal_of_what_is_no_correlation_is_not_known() -> None:
    matrix = square(np.array([2.0, 3.0, 4.0]), 3, correlation=False, fisher_z=False)
    np.testing.assert_array_equal(matrix, [[np.nan, 2, 3], [2, np.nan, 4], [3, 4, np.nan]])


@pytest.mark.parametrize("named", [True, False])
def test_text_of_a_matrix_is_read_back(named: bool) -> None:
    matrix = square(np.array([1 / 3, np.nan, -1e-9], dtype=np.float32), 3, correlation=True, fisher_z=False)
    text = matrix_text(matrix, ["a", "b", "c"], "n/a" if named else "nan", named=named)
    frame = pd.read_csv(io.StringIO(text), sep="\t", index_col="Node" if named else None)
    assert list(frame.columns) == ["a", "b", "c"]
    assert list(frame.index) == (["a", "b", "c"] if named else [0, 1, 2])
    np.testing.assert_array_equal(frame.to_numpy(np.float32), matrix.astype(np.float32))


def test_text_of_series_loses_no_digit_of_float32() -> None:
    series = np.random.default_rng(1).normal(size=(50, 3)).astype(np.float32)
    series[:, 1] = np.nan
    text = series_text(series, ["a", "b", "c"])
    assert text.splitlines()[1].split("\t")[1] == "n/a"
    frame = pd.read_csv(io.StringIO(text), sep="\t")
    np.testing.assert_array_equal(frame.to_numpy(np.float32), series)


# --- where scans come from -------------------------------------------------------------------------------------------


def fetched(tmp_path: Path, uris: str, participants: int) -> tuple[Cohort, list[Scan], Path]:
    """Return a cohort whose files come from somewhere else; in `uris`, {sub} and {name} are filled in."""
    cohort = Cohort("C", tmp_path / "data", tmp_path / "participants.tsv", {"pre": Session("pre")})
    scans, files = [], [File("", "dataset/participants.tsv", "s3://openneuro.org/ds1/participants.tsv", 1, "0" * 32)]
    for number in range(1, participants + 1):
        sub = f"sub-{number:02}"
        paths = [f"{sub}_task-rest/{name}" for name in ("bold.nii.gz", "mask.nii.gz", "confounds.tsv")]
        scans.append(Scan(sub, "", "rest", "", "", "S", "", 2.0, "", 10, *paths))
        files += [
            File(f"{sub}_task-rest", path, uris.format(sub=sub, name=Path(path).name), 1, "0" * 32) for path in paths
        ]
    table = tmp_path / "c.files.tsv"
    write_files(table, files)
    return cohort, scans, table


def test_participants_are_named_as_bids_does_and_nobody_lacks_a_row(tmp_path: Path) -> None:
    cohort, scans, table = fetched(tmp_path, "s3://b/{sub}/{name}", 3)
    cohort.participants.write_text("age\tparticipant_id\n1,5\t02\n30\tsub-01 \n31\tsub-99\n")
    chosen = Chosen("c", cohort, scans, table, {}, {}, {}, {}, {}, STYLES["xcp-d"])
    write_dataset(chosen, find_source(cohort, scans, table), tmp_path / "out", tmp_path / "out")
    rows = (tmp_path / "out" / "participants.tsv").read_text().splitlines()
    assert rows == ["participant_id\tage", "sub-02\t1,5", "sub-01\t30", "sub-03\tn/a"]


@pytest.mark.parametrize("participants", [1, 3])
def test_a_fetched_cohort_is_linked_to_its_bucket(tmp_path: Path, participants: int) -> None:
    uris = "s3://openneuro-derivatives/fmriprep/ds1-fmriprep/{sub}/func/{name}"
    cohort, scans, table = fetched(tmp_path, uris, participants)
    source = find_source(cohort, scans, table)
    assert source.links(tmp_path / "out") == {
        "preprocessed": "s3://openneuro-derivatives/fmriprep/ds1-fmriprep",
        "raw": "s3://openneuro.org/ds1",
    }
    assert source.uri(scans[0].bold) == "bids:preprocessed:sub-01/func/bold.nii.gz"


def test_a_shipped_cohort_is_linked_with_its_doi(root: Path, tmp_path: Path) -> None:
    cohort = read(Cohort, root / "config" / "cohorts" / "ds003007.yaml")
    scans = read_scans(root / "config" / "cohorts" / "ds003007.scans.tsv")
    source = find_source(cohort, scans, root / "config" / "cohorts" / "ds003007.files.tsv")
    assert source.datasets(tmp_path) == [
        {"URL": "s3://openneuro-derivatives/fmriprep/ds003007-fmriprep"},
        {"URL": "s3://openneuro.org/ds003007", "DOI": "doi:10.18112/openneuro.ds003007.v1.0.1"},
    ]
    start = "bids:preprocessed:sub-01/ses-post/func/sub-01_ses-post_task-rest"
    assert source.uri(scans[0].confounds) == f"{start}_desc-confounds_timeseries.tsv"


def test_a_file_that_the_files_table_lacks_is_told(tmp_path: Path) -> None:
    cohort, scans, table = fetched(tmp_path, "s3://b/{sub}/{name}", 2)
    table.write_text("".join(line for line in table.read_text().splitlines(keepends=True) if "sub-02/mask" not in line))
    with pytest.raises(UserError) as told:
        find_source(cohort, scans, table)
    assert told.value.got == "no sub-02_task-rest/mask.nii.gz"


def test_files_that_the_workflow_made_are_linked_by_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    cohort, scans, table = fetched(tmp_path, "data/c/my fmriprep/{sub}/{sub}/func/{name}", 2)
    source = find_source(cohort, scans, table)
    assert source.links(tmp_path / "out")["preprocessed"] == "../data/c/my%20fmriprep"
    assert source.uri(scans[1].mask) == "bids:preprocessed:sub-02/sub-02/func/mask.nii.gz"


def test_a_local_cohort_is_linked_by_path(root: Path, tmp_path: Path) -> None:
    cohort = read(Cohort, root / "config" / "cohorts" / "sample.yaml")
    scans = read_scans(root / "config" / "cohorts" / "sample.scans.tsv")
    source = find_source(cohort, scans, tmp_path / "none.files.tsv")
    (address,) = source.links(root / "out").values()
    assert address == "../data_sample"
    assert source.uri(scans[0].bold) == f"bids:preprocessed:{scans[0].bold}"


# --- wrong input -----------------------------------------------------------------------------------------------------


@pytest.fixture
def study(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a study that has not run."""
    shutil.copytree(root / "config", tmp_path / "config")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["--cohort", "sampel"], ["flag --cohort", "did you mean `sample`?"]),
        (["--cohort", "sample", "--strategies", "36q"], ["flag --strategies", "did you mean `36p`?"]),
        (["--cohort", "sample", "--atlases", "aal"], ["flag --atlases", "(seitzman2018)"]),
        (["--cohort", "sample", "--measures", "correlatoin"], ["flag --measures", "did you mean `correlation`?"]),
        (["--cohort", "sample", "--style", "bids"], ["xcp-d"]),
        (["--cohort", "sample", "--style", "wonkyconn"], ["would mix them", "name one with --strategies"]),
        (["--cohort", "sample"], ["results/sample/parcellate/seitzman2018/sub-01", "other results are missing"]),
    ],
)
def test_wrong_words_are_told(
    study: Path, words: list[str], parts: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", "config/config.yaml", "--to", "exported", *words]) == 2
    told = capsys.readouterr().err
    for part in ("must be:", "got:", "to do:", *parts):
        assert part in told
    assert not (study / "exported").exists()


@pytest.mark.parametrize(
    "description",
    [
        None,
        "{}",
        '{"GeneratedBy": []}',
        '{"GeneratedBy": [{"Name": "fMRIPrep"}]}',
        '{"GeneratedBy": [{"Name": "connect", "Description": "connect export of the cohort other"}]}',
    ],
)
def test_a_folder_of_something_else_is_not_touched(
    study: Path, description: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = study / "exported"
    folder.mkdir()
    kept = folder / "dataset_description.json" if description else folder / "notes.txt"
    kept.write_text(description or "mine")
    assert main(["export", "config/config.yaml", "--cohort", "sample", "--to", "exported"]) == 2
    assert "a new folder, or one that `connect export` wrote for the cohort sample" in capsys.readouterr().err
    assert [path.read_text() for path in folder.iterdir()] == [description or "mine"]


def test_a_file_is_not_touched(study: Path) -> None:
    (study / "exported").write_text("mine")
    assert main(["export", "config/config.yaml", "--cohort", "sample", "--to", "exported"]) == 2
    assert (study / "exported").read_text() == "mine"
