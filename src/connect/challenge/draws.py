"""A simulated cohort without an effect, of which any number of data sets can be drawn.

Every session has connectivity ``mean + SD (u + e) / sqrt(2)``: what stays with the participant and what does not, each
half shared among edges through common factors.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from connect.compare.families import Regions, families_of
from connect.outcome import Outcome
from connect.parcels import domain_edges
from connect.question import Family

FACTORS = 10
"""Patterns of edges that participants share."""

SD = 0.2
"""Standard deviation of an edge over participants (Fisher z)."""

LEVELS = {True: 0.4, False: 0.1}
"""Mean connectivity of edges inside a domain, and of all others (Fisher z)."""

LARGE = 2.0
"""Standard deviation of those that vary more, relative to others: four times the variance."""

SENSITIVITY = 0.5
"""Largest change of an edge with one standard deviation of motion, in standard deviations of the edge."""

Draw = Callable[[np.random.Generator, tuple[int, int]], np.ndarray]
SHAPES: Mapping[str, Draw] = {
    "normal": lambda random, shape: random.standard_normal(shape),
    "heavy": lambda random, shape: random.standard_t(3, shape) / np.sqrt(3),
    "skewed": lambda random, shape: random.standard_exponential(shape) - 1,
}
"""Distributions with mean 0 and variance 1."""


@dataclass(frozen=True)
class Cohort:
    """A cohort without an effect, of which any number can be drawn.

    Parameters
    ----------
    outcome
        Rows of the model.
    regions
        Parcels.
    person
        Number of the participant of each session ``(n_sessions,)``.
    shape
        Distribution of what stays and what does not, a key of :data:`SHAPES`.
    late
        Sessions whose own part is skewed, in all edges alike, and varies more ``(n_sessions,)``: the skewness of a
        change is then about 1.
    scale
        Relative standard deviation of each session ``(n_sessions,)``.
    motion
        Motion of each session in standard deviations ``(n_sessions,)``.
    """

    outcome: Outcome
    regions: Regions
    person: np.ndarray
    shape: str
    late: np.ndarray
    scale: np.ndarray
    motion: np.ndarray

    def draw(self, random: np.random.Generator) -> list[Family]:
        """Return one data set: the families of columns."""
        n, n_edges = len(self.person), self.regions.use.size
        fixed = np.random.default_rng(0)
        patterns = fixed.standard_normal((FACTORS, n_edges))
        patterns /= np.linalg.norm(patterns, axis=0)
        sensitivity = SENSITIVITY * fixed.uniform(size=n_edges)
        stays = _noise(random, self.shape, int(self.person.max()) + 1, patterns)[self.person]
        own = _noise(random, self.shape, n, patterns)
        if self.late.any():
            drawn = SHAPES["skewed"](random, (int(self.late.sum()), n_edges + 1))
            own[self.late] = LARGE * np.sqrt(0.5) * (drawn[:, :1] + drawn[:, 1:])
        edges = domain_edges(self.regions.domain)
        level = np.where(edges["within_emotion"] | edges["within_cognition"], LEVELS[True], LEVELS[False])
        scaled = self.scale[:, None] * (stays + own) / np.sqrt(2) + self.motion[:, None] * sensitivity
        return families_of(self.regions.columns(level + SD * scaled), self.outcome)


def _noise(random: np.random.Generator, shape: str, n: int, patterns: np.ndarray) -> np.ndarray:
    """Return data ``(n, n_edges)`` with mean 0 and variance 1, half of it shared among edges."""
    draw = SHAPES[shape]
    shared = draw(random, (n, len(patterns))) @ patterns
    found: np.ndarray = np.sqrt(0.5) * (shared + draw(random, (n, patterns.shape[1])))
    return found
