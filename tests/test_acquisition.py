"""Repetition time and scanner: for whom they are not the same in all scans."""

from __future__ import annotations

import doctest

import connect.acquisition
from connect.acquisition import differing, told


def settings(*values: tuple[str, float, object]) -> list[tuple[str, str, str]]:
    rows = [{"session_id": session, "tr": tr, "scanner": scanner} for session, tr, scanner in values]
    same = {"participant_id": "sub-02", "session_id": "ses-pre", "tr": 9.0, "scanner": "other"}
    return differing([{"participant_id": "sub-01", **row} for row in rows] + [same])


def test_the_same_settings_differ_in_nothing() -> None:
    assert settings(("ses-pre", 2.0, "A"), ("ses-post", 2.0, "A")) == []
    assert settings(("ses-pre", 2.0, ""), ("ses-post", 2.0, None), ("ses-post", 2.0, float("nan"))) == []


def test_rounding_is_no_other_repetition_time() -> None:
    assert settings(("ses-pre", 2.2, ""), ("ses-post", 2.2000002861, "")) == []
    assert settings(("ses-pre", 0.72, ""), ("ses-post", 0.719, "")) == [
        ("sub-01", "tr", "ses-post: 0.719 s; ses-pre: 0.72 s")
    ]


def test_what_differs_between_sessions() -> None:
    found = settings(("ses-pre", 2.0, "A 3T 1"), ("ses-post", 2.05, "A 3T 2"), ("ses-post", 2.05, "A 3T 2"))
    assert found == [
        ("sub-01", "scanner", "ses-post: A 3T 2; ses-pre: A 3T 1"),
        ("sub-01", "tr", "ses-post: 2.05 s; ses-pre: 2 s"),
    ]


def test_what_differs_between_runs_and_without_sessions() -> None:
    assert settings(("", 2.0, "A"), ("", 2.5, "A")) == [("sub-01", "tr", "no session: 2 s and 2.5 s")]


def test_a_scanner_that_is_not_known_is_no_other_scanner() -> None:
    assert settings(("ses-pre", 2.0, "A"), ("ses-post", 2.0, "")) == []
    found = settings(("ses-pre", 2.0, "A"), ("ses-post", 2.0, None), ("ses-mid", 2.0, "B"))
    assert found == [("sub-01", "scanner", "ses-mid: B; ses-post: not known; ses-pre: A")]


def test_lines_name_five_people() -> None:
    found = [(f"sub-{number:02}", "tr", "a: 1 s; b: 2 s") for number in range(1, 8)] + [("sub-09", "scanner", "x")]
    by_time, by_scanner = told(found, "scans")
    assert by_time.startswith("TR differs between the scans of 7 participants: sub-01 (a: 1 s; b: 2 s), sub-02 (")
    assert by_time.endswith("sub-05 (a: 1 s; b: 2 s) and 2 more")
    assert by_scanner == "scanner differs between the scans of 1 participant: sub-09 (x)"
    assert told([], "scans") == []


def test_doctests() -> None:
    assert doctest.testmod(connect.acquisition).failed == 0
