"""One interface for all descriptors: labels and voxel size in, a tidy table out."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import wraps
from typing import Annotated, Any, TypeVar, get_type_hints

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from pydantic import BaseModel, Field, ValidationError, create_model

from octolith.descriptors.microstructure import Microstructure
from octolith.errors import InputError, require_known
from octolith.phases import Phases

COLUMNS = (
    "descriptor", "phase", "other", "direction", "distance_um", "quantile", "value", "unit"
)  # fmt: skip

Measure = Callable[..., pd.DataFrame]
# What options may be; a value that is not is refused before anything is measured.
Count = Annotated[int, Field(ge=1)]
Seed = Annotated[int, Field(ge=0)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
_REGISTRY: dict[str, Measure] = {}
_OPTIONS: dict[str, type[BaseModel]] = {}


def rows(
    descriptor: str,
    value: ArrayLike,
    unit: str,
    *,
    phase: str = "",
    other: str = "",
    direction: str = "",
    distance_um: ArrayLike = np.nan,
    quantile: ArrayLike = np.nan,
) -> pd.DataFrame:
    """Rows of a table: one for a scalar, one a point of a curve.

    What is undefined (not finite: nothing was there to be counted) is left out: a table holds
    neither NaN nor an invented zero.
    """
    columns = np.broadcast_arrays(*map(np.atleast_1d, (distance_um, quantile, value)))
    distances, quantiles, values = (np.asarray(column, dtype=float) for column in columns)
    frame = pd.DataFrame(
        {
            "descriptor": descriptor,
            "phase": phase,
            "other": other,
            "direction": direction,
            "distance_um": distances,
            "quantile": quantiles,
            "value": values,
            "unit": unit,
        }
    )
    return frame[np.isfinite(values)]


def descriptor(function: Callable[..., Iterator[pd.DataFrame]]) -> Measure:
    """Register ``function(micro, **options)``, which yields `rows`, under its own name.

    The registered function is called as ``f(labels, voxel_size_um, phases, *, periodic=False,
    **options)``, checks all of these, and returns one table with `COLUMNS`.
    """
    name = function.__name__
    model = options_of(function)
    own = [
        parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for parameter in list(inspect.signature(function).parameters.values())[1:]
    ]

    @wraps(function)
    def measured(
        labels: np.ndarray,
        voxel_size_um: float | Sequence[float],
        phases: Phases,
        *,
        periodic: bool = False,
        **options: Any,
    ) -> pd.DataFrame:
        options = checked(options, model, f"options of {name}")
        micro = Microstructure.of(labels, voxel_size_um, phases, periodic)
        pieces = [piece for piece in function(micro, **options) if len(piece)]
        return pd.concat(pieces or [rows("", [], "")], ignore_index=True)

    public = list(inspect.signature(measured, follow_wrapped=False).parameters.values())[:-1]
    measured.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [*public, *own], return_annotation=pd.DataFrame
    )
    _REGISTRY[name], _OPTIONS[name] = measured, model
    return measured


F = TypeVar("F", bound=Callable[..., Any])


def paired(function: F) -> F:
    """Register the options of a function that compares two images, for `check_options`."""
    _OPTIONS[function.__name__] = options_of(function)
    return function


def options_of(function: Callable[..., Any]) -> type[BaseModel]:
    """The options of a function, those of its parameters that have a default, as a model."""
    hints = get_type_hints(function, include_extras=True)
    fields: dict[str, Any] = {
        parameter.name: (hints[parameter.name], parameter.default)
        for parameter in inspect.signature(function).parameters.values()
        if parameter.default is not inspect.Parameter.empty
    }
    return create_model(function.__name__, **fields)


def checked(options: Mapping[str, Any], model: type[BaseModel], where: str) -> dict[str, Any]:
    """The options that are given, each of its type.

    Raises
    ------
    InputError : an option that does not exist, or a value that it cannot have.
    """
    for key in options:
        require_known(where, key, [*model.model_fields])
    try:
        return model(**options).model_dump(include={*options})
    except ValidationError as error:
        first = error.errors()[0]
        option = ".".join(str(part) for part in first["loc"])
        expected = first["msg"].removeprefix("Input should be ")
        raise InputError(where, f"{option} = {first['input']!r}", expected) from None


def check_options(name: str, options: Mapping[str, Any]) -> None:
    """Check options of a registered descriptor without measuring anything.

    Raises
    ------
    InputError : an option that does not exist, or a value that it cannot have.
    """
    own = {key: value for key, value in options.items() if key != "periodic"}
    checked(own, _OPTIONS[name], f"options of {name}")


def names() -> tuple[str, ...]:
    """The registered descriptors."""
    return tuple(_REGISTRY)


def measure(
    name: str,
    labels: np.ndarray,
    voxel_size_um: float | Sequence[float],
    phases: Phases,
    **options: Any,
) -> pd.DataFrame:
    """Measure the descriptor called ``name``.

    Parameters
    ----------
    name : one of `octolith.descriptors.NAMES`.
    labels : (z, y, x) or (y, x) label codes; `OUTSIDE` is not counted.
    voxel_size_um : edge of a voxel in µm, or one for each axis.
    phases : what the codes mean.
    options : ``periodic``, and the descriptor's own.

    Raises
    ------
    InputError : no such descriptor or option, or an image that it cannot be measured on.
    """
    require_known("descriptor", name, names())
    return _REGISTRY[name](labels, voxel_size_um, phases, **options)
