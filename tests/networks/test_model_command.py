"""`octolith model` prints the networks as the paper's tables do."""

from __future__ import annotations

from typer.testing import CliRunner

from octolith.cli import app
from octolith.errors import InputError


def said(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["model", *arguments])
    assert done.exit_code == 0, done.output
    return done.output


def rows(text: str, layer: str) -> list[str]:
    """The last cells of the rows of a layer."""
    cells = [[cell.strip() for cell in line.split("│")] for line in text.splitlines()]
    return [row[4] for row in cells if len(row) > 4 and row[2] == layer]


def test_the_preset_paper_has_the_weights_of_tables_a1_and_c1() -> None:
    printed = said("--preset", "paper")
    assert rows(printed, "all") == ["40,470,489", "12,826,881"]
    stages = [rows(printed, f"stage {number}")[0] for number in range(1, 6)]
    assert stages == ["14,482,949", "16,260,101", "7,409,925", "1,853,573", "463,941"]
    assert max(len(line) for line in printed.splitlines()) <= 80


def test_other_phases_and_scales_have_their_own_tables() -> None:
    printed = said("--preset", "laptop", "--phases", "2", "--scale", "2")
    assert "2 phases, 2x, LR cubes of 16³ voxels" in printed
    assert rows(printed, "stage 2") and not rows(printed, "stage 3")


def test_a_scale_that_is_no_power_of_two_is_refused() -> None:
    done = CliRunner().invoke(app, ["model", "--scale", "3"])
    assert isinstance(done.exception, InputError)
    assert "--scale: found 3, expected one of [2, 4, 8, 16, 32, 64]" in str(done.exception)
