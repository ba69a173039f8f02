"""The profiles agree, and the workflow can be planned with each of them where there is no cluster."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.workflow.study import ROOT, sample_study

PROFILES = ("default", "slurm", "cluster-generic")


def profile(name: str) -> dict[str, Any]:
    return yaml.safe_load((ROOT / "profiles" / name / "config.yaml").read_text())


def test_all_profiles_go_on_after_failures_and_kills() -> None:
    assert {path.name for path in (ROOT / "profiles").iterdir()} == set(PROFILES)
    shared = {"keep-going": True, "rerun-incomplete": True, "scheduler": "greedy", "show-failed-logs": True}
    for name in PROFILES:
        assert profile(name).items() >= shared.items()


def test_profiles_of_clusters_differ_in_how_they_submit_only() -> None:
    slurm, generic = profile("slurm"), profile("cluster-generic")
    assert slurm.pop("set-resource-scopes") == {"together": "local"}
    assert slurm["resources"].pop("together") == slurm["default-resources"].pop("together") == 1
    assert (slurm.pop("executor"), generic.pop("executor")) == ("slurm", "cluster-generic")
    assert slurm == {key: value for key, value in generic.items() if not key.startswith("cluster-generic-")}


def test_groups_and_resources_belong_to_rules() -> None:
    rules = "".join(path.read_text() for path in (ROOT / "workflow" / "rules").glob("*.smk"))
    settings = profile("slurm")
    assert set(settings["group-components"]) == set(settings["groups"].values())
    for rule in {**settings["groups"], **settings["set-resources"]}:
        assert f"rule {rule}:" in rules or f" as {rule} with:" in rules


@pytest.mark.slow
@pytest.mark.parametrize("name", PROFILES)
def test_the_workflow_can_be_planned(name: str, tmp_path: Path) -> None:
    planned = sample_study(tmp_path).planned(profile=name)
    assert planned["parcellate"] == 31
    assert planned["report"] == 1
