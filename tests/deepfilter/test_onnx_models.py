"""What all models have in common, whatever they are made of."""

import numpy as np
import onnx
import torch
from torch import nn

from lib.deepfilter.onnx_models import OPSET, exported, open_session


class Sums(nn.Module):
    """The running sum of rows, with its state."""

    def forward(self, rows, state):
        sums = state + rows.cumsum(0)
        return sums, sums[-1:]


def test_names_opset_and_axes_of_any_size_are_those_that_were_asked_for(recwarn):
    example = (torch.zeros(3, 2), torch.zeros(1, 2))
    axes = {name: {0: "rows"} for name in ("rows", "sums")}
    model = exported(Sums(), example, ["rows", "state"], ["sums", "state_after"], axes)
    assert onnx.load_from_string(model).opset_import[0].version == OPSET
    assert not recwarn.list  # the exporter warns of itself
    session = open_session(model)
    assert session.get_session_options().intra_op_num_threads == 1
    rows, state = np.ones((5, 2), np.float32), np.full((1, 2), 10, np.float32)
    sums, after = session.run(["sums", "state_after"], {"rows": rows, "state": state})
    np.testing.assert_array_equal(sums[:, 0], [11, 12, 13, 14, 15])
    np.testing.assert_array_equal(after, [[15, 15]])
