"""What cells of a phenotype say: a number, that it is below the limit of detection, or that it is missing."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from connect.cells import doubt_of_commas, has_decimal_commas, is_missing, number
from connect.errors import UserError
from connect.phenotypes.tables import shown
from connect.phenotypes.units import check_unit, is_score, is_unit, same_unit
from connect.settings.phenotype import SCORE, Phenotype
from connect.tables import read_record

_BELOW = re.compile(r"<\s*(LOD|LLOD|DL)", re.IGNORECASE)
_CELL = re.compile(r"(?P<sign><?)\s*(?P<number>[+-]?(?:\d+[.,]?\d*|[.,]\d+)(?:[eE][+-]?\d+)?)\s*(?P<rest>.*)")


def numbers(cells: pd.DataFrame, where: object) -> pd.DataFrame:
    """Return cells with what they say: ``number`` as it was measured, ``under`` and ``lack``.

    ``under`` is the limit that a cell such as ``<5`` names, 0 for one such as ``<LOD``, which names none, and NaN for
    others; the number of a cell below a limit is missing. ``lack`` says in words why a number is missing, and is empty
    where it is not. Times are made numbers too.

    Raises
    ------
    UserError
        If a cell is text, or a number with a unit, or its commas are in doubt; the rows are shown.
    """
    texts = cells["cell"].map(lambda cell: cell.strip() if isinstance(cell, str) else cell)
    empty = texts.map(lambda cell: cell == "").astype(bool)
    lack = texts.isna() | texts.map(lambda cell: isinstance(cell, str) and is_missing(cell)).astype(bool)
    parts = [_part(cell) for cell in texts.mask(empty | lack)]
    odd = pd.Series([not part for part in parts], index=cells.index)
    if odd.any():
        must = "numbers, or n/a where a value is missing"
        todo = "correct the cells; below the limit of detection write `<` and the limit, as `<5`, or `<LOD`"
        raise UserError(where, must, shown(cells[odd]), todo)
    rest = pd.Series([part["rest"] for part in parts], index=cells.index)
    if (rest != "").any():
        must = "numbers alone, all in one unit"
        todo = "convert the cells to one unit, write the numbers alone, and name the unit with `measured_in`"
        raise UserError(where, must, shown(cells[rest != ""]), todo)
    values = pd.Series(_values([part["number"] for part in parts], where), index=cells.index)
    under = pd.Series([part["sign"] == "<" for part in parts], index=cells.index)
    reasons = np.where(empty, "an empty cell", np.where(lack, "n/a in the table", ""))
    timed = cells.assign(time=_times(cells, where), number=values.mask(under), under=values.where(under))
    return timed.assign(lack=reasons)


def unit_of(cells: pd.DataFrame, settings: Phenotype, where: object) -> str:
    """Return the unit of the numbers of some cells: what the file, the sidecars and the rows say, which must agree.

    Raises
    ------
    UserError
        If two of them contradict each other, or one is no unit.
    """
    said = settings.measured_in or (SCORE if is_score(settings.measured_unit) else "")
    place = f"{where}, key measured_in"
    if said:
        check_unit(said, place)
    for unit, rows in _told(cells):
        if not is_unit(unit) and said:
            continue
        own = f"{rows['file'].iloc[0]}, unit of {rows['column'].iloc[0]} (`measured_in` in {where} may say it)"
        check_unit(unit, own)
        if not said:
            said, place = unit, own
        elif not same_unit(unit, said):
            got = f"{unit} in the table or its JSON sidecar: {shown(rows)}"
            todo = "correct the one that is wrong; rows in another unit must be converted"
            raise UserError(place, f"one unit, {said}", got, todo)
    return said or settings.measured_unit


def _told(cells: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """Return the units that rows and sidecars name, each with its cells."""
    known = cells[cells["unit"].str.strip().map(lambda text: text != "" and not is_missing(text))]
    told = [(str(unit), rows) for unit, rows in known.groupby("unit", sort=False)]
    for (file, column), rows in cells.groupby(["file", "column"], sort=False):
        sidecar = Path(str(file)).with_suffix(".json")
        if sidecar.is_file():
            about: Any = read_record(sidecar).get(str(column))
            unit = str(about.get("Units", "")).strip() if isinstance(about, dict) else ""
            told += [(unit, rows)] if unit and not is_missing(unit) else []
    return told


def _part(cell: Any) -> dict[str, str]:
    """Return the sign, number and unit of a cell, nothing for text; a missing one has an empty number."""
    if isinstance(cell, str) and _BELOW.fullmatch(cell):
        return {"sign": "<", "number": "0", "rest": ""}
    if isinstance(cell, str):
        match = _CELL.fullmatch(cell)
        return match.groupdict() if match and (not match["rest"] or is_unit(match["rest"])) else {}
    if not pd.isna(cell) and not np.isfinite(float(cell)):
        return {}
    return {"sign": "", "number": "" if pd.isna(cell) else repr(float(cell)), "rest": ""}


def _values(texts: list[str], where: object) -> list[float]:
    """Return numbers with decimal points, or all with decimal commas."""
    known = [text for text in texts if text]
    doubt = doubt_of_commas(known)
    if any("," in text for text in known) and not has_decimal_commas(known):
        must = "numbers with a decimal point, or all with a decimal comma"
        raise UserError(where, must, doubt or known[0], "write decimal points and nothing between thousands")
    return [number(text) if text else float("nan") for text in texts]


def _times(cells: pd.DataFrame, where: object) -> pd.Series[float]:
    """Return the times of samples as numbers; NaN for what is no sample."""
    bare = cells["time"].map(lambda cell: float("nan") if isinstance(cell, str) and not cell.strip() else cell)
    times = pd.to_numeric(bare, errors="coerce").astype(float)
    odd = times.isna() & cells["timed"]
    if odd.any():
        rows = cells[odd].assign(cell=cells["time"].astype(object).fillna("n/a"), time=float("nan"))
        must = "the time of each sample, a number of minutes"
        raise UserError(where, must, shown(rows), "correct the cells of the time")
    return times
