"""What the page carries and shows or saves when asked: tables as CSV, programs of the browser, the brain in space.

Each is compressed and written in base64, so that the page opens fast and stays small.
"""

from __future__ import annotations

import base64
import gzip
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

import numpy as np
import pandas as pd

from connect.report.sections import Result, strongest, untested
from connect.report.wording import unit
from connect.scans import MISSING
from connect.words import SIZES, size_column, statistic_name

MOST_EDGES = 100_000
"""Edges of the primary model that the page carries; of more, those with the largest statistic."""

MOST_LINES = 100
"""Edges in the brain in space."""

EDGE_COLUMNS = (
    *("a", "b", "block", "estimate", "ci_low", "ci_high", "g", "g_low", "g_high", "r", "r_low", "r_high"),
    *("statistic", "df", "p", "p_fwe", "q_fdr", "reason"),
)
AXES = ("x", "y", "z")
NEITHER = "#9a9a9a"
"""Colour of parcels that are in no domain."""


def packed(content: str) -> str:
    """Return a text, compressed and in base64."""
    return base64.b64encode(gzip.compress(content.encode(), mtime=0)).decode()


def csv(frame: pd.DataFrame, digits: int = 6) -> str:
    """Return a table as CSV with some significant digits and ``n/a`` for missing values."""
    text: str = frame.to_csv(index=False, na_rep=MISSING, float_format=f"%.{digits}g", lineterminator="\n")
    return text


def tables(
    results: Sequence[Result],
    records: Sequence[Mapping[str, Any]],
    scans: pd.DataFrame,
    lost: pd.DataFrame,
    assessments: Sequence[Mapping[str, Any]],
    choices: Sequence[tuple[str, str, str]],
    versions: Mapping[str, str],
) -> dict[str, str]:
    """Return every table that can be saved from the page as CSV, by the name of its file."""
    found = {
        "primary-effects": pd.json_normalize([_primary(record) for record in records]),
        "participants": pd.concat([_people(result) for result in results]),
        "scans": scans,
        "missing-parcels": lost,
        "not-tested": pd.DataFrame(untested(results), columns=["model", "level", "n", "of", "reason"]),
        "strategies": pd.json_normalize([dict(one) for one in assessments], sep="_"),
        "choices": pd.DataFrame(choices, columns=["kind", "name", "sha256"]),
        "versions": pd.DataFrame(versions.items(), columns=["program", "version"]),
    }
    for result in results:
        found |= {f"{result.name}-{name}": frame for name, frame in _of_model(result).items()}
    made = {f"{name}.csv": csv(frame) for name, frame in found.items()}
    return made | {edges_file(results[0]): csv(carried(results[0].levels["edge"]), 4)}


def edges_file(result: Result) -> str:
    """Return the name of the table with the edges of a model."""
    return f"{result.name}-edges.csv"


def carried(edges: pd.DataFrame) -> pd.DataFrame:
    """Return the edges that the page carries, in their order: all, or those with the largest statistic."""
    kept = edges[[name for name in EDGE_COLUMNS if name in edges]]
    if len(kept) <= MOST_EDGES:
        return kept
    chosen = kept["statistic"].abs().sort_values(ascending=False, kind="stable").index[:MOST_EDGES]
    return kept.loc[chosen.sort_values()]


def size(content: str) -> str:
    """Return the size of a text as people say it.

    Examples
    --------
    >>> size("a" * 3_200), size("a" * 1_250_000)
    ('3 kB', '1.2 MB')
    """
    length = len(content.encode())
    return f"{max(1, round(length / 1000))} kB" if length < 1_000_000 else f"{length / 1e6:.1f} MB"


def table_script() -> str:
    """Return the program that sorts and searches tables: DataTables, as itables ships it."""
    return files("itables").joinpath("html", "dt_bundle.js").read_text(encoding="utf-8")


def grid(parcels: pd.DataFrame, domain: np.ndarray, result: Result) -> dict[str, Any]:
    """Return what the matrix of edges needs beside them: parcels by domain and network, and what its colours are.

    Parameters
    ----------
    parcels
        The atlas's parcels, with `name` and `network`.
    domain
        Domain of each parcel ``(n_parcels,)``, an empty string if it has none.
    result
        The primary model.
    """
    place = {"emotion": 0, "cognition": 1, "": 2}
    table = parcels.assign(domain=domain, place=[place[name] for name in domain])
    table = table.sort_values(["place", "network"], kind="stable")
    column = size_column(result.summary, result.levels["edge"])
    return {
        "names": table["name"].tolist(),
        "networks": table["network"].fillna("none").tolist(),
        "domains": table["domain"].tolist(),
        "file": edges_file(result),
        "column": column,
        "shown": SIZES.get(column) or unit(result.summary),
        "signed": column not in SIZES,
        "statistic": statistic_name(result.summary),
    }


def brain(edges: pd.DataFrame, parcels: pd.DataFrame, domain: np.ndarray, column: str = "estimate") -> str:
    """Return a page with the strongest edges in a brain that can be turned, or nothing if parcels have no centre.

    Parameters
    ----------
    edges
        Edges of a model, with `a`, `b`, `statistic` and what colours them.
    parcels
        The atlas's parcels, with `name` and, if they are known, `x`, `y` and `z` in mm.
    domain
        Domain of each parcel ``(n_parcels,)``, an empty string if it has none.
    column
        What colours the edges; all but estimates are at least 0.
    """
    if any(axis not in parcels or parcels[axis].isna().any() for axis in AXES):
        return ""
    tested = edges[edges[column].notna() & edges["statistic"].notna()]
    if tested.empty:
        return ""
    # Here and not above: they take seconds.
    from nilearn.plotting import view_connectome

    from connect.figures import DOMAIN_COLOURS

    chosen = tested.loc[tested["statistic"].abs().sort_values(ascending=False, kind="stable").index[:MOST_LINES]]
    part = parcels["name"].isin({*chosen["a"], *chosen["b"]}).to_numpy()
    shown, colours = parcels[part], [DOMAIN_COLOURS.get(name, NEITHER) for name in domain[part]]
    place = {name: number for number, name in enumerate(shown["name"])}
    matrix = np.zeros((len(shown), len(shown)))
    first, second = chosen["a"].map(place).to_numpy(), chosen["b"].map(place).to_numpy()
    matrix[first, second] = matrix[second, first] = chosen[column].to_numpy()
    view = view_connectome(
        matrix, shown[list(AXES)].to_numpy(dtype=float),
        edge_cmap="Reds" if column in SIZES else "RdBu_r", symmetric_cmap=column not in SIZES,
        linewidth=4, node_color=colours, node_size=4, colorbar_fontsize=14,
    )  # fmt: skip
    html: str = view.html
    return html


def _primary(record: Mapping[str, Any]) -> dict[str, Any]:
    names = ("model", "atlas", "strategy", "measure", "question", "n", "unit", "gate")
    why = record["untested"]
    told = {"reason": f"{why['must']}; {why['got']}" if why else None}
    return {**{name: record[name] for name in names}, **record["primary"], **told}


def _of_model(result: Result) -> dict[str, pd.DataFrame]:
    summary = result.summary
    found = {
        "domains": result.levels["domain"],
        "networks": result.levels["network"],
        "edges": pd.DataFrame(strongest(result.levels["edge"], summary["alpha"])),
        "components": result.components,
        "participants": result.people,
    }
    if summary["arm_column"] or not summary["relation"]:
        found["arms"] = pd.DataFrame(summary["arms"])
    if result.slopes:
        found["slopes"] = pd.DataFrame(result.slopes)
    if result.trust and result.trust["trusted"]:
        trusted = [{**row, "scenarios": " ".join(row["scenarios"])} for row in result.trust["trusted"]]
        found["trust"] = pd.DataFrame(trusted)
    return found


def _people(result: Result) -> pd.DataFrame:
    return result.people[["participant_id", "analysed", "reason"]].assign(model=result.name)
