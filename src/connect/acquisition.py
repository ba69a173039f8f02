"""How scans were measured: for whom the repetition time or the scanner is not the same in all scans.

A change of either between sessions changes connectivity by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


def differing(scans: Iterable[Mapping[str, Any]]) -> list[tuple[str, str, str]]:
    """Return for whom the TR or the scanner is not the same in all scans, and which it is in which session.

    Parameters
    ----------
    scans
        `participant_id`, `session_id`, `tr` (s) and `scanner` of each scan. A scanner that is not known is no
        other scanner.

    Returns
    -------
    list of tuple of str
        Participant, `tr` or `scanner`, and the values per session in words, sorted.

    Examples
    --------
    >>> pre = {"participant_id": "sub-01", "session_id": "ses-pre", "tr": 2.0, "scanner": "GE MR750 3T"}
    >>> differing([pre, {**pre, "session_id": "ses-post", "tr": 2.2}])
    [('sub-01', 'tr', 'ses-post: 2.2 s; ses-pre: 2 s')]
    """
    found: dict[tuple[str, str], dict[str, set[str]]] = {}
    for scan in scans:
        values = {"tr": f"{scan['tr']:.4g} s", "scanner": _known(scan["scanner"])}
        for what, value in values.items():
            sessions = found.setdefault((scan["participant_id"], what), {})
            sessions.setdefault(_known(scan["session_id"]) or "no session", set()).add(value)
    several = {key: by for key, by in found.items() if len(set().union(*by.values()) - {""}) > 1}
    return [(*key, _by_session(several[key])) for key in sorted(several)]


def told(found: Sequence[tuple[str, str, str]], scans: str) -> list[str]:
    """Return what :func:`differing` found as a line for TR and one for scanner, with at most five participants each."""
    lines = []
    for key, name in (("tr", "TR"), ("scanner", "scanner")):
        people = [f"{participant} ({values})" for participant, what, values in found if what == key]
        more = f" and {len(people) - 5} more" if len(people) > 5 else ""
        if people:
            count = f"{len(people)} participant{'s' if len(people) > 1 else ''}"
            lines.append(f"{name} differs between the {scans} of {count}: {', '.join(people[:5])}{more}")
    return lines


def changed_settings(kept: pd.DataFrame) -> pd.DataFrame:
    """Return for whom the TR or the scanner is not the same in all kept scans.

    Parameters
    ----------
    kept
        The table of scans with `kept`; excluded scans in it do not count.

    Returns
    -------
    pandas.DataFrame
        A row per participant and setting: `participant_id`, `what` (`tr` or `scanner`) and `values`, per session in
        words, such as ``ses-post: 2.2 s; ses-pre: 2 s``.
    """
    import pandas as pd

    analysed = kept.loc[kept["kept"] == "yes", ["participant_id", "session_id", "tr", "scanner"]]
    rows = [{str(key): value for key, value in row.items()} for row in analysed.to_dict("records")]
    return pd.DataFrame(differing(rows), columns=["participant_id", "what", "values"])


def _known(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _by_session(values: Mapping[str, Iterable[str]]) -> str:
    shown = {session: " and ".join(sorted(value or "not known" for value in values[session])) for session in values}
    return "; ".join(f"{session}: {shown[session]}" for session in sorted(shown))
