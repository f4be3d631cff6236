#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# A program that uses core alone has neither gRPC nor Protobuf in it.
#
#   links_neither_grpc_nor_protobuf_test.sh PROGRAM WITH_GRPC WITH_PROTOBUF
#
# Looks at the shared libraries that PROGRAM loads, also by way of others, and
# at its symbols, where libraries linked into it would show. That this finds
# what there is to find, the two other programs show.
#
# Exit code: 0 passed, 1 not, or a program could not be looked at.
set -euo pipefail

readonly grpc='\<(libgrpc|libgpr\.so|grpc::|grpc_)[^ ]*'
readonly protobuf='\<(libproto(buf|c)|google::protobuf::)[^ ]*'

# contents PROGRAM: what it loads, and its symbols.
contents() {
  # Most programs of a system have no symbols left but the dynamic ones.
  ldd "$1" && nm -C "$1" 2>&1 && nm -CD "$1"
}

# check no|some WHAT PATTERN PROGRAM: whether so much of WHAT is in it.
check() {
  local expected=$1 what=$2 pattern=$3 program=$4 all found
  all=$(contents "$program") || {
    echo "FAILED: cannot look at $program: $all"
    exit 1
  }
  found=$(grep -oE "$pattern" <<<"$all") || true
  case "$expected,$found" in
  no, | some,?*) echo "ok: $expected $what in $program${found:+: ${found%%$'\n'*}}" ;;
  *)
    echo "FAILED: $program should have $expected $what, but has:"
    head -n 20 <<<"${found:-nothing}"
    exit 1
    ;;
  esac
}

check some gRPC "$grpc" "$2"
check some Protobuf "$protobuf" "$3"
check no gRPC "$grpc" "$1"
check no Protobuf "$protobuf" "$1"
