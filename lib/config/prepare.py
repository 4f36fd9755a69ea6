"""Parameters of the notebook `prepare`."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from lib.config import fields
from lib.config.base import Parameters, checked


class Prepare(Parameters):
    """`prepare`: which pairs are made, and from what."""

    corpus: fields.Name = "demo"
    speech_dir: fields.Folder = ""
    noise_dir: fields.Folder = ""
    rir_dir: fields.Folder = ""
    speech_glob: fields.Glob = "**/*"
    noise_glob: fields.Glob = "**/*"
    speaker_pattern: Annotated[str, AfterValidator(fields.speaker_regex)] = ""
    noisy_dir: fields.Folder = ""
    pairs_csv: Annotated[str, AfterValidator(fields.existing_file)] = ""
    own_max_lag_ms: Annotated[float, Field(gt=0, le=10_000)] = 500.0
    own_max_length_difference: Annotated[float, Field(ge=0)] = 1.0
    seed: fields.Seed = 0
    items_per_utterance: fields.Count = 2
    snr_db: list[Annotated[float, Field(ge=-30, le=60)]] = Field(
        [-5.0, 0.0, 5.0, 10.0, 15.0], min_length=1
    )
    p_second_noise: fields.Share = 0.1
    p_reverb: fields.Share = 0.3
    early_ms: Annotated[float, Field(ge=0, le=500)] = 50.0
    p_lowpass: fields.Share = 0.0
    lowpass_hz: list[Annotated[float, Field(ge=2000, lt=24_000)]] = Field(
        [4000.0, 8000.0, 11025.0, 16000.0], min_length=1
    )
    p_clip: fields.Share = 0.0
    scale_min: Annotated[float, Field(gt=0, le=1)] = 0.05
    scale_max: Annotated[float, Field(gt=0, le=1)] = 0.95
    valid_share: Annotated[float, Field(gt=0, le=0.5)] = 0.1
    test_share: Annotated[float, Field(ge=0, le=0.5)] = 0.2
    holdout_speakers: list[fields.Text] = Field([])
    holdout_noises: list[fields.Text] = Field([])
    segment_length: fields.Segment = 48000
    save_segment_length: Annotated[int, Field(ge=0)] = 0
    min_duration: Annotated[float, Field(ge=0)] = 0.5
    device: Literal["cpu", "cuda"] = "cpu"
    n_processes: fields.Count = 2
    dask_address: str = ""

    @model_validator(mode="after")
    def _together(self) -> Self:
        return checked(
            self,
            (
                not self.noisy_dir or bool(self.speech_dir),
                f"noisy_dir = {self.noisy_dir!r}: expected speech_dir beside it, the folder of the clean recordings",
            ),
            (
                not self.pairs_csv or not (self.noisy_dir or self.speech_dir),
                f"pairs_csv = {self.pairs_csv!r}: expected neither speech_dir nor noisy_dir beside it, since it names the files",
            ),
            (
                not (self.pairs_csv or self.noisy_dir)
                or not (self.noise_dir or self.rir_dir or self.holdout_noises),
                "noise_dir, rir_dir, holdout_noises: expected none of them with own pairs, which are not mixed",
            ),
            (
                self.save_segment_length == 0 or self.save_segment_length >= self.segment_length,
                f"save_segment_length = {self.save_segment_length}: expected 0 (whole utterances) or at least"
                f" segment_length = {self.segment_length}, since training cuts its segments from what is saved",
            ),
            (
                self.scale_min <= self.scale_max,
                f"scale_min = {self.scale_min}: expected at most scale_max = {self.scale_max}",
            ),
            (
                self.valid_share + self.test_share < 0.9,
                f"valid_share = {self.valid_share} and test_share = {self.test_share}: expected a sum below 0.9,"
                " the rest is for training",
            ),
        )

    @property
    def warnings(self) -> list[str]:
        if 0.05 <= self.valid_share <= 0.1:
            return []
        return [f"valid_share = {self.valid_share}: 0.05 to 0.1 is recommended"]
