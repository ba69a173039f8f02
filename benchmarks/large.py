"""A study of any number of scans: the images are empty files, enough to plan its jobs, until it is given real ones."""

from __future__ import annotations

import csv
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SAMPLE = ROOT / "data_sample"
ATLAS, ATLASES, STRATEGIES = (
    "seitzman2018",
    ("one", "two", "three", "few"),
    ("36p", "acompcor", "none", "scrubbing-gsr"),
)
MEASURES, MODELS = ("correlation", "partial-correlation"), ("training-by-time",)
FIGURES = ("slopegraph", "change-matrix", "motion", "denoising")
SPACE, N_VOLUMES, TR = "MNI152NLin2009cAsym", 144, 2.5
COLUMNS = ["participant_id", "session_id", "task", "acq", "run", "space", "res", "tr", "scanner", "n_volumes", "bold"]
COLUMNS += ["mask", "confounds"]
SUFFIXES = ("desc-preproc_bold.nii.gz", "desc-brain_mask.nii.gz", "desc-confounds_timeseries.tsv")
DISTINCT = 20
"""Scans with series of their own; the others are links to them."""


def make(folder: Path, n_scans: int, passes: Sequence[str] = ("one+two+three",), *, fetched: bool = False) -> None:
    """Write a study with two scans per participant, four strategies and two measures.

    Parameters
    ----------
    folder
        Where `config/` and `data/` come to lie.
    n_scans
        Number of scans.
    passes
        Entries of `atlases` in the plan, made of the names in :data:`ATLASES`.
    fetched
        Whether the scans are in a bucket, and nothing is on disk.
    """
    shutil.copytree(ROOT / "config", folder / "config")
    for name in ATLASES:
        for kind in ("atlases", "domains"):
            path = folder / "config" / kind
            shutil.copy(path / f"{ATLAS}.yaml", path / f"{name}.yaml")
    people = [f"sub-{number:05}" for number in range(1, n_scans // 2 + 1)]
    scans = [row(participant, session, fetched) for participant in people for session in ("post", "pre")]
    home = folder / "data" / "large" if fetched else folder / "data"
    home.mkdir(parents=True)
    if fetched:
        pin(folder / "config" / "cohorts" / "large.files.tsv", scans)
    else:
        touch(home, scans)
    write(folder / "config" / "cohorts" / "large.scans.tsv", [COLUMNS, *scans])
    rows = [[participant, ("training", "waiting")[n % 2], "40"] for n, participant in enumerate(people)]
    write(home / "participants.tsv", [["participant_id", "group", "age"], *rows])
    (folder / "config" / "cohorts" / "large.yaml").write_text(
        f"title: large\nderivatives: ../../{home.relative_to(folder)}\n"
        f"participants: ../../{home.relative_to(folder)}/participants.tsv\n"
        "sessions:\n  pre: {phase: pre, weeks: 0}\n  post: {phase: post, weeks: 8}\n",
        encoding="utf-8",
    )
    plan = {"cohorts": f"{{large: {flow(MODELS)}}}", "atlases": flow(passes), "strategies": flow(STRATEGIES)}
    plan |= {"measures": flow(MEASURES), "figures": flow(FIGURES)}
    text = "".join(f"{key}: {value}\n" for key, value in plan.items())
    (folder / "config" / "config.yaml").write_text(text, encoding="utf-8")


def use_sample(folder: Path) -> list[str]:
    """Put links to the sample's scans into a study; return the files of each scan, joined by commas."""
    return [",".join(link(folder, scan)) for scan in table(folder, "large")]


def fill(folder: Path, n_parcels: int) -> dict[str, dict[str, str]]:
    """Make up the raw series of a study, as parcellate would write them, and return the flags of stages after it."""
    import numpy as np

    from connect.layout import coverage_name, qc_name, series_name
    from connect.tables import write_matrix, write_record

    few = folder / "config" / "atlases" / "few.tsv"
    lines = (folder / "config" / "atlases" / f"{ATLAS}.tsv").read_text(encoding="utf-8").splitlines(keepends=True)
    chosen = [lines[1 + place * (len(lines) - 1) // n_parcels] for place in range(n_parcels)]
    few.write_text("".join([lines[0], *chosen]), encoding="utf-8")
    few.with_suffix(".yaml").write_text("title: few\nkind: spheres\nparcels: few.tsv\nspaces: [any]\n")
    domains = "emotion: {networks: [Salience, Reward]}\ncognition: {networks: [FrontoParietal]}\n"
    (folder / "config" / "domains" / "few.yaml").write_text(domains, encoding="utf-8")
    names = [line.split("\t")[1] for line in few.read_text(encoding="utf-8").splitlines()[1:]]
    rng, scans, first = np.random.default_rng(1), table(folder, "large"), list[dict[str, Path]]()
    raw = folder / "results" / "raw"
    motion = {"mean_fd": 0.1, "max_fd": 1.0, "fd_above_02": 0.1, "fd_above_05": 0.0}
    quality = {
        "n_volumes": N_VOLUMES,
        **motion,
        "mean_dvars": 20.0,
        "max_std_dvars": 2.0,
        "tsnr": 60.0,
        "unusable": None,
    }
    for number, scan in enumerate(scans):
        name = Path(scan["bold"]).name.removesuffix(f"_{SUFFIXES[0]}")
        link(folder, scan, number)
        own = {part: raw / name / make_name(name, "few") for part, make_name in
               (("series", series_name), ("coverage", coverage_name))}  # fmt: skip
        if number < DISTINCT:
            shared = rng.standard_normal((N_VOLUMES, 1))
            values = 1000 + shared + rng.standard_normal((N_VOLUMES, n_parcels))
            write_matrix(own["series"], values.astype(np.float32), names)
            write_matrix(own["coverage"], np.ones((n_parcels, 1)), ["coverage"])
            first.append(own)
        else:
            (raw / name).mkdir()
            for part, path in own.items():
                path.hardlink_to(first[number % DISTINCT][part])
        moved = quality | {"mean_fd": float(0.05 + 0.2 * rng.random())}
        write_record(raw / name / qc_name(name), moved)
    return stages()


def stages() -> dict[str, dict[str, str]]:
    """Return the flags of the stages of a whole cohort in one universe."""
    config = {"atlas": "atlases/few", "strategy": "strategies/36p", "measure": "measures/correlation"}
    config |= {"cohort": "cohorts/large", "domains": "domains/few", "model": "models/change"}
    chosen = {name: f"config/{path}.yaml" for name, path in config.items()}
    files = ("series.npy", "volumes.tsv", "rows.tsv", "coverage.tsv", "kept.tsv", "lost.tsv", "connectomes.npy",
             "estimated.tsv", "edges.tsv", "qcfc.tsv", "summary.json", "domain_tests.tsv", "network_tests.tsv",
             "edge_tests.tsv", "components.tsv", "nulls.tsv", "values.tsv", "people.tsv", "compared.json",
             "gathered.tsv")  # fmt: skip
    made = {name.split(".")[0]: f"results/{name}" for name in files}
    scans = {"scans": "config/cohorts/large.scans.tsv", "raw": "results/raw", "derivatives": "data"}
    estimated = {"connectomes": made["connectomes"], "scans": made["estimated"], "kept": made["kept"]}
    universe = {name: chosen[name] for name in ("atlas", "strategy", "measure", "cohort")}

    def outputs(*names: str) -> dict[str, str]:
        return {name: made[name] for name in names}

    return {
        "gather": {**scans, **outputs("gathered")},
        "denoise": {**scans, "atlas": chosen["atlas"], "strategy": chosen["strategy"],
                    **outputs("series", "volumes", "rows", "coverage")},
        "screen": {"cohort": chosen["cohort"], **outputs("rows", "coverage", "kept", "lost")},
        "estimate": {"measure": chosen["measure"], "scans": made["estimated"],
                     **outputs("series", "kept", "lost", "coverage", "connectomes", "edges")},
        "assess": {**estimated, **universe, "edge_table": made["qcfc"], "summary": made["summary"]},
        "compare": {**estimated, **universe, "domains": chosen["domains"], "participants": "data/participants.tsv",
                    "model": chosen["model"], "summary": made["compared"],
                    **outputs("domain_tests", "network_tests", "edge_tests"),
                    **outputs("components", "nulls", "values", "people")},
    }  # fmt: skip


def link(folder: Path, scan: dict[str, str], number: int | None = None) -> list[str]:
    """Replace the empty files of a scan by links to one of the sample's; return their paths in the study."""
    sample = table(ROOT, "sample")
    number = int(scan["participant_id"].removeprefix("sub-")) if number is None else number
    source, paths = sample[number % len(sample)], []
    for column in ("bold", "mask", "confounds"):
        pairs = [(SAMPLE / source[column], folder / "data" / scan[column])]
        if column == "confounds":
            pairs.append((pairs[0][0].with_suffix(".json"), pairs[0][1].with_suffix(".json")))
        for target, path in pairs:
            path.unlink(missing_ok=True)
            path.symlink_to(target)
        paths.append(f"data/{scan[column]}")
    return paths


def table(folder: Path, cohort: str) -> list[dict[str, str]]:
    """Return the rows of a scans table."""
    with (folder / "config" / "cohorts" / f"{cohort}.scans.tsv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def touch(folder: Path, scans: Sequence[Sequence[str]]) -> None:
    """Make the files of scans, empty."""
    for scan in scans:
        (folder / scan[-1]).parent.mkdir(parents=True)
        for path in scan[-len(SUFFIXES) :]:
            os.close(os.open(folder / path, os.O_CREAT))


def pin(path: Path, scans: Sequence[Sequence[str]]) -> None:
    """Write the files table of scans in a bucket that nobody asks."""
    files = [(file.split("/")[0], file) for scan in scans for file in scan[-len(SUFFIXES) :]]
    files += [("n/a", f"dataset/{name}") for name in ("participants.tsv", "dataset_description.json")]
    rows = [[scan, file, f"s3://bucket/{file}", "1", "0" * 32] for scan, file in files]
    write(path, [["scan", "path", "uri", "size", "checksum"], *rows])


def row(participant: str, session: str, fetched: bool) -> list[str]:
    """Return the row of a scan in the scans table."""
    folder, name = f"{participant}/ses-{session}/func", f"{participant}_ses-{session}_task-rest"
    whole = f"{name}_space-{SPACE}"
    if fetched:
        files = [f"{whole}/{whole}_{suffix}" for suffix in SUFFIXES]
    else:
        files = [f"{folder}/{whole}_{suffix}" for suffix in SUFFIXES[:2]] + [f"{folder}/{name}_{SUFFIXES[2]}"]
    timing = [f"{TR}", "n/a", f"{N_VOLUMES}"]
    entities = [participant, f"ses-{session}", "rest", "n/a", "n/a", SPACE, "n/a"]
    return [*entities, *timing, *files]


def write(path: Path, rows: Sequence[Sequence[str]]) -> None:
    """Write a table."""
    path.write_text("".join("\t".join(cells) + "\n" for cells in rows), encoding="utf-8")


def flow(names: Sequence[str]) -> str:
    """Return a YAML list."""
    return f"[{', '.join(names)}]"
