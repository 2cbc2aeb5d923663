"""How well a trained critic knows its images by heart: r_v, on images that it has never seen.

Training measures r_v only with augmentation on, by images that it then holds out. Here every
training is measured alike, after its end and on as many unseen images as there are: without the
changes of augmentation, whatever it was trained with.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from octolith.networks import AxisCritics, Critic, Generator, halo, weights
from octolith.octree import render
from octolith.training.augmentation import overfitting
from octolith.training.data import Cubes, Panels, Planes, one_hot, random_planes

CROPS = 768  # of each kind
PLANES = 16  # across each axis of a cube


@torch.no_grad()
def memory(
    last: Path, lr: np.ndarray, trained_on: Sequence[np.ndarray], unseen: Sequence[np.ndarray],
    seed: int = 0,
) -> dict[str, float]:  # fmt: skip
    """The critic's mean scores and their r_v.

    Parameters
    ----------
    last : ``last.safetensors`` of the last stage: the critic beside the generator it saw last.
    lr : (z, y, x) labels that cubes are grown from.
    trained_on, unseen : (y, x) fine labels; crops are drawn in all eight symmetries.

    Returns
    -------
    ``train``, ``unseen`` and ``generated``: mean scores; ``r_v``: 0 where unseen crops score as
    those of training do, 1 where they score as generated planes; ``gap``: by how many of their own
    standard deviations unseen crops score below those of training, whatever is generated.
    """
    header, tensors = weights.read(last)
    generator, critic = header.build()
    weights.load_into(generator, tensors, "generator", last)
    weights.load_into(critic, tensors, "critic", last)
    generator.eval()
    random = torch.Generator().manual_seed(seed)
    edge, phases = header.face << (header.stage - 1), len(header.phases)

    def scores(planes: Tensor) -> Tensor:
        found: Tensor = critic.of(0)(planes, header.stage)
        return found

    known, new = (
        scores(one_hot(Planes(images, edge).draw(CROPS, random), phases))
        for images in (trained_on, unseen)
    )
    made = scores(generated(generator, critic, lr, header.stage, random))
    means = {
        "train": float(known.mean()), "unseen": float(new.mean()), "generated": float(made.mean()),
    }  # fmt: skip
    gap = float((known.mean() - new.mean()) / new.std())
    return means | {"r_v": overfitting(*means.values()), "gap": gap}


def generated(
    generator: Generator, critic: Critic | AxisCritics, lr: np.ndarray, stage: int,
    random: torch.Generator,
) -> Tensor:  # fmt: skip
    """(CROPS, K+1, edge, edge) planes of cubes as training grows them, as many across each axis."""
    cubes = Cubes(lr, critic.face, halo(generator.settings, stage - 1))
    planes: list[Tensor] = []
    for seed in range(CROPS // (3 * PLANES)):
        growth = generator(cubes.draw(1, seed, random), stage)
        places = random_planes(1, critic.face << (stage - 1), PLANES, random)
        planes += [
            render(growth.octree, growth.decisions, axis, where)
            for axis, where in enumerate(places)
        ]
    return torch.cat(planes)


def left_to_train(
    images: Sequence[np.ndarray], edge: int, phases: int, held_out: bool
) -> list[np.ndarray]:
    """Those (parts) of the images that training with augmentation does not hold out, or all."""
    panels = Panels(images, None, edge, symmetries=True, keep_back=held_out)
    return list(panels.of(0).images)
