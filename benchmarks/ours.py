"""What connect does in the rows of `compare.py`.

Every function warms up on a small problem, which compiles what numba compiles, and returns the work that is timed, in
how many units it is counted, and what of its result is compared with others.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import changes
import numpy as np

from connect.design import Design
from connect.inference import fit, permutation_test
from connect.inference.bootstrap import Bootstrap
from connect.inference.effects import paired_effects
from connect.inference.evidence import log10_bayes_factor
from connect.inference.mixed import fit_mixed
from connect.inference.networks import NBS, TFNBS, Graph
from connect.inference.reliability import icc, mean_squares

SMALL, SEED, THRESHOLD = 20, 1, 3.0


class Job(NamedTuple):
    """Work to time, its number of units, and what turns its result into arrays and numbers to compare or to note."""

    work: Callable[[], Any]
    units: int
    found: Callable[[Any], dict[str, Any]]


def mean_change(n: int) -> Design:
    """Return the design of a mean change without covariates."""
    return Design(np.ones((n, 1)), np.zeros((n, 0)), ("Intercept",), flips=True, arms="")


def max_t(n_parcels: str, n_permutations: str) -> Job:
    """Flip signs and correct for all edges by the largest |t|."""
    design, count = mean_change(changes.N_PAIRS), int(n_permutations)
    permutation_test(changes.differences(SMALL), design, 100, SEED)
    values = changes.differences(len(changes.edges(int(n_parcels))[0]))

    def found(result: Any) -> dict[str, Any]:
        return {"t": fit(values, design, 0.95).statistic, "p_fwe": result.p_fwe, "count": count}

    return Job(lambda: permutation_test(values, design, count, SEED), count + 1, found)


def freedman_lane(n_parcels: str, n_permutations: str) -> Job:
    """Permute residuals of a model with four covariates."""

    def run(n_edges: int, count: int) -> Callable[[], Any]:
        values, effect, nuisance = changes.slopes(n_edges)
        design = Design(effect, nuisance, (), flips=False, arms="")
        return lambda: permutation_test(values, design, count, SEED)

    run(SMALL, 100)()
    n_edges, count = len(changes.edges(int(n_parcels))[0]), int(n_permutations)
    # An intercept that permutations leave alone has no row; one row for the effect and four for the covariates.
    gflop = 2 * 5 * changes.N_PARTICIPANTS * n_edges * (count + 1) / 1e9
    return Job(run(n_edges, count), count + 1, lambda _: {"gflop": gflop, **products()})


def products() -> dict[str, float]:
    """Return how many GFLOP/s a product of large square matrices reaches, in both precisions."""
    rates = {}
    for dtype in (np.float32, np.float64):
        square, n = np.ones((2048, 2048), dtype), 0
        square @ square
        start = time.process_time()
        while time.process_time() < start + 2:
            square @ square
            n += 1
        rates[np.dtype(dtype).name] = 2 * 2048**3 * n / (time.process_time() - start) / 1e9
    return rates


def networks(n_parcels: int, count: int, make: Callable[[Graph], Any]) -> Callable[[], Any]:
    """Return a sign-flip test of a network statistic, the statistic of edges included."""
    graph, design = Graph(*changes.edges(n_parcels), n_parcels), mean_change(changes.N_PAIRS)
    values = changes.differences(len(graph.first))

    def work() -> Any:
        listener = make(graph)
        permutation_test(values, design, count, SEED, listeners=[listener])
        return listener.result()

    return work


def nbs(n_parcels: str, n_permutations: str) -> Job:
    """Size the components of edges whose |t| is above the threshold."""
    count = int(n_permutations)

    def run(parcels: int, count: int) -> Callable[[], Any]:
        return networks(parcels, count, lambda graph: NBS(graph, [THRESHOLD]))

    def found(result: Any) -> dict[str, Any]:
        order = np.argsort(-result.extent, kind="stable")
        extents, p = result.extent[order].astype(float), result.p_fwe[order][:1]
        return {"edges": result.label[0] >= 0, "extents": extents, "p_fwe": p, "count": count}

    run(SMALL, 100)()
    return Job(run(int(n_parcels), count), count + 1, found)


def tfnbs(n_parcels: str, n_permutations: str) -> Job:
    """Score edges without a threshold."""
    count = int(n_permutations)
    networks(SMALL, 100, TFNBS)()
    return Job(networks(int(n_parcels), count, TFNBS), count + 1, lambda _: {})


def mixed(n_edges: str) -> Job:
    """Fit random intercepts by REML and test a contrast with Satterthwaite's degrees of freedom."""
    fit_mixed(*changes.sessions(SMALL), 0.95)
    data = changes.sessions(int(n_edges))
    return Job(lambda: fit_mixed(*data, 0.95), int(n_edges), lambda one: {"estimate": one.estimate, "t": one.t})


def effects(n_edges: str, n_resamples: str) -> Job:
    """Estimate mean change, g_av and g_rm with BCa intervals; the unit is one of the three."""
    settings = Bootstrap(int(n_resamples), 0.95, SEED)
    paired_effects(*changes.pairs(SMALL), settings)
    data = changes.pairs(int(n_edges))

    def found(result: Any) -> dict[str, Any]:
        return {"low": result["g_av"].low, "high": result["g_av"].high}

    return Job(lambda: paired_effects(*data, settings), 3 * int(n_edges), found)


def bayes(n_edges: str) -> Job:
    """Weigh the evidence in t of a mean change."""
    t = fit(changes.differences(int(n_edges)), mean_change(changes.N_PAIRS), 0.95).statistic
    n = changes.N_PAIRS
    log10_bayes_factor(t[:SMALL], n - 1, n)
    return Job(lambda: log10_bayes_factor(t, n - 1, n), int(n_edges), lambda result: {"log10 BF": result})


def reliability(n_edges: str) -> Job:
    """Estimate the intraclass correlation of agreement and that of consistency."""

    def work(values: np.ndarray) -> Any:
        squares = mean_squares(values)
        return [icc(squares, form, 0.95) for form in ("agreement", "consistency")]

    def found(result: Any) -> dict[str, Any]:
        return {
            f"{part} {i}": getattr(one, part) for i, one in enumerate(result) for part in ("estimate", "low", "high")
        }

    work(np.stack(changes.pairs(SMALL), axis=1))
    values = np.stack(changes.pairs(int(n_edges)), axis=1)
    return Job(lambda: work(values), int(n_edges), found)
