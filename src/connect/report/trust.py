"""Which tests to trust, in words, from the record of the challenge stage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connect.report import numbers
from connect.settings.calibration import CORRECTIONS
from connect.words import listed
from connect.words import untried as untried_lines


def trust_in_words(trust: Mapping[str, Any]) -> str:
    """Return what kept its level with the model's own test, what did not and where, and what would."""
    if not trust["trusted"]:
        return "Nothing could be tried: no scenario of the calibration fits the model."
    own = [row for row in trust["trusted"] if row["test"] == trust["method"]]
    kept = [row for row in own if row["verdict"] in ("holds", "conservative")]
    scenarios = {name for row in own for name in row["scenarios"]}
    size = f"{trust['sets']:,} data sets without an effect in each of {len(scenarios)} scenarios"
    about = f"{own[0]['test_about']}; {size}, {trust['n']} participants"
    text = f"With the model’s own test ({about}), the level of {trust['alpha']:g} was kept "
    if len(kept) == len(own):
        return text + "everywhere."
    text += f"for {listed([CORRECTIONS[row['correction']] for row in kept])}." if kept else "nowhere in all scenarios."
    return " ".join([text, *(_lost(row, trust) for row in own if row not in kept)])


def untried(trust: Mapping[str, Any]) -> list[str]:
    """Return which scenarios and tests were not tried, and why."""
    return untried_lines(trust)


def corrected(correction: str) -> str:
    """Return a correction in words."""
    return CORRECTIONS[correction]


def rate(row: Mapping[str, Any]) -> str:
    """Return a rate with its interval."""
    rate, low, high = (numbers.fixed(row[key], 3) for key in ("rate", "rate_low", "rate_high"))
    return f"{rate} [{low}, {high}]"


def _lost(row: Mapping[str, Any], trust: Mapping[str, Any]) -> str:
    others = [
        one["test_about"]
        for one in trust["trusted"]
        if one["correction"] == row["correction"]
        and one["verdict"] in ("holds", "conservative")
        and row["scenario"] in one["scenarios"]
    ]
    word = "nearly kept" if row["verdict"] == "nearly holds" else "not kept"
    better = f"; {listed(others)} kept it" if others else ""
    what = CORRECTIONS[row["correction"]]
    return f"It was {word} for the {what}: at worst {rate(row)}, with: {row['about']}{better}."
