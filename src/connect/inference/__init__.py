"""Inference on many columns at once: estimates with intervals, and tests by rearranging participants."""

from connect.inference.arrangements import Arrangements
from connect.inference.estimates import Fit, fit, fit_together, hedges_correction, interval, noncentrality
from connect.inference.permutation import TOLERANCE, Tested, fdr, permutation_test

__all__ = [
    "TOLERANCE",
    "Arrangements",
    "Fit",
    "Tested",
    "fdr",
    "fit",
    "fit_together",
    "hedges_correction",
    "interval",
    "noncentrality",
    "permutation_test",
]
