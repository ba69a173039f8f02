"""Whether the program is installed as it should be."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import re
import shutil
import sys
from pathlib import Path

from connect.doctor.findings import Findings
from connect.errors import UserError

PACKAGE = "connect"
NEWEST = (3, 14)
"""The first version of Python for which some of the pinned packages are not made."""

SPACE = 5e9
"""Bytes that a run of a few dozen scans writes at the most, images not counted."""

SHARED = 64 * 2**20
"""Bytes of shared memory that containers are given by default, which is little."""

EXECUTORS = {
    "snakemake-executor-plugin-slurm": "profiles/slurm",
    "snakemake-executor-plugin-cluster-generic": "profiles/cluster-generic",
}
"""Packages that only a cluster needs: the profile that does."""


def check_installation(found: Findings, folder: Path) -> None:
    """Check Python, packages, linear algebra, disk and memory, Snakemake and fonts; ``folder`` is that of the study."""
    check_python(found)
    check_packages(found)
    check_byte_code(found)
    check_threads(found)
    check_snakemake(found)
    check_disk(found, folder)
    check_shared_memory(found, Path("/dev/shm"))
    check_fonts(found)


def check_python(found: Findings) -> None:
    """Check the version of Python."""
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] >= NEWEST:
        must = f"Python 3.11 to 3.{NEWEST[1] - 1}, for which the pinned packages are made"
        found.warn("Python", UserError(sys.executable, must, version, "make the environment with one of these"))
    else:
        found.ok(f"Python {version}")


def check_packages(found: Findings) -> None:
    """Check that the packages that are installed are those that the project pins."""
    try:
        pins = [pin for line in importlib.metadata.requires(PACKAGE) or () if (pin := _pin(line))]
    except importlib.metadata.PackageNotFoundError:
        todo = "run `pip install --constraint constraints.txt -e .` in the checkout"
        found.warn("packages", UserError(sys.prefix, f"{PACKAGE} as an installed package", "none", todo))
        return
    wrong = [
        f"{name} {own or 'missing'} (pinned: {version})" for name, version in pins if (own := _own(name)) != version
    ]
    if wrong:
        must, todo = "the versions that the project was tested with", "install it again with the file of constraints"
        found.fix("packages", UserError(sys.prefix, must, ", ".join(wrong), todo))
    else:
        found.ok(f"packages: {len(pins)} in the versions that are pinned")
    executors = [name for name in EXECUTORS if _own(name)]
    lacking = [f"{EXECUTORS[name]} needs {name}" for name in EXECUTORS if name not in executors]
    told = f" ({', '.join(lacking)})" if lacking else ""
    found.ok(f"for clusters: {', '.join(executors) or 'no executor'}{told}")


def check_byte_code(found: Findings) -> None:
    """Check that packages are compiled, without which every job starts some three times as slowly."""
    spec = importlib.util.find_spec("pandas")
    if spec and spec.cached and Path(spec.cached).is_file():
        found.ok("packages are byte-compiled")
        return
    unset = "unset PYTHONDONTWRITEBYTECODE and " if os.environ.get("PYTHONDONTWRITEBYTECODE") else ""
    todo = f"{unset}run `python -m compileall -q {sys.prefix}`"
    must = "packages that are byte-compiled, so that a job starts in a third of the time"
    found.warn("byte code", UserError(sys.prefix, must, "packages that are compiled at every start", todo))


def check_threads(found: Findings) -> None:
    """Check that linear algebra takes one thread, so that results do not depend on the number of cores."""
    import numpy as np  # noqa: F401 - loads the library that is asked about
    from threadpoolctl import threadpool_info

    many = [f"{one['internal_api']}: {one['num_threads']}" for one in threadpool_info() if one["num_threads"] > 1]
    if many:
        must = "one thread of linear algebra, on whose number the last digits of results depend"
        todo = "set OMP_NUM_THREADS=1, OPENBLAS_NUM_THREADS=1 and MKL_NUM_THREADS=1"
        found.warn("linear algebra", UserError("environment", must, ", ".join(many), todo))
    else:
        found.ok("linear algebra: one thread")


def check_snakemake(found: Findings) -> None:
    """Check that the shell finds Snakemake and this program, those of this environment."""
    for name in ("snakemake", PACKAGE):
        path = shutil.which(name)
        must = f"`{name}` in the folder of the Python that runs, {Path(sys.executable).parent}"
        if path is None:
            todo = "activate the environment, such as with `source .venv/bin/activate`"
            found.fix(name, UserError("PATH", must, "no such command", todo))
        elif Path(path).parent.resolve() != Path(sys.executable).parent.resolve():
            found.warn(name, UserError("PATH", must, path, "activate the environment before you run the workflow"))
        else:
            found.ok(f"{name}: {path}")


def check_disk(found: Findings, folder: Path) -> None:
    """Check that there is room for results."""
    free = shutil.disk_usage(folder).free
    if free < SPACE:
        must = f"some {SPACE / 1e9:.0f} GB for the results of a few dozen scans"
        todo = "make room, or move the study to another disk"
        found.warn("disk", UserError(folder.absolute(), must, f"{free / 1e9:.1f} GB", todo))
    else:
        found.ok(f"disk: {free / 1e9:.0f} GB free")


def check_shared_memory(found: Findings, folder: Path) -> None:
    """Check that processes can share memory, which `challenge` needs to use several cores."""
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        got, todo = "none that can be written", "mount it, or run calibrations with `--cores 1`"
    elif (size := shutil.disk_usage(folder).total) < SHARED:
        got, todo = f"{size / 2**20:.0f} MB", "give the container more, such as with `--shm-size=1g`"
    else:
        found.ok(f"shared memory: {size / 2**30:.1f} GB")
        return
    must = f"shared memory of at least {SHARED / 2**20:.0f} MB, with which a calibration uses several cores"
    found.warn("shared memory", UserError(folder, must, got, todo))


def check_fonts(found: Findings) -> None:
    """Check that the font of figures is there; with another one, figures differ from machine to machine."""
    from matplotlib import font_manager

    from connect.figures import STYLE

    for name in STYLE["font.sans-serif"]:
        try:
            font_manager.findfont(name, fallback_to_default=False)
        except ValueError:
            todo = "install matplotlib again, which brings it along"
            found.warn("fonts", UserError("fonts of matplotlib", f"the font {name} of figures", "no such font", todo))
        else:
            found.ok(f"font of figures: {name}")


def _pin(line: str) -> tuple[str, str] | None:
    """Return name and version of a requirement that every installation has."""
    match = re.fullmatch(r"([\w.-]+)==([\w.+]+)", line)
    return (match[1], match[2]) if match else None


def _own(name: str) -> str:
    """Return the version of a package that is installed, or nothing."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""
