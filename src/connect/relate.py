"""Relate connectivity to a measure of the person: associations, and whether the measure tells who responds.

A model is such a relation if its contrast is the slope of a phenotype. It is estimated and tested at every level as any
other model; beside that stand correlations and, where arms are compared, the slope in each arm and the values of the
measure at which the arms differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from connect.compare import check_acquisition, compared
from connect.config import read
from connect.errors import UserError
from connect.inference.slopes import SLOPE_COLUMNS, moderation
from connect.parcels import QUANTITIES
from connect.persons import described
from connect.question import question
from connect.settings.measure import Measure
from connect.settings.statistic import Statistic
from connect.study import read_study
from connect.tables import write_record, write_table


def relate(  # noqa: PLR0913 - one parameter for each file
    connectomes: Path,
    scans: Path,
    kept: Path,
    strategy: Path,
    measure: Path,
    atlas: Path,
    domains: Path,
    cohort: Path,
    participants: Path,
    model: Path,
    phenotypes: Sequence[Path],
    domain_tests: Path,
    network_tests: Path,
    edge_tests: Path,
    components: Path,
    values: Path,
    people: Path,
    summary: Path,
    slopes: Path,
    statistics: Sequence[Path] = (),
) -> None:
    """Test the slope of connectivity on a phenotype at the level of domains, network pairs and edges.

    Parameters
    ----------
    connectomes
        Connectomes of the kept scans (.npy).
    scans
        Table that names the rows of the connectomes.
    kept
        Table of the screen stage, for the reasons of exclusion.
    strategy
        Denoising strategy (YAML), named in the summary.
    measure
        Measure (YAML), for the unit of the values.
    atlas
        Atlas (YAML).
    domains
        Domains of the atlas (YAML).
    cohort
        Cohort (YAML).
    participants
        BIDS participants.tsv.
    model
        Model (YAML) whose contrast names a phenotype.
    phenotypes
        Values of the phenotypes that the model names (a table each, with its record beside it).
    domain_tests
        Output: results of the domain-level quantities.
    network_tests
        Output: results of the network pairs.
    edge_tests
        Output: results of the edges.
    components
        Output: connected components of edges (network-based statistic).
    values
        Output: domain-level quantities of every participant and session.
    people
        Output: every participant with their measures, analysed or not and why.
    summary
        Output: what was asked and found, in one record.
    slopes
        Output: slope of each domain-level quantity in each arm, where the contrast compares arms; else no rows.
    statistics
        Statistics of your own (YAML), tested beside the domain-level quantities, or none.

    Raises
    ------
    UserError
        If the model is about no phenotype, or what :func:`connect.compare.compare` raises.
    """
