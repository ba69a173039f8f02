"""Draw a picture of every scan of a cohort: motion, the signal before denoising, and what denoising left of it."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib import style
from matplotlib.figure import Figure
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from connect.config import read
from connect.figures import own_figure, style_of
from connect.figures.carpet import ScanInputs, carpet
from connect.layout import carpet_name, qc_series_name
from connect.parcels import domain_of
from connect.provenance import KEY, Sources, opened, scan_stamps, sealed
from connect.settings.atlas import Atlas
from connect.settings.cohort import Cohort
from connect.settings.domains import Domains
from connect.settings.figure import Figure as Recipe
from connect.settings.strategy import Strategy
from connect.tables import read_columns, read_matrix, read_rows, read_table, written

DPI, SCREEN = 300, 150
"""Dots per inch of carpets in vector formats, and of the PNG, which a report holds many of."""

COLOURS = 64
"""Colours of the PNG."""


def carpets(  # noqa: PLR0913 - one parameter for each file
    figure: Path,
    atlas: Path,
    domains: Path,
    cohort: Path,
    strategy: Path,
    kept: Path,
    series: Path,
    volumes: Path,
    gathered: Path,
    pictures: Path,
    code: Sequence[str] = (),
) -> None:
    """Draw every scan of a cohort, kept or not, as SVG, PDF and PNG.

    Parameters
    ----------
    figure
        Recipe of the figure (YAML), about a scan.
    atlas
        Atlas (YAML).
    domains
        Domains of the atlas (YAML).
    cohort
        Cohort (YAML).
    strategy
        Denoising strategy (YAML).
    kept
        Table of the screen stage.
    series
        Cleaned series of all scans (.npy).
    volumes
        Table that says which volume of its scan each row of the series is.
    gathered
        List of the digests of the scans. Beside it the raw series of each scan stand in a folder of its name, as the
        parcellate stage writes them.
    pictures
        Output: folder with ``<scan>.svg``, ``<scan>.pdf`` and ``<scan>.png`` of every scan.
    code
        Digest of the code of each stage that the pictures depend on, as ``stage=digest``, for their stamp.
    """
    recipe, settings = read(Recipe, figure), read(Atlas, atlas)
    parcels = read_table(settings.parcels, ["name", "network", "region"])
    plan, cleaning = read(Cohort, cohort), read(Strategy, strategy)
    domain, numbers = domain_of(parcels, read(Domains, domains), domains), read_columns(volumes, ["volume"])[:, 0]
    table = read_table(kept, ["scan", "kept", "reason", "start", "stop"])
    names = {"name": figure.stem, "cohort": cohort.stem, "atlas": atlas.stem, "strategy": strategy.stem}
    sources = Sources(
        [figure, cohort, atlas, domains, strategy], [], [gathered], dict(pair.split("=") for pair in code)
    )
    stamps = scan_stamps(names, sources, table["scan"])
    with written(pictures) as aside, style.context(["default", style_of(recipe)]):
        aside.mkdir()
        for (_, row), stamp in zip(table.iterrows(), stamps, strict=True):
            own = slice(row["start"], row["stop"])
            fd, std_dvars, voxels = _before(gathered.parent / row["scan"], row["scan"])
            inputs = ScanInputs(
                cohort=plan, strategy=cleaning, parcels=parcels, domain=domain, row=row, fd=fd, std_dvars=std_dvars,
                voxels=voxels, volumes=numbers[own].astype(int), series=read_rows(series, own.start, own.stop),
            )  # fmt: skip
            made = carpet(inputs, recipe) if recipe.own is None else own_figure(recipe.own, inputs, recipe)
            _save(made, aside / row["scan"], row["scan"], opened(stamp))


def _before(folder: Path, scan: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return FD, standardised DVARS and voxels of a scan before denoising; empty if its image could not be read."""
    motion = folder / qc_series_name(scan)
    if not motion.is_file():
        return np.empty(0), np.empty(0), np.empty((0, 0))
    fd, std_dvars = read_columns(motion, ["framewise_displacement", "std_dvars"]).T
    return fd, std_dvars, read_matrix(folder / carpet_name(scan))


def _save(made: Figure, path: Path, title: str, text: str) -> None:
    """Write a figure with its stamp in three formats, without dates; the PNG has few colours, which keeps it small."""
    fixed = {
        "svg": {"Title": title, "Creator": "connect", "Date": None, KEY: text},
        "pdf": {"Title": title, "Creator": "connect", "Producer": "connect", "CreationDate": None, "Subject": text},
    }
    contents = {kind: io.BytesIO() for kind in (*fixed, "png")}
    for kind, metadata in fixed.items():
        made.savefig(contents[kind], dpi=DPI, format=kind, metadata=metadata)
    whole, told = io.BytesIO(), PngInfo()
    made.savefig(whole, dpi=SCREEN, format="png")
    few = Image.open(whole).convert("RGB").quantize(COLOURS, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    for key, value in {"Title": title, "Software": "connect", KEY: text}.items():
        told.add_text(key, value)
    few.save(contents["png"], "PNG", optimize=True, dpi=(SCREEN, SCREEN), pnginfo=told)
    for kind, content in contents.items():
        path.with_suffix(f".{kind}").write_bytes(sealed(content.getvalue()))
