"""Heart-rate variability: known series of intervals, bare and as waves; the premature beats must not show."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.signal import firwin, lombscargle

from connect.errors import UserError
from connect.phenotypes.beats import correct
from connect.phenotypes.heart import Heart, heart, hf_power, of_beats, read_physio
from connect.simulate.pulse import FREQUENCY, recording, write_recording

SIZES = {"low": (8, 5), "usual": (30, 10), "high": (60, 10)}
"""SD of intervals (ms) with breathing and by chance: RMSSD of about 18, 40 and 75 ms."""


def intervals(rng: np.random.Generator, breathing: float, chance: float, n: int = 400) -> np.ndarray:
    """Intervals (ms) with respiratory sinus arrhythmia, waves of 0.1 Hz, slow drift and chance."""
    time, drift, found = 0.0, 0.0, []
    phases, hz = rng.uniform(0, 2 * np.pi, 3), rng.uniform(0.2, 0.3)
    for _ in range(n):
        drift += rng.normal(0, 0.05)
        angles = 2 * np.pi * np.array([hz, 0.095, 0.02]) * time + phases + [drift, 0, 0]
        found.append(900 + np.sqrt(2) * np.array([breathing, 25, 20]) @ np.sin(angles) + rng.normal(0, chance))
        time += found[-1] / 1000
    return np.array(found)


def with_ectopic(
    rng: np.random.Generator, rr: np.ndarray, share: float, early: tuple[float, float] = (0.2, 0.4)
) -> tuple[np.ndarray, np.ndarray]:
    """Beats (s) of which some are premature with a full compensatory pause, at least three apart, and which."""
    beats = np.append(0, np.cumsum(rr)) / 1000
    chosen: list[int] = []
    for beat in rng.permutation(np.arange(3, len(beats) - 3)):
        if len(chosen) < round(share * len(beats)) and all(abs(beat - other) >= 3 for other in chosen):
            chosen.append(int(beat))
    premature = np.zeros(len(beats), dtype=bool)
    premature[chosen] = True
    moved = beats - np.append(0, rng.uniform(*early, len(rr)) * rr / 1000) * premature
    return moved, premature


def truth(beats: np.ndarray, premature: np.ndarray) -> tuple[float, float]:
    """RMSSD and SDNN (ms) of the intervals between beats that are not premature."""
    normal = ~premature[1:] & ~premature[:-1]
    rr = np.where(normal, 1000 * np.diff(beats), np.nan)
    return float(np.sqrt(np.nanmean(np.diff(rr) ** 2))), float(np.nanstd(rr, ddof=1))


def ecg(beats: np.ndarray, frequency: int, noise: np.ndarray) -> np.ndarray:
    """P, Q, R, S and T (height, s from R, width in s) on a breathing baseline, low-passed as a recorder does."""
    time = np.arange(0, beats[-1] + 1, 0.001)
    signal = 0.2 * np.sin(2 * np.pi * 0.23 * time)
    for beat in beats:
        part = slice(max(int(1000 * (beat - 0.4)), 0), int(1000 * (beat + 0.6)))
        for height, at, width in (
            (0.12, -0.17, 0.025),
            (-0.12, -0.03, 0.01),
            (1, 0, 0.011),
            (-0.2, 0.03, 0.01),
            (0.3, 0.27, 0.05),
        ):
            signal[part] += height * np.exp(-0.5 * ((time[part] - beat - at) / width) ** 2)
    sampled = np.convolve(signal, firwin(201, 0.45 * frequency, fs=1000), mode="same")[:: 1000 // frequency]
    return sampled + noise[: len(sampled)]


def pulse(beats: np.ndarray, frequency: int, noise: np.ndarray) -> np.ndarray:
    """A pulse wave and its echo for each beat, on a breathing baseline."""
    time = np.arange(0, beats[-1] + 1, 1 / frequency)
    after = time[:, None] - beats - 0.2
    waves = np.exp(-0.5 * (after / 0.09) ** 2) + 0.35 * np.exp(-0.5 * ((after - 0.3) / 0.11) ** 2)
    return waves.sum(axis=1) + 0.3 * np.sin(2 * np.pi * 0.23 * time) + noise[: len(time)]


WAVES = {"ecg": ecg, "pulse": pulse}


def errors(found: Heart, beats: np.ndarray, premature: np.ndarray) -> tuple[float, float]:
    rmssd, sdnn = truth(beats, premature)
    return abs(found.rmssd / rmssd - 1), abs(found.sdnn / sdnn - 1)


def test_beats_counted_by_hand() -> None:
    """Intervals of 800 and 900 ms in turn: every difference is 100 ms."""
    rr = np.tile([800.0, 900.0], 100)
    found = of_beats(np.append(0, np.cumsum(rr)) / 1000, "here")
    assert found.rmssd == pytest.approx(100)
    assert found.sdnn == pytest.approx(50 * np.sqrt(200 / 199))
    assert found.rate == pytest.approx(60_000 / 850)
    assert (found.n_beats, found.n_corrected) == (201, 0)
    assert found.quality == pytest.approx(1)
    assert found.minutes == pytest.approx(170 / 60)


@pytest.mark.parametrize("early", [(0.1, 0.2), (0.2, 0.4)])
@pytest.mark.parametrize("size", ["low", "usual"])
def test_five_percent_premature_beats_leave_rmssd_and_sdnn(size: str, early: tuple[float, float]) -> None:
    found = []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        beats, premature = with_ectopic(rng, intervals(rng, *SIZES[size]), 0.05, early)
        found.append(errors(of_beats(beats, "here"), beats, premature))
    assert np.max(found) < 0.01


def test_premature_beats_are_told_from_a_large_sinus_arrhythmia() -> None:
    for seed in range(30):
        rng = np.random.default_rng(seed)
        beats, premature = with_ectopic(rng, intervals(rng, *SIZES["high"]), 0.05)
        found = correct(beats)
        assert max(errors(of_beats(beats, "here"), beats, premature)) < 0.01
        assert np.sum(found.observed & premature) == 0
        assert np.sum(~found.observed & ~premature) <= 1


@pytest.mark.parametrize("size", SIZES)
def test_where_nothing_is_wrong_nothing_is_lost(size: str) -> None:
    for seed in range(30):
        rng = np.random.default_rng(seed)
        beats, premature = with_ectopic(rng, intervals(rng, *SIZES[size]), 0)
        found = of_beats(beats, "here")
        assert found.n_corrected <= 2
        assert max(errors(found, beats, premature)) < 0.01


def test_premature_beats_do_not_shrink_rmssd_on_average() -> None:
    """Against the series as it would have been without any, which differs by the luck of the beats left out."""
    ratios = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        rr = intervals(rng, *SIZES["usual"])
        beats, _ = with_ectopic(rng, rr, 0.05)
        ratios.append(of_beats(beats, "here").rmssd / np.sqrt(np.mean(np.diff(rr) ** 2)))
    assert np.mean(ratios) == pytest.approx(1, abs=0.005)


def test_neurokit_alone_leaves_much_of_the_premature_beats() -> None:
    """Why its correction is not used; if this fails after an update, read it again."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import neurokit2 as nk
    theirs = []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        beats, premature = with_ectopic(rng, intervals(rng, *SIZES["usual"]), 0.05)
        _, fixed = nk.signal_fixpeaks(np.rint(1e6 * beats).astype(int), sampling_rate=1_000_000, method="Kubios")
        theirs.append(np.sqrt(np.mean(np.diff(fixed / 1000, 2) ** 2)) / truth(beats, premature)[0])
    assert np.mean(theirs) > 1.2


def test_missed_and_extra_beats_are_inserted_and_deleted() -> None:
    rng = np.random.default_rng(3)
    beats = np.append(0, np.cumsum(intervals(rng, *SIZES["usual"]))) / 1000
    extra, missed = beats[[40, 90, 200]] + 0.25, [60, 150, 151, 300]
    seen = np.sort(np.append(np.delete(beats, missed), extra))
    found = correct(seen)
    assert found.n_deleted == 3
    assert len(found.time) == len(beats)
    assert np.flatnonzero(~found.observed).tolist() == missed
    gone = np.zeros(len(beats), dtype=bool)
    gone[missed] = True
    assert max(errors(of_beats(seen, "here"), beats, gone)) < 0.01


@pytest.mark.parametrize("frequency", [50, 100, 250, 500])
@pytest.mark.parametrize(("kind", "most"), [("ecg", 0.01), ("pulse", 0.02)])
def test_waves_give_back_the_intervals(kind: str, most: float, frequency: int) -> None:
    """Of an electrocardiogram within 1 %; of a pulse within 2 % with noise of 2 % of its height."""
    for seed, size in enumerate(("low", "usual")):
        rng = np.random.default_rng(seed)
        beats, premature = with_ectopic(rng, intervals(rng, *SIZES[size]), 0.05)
        noise = 0.02 * rng.standard_normal(10**6)
        found = heart(WAVES[kind](1 + beats, frequency, noise), frequency, kind, "here")
        assert max(errors(found, beats, premature)) < most
        assert found.n_corrected == pytest.approx(premature.sum(), abs=2)
        assert 0.85 < found.quality < 0.97
        assert found.rate == pytest.approx(60_000 / 900, rel=0.02)


def test_power_of_breathing_is_found() -> None:
    """A sine of intervals with an SD of 30 ms at 0.25 Hz has a power of 900 ms^2."""
    time = [0.0]
    while time[-1] < 600:
        time.append(time[-1] + 0.9 + 0.03 * np.sqrt(2) * np.sin(2 * np.pi * 0.25 * time[-1]))
    assert hf_power(np.array(time)) == pytest.approx(900, rel=0.02)
    slow = 0.9 * np.arange(400) + 0.05 * np.sin(2 * np.pi * 0.05 * 0.9 * np.arange(400))
    assert hf_power(slow) < 1
    assert np.isnan(hf_power(0.9 * np.arange(100)))


def test_power_agrees_with_a_periodogram_that_needs_no_spline() -> None:
    """Lomb and Scargle's, of scipy, summed over the frequencies of the recording's length."""
    beats = np.append(0, np.cumsum(intervals(np.random.default_rng(0), *SIZES["usual"]))) / 1000
    frequency = np.arange(0.15, 0.40, 1 / beats[-1])
    rr = 1000 * np.diff(beats)
    power = lombscargle(beats[1:], rr - rr.mean(), 2 * np.pi * frequency)
    assert hf_power(beats) == pytest.approx(2 * power.sum() / len(rr), rel=0.1)


@pytest.mark.parametrize("kind", ["ecg", "pulse"])
def test_what_is_no_heart_has_no_quality(kind: str) -> None:
    noise = np.random.default_rng(1).standard_normal(36_000)
    assert heart(np.ones(36_000), 100, kind, "here").quality == 0
    assert np.isnan(heart(np.ones(36_000), 100, kind, "here").rmssd)
    assert heart(noise, 100, kind, "here").quality < 0.1
    assert heart(np.cumsum(noise), 100, kind, "here").quality < 0.2
    assert heart(noise[:200], 100, kind, "here").quality == 0


@pytest.mark.parametrize("kind", ["ecg", "pulse"])
def test_quality_is_the_share_that_can_be_used(kind: str) -> None:
    """The rest is flat or noise, and does not show in RMSSD."""
    rng = np.random.default_rng(1)
    beats = np.append(0, np.cumsum(intervals(rng, *SIZES["usual"]))) / 1000
    signal = WAVES[kind](1 + beats, 100, 0.02 * rng.standard_normal(10**5))
    half, whole = len(signal) // 2, heart(signal, 100, kind, "here")
    flat, noisy = signal.copy(), signal.copy()
    flat[half:] = signal[half]
    noisy[half : half + 2000] = 3 * rng.standard_normal(2000)
    assert whole.quality > 0.97
    assert heart(flat, 100, kind, "here").quality == pytest.approx(0.5, abs=0.03)
    assert heart(noisy, 100, kind, "here").quality == pytest.approx(1 - 20 * 100 / len(signal), abs=0.05)
    assert heart(noisy, 100, kind, "here").rmssd == pytest.approx(whole.rmssd, rel=0.05)


def test_recordings_of_the_sample_hold_what_is_stated(root: Path) -> None:
    sample = root / "data_sample"
    rows = pd.read_csv(sample / "phenotype" / "rr_intervals.tsv", sep="\t")
    assert len(rows) == 8
    for row in rows.itertuples():
        name = f"{row.participant_id}_{row.session_id}_task-rest_physio.tsv.gz"
        found = heart(
            *read_physio(sample / row.participant_id / row.session_id / "func" / name, "cardiac"), "pulse", name
        )
        beats = np.append(0, np.cumsum([int(value) for value in row.intervals.split()])) / 1000
        premature = np.isin(np.arange(len(beats)), [int(value) for value in row.ectopic.split()])
        np.testing.assert_allclose(truth(beats, premature), (row.rmssd, row.sdnn), atol=1e-3)
        assert max(errors(found, beats, premature)) < 0.02
        assert found.rate == pytest.approx(row.rate, rel=1e-3)
        assert found.n_corrected == pytest.approx(premature.sum(), abs=1)
        assert found.minutes == 6


def test_the_same_draw_writes_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        made = recording(np.random.default_rng(4), 65, 20)
        write_recording(tmp_path / name / "sub-01_physio.tsv.gz", made.signal)
    first, second = ((tmp_path / name / "sub-01_physio.tsv.gz").read_bytes() for name in ("a", "b"))
    assert first == second
    signal, frequency = read_physio(tmp_path / "a" / "sub-01_physio.tsv.gz", "cardiac")
    np.testing.assert_array_equal(signal, made.signal)
    assert frequency == FREQUENCY


def physio(folder: Path, text: str = "1\t2\n3\t4\n", about: object = None, sidecar: str = "") -> Path:
    path = folder / "sub-01" / "ses-pre" / "func" / "sub-01_ses-pre_task-rest_run-1_physio.tsv.gz"
    path.parent.mkdir(parents=True)
    path.write_bytes(gzip.compress(text.encode()))
    (folder / "dataset_description.json").write_text("{}")
    told = folder / (sidecar or str(path.relative_to(folder)).replace(".tsv.gz", ".json"))
    columns = {"SamplingFrequency": 40, "StartTime": -2, "Columns": ["respiratory", "cardiac"]}
    told.write_text(json.dumps(columns if about is None else about))
    return path


@pytest.mark.parametrize("sidecar", ["", "task-rest_physio.json", "physio.json", "sub-01/sub-01_task-rest_physio.json"])
def test_sidecars_are_inherited(tmp_path: Path, sidecar: str) -> None:
    path = physio(tmp_path, sidecar=sidecar)
    (tmp_path / "task-other_physio.json").write_text("{}")
    signal, frequency = read_physio(path, "cardiac")
    assert (signal.tolist(), frequency) == ([2, 4], 40)


def test_the_nearest_sidecar_counts(tmp_path: Path) -> None:
    path = physio(tmp_path, sidecar="sub-01/sub-01_task-rest_physio.json")
    (tmp_path / "task-rest_physio.json").write_text("{}")
    assert read_physio(path, "cardiac")[1] == 40


@pytest.mark.parametrize(
    ("text", "about", "channel", "told"),
    [
        ("1\t2\n", None, "cardio", "did you mean `cardiac`"),
        ("1\t2\n3\tn/a\n", None, "cardiac", "1 missing, the first after 0.0 s"),
        ("1\t2\n3\n", None, "cardiac", "another number in 1 lines"),
        ("respiratory\tcardiac\n1\t2\n", None, "cardiac", "without a header"),
        ("1\t2\n", {"Columns": ["respiratory", "cardiac"]}, "cardiac", "SamplingFrequency"),
        ("1\t2\n", [], "cardiac", "SamplingFrequency"),
    ],
)
def test_mistakes_in_recordings_are_told(tmp_path: Path, text: str, about: object, channel: str, told: str) -> None:
    path = physio(tmp_path, text, about)
    with pytest.raises(UserError) as error:
        read_physio(path, channel)
    assert told in str(error.value)


def test_a_missing_sidecar_is_told(tmp_path: Path) -> None:
    path = physio(tmp_path, sidecar="task-other_physio.json")
    with pytest.raises(UserError, match=r"a sidecar sub-01_ses-pre_task-rest_run-1_physio\.json"):
        read_physio(path, "cardiac")
    with pytest.raises(UserError, match="a recording"):
        read_physio(tmp_path / "none_physio.tsv.gz", "cardiac")


def test_what_no_heartbeat_can_be_found_in_is_told() -> None:
    with pytest.raises(UserError, match="samples per second"):
        heart(np.ones(1000), 10, "ecg", "here")
    with pytest.raises(UserError, match="missing samples"):
        heart(np.array([1, np.nan]), 100, "ecg", "here")
    with pytest.raises(UserError, match="ascend"):
        of_beats(np.array([1, 2, np.nan, 4]), "here")
    assert of_beats(np.arange(5.0), "here").quality == 0


def test_neurokit_is_imported_only_with_a_recording() -> None:
    code = "import sys, connect.phenotypes.heart; print('neurokit2' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
