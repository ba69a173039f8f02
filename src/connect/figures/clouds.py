"""Points and lines of a relation between connectivity and a measure of the person.

Where the contrast is a slope, both are adjusted for the covariates of the model: what these explain is taken off, and
the mean added again (added-variable plot; Cook and Weisberg 1982, Residuals and Influence in Regression), so that the
least-squares line of the points is the slope of the model. Where slopes are compared, the measure stays as it is, and
connectivity is adjusted for what is neither the measure nor what its slope is compared between.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy import stats

from connect.errors import UserError
from connect.figures import Inputs
from connect.figures.participants import change_of, own_differences, sessions_of, values_before
from connect.formulas import has_baseline
from connect.parcels import PRIMARY
from connect.people import word
from connect.question import Question, question
from connect.words import Contrast, covariates, in_words


@dataclass(frozen=True)
class Line:
    """A line of a relation.

    Parameters
    ----------
    x, y
        Its points ``(n_points,)``.
    half
        Half of the interval of its height ``(n_points,)``, or none.
    group
        The group that it is of, or empty.
    label
        What it is called if it is of no group, or empty.
    """

    x: np.ndarray
    y: np.ndarray
    half: np.ndarray = field(default_factory=lambda: np.empty(0))
    group: str = ""
    label: str = ""


@dataclass(frozen=True)
class Cloud:
    """Points of a relation.

    Parameters
    ----------
    x, y
        Measure and connectivity ``(n,)``; y is NaN if it could not be tested.
    people
        Participant of each ``(n,)``.
    group
        Arm of each ``(n,)``; empty names where there are none.
    lines
        Lines of the model.
    column
        Participants' column of the arms, or empty.
    adjusted
        Whether x and y are adjusted for covariates.
    sessions
        Whether points are sessions.
    """

    x: np.ndarray
    y: np.ndarray
    people: np.ndarray
    group: np.ndarray
    lines: tuple[Line, ...] = ()
    column: str = ""
    adjusted: tuple[bool, bool] = (False, False)
    sessions: bool = False


def cloud_of(inputs: Inputs) -> Cloud:
    """Return the points of a relation.

    Raises
    ------
    UserError
        If the model is about no phenotype.
    """
    if not inputs.model.relation:
        todo = "write `about: relation` in the recipe, so that the figure is drawn of such models"
        raise UserError("figure relation", "a contrast that is the slope of a phenotype", inputs.model.contrast, todo)
    if inputs.model.outcome == "sessions":
        of_each = inputs.model.measured[inputs.model.relation][1] == "session"
        return _of_sessions(inputs) if of_each else _of_own(inputs)
    rows = inputs.analysed.assign(part=0)
    asked = question(rows, inputs.model, inputs.model.question)
    x, y = (_correlated(asked, values) for values in (_measure(rows, inputs), change_of(inputs)["change"]))
    if not np.isfinite(y).all():
        return Cloud(x, y, _people(asked), np.full(len(x), ""))
    if " : " not in inputs.model.contrast:
        return _slope(inputs, asked, x, y)
    return _moderated(inputs, asked, x, y)


def _people(asked: Question) -> np.ndarray:
    """Return the participant of each row ``(n,)``."""
    found: np.ndarray = asked.rows["participant_id"].to_numpy()
    return found


def _measure(rows: pd.DataFrame, inputs: Inputs) -> pd.Series[float]:
    found: pd.Series[float] = rows[inputs.model.relation].astype(float)
    return found


def _correlated(asked: Question, values: pd.Series[float] | np.ndarray) -> np.ndarray:
    """Return values ``(n,)`` as the model correlates them."""
    return np.asarray(asked.correlated(np.asarray(values, dtype=np.float64)[:, None]))[:, 0]


def _slope(inputs: Inputs, asked: Question, x: np.ndarray, y: np.ndarray) -> Cloud:
    """Return measure and connectivity without what the covariates explain, and the line of the model."""
    nuisance = np.column_stack([asked.design.nuisance, *_before(inputs, asked)])
    x, y = (_left(values, nuisance) + values.mean() for values in (x, y))
    names = asked.rows[asked.arm_column].map(word).to_numpy() if asked.arm_column else np.full(len(x), "")
    line = _fitted(x, y, inputs.model.confidence, float(asked.df))
    adjusted = bool(covariates(inputs.summary))
    return Cloud(x, y, _people(asked), names, line, asked.arm_column, (adjusted, adjusted))


def _before(inputs: Inputs, asked: Question) -> list[np.ndarray]:
    """Return the value before, where it is a covariate."""
    return [_correlated(asked, values_before(inputs))] if has_baseline(inputs.model) else []


def _moderated(inputs: Inputs, asked: Question, x: np.ndarray, y: np.ndarray) -> Cloud:
    """Return connectivity without what other covariates explain, and a line for each arm or value of the moderator."""
    made, arms = asked.asked, asked.asked.arms
    kept = {inputs.model.relation, *Contrast.of(inputs.summary).names, arms}
    other = np.array([column != "Intercept" and not _about(column, kept) for column in made.columns])
    matrix = np.column_stack([made.matrix, *_before(inputs, asked)])
    chosen = np.append(other, np.ones(matrix.shape[1] - len(other), dtype=bool))
    centred = matrix[:, chosen] - matrix[:, chosen].mean(axis=0)
    y = y - centred @ np.linalg.lstsq(matrix, y, rcond=None)[0][chosen]
    adjusted = (False, bool(chosen.any()))
    if not arms:
        lines = _at_values(inputs, asked, x, y)
        return Cloud(x, y, _people(asked), np.full(len(x), ""), lines, "", adjusted)
    names = asked.rows[arms].map(word).to_numpy()
    return Cloud(x, y, _people(asked), names, _of_groups(x, y, names, inputs.model.confidence), arms, adjusted)


def _about(column: str, names: set[str]) -> bool:
    parts = {part.split("[")[0].removeprefix("C(").rstrip(")") for part in column.split(":")}
    return parts <= names


def _of_groups(x: np.ndarray, y: np.ndarray, names: np.ndarray, confidence: float) -> tuple[Line, ...]:
    """Return the least-squares line of each group."""
    found: list[Line] = []
    for name in sorted(set(names)):
        own = names == name
        found += _fitted(x[own], y[own], confidence, float(own.sum()) - 2, name)
    return tuple(found)


def _at_values(inputs: Inputs, asked: Question, x: np.ndarray, y: np.ndarray) -> tuple[Line, ...]:
    """Return lines at the mean of the moderator, and one standard deviation below and above."""
    name = next(name for name in Contrast.of(inputs.summary).slopes if name != inputs.model.relation)
    other = asked.rows[name].to_numpy(dtype=np.float64)
    columns = np.column_stack([np.ones(len(x)), x, other, x * other])
    start, slope, shift, product = np.linalg.lstsq(columns, y, rcond=None)[0]
    ends, found = np.array([x.min(), x.max()]), []
    for by, text in ((-1, "mean − 1 SD"), (0, "mean"), (1, "mean + 1 SD")):
        at = other.mean() + by * other.std(ddof=1)
        height = start + shift * at + (slope + product * at) * ends
        found.append(Line(ends, height, label=f"{in_words(name, inputs.summary)}: {text}"))
    return tuple(found)


def _of_own(inputs: Inputs) -> Cloud:
    """Return what each participant's sessions say of the contrast, against a measure that they have once."""
    table = own_differences(inputs)
    x, y = _measure(inputs.analysed, inputs).to_numpy(), table["change"].to_numpy(dtype=np.float64)
    there, confidence = np.isfinite(x) & np.isfinite(y), inputs.model.confidence
    x, y, names = x[there], y[there], table["arm"].to_numpy()[there]
    each = any(name in inputs.people for name, _, _ in Contrast.of(inputs.summary).pairs)
    lines = _of_groups(x, y, names, confidence) if each else _fitted(x, y, confidence, len(x) - 2.0)
    return Cloud(x, y, table["participant_id"].to_numpy()[there], names, lines, inputs.arm_column)


def _of_sessions(inputs: Inputs) -> Cloud:
    """Return the sessions of participants, and a line for each, parallel to those of the others in their arm.

    A correlation within participants is adjusted for covariates, as their differences within participants explain it.
    """
    sessions = sessions_of(inputs)
    rows = sessions[_measure(sessions, inputs).notna()].reset_index(drop=True)
    people = rows["participant_id"].to_numpy()
    x, y = (rows[name].to_numpy(dtype=np.float64) for name in (inputs.model.relation, PRIMARY))
    adjusted = False
    if inputs.model.correlation == "repeated":
        asked = question(rows, inputs.model, inputs.model.question)
        others = asked.design.nuisance[:, len(set(people)) :]
        x, y = (_within(values, others, people) for values in (x, y))
        adjusted = others.shape[1] > 0
    column = "" if _alone(inputs) else inputs.arm_column
    arms = rows[column].map(word).to_numpy() if column else np.full(len(rows), "")
    slopes = {"": inputs.summary["primary"]["estimate"]} if _alone(inputs) else _slopes_within(x, y, people, arms)
    lines = _parallel(x, y, people, arms, slopes)
    return Cloud(x, y, people, arms, lines, column, (adjusted, adjusted), sessions=True)


def _alone(inputs: Inputs) -> bool:
    """Return whether the contrast is the slope of the measure and of nothing else."""
    return inputs.model.contrast.strip() == inputs.model.relation


def _within(values: np.ndarray, others: np.ndarray, people: np.ndarray) -> np.ndarray:
    """Return values ``(n,)`` without what other columns explain of their differences within participants."""
    weights = np.linalg.lstsq(_deviations(others, people), _deviations(values, people), rcond=None)[0]
    found: np.ndarray = values - (others - others.mean(axis=0)) @ weights
    return found


def _deviations(values: np.ndarray, people: np.ndarray) -> np.ndarray:
    """Return values ``(n, ...)`` minus the mean of their participant."""
    frame = pd.DataFrame(values)
    found: np.ndarray = (frame - frame.groupby(people).transform("mean")).to_numpy().reshape(values.shape)
    return found


def _parallel(
    x: np.ndarray, y: np.ndarray, people: np.ndarray, arms: np.ndarray, slopes: Mapping[str, float | None]
) -> tuple[Line, ...]:
    """Return a line for each participant with several sessions, of the slope of their arm."""
    found = []
    for name in dict.fromkeys(people):
        own = people == name
        arm = str(arms[own][0])
        slope = slopes[arm]
        if slope is not None and own.sum() > 1:
            ends = np.array([x[own].min(), x[own].max()])
            found.append(Line(ends, y[own].mean() + slope * (ends - x[own].mean()), group=arm))
    return tuple(found)


def _slopes_within(x: np.ndarray, y: np.ndarray, people: np.ndarray, arms: np.ndarray) -> Mapping[str, float | None]:
    """Return the slope within participants in each arm."""
    across, up, found = _deviations(x, people), _deviations(y, people), {}
    for arm in set(arms):
        own = arms == arm
        square = float(across[own] @ across[own])
        found[arm] = float(across[own] @ up[own]) / square if square else None
    return found


def _left(values: np.ndarray, nuisance: np.ndarray) -> np.ndarray:
    """Return what nuisance columns do not explain ``(n,)``."""
    basis = np.linalg.qr(nuisance)[0]
    found: np.ndarray = values - basis @ (basis.T @ values)
    return found


def _fitted(x: np.ndarray, y: np.ndarray, confidence: float, df: float, group: str = "") -> tuple[Line, ...]:
    """Return a least-squares line with the interval of its height, of residuals with some degrees of freedom."""
    if len(x) < 3 or df < 1 or np.ptp(x) == 0:
        return ()
    centred = x - x.mean()
    slope = centred @ y / (centred @ centred)
    left = y - y.mean() - slope * centred
    at = np.linspace(x.min(), x.max(), 60)
    error = np.sqrt((left @ left) / df * (1 / len(x) + (at - x.mean()) ** 2 / (centred @ centred)))
    half = stats.t.ppf((1 + confidence) / 2, df) * error
    return (Line(at, y.mean() + slope * (at - x.mean()), half, group),)
