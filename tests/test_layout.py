"""Names: BIDS entities there and back."""

from __future__ import annotations

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as some

import connect.layout
from connect.layout import (
    ENTITIES,
    bids_label,
    bids_name,
    choice,
    coverage_name,
    entities,
    qc_name,
    scans_table,
    series_name,
)

LABELS = some.text("abcXYZ019", min_size=1, max_size=8)


def test_doctests() -> None:
    found = doctest.testmod(connect.layout)
    assert found.attempted >= 3
    assert found.failed == 0


@given(
    some.dictionaries(some.sampled_from(ENTITIES), LABELS),
    some.sampled_from(["bold", "mask", "timeseries"]),
    some.sampled_from([".nii", ".nii.gz", ".tsv", ".dtseries.nii", ""]),
)
def test_a_name_can_be_read_again(found: dict[str, str], suffix: str, extension: str) -> None:
    assert entities(bids_name(found, suffix, extension)) == {**found, "suffix": suffix, "extension": extension}


@given(some.permutations(ENTITIES))
def test_entities_stand_in_the_order_of_bids(order: list[str]) -> None:
    assert bids_name(dict.fromkeys(order, "1")) == "_".join(f"{key}-1" for key in ENTITIES)


@given(LABELS, some.text("ab-_+.09", min_size=1))
def test_labels_hold_only_what_bids_allows(start: str, rest: str) -> None:
    label = bids_label(start + rest)
    assert label.isalnum()
    assert entities(f"sub-01_atlas-{label}_bold.tsv")["atlas"] == label


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("sub-01_bold.nii.gz", {"sub": "01"}),
        ("sub-01_odd_part-mag_bold.nii", {"sub": "01", "part": "mag"}),
        ("participants.tsv", {}),
        ("sub-01_space-fsLR_den-91k_bold.dtseries.nii", {"sub": "01", "space": "fsLR", "den": "91k"}),
    ],
)
def test_entities(name: str, found: dict[str, str]) -> None:
    assert {k: v for k, v in entities(name).items() if k not in ("suffix", "extension")} == found


def test_names_of_the_files_of_a_scan() -> None:
    scan = "sub-01_task-rest_space-MNI152NLin6Asym"
    assert series_name(scan, "tian-s1") == f"{scan}_atlas-tians1_stat-mean_timeseries.tsv"
    assert series_name(scan, "tian-s1", ".json") == f"{scan}_atlas-tians1_stat-mean_timeseries.json"
    assert coverage_name(scan, "a") == f"{scan}_atlas-a_stat-coverage_bold.tsv"
    assert qc_name(scan) == f"{scan}_desc-qc_bold.json"


def test_places_of_the_choices() -> None:
    assert choice("strategies", "36p") == "config/strategies/36p.yaml"
    assert scans_table("sample") == "config/cohorts/sample.scans.tsv"
