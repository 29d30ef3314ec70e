"""``python -m parity fuzz``: a campaign of fresh examples, each claim in turn, until time is up."""

from __future__ import annotations

import argparse
import json
import random
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from parity import claims, corpus, jobs, replay, subject, summary, tally
from parity.campaign import Failure, Interesting, Job
from parity.speed import machine


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--minutes", type=float, default=1.0, help="how long (default: 1)")
    parser.add_argument("--seed", type=int, help="what it draws from (default: by chance)")
    jobs.add_argument(parser)
    parser.add_argument(
        "--corpus",
        type=Path,
        default=Path(".parity/corpus.txt"),
        metavar="FILE",
        help="tokens checked first and added to (default: .parity/corpus.txt)",
    )
    parser.add_argument("--output", type=Path, metavar="FILE.json", help="also write the counts")
    subject.add_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run the campaign; return 1 if anything disagrees, 2 for a wrong call, 3 if mistrusted."""
    console = Console()
    try:
        scope = subject.use(arguments)
        subject.load()
        claims.chosen(scope)
        kept = corpus.Corpus(arguments.corpus)
        if not arguments.minutes > 0:
            raise ValueError(f"--minutes has to be positive, received {arguments.minutes}")
    except (OSError, ValueError) as error:
        Console(stderr=True).print(f"parity fuzz: {error}", style="red", markup=False)
        return summary.WRONG_CALL
    seed = random.randrange(2**32) if arguments.seed is None else arguments.seed
    document = campaign(
        console, kept, seconds=60 * arguments.minutes, seed=seed, processes=arguments.jobs
    )
    if arguments.output:
        arguments.output.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    return int(document["exit_code"])


def campaign(
    console: Console, kept: corpus.Corpus, *, seconds: float, seed: int, processes: int
) -> dict[str, Any]:
    """Explore in `processes` jobs for `seconds`; print what came of it and return it for JSON."""
    counts: tally.Counts = {}
    failures: list[Failure] = []
    began = time.monotonic()
    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[said]}"),
        console=console,
        transient=True,
    )

    def hear(_: int, message: Any) -> None:
        if isinstance(message, tally.Count):
            tally.merge(counts, [message])
        elif isinstance(message, Interesting):
            kept.add(message)
        elif isinstance(message, Failure) and message.token not in {one.token for one in failures}:
            failures.append(message)
            kept.add(Interesting(message.token, f"{message.claim}: failed, {message.token}"))
        elapsed = time.monotonic() - began
        examples = tally.total(counts.values())["examples"]
        largest = max((one for c in counts.values() for one, _ in c.largest.values()), default=0)
        progress.update(
            bar,
            completed=min(elapsed, seconds),
            said=f"{examples:,} examples, {examples / elapsed:,.0f}/s, largest error / bound"
            f" {largest:.3f}, {len(failures)} failures",
        )

    first = (*corpus.regressions(), *kept.tokens)
    tasks = [Job(i, seed, seconds, first[i::processes]) for i in range(processes)]
    with progress:
        bar = progress.add_task(f"fuzz {subject.name()}", total=seconds, said="")
        crashes = jobs.run("parity.campaign:work", tasks, processes, hear)
    kept.write()
    scope = subject.scope()
    listed = list(counts.values())
    doubts = [doubt for one in claims.chosen(scope) for doubt in tally.doubts(one, listed, scope)]
    elapsed = time.monotonic() - began
    examples = tally.total(listed)["examples"]
    document = {
        "subject": subject.name(),
        "tensorflow": machine.tensorflow(),
        "seed": seed,
        "jobs": processes,
        "seconds": round(elapsed, 1),
        "total": dict(tally.total(listed)),
        "examples_per_second_and_job": round(examples / elapsed / processes, 1),
        "counts": [count.document() for count in sorted(listed, key=_place)],
        "classes": tally.classes(listed),
        "failures": [vars(one) for one in failures],
        "crashes": [one.document() for one in crashes],
        "doubts": doubts,
        "exit_code": summary.verdict([*failures, *crashes], doubts),
    }
    _show(console, document, listed, crashes)
    return document


def _show(
    console: Console,
    document: dict[str, Any],
    counts: list[tally.Count],
    crashes: list[jobs.Crash],
) -> None:
    title = (
        f"{document['subject']} and TensorFlow {document['tensorflow']}, --seed {document['seed']}"
    )
    console.print(summary.counts_table(counts, title))
    console.print(summary.classes_table(counts, "corner classes"))
    for claim in claims.CLAIMS.values():
        if said := tally.covered(claim, counts, subject.scope()):
            console.print(said, markup=False, highlight=False, soft_wrap=True)
    for failure in document["failures"]:
        console.print("DISAGREES", style="bold red")
        console.print(failure["reason"], markup=False, highlight=False, soft_wrap=True)
        again = replay.command(failure["token"])
        console.print(again, markup=False, highlight=False, soft_wrap=True)
    for crash in crashes:
        console.print("A JOB ENDED", style="bold red")
        console.print(str(crash), markup=False, highlight=False, soft_wrap=True)
    for doubt in document["doubts"]:
        console.print(f"MISTRUSTED: {doubt}", style="bold yellow", markup=False)
    console.print(
        f"{summary.VERDICTS[document['exit_code']]}: {document['total']['examples']:,} examples in"
        f" {document['seconds']:.0f} s, {document['examples_per_second_and_job']:.0f} a second and"
        " job",
        highlight=False,
    )


def _place(count: tally.Count) -> tuple[int, str]:
    return list(claims.CLAIMS).index(count.claim), count.dtype
