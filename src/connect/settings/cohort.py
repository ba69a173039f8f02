"""A cohort, ``config/cohorts/<name>.yaml``: where its scans are, what its sessions mean, its limits."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from connect.config import setting, suggest
from connect.errors import UserError

NATIVE = ("T1w", "T2w", "anat", "boldref", "func")
"""Spaces of a single brain, which fMRIPrep may be asked for but in which no atlas is valid."""

RESERVED = (
    *("--participant-label", "--participant_label", "--output-spaces", "-w", "--work-dir", "--notrack"),
    *("--nprocs", "--nthreads", "--n_cpus", "--n-cpus", "--mem", "--mem_mb", "--mem-mb", "--fs-license-file"),
    *("--level", "--anat-only", "--output-layout", "--echo-idx", "--reports-only", "--boilerplate-only"),
)
"""Flags of fMRIPrep that the rule sets, and those with which other files would be written than are expected."""

SESSION = "session"
"""What the BIDS entity `ses` is called in a selection."""

TELLING = (SESSION, "task", "acq", "ce", "rec", "dir", "run", "echo")
"""Entities of an image by which a selection chooses, and by which it tells sessions apart."""


@dataclass(frozen=True)
class Selection:
    """Which images are scans of the cohort, and what tells its sessions apart. `connect index` reads it."""

    space: str = setting("space in fMRIPrep's notation, such as `MNI152NLin6Asym:res-2`", default="")
    only: Mapping[str, tuple[str | int, ...]] = setting(
        "entity (`task`, `run`, `dir`, ...): the labels to keep; images without the entity are left out too, unless "
        "`n/a` is among them",
        default={},
    )  # fmt: skip
    sessions_by: tuple[str, ...] = setting(
        "what tells sessions apart: entities, and columns of `sub-*_sessions.tsv`; their labels are joined",
        default=(SESSION,),
    )

    def __post_init__(self) -> None:
        for entity in self.only:
            if entity not in TELLING:
                must = f"one of: {', '.join(TELLING)}"
                raise UserError("key only", must, f"`{entity}`", f"choose one{suggest(entity, TELLING)}")
        if not self.sessions_by:
            raise UserError("key sessions_by", "at least one name", "none", "write `[session]`, or leave the key out")

    def labels(self, entity: str) -> tuple[str, ...]:
        """Return the labels to keep of an entity as text, or none if any will do."""
        return tuple(str(label) for label in self.only.get(entity, ()))


@dataclass(frozen=True)
class Session:
    """What a session label stands for."""

    phase: Literal["pre", "post", "other"] = setting(
        "before or after the intervention; `other` counts only in models of all sessions and slopes per week"
    )
    condition: str = setting("condition of a within-participant design, such as drug or placebo", default="")
    weeks: float | str | None = setting(
        "time since the first session, or the participants' column that holds it; without it, from `dates`",
        default=None, unit="weeks",
    )  # fmt: skip


@dataclass(frozen=True)
class Dates:
    """Where the dates of sessions are: ISO 8601, with or without the time of the day. Only differences count."""

    file: str = setting(
        "table of sessions, relative to the folder of the participants table; `{participant}` stands for the label "
        "(sub-01), without it one table has a column participant_id",
        default="{participant}/{participant}_sessions.tsv",
    )
    column: str = setting("column of the dates", default="acq_time")
    session_id: str = setting("column of the session labels, with or without `ses-`", default="session_id")

    def __post_init__(self) -> None:
        if not self.file or re.search(r"[{}]", self.file.replace("{participant}", "")):
            must = "a path that holds no other braces than `{participant}`"
            raise UserError("key file", must, self.file or "nothing", "correct it")

    @property
    def for_each(self) -> bool:
        """Whether each participant has a table of their own."""
        return "{participant}" in self.file

    def path(self, folder: Path, participant: str) -> Path:
        """Return the table of a participant such as ``sub-01``; ``folder`` holds the participants table."""
        return Path(os.path.normpath(folder / self.file.replace("{participant}", participant)))


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
class Column:
    """Where the values of a new column of the participants come from."""

    column: str = setting("column of the file; without a file, of the participants table or of those listed above it")
    file: Path | None = setting("table with `participant_id`, if not the participants table", default=None)
    session: str = setting("whose rows count in a table with `session_id` (without `ses-`)", default="")
    minus: str = setting("column of the same table that is subtracted", default="")

    def __post_init__(self) -> None:
        if self.session and self.file is None:
            todo = "add `file:`, or take `session` out"
            raise UserError("key session", "the session of a table that `file` names", self.session, todo)


@dataclass(frozen=True)
class Preprocess:
    """How fMRIPrep makes the derivatives of a cohort of raw scans; the rule `preprocess` runs it."""

    raw: Path = setting("raw BIDS folder")
    space: str = setting(
        "standard space and resolution of the derivatives, as `--output-spaces` takes it",
        default="MNI152NLin2009cAsym:res-2",
    )
    arguments: str = setting("further arguments of fMRIPrep, such as `--fs-no-reconall`", default="")

    def __post_init__(self) -> None:
        if not re.fullmatch(r"(?!fs)[A-Za-z0-9]+(:(cohort|res)-[A-Za-z0-9]+)*", self.space) or self.space in NATIVE:
            must = "one standard space of volumes, such as `MNI152NLin2009cAsym:res-2`"
            raise UserError("key space", must, self.space, "choose one that the atlases have")
        try:
            words = shlex.split(self.arguments)
        except ValueError as error:
            raise UserError("key arguments", "words as a shell reads them", error, "close the quotes") from error
        for word in words:
            if word.partition("=")[0] in RESERVED:
                must = "arguments that the workflow does not set and that leave the names of the files as they are"
                raise UserError("key arguments", must, word, "remove it")


@dataclass(frozen=True)
class Cohort:
    """A group of participants with scans before and after an intervention."""

    title: str = setting("name for the report")
    derivatives: Path = setting("fMRIPrep folder; the paths of the scans table are relative to it")
    participants: Path = setting("BIDS participants.tsv")
    sessions: Mapping[str, Session] = setting("session label (without `ses-`): what it stands for")
    limits: Limits = setting("limits of the screen stage", default=Limits())
    selection: Selection = setting("which images are scans, and what tells sessions apart", default=Selection())
    exclude: Mapping[str, str] = setting(
        "scans that are not analysed, by entities of their names (`sub-05_ses-pre_run-2`): the reason", default={}
    )
    columns: Mapping[str, Column] = setting("columns that join those of the participants table", default={})
    dates: Dates | None = setting(
        "for sessions without `weeks`: where their dates are; `{}` for BIDS's `sub-*_sessions.tsv`", default=None
    )
    source: str = setting("citation or address of the data", default="")
    models: tuple[str, ...] = setting(
        "models that answer the cohort's question, the primary one first; the plan may name others", default=()
    )
    keep_images: bool = setting(
        "whether fetched images stay on disk; with `false` each is deleted once it is parcellated, and fetched again if"
        " a new atlas needs it. Files that were not fetched are never deleted",
        default=True,
    )
    preprocess: Preprocess | None = setting(
        "for raw scans only: how fMRIPrep makes the derivatives that the scans table names", default=None
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
        for name in self.columns:
            if not re.fullmatch(r"[^\W\d]\w*", name):
                must = "a name that a formula can hold: letters, digits and `_`, a letter first"
                raise UserError("key columns", must, f"`{name}`", "choose such a name")
        meanings = [(session.phase, session.condition) for session in self.sessions.values()]
        for meaning in meanings:
            if meanings.count(meaning) > 1 and meaning[0] != "other":
                must = "each phase once per condition"
                got = f"phase `{meaning[0]}`, condition `{meaning[1]}` twice"
                raise UserError(
                    "key sessions", must, got, "leave out the sessions that are not compared, or name conditions"
                )

        if self.dates and not self.dated:
            must = "a session without `weeks`, whose time the dates tell"
            raise UserError("key dates", must, "`weeks` for every session", "remove `dates`, or `weeks`")

    def weeks_of(self, label: str) -> float | str | None:
        """Return the time of a session in weeks, or the participants' column that holds it; None if it is not known.

        Times from dates are in a column that :func:`connect.people.read_people` makes.
        """
        return self.dated.get(label, self.sessions[label].weeks)

    @property
    def dated(self) -> dict[str, str]:
        """Label of each session whose time comes from dates: the participants' column of its weeks."""
        without = (label for label, session in self.sessions.items() if session.weeks is None)
        return {label: f"weeks_{label}" for label in without} if self.dates else {}

    @property
    def tables(self) -> tuple[Path, ...]:
        """The files from which further columns of the participants come, each once."""
        return tuple(dict.fromkeys(column.file for column in self.columns.values() if column.file is not None))

    def date_files(self, people: Iterable[str]) -> tuple[Path, ...]:
        """Return the tables of dates of participants, each once: of those for one participant, those that there are."""
        if self.dates is None:
            return ()
        files = sorted({self.dates.path(self.participants.parent, one) for one in people})
        return tuple(file for file in files if not self.dates.for_each or file.is_file())

    @property
    def conditions(self) -> tuple[str, ...]:
        """The conditions in the order of the file; one empty name for a plain pre/post cohort."""
        return tuple(dict.fromkeys(session.condition for session in self.sessions.values()))
