#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# tools/version in a repository that it has for itself.
set -euo pipefail

export HOME=$TEST_TMPDIR GIT_CONFIG_NOSYSTEM=1
export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b.example GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b.example
repository=$TEST_TMPDIR/repository
mkdir -p "$repository/tools"
cp -L tools/version "$repository/tools/"
cd "$repository"

fail() {
  echo "FAILED: $1"
  exit 1
}
# expect WHAT FOUND PATTERN
expect() { [[ $2 =~ ^$3$ ]] || fail "$1: \"$2\" is not like $3"; }
# commit TIME
commit() { GIT_COMMITTER_DATE="$1 +0200" GIT_AUTHOR_DATE="$1 +0200" git commit -qam "$1"; }
# is_later VERSION THAN
is_later() { dpkg --compare-versions "$1" gt "$2" || fail "dpkg takes $1 for no later than $2"; }

echo 0.1.0 >VERSION
code=0
said=$(tools/version 2>&1) || code=$?
expect 'without a repository the exit code' "$code" 2

git init -q
git add .
commit '2026-11-30 01:02:03'
first=$(tools/version)
expect 'a commit' "$first" '0\.1\.0\+git20261129230203\.[0-9a-f]{10}'
expect 'its time' "$(tools/version --time)" 1795993323

echo more >>VERSION~
git add VERSION~
commit '2026-11-30 01:02:04'
is_later "$(tools/version)" "$first"
is_later "$first" 0.1.0

git tag v0.1.0
expect 'the commit that was released' "$(tools/version)" '0\.1\.0'
echo changed >>VERSION~
expect 'a changed file' "$(tools/version)" '0\.1\.0\+git20261129230204\.[0-9a-f]{10}\.changed'

echo 0.2.0 >VERSION
is_later "$(tools/version)" "$first"
git tag -f v0.1.0 HEAD^ >/dev/null
commit '2026-11-30 01:02:05'
expect 'the tag of another version' "$(tools/version)" '0\.2\.0\+git.*'

code=0
said=$(tools/version --what 2>&1) || code=$?
expect 'for an unknown option the exit code' "$code" 2
expect 'and the line' "$said" 'version: unknown option --what; see --help'
echo PASSED
