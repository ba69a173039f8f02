"""Heart-rate variability from an electrocardiogram or a pulse recording.

RMSSD, SDNN and the power of the high frequencies are those of the Task Force of the European Society of Cardiology
(1996, Circulation 93:1043, doi:10.1161/01.CIR.93.5.1043), of intervals between normal beats only: a corrected beat, and
one whose wave is unlike the others, takes part in no number but the power, which needs a series without gaps.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from math import nan
from pathlib import Path
from typing import Any

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.signal import detrend, welch

from connect.config import suggest
from connect.errors import UserError
from connect.layout import entities
from connect.phenotypes.beats import correct
from connect.phenotypes.waves import Kind, waves

HF_BAND = (0.15, 0.40)
"""High frequencies, Hz (Task Force 1996)."""
RATES = (30.0, 200.0)
"""Heart rates, 1/min, beyond which an interval is none between two beats."""
LEAST = 30
"""Fewest intervals, and differences of intervals, of which variability is computed."""
_TACHOGRAM, _WINDOW = 4.0, 120.0
_SLOWEST = 20.0


@dataclass(frozen=True)
class Heart:
    """What a recording tells about the heart.

    Attributes
    ----------
    rmssd
        Root mean square of successive differences of normal intervals, ms.
    sdnn
        Standard deviation of normal intervals, ms.
    hf
        Power between 0.15 and 0.40 Hz, ms^2; NaN in less than two minutes.
    rate
        Mean heart rate, 1/min.
    quality
        Share of the beats which the recording should have that are usable, 0 to 1: the wave looks like the others,
        and the beat needed no correction.
    n_beats
        Beats after correction.
    n_corrected
        Beats that were deleted, inserted or moved.
    minutes
        Length of the recording.
    """

    rmssd: float
    sdnn: float
    hf: float
    rate: float
    quality: float
    n_beats: int
    n_corrected: int
    minutes: float


def read_physio(path: Path, channel: str) -> tuple[np.ndarray, float]:
    """Read a channel of a BIDS recording, and its sampling frequency.

    Parameters
    ----------
    path
        ``*_physio.tsv.gz``, without a header. Its sidecar stands beside it or, as BIDS inherits, higher up.
    channel
        One of the sidecar's ``Columns``.

    Returns
    -------
    signal : numpy.ndarray
        ``(n_samples,)``.
    frequency : float
        Hz.

    Raises
    ------
    UserError
        If a file is missing or cannot be read, the sidecar lacks ``Columns`` or ``SamplingFrequency``, there is no such
        channel, or a sample of it is missing.
    """
    if not path.is_file():
        raise UserError(path, "a recording (_physio.tsv.gz)", "no such file", "correct the path")
    sidecar, about = _sidecar(path)
    names, frequency = about["Columns"], float(about["SamplingFrequency"])
    if channel not in names:
        todo = f"name one of the channels{suggest(channel, names)}"
        raise UserError(sidecar, f"a channel of {', '.join(names)}", channel, todo)
    try:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            rows = [line.rstrip("\n").split("\t") for line in file]
        cells = [row[names.index(channel)] for row in rows if len(row) == len(names)]
        signal = np.array([np.nan if cell == "n/a" else float(cell) for cell in cells])
    except (OSError, EOFError, ValueError) as error:
        raise UserError(path, "a packed table of numbers without a header", error, "correct the file") from error
    if len(cells) != len(rows):
        got = f"another number in {len(rows) - len(cells)} lines"
        raise UserError(path, f"{len(names)} columns, as {sidecar.name} says", got, "correct the file or its sidecar")
    missing = np.flatnonzero(~np.isfinite(signal))
    if len(missing):
        got = f"{len(missing)} missing, the first after {missing[0] / frequency:.1f} s"
        raise UserError(
            f"{path}, channel {channel}", "a number in each sample", got, "cut the recording or leave it out"
        )
    return signal, frequency


def heart(signal: np.ndarray, frequency: float, kind: Kind, where: object) -> Heart:
    """Return rate and variability of the heart from a recording.

    :func:`connect.phenotypes.waves.waves` finds the beats, :func:`connect.phenotypes.beats.correct` those that are no
    normal ones.

    Parameters
    ----------
    signal
        Electrocardiogram or pulse, ``(n_samples,)``, in any unit.
    frequency
        Sampling frequency, Hz.
    kind
        What was recorded.
    where
        The recording, for error messages.

    Returns
    -------
    Heart
        Numbers are NaN, and the quality 0, where there are no beats.

    Raises
    ------
    UserError
        If the sampling frequency is below 20 Hz, or a sample is missing.
    """
    if not frequency >= _SLOWEST:
        todo = "use a recording of more samples per second, or correct SamplingFrequency"
        raise UserError(where, f"at least {_SLOWEST:g} samples per second", f"{frequency:g} Hz", todo)
    if not np.isfinite(signal).all():
        raise UserError(where, "a number in each sample", "missing samples", "cut the recording or leave it out")
    minutes = len(signal) / frequency / 60
    time, alike = waves(np.asarray(signal, dtype=np.float64), frequency, kind)
    return _summary(time, alike, minutes) if len(time) >= LEAST else _nothing(len(time), minutes)


def of_beats(peaks_in_seconds: np.ndarray, where: object) -> Heart:
    """Return rate and variability of the heart from the times of its beats ``(n_beats,)``, s.

    ``minutes`` are those from the first beat to the last; ``quality`` is the share of beats that needed no correction.

    Raises
    ------
    UserError
        If the times do not ascend, or one is missing.
    """
    time = np.asarray(peaks_in_seconds, dtype=np.float64)
    if not np.all(np.diff(time) > 0):
        raise UserError(where, "times of beats that ascend", "times that do not", "sort them; leave out missing ones")
    minutes = float(time[-1] - time[0]) / 60 if len(time) else 0.0
    if len(time) < LEAST:
        return _nothing(len(time), minutes)
    return _summary(time, np.ones(len(time), dtype=bool), minutes)


def hf_power(time: np.ndarray) -> float:
    """Return the power of intervals from 0.15 to 0.40 Hz, ms^2, from times of beats (s).

    A cubic spline at 4 Hz, Welch's method with Hann windows of two minutes that overlap by half and lose their linear
    trend. NaN in less than two minutes.
    """
    at = np.arange(time[1], time[-1], 1 / _TACHOGRAM)
    if len(at) < _WINDOW * _TACHOGRAM:
        return nan
    tachogram = CubicSpline(time[1:], 1000 * np.diff(time))(at)
    size = int(_WINDOW * _TACHOGRAM)
    frequency, density = welch(tachogram, _TACHOGRAM, nperseg=size, detrend=detrend)
    band = (frequency >= HF_BAND[0]) & (frequency <= HF_BAND[1])
    return float(density[band].sum() * frequency[1])


def _summary(time: np.ndarray, alike: np.ndarray, minutes: float) -> Heart:
    beats = correct(time)
    trusted = beats.observed & np.isin(beats.time, time[alike])
    intervals = 1000 * np.where(trusted[1:] & trusted[:-1], np.diff(beats.time), nan)
    intervals[(intervals < 60_000 / RATES[1]) | (intervals > 60_000 / RATES[0])] = nan
    quality = _quality(intervals, len(beats.time) + beats.n_deleted, minutes)
    normal, changes = (values[np.isfinite(values)] for values in (intervals, np.diff(intervals)))
    if min(len(normal), len(changes)) < LEAST:
        return Heart(nan, nan, nan, nan, quality, len(beats.time), beats.n_corrected, minutes)
    rmssd, sdnn = float(np.sqrt(np.mean(changes**2))), float(normal.std(ddof=1))
    rate = 60_000 / float(normal.mean())
    return Heart(rmssd, sdnn, hf_power(beats.time), rate, quality, len(beats.time), beats.n_corrected, minutes)


def _quality(intervals: np.ndarray, n_beats: int, minutes: float) -> float:
    """Return the share of beats with a normal interval, of those found or, if more, those due in this time."""
    normal = np.isfinite(intervals)
    if not normal.any():
        return 0.0
    due = 60_000 * minutes / float(np.median(intervals[normal]))
    n_usable = int(np.sum(np.append(normal, False) | np.append(False, normal)))
    return min(n_usable / max(due, n_beats), 1.0)


def _nothing(n_beats: int, minutes: float) -> Heart:
    return Heart(nan, nan, nan, nan, 0.0, n_beats, 0, minutes)


def _sidecar(path: Path) -> tuple[Path, dict[str, Any]]:
    for sidecar in _sidecars(path):
        if sidecar.is_file():
            break
    else:
        name = path.name.removesuffix(".tsv.gz") + ".json"
        todo = "write it, with the keys Columns, SamplingFrequency and StartTime"
        raise UserError(path, f"a sidecar {name}, or one higher up that it inherits", "no such file", todo)
    try:
        about = json.loads(sidecar.read_text(encoding="utf-8"))
        fit = isinstance(about["Columns"], list) and float(about["SamplingFrequency"]) > 0
    except (OSError, ValueError, TypeError, KeyError):
        fit = False
    if not fit:
        must = "a sidecar with the keys Columns (a list) and SamplingFrequency (Hz)"
        raise UserError(sidecar, must, "another file", "complete the sidecar")
    return sidecar, about


def _sidecars(path: Path) -> Iterator[Path]:
    """Yield where the sidecar may stand: beside the recording, then with fewer entities, up to the dataset's root."""
    own = entities(path.name)
    yield path.with_name(path.name.removesuffix(".tsv.gz") + ".json")
    for folder in path.resolve().parents:
        fitting = [
            (-len(found), other)
            for other in sorted(folder.glob(f"*{own['suffix']}.json"))
            if (found := entities(other.name)).items() - {("extension", ".json")} <= own.items()
        ]
        yield from (other for _, other in sorted(fitting))
        if (folder / "dataset_description.json").is_file():
            return
