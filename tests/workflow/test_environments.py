"""pip, conda and the container install the same versions."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]


def pins(lines) -> dict[str, str]:
    requirements = [Requirement(line) for line in lines]
    return {canonicalize_name(r.name): str(r.specifier) for r in requirements}


def constraints() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    return pins(line for line in lines if line and not line.startswith("#"))


def test_every_constraint_is_an_exact_version_that_an_index_can_serve():
    assert all(v.startswith("==") and "+" not in v and "@" not in v for v in constraints().values())


@pytest.mark.parametrize("file", sorted((ROOT / "envs").glob("*.yaml")), ids=lambda f: f.name)
def test_the_pins_of_conda_are_those_of_pip(file):
    content = yaml.safe_load(file.read_text("utf-8"))
    assert set(content) == {"channels", "dependencies"}
    (packages,) = [entry["pip"] for entry in content["dependencies"] if isinstance(entry, dict)]
    assert packages
    for name, version in pins(packages).items():
        assert constraints()[name] == version


def test_the_conda_environment_has_all_that_the_library_requires_and_nothing_else():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    content = yaml.safe_load((ROOT / "envs" / "octolith.yaml").read_text("utf-8"))
    assert set(pins(content["dependencies"][-1]["pip"])) == set(pins(project["dependencies"]))
    every = [r for extra in project["optional-dependencies"].values() for r in extra]
    wanted = pins([*project["dependencies"], *every])
    wanted.pop("octolith")
    assert set(wanted) <= set(constraints())
    for name, version in constraints().items():
        if name in wanted:
            assert Requirement(f"{name}{wanted[name]}").specifier.contains(version[2:])


def recipe(name: str) -> dict[str, list[str]]:
    """What a container is made from: its base, the files copied into it, what it installs."""
    text = (ROOT / "envs" / name).read_text("utf-8").replace("\\\n", " ")
    if name == "Dockerfile":
        copied = [
            file for line in re.findall(r"^COPY (.*) \S+$", text, re.M) for file in line.split()
        ]
    else:
        copied = re.findall(r"^    (\S+) /opt/octolith/$", text, re.M)
    return {
        "base": re.findall(r"^(?:FROM |From: )(\S+)$", text, re.M),
        "copied": copied,
        "apt": re.findall(r"apt-get install (.*?)\s*(?:&&|\n)", text),
        "pip": re.findall(r"pip install (.*?)\s*(?:&&|\n)", text),
    }


def test_docker_and_apptainer_make_the_same_container():
    assert recipe("Dockerfile") == recipe("apptainer.def")


def test_the_container_installs_torch_then_the_workflow_in_the_pinned_versions():
    options = "--no-cache-dir -c constraints.txt"
    assert recipe("Dockerfile")["pip"] == [f"{options} torch", f"{options} '.[workflow]'"]


def test_the_container_has_what_the_installation_reads_and_not_a_users_results():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    needed = {"pyproject.toml", "constraints.txt", "src", project["readme"]}
    assert set(recipe("Dockerfile")["copied"]) == needed | set(project["license-files"])
    assert all((ROOT / file).exists() for file in recipe("Dockerfile")["copied"])


def test_the_container_has_the_python_of_the_conda_environment():
    content = yaml.safe_load((ROOT / "envs" / "octolith.yaml").read_text("utf-8"))
    (python,) = [entry for entry in content["dependencies"] if str(entry).startswith("python ")]
    assert recipe("Dockerfile")["base"] == [f"python:{python.split('=')[1]}-slim-bookworm"]
