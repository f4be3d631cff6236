#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The code that docs/clients.md prints is that of the files which the tests here
# run, word by word.
exec awk '
  FNR == 1 { ++file }
  file <= 2 { tested[file] = tested[file] $0 "\n"; next }
  /^```$/ && language {
    ++blocks[language]
    if (!index(tested[language], block)) {
      print FILENAME ": the code that ends in line " FNR \
        " is not that of " ARGV[language]
      failed = 1
    }
    language = 0
    next
  }
  language { block = block $0 "\n" }
  /^```(python|js)$/ { language = /python/ ? 1 : 2; block = "" }
  END {
    if (!blocks[1] || !blocks[2]) {
      print FILENAME ": has no code of one of the languages"
      failed = 1
    }
    exit failed
  }
' tests/languages/python/session.py tests/languages/node/session.js docs/clients.md
