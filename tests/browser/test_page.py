"""The report in a browser without a network: tables sort and save, edges are told, scans have pages, and it prints."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pandas as pd
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, expect

from connect.report import PAGE
from tests.workflow.study import Study

pytestmark = pytest.mark.slow

SHOTS = Path(__file__).parents[2] / "tmp" / "browser"
"""Where a look at the sections is kept, in each width and colour scheme."""

A4 = 680
"""Width of a page of A4 between its margins, in pixels of CSS."""

# Blocks that lie beside or below each other and share more than a pixel, and letters that are cut off.
FAULTS = """() => {
  const shown = (node) => node.checkVisibility() && !node.closest(".hidden, .skip, svg, canvas, iframe");
  const block = (node) => {
    const { display, position } = getComputedStyle(node);
    return !/^(inline|table-column)/.test(display) && position === "static";
  };
  const found = [];
  for (const parent of document.querySelectorAll("body, body *")) {
    if (!shown(parent)) continue;
    const children = [...parent.children].filter((node) => shown(node) && block(node));
    const boxes = children.map((node) => node.getBoundingClientRect()).filter((box) => box.width && box.height);
    boxes.slice(1).forEach((box, number) => {
      const before = boxes[number];
      const wide = Math.min(box.right, before.right) - Math.max(box.left, before.left);
      const high = Math.min(box.bottom, before.bottom) - Math.max(box.top, before.top);
      if (wide > 1 && high > 1) found.push(`overlap in ${parent.tagName} ${parent.id} ${parent.className}`);
    });
    const style = getComputedStyle(parent);
    const cut = ["hidden", "clip"].includes(style.overflowX) && parent.scrollWidth > parent.clientWidth + 1;
    if (cut) found.push(`clipped: ${parent.tagName} ${parent.className}`);
  }
  const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  return wide > 0 ? [...found, `the page is ${wide} px too wide`] : found;
}"""


def results(study: Study, name: str) -> pd.DataFrame:
    folder = study.file("results", "sample", "compare", "seitzman2018", "36p", "correlation", "training-by-time")
    return pd.read_csv(folder / name, sep="\t", na_values=["n/a"])


def saved(page: Page, button: Locator, folder: Path) -> Path:
    with page.expect_download() as download:
        button.click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


def opened_matrix(page: Page) -> None:
    page.locator("#matrix").evaluate("details => { details.open = true; }")
    expect(page.locator("#matrix [role=status]")).not_to_be_empty(timeout=60_000)


def test_tables_sort_by_mouse_and_keyboard(page: Page) -> None:
    table = page.locator("#robustness table").first
    table.scroll_into_view_if_needed()
    heading = table.locator("thead th").nth(2)
    cells = table.locator("tbody td:nth-child(3)")
    read = "cells => cells.map(cell => Number(cell.dataset.order))"
    before = cells.evaluate_all(read)
    heading.click()
    expect(heading).to_have_attribute("aria-sort", "ascending")
    assert cells.evaluate_all(read) == sorted(before)
    heading.get_by_role("button").focus()
    page.keyboard.press("Enter")
    expect(heading).to_have_attribute("aria-sort", "descending")
    assert cells.evaluate_all(read) == sorted(before, reverse=True)
    assert before != sorted(before)


def test_a_participant_is_found_by_one_search(page: Page) -> None:
    page.locator("#left-out").scroll_into_view_if_needed()
    search = page.get_by_label("Find a participant or a reason")
    search.fill("sub-11")
    rows = page.get_by_role("region", name="Every participant").locator("tbody tr")
    expect(rows).to_have_count(1)
    expect(rows.first).to_contain_text("training-by-time: ses-post excluded: mean FD 0.9 mm is above 0.5 mm")
    search.fill("")


def test_tables_are_saved_whole(page: Page, finished: Study, tmp_path: Path) -> None:
    section = page.locator("#model-training-by-time")
    edges = pd.read_csv(
        saved(page, section.get_by_role("button", name="CSV of the edges"), tmp_path), na_values=["n/a"]
    )
    table = results(finished, "edges.tsv")
    assert len(edges) == len(table) == 44_850
    assert (edges[["a", "b"]] == table[["a", "b"]]).all(axis=None)
    for name in ("estimate", "ci_low", "ci_high", "g", "p", "p_fwe"):
        pd.testing.assert_series_equal(edges[name], table[name], rtol=6e-4, atol=1e-9)
    names = page.locator("[data-save]").evaluate_all("buttons => [...new Set(buttons.map(one => one.dataset.save))]")
    carried = page.locator("script[id^=packed-]").evaluate_all("all => all.map(one => one.id.slice(7))")
    assert set(names) == set(carried) - {"tables.js", "brain.html"}


def test_the_matrix_tells_an_edge_to_mouse_touch_and_keyboard(page: Page, finished: Study) -> None:
    opened_matrix(page)
    matrix, told = page.locator("#matrix canvas[tabindex]"), page.locator("#matrix [role=status]")
    row, column = page.locator("#matrix [name=row]"), page.locator("#matrix [name=column]")
    box = matrix.bounding_box()
    assert box
    matrix.hover(position={"x": box["width"] * 0.3, "y": box["height"] * 0.1})
    first, second = (select.evaluate("one => one.selectedOptions[0].text") for select in (row, column))
    assert first != second
    edges = results(finished, "edges.tsv").set_index(["a", "b"])
    edge = edges.loc[(first, second) if (first, second) in edges.index else (second, first)]
    expect(told).to_contain_text(f"{first} – {second} (")
    for name in ("estimate", "ci_low", "p", "p_fwe"):
        expect(told).to_contain_text(f"{edge[name]:.4g}".replace("-", "−"))
    expect(told).to_contain_text("Fisher z (95 % CI), Hedges’ g ")
    before = told.inner_text()
    matrix.focus()
    page.keyboard.press("ArrowDown")
    expect(told).not_to_have_text(before)
    expect(column).to_have_value(column.input_value())
    row.select_option(index=7)
    column.select_option(index=7)
    expect(told).to_contain_text("a parcel with itself is no edge")


def test_the_brain_is_made_when_asked_for(page: Page) -> None:
    assert page.locator("iframe").count() == 0
    page.get_by_text("The strongest edges in a brain").click()
    brain = page.frame_locator("#brain iframe").locator("#connectome-plot canvas")
    expect(brain.first).to_be_visible(timeout=30_000)


def test_a_scan_has_a_page_with_ways_out(page: Page) -> None:
    assert page.locator("article.scan:visible").count() == 0
    page.locator("#left-out").get_by_role("link", name=re.compile("^sub-11_ses-post")).click()
    scan = page.locator("article.scan:visible")
    expect(scan).to_have_attribute("id", "scan-sub-11_ses-post")
    expect(scan).to_contain_text("Excluded: mean FD 0.9 mm is above 0.5 mm.")
    expect(scan.get_by_role("row", name="Mean FD, mm")).to_contain_text("0.900at most 0.5, not met")
    expect(page.locator("#answer")).to_be_hidden()
    scan.get_by_role("link", name="→").click()
    expect(page.locator("article.scan:visible")).to_have_attribute("id", "scan-sub-12_ses-pre")
    page.go_back()
    scan.get_by_role("link", name="←").click()
    expect(page.locator("article.scan:visible")).to_have_attribute("id", "scan-sub-11_ses-pre")
    scan.get_by_role("link", name="Who was left out").click()
    expect(page.locator("#answer")).to_be_visible()
    expect(page.locator("article.scan:visible")).to_have_count(0)


def test_the_methods_are_copied_and_saved(page: Page, finished: Study, tmp_path: Path) -> None:
    folder = finished.file("results", "sample", "report")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy as Markdown").click()
    expect(page.locator("#methods [role=status]")).to_have_text("Copied.")
    assert page.evaluate("navigator.clipboard.readText()") == (folder / "methods.md").read_text()
    for name in ("methods.md", "references.bib"):
        path = saved(page, page.locator(f"[data-save='{name}']"), tmp_path)
        assert path.read_bytes() == (folder / name).read_bytes()


def test_everything_but_the_toys_works_without_javascript(browser: Browser, report: Path, finished: Study) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(report.as_uri())
    assert page.locator("button:visible").count() == 0
    universes = [*finished.file("results", "sample", "compare", "seitzman2018").iterdir()]
    assert page.locator("#robustness table").first.locator("tbody tr").count() == len(universes)
    expect(page.get_by_text("need JavaScript, which is off")).to_be_visible()
    page.goto(f"{report.as_uri()}#scan-sub-01_ses-pre")
    expect(page.locator("#scan-sub-01_ses-pre")).to_be_visible()
    expect(page.locator("#answer")).to_be_hidden()
    context.close()


def test_it_prints_on_a4_without_cut_tables(page: Page, tmp_path: Path) -> None:
    made = page.pdf(format="A4", margin=dict.fromkeys(("top", "bottom", "left", "right"), "15mm"))
    assert made.startswith(b"%PDF")
    assert 10 < len(re.findall(rb"/Type /Page\b", made)) < 100
    page.emulate_media(media="print")
    page.set_viewport_size({"width": A4, "height": 1000})
    wide = page.locator("main :is(table, img):visible").evaluate_all(
        "all => all.map(one => one.getBoundingClientRect().right - document.body.getBoundingClientRect().right)"
    )
    assert max(wide) <= 1
    assert page.locator("article.scan:visible, nav:visible, button:visible, .toys:visible").count() == 0


@pytest.mark.parametrize(("scheme", "rules"), [("light", {}), ("dark", {"runOnly": ["color-contrast"]})])
def test_it_is_accessible(page: Page, scheme: str, rules: dict) -> None:
    """The rules of axe-core hold; of each table it looks at the first rows."""
    page.emulate_media(color_scheme=scheme)
    opened_matrix(page)
    like_others = [["tbody tr:nth-child(n+3)"], ["iframe"], ["option"], ["#model-change-in-waiting"]]
    found = Axe().run(page, context={"exclude": like_others}, options={"resultTypes": ["violations"], **rules})
    assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize("width", [1280, 400])
def test_nothing_overlaps_or_is_cut(page: Page, width: int) -> None:
    """Every section is looked at, and a page of a scan; what is seen of each is kept in `tmp/browser`."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.set_viewport_size({"width": width, "height": 900})
    opened_matrix(page)
    page.locator("#brain").evaluate("details => { details.open = false; }")
    sections = page.locator("main > section").evaluate_all("all => all.map(one => one.id)")
    for name in (*sections, "matrix", "scan-sub-11_ses-post"):
        page.evaluate("name => { location.hash = `#${name}`; }", name)
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            page.screenshot(path=SHOTS / f"{name}-{width}-{scheme}.png")
    assert page.evaluate(FAULTS) == []
    page.evaluate("location.hash = ''")
    assert page.evaluate(FAULTS) == []


def test_figures_take_half_the_room_of_their_files(report: Path, finished: Study) -> None:
    files = sum(path.stat().st_size for path in finished.file("results", "sample", "draw").glob("*/*.svg"))
    page = report.read_text(encoding="utf-8")
    shown = sum(map(len, re.findall(r'src="data:image/svg\+xml,([^"]*)"', page)))
    assert 0 < shown < 0.5 * files * 4 / 3
    assert len(page.encode()) < PAGE


def test_the_report_of_snakemake_needs_no_network(browser: Browser, finished: Study, tmp_path: Path) -> None:
    done = finished.snakemake("--report", str(tmp_path / "whole.zip"))
    assert done.returncode == 0, done.stderr[-2000:]
    shutil.unpack_archive(tmp_path / "whole.zip", tmp_path)
    context = browser.new_context(offline=True)
    page, wrong = context.new_page(), []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("requestfailed", lambda request: wrong.append(request.url[:80]))
    for category, row in (("Figures", "slopegraph"), ("Report", "the page"), ("Tables", "domain-level quantities")):
        page.goto((tmp_path / "whole" / "report.html").as_uri())
        page.get_by_text(category, exact=True).last.click()
        expect(page.get_by_text(row, exact=True).first).to_be_visible()
    context.close()
    assert wrong == []
