"""The pictures of the documentation: the report of `make demo`, and a sheet of simulated negatives.

Run after `make demo`: `.venv/bin/python runs/make_pictures.py`. Needs Chromium (PRIMA_CHROMIUM names another one).
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

from prima.simulate.negatives import SUBKINDS, Negative, make_negative, plan_negative

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"
WIDTH = 1280
TOP_HEIGHT = 1065
SERIES_SHOWN = ("Ax T2 FSE", "Ax SWAN")
"""From the row of this series to that of the other."""
TILE, COLUMNS = 128, 8
BRAIN_WINDOW_HU = (-20.0, 100.0)


def main() -> None:
    """Write every picture."""
    torch.set_num_threads(1)
    (report,) = (ROOT / "demo" / "out").glob("*/report.html")
    photograph(report)
    negatives_sheet()


def photograph(report: Path) -> None:
    """The top of the report, and the rows of some series."""
    from playwright.sync_api import sync_playwright

    chromium = os.environ.get("PRIMA_CHROMIUM") or shutil.which("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": WIDTH, "height": TOP_HEIGHT}, color_scheme="light")
        page.goto(report.as_uri())
        page.screenshot(path=IMAGES / "report.png")
        boxes = [page.get_by_text(name, exact=True).first.bounding_box() for name in SERIES_SHOWN]
        page.screenshot(path=ROOT / "demo" / "page.png", full_page=True)
        browser.close()
    first, last = (box["y"] for box in boxes if box)
    whole = Image.open(ROOT / "demo" / "page.png")
    save(whole.crop((0, round(first) - 24, WIDTH, round(last) + 252)), IMAGES / "series.png")
    save(Image.open(IMAGES / "report.png"), IMAGES / "report.png")


def negatives_sheet() -> None:
    """One series of each subkind, its middle slice, by kind."""
    names = [name for kind in SUBKINDS for name in SUBKINDS[kind] if name != "blank"]
    plans = [plan_negative(0, index) for index in range(80)]
    rows = -(-len(names) // COLUMNS)
    sheet = Image.new("L", (COLUMNS * TILE, rows * (TILE + 16)))
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(11)
    for number, name in enumerate(names):
        negative = make_negative(next(plan for plan in plans if plan.subkind == name))
        x, y = number % COLUMNS * TILE, number // COLUMNS * (TILE + 16)
        sheet.paste(tile(negative), (x, y + 16))
        draw.text((x + 3, y + 2), name.replace("_", " "), fill=255, font=font)
    save(sheet, IMAGES / "negatives.webp")


def tile(negative: Negative) -> Image.Image:
    """The middle slice of the first axial series, or of the first one."""
    volumes = [series.volume for series in negative.study.series]
    volume = next((one for one in volumes if one.plane == "axial"), volumes[0])
    voxels = volume.voxels.astype(np.float64)
    low, high = (
        BRAIN_WINDOW_HU if negative.planned.kind == "ct" else (0.0, max(1.0, float(np.percentile(voxels, 99.5))))
    )
    grey = np.clip((voxels[len(voxels) // 2] - low) / (high - low), 0, 1) * 255
    return Image.fromarray(grey.astype(np.uint8)).resize((TILE, TILE), Image.Resampling.LANCZOS)


def save(image: Image.Image, path: Path) -> None:
    """As a small file, of the kind that the name says."""
    if path.suffix == ".png":
        image = image.convert("P", palette=Image.Palette.ADAPTIVE, colors=128)
    image.save(path, optimize=True, quality=80)


if __name__ == "__main__":
    main()
