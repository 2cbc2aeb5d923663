"""Signs that training has gone wrong, and what to turn."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from torch import nn

# Epochs in a row that a generator may look dead.
PATIENCE = 5
# A gradient norm 30 off one means that the critic has run away.
RUNAWAY_PENALTY = 1e3
# The share of a class above which there is no other to speak of.
ONE = 0.999
# Generated planes that differ a tenth as much from each other as real ones do are all one.
COLLAPSED = 0.1


@dataclass(frozen=True)
class Trouble:
    """What is wrong, and what to do about it, as sentences of a message."""

    what: str
    mend: str


NOT_FINITE = Trouble(
    "losses or weights are no longer finite",
    "set train.all.clip to 1, or set train.all.precision to float32.",
)
RUNAWAY = Trouble(
    "the gradient penalty has run away",
    "set train.all.critic_learning_rate below it, or set train.all.clip to 1.",
)
_DEAD = (
    "raise train.all.voxel_weight, or check that the HR images show more detail than the LR volume."
)
ALL_MIXED = Trouble(
    f"every node has been mixed for {PATIENCE} epochs: the generator has died", _DEAD
)
NONE_MIXED = Trouble(f"no node has been mixed for {PATIENCE} epochs: the generator has died", _DEAD)
_COLLAPSED = "raise train.all.voxel_weight, or lower train.all.critic_learning_rate."
ONE_CLASS = Trouble(
    f"all nodes have been of one class for {PATIENCE} epochs: the generator has collapsed",
    _COLLAPSED,
)
ALL_ALIKE = Trouble(
    f"generated planes have been all alike for {PATIENCE} epochs: the generator has collapsed",
    _COLLAPSED,
)


def after_step(measured: Mapping[str, float]) -> Trouble | None:
    """Judge the losses of one step."""
    if not all(math.isfinite(value) for value in measured.values()):
        return NOT_FINITE
    return RUNAWAY if measured["gradient_penalty"] > RUNAWAY_PENALTY else None


def after_epoch(mixed: float, largest: float, diversity: float, final: bool) -> Trouble | None:
    """Judge what the generator makes.

    Parameters
    ----------
    mixed, largest : shares of the nodes of this stage: the mixed ones, of which the final stage
        knows none, and those of the most frequent class.
    diversity : of generated planes, over that of real ones.
    """
    if mixed == 1.0:
        return ALL_MIXED
    if mixed == 0.0 and not final:
        return NONE_MIXED
    if largest > ONE:
        return ONE_CLASS
    return ALL_ALIKE if diversity < COLLAPSED else None


def finite(*modules: nn.Module) -> bool:
    """Whether no weight is infinite or NaN: a checkpoint of others would be no way back."""
    return all(bool(p.isfinite().all()) for module in modules for p in module.parameters())
