// SPDX-License-Identifier: Apache-2.0
//
// Session: a session's client in Node, as docs/clients.md prints it. Run as a
// program, it makes two calls on the server whose address it is given.
'use strict';
const grpc = require('@grpc/grpc-js');
const protoLoader = require('@grpc/proto-loader');

const { pinion } = grpc.loadPackageDefinition(protoLoader.loadSync(
  ['pinion/v1/session.proto', 'pinion/kv/v1/kv.proto', 'pinion/echo/v1/echo.proto'],
  { includeDirs: ['proto'], longs: Number, enums: String, defaults: true }));

// Many calls on one stream.
class Session {
  #open = new Map();  // What settles the calls without an answer, by id.
  #unsent = null;     // What is said within one turn of the event loop.
  #stream;

  constructor(target) {
    const client = new pinion.v1.SessionService(
      target, grpc.credentials.createInsecure());
    this.#stream = client.Open();
    this.drain = new Promise((resolve) => {
      this.#stream.on('data', (response) => {
        for (const answer of response.answers) this.#settle(answer);
        if (response.drain !== null) resolve(response.drain);
      });
    });
    this.#stream.on('error', () => {});  // It is in the status.
    this.ended = new Promise((resolve) => {
      this.#stream.on('status', (status) => {
        const error = new Error(`it may have run: ${status.details}`);
        for (const { reject } of this.#open.values()) reject(error);
        client.close();
        resolve(status);
      });
    });
  }

  // Sends a call, and promises its SessionAnswer.
  call(id, method, request, fields = {}) {
    const payload = method.requestSerialize(request);
    this.#next().calls.push({ id, method: method.path, payload, ...fields });
    return new Promise((resolve, reject) => {
      this.#open.set(id, { resolve, reject });
    });
  }

  cancel(id) {
    this.#next().cancel.push(id);
  }

  // Sends no more calls; the stream ends when all are answered.
  close() {
    this.#send();
    this.#stream.end();
  }

  #next() {
    if (this.#unsent === null) {
      this.#unsent = { calls: [], cancel: [] };
      setImmediate(() => this.#send());
    }
    return this.#unsent;
  }

  #send() {
    if (this.#unsent !== null) this.#stream.write(this.#unsent);
    this.#unsent = null;
  }

  #settle(answer) {
    this.#open.get(answer.id).resolve(answer);
    this.#open.delete(answer.id);
  }
}

async function main(target) {
  const { Put, Get } = pinion.kv.v1.KvService.service;
  const session = new Session(target);
  const answers = await Promise.all([
    session.call(1, Put, { key: 'a', value: '1' }),
    session.call(2, Get, { key: 'a' }),
  ]);
  for (const { code, message } of answers) {
    if (code !== grpc.status.OK) throw new Error(message);
  }
  console.log(Get.responseDeserialize(answers[1].payload).value);
  session.close();
}

if (require.main === module) main(process.argv[2]);

module.exports = { Session, pinion };
