"""Units of measurements: what they are called, whether two are the same, and values from one to another."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
import pint

from connect.errors import UserError
from connect.settings.phenotype import SCORE, Conversion

SCORES = (SCORE, "scores", "point", "points")
"""Words for the unit of questionnaires."""

COMMON = (
    *("pg/mL", "ng/mL", "ug/mL", "mg/mL", "ng/dL", "ug/dL", "mg/dL", "ng/L", "ug/L", "mg/L", "g/L"),
    *("pmol/L", "nmol/L", "umol/L", "mmol/L", "U/L", "U/mL", "mIU/L", "IU/L", "IU/mL"),
    *("ms", "s", "min", "h", "ms^2", "s^2", "1/min", "Hz", "kg", "g", "m", "cm", "mm", "mmHg", "kPa", "degC", "degF"),
)
"""Units that may have been meant where a value is not plausible."""

DEFINITIONS = ("international_unit = [biological_activity] = IU",)
"""Units of assays that pint does not know; what an IU is depends on the substance, so that it is no amount."""


def is_score(text: str) -> bool:
    """Return whether a unit is that of a questionnaire."""
    return text.strip().lower() in SCORES


def is_unit(text: str) -> bool:
    """Return whether a text is a unit.

    Examples
    --------
    >>> is_unit("µg/dL"), is_unit("mcg/dL"), is_unit("haemolysed"), is_unit("score")
    (True, True, False, True)
    """
    return is_score(text) or _parsed(text) is not None


def check_unit(text: str, where: object) -> None:
    """Raise a UserError if a text is no unit."""
    if not is_unit(text):
        must = "a unit such as `pg/mL`, `nmol/L`, `ms` or `IU/L`, or `score`"
        raise UserError(where, must, f"`{text}`", "correct it; upper and lower case count, as in `mL` and `ML`")


def same_unit(one: str, other: str) -> bool:
    """Return whether two texts are the same unit, however they are written.

    Examples
    --------
    >>> same_unit("ug/dL", "mcg/dl"), same_unit("ng/mL", "ug/L"), same_unit("ng/mL", "pg/mL")
    (True, True, False)
    """
    if is_score(one) or is_score(other):
        return is_score(one) and is_score(other)
    first, second = _parsed(one), _parsed(other)
    if first is None or second is None or first.dimensionality != second.dimensionality:
        return False
    return bool(np.allclose(_direct(np.array([0.0, 1.0]), one, other), [0.0, 1.0], rtol=1e-12, atol=1e-12))


def is_convertible(source: str, target: str, conversion: Conversion | None = None) -> bool:
    """Return whether values in one unit can be told in another, directly or by a conversion."""
    return same_unit(source, target) or any(True for _ in _ways(source, target, conversion))


def convert(values: Any, source: str, target: str, conversion: Conversion | None = None) -> np.ndarray:
    """Return values in another unit; what is missing (NaN) stays missing.

    Parameters
    ----------
    values
        Numbers of any shape.
    source, target
        Units of the values and of what is returned.
    conversion
        What relates the two if one measures mass and the other amount, or the like.

    Raises
    ------
    UserError
        If there is no way from one to the other.

    Examples
    --------
    >>> convert([14.5], "ug/dL", "nmol/L", Conversion(1, "ug/dL", 27.59, "nmol/L"))
    array([400.055])
    """
    numbers = np.asarray(values, dtype=np.float64)
    if source == target or (is_score(source) and is_score(target)):
        return numbers
    for first, factor, second in _ways(source, target, conversion):
        if first == second:
            return _direct(numbers, source, target)
        return _direct(_direct(numbers, source, first) * factor, second, target)
    must = f"a unit that can be told in {target}"
    todo = "correct the unit, or add a `conversion:` such as `1 ug/dL = 27.59 nmol/L`"
    raise UserError(f"unit {source}", must, source, todo)


def check_conversion(conversion: Conversion, unit: str, where: object) -> None:
    """Raise a UserError unless a conversion relates the unit with one of another kind."""
    for text in (conversion.left_unit, conversion.right_unit):
        check_unit(text, where)
    if is_convertible(conversion.left_unit, conversion.right_unit):
        got = f"{conversion.left_unit} and {conversion.right_unit}, which measure the same"
        raise UserError(where, "units of different kinds, such as mass and amount", got, "take the conversion out")
    if not any(is_convertible(unit, text) for text in (conversion.left_unit, conversion.right_unit)):
        got = f"{conversion.left_unit} and {conversion.right_unit}"
        raise UserError(where, f"a side that can be told in {unit}", got, "correct it, or `unit`")


def alternatives(unit: str, target: str, conversion: Conversion | None) -> Iterator[str]:
    """Yield units in which values may have been measured that were taken to be in ``unit``, the likeliest first."""
    own = (conversion.left_unit, conversion.right_unit) if conversion else ()
    for text in dict.fromkeys((*own, target, *COMMON)):
        if not same_unit(text, unit) and is_convertible(text, target, conversion):
            yield text


@cache
def _registry() -> pint.UnitRegistry[Any]:
    made: pint.UnitRegistry[Any] = pint.UnitRegistry()
    for line in DEFINITIONS:
        made.define(line)
    return made


@cache
def _parsed(text: str) -> pint.Unit | None:
    """Return a unit, or None for what is none; `kg/m2`, `mL-1` and points between factors are read too."""
    plain = text.strip().replace("·", "*").replace("−", "-")
    plain = re.sub(r"(?<=[A-Za-z])(-?\d)(?![\w.])", r"^\1", plain)
    if not plain:
        return None
    try:
        found: pint.Unit = _registry().parse_units(plain)
    except Exception:
        # pint raises errors of many kinds for what it cannot read.
        return None
    # `PG` is a petagauss, which no assay measures: powers that are no whole numbers tell it from what was meant.
    return found if all(power == int(power.real) for power in found.dimensionality.values()) else None


def _ways(source: str, target: str, conversion: Conversion | None) -> Iterator[tuple[str, float, str]]:
    """Yield a unit of the kind of the source, the factor to one of the kind of the target, and that unit."""
    if is_score(source) or is_score(target):
        return
    first, second = _parsed(source), _parsed(target)
    if first is None or second is None:
        return
    if first.dimensionality == second.dimensionality:
        yield source, 1.0, source
    elif conversion:
        left, left_unit, right, right_unit = conversion
        for one, factor, other in ((left_unit, right / left, right_unit), (right_unit, left / right, left_unit)):
            if _like(source, one) and _like(other, target):
                yield one, factor, other


def _like(one: str, other: str) -> bool:
    first, second = _parsed(one), _parsed(other)
    return first is not None and second is not None and bool(first.dimensionality == second.dimensionality)


def _direct(values: np.ndarray, source: str, target: str) -> np.ndarray:
    """Return values in a unit of the same kind."""
    made: np.ndarray = _registry().Quantity(values, _parsed(source)).to(_parsed(target)).magnitude
    return made
