"""The shape of the project: one word names a stage everywhere, and what must start fast imports nothing heavy."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from connect import COMMANDS, STAGES

RULES = ("workflow", "rules")
NO_STAGE = ("preprocess",)
"""Rules that run the program of others."""
OF_COMMANDS = ("phenotypes",)
"""Rules of commands that are no stage."""
FAST = (
    "connect.config",
    "connect.digest",
    "connect.errors",
    "connect.files",
    "connect.layout",
    "connect.scans",
    "connect.shown",
    "connect.settings.phenotype",
    "connect.settings.plan",
)


def _rule_file(root: Path, stage: str) -> str:
    return root.joinpath(*RULES, f"{stage}.smk").read_text()


def _function(stage: str):
    return getattr(importlib.import_module(f"connect.{stage}"), stage)


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_has_its_module_rule_tests_and_page(root: Path, stage: str) -> None:
    assert callable(_function(stage))
    assert re.search(rf"^rule {stage}:$", _rule_file(root, stage), re.MULTILINE)
    assert f'"logs/{stage}/' in _rule_file(root, stage)
    assert (root / "tests" / "stages" / f"test_{stage}.py").is_file()
    assert (root / "docs" / "stages" / f"{stage}.md").is_file()


@pytest.mark.parametrize("folder", [("workflow", "rules"), ("docs", "stages"), ("tests", "stages")])
def test_there_is_nothing_that_belongs_to_no_stage(root: Path, folder: tuple[str, ...]) -> None:
    names = {path.stem.removeprefix("test_") for path in root.joinpath(*folder).iterdir() if path.is_file()}
    assert names - {"common", "__init__", *NO_STAGE, *COMMANDS} == set(STAGES)


@pytest.mark.parametrize("stage", [*OF_COMMANDS, *STAGES])
def test_a_rule_file_says_purpose_in_and_out(root: Path, stage: str) -> None:
    head = _rule_file(root, stage).splitlines()[:3]
    assert [line.split()[1] for line in head] == ["Purpose:", "In:", "Out:"]


def test_the_snakefile_includes_the_stages_in_order(root: Path) -> None:
    included = re.findall(r'include: "rules/(\w+)\.smk"', (root / "workflow" / "Snakefile").read_text())
    assert [name for name in included if name not in OF_COMMANDS] == ["common", *NO_STAGE, *STAGES]
    assert set(OF_COMMANDS) < set(included[: included.index("compare")])


@pytest.mark.parametrize("stage", [*OF_COMMANDS, *STAGES])
def test_names_of_a_rule_are_the_flags_and_the_parameters(root: Path, stage: str) -> None:
    """Every flag takes the input, output or parameter of the same name, or the threads; every parameter has a flag."""
    shell = "".join(re.findall(r'^ {8}"(.*)"$', _rule_file(root, stage).split("shell:")[1], re.MULTILINE))
    flags = re.findall(r"--([\w-]+) (?:\{(?:(?:input|output|params)\.)?(\w+)(?::q)?\}|\w+)", shell)
    for flag, placeholder in flags:
        assert placeholder in ("", flag.replace("-", "_"))
    parameters = inspect.signature(_function(stage)).parameters
    assert {flag.replace("-", "_") for flag, _ in flags} == set(parameters)


def test_rule_files_import_only_what_starts_fast(root: Path) -> None:
    for path in (root / "Snakefile", root / "workflow" / "Snakefile", *root.joinpath(*RULES).glob("*.smk")):
        modules = re.findall(r"^(?:from|import) ([\w.]+)", path.read_text(), re.MULTILINE)
        ours = {module for module in modules if module.startswith("connect")}
        assert {module for module in ours if not module.startswith("connect.settings.")} <= set(FAST)
        assert {module.split(".")[0] for module in modules} - {"connect"} <= sys.stdlib_module_names


@pytest.mark.parametrize(
    ("modules", "heavy"),
    [
        (FAST, ("numpy", "pandas", "nibabel", "nilearn", "pint")),
        (("connect.cli",), ("numpy", "pandas", "nibabel", "nilearn")),
        (("connect.parcellate",), ("pandas", "scipy.ndimage", "nilearn", "sklearn", "matplotlib")),
        (("connect.index",), ("pandas", "scipy.ndimage", "nilearn", "sklearn", "matplotlib")),
    ],
)
def test_what_must_start_fast_imports_nothing_heavy(modules: tuple[str, ...], heavy: tuple[str, ...]) -> None:
    code = f"import sys, {', '.join(modules)}; print(*[name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_commands_have_a_function_of_their_name() -> None:
    for name in COMMANDS:
        assert callable(_function(name))


def test_the_core_touches_no_file(root: Path) -> None:
    """Only the function that is named like its module takes paths; what lies beside it takes arrays and settings."""
    for stage in STAGES:
        tree = ast.parse(inspect.getsource(importlib.import_module(f"connect.{stage}")))
        for node in tree.body:
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_") and node.name != stage:
                hints = [ast.unparse(argument.annotation) for argument in node.args.args if argument.annotation]
                assert not any("Path" in hint for hint in hints), f"{stage}.{node.name}"


def test_conda_environment_has_the_pins_of_pyproject(root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    conda = yaml.safe_load((root / "environment.yml").read_text())["dependencies"]
    renamed = {"matplotlib-base": "matplotlib", "python-isal": "isal", "snakemake-minimal": "snakemake"}
    pins = dict(line.split("=") for line in conda)
    assert project["requires-python"] == f">={pins.pop('python')}"
    assert {renamed.get(name, name): pin for name, pin in pins.items()} == dict(
        line.split("==") for line in project["dependencies"]
    )


def test_constraints_hold_the_pins_of_pyproject(root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    constraints = set((root / "constraints.txt").read_text().lower().splitlines())
    for pin in sum(project["optional-dependencies"].values(), project["dependencies"]):
        assert pin in constraints
