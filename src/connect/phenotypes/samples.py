"""Several timed samples of a session as one number: areas under the curve, the mean, the first, the peak.

With values ``m_1 .. m_n`` at minutes ``t_1 < .. < t_n`` (Pruessner et al. 2003, Psychoneuroendocrinology 28:916,
doi:10.1016/S0306-4530(02)00108-7):

- with respect to ground ``AUC_G = sum over i of (m_i + m_(i+1)) / 2 * (t_(i+1) - t_i)``, the trapezoidal rule;
- with respect to increase ``AUC_I = AUC_G - m_1 * (t_n - t_1)``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from connect.settings.phenotype import Samples


def auc_ground(minutes: Any, values: Any) -> float:
    """Return the area under the curve with respect to ground, in the unit of the values times minutes.

    Parameters
    ----------
    minutes
        Times of the samples ``(n_samples,)``, increasing, in minutes.
    values
        Their values ``(n_samples,)``. One that is missing (NaN) makes the area missing; so do fewer than two samples.

    Raises
    ------
    ValueError
        If the two differ in length, or the times do not increase.

    Examples
    --------
    >>> auc_ground([0, 30, 60], [10, 20, 10])
    900.0
    """
    times, levels = np.asarray(minutes, dtype=np.float64), np.asarray(values, dtype=np.float64)
    if times.shape != levels.shape or times.ndim != 1 or (np.diff(times) <= 0).any():
        raise ValueError("as many values as minutes, which increase")
    if len(times) < 2:
        return float("nan")
    return float(np.trapezoid(levels, times))


def auc_increase(minutes: Any, values: Any) -> float:
    """Return the area under the curve with respect to increase; takes and raises what :func:`auc_ground` does.

    It is that above the first value, and below 0 if the values fall more than they rise.

    Examples
    --------
    >>> auc_increase([0, 30, 60], [10, 20, 10])
    300.0
    """
    ground = auc_ground(minutes, values)
    return ground if np.isnan(ground) else ground - float(values[0]) * float(minutes[-1] - minutes[0])


def expected(samples: pd.DataFrame, settings: Samples) -> tuple[int, float]:
    """Return how many samples a session must have, and the latest time (min) of what is a first sample.

    Parameters
    ----------
    samples
        All samples, one a row: ``participant_id``, ``session``, ``time`` (min).
    settings
        May say how many samples there must be; else it is the largest number of any session.
    """
    sessions = samples.groupby(["participant_id", "session"])["time"]
    counts = sessions.size()
    number = settings.number or int(counts.max())
    return number, float(sessions.min()[counts >= number].max()) if (counts >= number).any() else float("inf")


def summarise(
    minutes: np.ndarray, values: np.ndarray, settings: Samples, number: int, first: float
) -> tuple[float, str]:
    """Return the value of a session and a note on its samples, which is empty if none is missing.

    An area needs every sample. The mean and the peak are those of the samples that are there. The first is that of the
    least time; it is missing if that sample is, even where a later one is there.

    Parameters
    ----------
    minutes, values
        Times (min), increasing, and values of the samples ``(n_samples,)``; NaN is a missing value.
    settings
        What is made of them.
    number, first
        As :func:`expected` returns them.
    """
    there = int(np.isfinite(values).sum())
    lacking = there < number
    counted = f"{there} of {number} samples" if lacking else ""
    if not there:
        return float("nan"), f"no sample has a value ({counted})"
    if settings.is_area:
        area = auc_ground if settings.summary == "auc_g" else auc_increase
        return (float("nan"), f"{counted}: no area") if lacking else (area(minutes, values), "")
    if settings.summary == "first":
        is_first = minutes[0] <= first and np.isfinite(values[0])
        return (float(values[0]), "") if is_first else (float("nan"), f"the first sample is missing ({counted})")
    summed = np.nanmean(values) if settings.summary == "mean" else np.nanmax(values)
    return float(summed), f"{'mean' if settings.summary == 'mean' else 'largest'} of {counted}" if lacking else ""
