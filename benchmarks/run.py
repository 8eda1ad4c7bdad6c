"""Measure everything and write docs/performance.md.

python benchmarks/run.py [--quick] [--only CHAPTER] [--dry]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "performance.md"
CHAPTERS = ("kernels", "memory", "step_cost", "ten_steps", "noop", "handover", "example", "peers")


def main() -> None:
    from importlib import import_module

    from benchmarks import report

    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument(
        "--quick", action="store_true", help="few repetitions: a quarter of an hour instead of half an hour and more"
    )
    asked.add_argument("--only", choices=CHAPTERS, action="append", help="these alone; prints, and writes no page")
    asked.add_argument("--dry", action="store_true", help="print, and write no page")
    given = asked.parse_args()
    chapters: list[report.Chapter] = []
    loads = [report.load()]
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as folder:
        for name in given.only or CHAPTERS:
            print(f"measuring: {name}", file=sys.stderr, flush=True)
            found = import_module(f"benchmarks.{name}").measure(Path(folder) / name, quick=given.quick)
            found = found if isinstance(found, list) else [found]
            # An hour's work is not lost with the chapter that fails.
            print(report.tables(found), file=sys.stderr, flush=True)
            chapters += found
            loads.append(report.load())
    page = report.page(chapters, loads, quick=given.quick)
    print(page)
    if not given.dry and not given.only:
        PAGE.write_text(page, encoding="utf-8")
        report.picture(chapters, PAGE.with_suffix(".svg"))


if __name__ == "__main__":
    # Python puts this folder first, and the checkout nowhere.
    sys.path[0] = str(ROOT)
    main()
