"""Train one stage: LR labels, that stage's pyramid and the weights before -> weights."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path

import torch

import octolith
from octolith.networks import weights
from octolith.phases import Phases
from octolith.settings.training import APART, StageSettings, TrainSettings
from octolith.training import Loop, Stage, distributed
from octolith.training.calibration import calibrate
from octolith.training.data import axis_sets
from octolith.volumes import open_volume, read_images

log = logging.getLogger(__name__)


def train(
    labels: str | Path,
    pyramid: str | Path,
    previous: str | Path | None,
    out: str | Path,
    *,
    stage: int,
    stages: int,
    settings: TrainSettings,
    phases: Phases,
    seed: int,
    threads: int = 1,
    checkpoint_minutes: float | None = None,
    tensorboard: bool | None = None,
) -> None:
    """Train stage ``stage`` and write its weights; resumes where a killed run stopped.

    Beside ``out`` it keeps ``log.csv``, ``samples/``, ``last.safetensors`` and, until it is done,
    two checkpoints. Under torchrun all processes call this; the first one writes.

    Parameters
    ----------
    labels : LR phases (HDF5). pyramid : HR classes of this stage (HDF5).
    previous : weights of stage - 1; None for the first.
    out : the weights to write.
    checkpoint_minutes, tensorboard : instead of those in ``settings``; no result depends on them.

    Raises
    ------
    InputError : weights that do not fit, images or volume too small.
    TrainingError : training collapsed.
    Interrupted : stopped by a signal; run again to resume.
    """
    out = Path(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(max(1, threads))  # 0: fewer cores than processes
    torch.manual_seed(seed)
    given = {"checkpoint_minutes": checkpoint_minutes, "tensorboard": tensorboard}
    changes = {name: value for name, value in given.items() if value is not None}
    of_stage = settings.stage(stage).model_copy(update=changes)
    hr = read_images(pyramid)
    header = weights.Header(
        octolith=octolith.__version__,
        phases=phases.names,
        pore=phases.pore,
        stage=stage,
        stages=stages,
        face=settings.cube,
        generator=settings.generator_settings(),
        critic=settings.critic_settings(),
        seed=seed,
        data=_fingerprint(labels, pyramid),
        axes=axis_sets(hr.axes),
    )
    generator, critic = header.build()
    if previous is not None:
        before, tensors = weights.read(previous)
        header.follows(Path(previous), before)
        weights.load_into(generator, tensors, "generator", previous)
        weights.load_into(critic, tensors, "critic", previous)
    device = distributed.device()
    with distributed.processes(device), open_volume(labels) as volume:
        processes = distributed.world()
        log.info("stage %d of %d on %s in %d process(es)", stage, stages, device, processes)
        run = Stage(
            generator,
            critic,
            stage,
            of_stage,
            phases=phases,
            labels=volume.read(),
            images=hr.images,
            axes=hr.axes,
            seed=seed * 1009 + stage,
            device=device,
        )
        key = _key(header, of_stage, processes, _fingerprint(*[previous] if previous else []))
        saved = out.parent / f"checkpoint-{key}.safetensors"
        for stale in out.parent.glob("checkpoint-*.safetensors"):
            if not stale.name.startswith(saved.stem):
                stale.unlink(missing_ok=True)  # of other settings: it must not be resumed from
        best = Loop(run, saved).run()
        if distributed.rank() > 0:
            return
        if of_stage.calibrate:
            calibrate(run, best)
        for path, state in ((out.parent / "last.safetensors", run.average), (out, best)):
            run.block.load_state_dict(state.state_dict())
            weights.save(path, header, {"generator": generator, "critic": critic})
        for done in out.parent.glob(f"{saved.stem}*"):
            done.unlink()


def _fingerprint(*paths: str | Path) -> str:
    """SHA-256 over what the stage was trained on."""
    digest = hashlib.sha256()
    for path in paths:
        with Path(path).open("rb") as file:
            while chunk := file.read(1 << 20):
                digest.update(chunk)
    return digest.hexdigest()


def _key(header: weights.Header, settings: StageSettings, processes: int, previous: str) -> str:
    """Names a checkpoint by all it depends on."""
    of_stage = settings.model_dump_json(exclude=APART)
    text = header.model_dump_json() + of_stage + f"{processes} {previous}"
    return hashlib.sha256(text.encode()).hexdigest()[:12]
