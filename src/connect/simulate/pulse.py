"""Pulse recordings whose heartbeats are known."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from connect.layout import bids_name
from connect.simulate.courses import N_VOLUMES, TR
from connect.simulate.planted import SESSIONS, Participant
from connect.tables import write_record, written

FREQUENCY = 100.0
"""Samples per second."""
DURATION = N_VOLUMES * TR
"""Length of a recording, s: that of a scan."""
RECORDED = 4
"""Participants with a recording in each session."""
N_ECTOPIC = 4
"""Premature beats in each recording."""

_PULSE = 3
"""Key of the generators beside the seed, the participant and the session; those of images have three keys."""
_RATES, _ARRHYTHMIA = (54.0, 74.0), (10.0, 40.0)
_BREATHS, _SLOW = (0.2, 0.3), ((0.095, 0.7), (0.02, 0.6))
_EARLY = (0.2, 0.4)
_DELAY, _RISE, _ECHO, _ECHO_WIDTH, _ECHO_SIZE = 0.2, 0.09, 0.3, 0.11, 0.35
_STEPS, _NOISE = 40, 0.005

_COLUMNS = {
    "participant_id": "Simulated participant",
    "session_id": "Session",
    "rmssd": "Root mean square of successive differences of the intervals between normal beats (ms)",
    "sdnn": "Standard deviation of the intervals between normal beats (ms)",
    "rate": "Mean heart rate of these intervals (1/min)",
    "ectopic": "Numbers of the premature beats; the first beat is 0",
    "intervals": "Intervals between beats, from the first to the last (ms)",
}


@dataclass(frozen=True)
class Recording:
    """A simulated recording.

    Attributes
    ----------
    signal
        ``(n_samples,)``, in whole steps.
    intervals
        Intervals between beats, ms, from the first beat of the recording to the last.
    ectopic
        Numbers of the premature beats, where 0 is the first beat.
    rmssd, sdnn
        Of the intervals between normal beats, ms.
    rate
        Mean heart rate of these, 1/min.
    """

    signal: np.ndarray
    intervals: np.ndarray
    ectopic: np.ndarray
    rmssd: float
    sdnn: float
    rate: float


def recording(rng: np.random.Generator, rate: float, arrhythmia: float) -> Recording:
    """Draw a pulse recording.

    Intervals follow breathing (respiratory sinus arrhythmia), waves of 0.095 and 0.02 Hz, and chance. A premature beat
    comes 20 to 40 % early with a smaller pulse, and the beat after it on time (a full compensatory pause).

    Parameters
    ----------
    rng
        Generator of everything that is drawn.
    rate
        Heart rate, 1/min.
    arrhythmia
        SD of intervals with breathing, ms.
    """
    intervals = _intervals(rng, 60_000 / rate, arrhythmia)
    ectopic = np.sort(3 + 6 * rng.choice((len(intervals) - 8) // 6, N_ECTOPIC, replace=False))
    early = np.rint(rng.uniform(*_EARLY, N_ECTOPIC) * intervals[ectopic - 1]).astype(int)
    intervals[ectopic - 1] -= early
    intervals[ectopic] += early
    beats = 0.4 + np.append(0, np.cumsum(intervals)) / 1000
    size = np.ones(len(beats))
    size[ectopic] = 0.6
    normal = np.delete(intervals.astype(float), np.append(ectopic - 1, ectopic))
    kept = intervals.astype(float)
    kept[np.append(ectopic - 1, ectopic)] = np.nan
    return Recording(
        _signal(rng, beats, size),
        intervals,
        ectopic,
        float(np.sqrt(np.nanmean(np.diff(kept) ** 2))),
        float(normal.std(ddof=1)),
        60_000 / float(normal.mean()),
    )


def write_recording(path: Path, signal: np.ndarray) -> None:
    """Write a recording as BIDS has it: a packed TSV without a header, and its sidecar; the same bytes each time."""
    text = "".join(f"{value:d}\n" for value in signal)
    with written(path) as aside, aside.open("wb") as file, gzip.GzipFile("", "wb", 9, file, mtime=0) as packed:
        packed.write(text.encode())
    about = {"LongName": "Pulse at the finger, simulated", "Units": "arbitrary"}
    record = {"SamplingFrequency": FREQUENCY, "StartTime": 0.0, "Columns": ["cardiac"], "cardiac": about}
    write_record(path.with_name(path.name.removesuffix(".tsv.gz") + ".json"), record)


def write_pulse(folder: Path, cohort: Sequence[Participant], seed: int) -> None:
    """Write the recordings of the first participants, and what is true of them."""
    rows = []
    for person in cohort[:RECORDED]:
        for number, session in enumerate(SESSIONS):
            rng = np.random.default_rng([seed, person.number, number, _PULSE])
            made = recording(rng, rng.uniform(*_RATES), rng.uniform(*_ARRHYTHMIA))
            entities = {"sub": person.label.removeprefix("sub-"), "ses": session, "task": "rest"}
            name = bids_name(entities, "physio", ".tsv.gz")
            write_recording(folder / person.label / f"ses-{session}" / "func" / name, made.signal)
            numbers = (f"{value:.3f}" for value in (made.rmssd, made.sdnn, made.rate))
            lists = (" ".join(map(str, values)) for values in (made.ectopic, made.intervals))
            rows.append("\t".join([person.label, f"ses-{session}", *numbers, *lists]))
    truth = folder / "phenotype" / "rr_intervals.tsv"
    write_record(truth.with_suffix(".json"), {name: {"Description": text} for name, text in _COLUMNS.items()})
    with written(truth) as aside:
        aside.write_text("\n".join(["\t".join(_COLUMNS), *rows, ""]), encoding="utf-8", newline="\n")


def pulse_facts() -> dict[str, str]:
    """Return what is planted, in words by name, for the README of the cohort."""
    return {
        "heart_people": f"The first {RECORDED} participants",
        "heart_frequency": f"{FREQUENCY:g}",
        "heart_ectopic": str(N_ECTOPIC),
        "heart_early": f"{100 * _EARLY[0]:g} to {100 * _EARLY[1]:g} %",
    }


def _intervals(rng: np.random.Generator, mean: float, arrhythmia: float) -> np.ndarray:
    """Return whole ms, of beats that fit into a recording with the pulse of the last."""
    waves = [(rng.uniform(*_BREATHS), 1.0), *_SLOW]
    phases = rng.uniform(0, 2 * np.pi, len(waves))
    time, drift, intervals = 0.4, 0.0, []
    while time < DURATION - 1.5:
        drift += rng.normal(0, 0.05)
        angles = [2 * np.pi * hz * time + phase for (hz, _), phase in zip(waves, phases, strict=True)]
        angles[0] += drift
        swing = sum(size * np.sin(angle) for (_, size), angle in zip(waves, angles, strict=True))
        intervals.append(round(mean + arrhythmia * np.sqrt(2) * swing + rng.normal(0, 0.25 * arrhythmia)))
        time += intervals[-1] / 1000
    return np.array(intervals)


def _signal(rng: np.random.Generator, beats: np.ndarray, size: np.ndarray) -> np.ndarray:
    time = np.arange(round(DURATION * FREQUENCY)) / FREQUENCY
    after = time[:, None] - beats - _DELAY
    waves = np.exp(-0.5 * (after / _RISE) ** 2) + _ECHO_SIZE * np.exp(-0.5 * ((after - _ECHO) / _ECHO_WIDTH) ** 2)
    breath = 0.1 * np.sin(2 * np.pi * rng.uniform(*_BREATHS) * time)
    signal = waves @ size + breath + _NOISE * rng.standard_normal(len(time))
    steps: np.ndarray = np.rint(_STEPS * (1 + signal)).astype(int)
    return steps
