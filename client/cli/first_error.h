// SPDX-License-Identifier: Apache-2.0
//
// FirstError: keeps the first error of a descriptor pool that builds files.
//
// Threads: as of the pool.
// Example: FirstError error;
//          if (pool.BuildFileCollectingErrors(file, &error) == nullptr) {
//            return absl::InvalidArgumentError(error.text());
//          }
#ifndef PINION_CLIENT_CLI_FIRST_ERROR_H_
#define PINION_CLIENT_CLI_FIRST_ERROR_H_

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <string>

#include "absl/strings/str_cat.h"

namespace pinion::cli {

class FirstError final
    : public google::protobuf::DescriptorPool::ErrorCollector {
 public:
  void AddError(const std::string&, const std::string& element,
                const google::protobuf::Message*, ErrorLocation,
                const std::string& message) override {
    if (text_.empty()) text_ = absl::StrCat(element, ": ", message);
  }
  // Empty if there is none.
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

}  // namespace pinion::cli

#endif  // PINION_CLIENT_CLI_FIRST_ERROR_H_
