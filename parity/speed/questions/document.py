"""The JSON document of questions, told as plain dicts for a page."""

from __future__ import annotations

from typing import Any


def disagreements(document: dict[str, Any]) -> list[str]:
    """Return a sentence for every contender whose result disagrees."""
    return [
        f"{question['name']}, {row['name']}: {_differs(one)}"
        for question in document["questions"]
        for row in question["rows"]
        for one in row["differences"]
        if not one["agrees"]
    ]


def section(document: dict[str, Any]) -> dict[str, Any]:
    """Return what a page shows: lists in the order of the columns, None where nothing was timed.

    Returns
    -------
    dict
        ``questions``, a list of ``name``, ``title``, ``asked``, ``contenders``, ``labels`` (of
        the ratios), ``agree`` and ``rows``; a row has ``name``, ``agrees``, ``milliseconds`` (one
        a contender), ``ratios`` (one a label: ratio, low, high, verdict, second), ``noise``,
        ``doubtful``, ``other_work``, ``rounds`` and ``notes``. And ``agree``,
        ``settings`` and ``machine``.
    """
    return {
        "agree": document["agree"],
        "settings": document["settings"],
        "machine": document["machine"],
        "questions": [
            {
                **{key: question[key] for key in ("name", "title", "asked", "labels")},
                "contenders": question["contenders"],
                "agree": all(row["agrees"] for row in question["rows"]),
                "rows": [_row(question, row) for row in question["rows"]],
            }
            for question in document["questions"]
        ],
    }


def _row(question: dict[str, Any], row: dict[str, Any]) -> dict[str, Any]:
    notes = [_differs(one) for one in row["differences"] if not one["agrees"]]
    notes += [f"{name}: {why}" for name, why in row["notes"].items()]
    times, ratios = row.get("milliseconds", {}), row.get("ratios", {})
    return {
        "name": row["name"],
        "agrees": row["agrees"],
        "milliseconds": [times.get(name) for name in question["contenders"]],
        "ratios": [ratios.get(label) for label in question["labels"]],
        "noise": row.get("noise"),
        "doubtful": row.get("doubtful", False),
        "other_work": row.get("other_work"),
        "rounds": row.get("rounds", 0),
        "notes": notes,
    }


def _differs(one: dict[str, Any]) -> str:
    how = "in shape, dtype or finiteness"
    if one["largest"] is not None:
        how = f"by {one['largest']:.3g}, allowed is {one['allowed']:.3g}"
    return f"{one['contender']} differs from {one['beside']} {how}"
