"""torch.nn.functional.conv2d as tf.nn.conv2d.

For instance ``python -m parity fuzz --subject parity.subjects.pytorch:conv2d``.
"""

from __future__ import annotations

from contextlib import AbstractContextManager

import ml_dtypes
import numpy as np
import torch
from torch.nn import functional

from parity.subjects.channels_first import Array, Convolution, as_tensorflow

torch.set_num_threads(1)  # what the suite sends is small


@as_tensorflow
def conv2d(asked: Convolution) -> Array:
    """Run the kernel that PyTorch chooses, on x86-64 mostly one of oneDNN's."""
    return _run(asked)


@as_tensorflow
def conv2d_without_onednn(asked: Convolution) -> Array:
    """Do without oneDNN; in float32 NNPACK then takes batches of 16 and more."""
    with _no_onednn():
        return _run(asked)


@as_tensorflow
def conv2d_native(asked: Convolution) -> Array:
    """Run the kernels of PyTorch's own, neither oneDNN's nor NNPACK's."""
    with _no_onednn(), torch.backends.nnpack.flags(enabled=False):
        return _run(asked)


def _no_onednn() -> AbstractContextManager[None]:
    """Switch oneDNN off; PyTorch 2.15 warns where its TF32 is said to be either on or off."""
    flags: AbstractContextManager[None] = torch.backends.mkldnn.flags(
        enabled=False, allow_tf32=None
    )
    return flags


def _run(asked: Convolution) -> Array:
    """Return (N, OC, OH, OW).

    The pads are put around the images beforehand: those of SAME may differ by one, and conv2d's
    own padding is symmetric.  TensorFlow's sums begin at +0.0, hence the bias of zeros: without it
    some kernels give -0.0 where the only product is -0.0.
    """
    top, bottom, left, right = asked.pads
    kernel = _tensor(asked.filters)
    result = functional.conv2d(
        functional.pad(_tensor(asked.images), (left, right, top, bottom)),
        kernel,
        bias=kernel.new_zeros(len(kernel)),
        stride=asked.strides,
        dilation=asked.dilations,
        groups=asked.groups,
    )
    return _array(result)


def _tensor(array: Array) -> torch.Tensor:
    """Hand over the memory of `array`; PyTorch reads NumPy's bfloat16 by its bits only."""
    if array.dtype == ml_dtypes.bfloat16:
        return torch.from_numpy(array.view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(array)


def _array(tensor: torch.Tensor) -> Array:
    if tensor.dtype == torch.bfloat16:
        bits: Array = tensor.view(torch.int16).numpy()
        return bits.view(ml_dtypes.bfloat16)
    array: Array = tensor.numpy()
    return array
