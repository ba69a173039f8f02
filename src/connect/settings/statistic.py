"""A statistic of the user's own, ``config/statistics/<name>.yaml``: a number of a connectome, tested like a domain."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from connect.config import setting
from connect.functions import Own, own_function


@dataclass(frozen=True)
class Statistic:
    """How a connectome becomes one number, such as a measure of its graph.

    The function takes the matrix of a session `(n_parcels, n_parcels)` and the table of its parcels, and returns a
    number, or NaN where there is none.
    """

    title: str = setting("name for the report")
    function: Path = setting("a function of your own, as `file.py:name`")
    unit: str = setting("unit of the values")
    words: str = setting("what it is, for the methods text", default="")
    source: str = setting("citation", default="")

    def __post_init__(self) -> None:
        _ = self.own

    @property
    def own(self) -> Own:
        """The function."""
        return own_function(self.function)
