"""TensorFlow is asked which build it is: by two ways that have to agree, in each environment."""

import os
import subprocess
import sys

import pytest

from parity.oracles import build as tensorflow_build

LINES = """
onednn_verbose,v1,info,oneDNN v3.7.3 (commit N/A)
onednn_verbose,v1,info,cpu,isa:{isa}
onednn_verbose,v1,primitive,exec,cpu,{primitive},brg_conv_fwd:avx2,forward_training
"""
ORACLE_LEAVES = """
import os
import parity.oracles.eigen as oracle
from parity.oracles.build import runs_onednn
without = not runs_onednn(oracle.tensorflow())
print(os.environ.get("TF_ENABLE_ONEDNN_OPTS"), without)
"""


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("Intel SSE4.1", "SSE41"),
        ("Intel AVX", "AVX"),
        ("Intel AVX2", "AVX2"),
        ("Intel AVX2 with Intel DL Boost", "AVX2_VNNI"),
        ("Intel AVX-512 with AVX512BW, AVX512VL, and AVX512DQ extensions", "AVX512_CORE"),
        ("Intel AVX-512 with Intel DL Boost", "AVX512_CORE_VNNI"),
        ("Intel AVX-512 with Intel DL Boost and bfloat16 support", "AVX512_CORE_BF16"),
        (
            "Intel AVX-512 with float16, Intel DL Boost and bfloat16 support",
            "AVX512_CORE_FP16",
        ),
        (
            "Intel AVX-512 with float16, Intel DL Boost and Intel AMX with bfloat16 support",
            "AVX512_CORE_AMX",
        ),
        ("AArch64 SVE (256 bits)", "AArch64 SVE (256 bits)"),
    ],
)
def test_what_onednn_says_gets_the_name_that_caps_it(words: str, name: str) -> None:
    build = tensorflow_build.read("2.21.0", LINES.format(isa=words, primitive="convolution"))
    assert build == tensorflow_build.Build("2.21.0", True, name)


def test_only_a_convolution_of_onednn_says_that_it_is_on() -> None:
    told = LINES.format(isa="Intel AVX2", primitive="gemm_api")  # Eigen borrows its product
    assert not tensorflow_build.read("2.21.0", told).onednn
    assert tensorflow_build.read("2.21.0", "") == tensorflow_build.Build("2.21.0", False, "")


@pytest.mark.parametrize(
    ("environment", "onednn"),
    [({"TF_ENABLE_ONEDNN_OPTS": "0"}, False),
     ({"TF_ENABLE_ONEDNN_OPTS": "1", "ONEDNN_MAX_CPU_ISA": "SSE41"}, True),
     ({"TF_ENABLE_ONEDNN_OPTS": None}, None)],
)  # fmt: skip
def test_two_ways_to_ask_agree(environment: dict[str, str | None], onednn: bool | None) -> None:
    build = tensorflow_build.ask(environment)  # raises where they do not
    if onednn is not None:  # forced off, forced on and capped
        assert build.onednn == onednn
        assert not onednn or build.instruction_set == "SSE41"


def test_two_ways_that_do_not_agree_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    said = subprocess.CompletedProcess([], 0, "\nversion 2.21.0 True\n", "")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: said)
    with pytest.raises(RuntimeError, match="says oneDNN itself; that oneDNN convolves: True"):
        tensorflow_build.ask({"PLANTED": "1"})


def test_a_tensorflow_that_does_not_start_says_why() -> None:
    with pytest.raises(RuntimeError, match="does not convolve"):
        tensorflow_build.ask({"PYTHONPATH": "/nowhere", "PYTHONHOME": "/nowhere"})


@pytest.mark.parametrize("setting", [None, "1"])
def test_the_oracle_leaves_the_environment_as_the_user_has_it(setting: str | None) -> None:
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    environment.pop("TF_ENABLE_ONEDNN_OPTS", None)
    if setting is not None:
        environment["TF_ENABLE_ONEDNN_OPTS"] = setting
    said = subprocess.run(
        [sys.executable, "-c", ORACLE_LEAVES],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout.split() == [str(setting), "True"]
