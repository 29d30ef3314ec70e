"""``python -m parity export DIR``: cases with exact outputs and error bounds, as files.

The outputs are npconv's with precision="exact", the same bits on every machine; the bounds are
npconv's.  ``manifest.json`` says what the files hold; ``parity check`` holds a kernel, or what it
has left in files, against them.
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
from parity.cli import options, terminal
from parity.model.operation import OPERATIONS
from parity.model.subject import MODULE
from parity.model.verdict import AGREEMENT, Verdict, WrongCall
from parity.speed import layers
from parity.vectors import cases, forms, onnx_tests
from parity.vectors.manifest import CONVENTIONS, NAME, Manifest, sha256


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add, which = parser.add_argument, parser.add_mutually_exclusive_group(required=True)
    add("folder", type=Path, metavar="DIR", help="a new folder, or an empty one")
    add("--format", choices=("npz", "json+raw", "c", "onnx"), default="npz", help="default: npz")
    which.add_argument("--corners", action="store_true", help="a case of each corner class")
    which.add_argument("--count", type=options.positive, metavar="N", help="N drawn cases of each")
    names = layers.available()
    help = f"layers, cut down to few pixels and channels: {', '.join(names)}"
    which.add_argument("--layers", choices=names, metavar="SET", help=help)
    help = "functions of TensorFlow's (default: conv2d, or all that the layers are of)"
    add("--operation", nargs="+", choices=tuple(OPERATIONS), metavar="NAME", help=help)
    add("--seed", type=int, default=0, help="what is drawn from (default: 0)")
    for format in ("accumulate", "multiply"):
        help = f"bounds for kernels that {format} in it, as npconv.error_bound has it"
        add(f"--{format}", metavar="FORMAT", help=help)
    options.add_scope(parser, claims=False)


def run(arguments: argparse.Namespace) -> Verdict:
    """Write the folder and say what is in it."""
    folder: Path = arguments.folder
    for package, why in ((MODULE, "what is exact"), ("onnx", "--format onnx")):
        if find_spec(package) is None and (package == MODULE or arguments.format == "onnx"):
            raise WrongCall(f"{why} needs {package}, which is not installed")
    if not folder.parent.is_dir():
        raise WrongCall(f"there is no folder {folder.parent}")
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise WrongCall(f"{folder} is there, and no empty folder")
    if arguments.seed < 0:
        raise WrongCall(f"--seed has to be 0 or more, received {arguments.seed}")
    made, left_out = _made(arguments)
    if not made:
        raise WrongCall("there is no such case")
    folder.mkdir(exist_ok=True)
    if arguments.format == "onnx":
        written = onnx_tests.write(folder, made)
    else:
        written = forms.write(folder, arguments.format, made)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    manifest = Manifest(
        format="parity golden vectors 1",
        form=arguments.format,
        made={
            "parity": __version__,
            MODULE: import_module(MODULE).__version__,
            "numpy": np.__version__,
            "precision": "exact",
            **_formats(arguments),
        },
        conventions=CONVENTIONS,
        cases=tuple(written),
        left_out=left_out,
        files={path.relative_to(folder).as_posix(): sha256(path) for path in files},
    )
    (folder / NAME).write_bytes(manifest.encoded())
    size = sum(path.stat().st_size for path in (folder / NAME, *files)) / 1000
    said = f"{len(written)} cases in {len(files) + 1} files, {size:,.1f} kB together: {folder}"
    left = [f"{number} left out: {why}" for why, number in Counter(left_out.values()).items()]
    terminal.console().print("\n".join([*left, said]), markup=False, highlight=False)
    return Verdict.of(AGREEMENT, said, left_out=left_out.items())


def _made(arguments: argparse.Namespace) -> tuple[list[forms.Made], dict[str, str]]:
    """Return the cases, and what was left out and why."""
    made: dict[str, forms.Made] = {}
    left_out: dict[str, str] = {}
    for operation, (case, word, why) in _chosen(arguments):
        name = re.sub(r"\W+", "_", f"{operation} {word}".replace(" >", " above").lower())
        while name in made:
            name += "_too"
        if case is None:
            left_out[name] = "none was drawn"
            continue
        try:
            formats = {} if case.dtype == "int32" else _formats(arguments)
            one = forms.Made(name, why, case, cases.arrays(case, formats))
        except (TypeError, ValueError) as error:
            raise WrongCall(f"{case.token()}: {error}") from error
        if arguments.format == "onnx" and (reason := onnx_tests.inexpressible(one)):
            left_out[name] = reason
        else:
            made[name] = one
    return [*made.values()], left_out


def _formats(arguments: argparse.Namespace) -> dict[str, str]:
    given = {name: getattr(arguments, name) for name in ("accumulate", "multiply")}
    return {name: format for name, format in given.items() if format}


def _chosen(arguments: argparse.Namespace) -> Iterator[tuple[str, cases.Chosen]]:
    whole = options.scope(argparse.Namespace(**(vars(arguments) | {"operation": None})))
    if arguments.layers:
        for layer in layers.read(arguments.layers):
            operation = layer.case.operation
            for dtype in whole.dtypes if arguments.dtypes else (layer.case.dtype,):
                if operation in (arguments.operation or OPERATIONS):
                    yield operation, cases.of_layer(layer, dtype, arguments.seed)
        return
    for operation in arguments.operation or ("conv2d",):
        ints = OPERATIONS[operation].takes_int32
        dtypes = tuple(dtype for dtype in whole.dtypes if ints or dtype != "int32")
        scope = replace(whole, operation=operation, dtypes=dtypes)
        found = cases.corners(scope, arguments.seed)
        if arguments.count and dtypes:
            found = cases.drawn(scope, arguments.seed, arguments.count)
        yield from ((operation, one) for one in found)
