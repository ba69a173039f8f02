"""Made-up changes of connectivity to time statistics with, the same for all who are compared.

Every tenth edge rises by half a standard deviation.
"""

from __future__ import annotations

import numpy as np

N_PAIRS, N_PARTICIPANTS, N_ROWS = 60, 200, 148


def edges(n_parcels: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the parcels that each edge connects, two arrays ``(n_edges,)``."""
    first, second = np.triu_indices(n_parcels, 1)
    return first, second


def noise(seed: int, n_edges: int, n: int) -> np.ndarray:
    """Return standard normal values ``(n, n_edges)``; the first edges are the same, however many there are."""
    return np.ascontiguousarray(np.random.default_rng(seed).standard_normal((n_edges, n)).T)


def pairs(n_edges: int) -> tuple[np.ndarray, np.ndarray]:
    """Return values before and after ``(N_PAIRS, n_edges)`` that correlate by 0.6."""
    own, *sessions = (noise(seed, n_edges, N_PAIRS) for seed in range(3))
    pre, post = (np.sqrt(0.6) * own + np.sqrt(0.4) * one for one in sessions)
    post[:, ::10] += 0.5
    return pre, post


def differences(n_edges: int) -> np.ndarray:
    """Return the change of every pair ``(N_PAIRS, n_edges)``."""
    pre, post = pairs(n_edges)
    return post - pre


def slopes(n_edges: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return outcomes ``(N_PARTICIPANTS, n_edges)`` in single precision, an effect, and intercept and covariates."""
    rng = np.random.default_rng(2)
    effect, covariates = rng.standard_normal((N_PARTICIPANTS, 1)), rng.standard_normal((N_PARTICIPANTS, 4))
    values = rng.standard_normal((N_PARTICIPANTS, n_edges), dtype=np.float32)
    return values, effect, np.hstack([np.ones((N_PARTICIPANTS, 1)), covariates])


def sessions(n_edges: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return sessions of a trial with two arms: ``N_ROWS`` of 50 participants, two of whom missed one of three.

    Returns
    -------
    tuple of numpy.ndarray
        Values ``(N_ROWS, n_edges)``; eight fixed effects ``(N_ROWS, 8)``: intercept, two phases, arm, arm x phases,
        age, motion; participants ``(N_ROWS,)``; weights of the contrast arm x last phase ``(8,)``.
    """
    rng = np.random.default_rng(3)
    participant, phase = np.repeat(np.arange(50), 3)[:N_ROWS], np.tile(np.arange(3), 50)[:N_ROWS]
    arm, second, last = participant % 2, phase == 1, phase == 2
    age, motion = rng.standard_normal(50)[participant], rng.standard_normal(N_ROWS)
    fixed = np.column_stack([np.ones(N_ROWS), second, last, arm, arm * second, arm * last, age, motion]).astype(float)
    between, within = noise(4, n_edges, 50), noise(5, n_edges, N_ROWS)
    values = between[participant] + within + 0.5 * (arm * last)[:, None]
    return values, fixed, participant, np.eye(8)[5]
