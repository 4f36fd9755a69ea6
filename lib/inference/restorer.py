"""A trained generator on whole signals: `Restorer` for recordings, `restore_pairs` for a corpus.

>>> restorer = Restorer.load()
>>> restorer(np.zeros((4_410, 2)), 44_100).shape
(4410, 2)
"""

import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn

from lib.corpus import manifest
from lib.inference.chain_export import write_chain
from lib.inference.stage_restorer import StageRestorer
from lib.inference.stream import RestorerStream
from lib.inference.torch_stages import TorchStages
from lib.models.export import write_onnx
from lib.models.generator import restore_aligned
from lib.models.pretrained import generator_with, load_weights
from lib.tracking import store
from lib.training import checkpoints


def load_generator(checkpoint: Path, device: str = "cpu") -> nn.Module:
    """The averaged generator of a training checkpoint or of a `.safetensors` file, in eval mode.

    Raises `ValueError` if the file is none of these, or is damaged.
    """
    if checkpoint.suffix == ".safetensors":
        return load_weights(checkpoint, device)
    try:
        # PyTorch stores a checksum of each tensor, and does not look at it.
        if zipfile.is_zipfile(checkpoint):
            with zipfile.ZipFile(checkpoint) as archive:
                if damaged := archive.testzip():
                    raise ValueError(f"{checkpoint}: is damaged ({damaged})")
        saved = checkpoints.read_checkpoint(checkpoint)
        weights, params = saved["learner"]["average"], saved["params"]
        return generator_with(weights, params, checkpoint, device)
    except (LookupError, TypeError, AttributeError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"{checkpoint}: not a checkpoint of this project's training ({type(error).__name__})"
        ) from None


@torch.no_grad()
def restore_signal(generator: nn.Module, enhanced: np.ndarray, noisy: np.ndarray) -> np.ndarray:
    """(enhanced, noisy) -> restored, `[T]` each at 48 kHz, sample-aligned.

    A generator that was trained on enhanced alone does not get `noisy`.
    """
    # [1, C, T]
    inputs = torch.from_numpy(np.stack([enhanced, noisy][: generator.n_inputs]))[None]
    device = next(generator.parameters()).device
    return restore_aligned(generator, inputs.to(device))[0, 0].cpu().numpy()


def restore_pairs(
    generators: Mapping[str, nn.Module], corpus: str, rows: pd.DataFrame
) -> Iterator[tuple[dict, dict[str, np.ndarray]]]:
    """For each manifest row: its columns, and its signals before and after restoring.

    Args:
        generators: system -> its generator.
        corpus: name of the corpus.
        rows: rows of its manifest.

    Yields: the row with `item_id` and `noise` added; the signals `[T]` noisy, enhanced, one for
        each of the systems, clean.
    """
    for row in rows.itertuples(index=False):
        signals = manifest.load_pair(corpus, row)
        noisy, enhanced, clean = (signals[name] for name in ("noisy", "enhanced", "clean"))
        restored = {
            system: restore_signal(generator, enhanced, noisy)
            for system, generator in generators.items()
        }
        columns = row._asdict() | {"item_id": row.id, "noise": Path(row.noise_path).stem}
        yield columns, {"noisy": noisy, "enhanced": enhanced, **restored, "clean": clean}


class Restorer(StageRestorer):
    """DeepFilterNet3, then a generator in PyTorch: `restorer(signal, sample_rate)`.

    Args:
        generator: in eval mode.
        run: id of the training run that it comes from, or `shipped`.
    """

    def __init__(self, generator: nn.Module, run: str = "shipped") -> None:
        super().__init__(TorchStages(generator))
        self.generator = generator
        self.run = run

    @classmethod
    def load(cls, run: str = "shipped", device: str = "cpu") -> "Restorer":
        """A restorer with the weights of this repository (`shipped`), or of a training run.

        Args:
            run: `shipped`, `best`, `latest` or the id of a run.
            device: cpu or cuda.

        Raises `NoRunError` if there is no such run.
        """
        if run == "shipped":
            return cls(load_weights(device=device))
        # The id is kept, since `latest` and `best` may name another run tomorrow.
        run_id = store.find(run)
        return cls(load_generator(store.download(run_id, "checkpoints/best.pt"), device), run_id)

    def stream(self, mix: float = 1.0, already_enhanced: bool = False) -> RestorerStream:
        """A stream for one channel at 48 kHz: `push` chunks, at the end `flush`."""
        return RestorerStream(self.generator, mix, already_enhanced)

    def export(self, path: str | Path) -> Path:
        """Write the generator as an ONNX model of one hop with explicit states.

        Raises `RuntimeError` if the model differs from PyTorch by more than 1e-4.
        """
        return write_onnx(self.generator, path, self.run)

    def export_chain(self, path: str | Path, is_half: bool = False) -> Path:
        """Write DeepFilterNet3 and the generator as one ONNX model of a hop.

        Args:
            path: of the new file.
            is_half: store the weights in half precision, which makes half the file.

        Raises `RuntimeError` if the model differs from `stream` by more than 1e-4 (half: 1e-2).
        """
        return write_chain(self.generator, path, self.run, is_half)
