"""What the cells of a user's table mean: which of them are missing, and numbers with a decimal comma.

The standard library alone, so that `connect index` can look at a table before a stage reads it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from connect.scans import MISSING

MISSING_TOO = ("N/A", "NA", "NaN", "nan")
"""Words that are read as `n/a`, besides `n/a` itself."""

_NUMBER = re.compile(r"[+-]?(\d+[.,]?\d*|[.,]\d+)([eE][+-]?\d+)?")
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")
_BOTH = re.compile(r"[+-]?[\d.,]+")


def is_missing(cell: str) -> bool:
    """Return whether a cell says that its value is missing; an empty cell says nothing."""
    return cell in (MISSING, *MISSING_TOO)


def has_decimal_commas(cells: Iterable[str]) -> bool:
    """Return whether all cells are numbers, some of them with a decimal comma, and nothing speaks against it.

    Examples
    --------
    >>> has_decimal_commas(["1,5", "2", "n/a"]), has_decimal_commas(["1,5", "1.5"]), has_decimal_commas(["1,250"])
    (True, False, False)
    """
    known = [cell for cell in cells if not is_missing(cell)]
    commas = any("," in cell for cell in known)
    return commas and all(_NUMBER.fullmatch(cell) for cell in known) and not doubt_of_commas(known)


def doubt_of_commas(cells: Iterable[str]) -> str:
    """Return why the commas in a column of numbers cannot be read, or nothing if they can or it has no numbers.

    Examples
    --------
    >>> doubt_of_commas(["1,5", "1.5"])
    'commas and points, such as 1,5 and 1.5'
    >>> doubt_of_commas(["1,250", "n/a", "3"])
    'three digits after every comma, such as 1,250, so that it may part thousands'
    """
    known = [cell for cell in cells if not is_missing(cell)]
    commas = [cell for cell in known if "," in cell]
    points = [cell for cell in known if "." in cell]
    if not commas or not all(_BOTH.fullmatch(cell) and re.search(r"\d", cell) for cell in known):
        return ""
    if points:
        return f"commas and points, such as {' and '.join(dict.fromkeys((commas[0], points[0])))}"
    if all(_THOUSANDS.fullmatch(cell) for cell in commas):
        return f"three digits after every comma, such as {commas[0]}, so that it may part thousands"
    return ""


def number(cell: str) -> float:
    """Return a number that is written with a decimal comma or a decimal point; NaN for one that is missing."""
    return float("nan") if is_missing(cell) else float(cell.replace(",", "."))
