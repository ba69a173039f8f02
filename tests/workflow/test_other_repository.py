"""The workflow as a module of another repository, made of the files that the how-to pages show, and run for real."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from .study import ROOT, counted

pytestmark = pytest.mark.slow

PARTICIPANTS = ("01", "03", "05", "07", "09", "11")
"""Of the training arm; one of them moved too much in one scan."""

N_SCANS = 2 * len(PARTICIPANTS)
UNIVERSE = ("seitzman2018", "six-motion", "lagged")


def shown_files(*pages: str) -> dict[str, str]:
    """Return the files that pages show: blocks that begin with their path as a comment."""
    blocks = [
        block
        for page in pages
        for block in re.findall(r"^```\w+\n(# .*?)^```$", (ROOT / page).read_text(), re.MULTILINE | re.DOTALL)
    ]
    return {block.splitlines()[0].removeprefix("# "): block for block in blocks}


class Repository:
    """A folder outside the project that uses it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        return subprocess.run(
            words, cwd=self.folder, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False
        )

    def snakemake(self, *words: str) -> str:
        done = self.run("snakemake", "--cores", "2", *words)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout + done.stderr

    def planned(self, *words: str) -> dict[str, int]:
        return counted(self.snakemake("--dry-run", *words))

    def table(self, *parts: str) -> pd.DataFrame:
        return pd.read_csv(self.folder.joinpath("results", "mine", *parts), sep="\t", na_values=["n/a"])

    def write(self, path: str, text: str) -> None:
        self.folder.joinpath(path).parent.mkdir(parents=True, exist_ok=True)
        self.folder.joinpath(path).write_text(text)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """Return another repository after a run; tests must not change it."""
    made = Repository(tmp_path_factory.mktemp("elsewhere"))
    shutil.copytree(ROOT / "config", made.folder / "config")
    for participant in PARTICIPANTS:
        shutil.copytree(ROOT / "data_sample" / f"sub-{participant}", made.folder / "fmriprep" / f"sub-{participant}")
    for name in ("dataset_description.json", "participants.tsv"):
        shutil.copy(ROOT / "data_sample" / name, made.folder / "fmriprep" / name)
    page = "docs/how-to/use-from-another-repository.md"
    assert "connect index fmriprep --cohort mine" in (ROOT / page).read_text()
    done = made.run("connect", "index", "fmriprep", "--cohort", "mine")
    assert done.returncode == 0, done.stderr
    for path, text in shown_files("docs/how-to/choose-or-add.md", page).items():
        made.write(path, text.replace("../connect/", f"{ROOT}/"))
    made.write(
        "config/models/change.yaml",
        "question: Does it change?\nformula: ~ 1\ncontrast: mean\nmotion_covariate: false\nresamples: 200\n",
    )
    assert "mem_mb=3000" in made.snakemake("--dry-run")
    made.snakemake()
    return made


@pytest.fixture
def copy(finished: Repository, tmp_path: Path) -> Repository:
    shutil.copytree(finished.folder, tmp_path / "copy", symlinks=True)
    return Repository(tmp_path / "copy")


def test_a_measure_in_the_users_own_file_is_estimated(finished: Repository) -> None:
    """Every edge of every kept scan, by a loop that knows nothing of connect."""
    atlas, strategy, measure = UNIVERSE
    series = np.load(finished.folder / "results" / "mine" / "denoise" / atlas / strategy / "series.npy")
    scans = finished.table("screen", atlas, strategy, "scans.tsv")
    kept = scans[scans["kept"] == "yes"]
    found = np.load(finished.folder / "results" / "mine" / "estimate" / atlas / strategy / measure / "connectomes.npy")
    assert len(found) == len(kept) == N_SCANS - 1
    first, second = np.triu_indices(series.shape[1], 1)
    chosen = np.random.default_rng(0).choice(np.flatnonzero(np.isfinite(found).all(axis=0)), 30, replace=False)
    for row, (start, stop) in zip(found, kept[["start", "stop"]].to_numpy(), strict=True):
        for edge in chosen:
            a, b = (series[start:stop, parcel].astype(float) for parcel in (first[edge], second[edge]))
            a, b = ((one - one.mean()) / one.std() for one in (a, b))
            lags = [sum(a[t + lag] * b[t] for t in range(max(0, -lag), min(len(a), len(a) - lag))) / len(a)
                    for lag in (-2, -1, 0, 1, 2)]  # fmt: skip
            np.testing.assert_allclose(row[edge], np.arctanh(max(lags, key=abs)), rtol=1e-4, atol=1e-5)


def test_a_statistic_is_tested_beside_the_domains(finished: Repository) -> None:
    folder = ("compare", *UNIVERSE, "change")
    tests, values = finished.table(*folder, "domains.tsv"), finished.table(*folder, "values.tsv")
    row = tests.set_index("quantity").loc["emotion-strength"]
    change = values.pivot_table(index="participant_id", columns="phase", values="emotion-strength").eval("post - pre")
    change = change.dropna()
    assert len(change) == row["n"] == len(PARTICIPANTS) - 1
    np.testing.assert_allclose(row["estimate"], change.mean(), rtol=1e-6)
    np.testing.assert_allclose(row["statistic"], change.mean() / (change.std() / np.sqrt(len(change))), rtol=1e-6)
    assert row["family"] == "other domain-level quantities"
    arrangements = 2 ** len(change)
    assert row["p"] * arrangements == pytest.approx(round(row["p"] * arrangements))


def test_the_report_tells_of_the_functions(finished: Repository) -> None:
    page = finished.folder.joinpath("results", "mine", "report", "report.html").read_text()
    text = " ".join(re.sub(r"<[^>]+>", "", page).split())
    assert "at which it is largest in size, as the function “lagged” of the file “my_measures.py” gives it" in text
    assert "computed by the function “emotion_strength” of the file “my_statistics.py”" in text
    assert "How the edges of the block changed" in text
    for name in ("my_measures.py", "my_statistics.py", "my_figures.py"):
        assert f'<td>function</td><th scope="row">{name}</th>' in page
    summary = finished.folder.joinpath("results", "mine", "compare", *UNIVERSE, "change", "summary.json")
    assert json.loads(summary.read_text())["statistics"][0]["title"] == "Strength of the emotion domain"


def test_a_rule_of_ones_own_reads_results(finished: Repository) -> None:
    edges = finished.table("compare", *UNIVERSE, "change", "edges.tsv")
    strongest = finished.table("strongest", *UNIVERSE, "change.tsv")
    assert list(strongest["estimate"]) == list(edges.nlargest(10, "statistic")["estimate"])


def test_a_second_run_does_nothing(finished: Repository) -> None:
    assert finished.planned() == {}


@pytest.mark.parametrize(
    ("file", "rules"),
    [
        ("my_measures.py", {"estimate", "assess", "compare", "draw", "report", "strongest", "everything"}),
        ("my_statistics.py", {"compare", "draw", "report", "strongest", "everything"}),
        ("my_figures.py", {"draw", "report", "everything"}),
    ],
)
def test_editing_a_function_runs_what_depends_on_it(copy: Repository, file: str, rules: set[str]) -> None:
    copy.write(file, copy.folder.joinpath(file).read_text() + "\n\nEDITED = True\n")
    planned = copy.planned()
    assert {name.removeprefix("connect_") for name in planned} == rules
    assert planned["connect_draw"] == (1 if file == "my_figures.py" else 2)


MODULE = """
configfile: "config/config.yaml"
module connect:
    snakefile: "{snakefile}"
    config: config
    {more}
use rule * from connect{renamed}
"""


@pytest.mark.parametrize(("snakefile", "renamed"), [("workflow/Snakefile", ""), ("Snakefile", " as their_*")])
def test_other_forms_of_the_module_run_the_same_jobs(copy: Repository, snakefile: str, renamed: str) -> None:
    copy.write("Snakefile", MODULE.format(snakefile=ROOT / snakefile, more="", renamed=renamed))
    planned = copy.planned("--forceall")
    prefix = renamed.removeprefix(" as ").removesuffix("*")
    assert planned == {
        f"{prefix}{rule}": count
        for rule, count in {
            "parcellate": N_SCANS, "gather": 1, "denoise": 1, "screen": 1, "estimate": 1, "assess": 1, "compare": 1,
            "draw": 2, "report": 1, "all": 1,
        }.items()
    }  # fmt: skip


def test_results_can_be_moved_and_choices_cannot(copy: Repository) -> None:
    more = 'replace_prefix: {"results/": "own/results/", "logs/": "own/logs/"}'
    copy.write("Snakefile", MODULE.format(snakefile=ROOT / "Snakefile", more=more, renamed=""))
    told = copy.snakemake("--dry-run")
    assert counted(told)["parcellate"] == N_SCANS
    made = set(re.findall(r"^ +(?:output|log): (.*)$", told, re.MULTILINE))
    assert all(path.startswith("own/") for paths in made for path in paths.split(", "))
    copy.write("Snakefile", MODULE.format(snakefile=ROOT / "Snakefile", more='prefix: "own"', renamed=""))
    done = copy.run("snakemake", "--dry-run")
    assert done.returncode == 2
    for part in ("where:   module of the Snakefile, prefix", "got:     own/config", "replace_prefix"):
        assert part in done.stderr


@pytest.mark.parametrize(
    ("path", "old", "new", "parts"),
    [
        ("config/measures/lagged.yaml", ":lagged", ":laged", ["my_measures.py, function `laged`", "mean `lagged`?"]),
        ("config/measures/lagged.yaml", "my_measures", "mine", ["where:   mine.py", "relative to the file of the"]),
        ("my_statistics.py", "def emotion", "de emotion", ["my_statistics.py, line 2", "SyntaxError"]),
        ("config/strategies/six-motion.yaml", "motion:", "moton:", ["six-motion.yaml, line 3", "mean `motion`?"]),
    ],
)
def test_a_mistake_stops_before_anything_runs(
    copy: Repository, path: str, old: str, new: str, parts: list[str]
) -> None:
    copy.write(path, copy.folder.joinpath(path).read_text().replace(old, new))
    done = copy.run("snakemake", "--cores", "1")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    for part in ["where:", "must be:", "got:", "to do:", *parts]:
        assert part in done.stderr
