"""Beats of the heart that are no normal ones: found, and put where their neighbours expect them.

The kinds of artefact are those of Lipponen & Tarvainen (2019, J Med Eng Technol 43:173,
doi:10.1080/03091902.2019.1640306): extra beats are deleted, missed ones inserted, misplaced ones (ectopic, long or
short) moved. What is expected of a beat is learned from the recording itself. NeuroKit2's version of their method is
not used: it moves the beat after an ectopic one (docs/how-to/heart-rate-variability.md has the numbers).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import binary_dilation, median_filter

EXTRA = 1.25
"""Two intervals that are together shorter than this many usual ones have a beat between them that is none."""
MISSED = 1.6
"""An interval longer than this many usual ones lacks a beat, unless the one before is as much too short."""
MISPLACED = 4.0
"""Robust standard deviations by which a beat lies off its expected place: in normal noise, 1 beat in 16,000 does."""
SCALE_FLOOR = 0.001
"""Least standard deviation of places, s: no recording tells more."""

_WINDOW = 11
_REACH = 2
_ENOUGH = 40
_CUBIC = np.array([0, 1 / 6, 0, -1 / 6, 0])


@dataclass(frozen=True)
class Beats:
    """Corrected beats.

    Attributes
    ----------
    time
        ``(n_beats,)``, s, ascending.
    observed
        ``(n_beats,)``, whether a beat is where it was observed.
    n_deleted
        Beats that were observed and are none.
    """

    time: np.ndarray
    observed: np.ndarray
    n_deleted: int = 0

    @property
    def n_corrected(self) -> int:
        """Beats that were deleted, inserted or moved."""
        return self.n_deleted + int(np.sum(~self.observed))


def correct(time: np.ndarray) -> Beats:
    """Delete extra beats, insert missed ones and move misplaced ones.

    Parameters
    ----------
    time
        Beats ``(n_beats,)``, s, ascending, at least 6.

    Notes
    -----
    The place of a beat between its neighbours is predicted by linear regression on the interval between them and on the
    two intervals before and after, fitted to the beats of the recording whose surroundings are undisturbed (fewer than
    40 such beats: by cubic interpolation). The beat farthest from its place is moved there, and all is done again,
    until none lies off by more than :data:`MISPLACED` robust standard deviations. So respiratory sinus arrhythmia is
    expected, however large, and hides no premature beat. The first and the last beat, which have one neighbour, are
    taken for corrected if their interval differs as much from the next one.
    """
    kept = _without_extra(time)
    return _moved(_filled(Beats(kept, np.ones(len(kept), dtype=bool), len(time) - len(kept))))


def _usual(intervals: np.ndarray) -> np.ndarray:
    """Return the running median of intervals."""
    usual: np.ndarray = median_filter(intervals, _WINDOW, mode="nearest")
    return usual


def _without_extra(time: np.ndarray) -> np.ndarray:
    while len(time) > _WINDOW:
        intervals = np.diff(time)
        together = (intervals[:-1] + intervals[1:]) / _usual(intervals)[1:]
        if together.min() >= EXTRA:
            break
        time = np.delete(time, int(together.argmin()) + 1)
    return time


def _filled(beats: Beats) -> Beats:
    intervals = np.diff(beats.time)
    usual = _usual(intervals)
    lacking = np.maximum(usual - np.append(usual[0], intervals[:-1]), 0)
    n_missed = np.where(intervals - lacking > MISSED * usual, np.rint(intervals / usual) - 1, 0).astype(int)
    known = np.append(0, np.cumsum(n_missed + 1))
    time = np.interp(np.arange(known[-1] + 1), known, beats.time)
    return Beats(time, np.isin(np.arange(len(time)), known), beats.n_deleted)


def _moved(beats: Beats) -> Beats:
    time, observed = beats.time.copy(), beats.observed.copy()
    for _ in range(len(time)):
        off, rough, limit = _displacement(time, observed)
        if np.abs(off).max() <= limit:
            break
        # The neighbours of a misplaced beat are off as well, but less, as long as a fixed curve is what expects them.
        worst = int(np.where(np.abs(off) > limit, np.abs(rough), 0).argmax()) + 1
        time[worst] -= off[worst - 1]
        observed[worst] = False
    changes = np.diff(time, 2)
    observed[[0, -1]] &= np.abs(changes[[0, -1]]) <= MISPLACED * _scale(changes)
    return Beats(time, observed, beats.n_deleted)


def _displacement(time: np.ndarray, observed: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Return how far each inner beat lies behind its place, by regression and by a cubic curve, and the limit, s."""
    place, known = _surroundings(time)
    rough = place - known @ _CUBIC
    disturbed = ~observed[1:-1] | (np.abs(rough) > MISPLACED * _scale(rough))
    usable = ~binary_dilation(disturbed, iterations=_REACH + 1, border_value=True)
    off = rough
    if usable.sum() >= _ENOUGH:
        off = place - known @ np.linalg.lstsq(known[usable], place[usable], rcond=None)[0]
    else:
        usable[_REACH:-_REACH] = True
    scale = _scale(off[usable])
    ends = np.r_[0:_REACH, len(off) - _REACH : len(off)]
    off[ends] = place[ends] * scale / _scale(place[usable])
    return off, rough, MISPLACED * scale


def _surroundings(time: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return how far beats lie behind the middle of their neighbours, and what predicts it ``(n_beats - 2, 5)``."""
    intervals = np.pad(np.diff(time), _REACH, mode="reflect")
    around = np.lib.stride_tricks.sliding_window_view(intervals, 2 * _REACH + 2)
    far, before, after, beyond = around[:, :_REACH], around[:, _REACH], around[:, _REACH + 1], around[:, _REACH + 2 :]
    known = np.column_stack([(before + after) / 2, far[:, ::-1], beyond]) - np.median(intervals)
    return (before - after) / 2, known


def _scale(off: np.ndarray) -> float:
    """Return a standard deviation that outliers do not move: 1.4826 times the median absolute value."""
    return max(1.4826 * float(np.median(np.abs(off))), SCALE_FLOOR)
