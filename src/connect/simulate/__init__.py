"""Write a small simulated cohort with a known effect, in the shape of an fMRIPrep folder."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from pathlib import Path
from string import Template
from typing import Any

import nibabel as nib
import numpy as np

from connect.config import read
from connect.errors import UserError
from connect.layout import bids_name, choice
from connect.settings.atlas import Atlas
from connect.settings.score import Score
from connect.simulate.courses import N_VOLUMES, TR
from connect.simulate.motion import DROP, REACH, head_motion
from connect.simulate.persons import Person, meet
from connect.simulate.persons import facts as facts_of
from connect.simulate.phantom import OUTSIDE, VOXEL_SIZE, Head, affine, build_head, cut_off, measured_confounds, paint
from connect.simulate.phenotypes import phenotype_tables, sessions_table
from connect.simulate.planted import CUT_OFF, SESSIONS, Participant, facts, recruit
from connect.simulate.pulse import pulse_facts, write_pulse
from connect.simulate.signals import LEAKS, NEURAL, draw_traits, leak, neural
from connect.tables import read_table, write_matrix, write_record, written

ATLAS = "seitzman2018"
QUESTIONNAIRE = "ecr-r"
IGNORED = "phenotype/\n"
"""What the BIDS validator need not see: it takes one row for each participant in a phenotype, and numbers alone."""
SPACE = "MNI152NLin2009cAsym"
GENERATOR = "connect simulate"
RESOLUTION = f"{VOXEL_SIZE:g} mm isotropic"

# Keys of the generators beside the seed; those of a participant start with its number.
_COHORT, _GROUP, _PERSONS, _PERSON, _SCAN = (1000, 1), (1000, 2), (1000, 3), 1, 2


def simulate(folder: Path, /, seed: int = 1, choices: Path = Path("config")) -> None:
    """Write a simulated cohort: 16 participants in two arms, before and after, with a planted effect.

    The same seed gives the same files, byte for byte (images as far as zlib compresses alike). The README.md in the
    folder says what is planted.

    Parameters
    ----------
    folder
        Folder to write: a new or empty one, or one that this command wrote before.
    seed
        Seed of everything that is drawn, 0 or more.
    choices
        Folder of the choices, for its atlas seitzman2018 and its scoring key ecr-r.

    Raises
    ------
    UserError
        If the folder holds something else, the seed is negative, or the atlas or the key is missing.
    """
    _check(folder, seed)
    parcels = read_table(read(Atlas, choice("atlases", ATLAS, choices)).parcels)
    head = build_head(parcels[["x", "y", "z"]].to_numpy(), parcels["radius"].to_numpy())
    networks = parcels["network"].tolist()
    cohort = recruit(np.random.default_rng([seed, *_COHORT]))
    key = read(Score, choice("scores", QUESTIONNAIRE, choices))
    persons = meet(np.random.default_rng([seed, *_PERSONS]), cohort, key)
    _write_cohort(folder, cohort, persons, seed)
    _write_persons(folder, persons)
    write_pulse(folder, cohort, seed)
    for person in cohort:
        for session in person.sessions:
            _write_scan(folder, person, session, head, networks, seed)


def scan(
    person: Participant, session: str, head: Head, networks: Sequence[str], seed: int
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return the image ``(n_volumes, n_z, n_y, n_x)`` of a scan, and its confounds ``(n_volumes,)`` by name.

    Every scan has generators of its own, so none depends on the order in which they are drawn.
    """
    group = np.random.default_rng([seed, *_GROUP])
    traits = draw_traits(group, np.random.default_rng([seed, person.number, _PERSON]), len(networks))
    rng = np.random.default_rng([seed, person.number, _SCAN + SESSIONS.index(session)])
    motion = head_motion(rng, person.mean_fd[session])
    noise = leak(rng, motion, head.centres)
    signals = NEURAL * neural(rng, traits, networks, person.coupling[session]) + noise.parcels
    image = paint(rng, head, signals, noise.tissues)
    return image, measured_confounds(image, head, motion, noise.courses)


def _check(folder: Path, seed: int) -> None:
    if seed < 0:
        raise UserError("--seed", "0 or more", seed, "choose another seed")
    description = folder / "dataset_description.json"
    ours = description.is_file() and GENERATOR in description.read_text(encoding="utf-8")
    if folder.exists() and not ours and (not folder.is_dir() or any(folder.iterdir())):
        got = "a folder with other files" if folder.is_dir() else "a file"
        raise UserError(folder, f"a new or empty folder, or one that `{GENERATOR}` wrote", got, "choose another folder")


def _write_persons(folder: Path, persons: Sequence[Person]) -> None:
    for name, table in phenotype_tables(persons).items():
        _write_text(folder / "phenotype" / f"{name}.tsv", table.text)
        write_record(folder / "phenotype" / f"{name}.json", table.columns)
    for person in persons:
        label, table = person.scanned.label, sessions_table(person)
        _write_text(folder / label / f"{label}_sessions.tsv", table.text)
    write_record(folder / "sessions.json", sessions_table(persons[0]).columns)
    _write_text(folder / ".bidsignore", IGNORED)


def _write_cohort(folder: Path, cohort: Sequence[Participant], persons: Sequence[Person], seed: int) -> None:
    about = (
        "Simulated data in the shape of fMRIPrep 23 derivatives; no person was scanned. README.md tells what is in it."
    )
    description = {
        "Name": "Sample cohort of connect (simulated)",
        "BIDSVersion": "1.8.0",
        "DatasetType": "derivative",
        "GeneratedBy": [{"Name": GENERATOR, "Description": about}],
    }
    columns = {
        "participant_id": {"Description": "Simulated participant"},
        "group": {"Description": "Arm", "Levels": {"training": "has the planted change", "waiting": "has none"}},
        "age": {"Description": "Age, without any effect", "Units": "years"},
        "sex": {"Description": "Sex, without any effect", "Levels": {"F": "female", "M": "male"}},
    }
    rows = [tuple(columns), *((person.label, person.arm, person.age, person.sex) for person in cohort)]
    template = Template(Path(__file__).with_name("data_sample.md").read_text(encoding="utf-8"))
    timing = {"minutes": f"{N_VOLUMES * TR / 60:g}", "n_volumes": N_VOLUMES, "tr": f"{TR:g}"}
    write_record(folder / "dataset_description.json", description)
    write_record(folder / "participants.json", columns)
    _write_text(folder / "participants.tsv", "".join("\t".join(map(str, row)) + "\n" for row in rows))
    sizes = {"voxel_size": f"{VOXEL_SIZE:g}", "drop": f"{DROP:g}", "reach": f"{REACH:g}"}
    text = template.substitute({**facts(cohort), **facts_of(persons), **pulse_facts()}, **timing, **sizes, seed=seed)
    _write_text(folder / "README.md", text)


def _write_scan(
    folder: Path, person: Participant, session: str, head: Head, networks: Sequence[str], seed: int
) -> None:
    shown = cut_off(head) if person.label == CUT_OFF else head
    image, confounds = scan(person, session, shown, networks, seed)
    run = {"sub": person.label.removeprefix("sub-"), "ses": session, "task": "rest"}
    spatial = {**run, "space": SPACE, "res": f"{VOXEL_SIZE:g}"}
    func = folder / person.label / f"ses-{session}" / "func"
    bold = func / bids_name({**spatial, "desc": "preproc"}, "bold")
    mask = func / bids_name({**spatial, "desc": "brain"}, "mask")
    table = func / bids_name({**run, "desc": "confounds"}, "timeseries")
    _write_image(bold.with_suffix(".nii.gz"), image)
    _write_image(mask.with_suffix(".nii.gz"), (shown.tissue != OUTSIDE).astype("u1"))
    timing = {"RepetitionTime": TR, "TaskName": "rest", "SliceTimingCorrected": False}
    write_record(bold.with_suffix(".json"), {**timing, "SkullStripped": True, "Resolution": RESOLUTION})
    write_record(mask.with_suffix(".json"), {"Type": "Brain", "Resolution": RESOLUTION})
    values = [[float(f"{value:.6g}") for value in row] for row in zip(*confounds.values(), strict=True)]
    write_matrix(table.with_suffix(".tsv"), np.array(values), list(confounds))
    write_record(table.with_suffix(".json"), _compcor_record())


def _compcor_record() -> dict[str, dict[str, object]]:
    shares = np.round(LEAKS**2 / np.sum(LEAKS**2), 6)
    return {
        f"a_comp_cor_{number:02d}": {
            "CumulativeVarianceExplained": round(float(shares[: number + 1].sum()), 6),
            "Mask": "combined",
            "Method": "aCompCor",
            "Retained": True,
            "SingularValue": float(LEAKS[number]),
            "VarianceExplained": float(share),
        }
        for number, share in enumerate(shares)
    }


def _write_image(path: Path, data: np.ndarray) -> None:
    new: Any = nib.Nifti1Image
    image = new(data.T, affine())
    image.set_sform(affine(), "mni")
    image.set_qform(affine(), "mni")
    image.header.set_xyzt_units("mm", "sec")
    if data.ndim == 4:
        image.header.set_zooms((VOXEL_SIZE, VOXEL_SIZE, VOXEL_SIZE, TR))
    with written(path) as aside, aside.open("wb") as file, gzip.GzipFile("", "wb", 8, file, mtime=0) as packed:
        packed.write(image.to_bytes())


def _write_text(path: Path, text: str) -> None:
    with written(path) as aside:
        aside.write_text(text, encoding="utf-8", newline="\n")
