"""The documentation builds as a site, and its links lead somewhere."""

import html
import re
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tests.docs.pages import ROOT, page_id, without_code

LINK = re.compile(r"\]\(([^)\s]+)\)")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site, built strictly: a warning is an error."""
    pytest.importorskip("zensical", reason="zensical needs Python 3.11 or later")
    folder = tmp_path_factory.mktemp("site")
    shutil.copytree(ROOT / "docs", folder / "docs")
    shutil.copy(ROOT / "zensical.toml", folder)
    command = [sys.executable, "-m", "zensical", "build", "--strict"]
    process = subprocess.run(command, cwd=folder, capture_output=True, encoding="utf-8")
    assert process.returncode == 0, process.stdout + process.stderr
    return folder / "site"


def test_every_link_of_the_site_leads_to_a_page_and_a_heading(site):
    pages = {path: path.read_text("utf-8") for path in site.rglob("*.html")}
    assert len(pages) > len(list((ROOT / "docs").rglob("*.md")))
    broken = [
        f"{page.relative_to(site)}: {link}"
        for page, text in pages.items()
        if page.name != "404.html"
        for link in set(re.findall(r'<a [^>]*href="([^"]+)"', text))
        if not leads_somewhere(link, page, pages)
    ]
    assert broken == []


def leads_somewhere(link: str, page: Path, pages: dict[Path, str]) -> bool:
    """True for links to elsewhere, and to a page of the site or a heading on it."""
    parts = urlsplit(html.unescape(link))
    if parts.scheme or parts.netloc:
        return True
    target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
    if target.is_dir():
        target = target / "index.html"
    anchor = unquote(parts.fragment)
    if target not in pages:
        return target.exists() and not anchor
    return not anchor or f'id="{html.escape(anchor)}"' in pages[target]


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md", "CONTRIBUTING.md"])
def test_links_of_the_pages_outside_the_site_lead_to_files(name):
    text = without_code((ROOT / name).read_text("utf-8"))
    links = [link for link in LINK.findall(text) if "://" not in link]
    assert [link for link in links if not (ROOT / link.partition("#")[0]).exists()] == []


def test_the_site_fetches_nothing_from_elsewhere(site):
    """A reader without a connection sees all of it."""
    loads = re.compile(r'<(?:script|img|link rel="stylesheet")[^>]*(?:src|href)="(https?:[^"]+)')
    found = {
        (page_id(ROOT / page.relative_to(site)), address)
        for page in site.rglob("*.html")
        for address in loads.findall(page.read_text("utf-8"))
    }
    assert found == set()
