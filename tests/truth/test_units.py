"""Units: factors that are known, spellings that are the same, amounts that differ in kind."""

from __future__ import annotations

import doctest

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import connect.phenotypes.units
from connect.errors import UserError
from connect.phenotypes.units import (
    alternatives,
    check_conversion,
    convert,
    is_convertible,
    is_unit,
    same_unit,
)
from connect.settings.phenotype import Conversion

CORTISOL = Conversion(1, "ug/dL", 27.59, "nmol/L")
"""1 ug/dL over the molar mass of cortisol, 362.46 g/mol, is 27.589 nmol/L; laboratories use two decimals."""


def test_doctests() -> None:
    assert doctest.testmod(connect.phenotypes.units).failed == 0


@pytest.mark.parametrize(
    ("value", "source", "target", "expected"),
    [
        (1, "ng/mL", "pg/mL", 1000),
        (1, "ug/dL", "ng/mL", 10),
        (1, "ug/dL", "ug/L", 10),
        (1, "nmol/L", "pmol/mL", 1),
        (2.5, "nM", "nmol/L", 2.5),
        (1, "mg/dL", "g/L", 0.01),
        (0.042, "s", "ms", 42),
        (2e-6, "s^2", "ms^2", 2),
        (1.2, "Hz", "1/min", 72),
        (3, "IU/L", "mIU/mL", 3),
        (37, "degC", "degF", 98.6),
        (120, "mmHg", "kPa", 120 * 0.133322387415),
    ],
)
def test_known_factors(value: float, source: str, target: str, expected: float) -> None:
    assert float(convert(value, source, target)) == pytest.approx(expected, rel=1e-8)


def test_mass_and_amount_both_ways() -> None:
    assert abs(float(convert(1, "ug/dL", "nmol/L", CORTISOL)) - 27.59) < 1e-12 * 27.59
    assert abs(float(convert(27.59, "nmol/L", "ug/dL", CORTISOL)) - 1) < 1e-12
    assert float(convert(1, "ng/mL", "nmol/L", CORTISOL)) == pytest.approx(2.759, rel=1e-12)
    assert float(convert(1, "umol/L", "ug/dL", CORTISOL)) == pytest.approx(1000 / 27.59, rel=1e-12)
    backward = Conversion(27.59, "nmol/L", 1, "ug/dL")
    assert float(convert(2, "ug/dL", "nmol/L", backward)) == pytest.approx(55.18, rel=1e-12)


def test_the_factor_of_laboratories_is_that_of_the_molar_mass() -> None:
    grams_per_mole = 362.46
    assert 1e-6 / 0.1 / grams_per_mole * 1e9 == pytest.approx(27.59, rel=1e-4)


@given(st.floats(0, 1e6), st.sampled_from(["ug/dL", "ng/mL", "pg/mL", "nmol/L", "pmol/L", "umol/mL"]))
def test_there_and_back(value: float, unit: str) -> None:
    there = convert(value, unit, "nmol/L", CORTISOL)
    assert float(convert(there, "nmol/L", unit, CORTISOL)) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize(
    "spelling", ["ug/dL", "\u00b5g/dL", "\u03bcg/dL", "mcg/dL", "ug/dl", "ug*dL-1", "\u00b5g dL^-1", "ug\u00b7dL-1"]
)
def test_spellings_of_a_unit(spelling: str) -> None:
    assert same_unit(spelling, "ug/dL")
    assert float(convert(3, spelling, "nmol/L", CORTISOL)) == pytest.approx(3 * 27.59, rel=1e-12)


@pytest.mark.parametrize(("one", "other"), [("kg/m2", "kg/m^2"), ("ms\u00b2", "ms^2"), ("Scores", "score")])
def test_more_spellings(one: str, other: str) -> None:
    assert same_unit(one, other)


@pytest.mark.parametrize("text", ["", " ", "haemolysed", "PG/ML", "x", "1-7", "low", "10^-9 mol/L"])
def test_what_is_no_unit(text: str) -> None:
    assert not is_unit(text)


def test_missing_stays_missing_and_shape_stays() -> None:
    found = convert([[1, np.nan], [0, 2]], "ug/dL", "nmol/L", CORTISOL)
    np.testing.assert_allclose(found, [[27.59, np.nan], [0, 55.18]], rtol=1e-12)


@pytest.mark.parametrize(
    ("source", "target"), [("ug/dL", "nmol/L"), ("ug/dL", "ms"), ("score", "ug/dL"), ("IU/L", "nmol/L")]
)
def test_kinds_that_differ_are_refused(source: str, target: str) -> None:
    assert not is_convertible(source, target)
    with pytest.raises(UserError) as caught:
        convert(1, source, target)
    assert target in caught.value.must


def test_a_conversion_relates_only_its_kinds() -> None:
    assert not is_convertible("ms", "nmol/L", CORTISOL)
    for conversion, got in (
        (Conversion(1, "ug/dL", 10, "ng/mL"), "measure the same"),
        (Conversion(1, "mg", 2, "IU"), "mg and IU"),
        (Conversion(1, "ug/dL", 2, "foo"), "`foo`"),
    ):
        with pytest.raises(UserError) as caught:
            check_conversion(conversion, "nmol/L", "file")
        assert got in caught.value.got


def test_alternatives_begin_with_the_conversion_and_leave_out_the_unit_itself() -> None:
    found = list(alternatives("ug/dL", "ug/dL", CORTISOL))
    assert found[0] == "nmol/L"
    assert "ug/dL" not in found
    assert "ms" not in found
