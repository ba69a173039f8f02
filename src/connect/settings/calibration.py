"""A calibration, ``config/calibrations/<name>.yaml``: on which data without an effect the tests are tried."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from connect.config import setting
from connect.errors import UserError

Scenario = Literal[
    "own-flipped",
    "own-exchanged",
    "normal",
    "heavy-tails",
    "skew",
    "smaller-varies",
    "larger-varies",
    "motion",
    "unequal-arms",
    "missing-sessions",
]

CORRECTIONS = {
    "primary": "primary test",
    "domains": "other domain-level quantities, family-wise",
    "networks": "network pairs, family-wise",
    "edges": "edges, family-wise",
    "fdr": "edges, false discovery rate",
    "nbs": "network-based statistic",
    "tfnbs": "threshold-free network-based statistic",
    "cnbs": "constrained network-based statistic",
}
"""Ways to correct, in words: a data set counts if anything passes."""

CONFIDENCE = 0.95
"""Level of the intervals of rates."""


@dataclass(frozen=True)
class Calibration:
    """How often tests find something where nothing is."""

    scenarios: tuple[Scenario, ...] = setting(
        "data without an effect: the user's own (`own-...`) and simulated ones",
        default=("own-flipped", "own-exchanged", "normal", "heavy-tails", "skew", "smaller-varies",
                 "larger-varies", "motion", "unequal-arms", "missing-sessions"),
    )  # fmt: skip
    sets: int = setting("data sets for each scenario", default=1000, minimum=50)
    permutations: int = setting(
        "rearrangements for each data set; few are enough, since they cost power and not the level",
        default=199, minimum=99,
    )  # fmt: skip
    parcels: int = setting("parcels whose edges are tested, spread evenly over the networks", default=40, minimum=10)
    seed: int = setting("seed of the data sets", default=1, minimum=0)

    def __post_init__(self) -> None:
        if not self.scenarios or len(set(self.scenarios)) < len(self.scenarios):
            got = ", ".join(self.scenarios) or "none"
            raise UserError("key scenarios", "at least one scenario, each once", got, "correct the list")
