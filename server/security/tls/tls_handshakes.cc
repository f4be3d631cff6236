// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/security/tls/tls_handshakes.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/socket.h>

#include <cstddef>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "pinion/core/base/mutex.h"
#include "pinion/server/listener/socket_address.h"

namespace pinion {

// What handshakes outlive their listener with.
struct TlsHandshakes::Shared {
  Shared(TlsVersion version, LogSink sink)
      : min_version(version), log(std::move(sink)) {}

  const TlsVersion min_version;

  Mutex mutex;
  LogSink log ABSL_GUARDED_BY(mutex);  // Empty once the listener is gone.
};

namespace {

// A connection that is being given to gRPC, and the SSL that belongs to it.
struct Given {
  int descriptor;
  const TlsHandshakes* handshakes;
};
thread_local const Given* t_given = nullptr;

std::string PeerOf(int descriptor) {
  SocketAddress peer;
  if (getpeername(descriptor, peer.get(), &peer.size) != 0) {
    return "a peer that is gone already";
  }
  return ToString(peer);
}

// Alerts by which a client says that the server's certificate does not please
// it.
bool IsAboutOurCertificate(int alert) {
  switch (alert) {
    case SSL_AD_BAD_CERTIFICATE:
    case SSL_AD_UNSUPPORTED_CERTIFICATE:
    case SSL_AD_CERTIFICATE_REVOKED:
    case SSL_AD_CERTIFICATE_EXPIRED:
    case SSL_AD_CERTIFICATE_UNKNOWN:
    case SSL_AD_UNKNOWN_CA:
      return true;
    default:
      return false;
  }
}

// Of an alert that the client sends.
std::string WhyClientEnds(int alert) {
  return absl::StrCat("it ends the handshake with \"",
                      SSL_alert_desc_string_long(alert), "\"",
                      IsAboutOurCertificate(alert)
                          ? ": it does not accept this server's certificate"
                          : "");
}

// Of an alert that is sent to the client. OpenSSL has put its reason down.
std::string WhyServerEnds(const SSL* ssl) {
  const unsigned long error = ERR_peek_last_error();
  switch (ERR_GET_LIB(error) == ERR_LIB_SSL ? ERR_GET_REASON(error) : 0) {
    case SSL_R_CERTIFICATE_VERIFY_FAILED:
      return absl::StrCat(
          "its certificate is not accepted: ",
          X509_verify_cert_error_string(SSL_get_verify_result(ssl)));
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
      return "it shows no certificate, and client_auth is required";
    case SSL_R_UNSUPPORTED_PROTOCOL:
      return "it offers no version of TLS that is new enough "
             "(tls_min_version)";
    default:
      break;
  }
  const char* const reason = ERR_reason_error_string(error);
  return reason == nullptr ? "OpenSSL does not say why" : reason;
}

}  // namespace

// The functions that OpenSSL calls.
class HandshakeHook {
 public:
  static void Install() { Index(); }

 private:
  using Shared = TlsHandshakes::Shared;

  // Of one SSL.
  struct Handshake {
    std::shared_ptr<Shared> shared;
    std::string peer;
    bool heard = false;  // Something that looks like TLS.
    bool done = false;   // Data followed it.
    std::string why = {};
  };

  // Where an SSL has its Handshake. It exists until the process ends.
  static int Index() {
    static const int index =
        SSL_get_ex_new_index(0, nullptr, OnNew, nullptr, OnFree);
    return index;
  }

  // For each SSL of the process, once it is made.
  static void OnNew(void* ssl, void* /*handshake*/, CRYPTO_EX_DATA* data,
                    int index, long /*argl*/, void* /*argp*/) {
    const Given* const given = t_given;
    if (given == nullptr) return;  // Another's.
    auto handshake = std::make_unique<Handshake>(
        Handshake{.shared = given->handshakes->shared_,
                  .peer = PeerOf(given->descriptor)});
    const bool only_13 = handshake->shared->min_version == TlsVersion::k13;
    if (CRYPTO_set_ex_data(data, index, handshake.get()) != 1) return;
    handshake.release();
    auto* const made = static_cast<SSL*>(ssl);
    SSL_set_msg_callback(made, OnMessage);
    if (only_13) SSL_set_min_proto_version(made, TLS1_3_VERSION);
  }

  // For each message of the handshake, before it is read or after it is
  // written, and for the first one of what follows.
  static void OnMessage(int sent, int /*version*/, int type, const void* bytes,
                        size_t size, SSL* ssl, void* /*arg*/) {
    auto* const handshake =
        static_cast<Handshake*>(SSL_get_ex_data(ssl, Index()));
    if (SSL_is_init_finished(ssl) == 1) {
      handshake->done = true;
      // Not to null: OpenSSL may call it again for the same record.
      SSL_set_msg_callback(ssl, OnData);
    } else if (type == SSL3_RT_ALERT && size == 2) {
      const int alert = static_cast<const unsigned char*>(bytes)[1];
      if (!handshake->why.empty() || alert == SSL_AD_CLOSE_NOTIFY) return;
      handshake->why = sent != 0 ? WhyServerEnds(ssl) : WhyClientEnds(alert);
    } else if (type == SSL3_RT_HANDSHAKE) {
      handshake->heard = true;
    }
  }

  // For each record after the handshake.
  static void OnData(int /*sent*/, int /*version*/, int /*type*/,
                     const void* /*bytes*/, size_t /*size*/, SSL* /*ssl*/,
                     void* /*arg*/) {}

  // For each SSL, before it is freed.
  static void OnFree(void* ssl, void* handshake, CRYPTO_EX_DATA* /*data*/,
                     int /*index*/, long /*argl*/, void* /*argp*/) {
    if (handshake == nullptr) return;
    const std::unique_ptr<Handshake> ended(static_cast<Handshake*>(handshake));
    if (ended->done) return;
    const std::string why = WhyFailed(static_cast<SSL*>(ssl), *ended);
    if (why.empty()) return;
    // Whoever only connects, such as a load balancer that probes, does no harm.
    const bool silent = !ended->heard && ended->why.empty() &&
                        !IsBroken(static_cast<SSL*>(ssl));
    MutexLock lock(ended->shared->mutex);
    if (!ended->shared->log) return;
    ended->shared->log(
        {.level = silent ? LogLevel::kDebug : LogLevel::kWarning,
         .area = LogArea::kTls,
         .event = silent ? "tls_no_handshake" : "tls_handshake_failed",
         .message = absl::StrCat("the handshake with ", ended->peer,
                                 " failed: ", why)});
  }

  static bool IsBroken(const SSL* ssl) {
    return absl::string_view(SSL_state_string_long(ssl)) == "error";
  }

  // Empty if it succeeded.
  static std::string WhyFailed(const SSL* ssl, const Handshake& handshake) {
    if (SSL_is_init_finished(ssl) == 1) {
      const unsigned char* protocol = nullptr;
      unsigned size = 0;
      SSL_get0_alpn_selected(ssl, &protocol, &size);
      return size > 0 ? ""
                      : "it speaks TLS, but does not offer HTTP/2 (ALPN h2)";
    }
    if (!handshake.why.empty()) return handshake.why;
    if (IsBroken(ssl)) {
      return "what it sends is not TLS; does the client encrypt?";
    }
    return handshake.heard ? "it ended the connection, or took too long"
                           : "it sent nothing";
  }
};

TlsHandshakes::TlsHandshakes(TlsVersion min_version, LogSink log)
    : shared_(std::make_shared<Shared>(min_version, std::move(log))) {
  HandshakeHook::Install();
}

TlsHandshakes::~TlsHandshakes() {
  MutexLock lock(shared_->mutex);
  shared_->log = {};
}

void TlsHandshakes::Give(int descriptor, absl::FunctionRef<void()> give) {
  const Given given = {descriptor, this};
  t_given = &given;
  give();
  t_given = nullptr;
}

}  // namespace pinion
