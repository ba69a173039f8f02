"""Progress: count, rate and time left on a terminal, nothing in a pipe, and results that know nothing of it."""

from __future__ import annotations

import io
import logging
import os
import pty
import re
import subprocess
import sys
import termios
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from snakemake.settings.enums import Quietness
from snakemake_interface_logger_plugins.common import LogEvent

from connect.progress import progress
from snakemake_logger_plugin_connect import LogHandler

SLOW = """
import sys, time
from connect.progress import progress

def scans():
    for scan in progress(range(8), "scans", 8):
        time.sleep(0.15)
        yield scan

print(sum(len(list(progress([scan], "volumes", 1))) for scan in scans()))
"""
FORKED = """
import multiprocessing, sys, time
from connect.progress import progress

def child():
    for _ in progress(range(8), "in a child", 8):
        time.sleep(0.15)

one = multiprocessing.get_context("fork").Process(target=child)
one.start()
one.join()
"""


def on_terminal(code: str) -> str:
    """Return what a program writes to a terminal, as its standard error."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=theirs) as running:
        os.close(theirs)
        told = b""
        while True:
            try:
                told += os.read(ours, 4096)
            except OSError:
                break
        assert running.stdout is not None
        assert running.stdout.read().strip() in (b"8", b"")
    os.close(ours)
    assert running.returncode == 0, told
    return told.decode()


def test_a_terminal_shows_count_rate_and_time_left_of_the_outermost_loop() -> None:
    told = on_terminal(SLOW)
    assert re.search(r"scans: 5 of 8, +\d+\.\d+/s, 00:0\d left", told), told
    assert "volumes" not in told
    assert re.sub(r"\x1b\[.", "", told).split("\r")[-1].strip() == "", "the line is not taken away at the end"


def test_a_process_that_another_one_started_shows_nothing() -> None:
    assert on_terminal(FORKED) == ""


def test_a_pipe_shows_nothing() -> None:
    done = subprocess.run([sys.executable, "-c", SLOW], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("8\n", "")


def test_without_a_terminal_the_items_are_passed_on_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    items = [1, 2]
    assert progress(items, "numbers", 2) is items


# --- the plugin of Snakemake ---------------------------------------------------------------------------------------


def handler(stream: io.StringIO, monkeypatch: pytest.MonkeyPatch, *quiet: Quietness) -> LogHandler:
    monkeypatch.setattr(sys, "stderr", stream)
    common = SimpleNamespace(
        stdout=False, quiet=set(quiet), nocolor=True, show_failed_logs=True,
        debug_dag=False, verbose=False, dryrun=False, printshellcmds=False,
    )  # fmt: skip
    return LogHandler(common, None)  # type: ignore[arg-type]


def record(created: float, event: LogEvent, message: str | None = None, **extra: Any) -> logging.LogRecord:
    made = logging.LogRecord("snakemake", logging.INFO, "", 0, message, None, None)
    made.__dict__.update(extra, event=event, created=created)
    return made


def run(one: LogHandler) -> None:
    """Give a handler what Snakemake says of two jobs of a rule with three, and of the one of another."""
    one.emit(record(0, LogEvent.RUN_INFO, "Job stats", stats={"parcellate": 3, "denoise": 1}))
    started = (("parcellate", 1), ("parcellate", 2), ("denoise", 3))
    for rule, number in started:
        info = {
            "rule_msg": None,
            "local": False,
            "is_checkpoint": False,
            "benchmark": None,
            "reason": "",
            "priority": 0,
        }
        info |= {"input": [], "output": [], "log": [], "wildcards": {}, "threads": 1, "resources": {}}
        one.emit(record(number, LogEvent.JOB_INFO, rule_name=rule, jobid=number, **info))
    for at, (rule, number) in zip((31, 61, 62), started, strict=True):
        one.emit(record(at, LogEvent.JOB_FINISHED, f"Finished jobid: {number} (Rule: {rule})", job_id=number))
        one.emit(record(at, LogEvent.PROGRESS, done=number, total=4))


def test_a_line_beside_snakemakes_own_says_how_far_a_rule_is(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    run(handler(stream, monkeypatch, Quietness.RULES))
    told = [line for line in stream.getvalue().splitlines() if line and not line.startswith("[")]
    assert told == [
        "Job stats",
        "Finished jobid: 1 (Rule: parcellate)",
        "1 of 4 steps (25%) done",
        "connect: parcellate 1 of 3 scans, 2 per min, 60 s left",
        "Finished jobid: 2 (Rule: parcellate)",
        "2 of 4 steps (50%) done",
        "connect: parcellate 2 of 3 scans, 2 per min, 30 s left",
        "Finished jobid: 3 (Rule: denoise)",
        "3 of 4 steps (75%) done",
    ]


@pytest.mark.parametrize("quiet", [Quietness.PROGRESS, Quietness.ALL])
def test_who_wants_no_progress_gets_none(quiet: Quietness, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    run(handler(stream, monkeypatch, quiet))
    assert "connect:" not in stream.getvalue()


def test_snakemake_finds_the_plugin_and_loses_none_of_its_lines(tmp_path: Path, root: Path) -> None:
    rules = 'rule all:\n    input:\n        expand("{n}.txt", n=range(3)),\n\n\n'
    rules += 'rule draw:\n    output:\n        "{n}.txt",\n    shell:\n        "touch {output}"\n'
    tmp_path.joinpath("Snakefile").write_text(rules)
    told = {}
    for name, words in (("default", []), ("connect", ["--logger", "connect"])):
        command = [sys.executable, "-m", "snakemake", "--cores", "1", "--forceall", *words]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
        told[name] = done.stderr.splitlines()
    ours = [line for line in told["connect"] if line.startswith("connect: ")]
    assert [line.split(",")[0] for line in ours[:2]] == [f"connect: draw {n} of 3 figures" for n in (1, 2)]
    assert re.fullmatch(r"connect: draw 3 of 3 figures in \d+ s", ours[2])
    same = [[line for line in lines if line.startswith(("Finished", "    output", "rule ")) or " steps " in line]
            for lines in told.values()]  # fmt: skip
    assert sorted(same[0]) == sorted(same[1])
    assert len(same[0]) == 11
    profiles = [path.read_text() for path in (root / "profiles").glob("*/config.yaml")]
    assert len(profiles) == 3
    assert all("\nlogger: connect\n" in text for text in profiles)


def test_a_failure_is_told_to_who_wants_no_rules(tmp_path: Path) -> None:
    """And the log of the job with it, in which the four parts of a mistake stand."""
    rule = 'rule draw:\n    output:\n        "a.txt",\n    log:\n        "draw.log",\n    shell:\n'
    tmp_path.joinpath("Snakefile").write_text(f'{rule}        "echo what is wrong > {{log}}; exit 2"\n')
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--show-failed-logs", "--logger", "connect"]
    told = {}
    for quiet in ("rules", "all"):
        done = subprocess.run([*command, "--quiet", quiet], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 1
        told[quiet] = done.stderr
    assert "Error in rule draw" in told["rules"]
    assert "what is wrong" in told["rules"]
    assert "jobid: 0" not in told["rules"].split("Error in rule draw")[0]
    assert "Error in rule draw" not in told["all"]
