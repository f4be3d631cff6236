#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# tools/page-commands takes out what a page has, and compares what it says.
set -euo pipefail

fail() {
  echo "FAILED: $1"
  exit 1
}
# expect WHAT FOUND WANTED
expect() { [ "$2" = "$3" ] || fail "$1 is \"$2\", and should be \"$3\""; }

page=$TEST_TMPDIR/page.md
cat >"$page" <<'END'
# Page

```sh
echo before
```

## Wanted

```text
of no command
```

```sh
echo one
echo two
```

```text
one
two
```

### Below it

```sh
printf '%s\n' a b c d
```

```text
a
...
d
```

```yaml
echo: not run
```

## Next

```sh
echo after
```
END

# run NAME ARGUMENT...: in a folder of its own.
run() {
  folder=$TEST_TMPDIR/$1
  mkdir "$folder"
  tools/page-commands "$page" "$folder" "${@:2}"
  (cd "$TEST_TMPDIR" && bash -eu "$folder/commands")
}

run all
expect 'what all blocks print' "$(cat "$folder"/*.out | tr '\n' ' ')" 'before one two a b c d after '

run section --section Wanted
expect 'what the blocks of a section print' "$(cat "$folder"/*.out | tr '\n' ' ')" 'one two a b c d '
expect 'the comparison' "$(tools/page-commands --compare "$folder")" 2

# differs WHAT FILE TEXT: that FILE with TEXT is told.
differs() {
  local kept code=0
  kept=$(cat "$folder/$2")
  printf '%s\n' "$3" >"$folder/$2"
  tools/page-commands --compare "$folder" >"$TEST_TMPDIR/told" || code=$?
  expect "$1: the exit code" "$code" 1
  grep -q '^\^ the page says' "$TEST_TMPDIR/told" || fail "$1: is not told"
  printf '%s\n' "$kept" >"$folder/$2"
}
differs 'another line' 1.out $'one\nother'
differs 'a line more' 1.out $'one\ntwo\nthree'
differs 'no line' 1.out ''
differs 'a line is missing among others' 2.out $'a\nb'
differs 'another order' 2.out $'d\na'
tools/page-commands --compare "$folder" >/dev/null || fail 'what is as before differs'

# refuses WORDS ARGUMENT...
refuses() {
  local said code=0
  said=$(tools/page-commands "${@:2}" 2>&1) || code=$?
  expect "$*: the exit code" "$code" 2
  [[ $said = *$1* ]] || fail "${*:2}: says \"$said\", and not \"$1\""
}
refuses 'a page and a folder'
refuses 'there is no page' "$TEST_TMPDIR/none.md" "$folder"
refuses 'there is no folder' "$page" "$TEST_TMPDIR/none"
refuses 'has no heading "Other"' "$page" "$folder" --section Other
refuses 'unknown option --what' "$page" "$folder" --what Other
refuses 'has no block of sh there' /dev/null "$folder"
echo PASSED
