"""Formulas for padding that people copy, each with where it stands, as functions of integers.

The letters are those of the table that is made of them: size n, kernel k, stride s, dilation d, all
from 1; ``K = (k-1)*d + 1`` is the dilated extent. Where a source knows no dilation, its kernel is
taken for K, unless the row is about that.

A recipe gives one of three things. Pads are right if the windows are TensorFlow's: as many zeros
before, and as many outputs when a convolution uses both pads; zeros after that no window reads do
no harm. Outputs are right if they are as many. The size that a transpose makes is right if
TensorFlow takes it: if a convolution of it gives the n that were put in.

``parity.theorems.recipes_judged`` proves or refutes them. A condition joins by ``&`` and ``|``, not
by ``and`` and ``or``, so that it is one statement of symbolic integers too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from parity.theorems.tensorflow import truncated, window

PADS, OUTPUTS, SIZE = ("before", "after"), ("outputs",), ("size",)
Values = tuple[int, ...]
GITHUB = "https://github.com/"
TF, TORCH = GITHUB + "tensorflow/", GITHUB + "pytorch/pytorch/"
SONNX = GITHUB + "onnx/working-groups/blob/"
KERAS = GITHUB + "keras-team/keras/blob/v3.15.1/keras/src/"


@dataclass(frozen=True)
class Recipe:
    """A formula, what it claims, and when that is true; `exactly`: when and only when."""

    id: str
    name: str
    formula: str
    padding: str
    gives: tuple[str, ...]
    function: Callable[[int, int, int, int], Values]
    holds_when: str
    holds: Callable[[int, int, int, int], bool]
    exactly: bool
    sources: tuple[str, ...]


def shown(recipe: Recipe, given: Values, n: int, k: int, s: int, d: int) -> Values:
    """Return what a recipe's values come to: before and outputs, outputs, or the size's outputs."""
    if recipe.gives == PADS:
        before, after = given
        return before, window(n, k, s, d, "EXPLICIT", before, after)[0]
    return (window(given[0], k, s, d, recipe.padding)[0],) if recipe.gives == SIZE else given


def wanted(recipe: Recipe, n: int, k: int, s: int, d: int) -> Values:
    """Return what they would come to if they were TensorFlow's."""
    outputs, before, _ = window(n, k, s, d, recipe.padding)
    if recipe.gives == SIZE:
        return (n,)
    return (before, outputs) if recipe.gives == PADS else (outputs,)


def right(recipe: Recipe, n: int, k: int, s: int, d: int) -> bool:
    """Say whether a recipe is right there; of symbolic integers too."""
    given = shown(recipe, recipe.function(n, k, s, d), n, k, s, d)
    pairs = zip(given, wanted(recipe, n, k, s, d), strict=True)
    one, *others = (a == b for a, b in pairs)
    for other in others:
        one = one & other
    return one


def ceil(a: int, b: int) -> int:
    """Return a / b, rounded up."""
    return -(-a // b)


def ends(total: int) -> Values:
    """Cut a total in two, the extra pixel at the end."""
    return total // 2, total - total // 2


def sides(half: int) -> Values:
    """Pad both sides alike."""
    return half, half


def short(n: int, k: int, s: int, d: int) -> int:
    """Return how many pixels the windows of ceil(n/s) outputs need beyond the image, or less."""
    return (ceil(n, s) - 1) * s + (k - 1) * d + 1 - n


def documented(n: int, k: int, s: int, d: int) -> int:
    """Return the total of TensorFlow's documentation."""
    rest, extent = n % s, (k - 1) * d + 1
    return max(extent - s, 0) if rest == 0 else max(extent - rest, 0)


def encodec(n: int, k: int, s: int, d: int) -> Values:
    """Pad K - s, the extra pixel first, and at the end what fills the last window."""
    total = (k - 1) * d - (s - 1)
    return total - total // 2, total // 2 + ceil(n, s) * s - n


def filled(apart: int, extra: int) -> bool:
    """Say when `encodec` is right, of K - s and of the pixels that fill the last window."""
    odd = extra - apart % 2
    return ((odd >= 0) & (odd <= 1) & (apart + extra >= 0)) | ((apart == -1) & (extra == 0))


def defined(n: int, k: int, s: int, d: int) -> bool:
    """Say where a quotient rounded down is one rounded towards zero, of VALID's outputs."""
    return (n + s >= (k - 1) * d + 1) | ((n - (k - 1) * d - 1) % s == 0)


RECIPES = (
    Recipe(
        "tensorflow-max", "The rule itself, as code has it",
        "total = max(0, (ceil(n/s) - 1)*s + K - n); before = total // 2", "SAME", PADS,
        lambda n, k, s, d: ends(max(0, short(n, k, s, d))),
        "always", lambda n, k, s, d: n > 0, True,
        (TF + "tensorflow/blob/master/tensorflow/core/framework/kernel_shape_util.cc",
         TF + "tensorflow/blob/08df8c40/tensorflow/lite/kernels/padding.h",
         GITHUB + "huggingface/pytorch-image-models/blob/main/timm/layers/padding.py",
         GITHUB + "jax-ml/jax/blob/main/jax/_src/lax/lax.py", TORCH + "issues/3867",
         "https://docs.rs/nnapi-sys/latest/nnapi_sys/constant.ANEURALNETWORKS_PADDING_SAME.html"),
    ),
    Recipe(
        "tensorflow-documented", "TensorFlow's documentation",
        "total = max(K - s, 0) if n % s == 0 else max(K - n % s, 0); before = total // 2",
        "SAME", PADS, lambda n, k, s, d: ends(documented(n, k, s, d)),
        "always", lambda n, k, s, d: n > 0, True,
        ("https://www.tensorflow.org/api_docs/python/tf/nn#notes_on_padding_2",
         "https://stackoverflow.com/questions/53819528/"),
    ),
    Recipe(
        "rest-of-stride", "PyTorch's discussion: padding='same_minimal'",
        "total = max(0, (k-1)*d - (n-1) % s); before = total // 2", "SAME", PADS,
        lambda n, k, s, d: ends(max(0, (k - 1) * d - (n - 1) % s)),
        "always", lambda n, k, s, d: n > 0, True, (TORCH + "pull/45667", TORCH + "pull/52631"),
    ),
    Recipe(
        "keras-torch", "Keras on PyTorch",
        "total = K - 1 if s == 1 else max(0, (ceil(n/s) - 1)*s + K - n); before = total // 2",
        "SAME", PADS,
        lambda n, k, s, d: ends((k - 1) * d if s == 1 else max(0, short(n, k, s, d))),
        "always", lambda n, k, s, d: n > 0, True, (KERAS + "backend/torch/nn.py",),
    ),
    Recipe(
        "onnx-same-upper", "ONNX SAME_UPPER; tf2onnx",
        "total = max(0, ((n+s-1)//s - 1)*s + k + (k-1)*(d-1) - n); before = total // 2",
        "SAME", PADS,
        lambda n, k, s, d: ends(max(0, ((n + s - 1) // s - 1) * s + k + (k - 1) * (d - 1) - n)),
        "always", lambda n, k, s, d: n > 0, True,
        ("https://onnx.ai/onnx/operators/onnx__Conv.html",
         GITHUB + "onnx/onnx/blob/cf91e21a/onnx/reference/ops/op_conv.py",
         GITHUB + "onnx/tensorflow-onnx/blob/6fb984bc/tf2onnx/onnx_opset/nn.py"),
    ),
    Recipe(
        "onnx-same-lower", "ONNX SAME_LOWER: the extra pixel first",
        "total as above; before = (total + 1) // 2", "SAME", PADS,
        lambda n, k, s, d: ends(max(0, short(n, k, s, d)))[::-1],
        "(k-1)*d - (n-1) % s is even or below 0",
        lambda n, k, s, d: (((k - 1) * d - (n - 1) % s) % 2 == 0) | ((k - 1) * d < (n - 1) % s),
        True, ("https://onnx.ai/onnx/operators/onnx__Conv.html",
               "https://docs.openvino.ai/2023.0/enumov_1_1op_1_1PadType.html"),
    ),
    Recipe(
        "no-max", "Without max: negative pads crop",
        "total = (ceil(n/s) - 1)*s + K - n; before = total // 2", "SAME", PADS,
        lambda n, k, s, d: ends(short(n, k, s, d)),
        "(n-1) % s <= (k-1)*d; so wherever s <= K",
        lambda n, k, s, d: (n - 1) % s <= (k - 1) * d, True,
        (TF + "tensorflow/issues/5203",
         "https://onnx.ai/onnx/operators/onnx__MaxPool.html",
         "https://docs.rs/trtx-sys/latest/trtx_sys/enum.PaddingMode.html",
         GITHUB + "zylo117/Yet-Another-EfficientDet-Pytorch/blob/1831d754/efficientnet/"
         "utils_extra.py",
         GITHUB + "xumwen/spatial-temporal-forecast/blob/ae4b6f22/my_conv.py"),
    ),
    Recipe(
        "no-dilation", "The kernel, where its dilated extent belongs",
        "total = max(0, (ceil(n/s) - 1)*s + k - n); before = total // 2", "SAME", PADS,
        lambda n, k, s, d: ends(max(0, short(n, k, s, 1))),
        "d = 1, or (k-1)*d <= (n-1) % s",
        lambda n, k, s, d: (d == 1) | ((k - 1) * d <= (n - 1) % s), True,
        (GITHUB + "onnx/onnx/pull/2043", GITHUB + "microsoft/onnxscript/pull/3037"),
    ),
    Recipe(
        "kernel-times-dilation", "k*d for the dilated extent (tf2onnx until 2020)",
        "total = max(0, (ceil(n/s) - 1)*s + k*d - n); before = total // 2", "SAME", PADS,
        lambda n, k, s, d: ends(max(0, (ceil(n, s) - 1) * s + k * d - n)),
        "d = 1, or k*d <= (n-1) % s + 1",
        lambda n, k, s, d: (d == 1) | (k * d <= (n - 1) % s + 1), False,
        (GITHUB + "onnx/tensorflow-onnx/pull/1046",
         GITHUB + "onnx/tensorflow-onnx/blob/02fd7bdc/tf2onnx/onnx_opset/nn.py"),
    ),
    Recipe(
        "pytorch-same", "PyTorch's padding='same' (which refuses s > 1), slim's conv2d_same",
        "total = (k-1)*d; before = total // 2", "SAME", PADS,
        lambda n, k, s, d: ends((k - 1) * d),
        "(n-1) % s = 0, or (n-1) % s = 1 with (k-1)*d odd, or (k-1)*d <= 1; so wherever s = 1",
        lambda n, k, s, d: ((n - 1) % s == 0) | (((n - 1) % s == 1) & ((k - 1) * d % 2 == 1))
        | ((k - 1) * d <= 1), True,
        (TORCH + "blob/ddbcf1cd/torch/nn/modules/conv.py", TORCH + "pull/45667",
         TF + "models/blob/03cdc5fe/research/slim/nets/resnet_utils.py"),
    ),
    Recipe(
        "half-kernel", "padding = k // 2", "before = after = k // 2", "SAME", PADS,
        lambda n, k, s, d: sides(k // 2),
        "k = 1, or (n-1) % s = (k-1)*d - 2*(k//2); so for odd k where d = 1 and s divides n-1",
        lambda n, k, s, d: (k == 1) | ((n - 1) % s == (k - 1) * d - k // 2 * 2), True,
        (TF + "tensorflow/issues/4297", TF + "tensorflow/issues/196",
         GITHUB + "Theano/Theano/pull/4068", GITHUB + "taehoonlee/tensornets/issues/25"),
    ),
    Recipe(
        "half-dilated", "padding = (k-1)*d // 2", "before = after = (k-1)*d // 2", "SAME", PADS,
        lambda n, k, s, d: sides((k - 1) * d // 2),
        "(n-1) % s = (k-1)*d % 2, or (k-1)*d <= 1 and (k-1)*d <= (n-1) % s; "
        "so for odd k where s divides n-1",
        lambda n, k, s, d: ((n - 1) % s == (k - 1) * d % 2)
        | (((k - 1) * d <= 1) & ((k - 1) * d <= (n - 1) % s)), True,
        (GITHUB + "jik876/hifi-gan/blob/4591f5ed/utils.py",
         GITHUB + "yiyang92/super-duper-segmentation/blob/5d257e3c/src/super_segmenter/utils/"
         "helpers.py",
         GITHUB + "Megvii-BaseDetection/YOLOX/issues/1099"),
    ),
    Recipe(
        "timm-symmetric", "timm's default, symmetric",
        "before = after = ((s-1) + (k-1)*d) // 2", "SAME", PADS,
        lambda n, k, s, d: sides((s - 1 + (k - 1) * d) // 2),
        "(k-1)*d even, and s = 1, or s = 2 with n odd or k = 1",
        lambda n, k, s, d: ((k - 1) * d % 2 == 0)
        & ((s == 1) | ((s == 2) & ((n % 2 == 1) | (k == 1)))), True,
        (GITHUB + "huggingface/pytorch-image-models/blob/main/timm/layers/padding.py",),
    ),
    Recipe(
        "keep-size", "Padding for an output as large as the input",
        "before = after = ((n-1)*s + K - n) / 2, rounded down", "SAME", PADS,
        lambda n, k, s, d: sides(((n - 1) * s + (k - 1) * d + 1 - n) // 2),
        "(k-1)*d even, and s = 1 or n = 1; or k = 1 and n = s = 2",
        lambda n, k, s, d: (((k - 1) * d % 2 == 0) & ((s == 1) | (n == 1)))
        | ((k == 1) & (n == 2) & (s == 2)), True,
        (GITHUB + "plops655/Memflow/blob/e97ba4e8/utils/utilities.py",
         GITHUB + "microsoft/nn-Meter/issues/120"),
    ),
    Recipe(
        "half-total-down", "Half the total on both sides, rounded down",
        "before = after = max(0, (ceil(n/s) - 1)*s + K - n) // 2", "SAME", PADS,
        lambda n, k, s, d: sides(max(0, short(n, k, s, d)) // 2),
        "(k-1)*d - (n-1) % s is even or below 0",
        lambda n, k, s, d: (((k - 1) * d - (n - 1) % s) % 2 == 0) | ((k - 1) * d < (n - 1) % s),
        True, (TF + "tensorflow/blob/08df8c40/tensorflow/lite/kernels/padding.h",),
    ),
    Recipe(
        "half-total-up", "Half the total on both sides, rounded up (nn-Meter)",
        "before = after = ceil(total / 2), total as TensorFlow documents it", "SAME", PADS,
        lambda n, k, s, d: sides(ceil(documented(n, k, s, d), 2)),
        "(k-1)*d - (n-1) % s is even or below 0",
        lambda n, k, s, d: (((k - 1) * d - (n - 1) % s) % 2 == 0) | ((k - 1) * d < (n - 1) % s),
        True,
        (GITHUB + "microsoft/nn-Meter/blob/8006ed6e/nn_meter/builder/nn_modules/torch_networks/"
         "utils.py",),
    ),
    Recipe(
        "tvm-same", "TVM's, k - 1 with the extra pixel first",
        "before = k // 2; after = k - 1 - k // 2", "SAME", PADS,
        lambda n, k, s, d: (k // 2, k - 1 - k // 2),
        "k = 1, or k odd and (n-1) % s = (k-1)*(d-1)",
        lambda n, k, s, d: (k == 1) | ((k % 2 == 1) & ((n - 1) % s == (k - 1) * (d - 1))), True,
        (GITHUB + "apache/tvm/blob/073f2a25/topi/python/topi/nn/util.py",),
    ),
    Recipe(
        "kernel-minus-stride", "K - s, the extra pixel first, the last window filled (EnCodec)",
        "before = ceil((K - s) / 2); after = (K - s) // 2 + ceil(n/s)*s - n", "SAME", PADS,
        encodec,
        "with e = -n % s: e - (K-s) % 2 is 0 or 1 and K - s + e >= 0, or K = s - 1 and e = 0",
        lambda n, k, s, d: filled((k - 1) * d + 1 - s, -n % s), True,
        (GITHUB + "facebookresearch/encodec/blob/3837f0db/encodec/modules/conv.py",),
    ),
    Recipe(
        "ceil-outputs", "Outputs, as Keras counts them", "outputs = (n-1)//s + 1", "SAME", OUTPUTS,
        lambda n, k, s, d: ((n - 1) // s + 1,),
        "always", lambda n, k, s, d: n > 0, True, (KERAS + "ops/operation_utils.py",),
    ),
    Recipe(
        "floor-outputs", "Outputs, rounded down", "outputs = n // s", "SAME", OUTPUTS,
        lambda n, k, s, d: (n // s,), "s divides n", lambda n, k, s, d: n % s == 0, True,
        ("https://blog.youkuaiyun.com/qq_29547673/article/details/90237295",),
    ),
    Recipe(
        "same-outputs", "Outputs, as the name says", "outputs = n", "SAME", OUTPUTS,
        lambda n, k, s, d: (n,), "s = 1 or n = 1", lambda n, k, s, d: (s == 1) | (n == 1), True,
        (TF + "tensorflow/issues/48137",),
    ),
    Recipe(
        "caffe-ceil", "Outputs of Caffe's pooling without pads",
        "outputs = ceil((n - K) / s) + 1", "SAME", OUTPUTS,
        lambda n, k, s, d: (ceil(n - (k - 1) * d - 1, s) + 1,),
        "(n-1) % s <= (k-1)*d < (n-1) % s + s",
        lambda n, k, s, d: ((n - 1) % s <= (k - 1) * d) & ((k - 1) * d < (n - 1) % s + s), True,
        (GITHUB + "BVLC/caffe/blob/03238445/src/caffe/layers/pooling_layer.cpp",
         GITHUB + "BVLC/caffe/issues/3656"),
    ),
    Recipe(
        "valid-documented", "Outputs of VALID, as TensorFlow documents them",
        "outputs = ceil((n - K + 1) / s)", "VALID", OUTPUTS,
        lambda n, k, s, d: (ceil(n - (k - 1) * d, s),),
        "n + s >= K, or s divides n - K", defined, True,
        ("https://www.tensorflow.org/api_docs/python/tf/nn#notes_on_padding_2",),
    ),
    Recipe(
        "valid-floor", "Outputs of VALID, as PyTorch and Keras count them",
        "outputs = (n - K)//s + 1", "VALID", OUTPUTS,
        lambda n, k, s, d: ((n - (k - 1) * d - 1) // s + 1,),
        "n + s >= K, or s divides n - K", defined, True,
        ("https://pytorch.org/docs/stable/generated/torch.nn.Conv2d.html",
         KERAS + "ops/operation_utils.py"),
    ),
    Recipe(
        "valid-times-dilation", "Outputs of VALID in ONNX's safety profile, in words",
        "outputs = (n - k*d)//s + 1", "VALID", OUTPUTS,
        lambda n, k, s, d: ((n - k * d) // s + 1,),
        "d - 1 <= (n-K) % s, and n + s >= K or s divides n - K",
        lambda n, k, s, d: (d - 1 <= (n - (k - 1) * d - 1) % s) & defined(n, k, s, d), True,
        (SONNX + "3d3740ad/safety-related-profile/sonnx/ops/spec/informal/conv/conv.md",),
    ),
    Recipe(
        "valid-why3", "Outputs of VALID in ONNX's safety profile, in Why3",
        "outputs = (n - K) / (s + 1), towards zero", "VALID", OUTPUTS,
        lambda n, k, s, d: (truncated(n - (k - 1) * d - 1, s + 1),),
        "n < K <= n + s, where there is no output",
        lambda n, k, s, d: (n < (k - 1) * d + 1) & ((k - 1) * d + 1 <= n + s), False,
        (SONNX + "2e353359/safety-related-profile/sonnx/ops/spec/formal/conv/conv.mlw",),
    ),
    Recipe(
        "transpose-same", "Size of a transpose with SAME", "size = n*s", "SAME", SIZE,
        lambda n, k, s, d: (n * s,), "always", lambda n, k, s, d: n > 0, True,
        (KERAS + "backend/common/backend_utils.py",
         "https://onnx.ai/onnx/operators/onnx__ConvTranspose.html"),
    ),
    Recipe(
        "transpose-valid", "Size of a transpose with VALID", "size = (n-1)*s + K", "VALID", SIZE,
        lambda n, k, s, d: ((n - 1) * s + (k - 1) * d + 1,),
        "always", lambda n, k, s, d: n > 0, True,
        ("https://pytorch.org/docs/stable/generated/torch.nn.ConvTranspose2d.html",
         "https://onnx.ai/onnx/operators/onnx__ConvTranspose.html"),
    ),
    Recipe(
        "keras-transpose-valid", "Size of a transpose with VALID in Keras",
        "size = n*s + max(K - s, 0)", "VALID", SIZE,
        lambda n, k, s, d: (n * s + max((k - 1) * d + 1 - s, 0),),
        "always", lambda n, k, s, d: n > 0, True, (KERAS + "backend/common/backend_utils.py",),
    ),
)  # fmt: skip
