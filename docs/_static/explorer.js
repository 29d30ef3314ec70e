"use strict";
// The page that shows what same.js computes: controls, a drawing, words, and what to write elsewhere.

(() => {
  const root = document.getElementById("explorer");
  const { resolve, first, unread, torch, numpy, recipes, agrees } = globalThis.npconvSame;
  const known = JSON.parse(document.getElementById("same-recipes").textContent);
  const STEPS = { size: ["n", 64], kernel: ["k", 16], stride: ["s", 8], dilation: ["d", 8] };
  const PADS = { before: ["b", 16], after: ["a", 16] };
  const state = { n: "10", k: "3", s: "2", d: "1", p: "SAME", b: "1", a: "1", i: "0" };

  function element(parent, name, attributes = {}, text = "") {
    const space = name === "svg" ? "http://www.w3.org/2000/svg" : parent.namespaceURI;
    const made = parent.appendChild(document.createElementNS(space, name));
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.textContent = text;
    return made;
  }

  // A slider for what is usual and a number for everything, under one name.
  function field(parent, name, key, least, most) {
    const row = element(parent, "div", { class: "field" });
    element(row, "label", { for: `same-${key}` }, name);
    const ends = { min: least, max: most };
    const slider = element(row, "input", { type: "range", "aria-label": `${name}, slider`, ...ends });
    const number = element(row, "input", { type: "number", id: `same-${key}`, min: least });
    for (const input of [slider, number])
      input.addEventListener("input", () => change({ [key]: input.value }, input));
    return { row, slider, number };
  }

  const form = element(root, "form", { "aria-label": "One axis of a convolution" });
  form.addEventListener("submit", (event) => event.preventDefault());
  const fields = {};
  for (const [name, [key, most]] of Object.entries(STEPS))
    fields[key] = field(form, `${name} ${key}`, key, name === "size" ? 0 : 1, most);
  const modes = element(form, "fieldset");
  element(modes, "legend", {}, "padding");
  for (const mode of ["SAME", "VALID", "explicit"]) {
    const label = element(modes, "label");
    const radio = element(label, "input", { type: "radio", name: "same-padding", value: mode });
    label.append(` ${mode}`);
    radio.addEventListener("change", () => change({ p: mode }));
  }
  for (const [name, [key, most]] of Object.entries(PADS)) fields[key] = field(form, name, key, 0, most);
  const drawing = element(root, "div", { class: "drawing" });
  fields.i = field(root, "output", "i", 0, 0);
  const live = { role: "status", "aria-live": "polite", "aria-atomic": "false" };
  const words = element(root, "div", { class: "words", ...live });
  const calls = element(root, "div", { class: "calls" });
  const details = element(root, "details");
  const summary = element(details, "summary");
  const table = element(details, "table");

  function change(values, source) {
    Object.assign(state, values);
    update(source);
    // What a link has to say: pads only where they count.
    const kept = Object.entries(state).filter(([key]) => !"ab".includes(key) || state.p === "explicit");
    try {
      history.replaceState(null, "", `#${new URLSearchParams(kept)}`);
    } catch {} // Safari allows a hundred in half a minute; the next change will say it
  }

  function follow(event) {
    const given = new URLSearchParams(location.hash.slice(1));
    const ours = given.has("n"); // not a heading's
    for (const key of Object.keys(state)) if (ours && given.has(key)) state[key] = given.get(key);
    if (ours || !event) update();
    if (ours) root.scrollIntoView();
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
      say([`This cannot be: ${error.message}.`], "wrong");
      for (const part of [drawing, fields.i.row, calls, details]) part.hidden = true;
    }
  }

  // Lines that have not changed are left alone, so that only the others are read out.
  function say(lines, kind = "") {
    while (words.children.length > lines.length) words.lastChild.remove();
    lines.forEach((line, at) => {
      const part = words.children[at] ?? element(words, "p");
      part.className = kind;
      if (part.textContent !== line) part.textContent = line;
    });
  }

  const plural = (count, name) => `${count} ${name}${count === 1n || count === 1 ? "" : "s"}`;

  function show(axis, source) {
    const last = axis.outputs > 0n ? axis.outputs - 1n : 0n;
    let output = /^\d+$/.test(state.i) ? BigInt(state.i) : 0n;
    if (output > last) output = last;
    if (source !== fields.i.number) state.i = fields.i.number.value = String(output);
    fields.i.slider.max = String(last);
    fields.i.slider.value = String(output);
    for (const part of [drawing, fields.i.row, calls]) part.hidden = axis.outputs < 1n;
    const missed = axis.outputs > 0n ? unread(axis) : [];
    say(sentences(axis, output, missed));
    draw(axis, output, new Set(missed));
    calls.replaceChildren();
    call("PyTorch, both axes alike, channels first", torch(axis));
    call("NumPy, this axis", numpy(axis));
    judge(axis);
  }

  function sentences(axis, output, missed) {
    const { size, kernel, dilation, before, after, outputs, extent } = axis;
    const spread = dilation > 1n ? `, ${dilation} pixels apart, reach over K = ${extent} pixels` : "";
    const taps = `${plural(kernel, "tap")}${spread}`;
    if (outputs < 0n)
      return [`No convolution: the kernel (${taps}) exceeds the ${size + before + after} pixels by two strides or more. npconv and TensorFlow refuse it.`];
    const lines = [`${plural(outputs, "output")}. Pads: ${before} before, ${after} after. The kernel: ${taps}.`];
    if (outputs === 0n) return [`${lines[0]} The result is empty.`];
    const start = first(axis, output);
    const inside = size ? `the image's are 0 to ${size - 1n}, any others zeros` : "all zeros";
    lines.push(`Output ${output} reads pixels ${start} to ${start + extent - 1n}${dilation > 1n ? `, every ${dilation}` : ""}: ${inside}.`);
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
    element(element(box, "pre", { tabindex: 0, role: "region", "aria-label": name }), "code", {}, code);
    const button = element(box, "button", { type: "button", "aria-label": `Copy: ${name}` }, "Copy");
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
    details.hidden = !rows.length || axis.size < 1n;
    if (details.hidden) return;
    const right = rows.filter(({ id }) => agrees(recipes[id], axis)).length;
    summary.textContent = `Of ${rows.length} recipes for ${padding}, ${right} are right here`;
    const head = element(element(table, "thead"), "tr");
    for (const name of ["recipe", "here", "for all sizes"]) element(head, "th", { scope: "col" }, name);
    const body = element(table, "tbody");
    for (const { id, name, formula, verdict, holds_when: when, exactly, counterexample } of rows) {
      const values = recipes[id].of(axis.size, axis.kernel, axis.stride, axis.dilation);
      const given = recipes[id].gives === "pads" ? `pads ${values.join(" and ")}` : plural(values[0], "output");
      const row = element(body, "tr");
      element(element(row, "th", { scope: "row" }, `${name} `), "code", {}, formula);
      element(row, "td", {}, `${agrees(recipes[id], axis) ? "✓ right" : "✗ wrong"}: ${given}`);
      const general = element(row, "td", {}, verdict === "proved" ? "✓ proved" : `✗ refuted; right ${exactly ? "only where" : "where"} ${when}. `);
      if (!counterexample) continue;
      const [n, k, s, d] = counterexample.map(String);
      const button = element(general, "button", { type: "button" }, `Show n=${n}, k=${k}, s=${s}, d=${d}`);
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
