"""Names of exported files, in one of two styles; each is what some readers look for.

XCP-D and BIDS 1.11 say ``atlas-``, and ``stat-`` for what was computed; each row of a matrix begins with the name of
its parcel. wonkyconn reads the files of giga_connectome: ``seg-`` and ``meas-``, matrices of numbers alone under a
header, and a series by the name of its matrix, in which only ``meas-`` is more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from connect.errors import UserError
from connect.layout import bids_label, bids_name, entities
from connect.scans import MISSING
from connect.settings.measure import Measure

RAW = "preproc"
"""What ``desc-`` says of series that are not denoised: they are of the image that has it too."""

RESERVED = (RAW, "qc")
"""Values of ``desc-`` that no strategy may have."""


@dataclass(frozen=True)
class Style:
    """How files are named and matrices written.

    Attributes
    ----------
    atlas
        Entity of the atlas.
    series
        Entities of a series, besides the scan, the atlas and ``desc-``.
    measure
        Entity of the measure.
    pearson
        Its value for Pearson's correlation.
    named
        Whether each row of a matrix begins with the name of its parcel.
    missing
        How a value that is missing is written in a matrix.
    """

    atlas: str
    series: Mapping[str, str]
    measure: str
    pearson: str
    named: bool
    missing: str


STYLES: Mapping[str, Style] = {
    "xcp-d": Style("atlas", {"stat": "mean"}, "stat", "pearsoncorrelation", named=True, missing=MISSING),
    "wonkyconn": Style("seg", {}, "meas", "PearsonCorrelation", named=False, missing="nan"),
}


def measure_label(name: str, measure: Measure, style: Style) -> str:
    """Return the label of a measure: the one that readers know for Pearson's correlation, else its name."""
    return style.pearson if measure.kind == "correlation" else bids_label(name)


def check_labels(kind: str, labels: Mapping[str, str], reserved: Sequence[str] = ()) -> None:
    """Raise a UserError if two choices of a kind have one label in the names of files, or a reserved one."""
    seen: dict[str, str] = {}
    for name, label in labels.items():
        if label in reserved:
            todo = "rename its file, or leave it out"
            raise UserError(f"flag --{kind}", f"no `{label}`, which means something else in file names", name, todo)
        if label in seen:
            todo = f"choose one of them with --{kind}"
            raise UserError(f"flag --{kind}", "names that differ in file names", f"{seen[label]} and {name}", todo)
        seen[label] = name


@dataclass(frozen=True)
class Names:
    """Paths of the files of one scan, relative to the exported folder.

    Attributes
    ----------
    scan
        Name of the scan.
    style
        The style of the names.
    """

    scan: str
    style: Style

    def series(self, atlas: str, desc: str) -> str:
        """Return the path of the series of an atlas, raw or cleaned."""
        return self._path("timeseries", {self.style.atlas: bids_label(atlas), **self.style.series, "desc": desc})

    def matrix(self, atlas: str, desc: str, measure: str) -> str:
        """Return the path of a connectome."""
        return self._path("relmat", {self.style.atlas: bids_label(atlas), self.style.measure: measure, "desc": desc})

    def coverage(self, atlas: str) -> str:
        """Return the path of the coverage of each parcel."""
        return self._path("bold", {self.style.atlas: bids_label(atlas), "stat": "coverage"})

    def motion(self) -> str:
        """Return the path of motion and signal change, volume by volume."""
        return self._path("timeseries", {"desc": "qc"})

    def _path(self, suffix: str, more: Mapping[str, str]) -> str:
        found = entities(f"{self.scan}_bold")
        folders = [f"{key}-{found[key]}" for key in ("sub", "ses") if key in found]
        return str(PurePosixPath(*folders, "func", bids_name({**found, **more}, suffix, ".tsv")))


def node_table(atlas: str) -> str:
    """Return the path of the table of an atlas's parcels, relative to the exported folder."""
    return f"atlas-{bids_label(atlas)}_dseg.tsv"


def group_path(name: str, atlas: str, desc: str, measure: str = "", model: str = "") -> str:
    """Return the path of a table of the whole cohort, relative to the exported folder."""
    parts = {"atlas": bids_label(atlas), "stat": measure, "desc": desc, "model": bids_label(model)}
    return "group/" + "_".join([*(f"{key}-{value}" for key, value in parts.items() if value), name])
