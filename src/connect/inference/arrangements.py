"""The rearrangements under which a null hypothesis holds: sign flips, or permutations of participants, in blocks.

Participants move as wholes. With blocks (a site, a family) they are either permuted within their block, or blocks of
the same size change places as wholes (Winkler et al. 2015, NeuroImage 123:253). When there are no more distinct
rearrangements than asked for, all are enumerated; else a random sample is drawn. The observed arrangement comes first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, combinations, islice, product
from math import factorial, prod

import numpy as np

from connect.design import Design
from connect.progress import progress


class Arrangements:
    """All rearrangements of a design, or a random sample of them, the observed one first.

    ``count`` is their number, ``enumerated`` whether they are all there are.

    Parameters
    ----------
    design
        Its effect, nuisance and blocks decide what may be exchanged.
    n_permutations
        Number of random rearrangements besides the observed one, unless all are fewer.
    seed
        Seed of the random ones.
    """

    def __init__(self, design: Design, n_permutations: int, seed: int) -> None:
        self.design, self.seed, self.n_permutations = design, seed, n_permutations
        self.units = _units(design)
        self.classes = _classes(design, self.units)
        self.codes = _codes(design, self.units, self.classes)
        self.possible = self._possible()
        self.enumerated = self.possible <= n_permutations + 1
        self.count = self.possible if self.enumerated else n_permutations + 1

    def blocks(self, size: int) -> Iterable[np.ndarray]:
        """Give blocks of at most ``size`` arrangements: ``(n_block, n)`` signs for sign flips, else row numbers."""
        return progress(self._blocks(size), "permutations", self.count, size=len)

    def _blocks(self, size: int) -> Iterator[np.ndarray]:
        identity = np.ones(self.design.n) if self.design.flips else np.arange(self.design.n)
        if self.enumerated:
            rows = chain([identity], self._all(identity))
            while block := list(islice(rows, size)):
                yield np.array(block)
            return
        rng = np.random.default_rng(self.seed)
        yield np.concatenate([identity[None], self._random(rng, min(size, self.count) - 1)])
        for start in range(size, self.count, size):
            yield self._random(rng, min(size, self.count - start))

    def _possible(self) -> int:
        if self.design.flips:
            return 1 << len(self.units)
        counts = [np.unique(self.codes[members], return_counts=True)[1] for members in self.classes]
        return prod(factorial(int(n.sum())) // prod(factorial(int(one)) for one in n) for n in counts)

    def _all(self, identity: np.ndarray) -> Iterator[np.ndarray]:
        """Enumerate all but the observed arrangement."""
        found = self._flips() if self.design.flips else self._orders()
        return (row for row in found if not np.array_equal(row, identity))

    def _flips(self) -> Iterator[np.ndarray]:
        return (self._signs(np.array(signs)) for signs in product((1.0, -1.0), repeat=len(self.units)))

    def _orders(self) -> Iterator[np.ndarray]:
        """Enumerate which unit takes the place of which; units of the same code are interchangeable."""
        choices = [list(_assignments(self.codes[members])) for members in self.classes]
        for chosen in product(*choices):
            order = np.empty(len(self.units), dtype=int)
            for members, places in zip(self.classes, chosen, strict=True):
                order[members] = members[places]
            yield self._rows(order)

    def _random(self, rng: np.random.Generator, n_moves: int) -> np.ndarray:
        """Draw arrangements ``(n_moves, n)``; how many are drawn at once changes none of them."""
        if self.design.flips:
            return self._signs(rng.choice((1.0, -1.0), (n_moves, len(self.units))))
        found = np.empty((n_moves, self.design.n), dtype=int)
        for row in found:
            order = np.empty(len(self.units), dtype=int)
            for members in self.classes:
                order[members] = rng.permutation(members)
            row[:] = self._rows(order)
        return found

    def _signs(self, signs: np.ndarray) -> np.ndarray:
        """Give the signs of units ``(..., n_units)`` to their rows."""
        if len(self.units) == self.design.n:
            return signs
        row = np.empty((*signs.shape[:-1], self.design.n))
        for members, sign in zip(self.units, np.moveaxis(signs, -1, 0), strict=True):
            row[..., members] = sign[..., None]
        return row

    def _rows(self, order: np.ndarray) -> np.ndarray:
        if len(self.units) == self.design.n:
            return order
        row = np.empty(self.design.n, dtype=int)
        for place, unit in enumerate(order):
            row[self.units[place]] = self.units[unit]
        return row


def _units(design: Design) -> list[np.ndarray]:
    """Return the rows of each unit that moves as a whole: a participant, or a block."""
    if design.blocks is None or not design.whole:
        return [np.array([row]) for row in range(design.n)]
    return [np.flatnonzero(design.blocks == label) for label in dict.fromkeys(design.blocks.tolist())]


def _classes(design: Design, units: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return which units may change places: those of one size, or of one block."""
    keys = [len(unit) for unit in units] if design.whole or design.blocks is None else design.blocks.tolist()
    return [np.array([unit for unit, other in enumerate(keys) if other == key]) for key in dict.fromkeys(keys)]


def _codes(design: Design, units: Sequence[np.ndarray], classes: Sequence[np.ndarray]) -> np.ndarray:
    """Return a code for each unit; units of one code and class are the same to the statistic.

    They are where the nuisance is the same for all units of a class, and the effect is. (To add 0 turns -0 into 0.)
    """
    for members in classes:
        rows = np.stack([design.nuisance[units[unit]].ravel() for unit in members])
        if np.ptp(rows, axis=0).max(initial=0) > 1e-9 * np.abs(design.nuisance).max(initial=1e-300):
            return np.arange(len(units))
    scale = np.abs(design.effect).max(axis=0)
    shapes = [(np.round(design.effect[unit] / scale, 9) + 0.0).tobytes() for unit in units]
    return np.unique(shapes, return_inverse=True)[1]


def _assignments(codes: np.ndarray) -> Iterator[np.ndarray]:
    """Enumerate the distinct ways to spread members over places that have codes ``(m,)``."""

    def spread(left: tuple[int, ...], remaining: Sequence[np.ndarray], row: np.ndarray) -> Iterator[np.ndarray]:
        if not remaining:
            yield row.copy()
            return
        places = remaining[0]
        for chosen in combinations(left, len(places)):
            row[places] = chosen
            yield from spread(tuple(sorted(set(left) - set(chosen))), remaining[1:], row)

    groups = [np.flatnonzero(codes == code) for code in np.unique(codes)]
    yield from spread(tuple(range(len(codes))), groups, np.empty(len(codes), dtype=int))
