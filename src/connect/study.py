"""A model and the cohort that it is asked of, as the stages read them that test it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from connect.changes import Part, Sessions, by_session, parts_of
from connect.config import read
from connect.outcome import Outcome, select
from connect.parcels import domain_of
from connect.people import read_people
from connect.persons import persons, read_measured
from connect.rows import phases_of
from connect.settings.atlas import Atlas
from connect.settings.cohort import Cohort
from connect.settings.domains import Domains
from connect.settings.model import Model
from connect.tables import read_stored, read_table


@dataclass(frozen=True)
class Study:
    """What a model is asked of.

    Parameters
    ----------
    model
        The model.
    cohort
        Says what each session stands for.
    parcels
        Parcels table, one row per parcel.
    domain
        Domain of each parcel ``(n_parcels,)``.
    scans
        Kept scans, one row each.
    subjects
        The participants table.
    sessions
        Connectomes per participant and session.
    outcome
        Rows of the model, and who is left out and why.
    where
        The model's file, for error messages.
    """

    model: Model
    cohort: Cohort
    parcels: pd.DataFrame
    domain: np.ndarray
    scans: pd.DataFrame
    subjects: pd.DataFrame
    sessions: Sessions
    outcome: Outcome
    where: Path


def read_study(  # noqa: PLR0913 - one parameter for each file
    connectomes: Path,
    scans: Path,
    kept: Path,
    atlas: Path,
    domains: Path,
    cohort: Path,
    participants: Path,
    model: Path,
    phenotypes: Sequence[Path] = (),
) -> Study:
    """Read a model and its cohort; parameters are those of :func:`connect.compare.compare`."""
    settings, plan = read(Model, model), read(Cohort, cohort)
    parcels = read_table(read(Atlas, atlas).parcels, ["name", "network", "region"])
    domain = domain_of(parcels, read(Domains, domains), domains)
    rows = read_table(scans)
    sessions = by_session(read_stored(connectomes), rows, plan)
    screened = read_table(kept, ["participant_id", "session_id", "kept", "reason"])
    subjects = read_people(participants, plan, screened, cohort)
    parts = parts_of(settings.condition, plan, model, phases_of(settings))
    measured = persons(read_measured(phenotypes), settings, plan, mean_of(parts, settings))
    outcome = select(sessions, subjects, screened, settings, parts, plan, model, measured)
    return Study(settings, plan, parcels, domain, rows, subjects, sessions, outcome, model)


def mean_of(parts: Sequence[Part], model: Model) -> Part:
    """Return the weights of conditions in what a participant has: those of the model, or a mean over all sessions."""
    if model.outcome != "sessions":
        return parts[0]
    names = [name for part in parts for name in part]
    return dict.fromkeys(names, 1 / len(names))
