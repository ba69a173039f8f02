"""What makes the tests of a model less sure than they say: small arms, skewed changes, arms that vary differently."""

from __future__ import annotations

from typing import Any

import numpy as np

from connect.columns import Values, mapped, rows_of, side_by_side
from connect.design import design
from connect.formulas import groups
from connect.inference.spread import spread_test
from connect.inference.symmetry import Skewness, symmetry_test
from connect.methods import SMALL_ARM, labels_of
from connect.question import Question

DOUBT = 0.05
"""Level of the tests of what a test assumes."""


def cautions(asked: Question, edges: Values, before: Values | None = None) -> list[str]:
    """Return what makes the tests of a model less sure than they say, a sentence each.

    Parameters
    ----------
    asked
        The model.
    edges
        Outcome of the edges ``(n_rows, n_edges)``; those with NaN are not looked at.
    before
        Their values before, where they are a covariate ``(n_rows, n_edges)``.
    """
    if asked.method == "unequal":
        return _few(asked)
    if asked.method == "flips":
        return _skewed(_skewness(asked, edges))
    return _spreads(asked, _less_before(asked, edges, before)) if asked.method == "residuals" else []


def _few(asked: Question) -> list[str]:
    """Return which arms are too small to tell their variance well."""
    counts = asked.rows.groupby(asked.arm_column)["participant_id"].nunique()
    least = SMALL_ARM[len(asked.asked.columns) > len(counts)]
    few = ", ".join(f"{count} in {arm}" for arm, count in counts.items() if count < least)
    what = "with covariates, " if least == SMALL_ARM[True] else ""
    return [f"{what}arms of fewer than {least} ({few}) tell their variance badly; p may be too small"] if few else []


def _skewness(asked: Question, edges: Values) -> Skewness:
    """Return the skewness of changes; several weightings of conditions are more columns of the same people."""
    if "part" not in asked.rows or asked.rows["part"].max() == 0:
        return symmetry_test(edges, asked.design, seed=asked.model.seed)
    parts = [np.flatnonzero(asked.rows["part"] == part) for part in sorted(asked.rows["part"].unique())]
    order = [own[np.argsort(asked.rows["participant_id"].to_numpy()[own], kind="stable")] for own in parts]
    one = design(asked.rows.iloc[order[0]].reset_index(drop=True), asked.model, "")
    together = side_by_side([rows_of(edges, own) for own in order])
    return symmetry_test(together, one, seed=asked.model.seed)


def _less_before(asked: Question, edges: Values, before: Values | None) -> Values:
    """Return the edges less what their values before tell, given the model."""
    if before is None:
        return edges
    basis = np.linalg.qr(asked.asked.matrix)[0]

    def less(values: np.ndarray, at: Any) -> np.ndarray:
        known = before[:, at]
        own, left = (one - basis @ (basis.T @ one) for one in (known, values))
        slope = (own * left).sum(axis=0) / np.square(own).sum(axis=0)
        found: np.ndarray = values - slope * known
        return found

    return mapped(edges, len(edges), less)


def _spreads(asked: Question, edges: Values) -> list[str]:
    """Return in which groups the edges vary differently, though the test takes them to vary alike."""
    columns = [asked.asked.arms] if asked.asked.arms else list(groups(asked.rows, asked.model))
    found = []
    for column in columns:
        spread = spread_test(edges, asked.design, labels_of(asked.rows, column), seed=asked.model.seed)
        if spread is not None and spread.p < DOUBT / len(columns):
            ratios = ", ".join(f"{ratio:.2g} in {level}" for level, ratio in spread.ratios.items())
            found.append(
                f"groups of {column} vary differently (variance relative to all: {ratios}; p = {spread.p:.2g}), "
                "and the test takes them to vary alike; its p may be too small or too large"
            )
    return found


def _skewed(found: Skewness) -> list[str]:
    """Return that changes are skewed, if they are."""
    if not found.p < DOUBT:
        return []
    return [
        f"changes are skewed (by {found.skewness:.1f} in an edge on average, p = {found.p:.2g}), and sign flips take "
        "them to be symmetric; corrected p of edges and of the network-based statistic may be too small"
    ]
