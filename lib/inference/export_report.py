"""What an exported model takes and gives, for the user who has just written it."""

from pathlib import Path

import onnx


def export_report(path: Path) -> str:
    """Size, hop and delay of a model that the command wrote, then its inputs and outputs.

    Args:
        path: from `write_chain` or `write_onnx`.
    """
    model = onnx.load(path)
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    rate, hop, delay = (int(metadata[key]) for key in ("sample_rate", "hop_length", "delay"))
    outputs = {value.name for value in model.graph.output}
    inputs = {value.name: value.type.tensor_type.shape.dim for value in model.graph.input}
    states = [name for name in inputs if f"{name}_after" in outputs]
    others = [
        f"{name} {[size.dim_value for size in shape] or '(a number)'}"
        for name, shape in inputs.items()
        if name not in states
    ]
    size = path.stat().st_size / 1e6
    return (
        f"{path}: ONNX, {size:.1f} MB, a hop of {hop} samples at {rate} Hz,"
        f" {delay} samples ({1000 * delay / rate:.0f} ms) late\n"
        f"inputs: {', '.join(others)}, {len(states)} states that begin as zeros;"
        " outputs: restored, and each state for the next hop (<state>_after)"
    )
