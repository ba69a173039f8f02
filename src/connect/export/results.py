"""Where the workflow puts what is exported, and whether it is there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from connect.errors import UserError

OUTPUTS: Mapping[str, str] = {
    "raw": "results/{cohort}/parcellate/{atlases}/{scan}",
    "series": "results/{cohort}/denoise/{atlas}/{strategy}/series.npy",
    "coverage": "results/{cohort}/denoise/{atlas}/{strategy}/coverage.tsv",
    "kept": "results/{cohort}/screen/{atlas}/{strategy}/scans.tsv",
    "lost": "results/{cohort}/screen/{atlas}/{strategy}/missing_parcels.tsv",
    "connectomes": "results/{cohort}/estimate/{atlas}/{strategy}/{measure}/connectomes.npy",
    "scans": "results/{cohort}/estimate/{atlas}/{strategy}/{measure}/scans.tsv",
    "domains": "results/{cohort}/compare/{atlas}/{strategy}/{measure}/{model}/domains.tsv",
    "networks": "results/{cohort}/compare/{atlas}/{strategy}/{measure}/{model}/networks.tsv",
    "components": "results/{cohort}/compare/{atlas}/{strategy}/{measure}/{model}/components.tsv",
    "values": "results/{cohort}/compare/{atlas}/{strategy}/{measure}/{model}/values.tsv",
    "participants": "results/{cohort}/compare/{atlas}/{strategy}/{measure}/{model}/participants.tsv",
    "summary": "results/{cohort}/compare/{atlas}/{strategy}/{measure}/{model}/summary.json",
}
"""Outputs of the rules that are read; a test holds them to the rule files."""

OF_STRATEGY = ("series", "coverage", "kept", "lost")
OF_MEASURE = ("connectomes", "scans")
OF_MODEL = ("domains", "networks", "components", "values", "participants", "summary")


def result(name: str, **names: str) -> Path:
    """Return the path of a result."""
    return Path(OUTPUTS[name].format(**names))


def check_finished(paths: Iterable[Path]) -> None:
    """Raise a UserError that says what to run if a result is not there."""
    absent = [path for path in paths if not path.exists()]
    if absent:
        got = "no such file" + (f", and {len(absent) - 1} other results are missing" if absent[1:] else "")
        todo = f"run `snakemake {absent[0].as_posix()}`, or `snakemake` for all that the plan names"
        raise UserError(absent[0], "a result of the workflow, which runs before the export", got, todo)
