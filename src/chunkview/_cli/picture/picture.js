// Shows the streams. The facts are a list of them, each with:
//   name, problem   texts
//   summary         pairs of a name and a value
//   lanes           the name of each lane; lane 0 is about the message, the others are blocks
//   events          type, lane, offset (bytes), json; and if there are any: seconds, characters,
//                   text, label
//   findings        rule, severity, message, position, count, promise, sdk, mend, page
//   blocks          head, form, text, notes
// Texts of a stream become text nodes, never HTML. Of the events, only those in view are drawn.
"use strict";

(() => {
  const byId = (id) => document.getElementById(id);
  const streams = JSON.parse(byId("facts").textContent);

  const state = { stream: null, selected: -1, byTime: false, findingsOf: new Map() };

  // How much is shown and drawn. The tests read it.
  const counters = document.documentElement.dataset;

  // --- Small helpers ----------------------------------------------------------------------------

  function element(tag, className, ...children) {
    const made = document.createElement(tag);
    if (className) made.className = className;
    made.append(...children);
    return made;
  }

  const limited = (value, low, high) => Math.max(low, Math.min(high, value));
  const grouped = (number) => number.toLocaleString("en");
  const count = (number, noun) => `${grouped(number)} ${noun}${number === 1 ? "" : "s"}`;
  const inSeconds = (seconds) => `${seconds.toFixed(3)} s`;

  // What shows only at the end of a stream is marked at its last event.
  const eventOf = (finding) => Math.min(finding.position, state.stream.events.length - 1);

  const findingsAt = (at) => state.findingsOf.get(at) || [];

  // --- One stream -------------------------------------------------------------------------------

  function showStream(number) {
    const stream = streams[number];
    const isTimed = stream.events.some((event) => event.seconds !== undefined);
    state.stream = stream;
    state.selected = -1;
    state.byTime = isTimed;
    state.findingsOf = new Map();
    for (const finding of stream.findings) {
      const at = eventOf(finding);
      state.findingsOf.set(at, [...findingsAt(at), finding]);
    }
    document.title = stream.name;
    byId("name").textContent = stream.name;
    byId("problem").textContent = stream.problem;
    byId("problem").hidden = !stream.problem;
    for (const choice of document.getElementsByName("scale")) {
      choice.checked = (choice.value === "time") === isTimed;
      choice.disabled = choice.value === "time" && !isTimed;
    }
    byId("zoom").value = 0;
    showSummary(stream, isTimed);
    showFindings(stream);
    byId("blocks").replaceChildren(...stream.blocks.map(blockShown));
    byId("detail").replaceChildren(element("p", "note", "Select an event to see its JSON."));
    line.begin();
    list.begin();
    Object.assign(counters, { stream: number, events: stream.events.length, selected: -1 });
  }

  function showSummary(stream, isTimed) {
    const events = `${grouped(stream.events.length)}${isTimed ? "" : ", times not known"}`;
    byId("summary").replaceChildren();
    for (const [name, value] of [...stream.summary, ["events", events]]) {
      byId("summary").append(element("div", "", element("dt", "", name), element("dd", "", value)));
    }
  }

  function blockShown(block, number) {
    const head = element("summary", "", `${number} ${block.head}`);
    if (block.form === "invalid JSON") head.append(element("span", "badge error", block.form));
    const text = element("div", `text ${block.form === "json" ? "json" : block.form}`, block.text);
    const notes = element("ol", "notes", ...block.notes.map((note) => element("li", "", note)));
    const shown = element("details", "panel", head, text);
    if (block.notes.length) shown.append(notes);
    shown.open = true;
    return shown;
  }

  // --- Findings ---------------------------------------------------------------------------------

  function showFindings(stream) {
    byId("no-findings").hidden = stream.findings.length > 0 || stream.events.length === 0;
    byId("findings").replaceChildren(
      ...stream.findings.map((finding) => element("li", "", findingShown(finding, true)))
    );
  }

  // A finding in the list is closed, and has a button that leads to its event.
  function findingShown(finding, isInList) {
    const badge = element("span", `badge ${finding.severity}`, finding.severity);
    const times = finding.count > 1 ? ` (${grouped(finding.count)} times)` : "";
    const link = element("a", "", finding.rule);
    link.href = finding.page;
    link.target = "_blank";
    link.rel = "noopener noreferrer";
    const more = element("dl", "rule");
    const rows = [
      ["rule", [link]],
      ["promise", withCode(finding.promise)],
      ["SDK", withCode(finding.sdk)],
      ["send instead", withCode(finding.mend)],
    ];
    for (const [name, parts] of rows) {
      if (parts.length) more.append(element("dt", "", name), element("dd", "", ...parts));
    }
    const head = element("summary", "", badge, ` ${finding.message}${times} `);
    const shown = element("details", "panel", head, more);
    shown.open = !isInList;
    if (isInList && state.stream.events.length) head.append(buttonTo(finding));
    return shown;
  }

  function buttonTo(finding) {
    const isAtEnd = finding.position >= state.stream.events.length;
    const button = element("button", "", isAtEnd ? "at the end" : `at event ${finding.position}`);
    button.addEventListener("click", (click) => {
      click.preventDefault(); // it would open the details
      select(eventOf(finding));
      byId("list").focus();
    });
    return button;
  }

  // The texts of the rules have code in backticks.
  function withCode(text) {
    const parts = text.split("`").map((part, at) => (at % 2 ? element("code", "", part) : part));
    return parts.filter((part) => part !== "");
  }

  // --- The selected event -----------------------------------------------------------------------

  function select(number) {
    const { events } = state.stream;
    if (!events.length) return;
    state.selected = limited(number, 0, events.length - 1);
    counters.selected = state.selected;
    showDetail();
    list.reveal(state.selected);
    line.reveal(state.selected);
  }

  function showDetail() {
    const event = state.stream.events[state.selected];
    const place = [state.stream.lanes[event.lane], `byte ${grouped(event.offset)}`];
    if (event.seconds !== undefined) place.push(inSeconds(event.seconds));
    byId("detail").replaceChildren(
      element("h3", "", `Event ${state.selected}: ${event.type}`),
      element("p", "note", place.join(" · ")),
      ...findingsAt(state.selected).map((finding) => findingShown(finding, false)),
      element("pre", "json", event.json)
    );
    byId("detail").scrollTop = 0;
  }

  // Which event a key leads to; -1 for any other key.
  function eventAfterKey(key, page) {
    const { selected } = state;
    const last = state.stream.events.length - 1;
    const targets = {
      ArrowDown: selected + 1,
      ArrowRight: selected + 1,
      ArrowUp: selected - 1,
      ArrowLeft: selected - 1,
      PageDown: selected + page,
      PageUp: selected - page,
      Home: 0,
      End: last,
    };
    return key in targets ? limited(targets[key], 0, last) : -1;
  }

  // --- The list of events -----------------------------------------------------------------------

  const list = {
    ROW: 26,
    box: byId("list"),

    begin() {
      byId("list-size").style.height = `${state.stream.events.length * this.ROW}px`;
      this.box.scrollTop = 0;
      this.draw();
    },

    draw() {
      const { events } = state.stream;
      const first = Math.floor(this.box.scrollTop / this.ROW);
      const end = Math.min(events.length, first + Math.ceil(this.box.clientHeight / this.ROW) + 1);
      const rows = [];
      for (let at = first; at < end; at++) rows.push(this.row(events[at], at));
      byId("list-size").replaceChildren(...rows);
      const isDrawn = state.selected >= first && state.selected < end;
      if (isDrawn) this.box.setAttribute("aria-activedescendant", `event-${state.selected}`);
      else this.box.removeAttribute("aria-activedescendant");
      counters.rows = rows.length;
    },

    row(event, at) {
      const findings = findingsAt(at);
      const kind = kindOf(state.stream.lanes[event.lane], event);
      const row = element(
        "div",
        "row",
        element("span", "number", String(at)),
        element("span", "seconds", event.seconds === undefined ? "" : event.seconds.toFixed(3)),
        element("span", `type ${kind}`, event.type),
        element("span", "excerpt", event.text || ""),
        ...findings.map((finding) => element("span", `badge ${finding.severity}`, finding.rule))
      );
      row.id = `event-${at}`;
      row.setAttribute("role", "option");
      row.setAttribute("aria-selected", String(at === state.selected));
      row.setAttribute("aria-setsize", String(state.stream.events.length));
      row.setAttribute("aria-posinset", String(at + 1));
      row.style.top = `${at * this.ROW}px`;
      row.addEventListener("click", () => select(at));
      return row;
    },

    // Scroll as little as an arrow key needs, and put what is far away into the middle.
    reveal(at) {
      const { box, ROW } = this;
      const above = box.scrollTop - at * ROW;
      const below = (at + 1) * ROW - box.scrollTop - box.clientHeight;
      if (Math.max(above, below) > ROW) box.scrollTop = (at + 0.5) * ROW - box.clientHeight / 2;
      else if (above > 0) box.scrollTop -= above;
      else if (below > 0) box.scrollTop += below;
      this.draw();
    },

    listen() {
      this.box.addEventListener("scroll", () => this.draw());
      new ResizeObserver(() => this.draw()).observe(this.box);
      this.box.addEventListener("keydown", (pressed) => {
        const target = eventAfterKey(pressed.key, Math.floor(this.box.clientHeight / this.ROW));
        if (target < 0) return;
        pressed.preventDefault();
        select(target);
      });
    },
  };

  // --- The timeline -----------------------------------------------------------------------------

  function kindOf(lane, event) {
    if (event && (event.type === "error" || event.type === "not readable")) return "error";
    const type = lane.split(" ")[1] || "message";
    if (type.endsWith("tool_use")) return "tool";
    return ["message", "text", "thinking"].includes(type) ? type : "other";
  }

  // A step of 1, 2 or 5 times a power of ten, at least as large as `least`.
  function niceStep(least) {
    const power = 10 ** Math.floor(Math.log10(least));
    return [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= least * 0.999);
  }

  const SURFACES = ["back", "ink", "soft", "rule"];
  const KINDS = ["message", "text", "thinking", "tool", "other", "error", "warning"];

  // A text that is not wider than so many pixels.
  function fitted(pen, text, width) {
    if (pen.measureText(text).width <= width) return text;
    let end = text.length;
    while (end > 0 && pen.measureText(`${text.slice(0, end)}…`).width > width) end--;
    return `${text.slice(0, end)}…`;
  }

  const line = {
    CURVE: 52, // height of the curve
    TOP: 74, // where the lanes begin: below the curve and the axis
    LANE: 24,
    WIDEST: 14, // pixels for each event at the highest zoom
    box: byId("line"),
    canvas: byId("canvas"),
    places: new Float64Array(0), // of each event, from 0 to 1
    totals: new Float64Array(0), // characters up to each event
    spans: [], // of each lane: its first and its last event
    ofMessage: [], // the events in lane 0

    begin() {
      const { events, lanes } = state.stream;
      this.totals = new Float64Array(events.length);
      this.spans = lanes.map(() => [-1, -1]);
      this.ofMessage = [];
      let total = 0;
      events.forEach((event, at) => {
        if (event.lane === 0) this.ofMessage.push(at);
        total += event.characters || 0;
        this.totals[at] = total;
        const span = this.spans[event.lane];
        if (span[0] < 0) span[0] = at;
        span[1] = at;
      });
      this.box.setAttribute("aria-label", `Timeline of ${count(events.length, "event")}`);
      this.box.setAttribute("aria-valuemin", "0");
      this.box.setAttribute("aria-valuemax", String(Math.max(events.length - 1, 0)));
      this.box.scrollTop = 0;
      this.box.style.height = `${this.TOP + lanes.length * this.LANE + 16}px`;
      this.place();
    },

    // Find the place of each event.
    place() {
      const { events } = state.stream;
      this.duration = events.reduce((longest, event) => Math.max(longest, event.seconds || 0), 0);
      const scale = state.byTime && this.duration > 0 ? 1 / this.duration : 0;
      this.places = Float64Array.from(events, (event, at) =>
        scale ? (event.seconds || 0) * scale : (at + 0.5) / events.length
      );
      this.resize();
    },

    // Read the sizes once for many events: each look at the page may make it lay itself out.
    measure() {
      this.left = this.box.scrollLeft;
      this.top = this.box.scrollTop;
      this.gutter = this.box.clientWidth < 600 ? 92 : 168; // of the names
      const seen = Math.max(this.box.clientWidth - this.gutter - 12, 50);
      const wanted = state.stream.events.length * this.WIDEST;
      const most = Math.max(wanted / seen, state.byTime ? 20 : 1);
      this.width = seen * most ** (byId("zoom").value / 100); // of all events
    },

    resize() {
      this.measure();
      byId("line-size").style.width = `${this.gutter + this.width + 12}px`;
      byId("line-size").style.height = `${this.TOP + state.stream.lanes.length * this.LANE}px`;
      this.draw();
    },

    xOf(at) {
      return this.gutter + this.places[at] * this.width - this.left;
    },

    yOf(lane) {
      return this.TOP + lane * this.LANE - this.top;
    },

    // The first event at or after a place, by bisection.
    eventFrom(place) {
      let low = 0;
      let high = this.places.length;
      while (low < high) {
        const middle = (low + high) >> 1;
        if (this.places[middle] < place) low = middle + 1;
        else high = middle;
      }
      return low;
    },

    draw() {
      this.measure();
      const { clientWidth: width, clientHeight: height } = this.box;
      const ratio = window.devicePixelRatio || 1;
      this.canvas.width = width * ratio;
      this.canvas.height = height * ratio;
      this.canvas.style.width = `${width}px`;
      this.canvas.style.height = `${height}px`;
      const pen = this.canvas.getContext("2d");
      pen.scale(ratio, ratio);
      pen.font = "12px system-ui, sans-serif";
      pen.textBaseline = "middle";
      const first = this.eventFrom((this.left - 20) / this.width);
      const end = this.eventFrom((this.left + width) / this.width);
      const style = getComputedStyle(document.documentElement);
      this.colors = {};
      for (const name of [...SURFACES, ...KINDS]) {
        this.colors[name] = style.getPropertyValue(`--${name}`);
      }
      this.drawSelection(pen, height);
      this.drawLanes(pen, width, height);
      counters.marks = this.drawEvents(pen, first, end, height);
      this.drawLabels(pen, first, end, width);
      pen.fillStyle = this.colors.back;
      pen.fillRect(0, 0, width, this.TOP);
      this.drawAxis(pen, width);
      this.drawCurve(pen, first, end);
      this.drawSelection(pen, this.TOP);
      this.drawFindings(pen);
      this.drawNames(pen, height);
    },

    drawLanes(pen, width, height) {
      this.spans.forEach(([first, last], lane) => {
        const y = this.yOf(lane);
        if (y < 0 || y > height) return;
        pen.fillStyle = this.colors.rule;
        pen.fillRect(0, y + this.LANE - 1, width, 1);
        if (first < 0) return;
        pen.globalAlpha = 0.16;
        pen.fillStyle = this.colors[kindOf(state.stream.lanes[lane])];
        const left = Math.max(this.xOf(first) - 4, 0);
        const right = Math.min(this.xOf(last) + 4, width);
        if (lane && left < right) pen.fillRect(left, y + 4, right - left, this.LANE - 9);
        pen.globalAlpha = 1;
      });
    },

    // Draw the marks of events, one for each pixel of a lane. Return how many.
    drawEvents(pen, first, end, height) {
      const { events, lanes } = state.stream;
      const wide = limited(this.width / events.length - 2, 2, 9);
      const lastPixel = new Map();
      let marks = 0;
      for (let at = first; at < end; at++) {
        const event = events[at];
        const y = this.yOf(event.lane);
        const x = Math.round(this.xOf(at));
        const kind = kindOf(lanes[event.lane], event);
        const place = `${event.lane} ${kind}`;
        if (y < 0 || y > height || lastPixel.get(place) === x) continue;
        lastPixel.set(place, x);
        pen.fillStyle = this.colors[kind];
        pen.fillRect(x - wide / 2, y + 4, wide, this.LANE - 9);
        marks++;
      }
      return marks;
    },

    // Counts and reasons, in the lane of the message: on the side where no other mark is.
    drawLabels(pen, first, end, width) {
      const { events } = state.stream;
      const y = this.yOf(0) + this.LANE / 2 - 1;
      const isIn = (at) => at >= first && at < end;
      const marks = this.ofMessage.filter(isIn).map((at) => this.xOf(at));
      pen.fillStyle = this.colors.soft;
      for (const at of this.ofMessage.filter((at) => events[at].label && isIn(at))) {
        const { label } = events[at];
        const x = this.xOf(at);
        const room = pen.measureText(label).width + 14;
        const isFree = (from, to) =>
          from > this.gutter && to < width && !marks.some((mark) => mark > from && mark < to);
        pen.textAlign = isFree(x + 1, x + room) ? "left" : "right";
        if (pen.textAlign === "left") pen.fillText(label, x + 8, y);
        else if (isFree(x - room, x - 1)) pen.fillText(label, x - 8, y);
      }
    },

    drawAxis(pen, width) {
      const { events } = state.stream;
      const isTime = state.byTime && this.duration > 0;
      const whole = isTime ? this.duration : events.length;
      if (!whole) return;
      const step = Math.max(niceStep((whole * 80) / this.width), isTime ? 0.001 : 1);
      const from = Math.floor(((this.left / this.width) * whole) / step);
      pen.fillStyle = this.colors.soft;
      pen.textAlign = "left";
      for (let tick = Math.max(from, 0); ; tick++) {
        const value = tick * step;
        const place = isTime ? value / whole : (value + 0.5) / whole;
        const x = this.gutter + place * this.width - this.left;
        if (x > width || place > 1) break;
        const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
        pen.fillRect(x, this.CURVE + 4, 1, 6);
        const text = isTime ? `${value.toFixed(digits)} s` : grouped(value);
        pen.fillText(text, x + 4, this.CURVE + 12);
      }
    },

    // The curve of the characters so far, as steps.
    drawCurve(pen, first, end) {
      const whole = this.totals[this.totals.length - 1];
      if (!whole) return;
      const yOf = (total) => this.CURVE - (total / whole) * (this.CURVE - 6);
      let total = first > 0 ? this.totals[first - 1] : 0;
      let x = first > 0 ? this.xOf(first - 1) : this.gutter - this.left;
      pen.beginPath();
      pen.moveTo(x, this.CURVE);
      pen.lineTo(x, yOf(total));
      let lastPixel = -1;
      for (let at = first; at < Math.min(end + 1, this.totals.length); at++) {
        x = this.xOf(at);
        if (Math.round(x) !== lastPixel) pen.lineTo(x, yOf(total));
        lastPixel = Math.round(x);
        total = this.totals[at];
        pen.lineTo(x, yOf(total));
      }
      pen.strokeStyle = this.colors.text;
      pen.stroke();
      pen.lineTo(x, this.CURVE);
      pen.globalAlpha = 0.16;
      pen.fillStyle = this.colors.text;
      pen.fill();
      pen.globalAlpha = 1;
      pen.fillStyle = this.colors.rule;
      pen.fillRect(0, this.CURVE, this.box.clientWidth, 1);
    },

    drawSelection(pen, height) {
      if (state.selected < 0) return;
      pen.fillStyle = this.colors.ink;
      pen.fillRect(Math.round(this.xOf(state.selected)) - 0.5, 0, 1, height);
    },

    // A triangle above the mark, or below the axis if its lane is scrolled away.
    drawFindings(pen) {
      for (const [at, findings] of state.findingsOf) {
        if (at < 0) continue;
        const x = this.xOf(at);
        const isError = findings.some((finding) => finding.severity === "error");
        pen.fillStyle = this.colors[isError ? "error" : "warning"];
        const y = this.yOf(state.stream.events[at].lane) + 2;
        pen.beginPath();
        pen.moveTo(x, Math.max(y, this.TOP) + 4);
        pen.lineTo(x - 6, Math.max(y, this.TOP) - 7);
        pen.lineTo(x + 6, Math.max(y, this.TOP) - 7);
        pen.fill();
      }
    },

    drawNames(pen, height) {
      pen.fillStyle = this.colors.back;
      pen.fillRect(0, 0, this.gutter - 6, height);
      const write = (text, y) => pen.fillText(fitted(pen, text, this.gutter - 20), 8, y);
      pen.textAlign = "left";
      pen.fillStyle = this.colors.soft;
      const whole = this.totals[this.totals.length - 1] || 0;
      write(count(whole, "character"), this.CURVE - 12);
      write(state.byTime ? "time" : "event", this.CURVE + 12);
      state.stream.lanes.forEach((name, lane) => {
        const y = this.yOf(lane);
        if (y < this.TOP - this.LANE / 2 || y > height) return;
        pen.fillStyle = this.colors.ink;
        write(name, y + this.LANE / 2 - 1);
      });
    },

    // The event that is nearest to a point: in its lane if one is near there, else in any lane.
    eventAt(x, y) {
      const { events } = state.stream;
      const lane = Math.floor((y - this.TOP + this.top) / this.LANE);
      const from = this.eventFrom((x - 12 - this.gutter + this.left) / this.width);
      let [best, distance] = [-1, Infinity];
      for (let at = from; at < events.length && this.xOf(at) <= x + 12; at++) {
        const far = Math.abs(this.xOf(at) - x) + (events[at].lane === lane ? 0 : 100);
        if (far < distance) [best, distance] = [at, far];
      }
      return best;
    },

    reveal(at) {
      this.measure();
      const { box } = this;
      const event = state.stream.events[at];
      const x = this.xOf(at);
      if (x < this.gutter + 20 || x > box.clientWidth - 20) {
        box.scrollLeft += x - (this.gutter + box.clientWidth) / 2;
      }
      const above = this.TOP - this.yOf(event.lane);
      const below = this.yOf(event.lane) + this.LANE - box.clientHeight;
      if (above > 0) box.scrollTop -= above;
      else if (below > 0) box.scrollTop += below;
      box.setAttribute("aria-valuenow", String(at));
      box.setAttribute("aria-valuetext", `event ${at}, ${event.type}`);
      this.draw();
    },

    // The event of the lane above or below that is nearest to the selected one.
    eventInLane(step) {
      const { events } = state.stream;
      const from = Math.max(state.selected, 0);
      const lane = events[from].lane + step;
      let [best, distance] = [from, Infinity];
      events.forEach((event, at) => {
        const far = Math.abs(at - from);
        if (event.lane === lane && far < distance) [best, distance] = [at, far];
      });
      return best;
    },

    // Keep the selected event in the middle, or else what is there.
    zoom() {
      const middle = this.box.clientWidth / 2;
      const shown = (this.left + middle - this.gutter) / this.width;
      this.resize();
      const place = state.selected < 0 ? shown : this.places[state.selected];
      this.box.scrollLeft = this.gutter + place * this.width - middle;
      this.draw();
    },

    showHint(pointer) {
      const corner = this.canvas.getBoundingClientRect();
      const at = this.eventAt(pointer.clientX - corner.left, pointer.clientY - corner.top);
      const hint = byId("hint");
      hint.hidden = at < 0;
      if (at < 0) return;
      const event = state.stream.events[at];
      const time = event.seconds === undefined ? "" : ` · ${inSeconds(event.seconds)}`;
      hint.replaceChildren(element("b", "", `${at} ${event.type}${time}`));
      if (event.text) hint.append(element("div", "excerpt", event.text));
      for (const finding of findingsAt(at)) {
        const text = `${finding.rule}: ${finding.message}. ${finding.promise}`;
        hint.append(element("div", finding.severity, text));
      }
      const room = document.documentElement.clientWidth - hint.offsetWidth - 8;
      hint.style.left = `${limited(pointer.clientX + 12, 0, Math.max(room, 0))}px`;
      hint.style.top = `${pointer.clientY + 16}px`;
    },

    listen() {
      this.box.addEventListener("scroll", () => this.draw());
      new ResizeObserver(() => this.resize()).observe(this.box);
      const darkness = window.matchMedia("(prefers-color-scheme: dark)");
      darkness.addEventListener("change", () => this.draw());
      this.canvas.addEventListener("pointermove", (pointer) => this.showHint(pointer));
      this.canvas.addEventListener("pointerleave", () => { byId("hint").hidden = true; });
      this.canvas.addEventListener("click", (pointer) => {
        const corner = this.canvas.getBoundingClientRect();
        const at = this.eventAt(pointer.clientX - corner.left, pointer.clientY - corner.top);
        if (at >= 0) select(at);
      });
      this.box.addEventListener("keydown", (pressed) => {
        if (!state.stream.events.length) return;
        const lanes = { ArrowUp: -1, ArrowDown: 1 }[pressed.key];
        const target = lanes ? this.eventInLane(lanes) : eventAfterKey(pressed.key, 10);
        if (target < 0) return;
        pressed.preventDefault();
        select(target);
      });
      byId("zoom").addEventListener("input", () => this.zoom());
      for (const choice of document.getElementsByName("scale")) {
        choice.addEventListener("change", () => {
          state.byTime = choice.value === "time";
          this.place();
          if (state.selected >= 0) this.reveal(state.selected);
        });
      }
    },
  };

  // --- The start --------------------------------------------------------------------------------

  function begin() {
    const choice = byId("streams");
    for (const [number, stream] of streams.entries()) {
      const counts = [count(stream.events.length, "event")];
      if (stream.findings.length) counts.push(count(stream.findings.length, "finding"));
      const option = element("option", "", `${stream.name} (${counts.join(", ")})`);
      option.value = String(number);
      choice.append(option);
    }
    choice.addEventListener("change", () => showStream(Number(choice.value)));
    byId("choice").hidden = streams.length < 2;
    showStream(0);
    list.listen();
    line.listen();
  }

  if (streams.length) begin();
  else byId("name").textContent = "There is no stream.";
})();
