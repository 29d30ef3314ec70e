"""TensorFlow's ``tf.nn.conv2d`` and its family, rebuilt in NumPy.

Examples of the family begin after ``import numpy as np`` and ``import npconv``.
"""

from npconv import reference, testing
from npconv._backprop import (
    conv2d_backprop_filter,
    conv2d_backprop_input,
    conv3d_backprop_filter,
    conv3d_backprop_input,
    depthwise_conv2d_backprop_filter,
    depthwise_conv2d_backprop_input,
)
from npconv._bounds import error_bound
from npconv._conv2d import conv2d
from npconv._convolution import Convolution
from npconv._depthwise import depthwise_conv2d, separable_conv2d
from npconv._engine.threads import get_num_threads, set_num_threads
from npconv._explain import Explanation, explain
from npconv._filters import flatten_filters
from npconv._forward import atrous_conv2d, conv1d, conv3d, convolution
from npconv._patches import extract_patches
from npconv._transpose import (
    atrous_conv2d_transpose,
    conv1d_transpose,
    conv2d_transpose,
    conv3d_transpose,
)

__version__ = "0.1.0"

__all__ = [
    "Convolution",
    "Explanation",
    "__version__",
    "atrous_conv2d",
    "atrous_conv2d_transpose",
    "conv1d",
    "conv1d_transpose",
    "conv2d",
    "conv2d_backprop_filter",
    "conv2d_backprop_input",
    "conv2d_transpose",
    "conv3d",
    "conv3d_backprop_filter",
    "conv3d_backprop_input",
    "conv3d_transpose",
    "convolution",
    "depthwise_conv2d",
    "depthwise_conv2d_backprop_filter",
    "depthwise_conv2d_backprop_input",
    "error_bound",
    "explain",
    "extract_patches",
    "flatten_filters",
    "get_num_threads",
    "reference",
    "separable_conv2d",
    "set_num_threads",
    "testing",
]
