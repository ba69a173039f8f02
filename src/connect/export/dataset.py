"""What the exported folder holds of the dataset as a whole: its description, the participants and the atlases."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

from connect.export.chosen import Chosen
from connect.export.names import node_table
from connect.export.persons import write_phenotypes
from connect.export.sidecars import IGNORED, NODES, dataset_description, described, readme
from connect.export.sources import Source
from connect.layout import bids_label, participant
from connect.scans import MISSING, check_columns
from connect.tables import read_header, write_record


def write_dataset(chosen: Chosen, source: Source, folder: Path, to: Path) -> None:
    """Write the folder, without its scans.

    Parameters
    ----------
    chosen
        What is exported.
    source
        Where the scans come from.
    folder
        The folder.
    to
        Where it will be, to which addresses are relative.
    """
    folder.mkdir()
    cited = [one.source for one in chosen.atlases.values()]
    cited += [one.source for one in chosen.strategies.values()] + [one.source for one in chosen.measures.values()]
    about = dataset_description(chosen.cohort, chosen.settings, source, to, cited)
    write_record(folder / "dataset_description.json", about)
    (folder / "README.md").write_text(readme(chosen.settings, list(chosen.atlases)), encoding="utf-8")
    (folder / ".bidsignore").write_text("".join(f"{line}\n" for line in IGNORED), encoding="utf-8")
    _write_people(chosen, folder)
    _write_atlases(chosen, folder)
    write_phenotypes(chosen, folder)


def _write_people(chosen: Chosen, folder: Path) -> None:
    """Copy the rows of the participants who have scans, cell by cell as they are; who has none gets an empty one."""
    path = chosen.settings.participants
    scanned = {scan.participant_id for scan in chosen.scans}
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", restval=MISSING))
    check_columns(path, list(rows[0]) if rows else [], ["participant_id"])
    named = [{**row, "participant_id": participant(row["participant_id"])} for row in rows]
    lacking = sorted(scanned - {row["participant_id"] for row in named})
    columns = ["participant_id", *(name for name in rows[0] if name != "participant_id")]
    with (folder / "participants.tsv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, restval=MISSING, delimiter="\t", lineterminator="\n")
        writer.writeheader()
        writer.writerows(row for row in named if row["participant_id"] in scanned)
        writer.writerows({"participant_id": one} for one in lacking)
    beside = path.with_suffix(".json")
    if beside.is_file():
        shutil.copyfile(beside, folder / "participants.json")


def _write_atlases(chosen: Chosen, folder: Path) -> None:
    spaces = sorted({scan.space for scan in chosen.scans})
    for name, atlas in chosen.atlases.items():
        table = folder / node_table(name)
        shutil.copyfile(atlas.parcels, table)
        columns = {column: text for column, text in NODES.items() if column in read_header(table)}
        about = described(columns, f"Parcels of {atlas.title}", SpatialReference=", ".join(spaces))
        write_record(table.with_suffix(".json"), about)
        cited = [atlas.source] if atlas.source else []
        record = {"Name": atlas.title, "ReferencesAndLinks": cited}
        write_record(folder / f"atlas-{bids_label(name)}_description.json", record)
