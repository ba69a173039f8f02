"""Sections of the report: which rows its tables show, from the tables of the stages before it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from connect.formulas import MOTION, MOTION_LEVEL
from connect.people import word
from connect.report.numbers import people
from connect.report.pictures import Picture
from connect.settings.atlas import Atlas
from connect.settings.cohort import Cohort
from connect.settings.domains import Domains
from connect.settings.measure import Measure
from connect.settings.model import Model
from connect.settings.strategy import Strategy

LEAST, MOST = 15, 200
"""Rows of a table of network pairs or edges: the strongest even if none survives correction, and no more than."""

Rows = list[dict[Any, Any]]


@dataclass(frozen=True)
class Choices:
    """The choices of the primary universe, and (kind, name, digest) of every choice file that the page rests on."""

    cohort: Cohort
    atlas: Atlas
    domains: Domains
    strategy: Strategy
    measure: Measure
    files: Sequence[tuple[str, str, str]]


@dataclass(frozen=True)
class Result:
    """What a model found in the primary universe.

    Parameters
    ----------
    name
        Name of the model.
    model
        The model.
    summary
        Record of the compare stage.
    levels
        Its tables: `domain`, `network` and `edge`.
    components
        Connected components of edges, the surest first.
    people
        Its participants, analysed or not and why.
    pictures
        Its figures.
    trust
        Record of the challenge stage, if the plan has a calibration.
    slopes
        Slopes in each arm, if the model is about a phenotype and compares arms.
    """

    name: str
    model: Model
    summary: Mapping[str, Any]
    levels: Mapping[str, pd.DataFrame]
    components: pd.DataFrame
    people: pd.DataFrame
    pictures: tuple[Picture, ...]
    trust: Mapping[str, Any] | None = None
    slopes: Rows = field(default_factory=list)

    @property
    def motion(self) -> bool:
        """Whether the change in motion is a covariate."""
        return any(name in self.summary["columns"] for name in (MOTION, MOTION_LEVEL))


def in_order(results: Sequence[Result]) -> list[Result]:
    """Return results with those about a phenotype after the others."""
    return sorted(results, key=lambda result: bool(result.model.relation))


def known(result: Result, column: str) -> str:
    """Return of whom a column of a phenotype is known, in words."""
    if column not in result.people:
        return f"in the {result.summary['n_sessions']} sessions analysed"
    return f"of {people(int(result.people.loc[~outside(result), column].notna().sum()))}"


def rows(table: pd.DataFrame) -> Rows:
    """Return the rows of a table, missing values as None."""
    found: Rows = table.astype(object).where(table.notna(), None).to_dict("records")
    return found


def strongest(table: pd.DataFrame, alpha: float) -> Rows:
    """Return the rows that survive correction, or more to make :data:`LEAST`, sorted by p-value and then by |t|."""
    tested = table[table["statistic"].notna()].assign(size=lambda found: -found["statistic"].abs())
    ordered = tested.sort_values(["p_fwe", "p", "size"], kind="stable").drop(columns="size")
    return rows(ordered.head(min(MOST, max(LEAST, int((tested["p_fwe"] <= alpha).sum())))))


def untested(results: Iterable[Result]) -> Rows:
    """Return how many rows of each table were not tested, by model, level and reason."""
    found = []
    for result in results:
        for level, table in result.levels.items():
            for reason, count in table.loc[table["statistic"].isna(), "reason"].value_counts().items():
                found.append({"model": result.name, "level": level, "n": count, "of": len(table), "reason": reason})
    return found


def outside(result: Result) -> pd.Series[bool]:
    """Return which participants the question is not about: those whom the model's ``where`` leaves out."""
    people = result.people
    kept = pd.Series(True, index=people.index)
    for column, values in result.model.where.items():
        kept &= people[column].isna() | people[column].map(word).isin(values)
    return ~kept


def not_analysed(result: Result) -> Rows:
    """Return the participants that a model lost or is not about, one row per reason; those it lost come first."""
    people = result.people.assign(outside=outside(result))
    groups = people[people["analysed"] == "no"].groupby(["outside", "reason"], sort=True)["participant_id"]
    return [
        {"outside": left_out, "reason": reason, "people": list(names), "n": len(names)}
        for (left_out, reason), names in groups
    ]


def everyone(results: Sequence[Result], scans: pd.DataFrame) -> Rows:
    """Return every participant with the scans, which of them were kept, and which models left the participant out."""
    left_out: dict[str, list[dict[str, Any]]] = {}
    for result in results:
        for row in not_analysed(result):
            for name in row["people"]:
                left_out.setdefault(name, []).append({"model": result.name, **row})
    own = {name: rows(group) for name, group in scans.groupby("participant_id", sort=False)}
    names = dict.fromkeys([*own, *(name for result in results for name in result.people["participant_id"])])
    return [
        {"participant_id": name, "scans": own.get(name, []), "left_out": left_out.get(name, [])}
        for name in sorted(names)
    ]


def flow(result: Result, scans: pd.DataFrame) -> list[tuple[str, int]]:
    """Return what became of the participants on the way to a model: what was counted, and how many.

    A row per step: all who are known, those whom the question is not about, those left out by reason, those analysed.
    """
    known_people = len({*result.people["participant_id"], *scans["participant_id"]})
    without = known_people - len(result.people)
    steps = [("in the tables of the cohort", known_people)]
    steps += [("scanned, but not in the table of participants", -without)] if without else []
    for row in sorted(not_analysed(result), key=lambda row: not row["outside"]):
        steps.append((f"not asked about: {row['reason']}" if row["outside"] else row["reason"], -row["n"]))
    return [*steps, ("analysed", int((result.people["analysed"] == "yes").sum()))]


def missing_parcels(lost: pd.DataFrame, scans: pd.DataFrame) -> Rows:
    """Return the parcels that are missing in a kept scan, those missing most often first."""
    names = scans[["participant_id", "session_id"]].fillna("").agg(" ".join, axis=1).str.strip()
    place = lost["scan"].map(dict(zip(scans["scan"], scans.index, strict=True)))
    where = lost["scan"].map(dict(zip(scans["scan"], names, strict=True)))
    groups = lost.assign(where=where, place=place).sort_values("place", kind="stable").groupby("parcel", sort=True)
    found = groups.agg(n=("scan", "size"), low=("coverage", "min"), high=("coverage", "max"), where=("where", list))
    return rows(found.reset_index().sort_values("n", ascending=False, kind="stable"))


def sessions(scans: pd.DataFrame) -> Rows:
    """Return for each session how many scans were kept, and the median and range of their quality."""
    found = []
    for label, group in scans.groupby(scans["session_id"].fillna("none"), sort=False):
        kept = group[group["kept"] == "yes"]
        measured = {
            key: (kept[key].median(), kept[key].min(), kept[key].max()) for key in ("mean_fd", "minutes", "tdof")
        }
        found.append({"session": label, "n": len(kept), "of": len(group), **measured})
    return found


def universes(records: Sequence[Mapping[str, Any]], model: str) -> list[Mapping[str, Any]]:
    """Return the summaries of a model in every universe, in the order of the plan."""
    return [record for record in records if record["model"] == model]


def agreement(records: Sequence[Mapping[str, Any]], summary: Mapping[str, Any]) -> tuple[int, int, int]:
    """Return in how many universes the estimate has the sign of a summary, the gate is open, and how many there are."""
    found = universes(records, summary["model"])
    estimates = [record["primary"]["estimate"] for record in found]
    same = [one is not None and one * (summary["primary"]["estimate"] or 0) > 0 for one in estimates]
    return sum(same), sum(record["gate"] == "open" for record in found), len(found)


def estimates(records: Sequence[Mapping[str, Any]], summary: Mapping[str, Any]) -> tuple[float, float] | None:
    """Return the lowest and highest estimate of a model over universes, or None if it has none."""
    found = [record["primary"]["estimate"] for record in universes(records, summary["model"])]
    known_ones = [one for one in found if one is not None]
    return (min(known_ones), max(known_ones)) if known_ones else None


def span(effects: Iterable[Mapping[str, Any]], low: str = "g_low", high: str = "g_high") -> tuple[float, float]:
    """Return the ends of an axis that holds 0 and the interval of every effect."""
    found = [effect[key] for effect in effects for key in (low, high)]
    ends = [0.0, *(value for value in found if value is not None)]
    return (min(ends), max(ends)) if max(ends) > min(ends) else (-1.0, 1.0)
