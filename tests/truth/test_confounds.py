"""Confounds of real fMRIPrep tables are those of nilearn's ``load_confounds``; where they differ, a test says so."""

from __future__ import annotations

import json
import re
import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nilearn.interfaces.fmriprep import load_confounds
from nilearn.interfaces.fmriprep.load_confounds_strategy import preset_strategies

from connect.config import read
from connect.denoise.confounds import read_confounds
from connect.denoise.volumes import kept_volumes
from connect.errors import UnusableScan, UserError
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


def arguments(strategy: Strategy) -> dict[str, Any]:
    """Return the arguments of ``load_confounds`` that mean the same as a strategy."""
    groups = {key: value for key in ("motion", "wm_csf", "global_signal") if (value := getattr(strategy, key))}
    made: dict[str, Any] = dict(groups)
    if strategy.compcor:
        made |= {"compcor": strategy.compcor, "n_compcor": strategy.n_compcor}
    if strategy.ica_aroma:
        made["ica_aroma"] = "basic"
    if strategy.scrub:
        limit = 1e9 if strategy.scrub.std_dvars is None else strategy.scrub.std_dvars
        made |= {"scrub": strategy.scrub.min_segment, "fd_threshold": strategy.scrub.fd, "std_dvars_threshold": limit}
    words = [*groups, *(key for key in ("compcor", "ica_aroma", "scrub") if key in made)]
    return {"strategy": [*words, *(["high_pass"] if strategy.cosines else [])], **made}


def nilearn_confounds(table: Path, given: dict[str, Any]) -> tuple[pd.DataFrame, np.ndarray]:
    """Return nilearn's choice of columns of a table, and which volumes it keeps."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        image = str(table).replace(f"desc-confounds_{table.stem.rpartition('_')[2]}.tsv", "desc-preproc_bold.nii.gz")
        frame, mask = load_confounds(image, demean=False, **given)
    n_volumes = len(pd.read_csv(table, sep="\t"))
    frame = pd.DataFrame(index=range(n_volumes)) if frame is None else frame
    return frame, np.ones(n_volumes, dtype=bool) if mask is None else np.isin(np.arange(n_volumes), mask)


def real_tables(shared_data: Path, root: Path) -> Iterator[Path]:
    """Yield every real table whose name nilearn can resolve, and some that are made or borrowed."""
    yield from sorted((shared_data / "confounds").rglob("sub-*desc-confounds_*.tsv"))
    yield from sorted((shared_data / "psilocybin").rglob("*_timeseries.tsv"))[:3]
    yield from sorted((root / "data_sample").rglob("*_timeseries.tsv"))[:4]


SHIPPED = sorted(path.stem for path in (Path(__file__).parents[2] / "config" / "strategies").glob("*.yaml"))


def agree(table: Path, strategy: Strategy) -> bool:
    """Compare a table with nilearn; False where both say that it lacks something."""
    try:
        frame, kept = nilearn_confounds(table, arguments(strategy))
    except (ValueError, KeyError):
        with pytest.raises(UserError, match="no "):
            read_confounds(table, strategy)
        return False
    found = read_confounds(table, strategy)
    assert list(found.names) == list(frame.columns)
    np.testing.assert_array_equal(found.matrix, frame.to_numpy())
    np.testing.assert_array_equal(found.kept, kept if strategy.drop_non_steady else True)
    return True


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_strategy_equals_nilearn_on_every_generation(root: Path, real: Path, name: str) -> None:
    strategy = read(Strategy, root / "config" / "strategies" / f"{name}.yaml")
    assert agree(real, strategy) or name == "ica-aroma"


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_strategy_equals_nilearn_on_every_real_table(root: Path, shared_data: Path, name: str) -> None:
    strategy = read(Strategy, root / "config" / "strategies" / f"{name}.yaml")
    tables = list(real_tables(shared_data, root))
    assert len(tables) > 15
    same = [agree(table, strategy) for table in tables]
    assert all(same) or name == "ica-aroma"


def test_a_real_table_without_motion_says_so(shared_data: Path, tmp_path: Path) -> None:
    source = shared_data / "confounds" / "fmriprep-1.4" / "missing_desc-confounds_regressors.tsv"
    table = shutil.copy(source, tmp_path / NAME.format("regressors"))
    with pytest.raises(UserError) as caught:
        read_confounds(table, Strategy("", motion="basic"))
    assert caught.value.got == "no motion `basic` (trans_y)"
    assert "compcor" in caught.value.todo


def test_shipped_strategies_give_the_documented_number(root: Path, made: Path) -> None:
    rng = np.random.default_rng(1)
    change(made, **{f"aroma_motion_{number:02d}": rng.normal(size=60) for number in (0, 3, 11)})
    found = {
        path.stem: read_confounds(made, read(Strategy, path)).matrix.shape
        for path in sorted((root / "config" / "strategies").glob("*.yaml"))
    }
    expected = {"24p": 24, "24p-gsr": 25, "36p": 36, "none": 0, "scrubbing": 32, "scrubbing-gsr": 33}
    expected |= {"simple": 26, "simple-gsr": 27, "acompcor": 12 + 2 + 2, "acompcor50": 12 + 2 + 2, "ica-aroma": 2 + 3}
    assert found == {name: (60, count) for name, count in expected.items()}


PRESETS = {"simple": "simple", "scrubbing": "scrubbing", "acompcor50": "compcor", "ica-aroma": "ica_aroma"}


@pytest.mark.parametrize("name", PRESETS)
def test_what_differs_from_the_presets_of_nilearn(root: Path, name: str) -> None:
    """Where ours filter, the presets regress cosines out; the rest of what differs stands in docs/stages/denoise.md."""
    preset = {key: value for key, value in preset_strategies[PRESETS[name]].items() if value is not None}
    ours = arguments(read(Strategy, root / "config" / "strategies" / f"{name}.yaml"))
    words = {"strategy": sorted(preset.pop("strategy")), "demean": preset.pop("demean")}
    assert words == {"strategy": sorted({*ours.pop("strategy"), "high_pass"}), "demean": True}
    differing = {
        key: (ours.get(key), preset.get(key)) for key in {**ours, **preset} if ours.get(key) != preset.get(key)
    }
    assert (
        differing
        == {
            "simple": {},
            "scrubbing": {"std_dvars_threshold": (1e9, 1.5)},
            "acompcor50": {"motion": ("derivatives", "full")},
            "ica-aroma": {"ica_aroma": ("basic", "full")},
        }[name]
    )


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


@pytest.mark.parametrize(
    ("scrub", "dummy_scans", "dropped"),
    [
        (Scrub(fd=0.5, min_segment=0), 0, [0, 1, 20, 59]),
        (Scrub(fd=0.5, min_segment=0), 1, [0, 1, 20, 59]),
        (Scrub(fd=0.5, min_segment=0), 5, [0, 1, 2, 3, 4, 20, 59]),
        (Scrub(fd=0.5, before=2, min_segment=0), 0, [0, 1, 18, 19, 20, 57, 58, 59]),
        (Scrub(fd=0.5, after=3, min_segment=0), 0, [0, 1, 20, 21, 22, 23, 59]),
        (Scrub(fd=0.5, before=1, after=1, min_segment=0), 3, [0, 1, 2, 19, 20, 21, 58, 59]),
        (Scrub(fd=0.5, before=1, after=1, min_segment=17), 3, [*range(22), 58, 59]),
    ],
)
def test_neighbours_and_dummy_scans_by_hand(made: Path, scrub: Scrub, dummy_scans: int, dropped: list[int]) -> None:
    fd = np.full(60, 0.1)
    fd[[20, 59]] = 0.9
    change(made, framewise_displacement=fd)
    found = read_confounds(made, Strategy("", dummy_scans=dummy_scans, scrub=scrub))
    assert np.flatnonzero(~found.kept).tolist() == dropped
    np.testing.assert_array_equal(found.fd, fd)


def test_first_volumes_may_be_counted_instead_of_marked(made: Path) -> None:
    strategy = Strategy("", drop_non_steady=False, dummy_scans=1, scrub=Scrub(fd=0.5))
    assert np.flatnonzero(~read_confounds(made, strategy).kept).tolist() == [0]


def test_a_short_run_after_the_first_volumes_leaves_and_with_nilearn_stays(made: Path) -> None:
    """Of volumes 0 to 5 before the flagged one, 0 and 1 are not steady: nilearn counts six kept volumes, we four."""
    fd = np.full(60, 0.1)
    fd[6] = 0.9
    change(made, framewise_displacement=fd)
    strategy = Strategy("", scrub=Scrub(fd=0.5, min_segment=5))
    assert np.flatnonzero(~read_confounds(made, strategy).kept).tolist() == [0, 1, 2, 3, 4, 5, 6]
    assert np.flatnonzero(~nilearn_confounds(made, arguments(strategy))[1]).tolist() == [0, 1, 6]


@given(
    flagged=st.lists(st.booleans(), min_size=20, max_size=60),
    before=st.integers(0, 3),
    after=st.integers(0, 3),
    minimum=st.integers(0, 8),
)
@settings(max_examples=100, deadline=None)
def test_laws_of_censoring(flagged: list[bool], before: int, after: int, minimum: int) -> None:
    """No flagged volume or neighbour is kept, no kept run is short, and what is censored beyond that is a short run."""
    fd, unsteady = np.where(flagged, 1.0, 0.1), np.arange(len(flagged)) < 2
    scrub = Scrub(fd=0.5, before=before, after=after, min_segment=minimum)
    kept = kept_volumes(unsteady, fd, fd * 0, Strategy("", scrub=scrub))
    near = {n + step for n in np.flatnonzero(flagged) for step in range(-before, after + 1)}
    free = [n for n in range(2, len(flagged)) if n not in near]
    runs = "".join("1" if n in free else " " for n in range(len(flagged)))
    expected = [m.start() + k for m in re.finditer("1+", runs) if len(m[0]) >= minimum for k in range(len(m[0]))]
    assert np.flatnonzero(kept).tolist() == expected


def test_a_volume_at_the_limit_is_kept(made: Path) -> None:
    """Censored is what lies above the limit, as in nilearn."""
    values = np.full(60, 0.1)
    values[[20, 30, 40]] = np.nextafter(0.5, 0), 0.5, np.nextafter(0.5, 1)
    change(made, framewise_displacement=values)
    strategy = Strategy("", scrub=Scrub(fd=0.5, min_segment=0))
    assert np.flatnonzero(~read_confounds(made, strategy).kept).tolist() == [0, 1, 40]
    change(made, framewise_displacement=0.1, std_dvars=values)
    strategy = Strategy("", scrub=Scrub(fd=9.0, std_dvars=0.5, min_segment=0))
    assert np.flatnonzero(~read_confounds(made, strategy).kept).tolist() == [0, 1, 40]


@pytest.mark.parametrize("key", ["before", "after", "min_segment"])
def test_more_volumes_than_any_integer_of_numpy_holds(made: Path, key: str) -> None:
    fd = np.full(60, 0.1)
    fd[30] = 0.9
    change(made, framewise_displacement=fd)
    huge = read_confounds(made, Strategy("", scrub=Scrub(fd=0.5, **{"min_segment": 0, key: 10**23})))
    all_of_them = read_confounds(made, Strategy("", scrub=Scrub(fd=0.5, **{"min_segment": 0, key: 60})))
    np.testing.assert_array_equal(huge.kept, all_of_them.kept)
    assert not read_confounds(made, Strategy("", dummy_scans=10**23)).kept.any()


@pytest.mark.parametrize("column", ["framewise_displacement", "std_dvars"])
def test_without_a_value_to_censor_by_a_scan_is_unusable(made: Path, column: str) -> None:
    change(made, **{column: np.nan})
    with pytest.raises(UnusableScan) as caught:
        read_confounds(made, Strategy("", scrub=Scrub(fd=0.5, std_dvars=1.5)))
    assert (caught.value.got, column in caught.value.must) == ("n/a in every row", True)
    assert read_confounds(made, Strategy("")).kept.sum() == 58


def test_another_number_of_rows_is_told_before_missing_values(made: Path) -> None:
    change(made, rot_x=np.nan)
    with pytest.raises(UnusableScan) as caught:
        read_confounds(made, Strategy("", motion="basic"), 61)
    assert caught.value.parts()["must"] == "as many rows as the image has volumes (61)"
    assert caught.value.got == "60 rows"
    assert len(read_confounds(made, Strategy("", wm_csf="basic"), 60).kept) == 60


@pytest.mark.parametrize("strategy", [Strategy(""), Strategy("", motion="full")])
def test_an_empty_table_is_a_fault_of_the_scan(made: Path, strategy: Strategy) -> None:
    made.write_bytes(b"")
    with pytest.raises(UnusableScan) as caught:
        read_confounds(made, strategy, 60)
    assert caught.value.got == "an empty file"


def test_a_mark_without_value_means_a_steady_volume(made: Path, recwarn: pytest.WarningsRecorder) -> None:
    change(made, non_steady_state_outlier00=[1.0] + [np.nan] * 59, non_steady_state_outlier01=np.nan)
    assert np.flatnonzero(~read_confounds(made, Strategy("")).kept).tolist() == [0]
    assert not recwarn.list


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
    "dvars": (Strategy("", scrub=Scrub(fd=0.5, std_dvars=1.5)), {"std_dvars": None}, "no scrub (std_dvars)"),
    "fd": (Strategy("", scrub=Scrub(fd=0.5)), {"framewise_displacement": None}, "no scrub (framewise_displacement)"),
    "aroma": (Strategy("", ica_aroma=True), {}, "no ica_aroma (aroma_motion_00, ...)"),
    "no retained component": (
        Strategy("", compcor="anat_separated", cosines=True, high_pass=None),
        {},
        "no compcor `anat_separated` (WM components in the sidecar (w_comp_cor_00, ...), CSF components",
    ),
    "gap": (
        Strategy("", motion="basic"),
        {"rot_x": [0.1] * 30 + [np.nan] + [0.2] * 29},
        "missing values in rot_x",
    ),
    "words": (Strategy("", motion="basic"), {"rot_x": ["0.1"] * 59 + ["many"]}, "'many'"),
    "fMRIPrep 1.1": (
        Strategy(""),
        {"FramewiseDisplacement": 0.0, "X": 0.0},
        "FramewiseDisplacement, X, as fMRIPrep 1.1 and older",
    ),
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
    groups = "wm_csf, global_signal, cosines, compcor, framewise_displacement, std_dvars"
    assert f"({groups})" in caught.value.todo


def test_columns_that_the_strategy_does_not_need_may_be_missing(made: Path) -> None:
    change(made, std_dvars=None)
    assert read_confounds(made, Strategy("", scrub=Scrub(fd=0.5))).kept.sum() == 58
    change(made, framewise_displacement=None, csf=None, cosine00=None, cosine01=None)
    found = read_confounds(made, Strategy("", motion="full", global_signal="full"))
    assert found.matrix.shape == (60, 28)
    assert np.isnan(found.fd).all()


def test_words_in_a_column_that_is_not_used_do_not_matter(made: Path) -> None:
    change(made, csf=["many"] * 60)
    assert read_confounds(made, Strategy("", motion="basic")).matrix.shape == (60, 6)


def test_bad_values_are_a_fault_of_the_scan_and_a_missing_column_is_none(made: Path) -> None:
    change(made, rot_x=["many"] * 60)
    with pytest.raises(UnusableScan):
        read_confounds(made, Strategy("", motion="basic"))
    with pytest.raises(UserError) as caught:
        read_confounds(made, Strategy("", ica_aroma=True))
    assert not isinstance(caught.value, UnusableScan)


def test_a_derivative_begins_with_its_second_value(made: Path) -> None:
    found = read_confounds(made, Strategy("", motion="derivatives"))
    rate = found.matrix[:, found.names.index("rot_x_derivative1")]
    assert rate[0] == rate[1] == pytest.approx(np.diff(found.matrix[:, found.names.index("rot_x")])[0])


@pytest.mark.parametrize(("n_compcor", "numbers"), [("all", [0, 3]), (3, [0, 1, 3]), (9, [0, 1, 3, 12])])
def test_all_components_are_those_that_fmriprep_retained(made: Path, n_compcor: Any, numbers: list[int]) -> None:
    """With `--return-all-components` a table may hold others too, which nilearn's `all` takes."""
    names = {number: f"w_comp_cor_{number:02d}" for number in (12, 3, 1, 0)}
    change(made, **{name: np.full(60, float(number)) for number, name in names.items()}, c_comp_cor_00=np.zeros(60))
    sidecar = {name: {"Mask": "WM", "Retained": number in (0, 3)} for number, name in names.items()}
    sidecar["c_comp_cor_00"] = {"Mask": "CSF", "Retained": True}
    made.with_suffix(".json").write_text(json.dumps(sidecar))
    found = read_confounds(made, Strategy("", compcor="anat_separated", n_compcor=n_compcor, cosines=True, high_pass=0))
    assert [name for name in found.names if name.startswith("w_")] == [names[number] for number in sorted(numbers)]
    assert "c_comp_cor_00" in found.names


def test_nilearn_takes_components_that_were_not_retained(made: Path) -> None:
    components = {f"a_comp_cor_0{number}": {"Mask": "combined", "Retained": number == 0} for number in (0, 1)}
    made.with_suffix(".json").write_text(json.dumps(components))
    strategy = Strategy("", compcor="anat_combined", n_compcor="all", cosines=True, high_pass=None)
    assert read_confounds(made, strategy).names == ("a_comp_cor_00", "cosine00", "cosine01")
    theirs = nilearn_confounds(made, arguments(strategy))[0]
    assert set(theirs.columns) == {"a_comp_cor_00", "a_comp_cor_01", "cosine00", "cosine01"}


def test_nilearn_needs_both_limits(made: Path) -> None:
    change(made, std_dvars=None)
    strategy = Strategy("", scrub=Scrub(fd=0.5))
    assert read_confounds(made, strategy).kept.sum() == 58
    with pytest.raises(KeyError):
        nilearn_confounds(made, arguments(strategy))


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


def test_both_names_of_a_table_are_read(made: Path) -> None:
    """fMRIPrep before 20.2 wrote `regressors`; a folder may hold both after a second run."""
    old = Path(shutil.copy(made, made.with_name(NAME.format("regressors"))))
    change(old, trans_x=5.0)
    found = read_confounds(old, Strategy("", motion="basic"))
    assert (found.matrix[:, found.names.index("trans_x")] == 5).all()
    assert (read_confounds(made, Strategy("", motion="basic")).matrix[:, 3] != 5).all()


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
