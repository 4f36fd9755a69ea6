"""The generator that comes with this repository: averaged weights of a training run as float16, and what made them.

python -m lib.training.release RUN [--checkpoint last]      write lib/weights/restorer.safetensors from a training run (id, latest or best)
"""

import argparse
import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from lib.models.pretrained import WEIGHTS, weights_info
from lib.training import checkpoints

MAX_BYTES = 4_000_000


def write_weights(checkpoint: Path, path: Path = WEIGHTS, **more: str) -> Path:
    """Store the averaged generator of a checkpoint as float16, with its parameters and its origin as metadata.

    `more`: of the origin, e.g. `run` and `git_commit`.

    Raises:
        ValueError: the file is no checkpoint, a weight does not fit into float16, or the result is larger than 4 MB.
    """
    saved = checkpoints.read_checkpoint(checkpoint)
    weights = {
        name: value.contiguous().half() for name, value in saved["learner"]["average"].items()
    }
    if broken := [name for name, value in weights.items() if not torch.isfinite(value).all()]:
        raise ValueError(f"{checkpoint}: {broken[0]} does not fit into float16")
    n_bytes = sum(value.numel() * 2 for value in weights.values())
    if n_bytes > MAX_BYTES:
        raise ValueError(
            f"{checkpoint}: {n_bytes / 1e6:.1f} MB as float16, expected at most {MAX_BYTES / 1e6:.0f} MB"
        )
    origin = (
        {"epoch": saved["place"]["epoch"], "versions": saved["versions"]} | saved["about"] | more
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(weights, path, {"params": json.dumps(saved["params"]), "origin": json.dumps(origin)})
    return path


def main() -> None:
    """The command line."""
    from lib.tracking import store

    parser = argparse.ArgumentParser(
        "python -m lib.training.release", description=__doc__.partition("\n\n")[0]
    )
    parser.add_argument("run", help="a training run: its id, latest or best")
    parser.add_argument(
        "--checkpoint",
        choices=("best", "last", "before_gan"),
        default="best",
        help="of the run (default: %(default)s)",
    )
    typed = parser.parse_args()
    run_id = store.find(typed.run)
    commit = store.tags(run_id).get("git_commit", "")
    checkpoint = store.download(run_id, f"checkpoints/{typed.checkpoint}.pt")
    path = write_weights(
        checkpoint, WEIGHTS, run=run_id, kept_as=typed.checkpoint, git_commit=commit
    )
    print(
        f"{path}: {path.stat().st_size / 1e6:.2f} MB, epoch {weights_info(path)['origin']['epoch']} of run {run_id}"
    )


if __name__ == "__main__":
    main()
