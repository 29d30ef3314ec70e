"""Claim: the suite passes PyTorch and ONNX where they are right, and finds what is wrong by name.

Runs where ONNX and PyTorch are installed: ``tox -e outsiders``.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from parity.__main__ import main
from parity.claims import CLAIMS, tally, trust
from parity.claims.check import Subject
from parity.claims.tally import Count
from parity.model import subject
from parity.model.case import Case, Conv2d
from parity.model.subject import Scope
from parity.oracles import onednn as tensorflow_onednn
from parity.search.explore import Disagreement, describe, explore
from parity.search.looks import looks_like

pytest.importorskip("onnx", "1.23")
torch = pytest.importorskip("torch")

ONNX = "parity.subjects.onnx_reference:"
PYTORCH = "parity.subjects.pytorch:"
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
# ONNX 1.23 computes by im2col, and without dilation it is right.
ONNX_SCOPE = Scope(claims=("exact", "bounded"), without=frozenset({"empties"}))
UNDILATED = replace(ONNX_SCOPE, claims=("special",), without=frozenset({"empties", "dilations"}))
# A dilated kernel is filled up with zeros, which meet inf and nan.
DILATION = "float32 NHWC 1x1x3x1 w1x2x1x1 s1,1 d1,2 VALID special:59"
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


def test_dilation_in_onnx_is_found_by_its_token() -> None:
    found = disagreement("special", DILATION, subject.load(f"{ONNX}conv2d"))
    assert "must be +0.0: 1 of 1 outputs differ" in found


def test_dilation_in_onnx_is_found_by_searching() -> None:
    conv2d, scope = subject.load(f"{ONNX}conv2d"), replace(ONNX_SCOPE, claims=("special",))
    count = Count("special", "float32")
    with pytest.raises(Disagreement) as caught:
        explore(CLAIMS["special"], "float32", conv2d, scope, count, examples=300, start=0)
    case = caught.value.example
    assert isinstance(case, Case)
    assert max(case.dilations) > 1


@pytest.mark.parametrize("scope", [ONNX_SCOPE, UNDILATED], ids=["exact", "special"])
def test_onnx_keeps_its_claims(scope: Scope) -> None:
    keeps(f"{ONNX}conv2d", scope)


@pytest.mark.parametrize("scope", [TORCH_SCOPE, INTEGERS], ids=["floats", "integers"])
def test_pytorch_keeps_its_claims_by_its_own_kernels(scope: Scope) -> None:
    keeps(f"{PYTORCH}conv2d_native", scope)


def keeps(name: str, scope: Scope) -> None:
    """Hold a subject to the claims of a scope, and the run to what a run has to compare."""
    conv2d = subject.load(name)
    for claim in (CLAIMS[name] for name in scope.claims):
        counts = [Count(claim.name, dtype) for dtype in tally.dtypes(claim, scope)]
        for count in counts:
            examples = 60 if claim.name == "large" else 300
            explore(claim, count.dtype, conv2d, scope, count, examples=examples, start=0)
        assert trust.doubts(claim, counts, scope) == []


def test_outputs_that_onednn_leaves_unwritten_are_found() -> None:
    if not tensorflow_onednn.machine().instruction_set.startswith("AVX512"):
        pytest.skip("shows only where oneDNN may use AVX-512")
    found = disagreement("exact", UNWRITTEN, subject.load(f"{PYTORCH}conv2d"))
    assert "2 of 4 outputs differ" in found
    assert not disagreement("exact", UNWRITTEN, subject.load(f"{PYTORCH}conv2d_native"))


@pytest.mark.skipif(not torch.backends.nnpack.is_available(), reason="PyTorch is without NNPACK")
@pytest.mark.parametrize(("claim", "token"), TRANSFORMS)
def test_transforms_of_nnpack_are_found(claim: str, token: str) -> None:
    found = disagreement(claim, token, subject.load(f"{PYTORCH}conv2d_without_onednn"))
    assert "outputs differ" in found
    assert not disagreement(claim, token, subject.load(f"{PYTORCH}conv2d_native"))


@pytest.mark.skipif(not torch.backends.nnpack.is_available(), reason="PyTorch is without NNPACK")
@pytest.mark.parametrize(("claim", "token"), TRANSFORMS[:2])
def test_winograds_algorithm_in_nnpack_is_right_within_its_bound(claim: str, token: str) -> None:
    scope = replace(TORCH_SCOPE, error="winograd:F(6,3):0,±1,±2,±1/2")
    function = subject.load(f"{PYTORCH}conv2d_without_onednn")
    assert not disagreement(claim, token, Subject(function, scope))


@pytest.mark.parametrize(
    ("conv2d", "token", "code"),
    [
        (f"{ONNX}conv2d", DILATION, 1),
        (f"{PYTORCH}conv2d_native", DILATION, 0),
        (f"{ONNX}no_such_function", DILATION, 2),
    ],
)
def test_replay_tells_by_its_exit_code(conv2d: str, token: str, code: int) -> None:
    assert main(["replay", token, "--subject", conv2d]) == code


@pytest.mark.parametrize(
    "conv2d", [f"{PYTORCH}conv2d_native", f"{PYTORCH}conv2d_without_onednn", f"{ONNX}conv2d"]
)
@pytest.mark.parametrize("token", [DILATION, *(token for _, token in TRANSFORMS)])
def test_what_others_do_for_reasons_of_their_own_is_no_misunderstanding(
    conv2d: str, token: str
) -> None:
    said = looks_like(subject.load(conv2d), Case.parse(token), TORCH_SCOPE)
    winograd = conv2d.endswith("without_onednn") and "w3x3" in token
    assert ("within the bound of Winograd's F(" in said) == winograd
    assert bool(said) == winograd
