"""The sample cohort, run once for all tests that look at its results."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from .study import Study, sample_study


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """Return the sample study after a run with two cores; tests must not change it."""
    study = sample_study(tmp_path_factory.mktemp("sample"))
    study.run("--cores", "2")
    return study


@pytest.fixture
def copy(finished: Study, tmp_path: Path) -> Study:
    """Return a copy of the finished study, with the times of its files, to be changed."""
    folder = tmp_path / "study"
    shutil.copytree(finished.folder, folder, symlinks=True)
    return Study(folder)
