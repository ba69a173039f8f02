"""Which volumes of a scan are kept: the first ones, volumes with motion and their neighbours, and short runs leave.

Censoring by framewise displacement and DVARS follows Power et al. 2014 (NeuroImage 84:320,
doi:10.1016/j.neuroimage.2013.08.048).
"""

from __future__ import annotations

import numpy as np

from connect.settings.strategy import Scrub, Strategy


def kept_volumes(unsteady: np.ndarray, fd: np.ndarray, dvars: np.ndarray, strategy: Strategy) -> np.ndarray:
    """Return which volumes are kept ``(n_volumes,)``, boolean.

    Parameters
    ----------
    unsteady
        Volumes before the steady state, as fMRIPrep marks them ``(n_volumes,)``, boolean.
    fd
        Framewise displacement in mm ``(n_volumes,)``; a volume with NaN is not flagged.
    dvars
        Standardised DVARS ``(n_volumes,)``; likewise.
    strategy
        What is dropped and censored. Runs are measured after everything else has left, so that a few volumes between
        the first ones and a censored one are a short run too.
    """
    kept = ~unsteady if strategy.drop_non_steady else np.ones(len(unsteady), dtype=bool)
    kept[: strategy.dummy_scans] = False
    if strategy.scrub is None:
        return kept
    kept &= ~_flagged(fd, dvars, strategy.scrub)
    kept &= ~_short_runs(kept, strategy.scrub.min_segment)
    return kept


def _flagged(fd: np.ndarray, dvars: np.ndarray, scrub: Scrub) -> np.ndarray:
    """Return volumes above a limit, with their neighbours ``(n_volumes,)``."""
    above = fd > scrub.fd
    if scrub.std_dvars is not None:
        above = above | (dvars > scrub.std_dvars)
    flagged = np.zeros(len(fd), dtype=bool)
    before, after = min(scrub.before, len(fd)), min(scrub.after, len(fd))
    for volume in np.flatnonzero(above):
        flagged[max(0, volume - before) : volume + after + 1] = True
    return flagged


def _short_runs(kept: np.ndarray, minimum: int) -> np.ndarray:
    """Return the kept volumes in runs of fewer than a minimum ``(n_volumes,)``."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], kept, [False]]).astype(np.int8)))
    short = np.zeros(len(kept), dtype=bool)
    for start, stop in edges.reshape(-1, 2):
        short[start:stop] = stop - start < minimum
    return short
