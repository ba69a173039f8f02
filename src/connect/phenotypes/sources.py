"""The three sources of a phenotype: columns of tables, answers to a questionnaire, recordings of the heart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from connect.errors import UserError
from connect.phenotypes.limits import check_plausible, limit_words, treat_limits
from connect.phenotypes.numbers import numbers, unit_of
from connect.phenotypes.samples import expected, summarise
from connect.phenotypes.tables import Pair, Who, absent_of, files_of, read_cells, shown
from connect.phenotypes.units import convert, is_convertible
from connect.settings.phenotype import Phenotype, Samples
from connect.settings.score import Score

KEYS = ("participant_id", "session")
"""What tells the rows of values apart."""

_CONVERTED = {"measured": "number", "under": "under"}


@dataclass(frozen=True)
class Values:
    """What a source gave.

    Attributes
    ----------
    rows
        A row per participant and session that the source has: :data:`KEYS`, ``measured`` and ``value`` in the unit of
        the phenotype, before and after the treatment of the limit of detection, ``n_below``, the cells below it, and a
        ``note``, which may be empty.
    absent
        Why others are not there, in words.
    measured_in
        The unit in which the source holds them.
    notes
        What the user should know.
    """

    rows: pd.DataFrame
    absent: Mapping[Pair, str]
    measured_in: str
    notes: tuple[str, ...] = ()


def of_columns(settings: Phenotype, who: Who, where: object) -> Values:
    """Return the values of a column, or what is made of the timed samples in it."""
    samples = settings.samples
    labels = tuple(samples.minutes) if samples and samples.minutes else ("",)
    names = {label: settings.column.format(sample=label, session="{session}") for label in labels}
    found = read_cells(settings, names, who, where)
    cells = numbers(found.cells, where)
    source, unit, conversion = unit_of(cells, settings, where), settings.measured_unit, settings.converts
    if not is_convertible(source, unit, conversion):
        todo = "correct one of them, or add a `conversion:` such as `1 ug/dL = 27.59 nmol/L`"
        raise UserError(f"{where}, key unit", f"a unit in which {source} can be told, as the column has", unit, todo)
    told = {name: convert(cells[column], source, unit, conversion) for name, column in _CONVERTED.items()}
    cells = cells.assign(**told)
    check_plausible(cells, settings, source, where)
    cells = treat_limits(cells, settings, where)
    if samples:
        rows, notes = _summed(cells, samples, settings, where)
        return Values(rows, found.absent, source, (*found.notes, *notes))
    notes_of = cells["lack"].mask(cells["below"], limit_words(settings))
    rows = cells.assign(note=notes_of, n_below=cells["below"].astype(int))
    return Values(rows, found.absent, source, found.notes)


def of_answers(settings: Phenotype, key: Score, who: Who, where: object) -> Values:
    """Return the scores of a scale from the answers to its items; an empty cell is an item without an answer."""
    from connect.phenotypes.scores import score

    asked = settings.score
    if asked is None:
        raise ValueError("a phenotype with a score")
    names = {item: asked.items.format(item=item, session="{session}") for item in range(1, key.items + 1)}
    found = read_cells(settings, {str(item): name for item, name in names.items()}, who, where)
    cells = found.cells.assign(item=found.cells["label"].astype(int))
    empty = cells["cell"].map(lambda cell: isinstance(cell, str) and not cell.strip())
    answers = cells.assign(cell=cells["cell"].mask(empty)).groupby("item")
    items = pd.DataFrame({item: own.set_index(list(KEYS))["cell"] for item, own in answers})
    scored = score(items, key, asked.scale, where)
    rows = scored.reset_index().assign(measured=scored["value"].to_numpy(), n_below=0)
    rows = rows.assign(note=rows["note"].fillna(""))
    told = rows.assign(number=rows["measured"], label="", time=float("nan"))
    check_plausible(told, settings, settings.measured_unit, where)
    return Values(rows, found.absent, settings.measured_unit, found.notes)


def of_recordings(settings: Phenotype, who: Who, where: object) -> Values:
    """Return a measure of the heart from a recording of each participant and session."""
    from connect.phenotypes.heart import heart, read_physio

    asked = settings.heart
    if asked is None:
        raise ValueError("a phenotype of the heart")
    files, rows = files_of(settings, who, where), []
    for path, person, session in files:
        signal, frequency = read_physio(path, asked.channel)
        found = heart(signal, frequency, asked.signal, path)
        value, note = float(getattr(found, asked.measure)), ""
        if found.quality < asked.quality:
            value, note = float("nan"), f"quality {found.quality:.2f}, below {asked.quality:g}"
        elif np.isnan(value):
            note = f"too few beats, or too short a recording ({found.n_beats} in {found.minutes:.1f} min)"
        elif found.n_corrected:
            note = f"{found.n_corrected} of {found.n_beats} beats corrected"
        rows.append({"participant_id": person, "session": session or who.baseline, "value": value, "note": note})
    table = pd.DataFrame(rows)
    table = table.assign(measured=table["value"], number=table["value"], n_below=0, label="", time=float("nan"))
    check_plausible(table, settings, settings.measured_unit, where)
    about = [(person, session) for _, person, session in files]
    absent = absent_of(settings, who, about, "{session" in settings.file)
    return Values(table, absent, settings.measured_unit)


def _summed(
    cells: pd.DataFrame, samples: Samples, settings: Phenotype, where: object
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return a row per participant and session: what is made of the samples, and of those that were measured."""
    number, first = expected(cells, samples)
    sessions = cells.sort_values("time", kind="stable").groupby(list(KEYS), sort=False)
    rows: list[dict[str, Any]] = []
    for (person, session), own in sessions:
        if samples.is_area and len(own) > number:
            must = f"{number} samples of each session, as `samples.number` says"
            raise UserError(where, must, shown(own), "remove what is too many, or correct the number")
        times, below = own["time"].to_numpy(), int(own["below"].sum())
        value, note = summarise(times, own["value"].to_numpy(), samples, number, first)
        measured, _ = summarise(times, own["measured"].to_numpy(), samples, number, first)
        limit = f"{below} of {len(own)} samples {limit_words(settings)}" if below else ""
        note = "; ".join(part for part in (note, limit) if part)
        rows.append({"participant_id": person, "session": session, "value": value, "measured": measured})
        rows[-1] |= {"note": note, "n_below": below}
    spans = sessions["time"].agg(lambda time: time.max() - time.min())[sessions.size() >= number]
    notes: tuple[str, ...] = ()
    if samples.is_area and len(spans) and spans.max() > spans.min():
        notes = (f"{where}: samples span {spans.min():g} to {spans.max():g} min, and an area grows with its span",)
    return pd.DataFrame(rows), notes
