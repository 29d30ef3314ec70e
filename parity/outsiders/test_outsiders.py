"""Claim: the suite passes PyTorch where it is right, and finds the faults of two others by name.

Runs where ONNX and PyTorch are installed: ``tox -e outsiders``.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from typing import NamedTuple

import pytest

from parity import subject, tally
from parity.case import Case, Conv2d
from parity.claims import CLAIMS
from parity.explore import Disagreement, describe, explore
from parity.speed import machine
from parity.subject import Scope
from parity.tally import Count

onnx = pytest.importorskip("onnx")
torch = pytest.importorskip("torch")

ONNX = "parity.outsiders.onnx_reference:"
PYTORCH = "parity.outsiders.pytorch:"
ONNX_VERSION = tuple(map(int, onnx.__version__.split(".")[:2]))
TORCH_SCOPE = Scope(
    claims=("exact", "layouts", "bounded", "special", "large"),
    dtypes=("float32", "float64", "float16", "bfloat16"),
    layouts=("C", "F", "sliced", "unaligned"),
    without=frozenset({"empties"}),
)
INTEGERS = replace(
    TORCH_SCOPE,
    claims=("exact", "layouts"),
    dtypes=("int32",),
    without=frozenset({"empties", "dilations"}),
)


class Fault(NamedTuple):
    """A disagreement that was found once: which claim fails on what, and how it says so."""

    conv2d: str
    claim: str
    token: str
    reason: str


# Of ONNX up to 1.22; 1.23 has none of them.
AUTO_PAD = [
    # X.shape[i] is taken for the size of spatial axis i, so N and C are padded for, not H and W.
    Fault(
        "conv2d",
        "exact",
        "float32 NHWC 1x4x4x1 w3x3x1x1 s2,2 d1,1 SAME distinct:0",
        "4 of 4 outputs differ",
    ),
    # Nor is the padding kept from being negative.
    Fault(
        "conv2d",
        "exact",
        "float32 NHWC 1x1x1x2 w1x1x2x1 s1,2 d1,1 SAME ones:0",
        "ValueError: index can't contain negative values",
    ),
]
LOOPS = [
    # A window wholly in the padding above ends before row 0: the slice X[0:-1] is not empty.
    Fault(
        "conv2d_by_loops",
        "exact",
        "float32 NHWC 1x2x1x1 w1x1x1x1 s1,1 d1,1 2,0,0,0 ones:0",
        "subject: np.float32(1.0)",
    ),
    # Below the image it is the filters' slice that ends before 0.
    Fault(
        "conv2d_by_loops",
        "exact",
        "float32 NHWC 1x1x1x1 w2x1x1x1 s1,1 d1,1 0,3,0,0 ones:0",
        "RuntimeError: Unexpected shape",
    ),
    # int32 is summed in float64 and cast back, which does not wrap.
    Fault(
        "conv2d_by_loops",
        "exact",
        "int32 NHWC 1x1x1x2 w1x1x2x1 s1,1 d1,1 VALID bounded:1",
        "subject: np.int32(-2147483648)",
    ),
    # float16 is rounded once a channel.
    Fault(
        "conv2d_by_loops",
        "bounded",
        "float16 NHWC 1x1x1x2 w1x1x2x1 s1,1 d1,1 VALID bounded:8",
        "outside the bound",
    ),
]
# Of ONNX in every version: a dilated kernel is filled up with zeros, which meet inf and nan.
DILATION = [
    Fault(
        "conv2d_with_pads",
        "special",
        "float32 NHWC 1x1x3x1 w1x2x1x1 s1,1 d1,2 VALID special:59",
        "must be +0.0: 1 of 1 outputs differ",
    ),
]
# Of oneDNN's brg_conv_fwd:avx512_core: outputs stay unwritten where there is one input channel, one
# column of outputs and a stride across.
UNWRITTEN = "float32 NHWC 2x3x5x1 w2x5x1x1 s1,2 d1,1 VALID distinct:0"
# Of NNPACK, which transforms batches of 16 and more: Winograd's algorithm and the FFT are accurate
# for the largest output of a tile, not for each.
TRANSFORMS = [
    ("exact", "float32 NHWC 16x5x5x2 w3x3x2x2 s1,1 d1,1 SAME ones:0"),
    ("bounded", "float32 NHWC 16x3x3x1 w3x3x1x1 s1,1 d1,1 SAME normal:0"),
    ("bounded", "float32 NHWC 16x3x3x1 w5x5x1x1 s1,1 d1,1 SAME bounded:0"),
]


def disagreement(claim: str, token: str, conv2d: Conv2d) -> str:
    """Return what is wrong with the case of `token`, nothing where the claim holds."""
    try:
        CLAIMS[claim].check(Case.parse(token), conv2d)
    except Exception as error:
        return describe(error)
    return ""


@pytest.mark.parametrize("fault", AUTO_PAD + LOOPS + DILATION, ids=lambda fault: fault.token)
def test_faults_of_onnx_are_found_by_their_tokens(fault: Fault) -> None:
    found = disagreement(fault.claim, fault.token, subject.load(ONNX + fault.conv2d))
    if fault in DILATION or ONNX_VERSION <= (1, 22):
        assert fault.reason in found
    else:
        assert not found


@pytest.mark.skipif(ONNX_VERSION > (1, 22), reason="mended in ONNX 1.23")
@pytest.mark.parametrize("dtype", ["float32", "float64", "int32"])
def test_auto_pad_is_found_by_searching(dtype: str) -> None:
    scope = Scope(without=frozenset({"empties"}))
    conv2d = subject.load(f"{ONNX}conv2d")
    with pytest.raises(Disagreement) as caught:
        explore(CLAIMS["exact"], dtype, conv2d, scope, Count("exact", dtype), examples=300, start=0)
    case = caught.value.example
    assert isinstance(case, Case)
    assert case.padding == "SAME"
    # With its pads as numbers the operator is right.
    assert not disagreement("exact", case.token(), subject.load(f"{ONNX}conv2d_with_pads"))


@pytest.mark.parametrize("scope", [TORCH_SCOPE, INTEGERS], ids=["floats", "integers"])
def test_pytorch_keeps_its_claims_by_its_own_kernels(scope: Scope) -> None:
    conv2d = subject.load(f"{PYTORCH}conv2d_native")
    for name in scope.claims:
        claim = CLAIMS[name]
        counts = [Count(name, dtype) for dtype in tally.dtypes(claim, scope)]
        for count in counts:
            examples = 60 if name == "large" else 300
            explore(claim, count.dtype, conv2d, scope, count, examples=examples, start=0)
        assert tally.doubts(claim, counts, scope) == []


@pytest.mark.skipif("avx512bw" not in machine.cpu()[1], reason="shows only on CPUs with AVX-512")
def test_outputs_that_onednn_leaves_unwritten_are_found() -> None:
    found = disagreement("exact", UNWRITTEN, subject.load(f"{PYTORCH}conv2d"))
    assert "2 of 4 outputs differ" in found
    assert not disagreement("exact", UNWRITTEN, subject.load(f"{PYTORCH}conv2d_native"))


@pytest.mark.skipif(not torch.backends.nnpack.is_available(), reason="PyTorch is without NNPACK")
@pytest.mark.parametrize(("claim", "token"), TRANSFORMS)
def test_transforms_of_nnpack_are_found(claim: str, token: str) -> None:
    found = disagreement(claim, token, subject.load(f"{PYTORCH}conv2d_without_onednn"))
    assert "outputs differ" in found
    assert not disagreement(claim, token, subject.load(f"{PYTORCH}conv2d_native"))


@pytest.mark.parametrize(
    ("conv2d", "token", "code"),
    [
        (f"{ONNX}conv2d_with_pads", DILATION[0].token, 1),
        (f"{PYTORCH}conv2d_native", DILATION[0].token, 0),
        (f"{ONNX}no_such_function", DILATION[0].token, 2),
    ],
)
def test_replay_tells_by_its_exit_code(conv2d: str, token: str, code: int) -> None:
    command = [sys.executable, "-m", "parity", "replay", token, "--subject", conv2d]
    assert subprocess.run(command, check=False).returncode == code
