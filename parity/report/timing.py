"""What the page shows of the layers' times, of what bounds them, and of the planner's regret."""

from __future__ import annotations

from typing import Any

from parity.speed.limits import CASTS, COPY, PRODUCT
from parity.speed.recipes import TEN_LINES
from parity.speed.regret import NEAR
from parity.speed.rows import FORCED, TOO_BUSY, bounds, grouped, mean_bounds, spoken
from parity.speed.statistics import LOOKS

FLAGS = {
    "drift": "the ratio moved from the first half of the rounds to the second",
    "bimodal": "times of the subject or of TensorFlow fall into two clusters",
    "noisy": "TensorFlow differs from itself",
    "wide": "the budget ended before the intervals of the ratio and of the noise were"
    " narrower than 5 %",
}
"""What speaks against trusting a row."""
_PEAKS = {
    "gemm_peak_gflops": "GEMM peak, float32",
    "gemm_peak_gflops_float64": "GEMM peak, float64",
}
_SAME = ("subject", "version", "cpu", "cores", "numpy", "blas")


def section(speed: dict[str, Any]) -> dict[str, Any]:
    """Return a speed document by group.

    Returns
    -------
    dict
        ``groups`` of rows, each row with its ``doubts``; ``peak`` and ``scratch``, whether any
        row has them; ``second``, the means beside the second yardstick; ``beside`` and
        ``bounds``, the groups that have any; ``machine``, names and texts; ``taken``, how many
        cores a process took to make it busy, where one did; ``flags``, what the doubts mean;
        ``busy``, the share of other work that is one; ``looks``, after how many rounds a layer
        may end.
    """
    made: list[dict[str, Any]] = [
        {"title": key.title, "rows": [row | {"doubts": _doubts(row)} for row in rows]}
        for key, rows in grouped(speed["rows"]).items()
    ]
    timed = [(one["title"], [row for row in one["rows"] if "ratios" in row]) for one in made]
    return {
        "groups": made,
        "peak": any("peak_share" in row for row in speed["rows"]),
        "scratch": any("scratch_bytes" in row for row in speed["rows"]),
        "beside": [found for title, rows in timed if (found := _beside(title, rows))],
        "bounds": [found for title, rows in timed if (found := _bounds(title, rows))],
        "second": [
            line | line["beside"][FORCED] for line in speed["summary"] if FORCED in line["beside"]
        ],
        "machine": machine(speed["machine"]),
        "taken": _taken(speed["rows"]),
        "flags": FLAGS,
        "busy": TOO_BUSY,
        "looks": LOOKS,
    }


def machine(block: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the machine block as names and texts."""
    return [(_PEAKS.get(key, key.replace("_", " ")), _text(key, block[key])) for key in block]


def _text(key: str, value: Any) -> str:
    if key in _PEAKS:
        return ", ".join(
            f"{spoken(int(threads) if threads.isdigit() else threads)}: {peak:g} GFLOP/s"
            for threads, peak in value.items()
        )
    if key == "yardsticks":
        return "; ".join(value.values())
    if isinstance(value, dict):
        settings = " ".join(f"{name}={setting}" for name, setting in value.items())
        return settings or "no variable set that steers threads or kernels"
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def _taken(rows: list[dict[str, Any]]) -> dict[str, float] | None:
    cores = [row["busy"] for row in rows if row.get("busy") is not None]
    return {"low": min(cores), "high": max(cores)} if cores else None


def _doubts(row: dict[str, Any]) -> list[str]:
    wide = [] if row.get("interval_reached", True) else ["wide"]
    return [*row.get("flags", []), *wide]


def _beside(title: str, rows: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Return the optional contenders of a group: time and ratio, or why there are none."""
    names = list(dict.fromkeys(name for row in rows for name in row.get("beside", {})))
    names = [name for name in names if name != TEN_LINES]  # it has columns of its own
    if not names:
        return None
    return {
        "title": title,
        "names": names,
        "rows": [{**row, "others": [_other(row, name) for name in names]} for row in rows],
    }


def _other(row: dict[str, Any], name: str) -> dict[str, Any]:
    note = row.get("beside", {}).get(name, {"refused": "not asked"})
    if name not in row["ratios"]:
        return {"refused": note.get("refused", "not timed")}
    return {"milliseconds": row["milliseconds"][name], **row["ratios"][name]}


def _bounds(title: str, rows: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Return what the steps alone take, and the least beside TensorFlow and the subject."""
    found = [
        {**row, "taken": [row["milliseconds"].get(name) for name in (PRODUCT, COPY, CASTS)], **held}
        for row in rows
        if (held := bounds(row))
    ]
    if not found:
        return None
    means = mean_bounds(found)
    return {"title": title, "rows": found, "means": means, "left_out": len(rows) - len(found)}


def regret(found: dict[str, Any], speed: dict[str, Any]) -> dict[str, Any]:
    """Return a document of the planner's regret, the farthest layers first.

    Parameters
    ----------
    found
        What ``speed --all-algorithms --json`` wrote, at another time.
    speed
        The document of the times; ``changed`` names what was another then.
    """
    timed = [row for row in found["rows"] if "regret" in row]
    timed.sort(key=lambda row: -float(row["regret"]["ratio"]))
    changed = [key for key in _SAME if found["machine"].get(key) != speed["machine"].get(key)]
    return {
        "summary": [line | {"threads": spoken(line["threads"])} for line in found["summary"]],
        "far": [row for row in timed if row["regret"]["ratio"] > NEAR],
        "near": [row for row in timed if row["regret"]["ratio"] <= NEAR],
        "disagree": [row for row in found["rows"] if row["disagree"]],
        "limit": f"{100 * (NEAR - 1):.0f} %",
        "changed": [
            f"{key} was {found['machine'].get(key)}, is {speed['machine'].get(key)}"
            for key in changed
        ],
        "settings": found["settings"],
    }
