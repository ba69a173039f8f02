"""A browser without a network, and the sample's page in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from shutil import which

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.workflow.study import Study

# What WebGL shows is drawn by a program where there is no graphics card.
FLAGS = ("--no-sandbox", "--enable-unsafe-swiftshader")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Return Chromium; skip where it cannot be had."""
    program = which("chromium")
    if not program:
        pytest.skip("needs chromium: tests/browser/install.sh")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=[*FLAGS])
        yield started
        started.close()


@pytest.fixture(scope="session")
def report(finished: Study) -> Path:
    """Return the page of the sample."""
    return finished.file("results", "sample", "report", "report.html")


@pytest.fixture(scope="session")
def opened(browser: Browser, report: Path) -> Iterator[tuple[Page, list[str]]]:
    """Return the open page, and what it asked the network for or complained of since."""
    wrong: list[str] = []
    context = browser.new_context(offline=True)
    page = context.new_page()
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("requestfailed", lambda request: wrong.append(f"failed: {request.url[:80]}"))
    page.on("request", lambda request: None if asks_nobody(request.url) else wrong.append(request.url[:80]))
    page.goto(report.as_uri())
    page.wait_for_selector("html[data-ready]", state="attached")
    yield page, wrong
    context.close()


@pytest.fixture
def page(opened: tuple[Page, list[str]]) -> Iterator[Page]:
    """Return the open page at its top; it must ask nobody for anything and complain of nothing."""
    page, wrong = opened
    page.set_viewport_size({"width": 1280, "height": 900})
    page.emulate_media(media="screen", color_scheme="light")
    page.evaluate("location.hash = ''")
    yield page
    found = wrong.copy()
    wrong.clear()
    assert found == []


def asks_nobody(address: str) -> bool:
    """Return whether an address is on this machine."""
    return address.startswith(("file:", "data:", "blob:", "about:"))
