"""From grey levels, or foreign labels, to phases."""

from octolith.segmentation.agreement import agreement
from octolith.segmentation.bands import UNKNOWN, Bands, map_labels
from octolith.segmentation.denoising import denoise, halo, noise_level
from octolith.segmentation.histogram import Histogram, grey_range
from octolith.segmentation.resampling import resample
from octolith.segmentation.segmenter import Parts, Segmenter
from octolith.segmentation.suggestion import suggest_bands, suggestion

__all__ = [
    "UNKNOWN",
    "Bands",
    "Histogram",
    "Parts",
    "Segmenter",
    "agreement",
    "denoise",
    "grey_range",
    "halo",
    "map_labels",
    "noise_level",
    "resample",
    "suggest_bands",
    "suggestion",
]
