"""HTML pages from the files beside this module: `<name>.html`, `<name>.css`, `<name>.js`."""

from pathlib import Path
from string import Template

FOLDER = Path(__file__).parent


def fill_page(name: str, **values: str) -> str:
    """The page `<name>.html` with its style, its script and `values` in the places `$value`.

    Raises `KeyError` for a place without a value.
    """
    # Template and not str.format: style and script are full of braces.
    style, script = read_text(f"{name}.css"), read_text(f"{name}.js")
    return Template(read_text(f"{name}.html")).substitute(values, style=style, script=script)


def read_text(name: str) -> str:
    """The text of a file beside this module.

    >>> read_text("abx_help.html")[:20]
    '<p>X is either A or '
    """
    return (FOLDER / name).read_text(encoding="utf-8")
