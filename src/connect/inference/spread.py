"""Whether arms vary alike, as tests that permute residuals among all participants take them to.

The variance of an arm in one column says little in few participants; its logarithm averaged over many columns does.
What chance gives comes from permutations, so that neither tails nor correlated columns matter (as Boos and Brownie
1989, doi:10.1080/00401706.1989.10488477, resample Levene's test and its relatives).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from connect.columns import Values
from connect.design import Design
from connect.inference.arm_variances import LEAST, Moved, arms_of, log_ratios, moments
from connect.inference.arrangements import Arrangements
from connect.inference.symmetry import less_model, sample

MOVES = 32
"""Permutations that are worked on at once."""

TOLERANCE = 1e-5
"""Relative difference below which two statistics count as equal."""


@dataclass(frozen=True)
class Spread:
    """How arms vary.

    Parameters
    ----------
    ratios
        Variance of each arm relative to the weighted geometric mean of all, a geometric mean over columns.
    p
        Share of permutations with ratios that differ at least as much.
    """

    ratios: dict[str, float]
    p: float


def spread_test(
    values: Values, design: Design, arms: np.ndarray, n_permutations: int = 999, seed: int = 0
) -> Spread | None:
    """Test whether the variance around the model is the same in all arms.

    The statistic is the sum over arms of their degrees of freedom times the squared mean over columns of the logarithm
    of their relative variance. As in :func:`connect.inference.symmetry.symmetry_test`, what is permuted are outcomes
    less what the model explains, shrunk by as much as that is chance, and the model is fitted again each time:
    residuals do not do, since an outlier draws the mean of its arm towards itself, of a small arm most.

    Parameters
    ----------
    values
        Outcome of every participant ``(n, n_columns)``; columns with NaN are not looked at, and of many only some.
    design
        The model, and who may change places.
    arms
        Arm of every participant ``(n,)``.
    n_permutations
        Number of random permutations, unless all are fewer.
    seed
        Seed of the random ones.

    Returns
    -------
    Spread or None
        None if an arm has less than one degree of freedom, or no column varies in all arms.
    """
    made, changes = arms_of(design, arms), sample(values)
    if made.df.min() < 1:
        return None
    changes -= changes.mean(axis=0)
    squares = np.square(changes - made.full @ (made.full.T @ changes))
    varies = (made.members @ squares > LEAST * np.square(changes).sum(axis=0)).all(axis=0)
    if not varies.any():
        return None
    directions, lengths, _ = np.linalg.svd(made.full - made.full.mean(axis=0), full_matrices=False)
    changes = changes[:, varies] / np.sqrt(squares[:, varies].sum(axis=0))
    left = less_model(changes, directions[:, lengths > 1e-6], design.df)
    moved, blocks = Moved(left, np.ones((len(made.members), left.shape[1]))), Arrangements(design, n_permutations, seed)
    means = np.concatenate(
        [log_ratios(moments(moved, made, moves)[1], made).mean(axis=2) for moves in blocks.blocks(MOVES)], axis=1
    )
    statistic = made.df @ np.square(means)
    ratios = {str(name): float(np.exp(mean)) for name, mean in zip(np.unique(arms), means[:, 0], strict=True)}
    return Spread(ratios, float((statistic >= statistic[0] * (1 - TOLERANCE)).mean()))
