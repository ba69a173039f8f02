"""File formats: written aside and renamed, read back as they were."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from connect.errors import UserError
from connect.tables import (
    WORDS,
    Column,
    read_array,
    read_columns,
    read_header,
    read_matrix,
    read_record,
    read_table,
    write_array,
    write_matrix,
    write_record,
    write_table,
    written,
)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# --- written aside -------------------------------------------------------------------------------------------------


def test_a_file_appears_only_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.tsv"
    with written(path) as aside:
        aside.write_text("half")
        assert not path.exists()
        assert aside.suffix == ".tsv"
    assert path.read_text() == "half"
    assert names(path.parent) == ["a.tsv"]


@pytest.mark.parametrize("old", [None, "old"])
def test_a_failing_writer_leaves_what_was_there(tmp_path: Path, old: str | None) -> None:
    path = tmp_path / "a.tsv"
    if old:
        path.write_text(old)

    def fail() -> None:
        with written(path) as aside:
            aside.write_text("half")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert names(tmp_path) == (["a.tsv"] if old else [])
    assert not old or path.read_text() == old


@pytest.mark.parametrize("fails", [False, True])
def test_a_folder_is_replaced_as_a_whole(tmp_path: Path, fails: bool) -> None:
    path = tmp_path / "scan"
    path.mkdir()
    (path / "old").touch()

    def write() -> None:
        with written(path) as aside:
            aside.mkdir()
            (aside / "new").touch()
            if fails:
                raise KeyError

    if fails:
        with pytest.raises(KeyError):
            write()
    else:
        write()
    assert names(path) == (["old"] if fails else ["new"])
    assert names(tmp_path) == ["scan"]


def test_a_writer_that_writes_nothing_is_an_error(tmp_path: Path) -> None:
    def write() -> None:
        with written(tmp_path / "a"):
            pass

    with pytest.raises(FileNotFoundError):
        write()


@pytest.mark.parametrize(
    ("write", "bad"),
    [
        (write_record, {"a": object()}),
        (lambda path, bad: write_matrix(path, bad, ["a"]), np.array([1.0, 2.0])),
        (write_array, np.array(["a"])),
    ],
)
def test_every_format_is_written_aside(tmp_path: Path, write: Callable[[Path, object], None], bad: object) -> None:
    path = tmp_path / "a"
    path.write_text("old")
    with pytest.raises((TypeError, ValueError)):
        write(path, bad)
    assert names(tmp_path) == ["a"]
    assert path.read_text() == "old"


# --- tables --------------------------------------------------------------------------------------------------------


def test_table_there_and_back(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    frame = pd.DataFrame(
        {
            "participant_id": ["01", "02", "03"],
            "value": [0.1, np.nan, 1e-300],
            "count": [1, 2, 3],
            "word": ["a b", None, "NA"],
        }
    )
    write_table(path, frame)
    assert path.read_text() == (
        "participant_id\tvalue\tcount\tword\n01\t0.1\t1\ta b\n02\tn/a\t2\tn/a\n03\t1e-300\t3\tNA\n"
    )
    found = read_table(path, ["participant_id", "value"])
    pd.testing.assert_frame_equal(found, frame, check_dtype=False)
    assert list(found["participant_id"]) == ["01", "02", "03"]
    first = path.read_bytes()
    write_table(path, found)
    assert path.read_bytes() == first


def test_names_stay_text(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    path.write_text("participant_id\tsession_id\trun\tscan\tparcel\tvalue\n01\t02\t03\t4\t5\t06\n")
    assert read_table(path).iloc[0].tolist() == ["01", "02", "03", "4", "5", 6]


def test_table_with_a_sidecar(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    write_table(path, pd.DataFrame({"fd": [0.1]}), {"fd": Column("mean framewise displacement", "mm")})
    assert json.loads(path.with_suffix(".json").read_text()) == {
        "fd": {"Description": "mean framewise displacement", "Units": "mm"}
    }
    write_table(path, pd.DataFrame({"scan": ["a"]}), {"scan": Column("its name", WORDS)})
    assert json.loads(path.with_suffix(".json").read_text()) == {"scan": {"Description": "its name"}}
    with pytest.raises(ValueError, match="described"):
        write_table(path, pd.DataFrame({"fd": [0.1], "x": [1]}), {"fd": Column("f", "mm")})


@pytest.mark.parametrize(
    ("content", "must"),
    [(None, "a table"), (b"", "a tab-separated table"), (b"a\tb\n1\t2\n1\t2\t3\t4\n", "a tab-separated table")],
)
def test_no_table(tmp_path: Path, content: bytes | None, must: str) -> None:
    path = tmp_path / "a.tsv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        read_table(path)
    assert caught.value.must == must


def test_table_in_another_encoding(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    path.write_bytes("name\nMüller\n".encode("latin-1"))
    with pytest.raises(UserError, match="tab-separated"):
        read_table(path)


def test_table_without_a_required_column(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    path.write_text("participant\tage\nsub-01\t3\n")
    with pytest.raises(UserError, match="did you mean `participant`"):
        read_table(path, ["participant_id"])


# --- matrices, arrays, records -------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_matrix_keeps_every_digit(tmp_path: Path, dtype: type) -> None:
    values = np.random.default_rng(1).normal(size=(5, 3)).astype(dtype) * 1e-7
    values[1, 2] = np.nan
    write_matrix(tmp_path / "a.tsv", values, ["x", "y", "z"])
    assert (tmp_path / "a.tsv").read_text().splitlines()[2].endswith("\tn/a")
    np.testing.assert_array_equal(read_matrix(tmp_path / "a.tsv").astype(dtype), values)


@pytest.mark.parametrize("shape", [(0, 3), (1, 1), (4, 1), (1, 4)])
def test_matrix_keeps_its_shape(tmp_path: Path, shape: tuple[int, int]) -> None:
    write_matrix(tmp_path / "a.tsv", np.ones(shape), list("abcd"[: shape[1]]))
    assert read_matrix(tmp_path / "a.tsv").shape == shape


def test_numbers_are_read_to_the_last_digit(tmp_path: Path) -> None:
    """What reads them fast must round as `float` does: hard cases, and random bits."""
    rng = np.random.default_rng(2)
    values = rng.integers(0, 2**63, size=30_000, dtype=np.int64).view(np.float64)
    values = np.r_[
        values[np.isfinite(values)], rng.normal(size=10_000), 0.1 + 0.2, 5e-324, 1.7976931348623157e308, 1e23
    ]
    values = values[: len(values) // 4 * 4].reshape(-1, 4)
    write_matrix(tmp_path / "a.tsv", values, list("abcd"))
    np.testing.assert_array_equal(read_matrix(tmp_path / "a.tsv"), values)
    np.testing.assert_array_equal(read_columns(tmp_path / "a.tsv", ["d", "b"]), values[:, [3, 1]])


def test_a_matrix_may_be_changed_after_it_was_read(tmp_path: Path) -> None:
    write_matrix(tmp_path / "a.tsv", np.ones((2, 2)), ["x", "y"])
    values = read_matrix(tmp_path / "a.tsv")
    values[0, 0] = 5
    assert values.sum() == 8


@pytest.mark.parametrize("text", ["x\ty\n1\t2\n3\n", "x\ty\n1\t2\t3\n1\t2\n", "x\ty\n1\t2\n1\tmany\n"])
def test_no_matrix(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.tsv").write_text(text)
    with pytest.raises(UserError):
        read_matrix(tmp_path / "a.tsv")


def test_columns_of_numbers(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    path.write_text("name\tx\ty\none\t1.5\tn/a\ntwo\tn/a\t-2e3")
    assert read_header(path) == ["name", "x", "y"]
    np.testing.assert_array_equal(read_columns(path, ["y", "x"]), [[np.nan, 1.5], [-2000, np.nan]])
    with pytest.raises(UserError, match="'one'"):
        read_columns(path, ["name"])
    with pytest.raises(UserError, match="the column `z`"):
        read_columns(path, ["z"])


@pytest.mark.parametrize(("content", "must"), [(None, "a table"), (b"M\xfcller\n1\n", "a tab-separated table")])
def test_no_header(tmp_path: Path, content: bytes | None, must: str) -> None:
    path = tmp_path / "a.tsv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        read_header(path)
    assert caught.value.must == must


def test_array_is_float32_and_memory_mapped(tmp_path: Path) -> None:
    values = np.random.default_rng(1).normal(size=(6, 4))
    values[0, 0] = np.nan
    write_array(tmp_path / "a.npy", values[:, ::2])
    found = read_array(tmp_path / "a.npy")
    assert isinstance(found, np.memmap)
    assert found.dtype == np.float32
    assert found.flags.c_contiguous
    assert not found.flags.writeable
    np.testing.assert_array_equal(found, values[:, ::2].astype(np.float32))


def test_array_refuses_pickles(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match="Python objects"):
        read_array(tmp_path / "a.npy")


def test_record_there_and_back(tmp_path: Path) -> None:
    record = {"name": "Müller", "values": [1, 2.5, None], "inner": {"b": 1, "a": True}}
    write_record(tmp_path / "a.json", record)
    assert read_record(tmp_path / "a.json") == record
    assert "Müller" in (tmp_path / "a.json").read_text(encoding="utf-8")
    assert list(read_record(tmp_path / "a.json")["inner"]) == ["b", "a"]


@pytest.mark.parametrize(
    ("content", "must"),
    [(None, "a JSON file"), (b"{", "valid JSON"), (b"[1]", "a JSON object"), (b'{"a": "\xff"}', "valid JSON")],
)
def test_no_record(tmp_path: Path, content: bytes | None, must: str) -> None:
    path = tmp_path / "a.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        read_record(path)
    assert caught.value.must == must
