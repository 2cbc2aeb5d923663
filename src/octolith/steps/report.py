"""The steps `report` and `index`: a page a rock, and the page over all of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from octolith.report.overview import write_index
from octolith.report.page import assemble, write
from octolith.report.run import open_run
from octolith.settings import Config, Sample


def report(config: Config, sample: Sample, out_html: str | Path) -> None:
    """Write the page of one rock, and its tables and figures beside it.

    Parameters
    ----------
    config : where the results are and what was asked for.
    sample : the rock's row of the sample sheet.
    out_html : the page to be; ``report.json`` and the folder ``report`` appear beside it.

    Raises
    ------
    InputError : a result that the page cannot do without is missing or damaged.
    """
    with open_run(config, sample) as run:
        write(assemble(run), out_html)


def index(pages: Sequence[str | Path], out_html: str | Path) -> None:
    """Write the page over all rocks, and ``ro-crate-metadata.json`` beside it.

    Parameters
    ----------
    pages : the pages that `report` wrote; each has its ``report.json`` beside it.
    out_html : the page to be.

    Raises
    ------
    InputError : a page without its ``report.json``.
    """
    write_index(pages, out_html)
