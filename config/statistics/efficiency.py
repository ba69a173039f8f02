"""Global efficiency of a connectome: how short the ways between its parcels are."""

import numpy as np
from scipy.sparse.csgraph import shortest_path


def global_efficiency(matrix, parcels):
    """Return the mean over all pairs of parcels of 1 / length of the shortest way between them.

    An edge of positive weight w has the length 1 / w; others are no edges. After Latora and Marchiori (2001).
    """
    weights = np.where(matrix > 0, matrix, 0)
    lengths = np.divide(1, weights, out=np.zeros_like(weights), where=weights > 0)
    ways = shortest_path(lengths, method="D", directed=False)
    return (1 / ways[np.triu_indices(len(ways), 1)]).mean()
