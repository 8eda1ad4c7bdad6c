"""Measure everything, or some chapters anew, and write docs/performance.md.

python benchmarks/run.py [--quick] [--only CHAPTER] [--dry]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "performance.md"
CHAPTERS = (
    *("kernels", "memory", "step_cost", "ten_steps", "noop", "handover", "metadata", "example", "peers", "serving"),
)


def main() -> None:
    from importlib import import_module

    from benchmarks import report

    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument(
        "--quick", action="store_true", help="few repetitions: a quarter of an hour instead of half an hour and more"
    )
    asked.add_argument("--only", choices=CHAPTERS, action="append", help="these alone; the page keeps the others")
    asked.add_argument("--dry", action="store_true", help="print what is measured, and keep nothing")
    given = asked.parse_args()
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as folder:
        for name in given.only or CHAPTERS:
            print(f"measuring: {name}", file=sys.stderr, flush=True)
            before = report.load()
            found = import_module(f"benchmarks.{name}").measure(Path(folder) / name, quick=given.quick)
            chapters = found if isinstance(found, list) else [found]
            print(report.tables(chapters), flush=True)
            if not given.dry:
                # An hour's work is not lost with the chapter that fails.
                report.keep(report.measured(name, chapters, (before, report.load()), quick=given.quick))
    if not given.dry:
        report.write(CHAPTERS, PAGE)


if __name__ == "__main__":
    # Python puts this folder first, and the checkout nowhere.
    sys.path[0] = str(ROOT)
    main()
