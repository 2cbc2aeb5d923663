"""The generator's layers as numbers: weights, arithmetic and memory a node, stage by stage."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from octolith.settings.training import CriticSettings, GeneratorSettings

FLOAT = 4
# Winograd's F(2, 3) takes 64 products where a family's eight nodes have 8 · 27 neighbours.
CONV3 = 27 * 64 / 216
# What a node holds besides features: Morton key, coordinates, place in the batch, class, and its
# eighth of its parent's 27 neighbours.
NODE = 8 + 24 + 8 + 1
NEIGHBOURS = 27 * 4 / 8
# What `octolith.networks.context.interpolate` holds for a node, beside that, at its peak: cells,
# places within them, offsets, weights, and the three neighbours an axis, twice.
INTERPOLATING = 24 + 24 + 12 + 36 + 2 * 72
# What cutting off the halo holds (`octolith.octree.Level.crop`): moved coordinates, their spread
# bits with two temporaries, keys and order.
CROPPING = 8 + 24 + 24 + 3 * 24 + 16


@dataclass(frozen=True)
class Stage:
    """One stage of the generator.

    Attributes
    ----------
    first : whether it is the dense one on the LR grid.
    entering : channels that it is given: LR phases and noise, or the features of the stage before.
    widths : channels of its two convolutions.
    phases : K.
    context : channels of the phases around a node: K of the LR image, K of what is decided.
    kernel : edge of the first convolution.
    copies : tensors of a feature map's size that its normalisation holds at once.
    weights : trainable ones.
    """

    first: bool
    entering: int
    widths: tuple[int, int]
    phases: int
    context: int
    kernel: int
    copies: int

    @property
    def weights(self) -> int:
        """Trainable weights, biases and the gains and offsets of the normalisations among them."""
        a, b = self.widths
        classifier = (b + self.context + 1) * (self.phases + 1)
        c = self.entering
        if self.first:
            first = self.kernel**3 * c * a + a
            return first + 27 * (a * b + b * b) + 2 * b + 2 * (a + 2 * b) + classifier
        up = 8 * c * c + c
        convolutions = 27 * ((c + self.context) * a + a * b) + a + b
        return up + convolutions + 2 * (c + a + b) + classifier

    @property
    def flops(self) -> float:
        """Floating-point operations a node."""
        a, b = self.widths
        classifier = (b + self.context) * (self.phases + 1)
        c = self.entering
        if self.first:
            return 2 * (self.kernel**3 * c * a + 27 * (a * b + b * b) + classifier)
        return 2 * (c * c + CONV3 * ((c + self.context) * a + a * b) + classifier)

    @property
    def node_bytes(self) -> float:
        """Bytes a node at the peak of this stage, without what the stages before left behind."""
        a, b = self.widths
        copies, context, classes = self.copies, self.context, self.phases + 1
        if self.first:
            floats = max(self.entering + copies * a, copies * max(a, b), 2 * b + context + classes)
            return NODE + FLOAT * floats
        c = self.entering
        joined = c + context
        floats = context + max(
            copies * c,  # the upsampled, normalised
            c + joined,
            2 * joined + a,  # the first convolution and its padded input
            joined + copies * a,
            2 * a + b,  # the second
            a + copies * b,
            2 * b + context + classes,  # the classifier
        )
        convolving = NEIGHBOURS + FLOAT * floats
        interpolating = NEIGHBOURS + INTERPOLATING if context else 0
        return NODE + max(convolving, interpolating, FLOAT * (b + 2 * classes) + CROPPING)


def layers(settings: GeneratorSettings, phases: int, stages: int) -> list[Stage]:
    """The stages of `octolith.networks.Generator`, described.

    Parameters
    ----------
    settings : architecture.
    phases : K.
    stages : S.
    """
    widths = [settings.widths[min(s, len(settings.widths) - 1)] for s in range(stages)]
    context = phases * settings.context
    around = context + phases * settings.neighbours
    copies = 3 if settings.norm == "channel" else 2
    kernel = settings.first_kernel
    first = Stage(True, phases + settings.noise, widths[0], phases, context, kernel, copies)
    return [first] + [
        Stage(False, before[1], own, phases, around, 3, copies) for before, own in pairwise(widths)
    ]


def critic_weights(settings: CriticSettings, phases: int, stages: int, face: int) -> int:
    """Trainable weights of `octolith.networks.Critic`.

    Parameters
    ----------
    settings : architecture.
    phases : K.
    stages : S.
    face : edge of the LR training cube, voxels.
    """
    widths = [settings.widths[min(s, len(settings.widths) - 1)] for s in range(stages)]
    inputs = [*widths[1:], settings.entry or phases + 1]
    entering, kernel = (inputs, 3) if settings.entry else (inputs[:-1], 1)
    trunk = [widths[0], *settings.trunk]
    halving = [*zip(inputs, widths, strict=True), *pairwise(trunk)]
    last = trunk[-1]
    return (
        sum(9 * a * b + b for a, b in halving)
        + sum(kernel**2 * (phases + 1) * a + a for a in entering)
        + (settings.head_edge(face) * last) ** 2 + last  # the head
        + last + 1  # the score
    )  # fmt: skip
