"""The models without PyTorch: made once, and anew for other weights, other code or damage."""

import numpy as np
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from lib import RUNS
from lib.deepfilter.onnx_models import open_session
from lib.inference import light_models
from lib.inference.light_models import restorer_model
from lib.models.pretrained import WEIGHTS
from lib.runtime import kept_file


def test_it_is_made_once_and_again_if_it_is_damaged(capfd):
    content = restorer_model()
    capfd.readouterr()
    assert restorer_model() == content and "making" not in capfd.readouterr().err
    (path,) = (RUNS / "cache" / "models").glob(f"restorer_{light_models._hash([WEIGHTS])}_*")
    damaged = bytearray(path.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    path.write_bytes(damaged)
    # Its nodes have other names than those of the first export of a process.
    np.testing.assert_array_equal(_restored(restorer_model()), _restored(content))
    # On standard error: standard output may be for samples alone.
    printed = capfd.readouterr()
    assert "making the restorer for ONNX Runtime, once" in printed.err and not printed.out
    assert path.read_bytes() != bytes(damaged)


def test_other_weights_give_another_model(tmp_path, monkeypatch):
    """Their file has another hash, and so has the model's name."""
    before = _restored(restorer_model())
    # Without the hash of the weights, as files of former versions.
    with safe_open(WEIGHTS, "np") as file:
        metadata = {name: file.metadata()[name] for name in ("params", "origin")}
    weights = load_file(WEIGHTS)
    weights["detail.bias"] = weights["detail.bias"] + 3
    save_file(weights, tmp_path / "other.safetensors", metadata)
    monkeypatch.setattr(light_models, "RESTORER", tmp_path / "other.safetensors")
    after = _restored(restorer_model())
    assert np.abs(after - before).max() > 0.01


def test_other_code_gives_another_name(tmp_path, monkeypatch):
    (tmp_path / "lib").mkdir()
    monkeypatch.setattr(light_models, "REPO", tmp_path)
    monkeypatch.setattr(light_models, "CODE", ("lib",))
    hashes = set()
    for text in ("a = 1", "a = 2"):
        (tmp_path / "lib" / "network.py").write_text(text)
        hashes.add(light_models._code_hash.__wrapped__())
    assert len(hashes) == 2


def test_a_model_that_cannot_be_kept_is_used_all_the_same(tmp_path, monkeypatch, capfd):
    (tmp_path / "cache").write_text("a file in the folder's place")
    monkeypatch.setattr(kept_file, "RUNS", tmp_path)
    assert open_session(restorer_model())
    assert "is not kept" in capfd.readouterr().err


def _restored(model: bytes, n_hops: int = 20) -> np.ndarray:
    """Of noise, by the model."""
    session = open_session(model)
    noise = 0.1 * np.random.default_rng(0).standard_normal((1, 2, 480 * n_hops))
    inputs = {"inputs": noise.astype(np.float32)}
    _, *states = session.get_inputs()
    inputs |= {part.name: np.zeros((1, *part.shape[1:]), np.float32) for part in states}
    return session.run(None, inputs)[0]
