(function () {
  "use strict";
  var specs = JSON.parse(document.getElementById("charts").textContent);
  var config = JSON.parse(document.getElementById("chart-config").textContent);
  var widths = new Map();

  // A long title in lines that fit the width, at most 7.5 pixels a letter.
  function wrapped(text, width) {
    var most = Math.max(Math.floor(width / 7.5), 12);
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

  // Countries: what is chosen, and the charts that depend on it.
  var places = document.getElementById("places");
  var choose = {};
  ["definition", "sample", "words", "all", "count"].forEach(function (name) {
    choose[name] = document.getElementById("places-" + name);
  });

  function copy(value) { return JSON.parse(JSON.stringify(value)); }

  // Every word that is looked for begins a word of the place.
  function matches(place) {
    var text = [place.title, place.id, place.code].join(" ");
    var own = text.toLowerCase().split(/[\s,()]+/);
    return choose.words.value.toLowerCase().split(/\s+/).filter(Boolean)
      .every(function (word) {
        return own.some(function (each) { return each.startsWith(word); });
      });
  }

  function kept(place) {
    var searched = choose.words.value.trim();
    return place.id === "GLOBAL" ||
      (searched ? matches(place) : choose.all.checked || place.first);
  }

  // A ranking with the rows of these places alone, on the scale of all.
  function narrow(spec) {
    var rows = spec.usermeta.places.map(function (_, n) { return n; });
    var keep = rows.filter(function (n) { return kept(spec.usermeta.places[n]); });
    spec.height *= keep.length / rows.length;
    spec.data.values = spec.data.values.filter(function (mark) {
      mark.y = keep.indexOf(mark.y);
      return mark.y >= 0;
    });
    spec.layer.forEach(function (layer) {
      var y = layer.encoding.y;
      if (!y || !y.axis) { return; }
      var texts = y.axis.labelExpr.match(/\[.*\](?=\[datum)/)[0];
      var labels = keep.map(function (n) { return JSON.parse(texts)[n]; });
      y.scale.domain = [-0.5, keep.length - 0.5];
      y.axis.values = keep.map(function (_, n) { return n; });
      y.axis.labelExpr = y.axis.labelExpr.replace(texts, function () {
        return JSON.stringify(labels);
      });
    });
  }

  // The first place that is found, instead of the one that stands there, over windows.
  function replace(spec) {
    var windows = spec.usermeta.windows;
    var searched = choose.words.value.trim().toUpperCase();
    var named = searched ? windows.flatMap(function (window) {
      return specs[window.chart].usermeta.places.filter(function (place) {
        return place.id !== "GLOBAL" && matches(place);
      });
    }) : [];
    // A code that is typed whole is meant, whatever else begins with it.
    var found = named.find(function (place) {
      return [place.id, place.code].includes(searched);
    }) || named[0];
    if (!found) { return; }
    var one = spec.data.values.find(function (mark) {
      return mark.series === "This country";
    });
    var marks = spec.data.values.filter(function (mark) {
      return mark.series !== one.series;
    });
    windows.forEach(function (window, n) {
      var ranking = specs[window.chart];
      var row = ranking.usermeta.places.findIndex(function (place) {
        return place.id === found.id;
      });
      ranking.data.values.forEach(function (mark) {
        if (mark.y !== row) { return; }
        marks.push(Object.assign({}, mark, {
          y: n + one.y - Math.round(one.y), row: window.label, run: window.run,
          series: one.series
        }));
      });
    });
    spec.title.text = found.title;
    spec.data.values = marks;
    var top = marks.reduce(function (most, mark) {
      return Math.max(most, mark.value, mark.high, mark.to);
    }, 0);
    spec.layer.forEach(function (layer) {
      var x = layer.encoding.x;
      if (x && x.scale && x.scale.domain) { x.scale.domain = [0, top]; }
    });
  }

  function draw(box) {
    if (box.closest("[hidden]")) { return Promise.resolve(); }
    var spec = copy(specs[box.dataset.chart]);
    var meta = spec.usermeta || {};
    if (meta.places) { narrow(spec); }
    if (meta.windows) {
      replace(spec);
      box.setAttribute("aria-label", "Chart: " + spec.title.text +
        " by window. The data tables of the windows hold every value.");
    }
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
  var shown = places ? [show()] : [];
  Promise.all(shown.concat(boxes.map(draw))).then(function () {
    document.documentElement.dataset.charts = "drawn";
  });
  var waiting;
  // One definition and one of its samples is shown; other figures of countries wait.
  function show() {
    var all = Array.from(document.querySelectorAll("figure[data-definition]"));
    var own = all.filter(function (figure) {
      return figure.dataset.definition === choose.definition.value;
    });
    var samples = own.map(function (figure) { return figure.dataset.sample; });
    Array.from(choose.sample.options).forEach(function (option) {
      option.disabled = !samples.includes(option.value);
    });
    if (!samples.includes(choose.sample.value)) { choose.sample.value = samples[0]; }
    return Promise.all(all.map(function (figure) {
      figure.hidden = !own.includes(figure) ||
        !["", choose.sample.value].includes(figure.dataset.sample);
      var drawn = Array.from(figure.querySelectorAll(".chart")).map(function (box) {
        var list = (specs[box.dataset.chart].usermeta || {}).places;
        if (list && !figure.hidden) {
          var countries = list.filter(function (place) { return place.id !== "GLOBAL"; });
          choose.count.textContent = countries.filter(kept).length + " of " +
            countries.length + " countries shown";
        }
        widths.delete(box);
        return draw(box);
      });
      figure.querySelectorAll("tbody tr").forEach(function (row) {
        if (!figure.dataset.sample) { return; }
        row.hidden = !matches({
          title: row.cells[0].textContent, id: row.cells[1].textContent, code: ""
        });
      });
      return Promise.all(drawn);
    }));
  }
  if (places) {
    [choose.definition, choose.sample, choose.all].forEach(function (field) {
      field.addEventListener("change", show);
    });
    choose.words.addEventListener("input", function () {
      clearTimeout(waiting);
      waiting = setTimeout(show, 150);
    });
    places.addEventListener("submit", function (event) { event.preventDefault(); });
  }
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
