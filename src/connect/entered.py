"""Tables that people have entered: cells as they are meant, participants as BIDS writes them, each of them once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from connect.cells import has_decimal_commas, is_missing, number
from connect.config import suggest
from connect.errors import UserError
from connect.formulas import is_number
from connect.layout import participant
from connect.tables import TEXT, read_table


def read_entered(path: Path) -> tuple[pd.DataFrame, list[str]]:
    """Read a table of participants as its cells are meant, and return what the user should know."""
    return entered(read_table(path, ["participant_id"]), path)


def entered(table: pd.DataFrame, path: Path) -> tuple[pd.DataFrame, list[str]]:
    """Return a table of participants with its cells as they are meant, and what the user should know of each column.

    Raises
    ------
    UserError
        If a row has no participant_id.
    """
    notes = []
    for name in table:
        table[name], note = cleaned(table[name], str(name))
        notes += [f"{path}, column {name}: {note}"] if note else []
    empty = table["participant_id"].isna() | (table["participant_id"] == "")
    if empty.any():
        got = f"none in line {int(empty.to_numpy().argmax()) + 2}"
        raise UserError(path, "a participant_id in every row", got, "write it, or remove the row")
    return table.assign(participant_id=table["participant_id"].map(participant)), notes


def cleaned(column: pd.Series[Any], name: str) -> tuple[pd.Series[Any], str]:
    """Return a column without blanks around cells, with what is missing missing, and with its numbers as numbers."""
    if is_number(column) or not column.map(lambda cell: isinstance(cell, str)).any():
        return column, ""
    bare = column.map(lambda cell: cell.strip() if isinstance(cell, str) else cell)
    missing = bare.map(lambda cell: isinstance(cell, str) and is_missing(cell))
    known = bare.mask(missing)
    note = f"{few(sorted(set(bare[missing])))} read as n/a" if missing.any() else ""
    cells = [cell for cell in known if isinstance(cell, str)]
    if name.endswith("_id") or name in TEXT or len(cells) < known.notna().sum():
        return known, note
    if has_decimal_commas(cells):
        return known.map(number, na_action="ignore").astype(float), "; ".join(
            filter(None, (note, "decimal commas read"))
        )
    numbers = pd.to_numeric(known, errors="coerce")
    return (numbers if cells and numbers.notna().sum() == len(cells) else known), note


def check_once(table: pd.DataFrame, path: Path) -> None:
    """Raise a UserError if a participant stands in several rows of the participants table."""
    twice = table.loc[table["participant_id"].duplicated(), "participant_id"]
    if len(twice):
        raise UserError(path, "each participant once", f"{twice.iloc[0]} twice", "remove one of the rows")


def present(name: str, rows: pd.DataFrame, where: object) -> str:
    """Return the name of a column, or raise a UserError that names the nearest if the table has none of that name."""
    if name not in rows:
        must = f"a column of the table ({few([str(column) for column in rows], 40)})"
        raise UserError(where, must, f"`{name}`", f"correct it{suggest(name, map(str, rows))}")
    return name


def few(names: Sequence[str], limit: int = 5) -> str:
    """Return the first names and how many more there are."""
    return ", ".join(names[:limit]) + (f" and {len(names) - limit} more" if len(names) > limit else "")
