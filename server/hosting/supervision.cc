// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/hosting/supervision.h"

#include "absl/strings/str_cat.h"
#include "pinion/server/systemd/inherited_sockets.h"

namespace pinion::internal {

Supervision::Supervision(const RunOptions& options) {
  ReadInheritedSockets();
  if (!options.probe_listen.empty()) probes_.emplace(options.probe_listen);
}

absl::Status Supervision::Begin() {
  return probes_.has_value() ? probes_->Start() : absl::OkStatus();
}

void Supervision::CannotStart(absl::string_view why) {
  systemd_.SetStatus(absl::StrCat("cannot start: ", why));
}

void Supervision::Started(Hosting& hosting, absl::string_view address) {
  if (probes_.has_value()) probes_->SetStarted(hosting);
  systemd_.Started(hosting, absl::StrCat("serving on ", address));
  // Their clients would wait for an answer that never comes.
  for (const InheritedSocket& socket : LeftInheritedSockets()) {
    hosting.LogLine(absl::StrCat(
        "the socket \"", socket.name, "\" (descriptor ", socket.descriptor,
        ") was handed over, and this server does not serve it: set listen to "
        "\"systemd\", or disable the socket unit"));
  }
}

std::string Supervision::Describe() const {
  if (!probes_.has_value()) return "";
  return absl::StrCat("probes on ", probes_->address(),
                      ": /healthz, /readyz, /startupz\n");
}

}  // namespace pinion::internal
