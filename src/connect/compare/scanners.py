"""Whether what is compared was measured on different scanners throughout: then no model can tell the two apart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from connect.errors import UserError
from connect.outcome import Outcome
from connect.question import Question
from connect.settings.cohort import Cohort


def check_scanners(scans: pd.DataFrame, outcome: Outcome, asked: Question, cohort: Cohort, where: object) -> None:
    """Check that the scanner is neither that of the session nor that of the arm.

    Parameters
    ----------
    scans
        `participant_id`, `session_id` and `scanner` of each kept scan; one that is not known counts for nothing.
    outcome
        Who is analysed.
    asked
        The model.
    cohort
        Says what each session stands for.
    where
        The table of scans, for error messages.

    Raises
    ------
    UserError
        If nobody's scanner was used in both sessions, or by both arms; if all of one arm changed it and nobody of the
        other did.
    """
    arms = _arms(outcome, asked)
    known = scans[scans["scanner"].map(lambda value: isinstance(value, str)) & scans["participant_id"].isin(arms)]
    phases = {f"ses-{label}": session.phase for label, session in cohort.sessions.items()}
    used: dict[tuple[str, str], set[str]] = {}
    for participant, session, scanner in known[["participant_id", "session_id", "scanner"]].itertuples(index=False):
        used.setdefault((participant, phases.get(session, "")), set()).add(scanner)
    if asked.model.outcome in ("pre", "post"):
        _check_arms({who: used.get((who, asked.model.outcome), set()) for who in arms}, arms, where)
    else:
        pairs = {who: (used.get((who, "pre"), set()), used.get((who, "post"), set())) for who in arms}
        _check_changes({who: pair for who, pair in pairs.items() if all(pair)}, arms, where)


def _arms(outcome: Outcome, asked: Question) -> dict[str, str]:
    """Return the arm of each participant in the contrast, or nothing for all if it compares none."""
    people, column = outcome.analysed, asked.asked.arms
    names = people[column].astype(str) if column in people else pd.Series("", index=people.index)
    arms = dict(zip(people["participant_id"], names, strict=True))
    levels = asked.asked.levels
    return {who: arm for who, arm in arms.items() if not (levels and column in people) or arm in levels}


def _check_arms(used: Mapping[str, set[str]], arms: Mapping[str, str], where: object) -> None:
    by_arm: dict[str, set[str]] = {}
    for who, scanners in used.items():
        by_arm.setdefault(arms[who], set()).update(scanners)
    if len(by_arm) > 1 and all(by_arm.values()) and not set.intersection(*by_arm.values()):
        _refuse("arms that share a scanner", by_arm, "the arm", where)


def _check_changes(pairs: Mapping[str, tuple[set[str], set[str]]], arms: Mapping[str, str], where: object) -> None:
    before, after = (set().union(*(pair[place] for pair in pairs.values())) for place in (0, 1))
    if len(set(arms.values())) == 1 and pairs and not before & after:
        _refuse("a scanner that was used before and after", {"pre": before, "post": after}, "the session", where)
    changed: dict[str, set[bool]] = {}
    for who, (pre, post) in pairs.items():
        changed.setdefault(arms[who], set()).add(not pre & post)
    if (
        len(changed) > 1
        and all(len(kinds) == 1 for kinds in changed.values())
        and len(set.union(*changed.values())) > 1
    ):
        got = {arm: ["another scanner after" if True in kinds else "the same scanner after"]
               for arm, kinds in changed.items()}  # fmt: skip
        _refuse("a change of scanner that is not that of the arm", got, "the arm", where)


def _refuse(must: str, found: Mapping[str, Iterable[Any]], what: str, where: object) -> None:
    got = "; ".join(f"{name}: {', '.join(sorted(values))}" for name, values in found.items())
    todo = f"compare something else: the effect of {what} and that of the scanner cannot be told apart"
    raise UserError(where, must, got, todo)
