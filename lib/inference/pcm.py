"""Raw samples (PCM) from standard input to standard output, restored as they come."""

import sys

import numpy as np

from lib.inference.stage_restorer import StageRestorer

# Encoding: numpy type (little-endian), full scale, largest value. A float32 cannot hold 2^31 - 1;
# 2^31 - 128 is the largest of its values that a 32-bit sample can hold.
ENCODINGS = {
    "s16": ("<i2", 2**15, 2**15 - 1),
    "s32": ("<i4", 2**31, 2**31 - 128),
    "f32": ("<f4", 1, None),
}
MAX_READ_BYTES = 4096  # 43 ms of one channel of 16 bits


def stream_pcm(
    restorer: StageRestorer,
    encoding: str,
    channels: int,
    mix: float = 1.0,
    already_enhanced: bool = False,
) -> tuple[int, int]:
    """Restore interleaved samples at 48 kHz until the input ends; the output is `delay` late.

    A sample that is NaN or infinite becomes silence: the stream goes on.

    Args:
        encoding: of input and output, one of `ENCODINGS`.
        mix: share of restored in the output, 0 to 1; the rest is the input.
        already_enhanced: the input has been through DeepFilterNet3.

    Returns: the number of samples that were NaN or infinite, and of bytes at the end that are
        less than a frame (one sample of each channel): they are left out.

    Raises:
        ValueError: standard input or output is closed.
    """
    if sys.stdin is None or sys.stdout is None:
        closed = "input" if sys.stdin is None else "output"
        raise ValueError(f"standard {closed} is closed: a stream reads the one, writes the other")
    # One stream a channel: each is restored as if it were alone.
    kind, full_scale, _ = ENCODINGS[encoding]
    streams = [restorer.stream(mix, already_enhanced) for _ in range(channels)]
    frame_bytes = np.dtype(kind).itemsize * channels
    rest, n_broken = b"", 0
    while data := sys.stdin.buffer.read1(MAX_READ_BYTES):
        # A read may end within a frame (one sample of each channel): its bytes wait for the next.
        data = rest + data
        n_whole = len(data) // frame_bytes * frame_bytes
        rest = data[n_whole:]
        frames = np.frombuffer(data[:n_whole], kind).reshape(-1, channels)
        signals = frames.T.astype(np.float32) / full_scale
        broken = ~np.isfinite(signals)
        n_broken += int(np.count_nonzero(broken))
        signals[broken] = 0.0
        pairs = zip(streams, signals, strict=True)
        _write([stream.push(signal) for stream, signal in pairs], encoding)
    _write([stream.flush() for stream in streams], encoding)
    return n_broken, len(rest)


def _write(channels: list[np.ndarray], encoding: str) -> None:
    kind, full_scale, largest = ENCODINGS[encoding]
    frames = np.stack(channels, axis=1) * full_scale
    if largest is not None:
        # Beyond full scale an integer would wrap around.
        frames = np.rint(frames).clip(-full_scale, largest)
    sys.stdout.buffer.write(frames.astype(kind).tobytes())
    sys.stdout.buffer.flush()
