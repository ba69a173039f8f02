"""The participants table: everyone in it once, and the columns that a model needs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from connect.config import suggest
from connect.errors import UserError
from connect.parcels import QUANTITIES

RESERVED = ("session_id", "phase", "condition", "n_runs", "mean_fd", "fd_change", "analysed", "reason", *QUANTITIES)
"""Columns that connect writes beside those of the participants table."""


def join_participants(table: pd.DataFrame, scans: pd.DataFrame, where: object) -> pd.DataFrame:
    """Return one row per participant of the table, which has everyone of the table of scans, kept or not.

    Raises
    ------
    UserError
        If a participant is listed twice, or has scans and no row.
    """
    twice = table.loc[table["participant_id"].duplicated(), "participant_id"]
    if len(twice):
        raise UserError(where, "each participant once", f"{twice.iloc[0]} twice", "remove one of the rows")
    unknown = sorted(set(scans["participant_id"].dropna()) - set(table["participant_id"]))
    if unknown:
        got = f"no row for {', '.join(unknown[:5])}" + (f" and {len(unknown) - 5} more" if len(unknown) > 5 else "")
        raise UserError(
            where,
            "a row for every participant with scans",
            got,
            "add the rows, or remove the scans from the scans table",
        )
    return table


def check_columns(subjects: pd.DataFrame, names: Sequence[str], where: object) -> None:
    """Check that the participants table has the columns that a model needs.

    Raises
    ------
    UserError
        If a column is missing, has a name under which connect writes something else, or has an empty cell.
    """
    for name in names:
        if name not in subjects:
            must = f"columns of the participants table ({', '.join(subjects.columns)})"
            todo = f"correct the formula or `where`, or add the column{suggest(name, subjects.columns)}"
            raise UserError(where, must, name, todo)
        if name in RESERVED:
            must = f"columns with other names than those that connect writes ({', '.join(RESERVED)})"
            raise UserError(where, must, name, "rename the column of the participants table")
        empty = subjects[name].map(lambda value: isinstance(value, str) and not value.strip())
        if empty.any():
            must = f"a value or n/a in every cell of the column `{name}` of the participants table"
            got = f"an empty cell for {subjects.loc[empty, 'participant_id'].iloc[0]}"
            raise UserError(where, must, got, "write n/a where a value is missing")


def word(value: Any) -> Any:
    """Return a level of a group as text, whole numbers without a decimal point; a missing one stays missing."""
    if pd.isna(value):
        return None
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
