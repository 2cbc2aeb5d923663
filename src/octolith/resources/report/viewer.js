"use strict";
// Slices of one field of view, any image over any other, with a line to swipe between them.
{
  const data = JSON.parse(document.getElementById("viewer-data").textContent);
  const $ = (id) => document.getElementById(id);
  const canvas = $("canvas"), pen = canvas.getContext("2d");
  const state = { axis: 0, zoom: 1, centre: [0.5, 0.5], swipe: 0.5, images: [null, null], turn: 0 };
  // The axes of a slice across z, y, x: down and to the right, as indices of (z, y, x).
  const PLANE = [[1, 2], [0, 2], [0, 1]], NAMES = "zyx";

  const names = data.layers.map((layer) => layer.name);
  for (const select of [$("left"), $("right")]) for (const name of names) select.add(new Option(name));
  $("left").value = "LR";
  $("right").value = names.find((name) => name.startsWith("SR"));
  $("viewer").hidden = false;

  const decoded = new Map();
  function decode(uri) {
    if (!decoded.has(uri)) {
      const image = new Image();
      image.src = uri;
      decoded.set(uri, image.decode().then(() => image));
      if (decoded.size > 64) decoded.delete(decoded.keys().next().value);
    }
    return decoded.get(uri);
  }

  const size = () => PLANE[state.axis].map((axis) => data.size_um[axis]);
  const layer = (side) => data.layers[names.indexOf($(side).value)];

  async function load() {
    const turn = ++state.turn, at = Number($("slice").value);
    const uris = ["left", "right"].map((side) => {
      const { images, index } = layer(side).slices[state.axis];
      return images[index[at]];
    });
    const images = await Promise.all(uris.map(decode));
    if (turn !== state.turn) return; // the slider has moved on
    state.images = images;
    draw();
  }

  function view() {
    // The part of the slice that is seen, as shares of its height and width.
    const span = 1 / state.zoom;
    const [y, x] = state.centre.map((c) => Math.min(Math.max(c, span / 2), 1 - span / 2));
    state.centre = [y, x];
    return { y: y - span / 2, x: x - span / 2, span };
  }

  function draw() {
    const [height, width] = size(), box = canvas.parentElement.clientWidth * devicePixelRatio;
    canvas.width = Math.round(box);
    canvas.height = Math.round(box * height / width);
    const { y, x, span } = view();
    pen.imageSmoothingEnabled = false;
    const line = state.swipe * canvas.width;
    state.images.forEach((image, side) => {
      if (!image) return;
      pen.save();
      pen.beginPath();
      pen.rect(side ? line : 0, 0, side ? canvas.width - line : line, canvas.height);
      pen.clip();
      pen.drawImage(image, x * image.width, y * image.height, span * image.width, span * image.height,
        0, 0, canvas.width, canvas.height);
      pen.restore();
    });
    divider(line);
    scaleBar(width * span);
    words();
  }

  function divider(line) {
    if (state.swipe <= 0 || state.swipe >= 1) return;
    const unit = devicePixelRatio;
    pen.fillStyle = "#fff";
    pen.strokeStyle = "#0008";
    pen.lineWidth = unit;
    pen.fillRect(line - 1.5 * unit, 0, 3 * unit, canvas.height);
    pen.strokeRect(line - 1.5 * unit, -2 * unit, 3 * unit, canvas.height + 4 * unit);
    pen.beginPath();
    pen.arc(line, canvas.height / 2, 14 * unit, 0, 2 * Math.PI);
    pen.fill();
    pen.stroke();
    pen.fillStyle = "#1b2a41";
    for (const way of [-1, 1]) {
      pen.beginPath();
      pen.moveTo(line + way * 10 * unit, canvas.height / 2);
      pen.lineTo(line + way * 4 * unit, canvas.height / 2 - 5 * unit);
      pen.lineTo(line + way * 4 * unit, canvas.height / 2 + 5 * unit);
      pen.fill();
    }
  }

  function scaleBar(width_um) {
    const unit = devicePixelRatio, wanted = width_um / 5;
    const power = 10 ** Math.floor(Math.log10(wanted));
    const length = [5, 2, 1].map((n) => n * power).find((n) => n <= wanted);
    const pixels = length / width_um * canvas.width, left = 14 * unit, low = canvas.height - 16 * unit;
    const text = `${Number(length.toPrecision(3))} µm`;
    pen.font = `600 ${13 * unit}px system-ui, sans-serif`;
    const room = Math.max(pixels, pen.measureText(text).width) + 16 * unit;
    pen.fillStyle = "#000b";
    pen.fillRect(left - 8 * unit, low - 24 * unit, room, 34 * unit);
    pen.fillStyle = "#fff";
    pen.fillRect(left, low, pixels, 3 * unit);
    pen.fillText(text, left, low - 7 * unit);
  }

  function words() {
    const at = Number($("slice").value), axis = NAMES[state.axis];
    const um = data.origin_um[state.axis] + (data.positions[state.axis][at] + 0.5) * data.step_um;
    $("slice-at").value = `${axis} = ${um.toFixed(1)} µm`;
    $("swipe-at").value = `${Math.round(state.swipe * 100)} %`;
    $("zoom").value = `${state.zoom}×`;
    for (const side of ["left", "right"]) {
      const { name, voxel_um } = layer(side);
      $(`${side}-tag`).textContent = `${name} · ${Number(voxel_um.toPrecision(3))} µm`;
    }
    $("left-tag").hidden = state.swipe < 0.15;
    $("right-tag").hidden = state.swipe > 0.85;
    canvas.setAttribute("aria-label", `Slice across ${axis} at ${um.toFixed(1)} µm: `
      + `${$("left").value} on the left, ${$("right").value} on the right`);
  }

  function chooseAxis(axis) {
    state.axis = axis;
    const slider = $("slice"), share = slider.max > 0 ? slider.value / slider.max : 0.5;
    slider.max = data.positions[axis].length - 1;
    slider.value = Math.round(share * slider.max);
    load();
  }

  function zoom(factor) {
    state.zoom = Math.min(Math.max(state.zoom * factor, 1), 16);
    draw();
  }

  function swipe(share) {
    state.swipe = Math.min(Math.max(share, 0), 1);
    $("swipe").value = state.swipe * 100;
    draw();
  }

  for (const side of ["left", "right"]) $(side).addEventListener("change", load);
  $("slice").addEventListener("input", load);
  $("swipe").addEventListener("input", () => swipe($("swipe").value / 100));
  $("in").addEventListener("click", () => zoom(2));
  $("out").addEventListener("click", () => zoom(0.5));
  for (const radio of document.querySelectorAll("input[name=axis]"))
    radio.addEventListener("change", () => chooseAxis(Number(radio.value)));

  let drag = null;
  canvas.addEventListener("pointerdown", (event) => {
    const share = event.offsetX / canvas.clientWidth;
    const near = Math.abs(share - state.swipe) * canvas.clientWidth < 24;
    drag = { moves: state.zoom > 1 && !near, x: event.offsetX, y: event.offsetY };
    canvas.setPointerCapture(event.pointerId);
    if (!drag.moves) swipe(share);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!drag) return;
    if (drag.moves) {
      state.centre[0] -= (event.offsetY - drag.y) / canvas.clientHeight / state.zoom;
      state.centre[1] -= (event.offsetX - drag.x) / canvas.clientWidth / state.zoom;
      [drag.x, drag.y] = [event.offsetX, event.offsetY];
      draw();
    } else swipe(event.offsetX / canvas.clientWidth);
  });
  for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => { drag = null; });
  canvas.addEventListener("keydown", (event) => {
    const step = 0.1 / state.zoom;
    const moves = { ArrowUp: [-step, 0], ArrowDown: [step, 0], ArrowLeft: [0, -step], ArrowRight: [0, step] };
    if (event.key in moves && state.zoom > 1) {
      state.centre = state.centre.map((c, i) => c + moves[event.key][i]);
      draw();
    } else if (event.key === "+" || event.key === "=") zoom(2);
    else if (event.key === "-") zoom(0.5);
    else if (event.key === " ") swipe(state.swipe < 0.5 ? 1 : 0);
    else return;
    event.preventDefault();
  });
  new ResizeObserver(draw).observe(canvas.parentElement);
  $("slice").max = data.positions[0].length - 1;
  $("slice").value = Math.floor(data.positions[0].length / 2);
  chooseAxis(0);
}
