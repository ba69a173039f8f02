"""How long an image is and how fast it was measured, from its JSON sidecar and its header."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Collection, Iterable, Iterator
from pathlib import PurePosixPath
from typing import NamedTuple

from connect.errors import UserError
from connect.index.trees import Tree
from connect.layout import entities

BOLD = re.compile(r"_desc-preproc_bold\.nii(\.gz)?$")
"""How fMRIPrep ends the name of a preprocessed image."""


class Timing(NamedTuple):
    """Number of volumes of an image, and its repetition time (s) in its JSON sidecar and in its header."""

    n_volumes: int
    sidecar: float | None
    header: float | None


def read_timing(tree: Tree, bold: str) -> Timing:
    """Return the length of an image and its repetition time (s), as its JSON sidecar and its header give it.

    A JSON file above the image, such as ``task-rest_bold.json``, holds for it too (BIDS inheritance principle), the one
    nearest to it first.

    Parameters
    ----------
    tree
        The dataset.
    bold
        Path of the image, relative to it.

    Raises
    ------
    UserError
        If the image cannot be read, is not 4-D, or neither file gives a repetition time.
    """
    n_volumes, header = tree.header(bold)
    sidecar = _sidecar_time(tree, bold)
    if sidecar is None and header is None:
        todo = f"add `RepetitionTime` to {own_sidecar(bold)}"
        raise UserError(tree.where(bold), "a repetition time (s)", "none in the JSON sidecar nor in the header", todo)
    return Timing(n_volumes, sidecar, header)


def sidecars(bold: str, files: Iterable[str], beyond: Collection[str] = ()) -> Iterator[str]:
    """Yield the JSON files that hold for an image: in its folder or above, with a part of its entities, nearest first.

    Parameters
    ----------
    bold
        Path of the image, relative to the folder of the dataset; the image need not be there.
    files
        Files of that folder.
    beyond
        Entities that a JSON file may have though the image has not.
    """
    mine = entities(PurePosixPath(bold).name).items()
    fits = []
    for path in files:
        start = path.rfind("/") + 1
        if path.endswith("bold.json") and bold.startswith(path[:start]):
            theirs = {**entities(path[start:]), "extension": dict(mine)["extension"]}
            if {key: value for key, value in theirs.items() if key not in beyond}.items() <= mine:
                fits.append((-path.count("/"), -len(theirs), path))
    yield from (path for *_, path in sorted(fits))


def own_sidecar(bold: str) -> str:
    """Return the path of the JSON file beside an image."""
    return re.sub(r"\.nii(\.gz)?$", ".json", bold)


def _sidecar_time(tree: Tree, bold: str) -> float | None:
    own = [own_sidecar(bold)] if own_sidecar(bold) in tree.files else []
    for path in itertools.chain(own, sidecars(bold, tree.files)):
        value = tree.record(path).get("RepetitionTime")
        if value is not None:
            if not isinstance(value, int | float) or not 0 < value < math.inf:
                must = "`RepetitionTime` as a number of seconds above 0"
                raise UserError(tree.where(path), must, repr(value), "correct it")
            return float(value)
    return None
