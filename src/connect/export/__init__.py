"""Export a finished cohort as BIDS derivatives: series, connectomes and results that other programs read."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from connect.config import read, suggest
from connect.errors import UserError
from connect.export.chosen import Chosen
from connect.export.names import RESERVED, STYLES, check_labels, measure_label
from connect.export.results import OF_MEASURE, OF_PHENOTYPE, OF_STRATEGY, check_finished, of_model, result
from connect.export.sidecars import generator
from connect.export.tree import write_tree
from connect.layout import bids_label, choice, files_table, scans_table
from connect.scans import read_scans
from connect.settings.atlas import Atlas
from connect.settings.cohort import Cohort
from connect.settings.measure import Measure
from connect.settings.model import Model
from connect.settings.plan import Plan
from connect.settings.strategy import Strategy
from connect.tables import read_record, written


def export(
    config: Path,
    /,
    cohort: str,
    to: Path,
    atlases: Sequence[str] = (),
    strategies: Sequence[str] = (),
    measures: Sequence[str] = (),
    style: Literal["xcp-d", "wonkyconn"] = "xcp-d",
) -> None:
    """Write the results of a finished cohort as a BIDS-derivative dataset.

    Parameters
    ----------
    config
        The plan (YAML), such as config/config.yaml.
    cohort
        Cohort of the plan.
    to
        Folder to write. One that this command wrote for the same cohort is replaced as a whole; no other is touched.
    atlases
        Atlases of the plan; all without it.
    strategies
        Denoising strategies of the plan; all without it.
    measures
        Measures of the plan; all without it.
    style
        Names of files and form of matrices: those of XCP-D, or those that wonkyconn reads.

    Raises
    ------
    UserError
        If a name is not in the plan, a result is missing, the folder holds something else, or wonkyconn would mix up
        what is exported.
    """
    plan = read(Plan, config)
    _check_known(config, "cohort", [cohort], list(plan.cohorts))
    for flag, wanted, known in (
        ("atlases", atlases, plan.atlas_names),
        ("strategies", strategies, plan.strategies),
        ("measures", measures, plan.measures),
    ):
        _check_known(config, flag, wanted, known)
    to = Path(os.path.abspath(to))  # noqa: PTH100 - a folder is named, where a link leads is not asked
    _check_free(to, cohort)
    settings = read(Cohort, choice("cohorts", cohort))
    chosen = Chosen(
        cohort=cohort,
        settings=settings,
        scans=read_scans(scans_table(cohort)),
        files=Path(files_table(cohort)),
        models={name: read(Model, choice("models", name)) for name in plan.models.get(cohort, settings.models)},
        passes={name: plan.pass_of(name) for name in atlases or plan.atlas_names},
        atlases={name: read(Atlas, choice("atlases", name)) for name in atlases or plan.atlas_names},
        strategies={name: read(Strategy, choice("strategies", name)) for name in strategies or plan.strategies},
        measures={name: read(Measure, choice("measures", name)) for name in measures or plan.measures},
        style=STYLES[style],
    )
    _check_names(chosen, grouped=style == "wonkyconn")
    check_finished(_needed(chosen))
    with written(to) as folder:
        write_tree(chosen, folder, to)


def _check_known(config: Path, flag: str, wanted: Sequence[str], known: Sequence[str]) -> None:
    for name in wanted:
        if name not in known:
            todo = f"choose one of them, or add it to the plan and run `snakemake`{suggest(name, known)}"
            raise UserError(f"flag --{flag}", f"in the plan {config} ({', '.join(known)})", name, todo)


def _check_free(to: Path, cohort: str) -> None:
    """Refuse a folder that holds anything but an export of the same cohort."""
    if not to.exists() or (to.is_dir() and not any(to.iterdir())):
        return
    description = to / "dataset_description.json"
    made = read_record(description).get("GeneratedBy") if description.is_file() else None
    ours = {key: text for key, text in generator(cohort).items() if key != "Version"}
    if not (isinstance(made, list) and made and isinstance(made[0], Mapping) and ours.items() <= made[0].items()):
        must = f"a new folder, or one that `connect export` wrote for the cohort {cohort}"
        raise UserError(f"flag --to, {to}", must, "something else", "choose another folder")


def _check_names(chosen: Chosen, *, grouped: bool) -> None:
    check_labels("atlases", {name: bids_label(name) for name in chosen.atlases})
    check_labels("strategies", {name: bids_label(name) for name in chosen.strategies}, RESERVED)
    check_labels("measures", {name: measure_label(name, one, chosen.style) for name, one in chosen.measures.items()})
    for flag, names in (("strategies", chosen.strategies), ("measures", chosen.measures)):
        if grouped and len(names) > 1:
            must = "one for each folder: wonkyconn groups matrices by atlas alone, and would mix them"
            raise UserError(
                f"flag --{flag}", must, ", ".join(names), f"name one with --{flag}, and another --to for each"
            )


def _needed(chosen: Chosen) -> list[Path]:
    """Return every result that is read."""
    found = []
    for atlas, together in chosen.passes.items():
        found += [result("raw", cohort=chosen.cohort, atlases=together, scan=scan.name) for scan in chosen.scans]
        for strategy in chosen.strategies:
            names = {"cohort": chosen.cohort, "atlas": atlas, "strategy": strategy}
            found += [result(name, **names) for name in OF_STRATEGY]
            for measure in chosen.measures:
                found += [result(name, **names, measure=measure) for name in OF_MEASURE]
                for name, model in chosen.models.items():
                    found += of_model(model, **names, measure=measure, model=name).values()
    return found + [
        result(kind, cohort=chosen.cohort, phenotype=one) for one in chosen.phenotypes for kind in OF_PHENOTYPE
    ]
