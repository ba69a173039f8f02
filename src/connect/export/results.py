"""Where the workflow puts what is exported, and whether it is there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from connect.errors import UserError
from connect.settings.model import Model

OUTPUTS: Mapping[str, str] = {
    "raw": "results/{cohort}/parcellate/{atlases}/{scan}",
    "series": "results/{cohort}/denoise/{atlas}/{strategy}/series.npy",
    "coverage": "results/{cohort}/denoise/{atlas}/{strategy}/coverage.tsv",
    "kept": "results/{cohort}/screen/{atlas}/{strategy}/scans.tsv",
    "lost": "results/{cohort}/screen/{atlas}/{strategy}/missing_parcels.tsv",
    "connectomes": "results/{cohort}/estimate/{atlas}/{strategy}/{measure}/connectomes.npy",
    "scans": "results/{cohort}/estimate/{atlas}/{strategy}/{measure}/scans.tsv",
    "phenotype": "results/{cohort}/phenotypes/{phenotype}.tsv",
    "record": "results/{cohort}/phenotypes/{phenotype}.json",
}
"""Outputs of the rules that are read; a test holds them to the rule files."""

OF_STRATEGY = ("series", "coverage", "kept", "lost")
OF_MEASURE = ("connectomes", "scans")
OF_PHENOTYPE = ("phenotype", "record")

_OF_BOTH = ("domains.tsv", "networks.tsv", "components.tsv", "values.tsv", "participants.tsv", "summary.json")
OF_MODEL: Mapping[str, tuple[str, ...]] = {"compare": _OF_BOTH, "relate": (*_OF_BOTH, "slopes.tsv")}
"""Files of a model, by the stage that tests it."""


def result(name: str, **names: str) -> Path:
    """Return the path of a result."""
    return Path(OUTPUTS[name].format(**names))


def of_model(model: Model, /, **names: str) -> dict[str, Path]:
    """Return the paths of the results of a model by name, such as `domains`; names are those of the universe."""
    stage = "relate" if model.relation else "compare"
    folder = Path("results", names["cohort"], stage, *(names[key] for key in ("atlas", "strategy", "measure", "model")))
    return {name.partition(".")[0]: folder / name for name in OF_MODEL[stage]}


def check_finished(paths: Iterable[Path]) -> None:
    """Raise a UserError that says what to run if a result is not there."""
    absent = [path for path in paths if not path.exists()]
    if absent:
        got = "no such file" + (f", and {len(absent) - 1} other results are missing" if absent[1:] else "")
        todo = f"run `snakemake {absent[0].as_posix()}`, or `snakemake` for all that the plan names"
        raise UserError(absent[0], "a result of the workflow, which runs before the export", got, todo)
