"""Did it get closer? Distances that fit the quantity, and how certain they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from octolith.descriptors.comparison import ROW, compare_tables, read_table
from octolith.errors import InputError


def measured(image: str, values: object, realisation: int = 0, **columns: object) -> pd.DataFrame:
    """A table of one quantity: an array of patches, or of patches by points."""
    values = np.asarray(values, dtype=float)
    patches = np.broadcast_to(np.arange(len(values)).reshape(-1, *[1] * (values.ndim - 1)),
                              values.shape)  # fmt: skip
    rows = {"image": image, "realisation": realisation, "patch": patches.ravel(),
            "descriptor": "q", "phase": "pore", "other": "", "direction": "",
            "distance_um": np.nan, "quantile": np.nan, "value": values.ravel(),
            "unit": "1"}  # fmt: skip
    for name, column in columns.items():
        array = np.asarray(column)
        rows[name] = np.broadcast_to(array, values.shape).ravel() if array.ndim else column
    return pd.DataFrame(rows)


def compared(*tables: pd.DataFrame) -> pd.Series:
    ((_, row),) = compare_tables([pd.concat(tables, ignore_index=True)]).iterrows()
    return row


class TestDistances:
    def test_scalars_by_the_whole_of_their_distribution(self) -> None:
        row = compared(measured("LR", [0, 0]), measured("SR", [0.2, 0.4]),
                       measured("truth", [0.1, 0.5]))  # fmt: skip
        assert row["lr_distance"] == pytest.approx(0.3)
        assert row["sr_distance"] == pytest.approx(0.1)  # the means are equal, the spreads not
        assert row["ratio"] == pytest.approx(1 / 3)
        assert row["closer"]
        assert row["unit"] == "1"

    def test_scalars_of_sections_by_their_mean(self) -> None:
        """Sections spread more than volumes of their edge, whatever the rock is."""
        row = compared(measured("LR", [0.0, 0.4]), measured("SR", [0.29, 0.31]),
                       measured("HR", [0.1, 0.5]))  # fmt: skip
        assert (row["lr_distance"], row["sr_distance"]) == pytest.approx((0.1, 0.0))

    @pytest.mark.parametrize("name", ["local_porosity", "local_porosity_deviation"])
    def test_how_windows_vary_is_not_held_against_sections(self, name: str) -> None:
        tables = [measured(image, [0.1, 0.2], descriptor=name) for image in ("LR", "SR", "HR")]
        assert compare_tables([pd.concat(tables)]).empty
        tables.append(measured("truth", [0.1, 0.2], descriptor=name))
        assert compare_tables([pd.concat(tables)])["reference"].tolist() == ["truth"]

    def test_curves_by_their_relative_root_mean_square(self) -> None:
        fine, coarse = [0.0, 1, 2, 3, 4], [0.0, 2, 4, 6]
        row = compared(measured("LR", [[2.0, 2, 2, 2]] * 2, distance_um=coarse),
                       measured("SR", [[1.1] * 5] * 2, distance_um=fine),
                       measured("HR", [[0.9] * 5, [1.1] * 5], distance_um=fine))  # fmt: skip
        assert row["lr_distance"] == pytest.approx(1.0)
        assert row["sr_distance"] == pytest.approx(0.1)

    def test_radial_means_stand_for_the_directions(self) -> None:
        def both(image: str, radial: float, along: float) -> pd.DataFrame:
            kinds = [("radial", radial), ("x", along)]
            return pd.concat([measured(image, [[v, v]], distance_um=[0.0, 1.0], direction=d)
                              for d, v in kinds])  # fmt: skip

        row = compared(both("LR", 1.0, 9.0), both("SR", 2.0, 1.0), both("HR", 1.0, 1.0))
        assert (row["lr_distance"], row["sr_distance"]) == pytest.approx((0, 1))

    def test_densities_by_how_far_the_mass_must_go(self) -> None:
        lengths = [2.0, 4, 6, 8]
        row = compared(*[measured(image, [mass], distance_um=lengths, descriptor="chord_length")
                         for image, mass in (("LR", [0, 0, 0, 0.5]), ("SR", [0, 0.25, 0.25, 0]),
                                             ("HR", [0, 0.5, 0, 0]))])  # fmt: skip
        assert (row["lr_distance"], row["sr_distance"], row["unit"]) == (4, 1, "µm")

    def test_quantiles_by_their_mean_difference(self) -> None:
        row = compared(*[measured(image, [values], quantile=[0.0, 0.5, 1.0])
                         for image, values in (("LR", [0, 0, 0]), ("SR", [0, 0.5, 0.4]),
                                               ("HR", [0, 0.5, 1]))])  # fmt: skip
        assert row["lr_distance"] == pytest.approx(0.5)
        assert row["sr_distance"] == pytest.approx(0.2)

    def test_what_is_a_distance_already(self) -> None:
        row = compared(measured("LR", [0.5, 0.7], descriptor="ssim"),
                       measured("SR", [0.9, 0.9], descriptor="ssim"))  # fmt: skip
        assert (row["lr_distance"], row["sr_distance"]) == pytest.approx((0.4, 0.1))
        assert row["reference"] == "truth"
        row = compared(measured("LR", [10.0], descriptor="psnr", unit="dB"),
                       measured("SR", [20.0], descriptor="psnr", unit="dB"))  # fmt: skip
        assert (row["lr_distance"], row["sr_distance"]) == pytest.approx((10**-0.5, 0.1))

    def test_a_phase_without_a_wrong_voxel_has_no_error_and_counts(self) -> None:
        """It has no PSNR, which would be infinite."""
        ssim = [measured(image, [0.9, 0.9], descriptor="ssim") for image in ("LR", "SR")]
        lr, sr = (
            measured(image, [20.0, 20], descriptor="psnr", unit="dB") for image in ("LR", "SR")
        )
        found = compare_tables([pd.concat([*ssim, lr, sr.iloc[1:]])]).set_index("descriptor")
        row = found.loc["psnr"]
        assert (row["lr_distance"], row["sr_distance"]) == pytest.approx((0.1, 0.05))


class TestCertainty:
    def test_realisations_give_the_spread(self) -> None:
        first, second = measured("SR", [0.8, 0.8]), measured("SR", [0.6, 0.6], realisation=1)
        row = compared(measured("LR", [0.0, 0]), first, second, measured("HR", [1.0, 1]))
        assert row["sr_distance"] == pytest.approx(0.3)
        assert row["spread"] == pytest.approx(np.std([0.2, 0.4], ddof=1))

    def test_intervals_hold_what_they_should(self, rng: np.random.Generator) -> None:
        row = compared(measured("LR", rng.normal(3, 1, 40)), measured("SR", rng.normal(1, 1, 40)),
                       measured("HR", rng.normal(0, 1, 40)))  # fmt: skip
        assert row["lr_low"] < row["lr_distance"] < row["lr_high"]
        assert row["sr_low"] < 1 < row["sr_high"]
        assert row["sure"] == 1

    def test_two_that_are_equally_far_are_not_told_apart(self, rng: np.random.Generator) -> None:
        row = compared(*[measured(image, rng.normal(mean, 1, 40))
                         for image, mean in (("LR", 1), ("SR", 1), ("HR", 0))])  # fmt: skip
        assert 0.02 < row["sure"] < 0.98

    def test_the_truth_is_drawn_with_the_patches_of_its_places(
        self, rng: np.random.Generator
    ) -> None:
        """Patches that differ much, but by the same everywhere: that is certain."""
        truth = rng.normal(0, 5, 30)
        row = compared(measured("LR", truth + 0.2), measured("SR", truth + 0.1),
                       measured("truth", truth))  # fmt: skip
        assert row["sr_high"] - row["sr_low"] < 1e-9
        assert row["sure"] == 1

    def test_one_value_says_nothing_of_its_certainty(self) -> None:
        row = compared(*[measured(image, [v]) for image, v in (("LR", 0), ("SR", 1), ("HR", 1))])
        assert row["closer"]
        assert pd.isna(row["sure"])
        assert pd.isna(row["sr_low"])


def test_both_references_have_rows() -> None:
    tables = [measured(image, [v, v]) for image, v in
              (("LR", 0.0), ("SR", 1.0), ("HR", 2.0), ("truth", 1.0))]  # fmt: skip
    found = compare_tables([pd.concat(tables)])
    assert found["reference"].tolist() == ["HR", "truth"]
    assert found["sr_distance"].tolist() == [1.0, 0.0]
    assert tuple(found.columns) == ROW


def test_a_phase_that_lr_does_not_have_leaves_its_cell_empty() -> None:
    row = compared(measured("SR", [0.5, 0.5]), measured("HR", [0.6, 0.6]))
    assert pd.isna(row["lr_distance"])
    assert pd.isna(row["closer"])
    assert row["sr_distance"] == pytest.approx(0.1)


def test_tables_are_read_or_refused(tmp_path: Path) -> None:
    path = tmp_path / "q.csv"
    measured("LR", [1.0]).to_csv(path, index=False)
    table = read_table(path)
    assert table["other"].tolist() == [""]
    assert np.isnan(table["distance_um"][0])
    path.write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match="no columns"):
        read_table(path)
    with pytest.raises(InputError, match="No such file"):
        read_table(tmp_path / "none.csv")
