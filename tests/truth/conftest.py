"""Fixtures of the tests against independent implementations."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="module")
def quick_nilearn() -> Iterator[None]:
    """Keep the garbage collector, which nilearn calls at each look at an image, from walking over every module."""
    gc.freeze()
    yield
    gc.unfreeze()
