"""The simulated head: its tissues and parcels, the image that signals paint into it, and the confounds of the image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from connect.simulate.courses import orthonormal, slow_cosines
from connect.simulate.motion import displacement

VOXEL_SIZE = 7.0
"""Edge of the cubic voxels, mm."""
SHAPE = (22, 27, 23)
"""Voxels along x, y and z. A volume fits into the 32 kB that gzip looks back, which keeps the files small."""
ORIGIN = (-72.0, -108.0, -73.0)
"""Centre of the first voxel, mm. Of all origins on whole millimetres the one where no two Seitzman spheres share
a voxel and no distance is so near a radius that two programs could disagree about it."""

OUTSIDE, GREY, WHITE, CSF = range(4)
BASELINE = np.array([0, 600, 540, 700])
"""Mean intensity outside the head and in each tissue."""
THERMAL = 1.1
"""SD of the noise that each voxel of a parcel has of its own."""
FLICKER = 0.001
"""Share of the other voxels that are a step off in a volume, so that those of a tissue are not all alike."""

_LOBES = (
    ((0, -17, 13), (70, 89, 66), 2.2),
    ((0, -64, -38), (52, 34, 26), 2.3),
    ((0, -28, -45), (16, 18, 28), 2.0),
    ((-40, -8, -22), (28, 42, 26), 2.0),
    ((40, -8, -22), (28, 42, 26), 2.0),
)
_WHITE = ((27, -20, 22), (14, 42, 12), 2.0)
_VENTRICLE = ((8, -10, 16), (8, 26, 8), 2.0)


@dataclass(frozen=True)
class Head:
    """The voxels of a head, in the order ``(z, y, x)`` in which NIfTI stores them.

    Attributes
    ----------
    tissue
        ``(n_z, n_y, n_x)``: OUTSIDE, GREY, WHITE or CSF.
    parcel
        ``(n_z, n_y, n_x)``: row of the parcel that has the voxel, or -1.
    centres
        ``(n_parcels, 3)``: of the parcels, mm.
    """

    tissue: np.ndarray
    parcel: np.ndarray
    centres: np.ndarray


def affine() -> np.ndarray:
    """Return the affine from voxel indices x, y, z to mm, ``(4, 4)``."""
    matrix = np.diag([VOXEL_SIZE, VOXEL_SIZE, VOXEL_SIZE, 1.0])
    matrix[:3, 3] = ORIGIN
    return matrix


def build_head(centres: np.ndarray, radii: np.ndarray) -> Head:
    """Build a head from ellipsoids, with the voxels of every sphere in its grey matter.

    A sphere has the voxels whose centres lie in it, and the nearest one if there are none.

    Parameters
    ----------
    centres
        ``(n_parcels, 3)``, mm.
    radii
        ``(n_parcels,)``, mm.
    """
    x, y, z = _positions()
    tissue = np.full(x.shape, OUTSIDE)
    for lobe in _LOBES:
        tissue[_ellipsoid((x, y, z), *lobe)] = GREY
    tissue[_ellipsoid((np.abs(x), y, z), *_WHITE)] = WHITE
    tissue[_ellipsoid((np.abs(x), y, z), *_VENTRICLE)] = CSF
    parcel = np.full(x.shape, -1)
    for row, (centre, radius) in enumerate(zip(centres, radii, strict=True)):
        distance = np.sqrt((x - centre[0]) ** 2 + (y - centre[1]) ** 2 + (z - centre[2]) ** 2)
        parcel[(distance <= radius) | (distance == distance.min())] = row
    tissue[parcel >= 0] = GREY
    return Head(tissue, parcel, centres)


def cut_off(head: Head) -> Head:
    """Return the head as an oblique field of view shows it, without the low left end of the cerebellum.

    The plane takes exactly one sphere, L_SomatomotorDorsal_cerebellum_1, and leaves all others whole.
    """
    x, _, z = _positions()
    below = z < -59.7 - x / 3
    return Head(np.where(below, OUTSIDE, head.tissue), np.where(below, -1, head.parcel), head.centres)


def paint(rng: np.random.Generator, head: Head, parcels: np.ndarray, tissues: np.ndarray) -> np.ndarray:
    """Return the image as integers, ``(n_volumes, n_z, n_y, n_x)``.

    The voxels of a parcel carry its signal and thermal noise of their own. All others carry the signal of their tissue
    with hardly any noise, which keeps the compressed image small; an offset of each slice makes the mean over a tissue
    finer than an integer step.

    Parameters
    ----------
    rng
        Generator of the scan.
    head
        What the scan shows.
    parcels
        Signals ``(n_volumes, n_parcels)`` around 0, in steps of the image.
    tissues
        Signals ``(n_volumes, 4)`` outside the head, in grey matter, white matter and CSF.
    """
    tissue, parcel = head.tissue.ravel(), head.parcel.ravel()
    n_volumes = len(parcels)
    slices = np.arange(tissue.size) // (SHAPE[0] * SHAPE[1])
    offset = np.where(tissue > GREY, (slices * 3 % 8) / 8 - 0.4375, 0.0)
    data = np.rint(BASELINE[tissue] + offset + tissues[:, tissue])
    chance = rng.random(data.shape)
    data += (chance > 1 - FLICKER / 2).astype(float) - (chance < FLICKER / 2)
    own = parcel >= 0
    thermal = THERMAL * rng.standard_normal((n_volumes, int(own.sum())))
    data[:, own] = np.rint(BASELINE[GREY] + parcels[:, parcel[own]] + thermal)
    data[:, tissue == OUTSIDE] = 0
    image: np.ndarray = data.astype("<i2").reshape(n_volumes, *head.tissue.shape)
    return image


def measured_confounds(image: np.ndarray, head: Head, motion: np.ndarray, courses: np.ndarray) -> dict[str, np.ndarray]:
    """Return fMRIPrep's confounds by name, each ``(n_volumes,)``, with NaN where fMRIPrep writes n/a.

    Mean signals and DVARS are measured in the image (DVARS is standardised by its median). The CompCor columns are the
    noise courses themselves, without slow cosines.

    Parameters
    ----------
    image
        ``(n_volumes, n_z, n_y, n_x)``.
    head
        What the scan shows.
    motion
        ``(n_volumes, 6)``: x, y, z in mm and rotations in rad.
    courses
        ``(n_volumes, n_courses)``: the noise courses.
    """
    inside = head.tissue != OUTSIDE
    means = {"global_signal": inside, "csf": head.tissue == CSF, "white_matter": head.tissue == WHITE}
    found: dict[str, np.ndarray] = {}
    for name, chosen in means.items():
        found |= _expanded(name, image[:, chosen].mean(axis=1, dtype=float))
    dvars = np.sqrt(np.mean(np.diff(image[:, inside].astype(float), axis=0) ** 2, axis=1))
    found["std_dvars"] = _after_first(dvars / np.median(dvars))
    found["dvars"] = _after_first(dvars)
    found["framewise_displacement"] = _after_first(displacement(motion)[1:])
    cosines = slow_cosines()
    components = orthonormal(courses - cosines @ (cosines.T @ courses)) / np.sqrt(len(courses))
    for prefix, columns in (("a_comp_cor_", components), ("cosine", cosines)):
        found |= {f"{prefix}{number:02d}": np.round(column, 6) for number, column in enumerate(columns.T)}
    for name, column in zip(("trans_x", "trans_y", "trans_z", "rot_x", "rot_y", "rot_z"), motion.T, strict=True):
        found |= _expanded(name, column)
    return found


def _expanded(name: str, course: np.ndarray) -> dict[str, np.ndarray]:
    derivative = _after_first(np.diff(course))
    return {
        name: course,
        f"{name}_derivative1": derivative,
        f"{name}_power2": course**2,
        f"{name}_derivative1_power2": derivative**2,
    }


def _after_first(values: np.ndarray) -> np.ndarray:
    return np.concatenate([[np.nan], values])


def _positions() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    axes = [start + VOXEL_SIZE * np.arange(n) for start, n in zip(ORIGIN, SHAPE, strict=True)]
    z, y, x = np.meshgrid(axes[2], axes[1], axes[0], indexing="ij")
    return x, y, z


def _ellipsoid(at: Sequence[np.ndarray], centre: Sequence[float], half: Sequence[float], power: float) -> np.ndarray:
    parts = [np.abs((axis - c) / h) ** power for axis, c, h in zip(at, centre, half, strict=True)]
    inside: np.ndarray = parts[0] + parts[1] + parts[2] <= 1
    return inside
