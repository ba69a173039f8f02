"""The sample cohort, from scans to an answer that is known."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from connect.inference.unequal import TOLERANCE

from .study import ROOT, Study, sample_study

pytestmark = pytest.mark.slow


def _summary(study: Study, model: str, strategy: str = "36p", stage: str = "compare") -> dict:
    folder = study.file("results", "sample", stage, "seitzman2018", strategy, "correlation", model)
    return json.loads((folder / "summary.json").read_text())


@pytest.mark.parametrize("strategy", ["36p", "acompcor"])
def test_the_planted_effect_is_found(finished: Study, strategy: str) -> None:
    by_arm = _summary(finished, "training-by-time", strategy)
    assert by_arm["gate"] == "open"
    assert by_arm["primary"]["ci_low"] > 0
    assert _summary(finished, "change-in-training", strategy)["gate"] == "open"


@pytest.mark.parametrize("strategy", ["36p", "acompcor"])
def test_nothing_is_found_in_the_waiting_arm(finished: Study, strategy: str) -> None:
    waiting = _summary(finished, "change-in-waiting", strategy)
    assert waiting["gate"] == "closed"
    assert waiting["primary"]["ci_low"] < 0 < waiting["primary"]["ci_high"]


@pytest.mark.parametrize("strategy", ["36p", "acompcor"])
def test_the_planted_relation_with_oxytocin_is_found(finished: Study, strategy: str) -> None:
    """20 pg/mL for each 1 of coupling, which raises connectivity by about 0.27 with 36p (0.15 for 0.55)."""
    found = _summary(finished, "oxytocin-and-change", strategy, "relate")
    assert found["gate"] == "open"
    assert found["primary"]["r_low"] > 0.3
    assert found["n"] == 13
    low, high = found["primary"]["ci_low"], found["primary"]["ci_high"]
    assert low < 0.27 / 20 < high
    assert found["phenotypes"]["oxytocin_change"]["unit"] == "pg/mL"


def test_p_is_counted_again_from_what_is_kept(finished: Study) -> None:
    for stage, model in (("compare", "training-by-time"), ("relate", "response-by-attachment")):
        folder = finished.file("results", "sample", stage, "seitzman2018", "36p", "correlation", model)
        nulls, summary = pd.read_csv(folder / "nulls.tsv", sep="\t").abs(), _summary(finished, model, stage=stage)
        assert len(nulls) == summary["arrangements"]
        assert (nulls["primary"] >= nulls["primary"][0]).mean() == pytest.approx(summary["primary"]["p"], rel=1e-12)
        edges = pd.read_csv(folder / "edges.tsv", sep="\t", na_values=["n/a"])
        assert (nulls["edges"] >= nulls["edges"][0]).mean() == pytest.approx(edges["p_fwe"].min(), rel=1e-8)
        bars = edges["statistic"].abs().nlargest(50) * (1 - TOLERANCE)
        expected = [(nulls["edges"] >= bar).mean() for bar in bars]
        assert edges["p_fwe"][bars.index].to_numpy() == pytest.approx(expected, abs=1e-8)


def test_every_scan_has_a_small_picture(finished: Study) -> None:
    kept = pd.read_csv(finished.file("results", "sample", "screen", "seitzman2018", "36p", "scans.tsv"), sep="\t")
    pictures = finished.file("results", "sample", "draw", "scans")
    assert {path.name for path in pictures.glob("*.png")} == {f"{scan}.png" for scan in kept["scan"]}
    assert max(path.stat().st_size for path in pictures.glob("*.png")) < 60_000
    assert len(list(pictures.glob("*.svg"))) == len(list(pictures.glob("*.pdf"))) == len(kept)


def test_attachment_anxiety_goes_with_less_response_to_training_as_planted(finished: Study) -> None:
    folder = finished.file(
        "results", "sample", "relate", "seitzman2018", "36p", "correlation", "response-by-attachment"
    )
    slopes = pd.read_csv(folder / "slopes.tsv", sep="\t").set_index(["quantity", "at"])
    assert slopes.loc[("between", "training"), "slope"] < 0
    assert slopes.loc[("between", "training"), "ci_high"] < slopes.loc[("between", "waiting"), "ci_high"]
    assert slopes.loc[("between", "waiting"), "ci_low"] < 0 < slopes.loc[("between", "waiting"), "ci_high"]


def test_who_lacks_a_measure_is_left_out_with_the_reason(finished: Study) -> None:
    folder = finished.file("results", "sample", "relate", "seitzman2018", "36p", "correlation", "oxytocin-and-change")
    people = pd.read_csv(folder / "participants.tsv", sep="\t", keep_default_na=False).set_index("participant_id")
    assert people.loc["sub-16", "analysed"] == "no"
    assert "no oxytocin after" in people.loc["sub-16", "reason"]


def test_mixed_units_are_refused(finished: Study, tmp_path: Path) -> None:
    study = sample_study(tmp_path)
    phenotype = study.file("config", "phenotypes", "cortisol.yaml")
    phenotype.write_text(phenotype.read_text().replace("cortisol.tsv", "cortisol_mixed.tsv"))
    done = study.snakemake("results/sample/phenotypes/cortisol.tsv")
    assert done.returncode
    log = study.file("logs", "phenotypes", "sample", "cortisol.log").read_text()
    assert "ug/dL" in log
    assert "nmol/L" in log


def test_everyone_who_is_left_out_is_listed_with_a_reason(finished: Study) -> None:
    folder = finished.file("results", "sample", "compare", "seitzman2018", "36p", "correlation", "training-by-time")
    people = pd.read_csv(folder / "participants.tsv", sep="\t", keep_default_na=False)
    left_out = people[people["analysed"] == "no"]
    assert len(people) == 16
    assert sorted(left_out["reason"].str.contains("mean FD")) == [False, True]
    assert left_out["reason"].str.contains("missing").sum() == 1
    kept = finished.file("results", "sample", "screen", "seitzman2018", "36p", "scans.tsv")
    scans = pd.read_csv(kept, sep="\t", keep_default_na=False)
    assert (scans["kept"] == "no").sum() == 1
    assert "above 0.5 mm" in scans.loc[scans["kept"] == "no", "reason"].item()


def test_the_parcel_out_of_view_is_missing_and_listed(finished: Study) -> None:
    lost = pd.read_csv(
        finished.file("results", "sample", "screen", "seitzman2018", "36p", "missing_parcels.tsv"), sep="\t"
    )
    assert len(set(lost["parcel"])) == 1


def test_denoising_takes_motion_out_of_connectivity(finished: Study) -> None:
    """Raw series leak far more than chance gives, and more between near parcels; the strictest strategy near chance."""
    folder = finished.file("results", "sample", "assess", "seitzman2018")
    level = {
        name: json.loads((folder / name / "correlation" / "summary.json").read_text())["level"]
        for name in ("none", "acompcor", "36p", "scrubbing-gsr")
    }
    assert [record["n"] for record in level.values()] == [16] * 4
    left = {name: record["median_abs_r"] for name, record in level.items()}
    assert left["none"] > left["acompcor"] > left["36p"]
    assert left["none"] > level["none"]["median_abs_r_high"]
    assert left["none"] - left["scrubbing-gsr"] > 0.1
    assert left["scrubbing-gsr"] < level["scrubbing-gsr"]["median_abs_r_high"]
    assert level["none"]["distance"] < level["none"]["distance_low"]
    assert level["none"]["distance"] < level["scrubbing-gsr"]["distance"] - 0.1


def test_one_core_and_two_give_the_same_bytes(finished: Study, tmp_path: Path) -> None:
    other = sample_study(tmp_path)
    other.run("--cores", "1")
    assert other.digests() == finished.digests()


@pytest.mark.parametrize(
    ("path", "old", "new", "parts"),
    [
        ("config/config.yaml", "strategies:", "strategis:", ["unknown key `strategis`", "did you mean `strategies`?"]),
        (
            "config/config.yaml",
            "[36p, acompcor, none, scrubbing-gsr]",
            "[36q]",
            ["36q.yaml", "did you mean `36p.yaml`?"],
        ),
        ("config/config.yaml", "carpet]", "calibration]", ["key calibration", "which `calibration` shows", "standard"]),
        ("config/config.yaml", "sample:", "sampel:", ["sampel.yaml", "did you mean `sample.yaml`?"]),
        ("config/strategies/36p.yaml", "wm_csf:", "wm_cfs:", ["36p.yaml, line 3", "did you mean `wm_csf`?"]),
        ("config/atlases/seitzman2018.yaml", "MNI152NLin2009cAsym, ", "", ["an atlas for scans in MNI152NLin6Asym"]),
        ("config/models/change-in-waiting.yaml", "~ 1", "~ np.exp(1)", ["key formula", "names, numbers, operators"]),
    ],
)
def test_a_wrong_choice_stops_before_anything_runs(
    tmp_path: Path, path: str, old: str, new: str, parts: list[str]
) -> None:
    study = sample_study(tmp_path)
    study.edit(path, old, new)
    done = study.snakemake("--cores", "1")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "File " not in done.stderr
    assert not study.file("results").exists()
    for part in ["where:", "must be:", "got:", "to do:", *parts]:
        assert part in done.stderr


def test_scans_with_bad_data_are_results_and_the_others_go_on(tmp_path: Path) -> None:
    """A truncated image, an empty mask, confounds that are too short: three exclusions, and an answer all the same."""
    study = sample_study(tmp_path)
    shutil.copytree(ROOT / "data_sample", tmp_path / "data_sample")
    study.edit("config/cohorts/sample.yaml", str(ROOT / "data_sample"), str(tmp_path / "data_sample"))
    study.plan(cohorts={"sample": ["training-by-time"]}, strategies=["36p"], figures=["motion"])
    files = {sub: tmp_path / "data_sample" / f"sub-{sub}" / "ses-pre" / "func" for sub in ("01", "02", "03")}
    bold = next(files["01"].glob("*_bold.nii.gz"))
    bold.write_bytes(bold.read_bytes()[:20_000])
    mask = next(files["02"].glob("*_mask.nii.gz"))
    image = nib.load(mask)
    nib.Nifti1Image(np.zeros(image.shape, np.uint8), image.affine).to_filename(mask)
    confounds = next(files["03"].glob("*_timeseries.tsv"))
    confounds.write_text("".join(confounds.read_text().splitlines(keepends=True)[:-5]))
    study.run("--cores", "2")
    scans = pd.read_csv(study.file("results", "sample", "screen", "seitzman2018", "36p", "scans.tsv"), sep="\t")
    reasons = scans[scans["kept"] == "no"].set_index("participant_id")["reason"]
    assert len(reasons) == 4
    for participant, part in (("sub-01", "_bold.nii.gz"), ("sub-02", "_mask.nii.gz"), ("sub-03", "_timeseries.tsv")):
        assert reasons[participant].startswith("unusable: ")
        assert part in reasons[participant]
    answer = study.file("results", "sample", "report", "answer.txt").read_text()
    assert "3 x unusable data" in answer
    assert "Analysed: 11 participants" in answer
