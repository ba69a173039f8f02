"""Start a study: a folder with its plan, its choices and its workflow, from an fMRIPrep folder and six questions."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from connect import shipped
from connect.config import read
from connect.denoise.confounds import columns_of
from connect.entered import read_entered
from connect.errors import UserError
from connect.index import of_folder, summary
from connect.index.checks import length_notes, table_notes
from connect.index.draft import Meant, Origin, draft, no_sessions, relative, session_labels
from connect.index.selection import selection_of
from connect.init import files, guesses
from connect.init.questions import Questions
from connect.layout import choice, participant, scans_table
from connect.scans import Scan, write_scans
from connect.settings.atlas import Atlas
from connect.settings.cohort import Limits, Selection
from connect.settings.figure import Figure
from connect.settings.plan import Plan
from connect.settings.strategy import Strategy
from connect.tables import read_header, written


@dataclass(frozen=True)
class Answers:
    """What a study is made of.

    Attributes
    ----------
    cohort
        Name of the cohort.
    scans
        Its scans.
    origin
        Where its data are.
    selection
        Which images are scans.
    meant
        What its sessions and columns mean.
    arms
        Its arms, if it has any.
    """

    cohort: str
    scans: Sequence[Scan]
    origin: Origin
    selection: Selection
    meant: Meant
    arms: guesses.Arms | None


def init(  # noqa: PLR0913 - one parameter for each question
    folder: Path,
    /,
    fmriprep: Path | None = None,
    cohort: str = "",
    sessions: Sequence[str] = (),
    participants: str = "",
    arms: Sequence[str] = (),
    weeks: str = "",
    space: str = "",
    task: str = "",
    sessions_by: Sequence[str] = (),
    yes: bool = False,
) -> None:
    """Start a study folder that can run: plan, cohort, models, other choices, workflow, and a page on what is where.

    What no flag says is asked, at most six questions, each with a guess that Enter takes. Nobody is asked where
    standard input is no terminal.

    Parameters
    ----------
    folder
        The new folder. One that holds something is refused.
    fmriprep
        fMRIPrep folder (`--level full`), to which nothing is written.
    cohort
        Name of the cohort: letters, digits and `-`.
    sessions
        Labels of the sessions before and after the intervention.
    participants
        BIDS participants.tsv; `new` writes one that lists the participants.
    arms
        Column of the arms in the participants table, and the arm that others are compared with; `none` without arms.
    weeks
        Weeks from before to after; `dates` if `sub-*_sessions.tsv` has them; `none` if they are not known.
    space
        Space of the scans, as `connect index` takes it.
    task
        Task label, likewise.
    sessions_by
        What tells sessions apart, likewise.
    yes
        Take the guesses, and ask nothing.

    Raises
    ------
    UserError
        If the folder holds something, an answer is wrong or lacks and cannot be guessed, or scans cannot be indexed.
    """
    folder = Path(os.path.abspath(folder))  # noqa: PTH100 - a folder is named, where a link leads is not asked
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        got = (
            "a file"
            if folder.is_file()
            else f"it holds {', '.join(sorted(path.name for path in folder.iterdir())[:3])}"
        )
        raise UserError(folder, "a new folder", got, "choose another name, or move what is there")
    ask = Questions(asks=sys.stdin.isatty() and not yes)
    place = ask.answer(
        "--fmriprep", str(fmriprep or ""), "Where is the fMRIPrep folder?", guesses.guess_folder(), _folder
    )
    selection, _ = selection_of(folder / "none", space, task, sessions_by)
    scans, origin, notes = of_folder(place, selection)
    sys.stdout.write(f"{summary(scans, notes)}\n")
    if not session_labels(scans):
        _, _, todo = no_sessions(scans).rpartition("; ")
        raise UserError(place, "scans before and after, told apart by a session", "no scan with a session", todo)
    name = ask.answer("--cohort", cohort, "What shall the cohort be called?", guesses.guess_name(place), _name)
    answers = _ask(ask, name, scans, origin, selection, (sessions, participants, arms, weeks), folder)
    with written(folder) as aside:
        told = write_study(aside, folder, answers)
    sys.stdout.write("".join(f"- {line}\n" for line in told))
    sys.stdout.write(f"wrote {folder}\nnext: cd {_near(folder)}; connect doctor; snakemake\n")


def write_study(aside: Path, folder: Path, answers: Answers) -> list[str]:
    """Write everything of a study folder; return what the user should know.

    Parameters
    ----------
    aside
        Where it is written.
    folder
        Where it will be, to which paths are relative.
    answers
        What the study is made of.
    """
    config = aside / "config"
    cohort, models = answers.cohort, files.models_of(answers.arms)
    (config / "cohorts").mkdir(parents=True)
    (config / "models").mkdir()
    origin = answers.origin
    if origin.participants is None:
        people = sorted({scan.participant_id for scan in answers.scans})
        (aside / "participants.tsv").write_text("\n".join(["participant_id", *people, ""]), encoding="utf-8")
        origin = replace(origin, participants=folder / "participants.tsv")
    sheet = folder / choice("cohorts", cohort)
    labels = session_labels(answers.scans)
    text = draft(sheet, replace(origin, title=origin.title or cohort), labels, answers.selection, answers.meant)
    (aside / choice("cohorts", cohort)).write_text(text, encoding="utf-8")
    write_scans(aside / scans_table(cohort), answers.scans)
    for name, model in models.items():
        (aside / choice("models", name)).write_text(files.model_text(model), encoding="utf-8")
    named, told = copy_choices(config, answers.scans, origin.derivatives)
    (config / "config.yaml").write_text(files.plan_text(cohort, list(models), named), encoding="utf-8")
    shutil.copytree(shipped.PROFILES / "default", aside / "profiles" / "default")
    (aside / "Snakefile").write_text(files.SNAKEFILE, encoding="utf-8")
    (aside / ".gitignore").write_text("".join(f"{name}\n" for name in files.IGNORED), encoding="utf-8")
    about = {"title": origin.title or cohort, "cohort": cohort, "fmriprep": relative(origin.derivatives, folder)}
    told += notes_of(answers, sheet)
    page = files.README.format(**about, models=", ".join(f"`{name}`" for name in models))
    (aside / "README.md").write_text(page, encoding="utf-8")
    return told


def notes_of(answers: Answers, sheet: Path) -> list[str]:
    """Return what the user should know of the scans and the participants table; ``sheet`` is the cohort file."""
    unused = [label for label in session_labels(answers.scans) if label not in answers.meant.phases]
    told = [f"sessions that are not compared: {', '.join(unused)}; {sheet} can give them a meaning"] if unused else []
    told += length_notes(answers.scans, Limits(), sheet)
    table = answers.origin.participants
    if table is None:
        return told
    text = table.read_text(encoding="utf-8-sig", errors="replace")
    return told + table_notes(table, text, {scan.participant_id for scan in answers.scans})


def copy_choices(config: Path, scans: Sequence[Scan], derivatives: Path) -> tuple[dict[str, list[str]], list[str]]:
    """Copy the choices of the plan that comes with the package, with their tables, as far as the scans allow.

    Parameters
    ----------
    config
        Folder of the choices of the study.
    scans
        Scans, whose confounds decide which strategies can be used.
    derivatives
        fMRIPrep folder.

    Returns
    -------
    named : dict
        Names of the choices by the key of the plan.
    told : list of str
        What was left out, and why.
    """
    plan = read(Plan, shipped.CONFIG / "config.yaml")
    for name in plan.atlas_names:
        atlas = read(Atlas, choice("atlases", name, shipped.CONFIG))
        atlas.check_space(f"atlas {name}", {scan.space for scan in scans}, derivatives)
    strategies, told = usable(plan.strategies, scans, derivatives)
    figures = [name for name in plan.figures if _is_general(read(Figure, choice("figures", name, shipped.CONFIG)))]
    named = {
        "atlases": list(plan.atlases),
        "strategies": strategies,
        "measures": list(plan.measures),
        "figures": figures,
    }
    wanted = {**named, "atlases": list(plan.atlas_names), "domains": list(plan.atlas_names)}
    wanted["calibrations"] = [path.stem for path in (shipped.CONFIG / "calibrations").glob("*.yaml")]
    for kind, names in wanted.items():
        (config / kind).mkdir(exist_ok=True)
        for name in names:
            for path in sorted((shipped.CONFIG / kind).glob(f"{name}.*")):
                shutil.copyfile(path, config / kind / path.name)
    return named, told


def usable(names: Sequence[str], scans: Sequence[Scan], derivatives: Path) -> tuple[list[str], list[str]]:
    """Return the strategies for which all scans have confounds, and why others are left out.

    Raises
    ------
    UserError
        If there is none.
    """
    found, told, last = [], [], UserError("strategies", "one strategy", "none", "copy one")
    tables = {path: read_header(path) for path in dict.fromkeys(derivatives / scan.confounds for scan in scans)}
    for name in names:
        strategy = read(Strategy, choice("strategies", name, shipped.CONFIG))
        try:
            for path, columns in tables.items():
                columns_of(path, columns, strategy)
        except UserError as error:
            told.append(f"strategy {name} is left out: {error.where} has {error.got}")
            last = error
        else:
            found.append(name)
    if not found:
        raise last
    return found, told


def _ask(
    ask: Questions,
    cohort: str,
    scans: Sequence[Scan],
    origin: Origin,
    selection: Selection,
    given: tuple[Sequence[str], str, Sequence[str], str],
    folder: Path,
) -> Answers:
    """Ask what sessions, participants, arms and times are; ``given`` is what the flags say of them."""
    labels, people = session_labels(scans), sorted({scan.participant_id for scan in scans})
    pre, post = ask.answer(
        "--sessions",
        " ".join(given[0]),
        f"Which sessions are before and after the intervention? There are: {', '.join(labels)}",
        guesses.guess_sessions(labels),
        lambda words: guesses.sessions_of(words, labels),
    )
    table = ask.answer(
        "--participants",
        given[1],
        f"Where is the participants table? `{guesses.NEW}` writes one that lists the {len(people)} participants",
        str(origin.participants or guesses.NEW),
        lambda words: _participants(words, people),
    )
    path, own = table
    columns = guesses.levels(own, people)
    shown = "".join(f"\n   {name}: {', '.join(own)}" for name, own in columns.items())
    arms = ask.answer(
        "--arms",
        " ".join(given[2]),
        "Which column holds the arms, and which arm are others compared with? "
        f"`{guesses.NONE}` without arms; columns with groups:{shown or ' none'}",
        guesses.guess_arms(columns),
        lambda words: guesses.arms_of(words, columns, own),
    )
    weeks = ask.answer(
        "--weeks",
        given[3],
        "How many weeks lie between before and after? `dates`: as sub-*_sessions.tsv says; "
        f"`{guesses.NONE}`: not known, or not needed",
        guesses.guess_weeks(path or folder / "participants.tsv", people),
        guesses.weeks_of,
    )
    new = {files.column_of(arms): arms.column} if arms and files.column_of(arms) != arms.column else {}
    number = weeks if isinstance(weeks, float) else None
    meant = Meant({pre: "pre", post: "post"}, number, weeks == "dates", new)
    return Answers(cohort, scans, replace(origin, participants=path), selection, meant, arms)


def _folder(words: str) -> Path:
    place = Path(words).expanduser()
    if not place.is_dir():
        raise UserError("flag --fmriprep", "an fMRIPrep folder", f"no folder {words or 'named'}", "correct the path")
    return place


def _name(words: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9-]+", words):
        raise UserError("flag --cohort", "a name of letters, digits and `-`", words, "choose such a name")
    return words


def _participants(words: str, people: Sequence[str]) -> tuple[Path | None, pd.DataFrame]:
    """Return the participants table and its path, or one that is to be written."""
    if words == guesses.NEW:
        return None, pd.DataFrame({"participant_id": people})
    path = Path(words).expanduser()
    if not path.is_file():
        todo = f"correct the path, or answer `{guesses.NEW}`"
        raise UserError("flag --participants", "a participants table", f"no file {words}", todo)
    table, _ = read_entered(path)
    if not set(table["participant_id"].map(participant)) & set(people):
        got = f"rows for {', '.join(table['participant_id'].head(3))}; scans of {', '.join(people[:3])}"
        raise UserError("flag --participants", "rows for participants with scans", got, "name the right table")
    return path, table


def _is_general(figure: Figure) -> bool:
    """Whether a figure can be drawn of any cohort and model, without a calibration or a phenotype."""
    return figure.kind != "calibration" and figure.about != "relation" and not (figure.model or figure.panels)


def _near(folder: Path) -> str:
    """Return a folder as somebody would name it from here."""
    near = os.path.relpath(folder)
    return str(folder) if near.startswith("../..") else near
