"""Which parameters a running notebook was given."""

import re
import types
from collections.abc import Sequence
from typing import Any

from lib.config.base import ParameterError, Parameters, unknown_name

INJECTED = "# Parameters"  # first line of the cell in which papermill sets what `-p` and `-f` give
PLAIN_TYPES = (str, int, float, list, tuple, dict, types.NoneType)


def given_in_notebook(
    model: type[Parameters],
    namespace: dict[str, Any],
    history: Sequence[str],
    previous: dict[str, Any] | None = None,
) -> tuple[dict[str, Any], set[str]]:
    """The values of the parameters in a running notebook, and the names of those that were chosen.

    Args:
        model: of this notebook.
        namespace: the kernel's variables.
        history: source of the cells executed so far, oldest first. The last cell that sets most
            parameters is the notebook's parameters cell. Papermill's cell counts if it ran later.
        previous: values that an earlier call returned. They are used for variables that hold no
            plain value any more: after the second cell `run` is an object.

    Returns:
        Values by name; the names that papermill set, or whose value is not the model's default.

    Raises:
        ParameterError: one of these two cells sets a name that is no parameter.
    """
    names = set(model.model_fields)
    declared, injected = set(), set()
    for source in history:
        if source.startswith(INJECTED):
            # `--inject-paths` makes papermill set names of its own in this cell.
            injected = {
                name for name in assigned_names(source) if not name.startswith("PAPERMILL_")
            }
        elif len(assigned_names(source) & names) > len(names) / 2:
            # Run again, the parameters cell overwrites what papermill set.
            declared, injected = assigned_names(source), set()
    # Found here, since only known names are passed on to the model.
    if unknown := sorted((declared | injected) - names):
        raise ParameterError("\n".join(unknown_name(model, name) for name in unknown))

    values = {}
    for name in names & set(namespace):
        value = namespace[name]
        if not isinstance(value, PLAIN_TYPES):
            value = (previous or {}).get(name, value)
        values[name] = value
    changed = {name for name, value in values.items() if value != model.model_fields[name].default}
    return values, (injected | changed) & set(values)


def assigned_names(source: str) -> set[str]:
    """The variables that a cell sets at its top level.

    >>> sorted(assigned_names("seed: int = 0  # of weights\\nlr = 1e-3\\nprint(sep='')"))
    ['lr', 'seed']
    """
    # `(?!=)` leaves comparisons out.
    return set(re.findall(r"^(\w+)(?: *: *\w+)? *=(?!=)", source, re.MULTILINE))
