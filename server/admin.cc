// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/admin.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "pinion/core/base/admin_socket_path.h"
#include "pinion/core/base/check.h"
#include "pinion/server/admin/admin_http.h"
#include "pinion/server/admin/admin_service.h"
#include "pinion/server/admin/late_source.h"
#include "pinion/server/hosting.h"
#include "pinion/server/hosting/hosting_for_admin.h"

namespace pinion {
namespace {

constexpr absl::string_view kAuto = "auto";
constexpr absl::string_view kOff = "off";

AdminHttpOptions PageOptions(const AdminOptions& options) {
  std::vector<std::string> hosts;
  for (const absl::string_view host :
       absl::StrSplit(options.hosts, ',', absl::SkipWhitespace())) {
    hosts.emplace_back(absl::StripAsciiWhitespace(host));
  }
  return {.listen = options.listen,
          .token_file = options.token_file,
          .certificate = options.certificate,
          .key = options.key,
          .hosts = std::move(hosts)};
}

// Of a page that there is not: who has forgotten `admin` would wait for it.
absl::Status CheckNoPage(const AdminOptions& options) {
  const std::pair<absl::string_view, const std::string&> set[] = {
      {"admin_token_file", options.token_file},
      {"admin_certificate", options.certificate},
      {"admin_key", options.key},
      {"admin_hosts", options.hosts}};
  for (const auto& [name, value] : set) {
    if (value.empty()) continue;
    return absl::InvalidArgumentError(
        absl::StrCat(name, " is set, and there is no page: set admin, too"));
  }
  return absl::OkStatus();
}

}  // namespace

class Admin::Impl {
 public:
  explicit Impl(AdminOptions options) : options_(std::move(options)) {}

  absl::Status Start() {
    PINION_CHECK(!started_, "an Admin starts once");
    started_ = true;
    absl::Status status = Check(options_);
    if (status.ok()) status = StartSocket();
    if (status.ok()) status = StartPage();
    if (!status.ok()) Stop();
    return status;
  }

  void SetStarted(Hosting& hosting) {
    source_.Set(internal::HostingForAdmin::Source(hosting));
  }

  void Stop() {
    if (page_.has_value()) page_->Stop();
    if (service_.has_value()) service_->Stop();
  }

  const std::string& address() const { return address_; }
  const std::string& socket() const { return socket_; }
  const std::string& why_no_socket() const { return why_no_socket_; }

 private:
  absl::Status StartSocket() {
    if (options_.socket == kOff) return absl::OkStatus();
    const bool is_auto = options_.socket == kAuto;
    const absl::StatusOr<std::string> path =
        is_auto ? MakeAdminSocketPath(AdminSocketPlaces::Ours())
                : options_.socket;
    const absl::Status status = path.ok() ? ListenAt(*path) : path.status();
    if (status.ok()) {
      socket_ = *path;
    } else if (is_auto) {
      why_no_socket_ = std::string(status.message());
    } else {
      return absl::Status(status.code(),
                          absl::StrCat("admin_socket: ", status.message()));
    }
    return absl::OkStatus();
  }

  absl::Status ListenAt(const std::string& path) {
    service_.emplace(path, source_);
    return service_->Start();
  }

  absl::Status StartPage() {
    if (options_.listen.empty()) return absl::OkStatus();
    page_.emplace(PageOptions(options_), source_);
    absl::Status status = page_->Start();
    if (status.ok()) address_ = page_->address();
    return status;
  }

  const AdminOptions options_;
  bool started_ = false;
  LateSource source_;
  std::string address_;
  std::string socket_;
  std::string why_no_socket_;
  std::optional<AdminService> service_;
  std::optional<AdminHttp> page_;
};

Admin::Admin(AdminOptions options)
    : impl_(std::make_unique<Impl>(std::move(options))) {}

Admin::~Admin() = default;

absl::Status Admin::Check(const AdminOptions& options) {
  if (options.socket != kAuto && options.socket != kOff) {
    const absl::Status path = CheckAdminSocketPath(options.socket);
    if (!path.ok()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "admin_socket is \"", options.socket,
          "\"; valid are auto, off, and a path: ", path.message()));
    }
  }
  return options.listen.empty() ? CheckNoPage(options)
                                : AdminHttp::Check(PageOptions(options));
}

absl::Status Admin::Start() { return impl_->Start(); }

void Admin::SetStarted(Hosting& hosting) { impl_->SetStarted(hosting); }

void Admin::Stop() { impl_->Stop(); }

const std::string& Admin::address() const { return impl_->address(); }

const std::string& Admin::socket() const { return impl_->socket(); }

const std::string& Admin::why_no_socket() const {
  return impl_->why_no_socket();
}

}  // namespace pinion
