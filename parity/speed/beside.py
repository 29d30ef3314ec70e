"""What else a reader might pick, each as people use it; all but `TEN_LINES` are optional.

A contender that is not installed cannot be started; one that cannot do a layer raises when the
layer is prepared. Neither is timed then.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib import metadata
from typing import Any

import numpy as np

from parity.model.case import Array
from parity.speed.implementations import Call
from parity.speed.recipes import TEN_LINES, Binding, channels_first, loop, scipy, ten_lines
from parity.subjects.channels_first import Convolution, read


class Beside:
    """A contender beside the subject and TensorFlow.

    Parameters
    ----------
    name
        A key of `ALL`.
    """

    def __init__(self, name: str) -> None:
        make, self._distribution = ALL[name]
        self._bind = make()

    def describe(self) -> dict[str, Any]:
        """Return the version of the package that does the work."""
        name = self._distribution
        return {name: metadata.version(name)} if name != "numpy" else {}

    def bind(self, mode: str, x: Any, w: Any, arguments: dict[str, Any]) -> Call:
        """Return the call on whatever the contender takes, ready; there is but one mode."""
        return self._bind(read(x, w, **arguments))[0]

    def run(self, x: Any, w: Any, arguments: dict[str, Any]) -> Any:
        """Return the result as TensorFlow gives it."""
        call = read(x, w, **arguments)
        run, array = self._bind(call)
        return call.restored(array(run()))


def load(name: str) -> Beside:
    """Import a contender.

    Raises
    ------
    ValueError
        If there is none of this name.
    ImportError
        If it is not installed.
    """
    if name not in ALL:
        raise ValueError(f"no contender {name!r}; there are {', '.join(ALL)}")
    return Beside(name)


def pytorch() -> Callable[[Convolution], Binding]:
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

    def bind(call: Convolution) -> Binding:
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

    return bind


def onnx_runtime() -> Callable[[Convolution], Binding]:
    """ONNX Runtime's Conv on NCHW arrays, the filters a part of the model as in any net."""
    import onnxruntime
    from onnx import helper, numpy_helper

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = int(os.environ.get("OMP_NUM_THREADS", "0"))
    options.log_severity_level = 4

    def bind(call: Convolution) -> Binding:
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

    return bind


def jax() -> Callable[[Convolution], Binding]:
    """``lax.conv_general_dilated`` under ``jit``, NHWC, until the result is ready."""
    import jax
    from jax import lax

    jax.config.update("jax_enable_x64", True)  # for float64, which is float32 otherwise

    def bind(call: Convolution) -> Binding:
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

    return bind


CONTENDERS: dict[str, tuple[Callable[[], Callable[[Convolution], Binding]], str]] = {
    "pytorch": (pytorch, "torch"),
    "onnxruntime": (onnx_runtime, "onnxruntime"),
    "jax": (jax, "jax"),
    "scipy": (scipy, "scipy"),
    "loop": (loop, "numpy"),
}
"""Each optional contender by its name, and the distribution whose version it shows."""
ALL = {TEN_LINES: (ten_lines, "numpy"), **CONTENDERS}
"""Those and the one that is always there."""
