"""Photographs through real filters: the subject, and every TensorFlow that it is held against.

The photographs are files inside scikit-image's wheel, read from there, so that nothing is
ever downloaded.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from parity.examples import corners
from parity.model import subject
from parity.model.case import DTYPES, Array, Case
from parity.speed import yardsticks
from parity.speed.agreement import Agreement, compare, failed, gauge
from parity.speed.processes import WorkerError, Workers, environment
from parity.speed.yardsticks import Side, Yardstick

SPECIFICATION = "without oneDNN"
"""The name of the yardstick that is the specification, beside those of `yardsticks`."""
_ORACLE = "parity.oracles.eigen:conv2d"


@dataclass(frozen=True)
class Example:
    """A photograph, a filter, and how the one is convolved with the other.

    Attributes
    ----------
    name
        What the filter does.
    photograph
        A file in scikit-image's data folder.
    gray
        Whether the photograph is reduced to one channel first.
    filters
        (KH, KW, in_channels, out_channels), as numbers; cast to `dtype`.
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

    def arrays(self) -> tuple[Array, Array]:
        """Return input and filters: pixels in 0..255 for int32, else in 0..1."""
        pixels = photograph(self.photograph)
        if self.gray:
            # Rec. 601 luma in integers, so that gray pixels stay whole numbers.
            pixels = (pixels @ np.array([299, 587, 114]) // 1000)[..., None]
        images = pixels[None]
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
        )


@dataclass(frozen=True)
class Result:
    """What came out for an example.

    Attributes
    ----------
    agreement
        The subject beside TensorFlow without oneDNN, as installed and, where that is without
        oneDNN as well, with oneDNN forced on.
    output
        The subject's result; None if it has failed.
    """

    example: Example
    case: Case
    agreement: Agreement
    output: Array | None

    @property
    def exact(self) -> bool:
        """Whether the arithmetic is exact, so that the bound is 0 and every bit the same."""
        return DTYPES[self.case.dtype].kind == "i"

    def row(self) -> dict[str, Any]:
        """Return the row of the JSON file."""
        example, case = self.example, self.case
        return {
            "name": example.name,
            "photograph": Path(example.photograph).stem,
            "dtype": case.dtype,
            "data_format": case.data_format,
            "input": list(case.input_shape),
            "filters": list(case.filters_shape),
            "strides": list(case.strides),
            "dilations": list(case.dilations),
            "padding": case.padding if isinstance(case.padding, str) else list(case.padding),
            "exact": self.exact,
            "agreement": asdict(self.agreement),
        }


def photograph(name: str) -> Array:
    """Read one of scikit-image's photographs from its folder: (height, width, 3), uint8.

    Raises
    ------
    FileNotFoundError
        If the installed scikit-image does not ship it; nothing is downloaded.
    """
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


def within(scope: subject.Scope) -> list[Example]:
    """Return the examples that a subject claims to support."""
    return [one for one in examples() if corners.within(one.case(one.arrays()[0]), scope)]


def fewest(chosen: Sequence[Example]) -> list[Example]:
    """Return the first of each dtype and data format."""
    found = {(one.dtype, one.data_format): one for one in reversed(chosen)}
    return [one for one in chosen if one in found.values()]


def run(
    name: str, chosen: Sequence[Example], on_example: Callable[[str], None] = lambda name: None
) -> list[Result]:
    """Run examples, each implementation in a process of its own, and compare.

    Parameters
    ----------
    name
        ``module:callable``, the subject.
    chosen
        The examples.
    on_example
        Called with the name of each example before it runs.

    Raises
    ------
    parity.speed.processes.StartError
        If an implementation cannot be imported.
    """
    with Workers() as workers:
        ours = Side(workers, name, environment())
        theirs = {
            SPECIFICATION: Yardstick(workers, environment(onednn=False), _ORACLE),
            **yardsticks.start(workers),
        }
        results = []
        for example in chosen:
            on_example(example.name)
            x, w = example.arrays()
            case = example.case(x)
            arguments = case.arguments()
            try:
                output: Array | None = ours.call("run", x, w, arguments)
            except WorkerError as error:
                output, found = None, failed(error.reason)
            if output is not None:
                answers = {name: one.run(x, w, arguments) for name, one in theirs.items()}
                found = compare(gauge(case, x, w), output, answers)
            results.append(Result(example, case, found, output))
        return results


def notes(rows: list[dict[str, Any]]) -> list[str]:
    """Return how the subject failed, and what a TensorFlow cannot do."""
    found = []
    for row in rows:
        what = f"{row['name']}, {row['dtype']} {row['data_format']}"
        if row["agreement"]["failed"]:
            found.append(f"DISAGREES: {what}: {row['agreement']['failed']}")
        for name, one in row["agreement"]["yardsticks"].items():
            if one["cannot"]:
                instead = "; compared in NHWC" if one["in_nhwc"] else ""
                found.append(f"{what}: TensorFlow {name} cannot: {one['cannot']}{instead}")
    return found


def _depthwise(kernel: Array) -> Array:
    return np.repeat(kernel[:, :, None, None], 3, axis=3)


def _dense(kernel: Array) -> Array:
    return kernel[:, :, None, None] * np.eye(3)


def pictures(results: list[Result], most: int = 6) -> Iterator[tuple[Result, Array, Array]]:
    """Yield results worth a picture, each with its input and output as uint8 images."""
    seen: set[str] = set()
    for result in results:
        if result.output is None or result.example.name in seen or len(seen) == most:
            continue
        seen.add(result.example.name)
        before = photograph(result.example.photograph)
        if result.example.gray:
            before = (before @ np.array([299, 587, 114]) // 1000).astype(np.uint8)
        output = result.output
        if result.case.data_format == "NCHW":
            output = np.moveaxis(output, -3, -1)
        yield result, before, _visible(output[0].astype(np.float64))


def _visible(output: Array) -> Array:
    """Turn a result into an image: colours as they are, edges and features by magnitude."""
    channels = output.shape[-1]
    if channels == 3:
        return (255 * np.clip(output, 0, 1)).astype(np.uint8)
    size = np.hypot(output[..., 0], output[..., 1]) if channels == 2 else np.abs(output[..., 0])
    picture: Array = (255 * np.clip(size / np.quantile(size, 0.995), 0, 1)).astype(np.uint8)
    return picture
