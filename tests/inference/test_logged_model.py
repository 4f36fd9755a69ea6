"""A training's generator as MLflow's model: what is stored, and what does not end a training."""

import tomllib

import numpy as np
import pytest
from mlflow.models import Model
from packaging.requirements import Requirement

from lib import REPO
from lib.config.train import Train
from lib.inference import logged_model
from lib.inference.logged_model import example, log_best, save_model
from lib.tracking import session, store


def test_the_model_is_code_and_weights_without_a_pickle_and_says_what_it_takes(tmp_path):
    chain = tmp_path / "chain.onnx"
    chain.write_bytes(b"weights")
    save_model(chain, tmp_path / "model")
    stored = {path.name for path in (tmp_path / "model").rglob("*") if path.is_file()}
    assert {"served_model.py", "chain_runtime.py", "chain.onnx", "MLmodel"} <= stored
    assert not any(name.endswith(".pkl") for name in stored)
    model = Model.load(tmp_path / "model")
    assert model.signature.inputs.to_dict()[0]["tensor-spec"] == {
        "dtype": "float32",
        "shape": (-1,),
    }
    defaults = {entry.name: entry.default for entry in model.signature.params}
    assert defaults == {"sample_rate": 48_000, "mix": 1.0, "atten_lim_db": 100.0}
    np.testing.assert_allclose(model.load_input_example(tmp_path / "model"), example(), atol=1e-6)


def test_the_model_needs_four_packages_in_the_versions_of_pyproject(tmp_path):
    """With `onnxruntime==` every other version was warned of."""
    (tmp_path / "chain.onnx").write_bytes(b"weights")
    save_model(tmp_path / "chain.onnx", tmp_path / "model")
    project = tomllib.loads((REPO / "pyproject.toml").read_text())["project"]
    lines = (tmp_path / "model" / "requirements.txt").read_text().splitlines()
    needed = [Requirement(line) for line in lines]
    assert [package.name for package in needed] == ["mlflow", "numpy", "onnxruntime", "soxr"]
    assert set(needed) <= {Requirement(line) for line in project["dependencies"]}


@pytest.mark.parametrize("error", [RuntimeError("differs by 1"), OSError("No space left")])
def test_a_model_that_cannot_be_made_is_told_and_the_training_goes_on(
    tmp_path, monkeypatch, capsys, error
):
    def fails(*_):
        raise error

    monkeypatch.setattr(logged_model, "log_shipped", fails)
    run, _ = session.start("train", Train, {})
    log_best(run.id, tmp_path / "best.pt")
    run.finish()
    reason = f"{type(error).__name__}: {error}"
    assert store.tags(run.id)["model_error"] == reason
    assert f"no MLflow model: {reason}" in capsys.readouterr().out
