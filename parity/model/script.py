"""A case as a script of its own, for whoever has no parity."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace

import numpy as np

from parity.model.case import Array, Case


def script(case: Case, subject: str) -> str:
    """Return a script for a case that needs NumPy, TensorFlow and `subject` alone."""
    module, _, attribute = subject.partition(":")
    half = "import ml_dtypes\n" if case.dtype == "bfloat16" else ""
    layouts = case.input_layout, case.filters_layout, "C"
    given = "".join(
        f"{name} = {_literal(array)}{_LAYOUT_LINES[layout].format(name=name)}\n"
        for name, array, layout in zip("xwp", case.arrays(), layouts, strict=False)
    )
    raw = case.of.tensorflow.startswith("raw_ops")  # which take keywords alone
    theirs = f"tf.{case.of.tensorflow}{_call(case, named=raw)}.numpy()"
    if case.data_format == "NCHW":  # TensorFlow without oneDNN has no NCHW: turn the axes
        turned = replace(case, data_format="NHWC", input_shape=case.in_nhwc(case.input_shape))
        theirs = f"tf.{case.of.tensorflow}{_call(turned, turn=True, named=raw)}.numpy()"
        if case.of.gives != "filters":
            theirs = f"np.moveaxis({theirs}, -1, {-1 - case.of.axes})"
    return (
        f"# {case.token()}\n"
        'import base64, os\n\nos.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"\n'
        f"{half}import numpy as np\nimport tensorflow as tf\n\nimport {module}\n\n{given}"
        f"print(theirs := {theirs})\nprint(ours := {module}.{attribute}{_call(case)})\n"
    )


def _call(case: Case, *, turn: bool = False, named: bool = False) -> str:
    """Return the arguments as they are written, x, w and p standing for the arrays."""
    place = -1 - case.of.axes
    images = [name == "x" or (name == "w" and case.of.gives == "filters") for name in "xwp"]
    words = [
        f"np.moveaxis({name}, {place}, -1)" if turn and image else name
        for name, image in zip("xwp", images, strict=True)
    ]
    given = dict(zip(case.of.arrays, words, strict=False))
    given |= {name: repr(value) for name, value in case.arguments().items()}
    if given.get("data_format") == "'NHWC'":
        del given["data_format"]
    leading = [] if named else [given.pop(name) for name in case.of.leading]
    return f"({', '.join([*leading, *(f'{name}={one}' for name, one in given.items())])})"


# What gives an array of a script its memory layout.
_LAYOUT_LINES = {
    "C": "",
    "F": "\n{name} = np.asfortranarray({name})",
    "reversed": "\n{name} = np.flip(np.flip({name}).copy())",
    "sliced": (
        "\nwider = np.zeros((*{name}.shape[:-1], 2 * {name}.shape[-1] + 1), {name}.dtype)"
        "\nwider[..., 1::2] = {name}\n{name} = wider[..., 1::2]"
    ),
    "unaligned": (
        "\nbuffer = np.empty({name}.nbytes + 1, np.uint8)[1:].view({name}.dtype)"
        "\nbuffer[:] = {name}.ravel()\n{name} = buffer.reshape({name}.shape)"
    ),
    "readonly": "\n{name} = {name}.copy()\n{name}.flags.writeable = False",
    "swapped": "\n{name} = {name}.astype({name}.dtype.newbyteorder('S'))",
}


def _literal(array: Array) -> str:
    """Return an expression for `array`, digits where that is readable and exact."""
    ending = f".reshape({array.shape})"
    name = "ml_dtypes.bfloat16" if array.dtype.name == "bfloat16" else f"np.{array.dtype.name}"
    whole = array.astype(np.float64)
    if array.size <= 64 and np.isfinite(whole).all() and not np.signbit(whole[whole == 0]).any():
        return f"np.array({whole.ravel().tolist()}, dtype={name}){ending}"
    text = b64encode(array.tobytes()).decode()
    return f'np.frombuffer(base64.b64decode("{text}"), dtype={name}){ending}'
