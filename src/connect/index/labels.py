"""What tells the sessions of a cohort apart: entities of the images, or what `sub-*_sessions.tsv` says of a session."""

from __future__ import annotations

import csv
import dataclasses
import io
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from connect.cells import is_missing
from connect.config import suggest
from connect.errors import UserError
from connect.index.selection import few, label_of
from connect.index.trees import Tree
from connect.layout import bids_label, entities
from connect.scans import MISSING, Scan
from connect.settings.cohort import SESSION, TELLING

AVERAGED = ("acq", "ce", "rec", "dir", "echo")
"""Entities besides task and run in which scans of one session may differ."""

Labels = Mapping[str, str]
"""Label of a scan in each part of `sessions_by`, empty where it has none."""


def label_sessions(
    scans: Sequence[Scan], sessions_by: Sequence[str], trees: Sequence[Tree]
) -> tuple[list[Scan], list[str]]:
    """Give each scan the session label that a selection asks for.

    Parameters
    ----------
    scans
        Scans with the session of their file names.
    sessions_by
        Entities of the images and columns of `sub-*_sessions.tsv`. Their labels, letters and digits only, are joined.
    trees
        Datasets in which `sub-*_sessions.tsv` may be, the likeliest first.

    Returns
    -------
    scans : list of Scan
        The scans. Those of several sessions that become one are numbered as its runs where their names would be the
        same.
    notes : list of str
        What the user has to know.

    Raises
    ------
    UserError
        If a scan needs `sub-*_sessions.tsv` and the file, the row of its session or the column is missing.
    """
    if tuple(sessions_by) == (SESSION,):
        return list(scans), []
    columns = [name for name in sessions_by if name not in TELLING]
    told = read_sessions(scans, columns, trees) if columns else {}
    found: list[Labels] = []
    for scan in scans:
        image = {**entities(_name(scan)), **told.get((scan.participant_id, scan.session_id), {})}
        found.append({part: image.get(part, "") if part in columns else label_of(image, part) for part in sessions_by})
    labels = ["".join(bids_label(label) for label in parts.values()) for parts in found]
    made = [
        dataclasses.replace(scan, session_id=f"ses-{label}" if label else "")
        for scan, label in zip(scans, labels, strict=True)
    ]
    joined, join_notes = _join_runs(scans, made)
    notes = [f"sessions are told apart by {' and '.join(sessions_by)}"]
    return joined, [*notes, *_absent(scans, found, labels), *_alike(found, labels), *join_notes]


def read_sessions(
    scans: Iterable[Scan], columns: Sequence[str], trees: Sequence[Tree]
) -> dict[tuple[str, str], dict[str, str]]:
    """Return the columns of `sub-*_sessions.tsv` for each participant and session that has scans; `n/a` is empty."""
    found: dict[tuple[str, str], dict[str, str]] = {}
    tables: dict[str, tuple[str, dict[str, Labels]]] = {}
    for scan in scans:
        name = scan.participant_id
        if not scan.session_id:
            todo = f"tell sessions apart by entities alone ({', '.join(TELLING)})"
            must = f"a session, to look up {' and '.join(columns)} in {name}_sessions.tsv"
            raise UserError(scan.bold, must, "no `ses-` in the file name", todo)
        if name not in tables:
            tables[name] = _read_table(name, columns, trees)
        path, rows = tables[name]
        if scan.session_id not in rows:
            got = f"rows for {', '.join(rows) or 'no session'}"
            raise UserError(path, f"a row for {scan.session_id}, which has scans", got, "add the row")
        values = {column: rows[scan.session_id][column] for column in columns}
        found[name, scan.session_id] = {key: "" if is_missing(value) else value for key, value in values.items()}
    return found


def mixed(scans: Iterable[Scan]) -> list[str]:
    """Return which scans of one session differ in more than the run, and are averaged all the same."""
    labels: dict[str, dict[tuple[str, str], set[str]]] = {entity: defaultdict(set) for entity in ("task", *AVERAGED)}
    for scan in scans:
        image = entities(_name(scan))
        for entity, sessions in labels.items():
            sessions[scan.participant_id, scan.session_id].add(image.get(entity, MISSING))
    notes = []
    for entity, sessions in labels.items():
        several = [own for own in sessions.values() if len(own) > 1]
        if several:
            shown = ", ".join(sorted(set().union(*several)))
            how = "--task" if entity == "task" else f"`selection: {{only: {{{entity}: [LABEL]}}}}`"
            what = f"scans of several {'tasks' if entity == 'task' else f'`{entity}`'} ({shown})"
            notes.append(f"CHECK {what}, which are averaged within a session; choose one with {how}")
    return notes


def _read_table(participant: str, columns: Sequence[str], trees: Sequence[Tree]) -> tuple[str, dict[str, Labels]]:
    """Return where a participant's table of sessions is, and its rows by session."""
    name = f"{participant}/{participant}_sessions.tsv"
    tree = next((tree for tree in trees if name in tree.files), None)
    if tree is None:
        places = ", ".join(str(tree.where()) for tree in trees if participant in tree.participants)
        todo = "write it, with a row for each session of the participant"
        must = f"a table with the columns session_id and {' and '.join(columns)}"
        raise UserError(name, must, f"no such file in {places}", todo)
    path = str(tree.where(name))
    table = csv.DictReader(io.StringIO(tree.text(name)), delimiter="\t")
    header = [column.strip() for column in table.fieldnames or ()]
    table.fieldnames = header
    rows = [{key: (value or "").strip() for key, value in row.items() if key in header} for row in table]
    for column in ("session_id", *columns):
        if column not in header:
            todo = f"add the column, or correct `sessions_by`{suggest(column, [*header, *TELLING])}"
            got = f"columns {', '.join(header)}"
            raise UserError(path, f"a table with the column `{column}`", got, todo)
    labels = [f"ses-{row['session_id'].removeprefix('ses-')}" for row in rows]
    twice = next((label for label in labels if labels.count(label) > 1), None)
    if twice:
        raise UserError(path, "each session once", f"{twice} twice", "remove one of the rows")
    return path, dict(zip(labels, rows, strict=True))


def _join_runs(scans: Sequence[Scan], made: Sequence[Scan]) -> tuple[list[Scan], list[str]]:
    """Give the scans of sessions that became one the numbers of its runs, where their names would be the same."""
    sessions: dict[tuple[str, str], set[str]] = defaultdict(set)
    groups: dict[str, list[int]] = defaultdict(list)
    for row, (scan, new) in enumerate(zip(scans, made, strict=True)):
        sessions[new.participant_id, new.session_id].add(scan.session_id or "no session")
        groups[dataclasses.replace(new, run="").name].append(row)
    found = list(made)
    for rows in groups.values():
        own, names = {scans[row].session_id for row in rows}, {scans[row].name for row in rows}
        if len(own) > 1 and len(names) == len(rows) and len({made[row].name for row in rows}) < len(rows):
            for number, row in enumerate(rows, 1):
                found[row] = dataclasses.replace(made[row], run=str(number))
    joined = [
        f"{participant} ({' and '.join(sorted(own))} are {label or 'no session'})"
        for (participant, label), own in sorted(sessions.items())
        if len(own) > 1
    ]
    return found, [f"CHECK sessions that became one, as runs that are averaged: {few(joined)}"] if joined else []


def _absent(scans: Sequence[Scan], found: Sequence[Labels], labels: Sequence[str]) -> list[str]:
    """Return which scans lack a part of their session label."""
    lacking: dict[str, list[str]] = defaultdict(list)
    for scan, parts, label in zip(scans, found, labels, strict=True):
        for part in (part for part, value in parts.items() if not bids_label(value)):
            lacking[part].append(f"{_name(scan).split('_space-')[0]} is in {f'ses-{label}' if label else 'no session'}")
    return [f"CHECK {len(names)} scans without `{part}`: {few(names)}" for part, names in lacking.items()]


def _alike(found: Sequence[Labels], labels: Sequence[str]) -> list[str]:
    """Return which different labels make the same session."""
    told: dict[str, set[str]] = defaultdict(set)
    for parts, label in zip(found, labels, strict=True):
        told[label].add(" and ".join(f"`{value}`" for value in parts.values()))
    return [
        f"CHECK different labels make the session {label}: {'; '.join(sorted(several))}"
        for label, several in sorted(told.items())
        if label and len(several) > 1
    ]


def _name(scan: Scan) -> str:
    return scan.bold.rpartition("/")[2]
