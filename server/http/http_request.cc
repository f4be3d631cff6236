// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/http/http_request.h"

#include <microhttpd.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstddef>
#include <cstring>

#include "pinion/server/listener/socket_address.h"

namespace pinion {
namespace {

std::optional<absl::string_view> Find(MHD_Connection* connection,
                                      MHD_ValueKind kind,
                                      absl::string_view name) {
  const char* value = nullptr;
  size_t size = 0;
  if (MHD_lookup_connection_value_n(connection, kind, name.data(), name.size(),
                                    &value, &size) != MHD_YES) {
    return std::nullopt;
  }
  // "?name" without a value has none.
  return value == nullptr ? absl::string_view()
                          : absl::string_view(value, size);
}

}  // namespace

std::string HttpRequest::Peer() const {
  const sockaddr* const peer =
      MHD_get_connection_info(connection_, MHD_CONNECTION_INFO_CLIENT_ADDRESS)
          ->client_addr;
  if (peer->sa_family == AF_UNIX) return "unix:";
  SocketAddress address;
  address.size =
      peer->sa_family == AF_INET6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
  std::memcpy(&address.storage, peer, address.size);
  return ToString(address);
}

std::optional<absl::string_view> HttpRequest::Header(const char* name) const {
  return Find(connection_, MHD_HEADER_KIND, name);
}

std::optional<absl::string_view> HttpRequest::Query(
    absl::string_view name) const {
  return Find(connection_, MHD_GET_ARGUMENT_KIND, name);
}

}  // namespace pinion
