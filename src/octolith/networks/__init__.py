"""The generator and the critic."""

from octolith.blocks import halo
from octolith.networks.critic import AxisCritics, Critic
from octolith.networks.generator import Block, Generator, Growth, kept_statistics, parameter_count
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
