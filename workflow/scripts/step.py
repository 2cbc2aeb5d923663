"""Run one step of the chain: `python step.py STEP VALUES --NAME PATH...`.

STEP is a function of the same name in `octolith.steps` (or MODULE.FUNCTION); VALUES is a JSON
object of the function's arguments that are values, and every --NAME gives one that is a path, or
a list of paths. It is the only script of the workflow, because a step's signature says all that
there is to say. To run a step alone, copy the command from the first line of its log.
"""

from __future__ import annotations

import json
import logging
import os
import shlex
import signal
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from threading import Timer
from typing import Any, get_origin, get_type_hints

sys.path.insert(0, str(Path(__file__).parents[2] / "src"))

from pydantic import ConfigDict, validate_call

from octolith import machine
from octolith.errors import OctolithError

LISTS = (list, tuple, Sequence)


def paths(words: Sequence[str], function: Callable[..., Any]) -> dict[str, Any]:
    """``--a x --b y z`` as {"a": "x", "b": ["y", "z"]}: lists where ``function`` takes lists."""
    found: dict[str, list[str]] = {}
    for word in words:
        if word.startswith("--"):
            found[word.removeprefix("--")] = current = []
        else:
            current.append(word)
    hints = get_type_hints(function)
    return {
        name: many if get_origin(hints[name]) in LISTS else next(iter(many), None)
        for name, many in found.items()
    }


def stop_after(minutes: float) -> None:
    """Send this process SIGUSR1, on which training saves its state, before a scheduler kills it."""
    margin = min(3.0, minutes / 4)
    timer = Timer(60 * (minutes - margin), os.kill, (os.getpid(), signal.SIGUSR1))
    timer.daemon = True
    timer.start()


def main(step: str, values: str, *words: str) -> None:
    """Call the step's function with what the command line says."""
    first = os.environ.get("RANK", "0") == "0"  # of the processes that torchrun started
    logging.basicConfig(level=logging.INFO if first else logging.WARNING, format="%(message)s")
    logging.info("$ %s", shlex.join(["python", *sys.argv]))
    module, _, name = step.rpartition(".")
    function = getattr(import_module(f"octolith.steps.{module or step}"), name)
    logging.info(machine.line())  # which the report shows
    call = validate_call(function, config=ConfigDict(arbitrary_types_allowed=True))
    call(**json.loads(values), **paths(words, function))


if __name__ == "__main__":
    if "OCTOLITH_MINUTES" in os.environ:
        stop_after(float(os.environ["OCTOLITH_MINUTES"]))
    try:
        main(*sys.argv[1:])
    except OctolithError as error:
        sys.exit(f"octolith: {error}")
