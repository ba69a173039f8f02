"""A Slurm that lives as long as the tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from shutil import which

import pytest

from .loopback import Slurm


@pytest.fixture(scope="session")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slurm]:
    """Return a Slurm of two nodes on loopback; skip where it cannot be had."""
    if os.geteuid() != 0:
        pytest.skip("needs root, to start a Slurm")
    missing = [program for program in ("munged", "slurmctld", "slurmd", "sbatch") if not which(program)]
    if missing:
        pytest.skip(f"needs {', '.join(missing)}: tests/cluster/slurm/install.sh")
    slurm = Slurm(tmp_path_factory.mktemp("slurm"))
    try:
        slurm.start()
        yield slurm
    finally:
        slurm.stop()
