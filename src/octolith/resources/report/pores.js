"use strict";
// The pore space of LR, SR and truth in 3D: a ray for every pixel, through a texture of voxels.
{
  const data = JSON.parse(document.getElementById("pores-data").textContent);
  const shared = { yaw: -0.6, pitch: 0.45, zoom: 1, smooth: false };
  const views = [];

  const VERTEX = `#version 300 es
    void main() { gl_Position = vec4(vec2(gl_VertexID & 1, gl_VertexID >> 1) * 4.0 - 1.0, 0.0, 1.0); }`;
  const FRAGMENT = `#version 300 es
    precision highp float; precision highp sampler3D;
    uniform sampler3D volume; uniform vec3 cells; uniform vec2 size; uniform mat3 turn;
    uniform float zoom; uniform bool smoothed; uniform vec3 open, shut, ink;
    out vec4 colour;
    vec3 half_ = vec3(0.5);

    float pore(vec3 p) {
      if (!smoothed) p = (floor(p * cells) + 0.5) / cells;
      return texture(volume, p).r;
    }
    vec3 slope(vec3 p) {
      if (!smoothed) { // the face of the voxel that was hit
        vec3 from = fract(p * cells) - 0.5, far = abs(from);
        float most = max(far.x, max(far.y, far.z));
        return sign(from) * vec3(greaterThanEqual(far, vec3(most)));
      }
      vec3 g = vec3(0.0), e = 1.0 / cells;
      for (int i = 0; i < 3; i++) {
        vec3 d = vec3(0.0); d[i] = e[i];
        g[i] = pore(p - d) - pore(p + d);
      }
      return length(g) > 0.0 ? normalize(g) : vec3(0.0, 0.0, 1.0);
    }
    float edge(vec3 p, vec3 extent, float wide) { // on an edge of the box two coordinates are at their ends
      vec3 gap = (half_ - abs(p - half_)) * extent;
      float middle = max(min(gap.x, gap.y), min(max(gap.x, gap.y), gap.z));
      return 1.0 - smoothstep(wide, wide + 1.0, middle * min(size.x, size.y) * zoom * 0.5);
    }
    void main() {
      vec3 extent = cells / max(cells.x, max(cells.y, cells.z));
      vec2 at = (gl_FragCoord.xy * 2.0 - size) / min(size.x, size.y) / zoom;
      vec3 eye = turn * vec3(0.0, 0.0, 3.2), way = turn * normalize(vec3(at * 0.92, -3.2));
      vec3 a = (-extent * 0.5 - eye) / way, b = (extent * 0.5 - eye) / way;
      vec3 low = min(a, b), high = max(a, b);
      float enter = max(low.x, max(low.y, low.z)), leave = min(high.x, min(high.y, high.z));
      colour = vec4(0.0);
      if (enter >= leave) return;
      vec3 start = (eye + way * enter) / extent + half_, stop = (eye + way * leave) / extent + half_;
      vec3 path = stop - start;
      int steps = int(ceil(length(path * cells) * 2.0));
      vec3 normal = vec3(0.0), hit = start;
      bool found = false;
      for (int i = 0; i <= steps; i++) {
        vec3 p = start + path * ((float(i) + 0.01) / float(steps + 1));
        if (pore(p) > 0.5) {
          found = true; hit = p;
          if (i == 0) { // cut by the box
            vec3 far = abs(p - half_); float most = max(far.x, max(far.y, far.z));
            normal = sign(p - half_) * vec3(greaterThanEqual(far, vec3(most - 1e-4)));
          } else {
            vec3 out_ = p - path / float(steps + 1);
            for (int k = 0; k < 6; k++) { vec3 m = (out_ + hit) * 0.5; if (pore(m) > 0.5) hit = m; else out_ = m; }
            normal = slope(hit);
          }
          break;
        }
      }
      float line = max(edge(start, extent, 1.6) * 0.75, found ? 0.0 : edge(stop, extent, 0.8) * 0.3);
      if (found) {
        vec3 centre = (floor(hit * cells) + 0.5) / cells;
        vec3 base = texture(volume, centre).g > 0.5 ? open : shut;
        vec3 light = turn * normalize(vec3(-0.5, 0.7, 0.9));
        float lit = 0.38 + 0.55 * max(dot(normal, light), 0.0) + 0.12 * max(dot(normal, -way), 0.0);
        float deep = 1.0 - 0.45 * smoothstep(0.0, 1.6, distance(start * extent, hit * extent));
        colour = vec4(base * lit * deep, 1.0);
      }
      colour = mix(colour, vec4(ink, 1.0), line * (colour.a > 0.0 ? 0.8 : 1.0));
      colour.rgb *= colour.a;
    }`;

  const rgb = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16) / 255);

  function turn() {
    const [cy, sy, cp, sp] = [Math.cos(shared.yaw), Math.sin(shared.yaw), Math.cos(shared.pitch), Math.sin(shared.pitch)];
    return [cy, 0, -sy, sy * sp, cp, cy * sp, sy * cp, -sp, cy * cp];
  }

  async function inflate(text) {
    const bytes = Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  }

  function program(gl) {
    const made = gl.createProgram();
    for (const [kind, code] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, code);
      gl.compileShader(shader);
      gl.attachShader(made, shader);
    }
    gl.linkProgram(made);
    if (!gl.getProgramParameter(made, gl.LINK_STATUS)) throw new Error(gl.getProgramInfoLog(made) || "no shader");
    return made;
  }

  async function prepare(image, canvas) {
    const gl = canvas.getContext("webgl2", { preserveDrawingBuffer: true, premultipliedAlpha: true });
    if (!gl) throw new Error("no WebGL 2");
    const [depth, height, width] = image.shape, count = depth * height * width;
    const raw = await inflate(image.bytes), both = new Uint8Array(2 * count);
    for (let i = 0; i < count; i++) { both[2 * i] = raw[i]; both[2 * i + 1] = raw[count + i]; }
    gl.bindTexture(gl.TEXTURE_3D, gl.createTexture());
    gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
    gl.texImage3D(gl.TEXTURE_3D, 0, gl.RG8, width, height, depth, 0, gl.RG, gl.UNSIGNED_BYTE, both);
    for (const side of ["S", "T", "R"]) gl.texParameteri(gl.TEXTURE_3D, gl[`TEXTURE_WRAP_${side}`], gl.CLAMP_TO_EDGE);
    for (const way of ["MIN", "MAG"]) gl.texParameteri(gl.TEXTURE_3D, gl[`TEXTURE_${way}_FILTER`], gl.LINEAR);
    const made = program(gl);
    gl.useProgram(made);
    const at = (name) => gl.getUniformLocation(made, name);
    gl.uniform3f(at("cells"), width, height, depth);
    gl.uniform3fv(at("open"), rgb(data.open));
    gl.uniform3fv(at("shut"), rgb(data.shut));
    views.push({ gl, canvas, at });
  }

  function draw(share = 1) {
    const ink = getComputedStyle(document.body).color.match(/[\d.]+/g).slice(0, 3).map((n) => n / 255);
    for (const { gl, canvas, at } of views) {
      const edge = Math.max(1, Math.round(canvas.clientWidth * Math.min(devicePixelRatio, 2) * share));
      if (canvas.width !== edge) canvas.width = canvas.height = edge;
      gl.viewport(0, 0, edge, edge);
      gl.uniform2f(at("size"), edge, edge);
      gl.uniformMatrix3fv(at("turn"), false, turn());
      gl.uniform1f(at("zoom"), shared.zoom);
      gl.uniform1i(at("smoothed"), Number(shared.smooth));
      gl.uniform3fv(at("ink"), ink);
      gl.clearColor(0, 0, 0, 0);
      gl.clear(gl.COLOR_BUFFER_BIT);
      gl.drawArrays(gl.TRIANGLES, 0, 3);
    }
  }

  // While it moves it is drawn coarser, and sharp again when it rests.
  let pending = 0, rest = 0;
  function moved() {
    cancelAnimationFrame(pending);
    clearTimeout(rest);
    pending = requestAnimationFrame(() => draw(0.5));
    rest = setTimeout(() => draw(1), 180);
  }
  function rotate(right, up) {
    shared.yaw -= right;
    shared.pitch = Math.min(Math.max(shared.pitch + up, -1.5), 1.5);
    moved();
  }
  function zoom(factor) {
    shared.zoom = Math.min(Math.max(shared.zoom * factor, 0.7), 8);
    moved();
  }

  function listen(canvas) {
    let drag = null;
    canvas.addEventListener("pointerdown", (event) => {
      drag = [event.clientX, event.clientY];
      canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!drag) return;
      rotate((event.clientX - drag[0]) * 0.01, (event.clientY - drag[1]) * 0.01);
      drag = [event.clientX, event.clientY];
    });
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => { drag = null; });
    canvas.addEventListener("keydown", (event) => {
      const ways = { ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowUp: [0, -0.1], ArrowDown: [0, 0.1] };
      if (event.key in ways) rotate(...ways[event.key]);
      else if (event.key === "+" || event.key === "=") zoom(1.25);
      else if (event.key === "-") zoom(0.8);
      else return;
      event.preventDefault();
    });
  }

  async function start() {
    const canvases = [...document.querySelectorAll("#pores canvas")];
    try {
      for (const [i, canvas] of canvases.entries()) { await prepare(data.images[i], canvas); listen(canvas); }
    } catch (error) {
      document.getElementById("pores").hidden = true;
      document.getElementById("pores-sorry").hidden = false;
      document.getElementById("pores-sorry").append(` (${error.message})`);
      return;
    }
    document.getElementById("smooth").addEventListener("change", (event) => { shared.smooth = event.target.checked; moved(); });
    document.getElementById("nearer").addEventListener("click", () => zoom(1.25));
    document.getElementById("farther").addEventListener("click", () => zoom(0.8));
    new ResizeObserver(() => draw()).observe(canvases[0]);
    new MutationObserver(() => draw()).observe(document.documentElement, { attributeFilter: ["data-theme"] });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => draw());
    draw();
    document.getElementById("pores").dataset.ready = "yes";
  }
  // Only when it comes near: old machines open the page faster.
  new IntersectionObserver((entries, watch) => {
    if (entries.some((entry) => entry.isIntersecting)) { watch.disconnect(); start(); }
  }, { rootMargin: "400px" }).observe(document.getElementById("pores"));
}
