"""Columns of numbers that are read and computed when they are asked for, where together they would fill the memory.

What is done column by column takes an array or :class:`Columns` alike. Few columns are an array: see :func:`kept`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

TILE = 1024
"""Columns that are worked on at once."""

KEPT = 1 << 24
"""Number of values up to which columns are kept in memory, where they are asked for several times."""

Make = Callable[[np.ndarray], np.ndarray]


class Columns:
    """An array ``(n_rows, n_columns)`` of which some columns at a time are made.

    Parameters
    ----------
    shape
        Rows and columns.
    make
        Returns the columns of the given numbers, in double precision.
    """

    def __init__(self, shape: tuple[int, int], make: Make) -> None:
        self.shape, self.make = shape, make
        self.size = shape[0] * shape[1]

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: tuple[slice, Any]) -> np.ndarray:
        """Return all rows of some columns."""
        return self.make(np.arange(self.shape[1])[key[1]])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """Return all columns."""
        tiles = [self[:, at] for at in parts(self)]
        return np.asarray(np.concatenate([np.empty((self.shape[0], 0)), *tiles], axis=1), dtype=dtype)


Values = np.ndarray | Columns
"""An array ``(n_rows, n_columns)``, or columns that are made when they are asked for."""


def kept(values: Columns) -> Values:
    """Return columns as an array if they are few."""
    return np.asarray(values) if values.size <= KEPT else values


def parts(values: Values) -> Iterator[slice]:
    """Give the columns in parts that fit into memory: an array as a whole, others tile by tile."""
    n_columns = values.shape[1]
    step = TILE if isinstance(values, Columns) else max(n_columns, 1)
    return (slice(start, start + step) for start in range(0, n_columns, step))


def mapped(values: Values, n_rows: int, function: Callable[[np.ndarray, Any], np.ndarray]) -> Values:
    """Return what a function makes of columns, ``(n_rows, n_columns)``.

    Parameters
    ----------
    values
        The columns.
    n_rows
        Number of rows that the function gives.
    function
        Takes columns and their numbers, all of an array at once.
    """
    if not isinstance(values, Columns):
        return function(values, slice(None))
    return Columns((n_rows, values.shape[1]), lambda at: function(values[:, at], at))


def taken(values: Values, columns: np.ndarray) -> Values:
    """Return some columns, given by number or by yes and no."""
    if not isinstance(values, Columns):
        return np.asarray(values[:, columns])
    chosen = np.arange(values.shape[1])[columns]
    return Columns((len(values), len(chosen)), lambda at: values[:, chosen[at]])


def rows_of(values: Values, rows: np.ndarray) -> Values:
    """Return some rows, given by number or by yes and no."""
    return mapped(values, len(np.arange(len(values))[rows]), lambda some, _: some[rows])


def side_by_side(several: Sequence[Values]) -> Values:
    """Return the columns of several one after the other."""
    if not any(isinstance(one, Columns) for one in several):
        return np.concatenate([np.asarray(one) for one in several], axis=1)
    ends = np.cumsum([one.shape[1] for one in several])

    def make(at: np.ndarray) -> np.ndarray:
        found = np.empty((len(several[0]), len(at)))
        for one, end in zip(several, ends, strict=True):
            place = at - (end - one.shape[1])
            own = (place >= 0) & (at < end)
            if own.any():
                found[:, own] = one[:, place[own]]
        return found

    return Columns((len(several[0]), int(ends[-1])), make)


def per_column(values: Values, function: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Return what a function gives for each column ``(..., n_columns)``, part by part."""
    found = [function(values[:, at]) for at in parts(values)]
    return np.concatenate(found, axis=-1) if found else function(np.asarray(values))
