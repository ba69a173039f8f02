"""An atlas, ``config/atlases/<name>.yaml``: how the brain is cut into parcels."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from connect.config import setting
from connect.errors import UserError


@dataclass(frozen=True)
class Atlas:
    """A set of parcels in a standard space.

    The parcels table has one row per parcel with the columns ``index`` (label in the image, or volume of the maps
    counted from 1), ``name``, ``network``, ``region``, and for every kind the centre ``x y z`` in mm; spheres also have
    their ``radius`` in mm.
    """

    title: str = setting("name for figures and the report")
    kind: Literal["labels", "spheres", "maps"] = setting(
        "`labels`: an image of integers; `spheres`: coordinates; `maps`: a 4-D image of weights"
    )
    parcels: Path = setting("parcels table (TSV): index, name, network, region, x, y, z, and radius for spheres")
    spaces: tuple[str, ...] = setting("BIDS names of the spaces in which the atlas is valid")
    image: Path | None = setting("NIfTI image of a `labels` or `maps` atlas", default=None)
    smoothing: float | None = setting(
        "full width at half maximum of a Gaussian that smooths parcels, as if the images were smoothed; not for `maps`",
        default=None,
        unit="mm",
        minimum=0,
    )
    source: str = setting("citation", default="")

    def __post_init__(self) -> None:
        if not self.spaces:
            must, todo = "at least one BIDS name of a space", "name the space of the atlas, as `[MNI152NLin2009cAsym]`"
            raise UserError("key spaces", must, "an empty list", todo)
        if (self.image is None) != (self.kind == "spheres"):
            must = "a file of coordinates only" if self.kind == "spheres" else "a file that names its `image`"
            got = f"kind `{self.kind}` {'with' if self.image else 'without'} `image`"
            raise UserError("key image", must, got, "add the image, or correct the kind")
        if self.smoothing is not None and (self.kind == "maps" or self.smoothing <= 0):
            must, got = "above 0 mm, and an atlas of labels or spheres", f"{self.smoothing:g} mm, kind `{self.kind}`"
            raise UserError("key smoothing", must, got, "leave the key out")

    def check_space(self, where: object, spaces: Iterable[str], whose: object) -> None:
        """Raise a UserError unless the atlas is valid in every one of the BIDS spaces of something."""
        wrong = sorted(set(spaces) - set(self.spaces))
        if wrong:
            got = f"{', '.join(space or 'no space in the name' for space in wrong)} in {whose}"
            todo = "choose an atlas in that space, or index the scans in another with `connect index --space`"
            raise UserError(where, f"an atlas for scans in {' or '.join(self.spaces)}", got, todo)
