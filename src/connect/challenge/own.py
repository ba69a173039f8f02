"""The user's own cohort without an effect: residuals of the model, rearranged so that nothing can be left of it.

Flipped signs keep how much each participant varies, but make changes symmetric; exchanged participants keep skew, but
make arms alike, which hides that they are not. (Participants drawn again with replacement would keep both. In small
arms the same few are then drawn so often that every test fails, which says nothing about people who differ.)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from connect.errors import UserError
from connect.question import Family, Question

WAYS: Mapping[str, str] = {
    "own-flipped": "own data, signs of participants flipped",
    "own-exchanged": "own data, participants exchanged",
}
"""Ways to leave no effect, in words."""


@dataclass(frozen=True)
class Own:
    """Residuals of the families of columns, and how they are rearranged.

    Parameters
    ----------
    residuals
        Residuals of the model with the effect, over the root of 1 less their leverage, ``(n_rows, n_columns)`` each.
    before
        Values before, where they are a covariate.
    group
        Number of what is flipped as a whole, of each row ``(n_rows,)``: participant, or block.
    members
        Rows of each participant ``(n_people, n_parts)``, or None where participants differ in their rows.
    block
        Number of the block inside which each participant is exchanged ``(n_people,)``.
    way
        Key of :data:`WAYS`.
    """

    residuals: tuple[np.ndarray, ...]
    before: tuple[np.ndarray | None, ...]
    group: np.ndarray
    members: np.ndarray | None
    block: np.ndarray
    way: str

    def draw(self, random: np.random.Generator) -> list[Family]:
        """Return one data set: the families of columns."""
        if self.way == "own-flipped":
            signs = random.choice([-1.0, 1.0], int(self.group.max()) + 1)[self.group]
            made = [values * signs[:, None] for values in self.residuals]
        else:
            made = [self._exchanged(values, self._people(random)) for values in self.residuals]
        return [Family(values, before) for values, before in zip(made, self.before, strict=True)]

    def _people(self, random: np.random.Generator) -> np.ndarray:
        """Return who stands in the place of each participant ``(n_people,)``."""
        people = np.empty(len(self.block), dtype=int)
        for number in np.unique(self.block):
            own = np.flatnonzero(self.block == number)
            people[own] = random.permutation(own)
        return people

    def _exchanged(self, values: np.ndarray, people: np.ndarray) -> np.ndarray:
        assert self.members is not None
        made = np.empty_like(values)
        made[self.members] = values[self.members[people]]
        return made


def own_data(asked: Question, families: Sequence[Family], way: str, where: object) -> Own:
    """Return the cohort's residuals as a source of data sets without an effect.

    Parameters
    ----------
    asked
        The model.
    families
        Families of columns in the cohort, as they were found.
    way
        Key of :data:`WAYS`.
    where
        The model's file, for error messages.

    Raises
    ------
    UserError
        If participants cannot be exchanged: they differ in their sessions, or blocks move as wholes, or the contrast is
        a mean, since exchanged residuals keep theirs of 0.
    """
    rows = asked.rows
    person = pd.factorize(rows["participant_id"])[0]
    whole = asked.design.blocks if asked.design.whole else None
    group = person if whole is None else pd.factorize(whole)[0]
    counts = np.bincount(person)
    alike = counts.min() == counts.max() and asked.model.outcome != "sessions" and not asked.model.whole_block
    if way != "own-flipped" and not alike:
        got = f"blocks of `{asked.model.whole_block}`" if asked.model.whole_block else "all sessions, however many"
        todo = "read the row of flipped signs"
        raise UserError(where, "participants with the same rows, who can stand in each other's place", got, todo)
    if way != "own-flipped" and asked.design.flips:
        must = "a contrast between participants; exchanged residuals keep their mean of 0"
        raise UserError(where, must, f"`{asked.model.contrast}`", "read the row of flipped signs")
    members = np.argsort(person, kind="stable").reshape(len(counts), -1) if alike else None
    first = rows.drop_duplicates("participant_id")
    block = pd.factorize(first[asked.model.within_block])[0] if asked.model.within_block else np.zeros(len(first), int)
    residuals = tuple(_residuals(asked.asked.matrix, family) for family in families)
    before = tuple(None if family.before is None else np.asarray(family.before) for family in families)
    return Own(residuals, before, group, members, block, way)


def _residuals(matrix: np.ndarray, family: Family) -> np.ndarray:
    """Return residuals over the root of 1 less their leverage ``(n_rows, n_columns)``, which evens their variance."""
    basis = np.linalg.qr(matrix)[0]
    values = family.outcome - basis @ (basis.T @ family.outcome)
    leverage = np.square(basis).sum(axis=1)[:, None]
    if family.before is not None:
        before = family.before - basis @ (basis.T @ family.before)
        before = before / np.linalg.norm(before, axis=0)
        values = values - before * (before * values).sum(axis=0)
        leverage = leverage + np.square(before)
    evened: np.ndarray = values / np.sqrt(np.maximum(1 - leverage, 1e-6))
    return evened
