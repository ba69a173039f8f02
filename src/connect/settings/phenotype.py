"""A measure of the person, ``config/phenotypes/<name>.yaml``: hormones, the heart, questionnaires, beside the scans."""

from __future__ import annotations

import re
import string
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple

from connect.config import setting, suggest
from connect.errors import UserError

PARTICIPANTS = "participants.tsv"
"""The file that is meant when none is named: the participants table of the cohort, whatever it is called."""

SCORE = "score"
"""The unit of questionnaires, of which no other unit can be made."""

UNITS_OF_HEART: Mapping[str, str] = {"rmssd": "ms", "sdnn": "ms", "hf": "ms^2", "rate": "1/min"}
"""Measures of the heart and their units."""

_NUMBER = r"\d+(?:\.\d+)?(?:[eE][+-]?\d+)?"
_CONVERSION = re.compile(rf"\s*({_NUMBER})\s+([^=]+?)\s*=\s*({_NUMBER})\s+([^=]+?)\s*")
_LOGARITHM, _AREAS = "ln", ("auc_g", "auc_i")


class Conversion(NamedTuple):
    """Two amounts that are the same substance: ``left`` in one unit is ``right`` in another."""

    left: float
    left_unit: str
    right: float
    right_unit: str


@dataclass(frozen=True)
class Samples:
    """Several timed samples of a session, such as saliva after awakening, become one value."""

    summary: Literal["mean", "auc_g", "auc_i", "first", "peak"] = setting(
        "`auc_g` and `auc_i`: area under the curve with respect to ground and to increase, in unit*min; `mean`, `first`"
        " or largest value (`peak`) of the samples"
    )
    time: str = setting("column of a long table that holds the time of each sample, in minutes", default="")
    minutes: Mapping[str, float] = setting(
        "in place of `time`: the samples of a wide table, as they stand for `{sample}` in `column`, and their times",
        default={},
        unit="min",
    )
    number: int | None = setting(
        "samples that a session must have for an area; by default as many as the session with most",
        default=None,
        minimum=1,
    )

    def __post_init__(self) -> None:
        if bool(self.time) == bool(self.minutes):
            got = "both" if self.time else "neither"
            todo = "write `time: COLUMN` for a long table, `minutes: {s1: 0, s2: 30}` for a wide one"
            raise UserError("key samples", "either `time` or `minutes`", got, todo)
        times = list(self.minutes.values())
        if len(set(times)) < len(times):
            raise UserError("key samples.minutes", "each time once", ", ".join(map(str, times)), "correct the times")
        if self.minutes and self.number is not None:
            must = "none beside `minutes`, which has all samples"
            raise UserError("key samples.number", must, self.number, "take it out")
        if self.is_area and 1 in (len(times), self.number):
            raise UserError("key samples", "two samples or more for an area", "one", "add them, or choose `first`")

    @property
    def is_area(self) -> bool:
        """Whether the summary is an area under the curve, in unit*min."""
        return self.summary in _AREAS


@dataclass(frozen=True)
class ScoreOf:
    """The answers to the items of a questionnaire become the score of a scale."""

    key: str = setting("name of the scoring key in `config/scores/`, such as `ecr-r`")
    scale: str = setting("a scale of the key")
    items: str = setting("column of an item, with its number for `{item}`: `ecr_{item}`, `ecr_{item:02}_{session}`")

    def __post_init__(self) -> None:
        _check_template("key items", self.items, ("item", "session"), ("item",))
        if not re.fullmatch(r"[A-Za-z0-9-]+", self.key):
            must = "the name of a file in `config/scores/`, without `.yaml`"
            raise UserError("key key", must, self.key, "correct it")


@dataclass(frozen=True)
class HeartOf:
    """The beats in a recording of the heart become a measure of its rate."""

    measure: Literal["rmssd", "sdnn", "hf", "rate"] = setting(
        "`rmssd`, `sdnn` (ms), `hf`: power at high frequency (ms^2), `rate` (1/min)"
    )
    signal: Literal["ecg", "pulse"] = setting("electrocardiogram or pulse wave")
    channel: str = setting("column of the recording", default="cardiac")
    quality: float = setting(
        "least quality of a recording; one below it has no value", default=0.7, minimum=0, maximum=1
    )


@dataclass(frozen=True)
class Phenotype:
    """A number of each person in each session, or at baseline only, from exactly one kind of source.

    The sources are a `column` of a table, timed `samples` in a column, the `score` of a questionnaire, and recordings
    of the `heart`.
    """

    one_of: ClassVar[tuple[str, ...]] = ("column", "score", "heart")

    title: str = setting("name for figures and the report")
    higher: str = setting("what a higher value means, in words, such as `less secure attachment`")
    unit: str = setting(
        "unit in which results are told, such as `pg/mL`, or `score`; that of `score` and `heart` is known", default=""
    )
    file: str = setting(
        "table or recording, relative to the folder of the cohort's participants table; `{participant}` stands for "
        "`sub-01`, `{session}` for `ses-pre`",
        default=PARTICIPANTS,
    )
    column: str = setting(
        "column of the values; `BDI_{session}` in a wide table, a plain name in a long one, which has `session_id`; "
        "where there are no sessions, the values are those of the baseline",
        default="",
    )
    sessions: Mapping[str, str] = setting(
        "session label of the cohort: what it is called in the table, if not the same", default={}
    )
    measured_in: str = setting(
        "unit of the column; by default that of its JSON sidecar or of the table's column `unit`, else `unit`",
        default="",
    )
    conversion: str = setting(
        "what relates units of different kinds, such as mass and amount: `1 ug/dL = 27.59 nmol/L`", default=""
    )
    plausible: tuple[float, ...] = setting(
        "lowest and highest value that can be, in `unit`, of each sample if there are several; one beyond is refused",
        default=(),
    )
    limit_of_detection: float | None = setting(
        "least amount that the assay detects, in `unit`; needs `below_limit`", default=None
    )
    below_limit: Literal["half", "root-half", "limit", "missing"] | None = setting(
        "what stands for a value below the limit: half of it, it divided by the square root of 2, the limit, nothing",
        default=None,
    )
    transform: Literal["none", "log"] = setting("`log`: the natural logarithm of the value", default="none")
    samples: Samples | None = setting("how several timed samples of a session become one value", default=None)
    score: ScoreOf | None = setting("the scale of a questionnaire, from its items", default=None)
    heart: HeartOf | None = setting("a measure of the heart, from recordings", default=None)
    source: str = setting("citation of the measure, its range and its unit", default="")

    def __post_init__(self) -> None:
        self._check_source()
        self._check_unit()
        self._check_limits()
        _check_template("key file", self.file, ("participant", "session"), ("participant",) if self.heart else ())
        if "{session" in self.file and "{participant" not in self.file:
            must = "`{participant}` beside `{session}`"
            raise UserError("key file", must, self.file, "put the sessions into one table with `session_id`")
        if self.column:
            needed = ("sample",) if self.samples and self.samples.minutes else ()
            _check_template("key column", self.column, ("session", *needed), needed)

    def _check_source(self) -> None:
        kinds = [name for name in self.one_of if getattr(self, name)]
        if len(kinds) != 1:
            must = "exactly one source: `column` (with or without `samples`), `score` or `heart`"
            todo = "add one" if not kinds else "take all but one out"
            raise UserError("", must, " and ".join(f"`{name}`" for name in kinds) or "none", todo)
        if self.samples and not self.column:
            must = f"`samples` only with `column`, not with `{kinds[0]}`"
            raise UserError("key samples", must, "both", "take one of them out")
        if not self.higher.strip():
            must = "what a higher value means, in words"
            raise UserError("key higher", must, "nothing", "write it, such as `less secure attachment`")

    def _check_unit(self) -> None:
        known = self.score or self.heart
        if not (known or self.unit):
            raise UserError("key unit", "a unit, or `score`", "none", "add `unit:`")
        if known and self.unit not in ("", self.measured_unit):
            raise UserError("key unit", f"`{self.measured_unit}`, or no such key", self.unit, "take it out")
        if known or self.unit == SCORE:
            for key in ("measured_in", "conversion", "limit_of_detection"):
                if getattr(self, key):
                    must = f"no `{key}` for values that need no conversion and have no limit ({self.measured_unit})"
                    raise UserError(f"key {key}", must, getattr(self, key), "take it out")
        if self.conversion and self.converts is None:
            must = "a number and a unit on both sides, such as `1 ug/dL = 27.59 nmol/L`, numbers above 0"
            raise UserError("key conversion", must, self.conversion, "write it so")

    def _check_limits(self) -> None:
        if self.plausible and (len(self.plausible) != 2 or self.plausible[0] >= self.plausible[1]):
            got = ", ".join(f"{bound:g}" for bound in self.plausible)
            raise UserError("key plausible", "the lowest and the highest value", got, "write it as `[0, 2000]`")
        if (self.limit_of_detection is None) != (self.below_limit is None):
            must = "`limit_of_detection` and `below_limit`, or neither"
            got = "only `below_limit`" if self.below_limit else "only `limit_of_detection`"
            raise UserError("key limit_of_detection", must, got, "add the other, such as `below_limit: half`")
        if self.limit_of_detection is not None and self.limit_of_detection <= 0:
            raise UserError("key limit_of_detection", "a number above 0", self.limit_of_detection, "correct it")
        if self.transform == "log" and self.samples and self.samples.summary == "auc_i":
            must = "no logarithm of `auc_i`, which is below 0 where samples fall"
            raise UserError("key transform", must, "log", "take it out, or choose `auc_g`")

    @property
    def measured_unit(self) -> str:
        """The unit in which single values are told: before they are summed up, and before the logarithm."""
        if self.heart:
            return UNITS_OF_HEART[self.heart.measure]
        return SCORE if self.score else self.unit

    @property
    def summed_unit(self) -> str:
        """The unit of `measured`: that of single values, times minutes for an area under the curve."""
        return self.measured_unit + ("*min" if self.samples and self.samples.is_area else "")

    @property
    def result_unit(self) -> str:
        """The unit of `value`: that of `measured`, or of its logarithm."""
        return f"{_LOGARITHM} {self.summed_unit}" if self.transform == "log" else self.summed_unit

    @property
    def converts(self) -> Conversion | None:
        """What relates two units of different kinds, or nothing."""
        match = _CONVERSION.fullmatch(self.conversion)
        if match is None or not float(match[1]) or not float(match[3]):
            return None
        return Conversion(float(match[1]), match[2], float(match[3]), match[4])

    def names_of_session(self, label: str) -> tuple[str, ...]:
        """Return what a session of the cohort may be called in tables and files, the likeliest first."""
        return (self.sessions[label],) if label in self.sessions else (f"ses-{label}", label)

    def paths(self, participant: str, session: str) -> tuple[str, ...]:
        """Return where the file of a participant and session may be, relative to the participants table."""
        names = self.names_of_session(session)
        return tuple(dict.fromkeys(self.file.format(participant=participant, session=name) for name in names))


def variable(name: str) -> str:
    """Return the name of a phenotype in a formula, which cannot hold hyphens.

    Examples
    --------
    >>> variable("ecr-anxiety")
    'ecr_anxiety'

    Raises
    ------
    UserError
        If the name begins with a digit, or holds more than letters, digits, `-` and `_`.
    """
    made = name.replace("-", "_")
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", made):
        must = "a name that a formula can hold: letters, digits and `-`, a letter first"
        raise UserError(f"phenotype {name}", must, f"`{name}`", "rename the file, and its entries")
    return made


def _check_template(where: str, text: str, allowed: tuple[str, ...], needed: tuple[str, ...]) -> None:
    """Check which words in braces a text has."""
    try:
        found = [name for _, name, _, _ in string.Formatter().parse(text) if name is not None]
    except ValueError as error:
        raise UserError(where, "text with words in braces", f"{text} ({error})", "close the braces") from error
    for name in found:
        if name not in allowed:
            must = f"no words in braces but {', '.join(f'`{{{word}}}`' for word in allowed)}"
            raise UserError(where, must, f"`{{{name}}}`", f"correct it{suggest(name, allowed)}")
    for name in needed:
        if name not in found:
            raise UserError(where, f"`{{{name}}}` in it", text, f"write where `{{{name}}}` stands")
    try:
        text.format(**{name: 1 if name == "item" else "a" for name in found})
    except ValueError as error:
        raise UserError(where, "formats such as `{item:02}`", f"{text} ({error})", "correct the format") from error
