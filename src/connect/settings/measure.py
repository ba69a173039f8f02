"""A measure of connectivity, ``config/measures/<name>.yaml``."""

from __future__ import annotations

from dataclasses import dataclass

from connect.config import setting
from connect.errors import UserError


@dataclass(frozen=True)
class Measure:
    """How two parcel series become one number."""

    title: str = setting("name for figures and the report")
    kind: str = setting(
        "a registered measure: correlation, covariance, partial_correlation, shrunk_correlation or tangent"
    )
    fisher_z: bool = setting("transform correlations r to z = artanh(r)", default=True)
    unit: str = setting("unit of the values, for axes and tables; needed without `fisher_z`", default="Fisher z")
    source: str = setting("citation", default="")

    def __post_init__(self) -> None:
        if not self.fisher_z and self.unit == "Fisher z":
            raise UserError(
                "key unit", "the unit of the values", "none, without Fisher's z", "write `unit: r`, or its like"
            )
