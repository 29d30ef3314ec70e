"""What workers run in the place of the subject or of TensorFlow."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import numpy as np

import npconv

HERE = "parity.tests.speed.subjects:"
SEEN: dict[tuple[int, ...], int] = {}


def state(pid: int) -> str:
    """Return "R" or "S" of a process that runs, "T" of one that is stopped, "" of none."""
    try:
        found = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return ""
    return "" if found in "ZX" else found


def watch(x: Any, w: Any, **arguments: Any) -> Any:
    """Return the state of the process that WATCHED names, and of this one."""
    return [state(int(os.environ["WATCHED"])), state(os.getpid())]


def fail(x: Any, w: Any, **arguments: Any) -> Any:
    raise KeyError("planted")


def sleep(x: Any, w: Any, **arguments: Any) -> None:
    time.sleep(60)


def nothing(x: Any, w: Any, **arguments: Any) -> Any:
    raise NotImplementedError("nothing at all")


def nhwc_only(x: Any, w: Any, data_format: str = "NHWC", **arguments: Any) -> Any:
    if data_format == "NCHW":
        raise NotImplementedError("{{node x}} no NCHW [[]] [Op:Conv2D] name: ")
    return npconv.conv2d(x, w, **arguments)


def dies_in_nchw(x: Any, w: Any, data_format: str = "NHWC", **arguments: Any) -> Any:
    if data_format == "NCHW":
        os._exit(7)
    return nhwc_only(x, w, **arguments)


def wrong(x: Any, w: Any, **arguments: Any) -> Any:
    """Put one value wrong by the least that integers can be."""
    y = npconv.conv2d(x, w, **arguments)
    y.flat[1] += 1
    return y


def counts(x: Any, w: Any, **arguments: Any) -> Any:
    """Be slow at the first call of a shape."""
    SEEN[x.shape] = SEEN.get(x.shape, 0) + 1
    time.sleep(0.1 if SEEN[x.shape] == 1 else 0.0)
    return npconv.conv2d(x, w, **arguments)


def hungry(x: Any, w: Any, **arguments: Any) -> Any:
    """Take 5 MiB for a while beside a result of 2."""
    result = np.zeros(2 << 20, np.uint8)
    larger = np.ones(5 << 20, np.uint8)
    del larger
    np.ones(3 << 20, np.uint8)
    return result


def depthwise_conv2d(x: Any, w: Any, **arguments: Any) -> Any:
    """Put one value wrong by the least that integers can be."""
    y = npconv.depthwise_conv2d(x, w, **arguments)
    y.flat[1] += 1
    return y
