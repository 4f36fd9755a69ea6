"""A trained run on signals: its checkpoint becomes a generator, pairs become restored speech."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import torch
from torch import nn

from lib import checkpoints, pairs, ship
from lib.generator import restore as apply
from lib.step import build


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
