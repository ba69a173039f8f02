"""Simulated time courses: neural signals with a planted coupling, head motion, and noise that leaks into the signals.

Everything is drawn from the generators that are passed in. Signals are in integer steps of the image unless a docstring
says otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

TR = 2.5
"""Repetition time, s."""
N_VOLUMES = 144

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

_TO_MM = np.array([1, 1, 1, 50, 50, 50])


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


def coloured(rng: np.random.Generator, n_series: int, low: float = 0.01, high: float = 0.1) -> np.ndarray:
    """Return noise with a power of 1/f from ``low`` to ``high`` (Hz), ``(n_volumes, n_series)``, mean 0 and SD 1."""
    frequency = np.fft.rfftfreq(2 * N_VOLUMES, TR)
    band = (frequency >= low) & (frequency <= high)
    spectrum = np.fft.rfft(rng.standard_normal((2 * N_VOLUMES, n_series)), axis=0)
    spectrum *= np.where(band, 1 / np.sqrt(np.where(band, frequency, 1.0)), 0.0)[:, None]
    return _standardised(np.fft.irfft(spectrum, axis=0)[:N_VOLUMES])


def orthonormal(courses: np.ndarray) -> np.ndarray:
    """Make time courses orthogonal one after the other (Gram-Schmidt), each with mean 0 and SD 1."""
    done: list[np.ndarray] = []
    for course in _standardised(courses).T:
        rest = course.copy()
        for other in done:
            rest -= np.mean(course * other) * other
        done.append(_standardised(rest))
    return np.stack(done, axis=1)


def head_motion(rng: np.random.Generator, mean_fd: float) -> np.ndarray:
    """Return six rigid-body parameters, ``(n_volumes, 6)``: translations in mm, then rotations in rad.

    Slow walks, breathing and sudden movements, scaled to a mean framewise displacement (mm).
    """
    walk = 0.02 * np.cumsum(rng.standard_normal((N_VOLUMES, 6)), axis=0)
    breathing = coloured(rng, 6, 0.12, 0.2) * np.array([0.01, 0.04, 0.05, 0.04, 0.01, 0.01])
    sudden = np.zeros((N_VOLUMES, 6))
    for start in rng.choice(np.arange(5, N_VOLUMES - 5), 2 + rng.poisson(3), replace=False):
        sudden[start] += 0.15 * rng.standard_normal(6)
        sudden[start + 1 :] += 0.06 * rng.standard_normal(6)
    raw = (walk + breathing + sudden) / _TO_MM
    scaled = raw * mean_fd / displacement(raw)[1:].mean()
    return np.hstack([np.round(scaled[:, :3], 4), np.round(scaled[:, 3:], 6)])


def displacement(motion: np.ndarray) -> np.ndarray:
    """Return framewise displacement (mm), ``(n_volumes,)``, 0 in the first volume.

    Sum of the absolute changes of the parameters, rotations as arcs on a sphere of 50 mm (Power et al. 2012,
    NeuroImage 59:2142).
    """
    return np.concatenate([[0.0], (np.abs(np.diff(motion, axis=0)) * _TO_MM).sum(axis=1)])


def slow_cosines() -> np.ndarray:
    """Return fMRIPrep's slow cosines, ``(n_volumes, n_cosines)``, orthonormal.

    As many as in nipype, which takes one less than the 128 s of its filter would allow.
    """
    number = np.arange(1, int(2 * N_VOLUMES * TR / 128))
    time = np.arange(N_VOLUMES) + 0.5
    cosines: np.ndarray = np.sqrt(2 / N_VOLUMES) * np.cos(np.pi / N_VOLUMES * time[:, None] * number)
    return cosines


@dataclass(frozen=True)
class Leak:
    """What is in the signals beside the neural ones.

    Attributes
    ----------
    courses
        ``(n_volumes, 6)``: the noise courses, orthonormal.
    parcels
        ``(n_volumes, n_parcels)``: all of it in each parcel.
    tissues
        ``(n_volumes, 4)``: all of it outside the head, in grey matter, white matter and CSF.
    """

    courses: np.ndarray
    parcels: np.ndarray
    tissues: np.ndarray


def leak(rng: np.random.Generator, motion: np.ndarray, n_parcels: int) -> Leak:
    """Draw noise courses and slow drifts and add what head motion ``(n_volumes, 6)`` does to the signals."""
    courses = orthonormal(coloured(rng, LEAKS.size, 0.008, 0.2))
    weights = rng.standard_normal((LEAKS.size, n_parcels))
    weights[:2] = 1 + 0.3 * weights[:2]
    excess = np.maximum(displacement(motion) - 0.3, 0)
    spikes = -4 * (excess + 0.5 * np.roll(excess, 1) + 0.2 * np.roll(excess, 2))
    time = (np.arange(N_VOLUMES) + 0.5) / N_VOLUMES
    drifts = np.stack([time - 0.5, np.cos(2 * np.pi * time)], axis=1)
    parcels = (
        courses @ (LEAKS[:, None] * weights)
        + spikes[:, None] * (1 + 0.5 * rng.standard_normal(n_parcels))
        + (motion * _TO_MM) @ (1.3 * rng.standard_normal((6, n_parcels)))
        + drifts @ (1.3 * rng.standard_normal((2, n_parcels)))
    )
    grey = 0.2 * parcels.mean(axis=1) + 0.33 * courses[:, 2:].sum(axis=1)
    white = 1.7 * courses[:, 0] + 0.5 * spikes + drifts[:, 0]
    csf = 2.5 * courses[:, 1] + 0.5 * spikes + drifts[:, 1]
    return Leak(courses, parcels, np.stack([np.zeros(N_VOLUMES), grey, white, csf], axis=1))


def _correlations(coupling: float) -> np.ndarray:
    correlations = np.eye(len(_ORDER))
    for (a, b), value in {(0, 1): coupling, **_CORRELATIONS}.items():
        correlations[a, b] = correlations[b, a] = value
    return correlations


def _standardised(courses: np.ndarray) -> np.ndarray:
    centred = courses - courses.mean(axis=0)
    scaled: np.ndarray = centred / np.sqrt(np.mean(centred**2, axis=0))
    return scaled
