"""Raw samples from standard input to standard output, restored as they come."""

import sys

import numpy as np

from lib.inference.restorer import Restorer

PCM = {
    "s16": ("<i2", 2**15),
    "s32": ("<i4", 2**31),
    "f32": ("<f4", 1),
}  # raw samples: type, full scale
READ_BYTES = 4096  # bytes that --stream reads at once, at most: 43 ms of 16 bits


def stream_pcm(
    restorer: Restorer,
    encoding: str,
    channels: int,
    mix: float = 1.0,
    already_enhanced: bool = False,
) -> None:
    """Raw samples from standard input to standard output as they come, at 48 kHz; what comes out is `delay` late."""
    kind, full_scale = PCM[encoding]
    streams = [restorer.stream(mix, already_enhanced) for _ in range(channels)]
    frame, rest = np.dtype(kind).itemsize * channels, b""

    def put(out: list[np.ndarray]) -> None:
        samples = np.stack(out, axis=1) * full_scale
        if full_scale > 1:
            samples = np.rint(samples).clip(
                -full_scale, full_scale - (1 if encoding == "s16" else 128)
            )
        sys.stdout.buffer.write(samples.astype(kind).tobytes())
        sys.stdout.buffer.flush()

    while data := sys.stdin.buffer.read1(READ_BYTES):
        data = rest + data
        whole, rest = data[: len(data) // frame * frame], data[len(data) // frame * frame :]
        signal = np.frombuffer(whole, kind).reshape(-1, channels).astype(np.float32) / full_scale
        put([stream.push(channel) for stream, channel in zip(streams, signal.T, strict=True)])
    put([stream.flush() for stream in streams])
