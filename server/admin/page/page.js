// SPDX-License-Identifier: Apache-2.0
//
// The live page: shows what api/events sends, once a second.
//
// Each event is a message of proto/pinion/admin/v1/admin.proto as JSON. All that
// comes from the server is set as text, never as markup: keys, principals and
// names are chosen by strangers.
'use strict';

// A number of a message: those of 64 bits come as text, and absent is 0.
const number = (value) => Number(value || 0);
const element = (name, className, ...children) => {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...children);
  return made;
};
const drawn = (name, attributes, ...children) => {
  const made = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const [key, value] of Object.entries(attributes)) {
    made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
};
const at = (id) => document.getElementById(id);

// What is not seen, ends a line or turns it round, as "\u{200b}": else two keys
// could look alike.
const visible = (text) => text.replace(
    /[\p{Cc}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\ufff9-\ufffb]/gu,
    (character) => `\\u{${character.codePointAt(0).toString(16)}}`);

// A message of the server, all of whose texts are visible.
const messageOf = (json) => JSON.parse(json, (name, value) =>
    typeof value === 'string' ? visible(value) : value);

// 1234567 as "1,234,567"; 12.3 as "12", 1.23 as "1.2", 0.123 as "0.12".
const count = (value) => {
  if (value >= 9.95 || Number.isInteger(value)) {
    return Math.round(value).toLocaleString('en-US');
  }
  return value.toFixed(value < 0.995 ? 2 : 1);
};

// toPrecision() writes what it rounds up to four digits with an exponent.
const span = (nanos) => {
  if (nanos < 1e3) return `${nanos} ns`;
  if (nanos < 999.5e3) return `${(nanos / 1e3).toPrecision(3)} us`;
  if (nanos < 999.5e6) return `${(nanos / 1e6).toPrecision(3)} ms`;
  const seconds = nanos / 1e9;
  if (seconds < 120) return `${seconds.toFixed(1)} s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 172800) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86400)} days`;
};

const bytes = (value) => {
  for (const unit of ['B', 'KiB', 'MiB']) {
    if (value < 1024) return `${Math.round(value * 10) / 10} ${unit}`;
    value /= 1024;
  }
  return `${value.toFixed(1)} GiB`;
};

const clock = (millis) =>
    new Date(number(millis)).toLocaleTimeString('en-GB', {hour12: false});

const percent = (share) => `${Math.round(share * 100)} %`;

// A KeyName: the key, or its hash and slot if keys are not shown. The hash is as
// the tool has it, so that one is found by the other.
const keyText = (key) => {
  if (!key) return 'no key';
  if (key.key !== undefined) return `"${key.key}"`;
  const hash = BigInt(key.hash || 0).toString(16).padStart(16, '0');
  return `#${hash} slot ${key.slot || 0}`;
};

// Fills a table with rows of cells, which are text or elements. A column whose
// name ends with "#" has numbers, one with "!" short words; neither is broken.
const title = (column) => column.replace(/[#!]$/, '');
const fill = (table, columns, rows, whenNone) => {
  const cell = (name, content, column) => {
    const kind = {'#': 'number', '!': 'short'}[columns[column].slice(-1)];
    const made = element(name, kind || '', content);
    if (name === 'td') made.dataset.name = title(columns[column]);
    return made;
  };
  const head = element('tr', '', ...columns.map(
      (name, i) => cell('th', title(name), i)));
  const body = rows.map((row) => {
    const made = element('tr', row.className || '', ...row.cells.map(
        (content, i) => cell('td', content, i)));
    if (row.id) made.id = row.id;
    return made;
  });
  if (rows.length === 0) {
    const none = element('td', 'empty', whenNone);
    none.colSpan = columns.length;
    body.push(element('tr', '', none));
  }
  table.replaceChildren(element('thead', '', head),
                        element('tbody', '', ...body));
};

const busyBar = (share) => {
  const width = 60;
  const used = Math.max(0, Math.min(1, share)) * width;
  return element('span', 'busy', drawn('svg', {width, height: 10},
      drawn('rect', {class: 'track', width, height: 10, rx: 2}),
      drawn('rect', {class: 'bar', width: used, height: 10, rx: 2})),
      percent(share));
};

const running = (what) => {
  if (!what) return element('span', 'empty', 'nothing');
  const made = element('span', '');
  made.append(what.method || what.work || 'other work');
  if (what.method) {
    made.append(', ', element('span', 'key', keyText(what.key)));
  }
  if (what.principal) made.append(`, by ${what.principal}`);
  return made;
};

const refusalName = (reason) =>
    String(reason).replace(/^REASON_/, '').replaceAll('_', ' ').toLowerCase();

const answered = (counts) => ['ok', 'error', 'expired', 'cancelled', 'stopped']
    .reduce((sum, name) => sum + number(counts && counts[name]), 0);
const refused = (counts) => ((counts && counts.refused) || [])
    .reduce((sum, one) => sum + number(one.calls), 0);

let before = null;  // The state before this one, of the same process.

// How fast a sum over `list` grew since then, a second.
const rate = (now, list, of) => {
  const elapsed = before ? number(now.now_ms) - number(before.now_ms) : 0;
  if (elapsed <= 0) return 0;
  const sum = (state) =>
      (state[list] || []).reduce((all, one) => all + of(one), 0);
  return Math.max(0, sum(now) - sum(before)) * 1000 / elapsed;
};

const busyShare = (worker) => {
  const old = before && (before.workers || []).find(
      (other) => number(other.worker) === number(worker.worker));
  const busy = Math.max(
      0, number(worker.busy_ns) - number(old && old.busy_ns));
  const idle = number(worker.idle_ns) - number(old && old.idle_ns);
  return busy + idle > 0 ? busy / (busy + idle) : 0;
};

const showNow = (state) => {
  const tile = (name, value, bad) =>
      element('div', bad ? 'tile bad' : 'tile', element('b', '', value),
              element('span', '', name));
  const stalled = (state.workers || []).filter((worker) => worker.stalled);
  const health = state.stopping ? 'stopping' :
      state.serving ? 'serving' : 'not serving';
  const methods = (of) => rate(state, 'methods', of);
  at('now').replaceChildren(
      tile('health', health, !state.serving),
      tile('stalled workers',
           `${stalled.length} of ${(state.workers || []).length}`,
           stalled.length > 0),
      tile('calls a second', count(methods((m) => answered(m.counts)))),
      tile('errors a second', count(methods(
          (m) => number(m.counts && m.counts.error)))),
      tile('refusals a second', count(methods((m) => refused(m.counts)))),
      tile(`calls held, of ${count(number(state.max_calls))}`,
           count(number(state.held_calls)),
           number(state.held_calls) * 10 > number(state.max_calls) * 9 &&
           number(state.max_calls) > 0),
      tile(`held, of ${bytes(number(state.max_bytes))}`,
           bytes(number(state.held_bytes))),
      tile('sessions', count(number(state.open_sessions))),
      tile('connections', count(number(state.open_connections))));
};

const showWorkers = (state) => {
  fill(at('workers'), ['worker!', 'state!', 'busy#', 'waiting#', 'runs', 'for#'],
       (state.workers || []).map((worker) => ({
         id: `worker-${number(worker.worker)}`,
         className: worker.stalled ? 'stalled' : '',
         cells: [
           String(number(worker.worker)),
           element('span', 'state', worker.stalled ? 'STALLED' :
                   worker.running ? 'runs' : 'idle'),
           busyBar(busyShare(worker)),
           count(number(worker.waiting)),
           running(worker.running),
           worker.running ? span(number(worker.running.age_ns)) : '',
         ],
       })), 'no worker');
};

const showLanes = (state) => {
  const services = new Map();
  for (const lane of state.lanes || []) {
    const sum = services.get(lane.service) ||
        {waiting: 0, running: 0, held: 0, fullest: 0, bytes: 0, streams: 0,
         abandoned: 0};
    sum.waiting += number(lane.counts && lane.counts.waiting);
    sum.running += number(lane.counts && lane.counts.running);
    sum.abandoned += number(lane.counts && lane.counts.abandoned);
    sum.held += number(lane.held_calls);
    sum.bytes += number(lane.held_bytes);
    sum.streams += number(lane.open_streams);
    const most = number(lane.max_calls);
    if (most > 0) {
      sum.fullest = Math.max(sum.fullest, number(lane.held_calls) / most);
    }
    services.set(lane.service, sum);
  }
  fill(at('lanes'), ['service', 'waiting#', 'running#', 'abandoned#',
                     'streams#', 'held#', 'fullest lane#'],
       [...services].map(([name, sum]) => ({
         cells: [name, count(sum.waiting), count(sum.running),
                 count(sum.abandoned), count(sum.streams), bytes(sum.bytes),
                 percent(sum.fullest)],
       })), 'no service');
};

const showRefusals = (state) => {
  const rows = [];
  for (const method of state.methods || []) {
    for (const one of (method.counts && method.counts.refused) || []) {
      rows.push({cells: [method.method, refusalName(one.reason),
                         count(number(one.calls))]});
    }
  }
  at('refusals-section').hidden = rows.length === 0;
  fill(at('refusals'), ['method', 'reason', 'calls#'], rows, 'none');
};

// One curve: the time that a share of the calls stayed below, both by logarithm.
const points = [['p50_ns', 0.5], ['p90_ns', 0.9], ['p99_ns', 0.99],
                ['p999_ns', 0.999]];
const curve = (method) => {
  const width = 300;
  const height = 90;
  const left = 44;
  const right = 20;
  const x = (share) => left + (width - left - right) *
      (-Math.log10(1 - share) - 0.3) / 2.7;
  const least = 3;  // 1 us
  const times = [method.waited, method.ran].flatMap(
      (latency) => points.map(([name]) => number(latency && latency[name])));
  const most = Math.max(6, Math.ceil(Math.log10(Math.max(1, ...times))));
  const y = (nanos) => height - 16 - (height - 24) *
      (Math.max(least, Math.log10(Math.max(1, nanos))) - least) /
      (most - least);
  const svg = drawn('svg', {viewBox: `0 0 ${width} ${height}`, role: 'img',
                            'aria-label': `latency of ${method.method}`});
  for (let power = least; power <= most; ++power) {
    svg.append(drawn('line', {class: 'axis', x1: left, x2: width - right,
                              y1: y(10 ** power), y2: y(10 ** power)}));
    if ((power - least) % 3 === 0 || power === most) {
      svg.append(drawn('text', {x: left - 4, y: y(10 ** power) + 3,
                                'text-anchor': 'end'}, span(10 ** power)));
    }
  }
  for (const [name, share] of points) {
    svg.append(drawn('text', {x: x(share), y: height - 3,
                              'text-anchor': 'middle'},
                     name.replace('_ns', '').replace('p999', 'p99.9')));
  }
  for (const kind of ['waited', 'ran']) {
    const latency = method[kind];
    if (!latency || number(latency.calls) === 0) continue;
    svg.append(drawn('polyline', {class: kind, points: points.map(
        ([name, share]) => `${x(share)},${y(number(latency[name]))}`)
        .join(' ')}));
  }
  return svg;
};

const showMethods = (state) => {
  const cards = (state.methods || []).filter(
      (method) => answered(method.counts) + refused(method.counts) > 0 ||
                  number(method.counts && method.counts.accepted) > 0)
      .map((method) => {
        const text = `${count(number(method.counts.accepted))} accepted, ` +
            `${count(number(method.counts.error))} errors, ` +
            `${count(number(method.counts.expired))} expired, ` +
            `${count(refused(method.counts))} refused`;
        return element('div', 'card', element('h3', '', method.method),
                       element('p', '', text), curve(method),
                       element('p', 'empty',
                               'ran: solid; waited: dashed'));
      });
  at('methods').replaceChildren(cards.length > 0 ?
      element('div', 'curves', ...cards) :
      element('p', 'empty', 'no call yet'));
};

const showState = (state) => {
  showNow(state);
  showWorkers(state);
  showLanes(state);
  showRefusals(state);
  showMethods(state);
  before = state;
};

const showSlow = (answer) => {
  fill(at('slow'), ['ended!', 'method', 'key', 'by', 'worker#', 'waited#',
                    'ran#', 'batch#', 'code#'],
       (answer.slowest || []).map((call) => ({
         cells: [clock(call.ended_ms), call.method || '',
                 element('span', 'key', keyText(call.key)),
                 call.principal || '', count(number(call.worker)),
                 span(number(call.waited_ns)), span(number(call.ran_ns)),
                 count(number(call.batch)),
                 call.kept ? 'kept' : count(number(call.code))],
       })), 'no handler has run a call lately');
};

const showHot = (answer) => {
  const parts = [];
  const sampled = (answer.services || []).filter(
      (service) => (service.by_calls || []).length > 0);
  for (const service of sampled) {
    for (const [list, title] of [['by_calls', 'by calls'],
                                 ['by_time', 'by time']]) {
      const table = element('table', '');
      fill(table, ['key', 'worker#', 'share#', 'calls#', 'ran#'],
           (service[list] || []).map((hot) => ({
             cells: [element('span', 'key', keyText(hot.key)),
                     count(number(hot.worker)), percent(number(hot.share)),
                     count(number(hot.calls)), span(number(hot.ran_ns))],
           })), 'no sample yet');
      parts.push(element('h3', '', `${service.service}, ${title}`), table);
    }
  }
  at('hot').replaceChildren(...(parts.length > 0 ? parts :
      [element('p', 'empty', 'no sample yet')]));
};

const showStalls = (answer) => {
  const stalls = answer.stalls || [];
  at('stalls-section').hidden = stalls.length === 0;
  at('stalls').replaceChildren(...stalls.map((stall) => {
    const made = element('div', stall.ended ? 'card' : 'card bad');
    const head = element('p', '',
        `${clock(stall.reported_ms)}: worker ${number(stall.worker)} ran `);
    head.append(running(stall.running), ` for ${span(number(stall.ran_ns))}`,
        ` (with a CPU for ${span(number(stall.had_cpu_ns))}` +
        `${stall.blocked ? '; it was blocked' : ''}), ` +
        `${count(number(stall.waiting))} calls waited`,
        stall.ended ? '; it has ended' : '; it still runs');
    made.append(head);
    const stack = stall.stack || [];
    if (stack.length > 0) {
      made.append(element('pre', '', stack.join('\n')));
    } else if (stall.no_stack) {
      made.append(element('p', 'empty', `no stack: ${stall.no_stack}`));
    }
    return made;
  }));
};

let shownProcess = '';  // Of which start of which process the page is.

const showInfo = (info) => {
  const process = `${info.process_id} ${info.started_ms}`;
  if (process !== shownProcess) before = null;  // There is no rate between two.
  shownProcess = process;
  at('program').textContent = info.program || 'Pinion';
  document.title = `${info.program || 'Pinion'} ${info.address || ''}`.trim();
  const up = (number(info.now_ms) - number(info.started_ms)) * 1e6;
  at('about').textContent = [
    info.version && `Pinion ${info.version}`,
    info.address,
    `process ${number(info.process_id)}`,
    `up for ${span(Math.max(0, up))}`,
    `${number(info.workers)} workers, ${number(info.io_threads)} I/O threads`,
  ].filter(Boolean).join(' · ');
};

const say = (className, text) => {
  at('link').className = className;
  at('link').textContent = text;
};

// Each event: what shows it, and after how many seconds without one it is
// missed. The server sends the state each second, the others each three.
const kinds = {
  info: {show: showInfo, patience: 10},
  state: {show: showState, patience: 5},
  slow: {show: showSlow, patience: 10},
  hot: {show: showHot, patience: 10},
  stalls: {show: showStalls, patience: 10},
};

let connected = false;

// A server that is frozen, or a tunnel that is dead, ends no connection.
const sayIfLive = () => {
  if (!connected) return;
  for (const [name, kind] of Object.entries(kinds)) {
    const silent = (performance.now() - kind.heard) / 1000;
    if (silent > kind.patience) {
      say('lost', `no news (${name}) for ${silent.toFixed(0)} s; ` +
          'what you see of it is old');
      return;
    }
  }
  say('live', 'live');
};

const follow = () => {
  const events = new EventSource('api/events');
  for (const [name, kind] of Object.entries(kinds)) {
    events.addEventListener(name, (event) => {
      kind.show(messageOf(event.data));
      kind.heard = performance.now();
      connected = true;
      sayIfLive();
    });
  }
  events.onopen = () => {
    for (const kind of Object.values(kinds)) kind.heard = performance.now();
  };
  events.onerror = () => {
    connected = false;
    say('lost', 'no answer from the server; trying again');
    // The browser gives up for good after some answers, such as 503.
    if (events.readyState === EventSource.CLOSED) setTimeout(follow, 2000);
  };
};

follow();
setInterval(sayIfLive, 1000);
