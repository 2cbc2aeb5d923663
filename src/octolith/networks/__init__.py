"""The generator and the critic."""

from octolith.blocks import halo
from octolith.networks.critic import AxisCritics, Critic
from octolith.networks.generator import Block, Generator, Growth, parameter_count
from octolith.networks.twin import DenseTwin

__all__ = [
    "AxisCritics",
    "Block",
    "Critic",
    "DenseTwin",
    "Generator",
    "Growth",
    "halo",
    "parameter_count",
]
