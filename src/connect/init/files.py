"""What a new study folder holds, as texts: plan, models, Snakefile, and the page that says what is where."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from connect.init.guesses import Arms

IGNORED = (".snakemake/", "results/", "logs/", "data/", "work/", "connect.sif")
"""What a repository of the study does not keep: it can be made again."""

SNAKEFILE = """\
# The study: the rules of connect with the choices in config/. Rules of your own go below; how, says the page
# docs/how-to/use-from-another-repository.md of connect.
from connect import shipped


configfile: "config/config.yaml"


module connect:
    snakefile:
        shipped.SNAKEFILE
    config:
        config


use rule * from connect
"""

README = """\
# {title}

A study of connectivity before and after an intervention, analysed with connect.

## What is where

| path | what |
|---|---|
| `config/config.yaml` | the plan: names of everything that is used |
| `config/cohorts/{cohort}.yaml` | where the scans are, what the sessions mean, the limits of motion and length |
| `config/cohorts/{cohort}.scans.tsv` | the scans, a row each; `connect index` writes it |
| `config/models/` | the questions: {models} |
| `config/{{atlases,domains,strategies,measures,figures}}/` | the other choices; edit or add files |
| `profiles/default/config.yaml` | how to run: cores, memory; nothing there changes a result |
| `Snakefile` | the workflow of connect, as a module; rules of your own |
| `results/`, `logs/` | what a run makes; not to be committed |

Commit everything but what `.gitignore` names: then every number and figure can be made again from this folder.

## What to do

```sh
connect doctor          # is everything there, and does it fit together?
snakemake --dry-run     # what would run
snakemake               # the report: results/{cohort}/report/report.html
connect calibrate config/config.yaml    # which tests to trust with these data; takes its time
```

New scans: `connect index {fmriprep} --cohort {cohort}` writes the table of scans again.
"""

Models = Mapping[str, Mapping[str, Any]]
"""Models by name, with their keys."""


def models_of(arms: Arms | None) -> Models:
    """Return the models of a study: how arms differ in their change and how each one changes, or the change of all.

    Parameters
    ----------
    arms
        The arms, if there are any.
    """
    if arms is None:
        question = "Does emotion-cognition connectivity change from before to after?"
        return {"change": {"question": question, "formula": "~ 1", "contrast": "mean"}}
    name = column_of(arms)
    formula = f"~ C({name})" if arms.numeric else f"~ {name}"
    found: dict[str, Mapping[str, Any]] = {}
    if len(arms.others) > 1:
        question = "Does emotion-cognition connectivity change differently in any of the arms?"
        found["arms-differ"] = {"question": question, "formula": formula, "contrast": name}
    for one in arms.others:
        found[f"{label(one)}-against-{label(arms.reference)}"] = {
            "question": f"Does emotion-cognition connectivity change more in {one} than in {arms.reference}?",
            "formula": formula,
            "contrast": f"{name}[{one}] - {name}[{arms.reference}]",
        }
    for one in (*arms.others, arms.reference):
        found[f"change-in-{label(one)}"] = {
            "question": f"Does emotion-cognition connectivity change in {one}?",
            "formula": "~ 1",
            "contrast": "mean",
            "where": {name: [one]},
        }
    return found


def column_of(arms: Arms) -> str:
    """Return the name of the arms in a formula: that of their column, or `arm` if a formula cannot hold it."""
    return arms.column if re.fullmatch(r"[^\W\d]\w*", arms.column) else "arm"


def label(text: str) -> str:
    """Return a name with letters, digits and `-` only.

    Examples
    --------
    >>> label("Waiting list (8 weeks)")
    'waiting-list-8-weeks'
    """
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "arm"


def plan_text(cohort: str, models: Sequence[str], named: Mapping[str, Sequence[str]]) -> str:
    """Return the text of the plan."""
    lists = {kind: "[" + ", ".join(names) + "]" for kind, names in named.items()}
    return f"""\
# The plan of a run: names only. Each name is a file in a folder beside this one.

# cohort: the models that answer its question, the primary one first
cohorts:
  {cohort}: [{", ".join(models)}]

# The first atlas, strategy and measure are the primary ones: the report leads with them and the figures show them.
atlases: {lists["atlases"]}
strategies: {lists["strategies"]}
measures: {lists["measures"]}

figures: {lists["figures"]}

# How the tests of every model are tried on data without an effect: `quick` takes minutes, `standard` longer.
# calibration: quick
"""


def model_text(model: Mapping[str, Any]) -> str:
    """Return the text of a model."""
    return "".join(f"{key}: {_flat(value)}\n" for key, value in model.items())


def _flat(value: Any) -> str:
    """Return a value as YAML on one line."""
    text: str = yaml.safe_dump(value, allow_unicode=True, width=10_000, default_flow_style=True)
    return text.removesuffix("...\n").rstrip("\n")
