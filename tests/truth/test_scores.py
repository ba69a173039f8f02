"""Scores of questionnaires against scores that are worked out here by hand, from the published keys."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from connect.config import read
from connect.errors import UserError
from connect.phenotypes.scores import score
from connect.settings.score import Score

PLAIN: dict[str, Any] = {
    "title": "Q", "items": 4, "responses": (0, 4), "scales": {"all": (1, 2, 3, 4), "half": (2, 4)}, "made_by": "sum",
    "reverse": (2,), "answered": {"all": 3},
}  # fmt: skip


def shipped(root: Path, name: str) -> Score:
    return read(Score, root / "config" / "scores" / f"{name}.yaml")


def answers(*rows: Any) -> pd.DataFrame:
    index = pd.Index([f"sub-{number:02d}" for number in range(1, len(rows) + 1)])
    return pd.DataFrame([list(row) for row in rows], index, range(1, len(rows[0]) + 1))


def values(root: Path, name: str, scale: str, *rows: Any) -> list[float]:
    return score(answers(*rows), shipped(root, name), scale, "q.tsv")["value"].tolist()


def test_ecr_r_by_hand(root: Path) -> None:
    """Fraley's list: items 1 to 18 anxiety, of which 9 and 11 turned; 19 to 36 avoidance, of which twelve are turned.

    All 1: anxiety (16 x 1 + 2 x 7) / 18, avoidance (6 x 1 + 12 x 7) / 18. All 7 is the mirror image. In the third, an
    item is answered with the remainder of its number by 7, plus 1.
    """
    cycle = [number % 7 + 1 for number in range(1, 37)]
    anxiety = [2, 3, 4, 5, 6, 7, 1, 2, 8 - 3, 4, 8 - 5, 6, 7, 1, 2, 3, 4, 5]
    avoidance = [6, 8 - 7, 1, 8 - 2, 3, 4, 5, 8 - 6, 8 - 7, 8 - 1, 8 - 2, 8 - 3, 8 - 4, 5, 8 - 6, 8 - 7, 8 - 1, 8 - 2]
    rows = ([1] * 36, [7] * 36, cycle)
    assert values(root, "ecr-r", "anxiety", *rows) == pytest.approx([30 / 18, 114 / 18, 70 / 18])
    assert sum(anxiety) == 70
    assert values(root, "ecr-r", "avoidance", *rows) == pytest.approx([90 / 18, 54 / 18, sum(avoidance) / 18])


def test_ecr_s_by_hand(root: Path) -> None:
    """Wei's key: anxiety 2 4 6 8R 10 12, avoidance 1R 3 5R 7 9R 11, each summed; all 1: 5 + 7, and 3 + 3 x 7."""
    rows = ([1] * 12, [7] * 12, [1, 2, 3, 4, 5, 6, 7, 6, 5, 4, 3, 2])
    assert values(root, "ecr-s", "anxiety", *rows) == [12, 36, 2 + 4 + 6 + (8 - 6) + 4 + 2]
    assert values(root, "ecr-s", "avoidance", *rows) == [24, 24, (8 - 1) + 3 + (8 - 5) + 7 + (8 - 5) + 3]


def test_bdi_ii_is_a_sum_from_0_to_63(root: Path) -> None:
    rows = ([0] * 21, [3] * 21, [0, 1, 2] * 7)
    assert values(root, "bdi-ii", "total", *rows) == [0, 63, 21]


def test_pss_10_turns_the_four_positive_items(root: Path) -> None:
    """All 0: 4 x 4. All 4: 6 x 4. The worst answers give 40."""
    rows = ([0] * 10, [4] * 10, [4, 4, 4, 0, 0, 4, 0, 0, 4, 4], [1, 2, 3, 4, 0, 1, 2, 3, 4, 0])
    expected = [16, 24, 40, 1 + 2 + 3 + 0 + 4 + 1 + 2 + 1 + 4 + 0]
    assert values(root, "pss-10", "total", *rows) == expected


def test_a_few_missing_items_are_prorated_and_more_are_missing(root: Path) -> None:
    """A sum is the mean of the answered x all items: of 3, 1 (turned: 4 - 3), 2 the sum 6 becomes 8."""
    items = answers([3, 3, 2, np.nan], [3, None, "n/a", 1], [3, 3, 2, 2], [np.nan] * 4)
    found = score(items, Score(**PLAIN), "all", "q.tsv")
    assert found["value"].tolist()[::2] == [8, 8]
    assert found["value"].isna().tolist() == [False, True, False, True]
    assert found["note"].tolist() == [
        "3 of 4 items answered: the mean of these x 4", "2 of 4 items answered, fewer than 3", None,
        "0 of 4 items answered, fewer than 3",
    ]  # fmt: skip
    assert found.index.tolist() == ["sub-01", "sub-02", "sub-03", "sub-04"]
    mean = score(items, Score(**{**PLAIN, "made_by": "mean"}), "all", "q.tsv")
    assert mean["value"].tolist()[::2] == [2, 2]
    assert mean["note"].iloc[0] == "3 of 4 items answered: the mean of these"


def test_without_a_rule_every_item_must_be_answered() -> None:
    found = score(answers([0, 1, 0, np.nan], [np.nan, 1, np.nan, 2]), Score(**PLAIN), "half", "q.tsv")
    assert np.isnan(found["value"].iloc[0])
    assert found["value"].iloc[1] == (4 - 1) + 2
    assert found["note"].tolist() == ["1 of 2 items answered, fewer than 2", None]


def test_columns_as_they_are_read_in_text_give_the_same() -> None:
    """A column with `n/a` of another table than pandas makes."""
    found = score(answers(["3", "3", "2", "n/a"]), Score(**PLAIN), "all", "q.tsv")
    assert found["value"].tolist() == [8]


@pytest.mark.parametrize(
    ("wrong", "got"), [(5, "5"), (-1, "-1"), (2.5, "2.5"), ("often", "often"), ("", "an empty cell"), (99, "99")]
)
def test_a_response_that_cannot_be_names_participant_and_item(wrong: Any, got: str) -> None:
    items = answers([1, 1, 1, 1], [1, 1, wrong, 1])
    with pytest.raises(UserError) as caught:
        score(items, Score(**PLAIN), "half", "q.tsv")
    assert (caught.value.where, caught.value.got) == ("q.tsv", f"{got} to item 3 by sub-02")
    items.index = pd.MultiIndex.from_tuples([("sub-01", "ses-pre"), ("sub-02", "ses-pre")])
    with pytest.raises(UserError, match="by sub-02 ses-pre"):
        score(items, Score(**PLAIN), "all", "q.tsv")


def test_a_scale_or_an_item_that_is_not_there() -> None:
    with pytest.raises(UserError, match="did you mean `half`"):
        score(answers([1, 1, 1, 1]), Score(**PLAIN), "halve", "q.tsv")
    with pytest.raises(UserError, match="no column of items 2"):
        score(answers([1, 1, 1, 1])[[1, 3, 4]], Score(**PLAIN), "half", "q.tsv")


@pytest.mark.parametrize(
    ("options", "where", "must"),
    [
        ({"responses": (4, 0)}, "key responses", "the lowest and the highest response"),
        ({"responses": (1, 2, 3)}, "key responses", "the lowest and the highest response"),
        ({"scales": {}}, "key scales", "at least one scale"),
        ({"scales": {"a": ()}, "reverse": (), "answered": {}}, "key scales.a", "items of the scale"),
        ({"scales": {"a": (1, 5)}}, "key scales.a", "items from 1 to 4"),
        ({"scales": {"a": (1, 1)}}, "key scales.a", "each item once"),
        ({"reverse": (0,)}, "key reverse", "items from 1 to 4"),
        ({"scales": {"a": (1, 3)}}, "key reverse", "items of the scales"),
        ({"answered": {"al": 2}}, "key answered.al", "one of the scales"),
        ({"answered": {"half": 3}}, "key answered.half", "1 to 2"),
    ],
)
def test_keys_that_no_questionnaire_has(options: dict[str, Any], where: str, must: str) -> None:
    with pytest.raises(UserError) as caught:
        Score(**{**PLAIN, **options})
    assert caught.value.where == where
    assert must in caught.value.must
