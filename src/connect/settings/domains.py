"""Domains, ``config/domains/<atlas>.yaml``: which parts of an atlas are emotion and which are cognition.

They stand beside the atlas and not in it, so that a new idea of what belongs to a domain reads no image again.
"""

from __future__ import annotations

from dataclasses import dataclass

from connect.config import setting
from connect.errors import UserError


@dataclass(frozen=True)
class Domain:
    """A set of parcels: whole networks, anatomical regions, and single parcels."""

    networks: tuple[str, ...] = setting("networks of the parcels table that belong to it", default=())
    regions: tuple[str, ...] = setting("anatomical regions of the parcels table that belong to it", default=())
    parcels: tuple[str, ...] = setting("names of single parcels that belong to it", default=())

    def __post_init__(self) -> None:
        if not (self.networks or self.regions or self.parcels):
            raise UserError("", "networks, regions or parcels", "an empty domain", "name what belongs to it")


@dataclass(frozen=True)
class Domains:
    """The two domains between which connectivity is the primary question."""

    emotion: Domain = setting("parcels of emotion")
    cognition: Domain = setting("parcels of cognition")
    source: str = setting("why these", default="")
