"""Measures of the person for tests: tables as `connect phenotypes` writes them, and figures' inputs of a model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from connect.changes import conditions_of, parts_of
from connect.compare import compare
from connect.config import read
from connect.figures import Inputs
from connect.parcels import domain_of
from connect.relate import relate
from connect.rows import phases_of
from connect.settings.atlas import Atlas
from connect.settings.cohort import Cohort
from connect.settings.domains import Domains
from connect.settings.measure import Measure
from connect.settings.model import Model
from connect.tables import read_record, read_table, write_record, write_table

TABLES = ("domain_tests", "network_tests", "edge_tests", "components", "nulls", "values", "people")
CHOICES = ("atlas", "domains", "cohort", "measure", "strategy", "model")


def write_phenotype(path: Path, values: Mapping[tuple[str, str], float], **about: Any) -> Path:
    """Write the value of each participant and session label, and the record beside it; NaN was lost."""
    rows = [
        {
            "participant_id": participant, "session_id": f"ses-{session}", "value": value, "measured": value,
            "note": "the sample was lost" if np.isnan(value) else None,
        }
        for (participant, session), value in values.items()
    ]  # fmt: skip
    write_table(path, pd.DataFrame(rows))
    known = {
        "title": "Oxytocin in plasma",
        "unit": "pg/mL",
        "higher": "more oxytocin",
        "words": "as in the table",
        "source": "",
    }
    write_record(path.with_suffix(".json"), {"name": path.stem, **known, **about})
    return path


def found_in(folder: Path) -> Inputs:
    """Test the model of a folder with the stage that does so, and return the inputs of its figures."""
    found = {name: folder / f"found_{name}.tsv" for name in TABLES} | {"summary": folder / "summary.json"}
    given: dict[str, Any] = {name: folder / f"{name}.yaml" for name in CHOICES}
    given |= {"scans": folder / "scans.tsv", "kept": folder / "kept.tsv", "connectomes": folder / "connectomes.npy"}
    given |= {"participants": folder / "people.tsv", "phenotypes": sorted((folder / "phenotypes").glob("*.tsv"))}
    cohort, model = read(Cohort, given["cohort"]), read(Model, given["model"])
    if model.relation:
        relate(**given, **found, slopes=folder / "slopes.tsv")
    else:
        compare(**given, **found)
    parcels, phases = read_table(folder / "parcels.tsv"), phases_of(model)
    return Inputs(
        atlas=read(Atlas, given["atlas"]), cohort=cohort, measure=read(Measure, given["measure"]), model=model,
        conditions=conditions_of(model.condition, cohort, "m", phases),
        part=parts_of(model.condition, cohort, "m", phases)[0],
        parcels=parcels, domain=domain_of(parcels, read(Domains, given["domains"]), given["domains"]),
        kept=read_table(given["kept"]), scans=read_table(given["scans"]), connectomes=np.load(given["connectomes"]),
        domain_tests=read_table(found["domain_tests"]), network_tests=read_table(found["network_tests"]),
        edge_tests=read_table(found["edge_tests"]), nulls=read_table(found["nulls"]),
        session_values=read_table(found["values"]), people=read_table(found["people"]),
        summary=read_record(found["summary"]), assessments=[], qcfc=pd.DataFrame(),
    )  # fmt: skip
