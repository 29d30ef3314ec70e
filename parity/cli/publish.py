"""A verdict as JUnit XML, for what shows tests, and as Markdown, for what shows pages."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from xml.etree import ElementTree

from parity.model.verdict import DISAGREES, DOUBTED, LEFT_OUT, VERDICTS, Verdict, WrongCall

_ELEMENTS = {DISAGREES: "failure", DOUBTED: "error", LEFT_OUT: "skipped"}
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the files that a verdict is written to."""
    for option, help in (
        ("--junit", "write the verdict as JUnit XML"),
        ("--markdown", "append the verdict as Markdown, such as to $GITHUB_STEP_SUMMARY"),
    ):
        parser.add_argument(option, type=Path, metavar="FILE", help=help)


def check(arguments: argparse.Namespace) -> None:
    """Raise `WrongCall` where a file could not be written, before much time is spent."""
    for option in ("junit", "markdown"):
        path = getattr(arguments, option)
        if path and not path.parent.is_dir():
            raise WrongCall(f"--{option}: there is no directory {path.parent}")


def write(command: str, verdict: Verdict, arguments: argparse.Namespace) -> None:
    """Write what `command` has ended with to the files that were asked for."""
    if arguments.junit:
        arguments.junit.write_bytes(junit(command, verdict))
    if arguments.markdown:
        with arguments.markdown.open("a", encoding="utf-8") as file:
            file.write(markdown(command, verdict))


def junit(command: str, verdict: Verdict) -> bytes:
    """Return one test suite with a case for each part."""
    suite = ElementTree.Element("testsuite", name=_xml(command), tests=str(len(verdict.parts)))
    for attribute, status in (("failures", DISAGREES), ("errors", DOUBTED), ("skipped", LEFT_OUT)):
        suite.set(attribute, str(sum(part.status == status for part in verdict.parts)))
    for part in verdict.parts:
        case = ElementTree.SubElement(suite, "testcase", classname="parity", name=_xml(part.name))
        first = _xml(part.said).partition("\n")[0]
        if part.status in _ELEMENTS:
            told = ElementTree.SubElement(case, _ELEMENTS[part.status], message=first)
        else:
            told = ElementTree.SubElement(case, "system-out")
        told.text = _xml(part.said)
    written: bytes = ElementTree.tostring(suite, encoding="utf-8", xml_declaration=True)
    return written


def markdown(command: str, verdict: Verdict) -> str:
    """Return a heading, a table of the parts, and in full what disagrees."""
    word = VERDICTS.get(verdict.exit_code, "failed")
    lines = [f"## {word}: {verdict.title}", "", f"`{command}`", "", "| | | |", "|---|---|---|"]
    for part in verdict.parts:
        cells = part.name, part.status, part.said.partition("\n")[0]
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    for part in verdict.parts:
        if part.status == DISAGREES:
            lines += ["", "````", part.name, part.said, "````"]
    return "\n".join(lines) + "\n\n"


def _xml(text: str) -> str:
    return _NO_XML.sub("\N{REPLACEMENT CHARACTER}", text)
