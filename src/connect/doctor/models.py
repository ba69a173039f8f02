"""Whether the models of a cohort can be asked of its participants, as far as can be told before scans are read."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

from connect.changes import by_session, parts_of
from connect.choices import Choices
from connect.confounded import check_acquisition
from connect.doctor.findings import Findings
from connect.errors import UserError
from connect.layout import choice
from connect.outcome import select
from connect.people import read_people
from connect.persons import persons, read_measured
from connect.phenotypes import phenotypes
from connect.question import question
from connect.rows import phases_of
from connect.screen import Screened, check_any, screen_scans
from connect.settings.cohort import Cohort
from connect.settings.model import Model
from connect.study import mean_of

FEW = 10
"""Participants below which a test of a model can hardly find anything."""


def check_models(found: Findings, name: str, choices: Choices, rows: pd.DataFrame | None) -> None:
    """Try the design of every model of a cohort: columns, arms, sessions, times, phenotypes.

    Parameters
    ----------
    found
        Takes what is found.
    name
        Name of the cohort.
    choices
        What the plan names.
    rows
        Scans with their motion, as :func:`connect.doctor.cohort.check_cohort` gives them.
    """
    cohort, sheet = choices.cohorts[name], Path(choice("cohorts", name))
    if rows is None:
        return
    if not cohort.participants.is_file():
        _tell_absent(found, cohort, sheet, fetched=name in choices.files)
        return
    with contextlib.redirect_stderr(io.StringIO()):
        people = found.attempt("participants", partial(read_people, cohort.participants, cohort, rows, sheet))
        if people is None:
            return
        columns = ", ".join(map(str, people.columns[1:13])) or "none beside participant_id"
        found.ok(f"participants: {len(people)} rows, columns {columns}")
        screened = _screened(rows, cohort)
        start = len(found.found)
        found.attempt("scans", partial(check_any, screened, cohort.limits, sheet))
        if not found.clean_since(start):
            return
        with TemporaryDirectory() as folder:
            measured = _measured(found, name, choices, Path(folder))
            for label in choices.plan.models.get(name, ()):
                model = choices.named["models"].get(label)
                if model and all(phenotype in measured for phenotype in model.phenotypes):
                    asked = partial(_asked, label, model, cohort, screened.kept, people, measured)
                    count = found.attempt(f"model {label}", asked)
                    if count is not None:
                        _tell(found, label, count)


def _tell_absent(found: Findings, cohort: Cohort, sheet: Path, *, fetched: bool) -> None:
    if fetched:
        found.ok(f"models: not tried, as {cohort.participants} is still to be fetched")
        return
    todo = "correct the path; the table needs a column participant_id and a row for everyone with scans"
    found.fix("participants", UserError(f"{sheet}, key participants", "a table", f"no {cohort.participants}", todo))


def _screened(rows: pd.DataFrame, cohort: Cohort) -> Screened:
    """Return scans as `screen` would judge them if nothing was censored and every parcel was covered."""
    whole = rows.assign(tdof=np.inf, unusable=None, mean_fd=rows["mean_fd"].fillna(0.0))
    coverage = pd.DataFrame({"all": np.ones(len(rows))})
    return screen_scans(whole, coverage, cohort.limits, cohort.sessions, cohort.exclude)


def _measured(found: Findings, name: str, choices: Choices, folder: Path) -> dict[str, pd.DataFrame]:
    """Return the phenotypes that can be read; recordings of the heart take too long."""
    cohort = choices.cohorts[name]
    models = [choices.named["models"].get(label) for label in choices.plan.models.get(name, ())]
    paths = []
    for label in dict.fromkeys(one for model in models if model for one in model.phenotypes):
        settings = choices.named["phenotypes"].get(label)
        if settings is None:
            continue
        if settings.heart:
            found.ok(f"phenotype {label}: not tried, as recordings take minutes; nor are models that name it")
            continue
        values = folder / f"{label}.tsv"
        score = [Path(choice("scores", settings.score.key))] if settings.score else []
        files = (Path(choice("cohorts", name)), Path(choice("phenotypes", label)), cohort.participants)
        start = len(found.found)
        found.attempt(f"phenotype {label}", partial(phenotypes, *files, values, values.with_suffix(".json"), score))
        if found.clean_since(start):
            found.ok(f"phenotype {label}: readable")
            paths.append(values)
    return dict(read_measured(paths))


def _asked(
    label: str,
    model: Model,
    cohort: Cohort,
    kept: pd.DataFrame,
    people: pd.DataFrame,
    measured: Mapping[str, pd.DataFrame],
) -> str:
    """Return who is analysed, in words, after everything that `compare` and `relate` check of a design."""
    where = Path(choice("models", label))
    scans = kept[kept["kept"] == "yes"].reset_index(drop=True)
    sessions = by_session(np.zeros((len(scans), 1), np.float32), scans, cohort)
    parts = parts_of(model.condition, cohort, where, phases_of(model))
    own = persons(measured, model, cohort, mean_of(parts, model))
    outcome = select(sessions, people, kept, model, parts, cohort, where, own)
    asked = question(outcome.rows, model, where)
    check_acquisition(scans, people, outcome, asked, cohort, where)
    column = asked.asked.arms
    lost = outcome.people.loc[outcome.people["analysed"] == "no", "reason"].value_counts()
    why = "; ".join(f"{count} x {reason}" for reason, count in lost.head(3).items())
    arms = outcome.analysed[column].value_counts() if column in outcome.analysed else pd.Series(dtype=int)
    sizes = f" ({', '.join(f'{count} {arm}' for arm, count in arms.items())})" if len(arms) else ""
    return f"{asked.n} of {len(people)} participants{sizes}{f'; left out: {why}' if why else ''}"


def _tell(found: Findings, label: str, count: str) -> None:
    if int(count.split()[0]) < FEW:
        must, todo = (
            f"at least {FEW} participants, or little can be found",
            "see whether somebody is left out who need not be, and do not read much into the test",
        )
        found.warn(f"model {label}", UserError(choice("models", label), must, count, todo))
    else:
        found.ok(f"model {label}: {count}")
