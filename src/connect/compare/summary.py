"""What was asked and found, in one record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from connect.changes import weights
from connect.formulas import BASELINE, OF_SESSIONS, has_baseline, motion_of
from connect.inference import interval
from connect.methods import METHODS
from connect.outcome import Outcome
from connect.parcels import PRIMARY
from connect.question import Question
from connect.settings.model import Model

KEPT = ("estimate", "ci_low", "ci_high", "g", "g_low", "g_high", "r", "r_low", "r_high", "statistic", "df", "p",
        "log10_bf", "p_equivalence", "detectable")  # fmt: skip
"""What the summary holds of the primary test, where the model has it."""


def summarise(
    results: Mapping[str, pd.DataFrame], values: pd.DataFrame, outcome: Outcome, asked: Question
) -> dict[str, Any]:
    """Return the record of a model.

    Parameters
    ----------
    results
        Tables of the levels.
    values
        Domain-level quantities of every session.
    outcome
        Rows of the model.
    asked
        The model.
    """
    model, primary = asked.model, results["domain"].iloc[0]
    moves = asked.arrangements
    return {
        **_asked(model),
        "columns": [*asked.asked.columns, *([BASELINE] if has_baseline(model) else [])],
        "n": asked.n,
        "n_sessions": len(asked.rows) if model.outcome == "sessions" else None,
        "n_not_analysed": int((outcome.people["analysed"] == "no").sum()),
        "method": asked.method,
        "exchangeability": METHODS[asked.method],
        "arrangements": moves.count,
        "enumerated": moves.enumerated,
        "primary": {key: _plain(primary[key]) for key in KEPT if key in primary},
        "gate": "open" if primary["p"] <= model.alpha else "closed",
        "significant": {name: int((table["p_fwe"] <= model.alpha).sum()) for name, table in results.items()},
        "tested": {name: int(table["statistic"].notna().sum()) for name, table in results.items()},
        "arm_column": asked.asked.arms,
        "arms": arms(values, outcome, asked),
    }


def untested_summary(outcome: Outcome, model: Model, rows: Mapping[str, int]) -> dict[str, Any]:
    """Return the record of a model that could not be tested, with the same keys.

    Parameters
    ----------
    outcome
        Rows of the model.
    model
        The model.
    rows
        How many rows each level has.
    """
    none: dict[str, int] = dict.fromkeys(rows, 0)
    return {
        **_asked(model),
        "columns": [],
        "n": len(outcome.analysed),
        "n_sessions": len(outcome.rows) if model.outcome == "sessions" else None,
        "n_not_analysed": int((outcome.people["analysed"] == "no").sum()),
        "method": "none",
        "exchangeability": "",
        "arrangements": 0,
        "enumerated": False,
        "primary": dict.fromkeys(KEPT),
        "gate": "closed",
        "significant": none,
        "tested": none,
        "arm_column": "",
        "arms": [],
        "variances": None,
        "cautions": [],
        "motion": None,
        "rates": None,
    }


def _asked(model: Model) -> dict[str, Any]:
    names = (
        "question",
        "formula",
        "contrast",
        "outcome",
        "relation",
        "correlation",
        "condition",
        "confidence",
        "alpha",
    )
    return {name: getattr(model, name) for name in names}


def arms(values: pd.DataFrame, outcome: Outcome, asked: Question) -> list[dict[str, Any]]:
    """Return for each arm the mean of the outcome (of the change, in models of all sessions) and of motion (mm)."""
    column, rows = asked.asked.arms if asked.asked.arms not in OF_SESSIONS else "", asked.rows
    if asked.model.outcome == "sessions":
        rows, kernel = _changes(values, rows)
        moved = kernel @ values["mean_fd"].to_numpy()
    else:
        kernel, moved = outcome.weights, rows[motion_of(asked.model)].to_numpy(dtype=np.float64)
    change = kernel @ values[PRIMARY].to_numpy()
    names: np.ndarray = rows[column].astype(str).to_numpy() if column in rows else np.full(len(rows), "")
    return [
        _arm(str(name), change[names == name], moved[names == name], asked.model.confidence)
        for name in sorted(set(map(str, names)))
    ]


def _changes(values: pd.DataFrame, rows: pd.DataFrame) -> tuple[pd.DataFrame, csr_array]:
    """Return who has a session before and one after under some condition, and the weights of that change."""
    sessions = values.assign(condition=values["condition"].astype(object).where(values["condition"].notna(), ""))
    kernels = {
        (participant, condition): weights(sessions, {condition: 1.0}, participant)
        for participant in rows["participant_id"].unique()
        for condition in sorted(rows["condition"].unique())
    }
    found = {key: kernel for key, kernel in kernels.items() if kernel is not None}
    people = rows.drop_duplicates("participant_id").set_index("participant_id")
    chosen = people.loc[[participant for participant, _ in found]].reset_index()
    return chosen, csr_array(np.array(list(found.values())).reshape(len(found), len(values)))


def _arm(name: str, change: np.ndarray, moved: np.ndarray, confidence: float) -> dict[str, Any]:
    """Return an arm's mean of the primary quantity and of mean FD (mm), each with its interval."""
    mean, low, high = interval(change, confidence)
    motion, slow, fast = interval(moved, confidence)
    found = {"arm": name, "n": len(change), "mean_change": mean, "ci_low": low, "ci_high": high}
    return {**found, "mean_fd_change": motion, "mean_fd_change_low": slow, "mean_fd_change_high": fast}


def _plain(value: Any) -> float | int | None:
    return None if pd.isna(value) else value.item() if hasattr(value, "item") else value
