"""A subject: Winograd's F(4x4, 3x3) by Lavin's points, in float32, other layers directly."""

from __future__ import annotations

from parity.mutants.winograd import kernel

POINTS = "winograd:F(4,3):0,±1,±2"
conv2d = kernel(POINTS)
