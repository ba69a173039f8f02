"""Every column that a model can give is described with its unit, and every described one is given by some model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from connect.errors import UserError
from connect.outputs import OUTPUTS, Output, files, paths
from connect.tables import WORDS, read_header

from .studies import Study, cohort

PHASES: dict[str, Any] = {"pre": {"phase": "pre", "weeks": 0}, "post": {"phase": "post", "weeks": 8}}
MODELS: list[tuple[str, dict[str, Any]]] = [
    ("compare", {"formula": "~ 1", "contrast": "mean", "smallest_effect": 0.1}),
    ("compare", {"formula": "~ arm", "contrast": "arm[training] - arm[waiting]"}),
    ("compare", {"formula": "~ arm", "contrast": "arm[training] - arm[waiting]", "outcome": "pre"}),
    ("compare", {"formula": "~ weeks", "contrast": "weeks", "outcome": "sessions"}),
    ("relate", {"formula": "~ oxytocin_change", "contrast": "oxytocin_change", "phenotypes": ["oxytocin"]}),
]
TABLES = ("domain_tests", "network_tests", "edge_tests", "components", "values", "people", "slopes")


def of(rule: str, name: str) -> Output:
    return OUTPUTS[rule][name][0]


def drawn(folder: Path) -> Study:
    """Return twelve people in two arms before and after, with a phenotype."""
    made = cohort(folder, PHASES, 12)
    keys = [(row.participant_id, row.session_id.removeprefix("ses-")) for row in made.kept.itertuples()]
    levels = np.random.default_rng(0).normal(20, 4, len(keys))
    made.measure("oxytocin", dict(zip(keys, levels.tolist(), strict=True)))
    return made


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], set[str]]:
    """Return the columns, or keys, of everything that these models write."""
    found: dict[tuple[str, str], set[str]] = {}
    for number, (rule, model) in enumerate(MODELS):
        study = drawn(tmp_path_factory.mktemp(f"model{number}"))
        if rule == "compare":
            study.phenotypes = {}
        study.run(rule, resamples=200, permutations=100, **model)
        out = study.folder / "out"
        for name in TABLES:
            if (out / f"{name}.tsv").is_file():
                found.setdefault((rule, name), set()).update(read_header(out / f"{name}.tsv"))
        found.setdefault((rule, "summary"), set()).update(json.loads((out / "summary.json").read_text()))
    return found


def test_what_models_write_is_described_and_what_is_described_is_written(
    written: dict[tuple[str, str], set[str]],
) -> None:
    own = {"arm", "oxytocin_change"}
    for name in TABLES[:-1]:
        described = {column for column in of("compare", name).columns if not column.startswith("<")}
        assert (written["compare", name] | written["relate", name]) - own == described, name
    assert written["relate", "slopes"] == set(of("relate", "slopes").columns)
    for rule in ("compare", "relate"):
        assert written[rule, "summary"] == set(of(rule, "summary").columns)


def test_every_column_has_a_meaning_and_a_unit() -> None:
    every = [column for outputs in OUTPUTS.values() for some in outputs.values() for one in some
             for column in one.columns.values()]  # fmt: skip
    assert len(every) > 300
    assert all(column.about.strip() and column.unit.strip() for column in every)


def test_every_output_of_every_rule_is_described(root: Path) -> None:
    found = list(files(root / "workflow" / "rules"))
    assert {rule for rule, _, _ in found} == set(OUTPUTS)
    assert len({path for _, path, _ in found}) == len(found)
    assert all((path.rpartition(".")[2] in ("tsv", "json")) == bool(output.columns) for _, path, output in found)


@pytest.mark.parametrize(
    "line",
    ['        more="results/{cohort}/screen/more.tsv",', '        more=report("results/more.svg", caption="c"),'],
)
def test_an_output_that_nobody_described_is_told(tmp_path: Path, root: Path, line: str) -> None:
    for path in (root / "workflow" / "rules").glob("*.smk"):
        (tmp_path / path.name).write_text(path.read_text())
    rule = tmp_path / "screen.smk"
    rule.write_text(rule.read_text().replace("    output:\n", f"    output:\n{line}\n"))
    with pytest.raises(UserError, match=r"screen\.more"):
        list(files(tmp_path))


def test_a_folder_without_rules_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="rule files with outputs"):
        paths(tmp_path)


def test_words_have_no_unit() -> None:
    assert of("screen", "kept").columns["reason"].sidecar() == {"Description": "why it is not, in words"}
    assert of("screen", "kept").columns["mean_fd"].sidecar()["Units"] == "mm"
    assert of("screen", "kept").columns["reason"].unit == WORDS
