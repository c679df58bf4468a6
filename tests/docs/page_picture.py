"""The README's picture: two parts of a real page of explain, as Chromium shows it.

    python -m tests.docs.page_picture

It needs the system's chromium, as the tests of pages do.
"""

import io
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image

from tests.browser import run_browser
from tests.docs.pages import DOCS

PICTURE = DOCS / "images" / "explain.png"
TEXT = "Once upon a time, there was a little girl named Lily. One day, Lily"
WIDTH, HEIGHT, GAP = 640, 1040, 24  # pixels
COLOURS = 128


def make() -> None:
    """Write the page, and show two parts of it side by side: its top, and one head of attention."""
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "page.html"
        command = [sys.executable, "-m", "llmcli", "explain", TEXT, "--lang", "en", "-q"]
        subprocess.run([*command, "-o", str(page)], check=True)
        with run_browser() as browser, browser.open(page, WIDTH) as tab:
            head = tab.page.locator("#attention h3").first.bounding_box()
            parts = [_part(tab.page, 0), _part(tab.page, head["y"])]
    picture = Image.new("RGB", (2 * WIDTH + GAP, HEIGHT), "white")
    for at, part in enumerate(parts):
        picture.paste(part, (at * (WIDTH + GAP), 0))
    picture = picture.convert("P", palette=Image.Palette.ADAPTIVE, colors=COLOURS)
    picture.save(PICTURE, optimize=True)


def _part(page: Any, top: float) -> Image.Image:
    clip = {"x": 0, "y": top, "width": WIDTH, "height": HEIGHT}
    return Image.open(io.BytesIO(page.screenshot(full_page=True, clip=clip)))


if __name__ == "__main__":
    make()
