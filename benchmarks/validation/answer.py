"""The short answer: in how many cases Octolith's rocks err less than its peers', and how much."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from statistics import median

from validation.cases import CASES
from validation.methods import TITLES
from validation.records import Record, error
from validation.targets import INTERPOLATIONS, MEASURES, OF_MINERALS, ROCKS, minerals_of

All = Mapping[tuple[str, str], Record]

PEERS = {"the best interpolation": INTERPOLATIONS, "the dense GAN of 10 minutes": ("dense",)}


def answer(records: All) -> Iterator[str]:
    """Markdown: a row a measure of the pore, a column a rock and peer."""
    columns = [(rock, peer) for peer in PEERS for rock in ROCKS if compared(records, rock, peer)]
    if not columns:
        return
    yield "## The short answer\n"
    yield (
        "Of the pore (and of each mineral of the rocks of more than two phases), over the rocks "
        "whose truth is known: in how many Octolith errs less, and in brackets the median of its "
        "error over the other's. *The best interpolation* is the "
        "one of nearest, trilinear and cubic that is best in that measure and rock, which nobody "
        "could choose without the truth. (The error of IoU is 1 - IoU.)\n"
    )
    yield "| | " + " | ".join(f"{TITLES[rock]}, against {peer}" for rock, peer in columns) + " |"
    yield "|---" * (len(columns) + 1) + "|"
    for minerals, asked in ((False, MEASURES), (True, OF_MINERALS)):
        for name, words in asked.items():
            cells = [_cell(ratios(records, rock, peer, name, minerals)) for rock, peer in columns]
            yield f"| {'minerals: ' * minerals}{words} | " + " | ".join(cells) + " |"


def compared(records: All, rock: str, peer: str) -> list[str]:
    """The cases in which both were measured."""
    return [c for c in CASES if all((c, m) in records for m in (rock, *PEERS[peer]))]


def ratios(records: All, rock: str, peer: str, name: str, minerals: bool = False) -> list[float]:
    """The rock's error over the peer's, of each case's pore or of each of its minerals.

    Not where the peer has no error.
    """
    found = []
    for case in compared(records, rock, peer):
        for phase in minerals_of(records[case, rock]) if minerals else ["pore"]:
            own = error(records[case, rock], name, phase)
            others = [error(records[case, method], name, phase) for method in PEERS[peer]]
            known = [other for other in others if other is not None]
            if own is not None and known and min(known) > 0:
                found.append(own / min(known))
    return found


def _cell(found: list[float]) -> str:
    if not found:
        return "–"
    less = sum(ratio < 1 for ratio in found)
    return f"{less} of {len(found)} ({median(found):.2f})"
