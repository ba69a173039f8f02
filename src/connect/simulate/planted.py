"""What is planted in the simulated cohort: the participants, how they differ, and what is wrong on purpose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

SESSIONS = ("pre", "post")
ARMS = ("training", "waiting")

COUPLING, COUPLING_SPREAD = 0.05, 0.06
"""Correlation of the emotion with the cognition system before the intervention: mean and SD over participants."""
CHANGE: Mapping[str, float] = {"training": 0.55, "waiting": 0.0}
"""Mean change of the coupling in each arm."""
CHANGE_SPREAD = 0.1
"""SD of the change between participants, in either arm."""
MEAN_FD, FD_SPREAD, FD_CHANGE = 0.18, 1.55, 1.4
"""Mean framewise displacement: median (mm), the factor by which it differs between participants for each SD, and the
factor by which it changes from a participant's first to the second session for each SD. Motion is a trait that repeats
from scan to scan (Couvy-Duchesne et al. 2014, NeuroImage 102:424, doi:10.1016/j.neuroimage.2014.08.010)."""

NO_POST = "sub-06"
RESTLESS, RESTLESS_FD = "sub-11", 0.9
"""Who moves too much in the second session, and the mean framewise displacement there, mm."""
CUT_OFF = "sub-04"
"""Whose field of view lacks the low left end of the cerebellum, in both sessions."""

LEVELS = np.array([-1.5, -0.9, -0.5, -0.15, 0.15, 0.5, 0.9, 1.5])
"""Standardised values that each arm gets, each in an order of its own."""


@dataclass(frozen=True)
class Participant:
    """A simulated participant, with what is planted in each session by its label.

    Attributes
    ----------
    number
        From 1.
    arm
        ``training`` or ``waiting``.
    age
        Years.
    sex
        ``F`` or ``M``.
    coupling
        Correlation of the time course of the emotion system with that of the cognition system.
    mean_fd
        Mean framewise displacement, mm.
    """

    number: int
    arm: str
    age: int
    sex: str
    coupling: Mapping[str, float]
    mean_fd: Mapping[str, float]

    @property
    def label(self) -> str:
        """Such as ``sub-01``."""
        return f"sub-{self.number:02d}"

    @property
    def sessions(self) -> tuple[str, ...]:
        """The sessions that were scanned."""
        return SESSIONS[:1] if self.label == NO_POST else SESSIONS


def recruit(rng: np.random.Generator) -> list[Participant]:
    """Draw the participants, from one arm and the other in turn, alike in all but the change of coupling.

    Both arms get the same spread of values around their means, each in an order of its own, so that what is planted in
    an arm does not depend on the luck of the draw.
    """
    columns = [_arm(rng, arm) for arm in ARMS]
    return [column[row] for row in range(LEVELS.size) for column in columns]


def facts(cohort: Sequence[Participant]) -> dict[str, str]:
    """Return what is planted, in words and numbers by name, for the README of the cohort."""
    pairs = [person for person in cohort if person.label not in (NO_POST, RESTLESS)]
    fds = [p.mean_fd[session] for p in cohort for session in p.sessions if (p.label, session) != (RESTLESS, "post")]
    kept = {arm: [p.coupling["post"] - p.coupling["pre"] for p in pairs if p.arm == arm] for arm in ARMS}
    return {
        **{f"change_{arm}": f"{CHANGE[arm]:g}" for arm in ARMS},
        **{f"kept_{arm}": f"{np.mean(changes):.2f}" for arm, changes in kept.items()},
        "change_spread": f"{CHANGE_SPREAD:g}",
        "fd_low": f"{min(fds):.2f}",
        "fd_high": f"{max(fds):.2f}",
        "fd_spread": f"{FD_SPREAD:g}",
        "fd_change": f"{FD_CHANGE:g}",
        "no_post": NO_POST,
        "restless": RESTLESS,
        "restless_fd": f"{RESTLESS_FD:g}",
        "cut_off": CUT_OFF,
        "participants": "\n".join(map(_row, cohort)),
    }


def _arm(rng: np.random.Generator, arm: str) -> list[Participant]:
    start, change, fd, change_fd = (rng.permutation(LEVELS) for _ in range(4))
    ages, sexes = rng.permutation(np.arange(24, 48, 3)), rng.permutation(list("FFFFMMMM"))
    people = []
    for row in range(LEVELS.size):
        number = len(ARMS) * row + ARMS.index(arm) + 1
        before = COUPLING + COUPLING_SPREAD * start[row]
        after = before + CHANGE[arm] + CHANGE_SPREAD * change[row]
        own_fd, moved = MEAN_FD * FD_SPREAD ** fd[row], FD_CHANGE ** change_fd[row]
        pre_fd = own_fd / np.sqrt(moved)
        post_fd = RESTLESS_FD if f"sub-{number:02d}" == RESTLESS else own_fd * np.sqrt(moved)
        coupling = {"pre": round(before, 3), "post": round(after, 3)}
        mean_fd = {"pre": round(pre_fd, 3), "post": round(post_fd, 3)}
        people.append(Participant(number, arm, int(ages[row]), str(sexes[row]), coupling, mean_fd))
    return people


def _row(person: Participant) -> str:
    notes = {NO_POST: "no post session", RESTLESS: "post session too restless", CUT_OFF: "one parcel out of view"}
    cells = [person.label, person.arm]
    for planted in (person.coupling, person.mean_fd):
        cells += [f"{planted[session]:.3f}" if session in person.sessions else "-" for session in SESSIONS]
    return f"| {' | '.join(cells)} | {notes.get(person.label, '')} |"
