"""Simulated signals: neural ones with a planted coupling, and what leaks into them: noise, drift and head motion.

Everything is drawn from the generators that are passed in. Signals are in integer steps of the image unless a docstring
says otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from connect.simulate.courses import N_VOLUMES, coloured, orthonormal
from connect.simulate.motion import TO_MM, artefact

SYSTEMS = {
    "Salience": "emotion",
    "Reward": "emotion",
    "MedialTemporalLobe": "emotion",
    "FrontoParietal": "cognition",
    "CinguloOpercular": "cognition",
    "DorsalAttention": "cognition",
    "DefaultMode": "default",
    "ParietoMedial": "default",
    "Visual": "sensory",
    "SomatomotorDorsal": "sensory",
    "SomatomotorLateral": "sensory",
    "Auditory": "sensory",
}
"""Networks that share the time course of a system beside their own; the other networks have only their own."""

_ORDER = ("emotion", "cognition", "default", "sensory")
_CORRELATIONS = {(0, 2): -0.1, (1, 2): -0.2, (1, 3): 0.1, (2, 3): -0.1}

NEURAL = 2.0
"""SD of the neural signal."""
LEAKS = np.array([1.1, 0.85, 0.7, 0.6, 0.5, 0.4])
"""SD in grey matter of the noise courses: white matter, CSF, and four of the body."""
TISSUE_DROP = 0.5
"""Share of the drop at movements that white matter and CSF have."""


@dataclass(frozen=True)
class Traits:
    """How strongly each parcel of a participant takes part in a time course.

    Attributes
    ----------
    system
        ``(n_parcels,)``: in the time course of its system.
    network
        ``(n_parcels,)``: in that of its network.
    own
        ``(n_parcels, 8)``: in eight time courses that make the participant's connectome individual.
    """

    system: np.ndarray
    network: np.ndarray
    own: np.ndarray


def draw_traits(group: np.random.Generator, person: np.random.Generator, n_parcels: int) -> Traits:
    """Draw the traits of a participant from what the group shares and from what is the participant's own."""
    spread = 1 + 0.2 * group.standard_normal((2, n_parcels)) + 0.15 * person.standard_normal((2, n_parcels))
    return Traits(0.65 * spread[0], 0.45 * spread[1], 0.22 * person.standard_normal((n_parcels, 8)))


def neural(rng: np.random.Generator, traits: Traits, networks: Sequence[str], coupling: float) -> np.ndarray:
    """Return the neural signal of every parcel, ``(n_volumes, n_parcels)``, with an SD of about 1.

    Parameters
    ----------
    rng
        Generator of the scan.
    traits
        Loadings of the participant, to which the session adds a little of its own.
    networks
        Network of each parcel.
    coupling
        Correlation between the time courses of the emotion and the cognition system, exact in the scan. Nothing else
        depends on it: the variance of a parcel and the covariance inside either system stay as they are.
    """
    n_parcels, names = len(networks), sorted(set(networks))
    shared = np.array([_ORDER.index(SYSTEMS[name]) if name in SYSTEMS else -1 for name in networks])
    courses = orthonormal(coloured(rng, len(_ORDER) + len(names)))
    systems = courses[:, : len(_ORDER)] @ np.linalg.cholesky(_correlations(coupling)).T
    system = np.where(shared >= 0, systems[:, shared], 0.0)
    network = courses[:, [len(_ORDER) + names.index(name) for name in networks]]
    network[:, [name == "unassigned" for name in networks]] = 0.0
    of_session = 1 + 0.07 * rng.standard_normal(n_parcels)
    own = traits.own + 0.05 * rng.standard_normal(traits.own.shape)
    individual = coloured(rng, own.shape[1]) @ own.T
    rest = 0.45 * coloured(rng, n_parcels)
    signal: np.ndarray = traits.system * of_session * system + traits.network * network + individual + rest
    return signal


@dataclass(frozen=True)
class Leak:
    """What is in the signals beside the neural ones.

    Attributes
    ----------
    courses
        ``(n_volumes, 6)``: what aCompCor finds: the noise courses, two of them with the drop that white matter and CSF
        share with the brain.
    parcels
        ``(n_volumes, n_parcels)``: all of it in each parcel.
    tissues
        ``(n_volumes, 4)``: all of it outside the head, in grey matter, white matter and CSF.
    """

    courses: np.ndarray
    parcels: np.ndarray
    tissues: np.ndarray


def leak(rng: np.random.Generator, motion: np.ndarray, centres: np.ndarray) -> Leak:
    """Draw noise courses and slow drifts and add what head motion does to the signals.

    Parameters
    ----------
    rng
        Generator of the scan.
    motion
        ``(n_volumes, 6)``: x, y, z in mm and rotations in rad.
    centres
        Of the parcels ``(n_parcels, 3)``, mm.
    """
    n_parcels = len(centres)
    courses = orthonormal(coloured(rng, LEAKS.size, 0.008, 0.2))
    weights = rng.standard_normal((LEAKS.size, n_parcels))
    weights[:2] = 1 + 0.3 * weights[:2]
    moved = artefact(rng, motion, centres)
    time = (np.arange(N_VOLUMES) + 0.5) / N_VOLUMES
    drifts = np.stack([time - 0.5, np.cos(2 * np.pi * time)], axis=1)
    parcels = (
        courses @ (LEAKS[:, None] * weights)
        + moved.parcels
        + (motion * TO_MM) @ (1.3 * rng.standard_normal((6, n_parcels)))
        + drifts @ (1.3 * rng.standard_normal((2, n_parcels)))
    )
    grey = 0.2 * (parcels - moved.parcels).mean(axis=1) + 0.33 * courses[:, 2:].sum(axis=1) + moved.drop
    white = 1.7 * courses[:, 0] + TISSUE_DROP * moved.drop
    csf = 2.5 * courses[:, 1] + TISSUE_DROP * moved.drop
    components = np.column_stack([white, csf, courses[:, 2:]])
    tissues = np.stack([np.zeros(N_VOLUMES), grey, white + drifts[:, 0], csf + drifts[:, 1]], axis=1)
    return Leak(components, parcels, tissues)


def _correlations(coupling: float) -> np.ndarray:
    correlations = np.eye(len(_ORDER))
    for (a, b), value in {(0, 1): coupling, **_CORRELATIONS}.items():
        correlations[a, b] = correlations[b, a] = value
    return correlations
