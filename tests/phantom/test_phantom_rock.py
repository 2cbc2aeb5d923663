"""The phantom rock: a function of place, made of what sandstone is made of."""

from __future__ import annotations

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.ndimage import binary_opening

from octolith.errors import InputError
from octolith.phantom import PHASES, Recipe, fine_labels, load_recipe, microscope_images, recipes
from octolith.phantom import rock as rock_module
from octolith.phantom.noise import Block, uniform

PORE, QUARTZ, FELDSPAR, CLAY = range(4)


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    return load_recipe("berea-like")


def changed(recipe: Recipe, **branches: dict[str, float]) -> Recipe:
    """The recipe with some values of its branches replaced."""
    values = recipe.model_dump()
    for branch, changes in branches.items():
        values[branch] |= changes
    return Recipe.read(values, "test")


@pytest.fixture(scope="module")
def images(recipe: Recipe) -> np.ndarray:
    """Some planes, large enough for fractions."""
    return np.stack(microscope_images(recipe, 12, 300))


class TestPlace:
    """What is somewhere does not depend on how one got there."""

    @settings(max_examples=12)
    @given(
        origin=st.tuples(*[st.integers(-200, 200)] * 3),
        offset=st.tuples(*[st.integers(0, 12)] * 3),
        shape=st.tuples(*[st.integers(1, 20)] * 3),
    )
    def test_a_block_alone_equals_its_part_of_the_whole(self, recipe, origin, offset, shape):
        whole = fine_labels(recipe, origin, (32, 32, 32))
        first = [o + d for o, d in zip(origin, offset, strict=True)]
        part = tuple(slice(d, d + n) for d, n in zip(offset, shape, strict=True))
        np.testing.assert_array_equal(fine_labels(recipe, first, shape), whole[part])

    def test_working_in_smaller_pieces_changes_nothing(self, recipe, monkeypatch):
        whole = fine_labels(recipe, (-20, 7, 40), (40, 50, 60))
        monkeypatch.setattr(rock_module, "EDGE", 17)
        np.testing.assert_array_equal(fine_labels(recipe, (-20, 7, 40), (40, 50, 60)), whole)

    def test_the_rock_goes_on_far_away(self, recipe):
        here = fine_labels(recipe, (0, 0, 0), (1, 300, 300))
        there = fine_labels(recipe, (10**7, -(10**7), 10**7), (1, 300, 300))
        assert not np.array_equal(here, there)
        assert abs(np.mean(here == QUARTZ) - np.mean(there == QUARTZ)) < 0.2

    def test_the_seed_decides(self, recipe):
        labels = fine_labels(recipe, (0, 0, 0), (24, 24, 24))
        other = load_recipe("berea-like", seed=recipe.seed + 1)
        np.testing.assert_array_equal(fine_labels(recipe, (0, 0, 0), (24, 24, 24)), labels)
        assert not np.array_equal(fine_labels(other, (0, 0, 0), (24, 24, 24)), labels)


class TestNoise:
    def test_uniform_numbers_are_uniform_and_streams_independent(self):
        place = np.arange(20000)
        one, two = uniform(3, "one", place), uniform(3, "two", place)
        assert stats.kstest(one, "uniform").pvalue > 0.01
        assert abs(np.corrcoef(one, two)[0, 1]) < 0.03
        assert abs(np.corrcoef(one[1:], one[:-1])[0, 1]) < 0.03

    def test_a_field_has_mean_zero_variance_one_and_its_length(self):
        noise = Block(1, 1.0, (-50, 0, 9), (120, 120, 120)).noise("field", 4.0)
        assert abs(noise.mean()) < 0.05
        assert noise.var() == pytest.approx(1, abs=0.05)
        assert stats.skew(noise[::8, ::8, ::8].ravel()) == pytest.approx(0, abs=0.2)
        correlation = [np.mean(noise[:, :, lag:] * noise[:, :, : 120 - lag]) for lag in (1, 4, 16)]
        assert correlation == pytest.approx([0.95, 0.5, 0], abs=0.06)

    def test_a_field_does_not_change_with_the_grid(self):
        """The same rock on a grid three times finer: coarse centres are every third fine one."""
        coarse = Block(1, 3.0, (2, 2, 2), (5, 5, 5)).noise("field", 10.0)
        fine = Block(1, 1.0, (6, 6, 6), (15, 15, 15)).noise("field", 10.0)
        np.testing.assert_allclose(fine[1::3, 1::3, 1::3], coarse, atol=1e-5)


class TestSandstone:
    @pytest.mark.parametrize("name", recipes())
    def test_recipes_have_all_phases_in_a_sandstones_order(self, name):
        planes = np.stack(microscope_images(load_recipe(name), 6, 600))
        fractions = np.bincount(planes.ravel(), minlength=4) / planes.size
        assert len(fractions) == 4
        assert fractions[QUARTZ] > fractions[PORE] > fractions[FELDSPAR] > fractions[CLAY] > 0.01

    def test_pores_are_bodies_not_specks(self, images):
        """Nine tenths of the pore survive an opening by 2 × 2 pixels: a network can learn them."""
        square = np.ones((1, 2, 2), bool)
        pore = images == PORE
        assert binary_opening(pore, square).sum() > 0.9 * pore.sum()

    def test_feldspar_holds_pores_only_if_weathered(self, recipe):
        fresh = changed(recipe, feldspar={"dissolved": 1e-9, "variety": 0.0})
        weathered = changed(recipe, feldspar={"dissolved": 0.5, "variety": 0.0})
        place = (0, 0, 0), (64, 64, 64)
        before, after = fine_labels(fresh, *place), fine_labels(weathered, *place)
        lost = (before == FELDSPAR) & (after != FELDSPAR)
        assert lost.sum() / (before == FELDSPAR).sum() == pytest.approx(0.5, abs=0.12)
        assert set(np.unique(after[lost])) == {PORE, CLAY}
        np.testing.assert_array_equal(before[before == QUARTZ], after[before == QUARTZ])

    def test_clay_is_porous_and_lies_in_pores(self, recipe):
        without = changed(recipe, clay={"share": 0.0}, feldspar={"clay": 0.0})
        tight = changed(recipe, clay={"porosity": 0.0, "rim": 0.0})
        place = (0, 0, 0), (64, 64, 64)
        bare, clay, solid = (fine_labels(r, *place) for r in (without, recipe, tight))
        assert not (bare == CLAY).any()
        assert (bare[clay == CLAY] == PORE).all()
        np.testing.assert_array_equal(clay[clay != CLAY], bare[clay != CLAY])
        assert (clay == CLAY).sum() < 0.7 * (solid == CLAY).sum()

    def test_open_contacts_are_thin_pores_between_grains(self, recipe):
        closed = changed(recipe, grains={"contact_open": 0.0})
        place = (0, 0, 0), (64, 64, 64)
        shut, open_ = fine_labels(closed, *place), fine_labels(recipe, *place)
        opened = (open_ == PORE) & np.isin(shut, (QUARTZ, FELDSPAR))
        assert 0.002 < opened.mean() < 0.05
        assert not binary_opening(opened, np.ones((6, 6, 6), bool)).any()


class TestImages:
    def test_their_normals_take_turns_and_no_two_are_alike(self, recipe):
        made = microscope_images(recipe, 4, 40)
        assert [image.shape for image in made] == [(40, 40)] * 4
        assert {image.dtype for image in made} == {np.dtype(np.uint8)}
        for i, image in enumerate(made):
            assert all(not np.array_equal(image, other) for other in made[i + 1 :])

    def test_they_are_planes_of_the_rock(self, recipe):
        """The second image is a plane of constant y, a thousand grains from the first."""
        step = 2000 * round(recipe.grains.spacing_um / recipe.voxel_um)
        image = microscope_images(recipe, 2, 30)[1]
        block = fine_labels(recipe, (step, step - 1, step), (30, 3, 30))
        np.testing.assert_array_equal(block[:, 1], image)


class TestRecipes:
    def test_an_unknown_name_lists_those_that_exist(self):
        with pytest.raises(InputError, match=r"'barea'.*berea-16x.*berea-like"):
            load_recipe("barea")

    def test_a_misspelt_key_is_told_the_right_one(self, recipe, tmp_path):
        path = tmp_path / "mine.yaml"
        path.write_text(yaml.safe_dump(recipe.model_dump() | {"voxle_um": 2}))
        with pytest.raises(InputError, match=r"mine\.yaml: .*voxle_um.*Did you mean 'voxel_um'"):
            load_recipe(path)

    @pytest.mark.parametrize("text", ["- a list", "a: [", ""])
    def test_what_is_no_mapping_is_refused(self, tmp_path, text):
        path = tmp_path / "mine.yaml"
        path.write_text(text)
        with pytest.raises(InputError, match=r"mine\.yaml"):
            load_recipe(path)

    def test_ones_own_recipe_is_read(self, recipe, tmp_path):
        path = tmp_path / "mine.yaml"
        path.write_text(yaml.safe_dump(recipe.model_dump()))
        assert load_recipe(path, seed=9) == recipe.model_copy(update={"seed": 9})

    def test_grey_levels_must_rise(self, recipe):
        with pytest.raises(InputError, match="pore < clay < quartz < feldspar"):
            changed(recipe, scan={"clay": 9000.0})

    def test_phases_are_the_four_of_the_panels(self):
        assert PHASES.names == ("pore", "quartz", "feldspar", "clay")
