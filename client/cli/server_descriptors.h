// SPDX-License-Identifier: Apache-2.0
//
// ServerDescriptors: the descriptors that a server tells of, by its reflection,
//                    of one of its services and of everything that belongs to
//                    it.
//
// Threads: any thread; a look-up may ask the server, and wait for it. Other
//          look-ups wait meanwhile.
// Bounds:  a server that tells of too much, or of files that do not fit
//          together, is an error of the look-up.
// Example: ServerDescriptors descriptors(reflection);
//          auto service = descriptors.FindService("shop.v1.CartService");
#ifndef PINION_CLIENT_CLI_SERVER_DESCRIPTORS_H_
#define PINION_CLIENT_CLI_SERVER_DESCRIPTORS_H_

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/descriptor_database.h>

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "pinion/client/cli/first_error.h"
#include "pinion/client/cli/server_reflection.h"

namespace pinion::cli {

class ServerDescriptors final : private google::protobuf::DescriptorDatabase {
 public:
  // More than any service needs; and less than the stack has room for, if each
  // file imports the next.
  static constexpr size_t kMaxFiles = 2000;
  static constexpr size_t kMaxBytes = 64 << 20;

  // `reflection` must outlive it.
  explicit ServerDescriptors(ServerReflection& reflection)
      : reflection_(reflection), pool_(this, &error_) {}
  ServerDescriptors(const ServerDescriptors&) = delete;
  ServerDescriptors& operator=(const ServerDescriptors&) = delete;

  // The service with this full name. Errors as of ServerReflection::Ask(), and
  // FAILED_PRECONDITION if the files do not fit together or are too many.
  absl::StatusOr<const google::protobuf::ServiceDescriptor*> FindService(
      const std::string& name);

  // The .proto text of a service, method, message or enum; the same errors.
  absl::StatusOr<std::string> FindText(const std::string& symbol);

 private:
  using FileDescriptorProto = google::protobuf::FileDescriptorProto;
  using Kind = ReflectionQuestion::Kind;

  // Called by the pool, one at a time.
  bool FindFileByName(const std::string& name,
                      FileDescriptorProto* file) override;
  bool FindFileContainingSymbol(const std::string& symbol,
                                FileDescriptorProto* file) override;
  bool FindFileContainingExtension(const std::string&, int,
                                   FileDescriptorProto*) override {
    return false;  // Nothing here looks for one.
  }

  // Asks the server, and keeps its files. Returns their names, or none.
  std::vector<std::string> Ask(Kind kind, const std::string& name);
  absl::StatusOr<std::vector<std::string>> Keep(const ReflectionAnswer& answer);
  // A question had no answer.
  void Note(absl::Status status);
  // Why a look-up found nothing.
  absl::Status WhyNone(const std::string& name) const;

  ServerReflection& reflection_;
  // While the pool looks something up.
  size_t questions_ = 0;
  size_t bytes_ = 0;
  std::map<std::string, FileDescriptorProto> files_;  // By name.
  absl::Status status_;  // The first that is worse than NOT_FOUND, or that.
  FirstError error_;
  google::protobuf::DescriptorPool pool_;
};

}  // namespace pinion::cli

#endif  // PINION_CLIENT_CLI_SERVER_DESCRIPTORS_H_
