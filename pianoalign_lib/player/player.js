/* The player's own part: tones for the MIDI file, the piano roll, and the controls. Waveform, time
line, loop and sound are wavesurfer.js's (vendored/).

pianoalignPlayer(root, heard) takes the element that player.html makes, and calls, if they are given,
heard.selected(row) for a note that is chosen, heard.moved([[row, seconds], ...]) for what is dragged:
a note, or with Shift all notes that begin in the loop. It returns {player, select, selected, show, destroy}, also as root.pianoalign; show(notes) replaces them. */
function pianoalignPlayer(root, heard = {}) {
  const data = JSON.parse(root.querySelector("script[type='application/json']").textContent);
  const { WaveSurfer } = pianoalignVendored;
  let notes = data.notes;
  const find = (name) => root.querySelector(`[data-is='${name}']`);
  const value = (name) => Number(find(name).value);
  const state = { after: true, loop: null, selected: -1, gains: {}, buffers: {}, sound: null };
  const colour = (name) => getComputedStyle(root).getPropertyValue(name).trim();
  const onset = (row) => (state.after ? notes.after : notes.before)[row];
  const clock = (s) => {
    const hundredths = Math.round(Math.abs(s) * 100);
    const rest = ((hundredths % 6000) / 100).toFixed(2).padStart(5, "0");
    return `${s < 0 ? "−" : ""}${Math.floor(hundredths / 6000)}:${rest}`;
  };

  // --- wavesurfer.js ---------------------------------------------------------------------------
  const regions = WaveSurfer.Regions.create();
  const colours = () => ({
    waveColor: colour("--pa-wave"),
    progressColor: colour("--pa-played"),
    cursorColor: colour("--pa-cursor"),
  });
  const waves = WaveSurfer.create({
    container: find("wave"),
    backend: "WebAudio",
    url: data.sound,
    peaks: [data.peaks],
    duration: data.duration_s,
    minPxPerSec: value("zoom"),
    height: 56,
    normalize: true,
    ...colours(),
    cursorWidth: 2,
    plugins: [WaveSurfer.Timeline.create({ height: 18 }), regions],
  });
  // Not in its interface: only so can a buffer of three channels be played, see tools/vendor_player.py.
  const media = waves.webAudioPlayer;

  // --- Sound: one buffer, so that recording, tones and clicks keep together to the sample -------
  function tone(samples, rate, pitch, velocity, start_s, length_s) {
    // Three damped partials; each is a filter that rings by itself, two products a sample.
    const begin = Math.max(Math.round(start_s * rate), 0);
    const length = Math.round(Math.min(Math.max(length_s, 0.08), 1.5) * rate);
    const end = Math.min(begin + length, samples.length);
    for (let partial = 1; partial <= 3; partial += 1) {
      const angle = (2 * Math.PI * 440 * 2 ** ((pitch - 69) / 12) * partial) / rate;
      if (angle > 2.5) break;
      const damping = Math.exp(-(1.5 + partial + pitch / 24) / rate);
      const first = 2 * damping * Math.cos(angle);
      const second = -damping * damping;
      let [last, before] = [0, (-Math.sin(angle) * velocity) / 127 / partial];
      const fade = 0.03 * rate;
      for (let i = begin; i < end; i += 1) {
        const now = first * last + second * before;
        before = last;
        last = now;
        samples[i] += now * Math.min(1, (end - i) / fade);
      }
    }
  }

  function click(samples, rate, start_s) {
    const begin = Math.round(start_s * rate);
    if (begin < 0) return;
    const end = Math.min(begin + Math.round(0.012 * rate), samples.length);
    for (let i = begin; i < end; i += 1) {
      const t = (i - begin) / rate;
      samples[i] = Math.cos(2 * Math.PI * 2500 * t) * Math.exp(-t / 0.002);
    }
  }

  function buffer() {
    const name = state.after ? "after" : "before";
    if (state.buffers[name]) return state.buffers[name];
    const { sampleRate: rate, length } = state.sound;
    const made = media.getGainNode().context.createBuffer(3, length, rate);
    made.copyToChannel(state.sound.getChannelData(0), 0);
    const [tones, clicks] = [made.getChannelData(1), made.getChannelData(2)];
    notes.pitch.forEach((pitch, row) => {
      tone(tones, rate, pitch, notes.velocity[row], onset(row), notes.length[row]);
      click(clicks, rate, onset(row));
    });
    const loudest = tones.reduce((most, each) => Math.max(most, Math.abs(each)), 1e-9);
    tones.forEach((each, i) => { tones[i] = (0.7 * each) / loudest; });
    state.buffers = { [name]: made };
    return made;
  }

  function prepare() {
    clearTimeout(state.waiting);
    if (!state.sound || root.dataset.sounding) return;
    media.buffer = buffer();
    media.currentTime = media.currentTime; // begins anew there, if it is playing
    root.dataset.sounding = state.after ? "after" : "before";
  }

  function sound() {
    // Tones take a while: they are made once no more changes come, or when they are to be heard.
    clearTimeout(state.waiting);
    delete root.dataset.sounding;
    if (waves.isPlaying()) prepare();
    else state.waiting = setTimeout(prepare, 300);
  }

  function connect() {
    // Channels of the buffer: recording, tones, clicks; of what is heard: left and right.
    const out = media.getGainNode();
    const context = out.context;
    const parts = context.createChannelSplitter(3);
    const ears = context.createChannelMerger(2);
    out.disconnect();
    out.channelInterpretation = "discrete";
    out.connect(parts);
    ["recording", "tones", "clicks"].forEach((name, channel) => {
      const gain = context.createGain();
      parts.connect(gain, channel);
      gain.connect(ears, 0, channel ? 1 : 0);
      state.gains[name] = gain;
    });
    ears.connect(context.destination);
    volumes();
  }

  function volumes() {
    for (const [name, gain] of Object.entries(state.gains)) gain.gain.value = value(name);
  }

  media.addEventListener("canplay", () => {
    if (state.sound) return;
    state.sound = media.buffer;
    connect();
    prepare();
    waves.setOptions(colours()); // a widget's element had no style when it was made
    find("play").disabled = false;
    root.dataset.ready = "yes";
  });
  media.addEventListener("error", () => tell("This browser cannot play Ogg/Opus sound."));

  // --- The piano roll, in seconds and keys, over the recording's spectrogram --------------------
  const SVG = "http://www.w3.org/2000/svg";
  const roll = document.createElement("div");
  const high = data.high + 0.5;
  roll.setAttribute("part", "roll");
  roll.innerHTML = `<style>
    [part=roll] { position: relative; height: var(--pa-roll-height, 300px); }
    img, svg { position: absolute; inset: 0; width: 100%; height: 100%; }
    img { filter: var(--pa-filter, none); }
    svg { overflow: hidden; z-index: 6; pointer-events: none; } /* above the loop, which lets through */
    rect { opacity: 0.5; } line { stroke-width: 3; vector-effect: non-scaling-stroke; }
    g { cursor: pointer; pointer-events: auto; } g.selected rect { opacity: 1; } g.editable { cursor: ew-resize; }
    g.selected line { stroke: var(--pa-cursor); }
    .before g rect { fill: var(--pa-before); } .before g line { stroke: var(--pa-before); }
    ${data.kinds.map((kind, i) => `.k${i} rect { fill: ${kind.colour}; }
      .k${i} line { stroke: ${kind.colour}; }`).join("\n")}
    </style><img src="${data.picture}" alt="" draggable="false">`;
  const drawing = document.createElementNS(SVG, "svg");
  drawing.setAttribute("viewBox", `0 0 ${data.duration_s} ${data.high - data.low + 1}`);
  drawing.setAttribute("preserveAspectRatio", "none");
  drawing.setAttribute("role", "img");
  drawing.setAttribute("aria-label", data.alt);
  let drawn = [];
  roll.append(drawing);
  waves.getWrapper().append(roll);
  const scroller = waves.getWrapper().parentElement;
  scroller.tabIndex = 0; // it can be scrolled by keys
  scroller.setAttribute("role", "group");
  scroller.setAttribute("aria-label", "Waveform and piano roll");

  function place(row) {
    drawn[row].setAttribute("transform", `translate(${onset(row)} 0)`);
  }
  function placeAll() {
    drawing.setAttribute("class", state.after ? "after" : "before");
    drawn.forEach((_, row) => place(row));
  }
  function draw(row) {
    const group = document.createElementNS(SVG, "g");
    const y = high - notes.pitch[row];
    group.dataset.row = row;
    group.setAttribute("class", `k${notes.kind[row]}${data.editable ? " editable" : ""}`);
    group.innerHTML = `<rect x="0" y="${y - 0.9}" height="0.8" width="${notes.length[row]}"/>
      <line x1="0" x2="0" y1="${y - 1}" y2="${y}"/>`;
    return group;
  }
  function show(given) {
    notes = given;
    drawn = notes.pitch.map((_, row) => draw(row));
    drawing.replaceChildren(...drawn);
    placeAll();
    if (drawn[state.selected]) {
      drawn[state.selected].classList.add("selected");
      tell(notes.text[state.selected]);
    }
    root.querySelectorAll("[data-kind]").forEach((item) => {
      item.hidden = !notes.kind.includes(Number(item.dataset.kind));
    });
    state.buffers = {};
    sound();
  }
  show(notes);

  const seconds = (event) => {
    const box = drawing.getBoundingClientRect();
    return ((event.clientX - box.left) / box.width) * data.duration_s;
  };
  let dragged = null;
  drawing.addEventListener("click", (event) => {
    const group = event.target.closest("g");
    if (!group) return;
    event.stopPropagation(); // wavesurfer.js would go there
    select(Number(group.dataset.row), true);
  });
  drawing.addEventListener("pointerdown", (event) => {
    const group = event.target.closest("g");
    if (!group || !data.editable || !state.after) return;
    event.stopPropagation();
    const row = Number(group.dataset.row);
    const rows = event.shiftKey ? passage(row) : [row];
    dragged = { row, rows, from_s: seconds(event), moved: false, old_s: [...notes.after] };
    drawing.setPointerCapture(event.pointerId);
  });
  drawing.addEventListener("pointermove", (event) => {
    if (!dragged) return;
    const by_s = seconds(event) - dragged.from_s;
    const pixels = (by_s / data.duration_s) * drawing.getBoundingClientRect().width;
    dragged.moved ||= Math.abs(pixels) > 3;
    if (!dragged.moved) return;
    put(dragged.rows, dragged.old_s, by_s);
  });
  drawing.addEventListener("pointerup", () => {
    if (!dragged) return;
    const { row, rows, moved } = dragged;
    dragged = null;
    if (moved) moveAll(rows, row);
    else select(row, true);
  });

  // All notes that begin in the loop, if this one does.
  function passage(row) {
    const inside = (each) => state.loop
      && notes.after[each] >= state.loop.start && notes.after[each] < state.loop.end;
    return inside(row) ? notes.pitch.map((_, each) => each).filter(inside) : [row];
  }

  function put(rows, old_s, by_s) {
    for (const row of rows) {
      notes.after[row] = Math.max(old_s[row] + by_s, 0);
      place(row);
    }
  }

  function moveAll(rows, chosen) {
    state.buffers = {};
    sound();
    select(chosen, false);
    heard.moved?.(rows.map((row) => [notes.row[row], notes.after[row]]));
  }

  // --- Controls ---------------------------------------------------------------------------------
  function tell(text) {
    find("told").textContent = text;
  }

  function select(row, play) {
    drawn[state.selected]?.classList.remove("selected");
    state.selected = row;
    drawn[row].classList.add("selected");
    drawing.append(drawn[row]); // above the others
    tell(notes.text[row]);
    if (play && state.sound) {
      prepare();
      waves.play(Math.max(onset(row) - 0.1, 0), Math.min(onset(row) + 0.4, data.duration_s));
    } else {
      waves.setTime(Math.min(Math.max(onset(row), 0), data.duration_s));
    }
    heard.selected?.(notes.row[row]);
  }

  function step(by, only = () => true) {
    const now = state.selected < 0 ? waves.getCurrentTime() - by * 1e-6 : onset(state.selected);
    const rows = notes.pitch.map((_, row) => row).filter(only);
    const ordered = rows.sort((a, b) => onset(a) - onset(b) || a - b);
    const found = ordered.indexOf(state.selected);
    const next = found >= 0 ? ordered[found + by]
      : (by > 0 ? ordered : ordered.reverse()).find((row) => by * (onset(row) - now) > 0);
    if (next === undefined) tell("There is none.");
    else select(next, true);
  }

  function choose(after) {
    state.after = after;
    find(after ? "after" : "before").checked = true;
    placeAll();
    sound();
  }

  function loop(on) {
    state.loop?.remove();
    state.loop = null;
    if (on) {
      const start = waves.getCurrentTime();
      const end = Math.min(start + 3, data.duration_s);
      regions.addRegion({ start: Math.min(start, end - 0.5), end, color: colour("--pa-loop") });
    }
    find("loop").setAttribute("aria-pressed", String(on));
  }
  regions.on("region-created", (region) => {
    if (state.loop && state.loop !== region) state.loop.remove();
    state.loop = region;
    find("loop").setAttribute("aria-pressed", "true");
  });
  regions.on("region-out", (region) => {
    if (region === state.loop && waves.isPlaying()) waves.setTime(region.start);
  });
  waves.on("finish", () => {
    if (state.loop) waves.play(state.loop.start);
  });
  regions.enableDragSelection({ color: colour("--pa-loop") });

  const actions = {
    play: () => { prepare(); if (state.sound) waves.playPause(); },
    loop: () => loop(!state.loop),
    previous: () => step(-1, (row) => notes.check[row]),
    next: () => step(1, (row) => notes.check[row]),
  };
  for (const [name, act] of Object.entries(actions)) find(name).addEventListener("click", act);
  for (const name of ["recording", "tones", "clicks"]) find(name).addEventListener("input", volumes);
  find("before").addEventListener("change", () => choose(false));
  find("after").addEventListener("change", () => choose(true));
  find("speed").addEventListener("change", () => waves.setPlaybackRate(value("speed")));
  find("zoom").addEventListener("input", () => waves.zoom(value("zoom")));
  find("seek").addEventListener("input", () => waves.setTime(value("seek")));
  waves.on("play", () => { find("play").textContent = "Pause"; });
  waves.on("pause", () => { find("play").textContent = "Play"; });
  waves.on("timeupdate", (time) => {
    find("seek").value = time;
    find("seek").setAttribute("aria-valuetext", `${clock(time)} of ${clock(data.duration_s)}`);
    find("time").textContent = `${clock(time)} / ${clock(data.duration_s)}`;
  });

  const shift = (by_s, all = false) => () => {
    if (!data.editable || state.selected < 0) return;
    const rows = all ? passage(state.selected) : [state.selected];
    put(rows, notes.after, by_s);
    moveAll(rows, state.selected);
  };
  const keys = {
    " ": actions.play, k: actions.play, l: actions.loop, n: actions.next, p: actions.previous,
    b: () => choose(!state.after),
    c: () => { find("clicks").value = value("clicks") ? 0 : 0.5; volumes(); },
    ".": () => step(1), ",": () => step(-1), "[": shift(-0.005), "]": shift(0.005),
    "{": shift(-0.005, true), "}": shift(0.005, true),
    ArrowLeft: () => waves.skip(-1), ArrowRight: () => waves.skip(1),
    Home: () => waves.setTime(0), End: () => waves.setTime(data.duration_s),
    "+": () => zoomBy(1.5), "-": () => zoomBy(1 / 1.5),
  };
  function zoomBy(factor) {
    find("zoom").value = Math.max(value("zoom"), 20) * factor;
    waves.zoom(value("zoom"));
  }
  root.addEventListener("keydown", (event) => {
    // A control that has the focus keeps its own keys.
    const own = event.target.matches("input, select")
      && (event.key.startsWith("Arrow") || ["Home", "End", " "].includes(event.key));
    const pressed = event.target.matches("button, summary") && event.key === " ";
    if (own || pressed || event.ctrlKey || event.metaKey || event.altKey || !keys[event.key]) return;
    event.preventDefault();
    event.stopPropagation(); // JupyterLab has keys of its own
    keys[event.key]();
  });
  root.pianoalign = { player: waves, select, selected: () => state.selected, show, destroy: () => waves.destroy() };
  return root.pianoalign;
}
