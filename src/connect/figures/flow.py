"""Flow of participants from the table to the analysis (after the CONSORT 2010 statement, doi:10.1136/bmj.c332).

Every participant stands in one place: not asked about, in an arm without a scan, scanned but not analysed, or
analysed. The numbers add up from box to box.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from connect.exclusions import NO_ROW
from connect.figures import (
    BOLD,
    FIRM,
    MM_PER_POINT,
    Inputs,
    arm_colours,
    canvas,
    figure,
    group_label,
    small,
    with_arms,
    wrapped,
    zoom,
)
from connect.figures.participants import session_names, sessions_of
from connect.limits import BY_HAND, LIMITS
from connect.people import word
from connect.settings.figure import Figure as Recipe
from connect.settings.model import words_of
from connect.words import listed

COLUMN, WIDEST = 36.0, 62.0
"""Least and largest width of the column of an arm (mm); where not all fit beside each other, they stand in rows."""

LINE, PAD, GAP = 2.75, 1.2, 4.5
"""Height of a line of text, room inside a box and between boxes (mm)."""

INDENT = 6.0
"""How far the boxes of those who leave stand in (mm)."""

TRUNK = 5.0
"""Room of the line that leads to further rows of arms (mm)."""

EDGE = 1.0
"""Room around everything (mm)."""

REASONS = 4
"""Most reasons in a box; those of fewer participants are counted together."""

LEAVING = "#F2F2F2"


@dataclass(frozen=True)
class Loss:
    """Who leaves at a step, or which scans: how many, and how many for each reason; these add up."""

    what: str
    n: int
    reasons: Mapping[str, int]


@dataclass(frozen=True)
class Arm:
    """An arm on its way from the participants table to the analysis.

    Parameters
    ----------
    name
        What the arm is called.
    n
        Participants in it.
    unscanned
        Those without a scan in a session of the model.
    scanned
        Participants and scans of each session.
    excluded
        Scans of these sessions that the screen stage excludes.
    left_out
        Participants who were scanned and are not analysed.
    analysed
        Participants who are analysed.
    sessions
        Analysed participants of each session.
    """

    name: str
    n: int
    unscanned: int
    scanned: Mapping[str, tuple[int, int]]
    excluded: Loss
    left_out: Loss
    analysed: int
    sessions: Mapping[str, int]


@dataclass(frozen=True)
class Flow:
    """Everyone in the participants table or with scans, who is not asked about and why, and the arms."""

    enrolled: int
    not_asked: Loss
    arms: Sequence[Arm]


@dataclass(frozen=True)
class Box:
    """A box: its heading, the lines below, and whether it is of those who leave, or of scans that do."""

    heading: str
    lines: Sequence[str] = ()
    leaves: bool = False
    of_scans: bool = False
    colour: str = "black"

    def text(self, width: float) -> tuple[str, str]:
        """Return heading and lines, broken to fit a box of some width (mm)."""
        room = width - 2 * PAD - INDENT * self.leaves - 0.5
        return wrapped(self.heading, BOLD * room, small()), "\n".join(
            wrapped(line, room, small()) for line in self.lines
        )

    def height(self, width: float) -> float:
        """Return how high the box is (mm)."""
        return LINE * zoom() * sum(text.count("\n") + 1 for text in self.text(width) if text) + 2 * PAD


@figure("flow")
def flow(inputs: Inputs, recipe: Recipe) -> Figure:
    """Draw the flow of participants, a column for each arm; the figure is as high as its boxes."""
    found = flow_of(inputs)
    top = [Box(_with_n("Enrolled", found.enrolled)), _leaving(found.not_asked)]
    columns = _columns(found.arms, inputs)
    fit = int((recipe.width - 2 * EDGE + GAP) / (COLUMN + GAP))
    trunk = 0.0 if fit >= len(columns) else TRUNK
    each = max(1, min(len(columns), int((recipe.width - 2 * EDGE - trunk + GAP) / (COLUMN + GAP))))
    width = min(WIDEST, (recipe.width - 2 * EDGE - trunk + GAP) / each - GAP)
    rows = [columns[n : n + each] for n in range(0, len(columns), each)]
    heights = [[max(box.height(width) for box in step) for step in zip(*row, strict=True)] for row in rows]
    aside = min(width, recipe.width / 2 - EDGE)
    tops = [top[0].height(width), *([top[1].height(aside)] if found.not_asked.n else [])]
    whole = 2 * EDGE + sum(tops) + GAP * (len(tops) - 1) + sum(sum(row) + GAP * len(row) for row in heights)
    made = canvas(replace(recipe, height=whole), layout=None)
    axes = made.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, recipe.width), ylim=(whole, 0))
    axes.set_axis_off()
    start = EDGE + trunk + (recipe.width - 2 * EDGE - trunk - each * (width + GAP) + GAP) / 2
    bus = 0.0
    y = _top(axes, top, tops, recipe.width / 2, (width, aside))
    for place, (row, steps) in enumerate(zip(rows, heights, strict=True)):
        above, bus = bus, y + GAP / 2
        centres = [start + n * (width + GAP) + width / 2 for n in range(len(row))]
        enters, leads = (recipe.width / 2, y) if place == 0 else (EDGE + trunk / 2, above)
        _line(axes, [enters, enters], [leads, bus])
        ends = [enters, *centres, *([EDGE + trunk / 2] if trunk else [])]
        _line(axes, [min(ends), max(ends)], [bus, bus])
        for centre, column in zip(centres, row, strict=True):
            _arrow(axes, (centre, bus), (centre, y + GAP))
            _column(axes, column, steps, centre - width / 2, y + GAP, width)
        y += sum(steps) + GAP * len(steps)
    return made


def flow_of(inputs: Inputs) -> Flow:
    """Return how participants and scans flow from the table to the analysis."""
    people = with_arms(inputs.people, inputs.arm_column)
    why = pd.Series([_not_asked(row, inputs) for row in people.to_dict("records")], index=people.index)
    asked = people[why == ""]
    labels = session_names(inputs)
    scans = inputs.kept.assign(label=inputs.kept["session_id"].str.removeprefix("ses-"))
    scans = scans[scans["label"].isin(labels)]
    arms = [_arm(arm, asked[asked["arm"] == arm], scans, labels, inputs) for arm in sorted(asked["arm"].unique())]
    return Flow(len(people), Loss("Not in this comparison", int((why != "").sum()), counted(why[why != ""])), arms)


def _not_asked(person: Mapping[Hashable, Any], inputs: Inputs) -> str:
    """Return why the question is not about a participant, or nothing."""
    if person["reason"] == NO_ROW:
        return "scanned, but not in participants.tsv"
    for column, allowed in inputs.model.where.items():
        if pd.isna(person[column]):
            return f"{column} is not known"
        if word(person[column]) not in allowed:
            return f"{column} is {word(person[column])}"
    return "" if isinstance(person["arm"], str) else f"{inputs.arm_column} is not known"


def _arm(arm: str, people: pd.DataFrame, scans: pd.DataFrame, sessions: Mapping[str, str], inputs: Inputs) -> Arm:
    """Return the flow of an arm: its participants, and the scans of the sessions of the model."""
    own = scans[scans["participant_id"].isin(people["participant_id"])]
    there = people["participant_id"].isin(own["participant_id"])
    lost = people[there & (people["analysed"] != "yes")]
    why = pd.Series([_not_analysed(row, own, sessions) for row in lost.to_dict("records")], dtype=object)
    bad = own.loc[own["kept"] == "no", "reason"].map(lambda reason: cause(str(reason)))
    analysed = people.loc[people["analysed"] == "yes", "participant_id"]
    return Arm(
        name=group_label(arm, inputs.model),
        n=len(people),
        unscanned=int((~there).sum()),
        scanned={
            name: (of["participant_id"].nunique(), len(of))
            for label, name in sessions.items()
            for of in (own[own["label"] == label],)
        },
        excluded=Loss("Scans excluded", len(bad), counted(bad)),
        left_out=Loss("Not analysed", len(lost), counted(why)),
        analysed=len(analysed),
        sessions=_sessions_of(analysed, own, sessions, inputs),
    )


def _sessions_of(
    analysed: pd.Series[str], scans: pd.DataFrame, sessions: Mapping[str, str], inputs: Inputs
) -> dict[str, int]:
    """Return how many analysed participants each session has; a model of all sessions may lack some of theirs."""
    good = scans[(scans["kept"] == "yes") & scans["participant_id"].isin(analysed)]
    if inputs.model.outcome == "sessions":
        table = sessions_of(inputs)
        each = [name for name in inputs.model.measured if name in table and name in words_of(inputs.model.formula)]
        good = table.dropna(subset=each)
        good = good[good["participant_id"].isin(analysed)]
    return {name: good.loc[good["label"] == label, "participant_id"].nunique() for label, name in sessions.items()}


def _not_analysed(person: Mapping[Hashable, Any], scans: pd.DataFrame, sessions: Mapping[str, str]) -> str:
    """Return why a participant with scans is not analysed, without the numbers that differ between participants."""
    reason = str(person["reason"])
    if not reason.startswith("ses-"):
        return re.sub(r" \([^)]*\)", "", reason)
    own = scans[scans["participant_id"] == person["participant_id"]]
    kept = set(own.loc[own["kept"] == "yes", "label"])
    bad = [name for label, name in sessions.items() if label in set(own["label"]) - kept]
    missing = [name for label, name in sessions.items() if label not in set(own["label"])]
    parts = [f"scan of {listed(bad)} excluded"] * bool(bad) + [f"no scan of {listed(missing)}"] * bool(missing)
    return ", ".join(parts) or reason


def cause(reason: str) -> str:
    """Return why a scan is excluded, without the numbers of the scan.

    Examples
    --------
    >>> cause("mean FD 0.9 mm is above 0.5 mm; time left 3.2 min is below 4 min")
    'mean FD above 0.5 mm and time left below 4 min'
    """
    if reason.startswith(BY_HAND):
        return reason
    if not reason.startswith(tuple(LIMITS.values())):
        return "unusable image or confounds"
    parts = [re.sub(r" [-−\d.e]+( mm| min)? is (above|below) ", r" \2 ", part) for part in reason.split("; ")]
    return " and ".join(parts)


def counted(reasons: pd.Series[str]) -> dict[str, int]:
    """Return how many have each reason, the commonest first, and the rare ones together."""
    counts = reasons.value_counts().reset_index()
    counts = counts.set_axis(["reason", "n"], axis=1).sort_values(["n", "reason"], ascending=[False, True])
    found = {str(reason): int(n) for reason, n in zip(counts["reason"], counts["n"], strict=True)}
    if len(found) <= REASONS:
        return found
    named = dict(list(found.items())[: REASONS - 1])
    return {**named, "other reasons": sum(found.values()) - sum(named.values())}


def _columns(arms: Sequence[Arm], inputs: Inputs) -> list[list[Box]]:
    """Return the boxes of each arm; a step at which nobody of any arm leaves has none."""
    colours = {group_label(arm, inputs.model): colour for arm, colour in arm_colours(inputs).items()}
    unscanned = any(arm.unscanned for arm in arms)
    excluded, left_out = any(arm.excluded.n for arm in arms), any(arm.left_out.n for arm in arms)
    columns = []
    for arm in arms:
        n_scans = sum(scans for _, scans in arm.scanned.values())
        column = [Box(_with_n(arm.name, arm.n), colour=colours.get(arm.name, "black"))]
        column += [Box(_with_n("No scan", arm.unscanned), leaves=True)] if unscanned else []
        lines = [_scanned(name, *of) for name, of in arm.scanned.items()]
        column += [Box(_with_n("Scanned", arm.n - arm.unscanned), lines)]
        heading = f"Scans excluded: {arm.excluded.n} of {n_scans}"
        column += [Box(heading, _lines(arm.excluded), leaves=True, of_scans=True)] if excluded else []
        column += [_leaving(arm.left_out)] if left_out else []
        column += [Box(_with_n("Analysed", arm.analysed), [f"{name}: {n}" for name, n in arm.sessions.items()])]
        columns.append(column)
    return columns


def _scanned(name: str, people: int, scans: int) -> str:
    return f"{name}: {people}" + (f" ({scans} scans)" if scans != people else "")


def _leaving(loss: Loss) -> Box:
    return Box(_with_n(loss.what, loss.n), _lines(loss), leaves=True)


def _with_n(text: str, n: int) -> str:
    return f"{text} (n{FIRM}={FIRM}{n})"


def _lines(loss: Loss) -> list[str]:
    return [f"{reason}: {n}" for reason, n in loss.reasons.items()]


def _top(
    axes: Axes, boxes: Sequence[Box], heights: Sequence[float], middle: float, widths: tuple[float, float]
) -> float:
    """Draw who is enrolled, and at the right who is not asked about; return where they end (mm)."""
    _box(axes, boxes[0], middle - widths[0] / 2, EDGE, widths[0], heights[0])
    y = EDGE + heights[0]
    for box, height in zip(boxes[1:], heights[1:], strict=False):
        _line(axes, [middle, middle], [y, y + GAP + height])
        y += GAP
        _arrow(axes, (middle, y + height / 2), (middle + INDENT, y + height / 2))
        _box(axes, box, middle + INDENT, y, widths[1] - INDENT, height)
        y += height
    return y


def _column(axes: Axes, boxes: Sequence[Box], heights: Sequence[float], x: float, y: float, width: float) -> None:
    """Draw the boxes of an arm below each other, with a line at the left that those who leave branch off."""
    spine, end = x + INDENT / 2, 0.0
    for box, height in zip(boxes, heights, strict=True):
        if box.leaves:
            _arrow(axes, (spine, y + height / 2), (x + INDENT, y + height / 2))
            _box(axes, box, x + INDENT, y, width - INDENT, height)
        else:
            if end:
                _arrow(axes, (spine, end), (spine, y))
            _box(axes, box, x, y, width, height)
            end = y + height
        y += height + GAP


def _box(axes: Axes, box: Box, x: float, y: float, width: float, height: float) -> None:
    face = LEAVING if box.leaves else "white"
    outline = Rectangle((x, y), width, height, facecolor=face, edgecolor=box.colour, zorder=2)
    outline.set(linewidth=0.7 if box.colour == "black" else 1.2, linestyle=(0, (3, 2)) if box.of_scans else "solid")
    axes.add_patch(outline)
    heading, lines = box.text(width + INDENT * box.leaves)
    letters: dict[str, Any] = {
        "va": "top",
        "fontsize": small(),
        "linespacing": LINE * zoom() / MM_PER_POINT / small() / 1.17,
        "zorder": 3,
    }
    axes.text(x + PAD, y + PAD, heading, fontweight="bold", **letters)
    axes.text(x + PAD, y + PAD + LINE * zoom() * (heading.count("\n") + 1), lines, **letters)


def _line(axes: Axes, x: Sequence[float], y: Sequence[float]) -> None:
    axes.plot(x, y, color="black", linewidth=0.7, zorder=1)


def _arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    style = {"arrowstyle": "-|>,head_width=0.14,head_length=0.28", "shrinkA": 0, "shrinkB": 0, "linewidth": 0.7}
    axes.annotate("", end, start, arrowprops={**style, "facecolor": "black"}, zorder=1)
