"""What joins edges: components above thresholds, scores without one, and blocks of network pairs, in one pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from connect.inference.networks import CNBS, NBS, TFNBS, Graph
from connect.inference.permutation import Listener
from connect.inference.power import critical_t
from connect.parcels import Block
from connect.question import Question
from connect.tables import WORDS, Column

COMPONENT_COLUMNS: Mapping[str, Column] = {
    "component": Column("number of the component", "counted from 1"),
    "p_threshold": Column("uncorrected two-sided p below which edges belong to it", "0 to 1"),
    "threshold": Column("the same as |t|", "t"),
    "direction": Column("increase or decrease of the contrast in all its edges", WORDS),
    "n_edges": Column("its extent", "edges"),
    "intensity": Column("sum over its edges of |t| minus the threshold", "t"),
    "n_parcels": Column("parcels that its edges join", "parcels"),
    "p_alone": Column("p corrected for all edges, as if this threshold had been the only one", "0 to 1"),
    "p_fwe": Column("p corrected for all edges and all thresholds", "0 to 1"),
    "parcels": Column("names of its parcels", WORDS),
}


class EdgeNetworks:
    """Listens to the statistics of the edges and adds what networks of them say to the tables.

    A contrast of several rows has no sign, so that its edges are not joined.

    Parameters
    ----------
    asked
        The model.
    n_parcels
        Parcels of the atlas.
    blocks
        Pairs of networks.
    """

    def __init__(self, asked: Question, n_parcels: int, blocks: Sequence[Block]) -> None:
        first, second = np.triu_indices(n_parcels, 1)
        self.asked, settings = asked, asked.model.components
        block = np.full(first.size, -1)
        for number, one in enumerate(blocks):
            block[one.edges] = number
        graph, df = Graph(first, second, n_parcels), asked.df
        self.thresholds = {p: critical_t(df, p) for p in sorted(settings.p, reverse=True)}
        self.nbs = NBS(graph, list(self.thresholds.values()), (settings.size,))
        self.scores, self.blocks = TFNBS(graph), CNBS(block)

    @property
    def listeners(self) -> tuple[Listener, ...]:
        """What listens to the edges."""
        return () if self.asked.together else (self.nbs, self.scores, self.blocks)

    def of_edges(self, table: pd.DataFrame) -> pd.DataFrame:
        """Return the table of edges with corrected p-values of their components and threshold-free scores."""
        if not self.listeners:
            return table
        scores, components = self.scores.result(), self.nbs.result()
        return _before_last(table, {"p_nbs": components.p_edge, "score_tfnbs": scores.score, "p_tfnbs": scores.p_fwe})

    def of_blocks(self, table: pd.DataFrame) -> pd.DataFrame:
        """Return the table of network pairs with the constrained statistic of each and its corrected p-value."""
        if not self.listeners:
            return table
        found = self.blocks.result()
        return _before_last(table, {"z_cnbs": found.z, "p_cnbs": found.p_fwe, "q_cnbs": found.q_fdr})

    def components(self, names: Sequence[str]) -> pd.DataFrame:
        """Return one row per component, the surest first; ``names`` are those of the parcels."""
        if not self.listeners:
            return pd.DataFrame(columns=list(COMPONENT_COLUMNS))
        found = self.nbs.result()
        p_of = {threshold: p for p, threshold in self.thresholds.items()}
        rows = pd.DataFrame(
            {
                "component": 0,
                "p_threshold": [p_of[threshold] for threshold in found.threshold],
                "threshold": found.threshold,
                "direction": np.where(found.sign > 0, "increase", "decrease"),
                "n_edges": found.extent,
                "intensity": found.intensity,
                "n_parcels": found.parcels.sum(axis=1),
                "p_alone": found.p_threshold[:, 0],
                "p_fwe": found.p_fwe,
                "parcels": [" ".join(np.array(names)[members]) for members in found.parcels],
            }
        )
        size = "n_edges" if self.asked.model.components.size == "extent" else "intensity"
        ordered = rows[rows["n_edges"] > 1].sort_values(["p_fwe", size], ascending=[True, False], kind="stable")
        return ordered.assign(component=np.arange(1, len(ordered) + 1)).reset_index(drop=True)


def _before_last(table: pd.DataFrame, columns: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """Return a table with further columns before its family."""
    at = list(table.columns).index("family")
    return pd.concat([table.iloc[:, :at], pd.DataFrame(columns), table.iloc[:, at:]], axis=1)
