"""The HTML page, made from the report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jinja2

from parity import claims
from parity.report import forest, plots
from parity.report.document import Report
from parity.report.errors import BINS_PER_OCTAVE, SIDES, Errors

...
