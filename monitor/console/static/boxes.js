"use strict";
// Boxes on a photograph, in its own pixels: drawn and moved by pointer or by keys, and sent as JSON with the form.
(() => {
  const form = document.getElementById("label"), photograph = document.getElementById("photograph");
  const width = Number(photograph.getAttribute("width")), height = Number(photograph.getAttribute("height"));
  const list = document.getElementById("boxes"), tools = [...document.querySelectorAll(".tool")];
  const step = Math.max(1, Math.round(Math.max(width, height) / 200));
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const boxes = [];
  let chosen = -1, label = tools[0].dataset.class, held = null;
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.setAttribute("aria-hidden", "true"); // the list says the same
  document.getElementById("stage").append(svg);

  const inside = (value, most) => Math.round(Math.min(most, Math.max(0, value)) * 100) / 100;
  const ordered = box => ({ ...box, x1: Math.min(box.x1, box.x2), x2: Math.max(box.x1, box.x2), y1: Math.min(box.y1, box.y2), y2: Math.max(box.y1, box.y2) });
  const large = box => Math.abs(box.x2 - box.x1) > 2 && Math.abs(box.y2 - box.y1) > 2;

  function shape(name, attributes) {
    const one = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) one.setAttribute(key, value);
    svg.append(one);
    return one;
  }

  function draw() {
    svg.replaceChildren();
    boxes.forEach((box, number) => {
      const b = ordered(box), at = { x: b.x1, y: b.y1, width: b.x2 - b.x1, height: b.y2 - b.y1 };
      shape("rect", { ...at, class: "under" });
      shape("rect", { ...at, class: number === chosen ? "chosen" : "", "data-box": number });
      const size = Math.max(width, height) / 42;
      shape("text", { x: b.x1 + size / 4, y: Math.max(size, b.y1 - size / 4), "font-size": size }).textContent = b.label;
    });
    if (chosen >= 0) {
      const b = ordered(boxes[chosen]), side = Math.max(width, height) / 55;
      shape("rect", { x: b.x2 - side / 2, y: b.y2 - side / 2, width: side, height: side, class: "corner", "data-corner": chosen });
    }
    form.elements.boxes.value = JSON.stringify(boxes.map(ordered).filter(large));
  }

  function tell() {
    list.replaceChildren(...boxes.map((box, number) => {
      const b = ordered(box), item = document.createElement("li"), button = document.createElement("button");
      button.type = "button";
      button.textContent = `${b.label}, ${Math.round(b.x2 - b.x1)} × ${Math.round(b.y2 - b.y1)} at ${Math.round(b.x1)}, ${Math.round(b.y1)}`;
      if (number === chosen) button.setAttribute("aria-current", "true");
      button.addEventListener("focus", () => { if (chosen !== number) choose(number, true); });
      item.append(button);
      return item;
    }));
    for (const tool of tools) tool.setAttribute("aria-pressed", String(tool.dataset.class === label));
    draw();
  }

  function choose(number, focused = false) {
    chosen = number;
    if (number >= 0) label = boxes[number].label;
    tell();
    if (focused) list.children[number].firstChild.focus();
  }

  function place(event) {
    const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
    return [inside(at.x, width), inside(at.y, height)];
  }

  svg.addEventListener("pointerdown", event => {
    if (event.button) return;
    const [x, y] = place(event), { box, corner } = event.target.dataset;
    if (corner !== undefined) held = { how: "corner", number: Number(corner) };
    else if (box !== undefined) {
      choose(Number(box));
      held = { how: "move", number: Number(box), x, y, from: ordered(boxes[box]) };
    } else {
      boxes.push({ label, x1: x, y1: y, x2: x, y2: y });
      chosen = boxes.length - 1;
      held = { how: "corner", number: chosen };
    }
    svg.setPointerCapture(event.pointerId);
    event.preventDefault();
  });
  svg.addEventListener("pointermove", event => {
    if (!held) return;
    const [x, y] = place(event);
    if (held.how === "move") move(held.number, x - held.x, y - held.y, held.from);
    else Object.assign(boxes[held.number], { x2: x, y2: y });
    draw();
  });
  for (const end of ["pointerup", "pointercancel"]) {
    svg.addEventListener(end, () => {
      if (!held) return;
      boxes[held.number] = ordered(boxes[held.number]);
      if (!large(boxes[held.number])) {
        boxes.splice(held.number, 1); // a click, or a slip of the hand
        chosen = -1;
      }
      held = null;
      tell();
    });
  }

  function move(number, dx, dy, from) {
    const b = from || ordered(boxes[number]);
    dx = Math.min(width - b.x2, Math.max(-b.x1, dx));
    dy = Math.min(height - b.y2, Math.max(-b.y1, dy));
    Object.assign(boxes[number], { x1: inside(b.x1 + dx, width), x2: inside(b.x2 + dx, width), y1: inside(b.y1 + dy, height), y2: inside(b.y2 + dy, height) });
  }

  const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  addEventListener("keydown", event => {
    if (chosen < 0 || event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea")) return;
    if (event.key === "Escape") { event.preventDefault(); choose(-1); return; }
    const way = arrows[event.key];
    if (!way) return;
    event.preventDefault();
    if (event.shiftKey) {
      const box = boxes[chosen];
      box.x2 = inside(Math.max(box.x1 + 3, box.x2 + way[0] * step), width);
      box.y2 = inside(Math.max(box.y1 + 3, box.y2 + way[1] * step), height);
    } else move(chosen, way[0] * step, way[1] * step);
    choose(chosen, list.contains(document.activeElement));
  });

  for (const tool of tools) {
    tool.addEventListener("click", () => {
      label = tool.dataset.class;
      if (chosen >= 0) boxes[chosen].label = label;
      tell();
    });
  }
  document.getElementById("add").addEventListener("click", () => {
    boxes.push({ label, x1: inside(width * .4, width), y1: inside(height * .4, height), x2: inside(width * .6, width), y2: inside(height * .6, height) });
    choose(boxes.length - 1);
  });
  document.getElementById("remove").addEventListener("click", () => {
    if (chosen < 0) return;
    boxes.splice(chosen, 1);
    choose(Math.min(chosen, boxes.length - 1));
  });
  document.getElementById("take")?.addEventListener("click", event => {
    boxes.push(...JSON.parse(event.target.dataset.boxes).map(({ label, x1, y1, x2, y2 }) => ({ label, x1, y1, x2, y2 })));
    choose(-1);
  });
  boxes.push(...JSON.parse(form.elements.boxes.value).map(({ label, x1, y1, x2, y2 }) => ({ label, x1, y1, x2, y2 })));
  tell();
})();
