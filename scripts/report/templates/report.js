(function () {
  "use strict";
  var specs = JSON.parse(document.getElementById("charts").textContent);
  var config = JSON.parse(document.getElementById("chart-config").textContent);
  var widths = new Map();

  // A long title in lines that fit the width, about 6.5 pixels a letter.
  function wrapped(text, width) {
    var most = Math.max(Math.floor(width / 6.5), 12);
    return text.split(" ").reduce(function (lines, word) {
      var last = lines[lines.length - 1];
      if (last && (last + " " + word).length <= most) {
        lines[lines.length - 1] = last + " " + word;
      } else {
        lines.push(word);
      }
      return lines;
    }, []);
  }

  function draw(box) {
    var spec = JSON.parse(JSON.stringify(specs[box.dataset.chart]));
    var width = box.clientWidth;
    if (!width) {
      // In a closed details element: as wide as its section, drawn anew when opened.
      width = Math.min(box.closest("section").clientWidth - 60, 440);
    }
    width = Math.max(Math.floor(width), 200);
    if (widths.get(box) === width) { return Promise.resolve(); }
    widths.set(box, width);
    // The labels of the rows take up to 150 pixels of it.
    spec.title.text = wrapped(spec.title.text, width - 150);
    spec.layer.forEach(function (layer) {
      var x = layer.encoding.x;
      if (x && x.title) { x.title = wrapped(x.title, width - 150); }
    });
    spec.width = width;
    spec.autosize = { type: "fit-x", contains: "padding" };
    return vegaEmbed(box, spec, { actions: false, renderer: "svg", config: config })
      .then(function () { box.dataset.drawn = "yes"; })
      .catch(function (error) {
        box.dataset.drawn = "failed";
        box.textContent = "This chart could not be drawn; its data table is below.";
        console.error(error);
      });
  }

  var boxes = Array.from(document.querySelectorAll(".chart"));
  Promise.all(boxes.map(draw)).then(function () {
    document.documentElement.dataset.charts = "drawn";
  });
  var waiting;
  window.addEventListener("resize", function () {
    clearTimeout(waiting);
    waiting = setTimeout(function () { boxes.forEach(draw); }, 150);
  });
  document.querySelectorAll("details.more").forEach(function (element) {
    element.addEventListener("toggle", function () {
      element.querySelectorAll(".chart").forEach(draw);
    });
  });

  // A link to something in a closed details element opens it.
  function reveal() {
    var target = location.hash && document.getElementById(location.hash.slice(1));
    for (var up = target; up; up = up.parentElement) {
      if (up.tagName === "DETAILS") { up.open = true; }
    }
    if (target) { target.scrollIntoView(); }
  }
  window.addEventListener("hashchange", reveal);
  reveal();

  var status = document.getElementById("filter-status");
  var words = document.getElementById("filter-words");
  var seen = document.getElementById("filter-count");
  var rows = Array.from(document.querySelectorAll("#reconciliation tbody tr"));
  var texts = rows.map(function (row) { return row.textContent.toLowerCase(); });
  function filter() {
    var wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
    var shown = 0;
    rows.forEach(function (row, n) {
      var keep = (!status.value || row.dataset.status === status.value) &&
        wanted.every(function (word) { return texts[n].includes(word); });
      row.hidden = !keep;
      shown += keep;
    });
    seen.textContent = shown + " of " + rows.length + " figures shown";
  }
  status.addEventListener("change", filter);
  words.addEventListener("input", filter);
  document.getElementById("filter").addEventListener("submit", function (event) {
    event.preventDefault();
  });
  filter();
})();
