"""Stands in for workflow/scripts/step.py: every output is a digest of all that a job was given.

So a chain runs in seconds, and two runs are equal exactly if every job had equal inputs.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

BESIDE = {"train": "log.csv", "superresolve": "{stem}.csv"}


def main(step: str, values: str, *words: str) -> None:
    flags: dict[str, list[str]] = {}
    for word in words:
        if word.startswith("--"):
            flags[word[2:]] = current = []
        else:
            current.append(word)
    digest = hashlib.sha256(f"{step} {values}".encode())
    outputs = []
    for name, given in flags.items():
        if name.startswith("out"):
            outputs += map(Path, given)
        elif name == "figure_stem":
            outputs += [Path(f"{given[0]}.{suffix}") for suffix in ("svg", "png")]
        elif name != "threads":
            for path in map(Path, given):
                digest.update(path.read_bytes() if path.is_file() else b"folder")
    if step in BESIDE:
        out = Path(flags["out"][0])
        outputs.append(out.with_name(BESIDE[step].format(stem=out.stem)))
    for path in outputs:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(digest.hexdigest())


main(*sys.argv[1:])
