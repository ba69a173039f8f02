"""Scenarios: cohorts of the design of a model, with data that are not as a test would like them.

A scenario spoils one thing at a time; one that a model does not have is refused with the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from connect.challenge.draws import LARGE, Cohort
from connect.compare.families import Regions
from connect.design import design
from connect.errors import UserError
from connect.formulas import motion_of
from connect.outcome import Outcome
from connect.settings.model import Model, words_of


@dataclass(frozen=True)
class Base:
    """What scenarios start from.

    Parameters
    ----------
    outcome
        Rows of the model in the user's cohort.
    sessions
        One row per session: participant_id, phase.
    model
        The model.
    arms
        Column of the arms that it compares, or empty.
    levels
        The two of them whose difference is asked, or none.
    regions
        Parcels.
    seed
        Seed of what scenarios choose at random.
    where
        The model's file, for error messages.
    """

    outcome: Outcome
    sessions: pd.DataFrame
    model: Model
    arms: str
    levels: tuple[str, ...]
    regions: Regions
    seed: int
    where: object

    @property
    def random(self) -> np.random.Generator:
        """A generator that starts anew each time."""
        return np.random.default_rng(self.seed)

    def cohort(self, **changed: object) -> Cohort:
        """Return the cohort of normal data, or what is changed in it.

        Raises
        ------
        UserError
            If the contrast is the mean of what is not 0 without an effect, such as connectivity before.
        """
        if self.model.contrast.strip() == "mean" and np.any(np.abs(self.outcome.weights.sum(axis=1)) > 1e-9):
            must = "a contrast that is 0 without an effect, such as a mean change"
            raise UserError(self.where, must, f"`mean` of {self.model.outcome}", "compare groups or sessions")
        n = len(self.sessions)
        person = pd.factorize(self.sessions["participant_id"])[0]
        plain = Cohort(self.outcome, self.regions, person, "normal", np.zeros(n, bool), np.ones(n), np.zeros(n))
        return replace(plain, **changed)  # type: ignore[arg-type]

    def scaled(self, people: Sequence[str]) -> np.ndarray:
        """Return the relative standard deviation of each session if some participants vary more."""
        return np.where(self.sessions["participant_id"].isin(people), LARGE, 1.0)

    @property
    def strength(self) -> pd.Series[float]:
        """How strongly the contrast weighs each participant, with motion left out of the model."""
        effect = _effect(self.outcome.rows, self.model, self.where)
        return pd.Series(np.abs(effect)).groupby(self.outcome.rows["participant_id"], sort=False).max()

    def arm(self, *, smaller: bool) -> list[str]:
        """Return the participants of the smallest or the largest arm; without arms a quarter, those who weigh most."""
        rows = self.outcome.rows.drop_duplicates("participant_id")
        if not self.arms:
            ordered = self.strength.sort_values(ascending=not smaller, kind="stable")
            return list(ordered.index[: max(2, len(ordered) // 4)])
        counts = rows[self.arms].astype(str).value_counts().sort_index()
        counts = counts[list(self.levels) or list(counts.index)]
        chosen = counts.idxmin() if smaller else counts[::-1].idxmax()
        return list(rows.loc[rows[self.arms].astype(str) == chosen, "participant_id"])


Scenario = Callable[[Base], Cohort]
SCENARIOS: dict[str, Scenario] = {}
"""Simulated cohorts by name."""

ABOUT: dict[str, tuple[str, str]] = {}
"""What each is, in words, in models with arms and without."""


def scenario(name: str, about: str, alone: str = "") -> Callable[[Scenario], Scenario]:
    """Register a scenario with what it is in words, and in others for models without arms."""

    def register(function: Scenario) -> Scenario:
        SCENARIOS[name], ABOUT[name] = function, (about, alone or about)
        return function

    return register


@scenario("normal", "normal data")
def normal(base: Base) -> Cohort:
    """Return normal data."""
    return base.cohort()


@scenario("heavy-tails", "heavy tails (t with 3 degrees of freedom)")
def heavy_tails(base: Base) -> Cohort:
    """Return data with heavy tails."""
    return base.cohort(shape="heavy")


@scenario("skew", "skewed changes (exponential, skewness about 1)")
def skew(base: Base) -> Cohort:
    """Return data that are skewed in the sessions that are not before; in a model of those before, in them."""
    late = base.sessions["phase"] != "pre"
    return base.cohort(late=(~late if base.model.outcome == "pre" else late).to_numpy())


@scenario(
    "smaller-varies",
    "the smaller arm varies more (four times the variance)",
    "a quarter of the participants varies more (four times the variance)",
)
def smaller_varies(base: Base) -> Cohort:
    """Return data in which the smallest arm, or those who weigh most in a slope, have four times the variance."""
    return base.cohort(scale=base.scaled(base.arm(smaller=True)))


@scenario("larger-varies", "the larger arm varies more (four times the variance)")
def larger_varies(base: Base) -> Cohort:
    """Return data in which the largest arm has four times the variance."""
    _check_arms(base)
    return base.cohort(scale=base.scaled(base.arm(smaller=False)))


@scenario("motion", "motion goes along with what is compared")
def motion(base: Base) -> Cohort:
    """Return the participants' own motion, shifted along the contrast, to which edges are sensitive."""
    rows, name = base.outcome.rows, motion_of(base.model)
    if name in words_of(base.model.contrast):
        must = "a contrast that is not on motion itself"
        raise UserError(base.where, must, f"`{base.model.contrast}`", "read the other scenarios")
    fd = rows[name].to_numpy(dtype=np.float64)
    moved = (fd - fd.mean()) / (fd.std(ddof=1) or 1.0) + _effect(rows, base.model, base.where)
    outcome = replace(base.outcome, rows=rows.assign(**{name: moved}))
    return base.cohort(outcome=outcome, motion=np.linalg.pinv(outcome.weights.toarray()) @ moved)


@scenario("unequal-arms", "arms of 3 to 1 or more, the smaller one varies more")
def unequal_arms(base: Base) -> Cohort:
    """Return the same participants in arms of 3 to 1, the smaller one with four times the variance.

    Some leave the smallest of the arms that are compared for the others, unless it is a quarter of them already.
    """
    _check_arms(base)
    rows, small = base.outcome.rows, base.arm(smaller=True)
    arm = rows.drop_duplicates("participant_id").set_index("participant_id")[base.arms]
    compared = arm[arm.astype(str).isin(base.levels)] if base.levels else arm
    fewer = max(2, round(len(compared) / 4))
    leaving = list(base.random.permutation(small)[fewer:])
    arm[leaving] = base.random.permutation(compared.drop(small).to_numpy())[: len(leaving)]
    moved = replace(base.outcome, rows=rows.assign(**{base.arms: rows["participant_id"].map(arm)}))
    return base.cohort(outcome=moved, scale=base.scaled([one for one in small if one not in leaving]))


@scenario(
    "missing-sessions",
    "sessions after are missing: 30 % in one arm, 10 % elsewhere",
    "sessions after are missing: 30 % in a quarter, 10 % elsewhere",
)
def missing_sessions(base: Base) -> Cohort:
    """Return the cohort without some sessions, by chance, more of them in the smallest arm."""
    small = base.sessions["participant_id"].isin(base.arm(smaller=True)).to_numpy()
    late = (base.sessions["phase"] != "pre").to_numpy()
    gone = (base.random.uniform(size=len(late)) < np.where(small, 0.3, 0.1)) & late
    rows, before, weights = base.outcome.rows, base.outcome.baseline, base.outcome.weights.toarray()
    if not weights[:, late].any():
        raise UserError(base.where, "a model of sessions after", f"outcome `{base.model.outcome}`", "nothing to do")
    lost = rows.loc[(weights[:, gone] != 0).any(axis=1), "participant_id"]
    kept = (weights[:, gone] == 0).all(axis=1)
    if base.model.outcome != "sessions":
        kept &= ~rows["participant_id"].isin(lost).to_numpy()
    left = replace(
        base.outcome,
        rows=rows[kept].reset_index(drop=True),
        weights=base.outcome.weights[kept],
        baseline=None if before is None else before[kept],
    )
    return base.cohort(outcome=left)


def _check_arms(base: Base) -> None:
    if not base.arms:
        raise UserError(base.where, "a contrast of arms", f"`{base.model.contrast}`", "read the other scenarios")


def _effect(rows: pd.DataFrame, model: Model, where: object) -> np.ndarray:
    """Return the direction ``(n_rows,)`` of the contrast in a model without motion.

    Its standard deviation is 0.5, that of two arms of equal size one unit apart; for a mean change it is 1 throughout.
    """
    made = design(rows, replace(model, motion_covariate=False), where)
    effect: np.ndarray = made.effect.sum(axis=1)
    if made.flips:
        return effect
    return effect / max(2 * float(effect.std()), np.finfo(float).tiny)
