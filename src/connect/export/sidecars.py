"""What is told beside the numbers: JSON sidecars, the description of the dataset, and its README."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from connect import __version__
from connect.export.names import RAW, node_table
from connect.export.sources import Source
from connect.scans import Scan
from connect.settings.atlas import Atlas
from connect.settings.cohort import Cohort
from connect.settings.measure import Measure
from connect.settings.strategy import Strategy

BIDS_VERSION = "1.11.1"

GENERATOR = "connect"

IGNORED = (
    *("*_timeseries.tsv", "*_timeseries.json", "*_relmat.tsv", "*_relmat.json"),
    *("*_stat-coverage_bold.tsv", "*_stat-coverage_bold.json", "/group"),
)
"""Names that BIDS has no rule for yet."""

COVERAGE = {
    "index": "number of the parcel in the atlas",
    "name": "parcel",
    "coverage": "share of the parcel inside the brain mask that has data, 0 to 1",
    "n_voxels": "voxels with data on the grid of the scan",
    "tsnr": "median temporal signal-to-noise ratio of these voxels",
}

MOTION = {
    "framewise_displacement": "framewise displacement (Power), in mm",
    "dvars": "DVARS, in units of the image",
    "std_dvars": "standardised DVARS",
}

NODES = {
    "network": "network to which the parcel belongs",
    "region": "anatomical region of the parcel",
    "x": "centre, in mm",
    "y": "centre, in mm",
    "z": "centre, in mm",
    "radius": "radius of the sphere, in mm",
}
"""Columns of a parcels table, but those that BIDS defines."""


def described(columns: Mapping[str, str], about: str, **more: Any) -> dict[str, Any]:
    """Return the sidecar of a table: what it is, and what each column holds."""
    return {"Description": about, **more, **{name: {"Description": text} for name, text in columns.items()}}


def raw_sidecar(made: Mapping[str, Any], scan: Scan, source: Source) -> dict[str, Any]:
    """Return the sidecar of raw series, from the one that the parcellate stage wrote."""
    sources = [source.uri(scan.bold), source.uri(scan.mask)]
    return {**made, "RepetitionTime": scan.tr, "Sources": sources}


def cleaned_sidecar(
    scan: Scan, row: Mapping[Any, Any], atlas: Atlas, strategy: Strategy, lost: Sequence[str], sources: Sequence[str]
) -> dict[str, Any]:
    """Return the sidecar of cleaned series.

    Parameters
    ----------
    scan
        The scan.
    row
        Its row of the table of the screen stage.
    atlas, strategy
        What the series were made with.
    lost
        Names of the parcels that are missing in the scan.
    sources
        BIDS URIs of what the series were made from.
    """
    return {
        "Description": "Denoised series: a column per parcel of the atlas, a row per volume that was kept; "
        "n/a: parcel missing in this scan",
        "Units": "standard deviations" if strategy.standardize else "arbitrary, as in the image",
        "RepetitionTime": scan.tr,
        "SamplingFrequency": 1 / scan.tr,
        "NumberOfVolumes": int(row["n_volumes"]),
        "NumberOfVolumesKept": int(row["n_kept"]),
        "NumberOfConfoundRegressors": int(row["n_confounds"]),
        "TemporalDegreesOfFreedom": float(row["tdof"]),
        "MeanFramewiseDisplacement": float(row["mean_fd"]),
        "MissingParcels": list(lost),
        "Atlas": atlas.title,
        "Denoising": dataclasses.asdict(strategy),
        "Sources": list(sources),
    }


def matrix_sidecar(
    measure: Measure, atlas: Atlas, strategy: Strategy, node_file: str, series: str, *, correlation: bool
) -> dict[str, Any]:
    """Return the sidecar of a connectome; the keys are those of BIDS's proposal for relationship matrices (BEP017)."""
    about = "A row and a column per parcel of the atlas; n/a: parcel missing in this scan"
    if measure.fisher_z:
        about += ". Values are r; connect itself analyses Fisher's z = artanh(r)"
    diagonal = "1 by definition" if correlation else "not kept"
    return {
        "Description": f"{about}. The diagonal is {diagonal}.",
        "RelationshipMeasure": "Pearson correlation"
        if measure.kind == "correlation"
        else measure.kind.replace("_", " "),
        "Units": "r" if measure.fisher_z else measure.unit,
        "Weighted": True,
        "Directed": False,
        "ValidDiagonal": False,
        "NonNegative": False,
        "StorageFormat": "Full",
        "NodeFiles": [f"bids::{node_file}"],
        "Atlas": atlas.title,
        "Strategy": strategy.title,
        "Sources": [f"bids::{series}"],
    }


def dataset_description(name: str, cohort: Cohort, source: Source, to: Path, cited: Sequence[str]) -> dict[str, Any]:
    """Return what dataset_description.json says.

    Parameters
    ----------
    name
        Name of the cohort.
    cohort
        The cohort.
    source
        Where its scans come from.
    to
        The exported folder, to which the addresses of local sources are relative.
    cited
        Citations of what was used.
    """
    return {
        "Name": f"{cohort.title}: series and connectomes",
        "BIDSVersion": BIDS_VERSION,
        "DatasetType": "derivative",
        "GeneratedBy": [generator(name)],
        "SourceDatasets": source.datasets(to),
        "DatasetLinks": source.links(to),
        "ReferencesAndLinks": list(dict.fromkeys(citation for citation in (cohort.source, *cited) if citation)),
    }


def generator(cohort: str) -> dict[str, str]:
    """Return what made an exported folder; without its version, this marks the folder as ours."""
    return {"Name": GENERATOR, "Version": __version__, "Description": f"connect export of the cohort {cohort}"}


def readme(cohort: Cohort, atlases: Sequence[str]) -> str:
    """Return the README of an exported folder."""
    nodes = ", ".join(node_table(atlas) for atlas in atlases)
    return "\n".join(
        [
            f"# {cohort.title}: series and connectomes",
            "",
            "Made by `connect export`; the folder is written anew as a whole by the next export, so keep nothing here.",
            "",
            f"- `sub-*/[ses-*/]func/*_desc-{RAW}_timeseries.tsv`: mean series of the parcels, not denoised;",
            "  `*_stat-coverage_bold.tsv`: how much of each parcel has data; `*_desc-qc_timeseries.tsv`: motion.",
            "- `*_desc-<strategy>_timeseries.tsv`: denoised series of the scans that were kept, without censored",
            "  volumes; `*_desc-<strategy>_relmat.tsv`: their connectomes. The sidecars say how they were made.",
            f"- The parcels: {nodes}.",
            "- `group/`: which scans were kept and why not, missing parcels, and the results of each model.",
            "- `participants.tsv`: the participants who have scans.",
            "- `phenotype/`: the measures of the person that the models name, as they use them.",
            "",
        ]
    )
