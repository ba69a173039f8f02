"""Family-wise inference for mixed models: signs of whole participants' residuals are flipped.

Each column has its own variance ratio. Columns are gathered by it, their rows are whitened (Kang et al. 2008), and the
residuals of the whitened model without the effect are rearranged as in any linear model, a participant's sessions
together. Every column is compared with itself at the same ratio, so that the gathering costs no validity.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from connect.design import Design
from connect.inference.mixed import whiten
from connect.inference.permutation import Group, Listener, Tested, permutation_test_of_groups

RATIOS = np.concatenate([[0.0], np.geomspace(0.01, 100, 25)])
"""Variance ratios at which columns are gathered: neighbours differ by a factor of 1.5."""


def mixed_test(
    values: np.ndarray,
    design: Design,
    participants: np.ndarray,
    ratios: np.ndarray,
    n_permutations: int,
    seed: int,
    listeners: Sequence[Listener] = (),
) -> Tested:
    """Test a contrast of a random-intercept model in every column.

    Parameters
    ----------
    values
        One row per session ``(n_rows, n_columns)``.
    design
        The contrast; its blocks, which flip as wholes, are the participants, or families of them.
    participants
        Label of the participant of each row ``(n_rows,)``.
    ratios
        Variance between participants over the variance within ``(n_columns,)``; NaN for a column that is not tested.
    n_permutations, seed, listeners
        As in :func:`connect.inference.permutation_test`.
    """
    flipped = replace(design, flips=True)
    nearest = np.abs(np.log(RATIOS + 1e-3) - np.log(np.nan_to_num(ratios) + 1e-3)[:, None]).argmin(axis=1)
    groups = []
    for at in np.unique(nearest):
        columns = np.flatnonzero(nearest == at)
        rows = np.where(np.isnan(ratios[columns]), np.nan, values[:, columns])
        groups.append(Group(_white(rows, participants, at), _whitened(flipped, participants, at), columns))
    return permutation_test_of_groups(groups, n_permutations, seed, listeners=listeners)


def _white(rows: np.ndarray, participants: np.ndarray, at: int) -> np.ndarray:
    white: np.ndarray = whiten(rows, participants, RATIOS[at]) if rows.shape[1] else rows
    return white


def _whitened(design: Design, participants: np.ndarray, at: int) -> Design:
    effect, nuisance = (_white(columns, participants, at) for columns in (design.effect, design.nuisance))
    return replace(design, effect=effect, nuisance=nuisance)
