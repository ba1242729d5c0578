// Runs DuckDB on a copy of the published warehouse, in the browser.
import * as duckdb from "@duckdb/duckdb-wasm";
import { DataType } from "apache-arrow";

const WAREHOUSE = "../ai_in_education.duckdb";
const SHOWN_ROWS = 1000;

const find = (id) => document.getElementById(id);
const sql = find("sql");
let connection;
let result; // the columns and rows of the last answer

async function open() {
  const worker = new Worker("worker.js");
  const db = new duckdb.AsyncDuckDB(new duckdb.VoidLogger(), worker);
  await db.instantiate(new URL("duckdb.wasm", location.href).href);
  const answer = await fetch(WAREHOUSE);
  if (!answer.ok) {
    throw new Error(
      `The server answers ${answer.status} for ${WAREHOUSE}. ` +
        "Run make warehouse, then make explore.",
    );
  }
  await db.registerFileBuffer(
    "warehouse.duckdb",
    new Uint8Array(await answer.arrayBuffer()),
  );
  await db.open({ query: { castDecimalToDouble: true } });
  const opened = await db.connect();
  // Everything the queries need is here; an extension would come from a network.
  for (const statement of [
    "set autoinstall_known_extensions = false",
    "set autoload_known_extensions = false",
    "attach 'warehouse.duckdb' as warehouse (read_only)",
    "use warehouse",
    "set enable_external_access = false",
    "set lock_configuration = true",
  ]) {
    await opened.query(statement);
  }
  return opened;
}

// Values ------------------------------------------------------------------------------

function isNumber(type) {
  return DataType.isInt(type) || DataType.isFloat(type) || DataType.isDecimal(type);
}

function text(value, type) {
  if (value === null || value === undefined) return null;
  if (DataType.isDate(type)) return new Date(Number(value)).toISOString().slice(0, 10);
  if (DataType.isTimestamp(type)) {
    const moment = new Date(Number(value)).toISOString();
    return moment.replace("T", " ").replace(/(\.000)?Z$/, "");
  }
  if (typeof value === "object") {
    return JSON.stringify(value, (_, part) =>
      typeof part === "bigint" ? part.toString() : part,
    );
  }
  return String(value);
}

async function ask(query) {
  const answer = await connection.query(query);
  const columns = answer.schema.fields.map((field) => ({
    name: field.name,
    isNumber: isNumber(field.type),
  }));
  const vectors = columns.map((_, place) => answer.getChildAt(place));
  const rows = Array.from({ length: answer.numRows }, (_, row) =>
    vectors.map((vector, place) =>
      text(vector.get(row), answer.schema.fields[place].type),
    ),
  );
  return { columns, rows };
}

// The page ----------------------------------------------------------------------------

function cell(tag, content, className = "") {
  const made = document.createElement(tag);
  made.textContent = content === null ? "NULL" : content;
  made.className = content === null ? "null" : className;
  return made;
}

function row(cells) {
  const made = document.createElement("tr");
  made.append(...cells);
  return made;
}

function show({ columns, rows }) {
  const [head, body] = find("result").querySelectorAll("thead, tbody");
  const names = columns.map(({ name, isNumber }) => {
    const made = cell("th", name, isNumber ? "number" : "");
    made.scope = "col";
    return made;
  });
  head.replaceChildren(row(names));
  body.replaceChildren(
    ...rows
      .slice(0, SHOWN_ROWS)
      .map((values) =>
        row(
          values.map((value, place) =>
            cell("td", value, columns[place].isNumber ? "number" : ""),
          ),
        ),
      ),
  );
  find("result").hidden = columns.length === 0;
}

function counted(count) {
  const rows = `${count.toLocaleString("en")} ${count === 1 ? "row" : "rows"}`;
  if (count <= SHOWN_ROWS) return rows;
  return `${rows}, the first ${SHOWN_ROWS.toLocaleString("en")} shown`;
}

async function run() {
  if (!connection || find("run").disabled) return;
  find("run").disabled = true;
  find("download").disabled = true;
  find("error").hidden = true;
  find("result").hidden = true;
  find("status").textContent = "Running ...";
  const started = performance.now();
  try {
    result = await ask(sql.value);
    show(result);
    const seconds = ((performance.now() - started) / 1000).toFixed(2);
    find("status").textContent = `${counted(result.rows.length)}, ${seconds} s`;
    find("download").disabled = result.rows.length === 0;
  } catch (error) {
    find("status").textContent = "No answer.";
    complain(error);
  }
  find("run").disabled = false;
  find(find("result").hidden ? "status" : "result").scrollIntoView({ block: "nearest" });
}

function complain(error) {
  const said = error.message ?? String(error);
  // DuckDB advises to install an extension; this page can't, and says so.
  const [first] = said.split("\n\nPlease try installing");
  find("error").textContent =
    first === said ? said : `${first}\n\nThis page loads no extensions.`;
  find("error").hidden = false;
}

function csv({ columns, rows }) {
  const field = (value) =>
    value === null ? "" : /[",\r\n]/.test(value) || value === ""
      ? `"${value.replaceAll('"', '""')}"`
      : value;
  return [columns.map(({ name }) => name), ...rows]
    .map((values) => values.map(field).join(",") + "\n")
    .join("");
}

function download() {
  const link = document.createElement("a");
  const file = new Blob([csv(result)], { type: "text/csv;charset=utf-8" });
  link.href = URL.createObjectURL(file);
  link.download = "result.csv";
  link.click();
  URL.revokeObjectURL(link.href);
}

function offer(query) {
  sql.value = query;
  return run();
}

function button(label, onClick) {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = label;
  made.addEventListener("click", onClick);
  return made;
}

async function listTables() {
  const { rows } = await ask(
    `select table_name, coalesce(comment, '') from duckdb_tables()
     where database_name = 'warehouse' and schema_name = 'marts'
     order by table_name`,
  );
  find("tables").tBodies[0].replaceChildren(
    ...rows.map(([name, comment]) => {
      const place = document.createElement("td");
      place.append(button(name, () => offer(`from marts.${name}\nlimit 100;`)));
      const [sentence] = comment.replace(/^One row per /, "").split(/(?<=\.)\s/);
      return row([place, cell("td", sentence)]);
    }),
  );
}

async function sayWhatItHolds() {
  const { rows } = await ask(
    `select distinct release_id, platform, is_simulated from marts.dim_releases
     where is_loaded order by all`,
  );
  const names = rows.map(([release, platform]) => `${release} (${platform})`);
  find("holds").textContent = `This copy holds: ${names.join(", ")}.`;
  find("simulated").hidden = !rows.some(([, , simulated]) => simulated === "true");
}

async function start() {
  const examples = await (await fetch("examples.json")).json();
  find("examples").replaceChildren(
    ...examples.map(({ question, query }) => button(question, () => offer(query))),
  );
  sql.value = examples[0].query;
  connection = await open();
  await Promise.all([sayWhatItHolds(), listTables()]);
  find("run").disabled = false;
  const { rows } = await ask("select version()");
  find("status").textContent = `Ready: DuckDB ${rows[0][0]}.`;
}

find("run").addEventListener("click", run);
find("download").addEventListener("click", download);
sql.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    run();
  }
});
start().catch((error) => {
  find("status").textContent = "The warehouse could not be opened.";
  complain(error);
});
