"""TensorFlow built without oneDNN: the specification that npconv is held against.

The only importer of TensorFlow among the claims.  Importing it chooses the build (the
variable must be set before TensorFlow is loaded), proves that the choice took effect, in each
worker where those are forks of what has imported it, and leaves the environment as it was, so that
child processes find TensorFlow as the user has it.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal

import ml_dtypes  # noqa: F401  (TensorFlow takes and gives its bfloat16)
import numpy as np
from numpy.typing import NDArray

from parity.engine import note, server
from parity.model.data_formats import in_nhwc

Array = NDArray[Any]
Verdict = Literal["ok"] | type[Exception]

if "tensorflow" in sys.modules:
    raise ImportError("tensorflow was imported before the oracle could choose its build")


@contextmanager
def _without_onednn() -> Iterator[None]:
    """Have TensorFlow read that it shall do without, once, at its import and first convolution."""
    given = os.environ.get("TF_ENABLE_ONEDNN_OPTS")
    os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"
    try:
        yield
    finally:
        if given is None:
            del os.environ["TF_ENABLE_ONEDNN_OPTS"]
        else:
            os.environ["TF_ENABLE_ONEDNN_OPTS"] = given


os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
with _without_onednn(), warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import tensorflow as tf

# With more threads Eigen splits long sums by the machine's cores and the cost of the dtype: the
# bits would depend on the machine, and a half would not be its own float32 sum rounded.
tf.config.threading.set_intra_op_parallelism_threads(1)

__all__ = ["conv2d", "extract_patches", "quietly", "tf", "verdict", "version"]

version: str = tf.__version__

# What NumPy, and so npconv, calls a wrong type though TensorFlow calls it a wrong value.
_ABOUT_TYPES = (
    "Value for attr 'T' of",
    "Failed to convert a NumPy array to a Tensor",
    "Attempt to convert a value",
)


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
    """Call tf.nn.conv2d; NCHW, which this build refuses, goes by NHWC and back.

    Raises
    ------
    Exception
        TensorFlow's own errors; `verdict` sorts them.
    """
    if data_format == "NCHW":
        call = in_nhwc(
            {"input": input, "strides": strides, "padding": padding, "dilations": dilations}
        )
        result = tf.nn.conv2d(filters=filters, name=name, **call)
        return np.moveaxis(result.numpy(), -1, -3)
    array: Array = tf.nn.conv2d(
        input, filters, strides, padding, data_format, dilations, name
    ).numpy()
    return array


@note.calls_of(note.ORACLE)
def extract_patches(*arguments: Any, **keywords: Any) -> Array:
    """Call tf.image.extract_patches."""
    array: Array = tf.image.extract_patches(*arguments, **keywords).numpy()
    return array


def verdict(call: Callable[[], Any]) -> Verdict:
    """Run `call` and return "ok", or the class that Python would give TensorFlow's error.

    ValueError for a wrong value (InvalidArgumentError, UnimplementedError, OutOfRangeError),
    TypeError for a wrong type (also AttributeError, NotFoundError for a dtype without a kernel,
    OverflowError for an infinite stride), MemoryError for a result too large.
    """
    try:
        quietly(call)()
    except tf.errors.ResourceExhaustedError:
        return MemoryError
    except (tf.errors.UnimplementedError, tf.errors.OutOfRangeError, SystemError):
        return ValueError  # SystemError: a stride of 2**63 leaves Python's OverflowError set
    except (tf.errors.InvalidArgumentError, ValueError) as error:
        return TypeError if str(error).startswith(_ABOUT_TYPES) else ValueError
    except (TypeError, AttributeError, OverflowError, tf.errors.NotFoundError):
        return TypeError
    return "ok"


def quietly(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return `function` without its warnings: TensorFlow casts complex filters with one."""

    def called(*arguments: Any, **keywords: Any) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return function(*arguments, **keywords)

    return called


@_without_onednn()
def _prove_the_build() -> None:
    """Check by its behaviour that this is the build without oneDNN.

    oneDNN returns a tensor of the input's shape for an empty batch; without it NCHW is
    refused and padding is multiplied, so that 0 * inf gives nan.
    """
    empty = conv2d(
        np.zeros((0, 5, 5, 3), np.float32), np.zeros((3, 3, 3, 2), np.float32), 1, "SAME"
    )
    taps = np.ones((3, 3, 1, 1), np.float32)
    taps[0, 0] = np.inf
    corner = conv2d(np.ones((1, 4, 4, 1), np.float32), taps, 1, "SAME")[0, 0, 0, 0]
    refused = verdict(
        lambda: tf.nn.conv2d(
            np.ones((1, 1, 2, 2), np.float32), np.ones((1, 1, 1, 1), np.float32), 1, "SAME", "NCHW"
        )
    )
    if empty.shape != (0, 5, 5, 2) or not np.isnan(corner) or refused is not ValueError:
        raise ImportError(
            "TensorFlow still runs oneDNN: TF_ENABLE_ONEDNN_OPTS=0 took no effect"
            f" (empty batch {empty.shape}, 0 * inf = {corner}, NCHW {refused})"
        )


server.in_workers(_prove_the_build)
