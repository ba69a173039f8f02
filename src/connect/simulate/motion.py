"""Simulated head motion, and what it does to the signals beyond what is linear in the motion parameters.

Movements come in short episodes of sudden steps. What they do to the signals has two parts:

- a drop that the whole brain shares, in the moving volume and for more than 10 s after it, which grows with framewise
  displacement (FD). It raises all correlations; regressors made of the motion parameters leave much of it, the global
  signal takes it (Satterthwaite et al. 2013, NeuroImage 64:240, doi:10.1016/j.neuroimage.2012.08.052; Yan et al. 2013,
  NeuroImage 76:183, doi:10.1016/j.neuroimage.2013.03.004; Power et al. 2014, NeuroImage 84:320,
  doi:10.1016/j.neuroimage.2013.08.048);
- changes that near parcels share, other ones at each movement. They raise correlations between near parcels more than
  between far ones (Power et al. 2012, NeuroImage 59:2142, doi:10.1016/j.neuroimage.2011.10.018; Satterthwaite et al.
  2012, NeuroImage 60:623, doi:10.1016/j.neuroimage.2011.12.063). They hardly outlast the movement, as the history of
  spins does (Friston et al. 1996, Magn Reson Med 35:346, doi:10.1002/mrm.1910350312), so that censoring takes them.

Published work gives their form, not their size in images as simple as these. The sizes are chosen so that in raw series
of 16 people motion leaks into connectivity far above chance, and that strategies stand in the order of Ciric et al.
2017 (NeuroImage 154:174, doi:10.1016/j.neuroimage.2017.03.020): regression of the motion parameters leaves most, global
signal regression and censoring least.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from connect.simulate.courses import N_VOLUMES, coloured

QUIET, QUIET_SHARE = 0.04, 0.25
"""Mean FD of slow drift and breathing: what everyone has (mm), and the share of the mean FD that is added."""
EPISODES, EPISODES_PER_PATH = 3, 1.15
"""Number of episodes: what everyone has, and how many more for each square root of the path (mm) of all together."""
RETURN = 0.8
"""Share of its displacement that the last step of an episode takes back."""

DROP = 4.0
"""Mean drop for each mm of a large movement, in steps of the image (0.7 % of the mean of grey matter)."""
SPREAD = 0.3
"""SD over the brain of a parcel's share of the drop; 1 is the mean."""
LOCAL = 7.0
"""SD of the changes that near parcels share, for each mm of a large movement, in steps of the image."""
KNEE = 0.5
"""FD (mm) far above which both grow in proportion to it, and far below with its square: breathing does hardly any."""
VARIETY = 2.0
"""Shape of the gamma distribution by which movements of the same size differ in what they do."""
REACH = 30.0
"""Distance (mm) over which the correlation of the changes that near parcels share falls to 1/e."""
DROP_AFTER, LOCAL_AFTER = 0.6 ** np.arange(7), np.array([1.0, 0.2])
"""What is left of the drop and of the local changes in the moving volume and in those after it (15 s and 2.5 s)."""

TO_MM = np.array([1, 1, 1, 50, 50, 50])
"""Arc of the rotations on a sphere of 50 mm."""


@dataclass(frozen=True)
class Artefact:
    """What movements do to the signals, in steps of the image.

    Attributes
    ----------
    drop
        ``(n_volumes,)``: what the whole brain shares, 0 or below.
    parcels
        ``(n_volumes, n_parcels)``: all of it in each parcel, with its share of the drop.
    """

    drop: np.ndarray
    parcels: np.ndarray


def head_motion(rng: np.random.Generator, mean_fd: float) -> np.ndarray:
    """Return six rigid-body parameters, ``(n_volumes, 6)``: translations in mm, then rotations in rad.

    Slow walks, breathing and episodes of sudden movements, scaled to a mean framewise displacement (mm). Who moves more
    does so mostly by more and larger movements.
    """
    walk = 0.02 * np.cumsum(rng.standard_normal((N_VOLUMES, 6)), axis=0)
    breathing = coloured(rng, 6, 0.12, 0.2) * np.array([0.01, 0.04, 0.05, 0.04, 0.01, 0.01])
    quiet_fd = QUIET + QUIET_SHARE * mean_fd
    quiet = _scaled((walk + breathing) / TO_MM, quiet_fd)
    sudden_fd = max(mean_fd - quiet_fd, 0.0)
    raw = quiet + _scaled(_episodes(rng, sudden_fd * N_VOLUMES) / TO_MM, sudden_fd)
    scaled = _scaled(raw, mean_fd)
    return np.hstack([np.round(scaled[:, :3], 4), np.round(scaled[:, 3:], 6)])


def displacement(motion: np.ndarray) -> np.ndarray:
    """Return framewise displacement (mm), ``(n_volumes,)``, 0 in the first volume.

    Sum of the absolute changes of the parameters, rotations as arcs on a sphere of 50 mm (Power et al. 2012,
    NeuroImage 59:2142).
    """
    return np.concatenate([[0.0], (np.abs(np.diff(motion, axis=0)) * TO_MM).sum(axis=1)])


def artefact(rng: np.random.Generator, motion: np.ndarray, centres: np.ndarray) -> Artefact:
    """Draw what movements do to the signals beyond what is linear in the motion parameters; nothing without motion.

    Parameters
    ----------
    rng
        Generator of the scan.
    motion
        ``(n_volumes, 6)``: x, y, z in mm and rotations in rad.
    centres
        Of the parcels ``(n_parcels, 3)``, mm.
    """
    fd = displacement(motion)
    size = (fd**2 / (fd + KNEE))[:, None]
    strength = size * rng.gamma(VARIETY, 1 / VARIETY, size.shape)
    shares, *maps = smooth_maps(rng, 1 + len(fd), centres)
    drop = -DROP * _lasting(strength, DROP_AFTER)
    return Artefact(drop[:, 0], drop * (1 + SPREAD * shares) + LOCAL * _lasting(strength * maps, LOCAL_AFTER))


def smooth_maps(rng: np.random.Generator, n_maps: int, centres: np.ndarray) -> np.ndarray:
    """Return random maps ``(n_maps, n_parcels)`` of mean 0 and SD 1, alike in near parcels (see :data:`REACH`)."""
    distance = np.linalg.norm(centres[:, None] - centres[None], axis=2)
    maps: np.ndarray = rng.standard_normal((n_maps, len(centres))) @ np.linalg.cholesky(np.exp(-distance / REACH)).T
    return maps


def _episodes(rng: np.random.Generator, path: float) -> np.ndarray:
    """Return sudden movements ``(n_volumes, 6)`` in any unit, as many episodes as fit a path (mm)."""
    steps = np.zeros((N_VOLUMES, 6))
    n_episodes = EPISODES + rng.poisson(EPISODES_PER_PATH * np.sqrt(path))
    for start in rng.choice(np.arange(3, N_VOLUMES - 6), n_episodes, replace=False):
        moves = rng.uniform(0.6, 1.4) * rng.standard_normal((rng.integers(1, 4), 6))
        steps[start : start + len(moves)] += moves
        steps[start + len(moves)] -= RETURN * moves.sum(axis=0)
    return np.cumsum(steps, axis=0)


def _scaled(motion: np.ndarray, mean_fd: float) -> np.ndarray:
    scaled: np.ndarray = motion * mean_fd / displacement(motion)[1:].mean()
    return scaled


def _lasting(changes: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Return changes ``(n_volumes, n)`` with what is left of them in the volumes after them."""
    lasting: np.ndarray = sum(
        size * np.concatenate([np.zeros_like(changes[:lag]), changes[: len(changes) - lag]])
        for lag, size in enumerate(after)
    )
    return lasting
