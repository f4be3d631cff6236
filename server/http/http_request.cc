// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/http/http_request.h"

#include <microhttpd.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
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

struct Field {
  absl::string_view name;
  absl::string_view value;
};

std::vector<Field> HeadersOf(MHD_Connection* connection) {
  std::vector<Field> headers;
  MHD_get_connection_values_n(
      connection, MHD_HEADER_KIND,
      [](void* all, MHD_ValueKind, const char* name, size_t name_size,
         const char* value, size_t value_size) {
        static_cast<std::vector<Field>*>(all)->push_back(
            {{name, name_size}, {value, value_size}});
        return MHD_YES;
      },
      &headers);
  return headers;
}

// Of a word that is neither a space nor a control character.
bool IsGraphic(absl::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte > ' ' && byte != 0x7f;
  });
}

constexpr size_t kLineEnd = 2;  // "\r\n"

// The bytes of the head if all of them are the line's and the headers' that
// libmicrohttpd tells of. It leaves the texts where they have arrived, and cuts
// each at its first NUL.
size_t BytesOf(const HttpRequest::Line& line,
               const std::vector<Field>& headers) {
  size_t bytes = line.method.size() + 1 + line.target.size() + 1 +
                 line.version.size() + kLineEnd;
  for (const auto& [name, value] : headers) {
    // With the colon and the spaces between.
    bytes += reinterpret_cast<uintptr_t>(value.data()) -
             reinterpret_cast<uintptr_t>(name.data()) + value.size() + kLineEnd;
  }
  return bytes + kLineEnd;
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

std::string HttpRequest::WhyAmbiguous(
    absl::Span<const absl::string_view> once) const {
  const std::vector<Field> headers = HeadersOf(connection_);
  const auto count = [&](absl::string_view name) {
    return std::count_if(headers.begin(), headers.end(), [&](const auto& one) {
      return absl::EqualsIgnoreCase(one.name, name);
    });
  };
  for (const absl::string_view name : once) {
    if (count(name) > 1) return absl::StrCat("there is more than one ", name);
  }
  if (count(MHD_HTTP_HEADER_CONTENT_LENGTH) +
          count(MHD_HTTP_HEADER_TRANSFER_ENCODING) >
      1) {
    return "more than one header says where the body ends";
  }
  const size_t arrived =
      MHD_get_connection_info(connection_,
                              MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE)
          ->header_size;
  const bool has_names =
      std::all_of(headers.begin(), headers.end(),
                  [](const auto& one) { return IsGraphic(one.name); });
  if (!has_names || !IsGraphic(line_.target) ||
      BytesOf(line_, headers) != arrived) {
    return "the head has a NUL, a space or a line end where HTTP has none";
  }
  return "";
}

}  // namespace pinion
