"""What others do in the rows of `compare.py`: programs from the package index, with the data that connect gets.

They are called as their pages say, with as few participants, edges or permutations as give a stable time for each.
"""

from __future__ import annotations

import contextlib
import io
import warnings
from typing import Any

import changes
import numpy as np
from ours import SEED, SMALL, THRESHOLD, Job


def nilearn_max_t(n_parcels: str, n_permutations: str) -> Job:
    """nilearn: flip signs and correct by the largest |t|."""
    from nilearn.mass_univariate import permuted_ols

    def run(values: np.ndarray, count: int) -> Any:
        return permuted_ols(
            np.ones((len(values), 1)), values, model_intercept=False, n_perm=count, random_state=SEED, verbose=0
        )

    def found(result: Any) -> dict[str, Any]:
        return {"t": result["t"][0], "p_fwe": 10 ** -result["logp_max_t"][0], "count": count}

    run(changes.differences(SMALL), 10)
    values, count = changes.differences(len(changes.edges(int(n_parcels))[0])), int(n_permutations)
    return Job(lambda: run(values, count), count + 1, found)


def scipy_max_t(n_parcels: str, n_permutations: str) -> Job:
    """scipy.stats.permutation_test: flip signs; the largest |t| comes from its null distribution."""
    from scipy import stats

    def t_of(values: np.ndarray, axis: int) -> np.ndarray:
        n = values.shape[axis]
        return values.mean(axis=axis) / values.std(axis=axis, ddof=1) * np.sqrt(n)

    def run(values: np.ndarray, count: int) -> Any:
        result = stats.permutation_test(
            (values,), t_of, permutation_type="samples", n_resamples=count, batch=10, vectorized=True, rng=SEED
        )
        largest = np.abs(result.null_distribution).max(axis=1)
        reached = len(largest) - np.searchsorted(np.sort(largest), np.abs(result.statistic))
        return result.statistic, (reached + 1) / (count + 1)

    run(changes.differences(SMALL), 10)
    values, count = changes.differences(len(changes.edges(int(n_parcels))[0])), int(n_permutations)
    return Job(lambda: run(values, count), count + 1, lambda one: {"t": one[0], "p_fwe": one[1], "count": count})


def bctpy_nbs(n_parcels: str, n_permutations: str) -> Job:
    """bctpy: components of edges whose |t| is above the threshold, whatever the sign."""
    import bct

    def run(n_parcels: int, count: int) -> Any:
        first, second = changes.edges(n_parcels)
        matrices = np.zeros((2, n_parcels, n_parcels, changes.N_PAIRS))
        for matrix, values in zip(matrices, changes.pairs(len(first)), strict=True):
            matrix[first, second] = matrix[second, first] = values.T

        def work() -> Any:
            with contextlib.redirect_stdout(io.StringIO()):
                return bct.nbs_bct(matrices[1], matrices[0], THRESHOLD, count, paired=True, seed=SEED)[1]

        return work

    run(SMALL, 10)()
    first, second = changes.edges(int(n_parcels))
    count = int(n_permutations)
    return Job(run(int(n_parcels), count), count + 1, lambda labels: {"edges": labels[first, second] > 0})


def dfckit_nbs(n_parcels: str, n_permutations: str) -> Job:
    """dfc-kit: components of increases, and of decreases."""
    from dfckit.inference import paired_nbs

    def run(n_parcels: int, count: int) -> Any:
        first, second = changes.edges(n_parcels)
        values, names = changes.differences(len(first)), [f"sub-{i}" for i in range(changes.N_PAIRS)]
        options = {"thresholds": [THRESHOLD], "n_permutations": count, "seed": SEED, "difference_direction": "post-pre"}
        return lambda: paired_nbs(values, names, first, second, n_parcels, **options)

    def found(result: Any) -> dict[str, Any]:
        level = result.threshold_results[0]
        both = sorted([*level.positive_components, *level.negative_components], key=lambda one: -one.statistic_value)
        extents = np.array([one.statistic_value for one in both])
        return {"extents": extents, "p_fwe": np.array([one.fwe_pvalue for one in both[:1]]), "count": count}

    run(SMALL, 10)()
    count = int(n_permutations)
    return Job(run(int(n_parcels), count), count + 1, found)


def statsmodels_mixed(n_edges: str) -> Job:
    """MixedLM of statsmodels: random intercepts by REML, and z; it has no degrees of freedom of Satterthwaite."""
    from statsmodels.regression.mixed_linear_model import MixedLM

    def run(n_edges: int) -> Any:
        values, fixed, participants, contrast = changes.sessions(n_edges)
        fits = [MixedLM(column, fixed, groups=participants).fit(reml=True) for column in values.T]
        return np.array([(contrast @ one.fe_params, contrast @ (one.fe_params / one.bse_fe)) for one in fits])

    warnings.simplefilter("ignore")
    run(1)
    return Job(lambda: run(int(n_edges)), int(n_edges), lambda one: {"estimate": one[:, 0], "t": one[:, 1]})


def scipy_effects(n_edges: str, n_resamples: str) -> Job:
    """scipy.stats.bootstrap: BCa interval of d_av, edge by edge."""
    from scipy import stats

    def d_av(before: np.ndarray, after: np.ndarray, axis: int) -> np.ndarray:
        spread = before.var(axis=axis, ddof=1) + after.var(axis=axis, ddof=1)
        return (after - before).mean(axis=axis) / np.sqrt(spread / 2)

    def run(pre: np.ndarray, post: np.ndarray) -> Any:
        options = {"paired": True, "vectorized": True, "method": "BCa", "n_resamples": int(n_resamples)}
        columns = zip(pre.T, post.T, strict=True)
        return [stats.bootstrap(pair, d_av, rng=np.random.default_rng(SEED), **options) for pair in columns]

    def found(result: Any) -> dict[str, Any]:
        return {part: np.array([getattr(one.confidence_interval, part) for one in result]) for part in ("low", "high")}

    run(*changes.pairs(1))
    pre, post = (values[:, : int(n_edges)] for values in changes.pairs(int(n_edges)))
    return Job(lambda: run(pre, post), int(n_edges), found)


def pingouin_bayes(n_edges: str) -> Job:
    """pingouin: integrate one Bayes factor after the other."""
    from pingouin import bayesfactor_ttest
    from scipy import stats

    t = stats.ttest_1samp(changes.differences(int(n_edges)), 0).statistic

    def work() -> Any:
        return [bayesfactor_ttest(float(one), changes.N_PAIRS, paired=True) for one in t]

    bayesfactor_ttest(1.0, changes.N_PAIRS, paired=True)
    return Job(work, int(n_edges), lambda one: {"log10 BF": np.log10(np.array(one, dtype=float))})


def pingouin_reliability(n_edges: str) -> Job:
    """pingouin: all six forms of the intraclass correlation."""
    import pandas as pd
    from pingouin import intraclass_corr, options

    options["round.column.CI95"] = None

    def run(n_edges: int) -> Any:
        values = np.stack(changes.pairs(n_edges), axis=1)
        n, k, _ = values.shape
        table = {"who": np.repeat(np.arange(n), k), "session": np.tile(np.arange(k), n)}
        tables = [pd.DataFrame({**table, "y": values[..., edge].ravel()}) for edge in range(n_edges)]
        return lambda: [intraclass_corr(one, "who", "session", "y").set_index("Type") for one in tables]

    def found(result: Any) -> dict[str, Any]:
        parts = {}
        for i, form in enumerate(("ICC(A,1)", "ICC(C,1)")):
            parts[f"estimate {i}"] = np.array([one["ICC"][form] for one in result])
            parts[f"low {i}"], parts[f"high {i}"] = np.array([one["CI95"][form] for one in result]).T
        return parts

    run(1)()
    return Job(run(int(n_edges)), int(n_edges), found)
