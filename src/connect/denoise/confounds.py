"""Read what a denoising strategy takes out of one scan: confounds and censored volumes of an fMRIPrep confounds table.

Which columns those are says :mod:`connect.denoise.columns`, and which volumes stay :mod:`connect.denoise.volumes`. Only
the columns that are used are read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from connect.denoise.columns import DVARS, FD, chosen, held, limited, missing, non_steady, outdated
from connect.denoise.volumes import kept_volumes
from connect.errors import UnusableScan, UserError
from connect.settings.strategy import Strategy
from connect.tables import read_columns, read_header, read_record

_NAME = re.compile(r"_desc-confounds_(timeseries|regressors)\.tsv$")
_AGAIN = "copy the table again, or run fMRIPrep again for this scan"


@dataclass(frozen=True)
class Confounds:
    """What is taken out of a scan.

    Attributes
    ----------
    matrix
        Confounds ``(n_volumes, n_confounds)``.
    names
        Their columns in the confounds table.
    kept
        Which volumes are kept ``(n_volumes,)``, boolean.
    fd
        Framewise displacement in mm ``(n_volumes,)``; NaN where the table has none.
    """

    matrix: np.ndarray
    names: tuple[str, ...]
    kept: np.ndarray
    fd: np.ndarray


def read_confounds(path: Path, strategy: Strategy, n_volumes: int | None = None) -> Confounds:
    """Read the confounds and censored volumes of a scan.

    Parameters
    ----------
    path
        fMRIPrep confounds table, ``..._desc-confounds_timeseries.tsv`` (``regressors`` before 20.2); CompCor also needs
        its JSON sidecar.
    strategy
        Which confounds, and the censoring.
    n_volumes
        Number of volumes of the image; None if it is not known.

    Returns
    -------
    Confounds
        A confound without a value in the first row, as derivatives are, has that of the second there.

    Raises
    ------
    UserError
        If the table, its sidecar or a column that the strategy needs is missing.
    UnusableScan
        If the table is empty or has not a row per volume, a confound has no value in a kept volume, a value is no
        number, or there is no value at all to censor by.
    """
    if not _NAME.search(path.name):
        must = "named `..._desc-confounds_timeseries.tsv` (or `_regressors.tsv`), as fMRIPrep does"
        raise UserError(path, must, path.name, "correct the name of the file, and index the folder again")
    columns = read_header(path)
    if columns == [""]:
        raise UnusableScan(path, "a confounds table", "an empty file", _AGAIN)
    names = columns_of(path, columns, strategy)
    others = [name for name in (FD, DVARS, *non_steady(columns)) if name in columns]
    table = _read(path, [*names, *others], columns)
    if n_volumes is not None and len(table) != n_volumes:
        raise UnusableScan(path, f"as many rows as the image has volumes ({n_volumes})", f"{len(table)} rows", _AGAIN)
    matrix = _first_row_filled(table[:, : len(names)])
    known = dict(zip(others, table[:, len(names) :].T, strict=True))
    none = np.full(len(table), np.nan)
    fd, marks = known.get(FD, none), [none, *(known[name] for name in non_steady(columns))]
    unsteady: np.ndarray = np.any(np.array(marks) > 0, axis=0)
    _check_limits(path, known, strategy)
    kept = kept_volumes(unsteady, fd, known.get(DVARS, none), strategy)
    gaps = ~np.isfinite(matrix[kept]).all(axis=0)
    if gaps.any():
        got = f"missing values in {', '.join(np.array(names)[gaps])}"
        raise UnusableScan(path, "a number in each kept volume", got, _AGAIN)
    return Confounds(matrix, tuple(names), kept, fd)


def columns_of(path: Path, columns: Sequence[str], strategy: Strategy) -> list[str]:
    """Return the columns that a strategy regresses out of a table.

    Parameters
    ----------
    path
        The table.
    columns
        All of its columns.
    strategy
        Which confounds, and the censoring.

    Raises
    ------
    UserError
        If a column that the strategy needs is missing, or the sidecar that says what each CompCor component is.
    """
    if old := outdated(columns):
        got = f"{', '.join(old[:3])}, as fMRIPrep 1.1 and older named its columns"
        raise UserError(path, "a table of fMRIPrep 1.2 or newer", got, "run a newer fMRIPrep")
    _check(path, columns, missing(columns, strategy))
    sidecar = _sidecar(path) if strategy.compcor else {}
    _check(path, columns, missing(columns, strategy, sidecar))
    return chosen(columns, strategy, sidecar)


def _check(path: Path, columns: Sequence[str], absent: Sequence[str]) -> None:
    if absent:
        has = ", ".join(held(columns)) or "none that connect knows"
        todo = (
            f"choose a strategy of groups that the table holds ({has}), or run a version of fMRIPrep that writes them"
        )
        raise UserError(path, "a table with all confounds of the strategy", f"no {'; no '.join(absent)}", todo)


def _check_limits(path: Path, known: Mapping[str, np.ndarray], strategy: Strategy) -> None:
    """Refuse a scan of which no volume has a value to censor by: nothing would be censored, and nobody would know."""
    for name in limited(strategy):
        if not np.isfinite(known[name]).any():
            raise UnusableScan(path, f"values of {name}, by which the strategy censors", "n/a in every row", _AGAIN)


def _sidecar(path: Path) -> Mapping[str, Any]:
    beside = path.with_suffix(".json")
    if not beside.is_file():
        todo = "copy it beside the table, or choose a strategy without CompCor"
        raise UserError(path, f"the sidecar {beside.name}, which says what each CompCor component is", "no file", todo)
    return read_record(beside)


def _read(path: Path, names: Sequence[str], columns: Sequence[str]) -> np.ndarray:
    """Return columns of a table; the first of all where no column is asked for, since its rows are counted."""
    try:
        return read_columns(path, names or columns[:1])
    except UserError as error:
        raise UnusableScan(error.where, error.must, error.got, error.todo) from error


def _first_row_filled(matrix: np.ndarray) -> np.ndarray:
    """Put the value of the second row where the first has none, as nilearn does; a derivative begins there."""
    filled: np.ndarray = matrix.copy()
    if len(filled) > 1:
        filled[0] = np.where(np.isnan(filled[0]), filled[1], filled[0])
    return filled
