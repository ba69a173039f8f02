"""What each participant contributes to a contrast: one number of the primary quantity, not adjusted for covariates."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from connect.changes import CHANGE, Part, weights
from connect.figures import PHASES, Inputs
from connect.formulas import MOTION, MOTION_LEVEL, OF_SESSIONS, is_number
from connect.parcels import PRIMARY
from connect.people import word
from connect.rows import PHASES as PHASES_OF
from connect.rows import phases_of
from connect.settings.model import words_of
from connect.words import Contrast, conditions_in

RANKS = (*PHASES, "other")
"""Phases in the order in which sessions are shown."""


def phase_values(inputs: Inputs, participants: list[str], condition: str) -> pd.DataFrame:
    """Return the primary quantity of participants (rows) before and after (columns) under one condition."""
    values = named_conditions(inputs.session_values)
    chosen = values["participant_id"].isin(participants) & (values["condition"] == condition)
    wide = values[chosen].pivot_table(index="participant_id", columns="phase", values=PRIMARY, dropna=False)
    return wide.reindex(index=participants, columns=list(PHASES))


def change_of(inputs: Inputs, part: Part | None = None) -> pd.DataFrame:
    """Return the change of each analysed participant, as the model takes it, with their arm.

    In models of one session, the value of that session stands in the place of the change; in models of the rate, it is
    the change per week.

    Parameters
    ----------
    inputs
        Sessions and participants.
    part
        Weight of each condition; that of the model if not given.
    """
    part = inputs.part if part is None else part
    changes = weighted(inputs, inputs.session_values[PRIMARY], part, PHASES_OF.get(inputs.model.outcome, CHANGE))
    if inputs.model.outcome == "rate":
        changes /= weighted(inputs, pd.Series(weeks_of(inputs)), {next(iter(part)): 1.0}, CHANGE)
    return inputs.analysed[["participant_id", "arm"]].assign(change=changes).reset_index(drop=True)


def own_differences(inputs: Inputs) -> pd.DataFrame:
    """Return what each participant's own sessions say of the contrast in a model of all sessions, with their arm.

    The slope on weeks, the difference of phases or conditions, or else the mean, as the contrast has it; missing if a
    participant has no such sessions.
    """
    sessions, contrast = sessions_of(inputs), Contrast.of(inputs.summary)
    pairs = [pair for pair in contrast.pairs if pair[0] in OF_SESSIONS]
    found = {
        name: _own(own, pairs, "weeks" in contrast.slopes)
        for name, own in sessions.groupby("participant_id", sort=False)
    }
    people = inputs.analysed[["participant_id", "arm"]]
    return people.assign(change=people["participant_id"].map(found).astype(float)).reset_index(drop=True)


def sessions_of(inputs: Inputs) -> pd.DataFrame:
    """Return the sessions of a model of all sessions, with their arm, label and time.

    Time is in weeks where all sessions have theirs, or the model asks for it; else it is their place in the order.
    """
    values = named_conditions(inputs.session_values)
    values = values.assign(weeks=weeks_of(inputs), label=values["session_id"].str.removeprefix("ses-"))
    chosen = values["condition"].isin(inputs.conditions) & values[PRIMARY].notna()
    sessions = values[chosen].drop(columns="arm", errors="ignore").merge(inputs.analysed[["participant_id", "arm"]])
    if "weeks" in words_of(inputs.model.formula):
        sessions = sessions[sessions["weeks"].notna()]
    order = {label: float(place) for place, label in enumerate(labels_of(inputs, sessions))}
    time = sessions["weeks"] if in_weeks(sessions) else sessions["label"].map(order)
    return sessions.assign(time=time).sort_values(["participant_id", "time"], kind="stable").reset_index(drop=True)


def session_names(inputs: Inputs) -> dict[str, str]:
    """Return what the sessions of a model are called, by their labels, in their order.

    Their condition and phase, or their label where that does not tell them apart.
    """
    needed = phases_of(inputs.model)
    chosen = {
        label: session
        for label, session in inputs.cohort.sessions.items()
        if session.condition in inputs.conditions and (not needed or session.phase in needed)
    }
    order = sorted(
        chosen, key=lambda name: (inputs.conditions.index(chosen[name].condition), RANKS.index(chosen[name].phase))
    )
    names = {label: f"{chosen[label].condition} {chosen[label].phase}".strip() for label in order}
    shared = {name for name in names.values() if list(names.values()).count(name) > 1}
    return {label: label if name in shared else name for label, name in names.items()}


def in_weeks(sessions: pd.DataFrame) -> bool:
    """Return whether all sessions have a time in weeks."""
    return bool(sessions["weeks"].notna().all())


def labels_of(inputs: Inputs, sessions: pd.DataFrame) -> list[str]:
    """Return the labels that sessions have, in the order of the cohort file: before, after, others."""
    known = sorted(inputs.cohort.sessions.items(), key=lambda item: RANKS.index(item[1].phase))
    return [label for label, _ in known if label in set(sessions["label"])]


def weeks_of(inputs: Inputs) -> np.ndarray:
    """Return the time of every session in weeks ``(n_sessions,)``; NaN where it is not known."""
    values = inputs.session_values
    found = np.full(len(values), np.nan)
    for label in inputs.cohort.sessions:
        own = (values["session_id"].str.removeprefix("ses-") == label).to_numpy()
        time = inputs.cohort.weeks_of(label)
        weeks = values.get(time) if isinstance(time, str) else time
        if weeks is not None:
            found[own] = weeks[own] if isinstance(weeks, pd.Series) else weeks
    return found


def weighted(inputs: Inputs, column: pd.Series[float], part: Part, phases: Part) -> np.ndarray:
    """Return the weighted sum of the sessions of each analysed participant ``(n,)``; NaN if one is missing."""
    sessions, values = named_conditions(inputs.session_values), column.to_numpy(dtype=np.float64)
    kernels = [weights(sessions, part, name, phases) for name in inputs.analysed["participant_id"]]
    return np.array([np.nan if one is None else one[one != 0] @ values[one != 0] for one in kernels])


def factors(inputs: Inputs) -> list[str]:
    """Return the participants' columns whose levels the contrast compares, arms first."""
    contrast = Contrast.of(inputs.summary)
    named = (inputs.arm_column, *(name for name, _, _ in contrast.pairs), *contrast.groups)
    return [name for name in dict.fromkeys(named) if name in inputs.people]


def groups_of(inputs: Inputs) -> pd.Series[str]:
    """Return the group of each analysed participant: their level of each column that the contrast compares."""
    people = inputs.analysed.reset_index(drop=True)
    levels = [people[name].map(word) for name in factors(inputs)]
    return pd.Series(["; ".join(own) for own in zip(*levels, strict=True)] if levels else [""] * len(people))


def slope_column(inputs: Inputs) -> str:
    """Return the participants' column whose slope the contrast is, or empty."""
    return next((name for name in Contrast.of(inputs.summary).slopes if _is_slope(inputs, name)), "")


def values_of_column(inputs: Inputs, name: str, part: Part) -> np.ndarray:
    """Return a participants' column, or their motion (mm), for each analysed participant ``(n,)``."""
    if name not in (MOTION, MOTION_LEVEL):
        return inputs.analysed[name].to_numpy(dtype=np.float64)
    motion = inputs.session_values[MOTION_LEVEL]
    if inputs.model.outcome == "sessions":
        means = sessions_of(inputs).groupby("participant_id")[MOTION_LEVEL].mean()
        return inputs.analysed["participant_id"].map(means).to_numpy(dtype=np.float64)
    return weighted(inputs, motion, part, CHANGE if name == MOTION else PHASES_OF[inputs.model.outcome])


def values_before(inputs: Inputs) -> np.ndarray:
    """Return the primary quantity before of each analysed participant ``(n,)``, weighted over conditions."""
    return weighted(inputs, inputs.session_values[PRIMARY], inputs.part, PHASES_OF["pre"])


def comparisons(inputs: Inputs) -> dict[str, Part]:
    """Return what is shown of conditions, by name: one weighting, or each condition if they are tested together."""
    together = "," in inputs.model.condition and inputs.model.outcome != "sessions"
    names = conditions_in(inputs.summary)
    return {name: {name: 1.0} for name in names} if together else {"": inputs.part}


def named_conditions(values: pd.DataFrame) -> pd.DataFrame:
    """Return the values with an empty name where there is no condition, as the model has it."""
    return values.assign(condition=values["condition"].astype(object).where(values["condition"].notna(), ""))


def _is_slope(inputs: Inputs, name: str) -> bool:
    if name in (MOTION, MOTION_LEVEL):
        return True
    return name in inputs.people and name not in factors(inputs) and is_number(inputs.people[name])


def _own(sessions: pd.DataFrame, pairs: Sequence[tuple[str, str, str]], on_weeks: bool) -> float:
    """Return the slope or mean of a participant's sessions, or the difference of two of them."""
    if pairs:
        (column, *levels), *rest = pairs
        first, second = (_own(sessions[sessions[column] == level], rest, on_weeks) for level in levels)
        return first - second
    weeks, values = sessions["weeks"].to_numpy(), sessions[PRIMARY].to_numpy(dtype=np.float64)
    if not on_weeks:
        return float(values.mean()) if len(values) else np.nan
    centred = weeks - weeks.mean() if len(weeks) else weeks
    return float(centred @ values / (centred @ centred)) if np.any(centred) else np.nan
