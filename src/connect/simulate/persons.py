"""What is planted in the simulated persons besides their scans: hormones, attachment, and when they came.

Relations with the planted change of the coupling are exact over the participants of an arm with two good scans, by
noise that is orthogonal to it, so that they do not depend on the luck of the draw.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np

from connect.settings.score import Score
from connect.simulate.courses import orthonormal
from connect.simulate.planted import ARMS, LEVELS, NO_POST, RESTLESS, SESSIONS, Participant

LEFT_OUT = (NO_POST, RESTLESS)
"""Who has no two good scans."""
OXYTOCIN, OXYTOCIN_SPREAD = 11.0, 5.0
"""Oxytocin in plasma before: mean and SD over participants, pg/mL."""
OXYTOCIN_SLOPE, OXYTOCIN_NOISE = 20.0, 1.5
"""Change of oxytocin for a change of the coupling by 1, and the SD of what is added to it, pg/mL."""
DETECTED = 5.0
"""Limit of detection of oxytocin, pg/mL."""
NO_BLOOD = ("sub-16", "post")
"""Whose oxytocin was not measured, and in which session."""

MINUTES = (0, 30, 45, 60)
"""Times of the samples of cortisol after awakening."""
CORTISOL, RISE = 12.0, (1.0, 1.6, 1.5, 1.2)
"""Cortisol at awakening: geometric mean (nmol/L), and the course after it; it peaks after 30 to 45 min (Stalder et al.
2016, Psychoneuroendocrinology 63:414, doi:10.1016/j.psyneuen.2015.10.010)."""
CORTISOL_SPREAD = (0.25, 0.15, 0.08)
"""SD of the logarithm between participants, between their sessions, and between samples."""
LOST_SAMPLE = ("sub-05", "pre", 45)
"""A sample of cortisol that was lost: participant, session, minutes."""

ANXIETY, AVOIDANCE, AVOIDANCE_SPREAD = 3.5, 3.0, 0.9
"""Means of the attachment traits, in points of the ECR-R (1 to 7), and the SD of avoidance."""
MODERATION, ANXIETY_NOISE = 1.0, 0.35
"""Points by which anxiety is lower for each SD of the change of coupling with training, and the SD of what is added."""
RETEST, ITEM_SPREAD = 0.15, 0.9
"""SD of a trait between the sessions of a person, and of the answers around it."""
SKIPPED, N_SKIPPED = ("sub-02", "pre"), 8
"""Who left out a page of the questionnaire, and how many items stand on it, from the first."""
N_LOST_ITEMS = 6
"""Single answers that are missing elsewhere."""

WEEKS, WEEKS_SPREAD = 8.0, 2.0
"""Weeks between the sessions: mean and largest difference from it."""


@dataclass(frozen=True)
class Person:
    """What is planted in a participant besides the scans; in each session by its label.

    Attributes
    ----------
    scanned
        The participant.
    anxiety, avoidance
        Attachment traits, in points of the ECR-R.
    oxytocin
        pg/mL, also where it is below the limit of detection or was not measured.
    cortisol
        nmol/L at :data:`MINUTES`.
    answers
        To the items of the ECR-R as the person ticked them; None where one is missing.
    dates
        Date and time of the sessions, shifted as BIDS has them.
    """

    scanned: Participant
    anxiety: float
    avoidance: float
    oxytocin: Mapping[str, float]
    cortisol: Mapping[str, tuple[float, ...]]
    answers: Mapping[str, tuple[int | None, ...]]
    dates: Mapping[str, datetime]

    @property
    def weeks(self) -> float:
        """Weeks from the first to the second session."""
        return (self.dates["post"] - self.dates["pre"]) / timedelta(weeks=1)


def meet(rng: np.random.Generator, cohort: Sequence[Participant], key: Score) -> list[Person]:
    """Draw what is planted in the participants besides their scans, in their order.

    Parameters
    ----------
    rng
        Generator of its own, so that the scans stay what they are.
    cohort
        The participants.
    key
        Scoring key of the ECR-R.
    """
    made: dict[str, Person] = {}
    for arm in ARMS:
        own = [person for person in cohort if person.arm == arm]
        change = np.array([change_of(person) for person in own])
        anxiety, avoidance, noise = _traits(
            rng, change, np.array([person.label not in LEFT_OUT for person in own]), arm
        )
        before = OXYTOCIN + OXYTOCIN_SPREAD * rng.permutation(LEVELS)
        after = before + OXYTOCIN_SLOPE * change + OXYTOCIN_NOISE * noise
        gaps = np.round(7 * (WEEKS + WEEKS_SPREAD * rng.permutation(LEVELS) / LEVELS.max()))
        for row, person in enumerate(own):
            made[person.label] = Person(
                scanned=person,
                anxiety=round(float(anxiety[row]), 2),
                avoidance=round(float(avoidance[row]), 2),
                oxytocin={"pre": round(float(before[row]), 2), "post": round(float(after[row]), 2)},
                cortisol=_cortisol(rng),
                answers=_answers(rng, anxiety[row], avoidance[row], key),
                dates=_dates(rng, int(gaps[row])),
            )
    return _lose(rng, [made[person.label] for person in cohort])


def change_of(person: Participant) -> float:
    """Return the planted change of the coupling, also of who has no second scan."""
    return person.coupling["post"] - person.coupling["pre"]


def facts(persons: Sequence[Person]) -> dict[str, str]:
    """Return what is planted, in words and numbers by name, for the README of the cohort."""
    pairs = [person for person in persons if person.scanned.label not in LEFT_OUT]
    measured = [person for person in pairs if person.scanned.label != NO_BLOOD[0]]
    anxious = {arm: _r([(p.anxiety, change_of(p.scanned)) for p in pairs if p.scanned.arm == arm]) for arm in ARMS}
    within = {arm: _r([(_rise(p), change_of(p.scanned)) for p in measured if p.scanned.arm == arm]) for arm in ARMS}
    seen = [p.oxytocin[s] for p in persons for s in p.scanned.sessions if (p.scanned.label, s) != NO_BLOOD]
    return {
        "oxytocin_slope": f"{OXYTOCIN_SLOPE:g}",
        "oxytocin_noise": f"{OXYTOCIN_NOISE:g}",
        "oxytocin_r": f"{_r([(_rise(p), change_of(p.scanned)) for p in measured]):.2f}",
        "oxytocin_n": str(len(measured)),
        **{f"oxytocin_r_{arm}": f"{r:.2f}" for arm, r in within.items()},
        **{f"anxiety_r_{arm}": f"{r:.2f}" for arm, r in anxious.items()},
        "anxiety": f"{ANXIETY:g}",
        "moderation": f"{MODERATION:g}",
        "anxiety_noise": f"{ANXIETY_NOISE:g}",
        "detected": f"{DETECTED:g}",
        "n_below": str(sum(value < DETECTED for value in seen)),
        "no_blood": " ".join(NO_BLOOD),
        "lost_sample": "{} {}, {} min".format(*LOST_SAMPLE),
        "skipped": " ".join(SKIPPED),
        "n_skipped": str(N_SKIPPED),
        "n_lost_items": str(N_LOST_ITEMS),
        "weeks_low": f"{min(p.weeks for p in persons):.1f}",
        "weeks_high": f"{max(p.weeks for p in persons):.1f}",
        "persons": "\n".join(map(_row, persons)),
    }


def _traits(
    rng: np.random.Generator, change: np.ndarray, kept: np.ndarray, arm: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return anxiety, avoidance and the noise of oxytocin (SD 1): orthogonal to the change, but for one with training.

    Exactly so over those who are kept; the others get what is drawn.
    """
    courses = np.column_stack([change, rng.standard_normal((len(change), 4))])
    courses[:, 0] = (change - change[kept].mean()) / change[kept].std()
    courses[kept] = orthonormal(courses[kept])
    own, anxious, other, avoidant, noise = courses.T
    shared = own if arm == "training" else other
    return ANXIETY - MODERATION * shared + ANXIETY_NOISE * anxious, AVOIDANCE + AVOIDANCE_SPREAD * avoidant, noise


def _cortisol(rng: np.random.Generator) -> dict[str, tuple[float, ...]]:
    person, sessions, samples = (
        spread * rng.standard_normal(shape)
        for spread, shape in zip(CORTISOL_SPREAD, ((), (len(SESSIONS), 1), (len(SESSIONS), len(MINUTES))), strict=True)
    )
    values = CORTISOL * np.array(RISE) * np.exp(person + sessions + samples)
    return {session: tuple(round(float(one), 1) for one in own) for session, own in zip(SESSIONS, values, strict=True)}


def _answers(
    rng: np.random.Generator, anxiety: float, avoidance: float, key: Score
) -> dict[str, tuple[int | None, ...]]:
    """Return what a person ticks in each session: the trait, and what is added in the session and by the item."""
    low, high = key.responses
    trait = np.full(key.items, anxiety)
    trait[np.array(key.scales["avoidance"]) - 1] = avoidance
    turned = np.isin(np.arange(1, key.items + 1), key.reverse)
    shifts = {"pre": 0.0, "post": RETEST * float(rng.standard_normal())}
    ticked: dict[str, tuple[int | None, ...]] = {}
    for session, shift in shifts.items():
        meant = trait + shift + ITEM_SPREAD * rng.standard_normal(key.items)
        points = np.clip(np.round(meant), low, high).astype(int)
        ticked[session] = tuple(int(one) for one in np.where(turned, low + high - points, points))
    return ticked


def _dates(rng: np.random.Generator, days: int) -> dict[str, datetime]:
    """Return the dates of the sessions, at any time of the working day, with a shift before 1925 as BIDS asks for."""
    first = datetime(1902, 1, 1) + timedelta(days=int(rng.integers(0, 3000)))
    times = [timedelta(hours=9, minutes=15 * int(rng.integers(0, 29))) for _ in SESSIONS]
    return {"pre": first + times[0], "post": first + timedelta(days=days) + times[1]}


def _lose(rng: np.random.Generator, persons: Sequence[Person]) -> list[Person]:
    """Take answers out: a page of one person, and single ones elsewhere."""
    others = [(p.scanned.label, s) for p in persons for s in p.scanned.sessions if (p.scanned.label, s) != SKIPPED]
    lost = {others[place]: [int(rng.integers(0, 36))] for place in rng.permutation(len(others))[:N_LOST_ITEMS]}
    lost[SKIPPED] = list(range(N_SKIPPED))
    made = []
    for person in persons:
        answers = {
            session: tuple(
                None if item in lost.get((person.scanned.label, session), ()) else one for item, one in enumerate(own)
            )
            for session, own in person.answers.items()
        }
        made.append(replace(person, answers=answers))
    return made


def _rise(person: Person) -> float:
    return person.oxytocin["post"] - person.oxytocin["pre"]


def _r(pairs: Sequence[tuple[float, float]]) -> float:
    return float(np.corrcoef(np.array(pairs).T)[0, 1])


def _row(person: Person) -> str:
    scanned = person.scanned
    cells = [scanned.label, scanned.arm]
    cells += [f"{change_of(scanned):.3f}" if "post" in scanned.sessions else "-"]
    cells += [f"{person.weeks:.2f}" if "post" in scanned.sessions else "-"]
    cells += [f"{person.oxytocin[session]:.2f}" if session in scanned.sessions else "-" for session in SESSIONS]
    return f"| {' | '.join([*cells, f'{person.anxiety:.2f}', f'{person.avoidance:.2f}'])} |"
