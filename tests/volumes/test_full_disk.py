"""A disk that fills up costs a line of text, and leaves nothing behind."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from octolith.errors import OctolithError
from octolith.phases import Phases
from octolith.volumes import create_volume, open_volume, write_images, write_volume

PHASES = Phases.of(["pore", "grain"])
NOISE = np.random.default_rng(1).integers(0, 256, (192, 128, 128), dtype=np.uint8)


def test_found_beforehand(tiny_disk):
    with (
        pytest.raises(
            OctolithError, match=r"a.h5: found 1\.0 MiB free in .*expected up to 3\.0 MiB"
        ),
        create_volume(tiny_disk / "a.h5", NOISE.shape, "u1", (1, 1, 1)),
    ):
        pytest.fail("began to write")


@pytest.mark.parametrize("step", [64, 50], ids=["whole chunks", "parts of chunks"])
def test_found_while_writing(tiny_disk, step):
    """Labels are promised to shrink to a quarter; these do not."""
    written = 0
    with (
        pytest.raises(OctolithError, match=r"a.h5: the disk .* is full; nothing half-written"),
        create_volume(tiny_disk / "a.h5", NOISE.shape, "u1", (1, 1, 1), phases=PHASES) as writer,
    ):
        for z in range(0, len(NOISE), step):
            writer[z : z + step] = NOISE[z : z + step]
            written += 1
    assert written < 4 or step == 50
    assert not list(tiny_disk.iterdir())


def test_what_was_there_before_stays(tiny_disk):
    write_volume(tiny_disk / "a.h5", NOISE[:8], (1, 1, 1), phases=PHASES)
    with pytest.raises(OctolithError, match="is full"):
        write_volume(tiny_disk / "a.h5", NOISE, (2, 2, 2), phases=PHASES)
    with open_volume(tiny_disk / "a.h5") as volume:
        np.testing.assert_array_equal(volume.read(), NOISE[:8])


def test_images(tiny_disk):
    with pytest.raises(OctolithError, match=r"expected up to 3\.0 MiB"):
        write_images(tiny_disk / "a.h5", list(NOISE), 1.0, phases=None, names=["n"] * len(NOISE))


def test_the_program_ends_with_one_line_and_no_crash(tiny_disk):
    """HDF5 itself would take the interpreter down at exit."""
    program = """
import sys, numpy as np
from octolith.errors import OctolithError
from octolith.phases import Phases
from octolith.volumes import write_volume
noise = np.random.default_rng(1).integers(0, 256, (192, 128, 128), dtype=np.uint8)
try:
    write_volume(sys.argv[1], noise, (1, 1, 1), phases=Phases.of(["pore", "grain"]))
except OctolithError as error:
    sys.exit(f"octolith: {error}")
"""
    command = [sys.executable, "-c", program, str(tiny_disk / "a.h5")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"octolith: {tiny_disk}/a.h5: the disk (or your quota) is full")
    assert not list(tiny_disk.iterdir())
