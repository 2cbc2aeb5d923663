"""Run one step of the chain: `python step.py STEP VALUES --NAME PATH...`.

STEP is a module of `octolith.steps` and its function of the same name; VALUES is a JSON object
of the function's arguments that are values, and every --NAME gives one that is a path (or a
list of paths). It is the only script of the workflow, because a step's signature says all that
there is to say. To run a step alone, copy the command from the log of its job.
"""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, get_origin, get_type_hints

sys.path.insert(0, str(Path(__file__).parents[2] / "src"))

from pydantic import ConfigDict, validate_call

from octolith.errors import OctolithError

LISTS = (list, tuple, Sequence)


def paths(words: list[str], function: Callable[..., Any]) -> dict[str, Any]:
    """``--a x --b y z`` as {"a": "x", "b": ["y", "z"]}: lists where ``function`` takes lists."""
    found: dict[str, list[str]] = {}
    for word in words:
        if word.startswith("--"):
            found[word.removeprefix("--")] = current = []
        else:
            current.append(word)
    takes_list = {
        name for name, hint in get_type_hints(function).items() if get_origin(hint) in LISTS
    }
    return {
        name: many if name in takes_list else next(iter(many), None) for name, many in found.items()
    }


def main(step: str, values: str, *words: str) -> None:
    """Call the step's function with what the command line says."""
    print("$", shlex.join(["python", *sys.argv]), file=sys.stderr, flush=True)
    function = getattr(import_module(f"octolith.steps.{step}"), step)
    call = validate_call(function, config=ConfigDict(arbitrary_types_allowed=True))
    call(**json.loads(values), **paths(list(words), function))


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except OctolithError as error:
        sys.exit(f"octolith: {error}")
