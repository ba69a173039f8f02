"""One design for each way to test, on which all laws are tried: a key of `METHODS` without a design fails a law.

Run as a module, it prints a digest of all numbers of every design, to compare processes with different threads.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from connect.compare.networks import EdgeNetworks
from connect.inference.permutation import Listener
from connect.parcels import Block
from connect.question import Family, Question, question
from connect.settings.model import Model

N = 12
ARMS = "arm[training] - arm[waiting]"
OTHER_ARMS = "arm[waiting] - arm[training]"
ALL = 5000
"""Permutations of a model that enumerates them."""

_RNG = np.random.default_rng(0)
PEOPLE = pd.DataFrame(
    {
        "participant_id": [f"sub-{row:02d}" for row in range(N)],
        "part": 0,
        "arm": ["training", "waiting"] * 6,
        "group": ["a", "b", "c"] * 4,
        "site": ["north"] * 6 + ["south"] * 6,
        "family": np.repeat(list("uvwxyz"), 2),
        "age": _RNG.integers(20, 60, N).astype(float),
        "fd_change": _RNG.normal(0, 0.05, N),
    }
)
UNEVEN = pd.DataFrame(
    {
        "participant_id": [f"sub-{row:02d}" for row in range(30)],
        "part": 0,
        "arm": ["training", "waiting", "waiting"] * 10,
        "group": ["a", "b", "c"] * 10,
        "site": ["north"] * 15 + ["south"] * 15,
        "family": np.repeat(list("abcdefghijklmno"), 2),
        "age": _RNG.integers(20, 60, 30).astype(float),
    }
)
"""Arms of as many participants as tell their variance in a model with a covariate."""

CONDITIONS = pd.concat([PEOPLE, PEOPLE.assign(part=1)], ignore_index=True)
SESSIONS = (
    PEOPLE.merge(pd.DataFrame({"phase": ["pre", "post", "other"], "weeks": [0.0, 8.0, 20.0]}), how="cross")
    .assign(weeks=lambda rows: rows["weeks"] + _RNG.uniform(0, 2, len(rows)) * (rows["phase"] != "pre"))
    .drop(index=[4, 12, 17, 30])
    .reset_index(drop=True)
)


@dataclass(frozen=True)
class Case:
    """A question that is asked.

    Parameters
    ----------
    method
        Key of `METHODS` that it must come to.
    formula, contrast, options
        Of the model.
    rows
        Of the model.
    exact
        Number of arrangements if all are enumerated, else 0.
    backwards
        The contrast with its sign changed, if it has one that can be written so.
    before
        Whether every edge has a value before of its own.
    together
        Whether several rows are tested by F.
    """

    method: str
    formula: str
    contrast: str
    rows: pd.DataFrame = field(default_factory=lambda: PEOPLE)
    exact: int = 0
    backwards: str = ""
    before: bool = False
    together: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def random_p(self) -> bool:
        """Whether p is counted over rearrangements."""
        return self.method != "mixed"

    @property
    def precision(self) -> float:
        """Relative error of statistics: those of arms of unequal variance come in single precision."""
        return 2e-5 if self.method == "unequal" else 1e-7


RESIDUALS: Mapping[str, Any] = {"test": "residuals"}
UNEQUAL: Mapping[str, Any] = {"test": "unequal"}
LABELS: Mapping[str, Any] = {"test": "labels"}
MIXED: Mapping[str, Any] = {"outcome": "sessions"}
WITHIN: Mapping[str, Any] = {"outcome": "sessions", "correlation": "repeated"}
CASES = {
    "mean": Case("flips", "~ 1", "mean", exact=2**N),
    "mean, covariate": Case("flips", "~ age", "mean"),
    "mean, motion": Case("flips", "~ 1", "mean", options={"motion_covariate": True}),
    "mean, families": Case("flips", "~ 1", "mean", exact=2**6, options={"whole_block": "family"}),
    "mean, value before": Case(
        "flips", "~ pre", "mean", before=True, options={"condition": "a - b"}
    ),
    "three conditions": Case(
        "flips", "~ 1", "mean", CONDITIONS, exact=2**N, together=True, options={"condition": "a, b, c"}
    ),
    "two arms": Case("residuals", "~ arm", ARMS, exact=924, backwards=OTHER_ARMS, options=RESIDUALS),
    "two arms, covariate": Case("residuals", "~ arm + age", ARMS, backwards=OTHER_ARMS, options=RESIDUALS),
    "two of three arms": Case(
        "residuals", "~ group", "group[c] - group[a]", backwards="group[a] - group[c]", options=RESIDUALS
    ),
    "three arms": Case("residuals", "~ group", "group", together=True, options=RESIDUALS),
    "three arms, covariate": Case("residuals", "~ group + age", "group", together=True, options=RESIDUALS),
    "arms and conditions": Case(
        "residuals", "~ arm", ARMS, CONDITIONS, exact=924, together=True, options={"condition": "a, b, c", **RESIDUALS}
    ),
    "slope": Case("residuals", "~ age + arm", "age", options=RESIDUALS),
    "interaction": Case(
        "residuals", "~ age * arm", f"age : {ARMS}", backwards=f"age : {OTHER_ARMS}", options=RESIDUALS
    ),
    "two arms within sites": Case(
        "residuals", "~ arm + site", ARMS, exact=400, backwards=OTHER_ARMS,
        options={"within_block": "site", **RESIDUALS},
    ),
    "slope, families": Case("residuals", "~ age", "age", options={"whole_block": "family", **RESIDUALS}),
    "value before": Case("residuals", "~ pre + arm + age", ARMS, backwards=OTHER_ARMS, before=True),
    "value before, three arms": Case("residuals", "~ pre + group", "group", before=True, together=True),
    "value before, slope within sites": Case(
        "residuals", "~ pre + age + site", "age", before=True, options={"within_block": "site"}
    ),
    "unequal arms": Case("unequal", "~ arm", ARMS, exact=924, backwards=OTHER_ARMS),
    "unequal arms, covariate": Case("unequal", "~ arm + age", ARMS, UNEVEN, backwards=OTHER_ARMS),
    "unequal arms, two of three": Case(
        "unequal", "~ group", "group[c] - group[a]", UNEVEN, backwards="group[a] - group[c]"
    ),
    "unequal arms, three": Case("unequal", "~ group + age", "group", UNEVEN, together=True, options=UNEQUAL),
    "unequal arms, slope": Case("unequal", "~ age + arm", "age", UNEVEN, options=UNEQUAL),
    "unequal arms, slopes": Case(
        "unequal", "~ age * arm", f"age : {ARMS}", UNEVEN, backwards=f"age : {OTHER_ARMS}", options=UNEQUAL
    ),
    "unequal arms within sites": Case(
        "unequal", "~ arm + site", ARMS, UNEVEN, backwards=OTHER_ARMS, options={"within_block": "site", **UNEQUAL}
    ),
    "unequal arms, families": Case(
        "unequal", "~ arm", ARMS, UNEVEN, backwards=OTHER_ARMS, options={"whole_block": "family", **UNEQUAL}
    ),
    "labels": Case("labels", "~ arm", ARMS, exact=924, backwards=OTHER_ARMS, options=LABELS),
    "labels, covariate": Case("labels", "~ arm + age", ARMS, backwards=OTHER_ARMS, options=LABELS),
    "labels, three arms": Case("labels", "~ group + age", "group", together=True, options=LABELS),
    "labels within sites": Case(
        "labels", "~ arm + age", ARMS, backwards=OTHER_ARMS, options={"within_block": "site", **LABELS}
    ),
    "labels, value before": Case(
        "labels", "~ pre + arm", ARMS, exact=924, backwards=OTHER_ARMS, before=True, options=LABELS
    ),
    "sessions, slope": Case("mixed", "~ weeks", "weeks", SESSIONS, exact=2**N, options=MIXED),
    "sessions, slopes of arms": Case(
        "mixed", "~ arm * weeks + age", f"weeks : {ARMS}", SESSIONS, backwards=f"weeks : {OTHER_ARMS}",
        options=MIXED,
    ),
    "sessions, phases": Case("mixed", "~ phase", "phase", SESSIONS, together=True, options=MIXED),
    "sessions, three arms": Case(
        "mixed", "~ group * weeks", "weeks : group", SESSIONS, together=True, options=MIXED
    ),
    "sessions, families": Case(
        "mixed", "~ weeks", "weeks", SESSIONS, exact=2**6, options={"whole_block": "family", **MIXED}
    ),
    "sessions, within participants": Case("repeated", "~ weeks", "weeks", SESSIONS, exact=2**N, options=WITHIN),
}  # fmt: skip
"""What a design is about, and the design."""

JOINED = [name for name, case in CASES.items() if not case.together]
"""Designs whose edges are joined to networks: those whose contrast has a sign."""


def ask(name: str, rows: pd.DataFrame | None = None, **options: Any) -> Question:
    """Return the question of a design; with other rows or settings of the model if they are given."""
    case = CASES[name]
    known = {"question": "?", "formula": case.formula, "contrast": case.contrast, "motion_covariate": False}
    known |= {"permutations": ALL if case.exact else 199, **case.options}
    return question(case.rows if rows is None else rows, Model(**{**known, **options}), "model.yaml")


def families(name: str, *outcomes: np.ndarray, seed: int = 3) -> list[Family]:
    """Return families of columns; the values before of a column are the same in every family and number of columns."""
    case, found = CASES[name], []
    for outcome in outcomes:
        n = len(outcome)
        columns = [np.random.default_rng([seed, column]).normal(0.4, 0.3, n) for column in range(outcome.shape[1])]
        found.append(Family(outcome, np.stack(columns, axis=1) if case.before else None))
    return found


def answer(asked: Question, family: Family, listeners: Sequence[Listener] = ()) -> dict[str, np.ndarray]:
    """Return all numbers of one family of columns by their names."""
    fit, tested = asked.evaluate([family], listeners)[0]
    return {**vars(fit), **vars(tested)}


def noise(name: str, n_columns: int, rng: np.random.Generator) -> np.ndarray:
    """Return normal values without an effect ``(n_rows, n_columns)``, with all that the design allows to differ.

    Families, or else participants with several sessions, have something in common, sites their own level and spread,
    and arms their own spread where the test lets them.
    """
    case = CASES[name]
    rows, values = case.rows, rng.normal(0, 0.3, (len(case.rows), n_columns))
    if case.method == "unequal":
        values *= np.where((rows["arm"] if "arm" in case.formula else rows["group"]).isin(["training", "a"]), 2, 1)[
            :, None
        ]
    if "within_block" in case.options:
        south = (rows["site"] == "south").to_numpy()[:, None]
        values = np.where(south, 1 + 3 * values, values)
    common = case.options.get("whole_block", "participant_id" if case.method in ("mixed", "repeated") else "")
    if common:
        unit = pd.factorize(rows[common])[0]
        values += rng.normal(0, 0.3, (unit.max() + 1, n_columns))[unit]
    return values


def example(name: str, n_columns: int = 4, seed: int = 2) -> np.ndarray:
    """Return values with a small effect in all columns ``(n_rows, n_columns)``, the same however many there are."""
    n = len(CASES[name].rows)
    return np.stack([np.random.default_rng([seed, column]).normal(0.1, 0.3, n) for column in range(n_columns)], axis=1)


def networks(asked: Question, n_parcels: int) -> EdgeNetworks:
    """Return what joins the edges of parcels, of which the even and the odd ones are two networks."""
    first, second = np.triu_indices(n_parcels, 1)
    odd = first % 2 + second % 2
    return EdgeNetworks(asked, n_parcels, [Block(str(n), str(n), np.flatnonzero(odd == n)) for n in range(3)])


def joined(asked: Question, family: Family, n_parcels: int) -> dict[str, np.ndarray]:
    """Return all numbers of the networks of edges by their names."""
    made = networks(asked, n_parcels)
    asked.tested([family], made.listeners)
    results = {"nbs": made.nbs.result(), "tfnbs": made.scores.result(), "cnbs": made.blocks.result()}
    return {f"{of}: {name}": value for of, found in results.items() for name, value in vars(found).items()}


def digest(found: Mapping[str, np.ndarray]) -> str:
    """Return a digest of the bytes of arrays."""
    return hashlib.sha256(b"".join(np.ascontiguousarray(value).tobytes() for value in found.values())).hexdigest()


def digests(names: Iterable[str], n_parcels: int = 36) -> dict[str, str]:
    """Return a digest of all numbers of each design, in as many edges as make the libraries use their threads."""
    found, n_edges = {}, n_parcels * (n_parcels - 1) // 2
    for name in names:
        family = families(name, example(name, n_edges))[0]
        asked = ask(name, permutations=199)
        numbers = answer(asked, family) | ({} if asked.together else joined(asked, family, n_parcels))
        found[name] = digest(numbers)
    return found


if __name__ == "__main__":
    json.dump(digests(CASES), sys.stdout)
