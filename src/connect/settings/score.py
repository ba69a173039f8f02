"""The scoring key of a questionnaire, ``config/scores/<name>.yaml``: which items make a scale, and how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from connect.config import setting, suggest
from connect.errors import UserError


@dataclass(frozen=True)
class Score:
    """How the answers to a questionnaire become the scores of its scales; items are numbered from 1.

    A scale with too few answers is missing. With a few missing it is prorated: made from the mean of the answered items
    (which Mazza, Enders & Ruehlman 2015, Multivariate Behav Res 50:504, doi:10.1080/00273171.2015.1068157, warn of
    where many are missing and items differ in their means).
    """

    title: str = setting("name for the report")
    items: int = setting("number of items of the questionnaire", minimum=1)
    responses: tuple[int, ...] = setting("lowest and highest response, as `[1, 7]`; responses are whole numbers")
    scales: Mapping[str, tuple[int, ...]] = setting("name of a scale: its items")
    made_by: Literal["mean", "sum"] = setting(
        "what a scale is: the mean of its items, or their sum (prorated: the mean of those answered x their number)"
    )
    reverse: tuple[int, ...] = setting(
        "items that are keyed in reverse: a response counts as lowest + highest - response", default=()
    )
    answered: Mapping[str, int] = setting(
        "name of a scale: fewest items that must be answered, else it is missing; without an entry, all", default={}
    )
    source: str = setting("citation of the questionnaire and its key", default="")

    def __post_init__(self) -> None:
        if len(self.responses) != 2 or self.responses[0] >= self.responses[1]:
            got = ", ".join(map(str, self.responses)) or "none"
            raise UserError("key responses", "the lowest and the highest response", got, "write it as `[1, 7]`")
        if not self.scales:
            raise UserError("key scales", "at least one scale", "none", "write `name: [1, 2, 3]`")
        for place, items in (
            ("reverse", self.reverse),
            *((f"scales.{name}", one) for name, one in self.scales.items()),
        ):
            self._check_items(f"key {place}", items)
        for name, items in self.scales.items():
            if not items:
                raise UserError(f"key scales.{name}", "items of the scale", "none", "write `name: [1, 2, 3]`")
        unused = sorted(set(self.reverse) - {item for items in self.scales.values() for item in items})
        if unused:
            got = f"items {', '.join(map(str, unused))}, which no scale has"
            raise UserError("key reverse", "items of the scales", got, "correct the item numbers")
        for name, fewest in self.answered.items():
            self._check_answered(f"key answered.{name}", name, fewest)

    def _check_items(self, place: str, items: tuple[int, ...]) -> None:
        wrong = [item for item in items if not 1 <= item <= self.items]
        if wrong:
            must = f"items from 1 to {self.items}"
            raise UserError(place, must, ", ".join(map(str, wrong)), "correct the item numbers, or `items`")
        twice = sorted({item for item in items if items.count(item) > 1})
        if twice:
            raise UserError(place, "each item once", f"{', '.join(map(str, twice))} twice", "remove one of them")

    def _check_answered(self, place: str, name: str, fewest: int) -> None:
        if name not in self.scales:
            must = f"one of the scales: {', '.join(self.scales)}"
            raise UserError(place, must, f"`{name}`", f"correct it{suggest(name, self.scales)}")
        if not 1 <= fewest <= len(self.scales[name]):
            must = f"1 to {len(self.scales[name])}, the number of its items"
            raise UserError(place, must, fewest, "choose a number in the range")
