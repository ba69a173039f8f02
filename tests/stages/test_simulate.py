"""The sample cohort: the same bytes from the same seed, and in it what its README says."""

from __future__ import annotations

import gzip
import json
import shutil
import warnings
from itertools import pairwise
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from nilearn.signal import clean

from connect.assess.qcfc import distances
from connect.cli import main
from connect.config import read
from connect.dates import weeks_of_sessions
from connect.denoise.confounds import read_confounds
from connect.errors import UserError
from connect.parcels import domain_of
from connect.phenotypes.scores import score
from connect.scans import Scan, read_scans
from connect.settings.cohort import Cohort
from connect.settings.domains import Domains
from connect.settings.score import Score
from connect.settings.strategy import Strategy
from connect.simulate import scan as simulated_scan
from connect.simulate import simulate
from connect.simulate.courses import coloured, orthonormal
from connect.simulate.motion import artefact, displacement, head_motion
from connect.simulate.phantom import CSF, GREY, OUTSIDE, WHITE, Head, affine, build_head
from connect.simulate.planted import CHANGE, CUT_OFF, NO_POST, RESTLESS, recruit
from connect.simulate.signals import SYSTEMS, draw_traits, leak, neural

PHASES = ("pre", "post")
N_CONFOUNDS = {
    "none": 0,
    "simple": 26,
    "simple-gsr": 27,
    "24p": 24,
    "24p-gsr": 25,
    "36p": 36,
    "acompcor": 21,
    "scrubbing": 32,
    "scrubbing-gsr": 33,
}


@pytest.fixture(scope="module")
def sample(root: Path) -> Path:
    return root / "data_sample"


@pytest.fixture(scope="module")
def scans(root: Path) -> list[Scan]:
    return read_scans(root / "config" / "cohorts" / "sample.scans.tsv")


@pytest.fixture(scope="module")
def parcels(root: Path) -> pd.DataFrame:
    return pd.read_csv(root / "config" / "atlases" / "seitzman2018.tsv", sep="\t")


@pytest.fixture(scope="module")
def head(parcels: pd.DataFrame) -> Head:
    return build_head(parcels[["x", "y", "z"]].to_numpy(), parcels["radius"].to_numpy())


@pytest.fixture(scope="module")
def centres(head: Head) -> np.ndarray:
    return head.centres


@pytest.fixture(scope="module")
def arm(sample: Path) -> pd.Series:
    return pd.read_csv(sample / "participants.tsv", sep="\t").set_index("participant_id")["group"]


@pytest.fixture(scope="module")
def mean_fd(sample: Path, scans: list[Scan]) -> pd.Series:
    visits = {(s.participant_id, s.session_id): _table(sample, s)["framewise_displacement"].mean() for s in scans}
    return pd.Series(visits)


@pytest.fixture(scope="module")
def truth(sample: Path) -> pd.DataFrame:
    """What the README says of the persons."""
    table = (sample / "README.md").read_text().split("| change of coupling |")[1].split("|---|\n")[1].split("\n\n")[0]
    names = [
        "participant",
        "arm",
        "change of coupling",
        "weeks",
        "oxytocin pre",
        "oxytocin post",
        "anxiety",
        "avoidance",
    ]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.strip().splitlines()]
    found = pd.DataFrame(rows, columns=names).set_index("participant").replace("-", np.nan)
    return found.assign(**{name: found[name].astype(float) for name in names[2:]})


def _files(folder: Path) -> dict[str, bytes]:
    """Return what each file holds; images unpacked, for zlib's builds compress the same bytes differently."""
    found = {str(path.relative_to(folder)): path for path in sorted(folder.rglob("*")) if path.is_file()}
    return {
        name: gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        for name, path in found.items()
    }


def _array(path: Path) -> np.ndarray:
    return np.asarray(nib.load(path).dataobj)


def _series(sample: Path, scan: Scan, head: Head, rows: list[int]) -> np.ndarray:
    image = _array(sample / scan.bold).T.reshape(scan.n_volumes, -1).astype(float)
    return np.stack([image[:, head.parcel.ravel() == row].mean(axis=1) for row in rows], axis=1)


def _table(sample: Path, scan: Scan) -> pd.DataFrame:
    return pd.read_csv(sample / scan.confounds, sep="\t")


def _step(size: float) -> np.ndarray:
    """Return the parameters of a head that moves once, by a size in mm, in volume 60."""
    motion = np.zeros((144, 6))
    motion[60:, 2] = size
    return motion


def _artefacts(motion: np.ndarray, centres: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the drop and all of the artefact in the parcels, for many draws."""
    draws = [artefact(np.random.default_rng(seed), motion, centres) for seed in range(200)]
    return [(draw.drop, draw.parcels) for draw in draws]


def test_the_same_seed_writes_the_committed_files(sample: Path, root: Path, tmp_path: Path) -> None:
    simulate(tmp_path / "again", choices=root / "config")
    made, shipped = _files(tmp_path / "again"), _files(sample)
    assert list(made) == list(shipped)
    assert [name for name in made if made[name] != shipped[name]] == []


def test_compressed_files_hold_no_date_and_no_name(sample: Path) -> None:
    for path in sample.rglob("*.gz"):
        flags, date = path.read_bytes()[3], path.read_bytes()[4:8]
        assert (flags, date) == (0, bytes(4))


def test_the_sample_is_small(sample: Path) -> None:
    assert sum(path.stat().st_size for path in sample.rglob("*") if path.is_file()) < 9e6


def test_another_seed_gives_another_scan(parcels: pd.DataFrame, head: Head) -> None:
    person = recruit(np.random.default_rng(0))[0]
    images = [simulated_scan(person, "pre", head, parcels["network"].tolist(), seed)[0] for seed in (1, 2)]
    assert (images[0] != images[1]).any()


def test_the_table_lists_every_image_in_the_order_of_its_path(sample: Path, scans: list[Scan]) -> None:
    images = sorted(str(path.relative_to(sample)) for path in sample.rglob("*_bold.nii.gz"))
    assert [scan.bold for scan in scans] == images
    for scan in scans:
        image = nib.load(sample / scan.bold)
        assert image.shape == (22, 27, 23, scan.n_volumes)
        assert image.header.get_zooms() == (7, 7, 7, scan.tr)
        assert (image.dataobj.slope, image.dataobj.inter) == (1, 0)
        assert (scan.space, scan.res, scan.task) == ("MNI152NLin2009cAsym", "7", "rest")


def test_one_post_session_is_missing(arm: pd.Series, scans: list[Scan]) -> None:
    assert arm.value_counts().to_dict() == {"training": 8, "waiting": 8}
    visits = {(scan.participant_id, scan.session_id) for scan in scans}
    assert {(label, f"ses-{s}") for label in arm.index for s in PHASES} - visits == {(NO_POST, "ses-post")}
    assert (arm[NO_POST], arm[RESTLESS]) == ("waiting", "training")


def test_motion_is_spread_as_in_patients_and_one_scan_moves_too_much(mean_fd: pd.Series) -> None:
    others = mean_fd.drop((RESTLESS, "ses-post"))
    assert mean_fd[RESTLESS, "ses-post"] == pytest.approx(0.9, abs=1e-3)
    assert 0.06 < others.min() < 0.1
    assert 0.3 < others.max() < 0.5
    assert 0.14 < others.median() < 0.22


def test_motion_repeats_in_the_same_person(mean_fd: pd.Series) -> None:
    pre, post = (mean_fd.xs(f"ses-{phase}", level=1).drop([NO_POST, RESTLESS], errors="ignore") for phase in PHASES)
    assert 0.6 < np.corrcoef(np.log(pre), np.log(post))[0, 1] < 0.98


def test_movers_have_volumes_to_censor_and_four_minutes_left(root: Path, sample: Path, scans: list[Scan]) -> None:
    strategy = read(Strategy, root / "config" / "strategies" / "scrubbing-gsr.yaml")
    share = {}
    for scan in scans:
        found = read_confounds(sample / scan.confounds, strategy)
        if (scan.participant_id, scan.session_id) != (RESTLESS, "ses-post"):
            share[found.fd[1:].mean()] = (found.fd[1:] > 0.5).mean()
            assert found.kept.sum() * scan.tr / 60 >= 4
    quiet, restless = ([share[fd] for fd in sorted(share)][part] for part in (slice(8), slice(-8, None)))
    assert max(quiet) < 0.1
    assert 0.08 < np.mean(restless) < max(restless) < 0.3


def test_motion_does_not_tell_arms_or_sessions_apart() -> None:
    """The geometric mean over an arm is the same in both arms and sessions, but for the scan that moves too much."""
    for seed in range(3):
        cohort = recruit(np.random.default_rng(seed))
        logs = {
            (arm, phase): [np.log(p.mean_fd[phase]) for p in cohort if p.arm == arm and p.mean_fd[phase] < 0.9]
            for arm in CHANGE
            for phase in PHASES
        }
        means = [np.exp(np.mean(values)) for values in logs.values() if len(values) == 8]
        assert means == pytest.approx([0.18] * 3, abs=2e-3)


def test_no_voxel_belongs_to_two_spheres(parcels: pd.DataFrame, head: Head) -> None:
    """Counted anew with world coordinates from the affine, as nilearn draws spheres."""
    indices = np.indices((22, 27, 23)).reshape(3, -1)
    voxels = (affine() @ np.vstack([indices, np.ones(indices.shape[1])]))[:3].T
    distance = np.linalg.norm(voxels[None] - parcels[["x", "y", "z"]].to_numpy()[:, None], axis=2)
    members = distance <= parcels["radius"].to_numpy()[:, None]
    members[np.arange(300), distance.argmin(axis=1)] = True
    assert members.sum(axis=0).max() == 1
    assert (np.where(members.any(axis=0), members.argmax(axis=0), -1) == head.parcel.T.ravel()).all()


def test_one_participant_lacks_one_parcel(sample: Path, scans: list[Scan], parcels: pd.DataFrame, head: Head) -> None:
    for scan in scans:
        mask = _array(sample / scan.mask).T
        inside = {row for row in range(300) if mask[head.parcel == row].all()}
        lost = parcels["name"][sorted(set(range(300)) - inside)].tolist()
        assert lost == (["L_SomatomotorDorsal_cerebellum_1"] if scan.participant_id == CUT_OFF else [])


def test_voxels_have_data_inside_the_mask_only(sample: Path, scans: list[Scan]) -> None:
    for scan in scans[:4]:
        image, mask = _array(sample / scan.bold), _array(sample / scan.mask) > 0
        assert (image[~mask] == 0).all()
        assert (image[mask] > 400).all()


def test_mean_signals_and_displacement_are_those_of_the_data(sample: Path, scans: list[Scan], head: Head) -> None:
    scan = scans[0]
    image, table = _array(sample / scan.bold).T, _table(sample, scan)
    for name, chosen in (
        ("global_signal", head.tissue != OUTSIDE),
        ("white_matter", head.tissue == WHITE),
        ("csf", head.tissue == CSF),
    ):
        np.testing.assert_allclose(table[name], image[:, chosen].mean(axis=1), rtol=1e-5)
    assert (head.tissue[head.parcel >= 0] == GREY).all()
    motion = table[["trans_x", "trans_y", "trans_z", "rot_x", "rot_y", "rot_z"]].to_numpy()
    np.testing.assert_allclose(table["framewise_displacement"][1:], displacement(motion)[1:], rtol=1e-5)
    assert table["framewise_displacement"].isna().tolist() == [True] + [False] * 143


@pytest.mark.parametrize("strategy", N_CONFOUNDS)
def test_every_shipped_strategy_finds_its_confounds(root: Path, sample: Path, scans: list[Scan], strategy: str) -> None:
    choice = read(Strategy, root / "config" / "strategies" / f"{strategy}.yaml")
    for scan in (scans[0], next(scan for scan in scans if scan.participant_id == RESTLESS)):
        found = read_confounds(sample / scan.confounds, choice)
        assert found.matrix.shape == (144, N_CONFOUNDS[strategy])
        assert np.isfinite(found.matrix[found.kept]).all()
    assert found.kept.all() == ("scrubbing" not in strategy)


def test_planted_systems_are_the_shipped_domains(root: Path, parcels: pd.DataFrame) -> None:
    domains = read(Domains, root / "config" / "domains" / "seitzman2018.yaml")
    planted = [SYSTEMS.get(network, "") for network in parcels["network"]]
    planted = [system if system in ("emotion", "cognition") else "" for system in planted]
    assert domain_of(parcels, domains, "").tolist() == planted


def test_coupling_moves_the_block_between_the_systems_and_nothing_else(parcels: pd.DataFrame) -> None:
    networks = parcels["network"].tolist()
    systems = np.array([SYSTEMS.get(network, "") for network in networks])
    traits = draw_traits(np.random.default_rng(1), np.random.default_rng(2), 300)
    low, high = (np.corrcoef(neural(np.random.default_rng(3), traits, networks, c).T) for c in (0.1, 0.6))
    change = high - low
    for a, b in (("emotion", "emotion"), ("cognition", "cognition"), ("sensory", "sensory"), ("emotion", "sensory")):
        assert abs(change[np.ix_(systems == a, systems == b)].mean()) < 0.02
    assert 0.12 < change[np.ix_(systems == "emotion", systems == "cognition")].mean() < 0.25


def test_the_planted_change_is_there_after_denoising(
    root: Path, sample: Path, scans: list[Scan], parcels: pd.DataFrame, head: Head, arm: pd.Series
) -> None:
    """With nilearn's cleaning: the block rises by about 0.15 with training, and stays without."""
    strategy = read(Strategy, root / "config" / "strategies" / "36p.yaml")
    systems = np.array([SYSTEMS.get(network, "") for network in parcels["network"]])
    emotion, cognition = (np.flatnonzero(systems == name) for name in ("emotion", "cognition"))
    block = {}
    for scan in scans:
        confounds = read_confounds(sample / scan.confounds, strategy).matrix
        series = _series(sample, scan, head, [*emotion, *cognition])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            cleaned = clean(series, confounds=confounds, t_r=scan.tr, low_pass=0.1, high_pass=0.008)
        r = np.corrcoef(cleaned.T)[: len(emotion), len(emotion) :]
        block[scan.participant_id, scan.session_id] = np.arctanh(r).mean()
    pre, post = (pd.Series(block).xs(f"ses-{phase}", level=1).drop([RESTLESS]) for phase in PHASES)
    change = (post - pre).groupby(arm).mean()
    assert 0.1 < change["training"] < 0.22
    assert abs(change["waiting"]) < 0.06


def test_planted_changes_have_the_stated_mean_in_each_arm() -> None:
    cohort = recruit(np.random.default_rng(5))
    for arm, change in CHANGE.items():
        planted = [p.coupling["post"] - p.coupling["pre"] for p in cohort if p.arm == arm]
        assert np.mean(planted) == pytest.approx(change, abs=1e-3)
        assert np.std(planted, ddof=1) == pytest.approx(0.1, abs=0.005)


def test_oxytocin_rises_with_the_planted_change_by_the_stated_slope(sample: Path, truth: pd.DataFrame) -> None:
    """By least squares over those of an arm with two good scans, whose noise is orthogonal to the change."""
    for _, own in truth.drop([NO_POST, RESTLESS]).groupby("arm"):
        rise = own["oxytocin post"] - own["oxytocin pre"]
        change = own["change of coupling"]
        slope, start = np.polyfit(change, rise, 1)
        assert slope == pytest.approx(20, abs=0.1)
        assert start == pytest.approx(0, abs=0.05)
        assert np.std(rise - 20 * change) == pytest.approx(1.5, abs=0.02)
    written = pd.read_csv(sample / "phenotype" / "oxytocin.tsv", sep="\t").set_index(["participant_id", "session_id"])
    for phase in PHASES:
        known = truth[f"oxytocin {phase}"].drop([] if phase == "pre" else [NO_POST, "sub-16"])
        cells = written["oxytocin"].xs(f"ses-{phase}", level=1)[known.index]
        assert (cells[known < 5] == "<LOD").all()
        np.testing.assert_allclose(cells[known >= 5].astype(float), known[known >= 5])
    assert (written["oxytocin"] == "<LOD").sum() == 3
    assert written.index[written["oxytocin"].isna()].tolist() == [("sub-16", "ses-post")]


def test_attachment_anxiety_goes_with_the_change_with_training_alone(
    root: Path, sample: Path, truth: pd.DataFrame
) -> None:
    """The trait as planted, and the score of the answers, whose scatter is a third of a point."""
    table = pd.read_csv(sample / "phenotype" / "ecr.tsv", sep="\t").set_index(["participant_id", "session_id"])
    items = table.set_axis(range(1, 37), axis=1)
    key = read(Score, root / "config" / "scores" / "ecr-r.yaml")
    scores = pd.DataFrame({scale: score(items, key, scale, "ecr.tsv")["value"] for scale in ("anxiety", "avoidance")})
    before, after = (scores.xs(f"ses-{phase}", level=1) for phase in PHASES)
    assert before["anxiety"][before["anxiety"].isna()].index.tolist() == ["sub-02"]
    for scale in before:
        assert (before[scale] - truth[scale]).abs().max() < 0.7
        assert (after[scale] - before[scale]).abs().max() < 1
    kept = truth.drop([NO_POST, RESTLESS])
    change = kept["change of coupling"]
    for arm, expected in (("training", -1 / np.hypot(1, 0.35)), ("waiting", 0)):
        own = kept["arm"] == arm
        assert np.corrcoef(kept["anxiety"][own], change[own])[0, 1] == pytest.approx(expected, abs=0.01)
        assert np.corrcoef(kept["avoidance"][own], change[own])[0, 1] == pytest.approx(0, abs=0.01)
        assert np.std(kept["anxiety"][own]) == pytest.approx(np.hypot(1, 0.35), abs=0.01)
    training = kept.index[kept["arm"] == "training"]
    assert np.corrcoef(before["anxiety"][training], change[training])[0, 1] < -0.8


def test_cortisol_has_four_samples_and_the_mixed_table_the_same_in_other_units(sample: Path) -> None:
    plain, mixed = (
        pd.read_csv(sample / "phenotype" / f"{name}.tsv", sep="\t") for name in ("cortisol", "cortisol_mixed")
    )
    times = plain.groupby(["participant_id", "session_id"])["minutes"]
    assert {tuple(own) for _, own in times} == {(0, 30, 45, 60)}
    lost = plain[plain["cortisol"].isna()]
    assert lost[["participant_id", "session_id", "minutes"]].to_numpy().tolist() == [["sub-05", "ses-pre", 45]]
    assert set(mixed["unit"]) == {"nmol/L", "ug/dL"}
    factor = mixed["unit"].map({"nmol/L": 1, "ug/dL": 27.59})
    np.testing.assert_allclose(mixed["cortisol"] * factor, plain["cortisol"], atol=0.02)
    assert plain["cortisol"].between(4, 60).sum() == len(plain) - 1


def test_dates_are_before_1925_and_unequal_weeks_apart(root: Path, truth: pd.DataFrame) -> None:
    cohort = read(Cohort, root / "config" / "cohorts" / "sample.yaml")
    weeks, notes = weeks_of_sessions(list(truth.index), cohort.participants.parent, cohort, "sample.yaml")
    assert not notes
    assert {own.pop("pre") for own in weeks.values()} == {0}
    assert weeks.pop(NO_POST) == {}
    gaps = pd.Series({name: own["post"] for name, own in weeks.items()})
    np.testing.assert_allclose(gaps, truth["weeks"].drop(NO_POST), atol=0.005)
    assert 5.9 < gaps.min() < 6.5
    assert 9.5 < gaps.max() < 10.1
    assert gaps.nunique() > 8
    for path in cohort.date_files(truth.index):
        assert (pd.read_csv(path, sep="\t")["acq_time"] < "1925").all()


def test_every_column_of_a_phenotype_is_described(sample: Path) -> None:
    for path in (sample / "phenotype").glob("*.tsv"):
        columns = list(pd.read_csv(path, sep="\t", nrows=0))
        assert list(json.loads(path.with_suffix(".json").read_text())) == columns


def test_coloured_noise_stays_in_its_band() -> None:
    courses = coloured(np.random.default_rng(0), 200)
    power = np.mean(np.abs(np.fft.rfft(courses, axis=0)) ** 2, axis=1)
    frequency = np.fft.rfftfreq(len(courses), 2.5)
    assert power[frequency > 0.11].sum() < 0.02 * power.sum()
    assert power[frequency < 0.008].sum() < 0.1 * power.sum()
    inner = [power[(frequency >= low) & (frequency < 2 * low)].mean() for low in (0.0125, 0.025, 0.045)]
    assert all(slow > 1.4 * fast for slow, fast in pairwise(inner))


def test_orthonormal_courses_are_uncorrelated() -> None:
    courses = orthonormal(coloured(np.random.default_rng(0), 18))
    np.testing.assert_allclose(courses.T @ courses / len(courses), np.eye(18), atol=1e-10)


def test_motion_has_the_wanted_mean_displacement() -> None:
    for wanted in (0.1, 0.9):
        motion = head_motion(np.random.default_rng(0), wanted)
        assert displacement(motion)[1:].mean() == pytest.approx(wanted, abs=1e-3)


def test_movements_are_sudden_and_come_in_episodes() -> None:
    fds = np.stack([displacement(head_motion(np.random.default_rng(seed), 0.35))[1:] for seed in range(20)])
    moving = fds > 0.5
    assert np.median(fds) < 0.2
    assert 0.1 < moving.mean() < 0.25
    assert moving[:, 1:][moving[:, :-1]].mean() > 2 * moving.mean()


def test_no_motion_leaves_no_artefact(centres: np.ndarray) -> None:
    still = artefact(np.random.default_rng(0), np.zeros((144, 6)), centres)
    assert not still.drop.any()
    assert not still.parcels.any()


def test_the_whole_brain_drops_at_movements_and_recovers(centres: np.ndarray) -> None:
    drops, parcels = zip(*_artefacts(_step(1.0), centres), strict=True)
    mean = np.mean(drops, axis=0)
    assert not mean[:60].any()
    assert not mean[67:].any()
    assert (np.array(drops) <= 0).all()
    # 4 steps for each mm, two thirds of it at 1 mm; 0.6 of it a volume later, 0.13 after 10 s.
    np.testing.assert_allclose(mean[60:65], -4 * 2 / 3 * 0.6 ** np.arange(5), rtol=0.2)
    np.testing.assert_allclose(np.mean(parcels, axis=(0, 2))[60], mean[60], rtol=0.25)


def test_the_drop_grows_with_displacement_and_faster_when_small(centres: np.ndarray) -> None:
    depth = {}
    for size in (0.1, 0.5, 1, 2):
        depth[size] = -np.mean([drop[60] for drop, _ in _artefacts(_step(size), centres)])
    assert depth[0.1] < 0.05 * depth[1]
    assert depth[0.5] < depth[1] < depth[2] < 3 * depth[1]


def test_near_parcels_share_what_the_whole_brain_does_not(centres: np.ndarray) -> None:
    motion = head_motion(np.random.default_rng(1), 0.4)
    local = np.concatenate([parcels - drop[:, None] for drop, parcels in _artefacts(motion, centres)])
    first, second = np.triu_indices(300, 1)
    r, distance = np.corrcoef(local.T)[first, second], distances(centres)
    near, middle, far = (r[(distance >= low) & (distance < low + 10)].mean() for low in (15, 35, 90))
    assert near == pytest.approx(np.exp(-20 / 30), abs=0.1)
    assert middle == pytest.approx(np.exp(-40 / 30), abs=0.1)
    assert abs(far) < 0.15


def test_the_artefact_is_not_linear_in_the_motion_parameters(centres: np.ndarray) -> None:
    """Regressing out the six parameters and their changes leaves most of the drop."""
    motion = head_motion(np.random.default_rng(1), 0.4)
    drop, _ = _artefacts(motion, centres)[0]
    changes = np.vstack([np.zeros(6), np.diff(motion, axis=0)])
    regressors = np.column_stack([np.ones(144), motion, changes])
    left = drop - regressors @ np.linalg.lstsq(regressors, drop, rcond=None)[0]
    assert left.var() > 0.5 * drop.var()


def test_all_tissues_and_compcor_carry_the_drop(centres: np.ndarray) -> None:
    still, moved = (leak(np.random.default_rng(0), motion, centres) for motion in (np.zeros((144, 6)), _step(2.0)))
    change = (moved.tissues - still.tissues)[60]
    assert change[OUTSIDE] == 0
    assert change[GREY] < 2 * 0.9 * change[WHITE] < 0
    assert change[WHITE] == pytest.approx(change[CSF])
    np.testing.assert_allclose((moved.courses - still.courses)[60], [change[WHITE], change[CSF], 0, 0, 0, 0])


def test_a_folder_with_other_files_is_left_alone(root: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match="new or empty folder"):
        simulate(tmp_path, choices=root / "config")
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_an_old_sample_is_written_anew(
    sample: Path, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connect.simulate._write_scan", lambda *_: None)
    shutil.copy(sample / "dataset_description.json", tmp_path)
    simulate(tmp_path, choices=root / "config")
    assert (tmp_path / "README.md").read_text() == (sample / "README.md").read_text()


@pytest.mark.parametrize(
    ("words", "told"), [(("--seed", "-1"), "--seed"), (("--choices", "nowhere"), "nowhere/atlases/seitzman2018.yaml")]
)
def test_a_wrong_flag_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], told: str
) -> None:
    assert main(["simulate", str(tmp_path / "new"), *words]) == 2
    assert f"where:   {told}" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()
