"""Calibrate the tests of every model of a plan: how often does each find something where nothing is.

The command runs the workflow as far as it is needed, and its stage `challenge` for every model, and prints which tests
can be trusted in these cohorts.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from connect.config import read
from connect.errors import UserError
from connect.settings.plan import Plan

TARGET = "calibrations"
"""Rule that asks for every model."""


def calibrate(config: Path, /, cores: int = 0, calibration: str = "") -> None:
    """Try the tests of every model of a plan on data without an effect, and say which can be trusted.

    Parameters
    ----------
    config
        The plan (YAML), such as config/config.yaml.
    cores
        Cores; all there are without it.
    calibration
        Calibration in place of the plan's, such as standard.

    Raises
    ------
    UserError
        If the plan is wrong, the folder holds no workflow, or the workflow fails.
    """
    plan = read(Plan, config)
    if not any(Path(name).is_file() for name in ("Snakefile", "workflow/Snakefile")):
        todo = "change to the folder of the study, which holds Snakefile and config"
        raise UserError(Path.cwd(), "a folder with a Snakefile", "none", todo)
    name = calibration or plan.calibration or "standard"
    command = [
        sys.executable,
        "-m",
        "snakemake",
        TARGET,
        "--configfile",
        str(config),
        "--replace-workflow-config",
        "--quiet",
        "rules",
        "host",
    ]
    command += ["--config", f"calibration={name}", "--cores", str(cores or os.cpu_count() or 1)]
    if subprocess.run(command, check=False).returncode:
        got = "it stopped; the messages above say where"
        raise UserError(config, "a workflow that runs", got, "mend what they say and run the command again")
