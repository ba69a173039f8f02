"""Confounds of real fMRIPrep generations are those of nilearn's ``load_confounds``, in the documented number."""

from __future__ import annotations

import shutil
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from nilearn.interfaces.fmriprep import load_confounds

from connect.config import read
from connect.denoise.confounds import read_confounds
from connect.errors import UserError
from connect.settings.strategy import Scrub, Strategy

NAME = "sub-01_task-rest_desc-confounds_{}.tsv"
GENERATIONS = {
    "1.4": "fmriprep-1.4/test_desc-confounds_regressors.tsv",
    "1.4 without outliers": "fmriprep-1.4/no_nonsteady_desc-confounds_regressors.tsv",
    "1.5": "fmriprep-1.5/sub-303/sub-303_ses-preop_task-rest_run-02_desc-confounds_regressors.tsv",
    "21": "fmriprep-21/test-v21_desc-confounds_timeseries.tsv",
}
STRATEGIES: dict[str, tuple[Strategy, dict[str, Any]]] = {
    "24p": (Strategy("", motion="full"), {"strategy": ["motion"], "motion": "full"}),
    "36p": (
        Strategy("", motion="full", wm_csf="full", global_signal="full"),
        {"strategy": ["motion", "wm_csf", "global_signal"], "wm_csf": "full", "global_signal": "full"},
    ),
    "9p": (
        Strategy("", motion="basic", wm_csf="basic", global_signal="basic"),
        {"strategy": ["motion", "wm_csf", "global_signal"], "motion": "basic"},
    ),
    "acompcor": (
        Strategy("", motion="derivatives", compcor="anat_combined", cosines=True, high_pass=None),
        {"strategy": ["motion", "high_pass", "compcor"], "motion": "derivatives", "n_compcor": 5},
    ),
    "acompcor separated": (
        Strategy("", compcor="anat_separated", n_compcor=2, cosines=True, high_pass=None),
        {"strategy": ["high_pass", "compcor"], "compcor": "anat_separated", "n_compcor": 2},
    ),
    "tcompcor": (
        Strategy("", compcor="temporal", n_compcor="all", cosines=True, high_pass=None),
        {"strategy": ["high_pass", "compcor"], "compcor": "temporal", "n_compcor": "all"},
    ),
    "scrubbing": (
        Strategy("", motion="power2", scrub=Scrub(fd=0.3, std_dvars=1.4, min_segment=3)),
        {"strategy": ["motion", "scrub"], "motion": "power2", "scrub": 3}
        | {"fd_threshold": 0.3, "std_dvars_threshold": 1.4},
    ),
    "scrubbing by fd": (
        Strategy("", motion="basic", scrub=Scrub(fd=0.15, min_segment=0)),
        {"strategy": ["motion", "scrub"], "motion": "basic", "scrub": 0}
        | {"fd_threshold": 0.15, "std_dvars_threshold": 1e9},
    ),
}
COUNTS = {"24p": 24, "36p": 36, "9p": 9, "scrubbing": 12, "scrubbing by fd": 6}


@pytest.fixture(params=GENERATIONS)
def real(request: pytest.FixtureRequest, shared_data: Path, tmp_path: Path) -> Path:
    """Return a real confounds table under a BIDS name, with its sidecar."""
    source = shared_data / "confounds" / GENERATIONS[request.param]
    table = tmp_path / NAME.format(source.stem.rpartition("_")[2])
    shutil.copy(source, table)
    sidecars = [source.with_suffix(".json"), source.parent / "test_desc-confounds_regressors.json"]
    shutil.copy(next(sidecar for sidecar in sidecars if sidecar.is_file()), table.with_suffix(".json"))
    return table


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """Return a small confounds table as fMRIPrep 23 writes it: 60 volumes, two before the steady state."""
    rng = np.random.default_rng(0)
    bases = ["trans_x", "trans_y", "trans_z", "rot_x", "rot_y", "rot_z", "csf", "white_matter", "global_signal"]
    frame = pd.DataFrame(rng.normal(size=(60, 9)), columns=bases)
    for base in bases:
        frame[f"{base}_derivative1"] = frame[base].diff()
        frame[f"{base}_power2"] = frame[base] ** 2
        frame[f"{base}_derivative1_power2"] = frame[base].diff() ** 2
    frame["framewise_displacement"], frame["std_dvars"] = 0.1, 1.0
    frame.loc[0, ["framewise_displacement", "std_dvars"]] = np.nan
    for number in (0, 1):
        frame[f"cosine0{number}"] = np.cos(np.pi * (np.arange(60) + 0.5) * (number + 1) / 60)
        frame[f"non_steady_state_outlier0{number}"] = (np.arange(60) == number).astype(int)
        frame[f"a_comp_cor_0{number}"] = rng.normal(size=60)
    path = tmp_path / NAME.format("timeseries")
    frame.to_csv(path, sep="\t", index=False, na_rep="n/a")
    components = {f"a_comp_cor_0{number}": '{"Mask": "combined", "Method": "aCompCor"}' for number in (0, 1)}
    text = ", ".join(f'"{key}": {value}' for key, value in components.items())
    path.with_suffix(".json").write_text("{" + text + "}")
    return path


def change(path: Path, **columns: Any) -> None:
    """Rewrite some columns of a table; None drops a column."""
    frame = pd.read_csv(path, sep="\t")
    frame = frame.drop(columns=[name for name, values in columns.items() if values is None])
    frame = frame.assign(**{name: values for name, values in columns.items() if values is not None})
    frame.to_csv(path, sep="\t", index=False, na_rep="n/a")


@pytest.mark.parametrize("name", STRATEGIES)
def test_equals_nilearn_on_real_tables(real: Path, name: str) -> None:
    strategy, arguments = STRATEGIES[name]
    image = str(real).replace(real.name, "sub-01_task-rest_space-MNI152NLin6Asym_desc-preproc_bold.nii.gz")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        frame, mask = load_confounds(image, demean=False, **arguments)
    found = read_confounds(real, strategy)
    np.testing.assert_array_equal(found.matrix, frame.to_numpy())
    assert list(found.names) == list(frame.columns)
    np.testing.assert_array_equal(np.flatnonzero(found.kept), np.arange(len(frame)) if mask is None else mask)
    assert found.matrix.shape[1] == COUNTS.get(name, found.matrix.shape[1])


def test_every_real_table_loads(shared_data: Path) -> None:
    tables = [
        *sorted((shared_data / "confounds" / "fmriprep-1.5").rglob("*.tsv")),
        *sorted((shared_data / "psilocybin").rglob("*_timeseries.tsv"))[:3],
    ]
    assert len(tables) > 10
    for table in tables:
        for name in ("36p", "acompcor", "scrubbing"):
            found = read_confounds(table, STRATEGIES[name][0])
            assert found.matrix.shape[0] == found.kept.size == len(pd.read_csv(table, sep="\t"))


def test_a_real_table_without_motion_says_so(shared_data: Path, tmp_path: Path) -> None:
    source = shared_data / "confounds" / "fmriprep-1.4" / "missing_desc-confounds_regressors.tsv"
    table = shutil.copy(source, tmp_path / NAME.format("regressors"))
    with pytest.raises(UserError) as caught:
        read_confounds(table, Strategy("", motion="basic"))
    assert caught.value.got == "no motion `basic` (trans_y)"
    assert "compcor" in caught.value.todo


def test_shipped_strategies_give_the_documented_number(root: Path, made: Path) -> None:
    found = {
        path.stem: read_confounds(made, read(Strategy, path)).matrix.shape
        for path in sorted((root / "config" / "strategies").glob("*.yaml"))
    }
    expected = {"24p": 24, "24p-gsr": 25, "36p": 36, "none": 0, "scrubbing": 32, "simple": 26, "acompcor": 12 + 2 + 2}
    assert found == {name: (60, count) for name, count in expected.items()}


@pytest.mark.parametrize("drop", [True, False])
def test_volumes_before_the_steady_state_leave_unless_they_are_kept(made: Path, drop: bool) -> None:
    found = read_confounds(made, Strategy("", high_pass=None, low_pass=None, drop_non_steady=drop))
    assert np.flatnonzero(~found.kept).tolist() == ([0, 1] if drop else [])
    assert found.names == ()


def test_scrubbing_by_hand(made: Path) -> None:
    """FD and DVARS limits, and the runs of fewer than 5 volumes between: 10, 13 (and 11, 12), 30, 58 (and 59)."""
    fd, dvars = np.full(60, 0.1), np.full(60, 1.0)
    fd[[10, 13]], dvars[[30, 58]] = 0.9, 3.0
    change(made, framewise_displacement=fd, std_dvars=dvars)
    both = read_confounds(made, Strategy("", scrub=Scrub(fd=0.5, std_dvars=2.0, min_segment=5)))
    assert np.flatnonzero(~both.kept).tolist() == [0, 1, 10, 11, 12, 13, 30, 58, 59]
    without = read_confounds(made, Strategy("", scrub=Scrub(fd=0.5, min_segment=0)))
    assert np.flatnonzero(~without.kept).tolist() == [0, 1, 10, 13]


def test_all_volumes_censored_is_no_error_here(made: Path) -> None:
    found = read_confounds(made, Strategy("", motion="basic", scrub=Scrub(fd=0.01)))
    assert not found.kept.any()


def test_nothing_is_said(made: Path, recwarn: pytest.WarningsRecorder) -> None:
    read_confounds(made, Strategy("", high_pass=None, low_pass=None))
    read_confounds(made, Strategy("", motion="basic", scrub=Scrub(fd=0.01)))
    assert not recwarn.list


MISTAKES: dict[str, tuple[Strategy, dict[str, Any], str]] = {
    "column": (Strategy("", motion="full"), {"rot_z_power2": None}, "no motion `full` (rot_z_power2)"),
    "group": (
        Strategy("", wm_csf="basic", global_signal="basic"),
        {"csf": None, "white_matter": None, "global_signal": None},
        "no wm_csf `basic` (csf, white_matter); no global_signal `basic` (global_signal)",
    ),
    "cosines": (Strategy("", cosines=True, high_pass=None), {"cosine00": None, "cosine01": None}, "no cosines"),
    "compcor": (
        Strategy("", compcor="anat_combined", cosines=True, high_pass=None),
        {"a_comp_cor_00": None, "a_comp_cor_01": None},
        "no compcor `anat_combined` (a_comp_cor_00, ...)",
    ),
    "one component": (
        Strategy("", compcor="anat_combined", cosines=True, high_pass=None),
        {"a_comp_cor_01": None},
        "a_comp_cor_01",
    ),
    "other components": (Strategy("", compcor="temporal", cosines=True, high_pass=None), {}, "compcor"),
    "dvars": (Strategy("", scrub=Scrub(fd=0.5)), {"std_dvars": None}, "no scrub (std_dvars)"),
    "gap": (
        Strategy("", motion="basic"),
        {"rot_x": [0.1] * 30 + [np.nan] + [0.2] * 29},
        "missing values in rot_x",
    ),
    "camel case": (Strategy(""), {"FramewiseDisplacement": 0.0}, "camel case"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes(made: Path, name: str) -> None:
    strategy, columns, words = MISTAKES[name]
    change(made, **columns)
    with pytest.raises(UserError) as caught:
        read_confounds(made, strategy)
    assert words in caught.value.got
    assert str(made) in caught.value.where
    assert caught.value.must
    assert caught.value.todo


def test_the_groups_that_a_table_holds_are_named(made: Path) -> None:
    change(made, rot_z=None)
    with pytest.raises(UserError) as caught:
        read_confounds(made, Strategy("", motion="basic"))
    assert "(wm_csf, global_signal, cosines, compcor, scrub)" in caught.value.todo


def test_columns_that_the_strategy_does_not_need_may_be_missing(made: Path) -> None:
    change(made, framewise_displacement=None, std_dvars=None, csf=None, cosine00=None, cosine01=None)
    assert read_confounds(made, Strategy("", motion="full", global_signal="full")).matrix.shape == (60, 28)


def test_compcor_needs_the_sidecar(made: Path) -> None:
    made.with_suffix(".json").unlink()
    for compcor in ("anat_combined", "temporal"):
        with pytest.raises(UserError) as caught:
            read_confounds(made, Strategy("", compcor=compcor, cosines=True, high_pass=None))
        assert "the sidecar sub-01_task-rest_desc-confounds_timeseries.json" in caught.value.must
    assert read_confounds(made, Strategy("", motion="full")).matrix.shape == (60, 24)


def test_the_table_of_the_scan_is_read_and_no_other(made: Path) -> None:
    """A folder holds other runs and echoes; the name of the table leads to it alone."""
    other = made.with_name("sub-01_task-rest_run-2_desc-confounds_timeseries.tsv")
    shutil.copy(made, other)
    change(other, trans_x=5.0)
    assert (read_confounds(made, Strategy("", motion="basic")).matrix[:, 3] != 5).all()
    made.unlink()
    found = read_confounds(other, Strategy("", motion="basic"))
    assert (found.matrix[:, found.names.index("trans_x")] == 5).all()


def test_two_tables_of_one_scan_are_a_mistake(made: Path) -> None:
    shutil.copy(made, made.with_name(NAME.format("regressors")))
    with pytest.raises(UserError) as caught:
        read_confounds(made, Strategy("", motion="basic"))
    assert "more than one" in caught.value.got


@pytest.mark.parametrize("name", ["confounds.tsv", "sub-01_task-rest_confounds.tsv"])
def test_names_that_fmriprep_does_not_write(made: Path, name: str) -> None:
    with pytest.raises(UserError) as caught:
        read_confounds(made.rename(made.with_name(name)), Strategy(""))
    assert "_desc-confounds_timeseries.tsv" in caught.value.must


def test_a_table_that_is_not_there(made: Path) -> None:
    made.unlink()
    with pytest.raises(UserError) as caught:
        read_confounds(made, Strategy(""))
    assert caught.value.where == str(made)
