"""Which images of a folder are scans of the cohort: as the cohort file and the flags say."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from connect.config import read, suggest
from connect.errors import UserError
from connect.scans import MISSING
from connect.settings.cohort import SESSION, Cohort, Selection

Bolds = Mapping[str, Mapping[str, str]]
"""Path of each preprocessed image, relative to the fMRIPrep folder: its BIDS entities."""


def selection_of(sheet: Path, space: str, task: str, sessions_by: Sequence[str]) -> tuple[Selection, list[str]]:
    """Return the selection of a cohort file, if there is one, with the flags that override it; and what to check."""
    known = read(Cohort, sheet).selection if sheet.exists() else Selection()
    asked = dataclasses.replace(
        known,
        space=space or known.space,
        only={**known.only, **({"task": (task,)} if task else {})},
        sessions_by=tuple(sessions_by) or known.sessions_by,
    )
    differs = sheet.exists() and asked != known
    return asked, [f"CHECK {sheet}: its `selection` is not what the flags said; write it there"] if differs else []


def choose_labels(bolds: Bolds, selection: Selection) -> tuple[Bolds, list[str]]:
    """Return the images that a selection keeps, and what is left out; without a task, those at rest, else all.

    Raises
    ------
    UserError
        If no image has a label of the selection, or none is left.
    """
    notes = []
    for entity in selection.only:
        bolds, left = _only(bolds, entity, selection.labels(entity))
        notes += left
    tasks = sorted({label_of(found, "task") for found in bolds.values()})
    at_rest = [label for label in tasks if "rest" in label.lower()]
    if "task" not in selection.only and at_rest:
        bolds, left = _only(bolds, "task", at_rest)
        notes += left
    return bolds, notes


def label_of(found: Mapping[str, str], entity: str) -> str:
    """Return the label of an image's entity, or nothing; `session` is BIDS's `ses`."""
    return found.get("ses" if entity == SESSION else entity, "")


def few(items: Sequence[str], limit: int = 5) -> str:
    """Return the first items and how many more there are."""
    more = f" and {len(items) - limit} more" if len(items) > limit else ""
    return "; ".join(items[:limit]) + more


def _only(bolds: Bolds, entity: str, wanted: Sequence[str]) -> tuple[Bolds, list[str]]:
    """Return the images with one of the labels; numbers are the same with and without zeros before them."""
    present = Counter(label_of(found, entity) or MISSING for found in bolds.values())
    same = {_plain(label) for label in wanted}
    unknown = [label for label in wanted if _plain(label) not in {*map(_plain, present), MISSING}]
    if unknown or not same & set(map(_plain, present)):
        where = f"key selection.only.{entity}" + (" or flag --task" if entity == "task" else "")
        todo = f"choose among them{suggest(unknown[0] if unknown else MISSING, present)}"
        raise UserError(where, f"labels of the images: {', '.join(sorted(present))}", ", ".join(wanted), todo)
    left = [f"{label} ({count} images)" for label, count in sorted(present.items()) if _plain(label) not in same]
    how = "choose with --task" if entity == "task" else f"`selection.only.{entity}` says so"
    kept = {path: found for path, found in bolds.items() if _plain(label_of(found, entity) or MISSING) in same}
    return kept, [f"{entity}s left out: {', '.join(left)}; {how}"] if left else []


def _plain(label: str) -> str:
    return label.lstrip("0") or "0" if label.isdigit() else label
