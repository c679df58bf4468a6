"""python -m tests.docs: rewrite what the pages take from the program.

A page on which a command newly fails keeps that output, and the exit code is 1: the failure is
printed. Small differences of fractions are left alone.
"""

import argparse
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.docs.pages import PAGES, page_id
from tests.docs.reference import renew
from tests.docs.transcripts import rewrite


def update(page: Path, text: str) -> list[str]:
    """Rewrite the transcripts of one page; say what became of it; return the failures."""
    start = time.monotonic()
    new, failures = rewrite(text)
    state = "rewritten" if new != page.read_text("utf-8") else "unchanged"
    page.write_text(new, "utf-8")
    print(f"{time.monotonic() - start:6.1f} s  {state}  {page_id(page)}", flush=True)
    return [f"{page_id(page)}\n{failure}" for failure in failures]


def main() -> int:
    """Rewrite pages, several at a time."""
    parser = argparse.ArgumentParser("python -m tests.docs", description=__doc__)
    parser.add_argument("pages", metavar="PAGE", nargs="*", help="a page  [default: all]")
    only_references = "leave the transcripts alone, which takes seconds"
    parser.add_argument("--references", action="store_true", help=only_references)
    given = parser.parse_args()
    pages = [Path(name).resolve() for name in given.pages] or PAGES
    texts = [renew(page.read_text("utf-8")) for page in pages]
    if given.references:
        for page, text in zip(pages, texts, strict=True):
            page.write_text(text, "utf-8")
        return 0
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        failures = [failure for page in pool.map(update, pages, texts) for failure in page]
    print("\n".join(failures), end="", file=sys.stderr)
    return bool(failures)


if __name__ == "__main__":
    sys.exit(main())
