"""Which variables a model has: those of its formula and its blocks, and what connect knows of each row."""

from __future__ import annotations

import re
from typing import Any

import pandas as pd

from connect.settings.model import Model, words_of

MOTION, MOTION_LEVEL = "fd_change", "mean_fd"
"""Variables of motion (mm): change in mean framewise displacement, and that of a session."""

BASELINE = "pre"
"""Variable of the value before, which every edge has of its own."""

OF_SESSIONS = ("weeks", "phase", "condition")
"""What connect knows of each session, in models of all sessions."""


def motion_of(model: Model) -> str:
    """Return the name of the variable of motion: its change in models of a change, else that of the session."""
    changes = model.outcome in ("change", "rate") or BASELINE in words_of(model.formula)
    return MOTION if changes else MOTION_LEVEL


def has_baseline(model: Model) -> bool:
    """Return whether the value before is a covariate, edge by edge."""
    return BASELINE in words_of(model.formula)


def variables(model: Model) -> tuple[str, ...]:
    """Return the participants' columns that a model needs, besides phenotypes and what connect knows of each row."""
    known = (MOTION, MOTION_LEVEL, BASELINE, *(OF_SESSIONS if model.outcome == "sessions" else ()), *model.measured)
    blocks = [name for name in (model.within_block, model.whole_block) if name]
    names = (*words_of(model.formula), *model.where, *blocks)
    return tuple(dict.fromkeys(name for name in names if name not in known))


def groups(people: pd.DataFrame, model: Model) -> tuple[str, ...]:
    """Return the variables of the formula that are groups: text, true or false, or wrapped in ``C()``."""
    wrapped = words_of(" ".join(re.findall(r"\bC\s*\(([^()]*)\)", model.formula)))
    names = [name for name in words_of(model.formula) if name in people]
    return tuple(dict.fromkeys(name for name in names if name in wrapped or not is_number(people[name])))


def is_number(column: pd.Series[Any]) -> bool:
    """Return whether a column holds numbers."""
    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
