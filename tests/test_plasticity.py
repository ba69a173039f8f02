"""Plasticity rates of participants, in models of the rate and of all sessions over weeks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import statsmodels.api as sm
from scipy import stats
from scipy.sparse import csr_array

from connect.compare.plasticity import plasticity
from connect.outcome import Outcome
from connect.settings.model import Model

RNG = np.random.default_rng(4)
WEEKS = np.concatenate([np.sort(RNG.uniform(0, 12, n)) for n in (4, 3, 5, 2, 4, 1)])
PEOPLE = np.repeat([f"sub-{n}" for n in range(1, 7)], (4, 3, 5, 2, 4, 1))


def model(**settings: Any) -> Model:
    return Model(**{"question": "?", "formula": "~ weeks", "contrast": "weeks", "outcome": "sessions", **settings})


def outcome(weeks: np.ndarray, people: np.ndarray) -> Outcome:
    rows = pd.DataFrame({"participant_id": people, "weeks": weeks, "part": 0})
    table = pd.DataFrame({"participant_id": [*dict.fromkeys(people), "sub-9"], "analysed": "yes"})
    return Outcome(table, rows, csr_array(np.eye(len(rows))), None, np.ones(1, dtype=bool), paired=False)


def test_rates_are_the_slopes_of_each_participant() -> None:
    values = RNG.normal(0.2, 0.1, len(WEEKS))
    people, record = plasticity(outcome(WEEKS, PEOPLE), values, model())
    assert record is not None
    rates = people.set_index("participant_id")["plasticity_rate"]
    residual, df = 0.0, 0
    for name in dict.fromkeys(PEOPLE):
        own = name == PEOPLE
        if own.sum() == 1:
            continue
        found = sm.OLS(values[own], sm.add_constant(WEEKS[own])).fit()
        np.testing.assert_allclose(rates[name], found.params[1])
        residual, df = residual + found.ssr, df + own.sum() - 2
    own = PEOPLE == "sub-1"
    error = np.sqrt(residual / df / np.square(WEEKS[own] - WEEKS[own].mean()).sum())
    half = (people["plasticity_rate_high"] - people["plasticity_rate_low"])[0] / 2
    np.testing.assert_allclose(half, stats.t.ppf(0.975, df) * error)
    assert np.isnan(rates["sub-6"])
    assert np.isnan(rates["sub-9"])
    assert record["n"] == 5
    assert record["df"] == df
    assert record["reason"] is None
    np.testing.assert_allclose([record["mean"], record["sd"]], [rates.mean(), rates.std()])
    assert 0 <= record["reliability_low"] <= record["reliability"] <= record["reliability_high"] <= 1


def test_two_sessions_for_everyone_do_not_tell_the_error() -> None:
    weeks, people = np.tile([0.0, 8.0], 5), np.repeat([f"sub-{n}" for n in range(5)], 2)
    values = RNG.normal(size=10)
    table, record = plasticity(outcome(weeks, people), values, model())
    assert record is not None
    np.testing.assert_allclose(table["plasticity_rate"][:5], np.diff(values.reshape(5, 2), axis=1)[:, 0] / 8)
    assert table["plasticity_rate_low"].isna().all()
    assert np.isnan(record["reliability"])
    assert record["reason"] == "two sessions for everyone leave no residual: the error of rates is not known"


def test_a_model_of_the_rate_has_them_as_its_outcome() -> None:
    values = RNG.normal(size=6)
    people = np.array([f"sub-{n}" for n in range(6)])
    table, record = plasticity(
        outcome(np.zeros(6), people), values, model(formula="~ 1", contrast="mean", outcome="rate")
    )
    assert record is not None
    np.testing.assert_array_equal(table["plasticity_rate"][:6], values)
    assert record["reason"]


def test_other_models_have_none() -> None:
    made = outcome(WEEKS, PEOPLE)
    table, record = plasticity(made, WEEKS, model(formula="~ 1", contrast="mean", outcome="change"))
    assert table is made.people
    assert record is None
