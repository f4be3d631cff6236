// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/admin/admin_http.h"

#include <chrono>
#include <optional>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "pinion/core/base/check.h"
#include "pinion/core/tls/certificates.h"
#include "pinion/core/tls/pem_file.h"
#include "pinion/server/admin/admin_access.h"
#include "pinion/server/admin/admin_answers.h"
#include "pinion/server/admin/admin_events.h"
#include "pinion/server/http/http_answer.h"
#include "pinion/server/http/http_listener.h"
#include "pinion/server/http/http_options.h"
#include "pinion/server/http/http_request.h"
#include "pinion/server/listener/listen_address.h"
#include "pinion/server/listener/listening_sockets.h"

namespace pinion {
namespace {

// Browsers send the cookies of everything else on localhost, too.
constexpr size_t kHeadBytes = 32 << 10;
constexpr size_t kBodyBytes = 4 << 10;

// More pages than operators have open; each takes its part of a second.
constexpr size_t kMostPages = 32;

// Longer than a scrape may take by Prometheus' defaults.
constexpr std::chrono::seconds kLongest{15};

// They say to browsers: only what this listener sends is run and shown, no
// other page may frame or read it, and a text is no page.
HttpHeaders HeadersForBrowsers() {
  return {{"Content-Security-Policy",
           "default-src 'none'; script-src 'self'; style-src 'self'; "
           "connect-src 'self'; img-src 'self'; base-uri 'none'; "
           "form-action 'none'; frame-ancestors 'none'"},
          {"Cross-Origin-Resource-Policy", "same-origin"},
          {"Referrer-Policy", "no-referrer"},
          {"X-Content-Type-Options", "nosniff"},
          {"X-Frame-Options", "DENY"}};
}

absl::Status Named(absl::string_view option, const absl::Status& status) {
  return absl::Status(status.code(),
                      absl::StrCat(option, " ", status.message()));
}

// The token; empty if there is none.
absl::StatusOr<std::string> TokenOf(const AdminHttpOptions& options) {
  constexpr absl::string_view kOption = "admin_token_file";
  if (options.token_file.empty()) return std::string();
  const auto text = ReadPemFile(options.token_file);
  if (!text.ok()) return Named(kOption, text.status());
  auto token = AdminAccess::TokenIn(*text);
  if (token.ok()) return token;
  return Named(absl::StrCat(kOption, " \"", options.token_file, "\""),
               token.status());
}

absl::StatusOr<std::optional<HttpTls>> TlsOf(const AdminHttpOptions& options) {
  if (options.certificate.empty()) return std::nullopt;
  constexpr absl::string_view kCertificate = "admin_certificate";
  constexpr absl::string_view kKey = "admin_key";
  auto certificate = ReadPemFile(options.certificate);
  if (!certificate.ok()) return Named(kCertificate, certificate.status());
  auto key = ReadPemFile(options.key);
  if (!key.ok()) return Named(kKey, key.status());
  const std::string name =
      absl::StrCat(kCertificate, " \"", options.certificate, "\"");
  const auto facts =
      CheckPair({name, *certificate},
                {absl::StrCat(kKey, " \"", options.key, "\""), *key});
  if (!facts.ok()) return facts.status();
  const absl::Status time = CheckTime(name, *facts, absl::Now());
  if (!time.ok()) return time;
  return HttpTls{.certificate = *std::move(certificate),
                 .key = *std::move(key)};
}

}  // namespace

class AdminHttp::Impl {
 public:
  Impl(AdminHttpOptions options, AdminSource& source, const Clock& clock)
      : options_(std::move(options)),
        source_(source),
        clock_(clock),
        events_(source, clock) {}

  absl::Status Start() {
    PINION_CHECK(!listener_.has_value(), "an admin page starts once");
    const absl::Status valid = Check(options_);
    if (!valid.ok()) return valid;
    auto token = TokenOf(options_);
    if (!token.ok()) return token.status();
    auto tls = TlsOf(options_);
    if (!tls.ok()) return tls.status();
    auto sockets =
        ListeningSockets::Open(options_.listen, {.for_user_only = true});
    if (!sockets.ok()) {
      return absl::Status(sockets.status().code(),
                          absl::StrCat("admin: ", sockets.status().message()));
    }
    address_ = WithPort(options_.listen, sockets->port());
    Answer(*std::move(token), tls->has_value());
    listener_.emplace(
        *std::move(sockets),
        [this](const HttpRequest& request) {
          return answers_->Answer(request);
        },
        BoundsOf(*std::move(tls)), clock_);
    return listener_->Start();
  }

  void Stop() {
    if (listener_.has_value()) listener_->Stop();
  }

  const std::string& address() const { return address_; }

 private:
  void Answer(std::string token, bool encrypted) {
    answers_.emplace(source_,
                     AdminAccess({
                         .listen = options_.listen,
                         .hosts = options_.hosts,
                         .token = std::move(token),
                         .token_to_read = !*IsLocalAddress(options_.listen),
                         .encrypted = encrypted,
                     }),
                     clock_);
  }

  HttpOptions BoundsOf(std::optional<HttpTls> tls) {
    return {
        .thread_name = "pinion-admin",
        .head_bytes = kHeadBytes,
        .body_bytes = kBodyBytes,
        .longest = kLongest,
        .headers = HeadersForBrowsers(),
        .streams = {.most = kMostPages,
                    .first = [this] { return events_.First(); },
                    .next = [this] { return events_.Next(); },
                    .every = AdminEvents::kOften},
        .tls = std::move(tls),
    };
  }

  const AdminHttpOptions options_;
  AdminSource& source_;
  const Clock clock_;
  std::string address_;

  // The listener's thread's, once it has started.
  std::optional<AdminAnswers> answers_;
  AdminEvents events_;

  std::optional<HttpListener> listener_;  // Ends first.
};

AdminHttp::AdminHttp(AdminHttpOptions options, AdminSource& source,
                     const Clock& clock)
    : impl_(std::make_unique<Impl>(std::move(options), source, clock)) {}

AdminHttp::~AdminHttp() = default;

absl::Status AdminHttp::Check(const AdminHttpOptions& options) {
  const absl::StatusOr<bool> local = IsLocalAddress(options.listen);
  if (!local.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("admin is \"", options.listen,
                     "\"; valid are host:port with a port of 0 to 65535, "
                     "[ipv6]:port, and unix:path"));
  }
  if (options.certificate.empty() != options.key.empty()) {
    const bool has_key = options.certificate.empty();
    return absl::InvalidArgumentError(absl::StrCat(
        has_key ? "admin_key" : "admin_certificate", " is set without ",
        has_key ? "admin_certificate" : "admin_key", "; set both or neither"));
  }
  if (!*local && (options.certificate.empty() || options.token_file.empty())) {
    return absl::InvalidArgumentError(absl::StrCat(
        "admin is \"", options.listen,
        "\", which other machines reach: it needs admin_certificate, admin_key "
        "and admin_token_file; or listen on 127.0.0.1"));
  }
  for (const std::string& host : options.hosts) {
    const absl::Status valid = AdminAccess::CheckHost(host);
    if (!valid.ok()) return Named("admin_hosts:", valid);
  }
  return absl::OkStatus();
}

absl::Status AdminHttp::Start() { return impl_->Start(); }

void AdminHttp::Stop() { impl_->Stop(); }

const std::string& AdminHttp::address() const { return impl_->address(); }

}  // namespace pinion
