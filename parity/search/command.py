"""``python -m parity fuzz``: a campaign of fresh examples, each claim in turn, until time is up.

Ctrl-C ends it early; what was found until then is printed and written all the same.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from parity import claims
from parity.claims import tally, trust
from parity.cli import options, replay, summary
from parity.engine import jobs
from parity.engine.jobs import Crash
from parity.model import machine, verdict
from parity.model.settings import Settings
from parity.model.subject import Scope
from parity.search import corpus
from parity.search.campaign import Failure, Interesting, Job, Place

MOST_CRASHES = 20
"""Crashes after which no job goes on that has died."""
_LISTED = 5
"""Crashes that are told; the others are only counted."""
_LEAST = 1.0
"""Seconds that have to be left for a job that has died to go on."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--minutes", type=float, default=1.0, help="how long (default: 1)")
    parser.add_argument("--seed", type=int, help="what it draws from (default: by chance)")
    options.add_processes(parser)
    parser.add_argument(
        "--corpus",
        type=Path,
        default=Path(".parity/corpus.txt"),
        metavar="FILE",
        help="tokens checked as well and added to (default: .parity/corpus.txt)",
    )
    parser.add_argument("--output", type=Path, metavar="FILE.json", help="also write the counts")
    options.add_subject(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run the campaign; return 1 if anything disagrees, 2 for a wrong call, 3 if mistrusted."""
    console = Console()
    try:
        settings = options.settings(arguments)
        claims.asked(settings.scope)
        kept = corpus.Corpus(arguments.corpus)
        if not arguments.minutes > 0:
            raise ValueError(f"--minutes has to be positive, received {arguments.minutes}")
        # What cannot be written in the end is told before much time is spent.
        kept.write()
        if arguments.output and not arguments.output.parent.is_dir():
            raise ValueError(f"--output: there is no directory {arguments.output.parent}")
    except (OSError, ValueError) as error:
        Console(stderr=True).print(f"parity fuzz: {error}", style="red", markup=False)
        return verdict.WRONG_CALL
    seed = random.randrange(2**32) if arguments.seed is None else arguments.seed
    document = campaign(
        console,
        kept,
        seconds=60 * arguments.minutes,
        seed=seed,
        settings=settings,
    )
    if arguments.output:
        arguments.output.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    return int(document["exit_code"])


def campaign(
    console: Console,
    kept: corpus.Corpus,
    *,
    seconds: float,
    seed: int,
    settings: Settings,
) -> dict[str, Any]:
    """Explore for `seconds`; print what came of it and return it for JSON."""
    processes = settings.jobs
    heard = _Heard(kept, [_job(kept, i, seed, seconds, processes) for i in range(processes)])
    interrupted = False
    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[said]}"),
        console=console,
        transient=True,
    )
    with progress:
        bar = progress.add_task(f"fuzz {settings.scope.subject}", total=seconds, said="")

        def hear(job: int, message: Any) -> None:
            heard.message(job, message)
            progress.update(bar, completed=min(heard.elapsed, seconds), said=heard.said())

        try:
            jobs.run(
                "parity.search.campaign:work",
                heard.jobs,
                settings,
                hear,
                most_crashes=MOST_CRASHES,
                after_crash=heard.crash,
            )
        except KeyboardInterrupt:
            interrupted = True
    document = heard.document(settings.scope, interrupted=interrupted)
    kept.write()
    _show(console, document, list(heard.counts.values()), heard.crashes, settings.scope)
    return document


def _job(kept: corpus.Corpus, number: int, seed: int, seconds: float, jobs: int) -> Job:
    failed = kept.failed
    others = [one for one in (*corpus.regressions(), *kept.tokens) if one not in failed]
    mine = failed[number::jobs]
    tokens = (*mine, *dict.fromkeys(others[number::jobs]))
    return Job(number, seed, seconds, jobs, tokens, len(mine))


class _Heard:
    """What the jobs have said.

    Attributes
    ----------
    jobs
        What they were given.
    counts, crashes
        What was compared, and which jobs died.
    """

    def __init__(self, kept: corpus.Corpus, jobs: list[Job]) -> None:
        self.jobs = jobs
        self.counts: tally.Counts = {}
        self.crashes: list[Crash] = []
        self._failures: dict[str, Failure] = {}
        self._places: dict[int, Place] = {}
        self._kept = kept
        self._began = time.monotonic()

    @property
    def elapsed(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self._began

    @property
    def failures(self) -> list[Failure]:
        """What disagrees, each token once."""
        return list({one.token: one for one in self._failures.values()}.values())

    def message(self, job: int, message: Any) -> None:
        """Take what a job sends."""
        if isinstance(message, tally.Count):
            tally.merge(self.counts, [message])
        elif isinstance(message, Interesting):
            self._kept.add(message)
        elif isinstance(message, Place):
            self._places[job] = message
        elif isinstance(message, Failure):
            self._failures[message.key] = message

    def crash(self, crash: Crash) -> Job | None:
        """Take the death of a job; return the job that goes on in its stead, if time is left."""
        self.crashes.append(crash)
        job: Job = crash.task
        left = self.jobs[job.number].seconds - self.elapsed
        # What raised in the suite itself would only raise again.
        if crash.status is None or left < _LEAST:
            return None
        return replace(job, seconds=left, place=self._places.get(crash.job, job.place))

    def said(self) -> str:
        """Return the state of things in a line."""
        examples = tally.total(self.counts.values()).examples
        ratios = (one for count in self.counts.values() for one, _ in count.largest.values())
        return (
            f"{examples:,} examples, {examples / self.elapsed:,.0f}/s, largest error / bound"
            f" {max(ratios, default=0):.3f}, {len(self._failures)} failures"
        )

    def document(self, scope: Scope, *, interrupted: bool) -> dict[str, Any]:
        """Return everything as JSON knows it; remember in the corpus what failed."""
        listed = list(self.counts.values())
        asked = claims.asked(scope)
        failures = [one.document() for one in self.failures]
        deaths = [one for one in self.crashes if one.of_subject]
        for token in [*(one["token"] for one in failures), *(one.note for one in deaths)]:
            self._kept.add_failure(token)
        doubts = [str(one) for one in self.crashes if not one.of_subject]
        doubts += [doubt for one in asked for doubt in trust.unanswered(one, listed)]
        unreached = [doubt for one in asked for doubt in trust.unreached(one, listed, scope)]
        doubts += unreached
        sums, elapsed = tally.total(listed), self.elapsed
        code = verdict.verdict([*failures, *deaths], doubts)
        if interrupted and code != verdict.DISAGREEMENT:
            code = verdict.INTERRUPTED
        return {
            "subject": scope.subject,
            "tensorflow": machine.tensorflow(),
            "seed": self.jobs[0].seed,
            "jobs": len(self.jobs),
            "seconds": round(elapsed, 1),
            "interrupted": interrupted,
            "total": sums._asdict(),
            "examples_per_second_and_job": round(sums.examples / elapsed / len(self.jobs), 1),
            "counts": msgspec.to_builtins(
                [count.document() for count in sorted(listed, key=_place)]
            ),
            "classes": tally.classes(listed),
            "failures": failures,
            "crashes": [one.document() for one in self.crashes],
            "doubts": doubts,
            "unreached": unreached,
            "too_few": [said for one in asked if (said := trust.too_few(one, listed, scope))],
            "exit_code": code,
        }


def _show(
    console: Console,
    document: dict[str, Any],
    counts: list[tally.Count],
    crashes: list[Crash],
    scope: Scope,
) -> None:
    def say(text: str, style: str = "") -> None:
        console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)

    title = (
        f"{document['subject']} and TensorFlow {document['tensorflow']}, --seed {document['seed']}"
    )
    console.print(summary.counts_table(counts, title))
    console.print(summary.classes_table(counts, "corner classes"))
    for claim in claims.CLAIMS.values():
        if said := trust.covered(claim, counts, scope):
            console.print(said, markup=False, highlight=False, soft_wrap=True)
    for failure in document["failures"]:
        say("DISAGREES", "bold red")
        say(failure["reason"])
        say(replay.command(failure["token"], scope))
    deaths = [crash for crash in crashes if crash.of_subject]
    for crash in deaths[:_LISTED]:
        say("DISAGREES", "bold red")
        say(str(crash))
        say(replay.command(crash.note, scope))
    if len(deaths) > _LISTED:
        say(f"... {len(deaths)} calls of the subject ended their process", "bold red")
    for said in document["too_few"]:
        say(said, "yellow")
    for doubt in document["doubts"]:
        say(f"MISTRUSTED: {doubt}", "bold yellow")
    say(
        f"{verdict.VERDICTS[document['exit_code']]}: {document['total']['examples']:,} examples in"
        f" {document['seconds']:.0f} s, {document['examples_per_second_and_job']:.0f} a second and"
        " job"
    )


def _place(count: tally.Count) -> tuple[int, str]:
    return list(claims.CLAIMS).index(count.claim), count.dtype
