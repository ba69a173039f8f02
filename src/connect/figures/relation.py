"""Connectivity against a measure of the person, and beside it the effect size of every domain-level quantity."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from connect.figures import FIRM, NARROW, ONE_GROUP, Inputs, arm_colours, canvas, figure, legend, wrapped
from connect.figures.clouds import Cloud, cloud_of
from connect.figures.compared import ONE_SESSION, value_label
from connect.figures.forest import draw_effect, frame_effects, of_domains, size_label
from connect.figures.slopegraph import result_in_words
from connect.parcels import PRIMARY, QUANTITIES
from connect.settings.figure import Figure as Recipe
from connect.words import capitalised, in_words, uncapitalised, with_unit

SCATTER, FOREST = 0.6, 0.4
"""Shares of the width, or of the height where one stands below the other."""

TALLER = 1.6
"""How much higher the figure is where the panels stand below each other."""

ROOM = 0.6
"""Share of a panel's width that its axis has, without the labels beside it."""

TOGETHER = "not drawn: conditions\nare tested together"

REGION = "#E69F00"
STYLES = ("dotted", "solid", "dashed")
"""Lines at values of a moderator."""

FORMS = {"spearman": "Rank of {}", "percentage-bend": "{}, bent (−1 to 1)"}
"""What is shown of values that are ranked or bent."""


@figure("relation")
def relation(inputs: Inputs, recipe: Recipe) -> Figure:
    """Draw connectivity against the measure, and beside it the effect size of every domain-level quantity."""
    cloud, narrow = cloud_of(inputs), recipe.width < NARROW
    made = canvas(replace(recipe, height=recipe.height * TALLER) if narrow else recipe)
    shares = (SCATTER, FOREST)
    left, right = made.subplots(2, height_ratios=shares) if narrow else made.subplots(1, 2, width_ratios=shares)
    _scatter(left, cloud, inputs, recipe.width * (1 if narrow else SCATTER), recipe.height)
    _forest(right, inputs, recipe.width * (1 if narrow else FOREST))
    made.supxlabel(wrapped(result_in_words(inputs), recipe.width - 4), fontsize=7)
    return made


def _scatter(axes: Axes, cloud: Cloud, inputs: Inputs, width: float, height: float) -> None:
    colours = _colours(inputs, cloud)
    for name in sorted(set(cloud.group)):
        own = cloud.group == name
        label = f"{name} (n = {len(set(cloud.people[own]))})" if name else None
        axes.scatter(
            cloud.x[own], cloud.y[own], s=12, color=colours[name], alpha=0.75, linewidths=0, label=label, zorder=3
        )
    if not cloud.x.size:
        axes.text(0.5, 0.5, TOGETHER, ha="center", va="center", transform=axes.transAxes)
    _draw_lines(axes, cloud, colours)
    _shade(axes, cloud, inputs)
    x_text, y_text = (
        text + (", adjusted" if adjusted else "")
        for text, adjusted in zip(_labels(inputs, cloud), cloud.adjusted, strict=True)
    )
    axes.set_xlabel(wrapped(x_text, ROOM * width))
    axes.set_ylabel(wrapped(y_text, 0.6 * height))
    axes.xaxis.set_major_locator(MaxNLocator(6))
    _name(axes, inputs, width)


def _draw_lines(axes: Axes, cloud: Cloud, colours: dict[str, str]) -> None:
    for place, line in enumerate(cloud.lines):
        colour = colours[line.group] if line.group or cloud.sessions else "black"
        width = 0.8 if cloud.sessions else 1.4
        form, name = (STYLES[place % len(STYLES)], line.label) if line.label else ("solid", None)
        axes.plot(line.x, line.y, color=colour, linewidth=width, linestyle=form, label=name)
        if line.half.size:
            band = (line.y - line.half, line.y + line.half)
            axes.fill_between(line.x, *band, color=colour, alpha=0.15, linewidth=0)


def _labels(inputs: Inputs, cloud: Cloud) -> tuple[str, str]:
    """Return the labels of the axes, with units; ranks and bent values have none."""
    name, form = inputs.model.relation, FORMS.get(inputs.model.correlation, "")
    domain, unit = QUANTITIES[PRIMARY].capitalize(), inputs.measure.unit.replace(" ", FIRM)
    if cloud.sessions:
        return with_unit(name, inputs.summary), f"{domain} connectivity in a session ({unit})"
    whole = value_label(inputs)
    text = whole if inputs.model.outcome in ONE_SESSION else f"{domain}: {uncapitalised(whole)}"
    text = text.replace(" − ", f"{FIRM}−{FIRM}")
    if not form:
        return with_unit(name, inputs.summary), text
    measure, bare = in_words(name, inputs.summary), text.rpartition(" (")[0]
    return capitalised(form.format(measure)), capitalised(form.format(uncapitalised(bare)))


def _name(axes: Axes, inputs: Inputs, width: float) -> None:
    """Say above the points how many they are, and what colours and lines stand for."""
    sessions = inputs.summary["n_sessions"]
    title = f"n = {inputs.summary['n']}" + (f", {sessions} sessions" if sessions else " participants")
    handles, labels = axes.get_legend_handles_labels()
    if not labels:
        axes.set_title(title)
        return
    legend(
        axes, handles, 0.72 * width, title=title, title_fontsize=7.5, loc="lower center", bbox_to_anchor=(0.5, 1),
        borderaxespad=0.2,
    )  # fmt: skip


def _colours(inputs: Inputs, cloud: Cloud) -> dict[str, str]:
    """Return the colour of each group."""
    known = arm_colours(replace(inputs, summary={**inputs.summary, "arm_column": cloud.column}))
    return {name: known.get(name, ONE_GROUP) for name in ("", *cloud.group)}


def _shade(axes: Axes, cloud: Cloud, inputs: Inputs) -> None:
    """Shade the values of the measure at which the effect is significant (Johnson-Neyman)."""
    region = inputs.summary.get("region") or {"moderator": "", "ranges": ()}
    if region["moderator"] != inputs.model.relation:
        return
    edges, label = axes.get_xlim(), "arms differ" if cloud.column else "effect differs from 0"
    for place, (low, high) in enumerate(region["ranges"]):
        ends = (edges[0] if low is None else low, edges[1] if high is None else high)
        shown = None if place else label
        axes.axvspan(*ends, color=REGION, alpha=0.12, linewidth=0, zorder=0, label=shown)
    axes.set_xlim(edges)


def _forest(axes: Axes, inputs: Inputs, width: float) -> None:
    """Draw the effect size of each domain-level quantity with its interval, the primary one on top."""
    effects = [effect for effect in of_domains(inputs) if np.isfinite(effect.size[0])]
    frame_effects(axes, inputs, 0.55 * width)
    for place, effect in enumerate(effects):
        draw_effect(axes, effect, place)
    axes.set(yticks=range(len(effects)), ylim=(max(1, len(effects)) - 0.4, -0.6))
    axes.set_yticklabels([wrapped(effect.name, 0.42 * width) for effect in effects])
    axes.set_xlabel(wrapped(size_label(inputs), 0.55 * width))
