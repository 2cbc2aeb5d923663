"""Outputs appear whole or not at all, and nothing is left lying beside them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from octolith.files import atomic

KILLED_WHILE_WRITING = """
import os, signal, sys
from octolith.files import atomic
with atomic(sys.argv[1]) as temporary:
    temporary.write_text("half of wh")
    os.kill(os.getpid(), signal.SIGKILL)
"""

KILLED_AFTER_A_REMOVAL = """
import os, shutil, signal, sys
from octolith.files import atomic
remove = shutil.rmtree
def struck(*args, **options):
    remove(*args, **options)
    os.kill(os.getpid(), signal.SIGKILL)
shutil.rmtree = struck
with atomic(sys.argv[1]) as temporary:
    temporary.mkdir()
    (temporary / "chunk").write_text("new")
"""


def test_who_may_read_it_is_the_users_choice_and_not_its_writers(tmp_path: Path) -> None:
    with atomic(tmp_path / "weights") as temporary:
        temporary.write_text("of a generator")
        temporary.chmod(0o600)
    (tmp_path / "plain").write_text("of the same umask")
    assert (tmp_path / "weights").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_what_a_killed_process_left_is_removed_by_the_next_one(tmp_path: Path) -> None:
    target = tmp_path / "rock [1].h5"
    killed = subprocess.run([sys.executable, "-c", KILLED_WHILE_WRITING, target], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert not target.exists()
    assert len([*tmp_path.iterdir()]) == 1
    (tmp_path / "other.h5").write_text("other")
    with atomic(target) as temporary:
        temporary.write_text("whole")
    assert target.read_text() == "whole"
    assert {path.name for path in tmp_path.iterdir()} == {"other.h5", target.name}


def test_what_a_live_process_writes_is_left_to_it(tmp_path: Path) -> None:
    target = tmp_path / "rock.h5"
    with atomic(target) as temporary:
        temporary.write_text("slowly")
        other = "import sys; from octolith.files import atomic\nwith atomic(sys.argv[1]) as t: "
        subprocess.run([sys.executable, "-c", f"{other}t.write_text('fast')", target], check=True)
        assert target.read_text() == "fast"
    assert target.read_text() == "slowly"
    assert [*tmp_path.iterdir()] == [target]


def test_what_another_machine_left_is_removed_after_a_day(tmp_path: Path) -> None:
    left = tmp_path / ".rock.new.elsewhere.1.part.h5"
    left.write_text("half")
    with atomic(tmp_path / "rock.h5") as temporary:
        temporary.write_text("whole")
    assert left.exists(), "it may still be written"
    os.utime(left, (0, 0))
    with atomic(tmp_path / "rock.h5") as temporary:
        temporary.write_text("whole")
    assert not left.exists()


def test_a_folder_is_there_whenever_its_writer_is_killed(tmp_path: Path) -> None:
    target = tmp_path / "rock.zarr"
    target.mkdir()
    (target / "chunk").write_text("old")
    killed = subprocess.run([sys.executable, "-c", KILLED_AFTER_A_REMOVAL, target], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert (target / "chunk").read_text() == "new"


def test_a_folder_that_cannot_be_replaced_is_left_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "rock.zarr"
    target.mkdir()
    (target / "chunk").write_text("old")
    rename = Path.rename

    def failing(path: Path, to: Path) -> Path:
        if to == target and (path / "chunk").read_text() == "new":
            raise PermissionError
        return rename(path, to)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(PermissionError), atomic(target) as temporary:
        temporary.mkdir()
        (temporary / "chunk").write_text("new")
    assert (target / "chunk").read_text() == "old"
    assert [*tmp_path.iterdir()] == [target]
