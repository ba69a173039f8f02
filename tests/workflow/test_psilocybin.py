"""Real signals: a within-participant drug study, 2 x 2 (drug or placebo, before or after), nine participants."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import yaml
from nilearn.connectome import ConnectivityMeasure
from nilearn.maskers import NiftiLabelsMasker
from scipy import ndimage
from sklearn.covariance import EmpiricalCovariance

from connect.cli import main

from .study import ROOT, Study

pytestmark = pytest.mark.slow

# Anatomical groups of the AAL atlas (Tzourio-Mazoyer et al. 2002, NeuroImage 15:273), without the side.
GROUPS = {
    "Limbic": ["Hippocampus", "ParaHippocamp", "Amygdala", "Cingulum Ant", "Olfactory"],
    "Insula": ["Insula"],
    "Orbitofrontal": ["Front Sup Orb", "Front Mid Orb", "Front Inf Orb", "Front Med Orb", "Rectus"],
    "LateralFrontal": ["Frontal Sup", "Front Mid", "Front Inf Ope", "Front Inf Tri"],
    "LateralParietal": ["Parietal Sup", "Parietal Inf", "SupraMarginal"],
}
DOMAINS = {
    "emotion": {"networks": ["Limbic", "Insula", "Orbitofrontal"]},
    "cognition": {"networks": ["LateralFrontal", "LateralParietal"]},
}
QUESTIONS = {"drug": "drug", "placebo": "placebo", "difference": "drug - placebo"}
SESSIONS = {
    "pcbpre": {"phase": "pre", "condition": "placebo"},
    "pcbpost": {"phase": "post", "condition": "placebo"},
    "psipre": {"phase": "pre", "condition": "drug"},
    "psipost": {"phase": "post", "condition": "drug"},
}


def _atlas(source: Path, choices: Path) -> None:
    labels = pd.read_csv(source / "AAL90_labels.tsv", sep="\t")
    image = nib.load(source / "AAL90_3mm.nii.gz")
    centres = ndimage.center_of_mass(np.ones(image.shape), np.asarray(image.dataobj), labels["index"])
    group = {region: name for name, regions in GROUPS.items() for region in regions}
    region = labels["name"].str[2:]
    table = labels.assign(network=region.map(group).fillna("Other"), region=region)
    table[["x", "y", "z"]] = nib.affines.apply_affine(image.affine, np.array(centres))
    table.to_csv(choices / "atlases" / "aal90.tsv", sep="\t", index=False)
    atlas = {
        "title": "AAL", "kind": "labels", "parcels": "aal90.tsv", "image": str(source / "AAL90_3mm.nii.gz"),
        "spaces": ["MNI152NLin6Asym"],
    }  # fmt: skip
    (choices / "atlases" / "aal90.yaml").write_text(yaml.safe_dump(atlas))
    (choices / "domains" / "aal90.yaml").write_text(yaml.safe_dump(DOMAINS))


@pytest.fixture(scope="module")
def study(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Study:
    study = Study(tmp_path_factory.mktemp("psilocybin"))
    choices = study.file("config")
    for kind in ("cohorts", "atlases", "domains", "strategies", "measures", "models", "figures"):
        (choices / kind).mkdir(parents=True)
    _atlas(shared_data / "atlases" / "aal90", choices)
    for kind, name in (
        ("strategies", "none"),
        ("measures", "correlation"),
        *(("figures", name) for name in ("slopegraph", "glass-brain")),
    ):
        (choices / kind / f"{name}.yaml").write_text((ROOT / "config" / kind / f"{name}.yaml").read_text())
    for name, condition in QUESTIONS.items():
        model = {
            "question": f"What changes: {condition}?",
            "formula": "~ 1",
            "contrast": "mean",
            "condition": condition,
        }
        # The confounds belong to other people, so their motion says nothing about these scans.
        model["motion_covariate"] = False
        (choices / "models" / f"{name}.yaml").write_text(yaml.safe_dump(model))
    assert main(["index", str(shared_data / "psilocybin"), "--cohort", "psilocybin", "--choices", str(choices)]) == 0
    path = choices / "cohorts" / "psilocybin.yaml"
    cohort = yaml.safe_load(path.read_text())
    path.write_text(yaml.safe_dump({**cohort, "sessions": SESSIONS, "limits": {"mean_fd": 1.0}}))
    plan = {
        "cohorts": {"psilocybin": list(QUESTIONS)}, "atlases": ["aal90"], "strategies": ["none"],
        "measures": ["correlation"], "figures": ["slopegraph", "glass-brain"],
    }  # fmt: skip
    (choices / "config.yaml").write_text(yaml.safe_dump(plan))
    study.run("--cores", "2")
    return study


def _results(study: Study, model: str) -> Path:
    return study.file("results", "psilocybin", "compare", "aal90", "none", "correlation", model)


@pytest.fixture(scope="module")
def matrices(shared_data: Path) -> dict[tuple[str, str], np.ndarray]:
    """Return the connectome of every participant and session, by nilearn alone."""
    atlas = shared_data / "atlases" / "aal90" / "AAL90_3mm.nii.gz"
    masker = NiftiLabelsMasker(atlas, standardize=None, resampling_target=None)
    measure = ConnectivityMeasure(kind="correlation", cov_estimator=EmpiricalCovariance(), standardize=False)
    found = {}
    for path in sorted((shared_data / "psilocybin").rglob("*_desc-preproc_bold.nii.gz")):
        mask = str(path).replace("desc-preproc_bold", "desc-brain_mask")
        series = masker.set_params(mask_img=mask).fit_transform(path)
        matrix = measure.fit_transform([series])[0]
        found[path.parts[-4], path.parts[-3]] = np.arctanh(matrix[np.triu_indices(90, 1)])
    return found


def _change(matrices: dict[tuple[str, str], np.ndarray], post: str, pre: str) -> np.ndarray:
    people = sorted({person for person, _ in matrices})
    return np.stack([matrices[person, f"ses-{post}"] - matrices[person, f"ses-{pre}"] for person in people])


@pytest.mark.parametrize("model", QUESTIONS)
def test_all_512_flips_of_nine_people_are_enumerated(study: Study, model: str) -> None:
    summary = json.loads((_results(study, model) / "summary.json").read_text())
    assert (summary["n"], summary["arrangements"], summary["enumerated"]) == (9, 512, True)
    for level in ("domains", "networks", "edges"):
        table = pd.read_csv(_results(study, model) / f"{level}.tsv", sep="\t")
        p = table[["p", "p_fwe"]].to_numpy()
        np.testing.assert_allclose(p * 512, np.round(p * 512), atol=1e-5)
        assert np.nanmin(p) >= 2 / 512


@pytest.mark.parametrize("model", QUESTIONS)
def test_edges_and_domains_equal_nilearn_and_a_loop_over_the_flips(
    study: Study, matrices: dict[tuple[str, str], np.ndarray], model: str
) -> None:
    drug, placebo = _change(matrices, "psipost", "psipre"), _change(matrices, "pcbpost", "pcbpre")
    change = {"drug": drug, "placebo": placebo, "difference": drug - placebo}[model]
    edges = pd.read_csv(_results(study, model) / "edges.tsv", sep="\t")
    block = change[:, edges["block"] == "between"].mean(axis=1)
    signs = np.array(list(product([1, -1], repeat=9)))
    for table, values in (
        (edges, change),
        (pd.read_csv(_results(study, model) / "domains.tsv", sep="\t")[:1], block[:, None]),
    ):
        np.testing.assert_allclose(table["estimate"], values.mean(axis=0), atol=1e-5)
        flipped = signs[:, :, None] * values[None, :, :400]
        t = np.abs(flipped.mean(axis=1) / flipped.std(axis=1, ddof=1))
        p = (t >= t[0] * (1 - 1e-9)).mean(axis=0)
        np.testing.assert_allclose(table["p"][:400], p, atol=2.1 / 512)
        assert np.mean(np.abs(table["p"][:400] - p) < 1e-6) > 0.98


def test_the_report_answers(study: Study) -> None:
    page = study.file("results", "psilocybin", "report", "report.html").read_text()
    assert "drug - placebo" in page
    assert "512" in page
