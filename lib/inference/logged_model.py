"""The best generator of a training run as an MLflow model, in the registry as `retimbre`.

    python -m lib.inference.logged_model RUN

does it for a run that has none: its id, latest or best; `shipped` are the repository's weights.
The model is the exported chain (ONNX) with `served_model.py`: it runs without this repository.
"""

import argparse
import re
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

from lib.runtime.command import importing

with importing(__name__):
    import numpy as np
    import torch.nn as nn

    from lib.deepfilter.grid import SAMPLE_RATE
    from lib.inference.chain_export import write_chain
    from lib.inference.restorer import load_generator
    from lib.models.content import content_hash
    from lib.models.pretrained import load_weights
    from lib.runtime.progress import echo
    from lib.tracking import aliases, registry, store
    from lib.tracking.run import MAX_TAG_LENGTH
    from lib.training.checkpoints import read_checkpoint

HERE = Path(__file__).parent
PACKAGES = ("mlflow", "numpy", "onnxruntime", "soxr")  # that the model needs
ERROR_TAG, MAX_SAID = "model_error", 300  # letters
EXAMPLE_RATE = 16_000  # Hz, of the example that is stored with the model


def log_best(run_id: str, checkpoint: Path) -> None:
    """Log the generator of a run's best checkpoint, and the weights of the repository once.

    A training does not fail because of it: what prevents it is told, and stands in the run's tag
    `model_error`.
    """
    client = store.client()
    try:
        # First, so that MLflow's `latest`, the newest version, is the training's.
        log_shipped()
        log_checkpoint(run_id, checkpoint)
    except Exception as error:  # an export that differs, a full disk, a store without a registry
        reason = f"{type(error).__name__}: {error}"
        client.set_tag(run_id, ERROR_TAG, reason[:MAX_TAG_LENGTH])
        # PyTorch's messages may be pages long.
        echo(f"the run has no MLflow model: {reason[:MAX_SAID]}")
    else:
        if ERROR_TAG in store.tags(run_id):  # before the run was resumed
            client.delete_tag(run_id, ERROR_TAG)


def log_checkpoint(run_id: str, checkpoint: Path) -> Any:
    """Log and register the averaged generator of a checkpoint; MLflow's model version.

    Raises:
        ValueError: the file is no checkpoint.
        RuntimeError: the exported chain differs from the stream.
    """
    epoch = int(read_checkpoint(checkpoint)["state"]["epoch"])
    data = store.client().get_run(run_id).data
    selection = data.metrics.get("best/selection")
    score = "" if selection is None else f", selection {selection:+.3f}"
    about = f"Epoch {epoch}{score}, trained on {data.params.get('corpus')}."
    return _log(load_generator(checkpoint), run_id, epoch, about)


def log_shipped() -> Any:
    """Log and register the weights of the repository, under the alias `shipped`."""
    version = _log(load_weights(), None, 0, "The weights that come with Retimbre.")
    aliases.point(store.client(), "shipped", version)
    return version


def save_model(chain: Path, folder: Path, content: Any | None = None) -> None:
    """Write MLflow's model of an exported chain into a new folder.

    Args:
        chain: from `write_chain`.
        content: the `mlflow.models.Model` to fill; None for one without a run.
    """
    # Imported here, since MLflow takes seconds to import.
    import mlflow.pyfunc
    from mlflow.models import ModelSignature
    from mlflow.types import ParamSchema, ParamSpec, Schema, TensorSpec

    samples = Schema([TensorSpec(np.dtype(np.float32), (-1,))])
    params = [
        ParamSpec("sample_rate", "long", SAMPLE_RATE),
        ParamSpec("mix", "double", 1.0),
        ParamSpec("atten_lim_db", "double", 100.0),
    ]
    mlflow.pyfunc.save_model(
        folder,
        mlflow_model=content,
        # A file, not an object: MLflow would pickle that.
        python_model=str(HERE / "served_model.py"),
        code_paths=[str(HERE / "chain_runtime.py")],
        artifacts={"chain": str(chain)},
        signature=ModelSignature(samples, samples, ParamSchema(params)),
        input_example=(example(), {"sample_rate": EXAMPLE_RATE}),
        pip_requirements=requirements(),
    )


def requirements() -> list[str]:
    """The packages that the model needs, with the versions that pyproject.toml allows.

    MLflow would name the very versions that are installed here, and warn of every other one.

    >>> requirements()[0]
    'mlflow<4,>=3.7'
    """
    allowed = {re.match(r"[\w.-]+", line)[0]: line for line in metadata.requires("retimbre")}
    return [allowed[name] for name in PACKAGES]


def example() -> np.ndarray:
    """A twentieth of a second of a noisy tone at 16 kHz.

    >>> example().shape
    (800,)
    """
    tone = 0.1 * np.sin(2 * np.pi * 220 / EXAMPLE_RATE * np.arange(EXAMPLE_RATE // 20))
    noise = 0.01 * np.random.default_rng(0).standard_normal(len(tone))
    return (tone + noise).round(4).astype(np.float32)


def _log(generator: nn.Module, run_id: str | None, epoch: int, about: str) -> Any:
    def write(folder: Path, content: Any) -> None:
        chain = folder.parent / "chain.onnx"
        write_chain(generator, chain, run_id or "shipped")
        save_model(chain, folder, content)

    weights = content_hash(generator.state_dict())
    return registry.log_model(write, weights, run_id, epoch, about)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        "python -m lib.inference.logged_model", description=__doc__.partition("\n\n")[0]
    )
    parser.add_argument("run", help="a training run: its id, latest, best or shipped")
    which = parser.parse_args().run
    try:
        if which == "shipped":
            version = log_shipped()
        else:
            run_id = store.find(which)
            version = log_checkpoint(run_id, store.download(run_id, "checkpoints/best.pt"))
    except (LookupError, ValueError, OSError) as error:  # NoRunError is a LookupError
        sys.exit(str(error))
    store.follow_best()
    print(f"models:/{version.name}/{version.version} in {store.uri()}")


if __name__ == "__main__":
    main()
