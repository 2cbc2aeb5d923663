"""Weights on disk: safetensors whose header says what they are; a mismatch is refused by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Self

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from octolith.errors import InputError
from octolith.files import atomic
from octolith.networks.critic import AxisCritics, Critic
from octolith.networks.generator import Generator
from octolith.phases import Phases
from octolith.settings.base import Settings
from octolith.settings.training import CriticSettings, GeneratorSettings


class Header(Settings):
    """What a weights file is: everything needed to build the networks and to judge their use."""

    octolith: str
    phases: tuple[str, ...]
    pore: str
    stage: int
    stages: int
    face: int
    generator: GeneratorSettings
    critic: CriticSettings
    seed: int
    data: str
    axes: tuple[str, ...] = ("zyx",)

    def build(self) -> tuple[Generator, Critic | AxisCritics]:
        """Untrained networks of this architecture; a critic for every set of axes."""
        generator = Generator(self.generator, len(self.phases), self.stages)
        critics = [
            Critic(self.critic, len(self.phases) + 1, self.stages, self.face) for _ in self.axes
        ]
        return generator, critics[0] if len(critics) == 1 else AxisCritics(critics, self.axes)

    def check(self, path: Path, phases: Phases, stages: int) -> None:
        """Refuse weights of another rock or scale.

        Raises
        ------
        InputError : names what differs.
        """
        again = "Train anew for them."
        if self.phases != phases.names:
            found = f"weights for the phases {list(self.phases)}"
            raise InputError(path, found, list(phases.names), again)
        if self.stages != stages:
            found, expected = (f"{n} stages ({2 ** (n - 1)}x)" for n in (self.stages, stages))
            raise InputError(path, f"weights for {found}", expected, again)

    def follows(self, path: Path, before: Self) -> None:
        """Refuse to build this stage on weights of another architecture.

        Raises
        ------
        InputError : names the field that differs.
        """
        for name in ("generator", "critic", "face", "phases", "stages", "axes"):
            mine, theirs = getattr(self, name), getattr(before, name)
            if mine != theirs:
                raise InputError(f"{path}: {name}", theirs, mine, "Train the earlier stages anew.")
        if before.stage != self.stage - 1:
            raise InputError(path, f"weights of stage {before.stage}", f"of stage {self.stage - 1}")


def save(path: str | Path, header: Header, networks: dict[str, nn.Module]) -> None:
    """Write the state of ``networks`` (name -> module) under ``header``."""
    tensors = {
        f"{name}.{key}": value.detach().cpu().contiguous()
        for name, module in networks.items()
        for key, value in module.state_dict().items()
    }
    with atomic(path) as temporary:
        save_file(tensors, temporary, {"octolith": header.model_dump_json()})


def read(path: str | Path) -> tuple[Header, dict[str, Tensor]]:
    """Header and tensors of a weights file.

    Raises
    ------
    InputError : missing, truncated or damaged, or not Octolith's.
    """
    tensors, meta = read_tensors(path)
    if "octolith" not in meta:
        raise InputError(path, "safetensors of another program", "weights trained by Octolith")
    return Header.read(json.loads(meta["octolith"]), str(path)), tensors


def read_tensors(path: str | Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and metadata of a safetensors file, with errors that say what to do."""
    if not Path(path).is_file():
        raise InputError(path, "no such file", "a weights file", "Run the stage before.")
    try:
        with safe_open(path, framework="pt") as file:
            return {key: file.get_tensor(key) for key in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except SafetensorError as error:
        raise InputError(
            path, f"a damaged file ({error})", "whole safetensors", "Delete it and run again."
        ) from None


def load_into(module: nn.Module, tensors: dict[str, Tensor], name: str, path: str | Path) -> None:
    """Fill ``module`` from the tensors called ``name.*``.

    Raises
    ------
    InputError : a tensor is missing, superfluous or of another shape.
    """
    own = {k.removeprefix(f"{name}."): v for k, v in tensors.items() if k.startswith(f"{name}.")}
    want = module.state_dict()
    for key in sorted(want.keys() ^ own.keys()):
        raise InputError(f"{path}: {name}.{key}", "one side only", "it in file and network")
    for key, value in own.items():
        if value.shape != want[key].shape:
            raise InputError(f"{path}: {name}.{key}", tuple(value.shape), tuple(want[key].shape))
    module.load_state_dict(own)


def load_generator(path: str | Path, phases: Phases, stages: int) -> tuple[Generator, Header]:
    """A trained generator, ready for inference.

    Raises
    ------
    InputError : unreadable file, or weights for other phases or another scale.
    """
    header, tensors = read(path)
    header.check(Path(path), phases, stages)
    with torch.device("meta"):
        generator, _ = header.build()
    generator.to_empty(device="cpu")
    load_into(generator, tensors, "generator", path)
    return generator.eval(), header
