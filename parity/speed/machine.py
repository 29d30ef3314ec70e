"""The machine block: what a reader must know to compare figures."""

from __future__ import annotations

import os
import platform
import re
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import Any

from parity.speed.processes import environment

# The vector extensions that decide which kernels the libraries choose.
_FLAGS = (
    *("sse4_2", "avx", "avx2", "fma", "avx_vnni", "avx512f", "avx512bw", "avx512vl"),
    *("avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_tile", "amx_bf16", "amx_int8"),
    *("asimd", "asimdhp", "asimddp", "sve", "sve2", "bf16"),
)
# The variables that change how many threads run or which kernels.
_VARIABLES = re.compile(
    r"(OMP|OPENBLAS|MKL|BLIS|VECLIB|NPCONV|KMP|GOMP|ONEDNN|DNNL)_|TF_(ENABLE|NUM|SET|XLA|USE)_"
)


def describe() -> dict[str, Any]:
    """Return CPU, cores, load, Python, and what steers threads and kernels in the workers."""
    model, flags = cpu()
    variables = {**os.environ, **environment()}
    return {
        "cpu": model,
        "simd": [flag for flag in _FLAGS if flag in flags],
        "cores": cores(),
        "load_1_minute": round(os.getloadavg()[0], 2),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "environment": {
            name: value
            for name, value in sorted(variables.items())
            if value is not None and _VARIABLES.match(name)
        },
    }


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def busy_seconds() -> float | None:
    """Return CPU seconds that all processes together have used, or None where none tells."""
    path = Path("/proc/stat")
    if not path.is_file():
        return None
    user, nice, system, _idle, _iowait, *others = map(int, path.read_text().split()[1:9])
    return float(user + nice + system + sum(others)) / os.sysconf("SC_CLK_TCK")


def process_seconds(pid: int) -> float:
    """Return CPU seconds that a process, all its threads, has used (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def cores_taken(pid: int) -> Callable[[], float | None]:
    """Return what tells how many cores a process has taken since now, or None."""
    if busy_seconds() is None:
        return lambda: None
    start, begin = process_seconds(pid), time.monotonic()
    return lambda: round((process_seconds(pid) - start) / (time.monotonic() - begin), 3)


class OtherWork:
    """What everything but the measurement itself takes of the cores, from its making on.

    Parameters
    ----------
    pids : iterable of int
        The measurement's processes besides this one.
    """

    def __init__(self, pids: Iterable[int]) -> None:
        self._pids = [os.getpid(), *pids]
        self._start, self._begin = self._seconds(), time.monotonic()

    def share(self) -> float | None:
        """Return the share of all cores so far, or None where the system does not tell."""
        end, took = self._seconds(), (time.monotonic() - self._begin) * cores()
        if self._start is None or end is None:
            return None
        return max(0.0, round((end - self._start) / took, 3))

    def _seconds(self) -> float | None:
        total = busy_seconds()
        return None if total is None else total - sum(map(process_seconds, self._pids))


def cpu(path: Path = Path("/proc/cpuinfo")) -> tuple[str, set[str]]:
    """Return the CPU's model and its flags, where the system tells them."""
    if not path.is_file():
        return platform.processor() or "unknown", set()
    fields: dict[str, str] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        key, _, value = line.partition(":")
        fields.setdefault(key.strip(), value.strip())
    model = fields.get("model name") or fields.get("CPU part") or "unknown"
    return model, set((fields.get("flags") or fields.get("Features") or "").split())


def tensorflow() -> str:
    """Return TensorFlow's version without importing it, which takes seconds."""
    for name in ("tensorflow-cpu", "tensorflow"):
        with suppress(metadata.PackageNotFoundError):
            return metadata.version(name)
    return "none"
