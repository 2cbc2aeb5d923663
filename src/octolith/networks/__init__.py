"""The generator and the critic."""

from octolith.blocks import halo
from octolith.networks.critic import AxisCritics, Critic
from octolith.networks.generator import Generator, parameter_count
from octolith.networks.growth import Block, Growth
from octolith.networks.layers import kept_statistics
from octolith.networks.twin import DenseTwin

__all__ = [
    "AxisCritics",
    "Block",
    "Critic",
    "DenseTwin",
    "Generator",
    "Growth",
    "halo",
    "kept_statistics",
    "parameter_count",
]
