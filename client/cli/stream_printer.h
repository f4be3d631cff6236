// SPDX-License-Identifier: Apache-2.0
//
// PrintStream: prints the messages of a server stream as they come, one JSON
//              object per line, and how the stream ended.
//
// Threads: main's; Ctrl-C is awaited on another one meanwhile.
// Example: RawStreamReader stream = client->StreamRaw(method, request);
//          return PrintStream(codec, {.method = method}, stream, interrupts,
//                             stdout);
#ifndef PINION_CLIENT_CLI_STREAM_PRINTER_H_
#define PINION_CLIENT_CLI_STREAM_PRINTER_H_

#include <cstdio>
#include <string>

#include "pinion/client/cli/interrupts.h"
#include "pinion/client/cli/json_codec.h"
#include "pinion/client/stream_reader.h"

namespace pinion::cli {

struct StreamPrintOptions {
  std::string method;
  // Whether to say when the first message and the end came.
  bool timing = false;
};

// Reads the stream to its end. Messages go to `out`, one by one as they come;
// everything else to standard error. The first Ctrl-C, or SIGTERM,
// cancels the stream. Returns the program's exit code: 0 if the stream ended
// with OK, 1 if it did not or a message could not be printed, 128 and the
// signal's number if a signal cancelled it.
int PrintStream(JsonCodec& codec, const StreamPrintOptions& options,
                RawStreamReader& stream, Interrupts& interrupts,
                std::FILE* out);

}  // namespace pinion::cli

#endif  // PINION_CLIENT_CLI_STREAM_PRINTER_H_
