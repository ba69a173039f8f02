"""Random time courses, and the slow cosines that belong to a scan of this length."""

from __future__ import annotations

import numpy as np

TR = 2.5
"""Repetition time, s."""
N_VOLUMES = 144


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


def slow_cosines() -> np.ndarray:
    """Return fMRIPrep's slow cosines, ``(n_volumes, n_cosines)``, orthonormal.

    As many as in nipype, which takes one less than the 128 s of its filter would allow.
    """
    number = np.arange(1, int(2 * N_VOLUMES * TR / 128))
    time = np.arange(N_VOLUMES) + 0.5
    cosines: np.ndarray = np.sqrt(2 / N_VOLUMES) * np.cos(np.pi / N_VOLUMES * time[:, None] * number)
    return cosines


def _standardised(courses: np.ndarray) -> np.ndarray:
    centred = courses - courses.mean(axis=0)
    scaled: np.ndarray = centred / np.sqrt(np.mean(centred**2, axis=0))
    return scaled
