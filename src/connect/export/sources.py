"""Where the scans of a cohort come from, as an address and paths below it."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from connect.errors import UserError
from connect.files import OF_COHORT, read_files
from connect.scans import Scan
from connect.settings.cohort import Cohort

DOI = re.compile(r"10\.18112/openneuro\.ds\d+(\.v\d+\.\d+\.\d+)?")
"""DOI of a dataset of OpenNeuro."""


@dataclass(frozen=True)
class Source:
    """Where the preprocessed files of a cohort are.

    Attributes
    ----------
    address
        Folder of the preprocessed dataset: an ``s3://`` address, or a path.
    raw
        The same of the raw dataset, if it is known; else empty.
    doi
        DOI of the raw dataset, if the cohort's file names one of OpenNeuro; else empty.
    paths
        For each path of the scans table, the path below the address.
    """

    address: str
    raw: str
    doi: str
    paths: dict[str, str]

    def uri(self, path: str) -> str:
        """Return the BIDS URI of a file of the scans table."""
        return f"bids:preprocessed:{self.paths[path]}"

    def links(self, to: Path) -> dict[str, str]:
        """Return the addresses by the names that BIDS URIs use; paths are relative to the exported folder."""
        found = {"preprocessed": self.address, "raw": self.raw}
        return {name: _link(address, to) for name, address in found.items() if address}

    def datasets(self, to: Path) -> list[dict[str, str]]:
        """Return the datasets that the scans come from, as BIDS describes them."""
        doi = {"raw": {"DOI": f"doi:{self.doi}"}} if self.doi else {}
        return [{"URL": address, **doi.get(name, {})} for name, address in self.links(to).items()]


def find_source(cohort: Cohort, scans: Sequence[Scan], files: Path) -> Source:
    """Return where the scans of a cohort come from.

    Parameters
    ----------
    cohort
        The cohort.
    scans
        Its scans.
    files
        Its files table, which only a cohort that is fetched has.

    Raises
    ------
    UserError
        If the files table lacks a file of the scans table.
    """
    paths = [path for scan in scans for path in (scan.bold, scan.mask, scan.confounds)]
    if not files.is_file():
        return Source(str(cohort.derivatives), "", "", {path: path for path in paths})
    rows = read_files(files)
    listed = {row.path: row.uri for row in rows}
    absent = [path for path in paths if path not in listed]
    if absent:
        must = "every file of the scans table"
        raise UserError(files, must, f"no {absent[0]}", "index the cohort again, which writes both tables")
    found = {path: listed[path] for path in paths}
    address = _common_folder(list(found.values()))
    raw = next(
        (row.uri.rpartition("/")[0] for row in rows if (row.scan, row.name) == (OF_COHORT, "participants.tsv")), ""
    )
    doi = DOI.search(cohort.source)
    return Source(
        address, raw, doi[0] if doi else "", {path: uri.removeprefix(f"{address}/") for path, uri in found.items()}
    )


def _common_folder(uris: Sequence[str]) -> str:
    """Return the folder in which all files are, above the folders of participants."""
    common = []
    for parts in zip(*(uri.split("/")[:-1] for uri in uris), strict=False):
        if len(set(parts)) > 1 or parts[0].startswith("sub-"):
            break
        common.append(parts[0])
    return "/".join(common)


def _link(address: str, to: Path) -> str:
    return address if "://" in address else quote(Path(os.path.relpath(address, to)).as_posix())
