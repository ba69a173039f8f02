"""Whether a model can be estimated: groups with members, enough participants and sessions, columns that differ."""

from __future__ import annotations

import numpy as np
import pandas as pd

from connect.errors import TooFew, UserError
from connect.formulas import MOTION, MOTION_LEVEL, groups
from connect.settings.model import Model

SPARE = 2
"""Degrees of freedom that must be left: with one, Cohen's d has no mean."""

CONSTANT = 1e-9
"""Share of the length of a column up to which what varies within participants is rounding."""


def check_groups(people: pd.DataFrame, model: Model, where: object) -> None:
    """Check that every group of the formula has two levels, and every level two participants.

    Raises
    ------
    UserError
        If one does not.
    """
    for name in groups(people, model):
        once = people.drop_duplicates(["participant_id", name]) if "participant_id" in people else people
        counts = once[name].value_counts().sort_index()
        if len(counts) < 2 or counts.min() < 2:
            got = ", ".join(f"{level}: {count}" for level, count in counts.items()) or "nobody"
            must = f"at least two groups in `{name}` with at least two analysed participants each"
            todo = "leave the group out with `where`, or loosen what excluded its members"
            raise TooFew(where, must, got, todo)


def check_participants(values: np.ndarray, columns: tuple[str, ...], where: object) -> None:
    """Check that a design matrix ``(n, k)`` with a row for each participant has at least k + 2 of them.

    Raises
    ------
    UserError
        If it has fewer.
    """
    n, k = values.shape
    if n < k + SPARE:
        must = f"at least {k + SPARE} participants for {_told(k, columns)}"
        raise TooFew(where, must, f"{n} participants", "use fewer covariates, or loosen what excluded participants")


def check_sessions(values: np.ndarray, columns: tuple[str, ...], participants: np.ndarray, where: object) -> None:
    """Check that a design matrix ``(n, k)`` with a row for each session has enough sessions and participants.

    Of the k dimensions that the columns span, b are constant within every participant (an intercept, arms, age) and
    w = k - b vary. Each stratum must leave 2 degrees of freedom, without which its variance is not known:

    - sessions: besides the first of each participant, at least w + 2;
    - participants: at least b + 2, as in a model of one row for each;
    - participants with several sessions: at least w / r + 2, rounded up, where r is the most of the w dimensions that
      one participant's sessions span. Sessions of one participant are no replication: `~ arm * weeks` has a slope in
      each arm, of which everyone tells one (w = 2, r = 1: 4 participants), while everyone with six sessions tells all
      differences among six phases (w = r = 5: 3 participants). With two sessions for everyone this is the rule for
      models of their changes.

    Parameters
    ----------
    values, columns
        Design matrix ``(n, k)`` and the names of its columns.
    participants
        Label of the participant of each row ``(n,)``.
    where
        The model's file, for error messages.

    Raises
    ------
    UserError
        If there are fewer.
    """
    (n, k), (labels, counts) = values.shape, np.unique(participants, return_inverse=True, return_counts=True)[1:]
    within = _within(values, labels, counts)
    varying, most = _rank(within), max(_rank(within[labels == one]) for one in range(len(counts)))
    needed = (
        ("sessions besides the first of each participant", n - len(counts), varying + SPARE),
        ("participants", len(counts), k - varying + SPARE),
        ("participants with several sessions", int((counts > 1).sum()), -(-varying // max(most, 1)) + SPARE),
    )
    for what, found, least in needed:
        if found < least:
            must = f"at least {least} {what} for {_told(k, columns)}, of which {varying} vary within participants"
            got = f"{found} ({n} sessions of {len(counts)} participants)"
            raise TooFew(where, must, got, "use fewer columns, or loosen what excluded participants and sessions")


def check_columns_differ(values: np.ndarray, columns: tuple[str, ...], where: object) -> None:
    """Check that no column of a design matrix ``(n, k)`` is a combination of others.

    Raises
    ------
    UserError
        If one is.
    """
    scaled = _scaled(values)
    for last in range(1, len(columns) + 1):
        if np.linalg.matrix_rank(scaled[:, :last]) < last:
            got = f"`{columns[last - 1]}` is a combination of the columns before it"
            motion = columns[last - 1] in (MOTION, MOTION_LEVEL)
            todo = "set `motion_covariate: false`" if motion else "take one of them out"
            raise UserError(where, f"columns that differ ({', '.join(columns)})", got, todo)


def _told(k: int, columns: tuple[str, ...]) -> str:
    return f"{k} columns ({', '.join(columns)})"


def _scaled(values: np.ndarray) -> np.ndarray:
    scaled: np.ndarray = values / np.maximum(np.linalg.norm(values, axis=0), np.finfo(float).tiny)
    return scaled


def _within(values: np.ndarray, labels: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return deviations of columns of length 1 from the mean of their participant."""
    scaled = _scaled(values)
    sums = np.zeros((len(counts), values.shape[1]))
    np.add.at(sums, labels, scaled)
    within: np.ndarray = scaled - (sums / counts[:, None])[labels]
    return within


def _rank(rows: np.ndarray) -> int:
    return int(np.linalg.matrix_rank(rows, tol=CONSTANT))
