"""A cohort, ``config/cohorts/<name>.yaml``: where its scans are, what its sessions mean, its limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from connect.config import setting
from connect.errors import UserError


@dataclass(frozen=True)
class Session:
    """What a session label stands for."""

    phase: Literal["pre", "post", "other"] = setting(
        "before or after the intervention; `other` counts only in models of all sessions and slopes per week"
    )
    condition: str = setting("condition of a within-participant design, such as drug or placebo", default="")
    weeks: float | str | None = setting(
        "time since the first session, or the participants' column that holds it", default=None, unit="weeks"
    )


@dataclass(frozen=True)
class Limits:
    """Which scans are good enough to be analysed."""

    mean_fd: float = setting("largest mean framewise displacement (Power)", default=0.5, unit="mm", minimum=0)
    minutes: float = setting("least time left after censoring", default=4.0, unit="min", minimum=0)
    tdof: float = setting("fewest temporal degrees of freedom left after denoising", default=10.0, minimum=1)
    coverage: float = setting(
        "least share of a parcel inside the brain mask; below it the parcel is missing in that scan",
        default=0.5, minimum=0, maximum=1,
    )  # fmt: skip
    parcels_missing: float = setting("largest share of missing parcels", default=0.1, minimum=0, maximum=1)


@dataclass(frozen=True)
class Cohort:
    """A group of participants with scans before and after an intervention."""

    title: str = setting("name for the report")
    derivatives: Path = setting("fMRIPrep folder; the paths of the scans table are relative to it")
    participants: Path = setting("BIDS participants.tsv")
    sessions: Mapping[str, Session] = setting("session label (without `ses-`): what it stands for")
    limits: Limits = setting("limits of the screen stage", default=Limits())
    source: str = setting("citation or address of the data", default="")
    models: tuple[str, ...] = setting(
        "models that answer the cohort's question, the primary one first; the plan may name others", default=()
    )
    keep_images: bool = setting(
        "whether fetched images stay on disk; with `false` each is deleted once it is parcellated, and fetched again if"
        " a new atlas needs it. Files that were not fetched are never deleted",
        default=True,
    )

    def __post_init__(self) -> None:
        if not self.sessions:
            must = "the sessions before and after"
            raise UserError(
                "key sessions",
                must,
                "none",
                "write `label: {phase: pre}` for each; data without sessions cannot show a change",
            )
        meanings = [(session.phase, session.condition) for session in self.sessions.values()]
        for meaning in meanings:
            if meanings.count(meaning) > 1 and meaning[0] != "other":
                must = "each phase once per condition"
                got = f"phase `{meaning[0]}`, condition `{meaning[1]}` twice"
                raise UserError(
                    "key sessions", must, got, "leave out the sessions that are not compared, or name conditions"
                )

    @property
    def conditions(self) -> tuple[str, ...]:
        """The conditions in the order of the file; one empty name for a plain pre/post cohort."""
        return tuple(dict.fromkeys(session.condition for session in self.sessions.values()))
