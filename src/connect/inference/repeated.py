"""Correlation of two measures over the sessions of participants: whether one is high when the other is.

Repeated-measures correlation (Bland and Altman 1995, BMJ 310:446, doi:10.1136/bmj.310.6977.446; Bakdash and Marusich
2017, Front Psychol 8:456, doi:10.3389/fpsyg.2017.00456) is the partial correlation of both, given who it is: a common
slope within participants, each of whom has a level of their own. What differs between participants does not count.

Under the null the deviations of a participant from their own level have no sign: signs of whole participants are
flipped, which keeps the dependence among sessions and lets participants vary differently. That takes deviations to be
symmetric; with two sessions they are, if the sessions could as well have changed places.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from connect.columns import Values
from connect.design import Design
from connect.errors import TooFew, UserError
from connect.estimable import SPARE
from connect.inference.correlation import Correlation, partial_correlation


def repeated_design(
    measure: np.ndarray, participants: np.ndarray, covariates: np.ndarray, names: Sequence[str], where: object
) -> Design:
    """Return the design of a correlation within participants, for :func:`repeated_correlation` and for tests by flips.

    Parameters
    ----------
    measure
        The measure in each session ``(n_sessions,)``.
    participants
        Label of the participant of each session ``(n_sessions,)``; who has one session only counts for nothing.
    covariates
        Covariates of the sessions, such as mean FD ``(n_sessions, n_covariates)``.
    names
        Names of the measure and of the covariates ``(1 + n_covariates,)``.
    where
        The model's file, for error messages.

    Raises
    ------
    UserError
        If the measure or a covariate does not vary within participants, or not by itself; or too few sessions are left.
    """
    labels, place = np.unique(np.asarray(participants).astype(str), return_inverse=True)
    people = (place[:, None] == np.arange(len(labels))).astype(np.float64)
    columns = np.column_stack([np.asarray(covariates, dtype=np.float64), measure])
    within = columns - people @ (people.T @ columns / people.sum(axis=0)[:, None])
    for last, name in enumerate([*names[1:], names[0]]):
        _check_varies(within[:, : last + 1], columns[:, last], name, where)
    nuisance = np.column_stack([people, columns[:, :-1]])
    effect = within[:, -1:] - nuisance @ np.linalg.lstsq(nuisance, within[:, -1:], rcond=None)[0]
    made = Design(
        effect, nuisance, (*names, *labels),
        flips=True, arms="", blocks=place, whole=True,
    )  # fmt: skip
    if made.df < SPARE:
        n, k = len(place), len(labels)
        must = f"at least {n - made.df + SPARE} sessions of {k} participants for {', '.join(names)}"
        raise TooFew(where, must, f"{n} sessions", "loosen what excluded sessions, or take covariates out")
    return made


def repeated_correlation(values: Values, design: Design, confidence: float) -> Correlation:
    """Return the repeated-measures correlation of each column with a measure.

    The interval is Fisher's with ``1 / (df - 1)`` in the place of the variance, df the sessions less the participants,
    the covariates and 1 (Bakdash and Marusich 2017). It and the parametric p take the errors of all sessions to be
    independent and of one variance.

    Parameters
    ----------
    values
        Values of the sessions ``(n_sessions, n_columns)``.
    design
        From :func:`repeated_design`; :func:`connect.inference.permutation.permutation_test` tests it by sign flips.
    confidence
        Level of the intervals.
    """
    return partial_correlation(values, design, "pearson", confidence)


def _check_varies(within: np.ndarray, column: np.ndarray, name: str, where: object) -> None:
    """Check that the last of some deviations from participants' means varies, and not as those before it do."""
    lengths = np.linalg.norm(within, axis=0)
    if lengths[-1] <= 1e-9 * np.linalg.norm(column):
        must = f"`{name}` that differs between sessions of a participant"
        raise UserError(where, must, "the same in all sessions of everyone", "take it out of the model")
    if np.linalg.matrix_rank(within / lengths) < within.shape[1]:
        must = f"`{name}` that differs from other columns within participants"
        raise UserError(where, must, "a combination of the others", "take one of them out")
