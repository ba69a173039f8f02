"""The container files install this project with its pins; no container is built here."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import yaml

BASE = {"Dockerfile": r"^FROM (\S+)$", "container.def": r"^From: (\S+)$"}


def copied(root: Path, name: str) -> dict[str, str]:
    """Return what a container file copies, and where it stands then.

    A line of Apptainer is one file or folder and its new path; one of Docker may be several files and a folder.
    """
    text = (root / name).read_text()
    if name == "container.def":
        lines = re.findall(r"^    (.+)$", text.split("%files\n")[1].split("%post")[0], re.MULTILINE)
        return dict(line.split(maxsplit=1) for line in lines)
    lines = [line.split() for line in re.findall(r"^COPY (.+)$", text, re.MULTILINE)]
    return {
        source: f"{target}{source}" if target.endswith("/") else target
        for *sources, target in lines
        for source in sources
    }


def installed(root: Path, name: str) -> str:
    return re.findall(r"pip install .+$", (root / name).read_text(), re.MULTILINE)[0]


@pytest.mark.parametrize("name", BASE)
def test_what_is_copied_is_there_and_all_that_the_package_is_made_of(root: Path, name: str) -> None:
    sources = set(copied(root, name))
    assert all((root / source).exists() for source in sources)
    project = tomllib.loads((root / "pyproject.toml").read_text())
    needed = {project["project"]["readme"], *project["project"]["license-files"]}
    needed |= set(project["tool"]["setuptools"]["packages"]["find"]["where"])
    links = [path for path in (root / "src" / "connect" / "shipped").iterdir() if path.is_symlink()]
    assert len(links) == 3
    needed |= {path.resolve().relative_to(root.resolve()).as_posix() for path in links}
    assert sources == needed | {"pyproject.toml", "constraints.txt"}


@pytest.mark.parametrize("name", BASE)
def test_python_is_the_one_that_is_tested(root: Path, name: str) -> None:
    version = re.findall(BASE[name], (root / name).read_text(), re.MULTILINE)[0]
    required = tomllib.loads((root / "pyproject.toml").read_text())["project"]["requires-python"]
    conda = yaml.safe_load((root / "environment.yml").read_text())["dependencies"]
    assert version == f"python:{required.removeprefix('>=')}-slim"
    assert f"python={required.removeprefix('>=')}" in conda


def test_both_install_the_same_with_the_pins(root: Path) -> None:
    files = copied(root, "Dockerfile")
    assert files == copied(root, "container.def")
    assert installed(root, "Dockerfile") == installed(root, "container.def")
    *_, option, constraints, project = installed(root, "Dockerfile").split()
    assert (option, constraints) == ("--constraint", files["constraints.txt"])
    assert files["pyproject.toml"] == f"{project}/pyproject.toml"
    assert files["src"] == f"{project}/src"


def test_docker_is_given_what_it_copies_and_no_data(root: Path) -> None:
    first, *lines = (root / ".dockerignore").read_text().splitlines()
    assert first == "*"
    assert {line[1:] for line in lines if line.startswith("!")} == set(copied(root, "Dockerfile"))


def test_the_workflow_names_the_image_that_is_built(root: Path) -> None:
    image = re.findall(r'^container: "(.+)"$', (root / "workflow" / "Snakefile").read_text(), re.MULTILINE)
    assert f"apptainer build {image[0]} container.def" in (root / "container.def").read_text()
    assert image[0] in (root / ".gitignore").read_text().splitlines()
