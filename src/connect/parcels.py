"""Parcels, their networks and domains, and the blocks of edges between them.

A block is a set of edges: all between two networks, or all between or within domains. Connectivity of a block is the
mean over its edges. Segregation is (within - between) / within, with *within* the mean over all edges inside either
domain and *between* the mean over the emotion × cognition block (after Chan et al. 2014, PNAS 111:E4997).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np
import pandas as pd

from connect.columns import Columns, Values, parts, taken
from connect.config import suggest
from connect.errors import UserError
from connect.settings.domains import Domain, Domains

PRIMARY = "between"
QUANTITIES: Mapping[str, str] = {
    PRIMARY: "emotion × cognition",
    "within_emotion": "within emotion",
    "within_cognition": "within cognition",
    "segregation": "segregation",
}
"""Domain-level quantities with their names for readers, the primary one first."""


@dataclass(frozen=True)
class Block:
    """Edges between two networks, or inside one."""

    a: str
    b: str
    edges: np.ndarray


def domain_of(parcels: pd.DataFrame, domains: Domains, where: object) -> np.ndarray:
    """Return for each row of a parcels table `emotion`, `cognition` or an empty string.

    Raises
    ------
    UserError
        If a network, region or parcel is not in the atlas, a domain has fewer than two parcels, or a parcel is in both.
    """
    found = np.full(len(parcels), "", dtype="<U9")
    for name in ("emotion", "cognition"):
        members = _members(parcels, getattr(domains, name), f"{where}, key {name}")
        both = members & (found != "")
        if both.any():
            got = f"{', '.join(parcels.loc[both, 'name'].head(3))} in both"
            raise UserError(where, "each parcel in one domain at most", got, "take it out of one domain")
        if members.sum() < 2:
            raise UserError(f"{where}, key {name}", "at least two parcels", int(members.sum()), "widen the domain")
        found[members] = name
    return found


def domain_values(connectomes: Values, domain: np.ndarray, use: np.ndarray) -> dict[str, np.ndarray]:
    """Return the domain-level quantities of connectomes.

    Parameters
    ----------
    connectomes
        Edges ``(n_rows, n_edges)``, upper triangles row by row.
    domain
        Domain of each parcel ``(n_parcels,)`` as :func:`domain_of` gives it.
    use
        Which edges count ``(n_edges,)``: those that every analysed scan has, so that means compare.

    Returns
    -------
    dict
        One array ``(n_rows,)`` per name of :data:`QUANTITIES`; NaN for segregation where *within* is not positive.
    """
    edges = domain_edges(domain)
    means = {name: _mean(connectomes, chosen & use) for name, chosen in edges.items()}
    within = _mean(connectomes, (edges["within_emotion"] | edges["within_cognition"]) & use)
    positive = np.where(within > 0, within, np.nan)
    return {**means, "segregation": (positive - means[PRIMARY]) / positive}


def domain_edges(domain: np.ndarray) -> dict[str, np.ndarray]:
    """Return which edges ``(n_edges,)`` lie between the domains and within each."""
    first, second = np.triu_indices(len(domain), 1)
    a, b = domain[first], domain[second]
    return {
        PRIMARY: ((a == "emotion") & (b == "cognition")) | ((a == "cognition") & (b == "emotion")),
        "within_emotion": (a == "emotion") & (b == "emotion"),
        "within_cognition": (a == "cognition") & (b == "cognition"),
    }


def network_blocks(networks: Sequence[str]) -> list[Block]:
    """Return the blocks between every two networks and within each, in the order in which networks first appear.

    A parcel whose network is missing is in no block.
    """
    labels = np.array(networks, dtype=object)
    first, second = np.triu_indices(len(labels), 1)
    blocks = []
    for a, b in combinations_with_replacement(dict.fromkeys(labels[~pd.isna(labels)]), 2):
        inside = ((labels[first] == a) & (labels[second] == b)) | ((labels[first] == b) & (labels[second] == a))
        if inside.any():
            blocks.append(Block(a, b, np.flatnonzero(inside)))
    return blocks


def block_means(connectomes: Values, blocks: Sequence[Block], use: np.ndarray) -> np.ndarray:
    """Return the mean of the usable edges of each block ``(n_rows, n_blocks)``; NaN for a block without any."""
    means = [_mean(connectomes, block.edges[use[block.edges]]) for block in blocks]
    return np.stack(means, axis=1) if means else np.empty((len(connectomes), 0))


def _mean(connectomes: Values, chosen: np.ndarray) -> np.ndarray:
    """Return the mean over edges ``(n_rows,)``; ``chosen`` says which, by number or by yes and no."""
    if not (chosen.any() if chosen.dtype == np.bool_ else chosen.size):
        return np.full(len(connectomes), np.nan)
    edges = taken(connectomes, chosen)
    if not isinstance(edges, Columns):
        return np.asarray(edges.mean(axis=1, dtype=np.float64))
    total = sum((edges[:, at].sum(axis=1) for at in parts(edges)), np.zeros(len(edges)))
    return total / edges.shape[1]


def _members(parcels: pd.DataFrame, domain: Domain, where: str) -> np.ndarray:
    members = np.zeros(len(parcels), dtype=bool)
    for column, names in (("network", domain.networks), ("region", domain.regions), ("name", domain.parcels)):
        known = set(parcels[column].dropna())
        for name in names:
            if name not in known:
                shown = ", ".join(sorted(known)[:20])
                todo = f"correct the name{suggest(name, known)}"
                raise UserError(where, f"a {column} of the atlas ({shown})", name, todo)
            members |= (parcels[column] == name).to_numpy()
    return members
