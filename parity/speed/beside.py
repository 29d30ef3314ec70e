"""What else a reader might pick, each as people use it; all but `TEN_LINES` are optional.

A contender that is not installed cannot be started; one that cannot do a layer raises when the
layer is prepared. Neither is timed then.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import import_module, metadata
from typing import Any

import numpy as np

from parity.model.case import Array, Case
from parity.speed import recipes
from parity.speed.implementations import Call, Facts
from parity.speed.recipes import TEN_LINES, Binding, channels_first, fft_bound
from parity.subjects.channels_first import Convolution, read


@dataclass(frozen=True)
class Contender:
    """How one is called: from a convolution, the call to be timed, or a ValueError.

    It needs a module, which a distribution brings; its error may be `allowed` more than the proven
    bound of sums.
    """

    bind: Callable[[Convolution], Binding]
    module: str = "numpy"
    distribution: str = ""
    allowed: Callable[[Convolution], float] = lambda call: 0.0


class Beside:
    """A contender beside the subject and TensorFlow, by its name; it has but one mode."""

    def __init__(self, name: str) -> None:
        if name not in CONTENDERS:
            raise ValueError(f"no contender {name!r}; there are {', '.join(CONTENDERS)}")
        self._contender = CONTENDERS[name]
        import_module(self._contender.module)

    def describe(self) -> Facts:
        """Return the version of the package that does the work."""
        name = self._contender.distribution
        return {name: metadata.version(name)} if name else {}

    def bind(self, mode: str, case: Case, *arrays: Array) -> Call:
        """Return the call on whatever the contender takes, ready."""
        x, w = arrays
        return self._contender.bind(read(x, w, **case.arguments()))[0]

    def run(self, case: Case, *arrays: Array) -> Any:
        """Return the result as TensorFlow gives it."""
        x, w = arrays
        call = read(x, w, **case.arguments())
        run, array = self._contender.bind(call)
        found = array(run())
        return None if found is None else call.restored(found)


def pytorch(call: Convolution) -> Binding:
    """``F.conv2d`` on tensors in memory format channels_last, no gradients.

    Pads that differ before and after need an ``F.pad`` of their own, which is timed as well.
    """
    import torch
    from torch.nn import functional

    def tensor(array: Array) -> Any:
        whole = np.ascontiguousarray(array)
        if array.dtype.name == "bfloat16":  # PyTorch does not know NumPy's
            found = torch.from_numpy(whole.view(np.int16)).view(torch.bfloat16)
        else:
            found = torch.from_numpy(whole)
        return found.contiguous(memory_format=torch.channels_last)

    x, w = tensor(call.images), tensor(call.filters)
    top, bottom, left, right = call.pads
    even = (top, left) == (bottom, right)
    options = {
        "stride": call.strides,
        "padding": (top, left) if even else 0,
        "dilation": call.dilations,
        "groups": call.groups,
    }

    def run() -> Any:
        with torch.inference_mode():
            padded = x if even else functional.pad(x, (left, right, top, bottom))
            return functional.conv2d(padded, w, **options)

    def array(result: Any) -> Array:
        if result.dtype == torch.bfloat16:
            return result.view(torch.int16).numpy().view(call.images.dtype)  # type: ignore[no-any-return]
        return result.numpy()  # type: ignore[no-any-return]

    return run, array


def onnx_runtime(call: Convolution) -> Binding:
    """ONNX Runtime's Conv on NCHW arrays, the filters a part of the model as in any net."""
    import onnxruntime
    from onnx import helper, numpy_helper

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = int(os.environ.get("OMP_NUM_THREADS", "0"))
    options.log_severity_level = 4
    top, bottom, left, right = call.pads
    kind = helper.np_dtype_to_tensor_dtype(call.images.dtype)
    node = helper.make_node(
        "Conv",
        ["x", "w"],
        ["y"],
        strides=call.strides,
        dilations=call.dilations,
        group=call.groups,
        pads=(top, left, bottom, right),
    )
    graph = helper.make_graph(
        [node],
        "conv",
        [helper.make_tensor_value_info("x", kind, call.images.shape)],
        [helper.make_tensor_value_info("y", kind, None)],
        [numpy_helper.from_array(np.ascontiguousarray(call.filters), "w")],
    )
    opset = [helper.make_opsetid("", 17)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=9)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    feed = {"x": np.ascontiguousarray(call.images)}
    return lambda: session.run(["y"], feed), lambda results: np.asarray(results[0])


def jax(call: Convolution) -> Binding:
    """``lax.conv_general_dilated`` under ``jit``, NHWC, until the result is ready."""
    import jax
    from jax import lax

    jax.config.update("jax_enable_x64", True)  # for float64, which is float32 otherwise
    top, bottom, left, right = call.pads

    def conv(x: Any, w: Any) -> Any:
        return lax.conv_general_dilated(
            x,
            w,
            call.strides,
            ((top, bottom), (left, right)),
            rhs_dilation=call.dilations,
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
            feature_group_count=call.groups,
        )

    x = jax.device_put(np.moveaxis(call.images, 1, 3))
    w = jax.device_put(np.transpose(call.filters, (2, 3, 1, 0)))
    compiled = jax.jit(conv).lower(x, w).compile()
    return lambda: compiled(x, w).block_until_ready(), channels_first


CONTENDERS = {
    TEN_LINES: Contender(recipes.ten_lines),
    "pytorch": Contender(pytorch, "torch", "torch"),
    "onnxruntime": Contender(onnx_runtime, "onnxruntime", "onnxruntime"),
    "jax": Contender(jax, "jax", "jax"),
    "scipy": Contender(recipes.scipy, "scipy", "scipy"),
    "loop": Contender(recipes.loop),
    "scipy.signal.convolve": Contender(recipes.signal_convolve, "scipy", "scipy", fft_bound),
    "scipy.signal.fftconvolve": Contender(recipes.signal_fftconvolve, "scipy", "scipy", fft_bound),
    "scipy.ndimage.convolve": Contender(recipes.ndimage_convolve, "scipy", "scipy"),
    "view_as_windows": Contender(recipes.view_as_windows, "skimage", "scikit-image"),
    "np.dot": Contender(recipes.dense),
    "prepared": Contender(recipes.prepared, "npconv"),
    "fast": Contender(
        partial(recipes.prepared, precision="fast"), "npconv", allowed=recipes.fast_bound
    ),
    "exact": Contender(partial(recipes.prepared, precision="exact"), "npconv"),
}
"""By name; they compute conv2d, and nothing else of its family."""
OPTIONAL = tuple(name for name in CONTENDERS if name != TEN_LINES)
