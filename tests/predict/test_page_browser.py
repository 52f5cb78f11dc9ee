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
            assert page.evaluate("[...document.images].every(i => i.complete && i.naturalWidth > 0)")
            assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(14, 19, 24)"
            page.close()
