"""The manifest of a folder of golden vectors, and how the arrays that it lists are read.

Nothing here needs npconv or TensorFlow, and nothing that a file says is evaluated.
"""

from __future__ import annotations

import hashlib
import re
import zipfile
from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import Any, Literal, Self

import msgspec
import numpy as np

from parity.model.case import DTYPES, Array
from parity.model.verdict import WrongCall

NAME = "manifest.json"
CONVENTIONS = {
    "arrays": "row by row (C order), little-endian; strides count elements",
    "bfloat16": "stored as uint16, the upper half of a float32; float16 so in C alone",
    "output": "the exact sum, rounded once to the dtype, ties to even; a NaN stands for any NaN",
    "tolerance": "|result - output| <= bound, element by element; an infinite bound allows"
    " anything; where the output is infinite or NaN, a bound of 0 asks for the same",
    "flushing": "the bound for kernels that take subnormal numbers for zeros, where it is another",
    "outputs": "for parity check --outputs DIR2: one file a case, NAME.npy, or NAME.bin with the"
    " bytes as the output is stored here, NAME being that of the case",
}
_C_TYPES = {"float": "float32", "double": "float64", "int32_t": "int32", "uint16_t": "uint16"}


class Tensor(msgspec.Struct, frozen=True, omit_defaults=True):
    """An array: what it is, and the file, and the member of the file, that hold it."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    file: str
    member: str = ""

    @classmethod
    def of(cls, array: Array, name: str, file: str, member: str = "") -> Self:
        """Return what a manifest says of an array, which its file has row by row."""
        strides = tuple(prod(array.shape[place + 1 :]) for place in range(array.ndim))
        return cls(name, array.dtype.name, array.shape, strides, file, member)


class Tolerance(msgspec.Struct, frozen=True, omit_defaults=True):
    """How far a result may lie from the output, see `CONVENTIONS`; ONNX's runner has one number."""

    kind: str
    bound: Tensor | None = None
    flushing: Tensor | None = None
    atol: float | None = None


class Vector(msgspec.Struct, frozen=True):
    """One case, why it is there, the arguments beside its inputs, and what is right."""

    name: str
    why: str
    token: str
    operation: str
    arguments: dict[str, Any]
    inputs: tuple[Tensor, ...]
    output: Tensor
    tolerance: Tolerance

    @property
    def tensors(self) -> Iterator[Tensor]:
        """All of its arrays."""
        yield from (*self.inputs, self.output)
        yield from filter(None, (self.tolerance.bound, self.tolerance.flushing))


class Manifest(msgspec.Struct, frozen=True):
    """What a folder holds; `files` has the sha256 of every other file in it."""

    format: Literal["parity golden vectors, 1"]
    form: str
    made_with: dict[str, str]
    conventions: dict[str, str]
    cases: tuple[Vector, ...]
    left_out: dict[str, str]
    files: dict[str, str]


def read(folder: Path) -> Manifest:
    """Return the manifest of `folder`, every file of which is as it was written.

    Raises
    ------
    WrongCall
        If there is none, or a file is missing or has changed.
    """
    path = folder / NAME
    try:
        manifest = msgspec.json.decode(path.read_bytes(), type=Manifest)
    except (OSError, msgspec.MsgspecError) as error:
        raise WrongCall(f"{path} is no manifest of golden vectors: {error}") from error
    inside = folder.resolve()
    for name, wanted in manifest.files.items():
        file = folder / name
        if not file.resolve().is_relative_to(inside) or not file.is_file():
            raise WrongCall(f"{file}, which {NAME} lists, is not there")
        if (found := sha256(file)) != wanted:
            raise WrongCall(f"{file} has changed: its sha256 is {found}, {NAME} says {wanted}")
    for vector in manifest.cases:
        for tensor in vector.tensors:
            if tensor.file not in manifest.files or tensor.dtype not in DTYPES:
                raise WrongCall(f"{path}: {vector.name}: {tensor.name} has no sha256 or no dtype")
    return manifest


def encoded(manifest: Manifest) -> bytes:
    """Return the text of a manifest, lists of numbers on one line."""
    text = msgspec.json.format(msgspec.json.encode(manifest), indent=1)
    return re.sub(rb"\[[\s\d,]*\]", lambda found: b" ".join(found[0].split()), text) + b"\n"


def sha256(file: Path) -> str:
    """Return the sha256 of a file's bytes, in hexadecimal digits."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def stored(name: str, *, form: str = "") -> np.dtype[Any]:
    """Return the little-endian dtype in which a form keeps arrays of dtype `name`."""
    bits = name == "bfloat16" or (name == "float16" and form == "c")
    return np.dtype(np.uint16 if bits else DTYPES[name]).newbyteorder("<")


def array(folder: Path, form: str, tensor: Tensor) -> Array:
    """Return an array of a folder that `read` has checked.

    Raises
    ------
    WrongCall
        If its file holds something else than the manifest says.
    """
    file = folder / tensor.file
    try:
        if form == "npz":
            with np.load(file, allow_pickle=False) as members:
                found = members[tensor.member]
        elif form == "json+raw":
            found = np.fromfile(file, stored(tensor.dtype)).reshape(tensor.shape)
        elif form == "c":
            found = _of_header(file.read_text("ascii"), tensor)
        else:
            raise ValueError(f"arrays of the form {form} are not read here")
        return in_dtype(found, tensor)
    except (ValueError, KeyError, OSError, zipfile.BadZipFile) as error:
        raise WrongCall(f"{file}: {tensor.name} cannot be read: {error}") from error


def in_dtype(found: Array, tensor: Tensor) -> Array:
    """Return an array as files keep it in its own dtype: bits become halves again.

    Raises
    ------
    ValueError
        If its shape or dtype is not that of `tensor`.
    """
    dtype = DTYPES[tensor.dtype]
    if dtype.itemsize == found.dtype.itemsize == 2 and found.dtype.kind in "uV":
        bits = found.view("<u2") if found.dtype.kind == "V" else found  # NumPy's own bfloat16 files
        found = np.ascontiguousarray(bits.astype(np.uint16)).view(dtype)
    if found.shape != tensor.shape or found.dtype.newbyteorder("=") != dtype:
        raise ValueError(f"it is {found.dtype} {found.shape}, it has to be {dtype} {tensor.shape}")
    return np.ascontiguousarray(found, dtype)


def _of_header(text: str, tensor: Tensor) -> Array:
    """Read one array of a C header: hexadecimal floats, or integers."""
    found = re.search(rf"(\w+) {re.escape(tensor.member)}\[\d+\] = {{([^}}]*)}};", text)
    if found is None or _C_TYPES.get(found[1]) != stored(tensor.dtype, form="c").name:
        raise ValueError(f"there is no {tensor.member} of this type")
    words = found[2].replace(",", " ").split()[: prod(tensor.shape)]
    if found[1] in ("float", "double"):
        numbers: Any = [float.fromhex(word.removesuffix("f")) for word in words]
    else:
        numbers = [int(word, 0) for word in words]
    return np.array(numbers, stored(tensor.dtype, form="c")).reshape(tensor.shape)
