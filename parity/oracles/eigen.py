"""TensorFlow built without oneDNN: the specification that npconv is held against.

TensorFlow is imported by the first call, or by `tensorflow`: that chooses the build (the variable
has to be set before), proves by its behaviour that the choice took effect, and leaves the
environment as it was, so that child processes find TensorFlow as the user has it.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, Literal

import ml_dtypes  # noqa: F401  (TensorFlow takes and gives its bfloat16)
import numpy as np
from numpy.typing import NDArray

from parity.engine import note
from parity.model.case import Case
from parity.model.data_formats import channels_first, channels_last, in_nhwc
from parity.model.geometry import Geometry
from parity.model.operation import OPERATIONS
from parity.oracles.build import operation, runs_onednn

Array = NDArray[Any]
Verdict = Literal["ok"] | type[Exception]

_CHOICE = {"TF_ENABLE_ONEDNN_OPTS": "0", "TF_CPP_MIN_LOG_LEVEL": "3"}
# What NumPy, and so npconv, calls a wrong type though TensorFlow calls it a wrong value.
_ABOUT_TYPES = (
    "Value for attr 'T' of",
    "Failed to convert a NumPy array to a Tensor",
    "Attempt to convert a value",
)


@contextmanager
def chosen() -> Iterator[None]:
    """Have whatever imports TensorFlow within find this build chosen: a subject may import it."""
    given = {name: os.environ.get(name) for name in _CHOICE}
    os.environ.update(_CHOICE)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for name, value in given.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@cache
def tensorflow() -> Any:
    """Return TensorFlow, proven to run without oneDNN.

    Raises
    ------
    ImportError
        If it does not, as where it was imported before, by somebody else.
    """
    with chosen():
        import tensorflow as tf

        # With more threads Eigen splits long sums by the machine's cores and the cost of the
        # dtype: the bits would depend on the machine, and a half would not be its own float32 sum
        # rounded.
        try:
            tf.config.threading.set_intra_op_parallelism_threads(1)
        except RuntimeError as error:
            raise ImportError(f"TensorFlow was used before the oracle: {error}") from error
        _prove(tf)
    return tf


def version() -> str:
    """Return TensorFlow's version."""
    return str(tensorflow().__version__)


@cache
def function(name: str) -> Callable[..., Array]:
    """Return TensorFlow's function of an operation, which then returns a NumPy array."""
    found = operation(tensorflow(), OPERATIONS[name])

    @note.calls_of(note.ORACLE)
    def called(*arguments: Any, **keywords: Any) -> Array:
        array: Array = found(*arguments, **keywords).numpy()
        return array

    return called


@note.calls_of(note.ORACLE)
def conv2d(
    input: Any,
    filters: Any,
    strides: Any,
    padding: Any,
    data_format: Any = "NHWC",
    dilations: Any = None,
    name: Any = None,
) -> Array:
    """Call tf.nn.conv2d; NCHW, which this build refuses, goes by NHWC and back."""
    convolve = tensorflow().nn.conv2d
    if data_format == "NCHW":
        call = in_nhwc(
            {"input": input, "strides": strides, "padding": padding, "dilations": dilations}
        )
        result = convolve(filters=filters, name=name, **call)
        return np.moveaxis(result.numpy(), -1, -3)
    array: Array = convolve(input, filters, strides, padding, data_format, dilations, name).numpy()
    return array


def computed(case: Case, *arrays: Array) -> Array:
    """Compute a case; channels first, which this build refuses, goes by channels last and back."""
    if case.data_format == "NHWC":
        return case.call_on(quietly(function(case.operation)), *arrays)
    last, turned = channels_last(case, *arrays)
    return channels_first(case, last.call_on(quietly(function(case.operation)), *turned))


def answers(case: Case) -> bool:
    """Say whether TensorFlow computes a case, and what the convolution behind it is.

    Elsewhere it refuses, dies or does something else (rows of parity/ledger/divergences.toml), and
    nobody but the suite's own sums says what is right.
    """
    if case.operation == "conv2d":
        return True
    name, of, it = case.operation, case.of, Geometry.of(case)
    dilated, strided = max(case.dilations) > 1, max(case.strides) > 1
    explicit = not isinstance(case.padding, str)
    shapes = (*case.input_shape, *case.filters_shape, *it.outputs)
    sliding = name in ("atrous_conv2d", "convolution")
    late = any(a.size + a.before + a.after - a.reach > (a.outputs - 1) * a.stride for a in it.axes)
    return not (
        (case.dtype == "int32" and not of.takes_int32)
        or (explicit and (not of.takes_pads or (sliding and not dilated)))
        or (len(case.lead) > 1 and of.depthwise)
        or (of.depthwise and len({*case.strides}) > 1)
        or (name == "convolution" and dilated and strided)
        or (name == "atrous_conv2d_transpose" and len({*case.dilations}) > 1)
        or ((of.gives != "output" or name == "conv3d") and not of.depthwise and it.groups > 1)
        or ((of.gives != "output" or name == "conv3d") and dilated and bool(of.strides))
        or (of.gives != "output" and 0 in shapes)
        or (name == "conv3d" and case.padding == "SAME" and late)
        or (name == "conv3d" and 0 in (*case.filters_shape, case.channels))
    )


def multiplies_zeros(case: Case, *arrays: Array) -> bool:
    """Say whether TensorFlow multiplies what is not finite by zeros of its own, where none are."""
    name, (first, second, *_) = case.operation, arrays
    strange = [not np.isfinite(one.astype(np.float64)).all() for one in (first, second)]
    if name == "conv3d_backprop_filter":
        return any(strange)
    if name in (
        "conv3d_transpose",  # at times: where what it gathers exceeds a buffer
        "conv3d_backprop_input",
        "depthwise_conv2d_backprop_input",
        "atrous_conv2d_transpose",
    ):
        return strange[1]
    by_phase = case.of.depthwise or name in ("atrous_conv2d", "convolution")
    return by_phase and strange[1] and 0 in case.input_shape


def prepared(*arrays: Array) -> Callable[[Case], Array]:
    """Return what computes cases, channels last, of these arrays: by other steps each time.

    The arrays become tensors once, and the operation behind ``tf.nn.conv2d`` is called directly,
    which leaves out the part that reads its many spellings.
    """
    tf = tensorflow()
    given: list[Any] = []

    def convolve(case: Case) -> Array:
        if not given:
            given.extend(map(tf.constant, arrays))
        if case.operation != "conv2d":
            return case.call_on(function(case.operation), *given)
        tensors = {"input": given[0], "filter": given[1]}
        padding: dict[str, Any] = {"padding": case.padding}
        if not isinstance(case.padding, str):
            padding = {"padding": "EXPLICIT", "explicit_paddings": [0, 0, *case.padding, 0, 0]}
        found: Array = tf.raw_ops.Conv2D(
            **tensors, **padding, strides=[1, *case.strides, 1], dilations=[1, *case.dilations, 1]
        ).numpy()
        return found

    return convolve


@note.calls_of(note.ORACLE)
def extract_patches(*arguments: Any, **keywords: Any) -> Array:
    """Call tf.image.extract_patches."""
    array: Array = tensorflow().image.extract_patches(*arguments, **keywords).numpy()
    return array


def verdict(call: Callable[[], Any]) -> Verdict:
    """Run `call` and return "ok", or the class that Python would give TensorFlow's error.

    ValueError for a wrong value (InvalidArgumentError, UnimplementedError, OutOfRangeError),
    TypeError for a wrong type (also AttributeError, NotFoundError for a dtype without a kernel,
    OverflowError for an infinite stride), MemoryError for a result too large.
    """
    errors = tensorflow().errors
    try:
        quietly(call)()
    except errors.ResourceExhaustedError:
        return MemoryError
    except (errors.UnimplementedError, errors.OutOfRangeError, IndexError, ZeroDivisionError):
        return ValueError
    except SystemError:  # a stride of 2**63 leaves Python's OverflowError set
        return ValueError
    except (errors.InvalidArgumentError, ValueError) as error:
        return TypeError if str(error).startswith(_ABOUT_TYPES) else ValueError
    except (TypeError, AttributeError, OverflowError, errors.NotFoundError):
        return TypeError
    return "ok"


def quietly(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return `function` without its warnings: TensorFlow casts complex filters with one."""

    def called(*arguments: Any, **keywords: Any) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return function(*arguments, **keywords)

    return called


def _prove(tf: Any) -> None:
    """Check by its behaviour that this is the build without oneDNN.

    oneDNN returns a tensor of the input's shape for an empty batch, does not multiply padding, so
    that 0 * inf is lost, and convolves NCHW.
    """
    empty = tf.nn.conv2d(np.zeros((0, 5, 5, 3), "f4"), np.zeros((3, 3, 3, 2), "f4"), 1, "SAME")
    taps = np.ones((3, 3, 1, 1), np.float32)
    taps[0, 0] = np.inf
    corner = float(tf.nn.conv2d(np.ones((1, 4, 4, 1), "f4"), taps, 1, "SAME")[0, 0, 0, 0])
    on = runs_onednn(tf)
    if tuple(empty.shape) != (0, 5, 5, 2) or not np.isnan(corner) or on:
        raise ImportError(
            "TensorFlow runs oneDNN: TF_ENABLE_ONEDNN_OPTS=0 took no effect, as where it was"
            f" imported before (empty batch {empty.shape}, 0 * inf = {corner}, NCHW {on})"
        )
