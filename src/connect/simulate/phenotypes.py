"""The tables of the simulated persons: phenotypes and dates of sessions, as BIDS writes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connect.scans import MISSING
from connect.simulate.persons import DETECTED, LOST_SAMPLE, MINUTES, NO_BLOOD, Person

BELOW = "<LOD"
"""How a value below the limit of detection is written."""
PER_DECILITRE = 27.59
"""nmol/L of cortisol in 1 ug/dL: its molar mass is 362.46 g/mol."""

_IDS: dict[str, Mapping[str, Any]] = {
    "participant_id": {"Description": "Simulated participant"},
    "session_id": {"Description": "Session", "Levels": {"ses-pre": "before", "ses-post": "after"}},
}


@dataclass(frozen=True)
class Table:
    """A table and what its columns mean.

    Attributes
    ----------
    columns
        What each column means, as in its sidecar.
    rows
        Its cells, as text.
    """

    columns: Mapping[str, Mapping[str, Any]]
    rows: Sequence[Sequence[object]]

    @property
    def text(self) -> str:
        """The table as tab-separated text."""
        return "".join("\t".join(map(str, row)) + "\n" for row in (tuple(self.columns), *self.rows))


def phenotype_tables(persons: Sequence[Person]) -> dict[str, Table]:
    """Return the tables of the folder ``phenotype`` by name."""
    nmol, mixed = (
        "nmol/L",
        {
            "Description": "Unit of the value in this row",
            "Levels": {"nmol/L": "nanomoles per litre", "ug/dL": "micrograms per decilitre"},
        },
    )
    minutes = {"minutes": {"Description": "Time since awakening", "Units": "min"}}
    detected = f"Oxytocin in plasma; {BELOW}: below the limit of detection, {DETECTED:g} pg/mL"
    saliva = {"Description": "Cortisol in saliva, without any planted relation"}
    items = {
        f"ecr_{item}": {"Description": f"Response to item {item} of the ECR-R, from 1 to 7, as it was ticked"}
        for item in range(1, len(persons[0].answers["pre"]) + 1)
    }
    return {
        "oxytocin": Table({**_IDS, "oxytocin": {"Description": detected, "Units": "pg/mL"}}, list(_oxytocin(persons))),
        "cortisol": Table(
            {**_IDS, **minutes, "cortisol": {**saliva, "Units": nmol}},
            [row for *row, _ in _cortisol(persons, in_units=False)],
        ),
        "cortisol_mixed": Table(
            {**_IDS, **minutes, "cortisol": {**saliva, "Units": "that of the column `unit`"}, "unit": mixed},
            list(_cortisol(persons, in_units=True)),
        ),
        "ecr": Table({**_IDS, **items}, list(_ecr(persons))),
    }


def sessions_table(person: Person) -> Table:
    """Return the dates of a person's sessions."""
    meant: dict[str, Mapping[str, Any]] = {
        "session_id": _IDS["session_id"],
        "acq_time": {
            "Description": "Date and time of the session, shifted by a number of days of the participant's own"
        },
    }
    rows = [(f"ses-{session}", person.dates[session].isoformat()) for session in person.scanned.sessions]
    return Table(meant, rows)


def _visits(persons: Sequence[Person]) -> Iterator[tuple[Person, str, tuple[str, str]]]:
    for person in persons:
        for session in person.scanned.sessions:
            yield person, session, (person.scanned.label, f"ses-{session}")


def _oxytocin(persons: Sequence[Person]) -> Iterator[tuple[str, ...]]:
    for person, session, names in _visits(persons):
        value = person.oxytocin[session]
        shown = BELOW if value < DETECTED else f"{value:.2f}"
        yield (*names, MISSING if (names[0], session) == NO_BLOOD else shown)


def _cortisol(persons: Sequence[Person], in_units: bool) -> Iterator[tuple[str, ...]]:
    """Give the samples; with units, every other participant's in ug/dL."""
    for person, session, names in _visits(persons):
        other = in_units and person.scanned.number % 2 == 0
        for minutes, value in zip(MINUTES, person.cortisol[session], strict=True):
            shown = f"{value / PER_DECILITRE:.3f}" if other else f"{value:.1f}"
            lost = (names[0], session, minutes) == LOST_SAMPLE
            yield (*names, str(minutes), MISSING if lost else shown, "ug/dL" if other else "nmol/L")


def _ecr(persons: Sequence[Person]) -> Iterator[tuple[str, ...]]:
    for person, session, names in _visits(persons):
        yield (*names, *(MISSING if answer is None else str(answer) for answer in person.answers[session]))
