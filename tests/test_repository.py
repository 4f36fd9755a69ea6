"""The house in order: one direction of imports, clean notebooks, nothing at the top level that does not belong there."""

import ast
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import lib

ORDER = """
    progress jobs params store origin tracking
    cached audio voice metrics stats scoring evaluation figures charts spectra tables
    degrade demo sources deepfilter_network deepfilter align own plan pairs verify timbre data
    causal spectral waveform generator loudness export stream discriminators disturbance losses step
    checkpoints ship hearing validation train workers recordings restore
    baselines harm listening blind comparison sweep bench budget
""".split()
BESIDE = {
    "params",
    "store",
    "origin",
    "tracking",
}  # for notebooks, and for the commands
HEART = {
    "deepfilter_network",
    "deepfilter",
    "causal",
    "spectral",
    "waveform",
    "generator",
    "discriminators",
    "disturbance",
    "losses",
    "step",
}
ALLOWED = {"torch", "torchaudio", "numpy", "onnx", "onnxruntime", "safetensors"}


def tracked(pattern):
    names = subprocess.run(["git", "ls-files", pattern], cwd=lib.REPO, capture_output=True, text=True, check=True)
    return [lib.REPO / name for name in names.stdout.split()]


def imported(path):
    """Names that a module imports: (package, what is taken from it)."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.module, alias.name) for alias in node.names)


def siblings(path):
    for package, name in imported(path):
        if package == "lib" and not name.isupper():
            yield name
        elif package.startswith("lib."):
            yield package.removeprefix("lib.")


def test_the_installed_lib_is_this_one():
    assert Path(lib.__file__).parents[1] == lib.REPO
    assert {path.stem for path in (lib.REPO / "lib").glob("*.py")} - {"__init__"} == set(ORDER)


@pytest.mark.parametrize("name", ORDER)
def test_a_module_imports_only_from_modules_before_it(name):
    for other in siblings(lib.REPO / "lib" / f"{name}.py"):
        assert ORDER.index(other) < ORDER.index(name), f"{name} imports {other}"
        assert other not in BESIDE or name in BESIDE | {
            "comparison",
            "sweep",
            "listening",
            "restore",
            "ship",
            "train",
        }, f"{name} imports {other}"


@pytest.mark.parametrize("name", sorted(HEART))
def test_the_heart_needs_nothing_but_torch_and_numpy(name):
    for package, _ in imported(lib.REPO / "lib" / f"{name}.py"):
        top = package.split(".")[0]
        assert top in ALLOWED | {"lib"} | sys.stdlib_module_names, f"{name} imports {package}"


def test_the_top_level_is_as_promised():
    top = {path.relative_to(lib.REPO).parts[0] for path in tracked("*")}
    promised = {"notebooks", "lib", "params", "runs", "tests", "environment.yml", "README.md"}
    assert promised <= top
    assert {name for name in top - promised if not name.startswith(".")} == {"pyproject.toml", "Makefile", "LICENSE"}


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
        [Path(sys.executable).parent / tool, *words, *files], cwd=lib.REPO, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_audio_is_tracked():
    assert not [path for path in tracked("*") if path.suffix in {".wav", ".flac", ".ogg", ".mp3", ".opus"}]
