"""What all parameter models have in common, and errors that a user understands.

Papermill passes text where YAML has types (`-p condition_on_noisy false` arrives as "false", which
Python takes for true), and it only logs a line about a name that it does not know. Here the type of
a parameter decides how its text is read, and an unknown name is an error.
"""

import difflib
import re
from typing import Any, Literal, TypeVar, get_origin

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, ValidationInfo, field_validator

from lib.config.fields import as_text
from lib.config.plain_yaml import read_yaml
from lib.config.renamed import RENAMED


class ParameterError(ValueError):
    """Parameters are refused; each line of the message is one problem: name, value, expected."""


class Parameters(BaseModel):
    """Base of the models: frozen, unknown names are refused, text gets the parameter's type.

    Use `build` to make one, since its errors are shorter than pydantic's. The docstring below a
    field says what the parameter does, and where its default comes from.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True
    )

    @field_validator("*", mode="before")
    @classmethod
    def _read(cls, value: Any, info: ValidationInfo) -> Any:
        """Give text the type of its field, and text fields their text."""
        kind = plain_type(cls, info.field_name)
        # Not read at all: a name may look like a number.
        if kind is str:
            return as_text(value)
        if isinstance(value, str):
            value = _from_text(value, kind)
        if isinstance(value, bool) != (kind is bool):  # pydantic takes True for 1 and 1 for True
            raise ValueError(f"expected {'true or false' if kind is bool else kind.__name__}")
        return value

    @property
    def start_lines(self) -> list[str]:
        """What a user should know before the work begins, a line each."""
        return []


Model = TypeVar("Model", bound=Parameters)


def build(model: type[Model], given: dict[str, Any]) -> Model:
    """An instance of `model` with the values `given` and the defaults for the rest.

    >>> from lib.config.train import Train
    >>> build(Train, {"epochs": "3", "condition_on_noisy": "false", "lr": "1e-4"}).lr
    0.0001
    >>> build(Train, {"gan_start_epochs": 8})
    Traceback (most recent call last):
    lib.config.base.ParameterError: gan_start_epochs: no such parameter of train, did you mean
    gan_start_epoch?

    Raises:
        ParameterError: a name is unknown, a value has another type or is out of range, or values
            do not go together.
    """
    # All problems stand in one error, so that a user can correct them together.
    # YAML has names that are numbers.
    problems = [unknown_name(model, str(name)) for name in given if name not in model.model_fields]
    # Without the unknown names, which pydantic would report again in its own words.
    known = {name: value for name, value in given.items() if name in model.model_fields}
    try:
        built = model(**known)
    except ValidationError as error:
        problems += [_as_line(problem) for problem in error.errors(include_url=False)]
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
    # A choice is written as text, and a list is a list whatever its items are.
    return str if origin is Literal else origin or annotation


def unknown_name(model: type[Parameters], name: str) -> str:
    """The error for a name that is no parameter of `model`.

    >>> from lib.config.train import Train
    >>> unknown_name(Train, "lambda_disturbance")
    'lambda_disturbance: is called lambda_pesq now'
    """
    # An old name of another notebook's parameter is a plain typo here.
    if RENAMED.get(name) in model.model_fields:
        return f"{name}: is called {RENAMED[name]} now"
    nearest = difflib.get_close_matches(name, model.model_fields, n=1)
    known = ", ".join(model.model_fields)
    hint = f"did you mean {nearest[0]}?" if nearest else f"known are {known}"
    return f"{name}: no such parameter of {model.__name__.lower()}, {hint}"


def _from_text(text: str, kind: type) -> Any:
    """A value of this kind, if `text` is one; else the text, which the type's own check refuses."""
    try:
        if kind is list:
            return read_yaml(text)
        # `yes` and `off` are truth values here, and names anywhere else.
        if kind is bool:
            return yaml.safe_load(text)
        # A leading zero makes no octal number: 010 is ten.
        number = float(text)
        return int(text) if re.fullmatch("[-+]?[0-9]+", text.strip()) else number
    except (yaml.YAMLError, ValueError):
        return text


def _as_line(problem: dict[str, Any]) -> str:
    """One of pydantic's errors in a line."""
    message = problem["msg"].removeprefix("Value error, ")
    message = re.sub("(Input should be|List should have)", "expected", message)
    if not problem["loc"]:  # a rule about several parameters, whose message names them
        return message
    # Papermill's `-p` has no lists: they are quoted, and read as YAML here.
    if problem["type"] == "list_type":
        message = "expected a list, typed as '[a, b]'"
    name, *indices = problem["loc"]
    return f"{name}{''.join(f'[{i}]' for i in indices)} = {problem['input']!r}: {message}"
