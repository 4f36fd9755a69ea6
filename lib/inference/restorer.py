"""Give recordings their timbre back: DeepFilterNet3, then a trained run or the weights that come with this repository.

python -m lib.restore noisy.wav restored.wav             one recording, or a folder and the folder that gets the same tree
sox in.wav -t s16 -r 48k -c 1 - | python -m lib.restore --stream | sox -t s16 -r 48k -c 1 - out.wav
python -m lib.restore --export restorer.onnx             the restorer, hop by hop, for ONNX Runtime

    >>> restorer = Restorer.load()
    >>> restorer(np.zeros((4_410, 2)), 44_100).shape
    (4410, 2)
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import soxr
import torch
from torch import nn

from lib.audio.files import SAMPLE_RATE
from lib.corpus import manifest
from lib.deepfilter.enhance import enhance_batch
from lib.deepfilter.grid import HOP_LENGTH
from lib.inference.loudness import LoudnessMatcher
from lib.inference.stream import RestorerStream
from lib.models.export import write_onnx
from lib.models.generator import build_generator, restore_aligned
from lib.models.pretrained import load_weights
from lib.training import checkpoints

BATCH_SIZE = 8  # signals that the generator hears at once ...
CHUNK_LENGTH = 4 * SAMPLE_RATE  # ... and so many samples of each


def load_generator(checkpoint: Path, device: str = "cpu") -> nn.Module:
    """The averaged generator of a checkpoint that training wrote, or of stored weights (`lib.training.release`), in eval mode.

    Raises `ValueError` if the file is none.
    """
    if checkpoint.suffix == ".safetensors":
        return load_weights(checkpoint, device)
    saved = checkpoints.read_checkpoint(checkpoint)
    generator = build_generator(SimpleNamespace(**saved["params"]))
    generator.load_state_dict(saved["learner"]["average"])
    return generator.to(device).eval()


@torch.no_grad()
def restore_signal(generator: nn.Module, enhanced: np.ndarray, noisy: np.ndarray) -> np.ndarray:
    """(enhanced, noisy) -> restored, `[T]` each at 48 kHz: same length, lag 0. `noisy` is heard if training heard it."""
    inputs = torch.from_numpy(np.stack([enhanced, noisy][: generator.n_inputs]))[None]
    return (
        restore_aligned(generator, inputs.to(next(generator.parameters()).device))[0, 0]
        .cpu()
        .numpy()
    )


def restore_pairs(
    generators: Mapping[str, nn.Module], corpus: str, rows: pd.DataFrame
) -> Iterator[tuple[dict, dict[str, np.ndarray]]]:
    """For each manifest row its columns and its signals: noisy, enhanced, what each of the named generators restores, clean."""
    for row in rows.itertuples(index=False):
        signals = manifest.load_pair(corpus, row)
        noisy, enhanced, clean = (signals[name] for name in ("noisy", "enhanced", "clean"))
        restored = {
            name: restore_signal(generator, enhanced, noisy)
            for name, generator in generators.items()
        }
        about = row._asdict() | {"item_id": row.id, "noise": Path(row.noise_path).stem}
        yield about, {"noisy": noisy, "enhanced": enhanced, **restored, "clean": clean}


class Restorer:
    """What a run, or the shipped weights, makes of recordings: any sample rate, any number of channels.

    Args:
        generator: in eval mode.
        run: the id of the run that it comes from, or `shipped`.
    """

    def __init__(self, generator: nn.Module, run: str = "shipped"):
        self.generator, self.run = generator, run
        self.device = next(generator.parameters()).device

    @classmethod
    def load(cls, run: str = "shipped", device: str = "cpu") -> "Restorer":
        """The weights that come with this repository, or a training run: `best`, `latest`, or its id.

        Raises `NoRunError` if there is no such run.
        """
        if run == "shipped":
            return cls(load_weights(device=device))
        from lib.tracking.store import download, find

        run = find(run)
        return cls(load_generator(download(run, "checkpoints/best.pt"), device), run)

    def __call__(
        self, signal: np.ndarray, sample_rate: int = SAMPLE_RATE, noisy: np.ndarray | None = None, mix: float = 1.0,
        already_enhanced: bool = False,
    ) -> np.ndarray:  # fmt: skip
        """A recording `[T]` or `[T, channels]`, restored: float32 of the same shape, rate and place in time.

        Args:
            signal: noisy; with `already_enhanced` the output of DeepFilterNet3.
            noisy: with `already_enhanced`, the noisy original; the enhanced signal stands in for it.
            mix: share of restored in the result; the rest is `signal`.

        Raises:
            ValueError: another shape, whole numbers, NaN or infinite samples.
        """
        if not np.issubdtype(np.asarray(signal).dtype, np.floating):
            raise ValueError(
                f"samples are {np.asarray(signal).dtype}, expected floating point, full scale 1.0"
            )
        signal = np.asarray(signal, np.float32)
        if (
            signal.ndim not in (1, 2)
            or not signal.size
            or (signal.ndim == 2 and signal.shape[1] > len(signal))
        ):
            raise ValueError(
                f"expected a recording [T] or [T, channels] with samples, got {signal.shape}"
            )
        if noisy is not None and np.shape(noisy) != signal.shape:
            raise ValueError(f"noisy is {np.shape(noisy)}, expected {signal.shape}")
        there = [self._there(one, sample_rate) for one in (signal, noisy) if one is not None]
        restored = self.many(there[0], there[1] if len(there) > 1 else None, mix, already_enhanced)
        back = soxr.resample(np.stack(restored, axis=1), SAMPLE_RATE, sample_rate)[: len(signal)]
        return np.pad(back, ((0, len(signal) - len(back)), (0, 0))).reshape(signal.shape)

    def many(
        self, signals: Sequence[np.ndarray], noisy: Sequence[np.ndarray] | None = None, mix: float = 1.0,
        already_enhanced: bool = False,
    ) -> list[np.ndarray]:  # fmt: skip
        """Signals `[T]` at 48 kHz of any lengths, worked on together; none hears anything of another."""
        signals = [np.asarray(signal, np.float32) for signal in signals]
        if not all(np.isfinite(signal).all() for signal in signals):
            raise ValueError("a signal holds NaN or infinite samples")
        enhanced = signals
        if not already_enhanced:
            enhanced = [found.signal for found in enhance_batch(signals, device=self.device.type)]
        restored: list = [None] * len(signals)
        order = sorted(range(len(signals)), key=lambda i: len(signals[i]))
        for start in range(0, len(order), BATCH_SIZE):
            some = order[start : start + BATCH_SIZE]
            length = -(-len(signals[some[-1]]) // HOP_LENGTH) * HOP_LENGTH
            heard = [
                [_padded(signal, length) for signal in (enhanced[i], (noisy or signals)[i])]
                for i in some
            ]
            batch = torch.from_numpy(np.stack(heard)[:, : self.generator.n_inputs])
            made = self._made(batch)  # causal: what is padded behind a signal does not change it
            for i, (like, _), one in zip(some, heard, made, strict=True):
                one = LoudnessMatcher().push(like, one)[: len(signals[i])]
                restored[i] = mix * one + (1 - mix) * signals[i]
        return restored

    @torch.no_grad()
    def _made(self, inputs: torch.Tensor) -> np.ndarray:
        """`[B, C, T]` -> `[B, T]`, T in whole hops, aligned; by parts, so that memory does not grow with T."""
        late, state, parts = self.generator.delay, None, []
        for part in torch.nn.functional.pad(inputs, (0, late)).split(CHUNK_LENGTH, dim=2):
            made, state = self.generator(part.to(self.device), state)
            parts.append(made[:, 0].cpu().numpy())
        return np.concatenate(parts, axis=1)[:, late:]

    def stream(self, mix: float = 1.0, already_enhanced: bool = False) -> RestorerStream:
        """One channel at 48 kHz: `push(chunk)` gives as many samples, `stream.delay` late; `flush()` the last."""
        return RestorerStream(self.generator, mix, already_enhanced)

    def export(self, path: str | Path) -> Path:
        """Write the restorer as an ONNX model of one hop with explicit states, held against PyTorch first."""
        return write_onnx(self.generator, path, self.run)

    @staticmethod
    def _there(signal: np.ndarray, sample_rate: int) -> list[np.ndarray]:
        return list(
            soxr.resample(
                np.asarray(signal, np.float32).reshape(len(signal), -1), sample_rate, SAMPLE_RATE
            ).T
        )


def _padded(signal: np.ndarray, length: int) -> np.ndarray:
    return np.pad(np.asarray(signal, np.float32), (0, length - len(signal)))
