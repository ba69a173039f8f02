"""Measures of connectivity: how the series of a scan's parcels become a matrix.

A measure is a function registered by name; ``config/measures/<name>.yaml`` names it as its ``kind``. A measure of one
scan takes its series and gives a matrix; a measure that needs all scans together takes the list of their series.
The series have no missing parcels: the stage leaves those out before and puts their rows back as NaN.

A choice may also name a function of the user's own, which takes the series of one scan and gives one matrix.
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
from connect.functions import Own, numbers

ASYMMETRY = 1e-6
"""Largest difference between the two halves of a matrix of the user's own, as a share of its largest value."""

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


def own_measure(own: Own, *, correlation: bool) -> Callable[[np.ndarray, str], np.ndarray]:
    """Return a measure of the user's own: it takes the series of a scan ``(n_volumes, n_parcels)`` and the scan's name.

    Parameters
    ----------
    own
        The function.
    correlation
        Whether its values must be correlations, because Fisher's z is taken of them.

    Raises
    ------
    UserError
        If the function cannot be loaded; and when called, if it fails or its matrix is not symmetric, has another
        shape or infinite values, is NaN everywhere, or holds values beyond 1 that must be correlations.
    """
    function = own.load()

    def matrix(series: np.ndarray, scan: str) -> np.ndarray:
        n_parcels = series.shape[1]
        must = f"a symmetric matrix ({n_parcels}, {n_parcels}) of numbers"
        found = own.call(function, must, scan, series)
        values = numbers(found)
        if values is None:
            raise UserError(own, must, f"{type(found).__name__}, for {scan}", "return an array of real numbers")
        if values.shape != (n_parcels, n_parcels):
            got = f"{type(found).__name__} of shape {values.shape}, for {scan}"
            raise UserError(own, must, got, "return a row and a column for each column of the series")
        np.fill_diagonal(values, 0)
        wrong = _wrong(values, correlation)
        if wrong:
            raise UserError(own, f"{must}, {wrong[0]}", f"{wrong[1]}, for {scan}", wrong[2])
        return values

    return matrix


def _wrong(values: np.ndarray, correlation: bool) -> tuple[str, str, str] | None:
    """Return what a matrix must be and is not, what it is, and what to do; or nothing."""
    edges = values[np.triu_indices(len(values), 1)]
    largest = np.abs(edges[np.isfinite(edges)]).max(initial=0.0)
    if np.isinf(values).any():
        return "finite or NaN", f"{np.isinf(values).sum()} infinite values", "return NaN where a value is not defined"
    if edges.size and np.isnan(edges).all():
        return "not NaN everywhere", "NaN in every edge", "return numbers wherever two series have a value"
    if not np.allclose(values, values.T, rtol=0, atol=ASYMMETRY * largest, equal_nan=True):
        difference = np.abs(values - values.T).max()
        got = "NaN in one half only" if np.isnan(difference) else f"halves that differ by up to {difference:g}"
        return "the same above and below the diagonal", got, "return the mean of the matrix and its transpose"
    if correlation and largest > 1 + ASYMMETRY:
        todo = "write `fisher_z: false` and the `unit` in the measure, or scale the values"
        return "with values between -1 and 1, of which Fisher's z is taken", f"a value of size {largest:g}", todo
    return None


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
