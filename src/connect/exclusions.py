"""Why a participant is not analysed, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from connect.people import word
from connect.settings.model import Model

NO_ROW = "no row in participants.tsv"
"""Why someone who has scans is not analysed."""


def reason_of(subject: Mapping[Any, Any], model: Model, names: Sequence[str]) -> str:
    """Return why the model cannot use a row of the participants table, or nothing.

    Parameters
    ----------
    subject
        The row.
    model
        Whom it chooses.
    names
        Columns in which nothing may be missing.
    """
    for column, allowed in model.where.items():
        if not pd.isna(subject[column]) and word(subject[column]) not in allowed:
            return f"{column} is {word(subject[column])}"
    return next((f"no value of {name}" for name in names if pd.isna(subject[name])), "")


def lost_sessions(participant: str, needed: Sequence[str], sessions: pd.DataFrame, kept: pd.DataFrame) -> str:
    """Return why a participant lacks sessions that the model needs.

    Parameters
    ----------
    participant
        Who lacks them.
    needed
        Labels of the sessions.
    sessions
        Sessions that there are, with participant_id and session_id.
    kept
        Table of the screen stage.
    """
    present = sessions.loc[sessions["participant_id"] == participant, "session_id"].str.removeprefix("ses-")
    own = kept[kept["participant_id"] == participant]
    texts = []
    for label in (label for label in needed if label not in set(present)):
        excluded = (own["session_id"].str.removeprefix("ses-") == label) & (own["kept"] == "no")
        reasons = "; ".join(own.loc[excluded, "reason"].astype(str).unique())
        texts.append(f"ses-{label} excluded: {reasons}" if reasons else f"ses-{label} is missing")
    return ("; ".join(texts) or "times of the sessions are not known") if len(own) else "no scans"
