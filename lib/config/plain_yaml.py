"""YAML without its surprises: text that is a name is never read as a number.

YAML 1.1 reads `0170` as 120, `1_2` as 12, `1:30` as 90, `1.10` as 1.1 and `no` as false. Speakers,
noises, corpora and runs may have such names.
"""

import re
from pathlib import Path
from typing import Any

import yaml

NUMBER = "tag:retimbre,number"
PLAIN = ("tag:yaml.org,2002:null", "tag:yaml.org,2002:merge")  # what else YAML sees in plain text


class _Loader(yaml.SafeLoader):
    """`yaml.SafeLoader` that knows numbers, `true`, `false`, `null` and nothing else."""

    yaml_implicit_resolvers = {  # noqa: RUF012 (as PyYAML has it)
        letter: [known for known in resolvers if known[0] in PLAIN]
        for letter, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def read_yaml(text: str) -> Any:
    """What `text` holds; a scalar is a number only if Python writes that number in the same way.

    All other scalars stay text, and the type of their parameter decides what they are.

    Raises:
        yaml.YAMLError: it is no YAML.

    >>> read_yaml("[0170, 1_2, 1:30, 1.10, no, 2024-01-01]")
    ['0170', '1_2', '1:30', '1.10', 'no', '2024-01-01']
    >>> read_yaml("[170, -5, 0.5, true, null, 1e-4]")
    [170, -5, 0.5, True, None, '1e-4']
    """
    return yaml.load(text, Loader=_Loader)


def read_named_values(path: Path) -> dict[str, Any]:
    """The names and values in a file of parameters; none in an empty one.

    Raises:
        ValueError: it cannot be read, is no YAML, or holds anything but names with their values.
            The message does not name the file, as the caller has it as it was typed.
    """
    try:
        values = read_yaml(path.read_text("utf-8"))
    except OSError as error:
        raise ValueError(error.strerror) from None
    except UnicodeDecodeError:
        raise ValueError("is no text in UTF-8, expected YAML: lines like `epochs: 2`") from None
    except yaml.YAMLError as error:
        # Its lines name a place in the text.
        raise ValueError(f"is no YAML: {' '.join(str(error).split())}") from None
    if values is None:
        return {}
    if not isinstance(values, dict):
        found = f"a {'list' if isinstance(values, list) else 'value'} alone"
        raise ValueError(f"holds {found}, expected names and values: lines like `epochs: 2`")
    # A name such as 3 is a wrong one, and is refused as such.
    return {str(name): value for name, value in values.items()}


def _number(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> int | float | str:
    for kind in (int, float):
        try:
            if str(number := kind(node.value)) == node.value:
                return number
        except ValueError:
            continue
    return node.value


_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(true|false)$"), "tf")
_Loader.add_implicit_resolver(NUMBER, re.compile("^-?[0-9]"), "-0123456789")
_Loader.add_constructor(NUMBER, _number)
