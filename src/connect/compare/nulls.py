"""The null distributions behind the p-values of a model: what every arrangement of its participants gave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from connect.inference import Tested
from connect.tables import Column

NULL_COLUMNS: Mapping[str, Column] = {
    "primary": Column(
        "Student's t of the primary quantity with its sign, or F of several contrasts, in each arrangement; the first "
        "row is the observed one. The share of rows that are at least as large in size as the first is its p",
        "t or F",
    ),
    "domains": Column(
        "largest |t|, or F, of the other domain-level quantities; the share of rows that are at least as large as the "
        "|t| of a quantity is its p_fwe",
        "t or F",
    ),
    "networks": Column("the same of the network pairs", "t or F"),
    "edges": Column("the same of the edges", "t or F"),
}
"""A column for each family, in the order in which they are tested."""


class Signs:
    """Listens to a family of one column and keeps the sign of its statistic in every arrangement."""

    def __init__(self) -> None:
        self.blocks: list[np.ndarray] = []

    def add(self, statistic: np.ndarray, /) -> None:
        """Take the statistics ``(n_moves, 1)`` of further arrangements."""
        self.blocks.append(np.sign(statistic[:, 0]))

    @property
    def all(self) -> np.ndarray:
        """-1, 0, 1 or NaN for each arrangement ``(n_arrangements,)``."""
        return np.concatenate(self.blocks)


def null_distributions(families: Sequence[Tested], signs: np.ndarray) -> pd.DataFrame:
    """Return the statistics that p-values were counted over, a row per arrangement, the observed one first.

    Numbers are in single precision; what counted as reaching the largest observed statistic of its family, although
    rounding left it below, is written as that. A family of which nothing could be tested is NaN.

    Parameters
    ----------
    families
        The tests of the primary quantity, the other domain-level quantities, the network pairs and the edges.
    signs
        Sign of the primary quantity's statistic in each arrangement ``(n_arrangements,)``.
    """
    primary, *others = (_stored(tested) for tested in families)
    return pd.DataFrame(dict(zip(NULL_COLUMNS, (primary * signs, *others), strict=True)))


def _stored(tested: Tested) -> np.ndarray:
    """Return the largest statistics ``(n_arrangements,)`` such that as many reach the first as were counted."""
    if np.isnan(tested.p_fwe).all():
        return np.full(len(tested.maxima), np.nan)
    largest, n_reaching = tested.maxima.astype(np.float32), round(np.nanmin(tested.p_fwe) * len(tested.maxima))
    reaching = tested.maxima >= np.sort(tested.maxima)[-n_reaching]
    below = np.nextafter(largest[0], np.float32(0))
    stored: np.ndarray = np.where(reaching, np.maximum(largest, largest[0]), np.minimum(largest, below))
    return stored
