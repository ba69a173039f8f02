"""Columns that are made when they are asked for are what the whole array would be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from connect.columns import KEPT, Columns, kept, mapped, parts, per_column, rows_of, side_by_side, taken
from connect.tables import read_stored

ARRAY = np.random.default_rng(0).normal(size=(6, 23))
SOME = np.array([20, 3, 3, 11])


@pytest.fixture
def columns(monkeypatch: pytest.MonkeyPatch) -> Columns:
    monkeypatch.setattr("connect.columns.TILE", 4)
    return Columns(ARRAY.shape, lambda at: ARRAY[:, at])


def test_they_are_an_array_to_whom_wants_one(columns: Columns) -> None:
    np.testing.assert_array_equal(np.asarray(columns), ARRAY)
    np.testing.assert_array_equal(columns[:, 5:9], ARRAY[:, 5:9])
    np.testing.assert_array_equal(columns[:, SOME], ARRAY[:, SOME])
    assert (len(columns), columns.shape, columns.size) == (6, (6, 23), 138)


def test_what_is_made_of_them_is_what_is_made_of_the_array(columns: Columns) -> None:
    odd = np.arange(23) % 2 == 1
    for ours, theirs in (
        (taken(columns, odd), ARRAY[:, odd]),
        (taken(taken(columns, odd), np.array([4, 0])), ARRAY[:, [9, 1]]),
        (rows_of(columns, np.array([5, 1])), ARRAY[[5, 1]]),
        (rows_of(columns, np.arange(6) > 3), ARRAY[4:]),
        (mapped(columns, 6, lambda some, at: some + np.arange(23)[at]), ARRAY + np.arange(23)),
        (side_by_side([ARRAY[:, :2], columns, ARRAY[:, 7:8]]), np.hstack([ARRAY[:, :2], ARRAY, ARRAY[:, 7:8]])),
    ):  # fmt: skip
        assert isinstance(ours, Columns)
        np.testing.assert_allclose(np.asarray(ours), theirs, rtol=1e-12)
        np.testing.assert_allclose(ours[:, [1, 0]], theirs[:, [1, 0]], rtol=1e-12)
    np.testing.assert_allclose(per_column(columns, lambda some: some.mean(axis=0)), ARRAY.mean(axis=0))


def test_an_array_is_one_part_and_columns_are_tiles(columns: Columns) -> None:
    assert list(parts(ARRAY)) == [slice(0, 23)]
    assert [at.start for at in parts(columns)] == [0, 4, 8, 12, 16, 20]
    assert per_column(taken(columns, np.array([], int)), lambda some: some.sum(axis=0)).shape == (0,)


def test_few_are_kept_in_memory(columns: Columns) -> None:
    assert isinstance(kept(columns), np.ndarray)
    assert isinstance(kept(Columns((1, KEPT + 1), lambda at: at[None])), Columns)


def test_columns_of_a_file_are_read_a_few_rows_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connect.tables.MAPPED", 4)
    np.save(tmp_path / "a.npy", ARRAY.astype(np.float32))
    found = read_stored(tmp_path / "a.npy")
    np.testing.assert_array_equal(np.asarray(found), ARRAY.astype(np.float32))
    assert found[:, SOME].dtype == np.float64
