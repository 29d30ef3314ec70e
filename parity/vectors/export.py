"""``python -m parity export DIR``: cases with exact outputs and error bounds as files.

The outputs are npconv's with precision="exact", the same bits on every machine; each has a bound
within which any right computation lies.  ``parity check`` holds a kernel, or what it has left in
files, against them; so can whoever reads the files: ``manifest.json`` says what is in them.
"""

from __future__ import annotations

import argparse
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from parity import __version__
from parity.cli import options
from parity.cli.terminal import console
from parity.model.operation import OPERATIONS
from parity.model.subject import MODULE
from parity.model.verdict import AGREEMENT, Verdict, WrongCall
from parity.speed import layers
from parity.vectors import chosen
from parity.vectors.backend_tests import inexpressible
from parity.vectors.chosen import Chosen
from parity.vectors.forms import FORMS, write
from parity.vectors.manifest import CONVENTIONS, NAME, Manifest, encoded, sha256
from parity.vectors.values import Values, values

_ELEMENTS = 4096
_BYTES = 64 << 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("folder", type=Path, metavar="DIR", help="a folder that is not there yet")
    parser.add_argument("--format", choices=FORMS, default=FORMS[0], help="default: npz")
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--corners", action="store_true", help="a case of each corner class")
    which.add_argument("--count", type=options.positive, metavar="N", help="N drawn cases")
    which.add_argument(
        "--layers",
        metavar="SET",
        choices=layers.available(),
        help=f"layers of {', '.join(layers.available())}, cut down to --elements",
    )
    parser.add_argument(
        "--operation",
        nargs="+",
        choices=tuple(OPERATIONS),
        metavar="NAME",
        help="functions of TensorFlow's (default: conv2d, or those of the layers)",
    )
    parser.add_argument("--seed", type=int, default=0, help="what is drawn from (default: 0)")
    parser.add_argument(
        "--elements",
        type=options.positive,
        default=_ELEMENTS,
        metavar="N",
        help=f"of input, filters and output of a case together, at most (default: {_ELEMENTS})",
    )
    options.add_scope(parser, claims=False)


def run(arguments: argparse.Namespace) -> Verdict:
    """Write the folder and say what is in it."""
    folder: Path = arguments.folder
    if find_spec(MODULE) is None:
        raise WrongCall(
            "it writes npconv's exact results and error bounds, and npconv is not installed"
        )
    if arguments.format == "onnx" and find_spec("onnx") is None:
        raise WrongCall("--format onnx needs the package onnx: python -m pip install onnx")
    if not folder.parent.is_dir() or (folder.exists() and any(folder.iterdir())):
        raise WrongCall(f"{folder} has to be a new folder, or an empty one, in one that is there")
    if arguments.seed < 0:
        raise WrongCall(f"--seed has to be 0 or more, received {arguments.seed}")
    named, left_out, size = dict[str, tuple[str, Values]](), dict[str, str](), 0
    for one in _chosen(arguments):
        if isinstance(one, str):
            left_out[one] = "of this class none was drawn"
            continue
        made = values(one.case)
        if arguments.format == "onnx" and (reason := inexpressible(made)):
            left_out[one.case.token()] = reason
            continue
        size += sum(array.nbytes for array in made.arrays.values())
        if size > _BYTES:
            raise WrongCall(
                f"the first {len(named)} cases have {size >> 20} MiB already, {_BYTES >> 20} are"
                " allowed: fewer cases, or smaller ones by --elements"
            )
        words = one.name.replace(" > ", " above ").replace(" = ", " equal to ").lower()
        name = re.sub(r"\W+", "_", f"{one.case.operation}_{one.case.dtype}_{words}")
        named[f"{name}_{len(named)}" if name in named else name] = one.why, made
    if not named:
        raise WrongCall("there is no such case")
    folder.mkdir(exist_ok=True)
    vectors = write(folder, arguments.format, named)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    manifest = Manifest(
        format="parity golden vectors, 1",
        form=arguments.format,
        made_with={
            "parity": __version__,
            "npconv": import_module(MODULE).__version__,
            "numpy": np.__version__,
            "precision": "exact",
        },
        conventions=CONVENTIONS,
        cases=tuple(vectors),
        left_out=left_out,
        files={path.relative_to(folder).as_posix(): sha256(path) for path in files},
    )
    (folder / NAME).write_bytes(encoded(manifest))
    written = sum(path.stat().st_size for path in (folder / NAME, *files))
    said = f"{len(vectors)} cases in {len(files) + 1} files, {written / 1000:,.1f} kB: {folder}"
    to = console()
    for why, number in Counter(left_out.values()).items():
        to.print(f"left out: {number} cases: {why}", markup=False, highlight=False)
    to.print(said, markup=False, highlight=False)
    return Verdict.of(AGREEMENT, said, left_out=left_out.items())


def _chosen(arguments: argparse.Namespace) -> Iterator[Chosen | str]:
    """Yield what is asked for."""
    whole = options.scope(argparse.Namespace(**(vars(arguments) | {"operation": None})))
    seed, most = arguments.seed, arguments.elements
    if arguments.layers:
        for layer in layers.read(arguments.layers):
            if layer.case.operation in (arguments.operation or OPERATIONS):
                for dtype in whole.dtypes if arguments.dtypes else (layer.case.dtype,):
                    yield chosen.of_layer(layer, dtype, seed, most)
        return
    for name in arguments.operation or ("conv2d",):
        scope = replace(whole, operation=name)
        if arguments.corners:
            yield from chosen.corners(scope, seed, most)
        else:
            yield from chosen.drawn(scope, seed, most, arguments.count)
