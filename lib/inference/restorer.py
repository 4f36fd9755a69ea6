"""A trained generator on whole signals: `Restorer` for recordings, `restore_pairs` for a corpus.

>>> restorer = Restorer.load()
>>> restorer(np.zeros((4_410, 2)), 44_100).shape
(4410, 2)
"""

import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lib.audio.files import SAMPLE_RATE
from lib.corpus import manifest
from lib.deepfilter.enhance import enhance_batch
from lib.deepfilter.grid import HOP_LENGTH
from lib.deepfilter.working_level import sample_gains, unknown_level
from lib.inference.chain_export import write_chain
from lib.inference.channels import join_channels, split_channels
from lib.inference.checks import check_options, check_rate, checked_signals
from lib.inference.loudness import LoudnessMatcher
from lib.inference.stream import RestorerStream
from lib.models.export import write_onnx
from lib.models.generator import restore_aligned
from lib.models.pretrained import generator_with, load_weights
from lib.tracking import store
from lib.training import checkpoints

BATCH_SIZE = 8  # signals that the generator gets at once
CHUNK_LENGTH = 4 * SAMPLE_RATE  # samples of each signal that it gets at once


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


class Restorer:
    """DeepFilterNet3, then a generator: restores recordings of any sample rate and channel count.

    Args:
        generator: in eval mode.
        run: id of the training run that it comes from, or `shipped`.
    """

    def __init__(self, generator: nn.Module, run: str = "shipped") -> None:
        self.generator = generator
        self.run = run
        self.device = next(generator.parameters()).device

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

    def __call__(
        self,
        signal: np.ndarray,
        sample_rate: int = SAMPLE_RATE,
        noisy: np.ndarray | None = None,
        mix: float = 1.0,
        already_enhanced: bool = False,
    ) -> np.ndarray:
        """Restore a recording `[T]` or `[T, C]`: float32 of the same shape and rate, no delay.

        Args:
            signal: noisy; with `already_enhanced` the output of DeepFilterNet3. Full scale is 1.
            sample_rate: of the signal, Hz.
            noisy: with `already_enhanced`, the noisy original; without it `signal` stands in.
            mix: share of restored in the result, 0 to 1; the rest is `signal`.

        Raises:
            ValueError: what `lib.inference.checks` refuses: another shape, integer samples, NaN or
                infinite samples, a `mix` beyond 0 to 1, `noisy` without `already_enhanced`.
        """
        check_options(mix, already_enhanced, noisy is not None)
        sample_rate = check_rate(sample_rate)
        recordings = [[signal], None if noisy is None else [noisy]]
        (signal,), (noisy_signal,) = checked_signals(*recordings, axes=(1, 2))
        # More channels than samples: the axes are most likely in the wrong order.
        if not signal.size or (signal.ndim == 2 and signal.shape[1] > len(signal)):
            raise ValueError(
                f"expected a recording [T] or [T, channels] with samples, got {signal.shape}"
            )
        signals = split_channels(signal, sample_rate)
        noisy_signals = None if noisy is None else split_channels(noisy_signal, sample_rate)
        restored = self.restore_batch(signals, noisy_signals, mix, already_enhanced)
        # A recording `[T]` came as one channel of `[T, C]` and gets its shape back.
        return join_channels(restored, sample_rate, len(signal)).reshape(signal.shape)

    def restore_batch(
        self,
        signals: Sequence[np.ndarray],
        noisy: Sequence[np.ndarray] | None = None,
        mix: float = 1.0,
        already_enhanced: bool = False,
    ) -> list[np.ndarray]:
        """Restore signals `[T]` at 48 kHz of any lengths together, each as if it were alone.

        Arguments and errors as of `__call__`, a signal each.
        """
        check_options(mix, already_enhanced, noisy is not None)
        signals, noisy = checked_signals(signals, noisy)
        enhanced = signals
        if not already_enhanced:
            enhanced = [out.signal for out in enhance_batch(signals, device=self.device.type)]
        # In the order of `signals`, while the batches are in that of the lengths.
        restored: list = [None] * len(signals)
        # Signals of like lengths share a batch, so that little is padded.
        by_length = sorted(range(len(signals)), key=lambda i: len(signals[i]))
        for start in range(0, len(by_length), BATCH_SIZE):
            indices = by_length[start : start + BATCH_SIZE]
            # The longest signal of the batch, rounded up to whole hops.
            length = -(-len(signals[indices[-1]]) // HOP_LENGTH) * HOP_LENGTH
            inputs = np.stack(
                [[_padded(enhanced[i], length), _padded(noisy[i], length)] for i in indices]
            )
            # The generator hears quiet signals louder, as the first stage does.
            gains, _ = sample_gains(inputs[:, 1], unknown_level(len(indices)), whole=True)
            inputs *= gains[:, None]
            # The generator is causal: zeros behind a signal do not change it.
            outputs = self._generate(torch.from_numpy(inputs[:, : self.generator.n_inputs]))
            for i, (reference, _), output, gain in zip(
                indices, inputs, outputs, gains, strict=True
            ):
                # A signal of its own gets a matcher of its own: loudness follows past samples.
                matched = (LoudnessMatcher().push(reference, output) / gain)[: len(signals[i])]
                restored[i] = mix * matched + (1 - mix) * signals[i]
        return restored

    def stream(self, mix: float = 1.0, already_enhanced: bool = False) -> RestorerStream:
        """A stream for one channel at 48 kHz: `push` chunks, at the end `flush`."""
        return RestorerStream(self.generator, mix, already_enhanced)

    def export(self, path: str | Path) -> Path:
        """Write the generator as an ONNX model of one hop with explicit states.

        Raises `RuntimeError` if the model differs from PyTorch by more than 1e-4.
        """
        return write_onnx(self.generator, path, self.run)

    def export_chain(self, path: str | Path) -> Path:
        """Write DeepFilterNet3 and the generator as one ONNX model of a hop.

        Raises `RuntimeError` if the model differs from `stream` by more than 1e-4.
        """
        return write_chain(self.generator, path, self.run)

    @torch.no_grad()
    def _generate(self, inputs: Tensor) -> np.ndarray:
        """`[B, C, T]` -> `[B, T]`, aligned; T in whole hops."""
        delay, state, outputs = self.generator.delay, None, []
        # Chunk by chunk, so that memory does not grow with T.
        for chunk in F.pad(inputs, (0, delay)).split(CHUNK_LENGTH, dim=2):
            restored, state = self.generator(chunk.to(self.device), state)
            outputs.append(restored[:, 0].cpu().numpy())
        # The first `delay` samples come before the signal, which the padding made up for.
        return np.concatenate(outputs, axis=1)[:, delay:]


def _padded(signal: np.ndarray, length: int) -> np.ndarray:
    return np.pad(np.asarray(signal, np.float32), (0, length - len(signal)))
