"""Numbers and short texts of the report: with interval, p-values, counts, and links.

A number and the bounds of its interval share their decimals: those that show three significant digits of the largest.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable

from markupsafe import Markup, escape

MISSING = "n/a"
MINUS = "−"

_DOI = re.compile(r"\b(?:doi:\s*|https?://(?:dx\.)?doi\.org/)(10\.\d{4,9}/[^\s;,]+)|(https?://[^\s;,]+)")
_UNUSABLE = re.compile(r"unusable: [^;]*")
_MEASURED = re.compile(r" [\d.]+(?:e[+-]?\d+)?(?: mm| min)? (?=is (?:above|below) )")


def number(value: float | None, digits: int = 3) -> str:
    """Return a number with some significant digits, without an exponent; ``n/a`` where there is none.

    Examples
    --------
    >>> number(0.01234), number(-1203.7), number(None)
    ('0.0123', '−1204', 'n/a')
    """
    return MISSING if missing(value) else fixed(float(value or 0), _decimals([value], digits))


def fixed(value: float, places: int) -> str:
    """Return a number with some decimals, a true minus sign, and none before a 0.

    Examples
    --------
    >>> fixed(-1.25, 1), fixed(-0.001, 2)
    ('−1.2', '0.00')
    """
    text = f"{value:.{places}f}"
    return text.lstrip("-") if float(text) == 0 else text.replace("-", MINUS)


def bounded(value: float | None, low: float | None, high: float | None) -> str:
    """Return a number and its interval with the same decimals.

    Examples
    --------
    >>> bounded(-0.0024059, -0.0197443, 0.0149325)
    '−0.0024 [−0.0197, 0.0149]'
    """
    if missing(value):
        return MISSING
    places = _decimals([value, low, high], 3)
    shown = [MISSING if missing(item) else fixed(float(item or 0), places) for item in (value, low, high)]
    return f"{shown[0]} [{shown[1]}, {shown[2]}]"


def p_value(p: float | None, alpha: float | None = None) -> str:
    """Return a p-value with four decimals, or as many as it takes to tell it from 0 and from a level.

    Examples
    --------
    >>> p_value(0.015625), p_value(0.00039992), p_value(0.00001), p_value(0.0500099, 0.05)
    ('0.0156', '0.0004', '0.00001', '0.05001')
    """
    if p is None or missing(p):
        return MISSING
    shown = [fixed(p, places) for places in range(max(4, _decimals([p], 1)), 20)]
    return next(near for near in shown if p == alpha or float(near) != alpha)


def missing(value: float | None) -> bool:
    """Return whether there is no number."""
    return value is None or not math.isfinite(value)


def counts(reasons: Iterable[str]) -> str:
    """Return reasons with how often each occurs, the most frequent first, without the measured values.

    Examples
    --------
    >>> counts(["mean FD 0.81 mm is above 0.5 mm", "mean FD 0.7 mm is above 0.5 mm", "no scans"])
    '2 x mean FD is above 0.5 mm; 1 x no scans'
    """
    found = Counter(_MEASURED.sub(" ", _UNUSABLE.sub("unusable data", reason)) for reason in reasons)
    return "; ".join(f"{count} x {reason}" for reason, count in found.most_common())


def people(n: int) -> str:
    """Return a number of participants."""
    return f"{n:,} participant{'s' * (n != 1)}"


def linked(text: str) -> Markup:
    """Return escaped text in which DOIs and web addresses are links, and what stands between backticks is code.

    Examples
    --------
    >>> linked("Friston 1996, doi:10.1002/mrm.1910350312")
    Markup('Friston 1996, <a href="https://doi.org/10.1002/mrm.1910350312">doi:10.1002/mrm.1910350312</a>')
    """
    parts: list[Markup] = []
    end = 0
    for match in _DOI.finditer(text):
        target = match[1] or match[2]
        while target[-1] in ".:" or (target[-1] == ")" and target.count(")") > target.count("(")):
            target = target[:-1]
        shown = f"doi:{target}" if match[1] else target.partition("://")[2]
        address = f"https://doi.org/{target}" if match[1] else target
        parts += [_coded(text[end : match.start()]), Markup('<a href="{}">{}</a>').format(address, shown)]
        end = match.start() + match[0].index(target) + len(target)
    return Markup("").join([*parts, _coded(text[end:])])


def cited(source: str) -> Markup:
    """Return a citation in parentheses, or nothing."""
    return Markup(" ({})").format(linked(source.strip().rstrip("."))) if source.strip() else Markup("")


def _coded(text: str) -> Markup:
    pieces = text.split("`")
    if len(pieces) % 2 == 0:
        return escape(text)
    coded = (Markup("<code>{}</code>").format(piece) if n % 2 else escape(piece) for n, piece in enumerate(pieces))
    return Markup("").join(coded)


def _decimals(values: Iterable[float | None], digits: int) -> int:
    """Return the decimals that show the digits of the largest value."""
    largest = max((abs(value) for value in values if value is not None and math.isfinite(value)), default=0.0)
    return max(0, digits - 1 - math.floor(math.log10(largest))) if largest else digits - 1
