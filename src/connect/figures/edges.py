"""What colours an edge: the estimate of the contrast, or its size where several contrasts are tested together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.colors import Colormap, ListedColormap, Normalize

from connect.figures import NO_VALUE, Inputs, signed_colours
from connect.settings.figure import Figure as Recipe
from connect.words import SIZES, size_column


@dataclass(frozen=True)
class EdgeScale:
    """The number of each edge that is shown as a colour.

    Parameters
    ----------
    sizes
        The numbers ``(n_edges,)``, NaN if an edge was not tested.
    name
        What they are, with their unit.
    signed
        Whether they have a sign; if not, colours are the upper half of the colour map.
    colours
        The colour map.
    """

    sizes: np.ndarray
    name: str
    signed: bool
    colours: Colormap

    def norm(self, limit: float) -> Normalize:
        """Return the scale up to a limit, from its negative if there are signs, else from 0."""
        return Normalize(-limit if self.signed else 0, limit)


def edge_scale(inputs: Inputs, recipe: Recipe) -> EdgeScale:
    """Return what colours the edges of a model."""
    column, colours = size_column(inputs.summary, inputs.edge_tests), signed_colours(recipe)
    sizes = inputs.edge_tests[column].to_numpy()
    if column not in SIZES:
        return EdgeScale(sizes, f"Estimate ({inputs.measure.unit})", True, colours)
    upper = ListedColormap(colours(np.linspace(0.5, 1, 256))).with_extremes(bad=NO_VALUE)
    return EdgeScale(sizes, SIZES[column], False, upper)
