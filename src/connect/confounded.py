"""Whether what is compared was acquired differently: on another scanner, at another site, with another TR.

Where all of one arm, or of one session, were measured in another way than all others, no model can tell the effect of
the two apart, and the model is refused. Where most were, the effect is told with a caution: see :data:`STRONG`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import chi2_contingency

from connect.errors import UserError
from connect.formulas import OF_SESSIONS
from connect.outcome import Outcome
from connect.question import Question
from connect.settings.cohort import Cohort
from connect.settings.model import words_of

STRONG = 0.5
"""Cramér's V from which an acquisition goes along with an arm or a session strongly.

V is corrected for chance (Bergsma 2013, J Korean Stat Soc 42:323, doi:10.1016/j.jkss.2012.10.002). Between two arms of
equal size and two scanners it is the difference of their shares: at 0.5, half of what the scanner does to connectivity
appears as an effect of the arm. Size counts and not p: what distorts the estimate is the imbalance that there is, by
chance or not (Senn 1994, Stat Med 13:1715, doi:10.1002/sim.4780131703). Where 2 to 5 scanners have nothing to do with
two arms it is reached in 9 to 14 % of cohorts of 10, 1 to 3 % of 24 and below 1 % of 40.
"""

NAMES = {"scanner": "scanner", "tr": "TR", "site": "site"}
"""What is looked at, in words."""

Used = Mapping[tuple[str, str], set[str]]
"""Values of an acquisition by participant and phase."""


@dataclass(frozen=True)
class _Asked:
    """An acquisition, what was asked, and for whom: the arm of each participant, or nothing for all."""

    key: str
    asked: Question
    arms: Mapping[str, str]
    where: object

    @property
    def name(self) -> str:
        return NAMES[self.key]

    @property
    def compares(self) -> bool:
        """Whether arms are compared."""
        return len(set(self.arms.values())) > 1

    @property
    def about_sessions(self) -> bool:
        """Whether the contrast is a change from one session to another, and not what goes along with it."""
        text = self.asked.model.contrast
        return text.strip() == "mean" or bool(set(words_of(text)) & set(OF_SESSIONS))

    @property
    def held(self) -> bool:
        """Whether the model holds the acquisition constant."""
        model = self.asked.model
        return self.key in (*words_of(model.formula), model.within_block)

    def refuse(
        self, must: str, found: Mapping[str, Iterable[Any]], what: str, todo: str = "compare something else"
    ) -> None:
        got = "; ".join(f"{name}: {', '.join(sorted(values))}" for name, values in found.items())
        raise UserError(
            self.where, must, got, f"{todo}: the effect of {what} and that of the {self.name} cannot be told apart"
        )


def check_acquisition(
    scans: pd.DataFrame, subjects: pd.DataFrame, outcome: Outcome, asked: Question, cohort: Cohort, where: object
) -> list[str]:
    """Check that scanner, TR and site are neither those of the session nor those of the arm.

    Arms that were measured on different scanners, but each participant on the same one before and after, may still be
    compared in their change: what a scanner adds to both sessions cancels. What differs between sites does not, such
    as who leads the training; so that arms without a common site are refused, unless sites move as wholes.

    Parameters
    ----------
    scans
        `participant_id`, `session_id`, `scanner` and `tr` (s) of each kept scan, and `site` if it has one; a value that
        is not known counts for nothing.
    subjects
        Participants table. Its column `site`, if there is one, is that of all sessions of a participant,
        `site_<session>` that of one.
    outcome
        Who is analysed.
    asked
        The model.
    cohort
        Says what each session stands for.
    where
        The table of scans, for error messages.

    Returns
    -------
    list of str
        A caution for each acquisition that goes along with arm or session strongly, but not completely.

    Raises
    ------
    UserError
        If nobody's scanner, TR or site was used in both sessions, or by both arms; if all of one arm changed it and
        nobody of the other did.
    """
    arms, found = _arms(outcome, asked), []
    for key in NAMES:
        used = _used(key, scans, subjects, arms, cohort)
        one = _Asked(key, asked, arms, where)
        if asked.model.outcome in ("pre", "post"):
            at = {who: used.get((who, asked.model.outcome), set()) for who in arms}
            found += _of_arms(one, at, refused=True)
        else:
            pairs = {who: (used.get((who, "pre"), set()), used.get((who, "post"), set())) for who in arms}
            both = {who: pair for who, pair in pairs.items() if all(pair)}
            found += _of_changes(one, both)
            found += _of_arms(one, {who: pre | post for who, (pre, post) in pairs.items()}, refused=key == "site")
    return found


def association(table: np.ndarray) -> float:
    """Return Cramér's V of a table of counts, corrected for chance (Bergsma 2013); 0 without two rows and columns."""
    counts = table[table.sum(axis=1) > 0][:, table.sum(axis=0) > 0]
    n = counts.sum()
    if min(counts.shape) < 2 or n < 2:
        return 0.0
    square = chi2_contingency(counts, correction=False).statistic / n
    rows, columns = (size - (size - 1) ** 2 / (n - 1) for size in counts.shape)
    excess = max(square - (counts.shape[0] - 1) * (counts.shape[1] - 1) / (n - 1), 0.0)
    least = min(rows, columns) - 1
    return float(np.sqrt(excess / least)) if least > 0 else 0.0


def _arms(outcome: Outcome, asked: Question) -> dict[str, str]:
    """Return the arm of each participant in the contrast, or nothing for all if it compares none."""
    people, column = outcome.analysed, asked.asked.arms
    names = people[column].astype(str) if column in people else pd.Series("", index=people.index)
    arms = dict(zip(people["participant_id"], names, strict=True))
    levels = asked.asked.levels
    return {who: arm for who, arm in arms.items() if not (levels and column in people) or arm in levels}


def _used(
    key: str, scans: pd.DataFrame, subjects: pd.DataFrame, arms: Mapping[str, str], cohort: Cohort
) -> dict[tuple[str, str], set[str]]:
    """Return the values of an acquisition by participant and phase."""
    phases = {f"ses-{label}": session.phase for label, session in cohort.sessions.items()}
    of_people = {} if key in scans else _sites(subjects, list(cohort.sessions)) if key == "site" else None
    used: dict[tuple[str, str], set[str]] = {}
    if of_people is None:
        return used
    for row in scans[scans["participant_id"].isin(arms)].to_dict("records"):
        who, session = row["participant_id"], row["session_id"]
        value = _shown(key, row[key]) if key in row else of_people.get((who, session), "")
        if value:
            used.setdefault((who, phases.get(session, "")), set()).add(value)
    return used


def _sites(subjects: pd.DataFrame, labels: Iterable[str]) -> dict[tuple[str, str], str]:
    """Return the site of each participant in each session, as far as the participants table knows it."""
    found = {}
    for label in labels:
        names = [name for name in (f"site_{label}", f"site_ses-{label}", "site") if name in subjects]
        for who, *values in subjects[["participant_id", *names]].itertuples(index=False):
            found[who, f"ses-{label}"] = next(filter(None, (_shown("site", value) for value in values)), "")
    return found


def _shown(key: str, value: Any) -> str:
    """Return a value as text, nothing if it is not known; TRs that agree in four digits are equal."""
    if isinstance(value, str):
        return value
    return "" if pd.isna(value) else f"{value:.4g} s" if key == "tr" else f"{value:.12g}"


def _of_arms(one: _Asked, used: Mapping[str, set[str]], *, refused: bool) -> list[str]:
    """Look at whether arms were measured differently: refuse, or return a caution."""
    by_arm: dict[str, set[str]] = {}
    for who, values in used.items():
        by_arm.setdefault(one.arms[who], set()).update(values)
    if not one.compares or not all(by_arm.values()) or (one.key == "site" and one.asked.model.whole_block == "site"):
        return []
    apart = not _joined(by_arm)
    if apart and refused and one.key == "site":
        todo = "set `whole_block: site` if every arm has several sites; else compare something else"
        one.refuse("arms that share a site", by_arm, "the arm", todo)
    if apart and refused:
        one.refuse(f"arms that share a {one.name}", by_arm, "the arm")
    known = {who: " and ".join(sorted(values)) for who, values in used.items() if values}
    return _caution(one, known, one.arms, "the arm", apart=apart)


def _of_changes(one: _Asked, pairs: Mapping[str, tuple[set[str], set[str]]]) -> list[str]:
    """Look at whether acquisition changed from session to session, or in one arm: refuse, or return a caution."""
    if one.compares:
        changed = {who: "changed" if not pre & post else "the same" for who, (pre, post) in pairs.items()}
        kinds: dict[str, set[str]] = {}
        for who, kind in changed.items():
            kinds.setdefault(one.arms[who], set()).add(kind)
        if len(kinds) > 1 and not _joined(kinds):
            words = {"changed": f"another {one.name} after", "the same": f"the same {one.name} after"}
            got = {arm: {words[kind] for kind in found} for arm, found in kinds.items()}
            one.refuse(f"a change of {one.name} that is not that of the arm", got, "the arm")
        return _caution(one, changed, one.arms, "the arm", what=f"a change of {one.name}")
    before, after = (set().union(*(pair[place] for pair in pairs.values())) for place in (0, 1))
    if one.about_sessions and pairs and not before & after:
        got = {"pre": before, "post": after}
        one.refuse(f"a {one.name} that was used before and after", got, "the session")
    known = {(who, phase): " and ".join(sorted(values))
             for who, pair in pairs.items() for phase, values in zip(("pre", "post"), pair, strict=True)}  # fmt: skip
    return _caution(one, known, {key: key[1] for key in known}, "the session")


def _joined(by_group: Mapping[str, set[str]]) -> bool:
    """Whether groups are connected by values that they share, so that a model of both can tell them apart."""
    waiting = list(by_group.values())
    reached = set(waiting.pop()) if waiting else set()
    while near := [values for values in waiting if values & reached]:
        reached = reached.union(*near)
        waiting = [values for values in waiting if not values & reached]
    return not waiting


def _caution(
    one: _Asked,
    values: Mapping[Any, str],
    groups: Mapping[Any, str],
    group: str,
    *,
    what: str = "",
    apart: bool = False,
) -> list[str]:
    """Return a caution if values go along with groups strongly."""
    rows = pd.DataFrame([(groups[key], value) for key, value in values.items()], columns=["group", "value"])
    table = pd.crosstab(rows["group"], rows["value"])
    strength = association(table.to_numpy())
    if one.held or not (apart or strength >= STRONG):
        return []
    counts = "; ".join(
        f"{name}: {', '.join(f'{count} {value}' for value, count in row.items() if count)}"
        for name, row in table.iterrows()
    )
    how = "is that of" if apart else f"goes along with (Cramér's V {strength:.2f})"
    return [f"{what or f'the {one.name}'} {how} {group} ({counts}); part of the effect may be that of the {one.name}"]
