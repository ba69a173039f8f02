"""A study of any number of scans whose images are empty files: enough to plan its jobs, not to run them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ATLAS, ATLASES, STRATEGIES = "seitzman2018", ("one", "two", "three"), ("36p", "acompcor", "none", "scrubbing-gsr")
MEASURES, MODELS = ("correlation", "partial-correlation"), ("training-by-time",)
FIGURES = ("slopegraph", "change-matrix", "motion", "denoising")
SPACE, N_VOLUMES, TR = "MNI152NLin2009cAsym", 200, 2.0
COLUMNS = ["participant_id", "session_id", "task", "acq", "run", "space", "res", "tr", "scanner", "n_volumes", "bold"]
COLUMNS += ["mask", "confounds"]
SUFFIXES = ("desc-preproc_bold.nii.gz", "desc-brain_mask.nii.gz", "desc-confounds_timeseries.tsv")


def make(folder: Path, n_scans: int, passes: Sequence[str] = ("one+two+three",), **changes: str) -> None:
    """Write a study with two scans per participant, three atlases, four strategies and two measures.

    Parameters
    ----------
    folder
        Where `config/` and `data/` come to lie.
    n_scans
        Number of scans.
    passes
        Entries of `atlases` in the plan.
    changes
        Other lines of the plan: key and YAML.
    """
    shutil.copytree(ROOT / "config", folder / "config")
    for name in ATLASES:
        for kind, suffix in (("atlases", ".yaml"), ("domains", ".yaml")):
            path = folder / "config" / kind
            shutil.copy(path / f"{ATLAS}{suffix}", path / f"{name}{suffix}")
    people = [f"sub-{number:05}" for number in range(1, n_scans // 2 + 1)]
    scans = [row(participant, session) for participant in people for session in ("post", "pre")]
    for name in {folder / "data" / Path(scan[-1]).parent for scan in scans}:
        name.mkdir(parents=True)
    for scan in scans:
        for path in scan[-len(SUFFIXES) :]:
            os.close(os.open(folder / "data" / path, os.O_CREAT))
    write(folder / "config" / "cohorts" / "large.scans.tsv", [COLUMNS, *scans])
    rows = [[participant, ("training", "waiting")[n % 2], "40"] for n, participant in enumerate(people)]
    write(folder / "data" / "participants.tsv", [["participant_id", "group", "age"], *rows])
    (folder / "config" / "cohorts" / "large.yaml").write_text(
        "title: large\nderivatives: ../../data\nparticipants: ../../data/participants.tsv\n"
        "sessions:\n  pre: {phase: pre, weeks: 0}\n  post: {phase: post, weeks: 8}\n",
        encoding="utf-8",
    )
    plan = {"cohorts": f"{{large: {flow(MODELS)}}}", "atlases": flow(passes), "strategies": flow(STRATEGIES)}
    plan |= {"measures": flow(MEASURES), "figures": flow(FIGURES), **changes}
    text = "".join(f"{key}: {value}\n" for key, value in plan.items())
    (folder / "config" / "config.yaml").write_text(text, encoding="utf-8")


def row(participant: str, session: str) -> list[str]:
    """Return the row of a scan in the scans table."""
    folder, name = f"{participant}/ses-{session}/func", f"{participant}_ses-{session}_task-rest"
    files = [f"{folder}/{name}_space-{SPACE}_{suffix}" for suffix in SUFFIXES[:2]]
    timing = [f"{TR}", "n/a", f"{N_VOLUMES}"]
    return [participant, f"ses-{session}", "rest", "n/a", "n/a", SPACE, "n/a", *timing, *files,
            f"{folder}/{name}_{SUFFIXES[2]}"]  # fmt: skip


def write(path: Path, rows: Sequence[Sequence[str]]) -> None:
    """Write a table."""
    path.write_text("".join("\t".join(cells) + "\n" for cells in rows), encoding="utf-8")


def flow(names: Sequence[str]) -> str:
    """Return a YAML list."""
    return f"[{', '.join(names)}]"
