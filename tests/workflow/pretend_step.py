"""Stands in for workflow/scripts/step.py: every output is a digest of all that a job was given.

So a chain runs in seconds, and two runs are equal exactly if every job had equal inputs. Faults
are injected by files in ``faults/``, named like a job's first output with ``_`` for ``/``; each
strikes once. ``ran.txt`` lists the jobs that came to their end.
"""

from __future__ import annotations

import hashlib
import os
import signal
import sys
import time
from pathlib import Path

# The rules ask this table how much memory super-resolution will take.
FORMS = {"log.csv": "mixed_fraction,digest\n0.3,{}\n"}
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
    strike(Path("faults", str(outputs[0]).replace("/", "_")), outputs[0])
    for path in outputs:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(FORMS.get(path.name, "{}").format(digest.hexdigest()))
    with Path("ran.txt").open("a") as ran:
        ran.write(f"{outputs[0]}\n")


def strike(fault: Path, output: Path) -> None:
    """Do what the file says, if there is one."""
    if not fault.is_file():
        return
    what = fault.read_text()
    fault.unlink()
    if what == "hang":
        time.sleep(600)
    if what == "half":
        output.write_text("half of wh")
    os.kill(os.getpid(), signal.SIGKILL)


main(*sys.argv[1:])
