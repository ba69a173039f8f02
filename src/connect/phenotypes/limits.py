"""What values can be: the plausible range, and what stands for a value below the limit of detection.

Half of the limit and the limit divided by the square root of 2 are the two common replacements (Hornung & Reed 1990,
Appl Occup Environ Hyg 5:46, doi:10.1080/1047322X.1990.10389587, who take the second where values are not very skewed).
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from connect.errors import UserError
from connect.phenotypes.tables import shown
from connect.phenotypes.units import alternatives, convert
from connect.settings.phenotype import Phenotype

REPLACEMENTS = {"half": 0.5, "root-half": math.sqrt(0.5), "limit": 1.0, "missing": float("nan")}
"""What stands for a value below the limit of detection, as a share of the limit."""

WORDS = {
    "half": "half of it",
    "root-half": "it divided by the square root of 2",
    "limit": "the limit itself",
    "missing": "missing",
}
"""The replacements in words."""

TOLERANCE = 1e-6
"""Relative difference up to which two limits are the same."""


def check_plausible(cells: pd.DataFrame, settings: Phenotype, measured_in: str, where: object) -> None:
    """Raise a UserError that shows the cells beyond the plausible range, and names a unit in which they are not.

    Parameters
    ----------
    cells
        Cells with their ``number`` in ``measured_in`` and their ``measured`` value in the unit of the phenotype.
    settings
        Say what is plausible.
    measured_in
        Unit in which the numbers were taken to be.
    where
        The phenotype file.
    """
    if not settings.plausible:
        return
    low, high = settings.plausible
    beyond = cells[(cells["measured"] < low) | (cells["measured"] > high)]
    if beyond.empty:
        return
    must = f"values from {low:g} to {high:g} {settings.measured_unit}"
    todo = f"correct the cells, or `plausible`{_hint(beyond['number'].to_numpy(), settings, measured_in)}"
    raise UserError(where, must, shown(beyond.assign(cell=beyond["number"])) + f" ({measured_in})", todo)


def treat_limits(cells: pd.DataFrame, settings: Phenotype, where: object) -> pd.DataFrame:
    """Return cells with their ``value`` after the treatment of the limit, and whether they are ``below`` it.

    A value is below the limit of detection if its number is smaller, or if its cell says so (``<5``).

    Parameters
    ----------
    cells
        Cells with ``measured`` and ``under``, the limit that a cell names, in the unit of the phenotype.
    settings
        Say the limit and what stands for a value below it.
    where
        The phenotype file.

    Raises
    ------
    UserError
        If a cell names a limit and the phenotype has none, or a lower one.
    """
    limit, named = settings.limit_of_detection, cells["under"].notna()
    if limit is None:
        if named.any():
            todo = "add `limit_of_detection:` and `below_limit:`, such as `half`, or write n/a"
            raise UserError(where, "a limit of detection for cells that are below it", shown(cells[named]), todo)
        return cells.assign(value=cells["measured"], below=False)
    higher = cells["under"] > limit * (1 + TOLERANCE)
    if higher.any():
        must = f"cells below the limit of detection of {limit:g} {settings.measured_unit}, or below a lower one"
        todo = "correct the cells, or `limit_of_detection`: it is that of the least sensitive assay"
        raise UserError(where, must, shown(cells[higher]), todo)
    below = named | (cells["measured"] < limit)
    replaced = limit * REPLACEMENTS[settings.below_limit or "missing"]
    return cells.assign(value=cells["measured"].mask(below, replaced), below=below)


def limit_words(settings: Phenotype) -> str:
    """Return in words what stands for a value below the limit of detection."""
    if settings.limit_of_detection is None:
        return ""
    limit = f"{settings.limit_of_detection:g} {settings.measured_unit}"
    return f"below the limit of detection ({limit}): {WORDS[settings.below_limit or 'missing']}"


def _hint(values: np.ndarray, settings: Phenotype, measured_in: str) -> str:
    """Return a unit in which a value would be plausible, in words, or nothing."""
    low, high = settings.plausible
    unit, conversion = settings.measured_unit, settings.converts
    for other in alternatives(measured_in, unit, conversion):
        would = float(convert(values[:1], other, unit, conversion)[0])
        if low <= would <= high:
            same = "" if other == unit else f", which is {would:.3g} {unit}"
            return (
                f"; {values[0]:g} is plausible as {other}{same}: if all cells are in it, write `measured_in: {other}`,"
                " if some are, convert them"
            )
    return ""
