(async function () {
  "use strict";

  // What is long in this file is zipped.
  function unzipped(id) {
    const bytes = Uint8Array.from(atob(document.getElementById(id).textContent),
      (letter) => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).text();
  }

  const page = JSON.parse(await unzipped("data"));
  const all = (selector, within) => Array.from((within || document).querySelectorAll(selector));
  const copy = (value) => JSON.parse(JSON.stringify(value));
  const state = Object.assign({}, page.first);

  // Rows by column to rows; made once, when a figure is first needed.
  function unpacked(figure) {
    if (Array.isArray(figure.rows)) { return figure.rows; }
    const names = Object.keys(figure.rows);
    const columns = names.map((name) => {
      const column = figure.rows[name];
      return column.words ? column.at.map((place) => column.words[place]) : column;
    });
    const rows = (columns[0] || []).map((_, n) =>
      Object.fromEntries(names.map((name, c) => [name, columns[c][n]])));
    figure.rows = rows;
    return rows;
  }

  function keyOf(figure) {
    return { claim: "", window: state.window, platform: state.platform }[figure.of] ??
      state.window + " " + state.platform;
  }

  // What the reader chose of a figure: rows, and what is said of them.
  function chosen(id) {
    const figure = page.figures[id];
    const key = keyOf(figure);
    const picked = [];
    let rows = unpacked(figure).filter((row) => row.key === key);
    const picks = Object.keys(figure.picks).map((pick) => {
      const values = Array.from(new Set(rows.map((row) => row[pick])));
      const wanted = state[id + "." + pick];
      const value = values.includes(wanted) ? wanted : values[0];
      rows = rows.filter((row) => row[pick] === value);
      picked.push(value);
      return { pick, values, value, title: figure.picks[pick] };
    });
    const every = rows;
    const isLong = rows.some((row) => row.is_large === false);
    if (isLong && !state[id + ".all"]) { rows = rows.filter((row) => row.is_large); }
    const text = figure.texts[[key, ...picked].join(" ")] || figure.texts[key] || {};
    return { figure, rows, every, picks, picked, isLong, text };
  }

  // A specification with its rows: the chart alone for the page, all of it for a file.
  function filled(of, datasets) {
    const spec = Object.assign(copy(of.figure.spec), { config: copy(page.config) });
    const chart = spec.vconcat[1];
    const inner = chart.spec || chart;
    spec.datasets = Object.assign({ marks: of.rows }, datasets);
    const tops = of.figure.tops;
    spec.params = [{ name: "top", value: tops[of.picked.join(" ")] || tops[""] || 1 }];
    if (inner.encoding) {
      inner.encoding.y.scale.domain = Array.from(new Set(of.rows.map((row) => row.row)));
    }
    if (chart.facet) {
      const shown = new Set(of.rows.map((row) => row.panel));
      chart.facet.sort = chart.facet.sort.filter((name) => shown.has(name));
    }
    return spec;
  }

  function onScreen(of, width) {
    const whole = filled(of, {});
    const spec = whole.vconcat[1];
    const space = Math.max(width, 300) - page.labels - 14;
    if (spec.facet) {
      const panels = spec.facet.sort.length;
      spec.columns = Math.max(1, Math.min(panels, Math.floor(space / 190)));
      spec.spec.width = Math.floor(space / spec.columns) - 54;
    } else if (spec.vconcat) {
      spec.vconcat.forEach((view) => { view.width = space - 10; });
    } else {
      spec.width = Math.min(space - 54, 640);
    }
    return Object.assign(spec, {
      $schema: whole.$schema, config: whole.config, datasets: whole.datasets,
      params: whole.params
    });
  }

  function wrapped(lines) {
    return lines.flatMap((line) => line.split(" ").reduce((out, word) => {
      const last = out[out.length - 1];
      if (last !== undefined && (last + " " + word).length <= page.characters) {
        out[out.length - 1] = last + " " + word;
      } else { out.push(word); }
      return out;
    }, []));
  }

  function plain(html) {
    return new DOMParser().parseFromString(html || "", "text/html").body.textContent;
  }

  // Vega is parsed when the first chart is wanted, not when the page opens.
  let loaded;
  async function load() {
    const script = document.createElement("script");
    script.textContent = await unzipped("vega");
    document.head.append(script);
  }
  async function embed(box, spec) {
    loaded = loaded || load();
    await loaded;
    return window.vegaEmbed(box, spec, { actions: false, renderer: "svg" });
  }

  // Of files: the colours of the first rule of the style sheet, on white.
  function light(spec) {
    const style = document.getElementById("style").sheet.cssRules[0].style;
    spec.config.background = "white";
    return JSON.parse(JSON.stringify(spec).replace(/var\((--\w+)\)/g,
      (_, name) => style.getPropertyValue(name).trim()));
  }

  function crc(bytes) {
    let sum = -1;
    bytes.forEach((byte) => {
      sum ^= byte;
      for (let bit = 0; bit < 8; bit += 1) { sum = (sum >>> 1) ^ (sum & 1 ? 0xEDB88320 : 0); }
    });
    return ~sum >>> 0;
  }

  // A PNG with words in a text chunk after its header.
  function tagged(png, words) {
    const body = new TextEncoder().encode("iTXtDescription\0\0\0\0\0" + words);
    const chunk = new Uint8Array(body.length + 8);
    const view = new DataView(chunk.buffer);
    view.setUint32(0, body.length - 4);
    chunk.set(body, 4);
    view.setUint32(body.length + 4, crc(body));
    return [png.slice(0, 33), chunk, png.slice(33)];
  }

  function csv(of) {
    const names = Object.keys(of.figure.columns);
    const cell = (value) => {
      if (value === null || value === undefined) { return ""; }
      const text = typeof value === "string" ? value.replace(/\|/g, " ") : String(value);
      // A word that a spreadsheet would take for a formula stays a word.
      const safe = typeof value === "string" && /^[=+\-@]/.test(text) ? "'" + text : text;
      return /[",\n]/.test(safe) ? '"' + safe.replace(/"/g, '""') + '"' : safe;
    };
    return "\ufeff" + of.text.about.map((line) => "# " + line + "\n").join("") +
      names.map((name) => cell(of.figure.columns[name][0])).join(",") + "\n" +
      of.every.map((row) => names.map((name) => cell(row[name])).join(",") + "\n").join("");
  }

  async function save(id, kind) {
    const of = chosen(id);
    let parts;
    if (kind === "csv") {
      parts = [csv(of)];
    } else {
      const warning = of.text.about[0].match(/^SIMULATED DATA/) || [];
      const title = [...warning, of.figure.title, ...of.picked].join(": ");
      const lines = (texts, size) => texts.map((text) => ({ text, size }));
      const numbered = (texts) => texts.map((text, n) => Object.assign({ n }, text));
      const spec = light(filled(of, {
        heading: numbered([{ text: title, size: 17 },
          ...lines(wrapped([plain(of.text.reading)]), 12.5)]),
        footer: numbered(lines(wrapped(of.text.about), 10.5))
      }));
      const drawn = await embed(document.createElement("div"), spec);
      const words = of.text.about.join("\n");
      if (kind === "svg") {
        const text = document.createElement("p");
        text.textContent = words;
        const svg = await drawn.view.toSVG();
        parts = [svg.replace(/(<svg[^>]*>)/, () =>
          svg.match(/<svg[^>]*>/)[0] + "<metadata>" + text.innerHTML + "</metadata>")];
      } else {
        const canvas = await drawn.view.toCanvas(2);
        const blob = await new Promise((done) => canvas.toBlob(done, "image/png"));
        parts = tagged(new Uint8Array(await blob.arrayBuffer()), words);
      }
    }
    const link = document.createElement("a");
    const types = { svg: "image/svg+xml", png: "image/png", csv: "text/csv" };
    link.href = URL.createObjectURL(new Blob(parts, { type: types[kind] }));
    link.download = [id, keyOf(of.figure), ...of.picked].join("-")
      .replace(/[^\w]+/g, "-").replace(/-$/, "") + "." + kind;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }

  function element(name, properties, children) {
    const made = Object.assign(document.createElement(name), properties);
    made.append(...(children || []));
    return made;
  }

  function table(of) {
    const columns = Object.entries(of.figure.columns).filter(([name]) =>
      of.every.some((row) => row[name] !== null && row[name] !== undefined));
    const cell = (row, [name, [, kind]]) => {
      const value = row[name];
      const made = element("td", { className: kind === "text" ? "" : "num" });
      if (kind === "text") {
        made.textContent = (value ?? "").toString().replace(/\|/g, " ");
      } else if (value !== null && value !== undefined) {
        const digits = kind === "count" ? 0 : 2;
        made.append(element("data", {
          value, textContent: value.toLocaleString("en", {
            minimumFractionDigits: digits, maximumFractionDigits: Math.max(digits, 1)
          })
        }));
      }
      return made;
    };
    return element("table", {}, [
      element("thead", {}, [element("tr", {}, columns.map(([, [title, kind]]) =>
        element("th", { scope: "col", textContent: title, className: kind === "text" ? "" : "num" })))]),
      element("tbody", {}, of.every.map((row) =>
        element("tr", {}, columns.map((column) => cell(row, column)))))
    ]);
  }

  function controls(box, of, id) {
    const fields = of.picks.filter((pick) => pick.values.length > 1).map((pick) => {
      const name = id + "." + pick.pick;
      const select = element("select", { id: name }, pick.values.map((value) =>
        element("option", { value, textContent: value, selected: value === pick.value })));
      select.addEventListener("change", () => { state[name] = select.value; changed(); });
      return element("div", {}, [
        element("label", { htmlFor: name, textContent: pick.title }), select]);
    });
    if (of.isLong) {
      const tick = element("input", { type: "checkbox", checked: Boolean(state[id + ".all"]) });
      tick.addEventListener("change", () => { state[id + ".all"] = tick.checked ? "yes" : ""; changed(); });
      fields.push(element("label", {}, [tick, " All, not only those with the most use"]));
    }
    const held = document.activeElement && document.activeElement.id;
    box.replaceChildren(...fields);
    if (held && box.querySelector("#" + CSS.escape(held))) { document.getElementById(held).focus(); }
  }

  const isOpen = (node) => {
    const fold = node && node.parentElement.closest("details");
    return !fold || (fold.open && isOpen(fold));
  };

  // Draws a figure that is in sight of an open question; again when a choice changes it.
  const drawn = new Map();
  async function draw(node) {
    const id = node.dataset.figure;
    const of = chosen(id);
    const reading = node.querySelector(".reading");
    if (reading) { reading.innerHTML = of.text.reading; }
    const base = node.querySelector(".base");
    if (base) { base.textContent = of.text.base; }
    const isEmpty = !of.rows.length;
    all(".chart, .actions .save, details.table", node).forEach((part) => { part.hidden = isEmpty; });
    if (!isOpen(node)) { return; }
    controls(node.querySelector(".picks"), of, id);
    const box = node.querySelector(".chart");
    const width = node.clientWidth;
    const mark = [keyOf(of.figure), ...of.picked, state[id + ".all"], width].join(" ");
    if (isEmpty || drawn.get(node) === mark) { return; }
    drawn.set(node, mark);
    const fold = node.querySelector("details.table");
    fold.open = false;
    fold.querySelector(".scroll").replaceChildren();
    try {
      await embed(box, onScreen(of, width));
      box.dataset.drawn = mark;
    } catch (error) {
      box.textContent = "This chart could not be drawn; its data table is below.";
      console.error(error);
    }
  }

  const figures = all("figure[data-figure]");
  const form = document.getElementById("choose");
  const select = document.getElementById("choose-window");
  const radios = all("input[name=platform]", form);

  async function show() {
    // A window without the platform that was chosen shows the one that it has.
    const platforms = page.samples.filter((one) => one.window === state.window)
      .map((one) => one.platform);
    if (!platforms.length) { Object.assign(state, page.first); return show(); }
    if (!platforms.includes(state.platform)) { state.platform = platforms[0]; }
    select.value = state.window;
    radios.forEach((radio) => {
      radio.checked = radio.value === state.platform;
      radio.disabled = !platforms.includes(radio.value);
    });
    form.querySelector("output").textContent = platforms.length < radios.length
      ? "This window is loaded for one platform." : "";
    for (const node of figures) { await draw(node); }
    all(".question").forEach((question) => {
      const reading = question.querySelector(".reading");
      if (reading) { question.querySelector(".answer").innerHTML = reading.innerHTML; }
    });
    document.documentElement.dataset.ready = String(Number(document.documentElement.dataset.ready || 0) + 1);
  }

  // The address holds what was chosen, and the place that a link leads to.
  function changed() {
    const kept = Object.entries(state).filter(([, value]) => value);
    history.replaceState(null, "", "#" + new URLSearchParams(kept));
    return show();
  }

  function restore() {
    const hash = location.hash.slice(1);
    const isState = hash.includes("=");
    if (isState) {
      Object.keys(state).forEach((name) => { delete state[name]; });
      Object.assign(state, page.first, Object.fromEntries(new URLSearchParams(hash)));
    } else if (hash) { state.at = hash; }
    all("[data-state]").forEach((field) => { field.value = state[field.dataset.state] || ""; });
    all("form[data-list]").forEach(filter);
    const target = state.at && document.getElementById(state.at);
    for (let up = target; up; up = up.parentElement) {
      if (up.tagName === "DETAILS") { up.open = true; }
    }
    const shown = hash && !isState ? changed() : show();
    if (target) { shown.then(() => target.scrollIntoView()); }
    return shown;
  }

  function filter(of) {
    const [status, words] = [of.querySelector("select"), of.querySelector("input")];
    const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
    const items = all(".item", document.getElementById(of.dataset.list));
    let count = 0;
    items.forEach((item) => {
      const text = item.textContent.toLowerCase();
      item.hidden = !((!status.value || item.dataset.status === status.value) &&
        wanted.every((word) => text.includes(word)));
      count += !item.hidden;
    });
    of.querySelector("output").textContent = count + " of " + items.length + " shown";
  }

  form.addEventListener("change", () => {
    state.window = select.value;
    state.platform = radios.find((radio) => radio.checked).value;
    changed();
  });
  all("form").forEach((each) => each.addEventListener("submit", (event) => event.preventDefault()));
  all("form[data-list]").forEach((each) => each.addEventListener("input", () => {
    filter(each);
    all("[data-state]", each).forEach((field) => { state[field.dataset.state] = field.value; });
    if (each.querySelector("[data-state]")) { changed(); }
  }));
  document.getElementById("open-all").addEventListener("click", () =>
    all(".question").forEach((question) => { question.open = true; }));
  all("details").forEach((fold) => fold.addEventListener("toggle", () => {
    if (!fold.open) { return; }
    if (fold.classList.contains("table")) {
      const id = fold.closest("figure").dataset.figure;
      fold.querySelector(".scroll").replaceChildren(table(chosen(id)));
    }
    all("figure[data-figure]", fold).forEach(draw);
  }));
  all("[data-save]").forEach((button) => button.addEventListener("click", () =>
    save(button.closest("figure").dataset.figure, button.dataset.save)));
  let waiting;
  window.addEventListener("resize", () => {
    clearTimeout(waiting);
    waiting = setTimeout(show, 150);
  });
  window.addEventListener("hashchange", restore);
  restore();
})();
