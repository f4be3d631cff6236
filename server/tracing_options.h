// SPDX-License-Identifier: Apache-2.0
//
// TracingOptions: which calls a server makes spans of, and where it sends them.
//                 docs/tracing.md shows how to begin.
//
// Threads: plain data; a part of HostingOptions. A reload can change `sample`.
// Example: HostingOptions options = {
//              .tracing = {.collector = "127.0.0.1:4317", .sample = 0.01}};
#ifndef PINION_SERVER_TRACING_OPTIONS_H_
#define PINION_SERVER_TRACING_OPTIONS_H_

#include <string>

#include "pinion/third_party/cpp20.h"

namespace pinion {

struct TracingOptions {
  // The collector that gets the spans by OTLP over gRPC: "host:port", with IPv6
  // hosts in brackets, or "unix:/path". Empty: the server makes no spans, and
  // handlers still see the caller's trace (CallContext::trace()). Set it when
  // you collect traces; the collectors of OpenTelemetry listen on port 4317.
  std::string collector = {};

  // The share of the calls without a trace of their own, 0 to 1, that the
  // server begins one for. A call whose caller has sent `traceparent` is traced
  // if the caller traces it, whatever this says. Raise it when callers send
  // none; a traced call costs some microseconds of CPU time more.
  double sample = 0;

  // The file with the authorities, in PEM form, that have issued the
  // collector's certificate. Empty: what is sent to the collector is not
  // encrypted. The file is read at the start. Set it when the collector is on
  // another machine.
  std::string collector_ca = {};

  // While this is false, a collector without `collector_ca` must be at a
  // loopback address or a Unix socket. Set it to true only inside a network
  // that you trust: spans name methods, and say how long calls take.
  bool allow_unencrypted = false;

  // The server's name in the traces, as "service.name". Empty: the program's
  // name. Set it when several servers run the same program.
  std::string service_name = {};

  // Whether the server makes spans.
  bool on() const { return !collector.empty(); }

  friend bool operator==(const TracingOptions&,
                         const TracingOptions&) = default;
};

}  // namespace pinion

#endif  // PINION_SERVER_TRACING_OPTIONS_H_
