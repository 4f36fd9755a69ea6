"""Parameters of the notebook `prepare`."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from lib.config.base import Parameters
from lib.config.fields import (
    Count,
    CountOrZero,
    File,
    Folder,
    Glob,
    ItemSeconds,
    Name,
    NonNegative,
    Segment,
    Share,
    Snr,
    SpeakerPattern,
    Text,
)


class Prepare(Parameters):
    """`prepare`: which pairs a corpus has, and the recordings that they are made from."""

    corpus: Name = "demo"
    """Folder below `runs/pairs` for the pairs."""
    speech_dir: Folder = ""
    """Clean speech, one folder per speaker. Empty: the embedded corpus."""
    noise_dir: Folder = ""
    """Noise. Empty: the embedded corpus."""
    rir_dir: Folder = ""
    """Room impulse responses, of which the first channel is used. Empty: simulated rooms."""
    speech_glob: Glob = "**/*"
    """Pattern of paths below `speech_dir` (and `noisy_dir`): files that do not match are ignored.
    Default: all files."""
    noise_glob: Glob = "**/*"
    """The same for `noise_dir`."""
    speaker_pattern: SpeakerPattern = ""
    """Regular expression whose group in brackets is the speaker. Empty: the first folder below
    `speech_dir` is."""
    noisy_dir: Folder = ""
    """Recorded pairs: noisy recordings with the names of the clean ones in `speech_dir`. Nothing is
    mixed then."""
    pairs_csv: File = ""
    """Recorded pairs: a table with the columns clean, noisy (speaker, split). Its paths count from
    its own folder."""
    own_max_lag_ms: Annotated[float, Field(gt=0, le=10_000)] = 500.0
    """Largest lag in ms, in either direction, of noisy behind clean in a recorded pair. A pair
    beyond it is refused."""
    own_max_length_difference: NonNegative = 1.0
    """Largest difference in s of the two lengths of a recorded pair."""
    seed: CountOrZero = 0
    """Everything random about the corpus follows from it."""
    join_below: Annotated[float, Field(ge=0, le=4)] = 0.0
    """Recordings of a speaker that are shorter than so many seconds are joined to utterances of 4
    to 10 s, since a word alone is no speech to a network that hears sentences. 0: never."""
    items_per_utterance: Count = 2
    """Mixtures of each training utterance. Utterances of valid and test get one each."""
    snr_db: list[Snr] = Field([-5.0, 0.0, 5.0, 10.0, 15.0], min_length=1)
    """Signal-to-noise ratios in dB over active speech, of which each mixture draws one. Default:
    from noise louder than the voice to noise that is just disturbing."""
    p_clean: Share = 0.0
    """Probability of no noise: noisy is clean in its room, and there is nothing to restore."""
    p_noise_alone: Share = 0.0
    """Probability of noise without speech, whose target is silence. In training and validation
    alone."""
    p_second_noise: Share = 0.1
    """Probability of a second noise, 0 to 10 dB below the first."""
    p_reverb: Share = 0.3
    """Probability that an utterance is put into a room."""
    early_ms: Annotated[float, Field(ge=0, le=500)] = 50.0
    """Reflections within so many ms behind the direct sound belong to the target. 0: a dry target.
    Default: the limit of the clarity index C50, up to which reflections support speech."""
    p_lowpass: Share = 0.0
    """Probability that the recorder cuts the highs: noisy is band-limited, the target is not."""
    lowpass_hz: list[Annotated[float, Field(ge=2000, lt=24_000)]] = Field(
        [4000.0, 8000.0, 11025.0, 16000.0], min_length=1
    )
    """Band limits in Hz, of which each such mixture draws one. Default: half the sample rates 8,
    16, 22.05 and 32 kHz."""
    p_clip: Share = 0.0
    """Probability that the recorder clips: noisy is cut 1 to 12 dB below its peak, the target is
    not."""
    p_codec: Share = 0.0
    """Probability that noisy went through a lossy codec: MP3, Opus or Vorbis, 20 to 90 kbit/s."""
    p_equalise: Share = 0.0
    """Probability that one or two bands of clean and noisy alike are louder or softer by up to 6
    dB, as with another microphone. In training alone."""
    speed_min: Annotated[float, Field(ge=0.5, le=2)] = 1.0
    """Training utterances are played faster by a factor, pitch and formants included: other voices.
    This is the lowest one."""
    speed_max: Annotated[float, Field(ge=0.5, le=2)] = 1.0
    """The highest such factor."""
    formant_min: Annotated[float, Field(ge=0.5, le=2)] = 1.0
    """The formants of training utterances are moved by a factor, pitch and length stay: shorter and
    longer vocal tracts. This is the lowest one."""
    formant_max: Annotated[float, Field(ge=0.5, le=2)] = 1.0
    """The highest such factor."""
    scale_min: Annotated[float, Field(gt=0, le=1)] = 0.05
    """Lowest peak of noisy; full scale is 1. Default: 26 dB below full scale."""
    scale_max: Annotated[float, Field(gt=0, le=1)] = 0.95
    """Highest peak of noisy. Default: just below clipping."""
    valid_share: Annotated[float, Field(gt=0, le=0.5)] = 0.1
    """Share of speech files, noises and rooms for validation; 0.05 to 0.1 is recommended. Less
    chooses the best epoch by chance, more is missing in training."""
    test_share: Annotated[float, Field(ge=0, le=0.5)] = 0.2
    """Share of speech files, noises and rooms for the test."""
    holdout_speakers: list[Text] = Field([])
    """Speakers that occur in the test alone."""
    holdout_noises: list[Text] = Field([])
    """Noises that occur in the test alone: names of folders, or of files without their ending."""
    holdout_rooms: list[Text] = Field([])
    """The same for rooms."""
    n_test: CountOrZero = 0
    """Mixtures of the test, spread evenly over its speakers (the held-out ones, if there are any)
    and SNRs; its utterances are mixed again until there are so many. 0: each utterance once."""
    n_test_clean: CountOrZero = 0
    """Pairs without noise beside the `n_test`."""
    test_snr_db: list[Snr] = Field([])
    """SNRs of the `n_test` in dB. Empty: `snr_db`."""
    segment_length: Segment = 48_000
    """Samples that training will cut, to check `save_segment_length`. Default: that of `train`."""
    save_segment_length: CountOrZero = 0
    """Samples of the pieces that are saved. DeepFilterNet3 always gets the whole utterance first.
    A rest below 0.4 s belongs to the last piece. 0: whole utterances are saved."""
    min_duration: ItemSeconds = 0.5
    """Seconds; shorter speech files are skipped. At least 0.4 s, the shortest item of a corpus."""
    device: Literal["cpu", "cuda"] = "cpu"
    """Device of DeepFilterNet3. It is part of the corpus's identity, since the bytes depend on it;
    so there is no `auto`."""
    n_processes: Count = 2
    """Processes that render, one thread each. The bytes do not depend on it."""
    dask_address: str = ""
    """Scheduler (tcp://host:8786) of a Dask cluster that renders instead."""

    @model_validator(mode="after")
    def _check_combinations(self) -> Self:
        if self.noisy_dir and not self.speech_dir:
            raise ValueError(
                f"noisy_dir = {self.noisy_dir!r}: expected speech_dir beside it,"
                " the folder of the clean recordings"
            )
        if self.pairs_csv and (self.noisy_dir or self.speech_dir):
            raise ValueError(
                f"pairs_csv = {self.pairs_csv!r}: expected neither speech_dir nor noisy_dir"
                " beside it, since it names the files"
            )
        if (self.pairs_csv or self.noisy_dir) and (
            self.noise_dir or self.rir_dir or self.holdout_noises or self.holdout_rooms
        ):
            raise ValueError(
                "noise_dir, rir_dir, holdout_noises, holdout_rooms: expected none of them with own"
                " pairs, which are not mixed"
            )
        if self.save_segment_length and self.save_segment_length < self.segment_length:
            raise ValueError(
                f"save_segment_length = {self.save_segment_length}: expected 0 (whole utterances)"
                f" or at least segment_length = {self.segment_length},"
                " since training cuts its segments from what is saved"
            )
        if self.p_clean + self.p_noise_alone > 1:
            raise ValueError(
                f"p_clean = {self.p_clean} and p_noise_alone = {self.p_noise_alone}:"
                " expected a sum of at most 1"
            )
        for name in ("scale", "speed", "formant"):
            low, high = getattr(self, f"{name}_min"), getattr(self, f"{name}_max")
            if low > high:
                raise ValueError(f"{name}_min = {low}: expected at most {name}_max = {high}")
        if (self.pairs_csv or self.noisy_dir) and (self.join_below or self.n_test):
            raise ValueError("join_below, n_test: expected 0 with own pairs, which are not mixed")
        if self.n_test_clean and not self.n_test:
            raise ValueError(
                f"n_test_clean = {self.n_test_clean}: expected n_test beside it,"
                " which fixes the size of the test"
            )
        if self.valid_share + self.test_share >= 0.9:
            raise ValueError(
                f"valid_share = {self.valid_share} and test_share = {self.test_share}:"
                " expected a sum below 0.9, the rest is for training"
            )
        return self

    @property
    def start_lines(self) -> list[str]:
        """A warning if few or many pairs go to validation."""
        if 0.05 <= self.valid_share <= 0.1:
            return []
        return [f"valid_share = {self.valid_share}: 0.05 to 0.1 is recommended"]
