"use strict";
// The integers of one axis of a convolution, and formulas for them that people copy.

globalThis.npconvSame = (() => {
  const LIMIT = 2n ** 31n - 1n; // TensorFlow's strides and sizes are int32
  const LEAST = { size: 0n, kernel: 1n, stride: 1n, dilation: 1n, before: 0n, after: 0n };
  const MOST_MARKED = 1 << 17; // taps that are followed to find unread pixels
  const max = (a, b) => (a > b ? a : b);
  const floor = (a, b) => a / b - (a % b < 0n ? 1n : 0n); // BigInt rounds towards zero, as C++
  const extentOf = (k, d) => (k - 1n) * d + 1n;

  function read(name, value) {
    const text = String(value).trim();
    const whole = /^[+-]?\d{1,40}$/.test(text) ? BigInt(text) : null;
    if (whole !== null && whole >= LEAST[name] && whole <= LIMIT) return whole;
    const allowed = `a whole number from ${LEAST[name]} to ${LIMIT}`;
    throw new RangeError(`${name}: expected ${allowed}, received ${text || "nothing"}`);
  }

  // padding: "SAME", "VALID" or [before, after]; numbers, strings or BigInts; the result is BigInts.
  function resolve(size, kernel, stride, dilation, padding) {
    const [n, k] = [read("size", size), read("kernel", kernel)];
    const [s, d] = [read("stride", stride), read("dilation", dilation)];
    const extent = extentOf(k, d);
    let [outputs, before, after] = [(n + s - 1n) / s, 0n, 0n];
    if (padding === "SAME") {
      const total = max(0n, (outputs - 1n) * s + extent - n);
      before = total / 2n;
      after = total - before;
    } else {
      if (Array.isArray(padding) && padding.length === 2)
        [before, after] = [read("before", padding[0]), read("after", padding[1])];
      else if (padding !== "VALID")
        throw new RangeError(`padding: expected SAME, VALID or two pads, received ${padding}`);
      outputs = (n + before + after - extent + s) / s;
    }
    return { size: n, kernel: k, stride: s, dilation: d, before, after, outputs, extent };
  }

  const first = (axis, output) => BigInt(output) * axis.stride - axis.before;

  // The pixels that no window reads, in order; null where there is too much to follow.
  function unread(axis) {
    if (axis.size > MOST_MARKED || axis.outputs * axis.kernel > MOST_MARKED) return null;
    const read = new Uint8Array(Number(axis.size));
    for (let i = 0n; i < axis.outputs; i++)
      for (let t = 0n; t < axis.kernel; t++) {
        const pixel = first(axis, i) + t * axis.dilation;
        if (pixel >= 0n && pixel < axis.size) read[Number(pixel)] = 1;
      }
    return Array.from(read.keys()).filter((pixel) => !read[pixel]);
  }

  // What npconv.explain says for NCHW, along both axes of a square image.
  function torch({ before, after, stride, dilation }) {
    const even = before === after;
    const image = even ? "input" : `F.pad(input, (${before}, ${after}, ${before}, ${after}))`;
    const pair = (name, x, least) => (x > least ? `, ${name}=(${x}, ${x})` : "");
    const steps = pair("stride", stride, 1n) + pair("dilation", dilation, 1n);
    const pads = even ? pair("padding", before, 0n) : "";
    return `F.conv2d(${image}, filters.permute(3, 2, 0, 1)${pads}${steps})`;
  }

  function numpy({ before, after, stride, dilation, extent }) {
    const padded = before || after ? `np.pad(x, (${before}, ${after}))` : "x";
    const step = (by) => (by > 1n ? `::${by}` : ":");
    const cut = dilation > 1n ? `[${step(stride)}, ${step(dilation)}]` : `[${step(stride)}]`;
    return `sliding_window_view(${padded}, ${extent})${cut === "[:]" ? "" : cut} @ w`;
  }

  // Formulas that people copy, by what they are about and give: size, kernel, stride, dilation ->
  // [before, after], [outputs] or the [size] that a transpose makes of so many.
  const ceil = (a, b) => floor(a + b - 1n, b);
  const rest = (a, b) => a - floor(a, b) * b;
  const ends = (total) => [floor(total, 2n), total - floor(total, 2n)];
  const both = (half) => [half, half];
  const short = (n, k, s, d) => (ceil(n, s) - 1n) * s + extentOf(k, d) - n;
  const total = (n, k, s, d) => max(0n, short(n, k, s, d));
  const documented = (n, k, s, d) => max(0n, extentOf(k, d) - (rest(n, s) || s));
  const groups = [
    ["SAME", "pads", {
      "tensorflow-max": (n, k, s, d) => ends(total(n, k, s, d)),
      "tensorflow-documented": (n, k, s, d) => ends(documented(n, k, s, d)),
      "rest-of-stride": (n, k, s, d) => ends(max(0n, (k - 1n) * d - rest(n - 1n, s))),
      "keras-torch": (n, k, s, d) => ends(s === 1n ? (k - 1n) * d : total(n, k, s, d)),
      "onnx-same-upper": (n, k, s, d) => ends(max(0n, (floor(n + s - 1n, s) - 1n) * s + k + (k - 1n) * (d - 1n) - n)),
      "onnx-same-lower": (n, k, s, d) => ends(total(n, k, s, d)).reverse(),
      "no-max": (n, k, s, d) => ends(short(n, k, s, d)),
      "no-dilation": (n, k, s) => ends(total(n, k, s, 1n)),
      "kernel-times-dilation": (n, k, s, d) => ends(max(0n, (ceil(n, s) - 1n) * s + k * d - n)),
      "pytorch-same": (n, k, s, d) => ends((k - 1n) * d),
      "half-kernel": (n, k) => both(k / 2n),
      "half-dilated": (n, k, s, d) => both(((k - 1n) * d) / 2n),
      "timm-symmetric": (n, k, s, d) => both((s - 1n + (k - 1n) * d) / 2n),
      "keep-size": (n, k, s, d) => both(ceil((n - 1n) * s + extentOf(k, d) - n, 2n)),
      "half-total-down": (n, k, s, d) => both(total(n, k, s, d) / 2n),
      "half-total-up": (n, k, s, d) => both(ceil(documented(n, k, s, d), 2n)),
      "tvm-same": (n, k) => [k / 2n, k - 1n - k / 2n],
      "kernel-minus-stride": (n, k, s, d) => {
        const [less, more] = ends(extentOf(k, d) - s);
        return [more, less + ceil(n, s) * s - n];
      },
    }],
    ["SAME", "outputs", {
      "ceil-outputs": (n, k, s) => [floor(n - 1n, s) + 1n],
      "floor-outputs": (n, k, s) => [n / s],
      "same-outputs": (n) => [n],
      "caffe-ceil": (n, k, s, d) => [ceil(n - extentOf(k, d), s) + 1n],
    }],
    ["VALID", "outputs", {
      "valid-documented": (n, k, s, d) => [ceil(n - (k - 1n) * d, s)],
      "valid-floor": (n, k, s, d) => [floor(n - extentOf(k, d), s) + 1n],
      "valid-times-dilation": (n, k, s, d) => [floor(n - k * d, s) + 1n],
      "valid-why3": (n, k, s, d) => [(n - extentOf(k, d)) / (s + 1n)],
    }],
    ["SAME", "size", { "transpose-same": (n, k, s) => [n * s] }],
    ["VALID", "size", {
      "transpose-valid": (n, k, s, d) => [(n - 1n) * s + extentOf(k, d)],
      "keras-transpose-valid": (n, k, s, d) => [n * s + max(0n, extentOf(k, d) - s)],
    }],
  ];
  const recipes = Object.fromEntries(groups.flatMap(([padding, gives, each]) =>
    Object.entries(each).map(([id, of]) => [id, { padding, gives, of }])));

  // Whether a recipe's windows, outputs or size are those of TensorFlow's rule.
  function agrees({ padding, gives, of }, { size: n, kernel: k, stride: s, dilation: d }) {
    const [value, after] = of(n, k, s, d);
    const outputs = (size, total) => (size + total - extentOf(k, d) + s) / s;
    if (gives === "size") return (padding === "SAME" ? ceil(value, s) : outputs(value, 0n)) === n;
    const right = resolve(n, k, s, d, padding);
    if (gives === "outputs") return value === right.outputs;
    return value === right.before && outputs(n, value + after) === right.outputs;
  }

  return { resolve, first, unread, torch, numpy, recipes, agrees };
})();
