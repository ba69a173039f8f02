"""A logger plugin of Snakemake: how many jobs of a rule are done, how fast, and how long the others will take.

It adds a line to what Snakemake writes by itself, and changes none of that: Snakemake's own handler writes the rest,
one after the other with ours, so that no line begins in the middle of another. Snakemake finds the package by its name;
``logger: connect`` in a profile, or ``--logger connect``, switches it on.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from logging import LogRecord
from typing import Any

from snakemake.logging import ColorizingTextHandler, DefaultFilter, DefaultFormatter
from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

UNITS = {"fetch": "scans", "parcellate": "scans", "preprocess": "participants", "draw": "figures"}
"""What a job of a rule is about; `jobs` of others."""

SILENT = ("ALL", "PROGRESS")
"""What Snakemake is quiet about when nobody wants to know how far it is."""

FAILED = (LogEvent.JOB_ERROR, LogEvent.GROUP_ERROR)
"""What `--quiet rules` leaves out too, if it is Snakemake that writes: which job failed, and what its log says."""


@dataclass
class Count:
    """Jobs of a rule: when the first one started (s), how many are done, and of how many."""

    total: int
    started: float | None = None
    done: int = 0

    def told(self, rule: str, now: float) -> str:
        """Return how far the rule is.

        Examples
        --------
        >>> Count(total=20, started=0.0, done=12).told("parcellate", 240.0)
        'connect: parcellate 12 of 20 scans, 3 per min, 3 min left'
        """
        unit = next((unit for stage, unit in UNITS.items() if rule in (stage, f"connect_{stage}")), "jobs")
        count = f"connect: {rule} {self.done} of {self.total} {unit}"
        elapsed = max(now - (now if self.started is None else self.started), 1e-3)
        if self.done >= self.total:
            return f"{count} in {duration(elapsed)}"
        left = elapsed / self.done * (self.total - self.done)
        rate = 60 * self.done / elapsed
        return f"{count}, {rate:.{0 if rate >= 10 else 2}{'f' if rate >= 10 else 'g'}} per min, {duration(left)} left"


class LogHandler(LogHandlerBase):
    """Counts what Snakemake starts and finishes."""

    def __post_init__(self) -> None:
        common = self.common_settings
        self.stream = sys.stdout if common.stdout else sys.stderr
        self.default = ColorizingTextHandler(nocolor=common.nocolor, stream=self.stream)
        self.default.setFormatter(DefaultFormatter(common.quiet, common.show_failed_logs))
        self.default.addFilter(
            DefaultFilter(common.quiet, common.debug_dag, common.verbose, common.dryrun, common.printshellcmds)
        )
        self.counts: dict[str, Count] = {}
        self.rules: dict[int, str] = {}
        self.told: list[str] = []

    @property
    def writes_to_stream(self) -> bool:
        """Yes: in place of Snakemake's own handler, to which it passes everything on."""
        return True

    @property
    def writes_to_file(self) -> bool:
        """No."""
        return False

    @property
    def has_filter(self) -> bool:
        """Yes: with `--quiet rules` Snakemake's would hide which job is of which rule."""
        return True

    @property
    def has_formatter(self) -> bool:
        """Yes."""
        return True

    @property
    def needs_rulegraph(self) -> bool:
        """No."""
        return False

    def emit(self, record: LogRecord) -> None:
        """Let Snakemake write its message, and tell how far the rules are of which jobs are done."""
        event, quiet = vars(record).get("event"), {one.name for one in self.common_settings.quiet or ()}
        if event in FAILED and "ALL" not in quiet:
            self.default.emit(record)
        else:
            self.default.handle(record)
        self.take(vars(record))
        if event == LogEvent.PROGRESS and self.told:
            if not quiet & set(SILENT):
                self.stream.write("".join(f"{line}\n" for line in self.told))
                self.stream.flush()
            self.told = []

    def take(self, record: Mapping[str, Any]) -> None:
        """Take note of a message."""
        event = record.get("event")
        if event == LogEvent.RUN_INFO:
            for rule, total in record["stats"].items():
                self.counts.setdefault(rule, Count(total)).total = total
        elif event == LogEvent.JOB_INFO:
            self.rules[record["jobid"]] = rule = record["rule_name"]
            count = self.counts.get(rule)
            if count and count.started is None:
                count.started = record["created"]
        elif event == LogEvent.JOB_FINISHED:
            rule = self.rules.get(record["job_id"], "")
            count = self.counts.get(rule)
            if count and count.total > 1:
                count.done += 1
                self.told.append(count.told(rule, record["created"]))


def duration(seconds: float) -> str:
    """Return a time in words, as exactly as one wants to know it.

    Examples
    --------
    >>> duration(42), duration(260), duration(9000)
    ('42 s', '4 min', '2 h 30 min')
    """
    minutes = round(seconds / 60)
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"
