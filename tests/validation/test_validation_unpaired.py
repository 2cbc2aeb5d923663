"""A rock without a 3D truth is judged by sections, against images that training has not seen."""

from __future__ import annotations

import numpy as np
import pytest

from octolith.blocks import Cut
from octolith.phases import Phases

unpaired = pytest.importorskip("validation.unpaired")
sections = pytest.importorskip("validation.sections")
methods = pytest.importorskip("validation.methods")
dense = pytest.importorskip("validation.dense")
records = pytest.importorskip("validation.records")
page = pytest.importorskip("validation.page")
run = pytest.importorskip("validation.run")
ELECTRODE = Phases.of(["pore", "active", "binder"])
TINY = {
    "preset": "laptop",
    "lr_cube": 8,
    "generator": {"widths": [[4, 4]]},
    "critic": {"widths": [8, 8], "trunk": []},
    "all": {"tied_phases": ["active"], "epochs": 1, "iterations": 2, "batch": 1, "planes": 2},
}


@pytest.fixture
def case(rng) -> object:
    """Grains of active at 2x, in pores that the images show to be half binder."""
    lr = np.kron(rng.random((6, 6, 6)) < 0.5, np.ones((4, 4, 4))).astype(np.uint8)
    images = []
    for _ in range(3):
        grains = np.kron(rng.random((8, 8)) < 0.5, np.ones((8, 8), bool))
        binder = np.kron(rng.random((32, 32)) < 0.5, np.ones((2, 2), bool))
        images.append(np.where(grains, 1, np.where(binder, 2, 0)).astype(np.uint8))
    boxes = unpaired.sections(lr.shape, 16, 1)
    return unpaired.Unpaired(
        ELECTRODE, 2, images[:2], lr, held_out=images[2:], boxes=boxes, settings=TINY
    )


def test_sections_are_a_voxel_thick_and_lie_in_the_volume():
    boxes = unpaired.sections((20, 30, 40), 24, 4)
    assert [int(np.argmin(box.shape)) for box in boxes] == [0] * 4 + [1] * 4 + [2] * 4
    for box in boxes:
        assert min(box.shape) == 1 and max(box.shape) == 24
        assert all(0 <= a < b <= n for a, b, n in zip(box.low, box.high, (20, 30, 40), strict=True))


def test_the_middle_plane_of_a_slab():
    slab = np.arange(4)[None, :, None] * np.ones((8, 1, 8), int)
    assert unpaired.plane(slab).shape == (8, 8)
    assert (unpaired.plane(slab) == 2).all()


def test_the_majority_of_a_block_and_in_doubt_its_first_voxel():
    most = np.zeros((2, 2, 2), np.uint8)
    most[1] = 1
    assert unpaired.majority(most, 2).item() == 0
    assert unpaired.majority(1 - most, 2).item() == 1
    most[0, 0, 0] = 1
    assert unpaired.majority(most, 2).item() == 1


def test_a_gap_lies_between_the_part_that_trains_and_the_one_that_judges():
    columns = np.arange(101)[None] * np.ones((3, 1), int)
    left, right = unpaired.parted(columns, gap=11)
    assert right.min() - left.max() == 12
    assert left.shape == right.shape


def test_views_read_pixel_by_pixel_are_put_together_again(rng):
    # Views whose blocks of 2 × 2 are of one phase, counted from where the pixels that are left lie.
    n, half = 27, 13
    views = rng.integers(0, 3, (4, n, n)).astype(np.uint8)
    small = rng.integers(0, 3, (4, half, half)).astype(np.uint8)
    for number, view in enumerate(views):
        start = (number + 1) % 2
        view[: 2 * half, start : start + 2 * half] = np.kron(small[number], np.ones((2, 2)))
    page_of_channels = views.reshape(n, n, 4)[..., 0]
    for found, known in zip(unpaired.unscrambled(page_of_channels), small, strict=True):
        assert np.array_equal(found, known[: half - 8])


def test_a_box_is_interpolated_as_it_is_in_the_whole(rng):
    lr = np.kron(rng.integers(0, 3, (10, 10, 10)), np.ones((3, 3, 3))).astype(np.uint8)
    box = Cut(0, (14, 2, 3), (15, 28, 27))
    for order in (0, 1, 3):
        all_of_it = methods.interpolate(lr, 3, 4, order)
        found = methods.interpolate(lr, 3, 4, order, box)
        assert np.array_equal(found, all_of_it[box.region(4)])


def test_the_images_are_like_themselves(case):
    panels = sections.Panels.of(case.images, case.held_out, ELECTRODE)
    assert (panels.seen, panels.count) == (2, 3)
    rows = sections.judge([*case.images, *case.held_out], panels)
    assert {row["measure"] for row in rows} >= {
        "volume_fraction", "interfacial_area", "specific_surface", "two_point_correlation",
        "lineal_path", "chord_length",
    }  # fmt: skip
    for row in rows:
        assert row["error"] == pytest.approx(0, abs=1e-12), row
        assert row["value"] == row["images"] and row["spread"] == row["images_spread"]
    assert any(row["held_out"] > 0 for row in rows) and any(row["own"] > 0 for row in rows)


def test_images_of_different_sizes_have_chords_to_compare(case):
    panels = sections.Panels.of([case.images[0][:40, :44]], case.held_out, ELECTRODE)
    rows = sections.judge(case.images, panels)
    chords = [row for row in rows if row["measure"] == "chord_length"]
    assert {row["phase"] for row in chords} == set(ELECTRODE.names)
    assert np.isfinite([[row["error"], row["held_out"], row["own"]] for row in chords]).all()


def test_a_fraction_is_wrong_by_a_share_of_the_images(case):
    panels = sections.Panels.of(case.images, case.held_out, ELECTRODE)
    made = [np.zeros((64, 64), np.uint8)]
    (row,) = (
        row for row in sections.judge(made, panels)
        if (row["measure"], row["phase"]) == ("volume_fraction", "pore")
    )  # fmt: skip
    pore = np.mean([np.mean(image == 0) for image in (*case.images, *case.held_out)])
    assert row["images"] == pytest.approx(pore)
    assert row["error"] == pytest.approx(1 / pore - 1)
    assert row["held_out"] == pytest.approx(1 / np.mean(case.held_out[0] == 0) - 1)


def test_a_long_image_counts_as_several():
    pieces = sections.squares([np.zeros((60, 29)), np.zeros((30, 32))])
    assert [piece.shape for piece in pieces] == [(30, 29), (30, 29), (30, 32)]


def test_the_dense_generator_ties_only_what_lr_shows(case, monkeypatch):
    monkeypatch.setattr(dense, "EDGE", 32)
    assert case.tied == [1]
    made = dense.Dense(case).super_resolve(case.lr, 1, case.boxes[0])
    assert made.shape == (2, 32, 32)


@pytest.fixture
def measured(case, tmp_path, monkeypatch) -> object:
    """Records of three methods on the tiny case, as `lsm-8x`."""
    monkeypatch.setitem(unpaired.UNPAIRED, "lsm-8x", ("Tiny", lambda: case))
    monkeypatch.setitem(methods.METHODS, "octolith", ("Octolith", methods.octolith))
    run.rock.cache_clear()
    kept = records.Records(tmp_path / "cache", tmp_path / "published.json")
    for method in ("nearest", "cubic", "octolith"):
        run.measure("lsm-8x", method, kept, tmp_path, threads=1)
    run.rock.cache_clear()
    return kept


def test_what_was_measured_is_on_the_page(measured, tmp_path):
    text = page.page(measured.all(), tmp_path)
    assert "### Tiny" in text
    assert "| volume fraction | nearest | cubic | Octolith | all images |" in text
    assert "![validation-lsm-8x-octolith](figures/validation-lsm-8x-octolith.png)" in text
    assert "![validation-lsm-8x-image](figures/validation-lsm-8x-image.png)" in text
    # LR takes binder for pore, and so does nearest upsampling.
    binder = next(line for line in text.splitlines() if line.startswith("| binder |"))
    assert binder.startswith("| binder | **0.000 ± 0.000** |")
    assert "| lsm-8x | Octolith |" in text
    assert "- lsm-8x, Octolith: " in text.split("## Where it fails")[1]
    assert "- Tiny: trilinear, dense GAN (paper 4), 10 minutes" in text
    assert "another part of the rock" not in text.split("- Tiny:")[1].splitlines()[0]


@pytest.mark.rock
def test_real_pairs_have_the_phases_of_their_manifest(rock_data, monkeypatch):
    monkeypatch.setenv("OCTOLITH_ROCK_DATA", str(rock_data))
    case = unpaired.UNPAIRED["lsm-16x"][1]()
    panels = [*case.images, *case.held_out]
    shares = np.array([[np.mean(panel == k) for k in range(4)] for panel in panels])
    assert shares.mean(0) == pytest.approx([0.190, 0.686, 0.098, 0.026], abs=2e-3)
    assert shares.std(0, ddof=1) == pytest.approx([0.064, 0.099, 0.058, 0.008], abs=2e-3)
    lr = [np.mean(case.lr == k) for k in range(4)]
    assert lr == pytest.approx([0.165, 0.758, 0.026, 0.051], abs=6e-3)
    for name in ("nmc-4x", "sem-4x", "sofc-4x"):
        case = unpaired.UNPAIRED[name][1]()
        image, lr = (np.mean(labels == 1) for labels in (case.images[0], case.lr))
        # The active phase of the SEM image is not as frequent as the volume's (paper 4, case 4).
        assert image == pytest.approx(lr, abs=0.3 if name == "sem-4x" else 0.05)
