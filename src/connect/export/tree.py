"""Write the exported folder: the dataset, then each atlas and strategy scan by scan, then the tables of the cohort.

Arrays are opened anew for each scan, so that memory does not grow with their number.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from connect.export.chosen import Chosen
from connect.export.dataset import write_dataset
from connect.export.names import RAW, Names
from connect.export.results import result
from connect.export.sidecars import COVERAGE, MOTION, described, raw_sidecar
from connect.export.sources import Source, find_source
from connect.export.universe import open_universe, write_group, write_scan
from connect.layout import coverage_name, qc_series_name, series_name
from connect.progress import progress
from connect.scans import Scan
from connect.tables import read_record, write_record


def write_tree(chosen: Chosen, folder: Path, to: Path) -> None:
    """Write everything below a folder.

    Parameters
    ----------
    chosen
        What is exported.
    folder
        Where it is written.
    to
        Where it will be, to which addresses are relative.
    """
    source = find_source(chosen.settings, chosen.scans, chosen.files)
    write_dataset(chosen, source, folder, to)
    for atlas in chosen.atlases:
        for scan in progress(chosen.scans, f"scans, {atlas} as measured", len(chosen.scans)):
            _write_raw(chosen, source, folder, atlas, scan)
        for strategy in chosen.strategies:
            universe = open_universe(chosen, atlas, strategy)
            for scan in progress(chosen.scans, f"scans, {atlas}, {strategy}", len(chosen.scans)):
                write_scan(universe, source, folder, scan)
            write_group(universe, folder)


def _write_raw(chosen: Chosen, source: Source, folder: Path, atlas: str, scan: Scan) -> None:
    """Copy what the parcellate stage made of a scan; an unusable one has no series."""
    made = result("raw", cohort=chosen.cohort, atlases=chosen.passes[atlas], scan=scan.name)
    series, names = made / series_name(scan.name, atlas), Names(scan.name, chosen.style)
    if not series.is_file():
        return
    table = folder / names.series(atlas, RAW)
    table.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(series, table)
    write_record(table.with_suffix(".json"), raw_sidecar(read_record(series.with_suffix(".json")), scan, source))
    for origin, name, columns, about in (
        (coverage_name(scan.name, atlas), names.coverage(atlas), COVERAGE, "How much of each parcel has data"),
        (qc_series_name(scan.name), names.motion(), MOTION, "Motion and signal change, a row per volume"),
    ):
        shutil.copyfile(made / origin, folder / name)
        write_record((folder / name).with_suffix(".json"), described(columns, about))
