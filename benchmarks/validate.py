"""Is the super-resolved rock closer to the truth? Measure methods on rocks whose truth is known,
and on rocks that have but 2D images to be compared with.

    python benchmarks/validate.py                              # every case and method: hours
    python benchmarks/validate.py --case berea-4x --method octolith
    python benchmarks/validate.py --page                       # the page alone, of what there is

OCTOLITH_ROCK_DATA is the folder of real rock. What has been measured is kept in
results/validation and is not measured again; docs/validation.md and docs/validation.json are
written from it.
"""

from __future__ import annotations

import argparse
from itertools import product
from pathlib import Path

from octolith.files import atomic
from validation.cases import CASES
from validation.methods import METHODS, fits
from validation.page import page
from validation.records import Records
from validation.run import measure
from validation.unpaired import UNPAIRED

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"


def main() -> None:
    """Measure what is asked for, then write the page of all there is."""
    cases = CASES | UNPAIRED
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--case", nargs="*", choices=cases, default=list(cases))
    parser.add_argument("--method", nargs="*", choices=METHODS, default=list(METHODS))
    parser.add_argument("--threads", type=int, default=1, help="of a training")
    parser.add_argument("--page", action="store_true", help="write the page, measure nothing")
    chosen = parser.parse_args()
    records = Records(ROOT / "results" / "validation", DOCS / "validation.json")
    if not chosen.page:
        for case, method in product(chosen.case, chosen.method):
            if not fits(case, method):
                continue
            record = measure(case, method, records, DOCS / "figures", chosen.threads)
            print(case, method, summary(record), flush=True)
    records.publish()
    with atomic(DOCS / "validation.md") as temporary:
        temporary.write_text(page(records.all(), DOCS / "figures"))


def summary(record: dict) -> str:
    """A record in a line."""
    chosen = ("iou", "volume_fraction", "specific_surface", "two_point_correlation",
              "lineal_path", "pore_size", "permeability", "diffusivity")  # fmt: skip
    of_pore = {row["measure"]: row for row in record["measures"] if row["phase"] == "pore"
               and row["other"] in ("", "pore")}  # fmt: skip
    found = {name: of_pore[name]["error"] for name in chosen if name in of_pore}
    if "iou" in found:
        found["iou"] = 1 - found["iou"]
    return " ".join(f"{name} {value:.3f}" for name, value in found.items())


if __name__ == "__main__":
    main()
