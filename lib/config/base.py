"""What each notebook accepts: one frozen pydantic model per notebook, its defaults those of the notebook's tagged cell.

Papermill passes text where YAML has types (`-p condition_on_noisy false` arrives as "false", which is true) and only
logs a line about a name that it does not know. Here text is read as YAML first, and an unknown name is an error.
"""

import difflib
import re
from typing import Any, Literal, get_origin

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, ValidationInfo, field_validator

from lib.config import fields


class ParameterError(ValueError):
    """Parameters that are refused; the message has one line for each: name, value found, what is expected."""


def _from_text(text: str) -> Any:
    """What YAML reads in `text`, and 1e-4, which YAML leaves as text, as a number."""
    try:
        value = yaml.safe_load(text)
        return float(value) if isinstance(value, str) else value
    except (yaml.YAMLError, ValueError):
        return text  # the type's own check says what is expected


class Parameters(BaseModel):
    """Base of all: frozen, no other names, text read as YAML, one error of short lines (see `build`)."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _read(cls, value: Any, info: ValidationInfo) -> Any:
        """Give text its type, as YAML reads it, and text fields their text."""
        kind = plain_type(cls, info.field_name)
        if kind is str:
            return fields.as_text(value)
        if isinstance(value, str):
            value = _from_text(value)
        if isinstance(value, bool) != (kind is bool):  # pydantic takes True for 1 and 1 for True
            raise ValueError(f"expected {'true or false' if kind is bool else kind.__name__}")
        return value

    @property
    def warnings(self) -> list[str]:
        """What is legal but perhaps not meant, a line each."""
        return []


def build(model: type[Parameters], given: dict[str, Any]) -> Parameters:
    """`model` with the values `given`, the rest at its defaults.

    >>> from lib.config.train import Train
    >>> build(Train, {"epochs": "3", "condition_on_noisy": "false", "lr": "1e-4"}).lr
    0.0001
    >>> build(Train, {"gan_start_epochs": 8})
    Traceback (most recent call last):
    lib.config.base.ParameterError: gan_start_epochs: no such parameter of train, did you mean gan_start_epoch?

    Raises:
        ParameterError: a name is unknown, a value is of another type or out of range, or values do not go together.
    """
    problems = [unknown_name(model, name) for name in given if name not in model.model_fields]
    try:
        built = model(
            **{name: value for name, value in given.items() if name in model.model_fields}
        )
    except ValidationError as error:
        problems += [_line(problem) for problem in error.errors(include_url=False)]
    if problems:
        raise ParameterError("\n".join(problems))
    return built


def plain_type(model: type[Parameters], name: str) -> type:
    """A field's type as the parameters cell writes it: int, float, str, bool or list.

    >>> from lib.config.prepare import Prepare
    >>> from lib.config.train import Train
    >>> plain_type(Train, "device"), plain_type(Prepare, "snr_db")
    (<class 'str'>, <class 'list'>)
    """
    annotation = model.model_fields[name].annotation
    origin = get_origin(annotation)
    return str if origin is Literal else origin or annotation


def checked(built: Parameters, *checks: tuple[bool, str]) -> Parameters:
    if problems := [message for holds, message in checks if not holds]:
        raise ValueError("\n".join(problems))
    return built


def unknown_name(model: type[Parameters], name: str) -> str:
    near = difflib.get_close_matches(name, model.model_fields, n=1)
    hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(model.model_fields)}"
    return f"{name}: no such parameter of {model.__name__.lower()}, {hint}"


def _line(problem: dict) -> str:
    message = problem["msg"].removeprefix("Value error, ")
    message = re.sub("(Input should be|List should have)", "expected", message)
    if not problem["loc"]:  # values that do not go together: the message names them
        return message
    if problem["type"] == "list_type":
        message = "expected a list, typed as '[a, b]'"
    name, *place = problem["loc"]
    return f"{name}{''.join(f'[{i}]' for i in place)} = {problem['input']!r}: {message}"
