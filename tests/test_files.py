"""Outputs appear whole or not at all, and nothing is left lying beside them."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from octolith.files import atomic

KILLED_WHILE_WRITING = """
import os, signal, sys
from octolith.files import atomic
with atomic(sys.argv[1]) as temporary:
    temporary.write_text("half of wh")
    os.kill(os.getpid(), signal.SIGKILL)
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
