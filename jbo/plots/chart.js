// Draws every element with a figure in its data-jbo-figure attribute that is not drawn yet. A figure is in plotly's format;
// only what jbo's figures use of that format is understood. There are no ids and no styles of the page's own, so that
// many figures stand on one page, and the text takes the colour of its surroundings.
(function () {
  "use strict";
  const NAMESPACE = "http://www.w3.org/2000/svg";
  const FONT = 12;
  const pen = document.createElement("canvas").getContext("2d");
  pen.font = `${FONT}px system-ui, sans-serif`;
  const widthOf = (text) => pen.measureText(text).width;

  function add(parent, tag, attributes, text) {
    const element = document.createElementNS(NAMESPACE, tag);
    for (const name in attributes) if (attributes[name] !== undefined) element.setAttribute(name, attributes[name]);
    if (text !== undefined) element.textContent = text;
    parent.append(element);
    return element;
  }
  function block(parent, tag, style) {
    const element = document.createElement(tag);
    Object.assign(element.style, style);
    parent.append(element);
    return element;
  }
  function shortened(text, width) {
    if (widthOf(text) <= width) return text;
    let length = text.length;
    while (length > 1 && widthOf(text.slice(0, length) + "…") > width) length -= 1;
    return text.slice(0, length) + "…";
  }

  // Texts: plotly's escapes, its <br> and <b>, its templates.
  const plain = (text) => String(text).replace(/&lt;/g, "<").replace(/&gt;/g, ">").replace(/&quot;/g, '"').replace(/&#x27;/g, "'").replace(/&amp;/g, "&");
  const raised = (power) => Array.from(String(power), (c) => c === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[c]).join("");
  const signed = (text) => text.replace("-", "−");
  function scientific(value, digits) {
    const [mantissa, power] = value.toExponential(digits).split("e");
    return `${mantissa === "1" ? "" : mantissa === "-1" ? "−" : `${signed(mantissa)}×`}10${raised(Number(power))}`;
  }
  function formatted(value, format) {
    if (typeof value !== "number") return plain(value ?? "");
    const [, digits, kind] = /^\.(\d+)([g%])$/.exec(format || "") || [null, "6", "g"];
    if (kind === "%") return `${(100 * value).toFixed(digits)} %`;
    const size = Math.abs(value);
    if (size && (size < 1e-4 || size >= 1e6)) return scientific(Number(value.toPrecision(digits)), undefined);
    return signed(String(Number(value.toPrecision(digits))));
  }
  const at = (values, i) => Array.isArray(values) ? values[i] : values;

  // Axes: where a value is, from 0 to 1, and where the ticks are.
  function axisOf(layout, name, traces, view, length) {
    const given = layout[name] || {}, letter = name[0], isLog = given.type === "log";
    const labels = given.type === "category" ? [] : null;
    const values = [];
    for (const trace of traces) {
      if ((trace[letter + "axis"] || letter) !== name.replace("axis", "")) continue;
      const own = trace[letter] || [];
      const base = trace.type === "bar" && letter === "x" ? trace.base || 0 : null;
      own.forEach((value, i) => {
        if (labels && !labels.includes(value)) labels.push(value);
        if (value === null || typeof value !== "number") return;
        values.push(...(base === null ? [value] : [at(base, i), at(base, i) + value]));
        if (trace.error_y && letter === "y") values.push(value - trace.error_y.arrayminus[i], value + trace.error_y.array[i]);
      });
    }
    const inner = (value) => labels ? labels.indexOf(value) : isLog ? Math.log10(value) : value;
    const isMap = traces.some((trace) => trace.type === "heatmap");
    let [low, high] = view[name] || given.range || [NaN, NaN];
    if (labels && !view[name]) [low, high] = [-0.5, labels.length - 0.5];
    if (!(low < high)) {
      const all = values.map(inner).filter(Number.isFinite);
      low = all.reduce((a, b) => Math.min(a, b), Infinity);
      high = all.reduce((a, b) => Math.max(a, b), -Infinity);
      if (!(low <= high)) [low, high] = [0, 1];
      if (low === high) [low, high] = low === 0 ? [-1, 1] : [low - Math.abs(low) / 2, high + Math.abs(high) / 2];
      const margin = isMap ? 0 : 0.1 * (high / 2 - low / 2);
      const isZeroEnd = given.rangemode === "tozero" && low >= 0;
      low = isZeroEnd ? 0 : Math.max(-Number.MAX_VALUE, low - margin);
      high = Math.min(Number.MAX_VALUE, high + margin);
      if (isMap) [low, high] = outer(traces.find((trace) => trace.type === "heatmap")[letter].map(inner), isLog || !given.ticktext);
    }
    const share = (value) => (inner(value) / 2 - low / 2) / (high / 2 - low / 2);
    const value = (part) => low * (1 - part) + high * part;
    return { given, name, low, high, isLog, labels, inner, share, value, ticks: ticksOf(given, low, high, isLog, labels, length) };
  }
  // The ends of a map: half a cell beyond the first and the last middle.
  function outer(middles) {
    const edges = edgesOf(middles);
    return [edges[0], edges[edges.length - 1]];
  }
  function edgesOf(middles) {
    if (middles.length === 1) return [middles[0] - 0.5, middles[0] + 0.5];
    const between = middles.slice(1).map((middle, i) => (middle + middles[i]) / 2);
    const last = middles.length - 1;
    return [2 * middles[0] - between[0], ...between, 2 * middles[last] - between[last - 1]];
  }
  function ticksOf(given, low, high, isLog, labels, length) {
    const inside = (tick) => tick.at >= low - 1e-9 * (high - low) && tick.at <= high + 1e-9 * (high - low);
    if (labels) return labels.map((label, i) => ({ at: i, text: plain(label) })).filter(inside);
    if (given.tickvals) return given.tickvals.map((at, i) => ({ at, text: plain(given.ticktext[i]) })).filter(inside);
    const number = Math.max(2, Math.floor(length));
    if (isLog) {
      const decades = high - low;
      if (decades >= 1) {
        const stride = Math.max(1, Math.ceil(decades / number)), ticks = [];
        const parts = stride > 1 || 3 * decades > number ? [1] : [1, 2, 5];
        for (let power = Math.floor(low / stride) * stride; power <= high; power += stride) {
          for (const part of parts) ticks.push({ at: Math.log10(part) + power, text: decimal(part, power) });
        }
        return ticks.filter(inside);
      }
      const even = ticksOf({}, 10 ** low, 10 ** high, false, null, length);
      return even.filter((tick) => tick.at > 0).map((tick) => ({ at: Math.log10(tick.at), text: tick.text }));
    }
    const rough = high / number - low / number, power = Math.floor(Math.log10(rough));
    const nice = [1, 2, 5, 10].find((part) => part * 10 ** power >= 0.999 * rough) || 10;
    let step = given.dtick || nice * 10 ** power;
    if (given.tickformat === "d") step = Math.max(1, step);
    const ticks = [], most = Math.max(Math.abs(low), Math.abs(high));
    const first = Math.ceil(low / step - 1e-9);
    for (let i = 0; i < 200 && (first + i) * step <= high + 1e-9 * step; i += 1) {
      const tick = (first + i) * step;
      if (Number.isFinite(tick)) ticks.push({ at: tick, text: tickText(tick, step, most, given.tickformat) });
    }
    return ticks;
  }
  function decimal(part, power) {
    if (power >= -3 && power <= 3) return String(Number((part * 10 ** power).toPrecision(1)));
    return part === 1 ? `10${raised(power)}` : `${part}×10${raised(power)}`;
  }
  function tickText(value, step, most, format) {
    const places = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
    if (format === ".0%") return `${signed((100 * value).toFixed(Math.max(0, places - 2)))} %`;
    if (Math.abs(value) < 1e-9 * step) return "0";
    if (most >= 1e6 || most < 1e-3) {
      return scientific(value, Math.min(15, Math.max(0, Math.floor(Math.log10(Math.abs(value)) + 1e-9) - Math.floor(Math.log10(step) + 1e-9))));
    }
    return signed(value.toFixed(Math.min(places, 15)));
  }

  const SHAPES = {
    x: (r) => `M${-r},${-r}L${r},${r}M${-r},${r}L${r},${-r}`,
    diamond: (r) => `M0,${-1.3 * r}L${1.3 * r},0L0,${1.3 * r}L${-1.3 * r},0Z`,
    star: (r) => "M" + Array.from({ length: 10 }, (_, i) => {
      const radius = (i % 2 ? 0.55 : 1.3) * r, angle = Math.PI * (i / 5 - 0.5);
      return `${(radius * Math.cos(angle)).toFixed(2)},${(radius * Math.sin(angle)).toFixed(2)}`;
    }).join("L") + "Z",
  };
  function mark(parent, marker, x, y) {
    const radius = (marker.size || 6) / 2, shape = SHAPES[marker.symbol];
    const line = marker.line || {};
    const style = marker.symbol === "x"
      ? { fill: "none", stroke: marker.color, "stroke-width": 2 }
      : { fill: marker.color, stroke: line.color, "stroke-width": line.width };
    const common = { class: "point", opacity: marker.opacity, ...style };
    if (shape) return add(parent, "path", { d: shape(radius), transform: `translate(${x},${y})`, ...common });
    return add(parent, "circle", { cx: x, cy: y, r: radius, ...common });
  }
  // A colour between those of a scale.
  function colourOf(scale, share) {
    const part = Math.min(1, Math.max(0, share));
    const next = Math.max(1, scale.findIndex(([place]) => place >= part));
    const [[from, one], [to, other]] = [scale[next - 1], scale[next]];
    const mixed = (part - from) / (to - from);
    const digits = (text, i) => parseInt(text.slice(1 + 2 * i, 3 + 2 * i), 16);
    return `rgb(${[0, 1, 2].map((i) => Math.round(digits(one, i) * (1 - mixed) + digits(other, i) * mixed)).join(",")})`;
  }

  function draw(place) {
    const { data, layout } = JSON.parse(place.dataset.jboFigure);
    const off = new Set();
    let view = {}, drawn = 0;
    Object.assign(place.style, { position: "relative", minWidth: "0", fontFamily: "system-ui, sans-serif", fontSize: `${FONT}px`, lineHeight: "1.35" });
    const legend = block(place, "div", { display: "flex", flexWrap: "wrap", gap: "2px 12px", padding: "0 8px", minHeight: "1.5em" });
    const svg = add(place, "svg", { class: "chart", role: "img", style: "display:block;width:100%;height:auto;touch-action:pan-x pan-y", "font-size": FONT });
    const tip = block(place, "div", {
      position: "absolute", display: "none", pointerEvents: "none", zIndex: "5", maxWidth: "min(24rem, 90%)", background: "#20252b", color: "#f4f6f8",
      border: "1px solid #77808a", borderRadius: "4px", padding: "4px 8px", overflowWrap: "anywhere", whiteSpace: "pre-wrap",
    });
    tip.className = "tip";
    let targets = [], box = null, axes = null;

    function drawLegend() {
      legend.textContent = "";
      const map = data.find((trace) => trace.type === "heatmap");
      if (map) block(legend, "span", {}).textContent = plain(map.name || "");
      const named = data.filter((trace) => trace.name && trace.showlegend !== false && trace.type !== "heatmap");
      if (layout.showlegend === false || !named.length || (data.length < 2 && layout.showlegend !== true)) {
        legend.style.display = map || Object.keys(view).length ? "flex" : "none";
      } else {
        legend.style.display = "flex";
        for (const trace of named) {
          const item = block(legend, "button", {
            font: "inherit", color: "inherit", background: "none", border: "0", padding: "0", cursor: "pointer", display: "inline-flex",
            alignItems: "center", gap: "5px", opacity: off.has(trace) ? "0.4" : "1",
          });
          item.type = "button";
          item.setAttribute("aria-pressed", String(!off.has(trace)));
          const sample = add(item, "svg", { width: 22, height: 12, "aria-hidden": "true" });
          const marker = trace.marker || {}, line = trace.line || {};
          if (trace.type === "bar") {
            add(sample, "rect", { x: 4, y: 1, width: 14, height: 10, fill: marker.color, ...pending(marker) });
          } else if (trace.fill) {
            add(sample, "rect", { x: 1, y: 1, width: 20, height: 10, fill: trace.fillcolor });
          } else {
            if (/lines/.test(trace.mode)) add(sample, "path", { d: "M1,6H21", stroke: line.color, "stroke-width": line.width || 2, "stroke-dasharray": line.dash ? "4 3" : undefined });
            if (/markers/.test(trace.mode)) mark(sample, { color: line.color, ...marker }, 11, 6);
          }
          item.append(plain(trace.name));
          item.addEventListener("click", () => { off.has(trace) ? off.delete(trace) : off.add(trace); render(); });
          item.addEventListener("dblclick", () => {
            const isAlone = named.every((other) => other === trace || off.has(other));
            off.clear();
            if (!isAlone) for (const other of named) if (other !== trace) off.add(other);
            render();
          });
        }
      }
      if (Object.keys(view).length) {
        const whole = block(legend, "button", { font: "inherit", color: "inherit", background: "none", border: "1px solid currentColor", borderRadius: "4px", padding: "0 6px", cursor: "pointer", marginLeft: "auto" });
        whole.type = "button";
        whole.textContent = "whole range";
        whole.addEventListener("click", () => { view = {}; render(); });
      }
    }
    const pending = (marker) => marker.pattern && marker.pattern.shape
      ? { "fill-opacity": 0.35, stroke: marker.color, "stroke-dasharray": "3 2" } : {};

    function render() {
      const width = Math.max(220, Math.round(place.clientWidth || 640)), height = layout.height || 360;
      drawn = place.clientWidth;
      drawLegend();
      svg.textContent = "";
      tip.style.display = "none";
      svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
      const shown = data.filter((trace) => !off.has(trace));
      const map = shown.find((trace) => trace.type === "heatmap");
      const y = axisOf(layout, "yaxis", shown, view, height / 60), x = axisOf(layout, "xaxis", shown, view, width / 90);
      const second = layout.yaxis2 ? axisOf(layout, "yaxis2", shown, {}, 4) : null;
      const yTexts = y.ticks.map((tick) => shortened(tick.text, 0.36 * width));
      const left = 30 + Math.max(14, ...yTexts.map(widthOf));
      const last = x.ticks.length ? widthOf(x.ticks[x.ticks.length - 1].text) / 2 : 0;
      const right = map ? 74 : Math.min(40, Math.max(14, last));
      box = { left, top: 10, width: width - left - right, height: 0 };
      const slot = box.width / Math.max(1, x.ticks.length - (x.given.tickvals ? 0 : 1));
      const isTilted = Math.max(0, ...x.ticks.map((tick) => widthOf(tick.text))) > slot - 6;
      const longest = Math.min(130, Math.max(14, ...x.ticks.map((tick) => widthOf(tick.text))));
      const below = isTilted ? 0.6 * longest + 20 : 20;
      box.height = Math.max(40, height - box.top - below - 24);
      const xAt = (value) => x.share(value) * box.width, yAt = (value, axis) => (1 - (axis || y).share(value)) * box.height;
      axes = { x, y };
      const titles = [y, x].map((axis) => plain((axis.given.title || {}).text || ""));
      svg.setAttribute("aria-label", titles.filter(Boolean).join(" by "));

      const frame = add(svg, "g", { transform: `translate(${box.left},${box.top})`, fill: "currentColor" });
      const grid = add(frame, "g", { stroke: "currentColor", "stroke-opacity": 0.16 });
      y.ticks.forEach((tick, i) => {
        const high = (1 - (tick.at / 2 - y.low / 2) / (y.high / 2 - y.low / 2)) * box.height;
        if (!map) add(grid, "path", { d: `M0,${high}H${box.width}`, "stroke-opacity": tick.at === 0 && !y.isLog && !y.labels ? 0.45 : undefined });
        const text = add(frame, "text", { x: -6, y: high + 4, "text-anchor": "end" }, yTexts[i]);
        if (yTexts[i] !== tick.text) add(text, "title", {}, tick.text);
      });
      for (const tick of x.ticks) {
        const across = (tick.at / 2 - x.low / 2) / (x.high / 2 - x.low / 2) * box.width;
        if (!map) add(grid, "path", { d: `M${across},0V${box.height}` });
        const where = isTilted
          ? { transform: `translate(${across + 4},${box.height + 14}) rotate(-35)`, "text-anchor": "end" }
          : { x: across, y: box.height + 16, "text-anchor": "middle" };
        add(frame, "text", where, isTilted ? shortened(tick.text, 130) : tick.text);
      }
      add(frame, "text", { class: "xtitle", x: box.width / 2, y: height - box.top - 8, "text-anchor": "middle" }, titles[1]);
      add(frame, "text", { class: "ytitle", transform: `translate(${14 - box.left},${box.height / 2}) rotate(-90)`, "text-anchor": "middle" }, shortened(titles[0], Math.max(box.height, 60)));

      // An inner svg cuts off what is outside of it.
      const plot = add(svg, "svg", { class: "plot", x: box.left, y: box.top, width: box.width, height: box.height, overflow: "hidden" });
      targets = [];
      if (map) drawMap(plot, frame, map, x, y);
      shown.forEach((trace, j) => {
        if (trace.type === "bar") drawBars(plot, trace, xAt, yAt, y);
        if (trace.type === "scatter") drawScatter(plot, trace, shown[j - 1], xAt, (value) => yAt(value, trace.yaxis === "y2" ? second : y));
      });
      add(frame, "rect", { width: box.width, height: box.height, fill: "none", stroke: "currentColor", "stroke-opacity": 0.3 });
      add(plot, "circle", { class: "ring", r: 7, fill: "none", stroke: "currentColor", "stroke-width": 1.5, display: "none" });
      add(plot, "rect", { class: "band", fill: "currentColor", "fill-opacity": 0.12, stroke: "currentColor", "stroke-opacity": 0.5, display: "none" });
    }

    function drawScatter(plot, trace, before, xAt, yAt) {
      const points = trace.x.map((value, i) => value === null || trace.y[i] === null ? null : [xAt(value), yAt(trace.y[i])])
        .map((point) => point && point.every(Number.isFinite) ? point : null);
      const marker = trace.marker || {}, line = trace.line || {};
      const group = add(plot, "g", { class: "trace", opacity: trace.opacity });
      if (trace.fill === "tonexty" && before) {
        const back = before.x.map((value, i) => [xAt(value), yAt(before.y[i])]);
        add(group, "path", { d: pathOf([...points, ...back.reverse()], "") + "Z", fill: trace.fillcolor });
      }
      if (/lines/.test(trace.mode) && line.width !== 0) {
        add(group, "path", {
          d: pathOf(points, line.shape), fill: "none", stroke: line.color, "stroke-width": line.width || 2, "stroke-linejoin": "round",
          "stroke-dasharray": line.dash ? "6 4" : undefined,
        });
      }
      const errors = trace.error_y;
      points.forEach((point, i) => {
        if (!point) return;
        const [px, py] = point;
        if (errors) {
          const ends = [trace.y[i] - errors.arrayminus[i], trace.y[i] + errors.array[i]].map((end) => Math.min(1e5, Math.max(-1e5, yAt(end))));
          const caps = errors.width === 0 ? "" : ends.map((end) => `M${px - 4},${end}h8`).join("");
          add(group, "path", { d: `M${px},${ends[0]}V${ends[1]}${caps}`, fill: "none", stroke: errors.color, "stroke-width": errors.thickness || 2 });
        }
      });
      points.forEach((point, i) => {
        if (!point) return;
        if (/markers/.test(trace.mode)) mark(group, { color: line.color, ...marker, color: marker.color || line.color }, point[0], point[1]);
        if (trace.hoverinfo !== "skip") targets.push({ x: point[0], y: point[1], trace, i });
      });
    }
    function pathOf(points, shape) {
      let text = "", last = null;
      for (const point of points) {
        if (point) text += (last ? shape === "hv" ? `H${point[0].toFixed(2)}V` : `L${point[0].toFixed(2)},` : `M${point[0].toFixed(2)},`) + point[1].toFixed(2);
        last = point;
      }
      return text || "M0,0";
    }
    function drawBars(plot, trace, xAt, yAt, y) {
      const thick = 0.8 * box.height / (y.high - y.low), group = add(plot, "g", { class: "trace" });
      trace.y.forEach((label, i) => {
        const from = xAt(at(trace.base, i) || 0), to = xAt((at(trace.base, i) || 0) + trace.x[i]);
        const rect = { x: Math.min(from, to), y: yAt(label) - thick / 2, width: Math.max(Math.abs(to - from), 1), height: thick };
        const edge = trace.marker.line ? { stroke: trace.marker.line.color, "stroke-width": trace.marker.line.width } : {};
        add(group, "rect", { class: "point", ...rect, fill: trace.marker.color, ...edge, ...pending(trace.marker) });
        targets.push({ rect, trace, i });
      });
    }
    function drawMap(plot, frame, trace, x, y) {
      const edges = (axis, values, length, isUp) => edgesOf(values.map(axis.inner)).map((edge) => {
        const share = (edge - axis.low) / (axis.high - axis.low);
        return (isUp ? 1 - share : share) * length;
      });
      const across = edges(x, trace.x, box.width, false), up = edges(y, trace.y, box.height, true);
      const { zmin, zmax } = trace, span = zmax - zmin || 1;
      const group = add(plot, "g", { class: "trace", "shape-rendering": "crispEdges" });
      trace.z.forEach((row, j) => row.forEach((value, i) => {
        if (value === null) return;
        const rect = { x: across[i], y: up[j + 1], width: across[i + 1] - across[i] + 0.5, height: up[j] - up[j + 1] + 0.5 };
        add(group, "rect", { ...rect, fill: colourOf(trace.colorscale, (value - zmin) / span) });
        targets.push({ rect, trace, i, j });
      }));
      const bar = add(frame, "g", { transform: `translate(${box.width + 12},0)` }), pieces = 40;
      for (let k = 0; k < pieces; k += 1) {
        add(bar, "rect", { y: box.height * (1 - (k + 1) / pieces), width: 12, height: box.height / pieces + 0.5, fill: colourOf(trace.colorscale, (k + 0.5) / pieces), "shape-rendering": "crispEdges" });
      }
      for (const tick of ticksOf({}, zmin, zmin + span, false, null, box.height / 50)) {
        const high = (1 - (tick.at - zmin) / span) * box.height;
        add(bar, "text", { x: 16, y: high + 4 }, tick.text);
      }
    }

    // The pointer: what is nearest says what it is; a rectangle drawn with the mouse is looked at closely.
    function where(event) {
      const outer = svg.getBoundingClientRect(), scale = outer.width / svg.viewBox.baseVal.width || 1;
      return { x: (event.clientX - outer.left) / scale - box.left, y: (event.clientY - outer.top) / scale - box.top, scale };
    }
    function nearest(point) {
      let best = null, distance = 24;
      for (const target of targets) {
        if (target.rect) continue;
        if (target.x < -1 || target.x > box.width + 1 || target.y < -1 || target.y > box.height + 1) continue;
        const far = Math.hypot(target.x - point.x, target.y - point.y);
        if (far <= distance) [best, distance] = [target, far];
      }
      const isIn = ({ rect }) => rect && point.x >= rect.x - 1 && point.x <= rect.x + rect.width + 1 && point.y >= rect.y && point.y <= rect.y + rect.height;
      return best || targets.filter(isIn).pop() || null;
    }
    function said({ trace, i, j }) {
      const labelled = (name, value) => {
        const given = layout[name] || {}, place = given.tickvals ? given.tickvals.indexOf(value) : -1;
        return place < 0 ? value : given.ticktext[place];
      };
      const values = {
        x: labelled("xaxis", trace.x[i]), y: labelled("yaxis", trace.y[j === undefined ? i : j]),
        z: j === undefined ? "" : trace.z[j][i], text: at(trace.text, i), hovertext: at(trace.hovertext, i),
      };
      const template = trace.hovertemplate || `%{x}, %{y}<extra>${trace.name || ""}</extra>`;
      const escaped = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
      return template.replace(/<extra>(.*?)<\/extra>/, (_, extra) => extra ? `<br>${extra}` : "")
        .replace(/%\{(\w+)(?::([^}]*))?\}/g, (_, name, format) => {
          const value = values[name];
          return typeof value === "number" ? escaped(formatted(value, format)) : String(value ?? "");
        });
    }
    function show(event) {
      const point = where(event), target = nearest(point);
      const ring = svg.querySelector(".ring");
      if (!target) { tip.style.display = "none"; ring.setAttribute("display", "none"); return; }
      tip.textContent = "";
      said(target).split("<br>").forEach((line) => {
        const bold = /^<b>(.*)<\/b>$/.exec(line);
        block(tip, "div", { fontWeight: bold ? "700" : "400" }).textContent = plain(bold ? bold[1] : line);
      });
      const centre = target.rect ? { x: point.x, y: point.y } : target;
      if (target.rect) ring.setAttribute("display", "none");
      else for (const [name, value] of [["cx", centre.x], ["cy", centre.y], ["display", "inline"]]) ring.setAttribute(name, value);
      tip.style.display = "block";
      const middle = (box.left + centre.x) * point.scale, down = svg.offsetTop || legend.offsetHeight;
      const room = place.clientWidth - tip.offsetWidth;
      tip.style.left = `${Math.max(0, Math.min(room, middle + 14 > room ? middle - tip.offsetWidth - 14 : middle + 14))}px`;
      tip.style.top = `${down + (box.top + centre.y) * point.scale - tip.offsetHeight / 2}px`;
    }
    let start = null;
    svg.addEventListener("pointerdown", (event) => {
      show(event);
      if (event.pointerType !== "mouse" || event.button !== 0) return;
      start = where(event);
      event.preventDefault();
      addEventListener("pointerup", ended, { once: true });
    });
    svg.addEventListener("pointermove", (event) => {
      if (!start) { show(event); return; }
      const band = svg.querySelector(".band"), [a, b] = frameOf(start, where(event));
      for (const [name, value] of [["x", a[0]], ["y", b[0]], ["width", a[1] - a[0]], ["height", b[1] - b[0]], ["display", "inline"]]) band.setAttribute(name, value);
    });
    // A drag along one axis looks at that axis only.
    function frameOf(from, to) {
      const ends = (one, other, length) => Math.abs(one - other) < 10 ? [0, length] : [Math.min(one, other), Math.max(one, other)].map((end) => Math.min(length, Math.max(0, end)));
      return [ends(from.x, to.x, box.width), ends(from.y, to.y, box.height)];
    }
    function ended(event) {
      const end = where(event), [a, b] = frameOf(start, end), isDrag = Math.max(Math.abs(end.x - start.x), Math.abs(end.y - start.y)) >= 10;
      start = null;
      svg.querySelector(".band").setAttribute("display", "none");
      if (!isDrag) return;
      const { x, y } = axes;
      if (a[1] - a[0] < box.width) view.xaxis = [x.value(a[0] / box.width), x.value(a[1] / box.width)];
      if (b[1] - b[0] < box.height) view.yaxis = [y.value(1 - b[1] / box.height), y.value(1 - b[0] / box.height)];
      render();
    }
    svg.addEventListener("pointerleave", () => { if (!start) { tip.style.display = "none"; svg.querySelector(".ring").setAttribute("display", "none"); } });
    svg.addEventListener("dblclick", () => { view = {}; render(); });
    render();
    // A frame later, since an observer that changes what it observes is an error.
    new ResizeObserver(() => requestAnimationFrame(() => { if (place.clientWidth && place.clientWidth !== drawn) render(); })).observe(place);
  }

  for (const place of document.querySelectorAll("[data-jbo-figure]")) {
    if (place.querySelector("svg.chart")) continue;
    place.textContent = "";
    draw(place);
  }
})();
