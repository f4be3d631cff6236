// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/http/http_stream.h"

#include <microhttpd.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace pinion {

void HttpStream::Send(Message message) {
  if (message->empty() || waiting_.size() >= kMostWaiting) return;
  waiting_.push_back(std::move(message));
  Resume();
}

// libmicrohttpd looks at a suspended connection only after it was resumed.
void HttpStream::End() {
  ended_ = true;
  Resume();
}

void HttpStream::Resume() {
  if (!idle_) return;
  idle_ = false;
  progressed_ = clock_.Now();
  MHD_resume_connection(connection_);
}

ssize_t HttpStream::Read(char* bytes, size_t most) {
  if (ended_) return MHD_CONTENT_READER_END_WITH_ERROR;
  progressed_ = clock_.Now();
  if (waiting_.empty()) {
    idle_ = true;
    MHD_suspend_connection(connection_);
    return 0;
  }
  const std::string& message = *waiting_.front();
  const size_t size = std::min(most, message.size() - sent_);
  std::memcpy(bytes, message.data() + sent_, size);
  sent_ += size;
  if (sent_ == message.size()) {
    waiting_.pop_front();
    sent_ = 0;
  }
  return static_cast<ssize_t>(size);
}

}  // namespace pinion
