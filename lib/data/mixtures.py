"""Speech and noise that are mixed while training."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from lib.audio import files
from lib.audio.files import SAMPLE_RATE
from lib.corpus import formants, mix
from lib.corpus.equaliser import equalise
from lib.data.conditions import Conditions, Drawn, draw
from lib.data.sampling import epoch_and_index
from lib.data.segments import random_gain

NYQUIST_HZ = SAMPLE_RATE / 2
PASSBAND = 0.91  # of half the sample rate, which the resampler leaves untouched
N_DRAWS = 20  # cuts that are tried until one holds speech and noise


class Mixtures(Dataset):
    """Speech and noise, mixed: `(noisy, clean, clean_rms, meta)`, another mixture in every epoch.

    An item follows from (seed, epoch, index) alone; `dataset[index]` is that of epoch 0. It draws
    a cut of the utterance, an SNR, a level and a place in a noise file. The noise is set to the
    SNR over active speech. Then noisy and clean get one gain, so that the peak of noisy is `scale`.
    Files must be at 48 kHz (`sources.at_48_khz` makes such copies), since only the cut is read.

    Drawn alike, a mixture is the pair that `prepare` makes, sample by sample up to the rounding of
    the level: `mixed_pairs.mix_row` of its metadata. That holds for whole utterances at their own
    speed; a cut begins without the reverberation of what was before it. The numbers themselves
    differ, also from the same seed: a prepared pair's follow from its path, so that another file
    changes no other pair, and here they are new in every epoch. Prepared clean stays below full
    scale, which files need and tensors do not; then both signals are lower by one factor.

    Args:
        speech, noise: files.
        segment_length: samples; 0: whole utterances, of different lengths. An utterance that is
            shorter than that stays as short.
        seed: of all draws.
        snr_db: each item draws one of these.
        scale: range of the peak of noisy.
        speed: range of the factor by which speech, and by another draw noise, is played faster,
            pitch included: other voices.
        p_second_noise: probability of a second noise, 0 to 10 dB below the first.
        bandwidth_hz: highest frequency that a speech file holds, by its path; 24 kHz for the rest.
        conditions: rooms, formants, equalisers, faults of the recorder, items without noise or
            without speech. They are drawn with numbers of their own: no other draw depends on them.
        gain, p_invert: range of a gain, and probability of an inverted polarity, of noisy and clean
            alike, as for `PairSegments`; with numbers of their own, too.

    Returns: noisy and clean `[1, T]`, the RMS of that clean `[]`, and `meta`, which never holds
        audio: idx, id (its path), snr (dB; NaN: no noise, -inf: noise alone), scale, gain,
        clean_path, noise_path, clean_len, noisy_len (samples), start, speed, bandwidth_hz; and, as
        in a manifest, noise_offset, second_noise_path, second_noise_offset, second_noise_db, rir,
        early, equaliser, lowpass_hz, clip_db, codec, formant.

    Raises:
        ValueError: there is no speech or no noise, or a file has another rate than 48 kHz.
        AudioError: no cut of an utterance can be mixed, or a file is broken. All name the file.
    """

    def __init__(
        self,
        speech: Sequence[Path],
        noise: Sequence[Path],
        segment_length: int,
        seed: int,
        snr_db: Sequence[float] = (-5, 0, 5, 10, 15),
        scale: tuple[float, float] = (0.05, 1.0),
        speed: tuple[float, float] = (1.0, 1.0),
        p_second_noise: float = 0.0,
        bandwidth_hz: Mapping[Path, float] | None = None,
        conditions: Conditions | None = None,
        gain: tuple[float, float] = (1.0, 1.0),
        p_invert: float = 0.0,
    ):
        if not speech or not noise:
            raise ValueError(
                f"{len(speech)} speech and {len(noise)} noise files, expected at least one of each"
            )
        self.speech = list(speech)
        self.noise = list(noise)
        self.length = segment_length
        self.seed = seed
        self.snr_db = list(snr_db)
        self.scale = scale
        self.speed = speed
        self.p_second_noise = p_second_noise
        self.bandwidth_hz = dict(bandwidth_hz or {})
        self.conditions = conditions or Conditions()
        self.gain = gain
        self.p_invert = p_invert
        self.n_samples = {path: _length_at_48_khz(path) for path in [*self.speech, *self.noise]}

    def __len__(self) -> int:
        return len(self.speech)

    def __getitem__(self, key: tuple[int, int] | int) -> tuple[Tensor, Tensor, Tensor, dict]:
        epoch, index = epoch_and_index(key)
        path = self.speech[index]
        # The order of the draws is part of the data: another order would be other mixtures.
        rng = np.random.default_rng([self.seed, epoch, index])
        snr_db = float(rng.choice(self.snr_db))
        scale = float(rng.uniform(*self.scale))
        speed = float(rng.uniform(*self.speed))
        drawn = draw(self.conditions, np.random.default_rng([self.seed, epoch, index, 1]))
        if drawn.noise_alone:
            snr_db = mix.NOISE_ALONE_DB
        whole = int(self.n_samples[path] / speed)
        n_samples = min(self.length or whole, whole)
        n_read = int(n_samples * speed)
        for _ in range(N_DRAWS):
            start = int(rng.integers(self.n_samples[path] - n_read + 1))
            noise_path = self.noise[rng.integers(len(self.noise))]
            clean = _faster(files.read(path, start=start, n_samples=n_read), speed, n_samples)
            try:
                noise, noise_offset = self._cut_noise(noise_path, n_samples, rng)
                second_path, second_offset, second_db = "", 0, 0.0
                if rng.random() < self.p_second_noise:
                    second_path = self.noise[rng.integers(len(self.noise))]
                    second, second_offset = self._cut_noise(second_path, n_samples, rng)
                    second_db = float(rng.uniform(*mix.SECOND_NOISE_DB))
                    noise = mix.add_noise(noise, second, second_db)
                mixture = mix.mix(
                    equalise(formants.shift(clean, drawn.formant), drawn.equaliser),
                    None if drawn.clean else equalise(noise, drawn.equaliser),
                    snr_db,
                    scale,
                    drawn.room(),
                    drawn.early,
                    drawn.lowpass_hz,
                    drawn.clip_db,
                    drawn.codec,
                )
                break
            except files.AudioError:  # a broken noise or room: another cut would hide it
                raise
            except ValueError as error:  # a pause of the speech or of the noise: try another cut
                reason = error
        else:
            raise files.AudioError(
                f"{path}: no cut of {n_samples} samples among {N_DRAWS}"
                f" that can be mixed ({reason})"
            )
        if drawn.clean:
            noise_path, noise_offset, second_path, second_offset, second_db = "", 0, "", 0, 0.0
        # `mix` keeps clean below full scale.
        gain = random_gain(
            np.random.default_rng([self.seed, epoch, index, 2]), self.gain, self.p_invert
        )
        factor = np.float32(gain * scale / np.abs(mixture.noisy).max())
        noisy = torch.from_numpy(mixture.noisy * factor)[None]
        clean = torch.from_numpy(mixture.clean * factor)[None]
        meta = {
            "idx": index,
            "id": str(path),
            "snr": float("nan") if drawn.clean else snr_db,
            "scale": scale,
            "gain": gain,
            "clean_path": str(path),
            "noise_path": str(noise_path),
            "clean_len": n_samples,
            "noisy_len": n_samples,
            "start": start,
            "speed": speed,
            "bandwidth_hz": self._bandwidth_hz(path, speed, drawn),
            "noise_offset": noise_offset,
            "second_noise_path": str(second_path),
            "second_noise_offset": second_offset,
            "second_noise_db": second_db,
            "rir": drawn.rir,
            "early": drawn.early,
            "equaliser": drawn.equaliser,
            "lowpass_hz": drawn.lowpass_hz,
            "clip_db": drawn.clip_db,
            "codec": drawn.codec,
            "formant": drawn.formant,
        }
        return noisy, clean, clean.square().mean().sqrt(), meta

    def _bandwidth_hz(self, path: Path, speed: float, drawn: Drawn) -> float:
        """What a file holds when it is played at `speed`; the resampler then takes the top."""
        if drawn.noise_alone:  # silence is a target at all frequencies
            return NYQUIST_HZ
        highest = PASSBAND * NYQUIST_HZ if speed > 1 else NYQUIST_HZ
        held = speed * self.bandwidth_hz.get(path, NYQUIST_HZ)
        return min(held, highest, drawn.room_bandwidth_hz())

    def _cut_noise(
        self, path: Path, n_samples: int, rng: np.random.Generator
    ) -> tuple[np.ndarray, int]:
        """A random cut of a noise file, which is repeated if it is too short, and its offset."""
        speed = float(rng.uniform(*self.speed))
        n_needed, n_available = int(n_samples * speed), self.n_samples[path]
        offset = int(rng.integers(max(n_available - n_needed, 0) + 1))
        noise = files.read(path, start=offset, n_samples=min(n_needed, n_available))
        if n_available < n_needed:
            offset = int(rng.integers(n_available))
            noise = mix.loop(noise, offset, n_needed)
        return _faster(noise, speed, n_samples), offset


def _faster(signal: np.ndarray, speed: float, n_samples: int) -> np.ndarray:
    """`signal`, which has `int(n_samples * speed)` samples, played in `n_samples`."""
    if speed == 1:
        return signal
    resampled = files.resample(signal, speed * SAMPLE_RATE, SAMPLE_RATE)[:n_samples]
    return np.pad(resampled, (0, n_samples - len(resampled)))


def _length_at_48_khz(path: Path) -> int:
    head = files.info(path)
    if head.sample_rate != SAMPLE_RATE:
        raise ValueError(
            f"{path}: at {head.sample_rate} Hz, expected {SAMPLE_RATE} Hz:"
            " nothing is resampled while training"
        )
    return head.n_samples
