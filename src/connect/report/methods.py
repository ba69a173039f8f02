"""Phrases of the methods text: choices in the words of a paper.

The sentences stand in ``templates/methods_text.html``; here is what depends on a choice in more than a number.
"""

from __future__ import annotations

import platform
from importlib.metadata import version

import pandas as pd

from connect import __version__
from connect.settings.atlas import Atlas
from connect.settings.cohort import Session
from connect.settings.domains import Domain
from connect.settings.measure import Measure
from connect.settings.strategy import Strategy

PACKAGES = ("numpy", "scipy", "pandas", "nilearn", "nibabel", "snakemake")

_ATLASES = {
    "labels": "the mean over the voxels of each label, after nearest-neighbour resampling to the BOLD grid",
    "spheres": "the mean over the voxels whose centre lies within each sphere",
    "maps": "the least-squares fit of all maps, resampled linearly to the BOLD grid, to each volume",
}
_MEASURES = {
    "correlation": "Pearson's correlation",
    "covariance": "the covariance",
    "partial_correlation": "the partial correlation, from the inverse of the covariance after Ledoit-Wolf shrinkage "
    "(Ledoit and Wolf 2004)",
    "shrunk_correlation": "the correlation after Ledoit-Wolf shrinkage of the covariance (Ledoit and Wolf 2004)",
    "tangent": "the deviation in tangent space from the geometric mean of the covariances of all scans (Varoquaux et "
    "al. 2010), each after Ledoit-Wolf shrinkage (Ledoit and Wolf 2004)",
}
_EXPANSIONS = {
    "basic": (1, ""),
    "power2": (2, " with squares"),
    "derivatives": (2, " with first derivatives"),
    "full": (4, " with first derivatives and the squares of both"),
}
_COMPCOR = {
    "anat_combined": "components of anatomical CompCor (combined white matter and CSF mask)",
    "anat_separated": "components of anatomical CompCor from each mask (white matter, CSF)",
    "temporal": "components of temporal CompCor",
}


def reduction(atlas: Atlas) -> str:
    """Say how the voxels of a parcel become one value."""
    return _ATLASES[atlas.kind]


def edge(measure: Measure) -> str:
    """Say how two series become one number: a measure of the user's own in its words, one without words by its name."""
    if measure.own:
        return (
            f"{measure.words or f'“{measure.title}”'}, as {function(measure.own.name, measure.own.file.name)} gives it"
        )
    return _MEASURES.get(measure.kind, f"`{measure.kind}`")


def function(name: str, file: str) -> str:
    """Name a function of the user's own."""
    return f"the function “{name}” of the file “{file}”"


def cleaning(strategy: Strategy) -> str:
    """Say what was done to the parcel series, in the order in which it was done."""
    edges, steps = _edges(strategy), []
    if strategy.dummy_scans:
        first = "the first volume" if strategy.dummy_scans == 1 else f"the first {strategy.dummy_scans} volumes"
        steps.append(f"{first} of each scan left in any case")
    if strategy.scrub:
        steps.append(_censoring(strategy))
    if strategy.detrend:
        steps.append("a linear trend was removed")
    if edges:
        filtered = "parcels and confounds went through the same Butterworth filter of 5th order, forward and backward"
        steps.append(f"{filtered} ({edges}; Lindquist et al. 2019)")
    confounds = ", ".join(_confounds(strategy))
    steps.append(f"regressed out together were {confounds}" if confounds else "no confounds were regressed out")
    steps.append("each series was scaled to mean 0 and SD 1" if strategy.standardize else "series kept their scale")
    return "; ".join(steps)


def meaning(session: Session) -> str:
    """Say what a session label stands for."""
    times = {"pre": "before the intervention", "post": "after the intervention", "other": "another session"}
    named = f"`{session.weeks}`" if isinstance(session.weeks, str) else f"{session.weeks or 0:g}"
    weeks = "" if session.weeks is None else f" (week {named})"
    return f"{times[session.phase]}{weeks}" + (f", condition {session.condition}" if session.condition else "")


def members(domain: Domain) -> str:
    """List what belongs to a domain."""
    kinds = (("network", domain.networks), ("region", domain.regions), ("parcel", domain.parcels))
    return "; ".join(f"{kind}{'s' * (len(names) > 1)} {', '.join(names)}" for kind, names in kinds if names)


def reach(values: pd.Series[float], digits: int = 0) -> str:
    """Return the lowest and highest of some values."""
    found = [f"{value:.{digits}f}" for value in (values.min(), values.max())]
    return " to ".join(dict.fromkeys(found)) if values.notna().any() else "n/a"


def versions() -> dict[str, str]:
    """Return the versions of connect, Python and the packages that results depend on."""
    packages = {name: version(name) for name in PACKAGES}
    return {"connect": __version__, "Python": platform.python_version(), **packages}


def _censoring(strategy: Strategy) -> str:
    scrub = strategy.scrub
    if scrub is None:
        return ""
    dvars = "" if scrub.std_dvars is None else f" or standardised DVARS above {scrub.std_dvars:g}"
    near = " and ".join(
        f"{count} volume{'s' * (count > 1)} {word}"
        for count, word in ((scrub.before, "before"), (scrub.after, "after"))
        if count
    )
    more = [f"together with {near} each"] if near else []
    more += [f"and then segments of fewer than {scrub.min_segment} kept volumes"] if scrub.min_segment else []
    what = ", ".join([f"volumes with FD above {scrub.fd:g} mm{dvars}", *more]) + "," * bool(more)
    filled = " (for the filter straight lines filled the gaps, which left again before the regression)"
    return f"{what} were censored" + (filled if _edges(strategy) else "")


def _edges(strategy: Strategy) -> str:
    low, high = strategy.high_pass, strategy.low_pass
    if low and high:
        return f"band-pass {low:g} to {high:g} Hz"
    return f"high-pass {low:g} Hz" if low else f"low-pass {high:g} Hz" if high else ""


def _confounds(strategy: Strategy) -> list[str]:
    found = []
    for model, n, name in (
        (strategy.motion, 6, "head motion parameters"),
        (strategy.wm_csf, 2, "mean signals of white matter and CSF"),
        (strategy.global_signal, 1, "the mean signal of the brain"),
    ):
        if model:
            times, more = _EXPANSIONS[model]
            found.append(f"{name}{more} ({n * times})")
    if strategy.compcor:
        many = "all retained" if strategy.n_compcor == "all" else f"the first {strategy.n_compcor}"
        found.append(f"{many} {_COMPCOR[strategy.compcor]}")
    if strategy.ica_aroma:
        found.append("the components that ICA-AROMA took for motion (aggressively)")
    return [*found, "fMRIPrep's slow cosines (128 s)"] if strategy.cosines else found
