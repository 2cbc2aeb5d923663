"""Write the versions of this environment to constraints.txt and to envs/octolith.yaml.

Run by `make pins`, after the tests pass with newer versions. Only what Octolith and its extras
need is written, found through the installed packages' own requirements.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
CONSTRAINTS = """\
# The versions that Octolith is tested with; pip installs from them (see the Makefile).
# Written by `make pins`.
"""
ENVIRONMENT = """\
# The environment of every step, for `snakemake --sdm conda`: the library's own requirements in
# the versions of constraints.txt. Octolith itself comes from the src/ beside the Snakefile.
# Written by `make pins`.
channels:
  - conda-forge
  - nodefaults
dependencies:
  - python =3.11
  - pip
  - pip:
"""


def needed(root: str, extras: frozenset[str]) -> dict[str, str]:
    """Versions of all that ``root[extras]`` requires, however deeply, without ``root``."""
    found: dict[str, str] = {}
    queue, seen = [(root, extras)], set()
    while queue:
        name, wanted = queue.pop()
        if (name, wanted) in seen:
            continue
        seen.add((name, wanted))
        try:
            package = distribution(name)
        except PackageNotFoundError:
            continue  # asked for on another platform only
        found[canonicalize_name(name)] = package.version.partition("+")[0]
        for text in package.requires or ():
            requirement = Requirement(text)
            if any(
                requirement.marker is None or requirement.marker.evaluate({"extra": extra})
                for extra in wanted or {""}
            ):
                queue.append((requirement.name, frozenset(requirement.extras)))
    found.pop(canonicalize_name(root))
    return dict(sorted(found.items()))


def direct(root: str) -> list[str]:
    """The names that ``root`` itself requires, without extras."""
    requirements = map(Requirement, distribution(root).requires or ())
    return sorted(
        canonicalize_name(r.name) for r in requirements if "extra" not in str(r.marker or "")
    )


def main() -> None:
    """Write both files."""
    pins = needed("octolith", frozenset({"workflow", "dev", "tensorboard"}))
    lines = [f"{name}=={version}\n" for name, version in pins.items()]
    (ROOT / "constraints.txt").write_text(CONSTRAINTS + "".join(lines), "utf-8")
    lines = [f"      - {name}=={pins[name]}\n" for name in direct("octolith")]
    (ROOT / "envs" / "octolith.yaml").write_text(ENVIRONMENT + "".join(lines), "utf-8")


if __name__ == "__main__":
    main()
