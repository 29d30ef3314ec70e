"""What the package shows, and what it does not import."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import npconv

NEITHER = {"data_format": None, "dilations": None}
FORWARD = {  # as in tf.nn, with what follows the arguments that have no default
    "conv1d": ("input filters stride padding", {"data_format": "NWC", "dilations": None}),
    "conv3d": ("input filters strides padding", {"data_format": "NDHWC", "dilations": None}),
    "convolution": ("input filters", {"strides": None, "padding": "VALID", **NEITHER}),
    "atrous_conv2d": ("value filters rate padding", {}),
    "depthwise_conv2d": ("input filter strides padding", NEITHER),
    "separable_conv2d": ("input depthwise_filter pointwise_filter strides padding", NEITHER),
}
TRANSPOSE, BOTH = "input filters output_shape strides", ("input_sizes filter", "input filter_sizes")
ONES = {"data_format": "NHWC", "dilations": (1, 1, 1, 1)}  # the lists that TensorFlow has
VOLUMES = {"data_format": "NDHWC", "dilations": (1, 1, 1, 1, 1)}
GRADIENTS = {
    **{
        f"conv{axes}d_transpose": (
            TRANSPOSE, {"padding": "SAME", "data_format": layout, "dilations": None}
        )
        for axes, layout in ((1, "NWC"), (2, "NHWC"), (3, "NDHWC"))
    },
    "atrous_conv2d_transpose": ("value filters output_shape rate padding", {}),
    **{
        f"{name}_backprop_{word}": (f"{arrays} out_backprop strides padding", options)
        for word, arrays in zip(("input", "filter"), BOTH, strict=True)
        for name, options in (
            ("conv2d", {"use_cudnn_on_gpu": True, **ONES}),
            ("depthwise_conv2d", ONES),
            ("conv3d", VOLUMES),
        )
    },
}  # fmt: skip
FAMILY = FORWARD | GRADIENTS
OWN = {"out": None, "precision": "standard"}  # what TensorFlow's functions do not have
CALLABLES = {
    "Convolution": npconv.Convolution,
    "conv2d": npconv.conv2d,
    **{name: getattr(npconv, name) for name in FAMILY},
    "flatten_filters": npconv.flatten_filters,
    "extract_patches": npconv.extract_patches,
    "error_bound": npconv.error_bound,
    "explain": npconv.explain,
}


def test_all_holds_every_public_name():
    public = {name for name in vars(npconv) if not name.startswith("_")}
    assert set(npconv.__all__) == public | {"__version__"}
    assert len(set(npconv.__all__)) == len(npconv.__all__)


def test_version():
    assert re.fullmatch(r"\d+\.\d+\.\d+\S*", npconv.__version__)


def parameters(function):
    return {name: p.default for name, p in inspect.signature(function).parameters.items()}


def test_conv2d_has_the_signature_of_tensorflow():
    empty = inspect.Parameter.empty
    expected = {
        "input": empty,
        "filters": empty,
        "strides": empty,
        "padding": empty,
        "data_format": "NHWC",
        "dilations": None,
        "name": None,
    }
    assert list(parameters(npconv.reference.conv2d).items()) == list(expected.items())
    assert list(parameters(npconv.conv2d).items()) == [*expected.items(), *OWN.items()]
    for name in OWN:
        kind = inspect.signature(npconv.conv2d).parameters[name].kind
        assert kind is inspect.Parameter.KEYWORD_ONLY


@pytest.mark.parametrize("name", FAMILY)
def test_the_family_has_the_signatures_of_tensorflow(name):
    words, defaults = FAMILY[name]
    expected = dict.fromkeys(words.split(), inspect.Parameter.empty) | defaults
    function = getattr(npconv, name)
    assert list(parameters(function).items()) == [*expected.items(), ("name", None), *OWN.items()]
    for own in OWN:
        kind = inspect.signature(function).parameters[own].kind
        assert kind is inspect.Parameter.KEYWORD_ONLY


def test_extract_patches_has_the_signature_of_tensorflow():
    empty = inspect.Parameter.empty
    names = dict.fromkeys(["images", "sizes", "strides", "rates", "padding"], empty)
    assert list(parameters(npconv.extract_patches).items()) == [*names.items(), ("name", None)]


@pytest.mark.parametrize("name", CALLABLES)
def test_docstrings_name_every_parameter(name):
    function = CALLABLES[name]
    text = inspect.getdoc(function)
    for section in ("Parameters", "Returns", "Raises", "Examples"):
        assert re.search(rf"^{section}\n-{{{len(section)}}}$", text, re.MULTILINE), section
    for parameter in parameters(function):
        line = rf"^([\w*]+, )*\**{parameter}(, [\w*]+)*( :.*)?$"
        assert re.search(line, text, re.MULTILINE), parameter


def test_importing_takes_numpy_alone():
    """Nothing that a newcomer has not installed, and nothing slow."""
    code = (
        "import sys, numpy; before = set(sys.modules); import npconv; "
        "print(*sorted({m.partition('.')[0] for m in set(sys.modules) - before}))"
    )
    root = Path(npconv.__file__).parent.parent
    run = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=root
    )
    foreign = set(run.stdout.split()) - set(sys.stdlib_module_names)
    assert foreign == {"npconv"} | (foreign & {"numpy"})
    assert "unittest" not in run.stdout.split()


def test_it_is_typed():
    assert (Path(npconv.__file__).parent / "py.typed").is_file()
