// The matrix of claims x environments: sorted, filtered, and its cells opened. Without this script it is a plain table.
"use strict";

const script = document.currentScript.src;

document.addEventListener("DOMContentLoaded", () => {
  const table = document.getElementById("the-matrix");
  if (!table) return;
  const evidence = JSON.parse(document.getElementById("the-evidence").textContent);
  const form = document.querySelector("form.filters");
  const dialog = document.getElementById("the-cell");
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];
  const rows = [...body.rows];
  const names = heads.map((head) => head.textContent);
  const slug = (row) => row.cells[0].querySelector("code").textContent;

  table.parentElement.classList.add("live");
  form.hidden = false;

  // -- sorting: a button in each heading; by outcome, worst first, then back to reading order
  const worstFirst = ["fails", "error", "precondition failed", "known gap", "not run yet", "declined", "holds"];
  const value = (row, column) =>
    column === 0 ? row.cells[0].textContent : worstFirst.indexOf(row.cells[column].querySelector("abbr").title);
  const sort = (column) => {
    const was = heads[column].getAttribute("aria-sort");
    heads.forEach((head) => head.removeAttribute("aria-sort"));
    if (was) return body.append(...rows);
    heads[column].setAttribute("aria-sort", "ascending");
    const compare = (a, b) => (a > b) - (a < b);
    body.append(...[...rows].sort((a, b) => compare(value(a, column), value(b, column))));
  };
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.title = column ? `sort by the outcome in ${names[column]}` : "sort by sentence";
    button.append(...head.childNodes);
    button.addEventListener("click", () => sort(column));
    head.append(button);
  });

  // -- filtering
  const filter = () => {
    const wanted = Object.fromEntries(new FormData(form));
    const shown = heads.map((head, column) =>
      column === 0 ||
      ((!wanted.backend || head.dataset.backend === wanted.backend) &&
        `${names[column]} ${head.title}`.toLowerCase().includes(wanted.environment.toLowerCase())));
    heads.forEach((head, column) => { head.hidden = !shown[column]; });
    let count = 0;
    for (const row of rows) {
      const cells = [...row.cells];
      cells.forEach((cell, column) => { cell.hidden = !shown[column]; });
      const outcomes = cells.filter((_, column) => column && shown[column]).map((cell) => cell.querySelector("abbr").title);
      row.hidden =
        !cells[0].textContent.toLowerCase().includes(wanted.text.toLowerCase()) ||
        (wanted.chapter && row.dataset.chapter !== wanted.chapter) ||
        (wanted.outcome && !outcomes.includes(wanted.outcome));
      count += !row.hidden;
    }
    form.querySelector("output").value = `${count} claims, ${shown.filter(Boolean).length - 1} environments`;
  };
  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  filter();

  // -- a cell: by click, or by arrow keys and Enter
  const add = (parent, tag, text) => {
    const made = document.createElement(tag);
    made.textContent = text;
    parent.append(made);
    return made;
  };
  const folder = new URL("evidence/", script);
  const answers = (environment) => new Promise((found, lost) => {
    if (window.answers?.[environment]) return found(window.answers[environment]);
    const loaded = document.createElement("script");
    loaded.src = new URL(`${environment}.js`, folder);
    loaded.onload = () => found(window.answers[environment]);
    loaded.onerror = lost;
    document.head.append(loaded);
  });
  const tabulate = (parent, { columns, claims }, claim) => {
    const rows = claims[claim];
    const used = columns.map((_, place) => place).filter((place) => rows.some((row) => row[place] !== ""));
    const made = parent.appendChild(document.createElement("table"));
    const line = (section, tag, texts) => {
      const row = section.insertRow();
      for (const text of texts) {
        const cell = add(row, tag, text);
        if (tag === "th") cell.scope = "col";
      }
    };
    line(made.createTHead(), "th", used.map((place) => columns[place]));
    const filled = made.createTBody();
    for (const row of rows) line(filled, "td", used.map((place) => row[place]));
  };
  const open = (cell) => {
    const column = cell.cellIndex;
    const [outcomes, worst, reasons, refused] = evidence.cells[slug(cell.parentElement)][column - 1];
    dialog.replaceChildren();
    add(dialog, "h2", cell.parentElement.cells[0].querySelector("a").textContent).id = "the-cell-title";
    add(dialog, "p", `${names[column]}: ${heads[column].title}`);
    const said = evidence.outcomes.map((name, place) => [name, outcomes[place]]).filter(([, count]) => count);
    const ran = said.length > 0; // otherwise its one reason says that it is not run yet
    if (ran) add(dialog, "p", said.map(([name, count]) => `${count} case${count === 1 ? "" : "s"}: ${name}`).join("; ") + ".");
    if (worst.length) add(dialog, "p", `Fewest digits: ${worst[0]}${worst[1] ? `, on ${worst[1]}` : ""}.`);
    for (const reason of reasons) add(dialog, "p", evidence.reasons[reason]);
    if (ran) {
      add(dialog, "p", `${refused} wrong answer${refused === 1 ? "" : "s"} refused.`);
      const wide = dialog.appendChild(document.createElement("div"));
      wide.className = "wide answers";
      wide.tabIndex = 0;
      answers(names[column]).then(
        (said) => tabulate(wide, said, slug(cell.parentElement)),
        () => add(wide, "p", "The answers of this environment could not be loaded."),
      );
    }
    const close = add(dialog, "button", "Close");
    close.autofocus = true;
    close.addEventListener("click", () => dialog.close());
    dialog.addEventListener("close", () => cell.focus(), { once: true });
    dialog.showModal();
  };
  dialog.addEventListener("keydown", (event) => {
    if (event.key === "Escape") dialog.close(); // a browser does so by itself, but not from a part that scrolls
  });
  let current = rows[0].cells[1];
  current.tabIndex = 0;
  const go = (cell) => {
    if (!cell) return;
    current.removeAttribute("tabindex");
    current = cell;
    current.tabIndex = 0;
    current.focus();
  };
  const step = (cell, down, across) => {
    const lines = [...body.rows].filter((row) => !row.hidden);
    let row = cell.parentElement;
    if (down) row = lines[lines.indexOf(row) + down];
    let next = row && row.cells[cell.cellIndex];
    for (let move = across; move && next; ) {
      next = row.cells[next.cellIndex + move];
      if (next && !next.hidden) move = 0;
    }
    return next && next.cellIndex > 0 ? next : null;
  };
  const moves = { ArrowDown: [1, 0], ArrowUp: [-1, 0], ArrowRight: [0, 1], ArrowLeft: [0, -1] };
  body.addEventListener("keydown", (event) => {
    const cell = event.target.closest("td");
    if (!cell) return;
    if (event.key in moves) {
      event.preventDefault();
      go(step(cell, ...moves[event.key]));
    } else if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      open(cell);
    }
  });
  body.addEventListener("click", (event) => {
    const cell = event.target.closest("td");
    if (cell) {
      go(cell);
      open(cell);
    }
  });
});
