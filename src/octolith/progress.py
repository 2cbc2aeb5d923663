"""Progress bars: a live bar on a terminal, a line now and then in a log file."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")


def track(
    items: Iterable[T], description: str, total: int | None = None, *, shown: bool = True
) -> tqdm[T]:
    """Iterate over ``items`` with a bar that shows rate and time left.

    Of several processes that share the work one shows it.
    """
    live = sys.stderr.isatty()
    return tqdm(
        items, description, total, file=sys.stderr, dynamic_ncols=live,
        mininterval=0.2 if live else 15.0, ascii=not live, leave=True, disable=not shown,
    )  # fmt: skip
