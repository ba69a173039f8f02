"""Small cohorts on which stages test models: the files that they read, and what they wrote."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from connect.cli import main

PARCELS = [
    ("s1", "Sal", "cortex"), ("c1", "Cont", "cortex"), ("v1", "Vis", "cortex"), ("s2", "Sal", "cortex"),
    ("c2", "Cont", "cortex"), ("a1", "Sub", "amygdala"), ("v2", "Vis", "cortex"), ("s3", "Sal", "cortex"),
    ("c3", "Cont", "cortex"), ("v3", "Vis", "cortex"), ("c4", "Cont", "cortex"), ("t1", "Sub", "thalamus"),
]  # fmt: skip
NAMES = [name for name, _, _ in PARCELS]
FIRST, SECOND = np.triu_indices(len(PARCELS), 1)
EDGES = [f"{NAMES[a]}-{NAMES[b]}" for a, b in zip(FIRST, SECOND, strict=True)]
EMOTION, COGNITION = ("s1", "s2", "s3", "a1"), ("c1", "c2", "c3", "c4")
BETWEEN = np.array([{a in EMOTION, b in EMOTION} == {True, False} and {a in COGNITION, b in COGNITION} == {True, False}
                    for a, b in (edge.split("-") for edge in EDGES)])  # fmt: skip
TESTS = ("domain_tests", "network_tests", "edge_tests")
TABLES = (*TESTS, "components", "nulls", "values", "people")


@dataclass
class Study:
    """Inputs of the stage in a folder; tests change them before they run it."""

    folder: Path
    participants: pd.DataFrame
    kept: pd.DataFrame
    connectomes: np.ndarray
    sessions: dict[str, Any]
    domains: dict[str, Any] = field(
        default_factory=lambda: {
            "emotion": {"networks": ["Sal"], "regions": ["amygdala"]},
            "cognition": {"networks": ["Cont"]},
        }
    )
    parcels: list[tuple[str, Any, str]] = field(default_factory=lambda: list(PARCELS))
    more: dict[str, Any] = field(default_factory=dict)
    phenotypes: dict[str, pd.DataFrame] = field(default_factory=dict)

    def write(self, model: dict[str, Any], stage: str = "compare") -> list[str]:
        """Write the inputs and return the words of the command line."""
        kept = self.kept["kept"] == "yes"
        atlas = pd.DataFrame(self.parcels, columns=["name", "network", "region"]).assign(x=0, y=0, z=0, radius=5)
        atlas.insert(0, "index", np.arange(1, len(atlas) + 1))
        tables = {
            "parcels": atlas,
            "participants": self.participants,
            "kept": self.kept,
            "scans": self.kept[kept].drop(columns=["kept", "reason"]),
        }
        for name, table in tables.items():
            table.to_csv(self.folder / f"{name}.tsv", sep="\t", index=False, na_rep="n/a")
        np.save(self.folder / "connectomes.npy", self.connectomes[kept.to_numpy()].astype(np.float32))
        choices = {
            "atlas": {"title": "t", "kind": "spheres", "parcels": "parcels.tsv", "spaces": ["MNI152NLin6Asym"]},
            "domains": self.domains,
            "cohort": {
                "title": "t",
                "derivatives": ".",
                "participants": "participants.tsv",
                "sessions": self.sessions,
                **self.more,
            },
            "measure": {"title": "t", "kind": "correlation"},
            "model": {"question": "?", **model},
        }
        for name, values in choices.items():
            (self.folder / f"{name}.yaml").write_text(yaml.safe_dump(values, sort_keys=False))
        files = {name: f"{name}.tsv" for name in ("participants", "kept", "scans")}
        files |= {name: f"{name}.yaml" for name in (*choices, "strategy")} | {"connectomes": "connectomes.npy"}
        files |= {name: f"out/{name}.tsv" for name in TABLES} | {"summary": "out/summary.json"}
        files |= {"slopes": "out/slopes.tsv"} if stage == "relate" else {}
        words = [
            word for name, file in files.items() for word in (f"--{name.replace('_', '-')}", str(self.folder / file))
        ]
        return [*words, *self._write_phenotypes()]

    def run(self, stage: str = "compare", **model: Any) -> Results:
        """Run a stage and read what it wrote."""
        assert main([stage, *self.write(model, stage)]) == 0
        tables = {
            name: pd.read_csv(self.folder / "out" / f"{name}.tsv", sep="\t", na_values=["n/a"], keep_default_na=False)
            for name in (*TABLES, *(("slopes",) if stage == "relate" else ()))
        }
        text = (self.folder / "out" / "summary.json").read_text()
        summary = json.loads(text, parse_constant=_no_constant)
        return Results(session_values=tables.pop("values"), summary=summary, **tables)

    def measure(
        self, name: str, values: Mapping[tuple[str, str], float], notes: Mapping[str, str] | None = None
    ) -> None:
        """Set a phenotype: values by participant and session label, NaN for none; notes by participant."""
        rows = [
            (participant, f"ses-{label}", value, value, (notes or {}).get(participant))
            for (participant, label), value in values.items()
        ]
        columns = ["participant_id", "session_id", "value", "measured", "note"]
        self.phenotypes[name] = pd.DataFrame(rows, columns=columns)

    def _write_phenotypes(self) -> list[str]:
        """Write the tables of phenotypes as the command `phenotypes` does, and return the words that name them."""
        folder = self.folder / "phenotypes"
        folder.mkdir(exist_ok=True)
        for name, table in self.phenotypes.items():
            table.to_csv(folder / f"{name}.tsv", sep="\t", index=False, na_rep="n/a")
            record = {"title": name.capitalize(), "unit": "pg/mL", "higher": f"more {name}", "words": "as measured"}
            record["source"] = "Nobody 2020"
            (folder / f"{name}.json").write_text(json.dumps(record))
        return ["--phenotypes", *(str(folder / f"{name}.tsv") for name in self.phenotypes)] if self.phenotypes else []

    def change(self, participant: str, plus: str = "post", minus: str = "pre") -> np.ndarray:
        """Return a participant's change in every edge, averaged over the kept runs of each session."""
        means = []
        for session in (plus, minus):
            chosen = (self.kept["participant_id"] == participant) & (self.kept["session_id"] == f"ses-{session}")
            rows = self.connectomes[(chosen & (self.kept["kept"] == "yes")).to_numpy()]
            means.append(rows.astype(np.float32).astype(float).mean(axis=0))
        return means[0] - means[1]


@dataclass
class Results:
    """What the stage wrote."""

    domain_tests: pd.DataFrame
    network_tests: pd.DataFrame
    edge_tests: pd.DataFrame
    components: pd.DataFrame
    nulls: pd.DataFrame
    session_values: pd.DataFrame
    people: pd.DataFrame
    summary: dict[str, Any]
    slopes: pd.DataFrame | None = None

    @property
    def primary(self) -> pd.Series:
        return self.domain_tests.iloc[0]

    @property
    def reasons(self) -> dict[str, str]:
        left = self.people[self.people["analysed"] == "no"]
        return dict(zip(left["participant_id"], left["reason"], strict=True))


def _no_constant(text: str) -> None:
    raise AssertionError(f"{text} is no JSON")


def cohort(folder: Path, labels: dict[str, dict[str, str]], n: int) -> Study:
    rng = np.random.default_rng(0)
    names = [f"sub-{number:02d}" for number in range(1, n + 1)]
    kept = pd.DataFrame(
        [(name, f"ses-{label}", f"{name}_ses-{label}") for name in names for label in labels],
        columns=["participant_id", "session_id", "scan"],
    ).assign(run=None, kept="yes", reason=None, scanner="Siemens Prisma 3T", tr=2.0)
    kept["mean_fd"] = rng.uniform(0.1, 0.3, len(kept)).round(4)
    participants = pd.DataFrame(
        {
            "participant_id": names,
            "arm": ["training", "waiting"] * (n // 2) + ["training"] * (n % 2),
            "age": rng.integers(20, 60, n),
        }
    )
    values = 0.3 + rng.normal(0, 0.1, (len(kept), len(EDGES)))
    return Study(folder, participants, kept, values, {label: dict(session) for label, session in labels.items()})


def lose(study: Study, participant: str, session: str, reason: str | None = None) -> None:
    """Exclude a scan for a reason, or remove it."""
    chosen = ((study.kept["participant_id"] == participant) & (study.kept["session_id"] == f"ses-{session}")).to_numpy()
    if reason:
        study.kept.loc[chosen, ["kept", "reason"]] = ["no", reason]
    else:
        study.kept, study.connectomes = study.kept[~chosen].reset_index(drop=True), study.connectomes[~chosen]


def told(
    study: Study, capsys: pytest.CaptureFixture[str], model: dict[str, Any], stage: str = "compare"
) -> dict[str, str]:
    """Run the stage, which must fail, and return the four parts of its message."""
    assert main([stage, *study.write(model, stage)]) == 2
    head, *lines = capsys.readouterr().err.splitlines()
    assert head == f"connect {stage}: wrong input"
    assert not (study.folder / "out").exists()
    parts = dict(line.split(":", 1) for line in lines)
    assert list(parts) == ["where", "must be", "got", "to do"]
    assert all(part.strip() for part in parts.values())
    return {key: part.strip() for key, part in parts.items()}
