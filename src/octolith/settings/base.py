"""What every branch of the configuration shares: strictness, and errors a person can act on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from octolith.errors import InputError, did_you_mean


class Settings(BaseModel):
    """A branch of the configuration: immutable, and a key that does not exist is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

    @classmethod
    def read(cls, values: Mapping[str, Any], where: str) -> Self:
        """Validate ``values`` and say what is wrong in the user's terms.

        Raises
        ------
        InputError : names ``where`` and the field, what was found, and, for a misspelt key, the
            nearest one that exists.
        """
        try:
            return cls.model_validate(dict(values))
        except ValidationError as error:
            raise explain(error, cls, where) from None
        except InputError as error:
            # Of a validator of the whole, which names its fields; pydantic lets it pass.
            raise InputError(
                f"{where}: {error.where}", error.found, error.expected, error.mend
            ) from None


class FieldError(ValueError):
    """What a field's validator says; pydantic knows where the field stands, and `explain` says it.

    Parameters
    ----------
    found, expected, mend : as in `InputError`.
    """

    def __init__(self, found: object, expected: object, mend: str = "") -> None:
        self.found, self.expected, self.mend = found, expected, mend
        super().__init__(f"found {found}, expected {expected}. {mend}".rstrip())


def read_text(path: Path, what: str) -> str:
    """The text of a file that a person has written, less the byte-order mark of some editors.

    Raises
    ------
    InputError : unreadable, where ``what`` was expected; not UTF-8, and in which line.
    """
    try:
        return path.read_text("utf-8-sig")
    except OSError as error:
        raise InputError(path, error.strerror, what) from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        found = f"the byte 0x{error.object[error.start]:02x} in line {line}"
        raise InputError(path, found, "UTF-8 text", "Save it as UTF-8.") from None


def explain(error: ValidationError, model: type[BaseModel], where: str) -> InputError:
    """The first of pydantic's complaints as an `InputError` (one at a time is what one mends)."""
    first = error.errors(include_url=False)[0]
    path = [str(part) for part in first["loc"]]
    field = f"{where}: {'.'.join(path)}" if path else where
    if first["type"] == "extra_forbidden":
        known = _keys_at(model, path[:-1])
        mend = did_you_mean(path[-1], known)
        return InputError(field, "a key that does not exist", f"one of {sorted(known)}", mend)
    if first["type"] == "missing":
        return InputError(field, "nothing", "a value", "Add this key.")
    cause = first.get("ctx", {}).get("error")
    if isinstance(cause, FieldError):
        return InputError(field, cause.found, cause.expected, cause.mend)
    expected = first["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
    return InputError(field, repr(first["input"]), expected)


def _keys_at(model: type[BaseModel], path: list[str]) -> list[str]:
    """The keys that the schema allows at ``path``, through dictionaries and optional branches."""
    schema = model.model_json_schema()
    definitions = schema.get("$defs", {})

    def follow(node: Any, name: str) -> list[Any]:
        options = [node, *node.get("anyOf", []), *node.get("oneOf", []), *node.get("allOf", [])]
        found = []
        for option in options:
            option = definitions.get(option.get("$ref", "").rpartition("/")[2], option)  # noqa: PLW2901
            if name in option.get("properties", {}):
                found.append(option["properties"][name])
            elif isinstance(option.get("additionalProperties"), dict):
                found.append(option["additionalProperties"])
            elif "items" in option:
                found.append(option["items"])
        return found

    nodes = [schema]
    for name in path:
        nodes = [after for node in nodes for after in follow(node, name)]
    keys: set[str] = set()
    for node in nodes:
        for option in [node, *node.get("anyOf", [])]:
            target = definitions.get(option.get("$ref", "").rpartition("/")[2], option)
            keys |= set(target.get("properties", {}))
    return sorted(keys)
