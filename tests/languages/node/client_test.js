// SPDX-License-Identifier: Apache-2.0
//
// A client in Node, with gRPC's own implementation for it, and the real server.
'use strict';
const assert = require('node:assert/strict');
const { execFile, spawn } = require('node:child_process');
const { once } = require('node:events');
const { mkdtemp, readFile, rm, writeFile } = require('node:fs/promises');
const os = require('node:os');
const path = require('node:path');
const readline = require('node:readline');
const test = require('node:test');
const { promisify } = require('node:util');

const grpc = require('@grpc/grpc-js');
const protoLoader = require('@grpc/proto-loader');

const { Session, pinion } = require('./session.js');

const { Echo } = pinion.echo.v1.EchoService.service;
const { Get, Increment, Put } = pinion.kv.v1.KvService.service;

// The messages that are read out of bytes.
const messages = protoLoader.loadSync(
  ['tests/languages/status.proto', 'pinion/v1/failure.proto', 'pinion/v1/timing.proto'],
  { includeDirs: ['.', 'proto'], longs: Number, enums: String, defaults: true });

// A call that keeps its worker for longer than any test lasts.
const ENDLESS = { blockUs: 60_000_000 };

// Starts a server, which ends with the test.
async function startServer(t, ...flags) {
  const server = spawn('server/pinion-server', ['--listen=127.0.0.1:0', '--echo', ...flags],
    { stdio: ['ignore', 'pipe', 'inherit'] });
  const exit = once(server, 'exit');
  t.after(() => {
    server.kill('SIGKILL');
    return exit;
  });
  const [line] = await once(readline.createInterface(server.stdout), 'line');
  const [, target] = line.match(/^listening on (.*?);/);
  return { target, exit, terminate: () => server.kill('SIGTERM') };
}

// Makes a unary call: its response and trailers, or its error.
function call(t, target, method, request, metadata = {},
  credentials = grpc.credentials.createInsecure()) {
  const client = new grpc.Client(target, credentials);
  t.after(() => client.close());
  return new Promise((resolve, reject) => {
    let response;
    const call = client.makeUnaryRequest(
      method.path, method.requestSerialize, method.responseDeserialize,
      request, grpc.Metadata.fromHttp2Headers(metadata),
      (error, value) => {
        if (error) reject(error);
        response = value;
      });
    call.on('status', ({ metadata }) => resolve({ response, trailers: metadata }));
  });
}

async function errorOf(promise) {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  return assert.fail('the call succeeded');
}

// The Failure among a unary call's status details.
function failureOf(error) {
  const [bytes] = error.metadata.get('grpc-status-details-bin');
  const { details } = messages['pinion.test.Status'].deserialize(bytes);
  const [failure] = details.filter(
    (any) => any.type_url === 'type.googleapis.com/pinion.v1.Failure');
  return messages['pinion.v1.Failure'].deserialize(failure.value);
}

function assertFailed(answer, code, reason, executed) {
  assert.equal(answer.code, code);
  assert.notEqual(answer.message, '');
  assert.equal(answer.failure.reason, reason);
  assert.equal(answer.failure.executed, executed);
}

test('the example prints what it has put', async (t) => {
  const { target } = await startServer(t);
  const { stdout } = await promisify(execFile)(
    process.execPath, ['tests/languages/node/session.js', target]);
  assert.equal(stdout, '1\n');
});

test('a unary call is answered and says where its time went', async (t) => {
  const { target } = await startServer(t, '--workers=1');
  const { response, trailers } = await call(t, target, Echo,
    { payload: Buffer.from('abc') },
    { 'pinion-worker': '0', 'pinion-priority': 'bulk', 'pinion-timing': '1' });
  assert.equal(response.payload.toString(), 'abc');
  assert.equal(response.worker, 0);
  const [bytes] = trailers.get('pinion-timing-bin');
  const timing = messages['pinion.v1.Timing'].deserialize(bytes);
  assert.equal(timing.worker, 0);
  assert.ok(timing.ranNs > 0);
  assert.equal(timing.batch, 1);
});

test('a client is served over mTLS with a token, and no other', async (t) => {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'mtls-'));
  t.after(() => rm(folder, { recursive: true }));
  const run = promisify(execFile);
  await run('tests/support/issue-certificates', [folder]);
  const tokenFor = async (subject) =>
    (await run('tests/support/issue-token', [folder, subject])).stdout.trim();
  const ann = await tokenFor('ann');
  await writeFile(path.join(folder, 'policy.json'), JSON.stringify({
    name: 'echo',
    allow_rules: [{ name: 'ann', source: { principals: ['jwt:https://issuer.example#ann'] } }],
  }));
  const { target } = await startServer(t,
    `--tls_certificate=${folder}/server.pem`, `--tls_key=${folder}/server.key`,
    `--tls_client_ca=${folder}/ca.pem`, '--client_auth=required',
    `--token_keys=${folder}/keys.json`, '--token_issuer=https://issuer.example',
    '--token_audience=pinion', `--policy_file=${folder}/policy.json`);
  const read = (name) => readFile(path.join(folder, name));
  const authority = await read('ca.pem');
  const own = grpc.credentials.createSsl(
    authority, await read('client.key'), await read('client.pem'));
  const withToken = (credentials, token) => grpc.credentials.combineChannelCredentials(
    credentials, grpc.credentials.createFromMetadataGenerator((params, callback) => {
      const metadata = new grpc.Metadata();
      metadata.set('authorization', `Bearer ${token}`);
      callback(null, metadata);
    }));
  const request = { payload: Buffer.from('abc') };
  const { response } = await call(t, target, Echo, request, {}, withToken(own, ann));
  assert.equal(response.payload.toString(), 'abc');
  const codeWith = async (credentials) =>
    (await errorOf(call(t, target, Echo, request, {}, credentials))).code;
  assert.equal(await codeWith(own), grpc.status.PERMISSION_DENIED);
  assert.equal(await codeWith(withToken(own, await tokenFor('bob'))),
    grpc.status.PERMISSION_DENIED);
  assert.equal(await codeWith(withToken(own, `${ann.slice(0, -4)}AAAA`)),
    grpc.status.UNAUTHENTICATED);
  assert.equal(await codeWith(withToken(grpc.credentials.createSsl(authority), ann)),
    grpc.status.UNAVAILABLE);
});

test('an error of a unary call says why and whether it ran', async (t) => {
  const { target } = await startServer(t);
  const error = await errorOf(call(t, target, Get, { key: 'none' }));
  assert.equal(error.code, grpc.status.NOT_FOUND);
  assert.deepEqual(error.metadata.get('pinion-executed'), ['YES']);
  const failure = failureOf(error);
  assert.equal(failure.reason, 'REASON_HANDLER');
  assert.equal(failure.executed, 'EXECUTED_YES');
});

test('an error in a session says why and whether it ran', async (t) => {
  const { target } = await startServer(t);
  const session = new Session(target);
  const [none, noKey, noMethod] = await Promise.all([
    session.call(1, Get, { key: 'none' }),
    session.call(2, Get, {}),
    session.call(3, { ...Get, path: '/pinion.kv.v1.KvService/Got' }, { key: 'a' }),
  ]);
  assertFailed(none, grpc.status.NOT_FOUND, 'REASON_HANDLER', 'EXECUTED_YES');
  assertFailed(noKey, grpc.status.INVALID_ARGUMENT, 'REASON_BAD_REQUEST',
    'EXECUTED_NO');
  assertFailed(noMethod, grpc.status.UNIMPLEMENTED, 'REASON_NO_SUCH_METHOD',
    'EXECUTED_NO');
  session.close();
});

test('a full lane says when to retry', async (t) => {
  const { target } = await startServer(t, '--workers=1', '--lane_calls=1');
  const session = new Session(target);
  const held = session.call(1, Echo, ENDLESS);
  const refused = await session.call(2, Echo, {});
  assertFailed(refused, grpc.status.RESOURCE_EXHAUSTED, 'REASON_LANE_FULL',
    'EXECUTED_NO');
  assert.ok(refused.failure.retryAfterUs > 0);
  const error = await errorOf(call(t, target, Echo, {}));
  assert.equal(error.code, grpc.status.RESOURCE_EXHAUSTED);
  assert.deepEqual(error.metadata.get('pinion-executed'), ['NO']);
  const [wait] = error.metadata.get('grpc-retry-pushback-ms');
  assert.ok(Number(wait) > 0);
  session.cancel(1);
  assert.equal((await held).code, grpc.status.CANCELLED);
  session.close();
});

test('a session answers each of 10,000 calls with its value', async (t) => {
  const { target } = await startServer(t);
  const session = new Session(target);
  const calls = [];
  const sums = {};
  for (let i = 0; i < 10_000; ++i) {
    // Each with its method, and what its response must have.
    if (i % 3 === 0) {
      const payload = Buffer.from(`${i}`);
      calls.push([Echo, { payload }, session.call(i, Echo, { payload })]);
    } else if (i % 3 === 1) {
      const put = { key: `put ${i}`, value: `${i}` };
      calls.push([Put, {}, session.call(i, Put, put)]);
    } else {
      // Calls of one key start in the order in which they were sent.
      const key = `sum ${i % 7}`;
      const value = sums[key] = (sums[key] ?? 0) + i;
      calls.push([Increment, { value }, session.call(i, Increment, { key, by: i })]);
    }
  }
  for (const [method, expected, promise] of calls) {
    // A second answer to one of them would throw.
    const answer = await promise;
    assert.equal(answer.code, grpc.status.OK, answer.message);
    const response = method.responseDeserialize(answer.payload);
    for (const [name, value] of Object.entries(expected)) {
      assert.deepEqual(response[name], value);
    }
  }
  for (let i = 1; i < 10_000; i += 3) {
    const answer = await session.call(i, Get, { key: `put ${i}` });
    assert.equal(Get.responseDeserialize(answer.payload).value, `${i}`);
  }
  session.close();
  assert.equal((await session.ended).code, grpc.status.OK);
});

test('a call that is cancelled while it waits is not run', async (t) => {
  const { target } = await startServer(t, '--workers=1');
  const session = new Session(target);
  const quick = session.call(1, Echo, {});
  const held = session.call(2, Echo, ENDLESS);
  const waits = session.call(3, Echo, {});
  // A cancel is for calls of earlier messages: this one has come.
  await quick;
  session.cancel(3);
  assertFailed(await waits, grpc.status.CANCELLED, 'REASON_CANCELLED',
    'EXECUTED_NO');
  session.cancel(2);
  assert.equal((await held).code, grpc.status.CANCELLED);
  session.close();
});

test('a server that stops drains its sessions', async (t) => {
  const server = await startServer(t, '--workers=1', '--grace=1m');
  const session = new Session(server.target);
  const quick = session.call(1, Echo, {});
  const slow = session.call(2, Echo, { payload: Buffer.from('slow'), blockUs: 300_000 });
  assert.equal((await quick).code, grpc.status.OK);
  server.terminate();
  const drain = await session.drain;
  assert.equal(drain.reason, 'DRAIN_REASON_STOPPING');
  assert.equal(drain.graceUs, 60_000_000);
  const response = Echo.responseDeserialize((await slow).payload);
  assert.equal(response.payload.toString(), 'slow');
  assert.equal((await session.ended).code, grpc.status.UNAVAILABLE);
  assert.deepEqual(await server.exit, [0, null]);
});
