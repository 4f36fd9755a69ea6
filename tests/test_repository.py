"""The repository in order: one direction of imports, clean notebooks, a plain top level."""

import ast
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import lib

# Each package and the ones that it may import: data flows one way.
PACKAGES = (
    "runtime config tracking audio deepfilter metrics figures corpus models losses data training"
    " inference live evaluation benchmarks"
).split()
COMMANDS = ["restore", "sweep", "train"]
# The heart needs nothing but these: it shall run where nothing else is installed.
HEART = [
    "deepfilter",
    "models",
    "losses",
    "training/learner.py",
    "training/schedule.py",
]
ALLOWED = {"torch", "torchaudio", "numpy", "onnx", "onnxruntime", "safetensors"}
NOTEBOOKS = {path.name for path in (lib.REPO / "notebooks").glob("*.ipynb")}
MODULES = sorted(path for path in (lib.REPO / "lib").rglob("*.py") if path.name != "__init__.py")


def tracked(pattern):
    names = subprocess.run(
        ["git", "ls-files", pattern], cwd=lib.REPO, capture_output=True, text=True, check=True
    )
    return [lib.REPO / name for name in names.stdout.split()]


def imported(path):
    """Names that a module imports: (package, what is taken from it)."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.module, alias.name) for alias in node.names)


def package_of(path):
    """The package of a module of `lib`; the commands beside the packages come last."""
    return path.relative_to(lib.REPO / "lib").parts[0].removesuffix(".py")


def siblings(path):
    """The packages of `lib` that a module imports from."""
    for package, _ in imported(path):
        if package.startswith("lib."):
            yield package.split(".")[1]


def test_the_installed_lib_is_this_one():
    assert Path(lib.__file__).parents[1] == lib.REPO
    assert {package_of(path) for path in MODULES} == {*PACKAGES, *COMMANDS}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(lib.REPO / "lib")))
def test_a_module_imports_only_from_its_package_and_those_before_it(path):
    order, own = [*PACKAGES, *COMMANDS], package_of(path)
    for other in siblings(path):
        assert order.index(other) <= order.index(own), f"{path} imports {other}"


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_imports_what_it_says_that_it_may(package):
    text = ast.get_docstring(ast.parse((lib.REPO / "lib" / package / "__init__.py").read_text()))
    assert len(text.splitlines()) == 3
    said = re.search(r"^May import: (.*)\.$", text, re.MULTILINE)[1]
    every = PACKAGES[: PACKAGES.index(package)]
    first, _, last = said.partition(" to ")
    if last:
        may = PACKAGES[PACKAGES.index(first) : PACKAGES.index(last) + 1]
    else:
        may = [] if said == "nothing" else said.split(", ")
    used = {other for path in MODULES if package_of(path) == package for other in siblings(path)}
    assert used - {package} <= set(may), f"{package} imports {used - {package} - set(may)}"
    assert set(may) <= set(every), f"{package} says that it may import {may}"


def test_the_file_tree_of_the_readme_names_every_module():
    tree = (lib.REPO / "lib" / "README.md").read_text().split("## The files")[1].split("## ")[0]
    named = {line.split()[0] for line in tree.splitlines() if line.strip()}
    notebooks = {path.name for path in MODULES if path.with_suffix(".ipynb").name in NOTEBOOKS}
    assert {path.name for path in MODULES} - notebooks <= named


@pytest.mark.parametrize("place", HEART)
def test_the_heart_needs_nothing_but_torch_and_numpy(place):
    for path in MODULES:
        if str(path.relative_to(lib.REPO / "lib")).startswith(place):
            for package, _ in imported(path):
                top = package.split(".")[0]
                assert top in ALLOWED | {"lib"} | sys.stdlib_module_names, f"{path}: {package}"


def test_the_top_level_is_as_promised():
    top = {path.relative_to(lib.REPO).parts[0] for path in tracked("*")}
    promised = {"notebooks", "lib", "params", "runs", "tests", "environment.yml", "README.md"}
    assert promised <= top
    assert {name for name in top - promised if not name.startswith(".")} == {
        "pyproject.toml",
        "Makefile",
        "LICENSE",
    }


def test_constraints_name_versions_and_no_place():
    lines = (lib.REPO / ".ci/constraints.txt").read_text().split("\n")
    assert len(lines) > 50 and all("==" in line for line in lines if line)
    assert not any(mark in line for line in lines for mark in ("/", " @"))


@pytest.mark.parametrize(
    "command",
    [
        "ruff check",
        "ruff format --check",
        'nbstripout --verify --extra-keys "metadata.papermill cell.metadata.papermill"',
    ],
)
def test_the_hooks_find_nothing_to_change(command):
    tool, *words = shlex.split(command)
    files = tracked("*.ipynb") + ([] if tool == "nbstripout" else tracked("*.py"))
    done = subprocess.run(
        [Path(sys.executable).parent / tool, *words, *files],
        cwd=lib.REPO,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", sorted(NOTEBOOKS))
def test_each_figure_has_a_sentence_before_it_and_one_of_this_run_after_it(name):
    cells = json.loads((lib.REPO / "notebooks" / name).read_text())["cells"]
    before = ""
    for cell in cells:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            # Without the heading, which is no sentence.
            before = re.sub(r"^#+ .*$", "", source, flags=re.MULTILINE).strip()
        for after in source.split("run.figure(")[1:]:
            assert before, f"no sentence before: {after}"
            assert re.search(r"^ *print\(.*(_in_words|loud_pauses)\(", after, re.M), after


def test_no_audio_is_tracked():
    assert not [
        path for path in tracked("*") if path.suffix in {".wav", ".flac", ".ogg", ".mp3", ".opus"}
    ]
