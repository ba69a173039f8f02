"""Fixtures that several test modules share."""

from __future__ import annotations

import fcntl
import gc
import os
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadScopeScheduling

from .workflow.study import Study, sample_study

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


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Study:
    """Return the sample study after a run with two cores, once for all processes; tests must not change it."""
    own = tmp_path_factory.getbasetemp()
    folder = (own if worker_id == "master" else own.parent) / "sample"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "done").exists():
            sample_study(folder / "study").run("--cores", "2")
            (folder / "done").touch()
    return Study(folder / "study")


@pytest.fixture
def copy(finished: Study, tmp_path: Path) -> Study:
    """Return a copy of the finished study, with the times of its files, to be changed."""
    folder = tmp_path / "study"
    shutil.copytree(finished.folder, folder, symlinks=True)
    return Study(folder)


def pytest_collection_finish() -> None:
    """Take what is there by now out of garbage collection: nilearn collects ten times for each scan that it masks."""
    gc.collect()
    gc.freeze()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put slow tests first: they run one after the other, and what is quick fills the other cores meanwhile."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


class Together(LoadScopeScheduling):
    """Gives the tests of a file that runs the workflow to one process, and all others one by one."""

    def _split_scope(self, nodeid: str) -> str:
        path = Path(nodeid.partition("::")[0])
        return str(path) if path.parent.name in ("workflow", "browser") else nodeid


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Together:
    """Replace the distribution by marks, which pytest 9.2 and pytest-xdist 3.8 do not bring about together."""
    config.option.loadscopereorder = False
    return Together(config, log)
