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
from connect.phenotypes.limits import limit_words
from connect.phenotypes.sources import KEYS, Values, of_answers, of_columns, of_recordings
from connect.phenotypes.tables import Who, shown, who_of
from connect.phenotypes.units import check_conversion, check_unit, is_convertible, same_unit
from connect.settings.cohort import Cohort
from connect.settings.phenotype import Phenotype, variable
from connect.settings.score import Score
from connect.tables import write_record, write_table

SUMMARIES = {
    "mean": "the mean of the samples of a session",
    "first": "the first sample of a session",
    "peak": "the largest of the samples of a session",
    "auc_g": "the area under the curve with respect to ground (Pruessner et al. 2003)",
    "auc_i": "the area under the curve with respect to increase (Pruessner et al. 2003)",
}
"""What is made of several samples, in words."""

HEART = {
    "rmssd": "RMSSD, the root mean square of successive differences of normal beats",
    "sdnn": "SDNN, the standard deviation of intervals between normal beats",
    "hf": "the power of the intervals between 0.15 and 0.40 Hz",
    "rate": "the mean heart rate",
}
"""Measures of the heart, in words."""


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
    write_record(record, {"name": phenotype.stem, "variable": name, **described(table, found, settings)})
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


def described(table: pd.DataFrame, found: Values, settings: Phenotype) -> dict[str, Any]:
    """Return what the values are, how many there are, and what was done, in words."""
    known = table[table["value"].notna()]
    return {
        "title": settings.title,
        "unit": settings.result_unit,
        "higher": settings.higher,
        "n": int(known["participant_id"].nunique()),
        "n_sessions": _counts(table),
        "n_below_limit": int(table["n_below"].sum()),
        "words": in_words(settings, found.measured_in),
        "source": settings.source,
        "columns": {
            "value": {"Description": "the value that models use", "Units": settings.result_unit},
            "measured": {
                "Description": "the value before the limit of detection was treated and before any logarithm",
                "Units": settings.summed_unit,
            },
            "note": {"Description": "why a value is missing, or how it was treated"},
        },
    }


def in_words(settings: Phenotype, measured_in: str) -> str:
    """Return in words what was done to come to the values."""
    parts = [settings.column]
    if settings.score:
        parts = [f"the scale `{settings.score.scale}` of the key {settings.score.key}"]
    elif settings.heart:
        word = {"ecg": "electrocardiograms", "pulse": "pulse recordings"}[settings.heart.signal]
        parts = [f"{HEART[settings.heart.measure]}, from {word} of a quality of {settings.heart.quality:g} or more"]
    else:
        parts = [f"`{settings.column}` of {settings.file}"]
    if not same_unit(measured_in, settings.measured_unit):
        how = f" (with {settings.conversion})" if settings.conversion else ""
        parts.append(f"converted from {measured_in} to {settings.measured_unit}{how}")
    parts += [limit_words(settings)] if settings.limit_of_detection is not None else []
    parts += [SUMMARIES[settings.samples.summary]] if settings.samples else []
    parts += ["the natural logarithm"] if settings.transform == "log" else []
    return "; ".join(parts)


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
