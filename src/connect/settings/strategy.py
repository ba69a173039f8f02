"""A denoising strategy, ``config/strategies/<name>.yaml``: what is taken out of the parcel series."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from connect.config import setting
from connect.errors import UserError

Model = Literal["basic", "power2", "derivatives", "full"]


@dataclass(frozen=True)
class Scrub:
    """Which volumes are censored."""

    fd: float = setting("volumes with more framewise displacement are censored", unit="mm", minimum=0)
    std_dvars: float | None = setting(
        "volumes with more standardised DVARS are censored; fMRIPrep's column std_dvars, not the quality table's "
        "max_std_dvars",
        default=None,
        minimum=0,
    )
    before: int = setting("volumes censored before each flagged one", default=0, unit="volumes", minimum=0)
    after: int = setting("volumes censored after each flagged one", default=0, unit="volumes", minimum=0)
    min_segment: int = setting("shorter runs of kept volumes are censored too", default=5, unit="volumes", minimum=0)


@dataclass(frozen=True)
class Strategy:
    """Confounds, censoring and filter; the words for the confounds are those of nilearn's ``load_confounds``."""

    title: str = setting("name for figures and the report")
    motion: Model | None = setting(
        "6 head motion parameters: basic 6, power2 12, derivatives 12, full 24", default=None
    )
    wm_csf: Model | None = setting("mean signal of white matter and CSF: basic 2, full 8", default=None)
    global_signal: Model | None = setting("mean signal of the brain: basic 1, full 4", default=None)
    compcor: Literal["anat_combined", "anat_separated", "temporal"] | None = setting(
        "principal components of noise", default=None
    )
    n_compcor: int | Literal["all"] = setting(
        "number of components of each mask; all: those that fMRIPrep retained, by default half of the variance",
        default=5,
        minimum=1,
    )
    ica_aroma: bool = setting("components that ICA-AROMA took for motion (fMRIPrep before 23.1)", default=False)
    cosines: bool = setting("fMRIPrep's slow cosines (128 s), which CompCor components need", default=False)
    drop_non_steady: bool = setting("drop the first volumes that fMRIPrep marks as not in a steady state", default=True)
    dummy_scans: int = setting(
        "drop this many first volumes, besides those that fMRIPrep marks", default=0, unit="volumes", minimum=0
    )
    scrub: Scrub | None = setting("censor volumes with motion", default=None)
    detrend: bool = setting("remove a linear trend", default=True)
    high_pass: float | None = setting(
        "lower edge of the filter (Butterworth, 5th order)", default=0.008, unit="Hz", minimum=0
    )
    low_pass: float | None = setting("upper edge of the filter", default=0.1, unit="Hz", minimum=0)
    standardize: bool = setting("scale each parcel to mean 0 and SD 1", default=True)
    source: str = setting("citation", default="")

    def __post_init__(self) -> None:
        if self.compcor and not self.cosines:
            raise UserError(
                "key compcor", "CompCor together with `cosines: true`", "cosines: false", "set `cosines: true`"
            )
        if self.cosines and self.high_pass:
            must = "one high-pass: the cosines or the filter"
            raise UserError("key high_pass", must, f"cosines and {self.high_pass} Hz", "write `high_pass: null`")
        if self.low_pass == 0:
            raise UserError("key low_pass", "above 0 Hz", "0 Hz", "write `low_pass: null` for no upper edge")
        if self.high_pass and self.low_pass and self.high_pass >= self.low_pass:
            got = f"{self.high_pass} Hz and {self.low_pass} Hz"
            raise UserError("key high_pass", "less than low_pass", got, "exchange or correct the two edges")
