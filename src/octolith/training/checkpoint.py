"""Checkpoints: everything that training goes on from, in one safetensors file, never unpickled."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from octolith.files import atomic
from octolith.networks.weights import read_tensors


def save(path: Path, tensors: Mapping[str, Tensor], values: Mapping[str, Any]) -> None:
    """Write tensors and JSON values; a crash leaves the previous checkpoint whole."""
    with atomic(path) as temporary:
        plain = {key: value.detach().cpu().clone() for key, value in tensors.items()}
        save_file(plain, temporary, {"values": json.dumps(values)})


def load(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """What `save` wrote.

    Raises
    ------
    InputError : the file is damaged.
    """
    tensors, meta = read_tensors(path)
    return tensors, json.loads(meta["values"])


def pack_optimiser(optimiser: torch.optim.Optimizer, name: str) -> dict[str, Tensor]:
    """The optimiser's moments as flat named tensors."""
    state = optimiser.state_dict()["state"]
    return {
        f"{name}.{index}.{key}": torch.as_tensor(value)
        for index, entry in state.items()
        for key, value in entry.items()
    }


def unpack_optimiser(
    optimiser: torch.optim.Optimizer, name: str, tensors: Mapping[str, Tensor]
) -> None:
    """Put back what `pack_optimiser` took out; rates and options stay as configured."""
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        if key.startswith(f"{name}."):
            index, _, field = key.removeprefix(f"{name}.").partition(".")
            state.setdefault(int(index), {})[field] = value
    optimiser.load_state_dict(
        {"state": state, "param_groups": optimiser.state_dict()["param_groups"]}
    )
