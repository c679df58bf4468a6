"""python -m tests.docs [PAGE...]: rewrite the transcripts of these pages, or of all.

A page on which a command newly fails keeps that output, and the exit code is 1: the failure is
printed. Small differences of fractions are left alone.
"""

import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.docs.pages import PAGES, page_id
from tests.docs.transcripts import rewrite


def update(page: Path) -> list[str]:
    """Rewrite one page; say what became of it; return the failures."""
    start = time.monotonic()
    text = page.read_text("utf-8")
    new, failures = rewrite(text)
    page.write_text(new, "utf-8")
    state = "rewritten" if new != text else "unchanged"
    print(f"{time.monotonic() - start:6.1f} s  {state}  {page_id(page)}", flush=True)
    return [f"{page_id(page)}\n{failure}" for failure in failures]


def main() -> int:
    """Rewrite pages, several at a time."""
    pages = [Path(name).resolve() for name in sys.argv[1:]] or PAGES
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        failures = [failure for page in pool.map(update, pages) for failure in page]
    print("\n".join(failures), end="", file=sys.stderr)
    return bool(failures)


if __name__ == "__main__":
    sys.exit(main())
