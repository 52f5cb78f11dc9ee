"use strict";
// Turns the slices of a series over: wheel, keys, slider; window and level by dragging. Nothing is sent anywhere.
for (const figure of document.querySelectorAll("figure")) {
  const dialog = figure.querySelector("dialog");
  if (!dialog) continue;
  const open = figure.querySelector(".open");
  const [frame, strip, place] = [".slice-frame", ".strip", ".place-of-slice"].map((name) => dialog.querySelector(name));
  const [slider, level, width] = [".to-slice", ".to-level", ".to-window"].map((name) => dialog.querySelector(name));
  const [count, columns, rows, across, down, middle] = ["slices", "columns", "rows", "width", "height", "first"].map((name) => Number(dialog.dataset[name]));
  let slice = middle;

  strip.style.width = `${100 * columns}%`;
  strip.style.height = `${100 * rows}%`;
  frame.style.aspectRatio = `${across} / ${down}`;
  frame.style.setProperty("--shape", across / down);

  const show = (index) => {
    slice = Math.min(count - 1, Math.max(0, index));
    strip.style.transform = `translate(${(-100 * (slice % columns)) / columns}%, ${(-100 * Math.floor(slice / columns)) / rows}%)`;
    slider.value = slice + 1;
    place.textContent = `slice ${slice + 1} of ${count}`;
  };
  const light = () => {
    strip.style.filter = `brightness(${level.value}%) contrast(${width.value}%)`;
  };
  const reset = () => {
    level.value = width.value = 100;
    light();
  };
  const start = () => {
    dialog.showModal();
    show(slice);
    frame.focus();
  };

  open.hidden = false;
  open.addEventListener("click", start);
  figure.querySelector(".views").addEventListener("click", start);
  figure.querySelector(".views").classList.add("opens");
  dialog.querySelector(".close").addEventListener("click", () => dialog.close());
  dialog.querySelector(".reset").addEventListener("click", reset);
  dialog.addEventListener("close", () => open.focus());
  slider.addEventListener("input", () => show(Number(slider.value) - 1));
  level.addEventListener("input", light);
  width.addEventListener("input", light);
  frame.addEventListener("dblclick", reset);

  let turned = 0;
  frame.addEventListener("wheel", (event) => {
    event.preventDefault();
    turned += event.deltaMode ? event.deltaY * 40 : event.deltaY;
    const steps = Math.trunc(turned / 40);
    turned -= 40 * steps;
    if (steps) show(slice + steps);
  }, { passive: false });

  const keys = { ArrowUp: -1, ArrowLeft: -1, ArrowDown: 1, ArrowRight: 1, PageUp: -10, PageDown: 10, Home: -count, End: count };
  frame.addEventListener("keydown", (event) => {
    if (!(event.key in keys)) return;
    event.preventDefault();
    show(slice + keys[event.key]);
  });

  frame.addEventListener("pointerdown", (event) => {
    frame.setPointerCapture(event.pointerId);
  });
  frame.addEventListener("pointermove", (event) => {
    if (!frame.hasPointerCapture(event.pointerId)) return;
    if (event.pointerType === "touch") {
      turned += event.movementY * 3;
      const steps = Math.trunc(turned / 40);
      turned -= 40 * steps;
      if (steps) show(slice + steps);
      return;
    }
    width.value = Number(width.value) + event.movementX;
    level.value = Number(level.value) - event.movementY;
    light();
  });
}
