#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Python's reader of JSON reads each line, and finds in it what its record had,
# whatever bytes that was; and no line, of JSON or of text, has a control
# character.
set -euo pipefail

tests/server/log/log_lines 5000 >"$TEST_TMPDIR/lines"
python3 - "$TEST_TMPDIR/lines" <<'END'
import datetime
import json
import sys
import unicodedata


def valid(data):
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


def is_control(character):
    return unicodedata.category(character) == "Cc" or character in "\u2028\u202e\ufeff"


def check(line):
    texts, as_json, as_text = line.split(b"\t")
    message, method, key = (bytes.fromhex(text.decode()) for text in texts.split(b" "))
    for written in (as_json.decode(), as_text.decode()):
        for character in written:
            assert not is_control(character), written
    record = json.loads(as_json, object_pairs_hook=unique)
    datetime.datetime.strptime(record["time"], "%Y-%m-%dT%H:%M:%S.%fZ")
    assert record["level"] in ("debug", "info", "warning", "error"), record
    assert record["area"].isalpha(), record
    assert 0 <= record["worker"] < 100, record
    for name, data in (("message", message), ("method", method), ("key", key)):
        expected = valid(data)
        if expected is not None:
            assert record.get(name, "") == expected, (name, data, record)
    if valid(key) is None:
        assert "\ufffd" not in record["key"], record
        assert not any(is_control(character) for character in record["key"]), record
    return valid(message) is not None


def unique(pairs):
    names = [name for name, _ in pairs]
    assert len(set(names)) == len(names), names
    return dict(pairs)


with open(sys.argv[1], "rb") as file:
    lines = file.read().split(b"\n")
assert lines.pop() == b""
assert len(lines) == 5000, len(lines)
compared = sum(check(line) for line in lines)
assert compared > 500, compared
END
echo "all passed"
