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
    alike
        Correlation with the mean wave from which it is a good one (Orphanidou et al. 2015, IEEE J Biomed Health Inform
        19:832, doi:10.1109/JBHI.2014.2338351).
    """

    before: float
    after: float
    step: float
    reach: float
    highest: float
    alike: float


SHAPES = {
    "ecg": Shape(0.06, 0.06, 0.004, 0.03, 40, 0.66),
    "pulse": Shape(0.3, 0.2, 0.01, 0.06, 8, 0.86),
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
    time, likeness = peaks[whole], np.zeros(int(whole.sum()))
    for _ in range(_ROUNDS if len(time) else 0):
        moved, likeness = _aligned(spline, time, shape)
        time = np.clip(moved, peaks[whole] - shape.reach, peaks[whole] + shape.reach)
    ascending = np.diff(time, prepend=-np.inf) > 0
    return time[ascending], likeness[ascending] >= shape.alike


def _aligned(spline: CubicSpline, time: np.ndarray, shape: Shape) -> tuple[np.ndarray, np.ndarray]:
    """Return the times at which waves are most like their median, and that correlation."""
    points = np.arange(-shape.before, shape.after, shape.step)
    trend = np.linalg.qr(np.vander(points, 2))[0]
    level = np.eye(len(points)) - trend @ trend.T
    median = np.median(spline(time[:, None] + points) @ level, axis=0) @ level
    shifts, step = np.linspace(-shape.reach, shape.reach, _N_SHIFTS, retstep=True)
    shifted = spline(time[:, None, None] + shifts[:, None] + points) @ level
    lengths = np.maximum(np.linalg.norm(shifted, axis=2) * np.linalg.norm(median), np.finfo(float).tiny)
    likeness = shifted @ median / lengths
    best = np.clip(likeness.argmax(axis=1), 1, _N_SHIFTS - 2)
    left, middle, right = (likeness[np.arange(len(time)), best + side] for side in (-1, 0, 1))
    bend = np.minimum(left - 2 * middle + right, -np.finfo(float).tiny)
    return time + shifts[best] + step * np.clip((left - right) / (2 * bend), -1, 1), middle


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
