// SPDX-License-Identifier: Apache-2.0
//
// The public face; server/hosting/runtime.h is what is behind it.
#include "pinion/server/hosting.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "pinion/server/hosting/admin_view.h"
#include "pinion/server/hosting/live_settings.h"
#include "pinion/server/hosting/runtime.h"
#include "pinion/server/internal/manual_run.h"

namespace pinion {

Hosting::Hosting(HostingOptions options)
    : runtime_(std::make_unique<internal::Runtime>(std::move(options),
                                                   /*manual=*/std::nullopt)),
      admin_(std::make_unique<internal::AdminView>(*runtime_)) {}

Hosting::Hosting(HostingOptions options, ManualRun manual)
    : runtime_(std::make_unique<internal::Runtime>(std::move(options),
                                                   std::move(manual))),
      admin_(std::make_unique<internal::AdminView>(*runtime_)) {}

Hosting::~Hosting() = default;

void Hosting::Keep(std::unique_ptr<HostedService> service) {
  runtime_->Keep(std::move(service));
}

absl::Status Hosting::Attach(grpc::ServerBuilder& builder,
                             const AttachOptions& what) {
  return runtime_->Attach(builder, what);
}

absl::Status Hosting::Start(std::shared_ptr<grpc::Server> server) {
  absl::Status status = runtime_->Start(std::move(server));
  if (status.ok()) admin_->Started();
  return status;
}

absl::Status Hosting::Reload(const HostingOptions& options) {
  return admin_->settings().Reload(/*listen=*/nullptr, options,
                                   [&] { return runtime_->Reload(options); });
}

std::vector<std::string> Hosting::NeedsRestart(
    const HostingOptions& options) const {
  return runtime_->NeedsRestart(options);
}

void Hosting::Drain() { runtime_->Drain(); }

absl::Status Hosting::Stop() {
  admin_->settings().End();
  return runtime_->Stop();
}

void Hosting::BeginDrain() { runtime_->BeginDrain(); }

void Hosting::HurryStop() { runtime_->HurryStop(); }

const HostingOptions& Hosting::options() const { return runtime_->options(); }

std::vector<std::string> Hosting::MethodPaths() const {
  return runtime_->MethodPaths();
}

const Scheduler& Hosting::scheduler() const { return runtime_->scheduler(); }

Health& Hosting::health() { return runtime_->health(); }

int Hosting::io_threads() const { return runtime_->io_threads(); }

std::string Hosting::DescribeServices() const {
  return runtime_->DescribeServices();
}

ServerSnapshot Hosting::Snapshot() const { return runtime_->Snapshot(); }

int Hosting::CountBeats() { return runtime_->CountBeats(); }

void Hosting::LogLine(LogRecord record) const {
  runtime_->log().Write(std::move(record));
}

void Hosting::LogLine(absl::string_view message) const {
  LogLine(LogRecord{.message = std::string(message)});
}

void Hosting::SetLog(const LogSettings& settings) {
  runtime_->SetLog(settings);
}

LogSettings Hosting::log_settings() const { return runtime_->log().settings(); }

bool Hosting::FlushLog(absl::Duration timeout) {
  return runtime_->log().Flush(absl::ToChronoNanoseconds(timeout));
}

}  // namespace pinion
