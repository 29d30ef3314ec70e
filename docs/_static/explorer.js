"use strict";
// The integers of one axis of a convolution, which need no page, then the page that shows them.

globalThis.npconvSame = (() => {
  const LIMIT = 2n ** 31n - 1n; // TensorFlow's strides and sizes are int32
  const LEAST = { size: 0n, kernel: 1n, stride: 1n, dilation: 1n, before: 0n, after: 0n };
  const MOST_MARKED = 1 << 20; // taps that are followed to find unread pixels
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

  function numpy({ before, after, stride, dilation, extent, outputs }) {
    if (outputs === 0n) return "np.zeros(0)";
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

(() => {
  const root = globalThis.document?.getElementById("explorer");
  if (!root) return;
  const { resolve, first, unread, torch, numpy, recipes, agrees } = globalThis.npconvSame;
  const known = JSON.parse(document.getElementById("same-recipes").textContent);
  const STEPS = { size: ["n", 64], kernel: ["k", 16], stride: ["s", 8], dilation: ["d", 8] };
  const PADS = { before: ["b", 16], after: ["a", 16] };
  const state = { n: "10", k: "3", s: "2", d: "1", p: "SAME", b: "1", a: "1", i: "0" };
  const MODES = { SAME: "SAME", VALID: "VALID", explicit: "explicit" };

  function element(parent, name, attributes = {}, text = "") {
    const space = parent.namespaceURI.endsWith("svg") || name === "svg" ? "http://www.w3.org/2000/svg" : "http://www.w3.org/1999/xhtml";
    const made = parent.appendChild(document.createElementNS(space, name));
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.textContent = text;
    return made;
  }

  // A slider for what is usual and a number for everything, under one name.
  function field(parent, name, key, least, most) {
    const row = element(parent, "div", { class: "field" });
    element(row, "label", { for: `same-${key}` }, name);
    const shared = { min: least, max: most, step: 1 };
    const slider = element(row, "input", { type: "range", "aria-label": `${name}, slider`, ...shared });
    const number = element(row, "input", { id: `same-${key}`, inputmode: "numeric", autocomplete: "off" });
    for (const input of [slider, number])
      input.addEventListener("input", () => change({ [key]: input.value }, input));
    return { row, slider, number };
  }

  const form = element(root, "form", { "aria-label": "One axis of a convolution" });
  form.addEventListener("submit", (event) => event.preventDefault());
  const fields = {};
  for (const [name, [key, most]] of Object.entries(STEPS))
    fields[key] = field(form, name, key, name === "size" ? 0 : 1, most);
  const modes = element(form, "fieldset");
  element(modes, "legend", {}, "padding");
  for (const mode of Object.keys(MODES)) {
    const label = element(modes, "label");
    const radio = element(label, "input", { type: "radio", name: "same-padding", value: mode });
    label.append(` ${mode}`);
    radio.addEventListener("change", () => change({ p: mode }));
  }
  for (const [name, [key, most]] of Object.entries(PADS)) fields[key] = field(form, name, key, 0, most);
  const drawing = element(root, "div", { class: "drawing" });
  fields.i = field(root, "output", "i", 0, 0);
  const words = element(root, "div", { class: "words", role: "status", "aria-live": "polite" });
  const calls = element(root, "div", { class: "calls" });
  const table = element(root, "div", { class: "table-wrapper" });

  function change(values, source) {
    Object.assign(state, values);
    update(source);
    const hash = new URLSearchParams(shared()).toString();
    try {
      history.replaceState(null, "", `#${hash}`);
    } catch {
      location.replace(`#${hash}`);
    }
  }

  // What a link has to say: pads only where they count.
  function shared() {
    return Object.entries(state).filter(([key]) => !"ab".includes(key) || state.p === "explicit");
  }

  function follow() {
    const given = new URLSearchParams(location.hash.slice(1));
    if (given.has("n"))
      for (const key of Object.keys(state)) if (given.has(key)) state[key] = given.get(key);
    update();
  }

  function update(source) {
    for (const [key, { slider, number }] of Object.entries(fields)) {
      if (slider !== source) slider.value = state[key];
      if (number !== source) number.value = state[key];
      number.removeAttribute("aria-invalid");
      slider.setAttribute("aria-valuetext", state[key]);
    }
    for (const radio of modes.querySelectorAll("input")) radio.checked = radio.value === state.p;
    for (const key of "ba") fields[key].row.hidden = state.p !== "explicit";
    try {
      const padding = state.p === "explicit" ? [state.b, state.a] : state.p;
      show(resolve(state.n, state.k, state.s, state.d, padding), source);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      const name = error.message.split(":")[0];
      const [key] = { ...STEPS, ...PADS }[name] ?? [];
      if (key) fields[key].number.setAttribute("aria-invalid", "true");
      words.replaceChildren();
      element(words, "p", { class: "wrong" }, `This cannot be: ${error.message}.`);
      for (const part of [drawing, calls, table]) part.replaceChildren();
    }
  }

  const plural = (count, name) => `${count} ${name}${count === 1n || count === 1 ? "" : "s"}`;

  function show(axis, source) {
    const last = axis.outputs > 0n ? axis.outputs - 1n : 0n;
    let output = /^\d+$/.test(state.i) ? BigInt(state.i) : 0n;
    if (output > last) output = last;
    if (source !== fields.i.number) state.i = fields.i.number.value = String(output);
    fields.i.slider.max = String(last);
    fields.i.slider.value = String(output);
    fields.i.row.hidden = axis.outputs < 1n;
    const missed = axis.outputs > 0n ? unread(axis) : [];
    words.replaceChildren();
    for (const line of sentences(axis, output, missed)) element(words, "p", {}, line);
    draw(axis, output, new Set(missed));
    calls.replaceChildren();
    if (axis.outputs > 0n) {
      call("PyTorch, both axes alike, channels first", torch(axis));
      call("NumPy, this axis", numpy(axis));
    }
    judge(axis);
  }

  function sentences(axis, output, missed) {
    const { size, kernel, dilation, before, after, outputs, extent } = axis;
    const wide = dilation > 1n ? `${plural(kernel, "tap")}, ${dilation} pixels apart, reach over ${plural(extent, "pixel")}` : `${plural(kernel, "tap")} reach over as many pixels`;
    if (outputs < 0n) return [`No convolution: ${wide}, two strides or more beyond the ${size + before + after} there are. npconv and TensorFlow refuse it.`];
    const lines = [`${plural(outputs, "output")}. Pads: ${before} before, ${after} after. The kernel's ${wide}.`];
    if (outputs === 0n) return [`${lines[0]} The result is empty.`];
    const start = first(axis, output);
    lines.push(`Output ${output} reads from pixel ${start} to ${start + extent - 1n}${dilation > 1n ? `, every ${dilation}` : ""}; the first pixel is 0, and what is outside 0 to ${size - 1n} is zeros.`);
    if (missed === null) lines.push("Pixels never read are not counted at this size.");
    else if (missed.length) {
      const named = missed.slice(0, 8).join(", ") + (missed.length > 8 ? ", ..." : "");
      lines.push(`${plural(missed.length, "pixel")} never read: ${named}.`);
    } else lines.push("Every pixel is read.");
    return lines;
  }

  function call(name, code) {
    const box = element(calls, "div", { class: "call" });
    element(box, "span", {}, name);
    element(element(box, "pre", { tabindex: 0 }), "code", {}, code);
    const button = element(box, "button", { type: "button", "aria-label": `Copy the call for ${name}` }, "Copy");
    button.addEventListener("click", () => {
      navigator.clipboard?.writeText(code).then(() => (button.textContent = "Copied"));
    });
  }

  const [NARROW, WIDE] = [13, 30]; // the width of a pixel
  const ROWS = 7; // windows that are drawn at once

  // Of a long axis what is around the output's window, or, where that is long, everything to scale.
  function draw(axis, output, missed) {
    drawing.replaceChildren();
    if (axis.outputs < 1n) return;
    const [size, before, after, extent] = ["size", "before", "after", "extent"].map((name) => Number(axis[name]));
    const [count, current, step, kernel] = [Number(axis.outputs), Number(output), Number(axis.dilation), Number(axis.kernel)];
    const start = Number(first(axis, output));
    const [left, width] = [78, Math.max(260, drawing.clientWidth)];
    const room = width - left - 16;
    const around = (least, length, most, from) => Math.max(least, Math.min(from, most - length));
    const fit = Math.floor(room / NARROW);
    const whole = before + size + after;
    const shown = whole <= fit || extent > fit ? whole : fit;
    const lo = around(-before, shown, size + after, start - ((shown - extent) >> 1));
    const hi = lo + shown;
    const single = shown <= fit; // pixel by pixel
    const cell = Math.min(WIDE, room / shown);
    const slots = Math.min(count, Math.floor(room / WIDE));
    const slot = around(0, slots, count, current - (slots >> 1)); // the first output that is drawn
    const rows = Math.min(ROWS, count);
    const from = around(0, rows, count, current - (rows >> 1));
    const [top, high, line] = [18, 24, 22];
    const bottom = top + high + 12 + rows * line + 30;
    const x = (pixel) => left + (pixel - lo) * cell;
    const svg = element(drawing, "svg", { viewBox: `0 0 ${width} ${bottom + high + 4}`, width, role: "img", "aria-label": `${axis.before} pads, ${axis.size} pixels, ${axis.after} pads; below, the windows of outputs ${from} to ${from + rows - 1}, that of output ${current} marked` });
    const pattern = element(element(svg, "defs"), "pattern", { id: "same-hatch", width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" });
    element(pattern, "rect", { width: 2, height: 6, class: "hatch" });
    const text = (at, y, words, kind = "", anchor = "middle") => element(svg, "text", { x: at, y, class: kind, "text-anchor": anchor }, words);
    // What is drawn of pixels from `pixel` on, cut at the ends of what is shown.
    function box(kind, pixel, length, y, height) {
      const [a, b] = [Math.max(lo, pixel), Math.min(hi, pixel + length)];
      if (a < b) element(svg, "rect", { class: kind, x: x(a), y, width: Math.max(1.5, (b - a) * cell), height });
    }
    const apart = step * cell >= 3 && kernel * cell <= 2 * room ? kernel : 1; // taps, or one area
    function taps(kind, pixel, y, height) {
      for (let tap = 0; tap < apart; tap++) box(kind, pixel + tap * step, apart === 1 ? extent : 1, y, height);
    }

    text(left - 8, top + 16, lo > -before ? "image …" : "image", "", "end");
    text(left - 8, bottom + 16, slot > 0 ? "outputs …" : "outputs", "", "end");
    if (hi < size + after) text(width - 8, top + 16, "…");
    if (slot + slots < count) text(left + slots * WIDE + 8, bottom + 16, "…");
    const kinds = (pixel) => (pixel < 0 || pixel >= size ? "pad" : missed.has(pixel) ? "pixel missed" : "pixel");
    for (let pixel = lo; single && pixel < hi; pixel++) {
      box(kinds(pixel), pixel, 1, top, high);
      const mark = { pad: "0", "pixel missed": "×" }[kinds(pixel)];
      if (mark) text(x(pixel + 0.5), top + 16, mark);
      const every = String(hi).length * 8 + 4 > cell ? 5 : 1;
      if (pixel >= 0 && pixel < size && pixel % every === 0) text(x(pixel + 0.5), 12, String(pixel));
    }
    if (!single) {
      box("pad", lo, before, top, high);
      box("pixel", 0, size, top, high);
      box("pad", size, after, top, high);
      text(x(0), 12, "0");
    }
    for (let row = 0; row < rows; row++) {
      const [one, y] = [from + row, top + high + 12 + row * line];
      const [marked, pixel] = [one === current, Number(first(axis, one))];
      if (apart > 1 && step > 1) box("reach", pixel, extent, y + 7, 2);
      taps(marked ? "tap current" : "tap", pixel, y, 16);
      text(left - 8, y + 13, `${marked ? "▸ " : ""}${one}`, marked ? "current" : "", "end");
    }
    taps("under", start, top - 1, high + 2);
    const [place, y] = [left + (current - slot) * WIDE, top + high + 12 + (current - from) * line + 17];
    const [a, b] = [x(Math.max(lo, start)), x(Math.min(hi, start + extent))];
    element(svg, "path", { class: "funnel", d: `M${a} ${y}L${place} ${bottom}H${place + WIDE}L${b} ${y}z` });
    for (let one = slot; one < slot + slots; one++) {
      const kind = one === current ? "output current" : "output";
      element(svg, "rect", { class: kind, x: left + (one - slot) * WIDE, y: bottom, width: WIDE, height: high });
      if (String(one).length < 4) text(left + (one - slot + 0.5) * WIDE, bottom + 16, String(one));
    }
  }

  // What each recipe for this padding gives; explicit pads are mostly meant for SAME.
  function judge(axis) {
    table.replaceChildren();
    const padding = state.p === "VALID" ? "VALID" : "SAME";
    const rows = known.filter(({ id }) => recipes[id]?.padding === padding && recipes[id].gives !== "size");
    if (!rows.length || axis.size < 1n) return;
    const right = rows.filter(({ id }) => agrees(recipes[id], axis)).length;
    const list = element(table, "table");
    element(list, "caption", {}, `Of ${rows.length} recipes for ${padding}, ${right} are right here`);
    const head = element(element(list, "thead"), "tr");
    for (const name of ["recipe", "here", "for all sizes"]) element(head, "th", { scope: "col" }, name);
    const body = element(list, "tbody");
    for (const { id, name, formula, verdict, holds_when: when, counterexample } of rows) {
      const values = recipes[id].of(axis.size, axis.kernel, axis.stride, axis.dilation);
      const given = recipes[id].gives === "pads" ? `pads ${values.join(" and ")}` : plural(values[0], "output");
      const row = element(body, "tr");
      element(element(row, "th", { scope: "row" }, `${name} `), "code", {}, formula);
      element(row, "td", {}, `${agrees(recipes[id], axis) ? "✓ right" : "✗ wrong"}: ${given}`);
      const general = element(row, "td", {}, verdict === "proved" ? "✓ proved" : `✗ right if ${when}. `);
      if (!counterexample) continue;
      const [n, k, s, d] = counterexample.map(String);
      const button = element(general, "button", { type: "button" }, `Show ${n}, ${k}, ${s}, ${d}`);
      button.setAttribute("aria-label", `Show size ${n}, kernel ${k}, stride ${s}, dilation ${d}`);
      button.addEventListener("click", () => {
        change({ n, k, s, d, p: padding, i: "0" });
        root.scrollIntoView();
        fields.n.number.focus({ preventScroll: true });
      });
    }
  }

  addEventListener("hashchange", follow);
  addEventListener("resize", () => update());
  follow();
})();
