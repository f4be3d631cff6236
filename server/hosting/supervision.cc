// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/hosting/supervision.h"

#include "absl/strings/str_cat.h"
#include "pinion/server/log.h"
#include "pinion/server/systemd/inherited_sockets.h"

namespace pinion::internal {

Supervision::Supervision(const RunOptions& options) : admin_(options.admin) {
  ReadInheritedSockets();
  if (!options.probe_listen.empty()) probes_.emplace(options.probe_listen);
}

absl::Status Supervision::Begin() {
  const absl::Status probes =
      probes_.has_value() ? probes_->Start() : absl::OkStatus();
  return probes.ok() ? admin_.Start() : probes;
}

void Supervision::CannotStart(absl::string_view why) {
  systemd_.SetStatus(absl::StrCat("cannot start: ", why));
}

void Supervision::Started(Hosting& hosting, absl::string_view address) {
  if (probes_.has_value()) probes_->SetStarted(hosting);
  admin_.SetStarted(hosting);
  if (!admin_.why_no_socket().empty()) {
    hosting.LogLine({.level = LogLevel::kWarning,
                     .area = LogArea::kConfig,
                     .event = "no_admin_socket",
                     .message = admin_.why_no_socket()});
  }
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
  std::string lines;
  if (probes_.has_value()) {
    absl::StrAppend(&lines, "probes on ", probes_->address(),
                    ": /healthz, /readyz, /startupz\n");
  }
  if (!admin_.address().empty()) {
    absl::StrAppend(&lines, "admin page on ", admin_.address(), "\n");
  }
  if (!admin_.socket().empty()) {
    absl::StrAppend(&lines, "admin socket ", admin_.socket(), "\n");
  }
  return lines;
}

void Supervision::Stopped() {
  admin_.Stop();
  if (probes_.has_value()) probes_->Stop();
}

}  // namespace pinion::internal
