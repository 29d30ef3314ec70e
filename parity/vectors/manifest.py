"""What a folder of golden vectors holds, and how it is read: text is parsed, never evaluated."""

from __future__ import annotations

import hashlib
import re
import zipfile
from math import prod
from pathlib import Path
from typing import Any, Literal, Self

import msgspec
import numpy as np

from parity.model.case import DTYPES, Array, Case
from parity.model.verdict import WrongCall

NAME = "manifest.json"
CONVENTIONS = {
    "arrays": "row by row, little-endian; strides count elements",
    "bfloat16": "its bits, as uint16; in C those of float16 as well",
    "output": "the exact sum, rounded once to the dtype, ties to even; a NaN is any NaN; int32"
    " wraps modulo 2**32; separable_conv2d rounds what comes between its two convolutions as well",
    "depthwise": "strides with dilations: every dilation-th pixel of the padded image, from each of"
    " the first ones, is an image by itself, in which strides count, and their results alternate",
    "bound": "what |result - output| may be, for each output: inf allows anything, nan asks for the"
    " same infinity, or a NaN for a NaN",
    "onnx": "X, W and Y are channels first; the atol of data.json is the largest bound",
    "outputs": "parity check --outputs DIR2 reads NAME.npy, or NAME.bin, the bytes of the output,"
    " for each case",
}
_OF_C = {"float": "float32", "double": "float64", "int32_t": "int32", "uint16_t": "uint16"}


class Tensor(msgspec.Struct, frozen=True, omit_defaults=True):
    """An array, the file that holds it, and which member of the file it is."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    file: str
    member: str = ""

    @classmethod
    def of(cls, array: Array, name: str, file: str, member: str = "") -> Self:
        """Return what is said of an array."""
        strides = tuple(prod(array.shape[axis + 1 :]) for axis in range(array.ndim))
        return cls(name, array.dtype.name, array.shape, strides, file, member)


class Vector(msgspec.Struct, frozen=True):
    """One case: why it is there, what is called, and its inputs, output and bound."""

    name: str
    why: str
    token: str
    operation: str
    arguments: dict[str, Any]
    tensors: tuple[Tensor, ...]


class Manifest(msgspec.Struct, frozen=True):
    """All cases of a folder, and the sha256 of each of its files."""

    format: Literal["parity golden vectors 1"]
    form: str
    made: dict[str, str]
    conventions: dict[str, str]
    cases: tuple[Vector, ...]
    left_out: dict[str, str]
    files: dict[str, str]

    def encoded(self) -> bytes:
        """Return it as JSON, lists of numbers on one line each."""
        text = msgspec.json.format(msgspec.json.encode(self), indent=1)
        return re.sub(rb"\[[\s\d,]*\]", lambda found: b" ".join(found[0].split()), text) + b"\n"


def read(folder: Path) -> Manifest:
    """Return the manifest of a folder whose files are all as they were written, or a WrongCall."""
    path, inside = folder / NAME, folder.resolve()
    try:
        manifest = msgspec.json.decode(path.read_bytes(), type=Manifest)
        for vector in manifest.cases:
            named = [one.name for one in vector.tensors]
            right = [*Case.parse(vector.token).of.arrays, "output", "bound"]
            if named != (["X", "W", "Y"] if manifest.form == "onnx" else right):
                raise ValueError(f"{vector.name} has the arrays {', '.join(named)}")
            if not {one.dtype for one in vector.tensors} <= {*DTYPES}:
                raise ValueError(f"{vector.name} has an array of an unknown dtype")
            if not {one.file for one in vector.tensors} <= {*manifest.files}:
                raise ValueError(f"{vector.name} has a file without a sha256")
    except (OSError, ValueError, msgspec.MsgspecError) as error:
        raise WrongCall(f"{path} is no manifest of golden vectors: {error}") from error
    for name, wanted in manifest.files.items():
        file = folder / name
        if not (file.resolve().is_relative_to(inside) and file.is_file()):
            raise WrongCall(f"{NAME} lists {name}, which is not in {folder}")
        if (found := sha256(file)) != wanted:
            raise WrongCall(f"{file} has changed: its sha256 is {found}, not {wanted}")
    return manifest


def sha256(file: Path) -> str:
    """Return the sha256 of a file in hexadecimal digits."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def stored(name: str) -> np.dtype[Any]:
    """Return the dtype in which files hold arrays of dtype `name`."""
    return np.dtype(np.uint16 if name == "bfloat16" else DTYPES[name]).newbyteorder("<")


def array(folder: Path, form: str, tensor: Tensor) -> Array:
    """Read an array of a folder; a WrongCall if it is not as the manifest says."""
    file = folder / tensor.file
    try:
        if form == "npz":
            with np.load(file, allow_pickle=False) as members:
                return in_dtype(members[tensor.member], tensor)
        if form == "c":
            return in_dtype(_of_header(file.read_text("ascii"), tensor), tensor)
        return in_dtype(np.fromfile(file, stored(tensor.dtype)).reshape(tensor.shape), tensor)
    except (ValueError, KeyError, OSError, zipfile.BadZipFile) as error:
        raise WrongCall(f"{file}: {tensor.name} cannot be read: {error}") from error


def in_dtype(found: Array, tensor: Tensor) -> Array:
    """Return an array in its own dtype, which may be given as bits; ValueError if it is another."""
    dtype = DTYPES[tensor.dtype]
    if dtype.itemsize == found.dtype.itemsize == 2 and found.dtype.kind in "uV":
        bits = found.view("<u2") if found.dtype.kind == "V" else found  # so NumPy files bfloat16
        found = np.ascontiguousarray(bits, np.uint16).view(dtype)
    if found.shape != tensor.shape or found.dtype.newbyteorder("=") != dtype:
        raise ValueError(f"{found.dtype} {found.shape}, where {dtype} {tensor.shape} has to be")
    return np.ascontiguousarray(found, dtype)


def _of_header(text: str, tensor: Tensor) -> Array:
    """Read one array of a C header: hexadecimal floats, or integers."""
    place = text.find(f" {tensor.member}[")
    whole = text[text.rfind("\n", 0, place) + 1 : text.find("}", place)]
    found = re.fullmatch(r"static const (\w+) \w+\[\d+\] = {([^{]*)", whole)
    if found is None or found[1] not in _OF_C:
        raise ValueError(f"there is no array {tensor.member}")
    words = found[2].replace(",", " ").split()[: prod(tensor.shape)]
    numbers: Any = [
        float.fromhex(word.removesuffix("f")) if found[1] in ("float", "double") else int(word)
        for word in words
    ]
    return np.array(numbers, _OF_C[found[1]]).reshape(tensor.shape)
