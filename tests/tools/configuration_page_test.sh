#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# docs/configuration.md says what the schema says; and tools/make-configuration-page
# notices when it does not.
. tests/tools/stub_programs.sh

tools/make-configuration-page --check || failures=1

# A copy whose files may be changed.
copy=$stubs/copy
mkdir "$copy"
cp -rL docs proto tools "$copy"
chmod -R u+w "$copy"
page=$copy/docs/configuration.md
schema=$copy/proto/pinion/config/v1/server_config.proto

# check WHAT CODE PATTERN: what --check says of the copy.
check() {
  local said code=0
  said=$("$copy/tools/make-configuration-page" --check 2>&1) || code=$?
  expect "the exit code $1" "$code" "$2"
  expect_words "what is said $1" "$said" "$3"
}

check 'if nothing was changed' 0 '^$'
sed -i 's/default_value: "10s"/default_value: "11s"/' "$schema"
check 'if a default was changed' 1 '; run tools/make-configuration-page$'
"$copy/tools/make-configuration-page"
check 'once it was run' 0 '^$'
expect 'lines that the page has otherwise' \
  "$(diff docs/configuration.md "$page" | grep '^[<>]')" \
  $'< A duration, `0s` to `1h`. Default: `10s`. A reload takes it.\n> A duration, `0s` to `1h`. Default: `11s`. A reload takes it.'
sed -i '/^  \/\/ Seed of the hash/,/^  \/\/ strangers/d' "$schema"
check 'if a field has no comment' 2 'KeysConfig.key_seed has no comment$'
sed -i '/^<!-- The rest/d' "$page"
cp -L proto/pinion/config/v1/server_config.proto "$schema"
check 'if the page lacks its line' 2 'lacks the line: <!-- The rest'

done_testing
