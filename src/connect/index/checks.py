"""What a user should check before anything runs: participants without a row, cells in doubt, scans that are short."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Sequence
from pathlib import Path

from connect.cells import doubt_of_commas, has_decimal_commas, is_missing
from connect.index.selection import few
from connect.layout import participant
from connect.scans import MISSING, Scan
from connect.settings.cohort import Limits

SPARE = 0.9
"""Share of its length that a scan must keep after censoring, at the least, before a limit is called tight."""


def people_of(text: str) -> set[str]:
    """Return the participants that the text of a table lists, as BIDS writes them."""
    return {participant(row["participant_id"]) for row in _rows(text) if row.get("participant_id")}


def table_notes(table: Path, text: str, people: Collection[str]) -> list[str]:
    """Return what to check in a participants table, from its text, for the participants who have scans."""
    rows = _rows(text)
    known = people_of(text)
    lacking = sorted(set(people) - known)
    notes = [f"CHECK {table}: no row for {few(lacking)}, who will not be analysed"] if lacking else []
    scanless = sorted(known - set(people))
    notes += [f"{table} lists {len(scanless)} participants without scans: {few(scanless)}"] if scanless else []
    columns = {name: [row.get(name, "") for row in rows] for name in (rows[0] if rows else {})}
    for name, cells in columns.items():
        doubt = doubt_of_commas(cells)
        notes += [f"CHECK {table}, column {name}: {doubt}; no model can use it"] if doubt else []
        notes += [f"{table}, column {name}: commas are read as decimal commas"] if has_decimal_commas(cells) else []
    other = [name for name, cells in columns.items() if any(is_missing(cell) and cell != MISSING for cell in cells)]
    return [*notes, *([f"{table}: missing values are not written n/a in {few(other)}"] if other else [])]


def length_notes(scans: Sequence[Scan], limits: Limits, sheet: Path) -> list[str]:
    """Return whether the least time left excludes most scans by their length alone, or by a little censoring."""
    minutes = sorted(scan.tr * scan.n_volumes / 60 for scan in scans)
    limit, middle = limits.minutes, minutes[len(minutes) // 2]
    short = sum(length < limit for length in minutes)
    tight = sum(SPARE * length < limit for length in minutes)
    span = f"{minutes[0]:.3g}" if minutes[0] == minutes[-1] else f"{minutes[0]:.3g} to {minutes[-1]:.3g}"
    if 2 * short > len(minutes):
        what = f"excludes {short} of {len(minutes)} scans by their length alone"
    elif 2 * tight > len(minutes):
        share = 100 * (1 - limit / middle)
        what = f"excludes most scans as soon as censoring takes {share:.2g} % of their volumes"
    else:
        return []
    todo = f"set `limits: {{minutes: ...}}` in {sheet} before you know results"
    return [f"CHECK limit minutes {limit:g} {what} (they last {span} min); {todo}"]


def _rows(text: str) -> list[dict[str, str]]:
    rows = csv.DictReader(io.StringIO(text), delimiter="\t")
    return [{(key or "").strip(): str(value or "").strip() for key, value in row.items()} for row in rows]
