"""Fixtures that several test modules share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadScopeScheduling

ROOT = Path(__file__).parents[1]

# The same examples every time, however slow the machine is.
settings.register_profile("steady", deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
settings.load_profile("steady")


@pytest.fixture(scope="session")
def root() -> Path:
    """Return the top folder of the project."""
    return ROOT


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Return the folder of real data and layouts; skip where it is missing."""
    folder = Path(os.environ.get("CONNECT_SHARED_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("needs the folder of real data: set CONNECT_SHARED_DATA")
    return folder


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put slow tests first: they run one after the other, and what is quick fills the other cores meanwhile."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


class Together(LoadScopeScheduling):
    """Gives the tests of a run of the workflow to one process, and those of the sample, which share one, too."""

    SAMPLE = (
        *("test_sample", "test_reruns", "test_figures", "test_export", "test_calibrate"),
        *("test_outputs", "test_tutorial"),
    )

    def _split_scope(self, nodeid: str) -> str:
        path = Path(nodeid.partition("::")[0])
        if path.parent.name != "workflow":
            return nodeid
        return "sample" if path.stem in self.SAMPLE else str(path)


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Together:
    """Replace the distribution by marks, which pytest 9.2 and pytest-xdist 3.8 do not bring about together."""
    config.option.loadscopereorder = False
    return Together(config, log)
