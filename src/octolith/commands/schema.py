"""`octolith schema`: the JSON schemas of the configuration and of the sample sheet."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from octolith.files import atomic
from octolith.settings import Config, Sample, Settings
from octolith.settings.training import CriticSettings, GeneratorSettings, StageSettings

MODELS: dict[str, type[Settings]] = {
    "config": Config,
    "sample": Sample,
    "train.all": StageSettings,
    "train.generator": GeneratorSettings,
    "train.critic": CriticSettings,
}


def schema(
    folder: Annotated[Path, typer.Argument(help="Where to write.")] = Path("config/schemas"),
) -> None:
    """Write the JSON schemas of all settings, which editors use to complete and to check.

    Example: `octolith schema` in a checkout brings `config/schemas` up to date.
    """
    for name, model in MODELS.items():
        with atomic(folder / f"{name}.schema.json") as temporary:
            temporary.write_text(json.dumps(model.model_json_schema(), indent=1) + "\n", "utf-8")
