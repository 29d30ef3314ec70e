"""The machine: what a reader must know of it to compare figures, and what else it is doing."""

from __future__ import annotations

import os
import platform
import re
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import psutil

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
# What psutil counts twice, or what is no work.
_NOT_WORK = ("idle", "iowait", "guest", "guest_nice")


@dataclass(frozen=True)
class Machine:
    """CPU, cores, memory, load, Python, and the variables that steer threads and kernels."""

    cpu: str
    simd: list[str]
    cores: int
    memory_gib: float
    load_1_minute: float
    system: str
    python: str
    environment: dict[str, str]


def describe(changes: Mapping[str, str | None] | None = None) -> Machine:
    """Describe this machine; `changes` to the environment are those of what is measured."""
    model, flags = cpu()
    variables = {**os.environ, **(changes or {})}
    return Machine(
        cpu=model,
        simd=[flag for flag in _FLAGS if flag in flags],
        cores=cores(),
        memory_gib=round(psutil.virtual_memory().total / 2**30, 1),
        load_1_minute=round(psutil.getloadavg()[0], 2),
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        python=platform.python_version(),
        environment={
            name: value
            for name, value in sorted(variables.items())
            if value is not None and _VARIABLES.match(name)
        },
    )


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


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


class OtherWork:
    """What everything but the measurement itself takes of the cores, from its making on.

    Parameters
    ----------
    pids : iterable of int
        The measurement's processes besides this one.
    """

    def __init__(self, pids: Iterable[int]) -> None:
        self._processes = [psutil.Process(pid) for pid in (os.getpid(), *pids)]
        self._start, self._begin = self._seconds(), time.monotonic()

    def share(self) -> float:
        """Return the share of all cores so far."""
        took = (time.monotonic() - self._begin) * cores()
        return max(0.0, round((self._seconds() - self._start) / took, 3))

    def _seconds(self) -> float:
        whole = psutil.cpu_times()._asdict()
        work = sum(seconds for name, seconds in whole.items() if name not in _NOT_WORK)
        return float(work - sum(map(seconds_of, self._processes)))


def cores_taken(pid: int) -> Callable[[], float]:
    """Return what tells how many cores a process has taken since now."""
    process = psutil.Process(pid)
    start, begin = seconds_of(process), time.monotonic()
    return lambda: round((seconds_of(process) - start) / (time.monotonic() - begin), 3)


def seconds_of(process: psutil.Process) -> float:
    """Return CPU seconds that a process, all its threads, has used."""
    times = process.cpu_times()
    return float(times.user + times.system)
