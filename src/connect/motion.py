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

from connect.design import MOTION, Design, design
from connect.inference import fit, permutation_test
from connect.settings.model import Model

SIGNIFICANT = 0.05
"""P-value below which a change in motion is flagged."""

LARGE = 0.5
"""Size of Hedges' g from which it is flagged whatever its p-value: few participants hide what matters. Not of a slope,
whose g depends on the unit of its column."""

ADVICE = "connectivity changes with motion, so read the effect with the covariate and look at the figure of motion"


def motion_test(people: pd.DataFrame, model: Model, where: object) -> dict[str, Any]:
    """Test the contrast of a model in the change in mean framewise displacement (mm), without it as a covariate.

    Parameters
    ----------
    people
        The analysed participants, complete in every variable of the model, with the change in motion.
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
    blank = {**dict.fromkeys(keys), "n": len(people), "unit": "mm", "flag": None}
    if model.contrast != "mean" and MOTION in _words(model.contrast):
        return blank
    made = design(people, without_motion(model), where)
    change = people[[MOTION]].to_numpy(dtype=np.float64)
    found, tested = fit(change, made, model.confidence), permutation_test(change, made, model.permutations, model.seed)
    columns = (found.estimate, found.low, found.high, found.g, found.g_low, found.g_high, tested.p)
    if np.isnan(found.t[0]):
        return blank
    record = {**blank, **{key: float(column[0]) for key, column in zip(keys, columns, strict=True)}}
    return {**record, "flag": flag(record, model, made)}


def without_motion(model: Model) -> Model:
    """Return a model without the terms that contain the change in motion."""
    terms = [str(term) for term in Formula(model.formula) if MOTION in _words(str(term))]
    return dataclasses.replace(model, formula=" - ".join([model.formula, *terms]), motion_covariate=False)


def flag(found: dict[str, Any], model: Model, made: Design) -> str | None:
    """Return in a sentence that the intervention changed motion, or None if nothing speaks for it."""
    slope = model.contrast != "mean" and not made.arms
    if found["p"] >= SIGNIFICANT and (slope or abs(found["g"]) < LARGE):
        return None
    estimate, low, high, g = (f"{found[key]:.2g}" for key in ("estimate", "ci_low", "ci_high", "g"))
    size = f"{estimate} mm ({100 * model.confidence:g} % CI {low} to {high}), g {g}"
    return f"{_finding(model, made, sure=found['p'] < SIGNIFICANT)}: {size}; {ADVICE}"


def _finding(model: Model, made: Design, *, sure: bool) -> str:
    may, differs = ("", "differs") if sure else ("may ", "may differ")
    if made.arms:
        first, second = re.findall(r"\[([^]]+)\]", model.contrast)
        return f"the arms {may}differ in the change of head motion ({first} minus {second})"
    if model.contrast != "mean":
        return f"the change of head motion {differs} with `{model.contrast}`"
    first, _, second = model.condition.partition(" - ")
    if second:
        return f"the change of head motion {differs} between conditions ({first} minus {second})"
    changed = "changed" if sure else "may have changed"
    return f"head motion {changed} from before to after{f' under {first}' if first else ''}"


def _words(text: str) -> list[str]:
    return re.findall(r"[\w.]+", text)
