"""The interface that all descriptors share: tidy tables, units, masks, and what bad input gets."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest
from structures import FOUR, TWO, curve

from octolith import descriptors
from octolith.errors import InputError
from octolith.volumes import OUTSIDE

UNITS = {"1", "1/µm", "1/µm²", "1/µm³", "µm", "nat"}


@pytest.fixture(scope="module")
def rock() -> np.ndarray:
    """Blobs of four phases, 40³."""
    noise = np.random.default_rng(3).normal(size=(10, 10, 10))
    smooth = noise.repeat(4, 0).repeat(4, 1).repeat(4, 2)
    return np.digitize(smooth, [-0.7, 0.5, 1.2]).astype(np.uint8)


@pytest.mark.parametrize("name", descriptors.NAMES)
@pytest.mark.parametrize("ndim", [2, 3])
class TestEveryDescriptor:
    def test_gives_a_tidy_table(self, name: str, ndim: int, rock: np.ndarray) -> None:
        labels = rock if ndim == 3 else rock[0]
        table = descriptors.measure(name, labels, 0.5, FOUR)
        assert tuple(table.columns) == descriptors.COLUMNS
        assert len(table)
        assert np.isfinite(table["value"]).all()
        assert set(table["unit"]) <= UNITS
        assert set(table["phase"]) <= {*FOUR.names, ""}
        keys = [column for column in descriptors.COLUMNS if column not in ("value", "unit")]
        assert not table.duplicated(keys).any()

    def test_does_not_change_its_input(self, name: str, ndim: int, rock: np.ndarray) -> None:
        labels = (rock if ndim == 3 else rock[0]).copy()
        labels.flags.writeable = False
        first = descriptors.measure(name, labels, 0.5, FOUR)
        assert first.equals(descriptors.measure(name, labels, 0.5, FOUR))

    def test_counts_nothing_outside_the_rock(self, name: str, ndim: int, rock: np.ndarray) -> None:
        """What was cut away does not matter, only that it was."""
        labels = (rock if ndim == 3 else rock[0]).copy()
        y, x = np.indices(labels.shape[-2:]) - 19.5
        labels[..., y**2 + x**2 > 18**2] = OUTSIDE
        boxed = np.pad(labels, 4, constant_values=OUTSIDE)
        options: dict[str, Any] = {}
        if "max_lag_um" in inspect.signature(getattr(descriptors, name)).parameters:
            options = {"max_lag_um": 4.0}
        if name == "local_porosity":
            options = {"window_um": 2.0, "steps": 4}
        if name == "representative_size":
            return  # its crops are random
        table = descriptors.measure(name, labels, 0.5, FOUR, **options)
        padded = descriptors.measure(name, boxed, 0.5, FOUR, **options)
        if name == "chord_length":  # lengths that no chord has: as many as the image is wide
            table, padded = table[table["value"] > 0], padded[padded["value"] > 0]
        assert padded["value"].to_numpy() == pytest.approx(table["value"].to_numpy(), abs=1e-5)

    def test_scales_with_the_voxel(self, name: str, ndim: int, rock: np.ndarray) -> None:
        labels = rock if ndim == 3 else rock[0]
        one = descriptors.measure(name, labels, 1.0, FOUR)
        two = descriptors.measure(name, labels, 2.0, FOUR)
        power = one["unit"].map({"1": 0, "nat": 0, "µm": 1, "1/µm": -1, "1/µm²": -2, "1/µm³": -3})
        assert two["value"].to_numpy() == pytest.approx((one["value"] * 2.0**power).to_numpy())
        assert two["distance_um"].to_numpy() == pytest.approx(
            2 * one["distance_um"].to_numpy(), nan_ok=True
        )


@pytest.mark.parametrize("name", descriptors.NAMES)
class TestBadInput:
    def test_a_code_without_a_phase(self, name: str) -> None:
        with pytest.raises(InputError, match=r"codes \[4\]"):
            descriptors.measure(name, np.full((32, 32), 4, np.uint8), 1.0, FOUR)

    def test_nothing_but_outside(self, name: str) -> None:
        with pytest.raises(InputError, match="no voxel in the rock"):
            descriptors.measure(name, np.full((32, 32), OUTSIDE, np.uint8), 1.0, FOUR)

    @pytest.mark.parametrize("shape", [(5,), (2, 2, 2, 2), (0, 4)])
    def test_dimensions(self, name: str, shape: tuple[int, ...]) -> None:
        with pytest.raises(InputError, match=r"dimensions|empty image"):
            descriptors.measure(name, np.zeros(shape, np.uint8), 1.0, FOUR)

    @pytest.mark.parametrize("size", [0.0, -1.0, float("nan"), (1.0, 1.0, 1.0)])
    def test_voxel_sizes(self, name: str, size: Any) -> None:
        with pytest.raises(InputError, match="voxel size"):
            descriptors.measure(name, np.zeros((32, 32), np.uint8), size, FOUR)

    def test_grey_values(self, name: str) -> None:
        with pytest.raises(InputError, match="float64"):
            descriptors.measure(name, np.zeros((32, 32)), 1.0, FOUR)

    def test_an_option_that_does_not_exist(self, name: str) -> None:
        with pytest.raises(InputError, match="options of"):
            descriptors.measure(name, np.zeros((32, 32), np.uint8), 1.0, FOUR, colour="red")

    def test_a_single_voxel_is_answered_or_refused(self, name: str) -> None:
        """Never NaN, and never a number that nothing was counted for."""
        try:
            table = descriptors.measure(name, np.zeros((1, 1, 1), np.uint8), 1.0, FOUR)
        except InputError:
            return
        assert np.isfinite(table["value"]).all()
        assert (table["distance_um"].fillna(0) == 0).all()


def test_an_unknown_descriptor_is_told_the_nearest() -> None:
    with pytest.raises(InputError, match="Did you mean 'lineal_path'"):
        descriptors.measure("linear_path", np.zeros((4, 4), np.uint8), 1.0, TWO)


@pytest.mark.parametrize("lag", [0.0, -3.0, 10.0, float("nan")])
@pytest.mark.parametrize("name", ["two_point_correlation", "cluster_function", "lineal_path"])
def test_lags_must_fit_the_image(name: str, lag: float) -> None:
    labels = np.zeros((10, 12), np.uint8)
    with pytest.raises(InputError, match="at most 9 µm"):
        descriptors.measure(name, labels, 1.0, TWO, max_lag_um=lag)
    with pytest.raises(InputError, match="at most 4 µm"):
        descriptors.measure(name, labels, 1.0, TWO, max_lag_um=lag, periodic=True)


@pytest.mark.parametrize(
    ("name", "option"),
    [
        ("polytope", {"points": 0}),
        ("local_porosity", {"steps": 0}),
        ("local_porosity", {"steps": "many"}),
        ("local_porosity", {"window_um": float("nan")}),
        ("glcm", {"distance": 0}),
        ("glcm", {"levels": {"pore": 0.0, "grain": float("inf")}}),
        ("representative_size", {"samples": 0}),
        ("representative_size", {"tolerance": -1.0}),
        ("two_point_correlation", {"max_lag_um": "long"}),
    ],
    ids=str,
)
def test_options_have_a_range(name: str, option: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=f"options of {name}: found {next(iter(option))}"):
        descriptors.measure(name, np.eye(32, dtype=np.uint8), 1.0, TWO, **option)


def test_polygons_larger_than_the_image_are_left_out() -> None:
    table = descriptors.polytope(np.eye(10, dtype=np.uint8), 1.0, TWO, max_lag_um=9.0)
    longest = table.groupby("descriptor")["distance_um"].max()
    assert longest["P4"] == 9
    assert longest["P6"] == 4  # twice its edge, and a voxel more, is 9


@pytest.mark.parametrize("name", descriptors.NAMES)
@pytest.mark.parametrize("shape", [(1, 1, 9), (1, 9, 9), (9, 1), (2, 2, 2)])
@pytest.mark.parametrize("periodic", [False, True])
@pytest.mark.filterwarnings("error")
def test_thin_images_of_long_voxels_are_answered_or_refused(
    name: str, shape: tuple[int, ...], periodic: bool
) -> None:
    labels = np.random.default_rng(1).integers(0, 4, shape).astype(np.uint8)
    voxel = (7.0, 3.5, 1.0)[-len(shape) :]
    try:
        table = descriptors.measure(name, labels, voxel, FOUR, periodic=periodic)
    except InputError:
        return
    assert np.isfinite(table["value"]).all()
    assert np.isfinite(table.loc[table["descriptor"].isin(["F2", "P4"]), "distance_um"]).all()


def test_the_representative_size_needs_as_many_of_the_longest_voxel() -> None:
    with pytest.raises(InputError, match=r"16 voxels \(112 µm\)"):
        descriptors.representative_size(np.zeros((20, 20, 20), np.uint8), (7.0, 3.5, 1.0), FOUR)


@pytest.mark.filterwarnings("error")
def test_scattered_rock_has_curves_only_where_it_has_pairs() -> None:
    """Rounding leaves some correlation at lags that no two voxels of the rock have."""
    labels = np.full((20, 20, 20), OUTSIDE, np.uint8)
    labels[::2, ::2, ::2] = np.random.default_rng(2).integers(0, 4, (10, 10, 10))
    found = curve(descriptors.two_point_correlation(labels, 1.0, FOUR), "two_point_correlation",
                  phase="pore", other="pore", direction="x")  # fmt: skip
    assert (found[:, 0] % 2 == 0).all()
    assert (found[:, 1] <= 1).all()


def test_an_absent_phase_has_zeros_where_they_are_true_and_no_rows_where_nothing_is() -> None:
    labels = np.zeros((12, 12), np.uint8)
    labels[3:6, 3:6] = 1
    s2 = descriptors.two_point_correlation(labels, 1.0, FOUR)
    assert (curve(s2, "two_point_correlation", phase="clay")[:, 1] == 0).all()
    assert not len(curve(s2, "F2", phase="clay"))
    assert not len(curve(descriptors.chord_length(labels, 1.0, FOUR), "chord_length", phase="clay"))


def test_any_integers_will_do() -> None:
    labels = np.int64([[0, 1], [1, 1]])
    expected = descriptors.volume_fraction(labels.astype(np.uint8), 1.0, TWO)
    for dtype in (np.int64, np.int8, np.uint16, bool):
        assert descriptors.volume_fraction(labels.astype(dtype), 1.0, TWO).equals(expected)
    with pytest.raises(InputError, match="-1"):
        descriptors.volume_fraction(labels - 1, 1.0, TWO)
