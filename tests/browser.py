"""Opens pages in a real Chromium: what they request, what fails, what axe finds, how they look.

    def test_...(browser):
        with browser.open(path, width=320, scheme="dark") as tab:
            tab.page.click("text=...")         # playwright's page
            tab.require_clean()                # no request, no error, axe without findings

`browser` is a fixture of the whole session (tests/conftest.py); tests are skipped where there is no
Chromium.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
AXE = {"resultTypes": ["violations"], "rules": {"target-size": {"enabled": True}}}
ALIKE = ("tbody tr", "ol.bars li", ".multiples button")
"""Elements of long rows: axe looks at the first three of each, as the others are made alike."""
CONTEXT = {"exclude": [[f"{each}:nth-child(n+4)"] for each in ALIKE]}
HEIGHT = 900
BEYOND = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@dataclass
class Tab:
    """A page that is open, and what it did."""

    page: Any
    """Of playwright."""
    requests: list[str] = field(default_factory=list)
    """All requests but the file itself and data: URLs."""
    errors: list[str] = field(default_factory=list)
    """Errors and warnings of the console, and exceptions that nothing caught."""

    def findings(self) -> list[str]:
        """What axe finds, a line a rule and element."""
        from axe_playwright_python.sync_playwright import Axe

        violations = Axe().run(self.page, CONTEXT, AXE).response["violations"]
        return [
            f"{rule['id']}: {node['html'][:200]} {node['failureSummary']}"
            for rule in violations
            for node in rule["nodes"]
        ]

    def require_clean(self, *, axe: bool = True) -> None:
        """Fail if the page requested anything, or had an error, or axe finds something.

        The body must not scroll sideways.
        """
        problems = [f"request: {url}" for url in self.requests]
        problems += [f"error: {error}" for error in self.errors]
        beyond = self.page.evaluate(BEYOND)
        if beyond > 0:
            problems.append(f"the body scrolls sideways, by {beyond} pixels")
        if axe:
            problems += self.findings()
        if problems:
            pytest.fail("\n".join(problems))

    def show(
        self, *, width: int | None = None, scheme: Literal["light", "dark"] | None = None
    ) -> None:
        """Change the width in pixels, or the colour scheme."""
        if width is not None:
            self.page.set_viewport_size({"width": width, "height": HEIGHT})
        if scheme is not None:
            self.page.emulate_media(color_scheme=scheme)
            self.page.wait_for_selector(f"html[data-scheme={scheme}]")

    def picture(self, path: Path) -> None:
        """Save a screenshot of the whole page."""
        self.page.screenshot(path=str(path), full_page=True)


@dataclass(frozen=True)
class Browser:
    """A Chromium without a window."""

    chromium: Any

    @contextmanager
    def open(
        self, path: Path, width: int = 1400, scheme: Literal["light", "dark"] = "light"
    ) -> Iterator[Tab]:
        """Open a page from its file, and wait until it is drawn."""
        context = self.chromium.new_context(
            viewport={"width": width, "height": HEIGHT},
            color_scheme=scheme,
            reduced_motion="reduce",
        )
        try:
            page = context.new_page()
            tab = Tab(page)
            address = path.resolve().as_uri()
            page.on("request", lambda request: _record(tab, request.url, address))
            page.on("pageerror", lambda error: tab.errors.append(str(error)))
            page.on("console", lambda message: _hear(tab, message))
            page.goto(address)
            page.wait_for_selector("html[data-ready]", timeout=60_000)
            yield tab
        finally:
            context.close()


def _record(tab: Tab, url: str, address: str) -> None:
    if url.split("#")[0] != address and not url.startswith("data:"):
        tab.requests.append(url)


def _hear(tab: Tab, message: Any) -> None:
    if message.type in ("error", "warning"):
        tab.errors.append(f"{message.text} ({message.location})")


def find_chromium() -> str | None:
    """The path of the system's Chromium, or None."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


@contextmanager
def run_browser() -> Iterator[Browser]:
    """Start a Chromium, and end it. Skips the test where there is none."""
    path = find_chromium()
    if path is None:
        pytest.skip("no Chromium on this machine")
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-gpu"]
        )
        try:
            yield Browser(chromium)
        finally:
            chromium.close()
