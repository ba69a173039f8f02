"""The ways in which an input can be wrong.

UserError            a mistake that whoever runs the command can mend; exit code 2, no traceback
├── UnusableScan     one scan's data are bad; the workflow records it and goes on with the others
└── TooFew           too few participants or sessions are left for a model; the workflow records it in that universe
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self


class UserError(Exception):
    """A mistake in an input, told in four parts.

    Parameters
    ----------
    where
        File, line, column or participant.
    must
        What has to hold there.
    got
        What was found instead.
    todo
        What to do about it.
    """

    def __init__(self, where: object, must: str, got: object, todo: str) -> None:
        self.where, self.must, self.got, self.todo = str(where), must, str(got), todo
        super().__init__(self.where, self.must, self.got, self.todo)

    @classmethod
    def of(cls, parts: Mapping[str, str]) -> Self:
        """Return the mistake that :meth:`parts` tells."""
        return cls(parts["where"], parts["must"], parts["got"], parts["todo"])

    def __str__(self) -> str:
        """Return the four parts, a line each."""
        return f"where:   {self.where}\nmust be: {self.must}\ngot:     {self.got}\nto do:   {self.todo}"

    def parts(self) -> dict[str, str]:
        """Return the four parts by name, as a table row holds them."""
        return {"where": self.where, "must": self.must, "got": self.got, "todo": self.todo}


class UnusableScan(UserError):
    """The data of one scan cannot be used."""


class TooFew(UserError):
    """Too few participants or sessions are left for a model, or too few in one of its groups."""
