"""Do the options for anisotropic rock and for few images do what they are for?

    python benchmarks/experiments.py                        # every training: an hour of one core
    python benchmarks/experiments.py --case layers --seeds 1
    python benchmarks/experiments.py --page                 # the page alone, of what there is

`layers`: a layered rock (benchmarks/trials/layers.py), with a critic for each set of axes and with
one for all. `few`: Berea with few images (benchmarks/trials/few.py), with augmentation and without;
OCTOLITH_ROCK_DATA is the folder of real rock. What has been measured is kept in results/experiments
and is not measured again; benchmarks/results/experiments.json and docs/experiments.md are written
from it.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from octolith.files import atomic
from octolith.machine import machine
from trials.page import curves, page
from trials.runs import CASES
from validation.records import Records

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
SEEDS = (1, 2, 3)


def main() -> None:
    """Measure what is asked for and not known yet, then write the page of all there is."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--case", nargs="*", choices=CASES, default=list(CASES))
    parser.add_argument("--seeds", nargs="*", type=int, default=SEEDS)
    parser.add_argument("--method", nargs="*", help="of the case; default: all")
    parser.add_argument("--page", action="store_true", help="write the page, measure nothing")
    chosen = parser.parse_args()
    records = Records(
        ROOT / "results" / "experiments", ROOT / "benchmarks" / "results" / "experiments.json"
    )
    if not chosen.page:
        for seed in chosen.seeds:
            for case in present(chosen.case):
                measure(case, seed, records, chosen.method)
    records.publish()
    curves(records.all(), DOCS / "figures" / "experiments-layers")
    with atomic(DOCS / "experiments.md") as temporary:
        temporary.write_text(page(records.all()))


def present(cases: Sequence[str]) -> list[str]:
    """Those whose rock is there; the other is left out, aloud."""
    rock = Path(os.environ.get("OCTOLITH_ROCK_DATA", ""))
    there = (rock / "berea-binary" / "berea_binary_400.tif").is_file()
    if "few" in cases and not there:
        print("few: left out, for OCTOLITH_ROCK_DATA names no folder with berea-binary/")
    return [case for case in cases if case != "few" or there]


def measure(case: str, seed: int, records: Records, only: Sequence[str] | None) -> None:
    """Every method of a case with one seed; those that know no chance, once."""
    for name, (_, run, learns) in CASES[case].items():
        method = f"{name}-{seed}" if learns else name
        if (case, method) in records.all() or (only and name not in only):
            continue
        folder = records.path(case, method).with_suffix("")
        found = run(seed, folder, DOCS / "figures")
        record = {"case": case, "method": method, "name": name, "seed": seed if learns else 0}
        records.write(record | found | {"machine": machine()})
        print(case, method, "measured", flush=True)


if __name__ == "__main__":
    main()
