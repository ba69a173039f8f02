// What the page does when asked: sort, search and save tables, show edges, turn the brain, copy the methods.

const packed = (name) => document.getElementById(`packed-${name}`);

/** Return a text that the page carries compressed. */
async function unpacked(name) {
  const bytes = Uint8Array.from(atob(packed(name).textContent), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).text();
}

async function save(name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([await unpacked(name)], { type: "text/plain" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

async function copy(name, status) {
  const text = await unpacked(name);
  try {
    await navigator.clipboard.writeText(text);
    status.textContent = "Copied.";
  } catch {
    status.textContent = "The browser does not allow it: save the file instead.";
  }
}

// Tables

/** Make each table sortable, once it comes near to what is seen. */
async function sortTables() {
  const program = new Blob([await unpacked("tables.js")], { type: "text/javascript" });
  const { default: DataTable } = await import(URL.createObjectURL(program));
  DataTable.ext.errMode = "throw";
  const near = new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting } of entries) {
        if (isIntersecting) {
          near.unobserve(target);
          sortable(DataTable, target);
        }
      }
    },
    { rootMargin: "800px" },
  );
  for (const table of document.querySelectorAll("main table")) near.observe(table);
}

function sortable(DataTable, table) {
  const { search } = table.dataset;
  new DataTable(table, {
    autoWidth: false,
    info: false,
    language: { search, zeroRecords: "No row has this." },
    layout: { topStart: search ? "search" : null, topEnd: null, bottomStart: null, bottomEnd: null },
    order: [],
    paging: false,
  });
}

// Matrix of edges

const cells = (line) => {
  if (!line.includes('"')) return line.split(",");
  return [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map((found) => found[1]?.replaceAll('""', '"') ?? found[2]);
};
const shown = (number) => number.replace("-", "−");

/** The edges of a model: for two parcels, by their numbers, the row of the table. */
class Edges {
  constructor(csv, names) {
    const [header, ...lines] = csv.trimEnd().split("\n");
    const place = new Map(names.map((name, number) => [name, number]));
    this.columns = Object.fromEntries(cells(header).map((name, number) => [name, number]));
    this.size = names.length;
    this.rows = new Map(
      lines.map((line) => {
        const row = cells(line);
        return [this.key(place.get(row[0]), place.get(row[1])), row];
      }),
    );
  }

  key(one, other) {
    return Math.min(one, other) * this.size + Math.max(one, other);
  }

  at(one, other, column) {
    return this.rows.get(this.key(one, other))?.[this.columns[column]];
  }

  /** Return the absolute number that one in a hundred exceeds, so that a few do not take the colour from all. */
  limit(column) {
    const sizes = [...this.rows.values()].map((row) => Math.abs(Number(row[this.columns[column]])));
    const known = sizes.filter(Number.isFinite).sort((a, b) => a - b);
    return known[Math.floor(0.99 * (known.length - 1))] || 1;
  }
}

const dark = matchMedia("(prefers-color-scheme: dark)");

/** Return red, green and blue of a share from -1 to 1 of the limit. */
function colour(share) {
  const [middle, low, high] = dark.matches
    ? [[29, 35, 42], [92, 172, 255], [255, 128, 110]]
    : [[247, 247, 247], [5, 80, 150], [165, 15, 40]];
  const end = share < 0 ? low : high;
  const part = Math.min(1, Math.abs(share));
  return middle.map((value, channel) => Math.round(value + part * (end[channel] - value)));
}

class Matrix {
  constructor(root, csv) {
    Object.assign(this, JSON.parse(root.querySelector('script[type="application/json"]').textContent));
    this.root = root;
    this.edges = new Edges(csv, this.names);
    this.limit = this.edges.limit(this.column);
    this.canvas = root.querySelector(".plane canvas");
    this.zoom = Math.max(1, Math.floor(640 / this.names.length));
    this.canvas.width = this.canvas.height = this.zoom * this.names.length;
    this.selects = ["row", "column"].map((name) => root.querySelector(`select[name=${name}]`));
    for (const select of this.selects) select.append(...this.names.map((name, number) => new Option(name, number)));
    this.place = [0, 1];
    this.label();
    this.paint();
    this.listen();
  }

  listen() {
    const move = (event) => {
      const box = this.canvas.getBoundingClientRect();
      const at = (part, whole) => Math.min(this.names.length - 1, Math.max(0, Math.floor((part / whole) * this.names.length)));
      this.show(at(event.clientY - box.top, box.height), at(event.clientX - box.left, box.width));
    };
    this.canvas.addEventListener("pointermove", move);
    this.canvas.addEventListener("pointerdown", move);
    this.canvas.addEventListener("keydown", (event) => this.press(event));
    for (const select of this.selects) {
      select.addEventListener("change", () => this.show(...this.selects.map(({ value }) => Number(value))));
    }
    dark.addEventListener("change", () => this.paint());
  }

  press(event) {
    const step = event.shiftKey ? 10 : 1;
    const moves = { ArrowUp: [-step, 0], ArrowDown: [step, 0], ArrowLeft: [0, -step], ArrowRight: [0, step] };
    const move = moves[event.key];
    if (!move) return;
    event.preventDefault();
    this.show(...this.place.map((at, axis) => Math.min(this.names.length - 1, Math.max(0, at + move[axis]))));
  }

  /** Name the networks that have room for a name, and remember where each begins. */
  label() {
    const group = (number) => `${this.domains[number]} ${this.networks[number]}`;
    const starts = this.names.flatMap((_, number) => (number === 0 || group(number) !== group(number - 1) ? [number] : []));
    this.starts = starts;
    const labels = this.root.querySelector(".labels");
    starts.forEach((start, number) => {
      const share = ((starts[number + 1] ?? this.names.length) - start) / this.names.length;
      if (share < 0.03) return;
      const label = document.createElement("span");
      label.textContent = this.networks[start];
      label.style.top = `${100 * (start / this.names.length + share / 2)}%`;
      labels.append(label);
    });
  }

  paint() {
    const size = this.names.length;
    const picture = new ImageData(size, size);
    for (let one = 0; one < size; one++) {
      for (let other = 0; other < size; other++) {
        const value = Number(this.edges.at(one, other, this.column));
        const known = one !== other && Number.isFinite(value);
        const ink = known ? [...colour(value / this.limit), 255] : [140, 140, 140, 90];
        picture.data.set(ink, 4 * (one * size + other));
      }
    }
    this.picture = new OffscreenCanvas(size, size);
    this.picture.getContext("2d").putImageData(picture, 0, 0);
    this.paintScale();
    this.show(...this.place);
  }

  paintScale() {
    const [low, high, unit] = this.root.querySelectorAll(".scale span");
    [low.textContent, high.textContent] = [this.signed ? `−${this.limit.toPrecision(2)}` : "0", this.limit.toPrecision(2)];
    unit.textContent = `${this.shown}; grey: not tested`;
    const canvas = this.root.querySelector(".scale canvas");
    const strip = new ImageData(canvas.width, 1);
    const start = this.signed ? -1 : 0;
    const share = (at) => start + ((1 - start) * at) / (canvas.width - 1);
    for (let at = 0; at < canvas.width; at++) strip.data.set([...colour(share(at)), 255], 4 * at);
    canvas.getContext("2d").putImageData(strip, 0, 0);
  }

  /** Show an edge: its place in the matrix, its names, and its numbers. */
  show(one, other) {
    this.place = [one, other];
    const { width } = this.canvas;
    const ink = this.canvas.getContext("2d");
    ink.imageSmoothingEnabled = false;
    ink.clearRect(0, 0, width, width);
    ink.drawImage(this.picture, 0, 0, width, width);
    const text = getComputedStyle(this.root).color;
    ink.fillStyle = text;
    ink.globalAlpha = 0.35;
    for (const start of this.starts.slice(1)) {
      ink.fillRect(0, start * this.zoom, width, 1);
      ink.fillRect(start * this.zoom, 0, 1, width);
    }
    ink.globalAlpha = 0.9;
    ink.strokeStyle = text;
    ink.strokeRect(0, one * this.zoom - 0.5, width, this.zoom + 1);
    ink.strokeRect(other * this.zoom - 0.5, 0, this.zoom + 1, width);
    ink.globalAlpha = 1;
    this.selects.forEach((select, axis) => (select.value = this.place[axis]));
    this.root.querySelector(".value").textContent = this.inWords(one, other);
  }

  inWords(one, other) {
    const names = `${this.names[one]} – ${this.names[other]} (${this.networks[one]} × ${this.networks[other]})`;
    const value = (column) => this.edges.at(one, other, column);
    if (one === other) return `${this.names[one]} (${this.networks[one]}): a parcel with itself is no edge.`;
    if (value("statistic") === undefined) return `${names}: not among the edges that this page carries.`;
    if (value("statistic") === "n/a") return `${names}: not tested, ${value("reason")}.`;
    const { unit, level, size, sizeName } = this.root.dataset;
    const interval = (low, high) => `[${shown(value(low))}, ${shown(value(high))}]`;
    const sized = value(size) && value(size) !== "n/a";
    const effect = sized ? `, ${sizeName} ${shown(value(size))} ${interval(`${size}_low`, `${size}_high`)}` : "";
    const tests = `p = ${value("p")}, corrected p = ${value("p_fwe")}`;
    if (!this.signed) return `${names}: F = ${shown(value("statistic"))}${effect}${sized ? ` (${level} CI)` : ""}, ${tests}.`;
    return `${names}: ${shown(value("estimate"))} ${interval("ci_low", "ci_high")} ${unit} (${level} CI)${effect}, ${tests}.`;
  }
}

// The brain

/** Show the brain in a frame of its own, on the ground of the page; nilearn's own is white. */
async function showBrain(root) {
  const frame = document.createElement("iframe");
  frame.title = "The strongest edges in a brain that can be turned";
  frame.sandbox = "allow-scripts";
  const page = await unpacked("brain.html");
  const ground = getComputedStyle(document.body).backgroundColor;
  const letters = getComputedStyle(document.body).color;
  frame.srcdoc = page
    .replaceAll("'#fff'", `'${ground}'`)
    .replaceAll('return "black"', `return "${letters}"`)
    .replace("</head>", `<style>body { margin: 0; background: ${ground}; }</style></head>`);
  root.append(frame);
}

// Start

for (const part of document.querySelectorAll("[data-scripted]")) part.hidden = false;
for (const part of document.querySelectorAll(".unscripted")) part.remove();
document.addEventListener("click", ({ target }) => {
  const button = target.closest?.("button");
  if (button?.dataset.save) save(button.dataset.save);
  if (button?.dataset.copy) copy(button.dataset.copy, button.parentElement.querySelector("[role=status]"));
});
const once = (id, start) => document.getElementById(id)?.addEventListener("toggle", ({ target }) => start(target), { once: true });
once("matrix", async (root) => new Matrix(root, await unpacked(root.dataset.file)));
once("brain", showBrain);
await sortTables();
document.documentElement.dataset.ready = "";
