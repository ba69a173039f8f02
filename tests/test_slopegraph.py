"""The slopegraph shows what each kind of model is about: its sessions, and the numbers that the contrast compares."""

from __future__ import annotations

import re
from collections.abc import Callable
from io import BytesIO
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.figure import Figure
from scipy import stats

from connect.figures import FIRM, STYLE, Inputs
from connect.figures.estimation import STEP, WIDEST, beside, line
from connect.figures.slopegraph import result_in_words, slopegraph
from connect.settings.figure import Figure as Recipe
from connect.tables import write_array, write_table
from connect.words import covariates, degrees_between, effect_label, effect_unit

from .persons import found_in

N_PARCELS = 8
PLAIN = {"pre": {"phase": "pre", "weeks": 0}, "post": {"phase": "post", "weeks": 8}}
LONG = {**PLAIN, "mid": {"phase": "other", "weeks": 4}, "later": {"phase": "other", "weeks": "later_week"}}
UNTIMED = {"base": {"phase": "pre"}, "end": {"phase": "post"}, "later": {"phase": "other"}}
CROSSED = {f"{name}{phase}": {"phase": phase, "condition": name}
           for name in ("drug", "low", "placebo") for phase in ("pre", "post")}  # fmt: skip
PAIR = "group[training] - group[waiting]"


def study(
    folder: Path,
    sessions: dict[str, Any],
    *,
    n: int = 24,
    arms: tuple[str, ...] = ("training", "waiting"),
    **model: Any,
) -> Inputs:
    """Compare the sessions of a study in which the first arm, and the drug, raise the block; give a figure's inputs.

    Every sixth participant misses the last session.
    """
    rng, labels = np.random.default_rng(5), list(sessions)
    group = [arms[k % len(arms)] for k in range(n)]
    people = pd.DataFrame({"participant_id": [f"sub-{k:02d}" for k in range(n)], "group": group})
    people["age"], people["sex"] = rng.integers(20, 60, n), [("F", "M")[k // len(arms) % 2] for k in range(n)]
    people["later_week"] = rng.uniform(14, 22, n).round(1)
    domain = np.array(["Salience", "Control"] * (N_PARCELS // 2))
    first, second = np.triu_indices(N_PARCELS, 1)
    between, rows, edges = domain[first] != domain[second], [], []
    for k, name in enumerate(people["participant_id"]):
        own = 0.15 * rng.standard_normal()
        for label, meaning in sessions.items():
            if k % 6 == 5 and label == labels[-1]:
                continue
            answers = (k % len(arms) == 0) * (meaning.get("condition", "drug") == "drug")
            rise = 0.01 * (people["age"][k] - 10) * answers * (meaning["phase"] != "pre")
            rows.append({"participant_id": name, "session_id": f"ses-{label}", "run": None, "scan": f"{name}_{label}"})
            edges.append(0.2 + own + rise * between + 0.08 * rng.standard_normal(between.size))
    scans = pd.DataFrame(rows).assign(mean_fd=rng.uniform(0.08, 0.3, len(rows)), scanner=None)
    write_table(folder / "scans.tsv", scans)
    write_table(folder / "kept.tsv", scans.assign(kept="yes", reason=None))
    write_array(folder / "connectomes.npy", np.array(edges))
    write_table(folder / "people.tsv", people)
    names = [f"p{k}" for k in range(N_PARCELS)]
    write_table(folder / "parcels.tsv", pd.DataFrame({"name": names, "network": domain, "region": "cortex"}))
    known = {"question": "q", "formula": "~ 1", "contrast": "mean", "motion_covariate": False, "permutations": 99}
    choices = {
        "atlas": {"title": "a", "kind": "spheres", "parcels": "parcels.tsv", "spaces": ["MNI152NLin6Asym"]},
        "domains": {"emotion": {"networks": ["Salience"]}, "cognition": {"networks": ["Control"]}},
        "cohort": {"title": "c", "derivatives": ".", "participants": "people.tsv", "sessions": sessions},
        "measure": {"title": "m", "kind": "correlation"},
        "strategy": {"title": "s"},
        "model": {**known, "resamples": 200, **model},
    }
    for name, choice in choices.items():
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(choice, sort_keys=False))
    return found_in(folder)


KINDS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "mean-change": (PLAIN, {}),
    "two-arms": (PLAIN, {"formula": "~ group + age", "contrast": PAIR}),
    "three-arms": (PLAIN, {"arms": ("training", "waiting", "reading"), "n": 36, "formula": "~ group",
                   "contrast": "group"}),
    "change-by-age": (PLAIN, {"formula": "~ age + sex", "contrast": "age"}),
    "moderation": (PLAIN, {"formula": "~ group * age", "contrast": f"{PAIR} : age"}),
    "two-factors": (PLAIN, {"formula": "~ group * sex", "contrast": f"{PAIR} : sex[F] - sex[M]"}),
    "change-by-motion": (PLAIN, {"formula": "~ fd_change", "contrast": "fd_change"}),
    "rate": (PLAIN, {"formula": "~ group", "contrast": PAIR, "outcome": "rate"}),
    "before": (PLAIN, {"formula": "~ group", "contrast": PAIR, "outcome": "pre"}),
    "before-three-arms": (PLAIN, {"arms": ("training", "waiting", "reading"), "n": 36, "formula": "~ group",
                          "contrast": "group", "outcome": "pre"}),
    "before-by-age": (PLAIN, {"formula": "~ age", "contrast": "age", "outcome": "pre"}),
    "after-given-before": (PLAIN, {"formula": "~ pre + group", "contrast": PAIR, "outcome": "post"}),
    "sessions-weeks": (LONG, {"formula": "~ group * weeks", "contrast": f"weeks : {PAIR}", "outcome": "sessions"}),
    "sessions-weeks-by-age": (LONG, {"formula": "~ age * weeks", "contrast": "weeks : age", "outcome": "sessions"}),
    "sessions-order": (UNTIMED, {"formula": "~ group * phase", "contrast": f"{PAIR} : phase[post] - phase[pre]",
                       "outcome": "sessions"}),
    "sessions-phase": (UNTIMED, {"formula": "~ phase", "contrast": "phase", "outcome": "sessions"}),
    "sessions-conditions": (CROSSED, {"formula": "~ condition * phase", "outcome": "sessions",
                            "contrast": "condition[drug] - condition[placebo] : phase[post] - phase[pre]",
                            "condition": "drug, placebo"}),
    "difference-of-conditions": (CROSSED, {"condition": "drug - placebo"}),
    "mean-of-conditions": (CROSSED, {"condition": "drug + low", "formula": "~ group", "contrast": PAIR}),
    "arms-and-conditions": (CROSSED, {"condition": "drug - placebo", "formula": "~ group", "contrast": "group", "n": 32,
                            "arms": ("training", "waiting", "reading", "resting")}),
    "three-conditions": (CROSSED, {"condition": "drug, low, placebo"}),
    "three-conditions-two-arms": (CROSSED, {"condition": "drug, low, placebo", "formula": "~ group", "contrast": PAIR}),
    "three-conditions-by-age": (CROSSED, {"condition": "drug, low, placebo", "formula": "~ age", "contrast": "age"}),
    "before-three-conditions": (CROSSED, {"condition": "drug, low, placebo", "outcome": "pre"}),
}  # fmt: skip
"""One model of each kind."""


def drawn(inputs: Inputs, **keys: Any) -> Figure:
    """Return the figure at the size of the project's own recipe."""
    recipe = Recipe(title="t", kind="slopegraph", caption="c", **{"height": 95.0, **keys})
    with style.context(["default", dict(STYLE)]):
        made = slopegraph(inputs, recipe)
        made.draw_without_rendering()
    return made


@pytest.fixture(scope="module")
def inputs_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Inputs]:
    """Return a function that gives the inputs of a kind, compared once."""
    known: dict[str, Inputs] = {}

    def of(kind: str) -> Inputs:
        if kind not in known:
            sessions, model = KINDS[kind]
            known[kind] = study(tmp_path_factory.mktemp(kind), sessions, **model)
        return known[kind]

    return of


def dots(axes: Axes) -> list[np.ndarray]:
    """Return the points of each scatter ``(n, 2)``, from left to right or group by group."""
    return [found.get_offsets() for found in axes.collections if isinstance(found, PathCollection)]


def diamonds(axes: Axes) -> list[tuple[float, float]]:
    """Return the means that are drawn, x and height."""
    found = [line for line in axes.lines if line.get_marker() == "D"]
    return [(float(line.get_xdata()[0]), float(line.get_ydata()[0])) for line in found]


def wide(inputs: Inputs) -> pd.DataFrame:
    """Return the primary quantity of the analysed (rows, sorted) in each session (columns)."""
    values = inputs.session_values[inputs.session_values["analysed"] == "yes"]
    return values.pivot_table(index="participant_id", columns="session_id", values="between", dropna=False)


def column(inputs: Inputs, name: str) -> pd.Series[Any]:
    people: pd.Series[Any] = inputs.people.set_index("participant_id")[name]
    return people.loc[wide(inputs).index]


def said(inputs: Inputs) -> str:
    return result_in_words(inputs).replace(FIRM, " ")


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_cut_off_or_covered(inputs_of: Callable[[str], Inputs], kind: str) -> None:
    made = drawn(inputs_of(kind))
    box, size = made.get_tightbbox(), made.get_size_inches()
    assert min(box.x0, box.y0, size[0] - box.x1, size[1] - box.y1) >= 0
    assert size[1] * 25.4 < 200
    for axes in made.axes:
        low, high = axes.get_ylim()
        heights = [np.asarray(line.get_ydata(), dtype=float) for line in axes.lines]
        heights += [found[:, 1] for found in dots(axes)]
        heights += [edge[:, 1] for found in axes.collections if isinstance(found, LineCollection)
                    for edge in found.get_segments()]  # fmt: skip
        shown = np.concatenate(heights)
        assert low < np.nanmin(shown)
        assert np.nanmax(shown) < high
        labels = [text.get_window_extent() for text in axes.get_xticklabels() if text.get_text()]
        assert all(one.x1 < other.x0 for one, other in pairwise(labels))
        legend = axes.get_legend()
        if legend:
            assert legend.get_window_extent().y0 >= axes.get_window_extent().y1 - 1
    titles = [axes.title.get_window_extent() for axes in made.axes if axes.get_title()]
    assert not any(one.overlaps(other) for one, other in combinations(titles, 2))


@pytest.mark.parametrize("kind", ["two-arms", "three-conditions-by-age", "after-given-before", "sessions-weeks"])
def test_a_figure_is_the_same_each_time(inputs_of: Callable[[str], Inputs], kind: str) -> None:
    found = []
    for _ in range(2):
        target = BytesIO()
        with style.context(["default", dict(STYLE)]):
            drawn(inputs_of(kind)).savefig(target, format="svg", metadata={"Date": None})
        found.append(target.getvalue())
    assert found[0] == found[1]


@pytest.mark.parametrize(("kind", "label"), [("before", "ses-pre"), ("before-three-arms", "ses-pre")])
def test_one_session_has_points_and_no_slopes(inputs_of: Callable[[str], Inputs], kind: str, label: str) -> None:
    inputs = inputs_of(kind)
    made = drawn(inputs)
    (axes,) = made.axes
    assert not [line for line in axes.lines if len(line.get_xdata()) == 2]
    values, group = wide(inputs)[label], column(inputs, "group")
    for arm, shown, (_, mean) in zip(sorted(set(group)), dots(axes), diamonds(axes), strict=True):
        own = values[group == arm]
        np.testing.assert_allclose(np.sort(shown[:, 1]), np.sort(own))
        assert mean == pytest.approx(own.mean(), rel=1e-6)
    assert axes.get_ylabel().replace("\n", " ").replace(FIRM, " ") == (
        "Mean connectivity emotion × cognition, before (Fisher z)"
    )
    assert "change" not in said(inputs).lower()
    assert axes.get_xticklabels()[0].get_text().split("\n")[1] == "n = 12"


def test_a_slope_of_one_session_is_a_scatter(inputs_of: Callable[[str], Inputs]) -> None:
    inputs = inputs_of("before-by-age")
    (axes,) = drawn(inputs).axes
    expected = np.column_stack([column(inputs, "age"), wide(inputs)["ses-pre"]])
    np.testing.assert_allclose(dots(axes)[0], expected)
    x, height = axes.lines[0].get_data()
    slope = np.polyfit(*expected.T, 1)[0]
    assert (height[-1] - height[0]) / (x[-1] - x[0]) == pytest.approx(slope)
    assert inputs.summary["primary"]["estimate"] == pytest.approx(slope, rel=1e-5)
    assert said(inputs).startswith("Slope of connectivity before on age: ")


def test_the_band_of_a_line_is_that_of_a_linear_model() -> None:
    rng = np.random.default_rng(4)
    x = rng.uniform(20, 60, 15)
    values = 0.01 * x + rng.standard_normal(15)
    at, middle, half = line(x, values, 0.9)
    design = np.column_stack([np.ones(15), x])
    weights, square = np.linalg.lstsq(design, values)[:2]
    rows = np.column_stack([np.ones(50), at])
    error = np.sqrt(square[0] / 13 * np.einsum("ij,jk,ik->i", rows, np.linalg.inv(design.T @ design), rows))
    np.testing.assert_allclose(middle, rows @ weights)
    np.testing.assert_allclose(half, stats.t.ppf(0.95, 13) * error)


def test_a_rate_is_per_week(inputs_of: Callable[[str], Inputs]) -> None:
    inputs = inputs_of("rate")
    made = drawn(inputs)
    values, group = wide(inputs), column(inputs, "group")
    rate = (values["ses-post"] - values["ses-pre"]) / 8
    for arm, shown in zip(inputs.summary["arms"], dots(made.axes[2]), strict=True):
        own = rate[group == arm["arm"]]
        np.testing.assert_allclose(np.sort(shown[:, 1]), np.sort(own), rtol=1e-6)
        assert arm["mean_change"] == pytest.approx(own.mean(), rel=1e-5)
    assert made.axes[2].get_ylabel().replace(FIRM, " ") == "Change, post − pre (Fisher z per week)"
    assert re.search(r"Change per week, training − waiting: [\d.]+ Fisher z per week \(95 % interval", said(inputs))


def test_a_moderated_change_is_a_scatter_with_a_line_per_arm(inputs_of: Callable[[str], Inputs]) -> None:
    inputs = inputs_of("moderation")
    axes = drawn(inputs).axes[2]
    values, group, age = wide(inputs), column(inputs, "group"), column(inputs, "age")
    change, slopes = values["ses-post"] - values["ses-pre"], []
    for arm, shown in zip(("training", "waiting"), dots(axes), strict=True):
        expected = np.column_stack([age[group == arm], change[group == arm]])
        np.testing.assert_allclose(shown, expected, rtol=1e-6, atol=1e-9)
        slopes.append(np.polyfit(*expected.T, 1)[0])
    assert inputs.summary["primary"]["estimate"] == pytest.approx(slopes[0] - slopes[1], rel=1e-4)
    names = [text.get_text() for text in axes.get_legend().get_texts()]
    assert names == ["training (n = 12)", "waiting (n = 8)"]
    assert said(inputs).startswith("Slope of change on age, training − waiting: ")
    assert "per unit of age" in said(inputs)


def test_two_factors_are_groups_of_both(inputs_of: Callable[[str], Inputs]) -> None:
    axes = drawn(inputs_of("two-factors")).axes[2]
    names = [text.get_text().split("\n")[0] for text in axes.get_xticklabels()]
    assert names == ["training; F", "training; M", "waiting; F", "waiting; M"]
    assert said(inputs_of("two-factors")).startswith("Change, (training − waiting) × (F − M): ")


def test_the_value_before_is_shown_with_lines_of_one_slope(inputs_of: Callable[[str], Inputs]) -> None:
    inputs = inputs_of("after-given-before")
    left, right = drawn(inputs).axes
    values, group = wide(inputs), column(inputs, "group")
    design = np.column_stack([group == "training", group == "waiting", values["ses-pre"]]).astype(float)
    weights = np.linalg.lstsq(design, values["ses-post"].to_numpy())[0]
    heights = [line.get_ydata()[0] - weights[2] * line.get_xdata()[0] for line in left.lines]
    np.testing.assert_allclose(heights, weights[:2])
    assert heights[0] - heights[1] == pytest.approx(inputs.summary["primary"]["estimate"], rel=1e-4)
    assert left.get_ylim() == right.get_ylim()
    assert "adjusted for connectivity before" in said(inputs)


def test_all_sessions_stand_over_weeks(inputs_of: Callable[[str], Inputs]) -> None:
    inputs = inputs_of("sessions-weeks")
    made = drawn(inputs)
    values, group, later = wide(inputs), column(inputs, "group"), column(inputs, "later_week")
    slopes = []
    for name in values.index:
        weeks = np.array([0, 4, 8, later[name]])
        own = values.loc[name, ["ses-pre", "ses-mid", "ses-post", "ses-later"]].to_numpy()
        there = np.isfinite(own)
        slopes.append(np.polyfit(weeks[there], own[there], 1)[0])
        axes = made.axes[int(group[name] == "waiting")]
        shown = [line for line in axes.lines if line.get_marker() == "o"]
        assert any(
            len(line.get_xdata()) == there.sum() and np.allclose(line.get_data(), [weeks[there], own[there]])
            for line in shown
        )
    for arm, shown in zip(("training", "waiting"), dots(made.axes[2]), strict=True):
        np.testing.assert_allclose(np.sort(shown[:, 1]), np.sort(np.array(slopes)[group == arm]))
    expected = [(0, "ses-pre"), (4, "ses-mid"), (8, "ses-post"), (None, "ses-later")]
    for (x, mean), (week, label) in zip(diamonds(made.axes[0]), expected, strict=True):
        own = values.loc[group == "training", label]
        assert mean == pytest.approx(own.mean())
        assert x == pytest.approx(later[group == "training"][own.notna()].mean() if week is None else week)
    assert made.axes[0].get_xlabel() == "Time (weeks)"
    assert made.axes[2].get_ylabel().replace("\n", " ").replace(FIRM, " ") == (
        "Slope of each participant (Fisher z per week)"
    )
    assert said(inputs).endswith("n = 24, 92 sessions.")
    assert "total standard deviations per week" in said(inputs)
    assert "t with Satterthwaite" in said(inputs)


def test_sessions_without_weeks_stand_in_their_order(inputs_of: Callable[[str], Inputs]) -> None:
    inputs = inputs_of("sessions-order")
    made = drawn(inputs)
    assert [text.get_text() for text in made.axes[0].get_xticklabels()] == ["pre", "post", "later"]
    values, group = wide(inputs), column(inputs, "group")
    change = (values["ses-end"] - values["ses-base"])[group == "training"]
    np.testing.assert_allclose(np.sort(dots(made.axes[2])[0][:, 1]), np.sort(change))
    assert said(inputs).startswith("Connectivity, (training − waiting) × (post − pre): ")


def test_phases_tested_together_are_seen_in_the_sessions(inputs_of: Callable[[str], Inputs]) -> None:
    inputs = inputs_of("sessions-phase")
    (axes,) = drawn(inputs).axes
    assert len(diamonds(axes)) == 3
    assert re.match(r"Any difference in connectivity with phase: F\(2, [\d.]+\) = [\d.]+; p ", said(inputs))


def test_conditions_compared_in_all_sessions_are_differences_of_changes(inputs_of: Callable[[str], Inputs]) -> None:
    inputs = inputs_of("sessions-conditions")
    values = wide(inputs)
    expected = values["ses-drugpost"] - values["ses-drugpre"] - values["ses-placebopost"] + values["ses-placebopre"]
    np.testing.assert_allclose(np.sort(dots(drawn(inputs).axes[2])[0][:, 1]), np.sort(expected.dropna()))


@pytest.mark.parametrize(
    ("kind", "label"),
    [
        ("three-conditions", "Any difference between drug, low and placebo in change: F(2, 38) = "),
        ("three-conditions-two-arms",
         "Any difference between drug, low and placebo in change, training − waiting: F(2, 36) = "),
    ],
)  # fmt: skip
def test_conditions_tested_together_have_a_panel_each(
    inputs_of: Callable[[str], Inputs], kind: str, label: str
) -> None:
    inputs = inputs_of(kind)
    made = drawn(inputs)
    panels, values = made.axes[-3:], wide(inputs)
    for axes, name in zip(panels, ("drug", "low", "placebo"), strict=True):
        change = values[f"ses-{name}post"] - values[f"ses-{name}pre"]
        np.testing.assert_allclose(np.sort(np.concatenate(dots(axes))[:, 1]), np.sort(change), rtol=1e-6)
        assert axes.get_title().startswith(name)
    assert len({axes.get_ylim() for axes in panels}) == 1
    found = inputs.summary["primary"]
    assert said(inputs).startswith(f"{label}{found['statistic']:.2f}; Cohen's f {found['g']:.2f} (")


def test_several_arms_are_tested_by_f(inputs_of: Callable[[str], Inputs]) -> None:
    inputs = inputs_of("three-arms")
    df = inputs.summary["primary"]["df"]
    assert 5 < df < 27
    assert said(inputs).startswith(f"Any difference in change with group: F(2, {df:.3g}) = ")
    assert len(dots(drawn(inputs).axes[3])) == 3


SUMMARY: dict[str, Any] = {
    "contrast": "mean", "outcome": "change", "condition": "", "columns": ["Intercept"], "arm_column": "", "arms": [],
    "unit": "Fisher z", "primary": {"estimate": 0.1, "statistic": 2.0}, "relation": "", "correlation": "pearson",
    "phenotypes": {},
}  # fmt: skip
ARMS: dict[str, Any] = {"arm_column": "group", "arms": [{"arm": "training"}, {"arm": "waiting"}]}


@pytest.mark.parametrize(
    ("given", "label", "unit", "adjusted"),
    [
        ({}, "Mean change", "Fisher z", ""),
        ({"condition": "drug + low"}, "Mean change, mean of drug and low", "Fisher z", ""),
        ({"condition": "drug, low"}, "Mean change, (drug − low) / √2", "Fisher z", ""),
        ({"outcome": "rate", "columns": ["Intercept", "fd_change"]}, "Mean change per week", "Fisher z per week",
         "adjusted for change in mean FD"),
        ({**ARMS, "contrast": PAIR, "columns": ["Intercept", "group[T.waiting]", "C(site)[T.2]", "C(site)[T.3]", "pre"],
          "outcome": "post"}, "Connectivity after, training − waiting", "Fisher z",
         "adjusted for site and connectivity before"),
        ({**ARMS, "contrast": "group", "columns": ["Intercept", "group[T.waiting]"]}, "Change, waiting − training",
         "Fisher z", ""),
        ({**ARMS, "contrast": f"{PAIR} : age",
          "columns": ["Intercept", "group[T.waiting]", "age", "group[T.waiting]:age", "mean_fd"]},
         "Slope of change on age, training − waiting", "Fisher z per unit of age", "adjusted for mean FD"),
        ({"contrast": "fd_change", "columns": ["Intercept", "fd_change", "bs(age, df=3)[1]", "bs(age, df=3)[2]"]},
         "Slope of change on change in mean FD", "Fisher z per mm", "adjusted for age"),
        ({"contrast": "bs(age, df=3)[1]", "columns": ["Intercept", "bs(age, df=3)[1]"]},
         "Coefficient of change on bs(age, df=3)[1]", "Fisher z", ""),
        ({"contrast": "weeks", "outcome": "sessions", "columns": ["Intercept", "weeks", "sex[T.M]"]},
         "Slope of connectivity on weeks", "Fisher z per week", "adjusted for sex"),
        ({"contrast": "phase", "outcome": "sessions", "columns": ["Intercept", "phase[T.pre]"], "arm_column": "phase"},
         "Connectivity, pre − post", "Fisher z", ""),
    ],
)  # fmt: skip
def test_labels_say_what_is_estimated(given: dict[str, Any], label: str, unit: str, adjusted: str) -> None:
    summary = {**SUMMARY, **given}
    assert effect_label(summary) == label
    assert effect_unit(summary) == unit
    assert covariates(summary) == adjusted


def test_numerator_degrees_of_freedom_count_arms_and_conditions() -> None:
    columns = [f"{name}, part {part}" for part in (0, 1) for name in ("Intercept", "C(site)[T.b]", "C(site)[T.c]")]
    together = {"estimate": None, "statistic": 3.0}
    summary = {**SUMMARY, "contrast": "site", "columns": columns, "condition": "a, b, c", "primary": together}
    assert degrees_between(summary) == 4
    assert degrees_between({**summary, "contrast": "mean"}) == 2
    assert effect_label(summary) == "Any difference between a, b and c in change with site"


def test_points_of_one_height_stand_side_by_side() -> None:
    values = np.array([0.0, 0.01, 0.02, 1.0, 5.0, 5.01])
    moved = beside(values, 0.1)
    assert len({*zip(np.floor(values / 0.1), moved.round(6), strict=True)}) == len(values)
    assert moved[3] == 0
    np.testing.assert_allclose(sorted(moved[:3]), [-STEP, 0, STEP], atol=1e-12)
    np.testing.assert_allclose(np.ptp(beside(np.zeros(100), 1.0)), WIDEST)
    assert beside(np.empty(0), 1.0).size == 0
