"""Check an installation, a plan and its cohorts before anything runs, and say what to fix."""

from __future__ import annotations

import sys
from pathlib import Path

from connect.doctor.cohort import check_cohort
from connect.doctor.configuration import check_configuration
from connect.doctor.findings import Findings, Level
from connect.doctor.installation import check_installation
from connect.doctor.models import check_models
from connect.errors import UserError

LEVELS: tuple[Level, ...] = ("ok", "warning", "to fix")


def doctor(config: Path = Path("config/config.yaml"), cohort: str = "") -> None:
    """Check the installation, the plan, and the files, tables and models of its cohorts, without running anything.

    Of images only the headers are read. Each check is a line: `ok`; `warning`, where something runs but may not be
    meant; or `to fix`, where something will not run.

    Parameters
    ----------
    config
        The plan (YAML), in the folder of the study.
    cohort
        The only cohort to check; all of the plan without it.

    Raises
    ------
    UserError
        If there is something to fix.
    """
    parts = [Findings("installation")]
    check_installation(parts[0], Path.cwd())
    tell(parts[-1])
    parts.append(Findings("configuration"))
    choices = check_configuration(parts[-1], config)
    tell(parts[-1])
    if choices and cohort and cohort not in choices.plan.cohorts:
        known = ", ".join(choices.plan.cohorts)
        raise UserError("flag --cohort", f"a cohort of {config} ({known})", cohort, "name one of them")
    for name in choices.cohorts if choices else ():
        if choices and cohort in ("", name):
            parts.append(Findings(f"cohort {name}"))
            moved = check_cohort(parts[-1], name, choices)
            check_models(parts[-1], name, choices, moved)
            tell(parts[-1])
    levels = [one.level for part in parts for one in part.found]
    counts: dict[Level, int] = {level: levels.count(level) for level in LEVELS}
    sys.stdout.write(f"\n{counts['ok']} ok, {counts['warning']} to look at, {counts['to fix']} to fix\n")
    if counts["to fix"]:
        got = f"{counts['to fix']} to fix"
        raise UserError(config, "a study that can run", got, "do what the lines above say, and run the command again")


def tell(part: Findings) -> None:
    """Print the checks of a part, those that are ok first."""
    sys.stdout.write(f"\n{part.part}\n")
    for one in sorted(part.found, key=lambda one: LEVELS.index(one.level)):
        sys.stdout.write("".join(f"  {line}\n" for line in str(one).splitlines()))
    sys.stdout.flush()
