// The ring of verdicts: drawn from chart.json, in the colours of the legend, drawn anew after each progress answer.
"use strict";

const canvas = document.getElementById("chart");
let ring = null;
let drawing = false;

function colourOf(key) {
  const swatch = document.querySelector(`.swatch[data-key="${key}"]`);
  return swatch ? getComputedStyle(swatch).backgroundColor : "#888888";
}

async function draw() {
  if (!canvas || drawing) return;
  drawing = true;
  try {
    const answer = await fetch(canvas.dataset.url, { headers: { Accept: "application/json" } });
    if (!answer.ok) return;
    const { slices } = await answer.json();
    const surface = getComputedStyle(canvas.closest(".card")).backgroundColor;
    const data = {
      labels: slices.map((slice) => slice.title),
      datasets: [{
        data: slices.map((slice) => slice.count),
        backgroundColor: slices.map((slice) => colourOf(slice.key)),
        borderColor: surface,
        borderWidth: 2,
      }],
    };
    const countOf = (key) => slices.find((slice) => slice.key === key)?.count ?? 0;
    const waiting = countOf("waiting");
    const known = slices.reduce((sum, slice) => sum + slice.count, 0) - waiting;
    const percent = document.createElement("strong");
    percent.textContent = `${known ? ((100 * countOf("Success")) / known).toFixed(0) : 0} %`;
    document.getElementById("chart-centre").replaceChildren(...(known ? [percent, waiting ? "good so far" : "good"] : []));
    if (ring) {
      ring.data.labels = data.labels;
      Object.assign(ring.data.datasets[0], data.datasets[0]);
      ring.update("none");
    } else {
      ring = new Chart(canvas, {
        type: "doughnut",
        data,
        options: { cutout: "64%", animation: false, plugins: { legend: { display: false } } },
      });
    }
  } finally {
    drawing = false;
  }
}

document.body.addEventListener("htmx:afterSettle", draw);
window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
draw();
