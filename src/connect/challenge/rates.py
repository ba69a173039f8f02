"""How often each test finds something where nothing is, counted over many data sets, on several cores."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Protocol
from zlib import crc32

import numpy as np
import pandas as pd
from scipy import stats

from connect.compare.networks import EdgeNetworks
from connect.errors import UserError
from connect.methods import METHODS
from connect.parcels import Block
from connect.progress import progress
from connect.question import Family, Question, question
from connect.settings.calibration import CONFIDENCE, CORRECTIONS
from connect.settings.model import Model
from connect.tables import WORDS, Column
from connect.words import untried

BATCH = 25
"""Data sets that a core takes at once."""

NEARLY = 1.5
"""Factor by which a rate may pass the level and still be called nearly right (Bradley 1978, liberal criterion)."""

SURE = 0.001
"""Probability under the level below which a rate counts as another."""

SIGNED = ("nbs", "tfnbs", "cnbs")
"""Corrections that need a sign, which several contrasts together have not."""


RATE_COLUMNS: Mapping[str, Column] = {
    "scenario": Column("data without an effect, as the calibration names them", WORDS),
    "about": Column("the same in words", WORDS),
    "test": Column(
        "what is rearranged, as the key test of a model names it; flips (mean changes) or mixed (all sessions)", WORDS
    ),
    "test_about": Column("the same in words", WORDS),
    "motion_covariate": Column("whether motion is a covariate (True or False)", WORDS),
    "correction": Column("what is tested and how it is corrected", WORDS),
    "n": Column("participants", "participants"),
    "sets": Column("data sets", "data sets"),
    "rate": Column("share of data sets in which anything passed", "0 to 1"),
    "rate_low": Column("lower bound of its 95 % interval (Wilson)", "0 to 1"),
    "rate_high": Column("upper bound", "0 to 1"),
    "verdict": Column(
        "holds, nearly holds (above the level by at most half of it), fails, or conservative; a rate is above or below "
        "the level if chance gives it less than once in 1,000",
        WORDS,
    ),
}

ORDER = ("conservative", "holds", "nearly holds", "fails")
"""Verdicts; the last of several is what counts."""


class Source(Protocol):
    """What data sets without an effect are drawn from."""

    def draw(self, random: np.random.Generator, /) -> list[Family]:
        """Return one data set: the families of columns."""


@dataclass(frozen=True)
class Trial:
    """One scenario: data without an effect, and the tests that they are put to.

    Parameters
    ----------
    name
        Name of the scenario.
    source
        Data.
    tests
        The model with each test; its number of permutations is that of the calibration.
    n_parcels
        Parcels that the edges connect.
    n_edges
        Edges that are tested.
    blocks
        Blocks of edges between their networks.
    """

    name: str
    source: Source
    tests: tuple[Question, ...]
    n_parcels: int
    n_edges: int
    blocks: tuple[Block, ...]


def tests_of(
    model: Model, rows: pd.DataFrame, n_permutations: int, where: object
) -> tuple[list[Question], dict[str, str]]:
    """Return the model with its own test first, then with others that its design allows; and why others are refused.

    Raises
    ------
    UserError
        If the model's own test is impossible.
    """
    first = question(rows, replace(model, permutations=n_permutations), where)
    found, refused = [first], {}
    others = ("unequal", "residuals", "labels") if first.method in ("unequal", "residuals", "labels") else ()
    for name in others:
        if name == first.method or (name == "labels" and not first.asked.arms):
            continue
        try:
            found.append(question(rows, replace(first.model, test=name), where))  # type: ignore[arg-type]
        except UserError as error:
            refused[name] = f"it needs {error.must}; here {error.got}"
    return found, refused


def rates(trial: Trial, sets: int, seed: int, threads: int) -> pd.DataFrame:
    """Return the share of data sets in which each test found something, one row per test and correction.

    What could not be tested in a data set does not count there; what never could has no row. The false discovery rate
    is left out where permutations are too few for one edge alone to pass it.

    Parameters
    ----------
    trial
        The scenario.
    sets
        Number of data sets.
    seed
        Seed; each data set of each scenario has a seed of its own, so that neither the number of cores matters nor
        which other scenarios there are.
    threads
        Cores.
    """
    batches = [range(start, min(start + BATCH, sets)) for start in range(0, sets, BATCH)]
    if threads == 1:
        passed = list(_shown((_passed(trial, seed, batch) for batch in batches), trial.name, sets))
    else:
        with ProcessPoolExecutor(threads) as pool:
            each = pool.map(_passed, [trial] * len(batches), [seed] * len(batches), batches)
            passed = list(_shown(each, trial.name, sets))
    outcomes = np.concatenate(passed)
    tested, counts = np.isfinite(outcomes).sum(axis=0), np.nansum(outcomes, axis=0)
    found = []
    for asked, row, possible in zip(trial.tests, counts, tested, strict=True):
        reaches = asked.method == "mixed" or trial.n_edges <= asked.model.alpha * asked.arrangements.count
        for correction, count, sets in zip(CORRECTIONS, row, possible, strict=True):
            if (asked.together and correction in SIGNED) or (correction == "fdr" and not reaches) or not sets:
                continue
            interval = stats.binomtest(int(count), int(sets)).proportion_ci(CONFIDENCE, "wilson")
            found.append(
                {
                    "scenario": trial.name, "test": asked.method, "test_about": METHODS[asked.method],
                    "motion_covariate": asked.model.motion_covariate, "correction": correction,
                    "n": asked.n, "sets": int(sets), "rate": count / sets,
                    "rate_low": interval.low, "rate_high": interval.high,
                    "verdict": verdict(int(count), int(sets), asked.model.alpha),
                }
            )  # fmt: skip
    return pd.DataFrame(found, columns=[name for name in RATE_COLUMNS if name != "about"])


def trusted(table: pd.DataFrame, *, motion: bool) -> list[dict[str, Any]]:
    """Return for each test and correction the verdict over all scenarios, and where it did worst.

    Parameters
    ----------
    table
        Rates as :func:`rates` gives them.
    motion
        Whether the model has motion as a covariate: only such rows count.
    """
    found = []
    own = table[table["motion_covariate"] == motion]
    for (test, about, correction), rows in own.groupby(["test", "test_about", "correction"], sort=False):
        worst = rows.sort_values("rate", kind="stable").iloc[-1]
        kept = ("scenario", "about", "rate", "rate_low", "rate_high")
        verdicts = [ORDER.index(one) for one in rows["verdict"]]
        least = {"test": test, "test_about": about, "correction": correction, "verdict": ORDER[max(verdicts)]}
        found.append({**least, "scenarios": list(rows["scenario"]), **{key: worst[key] for key in kept}})
    return found


def told(record: Mapping[str, Any], name: str) -> str:
    """Return in lines which test of a model to trust."""
    rows = [
        (
            f"{row['test']}{' *' if row['test'] == record['method'] else ''}", CORRECTIONS[row["correction"]],
            row["verdict"], f"{row['rate']:.3f} ({row['rate_low']:.3f} to {row['rate_high']:.3f})", row["about"],
        )
        for row in record["trusted"]
    ]  # fmt: skip
    heads = ("test", "what is tested", "verdict", "worst rate (95 % CI)", "with")
    widths = [max(len(row[column]) for row in (heads, *rows)) for column in range(len(heads))]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in (heads, *rows)]
    size = f"{record['n']} participants; {record['sets']:,} data sets without an effect for each scenario"
    heading = f"{name}: {size}; level {record['alpha']:g}; * is the model's own test"
    return "\n".join([heading, *(lines if rows else ["nothing could be tried"]), *untried(record)]) + "\n"


def verdict(count: int, sets: int, alpha: float) -> str:
    """Return in words whether a test that passed in ``count`` of ``sets`` data sets without an effect keeps its level.

    It does unless the count has a binomial probability below :data:`SURE`, so that chance hardly speaks against a test
    in any of the many rows.
    """
    if stats.binom.sf(count - 1, sets, alpha) < SURE:
        return "nearly holds" if count <= NEARLY * alpha * sets else "fails"
    return "conservative" if stats.binom.cdf(count, sets, alpha) < SURE else "holds"


def _shown(passed: Iterable[np.ndarray], name: str, sets: int) -> Iterable[np.ndarray]:
    return progress(passed, f"data sets, {name}", sets, size=len)


def _passed(trial: Trial, seed: int, batch: Sequence[int]) -> np.ndarray:
    """Return whether anything passed, in each data set, test and correction ``(n_sets, n_tests, n_corrections)``.

    It is NaN where nothing could be tested.
    """
    found = np.zeros((len(batch), len(trial.tests), len(CORRECTIONS)))
    for row, number in zip(found, batch, strict=True):
        random = np.random.default_rng([seed, crc32(trial.name.encode()), number])
        families = trial.source.draw(random)
        for counted, asked in zip(row, trial.tests, strict=True):
            own = replace(asked, model=replace(asked.model, seed=int(random.integers(2**31))))
            counted[:] = _found(own, families, trial)
    return found


def _found(asked: Question, families: Sequence[Family], trial: Trial) -> list[float]:
    joined = EdgeNetworks(asked, trial.n_parcels, trial.blocks)
    primary, others, networks, edges = asked.tested(families, joined.listeners)
    least = [primary.p, others.p_fwe, networks.p_fwe, edges.p_fwe, edges.q_fdr]
    if joined.listeners:
        least += [joined.nbs.result().p_edge, joined.scores.result().p_fwe, joined.blocks.result().p_fwe]
    least += [np.empty(0)] * (len(CORRECTIONS) - len(least))
    smallest = [np.min(p, initial=np.inf, where=np.isfinite(p)) for p in least]
    return [float(p <= asked.model.alpha + sys.float_info.epsilon) if p < np.inf else np.nan for p in smallest]
