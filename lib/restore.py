"""Give recordings their timbre back: DeepFilterNet3, then a trained run or the weights that come with this repository.

python -m lib.restore noisy.wav restored.wav             one recording, or a folder and the folder that gets the same tree
sox in.wav -t s16 -r 48k -c 1 - | python -m lib.restore --stream | sox -t s16 -r 48k -c 1 - out.wav
python -m lib.restore --export restorer.onnx             the restorer, hop by hop, for ONNX Runtime

    >>> restorer = Restorer.load()
    >>> restorer(np.zeros((4_410, 2)), 44_100).shape
    (4410, 2)
"""

import argparse
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import soxr
import torch
from torch import nn

from lib import checkpoints, deepfilter, export, pairs, recordings, ship
from lib.audio import SAMPLE_RATE
from lib.deepfilter import HOP_LENGTH
from lib.generator import restore as apply
from lib.loudness import Follower
from lib.progress import progress
from lib.step import build, choose_device
from lib.stream import Stream

TOGETHER = 8  # signals that the generator hears at once ...
PART = 4 * SAMPLE_RATE  # ... and so many samples of each
PCM = {"s16": ("<i2", 2**15), "s32": ("<i4", 2**31), "f32": ("<f4", 1)}  # raw samples: type, full scale
CHUNK = 4096  # bytes that --stream reads at once, at most: 43 ms of 16 bits


def load(checkpoint: Path, device: str = "cpu") -> nn.Module:
    """The averaged generator of a checkpoint that training wrote, or of stored weights (`lib.ship`), in eval mode.

    Raises `ValueError` if the file is none.
    """
    if checkpoint.suffix == ".safetensors":
        return ship.load(checkpoint, device)
    saved = checkpoints.read(checkpoint)
    generator = build(SimpleNamespace(**saved["params"]))
    generator.load_state_dict(saved["learner"]["average"])
    return generator.to(device).eval()


@torch.no_grad()
def restore(generator: nn.Module, enhanced: np.ndarray, noisy: np.ndarray) -> np.ndarray:
    """(enhanced, noisy) -> restored, `[T]` each at 48 kHz: same length, lag 0. `noisy` is heard if training heard it."""
    inputs = torch.from_numpy(np.stack([enhanced, noisy][: generator.n_inputs]))[None]
    return apply(generator, inputs.to(next(generator.parameters()).device))[0, 0].cpu().numpy()


def restore_pairs(
    generators: Mapping[str, nn.Module], corpus: str, rows: pd.DataFrame
) -> Iterator[tuple[dict, dict[str, np.ndarray]]]:
    """For each manifest row its columns and its signals: noisy, enhanced, what each of the named generators restores, clean."""
    for row in rows.itertuples(index=False):
        signals = pairs.load(corpus, row)
        noisy, enhanced, clean = (signals[name] for name in ("noisy", "enhanced", "clean"))
        restored = {name: restore(generator, enhanced, noisy) for name, generator in generators.items()}
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
            return cls(ship.load(device=device))
        from lib import store

        run = store.find(run)
        return cls(load(store.download(run, "checkpoints/best.pt"), device), run)

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
            raise ValueError(f"samples are {np.asarray(signal).dtype}, expected floating point, full scale 1.0")
        signal = np.asarray(signal, np.float32)
        if signal.ndim not in (1, 2) or not signal.size or (signal.ndim == 2 and signal.shape[1] > len(signal)):
            raise ValueError(f"expected a recording [T] or [T, channels] with samples, got {signal.shape}")
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
            enhanced = [found.signal for found in deepfilter.enhance_batch(signals, device=self.device.type)]
        restored: list = [None] * len(signals)
        order = sorted(range(len(signals)), key=lambda i: len(signals[i]))
        for start in range(0, len(order), TOGETHER):
            some = order[start : start + TOGETHER]
            length = -(-len(signals[some[-1]]) // HOP_LENGTH) * HOP_LENGTH
            heard = [[_padded(signal, length) for signal in (enhanced[i], (noisy or signals)[i])] for i in some]
            batch = torch.from_numpy(np.stack(heard)[:, : self.generator.n_inputs])
            made = self._made(batch)  # causal: what is padded behind a signal does not change it
            for i, (like, _), one in zip(some, heard, made, strict=True):
                one = Follower().push(like, one)[: len(signals[i])]
                restored[i] = mix * one + (1 - mix) * signals[i]
        return restored

    @torch.no_grad()
    def _made(self, inputs: torch.Tensor) -> np.ndarray:
        """`[B, C, T]` -> `[B, T]`, T in whole hops, aligned; by parts, so that memory does not grow with T."""
        late, state, parts = self.generator.delay, None, []
        for part in torch.nn.functional.pad(inputs, (0, late)).split(PART, dim=2):
            made, state = self.generator(part.to(self.device), state)
            parts.append(made[:, 0].cpu().numpy())
        return np.concatenate(parts, axis=1)[:, late:]

    def stream(self, mix: float = 1.0, already_enhanced: bool = False) -> Stream:
        """One channel at 48 kHz: `push(chunk)` gives as many samples, `stream.delay` late; `flush()` the last."""
        return Stream(self.generator, mix, already_enhanced)

    def export(self, path: str | Path) -> Path:
        """Write the restorer as an ONNX model of one hop with explicit states, held against PyTorch first."""
        return export.write(self.generator, path, self.run)

    @staticmethod
    def _there(signal: np.ndarray, sample_rate: int) -> list[np.ndarray]:
        return list(soxr.resample(np.asarray(signal, np.float32).reshape(len(signal), -1), sample_rate, SAMPLE_RATE).T)


def _padded(signal: np.ndarray, length: int) -> np.ndarray:
    return np.pad(np.asarray(signal, np.float32), (0, length - len(signal)))


def stream_pcm(
    restorer: Restorer, encoding: str, channels: int, mix: float = 1.0, already_enhanced: bool = False
) -> None:
    """Raw samples from standard input to standard output as they come, at 48 kHz; what comes out is `delay` late."""
    kind, full_scale = PCM[encoding]
    streams = [restorer.stream(mix, already_enhanced) for _ in range(channels)]
    frame, rest = np.dtype(kind).itemsize * channels, b""

    def put(out: list[np.ndarray]) -> None:
        samples = np.stack(out, axis=1) * full_scale
        if full_scale > 1:
            samples = np.rint(samples).clip(-full_scale, full_scale - (1 if encoding == "s16" else 128))
        sys.stdout.buffer.write(samples.astype(kind).tobytes())
        sys.stdout.buffer.flush()

    while data := sys.stdin.buffer.read1(CHUNK):
        data = rest + data
        whole, rest = data[: len(data) // frame * frame], data[len(data) // frame * frame :]
        signal = np.frombuffer(whole, kind).reshape(-1, channels).astype(np.float32) / full_scale
        put([stream.push(channel) for stream, channel in zip(streams, signal.T, strict=True)])
    put([stream.flush() for stream in streams])


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        "python -m lib.restore", description=__doc__.partition("\n    >>>")[0],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("source", nargs="?", type=Path, help="a recording that libsndfile reads, or a folder of such")
    parser.add_argument("target", nargs="?", type=Path, help="the file, or the folder that gets the same tree")
    parser.add_argument("--run", default="shipped", help="shipped, best, latest or the id of a training run")
    parser.add_argument("--mix", type=float, default=1.0, help="share of restored, 0 to 1; the rest is the source")
    parser.add_argument("--already-enhanced", action="store_true", help="the source has been through DeepFilterNet3")
    parser.add_argument("--noisy", type=Path, help="with --already-enhanced: the noisy original, a file or a folder")
    parser.add_argument("--overwrite", action="store_true", help="replace targets that exist")
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"), help="where the restorer works")
    parser.add_argument(
        "--stream", action="store_true", help="raw samples at 48 kHz from standard input to standard output"
    )
    parser.add_argument(
        "--encoding", default="s16", choices=sorted(PCM), help="of --stream, little-endian (default: s16)"
    )
    parser.add_argument("--channels", type=int, default=1, help="of --stream, interleaved (default: 1)")
    parser.add_argument("--export", type=Path, help="write the restorer as an ONNX model of one hop")
    typed = parser.parse_args()
    if sum([typed.stream, typed.export is not None, typed.target is not None]) != 1:
        parser.error("expected either a source and a target, or --stream, or --export PATH")
    if not 0 <= typed.mix <= 1:
        parser.error(f"--mix {typed.mix}: expected 0 to 1")
    if typed.channels < 1:
        parser.error(f"--channels {typed.channels}: expected at least 1")
    if typed.noisy and (typed.stream or not typed.already_enhanced):
        parser.error("--noisy goes with --already-enhanced, and not with --stream")
    if typed.export and typed.export.exists() and not typed.overwrite:
        parser.error(f"{typed.export}: exists; --overwrite replaces it")
    try:
        restorer = Restorer.load(typed.run, choose_device(typed.device))
        if typed.export:
            print(restorer.export(typed.export))
            return
        if typed.stream:
            print(f"{restorer.stream(already_enhanced=typed.already_enhanced).delay / 48:.1f} ms late", file=sys.stderr)
            stream_pcm(restorer, typed.encoding, typed.channels, typed.mix, typed.already_enhanced)
            return
        todo = recordings.jobs(typed.source, typed.target, typed.noisy)
    except (BrokenPipeError, KeyboardInterrupt):  # who listened to --stream has gone
        os._exit(1)  # without a word about what cannot be flushed
    except (ValueError, OSError, LookupError) as error:  # NoRunError is one
        sys.exit(str(error))
    how = {"mix": typed.mix, "already_enhanced": typed.already_enhanced}
    outcomes = []
    try:
        for outcome in progress(recordings.run(todo, restorer, typed.overwrite, **how), "restoring", len(todo)):
            outcomes.append(outcome)
    except KeyboardInterrupt:
        print(recordings.told(outcomes))
        sys.exit(f"stopped: {len(todo) - len(outcomes)} are left")
    print(recordings.told(outcomes))
    sys.exit(any(outcome.problem for outcome in outcomes))


if __name__ == "__main__":
    main()
