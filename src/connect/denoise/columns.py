"""Which columns of an fMRIPrep confounds table a strategy means.

The names are those of fMRIPrep 1.2 and later, and the groups those of nilearn's ``load_confounds`` (Wang et al. 2024,
PLoS Comput Biol 20:e1011942), with which the choice agrees. What a CompCor component is, the sidecar of the table says:
from 1.4 to 20 all anatomical components are called ``a_comp_cor``, later those of white matter and CSF alone
``w_comp_cor`` and ``c_comp_cor``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from connect.settings.strategy import Strategy

FD, DVARS = "framewise_displacement", "std_dvars"
"""Framewise displacement (mm) and standardised DVARS; neither has a value in the first row."""

BASES = {
    "motion": ("trans_x", "trans_y", "trans_z", "rot_x", "rot_y", "rot_z"),
    "wm_csf": ("csf", "white_matter"),
    "global_signal": ("global_signal",),
}
"""Columns of the groups that can be expanded."""

SUFFIXES = {
    "basic": ("",),
    "power2": ("", "_power2"),
    "derivatives": ("", "_derivative1"),
    "full": ("", "_derivative1", "_power2", "_derivative1_power2"),
}

_SERIES = {
    "cosines": (re.compile(r"cosine\d+"), "cosine00"),
    "ica_aroma": (re.compile(r"aroma_motion_\d+"), "aroma_motion_00"),
    "compcor": (re.compile(r"[atwc]_comp_cor_\d+"), "a_comp_cor_00"),
}
_MASKS: Mapping[str, tuple[tuple[str, str | None], ...]] = {
    "anat_combined": (("a", "combined"),),
    "anat_separated": (("aw", "WM"), ("ac", "CSF")),
    "temporal": (("t", None),),
}
_OLD = {
    "FramewiseDisplacement",
    "stdDVARS",
    "GlobalSignal",
    "WhiteMatter",
    "CSF",
    "X",
    "Y",
    "Z",
    "RotX",
    "RotY",
    "RotZ",
}


def chosen(columns: Sequence[str], strategy: Strategy, sidecar: Mapping[str, Any]) -> list[str]:
    """Return the columns that a strategy regresses out, sorted; some may be missing from the table.

    Parameters
    ----------
    columns
        All columns of the table.
    strategy
        Which groups, and how they are expanded.
    sidecar
        What each CompCor component is; may be empty where the strategy has none.
    """
    found = [name for group in BASES for name in _expanded(group, strategy)]
    found += _numbered(columns, "cosines") if strategy.cosines else []
    found += _numbered(columns, "ica_aroma") if strategy.ica_aroma else []
    return sorted(found + [name for components in _components(strategy, sidecar) for name in components])


def missing(columns: Sequence[str], strategy: Strategy, sidecar: Mapping[str, Any] | None = None) -> list[str]:
    """Return in words what a strategy needs and a table lacks, group by group with the columns.

    Without a sidecar it is only asked whether the table holds CompCor components at all.
    """
    told = []
    for group in BASES:
        absent = [name for name in _expanded(group, strategy) if name not in columns]
        told += [f"{group} `{getattr(strategy, group)}` ({', '.join(absent)})"] if absent else []
    for group in ("cosines", "ica_aroma"):
        if getattr(strategy, group) and not _numbered(columns, group):
            told.append(f"{group} ({_SERIES[group][1]}, ...)")
    if strategy.compcor and not _numbered(columns, "compcor"):
        told.append(f"compcor `{strategy.compcor}` ({_SERIES['compcor'][1]}, ...)")
    elif strategy.compcor and sidecar is not None:
        told += _missing_components(columns, strategy, sidecar)
    absent = [name for name in limited(strategy) if name not in columns]
    return told + ([f"scrub ({', '.join(absent)})"] if absent else [])


def held(columns: Sequence[str]) -> list[str]:
    """Return the groups of which a table holds at least the basic columns, and what it can be censored by."""
    found = [group for group, bases in BASES.items() if set(bases) <= set(columns)]
    found += [group for group in _SERIES if _numbered(columns, group)]
    return found + [name for name in (FD, DVARS) if name in columns]


def limited(strategy: Strategy) -> list[str]:
    """Return the columns by which a strategy censors."""
    limits = {FD: strategy.scrub.fd, DVARS: strategy.scrub.std_dvars} if strategy.scrub else {}
    return [name for name, limit in limits.items() if limit is not None]


def outdated(columns: Sequence[str]) -> list[str]:
    """Return the columns that only fMRIPrep 1.1 and older wrote."""
    return [name for name in columns if name in _OLD or re.fullmatch(r"[at]CompCor\d+|Cosine\d+", name)]


def non_steady(columns: Sequence[str]) -> list[str]:
    """Return the columns that mark volumes before the steady state, one each."""
    return [name for name in columns if name.startswith("non_steady_state_outlier")]


def _expanded(group: str, strategy: Strategy) -> list[str]:
    model = getattr(strategy, group)
    return [f"{base}{suffix}" for base in BASES[group] for suffix in SUFFIXES[model]] if model else []


def _numbered(columns: Sequence[str], group: str) -> list[str]:
    return [name for name in columns if _SERIES[group][0].fullmatch(name)]


def _components(strategy: Strategy, sidecar: Mapping[str, Any]) -> list[list[str]]:
    """Return the components of each mask, those that explain most first; `all` are those that fMRIPrep retained."""
    masks = _MASKS[strategy.compcor] if strategy.compcor else ()
    return [_of_mask(kinds, mask, strategy, sidecar) for kinds, mask in masks]


def _of_mask(kinds: str, mask: str | None, strategy: Strategy, sidecar: Mapping[str, Any]) -> list[str]:
    named = {name: about for name, about in sidecar.items() if re.fullmatch(rf"[{kinds}]_comp_cor_\d+", name)}
    found = [name for name, about in named.items() if mask is None or about.get("Mask") == mask]
    found.sort(key=lambda name: int(name.rpartition("_")[2]))
    if strategy.n_compcor == "all":
        return [name for name in found if named[name].get("Retained", True)]
    return found[: strategy.n_compcor]


def _missing_components(columns: Sequence[str], strategy: Strategy, sidecar: Mapping[str, Any]) -> list[str]:
    """Tell of masks without a component in the sidecar, and of components that are missing from the table."""
    told = []
    for (kinds, mask), names in zip(_MASKS[str(strategy.compcor)], _components(strategy, sidecar), strict=True):
        if not names:
            told.append(f"{mask or 'temporal'} components in the sidecar ({kinds[-1]}_comp_cor_00, ...)")
        told += [name for name in names if name not in columns]
    return [f"compcor `{strategy.compcor}` ({', '.join(told)})"] if told else []
