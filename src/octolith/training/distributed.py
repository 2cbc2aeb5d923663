"""Several processes share a stage: each draws its own batch, gradients are averaged.

Launched by ``torchrun``, which sets the environment; without it there is one process.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.distributed as dist
from torch import Tensor, nn

from octolith.errors import InputError

log = logging.getLogger(__name__)


def rank() -> int:
    """This process's number; 0 alone writes files."""
    return dist.get_rank() if dist.is_initialized() else 0


def world() -> int:
    """How many processes there are."""
    return dist.get_world_size() if dist.is_initialized() else 1


@contextmanager
def processes(device: torch.device) -> Iterator[None]:
    """Join the process group that torchrun announced, if it did."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield
        return
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield
    finally:
        dist.destroy_process_group()


def device() -> torch.device:
    """The GPU of this process, or the CPU; a GPU that was given but cannot be used is said.

    Raises
    ------
    InputError : there are more processes than GPUs.
    """
    if not torch.cuda.is_available():
        given = os.environ.get("CUDA_VISIBLE_DEVICES", "")
        if given and given != "-1":
            log.warning(
                "PyTorch %s cannot use the GPU that this job was given (CUDA_VISIBLE_DEVICES=%s): "
                "computing on the CPU, many times slower. `octolith doctor`, run in such a job, "
                "says what is wrong.", torch.__version__, given,
            )  # fmt: skip
        return torch.device("cpu")
    local, gpus = int(os.environ.get("LOCAL_RANK", "0")), torch.cuda.device_count()
    if local >= gpus:
        raise InputError(
            "train.ranks", f"process {local + 1} of this machine, which shows it {gpus} GPU(s)",
            "a GPU for each", "Lower train.ranks, or let the profile give as many GPUs "
            "(resources: gpu).",
        )  # fmt: skip
    torch.cuda.set_device(local)
    return torch.device("cuda", local)


def average_gradients(module: nn.Module) -> None:
    """Replace every gradient by its mean over all processes (a missing one counts as zero)."""
    if world() == 1:
        return
    learning = [p for p in module.parameters() if p.requires_grad]
    flat = torch.cat([(p.grad if p.grad is not None else torch.zeros_like(p)).flatten()
                      for p in learning])  # fmt: skip
    dist.all_reduce(flat)
    flat /= world()
    for parameter, grad in zip(learning, flat.split([p.numel() for p in learning]), strict=True):
        parameter.grad = grad.view_as(parameter).clone()


def mean(value: float, where: torch.device) -> float:
    """Of all processes, so that all decide alike."""
    if world() == 1:
        return value
    total = torch.tensor(value, dtype=torch.float64, device=where)
    dist.all_reduce(total)
    return float(total) / world()


def any_process(flag: bool, where: torch.device) -> bool:
    """Whether the flag is up in any process, so that all stop at the same step."""
    if world() == 1:
        return flag
    up = torch.tensor(float(flag), device=where)
    dist.all_reduce(up, dist.ReduceOp.MAX)
    return bool(up > 0)


def wait() -> None:
    """Until all processes are here."""
    if world() > 1:
        dist.barrier()


def gather(value: Tensor) -> list[Tensor]:
    """The tensors of all processes, in the order of their ranks."""
    if world() == 1:
        return [value]
    # Gloo and NCCL both gather objects; the states gathered here are a few kilobytes.
    everyone: list[Tensor | None] = [None] * world()
    dist.all_gather_object(everyone, value)
    return [each for each in everyone if each is not None]
