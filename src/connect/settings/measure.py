"""A measure of connectivity, ``config/measures/<name>.yaml``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from connect.config import setting
from connect.errors import UserError
from connect.functions import Own, kind_or_function


@dataclass(frozen=True)
class Measure:
    """How two parcel series become one number: by a registered kind, or by a function of the user's own.

    The function takes the series of one scan `(n_volumes, n_parcels)`, without missing parcels, and returns a
    symmetric matrix `(n_parcels, n_parcels)`.
    """

    one_of: ClassVar[tuple[str, ...]] = ("kind", "function")

    title: str = setting("name for figures and the report")
    kind: str = setting(
        "a registered measure: correlation, covariance, partial_correlation, shrunk_correlation or tangent", default=""
    )
    function: Path | None = setting("in place of `kind`: a function of your own, as `file.py:name`", default=None)
    words: str = setting("what an edge is, for the methods text; of a function of your own", default="")
    fisher_z: bool = setting("transform correlations r to z = artanh(r)", default=True)
    unit: str = setting("unit of the values, for axes and tables; needed without `fisher_z`", default="Fisher z")
    source: str = setting("citation", default="")

    def __post_init__(self) -> None:
        if self.own is None and self.words:
            raise UserError("key words", "none beside `kind`, which has words of its own", self.words, "take it out")
        if not self.fisher_z and self.unit == "Fisher z":
            raise UserError(
                "key unit", "the unit of the values", "none, without Fisher's z", "write `unit: r`, or its like"
            )

    @property
    def own(self) -> Own | None:
        """The function of the user's own, if the measure is one."""
        return kind_or_function(self.kind, self.function)
