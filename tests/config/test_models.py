"""Notebooks, their models and their parameter files say the same."""

import ast
import json
import subprocess

import papermill
import pytest
import yaml

from lib import REPO
from lib.config.base import build, plain_type
from lib.config.models import MODELS
from lib.config.notebook import assigned_names

TRACKED = subprocess.run(
    ["git", "-C", str(REPO), "ls-files", "notebooks/*.ipynb"], capture_output=True, text=True
).stdout.split()
NOTEBOOKS = {REPO / path for path in [*TRACKED, *(f"notebooks/{name}.ipynb" for name in MODELS)]}
NOTEBOOKS = sorted(path for path in NOTEBOOKS if path.exists())
VARIANTS = sorted(path for path in (REPO / "params").glob("*/*.yaml") if path.parent.name in MODELS)


def code_cells(path):
    cells = json.loads(path.read_text())["cells"]
    return [cell for cell in cells if cell["cell_type"] == "code"]


def test_every_notebook_has_a_model_and_every_model_a_notebook():
    assert {path.stem for path in NOTEBOOKS} == set(MODELS)


def test_the_experiments_of_all_notebooks_keep_their_order():
    """Their ids follow from it, and links hold ids: a new notebook goes to the end."""
    assert list(MODELS) == [
        "prepare",
        "inspect",
        "check",
        "train",
        "listen",
        "bench",
        "workers",
        "compare",
        "restore",
        "blind",
    ]


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_every_parameter_has_a_docstring(model):
    missing = [name for name, field in model.model_fields.items() if not field.description]
    assert not missing


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_tagged_cell_is_the_model(path):
    model = MODELS[path.stem]
    declared = papermill.inspect_notebook(path)
    assert list(declared) == list(model.model_fields)
    for name, parameter in declared.items():
        assert parameter["inferred_type_name"] == plain_type(model, name).__name__, name
        assert ast.literal_eval(parameter["default"]) == getattr(model(), name), name
        assert parameter["help"].strip(), f"{name} has no comment"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_committed_clean(path):
    notebook = json.loads(path.read_text())
    code = code_cells(path)
    tags = [tag for cell in notebook["cells"] for tag in cell["metadata"].get("tags", [])]
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    assert "papermill" not in notebook["metadata"]
    assert tags.count("parameters") == 1 and "injected-parameters" not in tags
    assert "parameters" in code[0]["metadata"].get("tags", [])
    assert not any(cell["outputs"] or cell["execution_count"] for cell in code)
    assert not any("papermill" in cell["metadata"] for cell in notebook["cells"])


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_no_later_cell_sets_a_parameter(path):
    """Or the second cell, run again, would take its value for the user's."""
    later = [name for cell in code_cells(path)[1:] for name in _assigned("".join(cell["source"]))]
    assert not set(later) & set(MODELS[path.stem].model_fields)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_names_in_the_tagged_cell_are_all_found(path):
    source = "".join(code_cells(path)[0]["source"])
    assert assigned_names(source) == set(MODELS[path.stem].model_fields)


@pytest.mark.parametrize("path", VARIANTS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_variant_names_differences_and_nothing_else(path):
    model, given = MODELS[path.parent.name], yaml.safe_load(path.read_text())
    built = build(model, given)
    assert given
    for name in given:
        assert getattr(built, name) != getattr(model(), name), f"{name} is the default"


def test_all_files_below_params_are_variants_sweeps_or_texts():
    files = (path for path in (REPO / "params").glob("*/*") if path.suffix != ".md")
    folders = {*MODELS, "sweep"}
    assert all(path.suffix == ".yaml" and path.parent.name in folders for path in files)


def _assigned(source):
    """Plain names that a cell assigns, in loops and conditions, too."""
    lines = [line for line in source.splitlines() if not line.startswith("%")]
    for node in ast.walk(ast.parse("\n".join(lines))):
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        yield from (target.id for target in targets if isinstance(target, ast.Name))
