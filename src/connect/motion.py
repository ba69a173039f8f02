"""Whether the intervention changed head motion: a model's own test with motion as the outcome.

Connectivity changes with motion (Power et al. 2012), so that an effect on motion looks like one on connectivity. The
covariate of a model takes out what is linear in it, no more; whether there is anything to take out is asked here.
"""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import numpy as np
import pandas as pd
from formulaic import Formula

from connect.formulas import BASELINE, MOTION, has_baseline, motion_of
from connect.question import Family, Question, question
from connect.settings.model import Model

SIGNIFICANT = 0.05
"""P-value below which a change in motion is flagged."""

LARGE = 0.5
"""Size of Hedges' g from which it is flagged whatever its p-value: few participants hide what matters. Not of a slope,
whose g depends on the unit of its column."""

ADVICE = "connectivity changes with motion, so read the effect with the covariate and look at the figure of motion"


def motion_test(rows: pd.DataFrame, model: Model, where: object) -> dict[str, Any]:
    """Test the contrast of a model in the change in mean framewise displacement (mm), without it as a covariate.

    Parameters
    ----------
    rows
        One row per row of the model, complete in every variable, with motion.
    model
        Formula, contrast and settings of the test.
    where
        The model's file, for error messages.

    Returns
    -------
    dict
        `estimate`, `ci_low`, `ci_high`, `g`, `g_low`, `g_high` and `p`, all None if there is nothing to test; `n`,
        `unit`, and `flag`, a sentence where motion changed by a g of at least :data:`LARGE` or with a p below
        :data:`SIGNIFICANT`, else None.
    """
    keys = ("estimate", "ci_low", "ci_high", "g", "g_low", "g_high", "p")
    blank = {**dict.fromkeys(keys), "n": int(rows["participant_id"].nunique()), "unit": "mm", "flag": None}
    if model.contrast != "mean" and motion_of(model) in _words(model.contrast):
        return blank
    asked, name = question(rows, without_motion(model), where), motion_of(model)
    change = rows[[name]].to_numpy(dtype=np.float64)
    found, tested = asked.evaluate([Family(change)])[0]
    columns = (found.estimate, found.low, found.high, found.g, found.g_low, found.g_high, tested.p)
    if np.isnan(found.statistic[0]):
        return blank
    record = {key: None if np.isnan(column[0]) else float(column[0]) for key, column in zip(keys, columns, strict=True)}
    return {**blank, **record, "flag": flag(record, model, asked)}


def without_motion(model: Model) -> Model:
    """Return a model without the terms that contain motion, and without the value before, which motion has none of."""
    if has_baseline(model):
        model = dataclasses.replace(model, formula=re.sub(rf"\b{BASELINE}\b", "1", model.formula), outcome="change")
    terms = [str(term) for term in Formula(model.formula) if motion_of(model) in _words(str(term))]
    return dataclasses.replace(model, formula=" - ".join([model.formula, *terms]), motion_covariate=False)


def flag(found: dict[str, Any], model: Model, asked: Question) -> str | None:
    """Return in a sentence that the intervention changed motion, or None if nothing speaks for it."""
    slope = model.contrast != "mean" and not asked.asked.arms
    if found["p"] >= SIGNIFICANT and (slope or abs(found["g"] or 0) < LARGE):
        return None
    sure = found["p"] < SIGNIFICANT
    if found["estimate"] is None:
        return f"{_finding(model, asked, sure=sure)}: p {found['p']:.2g}; {ADVICE}"
    estimate, low, high, g = (f"{found[key]:.2g}" for key in ("estimate", "ci_low", "ci_high", "g"))
    size = f"{estimate} mm ({100 * model.confidence:g} % CI {low} to {high}), g {g}"
    return f"{_finding(model, asked, sure=sure)}: {size}; {ADVICE}"


def _finding(model: Model, asked: Question, *, sure: bool) -> str:
    may, differs = ("", "differs") if sure else ("may ", "may differ")
    what = "the change of head motion" if motion_of(model) == MOTION else "head motion"
    if asked.asked.arms:
        levels = f" ({' minus '.join(asked.asked.levels)})" if asked.asked.levels else ""
        return f"the arms {may}differ in {what}{levels}"
    if model.contrast != "mean":
        return f"{what} {differs} with `{model.contrast}`"
    if asked.together or " - " in model.condition:
        conditions = "" if asked.together else f" ({model.condition.replace(' - ', ' minus ')})"
        return f"{what} {differs} between conditions{conditions}"
    changed = "changed" if sure else "may have changed"
    return f"head motion {changed} from before to after{f' under {model.condition}' if model.condition else ''}"


def _words(text: str) -> list[str]:
    return re.findall(r"[\w.]+", text)
