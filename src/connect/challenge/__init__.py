"""Challenge the tests of a model with data that hold no effect: how often does each find one all the same.

The data are the user's own cohort, rearranged so that no effect is left, and simulated cohorts of the same design with
what real data suffer from. The share of data sets in which a test finds something must be its level.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from connect.challenge.cohorts import ABOUT, SCENARIOS, Base
from connect.challenge.own import WAYS, own_data
from connect.challenge.rates import RATE_COLUMNS, Source, Trial, rates, tests_of, told, trusted
from connect.compare.families import Regions, families_of
from connect.config import read
from connect.errors import UserError
from connect.formulas import OF_SESSIONS, motion_of
from connect.parcels import network_blocks
from connect.question import Family, Question
from connect.settings.calibration import Calibration
from connect.settings.model import words_of
from connect.study import Study, read_study
from connect.tables import write_record, write_table, written


def challenge(  # noqa: PLR0913 - one parameter for each file
    connectomes: Path,
    scans: Path,
    kept: Path,
    atlas: Path,
    domains: Path,
    cohort: Path,
    participants: Path,
    model: Path,
    calibration: Path,
    table: Path,
    summary: Path,
    answer: Path,
    phenotypes: Sequence[Path] = (),
    threads: int = 1,
) -> None:
    """Count how often the tests of a model find something where nothing is.

    Parameters
    ----------
    connectomes
        Connectomes of the kept scans (.npy).
    scans
        Table that names the rows of the connectomes.
    kept
        Table of the screen stage.
    atlas
        Atlas (YAML).
    domains
        Domains of the atlas (YAML).
    cohort
        Cohort (YAML).
    participants
        BIDS participants.tsv.
    model
        Model (YAML).
    calibration
        Calibration (YAML).
    table
        Output: the rate of false positives of each test and correction in each scenario.
    summary
        Output: which test to trust, and what could not be tried and why.
    answer
        Output: the same in lines of text.
    phenotypes
        Values of the phenotypes that the model names, or none.
    threads
        Cores.
    """
    settings = read(Calibration, calibration)
    study = read_study(connectomes, scans, kept, atlas, domains, cohort, participants, model, phenotypes)
    found, record = rates_of_model(study, settings, threads)
    write_table(table, found, RATE_COLUMNS)
    names = {"model": model.stem, "calibration": calibration.stem}
    write_record(summary, {**names, "question": study.model.question, **record})
    with written(answer) as aside:
        aside.write_text(told(record, model.stem), encoding="utf-8", newline="\n")


def rates_of_model(study: Study, settings: Calibration, threads: int) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return the rates of false positives, and the record of what they mean.

    Parameters
    ----------
    study
        The model and its cohort.
    settings
        Scenarios, data sets and permutations.
    threads
        Cores.
    """
    sessions, outcome, model, where = study.sessions, study.outcome, study.model, study.where
    parcels, domain, networks = study.parcels, study.domain, list(study.parcels["network"])
    chosen = spread_parcels(parcels, domain, outcome.use, settings.parcels, where)
    edges = edges_among(chosen, len(parcels))
    *coarse, every = Regions(domain, tuple(network_blocks(networks)), outcome.use).columns(sessions.connectomes)
    few = Regions(domain[chosen], tuple(network_blocks([networks[one] for one in chosen])), outcome.use[edges])
    first = tests_of(model, outcome.rows, settings.permutations, where)[0][0]
    arms = "" if first.asked.arms in OF_SESSIONS else first.asked.arms
    levels = first.asked.levels if arms else ()
    base = Base(outcome, sessions.table, model, arms, levels, few, settings.seed, where)
    own = families_of((*coarse, every[:, edges]), outcome)
    found = [pd.DataFrame(columns=list(RATE_COLUMNS))]
    refused: dict[str, dict[str, str]] = {}
    skipped: dict[str, str] = {}
    for number, name in enumerate(settings.scenarios, 1):
        try:
            trial, reasons = _trial(name, base, first, own, settings.permutations)
        except UserError as error:
            skipped[name] = f"it needs {error.must}; here {error.got}"
            continue
        refused |= {name: reasons} if reasons else {}
        about = WAYS[name] if name in WAYS else ABOUT[name][not arms]
        found.append(rates(trial, settings.sets, settings.seed, threads).assign(about=about)[list(RATE_COLUMNS)])
        sys.stderr.write(f"{number} of {len(settings.scenarios)} scenarios: {name}, {settings.sets} data sets\n")
    table = pd.concat(found[1:] or found, ignore_index=True)
    record = {
        "n": first.n, "alpha": model.alpha, "method": first.method, "sets": settings.sets,
        "permutations": settings.permutations, "parcels": len(chosen), "edges": int(few.use.sum()),
        "trusted": trusted(table, motion=model.motion_covariate), "refused": refused, "skipped": skipped,
    }  # fmt: skip
    return table, record


def spread_parcels(parcels: pd.DataFrame, domain: np.ndarray, use: np.ndarray, count: int, where: object) -> np.ndarray:
    """Return the numbers of some parcels ``(count,)`` that have edges in all sessions.

    They are spread evenly over networks, after a tenth for each domain, so that none is missed.

    Raises
    ------
    UserError
        If no parcel has an edge that all sessions in use have.
    """
    first, second = np.triu_indices(len(domain), 1)
    degree = np.bincount(first[use], minlength=len(domain)) + np.bincount(second[use], minlength=len(domain))
    present = parcels.assign(domain=domain)[degree > 0].sort_values(["domain", "network"], kind="stable")
    if present.empty:
        must = "edges that every session of the analysed participants has"
        raise UserError(where, must, "none", "leave out the participants without them with `where`")
    sure = [_even(present.index[present["domain"] == name], max(3, count // 10)) for name in ("emotion", "cognition")]
    rest = present.index[~present.index.isin(np.concatenate(sure))]
    found: np.ndarray = np.sort(np.concatenate([*sure, _even(rest, max(0, count - sum(map(len, sure))))]))
    return found


def edges_among(chosen: np.ndarray, n_parcels: int) -> np.ndarray:
    """Return the numbers of the edges between some parcels, of all edges between ``n_parcels``."""
    first, second = np.triu_indices(n_parcels, 1)
    return np.flatnonzero(np.isin(first, chosen) & np.isin(second, chosen))


def _even(numbers: pd.Index, count: int) -> np.ndarray:
    """Return evenly spaced numbers, at most ``count``."""
    places = np.unique(np.linspace(0, len(numbers) - 1, min(count, len(numbers))).round().astype(int))
    found: np.ndarray = numbers.to_numpy(dtype=int)[places]
    return found


def _trial(
    name: str, base: Base, asked: Question, own: Sequence[Family], n_permutations: int
) -> tuple[Trial, dict[str, str]]:
    """Return a scenario with its tests, and why others are refused.

    Where motion is what spoils the data, it is tried without motion as a covariate too.
    """
    if name in WAYS:
        source: Source = own_data(asked, own, name, base.where)
        outcome = base.outcome
    else:
        source = cohort = SCENARIOS[name](base)
        outcome = cohort.outcome
    tests, refused = tests_of(base.model, outcome.rows, n_permutations, base.where)
    if name == "motion" and motion_of(base.model) not in words_of(base.model.formula):
        other = replace(base.model, motion_covariate=not base.model.motion_covariate)
        tests += tests_of(other, outcome.rows, n_permutations, base.where)[0]
    n_edges = int(base.regions.use.sum())
    return Trial(name, source, tuple(tests), len(base.regions.domain), n_edges, base.regions.blocks), refused
