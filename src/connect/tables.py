"""Every file format between two stages: tables (TSV), records (JSON), arrays (.npy), each written aside and renamed."""

from __future__ import annotations

import io
import json
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

import numpy as np

from connect.columns import Columns
from connect.errors import UserError
from connect.scans import MISSING, check_columns

if TYPE_CHECKING:
    import pandas as pd

WORDS = "text"
"""The unit of a column of words, which has none."""

MAPPED = 256
"""Rows of a large array that are mapped at once: pages of a file that stays mapped count as memory."""

TEXT = ("run", "scan", "scanner", "parcel", "name", "network", "region")
"""Columns of names, which stay as they are written even where they look like numbers."""


class Column(NamedTuple):
    """What a column of a table, or a key of a record, means.

    Attributes
    ----------
    about
        In words.
    unit
        Unit, or range of what has none; :data:`WORDS` of words.
    only
        Which tables have the column, if not all.
    """

    about: str
    unit: str
    only: str = ""

    def sidecar(self) -> dict[str, str]:
        """Return how BIDS describes the column in the JSON file of a table."""
        return {"Description": self.about} | ({} if self.unit == WORDS else {"Units": self.unit})


@contextmanager
def written(path: Path) -> Iterator[Path]:
    """Give a temporary path beside ``path`` and rename it to ``path`` when the block ends without an error.

    A killed or failed job thus never leaves a partial file under its final name. The temporary path keeps the
    extension; a folder may be written the same way.

    Raises
    ------
    UserError
        If a file stands where a folder must be, or the other way round.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise UserError(path.parent, "a folder", "a file, or a path through one", "choose another path") from error
    aside = path.with_name(f".{secrets.token_hex(6)}.{path.name}")
    try:
        yield aside
        if aside.is_dir() and path.is_dir():
            shutil.rmtree(path)
        elif path.exists() and path.is_dir() != aside.is_dir():
            must, got = ("a folder", "a file") if aside.is_dir() else ("a file", "a folder")
            raise UserError(path, must, got, "choose another path")
        aside.replace(path)
    finally:
        if aside.is_dir():
            shutil.rmtree(aside)
        else:
            aside.unlink(missing_ok=True)


def read_table(path: Path, required: Sequence[str] = ()) -> pd.DataFrame:
    """Read a TSV with ``n/a`` as missing; ``*_id`` columns and those of :data:`TEXT` stay text.

    Raises
    ------
    UserError
        If the file is missing, is no table, or lacks a required column.
    """
    import pandas as pd

    try:
        header = pd.read_csv(path, sep="\t", nrows=0).columns
        text = {column: str for column in header if column.endswith("_id") or column in TEXT}
        frame = pd.read_csv(path, sep="\t", na_values=[MISSING], keep_default_na=False, dtype=text)
    except OSError as error:
        raise UserError(path, "a table", error.strerror, "correct the path") from error
    except (ValueError, pd.errors.ParserError) as error:
        raise UserError(path, "a tab-separated table", error, "correct the file") from error
    check_columns(path, list(frame.columns), required)
    return frame


def write_table(path: Path, frame: pd.DataFrame, columns: Mapping[str, Column] | None = None) -> None:
    """Write a TSV with ``n/a`` for missing values and nine significant digits.

    Parameters
    ----------
    path
        The table.
    frame
        Its rows; the index is not written.
    columns
        What each column means. When given, it must name exactly the columns of ``frame`` and is
        written beside the table as a JSON sidecar.
    """
    if columns is not None:
        if list(columns) != list(frame.columns):
            raise ValueError(f"columns of {path.name}: described {list(columns)}, written {list(frame.columns)}")
        write_record(path.with_suffix(".json"), {name: column.sidecar() for name, column in columns.items()})
    # Formatted here, numbers take half the time that pandas needs for them, and are the same to the last character.
    numbers = {str(name): column.tolist() for name, column in frame.items() if column.dtype.kind == "f"}
    shown = {name: [MISSING if cell != cell else f"{cell:.9g}" for cell in cells] for name, cells in numbers.items()}
    with written(path) as aside:
        frame.assign(**shown).to_csv(aside, sep="\t", index=False, na_rep=MISSING, lineterminator="\n")


def read_matrix(path: Path) -> np.ndarray:
    """Read a TSV of numbers with a header line as an array ``(n_rows, n_columns)``; ``n/a`` becomes NaN."""
    header, _, lines = path.read_text(encoding="utf-8").partition("\n")
    n_columns, n_rows = header.count("\t") + 1, lines.count("\n") + (not lines.endswith("\n") and bool(lines))
    if n_rows == 0:
        return np.empty((0, n_columns))
    # pandas parses a column of numbers in a third of the time of `float`, and to the same last digit since version 3.
    values = _numbers(path, lines.replace("\t", "\n"), header=None)[0].to_numpy(copy=True)
    if len(values) != n_rows * n_columns:
        raise UserError(path, "a value in each column of each line", "lines of unequal length", "make the file again")
    return values.reshape(n_rows, n_columns)


def read_header(path: Path) -> list[str]:
    """Read the names of the columns of a TSV.

    Raises
    ------
    UserError
        If the file is missing, or is no text.
    """
    try:
        with path.open(encoding="utf-8") as file:
            return file.readline().rstrip("\n").split("\t")
    except OSError as error:
        raise UserError(path, "a table", error.strerror, "correct the path") from error
    except UnicodeDecodeError as error:
        raise UserError(path, "a tab-separated table", error, "correct the file") from error


def read_columns(path: Path, columns: Sequence[str]) -> np.ndarray:
    """Read columns of numbers of a TSV as an array ``(n_rows, n_columns)``; ``n/a`` becomes NaN.

    Raises
    ------
    UserError
        If the file is missing, lacks a column, or has a value that is no number.
    """
    check_columns(path, read_header(path), columns)
    return _numbers(path, path.read_text(encoding="utf-8"), usecols=list(columns))[list(columns)].to_numpy()


class Matrix:
    """A TSV of numbers that grows by rows."""

    def __init__(self, file: IO[str]) -> None:
        self.file = file

    def head(self, columns: Sequence[str]) -> None:
        """Write the header."""
        self.file.write("\t".join(columns) + "\n")

    def append(self, values: np.ndarray) -> None:
        """Write further rows ``(n_rows, n_columns)``."""
        for row in values.tolist():
            self.file.write("\t".join(MISSING if cell != cell else repr(cell) for cell in row) + "\n")


@contextmanager
def matrix_written(path: Path) -> Iterator[Matrix]:
    """Give a table of numbers to append to; the file is what :func:`write_matrix` makes of all rows."""
    with written(path) as aside, aside.open("w", encoding="utf-8") as file:
        yield Matrix(file)


def write_matrix(path: Path, values: np.ndarray, columns: Sequence[str]) -> None:
    """Write an array ``(n_rows, n_columns)`` as a TSV with a header, every digit of its precision, NaN as ``n/a``."""
    with matrix_written(path) as matrix:
        matrix.head(columns)
        matrix.append(values)


def read_record(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises
    ------
    UserError
        If the file is missing or holds no JSON object.
    """
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(path, "a JSON file", error.strerror, "correct the path") from error
    except ValueError as error:
        raise UserError(path, "valid JSON", error, "correct the file") from error
    if not isinstance(record, dict):
        raise UserError(path, "a JSON object", type(record).__name__, "correct the file")
    return record


def write_record(path: Path, record: Mapping[str, Any]) -> None:
    """Write a JSON object with stable formatting; NaN becomes null, since JSON has no word for it."""
    with written(path) as aside:
        text = json.dumps(_without_nan(record), indent=2, ensure_ascii=False, allow_nan=False)
        aside.write_text(text + "\n", encoding="utf-8")


class Array:
    """An ``.npy`` array of float32 that grows by rows, so that it need not fit into memory."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file, self.n_rows, self.n_columns = file, 0, 0

    def append(self, values: np.ndarray) -> None:
        """Write further rows ``(n_rows, n_columns)``."""
        if not self.n_rows:
            self.n_columns = values.shape[1]
            self.head()
        self.n_rows += len(values)
        self.file.write(np.ascontiguousarray(values, dtype=np.float32).tobytes())

    def head(self) -> None:
        """Write the header at the start of the file; numpy makes it as long for any number of rows."""
        self.file.seek(0)
        known = {"descr": "<f4", "fortran_order": False, "shape": (self.n_rows, self.n_columns)}
        np.lib.format.write_array_header_1_0(self.file, known)


@contextmanager
def array_written(path: Path) -> Iterator[Array]:
    """Give an array to append to; the file is what :func:`write_array` makes of all rows."""
    with written(path) as aside, aside.open("wb") as file:
        array = Array(file)
        yield array
        array.head()


def read_rows(path: Path, start: int, stop: int) -> np.ndarray:
    """Read rows of an ``.npy`` array."""
    return np.array(read_array(path)[start:stop])


def read_stored(path: Path) -> Columns:
    """Return the columns of an ``.npy`` array ``(n_rows, n_columns)``, read when they are asked for."""
    n_rows, n_columns = read_array(path).shape

    def make(at: np.ndarray) -> np.ndarray:
        found = np.empty((n_rows, len(at)))
        for start in range(0, n_rows, MAPPED):
            found[start : start + MAPPED] = read_array(path)[start : start + MAPPED, at]
        return found

    return Columns((n_rows, n_columns), make)


def read_array(path: Path) -> np.ndarray:
    """Memory-map an ``.npy`` array for reading."""
    array: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
    return array


def write_array(path: Path, values: np.ndarray) -> None:
    """Write an array as float32 ``.npy``."""
    with written(path) as aside, aside.open("wb") as file:
        np.save(file, np.ascontiguousarray(values, dtype=np.float32), allow_pickle=False)


def _numbers(path: Path, text: str, **options: Any) -> pd.DataFrame:
    """Parse a TSV of numbers."""
    import pandas as pd

    options |= {"sep": "\t", "dtype": np.float64, "index_col": False, "low_memory": False, "skip_blank_lines": False}
    try:
        frame: pd.DataFrame = pd.read_csv(io.StringIO(text), **options)
    except ValueError as error:
        raise UserError(path, "a table of numbers", error, "correct the file") from error
    return frame


def _without_nan(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and np.isnan(value) else value
