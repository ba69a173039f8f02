"""Read a measure of the person: one value in one unit for each participant and session, or why there is none."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from connect.config import read
from connect.entered import check_once, read_entered
from connect.errors import UserError
from connect.phenotypes.sources import KEYS, Values, of_answers, of_columns, of_recordings
from connect.phenotypes.tables import Who, shown, who_of
from connect.phenotypes.units import check_conversion, check_unit, is_convertible
from connect.phenotypes.words import in_words
from connect.settings.cohort import Cohort
from connect.settings.phenotype import Phenotype, variable
from connect.settings.score import Score
from connect.tables import write_record, write_table


def phenotypes(
    cohort: Path, phenotype: Path, participants: Path, values: Path, record: Path, score: Sequence[Path] = ()
) -> None:
    """Bring a measure of the person into one table, in one unit.

    Parameters
    ----------
    cohort
        Cohort (YAML), for its sessions.
    phenotype
        Phenotype (YAML). The files that it names are relative to the folder of the participants table.
    participants
        BIDS participants.tsv.
    values
        Output: a row per participant of the participants table and session of the cohort, with the value, or why there
        is none.
    record
        Output: unit and direction of the values, how many there are, and what was done, in words.
    score
        Scoring key (YAML) of a questionnaire of which the phenotype is a scale, or none.
    """
    settings = read(Phenotype, phenotype)
    name = variable(phenotype.stem)
    check_units(settings, phenotype)
    people, _ = read_entered(participants)
    check_once(people, participants)
    if people.empty:
        raise UserError(participants, "at least one participant", "no rows", "add the participants")
    who = who_of(read(Cohort, cohort), participants, list(people["participant_id"]))
    found = _values(settings, who, phenotype, score)
    table = gridded(found, settings, who, phenotype)
    write_table(values, table[["participant_id", "session_id", "value", "measured", "note"]])
    key = read(Score, score[0]) if settings.score else None
    write_record(record, {"name": phenotype.stem, "variable": name, **described(table, found, settings, key)})
    counts = [f"{label} {count}" for label, count in _counts(table).items()]
    told = [*found.notes, f"{phenotype}: values of {len(who.people)} participants: {', '.join(counts)}"]
    sys.stderr.write("".join(f"{note}\n" for note in dict.fromkeys(told)))


def check_units(settings: Phenotype, where: object) -> None:
    """Check the units of a phenotype, and that one can be told in the other.

    Raises
    ------
    UserError
        If a unit is not known, the conversion relates nothing with the unit, or `measured_in` cannot be told in it.
    """
    unit, source, conversion = settings.measured_unit, settings.measured_in, settings.converts
    check_unit(unit, f"{where}, key unit")
    if conversion:
        check_conversion(conversion, unit, f"{where}, key conversion")
    if source:
        check_unit(source, f"{where}, key measured_in")
        if not is_convertible(source, unit, conversion):
            todo = "correct one of the two, or add a `conversion:` such as `1 ug/dL = 27.59 nmol/L`"
            raise UserError(f"{where}, key measured_in", f"a unit that can be told in {unit}", source, todo)


def gridded(found: Values, settings: Phenotype, who: Who, where: Path) -> pd.DataFrame:
    """Return a row for each participant and session, the value after the transform, and why it is missing.

    Raises
    ------
    UserError
        If there is no logarithm of a value; the rows are shown.
    """
    rows = found.rows[[*KEYS, "value", "measured", "n_below", "note"]]
    grid = pd.MultiIndex.from_product([who.people, who.sessions], names=KEYS).to_frame(index=False)
    table = grid.merge(rows, on=list(KEYS), how="left", indicator=True)
    if settings.transform == "log":
        odd = table[table["value"] <= 0]
        if len(odd):
            must = f"values above 0 {settings.summed_unit}, of which there is a logarithm"
            todo = "correct the cells, add `limit_of_detection` and `below_limit`, or take the transform out"
            raise UserError(where, must, shown(odd.assign(cell=odd["value"], label="", time=np.nan)), todo)
        table["value"] = np.log(table["value"])
    pairs = zip(table["participant_id"], table["session"], strict=True)
    lacking = [found.absent.get(pair, "no row in the table") for pair in pairs]
    notes = table["note"].where(table["_merge"] == "both", pd.Series(lacking, index=table.index))
    below = table["n_below"].fillna(0).astype(int)
    return table.assign(session_id="ses-" + table["session"], note=notes.replace("", None), n_below=below)


def described(table: pd.DataFrame, found: Values, settings: Phenotype, key: Score | None) -> dict[str, Any]:
    """Return what the values are, how many there are, and what was done, in words."""
    known = table[table["value"].notna()]
    return {
        "title": settings.title,
        "unit": settings.result_unit,
        "higher": settings.higher,
        "n": int(known["participant_id"].nunique()),
        "n_sessions": _counts(table),
        "n_below_limit": int(table["n_below"].sum()),
        "words": in_words(settings, found.measured_in, key, int(table["n_below"].sum())),
        "source": settings.source or (key.source if key else ""),
        "columns": {
            "value": {"Description": "the value that models use", "Units": settings.result_unit},
            "measured": {
                "Description": "the value before the limit of detection was treated and before any logarithm",
                "Units": settings.summed_unit,
            },
            "note": {"Description": "why a value is missing, or how it was treated"},
        },
    }


def _values(settings: Phenotype, who: Who, where: Path, score: Sequence[Path]) -> Values:
    """Return the values from the source that the phenotype names."""
    if settings.heart:
        return of_recordings(settings, who, where)
    if settings.score is None:
        return of_columns(settings, who, where)
    names = [path.stem for path in score]
    if names != [settings.score.key]:
        must = f"the scoring key {settings.score.key}, which {where} names"
        raise UserError("flag --score", must, ", ".join(names) or "none", "give its file")
    return of_answers(settings, read(Score, score[0]), who, where)


def _counts(table: pd.DataFrame) -> dict[str, int]:
    """Return how many participants have a value in each session."""
    counts = table.groupby("session_id", sort=False)["value"].count()
    return {str(label): int(count) for label, count in counts.items()}
