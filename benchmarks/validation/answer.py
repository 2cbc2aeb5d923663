"""The short answer: in how many cases Octolith's rocks err less than its peers', and how much."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from statistics import median

from validation.cases import CASES
from validation.methods import TITLES
from validation.records import Record, error
from validation.targets import ALSO, INTERPOLATIONS, NAMES, ROCKS

All = Mapping[tuple[str, str], Record]

MEASURES = NAMES | ALSO
PEERS = {"the best interpolation": INTERPOLATIONS, "the dense GAN of 10 minutes": ("dense",)}


def answer(records: All) -> Iterator[str]:
    """Markdown: a row a measure of the pore, a column a rock and peer."""
    columns = [(rock, peer) for peer in PEERS for rock in ROCKS if compared(records, rock, peer)]
    if not columns:
        return
    yield "## The short answer\n"
    yield (
        "Of the pore, over the rocks whose truth is known: in how many of them Octolith errs less, "
        "and in brackets the median of its error over the other's. *The best interpolation* is the "
        "one of nearest, trilinear and cubic that is best in that measure and rock, which nobody "
        "could choose without the truth. (The error of IoU is 1 - IoU.)\n"
    )
    yield "| | " + " | ".join(f"{TITLES[rock]}, against {peer}" for rock, peer in columns) + " |"
    yield "|---" * (len(columns) + 1) + "|"
    for name, words in MEASURES.items():
        cells = [_cell(ratios(records, rock, peer, name)) for rock, peer in columns]
        yield f"| {words} | " + " | ".join(cells) + " |"


def compared(records: All, rock: str, peer: str) -> list[str]:
    """The cases in which both were measured."""
    return [c for c in CASES if all((c, m) in records for m in (rock, *PEERS[peer]))]


def ratios(records: All, rock: str, peer: str, name: str) -> list[float]:
    """The rock's error over the peer's, a case each; not where the peer has none."""
    found = []
    for case in compared(records, rock, peer):
        own = error(records[case, rock], name, "pore")
        others = [error(records[case, method], name, "pore") for method in PEERS[peer]]
        known = [other for other in others if other is not None]
        if own is not None and known and min(known) > 0:
            found.append(own / min(known))
    return found


def _cell(found: list[float]) -> str:
    if not found:
        return "–"
    less = sum(ratio < 1 for ratio in found)
    return f"{less} of {len(found)} ({median(found):.2f})"
