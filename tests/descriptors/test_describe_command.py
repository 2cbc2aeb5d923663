"""`octolith describe`: any label image, without the workflow."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from typer.testing import CliRunner

from octolith.cli import app
from octolith.errors import InputError
from octolith.phases import Phases
from octolith.volumes import write_volume

RUN = CliRunner()


@pytest.fixture
def binary(tmp_path: Path, rng: np.random.Generator) -> Path:
    """An eight-bit TIFF of pore 0 and grain 255, 16³."""
    path = tmp_path / "rock.tif"
    labels = rng.choice(np.uint8([0, 255]), (16, 16, 16), p=[0.25, 0.75])
    tifffile.imwrite(path, labels)
    return path


def described(*words: object) -> pd.DataFrame:
    words = tuple(str(word) for word in words)
    result = RUN.invoke(app, ["describe", *words], catch_exceptions=False)
    assert result.exit_code == 0
    return pd.read_csv(words[words.index("--out") + 1], keep_default_na=False)


def test_a_tiff_whose_255_is_grain(binary: Path, tmp_path: Path) -> None:
    table = described(binary, "--voxel-size", 2, "--phases", "0=pore 255=grain",
                      "--out", tmp_path / "t.csv")  # fmt: skip
    fraction = table[table["descriptor"] == "volume_fraction"].set_index("phase")["value"]
    expected = (tifffile.imread(binary) == 0).mean()
    assert float(fraction["pore"]) == pytest.approx(expected, abs=1e-6)
    assert {"two_point_correlation", "cluster_function", "polytope", "P4"} & {*table["descriptor"]}
    assert set(table["image"]) == {"rock.tif"}


def test_outside_is_not_counted(tmp_path: Path) -> None:
    labels = np.uint8([[[1, 2], [9, 9]], [[1, 1], [9, 9]]])
    tifffile.imwrite(tmp_path / "core.tif", labels)
    table = described(tmp_path / "core.tif", "--voxel-size", 1, "--phases", "1=pore 2=grain",
                      "--outside", 9, "--descriptor", "volume_fraction",
                      "--out", tmp_path / "t.csv")  # fmt: skip
    assert table["value"].astype(float).tolist() == [0.75, 0.25]


def test_patches_and_2d_images(binary: Path, tmp_path: Path) -> None:
    options = ("--voxel-size", 2, "--phases", "0=pore 255=grain", "--out", tmp_path / "t.csv",
               "--descriptor", "volume_fraction")  # fmt: skip
    table = described(binary, *options, "--patch-um", 16, "--patches", 5)
    assert set(table["patch"].astype(int)) == set(range(5))
    planes = described(binary, *options, "--2d")
    assert set(planes["patch"].astype(int)) == set(range(16))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--phases", "0=pore 255=grain"], "no voxel size"),
        (["--voxel-size", "2"], "--phases"),
        (["--voxel-size", "2", "--phases", "0=pore 7=grain"], r"labels \[255\]"),
        (["--voxel-size", "2", "--phases", "pore"], "LABEL=NAME"),
        (["--voxel-size", "2", "--phases", "0=pore 255=grain", "--descriptor", "porosity"],
         "--descriptor"),
        (["--voxel-size", "2", "--phases", "0=pore 255=grain", "--patch-um", "100"], "at most 32"),
        (["--voxel-size", "2", "--phases", "0=pore 0=grain"], "label 0 twice"),
        (["--voxel-size", "2", "--phases", "0=pore 255=grain", "--outside", "255"], "of grain"),
        (["--voxel-size", "2", "--phases", "0=pore 255=grain", "--patch-um", "16", "--periodic"],
         "No patch repeats"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line(binary: Path, tmp_path: Path, words: list[str], said: str) -> None:
    out = tmp_path / "t.csv"
    with pytest.raises(InputError, match=said):
        RUN.invoke(app, ["describe", str(binary), "--out", str(out), *words],
                   catch_exceptions=False)  # fmt: skip
    assert not out.exists()


def test_what_cannot_be_measured_is_left_out_aloud_and_what_was_asked_for_is_refused(
    tmp_path: Path,
) -> None:
    tifffile.imwrite(tmp_path / "line.tif", np.zeros((1, 1, 30), np.uint8))
    words = [str(tmp_path / "line.tif"), "--voxel-size", "2", "--phases", "0=pore 255=grain",
             "--out", str(tmp_path / "t.csv")]  # fmt: skip
    result = RUN.invoke(app, ["describe", *words], catch_exceptions=False)
    assert "Left out: minkowski" in result.stderr
    assert "chord_length: no phase" in result.stderr
    table = pd.read_csv(tmp_path / "t.csv", keep_default_na=False)
    assert {"volume_fraction", "lineal_path"} <= {*table["descriptor"]}
    assert "euler_number" not in {*table["descriptor"]}
    with pytest.raises(InputError, match="two voxels each way"):
        RUN.invoke(app, ["describe", *words, "--descriptor", "minkowski"], catch_exceptions=False)


def test_grey_values_are_no_labels(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "grey.tif", np.zeros((8, 8, 8), np.float32))
    with pytest.raises(InputError, match="Segment it"):
        RUN.invoke(app, ["describe", str(tmp_path / "grey.tif"), "--voxel-size", "2", "--phases",
                         "0=pore 1=grain", "--out", str(tmp_path / "t.csv")],
                   catch_exceptions=False)  # fmt: skip


def test_outside_is_a_label_and_needs_the_names_of_the_others(tmp_path: Path) -> None:
    """The names in the file are of codes, in which nothing may be outside any more."""
    phases = Phases.of(["pore", "grain"])
    write_volume(tmp_path / "a.h5", np.zeros((8, 8, 8), np.uint8), (1, 1, 1), phases=phases)
    with pytest.raises(InputError, match="9 without --phases"):
        RUN.invoke(app, ["describe", str(tmp_path / "a.h5"), "--outside", "9", "--out",
                         str(tmp_path / "t.csv")], catch_exceptions=False)  # fmt: skip
