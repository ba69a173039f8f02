"""A measure of connectivity, ``config/measures/<name>.yaml``."""

from __future__ import annotations

from dataclasses import dataclass

from connect.config import setting


@dataclass(frozen=True)
class Measure:
    """How two parcel series become one number."""

    title: str = setting("name for figures and the report")
    kind: str = setting(
        "a registered measure: correlation, covariance, partial_correlation, shrunk_correlation or tangent"
    )
    fisher_z: bool = setting("transform correlations r to z = artanh(r)", default=True)
    unit: str = setting("unit of the values, for axes and tables", default="Fisher z")
    source: str = setting("citation", default="")
