"use strict";
(() => {
  const PAGE = 100;
  const data = JSON.parse(document.getElementById("data").textContent);
  const body = document.querySelector("#events tbody");
  const [search, before, after, count] = ["search", "before", "after", "count"].map(id => document.getElementById(id));
  let found = data.events;
  let first = 0;

  function show() {
    const rows = found.slice(first, first + PAGE).map(([time, process, name, call, scope, port, outcome]) => {
      const row = document.createElement("tr");
      for (const value of [(time / 1000).toFixed(3) + " s", process, name, call, scope, port || "–", outcome])
        row.insertCell().textContent = value;
      return row;
    });
    body.replaceChildren(...rows);
    const last = Math.min(first + PAGE, found.length);
    count.textContent = found.length ? `${first + 1} to ${last} of ${found.length}` : "none";
    before.disabled = first === 0;
    after.disabled = last === found.length;
  }

  function go(to) {
    first = to;
    show();
  }

  search.addEventListener("input", () => {
    const wanted = search.value.trim().toLowerCase();
    found = data.events.filter(event => event.slice(1).some(value => String(value).toLowerCase() === wanted || !wanted));
    go(0);
  });
  before.addEventListener("click", () => go(Math.max(0, first - PAGE)));
  after.addEventListener("click", () => go(first + PAGE));
  const form = document.getElementById("filter");
  form.addEventListener("submit", event => event.preventDefault());
  form.hidden = false;
  show();
})();
