"""The pages of the documentation, and where things are in them."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("README*.md"), *DOCS.rglob("*.md")])


def page_id(page: Path) -> str:
    """Name a page by its path in the repository: `docs/tutorial.md`."""
    return page.relative_to(ROOT).as_posix()


def by_id(name: str) -> Path:
    """Find the page that `page_id` named."""
    return ROOT / name


def without_code(text: str) -> str:
    """Drop the fenced blocks of a page."""
    return re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
