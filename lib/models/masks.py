"""What the spectral generator's output does to spectra: complex masks and a residual."""

from torch import Tensor


def apply_masks(
    real: Tensor, imag: Tensor, output: Tensor, gate: Tensor | float = 1.0
) -> tuple[Tensor, Tensor]:
    """`enhanced + gate * (enhanced * mask_enhanced + noisy * mask_noisy + residual)`, complex.

    With one mask `noisy` is left out.

    Shape:
        - real, imag: `[B, C, frames, F]`, of the inputs
        - output: `[B, 2 M + 2, frames, F]`: the real parts of `M` masks and of the residual, then
          the imaginary ones
        - gate: `[B, 1, frames, 1]`
        - restored real, imag: `[B, 1, frames, F]` each
    """
    output_real, output_imag = output.chunk(2, dim=1)
    mask_real, residual_real = output_real[:, :-1], output_real[:, -1:]
    mask_imag, residual_imag = output_imag[:, :-1], output_imag[:, -1:]
    n_masks = mask_real.shape[1]
    masked_real = real[:, :n_masks] * mask_real - imag[:, :n_masks] * mask_imag
    masked_imag = real[:, :n_masks] * mask_imag + imag[:, :n_masks] * mask_real
    masked_real, masked_imag = (x.sum(1, keepdim=True) for x in (masked_real, masked_imag))
    restored_real = real[:, :1] + gate * (masked_real + residual_real)
    restored_imag = imag[:, :1] + gate * (masked_imag + residual_imag)
    return restored_real, restored_imag
