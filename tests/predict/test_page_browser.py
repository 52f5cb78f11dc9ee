"""The page in a real browser: nothing wider than the window, no complaint of the policy, both colour schemes."""

import os
import shutil

import pytest

from prima.predict.page import render_page

CHROMIUM = os.environ.get("PRIMA_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium; install it or set PRIMA_CHROMIUM to one")


@pytest.fixture(scope="module")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


def test_no_overflow_and_no_complaint(examples, browser, tmp_path):
    pictures = examples.phantom_pictures()
    pages = {
        "explained": examples.explained_findings(),
        "unanswered": examples.unanswered_findings(),
        "scores only": examples.scores_only_findings(),
        "untrained": examples.untrained_findings(),
        "refused": examples.refused_findings(),
    }
    for name, findings in pages.items():
        path = tmp_path / f"{name}.html"
        path.write_text(render_page(findings, pictures), "utf-8")
        for width in (1280, 390):
            page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme="dark")
            complaints = []
            page.on("console", lambda message, found=complaints: found.append(message.text))
            page.goto(path.as_uri())
            assert complaints == []
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            for summary in page.locator("summary").all():
                summary.click()
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            hidden = """[...document.querySelectorAll('.panel *')].filter(e => !e.closest('.unseen, thead')
                && e.getBoundingClientRect().right > innerWidth + 1).length"""
            assert page.evaluate(hidden) == 0
            assert page.evaluate(
                "[...document.images].filter(i => !i.matches('.strip')).every(i => i.complete && i.naturalWidth > 0)"
            )
            assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(14, 19, 24)"
            page.close()


def test_every_slice_by_keys_wheel_and_slider(examples, browser, tmp_path):
    path = tmp_path / "page.html"
    path.write_text(render_page(examples.calibrated_findings(), examples.phantom_pictures()), "utf-8")
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    complaints = []
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(path.as_uri())
    page.locator(".open").first.click()
    viewer = page.locator("dialog[open]")
    place, strip, frame = (viewer.locator(name) for name in (".place-of-slice", ".strip", ".slice-frame"))
    count, middle = (int(viewer.get_attribute(f"data-{name}")) for name in ("slices", "first"))
    assert place.inner_text() == f"slice {middle + 1} of {count}"
    page.keyboard.press("Home")
    corners = {strip.evaluate("e => e.style.transform")}
    for index in range(1, count):
        page.keyboard.press("ArrowDown")
        assert place.inner_text() == f"slice {index + 1} of {count}"
        corners.add(strip.evaluate("e => e.style.transform"))
    assert len(corners) == count
    page.keyboard.press("ArrowDown")
    assert place.inner_text() == f"slice {count} of {count}"
    frame.hover()
    page.mouse.wheel(0, -80)
    page.wait_for_function(
        f"document.querySelector('dialog[open] .place-of-slice').textContent == 'slice {count - 2} of {count}'"
    )
    box = frame.bounding_box()
    page.mouse.move(box["x"] + 100, box["y"] + 100)
    page.mouse.down()
    page.mouse.move(box["x"] + 150, box["y"] + 80)
    page.mouse.up()
    assert strip.evaluate("e => e.style.filter") == "brightness(120%) contrast(150%)"
    viewer.locator(".reset").click()
    assert strip.evaluate("e => e.style.filter") == "brightness(100%) contrast(100%)"
    page.keyboard.press("Escape")
    assert page.locator("dialog[open]").count() == 0
    assert complaints == []
    page.close()
