"""Photographs through real filters: the subject beside TensorFlow, without and with oneDNN.

The photographs are files inside scikit-image's wheel, read from there, so that nothing is
ever downloaded.
"""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from parity.examples import corners
from parity.model.case import DTYPES, Array, Case, Conv2d
from parity.model.settings import Settings
from parity.model.subject import Scope
from parity.speed.agreement import Agreement, Answer, compare, failed, gauge

WITHOUT, WITH = "without oneDNN", "with oneDNN"
"""The yardsticks' names; the first is the specification."""
SECONDS = 300.0
"""How long a call may take: a photograph is larger than any example of a claim."""
_THUMBNAIL = 150
_LUMA = np.array([299, 587, 114])  # Rec. 601 in integers, so that gray pixels stay whole numbers


@dataclass(frozen=True)
class Example:
    """A photograph of scikit-image, a filter, and how the one is convolved with the other.

    `filters` are (KH, KW, in_channels, out_channels); a `gray` photograph has one channel.
    """

    name: str
    photograph: str
    filters: Array
    gray: bool = False
    strides: int = 1
    dilations: int = 1
    padding: str | tuple[int, int, int, int] = "SAME"
    data_format: str = "NHWC"
    dtype: str = "float32"

    def pixels(self) -> Array:
        """Return the photograph, (H, W, C) in 0..255."""
        pixels = photograph(self.photograph)
        return (pixels @ _LUMA // 1000)[..., None] if self.gray else pixels

    def arrays(self) -> tuple[Array, Array]:
        """Return input and filters: pixels in 0..255 for int32, else in 0..1."""
        images = self.pixels()[None]
        if self.data_format == "NCHW":
            images = images.transpose(0, 3, 1, 2)
        dtype = DTYPES[self.dtype]
        scale = 1 if self.dtype == "int32" else 255
        return np.ascontiguousarray(images / scale).astype(dtype), self.filters.astype(dtype)

    def case(self, input: Array) -> Case:
        """Return the call's arguments; its data is the photograph, not the case's own."""
        rows, columns, channels, filters = self.filters.shape
        return Case(
            input_shape=input.shape,
            filters_shape=(rows, columns, channels, filters),
            strides=(self.strides, self.strides),
            padding=self.padding,
            data_format=self.data_format,
            dilations=(self.dilations, self.dilations),
            dtype=self.dtype,
            kind="normal",
        )


@dataclass(frozen=True)
class Compared:
    """What came out for an example: `exact` if every bit must be the same.

    `before` and `after` are small pictures, as data URIs; "" where the subject has failed.
    """

    name: str
    photograph: str
    dtype: str
    data_format: str
    input: tuple[int, ...]
    filters: tuple[int, ...]
    exact: bool
    agreement: Agreement
    before: str = ""
    after: str = ""


def photograph(name: str) -> Array:
    """Read one of scikit-image's photographs from its folder: (height, width, 3), uint8."""
    import skimage
    from PIL import Image

    with Image.open(Path(skimage.__file__).parent / "data" / name) as image:
        return np.asarray(image.convert("RGB"))


def examples() -> list[Example]:
    """Return the examples: a handful of filters that people use, in every dtype."""
    line = np.array([1.0, 4.0, 6.0, 4.0, 1.0])
    blur = np.outer(line, line) / 256
    whole_blur = np.outer([1, 2, 1], [1, 2, 1])
    across = np.outer([1, 2, 1], [-1, 0, 1])
    sobel = np.stack([across, across.T], axis=-1)[:, :, None, :]
    sharpen = np.array([[0, -1, 0], [-1, 5, -1], [0, -1, 0]])
    laplacian = np.array([[1, 1, 1], [1, -8, 1], [1, 1, 1]])[:, :, None, None]
    rng = np.random.default_rng(2015)
    stem = rng.standard_normal((7, 7, 3, 64)) * math.sqrt(2 / (7 * 7 * 3))
    cat, coffee, astronaut, rocket = "chelsea.png", "coffee.png", "astronaut.png", "rocket.jpg"
    return [
        Example("Gaussian blur, grouped", cat, _depthwise(blur)),
        Example("Gaussian blur, dense", cat, _dense(blur)),
        Example("Sobel edges", astronaut, sobel, gray=True),
        Example("sharpen", coffee, _depthwise(sharpen), padding=(1, 1, 1, 1)),
        Example("Laplacian", rocket, laplacian, gray=True, padding="VALID"),
        Example("blur, dilated by 4", astronaut, _depthwise(blur), dilations=4),
        Example("7x7 stem, stride 2", coffee, stem, strides=2),
        Example("7x7 stem, stride 2", coffee, stem, strides=2, data_format="NCHW"),
        Example("Gaussian blur, dense", cat, _dense(blur), data_format="NCHW"),
        Example("7x7 stem, stride 2", cat, stem, strides=2, dtype="float64"),
        Example("7x7 stem, stride 2", cat, stem, strides=2, dtype="float16"),
        Example("7x7 stem, stride 2", cat, stem, strides=2, dtype="bfloat16"),
        Example("Sobel edges", rocket, sobel, gray=True, dtype="float64"),
        Example("Sobel edges", rocket, sobel, gray=True, dtype="int32"),
        Example("blur in integers", cat, _depthwise(whole_blur), dtype="int32"),
    ]


def within(scope: Scope) -> list[Example]:
    """Return the examples that a subject claims to support."""
    return [one for one in examples() if corners.within(one.case(one.arrays()[0]), scope)]


def fewest(chosen: Sequence[Example]) -> list[Example]:
    """Return the first of each dtype and data format."""
    found = {(one.dtype, one.data_format): one for one in reversed(chosen)}
    return [one for one in chosen if one in found.values()]


def compared(settings: Settings, example: Example) -> Compared:
    """Hold the subject's result against the bound, and bit by bit against both TensorFlows."""
    from parity.claims.check import under_test
    from parity.engine import note

    x, w = example.arrays()
    case = example.case(x)
    note.example(f"{example.name}: {case.token()}")
    try:
        output = case.call_on(under_test(settings.scope), x, w)
    except Exception as error:
        return row(example, failed(f"{type(error).__name__}: {error}"))
    agreement = compare(gauge(case, x, w), output, _answers(case, x, w))
    return row(example, agreement, output if agreement.error is not None else None)


def row(example: Example, agreement: Agreement, output: Array | None = None) -> Compared:
    """Return what is told of an example, with pictures if there is a finite output."""
    before = after = ""
    if output is not None:
        if example.data_format == "NCHW":
            output = np.moveaxis(output, 1, -1)
        before, after = _data_uri(example.pixels()), _data_uri(_visible(output))
    return Compared(
        name=example.name,
        photograph=Path(example.photograph).stem,
        dtype=example.dtype,
        data_format=example.data_format,
        input=example.arrays()[0].shape,
        filters=example.filters.shape,
        exact=DTYPES[example.dtype].kind == "i",
        agreement=agreement,
        before=before,
        after=after,
    )


def notes(rows: Sequence[Compared]) -> list[str]:
    """Return how the subject failed, and what a TensorFlow cannot do."""
    found = []
    for row in rows:
        what = f"{row.name}, {row.dtype} {row.data_format}"
        if row.agreement.failed:
            found.append(f"DISAGREES: {what}: {row.agreement.failed}")
        for name, one in row.agreement.yardsticks.items():
            if one.cannot:
                found.append(f"{what}: TensorFlow {name} cannot: {one.cannot}")
    return found


def _answers(case: Case, x: Array, w: Array) -> dict[str, Answer]:
    from parity.oracles import eigen, onednn

    found = {WITHOUT: _answer(case, eigen.conv2d, x, w)}
    if onednn.machine().instruction_set:
        found[WITH] = _answer(case, onednn.conv2d, x, w)
    return found


def _answer(case: Case, conv2d: Conv2d, x: Array, w: Array) -> Answer:
    try:
        return Answer(case.call_on(conv2d, x, w))
    except Exception as error:  # whatever TensorFlow raises, and what ends its process
        return Answer(None, f"{type(error).__name__}: {error}")


def _depthwise(kernel: Array) -> Array:
    return np.repeat(kernel[:, :, None, None], 3, axis=3)


def _dense(kernel: Array) -> Array:
    return kernel[:, :, None, None] * np.eye(3)


def _visible(output: Array) -> Array:
    """Turn a result into an image: colours as they are, edges and features by magnitude."""
    output = output[0].astype(np.float64)
    channels = output.shape[-1]
    if channels == 3:
        return (255 * np.clip(output, 0, 1)).astype(np.uint8)
    size = np.hypot(output[..., 0], output[..., 1]) if channels == 2 else np.abs(output[..., 0])
    picture: Array = (255 * np.clip(size / np.quantile(size, 0.995), 0, 1)).astype(np.uint8)
    return picture


def _data_uri(pixels: Array) -> str:
    """Return a small PNG as a data URI, its longer side at most `_THUMBNAIL` pixels."""
    from PIL import Image

    image = Image.fromarray(np.ascontiguousarray(pixels.squeeze().astype(np.uint8)))
    image.thumbnail((_THUMBNAIL, _THUMBNAIL))
    file = io.BytesIO()
    image.quantize(64).save(file, "PNG", optimize=True)  # a third of the size
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
