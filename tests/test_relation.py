"""The figure of a relation shows the numbers that its model has: points, lines, the region, and correlations."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from io import BytesIO
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from scipy import stats

from connect.errors import UserError
from connect.figures import FIRM, STYLE, Inputs
from connect.figures.clouds import cloud_of
from connect.figures.relation import REGION, relation
from connect.settings.figure import Figure as Recipe
from connect.tables import read_table, write_array, write_table

from .persons import found_in, write_phenotype

N, N_PARCELS = 30, 8
CROSSED = {f"{name}{phase}": {"phase": phase, "condition": name} for name in "abc" for phase in ("pre", "post")}
SESSIONS = {
    "pre": {"phase": "pre", "weeks": 0},
    "mid": {"phase": "other", "weeks": 4},
    "post": {"phase": "post", "weeks": 8},
}
PAIR = "group[training] - group[waiting]"
LONG = "Attachment anxiety as a participant reports it at the first of all visits, in the form for partners and parents"


def study(folder: Path, sessions: Mapping[str, Mapping[str, Any]] = SESSIONS, **model: Any) -> Inputs:
    """Relate the sessions of a study in which connectivity follows oxytocin, and in one arm attachment."""
    rng = np.random.default_rng(8)
    names = [f"sub-{k:02d}" for k in range(N)]
    people = pd.DataFrame({"participant_id": names, "group": ["training" if k % 2 else "waiting" for k in range(N)]})
    people["age"], people["sex"] = rng.integers(20, 60, N), [("F", "M")[k // 2 % 2] for k in range(N)]
    oxytocin = {(name, label): float(rng.lognormal(3, 0.4)) for name in names for label in sessions}
    first_session = next(iter(sessions))
    anxiety = {(name, first_session): float(rng.uniform(1, 7)) for name in names}
    domain = np.array(["Salience", "Control"] * (N_PARCELS // 2))
    first, second = np.triu_indices(N_PARCELS, 1)
    rows, edges = [], []
    for k, name in enumerate(names):
        own = 0.1 * rng.standard_normal()
        for label in sessions:
            rise = 0.08 * (anxiety[name, first_session] - 3) * (k % 2) * (label == "post")
            value = 0.2 + own + 0.008 * oxytocin[name, label] + rise
            rows.append({"participant_id": name, "session_id": f"ses-{label}", "run": None, "scan": f"{name}_{label}"})
            edges.append(np.where(domain[first] != domain[second], value, 0.5) + 0.1 * rng.standard_normal(first.size))
    oxytocin["sub-04", next(reversed(sessions))] = np.nan
    scans = pd.DataFrame(rows).assign(mean_fd=rng.uniform(0.08, 0.3, len(rows)), scanner=None)
    write_table(folder / "scans.tsv", scans)
    write_table(folder / "kept.tsv", scans.assign(kept="yes", reason=None))
    write_array(folder / "connectomes.npy", np.array(edges))
    write_table(folder / "people.tsv", people)
    write_phenotype(folder / "phenotypes" / "oxytocin.tsv", oxytocin)
    about = {"title": "Attachment anxiety (ECR-R)", "unit": "score", "higher": "less secure attachment"}
    write_phenotype(folder / "phenotypes" / "anxiety.tsv", anxiety, **{**about, **model.pop("about", {})})
    parcels = [f"p{k}" for k in range(N_PARCELS)]
    write_table(folder / "parcels.tsv", pd.DataFrame({"name": parcels, "network": domain, "region": "cortex"}))
    known = {"question": "q", "motion_covariate": False, "permutations": 99, "resamples": 200}
    choices = {
        "atlas": {"title": "a", "kind": "spheres", "parcels": "parcels.tsv", "spaces": ["MNI152NLin6Asym"]},
        "domains": {"emotion": {"networks": ["Salience"]}, "cognition": {"networks": ["Control"]}},
        "cohort": {"title": "c", "derivatives": ".", "participants": "people.tsv", "sessions": sessions},
        "measure": {"title": "m", "kind": "correlation"},
        "strategy": {"title": "s"},
        "model": {**known, **model},
    }
    for name, choice in choices.items():
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(choice, sort_keys=False))
    return found_in(folder)


OXYTOCIN = {"phenotypes": ["oxytocin"], "contrast": "oxytocin_change"}
ANXIETY = {"phenotypes": ["anxiety"], "contrast": f"{PAIR} : anxiety_pre"}
KINDS: dict[str, dict[str, Any]] = {
    "change": {**OXYTOCIN, "formula": "~ oxytocin_change"},
    "adjusted": {**OXYTOCIN, "formula": "~ oxytocin_change + age + sex", "motion_covariate": True},
    "arms-as-covariate": {**OXYTOCIN, "formula": "~ oxytocin_change + group"},
    "rate": {"phenotypes": ["oxytocin"], "contrast": "oxytocin_rate", "formula": "~ oxytocin_rate + age",
             "outcome": "rate"},
    "before": {"phenotypes": ["anxiety"], "contrast": "anxiety_pre", "formula": "~ anxiety_pre + age",
               "outcome": "pre"},
    "given-before": {"phenotypes": ["oxytocin"], "contrast": "oxytocin_post", "outcome": "post",
                     "formula": "~ pre + oxytocin_post + age"},
    "spearman": {**OXYTOCIN, "formula": "~ oxytocin_change + age", "correlation": "spearman"},
    "bend": {**OXYTOCIN, "formula": "~ oxytocin_change + age", "correlation": "percentage-bend"},
    "moderation": {**ANXIETY, "formula": "~ group * anxiety_pre"},
    "moderation-adjusted": {**ANXIETY, "formula": "~ group * anxiety_pre + age + sex", "motion_covariate": True},
    "two-numbers": {"phenotypes": ["oxytocin", "anxiety"], "contrast": "oxytocin_change : anxiety_pre",
                    "formula": "~ oxytocin_change * anxiety_pre + age"},
    "long-title": {**ANXIETY, "formula": "~ group * anxiety_pre", "about": {"title": LONG}},
    "repeated": {"phenotypes": ["oxytocin"], "contrast": "oxytocin", "formula": "~ oxytocin", "outcome": "sessions",
                 "correlation": "repeated", "motion_covariate": True},
    "mixed": {"phenotypes": ["oxytocin"], "contrast": "oxytocin", "formula": "~ oxytocin + age",
              "outcome": "sessions"},
    "mixed-by-arm": {"phenotypes": ["oxytocin"], "contrast": f"oxytocin : {PAIR}", "formula": "~ oxytocin * group",
                     "outcome": "sessions"},
    "mixed-once": {"phenotypes": ["anxiety"], "contrast": "weeks : anxiety_pre", "formula": "~ weeks * anxiety_pre",
                   "outcome": "sessions"},
}  # fmt: skip
"""One relation of each kind."""

ONE_SLOPE = ("change", "adjusted", "arms-as-covariate", "rate", "before", "given-before")


@pytest.fixture(scope="module")
def inputs_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Inputs]:
    """Return a function that gives the inputs of a kind, related once."""
    known: dict[str, Inputs] = {}

    def of(kind: str) -> Inputs:
        if kind not in known:
            folder = tmp_path_factory.mktemp(kind)
            known[kind] = study(folder, **KINDS[kind])
            SLOPES[kind] = read_table(folder / "slopes.tsv")
        return known[kind]

    return of


SLOPES: dict[str, pd.DataFrame] = {}


@pytest.fixture(autouse=True)
def styled() -> Iterator[None]:
    """Measure text as it was laid out: with the hinting of the style."""
    with style.context(["default", dict(STYLE)]):
        yield


def drawn(inputs: Inputs, width: float = 180, height: float = 85) -> Figure:
    recipe = Recipe(title="t", kind="relation", caption="c", width=width, height=height)
    with style.context(["default", dict(STYLE)]):
        made = relation(inputs, recipe)
        made.draw_without_rendering()
    return made


def dots(axes: Axes) -> np.ndarray:
    """Return the points ``(n, 2)``, group by group."""
    return np.concatenate([found.get_offsets() for found in axes.collections if isinstance(found, PathCollection)])


def labels(axes: Axes) -> list[Any]:
    """Return the labels of the ticks in view."""
    found = []
    for axis, limits in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim())):
        ticks = zip(axis.get_majorticklocs(), axis.get_majorticklabels(), strict=True)
        found += [label for place, label in ticks if min(limits) <= place <= max(limits)]
    return found


def slope_of(x: Any, y: Any) -> float:
    """Return the slope between the ends of a line."""
    return float((y[-1] - y[0]) / (x[-1] - x[0]))


def shown(text: str) -> str:
    return text.replace("\n", " ").replace(FIRM, " ")


def wide(inputs: Inputs, name: str = "between") -> pd.DataFrame:
    return inputs.session_values.pivot_table(index="participant_id", columns="session_id", values=name)


@pytest.mark.parametrize("kind", ONE_SLOPE)
def test_the_line_has_the_slope_of_the_model_and_is_that_of_the_points(
    inputs_of: Callable[[str], Inputs], kind: str
) -> None:
    inputs = inputs_of(kind)
    axes = drawn(inputs).axes[0]
    estimate = inputs.summary["primary"]["estimate"]
    x, y = axes.lines[0].get_data()
    assert slope_of(x, y) == pytest.approx(estimate, rel=1e-5)
    points = dots(axes)
    assert len(points) == inputs.summary["n"]
    assert stats.linregress(*points.T).slope == pytest.approx(slope_of(x, y), abs=1e-9)
    assert np.corrcoef(points.T)[0, 1] == pytest.approx(inputs.summary["primary"]["r"], abs=1e-6)


def test_without_covariates_points_are_the_values_themselves(inputs_of: Callable[[str], Inputs]) -> None:
    inputs = inputs_of("change")
    change = wide(inputs)["ses-post"] - wide(inputs)["ses-pre"]
    own = inputs.people[inputs.people["analysed"] == "yes"].set_index("participant_id")
    assert "sub-04" not in own.index
    expected = np.column_stack([own["oxytocin_change"], change[own.index]])
    np.testing.assert_allclose(dots(drawn(inputs).axes[0]), expected, rtol=0, atol=1e-7)


def test_adjusted_points_are_residuals_around_the_means(inputs_of: Callable[[str], Inputs]) -> None:
    inputs = inputs_of("adjusted")
    own = inputs.people[inputs.people["analysed"] == "yes"].set_index("participant_id")
    change = (wide(inputs)["ses-post"] - wide(inputs)["ses-pre"])[own.index]
    others = np.column_stack([np.ones(len(own)), own["age"], own["sex"] == "F", own["fd_change"]]).astype(float)
    expected = [
        one - others @ np.linalg.lstsq(others, one, rcond=None)[0] + one.mean()
        for one in (own["oxytocin_change"].to_numpy(float), change.to_numpy(float))
    ]
    made = drawn(inputs).axes[0]
    points = dots(made)[np.argsort(dots(made)[:, 0])]
    np.testing.assert_allclose(points, np.column_stack(expected)[np.argsort(expected[0])], rtol=0, atol=1e-6)
    assert shown(made.get_xlabel()) == "Change in oxytocin in plasma (pg/mL), adjusted"
    assert shown(made.get_ylabel()) == "Emotion × cognition: change, post − pre (Fisher z), adjusted"


@pytest.mark.parametrize("kind", ["moderation", "moderation-adjusted"])
def test_each_arm_has_its_simple_slope(inputs_of: Callable[[str], Inputs], kind: str) -> None:
    inputs = inputs_of(kind)
    axes = drawn(inputs).axes[0]
    table = SLOPES[kind][SLOPES[kind]["quantity"] == "between"].set_index("at")["slope"]
    lines = {line.group: line for line in cloud_of(inputs).lines}
    assert set(lines) == set(table.index) == {"training", "waiting"}
    for arm, line in lines.items():
        assert slope_of(line.x, line.y) == pytest.approx(table[arm], rel=1e-5)
    difference = slope_of(lines["training"].x, lines["training"].y) - slope_of(lines["waiting"].x, lines["waiting"].y)
    assert difference == pytest.approx(inputs.summary["primary"]["estimate"], rel=1e-5)
    own = inputs.people[inputs.people["analysed"] == "yes"]
    assert sorted(dots(axes)[:, 0]) == pytest.approx(sorted(own["anxiety_pre"]))
    names = [text.get_text() for text in axes.get_legend().get_texts()]
    assert names == ["training (n = 15)", "waiting (n = 15)", "arms differ"]
    assert axes.get_legend().get_title().get_text() == "n = 30 participants"


@pytest.mark.parametrize("kind", ["moderation", "moderation-adjusted"])
def test_the_shade_is_the_region_of_the_summary(inputs_of: Callable[[str], Inputs], kind: str) -> None:
    inputs = inputs_of(kind)
    axes = drawn(inputs).axes[0]
    low, high = axes.get_xlim()
    ranges = inputs.summary["region"]["ranges"]
    assert ranges
    spans = [patch.get_bbox() for patch in axes.patches if isinstance(patch, Rectangle)]
    expected = [(low if start is None else start, high if end is None else end) for start, end in ranges]
    np.testing.assert_allclose([(box.x0, box.x1) for box in spans], expected)
    assert {patch.get_facecolor()[:3] for patch in axes.patches} == {tuple(int(REGION[n : n + 2], 16) / 255
                                                                           for n in (1, 3, 5))}  # fmt: skip


def test_a_region_of_another_variable_is_not_shaded(inputs_of: Callable[[str], Inputs]) -> None:
    """Of two numbers the second is the moderator; the first stands on the axis, with lines at values of the second."""
    inputs = inputs_of("two-numbers")
    assert inputs.summary["region"]["moderator"] == "anxiety_pre"
    axes = drawn(inputs).axes[0]
    assert not axes.patches
    table = SLOPES["two-numbers"][SLOPES["two-numbers"]["quantity"] == "between"]
    found = [slope_of(*line.get_data()) for line in axes.lines]
    np.testing.assert_allclose(found, table["slope"], rtol=1e-5)
    names = [text.get_text() for text in axes.get_legend().get_texts()]
    start = "attachment anxiety (ECR-R) before: mean"
    assert [shown(name) for name in names] == [f"{start} − 1 SD", start, f"{start} + 1 SD"]


def test_ranks_are_shown_of_what_is_ranked(inputs_of: Callable[[str], Inputs]) -> None:
    inputs = inputs_of("spearman")
    axes = drawn(inputs).axes[0]
    own = inputs.people[inputs.people["analysed"] == "yes"].set_index("participant_id")
    change = (wide(inputs)["ses-post"] - wide(inputs)["ses-pre"])[own.index]
    ages = np.column_stack([np.ones(len(own)), stats.rankdata(own["age"])])
    ranks = [stats.rankdata(one) for one in (own["oxytocin_change"], change)]
    expected = [one - ages @ np.linalg.lstsq(ages, one, rcond=None)[0] + one.mean() for one in ranks]
    np.testing.assert_allclose(dots(axes), np.column_stack(expected), rtol=0, atol=1e-9)
    assert shown(axes.get_xlabel()) == "Rank of change in oxytocin in plasma, adjusted"
    assert shown(axes.get_ylabel()) == "Rank of emotion × cognition: change, post − pre, adjusted"
    assert np.corrcoef(dots(axes).T)[0, 1] == pytest.approx(inputs.summary["primary"]["r"])


def test_bent_values_have_no_unit(inputs_of: Callable[[str], Inputs]) -> None:
    inputs = inputs_of("bend")
    axes = drawn(inputs).axes[0]
    assert shown(axes.get_xlabel()) == "Change in oxytocin in plasma, bent (−1 to 1), adjusted"
    assert np.corrcoef(dots(axes).T)[0, 1] == pytest.approx(inputs.summary["primary"]["r"])


def test_sessions_have_parallel_lines_of_the_slope_within_participants(inputs_of: Callable[[str], Inputs]) -> None:
    inputs = inputs_of("repeated")
    cloud, axes = cloud_of(inputs), drawn(inputs).axes[0]
    slopes = [slope_of(line.x, line.y) for line in cloud.lines]
    assert len(slopes) == N
    np.testing.assert_allclose(slopes, slopes[0])
    assert slopes[0] == pytest.approx(inputs.summary["primary"]["estimate"], rel=1e-9)
    assert len(cloud.x) == inputs.summary["n_sessions"] == 3 * N - 1
    centred = [
        values - pd.Series(values).groupby(cloud.people).transform("mean").to_numpy() for values in (cloud.x, cloud.y)
    ]
    assert centred[0] @ centred[1] / (centred[0] @ centred[0]) == pytest.approx(slopes[0], rel=1e-5)
    assert np.corrcoef(centred)[0, 1] == pytest.approx(inputs.summary["primary"]["r"], abs=1e-6)
    assert shown(axes.get_xlabel()) == "Oxytocin in plasma (pg/mL), adjusted"
    assert shown(axes.get_ylabel()) == "Emotion × cognition connectivity in a session (Fisher z), adjusted"
    assert axes.get_title() == "n = 30, 89 sessions"
    assert axes.get_legend() is None


def test_sessions_of_a_mixed_model_are_the_values_themselves(inputs_of: Callable[[str], Inputs]) -> None:
    inputs = inputs_of("mixed")
    cloud = cloud_of(inputs)
    known = inputs.session_values[inputs.session_values["oxytocin"].notna()]
    assert sorted(cloud.x) == sorted(known["oxytocin"])
    assert sorted(cloud.y) == sorted(known["between"])
    slopes = [slope_of(line.x, line.y) for line in cloud.lines]
    np.testing.assert_allclose(slopes, inputs.summary["primary"]["estimate"])
    axes = drawn(inputs).axes
    assert shown(axes[0].get_ylabel()) == "Emotion × cognition connectivity in a session (Fisher z)"
    assert shown(axes[1].get_xlabel()) == "Estimate in total SDs per pg/mL with 95 % interval"
    assert len(axes[1].containers) == 4


def test_sessions_of_two_arms_have_a_slope_each(inputs_of: Callable[[str], Inputs]) -> None:
    inputs = inputs_of("mixed-by-arm")
    cloud = cloud_of(inputs)
    for arm in ("training", "waiting"):
        own = cloud.group == arm
        deviations = [
            values[own] - pd.Series(values[own]).groupby(cloud.people[own]).transform("mean").to_numpy()
            for values in (cloud.x, cloud.y)
        ]
        expected = stats.linregress(*deviations).slope
        slopes = [slope_of(line.x, line.y) for line in cloud.lines if line.group == arm]
        assert len(slopes) == 15
        np.testing.assert_allclose(slopes, expected)
    names = [text.get_text() for text in drawn(inputs).axes[0].get_legend().get_texts()]
    assert names == ["training (n = 15)", "waiting (n = 15)"]


def test_a_measure_that_is_taken_once_has_a_point_for_each_participant(inputs_of: Callable[[str], Inputs]) -> None:
    inputs = inputs_of("mixed-once")
    axes = drawn(inputs).axes[0]
    values = wide(inputs)
    slopes = [np.polyfit([0, 4, 8], row, 1)[0] for row in values[["ses-pre", "ses-mid", "ses-post"]].to_numpy()]
    own = inputs.people.set_index("participant_id").loc[values.index, "anxiety_pre"]
    np.testing.assert_allclose(dots(axes), np.column_stack([own, slopes]), atol=1e-7)
    assert shown(axes.get_ylabel()) == "Emotion × cognition: slope of each participant (Fisher z per week)"


@pytest.mark.parametrize("kind", ["change", "moderation", "repeated"])
def test_correlations_are_those_of_the_table(inputs_of: Callable[[str], Inputs], kind: str) -> None:
    inputs = inputs_of(kind)
    axes = drawn(inputs).axes[1]
    table = inputs.domain_tests
    found = [container[0].get_xdata()[0] for container in axes.containers]
    np.testing.assert_allclose(found, table["r"])
    ends = [container[2][0].get_segments()[0][:, 0] for container in axes.containers]
    np.testing.assert_allclose(ends, table[["r_low", "r_high"]])
    assert shown(axes.get_yticklabels()[0].get_text()) == "emotion × cognition"
    name = {"change": "r", "moderation": "partial r", "repeated": "r within participants"}[kind]
    assert shown(axes.get_xlabel()) == f"{name} with 95 % interval"


@pytest.mark.parametrize("width", [85, 180])
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_cut_off_or_covered(inputs_of: Callable[[str], Inputs], kind: str, width: float) -> None:
    made = drawn(inputs_of(kind), width)
    box, size = made.get_tightbbox(), made.get_size_inches()
    assert min(box.x0, box.y0, size[0] - box.x1, size[1] - box.y1) >= 0
    texts = [text for axes in made.axes for text in (axes.title, axes.xaxis.label, axes.yaxis.label, *labels(axes))]
    texts += [text for axes in made.axes if axes.get_legend() for text in axes.get_legend().get_texts()]
    boxes = [text.get_window_extent() for text in (*texts, *made.texts) if text.get_text()]
    assert not [pair for pair in combinations(boxes, 2) if pair[0].overlaps(pair[1])]
    for axes in made.axes:
        low, high = sorted(axes.get_ylim())
        points = dots(axes) if axes is made.axes[0] else np.empty((0, 2))
        assert all(low < y < high for y in points[:, 1])
        if axes.get_legend():
            assert axes.get_legend().get_window_extent().y0 >= axes.get_window_extent().y1 - 1
        assert axes.get_window_extent().width > 0.3 * width / 25.4 * made.dpi * (1 if width < 120 else 0.5)


@pytest.mark.parametrize("kind", ["adjusted", "moderation", "repeated"])
def test_a_figure_is_the_same_each_time(inputs_of: Callable[[str], Inputs], kind: str) -> None:
    found = []
    for _ in range(2):
        target = BytesIO()
        with style.context(["default", dict(STYLE)]):
            drawn(inputs_of(kind)).savefig(target, format="svg", metadata={"Date": None})
        found.append(target.getvalue())
    assert found[0] == found[1]


def test_conditions_that_are_tested_together_have_no_single_picture(tmp_path: Path) -> None:
    model = {**OXYTOCIN, "formula": "~ oxytocin_change", "condition": "a, b, c"}
    made = drawn(study(tmp_path, CROSSED, **model))
    assert "tested together" in made.axes[0].texts[0].get_text()
    assert shown(made.axes[1].get_xlabel()) == "Cohen’s f with 95 % interval"
    assert "Any difference between a, b and c in slope of change on" in shown(made.get_supxlabel())


def test_the_difference_of_two_conditions_is_one_relation(tmp_path: Path) -> None:
    inputs = study(tmp_path, CROSSED, **OXYTOCIN, formula="~ oxytocin_change + age", condition="a - b")
    points = dots(drawn(inputs).axes[0])
    assert stats.linregress(*points.T).slope == pytest.approx(inputs.summary["primary"]["estimate"], rel=1e-5)


def test_a_model_of_the_intervention_alone_has_no_such_figure(tmp_path: Path) -> None:
    inputs = study(tmp_path, formula="~ 1", contrast="mean")
    with pytest.raises(UserError, match="about: relation"):
        drawn(inputs)
