"""Beats in a recording: NeuroKit2 finds the waves, and the mean wave places each between the samples."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from types import ModuleType
from typing import Literal

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.signal import butter, sosfiltfilt

Kind = Literal["ecg", "pulse"]


@dataclass(frozen=True)
class Shape:
    """The part of a wave that places it.

    Attributes
    ----------
    before, after
        What of it is looked at, s from the peak.
    step
        Distance of points, s.
    reach
        How far it is looked for around the peak that NeuroKit2 found, s.
    highest
        Frequency above which the signal is filtered out, Hz.
    whole
        What is compared with the median wave to judge it, s before and after the peak.
    alike
        Correlation with that from which a wave is good (Orphanidou et al. 2015, IEEE J Biomed Health Inform 19:832,
        doi:10.1109/JBHI.2014.2338351).
    """

    before: float
    after: float
    step: float
    reach: float
    highest: float
    whole: tuple[float, float]
    alike: float


SHAPES = {
    "ecg": Shape(0.06, 0.06, 0.004, 0.03, 40, (0.2, 0.35), 0.66),
    "pulse": Shape(0.2, 0.2, 0.01, 0.06, 8, (0.35, 0.5), 0.86),
}

_ROUNDS = 3
_N_SHIFTS = 31


def waves(signal: np.ndarray, frequency: float, kind: Kind) -> tuple[np.ndarray, np.ndarray]:
    """Find the beats in a recording.

    NeuroKit2 (Makowski et al. 2021, Behav Res Methods 53:1689, doi:10.3758/s13428-020-01516-y) filters the signal and
    finds the peaks. Each is then put where its wave, without mean and slope, correlates best with the median of all
    waves, on a spline through the signal. Samples are 20 ms apart at 50 Hz, as much as a small RMSSD, and the top
    of a pulse is flat, so that noise moves it.

    Parameters
    ----------
    signal
        ``(n_samples,)``, in any unit, without missing samples.
    frequency
        Sampling frequency, Hz.
    kind
        ``ecg`` or ``pulse``.

    Returns
    -------
    time : numpy.ndarray
        ``(n_beats,)``, s from the first sample, ascending.
    alike : numpy.ndarray
        ``(n_beats,)``, whether a wave looks like the median wave.
    """
    shape = SHAPES[kind]
    if np.ptp(signal) == 0:
        return np.empty(0), np.empty(0, dtype=bool)
    scaled = (signal - signal.mean()) / signal.std()
    low = butter(2, min(shape.highest, 0.45 * frequency), fs=frequency, output="sos")
    spline = CubicSpline(np.arange(len(scaled)) / frequency, sosfiltfilt(low, scaled))
    peaks = _peaks(scaled, frequency, kind) / frequency
    last = (len(scaled) - 1) / frequency
    whole = (peaks > shape.before + 2 * shape.reach) & (peaks < last - shape.after - 2 * shape.reach)
    time = peaks[whole]
    for _ in range(_ROUNDS if len(time) else 0):
        time = np.clip(_aligned(spline, time, shape), peaks[whole] - shape.reach, peaks[whole] + shape.reach)
    time = time[np.diff(time, prepend=-np.inf) > 0]
    points = np.arange(-shape.whole[0], shape.whole[1], shape.step)
    return time, _likeness(spline(np.clip(time[:, None, None] + points, 0, last)), points)[:, 0] >= shape.alike


def _aligned(spline: CubicSpline, time: np.ndarray, shape: Shape) -> np.ndarray:
    """Return the times at which waves are most like their median."""
    points = np.arange(-shape.before, shape.after, shape.step)
    shifts, step = np.linspace(-shape.reach, shape.reach, _N_SHIFTS, retstep=True)
    likeness = _likeness(spline(time[:, None, None] + shifts[:, None] + points), points)
    best = np.clip(likeness.argmax(axis=1), 1, _N_SHIFTS - 2)
    left, middle, right = (likeness[np.arange(len(time)), best + side] for side in (-1, 0, 1))
    bend = np.minimum(left - 2 * middle + right, -np.finfo(float).tiny)
    aligned: np.ndarray = time + shifts[best] + step * np.clip((left - right) / (2 * bend), -1, 1)
    return aligned


def _likeness(waves: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Return correlations of shifted waves ``(n_beats, n_shifts, n_points)`` with the median of those not shifted.

    Mean and slope of each wave are taken out before.
    """
    trend = np.linalg.qr(np.vander(points, 2))[0]
    level = waves @ (np.eye(len(points)) - trend @ trend.T)
    median = np.median(level[:, level.shape[1] // 2], axis=0)
    lengths = np.linalg.norm(level, axis=2) * np.linalg.norm(median)
    likeness: np.ndarray = level @ median / np.maximum(lengths, np.finfo(float).tiny)
    return likeness


def _peaks(signal: np.ndarray, frequency: float, kind: Kind) -> np.ndarray:
    """Return the samples at which NeuroKit2 finds peaks."""
    nk = _neurokit()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if kind == "ecg":
            found = nk.ecg_peaks(nk.ecg_clean(signal, sampling_rate=frequency), sampling_rate=frequency)[1]
        else:
            found = nk.ppg_peaks(nk.ppg_clean(signal, sampling_rate=frequency), sampling_rate=frequency)[1]
    return np.unique(np.asarray(found["ECG_R_Peaks" if kind == "ecg" else "PPG_Peaks"], dtype=int))


def _neurokit() -> ModuleType:
    """Import NeuroKit2, which takes 1.7 s of a core, when there is a recording."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import neurokit2
    module: ModuleType = neurokit2
    return module
