// SPDX-License-Identifier: Apache-2.0
//
// ServiceFiles: the .proto files of a server's services, by the names of what
//               is in them.
//
// Threads: fixed once made; any thread may read it.
// Reach:   a file belongs to a service if it declares the service, if a file
//          that belongs to it imports it, or if it extends one of its messages.
//          Who sees a service sees the files that belong to it, and no other
//          file of the program. (What extends Protobuf's own descriptors, which
//          are custom options, belongs to a service only if it is imported.)
// Cost:    names are looked up in tables of its own. Protobuf's pool would keep
//          each unknown name that a client asks for, forever.
// Example: ServiceFiles files({"shop.v1.CounterService"});
//          const ServiceFiles::File* file =
//              files.FileOfSymbol("shop.v1.AddRequest", sees);
#ifndef PINION_SERVER_REFLECTION_SERVICE_FILES_H_
#define PINION_SERVER_REFLECTION_SERVICE_FILES_H_

#include <google/protobuf/descriptor.h>
#include <grpcpp/support/slice.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "pinion/proto/wire/process_hash.h"

namespace pinion {

class ServiceFiles {
 public:
  // Says whether a service may be seen.
  using Sees = std::function<bool(absl::string_view service)>;

  struct File {
    size_t index = 0;  // Its position among all files.
    // As EncodeReflectionFile() has it, so that answers can share it.
    grpc::Slice encoded;
    std::vector<const File*> imports;
    std::vector<size_t> services;  // To which it belongs.
  };

  // Of the services with these full names. Their files are those that are
  // linked into the program, or of OwnFiles(). A service of which there is none
  // is listed, and nothing else.
  explicit ServiceFiles(std::vector<std::string> services);
  ServiceFiles(const ServiceFiles&) = delete;
  ServiceFiles& operator=(const ServiceFiles&) = delete;

  // The number of files.
  size_t size() const { return files_.size(); }

  // In order, each once.
  std::vector<std::string> Services(const Sees& sees) const;

  // Null if there is no such file, or it may not be seen.
  const File* FileByName(absl::string_view name, const Sees& sees) const;
  // `symbol`: the full name of a service, a method, a message, an enum or a
  // part of one.
  const File* FileOfSymbol(absl::string_view symbol, const Sees& sees) const;
  const File* FileOfExtension(absl::string_view type, int32_t number,
                              const Sees& sees) const;

  // The field numbers of the extensions of a message, in order. None if there
  // is no such message, or it may not be seen.
  std::optional<std::vector<int32_t>> ExtensionsOf(absl::string_view type,
                                                   const Sees& sees) const;

 private:
  struct Symbol {
    const File* file = nullptr;
    bool is_message = false;
  };
  struct Extension {
    int32_t number;
    const File* file;
  };

  // Adds `root`, and all that belongs to service `service` because of it.
  void AddFiles(const google::protobuf::FileDescriptor& root, size_t service);
  // The file, which is added with its imports if it is not here yet.
  File& FileOf(const google::protobuf::FileDescriptor& descriptor);
  void AddNames(const google::protobuf::FileDescriptor& descriptor,
                const File& file);
  void AddMessage(const google::protobuf::Descriptor& message,
                  const File& file);
  void AddEnum(const google::protobuf::EnumDescriptor& type, const File& file);
  void AddService(const google::protobuf::ServiceDescriptor& service,
                  const File& file);
  void AddExtension(const google::protobuf::FieldDescriptor& extension,
                    const File& file);
  void AddSymbol(absl::string_view name, const File& file,
                 bool is_message = false);
  // The file, or null if it may not be seen.
  const File* IfSeen(const File* file, const Sees& sees) const;

  std::vector<std::string> services_;  // Sorted.
  std::vector<std::unique_ptr<File>> files_;
  // The names are the descriptors', which live as long as the program.
  HashMap<absl::string_view, File*> by_name_;
  HashMap<absl::string_view, Symbol> symbols_;
  // By the extended message; sorted by number.
  HashMap<absl::string_view, std::vector<Extension>> extensions_;
};

}  // namespace pinion

#endif  // PINION_SERVER_REFLECTION_SERVICE_FILES_H_
