"""A synthetic four-mineral sandstone with known truth, its CT scan and its microscope images.

The rock has no bounds: what is at a place is a function of the recipe, its seed and the place.

>>> recipe = load_recipe("berea-like")
>>> truth = fine_labels(recipe, origin=(0, 0, 0), shape=(8, 8, 8))
>>> scan = ct_scan(recipe, origin=(0, 0, 0), shape=(2, 2, 2), scale=4)
>>> truth.dtype, scan.dtype
(dtype('uint8'), dtype('uint16'))
"""

from octolith.phantom.recipe import PHASES, Recipe, load_recipe, recipes
from octolith.phantom.rock import fine_labels
from octolith.phantom.scan import bands, ct_scan, microscope_images
from octolith.phantom.writing import write_phantom

__all__ = [
    "PHASES",
    "Recipe",
    "bands",
    "ct_scan",
    "fine_labels",
    "load_recipe",
    "microscope_images",
    "recipes",
    "write_phantom",
]
