"""Which parameters a running notebook was given."""

import ast
import types
from typing import Any

from lib.config.base import ParameterError, Parameters, unknown_name


def given_in_notebook(
    model: type[Parameters], namespace: dict[str, Any], history: list[str]
) -> tuple[dict, set[str]]:
    """The parameters that a running notebook holds, and the names among them that its user chose.

    Args:
        model: of this notebook.
        namespace: the kernel's variables. One that is no plain value by now (`run`, after the second cell) is taken
            from the cell that set it.
        history: the cells executed so far, oldest first. The latest one that sets most of the fields is the parameters
            cell, one behind it that starts with `# Parameters` is papermill's; only these two are searched for unknown
            names, so that a typo that was put right is forgiven.

    Returns: values by name; the names that papermill was given or whose value is not the model's default.

    Raises:
        ParameterError: one of these cells sets a name that is no field.
    """
    cells = [_assigned(source) for source in history]
    fields = set(model.model_fields)
    base = max(
        (i for i, cell in enumerate(cells) if len(fields & set(cell)) > len(fields) / 2), default=-1
    )
    injected = max(
        (i for i, source in enumerate(history) if i > base and source.startswith("# Parameters")),
        default=-1,
    )

    own = {name for name, value in cells[base].items() if value is not ...} if base >= 0 else set()
    passed = (
        {name for name in cells[injected] if not name.startswith("PAPERMILL_")}
        if injected >= 0
        else set()
    )
    if unknown := sorted((own | passed) - fields):
        raise ParameterError("\n".join(unknown_name(model, name) for name in unknown))

    values = {}
    for name in fields & set(namespace):
        values[name] = namespace[name]
        if not isinstance(values[name], (str, int, float, list, tuple, dict, types.NoneType)):
            written = [cell[name] for cell in cells if cell.get(name, ...) is not ...]
            values[name] = written[-1] if written else values[name]
    changed = {name for name, value in values.items() if value != model.model_fields[name].default}
    return values, (passed | changed) & set(values)


def _assigned(source: str) -> dict[str, Any]:
    """Names that a cell sets at its top level, with their values; `...` where the value is no literal."""
    try:
        body = ast.parse(source).body
    except SyntaxError:
        return {}
    found = {}
    for node in body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        for name in (target.id for target in targets if isinstance(target, ast.Name)):
            try:
                found[name] = ast.literal_eval(node.value)
            except (ValueError, AttributeError):
                found[name] = ...
    return found
