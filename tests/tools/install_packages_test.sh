#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# install-packages says what it does and how far it is: on a terminal in one line
# that changes, in a log in few lines; and it says what apt-get said if that fails.
. tests/tools/stub_programs.sh

list=$stubs/list.txt
printf '# a list\nspin  checks a model\ng++  the compiler\n' >"$list"
installed g++

status=()
for percent in $(seq 0 0.5 100); do
  status+=("dlstatus:1:$percent:Retrieving file 1 of 1 (1s remaining)")
done
for percent in $(seq 0 0.5 100); do
  status+=("pmstatus:spin:$percent:Unpacking spin (amd64)")
done
apt_prints "${status[@]}" 'Setting up spin ...'

log=$(tools/install-packages --as bazelw "$list" 2>&1)
expect_words 'the log names the package and its reason' "$log" '^bazelw: needs spin: checks a model$'
expect_words 'the log says how far the download is' "$log" 'downloading, 50 %$'
expect_words 'the log says how far the installation is' "$log" 'installing, 100 %$'
expect_words 'the log says how long it took' "$log" 'installed in [0-9]+ s$'
expect 'lines of a log for 400 reports' "$(grep -c '%$' <<<"$log")" 22
expect 'lines with control characters in a log' "$(grep -c $'[\r\033]' <<<"$log")" 0

screen=$(TERM=xterm script -qec "tools/install-packages --as bazelw $list" /dev/null </dev/null)
expect_words 'a terminal shows what is unpacked' "$screen" 'installing, 37 %: Unpacking spin'
expect 'lines on a terminal that say a percentage' \
  "$(tr -d '\r' <<<"$screen" | grep -c '%')" 1

touch "$stubs/apt_fails"
apt_prints 'E: Unable to fetch some archives'
if said=$(tools/install-packages "$list" 2>&1); then code=0; else code=$?; fi
expect 'the exit code when apt-get fails' "$code" 1
expect_words 'what is said when apt-get fails' "$said" 'apt-get failed, as said above'

done_testing
