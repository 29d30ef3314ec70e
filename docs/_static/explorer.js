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

  const cut = (outputs, total) => {
    const before = floor(total, 2n);
    return [outputs, before, total - before];
  };
  const ceil = (n, s) => floor(n + s - 1n, s);
  // Each: size, kernel, stride, dilation -> [outputs, before, after].
  const recipes = {
    "no-max": (n, k, s, d) => cut(ceil(n, s), (ceil(n, s) - 1n) * s + extentOf(k, d) - n),
    "half-kernel": (n, k, s, d) => {
      const pad = ((k - 1n) * d) / 2n;
      return [floor(n + 2n * pad - extentOf(k, d), s) + 1n, pad, pad];
    },
    "torch-same": (n, k, s, d) => {
      const [, before, after] = cut(n, (k - 1n) * d);
      return [floor(n + before + after - extentOf(k, d), s) + 1n, before, after];
    },
  };

  return { LIMIT, resolve, first, unread, torch, numpy, recipes };
})();

(() => {
  const root = globalThis.document?.getElementById("explorer");
  if (!root) return;
  const { resolve, first, unread, torch, numpy, recipes } = globalThis.npconvSame;
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

  const DRAWN = 400; // pixels that are drawn one by one
  const ROWS = 7; // windows that are drawn at once

  function draw(axis, output, missed) {
    drawing.replaceChildren();
    if (axis.outputs < 1n) return;
    const [size, before, after, extent] = ["size", "before", "after", "extent"].map((name) => Number(axis[name]));
    const [count, current, step] = [Number(axis.outputs), Number(output), Number(axis.dilation)];
    const total = before + size + after;
    const [left, width] = [78, Math.max(260, drawing.clientWidth)];
    const cell = Math.min(30, (width - left - 2) / total);
    const x = (pixel) => left + (pixel + before) * cell;
    const rows = Math.min(ROWS, count);
    const from = Math.max(0, Math.min(count - rows, current - (rows >> 1)));
    const [top, high, line] = [18, 24, 22];
    const bottom = top + high + 12 + rows * line + 34;
    const svg = element(drawing, "svg", { viewBox: `0 0 ${width} ${bottom + high + 4}`, width, role: "img", "aria-label": `${axis.before} pads, ${axis.size} pixels, ${axis.after} pads, and the windows of outputs ${from} to ${from + rows - 1}; output ${current} is marked` });
    const pattern = element(element(svg, "defs"), "pattern", { id: "same-hatch", width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" });
    element(pattern, "rect", { width: 2, height: 6, class: "hatch" });
    const box = (kind, start, length, y, height) => element(svg, "rect", { class: kind, x: start, y, width: Math.max(1.5, length), height });
    const text = (at, y, words, anchor = "middle") => element(svg, "text", { x: at, y, "text-anchor": anchor }, words);

    for (const [label, y] of [["image", top], ["outputs", bottom]]) text(left - 8, y + 16, label, "end");
    if (total <= DRAWN)
      for (let pixel = -before; pixel < size + after; pixel++) {
        const kind = pixel < 0 || pixel >= size ? "pad" : missed.has(pixel) ? "pixel missed" : "pixel";
        box(kind, x(pixel), cell, top, high);
        if (kind === "pad" && cell >= 10) text(x(pixel + 0.5), top + 16, "0");
        if (kind === "pixel missed" && cell >= 6) text(x(pixel + 0.5), top + 16, "×");
      }
    else {
      for (const [start, length] of [[-before, before], [size, after]]) if (length) box("pad", x(start), length * cell, top, high);
      box("pixel", x(0), size * cell, top, high);
    }
    const every = [1, 2, 5, 10, 20, 50, 100].find((gap) => gap * cell >= 24) ?? size;
    for (let pixel = 0; pixel < size; pixel += every) text(x(pixel + Math.min(0.5, 8 / cell)), 12, String(pixel));

    const kernel = Number(axis.kernel);
    const apart = step * cell >= 3 && kernel <= DRAWN ? kernel : 1; // taps, or one area
    const taps = (kind, start, y, height) => {
      for (let tap = 0; tap < apart; tap++) box(kind, x(start + tap * step), (apart === 1 ? extent : 1) * cell, y, height);
    };
    for (let row = 0; row < rows; row++) {
      const [one, y] = [from + row, top + high + 12 + row * line];
      const start = Number(first(axis, one));
      if (apart > 1 && step > 1) box("reach", x(start), extent * cell, y + 7, 2);
      taps(one === current ? "tap current" : "tap", start, y, 16);
      text(left - 8, y + 13, `${one === current ? "▸ " : ""}${one}`, "end").setAttribute("class", one === current ? "current" : "");
    }
    const start = Number(first(axis, current));
    taps("under", start, top - 1, high + 2);
    const slot = Math.min(30, (width - left - 2) / count);
    const place = left + current * slot;
    const y = top + high + 12 + (current - from) * line + 17;
    element(svg, "path", { class: "funnel", d: `M${x(start)} ${y}L${place} ${bottom}H${place + slot}L${x(start + extent)} ${y}z` });
    if (count <= DRAWN) for (let one = 0; one < count; one++) box("output", left + one * slot, slot, bottom, high);
    else box("output", left, count * slot, bottom, high);
    box("output current", place, slot, bottom, high);
    if (slot >= 18) for (let one = 0; one < count; one++) text(left + (one + 0.5) * slot, bottom + 16, String(one));
  }

  function judge(axis) {
    table.replaceChildren();
    const rows = known.filter(({ id }) => recipes[id]);
    if (!rows.length) return;
    const right = resolve(axis.size, axis.kernel, axis.stride, axis.dilation, "SAME");
    const list = element(table, "table");
    element(list, "caption", {}, "Recipes for SAME: here, and for all sizes");
    const head = element(element(list, "thead"), "tr");
    for (const name of ["recipe", "here", "for all sizes"]) element(head, "th", { scope: "col" }, name);
    const body = element(list, "tbody");
    for (const { id, name, formula, verdict, holds_when: when, counterexample } of rows) {
      const found = recipes[id](axis.size, axis.kernel, axis.stride, axis.dilation);
      const [outputs, before, after] = found;
      const same = outputs === right.outputs && before === right.before && after === right.after;
      const row = element(body, "tr");
      element(element(row, "th", { scope: "row" }, `${name} `), "code", {}, formula);
      element(row, "td", { class: same ? "same" : "differs" }, same ? "✓ the same" : `✗ ${plural(outputs, "output")}, pads ${before} and ${after}`);
      const general = element(row, "td", {}, verdict === "proved" ? "✓ proved" : `✗ ${when ? `only if ${when}` : "refuted"}; `);
      if (!counterexample) continue;
      const [n, k, s, d] = counterexample.map(String);
      const button = element(general, "button", { type: "button" }, `show size ${n}, kernel ${k}, stride ${s}, dilation ${d}`);
      button.addEventListener("click", () => change({ n, k, s, d, p: "SAME", i: "0" }));
    }
  }

  addEventListener("hashchange", follow);
  addEventListener("resize", () => update());
  follow();
})();
