"""Laws that every registered measure keeps; a new one is found by itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from connect.config import read
from connect.errors import UserError
from connect.estimate import connect
from connect.measures import MEASURES, registered
from connect.settings.measure import Measure

CHOICES = sorted((Path(__file__).parents[2] / "config" / "measures").glob("*.yaml"))
CORRELATIONS = [name for name, made in MEASURES.items() if made.correlation]
N_PARCELS = 6


def settings(kind: str, fisher: bool = False) -> Measure:
    return Measure(title="?", kind=kind, fisher_z=fisher, unit="u")


def scans(n_scans: int = 3) -> list[np.ndarray]:
    """Return series whose parcels differ in unit and offset, as they do when nothing standardises them."""
    rng = np.random.default_rng(3)
    shared = rng.normal(size=(3, N_PARCELS))
    scale = np.linspace(0.5, 20, N_PARCELS)
    return [
        (rng.normal(size=(50, 3)) @ shared + rng.normal(size=(50, N_PARCELS))) * scale + 100 for _ in range(n_scans)
    ]


def as_matrices(edges: np.ndarray) -> np.ndarray:
    full = np.zeros((len(edges), N_PARCELS, N_PARCELS))
    full[:, *np.triu_indices(N_PARCELS, 1)] = edges
    return full + full.transpose(0, 2, 1)


def test_every_measure_has_a_choice_and_every_choice_its_measure() -> None:
    assert {read(Measure, path).kind for path in CHOICES} == set(MEASURES)


@pytest.mark.parametrize("path", CHOICES, ids=lambda path: path.stem)
def test_a_choice_gives_finite_edges(path: Path) -> None:
    found = connect(scans(), read(Measure, path))
    assert found.shape == (3, N_PARCELS * (N_PARCELS - 1) // 2)
    assert np.isfinite(found).all()


@pytest.mark.parametrize("kind", MEASURES)
def test_matrices_are_symmetric(kind: str) -> None:
    matrices = MEASURES[kind].matrices(scans())
    assert matrices.shape == (3, N_PARCELS, N_PARCELS)
    np.testing.assert_allclose(matrices, matrices.transpose(0, 2, 1), rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("kind", CORRELATIONS)
def test_correlations_are_bounded(kind: str) -> None:
    for one in (*scans(), np.random.default_rng(0).normal(size=(5, N_PARCELS))):
        assert np.abs(connect([one], settings(kind))).max() <= 1


@pytest.mark.parametrize("kind", CORRELATIONS)
def test_correlations_have_no_unit_and_no_offset(kind: str) -> None:
    """Also where the parcels change by different factors, and with the sign of a parcel when it is turned over."""
    scale, offset = np.array([1e-3, 2, 50, 1, 7, 1e4]), np.array([0, -5, 1e3, 0, 3, 10])
    moved = [one * scale + offset for one in scans()]
    np.testing.assert_allclose(connect(moved, settings(kind)), connect(scans(), settings(kind)), rtol=1e-6, atol=1e-9)
    sign = np.array([1, 1, -1, 1, 1, 1])
    turned = as_matrices(connect([one * sign for one in scans()], settings(kind)))
    expected = as_matrices(connect(scans(), settings(kind))) * np.outer(sign, sign)
    np.testing.assert_allclose(turned, expected, rtol=1e-7, atol=1e-10)


@pytest.mark.parametrize("kind", MEASURES)
def test_an_offset_alone_never_matters(kind: str) -> None:
    moved = [one + np.arange(N_PARCELS) for one in scans()]
    np.testing.assert_allclose(connect(moved, settings(kind)), connect(scans(), settings(kind)), rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("kind", MEASURES)
def test_the_order_of_parcels_only_reorders_the_edges(kind: str) -> None:
    order = np.random.default_rng(4).permutation(N_PARCELS)
    found = as_matrices(connect([one[:, order] for one in scans()], settings(kind)))
    expected = as_matrices(connect(scans(), settings(kind)))[:, order][:, :, order]
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("kind", MEASURES)
def test_the_order_of_scans_only_reorders_the_rows(kind: str) -> None:
    found, expected = connect(scans()[::-1], settings(kind)), connect(scans(), settings(kind))[::-1]
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("kind", MEASURES)
def test_the_order_of_volumes_does_not_matter(kind: str) -> None:
    found, expected = connect([one[::-1] for one in scans()], settings(kind)), connect(scans(), settings(kind))
    np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("kind", MEASURES)
def test_only_measures_of_several_scans_depend_on_the_others(kind: str) -> None:
    found = connect(scans(), settings(kind))[:2]
    if MEASURES[kind].together:
        assert not np.allclose(found, connect(scans()[:2], settings(kind)))
    else:
        np.testing.assert_array_equal(found, connect(scans()[:2], settings(kind)))


@pytest.mark.parametrize("kind", MEASURES)
def test_missing_parcels_are_carried_and_the_input_is_left_alone(kind: str) -> None:
    made = scans()
    made[1][:, 4] = np.nan
    before = [one.copy() for one in made]
    matrices = as_matrices(connect(made, settings(kind)))
    np.testing.assert_array_equal(np.isnan(matrices[1]).sum(axis=0), [1, 1, 1, 1, N_PARCELS - 1, 1])
    assert np.isnan(matrices[0]).any() == MEASURES[kind].together
    for one, same in zip(made, before, strict=True):
        np.testing.assert_array_equal(one, same)


@pytest.mark.parametrize("kind", [name for name, made in MEASURES.items() if made.together])
def test_a_measure_of_several_scans_uses_their_common_parcels(kind: str) -> None:
    made = scans()
    made[0][:, 0], made[2][:, 5] = np.nan, np.nan
    inside = as_matrices(connect(made, settings(kind)))[:, 1:5, 1:5][:, *np.triu_indices(4, 1)]
    expected = connect([one[:, 1:5] for one in scans()], settings(kind))
    np.testing.assert_allclose(inside, expected, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("kind", [name for name, made in MEASURES.items() if made.together])
def test_a_measure_of_several_scans_says_when_there_are_too_few(kind: str) -> None:
    apart = scans(2)
    apart[0][:, :3], apart[1][:, 2:] = np.nan, np.nan
    for made in (scans(1), apart):
        with pytest.raises(UserError, match="in common"):
            connect(made, settings(kind))


@pytest.mark.parametrize("kind", MEASURES)
def test_fisher_z_is_for_correlations_only(kind: str) -> None:
    if MEASURES[kind].correlation:
        np.testing.assert_allclose(
            connect(scans(), settings(kind, True)), np.arctanh(connect(scans(), settings(kind))), rtol=1e-10
        )
    else:
        with pytest.raises(UserError, match="fisher_z"):
            connect(scans(), settings(kind, True))


def test_an_unknown_measure_names_the_nearest() -> None:
    with pytest.raises(UserError) as caught:
        registered("correlatoin")
    assert caught.value.got == "correlatoin"
    assert "`correlation`" in caught.value.todo
    assert all(name in caught.value.must for name in MEASURES)
