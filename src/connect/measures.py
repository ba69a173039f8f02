"""Measures of connectivity: how the series of a scan's parcels become a matrix.

A measure is a function registered by name; ``config/measures/<name>.yaml`` names it as its ``kind``. A measure of one
scan takes its series and gives a matrix; a measure that needs all scans together takes the list of their series.
The series have no missing parcels: the stage leaves those out before and puts their rows back as NaN.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from nilearn.connectome import ConnectivityMeasure
from sklearn.covariance import EmpiricalCovariance, LedoitWolf

from connect.config import suggest
from connect.errors import UserError

Matrices = Callable[[Sequence[np.ndarray]], np.ndarray]


@dataclass(frozen=True)
class Registered:
    """A measure: its function and what may be done with its values.

    Parameters
    ----------
    matrices
        Takes series ``(n_volumes, n_parcels)`` of several scans and gives matrices ``(n_scans, n_parcels, n_parcels)``.
    correlation
        Whether the values are correlations, so that Fisher's z is defined.
    together
        Whether the scans are estimated from one another, and so need the same parcels.
    """

    matrices: Matrices
    correlation: bool
    together: bool


MEASURES: dict[str, Registered] = {}


def measure(name: str, *, correlation: bool = False, together: bool = False) -> Callable[[Matrices], Matrices]:
    """Register a measure under a name (see :class:`Registered`)."""

    def register(function: Matrices) -> Matrices:
        MEASURES[name] = Registered(function, correlation, together)
        return function

    return register


def registered(name: str) -> Registered:
    """Return the measure of that name; a UserError names the nearest one."""
    if name not in MEASURES:
        must = f"one of: {', '.join(MEASURES)}"
        raise UserError("key kind of the measure", must, name, f"choose a registered measure{suggest(name, MEASURES)}")
    return MEASURES[name]


@measure("correlation", correlation=True)
def correlation(series: Sequence[np.ndarray]) -> np.ndarray:
    """Return Pearson's correlation, without shrinkage."""
    return np.stack([np.corrcoef(one, rowvar=False) for one in series])


@measure("covariance")
def covariance(series: Sequence[np.ndarray]) -> np.ndarray:
    """Return the covariance (divided by the number of volumes), in squared units of the series."""
    return _nilearn("covariance", EmpiricalCovariance(store_precision=False), series)


@measure("partial_correlation", correlation=True)
def partial_correlation(series: Sequence[np.ndarray]) -> np.ndarray:
    """Return partial correlations from the inverse of the Ledoit-Wolf covariance.

    Parcels are as many as volumes or more, where the plain covariance has no inverse; shrinkage gives it one
    (Ledoit and Wolf 2004).
    """
    return _nilearn("partial correlation", LedoitWolf(store_precision=False), _standardized(series))


@measure("shrunk_correlation", correlation=True)
def shrunk_correlation(series: Sequence[np.ndarray]) -> np.ndarray:
    """Return the correlation of the Ledoit-Wolf covariance (Ledoit and Wolf 2004)."""
    return _nilearn("correlation", LedoitWolf(store_precision=False), _standardized(series))


@measure("tangent", together=True)
def tangent(series: Sequence[np.ndarray]) -> np.ndarray:
    """Return deviations from the geometric mean of all scans in tangent space (Varoquaux et al. 2010)."""
    return _nilearn("tangent", LedoitWolf(store_precision=False), series)


def _standardized(series: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return series of unit variance: Ledoit-Wolf shrinks towards equal variances, so the units must not matter."""
    return [(one - one.mean(axis=0)) / one.std(axis=0, ddof=1) for one in series]


def _nilearn(kind: str, estimator: Any, series: Sequence[np.ndarray]) -> np.ndarray:
    made = ConnectivityMeasure(kind=kind, cov_estimator=estimator, standardize=False)
    matrices: np.ndarray = made.fit_transform([np.asarray(one, dtype=np.float64) for one in series])
    return matrices
