"""What can be guessed of a study from its files: folder, name, sessions, arms, times."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from connect.entered import few
from connect.errors import UserError
from connect.index.draft import guess_phases
from connect.settings.cohort import Dates

NONE = "none"
"""Answer that a study has no arms, or that times are not known."""

NEW = "new"
"""Answer that there is no participants table, and one shall be made."""

PLACES = (
    *("fmriprep", "derivatives/fmriprep", "data/fmriprep", "../fmriprep", "../derivatives/fmriprep"),
    *("../data/fmriprep", "../data/derivatives/fmriprep"),
)
"""Where fMRIPrep's folder tends to be, seen from where somebody begins."""

ARMS = re.compile(r"group|arm|treat|condition|interven|random|alloc|cohort", re.IGNORECASE)
"""What the column of the arms tends to be called."""

REFERENCE = re.compile(r"control|wait|placebo|sham|none|usual|tau\b|hc\b|passive|standard", re.IGNORECASE)
"""What the arm that others are compared with tends to be called."""

MOST = 6
"""Levels that a column of arms has at the most."""


@dataclass(frozen=True)
class Arms:
    """The arms of a study.

    Attributes
    ----------
    column
        Column of the participants table.
    reference
        The arm that others are compared with.
    others
        The others, sorted.
    numeric
        Whether the arms are written as numbers.
    """

    column: str
    reference: str
    others: tuple[str, ...]
    numeric: bool


def guess_folder() -> str:
    """Return where fMRIPrep's folder may be, or nothing."""
    found = (Path(place) for place in PLACES)
    return next((str(place) for place in found if place.is_dir() and any(place.glob("sub-*/"))), "")


def guess_name(fmriprep: Path) -> str:
    """Return a name for a cohort: that of the folder of its dataset.

    Examples
    --------
    >>> guess_name(Path("/data/my study/derivatives/fmriprep")), guess_name(Path("/fmriprep-23.2"))
    ('my-study', 'mine')
    """
    names = [re.sub(r"[^A-Za-z0-9]+", "-", part).strip("-") for part in fmriprep.absolute().parts[1:]]
    common = re.compile(r"derivatives|fmriprep.*|data|home|mnt|tmp|", re.IGNORECASE)
    return next((name for name in reversed(names) if not common.fullmatch(name)), "mine")


def guess_sessions(labels: Sequence[str]) -> str:
    """Return the labels of the sessions before and after, separated by a blank; nothing if there are fewer than two."""
    phases = guess_phases(labels)
    by_phase = {phase: label for label, phase in phases.items()}
    return f"{by_phase['pre']} {by_phase['post']}" if len(by_phase) == 2 else ""


def levels(table: pd.DataFrame, people: Collection[str]) -> dict[str, list[str]]:
    """Return the levels of every column that could hold arms, for the participants who have scans."""
    own = table[table["participant_id"].isin(list(people))]
    found = {}
    for name in own.columns.drop("participant_id"):
        counts = own[name].dropna().map(_word).value_counts()
        if 2 <= len(counts) <= MOST and counts.min() >= 2:
            found[str(name)] = sorted(counts.index)
    return found


def guess_arms(columns: Mapping[str, Sequence[str]]) -> str:
    """Return the column of the arms and the arm that others are compared with, or that there are none."""
    name = next((name for name in columns if ARMS.search(name)), "")
    if not name:
        return NONE
    own = columns[name]
    return f"{name} {next((level for level in own if REFERENCE.search(level)), own[-1])}"


def arms_of(words: str, columns: Mapping[str, Sequence[str]], table: pd.DataFrame) -> Arms | None:
    """Return what an answer says of arms: a column and a level of it, or :data:`NONE`.

    Raises
    ------
    UserError
        If there is no such column, it has no levels to compare, or not the one that was named.
    """
    if words == NONE:
        return None
    name = next((name for name in table.columns if words == name or words.startswith(f"{name} ")), "")
    reference = words.removeprefix(name).strip()
    known = "; ".join(f"{column}: {', '.join(own)}" for column, own in columns.items())
    if name not in columns:
        must = f"a column with 2 to {MOST} arms of at least 2 participants each ({known or 'there is none'})"
        todo = f"name one and the arm that others are compared with, or `{NONE}`"
        raise UserError("flag --arms", must, words, todo)
    if reference not in columns[name]:
        got = f"`{reference}`" if reference else "no arm"
        must = f"an arm of {name} that others are compared with ({', '.join(columns[name])})"
        raise UserError("flag --arms", must, got, f"write `{name} {columns[name][-1]}`, for one")
    others = tuple(level for level in columns[name] if level != reference)
    return Arms(name, reference, others, numeric=all(_is_number(level) for level in columns[name]))


def guess_weeks(participants: Path, people: Iterable[str]) -> str:
    """Return that sessions have dates if the files of most people are there, else that times are not known."""
    files = [Dates().path(participants.parent, one) for one in people]
    dated = [
        file for file in files if file.is_file() and "acq_time" in file.read_text(encoding="utf-8", errors="replace")
    ]
    return "dates" if files and 2 * len(dated) > len(files) else NONE


def weeks_of(words: str) -> float | str:
    """Return the weeks from before to after, or one of the words `dates` and `none`.

    Raises
    ------
    UserError
        If it is something else, or no time that can be.
    """
    if words in ("dates", NONE):
        return words
    if not _is_number(words) or not float(words) > 0:
        raise UserError("flag --weeks", f"a number of weeks above 0, `dates` or `{NONE}`", words, "write such as 8")
    return float(words)


def sessions_of(words: str, labels: Sequence[str]) -> tuple[str, str]:
    """Return the labels of the sessions before and after.

    Raises
    ------
    UserError
        If they are not two of those that there are.
    """
    found = [word.removeprefix("ses-") for word in words.replace(",", " ").split()]
    if len(found) != 2 or len(set(found)) < 2 or not set(found) <= set(labels):
        must = f"two different sessions, the one before first, of those that have scans ({few(labels, 12)})"
        raise UserError("flag --sessions", must, words, "write such as `pre post`")
    return found[0], found[1]


def _word(value: object) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
