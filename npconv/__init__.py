"""TensorFlow's ``tf.nn.conv2d`` and its family, rebuilt in NumPy."""

from npconv import reference
from npconv._conv2d import conv2d
from npconv._convolution import Convolution
from npconv._depthwise import depthwise_conv2d, separable_conv2d
from npconv._engine.threads import get_num_threads, set_num_threads
from npconv._explain import Explanation, explain
from npconv._filters import flatten_filters
from npconv._forward import atrous_conv2d, conv1d, conv3d, convolution
from npconv._patches import extract_patches

__version__ = "0.1.0"

__all__ = [
    "Convolution",
    "Explanation",
    "__version__",
    "atrous_conv2d",
    "conv1d",
    "conv2d",
    "conv3d",
    "convolution",
    "depthwise_conv2d",
    "explain",
    "extract_patches",
    "flatten_filters",
    "get_num_threads",
    "reference",
    "separable_conv2d",
    "set_num_threads",
]
