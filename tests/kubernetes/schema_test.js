// SPDX-License-Identifier: Apache-2.0
//
// Each object of deploy/kubernetes is what Kubernetes' own schema says, which the
// package kubernetes-models has: no wrong type, nothing that must be there is
// missing, and no field is unknown.
const assert = require('assert');
const fs = require('fs');
const yaml = require('yaml');

const FOLDER = 'deploy/kubernetes';

// The model of an object, by its apiVersion and kind.
function modelOf(object) {
  const model = require(`kubernetes-models/${object.apiVersion}/${object.kind}`)[object.kind];
  assert.ok(model, `${object.apiVersion} has no ${object.kind}`);
  return model;
}

// The schema allows unknown fields, which a server of Kubernetes drops. But it looks
// up each field that it knows: what it never reads of `value` is unknown.
function watched(value, path, unread) {
  if (value === null || typeof value !== 'object') return value;
  const copy = Array.isArray(value) ? [] : {};
  for (const [name, member] of Object.entries(value)) {
    const at = `${path}/${name}`;
    unread.add(at);
    copy[name] = watched(member, at, unread);
  }
  return new Proxy(copy, {
    get(target, name) {
      unread.delete(`${path}/${String(name)}`);
      return target[name];
    },
  });
}

// What is wrong with an object, a line for each; [] if nothing is.
function mistakesOf(object) {
  const unread = new Set();
  let model;
  try {
    model = modelOf(object);
  } catch (error) {
    return [error.message.split('\n')[0]];
  }
  const mistakes = [];
  try {
    // On the object itself: the model's constructor would copy it, and so read all.
    model.prototype.validate.call(watched(object, '', unread));
  } catch (error) {
    mistakes.push(...error.message.split('\n'));
  }
  return mistakes.concat([...unread].map((path) => `${path} is no field`));
}

function objectsIn(text) {
  return yaml.parseAllDocuments(text).map((document) => {
    assert.deepStrictEqual(document.errors, []);
    return document.toJS();
  });
}

function expectMistake(text, change, wanted) {
  const changed = text.replace(...change);
  assert.ok(changed !== text, `${change[0]} is not there`);
  const mistakes = objectsIn(changed).flatMap(mistakesOf);
  assert.ok(mistakes.some((mistake) => mistake.includes(wanted)),
            `"${wanted}" is not told, but: ${mistakes.join('; ')}`);
}

const files = fs.readdirSync(FOLDER).filter((name) => name.endsWith('.yaml'));
assert.ok(files.length > 0, `${FOLDER} has no file`);
for (const file of files) {
  const objects = objectsIn(fs.readFileSync(`${FOLDER}/${file}`, 'utf8'));
  assert.ok(objects.length > 0, `${file} has no object`);
  for (const object of objects) {
    assert.deepStrictEqual(mistakesOf(object), [], `${file}: ${object.kind}`);
    console.log(`${file}: ${object.apiVersion} ${object.kind}: ok`);
  }
}

const text = fs.readFileSync(`${FOLDER}/pinion-server.yaml`, 'utf8');
expectMistake(text, ['terminationGracePeriodSeconds: 30', 'terminationGracePeriodSecond: 30'],
              '/spec/template/spec/terminationGracePeriodSecond is no field');
expectMistake(text, ['failureThreshold: 60', 'failureTreshold: 60'],
              '/spec/template/spec/containers/0/startupProbe/failureTreshold is no field');
expectMistake(text, ['failureThreshold: 60', 'failureThreshold: "60"'], 'failureThreshold');
expectMistake(text, ['memory: 4Gi', 'memory: 4 GB'], 'memory');
expectMistake(text, ['  selector:\n    matchLabels:', '  select:\n    matchLabels:'], 'selector');
expectMistake(text, ['spec:\n  selector:', 'sepc:\n  selector:'], '/sepc is no field');
expectMistake(text, ['kind: PodDisruptionBudget', 'kind: PodDisruptionBudged'], 'PodDisruptionBudged');
console.log('passed');
