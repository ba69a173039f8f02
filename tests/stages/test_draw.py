"""Figures show what the tables say, and the same inputs give the same bytes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations, pairwise
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
from matplotlib.patches import PathPatch, Rectangle, Wedge
from matplotlib.text import Text

import connect.draw
from connect.assess import assess
from connect.compare import compare
from connect.digest import modules
from connect.draw import draw
from connect.errors import TooFew, UserError
from connect.figures import FIGURES, FIRM, STYLE, Inputs, chord, correction, flow, form_of, number, raincloud, with_arms
from connect.figures import denoising as denoising_figure
from connect.figures.glass_brain import strongest
from connect.figures.matrix import arrange, outlines, phase_means, robust_limit, spread, square
from connect.figures.motion import scans_of
from connect.figures.qc_fc import running_median
from connect.figures.slopegraph import change_of, result_in_words
from connect.parcels import domain_edges
from connect.relate import relate
from connect.settings.figure import OF_SCANS
from connect.tables import read_record, write_array, write_record, write_table
from tests.persons import write_phenotype

NETWORKS = ["Visual", "Salience", "Control", "Reward", "Attention"]
N_PARCELS = 20
N_EDGES = N_PARCELS * (N_PARCELS - 1) // 2
OUTPUTS = ("svg", "pdf", "png")
Drawn = Callable[..., tuple[Figure, Inputs]]
OF_RELATIONS = {"relation"}
"""Kinds of figures of models that are about a phenotype."""


def make(
    folder: Path,
    *,
    n: int = 8,
    conditions: Sequence[str] = ("",),
    model: Mapping[str, Any],
    effect: float = 0.4,
    missing: Sequence[int] = (),
    network: Sequence[str] = NETWORKS * 4,
    names: Sequence[str] = ("training", "waiting"),
    lose: Callable[[pd.DataFrame, pd.DataFrame], tuple[pd.DataFrame, pd.DataFrame]] | None = None,
) -> dict[str, Any]:
    """Write a dataset of 20 parcels in which the emotion × cognition block rises in the first arm; compare it.

    ``lose`` takes the participants and the screened scans, and returns those that there are in the end.
    """
    rng = np.random.default_rng(3)
    folder.mkdir(parents=True, exist_ok=True)
    centres = rng.uniform((-50, -80, -20), (50, 50, 60), (N_PARCELS, 3))
    parcels = pd.DataFrame({"name": [f"p{k}" for k in range(N_PARCELS)], "network": network, "region": "cortex"})
    parcels[["x", "y", "z"]] = centres
    domain = parcels["network"].map({"Salience": "emotion", "Reward": "emotion", "Control": "cognition"})
    between = domain_edges(domain.fillna(parcels["network"].map({"Attention": "cognition"})).fillna("").to_numpy())
    sessions = {f"{name or 'x'}{phase}": (phase, name) for name in conditions for phase in ("pre", "post")}
    rows, edges = [], []
    for k in range(n):
        for label, (phase, name) in sessions.items():
            own = {"participant_id": f"sub-{k:02d}", "session_id": f"ses-{label}", "run": None}
            excluded = k == 1 and phase == "post" and n > 3
            fd = 0.8 if excluded else rng.uniform(0.1, 0.3)
            kept = {"kept": "no", "reason": "mean FD 0.8 mm is above 0.5 mm"} if excluded else {"kept": "yes"}
            own |= {"minutes": 8.0 - k / 10, "tdof": 60.0 + k, "fd_dvars": rng.uniform(-0.1, 0.3)}
            rows.append(
                {**own, "scan": f"sub-{k:02d}_ses-{label}", "mean_fd": fd, "scanner": None, "reason": None, **kept}
            )
            rise = effect * (phase == "post") * (k % 2 == 0) * (name in ("", "drug"))
            value = 0.2 + 0.05 * rng.standard_normal(N_EDGES) + rise * between["between"]
            value[list(missing)] = np.nan
            edges.append(value)
    group = [names[k % len(names)] for k in range(n)]
    people = pd.DataFrame(
        {"participant_id": [f"sub-{k:02d}" for k in range(n)], "group": group, "age": range(20, 20 + n)}
    )
    people, table = lose(people, pd.DataFrame(rows)) if lose else (people, pd.DataFrame(rows))
    kept_rows = table[table["kept"] == "yes"].drop(columns=["kept", "reason"])
    write_table(folder / "parcels.tsv", parcels)
    write_table(folder / "kept.tsv", table)
    write_table(folder / "scans.tsv", kept_rows)
    write_array(folder / "connectomes.npy", np.array(edges)[kept_rows.index])
    write_table(folder / "people.tsv", people)
    meaning = {label: {"phase": phase, "condition": name} for label, (phase, name) in sessions.items()}
    choices = {
        "atlas": {"title": "a", "kind": "spheres", "parcels": "parcels.tsv", "spaces": ["MNI152NLin6Asym"]},
        "domains": {
            "emotion": {"networks": ["Salience", "Reward"]},
            "cognition": {"networks": ["Control", "Attention"]},
        },
        "cohort": {"title": "c", "derivatives": ".", "participants": "people.tsv", "sessions": meaning},
        "measure": {"title": "m", "kind": "correlation"},
        "strategy": {"title": "s"},
        "model": {"question": "q", "permutations": 199, "motion_covariate": False, **model},
    }
    for name, choice in choices.items():
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(choice))
    inputs = {name: folder / f"{name}.yaml" for name in choices}
    inputs |= {name: folder / f"{name}.tsv" for name in ("kept", "scans")}
    inputs["connectomes"] = folder / "connectomes.npy"
    names = ("domain_tests", "network_tests", "edge_tests", "nulls", "values")
    found = {name: folder / f"{name}.tsv" for name in names}
    found |= {"people": folder / "analysed.tsv", "summary": folder / "summary.json"}
    other = {"participants": folder / "people.tsv", "components": folder / "components.tsv"}
    if "phenotypes" in model:
        values = {(f"sub-{k:02d}", label): rng.uniform(5, 50) for k in range(n) for label in sessions}
        measured = write_phenotype(folder / "oxytocin.tsv", values)
        relate(**inputs, **found, **other, phenotypes=[measured], slopes=folder / "slopes.tsv")
    else:
        compare(**inputs, **found, **other)
    return {name: path for name, path in {**inputs, **found}.items() if name != "strategy"} | {
        **assessed(folder, inputs),
        **dict.fromkeys(("choices", "phenotypes", "gathered", "code"), ()),
        **challenged(folder, read_record(folder / "summary.json")["method"]),
        **elsewhere(folder),
    }


def elsewhere(folder: Path) -> dict[str, Any]:
    """Write the summary of another universe, in which the effect is half as large and found of fewer."""
    summary = read_record(folder / "summary.json")
    half = {key: value and value / 2 for key, value in summary["primary"].items() if key != "p"}
    other = {**summary, "strategy": "scrubbing", "n": summary["n"] - 1, "primary": {**half, "p": 0.5}}
    write_record(folder / "elsewhere.json", other)
    return {"universes": [folder / "summary.json", folder / "elsewhere.json"]}


def challenged(folder: Path, method: str) -> dict[str, Any]:
    """Write rates of two tests in three scenarios, one of them without motion as a covariate too."""
    rows = [
        {
            "scenario": scenario, "about": f"{scenario} data of some kind", "test": test, "test_about": f"test {test}",
            "motion_covariate": covariate, "correction": correction, "n": 8, "sets": 100, "rate": rate,
            "rate_low": max(rate - 0.04, 0), "rate_high": rate + 0.06, "verdict": "holds",
        }
        for scenario, rate in (("normal", 0.05), ("skew", 0.0), ("motion", 0.6))
        for covariate in (False, True)[: 1 + (scenario == "motion")]
        for test in (method, "labels")
        for correction in ("primary", "edges", "nbs")
    ]  # fmt: skip
    write_table(folder / "rates.tsv", pd.DataFrame(rows))
    return {"rates": [folder / "rates.tsv"]}


def assessed(folder: Path, inputs: Mapping[str, Path]) -> dict[str, Any]:
    """Assess the connectomes; a second strategy has a long title and no chance range for change."""
    first, second = folder / "assess.json", folder / "assess-2.json"
    own = {name: inputs[name] for name in ("connectomes", "scans", "kept", "atlas", "strategy", "measure", "cohort")}
    assess(**own, edge_table=folder / "qcfc.tsv", summary=first)
    record = read_record(first)
    void = {**dict.fromkeys(record["change"]), "n": 2, "reason": "it takes 6 participants"}
    title = "Scrubbing (motion 24, WM and CSF, censored at 0.5 mm)"
    write_record(second, {**record, "strategy": "scrubbing", "title": title, "change": void})
    return {"assessments": [first, second], "qcfc": folder / "qcfc.tsv"}


LONG = ("cognitive behavioural therapy with exercises at home", "treatment as usual")
ARMS = {"formula": "~ group", "contrast": "group[training] - group[waiting]", "test": "residuals"}
MEAN = {"formula": "~ 1", "contrast": "mean"}
RELATION = {"formula": "~ oxytocin_change", "contrast": "oxytocin_change", "phenotypes": ["oxytocin"]}
MODERATION = {
    "formula": "~ group * oxytocin_pre + age",
    "contrast": "group[training] - group[waiting] : oxytocin_pre",
    "phenotypes": ["oxytocin"],
}


@pytest.fixture(scope="module")
def arms(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return make(tmp_path_factory.mktemp("arms"), n=14, model=ARMS, missing=[5])


@pytest.fixture(scope="module")
def drug(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    model = {**MEAN, "condition": "drug - placebo"}
    return make(tmp_path_factory.mktemp("drug"), conditions=("drug", "placebo"), model=model)


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Six arms, some with long names, each under two conditions."""
    model = {"formula": "~ group", "contrast": "group", "test": "residuals", "condition": "drug - placebo"}
    names = [*LONG, "yoga", "sports", "waiting", "no treatment"]
    folder = tmp_path_factory.mktemp("crowded")
    return make(folder, n=24, conditions=("drug", "placebo"), model=model, names=names)


@pytest.fixture(scope="module")
def person(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return make(tmp_path_factory.mktemp("person"), n=14, model=RELATION, missing=[5])


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Drawn:
    """Return a function that gives the figure of a kind, and its inputs, before it is saved."""

    def run(paths: Mapping[str, Any], kind: str, **keys: Any) -> tuple[Figure, Inputs]:
        caught: list[Any] = []
        original = connect.draw.registered

        def spy(name: str) -> Callable[..., Figure]:
            return lambda inputs, recipe: caught.append(inputs) or original(name)(inputs, recipe)

        monkeypatch.setattr(connect.draw, "registered", spy)
        monkeypatch.setattr(connect.draw, "_save", lambda made, *rest: caught.append(made))
        draw(recipe(tmp_path, kind, **keys), **paths, **outputs(tmp_path, kind))
        return caught[1], caught[0]

    return run


def recipe(folder: Path, kind: str, **keys: Any) -> Path:
    path = folder / f"{kind}.yaml"
    path.write_text(yaml.safe_dump({"title": f"title of {kind}", "kind": kind, "caption": "c", **keys}))
    return path


def outputs(folder: Path, kind: str) -> dict[str, Path]:
    return {name: folder / f"{kind}.{name}" for name in OUTPUTS}


def joined(axes: Axes) -> list[Any]:
    """Return the lines that join two points, without means and marks."""
    return [line for line in axes.lines if len(line.get_xdata()) == 2 and line.get_marker() == "o"]


def boxes(axes: Axes) -> dict[tuple[float, ...], Any]:
    return {patch.get_bbox().bounds: patch.get_edgecolor() for patch in axes.patches if isinstance(patch, Rectangle)}


def texts(made: Figure) -> str:
    found = [text.get_text() for axes in made.axes for text in (axes.title, axes.xaxis.label, axes.yaxis.label)]
    found += [text.get_text() for text in (*made.texts, *(t for axes in made.axes for t in axes.get_xticklabels()))]
    found += [text.get_text() for axes in made.axes for text in axes.texts]
    return "\n".join(found).replace(FIRM, " ")


def test_every_kind_gives_the_same_bytes_in_another_process(
    arms: dict[str, Any], person: dict[str, Any], tmp_path: Path
) -> None:
    for paths, kinds in ((arms, sorted(set(FIGURES) - OF_RELATIONS)), (person, sorted(OF_RELATIONS))):
        _check_bytes(paths, kinds, tmp_path / kinds[0])


def _check_bytes(paths: dict[str, Any], kinds: list[str], folder: Path) -> None:
    """Draw figures here and in another process, and compare them."""
    code = (
        "import sys; from pathlib import Path; from connect.draw import draw\n"
        "folder, given = Path(sys.argv[1]), dict(word.split('=') for word in sys.argv[2:])\n"
        "paths = {name: [Path(one) for one in text.split(',')] for name, text in given.items()}\n"
        "several = ('assessments', 'rates', 'universes')\n"
        "paths = {name: found if name in several else found[0] for name, found in paths.items()}\n"
        "paths |= dict.fromkeys(('choices', 'phenotypes', 'gathered', 'code'), ())\n"
        "for recipe in sorted(folder.glob('*.yaml'), reverse=True):\n"
        "    out = {name: folder / f'{recipe.stem}.{name}' for name in ('svg', 'pdf', 'png')}\n"
        "    draw(recipe, **paths, **out)\n"
    )
    small = {"width": 90, "height": 60}
    here, there = folder / "here", folder / "there"
    there.mkdir(parents=True)
    here.mkdir()
    for kind in kinds:
        draw(recipe(here, kind, **small), **paths, **outputs(here, kind))
        recipe(there, kind, **small)
    listed = {name: path if isinstance(path, list | tuple) else [path] for name, path in paths.items()}
    given = [f"{name}={','.join(map(str, paths))}" for name, paths in listed.items() if paths]
    words = [sys.executable, "-c", code, str(there), *given]
    subprocess.run(words, check=True, env={**os.environ, "PYTHONHASHSEED": "7"})
    for kind in kinds:
        for name in OUTPUTS:
            assert (here / f"{kind}.{name}").read_bytes() == (there / f"{kind}.{name}").read_bytes(), f"{kind}.{name}"
        assert b"CreationDate" not in (here / f"{kind}.pdf").read_bytes()
        svg = (here / f"{kind}.svg").read_text()
        assert "dc:date" not in svg
        assert "<text" not in svg
        assert f"title of {kind}" in svg


def test_every_module_of_figures_counts_as_code_of_the_stage(root: Path) -> None:
    found = {path.name for path in modules("draw") | modules("carpets")}
    assert {path.name for path in (root / "src" / "connect" / "figures").glob("*.py")} <= found


def test_the_figures_of_the_project_are_registered(root: Path) -> None:
    for path in (root / "config" / "figures").glob("*.yaml"):
        assert yaml.safe_load(path.read_text())["kind"] in {*FIGURES, OF_SCANS}


@pytest.mark.parametrize(("keys", "hint"), [({}, "did you mean `slopegraph`"), ({"colour_map": "RdBu_q"}, "`RdBu")])
def test_a_misspelt_word_names_its_neighbour(arms: dict[str, Any], tmp_path: Path, keys: Any, hint: str) -> None:
    kind = "change_matrix" if keys else "slopgraph"
    with pytest.raises(UserError, match=hint):
        draw(recipe(tmp_path, kind, **keys), **arms, **outputs(tmp_path, kind))
    assert not (tmp_path / f"{kind}.svg").exists()


def own_figure(folder: Path, body: str) -> Path:
    (folder / "mine.py").write_text(f"from connect.figures import canvas\n\n\ndef own(inputs, recipe):\n    {body}\n")
    path = folder / "own.yaml"
    path.write_text(yaml.safe_dump({"title": "t", "caption": "c", "function": "mine.py:own", "width": 90}))
    return path


def test_a_figure_of_ones_own_is_drawn_in_the_style_of_the_others(arms: dict[str, Any], tmp_path: Path) -> None:
    body = "made = canvas(recipe); made.subplots().hist(inputs.edge_tests['estimate']); return made"
    made = outputs(tmp_path, "own")
    draw(figure=own_figure(tmp_path, body), **arms, **made)
    before = [path.read_bytes() for path in made.values()]
    draw(figure=own_figure(tmp_path, body), **arms, **made)
    assert [path.read_bytes() for path in made.values()] == before
    assert b'width="255.118' in before[0]


@pytest.mark.parametrize(
    ("body", "parts"),
    [
        ("return recipe", ["function `own`", "a matplotlib Figure", "connect.figures.canvas(recipe)"]),
        ("return canvas(recipe, inputs.nothing)", ["mine.py, line 5", "AttributeError", "the figure `t`"]),
    ],
)
def test_a_wrong_figure_of_ones_own_is_told(arms: dict[str, Any], tmp_path: Path, body: str, parts: list[str]) -> None:
    with pytest.raises(UserError) as error:
        draw(figure=own_figure(tmp_path, body), **arms, **outputs(tmp_path, "own"))
    for part in parts:
        assert part in str(error.value)


def test_parcels_are_ordered_by_domain_and_network(arms: dict[str, Any], drawn: Drawn) -> None:
    _, inputs = drawn(arms, "matrix")
    order, groups = arrange(inputs.parcels, inputs.domain)
    assert sorted(order) == list(range(N_PARCELS))
    assert [group.network for group in groups] == ["Reward", "Salience", "Attention", "Control", "Visual"]
    for group in groups:
        assert set(inputs.parcels["network"].to_numpy()[order[group.start : group.stop]]) == {group.network}
        assert set(inputs.domain[order[group.start : group.stop]]) == {group.domain}
    edges = np.arange(N_EDGES, dtype=float)
    matrix = square(edges, order)
    first, second = np.triu_indices(N_PARCELS, 1)
    place = np.argsort(order)
    np.testing.assert_array_equal(matrix[place[first], place[second]], edges)
    np.testing.assert_array_equal(matrix, matrix.T)


@pytest.mark.parametrize("kind", ["matrix", "change_matrix"])
def test_outlines_are_the_index_ranges_of_the_domains(arms: dict[str, Any], drawn: Drawn, kind: str) -> None:
    made, inputs = drawn(arms, kind)
    order, groups = arrange(inputs.parcels, inputs.domain)
    assert np.flatnonzero(inputs.domain[order] == "emotion").tolist() == list(range(8))
    assert np.flatnonzero(inputs.domain[order] == "cognition").tolist() == list(range(8, 16))
    expected = {(-0.5, -0.5, 8, 8), (7.5, 7.5, 8, 8), (7.5, -0.5, 8, 8), (-0.5, 7.5, 8, 8)}
    for axes in made.axes[: 2 if kind == "matrix" else 1]:
        assert set(boxes(axes)) == expected
    assert len({colour for _, colour, _ in outlines(groups)}) == 3


def test_matrices_show_the_mean_of_the_analysed(arms: dict[str, Any], drawn: Drawn) -> None:
    made, inputs = drawn(arms, "matrix")
    connectomes = np.load(arms["connectomes"])
    scans = pd.read_csv(arms["scans"], sep="\t")
    order, _ = arrange(inputs.parcels, inputs.domain)
    for axes, phase in zip(made.axes, ("pre", "post"), strict=False):
        chosen = (scans["session_id"] == f"ses-x{phase}") & (scans["participant_id"] != "sub-01")
        shown = np.ma.filled(axes.images[0].get_array(), np.nan)
        np.testing.assert_allclose(shown, square(connectomes[chosen].mean(axis=0), order), rtol=1e-6)
        assert np.isnan(shown).sum() == N_PARCELS + 2
        assert axes.get_title() == f"{phase} (n = 13)"
    assert len({axes.images[0].get_clim() for axes in made.axes[:2]}) == 1
    low, high = made.axes[0].images[0].get_clim()
    assert low == -high == -robust_limit(list(phase_means(inputs).values()))
    assert "Mean connectivity (Fisher z)" in texts(made)


def test_above_the_diagonal_only_what_survives(
    arms: dict[str, Any], drawn: Drawn, monkeypatch: pytest.MonkeyPatch
) -> None:
    large_cells, _ = drawn(arms, "change_matrix")
    assert not large_cells.axes[0].collections
    monkeypatch.setattr("connect.figures.matrix.MARK_POINTS", 100)
    made, inputs = drawn(arms, "change_matrix")
    order, _ = arrange(inputs.parcels, inputs.domain)
    table = pd.read_csv(arms["edge_tests"], sep="\t")
    survive = square((table["p_fwe"] <= 0.05).to_numpy(), order) == 1
    assert 0 < survive.sum() < N_EDGES
    shown = np.ma.filled(made.axes[0].images[0].get_array(), np.nan)
    estimate = square(table["estimate"].to_numpy(), order)
    lower, upper = np.tril_indices(N_PARCELS, -1), np.triu_indices(N_PARCELS, 1)
    np.testing.assert_allclose(shown[lower], estimate[lower])
    np.testing.assert_array_equal(np.isfinite(shown[upper]), survive[upper])
    np.testing.assert_allclose(shown[upper][survive[upper]], estimate[upper][survive[upper]])
    marks = made.axes[0].collections[0].get_offsets()
    assert {(int(y), int(x)) for x, y in marks} == set(zip(*np.nonzero(np.triu(survive)), strict=True))
    assert f"Surviving edges: {survive.sum() // 2} of {N_EDGES - 1}; n = 13" in texts(made)
    assert "Change, training − waiting (Fisher z)" in texts(made)


def test_a_slopegraph_has_a_line_per_participant(arms: dict[str, Any], drawn: Drawn) -> None:
    made, inputs = drawn(arms, "slopegraph")
    assert [axes.get_title() for axes in made.axes[:2]] == ["training\nn = 7", "waiting\nn = 6"]
    values = inputs.session_values.set_index(["participant_id", "phase"])["between"]
    for axes, members in zip(made.axes, (range(0, 14, 2), range(3, 14, 2)), strict=False):
        shown = [tuple(line.get_ydata()) for line in joined(axes)]
        assert shown == [(values[f"sub-{k:02d}", "pre"], values[f"sub-{k:02d}", "post"]) for k in members]
    assert "Mean connectivity emotion × cognition (Fisher z)" in texts(made)


def test_changes_agree_with_the_summary(arms: dict[str, Any], drawn: Drawn) -> None:
    made, inputs = drawn(arms, "slopegraph")
    changes = change_of(inputs)
    for arm, dots, bar in zip(
        inputs.summary["arms"], made.axes[2].collections[::2], made.axes[2].containers, strict=True
    ):
        own = changes.loc[changes["arm"] == arm["arm"], "change"]
        np.testing.assert_array_equal(np.sort(dots.get_offsets()[:, 1]), np.sort(own))
        assert own.mean() == pytest.approx(arm["mean_change"], rel=1e-6)
        assert bar[0].get_ydata()[0] == arm["mean_change"]
        assert bar[2][0].get_segments()[0][:, 1] == pytest.approx([arm["ci_low"], arm["ci_high"]])
    primary, words = inputs.summary["primary"], result_in_words(inputs).replace(FIRM, " ")
    for key in ("estimate", "ci_low", "ci_high"):
        assert number(primary[key], ".3f") in words
    assert f"Hedges' g {primary['g']:.2f} ({primary['g_low']:.2f} to {primary['g_high']:.2f})" in words
    assert words.endswith("n = 13.")


def test_conditions_are_panels_and_their_difference_is_the_change(drug: dict[str, Any], drawn: Drawn) -> None:
    made, inputs = drawn(drug, "slopegraph")
    titles = [axes.get_title() for axes in made.axes[:2]]
    assert titles == ["drug\nn = 7", "placebo\nn = 7"]
    assert [len(joined(axes)) for axes in made.axes[:2]] == [7, 7]
    wide = inputs.session_values.pivot_table(index="participant_id", columns=["condition", "phase"], values="between")
    expected = (wide["drug", "post"] - wide["drug", "pre"]) - (wide["placebo", "post"] - wide["placebo", "pre"])
    np.testing.assert_allclose(change_of(inputs)["change"], expected.dropna())
    assert "Mean change, drug − placebo" in texts(made)
    made, _ = drawn(drug, "matrix")
    assert [axes.get_title() for axes in made.axes[:4]] == [
        f"{condition}, {phase} (n = 7)" for condition in ("drug", "placebo") for phase in ("pre", "post")
    ]
    made, _ = drawn(drug, "motion")
    labels = [label.get_text() for label in made.axes[0].get_xticklabels()]
    assert labels == ["pre\ndrug", "post\ndrug", "pre\nplacebo", "post\nplacebo"]


def test_motion_shows_every_scan(arms: dict[str, Any], drawn: Drawn) -> None:
    made, inputs = drawn(arms, "motion")
    kept = pd.read_csv(arms["kept"], sep="\t")
    shown = np.concatenate([dots.get_offsets()[:, 1] for axes in made.axes for dots in axes.collections])
    np.testing.assert_allclose(np.sort(shown), np.sort(kept["mean_fd"]))
    crosses = made.axes[1].collections[1].get_offsets()
    np.testing.assert_allclose(crosses, [[1, 0.8]])
    assert made.axes[1].get_title() == "waiting\nn = 7, 14 scans, 1 excluded"
    assert [line.get_ydata()[0] for line in made.axes[0].lines if line.get_linestyle() == "--"] == [0.5]
    assert (scans_of(inputs).groupby("arm")["participant_id"].nunique() == 7).all()


def test_motion_is_of_those_whom_the_model_is_about(tmp_path: Path, drawn: Drawn) -> None:
    paths = make(tmp_path / "data", n=14, model={**MEAN, "where": {"group": ["waiting"]}})
    made, _ = drawn(paths, "motion")
    assert [axes.get_title() for axes in made.axes] == ["waiting\nn = 7, 14 scans, 1 excluded"]


def test_the_glass_brain_shows_the_largest_effects_of_the_block(arms: dict[str, Any], drawn: Drawn) -> None:
    made, inputs = drawn(arms, "glass_brain", edges=7)
    inside = inputs.edge_tests["block"] == "between"
    expected = inputs.edge_tests.loc[inside, "statistic"].abs().nlargest(7).index
    assert strongest(inputs, 7).tolist() == expected.tolist()
    coronal = made.axes[2]
    assert len(coronal.lines) == 7
    assert "Change, training − waiting: the 7 of 64 tested edges" in texts(made)
    assert correction(inputs).replace(FIRM, " ") in " ".join(texts(made).split("\n"))


def test_coordinates_are_needed_for_the_glass_brain(arms: dict[str, Any], tmp_path: Path, drawn: Drawn) -> None:
    parcels = pd.read_csv(arms["atlas"].with_name("parcels.tsv"), sep="\t").drop(columns="z")
    parcels.to_csv(tmp_path / "parcels.tsv", sep="\t")
    (tmp_path / "atlas.yaml").write_text(arms["atlas"].read_text())
    with pytest.raises(UserError, match="gaps in z"):
        drawn({**arms, "atlas": tmp_path / "atlas.yaml"}, "glass_brain")


def marks(axes: Axes, marker: str) -> list[Any]:
    """Return the single points that carry a marker, from top to bottom."""
    found = [line for line in axes.lines if line.get_marker() == marker and len(line.get_xdata()) == 1]
    return sorted(found, key=lambda line: line.get_ydata()[0])


def bars(axes: Axes, colour: str) -> list[list[float]]:
    """Return the ends of the horizontal lines of a colour, from top to bottom."""
    found = [line for line in axes.lines if line.get_color() == colour and len(line.get_xdata()) == 2]
    return [list(line.get_xdata()) for line in sorted(found, key=lambda line: line.get_ydata()[0])]


def test_denoising_shows_what_the_assessments_say(arms: dict[str, Any], drawn: Drawn) -> None:
    made, inputs = drawn(arms, "denoising", height=9, about="cohort")
    first, second = inputs.assessments
    shown = [first["level"], first["change"], second["level"]]
    for axes, key in zip(made.axes, ("median_abs_r", "distance"), strict=False):
        assert [line.get_xdata()[0] for line in marks(axes, "o")] == [part[key] for part in shown]
        hollow = [line.get_markerfacecolor() == "white" for line in marks(axes, "o")]
        assert hollow == [False, True, False]
        assert bars(axes, denoising_figure.CHANCE) == [[part[f"{key}_low"], part[f"{key}_high"]] for part in shown]
        assert [line.get_xdata()[0] for line in marks(axes, "|")] == [part[f"{key}_chance"] for part in shown]
        assert [text.get_text() for text in axes.texts] == ["n/a"]
    for axes, key in zip(made.axes[2:], ("fd_dvars", "tdof"), strict=True):
        assert [line.get_xdata()[0] for line in marks(axes, "D")] == [record[key]["mean"] for record in (first, second)]
        ends = [[record[key]["ci_low"], record[key]["ci_high"]] for record in (first, second)]
        assert bars(axes, denoising_figure.ONE_GROUP) == ends
    assert all(axes.get_xlim()[0] <= 0 <= axes.get_xlim()[1] for axes in made.axes)


def test_denoising_names_strategies_and_what_is_behind_them(arms: dict[str, Any], drawn: Drawn) -> None:
    made, _ = drawn(arms, "denoising", height=9)
    names = [label.get_text() for label in made.axes[0].get_yticklabels()]
    assert names[0] == "strategy (primary)\ns"
    assert " ".join(names[1].split()) == "scrubbing Scrubbing (motion 24, WM and CSF, censored at 0.5 mm)"
    assert [label.get_fontweight() for label in made.axes[0].get_yticklabels()] == ["bold", "normal"]
    counts = [text.get_text() for text in made.axes[3].texts]
    assert counts == [
        "n = 14 (change 13)\n27 of 28 scans\n7.3 min per scan",
        "n = 14 (change 2)\n27 of 28 scans\n7.3 min per scan",
    ]


def test_denoising_gives_a_mean_over_fewer_participants_its_own_n(
    arms: dict[str, Any], tmp_path: Path, drawn: Drawn
) -> None:
    record = read_record(arms["assessments"][0])
    path = tmp_path / "assess.json"
    write_record(path, {**record, "strategy": "other", "fd_dvars": {**record["fd_dvars"], "n": 11}})
    made, _ = drawn({**arms, "assessments": [arms["assessments"][0], path]}, "denoising", height=9)
    (text,) = made.axes[2].texts
    first, second = (mark.get_ydata()[0] for mark in marks(made.axes[2], "D"))
    assert text.get_text() == "n = 11"
    assert first < second < text.get_position()[1] < made.axes[2].get_ylim()[0]
    assert not any(text.get_text().startswith("n = 11") for text in made.axes[3].texts)


@pytest.mark.parametrize("count", [1, 12])
def test_denoising_grows_with_the_strategies(
    arms: dict[str, Any], tmp_path: Path, root: Path, drawn: Drawn, count: int
) -> None:
    record = read_record(arms["assessments"][0])
    titles = ["s", "A title that goes on and on, because its author left nothing out of it, not even the filter " * 2]
    paths = [tmp_path / f"assess-{k}.json" for k in range(count)]
    for k, path in enumerate(paths):
        write_record(path, {**record, "strategy": f"a-rather-long-name-{k}", "title": titles[k % 2]})
    keys = yaml.safe_load((root / "config" / "figures" / "denoising.yaml").read_text())
    made, _ = drawn({**arms, "assessments": paths}, "denoising", height=keys["height"])
    made.draw_without_rendering()
    box, whole = made.get_tightbbox(), made.get_size_inches()
    assert min(box.x0, box.y0, whole[0] - box.x1, whole[1] - box.y1) >= 0
    labels = [label.get_window_extent() for label in made.axes[0].get_yticklabels()]
    assert all(upper.y0 >= lower.y1 for upper, lower in pairwise(labels))
    assert whole[1] * 25.4 < {1: 50, 12: 300}[count]


def test_a_calibration_shows_every_rate_with_its_interval(arms: dict[str, Any], drawn: Drawn) -> None:
    made, inputs = drawn(arms, "calibration")
    assert inputs.rates is not None
    panels = made.axes
    assert [axes.get_title("left") for axes in panels] == ["Primary", "Edges", "NBS"]
    for axes, name in zip(panels, ("primary", "edges", "nbs"), strict=True):
        own = inputs.rates[inputs.rates["correction"] == name]
        dots = marks(axes, "o")
        assert sorted(float(dot.get_xdata()[0]) for dot in dots) == sorted(own["rate"])
        hollow = [dot for dot in dots if dot.get_markerfacecolor() == "white"]
        assert len(hollow) == int(own["motion_covariate"].sum()) == 2
        ends = sorted(tuple(line.get_xdata()) for line in axes.lines if len(line.get_xdata()) == 2)
        assert {(low, high) for low, high in zip(own["rate_low"], own["rate_high"], strict=True)} <= set(ends)
    assert [label.get_text().replace("\n", " ") for label in panels[0].get_yticklabels()] == [
        "Normal data of some kind", "Skew data of some kind", "Motion data of some kind"
    ]  # fmt: skip
    assert "100 for each scenario" in made.get_supxlabel()


def test_a_calibration_needs_one_in_the_plan(arms: dict[str, Any], drawn: Drawn) -> None:
    with pytest.raises(UserError, match="key calibration of the plan"):
        drawn({name: path for name, path in arms.items() if name != "rates"}, "calibration")


def test_qcfc_counts_every_edge(arms: dict[str, Any], drawn: Drawn) -> None:
    made, inputs = drawn(arms, "qcfc", about="cohort")
    for axes, variant, n in zip(made.axes, ("level", "change"), (14, 13), strict=False):
        known = inputs.qcfc[variant].notna()
        assert axes.collections[0].get_array().sum() == known.sum() == N_EDGES - 1
        assert axes.collections[0].get_rasterized()
        assert f"n = {n} participants, {N_EDGES - 1} edges" in axes.get_title()
        part = inputs.assessments[0][variant]
        assert f"median |r| {part['median_abs_r']:.3f}" in axes.get_title()
        np.testing.assert_array_equal(
            np.column_stack(axes.lines[-1].get_data()),
            np.column_stack(running_median(*inputs.qcfc.loc[known, ["distance", variant]].to_numpy().T)),
        )
    assert made.axes[0].get_ylim() == made.axes[1].get_ylim()
    assert made.axes[0].collections[0].get_clim() == made.axes[1].collections[0].get_clim()


def test_the_running_median_follows_the_middle_of_equal_bins() -> None:
    rng = np.random.default_rng(1)
    distance = rng.uniform(0, 100, 20_000)
    where, middle = running_median(distance, 0.5 - distance / 200 + 0.1 * rng.standard_cauchy(distance.size))
    assert len(where) == 20
    np.testing.assert_allclose(where, np.arange(2.5, 100, 5), atol=1)
    np.testing.assert_allclose(middle, 0.5 - where / 200, atol=0.02)
    assert [len(part) for part in running_median(distance[:30], distance[:30])] == [1, 1]


def test_a_large_atlas_makes_a_small_file(arms: dict[str, Any], tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    edges = pd.DataFrame({"a": "p", "b": "q", "distance": rng.uniform(5, 170, 80_000)})
    edges = edges.assign(level=rng.uniform(-1, 1, 80_000), change=np.tanh(0.3 * rng.standard_normal(80_000)))
    write_table(tmp_path / "qcfc.tsv", edges)
    draw(recipe(tmp_path, "qcfc"), **{**arms, "qcfc": tmp_path / "qcfc.tsv"}, **outputs(tmp_path, "qcfc"))
    assert (tmp_path / "qcfc.svg").stat().st_size < 700_000


@pytest.mark.parametrize(("n", "missing"), [(3, range(0, 190, 2)), (8, range(190))], ids=["three", "nothing"])
def test_few_participants_and_missing_edges_do_not_crash(
    tmp_path: Path, drawn: Drawn, n: int, missing: Sequence[int]
) -> None:
    paths = dict.fromkeys(FIGURES, make(tmp_path / "data", n=n, model=MEAN, missing=missing))
    own = make(tmp_path / "own", n=max(n, 5), model=RELATION, missing=missing)
    paths |= dict.fromkeys(OF_RELATIONS, own)
    for kind in sorted(FIGURES):
        made, _ = drawn(paths[kind], kind)
        made.draw_without_rendering()
        if n == 8:
            said = {"slopegraph": "Not tested: missing", "change_matrix": "0 of 0", "glass_brain": "No edge"}
            said |= {"qcfc": "n/a: no edge is present", "relation": "Not tested: missing"}
            assert said.get(kind, "") in texts(made)


def test_nothing_leaves_the_figure(tmp_path: Path, root: Path, drawn: Drawn) -> None:
    """The widest case: two arms under two conditions, at the sizes of the project's own recipes."""
    model = {**ARMS, "formula": "~ group + age", "condition": "drug - placebo"}
    common: dict[str, Any] = {"n": 12, "conditions": ("drug", "placebo")}
    paths = dict.fromkeys(FIGURES, make(tmp_path / "data", **common, model=model))
    own = make(tmp_path / "own", **common, model={**MODERATION, "condition": "drug - placebo"})
    paths |= dict.fromkeys(OF_RELATIONS, own)
    for path in sorted((root / "config" / "figures").glob("*.yaml")):
        keys = yaml.safe_load(path.read_text())
        if keys["kind"] == OF_SCANS:
            continue
        sizes = {key: keys[key] for key in ("width", "height") if key in keys}
        made, _ = drawn(paths[keys["kind"]], keys["kind"], **sizes)
        made.draw_without_rendering()
        box, whole = made.get_tightbbox(), made.get_size_inches()
        assert min(box.x0, box.y0, whole[0] - box.x1, whole[1] - box.y1) >= 0, path.name


def test_more_networks_than_there_is_room_for(tmp_path: Path, drawn: Drawn) -> None:
    network = ["Salience", "Reward", "Control", "Attention"] * 3 + [f"Other{k}" for k in range(8)]
    made, _ = drawn(make(tmp_path / "data", model=MEAN, network=network), "matrix", height=35)
    made.draw_without_rendering()
    labels = [text.get_window_extent() for text in made.axes[0].texts]
    assert 4 <= len(labels) < 12
    for upper, lower in pairwise(labels):
        assert upper.y0 >= lower.y1 - 1


def test_labels_keep_their_distance_and_order() -> None:
    places = spread([0, 1, 2, 50, 51, 99], gap=5, stop=100)
    assert (np.diff(places) >= 5 - 1e-9).all()
    assert places.min() >= 0
    assert places.max() <= 100
    np.testing.assert_allclose(spread([10, 40, 80], gap=5, stop=100), [10, 40, 80])


def test_numbers_have_the_digits_of_the_largest() -> None:
    form = form_of([0.1793, -0.0319, None])
    assert [number(value, form) for value in (0.1793, -0.0319, None)] == ["0.179", "−0.032", "n/a"]
    assert form_of([123.4]) == ".0f"
    assert form_of([]) == ".2f"
    assert number(-0.0004, ".3f") == "0.000"


def test_an_unknown_arm_stays_missing() -> None:
    people = pd.DataFrame({"group": ["a", None]})
    assert with_arms(people, "group")["arm"].isna().tolist() == [False, True]
    assert with_arms(people, "")["arm"].tolist() == ["", ""]


def test_a_chord_diagram_shows_the_strongest_edges_of_the_whole_brain(arms: dict[str, Any], drawn: Drawn) -> None:
    made, inputs = drawn(arms, "chord", edges=12, height=120)
    tests = inputs.edge_tests
    expected = tests["statistic"].abs().nlargest(12).index
    assert strongest(inputs, 12, everywhere=True).tolist() == expected.tolist()
    chords = [patch for patch in made.axes[0].patches if type(patch) is PathPatch]
    order, groups = arrange(inputs.parcels, inputs.domain)
    at, spans = chord.angles(groups)
    place = dict(zip(order, at, strict=True))
    sides = [side[expected] for side in np.triu_indices(N_PARCELS, 1)]
    centre = np.mean([wedge.center for wedge in made.axes[0].patches if isinstance(wedge, Wedge)], axis=0)
    shown = [_angle(end - centre) for patch in chords for end in patch.get_path().vertices[[0, 2]]]
    wanted = [place[parcel] for pair in reversed(list(zip(*sides, strict=True))) for parcel in pair]
    np.testing.assert_allclose(shown, wanted, atol=1e-6)
    survive = (tests["p_fwe"] <= 0.05)[expected].to_numpy()
    assert [patch.get_linewidth() == chord.SURVIVING for patch in reversed(chords)] == survive.tolist()
    block = (tests["block"] == "between")[expected].sum()
    words = " ".join(texts(made).split())
    assert f"the 12 of {N_EDGES - 1} tested edges with the largest |t|, {block} of them emotion × cognition" in words
    assert f"surviving among them: {survive.sum()} " in words
    for (start, stop), (after, _) in pairwise(spans):
        assert start < stop < after < 2 * np.pi


def _angle(point: np.ndarray) -> float:
    return float(np.arctan2(point[0], point[1]) % (2 * np.pi))


def test_chords_are_named_by_number_where_names_leave_no_room(arms: dict[str, Any], drawn: Drawn) -> None:
    wide, _ = drawn(arms, "chord", width=150, height=120)
    narrow, inputs = drawn(arms, "chord", width=40, height=120)
    names = [group.network for group in arrange(inputs.parcels, inputs.domain)[1]]
    assert [text.get_text() for text in wide.axes[0].texts if text.get_text() in names]
    assert {text.get_text() for text in narrow.axes[0].texts} == {str(n) for n in range(1, len(names) + 1)}
    key = ", ".join(f"{n} {name}" for n, name in enumerate(names, 1))
    assert key in " ".join(texts(narrow).split())


def effects_in(made: Figure) -> list[tuple[float, float, float]]:
    """Return what error bars of a forest plot show, from top to bottom."""
    shown = []
    for bar in made.axes[1].containers:
        (value,), (y,) = bar[0].get_data()
        low, high = bar[2][0].get_segments()[0][:, 0]
        shown.append((y, (value, low, high)))
    return [found for _, found in sorted(shown)]


def test_a_forest_plot_shows_domains_network_pairs_and_universes(arms: dict[str, Any], drawn: Drawn) -> None:
    made, inputs = drawn(arms, "forest", height=5)
    pairs = inputs.network_tests.assign(size=inputs.network_tests["statistic"].abs()).nlargest(15, "size")
    keys = ["g", "g_low", "g_high"]
    expected = [tuple(row) for table in (inputs.domain_tests, pairs) for row in table[keys].to_numpy()]
    expected += [tuple(one["primary"][key] for key in keys) for one in inputs.universes]
    np.testing.assert_allclose(effects_in(made), expected)
    said = [text.get_text().replace(FIRM, " ") for text in made.axes[0].texts]
    assert [text for text in said if text.startswith(("Domains", "Network pairs", "Emotion"))] == [
        "Domains", "Network pairs", "Emotion × cognition in every universe (atlas atlas, measure measure)"
    ]  # fmt: skip
    first = inputs.domain_tests.iloc[0]
    assert f"{first['g']:.2f} [{first['g_low']:.2f}, {first['g_high']:.2f}]".replace("-", "−") in said
    bold = [text.get_text() for text in made.axes[0].texts if text.get_fontweight() == "bold"]
    assert bold[1] == "emotion × cognition"
    assert bold[-1] == "strategy"
    assert said.count("13") == 4 + len(pairs) + 1
    assert said.count("12") == 1
    filled = [bar[0].get_markerfacecolor() != "white" for bar in made.axes[1].containers]
    p = [*inputs.domain_tests["p_fwe"], *pairs["p_fwe"], *(one["primary"]["p"] for one in inputs.universes)]
    assert filled == [one <= 0.05 for one in p]


def test_a_forest_plot_of_many_universes_has_fewer_network_pairs(arms: dict[str, Any], drawn: Drawn) -> None:
    many = {**arms, "universes": [arms["universes"][0], *[arms["universes"][1]] * 19]}
    made, inputs = drawn(many, "forest", height=5)
    assert len(effects_in(made)) == len(inputs.domain_tests) + 5 + 20
    assert "Network pairs: the 5 of 15 with the largest |t|" in texts(made)


def test_a_universe_with_too_few_participants_has_a_row_without_an_effect(
    arms: dict[str, Any], drawn: Drawn, tmp_path: Path
) -> None:
    why = {"where": "model.yaml", "must": "at least 4 participants in every arm", "got": "3 in a", "todo": "-"}
    record = read_record(arms["universes"][1])
    primary = dict.fromkeys(record["primary"])
    lost = {**record, "strategy": "scrubbing-gsr", "primary": primary, "untested": why, "n": 7}
    write_record(tmp_path / "lost.json", lost)
    made, _ = drawn({**arms, "universes": [*arms["universes"], tmp_path / "lost.json"]}, "forest")
    said = [text.get_text() for text in made.axes[0].texts]
    assert said[said.index("scrubbing-gsr") :][1:3] == ["n/a", "7"]


def test_a_model_with_too_few_participants_is_not_drawn(arms: dict[str, Any], drawn: Drawn, tmp_path: Path) -> None:
    why = {"where": "model.yaml, key test", "must": "at least 4", "got": "3 in a", "todo": "use fewer covariates"}
    write_record(tmp_path / "summary.json", {**read_record(arms["summary"]), "untested": why})
    with pytest.raises(TooFew, match="3 in a"):
        drawn({**arms, "summary": tmp_path / "summary.json"}, "slopegraph")


def test_a_forest_plot_needs_the_universes(arms: dict[str, Any], drawn: Drawn) -> None:
    with pytest.raises(UserError, match="flag --universes"):
        drawn({**arms, "universes": []}, "forest")


def test_a_raincloud_shows_every_number_once(arms: dict[str, Any], drawn: Drawn) -> None:
    made, inputs = drawn(arms, "raincloud", height=80)
    sessions, changes = made.axes
    found = change_of(inputs)
    for row, arm in enumerate(inputs.summary["arms"]):
        own = np.sort(found.loc[found["arm"] == arm["arm"], "change"])
        drops = changes.collections[_of_row(changes, row)]
        np.testing.assert_allclose(np.sort(drops.get_offsets()[:, 0]), own)
        mean = changes.containers[2 * row + 1]
        assert mean[0].get_xdata()[0] == arm["mean_change"]
        np.testing.assert_allclose(mean[2][0].get_segments()[0][:, 0], [arm["ci_low"], arm["ci_high"]])
        box = changes.containers[2 * row].patches[0]
        np.testing.assert_allclose([box.get_x(), box.get_x() + box.get_width()], np.quantile(own, (0.25, 0.75)))
    names = [label.get_text().replace("\n", " ") for label in sessions.get_yticklabels()]
    assert names == ["training, pre n = 7", "training, post n = 7", "waiting, pre n = 6", "waiting, post n = 6"]
    values = inputs.session_values[inputs.session_values["analysed"] == "yes"]
    shown = np.concatenate([sessions.collections[_of_row(sessions, row)].get_offsets()[:, 0] for row in range(4)])
    np.testing.assert_allclose(np.sort(shown), np.sort(values["between"]))
    assert len(drawn(arms, "raincloud", width=85, height=80)[0].axes) == 2


def _of_row(axes: Axes, row: int) -> int:
    """Return which collection holds the points of a row: each has a cloud, points, and the bars of a mean."""
    points = [n for n, one in enumerate(axes.collections) if isinstance(one, PathCollection)]
    return points[row]


def test_clouds_end_where_the_data_do() -> None:
    values = np.random.default_rng(5).standard_normal(40)
    at, height = raincloud.density(values)
    assert (at[0], at[-1]) == (values.min(), values.max())
    spread_of, n = values.std(ddof=1), values.size
    width = spread_of * (4 / (3 * n)) ** 0.2
    kernel = np.exp(-(((at[:, None] - values) / width) ** 2) / 2).sum(axis=1) / (n * width * np.sqrt(2 * np.pi))
    np.testing.assert_allclose(height, kernel)
    assert raincloud.density(np.array([1.0, 1.0, 1.0]))[0].size == 0
    assert raincloud.density(values[:2])[0].size == 0


def check_flow(found: flow.Flow, inputs: Inputs) -> None:
    """Check that the numbers of a flow add up, and agree with the tables."""
    assert found.enrolled == len(inputs.people)
    assert found.enrolled == found.not_asked.n + sum(arm.n for arm in found.arms)
    assert sum(arm.analysed for arm in found.arms) == inputs.summary["n"]
    assert found.enrolled - inputs.summary["n"] == inputs.summary["n_not_analysed"]
    for loss in (found.not_asked, *(loss for arm in found.arms for loss in (arm.excluded, arm.left_out))):
        assert sum(loss.reasons.values()) == loss.n
    for arm in found.arms:
        assert arm.n == arm.unscanned + arm.left_out.n + arm.analysed
        assert arm.excluded.n <= sum(scans for _, scans in arm.scanned.values())
        assert max(people for people, _ in arm.scanned.values()) <= arm.n - arm.unscanned
        assert max(arm.sessions.values()) <= arm.analysed


def test_a_flow_of_participants_adds_up(arms: dict[str, Any], drawn: Drawn) -> None:
    made, inputs = drawn(arms, "flow")
    found = flow.flow_of(inputs)
    check_flow(found, inputs)
    training, waiting = found.arms
    assert (training.n, training.left_out.n, training.analysed) == (7, 0, 7)
    assert waiting.left_out.reasons == {"scan of post excluded": 1}
    assert waiting.excluded.reasons == {"mean FD above 0.5 mm": 1}
    assert waiting.scanned == {"pre": (7, 7), "post": (7, 7)}
    assert waiting.sessions == {"pre": 6, "post": 6}
    said = texts(made)
    for text in ("Enrolled (n = 14)", "waiting (n = 7)", "Scans excluded: 1 of 14", "Analysed (n = 6)"):
        assert text in said


def test_a_flow_knows_everyone_who_is_lost(tmp_path: Path, drawn: Drawn) -> None:
    """A participant without a row, one of unknown arm, one without a scan, a second run, and a missing session."""

    def lose(people: pd.DataFrame, kept: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
        people = people[people["participant_id"] != "sub-04"]
        people.loc[people["participant_id"] == "sub-06", "group"] = None
        people = pd.concat([people, pd.DataFrame({"participant_id": ["sub-90"], "group": ["waiting"], "age": [40]})])
        again = kept[(kept["participant_id"] == "sub-08") & (kept["session_id"] == "ses-xpre")].assign(
            run="2", kept="no", reason="tDOF left 6.5 is below 10; time left 2 min is below 4 min"
        )
        return people, pd.concat([kept[kept["scan"] != "sub-10_ses-xpost"], again])

    made, inputs = drawn(make(tmp_path / "data", n=18, model={**ARMS, "formula": "~ group + age"}, lose=lose), "flow")
    found = flow.flow_of(inputs)
    check_flow(found, inputs)
    assert found.enrolled == 19
    assert found.not_asked.reasons == {"group is not known": 1, "scanned, but not in participants.tsv": 1}
    training, waiting = found.arms
    assert training.left_out.reasons == {"no scan of post": 1}
    assert training.scanned == {"pre": (7, 8), "post": (6, 6)}
    assert training.excluded.reasons == {"tDOF left below 10 and time left below 4 min": 1}
    assert waiting.unscanned == 1
    assert "pre: 7 (8 scans)" in texts(made)
    check_texts(made)


def test_a_flow_tells_whom_the_question_is_not_about(tmp_path: Path, drawn: Drawn) -> None:
    made, inputs = drawn(make(tmp_path / "data", n=14, model={**MEAN, "where": {"group": ["waiting"]}}), "flow")
    found = flow.flow_of(inputs)
    check_flow(found, inputs)
    assert found.not_asked.reasons == {"group is training": 7}
    assert [arm.name for arm in found.arms] == ["waiting"]
    assert "Not in this comparison" in texts(made)


def test_a_flow_counts_the_sessions_of_a_model_of_all_sessions(tmp_path: Path, drawn: Drawn) -> None:
    model = {**ARMS, "formula": "~ group * phase", "outcome": "sessions"}
    model |= {"contrast": "phase[post] - phase[pre] : group[training] - group[waiting]", "test": "auto"}
    _, inputs = drawn(make(tmp_path / "data", n=14, model=model), "flow")
    found = flow.flow_of(inputs)
    check_flow(found, inputs)
    assert sum(n for arm in found.arms for n in arm.sessions.values()) == inputs.summary["n_sessions"] == 27


@pytest.mark.parametrize(
    ("reason", "cause"),
    [
        ("mean FD 0.9 mm is above 0.5 mm", "mean FD above 0.5 mm"),
        ("share of missing parcels 0.21 is above 0.1", "share of missing parcels above 0.1"),
        ("mean FD is not known; tDOF left -3.5 is below 10", "mean FD is not known and tDOF left below 10"),
        ("by hand: fell asleep; snored", "by hand: fell asleep; snored"),
        ("unusable: a.nii.gz: the file ended; copy it", "unusable image or confounds"),
    ],
)
def test_causes_are_reasons_without_the_numbers_of_a_scan(reason: str, cause: str) -> None:
    assert flow.cause(reason) == cause


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Three conditions, compared by one F."""
    names = ("drug", "placebo", "sham")
    model = {**MEAN, "condition": ", ".join(names)}
    return make(tmp_path_factory.mktemp("together"), n=9, conditions=names, model=model)


@pytest.mark.parametrize("kind", ["change_matrix", "glass_brain", "chord"])
def test_edges_of_several_contrasts_are_coloured_by_the_size_of_the_effect(
    together: dict[str, Any], drawn: Drawn, kind: str
) -> None:
    made, inputs = drawn(together, kind)
    f = inputs.edge_tests["g"].to_numpy()
    assert np.isfinite(f).all()
    assert inputs.edge_tests["estimate"].isna().all()
    words = texts(made)
    assert "Cohen’s f" in words
    assert "|t|" not in words
    assert "the largest F" in words
    bar = made.axes[-1]
    low, high = sorted(bar.get_xlim() if kind != "change_matrix" else bar.get_ylim())
    assert low == 0 < high <= f.max()
    if kind == "change_matrix":
        assert f"of {len(f)}; n = {inputs.summary['n']}" in words
        shown = np.ma.filled(made.axes[0].images[0].get_array(), np.nan)
        below = shown[np.tril_indices(N_PARCELS, -1)]
        np.testing.assert_allclose(np.sort(below), np.sort(f))


def test_edges_of_a_mixed_model_of_several_contrasts_are_coloured_by_f(tmp_path: Path, drawn: Drawn) -> None:
    made, inputs = drawn(make(tmp_path / "data", **{"n": 9, **QUESTIONS["any condition"]}), "change_matrix")
    assert inputs.edge_tests["g"].isna().all()
    shown = np.ma.filled(made.axes[0].images[0].get_array(), np.nan)[np.tril_indices(N_PARCELS, -1)]
    np.testing.assert_allclose(np.sort(shown), np.sort(inputs.edge_tests["statistic"]))
    assert made.axes[-1].get_ylabel().endswith(": F")


def test_rare_reasons_in_a_flow_are_counted_together() -> None:
    reasons = pd.Series([*"aaa", *"bb", *"cc", *"dd", *"ee"])
    assert flow.counted(reasons) == {"a": 3, "b": 2, "c": 2, "other reasons": 4}
    assert flow.counted(reasons[reasons < "e"]) == {"a": 3, "b": 2, "c": 2, "d": 2}


def test_rare_reasons_are_counted_together() -> None:
    counts = flow.counted(pd.Series(["a"] * 3 + ["b", "b", "c", "d", "e"]))
    assert counts == {"a": 3, "b": 2, "c": 1, "other reasons": 2}
    assert flow.counted(pd.Series([], dtype=object)) == {}


SESSIONS = {
    "formula": "~ condition",
    "contrast": "condition",
    "outcome": "sessions",
    "condition": "drug, placebo, sham",
}
QUESTIONS: dict[str, dict[str, Any]] = {
    "one session": {"model": {**ARMS, "outcome": "pre"}},
    "value before": {"model": {**ARMS, "formula": "~ pre + group", "outcome": "post"}},
    "slope": {"model": {"formula": "~ age", "contrast": "age"}},
    "any arm": {"model": {**ARMS, "contrast": "group"}, "names": ("a", "b", "c"), "n": 18},
    "together": {"model": {**MEAN, "condition": "drug, placebo, sham"}, "conditions": ("drug", "placebo", "sham")},
    "any condition": {"model": SESSIONS, "conditions": ("drug", "placebo", "sham")},
    "relation": {"model": RELATION},
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_kinds_fit_every_question(tmp_path: Path, root: Path, drawn: Drawn, question: str) -> None:
    paths = make(tmp_path / "data", **{"n": 12, **QUESTIONS[question]})
    for kind in ("chord", "forest", "raincloud", "flow", "slopegraph", "change_matrix", "glass_brain"):
        made, inputs = drawn(paths, kind, width=85, **sizes(root, kind))
        check_texts(made)
    check_flow(flow.flow_of(inputs), inputs)


WIDTHS = (85, 180)
"""Widths of one and of two columns of a journal (mm)."""


def shown_texts(made: Figure) -> list[Text]:
    """Return every text that is seen: neither empty nor the label of a tick beyond the end of its axis."""
    beyond = {
        label
        for axes in made.findobj(Axes)
        for axis in (axes.xaxis, axes.yaxis)
        for tick in axis.get_major_ticks()
        for label in (tick.label1, tick.label2)
        if not (min(axis.get_view_interval()) <= tick.get_loc() <= max(axis.get_view_interval())) or not axes.axison
    }
    return [
        text for text in made.findobj(Text) if text.get_visible() and text.get_text().strip() and text not in beyond
    ]


def check_texts(made: Figure, font_size: float = 7) -> None:
    """Check that no text is cut off or smaller than 6 points, and that no two of them overlap."""
    with style.context(["default", {**STYLE, "font.size": font_size}]):
        made.draw_without_rendering()
        texts = shown_texts(made)
        boxes = [text.get_window_extent() for text in texts]
    width, height = made.bbox.size
    for text, box in zip(texts, boxes, strict=True):
        where = repr(text.get_text())
        assert text.get_fontsize() >= 6, where
        assert min(box.x0, box.y0, width - box.x1, height - box.y1) >= -1, f"{where} is cut off"
    for (one, first), (two, second) in combinations(zip(texts, boxes, strict=True), 2):
        across = min(first.x1, second.x1) - max(first.x0, second.x0)
        up = min(first.y1, second.y1) - max(first.y0, second.y0)
        assert min(across, up) <= 1, f"{one.get_text()!r} and {two.get_text()!r} overlap"


def sizes(root: Path, kind: str) -> dict[str, Any]:
    """Return the height that the project's own recipe of a kind has."""
    found = [yaml.safe_load(path.read_text()) for path in sorted((root / "config" / "figures").glob("*.yaml"))]
    return next({key: one[key] for key in ("height",) if key in one} for one in found if one["kind"] == kind)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("kind", sorted(FIGURES))
def test_texts_are_whole_and_apart(
    arms: dict[str, Any], person: dict[str, Any], root: Path, drawn: Drawn, kind: str, width: int
) -> None:
    paths = person if kind in OF_RELATIONS else arms
    made, _ = drawn(paths, kind, width=width, **sizes(root, kind))
    check_texts(made)


@pytest.mark.parametrize("kind", ["chord", "flow", "forest", "raincloud", "glass_brain", "slopegraph"])
def test_larger_letters_have_their_room(arms: dict[str, Any], root: Path, drawn: Drawn, kind: str) -> None:
    made, _ = drawn(arms, kind, font_size=9, **sizes(root, kind))
    check_texts(made, font_size=9)
    assert max(text.get_fontsize() for text in shown_texts(made)) >= 9 * 6 / 7


@pytest.mark.parametrize("width", WIDTHS)
def test_long_names_of_arms_under_conditions_fit(crowded: dict[str, Any], root: Path, drawn: Drawn, width: int) -> None:
    for kind in ("slopegraph", "raincloud", "forest", "flow", "motion", "matrix", "change_matrix", "chord"):
        made, inputs = drawn(crowded, kind, width=width, **sizes(root, kind))
        check_texts(made)
        if kind == "raincloud":
            (axes,) = made.axes
            assert len(axes.get_yticks()) == len(inputs.summary["arms"]) == 6
