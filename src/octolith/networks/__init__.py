"""The generator and the critic."""

from octolith.networks.critic import Critic
from octolith.networks.generator import Block, Generator, Growth, halo, parameter_count

__all__ = ["Block", "Critic", "Generator", "Growth", "halo", "parameter_count"]
