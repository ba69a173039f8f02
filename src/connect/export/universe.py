"""Write what a strategy made of the series of an atlas: cleaned series, connectomes, and the tables of the cohort."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from connect.errors import UserError
from connect.export.chosen import Chosen
from connect.export.names import RAW, Names, group_path, measure_label, node_table
from connect.export.numbers import matrix_text, series_text, square
from connect.export.results import of_model, result
from connect.export.sidecars import cleaned_sidecar, matrix_sidecar
from connect.export.sources import Source
from connect.layout import bids_label
from connect.measures import registered
from connect.scans import Scan
from connect.tables import read_array, read_header, read_table, write_record


@dataclass(frozen=True)
class Universe:
    """An atlas and a strategy, with all measures.

    Attributes
    ----------
    chosen
        What is exported.
    atlas, strategy
        Their names.
    parcels
        Names of the parcels, in order.
    kept
        For each scan that was kept, its row of the table of the screen stage.
    lost
        For each scan, its missing parcels.
    rows
        For each measure, the row of each scan in the connectomes.
    """

    chosen: Chosen
    atlas: str
    strategy: str
    parcels: Sequence[str]
    kept: Mapping[str, Mapping[Any, Any]]
    lost: Mapping[str, Sequence[str]]
    rows: Mapping[str, Mapping[str, int]]

    def result(self, name: str, **more: str) -> Path:
        """Return the path of a result of this universe."""
        return result(name, cohort=self.chosen.cohort, atlas=self.atlas, strategy=self.strategy, **more)


def open_universe(chosen: Chosen, atlas: str, strategy: str) -> Universe:
    """Read the tables of an atlas and a strategy.

    Raises
    ------
    UserError
        If the connectomes are not those of the scans that were kept.
    """
    names = {"cohort": chosen.cohort, "atlas": atlas, "strategy": strategy}
    parcels = read_header(result("coverage", **names))
    screened = read_table(result("kept", **names), ["scan", "start", "stop", "kept"]).set_index("scan")
    kept = {str(scan): row for scan, row in screened[screened["kept"] == "yes"].to_dict("index").items()}
    missing = read_table(result("lost", **names), ["scan", "parcel"])
    lost = {str(scan): list(of_scan) for scan, of_scan in missing.groupby("scan")["parcel"]}
    rows = {}
    for measure in chosen.measures:
        table = result("scans", **names, measure=measure)
        scans = list(read_table(table, ["scan"])["scan"])
        shape = read_array(result("connectomes", **names, measure=measure)).shape
        odd = sorted(set(scans) ^ set(kept))
        if odd or shape != (len(scans), len(parcels) * (len(parcels) - 1) // 2):
            must = f"the {len(kept)} scans that were kept, and connectomes of them with {len(parcels)} parcels"
            got = f"connectomes of {shape[0]} scans with {shape[1]} edges"
            got += f", and {odd[0]} in one of the tables only" if odd else ""
            raise UserError(table, must, got, "run `snakemake`, which makes what is out of date again")
        rows[measure] = {scan: row for row, scan in enumerate(scans)}
    return Universe(chosen, atlas, strategy, parcels, kept, lost, rows)


def write_scan(universe: Universe, source: Source, folder: Path, scan: Scan) -> None:
    """Write the cleaned series and the connectomes of a scan, if it was kept."""
    if scan.name not in universe.kept:
        return
    names, chosen = Names(scan.name, universe.chosen.style), universe.chosen
    row, lost = universe.kept[scan.name], universe.lost.get(scan.name, [])
    series = np.array(read_array(universe.result("series"))[row["start"] : row["stop"]])
    series[:, [universe.parcels.index(parcel) for parcel in lost]] = np.nan
    path = names.series(universe.atlas, bids_label(universe.strategy))
    sources = [f"bids::{names.series(universe.atlas, RAW)}", source.uri(scan.confounds)]
    atlas, strategy = chosen.atlases[universe.atlas], chosen.strategies[universe.strategy]
    (folder / path).write_text(series_text(series, universe.parcels), encoding="utf-8")
    write_record((folder / path).with_suffix(".json"), cleaned_sidecar(scan, row, atlas, strategy, lost, sources))
    for measure in chosen.measures:
        _write_matrix(universe, folder, names, measure, path)


def write_group(universe: Universe, folder: Path) -> None:
    """Copy the tables of the whole cohort, with their sidecars where they have one."""
    chosen, desc = universe.chosen, bids_label(universe.strategy)
    made = {group_path(name, universe.atlas, desc): universe.result(result) for name, result in _SCREENED.items()}
    for measure, settings in chosen.measures.items():
        label = measure_label(measure, settings, chosen.style)
        for name, model in chosen.models.items():
            names = {"cohort": chosen.cohort, "atlas": universe.atlas, "strategy": universe.strategy}
            for kind, table in of_model(model, **names, measure=measure, model=name).items():
                made[group_path(kind, universe.atlas, desc, label, name)] = table
    (folder / "group").mkdir(exist_ok=True)
    for path, table in made.items():
        for extension in {table.suffix, ".json"}:
            if table.with_suffix(extension).is_file():
                shutil.copyfile(table.with_suffix(extension), folder / f"{path}{extension}")


_SCREENED = {"scans": "kept", "missing": "lost"}
"""Tables of the screen stage: their names outside, and inside."""


def _write_matrix(universe: Universe, folder: Path, names: Names, name: str, series: str) -> None:
    chosen = universe.chosen
    measure, style = chosen.measures[name], chosen.style
    correlation = registered(measure.kind).correlation
    edges = read_array(universe.result("connectomes", measure=name))[universe.rows[name][names.scan]]
    matrix = square(edges, len(universe.parcels), correlation=correlation, fisher_z=measure.fisher_z)
    path = folder / names.matrix(universe.atlas, bids_label(universe.strategy), measure_label(name, measure, style))
    path.write_text(matrix_text(matrix, universe.parcels, style.missing, named=style.named), encoding="utf-8")
    atlas, strategy = chosen.atlases[universe.atlas], chosen.strategies[universe.strategy]
    sidecar = matrix_sidecar(measure, atlas, strategy, node_table(universe.atlas), series, correlation=correlation)
    write_record(path.with_suffix(".json"), sidecar)
