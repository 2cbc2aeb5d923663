"""`octolith doctor` finds what is wrong and says what to mend."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import PackageNotFoundError

import pytest
from typer.testing import CliRunner

from octolith.cli import app
from octolith.commands import doctor


@pytest.fixture
def says(tmp_path):
    def run(*options: str) -> tuple[int, str]:
        done = CliRunner().invoke(app, ["doctor", "--results", str(tmp_path / "new" / "results")])
        return done.exit_code, done.output

    return run


def test_a_sound_installation_passes(says):
    code, text = says()
    assert code == 0, text
    assert "FAIL" not in text
    assert text.endswith("Nothing has to be mended.\n")
    for part in ("Python", "PyTorch", "native", "snakemake", "free at"):
        assert part in text


def test_a_missing_package_fails_and_is_named_with_its_cure(says, monkeypatch):
    def missing(package):
        raise PackageNotFoundError(package)

    monkeypatch.setattr(doctor, "version", missing)
    code, text = says()
    assert code == 1
    assert "FAIL snakemake " in text
    assert "FAIL its Slurm plugin " in text
    assert "pip install -c constraints.txt '.[workflow]'" in text
    assert text.endswith("2 to mend: see FAIL.\n")


@pytest.mark.parametrize(
    ("code", "cause"),
    [
        ("raise ImportError('No module named torch')", "No module named torch"),
        ("raise OSError('libcudart.so.12: cannot open')", "libcudart.so.12: cannot open"),
        ("", "no attribute '__version__'"),
    ],
    ids=["missing", "without its libraries", "half removed"],
)
def test_a_missing_or_broken_pytorch_is_found_and_the_rest_is_looked_at(tmp_path, code, cause):
    (tmp_path / "torch.py").write_text(code)
    done = subprocess.run(
        [sys.executable, "-c", "from octolith.cli import main; main()", "doctor"],
        capture_output=True, text=True, check=False, cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert not done.stderr
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("FAIL PyTorch ")]
    assert cause in line
    assert "pip install -c constraints.txt torch" in done.stdout
    assert "GPU" not in done.stdout
    assert "disk" in done.stdout


def test_a_slurm_that_does_not_answer_is_reported_not_waited_for(says, monkeypatch, tmp_path):
    sinfo = tmp_path / "sinfo"
    sinfo.write_text("#!/bin/sh\nexec sleep 60\n")
    sinfo.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(doctor, "SLURM_ANSWERS_WITHIN", 0.2)
    assert "sinfo gets no answer" in says()[1]


def test_slurm_partitions_are_listed_with_their_gpus(says, monkeypatch, tmp_path):
    sinfo = tmp_path / "sinfo"
    sinfo.write_text("#!/bin/sh\necho 'gpu* gpu:h200:2'\n")
    sinfo.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert "gpu: gpu:h200:2" in says()[1]


def test_a_driver_without_a_matching_pytorch_fails(says, monkeypatch, tmp_path):
    (tmp_path / "nvidia-smi").write_text("#!/bin/sh\n")
    (tmp_path / "nvidia-smi").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    code, text = says()
    assert code == 1
    assert "There is a driver, but this PyTorch does not use it" in text
