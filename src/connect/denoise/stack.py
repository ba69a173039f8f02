"""Put cleaned scans one below the other, each written as it comes: only one is in memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from connect.errors import UserError
from connect.tables import Array, Matrix

QUALITY = ("mean_fd", "max_fd", "fd_above_02", "fd_above_05", "mean_dvars", "max_std_dvars", "tsnr")
"""Numbers that are passed on from the quality record of the parcellate stage."""

ROWS = (
    *("participant_id", "session_id", "run", "scan", "start", "stop", "n_volumes", "n_kept", "minutes", "tdof"),
    *("n_confounds", *QUALITY, "coverage", "fd_dvars", "tr", "scanner", "unusable"),
)
"""Columns of the table of rows.

`start` and `stop` are the scan's range in the stacked series, equal if it has none; `minutes` are left after censoring,
`tdof` after denoising; FD is in mm before censoring, and `fd_above_02` and `fd_above_05` are the shares of volumes with
more than 0.2 and 0.5 mm; `coverage` is the mean over parcels; `fd_dvars` is how much of the motion is left
(:func:`connect.denoise.clean.fd_dvars`); `tr` is in s; `unusable` says why.
"""


@dataclass(frozen=True)
class Denoised:
    """One scan: its entries of the table of rows, and arrays unless it is unusable.

    Attributes
    ----------
    entries
        Columns of :data:`ROWS` as far as they are known.
    series
        Cleaned series ``(n_kept, n_parcels)``, float32.
    coverage
        Covered share of each parcel ``(n_parcels,)``; NaN where cleaning leaves no signal of a covered parcel.
    parcels
        Names of the parcels.
    volumes
        Which volumes of the scan the rows of ``series`` are ``(n_kept,)``, counted from 0.
    """

    entries: dict[str, Any]
    series: np.ndarray | None = None
    coverage: np.ndarray | None = None
    parcels: tuple[str, ...] = ()
    volumes: np.ndarray | None = None


class Stack:
    """Scans one below the other, added in the order of the scans table.

    Parameters
    ----------
    series
        Takes the series ``(n_kept of all scans, n_parcels)``.
    volumes
        Takes which volume of its scan each of these rows is ``(n_kept of all scans, 1)``.
    coverage
        Takes the coverage ``(n_scans, n_parcels)``; NaN for unusable scans.
    strategy
        Name of the strategy, for error messages.
    """

    def __init__(self, series: Array, volumes: Matrix, coverage: Matrix, strategy: str) -> None:
        self.series, self.volumes, self.coverage, self.strategy = series, volumes, coverage, strategy
        self.volumes.head(["volume"])
        self.entries: list[dict[str, Any]] = []
        self.first: Denoised | None = None

    def add(self, scan: Denoised) -> None:
        """Write a scan.

        Raises
        ------
        UserError
            If its parcels are not those of the scans before.
        """
        start = self.series.n_rows
        if scan.series is not None and scan.coverage is not None and scan.volumes is not None:
            self._check_parcels(scan)
            self.volumes.append(scan.volumes[:, None])
            self.series.append(scan.series)
            self.coverage.append(scan.coverage[None])
        elif self.first is not None:
            self._missing(1)
        self.entries.append({**scan.entries, "start": start, "stop": self.series.n_rows})

    def table(self) -> pd.DataFrame:
        """Return one row per scan with the columns :data:`ROWS`.

        Raises
        ------
        UserError
            If no scan is usable.
        """
        if self.first is None:
            # A scan whose kept volumes were counted is whole in itself: the strategy leaves too little of it.
            spent = [entries for entries in self.entries if "n_kept" in entries]
            where, todo = "scans table", "mend the scans, or leave the cohort out"
            if spent:
                where = f"strategy {self.strategy}"
                todo = "censor less, regress fewer confounds out, or leave the strategy out"
            got = f"all {len(self.entries)} unusable; the first is {(spent or self.entries)[0]['unusable']}"
            raise UserError(where, "at least one usable scan", got, todo)
        return pd.DataFrame(self.entries, columns=list(ROWS))

    def _check_parcels(self, scan: Denoised) -> None:
        if self.first is None:
            self.first = Denoised(scan.entries, parcels=scan.parcels)
            self.coverage.head(scan.parcels)
            self._missing(len(self.entries))
        elif scan.parcels != self.first.parcels:
            where, must = (
                scan.entries["scan"],
                f"the parcels of {self.first.entries['scan']} ({len(self.first.parcels)})",
            )
            raise UserError(where, must, f"{len(scan.parcels)} parcels, or others", "parcellate both scans again")

    def _missing(self, n_scans: int) -> None:
        """Write rows of scans without coverage, once it is known how many parcels there are."""
        if self.first is not None:
            self.coverage.append(np.full((n_scans, len(self.first.parcels)), np.nan))
