"""The rows of `compare.py`: who does what, how much of it, and what is aimed at."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class Task(NamedTuple):
    """A row: commands (module, function, sizes) of connect and its peers, and the aims of the ratios.

    ``known`` are microseconds of a unit that were measured elsewhere; a limit is in seconds and MB. The row is run in
    at most ``rounds`` rounds. ``inside`` says how many results a unit of connect's is one of.
    """

    name: str
    unit: str
    commands: dict[str, str]
    aims: Mapping[str, float] = MappingProxyType({})
    known: Mapping[str, float] = MappingProxyType({})
    limit: tuple[float, float] | None = None
    rounds: int = 99
    inside: int = 1


def tasks(*, quick: bool) -> list[Task]:
    """Return the rows; quick ones only show that they run."""

    def sizes(full: str, short: str) -> str:
        return short if quick else full

    large, edges = sizes("400", "30"), sizes("79800", "100")
    flips = {
        "connect": f"ours max_t 100 {sizes('10000', '200')}",
        "nilearn": f"peers nilearn_max_t 100 {sizes('2000', '50')}",
        "scipy": f"peers scipy_max_t 100 {sizes('500', '50')}",
    }
    more = {
        "connect": f"ours max_t {large} {sizes('10000', '200')}",
        "nilearn": f"peers nilearn_max_t {large} {sizes('200', '50')}",
    }
    found = [
        Task("sign flips, max-T, 60 pairs, 4,950 edges", "a permutation", flips, {"nilearn": 60}),
        Task("the same, 79,800 edges", "a permutation", more, {"nilearn": 140}),
        Task(
            "Freedman-Lane, 4 covariates, 200 x 499,500 edges, 10,000 permutations",
            "a permutation",
            {"connect": f"ours freedman_lane {sizes('1000 10000', '30 200')}"},
            limit=(180, 1500),
            rounds=1,
        ),
    ]
    for parcels, ours, few, some in (("100", "3000", "10", "200"), (large, "1000", "2", "20")):
        commands = {
            "connect": f"ours nbs {parcels} {sizes(ours, '100')}",
            "bctpy": f"peers bctpy_nbs {parcels} {sizes(few, '2')}",
            "dfc-kit": f"peers dfckit_nbs {parcels} {sizes(some, '10')}",
        }
        name = f"NBS, 60 participants, {'4,950' if parcels == '100' else '79,800'} edges"
        found.append(Task(name, "a permutation", commands, {"bctpy": 500, "dfc-kit": 20}))
    return [
        *found,
        Task(
            "threshold-free NBS, 79,800 edges",
            "a permutation",
            {"connect": f"ours tfnbs {large} {sizes('200', '20')}"},
            {"MRtrix": 500},
            {"MRtrix": 4_300_000},
        ),
        Task(
            "mixed model, 148 rows, 8 fixed effects; statsmodels has no degrees of freedom",
            "an edge",
            {"connect": f"ours mixed {edges}", "statsmodels": f"peers statsmodels_mixed {sizes('10', '2')}"},
            {"statsmodels": 4000},
        ),
        Task(
            "g_av with BCa interval, 2,000 resamples; connect also has mean change and g_rm",
            "an edge and statistic",
            {
                "connect": f"ours effects {sizes('2000', '50')} 2000",
                "scipy": f"peers scipy_effects {sizes('100', '3')} 2000",
            },
            {"scipy": 50},
            inside=3,
        ),
        Task(
            "JZS Bayes factor",
            "an edge",
            {"connect": f"ours bayes {edges}", "pingouin": f"peers pingouin_bayes {sizes('500', '5')}"},
            {"pingouin": 100},
        ),
        Task(
            "ICC with interval; connect: agreement and consistency, pingouin: six forms",
            "an edge",
            {"connect": f"ours reliability {edges}", "pingouin": f"peers pingouin_reliability {sizes('20', '2')}"},
            {"pingouin": 1000},
        ),
    ]
