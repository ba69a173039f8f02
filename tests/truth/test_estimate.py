"""Connectomes against nilearn, numpy and formulas written out."""

from __future__ import annotations

import numpy as np
import pytest
from nilearn.connectome import ConnectivityMeasure, sym_matrix_to_vec
from sklearn.covariance import EmpiricalCovariance, LedoitWolf, ledoit_wolf

from connect.estimate import connect, fisher_z
from connect.measures import MEASURES
from connect.settings.measure import Measure

N_PARCELS = 7
UPPER = np.triu_indices(N_PARCELS, 1)
THEIRS = {
    "correlation": ("correlation", EmpiricalCovariance()),
    "covariance": ("covariance", EmpiricalCovariance()),
    "partial_correlation": ("partial correlation", LedoitWolf()),
    "shrunk_correlation": ("correlation", LedoitWolf()),
    "tangent": ("tangent", LedoitWolf()),
}


def settings(kind: str, fisher: bool = False) -> Measure:
    return Measure(title="?", kind=kind, fisher_z=fisher, unit="u")


def scans(n_scans: int = 3, n_parcels: int = N_PARCELS, unit: bool = True) -> list[np.ndarray]:
    """Return series of different lengths with shared signals, of unit variance as denoising leaves them."""
    rng = np.random.default_rng(0)
    made = []
    for scan in range(n_scans):
        series = rng.normal(size=(60 + 10 * scan, 3)) @ rng.normal(size=(3, n_parcels))
        series += rng.normal(size=series.shape)
        made.append((series - series.mean(axis=0)) / series.std(axis=0, ddof=1) if unit else series)
    return made


@pytest.mark.parametrize("kind", MEASURES)
def test_matrices_equal_nilearn(kind: str) -> None:
    assert set(MEASURES) == set(THEIRS), "a new measure needs an independent implementation to agree with"
    name, estimator = THEIRS[kind]
    theirs = ConnectivityMeasure(kind=name, cov_estimator=estimator, standardize=False).fit_transform(scans())
    np.testing.assert_allclose(connect(scans(), settings(kind)), theirs[:, *UPPER], rtol=1e-9, atol=1e-12)


def test_correlation_and_covariance_by_hand() -> None:
    for one in scans(unit=False):
        centred = one - one.mean(axis=0)
        covariance = centred.T @ centred / len(one)
        spread = np.sqrt(np.diag(covariance))
        np.testing.assert_allclose(connect([one], settings("covariance"))[0], covariance[UPPER], rtol=1e-10)
        expected = (covariance / np.outer(spread, spread))[UPPER]
        np.testing.assert_allclose(connect([one], settings("correlation"))[0], expected, rtol=1e-10)


def test_shrunk_and_partial_correlation_by_hand() -> None:
    for one in scans():
        shrunk = ledoit_wolf(one)[0]
        spread = np.sqrt(np.diag(shrunk))
        expected = (shrunk / np.outer(spread, spread))[UPPER]
        np.testing.assert_allclose(connect([one], settings("shrunk_correlation"))[0], expected, rtol=1e-9)
        precision = np.linalg.inv(shrunk)
        spread = np.sqrt(np.diag(precision))
        expected = (-precision / np.outer(spread, spread))[UPPER]
        np.testing.assert_allclose(connect([one], settings("partial_correlation"))[0], expected, rtol=1e-9)


def test_partial_correlation_is_the_correlation_of_residuals() -> None:
    """With many volumes the shrinkage fades and the definition remains."""
    rng = np.random.default_rng(1)
    one = rng.normal(size=(40_000, 2)) @ rng.normal(size=(2, 4)) + rng.normal(size=(40_000, 4))
    others = np.column_stack([np.ones(len(one)), one[:, 2:]])
    left = one[:, :2] - others @ np.linalg.lstsq(others, one[:, :2], rcond=None)[0]
    assert connect([one], settings("partial_correlation"))[0, 0] == pytest.approx(np.corrcoef(left.T)[0, 1], abs=2e-3)


def test_tangent_is_the_logarithm_of_whitened_covariances() -> None:
    """Deviations from a geometric mean sum to zero, and a scan that is the mean deviates by nothing."""
    found = connect(scans(5), settings("tangent"))
    np.testing.assert_allclose(found.sum(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(connect([scans()[0]] * 3, settings("tangent")), 0, atol=1e-6)


def test_edges_stand_in_the_order_of_the_upper_triangle() -> None:
    one = scans(1)[0]
    matrix = np.corrcoef(one.T)
    found = connect([one], settings("correlation"))[0]
    np.testing.assert_allclose(found, [matrix[a, b] for a in range(N_PARCELS) for b in range(a + 1, N_PARCELS)])
    lower = np.zeros((N_PARCELS, N_PARCELS))
    lower[UPPER] = found
    np.testing.assert_allclose(np.sort(sym_matrix_to_vec(matrix, discard_diagonal=True)), np.sort(found))
    np.testing.assert_allclose(
        sym_matrix_to_vec(lower + lower.T, discard_diagonal=True), matrix.T[np.tril_indices(7, -1)]
    )


def test_fisher_z_is_artanh_and_has_no_value_for_equal_series() -> None:
    r = np.array([-0.999, -0.5, 0, 0.3, 0.7])
    np.testing.assert_allclose(fisher_z(r), 0.5 * np.log((1 + r) / (1 - r)))
    np.testing.assert_array_equal(np.isnan(fisher_z(np.array([1, -1, 1 - 1e-9, np.nan, 0.9999]))), [1, 1, 1, 1, 0])
    plain, transformed = (connect(scans(), settings("correlation", fisher)) for fisher in (False, True))
    np.testing.assert_allclose(np.tanh(transformed), plain)


def test_parcels_with_the_same_series_have_no_z() -> None:
    one = scans(1)[0]
    one[:, 3] = -2 * one[:, 5]
    found = connect([one], settings("correlation", True))[0]
    np.testing.assert_array_equal(np.isnan(found), (UPPER[0] == 3) & (UPPER[1] == 5))


@pytest.mark.parametrize("kind", MEASURES)
@pytest.mark.parametrize("how", ["one volume", "all volumes", "constant"])
def test_a_missing_parcel_is_missing_and_the_others_are_as_without_it(kind: str, how: str) -> None:
    made = scans()
    value = 0.1 if how == "constant" else np.nan
    made[1][slice(4, 5) if how == "one volume" else slice(None), 2] = value
    found = connect(made, settings(kind))
    touched = (UPPER[0] == 2) | (UPPER[1] == 2)
    without = [np.delete(one, 2, axis=1) for one in scans()]
    if MEASURES[kind].together:
        np.testing.assert_array_equal(np.isnan(found), np.tile(touched, (3, 1)))
        np.testing.assert_allclose(found[:, ~touched], connect(without, settings(kind)), rtol=1e-7, atol=1e-9)
    else:
        np.testing.assert_array_equal(np.isnan(found), (np.arange(3) == 1)[:, None] & touched)
        np.testing.assert_allclose(found[1, ~touched], connect([without[1]], settings(kind))[0], rtol=1e-10)
        np.testing.assert_allclose(found[[0, 2]], connect(scans(), settings(kind))[[0, 2]])
