"""Folders on disk from which derivatives may have been made."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlparse

from connect.errors import UserError
from connect.tables import read_record


def sources(fmriprep: Path) -> list[Path]:
    """Return the other folders, among those that are there, where the raw dataset may be, the likeliest first.

    They are those that its dataset_description.json names, the two above it, and some beside it.
    """
    around = fmriprep.absolute().parent
    own = re.sub(r"[-_]?fmriprep.*$", "", fmriprep.absolute().name, flags=re.IGNORECASE) or "."
    beside = (around / sibling for sibling in ("raw", "rawdata", "bids", own))
    return [folder for folder in (*_links(fmriprep), around, around.parent, *beside) if _is_other(folder, fmriprep)]


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


def _is_other(folder: Path, fmriprep: Path) -> bool:
    try:
        return folder.is_dir() and os.access(folder, os.R_OK | os.X_OK) and not folder.samefile(fmriprep)
    except OSError:
        return False
