"""How far long work has come: count, rate and time left on the terminal, and nothing where there is none.

In the log of a job nothing is written: Snakemake tells how many jobs are done, and ``snakemake_logger_plugin_connect``
how long the others take.
"""

from __future__ import annotations

import multiprocessing
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")

DELAY = 0.5
"""Seconds before anything is shown, so that what is quick leaves nothing behind."""

FORMAT = "{desc}: {n_fmt} of {total_fmt}, {rate_noinv_fmt}, {remaining} left"

_OUTERMOST = threading.Lock()
"""Held by the loop that is shown; loops inside it are not."""


def progress(items: Iterable[T], what: str, total: int, size: Callable[[T], int] | None = None) -> Iterable[T]:
    """Pass items on, and show on the terminal how many are done, how fast, and how long the others will take.

    Parameters
    ----------
    items
        What is worked on.
    what
        What it is, in words.
    total
        How many there are, or the sum of their sizes.
    size
        How much an item counts; 1 without it.

    Returns
    -------
    Iterable
        The items themselves if standard error is no terminal, or in a process that another one started.
    """
    if not sys.stderr.isatty() or multiprocessing.parent_process() is not None:
        return items
    return _shown(items, what, total, size)


def _shown(items: Iterable[T], what: str, total: int, size: Callable[[T], int] | None) -> Iterator[T]:
    if not _OUTERMOST.acquire(blocking=False):
        yield from items
        return
    from tqdm import tqdm

    try:
        with tqdm(desc=what, total=total, unit="", delay=DELAY, leave=False, bar_format=FORMAT) as bar:
            for item in items:
                yield item
                bar.update(size(item) if size else 1)
    finally:
        _OUTERMOST.release()
