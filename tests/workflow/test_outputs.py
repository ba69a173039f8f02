"""Every file that a run writes is described, and every column in it, with its unit; what is described is written."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from connect.outputs import Output, files
from connect.tables import read_header, read_table

from .study import ROOT, Study

pytestmark = pytest.mark.slow

FILES = [(path, output) for _, path, output in files(ROOT / "workflow" / "rules")]
NOT_RUN = re.compile("results/[^/]+/challenge/|figures/")
"""The sample's plan of the tests has no calibration, and figures of a paper are asked for by name; `test_calibrate` and
`test_figures` do."""


def pattern(path: str) -> re.Pattern[str]:
    """Return what the paths of a file are like: words in braces differ from file to file."""
    words = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path))
    return re.compile(words + r"\Z")


def written(study: Study) -> list[str]:
    """Return every file under `results/` but those that Snakemake keeps for itself."""
    results = study.file("results")
    found = (path.relative_to(study.folder) for path in results.rglob("*") if path.is_file())
    return sorted(path.as_posix() for path in found if not any(part.startswith(".") for part in path.parts))


def described(path: str) -> Output | None:
    """Return the description of a file, or of the table of which it is the sidecar."""
    fitting = [(known.count("{"), output) for known, output in FILES if pattern(known).match(path)]
    least = min((count for count, _ in fitting), default=0)
    own = [output for count, output in fitting if count == least]
    table = path.removesuffix(".json") + ".tsv"
    beside = [output for known, output in FILES if output.beside and pattern(known).match(table)]
    assert len(own + beside) <= 1, path
    return (own or beside or [None])[0]


def names(path: Path) -> list[str]:
    """Return the columns of a table, or the keys of a record."""
    return read_header(path) if path.suffix == ".tsv" else list(json.loads(path.read_text()))


@pytest.fixture(scope="module")
def chosen(finished: Study) -> set[str]:
    """Return the columns that choices name: parcels, voxels of a carpet, what models need of the participants."""
    parcels = read_table(finished.file("config", "atlases", "seitzman2018.tsv"))["name"]
    models = [yaml.safe_load(path.read_text()) for path in finished.file("config", "models").glob("*.yaml")]
    formulas = " ".join(f"{model['formula']} {model.get('where', '')}" for model in models)
    return {*parcels, *(f"voxel{number}" for number in range(1, 257)), *re.findall(r"\w+", formulas), "group"}


def test_every_file_and_every_column_is_described(finished: Study, chosen: set[str]) -> None:
    paths = written(finished)
    assert len(paths) > 400
    assert [path for path in paths if described(path) is None] == []
    for path in (path for path in paths if path.endswith((".tsv", ".json"))):
        output = described(path)
        assert output is not None
        found = set(names(finished.file(path)))
        several = chosen if any(name.startswith("<") for name in output.columns) else set()
        assert found - set(output.columns) <= several, path
        always = {name for name, column in output.columns.items() if not column.only and not name.startswith("<")}
        assert always <= found, path


def test_every_described_file_is_written(finished: Study) -> None:
    paths = written(finished)
    absent = [known for known, _ in FILES if not any(pattern(known).match(path) for path in paths)]
    assert absent == [known for known, _ in FILES if NOT_RUN.match(known)]


def test_a_sidecar_says_what_the_page_says(finished: Study) -> None:
    path = finished.file("results/sample/compare/seitzman2018/36p/correlation/training-by-time/edges.tsv")
    output = described(path.relative_to(finished.folder).as_posix())
    assert output is not None
    told = json.loads(path.with_suffix(".json").read_text())
    assert list(told) == read_header(path)
    assert told == {name: output.columns[name].sidecar() for name in told}
