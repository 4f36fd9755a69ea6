"""What each notebook accepts: one frozen pydantic model per notebook, its defaults those of the notebook's tagged cell.

Papermill passes text where YAML has types (`-p condition_on_noisy false` arrives as "false", which is true) and only
logs a line about a name that it does not know. Here text is read as YAML first, and an unknown name is an error.
"""

import ast
import difflib
import re
import types
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_origin

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

HOP_LENGTH = 480  # samples at 48 kHz: a generator's step, so that segments are multiples of it


class ParameterError(ValueError):
    """Parameters that are refused; the message has one line for each: name, value found, what is expected."""


def resolve(path: str | Path) -> Path:
    """The absolute place of an input path; a relative one counts from the folder where the command was typed.

    >>> resolve("/data/speech"), resolve("speech") == Path.cwd() / "speech"
    (PosixPath('/data/speech'), True)
    """
    return Path(path).expanduser().resolve()


def _plain_name(value: str) -> str:
    if not re.fullmatch(r"\w[\w.-]*", value):
        raise ValueError("expected a plain folder name: letters, digits, '_', '-', '.'")
    return value


def _text(value: Any) -> Any:
    """Nothing is "", a number its digits (the speaker 19 is "19"); anything else stays for the type's own check."""
    return "" if value in (None, "null") else str(value) if isinstance(value, (int, float)) else value


def _from_text(text: str) -> Any:
    """What YAML reads in `text`, and 1e-4, which YAML leaves as text, as a number."""
    try:
        value = yaml.safe_load(text)
        return float(value) if isinstance(value, str) else value
    except (yaml.YAMLError, ValueError):
        return text  # the type's own check says what is expected


def _folder(value: str) -> str:
    if value and not resolve(value).is_dir():
        raise ValueError(
            f"expected a folder, found {'a file' if resolve(value).exists() else 'none'} at {resolve(value)}"
        )
    return value


def _listed(value: Any) -> Any:
    """One of something is a list of one."""
    return value if isinstance(value, list) else [value] if value not in ("", None) else []


def _there(value: str) -> str:
    if value and not resolve(value).exists():
        raise ValueError(f"expected a file or a folder, found none at {resolve(value)}")
    return str(resolve(value)) if value else value


def _file(value: str) -> str:
    if value and not resolve(value).is_file():
        raise ValueError(
            f"expected a file, found {'a folder' if resolve(value).exists() else 'none'} at {resolve(value)}"
        )
    return value


def _pattern(value: str) -> str:
    try:
        groups = re.compile(value).groups
    except re.error as error:
        raise ValueError(f"expected a regular expression ({error})") from None
    if value and not groups:
        raise ValueError("expected a group in brackets, which is the speaker, like 'reader_(\\d+)'")
    return value


def _glob(value: str) -> str:
    if not value or value.startswith("/") or ".." in value.split("/"):
        raise ValueError("expected a pattern of paths below the folder, like '**/*_mic1.flac'")
    return value


Glob = Annotated[str, AfterValidator(_glob)]
Name = Annotated[str, AfterValidator(_plain_name)]
Text = Annotated[str, BeforeValidator(_text)]
Folder = Annotated[str, AfterValidator(_folder)]  # "": not given
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0)]
Weight = Annotated[float, Field(ge=0)]
Seed = Annotated[int, Field(ge=0)]
Segment = Annotated[int, Field(ge=10 * HOP_LENGTH, multiple_of=HOP_LENGTH)]
Device = Literal["auto", "cpu", "cuda"]


class Parameters(BaseModel):
    """Base of all: frozen, no other names, text read as YAML, one error of short lines (see `build`)."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _read(cls, value: Any, info: ValidationInfo) -> Any:
        """Give text its type, as YAML reads it, and text fields their text."""
        kind = plain_type(cls, info.field_name)
        if kind is str:
            return _text(value)
        if isinstance(value, str):
            value = _from_text(value)
        if isinstance(value, bool) != (kind is bool):  # pydantic takes True for 1 and 1 for True
            raise ValueError(f"expected {'true or false' if kind is bool else kind.__name__}")
        return value

    @property
    def warnings(self) -> list[str]:
        """What is legal but perhaps not meant, a line each."""
        return []


class Prepare(Parameters):
    """`prepare`: which pairs are made, and from what."""

    corpus: Name = "demo"
    speech_dir: Folder = ""
    noise_dir: Folder = ""
    rir_dir: Folder = ""
    speech_glob: Glob = "**/*"
    noise_glob: Glob = "**/*"
    speaker_pattern: Annotated[str, AfterValidator(_pattern)] = ""
    noisy_dir: Folder = ""
    pairs_csv: Annotated[str, AfterValidator(_file)] = ""
    own_max_lag_ms: Annotated[float, Field(gt=0, le=10_000)] = 500.0
    own_max_length_difference: Annotated[float, Field(ge=0)] = 1.0
    seed: Seed = 0
    items_per_utterance: Count = 2
    snr_db: list[Annotated[float, Field(ge=-30, le=60)]] = Field([-5.0, 0.0, 5.0, 10.0, 15.0], min_length=1)
    p_second_noise: Share = 0.1
    p_reverb: Share = 0.3
    early_ms: Annotated[float, Field(ge=0, le=500)] = 50.0
    p_lowpass: Share = 0.0
    lowpass_hz: list[Annotated[float, Field(ge=2000, lt=24_000)]] = Field(
        [4000.0, 8000.0, 11025.0, 16000.0], min_length=1
    )
    p_clip: Share = 0.0
    scale_min: Annotated[float, Field(gt=0, le=1)] = 0.05
    scale_max: Annotated[float, Field(gt=0, le=1)] = 0.95
    valid_share: Annotated[float, Field(gt=0, le=0.5)] = 0.1
    test_share: Annotated[float, Field(ge=0, le=0.5)] = 0.2
    holdout_speakers: list[Text] = []
    holdout_noises: list[Text] = []
    segment_length: Segment = 48000
    save_segment_length: Annotated[int, Field(ge=0)] = 0
    min_duration: Annotated[float, Field(ge=0)] = 0.5
    device: Literal["cpu", "cuda"] = "cpu"
    n_processes: Count = 2
    dask_address: str = ""

    @model_validator(mode="after")
    def _together(self) -> Self:
        return _checked(
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
                not (self.pairs_csv or self.noisy_dir) or not (self.noise_dir or self.rir_dir or self.holdout_noises),
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


class Inspect(Parameters):
    """`inspect`: what is looked at; both folders empty: the corpus as prepared."""

    corpus: Name = "demo"
    speech_dir: Folder = ""
    noise_dir: Folder = ""
    speech_glob: Glob = "**/*"
    noise_glob: Glob = "**/*"
    speaker_pattern: Annotated[str, AfterValidator(_pattern)] = ""
    n_examples: Annotated[int, Field(ge=1, le=50)] = 6
    seed: Seed = 0
    n_processes: Count = 2


class Check(Parameters):
    """`check`: how far a pair may be off."""

    corpus: Name = "demo"
    max_lag_ms: Weight = 0.5
    max_room_lag_ms: Weight = 0.5
    max_snr_error_db: Weight = 0.5
    min_level_db: float = -60.0
    max_bad_share: Share = 0.0
    n_examples: Annotated[int, Field(ge=0, le=50)] = 3
    n_processes: Count = 2


class Train(Parameters):
    """`train`: what is learned, from what, for how long. Loss weights are `lambda_<loss>`; 0.0 turns a loss off."""

    corpus: Name = "demo"
    epochs: Annotated[int, Field(ge=0)] = 12
    gan_start_epoch: Count = 6
    batch_size: Count = 8
    segment_length: Segment = 48000
    on_the_fly: bool = False
    speed_min: Annotated[float, Field(ge=0.5, le=2)] = 1.0
    speed_max: Annotated[float, Field(ge=0.5, le=2)] = 1.0
    architecture: Literal["spectral", "waveform"] = "spectral"
    channels: Annotated[int, Field(ge=4, le=256, multiple_of=2)] = 24
    hidden: Annotated[int, Field(ge=8, le=1024)] = 256
    condition_on_noisy: bool = True
    discriminators: list[Literal["period", "scale", "stft"]] = Field(["period", "scale"], min_length=1)
    discriminator_size: Literal["cpu", "gpu"] = "cpu"
    discriminator_length: Annotated[int, Field(ge=0)] = 0
    gan_ramp_epochs: Weight = 1.0
    lr: Annotated[float, Field(gt=0, le=1)] = 1e-3
    lr_discriminator: Annotated[float, Field(gt=0, le=1)] = 5e-4
    lr_schedule: Literal["cosine", "restarts", "constant"] = "cosine"
    warm_up_steps: Annotated[int, Field(ge=0)] = 100
    n_cycles: Count = 3
    ema_decay: Annotated[float, Field(ge=0, lt=1)] = 0.999
    accumulate: Count = 1
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    lambda_l1: Weight = 50.0
    lambda_spectral: Weight = 1.0
    lambda_complex: Weight = 0.0
    lambda_mel: Weight = 0.0
    lambda_disturbance: Weight = 0.0
    lambda_over_attenuation: Weight = 0.0
    high_weight: Positive = 1.0
    lambda_adversarial: Weight = 0.1
    lambda_features: Weight = 0.2
    gain_min: Positive = 0.8
    gain_max: Positive = 1.0
    p_invert: Share = 0.0
    grad_clip: Positive = 10.0
    grad_norm_dump: Positive = 100.0
    max_bad_steps: Count = 10
    checkpoint_steps: Annotated[int, Field(ge=0)] = 0
    n_valid_scored: Annotated[int, Field(ge=1, le=32)] = 32
    n_samples_logged: Annotated[int, Field(ge=0, le=32)] = 2
    samples_every: Count = 5
    seed: Seed = 0
    device: Device = "auto"
    n_workers: Annotated[int, Field(ge=0)] = 0
    n_processes: Annotated[int, Field(ge=1, le=64)] = 1
    init_run: str = ""
    init_discriminators: bool = False
    resume: str = ""

    @model_validator(mode="after")
    def _together(self) -> Self:
        return _checked(
            self,
            (
                self.discriminator_length <= self.segment_length,
                f"discriminator_length = {self.discriminator_length}: expected at most segment_length = {self.segment_length},"
                " or 0 for all of it",
            ),
            (
                self.speed_min <= self.speed_max,
                f"speed_min = {self.speed_min}: expected at most speed_max = {self.speed_max}",
            ),
            (
                self.on_the_fly or self.speed_min == self.speed_max == 1,
                f"speed_min = {self.speed_min}, speed_max = {self.speed_max}: expected 1.0, 1.0 unless on_the_fly, since prepared"
                " pairs are as they are",
            ),
            (
                bool(self.init_run) or not self.init_discriminators,
                "init_discriminators = true: expected init_run beside it, the run whose discriminators are taken",
            ),
            (
                self.gain_min <= self.gain_max,
                f"gain_min = {self.gain_min}: expected at most gain_max = {self.gain_max}",
            ),
            (
                any(getattr(self, f"lambda_{name}") for name in ("l1", "spectral", "complex", "mel", "disturbance")),
                "lambda_l1, lambda_spectral, lambda_complex, lambda_mel and lambda_disturbance are 0.0: expected one above 0,"
                " since nothing else asks for clean",
            ),
        )

    @property
    def warnings(self) -> list[str]:
        if self.epochs == 0:
            return ["epochs = 0: nothing is trained, the untrained generator is validated"]
        if self.gan_start_epoch > self.epochs:
            return [
                f"gan_start_epoch = {self.gan_start_epoch} is beyond epochs = {self.epochs}: no discriminator joins"
            ]
        if self.lambda_adversarial == self.lambda_features == 0:
            return ["lambda_adversarial = 0.0 and lambda_features = 0.0: no discriminator joins"]
        return []


class Listen(Parameters):
    """`listen`: which run is judged, on what."""

    run: Annotated[list[Text], BeforeValidator(_listed)] = []
    corpus: Annotated[str, AfterValidator(lambda value: value and _plain_name(value))] = ""
    split: Literal["train", "valid", "test"] = "test"
    n_items: Annotated[int, Field(ge=0)] = 0
    n_players: Annotated[int, Field(ge=0)] = 6
    n_extremes: Annotated[int, Field(ge=0, le=20)] = 10
    n_clean: Annotated[int, Field(ge=0)] = 24
    n_blind: Annotated[int, Field(ge=0, le=12)] = 6
    answers: list[Annotated[str, AfterValidator(_file)]] = []
    n_bootstrap: Annotated[int, Field(ge=100)] = 2000
    seed: Seed = 0
    n_processes: Count = 2
    device: Device = "auto"


class Compare(Parameters):
    """`compare`: which runs are held against the first of them, on what."""

    runs: list[Text] = []
    condition: str = ""
    corpus: Annotated[str, AfterValidator(lambda value: value and _plain_name(value))] = ""
    split: Literal["train", "valid", "test"] = "test"
    n_items: Annotated[int, Field(ge=0)] = 0
    n_players: Annotated[int, Field(ge=0)] = 2
    n_bootstrap: Annotated[int, Field(ge=100)] = 2000
    seed: Seed = 0
    n_processes: Count = 2


class Restore(Parameters):
    """`restore`: which recordings, by which weights, to where."""

    source: Annotated[str, AfterValidator(_there)] = ""
    target: Name = "restored"
    run: Text = "shipped"
    mix: Share = 1.0
    already_enhanced: bool = False
    noisy: Annotated[str, AfterValidator(_there)] = ""
    overwrite: bool = False
    export: bool = False
    n_players: Annotated[int, Field(ge=0)] = 3
    seed: Seed = 0
    device: Device = "auto"

    @model_validator(mode="after")
    def _fitting(self) -> Self:
        if self.noisy and not self.already_enhanced:
            raise ValueError("noisy: goes with already_enhanced")
        return self


class Workers(Parameters):
    """`workers`: which numbers of loader workers are tried, with which training steps."""

    corpus: Name = "demo"
    n_workers: list[Annotated[int, Field(ge=0, le=256)]] = Field([0, 1, 2, 4, 8, 12, 16], min_length=1)
    n_steps: Count = 10
    n_warm_up: Annotated[int, Field(ge=1)] = 3
    n_repeats: Count = 3
    batch_size: Count = 8
    segment_length: Segment = 48000
    condition_on_noisy: bool = True
    channels: Annotated[int, Field(ge=4, le=256)] = 24
    max_memory_share: Annotated[float, Field(gt=0, le=0.98)] = 0.9
    n_files_read: Count = 100
    seed: Seed = 0
    device: Device = "auto"


class Bench(Parameters):
    """`bench`: what the engines are measured with, and how long."""

    speech_dir: Folder = ""
    noise_dir: Folder = ""
    n_files: Count = 12
    snr_db: list[Annotated[float, Field(ge=-30, le=60)]] = Field([-5.0, 5.0, 15.0], min_length=1)
    batch_sizes: list[Annotated[int, Field(ge=1, le=256)]] = Field([1, 4, 8, 16, 32], min_length=1)
    n_repeats: Count = 3
    n_hops: Annotated[int, Field(ge=10)] = 6000
    minutes: list[Positive] = Field([1.0, 5.0, 20.0], min_length=1)
    n_lag_pairs: Annotated[int, Field(ge=5)] = 50
    segment_length: Annotated[Segment, Field(ge=24_000)] = 96_000
    seed: Seed = 0


def build(model: type[Parameters], given: dict[str, Any]) -> Parameters:
    """`model` with the values `given`, the rest at its defaults.

    >>> build(Train, {"epochs": "3", "condition_on_noisy": "false", "lr": "1e-4"}).lr
    0.0001
    >>> build(Train, {"gan_start_epochs": 8})
    Traceback (most recent call last):
    lib.params.ParameterError: gan_start_epochs: no such parameter of train, did you mean gan_start_epoch?

    Raises:
        ParameterError: a name is unknown, a value is of another type or out of range, or values do not go together.
    """
    problems = [_unknown(model, name) for name in given if name not in model.model_fields]
    try:
        built = model(**{name: value for name, value in given.items() if name in model.model_fields})
    except ValidationError as error:
        problems += [_line(problem) for problem in error.errors(include_url=False)]
    if problems:
        raise ParameterError("\n".join(problems))
    return built


def from_notebook(model: type[Parameters], namespace: dict[str, Any], history: list[str]) -> tuple[dict, set[str]]:
    """The parameters that a running notebook holds, and the names among them that its user chose.

    Args:
        model: of this notebook.
        namespace: the kernel's variables. One that is no plain value by now (`run`, after the second cell) is taken
            from the cell that set it.
        history: the cells executed so far, oldest first. The latest one that sets most of the fields is the parameters
            cell, one behind it that starts with `# Parameters` is papermill's; only these two are searched for unknown
            names, so that a typo that was put right is forgiven.

    Returns: values by name; the names that papermill was given or whose value is not the model's default.

    Raises:
        ParameterError: one of these cells sets a name that is no field.
    """
    cells = [_assigned(source) for source in history]
    fields = set(model.model_fields)
    base = max((i for i, cell in enumerate(cells) if len(fields & set(cell)) > len(fields) / 2), default=-1)
    injected = max(
        (i for i, source in enumerate(history) if i > base and source.startswith("# Parameters")), default=-1
    )

    own = {name for name, value in cells[base].items() if value is not ...} if base >= 0 else set()
    passed = {name for name in cells[injected] if not name.startswith("PAPERMILL_")} if injected >= 0 else set()
    if unknown := sorted((own | passed) - fields):
        raise ParameterError("\n".join(_unknown(model, name) for name in unknown))

    values = {}
    for name in fields & set(namespace):
        values[name] = namespace[name]
        if not isinstance(values[name], (str, int, float, list, tuple, dict, types.NoneType)):
            written = [cell[name] for cell in cells if cell.get(name, ...) is not ...]
            values[name] = written[-1] if written else values[name]
    changed = {name for name, value in values.items() if value != model.model_fields[name].default}
    return values, (passed | changed) & set(values)


def plain_type(model: type[Parameters], name: str) -> type:
    """A field's type as the parameters cell writes it: int, float, str, bool or list.

    >>> plain_type(Train, "device"), plain_type(Prepare, "snr_db")
    (<class 'str'>, <class 'list'>)
    """
    annotation = model.model_fields[name].annotation
    origin = get_origin(annotation)
    return str if origin is Literal else origin or annotation


def _assigned(source: str) -> dict[str, Any]:
    """Names that a cell sets at its top level, with their values; `...` where the value is no literal."""
    try:
        body = ast.parse(source).body
    except SyntaxError:
        return {}
    found = {}
    for node in body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        for name in (target.id for target in targets if isinstance(target, ast.Name)):
            try:
                found[name] = ast.literal_eval(node.value)
            except (ValueError, AttributeError):
                found[name] = ...
    return found


def _checked(built: Parameters, *checks: tuple[bool, str]) -> Parameters:
    if problems := [message for holds, message in checks if not holds]:
        raise ValueError("\n".join(problems))
    return built


def _unknown(model: type[Parameters], name: str) -> str:
    near = difflib.get_close_matches(name, model.model_fields, n=1)
    hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(model.model_fields)}"
    return f"{name}: no such parameter of {model.__name__.lower()}, {hint}"


def _line(problem: dict) -> str:
    message = problem["msg"].removeprefix("Value error, ")
    message = re.sub("(Input should be|List should have)", "expected", message)
    if not problem["loc"]:  # values that do not go together: the message names them
        return message
    if problem["type"] == "list_type":
        message = "expected a list, typed as '[a, b]'"
    name, *place = problem["loc"]
    return f"{name}{''.join(f'[{i}]' for i in place)} = {problem['input']!r}: {message}"
