"""Phrases of the methods text: choices in the words of a paper, and the references that the text cites.

The sentences stand in ``methods.html``; here is what depends on a choice in more than a number.
"""

from __future__ import annotations

import platform
import re
from collections.abc import Mapping
from importlib.metadata import version

import pandas as pd

from connect import __version__
from connect.settings.atlas import Atlas
from connect.settings.cohort import Session
from connect.settings.domains import Domain
from connect.settings.measure import Measure
from connect.settings.strategy import Strategy

PACKAGES = ("numpy", "scipy", "nilearn", "nibabel", "snakemake")

REFERENCES: Mapping[str, str] = {
    "Aiken and West 1991": "Multiple Regression: Testing and Interpreting Interactions, Sage",
    "Bakdash and Marusich 2017": "Front Psychol 8:456, doi:10.3389/fpsyg.2017.00456",
    "Bauer and Curran 2005": "Multivariate Behav Res 40:373, doi:10.1207/s15327906mbr4003_5",
    "Benjamini and Hochberg 1995": "J R Stat Soc B 57:289, doi:10.1111/j.2517-6161.1995.tb02031.x",
    "Bland and Altman 1995": "BMJ 310:446, doi:10.1136/bmj.310.6977.446",
    "Bonett and Wright 2000": "Psychometrika 65:23, doi:10.1007/BF02294183",
    "Chan et al. 2014": "PNAS 111:E4997, doi:10.1073/pnas.1415122111",
    "Ciric et al. 2017": "NeuroImage 154:174, doi:10.1016/j.neuroimage.2017.03.020",
    "Cumming and Finch 2001": "Educ Psychol Meas 61:532, doi:10.1177/0013164401614002",
    "Efron and Morris 1975": "J Am Stat Assoc 70:311, doi:10.1080/01621459.1975.10479864",
    "Esteban et al. 2019": "Nat Methods 16:111, doi:10.1038/s41592-018-0235-4",
    "Fisher 1915": "Biometrika 10:507, doi:10.1093/biomet/10.4.507",
    "Fisher 1924": "Metron 3:329",
    "Freedman and Lane 1983": "J Bus Econ Stat 1:292, doi:10.1080/07350015.1983.10509354",
    "Hedges 1981": "J Educ Stat 6:107, doi:10.3102/10769986006002107",
    "Johnson and Neyman 1936": "Stat Res Mem 1:57",
    "Kuznetsova et al. 2017": "J Stat Softw 82(13), doi:10.18637/jss.v082.i13",
    "Ledoit and Wolf 2004": "J Multivar Anal 88:365, doi:10.1016/S0047-259X(03)00096-4",
    "Lindquist et al. 2019": "Hum Brain Mapp 40:2358, doi:10.1002/hbm.24528",
    "Lipponen and Tarvainen 2019": "J Med Eng Technol 43:173, doi:10.1080/03091902.2019.1640306",
    "Makowski et al. 2021": "Behav Res Methods 53:1689, doi:10.3758/s13428-020-01516-y",
    "Mölder et al. 2021": "F1000Research 10:33, doi:10.12688/f1000research.29032.2",
    "Orphanidou et al. 2015": "IEEE J Biomed Health Inform 19:832, doi:10.1109/JBHI.2014.2338351",
    "Parkes et al. 2018": "NeuroImage 171:415, doi:10.1016/j.neuroimage.2017.12.073",
    "Phipson and Smyth 2010": "Stat Appl Genet Mol Biol 9:39, doi:10.2202/1544-6115.1585",
    "Power et al. 2012": "NeuroImage 59:2142, doi:10.1016/j.neuroimage.2011.10.018",
    "Pruessner et al. 2003": "Psychoneuroendocrinology 28:916, doi:10.1016/S0306-4530(02)00108-7",
    "Task Force 1996": "Circulation 93:1043, doi:10.1161/01.CIR.93.5.1043",
    "Varoquaux et al. 2010": "MICCAI, doi:10.1007/978-3-642-15705-9_25",
    "Wang et al. 2024": "PLoS Comput Biol 20:e1011942, doi:10.1371/journal.pcbi.1011942",
    "Welch 1947": "Biometrika 34:28, doi:10.1093/biomet/34.1-2.28",
    "Westfall and Young 1993": "Resampling-Based Multiple Testing, Wiley",
    "Wilcox 1994": "Psychometrika 59:601, doi:10.1007/BF02294395",
    "Winkler et al. 2014": "NeuroImage 92:381, doi:10.1016/j.neuroimage.2014.01.060",
    "Worsley and Friston 1995": "NeuroImage 2:173, doi:10.1006/nimg.1995.1023",
    "Zalesky et al. 2010": "NeuroImage 53:1197, doi:10.1016/j.neuroimage.2010.06.041",
}

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


def versions() -> str:
    """Return the versions of connect, Python and the packages that results depend on."""
    packages = [f"{name} {version(name)}" for name in PACKAGES]
    return ", ".join([f"connect {__version__}", f"Python {platform.python_version()}", *packages])


def references(text: str) -> list[str]:
    """Return the references that a text cites, in alphabetical order."""
    plain = re.sub(r" \((?=\d{4})", " ", text)
    return [f"{short}. {rest}" for short, rest in REFERENCES.items() if short in plain]


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
