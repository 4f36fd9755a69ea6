"""Release weights: the averaged generator of a training run as float16, with what made it.

    python -m lib.training.release RUN [--checkpoint last]

writes lib/weights/restorer.safetensors from a training run (its id, latest or best).
"""

import argparse
import json
import sys
from pathlib import Path

from lib.runtime.command import importing

with importing(__name__):
    import torch
    from safetensors.torch import save

    from lib.models.content import content_hash
    from lib.models.pretrained import WEIGHTS, weights_info
    from lib.runtime.whole_file import whole_file
    from lib.tracking import store
    from lib.training.checkpoints import read_checkpoint

MAX_BYTES = 4_000_000  # of the released file, since it is committed


def write_weights(checkpoint: Path, path: Path = WEIGHTS, **origin: str) -> Path:
    """Store the averaged generator of a checkpoint as float16, with its parameters and origin.

    Args:
        origin: more to store about it, e.g. `run` and `git_commit`.

    Raises:
        ValueError: the file is no checkpoint, a weight does not fit into float16, or the result is
            larger than 4 MB.
        OSError: it cannot be written, e.g. because the disk is full.
    """
    saved = read_checkpoint(checkpoint)
    # The average is what validation judged.
    weights = {
        name: weight.contiguous().half() for name, weight in saved["learner"]["average"].items()
    }
    # Beyond 65,504 a float16 is infinite.
    if broken := [name for name, weight in weights.items() if not torch.isfinite(weight).all()]:
        raise ValueError(f"{checkpoint}: {broken[0]} does not fit into float16")
    # Two bytes a weight; checked before anything is written.
    n_bytes = sum(weight.numel() * 2 for weight in weights.values())
    if n_bytes > MAX_BYTES:
        raise ValueError(
            f"{checkpoint}: {n_bytes / 1e6:.1f} MB as float16,"
            f" expected at most {MAX_BYTES / 1e6:.0f} MB"
        )
    # The hashes of corpus and DeepFilterNet3 are in `about`.
    known = {"epoch": saved["state"]["epoch"], "versions": saved["versions"]} | saved["about"]
    # Metadata of safetensors are strings.
    metadata = {
        "params": json.dumps(saved["params"]),
        "origin": json.dumps(known | origin),
        # Checked whenever they are loaded.
        "sha256": content_hash(weights),
    }
    with whole_file(path) as file:
        file.write(save(weights, metadata))
    return path


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        "python -m lib.training.release", description=__doc__.partition("\n\n")[0]
    )
    parser.add_argument("run", help="a training run: its id, latest or best")
    parser.add_argument(
        "--checkpoint",
        choices=("best", "last", "before_gan"),
        default="best",
        help="checkpoint of the run (default: %(default)s)",
    )
    typed = parser.parse_args()
    try:
        run_id = store.find(typed.run)
        # The commit that trained, which need not be the present one.
        commit = store.tags(run_id).get("git_commit", "")
        checkpoint = store.download(run_id, f"checkpoints/{typed.checkpoint}.pt")
        path = write_weights(
            checkpoint, WEIGHTS, run=run_id, kept_as=typed.checkpoint, git_commit=commit
        )
    except (LookupError, ValueError, OSError) as error:  # NoRunError is a LookupError
        sys.exit(str(error))
    epoch = weights_info(path)["origin"]["epoch"]
    print(f"{path}: {path.stat().st_size / 1e6:.2f} MB, epoch {epoch} of run {run_id}")


if __name__ == "__main__":
    main()
