"""Scores of a questionnaire from the answers to its items."""

from __future__ import annotations

from typing import Any

import pandas as pd

from connect.cells import is_missing
from connect.config import suggest
from connect.errors import UserError
from connect.settings.score import Score


def score(items: pd.DataFrame, key: Score, scale: str, where: object) -> pd.DataFrame:
    """Return the scores of a scale: columns ``value`` (points) and ``note``, with the index of ``items``.

    With ``a`` answered of ``n`` items, those keyed in reverse counted as lowest + highest - response, a scale made by
    the mean is the mean of the answered, one made by the sum the mean of the answered x ``n``, which is the sum if all
    are answered. It is missing (NaN) if fewer are answered than the key asks for. ``note`` says which of the two
    happened, and is None if all are answered.

    Parameters
    ----------
    items
        Responses, a row for each participant (and session), which the index names ``(n_rows, n_columns)``; its columns
        are the numbers of the items. Cells are whole numbers, or missing: NaN, None or ``n/a``.
    key
        The scoring key.
    scale
        Name of a scale of the key.
    where
        The file, for error messages.

    Raises
    ------
    UserError
        If the key has no such scale, a column of it is missing, or a response is no whole number in the range.
    """
    if scale not in key.scales:
        must = f"a scale of {key.title}: {', '.join(key.scales)}"
        raise UserError(where, must, f"`{scale}`", f"choose one{suggest(scale, key.scales)}")
    used = key.scales[scale]
    lacking = [str(item) for item in used if item not in items]
    if lacking:
        must = f"all items of the scale {scale} of {key.title}"
        raise UserError(where, must, f"no column of items {', '.join(lacking)}", "correct the names of the columns")
    responses = {item: _numbers(items[item], key, where) for item in items}
    top = sum(key.responses)
    own = pd.DataFrame({item: top - responses[item] if item in key.reverse else responses[item] for item in used})
    n_items, answered = own.shape[1], own.notna().sum(axis=1)
    fewest = key.answered.get(scale, n_items)
    value = own.sum(axis=1) * (n_items if key.made_by == "sum" else 1) / answered
    notes = [_note(int(count), n_items, fewest, key) for count in answered]
    return pd.DataFrame(
        {"value": value.where(answered >= fewest), "note": pd.Series(notes, index=items.index, dtype=object)}
    )


def _numbers(column: pd.Series[Any], key: Score, where: object) -> pd.Series[float]:
    """Return the responses to an item as numbers; what is missing is NaN."""
    known = column.mask(column.map(lambda cell: isinstance(cell, str) and is_missing(cell.strip())))
    numbers = pd.to_numeric(known, errors="coerce").astype(float)
    low, high = key.responses
    wrong = known.notna() & ~(numbers.between(low, high) & (numbers % 1 == 0))
    if wrong.any():
        place = int(wrong.to_numpy().argmax())
        label = column.index[place]
        name = " ".join(map(str, label)) if isinstance(label, tuple) else str(label)
        got = f"{column.iloc[place] if column.iloc[place] != '' else 'an empty cell'} to item {column.name} by {name}"
        must = f"whole numbers from {low} to {high} as responses of {key.title}, or n/a"
        raise UserError(where, must, got, "correct the table, or write n/a")
    return numbers


def _note(answered: int, n_items: int, fewest: int, key: Score) -> str | None:
    if answered == n_items:
        return None
    counted = f"{answered} of {n_items} items answered"
    if answered < fewest:
        return f"{counted}, fewer than {fewest}"
    return f"{counted}: the mean of these" + (f" x {n_items}" if key.made_by == "sum" else "")
