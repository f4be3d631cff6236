// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/session/session_answers.h"

#include <grpcpp/support/slice.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "pinion/core/base/check.h"
#include "pinion/proto/wire/session_answer.h"
#include "pinion/proto/wire/session_protocol.h"
#include "pinion/server/session/session_outgoing.h"

namespace pinion {
namespace {

using std::chrono::nanoseconds;

}  // namespace

class SessionAnswers::Writer {
 public:
  // For a message with `bytes` bytes outside slices of their own.
  explicit Writer(size_t bytes)
      : main_(bytes),
        // A slice is const to share it; this one is nobody else's yet.
        at_(const_cast<uint8_t*>(main_.begin())) {}

  // Where the next bytes belong; and that they end at `end`.
  uint8_t* at() const { return at_; }
  void Wrote(uint8_t* end) { at_ = end; }
  void Write(absl::string_view bytes) {
    std::memcpy(at_, bytes.data(), bytes.size());
    at_ += bytes.size();
  }
  void WriteOwn(grpc::Slice slice) {
    CutHere();
    slices_.push_back(std::move(slice));
  }

  grpc::ByteBuffer Finish() {
    PINION_DCHECK(at_ == main_.end(), "a message of another size than counted");
    if (slices_.empty()) return grpc::ByteBuffer(&main_, 1);
    CutHere();
    return grpc::ByteBuffer(slices_.data(), slices_.size());
  }

 private:
  void CutHere() {
    const auto end = static_cast<size_t>(at_ - main_.begin());
    if (end > cut_) slices_.push_back(main_.sub(cut_, end));
    cut_ = end;
  }

  grpc::Slice main_;
  uint8_t* at_;
  size_t cut_ = 0;  // What is before it is in `slices_`.
  std::vector<grpc::Slice> slices_;
};

int64_t SessionAnswers::Add(SessionAnswerBuffer& buffer) {
  const size_t bytes_before = buffer.seen_bytes();
  const uint32_t more = buffer.Look();
  // One that is there already has no later answers behind it: the worker begins
  // another buffer after an answer that leaves alone.
  if (!std::exchange(buffer.listed, true)) {
    ready_.push_back({.call = nullptr, .buffer = &buffer});
  }
  return HeldBytesOf(more, buffer.seen_bytes() - bytes_before);
}

std::optional<OutboxOwner::Message> SessionAnswers::NextMessage(
    Release release, ReleaseBuffered release_buffered) {
  if (empty()) return std::nullopt;
  const Draft draft = Choose();
  Writer writer(draft.size - draft.own_bytes);
  writer.Write(draft.head);
  int64_t added = WriteRefusals(draft, writer);
  added += WriteAnswers(draft, writer, release, release_buffered);
  return OutboxOwner::Message{.bytes = writer.Finish(), .added = added};
}

SessionAnswers::Draft SessionAnswers::Choose() {
  Draft draft;
  draft.head = TakeHead();
  draft.size = draft.head.size();
  ChooseRefusals(draft);
  ChooseAnswers(draft);
  return draft;
}

bool SessionAnswers::HasRoom(size_t size, Draft& draft) const {
  const size_t full =
      std::min(session_protocol::kFullMessage, max_message_bytes());
  if (draft.size > 0 && draft.size + size > full) return false;
  draft.size += size;
  return true;
}

void SessionAnswers::ChooseRefusals(Draft& draft) const {
  while (draft.refusals < refusals_.size() &&
         HasRoom(refusals_.SizeOf(draft.refusals), draft)) {
    ++draft.refusals;
  }
}

void SessionAnswers::ChooseAnswers(Draft& draft) const {
  for (const Ready& ready : ready_) {
    if (ready.call != nullptr) {
      if (!HasRoomFor(*ready.call, draft)) return;
    } else {
      const size_t count = CountWithRoom(*ready.buffer, draft);
      if (count < ready.buffer->seen().size()) {
        draft.of_next = count;
        return;
      }
    }
    ++draft.whole;
  }
}

bool SessionAnswers::HasRoomFor(const CallWithId& call, Draft& draft) const {
  std::vector<MetadataView> trailing;
  const OutgoingAnswer outgoing = OutgoingOf(call.id(), call.answer, trailing);
  if (!HasRoom(AnswerSize(outgoing), draft)) return false;
  if (IsPlain(outgoing) && outgoing.payload.size() >= kOwnSlice) {
    draft.own_bytes += outgoing.payload.size();
  }
  return true;
}

size_t SessionAnswers::CountWithRoom(const SessionAnswerBuffer& buffer,
                                     Draft& draft) const {
  size_t begin = buffer.seen_begin();
  size_t count = 0;
  for (const AnswerBuffer::Entry& entry : buffer.seen()) {
    if (entry.call != nullptr && !HasRoom(entry.end - begin, draft)) break;
    begin = entry.end;
    ++count;
  }
  return count;
}

int64_t SessionAnswers::WriteRefusals(const Draft& draft, Writer& writer) {
  int64_t added = 0;
  for (size_t i = 0; i < draft.refusals; ++i) {
    const SessionRefusals::Written written = refusals_.WriteNext(writer.at());
    writer.Wrote(written.end);
    added += written.bytes;
    if (written.inside) ++leaving_.calls;
  }
  return added;
}

int64_t SessionAnswers::WriteAnswers(const Draft& draft, Writer& writer,
                                     Release release,
                                     ReleaseBuffered release_buffered) {
  int64_t added = 0;
  for (size_t i = 0; i < draft.whole; ++i) {
    const Ready ready = ready_.front();
    ready_.pop_front();
    added += ready.call != nullptr
                 ? WriteCall(*ready.call, writer, release)
                 : WriteBuffered(*ready.buffer, ready.buffer->seen().size(),
                                 writer, release_buffered);
  }
  if (draft.of_next > 0) {
    added += WriteBuffered(*ready_.front().buffer, draft.of_next, writer,
                           release_buffered);
  }
  return added;
}

int64_t SessionAnswers::WriteCall(CallWithId& call, Writer& writer,
                                  Release release) {
  const int64_t added = HeldBytesOf(call.answer);
  std::vector<MetadataView> trailing;
  const OutgoingAnswer outgoing = OutgoingOf(call.id(), call.answer, trailing);
  const size_t size = outgoing.payload.size();
  if (IsPlain(outgoing) && size >= kOwnSlice) {
    writer.Wrote(WriteAnswerHead(call.id(), size, writer.at()));
    writer.WriteOwn(std::move(call.answer.payload).ToSlice());
  } else {
    writer.Wrote(WriteAnswer(outgoing, writer.at()));
  }
  CountLeaving(call);
  release(call);
  return added;
}

int64_t SessionAnswers::WriteBuffered(SessionAnswerBuffer& buffer, size_t count,
                                      Writer& writer,
                                      ReleaseBuffered release_buffered) {
  // What lies between two that were answered otherwise is copied at once.
  size_t begin = buffer.seen_begin();
  size_t end = begin;
  for (const AnswerBuffer::Entry& entry : buffer.seen().first(count)) {
    if (entry.call == nullptr) {
      writer.Write(buffer.bytes(begin, end));
      begin = entry.end;
    }
    end = entry.end;
  }
  writer.Write(buffer.bytes(begin, end));
  return Take(buffer, count, release_buffered);
}

int64_t SessionAnswers::Take(SessionAnswerBuffer& buffer, size_t count,
                             ReleaseBuffered release_buffered) {
  const absl::Span<const AnswerBuffer::Entry> entries =
      buffer.seen().first(count);
  leaving_.calls += std::count_if(
      entries.begin(), entries.end(),
      [](const AnswerBuffer::Entry& entry) { return entry.call != nullptr; });
  release_buffered(entries);
  if (count == buffer.seen().size()) buffer.listed = false;
  const int64_t bytes = buffer.Take(count);  // It may be gone after this.
  leaving_.bytes += bytes;
  return HeldBytesOf(count, static_cast<size_t>(bytes));
}

void SessionAnswers::Drop(Release release, ReleaseBuffered release_buffered) {
  hello_due_ = false;
  drain_.reset();
  leaving_.calls += refusals_.Clear();
  for (; !ready_.empty(); ready_.pop_front()) {
    const auto& [call, buffer] = ready_.front();
    if (call == nullptr) {
      Take(*buffer, buffer->seen().size(), release_buffered);
      continue;
    }
    CountLeaving(*call);
    release(*call);
  }
}

std::string SessionAnswers::TakeHead() {
  std::string head;
  if (std::exchange(hello_due_, false)) {
    v1::ServerHello hello;
    hello.set_instance_id(host_.instance_id);
    hello.set_revision(session_protocol::kRevision);
    hello.set_max_open_calls(host_.limits.max_calls);
    hello.set_max_open_bytes(host_.limits.max_bytes);
    hello.set_max_message_bytes(host_.limits.max_message_bytes);
    head += EncodeServerHello(hello);
  }
  if (drain_.has_value()) {
    const nanoseconds grace = *drain_ == v1::DRAIN_REASON_STOPPING
                                  ? host_.times.stop_grace.Get()
                                  : host_.times.age_grace.Get();
    head += EncodeDrain(
        std::chrono::duration_cast<std::chrono::microseconds>(grace).count(),
        *drain_);
    drain_.reset();
  }
  return head;
}

}  // namespace pinion
