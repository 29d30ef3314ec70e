"""TensorFlow's ``tf.nn.conv2d``, rebuilt in NumPy."""

from npconv import reference
from npconv._conv2d import conv2d
from npconv._convolution import Convolution
from npconv._engine.threads import get_num_threads, set_num_threads
from npconv._explain import Explanation, explain
from npconv._filters import flatten_filters
from npconv._patches import extract_patches

__version__ = "0.1.0"

__all__ = [
    "Convolution",
    "Explanation",
    "__version__",
    "conv2d",
    "explain",
    "extract_patches",
    "flatten_filters",
    "get_num_threads",
    "reference",
    "set_num_threads",
]
