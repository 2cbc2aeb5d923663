"""Two-point and cluster functions, lineal path, chords, polytopes: definitions and closed forms."""

from __future__ import annotations

from typing import Any

import by_definition
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from structures import FOUR, TWO, OverlappingSpheres, curve, scalar

from octolith import descriptors
from octolith.descriptors import clusters
from octolith.descriptors.polytopes import POLYGONS
from octolith.volumes import OUTSIDE

CODES = st.sampled_from([0, 1, 1, 3, OUTSIDE])
IMAGES = st.one_of(
    hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, min_side=3, max_side=7),
               elements=CODES),
    hnp.arrays(np.uint8, hnp.array_shapes(min_dims=3, max_dims=3, min_side=3, max_side=5),
               elements=CODES),
).filter(lambda labels: (labels != OUTSIDE).any())  # fmt: skip
EDGES = st.booleans()


def agrees(points: np.ndarray, voxel_um: float, expected: Any) -> None:
    """A curve has the value that the definition gives, wherever the definition gives one."""
    for distance, value in points:
        assert value == pytest.approx(expected(round(distance / voxel_um)), abs=1e-5)


class TestByDefinition:
    """Fast algorithms against loops over all positions, with masks and with both kinds of edge."""

    @given(IMAGES, EDGES)
    def test_two_point(self, labels: np.ndarray, periodic: bool) -> None:
        table = descriptors.two_point_correlation(labels, 2.0, FOUR, periodic=periodic)
        directions = ("z", "y", "x")[-labels.ndim :]
        for i, j in ((0, 0), (1, 1), (0, 1), (1, 3)):
            names = {"phase": FOUR.names[i], "other": FOUR.names[j]}
            for axis, direction in enumerate(directions):
                points = curve(table, "two_point_correlation", direction=direction, **names)
                agrees(points, 2.0, lambda k, axis=axis, i=i, j=j: by_definition.two_point(
                    labels, axis, k, (i, j), periodic))  # fmt: skip

    @given(IMAGES, EDGES)
    def test_lineal_path(self, labels: np.ndarray, periodic: bool) -> None:
        table = descriptors.lineal_path(labels, 2.0, FOUR, periodic=periodic)
        for axis, direction in enumerate(("z", "y", "x")[-labels.ndim :]):
            points = curve(table, "lineal_path", direction=direction, phase="quartz")
            agrees(points, 2.0, lambda k, axis=axis: by_definition.path(
                labels, axis, k, 1, periodic))  # fmt: skip

    @given(IMAGES, EDGES, st.sampled_from([1, 64]))
    def test_cluster_function(self, labels: np.ndarray, periodic: bool, small: int) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(clusters, "SMALL", small)  # both ways of counting
            table = descriptors.cluster_function(labels, 2.0, FOUR, periodic=periodic)
        for axis, direction in enumerate(("z", "y", "x")[-labels.ndim :]):
            points = curve(table, "cluster_function", direction=direction, phase="quartz")
            agrees(points, 2.0, lambda k, axis=axis: by_definition.cluster(
                labels, axis, k, 1, periodic))  # fmt: skip

    @given(IMAGES, EDGES)
    def test_polytopes(self, labels: np.ndarray, periodic: bool) -> None:
        table = descriptors.polytope(labels, 2.0, FOUR, periodic=periodic, max_lag_um=2.0)
        volume = labels if labels.ndim == 3 else labels[None]
        for normal, direction in enumerate(("z", "y", "x")[: 3 if labels.ndim == 3 else 1]):
            for name, corners in POLYGONS.items():
                for distance, value in curve(table, name, direction=direction, phase="quartz"):
                    in_plane = np.rint(np.multiply(corners, distance / 2.0)).astype(int)
                    placed = np.insert(in_plane, normal, 0, axis=1)
                    expected = by_definition.polygon(volume, placed, 1, periodic)
                    assert value == pytest.approx(expected, abs=1e-12)


class TestOverlappingSpheres:
    """The structure whose correlation functions are known in closed form."""

    def test_two_point(self, spheres: OverlappingSpheres) -> None:
        table = descriptors.two_point_correlation(spheres.labels, 1.0, TWO, periodic=True)
        points = curve(table, "two_point_correlation", phase="pore", other="pore",
                       direction="radial")  # fmt: skip
        assert points[:, 1] == pytest.approx(spheres.void_two_point(points[:, 0]), abs=0.01)

    def test_lineal_path(self, spheres: OverlappingSpheres) -> None:
        table = descriptors.lineal_path(spheres.labels, 1.0, TWO, periodic=True, max_lag_um=24)
        points = np.mean([curve(table, "lineal_path", phase="pore", direction=direction)
                          for direction in "zyx"], axis=0)  # fmt: skip
        assert points[:, 1] == pytest.approx(spheres.void_path(points[:, 0]), abs=0.01)

    def test_chords(self, spheres: OverlappingSpheres) -> None:
        """A chord begins where a pore follows on a grain, which S2 one voxel apart tells."""
        table = descriptors.chord_length(spheres.labels, 1.0, TWO, periodic=True)
        mean = np.mean([scalar(table, "mean_chord_length", phase="pore", direction=d)
                        for d in "zyx"])  # fmt: skip
        begins = spheres.void - float(spheres.void_two_point(np.array(1.0)))
        assert mean == pytest.approx(spheres.void / begins, rel=0.04)
        # Without voxels it is 4R / 3η (Lu and Torquato 1993); those see no gap below their size.
        assert mean > 4 * spheres.radius / (3 * spheres.eta)

    def test_the_void_is_one_cluster_but_small_solids_are_not(
        self, spheres: OverlappingSpheres
    ) -> None:
        part = spheres.labels[:64, :64, :64]
        both = descriptors.two_point_correlation(part, 1.0, TWO)
        within = descriptors.cluster_function(part, 1.0, TWO)
        for phase in TWO.names:
            s2 = curve(both, "two_point_correlation", phase=phase, other=phase, direction="x")
            c2 = curve(within, "cluster_function", phase=phase, direction="x")
            assert (c2[:, 1] <= s2[:, 1] + 1e-6).all()


class TestByHand:
    def test_a_gaussian_field_cut_at_its_median(self, rng: np.random.Generator) -> None:
        """S2 = 1/4 + arcsin(ρ) / 2π, for the field's own covariance ρ."""
        sigma, edge = 6.0, 1024
        wave = 2 * np.pi * np.fft.fftfreq(edge)
        smooth = np.exp(-(wave[:, None] ** 2 + wave**2) * sigma**2 / 2)
        field = np.fft.ifft2(np.fft.fft2(rng.normal(size=(edge, edge))) * smooth).real
        labels = (field > np.median(field)).astype(np.uint8)
        table = descriptors.two_point_correlation(labels, 0.5, TWO, periodic=True, max_lag_um=15)
        r, value = curve(table, "two_point_correlation", phase="grain", other="grain",
                         direction="radial").T  # fmt: skip
        rho = np.exp(-((r / 0.5) ** 2) / (4 * sigma**2))
        assert value == pytest.approx(0.25 + np.arcsin(rho) / (2 * np.pi), abs=0.01)

    def test_checkerboard(self) -> None:
        labels = (np.indices((8, 8, 8)).sum(axis=0) % 2).astype(np.uint8)
        options: dict[str, Any] = {"periodic": True}
        table = descriptors.two_point_correlation(labels, 3.0, TWO, **options)
        same = curve(table, "two_point_correlation", phase="pore", other="pore", direction="z")
        assert same == pytest.approx(np.array([[0, 0.5], [3, 0], [6, 0.5], [9, 0]]), abs=1e-6)
        other = curve(table, "two_point_correlation", phase="pore", other="grain", direction="z")
        assert other[:, 1] == pytest.approx([0, 0.5, 0, 0.5], abs=1e-6)
        scaled = curve(table, "F2", phase="pore", direction="z")
        assert scaled[:, 1] == pytest.approx([1, -1, 1, -1], abs=1e-5)
        alone = curve(descriptors.cluster_function(labels, 3.0, TWO, **options),
                      "cluster_function", phase="pore", direction="radial")  # fmt: skip
        assert alone[:, 1] == pytest.approx([0.5, 0, 0, 0], abs=1e-6)
        squares = curve(descriptors.polytope(labels, 3.0, TWO, max_lag_um=9, **options),
                        "P4", phase="pore", direction="x")  # fmt: skip
        assert squares[:, 1] == pytest.approx([0.5, 0, 0.5, 0])

    def test_stripes(self) -> None:
        """Three voxels of pore, one of grain, along x; 2 µm voxels."""
        labels = np.tile(np.uint8([0, 0, 0, 1]), (6, 6))
        path = descriptors.lineal_path(labels, 2.0, TWO, periodic=True)
        along = curve(path, "lineal_path", phase="pore", direction="x")
        assert along[:4] == pytest.approx(np.array([[0, 0.75], [2, 0.5], [4, 0.25], [6, 0]]))
        across = curve(path, "lineal_path", phase="pore", direction="y")
        assert across[:, 1] == pytest.approx(0.75)
        chords = descriptors.chord_length(labels, 2.0, TWO)
        density = curve(chords, "chord_length", phase="pore", direction="x")
        assert dict(density)[6.0] == pytest.approx(1 / 2.0)
        assert density[:, 1].sum() == pytest.approx(1 / 2.0)
        assert scalar(chords, "mean_chord_length", phase="pore", direction="x") == 6.0
        # Down a stripe no chord begins or ends within the image.
        assert not len(curve(chords, "chord_length", phase="pore", direction="y"))

    def test_a_chord_ends_at_the_rock_but_is_not_whole(self) -> None:
        line = np.uint8([[1, 0, 0, 1, 0, OUTSIDE, 0, 1, 0]])
        labels = np.repeat(line, 3, axis=0)
        table = descriptors.chord_length(labels, 1.0, TWO)
        density = curve(table, "chord_length", phase="pore", direction="x")
        assert density[density[:, 1] > 0].tolist() == [[2.0, 1.0]]

    def test_two_clusters(self) -> None:
        """Two grains of two pixels: within one, a step of 1; between them, a step of 2."""
        labels = np.zeros((1, 6), dtype=np.uint8)
        labels[0, [0, 1, 3, 4]] = 1
        options: dict[str, Any] = {"max_lag_um": 3.0}
        together = curve(descriptors.two_point_correlation(labels, 1.0, TWO, **options),
                         "two_point_correlation", phase="grain", other="grain",
                         direction="x")  # fmt: skip
        assert together[:, 1] == pytest.approx([4 / 6, 2 / 5, 1 / 4, 2 / 3], abs=1e-6)
        within = curve(descriptors.cluster_function(labels, 1.0, TWO, **options),
                       "cluster_function", phase="grain", direction="x")  # fmt: skip
        assert within[:, 1] == pytest.approx([4 / 6, 2 / 5, 0, 0], abs=1e-6)

    def test_voxels_that_share_a_corner_may_be_connected(self) -> None:
        labels = np.eye(8, dtype=np.uint8)
        # Of the first shell, (±1, 0) and (±1, ±1), (1, 1) is met 7 times each way, among
        # 4 · 8 · 7 + 4 · 7 · 7 pairs.
        for connectivity, expected in (("faces", 0), ("all", 14 / 420)):
            table = descriptors.cluster_function(labels, 1.0, TWO, connectivity=connectivity)
            radial = curve(table, "cluster_function", phase="grain", direction="radial")
            assert radial[1, 1] == pytest.approx(expected, abs=1e-6)


class TestProperties:
    @given(IMAGES)
    def test_all_pairs_add_up_to_one(self, labels: np.ndarray) -> None:
        table = descriptors.two_point_correlation(labels, 1.5, FOUR)
        rows = table[table["descriptor"] == "two_point_correlation"]
        orders = np.where(rows["phase"] == rows["other"], 1, 2)
        total = (rows["value"] * orders).groupby([rows["direction"], rows["distance_um"]]).sum()
        assert total.to_numpy() == pytest.approx(1, abs=1e-5)

    @pytest.mark.parametrize("name", ["two_point_correlation", "lineal_path", "cluster_function"])
    def test_turning_the_image_permutes_directions(
        self, name: str, rng: np.random.Generator
    ) -> None:
        labels = rng.integers(0, 2, (8, 10, 12)).astype(np.uint8)
        before = descriptors.measure(name, labels, 1.0, TWO, max_lag_um=4)
        after = descriptors.measure(name, labels.transpose(2, 0, 1), 1.0, TWO, max_lag_um=4)
        for old, new in zip("zyx", "yxz", strict=True):
            first = curve(before, name, phase="grain", direction=old)
            second = curve(after, name, phase="grain", direction=new)
            assert first == pytest.approx(second, abs=1e-6)

    def test_horizontal_triangles_stand_up_when_the_image_is_turned(
        self, rng: np.random.Generator
    ) -> None:
        labels = rng.integers(0, 2, (30, 40)).astype(np.uint8)
        before = descriptors.polytope(labels, 1.0, TWO)
        after = descriptors.polytope(np.rot90(labels, -1), 1.0, TWO)
        for old, new in (("P3H", "P3V"), ("P4", "P4")):
            first, second = (curve(t, n, phase="grain") for t, n in ((before, old), (after, new)))
            assert first == pytest.approx(second)

    def test_unequal_voxels_keep_their_own_distances(self) -> None:
        labels = np.tile(np.uint8([0, 0, 1, 1]), (12, 3))
        table = descriptors.two_point_correlation(labels, (4.0, 1.0), TWO, max_lag_um=5)
        assert curve(table, "two_point_correlation", phase="pore", other="pore",
                     direction="y")[:, 0].tolist() == [0, 4]  # fmt: skip
        assert curve(table, "two_point_correlation", phase="pore", other="pore",
                     direction="x")[:, 0].tolist() == [0, 1, 2, 3, 4, 5]  # fmt: skip
