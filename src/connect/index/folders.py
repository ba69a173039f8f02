"""Folders of datasets: the files in one, and those from which derivatives were made."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlparse

from connect.errors import UserError
from connect.tables import read_record

SKIPPED = ("anat", "figures", "log", "logs", "sourcedata")


def list_files(folder: Path) -> set[str]:
    """Return the paths, relative to a dataset's folder, of the files at its top and in its participants' folders.

    Hidden files (such as ``._*`` of macOS) and folders without functional images are left out. Links to files count
    even if they point nowhere, as in a dataset whose content was not fetched yet.
    """
    if not folder.is_dir():
        raise UserError(folder, "an fMRIPrep folder", "no such folder", "correct the path")
    found: set[str] = set()
    waiting = [""]
    while waiting:
        here = waiting.pop()
        with os.scandir(folder / here) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if not entry.is_dir():
                    found.add(here + entry.name)
                elif entry.name not in SKIPPED and (here or entry.name.startswith("sub-")):
                    waiting.append(f"{here}{entry.name}/")
    return found


def sources(fmriprep: Path) -> list[Path]:
    """Return the folders where the raw dataset of an fMRIPrep folder may be, the likeliest first.

    They are those that its dataset_description.json names, the two above it, and some beside it.
    """
    around = fmriprep.absolute().parent
    own = re.sub(r"[-_]?fmriprep.*$", "", fmriprep.absolute().name, flags=re.IGNORECASE) or "."
    beside = (around / sibling for sibling in ("raw", "rawdata", "bids", own))
    return [*_links(fmriprep), around, around.parent, *beside]


def _links(fmriprep: Path) -> Iterator[Path]:
    """Yield the local folders from which the derivatives were made, as dataset_description.json names them."""
    try:
        description = read_record(fmriprep / "dataset_description.json")
    except UserError:
        return
    links = description.get("DatasetLinks", {})
    origins = description.get("SourceDatasets", [])
    addresses = [*(links.values() if isinstance(links, dict) else ())]
    addresses += [origin.get("URL") for origin in origins if isinstance(origin, dict)]
    for address in addresses:
        if isinstance(address, str) and urlparse(address).scheme in ("", "file"):
            yield fmriprep / unquote(urlparse(address).path)
