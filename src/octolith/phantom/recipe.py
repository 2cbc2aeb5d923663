"""What a phantom is made of: every number of a rock and of its scan, with units."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Self

import yaml
from pydantic import Field, model_validator

from octolith.errors import InputError
from octolith.phases import Phases
from octolith.settings.base import Settings, read_text

PHASES = Phases.of(["pore", "quartz", "feldspar", "clay"])


class GrainRecipe(Settings):
    """The packing, and what compaction and cement made of it."""

    spacing_um: float = Field(gt=0, description="Cube root of the volume that a grain has.")
    disorder: float = Field(ge=0, le=1, description="0: a lattice; 1: jitter as large as a cell.")
    radius_um: float = Field(gt=0, description="Median radius, before overgrowth.")
    sorting: float = Field(ge=0, le=0.5, description="Standard deviation of the log radius.")
    elongation: float = Field(ge=0, le=1, description="Standard deviation of the log axis ratio.")
    roughness_um: float = Field(ge=0, description="Standard deviation of the grain surface.")
    roughness_length_um: float = Field(gt=0, description="Lateral length of that roughness.")
    shape_um: float = Field(ge=0, description="Standard deviation of the grain's large undulation.")
    shape_length_um: float = Field(gt=0, description="Lateral length of that undulation.")
    overgrowth_um: float = Field(ge=0, description="Quartz cement on quartz grains.")
    faces: int = Field(ge=0, le=20, description="Crystal faces of an overgrown quartz grain.")
    cement_um: float = Field(
        ge=0, description="Standard deviation of the cement's thickness from place to place."
    )
    cement_length_um: float = Field(gt=0, description="Over which it varies.")
    contact_um: float = Field(ge=0, description="Width of the open parts of grain contacts.")
    contact_open: float = Field(ge=0, le=1, description="Share of the contact area that is open.")
    contact_length_um: float = Field(gt=0, description="Length of an open part.")


class FeldsparRecipe(Settings):
    """Feldspar grains and what weathering has left of them."""

    share: float = Field(ge=0, le=1, description="Of the grains.")
    sodic: float = Field(ge=0, le=1, description="Of the feldspar: as dark in the CT as quartz.")
    dissolved: float = Field(ge=0, le=1, description="Median pore share inside the grains.")
    variety: float = Field(ge=0, description="How that differs among grains (normal scores).")
    cleavage_um: float = Field(gt=0, description="Distance of the cleavage planes.")
    cleavage: float = Field(ge=0, description="Weight of the cleavage against irregular pores.")
    pore_um: float = Field(gt=0, description="Length of the irregular pores.")
    zoning: float = Field(ge=0, description="Weight of the zones where pores and clay gather.")
    clay: float = Field(ge=0, le=1, description="Share of the intragranular pore that is clay.")


class ClayRecipe(Settings):
    """Clay in the pores between the grains."""

    share: float = Field(ge=0, le=1, description="Of the intergranular pore that aggregates fill.")
    patch_um: float = Field(gt=0, description="Size of an aggregate.")
    rim: float = Field(ge=0, description="More micropores at grain surfaces (normal scores).")
    rim_um: float = Field(gt=0, description="Thickness of that rim.")
    porosity: float = Field(ge=0, le=1, description="Micropores within the aggregates.")
    pore_um: float = Field(gt=0, description="Length of the micropores.")


class ScanRecipe(Settings):
    """The CT scan: grey levels of the pure minerals, blur and noise."""

    pore: float = Field(ge=0, description="Grey level, 16 bit.")
    clay: float = Field(description="Above the pore.")
    quartz: float = Field(description="Above clay; sodic feldspar is the same.")
    feldspar: float = Field(le=65535, description="Above quartz: the potassic feldspar.")
    blur: float = Field(ge=0, description="Standard deviation of the PSF, coarse voxels.")
    noise: float = Field(ge=0, description="Standard deviation in quartz, grey levels.")
    photon: float = Field(
        ge=0, le=1, description="Share of the noise variance that grows with the grey level."
    )

    @model_validator(mode="after")
    def _rising(self) -> Self:
        levels = [self.pore, self.clay, self.quartz, self.feldspar]
        if levels != sorted(set(levels)):
            raise InputError("scan", f"grey levels {levels}", "pore < clay < quartz < feldspar")
        return self


class Recipe(Settings):
    """A sandstone without bounds, and the instruments that look at it."""

    name: str
    description: str = ""
    seed: int = Field(1, ge=0, description="Another seed is another rock of the same kind.")
    voxel_um: float = Field(gt=0, description="The fine grid.")
    grains: GrainRecipe
    feldspar: FeldsparRecipe
    clay: ClayRecipe
    scan: ScanRecipe


def recipes() -> list[str]:
    """The names of the recipes that ship with the library."""
    folder = files("octolith") / "resources" / "phantoms"
    return sorted(f.name.removesuffix(".yaml") for f in folder.iterdir() if f.name.endswith("yaml"))


def load_recipe(name: str | Path, seed: int | None = None) -> Recipe:
    """A recipe that ships with the library, or a YAML file of one's own.

    Parameters
    ----------
    name : one of `recipes`, or the path of a YAML file.
    seed : in place of the recipe's.

    Raises
    ------
    InputError : no such recipe or file, not UTF-8, no YAML, or a key or value that cannot be.
    """
    if str(name) in recipes():
        text = (files("octolith") / "resources" / "phantoms" / f"{name}.yaml").read_text("utf-8")
    elif Path(name).is_file():
        text = read_text(Path(name), "a readable YAML file")
    else:
        raise InputError("recipe", repr(str(name)), f"a YAML file or one of {recipes()}")
    try:
        values = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InputError(name, " ".join(str(error).split()), "YAML") from None
    if not isinstance(values, dict):
        raise InputError(name, type(values).__name__, "a YAML mapping of keys to values")
    recipe = Recipe.read(values, str(name))
    return recipe if seed is None else recipe.model_copy(update={"seed": seed})
