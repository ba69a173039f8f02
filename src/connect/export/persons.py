"""The measures of the person as BIDS has them: a table for each in the folder `phenotype`, with a sidecar.

BIDS allows one row for each participant there, so that sessions stand in columns, named as `connect phenotypes` reads
them again: `oxytocin_ses-pre`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from connect.export.chosen import Chosen
from connect.export.results import result
from connect.persons import COLUMNS
from connect.tables import read_record, read_table, write_record, write_table

KINDS = {"value": "{}", "measured": "{}_measured", "note": "{}_note"}
"""Columns of a result, and what they are called before the session, by the name of the measure in formulas."""


def write_phenotypes(chosen: Chosen, folder: Path) -> None:
    """Write a table of each measure that the models name: the participants who have scans, a row each.

    Parameters
    ----------
    chosen
        What is exported.
    folder
        The exported folder.
    """
    scanned = {scan.participant_id for scan in chosen.scans}
    for name in chosen.phenotypes:
        record = read_record(result("record", cohort=chosen.cohort, phenotype=name))
        table = read_table(result("phenotype", cohort=chosen.cohort, phenotype=name), [*COLUMNS, "measured"])
        own = wide(table[table["participant_id"].isin(scanned)], record["variable"])
        path = folder / "phenotype" / f"{name}.tsv"
        write_table(path, own)
        write_record(path.with_suffix(".json"), phenotype_sidecar(record, list(table["session_id"].unique())))


def wide(table: pd.DataFrame, variable: str) -> pd.DataFrame:
    """Return a row for each participant, with the columns of every session.

    Parameters
    ----------
    table
        A row for each participant and session.
    variable
        Name of the measure in formulas.
    """
    sessions = {str(name): own.set_index("participant_id") for name, own in table.groupby("session_id", sort=False)}
    columns = {
        f"{form.format(variable)}_{session}": own[kind]
        for kind, form in KINDS.items()
        for session, own in sessions.items()
    }
    return pd.DataFrame(columns, index=pd.Index(table["participant_id"].unique(), name="participant_id")).reset_index()


def phenotype_sidecar(record: Mapping[str, Any], sessions: Sequence[str]) -> dict[str, Any]:
    """Return the sidecar of a table, from what `connect phenotypes` recorded."""
    about = {kind: dict(record["columns"][kind]) for kind in KINDS}
    about["value"]["Description"] += f"; a higher value means {record['higher']}"
    cited = {"Reference": record["source"]} if record["source"] else {}
    return {
        "Description": record["title"],
        "MeasurementToolMetadata": {"Description": f"{record['title']}: {record['words']}", **cited},
        **{
            f"{form.format(record['variable'])}_{session}": {"LongName": f"{record['title']}, {session}", **about[kind]}
            for kind, form in KINDS.items()
            for session in sessions
        },
    }
