"""What a figure shows: the cohort, model and universe that its recipe names, or else the first of the plan."""

from __future__ import annotations

from collections.abc import Callable

from connect.errors import UserError
from connect.settings.figure import Figure
from connect.settings.plan import Plan


def universe_of(recipe: Figure, plan: Plan) -> dict[str, str]:
    """Return the atlas, strategy and measure of a figure."""
    return {
        "atlas": recipe.atlas or plan.atlas_names[0],
        "strategy": recipe.strategy or plan.strategies[0],
        "measure": recipe.measure or plan.measures[0],
    }


def names_shown(recipe: Figure, plan: Plan) -> dict[str, list[str]]:
    """Return the atlases, strategies and measures that a figure shows, those of its own universe first.

    A forest plot shows those of the plan too, and a figure about the cohort the strategies of the plan.
    """
    planned = {"atlas": plan.atlas_names, "strategy": plan.strategies, "measure": plan.measures}
    others = planned if recipe.kind == "forest" else {"strategy": plan.strategies} if recipe.about == "cohort" else {}
    own = universe_of(recipe, plan)
    return {kind: list(dict.fromkeys([own[kind], *others.get(kind, ())])) for kind in own}


def models_shown(recipe: Figure, planned: tuple[str, ...], is_relation: Callable[[str], bool]) -> tuple[str, ...]:
    """Return the models of a cohort that a figure is drawn for.

    Parameters
    ----------
    recipe
        The figure.
    planned
        Models of the cohort in the plan, the primary one first.
    is_relation
        Says of a model whether it is about the slope of a phenotype.
    """
    if recipe.about == "cohort":
        return planned[:1]
    if recipe.model:
        return tuple(name for name in planned if name == recipe.model)
    return tuple(name for name in planned if is_relation(name) == (recipe.about == "relation"))


def cohort_of(recipe: Figure, plan: Plan) -> str:
    """Return the cohort of the one figure of a recipe in ``figures/``."""
    return recipe.cohort or next(iter(plan.cohorts))


def question_of(recipe: Figure, plan: Plan, where: object, is_relation: Callable[[str], bool]) -> tuple[str, str]:
    """Return the cohort and the model of the one figure of a recipe in ``figures/``.

    Raises
    ------
    UserError
        If the recipe has panels, is about scans, or names no model and the plan has none that it is about.
    """
    if recipe.panels:
        raise UserError(where, "a figure without panels inside another", "panels", "name its panels there instead")
    if recipe.about == "scan":
        todo = "take it from results/<cohort>/draw/scans, or from figures/ if the plan names it"
        raise UserError(where, "a figure about a model or the cohort", "one of every scan", todo)
    cohort = cohort_of(recipe, plan)
    found = (recipe.model,) if recipe.model else models_shown(recipe, plan.models.get(cohort, ()), is_relation)
    if not found:
        todo = "name one with `model: <name>` in the recipe"
        got = f"none of the models of {cohort} in the plan"
        raise UserError(where, f"a model for a figure about a {recipe.about}", got, todo)
    return cohort, found[0]
