"""The figure of a null distribution shows what the p-values were counted over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from connect.figures import FIRM, STYLE, Inputs
from connect.figures.null import REACHING, Null, bars, null_distribution
from connect.settings.figure import Figure as Recipe

from . import test_relation, test_slopegraph
from .test_slopegraph import LONG, PAIR, PLAIN

Asked = Callable[[str], Inputs]
MEAN = {"formula": "~ 1", "contrast": "mean", "motion_covariate": False}
QUESTIONS: dict[str, dict[str, Any]] = {
    "all sign flips": {"sessions": PLAIN, "n": 9, "permutations": 500, **MEAN},
    "arms": {"sessions": PLAIN, "formula": "~ group", "contrast": PAIR},
    "F of arms": {"sessions": PLAIN, "arms": ("a", "b", "c"), "formula": "~ group", "contrast": "group"},
    "mixed": {"sessions": LONG, "outcome": "sessions", "formula": "~ weeks", "contrast": "weeks"},
}


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Asked:
    return cache(lambda name: _asked(name, tmp_path_factory.mktemp("study")))


def _asked(name: str, folder: Path) -> Inputs:
    if name == "relation":
        model = {"formula": "~ oxytocin_change", "contrast": "oxytocin_change", "phenotypes": ["oxytocin"]}
        return test_relation.study(folder, **model)
    question = dict(QUESTIONS[name])
    return test_slopegraph.study(folder, question.pop("sessions"), **question)


def drawn(inputs: Inputs, width: float = 180.0) -> Figure:
    with style.context(["default", dict(STYLE)]):
        made = null_distribution(inputs, Recipe("t", "c", kind="null_distribution", width=width, height=70))
        made.draw_without_rendering()
    return made


def n_reaching(axes: Axes) -> float:
    """Return how many arrangements are drawn in the colour of those that reach the observed one."""
    return sum(bar.get_height() for bar in axes.patches if to_hex(bar.get_facecolor()) == REACHING.lower())


@pytest.mark.parametrize("width", [85.0, 180.0])
@pytest.mark.parametrize("name", [*QUESTIONS, "relation"])
def test_bars_count_the_arrangements_that_p_counts(name: str, width: float, asked: Asked) -> None:
    inputs = asked(name)
    made, m = drawn(inputs, width), inputs.summary["arrangements"]
    rows = {"primary": inputs.domain_tests.iloc[:1], "edges": inputs.edge_tests}
    for axes, column in zip(made.axes, ("primary", "edges"), strict=True):
        null = inputs.nulls[column].to_numpy()
        assert sum(bar.get_height() for bar in axes.patches) == m == len(null)
        assert n_reaching(axes) == pytest.approx(m * rows[column]["p_fwe"].min())
        observed = next(line for line in axes.lines if line.get_linestyle() == "-")
        assert observed.get_xdata()[0] == null[0]
        limits = sorted(line.get_xdata()[0] for line in axes.lines if line.get_linestyle() != "-")
        found = Null(null).critical(inputs.model.alpha)
        below = np.abs(null)[np.abs(null) < found * (1 - 1e-6)].max()
        assert (np.abs(null) >= found * (1 - 1e-6)).mean() <= inputs.model.alpha < (np.abs(null) >= below).mean()
        assert limits == ([-found, found] if null.min() < 0 else [found])
        low, high = axes.get_xlim()
        assert low <= null.min() <= null.max() <= high
    box, whole = made.get_tightbbox(), made.get_size_inches()
    assert min(box.x0, box.y0, whole[0] - box.x1, whole[1] - box.y1) >= 0
    assert len({round(axes.get_position().x0, 2) for axes in made.axes}) == (1 if width == 85 else 2)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("all sign flips", ["(exact, 2 of 256 sign flips)", "Largest |t| of 28 edges"]),
        ("arms", ["random permutations)", "critical ±"]),
        ("F of arms", ["Largest F of 28 edges", "F in each arrangement"]),
        (
            "mixed",
            ["random sign flips)", "by t with Satterthwaite’s degrees of freedom p = ", "t of whitened residuals"],
        ),
    ],
)
def test_a_panel_says_what_p_is(name: str, words: list[str], asked: Asked) -> None:
    inputs = asked(name)
    made = drawn(inputs)
    text = " ".join(f"{axes.get_title('left')} {axes.get_xlabel()}" for axes in made.axes)
    for word in words:
        assert word in text.replace("\n", " ").replace(FIRM, " ")
    assert f"observed {inputs.nulls['primary'][0]:.2f}".replace("-", "−") in text


def test_too_few_arrangements_have_no_critical_value(tmp_path: Path) -> None:
    inputs = test_slopegraph.study(tmp_path, PLAIN, n=5, **MEAN)
    made = drawn(inputs)
    assert len(inputs.nulls) == 2**5
    assert all(len(axes.lines) == 1 for axes in made.axes)
    assert "critical none" in made.axes[0].get_title("left")


def test_what_was_not_tested_is_said(asked: Asked) -> None:
    inputs = asked("all sign flips")
    made = drawn(replace(inputs, nulls=inputs.nulls.assign(primary=np.nan)))
    assert [text.get_text() for text in made.axes[0].texts] == ["not tested"]
    assert not made.axes[0].patches
    assert n_reaching(made.axes[1]) > 0


def test_a_perfect_fit_is_drawn_at_the_end() -> None:
    null = Null(np.array([np.inf, 1.0, -2.0, -np.inf]))
    assert null.reaching.tolist() == [True, False, False, True]
    values, borders = bars(null)
    assert values.tolist() == [2, 1, -2, -2]
    assert borders[0] <= -2 < 2 < borders[-1]
