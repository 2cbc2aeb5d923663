"""The step `smooth`: from file to file, in slabs, and what it says of a file it cannot use."""

from __future__ import annotations

import signal
import subprocess
import sys

import numpy as np
import pytest

from octolith.errors import InputError
from octolith.filtering import smooth as smooth_array
from octolith.settings.steps import SmoothSettings
from octolith.steps.smooth import smooth
from octolith.volumes import OUTSIDE, open_volume, write_volume

VOXEL = (2.0, 1.0, 1.0)

KILLED_IN_THE_THIRD_PASS = """
import os, signal, sys
from octolith.settings.steps import SmoothSettings
from octolith.steps import smooth
stream = smooth._stream
def struck(source, out, settings, threads, before):
    if len(before) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return stream(source, out, settings, threads, before)
smooth._stream = struck
smooth.smooth(*sys.argv[1:], SmoothSettings(passes=40, until=0.005, centre=1))
"""


@pytest.fixture
def labels(rng):
    """Three slabs high, and with an outside."""
    labels = rng.integers(0, 4, (150, 9, 8), np.uint8)
    labels[:, 0] = OUTSIDE
    return labels


@pytest.fixture
def source(tmp_path, labels, berea):
    path = tmp_path / "stitched.h5"
    write_volume(path, labels, VOXEL, phases=berea, provenance={"ingest": "test"})
    return path


@pytest.mark.parametrize("passes", [1, 3])
def test_the_file_is_filtered_as_the_array_is(source, labels, berea, tmp_path, passes):
    settings = SmoothSettings(passes=passes)
    shares = smooth(source, tmp_path / "out.h5", settings)
    expected, changes = smooth_array(labels, 4, settings)
    with open_volume(tmp_path / "out.h5") as volume:
        np.testing.assert_array_equal(volume.read(), expected)
        assert volume.phases == berea
        assert volume.voxel_size_um == VOXEL
        assert volume.provenance["ingest"] == "test"
        assert volume.provenance["smooth"]["passes"] == passes
    assert shares == [of_pass.share for of_pass in changes]


def test_until_stops_and_leaves_one_file(source, labels, tmp_path):
    settings = SmoothSettings(passes=40, until=0.005, centre=1)
    out = tmp_path / "results" / "out.h5"
    shares = smooth(source, out, settings)
    expected, changes = smooth_array(labels, 4, settings)
    assert shares == [of_pass.share for of_pass in changes]
    assert 1 < len(shares) < 40
    assert shares[-1] <= 0.005
    assert list(out.parent.iterdir()) == [out]
    with open_volume(out) as volume:
        np.testing.assert_array_equal(volume.read(), expected)
        assert volume.provenance["smooth"]["passes"] == len(shares)


def test_what_a_killed_run_left_is_gone_after_the_next(source, tmp_path):
    out = tmp_path / "results" / "out.h5"
    killed = subprocess.run([sys.executable, "-c", KILLED_IN_THE_THIRD_PASS, source, out],
                            check=False)  # fmt: skip
    assert killed.returncode == -signal.SIGKILL
    assert [*out.parent.iterdir()]
    smooth(source, out, SmoothSettings(passes=40, until=0.005, centre=1))
    assert [*out.parent.iterdir()] == [out]


def test_none_copies(source, labels, tmp_path):
    assert smooth(source, tmp_path / "out.h5", SmoothSettings(method="none")) == []
    with open_volume(tmp_path / "out.h5") as volume:
        np.testing.assert_array_equal(volume.read(), labels)


def test_unknown_labels_are_named_and_counted_to_the_end(tmp_path, labels, berea):
    labels[3, 4, 5] = 9
    labels[149, 4, 4:6] = 7
    path = tmp_path / "stitched.h5"
    write_volume(path, labels, VOXEL, phases=berea)
    with pytest.raises(InputError) as error:
        smooth(path, tmp_path / "out.h5", SmoothSettings())
    assert str(error.value) == (
        f"{path}: found labels 7 (2 voxels), 9 (1 voxel), expected 0 (pore), 1 (quartz), "
        "2 (feldspar), 3 (clay) or 255 (outside). Segment the volume with a label map."
    )
    assert list(tmp_path.iterdir()) == [path], "nothing half-written is left"


def test_a_grey_volume_is_refused(tmp_path):
    path = tmp_path / "grey.h5"
    write_volume(path, np.zeros((3, 3, 3), np.uint16), VOXEL)
    with pytest.raises(InputError, match="found uint16 values without phases, expected uint8"):
        smooth(path, tmp_path / "out.h5", SmoothSettings())
