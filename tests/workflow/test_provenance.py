"""Digests change with what is computed, and with nothing else."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from octolith import provenance
from octolith.errors import InputError
from octolith.provenance import Fingerprints, source_digest


@pytest.fixture
def package(tmp_path, monkeypatch) -> Path:
    """A small package in place of the library: train -> losses -> maths; smooth -> maths."""
    sources = {
        "__init__": "VERSION = 1",
        "maths": "def double(x):\n    return 2 * x",
        "losses": "from octolith.maths import double",
        "settings": "EPOCHS = 3",
        "colours": "RED = 1",
        "figures": "from octolith.colours import RED",
        "steps/__init__": "",
        "steps/train": "import octolith.settings\ndef train():\n    from octolith import losses",
        "steps/smooth": "from octolith import figures, maths",
    }
    for name, text in sources.items():
        file = tmp_path / f"{name}.py"
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    monkeypatch.setattr(provenance, "PACKAGE", tmp_path)
    return tmp_path


def digests(package: Path, steps: Sequence[str] = ("train", "smooth")) -> dict[str, str]:
    for function in (provenance._text, provenance._imports, provenance._essence):
        function.cache_clear()
    return {step: source_digest(f"octolith.steps.{step}") for step in steps}


@pytest.mark.parametrize(
    ("module", "text", "changed"),
    [
        ("losses", "from octolith.maths import double\nWEIGHT = 10", {"train"}),
        ("maths", "def double(x):\n    return x + x", {"train", "smooth"}),
        ("steps/smooth", "from octolith import figures", {"smooth"}),
        ("maths", '# Doubling.\ndef double(x):\n\n    """Twice."""\n    return (2 * x)', set()),
        ("settings", "EPOCHS = 4", set()),
        ("figures", "from octolith.colours import RED as red", set()),
        ("colours", "RED = 2", set()),
        ("__init__", "VERSION = 2", set()),
    ],
    ids=["only train's", "shared", "a step", "a comment", "settings", "figures", "behind", "root"],
)
def test_an_edit_changes_the_digests_of_the_steps_that_compute_with_it(
    package, module, text, changed
):
    before = digests(package)
    (package / f"{module}.py").write_text(text)
    after = digests(package)
    assert {step for step in before if before[step] != after[step]} == changed


def test_a_new_file_that_hides_in_a_package_counts_through_its_package(package):
    (package / "losses.py").unlink()
    (package / "losses").mkdir()
    (package / "losses" / "__init__.py").write_text("from octolith.losses.gan import penalty")
    (package / "losses" / "gan.py").write_text("def penalty(): return 10")
    before = digests(package)
    (package / "losses" / "gan.py").write_text("def penalty(): return 11")
    after = digests(package)
    assert before["train"] != after["train"]
    assert before["smooth"] == after["smooth"]


def test_every_step_of_the_library_has_a_digest_and_an_unknown_one_is_an_error():
    for cached in (provenance._text, provenance._imports, provenance._essence):
        cached.cache_clear()
    steps = [file.stem for file in (provenance.PACKAGE / "steps").glob("[a-z]*.py")]
    assert len({source_digest(f"octolith.steps.{step}") for step in steps}) == len(steps)
    with pytest.raises(ModuleNotFoundError, match=r"octolith\.steps\.levitate"):
        source_digest("octolith.steps.levitate")


@pytest.mark.parametrize(
    ("module", "edit", "changed"),
    [
        ("palette", ("#1b2a41", "#000000"), set()),
        ("training/pictures", ("4.2", "4.3"), set()),
        ("training/board", ("done + 1", "done"), set()),
        ("segmentation/drawing", ("width=11", "width=12"), set()),
        ("pores/figures", ("SHOWN = 64", "SHOWN = 48"), set()),
        ("filtering", ("2 * own + 1", "2 * own + 2"), {"smooth"}),
    ],
)
def test_what_is_drawn_makes_no_step_of_the_library_run_again(
    tmp_path, monkeypatch, module, edit, changed
):
    copied = tmp_path / "octolith"
    shutil.copytree(provenance.PACKAGE, copied)
    monkeypatch.setattr(provenance, "PACKAGE", copied)
    steps = [file.stem for file in (copied / "steps").glob("[a-z]*.py")]
    before = digests(copied, steps)
    text = (copied / f"{module}.py").read_text("utf-8")
    assert edit[0] in text
    (copied / f"{module}.py").write_text(text.replace(*edit), "utf-8")
    after = digests(copied, steps)
    assert {step for step in steps if before[step] != after[step]} == changed


def test_a_touched_or_copied_image_keeps_its_fingerprint_and_a_replaced_one_does_not(tmp_path):
    image = tmp_path / "hr.tif"
    image.write_bytes(b"rock")
    fingerprints = Fingerprints(tmp_path / "memory.json")
    before = fingerprints.of([image])
    os.utime(image, (1, 1))
    assert fingerprints.of([image]) == before
    copy = tmp_path / "copy.tif"
    copy.write_bytes(b"rock")
    assert fingerprints.of([copy]) == before
    image.write_bytes(b"sand")
    os.utime(image, (0, 0))  # as `cp -p` of an old file: older than every output
    assert fingerprints.of([image]) != before


def test_a_fingerprint_is_remembered_so_that_a_large_scan_is_read_once(tmp_path, monkeypatch):
    image = tmp_path / "scan.raw"
    image.write_bytes(b"0" * 1000)
    before = Fingerprints(tmp_path / "results" / "memory.json").of([image])
    monkeypatch.setattr(hashlib, "file_digest", lambda *_: pytest.fail("read again"))
    assert Fingerprints(tmp_path / "results" / "memory.json").of([image]) == before


def test_a_folder_of_slices_is_all_its_files_and_their_names(tmp_path):
    folder = tmp_path / "slices"
    folder.mkdir()
    (folder / "a.tif").write_bytes(b"1")
    (folder / "b.tif").write_bytes(b"2")
    fingerprints = Fingerprints(tmp_path / "memory.json")
    before = fingerprints.of([folder])
    (folder / "b.tif").rename(folder / "0.tif")
    renamed = fingerprints.of([folder])
    assert renamed != before
    (folder / "c.tif").write_bytes(b"3")
    assert fingerprints.of([folder]) not in (before, renamed)


def test_a_missing_image_is_named(tmp_path):
    with pytest.raises(InputError, match=r"lost\.tif: found No such file"):
        Fingerprints(tmp_path / "memory.json").of([tmp_path / "lost.tif"])


def test_what_an_attribute_says_of_itself_is_no_code(package) -> None:
    before = digests(package)
    (package / "maths.py").write_text("def double(x):\n    return 2 * x\n'What it does.'")
    assert digests(package) == before
