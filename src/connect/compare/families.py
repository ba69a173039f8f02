"""The columns that are tested, in the families in which they are corrected: domains, network pairs, edges."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from connect.columns import Values, mapped
from connect.outcome import Outcome
from connect.parcels import Block, block_means, domain_values
from connect.question import Family

FAMILIES = ("primary test, not corrected", "other domain-level quantities", "network pairs", "edges")
"""Names of the families, in the order in which they are tested."""


@dataclass(frozen=True)
class Regions:
    """Parcels as the tests see them.

    Parameters
    ----------
    domain
        Domain of each parcel ``(n_parcels,)``, as :func:`connect.parcels.domain_of` gives it.
    blocks
        Edges between every two networks and within each.
    use
        Which edges every session in use has ``(n_edges,)``.
    """

    domain: np.ndarray
    blocks: tuple[Block, ...]
    use: np.ndarray

    def columns(self, connectomes: Values) -> tuple[Values, ...]:
        """Return what each family tests, for every session ``(n_sessions, n_columns)``."""
        quantities = np.stack(list(domain_values(connectomes, self.domain, self.use).values()), axis=1)
        pairs = block_means(connectomes, self.blocks, self.use)
        return quantities[:, :1], quantities[:, 1:], pairs, used(connectomes, self.use)


def used(connectomes: Values, use: np.ndarray) -> Values:
    """Return connectomes ``(n_sessions, n_edges)`` with NaN in edges that are not in use ``(n_edges,)``."""
    return mapped(connectomes, len(connectomes), lambda values, at: np.where(use[at], values, np.nan))


def families_of(columns: tuple[Values, ...], outcome: Outcome) -> list[Family]:
    """Return the outcome of a model in each family, with the value before if that is a covariate."""
    return [Family(outcome.of(own), outcome.before(own)) for own in columns]
