"""The step: files in, one tidy CSV a descriptor out, and one that says what came closer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from structures import FOUR, TWO, curve

from octolith import descriptors
from octolith.descriptors.comparison import read_table
from octolith.errors import InputError
from octolith.settings.steps import DESCRIPTORS, MORE_DESCRIPTORS, DescribeSettings
from octolith.steps.describe import compare, describe, thinned
from octolith.volumes import write_images, write_volume

SETTINGS = DescribeSettings(patches=3)


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A rock of grains of 4 voxels; SR has some wrong voxels, LR sees every fourth."""
    folder = tmp_path_factory.mktemp("sample")
    rng = np.random.default_rng(7)
    grains = rng.choice(4, (17, 17, 17), p=[0.3, 0.5, 0.1, 0.1]).astype(np.uint8)
    truth = grains.repeat(4, 0).repeat(4, 1).repeat(4, 2)[2:66, 1:65, 3:67]
    files = {name: folder / f"{name}.h5" for name in ("lr", "sr0", "sr1", "truth", "hr")}
    write_volume(files["lr"], np.ascontiguousarray(truth[::4, ::4, ::4]), (4.0,) * 3, phases=FOUR)
    for number in range(2):
        noisy = np.where(rng.random(truth.shape) < 0.02, 1, truth).astype(np.uint8)
        write_volume(files[f"sr{number}"], noisy, (1.0,) * 3, phases=FOUR)
    write_volume(files["truth"], truth, (1.0,) * 3, phases=FOUR)
    planes = [truth[z, : 64 - z, :60].copy() for z in (5, 20)]
    write_images(files["hr"], planes, 1.0, phases=FOUR, names=["a", "b"])
    return files


def run(sample: dict[str, Path], name: str, out: Path, settings: DescribeSettings) -> pd.DataFrame:
    describe(
        name, lr=sample["lr"], sr=[sample["sr0"], sample["sr1"]], hr=sample["hr"],
        truth=sample["truth"], out_csv=out, settings=settings, seed=3,
    )  # fmt: skip
    return read_table(out)


@pytest.mark.parametrize("name", DESCRIPTORS + MORE_DESCRIPTORS)
def test_every_descriptor_runs_and_is_compared(
    name: str, sample: dict[str, Path], tmp_path: Path
) -> None:
    options = {"representative_size": {"samples": 3}}
    settings = DescribeSettings(patches=3, options=options).only(name)
    table = run(sample, name, tmp_path / f"{name}.csv", settings)
    assert list(table.columns[:3]) == ["image", "realisation", "patch"]
    assert tuple(table.columns[3:]) == descriptors.COLUMNS
    assert set(table.loc[table["image"] == "SR", "realisation"]) == {0, 1}
    compare([tmp_path / f"{name}.csv"], tmp_path / "comparison.csv")
    assert len(pd.read_csv(tmp_path / "comparison.csv"))


def test_patches_have_one_physical_size(sample: dict[str, Path], tmp_path: Path) -> None:
    """16 µm: lags up to 8 µm, 2 LR voxels or 8 SR voxels."""
    settings = DescribeSettings(patches=2, patch_um=16.0)
    table = run(sample, "lineal_path", tmp_path / "t.csv", settings)
    for image, lags in (("LR", [0, 4, 8]), ("SR", range(9)), ("HR", range(9))):
        own = table[(table["image"] == image) & (table["direction"] == "x")]
        assert sorted(set(own["distance_um"])) == list(lags)
    assert set(table.loc[table["image"] == "HR", "direction"]) == {"x", "y"}


def test_one_place_has_too_few_sections_for_halves(sample: dict[str, Path], tmp_path: Path) -> None:
    """The truth's three sections: LR and SR have a distance from them, but not they from theirs."""
    settings = DescribeSettings(patches=1, descriptors=("frechet_distance",))
    table = run(sample, "frechet_distance", tmp_path / "t.csv", settings)
    of = table[table["descriptor"] == "frechet_to_truth"]
    assert of["image"].tolist() == ["LR", "SR", "SR"]
    compare([tmp_path / "t.csv"], tmp_path / "comparison.csv")
    found = pd.read_csv(tmp_path / "comparison.csv").set_index("reference")
    assert found.loc[["HR", "truth"], ["lr_distance", "sr_distance"]].notna().all(axis=None)


def test_the_table_follows_the_seed_and_the_settings(
    sample: dict[str, Path], tmp_path: Path
) -> None:
    first = run(sample, "volume_fraction", tmp_path / "a.csv", SETTINGS)
    assert first.equals(run(sample, "volume_fraction", tmp_path / "b.csv", SETTINGS))
    bytes_a, bytes_b = ((tmp_path / f"{n}.csv").read_bytes() for n in "ab")
    assert bytes_a == bytes_b
    more = run(sample, "volume_fraction", tmp_path / "c.csv", DescribeSettings(patches=5))
    assert len(more) == len(first) * 5 / 3


def test_what_came_closer(sample: dict[str, Path], tmp_path: Path) -> None:
    """LR sees grains of one voxel and noise nowhere: SR has the better interfaces by far."""
    names = ("volume_fraction", "interfacial_area", "two_point_correlation")
    for name in names:
        run(sample, name, tmp_path / f"{name}.csv", SETTINGS)
    compare([tmp_path / f"{name}.csv" for name in names], tmp_path / "comparison.csv")
    table = pd.read_csv(tmp_path / "comparison.csv").set_index(["descriptor", "phase", "reference"])
    verdict = table.loc[("interfacial_area", "pore", "truth"), "closer"]
    assert set(verdict.iloc[:1]) == {True}
    assert set(table.index.get_level_values("reference")) == {"HR", "truth"}


def test_only_the_changed_descriptor_has_changed_settings() -> None:
    before = DescribeSettings()
    after = DescribeSettings(options={"lineal_path": {"max_lag_um": 3.0}})
    changed = [name for name in DESCRIPTORS if before.only(name) != after.only(name)]
    assert changed == ["lineal_path"]


def test_settings_know_all_descriptors() -> None:
    assert set(DESCRIPTORS + MORE_DESCRIPTORS) == {*descriptors.NAMES, *descriptors.PAIRED}
    with pytest.raises(InputError, match="Did you mean 'lineal_path'"):
        DescribeSettings.read({"descriptors": ["linealpath"]}, "describe")
    with pytest.raises(InputError, match="glcm"):
        DescribeSettings.read({"options": {"gclm": {}}}, "describe")


def test_bad_input_leaves_nothing_behind(sample: dict[str, Path], tmp_path: Path) -> None:
    out = tmp_path / "t.csv"
    with pytest.raises(InputError, match="max_lag_um"):
        options = {"lineal_path": {"max_lag_um": 1000.0}}
        run(sample, "lineal_path", out, DescribeSettings(patches=2, options=options))
    with pytest.raises(InputError, match="options of lineal_path"):
        run(sample, "lineal_path", out, DescribeSettings(options={"lineal_path": {"lag": 1}}))
    with pytest.raises(InputError, match="no truth"):
        describe("similarity", lr=sample["lr"], sr=[], hr=sample["hr"], out_csv=out,
                 settings=SETTINGS)  # fmt: skip
    with pytest.raises(InputError, match="no_such"):
        run(sample | {"lr": tmp_path / "no_such.h5"}, "lineal_path", out, SETTINGS)
    assert not list(tmp_path.iterdir())


def test_long_curves_are_thinned_at_their_tail() -> None:
    labels = np.zeros((4, 600), dtype=np.uint8)
    labels[:, ::2] = 1
    table = descriptors.lineal_path(labels, (100.0, 1.0), TWO, max_lag_um=299)
    short = thinned(table, 32)
    kept = curve(short, "lineal_path", phase="pore", direction="x")[:, 0]
    assert len(kept) <= 32
    assert kept[:16].tolist() == list(range(16))
    assert kept[-1] == 299
    assert (np.diff(kept, n=2)[16:] >= -1).all()  # ever wider, but for rounding
    local = descriptors.local_porosity(labels.repeat(30, 0), 1.0, TWO)
    quantiles = local[local["quantile"].notna()]
    assert len(quantiles) > 8
    assert thinned(local, 4)["quantile"].count() == len(quantiles)
    assert thinned(descriptors.chord_length(labels, 1.0, TWO), 32).equals(
        descriptors.chord_length(labels, 1.0, TWO)
    )


@pytest.mark.rock
def test_real_rock(rock_data: Path, tmp_path: Path) -> None:
    """Berea: what four micro-CT phases are known to have, and LSM panels against CT."""
    tifffile = pytest.importorskip("tifffile")
    scan = tifffile.imread(rock_data / "berea-ct" / "berea_ct_4phase_3p5um_257.tif")
    table = descriptors.volume_fraction(scan, 3.5, FOUR)
    assert table["value"].tolist() == pytest.approx([0.165, 0.758, 0.026, 0.051], abs=1e-3)
    write_volume(tmp_path / "lr.h5", scan[:128, :128, :128], (3.5,) * 3, phases=FOUR)
    panels = [tifffile.imread(rock_data / "berea-lsm" / f"berea_lsm_panel{n}.tif") for n in (0, 1)]
    write_images(tmp_path / "hr.h5", panels, 0.51, phases=FOUR, names=["0", "1"])
    for name in ("volume_fraction", "interfacial_area", "lineal_path"):
        describe(
            name, lr=tmp_path / "lr.h5", sr=[tmp_path / "lr.h5"], hr=tmp_path / "hr.h5",
            out_csv=tmp_path / f"{name}.csv", settings=DescribeSettings(patches=4),
        )  # fmt: skip
        found = read_table(tmp_path / f"{name}.csv")
        assert set(found["image"]) == {"LR", "SR", "HR"}
        assert np.isfinite(found["value"]).all()
    surface = read_table(tmp_path / "interfacial_area.csv").query(
        "descriptor == 'specific_surface' and phase == 'pore'"
    )
    means = surface.groupby("image")["value"].mean()
    # Seven times finer pixels see more of the pores' surface.
    assert means["HR"] > 1.5 * means["LR"]


@pytest.mark.parametrize(
    ("name", "options"),
    [("frechet_distance", {"slices": 4}), ("similarity", {"slices": 0}), ("polytope", {"n": 9})],
)
def test_options_that_a_descriptor_cannot_have_are_refused(
    sample: dict[str, Path], tmp_path: Path, name: str, options: dict[str, int]
) -> None:
    settings = DescribeSettings(patches=1, options={name: options})
    with pytest.raises(InputError, match=f"options of {name}"):
        run(sample, name, tmp_path / "t.csv", settings)
