"""Time the association of all edges with a measure of the person against nilearn: the same design, test and correction.

The change of 79,800 edges in 200 participants, a measure, and as covariates age, sex and the change in mean FD:
Freedman and Lane's permutations, p corrected by the largest |t|. Both have two threads: connect's matrix products,
nilearn's two processes. nilearn does fewer permutations, three numbers of them: the time of all 10,000 follows from the
least and the most, and the third shows that time grows in proportion. Wall time, in processes of their own in turn,
without imports and first compilation. Printed are times, the ratio round by round with its aim, what the machine's
matrix products could do, and how far t and p differ (of p in standard errors of the permutations).

Both compute the same products, one row for the effect and one for each covariate in every permutation: nilearn as
products of a matrix and a vector, in double precision at the speed of memory, connect as products of matrices, in
single precision near the speed of arithmetic. The ratio of the two speeds is what can be gained, about 20 on two cores.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from compare import digits, monte_carlo, spread

THREADS, SEED, AIM = 2, 1, 50
N, N_EDGES, N_PERMUTATIONS = 200, 79_800, 10_000
FEW = (40, 120, 200)
"""Permutations that nilearn does."""


def data(n_edges: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return changes ``(N, n_edges)``, of which a tenth go along, the measure ``(N, 1)``, covariates ``(N, 3)``."""
    rng = np.random.default_rng(SEED)
    age, sex, motion = rng.normal(40, 10, N), rng.integers(0, 2, N), rng.normal(0, 0.05, N)
    measure = np.exp(rng.normal(0, 0.5, N) + 0.01 * age)
    values = rng.standard_normal((N, n_edges), dtype=np.float32) + (0.02 * age + 4 * motion)[:, None]
    values[:, ::10] += 0.5 * measure[:, None]
    return values.astype(np.float64), measure[:, None], np.column_stack([age, sex, motion])


def connect(n_edges: int, count: int) -> tuple[Callable[[], Any], Callable[[Any], dict[str, np.ndarray]]]:
    """Return the test of connect, and what its result holds."""
    from connect.design import Design
    from connect.inference import fit, permutation_test

    values, measure, covariates = data(n_edges)
    design = Design(measure, np.column_stack([np.ones(N), covariates]), (), flips=False, arms="")
    return lambda: permutation_test(values, design, count, SEED), lambda one: {
        "t": fit(values, design, 0.95).statistic, "p_fwe": one.p_fwe,
    }  # fmt: skip


def nilearn(n_edges: int, count: int) -> tuple[Callable[[], Any], Callable[[Any], dict[str, np.ndarray]]]:
    """Return the test of nilearn, and what its result holds."""
    from nilearn.mass_univariate import permuted_ols

    values, measure, covariates = data(n_edges)
    options = {"model_intercept": True, "n_perm": count, "random_state": SEED, "n_jobs": THREADS, "verbose": 0}
    return lambda: permuted_ols(measure, values, confounding_vars=covariates, **options), lambda one: {
        "t": one["t"][0], "p_fwe": 10 ** -one["logp_max_t"][0],
    }  # fmt: skip


def perform(folder: Path, who: str, n_edges: int, count: int) -> None:
    """Do a test in this process; write its wall time, what it found, and what matrix products reach."""
    make = {"connect": connect, "nilearn": nilearn}[who]
    make(50, 20)[0]()
    work, found = make(n_edges, count)
    start = time.perf_counter()
    result = work()
    seconds = time.perf_counter() - start
    (folder / "cost.json").write_text(json.dumps([seconds, products() if who == "connect" else 0.0]))
    np.savez(folder / "found.npz", **found(result))


def products() -> float:
    """Return how many GFLOP/s products of large square matrices in single precision reach."""
    square, n, start = np.ones((2048, 2048), np.float32), 0, time.perf_counter()
    while time.perf_counter() < start + 2:
        square @ square
        n += 1
    return 2 * 2048**3 * n / (time.perf_counter() - start) / 1e9


def run(folder: Path, who: str, n_edges: int, count: int) -> tuple[float, float, dict[str, np.ndarray]]:
    """Run a test in a process of its own; return its wall time (s), GFLOP/s of matrix products, and what it found."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
    # Two processes of one thread each are nilearn's two.
    environment = {**os.environ, **dict.fromkeys(names, str(THREADS if who == "connect" else 1))}
    task = ["--folder", str(folder), "--task", who, str(n_edges), str(count)]
    subprocess.run([sys.executable, __file__, *task], env=environment, check=True)
    seconds, rate = json.loads((folder / "cost.json").read_text())
    with np.load(folder / "found.npz") as arrays:
        return seconds, rate, dict(arrays)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run both in turn and print times and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that it runs")
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--task", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.task:
        perform(options.folder, options.task[0], int(options.task[1]), int(options.task[2]))
        return
    n_edges, count, few = (5000, 500, (50, 250, 450)) if options.quick else (N_EDGES, N_PERMUTATIONS, FEW)
    print(f"{n_edges:,} edges, {N} participants, 3 covariates, {count:,} permutations, {THREADS} threads")
    ours, theirs, ratios = [], [], []
    with tempfile.TemporaryDirectory() as name:
        for number in range(options.rounds):
            load = os.getloadavg()[0]
            seconds, rate, found = run(Path(name), "connect", n_edges, count)
            times = {some: run(Path(name), "nilearn", n_edges, some) for some in few}
            each = (times[few[-1]][0] - times[few[0]][0]) / (few[-1] - few[0])
            whole = times[few[0]][0] + each * (count - few[0])
            expected = times[few[0]][0] + each * (few[1] - few[0])
            ours.append(seconds)
            theirs.append(whole)
            ratios.append(whole / seconds)
            text = ", ".join(f"{some}: {times[some][0]:.1f} s" for some in few)
            print(f"round {number + 1} (load before it {load:.1f}): connect {seconds:.1f} s; nilearn {text}")
            print(f"  {few[1]} permutations took {times[few[1]][0] / expected:.2f} times what proportion says")
            least = gflop(n_edges, count) / rate
            print(f"  connect {gflop(n_edges, count) / seconds:.0f} GFLOP/s, this machine's products {rate:.0f}, with")
            print(f"  which they take {least:.1f} s: whoever computes all of them gains {whole / least:.0f} at most")
    print(f"connect           {spread(ours)} s")
    each = theirs[0] / count * 1000
    print(f"nilearn           {spread(theirs)} s for {count:,}, some {digits(each)} ms each")
    print(f"nilearn / connect {spread(ratios)}, aim {AIM}")
    their = times[few[-1]][2]
    apart = monte_carlo(found["p_fwe"], count, their["p_fwe"], few[-1])
    print(f"largest difference of t {np.abs(found['t'] - their['t']).max():.1e}")
    print(f"largest difference of corrected p {apart.max():.1f} Monte Carlo errors of nilearn's {few[-1]} permutations")


def gflop(n_edges: int, count: int) -> float:
    """Return the products: one row for the effect and one for each covariate, the intercept stays."""
    return 2 * 4 * N * n_edges * (count + 1) / 1e9


if __name__ == "__main__":
    main()
