"""Read what a denoising strategy takes out of one scan: confounds and censored volumes of an fMRIPrep confounds table.

The choice of columns is nilearn's ``load_confounds`` (Wang et al. 2024, PLoS Comput Biol 20:e1011942), which knows the
generations of fMRIPrep since 1.2. Volumes before the steady state are dropped unless a strategy says otherwise.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from nilearn.interfaces.fmriprep import load_confounds

from connect.errors import UnusableScan, UserError
from connect.settings.strategy import Strategy
from connect.tables import read_table

_NAME = re.compile(r"_desc-confounds_(timeseries|regressors)\.tsv$")

_BASES = {
    "motion": ("trans_x", "trans_y", "trans_z", "rot_x", "rot_y", "rot_z"),
    "wm_csf": ("csf", "white_matter"),
    "global_signal": ("global_signal",),
}
_SUFFIXES = {
    "basic": ("",),
    "power2": ("", "_power2"),
    "derivatives": ("", "_derivative1"),
    "full": ("", "_derivative1", "_power2", "_derivative1_power2"),
}
# nilearn reads both columns whenever it censors, also where no DVARS limit is set.
_SCRUB = ("framewise_displacement", "std_dvars")


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
    """

    matrix: np.ndarray
    names: tuple[str, ...]
    kept: np.ndarray


def read_confounds(path: Path, strategy: Strategy) -> Confounds:
    """Read the confounds and censored volumes of a scan.

    Parameters
    ----------
    path
        fMRIPrep confounds table, ``..._desc-confounds_timeseries.tsv`` (``regressors`` before 20.2); CompCor also needs
        its JSON sidecar.
    strategy
        Which confounds, and the censoring.

    Raises
    ------
    UserError
        If the table, its sidecar or a column that the strategy needs is missing.
    UnusableScan
        If a confound has no value in a kept volume.
    """
    n_volumes = _check_table(path, strategy)
    # nilearn finds the table from the name of the image; the name made from the table's leads to this table only.
    image = path.with_name(_NAME.sub("_desc-preproc_bold.nii.gz", path.name))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            frame, mask = load_confounds(str(image), **_arguments(strategy))
    except (ValueError, KeyError) as error:
        must = "a confounds table and sidecar of fMRIPrep 1.2 or newer (CompCor: 1.4), one per scan"
        raise UserError(path, must, " ".join(str(error).split()), "correct the table or its folder") from error
    drop = strategy.drop_non_steady and mask is not None
    kept = np.isin(np.arange(n_volumes), mask) if drop else np.ones(n_volumes, dtype=bool)
    names = () if frame is None else tuple(frame.columns)
    matrix = np.empty((n_volumes, 0)) if frame is None else frame.to_numpy(dtype=np.float64)
    gaps = ~np.isfinite(matrix[kept]).all(axis=0)
    if gaps.any():
        got = f"missing values in {', '.join(np.array(names)[gaps])}"
        raise UnusableScan(path, "a number in each kept volume", got, "run fMRIPrep again for this scan")
    return Confounds(matrix, names, kept)


def _arguments(strategy: Strategy) -> dict[str, Any]:
    """Return the arguments of nilearn's ``load_confounds`` that a strategy stands for."""
    chosen: dict[str, Any] = {key: getattr(strategy, key) for key in (*_BASES, "compcor") if getattr(strategy, key)}
    groups = [*chosen, *(["high_pass"] if strategy.cosines else []), *(["scrub"] if strategy.scrub else [])]
    if strategy.scrub:
        limit = strategy.scrub.std_dvars
        chosen |= {"scrub": strategy.scrub.min_segment, "fd_threshold": strategy.scrub.fd}
        chosen |= {"std_dvars_threshold": np.inf if limit is None else limit}
    return {**chosen, "strategy": tuple(groups), "n_compcor": strategy.n_compcor, "demean": False}


def _check_table(path: Path, strategy: Strategy) -> int:
    """Return the number of volumes of a confounds table that holds all that a strategy needs."""
    if not _NAME.search(path.name):
        must = "named `..._desc-confounds_timeseries.tsv` (or `_regressors.tsv`), as fMRIPrep does"
        raise UserError(path, must, path.name, "correct the name of the file, and index the folder again")
    table = read_table(path)
    missing = list(_missing(list(table.columns), strategy))
    if missing:
        held = ", ".join(_groups(list(table.columns))) or "none that connect knows"
        todo = f"choose a strategy of groups that the table holds ({held}), or run a newer fMRIPrep"
        raise UserError(path, "a table with all confounds of the strategy", f"no {'; no '.join(missing)}", todo)
    sidecar = path.with_suffix(".json")
    if strategy.compcor and not sidecar.is_file():
        todo = "copy it beside the table, or choose a strategy without CompCor"
        raise UserError(path, f"the sidecar {sidecar.name}, which says what each CompCor component is", "no file", todo)
    return len(table)


def _missing(columns: Sequence[str], strategy: Strategy) -> Iterator[str]:
    """Yield what a strategy needs and a table lacks, group by group, with the columns."""
    for group, bases in _BASES.items():
        model = getattr(strategy, group)
        wanted = [f"{base}{suffix}" for base in bases for suffix in _SUFFIXES[model]] if model else []
        absent = [column for column in wanted if column not in columns]
        if absent:
            yield f"{group} `{model}` ({', '.join(absent)})"
    found = _groups(columns)
    if strategy.cosines and "cosines" not in found:
        yield "cosines (cosine00, ...)"
    if strategy.compcor and "compcor" not in found:
        yield f"compcor `{strategy.compcor}` (a_comp_cor_00, ...)"
    absent = [column for column in _SCRUB if strategy.scrub and column not in columns]
    if absent:
        yield f"scrub ({', '.join(absent)})"


def _groups(columns: Sequence[str]) -> list[str]:
    """Return the groups of confounds of which a table holds at least the basic columns."""
    found = [group for group, bases in _BASES.items() if set(bases) <= set(columns)]
    found += ["cosines"] if any(column.startswith("cosine") for column in columns) else []
    found += ["compcor"] if any("_comp_cor_" in column for column in columns) else []
    return found + (["scrub"] if set(_SCRUB) <= set(columns) else [])
