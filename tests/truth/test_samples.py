"""Areas under the curve of timed samples: the formulas of Pruessner et al. 2003 term by term, scipy, known answers."""

from __future__ import annotations

import doctest

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import trapezoid

import connect.phenotypes.samples
from connect.phenotypes.samples import auc_ground, auc_increase, expected, summarise
from connect.settings.phenotype import Samples

NAN = float("nan")
CURVES = st.lists(
    st.tuples(st.floats(0.5, 90), st.floats(0, 60)), min_size=2, max_size=8
)  # time since the sample before (min), value


def curve(steps: list[tuple[float, float]]) -> tuple[np.ndarray, np.ndarray]:
    return np.cumsum([step for step, _ in steps]), np.array([value for _, value in steps])


def test_doctests() -> None:
    assert doctest.testmod(connect.phenotypes.samples).failed == 0


@pytest.mark.parametrize(
    ("minutes", "values", "ground", "increase"),
    [
        ([0, 30, 45, 60], [8, 14, 12, 10], 330 + 195 + 165, 690 - 480),
        ([0, 10], [5, 5], 50, 0),
        ([0, 20, 60], [10, 4, 2], 140 + 120, 260 - 600),
        ([15, 30, 90], [2, 4, 0], 45 + 120, 165 - 150),
    ],
)
def test_hand_computed(minutes: list[float], values: list[float], ground: float, increase: float) -> None:
    assert auc_ground(minutes, values) == ground
    assert auc_increase(minutes, values) == increase


@given(CURVES)
def test_the_formulas_term_by_term(steps: list[tuple[float, float]]) -> None:
    """Equation 2: sum of (m_(i+1) + m_i) * t_i / 2; equation 4: that minus m_1 * the sum of t_i."""
    minutes, values = curve(steps)
    t = np.diff(minutes)
    ground = sum((values[i + 1] + values[i]) * t[i] / 2 for i in range(len(t)))
    assert auc_ground(minutes, values) == pytest.approx(ground, rel=1e-12, abs=1e-9)
    assert auc_increase(minutes, values) == pytest.approx(ground - values[0] * t.sum(), rel=1e-9, abs=1e-8)


@given(CURVES)
def test_as_scipy_has_it(steps: list[tuple[float, float]]) -> None:
    minutes, values = curve(steps)
    assert auc_ground(minutes, values) == pytest.approx(float(trapezoid(values, minutes)), rel=1e-12, abs=1e-12)
    above = float(trapezoid(values - values[0], minutes))
    assert auc_increase(minutes, values) == pytest.approx(above, rel=1e-9, abs=1e-8)


@given(CURVES, st.floats(-50, 50))
def test_the_increase_does_not_depend_on_the_level(steps: list[tuple[float, float]], level: float) -> None:
    minutes, values = curve(steps)
    assert auc_increase(minutes, values + level) == pytest.approx(auc_increase(minutes, values), rel=1e-9, abs=1e-7)


def test_a_missing_sample_is_carried() -> None:
    assert np.isnan(auc_ground([0, 30, 60], [1, NAN, 2]))
    assert np.isnan(auc_increase([0, 30, 60], [NAN, 1, 2]))
    assert np.isnan(auc_ground([0], [1]))
    assert np.isnan(auc_increase([], []))


@pytest.mark.parametrize("minutes", [[0, 0, 30], [0, 30, 15], [0, 30]])
def test_times_increase(minutes: list[float]) -> None:
    with pytest.raises(ValueError, match="increase"):
        auc_ground(minutes, [1, 2, 3])


@pytest.mark.parametrize(
    ("summary", "values", "value", "note"),
    [
        ("mean", [2, 4, 9], 5, ""),
        ("mean", [2, NAN, 9], 5.5, "mean of 2 of 3 samples"),
        ("peak", [2, NAN, 9], 9, "largest of 2 of 3 samples"),
        ("first", [2, NAN, 9], 2, ""),
        ("first", [NAN, 4, 9], NAN, "the first sample is missing (2 of 3 samples)"),
        ("auc_g", [2, 4, 9], 90 + 195, ""),
        ("auc_i", [2, 4, 9], 285 - 120, ""),
        ("auc_g", [2, 4, NAN], NAN, "2 of 3 samples: no area"),
        ("auc_i", [NAN, NAN, NAN], NAN, "no sample has a value (0 of 3 samples)"),
    ],
)
def test_summaries(summary: str, values: list[float], value: float, note: str) -> None:
    settings = Samples(summary, time="minutes")  # type: ignore[arg-type]
    found = summarise(np.array([0.0, 30.0, 60.0]), np.array(values, dtype=float), settings, 3, 0.0)
    assert found == (pytest.approx(value, nan_ok=True), note)


def test_a_session_that_begins_late_has_no_first_sample() -> None:
    """The first samples of complete sessions are at 0 and 3 min: what begins at 30 has lost its first."""
    rows = [("a", 0), ("a", 30), ("b", 3), ("b", 33), ("c", 30)]
    samples = pd.DataFrame(rows, columns=["participant_id", "time"]).assign(session="pre")
    settings = Samples("first", time="minutes")
    number, first = expected(samples, settings)
    assert (number, first) == (2, 3.0)
    assert np.isnan(summarise(np.array([30.0]), np.array([7.0]), settings, number, first)[0])
    assert summarise(np.array([2.0]), np.array([7.0]), settings, number, first)[0] == 7
