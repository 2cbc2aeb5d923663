"""`octolith schema`: the JSON schemas of the configuration and of the sample sheet."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from octolith.files import atomic
from octolith.settings import Config, Sample, Settings
from octolith.settings.training import BRANCHES, preset, presets


def schema(
    folder: Annotated[Path, typer.Argument(help="Where to write.")] = Path("config/schemas"),
) -> None:
    """Write the JSON schemas of all settings, which editors use to complete and to check.

    Example: `octolith schema` in a checkout brings `config/schemas` up to date.
    """
    schemas = {"config": _with_branches(), "sample": Sample.model_json_schema()}
    schemas |= {f"train.{name}": _of_presets(name, model) for name, model in BRANCHES.items()}
    for name, found in schemas.items():
        with atomic(folder / f"{name}.schema.json") as temporary:
            temporary.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", "utf-8")


def _with_branches() -> dict[str, Any]:
    """The schema of the configuration; the branches of ``train`` are in files beside it."""
    schema = Config.model_json_schema()
    train = schema["$defs"]["TrainSettings"]["properties"]
    for name in BRANCHES:
        train[name]["allOf"] = [{"$ref": f"train.{name}.schema.json"}]
    train["stages"]["additionalProperties"] = {"$ref": "train.all.schema.json"}
    return schema


def _of_presets(branch: str, model: type[Settings]) -> dict[str, Any]:
    """The schema of a branch of ``train``: where presets say something else than the default, that.

    (A preset may say another thing for single stages: its file has it.)
    """
    schema = model.model_json_schema()
    values = {name: model.model_validate(preset(name)[branch]).model_dump(mode="json")
              for name in presets()}  # fmt: skip
    for key, field in schema["properties"].items():
        own = {name: found[key] for name, found in values.items()}
        if any(value != field.get("default") for value in own.values()):
            field.pop("default", None)
            said = "; ".join(f"{name}: {json.dumps(value)}" for name, value in own.items())
            field["description"] = f"{field.get('description', '')} Presets: {said}.".strip()
    return schema
