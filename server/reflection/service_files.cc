// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/reflection/service_files.h"

#include <google/protobuf/descriptor.pb.h>

#include <algorithm>
#include <utility>

#include "pinion/proto/wire/reflection_message.h"
#include "pinion/server/reflection/own_files.h"

namespace pinion {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::DescriptorPool;
using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::FileDescriptor;
using google::protobuf::FileDescriptorProto;
using google::protobuf::ServiceDescriptor;

const ServiceDescriptor* FindService(const std::string& name) {
  const ServiceDescriptor* const linked =
      DescriptorPool::generated_pool()->FindServiceByName(name);
  return linked != nullptr ? linked : OwnFiles().FindServiceByName(name);
}

grpc::Slice Encode(const FileDescriptor& descriptor) {
  FileDescriptorProto proto;
  descriptor.CopyTo(&proto);
  return grpc::Slice(EncodeReflectionFile(proto.SerializeAsString()));
}

// The files that extend `message` or a message within it.
void FindExtending(const Descriptor& message,
                   std::vector<const FileDescriptor*>& files) {
  std::vector<const FieldDescriptor*> extensions;
  message.file()->pool()->FindAllExtensions(&message, &extensions);
  for (const FieldDescriptor* extension : extensions) {
    files.push_back(extension->file());
  }
  for (int i = 0; i < message.nested_type_count(); ++i) {
    FindExtending(*message.nested_type(i), files);
  }
}

// The files that belong to each service to which this one does.
std::vector<const FileDescriptor*> NextTo(const FileDescriptor& file) {
  std::vector<const FileDescriptor*> files;
  for (int i = 0; i < file.dependency_count(); ++i) {
    files.push_back(file.dependency(i));
  }
  // All custom options of the program extend this one.
  if (file.name() == "google/protobuf/descriptor.proto") return files;
  for (int i = 0; i < file.message_type_count(); ++i) {
    FindExtending(*file.message_type(i), files);
  }
  return files;
}

}  // namespace

ServiceFiles::ServiceFiles(std::vector<std::string> services)
    : services_(std::move(services)) {
  std::sort(services_.begin(), services_.end());
  services_.erase(std::unique(services_.begin(), services_.end()),
                  services_.end());
  for (size_t i = 0; i < services_.size(); ++i) {
    const ServiceDescriptor* const service = FindService(services_[i]);
    if (service != nullptr) AddFiles(*service->file(), i);
  }
  for (auto& [type, extensions] : extensions_) {
    std::sort(extensions.begin(), extensions.end(),
              [](const Extension& a, const Extension& b) {
                return a.number < b.number;
              });
  }
}

void ServiceFiles::AddFiles(const FileDescriptor& root, size_t service) {
  std::vector<const FileDescriptor*> to_add = {&root};
  while (!to_add.empty()) {
    const FileDescriptor& descriptor = *to_add.back();
    to_add.pop_back();
    File& file = FileOf(descriptor);
    if (!file.services.empty() && file.services.back() == service) continue;
    file.services.push_back(service);
    const auto next = NextTo(descriptor);
    to_add.insert(to_add.end(), next.begin(), next.end());
  }
}

ServiceFiles::File& ServiceFiles::FileOf(const FileDescriptor& descriptor) {
  File*& entry = by_name_[descriptor.name()];
  if (entry != nullptr) return *entry;
  File& file = *files_.emplace_back(std::make_unique<File>());
  entry = &file;
  file.index = files_.size() - 1;
  file.encoded = Encode(descriptor);
  for (int i = 0; i < descriptor.dependency_count(); ++i) {
    file.imports.push_back(&FileOf(*descriptor.dependency(i)));
  }
  AddNames(descriptor, file);
  return file;
}

void ServiceFiles::AddNames(const FileDescriptor& descriptor,
                            const File& file) {
  for (int i = 0; i < descriptor.message_type_count(); ++i) {
    AddMessage(*descriptor.message_type(i), file);
  }
  for (int i = 0; i < descriptor.enum_type_count(); ++i) {
    AddEnum(*descriptor.enum_type(i), file);
  }
  for (int i = 0; i < descriptor.extension_count(); ++i) {
    AddExtension(*descriptor.extension(i), file);
  }
  for (int i = 0; i < descriptor.service_count(); ++i) {
    AddService(*descriptor.service(i), file);
  }
}

void ServiceFiles::AddMessage(const Descriptor& message, const File& file) {
  AddSymbol(message.full_name(), file, /*is_message=*/true);
  for (int i = 0; i < message.field_count(); ++i) {
    AddSymbol(message.field(i)->full_name(), file);
  }
  for (int i = 0; i < message.oneof_decl_count(); ++i) {
    AddSymbol(message.oneof_decl(i)->full_name(), file);
  }
  for (int i = 0; i < message.nested_type_count(); ++i) {
    AddMessage(*message.nested_type(i), file);
  }
  for (int i = 0; i < message.enum_type_count(); ++i) {
    AddEnum(*message.enum_type(i), file);
  }
  for (int i = 0; i < message.extension_count(); ++i) {
    AddExtension(*message.extension(i), file);
  }
}

void ServiceFiles::AddEnum(const EnumDescriptor& type, const File& file) {
  AddSymbol(type.full_name(), file);
  for (int i = 0; i < type.value_count(); ++i) {
    AddSymbol(type.value(i)->full_name(), file);
  }
}

void ServiceFiles::AddService(const ServiceDescriptor& service,
                              const File& file) {
  AddSymbol(service.full_name(), file);
  for (int i = 0; i < service.method_count(); ++i) {
    AddSymbol(service.method(i)->full_name(), file);
  }
}

void ServiceFiles::AddExtension(const FieldDescriptor& extension,
                                const File& file) {
  AddSymbol(extension.full_name(), file);
  extensions_[extension.containing_type()->full_name()].push_back(
      {.number = extension.number(), .file = &file});
}

void ServiceFiles::AddSymbol(absl::string_view name, const File& file,
                             bool is_message) {
  symbols_.try_emplace(name, Symbol{.file = &file, .is_message = is_message});
}

std::vector<std::string> ServiceFiles::Services(const Sees& sees) const {
  std::vector<std::string> seen;
  for (const std::string& service : services_) {
    if (sees(service)) seen.push_back(service);
  }
  return seen;
}

const ServiceFiles::File* ServiceFiles::FileByName(absl::string_view name,
                                                   const Sees& sees) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : IfSeen(found->second, sees);
}

const ServiceFiles::File* ServiceFiles::FileOfSymbol(absl::string_view symbol,
                                                     const Sees& sees) const {
  const auto found = symbols_.find(symbol);
  return found == symbols_.end() ? nullptr : IfSeen(found->second.file, sees);
}

const ServiceFiles::File* ServiceFiles::FileOfExtension(
    absl::string_view type, int32_t number, const Sees& sees) const {
  const auto found = extensions_.find(type);
  if (found == extensions_.end()) return nullptr;
  const auto extension = std::lower_bound(
      found->second.begin(), found->second.end(), number,
      [](const Extension& a, int32_t b) { return a.number < b; });
  return extension == found->second.end() || extension->number != number
             ? nullptr
             : IfSeen(extension->file, sees);
}

std::optional<std::vector<int32_t>> ServiceFiles::ExtensionsOf(
    absl::string_view type, const Sees& sees) const {
  const auto symbol = symbols_.find(type);
  if (symbol == symbols_.end() || !symbol->second.is_message ||
      IfSeen(symbol->second.file, sees) == nullptr) {
    return std::nullopt;
  }
  std::vector<int32_t> numbers;
  const auto found = extensions_.find(type);
  if (found == extensions_.end()) return numbers;
  for (const auto& [number, file] : found->second) {
    if (IfSeen(file, sees) != nullptr) numbers.push_back(number);
  }
  return numbers;
}

const ServiceFiles::File* ServiceFiles::IfSeen(const File* file,
                                               const Sees& sees) const {
  const bool seen =
      std::any_of(file->services.begin(), file->services.end(),
                  [&](size_t service) { return sees(services_[service]); });
  return seen ? file : nullptr;
}

}  // namespace pinion
